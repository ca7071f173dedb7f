//! Whether a task may be tried once more, and how: pure, and its shell.

use aios_control::{ControlError, ErrorKind};
use aios_orchestrator::roles::{EXECUTOR, PLANNER};
use aios_work::Effect;
use aios_work::content::{CALL_MARK, TaskEvent, TaskStatus};

use super::record::{Steps, task_of};
use crate::goals::{EXPLAINED_MAX, Goals, now_us, unwritten};
use crate::node::Node;

/// What may be done about a task that is to be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Again {
    /// It goes on where it was.
    GoOn,
    /// Its result was thrown away, and it changes nothing: it is made anew.
    Anew,
    /// It is done.
    Done,
    /// It was carried out and what it gave is of no use: called once more it would be done twice.
    Spent,
}

/// By how the task stands last, whether a result of it is on record, and what its tool says of being called twice.
fn again(last: Option<TaskStatus>, has_result: bool, effect: Option<Effect>) -> Again {
    match (last, has_result, effect) {
        (Some(TaskStatus::Completed), ..) => Again::Done,
        (_, false, _) => Again::GoOn,
        (_, true, Some(Effect::Pure)) => Again::Anew,
        (_, true, _) => Again::Spent,
    }
}

impl Goals {
    /// Tries a task again that came to nothing, and goes on from there.
    pub(crate) async fn retry(
        &self,
        node: &Node,
        tenant: &str,
        goal_id: &str,
        task: &str,
    ) -> Result<(), ControlError> {
        let _entered = self.entrance.lock().await;
        let goal = self.at_rest(tenant, goal_id)?;
        self.is_not_undone(goal_id)?;
        let steps = Steps::of(node, tenant, goal_id);
        let planned = steps.tasks(&goal.asked)?;
        let events = self
            .register
            .events(goal_id, 0, EXPLAINED_MAX)
            .map_err(unwritten)?;
        let told: Vec<TaskEvent> = events
            .iter()
            .filter_map(|event| event.read().ok())
            .collect();
        let mut known: Vec<&str> = planned.iter().map(|task| task.id.as_str()).collect();
        known.extend(told.iter().map(|event| event.task_id.as_str()));
        if !known.contains(&task) {
            known.sort_unstable();
            known.dedup();
            return Err(
                ControlError::unknown(format!("goal {goal_id} has no task {task:?}"))
                    .advise(format!("choose one of {}", known.join(", "))),
            );
        }
        let last = told.iter().rfind(|event| event.task_id == task);
        let tool = planned
            .iter()
            .find(|planned| planned.id == task)
            .map(|planned| planned.tool.clone())
            .or_else(|| last.map(|event| event.tool.clone()));
        let effect = tool.and_then(|tool| node.services().tools().spec(&tool));
        let done: Vec<String> = steps
            .of_role(EXECUTOR)?
            .into_iter()
            .filter(|step| step.result.is_some() && task_of(&step.name) == task)
            .map(|step| step.name)
            .filter(|name| !name.ends_with(CALL_MARK))
            .collect();
        let conflict = |why: String, advice: String| {
            Err(ControlError::new(ErrorKind::Conflict, why).advise(advice))
        };
        let fork = format!("`aios goal fork {goal_id} --at {task}` does it again as another goal");
        match again(
            last.map(|event| event.status),
            !done.is_empty(),
            effect.map(|spec| spec.effect),
        ) {
            Again::Done => {
                return conflict(format!("task {task} of goal {goal_id} is done"), fork);
            }
            Again::Spent => {
                let why = format!(
                    "task {task} of goal {goal_id} was carried out, and what it gave was not accepted; called once more it would be done twice"
                );
                return conflict(why, fork);
            }
            Again::GoOn => {}
            Again::Anew => {
                for name in done {
                    steps.forget(EXECUTOR, &name).map_err(unwritten)?;
                }
            }
        }
        // The answer that there is lacks it.
        steps.forget(PLANNER, "answer").map_err(unwritten)?;
        self.register
            .begin_again(goal_id, now_us(node))
            .map_err(unwritten)?;
        self.go_on(node, goal_id, tenant, goal.asked.clone())
            .await
            .map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_is_not_done_again_and_what_changes_something_not_twice() {
        use Effect::{Ask, Pure, Repeatable};
        use TaskStatus::{Completed, Failed, Retrying};
        for (last, has_result, effect, expected) in [
            (Some(Completed), true, Some(Pure), Again::Done),
            (Some(Completed), false, Some(Ask), Again::Done),
            (Some(Failed), false, Some(Ask), Again::GoOn),
            (Some(Failed), true, Some(Pure), Again::Anew),
            (Some(Failed), true, Some(Repeatable), Again::Spent),
            (Some(Failed), true, Some(Ask), Again::Spent),
            // Of a tool that is gone anything may be true.
            (Some(Failed), true, None, Again::Spent),
            (Some(Retrying), false, None, Again::GoOn),
            (None, false, None, Again::GoOn),
        ] {
            assert_eq!(
                again(last, has_result, effect),
                expected,
                "{last:?} {has_result} {effect:?}"
            );
        }
    }
}
