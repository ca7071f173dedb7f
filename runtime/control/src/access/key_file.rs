//! The file in which keys lie: read by servers, written by `aios key`, one writer at a time, whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aios_protocols::Timestamp;
use serde::{Deserialize, Serialize};

use super::key::{Key, KeyLine, NewKey};
use super::token::{Token, TokenError};
use crate::socket::own_user;

/// The form that is written, and the newest that is read.
const FORM: u16 = 1;
/// Keys in a file.
const KEYS_MAX: usize = 1_024;
/// Folders that one key may name.
const FOLDERS_MAX: usize = 32;
/// More than this holds no keys.
const BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Where keys lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile(PathBuf);

/// Why a key was not issued, found or taken away.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("the keys in {path} cannot be used: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody else may have written it, or can read it.
    #[error(
        "the file of keys {path} {what}; set its mode to 600, or move it away and begin anew with `aios key init`"
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// It holds no keys that this version reads.
    #[error("{path} holds no keys: {why}; move it away and begin anew with `aios key init`")]
    NoKeys {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// There is a file already.
    #[error("{0} is there already; `aios key list` shows what is in it")]
    There(PathBuf),
    /// No key goes by that.
    #[error("no key is called {asked:?} and none speaks for it; there are {known}", known = if known.is_empty() { "none".to_owned() } else { known.join(", ") })]
    Unknown {
        /// What was asked for.
        asked: String,
        /// The keys there are.
        known: Vec<String>,
    },
    /// Several keys speak for the same principal.
    #[error("{asked} has {} keys: {}; say which", ids.len(), ids.join(", "))]
    Several {
        /// What was asked for.
        asked: String,
        /// Its keys.
        ids: Vec<String>,
    },
    /// What is wanted is no key.
    #[error("{0}")]
    Wanted(String),
    /// There is no token without chance.
    #[error(transparent)]
    Token(#[from] TokenError),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    form: u16,
    keys: Vec<Key>,
}

/// What tells one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    file: (u64, u64),
    written: (i64, i64),
    changed: (i64, i64),
    bytes: u64,
}

impl KeyFile {
    /// At this path; whether there is a file is seen when it is used.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Begins a file with its first key, and tells its token this once.
    ///
    /// # Errors
    /// When there is a file already, or none can be made.
    pub fn init(&self, wanted: NewKey, now: Timestamp) -> Result<(KeyLine, Token), KeyError> {
        self.changed(
            |path, found| {
                if found.is_some() {
                    return Err(KeyError::There(path.to_owned()));
                }
                Ok(())
            },
            |keys| add(keys, wanted, now),
        )
    }

    /// Adds a key, and tells its token this once.
    ///
    /// # Errors
    /// When it cannot be meant so, there are too many, or the file cannot be used.
    pub fn issue(&self, wanted: NewKey, now: Timestamp) -> Result<(KeyLine, Token), KeyError> {
        self.changed(|_, _| Ok(()), |keys| add(keys, wanted, now))
    }

    /// The keys there are, oldest first; none where there is no file.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn list(&self, now: Timestamp) -> Result<Vec<KeyLine>, KeyError> {
        let keys = self.read()?.map(|(_, keys)| keys).unwrap_or_default();
        Ok(keys.iter().map(|key| key.line(now)).collect())
    }

    /// Puts another token in the place of a key's, with a name of its own; the old one opens nothing from now on.
    ///
    /// # Errors
    /// When there is no such key, or the file cannot be used.
    pub fn rotate(&self, which: &str, now: Timestamp) -> Result<(KeyLine, Token), KeyError> {
        self.changed(
            |_, _| Ok(()),
            |keys| {
                let at = find(keys, which)?;
                let old = &keys[at];
                // As long as the old one was to last.
                let lasted = old.expires_at.map(|end| end.since(old.issued_at));
                let wanted = NewKey {
                    principal: old.principal.clone(),
                    scope: old.scope,
                    folders: old.folders.clone(),
                    expires_at: lasted.map(|lasted| now + lasted),
                };
                let (key, token) = Key::issued(wanted, now)?;
                let line = key.line(now);
                keys[at] = key;
                Ok((line, token))
            },
        )
    }

    /// Takes a key away; it opens nothing from now on.
    ///
    /// # Errors
    /// When there is no such key, or the file cannot be used.
    pub fn revoke(&self, which: &str, now: Timestamp) -> Result<KeyLine, KeyError> {
        self.changed(
            |_, _| Ok(()),
            |keys| {
                let at = find(keys, which)?;
                Ok(keys.remove(at).line(now))
            },
        )
    }

    /// What tells its state; none where there is no file.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        fs::symlink_metadata(&self.0).ok().map(|found| Stamp {
            file: (found.dev(), found.ino()),
            written: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
            bytes: found.size(),
        })
    }

    /// The keys, and the state they were read in; none where there is no file.
    pub(super) fn read(&self) -> Result<Option<(Stamp, Vec<Key>)>, KeyError> {
        let path = || self.0.clone();
        let failed = |source| KeyError::File {
            path: path(),
            source,
        };
        let Some(stamp) = self.stamp() else {
            return Ok(None);
        };
        // The file of that name itself, and not what a link leads to.
        let named = fs::symlink_metadata(&self.0).map_err(failed)?;
        private(&self.0, &named)?;
        let file = File::open(&self.0).map_err(failed)?;
        let opened = file.metadata().map_err(failed)?;
        private(&self.0, &opened)?;
        if (opened.dev(), opened.ino()) != stamp.file {
            let source = io::Error::other("it was changed while it was read; try again");
            return Err(failed(source));
        }
        let mut bytes = Vec::new();
        file.take(BYTES_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        let none = |why: String| KeyError::NoKeys { path: path(), why };
        if bytes.len() as u64 > BYTES_MAX {
            return Err(none(format!("it has more than {BYTES_MAX} bytes")));
        }
        let table: Table =
            serde_json::from_slice(&bytes).map_err(|error| none(error.to_string()))?;
        if table.form != FORM || table.keys.len() > KEYS_MAX {
            let (form, keys) = (table.form, table.keys.len());
            return Err(none(format!(
                "it is of form {form} with {keys} keys, and form {FORM} with at most {KEYS_MAX} is read"
            )));
        }
        Ok(Some((stamp, table.keys)))
    }

    /// Changes the keys as one writer of perhaps several.
    fn changed<T>(
        &self,
        may: impl FnOnce(&Path, Option<&[Key]>) -> Result<(), KeyError>,
        change: impl FnOnce(&mut Vec<Key>) -> Result<T, KeyError>,
    ) -> Result<T, KeyError> {
        let failed = |source| KeyError::File {
            path: self.0.clone(),
            source,
        };
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let lock = options
            .open(self.0.with_extension("lock"))
            .map_err(failed)?;
        lock.lock().map_err(failed)?;
        let found = self.read()?.map(|(_, keys)| keys);
        may(&self.0, found.as_deref())?;
        let mut keys = found.unwrap_or_default();
        let told = change(&mut keys)?;
        self.write(&Table { form: FORM, keys }).map_err(failed)?;
        Ok(told)
    }

    /// Whole under its name or not there at all.
    fn write(&self, table: &Table) -> io::Result<()> {
        let draft = self.0.with_extension("new");
        match fs::remove_file(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut file = options.open(&draft)?;
        serde_json::to_writer_pretty(&mut file, table)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&draft, &self.0)?;
        let folder = self
            .0
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

fn private(path: &Path, found: &fs::Metadata) -> Result<(), KeyError> {
    let what = if !found.is_file() {
        "is no file"
    } else if found.uid() != own_user() {
        "belongs to another user"
    } else if found.mode() & 0o077 != 0 {
        "can be read by others"
    } else {
        return Ok(());
    };
    Err(KeyError::Foreign {
        path: path.to_owned(),
        what,
    })
}

fn add(keys: &mut Vec<Key>, wanted: NewKey, now: Timestamp) -> Result<(KeyLine, Token), KeyError> {
    if keys.len() >= KEYS_MAX {
        let sentence = format!("there are {KEYS_MAX} keys, and no more are kept; revoke some");
        return Err(KeyError::Wanted(sentence));
    }
    if let Some(folder) = wanted
        .folders
        .iter()
        .find(|folder| !folder.starts_with('/'))
    {
        let sentence = format!("the folder {folder:?} is not absolute; write it from the root on");
        return Err(KeyError::Wanted(sentence));
    }
    if wanted.folders.len() > FOLDERS_MAX {
        let sentence = format!(
            "{} folders are named, {FOLDERS_MAX} are allowed",
            wanted.folders.len()
        );
        return Err(KeyError::Wanted(sentence));
    }
    if wanted.expires_at.is_some_and(|end| end <= now) {
        return Err(KeyError::Wanted(
            "the key would have ended already".to_owned(),
        ));
    }
    let (mut key, mut token) = Key::issued(wanted.clone(), now)?;
    // Names are short, so two may be alike.
    while keys.iter().any(|known| known.id == key.id) {
        (key, token) = Key::issued(wanted.clone(), now)?;
    }
    let line = key.line(now);
    keys.push(key);
    Ok((line, token))
}

/// A key by its own name, or by that of the principal it speaks for if that has one key.
fn find(keys: &[Key], which: &str) -> Result<usize, KeyError> {
    if let Some(at) = keys.iter().position(|key| key.id == which) {
        return Ok(at);
    }
    let of = |key: &Key| key.principal.to_string() == which || key.principal.name() == which;
    let found: Vec<usize> = (0..keys.len()).filter(|at| of(&keys[*at])).collect();
    let asked = which.to_owned();
    match found[..] {
        [at] => Ok(at),
        [] => {
            let known = keys
                .iter()
                .map(|key| format!("{} ({})", key.id, key.principal));
            Err(KeyError::Unknown {
                asked,
                known: known.collect(),
            })
        }
        _ => {
            let ids = found.into_iter().map(|at| keys[at].id.clone()).collect();
            Err(KeyError::Several { asked, ids })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    use super::*;
    use crate::access::Scope;

    fn now() -> Timestamp {
        Timestamp::since_epoch(Duration::from_secs(1_000_000))
    }

    fn wanted(name: &str, scope: Scope) -> NewKey {
        NewKey {
            principal: format!("user:{name}@local").parse().unwrap(),
            scope,
            folders: Vec::new(),
            expires_at: None,
        }
    }

    #[test]
    fn a_key_is_issued_listed_rotated_and_revoked_and_its_token_lies_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::at(folder.path().join("keys.json"));
        assert_eq!(file.list(now()).unwrap(), []);
        let (first, token) = file.init(wanted("owner", Scope::Admin), now()).unwrap();
        assert!(matches!(
            file.init(wanted("owner", Scope::Admin), now()),
            Err(KeyError::There(_))
        ));
        let text = fs::read_to_string(file.path()).unwrap();
        assert!(!text.contains(token.reveal()) && text.contains(&first.id));
        let mode = fs::metadata(file.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let ends = now() + Duration::from_secs(60);
        let ci = NewKey {
            expires_at: Some(ends),
            ..wanted("ci", Scope::Read)
        };
        let (second, old) = file.issue(ci, now()).unwrap();
        assert_eq!(second.expires_at, Some(ends.to_string()));
        let later = now() + Duration::from_secs(30);
        let (third, new) = file.rotate("ci", later).unwrap();
        assert!(old != new && third.id != second.id);
        let as_long = later + Duration::from_secs(60);
        assert_eq!(third.expires_at, Some(as_long.to_string()));
        let ids = |now| -> Vec<(String, bool)> {
            let lines = file.list(now).unwrap().into_iter();
            lines.map(|line| (line.id, line.expired)).collect()
        };
        let both = |expired| vec![(first.id.clone(), false), (third.id.clone(), expired)];
        assert_eq!(ids(later), both(false));
        assert_eq!(ids(as_long), both(true));
        file.issue(wanted("ci", Scope::Read), now()).unwrap();
        assert!(matches!(
            file.revoke("ci", now()),
            Err(KeyError::Several { .. })
        ));
        assert_eq!(file.revoke(&third.id, now()).unwrap().id, third.id);
        assert!(matches!(
            file.revoke(&third.id, now()),
            Err(KeyError::Unknown { .. })
        ));
        file.revoke("user:ci@local", now()).unwrap();
        assert_eq!(ids(later), [(first.id.clone(), false)]);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::at(folder.path().join("keys.json"));
        for wanted in [
            NewKey {
                folders: vec!["data".to_owned()],
                ..wanted("a", Scope::Read)
            },
            NewKey {
                folders: vec!["/x".to_owned(); FOLDERS_MAX + 1],
                ..wanted("a", Scope::Read)
            },
            NewKey {
                expires_at: Some(now()),
                ..wanted("a", Scope::Read)
            },
        ] {
            assert!(matches!(
                file.issue(wanted, now()),
                Err(KeyError::Wanted(_))
            ));
        }
        assert!(!file.path().exists(), "nothing was written");
    }

    #[test]
    fn a_file_that_others_may_have_touched_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::at(folder.path().join("keys.json"));
        file.init(wanted("owner", Scope::Admin), now()).unwrap();
        let open = fs::Permissions::from_mode(0o640);
        fs::set_permissions(file.path(), open).unwrap();
        assert!(matches!(file.list(now()), Err(KeyError::Foreign { .. })));
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o600)).unwrap();
        let elsewhere = folder.path().join("elsewhere");
        fs::rename(file.path(), &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, file.path()).unwrap();
        assert!(matches!(file.list(now()), Err(KeyError::Foreign { .. })));
        fs::remove_file(file.path()).unwrap();
        for text in [
            "",
            "{}",
            "[1]",
            r#"{"form":2,"keys":[]}"#,
            r#"{"form":1,"keys":[{}]}"#,
        ] {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            options
                .open(file.path())
                .unwrap()
                .write_all(text.as_bytes())
                .unwrap();
            assert!(
                matches!(file.list(now()), Err(KeyError::NoKeys { .. })),
                "{text:?}"
            );
        }
    }

    #[test]
    fn several_writers_lose_no_key() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::at(folder.path().join("keys.json"));
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let file = &file;
                scope.spawn(move || {
                    for key in 0..5 {
                        file.issue(wanted(&format!("w{writer}-{key}"), Scope::Read), now())
                            .unwrap();
                    }
                });
            }
        });
        assert_eq!(file.list(now()).unwrap().len(), 20);
    }
}
