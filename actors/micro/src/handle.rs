//! The 8-byte handle of one agent: where its slot is, and which of the slot's lives is meant.
//!
//! ```text
//! 63            32 31    24 23                   0
//! | generation    | shard  | slot                |
//! ```
//!
//! The generation of a slot grows with every agent that leaves it, so a handle that outlived its agent names a life that is
//! over and is refused as stale; it never reaches the successor. A slot whose generations are used up is retired instead of
//! starting over. Generation 0 is never given out, which makes `Option<Handle>` 8 bytes too.

use std::fmt;
use std::num::NonZeroU64;

/// Slots one shard can number.
pub const SLOTS_PER_SHARD: u32 = 1 << SLOT_BITS;
/// Last generation of a slot; the agent that has it is the slot's last.
pub const LAST_GENERATION: u32 = u32::MAX;

const SLOT_BITS: u32 = 24;
const GENERATION_SHIFT: u32 = 32;

/// Names one agent in one zone, and never another one after it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Handle(NonZeroU64);

const _: () = assert!(size_of::<Handle>() == 8 && size_of::<Option<Handle>>() == 8);

impl Handle {
    pub(crate) const fn new(shard: u8, slot: u32, generation: u32) -> Option<Self> {
        if slot >= SLOTS_PER_SHARD || generation == 0 {
            return None;
        }
        let bits =
            ((generation as u64) << GENERATION_SHIFT) | ((shard as u64) << SLOT_BITS) | slot as u64;
        match NonZeroU64::new(bits) {
            Some(bits) => Some(Self(bits)),
            None => None,
        }
    }

    /// The handle as a number, as it stands in an identity and on the wire.
    pub const fn bits(self) -> u64 {
        self.0.get()
    }

    /// A handle read back; `None` if its generation is 0. Whether an agent answers to it is for its shard to say.
    pub const fn from_bits(bits: u64) -> Option<Self> {
        if bits >> GENERATION_SHIFT == 0 {
            return None;
        }
        match NonZeroU64::new(bits) {
            Some(bits) => Some(Self(bits)),
            None => None,
        }
    }

    /// Number of the shard that holds the agent.
    pub const fn shard(self) -> u8 {
        (self.0.get() >> SLOT_BITS) as u8
    }

    /// Number of the slot in its shard.
    pub const fn slot(self) -> u32 {
        self.0.get() as u32 & (SLOTS_PER_SHARD - 1)
    }

    /// Which life of the slot is meant.
    pub const fn generation(self) -> u32 {
        (self.0.get() >> GENERATION_SHIFT) as u32
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Handle(shard {}, slot {}, generation {})",
            self.shard(),
            self.slot(),
            self.generation()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_gives_back_its_three_parts() {
        for (shard, slot, generation) in [
            (0, 0, 1),
            (255, SLOTS_PER_SHARD - 1, LAST_GENERATION),
            (7, 12_345, 99),
        ] {
            let handle = Handle::new(shard, slot, generation).unwrap();
            assert_eq!(
                (handle.shard(), handle.slot(), handle.generation()),
                (shard, slot, generation)
            );
            assert_eq!(Handle::from_bits(handle.bits()), Some(handle));
        }
    }

    #[test]
    fn parts_that_do_not_fit_make_no_handle() {
        assert_eq!(Handle::new(0, SLOTS_PER_SHARD, 1), None);
        assert_eq!(Handle::new(0, 0, 0), None);
        assert_eq!(Handle::from_bits(0), None);
        assert_eq!(Handle::from_bits(0xFFFF_FFFF), None, "generation 0");
    }
}
