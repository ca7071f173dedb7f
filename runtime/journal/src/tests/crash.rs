//! The process ends at any operation of the disk, the machine too, again and again.

use std::collections::BTreeMap;

use super::{Random, append, at, content, draft, open, read, seeds, unit};
use crate::log::Log;
use crate::ticket::WriteError;
use crate::{Crash, Fate, Limit, Retention, SimulatedDisk};

/// What a ledger outside the journal knows.
#[derive(Default)]
struct Ledger {
    /// Units that were acknowledged: the keys of their entries with their bytes.
    acknowledged: Vec<Vec<(String, usize)>>,
    /// Units of which nobody heard: each may be there, whole, or not.
    unheard: Vec<Vec<(String, usize)>>,
    /// Units that were refused: nothing of them may be there.
    refused: Vec<Vec<(String, usize)>>,
    made: u64,
}

impl Ledger {
    /// A few units of a few entries each, small and large, until the disk dies or there are enough.
    fn work(&mut self, log: &mut Log, random: &mut Random, units: u64) {
        for _ in 0..units {
            let unit: Vec<(String, usize)> = (0..=random.below(3))
                .map(|_| {
                    self.made += 1;
                    let bytes = if random.below(4) == 0 { 1400 } else { 40 };
                    (format!("key/{}", self.made), bytes)
                })
                .collect();
            let drafts: Vec<_> = unit.iter().map(|(key, bytes)| draft(key, *bytes)).collect();
            match append(log, &drafts) {
                Ok(_) => self.acknowledged.push(unit),
                Err(WriteError::Refused(_)) => self.refused.push(unit),
                Err(WriteError::Stopped(_)) => {
                    self.unheard.push(unit);
                    return;
                }
            }
            if random.below(12) == 0 && log.rotate(at(0)).is_err() {
                return;
            }
        }
    }

    /// Compares with what a reader finds.
    fn compare(&self, disk: &SimulatedDisk, seed: &str) {
        let (found, damage) = read(disk);
        assert!(damage.is_empty(), "{seed}: {damage:?}");
        let mut by_key = BTreeMap::new();
        for (at, entry) in found.iter().enumerate() {
            let key = entry.draft.key.clone();
            let bytes = entry.draft.after.as_ref().unwrap().bytes.clone();
            assert_eq!(bytes, content(&key, bytes.len()), "{seed}: {key}");
            assert!(
                by_key.insert(key.clone(), (at, bytes.len())).is_none(),
                "{seed}: {key} twice"
            );
        }
        let mut before = None;
        for unit in &self.acknowledged {
            for (key, bytes) in unit {
                let (at, found) = by_key
                    .get(key)
                    .unwrap_or_else(|| panic!("{seed}: {key} was acknowledged and is lost"));
                assert_eq!(found, bytes, "{seed}: {key}");
                assert!(
                    before.is_none_or(|before| before < *at),
                    "{seed}: {key} is out of order"
                );
                before = Some(*at);
            }
        }
        for unit in &self.unheard {
            let there = unit
                .iter()
                .filter(|(key, _)| by_key.contains_key(key))
                .count();
            assert!(
                there == 0 || there == unit.len(),
                "{seed}: half of {unit:?}"
            );
        }
        for (key, _) in self.refused.iter().flatten() {
            assert!(
                !by_key.contains_key(key),
                "{seed}: {key} was refused and is there"
            );
        }
    }
}

/// A life: opens the journal, works, ends. What the disk does is its plan's business.
fn live(disk: &SimulatedDisk, ledger: &mut Ledger, random: &mut Random, units: u64) {
    if let Ok((mut log, recovery)) = open(disk) {
        assert!(recovery.damage.is_empty(), "{recovery}");
        ledger.work(&mut log, random, units);
        if random.below(3) == 0 {
            let _ = log.close(at(0));
        }
    }
}

#[test]
fn what_was_acknowledged_survives_an_end_at_every_operation() {
    let mut lives = 0;
    for seed in 0..seeds(6) {
        let quiet = SimulatedDisk::new(seed);
        live(&quiet, &mut Ledger::default(), &mut Random(seed), 24);
        for operation in 0..quiet.operations() {
            for fate in [Fate::Before, Fate::After] {
                for crash in [Crash::Kill, Crash::PowerLoss] {
                    let name = format!("seed {seed}, operation {operation}, {fate:?}, {crash:?}");
                    let disk = SimulatedDisk::new(seed ^ operation);
                    let mut ledger = Ledger::default();
                    disk.crash_at(operation, fate);
                    live(&disk, &mut ledger, &mut Random(seed), 24);
                    assert!(disk.is_dead(), "{name}");
                    disk.restart(crash);
                    // It opens again, goes on, and what it then says holds through a loss of power.
                    let (mut log, _) =
                        open(&disk).unwrap_or_else(|error| panic!("{name}: {error}"));
                    ledger.compare(&disk, &name);
                    ledger.work(&mut log, &mut Random(seed + 1), 3);
                    drop(log);
                    disk.restart(Crash::PowerLoss);
                    open(&disk).unwrap_or_else(|error| panic!("{name}, again: {error}"));
                    ledger.compare(&disk, &name);
                    lives += 1;
                }
            }
        }
    }
    assert!(lives > 1000, "{lives}");
}

#[test]
fn many_ends_one_after_the_other_lose_nothing_also_while_recovering() {
    let (mut ends, mut acknowledged) = (0, 0);
    for seed in 0..seeds(300) {
        let disk = SimulatedDisk::new(seed);
        let mut random = Random(seed);
        let mut ledger = Ledger::default();
        for _ in 0..6 {
            let operation = disk.operations() + random.below(40);
            let fate = [Fate::Before, Fate::After][usize::from(random.below(2) == 0)];
            disk.crash_at(operation, fate);
            live(&disk, &mut ledger, &mut random, 8);
            let crash = [Crash::Kill, Crash::PowerLoss][usize::from(random.below(3) > 0)];
            disk.restart(crash);
            ends += 1;
        }
        let (log, _) = open(&disk).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        drop(log);
        ledger.compare(&disk, &format!("seed {seed}"));
        acknowledged += ledger.acknowledged.len();
    }
    assert!(
        ends > 1000 && acknowledged > 1000,
        "{ends} ends, {acknowledged} acknowledged"
    );
}

/// Of three units of one write the first and the last reached the disk in part. Nothing says that any of them was lasting, so the one between
/// them goes too, and none of it is damage.
#[test]
fn of_a_write_with_two_holes_nothing_stays_behind_the_first() {
    let disk = SimulatedDisk::new(1);
    let (mut log, _) = open(&disk).unwrap();
    append(&mut log, &[draft("before", 40)]).unwrap();
    let name = crate::segment::name(1);
    let lasting = disk.contents(&name).unwrap().len();
    let mut units = ["one", "two", "three"].map(|key| unit(&[draft(key, 300)]));
    log.append(&mut units, at(0)).unwrap();
    drop(log);
    let mut bytes = disk.contents(&name).unwrap();
    let end = bytes.len();
    assert!(end > lasting + 900);
    bytes[lasting + 150] ^= 1;
    bytes[end - 50] ^= 1;
    disk.put(&name, &bytes);
    let (log, recovery) = open(&disk).unwrap();
    drop(log);
    assert!(
        recovery.torn.is_some() && recovery.damage.is_empty(),
        "{recovery}"
    );
    let (found, damage) = read(&disk);
    let keys: Vec<&str> = found.iter().map(|it| it.draft.key.as_str()).collect();
    assert_eq!((keys, damage), (vec!["before"], Vec::new()));
}

#[test]
fn a_sync_that_fails_stops_the_journal_and_is_never_asked_again() {
    for seed in 0..seeds(200) {
        let disk = SimulatedDisk::new(seed);
        let mut random = Random(seed);
        let mut ledger = Ledger::default();
        let (mut log, _) = open(&disk).unwrap();
        ledger.work(&mut log, &mut random, 4);
        disk.fail_sync_from(disk.operations());
        ledger.work(&mut log, &mut random, 30);
        assert_eq!(
            ledger.unheard.len(),
            1,
            "seed {seed}: the failed write was acknowledged"
        );
        let syncs = disk.syncs();
        let error = append(&mut log, &[draft("later", 10)]).unwrap_err();
        assert!(
            matches!(&error, WriteError::Stopped(why) if why.contains("input/output")),
            "{error}"
        );
        assert!(log.rotate(at(0)).is_err() && log.close(at(0)).is_err());
        assert_eq!(disk.syncs(), syncs, "seed {seed}: it was synced again");
        drop(log);
        disk.restart(Crash::PowerLoss);
        let (log, _) = open(&disk).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        drop(log);
        ledger.compare(&disk, &format!("seed {seed}"));
    }
}

#[test]
fn a_disk_that_lies_about_its_syncs_is_found_out_by_these_tests() {
    let lost = (0..50).filter(|seed| {
        let disk = SimulatedDisk::new(*seed);
        disk.ignore_syncs();
        let mut ledger = Ledger::default();
        live(&disk, &mut ledger, &mut Random(*seed), 8);
        disk.restart(Crash::PowerLoss);
        let found = open(&disk).map(|_| read(&disk).0.len()).unwrap_or(0);
        let acknowledged: usize = ledger.acknowledged.iter().map(Vec::len).sum();
        found < acknowledged
    });
    assert!(lost.count() > 25);
}

#[test]
fn moving_to_the_archive_ends_at_every_operation_and_loses_nothing_that_is_kept() {
    let retention = Retention {
        journal: Limit {
            bytes: Some(0),
            ..Limit::default()
        },
        archive: Limit::default(),
    };
    // Every third entry is still needed.
    let needed = |key: &str| key.ends_with('3') || key.ends_with('6') || key.ends_with('9');
    for seed in 0..seeds(3) {
        let prepare = |disk: &SimulatedDisk| {
            let mut ledger = Ledger::default();
            let (mut log, _) = open(disk).unwrap();
            ledger.work(&mut log, &mut Random(seed), 16);
            (log, ledger)
        };
        let move_away =
            |log: &mut Log| super::retire(log, &retention, at(0), |entry| needed(&entry.draft.key));
        let quiet = SimulatedDisk::new(seed);
        let (mut log, _) = prepare(&quiet);
        let from = quiet.operations();
        let moved = move_away(&mut log).unwrap();
        assert!(
            moved.archived > 1 && moved.left > 3 && moved.damage.is_empty(),
            "{moved:?}"
        );
        for operation in from..quiet.operations() {
            for fate in [Fate::Before, Fate::After] {
                for crash in [Crash::Kill, Crash::PowerLoss] {
                    let name = format!("seed {seed}, operation {operation}, {fate:?}, {crash:?}");
                    let disk = SimulatedDisk::new(seed ^ operation);
                    let (mut log, mut ledger) = prepare(&disk);
                    disk.crash_at(operation, fate);
                    assert!(move_away(&mut log).is_err(), "{name}");
                    drop(log);
                    disk.restart(crash);
                    let (mut log, _) =
                        open(&disk).unwrap_or_else(|error| panic!("{name}: {error}"));
                    move_away(&mut log).unwrap_or_else(|error| panic!("{name}: {error}"));
                    drop(log);
                    disk.restart(Crash::PowerLoss);
                    drop(open(&disk).unwrap());
                    super::damage::assert_whole(&disk, &name);
                    super::retire::assert_all_somewhere(&disk, &ledger.keys(), &name);
                    // Of what is at hand, what is needed is there.
                    let (found, damage) = read(&disk);
                    assert!(damage.is_empty(), "{name}: {damage:?}");
                    ledger.keep(needed);
                    for key in ledger.keys() {
                        assert!(found.iter().any(|it| it.draft.key == key), "{name}: {key}");
                    }
                }
            }
        }
    }
}

impl Ledger {
    fn keys(&self) -> Vec<String> {
        let units = self.acknowledged.iter().flatten();
        units.map(|(key, _)| key.clone()).collect()
    }

    fn keep(&mut self, needed: impl Fn(&str) -> bool) {
        for unit in &mut self.acknowledged {
            unit.retain(|(key, _)| needed(key));
        }
    }
}
