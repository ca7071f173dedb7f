//! What a server's process is given of the node's environment: what is named, and what no program finds its way without.
//!
//! The values of what is named are secrets. They are known here so that they can be taken out of what the server says when it fails.

use std::env;
use std::ffi::OsString;

use super::offer::plain;

/// What every process gets if it is there: programs, home, temporary files, language, time zone, who one is.
const USUAL: [&str; 9] = [
    "PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "USER", "LOGNAME",
];
/// A value that is shorter is no secret, and taking it out of a text would only spoil it.
const SECRET_LEAST: usize = 6;

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
