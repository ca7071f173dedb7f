//! Somebody writes over the memory: no panic, no foreign byte, and streams go on afterwards.

use std::sync::atomic::{AtomicBool, Ordering::*};
use std::thread;
use std::time::Instant;

use aios_protocols::ports::{StreamReader, StreamWriter, TensorBus};
use aios_protocols::tensor::TensorGrant;

use super::*;
use crate::tensor::{RingReader, Segment};

const SEED: u64 = 0x5EED_0F0A_5C21_BB1E;
const FOR: Duration = Duration::from_millis(300);

pub(super) fn check(maker: &dyn Maker) {
    a_pool_written_over_gives_out_only_what_was_written_for_the_grant(maker);
    a_ring_written_over_passes_only_what_was_written_and_goes_on(maker);
}

/// Writes random words, small ones too, all over a segment until told to stop.
fn scribble(segment: &dyn Segment, stop: &AtomicBool, from: usize) {
    let mut numbers = Numbers(SEED);
    let words = segment.words();
    while !stop.load(Relaxed) {
        let at = from + (numbers.next() % (words.len() - from) as u64) as usize;
        let value = numbers.next();
        words[at].store(value >> (numbers.next() % 64), Relaxed);
        if numbers.next().is_multiple_of(16) {
            thread::yield_now();
        }
    }
}

fn a_pool_written_over_gives_out_only_what_was_written_for_the_grant(maker: &dyn Maker) {
    let shape = PoolShape {
        slots: 32,
        slot_bytes: 200,
    };
    let one = maker.pool(shape, &[4; RANDOM_BYTES]);
    let two = must(maker.join(&one, [3; 32]));
    let stop = AtomicBool::new(false);
    let (mut accepted, mut refused) = (0_u64, 0_u64);
    thread::scope(|scope| {
        scope.spawn(|| scribble(two.segment().as_ref(), &stop, 0));
        let mut read = Vec::new();
        let mut old: Vec<(TensorGrant, Vec<u8>)> = Vec::new();
        let begin = Instant::now();
        for number in 0.. {
            if begin.elapsed() >= FOR {
                break;
            }
            let bytes = content(number, (number % 201) as usize);
            if let Ok(grant) = publish(&one, &bytes) {
                old.push((grant, bytes));
            }
            // Fresh grants and old ones: neither may ever yield other bytes than its own.
            let newest = old.len().saturating_sub(1);
            for at in [newest, (number % 64) as usize] {
                let Some((grant, bytes)) = old.get(at) else {
                    continue;
                };
                match two.read(grant, &mut read) {
                    Ok(_) => {
                        assert_eq!(&read, bytes, "foreign bytes were let in, seed {SEED:#x}");
                        accepted += 1;
                        let _ = two.release(grant);
                    }
                    Err(_) => {
                        assert!(read.is_empty());
                        refused += 1;
                    }
                }
            }
            let _ = (one.reclaim(), one.view());
            old.truncate(64);
        }
        stop.store(true, Relaxed);
    });
    assert!(
        refused > 0,
        "nothing was refused, so nothing was written over; {accepted} accepted"
    );
}

fn a_ring_written_over_passes_only_what_was_written_and_goes_on(maker: &dyn Maker) {
    let note = note(0);
    let (one, two) = maker.ring(SHAPE, &[2; RANDOM_BYTES], note.sender, note.receiver);
    let (mut writer, mut reader) = (must(one.writer()), must(two.reader()));
    let stop = AtomicBool::new(false);
    let mut read = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| scribble(two.segment().as_ref(), &stop, 0));
        let begin = Instant::now();
        // On a busy machine the scribbler may not run at all in that time, and then nothing would be shown.
        let idle = |reader: &RingReader| reader.refused() == 0 && begin.elapsed() < SOON;
        while begin.elapsed() < FOR || idle(&reader) {
            // A damaged head makes the writer refuse; the reader's next release repairs it.
            let _ = writer.write(&content(1, 150), 0);
            if let Ok(Some(header)) = reader.read(&mut read) {
                assert_eq!(read, content(1, 150), "seed {SEED:#x}, {header:?}");
                reader.release();
            }
        }
        stop.store(true, Relaxed);
    });
    // What the scribbler left is passed over, then the stream is whole again.
    let begin = Instant::now();
    for wanted in 0..10 {
        let bytes = content(wanted, 99);
        loop {
            assert!(begin.elapsed() < SOON, "the stream does not go on");
            let _ = writer.write(&bytes, 0);
            let outcome = reader.read(&mut read);
            if outcome.is_err() {
                continue;
            }
            let same = read == bytes;
            reader.release();
            if same {
                break;
            }
        }
    }
    assert!(reader.refused() > 0, "nothing was written over");
}
