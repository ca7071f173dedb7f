//! What people see of a swarm: a zone, its strongest agents, one agent. Each is one value that serialises as it is shown;
//! nothing is computed while nobody looks.

use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;

use crate::port::AgentView;
use crate::survey::{CLASSES, Survey};
use crate::totals::{Alert, Rates, ZoneTotals};

/// Looks that follow each other faster than this share one interval, so that two watchers do not make each other's rates
/// jump.
const SHORTEST: Duration = Duration::from_millis(500);

/// A zone: its numbers, how fast they changed since somebody last looked, and what is wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ZoneView {
    /// The numbers now.
    #[serde(flatten)]
    pub totals: ZoneTotals,
    /// Length of the interval the rates are over, in milliseconds; the first look's begins with the zone.
    pub over_ms: u64,
    /// Per kind, in the order of the totals.
    pub rates: Vec<KindRates>,
    /// Kinds that have become too small.
    pub alerts: Vec<Alert>,
}

/// How fast things happen to one kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KindRates {
    /// The kind.
    pub kind: &'static str,
    /// Per second.
    #[serde(flatten)]
    pub rates: Rates,
}

/// The strongest agents of a kind, and how all of them are spread.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TopView {
    /// The zone.
    pub zone: String,
    /// The kind.
    pub kind: String,
    /// Agents looked at.
    pub seen: u64,
    /// Those of them asleep.
    pub asleep: u64,
    /// The strongest, strongest first.
    pub strongest: Vec<StrongView>,
    /// How many agents have how much pheromone; empty classes at the end are left out.
    pub pheromone: Vec<Class>,
    /// How many agents have been idle for how many milliseconds.
    pub idle_ms: Vec<Class>,
}

/// An agent among the strongest.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StrongView {
    /// Its identity, as [`Population::agent`](crate::Population::agent) takes it.
    pub id: String,
    /// What it stands for.
    pub resource: u64,
    /// Its pheromone.
    pub pheromone: f32,
    /// Its restarts, at most 255 shown.
    pub restarts: u8,
}

/// One bar of a histogram: values from the class before up to, not including, `below`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Class {
    /// Upper edge; `None` for the last class, which has none.
    pub below: Option<u64>,
    /// Agents in it.
    pub agents: u64,
}

/// One agent by name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NamedView {
    /// Its identity.
    pub id: String,
    /// The agent itself.
    #[serde(flatten)]
    pub agent: AgentView,
}

/// Remembers what the last look saw, for the rates of the next one.
#[derive(Default)]
pub(crate) struct LastLook(Mutex<Looks>);

#[derive(Default)]
struct Looks {
    /// Start of the interval, and the look that will start the next one.
    from: Option<ZoneTotals>,
    newest: Option<ZoneTotals>,
}

impl LastLook {
    /// The view for `totals`, with rates since the last look that is long enough ago.
    pub(crate) fn view(&self, totals: ZoneTotals) -> ZoneView {
        let mut looks = self.0.lock();
        let age = |look: &ZoneTotals| totals.at_ms.saturating_sub(look.at_ms);
        if looks
            .newest
            .as_ref()
            .is_none_or(|look| age(look) >= SHORTEST.as_millis() as u64)
        {
            looks.from = looks.newest.replace(totals.clone());
        }
        let from = looks.from.as_ref();
        let over_ms = from.map_or(totals.at_ms, age).max(1);
        let rates = totals
            .kinds
            .iter()
            .map(|kind| {
                let before = from.and_then(|look| look.kind(kind.kind));
                let before = before.map(|kind| kind.counts).unwrap_or_default();
                let rates = Rates::between(&before, &kind.counts, Duration::from_millis(over_ms));
                KindRates {
                    kind: kind.kind,
                    rates,
                }
            })
            .collect();
        let alerts = totals.alerts();
        ZoneView {
            totals,
            over_ms,
            rates,
            alerts,
        }
    }
}

/// The classes of a survey's histogram with their edges, up to the last one that holds anybody.
pub(crate) fn classes(counts: &[u64; CLASSES]) -> Vec<Class> {
    let used = counts
        .iter()
        .rposition(|agents| *agents > 0)
        .map_or(0, |last| last + 1);
    let class = |(at, agents): (usize, &u64)| Class {
        below: (at + 1 < CLASSES).then(|| 1 << at),
        agents: *agents,
    };
    counts[..used].iter().enumerate().map(class).collect()
}

impl TopView {
    pub(crate) fn new(zone: &str, kind: &str, found: Survey, name: impl Fn(u64) -> String) -> Self {
        Self {
            zone: zone.to_owned(),
            kind: kind.to_owned(),
            seen: found.seen,
            asleep: found.asleep,
            pheromone: classes(&found.pheromone),
            idle_ms: classes(&found.idle_ms),
            strongest: found
                .top
                .into_iter()
                .map(|strong| StrongView {
                    id: name(strong.agent),
                    resource: strong.resource,
                    pheromone: strong.pheromone,
                    restarts: strong.restarts,
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::totals::testing::totals_at;

    #[test]
    fn rates_are_since_the_last_look_and_a_second_watcher_does_not_shorten_it() {
        let look = LastLook::default();
        let table = [
            // at ms, handled in all, interval, handled per second
            (1_000, 500, 1_000, 500.0),
            (1_100, 600, 1_100, 6_000.0 / 11.0), // too soon: still since the start
            (2_000, 1_500, 1_000, 1_000.0),
            (2_300, 1_500, 1_300, 10_000.0 / 13.0),
            (4_000, 3_500, 2_000, 1_000.0),
        ];
        for (at_ms, handled, over_ms, rate) in table {
            let view = look.view(totals_at(at_ms, handled));
            assert_eq!(view.over_ms, over_ms, "at {at_ms} ms");
            assert!(
                (view.rates[0].rates.handled - rate).abs() < 1e-6,
                "{view:?}"
            );
        }
    }

    #[test]
    fn a_histogram_says_its_edges_and_ends_with_its_last_agent() {
        let mut counts = [0; CLASSES];
        assert_eq!(classes(&counts), []);
        (counts[0], counts[2]) = (5, 7);
        let shown: Vec<_> = classes(&counts)
            .iter()
            .map(|class| (class.below, class.agents))
            .collect();
        assert_eq!(shown, [(Some(1), 5), (Some(2), 0), (Some(4), 7)]);
        counts[CLASSES - 1] = 1;
        assert_eq!(classes(&counts).last().map(|class| class.below), Some(None));
    }
}
