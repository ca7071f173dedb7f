//! What a tool may touch, and what a caller was granted.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Characters of a capability's name.
const LONGEST: usize = 256;

/// What a tool may touch: `files.read`, `net.http/example.org`.
///
/// The words are open, because tools from outside bring their own. They are lower-case words between dots, and behind a slash whatever
/// the last of them is about. What stands before a dot or a slash is the wider capability.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Capability(Cow<'static, str>);

/// Text that names no capability.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{asked:?} is no capability; write lower-case words between dots such as files.read, and behind a slash what is meant of it such as net.http/example.org"
)]
pub struct CapabilityError {
    /// The text.
    pub asked: String,
}

impl Capability {
    /// Read the goal's input files.
    pub const FILES_READ: Self = Self(Cow::Borrowed("files.read"));
    /// Write into the goal's output folder.
    pub const FILES_WRITE: Self = Self(Cow::Borrowed("files.write"));
    /// Query data loaded from the input files.
    pub const DATA_QUERY: Self = Self(Cow::Borrowed("data.query"));
    /// Have a model think.
    pub const MODEL_USE: Self = Self(Cow::Borrowed("model.use"));
    /// Start a process.
    pub const PROCESS_RUN: Self = Self(Cow::Borrowed("process.run"));
    /// Ask a web server; behind a slash which one.
    pub const NET_HTTP: Self = Self(Cow::Borrowed("net.http"));

    /// The capability of this name.
    ///
    /// # Errors
    /// When no capability can be called so.
    pub fn new(name: impl Into<String>) -> Result<Self, CapabilityError> {
        let name = name.into();
        let (words, rest) = match name.split_once('/') {
            Some((words, rest)) => (words, Some(rest)),
            None => (name.as_str(), None),
        };
        let is_word = |word: &str| {
            word.starts_with(|c: char| c.is_ascii_lowercase())
                && word
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-'))
        };
        let is_rest = |rest: &str| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_graphic());
        if name.len() <= LONGEST && words.split('.').all(is_word) && rest.is_none_or(is_rest) {
            Ok(Self(Cow::Owned(name)))
        } else {
            Err(CapabilityError { asked: name })
        }
    }

    /// The name used in configuration and messages.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether whoever was granted this may do what needs `need`: the same, or something below it.
    #[must_use]
    pub fn covers(&self, need: &Self) -> bool {
        match need.as_str().strip_prefix(self.as_str()) {
            Some("") => true,
            // A dot behind the slash is part of a name: the grant for `net.http/example` is none for `net.http/example.org`.
            Some(rest) => rest.starts_with('/') || (rest.starts_with('.') && !self.0.contains('/')),
            None => false,
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for Capability {
    type Error = CapabilityError;

    fn try_from(name: String) -> Result<Self, CapabilityError> {
        Self::new(name)
    }
}

impl From<Capability> for String {
    fn from(capability: Capability) -> Self {
        capability.0.into_owned()
    }
}

/// What a caller was granted, or what a tool needs. Starts empty: whatever is not granted is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Capabilities(BTreeSet<Capability>);

impl Capabilities {
    /// Nothing granted.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Whether a grant among these covers `need`.
    #[must_use]
    pub fn covers(&self, need: &Capability) -> bool {
        self.0.iter().any(|granted| granted.covers(need))
    }

    /// The first of `needs` that no grant covers.
    #[must_use]
    pub fn missing<'n>(&self, needs: &'n Self) -> Option<&'n Capability> {
        needs.iter().find(|need| !self.covers(need))
    }

    /// One by one, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Capability> {
        self.0.iter()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Capability> for Capabilities {
    fn from_iter<I: IntoIterator<Item = Capability>>(granted: I) -> Self {
        Self(granted.into_iter().collect())
    }
}

impl<const N: usize> From<[Capability; N]> for Capabilities {
    fn from(granted: [Capability; N]) -> Self {
        granted.into_iter().collect()
    }
}

impl IntoIterator for Capabilities {
    type Item = Capability;
    type IntoIter = std::collections::btree_set::IntoIter<Capability>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Capability {
        Capability::new(name).unwrap()
    }

    #[test]
    fn a_grant_covers_itself_and_what_is_below_it() {
        let table = [
            ("files.read", "files.read", true),
            ("files", "files.read", true),
            ("files.read", "files", false),
            ("files.read", "files.write", false),
            ("files.read", "files.reading", false),
            ("net.http", "net.http/example.org", true),
            ("net", "net.http/example.org", true),
            ("net.http/example.org", "net.http/example.org", true),
            ("net.http/example.org", "net.http", false),
            ("net.http/example.org", "net.http/other.org", false),
            ("net.http/example", "net.http/example.org", false),
            ("net.http/example.org", "net.http/example.org/v1", true),
        ];
        for (grant, need, covered) in table {
            let granted = Capabilities::from([named(grant)]);
            assert_eq!(granted.covers(&named(need)), covered, "{grant} {need}");
        }
        assert!(!Capabilities::none().covers(&Capability::FILES_READ));
    }

    #[test]
    fn what_is_missing_is_named_first_come_first() {
        let granted = Capabilities::from([Capability::DATA_QUERY]);
        let needs = Capabilities::from([Capability::FILES_READ, Capability::DATA_QUERY]);
        assert_eq!(granted.missing(&needs), Some(&Capability::FILES_READ));
        assert_eq!(needs.missing(&granted), None);
        assert_eq!(granted.missing(&Capabilities::none()), None);
    }

    #[test]
    fn a_name_is_words_between_dots_and_travels_as_text() {
        let constants = [
            Capability::FILES_READ,
            Capability::FILES_WRITE,
            Capability::DATA_QUERY,
            Capability::MODEL_USE,
            Capability::PROCESS_RUN,
            Capability::NET_HTTP,
        ];
        for constant in constants {
            assert_eq!(named(constant.as_str()), constant);
            let told = serde_json::to_string(&constant).unwrap();
            assert_eq!(told, format!("\"{constant}\""));
            assert_eq!(serde_json::from_str::<Capability>(&told).unwrap(), constant);
        }
        for good in ["files", "a.b.c", "x-1.y_2", "net.http/127.0.0.1:80/v1"] {
            assert!(Capability::new(good).is_ok(), "{good}");
        }
        let long = "a".repeat(257);
        for bad in [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "Files.read",
            "files read",
            "1a",
            "*",
            "/x",
            "a/",
            "a/b c",
            "a/\u{e9}",
            &long,
        ] {
            assert!(Capability::new(bad).is_err(), "{bad:?}");
            let told = serde_json::to_string(bad).unwrap();
            assert!(
                serde_json::from_str::<Capability>(&told).is_err(),
                "{bad:?}"
            );
        }
    }
}
