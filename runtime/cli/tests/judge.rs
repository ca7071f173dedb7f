//! `aios judge` as a person and a script meet it.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn judge(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_aios"))
        .arg("judge")
        .args(arguments)
        .current_dir(folder)
        .env_remove("AIOS_CONFIG")
        .env_remove("AIOS_NODE")
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        (
            "q1.csv",
            "Filiale;Umsatz EUR\nJena;1.000,50\nFulda;500,25\nJena;99,25\n",
        ),
        (
            "right.md",
            "Total turnover is EUR 1,600.00: Jena EUR 1,099.75, Fulda EUR 500.25.",
        ),
        (
            "wrong.md",
            "Total turnover is EUR 1,700.00: Jena EUR 1,099.75, Fulda EUR 500.25.",
        ),
        (
            "strict.toml",
            "[[checks]]\nkind = \"numbers\"\n[[checks]]\nkind = \"command\"\nrun = [\"false\"]\n",
        ),
        (
            "model.toml",
            "[[checks]]\nkind = \"numbers\"\n[[checks]]\nkind = \"model\"\nrubric = \"Is it kind?\"\nversion = \"1\"\n",
        ),
        ("lax.toml", "pass = 0.5\n"),
    ];
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

const GOAL: &str = "Total turnover and turnover per branch (Filiale).";

#[test]
fn an_answer_is_judged_by_its_data_and_by_criteria() {
    let folder = folder();
    let rows: [(&[&str], Option<&str>, i32); 6] = [
        (&["right.md"], Some("approved"), 0),
        (&["wrong.md"], Some("rejected"), 1),
        (
            &["right.md", "--criteria", "strict.toml"],
            Some("rejected"),
            1,
        ),
        // Nobody can ask a model here, so one check could not run.
        (
            &["right.md", "--criteria", "model.toml"],
            Some("unverified"),
            0,
        ),
        (&["right.md", "--criteria", "lax.toml"], None, 1),
        (&["gone.md"], None, 1),
    ];
    for (more, status, code) in rows {
        let mut arguments = vec!["--goal", GOAL, "--data", "q1.csv", "--json"];
        arguments.extend(more);
        let output = judge(folder.path(), &arguments);
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(code), "{more:?}: {said}");
        assert_eq!(said["status"].as_str(), status, "{more:?}: {said}");
        if status.is_none() {
            assert!(said["error"].is_object(), "{more:?}: {said}");
        }
    }
    let output = judge(
        folder.path(),
        &["--goal", GOAL, "--data", "q1.csv", "wrong.md"],
    );
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.starts_with("rejected"), "{told}");
    assert!(told.contains("1,700.00"), "{told}");
    assert!(told.contains("1600"), "the right figure is named: {told}");
}

#[test]
fn a_batch_is_judged_line_by_line_and_a_bad_line_is_named() {
    let folder = folder();
    let line = |id: &str, answer: &str| {
        serde_json::json!({"id": id, "goal": GOAL, "data_file": "q1.csv", "answer": answer})
            .to_string()
    };
    let right = fs::read_to_string(folder.path().join("right.md")).unwrap();
    let wrong = fs::read_to_string(folder.path().join("wrong.md")).unwrap();
    let cases = [line("a", &right), line("b", &wrong), String::new()].join("\n");
    fs::write(folder.path().join("cases.jsonl"), &cases).unwrap();
    let output = judge(folder.path(), &["--batch", "cases.jsonl", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    let lines = String::from_utf8(output.stdout).unwrap();
    let judged: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let statuses: Vec<_> = judged
        .iter()
        .map(|one| (one["id"].as_str(), one["status"].as_str()))
        .collect();
    let wanted = [(Some("a"), Some("approved")), (Some("b"), Some("rejected"))];
    assert_eq!(statuses, wanted, "{lines}");
    fs::write(
        folder.path().join("cases.jsonl"),
        format!("{cases}{{\"id\": 5}}\n"),
    )
    .unwrap();
    let output = judge(folder.path(), &["--batch", "cases.jsonl", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("cases.jsonl, line 3"), "{told}");
}
