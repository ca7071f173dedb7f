//! Files that are spoilt in ways nobody listed: pieces exchanged, doubled, left out, filled with anything.

use std::sync::Arc;

use proptest::prelude::*;

use super::{append, draft, open, read};
use crate::{Crash, Disk, SimulatedDisk, verify};

#[derive(Debug, Clone)]
enum Spoil {
    Fill { at: usize, length: usize, with: u8 },
    Cut { at: usize, length: usize },
    Double { at: usize, length: usize },
    Move { at: usize, length: usize, to: usize },
    Random { at: usize, bytes: Vec<u8> },
}

fn spoil() -> impl Strategy<Value = Spoil> {
    let at = 0..5000_usize;
    let length = 1..700_usize;
    prop_oneof![
        (at.clone(), length.clone(), any::<u8>()).prop_map(|(at, length, with)| Spoil::Fill {
            at,
            length,
            with
        }),
        (at.clone(), length.clone()).prop_map(|(at, length)| Spoil::Cut { at, length }),
        (at.clone(), length.clone()).prop_map(|(at, length)| Spoil::Double { at, length }),
        (at.clone(), length, at.clone()).prop_map(|(at, length, to)| Spoil::Move {
            at,
            length,
            to
        }),
        (at, proptest::collection::vec(any::<u8>(), 1..200))
            .prop_map(|(at, bytes)| Spoil::Random { at, bytes }),
    ]
}

impl Spoil {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let within = |at: usize| at.min(bytes.len());
        let part = |at: usize, length: usize| within(at)..within(at + length);
        match self {
            Self::Fill { at, length, with } => {
                let part = part(*at, *length);
                bytes[part].fill(*with);
            }
            Self::Cut { at, length } => {
                let part = part(*at, *length);
                bytes.drain(part);
            }
            Self::Double { at, length } => {
                let part = part(*at, *length);
                let copy = bytes[part.clone()].to_vec();
                bytes.splice(part.end..part.end, copy);
            }
            Self::Move { at, length, to } => {
                let part = part(*at, *length);
                let moved: Vec<u8> = bytes.drain(part).collect();
                let to = (*to).min(bytes.len());
                bytes.splice(to..to, moved);
            }
            Self::Random { at, bytes: with } => {
                let part = part(*at, with.len());
                let count = part.len();
                bytes[part].copy_from_slice(&with[..count]);
            }
        }
    }
}

fn journal() -> SimulatedDisk {
    let disk = SimulatedDisk::new(1);
    let (mut log, _) = open(&disk).unwrap();
    for number in 0..12 {
        let unit = [
            draft(&format!("a/{number}"), 30),
            draft(&format!("b/{number}"), 300),
        ];
        append(&mut log, &unit).unwrap();
    }
    log.close(super::at(0)).unwrap();
    disk
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Nothing panics, what differs is named, nothing is read that was not written, and the journal opens or says why not.
    #[test]
    fn a_spoilt_file_is_named_and_nothing_is_made_up(which in 0..2_usize, spoils in proptest::collection::vec(spoil(), 1..4)) {
        let whole = journal();
        let (all, _) = read(&whole);
        let names: Vec<_> = whole.list("").unwrap().into_iter().map(|it| it.name).collect();
        let name = &names[which];
        let before = whole.contents(name).unwrap();
        let mut bytes = before.clone();
        spoils.iter().for_each(|spoil| spoil.apply(&mut bytes));
        let disk = whole.fork(1);
        disk.put(name, &bytes);
        let (found, damage) = read(&disk);
        for entry in &found {
            prop_assert!(all.iter().any(|it| it.draft == entry.draft && it.sequence == entry.sequence));
        }
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let seen = verify(&shared, &|_| true).unwrap();
        // A cut at the end of an entry in the last file leaves no trace in the files themselves.
        let only_shorter = which == names.len() - 1 && before.starts_with(&bytes);
        prop_assert!(bytes == before || only_shorter || !seen.damage.is_empty());
        if found.len() < all.len() && !only_shorter {
            prop_assert!(!damage.is_empty());
        }
        if let Ok((mut log, recovery)) = open(&disk) {
            let _ = recovery.to_string();
            append(&mut log, &[draft("later", 9)]).unwrap();
            drop(log);
            disk.restart(Crash::PowerLoss);
            let (found, _) = read(&disk);
            prop_assert_eq!(&found.last().unwrap().draft.key, "later");
        }
    }
}
