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
    use std::sync::Weak;

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
            let registrar = registrar(Arc::downgrade(tools));
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
            undo,
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
            undo,
            hints,
            needs: needs.into_iter().collect(),
            timeout: std::time::Duration::from_millis(timeout_ms),
        }
    }

    /// Puts a server's tools in the place of those it had. A tool that is somebody else's keeps its place. The tools hold their server, so
    /// what puts them there does not hold them.
    fn registrar(tools: Weak<Toolbox>) -> Registrar {
        let theirs: Mutex<BTreeMap<String, BTreeSet<String>>> = Mutex::default();
        Arc::new(move |server: &str, new: Vec<Arc<dyn Tool>>| {
            // Without a node nobody calls them.
            let Some(tools) = tools.upgrade() else { return };
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
                // Whoever configured the server has decided that this node has its tools.
                tools.register_configured(tool);
            }
        })
    }

    #[cfg(test)]
    mod tests {
        use std::collections::BTreeSet;
        use std::fs;

        use super::*;
        use crate::config::Sources;

        /// The server of a configuration in which it stands so.
        fn read(text: &str) -> Result<ServerSpec, String> {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("aios.toml");
            fs::write(&file, format!("[tools.s]\n{text}\n")).unwrap();
            let sources = Sources {
                file: Some(file),
                ..Sources::default()
            };
            let config = Config::load(&sources).map_err(|error| error.to_string())?;
            Ok(spec("s", &config.tools.servers["s"]))
        }

        /// The settings that the guide names, without what they are of.
        fn documented() -> BTreeSet<String> {
            let page = include_str!("../../docs/guide/mcp.md");
            let (_, table) = page.split_once("| setting | says |\n").unwrap();
            let rows = table.lines().take_while(|line| line.starts_with('|'));
            let named = rows.filter_map(|line| line.strip_prefix("| `"));
            let names = named.map(|row| row.split([' ', '.', '`']).next().unwrap().to_owned());
            names.collect()
        }

        /// Rows: a setting, how a server stands without it, how with it, what it cannot be, and what is said of that.
        #[test]
        fn each_setting_of_the_guide_is_read_and_refuses_what_is_wrong() {
            let process = "command = [\"x\"]";
            let web = "url = \"https://example.org/mcp\"";
            let rows = [
                (
                    "command",
                    "",
                    "command = [\"x\", \"y\"]",
                    "command = [\" \"]",
                    "names no program",
                ),
                (
                    "url",
                    "",
                    "url = \"http://[::1]:80/mcp\"",
                    "url = \"ftp://x\"",
                    "url is",
                ),
                (
                    "env",
                    process,
                    "env = [\"A\"]",
                    "env = [\"A=1\"]",
                    "never their values",
                ),
                (
                    "token",
                    web,
                    "token = \"A\"",
                    "token = \"a b\"",
                    "never their values",
                ),
                (
                    "effect",
                    process,
                    "effect = \"pure\"",
                    "effect = \"maybe\"",
                    "expected one of",
                ),
                (
                    "effects",
                    process,
                    "effects.t = \"pure\"",
                    "effects.t = \"query\"",
                    "lookups says nothing of",
                ),
                (
                    "lookups",
                    process,
                    "lookups.t = \"u\"",
                    "lookups.t = 7",
                    "expected a string",
                ),
                (
                    "undo",
                    process,
                    "undo.book = \"cancel\"",
                    "undo.book = \"book\"",
                    "takes itself back",
                ),
                (
                    "hints",
                    process,
                    "hints = true",
                    "hints = \"yes\"",
                    "expected a boolean",
                ),
                (
                    "needs",
                    process,
                    "needs = [\"files.write\"]",
                    "needs = [\"rm -rf\"]",
                    "is no capability",
                ),
                (
                    "timeout_ms",
                    process,
                    "timeout_ms = 5000",
                    "timeout_ms = 5",
                    "allowed is 100 to 3600000",
                ),
            ];
            let named: BTreeSet<String> = rows.iter().map(|row| row.0.to_owned()).collect();
            assert_eq!(named, documented(), "the guide names what there is");
            let known: BTreeSet<String> = crate::config::server_settings().into_iter().collect();
            assert_eq!(named, known, "and all of it");
            for (name, around, right, wrong, why) in rows {
                let usual = read(if around.is_empty() { process } else { around });
                let set = read(&format!("{around}\n{right}"));
                assert_ne!(set.unwrap(), usual.unwrap(), "{name} changes something");
                let refused = read(&format!("{around}\n{wrong}")).unwrap_err();
                assert!(refused.contains(why), "{name}: {refused}");
            }
            let misspelt = read(&format!("{process}\neffekt = \"pure\"")).unwrap_err();
            assert!(misspelt.contains("tools.s.effect"), "{misspelt}");
        }
    }
}
