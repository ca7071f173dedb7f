//! A ring under a vandal.

use super::*;
use crate::tensor::process::Sitter;
use crate::tensor::{RANDOM_BYTES, in_process};
use aios_protocols::tensor::PartyHash;

/// As many rings are damaged, each in its own way.
const SEEDS: u64 = 4_000;
const CHUNK_BYTES: u32 = 16;

/// SplitMix64: a good number from any seed.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

fn ring_of(slots: u32) -> Ring {
    let shape = PoolShape {
        slots,
        slot_bytes: CHUNK_BYTES,
    };
    let party = |name: &str| PartyHash::of(&name.parse().unwrap());
    let (sender, receiver) = (
        party("meso.state.001@global"),
        party("macro.executor.001@global"),
    );
    in_process::ring(shape, &[7; RANDOM_BYTES], sender, receiver).unwrap()
}

/// Both ends of a ring and a vandal, one step at a time, so that a seed is a whole story.
struct Story {
    ring: Ring,
    writer: Option<RingWriter>,
    reader: Option<RingReader>,
    numbers: Numbers,
    /// Every chunk says how many were written before it, so no two are alike; this is how many.
    written: u64,
    /// What arrives must be newer than what this reader has had.
    oldest: u64,
    /// The memory as it once was, for a vandal who puts old things back.
    old: Vec<u64>,
}

impl Story {
    fn new(seed: u64) -> Self {
        let mut numbers = Numbers(seed);
        let ring = ring_of(1 + numbers.below(6) as u32);
        Self {
            writer: Some(ring.writer().unwrap()),
            reader: Some(ring.reader().unwrap()),
            old: vec![0; ring.layout.words()],
            ring,
            numbers,
            written: 0,
            oldest: 0,
        }
    }

    fn tell(seed: u64, take_over: bool) -> Self {
        let mut story = Self::new(seed);
        for _ in 0..story.numbers.below(60) {
            match story.numbers.below(12) {
                0 => story.vandalise(),
                1 => story.keep_old(),
                2 if take_over => story.take_over(),
                2..7 => story.write(),
                _ => drop(story.read()),
            }
        }
        story
    }

    fn write(&mut self) {
        let chunk = self.written.to_le_bytes();
        if let Some(writer) = &mut self.writer
            && writer.write(&chunk, 0).is_ok()
        {
            self.written += 1;
        }
    }

    /// What was read and released, if something was there.
    fn read(&mut self) -> Option<u64> {
        let mut read = Vec::new();
        let reader = self.reader.as_mut()?;
        reader.read(&mut read).ok()??;
        reader.release();
        let chunk = u64::from_le_bytes(read.try_into().unwrap());
        assert!(chunk < self.written, "nobody wrote {chunk}");
        assert!(chunk >= self.oldest, "{chunk} came before");
        self.oldest = chunk + 1;
        Some(chunk)
    }

    /// An end is left and taken again; by whom does not matter.
    fn take_over(&mut self) {
        if self.numbers.below(2) == 0 {
            self.writer = None;
            self.writer = self.ring.writer().ok();
        } else {
            self.reader = None;
            self.reader = self.ring.reader().ok();
            // What the last one had not told to the memory comes again.
            self.oldest = 0;
        }
    }

    fn vandalise(&mut self) {
        let words = self.ring.segment.words();
        let next = self.writer.as_ref().map_or(0, RingWriter::next_number);
        for _ in 0..1 << self.numbers.below(9) {
            // Half of the blows fall on the words that steer: the lines before the slots, and the states.
            let at = match self.numbers.below(4) {
                0 => self.numbers.below(HEAD_WORDS as u64) as usize,
                1 => self.ring.at(self.numbers.next()),
                _ => self.numbers.below(words.len() as u64) as usize,
            };
            let value = match self.numbers.below(4) {
                // A number that could be right.
                0 => next.wrapping_add(self.numbers.below(16)).wrapping_sub(8),
                1 => self.old[at],
                _ => self.numbers.next() >> self.numbers.below(64),
            };
            words[at].store(value, Relaxed);
        }
    }

    fn keep_old(&mut self) {
        let words = self.ring.segment.words();
        self.old = words.iter().map(|word| word.load(Relaxed)).collect();
    }

    /// Writes and reads in turns; whether three chunks arrive that were written after the last blow.
    fn goes_on(&mut self) -> bool {
        let fresh = self.written;
        let mut arrived = 0;
        for _ in 0..8 * self.ring.layout.slots + 16 {
            self.write();
            arrived += usize::from(self.read().is_some_and(|chunk| chunk >= fresh));
        }
        for end in [WRITER, READER] {
            let sitter = self.ring.seat(end).look().1;
            assert!(matches!(sitter, Sitter::Alive(_)), "{sitter:?}");
        }
        arrived >= 3
    }
}

fn stalled(take_over: bool) -> Vec<u64> {
    (0..SEEDS)
        .filter(|seed| !Story::tell(*seed, take_over).goes_on())
        .collect()
}

#[test]
fn nobody_who_lives_is_called_dead_because_a_seat_was_written_over() {
    // Longer than it takes until a life is looked at.
    let longest = Duration::from_millis(70);
    let late = Err(TensorBusError::Late(longest));
    let nobody = u64::from(u32::MAX) << 8 | 2;
    for over in [1, 0xDEAD_BEEF, nobody, u64::MAX] {
        let ring = ring_of(2);
        let words = ring.segment.words();
        let (mut writer, mut reader) = (ring.writer().unwrap(), ring.reader().unwrap());
        words[WRITER].store(over, Relaxed);
        words[WRITER + 1].store(12_345, Relaxed);
        assert_eq!(reader.wait(Wait::Block, longest), late, "{over:x}");
        for chunk in 0..2 {
            writer.write(&[chunk], 0).unwrap();
        }
        words[READER].store(over, Relaxed);
        words[READER + 1].store(12_345, Relaxed);
        assert_eq!(writer.wait(Wait::Block, longest), late, "{over:x}");
    }
}

#[test]
fn a_stream_goes_on_however_its_memory_was_written_over() {
    assert_eq!(stalled(false), [0; 0], "the seeds that stall");
}

#[test]
fn a_stream_whose_ends_were_taken_over_goes_on_however_its_memory_was_written_over() {
    assert_eq!(stalled(true), [0; 0], "the seeds that stall");
}
