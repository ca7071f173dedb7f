//! The string form of FIPA00070: printed for logs, read from and written to other platforms (JADE).
//!
//! The string carries FIPA's 13 parameters and no signature, so what is read from it is an [`Acl`], never a trusted
//! message: whoever takes one in decides what its sender may do and sends an own, signed [`Draft`].
//!
//! There are two forms, and [`parse`] reads both back as they were. [`Acl::encode`] is for other platforms: FIPA's
//! strings know no escape but `\"`, so a text goes out as it is, line breaks included, and bytes that are no UTF-8 with
//! their length in front (`#2"..`). [`to_string`] and `Display` are for people: always one line, in which every character
//! that is not seen or moves others is written as `\u{a}`, every byte that is no UTF-8 as `\xff` and a backslash as `\\`.
//! A message that needs this says so first, by `:X-aios-escapes true`; one that does not is FIPA00070 as it stands.
//!
//! Reading follows the grammar: which parameter takes a word, a string, a date, an identifier or any expression. Where
//! JADE writes more than the grammar has, that is read too (words as content, strings as names). It is bounded in size,
//! depth and counts, and takes time in proportion to the text.

mod draft;
mod expression;
mod read;
mod reader;
mod when;
mod write;

use std::fmt;

use thiserror::Error;

pub use expression::{Expression, UserParameters};
pub use read::{parse, unreached};
pub use reader::{ReadError, ReadProblem};
pub use when::When;

use crate::printable::Printable;
use crate::{Content, IdentityError, Message, Performative, UnknownProtocol};

/// Longest string that is read, in bytes: what one frame carries.
pub const MAX_TEXT: usize = 1024 * 1024;
/// Deepest nesting of parentheses in one parameter. SL nests in the content, which is a string and is not read here.
pub const MAX_DEPTH: usize = 32;
/// Most agents in one set, and addresses or resolvers of one agent: more than a signed message carries would be read in
/// vain.
pub const MAX_AGENTS: usize = crate::Limits::CONTROL.parties;
/// Most parameters of a message or of an agent-identifier; FIPA knows 12, the rest are somebody's own.
pub const MAX_PARAMETERS: usize = 128;
/// Most parameters, agents, addresses and entries of lists in one message, all together. Each takes some hundred bytes of memory for
/// two bytes of text, so this keeps a message of 1 MiB below 4 MiB in memory.
pub const MAX_ENTRIES: usize = 16 * 1024;

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
    pub content: Option<Content>,
    /// Language of the content.
    pub language: Option<Expression>,
    /// Encoding of the content's language.
    pub encoding: Option<Expression>,
    /// Ontology of the content.
    pub ontology: Option<Expression>,
    /// Interaction protocol; a word.
    pub protocol: Option<String>,
    /// Conversation.
    pub conversation_id: Option<Expression>,
    /// What an answer must name.
    pub reply_with: Option<Expression>,
    /// What this answers.
    pub in_reply_to: Option<Expression>,
    /// Latest time for the next message.
    pub reply_by: Option<When>,
    /// User-defined parameters.
    pub user: UserParameters,
}

/// FIPA's agent-identifier.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AgentName {
    /// The name; not empty.
    pub name: String,
    /// Transport addresses.
    pub addresses: Vec<String>,
    /// Who knows more addresses.
    pub resolvers: Vec<AgentName>,
    /// User-defined parameters.
    pub user: UserParameters,
}

impl AgentName {
    /// A name without addresses.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }
}

/// Why a message cannot be written for others, or a string's message is none of ours.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AclError {
    /// An agent whose name is not one of ours.
    #[error("{0}; give foreign agents a name of ours before letting them in")]
    Party(#[from] IdentityError),
    /// A protocol that is not enforced here.
    #[error(transparent)]
    Protocol(#[from] UnknownProtocol),
    /// Content that is said to be base64 and is not.
    #[error("the content is not base64 as :X-JADE-Encoding says")]
    Base64,
    /// A parameter whose bytes are no text, where messages of ours hold a text.
    #[error("the {0} is not UTF-8; write a text")]
    NoText(&'static str),
    /// Not the name of a user-defined parameter.
    #[error("`{}` is not the name of a user-defined parameter; write X- and a word", Printable(.0))]
    Name(String),
    /// A value that the grammar has no form for.
    #[error("the {slot} `{}` cannot be written; {instead}", Printable(.value))]
    Unwritable {
        /// Where it stands.
        slot: &'static str,
        /// What stands there.
        value: String,
        /// What could.
        instead: &'static str,
    },
}

/// A message in FIPA's string form, on one line. Its envelope goes along as user-defined parameters, its free metadata as
/// a list of their own, so that nothing in them can be taken for a parameter.
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
            user: UserParameters::default(),
        }
    }

    /// The bytes for another platform.
    ///
    /// # Errors
    /// A value that would not be read back as it is, such as a protocol of two words.
    pub fn encode(&self) -> Result<Vec<u8>, AclError> {
        write::check(self)?;
        Ok(write::plain(self))
    }
}

/// For people; see [`to_string`].
impl fmt::Display for Acl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&write::printed(self))
    }
}

/// For people, on one line, as it stands in a message.
impl fmt::Display for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&write::printed_agent(self))
    }
}
