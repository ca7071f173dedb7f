//! How a node is put together and started.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aios_actors::agent::{Agent, AgentError, AuditSink, Clock};
use aios_actors::recovery::approvals::Owner;
use aios_actors::{AgentSystem, AgentSystemError, Blueprint};
use aios_bus::data::InProcessDataBus;
use aios_control::socket::SocketFolder;
use aios_inference::{EngineConfig, EngineError, EngineFactory, EngineHandle};
use aios_memory::{InMemoryStore, SledStore, Store, StoreError};
use aios_orchestrator::writer::ModelWriter;
use aios_orchestrator::{Packs, Services, Settings};
use aios_protocols::ports::DataBus;
use aios_protocols::{IdentityError, PrincipalId, TenantId};
use aios_supervisor::Supervisor;
use aios_tools::{Toolbox, Workspaces};
use aios_work::{Pack, Tool};
use tokio::sync::watch;

use crate::config::{Config, ConfigError};
use crate::events::{self, Restarts};
use crate::goals::Goals;
use crate::node::{Node, Parts, model_report};
use crate::owner::{self, OwnerError};
use crate::socket::{ControlSocketArguments, SocketState};
use crate::swarm::{self, Speaker, Tensors, TensorsError};
use crate::{boot, engines, metric, packs, view};

/// How long an engine may take to load its models.
const ENGINE_DEADLINE: Duration = Duration::from_secs(120);
/// Who a node's own goals are signed by.
const GATEWAY: &str = "gateway";

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is not usable.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The state folder cannot be used.
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
    /// Nobody could decide what agents propose.
    #[error(transparent)]
    Owner(#[from] OwnerError),
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
    tools: Vec<Arc<dyn Tool>>,
    packs: Vec<Pack>,
    recruits: Vec<Recruit>,
    clock: Option<Arc<dyn Clock>>,
    audit: Option<Arc<dyn AuditSink>>,
    seed: Option<u64>,
}

/// Enters one role among those that can be spawned.
type Recruit = Box<dyn FnOnce(&aios_actors::Factories) + Send>;

impl NodeBuilder {
    pub(crate) fn new() -> Self {
        Self {
            config: Config::default(),
            engine: None,
            tools: Vec::new(),
            packs: packs::packs(),
            recruits: Vec::new(),
            clock: None,
            audit: None,
            seed: None,
        }
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

    /// A tool more for the executors; one of a known name replaces it.
    #[must_use]
    pub fn tool(mut self, tool: Arc<dyn Tool>) -> Self {
        self.tools.push(tool);
        self
    }

    /// A pack more. It is asked before those that are here already, so that it may claim what they would take.
    #[must_use]
    pub fn pack(mut self, pack: Pack) -> Self {
        self.packs.insert(0, pack);
        self
    }

    /// No pack but those that are given from here on. Without any, every goal is refused with that reason.
    #[must_use]
    pub fn without_packs(mut self) -> Self {
        self.packs.clear();
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

    /// Starts the node; returns when the whole tree runs and the engine is loaded.
    ///
    /// # Errors
    /// What did not start, after everything that had started was stopped again.
    pub async fn start(self) -> Result<Node, StartError> {
        metric::describe();
        let config = self.config;
        config.check()?;
        let store: Arc<dyn Store> = match config.storage.path() {
            // It may wait a while for whoever is letting go of the folder, perhaps a task of this very thread.
            Some(folder) => {
                match tokio::task::spawn_blocking(move || SledStore::open(&folder)).await {
                    Ok(store) => Arc::new(store?),
                    Err(_) => return Err(StartError::Interrupted),
                }
            }
            None => Arc::new(InMemoryStore::default()),
        };
        let bus = Arc::new(InProcessDataBus::new());
        let engine = EngineHandle::new(EngineConfig {
            queue: config.model.queue as usize,
            load_deadline: ENGINE_DEADLINE,
            ..EngineConfig::default()
        });
        let tenant = TenantId::new(&config.node.tenant)?;
        let principal: PrincipalId = format!("service:{GATEWAY}@{}", config.node.tenant).parse()?;
        let owner_name = owner::principal(&config.node.tenant)?;
        let owner = owner::identity(config.storage.path().as_deref(), &config.node.tenant)?;
        let mut world = AgentSystem::builder()
            .store(store)
            .engine(engine.clone())
            .bus(Arc::clone(&bus) as Arc<dyn DataBus>)
            .tenant(tenant)
            .owner(Owner::of(&owner))
            .zone(config.node.zone.clone());
        if let Some(clock) = self.clock {
            world = world.clock(clock);
        }
        if let Some(sink) = self.audit {
            world = world.audit_sink(sink);
        }
        if let Some(seed) = self.seed {
            world = world.seed(seed);
        }
        let system = world.build();

        let megabytes = |count: u64| count.saturating_mul(1 << 20);
        let limits = aios_tools::Limits {
            memory_bytes: megabytes(config.tools.memory_mb),
            ..aios_tools::Limits::default()
        };
        let workspaces = Workspaces::new(limits, megabytes(config.tools.node_memory_mb));
        let writer = Arc::new(ModelWriter::new(engine.clone(), &system));
        let tools = Toolbox::standard(&workspaces, Some(writer));
        #[cfg(feature = "tables")]
        let tools = tools.with(aios_tables::tools(&workspaces));
        let tools = Arc::new(tools.with(self.tools));
        if let Some(name) = config.recovery.tools().find(|name| {
            // A server's tools, which are called server__tool, may come later.
            !name.contains("__") && tools.spec(name).is_none() && !packs::is_standard(name)
        }) {
            return Err(StartError::Config(ConfigError::UnknownName {
                place: format!("recovery.{name}"),
                nearest: tools.specs().map(|spec| spec.name.clone()).collect(),
            }));
        }
        let packs = self.packs.into_iter().fold(Packs::none(), Packs::with);
        let settings = Settings {
            policies: config.recovery.clone(),
            price_micros: config.model.price_micros,
            results: config.storage.results,
        };
        let services = Services::new(&system, packs, tools, settings);
        boot::enlist(&system, &services);
        for recruit in self.recruits {
            recruit(system.factories());
        }

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
            owner: owner_name.clone(),
            sockets: swarm.sockets,
        });
        let spec = boot::tree(
            &config,
            &system,
            boot::Services {
                engine: &engine,
                factory: self.engine.unwrap_or_else(engines::scripted),
                zone: swarm.zone,
                socket,
            },
        )?;
        let (tree, started) = Supervisor::prepare(spec, aios_supervisor::Options::default())?;
        // Askers of an agent whose supervisor gave up hear so at once instead of at their deadline.
        let follow = system.follow(&tree);
        let restarts = Arc::new(Restarts::default());
        let relay = tokio::spawn(events::relay(
            tree.events(),
            Arc::clone(&bus) as Arc<dyn DataBus>,
            Arc::clone(&restarts),
        ));
        started.await?;
        if let Err(error) = engine.ready(ENGINE_DEADLINE).await {
            tree.stop().await;
            return Err(StartError::Engine(error));
        }
        let tensors = match Tensors::begin(&config.tensor, &population).await {
            Ok(tensors) => tensors,
            Err(error) => {
                tree.stop().await;
                return Err(error.into());
            }
        };
        let client = match system.client(principal).await {
            Ok(client) => client,
            Err(error) => {
                tensors.care.abort();
                tree.stop().await;
                return Err(error.into());
            }
        };
        let (listeners, stopping) = ([relay, follow], watch::Sender::new(false));
        let residents = view::agents(&tree.view())
            .into_iter()
            .map(|agent| agent.id)
            .collect();
        let parts = Arc::new(Parts {
            residents,
            model: model_report(&engine).await,
            population,
            tensors,
            socket: socket_state,
            goals: Goals::default(),
            owner_name,
            config,
            system,
            services,
            tree,
            bus,
            client,
            restarts,
            owner,
            listeners,
            stopping,
        });
        // Filled once, here: a node is made once.
        let _ = whole.set(Arc::downgrade(&parts));
        Ok(Node::from_parts(parts))
    }
}
