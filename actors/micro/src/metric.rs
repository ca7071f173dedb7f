//! The swarm's metrics, set when somebody pulls the totals and never otherwise; the labels are zone and kind alone, so their
//! number does not grow with the swarm.
//!
//! Besides the gauges below there is one counter for each field of [`Counts`](crate::Counts), named
//! `aios_micro_{field}_total` (see [`Counts::metrics`](crate::Counts::metrics)): rates are for whoever stores them to take.

use metrics::{counter, describe_gauge, gauge};

use crate::totals::ZoneTotals;

/// Agents alive.
pub const AGENTS: &str = "aios_micro_agents";
/// Agents alive and asleep.
pub const ASLEEP: &str = "aios_micro_agents_asleep";
/// Agents expected, where the zone was told.
pub const AGENTS_EXPECTED: &str = "aios_micro_agents_expected";
/// 1 while fewer agents live than [`ALERT_BELOW`](crate::ALERT_BELOW) of what is expected, else 0.
pub const ALERT: &str = "aios_micro_population_alert";
/// Bytes of the arenas.
pub const ARENA_BYTES: &str = "aios_micro_arena_bytes";
/// Share of the arenas that holds no agent.
pub const FRAGMENTATION: &str = "aios_micro_arena_fragmentation_ratio";
/// Mean pheromone of an agent.
pub const PHEROMONE: &str = "aios_micro_pheromone_mean";
/// Events that wait at the shards.
pub const WAITING: &str = "aios_micro_events_waiting";

/// Tells the process's recorder what the gauges mean; once, at the program's start.
pub fn describe() {
    describe_gauge!(AGENTS, "Agents alive.");
    describe_gauge!(ASLEEP, "Agents alive and asleep.");
    describe_gauge!(AGENTS_EXPECTED, "Agents expected, where the zone was told.");
    describe_gauge!(
        ALERT,
        "1 while fewer than four fifths of the expected agents live."
    );
    describe_gauge!(ARENA_BYTES, "Bytes of the arenas.");
    describe_gauge!(FRAGMENTATION, "Share of the arenas that holds no agent.");
    describe_gauge!(PHEROMONE, "Mean pheromone of an agent.");
    describe_gauge!(WAITING, "Events that wait at the shards.");
}

/// Hands the totals to the process's recorder; called when it is scraped.
pub fn record(totals: &ZoneTotals) {
    let alerts = totals.alerts();
    for kind in &totals.kinds {
        let labels = [
            ("zone", totals.zone.clone()),
            ("kind", kind.kind.to_owned()),
        ];
        gauge!(AGENTS, &labels).set(kind.active as f64);
        gauge!(ASLEEP, &labels).set(kind.asleep as f64);
        if let Some(expected) = kind.expected {
            gauge!(AGENTS_EXPECTED, &labels).set(expected as f64);
            let alert = alerts.iter().any(|alert| alert.kind == kind.kind);
            gauge!(ALERT, &labels).set(f64::from(u8::from(alert)));
        }
        gauge!(ARENA_BYTES, &labels).set(kind.arena_bytes as f64);
        gauge!(FRAGMENTATION, &labels).set(kind.fragmentation);
        gauge!(PHEROMONE, &labels).set(kind.mean_pheromone);
        gauge!(WAITING, &labels).set(kind.waiting as f64);
        for (name, count) in kind.counts.metrics() {
            counter!(name, &labels).absolute(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use metrics::{
        Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
        with_local_recorder,
    };
    use parking_lot::Mutex;

    use super::*;
    use crate::totals::testing::totals_at;

    /// Remembers every metric it is handed, by name and labels.
    #[derive(Default)]
    struct Notebook(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

    impl Notebook {
        fn line(&self, key: &Key) -> Arc<AtomicU64> {
            let labels: Vec<String> = key
                .labels()
                .map(|label| format!("{}={}", label.key(), label.value()))
                .collect();
            let line = format!("{}{{{}}}", key.name(), labels.join(","));
            Arc::clone(self.0.lock().entry(line).or_default())
        }
    }

    impl Recorder for Notebook {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            Counter::from_arc(self.line(key))
        }
        fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::from_arc(self.line(key))
        }
        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    #[test]
    fn a_scrape_sets_one_line_per_zone_and_kind_and_no_other_label() {
        let notebook = Notebook::default();
        let mut totals = totals_at(5, 700);
        totals.kinds[0].expected = Some(10);
        with_local_recorder(&notebook, || record(&totals));
        let lines = notebook.0.lock();
        let value = |name: &str| lines[&format!("{name}{{zone=z,kind=page}}")].load(Relaxed);
        assert_eq!(value("aios_micro_handled_total"), 700);
        assert_eq!(f64::from_bits(value(AGENTS_EXPECTED)), 10.0);
        assert_eq!(f64::from_bits(value(ALERT)), 1.0);
        for line in lines.keys() {
            assert!(
                line.starts_with("aios_micro_") && line.ends_with("{zone=z,kind=page}"),
                "{line}"
            );
        }
        assert_eq!(lines.len(), 8 + totals.kinds[0].counts.entries().count());
    }
}
