//! A server of OpenAI's form that says what a large model has said: real HTTP, a stream of chunks, and no model.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

/// What it says next, and what it was asked.
#[derive(Default)]
struct Script {
    plans: VecDeque<String>,
    words: VecDeque<String>,
    asked: Vec<String>,
}

/// The server; it is gone with its test.
pub(crate) struct Replayed {
    /// Up to the version.
    pub(crate) address: String,
    script: Arc<Mutex<Script>>,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for Replayed {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Replayed {
    /// One that will say these plans, and these words to everything else.
    pub(crate) async fn serve(plans: Vec<String>, words: Vec<String>) -> Self {
        let script = Script {
            plans: plans.into(),
            words: words.into(),
            asked: Vec::new(),
        };
        let script = Arc::new(Mutex::new(script));
        let router = Router::new()
            .route("/v1/chat/completions", post(chat))
            .route("/v1/models", get(models))
            .with_state(Arc::clone(&script));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/v1", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            script,
            serving,
        }
    }

    pub(crate) fn will_plan(&self, plan: &str) {
        self.script.lock().unwrap().plans.push_back(plan.to_owned());
    }

    pub(crate) fn will_say(&self, words: &str) {
        self.script
            .lock()
            .unwrap()
            .words
            .push_back(words.to_owned());
    }

    /// The messages of each call, as they came.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.script.lock().unwrap().asked.clone()
    }
}

async fn models() -> Json<Value> {
    Json(json!({"object": "list", "data": [{"id": "large-1", "object": "model"}]}))
}

async fn chat(State(script): State<Arc<Mutex<Script>>>, Json(body): Json<Value>) -> Response {
    let asked = body["messages"].to_string();
    let said = {
        let mut script = script.lock().unwrap();
        script.asked.push(asked.clone());
        match asked.contains("Plan how to reach") {
            true => script.plans.pop_front(),
            false => script.words.pop_front(),
        }
    };
    // A model that has nothing more to say is overloaded.
    let Some(said) = said else {
        let error = json!({"error": {"message": "nothing is left to say", "type": "server_error", "param": null, "code": null}});
        return (axum::http::StatusCode::BAD_REQUEST, Json(error)).into_response();
    };
    let chunk = |delta: Value, finish: Value| {
        json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "large-1",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
    };
    let mut events = vec![chunk(
        json!({"role": "assistant", "content": ""}),
        Value::Null,
    )];
    let words: Vec<char> = said.chars().collect();
    events.extend(words.chunks(40).map(|piece| {
        chunk(
            json!({"content": piece.iter().collect::<String>()}),
            Value::Null,
        )
    }));
    events.push(chunk(json!({}), json!("stop")));
    events.push(json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "large-1",
        "choices": [], "usage": {"prompt_tokens": asked.len() / 4, "completion_tokens": said.len() / 4, "total_tokens": (asked.len() + said.len()) / 4}}));
    let lines: String = events
        .iter()
        .map(|event| format!("data: {event}\n\n"))
        .collect();
    let body = format!("{lines}data: [DONE]\n\n");
    ([("content-type", "text/event-stream")], body).into_response()
}
