//! A message that was refused, as it is kept.

use aios_protocols::{ConversationId, MessageId, Party, Performative, Timestamp};
use serde::Serialize;

/// One refused message.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AuditEntry {
    /// When it was refused.
    pub at: Timestamp,
    /// Who refused it.
    pub by: Party,
    /// Who sent it, or claims to have.
    pub from: Option<Party>,
    /// A word from a closed list, such as `bad-signature`.
    pub label: &'static str,
    /// Why, in words.
    pub reason: String,
    /// The message, if it could be read and its signature was right.
    pub message: Option<Refused>,
}

/// What is kept of a refused message; never its content.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Refused {
    /// Its name.
    pub id: MessageId,
    /// The conversation it names.
    pub conversation: ConversationId,
    /// The act.
    pub performative: Performative,
}
