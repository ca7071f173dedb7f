//! `aios agent` and `aios team` as a person and a script meet them: what they print where, what they refuse, and their exit codes.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const CLERK: &str = "---\nname: clerk\ndescription: Adds up.\ntools: [calc]\n---\nAdd up.\n";

fn aios(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_aios"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("AIOS_CONFIG")
        .env("AIOS_CACHE", folder.join("no-models"))
        .env("AIOS_DOOR_FOLDER", folder.join("doors"))
        .output()
        .unwrap()
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

/// A folder with these files below it.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

#[test]
fn charters_are_checked_file_by_file() {
    let bad = CLERK.replace("tools", "tool");
    let strange = CLERK.replace("calc", "abacus").replace("clerk", "strange");
    let folder = folder(&[
        ("agents/clerk.md", CLERK),
        ("agents/bad.md", &bad),
        ("agents/strange.md", &strange),
    ]);
    let checked = aios(folder.path(), &["agent", "check", "--json"]);
    let said = object(&checked);
    assert_eq!(
        (checked.status.code(), &said["sound"]),
        (Some(1), &Value::Bool(false))
    );
    let problems = |at: usize| {
        said["charters"][at]["problems"][0]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    assert!(
        problems(0).contains("no charter has a key `tool`; nearest is `tools`"),
        "{said}"
    );
    assert_eq!(problems(1), "", "{said}");
    assert!(
        problems(2).contains("there is no tool \"abacus\""),
        "{said}"
    );
    let checked = aios(folder.path(), &["agent", "check", "agents/clerk.md"]);
    assert_eq!(
        (checked.status.code(), text(&checked.stdout).trim()),
        (Some(0), "agents/clerk.md: sound")
    );
    let none = aios(folder.path(), &["agent", "check", "nowhere"]);
    assert_eq!(none.status.code(), Some(1));
}

#[test]
fn a_charters_agent_is_asked_without_a_node() {
    let folder = folder(&[("agents/clerk.md", CLERK)]);
    let ask = [
        "agent",
        "ask",
        "clerk",
        "Add 1 and 2.",
        "--engine",
        "scripted",
        "--json",
    ];
    let asked = aios(folder.path(), &ask);
    let said = object(&asked);
    assert_eq!(asked.status.code(), Some(0), "{said}");
    assert_eq!(
        (&said["act"], said["content"].is_string()),
        (&Value::from("inform"), true),
        "{said}"
    );
    assert!(
        said["agent"].as_str().unwrap().starts_with("macro.clerk."),
        "{said}"
    );
    let nobody = aios(
        folder.path(),
        &[
            "agent", "ask", "ghost", "Hello.", "--engine", "scripted", "--json",
        ],
    );
    assert_eq!(nobody.status.code(), Some(1));
    assert_eq!(object(&nobody)["error"]["kind"], "no_node");
    let nobody = aios(folder.path(), &["agent", "list"]);
    assert!(text(&nobody.stderr).contains("no node of yours is running"));
}

#[test]
fn agent_files_are_brought_over_and_what_they_lose_is_said() {
    let foreign = "---\nname: Code Reviewer\ndescription: Reviews.\ntools: Read, Bash\nmodel: opus\ncolor: blue\n---\nReview.\n";
    let folder = folder(&[
        ("from/code-reviewer.md", foreign),
        ("from/README.md", "# About"),
        ("from/sub/notes.md", "no agent"),
    ]);
    let brought = aios(folder.path(), &["agent", "import", "from", "--json"]);
    let said = object(&brought);
    assert_eq!(
        (brought.status.code(), said.as_array().map(Vec::len)),
        (Some(0), Some(2)),
        "{said}"
    );
    let notes: Vec<&str> = said[0]["notes"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|note| note["field"].as_str())
        .collect();
    assert_eq!(notes, ["name", "tools", "model", "color"], "{said}");
    assert!(
        said[1]["error"].as_str().unwrap().contains("three hyphens"),
        "{said}"
    );
    let charter = fs::read_to_string(folder.path().join("agents/code-reviewer.md")).unwrap();
    assert!(
        charter.contains("tools: [\"read_file\"]") && charter.ends_with("\nReview.\n"),
        "{charter}"
    );
    let checked = aios(folder.path(), &["agent", "check"]);
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stdout));
    // A charter that is there may be somebody's work.
    let again = aios(folder.path(), &["agent", "import", "from", "--json"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(
        object(&again)[0]["error"]
            .as_str()
            .unwrap()
            .contains("--force")
    );
    assert_eq!(
        aios(folder.path(), &["agent", "import", "from", "--force"])
            .status
            .code(),
        Some(0)
    );
}

#[test]
fn a_team_is_drawn_and_what_is_wrong_with_it_is_said() {
    let sound = "name = \"desk\"\n[[children]]\ngroup = \"back\"\n[[children.children]]\ncharter = \"clerk\"\ninstances = 2\n";
    let broken = sound.replace("charter = \"clerk\"", "charter = \"ghost\"");
    let folder = folder(&[
        ("agents/clerk.md", CLERK),
        ("sound.toml", sound),
        ("broken.toml", &broken),
    ]);
    let shown = aios(folder.path(), &["team", "show", "sound.toml"]);
    let out = text(&shown.stdout);
    assert_eq!(shown.status.code(), Some(0), "{out}");
    assert!(
        out.contains("clerk x 2") && out.contains("tools calc"),
        "{out}"
    );
    let shown = aios(folder.path(), &["team", "show", "broken.toml", "--json"]);
    let said = object(&shown);
    assert_eq!(shown.status.code(), Some(1), "{said}");
    assert!(
        said["problems"][0].as_str().unwrap().contains("ghost"),
        "{said}"
    );
    let node = aios(
        folder.path(),
        &["node", "--team", "broken.toml", "--engine", "scripted"],
    );
    assert_eq!(node.status.code(), Some(1));
    assert!(
        text(&node.stderr).contains("the team cannot start"),
        "{}",
        text(&node.stderr)
    );
}

/// Nothing is unsigned in a folder of this version, so nothing is adopted there; where no node has been, that is said.
#[test]
fn what_is_unsigned_is_adopted_where_a_node_has_been_and_none_runs() {
    let folder = folder(&[("agents/clerk.md", CLERK)]);
    let adopt_again = |agent: &str, again: &[&str]| {
        let adopt = ["agent", "adopt", agent, "--folder", "state", "--json"];
        aios(folder.path(), &[&adopt[..], again].concat())
    };
    let adopt = |agent: &str| adopt_again(agent, &[]);
    let none = adopt("macro.clerk.001@local");
    assert_eq!(none.status.code(), Some(1));
    let said = object(&none);
    let message = said["error"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("no state of a node"), "{said}");
    let ask = "agent ask clerk Hello. --engine scripted --set storage.folder=state";
    let ask: Vec<&str> = ask.split(' ').collect();
    let asked = aios(folder.path(), &ask);
    assert_eq!(asked.status.code(), Some(0), "{}", text(&asked.stderr));
    let adopted = adopt("macro.clerk.001@local");
    assert_eq!(adopted.status.code(), Some(0), "{}", text(&adopted.stderr));
    let none = serde_json::json!([{
        "agent": "macro.clerk.001@local", "checkpoints": 0, "messages": 0, "outcomes": 0, "signed": [],
    }]);
    assert_eq!(object(&adopted), none);
    // Once.
    let refused = adopt("macro.clerk.001@local");
    assert_eq!(refused.status.code(), Some(1));
    let said = object(&refused);
    let message = said["error"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("--again"), "{said}");
    let again = adopt_again("macro.clerk.001@local", &["--again"]);
    assert_eq!(object(&again), none);
    let misnamed = adopt("clerk");
    assert_eq!(misnamed.status.code(), Some(1));
    assert_eq!(object(&misnamed)["error"]["kind"], "usage");
}
