//! The place of an agent whose code runs in another process and signs with a key of its own.
//!
//! Such an agent has a cell here like any other: a name in the directory, a card, a bounded mailbox, a place in a supervisor's tree. What
//! it has not is a key of ours. So nothing is ever said here in its name: what is sent to it goes out as the frame that its sender
//! signed, what it says comes in as the frame that it signed, and that something did not reach it is said by the platform
//! ([`AgentSystemBuilder::post_office`](crate::AgentSystemBuilder::post_office)).
//!
//! How frames travel, and what becomes of those that are under way when the connection is lost, is whoever's who holds this.

use std::sync::Arc;

use aios_protocols::{
    AgentCard, AgentId, Authentic, KeyClaim, KeyDirectory, KeyId, KeyProblem, Message, Party,
    PublicKey, Reason, ReasonKind, Refusal, RegistryError, Sealed, Timestamp, access, authenticate,
};
use parking_lot::Mutex;

use crate::AgentSystem;
use crate::agent::{
    AgentOptions, AuditEntry, Cell, Incarnation, Lane, Refused, SendError, Standing,
};
use crate::observer::{self, MessageSeen};

/// The place of one agent in another process.
pub struct StandIn {
    system: AgentSystem,
    id: AgentId,
    cell: Arc<Cell>,
    key: PublicKey,
    life: Mutex<Option<Arc<Incarnation>>>,
}

/// A frame on its way to the agent, proven to be its sender's.
#[derive(Debug, Clone)]
pub struct Letter {
    /// The bytes that its sender signed.
    pub frame: Sealed,
    /// What they say.
    pub message: Arc<Message>,
    /// With which key they were signed, for whoever verifies them again.
    pub key: PublicKey,
}

/// Somebody whom a frame of the agent did not reach, and why.
#[derive(Debug)]
pub struct Unreached {
    /// Who.
    pub party: Party,
    /// Why.
    pub why: SendError,
}

impl StandIn {
    pub(crate) fn new(system: AgentSystem, id: AgentId, cell: Arc<Cell>, key: PublicKey) -> Self {
        Self {
            system,
            id,
            cell,
            key,
            life: Mutex::new(None),
        }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.system.now()
    }

    /// Whose place it is.
    #[must_use]
    pub fn id(&self) -> &AgentId {
        &self.id
    }

    /// The key that it signs with.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Its cell.
    #[must_use]
    pub fn cell(&self) -> &Arc<Cell> {
        &self.cell
    }

    /// Enters the agent's key on its own word, if the key is not there already. The claim is of the key that was granted and no other.
    ///
    /// # Errors
    /// Why the registry does not take it.
    pub fn prove(&self, claim: &KeyClaim) -> Result<(), RegistryError> {
        let party = self.cell.party();
        if claim.party() != party || claim.key() != self.key {
            return Err(RegistryError::NotPossessed(party.clone()));
        }
        let (keys, now) = (self.system.key_registry(), self.system.now());
        match keys.key(party, self.key.id(), now) {
            Ok(_) => return Ok(()),
            Err(KeyProblem::RevokedParty) => return Err(RegistryError::Revoked(party.clone())),
            Err(_) => {}
        }
        match keys.register(claim, now) {
            // Another agent had the name, here or there.
            Err(RegistryError::AlreadyRegistered(_)) => {
                keys.replace(claim, now, crate::system::KEY_GRACE)
            }
            other => other,
        }
    }

    /// What is said of the agent from now on, and so who may open a conversation with it.
    pub fn introduce(&self, card: AgentCard) {
        self.cell.set_card(self.system.said(card));
    }

    /// The agent is there.
    pub fn up(&self) {
        let (incarnation, _) = self.cell.begin();
        self.cell.set_standing(&incarnation, Standing::Active);
        *self.life.lock() = Some(incarnation);
        self.cell.notifier.wake();
    }

    /// The agent is away; what is sent to it waits.
    pub fn down(&self, why: &str) {
        if let Some(incarnation) = &*self.life.lock() {
            self.cell.failed(incarnation, Some(why.to_owned()));
        }
    }

    /// The agent will not come back: it takes nothing more, and what waits for it is handed out, to be told of.
    pub fn leave(&self) -> Vec<Sealed> {
        self.cell.go_offline();
        self.system.take_leave_of(&self.cell);
        self.waiting()
    }

    /// All that waits for it.
    pub fn waiting(&self) -> Vec<Sealed> {
        std::iter::from_fn(|| self.pop()).collect()
    }

    fn pop(&self) -> Option<Sealed> {
        let replies = self.cell.next_reply();
        replies.or_else(|| self.cell.next_request())
    }

    /// The next frame for the agent, what goes on with a conversation before what opens one. What cannot be proven, or may not be said to
    /// it, goes no further; who sent it is told.
    pub fn next(&self) -> Option<Letter> {
        self.cell.notifier.answer();
        loop {
            let (frame, opens) = match self.cell.next_reply() {
                Some(frame) => (frame, false),
                None => (self.cell.next_request()?, true),
            };
            match self.read(&frame) {
                Ok(letter) if opens => {
                    let open_to = self.cell.open_to().unwrap_or_default();
                    let (from, act) = (&letter.message.sender, letter.message.performative);
                    match access::may_open(from, self.cell.party(), act, &open_to) {
                        Ok(()) => return Some(self.taken(letter)),
                        Err(denied) => {
                            self.cell.tally.refused("tier-forbidden");
                            let why = Reason::new(ReasonKind::Unauthorised, denied.to_string());
                            self.not_delivered(&letter, why);
                        }
                    }
                }
                Ok(letter) => return Some(self.taken(letter)),
                Err(refusal) => {
                    self.record(&refusal);
                    let reason = aios_supervisor::Reason::Expired;
                    self.system
                        .dead_letter(frame, reason, Some(self.cell.label()));
                }
            }
        }
    }

    fn taken(&self, letter: Letter) -> Letter {
        let now = self.system.now();
        let sent = letter.message.envelope.timestamp;
        self.cell.tally.verified(now.since(sent));
        if let Some(observer) = self.system.looking() {
            let (message, party) = (&letter.message, self.cell.party());
            observer.message(MessageSeen::of(
                message,
                party,
                observer::Step::Verified,
                now,
            ));
        }
        letter
    }

    /// Returns when something may have come for the agent since [`next`](Self::next) found nothing. One at a time waits here.
    pub async fn rung(&self) {
        self.cell.notifier.rung().await;
    }

    /// Who wrote a frame, proven by the keys of this world.
    fn proven(&self, frame: &Sealed) -> Result<Authentic, Refusal> {
        let (keys, now) = (self.system.keys(), self.system.now());
        authenticate(frame, keys, self.cell.limits, now)
    }

    fn read(&self, frame: &Sealed) -> Result<Letter, Refusal> {
        let authentic = self.proven(frame)?;
        let (sender, name) = (&authentic.sender, authentic.envelope.key_id);
        let key = self.key_of(sender, name);
        Ok(Letter {
            frame: frame.clone(),
            key: key.ok_or_else(|| Refusal::UnknownKey {
                sender: sender.clone(),
                key: name,
            })?,
            message: Arc::new(Message::clone(&authentic)),
        })
    }

    fn key_of(&self, party: &Party, name: KeyId) -> Option<PublicKey> {
        self.system.keys().key(party, name, self.system.now()).ok()
    }

    /// What the agent says: proven to be its own, or refused, recorded and counted.
    ///
    /// # Errors
    /// Why it is not taken for the agent's word.
    pub fn heard(&self, frame: &Sealed) -> Result<Message, Refusal> {
        let heard = self.proven(frame).and_then(|authentic| {
            if authentic.sender == *self.cell.party() {
                return Ok(Message::clone(&authentic));
            }
            // Proven and another's: whoever holds this connection says what somebody else has signed.
            Err(Refusal::BadSignature {
                sender: authentic.sender.clone(),
            })
        });
        heard.inspect_err(|refusal| self.record(refusal))
    }

    /// Counts what was refused on the way to or from the agent.
    pub fn record(&self, refusal: &Refusal) {
        self.refused(refusal.label(), refusal.to_string());
    }

    /// The same for what no other refusal has a word for.
    pub fn refused(&self, label: &'static str, reason: String) {
        self.cell.tally.refused(label);
        self.system.audit().record(AuditEntry {
            at: self.system.now(),
            by: self.cell.party().clone(),
            from: None,
            label,
            reason,
            message: None::<Refused>,
        });
    }

    /// Hands what the agent said to whom it is for. Everybody verifies it again.
    pub async fn hand_over(
        &self,
        message: &Message,
        frame: &Sealed,
        opens: bool,
    ) -> Vec<Unreached> {
        let mut unreached = Vec::new();
        for party in &message.receivers {
            let lane = if opens { Lane::Request } else { Lane::Reply };
            let handed = match self.system.directory().get(party) {
                Some(cell) => {
                    cell.offer(lane, frame.clone(), Some(self.cell.label()))
                        .await
                }
                None => Err(SendError::NoReceiver {
                    address: party.to_string(),
                }),
            };
            match handed {
                Ok(()) => self.cell.tally.sent(),
                Err(why) => unreached.push(Unreached {
                    party: party.clone(),
                    why,
                }),
            }
        }
        unreached
    }

    /// A frame did not reach the agent: it is a dead letter, and its sender hears so at once if it waits for an answer.
    pub fn not_delivered(&self, letter: &Letter, why: Reason) {
        self.system
            .not_delivered(&letter.frame, &letter.message, self.cell.party(), why);
    }

    /// The same for a frame that was not looked at yet.
    pub fn returned(&self, frame: &Sealed, why: Reason) {
        match self.read(frame) {
            Ok(letter) => self.not_delivered(&letter, why),
            Err(refusal) => {
                self.record(&refusal);
                let reason = aios_supervisor::Reason::Closed;
                self.system
                    .dead_letter(frame.clone(), reason, Some(self.cell.label()));
            }
        }
    }

    /// Nobody waits for it any more.
    pub fn expired(&self, letter: &Letter) {
        let (reason, sender) = (
            aios_supervisor::Reason::Expired,
            letter.message.sender.as_str(),
        );
        self.system
            .dead_letter(letter.frame.clone(), reason, Some(sender.into()));
    }
}

impl std::fmt::Debug for StandIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StandIn")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl AgentSystem {
    /// The place of an agent that runs in another process and signs with `key` there.
    ///
    /// # Errors
    /// When somebody of this name is here.
    pub fn stand_in(
        &self,
        id: &AgentId,
        key: PublicKey,
        options: AgentOptions,
    ) -> Result<StandIn, crate::AgentSystemError> {
        let cell = self.enrol_foreign(id, key, options)?;
        Ok(StandIn::new(self.clone(), id.clone(), cell, key))
    }
}
