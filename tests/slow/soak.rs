//! Ten thousand goals on one node: what it holds in memory and on disk is the same after the first thousand as after the last.

use std::path::Path;
use std::time::Instant;

use crate::records::Rig;

const FIRST: u64 = 1_000;
const ALL: u64 = 10_000;
/// How much more memory there may be after all than after the first: what an allocator needs to breathe.
const MEMORY_SLACK: f64 = 1.15;
/// How much larger the folder may be: sled cleans a part of its log when less than half of it is in use, so the log is between one and two
/// times as large as what is in it.
const DISK_SLACK: f64 = 1.5;
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

/// In a runtime with as many threads for tools as that of the command.
#[test]
fn ten_thousand_goals_leave_memory_and_disk_as_the_first_thousand_did() {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(aios_runtime::tool_threads())
        .enable_all()
        .build()
        .unwrap()
        .block_on(ten_thousand_goals());
}

async fn ten_thousand_goals() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let mut rig = Rig::new(folder.path(), None).await;
    let begun = Instant::now();
    let mut seen = Vec::new();
    for goals in (FIRST / 2..=ALL).step_by(FIRST as usize / 2) {
        rig.run(FIRST / 2).await;
        let (memory, disk, mut held) = (resident(), size(&state), rig.held());
        // Keys outlive their parties by a while; by the first thousand goals as many go as come.
        let keys = rig.node.society().key_registry().len();
        held.insert("keys".to_owned(), keys);
        eprintln!(
            "{goals} goals, {:.0} s: {:.1} MB resident, {:.1} MB on disk, {held:?}",
            begun.elapsed().as_secs_f64(),
            memory / MB,
            disk / MB,
        );
        if goals >= FIRST {
            seen.push((goals, memory, disk, held));
        }
    }
    let (_, memory_then, disk_then, held_then) = seen[0].clone();
    for (goals, memory, disk, held) in seen {
        assert!(
            memory <= memory_then * MEMORY_SLACK,
            "{goals} goals: memory grows"
        );
        assert!(
            disk <= disk_then * DISK_SLACK,
            "{goals} goals: the folder grows"
        );
        for (kind, many) in held {
            // The goals kept at any moment are as many; how far those had come that were called off differs, and so their steps do.
            let before = held_then.get(&kind).copied().unwrap_or(0);
            assert!(
                many <= before + before / 4,
                "{goals} goals: {many} of {kind}, not {before}"
            );
        }
    }
    rig.node.stop().await;
}
