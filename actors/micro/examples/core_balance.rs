//! Work on 32 cores of which a quarter gets five times as much as the others: left where it arrives, placed at random, handed to
//! random cores, evened out by the core agents' local reports, and split evenly by somebody who sees everything.
//!
//! A simulation with seeds: each tick units of work arrive, 80 % of what all cores can do, and every core does one unit. Which
//! cores are the busy ones is drawn.

use std::io::Write;

use aios_micro::kinds::{Core, core};
use aios_micro::{ArenaConfig, Event, Handle, Intensity, Kind, Refusal, StepConfig, Stepper};
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use serde_json::json;

use self::figure::{Figure, Line, Panel};

#[path = "figure/mod.rs"]
mod figure;

const CORES: usize = 32;
const TICKS: usize = 2_000;
/// Ticks that make one point of the figure.
const WINDOW: usize = 50;
/// Units that arrive at a busy core and at another one, per tick.
const ARRIVALS: [f64; 2] = [2.0, 0.4];
const SEEDS: std::ops::RangeInclusive<u64> = 1..=5;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Policy {
    Agents,
    Stays,
    HandedAtRandom,
    PlacedAtRandom,
    EvenSplit,
}

impl Policy {
    const ALL: [Self; 5] = [
        Self::Agents,
        Self::Stays,
        Self::HandedAtRandom,
        Self::PlacedAtRandom,
        Self::EvenSplit,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Agents => "core agents",
            Self::Stays => "no balancing",
            Self::HandedAtRandom => "a third handed to a random core",
            Self::PlacedAtRandom => "placed at random",
            Self::EvenSplit => "even split (sees all)",
        }
    }
}

/// What one run found.
struct Run {
    /// Mean load of a core, and load of the fullest one, per tick.
    mean: Vec<f64>,
    fullest: Vec<f64>,
    /// Units that changed their core, per unit that arrived.
    moved: f64,
}

/// Units that arrive this tick: the whole part for certain, the rest by chance.
fn arrivals(rate: f64, rng: &mut SmallRng) -> u64 {
    // Two draws of half the rate: bursts as well as gaps.
    (0..2)
        .map(|_| (rate / 2.0 + rng.random::<f64>()) as u64)
        .sum()
}

fn run(policy: Policy, seed: u64) -> Result<Run, Refusal> {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut busy: Vec<bool> = (0..CORES).map(|core| core < CORES / 4).collect();
    busy.shuffle(&mut rng);
    let mut swarm = swarm();
    let agents = (0..CORES as u64)
        .map(|core| swarm.spawn(core))
        .collect::<Result<Vec<Handle>, _>>()?;
    let mut loads = vec![0_u64; CORES];
    let (mut came, mut moved) = (0_u64, 0_u64);
    let mut found = Run {
        mean: Vec::new(),
        fullest: Vec::new(),
        moved: 0.0,
    };
    for tick in 0..TICKS {
        let mut events = Vec::new();
        for core in 0..CORES {
            let units = arrivals(ARRIVALS[usize::from(!busy[core])], &mut rng);
            came += units;
            match policy {
                Policy::Agents if units > 0 => {
                    events.push(Event::inform(agents[core], core::TAKE, units as u32))
                }
                Policy::PlacedAtRandom => {
                    for _ in 0..units {
                        let place = rng.random_range(0..CORES);
                        moved += u64::from(place != core);
                        loads[place] += 1;
                    }
                }
                _ => loads[core] += units,
            }
        }
        match policy {
            Policy::Agents => {
                let everyone = |code| {
                    agents
                        .iter()
                        .map(move |agent| Event::inform(*agent, code, 1))
                };
                events.extend(everyone(core::BALANCE));
                events.extend(everyone(core::DONE));
                swarm.step(tick as u64, &events);
                let states = agents.iter().filter_map(|agent| swarm.state(*agent));
                loads = states.map(|state| state.load).collect();
            }
            Policy::HandedAtRandom => {
                for core in 0..CORES {
                    let part = loads[core] / 3;
                    let other = rng.random_range(0..CORES);
                    (loads[core], moved) = (loads[core] - part, moved + part);
                    loads[other] += part;
                }
            }
            Policy::EvenSplit => {
                let all: u64 = loads.iter().sum();
                let even = |core: usize| {
                    all / CORES as u64 + u64::from((core as u64) < all % CORES as u64)
                };
                for (core, load) in loads.iter_mut().enumerate() {
                    moved += load.saturating_sub(even(core));
                    *load = even(core);
                }
            }
            Policy::Stays | Policy::PlacedAtRandom => {}
        }
        if policy != Policy::Agents {
            loads
                .iter_mut()
                .for_each(|load| *load = load.saturating_sub(1));
        }
        let waiting = match policy {
            // What one agent has handed over and the other has not yet taken waits too.
            Policy::Agents => {
                came - agents
                    .iter()
                    .filter_map(|agent| swarm.state(*agent))
                    .map(|state| state.done)
                    .sum::<u64>()
            }
            _ => loads.iter().sum(),
        };
        found.mean.push(waiting as f64 / CORES as f64);
        found
            .fullest
            .push(loads.iter().copied().max().unwrap_or(0) as f64);
    }
    if policy == Policy::Agents {
        moved = agents
            .iter()
            .filter_map(|agent| swarm.state(*agent))
            .map(|state| state.handed_over)
            .sum();
    }
    found.moved = moved as f64 / came.max(1) as f64;
    Ok(found)
}

fn swarm() -> Stepper<Core> {
    let config = StepConfig {
        arena: ArenaConfig {
            capacity: CORES as u32,
            ..ArenaConfig::default()
        },
        near: 4 * CORES,
        far: 1,
        restart: Core::RESTART,
        intensity: Intensity {
            restarts: 0,
            within: std::time::Duration::from_secs(1),
        },
    };
    Stepper::new(0, &config)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// All seeds of a policy, the one with the least mean of the fullest core first.
fn runs(policy: Policy) -> Result<Vec<Run>, Refusal> {
    let mut runs = SEEDS
        .map(|seed| run(policy, seed))
        .collect::<Result<Vec<_>, _>>()?;
    runs.sort_by(|a, b| mean(&a.fullest).total_cmp(&mean(&b.fullest)));
    Ok(runs)
}

fn all() -> Result<Vec<(Policy, Vec<Run>)>, Refusal> {
    Policy::ALL
        .into_iter()
        .map(|policy| Ok((policy, runs(policy)?)))
        .collect()
}

fn figure(found: &[(Policy, Vec<Run>)]) -> Figure {
    let line = |(policy, runs): &(Policy, Vec<Run>)| {
        let windows = runs[runs.len() / 2]
            .fullest
            .chunks(WINDOW)
            .map(mean)
            .enumerate();
        Line {
            name: policy.name(),
            points: windows
                .map(|(at, load)| (((at + 1) * WINDOW) as f64, load))
                .collect(),
        }
    };
    Figure {
        title: "Load of the fullest of 32 cores, a quarter of which gets five times the work",
        description: "Without balancing the fullest core drowns. The core agents, who see only the cores within two steps, keep it \
                      several times lower than random placement of every unit does, and lower than handing a third to random cores.",
        source: "seeds 1 to 5, the median seed; cargo run --release -p aios-micro --example core_balance -- --figure PATH",
        panels: vec![Panel {
            title: "80 % of what all cores can do".into(),
            x: "ticks",
            y: "units waiting at the fullest core (logarithmic)",
            log: true,
            // The even split is a yardstick for the table; a logarithm has no place for its zeros.
            lines: found[..4].iter().map(line).collect(),
        }],
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let found = all()?;
    figure::write_if_asked(&figure(&found))?;
    let row = |(policy, runs): &(Policy, Vec<Run>)| {
        let median = &runs[runs.len() / 2];
        json!({
            "policy": policy.name(), "mean_load": mean(&median.mean), "fullest_core": mean(&median.fullest),
            "moved_per_unit": median.moved,
        })
    };
    let rows: Vec<_> = found.iter().map(row).collect();
    writeln!(
        std::io::stdout(),
        "{:#}",
        json!({ "name": "core_balance", "rows": rows })
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_reports_keep_every_core_lower_than_chance_does_and_the_figure_says_so() {
        let Ok(found) = all() else {
            panic!("the arena has no room");
        };
        let [ours, stays, handed, placed] = [0, 1, 2, 3].map(|at| &found[at].1);
        let [ours, stays, handed, placed] = [ours, stays, handed, placed].map(|runs| {
            runs.iter()
                .map(|run| mean(&run.fullest))
                .collect::<Vec<f64>>()
        });
        let middle = ours.len() / 2;
        assert!(
            ours[middle] < 0.5 * handed[middle].min(placed[middle]),
            "{ours:?} {handed:?} {placed:?}"
        );
        for fullest in ours {
            assert!(
                fullest < placed[0] && 100.0 * fullest < stays[0],
                "{fullest} {placed:?} {stays:?}"
            );
        }
        figure::assert_committed(
            &figure(&found),
            include_str!("../../../docs/guide/figures/core_balance.svg"),
        );
    }
}
