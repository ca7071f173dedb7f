//! The trace of a goal: which goal it is of, and the span that all others are below.

use std::sync::atomic::Ordering;

use aios_actors::SpanSeen;
use aios_protocols::{Timestamp, TraceContext};

use super::Lookout;

impl Lookout {
    /// From now on spans are handed in here.
    #[cfg(feature = "telemetry")]
    pub(crate) fn trace_to(&self, spans: crate::telemetry::otlp::Spans) {
        if self.spans.set(spans).is_ok() {
            self.tracing.store(true, Ordering::Release);
        }
    }

    pub(super) fn is_traced(&self) -> bool {
        self.tracing.load(Ordering::Relaxed)
    }

    pub(super) fn handed_in(&self, span: SpanSeen) {
        #[cfg(feature = "telemetry")]
        if let Some(spans) = self.spans.get() {
            spans.hand_in(span);
        }
        #[cfg(not(feature = "telemetry"))]
        drop(span);
    }

    /// All that was done for a goal is over; what else is known of it is below this span.
    pub(crate) fn whole(
        &self,
        goal_id: &str,
        (at, parent): (TraceContext, Option<[u8; 8]>),
        began: Timestamp,
        error: Option<String>,
    ) {
        if !self.is_traced() {
            return;
        }
        self.handed_in(SpanSeen {
            at,
            parent,
            operation: "user_request",
            what: String::new(),
            cause: None,
            agent: None,
            began,
            ended: self.now(),
            attributes: vec![
                ("gen_ai.operation.name", "invoke_workflow".to_owned()),
                ("aios.goal.id", goal_id.to_owned()),
            ],
            error,
        });
    }
}
