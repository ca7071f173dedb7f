//! No space left, no right to write, a clock that was set back.

use std::time::Duration;

use super::{append, at, draft, open, read};
use crate::ticket::WriteError;
use crate::{Crash, Fault, SimulatedDisk};

#[test]
fn a_full_disk_refuses_whole_units_and_takes_them_again_when_there_is_room() {
    for room in (0..2500).step_by(61) {
        let disk = SimulatedDisk::new(room);
        let (mut log, _) = open(&disk).unwrap();
        append(&mut log, &[draft("before", 100)]).unwrap();
        disk.set_capacity(disk.list_bytes() + room);
        let mut taken = vec!["before".to_owned()];
        let refused = loop {
            let key = format!("key/{}", taken.len());
            match append(
                &mut log,
                &[draft(&key, 200), draft(&format!("{key}/b"), 200)],
            ) {
                Ok(_) => taken.extend([key.clone(), format!("{key}/b")]),
                Err(error) => break error,
            }
        };
        let WriteError::Refused(why) = &refused else {
            panic!("{room}: {refused}");
        };
        assert_eq!(why.fault, Fault::Full, "{room}");
        assert!(refused.to_string().contains("free space"), "{refused}");
        disk.set_capacity(u64::MAX);
        append(&mut log, &[draft("after", 10)]).unwrap();
        taken.push("after".to_owned());
        drop(log);
        disk.restart(Crash::PowerLoss);
        drop(open(&disk).unwrap());
        let (found, damage) = read(&disk);
        assert!(damage.is_empty(), "{room}: {damage:?}");
        let keys: Vec<String> = found.into_iter().map(|it| it.draft.key).collect();
        assert_eq!(keys, taken, "{room}");
    }
}

#[test]
fn a_disk_that_may_not_be_written_any_more_stops_the_journal_and_says_what_to_do() {
    for (fault, hint) in [
        (Fault::ReadOnly, "mount it writable"),
        (Fault::Denied, "give this user the folder back"),
    ] {
        let disk = SimulatedDisk::new(7);
        let (mut log, _) = open(&disk).unwrap();
        append(&mut log, &[draft("before", 100)]).unwrap();
        disk.refuse_writes(Some(fault));
        let error = append(&mut log, &[draft("refused", 100)]).unwrap_err();
        assert!(error.to_string().contains(hint), "{error}");
        // What was asked for while it could not be had is asked for anew by a process that finds the disk writable.
        drop(log);
        let error = open(&disk).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains(hint), "{error}");
        disk.refuse_writes(None);
        let (mut log, _) = open(&disk).unwrap();
        append(&mut log, &[draft("after", 100)]).unwrap();
        let (found, damage) = read(&disk);
        assert!(damage.is_empty(), "{damage:?}");
        let keys: Vec<String> = found.into_iter().map(|it| it.draft.key).collect();
        assert_eq!(keys, ["before", "after"], "{fault:?}");
    }
}

impl SimulatedDisk {
    fn list_bytes(&self) -> u64 {
        use crate::Disk as _;
        self.list("").unwrap().iter().map(|it| it.bytes).sum()
    }
}

#[test]
fn a_clock_that_was_set_back_is_said_and_times_never_fall() {
    let disk = SimulatedDisk::new(1);
    let (mut log, _) = open(&disk).unwrap();
    let hour = 3_600_000_000;
    log.append(&mut [super::unit(&[draft("late", 1)])], at(hour))
        .unwrap();
    append(&mut log, &[draft("early", 1)]).unwrap();
    assert_eq!(log.published().lock().clock_back, Duration::from_secs(3600));
    drop(log);
    disk.restart(Crash::Kill);
    let (_, recovery) = open(&disk).unwrap();
    assert_eq!(recovery.clock_back, Some(Duration::from_secs(3600)));
    assert!(
        recovery.to_string().contains("the clock is 3600s behind"),
        "{recovery}"
    );
    let times: Vec<u64> = read(&disk).0.iter().map(|it| it.time.as_micros()).collect();
    assert!(times.is_sorted(), "{times:?}");
}

#[test]
fn a_journal_without_segments_beside_an_archive_is_not_begun_anew() {
    let disk = SimulatedDisk::new(1);
    let (mut log, _) = open(&disk).unwrap();
    append(&mut log, &[draft("a", 1)]).unwrap();
    drop(log);
    let bytes = disk.contents(&crate::segment::name(1)).unwrap();
    let other = SimulatedDisk::new(2);
    other.put(&format!("archive/{}", crate::segment::name(1)), &bytes);
    let error = open(&other).map(|_| ()).unwrap_err();
    assert!(
        error.to_string().contains("move its last segment back"),
        "{error}"
    );
}
