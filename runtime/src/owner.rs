//! The owner of a node: the human who decides what agents propose, and the key that the decisions are signed with.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aios_protocols::{IdentityError, PrincipalId, SigningIdentity};
use aios_work::content::{hex, unhex};
use rustix::fs::OFlags;
use rustix::io::Errno;

use aios_control::socket::own_user;

/// The key's file in the storage folder.
const FILE: &str = "owner.key";
/// More than this is no key.
const TEXT_MAX: u64 = 1_024;
/// Who the owner is called.
const NAME: &str = "owner";

/// Why a node has no owner.
#[derive(Debug, thiserror::Error)]
pub enum OwnerError {
    /// The file cannot be read or made.
    #[error("the key {path} cannot be used: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Others can read it.
    #[error("the key {path} can be read by others (mode {mode:o}); set its mode to 600")]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Somebody else may have put it there.
    #[error("the key {path} {what}; move it away to get a new one")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// It is no key.
    #[error("the key {path} is not 64 hexadecimal digits; move it away to get a new one")]
    NotAKey {
        /// The file.
        path: PathBuf,
    },
    /// The system gives no random numbers.
    #[error("the system gives no random numbers, so the owner gets no key")]
    NoRandomness,
    /// The tenant is no name.
    #[error(transparent)]
    Name(#[from] IdentityError),
}

/// Who the owner of a tenant's node is.
pub(crate) fn principal(tenant: &str) -> Result<PrincipalId, IdentityError> {
    format!("user:{NAME}@{tenant}").parse()
}

/// The owner's identity: from the storage folder, where the key is made at first use, or for this process alone.
pub(crate) fn identity(
    folder: Option<&Path>,
    tenant: &str,
) -> Result<Arc<SigningIdentity>, OwnerError> {
    let party = principal(tenant)?;
    let seed = match folder {
        Some(folder) => kept(&folder.join(FILE))?,
        None => fresh()?,
    };
    Ok(Arc::new(SigningIdentity::from_seed(party, seed)))
}

/// The identity of one of the node's own services: its key from a file of its own in the storage folder, or for this process alone.
#[cfg(feature = "nats")]
pub(crate) fn service(
    folder: Option<&Path>,
    file: &str,
    name: &str,
    tenant: &str,
) -> Result<Arc<SigningIdentity>, OwnerError> {
    let party: PrincipalId = format!("service:{name}@{tenant}").parse()?;
    let seed = match folder {
        Some(folder) => kept(&folder.join(file))?,
        None => fresh()?,
    };
    Ok(Arc::new(SigningIdentity::from_seed(party, seed)))
}

/// The owner's identity, if a key lies in the folder; none is made.
pub(crate) fn known(
    folder: &Path,
    tenant: &str,
) -> Result<Option<Arc<SigningIdentity>>, OwnerError> {
    if !folder.join(FILE).is_file() {
        return Ok(None);
    }
    identity(Some(folder), tenant).map(Some)
}

fn fresh() -> Result<[u8; 32], OwnerError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|_| OwnerError::NoRandomness)?;
    Ok(seed)
}

fn kept(path: &Path) -> Result<[u8; 32], OwnerError> {
    let failed = |source| OwnerError::File {
        path: path.to_owned(),
        source,
    };
    match open(path) {
        Ok(mut file) => {
            private(path, &file.metadata().map_err(failed)?)?;
            let mut text = String::new();
            let read = (&mut file).take(TEXT_MAX).read_to_string(&mut text);
            read.ok()
                .and_then(|_| unhex(text.trim()))
                .and_then(|bytes| bytes.try_into().ok())
                .ok_or_else(|| OwnerError::NotAKey {
                    path: path.to_owned(),
                })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let seed = fresh()?;
            // Whole under its name or not there at all: a start that is killed here leaves no key that is none.
            let draft = path.with_extension("new");
            let _ = fs::remove_file(&draft);
            let mut options = fs::OpenOptions::new();
            options.write(true).create_new(true).mode(0o600);
            let mut file = options.open(&draft).map_err(failed)?;
            let named = file
                .write_all(format!("{}\n", hex(&seed)).as_bytes())
                .and_then(|()| file.sync_all())
                .and_then(|()| fs::hard_link(&draft, path))
                .and_then(|()| match path.parent() {
                    Some(folder) => fs::File::open(folder)?.sync_all(),
                    None => Ok(()),
                });
            let _ = fs::remove_file(&draft);
            named.map_err(failed)?;
            Ok(seed)
        }
        // What the system says of a link that is not to be followed: as a loop of them.
        Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
            Err(OwnerError::Foreign {
                path: path.to_owned(),
                what: "is a link",
            })
        }
        Err(error) => Err(failed(error)),
    }
}

/// The file itself, and not what a link of its name leads to; it is looked at through the same handle that it is read by. Without waiting:
/// a pipe of that name would have no end.
fn open(path: &Path) -> io::Result<fs::File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    fs::OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
}

/// A key that others can read, or have put there, is no proof of who signed.
fn private(path: &Path, found: &fs::Metadata) -> Result<(), OwnerError> {
    let path = || path.to_owned();
    let foreign = |what| OwnerError::Foreign { path: path(), what };
    if !found.is_file() {
        return Err(foreign("is no file"));
    }
    if found.uid() != own_user() {
        return Err(foreign("belongs to another user"));
    }
    let mode = found.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(OwnerError::Open { path: path(), mode });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_nobody_else_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let first = identity(Some(folder.path()), "local").unwrap();
        let again = identity(Some(folder.path()), "local").unwrap();
        assert_eq!(first.public_key(), again.public_key());
        assert_eq!(first.party().to_string(), "user:owner@local");
        let one = identity(None, "local").unwrap();
        let two = identity(None, "local").unwrap();
        assert_ne!(one.public_key(), two.public_key());
        {
            use std::os::unix::fs::PermissionsExt;
            let path = folder.path().join(FILE);
            assert_eq!(
                fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                0o600
            );
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            let error = identity(Some(folder.path()), "local").unwrap_err();
            assert!(
                matches!(error, OwnerError::Open { mode: 0o644, .. }),
                "{error}"
            );
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            fs::write(&path, "no key").unwrap();
            let error = identity(Some(folder.path()), "local").unwrap_err();
            assert!(matches!(error, OwnerError::NotAKey { .. }), "{error}");
            // Somebody who may write the folder puts something of that name there.
            let refused = |what: &str| {
                let error = identity(Some(folder.path()), "local")
                    .unwrap_err()
                    .to_string();
                assert!(error.contains(what), "{error}");
            };
            let elsewhere = folder.path().join("elsewhere");
            fs::rename(&path, &elsewhere).unwrap();
            std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
            refused("is a link");
            fs::remove_file(&path).unwrap();
            fs::create_dir(&path).unwrap();
            refused("is no file");
        }
    }
}
