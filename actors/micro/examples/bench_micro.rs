//! Measures the swarm and prints one JSON object: `cargo run --release -p aios-micro --example bench_micro`.
//!
//! Rates are per CPU second of all threads, teller included, because wall time on a shared machine says little; wall time
//! stands beside them. Rounds of the things compared alternate, and the median is reported. `--quick` runs a tenth.

use std::hint::black_box;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use aios_micro::kinds::{Page, page};
use aios_micro::{
    Act, ArenaConfig, Around, Effects, Event, Handle, Intensity, Kind, KindConfig, Population,
    Restart, Source, StepConfig, Stepper, SurveyRequest, WholeLine, Zone, quiet_agent_panics,
};
use aios_supervisor::Supervisor;
use serde_json::{Value, json};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const SOON: Duration = Duration::from_secs(120);
const BATCH: usize = 32_768;

/// A page-sized agent that panics on demand and can tell how long an event was under way.
struct Probe;

const PANIC: u8 = 9;
const TIMED: u8 = 10;
/// Latencies in classes of 10 us.
static LATENCIES: [AtomicU64; 4096] = [const { AtomicU64::new(0) }; 4096];
static STARTED: OnceLock<Instant> = OnceLock::new();

fn tenth_us() -> u32 {
    (STARTED.get_or_init(Instant::now).elapsed().as_nanos() / 100) as u32
}

impl Kind for Probe {
    const NAME: &'static str = "probe";
    const BYTES: usize = 64;
    type Line = WholeLine;
    type State = [u64; 5];
    const INTENSITY: Intensity = Intensity {
        restarts: u32::MAX,
        within: Duration::from_secs(1),
    };

    fn birth(_: u64) -> [u64; 5] {
        [0; 5]
    }

    fn behave(
        state: &mut [u64; 5],
        event: &Event,
        _: &Around<'_, Self>,
        effects: &mut Effects<'_>,
    ) {
        match event.code {
            page::TOUCH => {
                state[0] += 1;
                state[1] += u64::from(event.value);
                effects.deposit(1.0);
            }
            TIMED => {
                let class = tenth_us().wrapping_sub(event.value) as usize / 100;
                LATENCIES[class.min(LATENCIES.len() - 1)].fetch_add(1, Relaxed);
            }
            PANIC => {
                let nothing: &[u64] = &state[5..];
                state[2] = nothing[event.value as usize];
            }
            _ => effects.not_understood(),
        }
    }
}

/// A small generator: the figures are about delivery, not about randomness.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (((self.0 >> 32) * u64::from(limit)) >> 32) as u32
    }
}

/// CPU time of this process, threads that are gone included; in hundredths of a second.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = text.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks * 10)
}

/// CPU time of this thread.
fn thread_cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(
        text.split(' ')
            .next()
            .and_then(|field| field.parse().ok())
            .unwrap_or(0),
    )
}

/// Time a thread of this name was ready to run and had no core: what other programs on the machine took from it.
fn waited_for_a_core(name: &str) -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten();
    let wait = |task: std::fs::DirEntry| {
        let read = |file: &str| std::fs::read_to_string(task.path().join(file)).ok();
        let ours = read("comm")?.starts_with(name);
        read("schedstat")?
            .split(' ')
            .nth(1)?
            .parse::<u64>()
            .ok()
            .filter(|_| ours)
    };
    Duration::from_nanos(tasks.filter_map(wait).sum())
}

/// Resident memory of this process in bytes, and bytes the machine has left.
fn memory() -> (u64, u64) {
    let field = |file: &str, name: &str| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let line = text
            .lines()
            .find(|line| line.starts_with(name))
            .map(str::to_owned)
            .unwrap_or_default();
        line.split_whitespace()
            .nth(1)
            .and_then(|kb| kb.parse::<u64>().ok())
            .unwrap_or(0)
            * 1024
    };
    (
        field("/proc/self/status", "VmRSS"),
        field("/proc/meminfo", "MemAvailable"),
    )
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn config(restart: Restart) -> StepConfig {
    let intensity = Intensity {
        restarts: u32::MAX,
        within: Duration::from_secs(1),
    };
    StepConfig {
        arena: ArenaConfig::default(),
        near: 65_536,
        far: 16_384,
        restart,
        intensity,
    }
}

fn crowd(agents: u64) -> Outcome<(Stepper<Probe>, Vec<Handle>)> {
    let mut stepper = Stepper::new(0, &config(Restart::Transient));
    let handles = (0..agents)
        .map(|resource| stepper.spawn(resource))
        .collect::<Result<_, _>>()?;
    Ok((stepper, handles))
}

/// Who is told: anyone, or one after another.
#[derive(Clone, Copy)]
enum Targets {
    Random,
    Neighbours,
}

/// Batches of events for `agents` agents of slot 0 on, first generation; made beforehand so that only delivery is timed.
fn batches(handles: &[Handle], targets: Targets, panics: bool, count: usize) -> Vec<Vec<Event>> {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let mut next = 0;
    let mut target = || match targets {
        Targets::Random => handles[dice.below(handles.len() as u32) as usize],
        Targets::Neighbours => {
            next = (next + 1) % handles.len();
            handles[next]
        }
    };
    let mut number = 0;
    let mut event = || {
        number += 1;
        let code = if panics && number % 100 == 0 {
            PANIC
        } else {
            page::TOUCH
        };
        Event::new(target(), Act::Inform, code, 0, 1)
    };
    (0..count)
        .map(|_| (0..BATCH).map(|_| event()).collect())
        .collect()
}

/// Events per CPU second and per second of one stepper on this thread.
fn stepped(stepper: &mut Stepper<Probe>, batches: &[Vec<Event>], now: &mut u64) -> (f64, f64) {
    let (wall, used) = (Instant::now(), thread_cpu());
    for batch in batches {
        *now += 1;
        stepper.step(*now, batch);
    }
    let events = (batches.len() * BATCH) as f64;
    (
        events / (thread_cpu() - used).as_secs_f64(),
        events / wall.elapsed().as_secs_f64(),
    )
}

fn delivery(agents: u64, count: usize, rounds: usize) -> Outcome<Value> {
    let (mut stepper, handles) = crowd(agents)?;
    let made = [
        ("random", batches(&handles, Targets::Random, false, count)),
        (
            "random_1pct_panics",
            batches(&handles, Targets::Random, true, count),
        ),
        (
            "neighbours",
            batches(&handles, Targets::Neighbours, false, count),
        ),
        (
            "neighbours_1pct_panics",
            batches(&handles, Targets::Neighbours, true, count),
        ),
    ];
    let mut found = vec![Vec::new(); made.len()];
    let mut walls = vec![Vec::new(); made.len()];
    let mut now = 0;
    for _ in 0..rounds {
        for (at, (_, batches)) in made.iter().enumerate() {
            let (cpu, wall) = stepped(&mut stepper, batches, &mut now);
            found[at].push(cpu);
            walls[at].push(wall);
        }
    }
    let mut figures = serde_json::Map::new();
    for (at, (name, _)) in made.iter().enumerate() {
        let per_cpu = median(found[at].clone());
        figures.insert(
            (*name).into(),
            json!({ "per_cpu_s": per_cpu, "per_wall_s": median(walls[at].clone()) }),
        );
    }
    let counts = stepper.counts();
    figures.insert("delivered".into(), json!(counts.handled + counts.panics));
    figures.insert(
        "expected".into(),
        json!(rounds * made.len() * count * BATCH),
    );
    figures.insert("panics".into(), json!(counts.panics));
    figures.insert(
        "panics_expected".into(),
        json!(rounds * 2 * (count * BATCH / 100)),
    );
    figures.insert("restarted".into(), json!(counts.restarted));
    figures.insert("lost_agents".into(), json!(agents - stepper.live()));
    Ok(Value::Object(figures))
}

/// Spawn and free pairs per CPU second in a full house: a random agent leaves, a new one comes. Who leaves is drawn
/// beforehand, so that only leaving and coming is timed.
fn churn(agents: u64, pairs: usize, rounds: usize) -> Outcome<Value> {
    let (mut stepper, mut handles) = crowd(agents)?;
    let mut dice = Dice(88_172_645_463_325_252);
    for at in (1..handles.len()).rev() {
        handles.swap(at, dice.below(at as u32 + 1) as usize);
    }
    let (mut found, mut hot) = (Vec::new(), Vec::new());
    for leaving in handles
        .chunks_exact(pairs.min(handles.len() / rounds))
        .take(rounds)
    {
        let used = thread_cpu();
        for agent in leaving {
            stepper.free(*agent)?;
            black_box(stepper.spawn(7)?);
        }
        found.push(leaving.len() as f64 / (thread_cpu() - used).as_secs_f64());
        let used = thread_cpu();
        for _ in 0..pairs {
            let born = stepper.spawn(7)?;
            stepper.free(black_box(born))?;
        }
        hot.push(pairs as f64 / (thread_cpu() - used).as_secs_f64());
    }
    Ok(
        json!({ "random_of_4m_pairs_per_cpu_s": median(found), "one_after_another_pairs_per_cpu_s": median(hot) }),
    )
}

/// Rate and memory at one number of agents.
fn growth(agents: u64, count: usize) -> Outcome<Value> {
    let (before, available) = memory();
    if available < agents * 64 * 3 {
        return Ok(json!({ "agents": agents, "skipped": "not enough memory free" }));
    }
    let used = thread_cpu();
    let mut stepper = Stepper::<Probe>::new(0, &config(Restart::Transient));
    let first = stepper.spawn(0)?;
    for resource in 1..agents {
        stepper.spawn(resource)?;
    }
    let spawn = (thread_cpu() - used).as_secs_f64();
    let rss = memory().0.saturating_sub(before);
    let at = |slot: u32| Handle::from_bits(first.bits() + u64::from(slot)).unwrap_or(first);
    let mut dice = Dice(42);
    let mut batch = || {
        (0..BATCH)
            .map(|_| Event::inform(at(dice.below(agents as u32)), page::TOUCH, 1))
            .collect()
    };
    let made: Vec<Vec<Event>> = (0..count).map(|_| batch()).collect();
    let mut now = 0;
    let found = median(
        (0..5)
            .map(|_| stepped(&mut stepper, &made, &mut now).0)
            .collect(),
    );
    Ok(json!({
        "agents": stepper.live(), "bytes_per_agent": rss as f64 / agents as f64,
        "spawn_ns_per_agent": spawn * 1e9 / agents as f64,
        "random_events_per_cpu_s": found, "ns_per_event": 1e9 / found,
    }))
}

/// Waits until the shards have handled so many events in all.
async fn settled(population: &Population, events: u64) {
    while population.totals().counts().handled + population.totals().counts().panics < events {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Four million page agents in a supervised zone of two shards: memory, birth, events through the door, looking at them.
async fn zone_of_pages(agents: u64, count: usize) -> Outcome<Value> {
    let base = memory().0;
    let (wall, used) = (Instant::now(), cpu());
    let config = KindConfig {
        shards: 2,
        source: Source::Range(0..agents),
        ..KindConfig::of::<Page>()
    };
    let zone = Zone::builder("numa-0").kind::<Page>(config).build()?;
    let tree = Supervisor::start(zone.spec).await?;
    let population = zone.population;
    let spawn_cpu = (cpu() - used).as_secs_f64();
    let spawn_wall = wall.elapsed().as_secs_f64();
    let rss = memory().0;

    let half = population
        .find("page", agents / 2, SOON)
        .await?
        .ok_or("no agent in the second shard")?;
    let first = population
        .find("page", 0, SOON)
        .await?
        .ok_or("no agent in the first shard")?;
    let split = agents / 2;
    let at = move |number: u64| {
        if number < split {
            first.bits() + number
        } else {
            half.bits() + number - split
        }
    };
    let handle = move |number: u64| Handle::from_bits(at(number)).unwrap_or(first);

    let mut figures = serde_json::Map::new();
    let mut told = 0;
    for (name, random) in [("random", true), ("neighbours", false)] {
        let mut dice = Dice(7);
        let mut events = Vec::with_capacity(BATCH);
        let mut next = 0;
        let (wall, used) = (Instant::now(), cpu());
        for _ in 0..count {
            for _ in 0..BATCH {
                next = if random {
                    u64::from(dice.below(agents as u32))
                } else {
                    (next + 1) % agents
                };
                events.push(Event::inform(handle(next), page::TOUCH, 1));
            }
            while population.tell(&mut events).is_err() {
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
        }
        told += (count * BATCH) as u64;
        settled(&population, told).await;
        let events = (count * BATCH) as f64;
        let per_cpu = events / (cpu() - used).as_secs_f64();
        figures.insert(
            name.into(),
            json!({ "per_cpu_s": per_cpu, "per_wall_s": events / wall.elapsed().as_secs_f64() }),
        );
    }

    // Looking while the shards are busy: one task keeps telling, this one looks.
    let busy = population.clone();
    let stop = Arc::new(AtomicU64::new(0));
    let stopped = Arc::clone(&stop);
    let teller = tokio::task::spawn_blocking(move || {
        let mut dice = Dice(9);
        while stopped.load(Relaxed) == 0 {
            let mut events: Vec<Event> = (0..1024)
                .map(|_| {
                    Event::inform(handle(u64::from(dice.below(agents as u32))), page::TOUCH, 1)
                })
                .collect();
            let _ = busy.tell(&mut events);
            std::thread::sleep(Duration::from_micros(500));
        }
    });
    let mut totals_us = Vec::new();
    for _ in 0..101 {
        let asked = Instant::now();
        black_box(population.totals());
        totals_us.push(asked.elapsed().as_secs_f64() * 1e6);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let worst = totals_us.iter().copied().fold(0.0, f64::max);
    let mut surveys = Vec::new();
    for every in [64, 1] {
        let before = population.totals().counts().handled;
        let asked = Instant::now();
        let found = population
            .survey("page", SurveyRequest { top: 10, every }, SOON)
            .await?;
        let took = asked.elapsed().as_secs_f64() * 1e3;
        let meanwhile = population.totals().counts().handled - before;
        surveys.push(json!({ "every": every, "seen": found.seen, "ms": took, "events_handled_meanwhile": meanwhile }));
    }
    stop.store(1, Relaxed);
    teller.await?;
    let idle = cpu();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let idle = (cpu() - idle).as_secs_f64();
    let counts = population.totals().counts();
    tree.stop().await;
    figures.insert("agents".into(), json!(agents));
    figures.insert("rss_mb".into(), json!(rss as f64 / 1e6));
    figures.insert("rss_before_mb".into(), json!(base as f64 / 1e6));
    figures.insert("spawn_wall_s".into(), json!(spawn_wall));
    figures.insert("spawn_cpu_s".into(), json!(spawn_cpu));
    figures.insert(
        "totals_us".into(),
        json!({ "median": median(totals_us), "worst": worst }),
    );
    figures.insert("surveys".into(), json!(surveys));
    figures.insert("idle_cpu_share".into(), json!(idle));
    figures.insert("refused".into(), json!(counts.refused()));
    Ok(Value::Object(figures))
}

/// The rate through the population with one event in a hundred panicking, beside the rate with none, in turns.
async fn panics_through_the_door(agents: u64, count: usize, rounds: usize) -> Outcome<Value> {
    let config = KindConfig {
        source: Source::Range(0..agents),
        ..KindConfig::of::<Probe>()
    };
    let zone = Zone::builder("numa-0").kind::<Probe>(config).build()?;
    let tree = Supervisor::start(zone.spec).await?;
    let population = zone.population;
    let first = population.find("probe", 0, SOON).await?.ok_or("no agent")?;
    let mut dice = Dice(11);
    let mut events = Vec::with_capacity(BATCH);
    let mut found = [Vec::new(), Vec::new()];
    let mut told = 0;
    for round in 0..rounds * 2 {
        let used = cpu();
        for _ in 0..count {
            for number in 0..BATCH {
                let code = if round % 2 == 1 && number % 100 == 0 {
                    PANIC
                } else {
                    page::TOUCH
                };
                let bits = first.bits() + u64::from(dice.below(agents as u32));
                events.push(Event::inform(
                    Handle::from_bits(bits).unwrap_or(first),
                    code,
                    1,
                ));
            }
            while population.tell(&mut events).is_err() {
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
        }
        told += (count * BATCH) as u64;
        settled(&population, told).await;
        found[round % 2].push((count * BATCH) as f64 / (cpu() - used).as_secs_f64());
    }
    let totals = population.totals();
    tree.stop().await;
    let [none, some] = found.map(median);
    let counts = totals.counts();
    Ok(json!({
        "per_cpu_s": none, "with_1pct_panics_per_cpu_s": some, "ratio": some / none,
        "panics": counts.panics, "panics_expected": rounds * count * BATCH.div_ceil(100),
        "restarted": counts.restarted, "lost_agents": agents - totals.active(), "falls": counts.falls,
    }))
}

/// Time from telling to handling at a million events a second, told every quarter millisecond.
async fn latency(agents: u64, seconds: u64) -> Outcome<Value> {
    let config = KindConfig {
        source: Source::Range(0..agents),
        ..KindConfig::of::<Probe>()
    };
    let zone = Zone::builder("numa-0").kind::<Probe>(config).build()?;
    let tree = Supervisor::start(zone.spec).await?;
    let population = zone.population;
    let first = population.find("probe", 0, SOON).await?.ok_or("no agent")?;
    let told = tokio::task::spawn_blocking(move || {
        let mut dice = Dice(5);
        let mut events = Vec::with_capacity(4096);
        let mut told = 0_u64;
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(seconds) {
            let due = (started.elapsed().as_micros() as u64).min(told + 4096) - told;
            let now = tenth_us();
            for _ in 0..due {
                let to = Handle::from_bits(first.bits() + u64::from(dice.below(agents as u32)))
                    .unwrap_or(first);
                events.push(Event::inform(to, TIMED, now));
            }
            told += due;
            while population.tell(&mut events).is_err() {}
            std::thread::sleep(Duration::from_micros(250));
        }
        (told, population)
    });
    let (told, population) = told.await?;
    settled(&population, told).await;
    let waited = waited_for_a_core("micro-probe").as_secs_f64() / seconds as f64;
    tree.stop().await;
    let classes: Vec<u64> = LATENCIES.iter().map(|class| class.load(Relaxed)).collect();
    let all: u64 = classes.iter().sum();
    let percentile = |share: f64| {
        let mut seen = 0;
        let at = classes.iter().position(|count| {
            seen += count;
            seen as f64 >= share * all as f64
        });
        (at.unwrap_or(classes.len()) + 1) as f64 * 10.0
    };
    Ok(json!({
        "shard_waited_for_a_core_share": waited, "events": all, "events_per_s": told as f64 / seconds as f64,
        "p50_us": percentile(0.5), "p99_us": percentile(0.99), "p999_us": percentile(0.999),
    }))
}

/// What others take: a tokio task with a bounded channel, idle and told.
async fn tokio_tasks(tasks: u64) -> Outcome<Value> {
    let before = memory().0;
    let used = cpu();
    let mut senders = Vec::new();
    for _ in 0..tasks {
        let (sender, mut inbox) = tokio::sync::mpsc::channel::<u64>(4);
        tokio::spawn(async move {
            let mut sum = 0;
            while let Some(value) = inbox.recv().await {
                sum += black_box(value);
            }
            sum
        });
        senders.push(sender);
    }
    let spawn = (cpu() - used).as_secs_f64();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let rss = memory().0.saturating_sub(before);
    let used = cpu();
    let mut dice = Dice(3);
    let messages = 2_000_000;
    for _ in 0..messages {
        senders[dice.below(tasks as u32) as usize].send(1).await?;
    }
    let tokio_rate = f64::from(messages) / (cpu() - used).as_secs_f64();
    let tokio_row = json!({
        "agents": tasks, "bytes_per_agent": rss as f64 / tasks as f64, "spawn_per_cpu_s": tasks as f64 / spawn,
        "random_messages_per_cpu_s": tokio_rate,
    });
    Ok(tokio_row)
}

/// A ractor actor, idle and told.
async fn ractor_actors(actors: u64) -> Outcome<Value> {
    let before = memory().0;
    let mut dice = Dice(3);
    let used = cpu();
    let mut refs = Vec::new();
    for _ in 0..actors {
        refs.push(ractor::Actor::spawn(None, Sink, ()).await?.0);
    }
    let spawn = (cpu() - used).as_secs_f64();
    let rss = memory().0.saturating_sub(before);
    let used = cpu();
    let messages = 500_000;
    for number in 0..messages {
        refs[dice.below(actors as u32) as usize].send_message(1)?;
        if number % 1000 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let ractor_rate = f64::from(messages) / (cpu() - used).as_secs_f64();
    refs.iter().for_each(|actor| actor.stop(None));
    let ractor_row = json!({
        "agents": actors, "bytes_per_agent": rss as f64 / actors as f64, "spawn_per_cpu_s": actors as f64 / spawn,
        "random_messages_per_cpu_s": ractor_rate,
    });
    Ok(ractor_row)
}

struct Sink;

impl ractor::Actor for Sink {
    type Msg = u64;
    type State = u64;
    type Arguments = ();

    async fn pre_start(
        &self,
        _: ractor::ActorRef<u64>,
        _: (),
    ) -> Result<u64, ractor::ActorProcessingErr> {
        Ok(0)
    }

    async fn handle(
        &self,
        _: ractor::ActorRef<u64>,
        more: u64,
        sum: &mut u64,
    ) -> Result<(), ractor::ActorProcessingErr> {
        *sum += more;
        Ok(())
    }
}

fn bar(id: &str, what: &str, value: f64, at_most: bool, limit: f64, unit: &str) -> Value {
    let holds = if at_most {
        value <= limit
    } else {
        value >= limit
    };
    json!({ "id": id, "what": what, "value": value, "limit": limit, "unit": unit, "holds": holds })
}

/// One part, in a process of its own so that its memory is its own.
fn part(name: &str, scale: u64) -> Outcome<Value> {
    let agents = 4_000_000 / scale;
    let count = 400 / scale as usize;
    let rounds = 5;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    match name {
        "zone" => runtime.block_on(zone_of_pages(agents, count)),
        "delivery" => delivery(agents, count / 4, rounds),
        "churn" => churn(agents, 2_000_000 / scale as usize, rounds),
        "latency" => runtime.block_on(latency(1_000_000 / scale, 5)),
        "tokio" => runtime.block_on(tokio_tasks(200_000 / scale)),
        "ractor" => runtime.block_on(ractor_actors(20_000 / scale)),
        "panics" => runtime.block_on(panics_through_the_door(agents, count / 4, rounds)),
        millions => growth(millions.parse::<u64>()? * 1_000_000 / scale, count / 4),
    }
}

fn main() -> Outcome<()> {
    quiet_agent_panics();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let quick = arguments.iter().any(|argument| argument == "--quick");
    if let Some(at) = arguments.iter().position(|argument| argument == "--part") {
        let part = part(
            arguments.get(at + 1).map_or("", String::as_str),
            if quick { 10 } else { 1 },
        )?;
        writeln!(std::io::stdout(), "{part}")?;
        return Ok(());
    }
    let run = |part: &str| -> Outcome<Value> {
        let mut command = std::process::Command::new(std::env::current_exe()?);
        command
            .args(["--part", part])
            .args(quick.then_some("--quick"));
        Ok(serde_json::from_slice(&command.output()?.stdout)?)
    };
    let (zone, delivery, churn) = (run("zone")?, run("delivery")?, run("churn")?);
    let (latency, panics) = (run("latency")?, run("panics")?);
    let peers = json!({ "tokio_task_mpsc": run("tokio")?, "ractor": run("ractor")? });
    let growth = Value::Array(
        [1, 4, 16]
            .map(|millions| run(&millions.to_string()))
            .into_iter()
            .collect::<Outcome<_>>()?,
    );

    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let rate = |name: &str| number(&delivery[name]["per_cpu_s"]);
    let lost = number(&delivery["lost_agents"])
        + (number(&delivery["panics_expected"]) - number(&delivery["panics"])).abs();
    let largest = growth.as_array().and_then(|rows| {
        rows.iter()
            .rev()
            .find(|row| row["ns_per_event"].is_number())
            .cloned()
    });
    let largest = largest.unwrap_or_default();
    let growing = number(&largest["bytes_per_agent"]) / number(&growth[0]["bytes_per_agent"]);
    let bars = [
        bar(
            "1a",
            "resident memory of 4 M page agents, everything included",
            number(&zone["rss_mb"]),
            true,
            300.0,
            "MB",
        ),
        bar(
            "1b",
            "4 M page agents born (CPU time on 2 threads, halved)",
            number(&zone["spawn_cpu_s"]) / 2.0,
            true,
            2.0,
            "s",
        ),
        bar(
            "2a",
            "events handled over 4 M random agents, one core",
            rate("random") / 1e6,
            false,
            10.0,
            "M/s",
        ),
        bar(
            "2b",
            "the same through the population, per core, teller included",
            number(&zone["random"]["per_cpu_s"]) / 1e6,
            false,
            10.0,
            "M/s",
        ),
        bar(
            "2c",
            "events handled by neighbours in turn, one core",
            rate("neighbours") / 1e6,
            false,
            50.0,
            "M/s",
        ),
        bar(
            "3",
            "spawn + free, a random one of 4 M",
            number(&churn["random_of_4m_pairs_per_cpu_s"]) / 1e6,
            false,
            5.0,
            "M/s",
        ),
        bar(
            "4a",
            "rate with 1 % panicking over the rate with none, stepping alone",
            rate("random_1pct_panics") / rate("random"),
            false,
            0.5,
            "ratio",
        ),
        bar(
            "4c",
            "the same through the population",
            number(&panics["ratio"]),
            false,
            0.5,
            "ratio",
        ),
        bar(
            "4b",
            "agents lost, panics not counted",
            lost,
            true,
            0.0,
            "count",
        ),
        bar(
            "5",
            "p99 from told to handled at 1 M/s",
            number(&latency["p99_us"]) / 1e3,
            true,
            1.0,
            "ms",
        ),
        bar(
            "6",
            "bytes per agent at the largest size over those at the smallest",
            growing,
            true,
            1.1,
            "ratio",
        ),
        bar(
            "7",
            "totals of 4 M agents, worst of 101, shards busy",
            number(&zone["totals_us"]["worst"]) / 1e3,
            true,
            10.0,
            "ms",
        ),
    ];
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let machine = json!({
        "os": std::env::consts::OS, "arch": std::env::consts::ARCH,
        "cores": std::thread::available_parallelism().map(usize::from).unwrap_or(0), "load_average": load.trim(),
    });
    let report = json!({
        "name": "micro", "machine": machine,
        "figures": { "zone": zone, "delivery": delivery, "churn": churn, "latency": latency, "panics_through_the_door": panics, "growth": growth, "peers": peers },
        "bars": bars,
        "skipped": ["actix", "kameo", "BEAM: install erlang and run the bench of the product"],
    });
    writeln!(std::io::stdout(), "{report:#}")?;
    Ok(())
}
