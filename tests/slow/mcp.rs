//! The protocol's own suite for servers before a node, exactly this one: what the node declares passes.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use aios_control::Control;
use aios_control::access::{Principals, Token};
use aios_control::http::{HttpServer, HttpService};
use aios_runtime::{Config, Node};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// The suite, and the first version of what runs it that has all it asks for.
const PACKAGES: [&str; 2] = ["@modelcontextprotocol/conformance@0.1.16", "node@22.23.3"];
/// The others ask for tools that only a server made for the suite has, or for what is not declared.
const DECLARED: [&str; 4] = [
    "server-initialize",
    "ping",
    "tools-list",
    "dns-rebinding-protection",
];

/// The folder that the packages are in; installed once for a machine.
fn installed() -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mcp-conformance");
    fs::create_dir_all(&root).unwrap();
    let lock = File::create(root.join("lock")).unwrap();
    lock.lock().unwrap();
    let (mark, known) = (root.join("installed"), PACKAGES.join(" "));
    if fs::read_to_string(&mark).is_ok_and(|it| it == known) {
        return root;
    }
    let output = Command::new("npm")
        .args(["install", "--no-audit", "--no-fund", "--prefix"])
        .arg(&root)
        .args(PACKAGES)
        .output()
        .expect("npm has to be there");
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{err}");
    fs::write(mark, known).unwrap();
    root
}

/// The suite shows no token: whoever comes here shows this one there, and is otherwise passed on as it came.
async fn showing(token: String, to: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap();
    let passed = async move |mut from: TcpStream| {
        let mut head = Vec::new();
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            if from.read_buf(&mut head).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let head = head.replace(&format!(":{}", own.port()), &format!(":{}", to.port()));
        let (line, rest) = head.split_once("\r\n").unwrap();
        let shown = format!("Authorization: Bearer {token}\r\nConnection: close");
        let mut server = TcpStream::connect(to).await.unwrap();
        let said = format!("{line}\r\n{shown}\r\n{}", without_connection(rest));
        server.write_all(said.as_bytes()).await.unwrap();
        // Either may hang up first.
        let _ = copy_bidirectional(&mut from, &mut server).await;
    };
    tokio::spawn(async move {
        let passed = Arc::new(passed);
        while let Ok((from, _)) = listener.accept().await {
            let passed = Arc::clone(&passed);
            tokio::spawn(async move { passed(from).await });
        }
    });
    own
}

/// Each connection carries one request, so that each is shown the token.
fn without_connection(head: &str) -> String {
    let (head, body) = head.split_once("\r\n\r\n").unwrap();
    let lines = head
        .lines()
        .filter(|line| !line.to_lowercase().starts_with("connection:"));
    format!("{}\r\n\r\n{body}", lines.collect::<Vec<_>>().join("\r\n"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_protocols_own_suite_finds_nothing_in_what_is_declared() {
    let place = tempfile::tempdir().unwrap();
    let node = Node::builder().config(Config::default()).start().await;
    let node = node.unwrap();
    let token = Token::fresh().unwrap();
    let served: Arc<dyn Control> = Arc::new(node.clone());
    let server = HttpServer::bind("127.0.0.1:0".parse().unwrap()).await;
    let running = server.unwrap().serve(HttpService {
        node: Arc::new(move || Some(Arc::clone(&served))),
        principals: Principals::new([(token.clone(), node.owner_name().clone())], None),
        out: place.path().join("out"),
        page: None,
    });
    let running = running.unwrap();
    let door = showing(token.reveal().to_owned(), running.address()).await;
    let folder = place.path().to_owned();
    let asked = tokio::task::spawn_blocking(move || {
        let modules = installed().join("node_modules");
        for scenario in DECLARED {
            let output = Command::new(modules.join("node/bin/node"))
                .arg(modules.join("@modelcontextprotocol/conformance/dist/index.js"))
                .args(["server", "--url", &format!("http://{door}/mcp")])
                .args(["--scenario", scenario])
                .current_dir(&folder)
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            let err = String::from_utf8_lossy(&output.stderr);
            eprintln!("{said}");
            assert!(output.status.success(), "{scenario}: {said}{err}");
        }
    });
    asked.await.unwrap();
    running.drain().await;
    node.stop().await;
}
