//! Agents in other processes: what is said between one and its node, whatever carries it.
//!
//! An agent's key is its credential. The node says a number that nobody can foresee; the agent signs it and is let in if an operator has
//! granted its key. From then on the connection carries frames, signed messages as their senders wrote them, in both directions. A
//! transport carries [`ToAgent`] and [`FromAgent`] and has no say in what they mean; the node's side is behind [`AgentDoor`].

use aios_protocols::{PublicKey, Sealed};
use async_trait::async_trait;

use crate::ControlError;

/// What an agent signs to be let in, beside its key claim.
pub const PROOF_TYPE: &str = "application/vnd.aios.agent-hello";

/// Bytes of a number that nobody can foresee.
pub const NONCE: usize = 32;

/// What an agent signs: the number it was told, its epoch (8 bytes, big endian), its name.
pub fn proof(nonce: &[u8; NONCE], epoch: u64, agent: &str) -> Vec<u8> {
    [&nonce[..], &epoch.to_be_bytes(), agent.as_bytes()].concat()
}

/// Who comes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hello {
    /// Its name, as the node gave it when the agent was spawned.
    pub agent: String,
    /// Its public key: 32 bytes.
    pub key: Vec<u8>,
    /// When its process began, in microseconds since the Unix epoch; the epoch of its messages.
    pub epoch: u64,
    /// The signature of its key claim of this epoch: 64 bytes.
    pub possession: Vec<u8>,
    /// The signature of [`proof`]: 64 bytes.
    pub proof: Vec<u8>,
    /// The number of the last frame that it has: it goes on where it was. None of a process that has just begun.
    pub resumes: Option<u64>,
    /// The version of its code; may be empty.
    pub version: String,
    /// Models that it answers with.
    pub models: Vec<String>,
}

/// What an agent is told when it is in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Welcome {
    /// Its name.
    pub agent: String,
    /// Whose data it works on.
    pub tenant: String,
    /// How long it may be away before others are told that it is gone, in milliseconds.
    pub window_ms: u64,
    /// How many frames it may leave unacknowledged.
    pub unacknowledged: u64,
    /// Its charter, as it stands in `agents/NAME.md`.
    pub charter: String,
}

/// What a node says to an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToAgent {
    /// A message for it.
    Frame {
        /// Which of its life here, from 1.
        number: u64,
        /// The bytes that its sender signed.
        frame: Sealed,
        /// The key that they are signed with, by the node's registry.
        key: PublicKey,
    },
    /// Something that it said was not taken; the connection goes on.
    Refused {
        /// A word from a closed list, such as `bad-signature`.
        label: String,
        /// Why.
        error: ControlError,
    },
    /// It is over, and why. Nothing follows.
    Bye(ControlError),
}

/// What an agent says to its node once it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromAgent {
    /// A message that it signed.
    Frame(Sealed),
    /// It has all frames up to this number.
    Ack(u64),
}

/// Where an agent's connection comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// This machine: what may not leave it may be said.
    Local,
    /// Another one.
    Remote,
}

/// The node's side, for transports.
#[async_trait]
pub trait AgentDoor: Send + Sync {
    /// Lets an agent in that has signed this number. The transport drew it, says it once, and takes one answer to it.
    ///
    /// # Errors
    /// Why not.
    async fn enter(
        &self,
        nonce: &[u8; NONCE],
        hello: Hello,
        reach: Reach,
    ) -> Result<Box<dyn AgentSession>, ControlError>;

    /// Counts somebody who was not let in, or was sent away by the transport itself.
    fn count(&self, label: &'static str);
}

/// An agent that is in. Dropped, its connection is lost.
#[async_trait]
pub trait AgentSession: Send {
    /// What it is told first.
    fn welcome(&self) -> Welcome;

    /// What is to be carried to it next; none when it is over. Dropped while it waits, it has taken nothing.
    async fn next(&mut self) -> Option<ToAgent>;

    /// What it says.
    async fn hear(&mut self, said: FromAgent);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_of_one_number_one_epoch_and_one_name() {
        let one = proof(&[1; NONCE], 2, "macro.clerk.001@local");
        assert_eq!(one.len(), NONCE + 8 + 21);
        assert_eq!(&one[NONCE..NONCE + 8], &[0, 0, 0, 0, 0, 0, 0, 2]);
        assert!(one.ends_with(b"macro.clerk.001@local"));
        assert_ne!(one, proof(&[1; NONCE], 3, "macro.clerk.001@local"));
    }
}
