//! From frame to trusted message.
//!
//! The checks, in this order; the first that fails gives the refusal:
//!
//! 1. size of the frame: `too-large`
//! 2. magic, version, sender and key id: `malformed`
//! 3. the sender's key in the directory: `unknown-sender`, `unknown-key`, `revoked-key`, `expired-key`
//! 4. the signature over the whole body: `bad-signature`
//! 5. the body: `malformed`
//! 6. the epoch lies between the one the sender was entered with and now: `stale-epoch`, `from-the-future`
//! 7. this receiver is addressed: `wrong-receiver`
//! 8. sender and receiver have to do with the tenant: `wrong-tenant`
//! 9. the sender's clock is not ahead, and the message is not too old: `from-the-future`, `too-old`
//! 10. epoch and sequence are new: `stale-epoch`, `replayed`
//! 11. a directive can still be answered in time: `expired`
//!
//! Steps 1 to 6 are [`authenticate`] and keep no state; they are nearly all of the cost. Who may open a conversation
//! (`tier-forbidden`) and whether the act is expected (`out-of-protocol`) is asked next, of
//! [`crate::Conversations`].

use std::collections::BTreeSet;
use std::ops::Deref;
use std::time::Duration;

use crate::codec::{self, Sealed};
use crate::limits::Limits;
use crate::{
    DecodeError, KeyDirectory, KeyProblem, Message, Party, Refusal, ReplayWindows, TenantId,
    Timestamp,
};

/// A message whose sender is proven; not yet that it is new or meant for us. Enough for evidence kept on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authentic {
    message: Message,
    sealed: Sealed,
}

impl Authentic {
    /// The message.
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// The frame it came in.
    pub fn sealed(&self) -> &Sealed {
        &self.sealed
    }
}

impl Deref for Authentic {
    type Target = Message;

    fn deref(&self) -> &Message {
        &self.message
    }
}

/// A message that was verified for its receiver. Only a [`Verifier`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trusted(Authentic);

impl Trusted {
    /// The frame it came in, as evidence for others.
    pub fn sealed(&self) -> &Sealed {
        &self.0.sealed
    }

    /// The message without its proof.
    pub fn into_message(self) -> Message {
        self.0.message
    }
}

impl Deref for Trusted {
    type Target = Message;

    fn deref(&self) -> &Message {
        &self.0.message
    }
}

/// Proves who wrote a frame: the key is looked up as of `at`, the signature covers every byte of the body.
pub fn authenticate(
    sealed: &Sealed,
    keys: &dyn KeyDirectory,
    limits: &Limits,
    at: Timestamp,
) -> Result<Authentic, Refusal> {
    if sealed.len() > limits.frame {
        return Err(Refusal::TooLarge {
            asked: sealed.len(),
            allowed: limits.frame,
        });
    }
    let (signature, body) = sealed.parts()?;
    let (sender, key) = codec::read_head(&body)?;
    let public = match keys.key(&sender, key, at) {
        Ok(public) => public,
        Err(KeyProblem::UnknownParty) => return Err(Refusal::UnknownSender { sender }),
        Err(KeyProblem::UnknownKey) => return Err(Refusal::UnknownKey { sender, key }),
        Err(KeyProblem::RevokedParty | KeyProblem::RevokedKey) => {
            return Err(Refusal::RevokedKey { sender, key });
        }
        Err(problem @ (KeyProblem::Expired { .. } | KeyProblem::NotYetValid { .. })) => {
            return Err(Refusal::ExpiredKey {
                sender,
                key,
                problem,
            });
        }
    };
    if !sealed.holds_under(&public, &signature, &body) {
        return Err(Refusal::BadSignature { sender });
    }
    let message = codec::decode_body(body, limits)?;
    // In protobuf the last of two values wins; a body that names two senders must not speak for the second.
    if message.sender != sender || message.envelope.key_id != key {
        return Err(DecodeError::Head.into());
    }
    let (asked, epochs) = (message.envelope.epoch, keys.epochs(&sender, at));
    if asked > *epochs.end() {
        return Err(Refusal::FutureEpoch {
            asked,
            allowed: *epochs.end(),
        });
    }
    if asked < *epochs.start() {
        return Err(Refusal::StaleEpoch {
            asked,
            current: *epochs.start(),
        });
    }
    Ok(Authentic {
        message,
        sealed: sealed.clone(),
    })
}

/// Opens frames for one receiver. Lives outside the agent that may crash, so that a restart forgets no replay.
#[derive(Debug, Clone)]
pub struct Verifier {
    windows: ReplayWindows,
    /// None are those of the control bus: nearly all have these, and there is a verifier to each agent.
    limits: Option<Box<Limits>>,
    max_age: Duration,
    tenants: Option<BTreeSet<TenantId>>,
}

impl Verifier {
    /// How old a message may be when it is taken up, unless said otherwise. A conversation nobody touches is kept as
    /// long ([`crate::Conversations::IDLE`]), so nothing older has anything to go on with.
    pub const MAX_AGE: Duration = Duration::from_secs(3_600);

    /// A verifier that refuses what was signed before `begin`: the moment from which its windows are complete. A
    /// party that never lived before may begin at [`Timestamp::ZERO`]; the successor of one that is still at hand
    /// begins at its [`Verifier::successor_begin`].
    pub fn new(begin: Timestamp) -> Self {
        Self::with_windows(ReplayWindows::new(ReplayWindows::CAPACITY, begin))
    }

    /// For a party whose windows were lost, with the end of its process say: refuses whatever the lost windows may
    /// have admitted. That is what was signed before now, and by clocks that are ahead up to [`Timestamp::CLOCK_SKEW`]
    /// later; so the first messages are admitted after that time.
    pub fn restarted(now: Timestamp) -> Self {
        Self::new(now + Timestamp::CLOCK_SKEW + Duration::from_micros(1))
    }

    /// A verifier with windows kept from before.
    pub fn with_windows(windows: ReplayWindows) -> Self {
        Self {
            windows,
            limits: None,
            max_age: Self::MAX_AGE,
            tenants: None,
        }
    }

    /// With other limits than the control bus has.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = Some(Box::new(limits));
        self
    }

    /// Refuses messages that are older than this when they are taken up.
    #[must_use]
    pub fn with_max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self
    }

    /// Admits messages about these tenants only; without this, about any.
    #[must_use]
    pub fn serving(mut self, tenants: impl IntoIterator<Item = TenantId>) -> Self {
        self.tenants = Some(tenants.into_iter().collect());
        self
    }

    /// The limits messages are held to.
    pub fn limits(&self) -> &Limits {
        self.limits.as_deref().unwrap_or(&Limits::CONTROL)
    }

    /// From when on a successor that knows nothing of these windows may admit messages.
    pub fn successor_begin(&self) -> Timestamp {
        self.windows.successor_floor()
    }

    /// All checks.
    pub fn open(
        &mut self,
        sealed: &Sealed,
        keys: &dyn KeyDirectory,
        receiver: &Party,
        now: Timestamp,
    ) -> Result<Trusted, Refusal> {
        let authentic = authenticate(sealed, keys, self.limits(), now)?;
        self.admit(authentic, receiver, now)
    }

    /// The checks after the signature: quick, and the only ones that keep state.
    pub fn admit(
        &mut self,
        authentic: Authentic,
        receiver: &Party,
        now: Timestamp,
    ) -> Result<Trusted, Refusal> {
        let message = &authentic.message;
        self.check_envelope(message, receiver, now)?;
        let envelope = &message.envelope;
        self.windows.accept(
            &message.sender,
            envelope.epoch,
            envelope.sequence,
            envelope.timestamp,
        )?;
        check_reply_by(message, now)?;
        Ok(Trusted(authentic))
    }

    /// What [`admit`](Self::admit) would say now. Nothing is kept of it.
    pub fn check(
        &self,
        authentic: &Authentic,
        receiver: &Party,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let message = &authentic.message;
        self.check_envelope(message, receiver, now)?;
        let envelope = &message.envelope;
        self.windows.check(
            &message.sender,
            envelope.epoch,
            envelope.sequence,
            envelope.timestamp,
        )?;
        check_reply_by(message, now)
    }

    /// Whom it is for, about whom it is and when it was signed.
    fn check_envelope(
        &self,
        message: &Message,
        receiver: &Party,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if !message.receivers.contains(receiver) {
            return Err(Refusal::WrongReceiver {
                receiver: receiver.clone(),
            });
        }
        self.check_tenant(message, receiver)?;
        let envelope = &message.envelope;
        if envelope.timestamp > now + Timestamp::CLOCK_SKEW {
            return Err(Refusal::FromTheFuture {
                sent: envelope.timestamp,
                now,
            });
        }
        if now.since(envelope.timestamp) > self.max_age {
            return Err(Refusal::TooOld {
                sent: envelope.timestamp,
                now,
                allowed: self.max_age,
            });
        }
        Ok(())
    }

    fn check_tenant(&self, message: &Message, receiver: &Party) -> Result<(), Refusal> {
        let tenant = &message.envelope.tenant;
        let outside = |party: &Party| Refusal::WrongTenant {
            party: party.clone(),
            tenant: tenant.clone(),
        };
        for party in [&message.sender, receiver] {
            if let Some(principal) = party.principal()
                && principal.tenant() != tenant.as_str()
            {
                return Err(outside(party));
            }
        }
        match &self.tenants {
            Some(tenants) if !tenants.contains(tenant) => Err(outside(receiver)),
            _ => Ok(()),
        }
    }
}

/// Nobody waits any more for what a directive asks when its time has passed.
fn check_reply_by(message: &Message, now: Timestamp) -> Result<(), Refusal> {
    match message.reply_by {
        Some(reply_by) if message.performative.is_directive() && now > reply_by => {
            Err(Refusal::Expired { reply_by, now })
        }
        _ => Ok(()),
    }
}
