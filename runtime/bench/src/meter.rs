//! Clocks and memory of this process.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Processor time of this process, threads that are gone included.
#[must_use]
pub fn process_cpu() -> Duration {
    read(ClockId::ProcessCPUTime)
}

/// Processor time of this thread.
pub(crate) fn thread_cpu() -> Duration {
    read(ClockId::ThreadCPUTime)
}

fn read(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Resident memory of this process in bytes; none where the kernel does not tell.
pub(crate) fn resident() -> u64 {
    field("/proc/self/status", "VmRSS")
}

/// Bytes by which the resident memory of this process has grown since it was `before`.
pub(crate) fn grown_since(before: u64) -> f64 {
    resident() as f64 - before as f64
}

/// Bytes the machine has left; without an answer, none.
pub(crate) fn available() -> u64 {
    field("/proc/meminfo", "MemAvailable")
}

fn field(file: &str, name: &str) -> u64 {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
        .map_or(0, |kib| kib * 1024)
}

/// Time all threads of this process were ready to run and had no core: what other programs took from them.
pub(crate) fn waited_for_a_core() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task");
    let wait = |task: std::fs::DirEntry| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').nth(1)?.parse::<u64>().ok()
    };
    Duration::from_nanos(tasks.into_iter().flatten().flatten().filter_map(wait).sum())
}
