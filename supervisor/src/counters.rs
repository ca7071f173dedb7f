//! One supervisor's counters, looked up once when it starts.

use metrics::{Counter, counter};

use crate::{events::EventKind, exit::ExitReason, metric_names as names};

pub(crate) struct Counters {
    starts: Counter,
    start_failures: Counter,
    restarts: Counter,
    deadline_kills: Counter,
    escalations: Counter,
    exits: [(&'static str, Counter); 6],
}

impl Counters {
    pub(crate) fn new(path: &str) -> Self {
        let plain = |name: &'static str| counter!(name, "supervisor" => path.to_string());
        let exit = |reason: ExitReason| {
            let label = reason.label();
            (
                label,
                counter!(names::EXITS_TOTAL, "supervisor" => path.to_string(), "reason" => label),
            )
        };
        Self {
            starts: plain(names::STARTS_TOTAL),
            start_failures: plain(names::START_FAILURES_TOTAL),
            restarts: plain(names::RESTARTS_TOTAL),
            deadline_kills: plain(names::DEADLINE_KILLS_TOTAL),
            escalations: plain(names::ESCALATIONS_TOTAL),
            exits: [
                exit(ExitReason::Normal),
                exit(ExitReason::Shutdown(String::new())),
                exit(ExitReason::Failed(String::new())),
                exit(ExitReason::Killed),
                exit(ExitReason::Cancelled),
                exit(ExitReason::Abandoned),
            ],
        }
    }

    pub(crate) fn count(&self, kind: &EventKind) {
        match kind {
            EventKind::Started { .. } => self.starts.increment(1),
            EventKind::StartFailed { .. } => self.start_failures.increment(1),
            EventKind::Restarting { .. } => self.restarts.increment(1),
            EventKind::KilledAtDeadline => self.deadline_kills.increment(1),
            EventKind::GaveUp { .. } => self.escalations.increment(1),
            EventKind::Exited { reason, .. } => {
                if let Some((_, counter)) = self
                    .exits
                    .iter()
                    .find(|(label, _)| *label == reason.label())
                {
                    counter.increment(1);
                }
            }
            _ => {}
        }
    }
}
