//! All servers of a node: their children for the tree, their tools for the toolbox, their state for whoever looks.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aios_supervisor::{Backoff, ChildSpec, Shutdown, Strategy, SupervisorSpec};
use aios_work::{Tool, ToolServer};
use tokio::time::Instant;

use super::life::Server;
use super::limits::RUNG;
use super::pin::Pins;
use super::seat::{ApproveError, FIRST_LIST, Publisher, Seat};
use super::server::ServerSpec;
use super::tool::ServerTool;

/// The supervisor of the servers in the tree.
pub const SUPERVISOR: &str = "servers";

/// Told a server's name and its tools whenever they are others.
pub type Registrar = Arc<dyn Fn(&str, Vec<Arc<dyn Tool>>) + Send + Sync>;

/// The servers of a node. Cheap to clone; clones are the same servers.
#[derive(Clone)]
pub struct Servers(Arc<[Arc<Seat>]>);

impl Servers {
    /// Servers as configured. Tools that were pinned below `folder` are told to `registrar` at once, others when they are first listed.
    #[must_use]
    pub fn new(specs: Vec<ServerSpec>, folder: Option<&Path>, registrar: &Registrar) -> Self {
        let pins = Pins::below(folder);
        let registrar = Arc::clone(registrar);
        let publisher: Publisher = Arc::new(move |seat, offered| {
            let tools = offered
                .iter()
                .map(|offered| ServerTool::shared(Arc::clone(seat), offered));
            registrar(&seat.spec.name, tools.collect());
        });
        let seats = specs
            .into_iter()
            .map(|spec| Seat::new(spec, pins.clone(), Arc::clone(&publisher)));
        Self(seats.collect())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The servers as a supervisor with one child each. It never gives up on them: each waits longer and longer between its lives, and a
    /// program that dies at once is no reason for anybody else to fall.
    #[must_use]
    pub fn supervisor(&self) -> SupervisorSpec {
        let children = self.0.iter().map(|seat| {
            let (made, shown) = (Arc::clone(seat), Arc::clone(seat));
            ChildSpec::worker(seat.spec.name.as_str(), move || (Server, Arc::clone(&made)))
                .shows_note(move || shown.note())
                .shutdown(Shutdown::Timeout(4 * RUNG))
                .backoff(Backoff {
                    first: Duration::from_millis(200),
                    max: Duration::from_secs(60),
                    ..Backoff::default()
                })
        });
        SupervisorSpec::new(SUPERVISOR)
            .strategy(Strategy::OneForOne)
            // More than servers can come back in a second, each after a fifth of one at least.
            .intensity(1_000, Duration::from_secs(1))
            .children(children)
    }

    /// Returns when every server whose tools nobody knows yet has listed them or failed to, or after 20 seconds.
    pub async fn first_lists(&self) {
        let until = Instant::now() + FIRST_LIST;
        for seat in self.0.iter().filter(|seat| !seat.is_pinned()) {
            seat.settled(until).await;
        }
    }

    /// Each server, in the order of their names.
    #[must_use]
    pub fn view(&self) -> Vec<ToolServer> {
        self.0.iter().map(|seat| seat.view()).collect()
    }

    /// Takes the list of `server` that has this hash: a person has read it.
    ///
    /// # Errors
    /// When no list of this hash waits, or it cannot be kept.
    pub fn approve(&self, server: &str, hash: &str) -> Result<ToolServer, ApproveError> {
        let Some(seat) = self.0.iter().find(|seat| seat.spec.name == server) else {
            let known: Vec<&str> = self.0.iter().map(|seat| seat.spec.name.as_str()).collect();
            return Err(ApproveError::Unknown {
                asked: server.to_owned(),
                known: known.join(", "),
            });
        };
        seat.approve(hash)?;
        Ok(seat.view())
    }
}
