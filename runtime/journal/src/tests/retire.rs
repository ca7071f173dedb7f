//! What leaves, what stays, and that the whole of it can be accounted for.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::damage::assert_whole;
use super::{append, at, draft, open, read, retire};
use crate::chain::{self, Chain, Step};
use crate::frame::Kind;
use crate::{Crash, Disk, Limit, Retention, SimulatedDisk, entry};

/// Every key is at hand or in the archive.
pub(super) fn assert_all_somewhere(disk: &SimulatedDisk, keys: &[String], name: &str) {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let mut found = BTreeSet::new();
    for folder in ["", "archive"] {
        for segment in chain::segments(disk, folder).unwrap() {
            for step in Chain::new(Arc::clone(&shared), [segment]) {
                match step {
                    Step::Damage(damage) => panic!("{name}: {damage}"),
                    Step::Frame { whole, .. } if whole.kind == Kind::Entry => {
                        found.insert(entry::decode(&whole.body).unwrap().0.key);
                    }
                    Step::Frame { .. } => {}
                }
            }
        }
    }
    for key in keys {
        assert!(found.contains(key), "{name}: {key} is nowhere");
    }
}

fn filled(days: u64) -> (SimulatedDisk, crate::log::Log) {
    let disk = SimulatedDisk::new(1);
    let (mut log, _) = open(&disk).unwrap();
    for day in 0..days {
        let now = at(day * 24 * 3_600_000_000);
        for number in 0..4 {
            let key = format!("{day}/{number}");
            log.append(&mut [super::unit(&[draft(&key, 300)])], now)
                .unwrap();
        }
        log.rotate(now).unwrap();
    }
    (disk, log)
}

const DAY: u64 = 24 * 3_600_000_000;

#[test]
fn old_segments_leave_and_what_is_needed_of_them_stays() {
    let (disk, mut log) = filled(10);
    let retention = Retention {
        journal: Limit {
            days: Some(5),
            ..Limit::default()
        },
        archive: Limit::default(),
    };
    let moved = retire(&mut log, &retention, at(9 * DAY), |it| {
        it.draft.key == "2/1"
    })
    .unwrap();
    assert_eq!(
        (moved.archived, moved.kept, moved.left),
        (4, 1, 15),
        "{moved:?}"
    );
    let (found, damage) = read(&disk);
    assert!(damage.is_empty(), "{damage:?}");
    let keys: Vec<String> = found.into_iter().map(|it| it.draft.key).collect();
    assert_eq!(keys[0], "2/1");
    assert_eq!(keys.len(), 1 + 24);
    assert_whole(&disk, "after the first time");
    // It is not needed any more, so nothing of the old days stays.
    let moved = retire(&mut log, &retention, at(9 * DAY), |_| false).unwrap();
    assert_eq!((moved.archived, moved.left), (0, 1), "{moved:?}");
    assert_eq!(read(&disk).0[0].draft.key, "4/0");
    assert_whole(&disk, "after the second time");
    drop(log);
    disk.restart(Crash::PowerLoss);
    let (mut log, recovery) = open(&disk).unwrap();
    assert_eq!(recovery.damage, []);
    append(&mut log, &[draft("on", 1)]).unwrap();
    assert_whole(&disk, "after going on");
    let keys: Vec<String> = (0..10)
        .flat_map(|day| (0..4).map(move |n| format!("{day}/{n}")))
        .collect();
    assert_all_somewhere(&disk, &keys, "all");
}

#[test]
fn an_archive_beyond_its_limit_is_deleted_from_the_oldest_on_and_that_is_written_down() {
    let (disk, mut log) = filled(10);
    let retention = Retention {
        journal: Limit {
            days: Some(5),
            ..Limit::default()
        },
        archive: Limit {
            days: Some(7),
            ..Limit::default()
        },
    };
    let moved = retire(&mut log, &retention, at(9 * DAY), |_| false).unwrap();
    assert_eq!((moved.archived, moved.deleted), (4, 2), "{moved:?}");
    assert_eq!(disk.list("archive").unwrap().len(), 2);
    assert_whole(&disk, "with a hole that is explained");
    // One more gone, without a word.
    let name = disk.list("archive").unwrap()[0].name.clone();
    disk.remove(&format!("archive/{name}")).unwrap();
    let shared: Arc<dyn Disk> = Arc::new(disk);
    let seen = crate::verify(&shared, &|_| true).unwrap();
    let bad = seen.first_bad().unwrap();
    assert_eq!(bad.segment, format!("archive/{name}"), "{bad}");
}

#[test]
fn a_damaged_segment_stays_where_it_is_and_is_named() {
    let (disk, mut log) = filled(4);
    let name = crate::segment::name(1);
    let mut bytes = disk.contents(&name).unwrap();
    bytes[400] ^= 1;
    disk.put(&name, &bytes);
    let retention = Retention {
        journal: Limit {
            bytes: Some(0),
            ..Limit::default()
        },
        archive: Limit::default(),
    };
    let moved = retire(&mut log, &retention, at(0), |_| false).unwrap();
    assert_eq!(moved.damage.len(), 1);
    assert_eq!(moved.archived, 3);
    assert_eq!(disk.contents(&name), Some(bytes));
}
