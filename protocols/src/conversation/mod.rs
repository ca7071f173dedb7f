//! FIPA's interaction protocols as pure state machines, one per conversation.
//!
//! Initiator and participant run the same machine over the acts they send and receive, so both refuse the same act.
//! A conversation with several receivers has one leg for each of them; a participant sees only its own. The initiator may
//! address them by one opening act or by one for each (as JADE does). The rules stand in `rules.rs` as tables to be read
//! beside FIPA00026 to FIPA00036.
//!
//! A conversation is its id and who opened it: two parties may use one id and do not touch each other's. It is about one
//! tenant from its first act to its last.
//!
//! A message that names no protocol follows the natural protocol of its act ([`ProtocolName::natural_for`]): a bare
//! request runs as fipa-request. Acts without one (inform, confirm, disconfirm, inform-if, inform-ref, propagate)
//! stand alone: they are complete once said, open nothing, and may not answer anything (no in-reply-to).
//!
//! In every protocol either side may say `not-understood`, which ends the leg and is never answered in turn, and the
//! initiator may cancel: the participant then answers `inform` (cancelled) or `failure` (it goes on). Acts that cross
//! the cancel are told apart by in-reply-to.
//!
//! A participant names in in-reply-to the reply-with of what it answers, if that had one. The initiator's later acts name
//! the right one or none: one act may answer several participants, who asked for different words. A recruit answers to
//! the recruiter's words, which the initiator does not know.
//!
//! A reply-by binds the next act of the other side; an act that comes later is out of protocol.
//!
//! The platform may report by `failure` that an act did not arrive, which ends its leg; see `undelivered.rs`.

mod conversations;
mod leg;
mod past;
mod rules;
mod shares;
mod undelivered;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use thiserror::Error;

pub use conversations::{Conversations, Step};
pub(crate) use shares::NoPlace;
pub use shares::Share;

use leg::Leg;

use crate::{ConversationId, Message, Party, Performative, ProtocolName, TenantId, Timestamp};

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
    /// The platform reports that the last act did not reach the other side.
    Undelivered,
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
    /// The act is about another tenant than the conversation.
    OtherTenant,
    /// The act answers something else than what was said last.
    InReplyTo,
    /// The conversation has as many participants as it may.
    TooManyParticipants,
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
            Why::OtherTenant => f.write_str("it is about another tenant than the conversation"),
            Why::InReplyTo => {
                f.write_str("its in-reply-to is not the reply-with of the act it answers")
            }
            Why::TooManyParticipants => write!(
                f,
                "the conversation has {} participants already, open another one",
                Conversation::MAX_PARTICIPANTS
            ),
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

/// Which conversation: ids are chosen by whoever opens one, so two parties may choose the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConversationKey {
    /// What its acts name.
    pub id: ConversationId,
    /// Who opened it.
    pub initiator: Party,
}

/// One run of an interaction protocol, seen by one of its parties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    id: ConversationId,
    protocol: Option<ProtocolName>,
    side: Side,
    initiator: Party,
    /// Whose data it is about; a recruit learns it from its first act.
    tenant: Option<TenantId>,
    /// Who may be answered besides the initiator: the opening act's reply-to.
    reply_to: BTreeSet<Party>,
    legs: BTreeMap<Party, Leg>,
}

impl Conversation {
    /// Participants of one conversation: four opening acts to as many receivers as a message may have.
    pub const MAX_PARTICIPANTS: usize = 1_024;

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
        let leg = Leg::opened(state, first);
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
            tenant: Some(first.envelope.tenant.clone()),
            reply_to: first.reply_to.clone(),
            legs: participants
                .into_iter()
                .map(|party| (party.clone(), leg.clone()))
                .collect(),
        })
    }

    /// The view of an agent that a recruiter asked to answer somebody else's proxy (fipa-recruiting).
    pub fn recruited(me: &Party, id: ConversationId, initiator: &Party) -> Self {
        Self {
            id,
            protocol: Some(ProtocolName::FipaRecruiting),
            side: Side::Recruit,
            initiator: initiator.clone(),
            tenant: None,
            reply_to: BTreeSet::new(),
            legs: BTreeMap::from([(me.clone(), Leg::recruited())]),
        }
    }

    /// Takes the next act, sent or received. On an error nothing has changed.
    ///
    /// Returns the state of the leg it belongs to; an act to several participants moves their legs together, to one
    /// state, or not at all.
    pub fn step(&mut self, message: &Message, now: Timestamp) -> Result<State, OutOfProtocol> {
        let mut moved = Vec::new();
        for (party, side) in self.legs_of(message)? {
            let next = match self.legs.get(&party) {
                Some(leg) => leg
                    .next(self.protocol, side, message, now)
                    .map_err(|why| self.wrong(message, why))?,
                None if side == Side::Recruit => Leg::recruited()
                    .next(self.protocol, side, message, now)
                    .map_err(|why| self.wrong(message, why))?,
                None => self
                    .opening(message)
                    .map(|state| Leg::opened(state, message))
                    .ok_or_else(|| self.wrong(message, Why::Misaddressed))?,
            };
            moved.push((party, next));
        }
        let joining = moved
            .iter()
            .filter(|(party, _)| !self.legs.contains_key(party));
        if self.legs.len() + joining.count() > Self::MAX_PARTICIPANTS {
            return Err(self.wrong(message, Why::TooManyParticipants));
        }
        let state = moved
            .first()
            .map_or(State::Finished(Outcome::Done), |(_, leg)| leg.state);
        self.legs.extend(moved);
        self.tenant
            .get_or_insert_with(|| message.envelope.tenant.clone());
        Ok(state)
    }

    /// The state in which an act lets another participant begin, if the initiator may address one more by it.
    fn opening(&self, message: &Message) -> Option<State> {
        let protocol = self.protocol.filter(|_| self.side == Side::Initiator)?;
        rules::opening(protocol, message.performative)
    }

    /// The legs an act belongs to, and the side it comes from.
    fn legs_of(&self, message: &Message) -> Result<Vec<(Party, Side)>, OutOfProtocol> {
        if let Some(name) = message.protocol
            && self.protocol != Some(name)
        {
            return Err(self.wrong(message, Why::OtherProtocol(name)));
        }
        let tenant = &message.envelope.tenant;
        if self.tenant.as_ref().is_some_and(|bound| bound != tenant) {
            return Err(self.wrong(message, Why::OtherTenant));
        }
        if message.sender == self.initiator {
            // A participant does not know the others whom the act may also address.
            let addressed: Vec<_> = message
                .receivers
                .iter()
                .filter(|party| self.side == Side::Initiator || self.legs.contains_key(*party))
                .map(|party| (party.clone(), Side::Initiator))
                .collect();
            if addressed.is_empty() {
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

    /// Whether this party has a part in it, or may take one.
    fn has_part(&self, party: &Party) -> bool {
        *party == self.initiator || self.legs.contains_key(party) || self.takes_recruits()
    }

    fn takes_recruits(&self) -> bool {
        self.side == Side::Initiator
            && self.protocol == Some(ProtocolName::FipaRecruiting)
            && self
                .legs
                .values()
                .any(|leg| matches!(leg.state, State::Agreed | State::Answering))
    }

    /// What this party may say next.
    pub fn expected(&self, from: &Party) -> Vec<Performative> {
        let mut acts = BTreeSet::new();
        if *from == self.initiator {
            for leg in self.legs.values() {
                acts.extend(leg.expected(self.protocol, Side::Initiator));
            }
        } else if let Some(leg) = self.legs.get(from) {
            acts.extend(leg.expected(self.protocol, leg.side));
        }
        acts.into_iter().collect()
    }

    /// Ends the legs whose next act is overdue, and tells whose they are.
    pub fn close_overdue(&mut self, now: Timestamp) -> Vec<Party> {
        let mut closed = Vec::new();
        for (party, leg) in &mut self.legs {
            if leg.is_running() && leg.due().is_some_and(|reply_by| now > reply_by) {
                leg.state = State::Finished(Outcome::Abandoned);
                closed.push(party.clone());
            }
        }
        closed
    }

    /// The earliest reply-by that is still waited for.
    pub fn next_due(&self) -> Option<Timestamp> {
        let running = self.legs.values().filter(|leg| leg.is_running());
        running.filter_map(Leg::due).min()
    }

    /// Who has to say something next, for each leg that runs, and by when if that was said.
    pub fn owed(&self) -> Vec<(Party, Option<Timestamp>)> {
        let running = self.legs.iter().filter(|(_, leg)| leg.is_running());
        let owes = running.map(|(party, leg)| {
            let (side, by) = leg.owes(self.protocol);
            let who = match side {
                Side::Initiator => &self.initiator,
                Side::Participant | Side::Recruit => party,
            };
            (who.clone(), by)
        });
        owes.collect()
    }

    /// True once nothing more is expected on any leg.
    pub fn is_finished(&self) -> bool {
        !self.legs.values().any(Leg::is_running)
    }

    /// How far the leg with this participant is.
    pub fn state(&self, participant: &Party) -> Option<State> {
        self.legs.get(participant).map(|leg| leg.state)
    }

    /// Which conversation it is.
    pub fn key(&self) -> ConversationKey {
        ConversationKey {
            id: self.id,
            initiator: self.initiator.clone(),
        }
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

    /// Whose data it is about; `None` for a recruit that has not spoken yet.
    pub fn tenant(&self) -> Option<&TenantId> {
        self.tenant.as_ref()
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
