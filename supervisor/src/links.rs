//! Monitors and links between children that need not be siblings. A monitor learns how one generation of a child ended;
//! a link carries an abnormal end over to the other side as a kill, which that one's supervisor answers by its policy.
//!
//! Both are told by the record of the child's supervisor in the moment the end is heard (see [`crate::ends`]); none of
//! them looks at what the child is doing afterwards.

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
};

use parking_lot::Mutex;
use ractor::{ActorCell, ActorStatus};
use tokio::sync::{Notify, oneshot};

use crate::{
    ends::Ended,
    events::{EventKind, SupervisionEvent},
    reference::ChildHandle,
};

/// The end of one generation, waited for since [`ChildHandle::ended`] was called.
///
/// Dropped, it leaves nothing behind. Its answer comes even when the child's record, its supervisor or the whole tree is
/// gone by then.
#[derive(Debug)]
#[must_use = "a monitor tells what it heard when it is awaited"]
pub struct Monitor(Hears);

#[derive(Debug)]
enum Hears {
    /// It was known when it was asked for; taken by the first poll that tells it.
    Known(Option<Ended>),
    Waits {
        answer: oneshot::Receiver<Ended>,
        _place: Place,
    },
}

impl Future for Monitor {
    type Output = Ended;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Ended> {
        let ended = match &mut self.0 {
            Hears::Known(ended) => ended.take(),
            Hears::Waits { answer, .. } => ready!(Pin::new(answer).poll(context)).ok(),
        };
        self.0 = Hears::Known(None);
        Poll::Ready(ended.unwrap_or(Ended::Unknown))
    }
}

/// Where somebody waits; dropped, nobody waits there any more.
struct Place {
    child: ChildHandle,
    incarnation: u64,
    ticket: u64,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place")
            .field("child", &self.child)
            .field("incarnation", &self.incarnation)
            .finish_non_exhaustive()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut ends = self.child.shared.ends.lock();
        let left = ends.disarm(&self.child.id, self.incarnation, self.ticket);
        drop(ends);
        // A link's sides know each other's records: not to be dropped under the lock.
        drop(left);
    }
}

/// Who is told of an end.
pub(crate) enum Watcher {
    Monitor(oneshot::Sender<Ended>),
    Link(Arc<Knot>, Side),
}

impl Watcher {
    /// To be called with no record's lock held: a link reaches for the other side.
    pub(crate) fn hear(self, ended: Ended) {
        match self {
            // Whoever asked may have gone in this moment.
            Self::Monitor(answer) => drop(answer.send(ended)),
            Self::Link(knot, side) => knot.hear(side, ended),
        }
    }

    pub(crate) fn all_hear(watchers: Vec<Self>, ended: &Ended) {
        for watcher in watchers {
            watcher.hear(ended.clone());
        }
    }
}

/// Two children that fall together as long as this lives.
#[must_use = "a link ends when it is dropped"]
pub struct Link {
    knot: Arc<Knot>,
    _places: Vec<Place>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Link")
            .field(&self.knot.sides[0].child)
            .field(&self.knot.sides[1].child)
            .finish()
    }
}

/// What ended a link: the end of one of its two generations, the first that was heard of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkEnd {
    /// Path of the child that ended: its supervisor's names and its own, joined by `/`.
    pub child: Arc<str>,
    /// The generation that ended.
    pub incarnation: u64,
    /// How it ended; an abnormal end has killed the other side.
    pub how: Ended,
}

impl Link {
    /// Waits until one of the two generations has ended, in whatever manner.
    pub async fn ended(&self) -> LinkEnd {
        loop {
            let mut over = pin!(self.knot.over.notified());
            // Registered before looking, so that an end in between is not missed.
            over.as_mut().enable();
            if let State::Over(end) = &*self.knot.state.lock() {
                return end.clone();
            }
            over.await;
        }
    }
}

impl Drop for Link {
    /// From here on nobody is killed by this link: either it has been, or it never will.
    fn drop(&mut self) {
        let mut state = self.knot.state.lock();
        if matches!(*state, State::Tied) {
            *state = State::Cut;
        }
    }
}

/// What two records hold of one link.
pub(crate) struct Knot {
    sides: [Tied; 2],
    state: Mutex<State>,
    over: Notify,
}

enum State {
    Tied,
    Cut,
    Over(LinkEnd),
}

/// One of the two generations.
struct Tied {
    child: ChildHandle,
    incarnation: u64,
    cell: ActorCell,
}

/// Which of the two.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Side {
    One,
    Two,
}

impl Side {
    fn this(self) -> usize {
        match self {
            Self::One => 0,
            Self::Two => 1,
        }
    }

    fn other(self) -> usize {
        1 - self.this()
    }
}

impl Knot {
    /// The first end that is heard decides; the second finds nothing to do.
    fn hear(&self, side: Side, ended: Ended) {
        let mut state = self.state.lock();
        if !matches!(*state, State::Tied) {
            return;
        }
        let (fallen, survivor) = (&self.sides[side.this()], &self.sides[side.other()]);
        let end = LinkEnd {
            child: format!("{}/{}", fallen.child.shared.path, fallen.child.id).into(),
            incarnation: fallen.incarnation,
            how: ended,
        };
        if carries_over(&end.how) {
            // Under the lock, so that a link whose drop has returned kills nobody.
            survivor.fall_with(&end);
        }
        *state = State::Over(end);
        drop(state);
        self.over.notify_waiters();
    }
}

/// Whether one side's end is the other's too. One that is not known to be orderly counts as abnormal.
fn carries_over(ended: &Ended) -> bool {
    match ended {
        Ended::With(exit) => exit.is_abnormal(),
        Ended::Unknown => true,
    }
}

impl Tied {
    /// Kills exactly the generation that was linked: the cell is its own, a later one has another.
    fn fall_with(&self, end: &LinkEnd) {
        if self.cell.get_status() == ActorStatus::Stopped {
            return;
        }
        let shared = &self.child.shared;
        let reason = match &end.how {
            Ended::With(exit) => Some(exit.clone()),
            Ended::Unknown => None,
        };
        // Fails only when nobody listens.
        let _ = shared.env.events.send(SupervisionEvent {
            supervisor: Arc::clone(&shared.path),
            child: Some(Arc::clone(&self.child.id)),
            kind: EventKind::KilledByLink {
                incarnation: self.incarnation,
                with: Arc::clone(&end.child),
                reason,
            },
            at: shared.env.now(),
        });
        self.cell.kill();
    }
}

impl ChildHandle {
    /// Waits until a generation of the child has ended, and tells how. It waits from this call on, not from the first
    /// poll of what it returns: whatever happens after it returned is heard, once, with the reason of exactly this
    /// generation.
    ///
    /// Asked about a generation that has ended already, it answers at once: with the reason when that was the child's last
    /// end and the child is still on record, else [`Ended::Unknown`].
    ///
    /// A generation whose start fails ends with [`Failed`](crate::ExitReason::Failed), one that declines to run with
    /// [`Normal`](crate::ExitReason::Normal). One that lives when its supervisor is killed ends with
    /// [`Killed`](crate::ExitReason::Killed), told at once, and so does one whose own end the supervisor had not heard of
    /// by then.
    pub fn ended(&self, incarnation: u64) -> Monitor {
        let (answer, hears) = oneshot::channel();
        match self.arm(incarnation, Watcher::Monitor(answer)) {
            Ok(place) => Monitor(Hears::Waits {
                answer: hears,
                _place: place,
            }),
            Err((_, ended)) => Monitor(Hears::Known(Some(ended))),
        }
    }

    /// Links the generations that run now: when one of them ends abnormally, the other is killed, and the tree's events
    /// and [`Link::ended`] tell with whom it fell and why. One that is on its way out when it is linked still counts.
    /// `None` when one of them does not run.
    ///
    /// A link is of two generations: those that come back later are to be linked anew. When both end at once, the end
    /// that is heard first is the link's, and nobody is killed twice.
    pub fn link(&self, other: &ChildHandle) -> Option<Link> {
        let sides = [self.tied()?, other.tied()?];
        let knot = Arc::new(Knot {
            sides,
            state: Mutex::new(State::Tied),
            over: Notify::new(),
        });
        let mut places = Vec::with_capacity(2);
        for side in [Side::One, Side::Two] {
            let tied = &knot.sides[side.this()];
            match tied
                .child
                .arm(tied.incarnation, Watcher::Link(Arc::clone(&knot), side))
            {
                Ok(place) => places.push(place),
                // It ended between the two looks.
                Err((watcher, ended)) => watcher.hear(ended),
            }
        }
        Some(Link {
            knot,
            _places: places,
        })
    }

    fn tied(&self) -> Option<Tied> {
        let (incarnation, cell) = self.shared.book.lock().running(&self.id)?;
        Some(Tied {
            child: self.clone(),
            incarnation,
            cell,
        })
    }

    /// Looks and waits in one step: an end is either known here or will be told to the watcher.
    fn arm(&self, incarnation: u64, watcher: Watcher) -> Result<Place, (Watcher, Ended)> {
        let book = self.shared.book.lock();
        if let Some(ended) = book.how_ended(&self.id, incarnation) {
            return Err((watcher, ended));
        }
        let ticket = self.shared.ends.lock().arm(&self.id, incarnation, watcher);
        drop(book);
        Ok(Place {
            child: self.clone(),
            incarnation,
            ticket,
        })
    }
}

#[cfg(test)]
mod tests {
    use ractor::{Actor, ActorProcessingErr, ActorRef};

    use super::*;
    use crate::{
        child_spec::ChildSpec, exit::ExitReason, spec::SupervisorSpec, supervisor::Supervisor,
    };

    #[test]
    fn only_an_orderly_end_is_nobody_elses_business() {
        for (ended, carried) in [
            (Ended::With(ExitReason::Normal), false),
            (Ended::With(ExitReason::Shutdown("shutdown".into())), false),
            (Ended::With(ExitReason::Failed("boom".into())), true),
            (Ended::With(ExitReason::Killed), true),
            (Ended::With(ExitReason::Cancelled), true),
            (Ended::With(ExitReason::Abandoned), true),
            (Ended::Unknown, true),
        ] {
            assert_eq!(carries_over(&ended), carried, "{ended:?}");
        }
    }

    struct Idle;

    impl Actor for Idle {
        type Msg = ();
        type State = ();
        type Arguments = ();

        async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_no_more_is_on_no_record() {
        let spec = SupervisorSpec::new("root")
            .children(["a", "b"].map(|id| ChildSpec::worker(id, || (Idle, ()))));
        let root = Supervisor::start(spec).await.unwrap();
        let (a, b) = (root.child("a").unwrap(), root.child("b").unwrap());
        let nobody_waits = || root.shared.ends.lock().is_empty();
        assert!(nobody_waits());
        let (monitor, link) = (a.ended(1), a.link(&b).unwrap());
        assert!(!nobody_waits());
        assert!(format!("{monitor:?}").contains("\"a\""), "{monitor:?}");
        assert!(format!("{link:?}").contains("\"b\""), "{link:?}");
        drop(monitor);
        drop(link);
        assert!(nobody_waits());
        let (heard, link) = (a.ended(1), a.link(&b).unwrap());
        root.terminate_child("a").await.unwrap();
        heard.await;
        assert!(!nobody_waits(), "b's side");
        drop(link);
        assert!(nobody_waits());
        root.stop().await;
    }
    /// An end is on its way to a link that is dropped in this moment.
    #[tokio::test(start_paused = true)]
    async fn a_link_that_has_been_dropped_kills_nobody() {
        let spec = SupervisorSpec::new("root")
            .children(["a", "b"].map(|id| ChildSpec::worker(id, || (Idle, ()))));
        let root = Supervisor::start(spec).await.unwrap();
        let (a, b) = (root.child("a").unwrap(), root.child("b").unwrap());
        for (dropped, generation) in [(true, 1), (false, 2)] {
            let link = a.link(&b).unwrap();
            let watchers = root.shared.ends.lock().end(a.id(), 1);
            assert_eq!(watchers.len(), 1);
            let kept = if dropped {
                drop(link);
                None
            } else {
                Some(link)
            };
            Watcher::all_hear(watchers, &Ended::With(ExitReason::Killed));
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            assert_eq!(b.incarnation(), Some(generation), "dropped: {dropped}");
            drop(kept);
        }
        root.stop().await;
    }
}
