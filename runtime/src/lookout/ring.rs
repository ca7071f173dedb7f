//! What happened, kept for a while: two rings with one row of numbers, so that a flood of messages does not push out what is rare. What was
//! let pass in a flood lies in between as its number. Whoever looks for something in particular is handed it apart, so that what others do
//! neither hides it nor is counted as missing.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use aios_control::{Event, EventKind, Gap, Happened, MessageHappened, Told};

use super::choice::Choice;
use super::ledger;
use super::observer::Passing;

/// Rare events kept: hours of a quiet node.
const RARE: usize = 4_096;
/// Messages kept: some seconds of a busy node, minutes of a quiet one.
const MESSAGES: usize = 8_192;
/// Events kept for one who looks for something in particular: as many as are told at once to whoever comes late.
const INBOX: usize = 4_096;

/// An event with its number. What a message says of itself is put into words when somebody is told of it first, and then for all.
#[derive(Debug)]
pub(crate) struct Noted {
    pub(crate) seq: u64,
    /// How many events there were in its ring before it.
    before: u64,
    heard: Heard,
    happened: OnceLock<Box<Happened>>,
    told: OnceLock<Option<Told>>,
    /// As those are told who may not read all of it.
    veiled: OnceLock<Option<Told>>,
}

/// What was noted.
#[derive(Debug)]
enum Heard {
    Told(Box<Happened>),
    Passing(Box<Passing>),
    /// So many messages were not noted here.
    LetPass(u64),
}

impl Heard {
    /// How many events it stands for.
    fn events(&self) -> u64 {
        match self {
            Self::LetPass(messages) => *messages,
            _ => 1,
        }
    }
}

impl Noted {
    pub(crate) fn kind(&self) -> EventKind {
        match &self.heard {
            Heard::Told(happened) => happened.kind(),
            Heard::Passing(_) => EventKind::Message,
            Heard::LetPass(_) => EventKind::Gap,
        }
    }

    pub(crate) fn happened(&self) -> &Happened {
        let said = || match &self.heard {
            Heard::Passing(passing) => Happened::Message(MessageHappened::from(passing.as_ref())),
            Heard::LetPass(left_out) => Happened::Gap(Gap {
                left_out: *left_out,
            }),
            Heard::Told(happened) => happened.as_ref().clone(),
        };
        match &self.heard {
            Heard::Told(happened) => happened,
            _ => self.happened.get_or_init(|| Box::new(said())),
        }
    }

    /// How many messages were not noted here.
    pub(crate) fn let_pass(&self) -> u64 {
        match &self.heard {
            Heard::LetPass(messages) => *messages,
            _ => 0,
        }
    }

    /// The same as it is told to somebody of a tenant, or to whoever may read all of it.
    pub(crate) fn told(&self, tenant: Option<&str>) -> Option<Told> {
        if let (Some(tenant), Happened::Audit(line)) = (tenant, self.happened())
            && !ledger::is_open_to(line, tenant)
        {
            let veiled = || told(self.seq, &Happened::Audit(ledger::veiled(line.clone())));
            return self.veiled.get_or_init(veiled).clone();
        }
        let whole = || told(self.seq, self.happened());
        self.told.get_or_init(whole).clone()
    }

    fn is_wanted(&self, choice: &Choice) -> bool {
        match &self.heard {
            Heard::Told(happened) => happened.is_wanted(&choice.watch),
            Heard::Passing(passing) => passing.is_wanted(choice),
            // Of what was let pass nobody knows whose it was.
            Heard::LetPass(_) => false,
        }
    }
}

/// What is kept for one who looks for something in particular, until it is fetched.
#[derive(Debug)]
struct Inbox {
    number: u64,
    choice: Choice,
    kept: VecDeque<Arc<Noted>>,
    left_out: u64,
}

impl Inbox {
    fn offer(&mut self, noted: &Arc<Noted>) {
        if !noted.is_wanted(&self.choice) {
            return;
        }
        if self.kept.len() < INBOX {
            self.kept.push_back(Arc::clone(noted));
        } else {
            self.left_out += 1;
        }
    }
}

/// How far somebody has read each ring; none of one that it does not read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) rare: Option<u64>,
    pub(crate) messages: Option<u64>,
}

impl Place {
    /// Behind one number in both.
    pub(crate) fn at(seq: u64, rare: bool, messages: bool) -> Self {
        Self {
            rare: rare.then_some(seq),
            messages: messages.then_some(seq),
        }
    }

    /// Everything up to a number has been read.
    pub(crate) fn pass(&mut self, to: u64) {
        for seq in [&mut self.rare, &mut self.messages].into_iter().flatten() {
            *seq = (*seq).max(to);
        }
    }

    /// The number up to which nothing is left to be read.
    pub(crate) fn seq(&self) -> u64 {
        match (self.rare, self.messages) {
            (Some(rare), Some(messages)) => rare.min(messages),
            (rare, messages) => rare.or(messages).unwrap_or(0),
        }
    }
}

/// The rings.
#[derive(Debug)]
pub(crate) struct Rings {
    last: u64,
    rare: Ring,
    messages: Ring,
    inboxes: Vec<Inbox>,
    /// How many inboxes there ever were.
    opened: u64,
}

#[derive(Debug)]
struct Ring {
    kept: VecDeque<Arc<Noted>>,
    capacity: usize,
    /// The number of the last one that was pushed out.
    forgotten: u64,
    /// How many events there ever were, those that were let pass among them.
    total: u64,
}

impl Ring {
    fn new(capacity: usize, begin: u64) -> Self {
        Self {
            kept: VecDeque::new(),
            capacity,
            forgotten: begin,
            total: 0,
        }
    }

    fn push(&mut self, seq: u64, heard: Heard) -> Arc<Noted> {
        if self.kept.len() >= self.capacity
            && let Some(oldest) = self.kept.pop_front()
        {
            self.forgotten = oldest.seq;
        }
        let events = heard.events();
        let noted = Arc::new(Noted {
            seq,
            before: self.total,
            heard,
            happened: OnceLock::new(),
            told: OnceLock::new(),
            veiled: OnceLock::new(),
        });
        self.kept.push_back(Arc::clone(&noted));
        self.total += events;
        noted
    }

    /// Where the first behind a number lies.
    fn place_behind(&self, seq: u64) -> usize {
        self.kept.partition_point(|noted| noted.seq <= seq)
    }

    /// How many events there are behind a number.
    fn behind(&self, seq: u64) -> u64 {
        let next = self.kept.get(self.place_behind(seq));
        next.map_or(0, |next| self.total - next.before)
    }
}

impl Rings {
    /// Empty rings whose numbers begin behind `begin`. A node that starts again begins behind all that it ever gave out, if it takes the
    /// time in microseconds: nobody notes a million events a second for long.
    pub(crate) fn new(begin: u64) -> Self {
        Self {
            last: begin,
            rare: Ring::new(RARE, begin),
            messages: Ring::new(MESSAGES, begin),
            inboxes: Vec::new(),
            opened: 0,
        }
    }

    /// Opens an inbox for what somebody looks for, with what there is of it behind a place. From then on all of it comes there, in the order
    /// in which it happens. The number is asked for when it is fetched.
    pub(crate) fn open(&mut self, choice: Choice, place: Place) -> u64 {
        self.opened += 1;
        let mut inbox = Inbox {
            number: self.opened,
            choice,
            kept: VecDeque::new(),
            left_out: 0,
        };
        self.after(place).for_each(|noted| inbox.offer(noted));
        self.inboxes.push(inbox);
        self.opened
    }

    /// What has come into an inbox, and how much more there was no room for.
    pub(crate) fn fetch(&mut self, number: u64) -> (VecDeque<Arc<Noted>>, u64) {
        let found = self.inboxes.iter_mut().find(|it| it.number == number);
        found.map_or_else(Default::default, |inbox| {
            let left_out = std::mem::take(&mut inbox.left_out);
            (std::mem::take(&mut inbox.kept), left_out)
        })
    }

    /// Nobody fetches from an inbox any more.
    pub(crate) fn shut(&mut self, number: u64) {
        self.inboxes.retain(|inbox| inbox.number != number);
    }

    /// The numbers of the inboxes there are.
    #[cfg(test)]
    pub(crate) fn inboxes(&self) -> Vec<u64> {
        self.inboxes.iter().map(|inbox| inbox.number).collect()
    }

    /// Whether somebody looks for a message in particular.
    pub(crate) fn is_looked_for(&self, passing: &Passing) -> bool {
        let mut choices = self.inboxes.iter().map(|inbox| &inbox.choice);
        choices.any(|choice| passing.is_wanted(choice))
    }

    /// Whether messages were let pass behind a number, of which nobody knows whose they were.
    pub(crate) fn has_let_pass(&self, seq: u64) -> bool {
        let behind = self.messages.kept.range(self.messages.place_behind(seq)..);
        { behind }.any(|noted| noted.let_pass() > 0)
    }

    pub(crate) fn push(&mut self, happened: Happened) {
        self.enter(Heard::Told(Box::new(happened)));
    }

    /// A message that passes by.
    pub(crate) fn pass(&mut self, passing: Passing) {
        self.enter(Heard::Passing(Box::new(passing)));
    }

    /// So many messages passed by and were not noted.
    pub(crate) fn let_pass(&mut self, messages: u64) {
        if messages > 0 {
            self.enter(Heard::LetPass(messages));
        }
    }

    fn enter(&mut self, heard: Heard) {
        // What was let pass has its numbers, so that whoever comes too late for it knows how many are lost.
        self.last += heard.events();
        let ring = match &heard {
            Heard::Told(happened) if happened.kind() != EventKind::Message => &mut self.rare,
            _ => &mut self.messages,
        };
        let noted = ring.push(self.last, heard);
        for inbox in &mut self.inboxes {
            inbox.offer(&noted);
        }
    }

    /// The number of the last event.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// Moves a place to where there is something to read, and returns how many numbers it passes over that cannot be told any more.
    pub(crate) fn catch_up(&self, place: &mut Place) -> u64 {
        let mut lost = 0;
        for (seq, ring) in [
            (&mut place.rare, &self.rare),
            (&mut place.messages, &self.messages),
        ] {
            if let Some(seq) = seq
                && *seq < ring.forgotten
            {
                lost += ring.forgotten - *seq;
                *seq = ring.forgotten;
            }
        }
        lost
    }

    /// Events behind a place, in order.
    pub(crate) fn after(&self, place: Place) -> impl Iterator<Item = &Arc<Noted>> {
        let behind = |ring: &'_ Ring, seq: Option<u64>| ring.place_behind(seq.unwrap_or(self.last));
        let rare = self.rare.kept.range(behind(&self.rare, place.rare)..);
        let messages = behind(&self.messages, place.messages);
        let messages = self.messages.kept.range(messages..);
        let (mut rare, mut messages) = (rare.peekable(), messages.peekable());
        std::iter::from_fn(move || match (rare.peek(), messages.peek()) {
            (Some(one), Some(other)) if one.seq < other.seq => rare.next(),
            (_, Some(_)) => messages.next(),
            _ => rare.next(),
        })
    }

    /// How many there are behind a place.
    pub(crate) fn behind(&self, place: Place) -> u64 {
        let rare = place.rare.map_or(0, |seq| self.rare.behind(seq));
        rare + place.messages.map_or(0, |seq| self.messages.behind(seq))
    }

    /// Messages that are kept, oldest first.
    pub(crate) fn messages(&self) -> Vec<Arc<Noted>> {
        self.messages.kept.iter().cloned().collect()
    }
}

pub(super) fn told(seq: u64, happened: &Happened) -> Option<Told> {
    let event = Event {
        seq,
        kind: happened.kind(),
        // Their fields are texts and numbers, which can always be written.
        body: serde_json::to_value(happened).ok()?,
    };
    Some(event.into())
}

#[cfg(test)]
mod tests {
    use aios_control::{GoalHappened, GoalPhase, MessageHappened};

    use super::*;

    fn goal(id: &str) -> Happened {
        Happened::Goal(GoalHappened {
            at: String::new(),
            goal_id: id.to_owned(),
            phase: GoalPhase::Running,
        })
    }

    fn message() -> Happened {
        Happened::Message(MessageHappened {
            at: String::new(),
            what: "sent".to_owned(),
            message: None,
            act: None,
            sender: None,
            receiver: "a".to_owned(),
            conversation: None,
            protocol: None,
            reply_by: None,
            content_bytes: 0,
            trace_id: None,
            goal_id: None,
            label: None,
            why: None,
        })
    }

    #[test]
    fn both_rings_are_read_in_order_of_their_numbers_and_a_flood_forgets_messages_alone() {
        let mut rings = Rings::new(100);
        rings.push(goal("a"));
        rings.push(message());
        rings.push(goal("b"));
        let seqs = |rings: &Rings, after, rare, messages| -> Vec<u64> {
            let place = Place::at(after, rare, messages);
            rings.after(place).map(|noted| noted.seq).collect()
        };
        assert_eq!(seqs(&rings, 0, true, true), [101, 102, 103]);
        assert_eq!(seqs(&rings, 101, true, true), [102, 103]);
        assert_eq!(seqs(&rings, 0, true, false), [101, 103]);
        assert_eq!(seqs(&rings, 0, false, true), [102]);
        assert!(seqs(&rings, 103, true, true).is_empty());
        for (rare, messages, behind) in [(true, true, 2), (true, false, 1), (false, true, 1)] {
            let place = Place::at(101, rare, messages);
            assert_eq!(rings.behind(place), behind, "{place:?}");
        }
        rings.let_pass(0);
        rings.let_pass(5);
        assert_eq!(
            (rings.last(), rings.behind(Place::at(103, true, true))),
            (108, 5)
        );
        for _ in 0..MESSAGES + 10 {
            rings.push(message());
        }
        let mut place = Place::at(103, true, true);
        assert_eq!(
            rings.catch_up(&mut place),
            15,
            "those that were let pass, too"
        );
        assert_eq!((place.rare, place.messages), (Some(103), Some(118)));
        let mut rare = Place::at(100, true, false);
        assert_eq!(rings.catch_up(&mut rare), 0, "the rare ones are all there");
        assert_eq!(seqs(&rings, 0, true, false), [101, 103]);
        assert_eq!(rings.messages().len(), MESSAGES);
        place.pass(rings.last());
        assert_eq!(place.seq(), rings.last());
        assert_eq!(rings.after(place).count(), 0);
    }
}
