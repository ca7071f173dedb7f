//! The bytes of format 1 stay readable for ever, and are written the same today.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{at, identity, options, read};
use crate::frame::{Frame, Kind};
use crate::log::Log;
use crate::segment::{Found, Header, Walk, salt};
use crate::statement::Signed;
use crate::{Disk, Draft, Operation, Payload, SimulatedDisk, Status, entry};
use crate::{Limit, Retention, verify};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/1")
}

/// Every operation, every status, with and without what it was before, alone and in a unit.
fn drafts() -> Vec<Vec<Draft>> {
    let run = |bytes: &str| Payload::new("run", 1, bytes);
    let draft = |operation: Operation, status: Status, before: Option<Payload>| Draft {
        operation_id: "g-1/send".to_owned(),
        agent: "macro.executor".to_owned(),
        operation,
        key: "run/local/g-1".to_owned(),
        before,
        after: (operation == Operation::Set).then(|| run("sent")),
        status,
        superstep: 300,
    };
    vec![
        vec![draft(Operation::Set, Status::Pending, None)],
        vec![
            draft(Operation::Set, Status::Committed, Some(run("not sent"))),
            draft(Operation::Delete, Status::Committed, Some(run("sent"))),
            draft(Operation::CheckpointStart, Status::Pending, None),
        ],
        vec![draft(Operation::CheckpointCommit, Status::Committed, None)],
        vec![draft(Operation::CheckpointAbort, Status::RolledBack, None)],
        vec![Draft::set("", "", "", Payload::new("", u16::MAX, [0, 255]))],
    ]
}

/// A journal with every kind of statement: opened, head, archived, compacted, deleted, closed.
fn make() -> SimulatedDisk {
    let disk = SimulatedDisk::new(1);
    let (mut log, _) = Log::open(Arc::new(disk.clone()), options(), identity(), at(0)).unwrap();
    let write = |log: &mut Log, now: u64| {
        for unit in drafts() {
            log.append(&mut [super::unit(&unit)], at(now)).unwrap();
        }
        log.rotate(at(now)).unwrap();
    };
    let day = 24 * 3_600_000_000;
    for number in 0..4 {
        write(&mut log, number * day);
    }
    let days = |days| Limit {
        days: Some(days),
        ..Limit::default()
    };
    let retention = Retention {
        journal: days(1),
        archive: days(2),
    };
    let kept = |it: &crate::Entry| it.draft.operation == Operation::CheckpointAbort;
    super::retire(&mut log, &retention, at(3 * day + 1), kept).unwrap();
    write(&mut log, 3 * day + 1);
    log.close(at(3 * day + 2)).unwrap();
    drop(log);
    let again = Log::open(
        Arc::new(disk.clone()),
        options(),
        identity(),
        at(3 * day + 3),
    );
    write(&mut again.unwrap().0, 3 * day + 4);
    disk
}

fn golden() -> SimulatedDisk {
    let disk = SimulatedDisk::new(1);
    for (inner, name) in [("", ""), ("archive", "archive/")] {
        for file in fs::read_dir(folder().join(inner)).unwrap() {
            let file = file.unwrap();
            if file.file_type().unwrap().is_file() {
                let name = format!("{name}{}", file.file_name().to_string_lossy());
                disk.put(&name, &fs::read(file.path()).unwrap());
            }
        }
    }
    disk
}

/// With `AIOS_GOLDEN=write` golden files are made where there are none; those that are there are never changed.
#[test]
fn the_golden_journal_is_whole_and_says_what_was_written() {
    if std::env::var("AIOS_GOLDEN").is_ok_and(|word| word == "write") && !folder().exists() {
        let made = make();
        fs::create_dir_all(folder().join("archive")).unwrap();
        for inner in ["", "archive"] {
            for listed in made.list(inner).unwrap() {
                let name = format!("{inner}/{}", listed.name);
                let bytes = made.contents(name.trim_start_matches('/')).unwrap();
                fs::write(folder().join(name.trim_start_matches('/')), bytes).unwrap();
            }
        }
    }
    let disk = golden();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let seen = verify(&shared, &|key| *key == identity().public_key()).unwrap();
    assert!(seen.damage.is_empty(), "{seen}");
    let (found, damage) = read(&disk);
    assert!(damage.is_empty(), "{damage:?}");
    let newest: Vec<Draft> = drafts().concat();
    let last = &found[found.len() - newest.len()..];
    let said: Vec<Draft> = last.iter().map(|it| it.draft.clone()).collect();
    assert_eq!(said, newest);
    assert!(last[0].time > found[0].time);
}

#[test]
fn each_golden_frame_is_written_the_same_today() {
    let disk = golden();
    let (mut entries, mut statements) = (0, std::collections::BTreeSet::new());
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    for inner in ["", "archive"] {
        for info in crate::chain::segments(&disk, inner).unwrap() {
            let bytes = disk.contents(&info.name).unwrap();
            let (header, damaged) = Header::read(&bytes).unwrap();
            assert!(!damaged);
            assert_eq!(bytes[..crate::segment::FRAMES as usize], header.write());
            let walk = Walk::new(Arc::clone(&shared), &info.name, &header, info.bytes, true);
            for found in walk {
                let Found::Frame(whole) = found else {
                    panic!("{found:?}");
                };
                let body = match whole.kind {
                    Kind::Entry => {
                        let (draft, time) = entry::decode(&whole.body).unwrap();
                        let mut body = entry::encode(&draft).unwrap();
                        entry::stamp(&mut body, time);
                        entries += 1;
                        body
                    }
                    Kind::Statement => {
                        let statement = Signed::statement_of(&whole.body).unwrap();
                        // The variant's name is the first word of its print.
                        let print = format!("{statement:?}");
                        statements.insert(print.split_whitespace().next().unwrap().to_owned());
                        let id = &header.journal;
                        statement
                            .sign(&identity(), id, whole.sequence, &whole.previous)
                            .unwrap()
                    }
                };
                let mut again = Vec::new();
                Frame {
                    sequence: whole.sequence,
                    previous: whole.previous,
                    behind: whole.behind,
                    kind: whole.kind,
                    more: whole.more,
                    body: &body,
                }
                .write(salt(&header.journal), &mut again);
                assert_eq!(again, bytes[whole.offset as usize..whole.end as usize]);
            }
        }
    }
    assert!(entries > 20, "{entries}");
    let all = [
        "Archived",
        "Closed",
        "Compacted",
        "Deleted",
        "Head",
        "Opened",
    ];
    assert!(statements.iter().eq(all), "{statements:?}");
}

#[test]
fn a_segment_of_a_newer_version_is_refused_by_name() {
    let disk = SimulatedDisk::new(1);
    drop(super::open(&disk).unwrap());
    let name = crate::segment::name(1);
    let mut bytes = disk.contents(&name).unwrap();
    for copy in [0, 96] {
        bytes[copy + 8] = 2;
        let sum = crate::frame::checksum(0, &bytes[copy..copy + 92]).to_le_bytes();
        bytes[copy + 92..copy + 96].copy_from_slice(&sum);
    }
    disk.put(&name, &bytes);
    let error = super::open(&disk).map(|_| ()).unwrap_err().to_string();
    assert!(
        error.contains("has format 2, this version reads up to 1"),
        "{error}"
    );
}
