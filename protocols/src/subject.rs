//! Subjects of the data bus, in NATS's grammar: tokens joined by dots; in a pattern `*` stands for one token and `>`
//! for one or more at the end.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::printable::Printable;
use crate::{TenantId, is_printable};

/// Bytes of a subject or pattern.
const MAX_SUBJECT: usize = 512;

/// Why a text is no subject.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SubjectError {
    /// Longer than allowed.
    #[error("a subject of {asked} bytes is too long, {allowed} are allowed")]
    TooLong {
        /// Bytes found.
        asked: usize,
        /// Bytes allowed.
        allowed: usize,
    },
    /// Two dots in a row, or a dot at an end.
    #[error("`{}` has an empty token; subjects are tokens joined by single dots", Printable(.0))]
    EmptyToken(String),
    /// White space, a character that is not seen, or a wildcard where none may be.
    #[error("{found:?} is not allowed in `{}`", Printable(.text))]
    Character {
        /// The character.
        found: char,
        /// Where.
        text: String,
    },
    /// `>` somewhere else than at the end.
    #[error("`{}` has `>` before its end; it stands for all that follows", Printable(.0))]
    TailNotLast(String),
}

/// Where something is published.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(Arc<str>);

/// What a subscription listens to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectPattern(Arc<str>);

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum EventTopic {
    Task,
    Agent,
    Model,
    Health,
    Breaker,
}

impl EventTopic {
    /// The token.
    pub const fn as_str(self) -> &'static str {
        match self {
            EventTopic::Task => "task",
            EventTopic::Agent => "agent",
            EventTopic::Model => "model",
            EventTopic::Health => "health",
            EventTopic::Breaker => "breaker",
        }
    }
}

/// What kind of data is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum DataKind {
    Results,
    Metrics,
    Logs,
    Feedback,
}

impl DataKind {
    /// The token.
    pub const fn as_str(self) -> &'static str {
        match self {
            DataKind::Results => "results",
            DataKind::Metrics => "metrics",
            DataKind::Logs => "logs",
            DataKind::Feedback => "feedback",
        }
    }
}

impl Subject {
    /// `aios.events.{kind}.{what}`
    pub fn event(kind: EventTopic, what: &str) -> Self {
        Self::join(&["aios", "events", kind.as_str(), &token(what)])
    }

    /// `aios.data.{kind}.{id}`
    pub fn data(kind: DataKind, id: &str) -> Self {
        Self::join(&["aios", "data", kind.as_str(), &token(id)])
    }

    /// `aios.control.broadcast`
    pub fn broadcast() -> Self {
        Self::join(&["aios", "control", "broadcast"])
    }

    /// `aios.control.{agent type}.{what}`
    pub fn control(agent_type: &str, what: &str) -> Self {
        Self::join(&["aios", "control", &token(agent_type), &token(what)])
    }

    /// `ingest.{what}`
    pub fn ingest(what: &str) -> Self {
        Self::join(&["ingest", &token(what)])
    }

    /// `dlq.{what}`: dead letters.
    pub fn dead_letters(what: &str) -> Self {
        Self::join(&["dlq", &token(what)])
    }

    /// `metering.{what}`
    pub fn metering(what: &str) -> Self {
        Self::join(&["metering", &token(what)])
    }

    /// `tenant.{id}.{subject}`
    #[must_use]
    pub fn of_tenant(&self, tenant: &TenantId) -> Self {
        Self::join(&["tenant", tenant.as_str(), &self.0])
    }

    /// The subject.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn join(tokens: &[&str]) -> Self {
        Self(tokens.join(".").into())
    }
}

impl SubjectPattern {
    /// Every event of a kind: `aios.events.{kind}.>`
    pub fn events(kind: EventTopic) -> Self {
        Self(format!("aios.events.{}.>", kind.as_str()).into())
    }

    /// All data of a kind: `aios.data.{kind}.*`
    pub fn data(kind: DataKind) -> Self {
        Self(format!("aios.data.{}.*", kind.as_str()).into())
    }

    /// All of a tenant's subjects: `tenant.{id}.>`
    pub fn tenant(tenant: &TenantId) -> Self {
        Self(format!("tenant.{tenant}.>").into())
    }

    /// The pattern.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True if something published on the subject reaches this pattern.
    pub fn matches(&self, subject: &Subject) -> bool {
        let mut tokens = subject.0.split('.');
        for wanted in self.0.split('.') {
            match (wanted, tokens.next()) {
                (">", Some(_)) => return true,
                ("*", Some(_)) => {}
                (wanted, Some(found)) if wanted == found => {}
                _ => return false,
            }
        }
        tokens.next().is_none()
    }
}

/// Makes any text one token: what has a meaning in subjects is written as `%` and two hexadecimal digits. No two texts
/// give the same token. An empty text gives `%`.
pub fn token(text: &str) -> String {
    use fmt::Write as _;
    if text.is_empty() {
        return "%".to_owned();
    }
    let mut token = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '.' | '*' | '>' | '%') || is_blank(character) {
            let mut buffer = [0; 4];
            for byte in character.encode_utf8(&mut buffer).bytes() {
                // Writing into a String cannot fail.
                let _ = write!(token, "%{byte:02x}");
            }
        } else {
            token.push(character);
        }
    }
    token
}

fn is_blank(character: char) -> bool {
    character.is_whitespace() || !is_printable(character)
}

fn check(text: &str, wildcards: bool) -> Result<(), SubjectError> {
    if text.len() > MAX_SUBJECT {
        return Err(SubjectError::TooLong {
            asked: text.len(),
            allowed: MAX_SUBJECT,
        });
    }
    let mut tokens = text.split('.').peekable();
    while let Some(token) = tokens.next() {
        match token {
            "" => return Err(SubjectError::EmptyToken(text.to_owned())),
            "*" if wildcards => continue,
            ">" if wildcards && tokens.peek().is_none() => continue,
            ">" if wildcards => return Err(SubjectError::TailNotLast(text.to_owned())),
            _ => {}
        }
        if let Some(found) = token
            .chars()
            .find(|&c| matches!(c, '*' | '>') || is_blank(c))
        {
            return Err(SubjectError::Character {
                found,
                text: text.to_owned(),
            });
        }
    }
    Ok(())
}

impl FromStr for Subject {
    type Err = SubjectError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        check(text, false).map(|()| Self(text.into()))
    }
}

impl FromStr for SubjectPattern {
    type Err = SubjectError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        check(text, true).map(|()| Self(text.into()))
    }
}

macro_rules! written_as_text {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
written_as_text!(Subject, SubjectPattern);
