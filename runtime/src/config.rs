//! Configuration: defaults, then a file, then the environment, then flags; checked before anything starts.
//!
//! Every leaf of [`Config`] has one name in all four places: `model.device` in the file is `AIOS_MODEL_DEVICE` in the environment
//! and `--set model.device=cpu` on the command line. A name nobody knows is an error, because a typing mistake that is silently
//! ignored is a setting that silently does not hold.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aios_actors::recovery::Policies;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

/// What the environment's names begin with.
const ENVIRONMENT_PREFIX: &str = "AIOS_";
/// Names under the prefix that are not settings of a node: the model cache is shared by all nodes of a user.
const NOT_SETTINGS: [&str; 6] = [
    "AIOS_CACHE",
    "AIOS_CONFIG",
    "AIOS_LOG",
    "AIOS_BENCH",
    "AIOS_SEED",
    "AIOS_SEEDS",
];

/// Everything a node can be told before it starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Who this node is.
    pub node: NodeConfig,
    /// Where state lives.
    pub storage: StorageConfig,
    /// Which models answer, and on what.
    pub model: ModelConfig,
    /// How many agents of each kind.
    pub agents: AgentsConfig,
    /// What one goal may use.
    pub goal: GoalConfig,
    /// The door for other programs of the same user.
    pub door: DoorConfig,
    /// Micro agents.
    pub swarm: SwarmConfig,
    /// Memory for tensors that agents hand to each other.
    pub tensor: TensorConfig,
    /// What is done when a task fails, by its kind.
    pub recovery: Policies,
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct StorageConfig {
    /// A folder for durable state; empty keeps everything in memory.
    pub folder: String,
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

/// Which models answer, and on what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelConfig {
    /// `auto`, `burn` or `scripted`.
    pub engine: EngineChoice,
    /// `auto`, `cpu` or `wgpu`.
    pub device: Device,
    /// Requests that may wait for the engine before the next is refused.
    pub queue: u32,
    /// What a thousand tokens cost, in millionths of a currency of your choice; 0 for a model of your own.
    pub price_micros: u64,
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
}

/// The door for other programs of the same user, such as `aios tree`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct DoorConfig {
    /// Whether there is one. `aios run` and `aios node` open it; a node inside a service of yours does when it is told to.
    pub open: bool,
    /// The folder the socket lies in; it must be its user's alone. Empty means the usual one of the user.
    pub folder: String,
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
            queue: 64,
            price_micros: 0,
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
        }
    }
}

impl StorageConfig {
    /// The folder for durable state, or `None` when everything stays in memory.
    pub fn path(&self) -> Option<PathBuf> {
        (!self.folder.is_empty()).then(|| PathBuf::from(&self.folder))
    }
}

impl GoalConfig {
    /// Wall time from request to answer.
    pub fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms)
    }

    /// Wall time of one attempt at one task.
    pub fn task_deadline(&self) -> Duration {
        Duration::from_millis(self.task_deadline_ms)
    }
}

/// Why a configuration was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there or cannot be read.
    #[error("cannot read the configuration file {path}: {source}")]
    Unreadable {
        /// The file as it was named.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not TOML, or holds a name or value that does not exist.
    #[error("{place}: {message}")]
    Invalid {
        /// The file, variable or flag.
        place: String,
        /// What is wrong with it.
        message: String,
    },
    /// No setting has this name.
    #[error("{place} names no setting; known settings are {known}")]
    UnknownName {
        /// The variable or flag.
        place: String,
        /// All names, separated by commas.
        known: String,
    },
    /// A number is outside what is allowed.
    #[error("{name} is {asked}, allowed is {allowed}")]
    OutOfRange {
        /// The setting.
        name: &'static str,
        /// What was asked for.
        asked: String,
        /// What is allowed.
        allowed: &'static str,
    },
}

/// Settings that outrank the defaults, from the weakest to the strongest source.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// A TOML file.
    pub file: Option<PathBuf>,
    /// Environment variables, taken once; variables without the prefix are ignored.
    pub environment: Vec<(String, String)>,
    /// `name=value` pairs from the command line, such as `model.device=cpu`.
    pub flags: Vec<(String, String)>,
}

impl Config {
    /// Reads all sources, the later outranking the earlier, and checks the result.
    ///
    /// # Errors
    /// Names the file, variable or flag at fault and what is allowed there.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let mut table = defaults();
        if let Some(path) = &sources.file {
            merge(&mut table, read_file(path)?);
        }
        for (name, value) in &sources.environment {
            let Some(rest) = name.strip_prefix(ENVIRONMENT_PREFIX) else {
                continue;
            };
            if NOT_SETTINGS.contains(&name.as_str())
                || NOT_SETTINGS
                    .iter()
                    .any(|known| name.starts_with(&format!("{known}_")))
            {
                continue;
            }
            let wanted = rest.to_ascii_lowercase();
            let known = leaves(&table);
            let path = known
                .iter()
                .find(|path| path.replace('.', "_") == wanted)
                .ok_or_else(|| ConfigError::UnknownName {
                    place: name.clone(),
                    known: known.join(", "),
                })?
                .clone();
            set(&mut table, &path, value, name)?;
        }
        for (path, value) in &sources.flags {
            let known = leaves(&table);
            if !known.contains(path) {
                return Err(ConfigError::UnknownName {
                    place: format!("--set {path}"),
                    known: known.join(", "),
                });
            }
            set(&mut table, path, value, &format!("--set {path}"))?;
        }
        let config: Self =
            table
                .try_into()
                .map_err(|error: toml::de::Error| ConfigError::Invalid {
                    place: "configuration".into(),
                    message: error.message().to_owned(),
                })?;
        config.check()?;
        Ok(config)
    }

    /// Whether every number is inside its range and every name is usable.
    ///
    /// # Errors
    /// The first setting that is not.
    pub fn check(&self) -> Result<(), ConfigError> {
        let range = |name, asked: u64, least: u64, most: u64, allowed| {
            if (least..=most).contains(&asked) {
                Ok(())
            } else {
                Err(ConfigError::OutOfRange {
                    name,
                    asked: asked.to_string(),
                    allowed,
                })
            }
        };
        range(
            "swarm.pages",
            self.swarm.pages.into(),
            0,
            64_000_000,
            "0 to 64000000",
        )?;
        range(
            "tensor.slots",
            self.tensor.slots.into(),
            1,
            2_048,
            "1 to 2048",
        )?;
        range(
            "tensor.slot_bytes",
            self.tensor.slot_bytes.into(),
            64,
            16_777_216,
            "64 to 16777216",
        )?;
        range(
            "agents.executors",
            self.agents.executors.into(),
            1,
            64,
            "1 to 64",
        )?;
        range(
            "agents.mailbox",
            self.agents.mailbox.into(),
            8,
            65_536,
            "8 to 65536",
        )?;
        range(
            "agents.restarts",
            self.agents.restarts.into(),
            1,
            10_000,
            "1 to 10000",
        )?;
        range(
            "agents.restart_window_ms",
            self.agents.restart_window_ms,
            100,
            3_600_000,
            "100 to 3600000",
        )?;
        range(
            "agents.deliveries",
            self.agents.deliveries.into(),
            1,
            1_000_000,
            "1 to 1000000",
        )?;
        range(
            "model.queue",
            self.model.queue.into(),
            1,
            4_096,
            "1 to 4096",
        )?;
        range(
            "goal.deadline_ms",
            self.goal.deadline_ms,
            1_000,
            86_400_000,
            "1000 to 86400000",
        )?;
        range(
            "goal.task_deadline_ms",
            self.goal.task_deadline_ms,
            100,
            3_600_000,
            "100 to 3600000",
        )?;
        range(
            "goal.tokens",
            self.goal.tokens.into(),
            100,
            1_000_000,
            "100 to 1000000",
        )?;
        self.recovery
            .check()
            .map_err(|error| ConfigError::Invalid {
                place: "configuration".into(),
                message: error.to_string(),
            })?;
        range("goal.tasks", self.goal.tasks.into(), 4, 1_000, "4 to 1000")?;
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
                    allowed: "1 to 64 lower-case letters, digits and hyphens",
                });
            }
        }
        Ok(())
    }
}

/// The configuration as TOML that [`Config::load`] reads back to an equal value.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&toml::to_string_pretty(self).map_err(|_| fmt::Error)?)
    }
}

fn defaults() -> Table {
    // A struct of strings, numbers and unit enums is always a table.
    Table::try_from(Config::default()).unwrap_or_default()
}

fn read_file(path: &Path) -> Result<Table, ConfigError> {
    let text = fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    let invalid = |error: toml::de::Error| ConfigError::Invalid {
        place: path.display().to_string(),
        message: error.to_string().trim_end().to_owned(),
    };
    // Read into the real type first: it knows every name, and its errors carry line and column.
    toml::from_str::<Config>(&text).map_err(invalid)?;
    toml::from_str::<Table>(&text).map_err(invalid)
}

fn merge(below: &mut Table, above: Table) {
    for (name, value) in above {
        match (below.get_mut(&name), value) {
            (Some(Value::Table(below)), Value::Table(above)) => merge(below, above),
            (_, value) => {
                below.insert(name, value);
            }
        }
    }
}

fn leaves(table: &Table) -> Vec<String> {
    table
        .iter()
        .flat_map(|(name, value)| match value {
            Value::Table(inner) => leaves(inner)
                .into_iter()
                .map(|rest| format!("{name}.{rest}"))
                .collect(),
            _ => vec![name.clone()],
        })
        .collect()
}

/// Sets a leaf that is known to exist, reading the text as the type the leaf has now.
fn set(table: &mut Table, path: &str, text: &str, place: &str) -> Result<(), ConfigError> {
    let mut names = path.split('.');
    let first = names.next().and_then(|name| table.get_mut(name));
    let Some(slot) = names.fold(first, |slot, name| slot?.as_table_mut()?.get_mut(name)) else {
        return Ok(());
    };
    *slot = match slot {
        Value::Integer(_) => {
            Value::Integer(text.trim().parse().map_err(|_| ConfigError::Invalid {
                place: place.to_owned(),
                message: format!("{text:?} is not a whole number"),
            })?)
        }
        Value::Boolean(_) => {
            Value::Boolean(text.trim().parse().map_err(|_| ConfigError::Invalid {
                place: place.to_owned(),
                message: format!("{text:?} is neither true nor false"),
            })?)
        }
        _ => Value::String(text.to_owned()),
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(
        file: Option<&str>,
        environment: &[(&str, &str)],
        flags: &[(&str, &str)],
    ) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("aios.toml");
        if let Some(text) = file {
            fs::write(&path, text).unwrap();
        }
        let pairs = |list: &[(&str, &str)]| {
            list.iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect()
        };
        Config::load(&Sources {
            file: file.map(|_| path),
            environment: pairs(environment),
            flags: pairs(flags),
        })
        .map_err(|error| error.to_string())
    }

    #[test]
    fn flags_outrank_environment_outranks_file_outranks_defaults() {
        let file = "[agents]\nexecutors = 3\nmailbox = 32\nrestarts = 4\n";
        let config = load(
            Some(file),
            &[
                ("AIOS_AGENTS_MAILBOX", "64"),
                ("AIOS_AGENTS_RESTARTS", "5"),
                ("HOME", "ignored"),
            ],
            &[("agents.restarts", "6")],
        )
        .unwrap();
        assert_eq!(config.agents.executors, 3, "from the file");
        assert_eq!(config.agents.mailbox, 64, "from the environment");
        assert_eq!(config.agents.restarts, 6, "from a flag");
        assert_eq!(config.goal, GoalConfig::default(), "from the defaults");
    }

    #[test]
    fn one_setting_of_one_policy_changes_and_the_others_stay() {
        let config = load(
            Some("[recovery.chart]\nthen = \"human\"\n"),
            &[("AIOS_RECOVERY_READ_FILE_RETRIES", "1")],
            &[("recovery.sql.backoff", "linear")],
        )
        .unwrap();
        let mut expected = Policies::default();
        expected.chart.then = aios_supervisor::Recourse::Human;
        expected.read_file.retries = 1;
        expected.sql.backoff = aios_actors::recovery::BackoffKind::Linear;
        assert_eq!(config.recovery, expected);
    }

    #[test]
    fn what_is_printed_reads_back_equal() {
        let config = load(
            None,
            &[],
            &[("model.device", "cpu"), ("storage.folder", "state")],
        )
        .unwrap();
        assert_eq!(load(Some(&config.to_string()), &[], &[]).unwrap(), config);
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        /// File, environment, flags, and a part of the sentence that follows.
        type Case = (
            Option<&'static str>,
            &'static [(&'static str, &'static str)],
            &'static [(&'static str, &'static str)],
            &'static str,
        );
        let table: &[Case] = &[
            (Some("[agents]\nexecuters = 3\n"), &[], &[], "executers"),
            (Some("[agents\n"), &[], &[], "aios.toml"),
            (
                None,
                &[("AIOS_AGENTS_EXECUTERS", "3")],
                &[],
                "AIOS_AGENTS_EXECUTERS names no setting",
            ),
            (
                None,
                &[("AIOS_AGENTS_EXECUTORS", "three")],
                &[],
                "AIOS_AGENTS_EXECUTORS: \"three\" is not a whole number",
            ),
            (
                None,
                &[],
                &[("agents.executors", "0")],
                "agents.executors is 0, allowed is 1 to 64",
            ),
            (
                None,
                &[],
                &[("node.zone", "Two Words")],
                "node.zone is \"Two Words\"",
            ),
            (None, &[], &[("model.device", "tpu")], "tpu"),
            (None, &[], &[("model", "x")], "--set model names no setting"),
            (
                None,
                &[],
                &[("recovery.sql.retries", "99")],
                "recovery.sql.retries is 99, allowed is 0 to 20",
            ),
            (
                None,
                &[("AIOS_RECOVERY_CHART_THEN", "pray")],
                &[],
                "unknown variant `pray`",
            ),
            (Some("[recovery.sqll]\nretries = 3\n"), &[], &[], "sqll"),
        ];
        for (file, environment, flags, expected) in table {
            let error = load(*file, environment, flags).unwrap_err();
            assert!(
                error.contains(expected),
                "{error:?} does not say {expected:?}"
            );
        }
    }

    #[test]
    fn the_model_cache_is_not_a_setting_of_a_node() {
        load(
            None,
            &[("AIOS_CACHE", "/somewhere"), ("AIOS_LOG", "debug")],
            &[],
        )
        .unwrap();
    }
}
