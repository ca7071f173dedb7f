//! The swarm's seven bars, and what an agent costs elsewhere.
//!
//! Every part runs in a process of its own, so that its memory is its own; all parts are gone through once a round, and medians
//! over the rounds are reported. Rates are per second of processor time of all threads, teller included: wall time on a shared
//! machine says how busy the others were.

mod churn;
mod delivery;
mod growth;
mod latency;
mod panics;
mod part;
mod peers;
mod probe;
mod zone;

use self::part::{Figures, Part};
use crate::{Bar, Bench, BenchError, Report};

/// `aios bench micro`.
pub(crate) const BENCH: Bench = Bench {
    name: "micro",
    what: "four million agents of 64 bytes: memory, birth, events, panics, latency, beside other actors",
    run,
};

/// Ours, then the others; each is one process.
const PARTS: &[Part] = &[
    ("zone", zone::measure),
    ("delivery", delivery::measure),
    ("churn", churn::measure),
    ("churn-door", churn::measure_door),
    ("panics", panics::measure),
    ("latency", latency::measure),
    ("growth-1", |scale| growth::measure(1, scale)),
    ("growth-4", |scale| growth::measure(4, scale)),
    ("growth-16", |scale| growth::measure(16, scale)),
    ("tokio", peers::tokio_tasks::measure),
    ("ractor", peers::ractors::measure),
    #[cfg(feature = "peers")]
    ("actix", peers::actixes::measure),
    #[cfg(feature = "peers")]
    ("kameo", peers::kameos::measure),
    ("beam", peers::beam::measure),
];

fn run(rounds: u32) -> Result<Report, BenchError> {
    if let Some(part) = part::asked_for() {
        part::answer_and_leave(PARTS, &part);
    }
    let mut report = Report::begin("micro");
    let mut found = Figures::default();
    for _ in 0..rounds {
        for (name, _) in PARTS {
            found.add(part::in_a_process(name)?);
        }
    }
    for (name, values) in found.iter() {
        report.figure(name, values.median());
    }
    bars(&found).into_iter().for_each(|bar| report.bar(bar));
    if !cfg!(feature = "peers") {
        report.skip("actix, kameo: build with `--features peers`");
    }
    if found.get("beam_agents").is_nan() {
        report.skip("BEAM: install `erlang-base` (Debian) or `erlang` (Homebrew), so that `escript` is found");
    }
    if found.get("growth_16_agents").is_nan() {
        report.skip("growth to 16 M agents: needs 4 GB of free memory");
    }
    Ok(report)
}

fn bars(found: &Figures) -> Vec<Bar> {
    let get = |name: &str| found.get(name);
    let millions = |name: &str| get(name) / 1e6;
    let lost = found.worst("panics_lost_agents")
        + found.worst("delivery_lost_agents")
        + (get("panics_told") - get("panics_counted")).abs()
        + (get("delivery_panics_told") - get("delivery_panics_counted")).abs();
    let (small, large) = if get("growth_16_agents").is_nan() {
        ("growth_1", "growth_4")
    } else {
        ("growth_1", "growth_16")
    };
    let growth = |what: &str| get(&format!("{large}_{what}")) / get(&format!("{small}_{what}"));
    vec![
        Bar::at_most(
            "1-memory",
            "resident memory of 4 M page agents, everything included",
            get("zone_rss_mb"),
            300.0,
            "MB",
        ),
        Bar::at_most(
            "1-birth",
            "4 M page agents born on 2 threads, processor time halved",
            get("zone_birth_cpu_s") / 2.0,
            2.0,
            "s",
        ),
        Bar::at_least(
            "2-random",
            "events handled over 4 M random agents, per core",
            millions("random_events_per_cpu_s"),
            10.0,
            "M/s",
        ),
        Bar::at_least(
            "2-door",
            "the same through the population, teller included",
            millions("zone_random_events_per_cpu_s"),
            10.0,
            "M/s",
        ),
        Bar::at_least(
            "2-neighbours",
            "events handled by neighbours in turn, per core",
            millions("neighbour_events_per_cpu_s"),
            50.0,
            "M/s",
        ),
        Bar::at_least(
            "3",
            "spawn and free of random ones of 4 M in batches, per core",
            millions("churn_batch_pairs_per_cpu_s"),
            5.0,
            "M/s",
        ),
        Bar::at_least(
            "3-door",
            "the same through the population, all threads counted",
            millions("churn_door_pairs_per_cpu_s"),
            5.0,
            "M/s",
        ),
        Bar::at_least(
            "4",
            "rate with 1 % of handlers panicking over the rate with none, random over 4 M",
            get("panic_ratio"),
            0.5,
            "times",
        ),
        Bar::at_least(
            "4-door",
            "the same through the population",
            get("panics_door_ratio"),
            0.5,
            "times",
        ),
        Bar::at_most(
            "4-lost",
            "panics not counted and agents lost",
            lost,
            0.0,
            "agents",
        ),
        Bar::at_most(
            "5",
            "p99 from told to handled at 1 M/s",
            get("latency_p99_us") / 1e3,
            1.0,
            "ms",
        ),
        Bar::at_most(
            "6-memory",
            "bytes per agent of 16 M over those of 1 M",
            growth("bytes_per_agent"),
            1.1,
            "times",
        ),
        Bar::at_most(
            "6-birth",
            "birth of one of 16 M over birth of one of 1 M",
            growth("birth_ns"),
            1.5,
            "times",
        ),
        Bar::at_most(
            "7",
            "totals of 4 M agents while their shards work, slowest of 101",
            get("zone_totals_worst_us") / 1e3,
            10.0,
            "ms",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every part of ours at a hundredth of its size, in this process: what must be exact is, and no figure is missing.
    #[test]
    fn every_part_measures_what_its_bars_ask_for() {
        let mut found = Figures::default();
        for (name, measure) in PARTS.iter().filter(|(name, _)| *name != "beam") {
            let figures = measure(400).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(!figures.is_empty(), "{name} measured nothing");
            found.add(figures);
        }
        for bar in bars(&found) {
            let shown = serde_json::to_value(&bar).unwrap();
            // In one process the parts reuse each other's memory, so a difference of two residents may be nothing.
            if shown["id"] != "6-memory" {
                assert!(shown["value"].is_number(), "{shown} has no value");
            }
            if shown["id"] == "4-lost" {
                assert_eq!(shown["value"], 0.0, "{shown}");
            }
        }
    }
}
