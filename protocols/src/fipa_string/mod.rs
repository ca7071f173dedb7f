//! The string form of FIPA00070: written for logs, read from and written to other platforms (JADE, SPADE).
//!
//! The string carries FIPA's 13 parameters and no signature, so what is read from it is an [`Acl`], never a trusted
//! message: whoever takes one in decides what its sender may do and sends an own, signed [`Draft`].
//!
//! Strings are quoted as JADE quotes them: only `"` is escaped, by a backslash; a text that ends in a backslash would
//! read as an escaped end and is written with its length in front. Reading is strict (an unknown or repeated parameter
//! is an error) and bounded in size, depth and counts; it does not recurse.

mod read;
mod write;

use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;

pub use read::{ReadError, ReadProblem, parse};

use crate::{
    Content, ConversationId, Draft, IdentityError, Message, Party, Performative, ProtocolName,
    Timestamp, UnknownProtocol,
};

/// Longest string that is read, in bytes.
pub const MAX_TEXT: usize = 1024 * 1024;
/// Deepest nesting of parentheses that is read.
pub const MAX_DEPTH: usize = 32;
/// Most agents, addresses or user-defined parameters in one place.
pub const MAX_ENTRIES: usize = 256;

/// User-defined parameter that says how a content that is no text was written.
const CONTENT_FORM: &str = "X-aios-content";
/// Metadata that keeps a foreign conversation's own name.
const FOREIGN_CONVERSATION: &str = "fipa-conversation-id";

/// A message as a string carries it: names and values of any platform, nothing checked but the grammar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acl {
    /// The act.
    pub performative: Performative,
    /// Who says it.
    pub sender: Option<AgentName>,
    /// To whom.
    pub receivers: Vec<AgentName>,
    /// To whom answers go.
    pub reply_to: Vec<AgentName>,
    /// What is said.
    pub content: Option<String>,
    /// Language of the content.
    pub language: Option<String>,
    /// Encoding of the content's language.
    pub encoding: Option<String>,
    /// Ontology of the content.
    pub ontology: Option<String>,
    /// Interaction protocol.
    pub protocol: Option<String>,
    /// Conversation.
    pub conversation_id: Option<String>,
    /// What an answer must name.
    pub reply_with: Option<String>,
    /// What this answers.
    pub in_reply_to: Option<String>,
    /// Latest time for the next message, in whole milliseconds.
    pub reply_by: Option<Timestamp>,
    /// User-defined parameters; their names begin with `X-`.
    pub user: BTreeMap<String, String>,
}

/// FIPA's agent-identifier. Resolvers and user-defined parts of it are read over.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentName {
    /// The name.
    pub name: String,
    /// Transport addresses.
    pub addresses: Vec<String>,
}

impl AgentName {
    /// A name without addresses.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            addresses: Vec::new(),
        }
    }
}

/// Why a string's message is none of ours.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AclError {
    /// An agent whose name is not one of ours.
    #[error("{0}; give foreign agents a principal's name before letting them in")]
    Party(#[from] IdentityError),
    /// A protocol that is not enforced here.
    #[error(transparent)]
    Protocol(#[from] UnknownProtocol),
    /// Content that is said to be hexadecimal and is not.
    #[error("the content is not hexadecimal as {CONTENT_FORM} says")]
    Hex,
}

/// A message in FIPA's string form, on one line. Its envelope goes along as user-defined parameters.
pub fn to_string(message: &Message) -> String {
    Acl::from(message).to_string()
}

impl Acl {
    /// An act without parameters.
    pub fn new(performative: Performative) -> Self {
        Self {
            performative,
            sender: None,
            receivers: Vec::new(),
            reply_to: Vec::new(),
            content: None,
            language: None,
            encoding: None,
            ontology: None,
            protocol: None,
            conversation_id: None,
            reply_with: None,
            in_reply_to: None,
            reply_by: None,
            user: BTreeMap::new(),
        }
    }

    /// A draft that says the same, to be signed by whoever vouches for it. The sender and the user-defined parameters
    /// are left behind. A conversation's foreign name is kept in the metadata under `fipa-conversation-id`.
    pub fn to_draft(&self) -> Result<Draft, AclError> {
        let content = match (&self.content, self.user.get(CONTENT_FORM)) {
            (None, _) => Content::empty(),
            (Some(digits), Some(form)) if form == "hex" => {
                Content::bytes(read_hex(digits).ok_or(AclError::Hex)?)
            }
            (Some(text), _) => Content::text(text.as_str()),
        };
        let mut draft = Draft::new(self.performative, content);
        for party in &self.receivers {
            draft = draft.to(party.name.parse::<Party>()?);
        }
        for party in &self.reply_to {
            draft = draft.reply_to(party.name.parse::<Party>()?);
        }
        if let Some(name) = &self.protocol {
            draft = draft.protocol(name.parse::<ProtocolName>()?);
        }
        if let Some(name) = &self.conversation_id {
            draft = draft.conversation(ConversationId::from_foreign(name));
            if name.parse::<ConversationId>().is_err() {
                draft = draft.metadata(FOREIGN_CONVERSATION, name);
            }
        }
        let with = |draft, text: &Option<String>, set: fn(Draft, String) -> Draft| match text {
            Some(text) => set(draft, text.clone()),
            None => draft,
        };
        draft = with(draft, &self.language, Draft::language);
        draft = with(draft, &self.encoding, Draft::encoding);
        draft = with(draft, &self.ontology, Draft::ontology);
        draft = with(draft, &self.reply_with, Draft::reply_with);
        draft = with(draft, &self.in_reply_to, Draft::in_reply_to);
        if let Some(latest) = self.reply_by {
            draft = draft.reply_by(latest);
        }
        Ok(draft)
    }
}

impl From<&Message> for Acl {
    fn from(message: &Message) -> Self {
        let name = |party: &Party| AgentName::new(party.as_str());
        let envelope = &message.envelope;
        let mut user = BTreeMap::from([
            ("X-aios-message-id".to_owned(), envelope.id.to_string()),
            ("X-aios-tenant".to_owned(), envelope.tenant.to_string()),
            ("X-aios-qos".to_owned(), envelope.qos.to_string()),
            ("X-aios-epoch".to_owned(), envelope.epoch.to_string()),
            ("X-aios-sequence".to_owned(), envelope.sequence.to_string()),
            ("X-aios-time".to_owned(), envelope.timestamp.to_fipa()),
        ]);
        if let Some(trace) = &envelope.trace {
            user.insert("X-traceparent".to_owned(), trace.to_string());
        }
        let foreign = envelope.metadata.get(FOREIGN_CONVERSATION);
        let content = match message.content.as_str() {
            Some("") => None,
            Some(text) => Some(text.to_owned()),
            None => {
                user.insert(CONTENT_FORM.to_owned(), "hex".to_owned());
                Some(write_hex(message.content.as_bytes()))
            }
        };
        Self {
            performative: message.performative,
            sender: Some(name(&message.sender)),
            receivers: message.receivers.iter().map(name).collect(),
            reply_to: message.reply_to.iter().map(name).collect(),
            content,
            language: message.language.clone(),
            encoding: message.encoding.clone(),
            ontology: message.ontology.clone(),
            protocol: message.protocol.map(|name| name.to_string()),
            conversation_id: Some(
                foreign.map_or_else(|| message.conversation_id.to_string(), String::clone),
            ),
            reply_with: message.reply_with.clone(),
            in_reply_to: message.in_reply_to.clone(),
            reply_by: message.reply_by,
            user,
        }
    }
}

impl fmt::Display for Acl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write::write(self, f)
    }
}

fn write_hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn read_hex(text: &str) -> Option<Vec<u8>> {
    let value = |digit: u8| char::from(digit).to_digit(16).map(|value| value as u8);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs
        .iter()
        .map(|[high, low]| Some(value(*high)? << 4 | value(*low)?))
        .collect()
}
