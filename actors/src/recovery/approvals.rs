//! What humans are asked, and what they decided: a queue in the store that survives restarts.
//!
//! The asking agent's signed `propose` and the human's signed `accept-proposal` or `reject-proposal` are both kept. The human's message
//! names the SHA-256 of the proposal, so the human's signature covers what was proposed, by whom and under which key; the proof stands
//! though agents' keys end with their process. Nothing is decided by a record without these two frames.

use std::sync::Arc;
use std::time::Duration;

use aios_memory::{Store, StoreError, Swap};
use aios_protocols::{
    AgentId, Authentic, Content, Draft, KeyDirectory, KeyId, KeyProblem, Limits, Party,
    Performative, ProtocolName, PublicKey, Refusal, Sealed, Sealer, SigningIdentity, TenantId,
    Timestamp, authenticate,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::agent::{Audit, AuditEntry, Clock, Refused};
use crate::content::{hex, unhex};

/// The ontology of proposals and decisions.
pub const APPROVAL: &str = "aios.approval";
/// How long a question stays open.
const OPEN_FOR: Duration = Duration::from_secs(7 * 24 * 3_600);
/// Questions kept, decided ones included; an open one is never dropped.
const KEPT: usize = 1_024;
/// How far the clock of whoever decides may be ahead.
const SKEW: Duration = Duration::from_secs(30);
/// Where they lie in the store.
const PREFIX: &str = "approval/";

/// What a human says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Do it.
    Accept,
    /// Leave it.
    Reject,
}

/// Where a question stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApprovalStatus {
    /// Nobody has decided.
    Open,
    /// It may be done.
    Accepted,
    /// It may not.
    Rejected,
    /// Nobody decided in time.
    Expired,
}

impl ApprovalStatus {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
        }
    }
}

/// One question, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Its name.
    pub id: String,
    /// Which goal it is about.
    pub goal: String,
    /// Which task of it.
    pub task: String,
    /// What is proposed, in one or two sentences.
    pub question: String,
    /// The agent that asked.
    pub asked_by: String,
    /// When.
    pub asked_at: Timestamp,
    /// Until when it can be decided.
    pub deadline: Timestamp,
    /// Where it stands.
    pub status: ApprovalStatus,
    /// Who decided.
    pub decided_by: Option<String>,
    /// When.
    pub decided_at: Option<Timestamp>,
    /// Why, in the words of whoever decided.
    pub reason: Option<String>,
}

/// What a proposal says. Signed by the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// The approval's name.
    pub approval: String,
    /// Which goal.
    pub goal: String,
    /// Which task of it.
    pub task: String,
    /// What is proposed.
    pub question: String,
}

/// What a decision says. Signed by the human.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// The approval's name.
    pub approval: String,
    /// SHA-256 of the proposal's frame, in hexadecimal.
    pub proposal: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// As it lies in the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Record {
    approval: Approval,
    tenant: TenantId,
    /// The proposal's frame, in hexadecimal.
    proposal: String,
    /// The key it is signed with; the agent's process may be gone.
    proposer_key: String,
    /// The decision's frame, in hexadecimal.
    decision: Option<String>,
}

/// Why a question was not asked or a decision not taken.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalError {
    /// There is no such question.
    #[error("there is no approval {id}; `aios approvals` lists those there are")]
    Unknown {
        /// The name asked for.
        id: String,
    },
    /// It was decided.
    #[error("approval {id} was {status} already by {by}; a decision stands")]
    AlreadyDecided {
        /// Which.
        id: String,
        /// How.
        status: &'static str,
        /// By whom.
        by: String,
    },
    /// This very message was taken before.
    #[error("this decision about approval {id} was taken before; nothing is done twice")]
    Replayed {
        /// Which.
        id: String,
    },
    /// Its time is over.
    #[error("approval {id} could be decided until {until}; run the goal again to be asked anew")]
    Expired {
        /// Which.
        id: String,
        /// The last moment.
        until: Timestamp,
    },
    /// Somebody else may decide.
    #[error("{by} may not decide; {owner} may")]
    NotTheOwner {
        /// Who tried.
        by: Party,
        /// Who may.
        owner: String,
    },
    /// The message is not what its sender signed, or its key is not known.
    #[error("the decision is refused: {0}")]
    Refused(#[from] Refusal),
    /// It is signed, and says something else.
    #[error("the message is no decision about approval {id}: {why}")]
    NotADecision {
        /// Which.
        id: String,
        /// What is wrong.
        why: String,
    },
    /// A record that its frames do not prove.
    #[error("approval {id} is not what was signed: {why}; it is not used")]
    NotProven {
        /// Which.
        id: String,
        /// What does not fit.
        why: String,
    },
    /// Nobody can be asked.
    #[error("this node has no owner who could be asked")]
    NoOwner,
    /// The queue is full of open questions.
    #[error("{asked} open approvals where {allowed} are kept; decide some first")]
    Full {
        /// How many there would be.
        asked: usize,
        /// How many there may be.
        allowed: usize,
    },
    /// The agent's message could not be made.
    #[error("the proposal could not be signed: {0}")]
    Unsigned(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ApprovalError {
    /// A word from a closed list, for the audit.
    fn label(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "approval-unknown",
            Self::AlreadyDecided { .. } => "approval-decided",
            Self::Replayed { .. } => "approval-replayed",
            Self::Expired { .. } => "approval-expired",
            Self::NotTheOwner { .. } => "approval-not-owner",
            Self::Refused(_) => "approval-bad-frame",
            Self::NotADecision { .. } => "approval-no-decision",
            Self::NotProven { .. } => "approval-not-proven",
            Self::NoOwner | Self::Full { .. } | Self::Unsigned(_) | Self::Store(_) => {
                "approval-failed"
            }
        }
    }
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
struct Only<'a>(&'a Party, PublicKey);

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

/// The queue of one world. Cheap to clone; clones are the same queue.
#[derive(Clone)]
pub struct Approvals(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    owner: Option<Owner>,
    audit: Arc<Audit>,
    /// Counts decisions, so that whoever waits for one looks again.
    decided: watch::Sender<u64>,
}

/// The name of the question about one task of a goal: asked again, it is the same question.
#[must_use]
pub fn name(tenant: &TenantId, goal: &str, task: &str) -> String {
    let mut hash = Sha256::new();
    for part in [tenant.as_str(), goal, task] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    // Goal ids are chosen by whoever asks: half the digest is what nobody finds a second goal for.
    format!("ap-{}", &hex(&hash.finalize())[..32])
}

impl Approvals {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        owner: Option<Owner>,
        audit: Arc<Audit>,
    ) -> Self {
        Self(Arc::new(Inner {
            store,
            clock,
            owner,
            audit,
            decided: watch::Sender::new(0),
        }))
    }

    /// Who may decide.
    ///
    /// # Errors
    /// When this world has no owner.
    pub fn owner(&self) -> Result<&Owner, ApprovalError> {
        self.0.owner.as_ref().ok_or(ApprovalError::NoOwner)
    }

    /// All questions, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn list(&self) -> Result<Vec<Approval>, ApprovalError> {
        let now = self.0.clock.now();
        let mut all: Vec<Approval> = self
            .records()?
            .into_iter()
            .map(|record| shown(record.approval, now))
            .collect();
        all.sort_by(|a, b| (a.asked_at, &a.id).cmp(&(b.asked_at, &b.id)));
        Ok(all)
    }

    /// One question.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn get(&self, id: &str) -> Result<Approval, ApprovalError> {
        let (record, _) = self.read(id)?;
        Ok(shown(record.approval, self.0.clock.now()))
    }

    /// The agent's proposal, proven; what a decision answers.
    ///
    /// # Errors
    /// When there is none of this name, or its frame does not prove what the record says.
    pub fn proposal(&self, id: &str) -> Result<Authentic, ApprovalError> {
        self.prove_proposal(&self.read(id)?.0)
    }

    /// Enters an agent's question. Asked again it is the same question, with whatever was decided; an expired one is asked anew.
    pub(crate) fn propose(
        &self,
        proposal: &Proposal,
        tenant: &TenantId,
        key: PublicKey,
        sign: impl FnOnce(Draft) -> Result<Sealed, String>,
        asked_by: &AgentId,
    ) -> Result<Approval, ApprovalError> {
        let now = self.0.clock.now();
        let before = match self.read(&proposal.approval) {
            Ok((record, bytes)) => {
                let there = shown(record.approval, now);
                let same = there.goal == proposal.goal && there.task == proposal.task;
                if same && there.status != ApprovalStatus::Expired {
                    return Ok(there);
                }
                Some(bytes)
            }
            Err(ApprovalError::Unknown { .. }) => {
                self.make_room()?;
                None
            }
            Err(other) => return Err(other),
        };
        let owner = self.owner()?;
        let content =
            Content::json(proposal).map_err(|error| ApprovalError::Unsigned(error.to_string()))?;
        let deadline = now + OPEN_FOR;
        let draft = Draft::new(Performative::Propose, content)
            .to(owner.party.clone())
            .protocol(ProtocolName::FipaPropose)
            .ontology(APPROVAL)
            .reply_by(deadline);
        let frame = sign(draft).map_err(ApprovalError::Unsigned)?;
        let record = Record {
            approval: Approval {
                id: proposal.approval.clone(),
                goal: proposal.goal.clone(),
                task: proposal.task.clone(),
                question: proposal.question.clone(),
                asked_by: asked_by.to_string(),
                asked_at: now,
                deadline,
                status: ApprovalStatus::Open,
                decided_by: None,
                decided_at: None,
                reason: None,
            },
            tenant: tenant.clone(),
            proposal: hex(frame.as_bytes()),
            proposer_key: key.to_string(),
            decision: None,
        };
        self.swap(&proposal.approval, before.as_deref(), &record)?;
        // Two askers of one question: the first one's proposal stands.
        let (there, _) = self.read(&proposal.approval)?;
        Ok(shown(there.approval, now))
    }

    /// Takes a signed decision.
    ///
    /// # Errors
    /// Why it does not count; each is audited.
    pub fn decide(&self, frame: &Sealed) -> Result<Approval, ApprovalError> {
        let result = self.take(frame);
        if let (Err((error, message)), Some(owner)) = (&result, &self.0.owner) {
            self.0.audit.record(AuditEntry {
                at: self.0.clock.now(),
                by: owner.party.clone(),
                from: message.as_ref().map(|message| message.sender.clone()),
                label: error.label(),
                reason: error.to_string(),
                message: message.as_ref().map(|message| Refused {
                    id: message.envelope.id,
                    conversation: message.conversation_id,
                    performative: message.performative,
                }),
            });
        }
        result.map_err(|(error, _)| error)
    }

    fn take(&self, frame: &Sealed) -> Result<Approval, (ApprovalError, Option<Box<Authentic>>)> {
        let now = self.0.clock.now();
        let owner = self.owner().map_err(|error| (error, None))?;
        let message = authenticate(frame, &Only(&owner.party, owner.key), &Limits::CONTROL, now)
            .map_err(|refusal| {
                let error = match refusal {
                    Refusal::UnknownSender { sender } => ApprovalError::NotTheOwner {
                        by: sender,
                        owner: owner.party.to_string(),
                    },
                    other => ApprovalError::Refused(other),
                };
                (error, None)
            })?;
        let checked = self.check(&message, frame, now);
        let (record, before) = match checked {
            Ok(checked) => checked,
            Err(error) => return Err((error, Some(Box::new(message)))),
        };
        let id = record.approval.id.clone();
        match self.swap(&id, Some(&before), &record) {
            Ok(true) => {}
            // Somebody else decided in this very moment.
            Ok(false) => return self.take(frame),
            Err(error) => return Err((error, Some(Box::new(message)))),
        }
        self.0.decided.send_modify(|count| *count += 1);
        Ok(record.approval)
    }

    fn check(
        &self,
        message: &Authentic,
        frame: &Sealed,
        now: Timestamp,
    ) -> Result<(Record, Vec<u8>), ApprovalError> {
        let status = match message.performative {
            Performative::AcceptProposal => ApprovalStatus::Accepted,
            Performative::RejectProposal => ApprovalStatus::Rejected,
            other => {
                return Err(not_a_decision(
                    "",
                    format!("it is {other}, not accept-proposal or reject-proposal"),
                ));
            }
        };
        let verdict: Verdict = message
            .content
            .read_json()
            .map_err(|error| not_a_decision("", error.to_string()))?;
        let id = verdict.approval;
        let (mut record, bytes) = self.read(&id)?;
        if record.decision.as_deref() == Some(hex(frame.as_bytes()).as_str()) {
            return Err(ApprovalError::Replayed { id });
        }
        let approval = shown(record.approval.clone(), now);
        match approval.status {
            ApprovalStatus::Open => {}
            ApprovalStatus::Expired => {
                return Err(ApprovalError::Expired {
                    id,
                    until: approval.deadline,
                });
            }
            decided => {
                return Err(ApprovalError::AlreadyDecided {
                    id,
                    status: decided.as_str(),
                    by: approval.decided_by.unwrap_or_default(),
                });
            }
        }
        let proposal = frame_of(&id, &record.proposal)?;
        if verdict.proposal != digest(&proposal) {
            return Err(not_a_decision(&id, "it names another proposal".to_owned()));
        }
        let proposed = self.prove_proposal(&record)?;
        if message.conversation_id != proposed.conversation_id {
            return Err(not_a_decision(
                &id,
                "it belongs to another conversation".to_owned(),
            ));
        }
        if !message.receivers.contains(&proposed.sender) {
            return Err(not_a_decision(
                &id,
                format!("it is not addressed to {}", proposed.sender),
            ));
        }
        if message.envelope.timestamp > now + SKEW {
            return Err(not_a_decision(
                &id,
                "it was signed in the future".to_owned(),
            ));
        }
        record.approval = Approval {
            status,
            decided_by: Some(message.sender.to_string()),
            decided_at: Some(now),
            reason: Some(verdict.reason).filter(|reason| !reason.is_empty()),
            ..record.approval
        };
        record.decision = Some(hex(frame.as_bytes()));
        Ok((record, bytes))
    }

    /// What was decided about a question, proven by both frames; none while it is open or expired.
    ///
    /// # Errors
    /// When there is no such question, or its frames do not prove what the record says.
    pub fn decided(&self, id: &str) -> Result<Option<(Decision, String)>, ApprovalError> {
        let (record, _) = self.read(id)?;
        let Some(frame) = &record.decision else {
            return Ok(None);
        };
        let proposed = self.prove_proposal(&record)?;
        let owner = self.owner()?;
        let unproven = |why: String| ApprovalError::NotProven {
            id: id.to_owned(),
            why,
        };
        let frame = frame_of(id, frame)?;
        let at = record.approval.decided_at.unwrap_or(Timestamp::ZERO);
        let message = authenticate(&frame, &Only(&owner.party, owner.key), &Limits::CONTROL, at)
            .map_err(|refusal| unproven(refusal.to_string()))?;
        let verdict: Verdict = message
            .content
            .read_json()
            .map_err(|error| unproven(error.to_string()))?;
        if verdict.approval != id
            || verdict.proposal != digest(proposed.sealed())
            || message.conversation_id != proposed.conversation_id
        {
            return Err(unproven(
                "the decision is about another proposal".to_owned(),
            ));
        }
        match message.performative {
            Performative::AcceptProposal => Ok(Some((Decision::Accept, verdict.reason))),
            Performative::RejectProposal => Ok(Some((Decision::Reject, verdict.reason))),
            other => Err(unproven(format!("{other} decides nothing"))),
        }
    }

    /// Waits until a question is decided; none when it is not within the time.
    ///
    /// # Errors
    /// As [`Self::decided`].
    pub async fn wait(
        &self,
        id: &str,
        within: Duration,
    ) -> Result<Option<(Decision, String)>, ApprovalError> {
        let mut changes = self.0.decided.subscribe();
        let decided = async {
            loop {
                if let Some(decision) = self.decided(id)? {
                    return Ok(Some(decision));
                }
                // The sender lies in the queue itself, so changes never end.
                if changes.changed().await.is_err() {
                    return Ok(None);
                }
            }
        };
        tokio::time::timeout(within, decided)
            .await
            .unwrap_or(Ok(None))
    }

    fn prove_proposal(&self, record: &Record) -> Result<Authentic, ApprovalError> {
        let approval = &record.approval;
        let unproven = |why: String| ApprovalError::NotProven {
            id: approval.id.clone(),
            why,
        };
        let party: Party = approval
            .asked_by
            .parse()
            .map_err(|_| unproven(format!("{} is nobody", approval.asked_by)))?;
        let key: PublicKey = record
            .proposer_key
            .parse()
            .map_err(|_| unproven("its key cannot be read".to_owned()))?;
        let frame = frame_of(&approval.id, &record.proposal)?;
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
        let same = said.approval == approval.id
            && said.goal == approval.goal
            && said.task == approval.task
            && said.question == approval.question;
        if message.performative != Performative::Propose || !same {
            return Err(unproven("the proposal says something else".to_owned()));
        }
        Ok(message)
    }

    fn read(&self, id: &str) -> Result<(Record, Vec<u8>), ApprovalError> {
        let unknown = || ApprovalError::Unknown { id: id.to_owned() };
        // Names are ours; anything else would only reach into the store.
        let well_formed = id
            .strip_prefix("ap-")
            .is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|c| c.is_ascii_hexdigit()));
        if !well_formed {
            return Err(unknown());
        }
        let bytes = self.0.store.get(&place(id))?.ok_or_else(unknown)?;
        let record = serde_json::from_slice(&bytes).map_err(|error| ApprovalError::NotProven {
            id: id.to_owned(),
            why: error.to_string(),
        })?;
        Ok((record, bytes))
    }

    fn records(&self) -> Result<Vec<Record>, ApprovalError> {
        let mut all = Vec::new();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self
                .0
                .store
                .scan_prefix(PREFIX.as_bytes(), after.as_deref(), 256)?;
            let Some((last, _)) = page.last() else {
                return Ok(all);
            };
            after = Some(last.clone());
            all.extend(
                page.iter()
                    .filter_map(|(_, bytes)| serde_json::from_slice(bytes).ok()),
            );
        }
    }

    /// Drops the question that was closed longest ago when there is no place for one more.
    fn make_room(&self) -> Result<(), ApprovalError> {
        let now = self.0.clock.now();
        let all = self.list()?;
        if all.len() < KEPT {
            return Ok(());
        }
        let closed = all
            .iter()
            .filter(|approval| shown((*approval).clone(), now).status != ApprovalStatus::Open)
            .min_by_key(|approval| approval.decided_at.unwrap_or(approval.deadline));
        match closed {
            Some(oldest) => {
                self.0.store.delete(&place(&oldest.id))?;
                Ok(())
            }
            None => Err(ApprovalError::Full {
                asked: all.len() + 1,
                allowed: KEPT,
            }),
        }
    }

    /// Writes a record over what was read, and only over that; says whether it was written.
    fn swap(
        &self,
        id: &str,
        before: Option<&[u8]>,
        record: &Record,
    ) -> Result<bool, ApprovalError> {
        // A struct of texts and times always has a JSON form.
        let bytes = serde_json::to_vec(record).unwrap_or_default();
        let swapped = self
            .0
            .store
            .compare_and_swap(&place(id), before, Some(&bytes))?;
        self.0.store.flush()?;
        Ok(swapped == Swap::Done)
    }
}

/// A decision, signed: what a person's tool hands to [`Approvals::decide`].
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
    let verdict = Verdict {
        approval: proposed.approval,
        proposal: digest(proposal.sealed()),
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

fn not_a_decision(id: &str, why: String) -> ApprovalError {
    ApprovalError::NotADecision {
        id: id.to_owned(),
        why,
    }
}

fn frame_of(id: &str, text: &str) -> Result<Sealed, ApprovalError> {
    unhex(text)
        .map(Sealed::from_bytes)
        .ok_or_else(|| ApprovalError::NotProven {
            id: id.to_owned(),
            why: "its frame cannot be read".to_owned(),
        })
}

fn digest(frame: &Sealed) -> String {
    hex(&Sha256::digest(frame.as_bytes()))
}

fn place(id: &str) -> Vec<u8> {
    format!("{PREFIX}{id}").into_bytes()
}

fn shown(approval: Approval, now: Timestamp) -> Approval {
    let over = approval.status == ApprovalStatus::Open && now > approval.deadline;
    Approval {
        status: if over {
            ApprovalStatus::Expired
        } else {
            approval.status
        },
        ..approval
    }
}
