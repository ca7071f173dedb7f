//! The demo's server of tools: it speaks the Model Context Protocol over its input and output, so that nothing has to be installed. It books
//! and gives back, and writes each effect down under the key of its call. A key that is there already has had its effect.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::stage::Stage;
use crate::failure::Failure;

/// How long a booking takes after its effect: long enough to be killed in.
const SLOW: Duration = Duration::from_millis(1_500);
/// What is offered where nothing else is asked for.
const PROTOCOL: &str = "2025-06-18";

pub(super) fn run(stage: &Stage) -> Result<ExitCode, Failure> {
    for line in io::stdin().lock().lines() {
        let line = line?;
        let Ok(asked) = serde_json::from_str::<Value>(&line) else {
            continue;
        };
        // What has no number is told, not asked.
        let Some(id) = asked.get("id") else { continue };
        let method = asked["method"].as_str().unwrap_or_default();
        let told = match answer(method, &asked["params"], &stage.effects()) {
            Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
            Err((code, message)) => {
                json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
            }
        };
        let mut out = io::stdout().lock();
        writeln!(out, "{told}")?;
        out.flush()?;
    }
    Ok(ExitCode::SUCCESS)
}

fn answer(method: &str, params: &Value, effects: &Path) -> Result<Value, (i64, String)> {
    match method {
        "initialize" => {
            let version = params["protocolVersion"].as_str().unwrap_or(PROTOCOL);
            Ok(
                json!({"protocolVersion": version, "capabilities": {"tools": {}},
                "serverInfo": {"name": "till", "version": env!("CARGO_PKG_VERSION")}}),
            )
        }
        "ping" => Ok(json!({})),
        "tools/list" => Ok(json!({"tools": tools()})),
        "tools/call" => call(params, effects).map_err(|error| (-32_603, error.to_string())),
        other => Err((-32_601, format!("there is no method {other:?}"))),
    }
}

fn tools() -> Value {
    let receipt = json!({"type": "object", "required": ["what", "amount", "unit"], "properties":
        {"what": {"type": "string"}, "amount": {"type": "number"}, "unit": {"type": "string"}}});
    json!([
        {"name": "book", "description": "Books something at a price.", "outputSchema": receipt, "inputSchema":
            {"type": "object", "required": ["item", "price"], "properties": {"item": {"type": "string"}, "price": {"type": "number"}}}},
        {"name": "refund", "description": "Gives money back for an order.", "outputSchema": receipt, "inputSchema":
            {"type": "object", "required": ["order", "amount"], "properties": {"order": {"type": "string"}, "amount": {"type": "number"}}}},
    ])
}

fn call(params: &Value, effects: &Path) -> io::Result<Value> {
    let (args, key) = (
        &params["arguments"],
        &params["_meta"]["aios/idempotency-key"],
    );
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (what, amount, slow) = match params["name"].as_str() {
        Some("book") => (text(&args["item"]), &args["price"], SLOW),
        Some("refund") => (
            format!("refund of {}", text(&args["order"])),
            &args["amount"],
            Duration::ZERO,
        ),
        _ => return Err(io::Error::other("there is no such tool")),
    };
    record(effects, &text(key), &what)?;
    // The effect is there, and nobody has heard of it yet.
    thread::sleep(slow);
    let receipt = json!({"what": what, "amount": amount, "unit": "EUR"});
    Ok(
        json!({"content": [{"type": "text", "text": receipt.to_string()}], "structuredContent": receipt}),
    )
}

/// The effect, unless the key has had it.
fn record(effects: &Path, key: &str, what: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .open(effects)?;
    // A server of a node that was killed may not be gone yet.
    file.lock()?;
    let mut had = String::new();
    file.read_to_string(&mut had)?;
    let known = had
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    if !key.is_empty() && { known }.any(|effect| effect["key"] == key) {
        return Ok(());
    }
    writeln!(file, "{}", json!({"key": key, "what": what}))?;
    file.sync_data()
}

/// How often each thing happened whose key belongs to this goal.
pub(super) fn counted(effects: &Path, goal: &str) -> io::Result<Vec<(String, usize)>> {
    let mut text = String::new();
    File::open(effects)?.read_to_string(&mut text)?;
    let mut counts: Vec<(String, usize)> = Vec::new();
    for effect in text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
    {
        let of_goal = ["key", "what"].iter().any(|field| {
            effect[field]
                .as_str()
                .is_some_and(|text| text.contains(goal))
        });
        let what = effect["what"].as_str().unwrap_or_default();
        if !of_goal {
            continue;
        }
        match counts.iter_mut().find(|(known, _)| known == what) {
            Some((_, count)) => *count += 1,
            None => counts.push((what.to_owned(), 1)),
        }
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_effect_happens_once_for_a_key_and_a_stranger_is_told_what_there_is() {
        let folder = tempfile::tempdir().unwrap();
        let effects = folder.path().join("effects");
        for key in ["g/room", "g/room", "g/train", "h/room"] {
            record(&effects, key, key.rsplit('/').next().unwrap()).unwrap();
        }
        let expected = [("room".to_owned(), 1), ("train".to_owned(), 1)];
        assert_eq!(counted(&effects, "g/").unwrap(), expected);
        let said = answer(
            "initialize",
            &json!({"protocolVersion": "2024-11-05"}),
            &effects,
        )
        .unwrap();
        assert_eq!(said["protocolVersion"], "2024-11-05");
        assert_eq!(
            answer("tools/list", &Value::Null, &effects).unwrap()["tools"]
                .as_array()
                .unwrap()
                .len(),
            2
        );
        assert!(answer("server/discover", &Value::Null, &effects).is_err());
        let refund = json!({"name": "refund", "arguments": {"order": "7", "amount": 1.5}, "_meta": {"aios/idempotency-key": "r"}});
        let receipt = answer("tools/call", &refund, &effects).unwrap();
        assert_eq!(
            receipt["structuredContent"],
            json!({"what": "refund of 7", "amount": 1.5, "unit": "EUR"})
        );
    }
}
