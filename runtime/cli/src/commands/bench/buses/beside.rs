//! What bulk on the other buses does to a question on the control bus: an agent that is connected over gRPC is asked by its node, while the
//! data bus is full behind a server that takes nothing, and while frames of 64 MiB cross a tensor bus.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aios_bench::{Bar, BenchError, Report, Samples};
use aios_bus::data::nats::server::NatsServer;
use aios_protocols::ports::DataBus;
use aios_runtime::{Config, Node};
use bytes::Bytes;

use super::super::control::{asks, connected};
use super::super::{failed, tensor};
use super::SOON;

/// Slices of each kind in a round, of 50 questions.
const SLICES: u32 = 8;
/// What fills all that the system holds for a connection, and how often.
const LARGE: (usize, usize) = (256 << 10, 32);
/// What goes on being told meanwhile, and how often.
const SMALL: (usize, Duration) = (1 << 10, Duration::from_millis(20));
/// The most that a question may take longer.
const LIMIT: f64 = 2.0;

pub(super) async fn measure(
    server: &NatsServer,
    folder: &Path,
    rounds: u32,
    report: &mut Report,
) -> Result<(), BenchError> {
    let mut config = Config::default();
    config.door.open = false;
    config.storage.folder = folder.join("node").display().to_string();
    config.bus.data.nats = server.url();
    let node = Node::builder()
        .config(config)
        .start()
        .await
        .map_err(failed)?;
    let agent = connected(&node).await?;
    let up = async {
        while !node.nats().is_some_and(|nats| nats.up) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, up)
        .await
        .map_err(|_| failed("the NATS server is not reached"))?;
    let bus = node
        .system()
        .bus()
        .cloned()
        .ok_or_else(|| failed("the node has no data bus"))?;
    asks(&node, &agent).await?;
    let [mut idle, mut full, mut frames] = [const { Samples::new() }; 3];
    for _ in 0..rounds.saturating_mul(SLICES) {
        idle.extend(asks(&node, &agent).await?);
        full.extend(beside_full(&node, &agent, &bus, server).await?);
        frames.extend(beside_frames(&node, &agent).await?);
    }
    node.stop().await;
    let figure = |name: &str, samples: &Samples, report: &mut Report| {
        report.figure(format!("ask_p50_us_{name}"), samples.median() * 1e6);
        report.figure(format!("ask_p99_us_{name}"), samples.quantile(0.99) * 1e6);
    };
    figure("idle", &idle, report);
    figure("beside_full_data_bus", &full, report);
    figure("beside_64_mib_frames", &frames, report);
    for (id, what, samples) in [
        (
            "ask_beside_data",
            "a question over gRPC while the data bus is full behind a server that takes nothing, beside one on an idle node, 99th percentile",
            &full,
        ),
        (
            "ask_beside_tensors",
            "the same while another thread writes, hands over and reads frames of 64 MiB",
            &frames,
        ),
    ] {
        let times = samples.quantile(0.99) / idle.quantile(0.99);
        report.bar(Bar::at_most(id, what, times, LIMIT, "times"));
    }
    Ok(())
}

/// The server is there and reads nothing: the connection is full before long, and what must last waits on this machine.
async fn beside_full(
    node: &Node,
    agent: &str,
    bus: &Arc<dyn DataBus>,
    server: &NatsServer,
) -> Result<Vec<f64>, BenchError> {
    signal(server, "-STOP")?;
    for _ in 0..LARGE.1 {
        tell(bus, LARGE.0).await?;
    }
    let flooding = Arc::clone(bus);
    let flood = tokio::spawn(async move {
        while tell(&flooding, SMALL.0).await.is_ok() {
            tokio::time::sleep(SMALL.1).await;
        }
    });
    let took = asks(node, agent).await;
    flood.abort();
    signal(server, "-CONT")?;
    // It takes what waited before the next slice is measured.
    let drained = async {
        while node.nats().is_some_and(|nats| nats.outbox.waiting > 0) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, drained)
        .await
        .map_err(|_| failed("the outbox does not drain"))?;
    took
}

async fn beside_frames(node: &Node, agent: &str) -> Result<Vec<f64>, BenchError> {
    let stop = Arc::new(AtomicBool::new(false));
    let until = Arc::clone(&stop);
    let moving = std::thread::spawn(move || tensor::back_and_forth(&until));
    let took = asks(node, agent).await;
    stop.store(true, Ordering::Relaxed);
    let moved = moving
        .join()
        .map_err(|_| failed("the frames' thread fell"))?;
    moved?;
    took
}

fn signal(server: &NatsServer, signal: &str) -> Result<(), BenchError> {
    let process = server
        .process()
        .ok_or_else(|| failed("the NATS server has ended"))?;
    let sent = Command::new("kill")
        .args([signal, &process.to_string()])
        .status();
    if sent.map_err(failed)?.success() {
        Ok(())
    } else {
        Err(failed("the NATS server hears no signal"))
    }
}

async fn tell(bus: &Arc<dyn DataBus>, bytes: usize) -> Result<(), BenchError> {
    let subject = "aios.events.health.flood".parse().map_err(failed)?;
    bus.publish(subject, Bytes::from(vec![b'x'; bytes]))
        .await
        .map_err(failed)
}
