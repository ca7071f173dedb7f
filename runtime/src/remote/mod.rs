//! Agents whose code runs in another process, in any language.
//!
//! An operator spawns such an agent by a charter and the public key that its process holds. It stands in a supervisor's tree and in the
//! directory like any other; its process comes, proves that it holds the key, and is handed the signed messages that are sent to it, as
//! they are. Nothing is signed in its name here. Its connection is its life: lost, its actor falls and its supervisor answers; what was
//! under way waits for it to come back, is handed over again, or is refused with a reason to whoever sent it.
//!
//! No transport is here. One draws a number, takes a [`Hello`], calls [`AgentDoor::enter`] and carries what the session says, in both
//! directions. Read on: [`exchange`] is what is under way, pure; `stand` is one agent; `body` is its actor.

mod body;
mod exchange;
mod often;
mod stand;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};
use std::time::Duration;

use aios_actors::agent::AgentOptions;
use aios_control::remote::{
    AgentDoor, AgentSession, FromAgent, Hello, NONCE, PROOF_TYPE, Reach, ToAgent, Welcome, proof,
};
use aios_control::{ControlError, ErrorKind};
use aios_orchestrator::crew::AgentSkill;
use aios_protocols::{AgentId, KeyClaim, Party, PublicKey, Signature};
use aios_supervisor::{ChildSpec, Restart, Strategy, SupervisorRef, SupervisorSpec};
use aios_work::Charter;
use async_trait::async_trait;
use parking_lot::Mutex;

use crate::crew::{self, Thinker};
use crate::node::{Node, SpawnError};
use stand::Stand;

/// The supervisor of agents in other processes.
const REMOTE: &str = "remote";
/// How long one may be away unless said otherwise.
const WINDOW: Duration = Duration::from_secs(30);
/// The shortest and the longest that can be said.
const WINDOWS: std::ops::RangeInclusive<u64> = 100..=3_600_000;
/// Agents in other processes that a node has at most; each may hold 1,024 frames under way.
const AGENTS: usize = 256;

/// How an agent in another process is spawned.
#[derive(Debug, Clone)]
pub struct RemoteOptions {
    /// The supervisor it stands under; none for the one of agents in other processes.
    pub under: Option<String>,
    /// When its actor is restarted: how long it is waited for again and again.
    pub restart: Restart,
    /// How long it may be away before whoever waits for it is told so.
    pub window: Duration,
}

impl Default for RemoteOptions {
    fn default() -> Self {
        Self {
            under: None,
            restart: Restart::Permanent,
            window: WINDOW,
        }
    }
}

/// Why no agent in another process was spawned.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// Words of its charter that only a node can keep.
    #[error(
        "charter {charter} has `{word}`, which a node keeps for agents of its own and cannot keep for one in another process; leave it out"
    )]
    Kept {
        /// Whose charter.
        charter: String,
        /// Which word.
        word: &'static str,
    },
    /// The window is none.
    #[error("an agent may be away for {} to {} ms, and {asked} ms were asked for", WINDOWS.start(), WINDOWS.end())]
    Window {
        /// How many milliseconds were asked for.
        asked: u128,
    },
    /// There are enough.
    #[error(
        "{AGENTS} agents in other processes are known, which is all a node takes; stop one first"
    )]
    Full,
    /// Another agent has the key: two could not be told apart.
    #[error("this key is {0}'s; make one for each agent")]
    KeyInUse(AgentId),
}

/// The agents of a node that run in other processes. Cheap to clone; clones are the same.
#[derive(Clone, Default)]
pub(crate) struct RemoteAgents(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    stands: HashMap<AgentId, Arc<Stand>>,
    refused: BTreeMap<&'static str, u64>,
}

impl RemoteAgents {
    fn get(&self, id: &AgentId) -> Option<Arc<Stand>> {
        self.0.lock().stands.get(id).cloned()
    }

    /// Whether one of them follows a charter of this name.
    pub(crate) fn has(&self, charter: &str) -> bool {
        let table = self.0.lock();
        let mut stands = table.stands.values();
        stands.any(|stand| stand.member().charter().name == charter)
    }

    /// Takes leave of those that no supervisor means to have any more.
    pub(crate) fn follow(&self, tree: &SupervisorRef) {
        let stands: Vec<Arc<Stand>> = self.0.lock().stands.values().cloned().collect();
        if stands.is_empty() {
            return;
        }
        for stand in stands {
            let id = stand.place().id();
            if !tree.means_to_have(id.as_str()) {
                self.0.lock().stands.remove(id);
                stand.end();
            }
        }
    }

    /// The node goes.
    pub(crate) fn end(&self) {
        let stands = std::mem::take(&mut self.0.lock().stands);
        for stand in stands.into_values() {
            stand.end();
        }
    }
}

impl Node {
    /// Spawns an agent of a charter whose code runs in another process and signs with `key`. Its process may come from now on.
    ///
    /// # Errors
    /// What of the charter cannot be followed here, before anything has changed; or why the supervisor did not start it.
    pub async fn spawn_remote(
        &self,
        text: &str,
        charter: Charter,
        key: PublicKey,
        options: RemoteOptions,
    ) -> Result<AgentId, SpawnError> {
        let parts = &self.parts;
        let (system, services) = (&parts.system, &parts.services);
        check(&charter, &options)?;
        // From here until it is known by its name and its key nobody else takes either.
        let _entered = parts.spawning.lock().await;
        self.is_free(&key)?;
        let supervisor = match &options.under {
            Some(under) => self.supervisor(under)?,
            None => self.remote_supervisor().await?,
        };
        let criteria = std::path::Path::new(&parts.config.agents.criteria);
        let unknown = Thinker::unknown();
        let member = crew::member(charter, system, services, &unknown, criteria, Vec::new())?;
        parts.remote.follow(&parts.tree);
        let charter = member.charter();
        // What is meant for agents of this node is handed to no other process.
        let local = services.crew().member(&charter.name).is_some()
            && !parts.remote.has(&charter.name)
            && crew::stands(&parts.tree, system, &charter.role);
        if local {
            return Err(crew::taken(charter).into());
        }
        let id = system.next_instance(&member.charter().role)?;
        let agents = &parts.config.agents;
        let limits = AgentOptions {
            mailbox: agents.mailbox as usize,
            ..AgentOptions::default()
        };
        let place = system.stand_in(&id, key, limits)?;
        let stand = Arc::new(Stand::new(
            place,
            Arc::clone(&member),
            text.to_owned(),
            system.tenant().to_string(),
            options.window,
            agents.deliveries,
        ));
        let spec = body::child(&stand).restart(options.restart);
        if let Err(error) = supervisor.start_child(spec).await {
            stand.end();
            return Err(error.into());
        }
        parts
            .remote
            .0
            .lock()
            .stands
            .insert(id.clone(), Arc::clone(&stand));
        services.crew().enlist(Arc::clone(stand.member()));
        services
            .tools()
            .register(Arc::new(AgentSkill::new(stand.member().charter())));
        // One that is gone already was gone before anybody looked for it.
        parts.remote.follow(&parts.tree);
        Ok(id)
    }

    /// One process, one key, one agent.
    fn is_free(&self, key: &PublicKey) -> Result<(), RemoteError> {
        let table = self.parts.remote.0.lock();
        if table.stands.len() >= AGENTS {
            return Err(RemoteError::Full);
        }
        let other = table
            .stands
            .values()
            .find(|stand| stand.place().key() == key);
        match other {
            Some(other) => Err(RemoteError::KeyInUse(other.place().id().clone())),
            None => Ok(()),
        }
    }

    /// The supervisor of agents in other processes, which stands in the tree from the first of them on.
    async fn remote_supervisor(&self) -> Result<SupervisorRef, SpawnError> {
        if self.parts.tree.supervisor(REMOTE).is_none() {
            // How often they go is decided outside, and by each for itself; so one that goes often must not take the others along. How
            // often one may come is bounded at the door.
            let spec = SupervisorSpec::new(REMOTE)
                .strategy(Strategy::OneForOne)
                .intensity(
                    u32::try_from(AGENTS).unwrap_or(u32::MAX),
                    Duration::from_millis(1),
                );
            let started = self
                .parts
                .tree
                .start_child(ChildSpec::supervisor(spec))
                .await;
            // Another one may have been a moment faster.
            if self.parts.tree.supervisor(REMOTE).is_none() {
                started?;
            }
        }
        self.supervisor(REMOTE)
    }

    /// The door by which agents in other processes come in, for transports.
    pub fn agent_door(&self) -> Arc<dyn AgentDoor> {
        Arc::new(Door {
            agents: self.parts.remote.clone(),
            node: Arc::downgrade(&self.parts),
        })
    }

    /// How many were refused at that door, by reason.
    pub fn refused_at_the_door(&self) -> BTreeMap<&'static str, u64> {
        self.parts.remote.0.lock().refused.clone()
    }
}

fn check(charter: &Charter, options: &RemoteOptions) -> Result<(), RemoteError> {
    let kept = |word| RemoteError::Kept {
        charter: charter.name.clone(),
        word,
    };
    if !charter.tools.is_empty() {
        return Err(kept("tools"));
    }
    if charter.model.is_some() {
        return Err(kept("model"));
    }
    if charter.criteria.is_some() {
        return Err(kept("criteria"));
    }
    let asked = options.window.as_millis();
    match u64::try_from(asked) {
        Ok(window) if WINDOWS.contains(&window) => Ok(()),
        _ => Err(RemoteError::Window { asked }),
    }
}

struct Door {
    agents: RemoteAgents,
    node: Weak<crate::node::Parts>,
}

/// Why somebody is not let in, and what it counts as.
type Turned = (&'static str, ControlError);

impl Door {
    /// Who it is, proven.
    fn known(&self, nonce: &[u8; NONCE], hello: &Hello) -> Result<Arc<Stand>, Turned> {
        let stranger = || {
            // The same for a name that nobody has and a key that nobody granted: neither tells a stranger which of them it was.
            let error = ControlError::new(
                ErrorKind::Forbidden,
                "no agent of this name and key is expected here",
            )
            .advise("have an operator spawn it, with `aios agent spawn FILE --key KEY`, and take the name that is printed");
            ("stranger", error)
        };
        let forged = |why: &str| ("forged", ControlError::new(ErrorKind::Forbidden, why));
        let id: AgentId = hello.agent.parse().map_err(|_| stranger())?;
        let stand = self.agents.get(&id).ok_or_else(stranger)?;
        let key: [u8; 32] = hello.key.as_slice().try_into().map_err(|_| stranger())?;
        if stand.place().key().to_bytes() != key {
            return Err(stranger());
        }
        let key = stand.place().key();
        let signature = |bytes: &[u8]| {
            Signature::from_slice(bytes).ok_or_else(|| forged("a signature has 64 bytes"))
        };
        let signed = proof(nonce, hello.epoch, &hello.agent);
        if !key.verifies(PROOF_TYPE, &signed, &signature(&hello.proof)?) {
            return Err(forged(
                "the number that was said on this connection is not signed by this key",
            ));
        }
        let possession = signature(&hello.possession)?;
        let claim = KeyClaim::from_parts(Party::from(&id), *key, hello.epoch, possession, None);
        let entered = stand.place().prove(&claim);
        entered.map_err(|error| {
            (
                "key-claim",
                ControlError::new(ErrorKind::Forbidden, error.to_string()),
            )
        })?;
        Ok(stand)
    }
}

#[async_trait]
impl AgentDoor for Door {
    async fn enter(
        &self,
        nonce: &[u8; NONCE],
        hello: Hello,
        reach: Reach,
    ) -> Result<Box<dyn AgentSession>, ControlError> {
        if self
            .node
            .upgrade()
            .is_none_or(|node| *node.stopping.borrow())
        {
            let gone = "the node is starting or stopping";
            return Err(ControlError::new(ErrorKind::Unavailable, gone));
        }
        let entered = self.known(nonce, &hello).and_then(|stand| {
            let arrived = stand.arrive(&hello, reach);
            arrived
                .map(|number| (stand, number))
                .map_err(|error| ("too-often", error))
        });
        match entered {
            Ok((stand, number)) => Ok(Box::new(Session {
                stand,
                number,
                over: false,
            })),
            Err((label, error)) => {
                self.count(label);
                tracing::debug!(label, error = %error.message, "an agent was not let in");
                Err(error)
            }
        }
    }

    fn count(&self, label: &'static str) {
        *self.agents.0.lock().refused.entry(label).or_default() += 1;
    }
}

/// One connection of one agent.
struct Session {
    stand: Arc<Stand>,
    number: u64,
    over: bool,
}

#[async_trait]
impl AgentSession for Session {
    fn welcome(&self) -> Welcome {
        self.stand.welcome()
    }

    async fn next(&mut self) -> Option<ToAgent> {
        self.stand.next(self.number, &mut self.over).await
    }

    async fn hear(&mut self, said: FromAgent) {
        match said {
            FromAgent::Frame(frame) => self.stand.heard(self.number, frame).await,
            FromAgent::Ack(number) => self.stand.ack(self.number, number),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.stand.lost(self.number);
    }
}
