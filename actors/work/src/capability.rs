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
    "{asked:?} is no capability; expected lower-case words between dots such as files.read, and behind a slash what is meant of it such as net.http/example.org"
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
    /// Reach another machine.
    pub const NET: Self = Self(Cow::Borrowed("net"));
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

    /// The wider capability of one that leaves open which of them is meant until the tool is called: `net.http` of `net.http/{host}`. Only a
    /// need is open; as a grant it covers nothing but itself.
    #[must_use]
    pub fn open(&self) -> Option<&str> {
        let (wider, which) = self.0.split_once('/')?;
        (which.starts_with('{') && which.ends_with('}')).then_some(wider)
    }

    /// Whether this is an open need and `grant` one of those it leaves open.
    fn leaves_open(&self, grant: &Self) -> bool {
        let below = |wider| grant.as_str().strip_prefix(wider)?.strip_prefix('/');
        self.open().and_then(below).is_some()
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

    /// The first of `needs` that no grant covers. A need that is [open](Capability::open) is met by a grant of any of those it may mean;
    /// the tool asks again for the one that is meant.
    #[must_use]
    pub fn missing<'n>(&self, needs: &'n Self) -> Option<&'n Capability> {
        let met = |need: &&Capability| {
            self.covers(need) || self.0.iter().any(|granted| need.leaves_open(granted))
        };
        needs.iter().find(|need| !met(need))
    }

    /// What is granted here and there: of two grants of which one covers the other the narrower.
    #[must_use]
    pub fn within(&self, other: &Self) -> Self {
        let both = |one: &Capability, other: &Capability| {
            if one.covers(other) || other.leaves_open(one) {
                // Left open, it is as wide as the other.
                Some(if other.open().is_some() { one } else { other }.clone())
            } else if other.covers(one) || one.leaves_open(other) {
                Some(if one.open().is_some() { other } else { one }.clone())
            } else {
                None
            }
        };
        self.iter()
            .flat_map(|one| other.iter().filter_map(move |other| both(one, other)))
            .collect()
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
    fn what_is_granted_twice_over_is_the_narrower_of_both() {
        let of = |names: &[&str]| {
            names
                .iter()
                .map(|name| named(name))
                .collect::<Capabilities>()
        };
        for (one, other, both) in [
            (&["files"][..], &["files.read"][..], &["files.read"][..]),
            (&["files.read"], &["files.write"], &[]),
            (
                &["files.read", "net"],
                &["net.http/a.org", "files.read"],
                &["files.read", "net.http/a.org"],
            ),
            (&["net.http"], &["net.http/{host}"], &["net.http"]),
            (
                &["net.http/a.org", "net.http/b.org"],
                &["net.http/{host}"],
                &["net.http/a.org", "net.http/b.org"],
            ),
            (&["net.httpd/a.org"], &["net.http/{host}"], &[]),
            (&["files.read"], &[], &[]),
        ] {
            assert_eq!(of(one).within(&of(other)), of(both), "{one:?} {other:?}");
            assert_eq!(of(other).within(&of(one)), of(both), "{other:?} {one:?}");
        }
    }

    /// Whoever could grant what is open would grant all of it.
    #[test]
    fn an_open_need_is_met_by_one_of_those_it_may_mean_and_grants_none_of_them() {
        let open = named("net.http/{host}");
        let needs = Capabilities::from([open.clone()]);
        for (grant, met) in [
            ("net.http/a.org", true),
            ("net.http", true),
            ("net", true),
            ("net.http/{host}", true),
            ("net.httpd/a.org", false),
            ("files.read", false),
        ] {
            let granted = Capabilities::from([named(grant)]);
            assert_eq!(granted.missing(&needs).is_none(), met, "{grant}");
        }
        let one = named("net.http/a.org");
        assert!(!open.covers(&one) && !one.covers(&open));
        assert!(Capabilities::from([open]).missing(&[one].into()).is_some());
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
