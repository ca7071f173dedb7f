//! One participant's part of a conversation: how far it is, who must act by when, and what an answer must name.

use super::{Outcome, Side, State, Why, rules};
use crate::{Message, Performative, ProtocolName, Timestamp};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leg {
    pub(super) side: Side,
    pub(super) state: State,
    /// The reply-with of the initiator's last act, cancels aside: what the participant's answers name.
    asked: Option<String>,
    /// The reply-with of the participant's last act.
    offered: Option<String>,
    cancel: Option<Cancel>,
    /// Who must act by when.
    due: Option<(Side, Timestamp)>,
}

/// A cancel that is not answered yet.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cancel {
    /// Where the leg was.
    before: State,
    /// What an answer to the cancel names.
    token: Option<String>,
}

/// What an act says it is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    /// The other side's last act, or nothing that could be told apart from it.
    LastAct,
    /// The cancel under way.
    Cancel,
}

impl Leg {
    /// After an opening act.
    pub(super) fn opened(state: State, first: &Message) -> Self {
        Self {
            side: Side::Participant,
            state,
            asked: first.reply_with.clone(),
            offered: None,
            cancel: None,
            due: first.reply_by.map(|by| (Side::Participant, by)),
        }
    }

    /// A recruit's, which begins with its answers.
    pub(super) fn recruited() -> Self {
        Self {
            side: Side::Recruit,
            state: State::Answering,
            asked: None,
            offered: None,
            cancel: None,
            due: None,
        }
    }

    pub(super) fn is_running(&self) -> bool {
        !matches!(self.state, State::Finished(_))
    }

    /// The reply-by of the last act.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.due.map(|(_, reply_by)| reply_by)
    }

    /// Whose turn it is, and by when: as the last act said, or whoever has more to say than what is always possible.
    pub(super) fn owes(&self, protocol: Option<ProtocolName>) -> (Side, Option<Timestamp>) {
        if let Some((side, by)) = self.due {
            return (side, Some(by));
        }
        let says =
            |act: &Performative| !matches!(act, Performative::NotUnderstood | Performative::Cancel);
        let side = match self.expected(protocol, self.side).iter().any(says) {
            true => self.side,
            false => Side::Initiator,
        };
        (side, None)
    }

    /// The leg after an act of this side.
    pub(super) fn next(
        &self,
        protocol: Option<ProtocolName>,
        side: Side,
        message: &Message,
        now: Timestamp,
    ) -> Result<Leg, Why> {
        let act = message.performative;
        let mut next = self.clone();
        next.due = message.reply_by.map(|by| (side.other(), by));
        if !self.is_running() {
            return Err(Why::Finished);
        }
        if act == Performative::Cancel {
            if side != Side::Initiator || self.cancel.is_some() {
                return Err(Why::Unexpected);
            }
            next.state = State::Cancelling;
            next.cancel = Some(Cancel {
                before: self.state,
                token: message.reply_with.clone(),
            });
            return Ok(next);
        }
        let about = self.about(side, message).ok_or(Why::InReplyTo)?;
        match side {
            Side::Initiator => next.asked.clone_from(&message.reply_with),
            Side::Participant | Side::Recruit => next.offered.clone_from(&message.reply_with),
        }
        if act == Performative::NotUnderstood {
            next.state = State::Finished(Outcome::NotUnderstood);
            return Ok(next);
        }
        if let Some((bound, reply_by)) = self.due
            && bound == side
            && now > reply_by
        {
            return Err(Why::Late { reply_by });
        }
        let follow = |state| {
            protocol
                .and_then(|protocol| rules::next(protocol, state, side, act))
                .ok_or(Why::Unexpected)
        };
        let Some(cancel) = &self.cancel else {
            next.state = follow(self.state)?;
            return Ok(next);
        };
        match (side, act) {
            (Side::Initiator, _) => return Err(Why::Unexpected),
            (_, Performative::Inform) if about == About::Cancel => {
                next.state = State::Finished(Outcome::Cancelled);
            }
            (_, Performative::Failure) if about == About::Cancel => {
                next.state = cancel.before;
                next.cancel = None;
            }
            _ => match follow(cancel.before)? {
                // The work was over before the cancel arrived.
                finished @ State::Finished(_) => next.state = finished,
                going_on => {
                    next.cancel = Some(Cancel {
                        before: going_on,
                        token: cancel.token.clone(),
                    });
                }
            },
        }
        Ok(next)
    }

    /// What the act answers, by its in-reply-to; `None` if that is neither.
    fn about(&self, side: Side, message: &Message) -> Option<About> {
        let named = &message.in_reply_to;
        let fits = match side {
            Side::Initiator => named.is_none() || self.offered.is_none() || *named == self.offered,
            Side::Participant => self.asked.is_none() || *named == self.asked,
            Side::Recruit => true,
        };
        match &self.cancel {
            Some(cancel) if side != Side::Initiator => match &cancel.token {
                Some(_) if cancel.token == *named => Some(About::Cancel),
                // Without a word of its own the cancel is answered by whatever does not answer the act before.
                None if self.asked.is_none() || *named != self.asked => Some(About::Cancel),
                _ => fits.then_some(About::LastAct),
            },
            _ => fits.then_some(About::LastAct),
        }
    }

    /// What this side may say next.
    pub(super) fn expected(&self, protocol: Option<ProtocolName>, side: Side) -> Vec<Performative> {
        if !self.is_running() {
            return Vec::new();
        }
        let (state, cancelling) = match &self.cancel {
            Some(cancel) => (cancel.before, true),
            None => (self.state, false),
        };
        let follows = |act: Performative| match act {
            Performative::NotUnderstood => true,
            Performative::Cancel => side == Side::Initiator && !cancelling,
            _ if cancelling && side == Side::Initiator => false,
            Performative::Inform | Performative::Failure if cancelling => true,
            _ => protocol.is_some_and(|protocol| rules::next(protocol, state, side, act).is_some()),
        };
        Performative::ALL
            .into_iter()
            .filter(|act| follows(*act))
            .collect()
    }

    /// Whether an act of this side with this reply-with is the last one said on the leg, or the cancel under way.
    pub(super) fn waits_on(&self, side: Side, reply_with: Option<&String>) -> bool {
        let said = match side {
            Side::Initiator => &self.asked,
            Side::Participant | Side::Recruit => &self.offered,
        };
        let cancel = self.cancel.as_ref().filter(|_| side == Side::Initiator);
        self.is_running()
            && (said.as_ref() == reply_with
                || cancel.is_some_and(|cancel| cancel.token.as_ref() == reply_with))
    }
}
