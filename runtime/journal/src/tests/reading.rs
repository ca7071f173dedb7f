//! Reading from a number on.

use std::sync::Arc;

use super::*;

/// Over several segments, with statements between the entries: from whichever number, that one and everything behind it, each once.
#[test]
fn whoever_reads_from_a_number_is_told_that_entry_and_all_behind_it() {
    let disk = SimulatedDisk::new(1);
    let (mut log, _) = open(&disk).unwrap();
    for at in 0..40 {
        append(&mut log, &[draft(&format!("key {at}"), 400)]).unwrap();
    }
    drop(log);
    let (all, damaged) = read(&disk);
    assert_eq!((all.len(), damaged), (40, Vec::new()));
    let segments = all.iter().map(|entry| entry.position.segment);
    let segments: std::collections::BTreeSet<u64> = segments.collect();
    assert!(segments.len() > 3, "{segments:?}");
    let last = all.last().unwrap().sequence;
    for from in 0..last + 3 {
        let disk: Arc<dyn Disk> = Arc::new(disk.clone());
        let told: Vec<Entry> = entries(disk, from).unwrap().map(Result::unwrap).collect();
        let behind = all.iter().filter(|entry| entry.sequence >= from);
        assert!(told.iter().eq(behind), "from {from}");
    }
}
