//! A node that knows a few answers, a server before it, and somebody who speaks HTTP by hand.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aios_control::access::{KeyFile, Principals, Token};
use aios_control::http::{HttpServer, HttpService, Page, Running};
use aios_control::{
    Asked, BreakerLine, Caller, Control, ControlError, Embedded, EngineLine, ErrorKind, Event,
    EventKind, EventStream, Generated, GoalPhase, GoalState, Place, Request, Response, Submitted,
    Written,
};
use aios_work::Spent;
use aios_work::content::{self, GoalStatus};
use async_trait::async_trait;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long anything may take that is waited for.
pub(crate) const SOON: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(crate) struct Fake {
    /// What it was asked so far.
    pub(crate) asked: AtomicUsize,
    pub(crate) kills: AtomicUsize,
    /// Kills and watches that it was asked for, done or not.
    pub(crate) begun: [AtomicUsize; 2],
    pub(crate) submits: AtomicUsize,
    pub(crate) cancels: AtomicUsize,
    /// Questions that are being thought about.
    pub(crate) thinking: Arc<AtomicUsize>,
    /// Lets a question be answered that waits.
    pub(crate) told: tokio::sync::Notify,
    /// Events of a goal do not end.
    pub(crate) endless: AtomicBool,
    /// What the next command is refused with.
    pub(crate) refuses: AtomicBool,
    /// Who asked last.
    pub(crate) caller: Mutex<Option<Caller>>,
    /// Which folder a goal was to write into, last.
    pub(crate) out: Mutex<String>,
    /// How the goal `ready` stands, in words.
    pub(crate) words: Mutex<Option<Written>>,
}

/// Is counted while it is there.
struct Thinks(Arc<AtomicUsize>);

impl Drop for Thinks {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

struct Told(Vec<Event>, bool);

#[async_trait]
impl EventStream for Told {
    async fn next(&mut self) -> Option<aios_control::Told> {
        if self.0.is_empty() && self.1 {
            std::future::pending::<()>().await;
        }
        (!self.0.is_empty()).then(|| self.0.remove(0).into())
    }
}

fn value(answer: impl Serialize) -> Result<Response, ControlError> {
    Ok(Response::Value(serde_json::to_value(answer).unwrap()))
}

fn event(seq: u64, kind: EventKind, body: Value) -> Event {
    Event { seq, kind, body }
}

#[async_trait]
impl Control for Fake {
    async fn answer(&self, caller: &Caller, request: Request) -> Result<Response, ControlError> {
        assert_eq!(caller.place, Place::Elsewhere);
        self.asked.fetch_add(1, Relaxed);
        *self.caller.lock().unwrap() = Some(caller.clone());
        if self.refuses.load(Relaxed) && request.is_command() {
            return Err(ControlError::new(ErrorKind::Busy, "not now"));
        }
        match request {
            Request::View {} => value("here"),
            // As long as an answer may be.
            Request::Config {} => value("x".repeat(4_000_000)),
            Request::Kill { agent } => {
                if agent == "nobody" {
                    return Err(ControlError::unknown("no agent nobody"));
                }
                self.begun[0].fetch_add(1, Relaxed);
                tokio::time::sleep(Duration::from_millis(50)).await;
                self.kills.fetch_add(1, Relaxed);
                value(())
            }
            Request::Ask(ask) => {
                self.thinking.fetch_add(1, Relaxed);
                let _thinks = Thinks(Arc::clone(&self.thinking));
                match ask.content.as_str() {
                    "hush" => std::future::pending().await,
                    "wait" => {
                        self.told.notified().await;
                        value(Asked {
                            agent: ask.agent,
                            act: "inform".to_owned(),
                            content: "at last".to_owned(),
                        })
                    }
                    _ if ask.agent == "nobody" => Err(ControlError::unknown("no agent nobody")),
                    "fall" => Err(ControlError::failed("it fell")),
                    _ => value(Asked {
                        agent: ask.agent,
                        act: "inform".to_owned(),
                        content: ask.content,
                    }),
                }
            }
            Request::Submit(goal) => {
                self.submits.fetch_add(1, Relaxed);
                if goal.text == "hold" {
                    self.told.notified().await;
                }
                *self.out.lock().unwrap() = goal.out;
                let goal_id = goal.goal_id.unwrap_or("g-1".to_owned());
                value(Submitted { goal_id })
            }
            Request::Cancel { .. } => {
                self.cancels.fetch_add(1, Relaxed);
                value(())
            }
            // The first three are not kept any more.
            Request::Events(events) => {
                self.begun[1].fetch_add(1, Relaxed);
                let kept = (4..=6).filter(|seq| *seq > events.after_seq);
                let kept = kept.map(|seq| event(seq, EventKind::Task, json!({"task": "a\nb"})));
                let endless = self.endless.load(Relaxed);
                Ok(Response::Watch(Box::new(Told(kept.collect(), endless))))
            }
            Request::Goal { goal_id } => {
                let answer = content::Answer {
                    answer: "# It is so\n".to_owned(),
                    status: match goal_id.as_str() {
                        "fails" => GoalStatus::Failed,
                        _ => GoalStatus::Approved,
                    },
                    reason: Some("it could not be".to_owned()),
                    verdict: "ab".to_owned(),
                    spent: Spent {
                        tokens: 7,
                        ..Spent::default()
                    },
                    ..content::Answer::none(&goal_id)
                };
                value(GoalState {
                    goal_id,
                    phase: GoalPhase::Answered,
                    last_seq: 6,
                    answer: Some(Arc::new(answer)),
                    error: None,
                })
            }
            Request::Engines {} => value([EngineLine {
                name: "local".to_owned(),
                models: vec!["small".to_owned()],
                device: "cpu".to_owned(),
                dimensions: Some(2),
                writes: None,
                loads: false,
            }]),
            Request::Approvals {} => value(["a", "b", "c"].map(|id| json!({ "id": id }))),
            Request::Agents {} if caller.principal.tenant() != "local" => {
                Err(ControlError::new(ErrorKind::Forbidden, "not a guest's"))
            }
            Request::Agents {} => value(Vec::<Value>::new()),
            Request::Generate(asked) => {
                let whole = Generated {
                    engine: asked.engine,
                    model: "small".to_owned(),
                    text: "Hello".to_owned(),
                    finish: if asked.max_tokens == 2 {
                        "length"
                    } else {
                        "stop"
                    }
                    .to_owned(),
                    prompt_tokens: 3,
                    new_tokens: 2,
                };
                let told = vec![
                    event(1, EventKind::Text, json!({"text": "Hel"})),
                    event(2, EventKind::Text, json!({"text": "lo"})),
                    event(3, EventKind::Answer, serde_json::to_value(whole).unwrap()),
                ];
                Ok(Response::Watch(Box::new(Told(told, false))))
            }
            Request::Embed(asked) => value(Embedded {
                engine: asked.engine,
                vectors: vec![vec![1.0, -2.0]; asked.texts.len()],
                cut: Vec::new(),
            }),
            Request::Breakers {} => value([BreakerLine {
                service: "tool.sql".to_owned(),
                state: "open".to_owned(),
                share: 0.0,
                trips: 1,
                retry_after_ms: 5,
                rejected: 0,
                last_error: "it broke".to_owned(),
            }]),
            Request::DeadLetter { number } => value(number),
            Request::Watch(watch) => {
                let all = [
                    (3, EventKind::Reset),
                    (4, EventKind::Goal),
                    (5, EventKind::Agent),
                ];
                let kept = all.into_iter().filter(|(seq, _)| *seq > watch.after_seq);
                let kept = kept.map(|(seq, kind)| event(seq, kind, json!({})));
                Ok(Response::Watch(Box::new(Told(kept.collect(), false))))
            }
            other => Err(ControlError::invalid(format!("{other:?}"))),
        }
    }

    fn lies_ready(&self, caller: &Caller, request: &Request) -> Option<Written> {
        let goal_id = "ready".to_owned();
        if *request != (Request::Goal { goal_id }) || caller.principal.tenant() != "local" {
            return None;
        }
        self.words.lock().unwrap().clone()
    }

    fn goal_of_key(&self, key: &[u8; 32]) -> Option<String> {
        Some(format!("k-of-the-node-{:02x}", key[0]))
    }

    fn metrics(&self, _: &Caller) -> Result<Option<String>, ControlError> {
        Ok(Some("aios_x 1\n".to_owned()))
    }
}

/// A server, its node, and the owner's token.
pub(crate) struct House {
    pub(crate) node: Arc<Fake>,
    pub(crate) running: Running,
    pub(crate) token: Token,
    /// Where its keys lie.
    pub(crate) keys: KeyFile,
    _folder: tempfile::TempDir,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let mut body = body.to_owned();
        if head.to_lowercase().contains("transfer-encoding: chunked") {
            body = unchunked(&body);
        }
        Self {
            status: status.unwrap_or(0),
            head: head.to_lowercase(),
            body,
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let prefix = format!("{name}: ");
        self.head
            .lines()
            .find_map(|line| line.strip_prefix(&prefix))
    }
}

fn unchunked(mut rest: &str) -> String {
    let mut whole = String::new();
    while let Some((length, after)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length.trim(), 16).unwrap_or(0);
        whole.push_str(after.get(..length).unwrap_or_default());
        rest = after.get(length + 2..).unwrap_or_default();
    }
    whole
}

impl House {
    pub(crate) async fn open() -> Self {
        Self::with(None).await
    }

    pub(crate) async fn with(page: Option<Page>) -> Self {
        let node = Arc::new(Fake::default());
        let token = Token::fresh().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let keys = KeyFile::at(folder.path().join("keys.json"));
        let server = HttpServer::bind("127.0.0.1:0".parse().unwrap())
            .await
            .unwrap();
        let served: Arc<dyn Control> = Arc::clone(&node) as Arc<dyn Control>;
        let running = server
            .serve(HttpService {
                node: Arc::new(move || Some(Arc::clone(&served))),
                principals: Principals::new(
                    [(token.clone(), "user:owner@local".parse().unwrap())],
                    Some(keys.clone()),
                ),
                out: "/out".into(),
                page,
            })
            .unwrap();
        Self {
            node,
            running,
            token,
            keys,
            _folder: folder,
        }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.running.address()).await.unwrap()
    }

    /// The head of a request with the owner's token.
    pub(crate) fn head(&self, line: &str, more: &str) -> String {
        let (address, token) = (self.running.address(), self.token.reveal());
        format!(
            "{line} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n{more}"
        )
    }

    /// Sends these bytes and reads to the end.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect().await;
        // The server may hang up before all of it is sent.
        let _ = stream.write_all(bytes).await;
        let mut read = Vec::new();
        let _ = tokio::time::timeout(SOON, stream.read_to_end(&mut read))
            .await
            .unwrap();
        Answer::read(&read)
    }

    /// Asks without the owner's token.
    pub(crate) async fn visit(&self, line: &str, more: &str) -> Answer {
        let address = self.running.address();
        let head = format!("{line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{more}\r\n");
        self.raw(head.as_bytes()).await
    }

    pub(crate) async fn get(&self, path: &str, more: &str) -> Answer {
        let head = self.head(&format!("GET {path}"), more);
        self.raw(format!("{head}\r\n").as_bytes()).await
    }

    pub(crate) async fn post(&self, path: &str, more: &str, body: &str) -> Answer {
        let length = body.len();
        let head = self.head(
            &format!("POST {path}"),
            &format!("Content-Length: {length}\r\n{more}"),
        );
        self.raw(format!("{head}\r\n{body}").as_bytes()).await
    }

    /// It serves.
    pub(crate) async fn is_well(&self) {
        let answer = self.get("/v1/view", "").await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "\"here\""));
    }
}

/// Waits until it is so.
pub(crate) async fn until(what: &str, so: impl Fn() -> bool) {
    let wait = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, wait)
        .await
        .unwrap_or_else(|_| panic!("{what}: not within {SOON:?}"));
}
