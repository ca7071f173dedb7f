//! Frames in pools.

use std::sync::Arc;
use std::thread;

use aios_protocols::ports::{TensorBus, TensorBusError, Wait};
use aios_protocols::tensor::{FrameKey, PoolId, TensorGrant};
use parking_lot::Mutex;

use super::*;
use crate::tensor::SlotObserver;
use crate::{BusRefusal, RefusalSink, Refusals};

pub(super) fn check(maker: &dyn Maker) {
    what_was_written_is_read_whatever_its_length_and_pieces(maker);
    an_exhausted_pool_refuses_with_both_numbers_and_goes_on_after_a_release(maker);
    what_does_not_fit_is_refused_and_leaves_nothing_behind(maker);
    a_grant_is_for_one_life_of_a_slot(maker);
    a_forged_grant_is_refused_and_keeps_nothing_from_its_reader(maker);
    a_frame_has_one_reader_and_only_its_holder_releases_it(maker);
    an_end_that_leaves_frees_what_it_held(maker);
    an_end_too_many_is_refused_and_takes_nothing_from_the_others(maker);
    waiting_ends_when_the_frame_is_there_or_the_time_is_over(maker);
    a_sealed_frame_is_nobodys_until_it_is_published(maker);
    an_observer_hears_of_every_lease_and_keeps_slots_back(maker);
}

fn pair(maker: &dyn Maker) -> (TensorPool, TensorPool) {
    let one = maker.pool(SHAPE, &[9; RANDOM_BYTES]);
    let two = must(maker.join(&one, [8; 32]));
    (one, two)
}

fn what_was_written_is_read_whatever_its_length_and_pieces(maker: &dyn Maker) {
    let (one, two) = pair(maker);
    let mut read = Vec::new();
    for length in 0..=SHAPE.slot_bytes as usize {
        for piece in [1, 3, 8, 13, 200] {
            let bytes = content(length as u64, length);
            let mut slot = must(one.allocate(length));
            for part in bytes.chunks(piece) {
                must(slot.write(part));
            }
            let grant = must(slot.publish(&note(length)));
            let header = must(two.read(&grant, &mut read));
            assert_eq!(read, bytes, "{length} bytes in pieces of {piece}");
            assert_eq!((header.sequence, header.conversation), (42, [7; 16]));
            assert!(header.flags.has(Flags::ACK));
            must(two.read(&grant, &mut read));
            assert_eq!(read, bytes, "it may be read again until it is released");
            must(two.release(&grant));
        }
    }
}

fn an_exhausted_pool_refuses_with_both_numbers_and_goes_on_after_a_release(maker: &dyn Maker) {
    let (one, two) = pair(maker);
    let grants: Vec<TensorGrant> = (0..4).map(|at| must(publish(&one, &[at]))).collect();
    let full = TensorBusError::Exhausted {
        asked: 5,
        allowed: 4,
    };
    assert_eq!(publish(&one, &[]).err(), Some(full.clone()));
    assert_eq!(publish(&two, &[]).err(), Some(full), "for every end alike");
    let mut read = Vec::new();
    must(two.read(&grants[2], &mut read));
    must(two.release(&grants[2]));
    let next = must(publish(&two, b"next"));
    assert_eq!(next.handle.offset, grants[2].handle.offset);
    assert_eq!(next.handle.generation, grants[2].handle.generation + 1);
}

fn what_does_not_fit_is_refused_and_leaves_nothing_behind(maker: &dyn Maker) {
    let (one, _) = pair(maker);
    assert!(matches!(
        one.allocate(201).err(),
        Some(TensorBusError::TooLarge {
            asked: 201,
            allowed: 200,
            ..
        })
    ));
    let mut slot = must(one.allocate(4));
    assert!(matches!(
        slot.write(&[0; 5]),
        Err(TensorBusError::TooLarge {
            asked: 5,
            allowed: 4,
            ..
        })
    ));
    must(slot.write(&[1, 2, 3]));
    assert_eq!(
        slot.publish(&note(4)).err(),
        Some(TensorBusError::Incomplete {
            written: 3,
            allocated: 4
        })
    );
    let mut slot = must(one.allocate(4));
    must(slot.write(&[1, 2, 3, 4]));
    assert!(
        matches!(slot.publish(&note(5)), Err(TensorBusError::WrongGrant(_))),
        "a shape that does not fill the frame"
    );
    drop(must(one.allocate(4)));
    assert_eq!(one.view().in_use, 0);
}

fn a_grant_is_for_one_life_of_a_slot(maker: &dyn Maker) {
    let (one, two) = pair(maker);
    let mut read = Vec::new();
    let old = must(publish(&one, b"old"));
    must(two.read(&old, &mut read));
    must(two.release(&old));
    let stale = Some(TensorBusError::Stale);
    assert_eq!(two.read(&old, &mut read).err(), stale, "released");
    assert_eq!(two.release(&old).err(), stale);
    // Until the slot has its next life.
    let later: Vec<TensorGrant> = (0..4).map(|_| must(publish(&one, b"new"))).collect();
    assert!(
        later
            .iter()
            .any(|grant| grant.handle.offset == old.handle.offset)
    );
    assert_eq!(two.read(&old, &mut read).err(), stale, "a successor's");
    assert!(read.is_empty(), "nothing leaves with a refusal");
    assert_eq!(two.release(&old).err(), stale, "the successor stays");
    for grant in &later {
        must(two.read(grant, &mut read));
    }
}

fn a_forged_grant_is_refused_and_keeps_nothing_from_its_reader(maker: &dyn Maker) {
    let (one, two) = pair(maker);
    let trail = Arc::new(Trail::default());
    let two = two.telling(Refusals::to(Arc::clone(&trail) as _));
    let good = must(publish(&one, &content(1, 100)));
    let other = must(publish(&one, &content(2, 100)));
    type Forge = fn(&mut TensorGrant, &TensorGrant);
    let rows: &[(&str, Forge)] = &[
        ("a guessed key", |grant, _| {
            let mut key = *grant.key.as_bytes();
            key[0] ^= 1;
            grant.key = FrameKey::from_bytes(key);
        }),
        ("another frame's key", |grant, other| {
            grant.key = other.key.clone();
        }),
        ("another frame's place", |grant, other| {
            grant.handle.offset = other.handle.offset;
        }),
        ("the middle of a slot", |grant, _| grant.handle.offset += 8),
        ("before the slots", |grant, _| grant.handle.offset = 0),
        ("behind the slots", |grant, _| {
            grant.handle.offset += 1 << 40
        }),
        ("the end of the numbers", |grant, _| {
            grant.handle.offset = u64::MAX
        }),
        ("a later generation", |grant, _| {
            grant.handle.generation += 1
        }),
        ("generation 0", |grant, _| grant.handle.generation = 0),
        ("more bytes", |grant, _| {
            (grant.handle.length, grant.handle.shape) = (200, vec![200]);
        }),
        ("more bytes than a slot has", |grant, _| {
            (grant.handle.length, grant.handle.shape) = (1 << 30, vec![1 << 30]);
        }),
        ("fewer bytes", |grant, _| {
            (grant.handle.length, grant.handle.shape) = (99, vec![99]);
        }),
        ("another type", |grant, _| {
            grant.handle.dtype = ContentType::I8
        }),
        ("another receiver", |grant, _| grant.receiver = grant.sender),
        ("another pool", |grant, _| {
            grant.pool.id = PoolId::from_bytes([1; 16]);
            grant.handle.pool = grant.pool.id;
        }),
        ("a larger pool", |grant, _| grant.pool.slots = 60_000),
    ];
    let mut read = Vec::new();
    for (what, forge) in rows {
        let mut forged = good.clone();
        forge(&mut forged, &other);
        read.extend_from_slice(b"before");
        let outcome = two.read(&forged, &mut read);
        assert!(outcome.is_err(), "{what} was let in");
        assert!(read.is_empty(), "{what}: bytes left with the refusal");
        assert!(two.release(&forged).is_err(), "{what} released something");
    }
    let entered = trail.0.lock().len();
    assert_eq!(entered, rows.len(), "one entry for each that was refused");
    must(two.read(&good, &mut read));
    assert_eq!(read, content(1, 100));
}

fn a_frame_has_one_reader_and_only_its_holder_releases_it(maker: &dyn Maker) {
    let (one, two) = pair(maker);
    let three = must(maker.join(&one, [7; 32]));
    let mut read = Vec::new();
    let grant = must(publish(&one, b"for two"));
    assert_eq!(
        two.release(&grant).err(),
        Some(TensorBusError::NotHeld),
        "not read yet"
    );
    must(two.read(&grant, &mut read));
    assert_eq!(
        three.read(&grant, &mut read).err(),
        Some(TensorBusError::Taken)
    );
    assert_eq!(one.release(&grant).err(), Some(TensorBusError::NotHeld));
    assert_eq!(three.release(&grant).err(), Some(TensorBusError::NotHeld));
    must(two.release(&grant));
    let unread = must(publish(&one, b"withdrawn"));
    must(one.release(&unread));
    assert_eq!(
        two.read(&unread, &mut read).err(),
        Some(TensorBusError::Stale)
    );
}

fn an_end_that_leaves_frees_what_it_held(maker: &dyn Maker) {
    let (one, two) = pair(maker);
    let mut read = Vec::new();
    let taken = must(publish(&one, b"taken"));
    must(two.read(&taken, &mut read));
    let unread = must(publish(&two, b"unread"));
    let open = must(two.allocate(4));
    assert_eq!(one.view().in_use, 3);
    std::mem::forget(open); // as if its thread had died
    drop(two);
    assert_eq!(one.view().in_use, 0);
    assert_eq!(
        one.read(&unread, &mut read).err(),
        Some(TensorBusError::Stale)
    );
    let again = must(maker.join(&one, [6; 32]));
    must(publish(&again, b"the seat is free too"));
}

fn an_end_too_many_is_refused_and_takes_nothing_from_the_others(maker: &dyn Maker) {
    let one = maker.pool(SHAPE, &[9; RANDOM_BYTES]);
    let mut others: Vec<TensorPool> = (1..64).map(|_| must(maker.join(&one, [8; 32]))).collect();
    let grant = must(publish(&one, b"still here"));
    let mut half_written = must(one.allocate(4));
    for _ in 0..2 {
        assert_eq!(
            maker.join(&one, [7; 32]).err(),
            Some(TensorBusError::TooLarge {
                what: "ends of one pool",
                asked: 65,
                allowed: 64
            })
        );
    }
    must(half_written.write(b"too!"));
    let too = must(half_written.publish(&note(4)));
    let reader = &others[62];
    for (grant, bytes) in [(&grant, &b"still here"[..]), (&too, b"too!")] {
        let mut read = Vec::new();
        must(reader.read(grant, &mut read));
        assert_eq!(read, bytes);
        must(reader.release(grant));
    }
    let owner = others[0].owner();
    drop(others.remove(0));
    let next = must(maker.join(&one, [6; 32]));
    assert_eq!(next.owner(), owner, "the seat that was left, and no other");
}

fn waiting_ends_when_the_frame_is_there_or_the_time_is_over(maker: &dyn Maker) {
    let (one, two) = pair(maker);
    for how in [Wait::Spin, Wait::SpinThenBlock, Wait::Block] {
        let mut slot = must(one.allocate(5));
        let grant = must(slot.grant(&note(5)));
        let brief = Duration::from_millis(2);
        assert_eq!(
            two.wait(&grant, how, brief).err(),
            Some(TensorBusError::Late(brief))
        );
        assert_eq!(
            two.read(&grant, &mut Vec::new()).err(),
            Some(TensorBusError::NotReady)
        );
        thread::scope(|scope| {
            let waiter = scope.spawn(|| two.wait(&grant, how, SOON));
            must(slot.write(b"there"));
            must(slot.publish(&note(5)));
            assert_eq!(waiter.join().ok(), Some(Ok(())), "{how:?}");
        });
        must(two.read(&grant, &mut Vec::new()));
        must(two.release(&grant));
        assert_eq!(
            two.wait(&grant, how, SOON).err(),
            Some(TensorBusError::Stale)
        );
    }
}

fn a_sealed_frame_is_nobodys_until_it_is_published(maker: &dyn Maker) {
    let (one, two) = pair(maker);
    let mut read = Vec::new();
    let slot = must(one.allocate(2));
    assert_eq!(
        slot.seal(&note(2)).err(),
        Some(TensorBusError::Incomplete {
            written: 0,
            allocated: 2
        })
    );
    let mut slot = must(one.allocate(6));
    let ahead = must(slot.grant(&note(6)));
    must(slot.write(b"sealed"));
    let sealed = must(slot.seal(&note(6)));
    assert_eq!(*sealed.grant(), ahead);
    let brief = Duration::from_millis(2);
    for how in [Wait::Spin, Wait::SpinThenBlock, Wait::Block] {
        let late = Some(TensorBusError::Late(brief));
        assert_eq!(two.wait(&ahead, how, brief).err(), late);
    }
    let early = Some(TensorBusError::NotReady);
    assert_eq!(two.read(&ahead, &mut read).err(), early);
    assert!(read.is_empty(), "nothing leaves before it is published");
    assert_eq!(must(sealed.publish()), ahead);
    must(two.read(&ahead, &mut read));
    assert_eq!(read, b"sealed");
    must(two.release(&ahead));
    let mut slot = must(one.allocate(1));
    must(slot.write(b"x"));
    drop(must(slot.seal(&note(1))));
    assert_eq!(
        one.view().in_use,
        0,
        "one that is let go of gives its slot back"
    );
}

/// Keeps what was refused.
#[derive(Default)]
struct Trail(Mutex<Vec<BusRefusal>>);

impl RefusalSink for Trail {
    fn refused(&self, refusal: BusRefusal) {
        self.0.lock().push(refusal);
    }
}

#[derive(Default)]
struct Diary {
    lines: Mutex<Vec<(&'static str, u32, u32)>>,
    asleep: Mutex<Vec<u32>>,
}

impl SlotObserver for Diary {
    fn may_lease(&self, slot: u32) -> bool {
        !self.asleep.lock().contains(&slot)
    }

    fn leased(&self, slot: u32, owner: u32) {
        self.lines.lock().push(("leased", slot, owner));
    }

    fn released(&self, slot: u32, owner: u32) {
        self.lines.lock().push(("released", slot, owner));
    }

    fn reclaimed(&self, slot: u32, owner: u32) {
        self.lines.lock().push(("reclaimed", slot, owner));
    }

    fn misused(&self, slot: u32, owner: u32) {
        self.lines.lock().push(("misused", slot, owner));
    }
}

fn an_observer_hears_of_every_lease_and_keeps_slots_back(maker: &dyn Maker) {
    let diary = Arc::new(Diary::default());
    let one = maker
        .pool(SHAPE, &[9; RANDOM_BYTES])
        .observed_by(Arc::clone(&diary) as Arc<dyn SlotObserver>);
    let two = must(maker.join(&one, [8; 32]));
    let (first, second) = (one.owner(), two.owner());
    *diary.asleep.lock() = vec![0, 2, 3];
    let grant = must(publish(&one, b"x"));
    assert_eq!(
        publish(&one, b"y").err(),
        Some(TensorBusError::Exhausted {
            asked: 5,
            allowed: 4
        }),
        "slots that are kept back are not given out"
    );
    must(two.read(&grant, &mut Vec::new()));
    one.look_around();
    assert!(one.release(&grant).is_err());
    must(two.release(&grant));
    one.look_around();
    one.look_around();
    diary.asleep.lock().clear();
    drop(must(one.allocate(1)));
    let lines = std::mem::take(&mut *diary.lines.lock());
    let slot = lines[lines.len() - 1].1;
    assert_eq!(
        lines,
        [
            ("leased", 1, first),
            ("released", 1, first),
            ("leased", 1, second),
            ("misused", 1, first),
            ("released", 1, second),
            ("leased", slot, first),
            ("released", slot, first),
        ]
    );
}
