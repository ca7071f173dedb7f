//! What it costs to be seen: a signed ask with figures and traces on beside one without, and messages under a burst of events with ten
//! watchers beside the same burst with none.
//!
//! Two nodes run in one process. The first starts before there is a recorder, so what it counts goes nowhere; the second counts, and sends
//! the spans of every message to a sink on loopback. Thin slices follow each other, so that a busy machine slows all alike.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use aios_actors::agent::{Agent, AgentError, AgentOptions, Context, Incoming};
use aios_actors::async_trait;
use aios_bench::{Bar, BenchError, Report, Samples};
use aios_control::{EventKind, Watch};
use aios_protocols::subject::EventTopic;
use aios_protocols::{
    AgentCard, Content, Draft, OpenTo, Performative, PrincipalKind, ProtocolName, Subject,
    TraceContext,
};
use aios_runtime::{Config, Node, SpawnOptions};
use aios_supervisor::Admission;
use aios_work::content::{TaskEvent, TaskStatus};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::failed;

/// Slices of a round.
const SLICES: u32 = 10;
/// Asks in a slice.
const ASKS: u32 = 100;
/// One-way messages in a slice.
const TELLS: u32 = 2_000;
/// Watchers: ten pages that are open.
const WATCHERS: usize = 10;
/// Events in a millisecond of a burst: fifty thousand a second.
const BURST: u32 = 50;
/// Nothing here takes longer unless it hangs.
const DEADLINE: Duration = Duration::from_secs(30);

pub(super) fn run(rounds: u32) -> Result<Report, BenchError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    runtime.block_on(measure(rounds))
}

async fn measure(rounds: u32) -> Result<Report, BenchError> {
    let mut report = Report::begin("telemetry");
    // In this order: the recorder comes with the second.
    let off = House::open(None).await?;
    let (sink, taken) = sink().map_err(failed)?;
    let on = House::open(Some(sink)).await?;
    for house in [&off, &on] {
        house.asks(false).await?;
        house.tells().await?;
    }
    let [
        mut ask_off,
        mut ask_on,
        mut tell_alone,
        mut tell_burst,
        mut tell_watched,
    ] = [const { Samples::new() }; 5];
    let heard = Arc::new(AtomicU64::new(0));
    for _ in 0..rounds.saturating_mul(SLICES) {
        ask_off.extend(off.asks(false).await?);
        ask_on.extend(on.asks(true).await?);
        tell_alone.push(off.tells().await?);
        tell_burst.push(off.burst(0, &heard).await?);
        tell_watched.push(off.burst(WATCHERS, &heard).await?);
    }
    let [ask_off, ask_on] = [ask_off, ask_on].map(|samples| samples.median() * 1e6);
    let [alone, burst, watched] =
        [tell_alone, tell_burst, tell_watched].map(|samples| 1.0 / samples.median());
    off.node.stop().await;
    on.node.stop().await;
    report.figure("ask_off_us", ask_off);
    report.figure("ask_on_us", ask_on);
    report.figure("messages_per_second", alone);
    report.figure("messages_per_second_in_a_burst", burst);
    report.figure("messages_per_second_in_a_burst_watched", watched);
    report.figure("events_told_to_watchers", heard.load(Relaxed) as f64);
    report.figure("bytes_of_spans_and_figures", taken.load(Relaxed) as f64);
    report.figure("rounds", f64::from(rounds));
    report.bar(Bar::at_most(
        "on",
        "what figures and traces add to a signed ask",
        (ask_on / ask_off - 1.0) * 100.0,
        5.0,
        "percent",
    ));
    report.bar(Bar::at_most(
        "watched",
        "messages lost to ten watchers in a burst of 50,000 events a second, beside the same burst with none",
        (1.0 - watched / burst) * 100.0,
        3.0,
        "percent",
    ));
    Ok(report)
}

/// What the measuring agent is told to do, in its handler.
#[derive(Debug, Serialize, Deserialize)]
enum Order {
    Ask,
    Tell,
}

struct Asker(Arc<Semaphore>);

#[async_trait]
impl Agent for Asker {
    fn card(&self, card: &mut AgentCard) {
        card.open_to = OpenTo::none().and(PrincipalKind::Service);
    }

    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError> {
        let order: Order = incoming.json()?;
        let mut took = Vec::new();
        match order {
            Order::Ask => {
                for _ in 0..ASKS {
                    let begun = Instant::now();
                    ctx.ask("macro.benchanswerer", "work", DEADLINE).await?;
                    took.push(begun.elapsed().as_secs_f64());
                }
            }
            Order::Tell => {
                let begun = Instant::now();
                for _ in 0..TELLS {
                    ctx.tell("macro.benchlistener", "news").await?;
                }
                self.0.acquire_many(TELLS).await?.forget();
                took.push(begun.elapsed().as_secs_f64() / f64::from(TELLS));
            }
        }
        Ok(incoming.inform(Content::json(&took)?)?)
    }
}

struct Answerer;

#[async_trait]
impl Agent for Answerer {
    async fn handle(&mut self, incoming: Incoming, _: &Context) -> Result<(), AgentError> {
        Ok(incoming.inform("done")?)
    }
}

struct Listener(Arc<Semaphore>);

#[async_trait]
impl Agent for Listener {
    async fn handle(&mut self, _: Incoming, _: &Context) -> Result<(), AgentError> {
        self.0.add_permits(1);
        Ok(())
    }
}

/// A node with the three agents.
struct House {
    node: Node,
}

impl House {
    /// With figures and traces if there is somewhere to send them.
    async fn open(otlp: Option<String>) -> Result<Self, BenchError> {
        let mut config = Config::default();
        config.telemetry.metrics = otlp.is_some();
        config.telemetry.otlp = otlp.unwrap_or_default();
        let heard = Arc::new(Semaphore::new(0));
        let counted = Arc::clone(&heard);
        let node = Node::builder()
            .config(config)
            .factory("macro.benchanswerer", |_| Ok(Answerer))
            .factory("macro.benchlistener", move |_| {
                Ok(Listener(Arc::clone(&counted)))
            })
            .factory("macro.benchasker", move |_| Ok(Asker(Arc::clone(&heard))))
            .start()
            .await
            .map_err(failed)?;
        for role in [
            "macro.benchanswerer",
            "macro.benchlistener",
            "macro.benchasker",
        ] {
            // Whoever tells faster than the listener listens waits for a place.
            let options = SpawnOptions {
                agent: AgentOptions {
                    admission: Admission::Wait(DEADLINE),
                    handler_deadline: DEADLINE,
                    ..AgentOptions::default()
                },
                ..SpawnOptions::default()
            };
            node.spawn(role, options).await.map_err(failed)?;
        }
        Ok(Self { node })
    }

    /// Seconds of each ask; `traced` ones belong to a trace.
    async fn asks(&self, traced: bool) -> Result<Vec<f64>, BenchError> {
        self.order(&Order::Ask, traced).await
    }

    /// Seconds per one-way message.
    async fn tells(&self) -> Result<f64, BenchError> {
        let took = self.order(&Order::Tell, false).await?;
        took.first()
            .copied()
            .ok_or_else(|| failed("nothing was measured"))
    }

    async fn order(&self, order: &Order, traced: bool) -> Result<Vec<f64>, BenchError> {
        let content = Content::json(order).map_err(failed)?;
        let mut draft =
            Draft::new(Performative::Request, content).protocol(ProtocolName::FipaRequest);
        if traced {
            draft = draft.trace(TraceContext::new([7; 16], [7; 8], 1).map_err(failed)?);
        }
        let answer = self.node.ask("macro.benchasker", draft, DEADLINE);
        answer
            .await
            .map_err(failed)?
            .content
            .read_json()
            .map_err(failed)
    }

    /// Seconds per one-way message while fifty thousand events a second happen and so many watch.
    async fn burst(&self, watchers: usize, heard: &Arc<AtomicU64>) -> Result<f64, BenchError> {
        let mut beside = JoinSet::new();
        for _ in 0..watchers {
            let mut client = self.node.control();
            let heard = Arc::clone(heard);
            let watch = Watch {
                fresh: true,
                ..Watch::default()
            };
            client.watch_node(watch).await.map_err(failed)?;
            beside.spawn(async move {
                while let Ok(Some(event)) = client.next_event().await {
                    if event.kind != EventKind::Gap {
                        heard.fetch_add(1, Relaxed);
                    }
                }
            });
        }
        let bus = self
            .node
            .system()
            .bus()
            .cloned()
            .ok_or_else(|| failed("the node has no bus"))?;
        let event = serde_json::to_vec(&TaskEvent {
            goal_id: "bench".to_owned(),
            task_id: "t".to_owned(),
            tool: "none".to_owned(),
            title: String::new(),
            status: TaskStatus::Running,
            attempt: 1,
            agent: None,
            score: None,
            duration_ms: None,
            reason: None,
            at: None,
            judged: None,
            tokens: None,
        })
        .map_err(failed)?;
        let event = bytes_of(event);
        beside.spawn(async move {
            let mut beat = tokio::time::interval(Duration::from_millis(1));
            loop {
                beat.tick().await;
                for _ in 0..BURST {
                    let subject = Subject::event(EventTopic::Task, "bench");
                    if bus.publish(subject, event.clone()).await.is_err() {
                        return;
                    }
                }
            }
        });
        // Everybody is under way before it counts.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let took = self.tells().await;
        beside.shutdown().await;
        took
    }
}

fn bytes_of(event: Vec<u8>) -> bytes::Bytes {
    event.into()
}

/// Takes whatever is sent by HTTP, and counts it.
fn sink() -> std::io::Result<(String, Arc<AtomicU64>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = format!("http://{}", listener.local_addr()?);
    let taken = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&taken);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let counted = Arc::clone(&counted);
            std::thread::spawn(move || {
                let mut stream = stream;
                let mut bytes = Vec::new();
                let mut part = [0; 16_384];
                while let Ok(read @ 1..) = stream.read(&mut part) {
                    counted.fetch_add(read as u64, Relaxed);
                    bytes.extend_from_slice(&part[..read]);
                    while let Some(end) = whole(&bytes) {
                        bytes.drain(..end);
                        if stream
                            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                            .is_err()
                        {
                            return;
                        }
                    }
                }
            });
        }
    });
    Ok((address, taken))
}

/// Where the first request of these bytes ends, if it is whole.
fn whole(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length
        .and_then(|length| length.trim().parse().ok())
        .unwrap_or(0);
    (bytes.len() >= head + length).then_some(head + length)
}
