//! The swarm in a few numbers: per zone and kind, never one by one. Reading them is a handful of loads per shard, whatever
//! the number of agents, and no shard notices.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::counts::Counts;

/// Share of the expected population below which a zone raises an alert.
pub const ALERT_BELOW: f64 = 0.8;

/// One kind in one zone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KindTotals {
    /// The kind.
    pub kind: &'static str,
    /// Shards it is spread over.
    pub shards: usize,
    /// Agents alive, awake or asleep.
    pub active: u64,
    /// Those of them asleep.
    pub asleep: u64,
    /// Agents there should be, if the zone was told.
    pub expected: Option<u64>,
    /// Events that wait at the shards.
    pub waiting: u64,
    /// Bytes of the arenas that hold or held an agent.
    pub arena_bytes: u64,
    /// Share of those bytes that hold no agent now.
    pub fragmentation: f64,
    /// Mean pheromone of an agent.
    pub mean_pheromone: f64,
    /// What happened since the zone started.
    pub counts: Counts,
}

/// A zone at one moment. Shards are read one after another, so numbers of a busy zone are of almost one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ZoneTotals {
    /// The zone.
    pub zone: String,
    /// When, in milliseconds since the zone started.
    pub at_ms: u64,
    /// Its kinds, in the order they were added.
    pub kinds: Vec<KindTotals>,
}

/// A population that has become too small.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alert {
    /// The kind.
    pub kind: &'static str,
    /// Agents alive.
    pub active: u64,
    /// Agents expected.
    pub expected: u64,
}

/// How fast things happen, per second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Rates {
    /// Events handled.
    pub handled: f64,
    /// Agents born.
    pub spawned: f64,
    /// Agents ended.
    pub ended: f64,
    /// Panics.
    pub panics: f64,
    /// Events refused.
    pub refused: f64,
}

impl ZoneTotals {
    /// One kind of the zone.
    pub fn kind(&self, name: &str) -> Option<&KindTotals> {
        self.kinds.iter().find(|kind| kind.kind == name)
    }

    /// All kinds together: what the supervision tree shows as one node.
    pub fn counts(&self) -> Counts {
        let mut all = Counts::default();
        self.kinds.iter().for_each(|kind| all.add(&kind.counts));
        all
    }

    /// Agents alive, of all kinds.
    pub fn active(&self) -> u64 {
        self.kinds.iter().map(|kind| kind.active).sum()
    }

    /// Kinds whose population is below [`ALERT_BELOW`] of what is expected.
    pub fn alerts(&self) -> Vec<Alert> {
        let too_small = |kind: &KindTotals| {
            let expected = kind.expected?;
            let few = (kind.active as f64) < ALERT_BELOW * expected as f64;
            few.then_some(Alert {
                kind: kind.kind,
                active: kind.active,
                expected,
            })
        };
        self.kinds.iter().filter_map(too_small).collect()
    }
}

impl Rates {
    /// What happened to one kind between two looks.
    pub fn between(earlier: &Counts, later: &Counts, passed: Duration) -> Self {
        let seconds = passed.as_secs_f64().max(1e-9);
        let rate = |before: u64, after: u64| after.saturating_sub(before) as f64 / seconds;
        Self {
            handled: rate(earlier.handled, later.handled),
            spawned: rate(earlier.spawned, later.spawned),
            ended: rate(earlier.ended, later.ended),
            panics: rate(earlier.panics, later.panics),
            refused: rate(earlier.refused(), later.refused()),
        }
    }
}

impl fmt::Display for ZoneTotals {
    /// One line, as it stands beside the zone in the supervision tree.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts();
        write!(f, "{} agents", self.active())?;
        for alert in self.alerts() {
            write!(
                f,
                " ({} of {} expected {})",
                alert.active, alert.expected, alert.kind
            )?;
        }
        write!(
            f,
            ", {} handled, {} panics, {} restarted, {} refused, {} falls",
            counts.handled,
            counts.panics,
            counts.restarted,
            counts.refused(),
            counts.falls
        )?;
        if counts.misused > 0 {
            write!(f, ", {} misuses", counts.misused)?;
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// A zone of one kind without agents that has handled so much.
    pub(crate) fn totals_at(at_ms: u64, handled: u64) -> ZoneTotals {
        let counts = Counts {
            handled,
            ..Counts::default()
        };
        let kind = KindTotals {
            kind: "page",
            shards: 1,
            active: 0,
            asleep: 0,
            expected: None,
            waiting: 0,
            arena_bytes: 0,
            fragmentation: 0.0,
            mean_pheromone: 0.0,
            counts,
        };
        ZoneTotals {
            zone: "z".into(),
            at_ms,
            kinds: vec![kind],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::totals_at;
    use super::*;

    fn kind(active: u64, expected: Option<u64>) -> KindTotals {
        let kind = totals_at(0, active).kinds.swap_remove(0);
        KindTotals {
            active,
            expected,
            ..kind
        }
    }

    #[test]
    fn a_population_below_four_fifths_of_what_is_expected_raises_an_alert() {
        for (active, expected, alerts) in [
            (80, Some(100), 0),
            (79, Some(100), 1),
            (0, Some(1), 1),
            (0, None, 0),
        ] {
            let totals = ZoneTotals {
                zone: "z".into(),
                at_ms: 0,
                kinds: vec![kind(active, expected)],
            };
            assert_eq!(totals.alerts().len(), alerts, "{active} of {expected:?}");
        }
    }

    #[test]
    fn rates_are_differences_over_time_and_a_zone_sums_its_kinds() {
        let (earlier, later) = (
            Counts {
                handled: 100,
                ..Counts::default()
            },
            Counts {
                handled: 700,
                ..Counts::default()
            },
        );
        assert_eq!(
            Rates::between(&earlier, &later, Duration::from_secs(2)).handled,
            300.0
        );
        let totals = ZoneTotals {
            zone: "z".into(),
            at_ms: 0,
            kinds: vec![kind(3, None), kind(4, None)],
        };
        assert_eq!((totals.active(), totals.counts().handled), (7, 7));
    }
}
