//! The swarm's metrics, recorded when somebody pulls the totals; labels are zone, kind and a fixed list of count names.

use metrics::{counter, gauge};

use crate::totals::ZoneTotals;

/// Agents alive, by zone and kind.
pub const AGENTS: &str = "aios_micro_agents";
/// Agents expected, by zone and kind, where the zone was told.
pub const AGENTS_EXPECTED: &str = "aios_micro_agents_expected";
/// Bytes of the arenas, by zone and kind.
pub const ARENA_BYTES: &str = "aios_micro_arena_bytes";
/// Share of the arenas that holds no agent, by zone and kind.
pub const FRAGMENTATION: &str = "aios_micro_arena_fragmentation_ratio";
/// Mean pheromone of an agent, by zone and kind.
pub const PHEROMONE: &str = "aios_micro_pheromone_mean";
/// Events that wait at the shards, by zone and kind.
pub const WAITING: &str = "aios_micro_events_waiting";
/// Each field of [`crate::Counts`], by zone, kind and `what`.
pub const COUNTS: &str = "aios_micro_counts_total";

/// Hands the totals to the process's metrics recorder.
pub fn record(totals: &ZoneTotals) {
    for kind in &totals.kinds {
        let labels = [
            ("zone", totals.zone.clone()),
            ("kind", kind.kind.to_owned()),
        ];
        gauge!(AGENTS, &labels).set(kind.active as f64);
        if let Some(expected) = kind.expected {
            gauge!(AGENTS_EXPECTED, &labels).set(expected as f64);
        }
        gauge!(ARENA_BYTES, &labels).set(kind.arena_bytes as f64);
        gauge!(FRAGMENTATION, &labels).set(kind.fragmentation);
        gauge!(PHEROMONE, &labels).set(kind.mean_pheromone);
        gauge!(WAITING, &labels).set(kind.waiting as f64);
        for (what, count) in kind.counts.entries() {
            counter!(COUNTS, "zone" => totals.zone.clone(), "kind" => kind.kind, "what" => what)
                .absolute(count);
        }
    }
}
