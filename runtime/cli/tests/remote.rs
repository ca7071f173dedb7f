//! An agent written in Python from the `.proto` files, in a process of its own, beside a node that serves gRPC. It is killed in the middle of a
//! goal's tasks. With the scripted engine.
#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long anything may take that is waited for.
const SOON: Duration = Duration::from_secs(60);

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/examples/python-executor")
        .canonicalize()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A process that is killed when it is dropped.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A Python with what the example needs; installed once for a machine, below the folder that cargo builds in.
fn python() -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-executor");
    fs::create_dir_all(&root).unwrap();
    let lock = File::create(root.join("lock")).unwrap();
    lock.lock().unwrap();
    let wanted = fs::read_to_string(example().join("requirements.txt")).unwrap();
    let (mark, python) = (root.join("installed"), root.join("venv/bin/python"));
    if fs::read_to_string(&mark).is_ok_and(|known| known == wanted) {
        return python;
    }
    let _ = fs::remove_dir_all(root.join("venv"));
    let run = |command: &mut Command| {
        let output = command.output().unwrap_or_else(|error| {
            panic!("{command:?} cannot be started ({error}); this test needs Python 3 with venv and pip: install them")
        });
        assert!(
            output.status.success(),
            "{command:?} failed; is the package registry reachable?\n{}",
            text(&output.stderr)
        );
    };
    run(Command::new("python3")
        .args(["-m", "venv"])
        .arg(root.join("venv")));
    run(Command::new(&python)
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-r",
        ])
        .arg(example().join("requirements.txt")));
    fs::write(mark, wanted).unwrap();
    python
}

fn aios(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aios"));
    command
        .current_dir(folder)
        .env_remove("AIOS_CONFIG")
        .env("AIOS_CACHE", folder.join("no-models"))
        .env("AIOS_DOOR_FOLDER", folder.join("doors"))
        .env("NO_COLOR", "1")
        .stdin(Stdio::null());
    command
}

/// What a process says, a line at a time, in a file that is looked into again and again.
fn until_said(notes: &Path, what: &str) -> String {
    let begun = Instant::now();
    loop {
        let said = fs::read_to_string(notes).unwrap_or_default();
        if let Some(line) = said.lines().find(|line| line.contains(what)) {
            return line.to_owned();
        }
        assert!(begun.elapsed() < SOON, "{what:?} was not said:\n{said}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn tasks_of_a_goal_are_carried_out_in_python_though_it_is_killed_in_the_middle() {
    let python = python();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // Outside a checkout it says what it needs.
    let alone = folder.join("aios_agent.py");
    fs::copy(example().join("aios_agent.py"), &alone).unwrap();
    let alone = Command::new(&python).arg(&alone).output().unwrap();
    let said = text(&alone.stderr);
    assert!(
        !alone.status.success() && said.contains("set AIOS_PROTO"),
        "{said}"
    );
    let mut served = Killed(
        aios(folder)
            .args([
                "serve",
                "--http",
                "127.0.0.1:0",
                "--grpc",
                "127.0.0.1:0",
                "--json",
                "--engine",
                "scripted",
            ])
            .stdout(Stdio::piped())
            .stderr(File::create(folder.join("notes")).unwrap())
            .spawn()
            .unwrap(),
    );
    let mut line = String::new();
    let mut out = BufReader::new(served.0.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap_or_else(|error| {
        panic!(
            "{error}: {line:?}: {}",
            fs::read_to_string(folder.join("notes")).unwrap()
        )
    });
    let grpc = ready["grpc"].as_str().unwrap().to_owned();
    assert!(grpc.starts_with("grpc://127.0.0.1:"), "{grpc}");
    let asked = |arguments: &[&str]| {
        let output = aios(folder)
            .args(arguments)
            .env("AIOS_NODE", &grpc)
            .env("AIOS_TOKEN_FILE", ready["token_file"].as_str().unwrap())
            .output()
            .unwrap();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {out}{err}");
        out.trim().to_owned()
    };
    let key = folder.join("agent.key");
    let script = example().join("executor.py");
    let shown = Command::new(&python)
        .arg(&script)
        .arg("--key")
        .arg(&key)
        .arg("--show-key")
        .output()
        .unwrap();
    assert!(shown.status.success(), "{}", text(&shown.stderr));
    let public = text(&shown.stdout).trim().to_owned();
    let charter = example().join("clerk.md");
    let agent = asked(&[
        "agent",
        "spawn",
        charter.to_str().unwrap(),
        "--key",
        &public,
    ]);
    let begin = |notes: &str, seconds: &str| {
        let said = File::create(folder.join(notes)).unwrap();
        let address = grpc.strip_prefix("grpc://").unwrap();
        let begun = Command::new(&python)
            .arg(&script)
            .arg("--key")
            .arg(&key)
            .args(["--agent", &agent, "--node", address, "--seconds", seconds])
            .stdout(said.try_clone().unwrap())
            .stderr(said)
            .spawn();
        Killed(begun.unwrap())
    };
    let slow = begin("first", "600");
    until_said(&folder.join("first"), "is in");
    let plan = example().join("plan.json");
    let goal = asked(&[
        "goal",
        "submit",
        "--plan",
        plan.to_str().unwrap(),
        "Say how many words two texts have",
    ]);
    let begun = until_said(&folder.join("first"), "begun ");
    // SIGKILL: it says nothing more to anybody.
    drop(slow);
    let _fast = begin("second", "0");
    let again = until_said(&folder.join("second"), "begun ");
    let ended = Instant::now();
    let state = loop {
        let shown: Value =
            serde_json::from_str(&asked(&["goal", "show", &goal, "--json"])).unwrap();
        let state = shown.to_string();
        if state.contains("\"answered\"") || state.contains("\"failed\"") {
            break shown;
        }
        assert!(ended.elapsed() < SOON, "{state}");
        std::thread::sleep(Duration::from_millis(50));
    };
    let said = state.to_string();
    assert!(
        said.contains("3 words") && said.contains("2 words"),
        "{said}"
    );
    // The same work by its name, of whichever of the two tasks was first.
    let operations = |line: &str| line.rsplit(' ').next().unwrap().to_owned();
    let second = fs::read_to_string(folder.join("second")).unwrap();
    assert!(
        second.contains(&operations(&begun)),
        "{begun}: {again}: {second}"
    );
    let answer = asked(&["agent", "ask", "counter", "one two three four"]);
    assert!(answer.contains("4 words"), "{answer}");
    let tree = asked(&["tree"]);
    assert!(
        tree.contains(&agent) && tree.contains("connected"),
        "{tree}"
    );
    asked(&["agent", "stop", &agent]);
    until_said(&folder.join("second"), "not wanted");
}
