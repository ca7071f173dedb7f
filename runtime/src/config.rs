//! Configuration: defaults, then a file, then the environment, then flags; checked before anything starts.
//!
//! Every leaf of [`Config`] has one name in all four places: `model.device` in the file is `AIOS_MODEL_DEVICE` in the environment
//! and `--set model.device=cpu` on the command line. A name nobody knows is an error, because a typing mistake that is silently
//! ignored is a setting that silently does not hold.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::packs;

mod bus;
pub mod engines;
mod servers;
mod values;

pub use bus::{BusConfig, DataBusConfig};
pub use servers::ServerConfig;
#[cfg(all(test, feature = "mcp"))]
pub(crate) use servers::server_settings;
pub use values::{
    AgentsConfig, Config, Device, DoorConfig, EngineChoice, GoalConfig, LinkConfig, ModelConfig,
    ModelPlans, NodeConfig, ServeConfig, StorageConfig, SwarmConfig, TelemetryConfig, TensorConfig,
    TlsConfig, ToolsConfig,
};

/// What the environment's names begin with.
const ENVIRONMENT_PREFIX: &str = "AIOS_";
/// Names under the prefix that are not settings of a node: the model cache is shared by all nodes of a user, a client says which node it
/// means and what it shows there, and a measurement where its rivals are.
const NOT_SETTINGS: [&str; 14] = [
    "AIOS_CACHE",
    "AIOS_CONFIG",
    "AIOS_LOG",
    "AIOS_BENCH",
    "AIOS_LLAMA",
    "AIOS_SEED",
    "AIOS_SEEDS",
    "AIOS_NODE",
    "AIOS_TOKEN",
    "AIOS_TOKEN_FILE",
    "AIOS_PROTO",
    "AIOS_TLS_CA",
    "AIOS_TLS_CERT",
    "AIOS_TLS_KEY",
];

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
    #[error("{place} names no setting; nearest are {}; `aios config` shows all", nearest.join(", "))]
    UnknownName {
        /// The variable or flag.
        place: String,
        /// The names most like it, the most alike first.
        nearest: Vec<String>,
    },
    /// A number is outside what is allowed.
    #[error("{name} is {asked}, allowed is {allowed}")]
    OutOfRange {
        /// The setting.
        name: &'static str,
        /// What was asked for.
        asked: String,
        /// What is allowed.
        allowed: String,
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
            complete(&mut table);
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
                    nearest: nearest(&known, &wanted.replace('_', ".")),
                })?
                .clone();
            set(&mut table, &path, value, name)?;
        }
        for (path, value) in &sources.flags {
            let known = leaves(&table);
            if !known.contains(path) {
                return Err(ConfigError::UnknownName {
                    place: format!("--set {path}"),
                    nearest: nearest(&known, path),
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
        if let Some((name, meant)) = packs::misspelt(&config.recovery) {
            return Err(ConfigError::UnknownName {
                place: format!("recovery.{name}"),
                nearest: vec![format!("recovery.{meant}")],
            });
        }
        Ok(config)
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
    let table = toml::from_str::<Table>(&text).map_err(invalid)?;
    if let Some(Value::Table(tools)) = defaults().get("tools") {
        let limits: Vec<String> = tools.keys().cloned().collect();
        servers::check_names(&table, &limits)?;
    }
    // Read into the real type: it knows every name, and its errors carry line and column.
    toml::from_str::<Config>(&text).map_err(invalid)?;
    Ok(table)
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

/// Writes out what a named table of the file leaves to its defaults, so that it can be set like any other setting.
fn complete(table: &mut Table) {
    let whole = table.clone().try_into::<Config>().ok();
    if let Some(whole) = whole.and_then(|config| Table::try_from(config).ok()) {
        *table = whole;
    }
}

/// The three names most like what was written.
fn nearest(known: &[String], written: &str) -> Vec<String> {
    let names = known.iter().map(String::as_str);
    let nearest = aios_work::nearest_few(written, names, 3);
    nearest.into_iter().map(str::to_owned).collect()
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
    // A flag's place holds the name already, a variable's in capitals.
    let wrong = |what: &str| ConfigError::Invalid {
        place: place.to_owned(),
        message: format!("{path} cannot be {text:?}: {what}"),
    };
    let mut names = path.split('.');
    let first = names.next().and_then(|name| table.get_mut(name));
    let Some(slot) = names.fold(first, |slot, name| slot?.as_table_mut()?.get_mut(name)) else {
        return Ok(());
    };
    *slot = match slot {
        Value::Integer(_) => {
            let number = text.trim().parse();
            Value::Integer(number.map_err(|_| wrong(&format!("it is {}", counted(path))))?)
        }
        Value::Boolean(_) => {
            let truth = text.trim().parse();
            Value::Boolean(truth.map_err(|_| wrong("it is true or false"))?)
        }
        Value::Array(_) => {
            let items = text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty());
            Value::Array(items.map(|item| Value::String(item.to_owned())).collect())
        }
        _ => Value::String(text.to_owned()),
    };
    // Read as a whole at once, so that what does not fit is told with its name.
    match table.clone().try_into::<Config>() {
        Ok(_) => Ok(()),
        Err(error) => Err(wrong(error.message())),
    }
}

/// What the number of a setting counts, as its name says.
fn counted(path: &str) -> &'static str {
    let units = [
        ("_ms", "a whole number of milliseconds"),
        ("_bytes", "a whole number of bytes"),
        ("_micros", "a whole number of millionths"),
    ];
    units
        .into_iter()
        .find_map(|(ending, what)| path.ends_with(ending).then_some(what))
        .unwrap_or("a whole number")
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
    fn what_may_be_granted_is_a_list_in_every_place() {
        let grants = |config: Config| {
            let names = config.tools.grants.iter().map(ToString::to_string);
            names.collect::<Vec<_>>()
        };
        let usual = ["data.query", "files.read", "files.write", "model.use"];
        assert_eq!(grants(load(None, &[], &[]).unwrap()), usual);
        let file = "[tools]\ngrants = [\"files.read\", \"net.http/example.org\"]\n";
        let two = ["files.read", "net.http/example.org"];
        assert_eq!(grants(load(Some(file), &[], &[]).unwrap()), two);
        let variable = [("AIOS_TOOLS_GRANTS", "files.read,net.http/example.org")];
        assert_eq!(grants(load(None, &variable, &[]).unwrap()), two);
        let none: [&str; 0] = [];
        assert_eq!(
            grants(load(Some(file), &[], &[("tools.grants", "")]).unwrap()),
            none
        );
    }

    #[test]
    fn one_setting_of_one_policy_changes_and_the_others_stay() {
        let config = load(
            Some("[recovery.chart]\nthen = \"human\"\n"),
            &[("AIOS_RECOVERY_READ_FILE_RETRIES", "1")],
            &[("recovery.sql.backoff", "linear")],
        )
        .unwrap();
        let mut expected = packs::policies();
        expected.of_mut("chart").then = aios_supervisor::Recourse::Human;
        expected.of_mut("read_file").retries = 1;
        expected.of_mut("sql").backoff = aios_actors::recovery::BackoffKind::Linear;
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
                "AIOS_AGENTS_EXECUTERS names no setting; nearest are agents.executors, ",
            ),
            (
                None,
                &[("AIOS_AGENTS_EXECUTORS", "three")],
                &[],
                "AIOS_AGENTS_EXECUTORS: agents.executors cannot be \"three\": it is a whole number",
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
                &[("storage.results", "0")],
                "storage.results is 0, allowed is 1 to 10000",
            ),
            (
                None,
                &[],
                &[("goal.deadline_ms", "5 s")],
                "--set goal.deadline_ms: goal.deadline_ms cannot be \"5 s\": it is a whole number of milliseconds",
            ),
            (
                None,
                &[],
                &[("goal.tokens", "-1")],
                "goal.tokens cannot be \"-1\": ",
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
            (
                None,
                &[],
                &[("tools.grants", "files.read, rm -rf")],
                "\"rm -rf\" is no capability",
            ),
            (
                Some("[tools]\ngrants = [\"net.http/{host}\"]\n"),
                &[],
                &[],
                "tools.grants is \"net.http/{host}\"",
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
            &[
                ("AIOS_CACHE", "/somewhere"),
                ("AIOS_LOG", "debug"),
                ("AIOS_LLAMA_BIN", "/elsewhere"),
            ],
            &[],
        )
        .unwrap();
    }
}
