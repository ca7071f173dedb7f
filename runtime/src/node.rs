//! A running node.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aios_actors::agent::{AgentOptions, Client};
use aios_actors::recovery::{Approval, ApprovalError, Decision, decision_frame};
use aios_actors::{AgentSystem, AgentSystemError};
use aios_bus::data::InProcessDataBus;
use aios_bus::tensor::TensorPool;
use aios_inference::{EngineHandle, ModelRole};
use aios_memory::StoreError;
use aios_micro::Population;
use aios_orchestrator::Services;
use aios_protocols::{AgentId, IdentityError, Party, PrincipalId, Sealed, SigningIdentity};
use aios_supervisor::{ChildState, OrderError, Restart, SupervisorRef, SupervisorState};
use aios_tools::Memory;
use aios_work::Pack;
use aios_work::content::{MessageReport, ModelReport};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::allowances::Allowances;
use crate::boot::SPAWNED;
use crate::builder::NodeBuilder;
use crate::config::Config;
use crate::events::Restarts;
use crate::generate::Named;
use crate::goals::Goals;
use crate::judge::Judgements;
use crate::lookout::Lookout;
use crate::models::Models;
use crate::remote::RemoteAgents;
use crate::servers::ToolServers;
use crate::socket::SocketState;
use crate::swarm::Tensors;
use crate::swarm::buffers::BufferTotals;
use crate::telemetry::Telemetry;
use crate::view::{self, NodeView};

/// How long a look at the control socket waits while it is being opened.
const SOCKET_DEADLINE: Duration = Duration::from_secs(2);
/// How long an orderly stop may take before what is left is killed.
const STOP_DEADLINE: Duration = Duration::from_secs(10);

/// Agents, supervisors, bus, memory and engine of one place. Cheap to clone; clones are the same node.
#[derive(Clone)]
pub struct Node {
    pub(crate) parts: Arc<Parts>,
}

pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) system: AgentSystem,
    pub(crate) services: Arc<Services>,
    pub(crate) tree: SupervisorRef,
    /// The agents that the node began with, by name.
    pub(crate) residents: BTreeSet<String>,
    pub(crate) bus: Arc<InProcessDataBus>,
    pub(crate) client: Client,
    pub(crate) restarts: Arc<Restarts>,
    /// What it has seen of its own figures.
    pub(crate) telemetry: Telemetry,
    /// What goals under way hold to work with.
    pub(crate) working: Memory,
    /// What happens here, for whoever watches.
    pub(crate) lookout: Arc<Lookout>,
    pub(crate) population: Population,
    pub(crate) tensors: Tensors,
    pub(crate) socket: SocketState,
    /// The goals that came by the contract.
    pub(crate) goals: Goals,
    /// What was not in order in the storage folder when it was opened.
    pub(crate) found: Vec<String>,
    /// The packs it began with.
    pub(crate) packs: Vec<Pack>,
    /// The servers that tools come from.
    pub(crate) servers: ToolServers,
    /// What each principal may have engines do.
    pub(crate) allowances: Allowances,
    /// The places for those who have texts judged.
    pub(crate) judgements: Judgements,
    /// The engines by the names they have in the configuration.
    pub(crate) engines: Vec<Named>,
    /// What everybody on the node thinks with.
    pub(crate) thinks: EngineHandle,
    /// Which models were loaded by command.
    pub(crate) models: Models,
    /// Who may ask the node what the contract offers.
    pub(crate) owner_name: PrincipalId,
    /// Signs what the owner decides.
    pub(crate) owner: Arc<SigningIdentity>,
    /// Tasks that listen to the tree; they end with the node.
    pub(crate) listeners: [JoinHandle<()>; 9],
    /// The agents that run in other processes.
    pub(crate) remote: RemoteAgents,
    /// Held while an agent of a charter is spawned, from the look at its name to where it is known by it: of two that come at once one loses.
    pub(crate) spawning: tokio::sync::Mutex<()>,
    /// Links of its zone to zones of other nodes.
    #[cfg(feature = "shared-memory")]
    pub(crate) links: crate::swarm::Links,
    /// The server on which it is told what happens here, if there is one.
    #[cfg(feature = "nats")]
    pub(crate) nats: Option<crate::nats::OnNats>,
    /// Raised when the stop begins: goals under way are called off, new ones are not taken.
    pub(crate) stopping: watch::Sender<bool>,
}

/// How an agent is spawned.
#[derive(Debug, Clone)]
pub struct SpawnOptions {
    /// The supervisor it stands under, by its path below the root: `macro`, `meso`, or `spawned`.
    pub under: String,
    /// When it is restarted.
    pub restart: Restart,
    /// Its numbers and settings.
    pub agent: AgentOptions,
}

impl Default for SpawnOptions {
    fn default() -> Self {
        Self {
            under: SPAWNED.to_owned(),
            restart: Restart::Permanent,
            agent: AgentOptions::default(),
        }
    }
}

/// Why no agent was spawned, or an order about one was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// There is no such supervisor.
    #[error("no supervisor is called {asked:?}; there are {}", known.join(", "))]
    UnknownSupervisor {
        /// The name asked for.
        asked: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// The charter cannot be followed here.
    #[error(transparent)]
    Charter(#[from] crate::crew::CharterRefused),
    /// There is no such agent.
    #[error("no agent {0} runs on this node")]
    UnknownAgent(String),
    /// It cannot run in another process.
    #[error(transparent)]
    Remote(#[from] crate::remote::RemoteError),
    /// The name is no name.
    #[error(transparent)]
    Name(#[from] IdentityError),
    /// The world did not take it.
    #[error(transparent)]
    AgentSystem(#[from] AgentSystemError),
    /// The supervisor did not do it.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// It runs, and is not on record: the next node over the same store does not have it.
    #[error("the agent runs, and cannot be written down: {0}")]
    Unwritten(#[from] StoreError),
}

impl Node {
    /// Begins to describe a node.
    pub fn builder() -> NodeBuilder {
        NodeBuilder::new()
    }

    pub(crate) fn from_parts(parts: Arc<Parts>) -> Self {
        Self { parts }
    }

    /// Spawns an agent by the name of its role, such as `macro.executor`, as the next free instance.
    ///
    /// # Errors
    /// Names the roles or supervisors there are when the one asked for is not among them.
    pub async fn spawn(&self, role: &str, options: SpawnOptions) -> Result<AgentId, SpawnError> {
        let supervisor = self.supervisor(&options.under)?;
        let id = self.parts.system.next_instance(role)?;
        let spec = self
            .parts
            .system
            .child_spec(&id, options.agent.clone())?
            .restart(options.restart);
        if let Err(error) = supervisor.start_child(spec).await {
            self.parts.system.leave(&Party::from(&id));
            return Err(error.into());
        }
        self.spawned(&id, &options)?;
        Ok(id)
    }

    /// A supervisor, by its path below the root.
    pub(crate) fn supervisor(&self, under: &str) -> Result<SupervisorRef, SpawnError> {
        let tree = &self.parts.tree;
        let found = tree.supervisor(under);
        found.ok_or_else(|| SpawnError::UnknownSupervisor {
            asked: under.to_owned(),
            known: tree
                .which_children()
                .into_iter()
                .map(|child| child.id.to_string())
                .collect(),
        })
    }

    /// Kills an agent as a fault would; its supervisor answers.
    ///
    /// # Errors
    /// When no such agent runs here.
    pub async fn kill(&self, agent: &str) -> Result<(), SpawnError> {
        let supervisor = self.supervisor_of(agent)?;
        Ok(supervisor.kill_child(agent).await?)
    }

    /// Stops an agent and keeps it down. One that was spawned is gone for good then, and leaves no record; one of the node's own stays in
    /// the tree.
    ///
    /// # Errors
    /// When no such agent runs here.
    pub async fn stop_agent(&self, agent: &str) -> Result<(), SpawnError> {
        let supervisor = self.supervisor_of(agent)?;
        supervisor.terminate_child(agent).await?;
        // A temporary child is gone with its stop already.
        if !self.parts.residents.contains(agent) && supervisor.child(agent).is_some() {
            supervisor.delete_child(agent).await?;
        }
        if !self.parts.residents.contains(agent) {
            if let Ok(id) = agent.parse::<AgentId>() {
                self.parts.system.dismiss(&Party::from(&id));
            }
            self.unspawned(agent);
            if let Err(error) = self.has_its_charter(agent) {
                tracing::error!(%error, agent, "what was given to an agent that was stopped is still on record");
            }
        }
        Ok(())
    }

    /// Lets an agent pause: what is asked of it waits, through restarts too, until it is resumed.
    ///
    /// # Errors
    /// When no such agent is here.
    pub fn suspend_agent(&self, agent: &str) -> Result<(), SpawnError> {
        self.set_rest(agent, true)
    }

    /// Lets an agent that pauses go on.
    ///
    /// # Errors
    /// When no such agent is here.
    pub fn resume_agent(&self, agent: &str) -> Result<(), SpawnError> {
        self.set_rest(agent, false)
    }

    fn set_rest(&self, agent: &str, rests: bool) -> Result<(), SpawnError> {
        let unknown = || SpawnError::UnknownAgent(agent.to_owned());
        let id: AgentId = agent.parse().map_err(|_| unknown())?;
        let above = self.supervisor_of(agent)?;
        let cell = self.parts.system.directory().get(&Party::from(&id));
        let cell = cell.ok_or_else(unknown)?;
        match rests {
            true => cell.suspend(),
            false => cell.resume(),
        }
        let kind = if rests { "suspended" } else { "resumed" };
        self.parts.lookout.rested(agent, above.path(), kind);
        Ok(())
    }

    fn supervisor_of(&self, agent: &str) -> Result<SupervisorRef, SpawnError> {
        let worker = self.parts.tree.find(agent);
        let worker = worker.filter(|child| child.supervisor().is_none());
        let above = worker.map(|child| child.above());
        above.ok_or_else(|| SpawnError::UnknownAgent(agent.to_owned()))
    }

    /// The node at this moment.
    pub fn view(&self) -> NodeView {
        let tree = self.parts.tree.view();
        NodeView {
            agents: view::agents(&tree),
            tree,
            messages: self.messages(),
            restarts: self.parts.restarts.count(),
            dead_letters: self.parts.system.dead_letters().counts().total,
            model: self.model(),
            breakers: self.parts.system.breakers().view(),
            deadlocks: self.parts.system.waits().deadlocks(self.parts.system.now()),
        }
    }

    /// What humans are asked, oldest question first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn approvals(&self) -> Result<Vec<Approval>, ApprovalError> {
        self.parts.system.approvals().list()
    }

    /// The human who decides, with the key that decisions are signed with: from `owner.key` in the storage folder, or of this process alone.
    pub fn owner(&self) -> &Arc<SigningIdentity> {
        &self.parts.owner
    }

    /// In whose name the node is asked by whoever may do all that its owner may.
    pub fn owner_name(&self) -> &PrincipalId {
        &self.parts.owner_name
    }

    /// Takes a decision that was signed elsewhere.
    ///
    /// # Errors
    /// Why it does not count; each refusal is audited.
    pub fn decide_signed(&self, frame: &Sealed) -> Result<Approval, ApprovalError> {
        self.parts.system.approvals().decide(frame)
    }

    /// Signs a decision as `identity` (see [`Node::owner`]) and takes it.
    ///
    /// # Errors
    /// Why it does not count; each refusal is audited.
    pub fn decide(
        &self,
        id: &str,
        decision: Decision,
        reason: &str,
        identity: &Arc<SigningIdentity>,
    ) -> Result<Approval, ApprovalError> {
        let system = &self.parts.system;
        let proposal = system.approvals().proposal(id)?;
        let mut random = [0; 10];
        getrandom::fill(&mut random).map_err(|error| ApprovalError::Unsigned(error.to_string()))?;
        let frame = decision_frame(&proposal, decision, reason, identity, system.now(), random)?;
        self.decide_signed(&frame)
    }

    /// What thinks.
    pub fn model(&self) -> ModelReport {
        self.parts.models.report()
    }

    /// Messages since the start.
    pub fn messages(&self) -> MessageReport {
        {
            let counts = self.parts.system.messages();
            MessageReport {
                sent: counts.sent,
                verified: counts.verified,
                refused: counts.refused,
            }
        }
    }

    /// The world of this node's agents: directory, keys, audit, dead letters.
    pub fn system(&self) -> &AgentSystem {
        &self.parts.system
    }

    /// What the agents that carry goals share: packs, tools, policies, limits.
    pub fn services(&self) -> &Services {
        &self.parts.services
    }

    /// The memory that agents hand tensors over in; micro agents manage its slots.
    pub fn tensors(&self) -> &TensorPool {
        &self.parts.tensors.pool
    }

    /// Tells agents of the zone at the other end of a link something. The events are sent when somebody is there.
    ///
    /// # Errors
    /// There is no such link, or too much waits for it.
    #[cfg(feature = "shared-memory")]
    pub fn tell_zone(
        &self,
        link: &str,
        events: Vec<aios_micro::Event>,
    ) -> Result<(), crate::swarm::LinkError> {
        let trace = crate::swarm::link::NO_TRACE;
        self.parts.links.tell(link, events, trace)
    }

    /// The same in a trace: the chunks that carry the events name it, and the other node's view of the link shows it.
    ///
    /// # Errors
    /// As [`Node::tell_zone`].
    #[cfg(feature = "shared-memory")]
    pub fn tell_zone_in(
        &self,
        trace: &aios_protocols::TraceContext,
        link: &str,
        events: Vec<aios_micro::Event>,
    ) -> Result<(), crate::swarm::LinkError> {
        self.parts.links.tell(link, events, *trace.trace_id())
    }

    /// How the links of this node's zone stand.
    #[cfg(feature = "shared-memory")]
    pub fn zone_links(&self) -> Vec<crate::swarm::LinkView> {
        self.parts.links.view()
    }

    /// What happened to the slots of that memory.
    pub fn buffers(&self) -> BufferTotals {
        self.parts.tensors.keeper.totals()
    }

    /// Where the node's control socket is, or why it is not open and tried again; none when there is to be none.
    pub async fn control_socket(&self) -> Option<Result<PathBuf, String>> {
        if !self.config().door.open {
            return None;
        }
        let known = async {
            loop {
                match self.parts.socket.get() {
                    Some(state) => return state,
                    None => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            }
        };
        let late = || Err("it is still being opened".to_owned());
        Some(
            tokio::time::timeout(SOCKET_DEADLINE, known)
                .await
                .unwrap_or_else(|_| late()),
        )
    }

    /// Of a goal that is private nothing is told beyond this machine from now on, its name neither.
    pub(crate) fn keeps_to_itself(&self, goal_id: &str, private: bool) {
        #[cfg(feature = "nats")]
        if let Some(nats) = self.parts.nats.as_ref().filter(|_| private) {
            nats.private.enter(goal_id);
        }
        #[cfg(not(feature = "nats"))]
        let _ = (goal_id, private);
    }

    /// How it stands with the NATS server; none if there is to be none.
    #[cfg(feature = "nats")]
    pub fn nats(&self) -> Option<crate::NatsView> {
        self.parts.nats.as_ref().map(crate::nats::OnNats::view)
    }

    /// Tells these lines of a log on the NATS server, but for those that name a private goal; without a server they go nowhere.
    #[cfg(feature = "nats")]
    pub fn tell_logs(&self, lines: tokio::sync::mpsc::Receiver<String>) {
        if let Some(nats) = &self.parts.nats {
            nats.tell_logs(&self.parts.config.node.zone, lines);
        }
    }

    /// Who signs what the node tells on the NATS server, and with which public key.
    #[cfg(feature = "nats")]
    pub fn nats_signer(&self) -> Option<(Party, String)> {
        self.parts.nats.as_ref().map(crate::nats::OnNats::signer)
    }

    /// What was not in order in the storage folder when this node was started over it, a sentence each: a write that was cut short, damage, a
    /// clock that was set back. Whoever runs the node must be told.
    pub fn found(&self) -> &[String] {
        &self.parts.found
    }

    /// The settings it was started with.
    pub fn config(&self) -> &Config {
        &self.parts.config
    }

    /// A part without which the node cannot work, and that does not run now: a supervisor right below the root.
    pub(crate) fn missing(&self) -> Option<String> {
        let tree = self.parts.tree.view_at_most(1);
        if tree.state != SupervisorState::Running {
            return Some(tree.path.to_string());
        }
        let children = self.parts.tree.which_children();
        let down = children
            .into_iter()
            .find(|child| child.state != ChildState::Running);
        down.map(|child| child.id.to_string())
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.parts.stopping.borrow()
    }

    /// Returns when the stop begins.
    pub(crate) async fn stops(&self) {
        // The sender lies in the same parts, so it cannot be gone.
        let _ = self
            .parts
            .stopping
            .subscribe()
            .wait_for(|stopping| *stopping)
            .await;
    }

    /// Calls off what is under way, stops every agent in reverse start order, then closes the bus. What does not leave in time is killed.
    pub async fn stop(&self) {
        self.parts.stopping.send_replace(true);
        self.parts.system.stop_timers();
        self.parts.tree.stop_within(STOP_DEADLINE).await;
        self.parts.remote.end();
        for listener in &self.parts.listeners {
            listener.abort();
        }
        self.parts.tensors.care.abort();
        #[cfg(feature = "shared-memory")]
        {
            let parts = Arc::clone(&self.parts);
            let _ = tokio::task::spawn_blocking(move || parts.links.end()).await;
        }
        #[cfg(feature = "nats")]
        if let Some(nats) = &self.parts.nats {
            nats.end().await;
        }
        self.parts.bus.close();
        self.parts.lookout.close();
        self.parts.lookout.settle().await;
        self.parts.telemetry.end().await;
        if let Err(error) = self.parts.system.store().flush() {
            tracing::error!(%error, "the store could not be flushed at the stop");
        }
    }
}

pub(crate) async fn model_report(engine: &EngineHandle) -> ModelReport {
    let Ok(can) = engine.capabilities().await else {
        return ModelReport::default();
    };
    let name = match engine.health().await {
        Ok(health) => health
            .models
            .into_iter()
            .find(|model| model.role == ModelRole::Generate)
            .map(|model| model.name)
            .unwrap_or_default(),
        Err(_) => String::new(),
    };
    ModelReport {
        engine: can.name,
        device: can.device,
        name,
        thoughts: Vec::new(),
    }
}
