//! Why an act was refused, in FIPA's words.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Content, is_printable};

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// The reasons of FIPA00023 (agent management), and ours for what FIPA has no word for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum ReasonKind {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
        }

        impl ReasonKind {
            /// All reasons.
            pub const ALL: &'static [ReasonKind] = &[$(ReasonKind::$name,)*];

            /// The word.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(ReasonKind::$name => $text,)*
                }
            }
        }
    };
}

reasons! {
    /// The sender may not do this.
    Unauthorised = "unauthorised";
    /// The receiver does not take acts of this kind.
    UnsupportedAct = "unsupported-act";
    /// The act does not fit into the conversation here.
    UnexpectedAct = "unexpected-act";
    /// A parameter's value is not supported.
    UnsupportedValue = "unsupported-value";
    /// A parameter's value is not understood.
    UnrecognisedValue = "unrecognised-value";
    /// The receiver has no such function.
    UnsupportedFunction = "unsupported-function";
    /// A mandatory argument is missing.
    MissingArgument = "missing-argument";
    /// An argument that the function does not take.
    UnexpectedArgument = "unexpected-argument";
    /// The number of arguments is wrong.
    UnexpectedArgumentCount = "unexpected-argument-count";
    /// A mandatory parameter is missing.
    MissingParameter = "missing-parameter";
    /// A parameter that the function does not take.
    UnexpectedParameter = "unexpected-parameter";
    /// A parameter's value is not understood.
    UnrecognisedParameterValue = "unrecognised-parameter-value";
    /// It is registered already.
    AlreadyRegistered = "already-registered";
    /// It is not registered.
    NotRegistered = "not-registered";
    /// The receiver failed for reasons of its own.
    InternalError = "internal-error";
    /// Ours: the reply-by had passed when the act was taken up.
    DeadlinePassed = "deadline-passed";
    /// Ours: the receiver has no room; ask again later.
    Overloaded = "overloaded";
    /// Ours: nobody knows whether it was carried out.
    InDoubt = "in-doubt";
    /// Ours: the receiver is away, and nobody knows when it is there again.
    Unavailable = "unavailable";
}

impl fmt::Display for ReasonKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A reason with what it is about; the content of a refuse, failure or not-understood: `(missing-argument "file")`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reason {
    /// FIPA's word.
    pub kind: ReasonKind,
    /// What it is about, for a person; may be empty.
    pub detail: String,
}

impl Reason {
    /// A reason and what it is about.
    pub fn new(kind: ReasonKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
        }
    }

    /// Reads a content made from a reason; `None` if it is anything else.
    pub fn from_content(content: &Content) -> Option<Self> {
        content.as_str()?.parse().ok()
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.detail.is_empty() {
            return write!(f, "({})", self.kind);
        }
        write!(f, "({} \"", self.kind)?;
        for character in self.detail.chars() {
            match character {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                other if is_printable(other) => f.write_char(other)?,
                // A reason is printed wherever something was refused: it never breaks the line.
                other => write!(f, "\\u{{{:x}}}", u32::from(other))?,
            }
        }
        f.write_str("\")")
    }
}

/// The text is not a reason as we write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a reason; write (unauthorised \"what it is about\")")]
pub struct NotAReason;

impl FromStr for Reason {
    type Err = NotAReason;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let inner = text
            .strip_prefix('(')
            .and_then(|rest| rest.strip_suffix(')'))
            .ok_or(NotAReason)?;
        let (word, quoted) = inner.split_once(' ').unwrap_or((inner, ""));
        let kind = ReasonKind::ALL
            .iter()
            .copied()
            .find(|kind| kind.as_str() == word)
            .ok_or(NotAReason)?;
        if quoted.is_empty() {
            return Ok(Self::new(kind, ""));
        }
        let escaped = quoted
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .ok_or(NotAReason)?;
        let mut detail = String::with_capacity(escaped.len());
        let mut characters = escaped.chars();
        while let Some(character) = characters.next() {
            match character {
                '\\' => match characters.next().ok_or(NotAReason)? {
                    'u' => detail.push(unescaped(&mut characters)?),
                    same => detail.push(same),
                },
                '"' => return Err(NotAReason),
                other => detail.push(other),
            }
        }
        Ok(Self::new(kind, detail))
    }
}

/// What stands in `{a}`.
fn unescaped(characters: &mut std::str::Chars<'_>) -> Result<char, NotAReason> {
    let rest = characters.as_str();
    let (digits, after) = rest
        .strip_prefix('{')
        .and_then(|rest| rest.split_once('}'))
        .ok_or(NotAReason)?;
    *characters = after.chars();
    u32::from_str_radix(digits, 16)
        .ok()
        .and_then(char::from_u32)
        .ok_or(NotAReason)
}

impl From<Reason> for Content {
    fn from(reason: Reason) -> Self {
        Content::text(reason.to_string())
    }
}
