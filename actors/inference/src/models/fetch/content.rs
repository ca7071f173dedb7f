//! Whether a file is the pinned one.
//!
//! Hashing a hundred megabytes at every start is felt, so a hash that was right leaves a stamp beside the file with its
//! length and modification time; while both stay, the hash is taken as read.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

/// SHA-256 of a file, in hexadecimal.
pub(super) fn sha256(path: &Path) -> io::Result<String> {
    sha256_of(&mut File::open(path)?)
}

/// SHA-256 of all that is still to be read, in hexadecimal.
pub(super) fn sha256_of(file: &mut impl Read) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => hash.update(&buffer[..read]),
        }
    }
    Ok(hash
        .finalize()
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        }))
}

/// Whether the file is there with the pinned content. A file with another content is not there.
pub(super) fn is_pinned(path: &Path, bytes: u64, pinned: &str) -> io::Result<bool> {
    match path.metadata() {
        Ok(found) if found.len() == bytes => {}
        Ok(_) => return Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    }
    let stamp = stamp(path, pinned)?;
    if std::fs::read_to_string(stamp_path(path)).is_ok_and(|found| found == stamp) {
        return Ok(true);
    }
    if sha256(path)? != pinned {
        return Ok(false);
    }
    write_stamp(path, pinned);
    Ok(true)
}

/// Remembers that the file is the pinned one. A stamp that cannot be written costs time only.
pub(super) fn write_stamp(path: &Path, pinned: &str) {
    if let Ok(stamp) = stamp(path, pinned) {
        let _ = std::fs::write(stamp_path(path), stamp);
    }
}

fn stamp(path: &Path, pinned: &str) -> io::Result<String> {
    let found = path.metadata()?;
    let modified = found
        .modified()?
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Ok(format!(
        "{pinned} {} {}\n",
        found.len(),
        modified.as_nanos()
    ))
}

fn stamp_path(path: &Path) -> PathBuf {
    beside(path, ".ok")
}

/// The path with an ending added.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Puts a finished file in its place: on disk first, then by one rename.
pub(super) fn settle(part: &Path, path: &Path, pinned: &str) -> io::Result<()> {
    File::open(part)?.sync_all()?;
    std::fs::rename(part, path)?;
    write_stamp(path, pinned);
    Ok(())
}
