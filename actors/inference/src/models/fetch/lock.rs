//! One process at a time fetches a model.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

use super::FetchOptions;
use super::error::{FetchError, folder_error};

/// How often a held lock is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Held while this lives; the system lets go of it when the process ends, however it ends.
pub(super) struct Lock {
    // Kept for its drop.
    #[allow(dead_code)]
    file: File,
}

impl Lock {
    pub(super) fn take(path: &Path, options: &FetchOptions) -> Result<Self, FetchError> {
        let failed = |error| folder_error(path, &error, 0);
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(failed)?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { file }),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
                Err(TryLockError::WouldBlock) => {}
            }
            if options.cancel.is_cancelled() {
                return Err(FetchError::Cancelled);
            }
            if begun.elapsed() >= options.lock_timeout {
                return Err(FetchError::Busy {
                    path: path.to_path_buf(),
                    waited: begun.elapsed(),
                });
            }
            std::thread::sleep(LOOK);
        }
    }
}
