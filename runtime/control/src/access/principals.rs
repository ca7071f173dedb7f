//! Whoever is known to a server: by a token it was started with, or by a key of its file, which is looked into whenever somebody comes in.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aios_protocols::{PrincipalId, Timestamp};
use parking_lot::Mutex;
use subtle::ConstantTimeEq;

use super::key::Key;
use super::key_file::{KeyFile, Stamp};
use super::rights::Rights;
use super::token::Token;
use crate::{Caller, Place};

/// Whoever is known to a server. Cheap to clone; clones are the same.
#[derive(Clone)]
pub struct Principals(Arc<Inside>);

struct Inside {
    /// Hashes of tokens, and who shows them. What these may is decided by their names.
    tokens: Vec<([u8; 32], PrincipalId)>,
    file: Option<KeyFile>,
    read: Mutex<Read>,
}

/// The file as it was read last.
#[derive(Default)]
struct Read {
    stamp: Option<Stamp>,
    keys: Arc<Keys>,
}

/// The keys of a file, found by the hash of a token. Whoever tries tokens learns nothing from how long that takes: which hash a token has is
/// in nobody's hand.
#[derive(Default)]
struct Keys(HashMap<[u8; 32], Held>);

/// A key, and what it allows for all who show it.
struct Held {
    key: Key,
    rights: Arc<Rights>,
}

impl From<Vec<Key>> for Keys {
    fn from(keys: Vec<Key>) -> Self {
        let held = keys.into_iter().map(|key| {
            let rights = Arc::new(key.rights());
            (key.digest, Held { key, rights })
        });
        Self(held.collect())
    }
}

/// Somebody who is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// In whose name it is asked.
    pub principal: PrincipalId,
    /// What the key allows that was shown; none for the tokens a server was started with, whose rights their name says.
    pub rights: Option<Arc<Rights>>,
}

/// Why somebody is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotKnown {
    /// No such token was ever given out, or it was taken back.
    #[error("no token that is known came with this")]
    Unknown,
    /// It was good once.
    #[error("this token has expired")]
    Expired,
}

impl Known {
    /// Somebody from another process.
    pub fn caller(&self) -> Caller {
        Caller {
            principal: self.principal.clone(),
            place: Place::Elsewhere,
            rights: self.rights.clone(),
            trace: None,
        }
    }
}

impl Principals {
    /// Those with a token of their own, and those of a file of keys.
    pub fn new(
        tokens: impl IntoIterator<Item = (Token, PrincipalId)>,
        file: Option<KeyFile>,
    ) -> Self {
        let tokens = tokens
            .into_iter()
            .map(|(token, principal)| (Token::digest(token.reveal()), principal));
        Self(Arc::new(Inside {
            tokens: tokens.collect(),
            file,
            read: Mutex::default(),
        }))
    }

    /// Who shows this token.
    ///
    /// # Errors
    /// Why nobody does.
    pub fn by_token(&self, token: &str) -> Result<Known, NotKnown> {
        self.by_token_at(token, now())
    }

    fn by_token_at(&self, token: &str, now: Timestamp) -> Result<Known, NotKnown> {
        let digest = Token::digest(token);
        // All of them are looked at, whichever it is.
        let mut known = None;
        for (own, principal) in &self.0.tokens {
            if bool::from(own.ct_eq(&digest)) {
                known = Some(Known {
                    principal: principal.clone(),
                    rights: None,
                });
            }
        }
        let mut expired = false;
        let keys = self.keys();
        if let Some(Held { key, rights }) = keys.0.get(&digest).filter(|it| it.key.is_of(&digest)) {
            expired = key.is_expired(now);
            known = (!expired).then(|| Known {
                principal: key.principal.clone(),
                rights: Some(Arc::clone(rights)),
            });
        }
        known.ok_or(if expired {
            NotKnown::Expired
        } else {
            NotKnown::Unknown
        })
    }

    /// Whether the key is still good that somebody came in by. What goes on for long asks again and again.
    pub fn holds(&self, rights: Option<&Rights>) -> bool {
        let Some(id) = rights.and_then(|rights| rights.key.as_deref()) else {
            return true;
        };
        let now = now();
        let keys = self.keys();
        let held = keys.0.values().find(|held| held.key.id == id);
        held.is_some_and(|held| !held.key.is_expired(now))
    }

    /// The keys as they lie in the file now. One that cannot be read holds none: who cannot be looked up is not let in.
    fn keys(&self) -> Arc<Keys> {
        let Some(file) = &self.0.file else {
            return Arc::default();
        };
        let stamp = file.stamp();
        let mut read = self.0.read.lock();
        if stamp == read.stamp {
            return Arc::clone(&read.keys);
        }
        read.stamp = stamp;
        read.keys = match file.read() {
            Ok(found) => {
                let (stamp, keys) = found.unzip();
                read.stamp = stamp;
                Arc::new(keys.unwrap_or_default().into())
            }
            Err(error) => {
                tracing::error!(%error, "nobody comes in by a key until this is mended");
                Arc::default()
            }
        };
        tracing::info!(keys = read.keys.0.len(), "the keys were read");
        Arc::clone(&read.keys)
    }
}

impl std::fmt::Debug for Principals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Principals")
            .field("file", &self.0.file)
            .finish_non_exhaustive()
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp::since_epoch(since.unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::access::{NewKey, Scope};

    #[test]
    fn a_key_opens_from_when_it_is_issued_until_it_is_revoked_or_ends() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::at(folder.path().join("keys.json"));
        let own = Token::fresh().unwrap();
        let owner: PrincipalId = "user:owner@local".parse().unwrap();
        let principals = Principals::new([(own.clone(), owner.clone())], Some(file.clone()));
        let known = principals.by_token(own.reveal()).unwrap();
        assert_eq!((known.principal, known.rights), (owner, None));
        assert_eq!(principals.by_token(""), Err(NotKnown::Unknown));

        let begun = now();
        let wanted = NewKey {
            principal: "user:ci@acme".parse().unwrap(),
            scope: Scope::Read,
            folders: vec!["/data".to_owned()],
            expires_at: Some(begun + Duration::from_secs(3_600)),
        };
        let (line, token) = file.issue(wanted, begun).unwrap();
        let known = principals.by_token(token.reveal()).unwrap();
        assert_eq!(known.principal.tenant(), "acme");
        let rights = known.rights.clone().unwrap();
        assert_eq!(
            (rights.scope, rights.key.as_deref()),
            (Scope::Read, Some(line.id.as_str()))
        );
        assert!(principals.holds(known.rights.as_deref()));
        let late = begun + Duration::from_secs(3_600);
        assert_eq!(
            principals.by_token_at(token.reveal(), late),
            Err(NotKnown::Expired)
        );
        let (_, new) = file.rotate(&line.id, begun).unwrap();
        assert_eq!(principals.by_token(token.reveal()), Err(NotKnown::Unknown));
        assert!(
            !principals.holds(known.rights.as_deref()),
            "its stream ends"
        );
        let known = principals.by_token(new.reveal()).unwrap();
        file.revoke("ci", begun).unwrap();
        assert_eq!(principals.by_token(new.reveal()), Err(NotKnown::Unknown));
        assert!(!principals.holds(known.rights.as_deref()));
        assert!(principals.by_token(own.reveal()).is_ok());
    }

    #[test]
    fn a_file_that_cannot_be_believed_lets_nobody_in_by_a_key() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::at(folder.path().join("keys.json"));
        let wanted = NewKey {
            principal: "user:ci@local".parse().unwrap(),
            scope: Scope::Read,
            folders: Vec::new(),
            expires_at: None,
        };
        let (_, token) = file.issue(wanted, now()).unwrap();
        let principals = Principals::new([], Some(file.clone()));
        let comes_in = || principals.by_token(token.reveal()).is_ok();
        assert!(comes_in());
        let mode = |mode| fs::set_permissions(file.path(), fs::Permissions::from_mode(mode));
        mode(0o644).unwrap();
        assert!(!comes_in());
        mode(0o600).unwrap();
        assert!(comes_in());
        fs::remove_file(file.path()).unwrap();
        assert!(!comes_in());
    }
}
