//! The model in a process of its own, as `aios serve` starts it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::served::{Served, docs, text};

const SOON: Duration = Duration::from_secs(60);

/// The processes that a node's engine runs in: children of it that are this command again.
fn engines(node: u32) -> Vec<u32> {
    let children = |of: u32| -> Vec<u32> {
        let threads = fs::read_dir(format!("/proc/{of}/task")).unwrap().flatten();
        let listed = threads.filter_map(|it| fs::read_to_string(it.path().join("children")).ok());
        listed
            .flat_map(|line| {
                let numbers = line.split_ascii_whitespace();
                numbers.map(|it| it.parse().unwrap()).collect::<Vec<u32>>()
            })
            .collect()
    };
    let is_engine = |of: &u32| {
        let command = fs::read(format!("/proc/{of}/cmdline")).unwrap_or_default();
        text(&command).contains("engine\0serve\0")
    };
    children(node).into_iter().filter(is_engine).collect()
}

fn signal(signal: &str, process: u32) {
    let sent = Command::new("kill")
        .args([signal, &process.to_string()])
        .status();
    assert!(sent.unwrap().success());
}

fn until<T>(what: &str, mut so: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = so() {
            return found;
        }
        assert!(begun.elapsed() < SOON, "never came: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_goal_is_approved_although_the_engines_process_is_killed_over_it() {
    let served = Served::begin(&["--set", "model.process=true"]);
    let node = served.child.id();
    let first = until("an engine", || engines(node).first().copied());
    let data = docs().join("examples/q3_sales.csv");
    let (data, http): (&Path, &str) = (&data, &served.http);
    let goal = ["goal", "submit", "--node", http, "--id", "g", "--json"];
    let ask = [
        &goal[..],
        &["Analyze Q3 sales", "--data", data.to_str().unwrap()],
    ]
    .concat();
    // It takes what it is asked and does not come to answer it.
    signal("-STOP", first);
    let accepted = served.aios(&ask);
    assert!(accepted.status.success(), "{}", text(&accepted.stderr));
    std::thread::sleep(Duration::from_millis(300));
    let shown = |id: &str| -> Value {
        let output = served.aios(&["goal", "show", id, "--node", http, "--json"]);
        let shown: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)));
        shown["state"].clone()
    };
    assert_eq!(shown("g")["phase"], "running", "it waits for the engine");
    signal("-9", first);
    let answer = until("its answer", || {
        let state = shown("g");
        (state["phase"] != "running").then_some(state)
    });
    assert_eq!(answer["answer"]["status"], "approved", "{answer}");
    let second = until("another engine", || {
        engines(node).into_iter().find(|it| *it != first)
    });
    assert_eq!(engines(node), [second], "one, in the place of the first");
}
