//! Spawn and free in a full house: random agents leave, new ones come. Bar 3.
//!
//! Who leaves is drawn beforehand, so that only leaving and coming is timed. The ways take turns of a hundredth of all agents.

use std::hint::black_box;

use aios_micro::{Handle, Kind, Population, Refusal};

use super::part::{Found, Outcome, runtime};
use super::probe::{Dice, Probe, Probes, SOON, after, stepper};
use crate::Samples;
use crate::meter::{process_cpu, thread_cpu};

/// Agents that leave together, and come together after it.
const BATCH: usize = 1_024;
/// The same through the population, where each order has its way to the shard and back.
const DOOR_BATCH: usize = 16_384;
/// What a new one stands for.
const RESOURCE: u64 = 7;

fn shuffled(mut handles: Vec<Handle>) -> Vec<Handle> {
    let mut dice = Dice(88_172_645_463_325_252);
    for at in (1..handles.len()).rev() {
        handles.swap(at, dice.below(at as u64 + 1) as usize);
    }
    handles
}

/// One by one and in batches, on one thread.
pub(crate) fn measure(scale: u64) -> Outcome {
    let agents = 4_000_000 / scale;
    let mut stepper = stepper();
    let handles = (0..agents)
        .map(|resource| stepper.spawn(resource))
        .collect::<Result<Vec<Handle>, _>>()?;
    let (mut one, mut many, mut hot) = (Samples::new(), Samples::new(), Samples::new());
    let mut refused: Option<Refusal> = None;
    for (turn, leaving) in shuffled(handles)
        .chunks((agents as usize / 100).max(1))
        .enumerate()
    {
        let used = thread_cpu();
        if turn % 2 == 0 {
            for agent in leaving {
                stepper.free(*agent)?;
                black_box(stepper.spawn(RESOURCE)?);
            }
        } else {
            for batch in leaving.chunks(BATCH) {
                stepper.free_many(batch, |refusal| refused = Some(refusal));
                for _ in batch {
                    black_box(stepper.spawn(RESOURCE)?);
                }
            }
        }
        let rate = leaving.len() as f64 / (thread_cpu() - used).as_secs_f64();
        if turn % 2 == 0 { &mut one } else { &mut many }.push(rate);
        let used = thread_cpu();
        for _ in leaving {
            let born = stepper.spawn(RESOURCE)?;
            stepper.free(black_box(born))?;
        }
        hot.push(leaving.len() as f64 / (thread_cpu() - used).as_secs_f64());
    }
    refused.map_or(Ok(()), Err)?;
    Ok(Found::from([
        ("churn_pairs_per_cpu_s".into(), one.median()),
        ("churn_batch_pairs_per_cpu_s".into(), many.median()),
        ("churn_one_slot_pairs_per_cpu_s".into(), hot.median()),
    ]))
}

/// In batches through the population and one supervised shard.
pub(crate) fn measure_door(scale: u64) -> Outcome {
    runtime()?.block_on(through_the_door(4_000_000 / scale))
}

async fn through_the_door(agents: u64) -> Outcome {
    let Probes {
        tree,
        population,
        first,
    } = Probes::start(agents).await?;
    let handles = shuffled((0..agents).map(|slot| after(first, slot)).collect());
    let mut rate = Samples::new();
    for leaving in handles.chunks(DOOR_BATCH).take(60) {
        let used = process_cpu();
        replace(&population, leaving).await?;
        rate.push(leaving.len() as f64 / (process_cpu() - used).as_secs_f64());
    }
    tree.stop().await;
    Ok(Found::from([(
        "churn_door_pairs_per_cpu_s".into(),
        rate.median(),
    )]))
}

async fn replace(
    population: &Population,
    leaving: &[Handle],
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    if let Some(refusal) = population.free_many(leaving, SOON).await?.pop() {
        return Err(refusal.into());
    }
    let coming = vec![RESOURCE; leaving.len()];
    for born in population.spawn_many(Probe::NAME, &coming, SOON).await? {
        black_box(born?);
    }
    Ok(())
}
