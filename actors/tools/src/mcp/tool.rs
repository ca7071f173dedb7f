//! One tool of a server, as a toolbox has it.

use std::sync::Arc;
use std::time::Instant;

use aios_work::{
    Artifact, Effect, Stopped, Tool, ToolCall, ToolError, ToolErrorKind, ToolOutput, ToolSpec,
};
use async_trait::async_trait;
use rmcp::model::{CallToolRequestParams, CallToolResponse, MetaObject, RequestMetaObject};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tokio::time::timeout_at;

use super::limits::{COMES_BACK, LONG};
use super::offer::{Offered, full_name};
use super::outcome::{self, Enclosed, Taken};
use super::seat::Seat;
use crate::{Schema, Workspace};

/// The name under which a server finds the key of a call: the same key, the same call.
pub const IDEMPOTENCY_KEY: &str = "aios/idempotency-key";

/// A tool of a server. What it says of itself is the pinned list's word, whatever the server says meanwhile.
pub(crate) struct ServerTool {
    seat: Arc<Seat>,
    spec: ToolSpec,
    /// What the server calls it.
    foreign: String,
    /// What its results must be, if the server says so.
    output: Option<Schema>,
}

impl ServerTool {
    pub(crate) fn shared(seat: Arc<Seat>, offered: &Offered) -> Arc<dyn Tool> {
        // What is offered was tried before.
        let output = offered
            .typed
            .then(|| Schema::new(&offered.spec.output).ok());
        Arc::new(Self {
            seat,
            spec: offered.spec.clone(),
            foreign: offered.foreign.clone(),
            output: output.flatten(),
        })
    }

    /// One request to the server, within its time.
    async fn ask(
        &self,
        tool: &str,
        args: Map<String, Value>,
        call: &ToolCall,
    ) -> Result<CallToolResponse, ToolError> {
        let name = &self.spec.name;
        let begun = Instant::now();
        let due = call.deadline.min(begun + self.seat.spec.timeout);
        // What is left after the wait is still enough to be answered in.
        let back = begun + COMES_BACK.min(due.saturating_duration_since(begun) / 2);
        let connection = self.seat.connection(back.into()).await?;
        let Ok(permit) = timeout_at(back.into(), self.seat.calls.acquire()).await else {
            let sentence = format!(
                "server {} has as many calls as it may have at once; try again in a while",
                self.seat.spec.name
            );
            return Err(ToolError::new(ToolErrorKind::RateLimited, sentence));
        };
        let mut params = CallToolRequestParams::new(tool.to_owned()).with_arguments(args);
        params.meta = Some(RequestMetaObject(meta(call)));
        let sent = Instant::now();
        // Dropped, in time or by whoever waited for it, it tells the server that nobody waits any more.
        let answer = timeout_at(due.into(), connection.peer.call_tool_once(params)).await;
        drop(permit);
        if answer.is_ok() {
            self.seat.answered(connection.life);
        }
        match answer {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => {
                let failed = outcome::failed(name, &self.seat.environment(), &error);
                if let Some(why) = failed.lost {
                    self.seat
                        .lose(connection.life, &self.seat.without_secrets(&why));
                }
                Err(failed.error)
            }
            Err(_) => {
                // A caller in a hurry says nothing about the server.
                let own = call.deadline >= begun + self.seat.spec.timeout;
                if own || sent.elapsed() >= LONG {
                    self.seat.unanswered(connection.life, sent.into());
                }
                let waited = begun.elapsed().as_millis();
                let sentence = format!("tool {name} did not answer within {waited} ms");
                Err(ToolError::new(ToolErrorKind::Timeout, sentence).in_doubt())
            }
        }
    }

    /// Whether an earlier call under this key was carried out, as the server itself has it; with its result if it was.
    async fn happened(
        &self,
        lookup: &str,
        call: &ToolCall,
    ) -> Result<Option<CallToolResponse>, ToolError> {
        let name = &self.spec.name;
        let args = json!({ "idempotency_key": call.idempotency_key });
        let args = args.as_object().cloned().unwrap_or_default();
        let unclear = |why: &str| {
            let sentence =
                format!("it is not known whether tool {name} was carried out: {lookup} {why}");
            ToolError::new(ToolErrorKind::Other, sentence).in_doubt()
        };
        let CallToolResponse::Complete(result) = self.ask(lookup, args, call).await? else {
            return Err(unclear("did not answer the question"));
        };
        let answer = result.structured_content.clone().unwrap_or_default();
        match (
            result.is_error,
            answer.get("happened").and_then(Value::as_bool),
        ) {
            (Some(true), _) | (_, None) => Err(unclear("did not say it in a field `happened`")),
            (_, Some(false)) => Ok(None),
            (_, Some(true)) => {
                let result = answer.get("result").cloned();
                let result = result.map(serde_json::from_value).transpose();
                match result {
                    Ok(Some(result)) => Ok(Some(CallToolResponse::Complete(result))),
                    _ => Err(unclear("says that it was, and not with what result")),
                }
            }
        }
    }
}

#[async_trait]
impl Tool for ServerTool {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    async fn call(&self, mut call: ToolCall) -> Result<ToolOutput, ToolError> {
        call.check()?;
        // They may be a megabyte, and nobody reads them again.
        let Value::Object(args) = std::mem::take(&mut call.args) else {
            return Err(ToolError::invalid_arguments(
                &self.spec.name,
                "they are no object",
            ));
        };
        let lookup = self.seat.spec.lookups.get(&self.foreign);
        let earlier = match lookup {
            Some(lookup) if call.again && self.spec.effect == Effect::Query => {
                self.happened(lookup, &call).await
            }
            _ => Ok(None),
        };
        let answered = match earlier {
            Ok(Some(response)) => Ok(response),
            Ok(None) => self.ask(&self.foreign, args, &call).await,
            // While it cannot be asked, nothing is known either.
            Err(error) => Err(error.in_doubt()),
        };
        let taken = answered.and_then(|response| {
            outcome::taken(
                &self.spec.name,
                self.output.as_ref(),
                &self.seat.environment(),
                response,
            )
        });
        match taken {
            Ok(taken) => kept(&self.spec.name, taken, call).await,
            Err(error) => Err(error.with_message(|message| self.seat.without_secrets(message))),
        }
    }

    fn undo(&self) -> Option<String> {
        let other = self.seat.spec.undo.get(&self.foreign)?;
        full_name(&self.seat.spec.name, other).ok()
    }
}

/// The result with its files in the call's folder.
async fn kept(tool: &str, taken: Taken, call: ToolCall) -> Result<ToolOutput, ToolError> {
    let Taken {
        value,
        files,
        mut left_out,
    } = taken;
    let mut output = ToolOutput {
        value,
        ..ToolOutput::default()
    };
    if call.out_dir.is_empty() {
        left_out.extend(files.iter().map(|file| {
            format!(
                "a file of type {}: this call has no folder",
                file.media_type
            )
        }));
    } else if !files.is_empty() {
        let tool = tool.to_owned();
        let writing = tokio::task::spawn_blocking(move || written(&tool, &files, &call));
        // The node is closing.
        output.artifacts = writing.await.map_err(|_| Stopped::Cancelled)??;
    }
    let left_out: Vec<String> = left_out
        .iter()
        .map(|what| format!("left out: {what}"))
        .collect();
    output.log = left_out.join("\n");
    Ok(output)
}

/// The same key writes the same files again.
fn written(tool: &str, files: &[Enclosed], call: &ToolCall) -> Result<Vec<Artifact>, ToolError> {
    let workspace = Workspace::of(call.inputs.clone(), &call.out_dir);
    let key = aios_work::content::hex(&Sha256::digest(&call.idempotency_key)[..4]);
    let files = files.iter().enumerate().map(|(number, file)| {
        let name = format!("{tool}-{key}-{}.{}", number + 1, file.ending);
        Ok(Artifact {
            path: workspace.write(&name, &file.bytes)?,
            media_type: file.media_type.to_owned(),
            description: format!("A file that came with the result of {tool}."),
        })
    });
    files.collect()
}

/// What goes beside the arguments: the key by which a server that heeds it knows a call again, and where the call belongs in a trace.
fn meta(call: &ToolCall) -> MetaObject {
    let mut meta = MetaObject::new();
    let key = &call.idempotency_key;
    if !key.is_empty() {
        meta.0
            .insert(IDEMPOTENCY_KEY.to_owned(), Value::String(key.clone()));
    }
    if let Some(traceparent) = &call.traceparent {
        meta.set_traceparent(traceparent.clone());
    } else if !call.goal.is_empty() {
        // All calls of a goal are one trace, each a span of it: names that whoever has both can work out, and that tell nothing else.
        let named = |of: &str, bytes: usize| aios_work::content::hex(&Sha256::digest(of)[..bytes]);
        let trace = named(&format!("{}/{}", call.tenant, call.goal), 16);
        meta.set_traceparent(format!("00-{trace}-{}-01", named(key, 8)));
    }
    meta
}
