//! The links of a node's zone to zones of other nodes on this machine, as the configuration names them.
//!
//! One of the two listens at a unix socket that its user alone can enter, the other connects to it. The listener makes a ring of sealed memory
//! for each direction and hands both over; from then on events go through memory, and the socket only says by being open that the other
//! one lives. When it closes, however the other one went, rings and all are let go of, and the two find each other anew.
//!
//! What may be said over a link, and to whom, is [`link`](super::link)'s to say.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use aios_bus::Refusals;
use aios_bus::tensor::handed::{self, Handed};
use aios_bus::tensor::{PoolShape, RANDOM_BYTES, Ring};
use aios_micro::{EVENT_BYTES, Event, Population};
use aios_protocols::ports::{TensorBusError, Wait};
use aios_protocols::tensor::{PartyHash, StreamGrant};
use aios_protocols::{AgentId, Tier};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::link::{self, LinkCounts, LinkIn, LinkOut, NO_TRACE, TraceId};
use crate::config::LinkConfig;
use crate::wire::{Ear, WireError, say};

/// Chunks of one direction that may be under way, and events in one.
const SHAPE: PoolShape = PoolShape {
    slots: 64,
    slot_bytes: 128 * EVENT_BYTES as u32,
};
/// Batches that may wait to be sent.
const BATCHES: usize = 64;
/// Events of one batch.
const EVENTS: usize = 8_192;
/// Between two looks at an order to stop, at the socket and for somebody who connects.
const BEAT: Duration = Duration::from_millis(20);
/// Between two attempts to connect.
const AGAIN: Duration = Duration::from_millis(100);
/// How long the other end may take to introduce itself.
const INTRODUCED: Duration = Duration::from_secs(5);
/// The kind of agent that rings are made by and for.
const KIND: &str = "link";

/// Why events were not taken for a link.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// There is no such link.
    #[error("no link is called {asked:?}; there are {}", known.join(", "))]
    Unknown {
        /// The name asked for.
        asked: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// Too much waits already, or is asked for at once; the events come back.
    #[error(
        "{} events wait, a link lets {BATCHES} batches of {EVENTS} events wait; tell them later",
        .0.len()
    )]
    Full(Vec<Event>),
}

/// How a link stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LinkView {
    /// Its name in the configuration.
    pub name: String,
    /// The zone at the other end, while somebody is there.
    pub peer: Option<String>,
    /// How often somebody was there.
    pub met: u64,
    /// Events sent.
    pub sent: u64,
    /// Events that zones do not say to each other and that were not sent.
    pub forbidden: u64,
    /// What came, since the node began.
    pub came: LinkCounts,
    /// The trace of what came last that was told in one, in 32 hexadecimal digits.
    pub trace: Option<String>,
    /// Why nobody is there, if that is known.
    pub trouble: Option<String>,
}

/// The links of a node.
#[derive(Default)]
pub(crate) struct Links {
    links: BTreeMap<String, Link>,
    stop: Arc<AtomicBool>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What is told at once.
#[derive(Default)]
struct Batch {
    trace: TraceId,
    events: Vec<Event>,
}

struct Link {
    out: SyncSender<Batch>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    peer: Mutex<Option<String>>,
    trouble: Mutex<Option<String>>,
    came: Mutex<(LinkCounts, TraceId)>,
    met: AtomicU64,
    sent: AtomicU64,
    forbidden: AtomicU64,
}

impl Links {
    /// Begins to look for the other ends.
    pub(crate) fn begin(
        wanted: &BTreeMap<String, LinkConfig>,
        zone: &Population,
        refusals: &Refusals,
    ) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (mut links, mut threads) = (BTreeMap::new(), Vec::new());
        for (name, config) in wanted {
            let (out, waiting) = sync_channel(BATCHES);
            let state = Arc::new(State::default());
            let keeper = Keeper {
                end: End::of(config),
                zone: zone.clone(),
                refusals: refusals.clone(),
                state: Arc::clone(&state),
                stop: Arc::clone(&stop),
                waiting,
                left: Batch::default(),
            };
            let thread = std::thread::Builder::new().name(format!("link-{name}"));
            threads.push(thread.spawn(move || keeper.keep())?);
            links.insert(name.clone(), Link { out, state });
        }
        Ok(Self {
            links,
            stop,
            threads: Mutex::new(threads),
        })
    }

    pub(crate) fn tell(
        &self,
        name: &str,
        events: Vec<Event>,
        trace: TraceId,
    ) -> Result<(), LinkError> {
        let Some(link) = self.links.get(name) else {
            return Err(LinkError::Unknown {
                asked: name.to_owned(),
                known: self.links.keys().cloned().collect(),
            });
        };
        if events.len() > EVENTS {
            return Err(LinkError::Full(events));
        }
        let batch = Batch { trace, events };
        link.out.try_send(batch).map_err(|error| match error {
            TrySendError::Full(batch) | TrySendError::Disconnected(batch) => {
                LinkError::Full(batch.events)
            }
        })
    }

    pub(crate) fn view(&self) -> Vec<LinkView> {
        let view = |(name, link): (&String, &Link)| {
            let (came, trace) = *link.state.came.lock();
            LinkView {
                name: name.clone(),
                peer: link.state.peer.lock().clone(),
                met: link.state.met.load(Relaxed),
                sent: link.state.sent.load(Relaxed),
                forbidden: link.state.forbidden.load(Relaxed),
                came,
                trace: link::written(trace),
                trouble: link.state.trouble.lock().clone(),
            }
        };
        self.links.iter().map(view).collect()
    }

    /// Lets go of every link; returns when their threads have ended, a few beats later.
    pub(crate) fn end(&self) {
        self.stop.store(true, Relaxed);
        for thread in self.threads.lock().drain(..) {
            // One that panicked has said so.
            let _ = thread.join();
        }
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        self.end();
    }
}

/// Where the other one is found.
enum End {
    Listens(PathBuf),
    Connects(PathBuf),
}

impl End {
    fn of(config: &LinkConfig) -> Self {
        if config.listen.is_empty() {
            Self::Connects(config.connect.clone().into())
        } else {
            Self::Listens(config.listen.clone().into())
        }
    }
}

/// Why two ends do not come together.
#[derive(Debug, thiserror::Error)]
enum Apart {
    #[error(transparent)]
    Socket(#[from] io::Error),
    #[error(transparent)]
    Said(#[from] WireError),
    #[error(transparent)]
    Memory(#[from] TensorBusError),
    #[error("{} is not a socket of this user; remove it or name another path", .0.display())]
    Foreign(PathBuf),
    #[error("the other end is no zone's: {0}")]
    NoZone(String),
    #[error("the other end says nothing")]
    Silent,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hello {
    zone: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Offer {
    zone: String,
    /// To whoever connected, and from it; their memory has just been handed over.
    hither: StreamGrant,
    thither: StreamGrant,
}

/// Two rings and the socket they were agreed over.
struct Met {
    ear: Ear,
    peer: String,
    out: Ring,
    come: Ring,
}

struct Keeper {
    end: End,
    zone: Population,
    refusals: Refusals,
    state: Arc<State>,
    stop: Arc<AtomicBool>,
    waiting: Receiver<Batch>,
    /// What was taken to be sent and could not be.
    left: Batch,
}

impl Keeper {
    fn keep(mut self) {
        let mut listener = None;
        while !self.stop.load(Relaxed) {
            let met = match self.find(&mut listener) {
                Ok(None) => continue,
                Ok(Some(socket)) => self.meet(socket),
                Err(error) => Err(error),
            };
            match met {
                Ok(met) => {
                    *self.state.trouble.lock() = None;
                    *self.state.peer.lock() = Some(met.peer.clone());
                    self.state.met.fetch_add(1, Relaxed);
                    let outcome = self.serve(met);
                    *self.state.peer.lock() = None;
                    if let Err(error) = outcome {
                        self.trouble(&error);
                    }
                }
                Err(error) => self.trouble(&error),
            }
        }
        if let (End::Listens(path), Some(_)) = (&self.end, &listener) {
            let _ = fs::remove_file(path);
        }
    }

    fn trouble(&self, error: &Apart) {
        let said = error.to_string();
        let mut trouble = self.state.trouble.lock();
        if trouble.as_ref() != Some(&said) {
            tracing::warn!(
                zone = self.zone.zone(),
                error = said,
                "a zone's link is down"
            );
            *trouble = Some(said);
        }
        drop(trouble);
        std::thread::sleep(AGAIN);
    }

    /// Somebody at the other end; none if nobody is there yet.
    fn find(&self, listener: &mut Option<UnixListener>) -> Result<Option<UnixStream>, Apart> {
        match &self.end {
            End::Connects(path) => {
                let Ok(metadata) = fs::symlink_metadata(path) else {
                    std::thread::sleep(AGAIN);
                    return Ok(None);
                };
                let own = own_user();
                if !metadata.file_type().is_socket() || metadata.uid() != own {
                    return Err(Apart::Foreign(path.clone()));
                }
                match UnixStream::connect(path) {
                    Ok(socket) => of_own_user(socket, path).map(Some),
                    // Left by one that was killed; the next one that listens takes its place.
                    Err(_) => {
                        std::thread::sleep(AGAIN);
                        Ok(None)
                    }
                }
            }
            End::Listens(path) => {
                if listener.is_none() {
                    *listener = Some(listen(path)?);
                }
                let accepted = listener.as_ref().map(UnixListener::accept);
                match accepted {
                    Some(Ok((socket, _))) => {
                        socket.set_nonblocking(false)?;
                        of_own_user(socket, path).map(Some)
                    }
                    Some(Err(error)) if error.kind() != io::ErrorKind::WouldBlock => {
                        Err(error.into())
                    }
                    _ => {
                        std::thread::sleep(BEAT);
                        Ok(None)
                    }
                }
            }
        }
    }

    fn meet(&self, socket: UnixStream) -> Result<Met, Apart> {
        socket.set_read_timeout(Some(INTRODUCED))?;
        let zone = self.zone.zone().to_owned();
        let mut ear = Ear::new(socket.try_clone()?);
        let met = match &self.end {
            End::Listens(_) => {
                let hello: Hello = ear.next()?.ok_or(Apart::Silent)?;
                let (own, other) = (party(&zone)?, party(&hello.zone)?);
                let (out, come) = (ring(own, other)?, ring(other, own)?);
                handed::hand_over(&socket, &out)?;
                handed::hand_over(&socket, &come)?;
                let offer = Offer {
                    zone,
                    hither: out.grant().clone(),
                    thither: come.grant().clone(),
                };
                say(&socket, &offer)?;
                Met {
                    ear,
                    peer: hello.zone,
                    out,
                    come,
                }
            }
            End::Connects(_) => {
                let own = party(&zone)?;
                say(&socket, &Hello { zone })?;
                let (hither, thither) = (Handed::receive(&socket)?, Handed::receive(&socket)?);
                let offer: Offer = ear.next()?.ok_or(Apart::Silent)?;
                let other = party(&offer.zone)?;
                let agree = (offer.hither.sender, offer.hither.receiver) == (other, own)
                    && (offer.thither.sender, offer.thither.receiver) == (own, other);
                if !agree {
                    return Err(Apart::NoZone("its rings are for somebody else".to_owned()));
                }
                Met {
                    ear,
                    peer: offer.zone,
                    out: thither.ring(&offer.thither)?,
                    come: hither.ring(&offer.hither)?,
                }
            }
        };
        socket.set_read_timeout(Some(BEAT))?;
        Ok(met)
    }

    /// Carries events both ways until the other end is gone or the node stops.
    fn serve(&mut self, met: Met) -> Result<(), Apart> {
        let Met {
            mut ear, out, come, ..
        } = met;
        let mut out = LinkOut::new(out.writer()?, SHAPE.slot_bytes)?;
        let come = come.telling(self.refusals.clone()).reader()?;
        let mut come = LinkIn::new(come, self.zone.clone());
        let over = AtomicBool::new(false);
        let (before, earlier) = *self.state.came.lock();
        let state = Arc::clone(&self.state);
        let (sent, forbidden) = (state.sent.load(Relaxed), state.forbidden.load(Relaxed));
        std::thread::scope(|scope| {
            let (over, state) = (&over, &state);
            scope.spawn(move || {
                let look = |counts: LinkCounts, trace: TraceId| {
                    let trace = if trace == NO_TRACE { earlier } else { trace };
                    *state.came.lock() = (before.and(counts), trace);
                };
                let outcome = come.serve_seen(over, look);
                come.record();
                over.store(true, Relaxed);
                outcome
            });
            let (waiting, left) = (&mut self.waiting, &mut self.left);
            scope.spawn(move || {
                while !over.load(Relaxed) {
                    if left.events.is_empty() {
                        match waiting.recv_timeout(BEAT) {
                            Ok(batch) => *left = batch,
                            Err(RecvTimeoutError::Timeout) => continue,
                            Err(RecvTimeoutError::Disconnected) => return,
                        }
                    }
                    // What the ring had no room for stays, and goes to whoever is there next.
                    if out.send_in(left.trace, &mut left.events, 0).is_err() {
                        let _ = out.wait(Wait::SpinThenBlock, BEAT);
                    }
                    state.sent.store(sent + out.sent(), Relaxed);
                    state.forbidden.store(forbidden + out.forbidden(), Relaxed);
                }
            });
            let mut outcome = Ok(());
            while !over.load(Relaxed) {
                if self.stop.load(Relaxed) {
                    break;
                }
                match ear.next::<serde_json::Value>() {
                    Ok(None) => {}
                    // Nothing more is agreed upon.
                    Ok(Some(_)) | Err(WireError::Closed) => break,
                    Err(error) => {
                        outcome = Err(error.into());
                        break;
                    }
                }
            }
            over.store(true, Relaxed);
            outcome
        })
    }
}

/// A socket that this user alone can enter. One that somebody left who was killed is replaced.
fn listen(path: &Path) -> Result<UnixListener, Apart> {
    if let Ok(metadata) = fs::symlink_metadata(path) {
        let ours = metadata.file_type().is_socket() && metadata.uid() == own_user();
        if !ours || UnixStream::connect(path).is_ok() {
            return Err(Apart::Foreign(path.to_owned()));
        }
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// The way to a process of this user: whose the socket was when it was looked at says nothing of who is at its end now.
fn of_own_user(socket: UnixStream, path: &Path) -> Result<UnixStream, Apart> {
    #[cfg(target_os = "linux")]
    {
        let peer = rustix::net::sockopt::socket_peercred(&socket).map_err(io::Error::from)?;
        if peer.uid.as_raw() != own_user() {
            return Err(Apart::Foreign(path.to_owned()));
        }
    }
    Ok(socket)
}

fn own_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn party(zone: &str) -> Result<PartyHash, Apart> {
    let id = AgentId::new(Tier::Meso, KIND, "001", zone);
    let id = id.map_err(|error| Apart::NoZone(error.to_string()))?;
    Ok(PartyHash::of(&(&id).into()))
}

fn ring(sender: PartyHash, receiver: PartyHash) -> Result<Ring, Apart> {
    let mut random = [0; RANDOM_BYTES];
    getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(handed::create_ring(SHAPE, &random, sender, receiver)?)
}
