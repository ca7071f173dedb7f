//! `aios goal fork|retry|undo|pause|resume|replay|diff|export|import` and `aios audit` as a person and a script meet them: without a node, over a storage folder.
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

/// A storage folder of its own, and what is asked over it.
struct Place {
    folder: tempfile::TempDir,
    settings: [String; 4],
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let door = format!("door.folder={}", folder.path().join("doors").display());
        let settings = ["--set", "storage.folder=state", "--set", &door].map(str::to_owned);
        Self { folder, settings }
    }

    /// A plan of two tasks, of which the second works out this.
    fn plan(&self, name: &str, second: &str) {
        let plan = format!(
            r#"{{"goal": "Work it out", "tasks": [{{"id": "one", "tool": "calc", "args": {{"expression": "1 + 2"}}}}, {{"id": "two", "tool": "calc", "args": {{"expression": "{second}"}}, "after": ["one"]}}]}}"#
        );
        fs::write(self.folder.path().join(name), plan).unwrap();
    }

    /// A table that is worked on for a while.
    fn table(&self, rows: u32) {
        let rows: String = (0..rows)
            .map(|at| format!("2025-07-{:02},{},{}\n", at % 28 + 1, at % 7, at))
            .collect();
        let table = format!("day,region,sales\n{rows}");
        fs::write(self.folder.path().join("long.csv"), table).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aios"));
        command
            .args(arguments)
            .args(&self.settings)
            .current_dir(self.folder.path())
            .env_remove("AIOS_CONFIG")
            .env_remove("AIOS_NODE")
            .env("AIOS_CACHE", self.folder.path().join("no-models"))
            .env("NO_COLOR", "1");
        command
    }

    /// What it printed and what it noted beside, with its exit code as it should be.
    fn says(&self, code: i32, arguments: &[&str]) -> (String, String) {
        let output = self.command(arguments).output().unwrap();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        let ended = output.status.code();
        assert_eq!(ended, Some(code), "{arguments:?}: {out} {err}");
        (out, err)
    }

    fn phase(&self, goal: &str) -> String {
        let (shown, _) = self.says(0, &["goal", "show", goal, "--json"]);
        let shown: Value = serde_json::from_str(&shown).unwrap();
        shown["state"]["phase"].as_str().unwrap().to_owned()
    }
}

#[test]
fn orders_about_a_goal_are_carried_out_over_the_storage_folder_or_refused_with_what_to_do() {
    let place = Place::new();
    place.plan("plan.json", "2 * 2");
    place.plan("other.json", "3 * 3");
    place.plan("short.json", "1 / 0");
    let run = ["run", "--engine", "scripted", "--id"];
    place.says(0, &[&run[..], &["g", "--plan", "plan.json"]].concat());
    place.says(2, &[&run[..], &["h", "--plan", "short.json"]].concat());

    // From the second task on, with another plan: the first is not done again.
    let fork = ["goal", "fork", "g", "--at", "two", "--id", "f"];
    let (out, err) = place.says(0, &[&fork[..], &["--plan", "other.json"]].concat());
    assert!(out.contains('9'), "{out}");
    assert!(err.contains("taken over, and not done again: one"), "{err}");
    assert_eq!(place.phase("f"), "answered");
    // What came to nothing is tried again, and comes to nothing again; what is done is not.
    place.says(2, &["goal", "retry", "h", "two"]);
    let (out, _) = place.says(0, &["goal", "undo", "f", "--json"]);
    let undone: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(undone["effects"], Value::Array(Vec::new()));

    // Each refusal is one sentence and what to do, with exit code 1, and has changed nothing.
    for (arguments, why) in [
        (&["goal", "fork", "g", "--at", "three"][..], "three"),
        (&["goal", "fork", "gone", "--at", "one"], "no goal \"gone\""),
        (
            &["goal", "fork", "g", "--at", "two", "--id", "f"],
            "on record already",
        ),
        (
            &["goal", "fork", "g", "--at", "two", "--plan", "none.json"],
            "none.json",
        ),
        (&["goal", "retry", "g", "two"], "task two of goal g is done"),
        (&["goal", "retry", "h", "three"], "three"),
        (&["goal", "retry", "gone", "one"], "no goal \"gone\""),
        (&["goal", "undo", "gone"], "no goal \"gone\""),
        (&["goal", "resume", "gone"], "no goal \"gone\""),
        (&["goal", "resume", "g"], "goal g is over"),
        (&["goal", "resume", "f"], "taken back by order"),
        (&["goal", "pause", "gone"], "no goal \"gone\""),
        (&["goal", "pause", "g"], "goal g is over"),
        (&["goal", "cancel", "g"], "goal g is over"),
    ] {
        let (out, err) = place.says(1, arguments);
        assert!(out.is_empty(), "{arguments:?}: {out}");
        let mut refusal = err.lines().skip_while(|line| !line.starts_with("aios: "));
        assert!(
            refusal.next().is_some_and(|line| line.contains(why)),
            "{arguments:?}: {err}"
        );
        assert!(
            refusal.next().is_some() || why.ends_with(".json"),
            "what to do: {err}"
        );
    }
    assert_eq!(place.phase("g"), "answered");
    let (listed, _) = place.says(0, &["goal", "list", "--json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 3, "{listed}");
}

#[test]
fn a_run_that_is_interrupted_says_how_to_go_on_and_goes_on_so() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    let place = Place::new();
    place.table(30_000);
    let run = [
        "run",
        "Analyze sales",
        "--engine",
        "scripted",
        "--data",
        "long.csv",
        "--id",
        "g",
    ];
    let mut child = place
        .command(&run)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut first = String::new();
    err.read_line(&mut first).unwrap();
    let interrupt = ["-INT".to_owned(), child.id().to_string()];
    assert!(
        Command::new("kill")
            .args(interrupt)
            .status()
            .unwrap()
            .success()
    );
    let rest: Vec<String> = err.lines().map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{first}{rest:?}");
    let advice = rest.iter().find(|line| line.contains("aios goal resume g"));
    assert!(advice.is_some(), "{rest:?}");
    assert_eq!(place.phase("g"), "cancelled");
    let (out, _) = place.says(0, &["goal", "resume", "g"]);
    assert!(out.contains("sales"), "{out}");
    assert_eq!(place.phase("g"), "answered");
}

/// Ends with its test, however that ends.
struct Node(std::process::Child);

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_goal_of_a_running_node_rests_by_order_and_goes_on_by_order() {
    use std::process::Stdio;
    use std::time::{Duration, Instant};

    let place = Place::new();
    place.table(60_000);
    let mut node = place.command(&["node", "--engine", "scripted"]);
    let node = node.stdout(Stdio::null()).stderr(Stdio::null());
    let _node = Node(node.spawn().unwrap());
    let begun = Instant::now();
    while !place.command(&["tree"]).output().unwrap().status.success() {
        assert!(begun.elapsed() < Duration::from_secs(60), "no node");
        std::thread::sleep(Duration::from_millis(50));
    }
    let submit = [
        "goal",
        "submit",
        "Analyze sales",
        "--data",
        "long.csv",
        "--id",
        "g",
    ];
    place.says(0, &submit);
    let (_, err) = place.says(0, &["goal", "pause", "g"]);
    assert!(err.contains("goal g: it rests"), "{err}");
    assert_eq!(place.phase("g"), "paused");
    let (_, err) = place.says(1, &["goal", "pause", "g"]);
    assert!(err.contains("aios: "), "{err}");
    place.says(0, &["goal", "resume", "g"]);
    assert_eq!(place.phase("g"), "answered");
}
