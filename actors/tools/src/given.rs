//! Files that somebody handed over by content: kept for the node's user alone, whole or not at all.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use crate::WorkspaceError;
use crate::input::{self, file_name};
use crate::workspace::{Writing, problem, unwritable};

/// Characters of a name. Most systems take as many bytes; one that has more of these shows when it is kept.
const NAME_MAX: usize = 255;

/// Whether a file may be called so: one name, in no folder, and none that is hidden.
#[must_use]
pub fn is_plain_name(name: &str) -> bool {
    name.chars().count() <= NAME_MAX
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

/// Takes a file away that was [kept](keep_given), and its folder if nothing else lies there. What cannot be reached without passing a link
/// stays: it is not what was kept.
pub fn drop_given(folder: &Path, name: &str) {
    if is_plain_name(name)
        && let Ok(place) = input::folder_in_place(folder, false)
    {
        let _ = rustix::fs::unlinkat(&place, name, AtFlags::empty());
    }
    drop_empty(folder);
}

/// Takes an empty folder away, to which no link leads.
pub fn drop_empty(folder: &Path) {
    if let (Some(above), Some(name)) = (folder.parent(), folder.file_name())
        && let Ok(above) = input::folder_in_place(above, false)
    {
        let _ = rustix::fs::unlinkat(&above, name, AtFlags::REMOVEDIR);
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
        // A folder that became a link meanwhile leads to nothing that was kept.
        let others = root.join("others");
        fs::create_dir(&others).unwrap();
        fs::write(others.join("q3.csv"), b"not ours").unwrap();
        let aside = root.join("aside");
        fs::rename(&folder, &aside).unwrap();
        std::os::unix::fs::symlink(&others, &folder).unwrap();
        drop_given(&folder, "q3.csv");
        assert_eq!(fs::read(others.join("q3.csv")).unwrap(), b"not ours");
        drop_given(&aside, "q3.csv");
        assert!(!aside.exists());
        std::os::unix::fs::symlink(&root, root.join("way")).unwrap();
        let refused = keep_given(&root.join("way/goal"), "a", b"x").unwrap_err();
        assert!(refused.to_string().contains("a link lies"), "{refused}");
    }
}
