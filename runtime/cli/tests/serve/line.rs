//! The command line before a node at an address: it is a client of the contract and does there what it does by the socket.

use std::fs;
use std::process::Output;

use serde_json::Value;

use crate::served::{Served, docs, text};

/// A charter whose agent answers by the engine.
const CLERK: &str = "---\nname: clerk\ndescription: Answers in one line.\n---\nBe brief.\n";

fn object(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)))
}

#[test]
fn whatever_the_command_line_does_by_the_socket_it_does_at_an_address() {
    let served = Served::begin(&["--grpc", "127.0.0.1:0"]);
    let charter = served.folder.path().join("clerk.md");
    fs::write(&charter, CLERK).unwrap();
    let table = docs().join("examples/q3_sales.csv");
    let (charter, table) = (charter.to_str().unwrap(), table.to_str().unwrap());
    let grpc = served.grpc.as_str().unwrap().to_owned();
    let ways: [&[&str]; 3] = [&[], &["--node", &served.http], &["--node", &grpc]];
    for way in ways {
        let asks = |words: &[&str]| {
            let output = served.aios(&[way, words].concat());
            let said = text(&output.stdout) + &text(&output.stderr);
            assert!(output.status.success(), "{way:?} {words:?}: {said}");
            (output, said)
        };
        let does = |words: &[&str], says: &str| {
            let (_, said) = asks(words);
            assert!(said.contains(says), "{way:?} {words:?}: {said}");
        };
        let submit = [
            "goal",
            "submit",
            "--json",
            "--data",
            table,
            "Analyze Q3 sales",
        ];
        let goal = object(&asks(&submit).0)["goal_id"]
            .as_str()
            .unwrap()
            .to_owned();
        let (watched, _) = asks(&["goal", "watch", &goal, "--json"]);
        assert_eq!(object(&watched)["status"], "approved", "{way:?}");
        does(&["goal", "list"], &goal);
        does(&["goal", "show", &goal], "answered");
        does(&["goal", "explain", &goal], "it is over");
        let spawned = asks(&["agent", "spawn", charter, "--json"]).0;
        let agent = object(&spawned)["agent"].as_str().unwrap().to_owned();
        does(&["agent", "list"], &agent);
        does(&["agent", "show", &agent], "charter clerk");
        does(&["agent", "kill", &agent], "was killed");
        does(&["agent", "suspend", &agent, "--json"], "pauses");
        does(&["agent", "resume", &agent], "goes on");
        asks(&["agent", "ask", &agent, "hello"]);
        does(&["tree"], &agent);
        does(&["agent", "stop", &agent], "is stopped");
        does(&["approvals"], "nothing waits");
        does(&["tool", "list"], "calc");
        let calc = [
            "tool",
            "call",
            "calc",
            "--json",
            "--args",
            "{\"expression\": \"6 * 7\"}",
        ];
        assert_eq!(object(&asks(&calc).0)["value"]["value"], "42", "{way:?}");
        if !way.is_empty() {
            does(&["model", "list"], "local");
        }
        for wrong in [
            &["goal", "watch", "nothing"][..],
            &["goal", "show", "nothing"],
            &["agent", "suspend", "macro.nobody.001@local"],
            &["agent", "ask", "nobody", "hello"],
        ] {
            let output = served.aios(&[way, wrong].concat());
            let said = text(&output.stderr);
            assert!(
                !output.status.success() && said.starts_with("aios: no "),
                "{wrong:?}: {said}"
            );
        }
    }
}
