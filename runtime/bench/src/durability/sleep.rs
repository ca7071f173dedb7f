//! What an agent is that sleeps, and how soon it is awake; and how soon a run is where it was.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aios_actors::agent::{Agent, AgentError, AgentOptions, Context, Incoming};
use aios_actors::{AgentSystem, Sleep, async_trait};
use aios_memory::{
    Begin, Entry, InMemoryStore, KeptStep, SledStore, StepLog, Store, StoreError, Swap,
};
use aios_protocols::{AgentCard, AgentId, PrincipalId, PrincipalKind};
use aios_supervisor::{Supervisor, SupervisorSpec};

use super::Fault;
use crate::Samples;

/// Agents that sleep.
const SLEEPERS: usize = 200_000;
/// Of them woken.
const WOKEN: usize = 1_000;
/// Steps of the long run and of the short one.
const LONG: usize = 10_000;
const SHORT: usize = 100;
/// Nothing here takes longer unless it hangs.
const DEADLINE: Duration = Duration::from_secs(30);

/// What was measured of those that sleep.
pub(super) struct Slept {
    /// Resident bytes of each; none where the kernel does not tell.
    pub(super) bytes: Option<f64>,
    /// Milliseconds from a question to its answer, the waking included.
    pub(super) wake_ms: Samples,
}

struct Sleeper;

#[async_trait]
impl Agent for Sleeper {
    fn card(&self, card: &mut AgentCard) {
        card.open_to.add(PrincipalKind::User);
    }

    async fn handle(&mut self, incoming: Incoming, _: &Context) -> Result<(), AgentError> {
        Ok(incoming.inform("awake")?)
    }
}

/// A disk that is not this process's memory: who is registered is not kept here.
#[derive(Default)]
struct Elsewhere(InMemoryStore);

impl Store for Elsewhere {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.get(key)
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        if key.starts_with(b"dormant/") {
            return Ok(());
        }
        self.0.put(key, value)
    }

    fn delete(&self, key: &[u8]) -> Result<bool, StoreError> {
        self.0.delete(key)
    }

    fn scan_prefix(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.0.scan_prefix(prefix, after, limit)
    }

    fn compare_and_swap(
        &self,
        key: &[u8],
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<Swap, StoreError> {
        self.0.compare_and_swap(key, expected, new)
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.0.flush()
    }
}

fn sleeper(number: usize) -> Result<AgentId, Fault> {
    Ok(format!("macro.sleeper.{number}@global").parse()?)
}

pub(super) fn slept() -> Result<Slept, Fault> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(sleepers())
}

async fn sleepers() -> Result<Slept, Fault> {
    let system = AgentSystem::builder()
        .store(Arc::new(Elsewhere::default()))
        .build();
    system
        .factories()
        .register("macro.sleeper", |_| Ok(Sleeper));
    let spec = SupervisorSpec::new("sleepers").intensity(1, Duration::from_secs(1));
    let supervisor = Supervisor::start(spec).await?;
    let sleep = Sleep {
        options: AgentOptions::default(),
        ..Sleep::default()
    };
    system.let_sleep(supervisor.clone(), sleep)?;
    let before = resident();
    for number in 0..SLEEPERS {
        system.register_asleep(&sleeper(number)?)?;
    }
    let grown = before.and_then(|before| Some(resident()?.saturating_sub(before)));
    let user = PrincipalId::new(PrincipalKind::User, "bench", system.tenant())?;
    let client = system.client(user).await?;
    let mut wake_ms = Samples::new();
    for number in (0..SLEEPERS).step_by(SLEEPERS / WOKEN) {
        let begun = Instant::now();
        client.ask(&sleeper(number)?, "?", DEADLINE).await?;
        wake_ms.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    supervisor.stop().await;
    Ok(Slept {
        bytes: grown.map(|bytes| bytes as f64 / SLEEPERS as f64),
        wake_ms,
    })
}

/// Memory of this process that is in use, in bytes.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1_024)
}

/// Milliseconds until a run of many finished steps is where it was, and a step of it beside one of a short run.
pub(super) fn resumed(place: &Path) -> Result<(f64, f64), Fault> {
    let store: Arc<dyn Store> = Arc::new(SledStore::open(place.join("steps"))?);
    let log = StepLog::new(Arc::clone(&store));
    let name = |run: &str, step: usize| format!("local/macro.executor/{run}/step-{step:05}");
    for (run, steps) in [("long", LONG), ("short", SHORT)] {
        for step in 0..steps {
            log.keep(&KeptStep {
                operation: name(run, step),
                at_us: 1,
                attempts: 0,
                result: Some(vec![b'7'; 160]),
            })?;
        }
    }
    store.flush()?;
    let again = |run: &str, steps: usize| -> Result<f64, Fault> {
        let begun = Instant::now();
        for step in 0..steps {
            if !matches!(log.begin_pure(&name(run, step), 1)?, Begin::Committed(_)) {
                return Err("a finished step is not on record".into());
            }
        }
        Ok(begun.elapsed().as_secs_f64() * 1e3)
    };
    // The first look warms what both are read through.
    again("short", SHORT)?;
    let (long, short) = (again("long", LONG)?, again("short", SHORT)?);
    Ok((long, (long / LONG as f64) / (short / SHORT as f64)))
}
