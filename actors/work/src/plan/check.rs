//! Whether a plan may be carried out: the rules that need no knowledge of what a tool takes.

use std::collections::BTreeSet;

use thiserror::Error;

use super::{Plan, Task};
use crate::{Hole, holes, references};

/// What a plan may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanLimits {
    /// Most tasks.
    pub tasks: usize,
    /// Most dependencies of one task.
    pub needs: usize,
    /// Most model tokens of the whole plan.
    pub tokens: u64,
    /// Most milliseconds along the longest chain of deadlines.
    pub time_ms: u64,
    /// Most bytes of one task's arguments.
    pub args_bytes: usize,
    /// Most elements of a list that a task is done for.
    pub each: usize,
}

impl PlanLimits {
    /// Those of a node that says nothing else. 32 tasks hold the largest template (12) twice over; three chained model calls of 30 s and the
    /// tools fit in 5 minutes. 64 elements are sixteen rounds of four; what is done
    /// for more belongs into the tool.
    pub const USUAL: Self = Self {
        tasks: 32,
        needs: 32,
        tokens: 16_000,
        time_ms: 300_000,
        args_bytes: 64 * 1024,
        each: 64,
    };
}

impl Default for PlanLimits {
    fn default() -> Self {
        Self::USUAL
    }
}

/// Why a plan is not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlanError {
    /// No tasks.
    #[error("the plan has no tasks: state what is wanted more precisely")]
    Empty,
    /// Too many tasks.
    #[error("the plan has {asked} tasks, allowed are {allowed}: ask for less at once")]
    TooManyTasks {
        /// Tasks in the plan.
        asked: usize,
        /// Tasks allowed.
        allowed: usize,
    },
    /// A task id that cannot be part of an operation id.
    #[error("task id {task:?} is not usable: 1 to 64 letters, digits, dots, dashes or underscores")]
    BadId {
        /// The id.
        task: String,
    },
    /// Two tasks with one id.
    #[error("two tasks are called {task:?}: ids are unique in a plan")]
    Duplicate {
        /// The id.
        task: String,
    },
    /// Nobody can do this.
    #[error("task {task:?} asks for the tool {tool:?}, known are {known}{hint}")]
    UnknownTool {
        /// The task.
        task: String,
        /// What it asks for.
        tool: String,
        /// What there is.
        known: String,
        /// What may be the matter, with what comes before it; empty if nothing is to be said.
        hint: String,
    },
    /// A dependency on nothing.
    #[error("task {task:?} needs {needs:?}, which is not in the plan")]
    UnknownNeed {
        /// The task.
        task: String,
        /// What it names.
        needs: String,
    },
    /// Too many dependencies.
    #[error("task {task:?} has {asked} dependencies, allowed are {allowed}")]
    TooManyNeeds {
        /// The task.
        task: String,
        /// Dependencies.
        asked: usize,
        /// Allowed.
        allowed: usize,
    },
    /// Tasks that wait for each other.
    #[error("task {task:?} waits for itself through its dependencies")]
    Cycle {
        /// A task on the cycle.
        task: String,
    },
    /// Arguments too large.
    #[error("the arguments of task {task:?} have {asked} bytes, allowed are {allowed}")]
    ArgsTooLarge {
        /// The task.
        task: String,
        /// Bytes.
        asked: usize,
        /// Allowed.
        allowed: usize,
    },
    /// No time at all.
    #[error("task {task:?} has a deadline of 0 ms: give it time")]
    NoTime {
        /// The task.
        task: String,
    },
    /// Too many tokens.
    #[error("the plan may use {asked} model tokens, allowed are {allowed}")]
    OverTokens {
        /// Tokens in the plan.
        asked: u64,
        /// Allowed.
        allowed: u64,
    },
    /// Too long.
    #[error("the plan may take {asked} ms, allowed are {allowed}")]
    OverTime {
        /// Milliseconds along the longest chain.
        asked: u64,
        /// Allowed.
        allowed: u64,
    },
    /// An argument that is what a task gives which is not done before.
    #[error("the arguments of task {task:?} refer to {refers:?}, which is not among its `needs`")]
    UnknownReference {
        /// The task.
        task: String,
        /// What it refers to.
        refers: String,
    },
    /// Arguments that the tool does not take.
    #[error("task {task:?} cannot call {tool}: {says}")]
    Arguments {
        /// The task.
        task: String,
        /// The tool.
        tool: String,
        /// What is wrong.
        says: String,
    },
    /// A reference to what cannot be there, or cannot stand where it is put.
    #[error("argument {place} of task {task:?} refers to {refers}: {says}")]
    Reference {
        /// The task.
        task: String,
        /// Where in its arguments, as a JSON pointer.
        place: String,
        /// What it refers to.
        refers: String,
        /// What is wrong.
        says: String,
    },
    /// A list that is none.
    #[error("task {task:?} is done for each of {at:?} of {from:?}: {says}")]
    EachNoList {
        /// The task.
        task: String,
        /// Which task should give the list.
        from: String,
        /// Where.
        at: String,
        /// What is wrong.
        says: String,
    },
    /// A list that may be too long, or hold nothing.
    #[error("task {task:?} is done for each of up to {asked} elements, allowed are 1 to {allowed}")]
    EachTooMany {
        /// The task.
        task: String,
        /// Elements.
        asked: usize,
        /// Allowed.
        allowed: usize,
    },
    /// A list from a task that is not done before.
    #[error(
        "task {task:?} is done for each of a list that {from:?} gives, which is not among its `needs`"
    )]
    EachUnneeded {
        /// The task.
        task: String,
        /// Which task should give the list.
        from: String,
    },
    /// A place of an element where there is none.
    #[error("the arguments of task {task:?} refer to an element, and it has no `each`")]
    NoElement {
        /// The task.
        task: String,
    },
    /// A second call of what changes something.
    #[error(
        "task {task:?} has a `recheck`, and {tool} cannot be asked a second time: it changes something"
    )]
    RecheckChanges {
        /// The task.
        task: String,
        /// The tool.
        tool: String,
    },
    /// A point nobody declared.
    #[error("task {task:?} answers the point {point:?}, which the plan does not state")]
    UnknownPoint {
        /// The task.
        task: String,
        /// The point.
        point: String,
    },
}

impl PlanError {
    /// A task that nobody can do.
    pub(crate) fn unknown_tool(
        task: &Task,
        known: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Self {
        let known: Vec<String> = known
            .into_iter()
            .map(|name| name.as_ref().to_owned())
            .collect();
        let tool: String = task.tool.chars().take(80).collect();
        // Of what agents offer, the name before the mark is no server's.
        let server = tool
            .split_once("__")
            .map(|(server, _)| server)
            .filter(|server| *server != "agent");
        let is_there = |server: &str| {
            let start = format!("{server}__");
            known.iter().any(|name| name.starts_with(&start))
        };
        let hint = match server {
            Some(server) if !is_there(server) => format!(
                "; no tool of a server {server:?} is there, and `aios tree` says why if it is configured"
            ),
            _ => String::new(),
        };
        Self::UnknownTool {
            task: task.id.clone(),
            tool,
            known: known.join(", "),
            hint,
        }
    }
}

impl Task {
    /// Whether its arguments, of both calls, are within the limit.
    ///
    /// # Errors
    /// When they are too large.
    pub fn check_args(&self, budget: &PlanLimits) -> Result<(), PlanError> {
        let again = self.recheck.as_ref();
        let asked = self.args.to_string().len() + again.map_or(0, |args| args.to_string().len());
        if asked > budget.args_bytes {
            return Err(PlanError::ArgsTooLarge {
                task: self.id.chars().take(80).collect(),
                asked,
                allowed: budget.args_bytes,
            });
        }
        Ok(())
    }
}

impl Plan {
    fn check_each(&self, task: &Task, budget: &PlanLimits) -> Result<(), PlanError> {
        let of_element = |(_, hole): (String, Hole<'_>)| matches!(hole, Hole::Element(_));
        let Some(each) = &task.each else {
            return match holes(&task.args).into_iter().any(of_element) {
                true => Err(PlanError::NoElement {
                    task: task.id.clone(),
                }),
                false => Ok(()),
            };
        };
        if !(1..=budget.each).contains(&each.most) {
            return Err(PlanError::EachTooMany {
                task: task.id.clone(),
                asked: each.most,
                allowed: budget.each,
            });
        }
        if !task.needs.contains(&each.from) {
            return Err(PlanError::EachUnneeded {
                task: task.id.clone(),
                from: each.from.chars().take(80).collect(),
            });
        }
        Ok(())
    }

    /// Whether the plan may be carried out with these tools and within these limits; without tools to compare with any name is one.
    ///
    /// # Errors
    /// The first rule broken, in the order sizes, names, dependencies, cycles, budgets.
    pub fn check<T: AsRef<str>>(
        &self,
        tools: Option<&[T]>,
        budget: &PlanLimits,
    ) -> Result<(), PlanError> {
        if self.tasks.is_empty() {
            return Err(PlanError::Empty);
        }
        if self.tasks.len() > budget.tasks {
            return Err(PlanError::TooManyTasks {
                asked: self.tasks.len(),
                allowed: budget.tasks,
            });
        }
        let mut ids = BTreeSet::new();
        for task in &self.tasks {
            self.check_task(task, tools, budget)?;
            if !ids.insert(task.id.as_str()) {
                return Err(PlanError::Duplicate {
                    task: task.id.clone(),
                });
            }
        }
        for task in &self.tasks {
            if let Some(need) = task.waits_for().find(|need| !ids.contains(need)) {
                return Err(PlanError::UnknownNeed {
                    task: task.id.clone(),
                    needs: need.to_owned(),
                });
            }
        }
        for task in &self.tasks {
            let astray = references(&task.args)
                .into_iter()
                .find(|reference| !task.needs.iter().any(|need| need == reference.task));
            if let Some(reference) = astray {
                return Err(PlanError::UnknownReference {
                    task: task.id.clone(),
                    refers: reference.task.chars().take(80).collect(),
                });
            }
        }
        let order = self.order()?;
        let tokens = self
            .tasks
            .iter()
            .map(|task| u64::from(task.tokens).saturating_mul(task.calls() as u64))
            .fold(0, u64::saturating_add);
        if tokens > budget.tokens {
            return Err(PlanError::OverTokens {
                asked: tokens,
                allowed: budget.tokens,
            });
        }
        let longest = self.longest_chain_ms(&order);
        if longest > budget.time_ms {
            return Err(PlanError::OverTime {
                asked: longest,
                allowed: budget.time_ms,
            });
        }
        Ok(())
    }

    fn check_task<T: AsRef<str>>(
        &self,
        task: &Task,
        tools: Option<&[T]>,
        budget: &PlanLimits,
    ) -> Result<(), PlanError> {
        let named = !task.id.is_empty()
            && task.id.len() <= 64
            && task
                .id
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
        if !named {
            return Err(PlanError::BadId {
                task: task.id.chars().take(80).collect(),
            });
        }
        let id = || task.id.clone();
        if let Some(tools) = tools
            && !tools.iter().any(|tool| tool.as_ref() == task.tool)
        {
            return Err(PlanError::unknown_tool(task, tools));
        }
        let asked = task.needs.len() + task.after.len();
        if asked > budget.needs {
            return Err(PlanError::TooManyNeeds {
                task: id(),
                asked,
                allowed: budget.needs,
            });
        }
        task.check_args(budget)?;
        self.check_each(task, budget)?;
        if task.deadline_ms == 0 {
            return Err(PlanError::NoTime { task: id() });
        }
        if let Some(point) = &task.point
            && !self.points.iter().any(|known| known.id == *point)
        {
            return Err(PlanError::UnknownPoint {
                task: id(),
                point: point.clone(),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Each;

    fn task(id: &str, needs: &[&str]) -> Task {
        Task {
            needs: needs.iter().map(|need| (*need).to_owned()).collect(),
            deadline_ms: 1000,
            ..Task::new(id, "sql", json!({}))
        }
    }

    #[test]
    fn a_plan_is_refused_with_the_rule_it_breaks() {
        let with = |change: fn(&mut Task)| {
            let mut one = task("a", &[]);
            change(&mut one);
            vec![one]
        };
        let over = |mut each: Task, most| {
            each.each = Some(Each {
                from: "b".into(),
                at: String::new(),
                most,
            });
            vec![task("b", &[]), each]
        };
        let cases: Vec<(Vec<Task>, &str)> = vec![
            (vec![], "has no tasks"),
            (
                (0..33).map(|n| task(&format!("t{n}"), &[])).collect(),
                "33 tasks, allowed are 32",
            ),
            (
                vec![task("a", &[]), task("a", &[])],
                "two tasks are called \"a\"",
            ),
            (vec![task("a b", &[])], "not usable"),
            (with(|t| t.tool = "rm".into()), "tool \"rm\", known are sql"),
            (
                with(|t| t.tool = "web__get".into()),
                "; no tool of a server \"web\" is there, and `aios tree` says why",
            ),
            (vec![task("a", &["b"])], "needs \"b\""),
            (vec![task("a", &["a"])], "waits for itself"),
            (
                vec![task("a", &["c"]), task("b", &["a"]), task("c", &["b"])],
                "waits for itself",
            ),
            (
                with(|t| t.args = json!("x".repeat(70_000))),
                "70002 bytes, allowed are 65536",
            ),
            (with(|t| t.deadline_ms = 0), "deadline of 0 ms"),
            (
                with(|t| t.tokens = 20_000),
                "20000 model tokens, allowed are 16000",
            ),
            (
                with(|t| t.deadline_ms = 400_000),
                "400000 ms, allowed are 300000",
            ),
            (with(|t| t.point = Some("p".into())), "point \"p\""),
            (
                with(|t| t.args = json!({"x": {"$each": ""}})),
                "refer to an element",
            ),
            (
                over(task("a", &["b"]), 65),
                "up to 65 elements, allowed are 1 to 64",
            ),
            (over(task("a", &["b"]), 0), "up to 0 elements"),
            (over(task("a", &[]), 3), "which is not among its `needs`"),
            // Sixteen rounds of four, each of 30 s.
            (
                over(
                    Task {
                        deadline_ms: 30_000,
                        ..task("a", &["b"])
                    },
                    64,
                ),
                "481000 ms, allowed are 300000",
            ),
            (
                over(
                    Task {
                        tokens: 2_000,
                        ..task("a", &["b"])
                    },
                    9,
                ),
                "18000 model tokens, allowed are 16000",
            ),
        ];
        for (tasks, expected) in cases {
            let error = Plan::of("g", "tables", tasks)
                .check(Some(&["sql"]), &PlanLimits::default())
                .unwrap_err()
                .to_string();
            assert!(error.contains(expected), "{error} / {expected}");
        }
    }
}
