//! How often a goal is looked at over HTTP, beside a bare axum server that says as many bytes.
//!
//! Both are asked by the same client over as many connections that stay, in slices that follow each other. Each connection has a key of its
//! own, because a principal is let in a thousand times a second and no more.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aios_bench::{Bar, BenchError, Report, Samples};
use aios_control::access::{KeyFile, NewKey, Principals, Scope, Token};
use aios_control::http::{HttpServer, HttpService, Running};
use aios_control::{Control, GoalPhase, Submit};
use aios_protocols::Timestamp;
use aios_runtime::{Config, Node};
use aios_work::PlanFile;
use axum::Router;
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::super::failed;

/// Connections at a time.
pub(super) const CONNECTIONS: usize = 16;
/// Requests of each in a slice, and slices of a round: together they stay within what a key may ask at once.
const REQUESTS: usize = 100;
const SLICES: u32 = 2;
/// The least part of a bare server's rate.
const LIMIT: f64 = 0.5;
/// The longest head and body of an answer.
const ANSWER_MAX: usize = 4 * 1024 * 1024;

/// A node that is asked over HTTP, with keys of its own.
pub(super) struct Served {
    pub(super) node: Node,
    pub(super) running: Running,
    pub(super) tokens: Vec<Token>,
    pub(super) folder: tempfile::TempDir,
}

impl Served {
    pub(super) async fn open(node: Node, scope: Scope) -> Result<Self, BenchError> {
        let folder = tempfile::tempdir().map_err(failed)?;
        let keys = KeyFile::at(folder.path().join("keys.json"));
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let mut tokens = Vec::with_capacity(CONNECTIONS);
        for at in 0..CONNECTIONS {
            let wanted = NewKey {
                principal: format!("user:bench{at}@local").parse().map_err(failed)?,
                scope,
                folders: Vec::new(),
                expires_at: None,
            };
            let issued = keys.issue(wanted, Timestamp::since_epoch(now));
            tokens.push(issued.map_err(failed)?.1);
        }
        let server = HttpServer::bind(([127, 0, 0, 1], 0).into());
        let served: Arc<dyn Control> = Arc::new(node.clone());
        let service = HttpService {
            node: Arc::new(move || Some(Arc::clone(&served))),
            principals: Principals::new([], Some(keys)),
            out: folder.path().join("out"),
            page: None,
        };
        let running = server.await.map_err(failed)?.serve(service);
        Ok(Self {
            node,
            running: running.map_err(failed)?,
            tokens,
            folder,
        })
    }

    pub(super) async fn close(self) {
        self.running.drain().await;
        self.node.stop().await;
    }
}

/// A client with one connection, which knows no more of HTTP than is needed.
pub(super) struct Asker {
    stream: TcpStream,
    address: SocketAddr,
    token: String,
    read: Vec<u8>,
}

impl Asker {
    pub(super) async fn of(address: SocketAddr, token: Option<&Token>) -> Result<Self, BenchError> {
        let stream = TcpStream::connect(address).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        Ok(Self {
            stream,
            address,
            token: token
                .map(|token| token.reveal().to_owned())
                .unwrap_or_default(),
            read: Vec::new(),
        })
    }

    /// The body of a successful answer.
    pub(super) async fn ask(
        &mut self,
        verb: &str,
        path: &str,
        body: &str,
    ) -> Result<Vec<u8>, BenchError> {
        let (address, token, length) = (self.address, &self.token, body.len());
        let asked = format!(
            "{verb} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        self.stream
            .write_all(asked.as_bytes())
            .await
            .map_err(failed)?;
        self.read.clear();
        let (head, length) = loop {
            if let Some(found) = whole(&self.read) {
                break found;
            }
            self.more().await?;
        };
        while self.read.len() < head + length {
            self.more().await?;
        }
        let body = self.read.split_off(head);
        if self.read.starts_with(b"HTTP/1.1 2") {
            return Ok(body);
        }
        let said = String::from_utf8_lossy(&body).into_owned();
        Err(BenchError(format!("{verb} {path}: {said}")))
    }

    async fn more(&mut self) -> Result<(), BenchError> {
        if self.read.len() > ANSWER_MAX {
            return Err(BenchError("the answer does not end".to_owned()));
        }
        match self.stream.read_buf(&mut self.read).await.map_err(failed)? {
            0 => Err(BenchError("the server hung up".to_owned())),
            _ => Ok(()),
        }
    }
}

/// Where the body of an answer begins and how long it is, once its head is there.
fn whole(read: &[u8]) -> Option<(usize, usize)> {
    let end = read.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(read.get(..end)?).to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    Some((
        end,
        length
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(0),
    ))
}

/// Requests a second, all connections together.
async fn rate(askers: &mut [Asker], path: &str) -> Result<f64, BenchError> {
    let begun = Instant::now();
    let asking = askers.iter_mut().map(|asker| async move {
        for _ in 0..REQUESTS {
            asker.ask("GET", path, "").await?;
        }
        Ok::<_, BenchError>(())
    });
    futures::future::try_join_all(asking).await?;
    Ok((CONNECTIONS * REQUESTS) as f64 / begun.elapsed().as_secs_f64())
}

/// A goal that is over, to be looked at.
async fn answered(served: &Served) -> Result<String, BenchError> {
    let plan = r#"{"goal":"Add one and one","tasks":[{"id":"sum","tool":"calc","args":{"expression":"1 + 1"}}]}"#;
    let plan = PlanFile::read(plan.as_bytes()).map_err(failed)?;
    let mut control = served.node.control();
    let submitted = control
        .submit(Submit {
            goal_id: None,
            text: plan.goal.clone(),
            data: Vec::new(),
            files: Vec::new(),
            out: served.folder.path().join("out").display().to_string(),
            private: false,
            plan: Some(Box::new(plan)),
        })
        .await
        .map_err(failed)?;
    loop {
        let state = control.goal(&submitted.goal_id).await.map_err(failed)?;
        if state.phase != GoalPhase::Running {
            return Ok(submitted.goal_id);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(super) async fn measure(report: &mut Report, rounds: u32) -> Result<(), BenchError> {
    let mut config = Config::default();
    config.door.open = false;
    let node = Node::builder().config(config).start().await;
    let served = Served::open(node.map_err(failed)?, Scope::Read).await?;
    let path = format!("/v1/goals/{}", answered(&served).await?);
    let address = served.running.address();
    let mut ours = Vec::with_capacity(CONNECTIONS);
    for token in &served.tokens {
        ours.push(Asker::of(address, Some(token)).await?);
    }
    let body = match ours.first_mut() {
        Some(asker) => asker.ask("GET", &path, "").await?,
        None => Vec::new(),
    };
    let bytes = body.len();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed)?;
    let raw = listener.local_addr().map_err(failed)?;
    let kind = [("content-type", "application/json")];
    let router = Router::new().route(
        "/v1/goals/{goal_id}",
        get(move || std::future::ready((kind, body.clone()))),
    );
    let bare = tokio::spawn(async move { axum::serve(listener, router).await });
    let mut theirs = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        theirs.push(Asker::of(raw, None).await?);
    }
    rate(&mut theirs, &path).await?;
    let [mut own, mut axum] = [const { Samples::new() }; 2];
    for _ in 0..rounds.saturating_mul(SLICES) {
        own.push(rate(&mut ours, &path).await?);
        axum.push(rate(&mut theirs, &path).await?);
        // As much as a key may ask comes again with time.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bare.abort();
    served.close().await;
    let [own, axum] = [own.median(), axum.median()];
    report.figure("http_goal_per_s", own);
    report.figure("axum_echo_per_s", axum);
    report.figure("http_goal_bytes", bytes as f64);
    report.bar(Bar::at_least(
        "http_goal_query",
        "queries of one goal over HTTP, as a part of what a bare axum server answers with as many bytes",
        own / axum,
        LIMIT,
        "times",
    ));
    Ok(())
}
