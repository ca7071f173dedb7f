//! OpenAI's form: chat completions as a stream of chunks, and embeddings.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::gathered::{BadEvent, Gathered};
use super::quirks::{Quirks, refuse};
use super::sse::Event;
use super::{RemoteConfig, schema};
use crate::{ChatRole, ChatTurn, EngineError, Finish, InferRequest, Prompt, Sampling, Usage};

/// Stop texts that the form takes.
const STOPS_MAX: usize = 4;

/// A call of `chat/completions`.
pub(super) fn body(
    config: &RemoteConfig,
    request: &InferRequest,
    quirks: Quirks,
) -> Result<Value, EngineError> {
    refuse(request)?;
    let stops: Vec<&String> = request
        .stop
        .iter()
        .filter(|stop| !stop.is_empty())
        .collect();
    if stops.len() > STOPS_MAX {
        return Err(EngineError::Unsupported {
            what: format!("{} stop texts; {STOPS_MAX} at most", stops.len()),
        });
    }
    let bound = if quirks.completion_tokens {
        "max_completion_tokens"
    } else {
        "max_tokens"
    };
    let mut body = json!({
        "model": config.model,
        "messages": messages(&request.prompt),
        "stream": true,
        bound: request.max_tokens,
    });
    if !quirks.no_stream_options {
        body["stream_options"] = json!({"include_usage": true});
    }
    if !quirks.no_sampling {
        match request.sampling {
            Sampling::Greedy => body["temperature"] = json!(0),
            Sampling::Seeded {
                seed,
                temperature,
                top_p,
                ..
            } => {
                // The form's seed is a signed number.
                body["seed"] = json!(seed & (i64::MAX as u64));
                body["temperature"] = json!(temperature);
                body["top_p"] = json!(top_p);
            }
        }
    }
    if !stops.is_empty() {
        body["stop"] = json!(stops);
    }
    if let Some(grammar) = &request.grammar {
        let schema = schema::read(grammar)?;
        let schema = schema.source();
        let strict = !quirks.not_strict && schema::is_strict(schema);
        body["response_format"] = json!({
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": schema, "strict": strict},
        });
    }
    if !request.tools.is_empty() {
        let tools = request.tools.iter().map(|tool| {
            json!({"type": "function", "function": {
                "name": tool.name, "description": tool.description, "parameters": tool.input,
            }})
        });
        body["tools"] = tools.collect();
    }
    Ok(body)
}

fn messages(prompt: &Prompt) -> Vec<Value> {
    match prompt {
        Prompt::Raw(text) => vec![json!({"role": "user", "content": text})],
        Prompt::Chat(turns) => turns.iter().map(message).collect(),
    }
}

fn message(turn: &ChatTurn) -> Value {
    let mut message = json!({"role": turn.role.as_str(), "content": turn.content});
    if turn.role == ChatRole::Tool {
        message["tool_call_id"] = json!(turn.answers.as_deref().unwrap_or_default());
    }
    if !turn.calls.is_empty() {
        let calls = turn.calls.iter().map(|call| {
            json!({"id": call.id, "type": "function",
                "function": {"name": call.name, "arguments": call.arguments}})
        });
        message["tool_calls"] = calls.collect();
    }
    message
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    system_fingerprint: Option<String>,
    #[serde(default)]
    choices: Option<Vec<Choice>>,
    #[serde(default)]
    usage: Option<Counted>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Option<Delta>,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Delta {
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<CallDelta>>,
}

#[derive(Deserialize)]
struct CallDelta {
    #[serde(default)]
    index: Option<usize>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    function: Option<FunctionDelta>,
}

#[derive(Deserialize)]
struct FunctionDelta {
    #[serde(default)]
    name: Option<String>,
    /// Text in the form, an object from some servers.
    #[serde(default)]
    arguments: Option<Value>,
}

#[derive(Deserialize)]
struct Counted {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
}

/// Takes one event of the stream.
pub(super) fn event(event: &Event, answer: &mut Gathered) -> Result<(), BadEvent> {
    let data = event.data.trim();
    if data == "[DONE]" {
        // The end of the bytes, not of the answer: only a reason to finish tells that it is whole.
        return Ok(());
    }
    if data.is_empty() {
        return Ok(());
    }
    let chunk: Chunk =
        serde_json::from_str(data).map_err(|error| BadEvent::Unreadable(error.to_string()))?;
    if let Some(error) = &chunk.error {
        let said = super::words::sentence(error).unwrap_or_else(|| error.to_string());
        return Err(BadEvent::Failed(said));
    }
    if event.name == "error" {
        return Err(BadEvent::Failed(data.to_owned()));
    }
    if let Some(counted) = chunk.usage {
        answer.usage = Some(Usage {
            prompt_tokens: counted.prompt_tokens,
            new_tokens: counted.completion_tokens,
            estimated: false,
        });
    }
    if let Some(model) = chunk.model.filter(|model| !model.is_empty()) {
        answer.model = Some(model);
    }
    if let Some(version) = chunk.system_fingerprint.filter(|text| !text.is_empty()) {
        answer.version = Some(version);
    }
    for choice in chunk.choices.unwrap_or_default() {
        if let Some(delta) = choice.delta {
            take(delta, answer)?;
        }
        if let Some(reason) = choice.finish_reason {
            answer.finish = Some(match reason.as_str() {
                "length" => Finish::Length,
                "content_filter" => {
                    return Err(BadEvent::Withheld(
                        "its filter withholds the answer".to_owned(),
                    ));
                }
                _ if !answer.calls.is_empty() => Finish::Tools,
                _ => Finish::Stop,
            });
            answer.whole = true;
        }
    }
    Ok(())
}

fn take(delta: Delta, answer: &mut Gathered) -> Result<(), BadEvent> {
    if let Some(refusal) = delta.refusal.filter(|text| !text.is_empty()) {
        return Err(BadEvent::Withheld(refusal));
    }
    if let Some(text) = &delta.content {
        answer.say(text)?;
    }
    for part in delta.tool_calls.unwrap_or_default() {
        let last = answer.calls.len();
        // A server that sends whole calls may leave the places out.
        let at = part.index.unwrap_or(last);
        let (name, arguments) = match part.function {
            Some(function) => (function.name, function.arguments),
            None => (None, None),
        };
        let arguments = match arguments {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text,
            Some(object) => object.to_string(),
        };
        let id = part.id.unwrap_or_default();
        let name = name.unwrap_or_default();
        answer.weigh(arguments.len() + name.len() + id.len())?;
        let call = answer.call(at)?;
        call.name.push_str(&name);
        call.arguments.push_str(&arguments);
        if call.id.is_empty() {
            call.id = if id.is_empty() {
                format!("call-{at}")
            } else {
                id
            };
        }
    }
    Ok(())
}

/// A call of `embeddings`.
pub(super) fn embed_body(config: &RemoteConfig, texts: &[String], as_base64: bool) -> Value {
    let mut body = json!({"model": config.embed_model, "input": texts});
    if as_base64 {
        body["encoding_format"] = json!("base64");
    }
    body
}

#[derive(Deserialize)]
struct Embedded {
    data: Vec<OneEmbedded>,
}

#[derive(Deserialize)]
struct OneEmbedded {
    #[serde(default)]
    index: Option<usize>,
    embedding: Numbers,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Numbers {
    Floats(Vec<f32>),
    Base64(String),
}

/// The vectors of an answer in the order of the texts, each of length 1.
///
/// # Errors
/// What is wrong with the answer.
pub(super) fn vectors(bytes: &[u8], texts: usize) -> Result<Vec<Vec<f32>>, String> {
    let embedded: Embedded = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if embedded.data.len() != texts {
        return Err(format!("{} vectors for {texts} texts", embedded.data.len()));
    }
    let mut vectors = vec![Vec::new(); texts];
    for (at, one) in embedded.data.into_iter().enumerate() {
        let place = vectors
            .get_mut(one.index.unwrap_or(at))
            .filter(|place| place.is_empty())
            .ok_or("a vector is there twice, or for no text")?;
        *place = unit(floats(one.embedding)?)?;
    }
    let length = vectors.first().map_or(0, Vec::len);
    if vectors.iter().any(|vector| vector.len() != length) {
        return Err("vectors of different lengths".to_owned());
    }
    Ok(vectors)
}

fn floats(numbers: Numbers) -> Result<Vec<f32>, String> {
    match numbers {
        Numbers::Floats(floats) => Ok(floats),
        Numbers::Base64(text) => {
            let bytes = BASE64_STANDARD
                .decode(text)
                .map_err(|error| format!("a vector is no base64: {error}"))?;
            let (floats, rest) = bytes.as_chunks::<4>();
            if !rest.is_empty() {
                return Err("a vector ends within a number".to_owned());
            }
            Ok(floats
                .iter()
                .map(|four| f32::from_le_bytes(*four))
                .collect())
        }
    }
}

fn unit(mut vector: Vec<f32>) -> Result<Vec<f32>, String> {
    let norm = vector
        .iter()
        .map(|x| f64::from(*x) * f64::from(*x))
        .sum::<f64>()
        .sqrt();
    if !norm.is_finite() || norm <= 0.0 {
        return Err("a vector without a direction".to_owned());
    }
    for x in &mut vector {
        *x = (f64::from(*x) / norm) as f32;
    }
    Ok(vector)
}
