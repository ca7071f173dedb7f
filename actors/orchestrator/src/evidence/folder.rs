//! Where the frames of a goal's results lie while it runs.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aios_protocols::Sealed;
use aios_work::content::{Exhibit, Origin};
use parking_lot::Mutex;

/// Bytes of frames in the folder of one run: of each task of the usual plan one of the largest.
const FOLDER_BYTES: usize = 32 << 20;
/// What the memory's reply is called in a folder; no task has an empty name.
pub(crate) const PASSAGES: &str = "";

/// The folders of one node, each with the frames of one run. Cheap to clone; clones are the same room.
#[derive(Clone, Default)]
pub(crate) struct Room(Arc<Folders>);

#[derive(Default)]
struct Folders {
    folders: Mutex<HashMap<u64, Frames>>,
    opened: AtomicU64,
}

/// The newest frame of each task, with its operation.
#[derive(Default)]
struct Frames {
    by_task: HashMap<String, (String, Sealed)>,
    bytes: usize,
}

/// The frames of one run; they are gone when it is dropped.
pub(crate) struct Folder {
    room: Room,
    number: u64,
}

impl Room {
    pub(crate) fn open(&self) -> Folder {
        let number = self.0.opened.fetch_add(1, Ordering::Relaxed);
        self.0.folders.lock().insert(number, Frames::default());
        Folder {
            room: self.clone(),
            number,
        }
    }

    pub(crate) fn find(&self, folder: u64, name: &str) -> Option<Sealed> {
        let folders = self.0.folders.lock();
        let mut frames = folders.get(&folder)?.by_task.values();
        let (_, frame) = frames.find(|(operation, _)| operation == name)?;
        Some(frame.clone())
    }
}

impl Folder {
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Leaves the frame of a task's result; that of an attempt before it is of no use any more and leaves.
    ///
    /// # Errors
    /// When the folder is full, in a sentence.
    pub(crate) fn keep(&self, task: &str, operation: &str, frame: &Sealed) -> Result<(), String> {
        let mut folders = self.room.0.folders.lock();
        let Some(frames) = folders.get_mut(&self.number) else {
            return Ok(());
        };
        let before = frames.by_task.remove(task);
        frames.bytes -= before.map_or(0, |(_, before)| before.len());
        let bytes = frames.bytes + frame.len();
        if bytes > FOLDER_BYTES {
            return Err(format!(
                "the goal's results have {bytes} bytes, allowed are {FOLDER_BYTES}: ask for less at once"
            ));
        }
        frames.bytes = bytes;
        let kept = (operation.to_owned(), frame.clone());
        frames.by_task.insert(task.to_owned(), kept);
        Ok(())
    }

    /// The frame that was left under this name.
    pub(crate) fn find(&self, operation: &str) -> Option<Sealed> {
        self.room.find(self.number, operation)
    }

    /// Leaves the memory's reply.
    ///
    /// # Errors
    /// When the folder is full, in a sentence.
    pub(crate) fn keep_passages(&self, frame: &Sealed) -> Result<Exhibit, String> {
        self.keep(PASSAGES, PASSAGES, frame)?;
        Ok(Exhibit {
            task_id: String::new(),
            task: None,
            origin: Origin::Signed {
                operation: PASSAGES.to_owned(),
            },
            frame: None,
        })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.room.0.folders.lock().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(bytes: usize) -> Sealed {
        Sealed::from_bytes(vec![0; bytes])
    }

    #[test]
    fn a_folder_holds_the_newest_frame_of_each_task_and_no_more_bytes_than_it_may() {
        let folder = Room::default().open();
        let part = FOLDER_BYTES / 4;
        // A task that is tried again and again takes no more room than once.
        for attempt in 0..20 {
            let operation = format!("g/a/r{attempt}");
            folder.keep("a", &operation, &frame(part)).unwrap();
            assert!(folder.find(&operation).is_some());
        }
        assert!(folder.find("g/a/r18").is_none());
        for task in ["b", "c", "d"] {
            folder
                .keep(task, &format!("g/{task}"), &frame(part))
                .unwrap();
        }
        let full = folder.keep("e", "g/e", &frame(1)).unwrap_err();
        assert!(full.contains("allowed are"), "{full}");
        assert!(folder.find("g/e").is_none());
        folder.keep("d", "g/d/simpler", &frame(1)).unwrap();
        folder.keep("e", "g/e", &frame(1)).unwrap();
        let expected = ["g/a/r19", "g/b", "g/c", "g/d/simpler", "g/e"];
        assert!(expected.iter().all(|name| folder.find(name).is_some()));
    }
}
