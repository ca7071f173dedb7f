//! What a server's process is given of the node's environment: what is named, and what no program finds its way without.
//!
//! The values of what is named are secrets. They are known here so that they can be taken out of what the server says when it fails.

use std::env;
use std::ffi::OsString;

use serde_json::Value;

use super::plain::plain;

/// What every process gets if it is there: programs, home, temporary files, language, time zone, who one is.
const USUAL: [&str; 9] = [
    "PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "USER", "LOGNAME",
];
/// A value that is shorter is no secret, and taking it out of a text would only spoil it.
const SECRET_LEAST: usize = 6;

/// Words in the name of a variable that say that its value is a secret.
const SECRET_NAMES: [&str; 8] = [
    "KEY", "TOKEN", "SECRET", "PASS", "PWD", "CRED", "AUTH", "COOKIE",
];
/// Letters from which on a value is no plain word, such as the name of an environment.
const WORD: usize = 16;

/// A variable that is not set.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the environment variable {0} is not set; set it before the node starts, or leave it out of the configuration"
)]
pub(crate) struct NotSet(pub(crate) String);

/// Variables with their values.
#[derive(Clone, Default)]
pub(crate) struct Environment {
    usual: Vec<(String, OsString)>,
    named: Vec<(String, OsString)>,
}

impl Environment {
    /// What there is under these names, and the usual.
    pub(crate) fn of(names: &[String]) -> Result<Self, NotSet> {
        Self::from(names, |name| env::var_os(name))
    }

    fn from(names: &[String], look: impl Fn(&str) -> Option<OsString>) -> Result<Self, NotSet> {
        let usual = USUAL
            .iter()
            .filter(|name| !names.iter().any(|named| named == *name));
        let usual = usual.filter_map(|name| Some(((*name).to_owned(), look(name)?)));
        let named = names.iter().map(|name| match look(name) {
            Some(value) => Ok((name.clone(), value)),
            None => Err(NotSet(name.clone())),
        });
        Ok(Self {
            usual: usual.collect(),
            named: named.collect::<Result<_, _>>()?,
        })
    }

    /// All of it, for a process.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &OsString)> {
        let all = self.usual.iter().chain(&self.named);
        all.map(|(name, value)| (name.as_str(), value))
    }

    /// The value of one that was named.
    pub(crate) fn named(&self, name: &str) -> Option<&str> {
        let found = self.named.iter().find(|(named, _)| named == name);
        found.and_then(|(_, value)| value.to_str())
    }

    /// A server's text as it is shown: its secrets are taken out before it is cut and folded.
    pub(crate) fn plain(&self, text: &str, most: usize) -> String {
        plain(&self.without_secrets(text), most)
    }

    /// A value that a server gave, as whoever asked for it may have it: without what is secret of what the server was given. What says
    /// openly where something lies or how loud a program is stays, because the next call may need it.
    pub(crate) fn without_secrets_in(&self, value: &mut Value) {
        let named = self.named.iter();
        let named =
            named.map(|(name, value)| (name.as_str(), value.to_string_lossy().into_owned()));
        let secrets: Vec<(&str, String)> = named
            .filter(|(name, value)| is_secret(name, value))
            .collect();
        if !secrets.is_empty() {
            blacken(value, &secrets);
        }
    }

    /// The same for a text.
    pub(crate) fn without_secrets_in_text(&self, text: String) -> String {
        let mut value = Value::String(text);
        self.without_secrets_in(&mut value);
        match value {
            Value::String(text) => text,
            _ => String::new(),
        }
    }

    /// A text without the values of what was named.
    pub(crate) fn without_secrets(&self, text: &str) -> String {
        let mut out = text.to_owned();
        for (name, value) in &self.named {
            let secret = value.to_string_lossy();
            if secret.len() >= SECRET_LEAST {
                out = out.replace(secret.as_ref(), &format!("[{name}]"));
                // What was cut off in the middle of one ends in a piece of it.
                let piece = (SECRET_LEAST..secret.len())
                    .rev()
                    .filter_map(|length| secret.get(..length))
                    .find(|piece| out.ends_with(piece));
                if let Some(piece) = piece {
                    out.truncate(out.len() - piece.len());
                    out.push_str(&format!("[{name}]"));
                }
            }
        }
        out
    }
}

/// Whether the value of a variable is one that nobody else may read. A name that says so is believed; else whatever is not plainly a path, a
/// number or a word.
fn is_secret(name: &str, value: &str) -> bool {
    if value.len() < SECRET_LEAST {
        return false;
    }
    let name = name.to_ascii_uppercase();
    let named = SECRET_NAMES.iter().any(|word| name.contains(word));
    let path = value.starts_with(['/', '~']) || value.starts_with("./");
    let number = value.bytes().all(|c| c.is_ascii_digit());
    let word = value.len() < WORD && value.bytes().all(|c| c.is_ascii_alphabetic());
    named || !(path || number || word)
}

/// Puts the names of secrets in the place of their values, in every text of a value and in the names of its fields.
fn blacken(value: &mut Value, secrets: &[(&str, String)]) {
    let clean = |text: &str| -> Option<String> {
        let found = secrets.iter().any(|(_, secret)| text.contains(secret));
        found.then(|| {
            secrets
                .iter()
                .fold(text.to_owned(), |text, (name, secret)| {
                    text.replace(secret, &format!("[{name}]"))
                })
        })
    };
    match value {
        Value::String(text) => {
            if let Some(cleaned) = clean(text) {
                *text = cleaned;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| blacken(item, secrets)),
        Value::Object(fields) => {
            if fields.keys().any(|name| clean(name).is_some()) {
                *fields = std::mem::take(fields)
                    .into_iter()
                    .map(|(name, value)| (clean(&name).unwrap_or(name), value))
                    .collect();
            }
            fields
                .values_mut()
                .for_each(|value| blacken(value, secrets));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(name: &str) -> Option<OsString> {
        let value = match name {
            "PATH" => "/bin",
            "HOME" => "/home/me",
            "API_KEY" => "s3cr3t-value",
            "OTHER_KEY" => "never-given",
            "SHORT" => "on",
            _ => return None,
        };
        Some(value.into())
    }

    #[test]
    fn a_process_gets_what_is_named_and_no_other_secret() {
        let names = ["API_KEY".to_owned(), "HOME".to_owned()];
        let given = Environment::from(&names, look).unwrap();
        let mut all: Vec<_> = given.all().map(|(name, _)| name).collect();
        all.sort_unstable();
        assert_eq!(all, ["API_KEY", "HOME", "PATH"]);
        assert_eq!(given.named("API_KEY"), Some("s3cr3t-value"));
        assert_eq!(given.named("PATH"), None);
        let missing = Environment::from(&["NOPE".to_owned()], look).err();
        assert_eq!(missing, Some(NotSet("NOPE".to_owned())));
    }

    #[test]
    fn a_result_is_without_secrets_and_keeps_what_is_none() {
        let look = |name: &str| {
            let value = match name {
                "API_KEY" => "s3cr3t-value",
                "MODE" => "production",
                "FOLDER" => "/srv/files",
                "PORT" => "8080808",
                "LOGIN" => "postgres://me:pw@db/x",
                "MY_PASSWORD" => "letmein",
                _ => return None,
            };
            Some(OsString::from(value))
        };
        let names = ["API_KEY", "MODE", "FOLDER", "PORT", "LOGIN", "MY_PASSWORD"];
        let given = Environment::from(&names.map(str::to_owned), look).unwrap();
        let mut value = serde_json::json!({
            "s3cr3t-value": ["a s3cr3t-value b", 8_080_808, null],
            "where": "/srv/files/a.txt in production at 8080808",
            "deep": [{"url": "postgres://me:pw@db/x?ssl", "word": "letmein!"}]
        });
        given.without_secrets_in(&mut value);
        assert_eq!(
            value,
            serde_json::json!({
                "[API_KEY]": ["a [API_KEY] b", 8_080_808, null],
                "where": "/srv/files/a.txt in production at 8080808",
                "deep": [{"url": "[LOGIN]?ssl", "word": "[MY_PASSWORD]!"}]
            })
        );
    }

    #[test]
    fn what_a_server_says_does_not_tell_its_secrets() {
        let names = ["API_KEY".to_owned(), "SHORT".to_owned()];
        let given = Environment::from(&names, look).unwrap();
        assert_eq!(
            given.without_secrets("401 for s3cr3t-value: based on s3cr3t-value"),
            "401 for [API_KEY]: based on [API_KEY]"
        );
        assert_eq!(
            given.without_secrets("cut off: s3cr3t-v"),
            "cut off: [API_KEY]"
        );
        assert_eq!(given.without_secrets("not: s3cr3"), "not: s3cr3");
        let late = format!("{} s3cr3t-value and more", "w".repeat(90));
        assert!(!given.plain(&late, 97).contains("s3c"));
    }
}
