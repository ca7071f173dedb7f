//! Monitors and links between children that need not be siblings. A monitor learns how one generation of a child ended;
//! a link carries an abnormal end over to the other side as a kill, which that one's supervisor answers by its policy.

use tokio::task::AbortHandle;

use crate::{
    exit::ExitReason,
    reference::ChildHandle,
    snapshot::{ChildState, SupervisorState},
};

/// What a monitor learns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// This generation ended so.
    With(ExitReason),
    /// It is not there any more, and how it ended is not known: its record is gone, or later generations have ended
    /// meanwhile.
    Unknown,
}

/// Two children that fall together as long as this lives.
#[derive(Debug)]
#[must_use = "a link ends when it is dropped"]
pub struct Link(AbortHandle);

impl Drop for Link {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl ChildHandle {
    /// Waits until a generation of the child has ended; at once when it has already.
    pub async fn ended(&self, incarnation: u64) -> Ended {
        self.when_changed(|handle| handle.how_ended(incarnation))
            .await
    }

    fn how_ended(&self, incarnation: u64) -> Option<Ended> {
        let Some(view) = self.view() else {
            return Some(Ended::Unknown);
        };
        let last = |exit: Option<ExitReason>| Some(exit.map_or(Ended::Unknown, Ended::With));
        let alive =
            view.pid.is_some() || matches!(view.state, ChildState::Starting | ChildState::Stopping);
        match view.incarnation.checked_sub(incarnation) {
            // Not started yet.
            None => None,
            Some(0) if self.supervisor_state() == SupervisorState::Down => last(view.last_exit),
            Some(0) if alive => None,
            // The actor is gone but not yet all of it; the record follows.
            Some(0) if view.state == ChildState::Running => None,
            Some(0) => last(view.last_exit),
            Some(1) if alive || view.state == ChildState::Running => last(view.last_exit),
            Some(_) => Some(Ended::Unknown),
        }
    }

    /// Links the generations that run now: when one of them ends abnormally, the other is killed. `None` when one of
    /// them does not run.
    pub fn link(&self, other: &ChildHandle) -> Option<Link> {
        let (one, two) = (self.cell()?, other.cell()?);
        let (first, second) = (self.clone(), other.clone());
        let (first_is, second_is) = (first.incarnation()?, second.incarnation()?);
        let task = tokio::spawn(async move {
            let (ended, survivor) = tokio::select! {
                ended = first.ended(first_is) => (ended, two),
                ended = second.ended(second_is) => (ended, one),
            };
            if matches!(ended, Ended::With(reason) if reason.is_abnormal()) {
                survivor.kill();
            }
        });
        Some(Link(task.abort_handle()))
    }
}
