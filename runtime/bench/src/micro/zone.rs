//! Four million page agents in a supervised zone of two shards: bars 1, 2 and 7 as a user of the crate meets them.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use aios_micro::kinds::{Page, page};
use aios_micro::{Event, Handle, KindConfig, Population, Source, SurveyRequest, Zone};
use aios_supervisor::Supervisor;

use super::part::{Found, Outcome, runtime};
use super::probe::{Dice, SOON, WAIT, after, settled};
use crate::Samples;
use crate::meter::{process_cpu, resident};

const BATCH: usize = 32_768;

pub(crate) fn measure(scale: u64) -> Outcome {
    runtime()?.block_on(pages(4_000_000 / scale, (100 / scale).max(4) as usize))
}

/// Handle of the n-th page, of which each shard has one half in order.
#[derive(Clone, Copy)]
struct Pages {
    agents: u64,
    halves: [Handle; 2],
}

impl Pages {
    async fn find(
        population: &Population,
        agents: u64,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let first = population.find("page", 0, SOON).await?;
        let second = population.find("page", agents / 2, SOON).await?;
        let halves = [
            first.ok_or("no first half")?,
            second.ok_or("no second half")?,
        ];
        Ok(Self { agents, halves })
    }

    fn at(&self, number: u64) -> Handle {
        let half = self.agents / 2;
        after(self.halves[usize::from(number >= half)], number % half)
    }

    fn touches(&self, dice: &mut Dice, count: usize) -> Vec<Event> {
        let touch = |number| Event::inform(self.at(number), page::TOUCH, 1);
        (0..count).map(|_| touch(dice.below(self.agents))).collect()
    }
}

async fn pages(agents: u64, batches: usize) -> Outcome {
    let before = resident();
    let (wall, used) = (Instant::now(), process_cpu());
    let config = KindConfig {
        shards: 2,
        source: Source::Range(0..agents),
        ..KindConfig::of::<Page>()
    };
    let zone = Zone::builder("numa-0").kind::<Page>(config).build()?;
    let tree = Supervisor::start(zone.spec).await?;
    let population = zone.population;
    let mut found = Found::from([
        (
            "zone_birth_cpu_s".into(),
            (process_cpu() - used).as_secs_f64(),
        ),
        ("zone_birth_wall_s".into(), wall.elapsed().as_secs_f64()),
    ]);
    let handles = Pages::find(&population, agents).await?;
    let mut dice = Dice(7);
    let mut rate = Samples::new();
    let mut told = 0;
    for _ in 0..batches / 4 {
        let used = process_cpu();
        for _ in 0..4 {
            let mut events = handles.touches(&mut dice, BATCH);
            told += events.len() as u64;
            while population.tell(&mut events).is_err() {
                tokio::time::sleep(WAIT).await;
            }
        }
        settled(&population, told).await;
        rate.push((4 * BATCH) as f64 / (process_cpu() - used).as_secs_f64());
    }
    found.insert("zone_random_events_per_cpu_s".into(), rate.median());
    // After all pages have been born and many used, and with the queues as full as they were.
    found.insert("zone_rss_mb".into(), resident() as f64 / 1e6);
    found.insert("zone_rss_before_mb".into(), before as f64 / 1e6);
    found.insert(
        "zone_bytes_per_agent".into(),
        (resident() - before) as f64 / agents as f64,
    );
    found.extend(looked_at(&population, handles).await?);
    let idle = process_cpu();
    tokio::time::sleep(Duration::from_secs(1)).await;
    found.insert(
        "zone_idle_cpu_ms_per_s".into(),
        (process_cpu() - idle).as_secs_f64() * 1e3,
    );
    found.insert(
        "zone_refused".into(),
        population.totals().counts().refused() as f64,
    );
    tree.stop().await;
    Ok(found)
}

/// Looking while the shards are busy: one thread keeps telling, this one looks.
async fn looked_at(population: &Population, handles: Pages) -> Outcome {
    let stop = Arc::new(AtomicBool::new(false));
    let (busy, stopped) = (population.clone(), Arc::clone(&stop));
    let teller = tokio::task::spawn_blocking(move || {
        let mut dice = Dice(9);
        while !stopped.load(Relaxed) {
            // What finds no room is told anew next time: this only keeps the shards at work.
            let _ = busy.tell(&mut handles.touches(&mut dice, 1024));
            std::thread::sleep(Duration::from_micros(500));
        }
    });
    let mut totals = Samples::new();
    let mut worst = 0.0_f64;
    for _ in 0..101 {
        let asked = Instant::now();
        black_box(population.totals());
        let micros = asked.elapsed().as_secs_f64() * 1e6;
        worst = worst.max(micros);
        totals.push(micros);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut found = Found::from([
        ("zone_totals_us".into(), totals.median()),
        ("zone_totals_worst_us".into(), worst),
    ]);
    for (name, every) in [("sample", 64), ("survey", 1)] {
        let before = population.totals().counts().handled;
        let asked = Instant::now();
        black_box(
            population
                .survey("page", SurveyRequest { top: 10, every }, SOON)
                .await?,
        );
        found.insert(
            format!("zone_{name}_ms"),
            asked.elapsed().as_secs_f64() * 1e3,
        );
        let meanwhile = population.totals().counts().handled - before;
        found.insert(format!("zone_{name}_events_meanwhile"), meanwhile as f64);
    }
    stop.store(true, Relaxed);
    teller.await?;
    Ok(found)
}
