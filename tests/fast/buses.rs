//! The buses beside each other: what is slow on one delays nobody on another.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aios_bus::data::nats::server::NatsServer;
use aios_control::socket::SocketFolder;
use aios_control::{Client, Request};
use aios_protocols::ports::DataBus;
use aios_runtime::{Config, Node, NodeView};
use bytes::Bytes;

use crate::rig;

/// Questions of a sample.
const QUESTIONS: usize = 200;
/// How often both are measured: more often only where other programs were so busy meanwhile that the least of three says nothing. A bus
/// that delays whoever asks delays them in every round.
const ROUNDS: std::ops::RangeInclusive<usize> = 3..=12;
/// What fills all that the system holds for a connection, and how often.
const LARGE: (usize, usize) = (256 << 10, 32);
/// What goes on being told while the questions are asked. It is small, because what it costs to write is not what is measured.
const SMALL: usize = 1 << 10;
/// Below this a difference is the scheduler's.
const FLOOR: Duration = Duration::from_millis(2);

/// The slowest but one in a hundred.
async fn p99(client: &mut Client) -> Duration {
    let mut taken = Vec::new();
    for _ in 0..QUESTIONS {
        let begun = Instant::now();
        let _: NodeView = client.ask(&Request::View {}).await.unwrap();
        taken.push(begun.elapsed());
    }
    taken.sort_unstable();
    taken[QUESTIONS * 99 / 100 - 1]
}

fn signal(server: &NatsServer, signal: &str) {
    let process = server.process().unwrap().to_string();
    let sent = Command::new("kill").args([signal, &process]).status();
    assert!(sent.unwrap().success());
}

async fn tell(bus: &Arc<dyn DataBus>, bytes: usize) {
    let subject = "aios.events.health.flood".parse().unwrap();
    bus.publish(subject, Bytes::from(vec![b'x'; bytes]))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_takes_nothing_delays_nobody_who_asks_the_node() {
    let folder = tempfile::tempdir().unwrap();
    let server = rig::server(&folder.path().join("nats"));
    let mut config = Config::default();
    config.door.open = true;
    config.door.folder = folder.path().join("doors").to_str().unwrap().to_owned();
    config.storage.folder = folder.path().join("state").to_str().unwrap().to_owned();
    config.bus.data.nats = server.url();
    let node = Node::builder()
        .config(config.clone())
        .start()
        .await
        .unwrap();
    node.control_socket().await.unwrap().unwrap();
    let mut client = Client::connect(&SocketFolder::of(&config.door.folder), None)
        .await
        .unwrap();
    let up = async {
        while !node.nats().unwrap().up {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), up)
        .await
        .unwrap();
    let bus = node.system().bus().unwrap().clone();
    let (mut idle, mut busy) = (Duration::MAX, Duration::MAX);
    for round in 1..=*ROUNDS.end() {
        idle = idle.min(p99(&mut client).await);
        // It is there and reads nothing: the connection is full before long, and what must last waits on this machine.
        signal(&server, "-STOP");
        for _ in 0..LARGE.1 {
            tell(&bus, LARGE.0).await;
        }
        let bus = bus.clone();
        let flood = tokio::spawn(async move {
            loop {
                tell(&bus, SMALL).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        busy = busy.min(p99(&mut client).await);
        let waiting = node.nats().unwrap().outbox.waiting;
        // The first ones may have been on their way before it stood still.
        assert!(
            waiting > LARGE.1 / 2,
            "{waiting} wait: it was not saturated"
        );
        flood.abort();
        signal(&server, "-CONT");
        if round >= *ROUNDS.start() && busy <= 2 * idle.max(FLOOR) {
            break;
        }
    }
    assert!(
        busy <= 2 * idle.max(FLOOR),
        "p99 of a question {idle:?} idle, {busy:?} while the server takes nothing"
    );
    node.stop().await;
}
