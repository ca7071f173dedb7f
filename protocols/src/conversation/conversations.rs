//! All conversations of one party: who is in which, bounded in number and shared fairly.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::past::Past;
use super::shares::{Holder, Places};
use super::{Conversation, ConversationKey, OutOfProtocol, Outcome, State, Why, rules};
use crate::{
    ConversationId, Message, OpenTo, Party, Performative, ProtocolName, Refusal, Timestamp, access,
};

/// What an admitted act did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Which conversation it belongs to.
    pub key: ConversationKey,
    /// It opened the conversation or addressed more participants by its opening act, or it stood alone.
    pub opened: bool,
    /// How far its leg is now.
    pub state: State,
    /// Nothing more is expected in the whole conversation.
    pub finished: bool,
}

/// The conversations of one party. Lives outside the agent that may crash.
///
/// Bounded: at most `capacity` run at once, of which nobody gets more than a share ([`super::Share`]), and as many finished
/// ones are remembered so that an act that comes after the end is known to be late. When room is needed, those whose
/// reply-by has passed and those nobody has touched for [`Conversations::IDLE`] give way.
#[derive(Debug, Clone)]
pub struct Conversations {
    capacity: usize,
    /// Who may report that an act did not arrive.
    platform: Arc<BTreeSet<Party>>,
    /// Those of one id, nearly always one.
    running: HashMap<ConversationId, Vec<Running>>,
    places: Places,
    finished: Past,
    /// Before this moment none can have become overdue or idle.
    sweep_at: Timestamp,
}

#[derive(Debug, Clone)]
struct Running {
    conversation: Conversation,
    touched: Timestamp,
    /// Who holds the place; `None` for the party itself.
    holder: Option<Holder>,
}

impl Running {
    /// When it will give way if nothing happens.
    fn gives_way_at(&self) -> Timestamp {
        let idle = self.touched + Conversations::IDLE;
        self.conversation
            .next_due()
            .map_or(idle, |due| idle.min(due))
    }
}

impl Default for Conversations {
    fn default() -> Self {
        Self::new(Self::CAPACITY)
    }
}

impl Conversations {
    /// Conversations at once unless said otherwise.
    pub const CAPACITY: usize = 1024;
    /// After this long without an act a conversation may be given up for a new one.
    pub const IDLE: Duration = Duration::from_secs(3_600);

    /// Room for this many conversations at once.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            platform: Arc::default(),
            running: HashMap::new(),
            places: Places::default(),
            finished: Past::default(),
            sweep_at: Timestamp::MAX,
        }
    }

    /// Believes these parties, and nobody else, when they report that an act did not arrive: whoever
    /// carries messages between platforms as one of ours. Without them such reports are refused as from strangers.
    #[must_use]
    pub fn platform(mut self, parties: impl IntoIterator<Item = Party>) -> Self {
        self.platform = Arc::new(parties.into_iter().collect());
        self
    }

    /// The same, with a list that many share.
    #[must_use]
    pub fn of_platform(mut self, parties: Arc<BTreeSet<Party>>) -> Self {
        self.platform = parties;
        self
    }

    /// Takes an act that `me` received and verified: the conversation must expect it, or the sender may open one with an
    /// agent whose card says nothing about whom it is open to.
    pub fn receive(
        &mut self,
        me: &Party,
        message: &Message,
        now: Timestamp,
    ) -> Result<Step, Refusal> {
        self.receive_if_open(me, message, now, &OpenTo::default())
    }

    /// The same where `me` is open to these.
    pub fn receive_if_open(
        &mut self,
        me: &Party,
        message: &Message,
        now: Timestamp,
        open_to: &OpenTo,
    ) -> Result<Step, Refusal> {
        let refused = match self.go_on(message, now) {
            Ok(Some(step)) => return Ok(step),
            Ok(None) => None,
            Err(refused) => Some(refused),
        };
        if message.performative == Performative::Failure && self.platform.contains(&message.sender)
        {
            return self.undelivered(message, refused, now);
        }
        let may_open = |message: &Message| {
            access::may_open(&message.sender, me, message.performative, open_to)
        };
        self.open(me, message, now, refused, may_open)
    }

    /// What [`receive_if_open`](Self::receive_if_open) would say now: whether the act would open a conversation, or why it would be refused.
    /// Nothing is taken note of, and whether there is room is not looked at: there may be some when it is taken.
    pub fn would_receive(
        &self,
        me: &Party,
        message: &Message,
        now: Timestamp,
        open_to: &OpenTo,
    ) -> Result<bool, Refusal> {
        let id = message.conversation_id;
        let running = self.running.get(&id);
        let mut of_this_id = Self {
            platform: Arc::clone(&self.platform),
            running: running.map(|all| (id, all.clone())).into_iter().collect(),
            finished: self.finished.copy_of(id),
            ..Self::default()
        };
        let step = of_this_id.receive_if_open(me, message, now, open_to)?;
        Ok(step.opened)
    }

    /// Takes an act that `me` is about to send: what the tiers forbid is not sent. Whom the receivers are open to is
    /// not known here, and theirs to say.
    pub fn send(&mut self, me: &Party, message: &Message, now: Timestamp) -> Result<Step, Refusal> {
        self.send_to_open(me, message, now, |_| None)
    }

    /// The same where it is known of some receivers whom they are open to: what they would refuse is not sent.
    pub fn send_to_open(
        &mut self,
        me: &Party,
        message: &Message,
        now: Timestamp,
        open_to: impl Fn(&Party) -> Option<Arc<OpenTo>>,
    ) -> Result<Step, Refusal> {
        let act = message.performative;
        let may_open = |to: &Party| match open_to(to) {
            Some(open_to) => access::may_open(me, to, act, &open_to),
            None => access::tiers_allow(me, to, act),
        };
        // Whoever is addressed for the first time is addressed by an opening act.
        if let Some(mine) = self.running(message.conversation_id, me)
            && mine.conversation.opening(message).is_some()
        {
            let added = message
                .receivers
                .iter()
                .filter(|to| mine.conversation.state(to).is_none());
            added.into_iter().try_for_each(may_open)?;
        }
        let refused = match self.go_on(message, now) {
            Ok(Some(step)) => return Ok(step),
            Ok(None) => None,
            Err(refused) => Some(refused),
        };
        self.open(me, message, now, refused, |message| {
            message.receivers.iter().try_for_each(may_open)
        })
    }

    /// Takes the act in the conversation that expects it: where two do not differ by who may say what, in-reply-to tells
    /// them apart. `None` if the sender has a part in none, an error if none expects it.
    fn go_on(&mut self, message: &Message, now: Timestamp) -> Result<Option<Step>, OutOfProtocol> {
        let id = message.conversation_id;
        let mut refused = None;
        for (at, running) in self.running.get_mut(&id).into_iter().flatten().enumerate() {
            if !running.conversation.has_part(&message.sender) {
                continue;
            }
            let before = running.conversation.legs.len();
            match running.conversation.step(message, now) {
                Ok(state) => {
                    let after = running.conversation.legs.len();
                    let added = after > before && message.sender == running.conversation.initiator;
                    return Ok(Some(self.stepped(id, at, state, added, now)));
                }
                // What the sender's own conversation says is nearest to what it meant.
                Err(error) if running.conversation.initiator == message.sender => {
                    refused = Some(error);
                }
                Err(error) => {
                    refused.get_or_insert(error);
                }
            }
        }
        refused.map_or(Ok(None), Err)
    }

    /// Takes note of a step that was made.
    fn stepped(
        &mut self,
        id: ConversationId,
        at: usize,
        state: State,
        opened: bool,
        now: Timestamp,
    ) -> Step {
        let running = &mut self.running.entry(id).or_default()[at];
        running.touched = now;
        let key = running.conversation.key();
        let finished = running.conversation.is_finished();
        self.sweep_at = self.sweep_at.min(running.gives_way_at());
        if finished {
            self.close(&key);
        }
        Step {
            key,
            opened,
            state,
            finished,
        }
    }

    /// An act of the platform: it did not arrive.
    fn undelivered(
        &mut self,
        failure: &Message,
        refused: Option<OutOfProtocol>,
        now: Timestamp,
    ) -> Result<Step, Refusal> {
        let id = failure.conversation_id;
        let mut refused = refused;
        for at in 0..self.running.get(&id).map_or(0, Vec::len) {
            let Some(running) = self.running.get_mut(&id).and_then(|all| all.get_mut(at)) else {
                continue;
            };
            match running.conversation.undelivered(failure) {
                Ok(state) => return Ok(self.stepped(id, at, state, false, now)),
                Err(error) => refused = Some(error),
            }
        }
        let why = if self.finished.knows(id) {
            Why::Finished
        } else {
            Why::NoConversation
        };
        Err(refused.unwrap_or_else(|| wrong(failure, why)).into())
    }

    /// Opens a conversation, or lets an act stand alone. `refused` is what the conversations of this id said that the
    /// sender has a part in.
    fn open(
        &mut self,
        me: &Party,
        message: &Message,
        now: Timestamp,
        refused: Option<OutOfProtocol>,
        may_open: impl FnOnce(&Message) -> Result<(), access::Denied>,
    ) -> Result<Step, Refusal> {
        let key = ConversationKey {
            id: message.conversation_id,
            initiator: message.sender.clone(),
        };
        // Who has a part in conversations of this id opens one more by an act that can only be meant so.
        if !opens_for_sure(message) {
            if let Some(refused) = refused {
                return Err(refused.into());
            }
            if self.was_in_a_finished_one(me, message) {
                return Err(wrong(message, Why::Finished).into());
            }
        }
        if self.running(key.id, &key.initiator).is_some() {
            let unexpected = || wrong(message, Why::Unexpected);
            return Err(refused.unwrap_or_else(unexpected).into());
        }
        if self.is_over_for(me, &key, message) {
            return Err(wrong(message, Why::Finished).into());
        }
        let conversation = match Conversation::open(me, message) {
            Ok(conversation) => conversation,
            Err(mut error) => {
                if error.why == Why::NoConversation && self.running.contains_key(&key.id) {
                    error.why = Why::Stranger;
                }
                return Err(error.into());
            }
        };
        may_open(message)?;
        if conversation.is_finished() {
            return Ok(Step {
                key,
                opened: true,
                state: State::Finished(Outcome::Done),
                finished: true,
            });
        }
        self.keep_answers_apart(&conversation, message)?;
        let state = conversation
            .participants()
            .find_map(|party| conversation.state(party))
            .unwrap_or(State::Asked);
        let holder = (conversation.initiator() != me).then(|| Holder {
            sender: message.sender.clone(),
            tenant: conversation.tenant().cloned(),
        });
        self.insert(conversation, holder, now)?;
        Ok(Step {
            key,
            opened: true,
            state,
            finished: false,
        })
    }

    /// Whether the conversation this act would open is over. One of `me` goes on with whoever was not yet in it: an
    /// answer may be faster than the next opening act.
    fn is_over_for(&self, me: &Party, key: &ConversationKey, message: &Message) -> bool {
        let finished = self.finished.get(key.id, &key.initiator);
        finished.is_some_and(|finished| {
            key.initiator != *me
                || finished.participants.len() >= Conversation::MAX_PARTICIPANTS
                || message.receivers.iter().any(|to| finished.has(to))
        })
    }

    /// Whether the act comes after the end of a conversation that the sender may have been in.
    fn was_in_a_finished_one(&self, me: &Party, message: &Message) -> bool {
        let mut finished = self.finished.of(message.conversation_id);
        finished.any(|finished| {
            message.sender == *me
                || finished.initiator == message.sender
                || finished.has(&message.sender)
        })
    }

    /// Answers go to the reply-to of an opening act, so it must not name somebody who has a conversation of the same id
    /// here: an answer to the one would be taken for an answer to the other. Whoever opened under another's name first
    /// gives way to the one whose name it is.
    fn keep_answers_apart(
        &mut self,
        new: &Conversation,
        message: &Message,
    ) -> Result<(), OutOfProtocol> {
        let Some(others) = self.running.get(&new.id) else {
            return Ok(());
        };
        let initiator = |other: &Running| other.conversation.initiator.clone();
        if others
            .iter()
            .any(|other| new.reply_to.contains(&other.conversation.initiator))
        {
            return Err(wrong(message, Why::Misaddressed));
        }
        let in_its_name: Vec<Party> = others
            .iter()
            .filter(|other| other.conversation.reply_to.contains(&new.initiator))
            .map(initiator)
            .collect();
        for initiator in in_its_name {
            self.close(&ConversationKey {
                id: new.id,
                initiator,
            });
        }
        Ok(())
    }

    /// Takes part in a conversation that began elsewhere, such as one this party was recruited for.
    pub fn adopt(&mut self, conversation: Conversation, now: Timestamp) -> Result<(), Refusal> {
        let key = conversation.key();
        let over = self.finished.get(key.id, &key.initiator).is_some();
        if over || self.running(key.id, &key.initiator).is_some() {
            return Ok(());
        }
        let holder = Holder {
            sender: key.initiator,
            tenant: conversation.tenant().cloned(),
        };
        self.insert(conversation, Some(holder), now)
    }

    fn insert(
        &mut self,
        conversation: Conversation,
        holder: Option<Holder>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if self.places.check(self.capacity, holder.as_ref()).is_err() {
            self.sweep(now);
            self.places.check(self.capacity, holder.as_ref())?;
        }
        self.places.take(holder.as_ref());
        let running = Running {
            touched: now,
            conversation,
            holder,
        };
        self.sweep_at = self.sweep_at.min(running.gives_way_at());
        let id = running.conversation.id;
        self.running.entry(id).or_default().push(running);
        Ok(())
    }

    /// Makes room, looking through all of them only when one can have become overdue or idle: who is refused for want of
    /// room costs no more than that.
    fn sweep(&mut self, now: Timestamp) {
        if now < self.sweep_at {
            return;
        }
        self.close_overdue(now);
        let running = || self.running.values().flatten();
        let mut idle: Vec<ConversationKey> = running()
            .filter(|running| now.since(running.touched) >= Self::IDLE)
            .map(|running| running.conversation.key())
            .collect();
        idle.sort();
        for key in idle {
            self.close(&key);
        }
        let next = self.running.values().flatten().map(Running::gives_way_at);
        self.sweep_at = next.min().unwrap_or(Timestamp::MAX);
    }

    fn running(&self, id: ConversationId, initiator: &Party) -> Option<&Running> {
        self.running
            .get(&id)?
            .iter()
            .find(|running| running.conversation.initiator == *initiator)
    }

    /// A running conversation.
    pub fn get(&self, key: &ConversationKey) -> Option<&Conversation> {
        self.running(key.id, &key.initiator)
            .map(|running| &running.conversation)
    }

    /// Those that run, in no order.
    pub fn under_way(&self) -> impl Iterator<Item = &Conversation> {
        let all = self.running.values().flatten();
        all.map(|running| &running.conversation)
    }

    /// What this party may say next in a conversation.
    pub fn expected(&self, key: &ConversationKey, from: &Party) -> Vec<Performative> {
        self.get(key)
            .map(|conversation| conversation.expected(from))
            .unwrap_or_default()
    }

    /// Leaves a conversation; acts that still come are out of protocol. Returns whether it was running.
    pub fn close(&mut self, key: &ConversationKey) -> bool {
        let Some(closed) = self.remove(key) else {
            return false;
        };
        let mine = closed.holder.is_none();
        let participants = closed.conversation.legs.into_keys().filter(|_| mine);
        match self.finished.get_mut(key.id, &key.initiator) {
            Some(before) => before.add(participants),
            None => self
                .finished
                .push(key, participants.collect(), self.capacity),
        }
        true
    }

    /// Takes back an opening act of this party that could not be delivered to these: they never were in the conversation,
    /// and if nobody else is, the conversation never was. Returns whether it was running.
    pub fn forget(&mut self, key: &ConversationKey, unreached: &[Party]) -> bool {
        let Some(running) = self.running.get_mut(&key.id).and_then(|running| {
            running
                .iter_mut()
                .find(|running| running.conversation.initiator == key.initiator)
        }) else {
            return false;
        };
        for party in unreached {
            running.conversation.legs.remove(party);
        }
        if running.conversation.legs.is_empty() {
            self.remove(key);
        } else if running.conversation.is_finished() {
            self.close(key);
        }
        true
    }

    fn remove(&mut self, key: &ConversationKey) -> Option<Running> {
        let running = self.running.get_mut(&key.id)?;
        let at = running
            .iter()
            .position(|running| running.conversation.initiator == key.initiator)?;
        let removed = running.swap_remove(at);
        if running.is_empty() {
            self.running.remove(&key.id);
        }
        self.places.give_back(removed.holder.as_ref());
        Some(removed)
    }

    /// Ends what is overdue; returns the conversations and parties that were waited for.
    pub fn close_overdue(&mut self, now: Timestamp) -> Vec<(ConversationKey, Party)> {
        let mut overdue = Vec::new();
        let mut over = Vec::new();
        for running in self.running.values_mut().flatten() {
            let parties = running.conversation.close_overdue(now);
            if parties.is_empty() {
                continue;
            }
            let key = running.conversation.key();
            if running.conversation.is_finished() {
                over.push(key.clone());
            }
            overdue.extend(parties.into_iter().map(|party| (key.clone(), party)));
        }
        over.sort();
        for key in over {
            self.close(&key);
        }
        overdue.sort();
        overdue
    }

    /// How many run now.
    pub fn len(&self) -> usize {
        self.places.held()
    }

    /// True if none runs.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Whether the act opens a protocol and answers nothing, so that it is no act of a conversation that there is.
fn opens_for_sure(message: &Message) -> bool {
    let act = message.performative;
    let protocol = message.protocol.or(ProtocolName::natural_for(act));
    message.in_reply_to.is_none()
        && protocol.is_some_and(|protocol| rules::opening(protocol, act).is_some())
}

fn wrong(message: &Message, why: Why) -> OutOfProtocol {
    OutOfProtocol {
        conversation: message.conversation_id,
        sender: message.sender.clone(),
        act: message.performative,
        why,
        expected: Vec::new(),
    }
}
