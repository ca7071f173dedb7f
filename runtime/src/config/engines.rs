//! The engines a node may think with beside its own, and which are asked for what.

use std::collections::BTreeMap;

use aios_inference::router::{Policy, Size};
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// The name of the node's own engine in `[routes]`.
pub const LOCAL: &str = "local";
/// Engines that a node may have beside its own.
const ENGINES_MAX: usize = 32;
/// Longest text of a setting.
const TEXT_BYTES_MAX: usize = 2_000;

/// Which form a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// OpenAI's: llama.cpp, vLLM, Ollama, mistral.rs, OpenAI and many more.
    OpenAi,
    /// Anthropic's messages.
    Anthropic,
}

/// One engine behind a server: `[engines.NAME]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineSettings {
    /// `openai` or `anthropic`.
    pub kind: EngineKind,
    /// Where the server is, up to the version: `http://127.0.0.1:8080/v1`.
    pub address: String,
    /// The model that writes, as the server calls it; empty if it only embeds.
    #[serde(default)]
    pub model: String,
    /// The model that embeds, as the server calls it; empty if it only writes.
    #[serde(default)]
    pub embed_model: String,
    /// The environment variable that holds its key.
    #[serde(default)]
    pub key_env: String,
    /// A file of mode 0600 that holds its key.
    #[serde(default)]
    pub key_file: String,
    /// What a thousand tokens cost, in millionths of the currency of `model.price_micros`.
    #[serde(default)]
    pub price_micros: u64,
    /// Tokens the writing model can attend to.
    #[serde(default = "context")]
    pub context: u32,
    /// Whether private goals may be given to it. On this machine it may be, unless this says `false` (because the server passes on
    /// what it is given); elsewhere it may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private: Option<bool>,
    /// `tiny`, `small`, `medium` or `large`.
    #[serde(default)]
    pub size: Size,
    /// Calls that may be under way at once.
    #[serde(default = "at_once")]
    pub at_once: u32,
    /// How often a call that nobody was told anything of is made again.
    #[serde(default = "retries")]
    pub retries: u32,
    /// How long a connection may take, in milliseconds.
    #[serde(default = "connect_ms")]
    pub connect_ms: u64,
    /// How long the first token may take, in milliseconds.
    #[serde(default = "first_token_ms")]
    pub first_token_ms: u64,
    /// How long the next token may take, in milliseconds.
    #[serde(default = "between_tokens_ms")]
    pub between_tokens_ms: u64,
}

fn context() -> u32 {
    8_192
}
fn at_once() -> u32 {
    64
}
fn retries() -> u32 {
    2
}
fn connect_ms() -> u64 {
    5_000
}
fn first_token_ms() -> u64 {
    60_000
}
fn between_tokens_ms() -> u64 {
    30_000
}

/// Which engines are asked for what: `[routes]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct RoutesConfig {
    /// `local-first`, `task-adaptive`, `power-aware`, `load-balanced` or `fallback-chain`.
    pub policy: Policy,
    /// Engines that plan, by name, the first before the next; empty means all, the node's own (`local`) first.
    pub plan: Vec<String>,
    /// Engines that write.
    pub write: Vec<String>,
    /// Engines that judge.
    pub judge: Vec<String>,
    /// Engines that embed. Those whose vectors cannot be compared with the first one's are left out.
    pub embed: Vec<String>,
}

/// Whether every engine and every chain can be what it says.
pub(super) fn check(
    engines: &BTreeMap<String, EngineSettings>,
    routes: &RoutesConfig,
) -> Result<(), ConfigError> {
    if engines.len() > ENGINES_MAX {
        return Err(ConfigError::OutOfRange {
            name: "engines",
            asked: format!("{} engines", engines.len()),
            allowed: format!("{ENGINES_MAX} at most"),
        });
    }
    for (name, engine) in engines {
        engine.check(name).map_err(|message| ConfigError::Invalid {
            place: format!("engines.{name}"),
            message,
        })?;
    }
    for (purpose, chain) in [
        ("plan", &routes.plan),
        ("write", &routes.write),
        ("judge", &routes.judge),
        ("embed", &routes.embed),
    ] {
        let unknown = chain
            .iter()
            .find(|name| *name != LOCAL && !engines.contains_key(*name));
        if let Some(unknown) = unknown {
            let known = std::iter::once(LOCAL).chain(engines.keys().map(String::as_str));
            return Err(ConfigError::Invalid {
                place: format!("routes.{purpose}"),
                message: format!(
                    "no engine is called {unknown:?}; expected {}",
                    known.collect::<Vec<_>>().join(", ")
                ),
            });
        }
    }
    Ok(())
}

impl EngineSettings {
    fn check(&self, name: &str) -> Result<(), String> {
        let usable = !name.is_empty()
            && name.len() <= 64
            && name
                .bytes()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-');
        if !usable {
            return Err(
                "an engine's name has 1 to 64 lower-case letters, digits and hyphens".to_owned(),
            );
        }
        if name == LOCAL {
            return Err("\"local\" is the node's own engine; take another name".to_owned());
        }
        if self.model.is_empty() && self.embed_model.is_empty() {
            return Err("it has neither a model nor an embed_model; name one".to_owned());
        }
        if !self.key_env.is_empty() && !self.key_file.is_empty() {
            return Err("it has both key_env and key_file; keep one".to_owned());
        }
        if self.kind == EngineKind::Anthropic && !self.embed_model.is_empty() {
            return Err("servers of this kind do not embed; leave embed_model out".to_owned());
        }
        for (field, text) in [
            ("model", &self.model),
            ("embed_model", &self.embed_model),
            ("address", &self.address),
            ("key_env", &self.key_env),
            ("key_file", &self.key_file),
        ] {
            if text.len() > TEXT_BYTES_MAX || text.chars().any(char::is_control) {
                return Err(format!(
                    "{field} has at most {TEXT_BYTES_MAX} bytes and no control characters"
                ));
            }
        }
        for (field, asked, least, most) in [
            ("context", u64::from(self.context), 256, 100_000_000),
            ("at_once", u64::from(self.at_once), 1, 1_024),
            ("retries", u64::from(self.retries), 0, 10),
            ("connect_ms", self.connect_ms, 50, 120_000),
            ("first_token_ms", self.first_token_ms, 50, 3_600_000),
            ("between_tokens_ms", self.between_tokens_ms, 50, 3_600_000),
            ("price_micros", self.price_micros, 0, 1_000_000_000_000),
        ] {
            if !(least..=most).contains(&asked) {
                return Err(format!("{field} is {asked}, allowed is {least} to {most}"));
            }
        }
        #[cfg(feature = "remote")]
        self.remote(name)?;
        Ok(())
    }

    /// Whether private goals may be given to it.
    #[cfg(feature = "remote")]
    pub fn is_private(&self) -> bool {
        let near = aios_inference::remote::Address::new(&self.address)
            .is_ok_and(|address| address.is_loopback());
        near && self.private.unwrap_or(true)
    }

    /// The engine's own form of these settings.
    ///
    /// # Errors
    /// What is wrong with the address.
    #[cfg(feature = "remote")]
    pub fn remote(&self, name: &str) -> Result<aios_inference::remote::RemoteConfig, String> {
        use std::time::Duration;

        use aios_inference::remote::{Address, Form, KeySource, Patience, RemoteConfig};

        let address = Address::new(&self.address).map_err(|error| error.to_string())?;
        if self.private == Some(true) && !address.is_loopback() {
            return Err(
                "it is not on this machine, so it cannot be private; leave private out".to_owned(),
            );
        }
        let key = match (self.key_env.as_str(), self.key_file.as_str()) {
            ("", "") => KeySource::None,
            ("", file) => KeySource::File(file.into()),
            (variable, _) => KeySource::Variable(variable.to_owned()),
        };
        if key != KeySource::None && !address.is_loopback() && !address.is_encrypted() {
            return Err(
                "its key would travel where others can read it; use an https address".to_owned(),
            );
        }
        let form = match self.kind {
            EngineKind::OpenAi => Form::OpenAi,
            EngineKind::Anthropic => Form::Anthropic,
        };
        Ok(RemoteConfig {
            model: self.model.clone(),
            embed_model: self.embed_model.clone(),
            key,
            context: self.context,
            at_once: self.at_once as usize,
            retries: self.retries,
            patience: Patience {
                connect: Duration::from_millis(self.connect_ms),
                first_token: Duration::from_millis(self.first_token_ms),
                between_tokens: Duration::from_millis(self.between_tokens_ms),
            },
            passes_on: self.private == Some(false),
            ..RemoteConfig::new(name, form, address)
        })
    }
}
