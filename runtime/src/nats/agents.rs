//! Agents in other processes, over subjects of the NATS server. What is said is that of `aios_control::remote`; this carries it.
//!
//! An agent asks on `aios.control.remote.ZONE.hello` and is told a number and the name of a session. It signs the number, asks to be let in
//! on `...SESSION.in`, and from then on says there what it has to say and hears on `...SESSION.out`. The name of a session is drawn at random
//! and said to one asker. The connection is one to the server on both sides, so neither sees the other go: the node asks the agent every
//! two seconds whether it is there. A server that knows of nobody there says so at once, so the end of a process is seen as soon as that.
//!
//! Layout of the messages: `docs/formats/data-bus.md`.

use std::sync::{Arc, Weak};
use std::time::Duration;

use aios_control::remote::{
    AgentDoor, AgentSession, FromAgent, Hello, NONCE, Reach, ToAgent, Welcome,
};
use aios_control::{ControlError, ErrorKind};
use aios_protocols::Sealed;
use aios_work::content::{hex, unhex};
use async_nats::client::RequestErrorKind;
use async_nats::{Client, HeaderMap, Message, Subscriber};
use bytes::Bytes;
use futures::StreamExt;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::node::Parts;

/// Sessions at once, those that are not let in yet included.
const SESSIONS: usize = 512;
/// How long somebody who was told a number may take to sign it.
const SIGN: Duration = Duration::from_secs(10);
/// How often an agent is asked whether it is there.
const PING: Duration = Duration::from_secs(2);
/// How long it may take to say so, and how often it may not.
const PONG: Duration = Duration::from_secs(3);
const SILENT_MAX: u32 = 2;
/// Between two attempts to listen.
const AGAIN: Duration = Duration::from_millis(500);
/// Bytes of a hello: a name, signatures, and what it says of itself.
const HELLO_BYTES_MAX: usize = 64 << 10;

/// What a message of a session is.
const METHOD: &str = "Aios-Method";
/// The number of a frame.
const NUMBER: &str = "Aios-Number";
/// The key that a frame is signed with.
const KEY: &str = "Aios-Key";

/// Lets agents in until the node is gone.
pub(super) async fn serve(node: Weak<Parts>) {
    let places = Arc::new(Semaphore::new(SESSIONS));
    loop {
        let (link, door, base) = match node.upgrade() {
            Some(parts) => match parts.nats.as_ref() {
                Some(nats) => {
                    let base =
                        nats.subject(&format!("aios.control.remote.{}", parts.config.node.zone));
                    let door = crate::node::Node::from_parts(Arc::clone(&parts)).agent_door();
                    (nats.bus.link().clone(), door, base)
                }
                None => return,
            },
            None => return,
        };
        if !link.up().await {
            return;
        }
        let client = link.client().clone();
        if let Ok(mut asked) = client.subscribe(format!("{base}.hello")).await {
            while let Some(message) = asked.next().await {
                let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                    door.count("busy");
                    let busy = "as many sessions are open as may be";
                    answer(
                        &client,
                        &message,
                        Err(&ControlError::new(ErrorKind::Busy, busy)),
                    )
                    .await;
                    continue;
                };
                let (client, door, base) = (client.clone(), Arc::clone(&door), base.clone());
                tokio::spawn(async move {
                    Session { client, door, base }.run(message).await;
                    drop(place);
                });
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}

struct Session {
    client: Client,
    door: Arc<dyn AgentDoor>,
    base: String,
}

/// A hello as it travels: bytes are hexadecimal.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    agent: String,
    key: String,
    epoch: u64,
    possession: String,
    proof: String,
    #[serde(default)]
    resumes: Option<u64>,
    #[serde(default)]
    version: String,
    #[serde(default)]
    models: Vec<String>,
}

impl Session {
    async fn run(self, asked: Message) {
        let (mut nonce, mut name) = ([0; NONCE], [0; 16]);
        if getrandom::fill(&mut nonce).is_err() || getrandom::fill(&mut name).is_err() {
            let error = ControlError::new(ErrorKind::Failed, "the system gives no random numbers");
            answer(&self.client, &asked, Err(&error)).await;
            return;
        }
        let base = format!("{}.{}", self.base, hex(&name));
        let Ok(mut inbox) = self.client.subscribe(format!("{base}.in")).await else {
            return;
        };
        // The server hears of the subscription before of the answer: both go over one connection.
        let told = json!({"session": hex(&name), "nonce": hex(&nonce)});
        answer(&self.client, &asked, Ok(told)).await;
        let Ok(Some(message)) = tokio::time::timeout(SIGN, inbox.next()).await else {
            return;
        };
        let entered = match read(&message) {
            Ok(hello) => self.door.enter(&nonce, hello, Reach::Remote).await,
            Err(error) => {
                self.door.count("malformed");
                Err(error)
            }
        };
        match entered {
            Ok(session) => {
                answer(&self.client, &message, Ok(welcome(session.welcome()))).await;
                self.carry(session, inbox, &format!("{base}.out")).await;
            }
            Err(error) => answer(&self.client, &message, Err(&error)).await,
        }
    }

    /// Carries until one of the two is gone. Dropping the session says to the node that the connection is lost.
    async fn carry(&self, mut session: Box<dyn AgentSession>, mut inbox: Subscriber, out: &str) {
        let mut silent = 0;
        let mut ping = std::pin::pin!(self.ping(out));
        loop {
            tokio::select! {
                said = session.next() => {
                    let Some(said) = said else { return };
                    let over = matches!(said, ToAgent::Bye(_));
                    if self.say(out, said).await.is_err() || over {
                        return;
                    }
                }
                heard = inbox.next() => {
                    let Some(heard) = heard else { return };
                    if !self.hear(&mut *session, heard).await {
                        return;
                    }
                }
                there = &mut ping => {
                    match there {
                        There::Yes => silent = 0,
                        There::Silent if silent < SILENT_MAX => silent += 1,
                        There::Silent | There::Gone => return,
                    }
                    ping.set(self.ping(out));
                }
            }
        }
    }

    async fn ping(&self, out: &str) -> There {
        tokio::time::sleep(PING).await;
        let mut headers = HeaderMap::new();
        headers.insert(METHOD, "ping");
        let asked = async_nats::Request::new()
            .headers(headers)
            .timeout(Some(PONG));
        match self.client.send_request(out.to_owned(), asked).await {
            Ok(_) => There::Yes,
            Err(error) if error.kind() == RequestErrorKind::NoResponders => There::Gone,
            Err(_) => There::Silent,
        }
    }

    async fn say(&self, out: &str, said: ToAgent) -> Result<(), async_nats::PublishError> {
        let mut headers = HeaderMap::new();
        let payload = match said {
            ToAgent::Frame { number, frame, key } => {
                headers.insert(METHOD, "frame");
                headers.insert(NUMBER, number.to_string());
                headers.insert(KEY, key.to_string());
                frame.into_bytes()
            }
            ToAgent::Refused { label, error } => {
                headers.insert(METHOD, "refused");
                Bytes::from(json!({"label": label, "error": error}).to_string())
            }
            ToAgent::Bye(error) => {
                headers.insert(METHOD, "bye");
                Bytes::from(json!({"error": error}).to_string())
            }
        };
        let published = self
            .client
            .publish_with_headers(out.to_owned(), headers, payload);
        published.await
    }

    /// Whether the session goes on.
    async fn hear(&self, session: &mut dyn AgentSession, heard: Message) -> bool {
        let header = |name: &str| {
            let headers = heard.headers.as_ref()?;
            headers.get(name).map(|value| value.as_str().to_owned())
        };
        match header(METHOD).as_deref() {
            Some("frame") => {
                let frame = Sealed::from_bytes(heard.payload);
                session.hear(FromAgent::Frame(frame)).await;
            }
            Some("ack") => {
                let number = header(NUMBER).and_then(|number| number.parse().ok());
                match number {
                    Some(number) => session.hear(FromAgent::Ack(number)).await,
                    None => self.door.count("malformed"),
                }
            }
            Some("bye") => return false,
            _ => self.door.count("malformed"),
        }
        true
    }
}

/// Whether an agent is there.
enum There {
    Yes,
    Silent,
    Gone,
}

fn read(message: &Message) -> Result<Hello, ControlError> {
    if message.payload.len() > HELLO_BYTES_MAX {
        return Err(ControlError::invalid(format!(
            "a hello of {} bytes, {HELLO_BYTES_MAX} are allowed",
            message.payload.len()
        )));
    }
    let said: Said = serde_json::from_slice(&message.payload)
        .map_err(|error| ControlError::invalid(format!("the hello cannot be read: {error}")))?;
    let bytes = |text: &str, what: &str| {
        unhex(text).ok_or_else(|| ControlError::invalid(format!("{what} is not hexadecimal")))
    };
    Ok(Hello {
        key: bytes(&said.key, "key")?,
        possession: bytes(&said.possession, "possession")?,
        proof: bytes(&said.proof, "proof")?,
        agent: said.agent,
        epoch: said.epoch,
        resumes: said.resumes,
        version: said.version,
        models: said.models,
    })
}

fn welcome(welcome: Welcome) -> Value {
    json!({
        "agent": welcome.agent,
        "tenant": welcome.tenant,
        "window_ms": welcome.window_ms,
        "unacknowledged": welcome.unacknowledged,
        "charter": welcome.charter,
    })
}

/// Answers a request in JSON-RPC's words, if it wants an answer.
async fn answer(client: &Client, asked: &Message, outcome: Result<Value, &ControlError>) {
    let Some(reply) = asked.reply.clone() else {
        return;
    };
    let said = match outcome {
        Ok(result) => json!({"jsonrpc": "2.0", "id": null, "result": result}),
        Err(error) => json!({
            "jsonrpc": "2.0",
            "id": null,
            "error": {"code": -32_000, "message": error.message, "data": error},
        }),
    };
    if let Err(error) = client.publish(reply, Bytes::from(said.to_string())).await {
        tracing::debug!(%error, "an answer to an agent in another process is not sent");
    }
}
