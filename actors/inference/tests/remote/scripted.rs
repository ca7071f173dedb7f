//! Servers of both forms over the scripted engine: what they answer can be predicted, and they keep to every rule.

use std::convert::Infallible;
use std::sync::Arc;

use aios_inference::{
    ChatRole, ChatTurn, EmbedRequest, EngineActor, EngineConfig, EngineError, EngineHandle, Finish,
    InferRequest, Prompt, Sampling, ScriptedEngine,
};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

/// Tokens its model can attend to.
pub(crate) const CONTEXT: u32 = 8_192;

/// A server of both forms; gives its address.
pub(crate) async fn serve() -> String {
    let factory = Arc::new(|| Ok(Box::new(ScriptedEngine::new()) as _));
    let (engine, _) = EngineActor::spawn(
        EngineConfig {
            queue: 256,
            ..EngineConfig::default()
        },
        factory,
    )
    .await
    .unwrap();
    let router = Router::new()
        .route("/v1/chat/completions", post(chat))
        .route("/v1/embeddings", post(embed))
        .route("/v1/messages", post(messages))
        .route("/v1/models", get(models))
        .with_state(engine);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

async fn models() -> Json<Value> {
    Json(
        json!({"object": "list", "data": [{"id": "a-model", "object": "model", "max_model_len": CONTEXT}]}),
    )
}

fn turns(messages: &Value) -> Vec<ChatTurn> {
    let text = |message: &Value| match &message["content"] {
        Value::Array(blocks) => blocks
            .iter()
            .filter_map(|block| block["text"].as_str())
            .collect(),
        content => content.as_str().unwrap_or_default().to_owned(),
    };
    let turn = |message: &Value| {
        let role = match message["role"].as_str() {
            Some("system") => ChatRole::System,
            Some("assistant") => ChatRole::Assistant,
            Some("tool") => ChatRole::Tool,
            _ => ChatRole::User,
        };
        ChatTurn::new(role, text(message))
    };
    messages
        .as_array()
        .into_iter()
        .flatten()
        .map(turn)
        .collect()
}

fn request(body: &Value, turns: Vec<ChatTurn>, stops: &Value) -> InferRequest {
    let tokens = body["max_tokens"].as_u64().unwrap_or(16) as u32;
    let mut request = InferRequest::new(Prompt::Chat(turns)).max_tokens(tokens);
    if let Some(seed) = body["seed"].as_u64() {
        request.sampling = Sampling::Seeded {
            seed,
            temperature: 1.0,
            top_p: 1.0,
            top_k: 0,
        };
    }
    for stop in stops.as_array().into_iter().flatten() {
        request = request.stop(stop.as_str().unwrap());
    }
    request
}

fn refusal(error: &EngineError) -> Response {
    let (status, code) = match error {
        EngineError::PromptTooLong { .. } => (StatusCode::BAD_REQUEST, "context_length_exceeded"),
        EngineError::QueueFull { .. } => (StatusCode::TOO_MANY_REQUESTS, "rate_limit"),
        _ => (StatusCode::BAD_REQUEST, "bad_request"),
    };
    let body = json!({"error": {"message": error.to_string(), "code": code, "type": "invalid_request_error", "param": null}});
    (status, Json(body)).into_response()
}

fn sse(events: Vec<String>) -> Response {
    // In pieces, so that it is read as a stream.
    let pieces = events
        .into_iter()
        .map(|event| Ok::<_, Infallible>(Bytes::from(event)));
    let body = Body::from_stream(futures::stream::iter(pieces));
    ([("content-type", "text/event-stream")], body).into_response()
}

async fn chat(State(engine): State<EngineHandle>, Json(body): Json<Value>) -> Response {
    let mut asked = request(&body, turns(&body["messages"]), &body["stop"]);
    if let Some(schema) = body.pointer("/response_format/json_schema/schema") {
        asked = asked.json_schema(schema.to_string());
    }
    let tool = body.pointer("/tools/0/function").cloned();
    let answer = match &tool {
        Some(tool) => {
            asked = asked.json_schema(tool["parameters"].to_string());
            engine.infer(asked).await
        }
        None => engine.infer(asked).await,
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return refusal(&error),
    };
    let chunk = |delta: Value, reason: Value| {
        let chunk = json!({"id": "chat-1", "object": "chat.completion.chunk", "created": 1, "model": body["model"],
            "system_fingerprint": "fp_1", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]});
        format!("data: {chunk}\n\n")
    };
    let mut events = vec![chunk(
        json!({"role": "assistant", "content": ""}),
        Value::Null,
    )];
    let reason = match (&tool, answer.finish) {
        (Some(tool), _) => {
            let (name, rest) = (&tool["name"], &answer.text);
            events.push(chunk(
                json!({"tool_calls": [{"index": 0, "id": "call-7", "type": "function",
                "function": {"name": name, "arguments": ""}}]}),
                Value::Null,
            ));
            for piece in rest.split_inclusive(':') {
                events.push(chunk(
                    json!({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}),
                    Value::Null,
                ));
            }
            "tool_calls"
        }
        (None, finish) => {
            for piece in answer.text.split_inclusive(' ') {
                events.push(chunk(json!({"content": piece}), Value::Null));
            }
            if finish == Finish::Length {
                "length"
            } else {
                "stop"
            }
        }
    };
    events.push(chunk(json!({}), json!(reason)));
    if body.pointer("/stream_options/include_usage") == Some(&json!(true)) {
        let usage = json!({"prompt_tokens": answer.usage.prompt_tokens, "completion_tokens": answer.usage.new_tokens,
            "total_tokens": answer.usage.total()});
        events.push(format!(
            "data: {}\n\n",
            json!({"id": "chat-1", "object": "chat.completion.chunk", "created": 1,
            "model": body["model"], "choices": [], "usage": usage})
        ));
    }
    events.push("data: [DONE]\n\n".into());
    sse(events)
}

async fn messages(State(engine): State<EngineHandle>, Json(body): Json<Value>) -> Response {
    let mut said = turns(&body["messages"]);
    if let Some(system) = body["system"].as_str() {
        said.insert(0, ChatTurn::new(ChatRole::System, system));
    }
    let mut asked = request(&body, said, &body["stop_sequences"]);
    let tool = body.pointer("/tools/0").cloned();
    if let Some(tool) = &tool {
        asked = asked.json_schema(tool["input_schema"].to_string());
    }
    let answer = match engine.infer(asked).await {
        Ok(answer) => answer,
        Err(EngineError::PromptTooLong { asked, allowed }) => {
            let body = json!({"type": "error", "error": {"type": "invalid_request_error",
                "message": format!("prompt is too long: {asked} tokens > {allowed} maximum")}});
            return (StatusCode::BAD_REQUEST, Json(body)).into_response();
        }
        Err(error) => return refusal(&error),
    };
    let event = |kind: &str, mut body: Value| {
        body["type"] = json!(kind);
        format!("event: {kind}\ndata: {body}\n\n")
    };
    let start = json!({"message": {"id": "msg_1", "type": "message", "role": "assistant", "model": body["model"], "content": [],
        "stop_reason": null, "usage": {"input_tokens": answer.usage.prompt_tokens, "output_tokens": 1}}});
    let mut events = vec![event("message_start", start), event("ping", json!({}))];
    let (block, reason) = match &tool {
        Some(tool) => (
            json!({"type": "tool_use", "id": "toolu_1", "name": tool["name"], "input": {}}),
            "tool_use",
        ),
        None if answer.finish == Finish::Length => {
            (json!({"type": "text", "text": ""}), "max_tokens")
        }
        None => (json!({"type": "text", "text": ""}), "end_turn"),
    };
    events.push(event(
        "content_block_start",
        json!({"index": 0, "content_block": block}),
    ));
    for piece in answer.text.split_inclusive(' ') {
        let delta = match tool {
            Some(_) => json!({"type": "input_json_delta", "partial_json": piece}),
            None => json!({"type": "text_delta", "text": piece}),
        };
        events.push(event(
            "content_block_delta",
            json!({"index": 0, "delta": delta}),
        ));
    }
    events.push(event("content_block_stop", json!({"index": 0})));
    events.push(event(
        "message_delta",
        json!({"delta": {"stop_reason": reason, "stop_sequence": null},
        "usage": {"output_tokens": answer.usage.new_tokens}}),
    ));
    events.push(event("message_stop", json!({})));
    sse(events)
}

async fn embed(State(engine): State<EngineHandle>, Json(body): Json<Value>) -> Response {
    let texts = body["input"].as_array().into_iter().flatten();
    let texts: Vec<&str> = texts.map(|text| text.as_str().unwrap()).collect();
    let vectors = engine.embed(EmbedRequest::new(texts)).await.unwrap();
    let as_base64 = body["encoding_format"] == "base64";
    // Out of order, as a server may, and not of length 1.
    let data: Vec<Value> = vectors
        .iter()
        .enumerate()
        .rev()
        .map(|(index, one)| {
            let floats: Vec<f32> = one.vector.iter().map(|x| x * 3.0).collect();
            let embedding = if as_base64 {
                let bytes: Vec<u8> = floats.iter().flat_map(|x| x.to_le_bytes()).collect();
                json!(BASE64_STANDARD.encode(bytes))
            } else {
                json!(floats)
            };
            json!({"object": "embedding", "index": index, "embedding": embedding})
        })
        .collect();
    Json(
        json!({"object": "list", "data": data, "model": body["model"],
        "usage": {"prompt_tokens": 1, "total_tokens": 1}}),
    )
    .into_response()
}
