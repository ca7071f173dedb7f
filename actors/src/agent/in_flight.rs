//! What an agent has taken and not yet settled. It belongs to the cell, so a message outlives the incarnation that
//! dropped it.
//!
//! Pure bookkeeping; the host and the incoming message act on what it says.

use std::collections::BTreeMap;
use std::sync::Arc;

use aios_protocols::{ConversationKey, Trusted};

use super::incoming::Cancelled;
use crate::observer::InHand;

/// Names one taken message. Tickets rise in the order in which messages were taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ticket(u64);

/// One message in an agent's hands.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) message: Arc<Trusted>,
    /// The conversation it belongs to.
    pub(crate) conversation: ConversationKey,
    /// How many incarnations were handed it.
    pub(crate) deliveries: u32,
    /// How many of those fell with it in their hands and nothing else to blame.
    pub(crate) strikes: u32,
    /// Whether the sender waits for an answer.
    pub(crate) answer_due: bool,
    /// Where the author has it; a drop within a turn or job is judged when that ends.
    pub(crate) scope: Scope,
    /// Whether the author let go of it.
    pub(crate) dropped: bool,
    /// Set when the sender takes it back.
    pub(crate) cancelled: Arc<Cancelled>,
    /// The sender's cancel, which is owed an answer of its own.
    pub(crate) cancel: Option<Arc<Trusted>>,
}

impl Entry {
    /// What is told of it to whoever looks.
    pub(crate) fn in_hand(&self) -> InHand {
        InHand {
            id: self.message.id(),
            act: self.message.performative,
            sender: self.message.sender.clone(),
            conversation: self.message.conversation_id,
            deliveries: self.deliveries,
        }
    }
}

/// Where the author has a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Kept by the agent to be answered later, or not handed over yet.
    Kept,
    /// In the handler.
    Turn,
    /// In a job.
    Job,
}

/// What the taken messages are to the incarnation that starts now.
#[derive(Debug, Default)]
pub(crate) struct Inheritance {
    /// To be handed over once more, oldest first.
    pub(crate) again: Vec<Ticket>,
    /// Handed over as often as allowed: no longer in flight.
    pub(crate) poisonous: Vec<Entry>,
}

/// The table.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    entries: BTreeMap<Ticket, Entry>,
    next: u64,
}

impl InFlight {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn take(
        &mut self,
        message: Arc<Trusted>,
        conversation: ConversationKey,
        answer_due: bool,
    ) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        let entry = Entry {
            message,
            conversation,
            deliveries: 0,
            strikes: 0,
            answer_due,
            scope: Scope::Kept,
            dropped: false,
            cancelled: Arc::default(),
            cancel: None,
        };
        self.entries.insert(ticket, entry);
        ticket
    }

    /// An incarnation is handed the message.
    pub(crate) fn deliver(&mut self, ticket: Ticket) -> Option<&Entry> {
        let entry = self.entries.get_mut(&ticket)?;
        entry.deliveries += 1;
        entry.strikes += 1;
        entry.scope = Scope::Turn;
        entry.dropped = false;
        Some(entry)
    }

    pub(crate) fn get_mut(&mut self, ticket: Ticket) -> Option<&mut Entry> {
        self.entries.get_mut(&ticket)
    }

    /// Answered, acknowledged or given up.
    pub(crate) fn settle(&mut self, ticket: Ticket) -> Option<Entry> {
        self.entries.remove(&ticket)
    }

    /// The messages of one conversation, for a cancel.
    pub(crate) fn of_conversation(&self, conversation: &ConversationKey) -> Vec<Ticket> {
        self.entries
            .iter()
            .filter(|(_, entry)| entry.conversation == *conversation)
            .map(|(ticket, _)| *ticket)
            .collect()
    }

    /// The incarnation failed while it handled `culprit`: that does not count against the others.
    pub(crate) fn blame(&mut self, culprit: Ticket) {
        for (ticket, entry) in &mut self.entries {
            if *ticket != culprit {
                entry.strikes = entry.strikes.saturating_sub(1);
            }
        }
    }

    /// The incarnation stopped in good order: nothing in its hands has ended it.
    pub(crate) fn forgive(&mut self) {
        for entry in self.entries.values_mut() {
            entry.strikes = 0;
        }
    }

    /// A new incarnation takes over.
    pub(crate) fn inherit(&mut self, strikes_allowed: u32) -> Inheritance {
        let mut found = Inheritance::default();
        let exhausted: Vec<Ticket> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.strikes >= strikes_allowed)
            .map(|(ticket, _)| *ticket)
            .collect();
        for ticket in exhausted {
            if let Some(entry) = self.entries.remove(&ticket) {
                found.poisonous.push(entry);
            }
        }
        for (ticket, entry) in &mut self.entries {
            entry.scope = Scope::Kept;
            found.again.push(*ticket);
        }
        found
    }

    /// All of it, oldest first.
    pub(crate) fn tickets(&self) -> Vec<Ticket> {
        self.entries.keys().copied().collect()
    }
}
