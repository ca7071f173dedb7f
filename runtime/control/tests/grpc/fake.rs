//! A node that knows a few answers, and a server before it.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aios_control::access::{Principals, Token};
use aios_control::grpc::{GrpcClient, GrpcRunning, GrpcServer, GrpcService};
use aios_control::remote::{AgentDoor, AgentSession, Hello, NONCE, Reach};
use aios_control::{
    AgentLine, AgentShown, Caller, Client, Control, ControlError, EngineLine, ErrorKind, Event,
    EventKind, EventStream, Generated, ModelFreed, ModelLine, ModelSwapped, Report, Request,
    Response, Spawned, StreamReply, Submitted,
};
use aios_wire::generated::control::v1::control_service_client::ControlServiceClient;
use aios_work::{Dimensions, Status, Verdict};
use async_trait::async_trait;
use serde::Serialize;
use serde_json::json;
use tonic::transport::{Channel, Endpoint};

/// How long anything may take that is waited for.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// What the owner shows.
pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

pub(crate) fn token() -> Token {
    Token::parse(TOKEN).unwrap()
}

#[derive(Default)]
pub(crate) struct Fake {
    pub(crate) kills: AtomicUsize,
    /// Questions that are being thought about.
    pub(crate) thinking: Arc<AtomicUsize>,
    /// Events that were taken of a watch that does not end.
    pub(crate) taken: Arc<AtomicUsize>,
    pub(crate) strangers: AtomicUsize,
    /// How many last pieces of texts there is no room for.
    pub(crate) busy: AtomicUsize,
    /// The last command that was done, in words.
    done: Mutex<String>,
    /// How its agent stands.
    state: Mutex<String>,
}

impl Fake {
    pub(crate) fn last_done(&self) -> String {
        self.done.lock().unwrap().clone()
    }

    pub(crate) fn agent_is(&self, state: &str) {
        state.clone_into(&mut self.state.lock().unwrap());
    }

    fn does(&self, what: String) {
        *self.done.lock().unwrap() = what;
    }

    fn clerk(&self) -> AgentLine {
        AgentLine {
            agent: "macro.clerk.001@local".to_owned(),
            charter: None,
            description: "counts".to_owned(),
            skills: vec!["count".to_owned()],
            state: self.state.lock().unwrap().clone(),
            waiting: 0,
            at_work: 0,
        }
    }
}

/// Is counted while it is there.
struct Thinks(Arc<AtomicUsize>);

impl Drop for Thinks {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

struct Endless(Arc<AtomicUsize>);

#[async_trait]
impl EventStream for Endless {
    async fn next(&mut self) -> Option<aios_control::Told> {
        let seq = self.0.fetch_add(1, Relaxed) as u64 + 1;
        let body = json!({"status": "running", "text": "x".repeat(1_000)});
        let kind = EventKind::Task;
        Some(Event { seq, kind, body }.into())
    }
}

struct Told(Vec<Event>);

#[async_trait]
impl EventStream for Told {
    async fn next(&mut self) -> Option<aios_control::Told> {
        (!self.0.is_empty()).then(|| self.0.remove(0).into())
    }
}

fn value(answer: impl Serialize) -> Result<Response, ControlError> {
    Ok(Response::Value(serde_json::to_value(answer).unwrap()))
}

#[async_trait]
impl Control for Fake {
    async fn answer(&self, _: &Caller, request: Request) -> Result<Response, ControlError> {
        match request {
            Request::View {} => value(
                json!({"dead_letters": 3, "breakers": [], "tree": {"path": "node",
                "children": [{"id": "a", "state": "running"}]}}),
            ),
            // As long as an answer may be, and longer.
            Request::Goals {} => value(json!([
                {"goal_id": "whole", "text": "Count.", "phase": "running"},
                {"goal_id": "torn", "text": "", "phase": "interrupted", "unreadable": "form 2"},
            ])),
            Request::Config {} => value("x".repeat(4_000_000)),
            Request::Swarm { .. } => value("x".repeat(5_000_000)),
            Request::Kill { agent } => {
                if agent == "nobody" {
                    return Err(ControlError::unknown("no agent nobody"));
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
                self.kills.fetch_add(1, Relaxed);
                value(())
            }
            Request::Ask(ask) => {
                self.thinking.fetch_add(1, Relaxed);
                let _thinks = Thinks(Arc::clone(&self.thinking));
                if ask.content == "hush" {
                    std::future::pending::<()>().await;
                }
                Err(ControlError::failed("it fell"))
            }
            Request::Submit(goal) => value(Submitted {
                goal_id: goal.goal_id.unwrap_or("g-1".to_owned()),
            }),
            Request::Events(events) if events.goal_id == "endless" => {
                Ok(Response::Watch(Box::new(Endless(Arc::clone(&self.taken)))))
            }
            Request::Events(_) => {
                let event = |seq| Event {
                    seq,
                    kind: EventKind::Task,
                    body: json!({"status": "completed"}),
                };
                Ok(Response::Watch(Box::new(Told(
                    (1..=3).map(event).collect(),
                ))))
            }
            Request::Engines {} => value([EngineLine {
                name: "local".to_owned(),
                models: vec!["small".to_owned()],
                device: "cpu".to_owned(),
                dimensions: Some(2),
                writes: None,
                loads: false,
            }]),
            Request::Agents {} => value([self.clerk()]),
            Request::Agent { .. } => value(AgentShown {
                line: self.clerk(),
                open_to: Vec::new(),
                follows: None,
                tools: Vec::new(),
                questions: Vec::new(),
            }),
            Request::Resume { goal_id } => {
                self.does(format!("resume {goal_id}"));
                value(())
            }
            Request::Retry { goal_id, task } => {
                self.does(format!("retry {task} of {goal_id}"));
                value(())
            }
            Request::Suspend { agent } => {
                self.does(format!("suspend {agent}"));
                value(())
            }
            Request::ResumeAgent { agent } => {
                self.does(format!("resume {agent}"));
                value(())
            }
            Request::Spawn(spawn) => {
                let (charter, key) = (spawn.charter.unwrap(), spawn.key.unwrap());
                let away = spawn.away_ms.unwrap();
                let durable = if spawn.durable { ", durable" } else { "" };
                self.does(format!("spawn {charter}, key {key}, away {away}{durable}"));
                value(Spawned {
                    agent: "macro.clerk.002@local".to_owned(),
                })
            }
            Request::LoadModel(asked) if asked.model == "remote" => {
                let error = ControlError::new(ErrorKind::Conflict, "it holds what it holds");
                Err(error)
            }
            Request::LoadModel(asked) => {
                self.does(format!("load {}", asked.model));
                value(line(&asked.name.unwrap()))
            }
            Request::SwapModel(asked) => {
                let engine = asked.engine.unwrap();
                self.does(format!(
                    "swap {} for {} in {engine}",
                    asked.current, asked.model
                ));
                value(ModelSwapped {
                    before: asked.current,
                    now: line("other"),
                    took_ms: 5,
                })
            }
            Request::UnloadModel(asked) => value(ModelFreed {
                name: asked.model,
                engine: "local".to_owned(),
                freed_bytes: 9,
            }),
            // It judges by one word.
            Request::Judge(asked) => {
                self.does(format!("judge {:?} for {:?}", asked.answer, asked.goal));
                value(report(&asked.answer))
            }
            Request::JudgeMore(piece) => {
                let begun = piece.begin.is_some();
                if piece.last && !piece.dropped && self.busy.load(Relaxed) > 0 {
                    self.busy.fetch_sub(1, Relaxed);
                    return Err(ControlError::new(ErrorKind::Busy, "others are judged"));
                }
                self.does(match piece.dropped {
                    true => "judge no more".to_owned(),
                    false => format!("judge more, begun {begun}, last {}", piece.last),
                });
                let stop = piece.more.contains("wrong");
                value(StreamReply {
                    stop,
                    report: (stop || piece.last).then(|| report(&piece.more)),
                })
            }
            Request::Generate(asked) => {
                let whole = Generated {
                    engine: asked.engine,
                    model: "small".to_owned(),
                    text: "Hello".to_owned(),
                    finish: "stop".to_owned(),
                    prompt_tokens: 3,
                    new_tokens: 2,
                };
                if !asked.watch {
                    return value(whole);
                }
                let event = |seq, kind, body| Event { seq, kind, body };
                Ok(Response::Watch(Box::new(Told(vec![
                    event(1, EventKind::Text, json!({"text": "Hel"})),
                    event(2, EventKind::Text, json!({"text": "lo"})),
                    event(3, EventKind::Answer, serde_json::to_value(whole).unwrap()),
                ]))))
            }
            other => Err(ControlError::invalid(format!("{other:?}"))),
        }
    }
}

fn line(name: &str) -> ModelLine {
    ModelLine {
        name: name.to_owned(),
        engine: "local".to_owned(),
        quantisation: "Q4_1".to_owned(),
        parameters: 7,
        context_length: 8,
        memory_bytes: 9,
    }
}

/// What is said of a text: it is good unless it holds the word "wrong".
fn report(text: &str) -> Report {
    let wrong = text.contains("wrong");
    let (status, verdict) = match wrong {
        true => (Status::Rejected, Verdict::NeedsRevision),
        false => (Status::Approved, Verdict::Approved),
    };
    Report {
        score: if wrong { 0.5 } else { 1.0 },
        status,
        verdict,
        dimensions: Dimensions::FULL,
        issues: Vec::new(),
        claims: 1,
        supported: 1,
        unable: Vec::new(),
        criteria: "default".to_owned(),
        language: None,
    }
}

/// Lets nobody in.
#[async_trait]
impl AgentDoor for Fake {
    async fn enter(
        &self,
        _: &[u8; NONCE],
        _: Hello,
        reach: Reach,
    ) -> Result<Box<dyn AgentSession>, ControlError> {
        // A port that is forwarded looks like this machine.
        assert_eq!(reach, Reach::Remote);
        self.count("stranger");
        Err(ControlError::new(
            ErrorKind::Forbidden,
            "nobody is expected",
        ))
    }

    fn count(&self, _: &'static str) {
        self.strangers.fetch_add(1, Relaxed);
    }
}

/// A server and its node.
pub(crate) struct House {
    pub(crate) node: Arc<Fake>,
    pub(crate) running: GrpcRunning,
}

impl House {
    pub(crate) async fn open() -> Self {
        let node = Arc::new(Fake::default());
        let server = GrpcServer::bind("127.0.0.1:0".parse().unwrap())
            .await
            .unwrap();
        let served: Arc<dyn Control> = Arc::clone(&node) as Arc<dyn Control>;
        let running = server.serve(GrpcService {
            node: Arc::new(move || Some(Arc::clone(&served))),
            principals: Principals::new([(token(), "user:owner@local".parse().unwrap())], None),
            agents: Some(Arc::clone(&node) as Arc<dyn AgentDoor>),
            out: "/out".into(),
        });
        Self {
            node,
            running: running.unwrap(),
        }
    }

    pub(crate) fn client(&self) -> Client {
        GrpcClient::client(&format!("grpc://{}", self.running.address()), &token()).unwrap()
    }

    pub(crate) async fn channel(&self) -> Channel {
        let address = format!("http://{}", self.running.address());
        Endpoint::from_shared(address)
            .unwrap()
            .connect()
            .await
            .unwrap()
    }

    /// The whole contract, by hand.
    pub(crate) async fn raw(&self) -> ControlServiceClient<Channel> {
        ControlServiceClient::new(self.channel().await)
    }

    /// It serves.
    pub(crate) async fn is_well(&self) {
        let seen: serde_json::Value =
            tokio::time::timeout(SOON, self.client().ask(&Request::View {}))
                .await
                .unwrap()
                .unwrap();
        assert_eq!(seen["dead_letters"], 3);
    }

    pub(crate) fn refused(&self, why: &str) -> u64 {
        self.running.refused().get(why).copied().unwrap_or_default()
    }
}

/// With the owner's token.
pub(crate) fn known<T>(message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    let shown = format!("Bearer {TOKEN}").parse().unwrap();
    request.metadata_mut().insert("authorization", shown);
    request
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
