//! What waits for the server, on this machine's disk.
//!
//! A message is accepted when the journal of the outbox has it, whether or not the server is there. It stays until a stream of the server
//! has it. The outbox is bounded: what does not fit is not accepted, and whoever publishes is told. Payloads beyond a few megabytes are kept
//! on disk alone and read again when their turn comes.
//!
//! Who takes the messages out is `drain`; what follows each attempt is decided in `lane`.

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aios_journal::{
    AppendError, Disk, Draft, Entry, Journal, Limit, Options, Payload, RealDisk, Retention,
    SimulatedDisk, Ticket, system_clock,
};
use aios_protocols::{SigningIdentity, Timestamp, TraceContext};
use bytes::Bytes;
use parking_lot::Mutex;
use thiserror::Error;
use tokio::sync::Notify;

use super::frame::hex;
use super::lane::OutboxId;
use super::metric;

/// What a waiting message is called in the journal, and what says how far they have left.
const MESSAGE: &str = "message";
const MARK: &str = "mark";
const FORM: u16 = 1;
/// Segments of the journal: what has left is taken away in pieces of this size.
const SEGMENT_BYTES: u64 = 4 << 20;
/// Payloads that are held in memory too, so that the usual case reads nothing again.
const HELD_BYTES: usize = 8 << 20;
/// So many messages leave before it is written down: after a crash as many are looked up in the stream.
const MARK_EVERY: u64 = 512;
/// How long to wait for the journal's own queue.
const QUEUE_WAIT: Duration = Duration::from_millis(2);

/// How much may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutboxLimits {
    /// Messages.
    pub messages: usize,
    /// Bytes of their payloads.
    pub bytes: u64,
}

impl Default for OutboxLimits {
    /// An hour of 25 events a second, or 256 MiB, whichever is reached first.
    fn default() -> Self {
        Self {
            messages: 100_000,
            bytes: 256 << 20,
        }
    }
}

/// Why a message is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OutboxError {
    /// As much waits as may wait.
    #[error(
        "{waiting} messages wait for the NATS server, {allowed} may; see whether it runs, or let more wait"
    )]
    Full {
        /// Messages that wait.
        waiting: usize,
        /// Messages that may.
        allowed: usize,
    },
    /// The payload alone is more than may wait.
    #[error("a payload of {asked} bytes is too large, {allowed} are allowed")]
    TooLarge {
        /// Its bytes.
        asked: usize,
        /// Bytes allowed.
        allowed: usize,
    },
    /// The journal does not take it, or cannot be opened.
    #[error("the outbox cannot be used: {0}")]
    Journal(String),
}

/// What an outbox shows of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutboxCounts {
    /// Messages accepted by this process.
    pub accepted: u64,
    /// Messages that were waiting when it was opened.
    pub found: u64,
    /// Messages that a stream has now, because this process sent or found them.
    pub delivered: u64,
    /// Of these, those that an earlier attempt had stored.
    pub found_stored: u64,
    /// Messages that were given up.
    pub given_up: u64,
    /// Attempts that had to be made again.
    pub retries: u64,
    /// Messages that were not accepted, because the outbox was full.
    pub refused: u64,
    /// Messages that wait now.
    pub waiting: usize,
}

/// A message that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) sequence: u64,
    pub(super) subject: String,
    pub(super) time: Timestamp,
    pub(super) trace: Option<TraceContext>,
    pub(super) payload: Bytes,
    /// Whether an earlier process may have tried already.
    pub(super) found: bool,
}

/// Messages on disk that wait for a server.
pub struct Outbox {
    journal: Journal,
    name: String,
    limits: OutboxLimits,
    state: Mutex<State>,
    /// Something can be taken out.
    arrived: Notify,
    /// Held while what has left is taken away.
    sweeping: Mutex<()>,
}

#[derive(Default)]
struct State {
    /// In the order in which they were handed to the journal.
    line: VecDeque<Place>,
    /// How many have left the line at its front.
    gone: u64,
    /// Messages taken out and not settled.
    out: BTreeSet<u64>,
    /// All that was settled up to here, if nothing is out.
    settled: u64,
    unmarked: u64,
    held: usize,
    bytes: u64,
    counts: OutboxCounts,
}

struct Place {
    /// Its number in the journal, once it is lasting.
    sequence: Option<u64>,
    bytes: usize,
    /// None if it is on disk alone.
    message: Option<Waiting>,
    /// Its append failed: it is no message any more.
    void: bool,
}

impl Outbox {
    /// Opens the outbox in this folder, or makes one there. What an earlier process left is taken up.
    ///
    /// # Errors
    /// The folder cannot be used, or what lies there is damaged.
    pub fn open(
        folder: &Path,
        limits: OutboxLimits,
        identity: Arc<SigningIdentity>,
    ) -> Result<Self, OutboxError> {
        let disk =
            RealDisk::open(folder).map_err(|error| OutboxError::Journal(error.to_string()))?;
        Self::on(Arc::new(disk), limits, identity)
    }

    /// An outbox that ends with the process, for whoever keeps nothing on a disk.
    ///
    /// # Errors
    /// There is no randomness for a name.
    pub fn in_memory(
        limits: OutboxLimits,
        identity: Arc<SigningIdentity>,
    ) -> Result<Self, OutboxError> {
        Self::on(Arc::new(SimulatedDisk::new(0)), limits, identity)
    }

    fn on(
        disk: Arc<dyn Disk>,
        limits: OutboxLimits,
        identity: Arc<SigningIdentity>,
    ) -> Result<Self, OutboxError> {
        let failed = |error: &dyn std::fmt::Display| OutboxError::Journal(error.to_string());
        let options = Options {
            segment_bytes: SEGMENT_BYTES,
            ..Options::default()
        };
        let (journal, recovery) = Journal::open(disk, options, identity, system_clock())
            .map_err(|error| failed(&error))?;
        tracing::debug!(%recovery, "the outbox is open");
        let mut state = State::default();
        let mut mark = 0;
        for entry in journal.read(1) {
            let entry = entry.map_err(|damage| failed(&damage))?;
            if let Some(reached) = marked(&entry) {
                mark = mark.max(reached);
            } else if let Some(waiting) = read(&entry) {
                state.bytes += waiting.payload.len() as u64;
                state.line.push_back(place(waiting, &mut state.held));
            }
        }
        // What was written down as left is not taken up again.
        while let Some(front) = state.line.front() {
            if front.sequence > Some(mark) {
                break;
            }
            state.bytes -= front.bytes as u64;
            state.held -= front.message.as_ref().map_or(0, |it| it.payload.len());
            state.line.pop_front();
        }
        state.settled = mark;
        state.counts.found = state.line.len() as u64;
        let name = hex(&journal.id());
        metrics::gauge!(metric::OUTBOX_WAITING).set(state.line.len() as f64);
        Ok(Self {
            journal,
            name,
            limits,
            state: Mutex::new(state),
            arrived: Notify::new(),
            sweeping: Mutex::new(()),
        })
    }

    /// Takes a message. When this returns it lies on disk; whatever happens from then on, it reaches its stream, once.
    ///
    /// # Errors
    /// It is not accepted; nothing of it is kept.
    pub async fn accept(
        &self,
        subject: String,
        time: Timestamp,
        trace: Option<TraceContext>,
        payload: Bytes,
    ) -> Result<OutboxId, OutboxError> {
        let size = payload.len();
        if size as u64 > self.limits.bytes {
            return Err(OutboxError::TooLarge {
                asked: size,
                allowed: usize::try_from(self.limits.bytes).unwrap_or(usize::MAX),
            });
        }
        let waiting = Waiting {
            sequence: 0,
            subject,
            time,
            trace,
            payload,
            found: false,
        };
        let draft = vec![draft(&waiting)];
        let mut entering = (waiting, draft);
        let (at, ticket) = loop {
            match self.enter(entering)? {
                Entered::Written(at, ticket) => break (at, ticket),
                Entered::Full(back) => entering = *back,
            }
            tokio::time::sleep(QUEUE_WAIT).await;
        };
        let placed = Placed {
            outbox: self,
            at,
            told: false,
        };
        let outcome = ticket.await;
        placed.tell(outcome.map_err(|error| error.to_string()))
    }

    /// Hands a message to the journal and gives it its place, both under one lock, so that the line has the journal's order.
    fn enter(&self, (waiting, draft): (Waiting, Vec<Draft>)) -> Result<Entered, OutboxError> {
        let size = waiting.payload.len();
        let mut state = self.state.lock();
        self.room(&mut state, size)?;
        match self.journal.append(draft) {
            Ok(ticket) => {
                let at = state.gone + state.line.len() as u64;
                state.bytes += size as u64;
                let place = place(waiting, &mut state.held);
                state.line.push_back(place);
                Ok(Entered::Written(at, ticket))
            }
            Err(AppendError::Full { drafts, .. }) => Ok(Entered::Full(Box::new((waiting, drafts)))),
            Err(error) => Err(OutboxError::Journal(error.to_string())),
        }
    }

    fn room(&self, state: &mut State, size: usize) -> Result<(), OutboxError> {
        let waiting = state.line.len() + state.out.len();
        let full = waiting >= self.limits.messages
            || state.bytes.saturating_add(size as u64) > self.limits.bytes;
        if !full {
            return Ok(());
        }
        state.counts.refused += 1;
        metrics::counter!(metric::OUTBOX_FULL).increment(1);
        Err(OutboxError::Full {
            waiting,
            allowed: self.limits.messages,
        })
    }

    /// The next message, if one is lasting and its turn has come.
    pub(super) fn take(&self) -> Option<Waiting> {
        loop {
            let mut state = self.state.lock();
            let front = state.line.front()?;
            if front.void {
                let bytes = front.bytes as u64;
                state.line.pop_front();
                state.gone += 1;
                state.bytes -= bytes;
                continue;
            }
            let sequence = front.sequence?;
            if front.message.is_none() {
                drop(state);
                self.warm(sequence);
                continue;
            }
            let place = state.line.pop_front()?;
            state.gone += 1;
            state.out.insert(sequence);
            let mut message = place.message?;
            state.held -= message.payload.len();
            message.sequence = sequence;
            return Some(message);
        }
    }

    /// Reads what comes next from the disk. What cannot be read is given up: the journal has named the damage.
    fn warm(&self, from: u64) {
        let mut read_again = Vec::new();
        let mut bytes = 0;
        for entry in self.journal.read(from) {
            match entry {
                Ok(entry) => {
                    if let Some(waiting) = read(&entry) {
                        bytes += waiting.payload.len();
                        read_again.push(waiting);
                    }
                }
                Err(damage) => tracing::error!(%damage, "a message in the outbox cannot be read"),
            }
            if bytes > HELD_BYTES / 2 {
                break;
            }
        }
        let mut state = self.state.lock();
        let state = &mut *state;
        let mut read_again = read_again.into_iter().peekable();
        for place in &mut state.line {
            let Some(sequence) = place.sequence else {
                break;
            };
            while read_again.next_if(|it| it.sequence < sequence).is_some() {}
            match read_again.next_if(|it| it.sequence == sequence) {
                Some(waiting) if place.message.is_none() => {
                    state.held += waiting.payload.len();
                    place.message = Some(waiting);
                }
                Some(_) => {}
                None if sequence == from => {
                    place.void = true;
                    state.counts.given_up += 1;
                    metrics::counter!(metric::DEAD, "why" => "damaged").increment(1);
                }
                None => break,
            }
        }
    }

    /// Returns when there may be something to take out.
    pub(super) async fn arrival(&self) {
        self.arrived.notified().await;
    }

    /// The name a message has whenever it is sent.
    pub(super) fn id_of(&self, waiting: &Waiting) -> OutboxId {
        OutboxId {
            outbox: self.name.clone(),
            sequence: waiting.sequence,
        }
    }

    /// A message that was taken out has reached its stream, or was given up.
    pub(super) fn settle(&self, waiting: &Waiting, how: Settled) {
        let mark = {
            let mut state = self.state.lock();
            state.out.remove(&waiting.sequence);
            state.bytes -= waiting.payload.len() as u64;
            state.settled = state.settled.max(waiting.sequence);
            state.unmarked += 1;
            match how {
                Settled::Stored => state.counts.delivered += 1,
                Settled::Found => {
                    state.counts.delivered += 1;
                    state.counts.found_stored += 1;
                }
                Settled::GivenUp => state.counts.given_up += 1,
            }
            let label = match how {
                Settled::Stored => Some("stored"),
                Settled::Found => Some("found"),
                Settled::GivenUp => None,
            };
            if let Some(how) = label {
                metrics::counter!(metric::OUTBOX_DELIVERED, "how" => how).increment(1);
            }
            let left = state.line.len() + state.out.len();
            metrics::gauge!(metric::OUTBOX_WAITING).set(left as f64);
            let idle = left == 0;
            if state.unmarked >= MARK_EVERY || idle {
                state.unmarked = 0;
                // All below the first that is still out have left.
                let reached = state.out.first().map_or(state.settled, |first| first - 1);
                Some(reached)
            } else {
                None
            }
        };
        if let Some(reached) = mark {
            let payload = Payload::new(MARK, FORM, reached.to_le_bytes());
            let draft = Draft::set(format!("mark-{reached}"), "outbox", MARK, payload);
            // A mark that is lost costs a look into the stream after a crash.
            drop(self.journal.append(vec![draft]));
        }
    }

    pub(super) fn retried(&self) {
        self.state.lock().counts.retries += 1;
        metrics::counter!(metric::OUTBOX_RETRIES).increment(1);
    }

    /// Takes away what has left, if there is much of it. Blocking.
    pub(super) fn sweep(&self) {
        let Some(_mine) = self.sweeping.try_lock() else {
            return;
        };
        if self.journal.state().bytes < 4 * SEGMENT_BYTES {
            return;
        }
        let mark = {
            let state = self.state.lock();
            state.out.first().map_or(state.settled, |first| first - 1)
        };
        let retention = Retention {
            journal: Limit {
                bytes: Some(SEGMENT_BYTES),
                ..Limit::default()
            },
            archive: Limit {
                bytes: Some(0),
                ..Limit::default()
            },
        };
        let moved = self.journal.retire(&retention, |entry| {
            entry.sequence > mark && marked(entry).is_none()
        });
        if let Err(error) = moved {
            tracing::debug!(%error, "what has left the outbox is taken away later");
        }
    }

    /// What it shows of itself.
    pub fn counts(&self) -> OutboxCounts {
        let state = self.state.lock();
        OutboxCounts {
            waiting: state.line.len() + state.out.len(),
            ..state.counts
        }
    }

    /// The outbox's own name, which begins the names of its messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Writes what waits to be written, and closes the journal.
    pub fn close(&self) {
        self.journal.close();
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox")
            .field("name", &self.name)
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

/// What became of handing a message to the journal.
enum Entered {
    /// It is in the line, at this place, and lasting when the ticket says so.
    Written(u64, Ticket),
    /// The journal's own queue is full; it comes back.
    Full(Box<(Waiting, Vec<Draft>)>),
}

/// How a message left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    Stored,
    Found,
    GivenUp,
}

/// A message in the line whose journal entry is being written. If whoever publishes goes away meanwhile, the message may still become
/// lasting; then it is sent like any other.
struct Placed<'a> {
    outbox: &'a Outbox,
    at: u64,
    told: bool,
}

impl Placed<'_> {
    fn tell(mut self, outcome: Result<u64, String>) -> Result<OutboxId, OutboxError> {
        self.told = true;
        let mut state = self.outbox.state.lock();
        let gone = state.gone;
        let at = self
            .at
            .checked_sub(gone)
            .and_then(|at| usize::try_from(at).ok());
        let place = at.and_then(|at| state.line.get_mut(at));
        match (outcome, place) {
            (Ok(sequence), Some(place)) => {
                place.sequence = Some(sequence);
                state.counts.accepted += 1;
                metrics::counter!(metric::OUTBOX_ACCEPTED).increment(1);
                drop(state);
                self.outbox.arrived.notify_one();
                Ok(OutboxId {
                    outbox: self.outbox.name.clone(),
                    sequence,
                })
            }
            (Ok(_), None) => Err(OutboxError::Journal("the line was lost".to_owned())),
            (Err(why), place) => {
                if let Some(place) = place {
                    place.void = true;
                }
                drop(state);
                self.outbox.arrived.notify_one();
                Err(OutboxError::Journal(why))
            }
        }
    }
}

impl Drop for Placed<'_> {
    fn drop(&mut self) {
        if self.told {
            return;
        }
        // Nobody was told that it is accepted, so it need not be sent; and a place without a number would hold up all behind it.
        let mut state = self.outbox.state.lock();
        let gone = state.gone;
        let at = self
            .at
            .checked_sub(gone)
            .and_then(|at| usize::try_from(at).ok());
        let place = at.and_then(|at| state.line.get_mut(at));
        if let Some(place) = place {
            place.void = true;
        }
        drop(state);
        self.outbox.arrived.notify_one();
    }
}

/// A place in the line; the payload is held in memory while there is room for it.
fn place(waiting: Waiting, held: &mut usize) -> Place {
    let bytes = waiting.payload.len();
    let sequence = (waiting.sequence > 0).then_some(waiting.sequence);
    let message = (*held + bytes <= HELD_BYTES).then(|| {
        *held += bytes;
        waiting
    });
    Place {
        sequence,
        bytes,
        message,
        void: false,
    }
}

/// `microseconds (8, little-endian) | length of the trace (1) | trace | payload`.
fn draft(waiting: &Waiting) -> Draft {
    let trace = waiting.trace.map(|trace| trace.to_string());
    let trace = trace.unwrap_or_default();
    let mut bytes = Vec::with_capacity(9 + trace.len() + waiting.payload.len());
    bytes.extend_from_slice(&waiting.time.as_micros().to_le_bytes());
    // A traceparent has 55 bytes.
    bytes.push(u8::try_from(trace.len()).unwrap_or(0));
    bytes.extend_from_slice(trace.as_bytes());
    bytes.extend_from_slice(&waiting.payload);
    let payload = Payload::new(MESSAGE, FORM, bytes);
    Draft::set("outbox", "outbox", waiting.subject.clone(), payload)
}

/// A message as the journal has it; none for what is no message.
fn read(entry: &Entry) -> Option<Waiting> {
    let payload = entry.draft.after.as_ref()?;
    let bytes = payload.of_kind(MESSAGE, FORM).ok()?;
    let (micros, rest) = bytes.split_at_checked(8)?;
    let (&length, rest) = rest.split_first()?;
    let (trace, payload) = rest.split_at_checked(usize::from(length))?;
    let micros = u64::from_le_bytes(micros.try_into().ok()?);
    let trace = std::str::from_utf8(trace).ok()?;
    Some(Waiting {
        sequence: entry.sequence,
        subject: entry.draft.key.clone(),
        time: Timestamp::since_epoch(Duration::from_micros(micros)),
        trace: trace.parse().ok(),
        payload: Bytes::copy_from_slice(payload),
        found: true,
    })
}

/// How far an entry says that messages have left.
fn marked(entry: &Entry) -> Option<u64> {
    let payload = entry.draft.after.as_ref()?;
    let bytes = payload.of_kind(MARK, FORM).ok()?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use aios_protocols::PrincipalId;

    use super::*;

    fn identity() -> Arc<SigningIdentity> {
        let party: PrincipalId = "service:outbox@local".parse().unwrap();
        Arc::new(SigningIdentity::from_seed(party, [3; 32]))
    }

    fn open(folder: &Path, limits: OutboxLimits) -> Outbox {
        Outbox::open(folder, limits, identity()).unwrap()
    }

    async fn accept(
        outbox: &Outbox,
        subject: &str,
        payload: &[u8],
    ) -> Result<OutboxId, OutboxError> {
        let payload = Bytes::copy_from_slice(payload);
        outbox
            .accept(subject.to_owned(), Timestamp::ZERO, None, payload)
            .await
    }

    #[tokio::test]
    async fn what_was_accepted_is_there_again_in_order_until_it_has_left() {
        let folder = tempfile::tempdir().unwrap();
        let trace: TraceContext = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            .parse()
            .unwrap();
        let name = {
            let outbox = open(folder.path(), OutboxLimits::default());
            for at in 0..10_u8 {
                accept(&outbox, "aios.events.task.1", &[at]).await.unwrap();
            }
            let time = Timestamp::since_epoch(Duration::from_secs(7));
            outbox
                .accept("aios.events.task.2".into(), time, Some(trace), Bytes::new())
                .await
                .unwrap();
            for at in 0..4_u8 {
                let waiting = outbox.take().unwrap();
                assert_eq!((&waiting.payload[..], waiting.found), (&[at][..], false));
                outbox.settle(&waiting, Settled::Stored);
            }
            // Nothing says yet that four have left: after a crash they are looked up.
            assert_eq!(outbox.counts().waiting, 7);
            outbox.name().to_owned()
        };
        let outbox = open(folder.path(), OutboxLimits::default());
        assert_eq!(outbox.name(), name, "an outbox keeps its name");
        assert_eq!(outbox.counts().found, 11);
        let mut sequences = Vec::new();
        while let Some(waiting) = outbox.take() {
            assert!(waiting.found);
            if waiting.subject.ends_with('2') {
                assert_eq!(waiting.trace, Some(trace));
                assert_eq!(waiting.time, Timestamp::since_epoch(Duration::from_secs(7)));
            }
            sequences.push(waiting.sequence);
            outbox.settle(&waiting, Settled::Found);
        }
        assert!(sequences.is_sorted() && sequences.len() == 11);
        outbox.close();
        drop(outbox);
        let outbox = open(folder.path(), OutboxLimits::default());
        assert_eq!(
            outbox.counts().found,
            0,
            "it was written down that all left"
        );
    }

    #[tokio::test]
    async fn what_does_not_fit_is_refused_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let limits = OutboxLimits {
            messages: 2,
            bytes: 100,
        };
        let outbox = open(folder.path(), limits);
        let large = accept(&outbox, "aios.events.task.1", &[0; 101]).await;
        assert!(matches!(
            large,
            Err(OutboxError::TooLarge { asked: 101, .. })
        ));
        accept(&outbox, "aios.events.task.1", &[0; 60])
            .await
            .unwrap();
        let full = accept(&outbox, "aios.events.task.1", &[0; 60]).await;
        assert_eq!(
            full,
            Err(OutboxError::Full {
                waiting: 1,
                allowed: 2
            })
        );
        accept(&outbox, "aios.events.task.1", &[0; 9])
            .await
            .unwrap();
        let full = accept(&outbox, "aios.events.task.1", &[]).await;
        assert!(matches!(full, Err(OutboxError::Full { waiting: 2, .. })));
        assert_eq!(outbox.counts().refused, 2);
        // What is out counts until it has left.
        let waiting = outbox.take().unwrap();
        assert!(accept(&outbox, "aios.events.task.1", &[]).await.is_err());
        outbox.settle(&waiting, Settled::Stored);
        accept(&outbox, "aios.events.task.1", &[]).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_too_much_for_memory_is_read_again_and_what_has_left_is_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = open(folder.path(), OutboxLimits::default());
        let bytes = vec![7; 1 << 20];
        for at in 0..30_u8 {
            let mut payload = bytes.clone();
            payload[0] = at;
            accept(&outbox, "aios.data.results.1", &payload)
                .await
                .unwrap();
        }
        assert!(outbox.state.lock().held <= HELD_BYTES);
        for at in 0..30_u8 {
            let waiting = outbox.take().unwrap();
            assert_eq!((waiting.payload[0], waiting.payload.len()), (at, 1 << 20));
            outbox.settle(&waiting, Settled::Stored);
        }
        assert!(outbox.take().is_none());
        let before = outbox.journal.state().bytes;
        outbox.sweep();
        let after = outbox.journal.state().bytes;
        assert!(after < before / 2, "{before} bytes before, {after} after");
        assert_eq!(outbox.state.lock().bytes, 0);
    }

    #[tokio::test]
    async fn many_at_once_keep_the_order_of_the_journal() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Arc::new(open(folder.path(), OutboxLimits::default()));
        let mut tasks = tokio::task::JoinSet::new();
        for at in 0..64_u8 {
            let outbox = Arc::clone(&outbox);
            tasks.spawn(async move { accept(&outbox, "aios.events.task.1", &[at]).await.unwrap() });
        }
        let mut accepted: Vec<_> = tasks
            .join_all()
            .await
            .into_iter()
            .map(|id| id.sequence)
            .collect();
        accepted.sort_unstable();
        let taken: Vec<_> = std::iter::from_fn(|| outbox.take().map(|it| it.sequence)).collect();
        assert_eq!(taken, accepted);
    }
}
