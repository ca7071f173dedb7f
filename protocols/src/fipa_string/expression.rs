//! What may stand as a parameter's value, and the parameters that FIPA does not know.

use std::fmt;

use super::AclError;
use crate::Content;

/// FIPA00070's Expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// A word, a number, a date or a string: they say the same if they have the same characters, as JADE compares them.
    /// A byte-length string may hold bytes that are no UTF-8.
    Text(Content),
    /// A list.
    List(Vec<Expression>),
}

impl Expression {
    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => text.as_str(),
            Self::List(_) => None,
        }
    }

    /// True of an empty text, which says as much as a parameter that is left out.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Text(text) if text.is_empty())
    }
}

impl From<&str> for Expression {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Expression {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl PartialEq<str> for Expression {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == Some(other)
    }
}

impl PartialEq<&str> for Expression {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

/// Parameters of a message, or of an agent-identifier, that its platform defines. Their names begin with `X-`; case does
/// not matter in them.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct UserParameters(Vec<(String, Expression)>);

/// Says that the strings of a printed message are written with escapes; see [`super`].
pub(super) const ESCAPES: &str = "X-aios-escapes";

impl UserParameters {
    /// Sets a parameter and returns what it replaces.
    ///
    /// # Errors
    /// A name that is no word beginning with `X-`.
    pub fn insert(
        &mut self,
        name: impl Into<String>,
        value: impl Into<Expression>,
    ) -> Result<Option<Expression>, AclError> {
        let name = name.into();
        if !is_name(&name) {
            return Err(AclError::Name(name));
        }
        Ok(self.set(name, value.into()))
    }

    /// The name must be one.
    pub(super) fn set(&mut self, name: String, value: Expression) -> Option<Expression> {
        match self
            .0
            .iter_mut()
            .find(|(there, _)| there.eq_ignore_ascii_case(&name))
        {
            Some((_, there)) => Some(std::mem::replace(there, value)),
            None => {
                self.0.push((name, value));
                None
            }
        }
    }

    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<&Expression> {
        self.iter()
            .find(|(there, _)| there.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Takes a parameter out.
    pub fn remove(&mut self, name: &str) -> Option<Expression> {
        let at = self
            .0
            .iter()
            .position(|(there, _)| there.eq_ignore_ascii_case(name))?;
        Some(self.0.remove(at).1)
    }

    /// All, in the order they were written.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Expression)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for UserParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

fn is_name(name: &str) -> bool {
    let own = name
        .get(..2)
        .is_some_and(|begin| begin.eq_ignore_ascii_case("x-"));
    let word = |byte: u8| byte > b' ' && !matches!(byte, b'(' | b')');
    own && name.len() > 2 && name.bytes().all(word) && !name.eq_ignore_ascii_case(ESCAPES)
}
