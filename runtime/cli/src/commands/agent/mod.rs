//! `aios agent`: charters checked and brought over, agents spawned, asked, looked at, given tools and stopped, their old records adopted.

pub(crate) mod adopt;
pub(crate) mod ask;
pub(crate) mod check;
pub(crate) mod grant;
pub(crate) mod import;
pub(crate) mod list;
pub(crate) mod show;
pub(crate) mod spawn;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use aios_work::Charter;
use aios_work::charter::CHARTER_BYTES;

use crate::failure::{Failure, Kind};

/// A charter's file with what is in it.
pub(super) struct Written {
    pub(super) path: PathBuf,
    pub(super) text: String,
    pub(super) charter: Charter,
}

/// Reads a charter's file.
pub(super) fn read(path: &Path) -> Result<Written, Failure> {
    let unusable = |why: String| Failure::new(Kind::Input, format!("{}: {why}", path.display()));
    let text = text(path).map_err(|error| unusable(error.to_string()))?;
    let charter = Charter::parse(&text).map_err(|error| unusable(error.to_string()))?;
    Ok(Written {
        path: path.to_owned(),
        text,
        charter,
    })
}

/// A file's text, as far as a charter may be long.
pub(super) fn text(path: &Path) -> io::Result<String> {
    let file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut text = String::new();
    // A byte more, so that what is too long is seen to be.
    file.take(CHARTER_BYTES as u64 + 1)
        .read_to_string(&mut text)?;
    Ok(text)
}

/// The charters of a folder, by name of their files; a file of another kind is none.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error: io::Error| {
        Failure::new(
            Kind::Input,
            format!("cannot read the folder {}: {error}", folder.display()),
        )
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|ending| ending == "md") && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
