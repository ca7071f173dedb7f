//! What is different between two goals, or between an answer and the same one worked out again: pure.

use std::collections::{BTreeMap, BTreeSet};

use aios_control::{Compared, ControlError, RunFile};
use aios_orchestrator::roles::EXECUTOR;
use aios_work::Task;
use aios_work::content::{Answer, CALL_MARK, TaskEvent, TaskResult};
use serde::Serialize;
use serde_json::Value;

use super::record;
use crate::goals::Goals;
use crate::node::Node;

/// Bytes of a value that are shown.
const SHOWN: usize = 120;

/// What of an answer is not the same, a sentence each. Times, counts and signatures are nobody's answer.
pub(super) fn of_answers(one: &Answer, other: &Answer) -> Vec<String> {
    let mut differs = Vec::new();
    let mut compare = |what: &str, one: String, other: String| {
        if one != other {
            differs.push(format!("{what}: {}", apart(&one, &other)));
        }
    };
    compare(
        "its status",
        one.status.as_str().to_owned(),
        other.status.as_str().to_owned(),
    );
    compare("its text", one.answer.clone(), other.answer.clone());
    compare("its figures", json(&one.facts), json(&other.facts));
    compare("its files", json(&one.artifacts), json(&other.artifacts));
    compare("what it lacks", json(&one.gaps), json(&other.gaps));
    compare("why there is none", json(&one.reason), json(&other.reason));
    differs
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Where two texts part, with a little of both.
fn apart(one: &str, other: &str) -> String {
    let at = one
        .bytes()
        .zip(other.bytes())
        .take_while(|(a, b)| a == b)
        .count();
    let shown = |text: &str| {
        let mut from = at.saturating_sub(20).min(text.len());
        while !text.is_char_boundary(from) {
            from -= 1;
        }
        let mut until = (from + SHOWN).min(text.len());
        while !text.is_char_boundary(until) {
            until -= 1;
        }
        text[from..until].to_owned()
    };
    format!("from byte {at} on {:?} and {:?}", shown(one), shown(other))
}

/// Two goals side by side.
fn compared(one: &RunFile, other: &RunFile) -> Compared {
    let mut asked = Vec::new();
    let mut compare = |what: &str, one: String, other: String| {
        if one != other {
            asked.push(format!("{what}: {}", apart(&one, &other)));
        }
    };
    compare(
        "the words",
        one.asked.text.clone(),
        other.asked.text.clone(),
    );
    compare("the files", json(&one.asked.data), json(&other.asked.data));
    compare(
        "whether it is private",
        json(&one.asked.private),
        json(&other.asked.private),
    );
    Compared {
        asked,
        plan: plans(&tasks(one), &tasks(other)),
        results: results(one, other),
        answer: match (&one.answer, &other.answer) {
            (Some(one), Some(other)) => of_answers(&anywhere(one), &anywhere(other)),
            (None, None) => Vec::new(),
            (Some(_), None) => vec![format!(
                "{} has an answer, {} has none",
                one.goal_id, other.goal_id
            )],
            (None, Some(_)) => vec![format!(
                "{} has no answer, {} has one",
                one.goal_id, other.goal_id
            )],
        },
    }
}

/// An answer whose files are called what they are called, whichever folder its goal has.
fn anywhere(answer: &Answer) -> Answer {
    let mut answer = answer.clone();
    for artifact in &mut answer.artifacts {
        if let Some(name) = artifact.path.file_name() {
            artifact.path = name.into();
        }
    }
    answer
}

fn tasks(run: &RunFile) -> Vec<Task> {
    match (record::plan_of(run), &run.asked.plan) {
        (Some(kept), _) => kept.plan.tasks,
        (None, Some(file)) => file.tasks.clone(),
        (None, None) => Vec::new(),
    }
}

fn plans(one: &[Task], other: &[Task]) -> Vec<String> {
    let by_id = |tasks: &[Task]| -> BTreeMap<String, Task> {
        tasks
            .iter()
            .map(|task| (task.id.clone(), task.clone()))
            .collect()
    };
    let (one, other) = (by_id(one), by_id(other));
    let ids: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let mut differs = Vec::new();
    for id in ids {
        match (one.get(id), other.get(id)) {
            (Some(_), None) => differs.push(format!("{id} is in the first alone")),
            (None, Some(_)) => differs.push(format!("{id} is in the second alone")),
            (Some(one), Some(other)) if one.tool != other.tool => {
                differs.push(format!(
                    "{id} is done by {} and by {}",
                    one.tool, other.tool
                ));
            }
            (Some(one), Some(other)) if one.args != other.args => {
                let (one, other) = (one.args.to_string(), other.args.to_string());
                differs.push(format!(
                    "{id} is given other arguments, {}",
                    apart(&one, &other)
                ));
            }
            (Some(one), Some(other))
                if (&one.needs, &one.after) != (&other.needs, &other.after) =>
            {
                differs.push(format!("{id} waits for other tasks"));
            }
            _ => {}
        }
    }
    differs
}

fn results(one: &RunFile, other: &RunFile) -> Vec<String> {
    let (one, other) = (values(one), values(other));
    let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let mut differs = Vec::new();
    for name in names {
        match (one.get(name), other.get(name)) {
            (Some(_), None) => differs.push(format!("{name} gave something in the first alone")),
            (None, Some(_)) => differs.push(format!("{name} gave something in the second alone")),
            (Some(one), Some(other)) if one != other => {
                differs.push(format!("{name} gave, {}", apart(one, other)));
            }
            _ => {}
        }
    }
    differs
}

/// What each operation gave, by its name within the goal.
fn values(run: &RunFile) -> BTreeMap<String, String> {
    let of_tools = run
        .steps
        .iter()
        .filter(|step| step.role == EXECUTOR && !step.name.ends_with(CALL_MARK));
    let mut values: BTreeMap<String, String> = of_tools
        .filter_map(|step| {
            let result: TaskResult = serde_json::from_str(step.result.as_deref()?).ok()?;
            Some((step.name.clone(), result.output.value.to_string()))
        })
        .collect();
    // What came to nothing is told by its last event.
    for event in run
        .events
        .iter()
        .filter_map(|event| event.read::<TaskEvent>().ok())
    {
        if let Some(reason) = event.reason
            && !values.contains_key(&event.task_id)
        {
            values.insert(event.task_id, Value::String(reason).to_string());
        }
    }
    values
}

impl Goals {
    /// What is different between two goals.
    pub(crate) fn diff(
        &self,
        node: &Node,
        tenant: &str,
        one: &str,
        other: &str,
    ) -> Result<Compared, ControlError> {
        Ok(compared(
            &self.export(node, tenant, one)?,
            &self.export(node, tenant, other)?,
        ))
    }
}

#[cfg(test)]
mod tests {
    use aios_work::content::GoalStatus;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_differs_where_somebody_would_read_it_and_nowhere_else() {
        let answer = Answer {
            status: GoalStatus::Approved,
            answer: "grün: 4".to_owned(),
            ..Answer::none("g")
        };
        let same = Answer {
            goal_id: "h".to_owned(),
            duration_ms: 7.0,
            verdict: "ab".to_owned(),
            ..answer.clone()
        };
        assert!(of_answers(&answer, &same).is_empty());
        let other = Answer {
            answer: "grün: 5".to_owned(),
            gaps: vec!["x".to_owned()],
            ..same
        };
        let differs = of_answers(&answer, &other);
        assert_eq!(differs.len(), 2, "{differs:?}");
        assert!(
            differs[0].starts_with("its text: from byte 7 on"),
            "{differs:?}"
        );
    }

    #[test]
    fn where_texts_part_is_shown_without_breaking_a_letter() {
        for (one, other) in [
            ("", "ä"),
            ("ä", "ö"),
            ("äääääääääääääääääääääääää", "ääääääääääääääääääääääääö"),
            ("same", "same and more"),
        ] {
            assert!(apart(one, other).starts_with("from byte "), "{one} {other}");
        }
    }

    #[test]
    fn plans_differ_by_their_tasks_tools_arguments_and_order() {
        let plain = Task::new("a", "t", json!({"n": 1}));
        for (other, expected) in [
            (vec![plain.clone()], None),
            (vec![], Some("a is in the first alone")),
            (
                vec![Task::new("a", "u", json!({"n": 1}))],
                Some("a is done by t and by u"),
            ),
            (
                vec![Task::new("a", "t", json!({"n": 2}))],
                Some("a is given other arguments, from byte 5"),
            ),
            (
                vec![Task {
                    after: vec!["b".to_owned()],
                    ..plain.clone()
                }],
                Some("a waits for other tasks"),
            ),
        ] {
            let differs = plans(std::slice::from_ref(&plain), &other);
            match expected {
                None => assert!(differs.is_empty(), "{differs:?}"),
                Some(begin) => assert!(differs[0].starts_with(begin), "{differs:?}"),
            }
        }
    }
}
