//! Messages to an agent that is durable: on record before they are acknowledged, and until one outcome of each is on record.
//!
//! What opens a conversation with such an agent lies in the store, with the key that it was signed with, before its sender hears that it was
//! taken. A successor of the process hands over again, in the order in which they were taken, whatever has no outcome yet. An outcome is on
//! record before anybody is told it, so that there is never a second one. An act that goes on with a conversation is not kept: the
//! conversation ends with its process, and what opened it is handed over anew.
//!
//! What would be refused if it were taken up at once is not kept: it lies in the mailbox alone, and leaves nothing but its entry in the audit.
//!
//! Of each agent there are `mail/{agent}/{number}`, a message without an outcome (see `record`), and `mailed/{agent}/{number}`, the last
//! outcomes as JSON (see `outcome`).

mod outcome;
mod record;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use aios_memory::{Store, StoreError};
use aios_protocols::{
    AgentId, Authentic, KeyDirectory, KeyRegistry, Limits, Message, MessageId, Party, Refusal,
    Sealed, SigningIdentity, Timestamp, Trusted, Verifier, authenticate,
};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

pub(crate) use outcome::answered;
pub use outcome::{MailOutcome, Mailed};
pub(crate) use record::Kept;

use super::Clock;

/// Where messages without an outcome lie in the store.
const KEPT: &str = "mail/";
/// Where outcomes lie.
const SETTLED: &str = "mailed/";
/// Outcomes of one agent that stay on record.
const OUTCOMES: u64 = 64;
/// More than there will ever be: what somebody put behind it leaves no number for what comes.
const NUMBER_MAX: u64 = u64::MAX / 2;
/// Records read at once.
const PAGE: usize = 256;

/// The messages of one durable agent.
pub(crate) struct Mail {
    store: Arc<dyn Store>,
    keys: Arc<KeyRegistry>,
    clock: Arc<dyn Clock>,
    agent: AgentId,
    /// Signs what is on record, with a key that outlasts the process.
    me: Arc<SigningIdentity>,
    books: Mutex<Books>,
}

struct Books {
    /// The number of the next message.
    next: u64,
    /// The messages without an outcome, by the hash of their frames.
    open: HashMap<[u8; 32], Open>,
    /// What an earlier process left, oldest first.
    left: VecDeque<Kept>,
    /// Messages that are written and not in the mailbox yet: each has its place there.
    coming: usize,
    /// Of those that are handed over again: none twice, however old they are.
    verifier: Verifier,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    number: u64,
    /// The agent has it in its hands: a second frame of the same bytes that is refused changes nothing for it.
    in_hand: bool,
}

impl Open {
    const fn waiting(number: u64) -> Self {
        Self {
            number,
            in_hand: false,
        }
    }
}

/// What is on record of the messages to a durable agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MailView {
    /// Messages without an outcome, oldest first: number and name.
    pub waiting: Vec<(u64, String)>,
    /// The last outcomes, oldest first.
    pub settled: Vec<Mailed>,
    /// Records that cannot be read, by key. They stay.
    pub unread: Vec<String>,
}

/// Why a message is not taken.
#[derive(Debug)]
pub(crate) enum NotTaken {
    /// So many wait already.
    Full,
    /// It cannot be written down.
    Store(StoreError),
}

impl From<StoreError> for NotTaken {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What is to be done with a message that was offered.
pub(crate) enum Taken {
    /// It is on record, or need not be: it goes into the mailbox.
    In,
    /// It is on record already, and in the mailbox or on its way there.
    Already,
}

impl Mail {
    /// The messages of an agent, with what an earlier process left of them.
    pub(crate) fn open(
        store: Arc<dyn Store>,
        keys: Arc<KeyRegistry>,
        clock: Arc<dyn Clock>,
        agent: AgentId,
        me: Arc<SigningIdentity>,
    ) -> Result<Self, StoreError> {
        let mut books = Books {
            next: 1,
            open: HashMap::new(),
            left: VecDeque::new(),
            coming: 0,
            verifier: Verifier::new(Timestamp::ZERO).with_max_age(Duration::MAX),
        };
        let settled = Settled::of(&store, &agent, Some(&me))?;
        let numbers = settled.numbers();
        books.next = settled.next;
        for (number, bytes) in records(&store, KEPT, &agent)? {
            books.next = books.next.max(number + 1);
            if numbers.contains(&number) {
                // Its outcome is on record; the process ended before it was taken off.
                store.delete(&key(KEPT, &agent, number))?;
                continue;
            }
            match Kept::decode(&me, number, &bytes).and_then(|kept| kept.unless_over(settled.below))
            {
                Ok(kept) => {
                    // The first of two records of one frame counts.
                    if let Entry::Vacant(place) = books.open.entry(hash(&kept.frame)) {
                        place.insert(Open::waiting(number));
                        books.left.push_back(kept);
                    } else {
                        store.delete(&key(KEPT, &agent, number))?;
                    }
                }
                Err(why) => tracing::error!(
                    %agent,
                    number,
                    %why,
                    "a message on record cannot be used; it stays there, and nobody is handed it"
                ),
            }
        }
        if !books.left.is_empty() {
            tracing::info!(%agent, messages = books.left.len(), "handed over again");
        }
        Ok(Self {
            store,
            keys,
            clock,
            agent,
            me,
            books: Mutex::new(books),
        })
    }

    /// Who stands for what is on record.
    pub(crate) fn me(&self) -> &Arc<SigningIdentity> {
        &self.me
    }

    /// Writes a message down that finds a place among `queued` of `capacity`; lasting when this returns. What cannot be verified is let
    /// through, and what is `refused` as things stand: whoever takes it up refuses it, and it never was on record.
    pub(crate) fn take(
        &self,
        frame: &Sealed,
        queued: impl Fn() -> usize,
        capacity: usize,
        refused: impl FnOnce(&Authentic, Timestamp) -> bool,
    ) -> Result<Taken, NotTaken> {
        let now = self.clock.now();
        let authentic = authenticate(frame, &*self.keys, &Limits::default(), now).ok();
        let message = authentic
            .as_ref()
            .filter(|it| it.performative.can_open() && !refused(it, now));
        let hash = hash(frame);
        let number = {
            let mut books = self.books.lock();
            if books.open.contains_key(&hash) {
                drop(books);
                // Whoever brought it first may still be waiting for the disk.
                self.store.flush()?;
                return Ok(Taken::Already);
            }
            if queued() + books.coming + books.left.len() >= capacity {
                return Err(NotTaken::Full);
            }
            let number = match message {
                Some(message) => self.write_down(&mut books, frame, hash, message, now)?,
                None => None,
            };
            books.coming += 1;
            match number {
                Some(number) => number,
                None => return Ok(Taken::In),
            }
        };
        // Without the lock: one sync serves all who wait for one.
        if let Err(error) = self.store.flush() {
            self.books.lock().coming -= 1;
            self.strike(hash, number);
            return Err(NotTaken::Store(error));
        }
        Ok(Taken::In)
    }

    /// A message that is taken up is on record, also where it was to be refused when it came.
    pub(crate) fn hold(&self, message: &Trusted) -> Result<(), StoreError> {
        if !message.performative.can_open() {
            return Ok(());
        }
        let now = self.clock.now();
        let frame = message.sealed();
        let hash = hash(frame);
        let number = {
            let mut books = self.books.lock();
            if books.open.contains_key(&hash) {
                return Ok(());
            }
            self.write_down(&mut books, frame, hash, message, now)?
        };
        let flushed = self.store.flush();
        if let (Err(_), Some(number)) = (&flushed, number) {
            self.strike(hash, number);
        }
        flushed
    }

    /// Puts a message on record, under the lock, so that they lie there in the order of their numbers; not yet lasting. Nothing happens where
    /// the key is known no more that it was signed with.
    fn write_down(
        &self,
        books: &mut Books,
        frame: &Sealed,
        hash: [u8; 32],
        message: &Message,
        now: Timestamp,
    ) -> Result<Option<u64>, StoreError> {
        let signed_with = message.envelope.key_id;
        let Ok(key) = self.keys.key(&message.sender, signed_with, now) else {
            return Ok(None);
        };
        let number = books.next;
        let kept = Kept {
            number,
            at_us: now.as_micros(),
            given: 0,
            key,
            frame: frame.clone(),
        };
        self.put(&kept)?;
        books.next += 1;
        books.open.insert(hash, Open::waiting(number));
        Ok(Some(number))
    }

    /// Takes a message off that did not last: its sender hears that it was not taken, so nobody must find it.
    fn strike(&self, hash: [u8; 32], number: u64) {
        self.books.lock().open.remove(&hash);
        let _ = self.store.delete(&key(KEPT, &self.agent, number));
    }

    fn put(&self, kept: &Kept) -> Result<(), StoreError> {
        let key = key(KEPT, &self.agent, kept.number);
        self.store.put(&key, &kept.encode(&self.me))
    }

    /// A message that was [taken](Self::take) lies in the mailbox now.
    pub(crate) fn came(&self) {
        let mut books = self.books.lock();
        books.coming = books.coming.saturating_sub(1);
    }

    /// Messages that an earlier process left and nobody was handed yet.
    pub(crate) fn left(&self) -> usize {
        self.books.lock().left.len()
    }

    /// The next message that an earlier process left. That it is handed over again is on record before it is: should it end this process
    /// too, that was one time more.
    pub(crate) fn next_left(&self) -> Option<Kept> {
        let mut kept = self.books.lock().left.pop_front()?;
        kept.given += 1;
        let written = self.put(&kept).and_then(|()| self.store.flush());
        if let Err(error) = written {
            tracing::error!(%error, agent = %self.agent, "it is not on record that a message is handed over again");
        }
        Some(kept)
    }

    /// What a message says that an earlier process had taken: proven by the key that it was proven with then, and not handed over before.
    pub(crate) fn admit(&self, kept: &Kept, receiver: &Party) -> Result<Trusted, Refusal> {
        let now = self.clock.now();
        let authentic = kept.read(&self.keys, now)?;
        // Where the clock was set back it was taken in a time that is still to come.
        let now = now.max(Timestamp::since_epoch(Duration::from_micros(kept.at_us)));
        self.books.lock().verifier.admit(authentic, receiver, now)
    }

    /// The agent has a message in its hands.
    pub(crate) fn in_hand(&self, frame: &Sealed) {
        if let Some(open) = self.books.lock().open.get_mut(&hash(frame)) {
            open.in_hand = true;
        }
    }

    /// Writes down that a message was refused, unless the agent has it in its hands.
    pub(crate) fn refuse(
        &self,
        frame: &Sealed,
        who: Option<(MessageId, &Party)>,
        why: String,
    ) -> Result<(), StoreError> {
        let in_hand = {
            let books = self.books.lock();
            let open = books.open.get(&hash(frame));
            open.is_some_and(|open| open.in_hand)
        };
        if in_hand {
            return Ok(());
        }
        self.settle(frame, who, MailOutcome::Refused(why))
    }

    /// Writes down what became of a message, and takes it off; lasting when this returns. Nothing happens to one that is not on record.
    pub(crate) fn settle(
        &self,
        frame: &Sealed,
        who: Option<(MessageId, &Party)>,
        outcome: MailOutcome,
    ) -> Result<(), StoreError> {
        let hash = hash(frame);
        let (number, below) = {
            let books = self.books.lock();
            let Some(Open { number, .. }) = books.open.get(&hash).copied() else {
                return Ok(());
            };
            let others = books.open.values().map(|open| open.number);
            let lowest = others.filter(|other| *other != number).min();
            (number, lowest.unwrap_or(books.next))
        };
        let said = match who {
            Some((id, sender)) => (id.to_string(), sender.to_string()),
            None => self.said(number)?,
        };
        let at_us = self.clock.now().as_micros();
        let mailed = Mailed::of(number, said, at_us, outcome, below);
        let bytes = mailed.encode(&self.me)?;
        // The outcome first: cut short behind it, the message has one and is not handed over again.
        self.store.put(&key(SETTLED, &self.agent, number), &bytes)?;
        self.store.delete(&key(KEPT, &self.agent, number))?;
        if let Some(old) = number.checked_sub(OUTCOMES) {
            self.store.delete(&key(SETTLED, &self.agent, old))?;
        }
        self.store.flush()?;
        self.books.lock().open.remove(&hash);
        Ok(())
    }

    /// The name and the sender of a message on record, as far as they can be read.
    fn said(&self, number: u64) -> Result<(String, String), StoreError> {
        let stored = self.store.get(&key(KEPT, &self.agent, number))?;
        let kept = stored.and_then(|bytes| Kept::decode(&self.me, number, &bytes).ok());
        let said = kept.and_then(|kept| kept.read(&KeyRegistry::new(), Timestamp::ZERO).ok());
        Ok(said.map_or_else(Default::default, |said| {
            (said.id().to_string(), said.sender.to_string())
        }))
    }

    /// The agent stops in good order: what it still has in its hands has ended nothing.
    pub(crate) fn rest(&self) {
        let reset = || -> Result<(), StoreError> {
            let mut any = false;
            for (number, bytes) in records(&self.store, KEPT, &self.agent)? {
                let Ok(mut kept) = Kept::decode(&self.me, number, &bytes) else {
                    continue;
                };
                if kept.given > 0 {
                    kept.given = 0;
                    any = true;
                    self.put(&kept)?;
                }
            }
            if any { self.store.flush() } else { Ok(()) }
        };
        if let Err(error) = reset() {
            tracing::warn!(%error, agent = %self.agent, "it is not on record that an agent has stopped in good order");
        }
    }
}

/// What is on record of the messages to an agent, whether or not it is here. Where nobody is known who could stand for them, none can be read.
pub(crate) fn view(
    store: &Arc<dyn Store>,
    agent: &AgentId,
    me: Option<&SigningIdentity>,
) -> Result<MailView, StoreError> {
    let settled = Settled::of(store, agent, me)?;
    let numbers = settled.numbers();
    let unsound = settled.unsound.iter();
    let mut seen = MailView {
        waiting: Vec::new(),
        settled: settled.sound,
        unread: unsound.map(|it| named(SETTLED, agent, *it)).collect(),
    };
    for (number, bytes) in records(store, KEPT, agent)? {
        if numbers.contains(&number) {
            continue;
        }
        let kept = me.and_then(|me| Kept::decode(me, number, &bytes).ok());
        match kept.and_then(|kept| kept.unless_over(settled.below).ok()) {
            Some(kept) => {
                let said = kept.read(&KeyRegistry::new(), Timestamp::ZERO);
                let name = said.map(|said| said.id().to_string());
                seen.waiting
                    .push((number, name.unwrap_or_else(|why| why.to_string())));
            }
            None => seen.unread.push(named(KEPT, agent, number)),
        }
    }
    Ok(seen)
}

/// The outcomes on record of one agent.
struct Settled {
    /// Those that it stands for, oldest first.
    sound: Vec<Mailed>,
    /// The numbers of those that it does not: they count for nothing.
    unsound: Vec<u64>,
    /// Every message below this number had its outcome, also where that is not on record any more.
    below: u64,
    /// No number from here on has an outcome.
    next: u64,
}

impl Settled {
    fn of(
        store: &Arc<dyn Store>,
        agent: &AgentId,
        me: Option<&SigningIdentity>,
    ) -> Result<Self, StoreError> {
        let (mut sound, mut unsound, mut next) = (Vec::new(), Vec::new(), 1);
        for (number, bytes) in records(store, SETTLED, agent)? {
            next = number + 1;
            match me.map(|me| Mailed::decode(me, number, &bytes)) {
                Some(Ok(mailed)) => sound.push(mailed),
                Some(Err(why)) => {
                    tracing::error!(%agent, number, %why, "an outcome on record counts for nothing");
                    unsound.push(number);
                }
                None => unsound.push(number),
            }
        }
        let below = sound.iter().map(|mailed| mailed.below).max().unwrap_or(0);
        Ok(Self {
            sound,
            unsound,
            below,
            next: next.max(below),
        })
    }

    /// The numbers of those that it stands for: asked for each message on record, of which there may be as many.
    fn numbers(&self) -> HashSet<u64> {
        self.sound.iter().map(|mailed| mailed.number).collect()
    }

    /// The messages that have their outcome, whatever their numbers were, each with its sender.
    fn messages(&self) -> HashSet<(String, String)> {
        let named = |mailed: &Mailed| (mailed.message.clone(), mailed.sender.clone());
        self.sound.iter().map(named).collect()
    }
}

/// What was signed of the messages to an agent, in words.
#[derive(Debug, Default)]
pub(crate) struct AdoptedMail {
    pub(crate) messages: Vec<String>,
    pub(crate) outcomes: Vec<String>,
}

/// Signs what an earlier version has left unsigned: from now on it is as if this agent had taken it, and had said what became of it. Not yet
/// lasting.
pub(crate) fn adopt(
    store: &Arc<dyn Store>,
    agent: &AgentId,
    me: &SigningIdentity,
) -> Result<AdoptedMail, StoreError> {
    let mut adopted = AdoptedMail::default();
    for (number, bytes) in records(store, SETTLED, agent)? {
        if let Some(mailed) = Mailed::unsigned(number, &bytes) {
            store.put(&key(SETTLED, agent, number), &mailed.encode(me)?)?;
            let name = named(SETTLED, agent, number);
            let (outcome, sender) = (&mailed.outcome, &mailed.sender);
            adopted
                .outcomes
                .push(format!("{name}: {outcome:?}, of a message of {sender}"));
        }
    }
    let settled = Settled::of(store, agent, Some(me))?;
    let (numbers, known) = (settled.numbers(), settled.messages());
    let kept = records(store, KEPT, agent)?;
    let last = kept.last().map_or(0, |(number, _)| *number);
    let mut next = settled.next.max(last + 1);
    for (number, bytes) in kept {
        let unsigned = Kept::unsigned(number, &bytes);
        let Some(mut kept) = unsigned.filter(|_| !numbers.contains(&number)) else {
            continue;
        };
        let said = kept.read(&KeyRegistry::new(), Timestamp::ZERO);
        // It had its outcome under another number: its sender brought it once more, or it was adopted before and its process ended before this
        // record was taken off.
        if said
            .as_ref()
            .is_ok_and(|said| known.contains(&(said.id().to_string(), said.sender.to_string())))
        {
            store.delete(&key(KEPT, agent, number))?;
            continue;
        }
        // What has no outcome is not left among what has: it is taken anew, behind it.
        if number < settled.below {
            kept.number = next;
            next += 1;
        }
        store.put(&key(KEPT, agent, kept.number), &kept.encode(me))?;
        if kept.number != number {
            // Only now: of two records of one frame the first counts, and of none nothing is left.
            store.delete(&key(KEPT, agent, number))?;
        }
        let name = named(KEPT, agent, kept.number);
        adopted.messages.push(match said {
            Ok(said) => format!("{name}: {} of {}", said.performative.as_str(), said.sender),
            Err(why) => format!("{name}: {why}"),
        });
    }
    Ok(adopted)
}

/// Whose messages without an outcome are on record.
pub(crate) fn agents_with_mail(store: &Arc<dyn Store>) -> Result<Vec<AgentId>, StoreError> {
    let (mut agents, mut after) = (Vec::new(), None::<Vec<u8>>);
    loop {
        let page = store.scan_prefix(KEPT.as_bytes(), after.as_deref(), 1)?;
        let Some((key, _)) = page.into_iter().next() else {
            return Ok(agents);
        };
        let name = String::from_utf8_lossy(&key[KEPT.len()..]).into_owned();
        let name = name.split('/').next().unwrap_or_default();
        if let Ok(agent) = name.parse() {
            agents.push(agent);
        }
        // Behind all messages of this agent: `0` comes after `/`.
        after = Some(format!("{KEPT}{name}0").into_bytes());
    }
}

fn hash(frame: &Sealed) -> [u8; 32] {
    Sha256::digest(frame.as_bytes()).into()
}

/// Numbers as long as the longest, so that they lie in their order.
fn named(kind: &str, agent: &AgentId, number: u64) -> String {
    format!("{kind}{agent}/{number:020}")
}

fn key(kind: &str, agent: &AgentId, number: u64) -> Vec<u8> {
    named(kind, agent, number).into_bytes()
}

fn records(
    store: &Arc<dyn Store>,
    kind: &str,
    agent: &AgentId,
) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
    let prefix = format!("{kind}{agent}/").into_bytes();
    let (mut found, mut after) = (Vec::new(), None::<Vec<u8>>);
    loop {
        let page = store.scan_prefix(&prefix, after.as_deref(), PAGE)?;
        let Some((last, _)) = page.last() else {
            return Ok(found);
        };
        after = Some(last.clone());
        for (key, bytes) in page {
            let number = std::str::from_utf8(&key[prefix.len()..]).ok();
            let number = number.and_then(|number| number.parse().ok());
            match number.filter(|number| *number <= NUMBER_MAX) {
                Some(number) => found.push((number, bytes)),
                None => tracing::error!(
                    key = %String::from_utf8_lossy(&key),
                    "a record of messages has no number; nobody is handed it"
                ),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use aios_memory::InMemoryStore;

    use super::*;

    #[test]
    fn whose_messages_wait_is_found_without_reading_all_of_them() {
        let store: Arc<dyn Store> = Arc::new(InMemoryStore::new());
        let names = ["macro.a.10@local", "macro.a.1@local", "macro.a.2@local"];
        for name in names {
            for number in 1..=300 {
                let agent: AgentId = name.parse().unwrap();
                store.put(&super::key(KEPT, &agent, number), b"x").unwrap();
            }
        }
        let found = agents_with_mail(&store).unwrap();
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, names);
    }
}
