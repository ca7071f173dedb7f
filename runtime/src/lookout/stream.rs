//! One watcher's way through what happens: from where it was, chosen, and no faster than somebody can look.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use aios_control::{Event, EventKind, EventStream, Gap, Happened, Reset, Watch};
use async_trait::async_trait;

use super::Lookout;
use super::ledger;
use super::ring::Place;

/// How often a watcher looks at most. What happened meanwhile is told at once, and whoever makes it happen wakes nobody for each.
const BEAT: Duration = Duration::from_millis(25);
/// Events looked at in one go.
const LOOK: usize = 16_384;
/// Events that a watcher is told in a second, of those that come in floods and again of the others. More than a person follows, and few
/// enough that ten watchers do not cost a node its throughput.
const RATE: f64 = 200.0;
/// Those that come in floods, at once after a rest.
const BURST: f64 = 500.0;
/// What whoever comes late is told at once of the others: all that is kept.
const KEPT: f64 = 4_096.0;

/// What a watcher may still be told.
#[derive(Debug)]
struct Allowed {
    left: f64,
    at: Instant,
}

impl Allowed {
    fn new(left: f64, at: Instant) -> Self {
        Self { left, at }
    }

    fn refill(&mut self, now: Instant) {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        // What was there at first may be used up, and does not come back.
        self.left = (self.left + since * RATE).min(BURST.max(self.left));
        self.at = now;
    }

    fn is_some(&self) -> bool {
        self.left >= 1.0
    }

    fn take(&mut self) -> bool {
        let may = self.is_some();
        if may {
            self.left -= 1.0;
        }
        may
    }
}

/// A watch of a node.
pub(crate) struct Watcher {
    lookout: Arc<Lookout>,
    watch: Watch,
    messages: bool,
    /// How far it has looked.
    place: Place,
    ready: VecDeque<Event>,
    /// What comes in floods, so that it leaves room for the rest.
    floods: Allowed,
    others: Allowed,
    looked: Instant,
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
        let messages = watch.wants(EventKind::Message);
        let rare =
            watch.kinds.is_empty() || watch.kinds.iter().any(|kind| *kind != EventKind::Message);
        if messages {
            lookout.watchers.fetch_add(1, Ordering::AcqRel);
            lookout.on.store(true, Ordering::Release);
        }
        let mut ready = VecDeque::new();
        let rings = lookout.rings.lock();
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
                ready.extend(event(place.seq(), &Happened::Reset(reset)));
            }
            place
        };
        drop(rings);
        let (now, fresh) = (Instant::now(), watch.fresh);
        Self {
            lookout,
            watch,
            messages,
            place,
            ready,
            floods: Allowed::new(BURST, now),
            others: Allowed::new(if fresh { BURST } else { KEPT }, now),
            looked: now.checked_sub(BEAT).unwrap_or(now),
            tenant: None,
        }
    }

    /// Looks at what happened since, and puts what is wanted of it ready.
    fn look(&mut self) {
        let now = Instant::now();
        self.floods.refill(now);
        self.others.refill(now);
        let mut wanted = Vec::new();
        let rings = self.lookout.rings.lock();
        // They went by while this watcher was elsewhere. Which of them it asked for nobody knows any more.
        let mut left_out = rings.catch_up(&mut self.place);
        let Watch {
            kinds,
            goal_id,
            agent,
            conversation,
            ..
        } = &self.watch;
        let chosen = goal_id.is_some() || agent.is_some() || conversation.is_some();
        let all = kinds.is_empty() && !chosen;
        let mut looked = 0;
        let mut seen = self.place.seq();
        for noted in rings.after(self.place).take(LOOK) {
            looked += 1;
            seen = noted.seq;
            if !noted.is_wanted(&self.watch) {
                continue;
            }
            let floods = matches!(
                noted.kind(),
                EventKind::Message | EventKind::DeadLetter | EventKind::Audit
            );
            let allowed = match floods {
                true => &mut self.floods,
                false => &mut self.others,
            };
            if !allowed.take() {
                left_out += 1;
                if all && !self.floods.is_some() && !self.others.is_some() {
                    // Whatever follows is left out as well, and is counted without a look at each.
                    left_out += rings.behind(seen, self.place);
                    looked = 0;
                    break;
                }
                continue;
            }
            wanted.push(Arc::clone(noted));
        }
        if looked < LOOK {
            // What is between was of no ring that is looked at.
            seen = rings.last();
        }
        drop(rings);
        self.place.pass(seen);
        for noted in wanted {
            let told = match self.tenant.as_deref() {
                Some(tenant) if noted.kind() == EventKind::Audit => match noted.happened() {
                    Happened::Audit(line) => {
                        let line = ledger::shown(line.clone(), tenant);
                        event(noted.seq, &Happened::Audit(line))
                    }
                    other => event(noted.seq, other),
                },
                _ => noted.written().map(|body| Event {
                    seq: noted.seq,
                    kind: noted.kind(),
                    body,
                }),
            };
            self.ready.extend(told);
        }
        if left_out > 0 {
            self.lookout.left_out(left_out);
            self.ready
                .extend(event(seen, &Happened::Gap(Gap { left_out })));
        }
    }
}

fn event(seq: u64, happened: &Happened) -> Option<Event> {
    Some(Event {
        seq,
        kind: happened.kind(),
        // Their fields are texts and numbers, which can always be written.
        body: serde_json::to_value(happened).ok()?,
    })
}

#[async_trait]
impl EventStream for Watcher {
    async fn next(&mut self) -> Option<Event> {
        let lookout = Arc::clone(&self.lookout);
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if lookout.is_closed() {
                return None;
            }
            let news = lookout.news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            let due = self.looked + BEAT;
            let now = Instant::now();
            if now < due {
                tokio::time::sleep(due - now).await;
            }
            self.looked = Instant::now();
            self.look();
            if self.ready.is_empty() && !lookout.is_closed() && lookout.last() <= self.place.seq() {
                news.await;
            }
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if self.messages {
            self.lookout.watchers.fetch_sub(1, Ordering::AcqRel);
        }
    }
}
