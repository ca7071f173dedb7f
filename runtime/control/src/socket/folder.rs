//! Where the sockets of a user's nodes lie: one folder that nobody else can enter, one socket a node, named by its process.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What a socket's name ends with.
const ENDING: &str = "sock";

/// The folder in which the sockets lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketFolder(PathBuf);

/// Why there is no folder that can be trusted.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It cannot be made or looked at.
    #[error(
        "the folder {folder} for doors of nodes cannot be used: {source}; set door.folder to one that can"
    )]
    Unusable {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody else owns it or may enter it.
    #[error(
        "the folder {folder} for doors of nodes {what}; remove it, or set door.folder to one of your own"
    )]
    Foreign {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
}

impl SocketFolder {
    /// The folder a configuration names, or else the usual one of this user: below `XDG_RUNTIME_DIR` where there is one, otherwise
    /// below the folder for temporary files, by the user's number.
    pub fn of(configured: &str) -> Self {
        if !configured.is_empty() {
            return Self(configured.into());
        }
        match std::env::var_os("XDG_RUNTIME_DIR").filter(|folder| Path::new(folder).is_dir()) {
            Some(folder) => Self(Path::new(&folder).join("aios")),
            None => Self(std::env::temp_dir().join(format!("aios-{}", own_user()))),
        }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The socket of a node in this process; `number` tells the nodes of one process apart.
    pub(crate) fn socket(&self, number: u32) -> PathBuf {
        let process = std::process::id();
        let name = match number {
            0 => format!("{process}.{ENDING}"),
            _ => format!("{process}-{number}.{ENDING}"),
        };
        self.0.join(name)
    }

    /// Where a listener begins, out of sight of clients.
    pub(crate) fn hidden(&self) -> PathBuf {
        let mut marker = [0; 8];
        // Without chance two that begin at the same moment may meet, and one of them is tried again.
        let _ = getrandom::fill(&mut marker);
        self.0
            .join(format!("{:016x}.new", u64::from_le_bytes(marker)))
    }

    /// Where the token of a server lies that listens at a port of this machine; the folder is made if it is missing.
    ///
    /// # Errors
    /// When the folder cannot be trusted with it.
    #[cfg(feature = "http")]
    pub fn token(&self, port: u16) -> Result<PathBuf, FolderError> {
        self.prepare()?;
        Ok(self.0.join(format!("http-{port}.token")))
    }

    /// Where keys lie that nobody said a place for; the folder is made if it is missing.
    ///
    /// # Errors
    /// When the folder cannot be trusted with them.
    #[cfg(feature = "access")]
    pub fn keys(&self) -> Result<PathBuf, FolderError> {
        self.prepare()?;
        Ok(self.0.join("keys.json"))
    }

    /// Makes the folder if it is missing and makes sure that it is this user's alone. A folder for temporary files is everybody's, so
    /// somebody else may have been there first.
    pub(crate) fn prepare(&self) -> Result<(), FolderError> {
        let unusable = |source| FolderError::Unusable {
            folder: self.0.clone(),
            source,
        };
        match fs::DirBuilder::new().mode(0o700).create(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(unusable(error));
            }
            _ => {}
        }
        self.check()
    }

    fn check(&self) -> Result<(), FolderError> {
        let found = fs::symlink_metadata(&self.0).map_err(|source| FolderError::Unusable {
            folder: self.0.clone(),
            source,
        })?;
        let what = if !found.is_dir() {
            "is no folder"
        } else if found.uid() != own_user() {
            "belongs to another user"
        } else if found.permissions().mode() & 0o077 != 0 {
            "can be entered by other users"
        } else {
            return Ok(());
        };
        Err(FolderError::Foreign {
            folder: self.0.clone(),
            what,
        })
    }

    /// The sockets that lie there, by name. None, if there is no folder: then no node has opened one.
    ///
    /// # Errors
    /// When the folder is there and cannot be trusted.
    pub fn sockets(&self) -> Result<Vec<(String, PathBuf)>, FolderError> {
        if !self.0.exists() {
            return Ok(Vec::new());
        }
        self.check()?;
        let entries = fs::read_dir(&self.0).map_err(|source| FolderError::Unusable {
            folder: self.0.clone(),
            source,
        })?;
        let mut sockets: Vec<(String, PathBuf)> = entries
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let name = path.file_stem()?.to_str()?.to_owned();
                (path.extension()? == ENDING).then_some((name, path))
            })
            .collect();
        sockets.sort();
        Ok(sockets)
    }
}

/// The number of the user this process runs as: the owner of what it makes.
pub fn own_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_others_can_enter_is_not_trusted() {
        let place = tempfile::tempdir().unwrap();
        let folder = SocketFolder::of(place.path().join("doors").to_str().unwrap());
        assert_eq!(folder.sockets().unwrap(), [], "no folder, no sockets");
        folder.prepare().unwrap();
        folder.prepare().unwrap();
        fs::write(folder.path().join("7.sock"), "").unwrap();
        fs::write(folder.path().join("note.txt"), "").unwrap();
        let names: Vec<String> = folder
            .sockets()
            .unwrap()
            .into_iter()
            .map(|socket| socket.0)
            .collect();
        assert_eq!(names, ["7"]);

        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for error in [folder.prepare().unwrap_err(), folder.sockets().unwrap_err()] {
            assert!(
                error.to_string().contains("can be entered by other users"),
                "{error}"
            );
        }
        let link = place.path().join("link");
        std::os::unix::fs::symlink(place.path(), &link).unwrap();
        let through = SocketFolder::of(link.to_str().unwrap());
        assert!(matches!(
            through.prepare(),
            Err(FolderError::Foreign {
                what: "is no folder",
                ..
            })
        ));
    }
}
