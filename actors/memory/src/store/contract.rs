//! What every store must pass.

use super::{KEY_BYTES_MAX, Store, StoreError, Swap};

/// Checks an empty store; panics with the rule that is broken.
pub fn check(store: &dyn Store) {
    reads_what_was_written(store);
    scans_in_order_and_by_pages(store);
    swaps_only_what_is_expected(store);
    refuses_what_is_too_long(store);
    store.flush().expect("flush works");
}

fn reads_what_was_written(store: &dyn Store) {
    assert_eq!(store.get(b"a"), Ok(None), "an absent key has no value");
    assert_eq!(
        store.delete(b"a"),
        Ok(false),
        "an absent key cannot be deleted"
    );
    store.put(b"a", b"1").expect("put works");
    store.put(b"a", b"").expect("put over a value works");
    assert_eq!(
        store.get(b"a"),
        Ok(Some(Vec::new())),
        "an empty value is a value, and the last write wins"
    );
    assert_eq!(store.delete(b"a"), Ok(true), "a present key is deleted");
    assert_eq!(store.get(b"a"), Ok(None), "a deleted key has no value");
}

fn scans_in_order_and_by_pages(store: &dyn Store) {
    let keys: [&[u8]; 6] = [b"p", b"p/\x00", b"p/1", b"p/10", b"p/\xff", b"q"];
    for key in keys.iter().rev() {
        store.put(key, key).expect("put works");
    }
    let scan = |prefix: &[u8], after: Option<&[u8]>, limit| -> Vec<Vec<u8>> {
        store
            .scan_prefix(prefix, after, limit)
            .expect("scan works")
            .into_iter()
            .map(|(key, _)| key)
            .collect()
    };
    assert_eq!(
        scan(b"p/", None, 10),
        keys[1..5],
        "a prefix finds its keys in byte order"
    );
    assert_eq!(scan(b"", None, 10), keys, "the empty prefix finds all");
    assert_eq!(scan(b"p/", None, 2), keys[1..3], "a page ends at its limit");
    assert_eq!(
        scan(b"p/", Some(keys[2]), 2),
        keys[3..5],
        "the next page begins after the last key"
    );
    assert_eq!(
        scan(b"p/", Some(b"a"), 1),
        keys[1..2],
        "a key before the prefix changes nothing"
    );
    assert_eq!(
        scan(b"p/", Some(b"z"), 9),
        Vec::<Vec<u8>>::new(),
        "a key behind the prefix finds nothing"
    );
    assert_eq!(
        scan(b"p/", None, 0),
        Vec::<Vec<u8>>::new(),
        "a limit of nothing finds nothing"
    );
    for key in keys {
        assert_eq!(
            store.delete(key),
            Ok(true),
            "what was scanned can be deleted"
        );
    }
}

fn swaps_only_what_is_expected(store: &dyn Store) {
    let mismatch = |value: Option<&[u8]>| {
        Ok(Swap::Mismatch {
            current: value.map(<[u8]>::to_vec),
        })
    };
    assert_eq!(
        store.compare_and_swap(b"c", Some(b"x"), Some(b"1")),
        mismatch(None),
        "absent is not a value"
    );
    assert_eq!(
        store.compare_and_swap(b"c", None, Some(b"1")),
        Ok(Swap::Done),
        "absent becomes a value"
    );
    assert_eq!(
        store.compare_and_swap(b"c", None, Some(b"2")),
        mismatch(Some(b"1")),
        "present is not absent"
    );
    assert_eq!(
        store.compare_and_swap(b"c", Some(b"1"), Some(b"2")),
        Ok(Swap::Done),
        "the expected value is replaced"
    );
    assert_eq!(
        store.compare_and_swap(b"c", Some(b"1"), None),
        mismatch(Some(b"2")),
        "an old value is not"
    );
    assert_eq!(
        store.compare_and_swap(b"c", Some(b"2"), None),
        Ok(Swap::Done),
        "a swap can delete"
    );
    assert_eq!(store.get(b"c"), Ok(None), "what a swap deleted is gone");
}

fn refuses_what_is_too_long(store: &dyn Store) {
    let key = vec![b'k'; KEY_BYTES_MAX + 1];
    let refused = StoreError::TooLong {
        what: "key",
        asked: KEY_BYTES_MAX + 1,
        allowed: KEY_BYTES_MAX,
    };
    assert_eq!(
        store.put(&key, b""),
        Err(refused),
        "a key that is too long is refused"
    );
}
