//! What demos left that were killed: whoever plays in a folder holds a lock in it, which the system lets go whatever ends the process, so that
//! the next demo knows which folders are nobody's any more.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// How every folder of a demo begins.
pub(super) const PREFIX: &str = "aios-demo-";
/// The file that is locked.
const LOCK: &str = "aios-demo.lock";

/// Held as long as somebody plays in a folder.
#[derive(Debug)]
pub(super) struct Hold {
    _lock: File,
}

impl Hold {
    /// A folder in which somebody begins to play.
    pub(super) fn begin(folder: &Path) -> io::Result<Self> {
        let unnamed = folder.join("aios-demo.new");
        let lock = File::create_new(&unnamed)?;
        lock.lock_shared()?;
        // Under its name it is found locked from the first moment on.
        fs::rename(unnamed, folder.join(LOCK))?;
        Ok(Self { _lock: lock })
    }

    /// The same folder, in another process of the same demo.
    pub(super) fn join(folder: &Path) -> io::Result<Self> {
        let lock = opened(folder)?;
        lock.lock_shared()?;
        // Somebody may have removed the folder before it was locked.
        let there = opened(folder)?.metadata()?;
        let held = lock.metadata()?;
        if (there.dev(), there.ino()) != (held.dev(), held.ino()) {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(Self { _lock: lock })
    }
}

/// Removes the folders of this user's demos in which nobody plays any more.
pub(super) fn sweep(place: &Path) {
    let Ok(entries) = fs::read_dir(place) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let ours = name.is_some_and(|name| name.starts_with(PREFIX));
        // Locked until it is gone, so that nobody begins to play in it meanwhile.
        if ours && let Some(_lock) = left(&path) {
            // Another demo may be sweeping too.
            let _ = fs::remove_dir_all(path);
        }
    }
}

/// The lock of a folder that is this user's alone and in which nobody plays. One without a lock is left alone: it may be about to get one.
fn left(folder: &Path) -> Option<File> {
    let own = rustix::process::geteuid().as_raw();
    let it = fs::symlink_metadata(folder).ok()?;
    let is_own = it.is_dir() && it.uid() == own && it.mode() & 0o077 == 0;
    let lock = is_own.then(|| opened(folder).ok()).flatten()?;
    lock.try_lock().is_ok().then_some(lock)
}

/// The file that is locked: a plain one, and whatever else has its name is not waited for.
fn opened(folder: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let lock = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(folder.join(LOCK))?;
    match lock.metadata()?.is_file() {
        true => Ok(lock),
        false => Err(io::ErrorKind::InvalidInput.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::DirBuilder;
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};

    use super::*;

    #[test]
    fn only_folders_in_which_nobody_plays_are_removed() {
        let place = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let folder = place.path().join(name);
            DirBuilder::new().mode(0o700).create(&folder).unwrap();
            fs::write(folder.join("notes"), "something").unwrap();
            folder
        };
        let played = folder("aios-demo-played");
        let first = Hold::begin(&played).unwrap();
        let other = Hold::join(&played).unwrap();
        let left = folder("aios-demo-left");
        drop(Hold::begin(&left).unwrap());
        let unlocked = folder("aios-demo-fresh");
        let open = folder("aios-demo-open");
        drop(Hold::begin(&open).unwrap());
        fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
        let strange = folder("other");
        drop(Hold::begin(&strange).unwrap());
        let link = place.path().join("aios-demo-link");
        std::os::unix::fs::symlink(&strange, &link).unwrap();
        sweep(place.path());
        assert!(!left.exists());
        for kept in [&played, &unlocked, &open, &strange, &link] {
            assert!(kept.exists(), "{}", kept.display());
        }
        // The director is killed, and the node is still about to leave.
        drop(first);
        sweep(place.path());
        assert!(played.exists());
        drop(other);
        sweep(place.path());
        assert!(!played.exists());
    }
}
