//! Every byte flipped, every place a file can end.

use std::sync::Arc;

use super::{append, at, draft, open, read};
use crate::frame::Flaw;
use crate::{Crash, Disk, SimulatedDisk, verify};

/// A journal of several segments, closed in order; eight units are two segments.
fn journal(units: u32) -> SimulatedDisk {
    let disk = SimulatedDisk::new(1);
    let (mut log, _) = open(&disk).unwrap();
    for number in 0..units {
        let unit = [
            draft(&format!("a/{number}"), 30),
            draft(&format!("b/{number}"), 500),
        ];
        append(&mut log, &unit).unwrap();
    }
    log.close(at(5)).unwrap();
    disk
}

/// One of which the oldest part has left for the archive, with one entry of it left behind, compacted.
fn retired() -> SimulatedDisk {
    const DAY: u64 = 24 * 3_600_000_000;
    let disk = SimulatedDisk::new(1);
    let (mut log, _) = open(&disk).unwrap();
    for number in 0..3 {
        let now = at(number * DAY);
        let unit = [
            draft(&format!("needed/{number}"), 30),
            draft(&format!("over/{number}"), 90),
        ];
        log.append(&mut [super::unit(&unit)], now).unwrap();
        log.rotate(now).unwrap();
    }
    let retention = crate::Retention {
        journal: crate::Limit {
            days: Some(1),
            ..crate::Limit::default()
        },
        archive: crate::Limit::default(),
    };
    let needed = |it: &crate::Entry| it.draft.key.starts_with("needed/");
    super::retire(&mut log, &retention, at(2 * DAY + 1), needed).unwrap();
    log.close(at(2 * DAY + 2)).unwrap();
    disk
}

fn files(disk: &SimulatedDisk) -> Vec<String> {
    let mut names: Vec<String> = disk
        .list("")
        .unwrap()
        .into_iter()
        .map(|it| it.name)
        .collect();
    let archived = disk.list("archive").unwrap().into_iter();
    names.extend(archived.map(|it| format!("archive/{}", it.name)));
    names
}

/// Everything fits: checksums, links, signatures, and nothing is missing.
pub(super) fn assert_whole(disk: &SimulatedDisk, name: &str) {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let seen = verify(&disk, &|key| *key == super::identity().public_key()).unwrap();
    assert!(seen.damage.is_empty(), "{name}: {seen}, {:?}", seen.damage);
}

#[test]
fn every_flipped_byte_is_named_and_costs_no_other_entry() {
    let whole = journal(8);
    assert_whole(&whole, "untouched");
    let (all, _) = read(&whole);
    assert_eq!(all.len(), 16);
    let files = files(&whole);
    assert!(files.len() >= 2, "{files:?}");
    let last = files
        .iter()
        .rfind(|name| !name.contains('/'))
        .unwrap()
        .clone();
    for file in &files {
        let bytes = whole.contents(file).unwrap();
        for byte in 0..bytes.len() {
            let name = format!("{file}, byte {byte}");
            let disk = whole.fork(9);
            let mut flipped = bytes.clone();
            flipped[byte] ^= 1 << (byte % 8);
            disk.put(file, &flipped);
            let shared: Arc<dyn Disk> = Arc::new(disk.clone());
            let seen = verify(&shared, &|_| true).unwrap();
            let bad = seen
                .first_bad()
                .unwrap_or_else(|| panic!("{name}: nobody noticed"));
            assert_eq!(&bad.segment, file, "{name}: {bad}");
            let place = bad.offset as usize..=bad.until.max(bad.offset) as usize;
            assert!(place.contains(&byte), "{name}: {bad}");
            // What is intact is read all the same.
            let (found, damaged) = read(&disk);
            let in_header = byte < crate::segment::FRAMES as usize;
            let least = if in_header { all.len() } else { all.len() - 1 };
            assert!(
                found.len() >= least && !damaged.is_empty(),
                "{name}: {}",
                found.len()
            );
            assert!(found.iter().all(|it| all.contains(it)), "{name}");
            // And the journal opens, says it, and goes on.
            let (mut log, recovery) = open(&disk).unwrap_or_else(|error| panic!("{name}: {error}"));
            if *file == last {
                let said = !recovery.damage.is_empty() || recovery.torn.is_some();
                assert!(said, "{name}: {recovery}");
            }
            append(&mut log, &[draft("later", 3)]).unwrap();
            drop(log);
            disk.restart(Crash::PowerLoss);
            let (found, _) = read(&disk);
            assert!(
                found.len() > least,
                "{name}: {} after going on",
                found.len()
            );
            assert_eq!(found.last().unwrap().draft.key, "later", "{name}");
        }
    }
}

#[test]
fn every_flipped_byte_of_what_has_left_and_of_what_stayed_behind_is_named() {
    let whole = retired();
    assert_whole(&whole, "untouched");
    let (all, _) = read(&whole);
    let mut of = [0, 0];
    for file in files(&whole) {
        let archived = file.starts_with("archive/");
        if !archived && !file.ends_with(".kept") {
            continue;
        }
        of[usize::from(archived)] += 1;
        let bytes = whole.contents(&file).unwrap();
        for byte in 0..bytes.len() {
            let name = format!("{file}, byte {byte}");
            let disk = whole.fork(9);
            let mut flipped = bytes.clone();
            flipped[byte] ^= 1 << (byte % 8);
            disk.put(&file, &flipped);
            let shared: Arc<dyn Disk> = Arc::new(disk.clone());
            let seen = verify(&shared, &|_| true).unwrap();
            let bad = seen.first_bad();
            let bad = bad.unwrap_or_else(|| panic!("{name}: nobody noticed"));
            assert_eq!(bad.segment, file, "{name}: {bad}");
            // An archived file that ends before its last entry is known by what was said of all of it.
            let place = bad.offset as usize..=bad.until.max(bad.offset) as usize;
            assert!(archived || place.contains(&byte), "{name}: {bad}");
            // What is at hand is read without the archive; of what stayed behind, all but the entry that is damaged.
            let (found, damaged) = read(&disk);
            let least = if archived { all.len() } else { all.len() - 1 };
            assert!(found.len() >= least, "{name}: {}", found.len());
            assert_eq!(damaged.is_empty(), archived, "{name}: {damaged:?}");
            assert!(found.iter().all(|it| all.contains(it)), "{name}");
            // The journal opens, takes more, and lets more leave or says why not; nothing intact is lost by it.
            let (mut log, _) = open(&disk).unwrap_or_else(|error| panic!("{name}: {error}"));
            append(&mut log, &[draft("later", 3)]).unwrap();
            log.rotate(at(5)).unwrap();
            let retention = crate::Retention {
                journal: crate::Limit {
                    entries: Some(1),
                    ..crate::Limit::default()
                },
                archive: crate::Limit::default(),
            };
            let left = super::retire(&mut log, &retention, at(6), |_| true);
            drop(log);
            disk.restart(Crash::PowerLoss);
            let (now, _) = read(&disk);
            let last = now.last().unwrap();
            assert_eq!(last.draft.key, "later", "{name}: {left:?}");
            for entry in &found {
                let there = now.iter().any(|it| it.draft == entry.draft);
                assert!(there, "{name}: {} is gone: {left:?}", entry.draft.key);
            }
        }
    }
    assert!(of[0] > 0 && of[1] > 0, "{of:?}");
}

#[test]
fn wherever_the_last_file_ends_the_rest_is_read_and_said() {
    let disk = SimulatedDisk::new(3);
    let (mut log, _) = open(&disk).unwrap();
    for number in 0..5 {
        append(&mut log, &[draft(&number.to_string(), 60)]).unwrap();
    }
    drop(log);
    let name = crate::segment::name(1);
    let bytes = disk.contents(&name).unwrap();
    let (all, _) = read(&disk);
    let mut torn = 0;
    for (fill, length) in [(None, 0), (Some(0), 300), (Some(0xff), 7)] {
        for cut in crate::segment::FRAMES as usize..=bytes.len() {
            let mut left = bytes[..cut].to_vec();
            if let Some(fill) = fill {
                left.resize(cut + length, fill);
            }
            let disk = SimulatedDisk::new(4);
            disk.put(&name, &left);
            let (_, recovery) = open(&disk).unwrap();
            // What fills the place can be what stood there.
            let there = |it: &&crate::Entry| {
                let place = it.position.offset as usize..it.end(&bytes) as usize;
                left.get(place.clone()) == Some(&bytes[place])
            };
            let ends = all.iter().take_while(there).count();
            let (found, damage) = read(&disk);
            assert_eq!(found, all[..ends], "cut at {cut}");
            assert!(damage.is_empty(), "cut at {cut}: {damage:?}");
            if let Some(said) = &recovery.torn {
                torn += 1;
                assert_eq!(said.offset + said.bytes, left.len() as u64, "cut at {cut}");
                assert_eq!(said.sequence, recovery.last + 1, "cut at {cut}");
                let kept = disk.contents(&said.kept_in).unwrap();
                assert_eq!(kept, left[said.offset as usize..], "cut at {cut}");
            }
            assert_whole(&disk, &format!("cut at {cut}"));
        }
    }
    assert!(torn > bytes.len(), "{torn}");
}

impl crate::Entry {
    /// Where it ends in the bytes of its segment.
    fn end(&self, bytes: &[u8]) -> u64 {
        let from = self.position.offset;
        let salt = crate::segment::salt(b"a test's journal");
        from + crate::frame::measure(&bytes[from as usize..], salt).unwrap() as u64
    }
}

#[test]
fn a_hole_in_the_last_write_is_torn_and_one_before_it_is_damage() {
    let disk = SimulatedDisk::new(1);
    let (mut log, _) = open(&disk).unwrap();
    let one = |key: &str| super::unit(&[draft(key, 20)]);
    log.append(&mut [one("a")], at(0)).unwrap();
    log.append(&mut [one("b"), one("c"), one("d")], at(0))
        .unwrap();
    let name = crate::segment::name(1);
    let bytes = disk.contents(&name).unwrap();
    let (all, _) = read(&disk);
    let damaged_at = |index: usize, more: bool| {
        let disk = disk.fork(2);
        let mut bytes = bytes.clone();
        bytes[all[index].position.offset as usize + 70] ^= 1;
        disk.put(&name, &bytes);
        if more {
            disk.restart(Crash::Kill);
        }
        let (_, recovery) = open(&disk).unwrap();
        let keys: Vec<String> = read(&disk).0.into_iter().map(|it| it.draft.key).collect();
        (recovery, keys.concat())
    };
    // `c` and `d` were not acknowledged before `b` was on the disk too.
    let (recovery, keys) = damaged_at(1, false);
    assert_eq!((keys.as_str(), recovery.last), ("a", all[0].sequence));
    assert!(
        recovery.torn.is_some() && recovery.damage.is_empty(),
        "{recovery}"
    );
    // `b` says that `a` was lasting when it was written.
    let (recovery, keys) = damaged_at(0, false);
    assert_eq!(keys, "bcd");
    assert!(recovery.torn.is_none(), "{recovery}");
    let [damage] = &recovery.damage[..] else {
        panic!("{recovery}");
    };
    assert_eq!(
        (damage.sequence, &damage.flaw),
        (all[0].sequence, &Flaw::Body)
    );
}

#[test]
fn an_exchanged_entry_is_found_by_its_link_and_a_foreign_statement_by_its_key() {
    let whole = journal(8);
    let name = crate::segment::name(1);
    let (all, _) = read(&whole);
    let mut bytes = whole.contents(&name).unwrap();
    // Somebody who knows the format writes another content, with checksums that fit.
    let salt = crate::segment::salt(b"a test's journal");
    let from = all[0].position.offset as usize;
    let length = crate::frame::measure(&bytes[from..], salt).unwrap();
    let old = crate::frame::read(&bytes[from..], salt).unwrap();
    let mut body = old.body.to_vec();
    let end = body.len();
    body[end - 5] ^= 1;
    let mut forged = Vec::new();
    crate::frame::Frame { body: &body, ..old }.write(salt, &mut forged);
    bytes.splice(from..from + length, forged);
    let disk = whole.fork(1);
    disk.put(&name, &bytes);
    let shared: Arc<dyn Disk> = Arc::new(disk);
    let seen = verify(&shared, &|_| true).unwrap();
    let bad = seen.first_bad().unwrap();
    assert_eq!(
        (bad.sequence, &bad.flaw),
        (all[1].sequence, &Flaw::Unlinked)
    );

    let shared: Arc<dyn Disk> = Arc::new(whole);
    let seen = verify(&shared, &|_| false).unwrap();
    assert_eq!(seen.first_bad().unwrap().flaw, Flaw::Key);
}

#[test]
fn a_segment_that_is_gone_is_missed() {
    let whole = journal(20);
    let names: Vec<String> = files(&whole);
    let middle = &names[1];
    let disk = whole.fork(1);
    disk.remove(middle).unwrap();
    let shared: Arc<dyn Disk> = Arc::new(disk);
    let seen = verify(&shared, &|_| true).unwrap();
    let bad = seen.first_bad().unwrap();
    assert!(matches!(bad.flaw, Flaw::Missing { .. }), "{bad}");
    let disk = whole.fork(1);
    disk.remove(&names[0]).unwrap();
    let shared: Arc<dyn Disk> = Arc::new(disk);
    let seen = verify(&shared, &|_| true).unwrap();
    assert!(
        matches!(seen.first_bad().unwrap().flaw, Flaw::Missing { .. }),
        "the oldest"
    );
}

/// Frames that are whole in themselves, written by somebody who knows the format and not the key.
fn rewritten(disk: &SimulatedDisk, file: &str, change: impl Fn(u64, &mut Vec<u8>)) -> Vec<u8> {
    let salt = crate::segment::salt(b"a test's journal");
    let bytes = disk.contents(file).unwrap();
    let (head, mut rest) = bytes.split_at(crate::segment::FRAMES as usize);
    let mut out = head.to_vec();
    let mut previous = None;
    while !rest.is_empty() {
        let frame = crate::frame::read(rest, salt).unwrap();
        let length = crate::frame::measure(rest, salt).unwrap();
        let mut body = frame.body.to_vec();
        change(frame.sequence, &mut body);
        let changed = crate::frame::Frame {
            previous: previous.unwrap_or(frame.previous),
            body: &body,
            ..frame
        };
        previous = Some(changed.write(salt, &mut out));
        rest = &rest[length..];
    }
    out
}

fn first_bad(disk: &SimulatedDisk) -> crate::Damage {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let seen = verify(&shared, &|_| true).unwrap();
    seen.first_bad().cloned().expect("nobody noticed")
}

#[test]
fn a_statement_that_somebody_else_made_or_moved_does_not_hold() {
    let whole = journal(20);
    let name = crate::segment::name(1);
    let (all, _) = read(&whole);
    // An entry is changed, and everything behind it chained anew: the next signature does not fit.
    let victim = all[2].sequence;
    let bytes = rewritten(&whole, &name, |sequence, body| {
        if sequence == victim {
            let last = body.len() - 1;
            body[last - 3] ^= 1;
        }
    });
    let disk = whole.fork(1);
    disk.put(&name, &bytes);
    let bad = first_bad(&disk);
    assert_eq!(bad.flaw, Flaw::Signature, "{bad}");
    assert!(bad.sequence > victim, "{bad}");
    // The words of a statement are changed.
    let bytes = rewritten(&whole, &name, |sequence, body| {
        if sequence == 1 {
            let last = body.len() - 1;
            body[last] ^= 1;
        }
    });
    let disk = whole.fork(1);
    disk.put(&name, &bytes);
    assert_eq!(
        (first_bad(&disk).sequence, first_bad(&disk).flaw),
        (1, Flaw::Signature)
    );
}

#[test]
fn a_segment_of_another_past_does_not_fit() {
    let retire_all = |disk: &SimulatedDisk, until: usize| {
        let (mut log, _) = open(disk).unwrap();
        let retention = crate::Retention {
            journal: crate::Limit {
                entries: Some(log.sealed().len() as u64 * 12 - until as u64 * 12),
                ..crate::Limit::default()
            },
            archive: crate::Limit::default(),
        };
        super::retire(&mut log, &retention, at(9), |_| false).unwrap()
    };
    // Two journals of one owner that parted early: the second has another first entry and the same numbers.
    let made = |word: &str| {
        let disk = SimulatedDisk::new(1);
        let (mut log, _) = open(&disk).unwrap();
        for number in 0..40 {
            append(&mut log, &[draft(&format!("{word}/{number:02}"), 300)]).unwrap();
        }
        disk
    };
    let (ours, other) = (made("a"), made("b"));
    let names = files(&ours);
    assert!(names.len() > 3 && names == files(&other), "{names:?}");
    let disk = ours.fork(1);
    disk.put(&names[1], &other.contents(&names[1]).unwrap());
    let bad = first_bad(&disk);
    assert_eq!(
        (&bad.segment, &bad.flaw),
        (&names[1], &Flaw::Unlinked),
        "{bad}"
    );
    // The same in the archive: what left is written down with its digest.
    assert!(retire_all(&ours, 1).archived > 0);
    assert_whole(&ours, "archived");
    let archived = format!("archive/{}", names[0]);
    assert!(ours.contents(&archived).is_some());
    let disk = ours.fork(1);
    disk.put(&archived, &other.contents(&names[0]).unwrap());
    let bad = first_bad(&disk);
    assert_eq!(
        (&bad.segment, &bad.flaw),
        (&archived, &Flaw::Unlinked),
        "{bad}"
    );
    let disk = ours.fork(1);
    disk.remove(&archived).unwrap();
    let bad = first_bad(&disk);
    assert!(
        matches!(bad.flaw, Flaw::Missing { .. }) && bad.segment == archived,
        "{bad}"
    );
}

#[test]
fn an_entry_with_a_byte_more_or_less_cannot_be_read_and_is_named() {
    let whole = journal(8);
    let name = crate::segment::name(1);
    let victim = read(&whole).0[1].sequence;
    for more in [true, false] {
        let bytes = rewritten(&whole, &name, |sequence, body| {
            if sequence == victim && more {
                body.push(0);
            } else if sequence == victim {
                body.pop();
            }
        });
        let disk = whole.fork(1);
        disk.put(&name, &bytes);
        let (_, damage) = read(&disk);
        assert_eq!(damage[0].sequence, victim);
        assert!(
            matches!(damage[0].flaw, Flaw::Unreadable { .. }),
            "{damage:?}"
        );
        assert_eq!(first_bad(&disk).sequence, victim);
    }
}

#[test]
fn wherever_a_unit_is_cut_nothing_of_it_is_there_and_the_next_takes_its_place() {
    let disk = SimulatedDisk::new(3);
    let (mut log, _) = open(&disk).unwrap();
    for number in 0..3 {
        let unit = ["a", "b", "c"].map(|word| draft(&format!("{word}/{number}"), 20));
        append(&mut log, &unit).unwrap();
    }
    drop(log);
    let name = crate::segment::name(1);
    let bytes = disk.contents(&name).unwrap();
    for cut in crate::segment::FRAMES as usize..=bytes.len() {
        let disk = SimulatedDisk::new(4);
        disk.put(&name, &bytes[..cut]);
        let (mut log, recovery) = open(&disk).unwrap();
        let (found, damage) = read(&disk);
        assert_eq!((found.len() % 3, damage.len()), (0, 0), "cut at {cut}");
        append(&mut log, &[draft("next", 20)]).unwrap();
        drop(log);
        disk.restart(Crash::PowerLoss);
        assert_whole(&disk, &format!("cut at {cut}"));
        let (after, _) = read(&disk);
        assert_eq!(after.len(), found.len() + 1, "cut at {cut}");
        // The opening is entry `last + 1`, so this is the one behind it.
        assert_eq!(
            after.last().unwrap().sequence,
            recovery.last + 2,
            "cut at {cut}"
        );
    }
}

#[test]
fn of_torn_writes_the_last_few_are_kept() {
    let disk = SimulatedDisk::new(3);
    for time in 0..12_u8 {
        let (mut log, recovery) = open(&disk).unwrap();
        assert_eq!(recovery.torn.is_some(), time > 0);
        append(&mut log, &[draft("a", 20)]).unwrap();
        drop(log);
        let name = crate::segment::name(1);
        let mut bytes = disk.contents(&name).unwrap();
        bytes.extend([time; 9]);
        disk.put(&name, &bytes);
        disk.restart(Crash::Kill);
    }
    let kept = disk.list("torn").unwrap();
    assert_eq!(kept.len(), 8);
    let newest = disk.contents(&format!("torn/{}", kept[7].name)).unwrap();
    assert_eq!(newest, [10; 9]);
}
