//! Files that somebody handed over by content: kept for the node's user alone, whole or not at all.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::WorkspaceError;
use crate::input::{self, file_name};
use crate::workspace::{Writing, problem, unwritable};

/// Bytes of a name; more the system does not take.
const NAME_MAX: usize = 255;

/// Whether a file may be called so: one name, in no folder, and none that is hidden.
#[must_use]
pub fn is_plain_name(name: &str) -> bool {
    name.len() <= NAME_MAX
        && !name.starts_with('.')
        && !name.chars().any(char::is_control)
        && file_name(Path::new(name)).as_deref() == Some(name)
}

/// Keeps a file in a folder at a path from the root on, where no link lies on the way; the folder is made if it is not there. Nobody but this
/// user may read it.
///
/// # Errors
/// When it may not be called so, a link lies on the way, or the system does not take it.
pub fn keep_given(folder: &Path, name: &str, content: &[u8]) -> Result<PathBuf, WorkspaceError> {
    let path = folder.join(name);
    if !is_plain_name(name) {
        return Err(unwritable(&path, "a file cannot be called so"));
    }
    let keep = || -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = input::folder_in_place(folder, true)?;
        let folder = rustix::fs::openat(&folder, ".", flags, Mode::empty())?;
        let mut writing = Writing::begin_as(&folder, Mode::from_raw_mode(0o600))?;
        writing.file.write_all(content)?;
        writing.file.sync_all()?;
        writing.finish(name)?;
        Ok(rustix::fs::fsync(&folder)?)
    };
    match keep() {
        Ok(()) => Ok(path),
        Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => Err(unwritable(
            &path,
            "a link lies on the way there; name where it leads to",
        )),
        Err(error) => Err(unwritable(&path, &problem(&error))),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_kept_whole_for_its_user_alone_and_by_one_name() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        let folder = root.join("goal/given");
        for content in [&b"first"[..], b"second"] {
            let path = keep_given(&folder, "q3.csv", content).unwrap();
            assert_eq!(fs::read(&path).unwrap(), content);
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        for name in [
            "", ".", "..", "../x", "/etc/x", "a/b", "a/", ".hidden", "a\nb",
        ] {
            assert!(keep_given(&folder, name, b"x").is_err(), "{name:?}");
        }
        assert!(!is_plain_name(&"x".repeat(256)));
        std::os::unix::fs::symlink(&root, root.join("way")).unwrap();
        let refused = keep_given(&root.join("way/goal"), "a", b"x").unwrap_err();
        assert!(refused.to_string().contains("a link lies"), "{refused}");
    }
}
