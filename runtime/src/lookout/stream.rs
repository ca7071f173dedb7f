//! One watcher's way through what happens: from where it was, chosen, and no faster than somebody can look.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use aios_control::{EventKind, EventStream, Gap, Happened, Reset, Told, Watch};
use async_trait::async_trait;
use tokio::sync::watch;

use super::Lookout;
use super::choice::Choice;
use super::pace::Allowed;
use super::ring::{Noted, Place, told};

/// Events looked at in the rings at a time: whoever notes one waits no longer than that takes.
const TAKEN: usize = 256;
/// How often, until others have their turn: as much as both rings hold, and what comes meanwhile.
const ROUNDS: usize = 64;
/// Events that a watcher is told in a second, of those that come in floods and again of the others. More than a person follows, and few
/// enough that ten watchers do not cost a node its throughput.
const RATE: f64 = 200.0;
/// Those that come in floods, at once after a rest.
const BURST: f64 = 500.0;
/// What whoever comes late is told at once of the others: all that is kept.
const KEPT: f64 = 4_096.0;

/// A watch of a node.
pub(crate) struct Watcher {
    lookout: Arc<Lookout>,
    watch: Watch,
    messages: bool,
    /// How far it has looked.
    place: Place,
    /// Where what it looks for in particular comes; none of one that looks at whatever there is.
    inbox: Option<u64>,
    ready: VecDeque<Told>,
    allowed: Allowances,
    /// Woken with all others, when there is something to look at.
    news: watch::Receiver<()>,
    /// Whose goals are named; none for all.
    tenant: Option<String>,
}

/// How much more may be told now.
struct Allowances {
    /// Of what comes in floods, so that it leaves room for the rest.
    floods: Allowed,
    others: Allowed,
}

impl Allowances {
    fn refill(&mut self) {
        let now = Instant::now();
        self.floods.refill(now);
        self.others.refill(now);
    }

    fn is_some(&self) -> bool {
        self.floods.is_some() || self.others.is_some()
    }

    fn take(&mut self, kind: EventKind) -> bool {
        match kind {
            EventKind::Message | EventKind::DeadLetter | EventKind::Audit => self.floods.take(),
            _ => self.others.take(),
        }
    }
}

impl Watcher {
    /// Names the goals of this tenant alone.
    pub(crate) fn only(mut self, tenant: Option<&str>) -> Self {
        self.tenant = tenant.map(str::to_owned);
        self
    }

    pub(crate) fn new(lookout: Arc<Lookout>, watch: Watch) -> Self {
        let mut news = lookout.news.subscribe();
        news.mark_changed();
        let messages = watch.wants(EventKind::Message);
        let rare =
            watch.kinds.is_empty() || watch.kinds.iter().any(|kind| *kind != EventKind::Message);
        if messages {
            lookout.watchers.fetch_add(1, Ordering::AcqRel);
            if watch.is_particular() {
                lookout.choosy.fetch_add(1, Ordering::AcqRel);
            }
            lookout.on.store(true, Ordering::Release);
        }
        let mut ready = VecDeque::new();
        let mut rings = lookout.settled();
        let last = rings.last();
        let place = if watch.fresh {
            Place::at(last, rare, messages)
        } else {
            // A number that was never given out is of another life of the node.
            let known = if watch.after_seq > last {
                0
            } else {
                watch.after_seq
            };
            let mut place = Place::at(known, rare, messages);
            let mut lost = rings.catch_up(&mut place) > 0;
            // What was let pass while it was away is told to others by its number; of one who looks for something in particular it may or may
            // not have been what it looks for.
            lost |=
                watch.is_particular() && place.messages.is_some_and(|seq| rings.has_let_pass(seq));
            // Whoever asks for all that is kept is not told that there was something before.
            if lost && watch.after_seq > 0 {
                let reset = Reset {
                    after_seq: watch.after_seq,
                    first_seq: place.seq() + 1,
                };
                ready.extend(told(place.seq(), &Happened::Reset(reset)));
            }
            place
        };
        let choice = watch.is_particular().then(|| Choice::new(watch.clone()));
        let inbox = choice.map(|choice| rings.open(choice, place));
        drop(rings);
        let now = Instant::now();
        let others = if watch.fresh { BURST } else { KEPT };
        Self {
            lookout,
            watch,
            messages,
            place,
            inbox,
            ready,
            allowed: Allowances {
                floods: Allowed::new(BURST, BURST, RATE, now),
                others: Allowed::new(others, BURST, RATE, now),
            },
            news,
            tenant: None,
        }
    }

    /// Looks at what happened since, and puts what is wanted of it ready.
    fn look(&mut self) {
        self.allowed.refill();
        let left_out = match self.inbox {
            Some(inbox) => self.fetch(inbox),
            None => self.look_around(),
        };
        if left_out > 0 {
            self.lookout.left_out(left_out);
            let gap = Happened::Gap(Gap { left_out });
            self.ready.extend(told(self.place.seq(), &gap));
        }
    }

    /// Fetches what it looks for in particular; how much of that is left out.
    fn fetch(&mut self, inbox: u64) -> u64 {
        let mut rings = self.lookout.rings();
        let (found, mut left_out) = rings.fetch(inbox);
        self.place.pass(rings.last());
        drop(rings);
        for noted in found {
            match self.allowed.take(noted.kind()) {
                true => self.ready.extend(noted.told(self.tenant.as_deref())),
                false => left_out += 1,
            }
        }
        left_out
    }

    /// Looks at whatever there is; how many are left out.
    fn look_around(&mut self) -> u64 {
        let all = self.watch.kinds.is_empty();
        let mut left_out = 0;
        let mut taken: Vec<Arc<Noted>> = Vec::new();
        for round in 1.. {
            let rings = self.lookout.rings();
            // They went by while this watcher was elsewhere. Which of them it asked for nobody knows any more.
            left_out += rings.catch_up(&mut self.place);
            let mut looked_at = 0;
            for noted in rings.after(self.place).take(TAKEN) {
                if all && !self.allowed.is_some() {
                    break;
                }
                looked_at += 1;
                self.place.pass(noted.seq);
                if noted.let_pass() > 0 {
                    left_out += noted.let_pass();
                } else if self.watch.wants(noted.kind()) {
                    match self.allowed.take(noted.kind()) {
                        true => taken.push(Arc::clone(noted)),
                        false => left_out += 1,
                    }
                }
            }
            if all && !self.allowed.is_some() {
                // Whatever follows is left out as well, and is counted without a look at each.
                left_out += rings.behind(self.place);
                self.place.pass(rings.last());
                break;
            }
            if looked_at < TAKEN {
                // What is between was of no ring that is looked at.
                self.place.pass(rings.last());
                break;
            }
            drop(rings);
            if round == ROUNDS {
                self.news.mark_changed();
                break;
            }
        }
        // Put into words by whoever comes first, while nobody who notes something waits for it.
        let tenant = self.tenant.as_deref();
        self.ready
            .extend(taken.iter().filter_map(|noted| noted.told(tenant)));
        left_out
    }
}

#[async_trait]
impl EventStream for Watcher {
    async fn next(&mut self) -> Option<Told> {
        loop {
            if let Some(told) = self.ready.pop_front() {
                return Some(told);
            }
            let closed = self.lookout.is_closed();
            if !closed {
                // The sender lies in what is watched, so it cannot be gone.
                let _ = self.news.changed().await;
            }
            self.look();
            if closed && self.ready.is_empty() {
                return None;
            }
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if let Some(inbox) = self.inbox {
            self.lookout.rings().shut(inbox);
        }
        if self.messages {
            self.lookout.watchers.fetch_sub(1, Ordering::AcqRel);
            if self.watch.is_particular() {
                self.lookout.choosy.fetch_sub(1, Ordering::AcqRel);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use aios_actors::agent::SystemClock;
    use aios_actors::{MessageSeen, Observer, Step};
    use aios_control::GoalPhase;
    use aios_protocols::{ConversationId, MessageId, Party, Performative, Timestamp};

    use super::*;
    use crate::lookout::pace::NOTED;

    const FLOOD: u64 = 20_000;

    fn conversation(number: u8) -> ConversationId {
        ConversationId::new(Timestamp::from_micros(1).unwrap(), [number; 10])
    }

    /// Says so many messages, as agents do: nothing is made of one that nobody looks at.
    fn say(lookout: &Lookout, conversation: ConversationId, messages: u64) {
        let party: Party = "macro.critic.001@local".parse().unwrap();
        let at = Timestamp::from_micros(1).unwrap();
        for _ in 0..messages {
            if lookout.looks() {
                lookout.message(MessageSeen {
                    at,
                    step: Step::Sent,
                    id: MessageId::new(at, [0; 10]),
                    act: Performative::Inform,
                    sender: party.clone(),
                    receiver: party.clone(),
                    conversation,
                    protocol: None,
                    reply_by: None,
                    content_bytes: 0,
                    trace: None,
                });
            }
        }
    }

    fn flood(lookout: &Lookout, conversation: ConversationId) {
        say(lookout, conversation, FLOOD);
    }

    /// What is told up to a goal: messages, and how many were left out.
    async fn until_goal(watcher: &mut Watcher) -> (u64, u64) {
        let (mut told, mut left_out, mut goals) = (0, 0, 0);
        let heard = async {
            while goals == 0 || told + left_out < FLOOD {
                let event = watcher.next().await.unwrap();
                match event.kind {
                    EventKind::Message => told += 1,
                    EventKind::Gap => left_out += event.read::<Gap>().unwrap().left_out,
                    EventKind::Goal => goals += 1,
                    other => panic!("{other:?}"),
                }
            }
        };
        let watchdog = std::time::Duration::from_secs(20);
        tokio::time::timeout(watchdog, heard).await.unwrap();
        (told, left_out)
    }

    #[tokio::test]
    async fn in_a_flood_messages_are_counted_and_not_noted_until_watchers_were_woken() {
        let lookout = Lookout::new(Arc::new(SystemClock));
        tokio::spawn(lookout.beating());
        let conversation = conversation(1);
        flood(&lookout, conversation);
        assert!(lookout.rings().messages().is_empty(), "nobody looks");
        let mut all = Watcher::new(Arc::clone(&lookout), Watch::default());
        flood(&lookout, conversation);
        lookout.goal("a", GoalPhase::Running);
        let noted = lookout.rings().messages().len();
        assert!(noted < 2 * NOTED, "{noted} of {FLOOD} were noted");
        let (told, left_out) = until_goal(&mut all).await;
        assert_eq!(told + left_out, FLOOD, "nothing is left out in silence");
        assert!(told > 0);
        // Woken once more, it is told again.
        flood(&lookout, conversation);
        lookout.goal("b", GoalPhase::Running);
        let (told, left_out) = until_goal(&mut all).await;
        assert_eq!(told + left_out, FLOOD);
    }

    #[tokio::test]
    async fn whoever_looks_for_something_in_particular_finds_it_in_a_flood_and_nothing_else_is_noted_for_it()
     {
        let lookout = Lookout::new(Arc::new(SystemClock));
        tokio::spawn(lookout.beating());
        let [one, other] = [1, 2].map(conversation);
        let mut all = Watcher::new(Arc::clone(&lookout), Watch::default());
        let of = Watch {
            conversation: Some(one.to_string()),
            ..Watch::default()
        };
        let mut watcher = Watcher::new(Arc::clone(&lookout), of);
        let few = 3_000;
        say(&lookout, other, few);
        say(&lookout, one, 1);
        say(&lookout, other, few);
        say(&lookout, one, 1);
        let noted = lookout.rings().messages().len();
        assert!(noted < 2 * NOTED, "{noted} of {few} were noted");
        for _ in 0..2 {
            // What others said is no gap of its own.
            let event = watcher.next().await.unwrap();
            let message: aios_control::MessageHappened = event.read().unwrap();
            assert_eq!(message.conversation, Some(one.to_string()));
        }
        // Whoever looks at everything hears of how much there was.
        lookout.goal("a", GoalPhase::Running);
        let (mut told, mut left_out, mut goals) = (0, 0, 0);
        while goals == 0 || told + left_out < 2 * few + 2 {
            let event = all.next().await.unwrap();
            match event.kind {
                EventKind::Message => told += 1,
                EventKind::Gap => left_out += event.read::<Gap>().unwrap().left_out,
                _ => goals += 1,
            }
        }
        assert_eq!(told + left_out, 2 * few + 2);
    }

    #[tokio::test]
    async fn a_gap_of_one_who_looks_for_something_counts_that_and_nothing_else() {
        let lookout = Lookout::new(Arc::new(SystemClock));
        tokio::spawn(lookout.beating());
        let [one, other] = [1, 2].map(conversation);
        let of = |after_seq| Watch {
            conversation: Some(one.to_string()),
            after_seq,
            ..Watch::default()
        };
        let mut watcher = Watcher::new(Arc::clone(&lookout), of(0));
        // More than it is told, and more than is kept for it.
        let many = 6_000;
        for _ in 0..many {
            say(&lookout, one, 1);
            say(&lookout, other, 1);
        }
        let (mut told, mut left_out, mut last) = (0, 0, 0);
        while told + left_out < many {
            let event = watcher.next().await.unwrap();
            last = event.seq;
            match event.kind {
                EventKind::Message => told += 1,
                EventKind::Gap => left_out += event.read::<Gap>().unwrap().left_out,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(told + left_out, many);
        assert!(told > 0 && left_out > 0, "{told} told, {left_out} left out");
        assert!(last <= lookout.rings().last());
        drop(watcher);
        // While it was away nothing was kept for it: what was let pass then may have been its own.
        let _all = Watcher::new(Arc::clone(&lookout), Watch::default());
        flood(&lookout, one);
        let mut again = Watcher::new(Arc::clone(&lookout), of(last));
        assert_eq!(again.next().await.unwrap().kind, EventKind::Reset);
    }

    #[tokio::test]
    async fn one_who_looks_for_something_is_told_what_was_before_it_came_in_order() {
        let lookout = Lookout::new(Arc::new(SystemClock));
        for goal in ["a", "b", "a", "b", "a"] {
            lookout.goal(goal, GoalPhase::Running);
        }
        let of = Watch {
            goal_id: Some("a".to_owned()),
            ..Watch::default()
        };
        let mut watcher = Watcher::new(Arc::clone(&lookout), of.clone());
        lookout.goal("b", GoalPhase::Answered);
        lookout.goal("a", GoalPhase::Answered);
        let mut seqs = Vec::new();
        for _ in 0..4 {
            let event = watcher.next().await.unwrap();
            assert_eq!(event.body["goal_id"], "a");
            seqs.push(event.seq);
        }
        assert!(seqs.is_sorted());
        let after_seq = seqs[1];
        let mut again = Watcher::new(Arc::clone(&lookout), Watch { after_seq, ..of });
        assert_eq!(again.next().await.unwrap().seq, seqs[2]);
        drop((watcher, again));
        assert!(lookout.rings().inboxes().is_empty());
    }
}
