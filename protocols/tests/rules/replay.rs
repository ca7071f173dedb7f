//! No message twice, whoever restarts, is forgotten or begins an epoch, in whatever order.
//!
//! The windows are compared with a model that remembers everything, over every sequence of events up to a depth, and
//! over long random ones.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::world::*;
use aios_protocols::*;
use proptest::prelude::*;

const TICK: Duration = Duration::from_micros(1);
/// How far a sender's clock may be ahead, in ticks; real verifiers have 30 s.
const SKEW: u32 = 1;
const CAPACITY: usize = 1;

/// A frame's place in its sender's stream. Frames are captured for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Frame {
    sender: usize,
    epoch: u64,
    sequence: u64,
    sent: Timestamp,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    /// A sender signs its next frame, this many numbers on.
    Send { sender: usize, gap: u64 },
    /// A captured frame arrives, for the first time or again.
    Deliver(usize),
    /// The receiver loses its windows and cannot tell what they held.
    Lose,
    /// The receiver is replaced by one who knows where it ended.
    Respawn,
    /// A sender loses its numbers.
    NewEpoch { sender: usize },
    /// Time passes.
    Tick,
}

/// A sender as it should be: its epoch grows, its numbers grow within it.
#[derive(Clone, Debug)]
struct Sender {
    epoch: u64,
    sequence: u64,
    /// Ticks its clock is ahead.
    ahead: u32,
}

#[derive(Clone, Debug)]
struct Scene {
    now: Timestamp,
    senders: Vec<Sender>,
    frames: Vec<Frame>,
    windows: ReplayWindows,
    model: Model,
    /// Everything ever accepted, which no receiver can know.
    accepted: HashSet<Frame>,
}

/// What a receiver may know, as plainly as it can be said.
#[derive(Clone, Debug)]
struct Model {
    floor: Timestamp,
    streams: BTreeMap<usize, Stream>,
}

#[derive(Clone, Debug)]
struct Stream {
    floor: Timestamp,
    epoch: u64,
    seen: HashSet<u64>,
    newest: Timestamp,
}

impl Model {
    fn new(floor: Timestamp) -> Self {
        Self {
            floor,
            streams: BTreeMap::new(),
        }
    }

    fn accepts(&mut self, frame: Frame) -> bool {
        let fresh = Stream {
            floor: self.floor,
            epoch: frame.epoch,
            seen: HashSet::new(),
            newest: Timestamp::ZERO,
        };
        let known = self.streams.get(&frame.sender);
        let mut stream = known.cloned().unwrap_or(fresh);
        if frame.sent < stream.floor || frame.epoch < stream.epoch {
            return false;
        }
        if frame.epoch > stream.epoch {
            stream.epoch = frame.epoch;
            stream.seen.clear();
        }
        let highest = stream.seen.iter().copied().max().unwrap_or(0);
        if frame.sequence == 0
            || frame.sequence + ReplayWindow::SIZE <= highest
            || !stream.seen.insert(frame.sequence)
        {
            return false;
        }
        stream.newest = stream.newest.max(frame.sent);
        if known.is_none() && self.streams.len() >= CAPACITY {
            let oldest = self.streams.iter().min_by_key(|(_, other)| other.newest);
            let oldest = oldest
                .map(|(sender, other)| (*sender, other.newest))
                .unwrap();
            self.streams.remove(&oldest.0);
            self.floor = self.floor.max(oldest.1 + TICK);
        }
        self.streams.insert(frame.sender, stream);
        true
    }

    fn successor_floor(&self) -> Timestamp {
        let newest = self.streams.values().map(|stream| stream.newest + TICK);
        newest.max().unwrap_or(self.floor).max(self.floor)
    }
}

fn name(sender: usize) -> Party {
    party([PLANNER, CRITIC, INTERFACE][sender])
}

impl Scene {
    fn new(ahead: &[u32]) -> Self {
        let sender = |ahead: &u32| Sender {
            epoch: 1,
            sequence: 0,
            ahead: *ahead,
        };
        Self {
            now: morning(),
            senders: ahead.iter().map(sender).collect(),
            frames: Vec::new(),
            windows: ReplayWindows::new(CAPACITY, morning()),
            model: Model::new(morning()),
            accepted: HashSet::new(),
        }
    }

    fn sign(&mut self, sender: usize, gap: u64) -> usize {
        let it = &mut self.senders[sender];
        it.sequence += gap;
        self.frames.push(Frame {
            sender,
            epoch: it.epoch,
            sequence: it.sequence,
            sent: self.now + TICK * it.ahead,
        });
        self.frames.len() - 1
    }

    /// Windows and model judge alike, and neither accepts what was accepted before.
    fn deliver(&mut self, at: usize) -> bool {
        let frame = self.frames[at];
        if frame.sent > self.now + TICK * SKEW {
            return false;
        }
        let before = format!("{:?}", self.windows);
        let sender = name(frame.sender);
        let (epoch, sequence, sent) = (frame.epoch, frame.sequence, frame.sent);
        let foretold = self.windows.check(&sender, epoch, sequence, sent);
        let verdict = self.windows.accept(&sender, epoch, sequence, sent);
        assert_eq!(foretold, verdict, "{frame:?} from {before}");
        assert_eq!(
            verdict.is_ok(),
            self.model.accepts(frame),
            "{frame:?}: {verdict:?} from {before}"
        );
        if verdict.is_ok() {
            assert!(self.accepted.insert(frame), "{frame:?} was accepted twice");
        } else {
            assert_eq!(
                before,
                format!("{:?}", self.windows),
                "a refusal changes nothing"
            );
        }
        verdict.is_ok()
    }

    fn play(&mut self, event: Event) {
        match event {
            Event::Send { sender, gap } => {
                self.sign(sender, gap);
            }
            Event::Deliver(at) => {
                self.deliver(at);
            }
            Event::Lose => {
                let floor = self.now + TICK * (SKEW + 1);
                self.windows = ReplayWindows::new(CAPACITY, floor);
                self.model = Model::new(floor);
            }
            Event::Respawn => {
                assert_eq!(self.windows.successor_floor(), self.model.successor_floor());
                self.windows = ReplayWindows::new(CAPACITY, self.windows.successor_floor());
                self.model = Model::new(self.model.successor_floor());
            }
            Event::NewEpoch { sender } => {
                self.senders[sender].epoch += 1;
                self.senders[sender].sequence = 0;
            }
            Event::Tick => self.now = self.now + TICK,
        }
        assert!(self.windows.len() <= CAPACITY);
    }

    /// Once the clocks' difference has passed, each sender's next frame is accepted: nobody is shut out for ever.
    fn everybody_is_heard_again(&self) {
        for sender in 0..self.senders.len() {
            let mut scene = self.clone();
            scene.now = scene.now + TICK * (SKEW + 2);
            let next = scene.sign(sender, 1);
            scene.now = scene.now + TICK * SKEW;
            assert!(
                scene.deliver(next),
                "{:?} is refused in {self:?}",
                scene.frames[next]
            );
        }
    }

    /// What can happen now. Sequences that differ only in the order of two signings without a delivery between are tried
    /// too; they are few.
    fn events(&self, may: &[Event]) -> Vec<Event> {
        let mut events = may.to_vec();
        events.extend((0..self.frames.len()).map(Event::Deliver));
        events
    }
}

/// Every sequence of events of this length; returns how many scenes were seen.
fn explore(scene: &Scene, may: &[Event], depth: usize, seen: &mut HashSet<String>) {
    scene.everybody_is_heard_again();
    if depth == 0 {
        return;
    }
    // The same scene again leads to nothing new within fewer steps.
    if !seen.insert(format!("{depth} {scene:?}")) {
        return;
    }
    for event in scene.events(may) {
        let mut next = scene.clone();
        next.play(event);
        explore(&next, may, depth - 1, seen);
    }
}

/// The attacks of one sender: captured frames of any epoch, in any order, before and after either side restarts, by
/// losing all or by handing over, with a clock that is right and one that is ahead.
#[test]
fn no_frame_twice_in_any_order_of_restarts_and_epochs() {
    for ahead in [0, SKEW] {
        let may = [
            Event::Send { sender: 0, gap: 1 },
            Event::Lose,
            Event::Respawn,
            Event::NewEpoch { sender: 0 },
            Event::Tick,
        ];
        explore(&Scene::new(&[ahead]), &may, 6, &mut HashSet::new());
    }
}

/// The same with a second sender, for whom the first is forgotten: there is one place.
#[test]
fn no_frame_twice_in_any_order_of_forgetting() {
    for ahead in [[0, 0], [SKEW, 0], [0, SKEW]] {
        let may = [
            Event::Send { sender: 0, gap: 1 },
            Event::Send { sender: 1, gap: 1 },
            Event::Lose,
            Event::NewEpoch { sender: 0 },
            Event::Tick,
        ];
        explore(&Scene::new(&ahead), &may, 5, &mut HashSet::new());
    }
}

/// The same at the edges of the window: numbers may be left out, a window's length at a time.
#[test]
fn no_frame_twice_across_the_edges_of_the_window() {
    let size = ReplayWindow::SIZE;
    let may = [1, size - 1, size, size + 1].map(|gap| Event::Send { sender: 0, gap });
    explore(&Scene::new(&[0]), &may, 5, &mut HashSet::new());
}

fn any_event() -> impl Strategy<Value = (u8, usize, u64, usize)> {
    (0..20_u8, 0..3_usize, 1..2_500_u64, any::<usize>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_frame_twice_in_long_runs(
        ahead in [0..=SKEW, 0..=SKEW, 0..=SKEW],
        events in proptest::collection::vec(any_event(), 1..300),
    ) {
        let mut scene = Scene::new(&ahead);
        for (kind, sender, gap, which) in events {
            let event = match kind {
                0 => Event::Lose,
                1 => Event::Respawn,
                2 => Event::NewEpoch { sender },
                3..=5 => Event::Tick,
                6 => Event::Send { sender, gap },
                7..=10 => Event::Send { sender, gap: 1 },
                _ if scene.frames.is_empty() => Event::Tick,
                _ => Event::Deliver(which % scene.frames.len()),
            };
            scene.play(event);
        }
        scene.everybody_is_heard_again();
    }
}

/// The planner's requests number 1 to `last`, signed one a microsecond.
fn captured(last: u64) -> Vec<Authentic> {
    let world = World::new();
    let mut planner = sealer(PLANNER);
    (1..=last)
        .map(|n| {
            let at = morning() + Duration::from_micros(n);
            let draft = Draft::request(party(EXECUTOR), "hello");
            let (_, sealed) = planner.seal(draft, at, [5; 10]).unwrap();
            authenticate(&sealed, &world.keys, &Limits::default(), at).unwrap()
        })
        .collect()
}

/// The attack as it was made: a thousand taken, a restart, one new message, and all of them again.
#[test]
fn a_new_message_does_not_reopen_the_door_for_the_old_ones() {
    let me = party(EXECUTOR);
    let mut frames = captured(21);
    let new = frames.pop().unwrap();
    let now = morning() + Duration::from_millis(1);
    let admitted = |verifier: &mut Verifier, frames: &[Authentic]| {
        let frames = frames.iter().cloned();
        frames
            .filter(|frame| verifier.admit(frame.clone(), &me, now).is_ok())
            .count()
    };
    let mut verifier = verifier();
    assert_eq!(admitted(&mut verifier, &frames), 20);
    let restarted = [
        Verifier::new(new.envelope.timestamp),
        Verifier::new(verifier.successor_begin()),
    ];
    for mut restarted in restarted {
        assert_eq!(admitted(&mut restarted, &frames), 0);
        assert_eq!(admitted(&mut restarted, std::slice::from_ref(&new)), 1);
        assert_eq!(admitted(&mut restarted, &frames), 0);
    }
    // One that knows nothing of its predecessor waits until the clocks' difference has passed.
    let mut lost = Verifier::restarted(now);
    assert_eq!(admitted(&mut lost, &frames), 0);
    assert_eq!(admitted(&mut lost, std::slice::from_ref(&new)), 0);
}

#[test]
fn a_restarted_receiver_refuses_what_a_clock_that_is_ahead_had_signed() {
    let world = World::new();
    let now = morning();
    let ahead = now + Timestamp::CLOCK_SKEW;
    let draft = || Draft::request(party(EXECUTOR), "hello");
    let (_, early) = sealer(PLANNER).seal(draft(), ahead, [5; 10]).unwrap();
    let me = party(EXECUTOR);
    assert!(verifier().open(&early, &world.keys, &me, now).is_ok());
    let mut restarted = Verifier::restarted(now);
    for at in [now, ahead, ahead + Duration::from_secs(5)] {
        let refusal = restarted.open(&early, &world.keys, &me, at).unwrap_err();
        assert_eq!(refusal.label(), "replayed");
    }
    let after = ahead + Duration::from_micros(1);
    let (_, next) = sealer(PLANNER).seal(draft(), after, [6; 10]).unwrap();
    assert!(restarted.open(&next, &world.keys, &me, after).is_ok());
}

#[test]
fn forgetting_a_sender_never_reopens_the_door() {
    let mut windows = ReplayWindows::new(2, Timestamp::ZERO);
    let agents: Vec<Party> = (0..3)
        .map(|n| party(&format!("macro.planner.{n}@x")))
        .collect();
    windows.accept(&agents[0], 1, 1, later(1)).unwrap();
    windows.accept(&agents[1], 1, 1, later(2)).unwrap();
    windows.accept(&agents[0], 1, 2, later(3)).unwrap();
    windows.accept(&agents[2], 1, 1, later(4)).unwrap();
    assert_eq!(
        windows.len(),
        2,
        "the one whose newest message is the oldest is forgotten"
    );
    let replayed = windows.accept(&agents[1], 1, 1, later(2)).unwrap_err();
    assert!(matches!(replayed, ReplayProblem::BeforeMemory { .. }));
    windows.accept(&agents[1], 1, 2, later(5)).unwrap();
    let replayed = windows.accept(&agents[0], 1, 2, later(3)).unwrap_err();
    assert!(matches!(replayed, ReplayProblem::BeforeMemory { .. }));
    // Back again, and still what came before the forgetting is refused.
    windows.accept(&agents[0], 1, 3, later(6)).unwrap();
    for (sequence, sent) in [(1, 1), (2, 3)] {
        let replayed = windows.accept(&agents[0], 1, sequence, later(sent));
        assert!(matches!(replayed, Err(ReplayProblem::BeforeMemory { .. })));
    }
    assert_eq!(windows.successor_floor(), later(6) + TICK);
}

#[test]
fn a_clock_that_is_ahead_does_not_shut_others_out() {
    let mut windows = ReplayWindows::new(2, Timestamp::ZERO);
    let (honest, ahead) = (party(PLANNER), party(CRITIC));
    windows.accept(&honest, 1, 1, later(1)).unwrap();
    windows.accept(&ahead, 1, 1, later(30)).unwrap();
    // Room is made by forgetting the honest one's message of second 1, not the one that would bar half a minute.
    for (n, sender) in [INTERFACE, REGISTRY, PAGE].iter().enumerate() {
        let sent = later(2 + n as u64);
        assert_eq!(windows.accept(&party(sender), 1, 1, sent), Ok(()));
    }
    assert!(windows.accept(&honest, 1, 2, later(5)).is_ok());
}

#[test]
fn a_refused_number_does_not_begin_an_epoch() {
    let mut windows = ReplayWindows::new(2, Timestamp::ZERO);
    let planner = party(PLANNER);
    windows.accept(&planner, 1, 1, later(1)).unwrap();
    assert!(windows.accept(&planner, 2, 0, later(2)).is_err());
    windows.accept(&planner, 1, 2, later(3)).unwrap();
    assert!(windows.accept(&party(CRITIC), 1, 0, later(4)).is_err());
    assert_eq!((windows.len(), windows.is_empty()), (1, false));
    assert!(ReplayWindows::new(2, Timestamp::ZERO).is_empty());
    // Room for one is the least.
    let mut none = ReplayWindows::new(0, Timestamp::ZERO);
    assert!(none.accept(&planner, 1, 1, later(1)).is_ok());
    assert!(none.accept(&planner, 1, 1, later(1)).is_err());
}

/// A message is taken up at most so long after it was signed.
#[test]
fn the_age_of_a_message_is_bounded() {
    let world = World::new();
    let year = Duration::from_secs(365 * 86_400);
    let seal = |sent| {
        let draft = Draft::inform(party(EXECUTOR), "old");
        sealer(PLANNER).seal(draft, sent, [5; 10]).unwrap().1
    };
    let label = |verifier: Verifier, sent| {
        let mut verifier = verifier;
        let opened = verifier.open(&seal(sent), &world.keys, &party(EXECUTOR), morning());
        opened.err().map(|refusal| refusal.label())
    };
    let fresh = || Verifier::new(Timestamp::ZERO);
    let micro = Duration::from_micros(1);
    let oldest = morning() - Verifier::MAX_AGE;
    let rows = [
        (fresh(), morning() - year, Some("too-old")),
        (fresh(), oldest - micro, Some("too-old")),
        (fresh(), oldest, None),
        (fresh().with_max_age(year), morning() - year, None),
        (
            fresh().with_max_age(year),
            morning() - year - micro,
            Some("too-old"),
        ),
        (
            fresh().with_max_age(Duration::ZERO),
            morning() - micro,
            Some("too-old"),
        ),
        (fresh(), morning() + Timestamp::CLOCK_SKEW, None),
        (
            fresh(),
            morning() + Timestamp::CLOCK_SKEW + micro,
            Some("from-the-future"),
        ),
    ];
    for (verifier, sent, expected) in rows {
        assert_eq!(label(verifier, sent), expected, "sent {sent}");
    }
    let refusal = fresh()
        .open(
            &seal(morning() - year),
            &world.keys,
            &party(EXECUTOR),
            morning(),
        )
        .unwrap_err();
    assert_eq!(refusal.kind(), ReasonKind::DeadlinePassed);
    assert_eq!(refusal.answer(Performative::Inform), None);
    assert!(refusal.to_string().contains("3600 s"), "{refusal}");
}

/// Both sides with real frames: the sender restarts with a later epoch and a new key, the receiver twice.
#[test]
fn a_sender_that_restarts_goes_on_and_its_old_frames_do_not() {
    let world = World::new();
    let me = party(EXECUTOR);
    let at = |n: u64| morning() + Duration::from_millis(n);
    let second = Arc::new(identity(PLANNER, 2));
    let mut before = sealer(PLANNER);
    let mut frames: Vec<Sealed> = Vec::new();
    let draft = || Draft::request(party(EXECUTOR), "hello");
    for n in 1..=3 {
        frames.push(before.seal(draft(), at(n), [5; 10]).unwrap().1);
    }
    let claim = second.claim_after(&identity(PLANNER, 1), 2);
    let grace = Duration::from_secs(60);
    world.keys.rotate(&claim, at(4), grace).unwrap();
    let mut after = Sealer::new(second, tenant(), 8);
    for n in 5..=7 {
        frames.push(after.seal(draft(), at(n), [6; 10]).unwrap().1);
    }
    let mut first = verifier();
    let open = |verifier: &mut Verifier, n: usize, now| {
        verifier.open(&frames[n], &world.keys, &me, now).is_ok()
    };
    assert!(open(&mut first, 0, at(8)) && open(&mut first, 3, at(8)));
    // The old epoch is over, although two of its frames never came.
    assert!(!open(&mut first, 1, at(8)));
    let mut second = Verifier::new(first.successor_begin());
    // 0 to 3 are refused; 4 is new, and opens nothing.
    for _ in 0..2 {
        assert!((0..=3).all(|n| !open(&mut second, n, at(9))));
        open(&mut second, 4, at(9));
    }
    let mut third = Verifier::new(second.successor_begin());
    assert!((0..=4).all(|n| !open(&mut third, n, at(9))));
    assert!(open(&mut third, 5, at(9)) && !open(&mut third, 5, at(9)));
}

/// One message of an epoch that has not come must not shut its sender out; nor does one from before it was entered count.
#[test]
fn a_messages_epoch_lies_between_its_senders_entry_and_now() {
    let now = morning();
    let highest = (now + Timestamp::CLOCK_SKEW).as_micros();
    let keys = KeyRegistry::new();
    let entered = now.as_micros() - 10;
    let planner = Arc::new(identity(PLANNER, 1));
    keys.register(&planner.claim(entered), now).unwrap();
    let me = party(EXECUTOR);
    let mut verifier = verifier();
    let mut label = |epoch| {
        let mut sealer = Sealer::new(Arc::clone(&planner), tenant(), epoch);
        let draft = Draft::request(party(EXECUTOR), "hello");
        let (_, sealed) = sealer.seal(draft, now, [5; 10]).unwrap();
        let opened = verifier.open(&sealed, &keys, &me, now);
        opened.err().map(|refusal| refusal.label())
    };
    let rows = [
        (u64::MAX, Some("from-the-future")),
        (highest + 1, Some("from-the-future")),
        (0, Some("stale-epoch")),
        (entered - 1, Some("stale-epoch")),
        (entered, None),
        (highest, None),
    ];
    for (epoch, expected) in rows {
        assert_eq!(label(epoch), expected, "epoch {epoch}");
    }
}

/// The receiver's windows and its registry end with the process, the sender's key does not; its clock is ahead. Entered anew
/// with a later epoch, what was recorded before is over, and what it signs now is heard at once.
#[test]
fn a_key_that_outlives_the_receivers_process_brings_no_frame_back() {
    let me = party(EXECUTOR);
    let planner = Arc::new(identity(PLANNER, 1));
    let ahead = Duration::from_secs(20);
    let enter = |now: Timestamp| {
        let keys = KeyRegistry::new();
        keys.register(&planner.claim(now.as_micros()), now).unwrap();
        (keys, Verifier::new(now - TICK))
    };
    let seal = |epoch: Timestamp, sent| {
        let mut sealer = Sealer::new(Arc::clone(&planner), tenant(), epoch.as_micros());
        let draft = Draft::request(party(EXECUTOR), "hello");
        sealer.seal(draft, sent, [5; 10]).unwrap().1
    };
    let (keys, mut verifier) = enter(morning());
    let recorded = seal(morning(), later(1) + ahead);
    assert!(verifier.open(&recorded, &keys, &me, later(1)).is_ok());
    let (keys, mut verifier) = enter(later(5));
    for second in [5, 21, 60] {
        let refusal = verifier.open(&recorded, &keys, &me, later(second));
        assert_eq!(refusal.unwrap_err().label(), "stale-epoch");
    }
    let new = seal(later(5), later(5));
    assert!(verifier.open(&new, &keys, &me, later(5)).is_ok());
}
