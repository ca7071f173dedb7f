//! The part of an agent that survives it.
//!
//! Identity and key, sequence numbers and replay windows, the mailbox, conversations, and the messages that were taken
//! and not settled: what a crash must not lose. Incarnations come and go; each finds here what the last one left.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use aios_protocols::conversation::Conversation;
use aios_protocols::{
    AgentCard, Authentic, Draft, KeyId, Limits, Message, OpenTo, Party, PublicKey, Refusal,
    SealError, Sealed, Sealer, SigningIdentity, TenantId, Timestamp, Verifier,
};
use aios_supervisor::{Admission, Admitted, Depth, Mailbox, Reason};
use parking_lot::Mutex;

use super::conversations::OpenConversations;
use super::in_flight::InFlight;
use super::incarnation::Incarnation;
use super::mail::{Kept, Mail, MailOutcome, NotTaken, Taken};
use super::notifier::Notifier;
use super::said::Said;
use super::state::{AgentState, AgentView, MessageCounts};
use super::tally::{Meters, Tally};
use super::{AgentOptions, SendError};
use crate::remains::Unheard;

/// What is durable about one agent, or one principal, of this process.
pub struct Cell {
    party: Party,
    pub(crate) options: Arc<AgentOptions>,
    signer: Mutex<Signer>,
    pub(crate) limits: &'static Limits,
    pub(crate) verifier: Mutex<Verifier>,
    pub(crate) conversations: Mutex<OpenConversations>,
    pub(crate) in_flight: Mutex<InFlight>,
    /// Acts that open a conversation. They wait until the agent takes them up, and are verified then. None before the first: of a crowd, most
    /// wait for it.
    requests: OnceLock<Mailbox<Sealed>>,
    /// Acts that go on with one. They are taken at once, or an answer would wait behind the request it is for.
    replies: OnceLock<Mailbox<Sealed>>,
    /// Requests that gave way to newer ones and whose senders are yet to be told.
    pub(crate) displaced: Mutex<Vec<Sealed>>,
    dead_letters: Unheard,
    /// Of a durable agent: what was said to it, on record.
    mail: Option<Box<Mail>>,
    /// Whether its key was entered for it, and ends with it.
    pub(crate) keyed: bool,
    /// Of an agent in another process: the key that it signs with there. Nothing is signed for it here.
    foreign: Option<Box<PublicKey>>,
    pub(crate) notifier: Arc<Notifier>,
    life: Mutex<Life>,
    pub(crate) tally: Tally,
}

struct Signer {
    sealer: Sealer,
    /// State of a splitmix64 generator: names of messages must differ, not be secret.
    chance: u64,
}

struct Life {
    standing: Standing,
    suspended: bool,
    incarnation: Option<Arc<Incarnation>>,
    incarnations: u64,
    last_failure: Option<String>,
    /// Its checkpoint cannot be used: it answers why, and takes nothing that somebody else could do.
    parked: bool,
    /// What it says about itself. Those who say the same share it, under the name of one of them.
    card: Option<Arc<AgentCard>>,
    /// Who may open a conversation with it; none until it has said so for the first time.
    open_to: Option<Arc<OpenTo>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Initiated,
    Active,
    Draining,
    Failed,
    Offline,
}

/// Through which door a frame comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    Request,
    Reply,
}

/// What a cell is made of.
pub(crate) struct CellParts {
    pub(crate) identity: Arc<SigningIdentity>,
    pub(crate) tenant: TenantId,
    pub(crate) options: Arc<AgentOptions>,
    pub(crate) epoch: u64,
    pub(crate) begin: Timestamp,
    pub(crate) platform: Arc<BTreeSet<Party>>,
    pub(crate) chance: u64,
    pub(crate) dead_letters: Unheard,
    pub(crate) mail: Option<Mail>,
    pub(crate) keyed: bool,
    pub(crate) foreign: Option<PublicKey>,
    pub(crate) meters: Arc<Meters>,
}

impl Cell {
    pub(crate) fn new(parts: CellParts) -> Arc<Self> {
        let CellParts {
            identity,
            tenant,
            options,
            epoch,
            begin,
            platform,
            chance,
            dead_letters,
            mail,
            keyed,
            foreign,
            meters,
        } = parts;
        let party = identity.party().clone();
        Arc::new(Self {
            signer: Mutex::new(Signer {
                sealer: Sealer::new(identity, tenant, epoch),
                chance,
            }),
            limits: &Limits::CONTROL,
            verifier: Mutex::new(Verifier::new(begin).with_max_age(options.max_age)),
            conversations: Mutex::new(OpenConversations::new(
                options.conversations,
                options.asks,
                platform,
            )),
            in_flight: Mutex::default(),
            requests: OnceLock::new(),
            replies: OnceLock::new(),
            displaced: Mutex::default(),
            dead_letters,
            mail: mail.map(Box::new),
            keyed,
            foreign: foreign.map(Box::new),
            notifier: Arc::default(),
            life: Mutex::new(Life {
                standing: Standing::Initiated,
                suspended: false,
                incarnation: None,
                incarnations: 0,
                last_failure: None,
                parked: false,
                card: None,
                open_to: None,
            }),
            tally: Tally::new(meters),
            party,
            options,
        })
    }

    /// Whose it is.
    #[must_use]
    pub fn party(&self) -> &Party {
        &self.party
    }

    /// The party's name, for mailboxes and dead letters.
    pub(crate) fn label(&self) -> Arc<str> {
        self.party.text()
    }

    /// What the agent said about itself when it last started.
    #[must_use]
    pub fn card(&self) -> Option<Arc<AgentCard>> {
        let said = self.says()?;
        match self.party.agent() {
            Some(me) if said.id != *me => Some(Arc::new(AgentCard {
                id: me.clone(),
                ..AgentCard::clone(&said)
            })),
            _ => Some(said),
        }
    }

    /// The same, perhaps under the name of another who says the same.
    pub(crate) fn says(&self) -> Option<Arc<AgentCard>> {
        self.life.lock().card.clone()
    }

    fn requests(&self) -> &Mailbox<Sealed> {
        let (places, admission) = (self.options.mailbox, self.options.admission);
        self.requests
            .get_or_init(|| Mailbox::new(self.label(), places, admission))
    }

    fn replies(&self) -> &Mailbox<Sealed> {
        let places = self.options.replies;
        self.replies
            .get_or_init(|| Mailbox::new(self.label(), places, Admission::Fail))
    }

    /// Takes the oldest request out of the mailbox.
    pub(crate) fn next_request(&self) -> Option<Sealed> {
        self.requests.get()?.try_pop()
    }

    /// The same of what goes on with conversations.
    pub(crate) fn next_reply(&self) -> Option<Sealed> {
        self.replies.get()?.try_pop()
    }

    /// How many requests wait in the mailbox, of how many that may.
    pub(crate) fn depth(&self) -> Depth {
        Depth {
            queued: self.requests.get().map_or(0, Mailbox::len),
            capacity: self.options.mailbox.max(1),
        }
    }

    /// Who may open a conversation with it: what its card says, and what the last one said while a successor starts.
    /// None before the agent has ever started; what is sent to it until then waits, and is admitted or refused when
    /// it has said so.
    #[must_use]
    pub fn open_to(&self) -> Option<Arc<OpenTo>> {
        self.life.lock().open_to.clone()
    }

    /// Where the agent is in its life.
    #[must_use]
    pub fn state(&self) -> AgentState {
        let life = self.life.lock();
        match life.standing {
            Standing::Initiated => AgentState::Initiated,
            Standing::Active if life.parked => AgentState::Failed,
            Standing::Active if life.suspended => AgentState::Suspended,
            Standing::Active => {
                let running = life.incarnation.as_ref().is_some_and(|it| it.running() > 0);
                drop(life);
                if running && self.conversations.lock().asks() > 0 {
                    AgentState::Waiting
                } else {
                    AgentState::Active
                }
            }
            Standing::Draining => AgentState::Draining,
            Standing::Failed => AgentState::Failed,
            Standing::Offline => AgentState::Offline,
        }
    }

    /// A picture of the agent.
    #[must_use]
    pub fn view(&self) -> AgentView {
        let state = self.state();
        let (incarnation, running, last_failure) = {
            let life = self.life.lock();
            let running = life.incarnation.as_ref().map_or(0, |it| it.running());
            (life.incarnations, running, life.last_failure.clone())
        };
        let (conversations, asks) = {
            let conversations = self.conversations.lock();
            (conversations.len(), conversations.asks())
        };
        let mut mailbox = self.depth();
        mailbox.queued += self.mail().map_or(0, Mail::left);
        AgentView {
            id: self.party.clone(),
            state,
            incarnation,
            mailbox,
            in_flight: self.in_flight.lock().len(),
            running,
            conversations,
            asks,
            messages: self.messages(),
            last_failure,
        }
    }

    /// The conversations it is in, at most so many; each as this side knows it.
    #[must_use]
    pub fn conversations_under_way(&self, most: usize) -> Vec<Conversation> {
        let conversations = self.conversations.lock();
        conversations.under_way().take(most).cloned().collect()
    }

    /// What it sent, verified and refused.
    #[must_use]
    pub fn messages(&self) -> MessageCounts {
        self.tally.counts()
    }

    /// Pauses the agent: requests wait. Survives restarts.
    pub fn suspend(&self) {
        self.life.lock().suspended = true;
    }

    /// Goes on after [`suspend`](Self::suspend).
    pub fn resume(&self) {
        self.life.lock().suspended = false;
        self.notifier.wake();
    }

    /// Signs with a new key of the same party from now on; the registry must know it already.
    pub fn rekey(&self, identity: Arc<SigningIdentity>) {
        self.signer.lock().sealer.rekey(identity);
    }

    /// Hands a frame in, as a transport does for one that comes from outside this process. It waits with the requests
    /// when `opens` a conversation.
    pub async fn post(&self, frame: Sealed, opens: bool) -> Result<(), SendError> {
        let lane = if opens { Lane::Request } else { Lane::Reply };
        self.offer(lane, frame, None).await
    }

    /// Whether a request sent now would be taken in.
    #[must_use]
    pub fn is_taking(&self) -> bool {
        let life = self.life.lock();
        !life.parked
            && matches!(
                life.standing,
                Standing::Initiated | Standing::Active | Standing::Failed
            )
    }

    /// Requests that wait, handlers and jobs that run: what a new request would wait for.
    #[must_use]
    pub fn load(&self) -> usize {
        let left = self.mail().map_or(0, Mail::left);
        let running = self
            .life
            .lock()
            .incarnation
            .as_ref()
            .map_or(0, |it| it.running());
        self.depth().queued + left + running
    }

    pub(crate) fn incarnation(&self) -> Option<Arc<Incarnation>> {
        self.life.lock().incarnation.clone()
    }

    pub(crate) fn standing(&self) -> Standing {
        self.life.lock().standing
    }

    pub(crate) fn is_suspended(&self) -> bool {
        self.life.lock().suspended
    }

    /// A successor takes over. The predecessor, if any, is returned so that its end can be awaited.
    pub(crate) fn begin(&self) -> (Arc<Incarnation>, Option<Arc<Incarnation>>) {
        let mut life = self.life.lock();
        life.incarnations += 1;
        let next = Incarnation::new(life.incarnations, Arc::clone(&self.notifier));
        let last = life.incarnation.replace(Arc::clone(&next));
        (next, last)
    }

    pub(crate) fn set_standing(&self, incarnation: &Incarnation, standing: Standing) {
        let mut life = self.life.lock();
        // A predecessor's last word must not speak for its successor.
        if life.incarnations == incarnation.number {
            life.standing = standing;
        }
    }

    /// Is active without a host: whoever holds the cell takes the frames out itself. It has no card, and is open to
    /// whom an agent is that says nothing.
    pub(crate) fn open_without_host(&self) {
        self.life.lock().open_to = Some(Arc::default());
        let (incarnation, _) = self.begin();
        self.set_standing(&incarnation, Standing::Active);
    }

    /// Is there to answer for others, and is open to nobody.
    pub(crate) fn open_to_nobody(&self) {
        self.open_without_host();
        self.life.lock().open_to = Some(Arc::new(OpenTo::none()));
    }

    /// No incarnation will come.
    pub(crate) fn go_offline(&self) {
        self.life.lock().standing = Standing::Offline;
    }

    pub(crate) fn failed(&self, incarnation: &Incarnation, why: Option<String>) {
        let mut life = self.life.lock();
        if life.incarnations != incarnation.number {
            return;
        }
        if !matches!(life.standing, Standing::Offline) {
            life.standing = Standing::Failed;
        }
        if why.is_some() {
            life.last_failure = why;
        }
    }

    /// Its checkpoint cannot be used, because of this; or it can.
    pub(crate) fn park(&self, why: Option<String>) {
        let mut life = self.life.lock();
        life.parked = why.is_some();
        if why.is_some() {
            life.last_failure = why;
        }
    }

    pub(crate) fn set_card(&self, said: Said) {
        let mut life = self.life.lock();
        life.open_to = Some(said.open_to);
        life.card = Some(said.card);
    }

    /// Admits nothing any more, and says from when on a successor may: everything admitted here was signed before.
    /// Whatever still arrives here cannot be admitted by both.
    pub(crate) fn shut(&self) -> Timestamp {
        let mut verifier = self.verifier.lock();
        let begin = verifier.successor_begin();
        let closed = Verifier::new(Timestamp::MAX).with_max_age(self.options.max_age);
        *verifier = closed;
        begin
    }

    /// Who signs for it now.
    pub(crate) fn identity(&self) -> Arc<SigningIdentity> {
        Arc::clone(self.signer.lock().sealer.identity())
    }

    /// Whether its agent is in another process and signs there.
    pub(crate) fn is_foreign(&self) -> bool {
        self.foreign.is_some()
    }

    /// Whether an agent of this process signs with this key. One that is in another process, and one that speaks for somebody there and so has
    /// no card, are none.
    pub(crate) fn is_at_home(&self, key: KeyId) -> bool {
        if self.is_foreign() || self.life.lock().card.is_none() {
            return false;
        }
        self.signer.lock().sealer.identity().key_id() == key
    }

    /// What its signatures are verified with now.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        if let Some(foreign) = &self.foreign {
            return **foreign;
        }
        self.signer.lock().sealer.identity().public_key()
    }

    /// Gives a draft its stamp and returns who signs it, so that signing happens outside the lock.
    pub(crate) fn stamp(
        &self,
        draft: Draft,
        now: Timestamp,
    ) -> Result<(Message, Arc<SigningIdentity>), SealError> {
        let mut signer = self.signer.lock();
        let random = signer.random();
        let message = signer.sealer.stamp(draft, now, random)?;
        Ok((message, Arc::clone(signer.sealer.identity())))
    }

    /// Offers a frame under the agent's admission policy.
    pub(crate) async fn offer(
        &self,
        lane: Lane,
        frame: Sealed,
        from: Option<Arc<str>>,
    ) -> Result<(), SendError> {
        if lane == Lane::Reply {
            return self.offer_reply(frame, from);
        }
        self.takes(lane)?;
        if let Some(mail) = &self.mail {
            return self.offer_kept(mail, frame);
        }
        let admitted = match self.options.admission {
            Admission::Wait(_) => self.requests().push(frame).await,
            _ => self.requests().try_push(frame),
        };
        match admitted {
            Ok(Admitted::Displaced(oldest)) => {
                self.dead_letters
                    .push(oldest.clone(), Reason::Displaced, Some(self.label()));
                let mut displaced = self.displaced.lock();
                if displaced.len() < self.options.mailbox {
                    displaced.push(oldest);
                }
            }
            Ok(_) => {}
            Err(refused) => {
                if matches!(
                    self.options.admission,
                    Admission::DropNewest | Admission::DeadLetter
                ) {
                    self.dead_letters.push(refused.item, refused.reason, from);
                }
                return Err(SendError::MailboxFull {
                    to: self.party.clone(),
                    reason: refused.reason,
                });
            }
        }
        self.notifier.wake();
        Ok(())
    }

    /// Offers a frame to a durable agent. It lies in the mailbox and on record when this returns, or in neither.
    fn offer_kept(&self, mail: &Mail, frame: Sealed) -> Result<(), SendError> {
        let capacity = self.depth().capacity;
        let full = || SendError::MailboxFull {
            to: self.party.clone(),
            reason: Reason::Full { capacity },
        };
        let refused = |message: &Authentic, now| self.refuses(message, now);
        match mail.take(&frame, || self.depth().queued, capacity, refused) {
            Ok(Taken::In) => {
                let pushed = self.requests().try_push(frame);
                mail.came();
                // It has a place of its own: nobody else puts anything there.
                pushed.map_err(|_| full())?;
                self.notifier.wake();
                Ok(())
            }
            Ok(Taken::Already) => Ok(()),
            Err(NotTaken::Full) => Err(full()),
            Err(NotTaken::Store(error)) => Err(SendError::NotKept {
                to: self.party.clone(),
                why: error.to_string(),
            }),
        }
    }

    /// Whether a message would be refused if it were taken up now. Whether there is room for its conversation is not looked at: there may be
    /// some when it is taken up.
    fn refuses(&self, message: &Authentic, now: Timestamp) -> bool {
        let (card, open_to) = {
            let life = self.life.lock();
            (life.card.clone(), life.open_to.clone())
        };
        let checked = self.verifier.lock().check(message, &self.party, now);
        match checked {
            // Its sender's clock is ahead: by the time it is taken up it may not be any more.
            Ok(()) | Err(Refusal::FromTheFuture { .. }) => {}
            Err(_) => return true,
        }
        let open_to = open_to.unwrap_or_else(|| Arc::new(OpenTo::anyone()));
        let opens = self
            .conversations
            .lock()
            .would_receive(&self.party, message, now, &open_to);
        let takes = || card.is_none_or(|card| card.takes(message.performative));
        match opens {
            Ok(opens) => opens && !takes(),
            Err(_) => true,
        }
    }

    /// Whether what is said to it is on record.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        self.mail.is_some()
    }

    pub(crate) fn mail(&self) -> Option<&Mail> {
        self.mail.as_deref()
    }

    /// The next message that an earlier process left.
    pub(crate) fn next_left(&self) -> Option<Kept> {
        self.mail.as_ref()?.next_left()
    }

    /// What waits to be taken up, here and of what an earlier process left.
    pub(crate) fn waits(&self) -> bool {
        let left = || self.mail().is_some_and(|mail| mail.left() > 0);
        self.depth().queued > 0 || (!self.is_parked() && left())
    }

    pub(crate) fn is_parked(&self) -> bool {
        self.life.lock().parked
    }

    /// What became of a message to a durable agent; on record when this returns.
    pub(crate) fn settled(
        &self,
        frame: &Sealed,
        message: Option<&Message>,
        outcome: MailOutcome,
    ) -> Result<(), SendError> {
        let Some(mail) = &self.mail else {
            return Ok(());
        };
        let who = message.map(|message| (message.id(), &message.sender));
        mail.settle(frame, who, outcome)
            .map_err(|error| SendError::NotKept {
                to: self.party.clone(),
                why: error.to_string(),
            })
    }

    /// Offers an act that goes on with a conversation. It never waits; what finds no place is a dead letter, since its
    /// sender has nobody to hand it back to.
    pub(crate) fn offer_reply(
        &self,
        frame: Sealed,
        from: Option<Arc<str>>,
    ) -> Result<(), SendError> {
        if let Err(refusal) = self.takes(Lane::Reply) {
            self.dead_letters.push(frame, Reason::Closed, from);
            return Err(refusal);
        }
        if let Err(refused) = self.replies().try_push(frame) {
            self.dead_letters.push(refused.item, refused.reason, from);
            return Err(SendError::MailboxFull {
                to: self.party.clone(),
                reason: refused.reason,
            });
        }
        self.notifier.wake();
        Ok(())
    }

    fn takes(&self, lane: Lane) -> Result<(), SendError> {
        let state = match (self.standing(), lane) {
            (Standing::Offline, _) => AgentState::Offline,
            (Standing::Draining, Lane::Request) => AgentState::Draining,
            _ => return Ok(()),
        };
        Err(SendError::NotTaking {
            to: self.party.clone(),
            state,
        })
    }
}

impl Signer {
    fn random(&mut self) -> [u8; 10] {
        let mut out = [0; 10];
        let (first, second) = (self.next(), self.next());
        out[..8].copy_from_slice(&first.to_le_bytes());
        out[8..].copy_from_slice(&second.to_le_bytes()[..2]);
        out
    }

    fn next(&mut self) -> u64 {
        self.chance = self.chance.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.chance;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

impl std::fmt::Debug for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cell")
            .field("party", &self.party)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
