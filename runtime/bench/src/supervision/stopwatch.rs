//! Time as a busy machine does not falsify it.

use std::time::Instant;

/// Measures the time its thread has had a processor, where the kernel tells; else wall time. The subjects run on one
/// thread, so this is what an idle machine would take.
pub(super) struct Stopwatch(Instant, Option<f64>);

impl Stopwatch {
    pub(super) fn start() -> Self {
        Self(Instant::now(), processor_time())
    }

    pub(super) fn seconds(&self) -> f64 {
        match (self.1, processor_time()) {
            (Some(before), Some(after)) => after - before,
            _ => self.0.elapsed().as_secs_f64(),
        }
    }
}

fn processor_time() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split(' ').next()?.parse::<f64>().ok()? / 1e9)
}
