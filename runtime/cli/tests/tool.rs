//! `aios tool` as a person and a script meet it: what it prints where, what it refuses, and its exit codes.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

fn aios(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aios"));
    command
        .args(arguments)
        .current_dir(folder)
        .env_remove("AIOS_CONFIG")
        .env("AIOS_CACHE", folder.join("no-models"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Whoever does not read it has closed it.
    let _ = child
        .stdin
        .take()
        .unwrap()
        .write_all(br#"{"expression": "6 * 7"}"#);
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn object(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!(
            "{error}: {} / {}",
            text(&output.stdout),
            text(&output.stderr)
        )
    })
}

#[test]
fn tools_are_listed_and_shown_with_what_they_need() {
    let folder = tempfile::tempdir().unwrap();
    let listed = aios(folder.path(), &["tool", "list"]);
    let (out, err) = (text(&listed.stdout), text(&listed.stderr));
    assert_eq!(listed.status.code(), Some(0), "{err}");
    assert!(!out.contains('\u{1b}'), "no colour into a pipe: {out}");
    for name in [
        "calc",
        "http_get",
        "list_files",
        "read_file",
        "write_file",
        "write_text",
    ] {
        assert!(
            out.lines().any(|line| line.starts_with(name)),
            "{name}: {out}"
        );
    }
    let http = out
        .lines()
        .find(|line| line.starts_with("http_get"))
        .unwrap();
    assert!(http.contains("not granted: net.http/{host}"), "{http}");
    assert!(err.contains("tools.grants"), "{err}");

    let listed = aios(folder.path(), &["tool", "list", "--json"]);
    let tools = object(&listed);
    let of = |name: &str| {
        let tools = tools.as_array().unwrap();
        tools
            .iter()
            .find(|tool| tool["name"] == name)
            .unwrap()
            .clone()
    };
    assert_eq!(of("http_get")["missing"], json!(["net.http/{host}"]));
    assert_eq!(of("calc").get("missing"), None);
    assert_eq!(of("write_file")["effect"], "repeatable");

    let shown = text(&aios(folder.path(), &["tool", "show", "write_file"]).stdout);
    for part in [
        "effect  repeatable",
        "needs   files.write",
        "description",
        "optional",
        "takes",
        "gives",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let unknown = aios(folder.path(), &["tool", "show", "clac"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown.stderr).contains("there is no tool called \"clac\"; there are: calc"));
}

#[test]
fn a_tool_is_called_by_hand_and_says_what_it_is_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let called = aios(
        path,
        &[
            "tool",
            "call",
            "calc",
            "--args",
            r#"{"expression": "2 km + 300 m"}"#,
        ],
    );
    let err = text(&called.stderr);
    assert_eq!(called.status.code(), Some(0), "{err}");
    assert_eq!(object(&called)["text"], "2.3 km");
    assert!(err.contains("calc: pure, needs nothing"), "{err}");

    let called = aios(path, &["tool", "call", "calc", "--args", "-", "--json"]);
    let called = object(&called);
    assert_eq!(
        (&called["tool"], &called["value"]["number"]),
        (&json!("calc"), &json!(42))
    );
    assert_eq!(called["facts"][0]["value"], json!(42));

    let args = r#"{"name": "a.md", "content": "one two"}"#;
    let wrote = aios(
        path,
        &["tool", "call", "write_file", "--args", args, "--out", "out"],
    );
    assert_eq!(wrote.status.code(), Some(0), "{}", text(&wrote.stderr));
    let file = path.join("out/a.md");
    assert_eq!(fs::read_to_string(&file).unwrap(), "one two");
    assert!(text(&wrote.stderr).contains("a.md"));
    let read = aios(path, &["tool", "call", "read_file", "--data", "out/a.md"]);
    assert_eq!(object(&read)["words"], 2);
}

#[test]
fn what_is_wrong_or_not_granted_is_told_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |arguments: &[&str]| {
        let arguments: Vec<&str> = ["tool", "call"].iter().chain(arguments).copied().collect();
        let output = aios(folder.path(), &[&arguments[..], &["--json"]].concat());
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        object(&output)["error"].clone()
    };
    let url = r#"{"url": "http://127.0.0.1:9/"}"#;
    for (arguments, message, advice) in [
        (&["nothing"][..], "there is no tool called \"nothing\"", ""),
        (&["calc"], "missing field `expression`", "aios tool show"),
        (
            &["calc", "--args", "[1]"],
            "not an object",
            "aios tool show",
        ),
        (&["calc", "--args", "{"], "--args is no JSON", "--help"),
        (
            &["calc", "--args", r#"{"expression": 1}"#],
            "`/expression` is an integer, expected string",
            "",
        ),
        (
            &["calc", "--args", r#"{"expression": "1/0"}"#],
            "it divides by zero",
            "",
        ),
        (
            &["http_get", "--args", url],
            "this node grants to nobody",
            "tools.grants",
        ),
        (
            &["http_get", "--args", url, "--set", "tools.grants=net.http"],
            "a loopback address",
            "tools.grants",
        ),
        (
            &["list_files", "--set", "tools.grants="],
            "files.read, which this node grants to nobody",
            "tools.grants",
        ),
        (
            &["read_file", "--data", "none.txt"],
            "none.txt does not exist",
            "",
        ),
        (
            &[
                "write_file",
                "--args",
                r#"{"name": "../a", "content": ""}"#,
                "--out",
                "out",
            ],
            "leads to another folder",
            "",
        ),
        (
            &["write_file", "--args", r#"{"name": "a", "content": ""}"#],
            "no output folder",
            "",
        ),
        (
            &[
                "calc",
                "--deadline-ms",
                "0",
                "--args",
                r#"{"expression": "1"}"#,
            ],
            "deadline_ms is 0",
            "",
        ),
    ] {
        let error = refused(arguments);
        let (said, to_do) = (
            error["message"].as_str().unwrap(),
            error["what_to_do"].as_str().unwrap(),
        );
        assert!(said.contains(message), "{arguments:?}: {error}");
        assert!(
            to_do.contains(advice) && !to_do.is_empty(),
            "{arguments:?}: {error}"
        );
    }
    assert!(!folder.path().join("a").exists());
}

/// What is configured and does not come is not left out in silence.
#[test]
fn a_server_that_does_not_come_is_named_with_its_own_words() {
    let folder = tempfile::tempdir().unwrap();
    let config =
        "[tools.dies]\ncommand = [\"sh\", \"-c\", \"echo no module named x >&2; exit 3\"]\n";
    fs::write(folder.path().join("aios.toml"), config).unwrap();
    let config = ["--config", "aios.toml"];
    let listed = aios(folder.path(), &[&["tool", "list"][..], &config].concat());
    let err = text(&listed.stderr);
    assert_eq!(listed.status.code(), Some(0), "{err}");
    assert!(text(&listed.stdout).contains("calc"));
    for part in ["server dies is down", "no module named x"] {
        assert!(err.contains(part), "{part}: {err}");
    }
    let shown = aios(
        folder.path(),
        &[&["tool", "show", "dies__work"][..], &config].concat(),
    );
    let err = text(&shown.stderr);
    assert_eq!(shown.status.code(), Some(1), "{err}");
    for part in [
        "there is no tool called \"dies__work\": server dies is down",
        "no module named x",
        "there are: calc",
    ] {
        assert!(err.contains(part), "{part}: {err}");
    }
}

/// The block of a page between two marks, without its fence.
fn script(page: &str, mark: &str) -> String {
    let block = page.split(mark).nth(1).unwrap().trim();
    let body = block
        .strip_prefix("```sh\n")
        .and_then(|rest| rest.strip_suffix("```"));
    body.unwrap().to_owned()
}

#[test]
fn the_page_about_mcp_servers_is_typed_as_it_stands() {
    let page = include_str!("../../../docs/guide/mcp.md");
    let script = script(page, "<!-- stranger -->");
    assert!(script.lines().count() <= 15, "{script}");
    let folder = tempfile::tempdir().unwrap();
    // What was tried, whatever is published meanwhile.
    let pins = folder.path().join("pins");
    fs::write(&pins, "mcp-server-time==2026.10.19\nmcp==2.3.0\n").unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_aios")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("sh")
        .args(["-eu", "-c", &script])
        .current_dir(folder.path())
        .env("PATH", format!("{}:{path}", programs.display()))
        .env("PIP_CONSTRAINT", pins)
        .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
        .env_remove("AIOS_CONFIG")
        .env("AIOS_CACHE", folder.path().join("no-models"))
        .output()
        .unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
    assert!(out.contains("\"time_difference\": \"-9.0h\""), "{out}");
}

/// The end of a node that nothing can be done at: no farewell, no drop.
#[test]
fn a_node_that_is_killed_leaves_no_server_behind() {
    let folder = tempfile::tempdir().unwrap();
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../actors/tools/tests/mcp/server.py");
    // It heeds neither its closed input nor a request to end, and has started a process of its own.
    let notes = folder.path().join("numbers");
    let config =
        format!("[tools.s]\ncommand = [\"python3\", {script:?}, \"stubborn\", {notes:?}]\n");
    fs::write(folder.path().join("aios.toml"), config).unwrap();
    let mut node = Command::new(env!("CARGO_BIN_EXE_aios"))
        .args(["node", "--config", "aios.toml"])
        .arg(format!("--set=door.folder={}", folder.path().display()))
        .args(["--set", "swarm.pages=0", "--set", "model.engine=scripted"])
        .current_dir(folder.path())
        .env_remove("AIOS_CONFIG")
        .env("AIOS_CACHE", folder.path().join("no-models"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let within = |what: &str, holds: &dyn Fn() -> bool| {
        let begun = std::time::Instant::now();
        while !holds() {
            assert!(begun.elapsed().as_secs() < 60, "never: {what}");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    };
    let numbers = || -> Vec<u32> {
        let noted = fs::read_to_string(&notes).unwrap_or_default();
        noted
            .split(' ')
            .filter_map(|number| number.parse().ok())
            .collect()
    };
    let runs = |number: u32| {
        let stat = fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
        // What nobody has buried yet does nothing any more.
        !stat.is_empty() && !stat.contains(") Z")
    };
    within("the server runs", &|| numbers().len() == 2);
    let numbers = numbers();
    assert!(numbers.iter().all(|number| runs(*number)));
    // Long enough that it is watched over.
    std::thread::sleep(std::time::Duration::from_millis(300));
    node.kill().unwrap();
    node.wait().unwrap();
    within("it is gone, and what it started", &|| {
        !numbers.iter().any(|number| runs(*number))
    });
}
