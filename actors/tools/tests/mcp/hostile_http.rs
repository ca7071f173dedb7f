//! Servers over HTTP that flood, hang, lie, send elsewhere or die: each is contained, says so in the tree, and harms nobody beside it.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aios_tools::mcp::ServerSpec;
use aios_work::{Effect, ServerState, ToolErrorKind};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::any;
use futures::{StreamExt, stream};
use serde_json::{Value, json};

use crate::rig::{Rig, eventually};

/// What a server of this test does, and how often it was asked.
struct Does {
    behaviour: &'static str,
    asked: AtomicUsize,
}

/// Starts one; gives its address and what it notes.
async fn serve(behaviour: &'static str) -> (String, Arc<Does>) {
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

fn spec(url: &str) -> ServerSpec {
    ServerSpec {
        effect: Effect::Pure,
        timeout: Duration::from_secs(20),
        ..ServerSpec::url("s", url)
    }
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

#[tokio::test]
async fn what_a_server_over_http_does_wrong_is_told_in_the_tree_and_it_is_tried_again() {
    for (behaviour, why) in [
        ("page", "last exit: failed"),
        ("broken", "500"),
        ("closed", "last exit: failed"),
        (
            "floods",
            "it floods: it sends more than it is asked for without end",
        ),
        ("endless", "last exit: failed"),
        ("many", "it lists more than 256 tools"),
        ("nonsense", "its tools cannot be listed"),
    ] {
        let (url, _) = serve(behaviour).await;
        let rig = Rig::start(spec(&url)).await;
        let drawn = rig.fallen().await;
        assert!(drawn.contains(why), "{behaviour}: {drawn}");
        eventually("it is tried again", || {
            let tree = rig.tree.view();
            tree.find("s").is_some_and(|child| child.incarnation > 1)
        })
        .await;
        rig.tree.stop().await;
    }
}

#[tokio::test]
async fn a_server_that_sends_elsewhere_is_not_followed() {
    let (elsewhere, heard) = serve("honest").await;
    let (url, _) = serve(Box::leak(elsewhere.into_boxed_str())).await;
    let rig = Rig::start(spec(&url)).await;
    rig.fallen().await;
    assert_eq!(heard.asked.load(Ordering::SeqCst), 0);
    rig.tree.stop().await;
}

#[tokio::test]
async fn a_server_over_http_that_never_answers_holds_nobody_up() {
    let (url, _) = serve("mute").await;
    let rig = Rig::start(spec(&url)).await;
    rig.until("starting", |seen| seen.state == ServerState::Starting)
        .await;
    let begun = Instant::now();
    rig.tree.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(8));
}

#[tokio::test]
async fn a_call_that_goes_wrong_over_http_ends_in_its_time_and_the_next_one_is_answered() {
    let (url, _) = serve("honest").await;
    let rig = Rig::start(spec(&url)).await;
    rig.ready().await;
    let rows = [
        (
            "lies",
            ToolErrorKind::Provider,
            "what it says its results are not",
        ),
        ("hangs", ToolErrorKind::Timeout, "did not answer within"),
        ("breaks", ToolErrorKind::Provider, "502"),
        ("floods", ToolErrorKind::Network, ""),
        ("endless", ToolErrorKind::InvalidArguments, ""),
    ];
    for (tool, kind, why) in rows {
        let call = Rig::given(json!({}), "k", Duration::from_secs(3));
        let begun = Instant::now();
        let error = rig
            .tool(&format!("s__{tool}"))
            .call(call)
            .await
            .unwrap_err();
        assert!(begun.elapsed() < Duration::from_secs(6), "{tool}");
        assert_eq!(error.kind(), kind, "{tool}: {error}");
        assert!(error.to_string().contains(why), "{tool}: {error}");
        assert!(error.is_in_doubt(), "{tool}: {error}");
        let begun = Instant::now();
        // It may have to be connected to anew.
        while let Err(error) = rig.call("s__good", json!({})).await {
            assert!(
                error.is_retryable() && begun.elapsed() < Duration::from_secs(30),
                "{tool}: {error}"
            );
        }
    }
    rig.tree.stop().await;
}
