//! What happens on a node, told on its data bus: supervision becomes agent events, and a goal hears what concerns it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aios_protocols::Subject;
use aios_protocols::ports::DataBus;
use aios_protocols::subject::EventTopic;
use aios_supervisor::{EventKind, SupervisionEvent};
use aios_work::content::{AgentEvent, TaskEvent};
use bytes::Bytes;
use tokio::sync::broadcast;

use crate::metric;

/// Something a goal's watcher may want to see.
#[derive(Debug, Clone, PartialEq)]
pub enum GoalEvent {
    /// A task of the goal moved.
    Task(TaskEvent),
    /// An agent fell or came back.
    Agent(AgentEvent),
}

/// How often agents were restarted on this node.
#[derive(Debug, Default)]
pub(crate) struct Restarts(AtomicU64);

impl Restarts {
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Passes on what the tree tells, until the tree is gone.
pub(crate) async fn relay(
    mut tree: broadcast::Receiver<SupervisionEvent>,
    bus: Arc<dyn DataBus>,
    restarts: Arc<Restarts>,
) {
    loop {
        match tree.recv().await {
            Ok(event) => {
                if matches!(event.kind, EventKind::Restarting { .. }) {
                    restarts.0.fetch_add(1, Ordering::Relaxed);
                    metrics::counter!(metric::RESTARTS_TOTAL).increment(1);
                }
                if let Some(told) = told(&event)
                    && let Ok(payload) = serde_json::to_vec(&told)
                {
                    // A closed bus means that the node is going; there is nobody left to tell.
                    let _ = bus
                        .publish(
                            Subject::event(EventTopic::Agent, &told.agent),
                            Bytes::from(payload),
                        )
                        .await;
                }
            }
            Err(broadcast::error::RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "supervision events were missed");
            }
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

/// What people are told of an event; none for what concerns no agent.
fn told(event: &SupervisionEvent) -> Option<AgentEvent> {
    let agent = event.child.as_ref()?.to_string();
    let (kind, reason) = match &event.kind {
        EventKind::Started { .. } => ("started", None),
        EventKind::StartFailed { error } => ("exited", Some(error.to_string())),
        EventKind::Exited { reason, .. } => ("exited", Some(reason.to_string())),
        EventKind::Restarting { .. } => ("restarting", None),
        EventKind::GaveUp { .. } => ("gave-up", None),
        _ => return None,
    };
    let supervisor = event
        .supervisor
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .to_owned();
    Some(AgentEvent {
        agent,
        kind: kind.to_owned(),
        reason,
        supervisor,
    })
}
