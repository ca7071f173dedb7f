//! What a fork inherits: the tasks that were finished and do not rest on the one from which on everything is done anew.

use std::collections::BTreeSet;

use aios_control::{ControlError, ErrorKind, Fork, Forked};
use aios_orchestrator::roles::{EXECUTOR, PLANNER};
use aios_work::content::{CALL_MARK, KeptPlan, TaskResult};
use aios_work::{Effect, Task, references};

use super::record::{Origin, Steps, as_of, task_of};
use crate::gateway::{Goal, fresh_id};
use crate::goals::progress::Progress;
use crate::goals::{Goals, now_us, unwritten};
use crate::names;
use crate::node::Node;

/// The tasks of a plan that a fork at one of them takes over, if they were finished: those that neither need it, nor come after it, nor are
/// given what it gives, directly or through others; of another plan those alone that are asked for in the same words.
fn inherited(tasks: &[Task], at: &str, other: Option<&[Task]>) -> BTreeSet<String> {
    let mut anew = BTreeSet::from([at.to_owned()]);
    // Each round adds at least one task, so there are no more rounds than tasks.
    loop {
        let rests = |task: &&Task| {
            !anew.contains(&task.id)
                && (task
                    .needs
                    .iter()
                    .chain(&task.after)
                    .any(|id| anew.contains(id))
                    || references(&task.args)
                        .iter()
                        .any(|reference| anew.contains(reference.task)))
        };
        let more: Vec<String> = tasks
            .iter()
            .filter(rests)
            .map(|task| task.id.clone())
            .collect();
        if more.is_empty() {
            break;
        }
        anew.extend(more);
    }
    let same = |task: &&Task| {
        other.is_none_or(|other| {
            other.iter().any(|it| {
                it.id == task.id
                    && it.tool == task.tool
                    && it.args == task.args
                    && it.each == task.each
            })
        })
    };
    tasks
        .iter()
        .filter(|task| !anew.contains(&task.id))
        .filter(same)
        .map(|task| task.id.clone())
        .collect()
}

impl Goals {
    /// Goes on from where a goal was at a task, as a goal of its own.
    pub(crate) async fn fork(
        &self,
        node: &Node,
        tenant: &str,
        asked: Fork,
    ) -> Result<Forked, ControlError> {
        let Fork {
            goal_id,
            at,
            plan,
            new_id,
        } = asked;
        let _entered = self.entrance.lock().await;
        let goal = self.at_rest(tenant, &goal_id)?;
        let steps = Steps::of(node, tenant, &goal_id);
        let kept = match steps.plan() {
            // What was handed in with the goal says it too.
            Err(_) if goal.asked.plan.is_some() => None,
            kept => kept?,
        };
        let tasks = match (&kept, &goal.asked.plan) {
            (Some(KeptPlan { plan, .. }), _) => plan.tasks.clone(),
            (None, Some(file)) => file.tasks.clone(),
            (None, None) => {
                return Err(ControlError::new(
                    ErrorKind::Conflict,
                    format!("the plan of goal {goal_id} was not kept, so nobody can say what comes before {at}"),
                )
                .advise("hand the goal in again under another id"));
            }
        };
        if !tasks.iter().any(|task| task.id == at) {
            let known: Vec<&str> = tasks.iter().map(|task| task.id.as_str()).collect();
            return Err(
                ControlError::unknown(format!("goal {goal_id} has no task {at:?}"))
                    .advise(format!("choose one of {}", known.join(", "))),
            );
        }
        let new_id = match new_id {
            Some(new_id) => new_id,
            None => names::of_drawn(&self.tenant, tenant, fresh_id()?),
        };
        self.is_free(&new_id, tenant)?;
        let mut submit = goal.asked.clone();
        submit.goal_id = Some(new_id.clone());
        let other = plan.as_ref().map(|plan| plan.tasks.as_slice());
        let inherited = inherited(&tasks, &at, other);
        let anew = plan.is_some();
        submit.plan = plan.or(submit.plan);
        let in_place = self.register.in_place(&goal_id).map_err(unwritten)?;
        let goal = Goal::from(submit.clone())
            .id(&new_id)
            .of_tenant(tenant)
            .in_place(in_place)
            .forked();
        let ready = node.prepare(goal).await?;
        // First, and lasting with the goal: a goal that is on record has what it inherited.
        let taken = bring(node, &steps, &new_id, &inherited, anew)?;
        let now = now_us(node);
        self.accept_as(&new_id, &submit, tenant, now, Origin::Forked, in_place)?;
        let progress = Progress::new(
            self.register.clone(),
            new_id.clone(),
            tenant.to_owned(),
            submit,
            Vec::new(),
        );
        let run = self.begin(&progress.goal_id, ready);
        self.follow(std::sync::Arc::new(progress), run);
        Ok(Forked {
            goal_id: new_id,
            inherited: taken.into_iter().collect(),
        })
    }
}

/// Copies the finished steps of these tasks, and what the model was asked while the goal was planned unless it has another plan.
fn bring(
    node: &Node,
    from: &Steps,
    new_id: &str,
    tasks: &BTreeSet<String>,
    anew: bool,
) -> Result<BTreeSet<String>, ControlError> {
    let to = from.of_goal(new_id);
    let mut taken = BTreeSet::new();
    for mut step in from.of_role(EXECUTOR)? {
        let (Some(result), task) = (step.result.take(), task_of(&step.name)) else {
            continue;
        };
        // What was called stays the other goal's: it is not this one's to undo.
        if !tasks.contains(task) || step.name.ends_with(CALL_MARK) {
            continue;
        }
        let Ok(done) = serde_json::from_str::<TaskResult>(&result) else {
            continue;
        };
        let effect = from.tool_of(task).and_then(|tool| {
            let spec = node.services().tools().spec(&tool);
            spec.map(|spec| spec.effect)
        });
        // Its files lie in the other goal's folder, and whoever changes nothing makes them again.
        if effect == Some(Effect::Pure) && !done.output.artifacts.is_empty() {
            continue;
        }
        let operation = format!("{new_id}/{}", step.name);
        let Some(result) = as_of(result.as_bytes(), &operation) else {
            continue;
        };
        step.result = String::from_utf8(result).ok();
        taken.insert(task.to_owned());
        to.keep(&step).map_err(unwritten)?;
    }
    if !anew {
        for step in from.of_role(PLANNER)? {
            let picked = step.name.starts_with("pick/") && !step.name.starts_with("pick/allowed/");
            if picked {
                to.keep(&step).map_err(unwritten)?;
            }
        }
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn task(id: &str, args: Value, needs: &[&str], after: &[&str]) -> Task {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Task {
            needs: names(needs),
            after: names(after),
            ..Task::new(id, "shop__charge", args)
        }
    }

    #[test]
    fn what_rests_on_the_task_is_done_anew_and_the_rest_is_inherited() {
        let tasks = [
            task("a", json!({"n": 1}), &[], &[]),
            task("b", json!({"n": 2}), &["a"], &[]),
            task("c", json!({"n": 3}), &[], &["b"]),
            task("d", json!({"n": {"$from": "b", "at": "/x"}}), &[], &[]),
            task("e", json!({"n": 5}), &["d"], &[]),
            task("f", json!({"n": 6}), &[], &[]),
        ];
        let other = [
            task("a", json!({"n": 1}), &[], &[]),
            task("f", json!({"n": 7}), &[], &[]),
        ];
        for (at, other, expected) in [
            ("a", None, vec!["f"]),
            ("b", None, vec!["a", "f"]),
            ("d", None, vec!["a", "b", "c", "f"]),
            ("e", None, vec!["a", "b", "c", "d", "f"]),
            ("f", None, vec!["a", "b", "c", "d", "e"]),
            // Of another plan what is asked for in the same words.
            ("e", Some(&other[..]), vec!["a"]),
        ] {
            let inherited = inherited(&tasks, at, other);
            assert_eq!(Vec::from_iter(inherited), expected, "at {at}");
        }
    }
}
