//! How a node is put together and started.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use aios_actors::agent::{Agent, AgentError, AuditSink, Client, Clock, SystemClock};
use aios_actors::recovery::approvals::Owner;
use aios_actors::{AgentSystem, AgentSystemBuilder, AgentSystemError, Blueprint, Observer, Sleep};
use aios_bus::data::InProcessDataBus;
use aios_control::socket::SocketFolder;
use aios_inference::router::Size;
use aios_inference::{EngineConfig, EngineError, EngineFactory, EngineHandle, LocalEngine};
use aios_journal::{Disk, RealDisk};
use aios_memory::{Store, StoreError};
use aios_micro::Population;
use aios_orchestrator::crew::AgentSkill;
use aios_orchestrator::writer::ModelWriter;
use aios_orchestrator::{Packs, Ports, Services, Settings};
use aios_protocols::ports::DataBus;
use aios_protocols::{AgentId, IdentityError, PrincipalId, SigningIdentity, TenantId, Tier};
use aios_supervisor::Supervisor;
use aios_tools::{Memory, Toolbox, Workspaces};
use aios_work::content::ModelReport;
use aios_work::{Pack, Thinks, Tool};
use tokio::sync::watch;

use crate::allowances::Allowances;
use crate::config::{Config, ConfigError};
use crate::crew::{self, CharterRefused, Thinker};
#[cfg(feature = "shared-memory")]
use crate::engine_process::EngineProcess;
use crate::events::{self, Restarts};
use crate::falls::Falls;
use crate::generate::Named;
use crate::goals::Goals;
use crate::judge::Judgements;
use crate::lookout::{self, Lookout};
use crate::models::Models;
use crate::node::{Node, Parts, model_report};
use crate::owner::{self, OwnerError};
use crate::remote::RemoteAgents;
use crate::servers::ToolServers;
use crate::socket::{ControlSocketArguments, SocketState};
use crate::state::State;
use crate::swarm::{self, Speaker, Tensors, TensorsError};
use crate::team::{Grown, Team, TeamError};
use crate::telemetry::Telemetry;
use crate::{boot, durable, engines, grants, metric, packs, thinking, view};

/// How often what is old enough leaves the journal.
const RETIRED_EVERY: Duration = Duration::from_secs(600);
/// How long an engine may take to load its models.
const ENGINE_DEADLINE: Duration = Duration::from_secs(120);
/// Who a node's own goals are signed by.
const GATEWAY: &str = "gateway";
/// In whose name frames of the tensor bus are refused.
const TENSORS: &str = "tensors";
/// In whose name frames of a link are refused.
#[cfg(feature = "shared-memory")]
const LINKS: &str = "links";
/// In whose name frames and sessions of the engine's process are refused.
#[cfg(feature = "shared-memory")]
const DEVICE: &str = "engine";
/// Who says that a message did not reach an agent in another process.
const POST_OFFICE: &str = "post";

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is not usable.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The state folder cannot be used.
    #[error(transparent)]
    State(#[from] durable::OpenError),
    /// The state cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A name in the configuration is no name.
    #[error(transparent)]
    Name(#[from] IdentityError),
    /// An agent did not come into being.
    #[error(transparent)]
    Agent(#[from] AgentSystemError),
    /// The tree did not start.
    #[error(transparent)]
    Tree(#[from] aios_supervisor::StartError),
    /// The swarm is not usable as configured.
    #[error(transparent)]
    Swarm(#[from] aios_micro::ZoneError),
    /// The tensor pool did not come up.
    #[error(transparent)]
    Tensors(#[from] TensorsError),
    /// The links of the zone did not begin.
    #[error("the links of the zone cannot begin: {0}")]
    Links(std::io::Error),
    /// The team cannot be started.
    #[error(transparent)]
    Team(#[from] TeamError),
    /// What happens could not be listened to.
    #[error("the node's own events cannot be listened to: {0}")]
    Bus(String),
    /// What an operator asked for cannot be done.
    #[error("{0}")]
    Telemetry(String),
    /// Nobody could decide what agents propose.
    #[error(transparent)]
    Owner(#[from] OwnerError),
    /// The node cannot be on the NATS server that it should be on.
    #[cfg(feature = "nats")]
    #[error(transparent)]
    Nats(#[from] crate::nats::NatsError),
    /// A NATS server is named and this program speaks to none.
    #[cfg(not(feature = "nats"))]
    #[error("bus.data.nats is set, and this program was built without the data bus on NATS")]
    NoNats,
    /// Opening the state folder was cut short.
    #[error("the start was interrupted while the state folder was being opened; start again")]
    Interrupted,
    /// The engine did not come up.
    #[error("the engine did not start: {0}")]
    Engine(EngineError),
}

/// Everything a node can be given; all of it has a default.
pub struct NodeBuilder {
    config: Config,
    engine: Option<EngineFactory>,
    #[cfg(feature = "shared-memory")]
    apart: Option<EngineProcess>,
    tools: Vec<Arc<dyn Tool>>,
    packs: Vec<Pack>,
    /// Whether the tools of the packs that were compiled in are there.
    standard: bool,
    recruits: Vec<Recruit>,
    team: Option<Team>,
    clock: Option<Arc<dyn Clock>>,
    audit: Option<Arc<dyn AuditSink>>,
    seed: Option<u64>,
    probes: Option<PathBuf>,
    /// Whether goals that were under way when the last node over this store ended go on by themselves.
    resumes: bool,
    /// Whether goals are only gone through again here.
    replays: bool,
    /// How agents sleep, if they may.
    sleep: Option<Sleep>,
    /// What the journal is written on, if not on its folder's own disk.
    disk: Option<durable::Over>,
}

/// Enters one role among those that can be spawned.
type Recruit = Box<dyn FnOnce(&aios_actors::Factories) + Send>;

impl NodeBuilder {
    pub(crate) fn new() -> Self {
        Self {
            config: Config::default(),
            engine: None,
            #[cfg(feature = "shared-memory")]
            apart: None,
            tools: Vec::new(),
            packs: packs::packs(),
            standard: true,
            recruits: Vec::new(),
            team: None,
            clock: None,
            audit: None,
            seed: None,
            probes: None,
            resumes: true,
            replays: false,
            sleep: None,
            disk: None,
        }
    }

    /// Agents may sleep: one that is registered so has neither actor nor mailbox until it is wanted, see
    /// [`AgentSystem::register_asleep`]. Woken it stands under the supervisor of agents that are spawned.
    #[must_use]
    pub fn sleeping(mut self, sleep: Sleep) -> Self {
        self.sleep = Some(sleep);
        self
    }

    /// Settings; without them the defaults hold.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// What thinks; without it the scripted engine does.
    #[must_use]
    pub fn engine(mut self, factory: EngineFactory) -> Self {
        self.engine = Some(factory);
        self
    }

    /// What thinks, in a process of its own. What is refused of its frames and sessions is entered on the node's trail.
    #[cfg(feature = "shared-memory")]
    #[must_use]
    pub fn engine_process(mut self, process: &EngineProcess) -> Self {
        self.engine = Some(process.factory());
        self.apart = Some(process.clone());
        self
    }

    /// A tool more for the executors; one of a known name replaces it.
    #[must_use]
    pub fn tool(mut self, tool: impl Tool + 'static) -> Self {
        self.tools.push(Arc::new(tool));
        self
    }

    /// A pack more. It is asked before those that are here already, so that it may claim what they would take.
    #[must_use]
    pub fn pack(mut self, pack: Pack) -> Self {
        self.packs.insert(0, pack);
        self
    }

    /// These packs and no others.
    #[must_use]
    pub(crate) fn packs(mut self, packs: Vec<Pack>) -> Self {
        self.packs = packs;
        self
    }

    /// Goals are only gone through again here, from what is kept of them.
    #[must_use]
    pub(crate) fn replaying(mut self) -> Self {
        self.replays = true;
        self
    }

    /// No pack but those that are given from here on, and none of the tools that came with the others. Without any, every goal is refused with that reason.
    #[must_use]
    pub fn without_packs(mut self) -> Self {
        self.packs.clear();
        self.standard = false;
        self
    }

    /// An agent of your own that can be spawned by its role, such as `macro.greeter`.
    #[must_use]
    pub fn factory<A, F>(mut self, role: impl Into<String>, make: F) -> Self
    where
        A: Agent,
        F: Fn(&Blueprint) -> Result<A, AgentError> + Send + Sync + 'static,
    {
        let role = role.into();
        self.recruits
            .push(Box::new(move |factories| factories.register(role, make)));
        self
    }

    /// A team that stands in the tree from the start, see [`Team::load`].
    #[must_use]
    pub fn team(mut self, team: Team) -> Self {
        self.team = Some(team);
        self
    }

    /// Where the node takes the time from.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Who keeps the trail of refused messages.
    #[must_use]
    pub fn audit_sink(mut self, sink: Arc<dyn AuditSink>) -> Self {
        self.audit = Some(sink);
        self
    }

    /// Makes keys and names reproducible. For tests only: whoever knows the seed can sign.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Leaves goals of an earlier node over the same store alone. They go on by themselves otherwise.
    #[must_use]
    pub fn leaving_goals(mut self) -> Self {
        self.resumes = false;
        self
    }

    /// The folder in which lies what servers of `[engines]` were found to honour.
    #[must_use]
    pub fn probes(mut self, folder: impl Into<PathBuf>) -> Self {
        self.probes = Some(folder.into());
        self
    }

    /// What the node's journal is written on, made of the disk of its folder: one that counts, mirrors or enciphers what is asked of it, see
    /// [`Disk`]. `over` is called once, when the folder is this process's alone, and without `storage.folder` never; what it makes keeps the
    /// disk that it was given, which holds the folder. The view beside the journal does not go through it, and whoever reads a journal
    /// without its node, as [`audit`](crate::audit()) does, reads the files as they lie.
    #[must_use]
    pub fn disk(mut self, over: impl FnOnce(RealDisk) -> Arc<dyn Disk> + Send + 'static) -> Self {
        self.disk = Some(Box::new(over));
        self
    }

    /// Starts the node; returns when the whole tree runs and the engine is loaded.
    ///
    /// # Errors
    /// What did not start, after everything that had started was stopped again.
    pub async fn start(self) -> Result<Node, StartError> {
        let config = self.config;
        config.check()?;
        #[cfg(not(feature = "telemetry"))]
        if !config.telemetry.otlp.is_empty() {
            let message = "telemetry.otlp is set, and this build cannot send anything; build it with the feature `telemetry`";
            return Err(StartError::Telemetry(message.to_owned()));
        }
        #[cfg(feature = "telemetry")]
        if config.telemetry.metrics {
            crate::telemetry::recorder::recorder();
        }
        metric::describe();
        let local = LocalEngine::new(EngineConfig {
            queue: config.model.queue as usize,
            load_deadline: ENGINE_DEADLINE,
            ..EngineConfig::default()
        });
        let bus = Arc::new(InProcessDataBus::new());
        let on_the_bus = Arc::clone(&bus) as Arc<dyn DataBus>;
        let (engine, engines) =
            thinking::engine(&config, &local, self.probes.as_deref(), &on_the_bus)?;
        let State {
            owner,
            store,
            found,
            witness,
            at_work,
            journal,
        } = State::of(&config, self.disk).await?;
        let ground = Ground {
            store,
            found,
            at_work,
            journal,
            packs: Vec::new(),
            bus,
            engine,
            engines,
            local,
            models: Models::default(),
            owner_name: owner::principal(&config.node.tenant)?,
            owner,
        };
        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock));
        let lookout = Lookout::new(Arc::clone(&clock));
        if config.storage.path().is_some()
            && let Err(error) = lookout.remember(&ground.store)
        {
            tracing::error!(%error, "the audit trail on record cannot be read; another one is begun");
        }
        let mut world = ground.world(&config)?.clock(clock);
        world = world.observer(Arc::clone(&lookout) as Arc<dyn Observer>);
        if let Some(sink) = self.audit {
            world = world.audit_sink(sink);
        }
        if let Some(seed) = self.seed {
            world = world.seed(seed);
        }
        let system = world.build();
        let ports = Ports::of(&system);
        #[cfg(not(feature = "nats"))]
        if !config.bus.data.nats.is_empty() {
            return Err(StartError::NoNats);
        }
        let writer = ModelWriter::new(ground.engine.clone(), &system, &ports);
        let (tools, working) = toolbox(&config, writer, &ground.engine, self.standard);
        let tools = tools.with(self.tools);
        let tools = match &witness {
            Some(witness) => tools.witnessed(Arc::clone(witness)),
            None => tools,
        };
        // What the team's agents offer is a tool of every plan.
        let charters = self.team.iter().flat_map(|team| team.charters.values());
        let skills = charters.map(|charter| Arc::new(AgentSkill::new(charter)) as Arc<dyn Tool>);
        let tools = tools.with(skills.collect::<Vec<_>>());
        let tools = Arc::new(tools);
        let servers = ToolServers::of(&config, &tools)?;
        let packs = self.packs.clone();
        let services = services(&config, &system, tools, self.packs, ports, self.replays)?;
        boot::enlist(&system, &services);
        for recruit in self.recruits {
            recruit(system.factories());
        }
        #[cfg(feature = "shared-memory")]
        if let Some(process) = &self.apart {
            let device: PrincipalId = format!("service:{DEVICE}@{}", config.node.tenant).parse()?;
            process.telling(crate::refusals::on_trail(&system, device.into()));
        }
        let factory = self.engine.unwrap_or_else(engines::scripted);
        // Checked before anything starts. Which model thinks is known only then; that of the team is looked at when it is loaded.
        let thinker = Thinker::unknown();
        let team = self.team.map(|team| {
            let criteria = Path::new(&config.agents.criteria);
            Grown::new(team, &system, &services, &thinker, criteria)
        });
        let team = team.transpose()?;
        let ground = Ground { packs, ..ground };
        grants::had(ground.store.as_ref(), services.crew())?;
        let node = raise(
            config, ground, system, services, servers, factory, team, lookout, working,
        )
        .await?;
        // What was set by an earlier node over the same store wakes whom it is for.
        node.parts.system.keep_timers()?;
        if let Some(sleep) = self.sleep {
            let supervisor = node.parts.tree.supervisor(boot::SPAWNED);
            if let Some(supervisor) = supervisor {
                node.parts.system.let_sleep(supervisor, sleep)?;
            }
        }
        if self.resumes {
            node.have_again().await?;
            node.parts.goals.wake(&node).await;
            if let Some(witness) = witness {
                witness.settled();
            }
        } else {
            node.parts.goals.leave();
        }
        Ok(node)
    }
}

/// What a node stands on before it has agents.
struct Ground {
    store: Arc<dyn Store>,
    /// What was not in order there.
    found: Vec<String>,
    /// The goals whose tools were being worked on when the process before this one ended.
    at_work: BTreeSet<String>,
    /// The journal, where there is one.
    journal: Weak<durable::JournalStore>,
    packs: Vec<Pack>,
    bus: Arc<InProcessDataBus>,
    /// The node's own device, as its supervisor starts it.
    local: LocalEngine,
    /// What everybody asks.
    engine: EngineHandle,
    /// Each engine by itself.
    engines: Vec<Named>,
    /// Which models were loaded by command.
    models: Models,
    owner_name: PrincipalId,
    owner: Arc<SigningIdentity>,
}

impl Ground {
    fn world(&self, config: &Config) -> Result<AgentSystemBuilder, StartError> {
        Ok(AgentSystem::builder()
            .store(Arc::clone(&self.store))
            .engine(self.engine.clone())
            .bus(self.bus())
            .tenant(TenantId::new(&config.node.tenant)?)
            .owner(Owner::of(&self.owner))
            .signer(Arc::clone(&self.owner))
            .durable_keys({
                let owner = Arc::clone(&self.owner);
                move |agent| owner.derive(agent)
            })
            .zone(config.node.zone.clone())
            .post_office(AgentId::new(
                Tier::Meso,
                POST_OFFICE,
                "001",
                &config.node.zone,
            )?))
    }

    fn bus(&self) -> Arc<dyn DataBus> {
        Arc::clone(&self.bus) as Arc<dyn DataBus>
    }
}

/// The general tools, and those of the packs that were compiled in if `standard` says so.
fn toolbox(
    config: &Config,
    writer: ModelWriter,
    engine: &EngineHandle,
    standard: bool,
) -> (Toolbox, Memory) {
    let megabytes = |count: u64| count.saturating_mul(1 << 20);
    let limits = aios_tools::Limits {
        memory_bytes: megabytes(config.tools.memory_mb),
        ..aios_tools::Limits::default()
    };
    let workspaces = Workspaces::new(limits, megabytes(config.tools.node_memory_mb)).in_place();
    let tools = Toolbox::standard(&workspaces, Some(Arc::new(writer)))
        .granting(config.tools.grants.clone());
    let tools = if standard {
        tools.with(packs::pack_tools(&workspaces, engine))
    } else {
        tools
    };
    (tools, workspaces.memory().clone())
}

/// What the engine that plans can be asked for, where the configuration names one behind a server: that is another than the one that writes,
/// and what it is only its owner can say. None for what the node's own model is.
fn planner(config: &Config) -> Option<Thinks> {
    let engine = config.engines.get(config.routes.plan.first()?)?;
    Some(match engine.size {
        Size::Tiny | Size::Small => Thinks::InSteps,
        Size::Medium | Size::Large => Thinks::WholePlans,
    })
}

/// What the macro agents share. A policy for a tool that nobody has is most likely misspelt.
fn services(
    config: &Config,
    system: &AgentSystem,
    tools: Arc<Toolbox>,
    packs: Vec<Pack>,
    ports: Ports,
    replays: bool,
) -> Result<Arc<Services>, StartError> {
    let astray = config.recovery.tools().find(|name| {
        // A server's tools, which are called server__tool, may come later.
        !name.contains("__") && tools.spec(name).is_none() && !packs::is_standard(name)
    });
    if let Some(name) = astray {
        return Err(StartError::Config(ConfigError::UnknownName {
            place: format!("recovery.{name}"),
            nearest: tools.specs().map(|spec| spec.name.clone()).collect(),
        }));
    }
    let settings = Settings {
        policies: config.recovery.clone(),
        price_micros: config.model.price_micros,
        thinks: config.goal.plans.thinks().or_else(|| planner(config)),
        results: config.storage.results,
        replays,
        front: gateway(config)?.as_str().parse().ok(),
    };
    let packs = packs.into_iter().chain([packs::plans()]);
    let packs = packs.fold(Packs::none(), Packs::with);
    Ok(Services::new(system, packs, tools, settings, ports))
}

/// Raises the tree and waits until it stands.
#[allow(clippy::too_many_arguments)]
async fn raise(
    config: Config,
    ground: Ground,
    system: AgentSystem,
    services: Arc<Services>,
    servers: ToolServers,
    factory: EngineFactory,
    team: Option<Grown>,
    lookout: Arc<Lookout>,
    working: Memory,
) -> Result<Node, StartError> {
    let swarm = swarm::describe(&config)?;
    let population = swarm.zone.population.clone();
    let spoken_for = population.clone();
    system
        .factories()
        .register(aios_micro::report::SPEAKER_ROLE, move |_| {
            Ok(Speaker::new(spoken_for.clone()))
        });
    let whole = Arc::new(OnceLock::new());
    let socket_state = SocketState::default();
    let socket = config.door.open.then(|| ControlSocketArguments {
        state: socket_state.clone(),
        folder: SocketFolder::of(&config.door.folder),
        node: Arc::clone(&whole),
        owner: ground.owner_name.clone(),
        sockets: swarm.sockets,
    });
    let team = team.map(|team| team.spec(&system, &services, &config));
    let spec = boot::tree(
        &config,
        &system,
        boot::Fixtures {
            engine: &ground.local,
            factory: ground.models.over(factory),
            zone: swarm.zone,
            team: team.transpose()?,
            socket,
            servers: servers.supervisor(),
        },
    )?;
    // Before anything happens that it should tell of.
    #[cfg(feature = "nats")]
    let nats = crate::nats::attach(&config, &system, &ground.bus, &lookout).await?;
    let (tree, started) = Supervisor::prepare(spec, aios_supervisor::Options::default())?;
    // Askers of an agent whose supervisor gave up hear so at once instead of at their deadline.
    let follow = system.follow(&tree);
    let restarts = Arc::new(Restarts::default());
    let relay = tokio::spawn(events::relay(
        tree.events(),
        ground.bus(),
        Arc::clone(&restarts),
    ));
    lookout.keep_falls(Falls::over(Arc::clone(&ground.store))?);
    let supervised = lookout::supervision(tree.events(), Arc::clone(&lookout));
    let supervised = tokio::spawn(supervised);
    // Opened before anything is told there.
    let bus = ground.bus();
    let told = bus.subscribe(lookout::EVENTS.clone(), lookout::QUEUE);
    let told = told
        .await
        .map_err(|error| StartError::Bus(error.to_string()))?;
    let told = tokio::spawn(lookout::bus(told, Arc::clone(&lookout)));
    let kept = tokio::spawn(lookout.keeping());
    let beats = tokio::spawn(lookout.beating());
    let (journal, keep) = (ground.journal.clone(), config.storage.retention());
    let retired = tokio::spawn(durable::retiring(journal, keep, RETIRED_EVERY));
    started.await?;
    let moved = match moved_in(&config, &ground, &system, &population).await {
        Ok(both) => followed(&ground, &system, &services)
            .await
            .map(|model| (both, model)),
        Err(error) => Err(error),
    };
    let skills = crew::follow(&tree, &system, Arc::clone(&services));
    let ((tensors, client), model) = match moved {
        Ok(both) => both,
        Err(error) => {
            tree.stop().await;
            return Err(error);
        }
    };
    servers.first_lists().await;
    let skills = tokio::spawn(skills);
    let remote = RemoteAgents::default();
    let guests = tokio::spawn(crew::follow_remote(&tree, remote.clone()));
    let residents = view::agents(&tree.view())
        .into_iter()
        .map(|agent| agent.id)
        .collect();
    let (holder, own) = (Arc::clone(&services), config.node.tenant.clone());
    let seen = Arc::clone(&lookout);
    let goals = Goals::over(
        Arc::clone(&ground.store),
        &config.node.tenant,
        config.storage.results as usize,
        Arc::new(move |tenant, goal_id, held| holder.hold(tenant.unwrap_or(&own), goal_id, held)),
    )?
    .telling(move |goal_id, phase| seen.goal(goal_id, phase))
    .blaming(ground.at_work.clone());
    #[cfg(feature = "shared-memory")]
    let links = {
        let linker: PrincipalId = format!("service:{LINKS}@{}", config.node.tenant).parse()?;
        let refusals = crate::refusals::on_trail(&system, linker.into());
        swarm::Links::begin(&config.swarm.links, &population, &refusals)
    };
    #[cfg(feature = "shared-memory")]
    let links = match links {
        Ok(links) => links,
        Err(error) => {
            tree.stop().await;
            return Err(StartError::Links(error));
        }
    };
    ground.models.reports(model);
    let parts = Arc::new(Parts {
        residents,
        engines: ground.engines,
        allowances: Allowances::default(),
        judgements: Judgements::default(),
        thinks: ground.engine,
        models: ground.models,
        population,
        tensors,
        socket: socket_state,
        goals,
        found: ground.found,
        packs: ground.packs,
        servers,
        owner_name: ground.owner_name,
        config,
        system,
        services,
        tree,
        bus: ground.bus,
        client,
        restarts,
        lookout,
        working,
        telemetry: Telemetry::default(),
        owner: ground.owner,
        listeners: [
            relay, follow, skills, supervised, told, guests, kept, beats, retired,
        ],
        remote,
        spawning: tokio::sync::Mutex::default(),
        #[cfg(feature = "shared-memory")]
        links,
        #[cfg(feature = "nats")]
        nats,
        stopping: watch::Sender::new(false),
    });
    #[cfg(feature = "nats")]
    if let Some(nats) = &parts.nats {
        nats.begin(&Arc::downgrade(&parts));
    }
    // Filled once, here: a node is made once.
    let _ = whole.set(Arc::downgrade(&parts));
    #[cfg(feature = "telemetry")]
    if let Err(error) = crate::telemetry::begin(&parts) {
        Node::from_parts(parts).stop().await;
        return Err(StartError::Telemetry(error.to_string()));
    }
    Ok(Node::from_parts(parts))
}

/// In whose name the node hands its own tenant's goals in.
fn gateway(config: &Config) -> Result<PrincipalId, StartError> {
    Ok(format!("service:{GATEWAY}@{}", config.node.tenant).parse()?)
}

/// What thinks, if the charters of the team let it think for them.
async fn followed(
    ground: &Ground,
    system: &AgentSystem,
    services: &Services,
) -> Result<ModelReport, StartError> {
    let model = model_report(&ground.engine).await;
    let members = services.crew().members();
    if !members.is_empty() {
        let thinker = Thinker::of(system, &model.name).await;
        let charters = members.iter().map(|member| member.charter());
        let refused = |refused: CharterRefused| TeamError::Problems(vec![refused.to_string()]);
        thinker.follow(charters).map_err(refused)?;
    }
    Ok(model)
}

/// What a node has once its tree stands: a loaded engine, its tensors, and a client that its own goals are signed by.
async fn moved_in(
    config: &Config,
    ground: &Ground,
    system: &AgentSystem,
    population: &Population,
) -> Result<(Tensors, Client), StartError> {
    let ready = ground.engine.ready(ENGINE_DEADLINE).await;
    ready.map_err(StartError::Engine)?;
    let principal = gateway(config)?;
    let keeper: PrincipalId = format!("service:{TENSORS}@{}", config.node.tenant).parse()?;
    let refusals = crate::refusals::on_trail(system, keeper.into());
    let tensors = Tensors::begin(&config.tensor, population, refusals).await?;
    match system.client(principal).await {
        Ok(client) => Ok((tensors, client)),
        Err(error) => {
            tensors.care.abort();
            Err(error.into())
        }
    }
}
