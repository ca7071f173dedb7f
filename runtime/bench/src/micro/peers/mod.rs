//! What others take for an agent that sits idle and is then told: bytes, births and one-way messages to random agents, at the
//! number of agents that each bears. A rate ends when the last message has been handled.

#[cfg(feature = "peers")]
pub(crate) mod actixes;
pub(crate) mod beam;
#[cfg(feature = "peers")]
pub(crate) mod kameos;
pub(crate) mod ractors;
pub(crate) mod tokio_tasks;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::part::Found;
use crate::meter::{process_cpu, resident};

/// Messages handled by all peers' agents in this process.
static HANDLED: AtomicU64 = AtomicU64::new(0);

/// Does what every peer's agent does with a message.
fn handled(value: u64) {
    HANDLED.fetch_add(value, Relaxed);
}

async fn until_handled(messages: u64) {
    while HANDLED.load(Relaxed) < messages {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Takes the figures of one peer: begun before its agents are born.
struct Peer {
    name: &'static str,
    agents: u64,
    memory: u64,
    used: Duration,
    found: Found,
}

impl Peer {
    fn begin(name: &'static str, agents: u64) -> Self {
        HANDLED.store(0, Relaxed);
        Self {
            name,
            agents,
            memory: resident(),
            used: process_cpu(),
            found: Found::new(),
        }
    }

    /// All agents exist: waits until they are idle and looks at the memory.
    async fn born(&mut self) {
        let used = process_cpu() - self.used;
        tokio::time::sleep(Duration::from_millis(500)).await;
        // What they take to become idle is part of their birth.
        let used = used.max(process_cpu() - self.used);
        let bytes = resident().saturating_sub(self.memory) as f64 / self.agents as f64;
        self.note("bytes_per_agent", bytes);
        self.note("spawn_per_cpu_s", self.agents as f64 / used.as_secs_f64());
        self.used = process_cpu();
    }

    /// So many messages have been sent: waits for the last of them.
    async fn told(mut self, messages: u64) -> Found {
        until_handled(messages).await;
        let used = (process_cpu() - self.used).as_secs_f64();
        self.note("events_per_cpu_s", messages as f64 / used);
        self.note("agents", self.agents as f64);
        self.found
    }

    fn note(&mut self, what: &str, value: f64) {
        self.found.insert(format!("{}_{what}", self.name), value);
    }
}
