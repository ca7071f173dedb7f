//! A server as data: how it is reached, what it is given, what is believed of it.

use std::collections::BTreeMap;
use std::time::Duration;

use aios_work::{Capabilities, Capability, Effect};

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
    /// The tool of the same server that takes back what a call of one did, by the names the server gives them.
    pub undo: BTreeMap<String, String>,
    /// Whether the server is believed about the effects of its tools where `effects` says nothing.
    pub hints: bool,
    /// What a caller must have been granted, beside the host of one that is asked over HTTP.
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

    /// What a caller must have been granted: what is configured, and to reach the host of one that is somebody else's. So whatever may not
    /// leave this machine is not sent there.
    pub(crate) fn all_needs(&self) -> Capabilities {
        let host = match &self.reach {
            Reach::Process { .. } => None,
            Reach::Http { url, .. } => Some(host(url)),
        };
        self.needs.iter().cloned().chain(host).collect()
    }

    fn new(name: String, reach: Reach) -> Self {
        Self {
            name,
            reach,
            effect: Effect::Ask,
            effects: BTreeMap::new(),
            lookups: BTreeMap::new(),
            undo: BTreeMap::new(),
            hints: false,
            needs: Capabilities::none(),
            timeout: TIMEOUT,
        }
    }
}

/// The capability to reach the host of an address; any host, where it names none.
fn host(url: &str) -> Capability {
    let url = reqwest::Url::parse(url).ok();
    let host = url.as_ref().and_then(reqwest::Url::host_str);
    let named = host.map(|host| Capability::new(format!("{}/{host}", Capability::NET_HTTP)));
    named.and_then(Result::ok).unwrap_or(Capability::NET_HTTP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_a_server_elsewhere_needs_its_host() {
        for (url, need) in [
            ("https://example.org/mcp", "net.http/example.org"),
            ("http://Example.org:8080/", "net.http/example.org"),
            ("http://127.0.0.1:9/mcp", "net.http/127.0.0.1"),
            ("http://[::1]:9/mcp", "net.http/[::1]"),
            ("nonsense", "net.http"),
        ] {
            let mut spec = ServerSpec::url("s", url);
            spec.needs = [Capability::FILES_READ].into();
            let needs: Vec<String> = spec.all_needs().iter().map(ToString::to_string).collect();
            assert_eq!(needs, ["files.read", need], "{url}");
        }
        assert!(ServerSpec::command("s", ["x"]).all_needs().is_empty());
    }
}
