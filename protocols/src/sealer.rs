//! From draft to frame: names, sequence numbers, signature.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use thiserror::Error;

use crate::codec::Sealed;
use crate::draft::Stamp;
use crate::limits::{EncodeError, Limits};
use crate::{Draft, Message, MessageId, Party, SigningIdentity, TenantId, Timestamp};

/// Sequence numbers of one sender: one stream per receiver.
///
/// A stream per receiver, because a window only knows the numbers that reach its receiver: with one counter for all, a
/// fan-out of a thousand messages to others would push a message that is a little late out of its receiver's window. A
/// message to several receivers takes the next number that is new to all of them; gaps are harmless. The number of
/// streams is bounded: when there are too many all are folded into one floor above every number used, so a number is
/// never used twice for one receiver within an epoch.
#[derive(Debug, Clone)]
pub struct Sequencer {
    epoch: u64,
    streams: HashMap<Party, u64>,
    floor: u64,
}

impl Sequencer {
    /// Streams remembered before they are folded.
    pub const CAPACITY: usize = 1024;

    /// A fresh count. The epoch must be above every epoch this sender used before; the start time will do.
    pub fn new(epoch: u64) -> Self {
        Self {
            epoch,
            streams: HashMap::new(),
            floor: 0,
        }
    }

    /// The epoch of the numbers.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The next number for these receivers.
    pub fn next(&mut self, receivers: &BTreeSet<Party>) -> u64 {
        let used = receivers.iter().filter_map(|party| self.streams.get(party));
        let next = used.copied().max().unwrap_or(0).max(self.floor) + 1;
        for party in receivers {
            match self.streams.get_mut(party) {
                Some(last) => *last = next,
                None => {
                    self.streams.insert(party.clone(), next);
                }
            }
        }
        if self.streams.len() > Self::CAPACITY {
            let highest = self.streams.values().copied().max().unwrap_or(0);
            self.floor = self.floor.max(highest);
            self.streams.clear();
        }
        next
    }
}

/// Why a draft cannot become a message.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SealError {
    /// It cannot be written within the limits.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// It is addressed to its own sender.
    #[error("{0} would send this message to itself; call the code directly instead")]
    ToSelf(Party),
}

/// Makes one sender's drafts into messages. Lives outside the agent that may crash, so numbers go on after a restart.
#[derive(Debug, Clone)]
pub struct Sealer {
    identity: Arc<SigningIdentity>,
    tenant: TenantId,
    sequencer: Sequencer,
    /// None are those of the control bus: nearly all have these, and there is a sealer to each agent.
    limits: Option<Box<Limits>>,
}

impl Sealer {
    /// Signs as this identity, for this tenant unless a draft names another.
    pub fn new(identity: Arc<SigningIdentity>, tenant: TenantId, epoch: u64) -> Self {
        Self {
            identity,
            tenant,
            sequencer: Sequencer::new(epoch),
            limits: None,
        }
    }

    /// With other limits than the control bus has.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = Some(Box::new(limits));
        self
    }

    /// Signs with a new key of the same party from now on.
    pub fn rekey(&mut self, identity: Arc<SigningIdentity>) {
        debug_assert_eq!(identity.party(), self.identity.party());
        self.identity = identity;
    }

    /// Who signs.
    pub fn identity(&self) -> &Arc<SigningIdentity> {
        &self.identity
    }

    /// The limits messages are held to.
    pub fn limits(&self) -> &Limits {
        self.limits.as_deref().unwrap_or(&Limits::CONTROL)
    }

    /// Gives a draft its sender, names, time and number. Quick; the signature is left to [`SigningIdentity::seal`], so
    /// that a shared sealer need not be held while signing.
    pub fn stamp(
        &mut self,
        draft: Draft,
        now: Timestamp,
        random: [u8; 10],
    ) -> Result<Message, SealError> {
        if draft.receivers().contains(self.identity.party()) {
            return Err(SealError::ToSelf(self.identity.party().clone()));
        }
        let stamp = Stamp {
            id: MessageId::new(now, random),
            sender: self.identity.party().clone(),
            key_id: self.identity.key_id(),
            tenant: draft.own_tenant().unwrap_or(&self.tenant).clone(),
            epoch: self.sequencer.epoch(),
            sequence: self.sequencer.next(draft.receivers()),
            timestamp: now,
        };
        Ok(draft.stamped(stamp))
    }

    /// Stamps and signs.
    pub fn seal(
        &mut self,
        draft: Draft,
        now: Timestamp,
        random: [u8; 10],
    ) -> Result<(Message, Sealed), SealError> {
        let message = self.stamp(draft, now, random)?;
        let sealed = self.identity.seal(&message, self.limits())?;
        Ok((message, sealed))
    }
}
