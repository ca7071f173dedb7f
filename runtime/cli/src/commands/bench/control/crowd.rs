//! Many agents and many watchers through the API: how fast agents are spawned over HTTP, what one of them takes to answer when ten thousand
//! are alive, and how soon a thousand watchers hear the first of what happens.

use std::time::{Duration, Instant};

use aios_actors::agent::{Agent, AgentError, Context, Incoming};
use aios_bench::{Bar, BenchError, Report, Samples};
use aios_control::access::{Principals, Scope, Token};
use aios_control::grpc::{GrpcServer, GrpcService};
use aios_control::{Control, Request, Watch};
use aios_protocols::{AgentCard, PrincipalKind};
use aios_runtime::{Config, Node};
use aios_wire::generated::control::v1 as wire;
use async_trait::async_trait;
use std::sync::Arc;
use tokio::sync::mpsc;
use tonic::Streaming;
use wire::control_service_client::ControlServiceClient;

use super::super::failed;
use super::channel;
use super::http::{Asker, CONNECTIONS, Served};

/// Agents alive at once, and the least that are spawned in a second.
const AGENTS: usize = 10_000;
const SPAWNED_LEAST: f64 = 1_000.0;
/// Questions to one of them, and the most that half of them may take.
const QUESTIONS: usize = 200;
const ASKED_MOST_MS: f64 = 1.0;
/// Watchers, how many share a connection, how often something happens, and how soon half of them hear of it at the latest.
const WATCHERS: usize = 1_000;
const EACH: usize = 50;
const CAUSES: usize = 20;
const HEARD_MOST_MS: f64 = 5.0;
/// Nothing here takes longer unless it hangs.
const DEADLINE: Duration = Duration::from_secs(60);

/// Says what is said to it.
struct Echo;

#[async_trait]
impl Agent for Echo {
    fn card(&self, card: &mut AgentCard) {
        card.open_to.add(PrincipalKind::Service);
    }

    async fn handle(&mut self, incoming: Incoming, _: &Context) -> Result<(), AgentError> {
        let word = incoming.content.as_str().unwrap_or_default().to_owned();
        Ok(incoming.inform(word)?)
    }
}

pub(super) async fn measure(report: &mut Report) -> Result<(), BenchError> {
    let mut config = Config::default();
    config.door.open = false;
    let node = Node::builder()
        .config(config)
        .factory("macro.echo", |_| Ok(Echo))
        .start()
        .await;
    let served = Served::open(node.map_err(failed)?, Scope::Operate).await?;
    agents(report, &served).await?;
    served.close().await;
    // Another node: how soon an event is heard is not a matter of how many agents there are.
    let mut config = Config::default();
    config.door.open = false;
    let node = Node::builder().config(config).start().await;
    watchers(report, &node.map_err(failed)?).await
}

async fn agents(report: &mut Report, served: &Served) -> Result<(), BenchError> {
    let address = served.running.address();
    let mut askers = Vec::with_capacity(CONNECTIONS);
    for token in &served.tokens {
        askers.push(Asker::of(address, Some(token)).await?);
    }
    let begun = Instant::now();
    let spawning = askers.iter_mut().map(|asker| async move {
        let mut last = Vec::new();
        for _ in 0..AGENTS / CONNECTIONS {
            let role = r#"{"role": "macro.echo"}"#;
            last = asker.ask("POST", "/v1/agents", role).await?;
        }
        Ok::<_, BenchError>(last)
    });
    let last = futures::future::try_join_all(spawning).await?;
    let rate = AGENTS as f64 / begun.elapsed().as_secs_f64();
    let spawned: serde_json::Value =
        serde_json::from_slice(last.first().map_or(&[], Vec::as_slice)).map_err(failed)?;
    let agent = spawned["agent"].as_str().unwrap_or_default();
    // The directory knows all of them; a view shows a thousand.
    let alive = served.node.system().directory().cards();
    let alive = { alive.iter() }.filter(|card| card.id.to_string().contains(".echo."));
    let alive = alive.count();
    let path = format!("/v1/agents/{agent}/ask");
    let body = r#"{"content": "work", "deadline_ms": 20000}"#;
    let mut took = Samples::new();
    for asker in askers.iter_mut().take(1) {
        for _ in 0..QUESTIONS {
            let begun = Instant::now();
            asker.ask("POST", &path, body).await?;
            took.push(begun.elapsed().as_secs_f64() * 1e3);
        }
    }
    report.figure("agents_alive", alive as f64);
    report.figure("agents_spawned_per_s", rate);
    report.figure("http_ask_p50_ms", took.median());
    report.bar(Bar::at_least(
        "agents_spawned",
        "agents spawned over HTTP in a second, up to ten thousand that are alive at once",
        if alive < AGENTS / CONNECTIONS * CONNECTIONS {
            0.0
        } else {
            rate
        },
        SPAWNED_LEAST,
        "per second",
    ));
    report.bar(Bar::at_most(
        "http_ask",
        "half of the questions to one of ten thousand agents are answered over HTTP within this",
        took.median(),
        ASKED_MOST_MS,
        "ms",
    ));
    Ok(())
}

/// Watches of the node over gRPC, which has places for so many.
async fn watches(
    address: std::net::SocketAddr,
    token: &Token,
) -> Result<Vec<Streaming<wire::Event>>, BenchError> {
    let request = serde_json::to_vec(&Request::Watch(Watch {
        kinds: vec![aios_control::EventKind::Audit],
        fresh: true,
        ..Watch::default()
    }))
    .map_err(failed)?;
    let mut streams = Vec::with_capacity(WATCHERS);
    for _ in 0..WATCHERS / EACH {
        let mut client = ControlServiceClient::new(channel(address).await?);
        for _ in 0..EACH {
            let mut sent = tonic::Request::new(wire::WatchRequest {
                request: request.clone(),
            });
            let shown = format!("Bearer {}", token.reveal());
            sent.metadata_mut()
                .insert("authorization", shown.parse().map_err(failed)?);
            let watch = client.watch(sent).await.map_err(failed)?;
            streams.push(watch.into_inner());
        }
    }
    Ok(streams)
}

async fn watchers(report: &mut Report, node: &Node) -> Result<(), BenchError> {
    let token = Token::fresh().map_err(failed)?;
    let server = GrpcServer::bind(([127, 0, 0, 1], 0).into());
    let server = server.await.map_err(failed)?;
    let address = server.address();
    let served: Arc<dyn Control> = Arc::new(node.clone());
    let running = server
        .serve(GrpcService {
            node: Arc::new(move || Some(Arc::clone(&served))),
            principals: Principals::new([(token.clone(), node.owner_name().clone())], None),
            agents: None,
            out: std::path::PathBuf::new(),
        })
        .map_err(failed)?;
    let (heard, mut hears) = mpsc::channel(WATCHERS);
    let mut watching = tokio::task::JoinSet::new();
    for mut stream in watches(address, &token).await? {
        let heard = heard.clone();
        watching.spawn(async move {
            while let Ok(Some(event)) = stream.message().await {
                let _ = heard.send((Instant::now(), event.event.len())).await;
            }
        });
    }
    let mut took = Vec::with_capacity(WATCHERS * CAUSES);
    let (mut first, mut last) = (Samples::new(), Samples::new());
    let mut control = node.control();
    for _ in 0..CAUSES {
        // It is refused, and that it was commanded is an event.
        let begun = Instant::now();
        let _ = control.kill("macro.nobody.001@local").await;
        let mut of_cause = Vec::with_capacity(WATCHERS);
        while of_cause.len() < WATCHERS {
            let next = tokio::time::timeout(DEADLINE, hears.recv()).await;
            let Some((at, _)) =
                next.map_err(|_| BenchError("a watcher hears nothing".to_owned()))?
            else {
                return Err(BenchError("the watchers are gone".to_owned()));
            };
            // What was told before is heard of nobody's cause.
            if at < begun {
                continue;
            }
            of_cause.push(at.duration_since(begun).as_secs_f64() * 1e3);
        }
        first.push(of_cause.iter().copied().fold(f64::INFINITY, f64::min));
        last.push(of_cause.iter().copied().fold(0.0, f64::max));
        took.append(&mut of_cause);
    }
    watching.abort_all();
    running.drain().await;
    node.clone().stop().await;
    took.sort_by(f64::total_cmp);
    let of = |share: f64| {
        let at = ((took.len() as f64) * share) as usize;
        took.get(at.min(took.len().saturating_sub(1)))
            .copied()
            .unwrap_or(f64::NAN)
    };
    report.figure("watchers", WATCHERS as f64);
    report.figure("event_first_ms", first.median());
    report.figure("event_last_ms", last.median());
    report.figure("event_p50_ms", of(0.5));
    report.figure("event_p99_ms", of(0.99));
    report.bar(Bar::at_most(
        "event_heard",
        "half of a thousand watchers have the first byte of an event this long after its cause",
        of(0.5),
        HEARD_MOST_MS,
        "ms",
    ));
    Ok(())
}
