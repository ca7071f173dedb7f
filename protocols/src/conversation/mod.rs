//! FIPA's interaction protocols as pure state machines, one per conversation.
//!
//! Initiator and participant run the same machine over the acts they send and receive, so both refuse the same act.
//! A conversation with several receivers has one leg for each of them; a participant sees only its own. The rules
//! stand in `rules.rs` as tables to be read beside FIPA00026 to FIPA00036.
//!
//! A message that names no protocol follows the natural protocol of its act ([`ProtocolName::natural_for`]): a bare
//! request runs as fipa-request. Acts without one (inform, confirm, disconfirm, inform-if, inform-ref, propagate)
//! stand alone: they are complete once said, open nothing, and may not answer anything (no in-reply-to).
//!
//! In every protocol either side may say `not-understood`, which ends the leg and is never answered in turn, and the
//! initiator may cancel: the participant then answers `inform` (cancelled) or `failure` (it goes on). Acts that cross
//! the cancel are told apart by in-reply-to.
//!
//! A reply-by binds the next act of the other side; an act that comes later is out of protocol.

mod conversations;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use thiserror::Error;

pub use conversations::{Conversations, Step};

use crate::{ConversationId, Message, Party, Performative, ProtocolName, Timestamp};

/// Who an act comes from, seen from the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// Who opened the conversation.
    Initiator,
    /// Who was addressed.
    Participant,
    /// Who was recruited by a participant (fipa-recruiting).
    Recruit,
}

impl Side {
    const fn other(self) -> Self {
        match self {
            Side::Initiator => Side::Participant,
            Side::Participant | Side::Recruit => Side::Initiator,
        }
    }
}

/// How far one leg of a conversation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Opened, not answered yet.
    Asked,
    /// The participant agreed and is at work.
    Agreed,
    /// The participant proposed, or was proposed to.
    Proposed,
    /// The proposal was accepted and is being carried out.
    Accepted,
    /// Answers may follow, any number of them.
    Answering,
    /// The initiator cancelled and waits to hear whether in time.
    Cancelling,
    /// Nothing follows.
    Finished(Outcome),
}

/// How a leg ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// As intended.
    Done,
    /// The participant refused.
    Refused,
    /// The participant tried and failed.
    Failed,
    /// The proposal was rejected.
    Rejected,
    /// The initiator cancelled in time.
    Cancelled,
    /// One side did not understand the other.
    NotUnderstood,
    /// The next act did not come by its reply-by, or one side left.
    Abandoned,
}

/// Why an act does not belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    /// The machine expects other acts.
    Unexpected,
    /// The conversation, or the sender's leg of it, is over.
    Finished,
    /// The act answers a conversation that does not exist here.
    NoConversation,
    /// The sender has no part in the conversation.
    Stranger,
    /// The act is addressed to somebody without a part in the conversation.
    Misaddressed,
    /// The act names another protocol than the conversation has.
    OtherProtocol(ProtocolName),
    /// The act comes after the reply-by of the one before.
    Late {
        /// When it was due.
        reply_by: Timestamp,
    },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Unexpected => f.write_str("the protocol does not allow it here"),
            Why::Finished => f.write_str("the conversation is over"),
            Why::NoConversation => f.write_str("it answers a conversation that does not exist"),
            Why::Stranger => f.write_str("its sender has no part in the conversation"),
            Why::Misaddressed => f.write_str("its receiver has no part in the conversation"),
            Why::OtherProtocol(name) => write!(f, "it names {name}, the conversation does not"),
            Why::Late { reply_by } => write!(f, "it was due by {reply_by}"),
        }
    }
}

/// An act that its conversation does not expect.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{act} from {sender} in conversation {conversation}: {why}; expected {}", listed(.expected))]
pub struct OutOfProtocol {
    /// The conversation.
    pub conversation: ConversationId,
    /// Who spoke.
    pub sender: Party,
    /// The act.
    pub act: Performative,
    /// Why it does not belong.
    pub why: Why,
    /// What the sender could have said instead.
    pub expected: Vec<Performative>,
}

fn listed(acts: &[Performative]) -> String {
    if acts.is_empty() {
        return "nothing".to_owned();
    }
    let words: Vec<&str> = acts.iter().map(|act| act.as_str()).collect();
    words.join(", ")
}

/// One run of an interaction protocol, seen by one of its parties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    id: ConversationId,
    protocol: Option<ProtocolName>,
    side: Side,
    initiator: Party,
    /// Who may be answered besides the initiator: the opening act's reply-to.
    reply_to: BTreeSet<Party>,
    legs: BTreeMap<Party, Leg>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Leg {
    side: Side,
    state: State,
    /// While cancelling: where the leg was, and what an answer to the cancel names.
    cancel: Option<(State, Option<String>)>,
    /// Who must act by when.
    due: Option<(Side, Timestamp)>,
}

impl Conversation {
    /// Begins with the opening act, which `me` sends or receives.
    pub fn open(me: &Party, first: &Message) -> Result<Self, OutOfProtocol> {
        let side = if first.sender == *me {
            Side::Initiator
        } else {
            Side::Participant
        };
        let act = first.performative;
        let wrong = |why, expected| OutOfProtocol {
            conversation: first.conversation_id,
            sender: first.sender.clone(),
            act,
            why,
            expected,
        };
        if !act.can_open() {
            return Err(wrong(Why::NoConversation, Vec::new()));
        }
        let protocol = first.protocol.or(ProtocolName::natural_for(act));
        let state = match protocol {
            Some(name) => rules::opening(name, act)
                .ok_or_else(|| wrong(Why::Unexpected, rules::openers(name).to_vec()))?,
            None if first.in_reply_to.is_some() => {
                return Err(wrong(Why::NoConversation, Vec::new()));
            }
            None => State::Finished(Outcome::Done),
        };
        let leg = Leg {
            side: Side::Participant,
            state,
            cancel: None,
            due: first.reply_by.map(|by| (Side::Participant, by)),
        };
        let participants: BTreeSet<&Party> = match side {
            Side::Initiator => first.receivers.iter().collect(),
            _ => first.receivers.get(me).into_iter().collect(),
        };
        if participants.is_empty() {
            return Err(wrong(Why::Misaddressed, Vec::new()));
        }
        Ok(Self {
            id: first.conversation_id,
            protocol,
            side,
            initiator: first.sender.clone(),
            reply_to: first.reply_to.clone(),
            legs: participants
                .into_iter()
                .map(|party| (party.clone(), leg.clone()))
                .collect(),
        })
    }

    /// The view of an agent that a recruiter asked to answer somebody else's proxy (fipa-recruiting).
    pub fn recruited(me: &Party, id: ConversationId, initiator: &Party) -> Self {
        let leg = Leg {
            side: Side::Recruit,
            state: State::Answering,
            cancel: None,
            due: None,
        };
        Self {
            id,
            protocol: Some(ProtocolName::FipaRecruiting),
            side: Side::Recruit,
            initiator: initiator.clone(),
            reply_to: BTreeSet::new(),
            legs: BTreeMap::from([(me.clone(), leg)]),
        }
    }

    /// Takes the next act, sent or received. On an error nothing has changed.
    ///
    /// Returns the state of the leg it belongs to; an act to several participants moves their legs together or not
    /// at all, and the least advanced of their states is returned.
    pub fn step(&mut self, message: &Message, now: Timestamp) -> Result<State, OutOfProtocol> {
        let mut moved = Vec::new();
        for (party, side) in self.legs_of(message)? {
            let leg = self.legs.get(&party).cloned().unwrap_or(Leg {
                side: Side::Recruit,
                state: State::Answering,
                cancel: None,
                due: None,
            });
            let next = self
                .next(&leg, side, message, now)
                .map_err(|why| self.wrong(message, why))?;
            moved.push((party, next));
        }
        let state = moved
            .iter()
            .map(|(_, leg)| leg.state)
            .find(|state| !matches!(state, State::Finished(_)))
            .or(moved.last().map(|(_, leg)| leg.state))
            .unwrap_or(State::Finished(Outcome::Done));
        self.legs.extend(moved);
        Ok(state)
    }

    /// The legs an act belongs to, and the side it comes from.
    fn legs_of(&self, message: &Message) -> Result<Vec<(Party, Side)>, OutOfProtocol> {
        if let Some(name) = message.protocol
            && self.protocol != Some(name)
        {
            return Err(self.wrong(message, Why::OtherProtocol(name)));
        }
        if message.sender == self.initiator {
            // A participant does not know the others whom the act may also address.
            let addressed: Vec<_> = message
                .receivers
                .iter()
                .filter(|party| self.side == Side::Initiator || self.legs.contains_key(*party))
                .map(|party| (party.clone(), Side::Initiator))
                .collect();
            let known = addressed
                .iter()
                .all(|(party, _)| self.legs.contains_key(party));
            if addressed.is_empty() || !known {
                return Err(self.wrong(message, Why::Misaddressed));
            }
            return Ok(addressed);
        }
        let side = match self.legs.get(&message.sender) {
            Some(leg) => leg.side,
            None if self.takes_recruits() => Side::Recruit,
            None => return Err(self.wrong(message, Why::Stranger)),
        };
        let addressed = |party: &Party| *party == self.initiator || self.reply_to.contains(party);
        if !message.receivers.iter().all(addressed) {
            return Err(self.wrong(message, Why::Misaddressed));
        }
        Ok(vec![(message.sender.clone(), side)])
    }

    fn takes_recruits(&self) -> bool {
        self.side == Side::Initiator
            && self.protocol == Some(ProtocolName::FipaRecruiting)
            && self
                .legs
                .values()
                .any(|leg| matches!(leg.state, State::Agreed | State::Answering))
    }

    fn next(&self, leg: &Leg, side: Side, message: &Message, now: Timestamp) -> Result<Leg, Why> {
        let act = message.performative;
        let mut next = leg.clone();
        next.due = message.reply_by.map(|by| (side.other(), by));
        if matches!(leg.state, State::Finished(_)) {
            return Err(Why::Finished);
        }
        if act == Performative::NotUnderstood {
            next.state = State::Finished(Outcome::NotUnderstood);
            return Ok(next);
        }
        if act == Performative::Cancel {
            if side != Side::Initiator || leg.state == State::Cancelling {
                return Err(Why::Unexpected);
            }
            next.state = State::Cancelling;
            next.cancel = Some((leg.state, message.reply_with.clone()));
            return Ok(next);
        }
        if let Some((bound, reply_by)) = leg.due
            && bound == side
            && now > reply_by
        {
            return Err(Why::Late { reply_by });
        }
        let Some((before, token)) = &leg.cancel else {
            next.state = self.follow(leg.state, side, act).ok_or(Why::Unexpected)?;
            return Ok(next);
        };
        let answers_cancel = token.is_none() || *token == message.in_reply_to;
        match (side, act) {
            (Side::Initiator, _) => return Err(Why::Unexpected),
            (_, Performative::Inform) if answers_cancel => {
                next.state = State::Finished(Outcome::Cancelled);
            }
            (_, Performative::Failure) if answers_cancel => {
                next.state = *before;
                next.cancel = None;
            }
            _ => match self.follow(*before, side, act).ok_or(Why::Unexpected)? {
                // The work was over before the cancel arrived.
                finished @ State::Finished(_) => next.state = finished,
                going_on => next.cancel = Some((going_on, token.clone())),
            },
        }
        Ok(next)
    }

    fn follow(&self, state: State, side: Side, act: Performative) -> Option<State> {
        rules::next(self.protocol?, state, side, act)
    }

    /// What this party may say next.
    pub fn expected(&self, from: &Party) -> Vec<Performative> {
        let mut acts = BTreeSet::new();
        if *from == self.initiator {
            for leg in self.legs.values() {
                acts.extend(self.expected_on(leg, Side::Initiator));
            }
        } else if let Some(leg) = self.legs.get(from) {
            acts.extend(self.expected_on(leg, leg.side));
        }
        acts.into_iter().collect()
    }

    fn expected_on(&self, leg: &Leg, side: Side) -> Vec<Performative> {
        let (state, cancelling) = match (&leg.cancel, leg.state) {
            (_, State::Finished(_)) => return Vec::new(),
            (Some((before, _)), _) => (*before, true),
            (None, state) => (state, false),
        };
        let follows = |act: Performative| match act {
            Performative::NotUnderstood => true,
            Performative::Cancel => side == Side::Initiator && !cancelling,
            _ if cancelling && side == Side::Initiator => false,
            Performative::Inform | Performative::Failure if cancelling => true,
            _ => self.follow(state, side, act).is_some(),
        };
        Performative::ALL
            .into_iter()
            .filter(|act| follows(*act))
            .collect()
    }

    /// Ends the legs whose next act is overdue, and tells whose they are.
    pub fn close_overdue(&mut self, now: Timestamp) -> Vec<Party> {
        let mut closed = Vec::new();
        for (party, leg) in &mut self.legs {
            let overdue = leg.due.is_some_and(|(_, reply_by)| now > reply_by);
            if overdue && !matches!(leg.state, State::Finished(_)) {
                leg.state = State::Finished(Outcome::Abandoned);
                closed.push(party.clone());
            }
        }
        closed
    }

    /// The earliest reply-by that is still waited for.
    pub fn next_due(&self) -> Option<Timestamp> {
        let open = |leg: &&Leg| !matches!(leg.state, State::Finished(_));
        let due = |leg: &Leg| leg.due.map(|(_, reply_by)| reply_by);
        self.legs.values().filter(open).filter_map(due).min()
    }

    /// True once nothing more is expected on any leg.
    pub fn is_finished(&self) -> bool {
        self.legs
            .values()
            .all(|leg| matches!(leg.state, State::Finished(_)))
    }

    /// How far the leg with this participant is.
    pub fn state(&self, participant: &Party) -> Option<State> {
        self.legs.get(participant).map(|leg| leg.state)
    }

    /// The conversation's name.
    pub fn id(&self) -> ConversationId {
        self.id
    }

    /// The protocol; `None` for an act that stands alone.
    pub fn protocol(&self) -> Option<ProtocolName> {
        self.protocol
    }

    /// Which side this view is of.
    pub fn side(&self) -> Side {
        self.side
    }

    /// Who opened it.
    pub fn initiator(&self) -> &Party {
        &self.initiator
    }

    /// The participants known to this side.
    pub fn participants(&self) -> impl Iterator<Item = &Party> {
        self.legs.keys()
    }

    fn wrong(&self, message: &Message, why: Why) -> OutOfProtocol {
        OutOfProtocol {
            conversation: self.id,
            sender: message.sender.clone(),
            act: message.performative,
            why,
            expected: self.expected(&message.sender),
        }
    }
}
