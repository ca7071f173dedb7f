//! Time from telling to handling at a million events a second: bar 5.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use aios_micro::Event;

use super::part::{Found, Outcome, runtime};
use super::probe::{Dice, LATENCIES, Probes, TIMED, after, settled, tenth_us};
use crate::meter::waited_for_a_core;

/// Length of a window, and how long its threads may have waited for a core in all and it still counts as undisturbed.
const WINDOW: Duration = Duration::from_millis(5);
const UNDISTURBED: Duration = Duration::from_micros(100);
/// Events are told this often, as from a loop that collects what came in.
const EVERY: Duration = Duration::from_micros(250);
const PER_SECOND: f64 = 1e6;

pub(crate) fn measure(scale: u64) -> Outcome {
    let seconds = if scale == 1 { 5 } else { 1 };
    runtime()?.block_on(told_and_handled(
        1_000_000 / scale,
        Duration::from_secs(seconds),
    ))
}

async fn told_and_handled(agents: u64, lasts: Duration) -> Outcome {
    let Probes {
        tree,
        population,
        first,
    } = Probes::start(agents).await?;
    let door = population.clone();
    let teller = tokio::task::spawn_blocking(move || {
        let mut dice = Dice(5);
        let mut told = 0_u64;
        let (mut all, mut calm) = (vec![0; LATENCIES.len()], vec![0; LATENCIES.len()]);
        let mut calm_windows = 0_u32;
        let mut windows = 0_u32;
        let started = Instant::now();
        while started.elapsed() < lasts {
            let (window, waited, before) = (Instant::now(), waited_for_a_core(), snapshot());
            while window.elapsed() < WINDOW {
                let due = (started.elapsed().as_secs_f64() * PER_SECOND) as u64;
                let now = tenth_us();
                let mut events: Vec<Event> = (told..due.min(told + 4096))
                    .map(|_| Event::inform(after(first, dice.below(agents)), TIMED, now))
                    .collect();
                told += events.len() as u64;
                while door.tell(&mut events).is_err() {
                    std::thread::yield_now();
                }
                std::thread::sleep(EVERY);
            }
            let after = snapshot();
            let seen = after
                .iter()
                .zip(&before)
                .map(|(after, before)| after - before);
            windows += 1;
            let undisturbed = waited_for_a_core() - waited <= UNDISTURBED;
            calm_windows += u32::from(undisturbed);
            for (class, count) in seen.enumerate() {
                all[class] += count;
                calm[class] += if undisturbed { count } else { 0 };
            }
        }
        let share = f64::from(calm_windows) / f64::from(windows.max(1));
        let rate = told as f64 / started.elapsed().as_secs_f64();
        (told, rate, share, all, calm)
    });
    let (told, rate, share, all, calm) = teller.await?;
    settled(&population, told).await;
    tree.stop().await;
    let mut found = Found::from([
        ("latency_told_per_s".into(), rate),
        ("latency_p50_us".into(), percentile(&all, 0.5)),
        ("latency_p99_us".into(), percentile(&all, 0.99)),
        ("latency_p999_us".into(), percentile(&all, 0.999)),
        ("latency_undisturbed_share".into(), share),
    ]);
    if calm.iter().any(|count| *count > 0) {
        found.insert("latency_undisturbed_p99_us".into(), percentile(&calm, 0.99));
    }
    Ok(found)
}

fn snapshot() -> Vec<u64> {
    LATENCIES.iter().map(|class| class.load(Relaxed)).collect()
}

/// Upper edge, in microseconds, of the class that holds the value.
fn percentile(classes: &[u64], share: f64) -> f64 {
    let all: u64 = classes.iter().sum();
    let mut seen = 0;
    let at = classes.iter().position(|count| {
        seen += count;
        seen as f64 >= share * all as f64
    });
    (at.unwrap_or(classes.len()) + 1) as f64 * 10.0
}
