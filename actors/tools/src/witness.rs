//! Whose tool had a processor when a process ended. What fells a process from within (an abort, a fault in a foreign library, a stack that is
//! full) leaves nobody to say so; a file outlives it.
//!
//! A call has a place in the file for as long as it lasts: a byte that says whether it is being worked on at this moment, then its goal's
//! name. The system keeps what was written when a process ends, however it ends, so nothing is synced: a loss of power is nobody's doing.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of a place.
const PLACE: usize = 256;
/// The most that is read of what another process left: of calls beyond these none is blamed.
const READ_MAX: u64 = (PLACE * 4_096) as u64;
const BUSY: u8 = b'1';
const IDLE: u8 = b'0';

/// See the module.
#[derive(Debug)]
pub struct Witness {
    file: File,
    /// What earlier processes left, until somebody has made something of it.
    before: PathBuf,
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
    /// Begins a file in the place of the one that an earlier process left, and says for which goals that was at work when it ended. They are
    /// told again by a later one until they are [settled](Self::settled).
    ///
    /// # Errors
    /// When a file cannot be read, made or written.
    pub fn over(path: &Path) -> io::Result<(Arc<Self>, BTreeSet<String>)> {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let mut file = options.mode(0o600).open(path)?;
        let before = path.with_extension("before");
        let mut left = Vec::new();
        (&mut file).take(READ_MAX).read_to_end(&mut left)?;
        let mut blamed = at_work(&left);
        if let Ok(earlier) = File::open(&before) {
            let mut names = Vec::new();
            earlier.take(READ_MAX).read_to_end(&mut names)?;
            let names = String::from_utf8_lossy(&names).into_owned();
            blamed.extend(names.lines().map(str::to_owned));
        }
        if !blamed.is_empty() {
            let names: Vec<&str> = blamed.iter().map(String::as_str).collect();
            let mut options = OpenOptions::new();
            let options = options.write(true).create(true).truncate(true).mode(0o600);
            options
                .open(&before)?
                .write_all(names.join("\n").as_bytes())?;
        }
        file.set_len(0)?;
        let places = Mutex::default();
        let witness = Self {
            file,
            before,
            places,
        };
        Ok((Arc::new(witness), blamed))
    }

    /// What was told has been taken down elsewhere.
    pub fn settled(&self) {
        // One that stays is told once more.
        let _ = std::fs::remove_file(&self.before);
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

    /// Whether it is there now. What cannot be written is not known later, and no call fails for that.
    fn write(&self, bytes: &[u8], at: u64) -> bool {
        self.file.write_all_at(bytes, at).is_ok()
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
    /// Whether its name stands there; the name that stands there otherwise is another's.
    is_named: bool,
    /// Threads that work on it. Held while the byte that says so is written, or two of them would write it in the wrong order.
    threads: Mutex<u32>,
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
        let mut call = Self {
            witness: Arc::clone(witness),
            place,
            is_named: false,
            threads: Mutex::default(),
        };
        let mut bytes = [0; PLACE];
        bytes[0] = IDLE;
        // A name that does not fit whole would be another's.
        if goal.len() < PLACE {
            bytes[1..=goal.len()].copy_from_slice(goal.as_bytes());
        }
        call.is_named = witness.write(&bytes, call.at());
        call
    }

    fn at(&self) -> u64 {
        self.place * PLACE as u64
    }

    fn counts(&self, change: impl FnOnce(u32) -> u32) {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *threads > 0;
        *threads = change(*threads);
        let now = *threads > 0;
        if self.is_named && before != now {
            let byte = if now { BUSY } else { IDLE };
            self.witness.write(&[byte], self.at());
        }
    }

    /// From here on this thread works on it.
    pub(crate) fn begin(self: &Arc<Self>) -> Here {
        self.counts(|threads| threads + 1);
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
        self.call.counts(|threads| threads - 1);
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

    /// The thread that ends its part and the one that begins its own write the same byte.
    #[test]
    fn one_that_goes_and_one_that_comes_leave_it_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("witness");
        let (witness, _) = Witness::over(&path).unwrap();
        let call = Arc::new(Call::of(&witness, "g"));
        for _ in 0..500 {
            let first = call.begin();
            let other = Arc::clone(&call);
            let works = std::thread::spawn(move || other.begin());
            drop(first);
            let here = works.join().unwrap();
            assert_eq!(left(&path), BTreeSet::from(["g".to_owned()]));
            drop(here);
            assert_eq!(left(&path), BTreeSet::new());
        }
    }

    #[test]
    fn what_a_process_left_is_told_until_it_is_settled_whatever_lies_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("witness");
        let mut bytes = vec![0; 3 * PLACE];
        bytes[..4].copy_from_slice(b"0one");
        bytes[PLACE..PLACE + 4].copy_from_slice(b"1two");
        bytes[2 * PLACE..2 * PLACE + 3].copy_from_slice(&[b'1', 0xff, 0xfe]);
        bytes.extend(b"1");
        std::fs::write(&path, bytes).unwrap();
        let two = BTreeSet::from(["two".to_owned()]);
        for _ in 0..2 {
            // A start that came to nothing has made nothing of it.
            let (_witness, told) = Witness::over(&path).unwrap();
            assert_eq!(told, two);
        }
        let (witness, told) = Witness::over(&path).unwrap();
        assert_eq!(told, two);
        witness.settled();
        let (_witness, told) = Witness::over(&path).unwrap();
        assert_eq!(told, BTreeSet::new());
    }
}
