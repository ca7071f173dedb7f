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

use self::figure::{Figure, Line, Panel};

#[path = "figure/mod.rs"]
mod figure;

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

/// Hit rates on one trace: for each share of the pages that has frames, the page agents', LRU's and CLOCK's.
struct Hits {
    trace: &'static str,
    pages: u32,
    rows: Vec<(usize, [f64; 3])>,
}

const POLICIES: [&str; 3] = ["page agents", "LRU", "CLOCK"];
/// Frames, in hundredths of the pages.
const SHARES: [u32; 5] = [5, 7, 10, 20, 40];

fn hits(trace: &'static str, references: &[u32], pages: u32) -> Result<Hits, aios_micro::Refusal> {
    let row = |share: u32| {
        let frames = (pages * share / 100) as usize;
        let ours = swarm(references, pages, frames, 1)?;
        Ok((
            frames,
            [ours, lru(references, frames), clock(references, frames)],
        ))
    };
    let rows = SHARES.into_iter().map(row).collect::<Result<_, _>>()?;
    Ok(Hits { trace, pages, rows })
}

fn all() -> Result<[Hits; 2], aios_micro::Refusal> {
    let recorded = recorded();
    let pages = recorded.iter().max().map_or(0, |last| last + 1);
    Ok([
        hits("Zipf", &zipf(10_000, 100_000, 1), 10_000)?,
        hits("sqlite3", &recorded, pages)?,
    ])
}

fn figure(found: &[Hits]) -> Figure {
    let panel = |hits: &Hits| Panel {
        title: format!("{}, {} pages", hits.trace, hits.pages),
        x: "frames, hundredths of the pages",
        y: "hit rate",
        log: false,
        lines: (0..POLICIES.len())
            .map(|at| Line {
                name: POLICIES[at],
                points: SHARES
                    .iter()
                    .zip(&hits.rows)
                    .map(|(share, row)| (f64::from(*share), row.1[at]))
                    .collect(),
            })
            .collect(),
    };
    Figure {
        title: "Hit rates of a buffer pool ruled by its page agents",
        description: "On a Zipf trace and on a recorded trace of sqlite3 the page agents hit more often than LRU and CLOCK, most \
                      of all where memory is short; where nearly all pages fit, the three are alike.",
        source: "seed 1 and traces/sqlite_pages.u16le; cargo run --release -p aios-micro --example eviction -- --figure PATH",
        panels: found.iter().map(panel).collect(),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let found = all()?;
    figure::write_if_asked(&figure(&found))?;
    let rows: Vec<_> = found
        .iter()
        .flat_map(|hits| hits.rows.iter().map(move |row| (hits, row)))
        .map(|(hits, (frames, [swarm, lru, clock]))| {
            json!({ "trace": hits.trace, "pages": hits.pages, "frames": frames, "swarm": swarm, "lru": lru, "clock": clock })
        })
        .collect();
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
    fn consensus_hits_more_than_lru_and_clock_while_memory_is_short_and_the_figure_says_so() {
        let Ok(found) = all() else {
            panic!("the arena has no room");
        };
        for hits in &found {
            for (frames, [ours, lru, clock]) in &hits.rows[..3] {
                assert!(
                    *ours > lru.max(*clock),
                    "{} with {frames} frames: {ours} {lru} {clock}",
                    hits.trace
                );
            }
        }
        figure::assert_committed(
            &figure(&found),
            include_str!("../../../docs/guide/figures/eviction.svg"),
        );
    }
}
