//! How fast things happen, from what two looks at a node differ by.

use super::Look;

/// Looks whose rates are kept, for the line of them.
const KEPT: usize = 60;

/// What was counted at a look.
#[derive(Debug, Clone, Copy)]
struct Count {
    at: std::time::Instant,
    sent: u64,
    restarts: u64,
}

/// Rates of a node.
#[derive(Debug, Clone, Default)]
pub(super) struct Pulse {
    last: Option<Count>,
    /// Messages a second, the oldest first.
    pub(super) messages: Vec<f64>,
    /// Restarts a second, now.
    pub(super) restarts: f64,
}

impl Pulse {
    pub(super) fn see(&mut self, look: &Look) {
        let now = Count {
            at: look.at,
            sent: look.view.messages.sent,
            restarts: look.view.restarts,
        };
        if let Some(last) = self.last.replace(now) {
            let seconds = now.at.duration_since(last.at).as_secs_f64();
            if seconds <= 0.0 {
                return;
            }
            // A node that was started anew counts from zero.
            let rate = |now: u64, last: u64| now.saturating_sub(last) as f64 / seconds;
            self.restarts = rate(now.restarts, last.restarts);
            self.messages.push(rate(now.sent, last.sent));
            let surplus = self.messages.len().saturating_sub(KEPT);
            self.messages.drain(..surplus);
        }
    }

    /// Messages a second, now; none as long as there was one look alone.
    pub(super) fn now(&self) -> Option<f64> {
        self.messages.last().copied()
    }
}
