//! A link between the zones of two processes: 24-byte events as chunks of a stream on the tensor bus.
//!
//! A zone speaks here, not its agents: what comes in is told by the population, as from outside the swarm, and only what one
//! zone may say to another, inform and query-if, is let in, and only to kinds that are declared open to links: a node's own
//! connections and buffers take their orders from the node alone. What cannot be an event, what may not be said, what is for a
//! kind that is closed and what is for nobody here is refused and counted; what the zone has no room for is kept, tried again, and at last given up and
//! counted. A chunk goes back to the sender's ring only when each of its events has found one of these ends.
//!
//! A chunk names the trace in which its events were told, if in one: agents of the micro tier carry none, so it ends with whoever reads
//! the log or the link's view.
//!
//! Delivery is at least once: the events of a chunk whose reader dies over it are told again by the next reader.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use aios_micro::{DoorError, EVENT_BYTES, Event, Population};
use aios_protocols::ports::{StreamReader, StreamWriter, TensorBusError, Wait};
use serde::Serialize;

use crate::metric::SWARM_LINK;

/// How long a zone without room is asked again before events are given up.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// Between two looks of [`LinkIn::serve`] at its order to stop, and at a sender that has died and may be replaced.
const BEAT: Duration = Duration::from_millis(50);
/// Between two questions to a zone without room.
const PAUSE: Duration = Duration::from_millis(1);
const CHUNKS_AT_ONCE: usize = 64;

/// Which trace events were told in, as W3C's `traceparent` has it.
pub type TraceId = [u8; 16];
/// None.
pub const NO_TRACE: TraceId = [0; 16];

/// It in hexadecimal digits; none of none.
pub(crate) fn written(trace: TraceId) -> Option<String> {
    use std::fmt::Write as _;

    let mut text = String::with_capacity(2 * trace.len());
    for byte in trace {
        let _ = write!(text, "{byte:02x}");
    }
    (trace != NO_TRACE).then_some(text)
}

/// The sending side of a link.
pub struct LinkOut {
    ring: Box<dyn StreamWriter>,
    batch: usize,
    chunk: Vec<u8>,
    sent: u64,
    forbidden: u64,
}

impl LinkOut {
    /// Over the writing end of a ring whose chunks hold `chunk_bytes`, at least one event.
    ///
    /// # Errors
    /// [`TensorBusError::TooLarge`] if a chunk cannot hold one event.
    pub fn new(
        ring: impl StreamWriter + 'static,
        chunk_bytes: u32,
    ) -> Result<Self, TensorBusError> {
        let batch = chunk_bytes as usize / EVENT_BYTES;
        if batch == 0 {
            return Err(TensorBusError::TooLarge {
                what: "bytes of an event",
                asked: EVENT_BYTES as u64,
                allowed: chunk_bytes.into(),
            });
        }
        Ok(Self {
            ring: Box::new(ring),
            batch,
            chunk: Vec::with_capacity(batch * EVENT_BYTES),
            sent: 0,
            forbidden: 0,
        })
    }

    /// Sends what may be said, in order and in as few chunks as possible. What was sent, and what may not be said, leaves
    /// the list; what the ring had no room for stays in it.
    ///
    /// # Errors
    /// [`TensorBusError::Full`], or another error of the ring, with the rest still in the list.
    pub fn send(&mut self, events: &mut Vec<Event>, now_ns: u64) -> Result<(), TensorBusError> {
        self.send_in(NO_TRACE, events, now_ns)
    }

    /// The same in a trace.
    ///
    /// # Errors
    /// As [`LinkOut::send`].
    pub fn send_in(
        &mut self,
        trace: TraceId,
        events: &mut Vec<Event>,
        now_ns: u64,
    ) -> Result<(), TensorBusError> {
        let asked = events.len();
        events.retain(|event| event.act.allowed_between_agents());
        self.forbidden += (asked - events.len()) as u64;
        let mut sent = 0;
        let mut outcome = Ok(());
        for batch in events.chunks(self.batch) {
            self.chunk.clear();
            for event in batch {
                self.chunk.extend_from_slice(&event.to_bytes());
            }
            outcome = self.ring.write_of(trace, &self.chunk, now_ns).map(drop);
            if outcome.is_err() {
                break;
            }
            sent += batch.len();
        }
        events.drain(..sent);
        self.sent += sent as u64;
        outcome
    }

    /// Waits until the ring has room.
    ///
    /// # Errors
    /// As the ring's `wait`.
    pub fn wait(&mut self, how: Wait, longest: Duration) -> Result<(), TensorBusError> {
        self.ring.wait(how, longest)
    }

    /// Events sent so far.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Events dropped so far because zones do not say that to each other.
    pub fn forbidden(&self) -> u64 {
        self.forbidden
    }
}

/// What came over a link, since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct LinkCounts {
    /// Events the zone has taken.
    pub told: u64,
    /// Chunks that were not what the sender wrote.
    pub refused_chunks: u64,
    /// Chunks of another length than whole events, and events that cannot be.
    pub malformed: u64,
    /// Events that zones do not say to each other.
    pub forbidden: u64,
    /// Events for an agent of another zone.
    pub foreign: u64,
    /// Events for a kind that is not open to links.
    pub closed: u64,
    /// Events the zone had no room for, each time it was asked.
    pub retried: u64,
    /// Events given up after [`PATIENCE`].
    pub given_up: u64,
}

impl LinkCounts {
    /// Events and chunks that were refused or given up.
    pub fn refused(&self) -> u64 {
        self.refused_chunks
            + self.malformed
            + self.forbidden
            + self.foreign
            + self.closed
            + self.given_up
    }

    /// Those of two ends of one link, one after the other.
    #[cfg(feature = "shared-memory")]
    pub(crate) fn and(self, later: Self) -> Self {
        Self {
            told: self.told + later.told,
            refused_chunks: self.refused_chunks + later.refused_chunks,
            malformed: self.malformed + later.malformed,
            forbidden: self.forbidden + later.forbidden,
            foreign: self.foreign + later.foreign,
            closed: self.closed + later.closed,
            retried: self.retried + later.retried,
            given_up: self.given_up + later.given_up,
        }
    }

    fn entries(&self) -> [(&'static str, u64); 8] {
        [
            ("told", self.told),
            ("refused_chunks", self.refused_chunks),
            ("malformed", self.malformed),
            ("forbidden", self.forbidden),
            ("foreign", self.foreign),
            ("closed", self.closed),
            ("retried", self.retried),
            ("given_up", self.given_up),
        ]
    }
}

/// How a look at the ring ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pumped {
    /// There may be more.
    More,
    /// There is nothing more now.
    Empty,
    /// The zone has no room now.
    ZoneFull,
}

/// The receiving side of a link.
pub struct LinkIn {
    ring: Box<dyn StreamReader>,
    zone: Population,
    /// What the zone has no room for yet, at most one chunk.
    waiting: Vec<Event>,
    /// Since when.
    since: Option<Duration>,
    chunk: Vec<u8>,
    counts: LinkCounts,
    /// Of the chunk that is taken up.
    trace: TraceId,
    /// Of the last one that named one.
    last_trace: TraceId,
}

impl LinkIn {
    /// Over the reading end of a ring, for the zone behind this door.
    pub fn new(ring: impl StreamReader + 'static, zone: Population) -> Self {
        Self {
            ring: Box::new(ring),
            zone,
            waiting: Vec::new(),
            since: None,
            chunk: Vec::new(),
            counts: LinkCounts::default(),
            trace: NO_TRACE,
            last_trace: NO_TRACE,
        }
    }

    /// The trace of what came last that named one.
    pub fn last_trace(&self) -> TraceId {
        self.last_trace
    }

    /// What came so far.
    pub fn counts(&self) -> LinkCounts {
        self.counts
    }

    /// Hands the counts to the process's metrics recorder.
    pub fn record(&self) {
        for (what, count) in self.counts.entries() {
            metrics::counter!(SWARM_LINK, "zone" => self.zone.zone().to_owned(), "what" => what)
                .absolute(count);
        }
    }

    /// Takes up at most `chunks` chunks, never waiting. `now` is the time since any fixed moment, for patience.
    ///
    /// # Errors
    /// An error of the ring that is not one chunk's: the link is over.
    pub fn pump(&mut self, chunks: usize, now: Duration) -> Result<Pumped, TensorBusError> {
        for _ in 0..chunks {
            if !self.waiting.is_empty() {
                self.tell(now);
                if !self.waiting.is_empty() {
                    return Ok(Pumped::ZoneFull);
                }
                continue;
            }
            match self.ring.read(&mut self.chunk) {
                Ok(None) => return Ok(Pumped::Empty),
                Ok(Some(header)) => {
                    self.trace = header.conversation;
                    if self.trace != NO_TRACE {
                        self.last_trace = self.trace;
                    }
                    self.take_up();
                    self.tell(now);
                }
                Err(TensorBusError::Forged | TensorBusError::Malformed(_)) => {
                    self.counts.refused_chunks += 1;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Pumped::More)
    }

    /// Takes up chunks until told to stop, on a thread of its own; a sender that dies may be replaced meanwhile.
    ///
    /// # Errors
    /// As [`LinkIn::pump`].
    pub fn serve(&mut self, stop: &AtomicBool) -> Result<(), TensorBusError> {
        self.serve_seen(stop, |_, _| {})
    }

    /// The same, and shows counts and last trace after each look at the ring.
    pub(crate) fn serve_seen(
        &mut self,
        stop: &AtomicBool,
        mut seen: impl FnMut(LinkCounts, TraceId),
    ) -> Result<(), TensorBusError> {
        let begin = Instant::now();
        while !stop.load(Relaxed) {
            let pumped = self.pump(CHUNKS_AT_ONCE, begin.elapsed());
            seen(self.counts, self.last_trace);
            match pumped? {
                Pumped::More => {}
                Pumped::ZoneFull => std::thread::sleep(PAUSE),
                Pumped::Empty => match self.ring.wait(Wait::Block, BEAT) {
                    Ok(()) | Err(TensorBusError::Late(_)) => {}
                    Err(TensorBusError::PeerGone) => std::thread::sleep(BEAT),
                    Err(error) => return Err(error),
                },
            }
        }
        Ok(())
    }

    /// The sound events of a chunk.
    fn take_up(&mut self) {
        let (events, rest) = self.chunk.as_chunks::<EVENT_BYTES>();
        if !rest.is_empty() || events.is_empty() {
            self.counts.malformed += 1;
            return;
        }
        for bytes in events {
            match Event::from_bytes(bytes) {
                Err(_) => self.counts.malformed += 1,
                Ok(event) if !event.act.allowed_between_agents() => self.counts.forbidden += 1,
                Ok(event) => match self.zone.open_to_links(event.to) {
                    Ok(()) => self.waiting.push(event),
                    Err(closed @ DoorError::Closed { .. }) => {
                        // Said once a link: whoever floods it is counted, not quoted.
                        if self.counts.closed == 0 {
                            let trace_id = written(self.trace);
                            tracing::warn!(reason = %closed, trace_id, "a link's event was refused");
                        }
                        self.counts.closed += 1;
                    }
                    Err(_) => self.counts.foreign += 1,
                },
            }
        }
    }

    /// Hands on what waits; the chunk is released once nothing does.
    fn tell(&mut self, now: Duration) {
        let asked = self.waiting.len();
        // An error says only that some are left, and they are: nothing for another zone was taken up.
        let _ = self.zone.tell(&mut self.waiting);
        self.counts.told += (asked - self.waiting.len()) as u64;
        let left = self.waiting.len() as u64;
        if left > 0 {
            let since = *self.since.get_or_insert(now);
            if now.saturating_sub(since) < PATIENCE {
                self.counts.retried += left;
                return;
            }
            self.counts.given_up += left;
            self.waiting.clear();
        }
        self.since = None;
        self.ring.release();
    }
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
