//! A server as data: how it is reached, what it is given, what is believed of it.

use std::collections::BTreeMap;
use std::time::Duration;

use aios_work::{Capabilities, Effect};

/// How long a call may take unless it is said.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A server that speaks the Model Context Protocol, as it is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSpec {
    /// Its name here: lower-case letters, digits, hyphens and single underscores. Its tools are called `NAME__TOOL`.
    pub name: String,
    /// How it is reached.
    pub reach: Reach,
    /// What calling its tools changes.
    pub effect: Effect,
    /// The same for one tool, by the name the server gives it.
    pub effects: BTreeMap<String, Effect>,
    /// For a tool whose effect is a query: the tool of the same server that says by the key whether a call happened.
    pub lookups: BTreeMap<String, String>,
    /// Whether the server is believed about the effects of its tools where `effects` says nothing.
    pub hints: bool,
    /// What a caller must have been granted.
    pub needs: Capabilities,
    /// How long one call may take.
    pub timeout: Duration,
}

/// How a server is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// A process of this node's, spoken to through its input and output.
    Process {
        /// The program and its arguments; the first is there.
        command: Vec<String>,
        /// The names of the variables it is given.
        env: Vec<String>,
    },
    /// Somebody else's, asked over HTTP.
    Http {
        /// Its address.
        url: String,
        /// The name of the variable that holds the bearer token it is shown.
        token: Option<String>,
    },
}

impl ServerSpec {
    /// A process, of whose tools nothing is known.
    pub fn command<W: Into<String>>(
        name: impl Into<String>,
        command: impl IntoIterator<Item = W>,
    ) -> Self {
        let command = command.into_iter().map(Into::into).collect();
        Self::new(
            name.into(),
            Reach::Process {
                command,
                env: Vec::new(),
            },
        )
    }

    /// Somebody else's server, of whose tools nothing is known.
    pub fn url(name: impl Into<String>, url: impl Into<String>) -> Self {
        let url = url.into();
        Self::new(name.into(), Reach::Http { url, token: None })
    }

    fn new(name: String, reach: Reach) -> Self {
        Self {
            name,
            reach,
            effect: Effect::Ask,
            effects: BTreeMap::new(),
            lookups: BTreeMap::new(),
            hints: false,
            needs: Capabilities::none(),
            timeout: TIMEOUT,
        }
    }
}
