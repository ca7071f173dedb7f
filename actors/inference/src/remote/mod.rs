//! Engines behind somebody's HTTP server: OpenAI's form, which most servers speak, and Anthropic's.
//!
//! One engine makes the calls ([`RemoteEngine`]); what a server is told and how its answers read is a [`Dialect`], pure and
//! tested without sockets. A server is never believed: its words are bounded and escaped, its answers are bounded, checked
//! against the schema that was asked for, and told from broken-off ones.
//!
//! What is deliberately absent: the choice between engines, and any retry once a token was handed out.

mod address;
mod anthropic;
mod backoff;
mod dialect;
mod engine;
mod gathered;
mod http;
mod key;
mod openai;
mod probe;
mod quirks;
mod schema;
mod sse;
mod words;

use std::time::Duration;

pub use address::{Address, AddressError};
pub use engine::RemoteEngine;
pub use key::KeySource;
pub use probe::{Probe, probe};

/// Which form a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// OpenAI's chat completions and embeddings: llama.cpp, vLLM, Ollama, mistral.rs, OpenAI and many more.
    OpenAi,
    /// Anthropic's messages.
    Anthropic,
}

/// How long an engine waits for a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For the connection.
    pub connect: Duration,
    /// From the request to the first new token.
    pub first_token: Duration,
    /// From one token to the next.
    pub between_tokens: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_token: Duration::from_secs(60),
            between_tokens: Duration::from_secs(30),
        }
    }
}

/// One server's model.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteConfig {
    /// The engine's name in metrics, events and errors.
    pub name: String,
    /// Which form the server speaks.
    pub form: Form,
    /// Where it is.
    pub address: Address,
    /// The model that writes, as the server calls it; empty if it only embeds.
    pub model: String,
    /// The model that embeds, as the server calls it; empty if it only writes.
    pub embed_model: String,
    /// Where its key comes from.
    pub key: KeySource,
    /// Tokens the writing model can attend to.
    pub context: u32,
    /// Calls that may be under way at once; the next ones wait.
    pub at_once: usize,
    /// How often a call is made again before another engine is asked.
    pub retries: u32,
    /// How long it is waited for.
    pub patience: Patience,
    /// What the server is known to honour; without it everything is tried.
    pub honours: Option<Probe>,
    /// What it is given goes on to another machine, although the server is on this one.
    pub passes_on: bool,
}

impl RemoteConfig {
    /// A server with the usual settings, without a key.
    pub fn new(name: impl Into<String>, form: Form, address: Address) -> Self {
        Self {
            name: name.into(),
            form,
            address,
            model: String::new(),
            embed_model: String::new(),
            key: KeySource::None,
            context: 8_192,
            at_once: 64,
            retries: 2,
            patience: Patience::default(),
            honours: None,
            passes_on: false,
        }
    }

    /// Whether what it is given stays on this machine.
    pub fn stays_here(&self) -> bool {
        self.address.is_loopback() && !self.passes_on
    }
}
