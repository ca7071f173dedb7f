//! What demos left that were killed: whoever plays in a folder holds a lock in it, which the system lets go whatever ends the process, so that
//! the next demo knows which folders are nobody's any more.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// How every folder of a demo begins.
pub(super) const PREFIX: &str = "aios-demo-";
/// The file that is locked.
const LOCK: &str = "lock";

/// Held as long as somebody plays in a folder.
#[derive(Debug)]
pub(super) struct Hold {
    _lock: File,
}

impl Hold {
    /// A folder in which somebody begins to play.
    pub(super) fn begin(folder: &Path) -> io::Result<Self> {
        let unnamed = folder.join("lock.new");
        let lock = File::create_new(&unnamed)?;
        lock.lock_shared()?;
        // Under its name it is found locked from the first moment on.
        fs::rename(unnamed, folder.join(LOCK))?;
        Ok(Self { _lock: lock })
    }

    /// The same folder, in another process of the same demo.
    pub(super) fn join(folder: &Path) -> io::Result<Self> {
        let lock = File::open(folder.join(LOCK))?;
        lock.lock_shared()?;
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
        if ours && is_left(&path) {
            // Another demo may be sweeping too.
            let _ = fs::remove_dir_all(path);
        }
    }
}

/// Whether a folder is this user's, and nobody plays in it. One without a lock is left alone: it may be about to get one.
fn is_left(folder: &Path) -> bool {
    let own = rustix::process::geteuid().as_raw();
    let is_own = fs::symlink_metadata(folder).is_ok_and(|it| it.is_dir() && it.uid() == own);
    is_own && File::open(folder.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_in_which_nobody_plays_are_removed() {
        let place = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let folder = place.path().join(name);
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("notes"), "something").unwrap();
            folder
        };
        let played = folder("aios-demo-played");
        let first = Hold::begin(&played).unwrap();
        let other = Hold::join(&played).unwrap();
        let left = folder("aios-demo-left");
        drop(Hold::begin(&left).unwrap());
        let unlocked = folder("aios-demo-fresh");
        let strange = folder("other");
        drop(Hold::begin(&strange).unwrap());
        let link = place.path().join("aios-demo-link");
        std::os::unix::fs::symlink(&strange, &link).unwrap();
        sweep(place.path());
        assert!(!left.exists());
        for kept in [&played, &unlocked, &strange, &link] {
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
