//! To whom a message goes, and what may be said without ceremony.

use std::fmt;

use aios_protocols::{AgentId, Content, Draft, Party, Performative, PrincipalId, ProtocolName};

/// A receiver: one party by name, or any agent of a role.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// This one.
    Party(Party),
    /// Any of this role, such as `macro.executor`; the directory chooses.
    Role(String),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Party(party) => party.fmt(f),
            Self::Role(role) => f.pad(role),
        }
    }
}

/// A text that reads as a party is one; any other is taken as a role, which is then found or not.
impl From<&str> for Address {
    fn from(text: &str) -> Self {
        text.parse()
            .map_or_else(|_| Self::Role(text.to_owned()), Self::Party)
    }
}

impl From<String> for Address {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<Party> for Address {
    fn from(party: Party) -> Self {
        Self::Party(party)
    }
}

impl From<&Party> for Address {
    fn from(party: &Party) -> Self {
        Self::Party(party.clone())
    }
}

impl From<AgentId> for Address {
    fn from(id: AgentId) -> Self {
        Self::Party(id.into())
    }
}

impl From<&AgentId> for Address {
    fn from(id: &AgentId) -> Self {
        Self::Party(id.into())
    }
}

impl From<PrincipalId> for Address {
    fn from(id: PrincipalId) -> Self {
        Self::Party(id.into())
    }
}

/// What can be asked or told: a whole draft, or a content alone.
pub trait IntoDraft {
    /// The draft; a bare content becomes `alone`.
    fn into_draft(self, alone: Performative) -> Draft;
}

impl IntoDraft for Draft {
    fn into_draft(self, _: Performative) -> Draft {
        self
    }
}

impl IntoDraft for Content {
    fn into_draft(self, alone: Performative) -> Draft {
        let draft = Draft::new(alone, self);
        match ProtocolName::natural_for(alone) {
            Some(protocol) => draft.protocol(protocol),
            None => draft,
        }
    }
}

impl IntoDraft for &str {
    fn into_draft(self, alone: Performative) -> Draft {
        Content::text(self).into_draft(alone)
    }
}

impl IntoDraft for String {
    fn into_draft(self, alone: Performative) -> Draft {
        Content::text(self).into_draft(alone)
    }
}
