//! The queue in the store: questions are asked, decided and listed here.

use std::sync::Arc;
use std::time::Duration;

use aios_memory::{Store, Swap};
use aios_protocols::{
    AgentId, Authentic, Content, Draft, Limits, Performative, ProtocolName, PublicKey, Refusal,
    Sealed, TenantId, Timestamp, authenticate,
};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::proof::{Only, Owner, Record, digest, frame_of};
use super::words::{
    APPROVAL, Approval, ApprovalError, ApprovalStatus, Decision, Proposal, Verdict, not_a_decision,
};
use crate::agent::{Audit, AuditEntry, Clock, Refused};
use crate::content::hex;

/// How long a question stays open.
const OPEN_FOR: Duration = Duration::from_secs(7 * 24 * 3_600);
/// Questions kept, decided ones included; an open one is never dropped.
const KEPT: usize = 1_024;
/// How far the clock of whoever decides may be ahead.
const SKEW: Duration = Duration::from_secs(30);
/// Where they lie in the store.
const PREFIX: &str = "approval/";

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
        self.read(id)?.0.proposed()
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
        let proposed = record.proposed()?;
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
        if record.decision.is_none() {
            return Ok(None);
        }
        record.decided(self.owner()?)
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
