//! Supervision measured against bare ractor in the same run: `cargo run --release --example bench_supervision`. Prints
//! one JSON object. Rounds of ours and theirs alternate; figures are medians.

use std::{
    error::Error,
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use aios_supervisor::{
    ChildSpec, Options, Shutdown, Strategy, Supervisor, SupervisorRef, SupervisorSpec, Template,
};
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::{Notify, mpsc, oneshot};

type Fault = Box<dyn Error + Send + Sync>;

const DYNAMIC: usize = 100_000;
const GROUP: usize = 1_000;
const RESTARTS: usize = 2_000;
const ROUNDS: usize = 5;

struct Idle;

impl Actor for Idle {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(&self, _: ActorRef<()>, (): (), (): &mut ()) -> Result<(), ActorProcessingErr> {
        Err("asked to fail".into())
    }
}

/// Tells when it has started.
struct Herald;

impl Actor for Herald {
    type Msg = ();
    type State = ();
    type Arguments = mpsc::UnboundedSender<ActorCell>;

    async fn pre_start(
        &self,
        me: ActorRef<()>,
        started: Self::Arguments,
    ) -> Result<(), ActorProcessingErr> {
        started.send(me.get_cell())?;
        Ok(())
    }

    async fn handle(&self, _: ActorRef<()>, (): (), (): &mut ()) -> Result<(), ActorProcessingErr> {
        Err("asked to fail".into())
    }
}

/// What people write by hand: a parent that spawns, and restarts in its supervision handler.
struct Parent;

#[derive(Clone, Default)]
struct Duties {
    /// Keeps one herald alive and tells this channel.
    herald: Option<mpsc::UnboundedSender<ActorCell>>,
    /// Children that have told their parent that they run.
    up: Arc<Watch>,
}

#[derive(Default)]
struct Watch {
    count: AtomicUsize,
    all: Notify,
}

impl Watch {
    fn one_more(&self) {
        if self.count.fetch_add(1, Ordering::Relaxed) + 1 == DYNAMIC {
            self.all.notify_one();
        }
    }
}

enum Ask {
    Spawn(oneshot::Sender<ActorCell>),
}

impl Actor for Parent {
    type Msg = Ask;
    type State = Duties;
    type Arguments = Duties;

    async fn pre_start(
        &self,
        me: ActorRef<Ask>,
        duties: Duties,
    ) -> Result<Self::State, ActorProcessingErr> {
        if let Some(started) = &duties.herald {
            Actor::spawn_linked(None, Herald, started.clone(), me.get_cell()).await?;
        }
        Ok(duties)
    }

    async fn handle(
        &self,
        me: ActorRef<Ask>,
        Ask::Spawn(reply): Ask,
        _: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let (child, _) = Actor::spawn_linked(None, Idle, (), me.get_cell()).await?;
        let _ = reply.send(child.get_cell());
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<Ask>,
        event: SupervisionEvent,
        duties: &mut Duties,
    ) -> Result<(), ActorProcessingErr> {
        match (event, &duties.herald) {
            (SupervisionEvent::ActorStarted(_), _) => duties.up.one_more(),
            (_, Some(started)) => {
                Actor::spawn_linked(None, Herald, started.clone(), me.get_cell()).await?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// Measures the time its thread has had a processor, where the kernel tells and there is but one thread; else wall
/// time. On a busy machine only the first is comparable from one round to the next.
struct Stopwatch(Instant, Option<f64>);

impl Stopwatch {
    fn start() -> Self {
        Self(Instant::now(), Self::processor_time())
    }

    fn seconds(&self) -> f64 {
        match (self.1, Self::processor_time()) {
            (Some(before), Some(after)) => after - before,
            _ => self.0.elapsed().as_secs_f64(),
        }
    }

    fn processor_time() -> Option<f64> {
        let flavor = tokio::runtime::Handle::current().runtime_flavor();
        if flavor != tokio::runtime::RuntimeFlavor::CurrentThread {
            return None;
        }
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        Some(text.split(' ').next()?.parse::<f64>().ok()? / 1e9)
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn percentile(values: &mut [f64], at: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let index = (values.len() as f64 * at) as usize;
    values
        .get(index.min(values.len().saturating_sub(1)))
        .copied()
        .unwrap_or_default()
}

/// Microseconds per child to start many, and to stop them.
async fn dynamic_ours(together: bool) -> Result<(f64, f64), Fault> {
    let template = Template::worker("idle", |(): &()| (Idle, ())).shutdown(Shutdown::Infinity);
    let root = Supervisor::start(SupervisorSpec::dynamic("root", template)).await?;
    let door = root.dynamic::<()>().ok_or("not dynamic")?;
    let stopwatch = Stopwatch::start();
    if together {
        for outcome in door.start_many((0..DYNAMIC).map(|_| ())).await {
            outcome?;
        }
    } else {
        for _ in 0..DYNAMIC {
            door.start_child(()).await?;
        }
    }
    let start = stopwatch.seconds();
    let stopwatch = Stopwatch::start();
    root.stop_within(std::time::Duration::from_secs(120)).await;
    Ok((
        start * 1e6 / DYNAMIC as f64,
        stopwatch.seconds() * 1e6 / DYNAMIC as f64,
    ))
}

/// `asked`: through the parent's mailbox, as ours; else straight from the caller, linked to the parent.
async fn dynamic_bare(asked: bool) -> Result<f64, Fault> {
    let duties = Duties::default();
    let (parent, join) = Actor::spawn(None, Parent, duties.clone()).await?;
    let stopwatch = Stopwatch::start();
    for _ in 0..DYNAMIC {
        if asked {
            let (reply, child) = oneshot::channel();
            parent.send_message(Ask::Spawn(reply))?;
            child.await?;
        } else {
            Actor::spawn_linked(None, Idle, (), parent.get_cell()).await?;
        }
    }
    // Not before the parent has heard of every one: until then they have only been put on a list.
    duties.up.all.notified().await;
    let start = stopwatch.seconds() * 1e6 / DYNAMIC as f64;
    parent.kill();
    join.await?;
    // ractor does not wait for the children of a killed parent; whoever is measured next must not pay for their end.
    while tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks()
        > 1
    {
        tokio::task::yield_now().await;
    }
    Ok(start)
}

async fn restart_ours(times: &mut Vec<f64>) -> Result<(), Fault> {
    let (started, mut heralds) = mpsc::unbounded_channel();
    let spec = SupervisorSpec::new("root")
        .intensity(u32::MAX, std::time::Duration::from_nanos(1))
        .child(ChildSpec::worker("herald", move || {
            (Herald, started.clone())
        }));
    let root = Supervisor::start(spec).await?;
    restart_loop(&mut heralds, times).await?;
    root.stop().await;
    Ok(())
}

async fn restart_bare(times: &mut Vec<f64>) -> Result<(), Fault> {
    let (started, mut heralds) = mpsc::unbounded_channel();
    let (parent, join) = Actor::spawn(
        None,
        Parent,
        Duties {
            herald: Some(started),
            ..Duties::default()
        },
    )
    .await?;
    restart_loop(&mut heralds, times).await?;
    parent.kill();
    join.await?;
    Ok(())
}

async fn restart_loop(
    heralds: &mut mpsc::UnboundedReceiver<ActorCell>,
    times: &mut Vec<f64>,
) -> Result<(), Fault> {
    let mut child = heralds.recv().await.ok_or("no herald")?;
    for _ in 0..RESTARTS {
        tokio::task::yield_now().await;
        let before = Instant::now();
        child.send_message(())?;
        child = heralds.recv().await.ok_or("no herald")?;
        times.push(before.elapsed().as_secs_f64() * 1e6);
    }
    Ok(())
}

async fn group(strategy: Strategy) -> Result<SupervisorRef, Fault> {
    let spec = SupervisorSpec::new("root")
        .strategy(strategy)
        .intensity(u32::MAX, std::time::Duration::from_nanos(1))
        .children((0..GROUP).map(|n| ChildSpec::worker(format!("c{n}"), || (Idle, ()))));
    Ok(Supervisor::start_with(
        spec,
        Options {
            event_capacity: 16_384,
            ..Options::default()
        },
    )
    .await?)
}

/// Milliseconds to restart a thousand, and to stop them one after the other.
async fn one_for_all() -> Result<(f64, f64), Fault> {
    let root = group(Strategy::OneForAll).await?;
    let last = root
        .child(&format!("c{}", GROUP - 1))
        .ok_or("no last child")?;
    let stopwatch = Stopwatch::start();
    root.kill_child("c500").await?;
    last.newer_than(1, std::time::Duration::from_secs(60))
        .await?;
    let restart = stopwatch.seconds() * 1e3;
    let stopwatch = Stopwatch::start();
    root.stop().await;
    Ok((restart, stopwatch.seconds() * 1e3))
}

async fn measure() -> Result<serde_json::Value, Fault> {
    let (mut ours, mut single, mut stop) = (Vec::new(), Vec::new(), Vec::new());
    let (mut bare, mut asked) = (Vec::new(), Vec::new());
    let (mut restart_ours_us, mut restart_bare_us) = (Vec::new(), Vec::new());
    let (mut all, mut ordered) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        bare.push(dynamic_bare(false).await?);
        let (start, stopped) = dynamic_ours(true).await?;
        ours.push(start);
        single.push(dynamic_ours(false).await?.0);
        stop.push(stopped);
        asked.push(dynamic_bare(true).await?);
        restart_bare(&mut restart_bare_us).await?;
        restart_ours(&mut restart_ours_us).await?;
        let (restart, stopped) = one_for_all().await?;
        all.push(restart);
        ordered.push(stopped);
    }
    let (ours, single, asked, bare) = (median(ours), median(single), median(asked), median(bare));
    let (p50, p50_bare) = (
        percentile(&mut restart_ours_us, 0.5),
        percentile(&mut restart_bare_us, 0.5),
    );
    Ok(serde_json::json!({
        "start_us_per_child": { "together": ours, "one_by_one": single, "bare_spawn_linked": bare, "bare_asked": asked,
            "together_rate_vs_bare": bare / ours, "one_by_one_rate_vs_bare_asked": asked / single },
        "stop_us_per_child": { "dynamic_100k": median(stop), "ordered_1k": median(ordered) * 1e3 / GROUP as f64 },
        "restart_us": { "p50": p50, "p99": percentile(&mut restart_ours_us, 0.99), "bare_p50": p50_bare,
            "bare_p99": percentile(&mut restart_bare_us, 0.99), "p50_ratio": p50 / p50_bare },
        "one_for_all_1000_ms": median(all),
    }))
}

fn main() -> Result<(), Fault> {
    let mut figures = serde_json::Map::new();
    // One thing only, for a profiler: `together`, `one_by_one`, `group`, `bare`, `asked`.
    if let Some(what) = std::env::args().nth(1) {
        let single = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        for _ in 0..ROUNDS {
            let figures = match what.as_str() {
                "together" => single.block_on(dynamic_ours(true))?,
                "one_by_one" => single.block_on(dynamic_ours(false))?,
                "group" => single.block_on(one_for_all())?,
                "bare" => (single.block_on(dynamic_bare(false))?, 0.0),
                _ => (single.block_on(dynamic_bare(true))?, 0.0),
            };
            writeln!(std::io::stdout(), "{figures:.2?}")?;
        }
        return Ok(());
    }
    let single = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    figures.insert("current_thread".into(), single.block_on(measure())?);
    let multi = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    figures.insert(
        "multi_thread".into(),
        multi.block_on(async { tokio::spawn(measure()).await })??,
    );
    writeln!(
        std::io::stdout(),
        "{}",
        serde_json::to_string_pretty(&figures)?
    )?;
    Ok(())
}
