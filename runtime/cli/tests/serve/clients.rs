//! Programs as people have them: the examples of the guide, stock clients, the package for Python.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::python;
use crate::served::{Served, aios, docs, get, text};

/// The clients that programs are written against, exactly these.
const CLIENTS: [&str; 3] = ["openai==3.57.0", "langchain-openai==1.7.4", "mcp==2.3.0"];

#[test]
fn the_examples_of_the_guide_do_what_they_say() {
    let served = Served::begin(&[]);
    let examples = docs().join("examples/serve");
    let guide = fs::read_to_string(docs().join("guide/serve.md")).unwrap();
    for name in ["ask.sh", "supervised.py", "openai_client.py"] {
        let example = fs::read_to_string(examples.join(name)).unwrap();
        assert!(guide.contains(&example), "the guide shows {name} as it is");
    }
    let told = served.example(Command::new("sh").arg(examples.join("ask.sh")));
    assert!(
        told.contains("macro.planner.001@local") && told.contains("event: end"),
        "{told}"
    );
    assert!(told.contains(r#""status":"approved""#), "{told}");
    let told = served.example(Command::new("python3").arg(examples.join("supervised.py")));
    assert!(told.trim().ends_with("running after 1 restart"), "{told}");
}

#[test]
fn the_stock_client_speaks_with_goals_engines_and_errors_and_leaves() {
    let served = Served::begin(&[]);
    let script = docs().join("examples/serve/openai_client.py");
    let told = served.example(Command::new(python()).arg(script));
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(
        lines,
        [
            "models: ['aios', 'local']",
            "goal: approved True",
            "engine: True stop True",
            "vectors: 2 True",
            "error: model_not_found model",
            "left: assistant",
        ]
    );
    left(&served, "left-early");
}

/// The goal whose stream was left is called off, unless it had come to its end before.
fn left(served: &Served, goal: &str) {
    let token = fs::read_to_string(&served.token_file).unwrap();
    let begun = Instant::now();
    let phase = loop {
        let state = get(&served.http, token.trim(), &format!("/v1/goals/{goal}"));
        let phase = state["phase"].as_str().unwrap_or_default().to_owned();
        if phase != "running" || begun.elapsed() > Duration::from_secs(30) {
            break phase;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(
        ["cancelled", "answered"].contains(&phase.as_str()),
        "{phase}"
    );
}

#[test]
fn langchain_speaks_with_goals_engines_and_errors_and_leaves() {
    let served = Served::begin(&[]);
    let script = docs().join("examples/serve/langchain_client.py");
    let told = served.example(Command::new(python()).arg(script));
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(
        lines,
        [
            "goal: True",
            "engine: True stop True",
            "stream: True True",
            "vectors: [True, True]",
            "error: model_not_found",
            "left",
        ]
    );
    left(&served, "left-by-langchain");
}

#[test]
fn the_protocols_own_client_has_the_nodes_goals_as_tools_over_http_and_from_a_program_it_starts() {
    let served = Served::begin(&[]);
    let script = docs().join("examples/serve/mcp_client.py");
    let told = served.example(
        Command::new(python())
            .arg(script)
            .arg(env!("CARGO_BIN_EXE_aios"))
            .args(["--engine", "scripted"])
            .current_dir(served.folder.path())
            .env("AIOS_CACHE", served.folder.path().join("no-models")),
    );
    let lines: Vec<&str> = told.lines().collect();
    let each = |name: &str| {
        [
            format!("{name} tools: True"),
            format!("{name} tree: True"),
            format!("{name} goal: True answered"),
            format!("{name} status: answered"),
            format!("{name} refused: True True"),
        ]
    };
    assert_eq!(lines, [each("http"), each("stdio")].concat());
}

#[test]
fn a_program_that_starts_the_server_as_its_page_says_needs_no_node_that_runs() {
    let page = include_str!("../../../../docs/guide/mcp-server.md");
    let block = page.split("```json\n").nth(1).unwrap();
    let client: Value = serde_json::from_str(block.split("```").next().unwrap()).unwrap();
    let server = &client["mcpServers"]["aios"];
    assert_eq!(server["command"], "aios");
    let arguments = server["args"].as_array().unwrap().iter();
    let folder = tempfile::tempdir().unwrap();
    let mut child = aios(folder.path())
        .args(arguments.map(|word| word.as_str().unwrap()))
        .env("AIOS_MODEL_ENGINE", "scripted")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut to = child.stdin.take().unwrap();
    let mut from = BufReader::new(child.stdout.take().unwrap());
    let mut said = |line: Value| writeln!(to, "{line}").unwrap();
    let mut heard = || -> Value {
        let mut line = String::new();
        from.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    };
    said(
        json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}}),
    );
    assert_eq!(heard()["result"]["serverInfo"]["name"], "aios");
    said(json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    said(
        json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "tree", "arguments": {}}}),
    );
    let tree = heard();
    let text = tree["result"]["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("macro.planner.001@local"), "{text}");
    said(json!({"jsonrpc": "2.0", "id": 3, "method": "tools/list", "params": {}}));
    let listed = heard();
    let listed = listed["result"]["tools"].as_array().unwrap().iter();
    let mut listed: Vec<&str> = listed.map(|tool| tool["name"].as_str().unwrap()).collect();
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let mut shown: Vec<&str> = rows
        .flat_map(|row| row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2))
        // For charters, of which there are none here.
        .filter(|name| *name != "ask_NAME")
        .collect();
    listed.sort_unstable();
    shown.sort_unstable();
    assert_eq!(listed, shown);
    drop(to);
    // Its client has left, so it goes.
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > Duration::from_secs(30) {
            let _ = child.kill();
            panic!("it stays");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_python_package_spawns_asks_kills_and_sees_an_agent_come_back() {
    let served = Served::begin(&[]);
    let script = docs().join("clients/python/examples/comes_back.py");
    let unset = Command::new("python3")
        .arg(&script)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env_remove("AIOS_NODE")
        .output()
        .unwrap();
    let said = text(&unset.stderr);
    assert!(said.contains("AIOS_NODE is not set"), "{said}");
    let told = served.example(
        Command::new("python3")
            .arg(script)
            .env("PYTHONDONTWRITEBYTECODE", "1"),
    );
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(
        lines,
        [
            "said something: True",
            "came back after restarts: 1",
            "said something again: True",
            "events: True goal: approved",
            "listed: True",
            "refused: unknown",
        ]
    );
}

#[path = "../../../control/examples/comes_back.rs"]
#[allow(dead_code, reason = "the example's own beginning")]
mod comes_back;

#[test]
fn the_rust_client_spawns_asks_kills_and_watches_an_agent_come_back() {
    let served = Served::begin(&[]);
    let token = aios_control::access::Token::read(&served.token_file).unwrap();
    let threads = tokio::runtime::Runtime::new().unwrap();
    let seen = threads.block_on(comes_back::tour(&served.http, &token));
    assert_eq!(
        seen.unwrap(),
        [
            "said something: true",
            "exited",
            "restarting",
            "started",
            "said something again: true",
            "asked when it is stopped: refused",
        ]
    );
}

/// A Python whose environment has the clients.
fn python() -> PathBuf {
    python::with("stock-clients", &CLIENTS)
}
