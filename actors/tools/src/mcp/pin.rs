//! The list of tools as it was first seen, or last approved, kept beside the node's state.
//!
//! One file for each server, the user's alone. It is whole under its name or not there at all. What lies there is read as carefully as what
//! a server sends: whoever can write it decides which tools a node believes in.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use super::limits::LIST_BYTES;
use super::listing::{Listed, Listing};

/// The folder inside the node's.
const FOLDER: &str = "tools";
/// The form of the file.
const VERSION: u32 = 1;
/// More than this is no pin: a list within bounds, with room for how it is written.
const BYTES: u64 = 4 * LIST_BYTES as u64;

/// Why a list is not known, or could not be kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PinError {
    #[error("the list of its tools, {path}, cannot be {what}: {source}")]
    File {
        path: PathBuf,
        what: &'static str,
        source: io::Error,
    },
    #[error(
        "the list of its tools, {path}, {what}; look who wrote it, then move it away to have the list pinned anew"
    )]
    Foreign { path: PathBuf, what: &'static str },
}

/// Where the lists of a node's servers are kept.
#[derive(Clone, Debug)]
pub(crate) struct Pins(Option<PathBuf>);

#[derive(Serialize, Deserialize)]
struct Kept {
    version: u32,
    hash: String,
    tools: Vec<Listed>,
}

impl Pins {
    /// Below the folder of a node's state; without one, lists are pinned for as long as the node runs.
    pub(crate) fn below(folder: Option<&Path>) -> Self {
        Self(folder.map(|folder| folder.join(FOLDER)))
    }

    fn path(&self, server: &str) -> Option<PathBuf> {
        let folder = self.0.as_ref()?;
        Some(folder.join(format!("{server}.json")))
    }

    /// The list that was kept; none if none was.
    pub(crate) fn load(&self, server: &str) -> Result<Option<Listing>, PinError> {
        let Some(path) = self.path(server) else {
            return Ok(None);
        };
        let failed = |source| PinError::File {
            path: path.clone(),
            what: "read",
            source,
        };
        let foreign = |what| PinError::Foreign {
            path: path.clone(),
            what,
        };
        // The file itself and not what a link leads to, and without waiting: a pipe of that name would have no end.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let mut file = match OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(&path)
        {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let found = file.metadata().map_err(failed)?;
        if !found.is_file() {
            return Err(foreign("is no file"));
        }
        if found.uid() != rustix::process::geteuid().as_raw() || found.mode() & 0o022 != 0 {
            return Err(foreign("can be written by others"));
        }
        let mut text = String::new();
        let read = (&mut file).take(BYTES).read_to_string(&mut text);
        read.map_err(failed)?;
        let kept: Kept =
            serde_json::from_str(&text).map_err(|_| foreign("cannot be understood"))?;
        let listing =
            Listing::new(kept.tools).map_err(|_| foreign("is longer than any list may be"))?;
        if kept.version != VERSION || listing.hash() != kept.hash {
            return Err(foreign("is not what was written there"));
        }
        Ok(Some(listing))
    }

    /// Keeps the list from now on.
    pub(crate) fn keep(&self, server: &str, listing: &Listing) -> Result<(), PinError> {
        let (Some(folder), Some(path)) = (&self.0, self.path(server)) else {
            return Ok(());
        };
        let failed = |source| PinError::File {
            path: path.clone(),
            what: "written",
            source,
        };
        let kept = Kept {
            version: VERSION,
            hash: listing.hash().to_owned(),
            tools: listing.tools().to_vec(),
        };
        let text = serde_json::to_string_pretty(&kept).map_err(|error| failed(error.into()))?;
        write(folder, &path, text.as_bytes()).map_err(failed)
    }
}

fn write(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let draft = path.with_extension("new");
    // One that a start which was killed has left.
    let _ = fs::remove_file(&draft);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use serde_json::json;

    use super::*;

    fn listing(description: &str) -> Listing {
        Listing::new(vec![Listed {
            name: "a".to_owned(),
            description: description.to_owned(),
            input: json!({"type": "object"}),
            output: Some(json!({"type": "number"})),
            read_only: Some(true),
            idempotent: None,
        }])
        .unwrap()
    }

    #[test]
    fn a_list_is_kept_for_its_user_alone_and_replaced_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let pins = Pins::below(Some(folder.path()));
        assert_eq!(pins.load("time").unwrap(), None);
        for description in ["one", "two"] {
            pins.keep("time", &listing(description)).unwrap();
            assert_eq!(pins.load("time").unwrap(), Some(listing(description)));
        }
        assert_eq!(pins.load("files").unwrap(), None);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let kept = folder.path().join("tools/time.json");
        assert_eq!((mode(&kept), mode(kept.parent().unwrap())), (0o600, 0o700));
        assert_eq!(fs::read_dir(kept.parent().unwrap()).unwrap().count(), 1);
        let nowhere = Pins::below(None);
        nowhere.keep("time", &listing("one")).unwrap();
        assert_eq!(nowhere.load("time").unwrap(), None);
    }

    #[test]
    fn what_somebody_else_put_there_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let pins = Pins::below(Some(folder.path()));
        pins.keep("time", &listing("one")).unwrap();
        let path = folder.path().join("tools/time.json");
        let whole = fs::read_to_string(&path).unwrap();
        let refused = |what: &str| {
            let error = pins.load("time").unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        };
        for (text, what) in [
            (whole.replace("one", "two"), "is not what was written there"),
            (
                whole.replace("\"version\": 1", "\"version\": 2"),
                "is not what was written there",
            ),
            ("{}".to_owned(), "cannot be understood"),
            (whole[..whole.len() / 2].to_owned(), "cannot be understood"),
        ] {
            fs::write(&path, text).unwrap();
            refused(what);
        }
        fs::write(&path, &whole).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o622)).unwrap();
        refused("can be written by others");
        let elsewhere = folder.path().join("elsewhere");
        fs::rename(&path, &elsewhere).unwrap();
        symlink(&elsewhere, &path).unwrap();
        refused("cannot be read");
        // It is replaced, and what the link led to stays as it was.
        pins.keep("time", &listing("two")).unwrap();
        assert_eq!(pins.load("time").unwrap(), Some(listing("two")));
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), whole);
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        refused("is no file");
    }
}
