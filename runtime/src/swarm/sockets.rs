//! The node's sockets and the agents that stand for them: each knows its traffic, its silence and its errors.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aios_micro::kinds::connection;
use aios_micro::{Event, Handle, Population};
use parking_lot::Mutex;

/// What the agents are of.
const KIND: &str = "connection";
/// How long a shard may take; a socket does not wait longer for its agent.
const SOON: Duration = Duration::from_millis(500);

/// The sockets that are open: where the agents come from again when their shard has fallen.
#[derive(Clone, Default)]
pub(super) struct Table(Arc<Mutex<BTreeSet<u64>>>);

impl Table {
    pub(super) fn all(&self) -> Vec<u64> {
        self.0.lock().iter().copied().collect()
    }
}

/// Tells each socket's agent what happens to it. A shard that is busy or down costs an agent some of its knowledge and never a socket
/// its service.
#[derive(Clone)]
pub(crate) struct Sockets {
    open: Table,
    next: Arc<AtomicU64>,
    population: Population,
}

impl Sockets {
    pub(super) fn new(open: Table, population: Population) -> Self {
        Self {
            open,
            next: Arc::default(),
            population,
        }
    }

    /// A socket was opened; the number it goes by from now on.
    pub(crate) async fn opened(&self) -> u64 {
        let socket = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let born = match self.population.spawn(KIND, socket) {
            Ok(answer) => answer.within(SOON).await,
            Err(error) => Err(error),
        };
        // Entered after its birth: a shard that falls in between gives birth to those in the table, and two agents would stand for it.
        self.open.0.lock().insert(socket);
        match born {
            Ok(agent) => self.tell(vec![Event::inform(agent, connection::OPENED, 0)]),
            Err(error) => tracing::warn!(%error, socket, "a connection has no agent"),
        }
        socket
    }

    /// Bytes came in and went out.
    pub(crate) async fn traffic(&self, socket: u64, received: usize, sent: usize) {
        let Some(agent) = self.find(socket).await else {
            return;
        };
        let bytes = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        self.tell(vec![
            Event::inform(agent, connection::RECEIVED, bytes(received)),
            Event::inform(agent, connection::SENT, bytes(sent)),
        ]);
    }

    /// It was closed: its agent leaves.
    pub(crate) async fn closed(&self, socket: u64) {
        self.open.0.lock().remove(&socket);
        if let Some(agent) = self.find(socket).await {
            self.tell(vec![Event::inform(agent, connection::CLOSED, 0)]);
        }
    }

    /// Looked up each time: after a fall of the shard another agent stands for the socket.
    async fn find(&self, socket: u64) -> Option<Handle> {
        match self.population.find(KIND, socket, SOON).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, socket, "a connection's agent was not found");
                None
            }
        }
    }

    fn tell(&self, mut events: Vec<Event>) {
        if let Err(error) = self.population.tell(&mut events) {
            tracing::warn!(%error, lost = events.len(), "a connection's agent misses events");
        }
    }
}
