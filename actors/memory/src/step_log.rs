//! The log of durable steps: a step that is committed is not run again.
//!
//! A step is named by its operation id, which is also the idempotency key its tools are handed. Before it runs, it is
//! written down as pending; when it has run, its result is written down and flushed. A job that is replayed after a
//! crash therefore finds committed steps done and takes their results, and learns of a pending step that it may have
//! had effects already.
//!
//! Whether an operation without effects was begun is nobody's concern, so its attempt is not waited for.
//!
//! Two runs of one operation at the same time are refused, not queued: the second asker is told that it is running.
//!
//! A step ends when its owner forgets it. One that nobody forgets ends by its age: each new step pays for a look at an old one.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::{Store, StoreError, Swap};

/// Where the steps lie in the store.
const PREFIX: &str = "step/";
/// Longest operation id in bytes.
const OPERATION_BYTES_MAX: usize = 512;
/// A step that was begun so long ago, in microseconds, serves nobody: no job is replayed after 30 days.
const KEPT_US: u64 = 30 * 24 * 3_600 * 1_000_000;
/// After so many new steps so many are looked at: more than have come, so that a round ends, and few enough to be read at once.
const EVERY: usize = 8;
const LOOK: usize = 32;

/// Why a step cannot be begun or ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// It is being run by somebody else in this process.
    #[error("operation {operation:?} is already running; wait for its result")]
    Running {
        /// The operation.
        operation: String,
    },
    /// The operation id is empty or too long.
    #[error("operation id of {asked} bytes where 1 to {allowed} are allowed")]
    Length {
        /// Its length.
        asked: usize,
        /// The longest allowed.
        allowed: usize,
    },
    /// The record in the store makes no sense.
    #[error(
        "record of operation {operation:?} cannot be read; forget the operation to run it again"
    )]
    Record {
        /// The operation.
        operation: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is known of a step when it is begun.
#[derive(Debug)]
pub enum Begin {
    /// It was never begun. Run it.
    Fresh(Step),
    /// It was begun before and never ended: it may have had effects. Run it under the same idempotency key.
    Pending {
        /// How often it was begun before.
        attempts: u32,
        /// The step.
        step: Step,
    },
    /// It is done. Do not run it; this is its result.
    Committed(Vec<u8>),
}

/// The right to run one operation. Dropping it leaves the operation pending, as a crash would.
#[derive(Debug)]
pub struct Step {
    log: Arc<Inner>,
    operation: String,
    at_us: u64,
    /// How often it was begun, this time included.
    attempts: u32,
}

/// The log itself; cheap to clone.
#[derive(Clone, Debug)]
pub struct StepLog(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    running: Mutex<HashSet<String>>,
    sweep: Mutex<Sweep>,
}

/// How far the look for old steps has come.
#[derive(Default)]
struct Sweep {
    /// Steps that were begun since the last look.
    begun: usize,
    /// The last key that was looked at; none at the start of a round.
    after: Option<Vec<u8>>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StepLog")
            .field("running", &*self.running.lock())
            .finish()
    }
}

/// A step as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptStep {
    /// The operation id.
    pub operation: String,
    /// When it was begun last, in microseconds since the Unix epoch.
    pub at_us: u64,
    /// How often it was begun, of one that never ended.
    pub attempts: u32,
    /// Its result, of one that is done.
    pub result: Option<Vec<u8>>,
}

/// What lies in the store: a tag, when the step was begun last (microseconds since the Unix epoch, little-endian), then the number of
/// attempts (little-endian) or the result.
struct Record {
    /// 0 in a record of the form before this one, which held no time.
    at_us: u64,
    state: State,
}

enum State {
    Pending(u32),
    Committed(Vec<u8>),
}

impl Record {
    const PENDING: u8 = b'P';
    const COMMITTED: u8 = b'C';
    /// The same without a time.
    const PENDING_ONCE: u8 = b'p';
    const COMMITTED_ONCE: u8 = b'c';

    fn encode(&self) -> Vec<u8> {
        let at = self.at_us.to_le_bytes();
        match &self.state {
            State::Pending(attempts) => {
                [&[Self::PENDING], at.as_slice(), &attempts.to_le_bytes()].concat()
            }
            State::Committed(result) => [&[Self::COMMITTED], at.as_slice(), result].concat(),
        }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (tag, rest) = bytes.split_first()?;
        let (at_us, rest) = match *tag {
            Self::PENDING | Self::COMMITTED => {
                let (at, rest) = rest.split_first_chunk()?;
                (u64::from_le_bytes(*at), rest)
            }
            _ => (0, rest),
        };
        let state = match *tag {
            Self::PENDING | Self::PENDING_ONCE => {
                State::Pending(u32::from_le_bytes(rest.try_into().ok()?))
            }
            Self::COMMITTED | Self::COMMITTED_ONCE => State::Committed(rest.to_vec()),
            _ => return None,
        };
        Some(Self { at_us, state })
    }
}

impl StepLog {
    /// The log of the steps in a store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self(Arc::new(Inner {
            store,
            running: Mutex::default(),
            sweep: Mutex::default(),
        }))
    }

    /// Asks to run an operation at a time in microseconds since the Unix epoch. The attempt is flushed before this returns, so that no
    /// crash hides it.
    pub fn begin(&self, operation: &str, now_us: u64) -> Result<Begin, StepError> {
        self.begun(operation, now_us, true)
    }

    /// The same for an operation without effects: whether it was tried before is of no matter to anybody, so the attempt is written down
    /// and not waited for. Its result is, as every other.
    pub fn begin_pure(&self, operation: &str, now_us: u64) -> Result<Begin, StepError> {
        self.begun(operation, now_us, false)
    }

    fn begun(&self, operation: &str, now_us: u64, safe: bool) -> Result<Begin, StepError> {
        if operation.is_empty() || operation.len() > OPERATION_BYTES_MAX {
            return Err(StepError::Length {
                asked: operation.len(),
                allowed: OPERATION_BYTES_MAX,
            });
        }
        if !self.0.running.lock().insert(operation.to_owned()) {
            return Err(StepError::Running {
                operation: operation.to_owned(),
            });
        }
        // From here on the mark is the step's, whose drop takes it away.
        let mut step = Step {
            log: self.0.clone(),
            operation: operation.to_owned(),
            at_us: now_us,
            attempts: 0,
        };
        let attempts = match self.0.read(operation)?.map(|record| record.state) {
            Some(State::Committed(result)) => return Ok(Begin::Committed(result)),
            Some(State::Pending(attempts)) => attempts,
            None => 0,
        };
        step.attempts = attempts.saturating_add(1);
        self.0
            .store
            .put(&key(operation), &step.record(State::Pending(step.attempts)))?;
        if safe {
            self.0.store.flush()?;
        }
        self.0.look_for_old(now_us)?;
        Ok(if attempts == 0 {
            Begin::Fresh(step)
        } else {
            Begin::Pending { attempts, step }
        })
    }

    /// Writes down what is known, as the result of an operation that nobody runs. It lasts with the next thing that must; one that is there
    /// already stays as it is.
    pub fn note(&self, operation: &str, result: &[u8], now_us: u64) -> Result<(), StepError> {
        if operation.is_empty() || operation.len() > OPERATION_BYTES_MAX {
            return Err(StepError::Length {
                asked: operation.len(),
                allowed: OPERATION_BYTES_MAX,
            });
        }
        let noted = Record {
            at_us: now_us,
            state: State::Committed(result.to_vec()),
        };
        self.0
            .store
            .compare_and_swap(&key(operation), None, Some(&noted.encode()))?;
        Ok(())
    }

    /// Forgets one operation: its next begin finds it fresh.
    pub fn forget_one(&self, operation: &str) -> Result<(), StepError> {
        self.0.store.delete(&key(operation))?;
        Ok(())
    }

    /// Every operation whose id begins so, as it stands.
    ///
    /// # Errors
    /// One cannot be read: whoever went on without it would take what was done for what was never begun. Or the store failed.
    pub fn kept(&self, operations: &str) -> Result<Vec<KeptStep>, StepError> {
        let prefix = key(operations);
        let (mut kept, mut after) = (Vec::new(), None::<Vec<u8>>);
        loop {
            let page = self.0.store.scan_prefix(&prefix, after.as_deref(), 256)?;
            let Some((last, _)) = page.last() else {
                return Ok(kept);
            };
            after = Some(last.clone());
            for (key, bytes) in page {
                let operation = String::from_utf8_lossy(&key[PREFIX.len()..]).into_owned();
                let Some(Record { at_us, state }) = Record::decode(&bytes) else {
                    return Err(StepError::Record { operation });
                };
                let (attempts, result) = match state {
                    State::Pending(attempts) => (attempts, None),
                    State::Committed(result) => (0, Some(result)),
                };
                kept.push(KeptStep {
                    operation,
                    at_us,
                    attempts,
                    result,
                });
            }
        }
    }

    /// Puts an operation down as it stood elsewhere, or under another name. It lasts with the next thing that must.
    pub fn keep(&self, step: &KeptStep) -> Result<(), StepError> {
        let state = match &step.result {
            Some(result) => State::Committed(result.clone()),
            None => State::Pending(step.attempts),
        };
        let record = Record {
            at_us: step.at_us,
            state,
        };
        self.0.store.put(&key(&step.operation), &record.encode())?;
        Ok(())
    }

    /// The result of an operation that is done, without asking to run it.
    pub fn result(&self, operation: &str) -> Result<Option<Vec<u8>>, StepError> {
        match self.0.read(operation)?.map(|record| record.state) {
            Some(State::Committed(result)) => Ok(Some(result)),
            _ => Ok(None),
        }
    }

    /// Forgets every operation whose id starts so, once its goal is delivered; says how many there were. End the text
    /// with a separator (`goal-1/`), or `goal-10` goes with it.
    pub fn forget(&self, operations: &str) -> Result<usize, StepError> {
        let prefix = key(operations);
        let mut forgotten = 0;
        loop {
            let page = self.0.store.scan_prefix(&prefix, None, 256)?;
            if page.is_empty() {
                self.0.store.flush()?;
                return Ok(forgotten);
            }
            for (key, _) in page {
                self.0.store.delete(&key)?;
                forgotten += 1;
            }
        }
    }
}

impl Inner {
    fn read(&self, operation: &str) -> Result<Option<Record>, StepError> {
        let Some(bytes) = self.store.get(&key(operation))? else {
            return Ok(None);
        };
        Record::decode(&bytes)
            .map(Some)
            .ok_or_else(|| StepError::Record {
                operation: operation.to_owned(),
            })
    }

    /// Looks at one page of steps after so many were begun, and forgets those that are too old. What runs is not touched.
    fn look_for_old(&self, now_us: u64) -> Result<(), StepError> {
        let mut sweep = self.sweep.lock();
        sweep.begun += 1;
        if sweep.begun < EVERY {
            return Ok(());
        }
        sweep.begun = 0;
        let page = self
            .store
            .scan_prefix(PREFIX.as_bytes(), sweep.after.as_deref(), LOOK)?;
        // A page that is not full ends the round: were the next one sought behind it, keys that come in order would keep it there for ever.
        let full = page.len() == LOOK;
        sweep.after = page.last().filter(|_| full).map(|(key, _)| key.clone());
        for (key, bytes) in page {
            // What cannot be read is told to whoever asks for it.
            let Some(record) = Record::decode(&bytes) else {
                continue;
            };
            let next = match record.at_us {
                0 => Some(
                    Record {
                        at_us: now_us,
                        ..record
                    }
                    .encode(),
                ),
                at if now_us.saturating_sub(at) > KEPT_US => None,
                _ => continue,
            };
            let running = std::str::from_utf8(&key[PREFIX.len()..])
                .is_ok_and(|operation| self.running.lock().contains(operation));
            if !running {
                // Begun anew since it was read, it is another record and stays.
                self.store
                    .compare_and_swap(&key, Some(&bytes), next.as_deref())?;
            }
        }
        Ok(())
    }
}

fn key(operation: &str) -> Vec<u8> {
    [PREFIX.as_bytes(), operation.as_bytes()].concat()
}

impl Step {
    fn record(&self, state: State) -> Vec<u8> {
        let at_us = self.at_us;
        Record { at_us, state }.encode()
    }

    /// The operation id: the idempotency key for the tools of this step.
    pub fn operation(&self) -> &str {
        &self.operation
    }

    /// Writes the result down; when this returns the step is never run again.
    ///
    /// One that was forgotten while it ran stays forgotten: nobody would come to forget it a second time.
    pub fn commit(self, result: &[u8]) -> Result<(), StepError> {
        let begun = self.record(State::Pending(self.attempts));
        let done = self.record(State::Committed(result.to_vec()));
        let store = &self.log.store;
        if store.compare_and_swap(&key(&self.operation), Some(&begun), Some(&done))? == Swap::Done {
            store.flush()?;
        }
        Ok(())
    }

    /// Says that the step had no effect: the next begin finds it fresh.
    pub fn abort(self) -> Result<(), StepError> {
        self.log.store.delete(&key(&self.operation))?;
        self.log.store.flush()?;
        Ok(())
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.log.running.lock().remove(&self.operation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::InMemoryStore;

    const NOW: u64 = 1_700_000_000_000_000;

    fn log() -> StepLog {
        StepLog::new(Arc::new(InMemoryStore::new()))
    }

    fn fresh(log: &StepLog, operation: &str) -> Step {
        match log.begin(operation, NOW).unwrap() {
            Begin::Fresh(step) => step,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_committed_step_is_not_run_again() {
        let log = log();
        fresh(&log, "goal/1").commit(b"result").unwrap();
        for _ in 0..2 {
            assert!(
                matches!(log.begin("goal/1", NOW).unwrap(), Begin::Committed(result) if result == b"result")
            );
        }
        assert_eq!(
            log.result("goal/1").unwrap().as_deref(),
            Some(b"result".as_slice())
        );
        assert_eq!(log.result("goal/2").unwrap(), None);
    }

    #[test]
    fn what_is_kept_reads_as_it_stands_and_can_be_put_down_elsewhere() {
        let log = log();
        fresh(&log, "g/1").commit(b"result").unwrap();
        drop(fresh(&log, "g/2"));
        log.note("g/3", b"known", NOW).unwrap();
        log.note("g/3", b"other", NOW).unwrap();
        log.note("g/1", b"other", NOW).unwrap();
        fresh(&log, "other/1").commit(b"x").unwrap();
        let kept = log.kept("g/").unwrap();
        let seen: Vec<_> = kept
            .iter()
            .map(|step| {
                (
                    step.operation.as_str(),
                    step.attempts,
                    step.result.as_deref(),
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("g/1", 0, Some(b"result".as_slice())),
                ("g/2", 1, None),
                ("g/3", 0, Some(b"known")),
            ]
        );
        let elsewhere = self::log();
        for step in &kept {
            elsewhere.keep(step).unwrap();
        }
        assert_eq!(elsewhere.kept("").unwrap(), kept);
        assert!(matches!(
            elsewhere.begin("g/2", NOW).unwrap(),
            Begin::Pending { attempts: 1, .. }
        ));
    }

    #[test]
    fn a_dropped_step_stays_pending_and_counts_its_attempts() {
        let log = log();
        drop(fresh(&log, "a"));
        for before in 1..4 {
            match log.begin("a", NOW).unwrap() {
                Begin::Pending { attempts, step } => {
                    assert_eq!((attempts, step.operation()), (before, "a"))
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn an_aborted_step_is_fresh() {
        let log = log();
        fresh(&log, "a").abort().unwrap();
        drop(fresh(&log, "a"));
    }

    #[test]
    fn of_two_runs_at_once_the_second_is_refused_until_the_first_has_ended() {
        let log = log();
        let step = fresh(&log, "a");
        assert_eq!(
            log.begin("a", NOW).unwrap_err(),
            StepError::Running {
                operation: "a".into()
            }
        );
        drop(fresh(&log, "b"));
        step.commit(b"").unwrap();
        assert!(matches!(log.begin("a", NOW).unwrap(), Begin::Committed(_)));
    }

    #[test]
    fn of_many_threads_exactly_one_runs_the_step() {
        let log = log();
        let ran: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        loop {
                            match log.begin("a", NOW) {
                                Ok(Begin::Fresh(step)) => {
                                    break step.commit(b"done").map(|()| 1).unwrap();
                                }
                                Ok(Begin::Committed(_)) => break 0,
                                Err(StepError::Running { .. }) => std::thread::yield_now(),
                                other => panic!("{other:?}"),
                            }
                        }
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum()
        });
        assert_eq!(ran, 1);
    }

    #[test]
    fn forgetting_takes_one_goal_and_no_other() {
        let log = log();
        for operation in ["goal-1/a", "goal-1/b", "goal-10/a"] {
            fresh(&log, operation).commit(b"x").unwrap();
        }
        assert_eq!(log.forget("goal-1/").unwrap(), 2);
        drop(fresh(&log, "goal-1/a"));
        assert!(log.result("goal-10/a").unwrap().is_some());
    }

    #[test]
    fn what_is_forgotten_while_it_runs_leaves_no_record_when_it_ends() {
        let store = Arc::new(InMemoryStore::new());
        let log = StepLog::new(Arc::clone(&store) as Arc<dyn Store>);
        let first = fresh(&log, "goal-1/a");
        drop(fresh(&log, "goal-1/b"));
        let Begin::Pending { step: second, .. } = log.begin("goal-1/b", NOW + 1).unwrap() else {
            panic!("it was begun before")
        };
        assert_eq!(log.forget("goal-1/").unwrap(), 2);
        first.commit(b"late").unwrap();
        second.commit(b"late").unwrap();
        assert_eq!(steps(&store), 0);
        // Begun anew by somebody who keeps a log of his own over the same store, it is his to end.
        let ours = fresh(&log, "goal-1/a");
        assert_eq!(log.forget("goal-1/").unwrap(), 1);
        let other = StepLog::new(Arc::clone(&store) as Arc<dyn Store>);
        let theirs = match other.begin("goal-1/a", NOW + 2).unwrap() {
            Begin::Fresh(step) => step,
            other => panic!("{other:?}"),
        };
        ours.commit(b"ours").unwrap();
        theirs.commit(b"theirs").unwrap();
        assert_eq!(
            log.result("goal-1/a").unwrap().as_deref(),
            Some(b"theirs".as_slice())
        );
    }

    #[test]
    fn an_operation_id_without_length_or_with_too_much_is_refused() {
        for length in [0, OPERATION_BYTES_MAX + 1] {
            let error = log().begin(&"x".repeat(length), NOW).unwrap_err();
            assert_eq!(
                error,
                StepError::Length {
                    asked: length,
                    allowed: OPERATION_BYTES_MAX
                }
            );
        }
    }

    #[test]
    fn a_record_that_makes_no_sense_is_an_error_and_can_be_forgotten() {
        for record in [b"".as_slice(), b"x", b"p12", b"P1234567", b"P12345678abc"] {
            let store = Arc::new(InMemoryStore::new());
            store.put(b"step/a", record).unwrap();
            let log = StepLog::new(store);
            assert_eq!(
                log.begin("a", NOW).unwrap_err(),
                StepError::Record {
                    operation: "a".into()
                }
            );
            assert_eq!(log.forget("a").unwrap(), 1);
            drop(fresh(&log, "a"));
        }
    }

    fn steps(store: &Arc<InMemoryStore>) -> usize {
        store.scan_prefix(b"step/", None, 10_000).unwrap().len()
    }

    #[test]
    fn what_nobody_forgets_ends_by_its_age_and_what_runs_does_not() {
        let store = Arc::new(InMemoryStore::new());
        let log = StepLog::new(Arc::clone(&store) as Arc<dyn Store>);
        let runs = fresh(&log, "long/0");
        for number in 0..200 {
            fresh(&log, &format!("left/{number}")).commit(b"x").unwrap();
        }
        // Of the form before the time was kept: it counts from the first look on.
        store.put(b"step/before", b"cresult").unwrap();
        let later = NOW + KEPT_US;
        for number in 0..600 {
            let begun = log.begin(&format!("next/{number}"), later + number);
            assert!(matches!(begun, Ok(Begin::Fresh(_))));
        }
        assert_eq!(steps(&store), 600 + 2, "the old ones are gone");
        assert_eq!(
            log.result("before").unwrap().as_deref(),
            Some(b"result".as_slice())
        );
        runs.commit(b"done").unwrap();
        for number in 0..600 {
            let begun = log.begin(&format!("last/{number}"), later + KEPT_US + 601);
            assert!(matches!(begun, Ok(Begin::Fresh(_))));
        }
        assert_eq!(steps(&store), 600);
    }

    #[test]
    fn every_form_that_was_ever_written_is_read() {
        crate::golden::holds("step", 2, Record::decode, Record::encode);
        let first = Record::decode(include_bytes!("../tests/golden/step/1-pending.bin"));
        let pending = |record: Record| matches!(record.state, State::Pending(3));
        assert!(first.is_some_and(pending));
        for cut in [0, 4, 12] {
            let whole = include_bytes!("../tests/golden/step/2-pending.bin");
            assert!(Record::decode(&whole[..cut]).is_none(), "cut at {cut}");
        }
    }
}
