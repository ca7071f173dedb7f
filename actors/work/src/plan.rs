//! The plan of a goal: tasks, what they need of each other, and the points the answer must cover.
//!
//! A plan is data. It is checked before anything runs, and it says at any moment which tasks may run now; who runs them and
//! how often is not decided here.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::graphmap::DiGraphMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::{FactKind, references};

/// One atomic piece of work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Unique in its plan and stable: the same goal over the same data yields the same ids.
    pub id: String,
    /// The tool that does it.
    pub tool: String,
    /// What the tool is given. A leaf may be a reference to what another task gives, see [`Reference`](crate::Reference); a domain may
    /// put in more when the task is due.
    #[serde(default)]
    pub args: Value,
    /// Tasks that must have succeeded.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Tasks that must be settled; their failure is a gap, not an obstacle.
    #[serde(default)]
    pub after: Vec<String>,
    /// Most milliseconds of one attempt.
    pub deadline_ms: u64,
    /// Most model tokens, prompt included; 0 when no model is used.
    #[serde(default)]
    pub tokens: u32,
    /// The point it answers.
    #[serde(default)]
    pub point: Option<String>,
    /// What it is for, in a few words; without it the words of its point.
    #[serde(default)]
    pub title: Option<String>,
    /// Whether its result is prose, which is judged as text and written again with the critic's feedback. Prose that never passes is no
    /// gap: the domain's own words take its place.
    #[serde(default)]
    pub prose: bool,
    /// Arguments of a second call of the same tool, written differently, whose result must agree.
    #[serde(default)]
    pub recheck: Option<Value>,
    /// What the plan's source needs to read the result by. Nobody else looks into it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub meaning: Value,
}

/// Something the answer must say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// Unique in its plan.
    pub id: String,
    /// In the words of the report: "total revenue per month".
    pub asks: String,
    /// The answer covers the point when it states a fact of one of these kinds ...
    #[serde(default)]
    pub facts: Vec<FactKind>,
    /// ... or uses one of these words.
    #[serde(default)]
    pub words: Vec<String>,
}

/// A goal's tasks and points.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The goal's id.
    pub goal: String,
    /// Who made it: the name of the domain that reads its results.
    pub source: String,
    /// The work.
    pub tasks: Vec<Task>,
    /// What the answer must cover.
    #[serde(default)]
    pub points: Vec<Point>,
    /// What was asked for and is not in the plan, each with its reason; the answer names it.
    #[serde(default)]
    pub gaps: Vec<String>,
    /// How the source understands the goal. Nobody else looks into it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub meaning: Value,
}

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
}

impl PlanLimits {
    /// Those of a node that says nothing else. 32 tasks hold the largest template (12) twice over; three chained model calls of 30 s and the
    /// tools fit in 5 minutes.
    pub const USUAL: Self = Self {
        tasks: 32,
        needs: 32,
        tokens: 16_000,
        time_ms: 300_000,
        args_bytes: 64 * 1024,
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
    #[error("task {task:?} asks for the tool {tool:?}, known are {known}")]
    UnknownTool {
        /// The task.
        task: String,
        /// What it asks for.
        tool: String,
        /// What there is.
        known: String,
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
    /// A point nobody declared.
    #[error("task {task:?} answers the point {point:?}, which the plan does not state")]
    UnknownPoint {
        /// The task.
        task: String,
        /// The point.
        point: String,
    },
}

impl Task {
    /// A task without anything but its name, its tool and what the tool is given.
    #[must_use]
    pub fn new(id: impl Into<String>, tool: impl Into<String>, args: Value) -> Self {
        Self {
            id: id.into(),
            tool: tool.into(),
            args,
            needs: Vec::new(),
            after: Vec::new(),
            deadline_ms: 30_000,
            tokens: 0,
            point: None,
            title: None,
            prose: false,
            recheck: None,
            meaning: Value::Null,
        }
    }

    /// What it is for, in a few words: its title, or what its point asks, or its name.
    #[must_use]
    pub fn title(&self, points: &[Point]) -> String {
        let point = || {
            points
                .iter()
                .find(|point| Some(&point.id) == self.point.as_ref())
        };
        match (&self.title, point()) {
            (Some(title), _) => title.clone(),
            (None, Some(point)) => point.asks.clone(),
            (None, None) => self.id.replace('_', " "),
        }
    }

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

    /// Everything it waits for.
    pub fn waits_for(&self) -> impl Iterator<Item = &str> {
        self.needs.iter().chain(&self.after).map(String::as_str)
    }
}

impl Plan {
    /// The task of this id.
    #[must_use]
    pub fn task(&self, id: &str) -> Option<&Task> {
        self.tasks.iter().find(|task| task.id == id)
    }

    /// The idempotency key of a task: the same for every retry and after every restart.
    #[must_use]
    pub fn operation_id(&self, task: &str) -> String {
        format!("{}/{task}", self.goal)
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
        let tokens = self.tasks.iter().map(|task| u64::from(task.tokens)).sum();
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
            return Err(PlanError::UnknownTool {
                task: id(),
                tool: task.tool.chars().take(80).collect(),
                known: tools
                    .iter()
                    .map(AsRef::as_ref)
                    .collect::<Vec<_>>()
                    .join(", "),
            });
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

    fn longest_chain_ms(&self, order: &[String]) -> u64 {
        let tasks: BTreeMap<&str, &Task> = self
            .tasks
            .iter()
            .map(|task| (task.id.as_str(), task))
            .collect();
        let mut ends = BTreeMap::<&str, u64>::new();
        for id in order {
            let Some(task) = tasks.get(id.as_str()) else {
                continue;
            };
            let start = task
                .waits_for()
                .filter_map(|need| ends.get(need))
                .copied()
                .max()
                .unwrap_or(0);
            ends.insert(id, start.saturating_add(task.deadline_ms));
        }
        ends.into_values().max().unwrap_or(0)
    }

    /// The same plan with deadlines scaled down so that its longest chain fits the time there is; at least a second is left to each task.
    #[must_use]
    pub fn within(mut self, time_ms: u64) -> Self {
        let order: Vec<String> = self.order().unwrap_or_default();
        let longest = self.longest_chain_ms(&order);
        if longest > time_ms && longest > 0 {
            for task in &mut self.tasks {
                let scaled =
                    u128::from(task.deadline_ms) * u128::from(time_ms) / u128::from(longest);
                task.deadline_ms = u64::try_from(scaled)
                    .unwrap_or(u64::MAX)
                    .max(1000)
                    .min(task.deadline_ms);
            }
        }
        self
    }

    /// Task ids so that each stands behind what it waits for.
    fn order(&self) -> Result<Vec<String>, PlanError> {
        let mut graph = DiGraphMap::<&str, ()>::new();
        for task in &self.tasks {
            graph.add_node(&task.id);
            for need in task.waits_for() {
                graph.add_edge(need, task.id.as_str(), ());
            }
        }
        let order = petgraph::algo::toposort(&graph, None).map_err(|cycle| PlanError::Cycle {
            task: cycle.node_id().to_owned(),
        })?;
        Ok(order.into_iter().map(str::to_owned).collect())
    }

    /// The next wave: tasks that may start now, in plan order. Tasks already running are the caller's to leave out.
    #[must_use]
    pub fn ready(&self, done: &BTreeSet<String>, failed: &BTreeSet<String>) -> Vec<&Task> {
        let settled = |id: &String| done.contains(id) || failed.contains(id);
        self.tasks
            .iter()
            .filter(|task| !settled(&task.id))
            .filter(|task| {
                task.needs.iter().all(|need| done.contains(need)) && task.after.iter().all(settled)
            })
            .collect()
    }

    /// The failed tasks and all that can no longer run because something they need has failed, directly or through others.
    #[must_use]
    pub fn lost(&self, failed: &BTreeSet<String>) -> BTreeSet<String> {
        let mut lost = failed.clone();
        // Each round adds at least one task, so the number of rounds is bounded by the number of tasks.
        loop {
            let more: Vec<_> = self
                .tasks
                .iter()
                .filter(|task| {
                    !lost.contains(&task.id) && task.needs.iter().any(|need| lost.contains(need))
                })
                .map(|task| task.id.clone())
                .collect();
            if more.is_empty() {
                break;
            }
            lost.extend(more);
        }
        lost
    }

    /// Whether nothing is left to do.
    #[must_use]
    pub fn is_settled(&self, done: &BTreeSet<String>, failed: &BTreeSet<String>) -> bool {
        self.tasks
            .iter()
            .all(|task| done.contains(&task.id) || failed.contains(&task.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn task(id: &str, needs: &[&str]) -> Task {
        Task {
            needs: needs.iter().map(|need| (*need).to_owned()).collect(),
            deadline_ms: 1000,
            ..Task::new(id, "sql", json!({}))
        }
    }

    fn plan(tasks: Vec<Task>) -> Plan {
        Plan {
            goal: "g".into(),
            source: "tables".into(),
            tasks,
            points: vec![],
            gaps: vec![],
            meaning: Value::Null,
        }
    }

    fn set(ids: &[&str]) -> BTreeSet<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn a_plan_is_refused_with_the_rule_it_breaks() {
        let with = |change: fn(&mut Task)| {
            let mut one = task("a", &[]);
            change(&mut one);
            vec![one]
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
        ];
        for (tasks, expected) in cases {
            let error = plan(tasks)
                .check(Some(&["sql"]), &PlanLimits::default())
                .unwrap_err()
                .to_string();
            assert!(error.contains(expected), "{error} / {expected}");
        }
    }

    #[test]
    fn waves_follow_the_needs_and_soft_needs_survive_failure() {
        let mut last = task("d", &["a"]);
        last.after = vec!["b".into(), "c".into()];
        let plan = plan(vec![
            task("a", &[]),
            task("b", &["a"]),
            task("c", &["b"]),
            last,
        ]);
        plan.check(Some(&["sql"]), &PlanLimits::default()).unwrap();
        let ids = |done: &[&str], failed: &[&str]| -> Vec<String> {
            plan.ready(&set(done), &set(failed))
                .iter()
                .map(|task| task.id.clone())
                .collect()
        };
        assert_eq!(ids(&[], &[]), ["a"]);
        assert_eq!(ids(&["a"], &[]), ["b"]);
        assert_eq!(ids(&["a", "b"], &[]), ["c"]);
        assert_eq!(ids(&["a"], &["b", "c"]), ["d"]);
        assert_eq!(plan.lost(&set(&["b"])), set(&["b", "c"]));
        assert_eq!(plan.lost(&set(&["a"])), set(&["a", "b", "c", "d"]));
        assert!(plan.is_settled(&set(&["a", "d"]), &set(&["b", "c"])));
        assert_eq!(plan.operation_id("a"), "g/a");
    }

    #[test]
    fn deadlines_shrink_to_the_time_there_is() {
        let plan = plan(vec![task("a", &[]), task("b", &["a"])]);
        let mut long = plan.clone();
        long.tasks
            .iter_mut()
            .for_each(|task| task.deadline_ms = 40_000);
        let deadlines = |plan: Plan| {
            plan.tasks
                .iter()
                .map(|task| task.deadline_ms)
                .collect::<Vec<_>>()
        };
        assert_eq!(deadlines(long.clone().within(20_000)), [10_000, 10_000]);
        assert_eq!(deadlines(long.within(100)), [1000, 1000]);
        assert_eq!(deadlines(plan.clone().within(300_000)), deadlines(plan));
    }
}
