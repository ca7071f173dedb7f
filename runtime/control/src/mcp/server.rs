//! The server of the protocol: which tools there are for whoever asks, and what a call of one comes to.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData, Extensions,
    Implementation, ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig,
    Tool,
};
use rmcp::service::{RequestContext, RoleServer, ServiceExt};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep, timeout_at};

use super::calls::Call;
use super::outline::outline;
use super::tools::{ROWS, charter_of, of_agent};
use crate::{
    AgentLine, AgentShown, ControlError, ErrorKind, GoalPhase, GoalState, Request, Submitted,
};

/// Between two looks at a goal that is waited for.
const LOOK: Duration = Duration::from_millis(200);
/// Agents of charters that are offered as tools.
const AGENTS: usize = 64;
/// What a client tells its model of this server.
const INSTRUCTIONS: &str = "A node of supervised agents. Give it a goal with submit_goal: it is planned, carried out with tools over the files you \
     name, judged, and answered; what falls on the way is restarted. Numbers in answers come from tools. goal_status and explain_goal say how a \
     goal stands. The tools named ask_NAME are agents with charters of their own.";

/// Whoever asks the node for a caller.
#[async_trait]
pub trait Asker: Send + Sync + 'static {
    /// Asks once. What the transport knows of the caller lies in `extensions`.
    async fn ask(&self, extensions: &Extensions, request: Request) -> Result<Value, ControlError>;

    /// Where what a goal makes is written, when nobody says; absolute.
    fn out(&self, extensions: &Extensions) -> String;
}

/// The server.
#[derive(Clone)]
struct McpServer(Arc<dyn Asker>);

/// The server as a service of HTTP. Who comes in, from where and with how much, was looked at before.
pub(crate) fn over_http(
    asker: Arc<dyn Asker>,
    body_max: usize,
) -> StreamableHttpService<impl ServerHandler, NeverSessionManager> {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(body_max)
        .disable_allowed_hosts();
    StreamableHttpService::new(
        move || Ok(McpServer(Arc::clone(&asker))),
        Arc::new(NeverSessionManager::default()),
        config,
    )
}

/// Serves whoever started this process, on its standard streams, until it leaves.
///
/// # Errors
/// When the other end does not speak the protocol, or the streams fail.
pub async fn serve_stdio(asker: Arc<dyn Asker>) -> io::Result<()> {
    let served = McpServer(asker).serve(rmcp::transport::stdio()).await;
    let running = served.map_err(io::Error::other)?;
    running.waiting().await.map_err(io::Error::other)?;
    Ok(())
}

impl ServerHandler for McpServer {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().build();
        let own = Implementation::new("aios", env!("CARGO_PKG_VERSION")).with_title("AI OS");
        ServerConfig::new(capabilities)
            .with_server_info(own)
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let mut tools: Vec<Tool> = ROWS.iter().map(super::tools::Row::tool).collect();
        tools.extend(self.agents(&context.extensions).await);
        Ok(ListToolsResult::with_all_items(tools))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let fields = request.arguments.unwrap_or_default();
        let call = match ROWS.iter().find(|row| row.name == request.name) {
            Some(row) => (row.call)(fields),
            None => match charter_of(&request.name) {
                Some(charter) => Ok(Call::of_charter(charter, fields)),
                None => {
                    let message = format!("there is no tool {:?}", request.name);
                    return Err(ErrorData::invalid_params(message, None));
                }
            },
        };
        // Whoever has left is not waited for; what was begun goes on as it does for everybody.
        let outcome = tokio::select! {
            outcome = self.carried(&context.extensions, call) => outcome,
            () = context.ct.cancelled() => {
                Err(ControlError::new(ErrorKind::Conflict, "the call was called off"))
            }
        };
        let result = outcome.unwrap_or_else(|error| {
            let ControlError {
                kind,
                message,
                what_to_do,
            } = &error;
            let mut result =
                CallToolResult::error(vec![ContentBlock::text(format!("{message}\n{what_to_do}"))]);
            result.structured_content =
                Some(json!({"kind": kind, "message": message, "what_to_do": what_to_do}));
            result
        });
        Ok(result.into())
    }
}

impl McpServer {
    async fn ask<T: DeserializeOwned>(
        &self,
        from: &Extensions,
        request: Request,
    ) -> Result<T, ControlError> {
        let value = self.0.ask(from, request).await?;
        serde_json::from_value(value).map_err(|error| {
            ControlError::failed(format!("the node answers in a way not known here: {error}"))
        })
    }

    /// The agents of charters, as tools. Who may not see agents is offered none.
    async fn agents(&self, from: &Extensions) -> Vec<Tool> {
        let lines: Vec<AgentLine> = match self.ask(from, Request::Agents {}).await {
            Ok(lines) => lines,
            Err(error) => {
                tracing::debug!(%error, "no agents are offered");
                return Vec::new();
            }
        };
        let mut tools: Vec<Tool> = Vec::new();
        for line in lines {
            let Some(charter) = line.charter.clone() else {
                continue;
            };
            if tools.len() >= AGENTS {
                break;
            }
            let shown = self.ask(from, Request::Agent { agent: charter }).await;
            let shown: Option<AgentShown> = shown.ok();
            let tool = shown.as_ref().and_then(of_agent);
            tools.extend(tool.filter(|tool| tools.iter().all(|known| known.name != tool.name)));
        }
        tools
    }

    async fn carried(
        &self,
        from: &Extensions,
        call: Result<Call, ControlError>,
    ) -> Result<CallToolResult, ControlError> {
        match call? {
            Call::Once(request) => Ok(told(self.0.ask(from, request).await?)),
            Call::List(request, name, most) => {
                let mut list: Vec<Value> = self.ask(from, request).await?;
                let more = list.len().saturating_sub(most);
                list.truncate(most);
                let mut fields = Map::new();
                fields.insert(name.to_owned(), list.into());
                if more > 0 {
                    fields.insert("left_out".to_owned(), more.into());
                }
                Ok(told(Value::Object(fields)))
            }
            Call::Outline => {
                let view = self.0.ask(from, Request::View {}).await?;
                Ok(CallToolResult::success(vec![ContentBlock::text(outline(
                    &view,
                ))]))
            }
            Call::Submit(mut submit, wait_s) => {
                if submit.out.is_empty() {
                    submit.out = self.0.out(from);
                }
                let begun: Submitted = self.ask(from, Request::Submit(submit)).await?;
                self.waited(from, begun.goal_id, wait_s).await
            }
            Call::Status(goal_id, wait_s) => self.waited(from, goal_id, wait_s).await,
        }
    }

    /// How a goal stands when it is over, or when nobody waits any longer.
    async fn waited(
        &self,
        from: &Extensions,
        goal_id: String,
        wait_s: u64,
    ) -> Result<CallToolResult, ControlError> {
        let until = Instant::now() + Duration::from_secs(wait_s);
        loop {
            let request = Request::Goal {
                goal_id: goal_id.clone(),
            };
            let value = self.0.ask(from, request).await?;
            let state: GoalState = serde_json::from_value(value.clone()).map_err(|error| {
                ControlError::failed(format!("the goal's state is not known here: {error}"))
            })?;
            if state.phase != GoalPhase::Running || Instant::now() >= until {
                return Ok(stands(&state, value));
            }
            let _ = timeout_at(until, sleep(LOOK)).await;
        }
    }
}

/// An answer as it is; what is no object is one field of one.
fn told(value: Value) -> CallToolResult {
    let value = match value {
        Value::Object(_) => value,
        Value::Null => json!({ "done": true }),
        other => json!({ "answer": other }),
    };
    CallToolResult::structured(value)
}

/// How a goal stands: in words for a model, and as it is for a program.
fn stands(state: &GoalState, value: Value) -> CallToolResult {
    let goal_id = &state.goal_id;
    let mut words = match (&state.answer, &state.error, state.phase) {
        (Some(answer), _, _) => {
            let mut words = format!(
                "goal {goal_id} is {}\n\n{}",
                answer.status.as_str(),
                answer.answer
            );
            for artifact in &answer.artifacts {
                words.push_str(&format!(
                    "\nwritten: {} ({})",
                    artifact.path.display(),
                    artifact.description
                ));
            }
            if let Some(reason) = &answer.reason {
                words.push_str(&format!("\n{reason}"));
            }
            words
        }
        (None, Some(error), _) => format!(
            "goal {goal_id} has no answer: {error}\n{}",
            error.what_to_do
        ),
        (None, None, GoalPhase::Running) => {
            format!("goal {goal_id} is under way; goal_status waits for its answer")
        }
        (None, None, phase) => {
            let phase = serde_json::to_value(phase).unwrap_or_default();
            format!(
                "goal {goal_id} is {}; explain_goal says why",
                phase.as_str().unwrap_or_default()
            )
        }
    };
    words.push('\n');
    let mut result = CallToolResult::success(vec![ContentBlock::text(words)]);
    result.structured_content = Some(value);
    let failed = state
        .error
        .as_ref()
        .is_some_and(|error| error.kind != ErrorKind::Busy);
    if failed && state.answer.is_none() {
        result.is_error = Some(true);
    }
    result
}
