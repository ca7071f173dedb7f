//! The stream of an agent in another process: a number that it signs, then signed messages in both directions, as they are.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aios_protocols::Sealed;
use aios_wire::generated::orchestration as wire;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request as Asked, Status, Streaming};
use wire::task_execution_message::Content;

use super::door::{Door, Streamed, busy, gone, unavailable};
use super::status::{problem, status};
use crate::remote::{AgentDoor, AgentSession, FromAgent, Hello, NONCE, Reach, ToAgent};
use crate::{ControlError, ErrorKind};

/// How long an agent may take to say who it is.
const HELLO: Duration = Duration::from_secs(10);

type Out = mpsc::Sender<Result<wire::TaskExecutionMessage, Status>>;

/// Begins a stream. Nobody is known yet: an agent's key is its credential.
pub(super) fn attended(
    door: &Door,
    asked: Asked<Streaming<wire::TaskExecutionMessage>>,
) -> Result<Streamed<wire::TaskExecutionMessage>, Status> {
    let Some(agents) = door.agents().cloned() else {
        let error = ControlError::new(
            ErrorKind::Conflict,
            "this node takes no agents from other processes",
        );
        return Err(status(
            &error.advise("start it with `aios serve --grpc ADDRESS`"),
        ));
    };
    let mut nonce = [0; NONCE];
    getrandom::fill(&mut nonce)
        .map_err(|_| status(&ControlError::failed("the system gives no random numbers")))?;
    // A port that was forwarded looks like this machine from here, so nobody is taken to be on it.
    let reach = Reach::Remote;
    let busy = busy(&asked);
    // One at a time: what the agent does not take is not taken out of its mailbox.
    let (out, told) = mpsc::channel(1);
    let door = door.clone();
    let stream = asked.into_inner();
    tokio::spawn(async move {
        let _busy = busy;
        attend(&door, agents, nonce, reach, stream, out).await;
    });
    Ok(Box::pin(ReceiverStream::new(told)))
}

/// False if nobody takes it any more.
async fn say(out: &Out, content: Content) -> bool {
    let message = wire::TaskExecutionMessage {
        content: Some(content),
    };
    out.send(Ok(message)).await.is_ok()
}

async fn bye(out: &Out, error: &ControlError) {
    let problem = Some(problem(error));
    say(out, Content::Bye(wire::AgentBye { problem })).await;
}

async fn attend(
    door: &Door,
    agents: Arc<dyn AgentDoor>,
    nonce: [u8; NONCE],
    reach: Reach,
    mut stream: Streaming<wire::TaskExecutionMessage>,
    out: Out,
) {
    let challenge = wire::AgentChallenge {
        nonce: nonce.to_vec(),
        now_us: now_us(),
    };
    if !say(&out, Content::Challenge(challenge)).await {
        return;
    }
    let said = tokio::select! {
        said = timeout(HELLO, stream.message()) => said,
        () = out.closed() => return,
    };
    let hello = match said {
        Ok(Ok(Some(said))) => hello(said),
        Ok(Ok(None)) => return,
        Ok(Err(error)) => {
            agents.count("broken");
            tracing::debug!(%error, "an agent's first message cannot be read");
            return;
        }
        Err(_) => {
            agents.count("silent");
            let sentence = format!("no hello came within {} s", HELLO.as_secs());
            bye(&out, &ControlError::new(ErrorKind::Late, sentence)).await;
            return;
        }
    };
    let entered = match hello {
        Ok(hello) => agents.enter(&nonce, hello, reach).await,
        Err(error) => {
            agents.count("no-hello");
            Err(error)
        }
    };
    match entered {
        Ok(session) => converse(door, &agents, session, stream, &out).await,
        Err(error) => bye(&out, &error).await,
    }
}

fn hello(said: wire::TaskExecutionMessage) -> Result<Hello, ControlError> {
    match said.content {
        Some(Content::Hello(hello)) => Ok(Hello {
            agent: hello.agent,
            key: hello.public_key,
            epoch: hello.epoch,
            possession: hello.possession,
            proof: hello.proof,
            resumes: hello.resumes,
            version: hello.version,
            models: hello.models,
        }),
        _ => Err(ControlError::invalid("an agent says first who it is")
            .advise("answer the challenge with a hello")),
    }
}

async fn converse(
    door: &Door,
    agents: &Arc<dyn AgentDoor>,
    mut session: Box<dyn AgentSession>,
    mut stream: Streaming<wire::TaskExecutionMessage>,
    out: &Out,
) {
    let welcome = session.welcome();
    let welcome = wire::AgentWelcome {
        agent: welcome.agent,
        tenant: welcome.tenant,
        window_ms: welcome.window_ms,
        unacknowledged: welcome.unacknowledged,
        charter: welcome.charter,
    };
    if !say(out, Content::Welcome(welcome)).await {
        return;
    }
    let mut going = door.going();
    loop {
        tokio::select! {
            told = session.next() => {
                let Some(told) = told else { return };
                let over = matches!(told, ToAgent::Bye(_));
                if !say(out, content(told)).await || over {
                    return;
                }
            }
            said = stream.message() => match said {
                Ok(Some(said)) => match from_agent(said) {
                    Some(said) => session.hear(said).await,
                    None => {
                        agents.count("unsigned");
                        let error = ControlError::invalid("what is said here is signed")
                            .advise("send orders, results and cancels as signed frames");
                        if !say(out, refused("unsigned", &error)).await {
                            return;
                        }
                    }
                },
                Ok(None) => return,
                Err(error) => {
                    agents.count("broken");
                    tracing::debug!(%error, "an agent's stream broke off");
                    return;
                }
            },
            () = out.closed() => return,
            () = gone(&mut going) => {
                bye(out, &unavailable()).await;
                return;
            }
        }
    }
}

fn from_agent(said: wire::TaskExecutionMessage) -> Option<FromAgent> {
    match said.content? {
        Content::Signed(signed) => Some(FromAgent::Frame(Sealed::from_bytes(signed.frame))),
        Content::Ack(ack) => Some(FromAgent::Ack(ack.number)),
        _ => None,
    }
}

fn refused(label: &str, error: &ControlError) -> Content {
    Content::Refused(wire::FrameRefused {
        label: label.to_owned(),
        problem: Some(problem(error)),
    })
}

fn content(told: ToAgent) -> Content {
    match told {
        ToAgent::Frame { number, frame, key } => Content::Signed(wire::SignedFrame {
            number,
            frame: frame.as_bytes().to_vec(),
            public_key: key.to_bytes().to_vec(),
        }),
        ToAgent::Refused { label, error } => refused(&label, &error),
        ToAgent::Bye(error) => Content::Bye(wire::AgentBye {
            problem: Some(problem(&error)),
        }),
    }
}

fn now_us() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
