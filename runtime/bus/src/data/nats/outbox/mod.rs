//! What waits for the server, on this machine's disk.
//!
//! A message is accepted when the journal of the outbox has it, whether or not the server is there. It stays until a stream of the server
//! has it. The outbox is bounded: what does not fit is not accepted, and whoever publishes is told. Payloads beyond a few megabytes are kept
//! on disk alone and read again when their turn comes.
//!
//! Who takes the messages out is `drain`; what follows each attempt is decided in `lane`.

mod entry;
mod line;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aios_journal::{
    AppendError, Disk, Draft, Journal, Limit, Options, RealDisk, Retention, SimulatedDisk, Ticket,
    system_clock,
};
use aios_protocols::{SigningIdentity, Timestamp, TraceContext};
use bytes::Bytes;
use parking_lot::Mutex;
use thiserror::Error;
use tokio::sync::Notify;

use super::frame::hex;
use super::lane::OutboxId;
use super::metric;
use entry::{draft, mark, marked, name_of, named, only_names, read};
use line::{HELD_BYTES, Line, Next};

pub(super) use entry::Waiting;
pub use line::OutboxCounts;
pub(super) use line::Settled;

/// Segments of the journal: what has left is taken away in pieces of this size.
const SEGMENT_BYTES: u64 = 4 << 20;
/// How long to wait for the journal's own queue.
const QUEUE_WAIT: Duration = Duration::from_millis(2);
/// How often whoever tidies up waits so.
const QUEUE_TRIES: usize = 500;

/// Names that are remembered after their messages have left, the latest: four times as many as a node has goals under way, each of which tells
/// of two things.
const NAMES: usize = 1_024;

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

/// Messages on disk that wait for a server.
pub struct Outbox {
    journal: Journal,
    name: String,
    limits: OutboxLimits,
    state: Mutex<Line>,
    /// Something can be taken out.
    arrived: Notify,
    /// Held while what has left is taken away.
    sweeping: Mutex<()>,
    /// What the latest messages were called by whoever published them, those of earlier processes too.
    names: Mutex<VecDeque<String>>,
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
        let mut state = Line::default();
        let (mut mark, mut names) = (0, VecDeque::new());
        for entry in journal.read(1) {
            let entry = entry.map_err(|damage| failed(&damage))?;
            if let Some(name) = name_of(&entry) {
                remember(&mut names, name);
            }
            if let Some(reached) = marked(&entry) {
                mark = mark.max(reached);
            } else if let Some(waiting) = read(&entry) {
                state.push(waiting);
            }
        }
        state.begin_behind(mark);
        let name = hex(&journal.id());
        metrics::gauge!(metric::OUTBOX_WAITING).set(state.len() as f64);
        Ok(Self {
            journal,
            name,
            limits,
            state: Mutex::new(state),
            arrived: Notify::new(),
            sweeping: Mutex::new(()),
            names: Mutex::new(names),
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
        self.take_in(subject, time, trace, payload, None).await
    }

    /// The same of something that is said once, whatever is killed: a message that this process or an earlier one had accepted under the
    /// same name is not accepted again, and `None` is returned. The latest 1,024 names are remembered.
    ///
    /// # Errors
    /// It is not accepted; nothing of it is kept, its name neither.
    pub async fn accept_once(
        &self,
        name: &str,
        subject: String,
        time: Timestamp,
        trace: Option<TraceContext>,
        payload: Bytes,
    ) -> Result<Option<OutboxId>, OutboxError> {
        {
            let mut names = self.names.lock();
            if names.iter().any(|known| known == name) {
                return Ok(None);
            }
            // Before it is on disk, so that of two at once one is told.
            remember(&mut names, name);
        }
        let mut taken = Taken {
            outbox: self,
            name,
            stays: false,
        };
        let id = self
            .take_in(subject, time, trace, payload, Some(name))
            .await;
        taken.stays = id.is_ok();
        id.map(Some)
    }

    async fn take_in(
        &self,
        subject: String,
        time: Timestamp,
        trace: Option<TraceContext>,
        payload: Bytes,
        name: Option<&str>,
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
        let draft = vec![draft(&waiting, name)];
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
                let at = state.push(waiting);
                Ok(Entered::Written(at, ticket))
            }
            Err(AppendError::Full { drafts, .. }) => Ok(Entered::Full(Box::new((waiting, drafts)))),
            Err(error) => Err(OutboxError::Journal(error.to_string())),
        }
    }

    fn room(&self, state: &mut Line, size: usize) -> Result<(), OutboxError> {
        let waiting = state.len();
        let full = waiting >= self.limits.messages || state.bytes_with(size) > self.limits.bytes;
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
            let next = self.state.lock().next();
            match next {
                Next::Nobody => return None,
                Next::Cold(sequence) => self.warm(sequence),
                Next::Message(message) => return Some(message),
            }
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
        if !self.state.lock().warm(from, read_again) {
            metrics::counter!(metric::DEAD, "why" => "damaged").increment(1);
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
        let (reached, left) = {
            let mut state = self.state.lock();
            (state.settle(waiting, how), state.len())
        };
        let label = match how {
            Settled::Stored => Some("stored"),
            Settled::Found => Some("found"),
            Settled::GivenUp => None,
        };
        if let Some(how) = label {
            metrics::counter!(metric::OUTBOX_DELIVERED, "how" => how).increment(1);
        }
        metrics::gauge!(metric::OUTBOX_WAITING).set(left as f64);
        if let Some(reached) = reached {
            // A mark that is lost costs a look into the stream after a crash.
            drop(self.journal.append(vec![mark(reached)]));
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
        let left = self.state.lock().left_up_to();
        let names = self.names.lock().clone();
        // What has left goes, and its name stays: without this on the disk the next opening would know neither.
        let mut drafts = vec![mark(left)];
        drafts.extend(names.iter().map(|name| named(name)));
        let count = drafts.len() as u64;
        let first = match self.written(drafts) {
            Ok(last) => last.saturating_sub(count),
            Err(error) => {
                return tracing::debug!(%error, "what has left the outbox is taken away later");
            }
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
        let moved = self
            .journal
            .retire(&retention, |entry| match only_names(entry) {
                true => entry.sequence > first,
                false => entry.sequence > left && marked(entry).is_none(),
            });
        if let Err(error) = moved {
            tracing::debug!(%error, "what has left the outbox is taken away later");
        }
    }

    /// Writes entries that no message waits for; the number of the last, once they last. Where the journal's queue is full they wait a while for
    /// their places. Blocking.
    fn written(&self, mut drafts: Vec<Draft>) -> Result<u64, String> {
        for _ in 0..QUEUE_TRIES {
            match self.journal.append(drafts) {
                Ok(ticket) => return ticket.wait().map_err(|error| error.to_string()),
                Err(AppendError::Full { drafts: back, .. }) => drafts = back,
                Err(error) => return Err(error.to_string()),
            }
            std::thread::sleep(QUEUE_WAIT);
        }
        Err("the journal's queue stays full".to_owned())
    }

    /// What it shows of itself.
    pub fn counts(&self) -> OutboxCounts {
        let state = self.state.lock();
        OutboxCounts {
            waiting: state.len(),
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

/// The oldest make way.
/// A name whose message is on its way to the disk. If it does not come there, the name is free again.
struct Taken<'a> {
    outbox: &'a Outbox,
    name: &'a str,
    stays: bool,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if !self.stays {
            let mut names = self.outbox.names.lock();
            names.retain(|known| known != self.name);
        }
    }
}

fn remember(names: &mut VecDeque<String>, name: &str) {
    if names.len() == NAMES {
        names.pop_front();
    }
    names.push_back(name.to_owned());
}

/// What became of handing a message to the journal.
enum Entered {
    /// It is in the line, at this place, and lasting when the ticket says so.
    Written(u64, Ticket),
    /// The journal's own queue is full; it comes back.
    Full(Box<(Waiting, Vec<Draft>)>),
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
        let told = match outcome {
            Ok(sequence) if state.lasts(self.at, sequence) => {
                metrics::counter!(metric::OUTBOX_ACCEPTED).increment(1);
                Ok(OutboxId {
                    outbox: self.outbox.name.clone(),
                    sequence,
                })
            }
            Ok(_) => return Err(OutboxError::Journal("the line was lost".to_owned())),
            Err(why) => {
                state.is_void(self.at);
                Err(OutboxError::Journal(why))
            }
        };
        drop(state);
        self.outbox.arrived.notify_one();
        told
    }
}

impl Drop for Placed<'_> {
    fn drop(&mut self) {
        if self.told {
            return;
        }
        // Nobody was told that it is accepted, so it need not be sent; and a place without a number would hold up all behind it.
        self.outbox.state.lock().is_void(self.at);
        self.outbox.arrived.notify_one();
    }
}
