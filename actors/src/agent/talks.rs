//! The conversations of one agent, and who inside it waits for what is said in them.

use std::collections::{HashMap, VecDeque};

use aios_protocols::conversation::Step;
use aios_protocols::{
    ConversationId, Conversations, Message, Party, Performative, Refusal, Timestamp, Trusted,
};
use tokio::sync::mpsc;

use super::SendError;

/// Where an ask or a dialogue hears what the other side says.
pub(crate) type Ear = mpsc::Sender<Trusted>;

pub(crate) struct Talks {
    conversations: Conversations,
    waiting: HashMap<ConversationId, Ear>,
    asks_allowed: usize,
    conversations_allowed: usize,
    /// Cancels that overtook what they take back, oldest first.
    early_cancels: VecDeque<Trusted>,
}

/// Early cancels remembered; the oldest is forgotten first, and its request is then done for nothing.
const EARLY_CANCELS: usize = 64;

impl Talks {
    pub(crate) fn new(conversations: usize, asks: usize) -> Self {
        Self {
            conversations: Conversations::new(conversations),
            waiting: HashMap::new(),
            asks_allowed: asks,
            conversations_allowed: conversations,
            early_cancels: VecDeque::new(),
        }
    }

    /// Takes note of an act that goes out, and of who waits for what comes back.
    pub(crate) fn send(
        &mut self,
        me: &Party,
        message: &Message,
        now: Timestamp,
        ear: Option<Ear>,
    ) -> Result<Step, SendError> {
        if ear.is_some() && self.waiting.len() >= self.asks_allowed {
            return Err(SendError::TooManyAsks {
                asked: self.waiting.len() + 1,
                allowed: self.asks_allowed,
            });
        }
        self.make_room(now);
        let step = self
            .conversations
            .send(me, message, now)
            .map_err(not_sent)?;
        if let Some(ear) = ear {
            self.waiting.insert(message.conversation_id, ear);
        }
        Ok(step)
    }

    /// Takes note of an act that came in.
    pub(crate) fn receive(
        &mut self,
        me: &Party,
        message: &Message,
        now: Timestamp,
    ) -> Result<Step, Refusal> {
        self.make_room(now);
        self.conversations.receive(me, message, now)
    }

    /// Who waits in this conversation. After its last act nobody does.
    pub(crate) fn ear(&mut self, id: ConversationId, finished: bool) -> Option<Ear> {
        if finished {
            self.waiting.remove(&id)
        } else {
            self.waiting.get(&id).cloned()
        }
    }

    /// Whether this party still owes the conversation an act.
    pub(crate) fn owes(&self, id: ConversationId, me: &Party) -> bool {
        self.conversations.expected(id, me).iter().any(|act| {
            // These two are always possible and never owed.
            !matches!(act, Performative::NotUnderstood | Performative::Cancel)
        })
    }

    pub(crate) fn expects(&self, id: ConversationId, me: &Party, act: Performative) -> bool {
        self.conversations.expected(id, me).contains(&act)
    }

    /// The opening act did not arrive: the conversation never was.
    pub(crate) fn unsay(&mut self, id: ConversationId) {
        self.conversations.forget(id);
        self.waiting.remove(&id);
    }

    /// Nobody waits any more; what still comes is late.
    pub(crate) fn hang_up(&mut self, id: ConversationId) {
        self.waiting.remove(&id);
        self.conversations.close(id);
    }

    /// Nobody listens now, but the conversation goes on.
    pub(crate) fn stop_listening(&mut self, id: ConversationId) {
        self.waiting.remove(&id);
    }

    /// All who waited are gone with their incarnation.
    pub(crate) fn hang_up_all(&mut self) {
        let ids: Vec<ConversationId> = self.waiting.keys().copied().collect();
        for id in ids {
            self.hang_up(id);
        }
    }

    /// Keeps a cancel whose request still waits in the mailbox: answers and cancels are taken up at once, requests
    /// in their turn.
    pub(crate) fn keep_early_cancel(&mut self, cancel: Trusted) {
        if self.early_cancels.len() >= EARLY_CANCELS {
            self.early_cancels.pop_front();
        }
        self.early_cancels.push_back(cancel);
    }

    /// The cancel that came before its request, if there is one.
    pub(crate) fn early_cancel(&mut self, id: ConversationId, sender: &Party) -> Option<Trusted> {
        let is_it = |cancel: &Trusted| cancel.conversation_id == id && cancel.sender == *sender;
        let at = self.early_cancels.iter().position(is_it)?;
        self.early_cancels.remove(at)
    }

    /// Ends what is overdue when there is no room for more.
    fn make_room(&mut self, now: Timestamp) {
        if self.conversations.len() >= self.conversations_allowed {
            self.conversations.close_overdue(now);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.conversations.len()
    }

    pub(crate) fn asks(&self) -> usize {
        self.waiting.len()
    }
}

/// The conversation's no, in the words of a sender.
fn not_sent(refusal: Refusal) -> SendError {
    match refusal {
        Refusal::TierForbidden(denied) => SendError::Denied(denied),
        Refusal::OutOfProtocol(why) => SendError::OutOfProtocol(why),
        Refusal::TooManyConversations { asked, allowed } => {
            SendError::TooManyConversations { asked, allowed }
        }
        other => SendError::NotAllowed {
            why: other.to_string(),
        },
    }
}
