//! The proof of a question and its decision: two signed frames, the second naming the hash of the first.

use std::sync::Arc;

use aios_protocols::{
    Authentic, Content, KeyDirectory, KeyId, KeyProblem, Limits, Party, Performative, PublicKey,
    Sealed, Sealer, SigningIdentity, TenantId, Timestamp, authenticate,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::words::{Approval, ApprovalError, Decision, DecisionContent, Proposal, Question};
use aios_work::content::{hex, unhex};

/// As it lies in the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) approval: Approval,
    pub(super) tenant: TenantId,
    /// The proposal's frame, in hexadecimal.
    pub(super) proposal: String,
    /// The key it is signed with; the agent's process may be gone.
    pub(super) proposer_key: String,
    /// The decision's frame, in hexadecimal.
    pub(super) decision: Option<String>,
}

/// The human who may decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Who.
    pub party: Party,
    /// What the decisions are verified with.
    pub key: PublicKey,
}

impl Owner {
    /// The public half of an identity.
    #[must_use]
    pub fn of(identity: &SigningIdentity) -> Self {
        Self {
            party: identity.party().clone(),
            key: identity.public_key(),
        }
    }
}

/// Only this party, only this key: what was signed is proven against the key that was valid then.
pub(super) struct Only<'a>(pub(super) &'a Party, pub(super) PublicKey);

impl KeyDirectory for Only<'_> {
    fn key(&self, party: &Party, id: KeyId, _: Timestamp) -> Result<PublicKey, KeyProblem> {
        if party != self.0 {
            return Err(KeyProblem::UnknownParty);
        }
        if id != self.1.id() {
            return Err(KeyProblem::UnknownKey);
        }
        Ok(self.1)
    }
}

impl Record {
    /// The agent's proposal, proven.
    pub(super) fn proposed(&self) -> Result<Authentic, ApprovalError> {
        let approval = &self.approval;
        let unproven = |why: String| ApprovalError::NotProven {
            id: approval.id.clone(),
            why,
        };
        let party: Party = approval
            .asked_by
            .parse()
            .map_err(|_| unproven(format!("{} is nobody", approval.asked_by)))?;
        let key: PublicKey = self
            .proposer_key
            .parse()
            .map_err(|_| unproven("its key cannot be read".to_owned()))?;
        let frame = frame_of(&approval.id, &self.proposal)?;
        let message = authenticate(
            &frame,
            &Only(&party, key),
            &Limits::CONTROL,
            approval.asked_at,
        )
        .map_err(|refusal| unproven(refusal.to_string()))?;
        let said: Proposal = message
            .content
            .read_json()
            .map_err(|error| unproven(error.to_string()))?;
        let question = &said.question;
        let same = *question == Question::from(approval)
            && said.approval == approval.id
            && approval.id == question.id(&self.tenant)
            && approval.digest == question.digest(&self.tenant)
            && message.envelope.tenant == self.tenant;
        if message.performative != Performative::Propose || !same {
            return Err(unproven("the proposal says something else".to_owned()));
        }
        Ok(message)
    }

    /// Whether a decision is about exactly this question, word by word; if not, what it misses.
    pub(super) fn answered_by(
        &self,
        message: &Authentic,
        verdict: &DecisionContent,
    ) -> Result<Result<(), String>, ApprovalError> {
        let proposed = self.proposed()?;
        let missed = if verdict.approval != self.approval.id {
            "it is about another approval".to_owned()
        } else if verdict.question != self.approval.digest {
            "it answers a question of other words".to_owned()
        } else if verdict.proposal != digest(proposed.sealed()) {
            "it names another proposal".to_owned()
        } else if message.conversation_id != proposed.conversation_id {
            "it belongs to another conversation".to_owned()
        } else if !message.receivers.contains(&proposed.sender) {
            format!("it is not addressed to {}", proposed.sender)
        } else {
            return Ok(Ok(()));
        };
        Ok(Err(missed))
    }

    /// What the owner decided, proven by both frames; none while nobody has.
    pub(super) fn decided(
        &self,
        owner: &Owner,
    ) -> Result<Option<(Decision, String)>, ApprovalError> {
        let Some(frame) = &self.decision else {
            return Ok(None);
        };
        let id = &self.approval.id;
        let unproven = |why: String| ApprovalError::NotProven {
            id: id.clone(),
            why,
        };
        let frame = frame_of(id, frame)?;
        let at = self.approval.decided_at.unwrap_or(Timestamp::ZERO);
        let message = authenticate(&frame, &Only(&owner.party, owner.key), &Limits::CONTROL, at)
            .map_err(|refusal| unproven(refusal.to_string()))?;
        let verdict: DecisionContent = message
            .content
            .read_json()
            .map_err(|error| unproven(error.to_string()))?;
        self.answered_by(&message, &verdict)?.map_err(unproven)?;
        match message.performative {
            Performative::AcceptProposal => Ok(Some((Decision::Accept, verdict.reason))),
            Performative::RejectProposal => Ok(Some((Decision::Reject, verdict.reason))),
            other => Err(unproven(format!("{other} decides nothing"))),
        }
    }
}

/// A decision, signed: what a person's tool hands to [`Approvals::decide`](super::Approvals::decide).
///
/// # Errors
/// When the identity cannot sign it.
pub fn decision_frame(
    proposal: &Authentic,
    decision: Decision,
    reason: &str,
    identity: &Arc<SigningIdentity>,
    now: Timestamp,
    random: [u8; 10],
) -> Result<Sealed, ApprovalError> {
    let unsigned = |why: String| ApprovalError::Unsigned(why);
    let proposed: Proposal = proposal
        .content
        .read_json()
        .map_err(|error| unsigned(error.to_string()))?;
    let act = match decision {
        Decision::Accept => Performative::AcceptProposal,
        Decision::Reject => Performative::RejectProposal,
    };
    let verdict = DecisionContent {
        approval: proposed.approval,
        proposal: digest(proposal.sealed()),
        question: proposed.question.digest(&proposal.envelope.tenant),
        reason: reason.to_owned(),
    };
    let content = Content::json(&verdict).map_err(|error| unsigned(error.to_string()))?;
    let tenant = proposal.envelope.tenant.clone();
    let mut sealer = Sealer::new(Arc::clone(identity), tenant, now.as_micros());
    sealer
        .seal(proposal.reply(act, content), now, random)
        .map(|(_, frame)| frame)
        .map_err(|error| unsigned(error.to_string()))
}

pub(super) fn frame_of(id: &str, text: &str) -> Result<Sealed, ApprovalError> {
    unhex(text)
        .map(Sealed::from_bytes)
        .ok_or_else(|| ApprovalError::NotProven {
            id: id.to_owned(),
            why: "its frame cannot be read".to_owned(),
        })
}

pub(super) fn digest(frame: &Sealed) -> String {
    hex(&Sha256::digest(frame.as_bytes()))
}
