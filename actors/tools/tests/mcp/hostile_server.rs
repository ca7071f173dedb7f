//! A server over HTTP that means no good.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::any;
use futures::{StreamExt, stream};
use serde_json::{Value, json};

/// What a server of this test does, and how often it was asked.
pub(crate) struct Does {
    behaviour: &'static str,
    pub(crate) asked: AtomicUsize,
}

/// Starts one; gives its address and what it notes.
pub(crate) async fn serve(behaviour: &'static str) -> (String, Arc<Does>) {
    let does = Arc::new(Does {
        behaviour,
        asked: AtomicUsize::new(0),
    });
    let router = Router::new()
        .route("/mcp", any(answer))
        .with_state(Arc::clone(&does));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, does)
}

fn json_of(body: &Value) -> Response {
    ([("content-type", "application/json")], body.to_string()).into_response()
}

fn events(pieces: impl futures::Stream<Item = String> + Send + 'static) -> Response {
    let body = Body::from_stream(pieces.map(|piece| Ok::<_, Infallible>(Bytes::from(piece))));
    ([("content-type", "text/event-stream")], body).into_response()
}

/// Log lines that nobody asked for, without end.
fn flood() -> Response {
    let line = json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "x".repeat(1_000)}});
    events(stream::repeat(format!("data: {line}\n\n")))
}

/// One answer that is never over.
fn endless() -> Response {
    let body = stream::repeat(Ok::<_, Infallible>(Bytes::from(vec![b'x'; 64 << 10])));
    let begin = stream::iter([Ok(Bytes::from("{\"jsonrpc\": \"2.0\", \"result\": \""))]);
    let body = Body::from_stream(begin.chain(body));
    ([("content-type", "application/json")], body).into_response()
}

async fn never() -> Response {
    std::future::pending::<()>().await;
    StatusCode::OK.into_response()
}

async fn answer(State(does): State<Arc<Does>>, request: axum::extract::Request) -> Response {
    does.asked.fetch_add(1, Ordering::SeqCst);
    if request.method() != "POST" {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await;
    let message: Value = serde_json::from_slice(&body.unwrap_or_default()).unwrap_or_default();
    let id = message["id"].clone();
    let result = |result: Value| json_of(&json!({"jsonrpc": "2.0", "id": id, "result": result}));
    let method = message["method"].as_str().unwrap_or_default();
    match (does.behaviour, method) {
        ("mute", _) => never().await,
        ("page", _) => ([("content-type", "text/html")], "<html>no</html>").into_response(),
        ("broken", _) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        ("closed", _) => StatusCode::UNAUTHORIZED.into_response(),
        ("floods", "initialize") => flood(),
        ("endless", "initialize") => endless(),
        (elsewhere, _) if elsewhere.starts_with("http") => {
            Redirect::temporary(elsewhere).into_response()
        }
        (_, "server/discover") => json_of(
            &json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": "no such method"}}),
        ),
        (_, "initialize") => result(json!({
            "protocolVersion": message["params"]["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "s", "version": "1"}
        })),
        ("many", "tools/list") => {
            let tools = (0..500)
                .map(|n| json!({"name": format!("t{n}"), "inputSchema": {"type": "object"}}));
            result(json!({"tools": tools.collect::<Vec<_>>()}))
        }
        ("nonsense", "tools/list") => result(json!({"tools": [{"name": 7}]})),
        (_, "tools/list") => {
            let tool = |name: &str| json!({"name": name, "inputSchema": {"type": "object"}, "outputSchema": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}});
            let names = ["good", "lies", "hangs", "floods", "endless", "breaks"];
            result(json!({"tools": names.map(tool)}))
        }
        (_, "tools/call") => match message["params"]["name"].as_str().unwrap_or_default() {
            "lies" => result(json!({"content": [], "structuredContent": {"n": "seven"}})),
            "hangs" => never().await,
            "floods" => flood(),
            "endless" => endless(),
            "breaks" => StatusCode::BAD_GATEWAY.into_response(),
            _ => result(json!({"content": [], "structuredContent": {"n": 7}})),
        },
        _ => StatusCode::ACCEPTED.into_response(),
    }
}
