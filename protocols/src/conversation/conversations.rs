//! All conversations of one party: who is in which, bounded in number.

use std::collections::{HashMap, HashSet, VecDeque};

use super::{Conversation, OutOfProtocol, Outcome, State, Why};
use crate::{ConversationId, Message, Party, Performative, Refusal, Timestamp, access};

/// What an admitted act did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// It opened the conversation, or stood alone.
    pub opened: bool,
    /// How far its leg is now.
    pub state: State,
    /// Nothing more is expected in the whole conversation.
    pub finished: bool,
}

/// The conversations of one party. Lives outside the agent that may crash.
///
/// Bounded: at most `capacity` run at once, and as many finished ones are remembered so that an act that comes after
/// the end is known to be late. A conversation nobody has touched for [`Conversations::IDLE`] gives way when room is
/// needed.
#[derive(Debug, Clone)]
pub struct Conversations {
    capacity: usize,
    running: HashMap<ConversationId, Running>,
    finished: HashSet<ConversationId>,
    /// The finished ones, oldest first.
    order: VecDeque<ConversationId>,
}

#[derive(Debug, Clone)]
struct Running {
    conversation: Conversation,
    touched: Timestamp,
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
    pub const IDLE: std::time::Duration = std::time::Duration::from_secs(3_600);

    /// Room for this many conversations at once.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            running: HashMap::new(),
            finished: HashSet::new(),
            order: VecDeque::new(),
        }
    }

    /// Takes an act that `me` received and verified: the conversation must expect it, or the sender may open one.
    pub fn receive(
        &mut self,
        me: &Party,
        message: &Message,
        now: Timestamp,
    ) -> Result<Step, Refusal> {
        self.take(me, message, now, |message| {
            access::may_open(&message.sender, me, message.performative)
        })
    }

    /// Takes an act that `me` is about to send: what the receiver would refuse is not sent.
    pub fn send(&mut self, me: &Party, message: &Message, now: Timestamp) -> Result<Step, Refusal> {
        self.take(me, message, now, |message| {
            message
                .receivers
                .iter()
                .try_for_each(|to| access::may_open(me, to, message.performative))
        })
    }

    fn take(
        &mut self,
        me: &Party,
        message: &Message,
        now: Timestamp,
        may_open: impl FnOnce(&Message) -> Result<(), access::Denied>,
    ) -> Result<Step, Refusal> {
        let id = message.conversation_id;
        if let Some(running) = self.running.get_mut(&id) {
            let state = running.conversation.step(message, now)?;
            running.touched = now;
            let finished = running.conversation.is_finished();
            if finished {
                self.close(id);
            }
            return Ok(Step {
                opened: false,
                state,
                finished,
            });
        }
        if self.finished.contains(&id) {
            return Err(over(message).into());
        }
        let conversation = Conversation::open(me, message)?;
        may_open(message)?;
        if conversation.is_finished() {
            return Ok(Step {
                opened: true,
                state: State::Finished(Outcome::Done),
                finished: true,
            });
        }
        let state = conversation
            .participants()
            .find_map(|party| conversation.state(party))
            .unwrap_or(State::Asked);
        self.insert(conversation, now)?;
        Ok(Step {
            opened: true,
            state,
            finished: false,
        })
    }

    /// Takes part in a conversation that began elsewhere, such as one this party was recruited for.
    pub fn adopt(&mut self, conversation: Conversation, now: Timestamp) -> Result<(), Refusal> {
        if self.finished.contains(&conversation.id()) {
            return Ok(());
        }
        self.insert(conversation, now)
    }

    fn insert(&mut self, conversation: Conversation, now: Timestamp) -> Result<(), Refusal> {
        if self.running.len() >= self.capacity {
            let mut idle: Vec<ConversationId> = self
                .running
                .iter()
                .filter(|(_, running)| now.since(running.touched) >= Self::IDLE)
                .map(|(id, _)| *id)
                .collect();
            idle.sort();
            for id in idle {
                self.close(id);
            }
        }
        if self.running.len() >= self.capacity {
            return Err(Refusal::TooManyConversations {
                asked: self.running.len() + 1,
                allowed: self.capacity,
            });
        }
        let running = Running {
            touched: now,
            conversation,
        };
        self.running.insert(running.conversation.id(), running);
        Ok(())
    }

    /// A running conversation.
    pub fn get(&self, id: ConversationId) -> Option<&Conversation> {
        self.running.get(&id).map(|running| &running.conversation)
    }

    /// What this party may say next in a conversation.
    pub fn expected(&self, id: ConversationId, from: &Party) -> Vec<Performative> {
        self.get(id)
            .map(|conversation| conversation.expected(from))
            .unwrap_or_default()
    }

    /// Leaves a conversation; acts that still come are out of protocol. Returns whether it was running.
    pub fn close(&mut self, id: ConversationId) -> bool {
        if self.running.remove(&id).is_none() {
            return false;
        }
        if self.order.len() >= self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.finished.remove(&oldest);
        }
        self.finished.insert(id);
        self.order.push_back(id);
        true
    }

    /// Takes back an opening act that could not be delivered: the conversation never was. Returns whether it was
    /// running.
    pub fn forget(&mut self, id: ConversationId) -> bool {
        self.running.remove(&id).is_some()
    }

    /// Ends what is overdue; returns the conversations and parties that were waited for.
    pub fn close_overdue(&mut self, now: Timestamp) -> Vec<(ConversationId, Party)> {
        let mut overdue = Vec::new();
        let mut over = Vec::new();
        for (id, running) in &mut self.running {
            let parties = running.conversation.close_overdue(now);
            overdue.extend(parties.into_iter().map(|party| (*id, party)));
            if running.conversation.is_finished() {
                over.push(*id);
            }
        }
        over.sort();
        for id in over {
            self.close(id);
        }
        overdue.sort();
        overdue
    }

    /// How many run now.
    pub fn len(&self) -> usize {
        self.running.len()
    }

    /// True if none runs.
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }
}

fn over(message: &Message) -> OutOfProtocol {
    OutOfProtocol {
        conversation: message.conversation_id,
        sender: message.sender.clone(),
        act: message.performative,
        why: Why::Finished,
        expected: Vec::new(),
    }
}
