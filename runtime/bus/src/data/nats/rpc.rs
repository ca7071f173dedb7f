//! What an event looks like to a program in any language: a JSON-RPC 2.0 notification, or a batch of them. Pure.
//!
//! The signature is not in it; it travels in the headers of the frame, over all of these bytes.

use aios_protocols::Qos;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of the form.
const JSONRPC: &str = "2.0";
/// What the parameters are.
pub const PROTOCOL: &str = "aios-data/1";

/// A notification: somebody says something and waits for no answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// Always `2.0`.
    pub jsonrpc: String,
    /// The act, in FIPA's words: `inform` for all that is told.
    pub method: String,
    /// What is said, by whom, as part of what.
    pub params: Params,
}

/// See [`Notification`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Params {
    /// Always [`PROTOCOL`].
    pub protocol: String,
    /// Who says it.
    pub sender: String,
    /// To whom: the subject, which is whoever listens.
    pub receiver: String,
    /// What it is part of.
    pub conversation: ConversationPart,
    /// What is said.
    pub semantic: Semantic,
    /// How soon it should be taken up.
    pub qos: Qos,
}

/// What a notification is part of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationPart {
    /// The goal, agent or service that it is about.
    pub id: String,
    /// The kind of thing that is told about it.
    pub thread: String,
    /// Grows with each notification of this sender since it began.
    pub sequence: u64,
}

/// What is said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Semantic {
    /// The act.
    pub performative: String,
    /// What gives the content its meaning.
    pub ontology: String,
    /// The content.
    pub content: Value,
}

impl Notification {
    /// What is told on a subject without a tenant's prefix. Content that is no JSON is told as text.
    pub fn inform(sender: &str, subject: &str, sequence: u64, content: &[u8]) -> Self {
        let content = serde_json::from_slice(content)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(content).into_owned()));
        let (thread, id) = split(subject);
        Self {
            jsonrpc: JSONRPC.to_owned(),
            method: "inform".to_owned(),
            params: Params {
                protocol: PROTOCOL.to_owned(),
                sender: sender.to_owned(),
                receiver: subject.to_owned(),
                conversation: ConversationPart {
                    id: id.to_owned(),
                    thread: thread.to_owned(),
                    sequence,
                },
                semantic: Semantic {
                    performative: "inform".to_owned(),
                    ontology: thread.to_owned(),
                    content,
                },
                qos: Qos::Bulk,
            },
        }
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Strings, numbers and values always have a JSON form.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads one.
    ///
    /// # Errors
    /// What of it is not as it should be.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let read: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        read.of_this_protocol()
    }

    /// Reads what a message holds: one notification, or a batch of at least one, in the order in which they were told.
    ///
    /// # Errors
    /// What of it is not as it should be. Of a batch all is read or nothing.
    pub fn read_all(bytes: &[u8]) -> Result<Vec<Self>, String> {
        if bytes.trim_ascii_start().first() != Some(&b'[') {
            return Ok(vec![Self::read(bytes)?]);
        }
        let read: Vec<Self> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if read.is_empty() {
            return Err("a batch without a notification".to_owned());
        }
        read.into_iter().map(Self::of_this_protocol).collect()
    }

    fn of_this_protocol(self) -> Result<Self, String> {
        if self.jsonrpc != JSONRPC || self.params.protocol != PROTOCOL {
            return Err(format!(
                "{} of {} is spoken, not {PROTOCOL} of {JSONRPC}",
                self.params.protocol, self.jsonrpc
            ));
        }
        Ok(self)
    }
}

/// The kind of thing and the thing: three tokens and the rest, or one and the rest.
fn split(subject: &str) -> (&str, &str) {
    let tokens = if subject.starts_with("aios.") { 3 } else { 1 };
    subject
        .match_indices('.')
        .nth(tokens - 1)
        .map_or((subject, ""), |(at, _)| {
            (&subject[..at], &subject[at + 1..])
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_has_the_form_that_other_languages_read() {
        let event = Notification::inform(
            "service:node@local",
            "aios.events.task.g1",
            7,
            br#"{"status":"running"}"#,
        );
        let expected = json!({
            "jsonrpc": "2.0",
            "method": "inform",
            "params": {
                "protocol": "aios-data/1",
                "sender": "service:node@local",
                "receiver": "aios.events.task.g1",
                "conversation": {"id": "g1", "thread": "aios.events.task", "sequence": 7},
                "semantic": {
                    "performative": "inform",
                    "ontology": "aios.events.task",
                    "content": {"status": "running"},
                },
                "qos": "bulk",
            },
        });
        let bytes = event.to_bytes();
        assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), expected);
        assert_eq!(Notification::read(&bytes).unwrap(), event);
    }

    #[test]
    fn subjects_are_split_into_kind_and_thing() {
        for (subject, thread, id) in [
            (
                "aios.events.agent.macro.x.001@eu",
                "aios.events.agent",
                "macro.x.001@eu",
            ),
            ("aios.data.results.g1", "aios.data.results", "g1"),
            ("dlq.outbox", "dlq", "outbox"),
            ("alone", "alone", ""),
        ] {
            assert_eq!(split(subject), (thread, id));
        }
    }

    #[test]
    fn what_is_no_json_is_told_as_text_and_what_is_no_notification_is_not_read() {
        let text = Notification::inform("s", "dlq.x", 1, b"plain");
        assert_eq!(text.params.semantic.content, "plain");
        for none in [&b""[..], b"{}", br#"{"jsonrpc":"2.0"}"#] {
            assert!(Notification::read(none).is_err());
        }
        let mut other = text;
        other.params.protocol = "aios-data/2".into();
        assert!(Notification::read(&other.to_bytes()).is_err());
    }

    #[test]
    fn a_batch_is_read_whole_or_not_at_all() {
        let one = Notification::inform("s", "a.b", 1, b"1");
        let two = Notification::inform("s", "a.b", 2, b"2");
        let [first, second] = [&one, &two].map(|it| String::from_utf8(it.to_bytes()).unwrap());
        let all = |text: &str| Notification::read_all(text.as_bytes());
        assert_eq!(all(&first), Ok(vec![one.clone()]));
        assert_eq!(all(&format!("[{first}]")), Ok(vec![one.clone()]));
        assert_eq!(all(&format!(" [{first},{second}]")), Ok(vec![one, two]));
        for none in [
            "",
            "[]",
            "[[]]",
            &format!("[{first},{{}}]"),
            &format!("[{first}"),
        ] {
            assert!(all(none).is_err(), "{none}");
        }
    }
}
