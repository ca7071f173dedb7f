//! The end of a backlog: what waits in a cell goes back to its senders, or to the dead letters.

use aios_supervisor::{Backlog, Reason};

use super::in_flight::Ticket;
use super::incoming::{keep_outcome, settle};
use super::mail::MailOutcome;
use super::outbox::Outbox;
use super::{AgentError, inbox};

/// What waits for the agent: the tickets of `taken`, and every request in the mailbox.
pub(crate) fn give_back(outbox: &Outbox, taken: Vec<Ticket>, backlog: Backlog, why: &AgentError) {
    let mut waiting = taken;
    // What an earlier process left, too.
    while let Some(kept) = outbox.cell.next_left() {
        waiting.extend(inbox::receive_again(outbox, None, &kept));
    }
    while let Some(frame) = outbox.cell.next_request() {
        if backlog == Backlog::DeadLetter {
            let left = MailOutcome::Failed(why.to_string());
            if let Err(error) = outbox.cell.settled(&frame, None, left) {
                tracing::error!(%error, "a message that nobody takes up is still on record");
            }
            outbox
                .system
                .dead_letter(frame, Reason::LeftOver, Some(outbox.cell.label()));
        } else {
            waiting.extend(inbox::receive(outbox, None, frame));
        }
    }
    for ticket in waiting {
        if backlog == Backlog::DeadLetter {
            let Some(entry) = outbox.cell.in_flight.lock().settle(ticket) else {
                continue;
            };
            keep_outcome(outbox, &entry, MailOutcome::Failed(why.to_string()));
            let sender = Some(entry.message.sender.as_str().into());
            outbox
                .system
                .dead_letter(entry.message.sealed().clone(), Reason::LeftOver, sender);
        } else {
            settle(outbox, ticket, why);
        }
    }
}

/// Everything a cell holds is answered with `why`.
pub(crate) fn settle_all(outbox: &Outbox, why: &AgentError) {
    give_back(outbox, Vec::new(), Backlog::Return, why);
    let left = outbox.cell.in_flight.lock().tickets();
    for ticket in left {
        settle(outbox, ticket, why);
    }
}
