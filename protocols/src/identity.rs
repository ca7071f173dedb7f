//! Who speaks: agents in three tiers, and principals outside the system.
//!
//! An identifier is parsed once at the edge and is a checked value from there on. Cloning one is a reference count.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::printable::Printable;

/// Longest kind of agent, in bytes.
const MAX_KIND: usize = 32;
/// Longest instance, zone, tenant or principal name, in bytes.
const MAX_PART: usize = 64;

/// The layer an agent lives on; the order is from thinking to reflex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Decides by a language model; speaks FIPA-ACL.
    Macro,
    /// Decides by rules; keeps the system's own services.
    Meso,
    /// One per resource; decides by bio-inspired rules and does not sign.
    Micro,
}

impl Tier {
    /// The word used in identifiers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Tier::Macro => "macro",
            Tier::Meso => "meso",
            Tier::Micro => "micro",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Tier {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "macro" => Ok(Tier::Macro),
            "meso" => Ok(Tier::Meso),
            "micro" => Ok(Tier::Micro),
            other => Err(IdentityError::Tier(shortened(other))),
        }
    }
}

/// Why a text is no identifier.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IdentityError {
    /// The text has not the four parts of an agent identifier.
    #[error(
        "`{}` is not an agent identifier; write {{tier}}.{{type}}.{{instance}}@{{zone}}, as in macro.planner.001@global",
        Printable(.0)
    )]
    Shape(String),
    /// The first part names no tier.
    #[error("`{}` is not a tier; use macro, meso or micro", Printable(.0))]
    Tier(String),
    /// The text has not the parts of a principal identifier.
    #[error(
        "`{}` is not a principal; write user:{{name}}@{{tenant}} or service:{{name}}@{{tenant}}",
        Printable(.0)
    )]
    Principal(String),
    /// The text names nobody who could open a conversation.
    #[error(
        "`{}` is nobody an agent can be open to; write anyone, user, service, a tier as in macro, or a role as in macro.planner",
        Printable(.0)
    )]
    Opener(String),
    /// A part is empty.
    #[error("the {part} of an identifier is empty")]
    Empty {
        /// Which part.
        part: &'static str,
    },
    /// A part is longer than allowed.
    #[error("the {part} of an identifier is {asked} bytes long, {allowed} are allowed")]
    TooLong {
        /// Which part.
        part: &'static str,
        /// Length found.
        asked: usize,
        /// Length allowed.
        allowed: usize,
    },
    /// A part has a character that is not allowed there.
    #[error("{found:?} is not allowed in the {part} of an identifier; use {allowed}")]
    Character {
        /// Which part.
        part: &'static str,
        /// The character found.
        found: char,
        /// What may stand there.
        allowed: &'static str,
    },
}

/// Keeps a foreign text short enough for an error message.
pub(crate) fn shortened(text: &str) -> String {
    const SHOWN: usize = 80;
    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(SHOWN).collect();
    short.push('…');
    short
}

fn check_length(part: &'static str, text: &str, allowed: usize) -> Result<(), IdentityError> {
    if text.is_empty() {
        return Err(IdentityError::Empty { part });
    }
    if text.len() > allowed {
        return Err(IdentityError::TooLong {
            part,
            asked: text.len(),
            allowed,
        });
    }
    Ok(())
}

pub(crate) fn check_kind(text: &str) -> Result<(), IdentityError> {
    check_length("type", text, MAX_KIND)?;
    let refuse = |found| {
        Err(IdentityError::Character {
            part: "type",
            found,
            allowed: "a lower-case letter, then lower-case letters, digits, - and _",
        })
    };
    for (position, character) in text.chars().enumerate() {
        let fits = character.is_ascii_lowercase()
            || (position > 0 && (character.is_ascii_digit() || matches!(character, '-' | '_')));
        if !fits {
            return refuse(character);
        }
    }
    Ok(())
}

fn check_word(part: &'static str, text: &str) -> Result<(), IdentityError> {
    check_length(part, text, MAX_PART)?;
    match text
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_')))
    {
        None => Ok(()),
        Some(found) => Err(IdentityError::Character {
            part,
            found,
            allowed: "letters, digits, - and _",
        }),
    }
}

fn check_name(text: &str) -> Result<(), IdentityError> {
    check_length("name", text, MAX_PART)?;
    match text
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+')))
    {
        None => Ok(()),
        Some(found) => Err(IdentityError::Character {
            part: "name",
            found,
            allowed: "letters, digits, -, _, . and +",
        }),
    }
}

/// An agent's name: `{tier}.{type}.{instance}@{zone}`, as in `macro.planner.001@global`.
///
/// Ordered by tier, type, instance, zone.
#[derive(Clone)]
pub struct AgentId {
    text: Arc<str>,
    tier: Tier,
    /// Where the type ends and the instance ends; both are far below 256 by the length rules.
    kind_end: u8,
    instance_end: u8,
}

impl AgentId {
    /// Builds an identifier from its parts.
    pub fn new(tier: Tier, kind: &str, instance: &str, zone: &str) -> Result<Self, IdentityError> {
        check_kind(kind)?;
        check_word("instance", instance)?;
        check_word("zone", zone)?;
        Ok(Self::checked(
            format!("{tier}.{kind}.{instance}@{zone}").into(),
            tier,
            kind,
            instance,
        ))
    }

    /// The parts were checked and `text` is made of them.
    fn checked(text: Arc<str>, tier: Tier, kind: &str, instance: &str) -> Self {
        let kind_end = tier.as_str().len() + 1 + kind.len();
        let instance_end = kind_end + 1 + instance.len();
        Self {
            text,
            tier,
            kind_end: kind_end as u8,
            instance_end: instance_end as u8,
        }
    }

    /// The whole identifier.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The tier.
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// Tier and type, the name under which such agents are spawned: `macro.planner`.
    pub fn role(&self) -> &str {
        &self.text[..self.kind_end as usize]
    }

    /// The type: `planner`.
    pub fn kind(&self) -> &str {
        &self.text[self.tier.as_str().len() + 1..self.kind_end as usize]
    }

    /// The instance: `001`.
    pub fn instance(&self) -> &str {
        &self.text[self.kind_end as usize + 1..self.instance_end as usize]
    }

    /// The zone: `global`.
    pub fn zone(&self) -> &str {
        &self.text[self.instance_end as usize + 1..]
    }
}

impl FromStr for AgentId {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shape = || IdentityError::Shape(shortened(text));
        let (path, zone) = text.split_once('@').ok_or_else(shape)?;
        let mut parts = path.splitn(3, '.');
        let (Some(tier), Some(kind), Some(instance)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(shape());
        };
        let tier: Tier = tier.parse()?;
        check_kind(kind)?;
        check_word("instance", instance)?;
        check_word("zone", zone)?;
        Ok(Self::checked(text.into(), tier, kind, instance))
    }
}

impl Ord for AgentId {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.tier, self.kind(), self.instance(), self.zone()).cmp(&(
            other.tier,
            other.kind(),
            other.instance(),
            other.zone(),
        ))
    }
}

/// Someone outside: a person or a program of a tenant, as in `user:alice@acme`.
#[derive(Clone)]
pub struct PrincipalId {
    text: Arc<str>,
    kind: PrincipalKind,
    name_end: u8,
}

/// What a principal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PrincipalKind {
    /// A program.
    Service,
    /// A person.
    User,
}

impl PrincipalKind {
    /// The word used in identifiers.
    pub const fn as_str(self) -> &'static str {
        match self {
            PrincipalKind::Service => "service",
            PrincipalKind::User => "user",
        }
    }
}

impl PrincipalId {
    /// Builds an identifier from its parts.
    pub fn new(kind: PrincipalKind, name: &str, tenant: &TenantId) -> Result<Self, IdentityError> {
        check_name(name)?;
        let text: Arc<str> = format!("{}:{name}@{tenant}", kind.as_str()).into();
        Ok(Self::checked(text, kind, name))
    }

    fn checked(text: Arc<str>, kind: PrincipalKind, name: &str) -> Self {
        let name_end = kind.as_str().len() + 1 + name.len();
        Self {
            text,
            kind,
            name_end: name_end as u8,
        }
    }

    /// The whole identifier.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Person or program.
    pub fn kind(&self) -> PrincipalKind {
        self.kind
    }

    /// The name: `alice`.
    pub fn name(&self) -> &str {
        &self.text[self.kind.as_str().len() + 1..self.name_end as usize]
    }

    /// The tenant's name: `acme`.
    pub fn tenant(&self) -> &str {
        &self.text[self.name_end as usize + 1..]
    }
}

impl FromStr for PrincipalId {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shape = || IdentityError::Principal(shortened(text));
        let (kind, rest) = text.split_once(':').ok_or_else(shape)?;
        let (name, tenant) = rest.split_once('@').ok_or_else(shape)?;
        let kind = match kind {
            "user" => PrincipalKind::User,
            "service" => PrincipalKind::Service,
            _ => return Err(shape()),
        };
        check_name(name)?;
        check_word("tenant", tenant)?;
        Ok(Self::checked(text.into(), kind, name))
    }
}

impl Ord for PrincipalId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

/// Whose data a message is about. Travels with every message.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(Arc<str>);

impl TenantId {
    /// Longest name in bytes.
    pub(crate) const MAX_LENGTH: usize = MAX_PART;

    /// Checks and keeps a tenant's name.
    pub fn new(name: &str) -> Result<Self, IdentityError> {
        check_word("tenant", name)?;
        Ok(Self(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TenantId {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

/// Who sends or receives: an agent, or a principal outside.
///
/// Agents sort before principals.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party {
    /// An agent of the system.
    Agent(AgentId),
    /// A person or program outside.
    Principal(PrincipalId),
}

impl Party {
    /// The whole identifier.
    pub fn as_str(&self) -> &str {
        match self {
            Party::Agent(id) => id.as_str(),
            Party::Principal(id) => id.as_str(),
        }
    }

    /// The whole identifier, for whoever keeps it: the same text, and no other one.
    pub fn text(&self) -> Arc<str> {
        match self {
            Party::Agent(id) => Arc::clone(&id.text),
            Party::Principal(id) => Arc::clone(&id.text),
        }
    }

    /// The agent, if it is one.
    pub fn agent(&self) -> Option<&AgentId> {
        match self {
            Party::Agent(id) => Some(id),
            Party::Principal(_) => None,
        }
    }

    /// The principal, if it is one.
    pub fn principal(&self) -> Option<&PrincipalId> {
        match self {
            Party::Agent(_) => None,
            Party::Principal(id) => Some(id),
        }
    }
}

impl FromStr for Party {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // A colon stands in every principal and in no agent.
        if text.contains(':') {
            text.parse().map(Party::Principal)
        } else {
            text.parse().map(Party::Agent)
        }
    }
}

impl From<AgentId> for Party {
    fn from(id: AgentId) -> Self {
        Party::Agent(id)
    }
}

impl From<&AgentId> for Party {
    fn from(id: &AgentId) -> Self {
        Party::Agent(id.clone())
    }
}

impl From<PrincipalId> for Party {
    fn from(id: PrincipalId) -> Self {
        Party::Principal(id)
    }
}

impl From<&PrincipalId> for Party {
    fn from(id: &PrincipalId) -> Self {
        Party::Principal(id.clone())
    }
}

impl From<&Party> for Party {
    fn from(party: &Party) -> Self {
        party.clone()
    }
}

/// Equality, order and hash of these two follow their text.
macro_rules! compared_by_text {
    ($($name:ident),*) => {$(
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.text == other.text
            }
        }
        impl Eq for $name {}
        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.text.hash(state);
            }
        }
        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.text
            }
        }
    )*};
}
compared_by_text!(AgentId, PrincipalId);

/// Printed, and kept in data, as their text.
macro_rules! written_as_text {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
written_as_text!(AgentId, PrincipalId, TenantId, Party);
