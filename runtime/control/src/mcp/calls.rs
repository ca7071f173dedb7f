//! What a call of a tool is, in the contract's words.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Ask, ControlError, Decision, Judge, Request, Submit, form};

/// How long is waited for an answer unless somebody says otherwise, in seconds.
const WAIT_S: u64 = 30;
/// The longest.
const WAIT_S_MAX: u64 = 600;
/// How long an agent may take unless somebody says otherwise.
const DEADLINE_MS: u64 = 120_000;
/// Goals in a list unless somebody says otherwise.
const GOALS: usize = 50;

/// What is to be done for a call.
#[derive(Debug, PartialEq)]
pub(super) enum Call {
    /// Asked once; the answer is given as it is.
    Once(Request),
    /// Asked once; the answer is a list, of which so many are given under a name.
    List(Request, &'static str, usize),
    /// A goal is begun, and waited for.
    Submit(Submit, u64),
    /// A goal is waited for.
    Status(String, u64),
    /// The tree, drawn.
    Outline,
}

fn read<T: DeserializeOwned + Serialize>(fields: Map<String, Value>) -> Result<T, ControlError> {
    form::take(&Value::Object(fields)).map_err(|error| {
        ControlError::invalid(format!("the arguments are not right: {error}"))
            .advise("give what the tool's schema says")
    })
}

fn waited(wait_s: Option<u64>) -> Result<u64, ControlError> {
    let wait_s = wait_s.unwrap_or(WAIT_S);
    if wait_s > WAIT_S_MAX {
        let message = format!("wait_s is {wait_s}, allowed is 0 to {WAIT_S_MAX}");
        return Err(ControlError::invalid(message));
    }
    Ok(wait_s)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Begin {
    goal: String,
    #[serde(default)]
    files: Vec<String>,
    #[serde(default)]
    out: String,
    goal_id: Option<String>,
    #[serde(default)]
    private: bool,
    #[serde(default, deserialize_with = "crate::integer::may_be")]
    wait_s: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wait {
    goal_id: String,
    #[serde(default, deserialize_with = "crate::integer::may_be")]
    wait_s: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limit {
    #[serde(default, deserialize_with = "crate::integer::may_be")]
    limit: Option<usize>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    agent: String,
    content: String,
    #[serde(default, deserialize_with = "crate::integer::may_be")]
    deadline_ms: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Decided {
    id: String,
    decision: Decision,
    #[serde(default)]
    reason: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl Call {
    pub(super) fn submit(fields: Map<String, Value>) -> Result<Self, ControlError> {
        let begin: Begin = read(fields)?;
        let wait_s = waited(begin.wait_s)?;
        let submit = Submit {
            goal_id: begin.goal_id,
            text: begin.goal,
            data: begin.files,
            files: Vec::new(),
            out: begin.out,
            private: begin.private,
            plan: None,
        };
        Ok(Self::Submit(submit, wait_s))
    }

    pub(super) fn status(fields: Map<String, Value>) -> Result<Self, ControlError> {
        let Wait { goal_id, wait_s } = read(fields)?;
        Ok(Self::Status(goal_id, waited(wait_s)?))
    }

    pub(super) fn goals(fields: Map<String, Value>) -> Result<Self, ControlError> {
        let Limit { limit } = read(fields)?;
        Ok(Self::List(
            Request::Goals {},
            "goals",
            limit.unwrap_or(GOALS),
        ))
    }

    pub(super) fn ask(fields: Map<String, Value>) -> Result<Self, ControlError> {
        let words: Words = read(fields)?;
        Ok(Self::agent(words.agent, words.content, words.deadline_ms))
    }

    /// A question to an agent.
    pub(super) fn agent(agent: String, content: String, deadline_ms: Option<u64>) -> Self {
        Self::Once(Request::Ask(Ask {
            agent,
            content,
            deadline_ms: deadline_ms.unwrap_or(DEADLINE_MS),
        }))
    }

    /// A question to the agent of a charter, in the form that its tool has.
    pub(super) fn of_charter(charter: &str, mut fields: Map<String, Value>) -> Self {
        let alone = fields.len() == 1;
        let content = match (fields.get("text"), alone) {
            (Some(Value::String(text)), true) => text.clone(),
            _ => match (fields.remove("input"), alone) {
                (Some(Value::String(text)), true) => text,
                (Some(input), true) => input.to_string(),
                (input, _) => {
                    if let Some(input) = input {
                        fields.insert("input".to_owned(), input);
                    }
                    Value::Object(fields).to_string()
                }
            },
        };
        Self::agent(charter.to_owned(), content, None)
    }

    pub(super) fn decide(fields: Map<String, Value>) -> Result<Self, ControlError> {
        let Decided {
            id,
            decision,
            reason,
        } = read(fields)?;
        Ok(Self::Once(Request::Decide {
            id,
            decision,
            reason,
        }))
    }

    pub(super) fn outline(fields: Map<String, Value>) -> Result<Self, ControlError> {
        let Nothing {} = read(fields)?;
        Ok(Self::Outline)
    }

    /// A text to be judged. The tool is one that changes nothing, so its criteria have nothing run and nobody asked.
    pub(super) fn judge(fields: Map<String, Value>) -> Result<Self, ControlError> {
        let asked: Judge = read(fields)?;
        Ok(Self::Once(Request::Judge(Judge {
            alone: true,
            ..asked
        })))
    }

    /// A request whose fields are the arguments.
    pub(super) fn plain(
        ask: &'static str,
        mut fields: Map<String, Value>,
    ) -> Result<Self, ControlError> {
        fields.insert("ask".to_owned(), ask.into());
        Ok(Self::Once(read(fields)?))
    }

    /// A query without fields whose answer is a list.
    pub(super) fn listed(
        ask: &'static str,
        name: &'static str,
        fields: Map<String, Value>,
    ) -> Result<Self, ControlError> {
        match Self::plain(ask, fields)? {
            Self::Once(request) => Ok(Self::List(request, name, usize::MAX)),
            other => Ok(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ErrorKind;

    fn fields(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_call_is_a_request_of_the_contract() {
        let call = Call::submit(fields(
            json!({"goal": "sum it", "files": ["/a.csv"], "wait_s": 0}),
        ));
        let Ok(Call::Submit(submit, 0)) = call else {
            panic!("{call:?}");
        };
        assert_eq!(
            (submit.text.as_str(), submit.data),
            ("sum it", vec!["/a.csv".to_owned()])
        );
        let cancel = Call::plain("cancel", fields(json!({"goal_id": "g"})));
        let goal_id = "g".to_owned();
        assert_eq!(cancel, Ok(Call::Once(Request::Cancel { goal_id })));
        for (refused, name) in [
            (Call::submit(fields(json!({}))), "goal"),
            (Call::submit(fields(json!({"goal": 1}))), "string"),
            (
                Call::status(fields(json!({"goal_id": "g", "wait_s": 601}))),
                "601",
            ),
            (
                Call::plain("cancel", fields(json!({"goal_id": "g", "x": 1}))),
                "x",
            ),
            (
                Call::decide(fields(json!({"id": "a", "decision": "maybe"}))),
                "maybe",
            ),
            (Call::outline(fields(json!({"x": 1}))), "x"),
        ] {
            let error = refused.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Invalid);
            assert!(error.message.contains(name), "{error}");
        }
    }

    #[test]
    fn a_text_is_judged_alone_whatever_its_criteria_and_its_asker_say() {
        for more in [json!({}), json!({"alone": false})] {
            let mut given = fields(json!({
                "goal": "Say it.", "answer": "It is so.",
                "criteria": "[[checks]]\nkind = \"command\"\nrun = [\"touch\", \"/x\"]",
            }));
            given.extend(fields(more));
            let Ok(Call::Once(Request::Judge(asked))) = Call::judge(given) else {
                panic!("it is judged");
            };
            assert!(asked.alone && asked.criteria.is_some());
        }
        assert!(Call::judge(fields(json!({"goal": "x", "run": "y"}))).is_err());
    }

    #[test]
    fn an_agent_is_asked_in_the_form_that_its_charter_says() {
        for (given, content) in [
            (json!({"text": "hello"}), "hello"),
            (json!({"input": "hello"}), "hello"),
            (json!({"input": [1]}), "[1]"),
            (json!({"a": 1, "b": "x"}), r#"{"a":1,"b":"x"}"#),
            (json!({"text": 1}), r#"{"text":1}"#),
            (json!({}), "{}"),
        ] {
            let Call::Once(Request::Ask(ask)) = Call::of_charter("clerk", fields(given)) else {
                panic!("it asks");
            };
            assert_eq!(
                (ask.agent.as_str(), ask.content.as_str()),
                ("clerk", content)
            );
        }
    }
}
