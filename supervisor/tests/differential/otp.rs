//! OTP's side: an escript that plays the same scripts.

use std::process::Command;

use serde_json::Value;

use crate::script::{Script, Trace};

/// Plays them in real Erlang; one trace a script, in their order.
pub(crate) fn play(scripts: &[Script]) -> Vec<Trace> {
    let file = tempfile(scripts);
    let player = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/differential/player.escript"
    );
    let played = Command::new("escript")
        .arg(player)
        .arg(&file)
        .output()
        .expect("this test compares with real Erlang; install `escript` (Debian: erlang-base)");
    std::fs::remove_file(&file).unwrap();
    let lines = String::from_utf8(played.stdout).unwrap();
    assert!(
        played.status.success(),
        "{lines}{}",
        String::from_utf8_lossy(&played.stderr)
    );
    let traces: Vec<Trace> = lines
        .lines()
        .map(|line| {
            let mut played: Value = serde_json::from_str(line).unwrap();
            serde_json::from_value(played["trace"].take()).unwrap()
        })
        .collect();
    assert_eq!(traces.len(), scripts.len(), "one trace a script");
    traces
}

fn tempfile(scripts: &[Script]) -> std::path::PathBuf {
    static NUMBER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let name = format!("aios-differential-{}-{number}.terms", std::process::id());
    let file = std::env::temp_dir().join(name);
    let terms: Vec<String> = scripts.iter().map(script_term).collect();
    std::fs::write(&file, terms.join("\n")).unwrap();
    file
}

fn script_term(script: &Script) -> String {
    let mut plain = script.clone();
    plain.trace = None;
    format!("{}.", term(&serde_json::to_value(plain).unwrap()))
}

fn term(value: &Value) -> String {
    let list = |items: Vec<String>| items.join(",");
    match value {
        Value::Object(map) => {
            let pairs = map
                .iter()
                .map(|(key, value)| format!("<<\"{key}\">> => {}", term(value)));
            format!("#{{{}}}", list(pairs.collect()))
        }
        Value::Array(items) => format!("[{}]", list(items.iter().map(term).collect())),
        Value::String(text) => format!("<<\"{text}\">>"),
        other => other.to_string(),
    }
}
