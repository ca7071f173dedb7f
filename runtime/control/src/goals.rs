//! Goals, as the contract speaks of them: what is handed in, what happens, how it stands.

use std::borrow::Cow;
use std::sync::Arc;

use aios_work::PlanFile;
use aios_work::content::Answer;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ControlError, Tied};

/// A goal to be worked on.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submit {
    /// A name of the asker's own, or none for a fresh one. It is the idempotency key: handed in again while the goal is under way, the
    /// same goal is the same one, and handed in after its end it is gone on with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "http",
        schemars(regex(pattern = Self::ID), length(min = 1, max = Self::ID_MAX))
    )]
    pub goal_id: Option<String>,
    /// What is wanted, in the asker's words.
    #[cfg_attr(
        feature = "http",
        schemars(regex(pattern = Self::TEXT), length(min = 1, max = Self::TEXT_CHARS_MAX))
    )]
    pub text: String,
    /// The files it is about, at most [`Submit::FILES_MAX`]. Absolute, unless the asker is in the node's own process.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(
        feature = "http",
        schemars(length(max = Self::FILES_MAX), inner(regex(pattern = r"^/[^\x00-\x1f\x7f-\x9f]*$")))
    )]
    pub data: Vec<String>,
    /// Files it is about that come with it, at most [`Submit::FILES_MAX`] of at most [`Submit::FILES_BYTES_MAX`] bytes together. The node keeps
    /// them in the goal's own folder, readable by its user alone, and from then on they are among `data`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "http", schemars(length(max = Self::FILES_MAX)))]
    pub files: Vec<GivenFile>,
    /// The folder below which the goal gets one of its own, absolute as the files are; empty for the one of the server that is asked, where
    /// it has one.
    #[cfg_attr(feature = "http", schemars(regex(pattern = "^(/.*)?$")))]
    pub out: String,
    /// Nothing of it may leave the node's machine.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub private: bool,
    /// How it is done; without it whoever knows such goals makes a plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "http", schemars(schema_with = "plan_schema"))]
    pub plan: Option<Box<PlanFile>>,
}

impl Submit {
    /// What a goal may be called: letters, digits, lines and dots, no two dots in a row and not dots alone.
    pub const ID: &'static str = r"^\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?$";
    /// Characters that it may have.
    pub const ID_MAX: usize = 64;
    /// What a goal says: words, and of control characters breaks of lines and tabs alone.
    pub const TEXT: &'static str = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*[\p{L}\p{N}][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$";
    /// Characters that this may have.
    pub const TEXT_CHARS_MAX: usize = 8 * 1024;
    /// Files that come with a goal.
    pub const FILES_MAX: usize = 16;
    /// Bytes that they have together: with what is around them they fit into one request.
    pub const FILES_BYTES_MAX: usize = 3 * 1024 * 1024 - 64 * 1024;
}

/// A file that comes with a goal.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "http", schemars(transform = written_as_it_says))]
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenFile {
    /// What it is called: one name, in no folder, that is not hidden. Its ending says what it is.
    #[cfg_attr(
        feature = "http",
        schemars(
            regex(pattern = r"^[^./\x00-\x1f\x7f-\x9f][^/\x00-\x1f\x7f-\x9f]*$"),
            length(min = 1, max = 255)
        )
    )]
    pub name: String,
    /// What is in it.
    pub content: String,
    /// How that is written.
    #[serde(default, skip_serializing_if = "Encoding::is_text")]
    pub encoding: Encoding,
    /// The place that whatever it came in has at a node's door, in the node's own process.
    #[serde(skip)]
    place: Tied,
}

/// How the bytes of a file are written.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// As text in UTF-8.
    #[default]
    Text,
    /// As base64, with padding.
    Base64,
}

impl Encoding {
    fn is_text(&self) -> bool {
        *self == Self::Text
    }
}

/// What is in it is its owner's and is not printed.
impl std::fmt::Debug for GivenFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GivenFile")
            .field("name", &self.name)
            .field("length", &self.content.len())
            .finish()
    }
}

impl GivenFile {
    /// A file of these bytes.
    #[must_use]
    pub fn new(name: impl Into<String>, bytes: Vec<u8>) -> Self {
        let name = name.into();
        match String::from_utf8(bytes) {
            Ok(content) => Self {
                name,
                content,
                encoding: Encoding::Text,
                place: Tied::default(),
            },
            Err(error) => Self {
                name,
                content: STANDARD.encode(error.as_bytes()),
                encoding: Encoding::Base64,
                place: Tied::default(),
            },
        }
    }

    /// The same file, which has this place for as long as it is there.
    #[cfg(feature = "http")]
    pub(crate) fn tied(&mut self, place: &Tied) {
        self.place = place.clone();
    }

    /// The place that it has: whoever keeps its bytes keeps it too, until they are put down somewhere.
    #[must_use]
    pub fn place(&self) -> Tied {
        self.place.clone()
    }

    /// The bytes.
    ///
    /// # Errors
    /// When they are no base64.
    pub fn bytes(&self) -> Result<Vec<u8>, ControlError> {
        match self.encoding {
            Encoding::Text => Ok(self.content.as_bytes().to_vec()),
            Encoding::Base64 => STANDARD.decode(&self.content).map_err(|error| {
                ControlError::invalid(format!(
                    "the content of file {:?} is no base64: {error}",
                    self.name.chars().take(255).collect::<String>()
                ))
            }),
        }
    }
}

/// What is not said to be base64 is text.
#[cfg(feature = "http")]
fn written_as_it_says(schema: &mut schemars::Schema) {
    let base64 =
        "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$";
    schema.insert(
        "anyOf".to_owned(),
        serde_json::json!([
            {"properties": {"encoding": {"const": "text"}}},
            {"required": ["encoding"], "properties": {"encoding": {"const": "base64"}, "content": {"pattern": base64}}},
        ]),
    );
}

/// A plan as a file has it, or none. `docs/formats/plan.md` says what it means, and a node looks besides whether there are such tools and
/// whether each task can come to its turn.
#[cfg(feature = "http")]
pub(crate) fn plan_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let texts = || serde_json::json!({"type": "array", "items": {"type": "string"}});
    let (some, none) = (
        || serde_json::json!({"type": "string"}),
        || serde_json::json!({"type": "null"}),
    );
    let number = |most: u64| serde_json::json!({"type": "integer", "minimum": 0, "maximum": most});
    let each = serde_json::json!({
        "type": ["object", "null"],
        "required": ["$from", "most"],
        "additionalProperties": false,
        "properties": {"$from": some(), "at": some(), "most": number(u64::MAX)},
    });
    let agent = serde_json::json!({"type": "string", "pattern": "^[A-Za-z0-9_-]{1,48}$"});
    let task = serde_json::json!({
        "type": "object",
        "required": ["id", "args"],
        "additionalProperties": false,
        "oneOf": [
            {"required": ["tool"], "properties": {"tool": some(), "agent": none()}},
            {"required": ["agent"], "properties": {"agent": agent, "tool": none()}},
        ],
        "properties": {
            "id": some(),
            "tool": {"type": ["string", "null"]},
            "agent": {"type": ["string", "null"]},
            "args": {"type": "object"},
            "needs": texts(),
            "after": texts(),
            "each": each,
            "deadline_ms": number(u64::MAX),
            "tokens": number(u32::MAX.into()),
            "point": {"type": ["string", "null"]},
            "title": {"type": ["string", "null"]},
            "prose": {"type": "boolean"},
            "recheck": {},
            "meaning": {},
        },
    });
    let point = serde_json::json!({
        "type": "object",
        "required": ["id", "asks"],
        "additionalProperties": false,
        "properties": {
            "id": some(),
            "asks": some(),
            "facts": {"type": "array", "items": {"type": "object"}},
            "words": texts(),
        },
    });
    schemars::json_schema!({
        "type": ["object", "null"],
        "required": ["goal"],
        "additionalProperties": false,
        "properties": {
            "goal": some(),
            "source": {"type": "string", "enum": ["rules", "model", "file"]},
            "domain": {"type": ["string", "null"]},
            "tasks": {"type": "array", "items": task},
            "points": {"type": "array", "items": point},
            "gaps": texts(),
            "meaning": {},
        },
    })
}

/// A goal that was taken up.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitted {
    /// Its name.
    pub goal_id: String,
}

/// What a goal's watcher asks for.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Events {
    /// Which goal.
    pub goal_id: String,
    /// The last event the watcher has seen; zero for none. Whoever was cut off goes on where it stopped.
    #[serde(default, deserialize_with = "crate::integer::integer")]
    pub after_seq: u64,
}

/// Something that happened while a goal was under way.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its number among the goal's events, from one. A number that is left out is an event that is not kept any more.
    pub seq: u64,
    /// What it tells of.
    pub kind: EventKind,
    /// What happened, in the form of its kind.
    pub body: Value,
}

/// What an event tells of.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A task of the goal moved.
    Task,
    /// An agent fell or came back.
    Agent,
    /// An engine has written more; the body is `{"text": ..}`.
    Text,
    /// An engine has ended; the body is a [`Generated`](crate::Generated).
    Answer,
    /// It came to nothing; the body is a [`ControlError`].
    Refused,
    /// A message was sent, verified or refused; the body is a [`MessageHappened`](crate::MessageHappened).
    Message,
    /// A goal moved on; the body is a [`GoalHappened`](crate::GoalHappened).
    Goal,
    /// A person is asked or has decided; the body is an [`ApprovalHappened`](crate::ApprovalHappened).
    Approval,
    /// A message was not delivered; the body is a [`LetterLine`](crate::LetterLine).
    DeadLetter,
    /// A breaker changed; the body is a [`BreakerHappened`](crate::BreakerHappened).
    Breaker,
    /// Somebody spent something; the body is a [`BudgetHappened`](crate::BudgetHappened).
    Budget,
    /// Something was commanded or refused; the body is an [`AuditLine`](crate::AuditLine).
    Audit,
    /// The tree looks otherwise; the body is a [`TreePage`](crate::TreePage).
    Tree,
    /// What was asked for is not kept any more; the body is a [`Reset`](crate::Reset).
    Reset,
    /// The watcher is too slow for all that happens; the body is a [`Gap`](crate::Gap).
    Gap,
    /// A kind that this version does not know.
    #[serde(other)]
    Other,
}

impl EventKind {
    /// All that this version knows.
    pub const KNOWN: [Self; 15] = [
        Self::Task,
        Self::Agent,
        Self::Text,
        Self::Answer,
        Self::Refused,
        Self::Message,
        Self::Goal,
        Self::Approval,
        Self::DeadLetter,
        Self::Breaker,
        Self::Budget,
        Self::Audit,
        Self::Tree,
        Self::Reset,
        Self::Gap,
    ];

    /// Its name, as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Agent => "agent",
            Self::Text => "text",
            Self::Answer => "answer",
            Self::Refused => "refused",
            Self::Message => "message",
            Self::Goal => "goal",
            Self::Approval => "approval",
            Self::DeadLetter => "dead_letter",
            Self::Breaker => "breaker",
            Self::Budget => "budget",
            Self::Audit => "audit",
            Self::Tree => "tree",
            Self::Reset => "reset",
            Self::Gap => "gap",
            Self::Other => "other",
        }
    }
}

impl Event {
    /// The body as the type of its kind.
    ///
    /// # Errors
    /// When it is another.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        T::deserialize(&self.body)
    }
}

/// Where a goal stands.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GoalPhase {
    /// It is under way.
    Running,
    /// It has an answer, whole, partial or why there is none.
    Answered,
    /// It ended without an answer.
    Failed,
    /// It was called off.
    Cancelled,
    /// Its node ended while it was under way; it goes on when a node starts over the same store, or when it is resumed.
    Interrupted,
    /// It rests until somebody goes on with it.
    Paused,
    /// The node ended over it again and again, so it was set aside until somebody looks at it.
    Parked,
}

/// A goal in a list.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoalLine {
    /// Its name.
    pub goal_id: String,
    /// What is wanted; empty of one whose record says it no more.
    pub text: String,
    /// Where it stands; `interrupted` of one whose record cannot be read, since nobody works on it.
    pub phase: GoalPhase,
    /// Why its record cannot be read, of one that stays for that where it was: no node goes on with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
}

impl GoalLine {
    /// What a list for people says of it: what is wanted, or why nobody goes on with it.
    #[must_use]
    pub fn words(&self) -> Cow<'_, str> {
        match &self.unreadable {
            None => Cow::Borrowed(&self.text),
            Some(why) if self.text.is_empty() => {
                format!("(its record cannot be read: {why})").into()
            }
            Some(why) => format!("{} (its record cannot be read: {why})", self.text).into(),
        }
    }
}

/// How a goal stands.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GoalState {
    /// Its name.
    pub goal_id: String,
    /// Where it stands.
    pub phase: GoalPhase,
    /// Its last event; zero for none.
    pub last_seq: u64,
    /// What it ended with, of one that is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "http", schemars(with = "Option<Value>"))]
    pub answer: Option<Arc<Answer>>,
    /// Why there is no answer, of one that failed or was set aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ControlError>,
}

/// Why a goal is where it is, and what can be done about it.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explained {
    /// Its name.
    pub goal_id: String,
    /// Where it stands.
    pub phase: GoalPhase,
    /// Why, in a sentence.
    pub why: String,
    /// What it waits for, in a sentence each.
    pub waits_for: Vec<String>,
    /// What it has already: the tasks whose results were accepted, which are not done again.
    pub has: Vec<String>,
    /// What went wrong on the way, in the order it happened.
    pub evidence: Vec<String>,
    /// What can be done now.
    pub can: Vec<Way>,
}

/// Something that can be done.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    /// What it does.
    pub does: String,
    /// The command.
    pub command: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_says_of_a_goal_what_is_wanted_and_why_its_record_cannot_be_read() {
        for (written, words) in [
            (
                r#"{"goal_id":"g","text":"Count","phase":"running"}"#,
                "Count",
            ),
            (
                r#"{"goal_id":"g","text":"","phase":"interrupted","unreadable":"form 2"}"#,
                "(its record cannot be read: form 2)",
            ),
            (
                r#"{"goal_id":"g","text":"Count","phase":"interrupted","unreadable":"form 2"}"#,
                "Count (its record cannot be read: form 2)",
            ),
        ] {
            let line: GoalLine = serde_json::from_str(written).unwrap();
            assert_eq!(line.words(), words);
            assert_eq!(serde_json::to_string(&line).unwrap(), written);
        }
    }

    #[test]
    fn a_file_travels_as_text_where_it_is_text_and_as_base64_where_it_is_not() {
        for (bytes, written) in [
            (&b"a,b\n1,2\n"[..], r#"{"name":"f","content":"a,b\n1,2\n"}"#),
            (
                b"\xff\x00",
                r#"{"name":"f","content":"/wA=","encoding":"base64"}"#,
            ),
            (b"", r#"{"name":"f","content":""}"#),
        ] {
            let file = GivenFile::new("f", bytes.to_vec());
            assert_eq!(serde_json::to_string(&file).unwrap(), written);
            let read: GivenFile = serde_json::from_str(written).unwrap();
            assert_eq!(read.bytes().unwrap(), bytes);
        }
        let wrong = r#"{"name":"f","content":"x","encoding":"base64"}"#;
        let wrong: GivenFile = serde_json::from_str(wrong).unwrap();
        assert!(wrong.bytes().unwrap_err().message.contains("no base64"));
        assert!(!format!("{:?}", GivenFile::new("f", b"secret".to_vec())).contains("secret"));
    }
}
