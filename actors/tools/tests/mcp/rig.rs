//! A tree with servers in it, and a toolbox with their tools.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aios_supervisor::{Options, Supervisor, SupervisorRef};
use aios_tools::mcp::{Reach, Registrar, ServerSpec, Servers};
use aios_work::{ServerState, Tool, ToolCall, ToolError, ToolOutput, ToolServer};
use serde_json::Value;

/// How long anything may take on a busy machine before a test has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

type Tools = Arc<Mutex<BTreeMap<String, BTreeMap<String, Arc<dyn Tool>>>>>;

/// A running tree.
pub(crate) struct Rig {
    pub(crate) servers: Servers,
    pub(crate) tree: SupervisorRef,
    tools: Tools,
    /// Its scratch folder; gone with it.
    pub(crate) folder: tempfile::TempDir,
}

/// The server that has this behaviour; `{folder}` in it is the rig's.
pub(crate) fn behaving(behaviour: &str) -> ServerSpec {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mcp/server.py");
    ServerSpec::command(
        "s",
        [
            "python3",
            script.to_str().unwrap(),
            behaviour,
            "{folder}/file",
        ],
    )
}

impl Rig {
    pub(crate) async fn start(spec: ServerSpec) -> Self {
        Self::over(tempfile::tempdir().unwrap(), vec![spec]).await
    }

    /// Over a folder in which lists may be pinned already.
    pub(crate) async fn over(folder: tempfile::TempDir, mut specs: Vec<ServerSpec>) -> Self {
        let path = folder.path().to_str().unwrap().to_owned();
        for spec in &mut specs {
            if let Reach::Process { command, .. } = &mut spec.reach {
                for word in command {
                    *word = word.replace("{folder}", &path);
                }
            }
        }
        let tools = Tools::default();
        let registered = Arc::clone(&tools);
        let registrar: Registrar = Arc::new(move |server: &str, tools: Vec<Arc<dyn Tool>>| {
            let tools = tools
                .into_iter()
                .map(|tool| (tool.spec().name, tool))
                .collect();
            registered.lock().unwrap().insert(server.to_owned(), tools);
        });
        let servers = Servers::new(specs, Some(&folder.path().join("state")), &registrar);
        let tree = Supervisor::start_with(servers.supervisor(), Options::default())
            .await
            .unwrap();
        Self {
            servers,
            tree,
            tools,
            folder,
        }
    }

    /// A call that has so long, under a key of its own unless it is given one.
    pub(crate) fn given(args: Value, key: &str, time: Duration) -> ToolCall {
        ToolCall {
            idempotency_key: key.to_owned(),
            tenant: "acme".to_owned(),
            goal: "g".to_owned(),
            ..ToolCall::new(args, Instant::now() + time)
        }
    }

    pub(crate) fn tool(&self, name: &str) -> Arc<dyn Tool> {
        let tools = self.tools.lock().unwrap();
        let mut all = tools.values().flatten();
        let found = all.find(|(known, _)| *known == name);
        let names: Vec<_> = tools.values().flat_map(BTreeMap::keys).collect();
        Arc::clone(
            found
                .unwrap_or_else(|| panic!("no {name} among {names:?}"))
                .1,
        )
    }

    pub(crate) fn tools(&self) -> Vec<String> {
        let tools = self.tools.lock().unwrap();
        tools
            .values()
            .flat_map(|tools| tools.keys().cloned())
            .collect()
    }

    pub(crate) async fn call(&self, name: &str, args: Value) -> Result<ToolOutput, ToolError> {
        self.tool(name)
            .call(Self::given(args, "key", PATIENCE))
            .await
    }

    /// The server as it is seen once this holds.
    pub(crate) async fn until(
        &self,
        what: &str,
        holds: impl Fn(&ToolServer) -> bool,
    ) -> ToolServer {
        let begun = Instant::now();
        loop {
            let seen = self.servers.view().remove(0);
            if holds(&seen) {
                return seen;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "it is never {what}: {seen:?}\n{}",
                self.tree.view()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn ready(&self) -> ToolServer {
        self.until("ready", |seen| seen.state == ServerState::Ready)
            .await
    }

    /// What the tree says once the server has fallen, and why it says it has.
    pub(crate) async fn fallen(&self) -> String {
        self.until("down", |seen| {
            seen.state != ServerState::Ready && !seen.trouble.is_empty()
        })
        .await;
        let begun = Instant::now();
        loop {
            let drawn = self.tree.view().to_string();
            if drawn.contains("last exit: failed") {
                return drawn;
            }
            assert!(begun.elapsed() < PATIENCE, "{drawn}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("file")
    }

    /// What the server has noted, a line each.
    pub(crate) fn notes(&self) -> Vec<String> {
        let notes = std::fs::read_to_string(self.file()).unwrap_or_default();
        notes.lines().map(str::to_owned).collect()
    }
}

/// The processes whose command line holds this, by their numbers.
pub(crate) fn processes(part: &str) -> Vec<u32> {
    let listed = Command::new("ps")
        .args(["-eo", "pid=,stat=,args="])
        .output()
        .unwrap();
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let lines = listed.lines().filter(|line| line.contains(part));
    lines
        .filter_map(|line| line.split_whitespace().next()?.parse().ok())
        .collect()
}

/// Whether a process of this number runs or waits to be reaped.
pub(crate) fn is_there(number: u32) -> bool {
    Path::new(&format!("/proc/{number}")).exists()
}

/// Waits until it is so.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
