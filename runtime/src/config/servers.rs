//! `[tools.NAME]`: servers whose tools the node's executors may call.
//!
//! They lie in the same table as the limits of tools, under names of the user's own; so what is misspelt here is told apart by its kind: a
//! limit is a number, a server a table. Which names a server's table may hold is asked before it is read, because a name that is taken for
//! nothing is a setting that does not hold.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use aios_work::{Capability, Effect};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::{ConfigError, nearest};

/// Servers a node may have: each is a process or a connection of its own.
const SERVERS_MAX: usize = 64;
/// Words of a command, or names of one list.
const WORDS_MAX: usize = 256;
/// Bytes of one word, one name or an address.
const WORD_BYTES_MAX: usize = 4_096;
/// Characters of a server's name: with its tool's behind two underscores it must fit the 64 that models take as a name.
const NAME_MAX: usize = 24;
/// What the table of limits has beside servers, from its own serialisation.
const TABLE: &str = "tools";

/// A server that speaks the Model Context Protocol. Its tools are called `NAME__TOOL`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// The program and its arguments, if it is a process of this node's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Its address, if it is asked over HTTP.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// Names of environment variables that its process is given; of others it gets only what finds programs, home and language.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// The name of an environment variable that holds what it is shown as bearer token, if it is asked over HTTP.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub token: String,
    /// What calling its tools changes: `pure`, `repeatable`, `query` or `ask`.
    pub effect: Effect,
    /// Whether what the server itself says about the effects of its tools is believed where `effects` says nothing.
    pub hints: bool,
    /// What a caller must have been granted to call its tools, such as `files.write`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Capability>,
    /// How long one call may take, in milliseconds.
    pub timeout_ms: u64,
    /// What calling one tool changes, by the name the server gives it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub effects: BTreeMap<String, Effect>,
    /// For a tool whose effect is `query`: the tool of the same server that says by the key whether a call happened.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub lookups: BTreeMap<String, String>,
    /// The tool of the same server that takes back what one of its tools did, by the names the server gives them. It is called only when a
    /// person says so.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub undo: BTreeMap<String, String>,
}

impl Default for ServerConfig {
    /// Nothing is known of a stranger's tool, so only a person can say whether a call that was cut short may be made again.
    fn default() -> Self {
        Self {
            command: Vec::new(),
            url: String::new(),
            env: Vec::new(),
            token: String::new(),
            effect: Effect::Ask,
            effects: BTreeMap::new(),
            lookups: BTreeMap::new(),
            undo: BTreeMap::new(),
            hints: false,
            needs: Vec::new(),
            timeout_ms: 30_000,
        }
    }
}

/// The settings a server may have.
#[cfg(all(test, feature = "mcp"))]
pub(crate) fn server_settings() -> Vec<String> {
    ServerConfig::settings()
}

impl ServerConfig {
    /// The settings a server may have, whether or not they are said.
    fn settings() -> Vec<String> {
        let full = Self {
            command: vec![String::new()],
            url: " ".to_owned(),
            env: vec![String::new()],
            token: " ".to_owned(),
            effects: [(String::new(), Effect::Ask)].into(),
            lookups: [(String::new(), String::new())].into(),
            undo: [(String::new(), String::new())].into(),
            needs: vec![Capability::PROCESS_RUN],
            ..Self::default()
        };
        let table = Table::try_from(full).unwrap_or_default();
        table.into_iter().map(|(name, _)| name).collect()
    }

    /// What is wrong with it, after the name of the setting.
    fn fault(&self) -> Option<(&'static str, String)> {
        let wrong = |setting, what: &str| Some((setting, what.to_owned()));
        match (self.command.is_empty(), self.url.is_empty()) {
            (true, true) => return wrong("command", "is missing; give a command or a url"),
            (false, false) => return wrong("url", "is given beside a command; give one of them"),
            _ => {}
        }
        let words = self.command.iter().chain(&self.env);
        let words = words.chain([&self.url, &self.token]);
        let pairs = self.lookups.iter().chain(&self.undo);
        let words = words.chain(pairs.flat_map(|(tool, other)| [tool, other]));
        let words: Vec<&String> = words.chain(self.effects.keys()).collect();
        if words.len() > WORDS_MAX {
            return wrong(
                "command",
                "and the lists beside it hold too many words; at most 256 are allowed",
            );
        }
        if words
            .iter()
            .any(|word| word.len() > WORD_BYTES_MAX || word.contains('\0'))
        {
            return wrong(
                "command",
                "or a list beside it holds a word that is too long or holds a zero byte",
            );
        }
        if self
            .command
            .first()
            .is_some_and(|program| program.trim().is_empty())
        {
            return wrong("command", "names no program");
        }
        if !self.url.is_empty() && !self.env.is_empty() {
            return wrong(
                "env",
                "is for a process; a server at a url is shown the variable that token names",
            );
        }
        if !self.command.is_empty() && !self.token.is_empty() {
            return wrong(
                "token",
                "is for a server at a url; a process is given the variables that env names",
            );
        }
        for (setting, names) in [
            ("env", self.env.as_slice()),
            ("token", std::slice::from_ref(&self.token)),
        ] {
            let is_name = |name: &String| {
                name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                    && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            };
            if let Some(name) = names.iter().find(|name| !name.is_empty() && !is_name(name)) {
                return wrong(
                    setting,
                    &format!("holds {name:?}; write the names of variables, never their values"),
                );
            }
        }
        if let Some(reason) = url_fault(&self.url, !self.token.is_empty()) {
            return wrong("url", &reason);
        }
        if !(100..=3_600_000).contains(&self.timeout_ms) {
            return wrong(
                "timeout_ms",
                &format!("is {}, allowed is 100 to 3600000", self.timeout_ms),
            );
        }
        let queried = self
            .effects
            .iter()
            .filter(|(_, effect)| **effect == Effect::Query);
        let unanswered = queried
            .map(|(tool, _)| tool)
            .find(|tool| !self.lookups.contains_key(*tool));
        if let Some(tool) = unanswered {
            return wrong(
                "lookups",
                &format!(
                    "says nothing of {tool:?}, whose effect is query; name the tool that is asked by the key, or choose another effect"
                ),
            );
        }
        let itself = self.undo.iter().find(|(tool, other)| tool == other);
        if let Some((tool, _)) = itself {
            return wrong(
                "undo",
                &format!("says that {tool:?} takes itself back; name the tool that does"),
            );
        }
        if self.effect == Effect::Query {
            return wrong(
                "effect",
                "is query, which each tool must have for itself; write effects.TOOL and lookups.TOOL",
            );
        }
        None
    }
}

/// What is wrong with an address, if anything.
fn url_fault(url: &str, with_token: bool) -> Option<String> {
    if url.is_empty() {
        return None;
    }
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if !matches!(scheme, "http" | "https")
        || authority.is_empty()
        || url.chars().any(|c| c.is_control() || c.is_whitespace())
    {
        return Some(format!(
            "is {url:?}; write one such as https://example.org/mcp"
        ));
    }
    if authority.contains('@') {
        return Some(
            "holds a name or password; let token name the variable that holds the secret"
                .to_owned(),
        );
    }
    let host = authority
        .rsplit_once(':')
        .map_or(authority, |(host, port)| {
            if port.bytes().all(|c| c.is_ascii_digit()) {
                host
            } else {
                authority
            }
        });
    let loopback = matches!(host, "localhost" | "[::1]")
        || host
            .parse()
            .is_ok_and(|address: Ipv4Addr| address.is_loopback());
    (with_token && scheme == "http" && !loopback)
        .then(|| "is not https, and the token would be read on the way; use https".to_owned())
}

/// Whether `name` can be a server's.
fn is_name(name: &str) -> bool {
    name.len() <= NAME_MAX
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-'))
        && !name.contains("__")
        && !name.ends_with('_')
}

/// Whether every server can be one.
pub(super) fn check(servers: &BTreeMap<String, ServerConfig>) -> Result<(), ConfigError> {
    let invalid = |place: String, message: String| Err(ConfigError::Invalid { place, message });
    if servers.len() > SERVERS_MAX {
        return invalid(
            TABLE.to_owned(),
            format!(
                "{} servers are configured, allowed are {SERVERS_MAX}",
                servers.len()
            ),
        );
    }
    for (name, server) in servers {
        if !is_name(name) {
            return invalid(
                format!("{TABLE}.{name}"),
                format!(
                    "a server is called by 1 to {NAME_MAX} lower-case letters, digits, hyphens and single underscores, a letter first"
                ),
            );
        }
        if let Some((setting, what)) = server.fault() {
            return invalid(format!("{TABLE}.{name}"), format!("{setting} {what}"));
        }
    }
    Ok(())
}

/// Whether each name below `[tools]` is one that is read: a limit is a number and known, a server a table of known settings.
pub(super) fn check_names(file: &Table, limits: &[String]) -> Result<(), ConfigError> {
    let Some(Value::Table(tools)) = file.get(TABLE) else {
        return Ok(());
    };
    let unknown = |place: String, known: &[String], within: &str, written: &str| {
        let near = nearest(known, written);
        let nearest = near
            .into_iter()
            .map(|name| format!("{within}.{name}"))
            .collect();
        Err(ConfigError::UnknownName { place, nearest })
    };
    for (name, value) in tools {
        match value {
            _ if limits.contains(name) => {}
            Value::Table(server) => {
                let known = ServerConfig::settings();
                let within = format!("{TABLE}.{name}");
                let misspelt = server.keys().find(|setting| !known.contains(setting));
                if let Some(setting) = misspelt {
                    return unknown(format!("{within}.{setting}"), &known, &within, setting);
                }
            }
            _ => return unknown(format!("{TABLE}.{name}"), limits, TABLE, name),
        }
    }
    Ok(())
}
