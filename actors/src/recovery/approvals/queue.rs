//! The queue in the store: questions are asked, decided and listed here.

use std::sync::Arc;
use std::time::Duration;

use aios_memory::store::Entry;
use aios_memory::{Store, Swap};
use aios_protocols::{
    AgentId, Authentic, Content, Draft, KeyDirectory, Limits, Party, Performative, ProtocolName,
    PublicKey, Refusal, Sealed, TenantId, Timestamp, authenticate,
};
use tokio::sync::watch;

use super::proof::{Only, Owner, Record};
use super::words::{
    APPROVAL, Approval, ApprovalError, ApprovalStatus, Decision, DecisionContent, Proposal,
    Question, is_id, not_a_decision,
};
use crate::agent::{Audit, AuditEntry, Clock, Context, Refused};
use aios_work::content::hex;

/// How long a question stays open, how long a yes that nobody has used stays good, and so how long a goal without an answer can be gone on
/// with.
pub const OPEN_FOR: Duration = Duration::from_secs(7 * 24 * 3_600);
/// Questions kept, decided ones included; an open one is never dropped.
pub(super) const KEPT: usize = 1_024;
/// Open questions of one asker, so that one alone does not keep all others from asking.
pub(super) const OPEN_OF_ONE: usize = KEPT / 4;
/// How far the clock of whoever decides may be ahead.
const SKEW: Duration = Duration::from_secs(30);
/// Where they lie in the store, below their tenant's name.
const PREFIX: &str = "approval/";
/// Records read at once.
const PAGE: usize = 256;

/// The queue of one world. Cheap to clone; clones are the same queue.
#[derive(Clone)]
pub struct Approvals(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    /// Whose queue it is: a folder may hold those of others, and none sees or moves another's questions.
    tenant: TenantId,
    clock: Arc<dyn Clock>,
    owner: Option<Owner>,
    /// Whose keys are whose: a proposal is taken under its asker's own.
    keys: Arc<dyn KeyDirectory>,
    audit: Arc<Audit>,
    /// Counts decisions, so that whoever waits for one looks again.
    decided: watch::Sender<u64>,
}

/// An agent that asks, and what it signs its question with.
pub(super) struct Asker<'a> {
    pub(super) me: &'a AgentId,
    pub(super) tenant: &'a TenantId,
    pub(super) key: PublicKey,
    pub(super) sign: &'a dyn Fn(Draft) -> Result<Sealed, String>,
}

impl Approvals {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        tenant: TenantId,
        clock: Arc<dyn Clock>,
        owner: Option<Owner>,
        keys: Arc<dyn KeyDirectory>,
        audit: Arc<Audit>,
    ) -> Self {
        Self(Arc::new(Inner {
            store,
            tenant,
            clock,
            owner,
            keys,
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

    /// Enters the question of the agent whose side of the world this is, about the tenant it works for. Asked again in the same words it is
    /// the same question, with whatever was decided; one that has expired, or whose approval is used up, is asked anew.
    ///
    /// # Errors
    /// When nobody can be asked, the agent's own questions or all of them are too many, or its signature does not prove it; each is audited.
    pub fn propose(&self, question: Question, ctx: &Context) -> Result<Approval, ApprovalError> {
        let asker = Asker {
            me: ctx.me(),
            tenant: ctx.tenant(),
            key: ctx.public_key(),
            sign: &|draft| ctx.sign(draft).map_err(|error| error.to_string()),
        };
        self.propose_as(question, &asker)
            .inspect_err(|error| self.refused(error, None))
    }

    pub(super) fn propose_as(
        &self,
        mut question: Question,
        asker: &Asker<'_>,
    ) -> Result<Approval, ApprovalError> {
        let tenant = asker.tenant;
        if *tenant != self.0.tenant {
            // It would lie where nobody looks for it.
            return Err(ApprovalError::OtherTenant {
                id: question.id(tenant),
                tenant: tenant.to_string(),
                ours: self.0.tenant.clone(),
            });
        }
        loop {
            let now = self.0.clock.now();
            let id = question.id(tenant);
            let before = match self.find(&id)? {
                Some((record, bytes)) => {
                    let there = shown(record.approval, now);
                    if there.spent_at.is_some() {
                        // What is kept of it is the proof of what was done; the next one has a name of its own.
                        question.round += 1;
                        continue;
                    }
                    if there.status != ApprovalStatus::Expired {
                        return Ok(there);
                    }
                    self.make_room(asker.me, false)?;
                    Some(bytes)
                }
                None => {
                    self.make_room(asker.me, true)?;
                    None
                }
            };
            let owner = self.owner()?;
            let deadline = now + OPEN_FOR;
            let proposal = Proposal {
                approval: id.clone(),
                question: question.clone(),
            };
            let content = Content::json(&proposal)
                .map_err(|error| ApprovalError::Unsigned(error.to_string()))?;
            let draft = Draft::new(Performative::Propose, content)
                .to(owner.party.clone())
                .protocol(ProtocolName::FipaPropose)
                .ontology(APPROVAL)
                .reply_by(deadline);
            let frame = (asker.sign)(draft).map_err(ApprovalError::Unsigned)?;
            let by = asker.me.to_string();
            let record = Record {
                approval: question.open(tenant, by, now, deadline),
                tenant: tenant.clone(),
                proposal: hex(frame.as_bytes()),
                proposer_key: asker.key.to_string(),
                decision: None,
            };
            // What is stored is proven later by what is in it; what would not be is not stored.
            record.proposed()?;
            self.is_askers_key(&id, asker, now)?;
            self.swap(&id, before.as_deref(), &record)?;
            // Two askers of one question: the first one's proposal stands.
            let (there, _) = self.read(&id)?;
            return Ok(shown(there.approval, now));
        }
    }

    /// Whether the asker signs with a key that is known as its own.
    fn is_askers_key(
        &self,
        id: &str,
        asker: &Asker<'_>,
        now: Timestamp,
    ) -> Result<(), ApprovalError> {
        let party = Party::from(asker.me);
        let known = self.0.keys.key(&party, asker.key.id(), now);
        let why = match known {
            Ok(known) if known == asker.key => return Ok(()),
            Ok(_) => format!("it is signed with another key than that of {party}"),
            Err(problem) => format!("it is not signed with a key of {party}: {problem}"),
        };
        let id = id.to_owned();
        Err(ApprovalError::NotProven { id, why })
    }

    /// Uses an approval up: what it allows may be begun now, once, for this goal. That is on record, safe from a crash, before this returns.
    /// It is used by agents of the role that asked: a successor goes on with what its predecessor was allowed.
    ///
    /// # Errors
    /// When nobody accepted it, its frames do not prove it, it was used before or asked by others or for another goal; each is audited.
    pub fn spend(&self, id: &str, goal: &str, ctx: &Context) -> Result<(), ApprovalError> {
        self.spend_as(id, goal, ctx.tenant(), ctx.me())
    }

    pub(super) fn spend_as(
        &self,
        id: &str,
        goal: &str,
        tenant: &TenantId,
        by: &AgentId,
    ) -> Result<(), ApprovalError> {
        self.use_up(id, goal, tenant, by)
            .inspect_err(|error| self.refused(error, None))
    }

    fn use_up(
        &self,
        id: &str,
        goal: &str,
        tenant: &TenantId,
        by: &AgentId,
    ) -> Result<(), ApprovalError> {
        loop {
            let now = self.0.clock.now();
            let (mut record, before) = self.read(id)?;
            let id = id.to_owned();
            if let Some(at) = record.approval.spent_at {
                return Err(ApprovalError::AlreadySpent { id, at });
            }
            let decided = record.decided(self.owner()?)?;
            let approval = &record.approval;
            let theirs = asked_by_role(approval, by) && *tenant == record.tenant;
            if !theirs || approval.goal != goal {
                let (asker, about) = (&approval.asked_by, &approval.goal);
                let why =
                    format!("{asker} asked for goal {about:?}, {by} would use it for {goal:?}");
                return Err(ApprovalError::NotTheAsker { id, why });
            }
            let in_time = shown(record.approval.clone(), now).status != ApprovalStatus::Expired;
            if !(in_time && matches!(decided, Some((Decision::Accept, _)))) {
                let status = shown(record.approval, now).status.as_str();
                return Err(ApprovalError::NotAccepted { id, status });
            }
            record.approval.spent_at = Some(now);
            if self.swap(&id, Some(&before), &record)? {
                return Ok(());
            }
            // Somebody else used it in this very moment: the next look says so.
        }
    }

    /// Takes a signed decision.
    ///
    /// # Errors
    /// Why it does not count; each is audited.
    pub fn decide(&self, frame: &Sealed) -> Result<Approval, ApprovalError> {
        self.take(frame).map_err(|(error, message)| {
            self.refused(&error, message.as_deref());
            error
        })
    }

    fn refused(&self, error: &ApprovalError, message: Option<&Authentic>) {
        let Some(owner) = &self.0.owner else {
            return;
        };
        self.0.audit.record(AuditEntry {
            at: self.0.clock.now(),
            by: owner.party.clone(),
            from: message.map(|message| message.sender.clone()),
            label: error.label(),
            reason: error.to_string(),
            message: message.map(|message| Refused {
                id: message.envelope.id,
                conversation: message.conversation_id,
                performative: message.performative,
            }),
        });
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
        let verdict: DecisionContent = message
            .content
            .read_json()
            .map_err(|error| not_a_decision("", error.to_string()))?;
        let id = verdict.approval.clone();
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
        record
            .answered_by(message, &verdict)?
            .map_err(|why| not_a_decision(&id, why))?;
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
        let over = shown(record.approval.clone(), self.0.clock.now()).status;
        if record.decision.is_none() || over == ApprovalStatus::Expired {
            return Ok(None);
        }
        record.decided(self.owner()?)
    }

    /// A goal has its answer: what agents of this one's role asked for it and nobody has decided, and a yes that was not needed, is taken off
    /// the list. What was used or rejected stays as long as there is room.
    ///
    /// # Errors
    /// When the store fails.
    pub fn over(&self, goal: &str, ctx: &Context) -> Result<(), ApprovalError> {
        self.over_as(goal, ctx.tenant(), ctx.me())
    }

    pub(super) fn over_as(
        &self,
        goal: &str,
        tenant: &TenantId,
        by: &AgentId,
    ) -> Result<(), ApprovalError> {
        if *tenant != self.0.tenant {
            return Ok(());
        }
        // Goals are many and questions are few: what does not name the goal is not even read.
        let named = format!("\"{goal}\"");
        let entries = self.entries(&self.folder())?;
        for (key, bytes) in entries {
            if !std::str::from_utf8(&bytes).is_ok_and(|text| text.contains(&named)) {
                continue;
            }
            let Ok(record) = serde_json::from_slice::<Record>(&bytes) else {
                continue;
            };
            let approval = record.approval;
            let waits = match approval.status {
                ApprovalStatus::Open | ApprovalStatus::Expired => true,
                ApprovalStatus::Accepted => approval.spent_at.is_none(),
                ApprovalStatus::Rejected => false,
            };
            if approval.goal == goal && waits && asked_by_role(&approval, by) {
                // Decided or used in this very moment, it is another record and stays.
                let gone = self.0.store.compare_and_swap(&key, Some(&bytes), None)?;
                tracing::info!(
                    id = approval.id,
                    goal,
                    gone = gone == Swap::Done,
                    "a question is withdrawn, its goal is over"
                );
            }
        }
        Ok(())
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
        match self.find(id)? {
            Some(found) => Ok(found),
            None => Err(self.not_here(id)?),
        }
    }

    fn find(&self, id: &str) -> Result<Option<(Record, Vec<u8>)>, ApprovalError> {
        // Names are ours; anything else would only reach into the store.
        if !is_id(id) {
            return Ok(None);
        }
        let Some(bytes) = self.0.store.get(&self.place(id))? else {
            return Ok(None);
        };
        let unproven = |why: String| ApprovalError::NotProven {
            id: id.to_owned(),
            why,
        };
        let record: Record =
            serde_json::from_slice(&bytes).map_err(|error| unproven(error.to_string()))?;
        // A record proves itself, not the place it was put in.
        if record.approval.id != id || record.tenant != self.0.tenant {
            return Err(unproven("another question lies in its place".to_owned()));
        }
        Ok(Some((record, bytes)))
    }

    /// Why there is nothing of this name: somebody else's question deserves another word than none.
    fn not_here(&self, id: &str) -> Result<ApprovalError, ApprovalError> {
        let other = if is_id(id) {
            self.entries(PREFIX)?.into_iter().find_map(|(key, _)| {
                let key = String::from_utf8(key).ok()?;
                let (tenant, there) = key.strip_prefix(PREFIX)?.split_once('/')?;
                (there == id).then(|| tenant.to_owned())
            })
        } else {
            None
        };
        let id = id.to_owned();
        Ok(match other {
            Some(tenant) => ApprovalError::OtherTenant {
                id,
                tenant,
                ours: self.0.tenant.clone(),
            },
            None => ApprovalError::Unknown { id },
        })
    }

    fn records(&self) -> Result<Vec<Record>, ApprovalError> {
        let read = |(key, bytes): (Vec<u8>, Vec<u8>)| {
            serde_json::from_slice(&bytes)
                .inspect_err(|error| {
                    let key = String::from_utf8_lossy(&key);
                    tracing::warn!(%key, %error, "a question cannot be read; run its goal again to be asked anew");
                })
                .ok()
        };
        let ours = self.entries(&self.folder())?;
        Ok(ours.into_iter().filter_map(read).collect())
    }

    fn entries(&self, prefix: &str) -> Result<Vec<Entry>, ApprovalError> {
        let mut all: Vec<Entry> = Vec::new();
        loop {
            let after = all.last().map(|(key, _)| key.as_slice());
            let page = self.0.store.scan_prefix(prefix.as_bytes(), after, PAGE)?;
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
        }
    }

    /// Where this tenant's questions lie; a tenant's name holds no slash.
    fn folder(&self) -> String {
        format!("{PREFIX}{}/", self.0.tenant)
    }

    fn place(&self, id: &str) -> Vec<u8> {
        (self.folder() + id).into_bytes()
    }

    /// Whether this agent may have one more open question. Drops the one that was closed longest ago when there is no place for a `new` one.
    fn make_room(&self, by: &AgentId, new: bool) -> Result<(), ApprovalError> {
        let now = self.0.clock.now();
        let all = self.list()?;
        let theirs = all.iter().filter(|approval| {
            approval.status == ApprovalStatus::Open && approval.asked_by == by.as_str()
        });
        let open = theirs.count();
        if open >= OPEN_OF_ONE {
            return Err(ApprovalError::TooManyOfOne {
                by: by.clone(),
                asked: open + 1,
                allowed: OPEN_OF_ONE,
            });
        }
        if !new || all.len() < KEPT {
            return Ok(());
        }
        let closed = all
            .iter()
            .filter(|approval| shown((*approval).clone(), now).status != ApprovalStatus::Open)
            // A yes that nobody has used yet is the last to go.
            .min_by_key(|approval| {
                let usable =
                    approval.status == ApprovalStatus::Accepted && approval.spent_at.is_none();
                (usable, approval.decided_at.unwrap_or(approval.deadline))
            });
        match closed {
            Some(oldest) => {
                self.0.store.delete(&self.place(&oldest.id))?;
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
            .compare_and_swap(&self.place(id), before, Some(&bytes))?;
        self.0.store.flush()?;
        let done = swapped == Swap::Done;
        if let Some(observer) = self.0.audit.observer().filter(|_| done) {
            observer.approval(&record.approval);
        }
        Ok(done)
    }
}

/// Whether agents of this one's role asked. What names no agent was asked by nobody.
fn asked_by_role(approval: &Approval, by: &AgentId) -> bool {
    let asker: Option<AgentId> = approval.asked_by.parse().ok();
    asker.is_some_and(|asker| asker.role() == by.role())
}

/// As it stands now: neither a question nor a yes that nobody has used is good for ever.
fn shown(approval: Approval, now: Timestamp) -> Approval {
    let over = match approval.status {
        ApprovalStatus::Open => now > approval.deadline,
        ApprovalStatus::Accepted if approval.spent_at.is_none() => {
            now > approval.decided_at.unwrap_or(approval.deadline) + OPEN_FOR
        }
        _ => false,
    };
    Approval {
        status: if over {
            ApprovalStatus::Expired
        } else {
            approval.status
        },
        ..approval
    }
}
