//! What somebody puts into an entry stays in it, also when the place where entries begin is lost.

use super::{append, draft, open, read};
use crate::digest::Digest;
use crate::frame::{Frame, Kind};
use crate::segment::salt;
use crate::{Draft, Flaw, Payload, SimulatedDisk, entry};

/// A journal with one entry whose content is a whole frame made with this salt, whose header is then damaged.
fn smuggled(with: u32) -> SimulatedDisk {
    let mut inner = Vec::new();
    Frame {
        sequence: 2,
        previous: Digest::ZERO,
        behind: 0,
        kind: Kind::Entry,
        more: false,
        body: &entry::encode(&draft("forged", 5)).unwrap(),
    }
    .write(with, &mut inner);
    let disk = SimulatedDisk::new(1);
    let (mut log, _) = open(&disk).unwrap();
    let outer = Draft::set("", "somebody", "outer", Payload::new("bytes", 1, inner));
    append(&mut log, &[outer]).unwrap();
    append(&mut log, &[draft("next", 5)]).unwrap();
    append(&mut log, &[draft("last", 5)]).unwrap();
    drop(log);
    let at = read(&disk).0[0].position.offset as usize;
    let name = crate::segment::name(1);
    let mut bytes = disk.contents(&name).unwrap();
    bytes[at + 5] ^= 1;
    disk.put(&name, &bytes);
    disk
}

#[test]
fn a_frame_within_an_entry_does_not_pass_for_an_entry() {
    let journal = salt(b"a test's journal");
    for with in [0, u32::MAX, journal ^ 1] {
        let (found, damage) = read(&smuggled(with));
        let keys: Vec<_> = found.iter().map(|it| it.draft.key.as_str()).collect();
        assert_eq!(keys, ["next", "last"], "salt {with:x}");
        assert_eq!(damage.len(), 1, "{damage:?}");
        assert_eq!(damage[0].flaw, Flaw::Header);
    }
    // Whoever knows the journal's id, and so can read its folder, gets it read; the damage before and behind it is named.
    let (found, damage) = read(&smuggled(journal));
    assert_eq!(found[0].draft.key, "forged");
    assert_eq!(damage.len(), 2, "{damage:?}");
}
