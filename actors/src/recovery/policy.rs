//! One recovery policy per kind of task, as it stands in the configuration.

use std::collections::BTreeMap;
use std::time::Duration;

use aios_supervisor::{Recourse, RetryBackoff, RetryPolicy};
use serde::{Deserialize, Serialize};

/// Most retries of one task: with the longest wait between them they still fit a goal of an hour.
const RETRIES_MAX: u32 = 20;
/// Longest wait between two attempts.
const WAIT_MAX_MS: u64 = 600_000;
/// Longest attempt.
const ATTEMPT_MAX_MS: u64 = 3_600_000;

/// How waits grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackoffKind {
    /// 1, 2, 4, ... times `first_ms`.
    Exponential,
    /// 1, 2, 3, ... times `first_ms`.
    Linear,
    /// No wait.
    Immediate,
}

/// The policy of one kind of task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TaskPolicy {
    /// Retries after the first attempt.
    pub retries: u32,
    /// How waits grow.
    pub backoff: BackoffKind,
    /// The wait before the first retry, in milliseconds.
    pub first_ms: u64,
    /// No wait is longer, in milliseconds.
    pub max_ms: u64,
    /// Time one attempt may take, in milliseconds; the goal's own limit holds beside it.
    pub attempt_timeout_ms: u64,
    /// What is done when all attempts have failed.
    pub then: Recourse,
}

impl Default for TaskPolicy {
    fn default() -> Self {
        Self::USUAL
    }
}

impl TaskPolicy {
    /// Three retries after 1, 2 and 4 seconds, 30 seconds an attempt, then something simpler.
    pub const USUAL: Self = Self {
        retries: 3,
        backoff: BackoffKind::Exponential,
        first_ms: 1_000,
        max_ms: 30_000,
        attempt_timeout_ms: 30_000,
        then: Recourse::ReplanAndSimplify,
    };
    /// The same for a tool that looks at a file: nothing is simpler, but what was seen in the same file before is as good.
    pub const LOOK: Self = Self {
        then: Recourse::Cached,
        ..Self::USUAL
    };

    /// In the words of the supervisor crate.
    #[must_use]
    pub fn retry(&self) -> RetryPolicy {
        let first = Duration::from_millis(self.first_ms);
        let max = Duration::from_millis(self.max_ms);
        RetryPolicy {
            retries: self.retries,
            backoff: match self.backoff {
                BackoffKind::Exponential => RetryBackoff::Exponential { first, max },
                BackoffKind::Linear => RetryBackoff::Linear { step: first, max },
                BackoffKind::Immediate => RetryBackoff::Immediate,
            },
            attempt_timeout: Duration::from_millis(self.attempt_timeout_ms),
            then: self.then,
        }
    }
}

/// The policies of a node, by the tool of a task. What is said under `default` holds for every tool that has no policy of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Policies(BTreeMap<String, TaskPolicy>);

/// The name of the policy for tools without one of their own.
const DEFAULT: &str = "default";
/// What holds where nothing is said.
static UNSAID: TaskPolicy = TaskPolicy::USUAL;

/// A number outside what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("recovery.{kind}.{setting} is {asked}, allowed is {allowed}")]
pub struct PolicyError {
    /// The kind of task.
    pub kind: String,
    /// The setting.
    pub setting: &'static str,
    /// What was asked for.
    pub asked: u64,
    /// What is allowed.
    pub allowed: String,
}

impl Policies {
    /// The policy for tasks of this tool.
    #[must_use]
    pub fn of(&self, tool: &str) -> &TaskPolicy {
        self.0
            .get(tool)
            .or_else(|| self.0.get(DEFAULT))
            .unwrap_or(&UNSAID)
    }

    /// The policy for tasks of this tool, to be changed. One that has none begins with what held for it so far.
    pub fn of_mut(&mut self, tool: &str) -> &mut TaskPolicy {
        let so_far = self.of(tool).clone();
        self.0.entry(tool.to_owned()).or_insert(so_far)
    }

    /// The tools that have a policy of their own.
    pub fn tools(&self) -> impl Iterator<Item = &str> {
        let named = self.0.keys().map(String::as_str);
        named.filter(|name| *name != DEFAULT)
    }

    /// Whether every number is inside its range.
    ///
    /// # Errors
    /// The first that is not.
    pub fn check(&self) -> Result<(), PolicyError> {
        for (kind, policy) in &self.0 {
            let ranges = [
                ("retries", policy.retries.into(), 0, RETRIES_MAX.into()),
                ("first_ms", policy.first_ms, 0, WAIT_MAX_MS),
                ("max_ms", policy.max_ms, policy.first_ms, WAIT_MAX_MS),
                (
                    "attempt_timeout_ms",
                    policy.attempt_timeout_ms,
                    10,
                    ATTEMPT_MAX_MS,
                ),
            ];
            for (setting, asked, least, most) in ranges {
                if !(least..=most).contains(&asked) {
                    return Err(PolicyError {
                        kind: kind.clone(),
                        setting,
                        asked,
                        allowed: format!("{least} to {most}"),
                    });
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_a_range_and_the_error_names_both() {
        assert_eq!(Policies::default().check(), Ok(()));
        type Row = (fn(&mut Policies), &'static str);
        let rows: [Row; 4] = [
            (
                |p| p.of_mut("sql").retries = 21,
                "recovery.sql.retries is 21, allowed is 0 to 20",
            ),
            (
                |p| p.of_mut("chart").max_ms = 999,
                "recovery.chart.max_ms is 999, allowed is 1000 to 600000",
            ),
            (
                |p| p.of_mut("default").first_ms = 700_000,
                "recovery.default.first_ms is 700000",
            ),
            (
                |p| p.of_mut("write_text").attempt_timeout_ms = 1,
                "recovery.write_text.attempt_timeout_ms is 1, allowed is 10 to 3600000",
            ),
        ];
        for (break_it, expected) in rows {
            let mut policies = Policies::default();
            break_it(&mut policies);
            let error = policies.check().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_tool_nobody_declared_goes_by_the_default() {
        let mut policies = Policies::default();
        policies.of_mut("sql").retries = 3;
        policies.of_mut("default").retries = 7;
        assert_eq!(policies.of("fetch").retries, 7);
        assert_eq!(policies.of("sql").retries, 3);
    }
}
