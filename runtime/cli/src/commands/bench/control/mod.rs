//! What the ways into a node cost: over gRPC beside a raw tonic server and the signatures of a request, over HTTP beside a raw axum server
//! ([`http`]), agents that are spawned and events that are watched through the API ([`crowd`]), and a node that starts ([`ready`]).
//!
//! An agent with a key of its own is connected by the stream that agents in other processes come by, over loopback; the node asks it and
//! waits for its answer. Beside it, in slices that follow each other, a bare tonic server echoes frames of the same size, and the
//! signatures and verifications that one request takes are made by themselves: two signatures, and three verifications, since what the
//! node's door has verified its receiver need not.

mod crowd;
mod http;
mod ready;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aios_bench::{Bar, BenchError, Report, Samples};
use aios_control::access::Principals;
use aios_control::grpc::{GrpcServer, GrpcService};
use aios_control::remote::{NONCE, PROOF_TYPE, proof};
use aios_protocols::{
    AgentId, Draft, Limits, Performative, Sealed, Sealer, SigningIdentity, TenantId, Timestamp,
    authenticate,
};
use aios_runtime::{Config, Node, RemoteOptions};
use aios_wire::generated::control::v1 as echo;
use aios_wire::generated::orchestration as wire;
use aios_work::Charter;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};
use wire::orchestrator_service_client::OrchestratorServiceClient;
use wire::task_execution_message::Content;

use super::{failed, threads};

/// Slices of a round, and calls in each.
const SLICES: u32 = 20;
const CALLS: u32 = 50;
/// The most a signed request may cost, as a multiple of a raw call and its signatures.
const LIMIT: f64 = 1.3;
/// Nothing here takes longer unless it hangs.
const DEADLINE: Duration = Duration::from_secs(20);
const CHARTER: &str = "---\nname: clerk\ndescription: Answers.\n---\nAnswer.\n";

pub(super) fn run(rounds: u32) -> Result<Report, BenchError> {
    threads()?.block_on(measure(rounds))
}

async fn measure(rounds: u32) -> Result<Report, BenchError> {
    let mut report = Report::begin("control");
    let mut config = Config::default();
    config.door.open = false;
    let node = Node::builder()
        .config(config)
        .start()
        .await
        .map_err(failed)?;
    let agent = connected(&node).await?;
    let mut raw = Raw::start().await?;
    let signing = Signing::new()?;
    // One slice of each that does not count.
    asks(&node, &agent).await?;
    raw.calls(signing.frame.len()).await?;

    let [mut ask, mut call, mut sign, mut verify] = [const { Samples::new() }; 4];
    for _ in 0..rounds.saturating_mul(SLICES) {
        ask.extend(asks(&node, &agent).await?);
        call.extend(raw.calls(signing.frame.len()).await?);
        sign.extend(signing.signs());
        verify.extend(signing.verifies());
    }
    node.stop().await;
    let [ask, call, sign, verify] = [ask, call, sign, verify].map(|samples| samples.median() * 1e6);
    let parts = call + 2.0 * sign + 3.0 * verify;
    report.figure("grpc_signed_ask_us", ask);
    report.figure("tonic_unary_us", call);
    report.figure("ed25519_sign_us", sign);
    report.figure("ed25519_verify_strict_us", verify);
    report.figure("parts_us", parts);
    report.figure("request_frame_bytes", signing.frame.len() as f64);
    report.figure("rounds", f64::from(rounds));
    report.bar(Bar::at_most(
        "grpc_signed_ask",
        "a signed request and its reply over gRPC, as a multiple of a raw tonic call, 2 signatures and 3 strict verifications",
        ask / parts,
        LIMIT,
        "times",
    ));
    http::measure(&mut report, rounds).await?;
    crowd::measure(&mut report).await?;
    ready::measure(&mut report, rounds)?;
    Ok(report)
}

pub(super) async fn asks(node: &Node, agent: &str) -> Result<Vec<f64>, BenchError> {
    let mut took = Vec::new();
    for _ in 0..CALLS {
        let begun = Instant::now();
        node.ask(agent, "work", DEADLINE).await.map_err(failed)?;
        took.push(begun.elapsed().as_secs_f64());
    }
    Ok(took)
}

fn now() -> Timestamp {
    Timestamp::since_epoch(
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default(),
    )
}

async fn channel(address: std::net::SocketAddr) -> Result<Channel, BenchError> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(failed)?;
    endpoint.tcp_nodelay(true).connect().await.map_err(failed)
}

/// An agent that answers, connected by the stream of agents in other processes; its name.
pub(super) async fn connected(node: &Node) -> Result<String, BenchError> {
    let server = GrpcServer::bind(([127, 0, 0, 1], 0).into())
        .await
        .map_err(failed)?;
    let address = server.address();
    let running = server
        .serve(GrpcService {
            node: Arc::new(|| None),
            principals: Principals::new([], None),
            agents: Some(node.agent_door()),
            out: std::path::PathBuf::new(),
        })
        .map_err(failed)?;
    let nobody: AgentId = "macro.clerk.0@bench".parse().map_err(failed)?;
    let key = SigningIdentity::from_seed(nobody, [7; 32]).public_key();
    let charter = Charter::parse(CHARTER).map_err(failed)?;
    let spawned = node.spawn_remote(CHARTER, charter, key, RemoteOptions::default());
    let agent = spawned.await.map_err(failed)?;
    let identity = Arc::new(SigningIdentity::from_seed(&agent, [7; 32]));
    let tenant = TenantId::new(node.system().tenant().as_str()).map_err(failed)?;
    let (say, said) = mpsc::channel(64);
    let mut service = OrchestratorServiceClient::new(channel(address).await?);
    let told = service.execute_task(ReceiverStream::new(said)).await;
    let mut told = told.map_err(failed)?.into_inner();
    let keys = Arc::clone(node.system().key_registry());
    tokio::spawn(async move {
        // The server goes with its last client.
        let _running = running;
        let epoch = now().as_micros();
        let mut sealer = Sealer::new(Arc::clone(&identity), tenant, epoch);
        let mut drawn: u64 = 0;
        while let Ok(Some(message)) = told.message().await {
            let replies = match message.content {
                Some(Content::Challenge(challenge)) => {
                    let Ok(nonce) = <[u8; NONCE]>::try_from(challenge.nonce.as_slice()) else {
                        return;
                    };
                    vec![Content::Hello(hello(&identity, epoch, &nonce))]
                }
                Some(Content::Signed(signed)) => {
                    let frame = Sealed::from_bytes(signed.frame);
                    let Ok(asked) = authenticate(&frame, keys.as_ref(), &Limits::default(), now())
                    else {
                        return;
                    };
                    drawn += 1;
                    let mut random = [0; 10];
                    random[..8].copy_from_slice(&drawn.to_be_bytes());
                    let reply = asked.reply(Performative::Inform, "done");
                    let sealed = sealer.stamp(reply, now(), random).ok();
                    let sealed =
                        sealed.and_then(|reply| identity.seal(&reply, &Limits::default()).ok());
                    let Some(sealed) = sealed else { return };
                    vec![
                        Content::Signed(wire::SignedFrame {
                            frame: sealed.as_bytes().to_vec(),
                            ..Default::default()
                        }),
                        Content::Ack(wire::FrameAck {
                            number: signed.number,
                        }),
                    ]
                }
                _ => Vec::new(),
            };
            for content in replies {
                let message = wire::TaskExecutionMessage {
                    content: Some(content),
                };
                if say.send(message).await.is_err() {
                    return;
                }
            }
        }
    });
    Ok(agent.to_string())
}

fn hello(identity: &SigningIdentity, epoch: u64, nonce: &[u8; NONCE]) -> wire::AgentHello {
    let agent = identity.party().to_string();
    let signed = identity.sign(PROOF_TYPE, &proof(nonce, epoch, &agent));
    wire::AgentHello {
        public_key: identity.public_key().to_bytes().to_vec(),
        possession: identity.claim(epoch).possession().to_bytes().to_vec(),
        proof: signed.to_bytes().to_vec(),
        agent,
        epoch,
        ..Default::default()
    }
}

/// Says what is said to it, and nothing else stands between it and its client.
struct Echo;

#[tonic::async_trait]
impl echo::control_service_server::ControlService for Echo {
    async fn ask(
        &self,
        asked: Request<echo::AskRequest>,
    ) -> Result<Response<echo::AskResponse>, Status> {
        let answer = asked.into_inner().request;
        Ok(Response::new(echo::AskResponse { answer }))
    }

    type WatchStream = ReceiverStream<Result<echo::Event, Status>>;

    async fn watch(
        &self,
        _: Request<echo::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("it only echoes"))
    }
}

/// A bare tonic server and its client.
struct Raw(echo::control_service_client::ControlServiceClient<Channel>);

impl Raw {
    async fn start() -> Result<Self, BenchError> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let service = echo::control_service_server::ControlServiceServer::new(Echo);
        let served = Server::builder()
            .add_service(service)
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(served);
        let client =
            echo::control_service_client::ControlServiceClient::new(channel(address).await?);
        Ok(Self(client))
    }

    async fn calls(&mut self, bytes: usize) -> Result<Vec<f64>, BenchError> {
        let mut took = Vec::new();
        for _ in 0..CALLS {
            let request = echo::AskRequest {
                request: vec![7; bytes],
            };
            let begun = Instant::now();
            self.0.ask(request).await.map_err(failed)?;
            took.push(begun.elapsed().as_secs_f64());
        }
        Ok(took)
    }
}

/// A frame like those that travel, signed and verified by itself.
struct Signing {
    identity: Arc<SigningIdentity>,
    frame: Sealed,
}

impl Signing {
    fn new() -> Result<Self, BenchError> {
        let agent: AgentId = "macro.clerk.001@local".parse().map_err(failed)?;
        let identity = Arc::new(SigningIdentity::from_seed(&agent, [9; 32]));
        let tenant = TenantId::new("local").map_err(failed)?;
        let mut sealer = Sealer::new(Arc::clone(&identity), tenant, 1);
        let asker: AgentId = "macro.asker.001@local".parse().map_err(failed)?;
        let draft = Draft::request(&asker, "work").reply_by(now() + DEADLINE);
        let message = sealer.stamp(draft, now(), [1; 10]).map_err(failed)?;
        let frame = identity
            .seal(&message, &Limits::default())
            .map_err(failed)?;
        Ok(Self { identity, frame })
    }

    fn body(&self) -> &[u8] {
        &self.frame.as_bytes()[68..]
    }

    fn signs(&self) -> Vec<f64> {
        timed(|| {
            std::hint::black_box(self.identity.sign("bench", self.body()));
        })
    }

    fn verifies(&self) -> Vec<f64> {
        let key = self.identity.public_key();
        let signature = self.identity.sign("bench", self.body());
        timed(|| {
            std::hint::black_box(key.verifies("bench", self.body(), &signature));
        })
    }
}

fn timed(mut work: impl FnMut()) -> Vec<f64> {
    (0..CALLS)
        .map(|_| {
            let begun = Instant::now();
            work();
            begun.elapsed().as_secs_f64()
        })
        .collect()
}
