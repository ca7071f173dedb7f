//! The rate through the population with one handler in a hundred panicking, beside the rate with none: bar 4 again, with the
//! teller, the inbox and a supervised shard around it.

use super::part::{Found, Outcome, runtime};
use super::probe::{Dice, PANIC, Probes, TOUCH, WAIT, events, settled};
use crate::Samples;
use crate::meter::process_cpu;

const BATCH: usize = 32_768;
const SLICES: u64 = 30;

pub(crate) fn measure(scale: u64) -> Outcome {
    runtime()?.block_on(through_the_door(4_000_000 / scale, (SLICES / scale).max(3)))
}

async fn through_the_door(agents: u64, slices: u64) -> Outcome {
    let Probes {
        tree,
        population,
        first,
    } = Probes::start(agents).await?;
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
