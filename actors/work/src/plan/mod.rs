//! The plan of a goal: tasks, what they need of each other, and the points the answer must cover.
//!
//! A plan is data. It is checked before anything runs, and it says at any moment which tasks may run now; who runs them and
//! how often is not decided here.

mod arguments;
mod check;
mod each;
mod file;
mod limits;

use std::collections::{BTreeMap, BTreeSet};

use petgraph::graphmap::DiGraphMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::FactKind;

pub use arguments::{Problem, Validate};
pub use check::PlanError;
pub use each::{EACH_AT_ONCE, Each, EachError, gathered};
pub use file::{MadeBy, PlanFile, PlanFileError};
pub use limits::PlanLimits;

/// One atomic piece of work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The list for each element of which it is done once; none for a task that is done once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub each: Option<Each>,
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
            each: None,
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
    /// How often its tool may be called, retries aside.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.each.as_ref().map_or(1, |each| each.most)
    }

    /// Everything it waits for.
    pub fn waits_for(&self) -> impl Iterator<Item = &str> {
        self.needs.iter().chain(&self.after).map(String::as_str)
    }
}

impl Plan {
    /// A plan of these tasks, with nothing else in it.
    #[must_use]
    pub fn of(goal: impl Into<String>, source: impl Into<String>, tasks: Vec<Task>) -> Self {
        Self {
            goal: goal.into(),
            source: source.into(),
            tasks,
            points: Vec::new(),
            gaps: Vec::new(),
            meaning: Value::Null,
        }
    }

    /// Whether nobody but the results themselves says what they are: no pack's rules made it, and all its arguments stand in it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        MadeBy::is_open(&self.source)
    }

    /// The task of this id.
    #[must_use]
    pub fn task(&self, id: &str) -> Option<&Task> {
        self.tasks.iter().find(|task| task.id == id)
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
            let rounds = task.calls().div_ceil(EACH_AT_ONCE) as u64;
            ends.insert(
                id,
                start.saturating_add(task.deadline_ms.saturating_mul(rounds)),
            );
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

    /// The tasks in waves: each as early as what it waits for lets it be, in plan order. What waits for itself is in none.
    #[must_use]
    pub fn waves(&self) -> Vec<Vec<&Task>> {
        let mut settled = BTreeSet::new();
        let mut waves = Vec::new();
        loop {
            let wave = self.ready(&settled, &BTreeSet::new());
            if wave.is_empty() {
                return waves;
            }
            settled.extend(wave.iter().map(|task| task.id.clone()));
            waves.push(wave);
        }
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
        Plan::of("g", "tables", tasks)
    }

    fn set(ids: &[&str]) -> BTreeSet<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
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
