//! A node with an engine behind a slow server: calls of it run side by side, and whoever does not need it does not wait for it.

use std::time::{Duration, Instant};

use aios_control::{Generate, Generated, Request};
use aios_inference::router::Policy;
use aios_inference::{InferRequest, Purpose};
use aios_runtime::config::engines::EngineSettings;
use aios_runtime::{Config, Goal, Node, NodeView};
use aios_work::content::GoalStatus;
use axum::Json;
use axum::routing::post;
use serde_json::{Value, json};

use crate::house::{example, pursue, soon};

const CALLS: u64 = 64;
/// What the slowest call takes; the others take less.
const SLOWEST: Duration = Duration::from_millis(3_000);

/// Answers after as many milliseconds as it is told to wait.
async fn slow(Json(body): Json<Value>) -> ([(&'static str, &'static str); 1], String) {
    let turns = body["messages"].as_array().unwrap();
    let wait = turns.last().unwrap()["content"].as_str().unwrap();
    tokio::time::sleep(Duration::from_millis(wait.parse().unwrap())).await;
    let chunk = |delta: Value, finish: Value| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        format!("data: {}\n\n", json!({"id": "c", "choices": [choice]}))
    };
    let said = chunk(json!({"content": format!("after {wait}")}), Value::Null);
    let end = chunk(json!({}), json!("stop"));
    let events = format!("{said}{end}data: [DONE]\n\n");
    ([("content-type", "text/event-stream")], events)
}

async fn node() -> Node {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/v1", listener.local_addr().unwrap());
    let router = axum::Router::new().route("/v1/chat/completions", post(slow));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let far: EngineSettings = toml::from_str(&format!(
        "kind = \"openai\"\naddress = {address:?}\nmodel = \"m\""
    ))
    .unwrap();
    let mut config = Config::default();
    config.engines.insert("far".to_owned(), far);
    config.routes.policy = Policy::FallbackChain;
    config.routes.judge = vec!["far".to_owned()];
    for chain in [&mut config.routes.plan, &mut config.routes.write] {
        *chain = vec!["local".to_owned()];
    }
    Node::builder().config(config).start().await.unwrap()
}

/// One call: half of them as clients name the engine, half as the node's agents have it chosen.
async fn call(node: Node, at: u64) -> String {
    let ms = SLOWEST.as_millis() as u64 * (at + 1) / CALLS;
    if at.is_multiple_of(2) {
        let asked: Generate = serde_json::from_value(json!({
            "engine": "far",
            "turns": [{"who": "user", "text": ms.to_string()}],
            "max_tokens": 16,
        }))
        .unwrap();
        let written: Generated = node.control().ask(&Request::Generate(asked)).await.unwrap();
        return written.text;
    }
    let engine = node.system().engine().unwrap().clone();
    let asked = InferRequest::chat("", ms.to_string())
        .purpose(Purpose::Judge)
        .max_tokens(16);
    engine.infer(asked).await.unwrap().text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_calls_elsewhere_take_the_time_of_the_slowest_and_nothing_else_waits_for_them() {
    let node = node().await;
    let folder = tempfile::tempdir().unwrap();
    let goal = async || {
        let begun = Instant::now();
        let goal = Goal::new("Analyze Q3 sales")
            .data([example("q3_sales.csv")])
            .out(folder.path());
        let answer = soon("the goal", pursue(&node, goal)).await.unwrap();
        assert_eq!(answer.status, GoalStatus::Approved, "{answer:?}");
        begun.elapsed()
    };
    let view = async || {
        let begun = Instant::now();
        let view: NodeView = node.control().ask(&Request::View {}).await.unwrap();
        assert!(!view.agents.is_empty());
        begun.elapsed()
    };
    // The first of each fills what is filled once.
    goal().await;
    let (usual_goal, usual_view) = (goal().await, view().await);

    let begun = Instant::now();
    let calls: Vec<_> = (0..CALLS)
        .map(|at| tokio::spawn(call(node.clone(), at)))
        .collect();
    // All of them are on their way.
    tokio::time::sleep(Duration::from_millis(40)).await;
    let (seen, worked) = (view().await, goal().await);
    assert!(
        !calls[CALLS as usize - 1].is_finished(),
        "the goal was answered in {worked:?}, before the slowest call"
    );
    for (at, call) in calls.into_iter().enumerate() {
        let text = soon("a call", call).await.unwrap();
        let ms = SLOWEST.as_millis() as usize * (at + 1) / CALLS as usize;
        assert_eq!(text, format!("after {ms}"));
    }
    let took = begun.elapsed();
    assert!(took < SLOWEST.mul_f64(1.1), "{took:?} for {SLOWEST:?}");
    // Twice, and what a busy machine takes: a wait for any of the calls would be of another size.
    let slack = Duration::from_millis(200);
    assert!(
        seen < usual_view * 2 + slack,
        "{seen:?}, usually {usual_view:?}"
    );
    assert!(
        worked < usual_goal * 2 + slack,
        "{worked:?}, usually {usual_goal:?}"
    );
    node.stop().await;
}
