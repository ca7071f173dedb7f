//! A server's place in the node: what outlives its connections. The tools hold it, the supervised actor fills it, a person's approval
//! changes it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aios_work::{AwaitingList, RefusedTool, ServerState, ToolError, ToolErrorKind, ToolServer};
use rmcp::{Peer, RoleClient};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout_at};

use super::environment::Environment;
use super::limits::{CALLS, UNANSWERED};
use super::listing::Listing;
use super::offer::{self, NotOffered, Offered};
use super::pin::{PinError, Pins};
use super::plain::plain;
use super::server::ServerSpec;

/// Characters of the line that the tree shows.
const NOTE: usize = 300;
/// Changes that are listed for a person.
const CHANGES: usize = 50;

/// Told the seat and what its server offers whenever that is something else.
pub(crate) type Publisher = Arc<dyn Fn(&Arc<Seat>, &[Offered]) + Send + Sync>;

/// Why a list was not approved.
#[derive(Debug, thiserror::Error)]
pub enum ApproveError {
    /// There is no such server.
    #[error("no server is called {asked:?}; there are: {known}")]
    Unknown {
        /// The name.
        asked: String,
        /// The names there are.
        known: String,
    },
    /// Nothing waits.
    #[error("nothing of server {0} waits for an approval")]
    Nothing(String),
    /// The list is not the one that was read.
    #[error("the tools of server {0} have changed again since they were shown; look at them anew")]
    Other(String),
    /// It cannot be kept.
    #[error("server {server}: {problem}")]
    NotKept {
        /// Which.
        server: String,
        /// Why.
        problem: String,
    },
}

enum Pinned {
    Nothing,
    List(Listing),
    /// Something lies where the list was kept that is not believed.
    Unbelievable,
}

struct Inner {
    state: ServerState,
    /// Counts connections: what is said of an earlier one says nothing of this one.
    life: u64,
    peer: Option<Peer<RoleClient>>,
    pinned: Pinned,
    offered: BTreeMap<String, Offered>,
    refused: Vec<NotOffered>,
    awaiting: Option<Listing>,
    trouble: String,
    environment: Environment,
    /// Calls in a row that this connection left unanswered, and when the last of them was given up.
    unanswered: u32,
    counted: Option<Instant>,
}

/// See the module.
pub(crate) struct Seat {
    pub(crate) spec: ServerSpec,
    pins: Pins,
    publisher: Publisher,
    inner: Mutex<Inner>,
    /// Moves whenever the state does.
    moved: watch::Sender<u64>,
    pub(crate) calls: Semaphore,
    /// The last connection that a call found dead.
    lost: watch::Sender<u64>,
}

/// A connection that calls can be made over.
pub(crate) struct Connection {
    pub(crate) peer: Peer<RoleClient>,
    pub(crate) life: u64,
}

impl Seat {
    /// A seat with the list that was pinned, if one was.
    pub(crate) fn new(spec: ServerSpec, pins: Pins, publisher: Publisher) -> Arc<Self> {
        let (pinned, trouble) = match pins.load(&spec.name) {
            Ok(None) => (Pinned::Nothing, String::new()),
            Ok(Some(listing)) => (Pinned::List(listing), String::new()),
            Err(error) => (Pinned::Unbelievable, error.to_string()),
        };
        let seat = Arc::new(Self {
            spec,
            pins,
            publisher,
            inner: Mutex::new(Inner {
                state: ServerState::Down,
                life: 0,
                unanswered: 0,
                counted: None,
                peer: None,
                pinned,
                offered: BTreeMap::new(),
                refused: Vec::new(),
                awaiting: None,
                trouble,
                environment: Environment::default(),
            }),
            moved: watch::Sender::new(0),
            calls: Semaphore::new(CALLS),
            lost: watch::Sender::new(0),
        });
        let mut inner = seat.inner();
        if let Pinned::List(listing) = &inner.pinned {
            let listing = listing.clone();
            seat.publish(&mut inner, &listing);
        }
        drop(inner);
        seat
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new connection is begun, with this environment. Gives its number.
    pub(crate) fn starting(&self, environment: Environment) -> u64 {
        let mut inner = self.inner();
        inner.life += 1;
        inner.unanswered = 0;
        inner.counted = None;
        inner.environment = environment;
        self.enter(&mut inner, ServerState::Starting);
        inner.life
    }

    /// There is no connection any more.
    pub(crate) fn down(&self, why: &str) {
        let mut inner = self.inner();
        inner.peer = None;
        inner.trouble = why.to_owned();
        self.enter(&mut inner, ServerState::Down);
    }

    /// What the server offers now: pinned if nothing is, else what is pinned or nothing.
    pub(crate) fn listed(self: &Arc<Self>, listing: Listing, peer: &Peer<RoleClient>) {
        let mut inner = self.inner();
        inner.peer = Some(peer.clone());
        let state = match &inner.pinned {
            Pinned::List(known) if known.hash() == listing.hash() => {
                inner.awaiting = None;
                inner.trouble.clear();
                ServerState::Ready
            }
            Pinned::Nothing => {
                inner.trouble.clear();
                if let Err(error) = self.pins.keep(&self.spec.name, &listing) {
                    inner.trouble = error.to_string();
                }
                self.pin(&mut inner, listing);
                ServerState::Ready
            }
            Pinned::List(_) | Pinned::Unbelievable => {
                inner.awaiting = Some(listing);
                ServerState::Suspended
            }
        };
        self.enter(&mut inner, state);
    }

    /// A person has read the list of this hash and wants it.
    pub(crate) fn approve(self: &Arc<Self>, hash: &str) -> Result<(), ApproveError> {
        let mut inner = self.inner();
        let name = || self.spec.name.clone();
        match &inner.awaiting {
            None => return Err(ApproveError::Nothing(name())),
            Some(listing) if listing.hash() != hash => return Err(ApproveError::Other(name())),
            Some(listing) => {
                let not_kept = |error: PinError| ApproveError::NotKept {
                    server: name(),
                    problem: error.to_string(),
                };
                self.pins.keep(&self.spec.name, listing).map_err(not_kept)?;
            }
        }
        if let Some(listing) = inner.awaiting.take() {
            self.pin(&mut inner, listing);
        }
        inner.trouble.clear();
        if inner.state == ServerState::Suspended {
            self.enter(&mut inner, ServerState::Ready);
        }
        Ok(())
    }

    fn pin(self: &Arc<Self>, inner: &mut Inner, listing: Listing) {
        self.publish(inner, &listing);
        inner.pinned = Pinned::List(listing);
    }

    fn publish(self: &Arc<Self>, inner: &mut Inner, listing: &Listing) {
        let (offered, refused) = offer::offer(&self.spec, listing);
        (self.publisher)(self, &offered);
        inner.refused = refused;
        inner.offered = offered
            .into_iter()
            .map(|one| (one.spec.name.clone(), one))
            .collect();
    }

    fn enter(&self, inner: &mut Inner, state: ServerState) {
        inner.state = state;
        self.moved.send_modify(|moves| *moves += 1);
    }

    /// A connection to call over, waited for until then if the server is starting or coming back.
    pub(crate) async fn connection(&self, until: Instant) -> Result<Connection, ToolError> {
        let mut moved = self.moved.subscribe();
        loop {
            {
                let inner = self.inner();
                match (&inner.peer, inner.state) {
                    (Some(peer), ServerState::Ready) => {
                        return Ok(Connection {
                            peer: peer.clone(),
                            life: inner.life,
                        });
                    }
                    (_, ServerState::Suspended) => return Err(self.suspended()),
                    _ => {}
                }
            }
            if timeout_at(until, moved.changed()).await.is_err() {
                return Err(self.not_there());
            }
        }
    }

    fn suspended(&self) -> ToolError {
        let name = &self.spec.name;
        let sentence = format!(
            "server {name} is suspended: its tools are not those that were approved; look at them and approve them with `aios tool approve {name}`"
        );
        ToolError::new(ToolErrorKind::Permission, sentence)
    }

    fn not_there(&self) -> ToolError {
        let trouble = self.inner().trouble.clone();
        let because = if trouble.is_empty() {
            String::new()
        } else {
            format!(" ({trouble})")
        };
        let name = &self.spec.name;
        ToolError::new(
            ToolErrorKind::Network,
            format!("server {name} is not there{because}; it is being brought back"),
        )
    }

    /// A call found this connection dead; another that has taken its place meanwhile is not meant.
    pub(crate) fn lose(&self, life: u64, why: &str) {
        let mut inner = self.inner();
        if inner.life == life && inner.peer.take().is_some() {
            inner.trouble = why.to_owned();
            self.enter(&mut inner, ServerState::Starting);
            self.lost.send_replace(life);
        }
    }

    /// A call was answered, whatever with.
    pub(crate) fn answered(&self, life: u64) {
        let mut inner = self.inner();
        if inner.life == life {
            inner.unanswered = 0;
        }
    }

    /// A call that was sent then was not answered in time, and its server had time enough. A connection that answers none of several, one after
    /// another, is begun anew: it may be stuck, and nothing else would ever find that out.
    pub(crate) fn unanswered(&self, life: u64, sent: Instant) {
        let mut inner = self.inner();
        // Of those that wait at the same time one counts.
        if inner.life != life || inner.counted.is_some_and(|before| sent < before) {
            return;
        }
        inner.counted = Some(Instant::now());
        inner.unanswered += 1;
        if inner.unanswered >= UNANSWERED {
            drop(inner);
            let why = format!("{UNANSWERED} calls in a row were not answered");
            self.lose(life, &why);
        }
    }

    /// Returns when a call has found this connection dead.
    pub(crate) async fn lost(&self, life: u64) {
        // The sender lies in this very seat.
        let _ = self.lost.subscribe().wait_for(|lost| *lost == life).await;
    }

    /// What the server was given last.
    pub(crate) fn environment(&self) -> Environment {
        self.inner().environment.clone()
    }

    /// A text of the server's without the secrets it was given.
    pub(crate) fn without_secrets(&self, text: &str) -> String {
        self.inner().environment.without_secrets(text)
    }

    /// Waits until the server is ready, suspended, or has failed once.
    pub(crate) async fn settled(&self, until: Instant) {
        let mut moved = self.moved.subscribe();
        loop {
            let settled = {
                let inner = self.inner();
                match inner.state {
                    ServerState::Ready | ServerState::Suspended => true,
                    ServerState::Down => inner.life > 0,
                    ServerState::Starting => false,
                }
            };
            if settled || timeout_at(until, moved.changed()).await.is_err() {
                return;
            }
        }
    }

    /// Whether a list was pinned.
    pub(crate) fn is_pinned(&self) -> bool {
        matches!(self.inner().pinned, Pinned::List(_))
    }

    pub(crate) fn view(&self) -> ToolServer {
        let inner = self.inner();
        let refused = inner.refused.iter().map(|refused| RefusedTool {
            name: refused.name.clone(),
            reason: refused.reason.clone(),
        });
        ToolServer {
            name: self.spec.name.clone(),
            state: inner.state,
            tools: inner.offered.keys().cloned().collect(),
            refused: refused.collect(),
            awaiting: inner.awaiting.as_ref().map(|listing| AwaitingList {
                hash: listing.hash().to_owned(),
                changes: changes(&inner.pinned, listing),
            }),
            trouble: inner.trouble.clone(),
        }
    }

    /// The line that the tree shows.
    pub(crate) fn note(&self) -> String {
        let inner = self.inner();
        let mut note = inner.state.label().to_owned();
        match inner.state {
            ServerState::Ready => note.push_str(&format!(", {} tools", inner.offered.len())),
            ServerState::Suspended => {
                let changes = inner.awaiting.as_ref();
                let changes = changes.map(|listing| changes_line(&inner.pinned, listing));
                note.push_str(&format!(
                    ": its tools are not those that were approved ({}); aios tool approve {}",
                    changes.unwrap_or_default(),
                    self.spec.name
                ));
            }
            ServerState::Down | ServerState::Starting => {}
        }
        if let Some(first) = inner.refused.first() {
            note.push_str(&format!(
                "; {} refused, such as {}: {}",
                inner.refused.len(),
                first.name,
                first.reason
            ));
        }
        if !inner.trouble.is_empty() {
            note.push_str("; ");
            note.push_str(&inner.trouble);
        }
        plain(&note, NOTE)
    }
}

fn changes(pinned: &Pinned, new: &Listing) -> Vec<String> {
    let before = match pinned {
        Pinned::List(listing) => listing.clone(),
        Pinned::Nothing | Pinned::Unbelievable => Listing::default(),
    };
    let all = before.changes(new);
    let more = all.len().saturating_sub(CHANGES);
    let mut lines: Vec<String> = all
        .into_iter()
        .take(CHANGES)
        .map(|line| plain(&line, 500))
        .collect();
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines
}

fn changes_line(pinned: &Pinned, new: &Listing) -> String {
    changes(pinned, new)
        .iter()
        .map(|line| plain(line, 60))
        .collect::<Vec<_>>()
        .join("; ")
}

/// How long it may be waited for a server whose tools nobody knows yet, when a node starts.
pub(crate) const FIRST_LIST: Duration = Duration::from_secs(20);
