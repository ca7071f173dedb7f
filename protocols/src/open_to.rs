//! Whom an agent is open to: its own word about who may open a conversation with it, kept in its card.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::identity::check_kind;
use crate::{IdentityError, Party, PrincipalKind, Tier};

/// Some of those who may open a conversation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Opener {
    /// Whoever the tiers allow: `anyone`.
    Anyone,
    /// Agents of a tier: `macro`.
    Tier(Tier),
    /// Agents of a role, by their tier and type: `macro.planner`.
    Role(Role),
    /// Principals of a kind, of any tenant the agent serves: `user`, `service`.
    Principal(PrincipalKind),
}

/// A tier and a type of agent, the first two parts of its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Role(String);

impl Role {
    /// The role: `macro.planner`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Role {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (tier, kind) = text
            .split_once('.')
            .ok_or_else(|| IdentityError::Opener(crate::identity::shortened(text)))?;
        tier.parse::<Tier>()?;
        check_kind(kind)?;
        Ok(Self(text.to_owned()))
    }
}

impl Opener {
    /// Whether this party is one of them.
    pub fn includes(&self, party: &Party) -> bool {
        match (self, party) {
            (Self::Anyone, _) => true,
            (Self::Tier(tier), Party::Agent(agent)) => agent.tier() == *tier,
            (Self::Role(role), Party::Agent(agent)) => agent.role() == role.as_str(),
            (Self::Principal(kind), Party::Principal(principal)) => principal.kind() == *kind,
            _ => false,
        }
    }
}

impl fmt::Display for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anyone => "anyone",
            Self::Tier(tier) => tier.as_str(),
            Self::Role(role) => role.as_str(),
            Self::Principal(kind) => kind.as_str(),
        })
    }
}

impl FromStr for Opener {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "anyone" => Self::Anyone,
            "user" => Self::Principal(PrincipalKind::User),
            "service" => Self::Principal(PrincipalKind::Service),
            "macro" => Self::Tier(Tier::Macro),
            "meso" => Self::Tier(Tier::Meso),
            "micro" => Self::Tier(Tier::Micro),
            role => Self::Role(role.parse()?),
        })
    }
}

impl TryFrom<String> for Opener {
    type Error = IdentityError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Opener> for String {
    fn from(opener: Opener) -> Self {
        opener.to_string()
    }
}

impl From<Tier> for Opener {
    fn from(tier: Tier) -> Self {
        Self::Tier(tier)
    }
}

impl From<PrincipalKind> for Opener {
    fn from(kind: PrincipalKind) -> Self {
        Self::Principal(kind)
    }
}

impl From<Role> for Opener {
    fn from(role: Role) -> Self {
        Self::Role(role)
    }
}

/// Who may open a conversation with an agent, within what the tiers allow ([`access`](crate::access)).
///
/// An agent that says nothing is open to agents of all tiers and to no principal. Written as the list of its openers,
/// separated by commas, or `none`; in JSON as a list, which is empty for none.
///
/// Nearly all agents say the same, so the list is shared by all who do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenTo(Arc<BTreeSet<Opener>>);

/// What is said by saying nothing.
static AGENTS: LazyLock<OpenTo> = LazyLock::new(|| {
    [Tier::Macro, Tier::Meso, Tier::Micro]
        .map(Opener::Tier)
        .into_iter()
        .collect()
});

impl Serialize for OpenTo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for OpenTo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Arc::new(BTreeSet::deserialize(deserializer)?)))
    }
}

impl Default for OpenTo {
    fn default() -> Self {
        Self::agents()
    }
}

impl OpenTo {
    /// Agents of all tiers, and no principal.
    pub fn agents() -> Self {
        AGENTS.clone()
    }

    /// Whoever the tiers allow, principals too.
    pub fn anyone() -> Self {
        [Opener::Anyone].into_iter().collect()
    }

    /// Nobody: such an agent only speaks first.
    pub fn none() -> Self {
        Self(Arc::default())
    }

    /// Lets these in too.
    pub fn add(&mut self, opener: impl Into<Opener>) {
        Arc::make_mut(&mut self.0).insert(opener.into());
    }

    /// The same with these too.
    #[must_use]
    pub fn and(mut self, opener: impl Into<Opener>) -> Self {
        self.add(opener);
        self
    }

    /// Whether this party is let in.
    pub fn admits(&self, party: &Party) -> bool {
        self.0.iter().any(|opener| opener.includes(party))
    }

    /// Whether nobody is.
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// Who is let in.
    pub fn openers(&self) -> &BTreeSet<Opener> {
        &self.0
    }
}

impl FromIterator<Opener> for OpenTo {
    fn from_iter<I: IntoIterator<Item = Opener>>(openers: I) -> Self {
        Self(Arc::new(openers.into_iter().collect()))
    }
}

impl fmt::Display for OpenTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_none() {
            return f.write_str("none");
        }
        for (at, opener) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{opener}")?;
        }
        Ok(())
    }
}

impl FromStr for OpenTo {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim() {
            "none" => Ok(Self::none()),
            list => list.split(',').map(|word| word.trim().parse()).collect(),
        }
    }
}
