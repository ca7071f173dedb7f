//! Conversations: who speaks with whom by which protocol, who owes what by when, and what was said of late.

use serde::{Deserialize, Serialize};

use crate::MessageHappened;

/// Which conversations are wanted.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConversationsAsked {
    /// Only those of this agent, by its whole name or by its role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Only those that are held for this goal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal_id: Option<String>,
}

/// A conversation in a list.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationLine {
    /// Its name.
    pub conversation: String,
    /// Who opened it.
    pub initiator: String,
    /// The protocol; none for an act that stands alone, or when that is not known any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// The goal it is held for, as far as that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal_id: Option<String>,
    /// Whether it is still under way.
    pub open: bool,
    /// Each participant, and how far it is.
    pub participants: Vec<Participant>,
    /// Who has to say something next.
    pub owed: Vec<Owed>,
    /// Messages of it that are still on record.
    pub messages: u64,
    /// When the last of them was seen, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_at: Option<String>,
}

/// Somebody in a conversation.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Participant {
    /// Who.
    pub party: String,
    /// How far: `asked`, `agreed`, `proposed`, `accepted`, `answering`, `cancelling`, or how it ended: `done`, `refused`, `failed`,
    /// `rejected`, `cancelled`, `undelivered`, `not_understood`, `abandoned`. `unknown` for one that is over.
    pub state: String,
}

/// Something that is to be said.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owed {
    /// By whom.
    pub party: String,
    /// Until when, RFC 3339; none if nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// A conversation closely.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationShown {
    /// As it stands in the list.
    #[serde(flatten)]
    pub line: ConversationLine,
    /// What was said, oldest first, as far as somebody watched then and it is kept.
    pub said: Vec<MessageHappened>,
}
