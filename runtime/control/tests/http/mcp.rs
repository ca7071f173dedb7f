//! The Model Context Protocol on the same port: what a client of it says, word for word, and what nobody gets away with.

use std::sync::atomic::Ordering::Relaxed;

use aios_control::http::Refusal;
use serde_json::{Value, json};

use crate::fake::{Answer, House};

const WANTS: &str =
    "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n";

async fn says(house: &House, method: &str, params: Value) -> Value {
    let said = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let answer = house.post("/mcp", WANTS, &said.to_string()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

async fn calls(house: &House, tool: &str, arguments: Value) -> Value {
    let params = json!({"name": tool, "arguments": arguments});
    says(house, "tools/call", params).await["result"].clone()
}

#[tokio::test]
async fn a_goal_is_given_and_asked_after_by_tools() {
    let house = House::open().await;
    let begun = says(
        &house,
        "initialize",
        json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}),
    )
    .await;
    assert_eq!(begun["result"]["serverInfo"]["name"], "aios");
    assert_eq!(begun["result"]["protocolVersion"], "2025-06-18");
    let listed = says(&house, "tools/list", json!({})).await;
    let tools = listed["result"]["tools"].as_array().unwrap();
    let named = |name: &str| tools.iter().find(|tool| tool["name"] == name).unwrap();
    assert_eq!(
        named("submit_goal")["inputSchema"]["required"],
        json!(["goal"])
    );
    assert_eq!(named("tree")["annotations"]["readOnlyHint"], true);
    assert_eq!(named("cancel_goal")["annotations"]["destructiveHint"], true);

    let answered = calls(
        &house,
        "submit_goal",
        json!({"goal": "hello", "goal_id": "g"}),
    )
    .await;
    let text = answered["content"][0]["text"].as_str().unwrap();
    assert!(
        text.contains("goal g is approved") && text.contains("# It is so"),
        "{text}"
    );
    assert_eq!(answered["structuredContent"]["phase"], "answered");
    assert_eq!(*house.node.out.lock().unwrap(), "/out");
    let cancelled = calls(&house, "cancel_goal", json!({"goal_id": "g"})).await;
    assert_eq!(
        (
            cancelled["isError"] == true,
            house.node.cancels.load(Relaxed)
        ),
        (false, 1)
    );
    let asked = calls(&house, "ask_agent", json!({"agent": "a", "content": "hi"})).await;
    assert_eq!(asked["structuredContent"]["content"], "hi");
    // What the node refuses is told to the model, which may mend it.
    let refused = calls(
        &house,
        "ask_agent",
        json!({"agent": "nobody", "content": "hi"}),
    )
    .await;
    assert_eq!(refused["isError"], true);
    assert_eq!(refused["structuredContent"]["kind"], "unknown");
    let wrong = calls(&house, "submit_goal", json!({"gaol": "hello"})).await;
    assert_eq!(wrong["isError"], true);
    let none = says(
        &house,
        "tools/call",
        json!({"name": "no_such", "arguments": {}}),
    )
    .await;
    assert_eq!(none["error"]["code"], -32_602);
}

#[tokio::test]
async fn nobody_gets_away_with_more_there_than_elsewhere() {
    let house = House::open().await;
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}).to_string();
    let length = format!("Content-Length: {}\r\n{WANTS}\r\n{call}", call.len());
    let stranger = house.visit("POST /mcp", &length).await;
    assert_eq!(stranger.status, 401);
    let foreign = format!("{WANTS}Origin: http://evil.example\r\n");
    assert_eq!(house.post("/mcp", &foreign, &call).await.status, 403);
    let large = "x".repeat(1024 * 1024 + 1);
    assert_eq!(house.post("/mcp", WANTS, &large).await.status, 413);
    assert_eq!(house.running.refused(Refusal::Body), 1);
    let deep = "[".repeat(200_000);
    for body in [
        "",
        "{",
        "[]",
        "{\"jsonrpc\": \"1.0\"}",
        deep.as_str(),
        "\u{0}",
    ] {
        let answer: Answer = house.post("/mcp", WANTS, body).await;
        assert!(
            (400..500).contains(&answer.status),
            "{body:.20}: {answer:?}"
        );
    }
    for verb in ["GET", "DELETE", "PUT"] {
        let head = house.head(&format!("{verb} /mcp"), WANTS);
        let answer = house.raw(format!("{head}\r\n").as_bytes()).await;
        assert_eq!(answer.status, 405, "{verb}");
    }
    house.is_well().await;
}
