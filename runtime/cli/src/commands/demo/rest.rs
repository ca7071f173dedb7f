//! Putting micro agents to sleep, all of them, and waking one.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use aios_micro::kinds::page::TOUCH;
use aios_micro::{Act, DoorError, Event, Handle, Population, Promise, Refusal};

use super::played::Played;

/// The kind that there are a million of.
const KIND: &str = "page";
/// What a shard may take over one of them.
const PATIENCE: Duration = Duration::from_secs(30);
/// Orders under way at once.
const UNDER_WAY: usize = 512;
/// Bytes of one in an arena.
const BYTES: u64 = 64;

type Failed = Box<dyn std::error::Error + Send + Sync>;

pub(super) async fn play(swarm: &Population, sleepers: u32) -> Result<Played, Failed> {
    let mut played = Played::default();
    let begun = Instant::now();
    let handles = all(swarm, sleepers).await?;
    lay(swarm, &handles).await?;
    let totals = swarm.totals();
    let kind = totals.kind(KIND).ok_or("this node has no pages")?;
    played.steps.push(format!(
        "{} of {} agents are asleep, after {:.1} s",
        kind.asleep,
        kind.active,
        begun.elapsed().as_secs_f64()
    ));
    played.steps.push(format!(
        "their arenas hold {:.0} MB, {BYTES} bytes each; asleep they take no time at all",
        kind.arena_bytes as f64 / 1e6
    ));
    let slept = kind.asleep;
    let one = *handles.get(handles.len() / 2).ok_or("there is none")?;
    let name = swarm.identity(one)?;
    let begun = Instant::now();
    swarm.resume(one)?.within(PATIENCE).await?;
    let mut told = vec![Event::new(one, Act::Inform, TOUCH, 0, 0)];
    swarm.tell(&mut told)?;
    let seen = loop {
        let seen = swarm.look(one)?.within(PATIENCE).await?;
        if seen.pheromone > 0.0 || begun.elapsed() > PATIENCE {
            break seen;
        }
    };
    let took = begun.elapsed();
    played.steps.push(format!(
        "{name} is woken and told that it was touched: {:?}, pheromone {:.2}, after {:.2} ms",
        seen.life,
        seen.pheromone,
        took.as_secs_f64() * 1e3
    ));
    let left = swarm.totals().kind(KIND).map_or(0, |kind| kind.asleep);
    played.steps.push(format!("{left} sleep on"));
    played.holds = slept == u64::from(sleepers) && seen.pheromone > 0.0 && left + 1 == slept;
    Ok(played)
}

/// The handle of the agent that stands for this page.
async fn of(swarm: &Population, page: u64) -> Result<Handle, Failed> {
    let found = swarm.find(KIND, page, PATIENCE).await?;
    found.ok_or_else(|| format!("this node has no page {page}").into())
}

/// The handle of each. Pages are born with the node, in equal runs over shards that follow each other, and in the order of their slots.
async fn all(swarm: &Population, sleepers: u32) -> Result<Vec<Handle>, Failed> {
    let sleepers = u64::from(sleepers);
    let (first, last) = (of(swarm, 0).await?, of(swarm, sleepers - 1).await?);
    let run = sleepers.div_ceil(u64::from(last.shard() - first.shard()) + 1);
    let mut handles = Vec::new();
    let mut page = 0;
    while page < sleepers {
        let begin = of(swarm, page).await?;
        let many = run.min(sleepers - page);
        handles.extend((0..many).filter_map(|at| Handle::from_bits(begin.bits() + at)));
        page += many;
    }
    Ok(handles)
}

async fn lay(swarm: &Population, handles: &[Handle]) -> Result<(), Failed> {
    let mut under_way: VecDeque<Promise<Result<(), Refusal>>> = VecDeque::new();
    for handle in handles {
        while under_way.len() >= UNDER_WAY {
            settle(&mut under_way).await?;
        }
        loop {
            match swarm.suspend(*handle) {
                Ok(promise) => break under_way.push_back(promise),
                // Its shard has enough to do; one of ours is done soon.
                Err(DoorError::Busy { .. }) if !under_way.is_empty() => {
                    settle(&mut under_way).await?
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    while !under_way.is_empty() {
        settle(&mut under_way).await?;
    }
    Ok(())
}

async fn settle(under_way: &mut VecDeque<Promise<Result<(), Refusal>>>) -> Result<(), Failed> {
    if let Some(promise) = under_way.pop_front() {
        promise.within(PATIENCE).await?;
    }
    Ok(())
}
