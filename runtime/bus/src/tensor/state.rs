//! The state word of a slot: generation, who has it, and what it is doing, changed together by one compare-and-swap.
//!
//! ```text
//! 63                    16 15     8 7      0
//! | generation           | lease  | phase  |
//! ```

use aios_protocols::tensor::LAST_GENERATION;

/// Ends of a pool there can be, in all processes together.
pub(super) const LEASES: usize = 64;

const LEASE_SHIFT: u32 = 8;
const GENERATION_SHIFT: u32 = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    Free = 0,
    Writing = 1,
    Ready = 2,
    Taken = 3,
}

impl Phase {
    /// Place in the life of one generation; a freed slot keeps its generation and so comes last.
    pub(super) fn rank(self) -> u8 {
        match self {
            Self::Writing => 1,
            Self::Ready => 2,
            Self::Taken => 3,
            Self::Free => 4,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    pub(super) generation: u64,
    pub(super) lease: u8,
    pub(super) phase: Phase,
}

impl State {
    /// A slot nobody ever had; memory begins as zeros.
    pub(super) const FRESH: Self = Self {
        generation: 0,
        lease: 0,
        phase: Phase::Free,
    };

    pub(super) const fn bits(self) -> u64 {
        self.generation << GENERATION_SHIFT | (self.lease as u64) << LEASE_SHIFT | self.phase as u64
    }

    /// `None` of a word that nobody of ours wrote.
    pub(super) fn read(bits: u64) -> Option<Self> {
        let lease = (bits >> LEASE_SHIFT) as u8;
        let phase = match bits as u8 {
            0 => Phase::Free,
            1 => Phase::Writing,
            2 => Phase::Ready,
            3 => Phase::Taken,
            _ => return None,
        };
        (usize::from(lease) < LEASES).then_some(Self {
            generation: bits >> GENERATION_SHIFT,
            lease,
            phase,
        })
    }

    /// The slot's next life, in the hands of a writer.
    pub(super) fn lease_to(self, lease: u8) -> Option<Self> {
        (self.phase == Phase::Free && self.generation < LAST_GENERATION).then_some(Self {
            generation: self.generation + 1,
            lease,
            phase: Phase::Writing,
        })
    }

    pub(super) fn in_phase(self, phase: Phase) -> Self {
        Self { phase, ..self }
    }

    /// Who has it, as observers know them; 0 for nobody.
    pub(super) fn owner(self) -> u32 {
        match self.phase {
            Phase::Free => 0,
            _ => owner_of(self.lease),
        }
    }
}

pub(super) fn owner_of(lease: u8) -> u32 {
    u32::from(lease) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_one_word_and_garbage_is_none() {
        for (generation, lease, phase) in [
            (0, 0, Phase::Free),
            (LAST_GENERATION, 63, Phase::Taken),
            (1, 1, Phase::Ready),
        ] {
            let state = State {
                generation,
                lease,
                phase,
            };
            assert_eq!(State::read(state.bits()), Some(state));
        }
        assert_eq!(State::FRESH.bits(), 0, "memory begins as zeros");
        assert_eq!(State::read(4), None, "no such phase");
        assert_eq!(State::read(64 << 8), None, "no such lease");
    }

    #[test]
    fn a_slot_whose_generations_are_used_up_is_retired() {
        let last = State {
            generation: LAST_GENERATION,
            ..State::FRESH
        };
        assert_eq!(last.lease_to(0), None);
        assert_eq!(
            State::FRESH.lease_to(5).map(|state| state.generation),
            Some(1)
        );
    }
}
