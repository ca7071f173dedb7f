//! What a server honours, found out by asking it: schemas, tools, counts in a stream, vectors, its context.
//!
//! Servers accept what they then ignore, so each point is tried and its answer checked.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Form, RemoteConfig, RemoteEngine, http};
use crate::{EngineError, Finish, Generate as _, InferRequest, ToolDefinition};

/// How long one question of a probe may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes of a server's list of models.
const LIST_BYTES_MAX: usize = 4 << 20;

/// What one server honoured when it was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// When, in seconds since 1970.
    pub at_unix_s: u64,
    /// The address that was asked.
    pub address: String,
    /// The model that was asked.
    pub model: String,
    /// It answers in a chat.
    pub chat: bool,
    /// An answer keeps to a schema that it would not keep to by chance.
    pub schema: bool,
    /// It asks for a tool when only that helps.
    pub tools: bool,
    /// It counts tokens in a stream.
    pub usage_in_stream: bool,
    /// Length of its vectors, if it embeds.
    pub embedding: Option<u32>,
    /// It sends vectors as base64 where asked.
    pub base64_embeddings: bool,
    /// Tokens it can attend to, if it says so.
    pub context: Option<u32>,
    /// What it refused, in its words.
    pub refusals: Vec<String>,
}

/// Asks a server what it honours. Nothing of what it was found to honour before is believed.
///
/// # Errors
/// When it cannot be reached or does not let us in: then nothing was found out.
pub async fn probe(config: &RemoteConfig) -> Result<Probe, EngineError> {
    let mut config = config.clone();
    config.honours = None;
    let engine = RemoteEngine::new(config.clone());
    let mut probe = Probe {
        at_unix_s: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |time| time.as_secs()),
        address: config.address.to_string(),
        model: config.model.clone(),
        ..Probe::default()
    };
    if !config.model.is_empty() {
        chat(&engine, &mut probe).await?;
        schema(&engine, &mut probe).await?;
        tools(&engine, &mut probe).await?;
        probe.context = context(&engine).await;
    }
    if !config.embed_model.is_empty() && config.form == Form::OpenAi {
        embeddings(&engine, &config, &mut probe).await?;
    }
    Ok(probe)
}

/// An answer, or a refusal that is noted; what keeps the probe from finding anything out is an error.
fn noted<T>(
    result: Result<T, EngineError>,
    what: &str,
    probe: &mut Probe,
) -> Result<Option<T>, EngineError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(
            error @ (EngineError::Down { .. }
            | EngineError::Unauthorised { .. }
            | EngineError::RateLimited { .. }),
        ) => Err(error),
        Err(error) => {
            probe.refusals.push(format!("{what}: {error}"));
            Ok(None)
        }
    }
}

async fn chat(engine: &RemoteEngine, probe: &mut Probe) -> Result<(), EngineError> {
    let request = InferRequest::chat("Be brief.", "Say hello.")
        .max_tokens(16)
        .within(PATIENCE);
    if let Some(answer) = noted(engine.infer(request).await, "chat", probe)? {
        probe.chat = !answer.text.is_empty();
        probe.usage_in_stream = !answer.usage.estimated;
    }
    Ok(())
}

async fn schema(engine: &RemoteEngine, probe: &mut Probe) -> Result<(), EngineError> {
    // Nobody answers this question in this form by chance.
    let schema = json!({
        "type": "object",
        "properties": {"kettle": {"enum": ["q7x", "q8x"]}, "sure": {"type": "boolean"}},
        "required": ["kettle", "sure"],
        "additionalProperties": false,
    });
    let request = InferRequest::chat("Be brief.", "What is the capital of France?")
        .json_schema(schema.to_string())
        .max_tokens(64)
        .within(PATIENCE);
    if let Some(answer) = noted(engine.infer(request).await, "schema", probe)? {
        probe.schema = answer.finish == Finish::Stop;
    }
    Ok(())
}

async fn tools(engine: &RemoteEngine, probe: &mut Probe) -> Result<(), EngineError> {
    let tool = ToolDefinition {
        name: "read_meter".into(),
        description: "Reads the meter of a room. The only way to know its value.".into(),
        input: json!({"type": "object", "properties": {"room": {"type": "string"}}, "required": ["room"]}),
    };
    let request = InferRequest::chat(
        "Use the tool read_meter whenever a meter's value is asked for.",
        "What does the meter in room 7 show?",
    )
    .tools([tool])
    .max_tokens(128)
    .within(PATIENCE);
    if let Some(answer) = noted(engine.infer(request).await, "tools", probe)? {
        probe.tools = answer.calls.iter().any(|call| {
            call.name == "read_meter"
                && serde_json::from_str::<Value>(&call.arguments)
                    .is_ok_and(|value| value.is_object())
        });
    }
    Ok(())
}

async fn embeddings(
    engine: &RemoteEngine,
    config: &RemoteConfig,
    probe: &mut Probe,
) -> Result<(), EngineError> {
    probe.embedding = noted(engine.dimensions().await, "embeddings", probe)?;
    if probe.embedding.is_some() {
        let mut by_base64 = config.clone();
        by_base64.honours = Some(Probe {
            base64_embeddings: true,
            ..Probe::default()
        });
        let asked = RemoteEngine::new(by_base64).dimensions().await;
        let same = noted(asked, "embeddings as base64", probe)?;
        probe.base64_embeddings = same == probe.embedding;
    }
    Ok(())
}

/// What the server's list of models, or its own description, says of the context.
async fn context(engine: &RemoteEngine) -> Option<u32> {
    let config = engine.config();
    let response = engine.get("models").await.ok()?;
    let bytes = http::whole(config, response, LIST_BYTES_MAX).await.ok()?;
    let list: Value = serde_json::from_slice(&bytes).ok()?;
    let models = list.get("data").and_then(Value::as_array)?;
    let named = |model: &&Value| model.get("id").is_some_and(|id| *id == config.model);
    let model = models.iter().find(named).or_else(|| models.first())?;
    // vLLM, llama.cpp, LM Studio, and others: each has its own word for it.
    let number = |value: Option<&Value>| value.and_then(Value::as_u64);
    let said = number(model.get("max_model_len"))
        .or_else(|| number(model.pointer("/meta/n_ctx")))
        .or_else(|| number(model.get("context_length")))
        .or_else(|| number(model.get("max_context_length")))
        .or_else(|| number(model.get("max_input_tokens")))
        .or_else(|| number(model.pointer("/meta/n_ctx_train")));
    said.and_then(|tokens| u32::try_from(tokens).ok())
}
