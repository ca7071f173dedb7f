//! What supervisors and the data bus tell, noted as events of the node.

use std::sync::{Arc, LazyLock};

use std::time::Instant;

use aios_actors::recovery::breakers::BreakerEvent;
use aios_control::{AgentHappened, BreakerHappened, EndedAgent, Happened};
use aios_protocols::SubjectPattern;
use aios_protocols::ports::Subscription;
use aios_protocols::subject::EventTopic;
use aios_supervisor::{EventKind, SupervisionEvent};
use aios_work::content::TaskEvent;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::{ENDED, HEIRS, Lookout};
use crate::{falls, measure, metric};

/// Events that wait to be noted: as many as a goal of a few thousand tasks tells in a burst.
pub(crate) const QUEUE: usize = 8_192;

/// Every event of the node.
pub(crate) static EVENTS: LazyLock<SubjectPattern> = LazyLock::new(|| {
    // The pattern is a constant of this file.
    "aios.events.>"
        .parse()
        .unwrap_or_else(|_| SubjectPattern::events(EventTopic::Task))
});

/// Notes what a tree tells, until the tree is gone.
pub(crate) async fn supervision(
    mut events: broadcast::Receiver<SupervisionEvent>,
    lookout: Arc<Lookout>,
) {
    // When what was put on record is to last.
    let mut lasting: Option<tokio::time::Instant> = None;
    loop {
        let event = tokio::select! {
            biased;
            () = at(lasting) => {
                lasting = None;
                let lookout = Arc::clone(&lookout);
                // It waits for the disk.
                let flushed = tokio::task::spawn_blocking(move || {
                    if let Some(falls) = lookout.falls.get() {
                        falls.flush();
                    }
                });
                let _ = flushed.await;
                continue;
            }
            event = events.recv() => event,
        };
        match event {
            Ok(event) => {
                if lookout.supervised(&event) {
                    let soon = tokio::time::Instant::now() + falls::LASTING_WITHIN;
                    lasting.get_or_insert(soon);
                }
            }
            Err(RecvError::Lagged(missed)) => {
                lookout.left_out(missed);
                tracing::warn!(
                    missed,
                    "supervision events are missing from the node's window"
                );
            }
            Err(RecvError::Closed) => return,
        }
    }
}

/// Returns at that moment; never for none.
async fn at(moment: Option<tokio::time::Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Notes what is told on the data bus, until it is closed.
pub(crate) async fn bus(mut events: Box<dyn Subscription>, lookout: Arc<Lookout>) {
    let of = |topic| SubjectPattern::events(topic);
    let (tasks, breakers) = (of(EventTopic::Task), of(EventTopic::Breaker));
    let counted = measure::Tasks::new();
    while let Some(delivery) = events.next().await {
        let happened = if tasks.matches(&delivery.subject) {
            let event = serde_json::from_slice::<TaskEvent>(&delivery.payload);
            let event = event.ok().inspect(|event| counted.moved(event));
            event.map(Happened::Task)
        } else if breakers.matches(&delivery.subject) {
            let event = serde_json::from_slice::<BreakerEvent>(&delivery.payload);
            event.ok().map(|event| {
                Happened::Breaker(BreakerHappened {
                    at: lookout.at(),
                    service: event.service,
                    state: event.state,
                    trips: event.trips,
                    last_error: event.last_error,
                })
            })
        } else {
            None
        };
        if let Some(happened) = happened {
            lookout.note(happened);
        }
    }
}

impl Lookout {
    /// Notes what a supervisor tells; whether it was put on record, too.
    fn supervised(&self, event: &SupervisionEvent) -> bool {
        let Some(mut told) = told(event, self.at()) else {
            return false;
        };
        let mut fell = false;
        match &event.kind {
            EventKind::Exited {
                incarnation,
                reason,
            } => {
                fell = reason.is_abnormal();
                let mut down = self.fell.lock();
                if down.len() < HEIRS {
                    down.insert(told.agent.clone(), Instant::now());
                }
                drop(down);
                let mut ended = self.ended.lock();
                if ended.len() >= ENDED {
                    ended.pop_front();
                }
                ended.push_back(EndedAgent {
                    at: told.at.clone(),
                    agent: told.agent.clone(),
                    supervisor: told.supervisor.clone(),
                    incarnation: *incarnation,
                    how: reason.label().to_owned(),
                    reason: reason.to_string(),
                    then: None,
                    in_hand: None,
                });
            }
            EventKind::Removed => {
                self.fell.lock().remove(&told.agent);
            }
            EventKind::Started { incarnation } => {
                // Told by the agent before its supervisor knew that it runs.
                told.in_hand = self.heirs.lock().remove(&told.agent);
                if let Some(since) = self.fell.lock().remove(&told.agent) {
                    metrics::histogram!(metric::RECOVERY_SECONDS).record(since.elapsed());
                    fell = *incarnation > 1;
                }
                let mut ended = self.ended.lock();
                let before = ended
                    .iter_mut()
                    .rev()
                    .find(|ended| ended.agent == told.agent && ended.supervisor == told.supervisor);
                if let Some(before) = before
                    && before.incarnation < *incarnation
                    && before.then.is_none()
                {
                    before.then = Some("restarted".to_owned());
                    before.in_hand.clone_from(&told.in_hand);
                }
            }
            EventKind::StartFailed { .. }
            | EventKind::Restarting { .. }
            | EventKind::KilledByLink { .. }
            | EventKind::KilledAtDeadline
            | EventKind::Stuck
            | EventKind::GaveUp { .. } => fell = true,
            _ => {}
        }
        let kept = self.falls.get().filter(|_| fell);
        if let Some(falls) = kept {
            let goals = self.under_way.lock().iter().cloned().collect();
            falls.write(&told, goals);
        }
        self.note(Happened::Agent(told));
        kept.is_some()
    }

    /// An agent was let rest, or goes on.
    pub(crate) fn rested(&self, agent: &str, supervisor: &str, kind: &str) {
        self.note(Happened::Agent(AgentHappened {
            kind: kind.to_owned(),
            ..plain(agent, supervisor, self.at())
        }));
    }
}

fn plain(agent: &str, supervisor: &str, at: String) -> AgentHappened {
    AgentHappened {
        at,
        agent: agent.to_owned(),
        supervisor: supervisor.to_owned(),
        kind: String::new(),
        reason: None,
        incarnation: None,
        attempt: None,
        delay_ms: None,
        in_hand: None,
    }
}

/// What is told of an event. A supervisor that gives up or leaves is told of by its own path.
fn told(event: &SupervisionEvent, at: String) -> Option<AgentHappened> {
    let who = event.child.as_deref().unwrap_or(&event.supervisor);
    let mut told = plain(who, &event.supervisor, at);
    let kind = match &event.kind {
        EventKind::Started { incarnation } => {
            told.incarnation = Some(*incarnation);
            "started"
        }
        EventKind::StartFailed { error } => {
            told.reason = Some(error.to_string());
            "start_failed"
        }
        EventKind::Exited {
            incarnation,
            reason,
        } => {
            told.incarnation = Some(*incarnation);
            told.reason = Some(reason.to_string());
            "exited"
        }
        EventKind::Restarting { attempt, delay } => {
            told.attempt = Some(*attempt);
            told.delay_ms = Some(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
            "restarting"
        }
        EventKind::Stopping => "stopping",
        EventKind::KilledAtDeadline => "killed_at_deadline",
        EventKind::Stuck => "stuck",
        EventKind::KilledByLink {
            incarnation,
            with,
            reason,
        } => {
            told.incarnation = Some(*incarnation);
            let why = reason
                .as_ref()
                .map_or_else(String::new, |it| format!(": {it}"));
            told.reason = Some(format!("linked to {with}{why}"));
            "killed_by_link"
        }
        EventKind::Removed => "removed",
        EventKind::GaveUp { restarts, within } => {
            told.reason = Some(format!(
                "more than {restarts} restarts within {} ms",
                within.as_millis()
            ));
            "gave_up"
        }
        EventKind::AutoShutdown => "auto_shutdown",
        EventKind::Ignored | EventKind::Ready | EventKind::Stopped { .. } => return None,
    };
    told.kind = kind.to_owned();
    Some(told)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aios_actors::agent::SystemClock;
    use aios_control::InHand;
    use aios_supervisor::ExitReason;

    use super::*;

    fn event(kind: EventKind) -> SupervisionEvent {
        SupervisionEvent {
            supervisor: "node/macro".into(),
            child: Some("macro.planner.001@local".into()),
            kind,
            at: Duration::ZERO,
        }
    }

    #[test]
    fn an_end_is_kept_with_its_reason_and_with_what_followed() {
        let lookout = Lookout::new(Arc::new(SystemClock));
        let agent = "macro.planner.001@local";
        for incarnation in 1..=250 {
            lookout.supervised(&event(EventKind::Started { incarnation }));
            lookout.supervised(&event(EventKind::Exited {
                incarnation,
                reason: ExitReason::Failed("it broke".to_owned()),
            }));
        }
        let held = InHand {
            more: 3,
            ..InHand::default()
        };
        lookout.heirs.lock().insert(agent.to_owned(), held.clone());
        lookout.supervised(&event(EventKind::Started { incarnation: 251 }));
        let ended = lookout.ended();
        assert_eq!(ended.len(), ENDED);
        let last = &ended[0];
        assert_eq!((last.incarnation, last.how.as_str()), (250, "failed"));
        assert_eq!(last.reason, "failed: it broke");
        assert_eq!(last.then.as_deref(), Some("restarted"));
        assert_eq!(last.in_hand, Some(held));
        assert!(lookout.heirs.lock().is_empty());
        assert_eq!(ended[1].in_hand, None);
    }
}
