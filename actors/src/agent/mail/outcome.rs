//! What became of a message to a durable agent, as it lies on record: signed by the agent, like the message. One that the agent does not stand
//! for counts for nothing, so whoever can write the store alone cannot make a message one that was handled.
//!
//! Each says as well below which number every message has its outcome. The outcomes themselves go after a while; a message that is put back
//! from an earlier time lies below, and is handed over to nobody.

use aios_memory::StoreError;
use aios_protocols::{Party, Performative, SigningIdentity};
use aios_work::content::hex;
use serde::{Deserialize, Serialize};

use super::record::NotKept;

/// The form that is written, and the newest that is read. The first form was not signed.
const FORM: u16 = 2;
/// What is signed, so that a signature over anything else is none over an outcome.
const PURPOSE: &str = "application/vnd.aios.mailed";

/// What became of a message. There is one of each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailOutcome {
    /// It was answered by this act, on record before the answer went out.
    Answered(String),
    /// It was handled, and no answer was due.
    Handled,
    /// It was not handled, because of this; its sender was told if it waits.
    Failed(String),
    /// It was not admitted, because of this.
    Refused(String),
    /// It was given up: each time it was handed over the agent fell, or its process ended.
    GivenUp(String),
}

/// A message that has its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mailed {
    form: u16,
    /// Its place among the messages to this agent.
    #[serde(skip)]
    pub number: u64,
    /// Its name.
    pub message: String,
    /// Who said it.
    pub sender: String,
    /// When it had its outcome, in microseconds since 1970.
    pub at_us: u64,
    /// What became of it.
    pub outcome: MailOutcome,
    /// Every message below this number had its outcome by then.
    #[serde(default)]
    pub(super) below: u64,
    /// The agent's signature, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
}

impl Mailed {
    pub(super) fn of(
        number: u64,
        (message, sender): (String, String),
        at_us: u64,
        outcome: MailOutcome,
        below: u64,
    ) -> Self {
        Self {
            form: FORM,
            number,
            message,
            sender,
            at_us,
            outcome,
            below,
            signature: None,
        }
    }

    /// As it is written in this form: signed by its agent, over the agent's name, the message's number and all that it says.
    pub(super) fn encode(&self, me: &SigningIdentity) -> Result<Vec<u8>, StoreError> {
        let mut signed = Self {
            form: FORM,
            signature: None,
            ..self.clone()
        };
        let signature = me.sign(PURPOSE, &signed.body(me.party())?);
        signed.signature = Some(hex(&signature.to_bytes()));
        signed.json()
    }

    /// What a record holds, if this agent stands for it.
    pub(super) fn decode(me: &SigningIdentity, number: u64, bytes: &[u8]) -> Result<Self, NotKept> {
        let mailed = read(number, bytes)?;
        if mailed.form < FORM {
            let agent = me.party().agent().cloned();
            return Err(agent.map_or(NotKept::Form(mailed.form), NotKept::Unsigned));
        }
        // There is one way to write it, and Ed25519 signs the same bytes the same way.
        match mailed.encode(me) {
            Ok(written) if written == bytes => Ok(mailed),
            _ => Err(NotKept::BadSignature),
        }
    }

    /// What a record of the first form holds, which nobody has signed.
    pub(super) fn unsigned(number: u64, bytes: &[u8]) -> Option<Self> {
        // It had no mark of what lies below it: one that stands there is nobody's word.
        let first = read(number, bytes).ok().filter(|it| it.form < FORM)?;
        Some(Self { below: 0, ..first })
    }

    fn body(&self, agent: &Party) -> Result<Vec<u8>, StoreError> {
        let whose = format!("{agent}\n{}\n", self.number).into_bytes();
        Ok([whose, self.json()?].concat())
    }

    fn json(&self) -> Result<Vec<u8>, StoreError> {
        serde_json::to_vec(self).map_err(|error| StoreError::Io {
            reason: format!("an outcome cannot be written: {error}"),
        })
    }
}

fn read(number: u64, bytes: &[u8]) -> Result<Mailed, NotKept> {
    #[derive(Deserialize)]
    struct Form {
        form: u16,
    }
    // A newer form may not mean what it reads as.
    let Form { form } = serde_json::from_slice(bytes).map_err(|_| NotKept::NoOutcome)?;
    if form > FORM {
        return Err(NotKept::Form(form));
    }
    let mailed: Mailed = serde_json::from_slice(bytes).map_err(|_| NotKept::NoOutcome)?;
    Ok(Mailed { number, ..mailed })
}

/// The act that an answer is, as an outcome.
pub(crate) fn answered(act: Performative) -> MailOutcome {
    MailOutcome::Answered(act.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use aios_protocols::{AgentId, PrincipalId};

    use super::*;

    fn agent(seed: u8, name: &str) -> SigningIdentity {
        let owner: PrincipalId = "user:owner@local".parse().unwrap();
        SigningIdentity::from_seed(owner, [seed; 32]).derive(name.parse::<AgentId>().unwrap())
    }

    fn mailed() -> Mailed {
        Mailed {
            form: 1,
            number: 7,
            message: "m".to_owned(),
            sender: "macro.planner.001@local".to_owned(),
            at_us: 1_000_000,
            outcome: answered(Performative::Inform),
            below: 0,
            signature: None,
        }
    }

    /// The files hold what earlier versions wrote; each version reads all of them, or says what to do.
    #[test]
    fn every_form_of_an_outcome_that_was_ever_written_is_read() {
        let me = agent(1, "macro.clerk.001@local");
        let first = include_bytes!("../../../tests/golden/mail/mailed-1.json");
        assert_eq!(Mailed::unsigned(7, first), Some(mailed()));
        // It had no mark, so one that somebody wrote into it is nobody's word.
        let marked = String::from_utf8_lossy(first).replacen('{', "{\"below\":99,", 1);
        assert_eq!(Mailed::unsigned(7, marked.as_bytes()), Some(mailed()));
        let refused = Mailed::decode(&me, 7, first).unwrap_err().to_string();
        assert!(
            refused.contains("aios agent adopt macro.clerk.001@local"),
            "{refused}"
        );
        let second = include_bytes!("../../../tests/golden/mail/mailed-2.json");
        let written = Mailed {
            below: 5,
            ..mailed()
        };
        let written = written.encode(&me).unwrap();
        assert_eq!(
            String::from_utf8_lossy(&written),
            String::from_utf8_lossy(second)
        );
        let read = Mailed::decode(&me, 7, second).unwrap();
        assert_eq!((read.below, read.outcome), (5, mailed().outcome));
        assert_eq!(Mailed::unsigned(7, second), None);
        let newer = String::from_utf8_lossy(second).replace("\"form\":2", "\"form\":3");
        let newer = Mailed::decode(&me, 7, newer.as_bytes());
        assert_eq!(newer, Err(NotKept::Form(3)));
        for bit in 0..second.len() * 8 {
            let mut altered = second.to_vec();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(Mailed::decode(&me, 7, &altered).is_err(), "bit {bit}");
        }
    }

    /// Whoever can write the store and has no key of the node can sign with any other, and copy what is there.
    #[test]
    fn an_outcome_counts_for_the_agent_and_the_number_that_it_was_signed_for() {
        let me = agent(1, "macro.clerk.001@local");
        for (signer, number) in [
            (agent(9, "macro.clerk.001@local"), 7),
            (agent(1, "macro.clerk.002@local"), 7),
            (agent(1, "macro.clerk.001@local"), 8),
        ] {
            let written = mailed().encode(&signer).unwrap();
            assert_eq!(
                Mailed::decode(&me, number, &written),
                Err(NotKept::BadSignature),
                "{signer:?} {number}"
            );
        }
        let written = mailed().encode(&me).unwrap();
        assert_eq!(Mailed::decode(&me, 7, &written).unwrap().number, 7);
    }
}
