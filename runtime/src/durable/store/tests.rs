//! What of a store over the journal is there again after anything.

use std::collections::BTreeMap;

use aios_journal::{Crash, Fate, Limit, Options, SimulatedDisk, system_clock};
use aios_memory::{InMemoryStore, contract};
use aios_protocols::{PrincipalId, SigningIdentity};

use super::super::open::{Come, catch_up, come, retiring};
use super::*;

fn opened(disk: &SimulatedDisk, view: &Arc<InMemoryStore>, segment_bytes: u64) -> JournalStore {
    let party: PrincipalId = "user:owner@local".parse().unwrap();
    let identity = Arc::new(SigningIdentity::from_seed(party, [7; 32]));
    let options = Options {
        segment_bytes,
        ..Options::default()
    };
    let disk = Arc::new(disk.clone());
    let (journal, _) = Journal::open(disk, options, identity, system_clock()).unwrap();
    let Come::To(come) = come(&**view, &journal).unwrap() else {
        panic!("a view of this journal");
    };
    catch_up(&**view, &journal, come, &mut Vec::new()).unwrap();
    JournalStore::over(Arc::new(journal), Arc::clone(view) as Arc<dyn Store>)
}

fn store() -> JournalStore {
    opened(
        &SimulatedDisk::new(1),
        &Arc::new(InMemoryStore::new()),
        1 << 20,
    )
}

fn all(store: &dyn Store) -> BTreeMap<Vec<u8>, Vec<u8>> {
    store
        .scan_prefix(b"", None, usize::MAX)
        .unwrap()
        .into_iter()
        .collect()
}

/// splitmix64
struct Random(u64);

impl Random {
    fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }
}

#[test]
fn it_is_a_store() {
    contract::check(&store());
}

#[test]
fn pages_are_the_same_whether_writes_have_landed_or_not() {
    let store = store();
    for at in (0..100).step_by(2) {
        store
            .put(format!("k/{at:03}").as_bytes(), b"landed")
            .unwrap();
    }
    store.flush().unwrap();
    for at in (0..100).step_by(3) {
        store.put(format!("k/{at:03}").as_bytes(), b"open").unwrap();
    }
    for at in (0..100).step_by(5) {
        store.delete(format!("k/{at:03}").as_bytes()).unwrap();
    }
    let paged = |limit| {
        let (mut found, mut after) = (Vec::new(), None::<Vec<u8>>);
        loop {
            let page = store.scan_prefix(b"k/", after.as_deref(), limit).unwrap();
            assert!(page.len() <= limit);
            let Some((last, _)) = page.last() else {
                return found;
            };
            after = Some(last.clone());
            found.extend(page);
        }
    };
    let before: Vec<_> = [1, 2, 3, 7, 50, 1_000].map(paged).into();
    assert!(before.windows(2).all(|two| two[0] == two[1]));
    assert_eq!(
        before[0].len(),
        (0..100)
            .filter(|at| at % 5 != 0 && (at % 2 == 0 || at % 3 == 0))
            .count()
    );
    store.flush().unwrap();
    assert_eq!(paged(7), before[0]);
}

/// Whatever was flushed is there again after a loss of power at any operation of the disk, and nothing that was never written.
#[test]
fn what_was_flushed_survives_a_loss_of_power_at_any_operation() {
    let mut crashes = 0;
    for seed in 0..400 {
        let mut random = Random(seed);
        let disk = SimulatedDisk::new(seed);
        let mut view = Arc::new(InMemoryStore::new());
        let mut lasting: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        for life in 0..4 {
            let store = opened(&disk, &view, 2_000);
            let found = all(&store);
            assert_eq!(found, lasting, "seed {seed}, life {life}");
            let fate = if random.below(2) == 0 {
                Fate::Before
            } else {
                Fate::After
            };
            disk.crash_at(disk.operations() + random.below(25), fate);
            let mut written = lasting.clone();
            for at in 0..20 {
                let key = format!("k{}", random.below(8)).into_bytes();
                let ok = if random.below(4) == 0 {
                    written.remove(&key);
                    store.delete(&key).map(drop)
                } else {
                    let value = format!("{life}.{at}").into_bytes();
                    written.insert(key.clone(), value.clone());
                    store.put(&key, &value)
                };
                if ok.is_ok() && random.below(3) > 0 {
                    continue;
                }
                match ok.and_then(|()| store.flush()) {
                    Ok(()) => lasting.clone_from(&written),
                    Err(_) => break,
                }
            }
            crashes += u32::from(disk.is_dead());
            drop(store);
            disk.restart(Crash::PowerLoss);
            // What was being flushed may be there whole or not at all.
            if random.below(2) == 0 {
                view = Arc::new(InMemoryStore::new());
            }
            let now = all(&opened(&disk, &view, 2_000));
            assert!(
                now == lasting || now == written,
                "seed {seed}, life {life}: {now:?} is neither {lasting:?} nor {written:?}"
            );
            lasting = now;
        }
    }
    assert!(
        crashes > 700,
        "the disk must fail often enough to prove anything: {crashes}"
    );
}

#[test]
fn a_sync_that_fails_stops_the_store_and_what_was_flushed_stays() {
    let disk = SimulatedDisk::new(3);
    let view = Arc::new(InMemoryStore::new());
    let store = opened(&disk, &view, 1 << 20);
    store.put(b"a", b"1").unwrap();
    store.flush().unwrap();
    disk.fail_sync_from(disk.operations());
    store.put(b"a", b"2").unwrap();
    let refused = store.flush().unwrap_err().to_string();
    assert!(refused.contains("stopped"), "{refused}");
    for outcome in [store.flush(), store.put(b"b", b"3")] {
        assert!(
            outcome.unwrap_err().to_string().contains("stopped"),
            "for good"
        );
    }
    assert_eq!(
        view.get(b"a").unwrap().and_then(unnumbered),
        Some((2, b"1".to_vec())),
        "the view is not ahead"
    );
    drop(store);
    disk.restart(Crash::PowerLoss);
    let store = opened(&disk, &Arc::new(InMemoryStore::new()), 1 << 20);
    assert_eq!(store.get(b"a").unwrap(), Some(b"1".to_vec()));
}

/// Nothing that was written while there was no room is lost or out of order, and nobody has to start again.
#[test]
fn a_full_disk_is_said_and_the_store_goes_on_when_there_is_room() {
    for seed in 0..40 {
        let mut random = Random(seed);
        let disk = SimulatedDisk::new(seed);
        let view = Arc::new(InMemoryStore::new());
        let store = opened(&disk, &view, 1 << 20);
        store.put(b"a", b"0").unwrap();
        store.flush().unwrap();
        disk.set_capacity(random.below(4) * 50);
        for at in 1..6_u8 {
            store.put(b"a", &[at]).unwrap();
            store.put(&[b'k', at], &[0; 200]).unwrap();
            let refused = store.flush().unwrap_err().to_string();
            assert!(
                refused.contains("free space") && refused.contains("goes on by itself"),
                "{refused}"
            );
        }
        assert_eq!(store.get(b"a").unwrap(), Some(vec![5]), "it is seen");
        let of_view = view.get(b"a").unwrap().and_then(unnumbered);
        assert_eq!(of_view.map(|(_, value)| value), Some(b"0".to_vec()));
        disk.set_capacity(u64::MAX);
        store.put(b"b", b"1").unwrap();
        store.flush().unwrap();
        let written = all(&store);
        assert_eq!(written.len(), 7);
        drop(store);
        disk.restart(Crash::PowerLoss);
        let again = opened(&disk, &Arc::new(InMemoryStore::new()), 1 << 20);
        assert_eq!(all(&again), written, "seed {seed}");
    }
}

#[test]
fn what_waits_for_room_is_bounded() {
    let disk = SimulatedDisk::new(7);
    let store = opened(&disk, &Arc::new(InMemoryStore::new()), 1 << 20);
    disk.set_capacity(0);
    store.put(b"a", b"1").unwrap();
    assert!(store.flush().is_err());
    let many = (0..100_u32).find_map(|at| {
        let key = at.to_le_bytes();
        store.put(&key, &[0; 32 << 10]).err()
    });
    assert!(many.is_some_and(|refused| refused.to_string().contains("free space")));
    assert!(store.delete(b"a").unwrap(), "what makes room is taken");
    disk.set_capacity(u64::MAX);
    store.flush().unwrap();
    assert_eq!(store.get(b"a").unwrap(), None);
}

#[test]
fn many_who_flush_hear_of_a_full_disk_and_then_of_its_end() {
    let disk = SimulatedDisk::new(8);
    let store = opened(&disk, &Arc::new(InMemoryStore::new()), 1 << 20);
    disk.set_capacity(0);
    let all_know = std::sync::Barrier::new(8);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (store, disk, all_know) = (&store, &disk, &all_know);
            scope.spawn(move || {
                let key = format!("{thread}");
                store.put(key.as_bytes(), b"x").unwrap();
                assert!(store.flush().is_err());
                all_know.wait();
                disk.set_capacity(u64::MAX);
                while store.flush().is_err() {
                    std::thread::yield_now();
                }
            });
        }
    });
    assert_eq!(all(&store).len(), 8);
}

#[test]
fn one_sync_serves_many_who_flush() {
    let disk = SimulatedDisk::new(4);
    let store = opened(&disk, &Arc::new(InMemoryStore::new()), 1 << 20);
    let before = disk.syncs();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let store = &store;
            scope.spawn(move || {
                for at in 0..50 {
                    store
                        .put(format!("{thread}/{at}").as_bytes(), b"x")
                        .unwrap();
                    store.flush().unwrap();
                }
            });
        }
    });
    let syncs = disk.syncs() - before;
    assert!(syncs <= 400, "{syncs} syncs for 400 flushes");
    assert_eq!(all(&store).len(), 400);
}

#[test]
fn what_is_old_leaves_and_a_view_made_anew_has_all_values() {
    let disk = SimulatedDisk::new(5);
    let store = opened(&disk, &Arc::new(InMemoryStore::new()), 2_000);
    for at in 0..500_u32 {
        store
            .put(format!("k{}", at % 10).as_bytes(), &at.to_le_bytes())
            .unwrap();
        store.put(format!("gone{at}").as_bytes(), b"x").unwrap();
        store.flush().unwrap();
        store.delete(format!("gone{at}").as_bytes()).unwrap();
        store.flush().unwrap();
    }
    let kept = all(&store);
    assert_eq!(kept.len(), 10);
    let bytes = store.journal.state().bytes;
    let limit = Limit {
        entries: Some(50),
        ..Limit::default()
    };
    let retention = Retention {
        journal: limit,
        archive: limit,
    };
    let moved = store.retire(&retention).unwrap();
    assert!(moved.archived > 10 && moved.deleted > 0, "{moved:?}");
    assert!(store.journal.state().bytes < bytes / 4);
    drop(store);
    let anew = opened(&disk, &Arc::new(InMemoryStore::new()), 2_000);
    assert_eq!(all(&anew), kept);
}

#[tokio::test(start_paused = true)]
async fn what_is_old_leaves_while_a_node_runs_and_nobody_is_kept_for_it() {
    let disk = SimulatedDisk::new(5);
    let store = Arc::new(opened(&disk, &Arc::new(InMemoryStore::new()), 2_000));
    for at in 0..200_u32 {
        store.put(b"k", &at.to_le_bytes()).unwrap();
        store.flush().unwrap();
    }
    let bytes = store.journal.state().bytes;
    let limit = Limit {
        entries: Some(20),
        ..Limit::default()
    };
    let keep = Retention {
        journal: limit,
        archive: limit,
    };
    let hour = std::time::Duration::from_secs(3_600);
    let turns = tokio::spawn(retiring(Arc::downgrade(&store), keep, hour));
    tokio::time::sleep(hour / 2).await;
    assert_eq!(store.journal.state().bytes, bytes);
    while store.journal.state().bytes > bytes / 4 {
        tokio::time::sleep(hour).await;
    }
    assert_eq!(
        store.get(b"k").unwrap(),
        Some(199_u32.to_le_bytes().to_vec())
    );
    drop(store);
    turns.await.unwrap();
}
