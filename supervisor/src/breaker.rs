//! A circuit breaker for one service, pure: it is told the time and never looks at a clock.
//!
//! closed -> open after too many errors in a window -> half-open after a rest, where a growing share of calls is let
//! through as probes -> closed when enough of them succeed, else open again. A service that keeps falling back is put
//! in safe mode: a long rest during which its callers use what needs no service at all (templates, cached answers).

use std::{collections::VecDeque, time::Duration};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// When a breaker trips and how it recovers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BreakerSettings {
    /// Errors that open it...
    pub errors: u32,
    /// ...within this span.
    pub within: Duration,
    /// Rest before the first probe.
    pub open_for: Duration,
    /// Share of calls let through at each step of the half-open state, rising to 1.
    pub ramp: Vec<f64>,
    /// Probes that decide a step.
    pub probes: u32,
    /// A step is passed when more than this share of its probes succeed.
    pub close_above: f64,
    /// Openings in a row, without a close between them, that lead to safe mode.
    pub trips_to_safe_mode: u32,
    /// Rest in safe mode before it is tried again.
    pub safe_mode_for: Duration,
}

impl Default for BreakerSettings {
    /// Five errors in a minute open it for half a minute.
    fn default() -> Self {
        Self {
            errors: 5,
            within: Duration::from_secs(60),
            open_for: Duration::from_secs(30),
            ramp: vec![0.1, 0.5, 1.0],
            probes: 10,
            close_above: 0.9,
            trips_to_safe_mode: 3,
            safe_mode_for: Duration::from_secs(300),
        }
    }
}

impl BreakerSettings {
    /// For model calls: three errors in half a minute open it for a quarter of a minute.
    pub fn inference() -> Self {
        Self {
            errors: 3,
            within: Duration::from_secs(30),
            open_for: Duration::from_secs(15),
            ..Self::default()
        }
    }
}

/// What a breaker is doing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Every call goes through.
    Closed,
    /// No call goes through.
    Open,
    /// This share of calls goes through as probes.
    HalfOpen {
        /// 0 to 1.
        share: f64,
    },
    /// No call goes through for a long while; use what needs no service.
    SafeMode,
}

/// A call that was let through; hand it back with its outcome.
#[derive(Debug)]
#[must_use = "the breaker learns only from outcomes that are recorded"]
pub struct Permit {
    epoch: u64,
}

/// A call that was not let through.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
#[error("service is resting; try again in {retry_after:?} or use its fallback")]
pub struct Rejected {
    /// What the breaker is doing.
    pub state: BreakerState,
    /// When the next call may go through.
    pub retry_after: Duration,
}

/// The breaker of one service.
#[derive(Clone, Debug)]
pub struct Breaker {
    settings: BreakerSettings,
    phase: Phase,
    /// Counts changes of phase: the outcome of a call from an earlier one says nothing about this one.
    epoch: u64,
    trips: u32,
}

#[derive(Clone, Debug)]
enum Phase {
    Closed {
        errors: VecDeque<Duration>,
    },
    Resting {
        until: Duration,
        safe: bool,
    },
    HalfOpen {
        step: usize,
        credit: f64,
        last_probe: Duration,
        successes: u32,
        failures: u32,
    },
}

/// However small the share, a service that is seldom called is probed this often: a tenth of one call a minute would never heal it.
const PROBE_AT_LEAST: Duration = Duration::from_secs(1);

impl Breaker {
    /// A closed breaker.
    pub fn new(settings: BreakerSettings) -> Self {
        Self {
            settings,
            phase: Phase::Closed {
                errors: VecDeque::new(),
            },
            epoch: 0,
            trips: 0,
        }
    }

    /// What it is doing.
    pub fn state(&self) -> BreakerState {
        match &self.phase {
            Phase::Closed { .. } => BreakerState::Closed,
            Phase::Resting { safe: false, .. } => BreakerState::Open,
            Phase::Resting { safe: true, .. } => BreakerState::SafeMode,
            Phase::HalfOpen { step, .. } => BreakerState::HalfOpen {
                share: self.share(*step),
            },
        }
    }

    /// Openings since it was last closed.
    pub fn trips(&self) -> u32 {
        self.trips
    }

    /// How long it still rests; none when a call may go through, as a probe or freely.
    pub fn rests_for(&self, now: Duration) -> Option<Duration> {
        match self.phase {
            Phase::Resting { until, .. } if now < until => Some(until - now),
            _ => None,
        }
    }

    /// Whether a call may go through now.
    pub fn admit(&mut self, now: Duration) -> Result<Permit, Rejected> {
        if let Phase::Resting { until, .. } = self.phase {
            if now < until {
                return Err(Rejected {
                    state: self.state(),
                    retry_after: until - now,
                });
            }
            // A full credit lets the first call through as the first probe.
            self.enter(Phase::HalfOpen {
                step: 0,
                credit: 1.0,
                last_probe: now,
                successes: 0,
                failures: 0,
            });
        }
        let state = self.state();
        if let (
            Phase::HalfOpen {
                credit, last_probe, ..
            },
            BreakerState::HalfOpen { share },
        ) = (&mut self.phase, state)
        {
            let waited = now.saturating_sub(*last_probe);
            if *credit < 1.0 && waited < PROBE_AT_LEAST {
                *credit += share;
                return Err(Rejected {
                    state,
                    retry_after: PROBE_AT_LEAST - waited,
                });
            }
            *credit = (*credit - 1.0).max(0.0) + share;
            *last_probe = now;
        }
        Ok(Permit { epoch: self.epoch })
    }

    /// Learns how a call went. The new state is returned when it changes.
    pub fn record(&mut self, permit: Permit, success: bool, now: Duration) -> Option<BreakerState> {
        if permit.epoch != self.epoch {
            return None;
        }
        let settings = &self.settings;
        match &mut self.phase {
            Phase::Closed { .. } if success => None,
            Phase::Closed { errors } => {
                while errors
                    .front()
                    .is_some_and(|then| now.saturating_sub(*then) > settings.within)
                {
                    errors.pop_front();
                }
                errors.push_back(now);
                (errors.len() >= settings.errors.max(1) as usize).then(|| self.trip(now))
            }
            Phase::HalfOpen {
                step,
                successes,
                failures,
                ..
            } => {
                *(if success {
                    &mut *successes
                } else {
                    &mut *failures
                }) += 1;
                let probes = f64::from(settings.probes.max(1));
                if probes - f64::from(*failures) <= settings.close_above * probes {
                    // Even if all the rest succeeded it would not be enough.
                    return Some(self.trip(now));
                }
                if *successes + *failures < settings.probes.max(1) {
                    return None;
                }
                let step = *step + 1;
                if step < settings.ramp.len() {
                    self.enter(Phase::HalfOpen {
                        step,
                        credit: 1.0,
                        last_probe: now,
                        successes: 0,
                        failures: 0,
                    });
                } else {
                    self.close();
                }
                Some(self.state())
            }
            Phase::Resting { .. } => None,
        }
    }

    /// Closes it by hand: somebody knows that the service is well.
    pub fn close(&mut self) {
        self.trips = 0;
        self.enter(Phase::Closed {
            errors: VecDeque::new(),
        });
    }

    fn trip(&mut self, now: Duration) -> BreakerState {
        self.trips = self.trips.saturating_add(1);
        let safe = self.trips >= self.settings.trips_to_safe_mode.max(1);
        let rest = if safe {
            self.settings.safe_mode_for
        } else {
            self.settings.open_for
        };
        self.enter(Phase::Resting {
            until: now.saturating_add(rest),
            safe,
        });
        self.state()
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.epoch += 1;
    }

    fn share(&self, step: usize) -> f64 {
        self.settings
            .ramp
            .get(step)
            .copied()
            .unwrap_or(1.0)
            .clamp(0.01, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn fail(breaker: &mut Breaker, times: u32, now: Duration) {
        for _ in 0..times {
            let permit = breaker.admit(now).unwrap();
            breaker.record(permit, false, now);
        }
    }

    /// Calls until one probe is let through, which then succeeds or not; returns how many calls it took.
    fn probe(breaker: &mut Breaker, success: bool, now: Duration) -> u32 {
        for calls in 1..1_000 {
            if let Ok(permit) = breaker.admit(now) {
                breaker.record(permit, success, now);
                return calls;
            }
        }
        panic!("no probe was let through");
    }

    #[test]
    fn errors_within_the_window_open_it_and_older_ones_do_not_count() {
        for (settings, errors, span) in [
            (BreakerSettings::default(), 5, 60),
            (BreakerSettings::inference(), 3, 30),
        ] {
            let mut breaker = Breaker::new(settings.clone());
            fail(&mut breaker, errors - 1, s(0));
            fail(&mut breaker, 1, s(span + 1));
            assert_eq!(breaker.state(), BreakerState::Closed);

            let mut breaker = Breaker::new(settings);
            fail(&mut breaker, errors - 1, s(0));
            fail(&mut breaker, 1, s(span));
            assert_eq!(breaker.state(), BreakerState::Open);
        }
    }

    #[test]
    fn an_open_breaker_says_when_to_come_back() {
        let mut breaker = Breaker::new(BreakerSettings::default());
        fail(&mut breaker, 5, s(10));
        let rejected = breaker.admit(s(15)).unwrap_err();
        assert_eq!(
            (rejected.state, rejected.retry_after),
            (BreakerState::Open, s(25))
        );
        assert!(breaker.admit(s(40)).is_ok());
    }

    #[test]
    fn half_open_lets_a_growing_share_through_and_closes_when_the_probes_succeed() {
        let mut breaker = Breaker::new(BreakerSettings::default());
        fail(&mut breaker, 5, s(0));
        let calls: Vec<u32> = (0..3)
            .map(|_| (0..10).map(|_| probe(&mut breaker, true, s(30))).sum())
            .collect();
        // The first probe of a step is at once; a share of 0.1 then lets one call in ten or eleven through.
        assert!(
            (91..=100).contains(&calls[0]) && (19..=20).contains(&calls[1]) && calls[2] == 10,
            "{calls:?}"
        );
        assert_eq!(
            (breaker.state(), breaker.trips()),
            (BreakerState::Closed, 0)
        );
    }

    #[test]
    fn a_service_that_is_seldom_called_is_probed_by_every_call() {
        let mut breaker = Breaker::new(BreakerSettings::default());
        fail(&mut breaker, 5, s(0));
        for call in 0..30 {
            let now = s(30 + call);
            let permit = breaker.admit(now).unwrap();
            breaker.record(permit, true, now);
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn one_failed_probe_in_ten_is_not_more_than_nine_tenths() {
        let mut breaker = Breaker::new(BreakerSettings::default());
        fail(&mut breaker, 5, s(0));
        probe(&mut breaker, true, s(30));
        probe(&mut breaker, false, s(30));
        assert_eq!((breaker.state(), breaker.trips()), (BreakerState::Open, 2));
    }

    #[test]
    fn a_service_that_keeps_falling_back_is_put_in_safe_mode() {
        let mut breaker = Breaker::new(BreakerSettings::default());
        fail(&mut breaker, 5, s(0));
        probe(&mut breaker, false, s(30));
        probe(&mut breaker, false, s(60));
        assert_eq!(breaker.state(), BreakerState::SafeMode);
        assert_eq!(breaker.admit(s(61)).unwrap_err().retry_after, s(299));
        breaker.close();
        assert!(breaker.admit(s(61)).is_ok());
    }

    #[test]
    fn an_outcome_from_before_the_last_change_is_ignored() {
        let mut breaker = Breaker::new(BreakerSettings::default());
        let slow = breaker.admit(s(0)).unwrap();
        fail(&mut breaker, 5, s(0));
        let _probe = breaker.admit(s(30)).unwrap();
        assert_eq!(breaker.record(slow, false, s(31)), None);
        assert!(matches!(breaker.state(), BreakerState::HalfOpen { .. }));
    }
}
