//! Fields of a front matter, taken one by one; what nobody took is unknown, and named with what was most likely meant.

use serde_json::{Map, Value};

use super::CharterError;

/// The fields of one place, such as the whole front matter or its `budget`.
pub(super) struct Fields {
    /// The place with its dot, or nothing.
    place: &'static str,
    left: Map<String, Value>,
    known: &'static [&'static str],
}

impl Fields {
    /// Fields of which these names are known.
    ///
    /// # Errors
    /// The first that is not known, with the one most like it.
    pub(super) fn new(
        place: &'static str,
        fields: Map<String, Value>,
        known: &'static [&'static str],
    ) -> Result<Self, CharterError> {
        if let Some(key) = fields.keys().find(|key| !known.contains(&key.as_str())) {
            let nearest = crate::nearest(key, known.iter().copied()).unwrap_or_default();
            return Err(CharterError::UnknownKey {
                key: format!("{place}{}", short(key)),
                nearest: format!("{place}{nearest}"),
            });
        }
        Ok(Self {
            place,
            left: fields,
            known,
        })
    }

    /// A field; none if it is not there or nothing stands behind it.
    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        debug_assert!(self.known.contains(&key));
        self.left.remove(key).filter(|value| !value.is_null())
    }

    /// What is wrong with a field.
    pub(super) fn wrong(&self, key: &str, why: impl Into<String>) -> CharterError {
        CharterError::Wrong {
            key: format!("{}{key}", self.place),
            why: why.into(),
        }
    }

    /// A text on one line or several, of so many bytes at most.
    pub(super) fn text(&mut self, key: &str, most: usize) -> Result<Option<String>, CharterError> {
        let Some(value) = self.take(key) else {
            return Ok(None);
        };
        let text = match value {
            Value::String(text) => text.trim().to_owned(),
            // A name such as 007 reads as a number.
            Value::Number(number) => number.to_string(),
            other => return Err(self.wrong(key, format!("it is {}, expected text", what(&other)))),
        };
        if text.is_empty() {
            return Ok(None);
        }
        if text.len() > most {
            let asked = text.len();
            return Err(self.wrong(key, format!("it has {asked} bytes, {most} are allowed")));
        }
        Ok(Some(text))
    }

    /// Names, as a list or with commas between them, so many at most, each once.
    pub(super) fn names(&mut self, key: &str, most: usize) -> Result<Vec<String>, CharterError> {
        let Some(value) = self.take(key) else {
            return Ok(Vec::new());
        };
        let mut names: Vec<String> = Vec::new();
        for name in listed(&value).ok_or_else(|| {
            let what = what(&value);
            self.wrong(key, format!("it is {what}, expected a list of names"))
        })? {
            if name.len() > NAME_BYTES {
                let name = short(&name);
                return Err(self.wrong(key, format!("{name:?} is longer than {NAME_BYTES} bytes")));
            }
            if names.contains(&name) {
                return Err(self.wrong(key, format!("{name:?} stands there twice")));
            }
            names.push(name);
        }
        if names.len() > most {
            let asked = names.len();
            return Err(self.wrong(key, format!("{asked} names, {most} are allowed")));
        }
        Ok(names)
    }

    /// A whole number within bounds.
    pub(super) fn whole(
        &mut self,
        key: &str,
        least: u64,
        most: u64,
    ) -> Result<Option<u64>, CharterError> {
        let Some(value) = self.take(key) else {
            return Ok(None);
        };
        match value
            .as_u64()
            .filter(|number| (least..=most).contains(number))
        {
            Some(number) => Ok(Some(number)),
            None => Err(self.wrong(
                key,
                format!(
                    "it is {}, expected a whole number from {least} to {most}",
                    shown(&value)
                ),
            )),
        }
    }
}

/// Bytes of a name in a list.
const NAME_BYTES: usize = 128;

/// The names of a list, or of a text with commas between them; none if it is neither.
pub(super) fn listed(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(
            text.split(',')
                .map(|name| name.trim().to_owned())
                .filter(|name| !name.is_empty())
                .collect(),
        ),
        Value::Array(items) => items
            .iter()
            .map(|item| item.as_str().map(|name| name.trim().to_owned()))
            .collect(),
        _ => None,
    }
}

/// A name from outside, short enough for a sentence.
pub(super) fn short(name: &str) -> String {
    crate::shown::terminal(&name.chars().take(64).collect::<String>())
}

/// What a value is, for a sentence.
pub(super) fn what(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

/// A value as it was written, if it is short.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => format!("{:?}", short(text)),
        other => what(other).to_owned(),
    }
}
