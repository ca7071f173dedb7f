//! The circuit breakers of one world, one per service. They live on the world's clock and tell what changes on its data bus.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aios_protocols::ports::DataBus;
use aios_protocols::subject::EventTopic;
use aios_protocols::{Subject, Timestamp};
use aios_supervisor::{Breaker, BreakerSettings, BreakerState, Permit};
use bytes::Bytes;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::agent::Clock;

/// Names of services that have a breaker.
pub mod service {
    /// The model's text.
    pub const GENERATE: &str = "engine.generate";
    /// The model's vectors.
    pub const EMBED: &str = "engine.embed";
    /// The critic.
    pub const CRITIC: &str = "critic";
    /// The memory's recall.
    pub const RECALL: &str = "memory.recall";

    /// A tool; those of one server, `server__tool`, are one service, because they fall together.
    #[must_use]
    pub fn tool(name: &str) -> String {
        let (service, _) = name.split_once("__").unwrap_or((name, ""));
        format!("tool.{service}")
    }
}

/// Services that may have a breaker; a name beyond them shares the last one's fate with nobody and is let through unwatched.
const SERVICES: usize = 256;
/// Bytes kept of the last error.
const ERROR_BYTES: usize = 300;

/// Why a call was not let through.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{service} is resting after repeated failures ({last_error}); try again in {} ms", retry_after.as_millis())]
pub struct Resting {
    /// Which service.
    pub service: String,
    /// What its breaker is doing.
    pub state: BreakerState,
    /// When the next call may go through.
    pub retry_after: Duration,
    /// The failure that was seen last.
    pub last_error: String,
}

/// A breaker changed; published on `aios.events.breaker.{service}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BreakerEvent {
    /// Which service.
    pub service: String,
    /// What its breaker does now.
    pub state: String,
    /// Openings since it was last closed.
    pub trips: u32,
    /// The failure that was seen last.
    pub last_error: String,
}

/// A picture of one breaker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BreakerView {
    /// Which service.
    pub service: String,
    /// `closed`, `open`, `half-open` or `safe-mode`.
    pub state: String,
    /// The share of calls let through, 0 to 1; 0 while it rests, though its rest may be over.
    pub share: f64,
    /// Openings since it was last closed.
    pub trips: u32,
    /// How long it still rests, in milliseconds.
    pub retry_after_ms: u64,
    /// Calls that were not let through, since the start.
    pub rejected: u64,
    /// The failure that was seen last; empty if there was none.
    pub last_error: String,
}

/// All breakers of one world. Cheap to clone; clones are the same breakers.
#[derive(Clone)]
pub struct Breakers(Arc<Inner>);

struct Inner {
    clock: Arc<dyn Clock>,
    began: Timestamp,
    bus: Option<Arc<dyn DataBus>>,
    slots: Mutex<BTreeMap<String, Slot>>,
}

struct Slot {
    breaker: Breaker,
    last_error: String,
    rejected: u64,
}

/// A call that was let through. Say how it went; dropped, it says nothing about the service (the caller went away).
#[must_use = "the breaker learns only from outcomes it is told"]
pub struct Pass {
    breakers: Breakers,
    service: String,
    permit: Option<Permit>,
}

impl Breakers {
    pub(crate) fn new(clock: Arc<dyn Clock>, bus: Option<Arc<dyn DataBus>>) -> Self {
        let began = clock.now();
        Self(Arc::new(Inner {
            clock,
            began,
            bus,
            slots: Mutex::default(),
        }))
    }

    fn now(&self) -> Duration {
        self.time().since(self.0.began)
    }

    /// The world's time.
    pub(crate) fn time(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Asks to call a service.
    ///
    /// # Errors
    /// When it rests: who calls uses its fallback at once.
    pub fn admit(&self, service: &str) -> Result<Pass, Resting> {
        let now = self.now();
        let mut slots = self.0.slots.lock();
        if !slots.contains_key(service) {
            if slots.len() >= SERVICES {
                return Ok(self.pass(service, None));
            }
            slots.insert(service.to_owned(), Slot::new(service));
        }
        let Some(slot) = slots.get_mut(service) else {
            return Ok(self.pass(service, None));
        };
        let before = label(slot.breaker.state());
        let admitted = slot.breaker.admit(now);
        let changed = label(slot.breaker.state()) != before;
        let event = changed.then(|| slot.event(service));
        let result = match admitted {
            Ok(permit) => Ok(self.pass(service, Some(permit))),
            Err(rejected) => {
                slot.rejected += 1;
                metrics::counter!(metric::REJECTED_TOTAL, "service" => service.to_owned())
                    .increment(1);
                Err(Resting {
                    service: service.to_owned(),
                    state: rejected.state,
                    retry_after: rejected.retry_after,
                    last_error: slot.last_error.clone(),
                })
            }
        };
        drop(slots);
        self.tell(event);
        result
    }

    fn pass(&self, service: &str, permit: Option<Permit>) -> Pass {
        Pass {
            breakers: self.clone(),
            service: service.to_owned(),
            permit,
        }
    }

    /// Whether a service lets nothing through now; nothing is admitted and nothing counted.
    #[must_use]
    pub fn resting(&self, service: &str) -> Option<Resting> {
        let now = self.now();
        let slots = self.0.slots.lock();
        let slot = slots.get(service)?;
        let retry_after = slot.breaker.rests_for(now)?;
        Some(Resting {
            service: service.to_owned(),
            state: slot.breaker.state(),
            retry_after,
            last_error: slot.last_error.clone(),
        })
    }

    /// Closes a breaker by hand: somebody knows that the service is well. False if there is none of this name.
    pub fn close(&self, service: &str) -> bool {
        let mut slots = self.0.slots.lock();
        let Some(slot) = slots.get_mut(service) else {
            return false;
        };
        let changed = slot.breaker.state() != BreakerState::Closed;
        slot.breaker.close();
        let event = changed.then(|| slot.event(service));
        drop(slots);
        self.tell(event);
        true
    }

    /// Every breaker that was ever asked, by name.
    #[must_use]
    pub fn view(&self) -> Vec<BreakerView> {
        let now = self.now();
        let slots = self.0.slots.lock();
        slots
            .iter()
            .map(|(service, slot)| {
                let state = slot.breaker.state();
                BreakerView {
                    service: service.clone(),
                    state: label(state).to_owned(),
                    share: match state {
                        BreakerState::Closed => 1.0,
                        BreakerState::HalfOpen { share } => share,
                        BreakerState::Open | BreakerState::SafeMode => 0.0,
                    },
                    trips: slot.breaker.trips(),
                    retry_after_ms: slot.breaker.rests_for(now).map_or(0, |rest| {
                        u64::try_from(rest.as_millis()).unwrap_or(u64::MAX)
                    }),
                    rejected: slot.rejected,
                    last_error: slot.last_error.clone(),
                }
            })
            .collect()
    }

    fn record(&self, service: &str, permit: Permit, error: Option<String>) {
        let now = self.now();
        let mut slots = self.0.slots.lock();
        let Some(slot) = slots.get_mut(service) else {
            return;
        };
        let success = error.is_none();
        if let Some(error) = error {
            slot.last_error = start(&error);
        }
        let changed = slot.breaker.record(permit, success, now).is_some();
        let event = changed.then(|| slot.event(service));
        drop(slots);
        self.tell(event);
    }

    /// Counts and publishes a change, beside whoever caused it.
    fn tell(&self, event: Option<BreakerEvent>) {
        let Some(event) = event else { return };
        tracing::warn!(
            service = event.service,
            state = event.state,
            trips = event.trips,
            error = event.last_error,
            "breaker changed"
        );
        if event.state == label(BreakerState::Open) {
            metrics::counter!(metric::TRIPS_TOTAL, "service" => event.service.clone()).increment(1);
        }
        metrics::counter!(metric::CHANGES_TOTAL, "service" => event.service.clone(), "state" => event.state.clone())
            .increment(1);
        let (Some(bus), Ok(runtime)) = (self.0.bus.clone(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        if let Ok(payload) = serde_json::to_vec(&event) {
            runtime.spawn(async move {
                let subject = Subject::event(EventTopic::Breaker, &event.service);
                if let Err(error) = bus.publish(subject, Bytes::from(payload)).await {
                    tracing::debug!(%error, "a breaker event was not published");
                }
            });
        }
    }
}

impl Slot {
    fn new(service: &str) -> Self {
        let settings = if service.starts_with("engine.") {
            BreakerSettings::inference()
        } else {
            BreakerSettings::default()
        };
        Self {
            breaker: Breaker::new(settings),
            last_error: String::new(),
            rejected: 0,
        }
    }

    fn event(&self, service: &str) -> BreakerEvent {
        BreakerEvent {
            service: service.to_owned(),
            state: label(self.breaker.state()).to_owned(),
            trips: self.breaker.trips(),
            last_error: self.last_error.clone(),
        }
    }
}

impl Pass {
    /// The service did its work, or had every right to refuse it.
    pub fn succeeded(mut self) {
        if let Some(permit) = self.permit.take() {
            self.breakers.record(&self.service, permit, None);
        }
    }

    /// The service failed.
    pub fn failed(mut self, why: impl Into<String>) {
        if let Some(permit) = self.permit.take() {
            self.breakers
                .record(&self.service, permit, Some(why.into()));
        }
    }
}

fn label(state: BreakerState) -> &'static str {
    match state {
        BreakerState::Closed => "closed",
        BreakerState::Open => "open",
        BreakerState::HalfOpen { .. } => "half-open",
        BreakerState::SafeMode => "safe-mode",
    }
}

fn start(text: &str) -> String {
    let mut end = text.len().min(ERROR_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// Names of what breakers count. The services of a node are a closed list, so the label is bounded.
pub mod metric {
    /// Changes of state; labels `service` and `state`.
    pub const CHANGES_TOTAL: &str = "aios_breaker_changes_total";
    /// Times a breaker opened; label `service`.
    pub const TRIPS_TOTAL: &str = "aios_breaker_trips_total";
    /// Calls not let through; label `service`.
    pub const REJECTED_TOTAL: &str = "aios_breaker_rejected_total";

    /// Tells the installed recorder what the names mean.
    pub fn describe() {
        metrics::describe_counter!(
            CHANGES_TOTAL,
            "changes of a circuit breaker, by service and new state"
        );
        metrics::describe_counter!(TRIPS_TOTAL, "times a circuit breaker opened, by service");
        metrics::describe_counter!(
            REJECTED_TOTAL,
            "calls a circuit breaker did not let through"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::ManualClock;

    fn world() -> (Arc<ManualClock>, Breakers) {
        let clock = Arc::new(ManualClock::at(Timestamp::since_epoch(
            Duration::from_secs(1_000),
        )));
        let breakers = Breakers::new(Arc::clone(&clock) as Arc<dyn Clock>, None);
        (clock, breakers)
    }

    fn fail(breakers: &Breakers, service: &str, times: u32) {
        for _ in 0..times {
            breakers.admit(service).unwrap().failed("it broke");
        }
    }

    #[test]
    fn each_service_has_its_own_and_engines_trip_sooner() {
        let (_, breakers) = world();
        fail(&breakers, service::GENERATE, 3);
        fail(&breakers, "tool.sql", 4);
        let resting = breakers.admit(service::GENERATE).err().unwrap();
        assert_eq!(resting.retry_after, Duration::from_secs(15));
        assert!(resting.to_string().contains("it broke"), "{resting}");
        assert!(breakers.admit("tool.sql").is_ok());
        assert!(breakers.admit(service::EMBED).is_ok());
        let states: Vec<_> = breakers
            .view()
            .into_iter()
            .map(|view| (view.service, view.state, view.rejected))
            .collect();
        assert_eq!(
            states,
            [
                (service::EMBED.to_owned(), "closed".to_owned(), 0),
                (service::GENERATE.to_owned(), "open".to_owned(), 1),
                ("tool.sql".to_owned(), "closed".to_owned(), 0),
            ]
        );
    }

    #[test]
    fn a_call_that_was_let_go_says_nothing_and_a_closed_one_starts_anew() {
        let (clock, breakers) = world();
        for _ in 0..10 {
            drop(breakers.admit("critic").unwrap());
        }
        assert!(breakers.resting("critic").is_none());
        fail(&breakers, "critic", 5);
        assert!(breakers.resting("critic").is_some());
        clock.advance(Duration::from_secs(30));
        assert!(breakers.resting("critic").is_none(), "its rest is over");
        assert!(breakers.close("critic") && !breakers.close("nobody"));
        assert_eq!(breakers.view()[0].state, "closed");
    }
}
