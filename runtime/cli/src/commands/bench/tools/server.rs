//! What the runtime adds to a call of a server's tool: the same call of the same server, once by bare rmcp over its own transport, once as
//! an executor makes it, through the toolbox, the pinned tool, the supervised connection and all its bounds.
//!
//! The server is this program itself, so that nothing else has to be installed. Slices follow each other, and each call is timed by itself.

use std::env;
use std::io::{self, BufRead, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aios_bench::{Bar, BenchError, Report, Samples};
use aios_supervisor::{Options, Supervisor, SupervisorRef};
use aios_tools::mcp::{Registrar, ServerSpec, Servers};
use aios_tools::{Toolbox, Workspaces};
use aios_work::{Capabilities, Effect, Tool, ToolCall};
use rmcp::model::CallToolRequestParams;
use rmcp::service::RunningService;
use rmcp::transport::TokioChildProcess;
use rmcp::{RoleClient, ServiceExt};
use serde_json::{Map, Value, json};

use super::failed;

/// The name under which this program is the server.
pub(in crate::commands::bench) const SERVER: &str = "tools-server";
/// Slices of a round, and calls in each.
const SLICES: u32 = 10;
const CALLS: u32 = 50;
/// The most that the runtime may add to a call, in milliseconds.
const LIMIT_MS: f64 = 0.5;
/// Nothing here takes longer unless it hangs.
const DEADLINE: Duration = Duration::from_secs(20);

pub(super) async fn measure(rounds: u32, report: &mut Report) -> Result<(), BenchError> {
    let program = env::current_exe().map_err(failed)?;
    let program = program.to_string_lossy().into_owned();
    let bare = Bare::start(&program).await?;
    let ours = Ours::start(&program).await?;
    // One slice of each that does not count.
    bare.calls().await?;
    ours.calls().await?;
    let (mut alone, mut whole) = (Samples::new(), Samples::new());
    for _ in 0..rounds.saturating_mul(SLICES) {
        alone.extend(bare.calls().await?);
        whole.extend(ours.calls().await?);
    }
    bare.0.cancel().await.map_err(failed)?;
    ours.tree.stop().await;
    let [alone, whole] = [alone, whole].map(|samples| samples.median() * 1e3);
    report.figure("server_bare_rmcp_call_ms", alone);
    report.figure("server_call_ms", whole);
    report.bar(Bar::at_most(
        "server",
        "what the runtime adds to a bare rmcp call of the same server in the same run",
        (whole - alone).max(0.0),
        LIMIT_MS,
        "ms",
    ));
    Ok(())
}

fn arguments() -> Map<String, Value> {
    let mut arguments = Map::new();
    arguments.insert(
        "text".to_owned(),
        "some words to and fro ".repeat(10).into(),
    );
    arguments
}

/// rmcp and nothing else.
struct Bare(RunningService<RoleClient, ()>);

impl Bare {
    async fn start(program: &str) -> Result<Self, BenchError> {
        let mut command = tokio::process::Command::new(program);
        command.args(["bench", SERVER]);
        let process = TokioChildProcess::new(command).map_err(failed)?;
        Ok(Self(().serve(process).await.map_err(failed)?))
    }

    async fn calls(&self) -> Result<Vec<f64>, BenchError> {
        let mut took = Vec::new();
        for _ in 0..CALLS {
            let begun = Instant::now();
            let call = CallToolRequestParams::new("echo").with_arguments(arguments());
            self.0.call_tool(call).await.map_err(failed)?;
            took.push(begun.elapsed().as_secs_f64());
        }
        Ok(took)
    }
}

/// A supervised server, and a toolbox with its tool.
struct Ours {
    tools: Arc<Toolbox>,
    tree: SupervisorRef,
}

impl Ours {
    async fn start(program: &str) -> Result<Self, BenchError> {
        let tools = Arc::new(Toolbox::new(&Workspaces::default()));
        let registered = Arc::clone(&tools);
        let registrar: Registrar = Arc::new(move |_: &str, new: Vec<Arc<dyn Tool>>| {
            for tool in new {
                registered.register(tool);
            }
        });
        let spec = ServerSpec {
            effect: Effect::Pure,
            ..ServerSpec::command("bench", [program, "bench", SERVER])
        };
        let servers = Servers::new(vec![spec], None, &registrar);
        let started = Supervisor::start_with(servers.supervisor(), Options::default()).await;
        let tree = started.map_err(failed)?;
        servers.first_lists().await;
        Ok(Self { tools, tree })
    }

    async fn calls(&self) -> Result<Vec<f64>, BenchError> {
        let mut took = Vec::new();
        for number in 0..CALLS {
            let begun = Instant::now();
            let call = ToolCall {
                idempotency_key: format!("bench/{number}"),
                tenant: "bench".to_owned(),
                goal: "bench".to_owned(),
                ..ToolCall::new(Value::Object(arguments()), begun + DEADLINE)
            };
            let granted = Capabilities::none();
            let called = self.tools.call_apart("bench__echo", &granted, call).await;
            called.map_err(failed)?;
            took.push(begun.elapsed().as_secs_f64());
        }
        Ok(took)
    }
}

/// The server: it says back what it is given, until its input ends.
pub(in crate::commands::bench) fn serve() -> io::Result<()> {
    let mut output = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let Ok(asked) = serde_json::from_str::<Value>(&line?) else {
            continue;
        };
        let Some(id) = asked.get("id") else { continue };
        let params = &asked["params"];
        let result = match asked["method"].as_str().unwrap_or_default() {
            "initialize" => json!({
                "protocolVersion": params["protocolVersion"],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": SERVER, "version": env!("CARGO_PKG_VERSION")},
            }),
            "tools/list" => {
                let schema = json!({
                    "type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"],
                });
                let tool = json!({
                    "name": "echo", "description": "Says it back.", "inputSchema": schema, "outputSchema": schema,
                });
                json!({ "tools": [tool] })
            }
            "tools/call" => json!({
                "content": [{"type": "text", "text": params["arguments"]["text"]}],
                "structuredContent": params["arguments"],
            }),
            _ => {
                let error = json!({"code": -32601, "message": "method not found"});
                writeln!(
                    output,
                    "{}",
                    json!({"jsonrpc": "2.0", "id": id, "error": error})
                )?;
                output.flush()?;
                continue;
            }
        };
        writeln!(
            output,
            "{}",
            json!({"jsonrpc": "2.0", "id": id, "result": result})
        )?;
        output.flush()?;
    }
    Ok(())
}
