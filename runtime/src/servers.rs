//! The servers of the configuration, with their children in the tree and their tools in the toolbox.
//!
//! A node that was built without the feature `mcp` has none; one that is told to have some all the same does not start.

use std::sync::Arc;

use aios_control::{ControlError, ErrorKind};
use aios_supervisor::SupervisorSpec;
use aios_tools::Toolbox;
use aios_work::ToolServer;

use crate::config::{Config, ConfigError};

/// The servers of a node.
#[derive(Clone)]
pub(crate) struct ToolServers {
    #[cfg(feature = "mcp")]
    servers: aios_tools::mcp::Servers,
}

#[cfg(not(feature = "mcp"))]
impl ToolServers {
    pub(crate) fn of(config: &Config, _: &Arc<Toolbox>) -> Result<Self, ConfigError> {
        match config.tools.servers.keys().next() {
            None => Ok(Self {}),
            Some(name) => Err(ConfigError::Invalid {
                place: format!("tools.{name}"),
                message:
                    "this node was built without servers of tools; build it with the feature mcp"
                        .to_owned(),
            }),
        }
    }

    pub(crate) fn supervisor(&self) -> Option<SupervisorSpec> {
        None
    }

    pub(crate) async fn first_lists(&self) {}

    pub(crate) fn view(&self) -> Vec<ToolServer> {
        Vec::new()
    }

    pub(crate) fn approve(&self, server: &str, _: &str) -> Result<ToolServer, ControlError> {
        Err(ControlError::new(
            ErrorKind::Unknown,
            format!("no server is called {server:?}; there is none"),
        ))
    }
}

#[cfg(feature = "mcp")]
mod configured {
    use std::collections::{BTreeMap, BTreeSet};

    use aios_tools::mcp::{ApproveError, Reach, Registrar, ServerSpec, Servers};
    use aios_work::Tool;
    use parking_lot::Mutex;

    use super::{
        Arc, Config, ConfigError, ControlError, ErrorKind, SupervisorSpec, ToolServer, ToolServers,
        Toolbox,
    };
    use crate::config::ServerConfig;

    impl ToolServers {
        pub(crate) fn of(config: &Config, tools: &Arc<Toolbox>) -> Result<Self, ConfigError> {
            let specs = config.tools.servers.iter();
            let specs = specs.map(|(name, server)| spec(name, server)).collect();
            let folder = config.storage.path();
            let registrar = registrar(Arc::clone(tools));
            Ok(Self {
                servers: Servers::new(specs, folder.as_deref(), &registrar),
            })
        }

        pub(crate) fn supervisor(&self) -> Option<SupervisorSpec> {
            (!self.servers.is_empty()).then(|| self.servers.supervisor())
        }

        pub(crate) async fn first_lists(&self) {
            self.servers.first_lists().await;
        }

        pub(crate) fn view(&self) -> Vec<ToolServer> {
            self.servers.view()
        }

        pub(crate) fn approve(&self, server: &str, list: &str) -> Result<ToolServer, ControlError> {
            self.servers.approve(server, list).map_err(|error| {
                let kind = match &error {
                    ApproveError::Unknown { .. } => ErrorKind::Unknown,
                    ApproveError::Nothing(_) | ApproveError::Other(_) => ErrorKind::Conflict,
                    ApproveError::NotKept { .. } => ErrorKind::Failed,
                };
                ControlError::new(kind, error.to_string())
            })
        }
    }

    fn spec(name: &str, server: &ServerConfig) -> ServerSpec {
        let ServerConfig {
            command,
            url,
            env,
            token,
            effect,
            hints,
            needs,
            timeout_ms,
            effects,
            lookups,
        } = server.clone();
        let reach = if command.is_empty() {
            Reach::Http {
                url,
                token: (!token.is_empty()).then_some(token),
            }
        } else {
            Reach::Process { command, env }
        };
        ServerSpec {
            name: name.to_owned(),
            reach,
            effect,
            effects,
            lookups,
            hints,
            needs: needs.into_iter().collect(),
            timeout: std::time::Duration::from_millis(timeout_ms),
        }
    }

    /// Puts a server's tools in the place of those it had. A tool that is somebody else's keeps its place.
    fn registrar(tools: Arc<Toolbox>) -> Registrar {
        let theirs: Mutex<BTreeMap<String, BTreeSet<String>>> = Mutex::default();
        Arc::new(move |server: &str, new: Vec<Arc<dyn Tool>>| {
            let mut theirs = theirs.lock();
            let before = theirs.entry(server.to_owned()).or_default();
            for name in std::mem::take(before) {
                tools.remove(&name);
            }
            for tool in new {
                let name = tool.spec().name;
                if tools.spec(&name).is_some() {
                    tracing::warn!(
                        server,
                        tool = name,
                        "a tool of this name is there already and stays"
                    );
                    continue;
                }
                before.insert(name);
                tools.register(tool);
            }
        })
    }
}
