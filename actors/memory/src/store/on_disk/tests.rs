use super::*;
use crate::store::contract;

#[test]
fn passes_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    contract::check(&SledStore::open(folder.path()).unwrap());
}

#[test]
fn what_was_flushed_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0u8..5 {
        let store = SledStore::open(folder.path()).unwrap();
        assert_eq!(
            store.scan_prefix(b"", None, 99).unwrap().len(),
            usize::from(round)
        );
        store.put(&[round], b"kept").unwrap();
        store.flush().unwrap();
    }
}

#[test]
fn a_second_node_on_the_folder_is_told_so_and_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let first = SledStore::open(folder.path()).unwrap();
    let error = SledStore::open(folder.path()).unwrap_err();
    assert_eq!(
        error,
        StoreError::InUse {
            path: folder.path().to_path_buf()
        }
    );
    first.put(b"a", b"1").unwrap();
    assert_eq!(first.get(b"a"), Ok(Some(b"1".to_vec())));
}

#[test]
fn a_folder_whose_store_is_about_to_close_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let first = SledStore::open(folder.path()).unwrap();
    first.put(b"a", b"1").unwrap();
    let closing = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        drop(first);
    });
    let second = SledStore::open(folder.path()).unwrap();
    assert_eq!(second.get(b"a"), Ok(Some(b"1".to_vec())));
    closing.join().unwrap();
}

#[test]
fn a_value_changed_behind_our_back_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let store = SledStore::open(folder.path()).unwrap();
    store.put(b"a", b"value").unwrap();
    let sound = store.db().unwrap().get(b"a").unwrap().unwrap().to_vec();
    let mut flipped = sound.clone();
    flipped[6] ^= 1;
    for (key, stored) in [
        (b"a", flipped),
        (b"a", sound[..3].to_vec()),
        (b"a", vec![]),
        (b"b", sound.clone()),
    ] {
        store.db().unwrap().insert(key, stored).unwrap();
        let corrupt = StoreError::Corrupt {
            key: String::from_utf8_lossy(key).into_owned(),
        };
        assert_eq!(store.get(key), Err(corrupt.clone()));
        assert_eq!(store.scan_prefix(key, None, 9), Err(corrupt));
    }
    assert_eq!(
        store.delete(b"a"),
        Ok(true),
        "a corrupt value can be deleted"
    );
    assert_eq!(store.get(b"a"), Ok(None));
}

#[test]
fn a_folder_that_is_no_store_is_a_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "not a folder").unwrap();
    let damaged = folder.path().join("damaged");
    {
        let store = SledStore::open(&damaged).unwrap();
        store.put(b"a", &[7; 4096]).unwrap();
        store.flush().unwrap();
    }
    for name in ["conf", "db"] {
        std::fs::write(damaged.join(name), [0x5a; 600]).unwrap();
    }
    let error = SledStore::open(&file).unwrap_err();
    assert!(
        matches!(&error, StoreError::NotPrivate { path, .. } if *path == file),
        "{error}"
    );
    let error = SledStore::open(&damaged).unwrap_err();
    assert!(
        matches!(&error, StoreError::Broken { path, .. } if *path == damaged),
        "{error}"
    );
    assert!(
        error.to_string().contains("move the folder away"),
        "{error}"
    );
}

/// Whatever the mask of the process is: what others may do with a folder and everything in it.
fn open_to_others(folder: &Path) -> Vec<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let mut found = Vec::new();
    let mut left = vec![folder.to_path_buf()];
    while let Some(path) = left.pop() {
        let metadata = std::fs::metadata(&path).unwrap();
        if metadata.is_dir() {
            left.extend(
                std::fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        }
        if metadata.permissions().mode() & 0o077 != 0 {
            found.push(path);
        }
    }
    found
}

#[test]
fn folder_and_files_are_their_users_alone_whatever_was_there() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/state");
    let none: [PathBuf; 0] = [];
    {
        let store = SledStore::open(&path).unwrap();
        assert_eq!(open_to_others(&folder.path().join("deep")), none);
        for number in 0..4_u8 {
            store.put(&[number], &vec![number; 1 << 20]).unwrap();
            store.flush().unwrap();
        }
        assert!(path.join(BLOBS).read_dir().unwrap().next().is_some());
        assert_eq!(open_to_others(&path), none);
    }
    // As an earlier version left it.
    for (name, mode) in [("", 0o755), ("db", 0o644), ("conf", 0o644), (BLOBS, 0o755)] {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(path.join(name), mode).unwrap();
    }
    let store = SledStore::open(&path).unwrap();
    assert_eq!(open_to_others(&path), none);
    assert_eq!(store.get(&[3]).unwrap().unwrap().len(), 1 << 20);
}

fn fill(store: &SledStore, round: u8) {
    for number in 0..200_u8 {
        store.put(&[number], &vec![round; 20_000]).unwrap();
    }
    store.flush().unwrap();
}

fn holds(store: &SledStore, round: u8) {
    for number in 0..200_u8 {
        assert_eq!(store.get(&[number]), Ok(Some(vec![round; 20_000])));
    }
    assert_eq!(store.scan_prefix(b"", None, 999).unwrap().len(), 200);
}

#[test]
fn a_folder_stays_about_as_large_as_what_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = SledStore::open(folder.path()).unwrap();
    let mut largest = [0; 3];
    for round in 0..30 {
        fill(&store, round);
        store.make_anew_if_large(LIVE_MAX).unwrap();
        let third = &mut largest[usize::from(round / 10)];
        *third = on_disk(folder.path()).unwrap().max(*third);
    }
    holds(&store, 29);
    let live = store.live.load(Ordering::Relaxed);
    assert_eq!(live, 200 * (1 + 4 + 20_000));
    // sled takes some three times as much for values of this size, and no more the longer it goes on.
    assert!(
        largest[2] <= largest[0] + SPARE && largest[2] < 6 * live,
        "{largest:?} for {live}"
    );
    assert!(!folder.path().join(COPY).exists());
    assert_eq!(open_to_others(folder.path()), Vec::<PathBuf>::new());
    drop(store);
    holds(&SledStore::open(folder.path()).unwrap(), 29);
}

#[test]
fn nothing_is_lost_wherever_the_making_anew_is_cut_short() {
    for cut in 0..4 {
        let folder = tempfile::tempdir().unwrap();
        let store = SledStore::open(folder.path()).unwrap();
        fill(&store, 7);
        let copy = folder.path().join(COPY);
        {
            let db = store.db().unwrap();
            let entries = db.iter().map(|entry| entry.map_err(io::Error::other));
            dump::write(&copy, entries).unwrap();
        }
        drop(store);
        match cut {
            // Before the copy had its name.
            0 => fs::rename(&copy, copy.with_extension("new")).unwrap(),
            // Before the log was taken away, in the middle of that, and before the new one was filled.
            1 => {}
            2 => fs::remove_file(folder.path().join("conf")).unwrap(),
            _ => {
                take_log_away(folder.path()).unwrap();
                let db = open_patiently(folder.path()).unwrap();
                db.insert([3], b"half").unwrap();
            }
        }
        holds(&SledStore::open(folder.path()).unwrap(), 7);
        assert!(!copy.exists(), "{cut}");
    }
}

#[test]
fn a_copy_that_is_not_whole_takes_nothing_away() {
    let folder = tempfile::tempdir().unwrap();
    let store = SledStore::open(folder.path()).unwrap();
    fill(&store, 7);
    drop(store);
    let copy = folder.path().join(COPY);
    fs::write(&copy, "somebody's notes").unwrap();
    let error = SledStore::open(folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("aios-store.copy in it cannot be read"),
        "{error}"
    );
    fs::remove_file(&copy).unwrap();
    holds(&SledStore::open(folder.path()).unwrap(), 7);
}

#[test]
fn whoever_reads_and_writes_while_it_is_made_anew_misses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = SledStore::open(folder.path()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4_u8 {
            let store = &store;
            scope.spawn(move || {
                for number in 0..200_u32 {
                    let key = [&[thread], number.to_be_bytes().as_slice()].concat();
                    store.put(&key, &vec![thread; 5_000]).unwrap();
                    assert_eq!(store.get(&key).unwrap().unwrap().len(), 5_000);
                    store.put(&key, &number.to_be_bytes()).unwrap();
                }
            });
        }
        for _ in 0..20 {
            // Whatever its size.
            store.room.store(0, Ordering::Relaxed);
            let live = store.live.swap(0, Ordering::Relaxed);
            store.make_anew_if_large(LIVE_MAX).unwrap();
            store.live.fetch_add(live, Ordering::Relaxed);
        }
    });
    let all = store.scan_prefix(b"", None, 9_999).unwrap();
    assert_eq!(all.len(), 800);
    assert!(all.iter().all(|(key, value)| key[1..] == value[..]));
}

#[test]
fn a_store_made_anew_takes_as_much_room_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let store = SledStore::open(folder.path()).unwrap();
    for number in 0..3_000_u32 {
        let value = vec![7; 100 + (number as usize * 7_919) % 4_000];
        store.put(&number.to_be_bytes(), &value).unwrap();
    }
    let live = store.live.load(Ordering::Relaxed);
    let mut sizes = Vec::new();
    for _ in 0..4 {
        // Whatever its size.
        store.room.store(0, Ordering::Relaxed);
        store.live.store(0, Ordering::Relaxed);
        store.make_anew_if_large(LIVE_MAX).unwrap();
        store.live.store(live, Ordering::Relaxed);
        sizes.push(on_disk(folder.path()).unwrap());
    }
    let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
    assert!(most * 10 < least * 12, "{sizes:?} for {live}");
}
