//! The door in: a frame is verified once, admitted or refused, and every refusal is on record.

use std::sync::Arc;

use aios_protocols::conversation::{State, Step, Why};
use aios_protocols::{
    AgentCard, ConversationKey, Message, OpenTo, Party, Performative, Reason, ReasonKind, Refusal,
    Sealed, Trusted, authenticate,
};
use tokio::sync::mpsc::error::TrySendError;

use super::AgentError;
use super::conversations::ReplySender;
use super::in_flight::{Scope, Ticket};
use super::incoming::settle;
use super::mail::{Kept, MailOutcome};
use super::outbox::Outbox;
use super::refused::{AuditEntry, Refused};
use crate::observer::{self, MessageSeen};

/// Label of an act that the agent's card does not list.
const UNSUPPORTED_ACT: &str = "unsupported-act";

/// Takes one frame: an answer goes to whoever waits for it, a request to the books. Returns what is to be handed to
/// the agent.
pub(crate) fn receive(outbox: &Outbox, card: Option<&AgentCard>, frame: Sealed) -> Option<Ticket> {
    let message = admitted(outbox, frame)?;
    take_up(outbox, card, message)
}

/// The same of a message to a durable agent that an earlier process had taken and not settled.
pub(crate) fn receive_again(
    outbox: &Outbox,
    card: Option<&AgentCard>,
    kept: &Kept,
) -> Option<Ticket> {
    let admitted = outbox.cell.mail()?.admit(kept, outbox.cell.party());
    match admitted {
        Ok(message) => take_up(outbox, card, message),
        Err(refusal) => {
            record(
                outbox,
                claimed_sender(&refusal),
                None,
                refusal.label(),
                refusal.to_string(),
            );
            if matches!(refusal, Refusal::Expired { .. }) {
                let reason = aios_supervisor::Reason::Expired;
                outbox
                    .system
                    .dead_letter(kept.frame.clone(), reason, Some(outbox.cell.label()));
            }
            not_taken(outbox, &kept.frame, None, refusal.to_string());
            None
        }
    }
}

/// That a message to a durable agent is not taken up is its outcome.
fn not_taken(outbox: &Outbox, frame: &Sealed, message: Option<&Message>, why: String) {
    let Some(mail) = outbox.cell.mail() else {
        return;
    };
    let who = message.map(|message| (message.id(), &message.sender));
    if let Err(error) = mail.refuse(frame, who, why) {
        tracing::error!(%error, "a message that was refused is still on record");
    }
}

fn take_up(outbox: &Outbox, card: Option<&AgentCard>, message: Trusted) -> Option<Ticket> {
    let cell = &outbox.cell;
    let open_to = open_to(outbox);
    let (message, step, reply_sender) = expected(outbox, message, &open_to)?;
    if let Some(reply_sender) = reply_sender {
        let handled = cell.settled(message.sealed(), Some(&message), MailOutcome::Handled);
        if let Err(error) = handled {
            tracing::error!(%error, "a message that was heard is still on record");
        }
        tell(outbox, &reply_sender, message);
        return None;
    }
    if message.performative == Performative::Cancel {
        cancel(outbox, &step.key, message);
        return None;
    }
    if step.opened && card.is_some_and(|card| !card.takes(message.performative)) {
        let reason = Reason::new(ReasonKind::UnsupportedAct, message.performative.as_str());
        record(
            outbox,
            Some(message.sender.clone()),
            Some(brief(&message)),
            UNSUPPORTED_ACT,
            reason.to_string(),
        );
        not_taken(outbox, message.sealed(), Some(&message), reason.to_string());
        let _ = outbox.answer(message.reply(Performative::NotUnderstood, reason));
        return None;
    }
    let leg_is_over = matches!(step.state, State::Finished(_));
    let owes = || {
        let conversations = cell.conversations.lock();
        conversations.owes(&step.key, cell.party())
    };
    let answer_due = !leg_is_over && (step.opened || owes());
    let early = if step.opened {
        take_back(outbox, &message, &open_to)
    } else {
        None
    };
    let mut held = Ok(());
    if let Some(mail) = cell.mail() {
        // As things stood when it came it was to be refused, so it may not be on record yet.
        if step.opened {
            held = mail.hold(&message);
        }
        mail.in_hand(message.sealed());
    }
    let ticket = cell
        .in_flight
        .lock()
        .take(Arc::new(message), step.key.clone(), answer_due);
    if let Err(error) = held {
        let why = AgentError::failure(format!("it cannot be put on record: {error}"));
        settle(outbox, ticket, &why);
        return None;
    }
    if let Some(early) = early {
        cancel(outbox, &step.key, early);
    }
    Some(ticket)
}

/// What a frame says, if it is proven to be its sender's and new.
fn admitted(outbox: &Outbox, frame: Sealed) -> Option<Trusted> {
    let (cell, now) = (&outbox.cell, outbox.system.now());
    let authentic = match authenticate(&frame, outbox.system.keys(), cell.limits, now) {
        Ok(authentic) => authentic,
        Err(refusal) => {
            record(
                outbox,
                claimed_sender(&refusal),
                None,
                refusal.label(),
                refusal.to_string(),
            );
            not_taken(outbox, &frame, None, refusal.to_string());
            return None;
        }
    };
    let (sender, what) = (authentic.sender.clone(), brief(&authentic));
    let admitted = cell.verifier.lock().admit(authentic, cell.party(), now);
    let refusal = match admitted {
        Ok(message) => {
            cell.tally.verified(now.since(message.envelope.timestamp));
            if let Some(observer) = outbox.system.looking() {
                let step = observer::Step::Verified;
                observer.message(MessageSeen::of(&message, cell.party(), step, now));
            }
            return Some(message);
        }
        Err(refusal) => refusal,
    };
    let answers = refusal.answer(what.performative).is_some();
    not_taken(outbox, &frame, None, refusal.to_string());
    record(
        outbox,
        Some(sender),
        Some(what),
        refusal.label(),
        refusal.to_string(),
    );
    if matches!(refusal, Refusal::Expired { .. } | Refusal::TooOld { .. }) {
        let reason = aios_supervisor::Reason::Expired;
        outbox.system.dead_letter(frame, reason, Some(cell.label()));
    } else if answers
        && let Ok(again) = authenticate(&frame, outbox.system.keys(), cell.limits, now)
    {
        answer(outbox, &again, &refusal);
    }
    None
}

/// A message that its conversation expects, with where that stands now and who waits for it.
fn expected(
    outbox: &Outbox,
    message: Trusted,
    open_to: &OpenTo,
) -> Option<(Trusted, Step, Option<ReplySender>)> {
    let cell = &outbox.cell;
    let heard = {
        let mut conversations = cell.conversations.lock();
        let heard = conversations.receive(cell.party(), &message, outbox.system.now(), open_to);
        heard.map(|step| {
            let reply_sender = conversations.reply_sender(&step);
            (step, reply_sender)
        })
    };
    match heard {
        Ok((step, reply_sender)) => Some((message, step, reply_sender)),
        Err(refusal) => {
            if is_early_cancel(&message, &refusal) {
                cell.conversations.lock().keep_early_cancel(message);
            } else {
                not_taken(
                    outbox,
                    message.sealed(),
                    Some(&message),
                    refusal.to_string(),
                );
                refuse(outbox, &message, &refusal);
            }
            None
        }
    }
}

/// To whoever waits for it; where nobody does any more it is a dead letter.
fn tell(outbox: &Outbox, waits: &ReplySender, message: Trusted) {
    let Err(unheard) = waits.try_send(message) else {
        return;
    };
    let (message, reason) = match unheard {
        TrySendError::Full(message) => (
            message,
            aios_supervisor::Reason::Full {
                capacity: waits.max_capacity(),
            },
        ),
        TrySendError::Closed(message) => (message, aios_supervisor::Reason::Expired),
    };
    outbox.system.dead_letter(
        message.sealed().clone(),
        reason,
        Some(message.sender.as_str().into()),
    );
}

/// Whom the agent's card lets in. Before it has said so for the first time the host takes nothing up for it: what comes
/// here then is only given back, and whoever the tiers allow hears the true reason for that.
fn open_to(outbox: &Outbox) -> Arc<OpenTo> {
    let said = outbox.cell.open_to();
    said.unwrap_or_else(|| Arc::new(OpenTo::anyone()))
}

/// A cancel of something that is not known here, or not yet: it may wait in the mailbox.
fn is_early_cancel(message: &Message, refusal: &Refusal) -> bool {
    let unknown = matches!(
        refusal,
        Refusal::OutOfProtocol(out) if matches!(out.why, Why::NoConversation | Why::Stranger)
    );
    unknown && message.performative == Performative::Cancel
}

/// The cancel that overtook this message, taken note of in the conversation the message has just opened.
fn take_back(outbox: &Outbox, message: &Message, open_to: &OpenTo) -> Option<Trusted> {
    let mut conversations = outbox.cell.conversations.lock();
    let early = conversations.early_cancel(message.conversation_id, &message.sender)?;
    conversations
        .receive(outbox.cell.party(), &early, outbox.system.now(), open_to)
        .ok()?;
    Some(early)
}

/// A verified message that its conversation, the table of tiers or the agent's card does not allow.
fn refuse(outbox: &Outbox, message: &Trusted, refusal: &Refusal) {
    record(
        outbox,
        Some(message.sender.clone()),
        Some(brief(message)),
        refusal.label(),
        refusal.to_string(),
    );
    match refusal {
        // Nobody waits for it any more, here or there.
        Refusal::OutOfProtocol(late) if matches!(late.why, Why::Finished | Why::Late { .. }) => {
            let sender = Some(message.sender.as_str().into());
            outbox.system.dead_letter(
                message.sealed().clone(),
                aios_supervisor::Reason::Expired,
                sender,
            );
        }
        _ => answer(outbox, message, refusal),
    }
}

fn answer(outbox: &Outbox, message: &Message, refusal: &Refusal) {
    if let Some(act) = refusal.answer(message.performative) {
        outbox.protest(message.reply(act, refusal.reason()));
    }
}

/// The sender takes back what it asked for. What runs is told and answers when it lets go; what only waits is let go of
/// here.
fn cancel(outbox: &Outbox, conversation: &ConversationKey, cancel: Trusted) {
    let cancel = Arc::new(cancel);
    let mut known = false;
    let mut waiting = Vec::new();
    {
        let mut in_flight = outbox.cell.in_flight.lock();
        for ticket in in_flight.of_conversation(conversation) {
            let Some(entry) = in_flight.get_mut(ticket) else {
                continue;
            };
            entry.cancel = Some(Arc::clone(&cancel));
            entry.cancelled.set();
            known = true;
            if entry.scope == Scope::Kept {
                waiting.push(ticket);
            }
        }
    }
    for ticket in waiting {
        settle(outbox, ticket, &AgentError::failure("cancelled"));
    }
    if !known {
        let _ = outbox.answer(cancel.reply(Performative::Inform, "cancelled"));
    }
}

fn record(
    outbox: &Outbox,
    from: Option<Party>,
    message: Option<Refused>,
    label: &'static str,
    reason: String,
) {
    outbox.cell.tally.refused(label);
    let by = outbox.cell.party().clone();
    outbox.system.audit().record(AuditEntry {
        at: outbox.system.now(),
        by,
        from,
        label,
        reason,
        message,
    });
}

fn brief(message: &Message) -> Refused {
    Refused {
        id: message.id(),
        conversation: message.conversation_id,
        performative: message.performative,
    }
}

/// Who an unverified frame claims to be from, as far as the check got to know.
fn claimed_sender(refusal: &Refusal) -> Option<Party> {
    match refusal {
        Refusal::UnknownSender { sender }
        | Refusal::UnknownKey { sender, .. }
        | Refusal::RevokedKey { sender, .. }
        | Refusal::ExpiredKey { sender, .. }
        | Refusal::BadSignature { sender } => Some(sender.clone()),
        _ => None,
    }
}
