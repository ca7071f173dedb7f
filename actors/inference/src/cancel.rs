//! A flag by which an asker calls its work off; the engine looks at it between two tokens.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Shared by the asker and the work: once raised it stays raised.
#[derive(Clone, Debug, Default)]
pub struct CancelFlag(Arc<Flag>);

#[derive(Debug, Default)]
struct Flag {
    raised: AtomicBool,
    parent: Option<CancelFlag>,
}

impl CancelFlag {
    /// A flag that nobody has raised.
    pub fn new() -> Self {
        Self::default()
    }

    /// A flag of its own that also counts as raised when this one is: one call of several can be called off alone.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(Arc::new(Flag {
            raised: AtomicBool::new(false),
            parent: Some(self.clone()),
        }))
    }

    /// Calls the work off.
    pub fn cancel(&self) {
        self.0.raised.store(true, Ordering::Release);
    }

    /// Whether the work was called off.
    pub fn is_cancelled(&self) -> bool {
        self.0.raised.load(Ordering::Acquire)
            || self.0.parent.as_ref().is_some_and(Self::is_cancelled)
    }
}

#[cfg(test)]
mod tests {
    use super::CancelFlag;

    #[test]
    fn a_child_is_raised_by_its_parent_and_never_the_other_way_round() {
        let parent = CancelFlag::new();
        let (one, other) = (parent.child(), parent.child());
        one.cancel();
        assert_eq!(
            [
                parent.is_cancelled(),
                one.is_cancelled(),
                other.is_cancelled()
            ],
            [false, true, false]
        );
        parent.cancel();
        assert_eq!(
            [
                parent.is_cancelled(),
                one.is_cancelled(),
                other.is_cancelled()
            ],
            [true, true, true]
        );
    }
}
