//! Work handed to engines of very different speed: by trail, in turn, at random, and to the shortest queue.
//!
//! A simulation with seeds: requests arrive at random, each engine serves one at a time. The sender learns only how long
//! its own requests took (waiting included), except for the last policy, which sees all queues and is the yardstick. In the
//! middle of each run the fastest engine becomes the slowest.

use std::io::Write;
use std::time::Duration;

use aios_micro::pheromone::{TrailConfig, Trails, reward};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde_json::json;

use self::figure::{Figure, Line, Panel};

#[path = "figure/mod.rs"]
mod figure;

/// Mean service times in milliseconds; together the engines serve 1.94 requests a millisecond.
const ENGINES: [f64; 5] = [1.0, 2.0, 4.0, 8.0, 16.0];
const REQUESTS: usize = 60_000;
/// Requests that make one point of the figure.
const WINDOW: usize = 1_000;
const SEEDS: std::ops::RangeInclusive<u64> = 1..=5;
/// Requests a millisecond: a load that even the slowest engine bears as one of five, and 45 % of what all can do.
const ARRIVALS: [f64; 2] = [0.25, 0.87];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Policy {
    Trail,
    InTurn,
    Random,
    ShortestQueue,
}

impl Policy {
    const ALL: [Self; 4] = [Self::Trail, Self::InTurn, Self::Random, Self::ShortestQueue];

    fn name(self) -> &'static str {
        match self {
            Self::Trail => "trail",
            Self::InTurn => "in turn",
            Self::Random => "random",
            Self::ShortestQueue => "shortest queue (sees all)",
        }
    }
}

/// Times from arrival to completion in milliseconds, one a request.
fn run(policy: Policy, arrivals: f64, seed: u64) -> Result<Vec<f64>, aios_micro::TrailError> {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut trails = Trails::new(TrailConfig {
        half_life: Duration::from_millis(100),
        ..TrailConfig::default()
    })?;
    let ways: Vec<usize> = (0..ENGINES.len()).collect();
    let mut free_at = [0.0_f64; ENGINES.len()];
    let mut pending: Vec<(f64, usize, f64)> = Vec::new(); // (done at, engine, took)
    let mut took = Vec::with_capacity(REQUESTS);
    let mut now = 0.0;
    for number in 0..REQUESTS {
        now += -rng.random::<f64>().max(1e-12).ln() / arrivals;
        let at = |ms: f64| Duration::from_secs_f64(ms / 1e3);
        pending.retain(|(done, engine, took)| {
            let over = *done <= now;
            if over {
                trails.deposit(*engine, reward(at(*took), at(4.0)), at(*done));
            }
            !over
        });
        let engine = match policy {
            Policy::Trail => *trails.choose(&ways, &mut rng, at(now)).unwrap_or(&0),
            Policy::InTurn => number % ways.len(),
            Policy::Random => rng.random_range(0..ways.len()),
            Policy::ShortestQueue => {
                let mean = |engine: usize| means(number)[engine];
                let done = |engine: &usize| free_at[*engine].max(now) + mean(*engine);
                ways.iter()
                    .copied()
                    .min_by(|a, b| done(a).total_cmp(&done(b)))
                    .unwrap_or(0)
            }
        };
        let service = -rng.random::<f64>().max(1e-12).ln() * means(number)[engine];
        free_at[engine] = free_at[engine].max(now) + service;
        let time = free_at[engine] - now;
        took.push(time);
        if policy == Policy::Trail {
            pending.push((free_at[engine], engine, time));
        }
    }
    Ok(took)
}

fn mean(times: &[f64]) -> f64 {
    times.iter().sum::<f64>() / times.len().max(1) as f64
}

/// Who is how fast when the n-th request comes.
fn means(number: usize) -> [f64; ENGINES.len()] {
    let mut means = ENGINES;
    if number >= REQUESTS / 2 {
        means.swap(0, ENGINES.len() - 1);
    }
    means
}

/// All seeds of one policy under one load, the one with the least mean first.
struct Runs {
    policy: Policy,
    by_mean: Vec<Vec<f64>>,
}

impl Runs {
    fn new(policy: Policy, arrivals: f64) -> Result<Self, aios_micro::TrailError> {
        let mut by_mean = SEEDS
            .map(|seed| run(policy, arrivals, seed))
            .collect::<Result<Vec<_>, _>>()?;
        by_mean.sort_by(|a, b| mean(a).total_cmp(&mean(b)));
        Ok(Self { policy, by_mean })
    }

    fn median(&self) -> &[f64] {
        &self.by_mean[self.by_mean.len() / 2]
    }

    /// Means over a thousand requests each, of the median seed.
    fn line(&self) -> Line {
        let means = self.median().chunks(WINDOW).map(mean);
        let points = means
            .enumerate()
            .map(|(at, mean)| (((at + 1) * WINDOW) as f64 / 1e3, mean));
        Line {
            name: self.policy.name(),
            points: points.collect(),
        }
    }
}

type Found = Vec<(f64, Vec<Runs>)>;

fn all() -> Result<Found, aios_micro::TrailError> {
    let under = |load: f64| {
        let runs = Policy::ALL.map(|policy| Runs::new(policy, load));
        Ok((load, runs.into_iter().collect::<Result<_, _>>()?))
    };
    ARRIVALS.into_iter().map(under).collect()
}

fn figure(found: &Found) -> Figure {
    let panel = |(load, runs): &(f64, Vec<Runs>)| Panel {
        title: format!("{load} requests a ms; fastest and slowest swap half-way"),
        x: "thousands of requests",
        y: "mean time of a request, ms (logarithmic)",
        log: true,
        lines: runs.iter().map(Runs::line).collect(),
    };
    Figure {
        title: "Work handed to five engines of 1, 2, 4, 8 and 16 ms",
        description: "Under both loads requests that follow trails take several times less than those handed out in turn or at \
                      random, and within some thousand requests after the swap they are quick again. Only the policy that \
                      sees all queues is quicker.",
        source: "seeds 1 to 5, the median seed; cargo run --release -p aios-micro --example ant_routing -- --figure PATH",
        panels: found.iter().map(panel).collect(),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let found = all()?;
    let mut rows = Vec::new();
    for (arrivals, runs) in found
        .iter()
        .flat_map(|(load, runs)| runs.iter().map(move |runs| (load, runs)))
    {
        let mut times = runs.median().to_vec();
        times.sort_by(f64::total_cmp);
        let seed_mean = |at: usize| mean(&runs.by_mean[at]);
        rows.push(json!({
            "arrivals_per_ms": arrivals, "policy": runs.policy.name(), "mean_ms": mean(&times),
            "p99_ms": times[times.len() * 99 / 100],
            "mean_ms_best_seed": seed_mean(0), "mean_ms_worst_seed": seed_mean(runs.by_mean.len() - 1),
        }));
    }
    figure::write_if_asked(&figure(&found))?;
    let table = json!({ "name": "ant_routing", "seeds": "1 to 5, the median seed shown", "engines_ms": ENGINES, "rows": rows });
    writeln!(std::io::stdout(), "{table:#}")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trails_beat_taking_turns_and_chance_under_both_loads_and_the_figure_says_so() {
        let Ok(found) = all() else {
            panic!("the configuration is refused");
        };
        for (load, runs) in &found {
            let [trail, in_turn, random, _] = [0, 1, 2, 3].map(|at| &runs[at].by_mean);
            let best_of_others = mean(&in_turn[0]).min(mean(&random[0]));
            for trail in trail {
                assert!(
                    3.0 * mean(trail) < best_of_others,
                    "{load}: {} {best_of_others}",
                    mean(trail)
                );
            }
        }
        figure::assert_committed(
            &figure(&found),
            include_str!("../../../docs/guide/figures/ant_routing.svg"),
        );
    }
}
