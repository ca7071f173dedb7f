//! Every store behaves like an ordered map, whatever is done to it and however often it is reopened.

use std::collections::BTreeMap;

use aios_memory::{InMemoryStore, Store, Swap};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Act {
    Put(Vec<u8>, Vec<u8>),
    Delete(Vec<u8>),
    Swap(Vec<u8>, Option<Vec<u8>>, Option<Vec<u8>>),
    Scan(Vec<u8>, Option<Vec<u8>>, usize),
    Reopen,
}

/// Few keys that share beginnings, so that acts meet.
fn key() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(vec![0u8, b'a', b'b', 0xff]), 0..4)
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(0u8..3, 0..3)
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (key(), value()).prop_map(|(key, value)| Act::Put(key, value)),
        2 => key().prop_map(Act::Delete),
        3 => (key(), prop::option::of(value()), prop::option::of(value())).prop_map(|(k, e, n)| Act::Swap(k, e, n)),
        2 => (key(), prop::option::of(key()), 0usize..6).prop_map(|(p, a, l)| Act::Scan(p, a, l)),
        1 => Just(Act::Reopen),
    ]
}

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// Does one act to both and compares what they say; reopening is the caller's.
fn step(store: &dyn Store, model: &mut Map, act: Act) {
    match act {
        Act::Put(key, value) => {
            store.put(&key, &value).expect("put works");
            model.insert(key, value);
        }
        Act::Delete(key) => assert_eq!(store.delete(&key), Ok(model.remove(&key).is_some())),
        Act::Swap(key, expected, new) => {
            let current = model.get(&key).cloned();
            let said = store.compare_and_swap(&key, expected.as_deref(), new.as_deref());
            if current == expected {
                assert_eq!(said, Ok(Swap::Done));
                match new {
                    Some(new) => model.insert(key, new),
                    None => model.remove(&key),
                };
            } else {
                assert_eq!(said, Ok(Swap::Mismatch { current }));
            }
        }
        Act::Scan(prefix, after, limit) => {
            let expected: Vec<_> = model
                .iter()
                .filter(|(key, _)| {
                    key.starts_with(&prefix) && after.as_ref().is_none_or(|after| *key > after)
                })
                .take(limit)
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            assert_eq!(
                store.scan_prefix(&prefix, after.as_deref(), limit),
                Ok(expected)
            );
        }
        Act::Reopen => store.flush().expect("flush works"),
    }
}

fn compare(store: &dyn Store, model: &Map) {
    let all: Vec<_> = model
        .iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    assert_eq!(store.scan_prefix(b"", None, usize::MAX), Ok(all));
    for (key, value) in model {
        assert_eq!(store.get(key).as_ref(), Ok(&Some(value.clone())));
    }
}

proptest! {
    #[test]
    fn the_store_in_memory_is_an_ordered_map(acts in prop::collection::vec(act(), 0..80)) {
        let (store, mut model) = (InMemoryStore::new(), Map::new());
        for act in acts {
            step(&store, &mut model, act);
        }
        compare(&store, &model);
    }
}

#[cfg(feature = "sled")]
proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_store_on_disk_is_an_ordered_map_across_reopening(acts in prop::collection::vec(act(), 0..60)) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let open = || aios_memory::SledStore::open(folder.path()).expect("the store opens");
        let (mut store, mut model) = (Some(open()), Map::new());
        for act in acts {
            let reopen = matches!(act, Act::Reopen);
            step(store.as_ref().expect("is open"), &mut model, act);
            if reopen {
                drop(store.take());
                store = Some(open());
            }
        }
        compare(&store.expect("is open"), &model);
    }
}
