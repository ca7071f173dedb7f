//! Two real processes on one memory, one of them killed in the middle.
//!
//! The test binary starts itself again with a role in the environment; signed grants go over its standard input and
//! output, as they would by the control bus.
#![cfg(feature = "shared-memory")]
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use aios_bus::tensor::{PoolShape, RANDOM_BYTES, Ring, shared_memory};
use aios_protocols::ports::{
    FrameNote, StreamReader, StreamWriter, TensorBus, TensorBusError, Wait,
};
use aios_protocols::tensor::{ContentType, Flags, FrameKind, PartyHash, StreamGrant, TensorGrant};
use aios_protocols::{
    Draft, KeyRegistry, Party, Sealed, Sealer, SigningIdentity, TenantId, Timestamp, Trusted,
    Verifier,
};

const PARENT: &str = "meso.state.001@parent";
const CHILD: &str = "meso.state.001@child";
const SOON: Duration = Duration::from_secs(60);
const CHUNKS: u64 = 100_000;

// Who the two are to each other.

fn party(name: &str) -> Party {
    name.parse().unwrap()
}

fn now() -> Timestamp {
    Timestamp::since_epoch(Duration::from_secs(1_795_420_800))
}

fn identity(name: &str) -> SigningIdentity {
    SigningIdentity::from_seed(party(name), [name.len() as u8; 32])
}

/// Signs as one of the two and opens what the other signed.
struct Desk {
    me: Party,
    sealer: Sealer,
    verifier: Verifier,
    keys: KeyRegistry,
    sent: u8,
}

impl Desk {
    fn of(name: &str) -> Self {
        let earlier = now() - Duration::from_secs(60);
        let keys = KeyRegistry::new();
        for name in [PARENT, CHILD] {
            keys.register(&identity(name).claim(1), earlier).unwrap();
        }
        let tenant = TenantId::new("default").unwrap();
        // Each process is an incarnation of its own.
        let epoch = u64::from(std::process::id());
        Self {
            me: party(name),
            sealer: Sealer::new(Arc::new(identity(name)), tenant, epoch),
            verifier: Verifier::new(earlier),
            keys,
            sent: 0,
        }
    }

    fn sign(&mut self, draft: Draft) -> String {
        self.sent = self.sent.wrapping_add(1);
        let (_, sealed) = self.sealer.seal(draft, now(), [self.sent; 10]).unwrap();
        sealed
            .as_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    fn open(&mut self, line: &str) -> Trusted {
        let bytes: Vec<u8> = (0..line.len() / 2)
            .map(|at| u8::from_str_radix(&line[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        let sealed = Sealed::from_bytes(bytes);
        self.verifier
            .open(&sealed, &self.keys, &self.me, now())
            .unwrap()
    }
}

/// Bytes that depend on a number.
fn content(number: u64) -> Vec<u8> {
    let length = number.wrapping_mul(2_654_435_761) % 193;
    (0..length)
        .map(|at| (number + at * 7).wrapping_mul(31) as u8)
        .collect()
}

fn note(sequence: u64, length: usize, from: &str, to: &str) -> FrameNote {
    FrameNote {
        kind: FrameKind::Tensor,
        content_type: ContentType::Raw,
        shape: vec![length as u64],
        flags: Flags::NONE,
        conversation: [0; 16],
        sequence,
        timestamp_ns: 0,
        sender: PartyHash::of(&party(from)),
        receiver: PartyHash::of(&party(to)),
    }
}

fn random() -> [u8; RANDOM_BYTES] {
    let mut random = [0; RANDOM_BYTES];
    getrandom::fill(&mut random).unwrap();
    random
}

/// The other process.
struct Other {
    child: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Other {
    fn start(role: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_other_process", "--nocapture"])
            .env("AIOS_TEST_ROLE", role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            input: child.stdin.take().unwrap(),
            lines: BufReader::new(child.stdout.take().unwrap()).lines(),
            child,
        }
    }

    fn tell(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    /// Its next line; the test harness's own are not for us.
    fn hear(&mut self) -> String {
        loop {
            let line = self.lines.next().expect("the other process ended").unwrap();
            if let Some(line) = line.split_once('@').filter(|(before, _)| {
                before.is_empty() || before.starts_with("test the_other_process")
            }) {
                return line.1.to_owned();
            }
        }
    }

    fn kill(mut self) {
        self.child.kill().unwrap(); // SIGKILL
        self.child.wait().unwrap();
    }

    fn finish(mut self) {
        drop(self.input);
        assert!(self.child.wait().unwrap().success());
    }
}

fn say(line: &str) {
    println!("@{line}");
    std::io::stdout().flush().unwrap();
}

fn listen() -> String {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

/// What the other process does; nothing when the tests are run as usual.
#[test]
fn the_other_process() {
    let Ok(role) = std::env::var("AIOS_TEST_ROLE") else {
        return;
    };
    let mut desk = Desk::of(CHILD);
    let first = listen();
    match role.as_str() {
        "write" => write_stream(&join(&mut desk, &first), CHUNKS),
        "read" => read_stream(&join(&mut desk, &first)),
        "publish" => publish_frames(&mut desk, &first),
        "hold" => hold_frames(&mut desk, &first),
        other => panic!("no role {other}"),
    }
}

fn join(desk: &mut Desk, line: &str) -> Ring {
    let grant = StreamGrant::open(&desk.open(line), &desk.me).unwrap();
    shared_memory::join_ring(&grant).unwrap()
}

fn write_stream(ring: &Ring, until: u64) {
    let mut writer = ring.writer().unwrap();
    loop {
        writer.wait(Wait::Block, SOON).unwrap();
        // The number is the ring's; after a takeover it goes on where the dead one was.
        let next = writer.next_number();
        if next == until {
            return;
        }
        assert_eq!(writer.write(&content(next), next), Ok(next));
    }
}

fn read_stream(ring: &Ring) {
    let mut reader = ring.reader().unwrap();
    let mut read = Vec::new();
    let mut count = 0_u64;
    loop {
        reader.wait(Wait::Block, SOON).unwrap();
        let header = reader.read(&mut read).unwrap().unwrap();
        assert_eq!(read, content(header.sequence));
        reader.release();
        count += 1;
        if count == 1 {
            say(&format!("first {}", header.sequence));
        }
        if header.sequence == CHUNKS - 1 {
            say(&format!("count {count}"));
            return;
        }
    }
}

/// Publishes frames and grants them until it is told to stop; one slot stays open all the time.
fn publish_frames(desk: &mut Desk, first: &str) {
    let grant = TensorGrant::open(&desk.open(first), &desk.me).unwrap();
    let pool = shared_memory::join_pool(&grant.pool, [0xC4; 32]).unwrap();
    let open = pool.allocate(8).unwrap();
    for number in 0.. {
        let bytes = content(number);
        let mut slot = loop {
            match pool.allocate(bytes.len()) {
                Ok(slot) => break slot,
                Err(TensorBusError::Exhausted { .. }) => std::thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
        };
        slot.write(&bytes).unwrap();
        let grant = slot
            .publish(&note(number, bytes.len(), CHILD, PARENT))
            .unwrap();
        say(&desk.sign(grant.draft(&party(PARENT)).unwrap()));
    }
    drop(open);
}

/// Reads what it is granted and never releases it.
fn hold_frames(desk: &mut Desk, first: &str) {
    let mut line = first.to_owned();
    loop {
        let grant = TensorGrant::open(&desk.open(&line), &desk.me).unwrap();
        // Each frame by an end of its own, all of which die with the process.
        let pool = Box::leak(Box::new(
            shared_memory::join_pool(&grant.pool, [0xC5; 32]).unwrap(),
        ));
        let mut read = Vec::new();
        let header = pool.read(&grant, &mut read).unwrap();
        assert_eq!(read, content(header.sequence));
        say("held");
        line = listen();
    }
}

const SHAPE: PoolShape = PoolShape {
    slots: 64,
    slot_bytes: 192,
};

fn ring_to(from: &str, to: &str) -> Ring {
    let hash = |name| PartyHash::of(&party(name));
    shared_memory::create_ring(SHAPE, &random(), hash(from), hash(to)).unwrap()
}

fn granted(desk: &mut Desk, ring: &Ring) -> String {
    desk.sign(ring.grant().draft(&party(CHILD)).unwrap())
}

#[test]
fn a_reader_outlives_its_writer_and_hears_the_next_one_without_a_gap() {
    let mut desk = Desk::of(PARENT);
    let ring = ring_to(CHILD, PARENT);
    let mut reader = ring.reader().unwrap();
    let mut other = Some(Other::start("write"));
    let grant = granted(&mut desk, &ring);
    other.as_mut().unwrap().tell(&grant);
    let mut read = Vec::new();
    let mut next = 0;
    let mut deaths = 0;
    while next < CHUNKS {
        match reader.wait(Wait::Block, SOON) {
            Ok(()) => {}
            Err(TensorBusError::PeerGone) => {
                deaths += 1;
                let mut heir = Other::start("write");
                let grant = granted(&mut desk, &ring);
                heir.tell(&grant);
                other = Some(heir);
                // Until it has taken the dead one's seat there is nobody to wait for.
                while reader.wait(Wait::Block, SOON) == Err(TensorBusError::PeerGone) {}
                continue;
            }
            Err(error) => panic!("{error}"),
        }
        let header = reader.read(&mut read).unwrap().unwrap();
        assert_eq!(header.sequence, next, "no gap and no repetition");
        assert_eq!(read, content(next));
        reader.release();
        next += 1;
        if next == 30_000 || next == 60_000 {
            other.take().unwrap().kill();
        }
    }
    other.unwrap().finish();
    assert_eq!((deaths, reader.refused()), (2, 0));
}

#[test]
fn a_writer_outlives_its_reader_and_the_next_one_goes_on_at_what_was_not_released() {
    let mut desk = Desk::of(PARENT);
    let ring = ring_to(PARENT, CHILD);
    let mut writer = ring.writer().unwrap();
    let mut other = Some(Other::start("read"));
    let grant = granted(&mut desk, &ring);
    other.as_mut().unwrap().tell(&grant);
    assert_eq!(
        {
            writer.write(&content(0), 0).unwrap();
            other.as_mut().unwrap().hear()
        },
        "first 0"
    );
    let mut killed_at = None;
    for number in 1..CHUNKS {
        loop {
            match writer.wait(Wait::Block, SOON) {
                Ok(()) => break,
                Err(TensorBusError::PeerGone) if killed_at.is_some() && other.is_none() => {
                    let mut heir = Other::start("read");
                    let grant = granted(&mut desk, &ring);
                    heir.tell(&grant);
                    let first: u64 = heir.hear().strip_prefix("first ").unwrap().parse().unwrap();
                    // It was killed with up to a ring of chunks unread, all of which are still there.
                    assert!(number - first <= 64, "first {first} of {number}");
                    killed_at = Some(first);
                    other = Some(heir);
                }
                Err(error) => panic!("{error}"),
            }
        }
        writer.write(&content(number), 0).unwrap();
        if number == 40_000 {
            other.take().unwrap().kill();
            killed_at = Some(0);
        }
    }
    let mut other = other.unwrap();
    let count: u64 = other
        .hear()
        .strip_prefix("count ")
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(killed_at.unwrap() + count, CHUNKS, "each chunk once");
    other.finish();
}

#[test]
fn the_slots_of_a_killed_producer_and_a_killed_consumer_are_free_again() {
    let mut desk = Desk::of(PARENT);
    let pool = shared_memory::create_pool(SHAPE, &random()).unwrap();
    let publish = |number| {
        let bytes = content(number);
        let mut slot = pool.allocate(bytes.len()).unwrap();
        slot.write(&bytes).unwrap();
        slot.publish(&note(number, bytes.len(), PARENT, CHILD))
            .unwrap()
    };
    // The producer: reads of two thousand frames, then it dies with a slot open and the pool full of unread frames.
    let mut producer = Other::start("publish");
    let invitation = publish(0);
    let line = desk.sign(invitation.draft(&party(CHILD)).unwrap());
    producer.tell(&line);
    let mut read = Vec::new();
    for number in 0..2_000 {
        let line = producer.hear();
        let grant = TensorGrant::open(&desk.open(&line), &desk.me).unwrap();
        pool.wait(&grant, Wait::Block, SOON).unwrap();
        let header = pool.read(&grant, &mut read).unwrap();
        assert_eq!((header.sequence, &read), (number, &content(number)));
        pool.release(&grant).unwrap();
    }
    let line = producer.hear();
    let unread = TensorGrant::open(&desk.open(&line), &desk.me).unwrap();
    producer.kill();
    let before = pool.view().in_use;
    assert!(before > 2, "{before} in use");
    let freed = pool.reclaim().unwrap();
    assert_eq!(freed, before - 1, "all but the invitation");
    assert_eq!(pool.read(&unread, &mut read), Err(TensorBusError::Stale));
    pool.release(&invitation).unwrap();
    assert_eq!(pool.view().in_use, 0);
    // The consumer: dies with every slot in its hands; allocating takes them back by itself.
    let mut consumer = Other::start("hold");
    for number in 0..32 {
        let line = desk.sign(publish(number).draft(&party(CHILD)).unwrap());
        consumer.tell(&line);
        assert_eq!(consumer.hear(), "held");
    }
    for number in 32..64 {
        publish(number);
    }
    assert_eq!(
        pool.allocate(1).err(),
        Some(TensorBusError::Exhausted {
            asked: 65,
            allowed: 64
        })
    );
    consumer.kill();
    let again = publish(64);
    assert_eq!(pool.view().in_use, 33);
    pool.release(&again).unwrap();
}
