//! Events handled by one core, without the door: bars 2 and 4.

use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};

use aios_micro::Handle;

use super::part::{Found, Outcome};
use super::probe::{Dice, PANIC, PANIC_PLAINLY, TOUCH, events, stepper};
use crate::Samples;
use crate::meter::thread_cpu;

/// Events of one slice: a millisecond, so that most slices are not interrupted and the subjects alternate quickly.
const SLICE: usize = 32_768;
const SLICES: u64 = 60;

pub(crate) fn measure(scale: u64) -> Outcome {
    let agents = 4_000_000 / scale;
    let mut stepper = stepper();
    let handles = (0..agents)
        .map(|resource| stepper.spawn(resource))
        .collect::<Result<Vec<Handle>, _>>()?;
    let first = handles[0];
    let subjects = [
        ("random", true, TOUCH),
        ("random_panics", true, PANIC),
        ("random_plain_panics", true, PANIC_PLAINLY),
        ("neighbour", false, TOUCH),
        ("neighbour_panics", false, PANIC),
    ];
    let slices = (SLICES / scale).max(3);
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let mut nanos: [Samples; 5] = Default::default();
    let mut bare = Samples::new();
    for slice in 0..slices {
        for (at, (_, random, code)) in subjects.iter().enumerate() {
            let events = events(first, agents, random.then_some(&mut dice), *code, SLICE);
            let used = thread_cpu();
            stepper.step(slice * 5 + at as u64, &events);
            nanos[at].push((thread_cpu() - used).as_nanos() as f64 / SLICE as f64);
        }
        bare.push(bare_panic_ns());
    }
    let counts = stepper.counts();
    let panics = slices * 3 * (SLICE as u64 / 100);
    let mut found = Found::new();
    for ((name, ..), nanos) in subjects.iter().zip(&nanos) {
        found.insert(format!("{name}_events_per_cpu_s"), 1e9 / nanos.median());
    }
    let [none, some, plain, ..] = nanos.map(|nanos| nanos.median());
    found.insert("panic_ratio".into(), none / some);
    found.insert("plain_panic_ratio".into(), none / plain);
    found.insert("panic_ns".into(), (some - none) * 100.0);
    found.insert("bare_panic_ns".into(), bare.median());
    found.insert("delivery_panics_told".into(), panics as f64);
    found.insert("delivery_panics_counted".into(), counts.panics as f64);
    let delivered = counts.handled + counts.panics;
    let told = slices * subjects.len() as u64 * SLICE as u64;
    let lost = (agents - stepper.live())
        + told.abs_diff(delivered)
        + counts.panics.abs_diff(counts.restarted);
    found.insert("delivery_lost_agents".into(), lost as f64);
    Ok(found)
}

/// The same panic caught one by one with nothing around it: what the standard library and the unwinder take for themselves.
fn bare_panic_ns() -> f64 {
    const PANICS: usize = 300;
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let used = thread_cpu();
    for number in 0..PANICS {
        let nothing: &[usize] = black_box(&[]);
        let caught = catch_unwind(AssertUnwindSafe(|| nothing[black_box(number)]));
        let _ = black_box(caught);
    }
    let nanos = (thread_cpu() - used).as_nanos() as f64 / PANICS as f64;
    std::panic::set_hook(hook);
    nanos
}
