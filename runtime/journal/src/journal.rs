//! The journal as a process uses it: many append, one thread writes, one sync serves all who wait.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, Waker};
use std::thread::JoinHandle;
use std::time::Duration;

use aios_protocols::{SigningIdentity, Timestamp};
use parking_lot::{Condvar, Mutex, MutexGuard};
use serde::Serialize;
use thiserror::Error;

use crate::Damage;
use crate::archive::{self, ArchiveError, Holder, Moved, Retention};
use crate::digest::Digest;
use crate::disk::{Disk, DiskError, Fault};
use crate::entry::{self, Draft, Entry, Position};
use crate::frame::{BODY_MAX, HEADER};
use crate::log::{BATCH_MAX, Log, OpenError, Options, Published, Unit};
use crate::reader::{self, Entries, Guard};
use crate::recovery::Recovery;
use crate::segment::JournalId;
use crate::ticket::{self, Acknowledged, Stub, Ticket, WriteError};

/// Where the time comes from.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Why entries are not taken.
#[derive(Debug, Error)]
pub enum AppendError {
    /// As many wait as may wait. The entries come back.
    #[error(
        "the journal's queue is full: {waiting} entries wait, {allowed} may; wait for a ticket and append again"
    )]
    Full {
        /// Entries that wait.
        waiting: usize,
        /// Entries that may wait.
        allowed: usize,
        /// What was to be appended.
        drafts: Vec<Draft>,
    },
    /// One entry is too large.
    #[error(
        "an entry of {asked} bytes, allowed are {allowed}: put its content aside as a blob and let the entry name it"
    )]
    TooLarge {
        /// Its bytes.
        asked: usize,
        /// Bytes allowed.
        allowed: usize,
    },
    /// A unit of no entries, or of too many.
    #[error("a unit of {asked} entries, 1 to {allowed} are allowed")]
    Count {
        /// Its entries.
        asked: usize,
        /// Entries allowed.
        allowed: usize,
    },
    /// The entry cannot be encoded.
    #[error("the entry cannot be written: {0}")]
    Form(String),
    /// The journal has stopped or is closed.
    #[error(transparent)]
    Stopped(WriteError),
}

/// What a journal shows of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JournalState {
    /// The opening that this process made.
    pub epoch: u64,
    /// The first entry that is there without the archive.
    pub first: u64,
    /// The last entry that is lasting.
    pub last: u64,
    /// The digest of it.
    pub head: Digest,
    /// Segments.
    pub segments: usize,
    /// Bytes in them.
    pub bytes: u64,
    /// Entries that wait to be written.
    pub waiting: usize,
    /// Entries written by this process.
    pub entries: u64,
    /// Syncs they took.
    pub syncs: u64,
    /// By how many milliseconds the clock is behind the last entry.
    pub clock_back_ms: u64,
    /// Why it has stopped, if it has.
    pub stopped: Option<String>,
}

/// The journal, to be shared by all who write. Dropping it writes what waits and closes it.
pub struct Journal {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    disk: Arc<dyn Disk>,
    options: Options,
    clock: Clock,
    queue: Mutex<Queue>,
    arrived: Condvar,
    room: Condvar,
    log: Mutex<Log>,
    published: Arc<Mutex<Published>>,
    /// A clone of it is held by each reader; who moves segments away does so only while there is none, and keeps others out meanwhile.
    readers: Mutex<Guard>,
    /// Held by who moves segments.
    moving: Mutex<()>,
    /// How often the disk has refused units.
    refusals: AtomicU64,
}

/// A unit that waits to be written.
struct Waiting {
    unit: Unit,
    stub: Stub,
    after: Option<u64>,
}

impl Holder for Shared {
    fn with<T>(&self, work: impl FnOnce(&mut Log) -> T) -> T {
        work(&mut self.log.lock())
    }

    fn alone<T>(&self, work: impl FnOnce(&mut Log) -> T) -> Result<T, ArchiveError> {
        let readers = self.readers.lock();
        let reading = Arc::strong_count(&readers) - 1;
        if reading > 0 {
            return Err(ArchiveError::Reading { reading });
        }
        Ok(self.with(work))
    }
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    entries: usize,
    bytes: usize,
    closed: bool,
    /// Tasks that wait for room; threads wait for `Shared::room`.
    wakers: Vec<Waker>,
}

impl Journal {
    /// Opens the journal on this disk, or makes one there. What was found is in the [`Recovery`], which belongs in the log.
    ///
    /// # Errors
    /// The disk fails, or the last segment cannot be gone on with; the sentence says which and what to do.
    pub fn open(
        disk: Arc<dyn Disk>,
        options: Options,
        identity: Arc<SigningIdentity>,
        clock: Clock,
    ) -> Result<(Self, Recovery), OpenError> {
        let (log, recovery) = Log::open(Arc::clone(&disk), options.clone(), identity, clock())?;
        let published = log.published();
        let shared = Arc::new(Shared {
            disk,
            options,
            clock,
            queue: Mutex::default(),
            arrived: Condvar::new(),
            room: Condvar::new(),
            log: Mutex::new(log),
            published,
            readers: Mutex::default(),
            moving: Mutex::default(),
            refusals: AtomicU64::new(0),
        });
        let writer = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || {
                let _end = End(&writer);
                writer.write();
            })
            .map_err(|error| {
                let reason = error.to_string();
                DiskError::new("start", "the journal's thread", Fault::Failed, reason)
            })?;
        let journal = Self {
            shared,
            thread: Mutex::new(Some(thread)),
        };
        Ok((journal, recovery))
    }

    /// Hands entries over to be written, in one unit: after a crash all of them are there or none. Never waits; the ticket says when
    /// they are lasting. Units become lasting in the order in which they were handed over.
    ///
    /// # Errors
    /// The queue is full, which gives the entries back, or they are too large, or the journal has stopped.
    pub fn append(&self, drafts: Vec<Draft>) -> Result<Ticket, AppendError> {
        self.handed(drafts, None)
    }

    /// The same for whoever's units make sense in their order only: if the disk has refused anything since `refusals` were counted (see
    /// [`Self::refusals`]), this one is refused too, and nothing of it is there. So what was handed over before its owner heard of a refusal
    /// does not become lasting without what was refused.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn append_after(&self, refusals: u64, drafts: Vec<Draft>) -> Result<Ticket, AppendError> {
        self.handed(drafts, Some(refusals))
    }

    /// How often the disk has refused units since this process opened the journal.
    #[must_use]
    pub fn refusals(&self) -> u64 {
        self.shared.refusals.load(Ordering::Acquire)
    }

    fn handed(&self, drafts: Vec<Draft>, after: Option<u64>) -> Result<Ticket, AppendError> {
        let mut encoded = self.encode(&drafts)?;
        encoded.after = after;
        let queue = self.shared.queue.lock();
        match self.shared.room_for(&queue, &encoded)? {
            true => Ok(self.shared.hand_over(queue, encoded)),
            false => Err(AppendError::Full {
                waiting: queue.entries,
                allowed: self.shared.most(),
                drafts,
            }),
        }
    }

    /// The same, and waits for room and until the entries are lasting: blocks the thread. Gives the number of the last of them.
    ///
    /// # Errors
    /// As [`Self::append`], without a full queue, and as [`Ticket::wait`].
    pub fn commit(&self, drafts: Vec<Draft>) -> Result<u64, AppendError> {
        let encoded = self.encode(&drafts)?;
        let mut queue = self.shared.queue.lock();
        while !self.shared.room_for(&queue, &encoded)? {
            self.shared.room.wait(&mut queue);
        }
        let ticket = self.shared.hand_over(queue, encoded);
        ticket.wait().map_err(AppendError::Stopped)
    }

    /// The same for a task: waits without blocking the thread. A task that is dropped before it had room has handed nothing over; one that
    /// is dropped later has, and the entries may become lasting.
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub async fn record(&self, drafts: Vec<Draft>) -> Result<u64, AppendError> {
        let mut encoded = Some(self.encode(&drafts)?);
        drop(drafts);
        let ticket = std::future::poll_fn(|context| {
            let Some(waiting) = encoded.take() else {
                return Poll::Pending;
            };
            let mut queue = self.shared.queue.lock();
            match self.shared.room_for(&queue, &waiting) {
                Ok(true) => Poll::Ready(Ok(self.shared.hand_over(queue, waiting))),
                Ok(false) => {
                    encoded = Some(waiting);
                    queue.wakers.push(context.waker().clone());
                    Poll::Pending
                }
                Err(error) => Poll::Ready(Err(error)),
            }
        });
        ticket.await?.await.map_err(AppendError::Stopped)
    }

    fn encode(&self, drafts: &[Draft]) -> Result<Encoded, AppendError> {
        let most = self.shared.most();
        if drafts.is_empty() || drafts.len() > most {
            return Err(AppendError::Count {
                asked: drafts.len(),
                allowed: most,
            });
        }
        let mut encoded = Encoded {
            unit: Unit { bodies: Vec::new() },
            bytes: 0,
            after: None,
        };
        for draft in drafts {
            let body = entry::encode(draft).map_err(AppendError::Form)?;
            if body.len() > BODY_MAX {
                return Err(AppendError::TooLarge {
                    asked: body.len(),
                    allowed: BODY_MAX,
                });
            }
            encoded.bytes += HEADER + body.len();
            encoded.unit.bodies.push(body);
        }
        Ok(encoded)
    }

    /// The entries from this number on that are lasting now, in order. Damage is given in its place, and reading goes on behind it.
    #[must_use]
    pub fn read(&self, from: u64) -> Entries {
        let guard = Arc::clone(&self.shared.readers.lock());
        let published = self.shared.published.lock().clone();
        Entries::of(
            Arc::clone(&self.shared.disk),
            published.segments,
            from,
            Some(guard),
        )
    }

    /// The entry at a place that an entry was read from.
    ///
    /// # Errors
    /// What stands there is damaged or no entry.
    pub fn read_at(&self, position: Position) -> Result<Entry, Damage> {
        let _guard = Arc::clone(&self.shared.readers.lock());
        let segments = self.shared.published.lock().segments.clone();
        reader::read_at(&self.shared.disk, &segments, position)
    }

    /// Whether a place that an entry was read from is still where it was.
    pub(crate) fn holds(&self, position: Position) -> bool {
        let published = self.shared.published.lock();
        let mut segments = published.segments.iter();
        segments.any(|info| info.first == position.segment && !info.compacted)
    }

    /// Hands every entry from this number on to `apply`, damage included.
    pub fn replay(&self, from: u64, mut apply: impl FnMut(Result<Entry, Damage>)) {
        self.read(from).for_each(&mut apply);
    }

    /// What it shows of itself.
    #[must_use]
    pub fn state(&self) -> JournalState {
        let waiting = self.shared.queue.lock().entries;
        let published = self.shared.published.lock();
        JournalState {
            epoch: published.epoch,
            first: published
                .segments
                .first()
                .map_or(0, |segment| segment.first),
            last: published.last,
            head: published.head,
            segments: published.segments.len(),
            bytes: published.segments.iter().map(|segment| segment.bytes).sum(),
            waiting,
            entries: published.entries,
            syncs: published.syncs,
            clock_back_ms: u64::try_from(published.clock_back.as_millis()).unwrap_or(u64::MAX),
            stopped: published.stopped.as_ref().map(ToString::to_string),
        }
    }

    /// The journal's id.
    #[must_use]
    pub fn id(&self) -> JournalId {
        self.shared.published.lock().journal
    }

    /// The disk it lies on.
    #[must_use]
    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.shared.disk
    }

    /// Seals the segment that is being written, so that it can leave.
    ///
    /// # Errors
    /// The disk fails.
    pub fn rotate(&self) -> Result<(), WriteError> {
        let now = (self.shared.clock)();
        self.shared.log.lock().rotate(now)
    }

    /// Moves sealed segments that are old enough into the archive; what `keep` says is still needed of them stays behind, compacted.
    /// Then deletes from the archive what it may not keep. Whoever reads or writes meanwhile waits for moments only; while somebody reads
    /// nothing is taken away.
    ///
    /// # Errors
    /// Somebody reads, or the disk fails; whatever was begun is finished at the next opening.
    pub fn retire(
        &self,
        retention: &Retention,
        keep: impl FnMut(&Entry) -> bool,
    ) -> Result<Moved, ArchiveError> {
        let _mine = self.shared.moving.try_lock().ok_or(ArchiveError::Busy)?;
        archive::retire(&*self.shared, retention, (self.shared.clock)(), keep)
    }

    /// Writes what waits, says that nothing follows, and ends the thread. Later calls change nothing.
    pub fn close(&self) {
        let mut queue = self.shared.queue.lock();
        queue.closed = true;
        self.shared.make_room(queue);
        self.shared.arrived.notify_all();
        if let Some(thread) = self.thread.lock().take() {
            // A writer that panicked has told whoever waited by dropping their stubs.
            let _ = thread.join();
        }
    }
}

/// A unit that is ready to be handed over.
struct Encoded {
    unit: Unit,
    /// What it is on disk.
    bytes: usize,
    /// The refusals that its owner knew of, if it matters.
    after: Option<u64>,
}

/// However the writer's thread ends, nobody waits for it any more.
struct End<'s>(&'s Shared);

impl Drop for End<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.queue.lock();
        queue.closed = true;
        // Dropping the stubs tells whoever waits.
        queue.waiting.clear();
        self.0.make_room(queue);
    }
}

impl Shared {
    fn most(&self) -> usize {
        self.options.queue_entries.clamp(1, BATCH_MAX)
    }

    /// Whether the unit may wait now.
    fn room_for(&self, queue: &Queue, encoded: &Encoded) -> Result<bool, AppendError> {
        if let Some(why) = self.published.lock().stopped.clone() {
            return Err(AppendError::Stopped(WriteError::Stopped(why)));
        }
        if queue.closed {
            let why = "it is closed".into();
            return Err(AppendError::Stopped(WriteError::Stopped(why)));
        }
        // What comes alone may be larger than the queue, or it could never come.
        let bytes = queue.bytes + encoded.bytes <= self.options.queue_bytes || queue.entries == 0;
        Ok(bytes && queue.entries + encoded.unit.bodies.len() <= self.most())
    }

    fn hand_over(&self, mut queue: MutexGuard<'_, Queue>, encoded: Encoded) -> Ticket {
        queue.entries += encoded.unit.bodies.len();
        queue.bytes += encoded.bytes;
        let (stub, ticket) = ticket::pair();
        queue.waiting.push_back(Waiting {
            unit: encoded.unit,
            stub,
            after: encoded.after,
        });
        drop(queue);
        self.arrived.notify_one();
        ticket
    }

    /// Says that there is room, or that there never will be.
    fn make_room(&self, mut queue: MutexGuard<'_, Queue>) {
        let wakers = std::mem::take(&mut queue.wakers);
        drop(queue);
        self.room.notify_all();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// The thread: takes all that waits, writes it in one go, tells everybody.
    fn write(&self) {
        loop {
            let taken: Vec<Waiting> = {
                let mut queue = self.queue.lock();
                while queue.waiting.is_empty() {
                    if queue.closed {
                        drop(queue);
                        // If the disk fails now, the next opening says that the journal was not closed.
                        let _ = self.log.lock().close((self.clock)());
                        return;
                    }
                    self.arrived.wait(&mut queue);
                }
                queue.entries = 0;
                queue.bytes = 0;
                let taken = queue.waiting.drain(..).collect();
                self.make_room(queue);
                taken
            };
            let refusals = self.refusals.load(Ordering::Acquire);
            let (mut units, mut stubs) = (Vec::new(), Vec::new());
            for waiting in taken {
                if waiting.after.is_some_and(|after| after != refusals) {
                    waiting.stub.tell(Err(WriteError::Refused(DiskError::new(
                        "write",
                        "the journal",
                        Fault::Failed,
                        "what was to stand before it was refused",
                    ))));
                    continue;
                }
                units.push(waiting.unit);
                stubs.push(waiting.stub);
            }
            if units.is_empty() {
                continue;
            }
            let outcome = self.log.lock().append(&mut units, (self.clock)());
            if matches!(outcome, Err(WriteError::Refused(_))) {
                // Before anybody hears of it, so that who asks for the count because of it is told of this one.
                self.refusals.fetch_add(1, Ordering::AcqRel);
            }
            match outcome {
                Ok(last) => {
                    for (stub, last) in stubs.into_iter().zip(last) {
                        stub.tell(Ok(last));
                    }
                }
                Err(error) => {
                    let told: Acknowledged = Err(error);
                    stubs.into_iter().for_each(|stub| stub.tell(told.clone()));
                }
            }
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Journal").field(&self.state()).finish()
    }
}

/// The time of the system.
#[must_use]
pub fn system_clock() -> Clock {
    Arc::new(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp::since_epoch(now.unwrap_or(Duration::ZERO))
    })
}
