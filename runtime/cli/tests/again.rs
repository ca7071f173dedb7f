//! `aios goal replay|diff|export|import|fork` and `aios audit` as a person and a script meet them: without a node, over a storage folder.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn aios(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_aios"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("AIOS_CONFIG")
        .env_remove("AIOS_NODE")
        .env("AIOS_CACHE", folder.join("no-models"))
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What it printed, with its exit code as it should be.
fn said(folder: &Path, code: i32, arguments: &[&str]) -> String {
    let output = aios(folder, arguments);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(
        output.status.code(),
        Some(code),
        "{arguments:?}: {out} {err}"
    );
    out
}

/// The last segment of the journal in a storage folder.
fn segment(state: &Path) -> PathBuf {
    let names = fs::read_dir(state.join("journal")).unwrap();
    let mut files: Vec<PathBuf> = names
        .map(|file| file.unwrap().path())
        .filter(|file| file.extension().is_some())
        .collect();
    files.sort();
    files.pop().unwrap()
}

#[test]
fn a_goal_on_record_is_gone_through_compared_and_taken_elsewhere_without_a_node() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let doors = folder.join("doors");
    let door = format!("door.folder={}", doors.display());
    let settings = ["--set", "storage.folder=state", "--set", &door];
    let with = |arguments: &[&'static str]| -> Vec<String> {
        let all = arguments.iter().copied().chain(settings);
        all.map(str::to_owned).collect()
    };
    let say = |code: i32, arguments: &[&'static str]| {
        let all = with(arguments);
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        said(folder, code, &all)
    };
    fs::write(
        folder.join("plan.json"),
        r#"{"goal": "Work it out", "tasks": [{"id": "sum", "tool": "calc", "args": {"expression": "1 + 2"}}]}"#,
    )
    .unwrap();
    say(
        0,
        &[
            "run",
            "--plan",
            "plan.json",
            "--id",
            "g",
            "--engine",
            "scripted",
        ],
    );
    let replayed = say(0, &["goal", "replay", "g"]);
    assert!(
        replayed.contains("the same answer, byte for byte"),
        "{replayed}"
    );
    say(0, &["goal", "export", "g", "--out", "run.json"]);
    let again = say(0, &["goal", "import", "run.json", "--id", "h"]);
    assert_eq!(again.trim(), "h");
    say(0, &["goal", "diff", "g", "h"]);
    say(0, &["goal", "replay", "h"]);
    // On another machine.
    let other = tempfile::tempdir().unwrap();
    fs::copy(folder.join("run.json"), other.path().join("run.json")).unwrap();
    said(
        other.path(),
        0,
        &[
            "goal",
            "import",
            "run.json",
            "--set",
            "storage.folder=there",
            "--set",
            &door,
        ],
    );
    let replayed = said(
        other.path(),
        0,
        &[
            "goal",
            "replay",
            "g",
            "--json",
            "--set",
            "storage.folder=there",
            "--set",
            &door,
        ],
    );
    let replayed: Value = serde_json::from_str(&replayed).unwrap();
    assert_eq!(replayed["same"], true);
    // What is refused says what to do, also to a person.
    let refused = aios(
        other.path(),
        &[
            "goal",
            "import",
            "run.json",
            "--set",
            "storage.folder=there",
            "--set",
            &door,
        ],
    );
    let err = text(&refused.stderr);
    assert!(
        err.contains("on record already") && err.contains("choose another name"),
        "{err}"
    );
}

#[test]
fn a_damaged_journal_is_named_and_whoever_starts_over_it_is_told() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let door = format!("door.folder={}", folder.join("doors").display());
    let settings = ["--set", "storage.folder=state", "--set", &door];
    fs::write(
        folder.join("plan.json"),
        r#"{"goal": "Work it out", "tasks": [{"id": "sum", "tool": "calc", "args": {"expression": "1 + 2"}}]}"#,
    )
    .unwrap();
    let run = [
        "run",
        "--plan",
        "plan.json",
        "--id",
        "g",
        "--engine",
        "scripted",
    ];
    said(folder, 0, &[&run[..], &settings].concat());
    let whole = said(folder, 0, &["audit", "verify", "--folder", "state"]);
    assert!(whole.contains("are whole and in order"), "{whole}");
    let shown = said(
        folder,
        0,
        &["audit", "show", "--folder", "state", "--about", "goals/g/"],
    );
    assert!(shown.contains("goals/g/asked"), "{shown}");

    // A process that was killed while it wrote.
    let last = segment(&folder.join("state"));
    let mut bytes = fs::read(&last).unwrap();
    bytes.extend([7; 40]);
    fs::write(&last, &bytes).unwrap();
    let told = aios(folder, &[&["goal", "list"][..], &settings].concat());
    let err = text(&told.stderr);
    assert!(
        err.contains("aios: journal opened"),
        "whoever starts is told: {err}"
    );

    // A byte in the middle.
    let mut bytes = fs::read(&last).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    fs::write(&last, &bytes).unwrap();
    let named = said(
        folder,
        1,
        &["audit", "verify", "--folder", "state", "--json"],
    );
    let named: Value = serde_json::from_str(&named).unwrap();
    assert_eq!(named["whole"], false);
    assert!(
        named["first_bad"].as_u64().is_some_and(|bad| bad > 0),
        "{named}"
    );
    assert!(
        named["says"]
            .as_str()
            .unwrap()
            .starts_with("the first bad one is"),
        "{named}"
    );
    let nothing = aios(folder, &["audit", "verify", "--folder", "nowhere"]);
    assert!(text(&nothing.stderr).contains("no journal lies in"));
}
