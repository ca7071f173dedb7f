//! The rate through the population with one handler in a hundred panicking, beside the rate with none: bar 4 again, with the
//! teller, the inbox and a supervised shard around it.

use aios_micro::{Population, Zone};
use aios_supervisor::Supervisor;

use super::meter::process_cpu;
use super::part::{Found, Outcome};
use super::probe::{Dice, PANIC, Probe, TOUCH, events, probes};
use super::zone::{SOON, WAIT, runtime};
use crate::Samples;

const BATCH: usize = 32_768;
const SLICES: u64 = 30;

pub(crate) fn measure(scale: u64) -> Outcome {
    runtime()?.block_on(through_the_door(4_000_000 / scale, (SLICES / scale).max(3)))
}

async fn through_the_door(agents: u64, slices: u64) -> Outcome {
    let zone = Zone::builder("numa-0")
        .kind::<Probe>(probes(agents))
        .build()?;
    let tree = Supervisor::start(zone.spec).await?;
    let population = zone.population;
    let first = population
        .find("probe", 0, SOON)
        .await?
        .ok_or("no agent was born")?;
    let mut dice = Dice(11);
    let (mut none, mut some) = (Samples::new(), Samples::new());
    let mut told = 0;
    for slice in 0..slices * 2 {
        let (code, samples) = if slice % 2 == 0 {
            (TOUCH, &mut none)
        } else {
            (PANIC, &mut some)
        };
        let used = process_cpu();
        for _ in 0..4 {
            let mut events = events(first, agents, Some(&mut dice), code, BATCH);
            told += events.len() as u64;
            while population.tell(&mut events).is_err() {
                tokio::time::sleep(WAIT).await;
            }
        }
        settled(&population, told).await;
        samples.push((4 * BATCH) as f64 / (process_cpu() - used).as_secs_f64());
    }
    let totals = population.totals();
    tree.stop().await;
    let counts = totals.counts();
    let lost = (agents - totals.active()) + counts.panics.abs_diff(counts.restarted) + counts.falls;
    Ok(Found::from([
        ("panics_door_none_events_per_cpu_s".into(), none.median()),
        ("panics_door_events_per_cpu_s".into(), some.median()),
        ("panics_door_ratio".into(), some.median() / none.median()),
        (
            "panics_told".into(),
            (slices * 4 * (BATCH as u64 / 100)) as f64,
        ),
        ("panics_counted".into(), counts.panics as f64),
        ("panics_lost_agents".into(), lost as f64),
    ]))
}

/// Waits until the shards have dealt with so many events in all.
pub(crate) async fn settled(population: &Population, events: u64) {
    let dealt_with = || {
        let counts = population.totals().counts();
        counts.handled + counts.panics
    };
    while dealt_with() < events {
        tokio::time::sleep(WAIT).await;
    }
}
