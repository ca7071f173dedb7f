//! Hit rates of the page agents' consensus beside LRU and CLOCK, on a Zipf trace and on a recorded one.
//!
//! The recorded trace is 100,000 page references of sqlite3 3.40 running joins, groupings and an update on two tables,
//! taken with valgrind's lackey tool; references to one of the eight pages seen last are left out, as a processor's own
//! buffers would hide them. Two bytes each, little-endian, pages numbered by address.

use std::collections::{HashMap, VecDeque};
use std::io::Write;

use aios_micro::pager::{Access, Pager};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde_json::json;

static RECORDED: &[u8] = include_bytes!("../traces/sqlite_pages.u16le");

fn recorded() -> Vec<u32> {
    RECORDED
        .chunks_exact(2)
        .map(|pair| u32::from(u16::from_le_bytes([pair[0], pair[1]])))
        .collect()
}

/// References to `pages` pages whose n-th most popular is used in proportion to 1 / n.
fn zipf(pages: u32, references: usize, seed: u64) -> Vec<u32> {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut sums = Vec::with_capacity(pages as usize);
    let mut sum = 0.0;
    for rank in 1..=pages {
        sum += 1.0 / f64::from(rank);
        sums.push(sum);
    }
    // Popular pages lie anywhere, not side by side.
    let mut order: Vec<u32> = (0..pages).collect();
    for at in (1..order.len()).rev() {
        order.swap(at, rng.random_range(0..=at));
    }
    (0..references)
        .map(|_| {
            let mark = rng.random::<f64>() * sum;
            order[sums.partition_point(|sum| *sum < mark).min(order.len() - 1)]
        })
        .collect()
}

fn lru(trace: &[u32], frames: usize) -> f64 {
    let mut last: HashMap<u32, usize> = HashMap::new();
    let mut queue: VecDeque<(u32, usize)> = VecDeque::new();
    let mut hits = 0;
    for (now, page) in trace.iter().enumerate() {
        let hit = last.contains_key(page);
        hits += usize::from(hit);
        while !hit && last.len() >= frames {
            let Some((oldest, at)) = queue.pop_front() else {
                break;
            };
            if last.get(&oldest) == Some(&at) {
                last.remove(&oldest);
            }
        }
        last.insert(*page, now);
        queue.push_back((*page, now));
    }
    hits as f64 / trace.len() as f64
}

fn clock(trace: &[u32], frames: usize) -> f64 {
    let mut place: HashMap<u32, usize> = HashMap::new();
    let mut ring: Vec<(u32, bool)> = Vec::new();
    let (mut hand, mut hits) = (0, 0);
    for page in trace {
        if let Some(at) = place.get(page) {
            ring[*at].1 = true;
            hits += 1;
            continue;
        }
        if ring.len() < frames {
            place.insert(*page, ring.len());
            ring.push((*page, false));
            continue;
        }
        while ring[hand].1 {
            ring[hand].1 = false;
            hand = (hand + 1) % frames;
        }
        place.remove(&ring[hand].0);
        place.insert(*page, hand);
        ring[hand] = (*page, false);
        hand = (hand + 1) % frames;
    }
    hits as f64 / trace.len() as f64
}

fn swarm(trace: &[u32], pages: u32, frames: usize, seed: u64) -> Result<f64, aios_micro::Refusal> {
    let mut pager = Pager::new(pages, frames)?;
    let mut rng = SmallRng::seed_from_u64(seed);
    let hits = trace
        .iter()
        .filter(|page| pager.access(**page, &mut rng) == Access::Hit)
        .count();
    Ok(hits as f64 / trace.len() as f64)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let recorded = recorded();
    let pages = recorded.iter().max().map_or(0, |last| last + 1);
    let mut rows = Vec::new();
    for (name, trace, pages) in [
        ("zipf", zipf(10_000, 200_000, 1), 10_000),
        ("sqlite", recorded, pages),
    ] {
        for part in [20, 10, 5] {
            let frames = (pages / part) as usize;
            rows.push(json!({
                "trace": name, "pages": pages, "frames": frames, "lru": lru(&trace, frames), "clock": clock(&trace, frames),
                "swarm": swarm(&trace, pages, frames, 1)?,
            }));
        }
    }
    writeln!(
        std::io::stdout(),
        "{:#}",
        json!({ "name": "eviction", "hit_rates": rows })
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consensus_hits_more_than_lru_and_clock_while_memory_is_short() {
        let recorded = recorded();
        let table = [
            (zipf(2_000, 40_000, 1), 2_000, 100),
            (zipf(2_000, 40_000, 2), 2_000, 200),
            (recorded, 282, 28),
        ];
        for (trace, pages, frames) in table {
            let (ours, lru, clock) = (
                swarm(&trace, pages, frames, 1),
                lru(&trace, frames),
                clock(&trace, frames),
            );
            assert!(
                ours.is_ok_and(|ours| ours > lru.max(clock)),
                "{ours:?} {lru} {clock} with {frames} frames"
            );
        }
    }
}
