//! A message to a durable agent as it lies on record: what it says, when and with what key it was taken, and the agent's own signature over
//! all of that. The agent's key is derived from its owner's and in no file, so whoever can write the store alone can put nothing there that the
//! agent is handed.

use aios_protocols::{
    AgentId, Authentic, KeyDirectory, KeyId, KeyProblem, KeyRegistry, Limits, Party, PublicKey,
    Refusal, Sealed, Signature, SigningIdentity, Timestamp, authenticate,
};
use aios_work::content::hex;

use super::hash;

/// What a kept message begins with.
const MAGIC: &[u8; 4] = b"AIML";
/// The form that is written, and the newest that is read. The first form was not signed.
const FORM: u8 = 2;
/// What is signed, so that a signature over anything else is none over a kept message.
const PURPOSE: &str = "application/vnd.aios.mail";

/// A message that an earlier process took and did not settle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(super) number: u64,
    /// When it was taken, in microseconds since 1970.
    pub(super) at_us: u64,
    /// How often it was handed over again by processes that ended over it.
    pub(crate) given: u32,
    /// What its signature is verified with.
    pub(super) key: PublicKey,
    pub(crate) frame: Sealed,
}

/// Why a record is nobody's message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotKept {
    #[error("it is no message")]
    NoMessage,
    #[error("it is no outcome")]
    NoOutcome,
    #[error("it is cut short")]
    Torn,
    #[error("it was written in form {0}, which this version does not read")]
    Form(u16),
    #[error(
        "it is not signed, as a version before this one wrote it; `aios agent adopt {0}` signs what is there, if nobody else could write the storage folder"
    )]
    Unsigned(AgentId),
    #[error(
        "its signature does not fit: it was altered, or somebody else than this agent put it there, or the owner's key is another one since"
    )]
    BadSignature,
    #[error("the key that it names is none")]
    Key,
    #[error("it had its outcome, and somebody has put it back since")]
    Over,
}

impl Kept {
    /// Magic, form, signature; when it was taken, how often it was handed over again, the key it was signed with; then the frame.
    pub(super) fn encode(&self, me: &SigningIdentity) -> Vec<u8> {
        let signature = me.sign(PURPOSE, &self.body(me.party()));
        let mut out = Vec::with_capacity(4 + 1 + 64 + 8 + 4 + 32 + self.frame.len());
        out.extend_from_slice(MAGIC);
        out.push(FORM);
        out.extend_from_slice(&signature.to_bytes());
        out.extend_from_slice(&self.at_us.to_le_bytes());
        out.extend_from_slice(&self.given.to_le_bytes());
        out.extend_from_slice(&self.key.to_bytes());
        out.extend_from_slice(self.frame.as_bytes());
        out
    }

    /// What a record holds, if this agent stands for it.
    pub(super) fn decode(me: &SigningIdentity, number: u64, bytes: &[u8]) -> Result<Self, NotKept> {
        let (form, rest) = form(bytes)?;
        if form != FORM {
            let agent = || me.party().agent().cloned();
            return Err(match form {
                1 => agent().map_or(NotKept::Form(1), NotKept::Unsigned),
                other => NotKept::Form(other.into()),
            });
        }
        let (signature, rest) = rest.split_first_chunk::<64>().ok_or(NotKept::Torn)?;
        let kept = Self::fields(number, rest)?;
        let signature = Signature::from_bytes(signature);
        let body = kept.body(me.party());
        if !me.public_key().verifies(PURPOSE, &body, &signature) {
            return Err(NotKept::BadSignature);
        }
        Ok(kept)
    }

    /// Nothing where every message below a number had its outcome and this is one of them.
    pub(super) fn unless_over(self, below: u64) -> Result<Self, NotKept> {
        if self.number < below {
            Err(NotKept::Over)
        } else {
            Ok(self)
        }
    }

    /// What a record of the first form holds, which nobody has signed.
    pub(super) fn unsigned(number: u64, bytes: &[u8]) -> Option<Self> {
        let (1, rest) = form(bytes).ok()? else {
            return None;
        };
        Self::fields(number, rest).ok()
    }

    fn fields(number: u64, bytes: &[u8]) -> Result<Self, NotKept> {
        let (at_us, rest) = bytes.split_first_chunk::<8>().ok_or(NotKept::Torn)?;
        let (given, rest) = rest.split_first_chunk::<4>().ok_or(NotKept::Torn)?;
        let (key, frame) = rest.split_first_chunk::<32>().ok_or(NotKept::Torn)?;
        Ok(Self {
            number,
            at_us: u64::from_le_bytes(*at_us),
            given: u32::from_le_bytes(*given),
            key: PublicKey::from_bytes(key).map_err(|_| NotKept::Key)?,
            frame: Sealed::from_bytes(frame.to_vec()),
        })
    }

    /// Every byte that the agent stands for.
    fn body(&self, agent: &Party) -> Vec<u8> {
        let Self {
            number,
            at_us,
            given,
            key,
            frame,
        } = self;
        let frame = hex(&hash(frame));
        format!("{FORM}\n{agent}\n{number}\n{at_us}\n{given}\n{key}\n{frame}").into_bytes()
    }

    /// What it says, by the key that it was taken with; nothing any more of whoever was cut off since.
    pub(super) fn read(&self, now: &KeyRegistry, at: Timestamp) -> Result<Authentic, Refusal> {
        let keys = One { key: self.key, now };
        authenticate(&self.frame, &keys, &Limits::default(), at)
    }
}

fn form(bytes: &[u8]) -> Result<(u8, &[u8]), NotKept> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(NotKept::NoMessage)?;
    let (form, rest) = rest.split_first().ok_or(NotKept::Torn)?;
    Ok((*form, rest))
}

/// Knows one key: the one that a message was verified with when it was taken.
struct One<'a> {
    key: PublicKey,
    now: &'a KeyRegistry,
}

impl KeyDirectory for One<'_> {
    fn key(&self, party: &Party, id: KeyId, at: Timestamp) -> Result<PublicKey, KeyProblem> {
        match self.now.key(party, id, at) {
            // Cut off since, it says nothing here any more.
            Err(cut @ (KeyProblem::RevokedParty | KeyProblem::RevokedKey)) => Err(cut),
            _ if id == self.key.id() => Ok(self.key),
            other => other,
        }
    }

    fn epochs(&self, _: &Party, _: Timestamp) -> std::ops::RangeInclusive<u64> {
        0..=u64::MAX
    }
}

#[cfg(test)]
mod tests {
    use aios_protocols::PrincipalId;

    use super::*;

    fn owner(seed: u8) -> SigningIdentity {
        let owner: PrincipalId = "user:owner@local".parse().unwrap();
        SigningIdentity::from_seed(owner, [seed; 32])
    }

    fn agent(name: &str) -> SigningIdentity {
        owner(1).derive(name.parse::<AgentId>().unwrap())
    }

    /// The files hold what earlier versions wrote; each version reads all of them, or says what to do.
    #[test]
    fn every_form_that_was_ever_written_is_read() {
        let me = agent("macro.clerk.001@local");
        let kept = Kept {
            number: 7,
            at_us: 1_000_000,
            given: 2,
            key: owner(1).public_key(),
            frame: Sealed::from_bytes(b"frame".to_vec()),
        };
        let first = include_bytes!("../../../tests/golden/mail/kept-1.bin");
        assert_eq!(Kept::unsigned(7, first), Some(kept.clone()));
        let refused = Kept::decode(&me, 7, first).unwrap_err().to_string();
        assert!(
            refused.contains("aios agent adopt macro.clerk.001@local"),
            "{refused}"
        );
        // Ed25519 signs the same bytes the same way.
        let second = include_bytes!("../../../tests/golden/mail/kept-2.bin");
        assert_eq!(kept.encode(&me), second);
        assert_eq!(Kept::decode(&me, 7, second), Ok(kept));
        assert_eq!(Kept::unsigned(7, second), None);
        let newer = [&second[..4], &[FORM + 1], &second[5..]].concat();
        assert_eq!(Kept::decode(&me, 7, &newer), Err(NotKept::Form(3)));
        for until in 0..second.len() {
            let cut = Kept::decode(&me, 7, &second[..until]);
            assert!(cut.is_err(), "cut at {until}");
        }
        for bit in 0..second.len() * 8 {
            let mut altered = *second;
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(Kept::decode(&me, 7, &altered).is_err(), "bit {bit}");
        }
    }

    /// Whoever can write the store and has no key of the node can sign with any other.
    #[test]
    fn a_record_counts_for_the_agent_and_the_number_that_it_was_signed_for() {
        let me = agent("macro.clerk.001@local");
        let kept = Kept {
            number: 7,
            at_us: 1,
            given: 0,
            key: owner(1).public_key(),
            frame: Sealed::from_bytes(b"frame".to_vec()),
        };
        let stranger: PrincipalId = "user:owner@local".parse().unwrap();
        let stranger = SigningIdentity::from_seed(stranger, [9; 32]);
        let forged = stranger.derive(me.party().agent().unwrap());
        for (signer, number) in [
            (&forged, 7),
            (&stranger, 7),
            (&agent("macro.clerk.002@local"), 7),
            (&me, 8),
        ] {
            let written = kept.encode(signer);
            assert_eq!(
                Kept::decode(&me, number, &written),
                Err(NotKept::BadSignature),
                "{signer:?} {number}"
            );
        }
        assert_eq!(Kept::decode(&me, 7, &kept.encode(&me)), Ok(kept));
    }
}
