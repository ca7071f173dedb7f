//! Ten thousand goals on one node: what it holds in memory and on disk is the same after the first thousand as after the last.

use std::path::Path;
use std::time::Instant;

use crate::records::Rig;

const FIRST: u64 = 1_000;
const ALL: u64 = 10_000;
/// How much more there may be after all than after the first: what an allocator and a log need to breathe.
const SLACK: f64 = 1.25;
const MB: f64 = 1_048_576.0;

/// Resident memory of this process, in bytes.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes = line.unwrap().split_whitespace().nth(1).unwrap();
    kilobytes.parse::<f64>().unwrap() * 1_024.0
}

/// Bytes of all files below a folder.
fn size(folder: &Path) -> f64 {
    let mut sum = 0;
    let mut left = vec![folder.to_path_buf()];
    while let Some(folder) = left.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            // A file may leave while it is looked at.
            match entry.metadata() {
                Ok(found) if found.is_dir() => left.push(entry.path()),
                Ok(found) => sum += found.len(),
                Err(_) => {}
            }
        }
    }
    sum as f64
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_goals_leave_memory_and_disk_as_the_first_thousand_did() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let mut rig = Rig::new(folder.path(), None).await;
    let begun = Instant::now();
    let mut first = None;
    // `AIOS_SOAK` asks for fewer, for a look.
    let all = std::env::var("AIOS_SOAK").map_or(ALL, |many| many.parse().unwrap());
    for goals in (FIRST / 2..=all).step_by(FIRST as usize / 2) {
        rig.run(FIRST / 2).await;
        let (memory, disk, held) = (resident(), size(&state), rig.held());
        eprintln!(
            "{goals} goals, {:.0} s: {:.1} MB resident, {:.1} MB on disk, {held:?}",
            begun.elapsed().as_secs_f64(),
            memory / MB,
            disk / MB,
        );
        if goals < FIRST {
            continue;
        }
        let (memory_then, disk_then, held_then) =
            first.get_or_insert_with(|| (memory, disk, held.clone()));
        assert!(
            memory <= *memory_then * SLACK,
            "{goals} goals: memory grows"
        );
        assert!(
            disk <= *disk_then * SLACK,
            "{goals} goals: the folder grows"
        );
        for (kind, many) in &held {
            let before = held_then.get(kind).copied().unwrap_or(0);
            // Of three tenants each has its thousand.
            assert!(
                *many <= before.max(3 * FIRST as usize * 4),
                "{goals} goals: {kind}"
            );
        }
    }
    rig.node.stop().await;
}
