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
/// How often an agent is looked for that is to leave; a shard that falls is back long before the last time.
const TRIES: usize = 10;

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

    /// A socket was opened. Whoever drops what stands for it here, in whatever way, has closed it.
    pub(crate) async fn opened(&self) -> Socket {
        // Before its birth is waited for, so that an agent that is born to nobody leaves again.
        let mut socket = Socket {
            number: self.next.fetch_add(1, Ordering::Relaxed) + 1,
            known: None,
            sockets: self.clone(),
        };
        let falls = self.falls();
        let born = match self.population.spawn(KIND, socket.number) {
            Ok(answer) => answer.within(SOON).await,
            Err(error) => Err(error),
        };
        // Entered after its birth: a shard that falls in between gives birth to those in the table, and two agents would stand for it.
        self.open.0.lock().insert(socket.number);
        match born {
            Ok(agent) => {
                socket.known = Some(Known { agent, falls });
                self.tell(vec![Event::inform(agent, connection::OPENED, 0)]);
            }
            Err(error) => {
                tracing::warn!(%error, socket = socket.number, "a connection has no agent");
            }
        }
        socket
    }

    /// Falls of the connections' shard so far: a handle from before one is stale.
    fn falls(&self) -> u64 {
        let totals = self.population.totals();
        totals.kind(KIND).map_or(0, |kind| kind.counts.falls)
    }

    /// Sees to it that no agent stands for the socket any more, if its shard can be asked.
    async fn see_off(self, socket: u64) {
        for _ in 0..TRIES {
            match self.population.find(KIND, socket, SOON).await {
                Ok(None) => return,
                // Told or not, the next look decides.
                Ok(Some(agent)) => {
                    self.tell(vec![Event::inform(agent, connection::CLOSED, 0)]);
                }
                Err(error) => {
                    tracing::warn!(%error, socket, "a connection's agent was not found");
                }
            }
            tokio::time::sleep(SOON).await;
        }
        tracing::error!(
            socket,
            "a connection was closed and its agent may still be there"
        );
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

    fn tell(&self, mut events: Vec<Event>) -> bool {
        let told = self.population.tell(&mut events);
        if let Err(error) = &told {
            tracing::warn!(%error, lost = events.len(), "a connection's agent misses events");
        }
        told.is_ok()
    }
}

/// An open socket's place among the agents; dropped, the socket is closed.
pub(crate) struct Socket {
    number: u64,
    known: Option<Known>,
    sockets: Sockets,
}

/// The agent that stood for a socket when its shard had fallen so many times.
struct Known {
    agent: Handle,
    falls: u64,
}

impl Socket {
    /// Bytes came in and went out.
    pub(crate) async fn traffic(&mut self, received: usize, sent: usize) {
        let falls = self.sockets.falls();
        let found = self.sockets.find(self.number).await;
        self.known = found.map(|agent| Known { agent, falls });
        let Some(agent) = found else {
            return;
        };
        let bytes = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let mut events = vec![Event::inform(agent, connection::RECEIVED, bytes(received))];
        if sent > 0 {
            events.push(Event::inform(agent, connection::SENT, bytes(sent)));
        }
        self.sockets.tell(events);
    }
}

impl Drop for Socket {
    /// Waits for nobody: whoever holds it may be a task that is aborted.
    fn drop(&mut self) {
        let sockets = &self.sockets;
        // First, so that a shard that falls now does not bring the agent back.
        sockets.open.0.lock().remove(&self.number);
        if let Some(Known { agent, falls }) = self.known
            && sockets.falls() == falls
            && sockets.tell(vec![Event::inform(agent, connection::CLOSED, 0)])
        {
            return;
        }
        // Another agent may stand for it, or one whose birth was not waited for.
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(sockets.clone().see_off(self.number))),
            Err(_) => tracing::warn!(
                socket = self.number,
                "a connection was closed outside of a runtime, its agent was not told"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use aios_micro::Zone;
    use aios_supervisor::Supervisor;

    use super::*;
    use crate::config::Config;

    async fn until(what: &str, holds: impl Fn() -> bool) {
        let waiting = async {
            while !holds() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), waiting)
            .await
            .unwrap_or_else(|_| panic!("{what}"));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_socket_whose_task_is_aborted_takes_its_agent_with_it() {
        let crate::swarm::Swarm { zone, sockets } =
            crate::swarm::describe(&Config::default()).unwrap();
        let Zone { spec, population } = zone;
        let tree = Supervisor::start(spec).await.unwrap();
        let connections = || population.totals().kind(KIND).unwrap().counts;
        let alive = || population.totals().kind(KIND).unwrap().active;

        // Held by tasks that wait for something that never comes, as visitors do.
        let mut visitors = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let sockets = sockets.clone();
            visitors.spawn(async move {
                let mut socket = sockets.opened().await;
                socket.traffic(10, 20).await;
                std::future::pending::<()>().await;
            });
        }
        until("sixteen sockets are open", || {
            alive() == 16 && connections().handled == 3 * 16
        })
        .await;
        assert_eq!(sockets.open.all().len(), 16);
        drop(visitors);
        until("nobody is left", || alive() == 0).await;
        assert!(sockets.open.all().is_empty());
        assert_eq!(connections().ended, 16);

        // Dropped while its birth is waited for: polled once, so that the order is on its way.
        let mut opening = Box::pin(sockets.opened());
        std::future::poll_fn(|context| {
            let _ = opening.as_mut().poll(context);
            std::task::Poll::Ready(())
        })
        .await;
        drop(opening);
        until("one that nobody waited for leaves too", || {
            (connections().spawned, connections().ended) == (17, 17)
        })
        .await;

        // An agent that is another one by now is looked for.
        let mut socket = sockets.opened().await;
        let Some(known) = &mut socket.known else {
            panic!("it has an agent");
        };
        known.falls += 1;
        drop(socket);
        until("it leaves", || connections().ended == 18).await;
        assert_eq!((alive(), sockets.open.all().len()), (0, 0));
        tree.stop().await;
    }
}
