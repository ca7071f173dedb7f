//! Whose tool had a processor when a process ended. What fells a process by its own hand (an abort, a fault in a foreign library, a stack
//! that is full) leaves nobody to say so; a file outlives it.
//!
//! A call has a place in the file for as long as it lasts: a byte that says whether it is being worked on at this moment, then its goal's
//! name. The system keeps what was written when a process ends, however it ends, so nothing is synced: after a power loss nobody is to blame.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::future::poll_fn;
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of a place.
const PLACE: usize = 256;
/// The most that is read of what another process left: of more calls than these none is blamed.
const READ_MAX: u64 = (PLACE * 4_096) as u64;
const BUSY: u8 = b'1';
const IDLE: u8 = b'0';

/// See the module.
#[derive(Debug)]
pub struct Witness {
    file: File,
    places: Mutex<Places>,
}

#[derive(Debug, Default)]
struct Places {
    free: BTreeSet<u64>,
    used: u64,
}

thread_local! {
    /// What this thread works on.
    static HERE: RefCell<Option<Arc<Call>>> = const { RefCell::new(None) };
}

impl Witness {
    /// Begins a file in the place of the one that an earlier process left, and says for which goals that was at work when it ended.
    ///
    /// # Errors
    /// When the file cannot be read or made.
    pub fn over(path: &Path) -> io::Result<(Arc<Self>, BTreeSet<String>)> {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let mut file = options.mode(0o600).open(path)?;
        let mut left = Vec::new();
        (&mut file).take(READ_MAX).read_to_end(&mut left)?;
        file.set_len(0)?;
        let places = Mutex::default();
        Ok((Arc::new(Self { file, places }), at_work(&left)))
    }

    /// Carries work out for a goal.
    pub async fn during<T>(self: &Arc<Self>, goal: &str, work: impl Future<Output = T>) -> T {
        let call = Arc::new(Call::of(self, goal));
        let mut work = pin!(work);
        poll_fn(|context| {
            let _here = call.begin();
            work.as_mut().poll(context)
        })
        .await
    }

    /// What cannot be written is not known later, and no call fails for that.
    fn write(&self, bytes: &[u8], at: u64) {
        let _ = self.file.write_all_at(bytes, at);
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The goals that were worked on, as the bytes of a file say.
fn at_work(left: &[u8]) -> BTreeSet<String> {
    let busy = left.chunks(PLACE).filter_map(|place| match place {
        [BUSY, name @ ..] => name.split(|byte| *byte == 0).next(),
        _ => None,
    });
    busy.filter_map(|name| String::from_utf8(name.to_vec()).ok())
        .filter(|name| !name.is_empty())
        .collect()
}

/// A call that is under way.
#[derive(Debug)]
pub(crate) struct Call {
    witness: Arc<Witness>,
    place: u64,
    /// Threads that work on it.
    threads: AtomicU32,
}

impl Call {
    fn of(witness: &Arc<Witness>, goal: &str) -> Self {
        let place = {
            let mut places = witness.places();
            let free = places.free.pop_first();
            free.unwrap_or_else(|| {
                places.used += 1;
                places.used - 1
            })
        };
        let call = Self {
            witness: Arc::clone(witness),
            place,
            threads: AtomicU32::new(0),
        };
        let mut bytes = [0; PLACE];
        bytes[0] = IDLE;
        // A name that does not fit whole would be another's.
        if goal.len() < PLACE {
            bytes[1..=goal.len()].copy_from_slice(goal.as_bytes());
        }
        witness.write(&bytes, call.at());
        call
    }

    fn at(&self) -> u64 {
        self.place * PLACE as u64
    }

    /// From here on this thread works on it.
    pub(crate) fn begin(self: &Arc<Self>) -> Here {
        if self.threads.fetch_add(1, Ordering::AcqRel) == 0 {
            self.witness.write(&[BUSY], self.at());
        }
        let before = HERE.with(|here| here.replace(Some(Arc::clone(self))));
        Here {
            call: Arc::clone(self),
            before,
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.witness.places().free.insert(self.place);
    }
}

/// What this thread works on, for a thread that does a part of it.
pub(crate) fn here() -> Option<Arc<Call>> {
    HERE.with(|here| here.borrow().clone())
}

/// Until it is dropped, on the thread where it was made, this thread works on a call.
#[must_use]
pub(crate) struct Here {
    call: Arc<Call>,
    before: Option<Arc<Call>>,
}

impl Drop for Here {
    fn drop(&mut self) {
        let before = self.before.take();
        HERE.with(|here| *here.borrow_mut() = before);
        if self.call.threads.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.call.witness.write(&[IDLE], self.call.at());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(path: &Path) -> BTreeSet<String> {
        at_work(&std::fs::read(path).unwrap())
    }

    #[tokio::test]
    async fn whoever_works_is_written_down_while_it_works_and_not_while_it_waits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("witness");
        let (witness, before) = Witness::over(&path).unwrap();
        assert_eq!(before, BTreeSet::new());
        let (go, waits) = tokio::sync::oneshot::channel();
        let slow = witness.during("slow", async {
            assert_eq!(left(&path), BTreeSet::from(["slow".to_owned()]));
            waits.await.unwrap();
        });
        let quick = async {
            assert_eq!(left(&path), BTreeSet::new());
            let inner = witness.during("quick", async {
                // On a thread of its own it is still its work, also when the one that waits for it does something else.
                let call = here().unwrap();
                let path = path.clone();
                let seen = tokio::task::spawn_blocking(move || {
                    let _here = call.begin();
                    left(&path)
                });
                seen.await.unwrap()
            });
            assert_eq!(inner.await, BTreeSet::from(["quick".to_owned()]));
            go.send(()).unwrap();
        };
        tokio::join!(slow, quick);
        assert!(here().is_none());
        assert_eq!(left(&path), BTreeSet::new());
        let long = "g".repeat(PLACE);
        witness
            .during(&long, async { assert_eq!(left(&path), BTreeSet::new()) })
            .await;
        assert!(std::fs::metadata(&path).unwrap().len() <= 2 * PLACE as u64);
    }

    #[test]
    fn what_a_process_left_is_told_once_whatever_lies_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("witness");
        let mut bytes = vec![0; 3 * PLACE];
        bytes[..4].copy_from_slice(b"0one");
        bytes[PLACE..PLACE + 4].copy_from_slice(b"1two");
        bytes[2 * PLACE..2 * PLACE + 3].copy_from_slice(&[b'1', 0xff, 0xfe]);
        bytes.extend(b"1");
        std::fs::write(&path, bytes).unwrap();
        let (_witness, told) = Witness::over(&path).unwrap();
        assert_eq!(told, BTreeSet::from(["two".to_owned()]));
        let (_witness, told) = Witness::over(&path).unwrap();
        assert_eq!(told, BTreeSet::new());
    }
}
