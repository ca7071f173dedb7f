//! A flag by which an asker calls its work off; an engine looks at it between two tokens, or waits for it beside a socket.

use tokio_util::sync::CancellationToken;

/// Shared by the asker and the work: once raised it stays raised.
#[derive(Clone, Debug, Default)]
pub struct CancelFlag(CancellationToken);

impl CancelFlag {
    /// A flag that nobody has raised.
    pub fn new() -> Self {
        Self::default()
    }

    /// A flag of its own that also counts as raised when this one is: one call of several can be called off alone.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(self.0.child_token())
    }

    /// Calls the work off.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Whether the work was called off.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Returns once the work is called off.
    pub async fn cancelled(&self) {
        self.0.cancelled().await;
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
