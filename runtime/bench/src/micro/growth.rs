//! Memory, birth and events at several sizes: bar 6.

use super::part::{Found, Outcome};
use super::probe::{Dice, TOUCH, events, stepper};
use crate::Samples;
use crate::meter::{available, resident, thread_cpu};

/// Nothing is measured where the memory for it, four times over, is not free: other programs need some too.
pub(crate) fn measure(millions: u64, scale: u64) -> Outcome {
    let agents = millions * 1_000_000 / scale;
    let name = |what: &str| format!("growth_{millions}_{what}");
    let mut found = Found::new();
    if available() < agents * 64 * 4 {
        return Ok(found);
    }
    let before = resident();
    let used = thread_cpu();
    let mut stepper = stepper();
    let first = stepper.spawn(0)?;
    for resource in 1..agents {
        stepper.spawn(resource)?;
    }
    let birth = (thread_cpu() - used).as_nanos() as f64 / agents as f64;
    let bytes = resident().saturating_sub(before) as f64 / agents as f64;
    let mut dice = Dice(42);
    let mut nanos = Samples::new();
    for slice in 0..40 {
        let events = events(first, agents, Some(&mut dice), TOUCH, 32_768);
        let used = thread_cpu();
        stepper.step(slice, &events);
        nanos.push((thread_cpu() - used).as_nanos() as f64 / events.len() as f64);
    }
    found.insert(name("agents"), stepper.live() as f64);
    found.insert(name("bytes_per_agent"), bytes);
    found.insert(name("birth_ns"), birth);
    found.insert(name("random_event_ns"), nanos.median());
    Ok(found)
}
