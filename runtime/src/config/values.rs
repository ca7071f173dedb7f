//! The settings there are, what they are when nobody says anything, and what they may be.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use aios_actors::recovery::Policies;
use aios_journal::{Limit, Retention};
use aios_work::{Capabilities, Capability, Thinks};
use serde::{Deserialize, Serialize};

use super::ConfigError;
use super::bus::BusConfig;
use super::engines::{EngineSettings, RoutesConfig};
use super::servers::{self, ServerConfig};
use crate::packs;

/// A million of whatever the currency is.
const MONEY_MAX: u64 = 1_000_000_000_000;
/// What the system takes as a path.
const FOLDER_BYTES_MAX: usize = 4_000;
/// A socket's name has 108 bytes in all, its end and its own name included.
const SOCKET_FOLDER_BYTES_MAX: usize = 80;
/// A socket's whole name.
const SOCKET_BYTES_MAX: usize = 107;

/// Everything a node can be told before it starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Who this node is.
    pub node: NodeConfig,
    /// Where state lives.
    pub storage: StorageConfig,
    /// Which models answer, and on what.
    pub model: ModelConfig,
    /// Engines behind servers, by name.
    pub engines: BTreeMap<String, EngineSettings>,
    /// Which engines are asked for what.
    pub routes: RoutesConfig,
    /// How many agents of each kind.
    pub agents: AgentsConfig,
    /// What one goal may use.
    pub goal: GoalConfig,
    /// What the tools of a goal may hold.
    pub tools: ToolsConfig,
    /// The control socket, for other programs of the same user.
    pub door: DoorConfig,
    /// What an operator reads.
    pub telemetry: TelemetryConfig,
    /// Who comes in from other programs and machines.
    pub serve: ServeConfig,
    /// Micro agents.
    pub swarm: SwarmConfig,
    /// Memory for tensors that agents hand to each other.
    pub tensor: TensorConfig,
    /// Where it is told beside this process what happens.
    pub bus: BusConfig,
    /// What is done when a task fails, by its tool.
    pub recovery: Policies,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            node: NodeConfig::default(),
            storage: StorageConfig::default(),
            model: ModelConfig::default(),
            engines: BTreeMap::new(),
            routes: RoutesConfig::default(),
            agents: AgentsConfig::default(),
            goal: GoalConfig::default(),
            tools: ToolsConfig::default(),
            door: DoorConfig::default(),
            telemetry: TelemetryConfig::default(),
            serve: ServeConfig::default(),
            swarm: SwarmConfig::default(),
            tensor: TensorConfig::default(),
            bus: BusConfig::default(),
            recovery: packs::policies(),
        }
    }
}

impl Config {
    /// Whether every number is inside its range and every name is usable.
    ///
    /// # Errors
    /// The first setting that is not.
    pub fn check(&self) -> Result<(), ConfigError> {
        for (name, asked, least, most) in [
            ("agents.executors", self.agents.executors.into(), 1, 64),
            ("agents.mailbox", self.agents.mailbox.into(), 8, 65_536),
            ("agents.restarts", self.agents.restarts.into(), 1, 10_000),
            (
                "agents.restart_window_ms",
                self.agents.restart_window_ms,
                100,
                3_600_000,
            ),
            (
                "agents.deliveries",
                self.agents.deliveries.into(),
                1,
                1_000_000,
            ),
            ("model.queue", self.model.queue.into(), 1, 4_096),
            ("model.price_micros", self.model.price_micros, 0, MONEY_MAX),
            ("goal.money_micros", self.goal.money_micros, 0, MONEY_MAX),
            ("goal.deadline_ms", self.goal.deadline_ms, 1_000, 86_400_000),
            (
                "goal.task_deadline_ms",
                self.goal.task_deadline_ms,
                100,
                3_600_000,
            ),
            ("goal.tokens", self.goal.tokens.into(), 100, 1_000_000),
            ("goal.tasks", self.goal.tasks.into(), 4, 1_000),
            ("tools.memory_mb", self.tools.memory_mb, 64, 1_048_576),
            (
                "tools.node_memory_mb",
                self.tools.node_memory_mb,
                64,
                1_048_576,
            ),
            (
                "telemetry.otlp_interval_ms",
                self.telemetry.otlp_interval_ms,
                100,
                3_600_000,
            ),
            ("storage.results", self.storage.results.into(), 1, 10_000),
            ("storage.days", self.storage.days.into(), 1, 36_500),
            ("storage.mb", self.storage.mb.into(), 64, 1_048_576),
            (
                "storage.archive_days",
                self.storage.archive_days.into(),
                1,
                36_500,
            ),
            (
                "storage.archive_mb",
                self.storage.archive_mb.into(),
                64,
                16_777_216,
            ),
            (
                "serve.hourly_tokens",
                self.serve.hourly_tokens,
                1_000,
                1_000_000_000_000,
            ),
            (
                "serve.hourly_money_micros",
                self.serve.hourly_money_micros,
                0,
                MONEY_MAX,
            ),
            ("swarm.pages", self.swarm.pages.into(), 0, 64_000_000),
            (
                "bus.data.outbox_messages",
                self.bus.data.outbox_messages.into(),
                16,
                10_000_000,
            ),
            (
                "bus.data.outbox_mb",
                self.bus.data.outbox_mb.into(),
                1,
                65_536,
            ),
            ("tensor.slots", self.tensor.slots.into(), 1, 2_048),
            (
                "tensor.slot_bytes",
                self.tensor.slot_bytes.into(),
                64,
                16_777_216,
            ),
        ] {
            if !(least..=most).contains(&asked) {
                return Err(ConfigError::OutOfRange {
                    name,
                    asked: asked.to_string(),
                    allowed: format!("{least} to {most}"),
                });
            }
        }
        for (name, value) in [
            ("node.zone", &self.node.zone),
            ("node.tenant", &self.node.tenant),
        ] {
            let usable = !value.is_empty()
                && value.len() <= 64
                && value
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
            if !usable {
                return Err(ConfigError::OutOfRange {
                    name,
                    asked: format!("{value:?}"),
                    allowed: "1 to 64 lower-case letters, digits and hyphens".into(),
                });
            }
        }
        for (name, path, most) in [
            ("storage.folder", &self.storage.folder, FOLDER_BYTES_MAX),
            ("agents.criteria", &self.agents.criteria, FOLDER_BYTES_MAX),
            ("model.folder", &self.model.folder, FOLDER_BYTES_MAX),
            ("door.folder", &self.door.folder, SOCKET_FOLDER_BYTES_MAX),
            ("serve.keys", &self.serve.keys, FOLDER_BYTES_MAX),
            ("serve.tls.cert", &self.serve.tls.cert, FOLDER_BYTES_MAX),
            ("serve.tls.key", &self.serve.tls.key, FOLDER_BYTES_MAX),
            (
                "serve.tls.client_ca",
                &self.serve.tls.client_ca,
                FOLDER_BYTES_MAX,
            ),
        ] {
            if path.len() > most || path.chars().any(char::is_control) {
                return Err(ConfigError::OutOfRange {
                    name,
                    asked: format!("{path:?}"),
                    allowed: format!("a path of at most {most} bytes without control characters"),
                });
            }
        }
        for (name, link) in &self.swarm.links {
            link.check(name).map_err(|message| ConfigError::Invalid {
                place: format!("swarm.links.{name}"),
                message,
            })?;
        }
        super::engines::check(&self.engines, &self.routes)?;
        servers::check(&self.tools.servers)?;
        // Whoever grants what a tool leaves open has copied a need and meant something else.
        if let Some(open) = self
            .tools
            .grants
            .iter()
            .find(|grant| grant.open().is_some())
        {
            return Err(ConfigError::OutOfRange {
                name: "tools.grants",
                asked: format!("{:?}", open.as_str()),
                allowed: "a capability that names what is meant, such as net.http/example.org"
                    .into(),
            });
        }
        let otlp = self.telemetry.otlp.as_str();
        if !(otlp.is_empty() || otlp.starts_with("http://") || otlp.starts_with("https://")) {
            return Err(ConfigError::OutOfRange {
                name: "telemetry.otlp",
                asked: format!("{otlp:?}"),
                allowed: "an address such as http://127.0.0.1:4318, or nothing".into(),
            });
        }
        self.recovery.check().map_err(|error| ConfigError::Invalid {
            place: "configuration".into(),
            message: error.to_string(),
        })
    }
}

/// Who this node is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NodeConfig {
    /// The zone every agent of this node lives in, the part after `@` of an identity.
    pub zone: String,
    /// The tenant that local goals belong to.
    pub tenant: String,
}

/// Where state lives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StorageConfig {
    /// A folder for durable state; empty keeps everything in memory.
    pub folder: String,
    /// Results of earlier goals that are kept, of each tenant; beyond it the one that serves least leaves. So many goals can also be asked
    /// for again under their id.
    pub results: u32,
    /// Days that a record of whatever kind stays in the journal before it leaves for the archive. What is still the value of something stays,
    /// however old it is: a goal that is kept, an agent's checkpoint.
    pub days: u32,
    /// MiB of the journal beyond which the oldest leaves for the archive before its days are over.
    pub mb: u32,
    /// Days that it stays in the archive before it is deleted, counted from when it was written.
    pub archive_days: u32,
    /// MiB of the archive beyond which the oldest is deleted before its days are over.
    pub archive_mb: u32,
}

impl Default for StorageConfig {
    /// Some 10 MB of answers, in memory and on disk, that the first few hundred goals fill.
    fn default() -> Self {
        Self {
            folder: String::new(),
            results: 500,
            days: 30,
            mb: 256,
            archive_days: 365,
            archive_mb: 1_024,
        }
    }
}

/// Which engine thinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineChoice {
    /// Burn when the weights are there, otherwise scripted.
    Auto,
    /// Burn, or an error.
    Burn,
    /// The deterministic engine without weights.
    Scripted,
}

impl EngineChoice {
    /// Its word in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Burn => "burn",
            Self::Scripted => "scripted",
        }
    }
}

/// Where a model computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// A graphics adapter that passes the self-test, otherwise the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// A graphics adapter, or an error.
    Wgpu,
}

impl Device {
    /// Its word in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Wgpu => "wgpu",
        }
    }
}

/// Which models answer, and on what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelConfig {
    /// `auto`, `burn` or `scripted`.
    pub engine: EngineChoice,
    /// `auto`, `cpu` or `wgpu`.
    pub device: Device,
    /// Whether the model runs in a process of its own: if it dies it is started again, and the node goes on.
    pub process: bool,
    /// Requests that may wait for the engine before the next is refused.
    pub queue: u32,
    /// What a thousand tokens cost, in millionths of a currency of your choice; 0 for a model of your own.
    pub price_micros: u64,
    /// The folder whose model files may be loaded by command; empty lets those of the catalogue be loaded alone.
    pub folder: String,
}

/// How many agents of each kind the macro tier starts with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AgentsConfig {
    /// Executors; independent tasks of a goal run on as many at once.
    pub executors: u32,
    /// Messages an agent's mailbox holds.
    pub mailbox: u32,
    /// Restarts a supervisor allows within `restart_window_ms`.
    pub restarts: u32,
    /// The sliding window of the restart intensity, in milliseconds.
    pub restart_window_ms: u64,
    /// Incarnations that may fall with one message in their hands before it is a dead letter.
    pub deliveries: u32,
    /// The folder of the criteria that charters name, as `NAME.toml`; from where the node was started, unless it says otherwise.
    pub criteria: String,
}

/// What the model is asked for where no rules make a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelPlans {
    /// What its size allows; nothing of an engine that follows rules.
    #[default]
    Auto,
    /// Nothing.
    Nothing,
    /// To pick one tool and fill in its form.
    InSteps,
    /// A whole plan.
    WholePlans,
}

impl ModelPlans {
    /// The same for the planner; none where it decides by the model.
    pub(crate) fn thinks(self) -> Option<Thinks> {
        match self {
            Self::Auto => None,
            Self::Nothing => Some(Thinks::Nothing),
            Self::InSteps => Some(Thinks::InSteps),
            Self::WholePlans => Some(Thinks::WholePlans),
        }
    }
}

/// What one goal may use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GoalConfig {
    /// Wall time from request to answer, in milliseconds.
    pub deadline_ms: u64,
    /// Wall time of one attempt at one task, in milliseconds.
    pub task_deadline_ms: u64,
    /// Tokens the model may be asked for in all.
    pub tokens: u32,
    /// Tasks a plan may hold.
    pub tasks: u32,
    /// What the model may cost in all, in millionths of the currency of `model.price_micros`.
    pub money_micros: u64,
    /// What the model is asked for where no rules make a plan: `auto`, `nothing`, `in_steps` or `whole_plans`.
    pub plans: ModelPlans,
}

/// What tools may hold while they read and query files. It is set aside before it is allocated; what needs more is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ToolsConfig {
    /// Megabytes for the tools of one goal together.
    pub memory_mb: u64,
    /// Megabytes for the tools of all goals together, tables that are kept for the next task included. A quarter is SQLite's, which takes
    /// no more than `memory_mb` of it.
    pub node_memory_mb: u64,
    /// Servers whose tools the executors may call too, each a table of its own: `[tools.NAME]`.
    #[serde(flatten)]
    pub servers: BTreeMap<String, ServerConfig>,
    /// The most that any tool may be granted, whoever calls it: capabilities such as `files.read` or `net.http/example.org`. An order, an
    /// agent or a charter can only be granted less.
    pub grants: Capabilities,
}

impl Default for ToolsConfig {
    fn default() -> Self {
        Self {
            memory_mb: 1_024,
            node_memory_mb: 4_096,
            servers: BTreeMap::new(),
            // What stays on the machine and within a goal's walls. Nobody is asked over the network, and no process is started.
            grants: [
                Capability::DATA_QUERY,
                Capability::FILES_READ,
                Capability::FILES_WRITE,
                Capability::MODEL_USE,
            ]
            .into(),
        }
    }
}

/// The control socket, for other programs of the same user, such as `aios tree`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct DoorConfig {
    /// Whether there is one. `aios run` and `aios node` open it; a node inside a service of yours does when it is told to.
    pub open: bool,
    /// The folder the socket lies in; it must be its user's alone. Empty means the usual one of the user.
    pub folder: String,
}

/// What an operator reads of the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// Whether figures are kept, for `/metrics` and for what is unusual among them.
    pub metrics: bool,
    /// Where traces and figures are sent by OTLP over HTTP, such as `http://127.0.0.1:4318`; empty for nowhere.
    pub otlp: String,
    /// How often figures are sent there, in milliseconds.
    pub otlp_interval_ms: u64,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            metrics: true,
            otlp: String::new(),
            otlp_interval_ms: 15_000,
        }
    }
}

/// Who comes in from other programs and machines, where `aios serve` listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServeConfig {
    /// The file of keys that `aios key` writes. Empty means `keys.json` in the storage folder, or beside the control socket where there is
    /// none.
    pub keys: String,
    /// Tokens that one principal may have engines read and write in an hour, beside its goals, which have budgets of their own.
    pub hourly_tokens: u64,
    /// What that may cost, in millionths of whatever the currency is.
    pub hourly_money_micros: u64,
    /// What a server shows and asks for beyond this machine.
    pub tls: TlsConfig,
}

/// What a server shows, and whom it lets in, beyond this machine; each is a file in PEM form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// The server's certificate, with those between it and its authority.
    pub cert: String,
    /// The key of that certificate.
    pub key: String,
    /// The authority whose certificates clients show.
    pub client_ca: String,
}

/// Memory for tensors that agents hand to each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TensorConfig {
    /// Slots; one micro agent manages each.
    pub slots: u32,
    /// Bytes of content one slot holds.
    pub slot_bytes: u32,
}

impl Default for TensorConfig {
    /// 64 slots of 64 KiB: 4 MiB of address space, of which the system backs what is used.
    fn default() -> Self {
        Self {
            slots: 64,
            slot_bytes: 65_536,
        }
    }
}

/// Micro agents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct SwarmConfig {
    /// Page agents to begin with, 64 bytes each.
    pub pages: u32,
    /// Zones of other nodes on this machine that this one is tied to, by names of your own.
    pub links: BTreeMap<String, LinkConfig>,
}

/// One link: `[swarm.links.NAME]`. One of the two nodes listens, the other connects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct LinkConfig {
    /// The path of a unix socket at which this node listens.
    pub listen: String,
    /// The path of the socket at which the other one listens.
    pub connect: String,
}

impl LinkConfig {
    fn check(&self, name: &str) -> Result<(), String> {
        let usable = !name.is_empty()
            && name.len() <= 64
            && name
                .bytes()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-');
        if !usable {
            return Err(
                "a link's name has 1 to 64 lower-case letters, digits and hyphens".to_owned(),
            );
        }
        let path = match (self.listen.as_str(), self.connect.as_str()) {
            ("", "") => return Err("it has neither listen nor connect; name one".to_owned()),
            (path, "") | ("", path) => path,
            _ => return Err("it has both listen and connect; keep one".to_owned()),
        };
        if path.len() > SOCKET_BYTES_MAX || path.chars().any(char::is_control) {
            return Err(format!(
                "its path {path:?} is none; allowed is one of at most {SOCKET_BYTES_MAX} bytes without control characters"
            ));
        }
        if cfg!(not(feature = "shared-memory")) {
            return Err(
                "this build links no zones; build it with the feature `shared-memory`".to_owned(),
            );
        }
        Ok(())
    }
}

impl Default for ServeConfig {
    /// A model of this machine writes some 500,000 tokens in an hour; ten units of the currency are what a person notices.
    fn default() -> Self {
        Self {
            keys: String::new(),
            hourly_tokens: 1_000_000,
            hourly_money_micros: 10_000_000,
            tls: TlsConfig::default(),
        }
    }
}

impl Default for NodeConfig {
    fn default() -> Self {
        Self {
            zone: "local".into(),
            tenant: "local".into(),
        }
    }
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self {
            engine: EngineChoice::Auto,
            device: Device::Auto,
            process: false,
            queue: 64,
            price_micros: 0,
            folder: String::new(),
        }
    }
}

impl Default for AgentsConfig {
    fn default() -> Self {
        // 256 frames of at most 1 MB bound a mailbox at 256 MB in the worst case and at some 100 kB in the usual one.
        Self {
            executors: 2,
            mailbox: 256,
            restarts: 10,
            restart_window_ms: 10_000,
            deliveries: 3,
            criteria: "criteria".to_owned(),
        }
    }
}

impl Default for GoalConfig {
    fn default() -> Self {
        Self {
            deadline_ms: 300_000,
            task_deadline_ms: 30_000,
            tokens: 4_000,
            tasks: 64,
            money_micros: 1_000_000,
            plans: ModelPlans::Auto,
        }
    }
}

impl StorageConfig {
    /// The folder for durable state, or `None` when everything stays in memory.
    pub fn path(&self) -> Option<PathBuf> {
        (!self.folder.is_empty()).then(|| PathBuf::from(&self.folder))
    }

    /// How long records of every kind stay in the journal and in its archive, and how much of them.
    #[must_use]
    pub fn retention(&self) -> Retention {
        let limit = |days: u32, mb: u32| Limit {
            days: Some(days),
            entries: None,
            bytes: Some(u64::from(mb) << 20),
        };
        Retention {
            journal: limit(self.days, self.mb),
            archive: limit(self.archive_days, self.archive_mb),
        }
    }
}

impl GoalConfig {
    /// Wall time from request to answer.
    pub fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms)
    }
}
