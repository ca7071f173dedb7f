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

/// Mean service times in milliseconds; together the engines serve 1.94 requests a millisecond.
const ENGINES: [f64; 5] = [1.0, 2.0, 4.0, 8.0, 16.0];
const REQUESTS: usize = 60_000;
/// Requests a millisecond: a load that even the slowest engine bears as one of five, and 45 % of what all can do.
const ARRIVALS: [f64; 2] = [0.25, 0.87];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Policy {
    Trail,
    InTurn,
    Random,
    ShortestQueue,
}

/// Mean and 99th percentile of the time from arrival to completion, in milliseconds.
fn run(policy: Policy, arrivals: f64, seed: u64) -> Result<(f64, f64), aios_micro::TrailError> {
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
    took.sort_by(f64::total_cmp);
    Ok((
        took.iter().sum::<f64>() / took.len() as f64,
        took[took.len() * 99 / 100],
    ))
}

/// Who is how fast when the n-th request comes.
fn means(number: usize) -> [f64; ENGINES.len()] {
    let mut means = ENGINES;
    if number >= REQUESTS / 2 {
        means.swap(0, ENGINES.len() - 1);
    }
    means
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut rows = Vec::new();
    let policies = [
        Policy::Trail,
        Policy::InTurn,
        Policy::Random,
        Policy::ShortestQueue,
    ];
    for (arrivals, policy) in ARRIVALS
        .iter()
        .flat_map(|load| policies.map(|policy| (*load, policy)))
    {
        let mut found = (1..=10)
            .map(|seed| run(policy, arrivals, seed))
            .collect::<Result<Vec<_>, _>>()?;
        found.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (best, median, worst) = (found[0], found[found.len() / 2], found[found.len() - 1]);
        rows.push(json!({
            "arrivals_per_ms": arrivals, "policy": format!("{policy:?}"), "mean_ms": median.0, "p99_ms": median.1,
            "mean_ms_best_seed": best.0, "mean_ms_worst_seed": worst.0,
        }));
    }
    let figure = json!({ "name": "ant_routing", "seeds": "1 to 10, the median seed shown", "engines_ms": ENGINES, "rows": rows });
    writeln!(std::io::stdout(), "{figure:#}")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trails_beat_taking_turns_and_chance_under_both_loads() {
        for arrivals in ARRIVALS {
            for seed in 1..=3 {
                let mean = |policy: Policy| run(policy, arrivals, seed).map(|(mean, _)| mean);
                let (Ok(trail), Ok(in_turn), Ok(random)) = (
                    mean(Policy::Trail),
                    mean(Policy::InTurn),
                    mean(Policy::Random),
                ) else {
                    panic!("the configuration is refused");
                };
                assert!(
                    3.0 * trail < in_turn.min(random),
                    "{arrivals} {seed}: {trail} {in_turn} {random}"
                );
            }
        }
    }
}
