//! One watcher's way through what happens: from where it was, chosen, and no faster than somebody can look.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use aios_control::{EventKind, EventStream, Gap, Happened, Reset, Told, Watch};
use async_trait::async_trait;
use tokio::sync::watch;

use super::Lookout;
use super::pace::Allowed;
use super::ring::{Noted, Place, told};

/// Events taken from the rings at a time: whoever notes one waits no longer than that takes.
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
    ready: VecDeque<Told>,
    /// What comes in floods, so that it leaves room for the rest.
    floods: Allowed,
    others: Allowed,
    /// Woken with all others, when there is something to look at.
    news: watch::Receiver<()>,
    /// Whose goals are named; none for all.
    tenant: Option<String>,
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
            if is_choosy(&watch) {
                lookout.choosy.fetch_add(1, Ordering::AcqRel);
            }
            lookout.on.store(true, Ordering::Release);
        }
        let mut ready = VecDeque::new();
        let rings = lookout.settled();
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
            let lost = rings.catch_up(&mut place);
            // Whoever asks for all that is kept is not told that there was something before.
            if lost > 0 && watch.after_seq > 0 {
                let reset = Reset {
                    after_seq: watch.after_seq,
                    first_seq: place.seq() + 1,
                };
                ready.extend(told(place.seq(), &Happened::Reset(reset)));
            }
            place
        };
        drop(rings);
        let now = Instant::now();
        let others = if watch.fresh { BURST } else { KEPT };
        Self {
            lookout,
            watch,
            messages,
            place,
            ready,
            floods: Allowed::new(BURST, BURST, RATE, now),
            others: Allowed::new(others, BURST, RATE, now),
            news,
            tenant: None,
        }
    }

    /// Looks at what happened since, and puts what is wanted of it ready.
    fn look(&mut self) {
        let now = Instant::now();
        self.floods.refill(now);
        self.others.refill(now);
        let all = self.watch.kinds.is_empty() && !is_choosy(&self.watch);
        let mut left_out = 0;
        let mut taken: Vec<Arc<Noted>> = Vec::new();
        let mut rounds = 0;
        loop {
            rounds += 1;
            {
                let rings = self.lookout.rings();
                // They went by while this watcher was elsewhere. Which of them it asked for nobody knows any more.
                left_out += rings.catch_up(&mut self.place);
                if all && !self.floods.is_some() && !self.others.is_some() {
                    // Whatever follows is left out as well, and is counted without a look at each.
                    left_out += rings.behind(self.place);
                    self.place.pass(rings.last());
                    break;
                }
                taken.extend(rings.after(self.place).take(TAKEN).cloned());
                // What is between was of no ring that is looked at.
                let seen = match taken.last() {
                    Some(last) if taken.len() == TAKEN => last.seq,
                    _ => rings.last(),
                };
                self.place.pass(seen);
            }
            let is_last = taken.len() < TAKEN;
            for noted in taken.drain(..) {
                left_out += self.weigh(&noted);
            }
            if is_last {
                break;
            }
            if rounds == ROUNDS {
                self.news.mark_changed();
                break;
            }
        }
        if left_out > 0 {
            self.lookout.left_out(left_out);
            let gap = Happened::Gap(Gap { left_out });
            self.ready.extend(told(self.place.seq(), &gap));
        }
    }

    /// Puts one ready if it is wanted; how many are left out with it.
    fn weigh(&mut self, noted: &Noted) -> u64 {
        if noted.let_pass() > 0 {
            return noted.let_pass();
        }
        if !noted.is_wanted(&self.watch) {
            return 0;
        }
        let allowed = match noted.kind() {
            EventKind::Message | EventKind::DeadLetter | EventKind::Audit => &mut self.floods,
            _ => &mut self.others,
        };
        if !allowed.take() {
            return 1;
        }
        self.ready.extend(noted.told(self.tenant.as_deref()));
        0
    }
}

/// Whether it looks for something in particular, which may be said in the middle of a flood.
fn is_choosy(watch: &Watch) -> bool {
    watch.goal_id.is_some() || watch.agent.is_some() || watch.conversation.is_some()
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
        if self.messages {
            self.lookout.watchers.fetch_sub(1, Ordering::AcqRel);
            if is_choosy(&self.watch) {
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
    async fn whoever_looks_for_something_in_particular_finds_it_in_a_flood() {
        let lookout = Lookout::new(Arc::new(SystemClock));
        tokio::spawn(lookout.beating());
        let [one, other] = [1, 2].map(conversation);
        let _all = Watcher::new(Arc::clone(&lookout), Watch::default());
        let of = Watch {
            conversation: Some(one.to_string()),
            ..Watch::default()
        };
        let mut watcher = Watcher::new(Arc::clone(&lookout), of);
        let few = 3_000;
        say(&lookout, other, few);
        say(&lookout, one, 1);
        say(&lookout, other, few);
        let event = watcher.next().await.unwrap();
        let message: aios_control::MessageHappened = event.read().unwrap();
        assert_eq!(message.conversation, Some(one.to_string()));
        assert_eq!(lookout.rings().messages().len() as u64, 2 * few + 1);
        drop(watcher);
        flood(&lookout, other);
        let after = lookout.settled().messages();
        assert!(after.iter().any(|noted| noted.let_pass() > 0));
    }
}
