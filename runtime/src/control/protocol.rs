//! What is said at a door.

use aios_actors::recovery::Decision;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The longest request and the longest answer, in bytes; a tree of ten thousand agents fits.
pub const LINE_MAX: usize = 4 * 1024 * 1024;

/// What a visitor may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// The node at this moment: [`NodeView`](crate::NodeView).
    View {},
    /// The swarm.
    Swarm {
        /// What about it.
        about: SwarmQuestion,
    },
    /// Kills an agent as a fault would; its supervisor answers.
    Kill {
        /// Its name.
        agent: String,
    },
    /// What humans are asked: a list of [`Approval`](aios_actors::recovery::Approval)s.
    Approvals {},
    /// Decides what a human was asked. The user at the other end of the door is the owner, so the decision is signed with the owner's key.
    Decide {
        /// Which question.
        id: String,
        /// What is said.
        decision: Decision,
        /// Why; may be empty.
        reason: String,
    },
    /// Stops an agent and keeps it down.
    Stop {
        /// Its name.
        agent: String,
    },
}

/// What may be asked about the swarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "view", rename_all = "snake_case", deny_unknown_fields)]
pub enum SwarmQuestion {
    /// Every zone and kind in numbers.
    Show {},
    /// The strongest agents of a kind and how all are spread.
    Top {
        /// The kind, such as `page`.
        kind: String,
        /// How many.
        most: usize,
    },
    /// One agent closely.
    Agent {
        /// Its name, such as `micro.page.0x0000000102000A2F@local`.
        id: String,
    },
}

/// What a visitor hears: the answer, or one sentence that says why there is none and what to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    Answer(Value),
    Refused(String),
}

impl Reply {
    /// The line that travels. An answer that does not fit is refused in words instead.
    pub(crate) fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        if line.is_empty() || line.len() >= LINE_MAX {
            let most = LINE_MAX;
            let sentence = format!(
                "the answer has {} bytes, {most} are allowed; ask for less",
                line.len()
            );
            line = serde_json::to_vec(&Self::Refused(sentence)).unwrap_or_default();
        }
        line.push(b'\n');
        line
    }
}

/// Reads a request; the sentence says what is wrong with it.
pub(crate) fn read(line: &[u8]) -> Result<Request, String> {
    serde_json::from_slice(line).map_err(|error| format!("this is no request: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_reads_as_it_was_written_and_nothing_else_reads() {
        let requests = [
            Request::View {},
            Request::Swarm {
                about: SwarmQuestion::Top {
                    kind: "page".into(),
                    most: 5,
                },
            },
            Request::Kill {
                agent: "macro.planner.001@local".into(),
            },
        ];
        for request in requests {
            let line = serde_json::to_vec(&request).unwrap();
            assert_eq!(read(&line), Ok(request));
        }
        for line in [
            "",
            "{}",
            "[]",
            r#"{"ask":"everything"}"#,
            r#"{"ask":"view","as":"root"}"#,
            r#"{"ask":"kill"}"#,
        ] {
            let refused = read(line.as_bytes()).unwrap_err();
            assert!(refused.starts_with("this is no request: "), "{line}");
        }
    }

    #[test]
    fn an_answer_that_is_too_long_is_refused_in_words() {
        let long = Reply::Answer(Value::String("x".repeat(LINE_MAX)));
        let line = long.line();
        assert!(line.len() < 200);
        assert!(String::from_utf8(line).unwrap().contains("ask for less"));
    }
}
