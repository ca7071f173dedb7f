//! Servers nobody here wrote, of both ages of the protocol and over both ways.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use aios_tools::mcp::ServerSpec;
use aios_work::{Effect, ServerState, ToolErrorKind};
use serde_json::json;

use crate::installed;
use crate::rig::{PATIENCE, Rig, eventually, processes};

fn time() -> ServerSpec {
    let python = installed::python();
    let words = [
        python.to_str().unwrap(),
        "-m",
        "mcp_server_time",
        "--local-timezone",
        "UTC",
    ];
    ServerSpec {
        hints: true,
        ..ServerSpec::command("time", words)
    }
}

#[tokio::test]
async fn the_time_server_converts_a_time_and_refuses_a_zone_that_is_none() {
    let rig = Rig::start(time()).await;
    let seen = rig.ready().await;
    assert_eq!(seen.tools, ["time__convert_time", "time__get_current_time"]);
    assert_eq!(
        rig.tool("time__convert_time").spec().effect,
        Effect::Pure,
        "its hints are believed"
    );
    let args = json!({"source_timezone": "Asia/Tokyo", "time": "16:30", "target_timezone": "UTC"});
    let value = rig
        .call("time__convert_time", args.clone())
        .await
        .unwrap()
        .value;
    assert_eq!(value["time_difference"], "-9.0h");
    assert!(
        value["target"]["datetime"]
            .as_str()
            .unwrap()
            .contains("T07:30"),
        "{value}"
    );
    let wrong = json!({"timezone": "Nowhere/Land"});
    let error = rig.call("time__get_current_time", wrong).await.unwrap_err();
    assert_eq!(error.kind(), ToolErrorKind::Other, "{error}");
    // Killed from outside, again and again, between calls and in the middle of them.
    for _ in 0..3 {
        let running = processes("mcp_server_time");
        // Those of this test, and of no other.
        let ours = running
            .iter()
            .filter(|number| parent(**number) == Some(std::process::id()));
        for number in ours {
            let _ = Command::new("kill")
                .args(["-9", &number.to_string()])
                .status();
        }
        let mut outcome = rig.call("time__convert_time", args.clone()).await;
        if let Err(error) = &outcome {
            assert!(error.is_retryable(), "{error}");
            outcome = rig.call("time__convert_time", args.clone()).await;
        }
        assert_eq!(outcome.unwrap().value["time_difference"], "-9.0h");
    }
    rig.tree.stop().await;
}

fn parent(number: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
    stat.rsplit(')')
        .next()?
        .split_whitespace()
        .nth(1)?
        .parse()
        .ok()
}

#[tokio::test]
async fn the_file_server_reads_and_writes_within_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().canonicalize().unwrap().join("files");
    fs::create_dir_all(&files).unwrap();
    let entry = installed::node("server-filesystem");
    let words = ["node", entry.to_str().unwrap(), files.to_str().unwrap()];
    let rig = Rig::over(folder, vec![ServerSpec::command("files", words)]).await;
    let seen = rig.ready().await;
    assert!(seen.tools.len() > 8 && seen.refused.is_empty(), "{seen:?}");
    let path = files.join("a.txt");
    let args = json!({"path": path, "content": "twelve cups\n"});
    rig.call("files__write_file", args).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "twelve cups\n");
    let read = rig
        .call("files__read_text_file", json!({"path": path}))
        .await
        .unwrap();
    assert_eq!(read.value["content"], "twelve cups\n");
    let outside = rig
        .call("files__read_text_file", json!({"path": "/etc/hostname"}))
        .await
        .unwrap_err();
    assert_eq!(outside.kind(), ToolErrorKind::Other);
    assert!(outside.to_string().contains("denied"), "{outside}");
    rig.tree.stop().await;
}

/// A server over HTTP, gone with this.
struct Everything(Child);

impl Everything {
    fn start(port: u16) -> Self {
        let entry = installed::node("server-everything");
        let mut child = Command::new("node")
            .args([entry.to_str().unwrap(), "streamableHttp"])
            .env("PORT", port.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        // It says so on its errors when it listens; the rest is read away.
        let mut lines = errors.lines().map_while(Result::ok);
        let said = lines.by_ref().find(|line| line.contains("listening"));
        assert!(said.is_some(), "it never listened");
        std::thread::spawn(move || lines.for_each(drop));
        Self(child)
    }
}

impl Drop for Everything {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_server_over_http_is_called_and_comes_back_when_it_was_killed() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut server = Everything::start(port);
    let spec = ServerSpec {
        effect: Effect::Pure,
        ..ServerSpec::url("all", format!("http://127.0.0.1:{port}/mcp"))
    };
    let rig = Rig::start(spec).await;
    rig.ready().await;
    let echo = async || rig.call("all__echo", json!({"message": "hello"})).await;
    assert_eq!(echo().await.unwrap().value, "Echo: hello");
    drop(server);
    let error = echo().await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    server = Everything::start(port);
    let begun = std::time::Instant::now();
    loop {
        match echo().await {
            Ok(output) => {
                assert_eq!(output.value, "Echo: hello");
                break;
            }
            Err(error) => assert!(
                error.is_retryable() && begun.elapsed() < PATIENCE,
                "{error}"
            ),
        }
    }
    assert_eq!(rig.servers.view()[0].state, ServerState::Ready);
    drop(server);
    rig.tree.stop().await;
    eventually("nothing is left", || {
        rig.servers.view()[0].state == ServerState::Down
    })
    .await;
}
