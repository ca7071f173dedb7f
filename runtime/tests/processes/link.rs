//! Two zones in two processes, tied by a link in each direction.
//!
//! The test binary starts itself again as the other process. Grants are signed messages that go over its standard input, as
//! they would by the control bus.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use aios_bus::tensor::{PoolShape, RANDOM_BYTES, Ring, shared_memory};
use aios_micro::kinds::{Page, page};
use aios_micro::{Act, EVENT_BYTES, Event, Handle, KindConfig, Population, Source, Zone};
use aios_protocols::ports::{StreamWriter, TensorBusError, Wait};
use aios_protocols::tensor::{PartyHash, StreamGrant};
use aios_protocols::{
    KeyRegistry, Party, Sealed, Sealer, SigningIdentity, TenantId, Timestamp, Verifier,
};
use aios_runtime::swarm::link::{LinkIn, LinkOut};
use aios_supervisor::{Supervisor, SupervisorRef};

const HERE: &str = "meso.monitor.001@here";
const THERE: &str = "meso.monitor.001@there";
const SOON: Duration = Duration::from_secs(60);
const PAGES: u64 = 100;
const THITHER: u64 = 50_000;
const HITHER: u64 = 1_000;
const SHAPE: PoolShape = PoolShape {
    slots: 16,
    slot_bytes: 128 * EVENT_BYTES as u32,
};

fn party(name: &str) -> Party {
    name.parse().unwrap()
}

fn identity(name: &str) -> SigningIdentity {
    SigningIdentity::from_seed(party(name), [name.len() as u8; 32])
}

fn now() -> Timestamp {
    Timestamp::since_epoch(Duration::from_secs(1_795_420_800))
}

async fn zone(name: &str) -> (Population, Vec<Handle>, SupervisorRef) {
    let pages = KindConfig {
        source: Source::Range(0..PAGES),
        inbox: 512,
        open_to_links: true,
        ..KindConfig::of::<Page>()
    };
    let zone = Zone::builder(name).kind::<Page>(pages).build().unwrap();
    let tree = Supervisor::start(zone.spec).await.unwrap();
    let mut agents = Vec::new();
    for resource in 0..PAGES {
        let found = zone.population.find("page", resource, SOON).await.unwrap();
        agents.push(found.unwrap());
    }
    (zone.population, agents, tree)
}

/// Touches the agents in turn, waiting whenever the ring is full.
fn send(link: &mut LinkOut, agents: &[Handle], count: u64) {
    let touch = |at: u64| {
        let act = [Act::Inform, Act::QueryIf][(at % 2) as usize];
        Event::new(agents[(at % PAGES) as usize], act, page::TOUCH, 0, 0)
    };
    let mut events: Vec<Event> = (0..count).map(touch).collect();
    while let Err(error) = link.send(&mut events, 0) {
        assert!(matches!(error, TensorBusError::Full { .. }), "{error}");
        link.wait(Wait::Block, SOON).unwrap();
    }
    assert_eq!(link.sent(), count);
}

/// Receives on a thread of its own until so many events were handled.
fn receive(ring: &Ring, zone: &Population, count: u64) -> LinkIn {
    let stop = AtomicBool::new(false);
    let mut link = LinkIn::new(ring.reader().unwrap(), zone.clone());
    std::thread::scope(|scope| {
        let stop = &stop;
        let serving = scope.spawn(move || {
            link.serve(stop).unwrap();
            link
        });
        let begin = Instant::now();
        while zone.totals().counts().handled < count && begin.elapsed() < SOON {
            std::thread::sleep(Duration::from_millis(1));
        }
        stop.store(true, Relaxed);
        let link = serving.join().unwrap();
        let handled = zone.totals().counts().handled;
        assert_eq!(handled, count, "{:?} {:?}", link.counts(), zone.totals());
        link
    })
}

fn numbers(agents: &[Handle]) -> String {
    let numbers: Vec<String> = agents
        .iter()
        .map(|agent| agent.bits().to_string())
        .collect();
    numbers.join(" ")
}

fn handles(line: &str) -> Vec<Handle> {
    line.split(' ')
        .map(|bits| Handle::from_bits(bits.parse().unwrap()).unwrap())
        .collect()
}

#[test]
fn the_other_process() {
    if std::env::var_os("AIOS_TEST_ROLE").is_none() {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (zone, agents, tree) = runtime.block_on(zone("there"));
    let earlier = now() - Duration::from_secs(60);
    let keys = KeyRegistry::new();
    keys.register(&identity(HERE).claim(1), earlier).unwrap();
    let mut verifier = Verifier::new(earlier);
    let mut lines = std::io::stdin().lock().lines();
    let mut granted = || {
        let line = lines.next().unwrap().unwrap();
        let bytes: Vec<u8> = (0..line.len() / 2)
            .map(|at| u8::from_str_radix(&line[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        let me = party(THERE);
        let trusted = verifier
            .open(&Sealed::from_bytes(bytes), &keys, &me, now())
            .unwrap();
        let grant = StreamGrant::open(&trusted, &me).unwrap();
        shared_memory::join_ring(&grant).unwrap()
    };
    let (thither, hither) = (granted(), granted());
    println!("@{}", numbers(&agents));
    let link = receive(&thither, &zone, THITHER);
    let theirs = handles(&lines.next().unwrap().unwrap());
    let mut back = LinkOut::new(hither.writer().unwrap(), SHAPE.slot_bytes).unwrap();
    send(&mut back, &theirs, HITHER);
    println!("@{}", serde_json::to_string(&link.counts()).unwrap());
    // Keeps its end of the ring until everything was heard.
    lines.next();
    runtime.block_on(tree.stop());
}

#[test]
fn zones_of_two_processes_hear_each_other_and_nothing_that_may_not_be_said() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (zone, agents, tree) = runtime.block_on(zone("here"));
    let tenant = TenantId::new("default").unwrap();
    let mut sealer = Sealer::new(Arc::new(identity(HERE)), tenant, 1);
    let mut other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "link::the_other_process", "--nocapture"])
        .env("AIOS_TEST_ROLE", "there")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = other.stdin.take().unwrap();
    let mut lines = BufReader::new(other.stdout.take().unwrap()).lines();
    let mut hear = || loop {
        let line = lines.next().expect("the other process ended").unwrap();
        if let Some((_, line)) = line.split_once('@') {
            return line.to_owned();
        }
    };
    let mut ring = |from: &str, to: &str, number: u8| {
        let mut random = [0; RANDOM_BYTES];
        getrandom::fill(&mut random).unwrap();
        let hash = |name| PartyHash::of(&party(name));
        let ring = shared_memory::create_ring(SHAPE, &random, hash(from), hash(to)).unwrap();
        let draft = ring.grant().draft(&party(THERE)).unwrap();
        let (_, sealed) = sealer.seal(draft, now(), [number; 10]).unwrap();
        let hex: String = sealed
            .as_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        writeln!(input, "{hex}").unwrap();
        ring
    };
    let (thither, hither) = (ring(HERE, THERE, 1), ring(THERE, HERE, 2));
    let theirs = handles(&hear());
    // First what an honest link would never send.
    let mut raw = thither.writer().unwrap();
    let event = |act| Event::new(theirs[0], act, page::TOUCH, 0, 0).to_bytes();
    let mut nonsense = event(Act::Inform);
    nonsense[23] = 0xFF;
    let stranger = Handle::from_bits(1 << 32 | 0x77 << 24).unwrap();
    let wrong: [&[u8]; 4] = [
        &event(Act::Request),
        &nonsense,
        &[0; 25],
        &Event::inform(stranger, page::TOUCH, 0).to_bytes(),
    ];
    for chunk in wrong {
        raw.write(chunk, 0).unwrap();
    }
    let mut link = LinkOut::new(raw, SHAPE.slot_bytes).unwrap();
    send(&mut link, &theirs, THITHER);
    writeln!(input, "{}", numbers(&agents)).unwrap();
    let counts = receive(&hither, &zone, HITHER).counts();
    assert_eq!((counts.told, counts.refused()), (HITHER, 0));
    let there: serde_json::Value = serde_json::from_str(&hear()).unwrap();
    let expected = [
        ("told", THITHER),
        ("forbidden", 1),
        ("malformed", 2),
        ("foreign", 1),
        ("given_up", 0),
        ("refused_chunks", 0),
    ];
    for (what, count) in expected {
        assert_eq!(there[what], count, "{what} of {there}");
    }
    writeln!(input, "done").unwrap();
    assert!(other.wait().unwrap().success());
    runtime.block_on(tree.stop());
}
