//! What a node that serves is asked from the command line beside goals and agents: judgements, and its models. With the scripted engine.
#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

fn aios(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aios"));
    command
        .current_dir(folder)
        .env_remove("AIOS_CONFIG")
        .env_remove("AIOS_NODE")
        .env("AIOS_CACHE", folder.join("no-models"))
        .env("AIOS_DOOR_FOLDER", folder.join("doors"))
        .env("NO_COLOR", "1")
        .stdin(Stdio::null());
    command
}

/// A node that serves; killed when it is dropped.
struct Served {
    child: Child,
    folder: tempfile::TempDir,
    /// By HTTP and by gRPC.
    addresses: [String; 2],
}

impl Served {
    fn begin() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listen = ["--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0"];
        let mut child = aios(folder.path())
            .args(["serve", "--json", "--engine", "scripted"])
            .args(listen)
            .stdout(Stdio::piped())
            .stderr(File::create(folder.path().join("notes")).unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        let addresses = ["http", "grpc"].map(|name| ready[name].as_str().unwrap().to_owned());
        Self {
            child,
            folder,
            addresses,
        }
    }

    fn asked(&self, node: &str, arguments: &[&str]) -> (Output, Value) {
        let output = aios(self.folder.path())
            .args(["--node", node])
            .args(arguments)
            .arg("--json")
            .output()
            .unwrap();
        let said = serde_json::from_slice(&output.stdout);
        let said = said.unwrap_or_else(|error| panic!("{error}: {output:?}"));
        (output, said)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_node_judges_what_is_brought_to_it_as_the_command_does_alone() {
    let served = Served::begin();
    let write = |name: &str, text: &str| fs::write(served.folder.path().join(name), text).unwrap();
    write(
        "q1.csv",
        "Filiale;Umsatz EUR\nJena;1.000,50\nFulda;500,25\nJena;99,25\n",
    );
    let right = "Total turnover is EUR 1,600.00: Jena EUR 1,099.75, Fulda EUR 500.25.";
    write("right.md", right);
    write("wrong.md", &right.replace("1,600", "1,700"));
    write("lax.toml", "pass = 0.5\n");
    let goal = "Total turnover and turnover per branch (Filiale).";
    let rows: [(&[&str], Option<&str>, i32); 4] = [
        (&["right.md"], Some("approved"), 0),
        (&["wrong.md"], Some("rejected"), 1),
        (&["right.md", "--criteria", "lax.toml"], None, 1),
        (&["gone.md"], None, 1),
    ];
    for node in &served.addresses {
        for (more, status, code) in rows {
            let mut arguments = vec!["judge", "--goal", goal, "--data", "q1.csv"];
            arguments.extend(more);
            let (output, said) = served.asked(node, &arguments);
            assert_eq!(output.status.code(), Some(code), "{more:?}: {said}");
            assert_eq!(said["status"].as_str(), status, "{more:?}: {said}");
            assert_eq!(said["error"].is_object(), status.is_none(), "{said}");
        }
        // The very same report as without a node.
        let alone = ["judge", "--goal", goal, "--data", "q1.csv", "wrong.md"];
        let (_, by_node) = served.asked(node, &alone);
        let here = aios(served.folder.path())
            .args(alone)
            .arg("--json")
            .output()
            .unwrap();
        let here: Value = serde_json::from_slice(&here.stdout).unwrap();
        assert_eq!(by_node, here);
    }
}

#[test]
fn an_engine_without_weights_says_that_it_exchanges_no_model() {
    let served = Served::begin();
    let rows: [&[&str]; 3] = [
        &["model", "swap", "scripted", "smollm2-135m-instruct"],
        &["model", "load", "./x.gguf"],
        &["model", "unload", "scripted"],
    ];
    for node in &served.addresses {
        for arguments in rows {
            let (output, said) = served.asked(node, arguments);
            assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
            let message = said["error"]["message"].as_str().unwrap();
            assert!(
                message.contains("loads no weights"),
                "{arguments:?}: {said}"
            );
        }
    }
}
