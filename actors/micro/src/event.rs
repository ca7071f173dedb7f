//! What micro agents receive: 24 bytes, no allocation, one of five acts.
//!
//! ```text
//!  0        8        16     20   22   23   24
//!  | to     | from   | value| arg |code|act |
//! ```
//!
//! `act` is what the tier rules speak about, `code` is the word of the kind's own vocabulary, `arg` and `value` are its
//! argument. An event without `from` came through the population, that is from a meso agent or the node itself.

use std::mem::offset_of;

use crate::handle::Handle;

/// Bytes of one event, in memory and on the wire.
pub const EVENT_BYTES: usize = 24;

/// The communicative acts that may reach a micro agent (the access table of the tiers, narrowed to this tier).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Act {
    /// Something is the case.
    Inform = 0,
    /// Is this the case? Answered by an inform.
    QueryIf = 1,
    /// What is this? Answered by an inform; only a meso agent may ask.
    QueryRef = 2,
    /// Do this; only a meso agent may ask.
    Request = 3,
    /// Stop doing this; only a meso agent may ask.
    Cancel = 4,
}

impl Act {
    /// Whether one micro agent may say this to another.
    pub const fn allowed_between_agents(self) -> bool {
        matches!(self, Self::Inform | Self::QueryIf)
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::Inform,
            1 => Self::QueryIf,
            2 => Self::QueryRef,
            3 => Self::Request,
            4 => Self::Cancel,
            _ => return None,
        })
    }
}

/// One event for one agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Event {
    /// Whom it is for.
    pub to: Handle,
    /// Which agent of the zone sent it; `None` for the population.
    pub from: Option<Handle>,
    /// Argument, by convention the large one.
    pub value: u32,
    /// Argument, by convention the small one.
    pub arg: u16,
    /// Word of the receiving kind's vocabulary.
    pub code: u8,
    /// Communicative act.
    pub act: Act,
}

const _: () = assert!(
    size_of::<Event>() == EVENT_BYTES
        && align_of::<Event>() == 8
        && offset_of!(Event, to) == 0
        && offset_of!(Event, from) == 8
        && offset_of!(Event, value) == 16
        && offset_of!(Event, arg) == 20
        && offset_of!(Event, code) == 22
        && offset_of!(Event, act) == 23
);

/// Bytes that are no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// The receiver is not a handle.
    #[error("receiver {0:#x} is not a handle; its generation is 0")]
    Receiver(u64),
    /// The sender is neither absent nor a handle.
    #[error("sender {0:#x} is not a handle; send 0 for none")]
    Sender(u64),
    /// No act has this number.
    #[error("act {0} is not known; the acts are 0 to 4")]
    Act(u8),
}

impl Event {
    /// An event from outside the swarm.
    pub const fn new(to: Handle, act: Act, code: u8, arg: u16, value: u32) -> Self {
        Self {
            to,
            from: None,
            value,
            arg,
            code,
            act,
        }
    }

    /// A statement from outside the swarm, the common case.
    pub const fn inform(to: Handle, code: u8, value: u32) -> Self {
        Self::new(to, Act::Inform, code, 0, value)
    }

    /// The bytes that cross a process, little-endian, in the order of the drawing above.
    pub fn to_bytes(&self) -> [u8; EVENT_BYTES] {
        let mut bytes = [0; EVENT_BYTES];
        bytes[0..8].copy_from_slice(&self.to.bits().to_le_bytes());
        bytes[8..16].copy_from_slice(&self.from.map_or(0, Handle::bits).to_le_bytes());
        bytes[16..20].copy_from_slice(&self.value.to_le_bytes());
        bytes[20..22].copy_from_slice(&self.arg.to_le_bytes());
        bytes[22] = self.code;
        bytes[23] = self.act as u8;
        bytes
    }

    /// Reads an event from another process.
    ///
    /// # Errors
    /// The first field that is not sound.
    pub fn from_bytes(bytes: &[u8; EVENT_BYTES]) -> Result<Self, EventError> {
        let word = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(word)
        };
        let (to, from, rest) = (word(0), word(8), word(16));
        let to = Handle::from_bits(to).ok_or(EventError::Receiver(to))?;
        let from = match from {
            0 => None,
            bits => Some(Handle::from_bits(bits).ok_or(EventError::Sender(bits))?),
        };
        let act = Act::from_byte(bytes[23]).ok_or(EventError::Act(bytes[23]))?;
        Ok(Self {
            to,
            from,
            value: rest as u32,
            arg: (rest >> 32) as u16,
            code: bytes[22],
            act,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bytes_that_decode_encode_to_themselves(bytes in prop::array::uniform24(any::<u8>())) {
            if let Ok(event) = Event::from_bytes(&bytes) {
                prop_assert_eq!(event.to_bytes(), bytes);
            }
        }
    }

    #[test]
    fn unsound_bytes_are_refused_by_field() {
        let good = Event::inform(Handle::new(1, 2, 3).unwrap(), 4, 5).to_bytes();
        let with = |at: usize, byte: u8| {
            let mut bytes = good;
            bytes[at] = byte;
            Event::from_bytes(&bytes)
        };
        assert!(Event::from_bytes(&good).is_ok());
        assert_eq!(with(4, 0), Err(EventError::Receiver(0x0100_0002)));
        assert_eq!(with(8, 1), Err(EventError::Sender(1)));
        assert_eq!(with(23, 5), Err(EventError::Act(5)));
    }

    #[test]
    fn agents_say_only_inform_and_query_if_to_each_other() {
        let acts = [
            Act::Inform,
            Act::QueryIf,
            Act::QueryRef,
            Act::Request,
            Act::Cancel,
        ];
        let allowed: Vec<Act> = acts
            .into_iter()
            .filter(|act| act.allowed_between_agents())
            .collect();
        assert_eq!(allowed, [Act::Inform, Act::QueryIf]);
    }
}
