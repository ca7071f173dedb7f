//! The conversations of one agent, and who inside it waits for what is said in them.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use aios_protocols::conversation::{Conversation, Step};
use aios_protocols::{
    ConversationId, ConversationKey, Conversations, Message, OpenTo, Party, Performative, Refusal,
    Timestamp, Trusted,
};
use tokio::sync::mpsc;

use super::SendError;

/// Where an ask or a dialogue hears what the other side says.
pub(crate) type ReplySender = mpsc::Sender<Trusted>;

pub(crate) struct OpenConversations {
    allowed: usize,
    asks_allowed: usize,
    platform: Arc<BTreeSet<Party>>,
    /// None before the first act: of a crowd, most wait for it.
    books: Option<Box<Books>>,
}

struct Books {
    conversations: Conversations,
    waiting: HashMap<ConversationKey, ReplySender>,
    /// Cancels that overtook what they take back, oldest first.
    early_cancels: VecDeque<Trusted>,
}

/// Early cancels remembered; the oldest is forgotten first, and its request is then done for nothing.
const EARLY_CANCELS: usize = 64;
/// Early cancels of one sender: eight senders fill the table.
const EARLY_CANCELS_OF_ONE: usize = EARLY_CANCELS / 8;

impl OpenConversations {
    pub(crate) fn new(conversations: usize, asks: usize, platform: Arc<BTreeSet<Party>>) -> Self {
        Self {
            allowed: conversations,
            asks_allowed: asks,
            platform,
            books: None,
        }
    }

    fn books(&mut self) -> &mut Books {
        let (allowed, platform) = (self.allowed, &self.platform);
        self.books.get_or_insert_with(|| {
            Box::new(Books {
                conversations: opened(allowed, platform),
                waiting: HashMap::new(),
                early_cancels: VecDeque::new(),
            })
        })
    }

    /// Takes note of an act that goes out, and of who waits for what comes back. It does not go out to whom `open_to`
    /// knows that this party is not welcome.
    pub(crate) fn send(
        &mut self,
        me: &Party,
        message: &Message,
        now: Timestamp,
        reply_sender: Option<ReplySender>,
        open_to: impl Fn(&Party) -> Option<Arc<OpenTo>>,
    ) -> Result<Step, SendError> {
        if reply_sender.is_some() && self.asks() >= self.asks_allowed {
            return Err(SendError::TooManyAsks {
                asked: self.asks() + 1,
                allowed: self.asks_allowed,
            });
        }
        let books = self.books();
        let step = books
            .conversations
            .send_to_open(me, message, now, open_to)
            .map_err(not_sent)?;
        if let Some(reply_sender) = reply_sender {
            books.waiting.insert(step.key.clone(), reply_sender);
        }
        Ok(step)
    }

    /// Takes note of an act that came in to one who is open to these.
    pub(crate) fn receive(
        &mut self,
        me: &Party,
        message: &Message,
        now: Timestamp,
        open_to: &OpenTo,
    ) -> Result<Step, Refusal> {
        let conversations = &mut self.books().conversations;
        conversations.receive_if_open(me, message, now, open_to)
    }

    /// Whether an act that came in now would open a conversation, or why it would be refused; but for want of room.
    pub(crate) fn would_receive(
        &self,
        me: &Party,
        message: &Message,
        now: Timestamp,
        open_to: &OpenTo,
    ) -> Result<bool, Refusal> {
        match &self.books {
            Some(books) => books.conversations.would_receive(me, message, now, open_to),
            None => opened(self.allowed, &self.platform).would_receive(me, message, now, open_to),
        }
    }

    /// Who waits in this conversation. After its last act nobody does.
    pub(crate) fn reply_sender(&mut self, step: &Step) -> Option<ReplySender> {
        let waiting = &mut self.books.as_mut()?.waiting;
        if step.finished {
            waiting.remove(&step.key)
        } else {
            waiting.get(&step.key).cloned()
        }
    }

    /// Whether this party still owes the conversation an act.
    pub(crate) fn owes(&self, key: &ConversationKey, me: &Party) -> bool {
        let Some(books) = &self.books else {
            return false;
        };
        books.conversations.expected(key, me).iter().any(|act| {
            // These two are always possible and never owed.
            !matches!(act, Performative::NotUnderstood | Performative::Cancel)
        })
    }

    pub(crate) fn expects(&self, key: &ConversationKey, me: &Party, act: Performative) -> bool {
        let books = self.books.as_ref();
        books.is_some_and(|books| books.conversations.expected(key, me).contains(&act))
    }

    /// The opening act did not arrive at these: they never were in the conversation.
    pub(crate) fn unsay(&mut self, key: &ConversationKey, unreached: &[Party]) {
        let Some(books) = &mut self.books else {
            return;
        };
        books.conversations.forget(key, unreached);
        if books.conversations.get(key).is_none() {
            books.waiting.remove(key);
        }
    }

    /// Nobody waits any more; what still comes is late.
    pub(crate) fn hang_up(&mut self, key: &ConversationKey) {
        if let Some(books) = &mut self.books {
            books.waiting.remove(key);
            books.conversations.close(key);
        }
    }

    /// Nobody listens now, but the conversation goes on.
    pub(crate) fn stop_listening(&mut self, key: &ConversationKey) {
        if let Some(books) = &mut self.books {
            books.waiting.remove(key);
        }
    }

    /// All who waited are gone with their incarnation.
    pub(crate) fn hang_up_all(&mut self) {
        let waiting = self.books.iter().flat_map(|books| books.waiting.keys());
        let keys: Vec<ConversationKey> = waiting.cloned().collect();
        for key in keys {
            self.hang_up(&key);
        }
    }

    /// Keeps a cancel whose request still waits in the mailbox: answers and cancels are taken up at once, requests
    /// in their turn.
    pub(crate) fn keep_early_cancel(&mut self, cancel: Trusted) {
        let early = &mut self.books().early_cancels;
        let same = |other: &Trusted| other.sender == cancel.sender;
        let of_one = early.iter().filter(|other| same(other));
        if of_one.count() >= EARLY_CANCELS_OF_ONE {
            let oldest = early.iter().position(same);
            oldest.and_then(|at| early.remove(at));
        } else if early.len() >= EARLY_CANCELS {
            early.pop_front();
        }
        early.push_back(cancel);
    }

    /// The cancel that came before its request, if there is one.
    pub(crate) fn early_cancel(&mut self, id: ConversationId, sender: &Party) -> Option<Trusted> {
        let is_it = |cancel: &Trusted| cancel.conversation_id == id && cancel.sender == *sender;
        let early = &mut self.books.as_mut()?.early_cancels;
        let at = early.iter().position(is_it)?;
        early.remove(at)
    }

    /// Those that run.
    pub(crate) fn under_way(&self) -> impl Iterator<Item = &Conversation> {
        let books = self.books.iter();
        books.flat_map(|books| books.conversations.under_way())
    }

    pub(crate) fn len(&self) -> usize {
        let books = self.books.as_ref();
        books.map_or(0, |books| books.conversations.len())
    }

    pub(crate) fn asks(&self) -> usize {
        self.books.as_ref().map_or(0, |books| books.waiting.len())
    }
}

fn opened(allowed: usize, platform: &Arc<BTreeSet<Party>>) -> Conversations {
    Conversations::new(allowed).of_platform(Arc::clone(platform))
}

/// The conversation's no, in the words of a sender.
fn not_sent(refusal: Refusal) -> SendError {
    match refusal {
        Refusal::TierForbidden(denied) => SendError::Denied(denied),
        Refusal::OutOfProtocol(why) => SendError::OutOfProtocol(why),
        Refusal::TooManyConversations { asked, allowed, .. } => {
            SendError::TooManyConversations { asked, allowed }
        }
        other => SendError::NotAllowed {
            why: other.to_string(),
        },
    }
}
