//! What is under way between a node and one agent in another process. Pure: no clock, no connection, no signature.
//!
//! A frame has a number and is held until the agent has it and, where an answer is due, until it has answered. So a connection that
//! breaks loses nothing: whoever goes on where it was is sent what it does not have, and a process that begins anew is handed all that
//! is not answered, at most so many times. What can no longer be handed over comes back, to be told of.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use aios_actors::outside::Letter;
use aios_protocols::{ConversationId, Message, MessageId, Party, Performative, Timestamp};

/// Frames that an agent may leave unacknowledged; whoever reads slower is pushed back, and senders find its mailbox full.
pub(crate) const UNACKNOWLEDGED: u64 = 64;
/// Frames held: those that wait for an answer, and those under way.
const HELD: usize = 1_024;
/// How long a frame without a deadline of its own is held for its answer: as long as a conversation that nobody touches is kept.
const PATIENCE: Duration = Duration::from_secs(3_600);
/// Messages of the agent that are remembered so that none is taken twice, and conversations that are known to go on.
const REMEMBERED: usize = 4_096;

/// Where an agent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nobody is connected.
    Away,
    /// Somebody is, by this number.
    Here(u64),
    /// It will not come any more.
    Gone,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Exchange {
    phase: Phase,
    sessions: u64,
    /// How often a frame is handed to a process that begins anew.
    deliveries: u32,
    /// Of the last frame.
    number: u64,
    held: BTreeMap<u64, Held>,
    /// Frames to be sent, the first first.
    due: VecDeque<u64>,
    /// The last number that the agent has acknowledged.
    acknowledged: u64,
    said: Remembered<MessageId>,
    talks: Remembered<(ConversationId, Party)>,
}

#[derive(Debug)]
struct Held {
    letter: Letter,
    answer_due: bool,
    /// How often it went out to a process that then fell.
    falls: u32,
    /// It went out over the connection that there is, or the last one.
    sent: bool,
    until: Timestamp,
}

/// What comes of somebody's arrival.
#[derive(Debug, Default)]
pub(crate) struct Arrived {
    /// The number of the connection.
    pub(crate) session: u64,
    /// The connection whose place it takes.
    pub(crate) displaced: Option<u64>,
    /// Frames that ended as many processes as they may.
    pub(crate) given_up: Vec<Letter>,
}

/// What a message of the agent is in its conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// It begins one.
    Opens,
    /// It goes on with one.
    GoesOn,
    /// It was said before.
    Again,
}

impl Exchange {
    pub(crate) fn new(deliveries: u32) -> Self {
        Self {
            phase: Phase::Away,
            sessions: 0,
            deliveries,
            number: 0,
            held: BTreeMap::new(),
            due: VecDeque::new(),
            acknowledged: 0,
            said: Remembered::default(),
            talks: Remembered::default(),
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    /// Frames held, for whoever looks.
    pub(crate) fn held(&self) -> usize {
        self.held.len()
    }

    /// Somebody has come. `resumes` is the last frame that it has; none of a process that has just begun, which has nothing.
    ///
    /// `None` if nobody is expected any more.
    pub(crate) fn arrive(&mut self, resumes: Option<u64>) -> Option<Arrived> {
        let displaced = match self.phase {
            Phase::Gone => return None,
            Phase::Here(session) => Some(session),
            Phase::Away => None,
        };
        self.sessions += 1;
        self.phase = Phase::Here(self.sessions);
        let mut given_up = Vec::new();
        match resumes {
            Some(has) => {
                self.have(has.min(self.number));
            }
            None => {
                let deliveries = self.deliveries;
                for held in self.held.values_mut().filter(|held| held.sent) {
                    held.falls += 1;
                }
                let over = self.held.extract_if(.., |_, held| held.falls >= deliveries);
                given_up.extend(over.map(|(_, held)| held.letter));
                // It acknowledges what it is sent from here on.
                self.acknowledged = self
                    .held
                    .keys()
                    .next()
                    .map_or(self.number, |first| first - 1);
            }
        }
        let has = self.acknowledged;
        self.due = self
            .held
            .keys()
            .copied()
            .filter(|number| *number > has)
            .collect();
        for held in self.held.values_mut() {
            held.sent = resumes.is_some() && held.sent;
        }
        Some(Arrived {
            session: self.sessions,
            displaced,
            given_up,
        })
    }

    /// A connection is lost; false if it was not the one that there is.
    pub(crate) fn lose(&mut self, session: u64) -> bool {
        let lost = self.phase == Phase::Here(session);
        if lost {
            self.phase = Phase::Away;
        }
        lost
    }

    /// Whether another frame may be taken up for the agent.
    pub(crate) fn has_room(&self) -> bool {
        matches!(self.phase, Phase::Here(_))
            && self.held.len() < HELD
            && (self.held.range(self.acknowledged + 1..).count() as u64) < UNACKNOWLEDGED
    }

    /// Takes a frame up. What goes on in a conversation that the agent is in is known to do so from now on.
    pub(crate) fn offer(&mut self, letter: Letter, now: Timestamp) {
        self.number += 1;
        let message = &letter.message;
        self.talks
            .keep((message.conversation_id, message.sender.clone()));
        let act = message.performative;
        let held = Held {
            answer_due: act.expects_reply() || act == Performative::AcceptProposal,
            falls: 0,
            sent: false,
            until: message.reply_by.unwrap_or(now + PATIENCE),
            letter,
        };
        self.held.insert(self.number, held);
        self.due.push_back(self.number);
    }

    /// The next frame to be sent.
    pub(crate) fn next(&mut self) -> Option<(u64, Letter)> {
        while let Some(number) = self.due.pop_front() {
            if let Some(held) = self.held.get_mut(&number) {
                held.sent = true;
                return Some((number, held.letter.clone()));
            }
        }
        None
    }

    /// The agent says that it has all frames up to a number; false if it was never sent that one.
    pub(crate) fn ack(&mut self, number: u64) -> bool {
        let last_sent = self.due.front().map_or(self.number, |next| next - 1);
        if number > last_sent {
            return false;
        }
        self.have(number);
        true
    }

    fn have(&mut self, number: u64) {
        self.acknowledged = self.acknowledged.max(number);
        self.held.retain(|at, held| *at > number || held.answer_due);
        for (_, held) in self.held.range_mut(..=number) {
            held.sent = true;
        }
        self.due.retain(|at| *at > number);
    }

    /// The agent says something. What it answers is no longer held.
    pub(crate) fn heard(&mut self, message: &Message) -> Said {
        if !self.said.keep(message.id()) {
            return Said::Again;
        }
        let id = message.conversation_id;
        let goes_on = message
            .receivers
            .iter()
            .any(|party| self.talks.has(&(id, party.clone())));
        // A promise; the answer is still to come.
        if message.performative != Performative::Agree {
            let answered = |held: &Held| {
                held.answer_due
                    && held.letter.message.conversation_id == id
                    && message.receivers.contains(&held.letter.message.sender)
            };
            let first = self.held.iter().find(|(_, held)| answered(held));
            if let Some(number) = first.map(|(number, _)| *number) {
                self.held.remove(&number);
            }
        }
        for party in &message.receivers {
            self.talks.keep((id, party.clone()));
        }
        match goes_on || !message.performative.can_open() {
            true => Said::GoesOn,
            false => Said::Opens,
        }
    }

    /// Frames that nobody waits for any more.
    pub(crate) fn expire(&mut self, now: Timestamp) -> Vec<Letter> {
        let over = self.held.extract_if(.., |_, held| held.until < now);
        over.map(|(_, held)| held.letter).collect()
    }

    /// Nobody has come for too long: all that is held is handed out, to be told of.
    pub(crate) fn give_up(&mut self) -> Vec<Letter> {
        self.due.clear();
        self.acknowledged = self.number;
        std::mem::take(&mut self.held)
            .into_values()
            .map(|held| held.letter)
            .collect()
    }

    /// Nobody is expected any more; the connection that there was, and all that is held.
    pub(crate) fn end(&mut self) -> (Option<u64>, Vec<Letter>) {
        let session = match self.phase {
            Phase::Here(session) => Some(session),
            Phase::Away | Phase::Gone => None,
        };
        self.phase = Phase::Gone;
        (session, self.give_up())
    }
}

/// The last so many of something.
#[derive(Debug)]
struct Remembered<T> {
    known: HashSet<T>,
    order: VecDeque<T>,
}

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Self {
            known: HashSet::new(),
            order: VecDeque::new(),
        }
    }
}

impl<T: Hash + Eq + Clone> Remembered<T> {
    fn has(&self, one: &T) -> bool {
        self.known.contains(one)
    }

    /// False if it was known.
    fn keep(&mut self, one: T) -> bool {
        if !self.known.insert(one.clone()) {
            return false;
        }
        self.order.push_back(one);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
#[path = "exchange_tests.rs"]
mod tests;
