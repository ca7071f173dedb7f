//! The command as a person and a script meet it: what it prints where, and its exit codes. All with the scripted engine.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/examples")
        .join(name)
}

fn aios(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_aios"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("AIOS_CONFIG")
        .env("AIOS_CACHE", folder.join("no-models"))
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn run(folder: &Path, goal: &str, data: &[&Path], more: &[&str]) -> Output {
    let mut arguments = vec!["run", goal, "--engine", "scripted"];
    for path in data {
        arguments.extend(["--data", path.to_str().unwrap()]);
    }
    arguments.extend(more);
    aios(folder, &arguments)
}

#[test]
fn the_example_goal_is_approved_and_leaves_report_and_chart() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(
        folder.path(),
        "Analyze Q3 sales",
        &[&example("q3_sales.csv")],
        &[],
    );
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(out.starts_with("# "), "the report is Markdown: {out}");
    assert!(
        err.contains("approved with critic"),
        "the cost is told: {err}"
    );
    assert!(
        !out.contains('\u{1b}') && !err.contains('\u{1b}'),
        "no colour into a pipe"
    );
    let goal = fs::read_dir(folder.path().join("aios-out"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let names: Vec<String> = fs::read_dir(goal)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(names.contains(&"report.md".to_owned()), "{names:?}");
    assert!(names.iter().any(|name| name.ends_with(".svg")), "{names:?}");
    assert!(
        !names.iter().any(|name| name.ends_with(".tmp")),
        "nothing half-written: {names:?}"
    );
}

#[test]
fn json_is_one_object_with_the_promised_fields() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(
        folder.path(),
        "Analyze Q3 sales",
        &[&example("q3_sales.csv")],
        &["--json"],
    );
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    for field in [
        "goal_id",
        "status",
        "answer",
        "facts",
        "artifacts",
        "tasks",
        "critic",
        "model",
        "messages",
        "restarts",
        "duration_ms",
    ] {
        assert!(answer.get(field).is_some(), "{field} is missing");
    }
    assert_eq!(answer["status"], "approved");
    for field in ["name", "statistic", "value", "unit", "source"] {
        assert!(
            answer["facts"][0].get(field).is_some(),
            "facts have no {field}"
        );
    }
    for field in [
        "id",
        "tool",
        "status",
        "attempts",
        "score",
        "duration_ms",
        "agent",
    ] {
        assert!(
            answer["tasks"][0].get(field).is_some(),
            "tasks have no {field}"
        );
    }
    assert_eq!(answer["messages"]["refused"], 0);
    assert!(
        answer["messages"]["sent"].as_u64().unwrap() >= 20,
        "every step is a message"
    );
    assert_eq!(answer["critic"]["dimensions"].as_object().unwrap().len(), 5);
}

#[test]
fn a_mistake_is_one_sentence_exit_code_one_and_nothing_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(
        path("ragged.csv"),
        "day,sales\n2025-07-01,1\n2025-07-02,2,3\n2025-07-03,4\n",
    )
    .unwrap();
    fs::write(
        path("word.csv"),
        "day,sales\n2025-07-01,1\n2025-07-02,2\n2025-07-03,3\n2025-07-04,12x\n",
    )
    .unwrap();
    fs::write(path("empty.csv"), "").unwrap();
    fs::write(
        path("binary.csv"),
        [0_u8, 159, 146, 150, 0, 1, 2, 3].repeat(64),
    )
    .unwrap();
    fs::create_dir(path("folder.csv")).unwrap();
    let long = "x".repeat(100_000);
    /// The goal, its file, more arguments, and what the sentence must name.
    type Case<'a> = (&'a str, Option<&'a str>, &'a [&'a str], &'a [&'a str]);
    let table: &[Case<'_>] = &[
        ("", None, &[], &["empty"]),
        ("   ", None, &[], &["empty"]),
        (&long, None, &[], &["100000"]),
        ("Analyze", Some("missing.csv"), &[], &["missing.csv"]),
        ("Analyze", Some("folder.csv"), &[], &["folder.csv"]),
        ("Analyze", Some("empty.csv"), &[], &["empty.csv"]),
        ("Analyze", Some("binary.csv"), &[], &["binary.csv"]),
        ("Analyze", Some("ragged.csv"), &[], &["ragged.csv", "3"]),
        (
            "Analyze sales",
            Some("word.csv"),
            &[],
            &["5", "sales", "12x"],
        ),
        (
            "Analyze",
            None,
            &["--set", "agents.executors=0"],
            &["agents.executors is 0, allowed is 1 to 64"],
        ),
        (
            "Analyze",
            None,
            &["--set", "agents.executers=1"],
            &["agents.executers"],
        ),
        ("Analyze", None, &["--device", "abacus"], &["abacus"]),
        (
            "Analyze",
            None,
            &["--config", "missing.toml"],
            &["missing.toml"],
        ),
    ];
    for (goal, file, more, expected) in table {
        let data: Vec<PathBuf> = file.iter().map(|file| path(file)).collect();
        let data: Vec<&Path> = data.iter().map(PathBuf::as_path).collect();
        let output = run(folder.path(), goal, &data, more);
        let err = text(&output.stderr);
        let case = format!("{:.20} {file:?} {more:?}: {err:.400}", goal);
        assert_eq!(output.status.code(), Some(1), "{case}");
        let last = err
            .lines()
            .rfind(|line| line.starts_with("aios: "))
            .unwrap_or_else(|| panic!("no sentence: {case}"));
        for word in *expected {
            assert!(last.contains(word), "{word:?} is not named: {case}");
        }
        assert!(!err.contains("panicked"), "{case}");
    }
    assert!(
        !path("aios-out").exists(),
        "a goal that cannot be worked on writes nothing"
    );
}

#[test]
fn what_the_configuration_prints_can_be_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let printed = text(&aios(folder.path(), &["config", "--set", "agents.executors=3"]).stdout);
    let file = folder.path().join("aios.toml");
    fs::write(&file, &printed).unwrap();
    let again = text(
        &aios(
            folder.path(),
            &["config", "--config", file.to_str().unwrap()],
        )
        .stdout,
    );
    assert_eq!(printed, again);
    assert!(printed.contains("executors = 3"));
}

#[test]
fn help_succeeds_and_an_unknown_command_does_not() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(aios(folder.path(), &["--help"]).status.code(), Some(0));
    assert_eq!(aios(folder.path(), &["--version"]).status.code(), Some(0));
    assert_eq!(aios(folder.path(), &["fly"]).status.code(), Some(1));
    assert_eq!(aios(folder.path(), &[]).status.code(), Some(1));
}

#[test]
fn models_are_listed_without_fetching_any() {
    let folder = tempfile::tempdir().unwrap();
    let output = aios(folder.path(), &["model", "list", "--json"]);
    let list: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(list["models"].as_array().unwrap().len(), 2);
    assert!(
        list["models"]
            .as_array()
            .unwrap()
            .iter()
            .all(|model| model["present"] == false)
    );
    assert!(
        !folder.path().join("no-models").exists(),
        "listing makes no folder"
    );
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_the_command_and_leaves_nothing_half_written() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    let folder = tempfile::tempdir().unwrap();
    // Enough rows that the goal is still under way when the first event has been seen.
    let rows: String = (0..200_000)
        .map(|at| format!("2025-07-{:02},{},{}\n", at % 28 + 1, at % 7, at))
        .collect();
    let data = folder.path().join("long.csv");
    fs::write(&data, format!("day,region,sales\n{rows}")).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_aios"))
        .args([
            "run",
            "Analyze sales",
            "--engine",
            "scripted",
            "--data",
            data.to_str().unwrap(),
        ])
        .current_dir(folder.path())
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut first = String::new();
    err.read_line(&mut first).unwrap();
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    let rest: Vec<String> = err.lines().map(Result::unwrap).collect();
    let code = child.wait().unwrap().code();
    assert_eq!(code, Some(130), "{first}{rest:?}");
    assert!(
        rest.iter().any(|line| line == "aios: interrupted"),
        "{rest:?}"
    );
    let left: Vec<PathBuf> = walk(&folder.path().join("aios-out"));
    assert!(
        !left
            .iter()
            .any(|path| path.to_string_lossy().ends_with(".tmp")),
        "{left:?}"
    );
}

#[cfg(unix)]
fn walk(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}
