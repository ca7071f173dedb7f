//! Why a goal is where it is and what can be done about it: pure, from what is on record.

use std::collections::BTreeMap;

use aios_control::{Event, EventKind, Explained, GoalPhase, GoalState, Way};
use aios_work::content::{Answer, GoalStatus, TaskEvent, TaskStatus};

/// Of what went wrong so much is told, the latest.
pub(super) const EVIDENCE_MAX: usize = 20;

/// What is known of a goal.
pub(super) struct Case<'a> {
    pub(super) state: GoalState,
    /// It begins again when the others have come to rest.
    pub(super) waits_its_turn: bool,
    /// What happened, oldest first.
    pub(super) events: &'a [Event],
    /// What fell while it was under way, as sentences, oldest first.
    pub(super) fell: Vec<String>,
    /// What was begun for it and of whose end nobody heard, as sentences.
    pub(super) unheard: Vec<String>,
    /// What humans are asked about it: ids and questions.
    pub(super) open: Vec<(String, String)>,
    /// Services whose breakers are not closed.
    pub(super) resting: Vec<String>,
}

pub(super) fn explain(case: Case<'_>) -> Explained {
    let Case {
        state,
        waits_its_turn,
        events,
        fell,
        unheard,
        open,
        resting,
    } = case;
    let GoalState {
        goal_id,
        phase,
        answer,
        error,
        ..
    } = state;
    let told = |event: &Event| event.read::<TaskEvent>().ok();
    let of_tasks = events
        .iter()
        .filter(|event| event.kind == EventKind::Task)
        .filter_map(told);
    let mut last: BTreeMap<String, TaskEvent> = BTreeMap::new();
    let mut evidence = Vec::new();
    for event in of_tasks {
        if let Some(reason) = &event.reason {
            let attempt = event.attempt;
            evidence.push(format!("{}, attempt {attempt}: {reason}", event.task_id));
        }
        last.insert(event.task_id.clone(), event);
    }
    let surplus = evidence.len().saturating_sub(EVIDENCE_MAX);
    evidence.drain(..surplus);
    // Behind what its tasks say, since what fell may have fallen over another goal.
    evidence.extend(fell);
    let in_status = |wanted: &[TaskStatus]| -> Vec<&TaskEvent> {
        let tasks = last.values();
        tasks.filter(|task| wanted.contains(&task.status)).collect()
    };
    let has: Vec<String> = in_status(&[TaskStatus::Completed])
        .into_iter()
        .map(|task| format!("{} ({})", task.task_id, task.tool))
        .collect();
    if matches!(phase, GoalPhase::Parked | GoalPhase::Interrupted) {
        evidence.extend(unheard);
    }
    let mut waits_for = Vec::new();
    if phase == GoalPhase::Running && !waits_its_turn {
        for (id, question) in &open {
            waits_for.push(format!("a person: {question} ({id})"));
        }
        for task in in_status(&[TaskStatus::Running]) {
            let by = task.agent.as_deref().unwrap_or("an executor");
            waits_for.push(format!(
                "{}, attempt {}, {} at {by}",
                task.task_id, task.attempt, task.tool
            ));
        }
        for task in in_status(&[TaskStatus::Retrying]) {
            waits_for.push(format!("the next attempt at {}", task.task_id));
        }
        for service in resting {
            waits_for.push(format!("{service}, which rests after failures"));
        }
    }
    let why = match phase {
        GoalPhase::Running if waits_its_turn => {
            "the node has ended more than once while it came no further, so it goes on alone, when the others have come to rest".to_owned()
        }
        GoalPhase::Running if waits_for.is_empty() => {
            "it is under way and no task has begun: it is being planned".to_owned()
        }
        GoalPhase::Running => format!(
            "it is under way: {} of {} tasks are done",
            has.len(),
            last.len()
        ),
        GoalPhase::Answered => match answer.as_ref().map(|answer| answer.status.as_str()) {
            Some(status) => {
                let reason = answer.as_ref().and_then(|answer| answer.reason.as_deref());
                let reason = reason.map(|reason| format!(": {reason}"));
                format!("it is over, its answer is {status}{}", reason.unwrap_or_default())
            }
            None => "it is over and has an answer".to_owned(),
        },
        GoalPhase::Failed | GoalPhase::Parked => match &error {
            Some(error) => error.message.clone(),
            None => "it ended without an answer".to_owned(),
        },
        GoalPhase::Cancelled => "it was called off".to_owned(),
        GoalPhase::Interrupted => {
            "its node ended while it was under way; it goes on when a node starts over the same storage folder".to_owned()
        }
        GoalPhase::Paused => "it rests because somebody said so".to_owned(),
    };
    let way = |does: &str, command: String| Way {
        does: does.to_owned(),
        command,
    };
    let mut can = Vec::new();
    for (id, _) in &open {
        can.push(way("allow it", format!("aios approvals accept {id}")));
        can.push(way("forbid it", format!("aios approvals reject {id}")));
    }
    match phase {
        GoalPhase::Running => {
            can.push(way("let it rest", format!("aios goal pause {goal_id}")));
            can.push(way("call it off", format!("aios goal cancel {goal_id}")));
        }
        GoalPhase::Interrupted | GoalPhase::Paused | GoalPhase::Parked => {
            can.push(way("go on with it", format!("aios goal resume {goal_id}")));
            can.push(way("call it off", format!("aios goal cancel {goal_id}")));
        }
        GoalPhase::Failed | GoalPhase::Cancelled => {
            can.push(way("go on with it", format!("aios goal resume {goal_id}")));
        }
        GoalPhase::Answered => {
            can.push(way("read its answer", format!("aios goal show {goal_id}")));
            can.push(way(
                "go through it again",
                format!("aios goal replay {goal_id}"),
            ));
            let lacks =
                |answer: &Answer| matches!(answer.status, GoalStatus::Failed | GoalStatus::Partial);
            if answer.as_deref().is_some_and(lacks) {
                can.push(way("go on with it", format!("aios goal resume {goal_id}")));
            }
        }
    }
    if phase != GoalPhase::Running {
        for task in last
            .values()
            .filter(|task| task.status == TaskStatus::Failed)
        {
            let task = &task.task_id;
            can.push(way(
                &format!("try {task} again"),
                format!("aios goal retry {goal_id} {task}"),
            ));
        }
    }
    Explained {
        goal_id,
        phase,
        why,
        waits_for,
        has,
        evidence,
        can,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use aios_control::ControlError;
    use aios_work::content::{Answer, GoalStatus};

    use super::*;

    fn event(seq: u64, task: &str, status: TaskStatus, reason: Option<&str>) -> Event {
        let event = TaskEvent {
            goal_id: "g".to_owned(),
            task_id: task.to_owned(),
            tool: "fetch".to_owned(),
            title: String::new(),
            status,
            attempt: 2,
            agent: Some("macro.executor.001@local".to_owned()),
            score: None,
            duration_ms: None,
            reason: reason.map(str::to_owned),
            at: None,
            judged: None,
            tokens: None,
        };
        Event {
            seq,
            kind: EventKind::Task,
            body: serde_json::to_value(event).unwrap(),
        }
    }

    fn told(phase: GoalPhase, events: &[Event], open: &[(&str, &str)]) -> Explained {
        let error = (phase == GoalPhase::Failed).then(|| ControlError::failed("no plan"));
        explain(Case {
            waits_its_turn: false,
            state: GoalState {
                goal_id: "g".to_owned(),
                phase,
                last_seq: 0,
                answer: (phase == GoalPhase::Answered).then(|| {
                    Arc::new(Answer {
                        status: GoalStatus::Partial,
                        ..Answer::none("g")
                    })
                }),
                error,
            },
            events,
            fell: Vec::new(),
            unheard: vec!["b was begun and nobody heard of its end".to_owned()],
            open: open
                .iter()
                .map(|(id, asked)| ((*id).to_owned(), (*asked).to_owned()))
                .collect(),
            resting: vec!["tool.time".to_owned()],
        })
    }

    #[test]
    fn a_goal_says_what_it_waits_for_what_it_has_and_what_can_be_done() {
        let events = [
            event(1, "a", TaskStatus::Running, None),
            event(2, "a", TaskStatus::Retrying, Some("timed out")),
            event(3, "a", TaskStatus::Completed, None),
            event(4, "b", TaskStatus::Running, None),
        ];
        let said = told(GoalPhase::Running, &events, &[("a-1", "send it?")]);
        assert_eq!(said.why, "it is under way: 1 of 2 tasks are done");
        assert_eq!(
            said.waits_for,
            [
                "a person: send it? (a-1)",
                "b, attempt 2, fetch at macro.executor.001@local",
                "tool.time, which rests after failures",
            ]
        );
        assert_eq!(said.has, ["a (fetch)"]);
        assert_eq!(said.evidence, ["a, attempt 2: timed out"]);
        assert_eq!(said.can[0].command, "aios approvals accept a-1");
        assert_eq!(said.can.last().unwrap().command, "aios goal cancel g");
    }

    /// Of a goal that was set aside: why, what its tasks were at each time, and what fell meanwhile.
    #[test]
    fn a_goal_that_felled_its_node_is_told_with_its_evidence() {
        let events = [
            event(1, "a", TaskStatus::Completed, None),
            event(2, "b", TaskStatus::Retrying, Some("timed out")),
            event(3, "b", TaskStatus::Running, None),
        ];
        let mut state = crate::goals::register::State::begun();
        for _ in 0..3 {
            // The node ends over it, and the next one takes it up.
            state = state.found("g", 1, crate::goals::register::Blame::Seen).1;
            state.at_work = true;
        }
        assert_eq!(state.phase, GoalPhase::Parked);
        let said = explain(Case {
            waits_its_turn: false,
            state: GoalState {
                goal_id: "g".to_owned(),
                phase: state.phase,
                last_seq: 3,
                answer: None,
                error: state.error,
            },
            events: &events,
            fell: vec!["macro.executor.001@local, incarnation 1, ended: killed".to_owned()],
            unheard: vec!["b was begun 3 times, and nobody heard of its end".to_owned()],
            open: Vec::new(),
            resting: Vec::new(),
        });
        assert!(
            said.why.contains("the node has ended 3 times"),
            "{}",
            said.why
        );
        assert_eq!(
            said.evidence,
            [
                "b, attempt 2: timed out",
                "macro.executor.001@local, incarnation 1, ended: killed",
                "b was begun 3 times, and nobody heard of its end",
            ]
        );
        assert_eq!(said.can[0].command, "aios goal resume g");
        assert!(said.waits_for.is_empty());
    }

    #[test]
    fn each_phase_has_its_reason_and_what_can_be_done() {
        for (phase, why, command) in [
            (
                GoalPhase::Running,
                "it is under way: 0 of 0 tasks are done",
                "aios goal pause g",
            ),
            (
                GoalPhase::Answered,
                "it is over, its answer is partial",
                "aios goal show g",
            ),
            (GoalPhase::Failed, "no plan", "aios goal resume g"),
            (
                GoalPhase::Cancelled,
                "it was called off",
                "aios goal resume g",
            ),
            (
                GoalPhase::Paused,
                "it rests because somebody said so",
                "aios goal resume g",
            ),
            (
                GoalPhase::Parked,
                "it ended without an answer",
                "aios goal resume g",
            ),
        ] {
            let said = told(phase, &[], &[]);
            assert_eq!(said.why, why, "{phase:?}");
            assert_eq!(said.can[0].command, command, "{phase:?}");
        }
    }

    #[test]
    fn of_much_that_went_wrong_the_latest_is_told() {
        let events: Vec<Event> = (0..100)
            .map(|seq| event(seq, &format!("t{seq}"), TaskStatus::Retrying, Some("no")))
            .collect();
        let said = told(GoalPhase::Running, &events, &[]);
        assert_eq!(said.evidence.len(), EVIDENCE_MAX);
        assert_eq!(said.evidence.last().unwrap(), "t99, attempt 2: no");
    }
}
