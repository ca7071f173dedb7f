//! A message in an author's hands: what it says, and the ways to answer it.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aios_protocols::{Content, ConversationKey, Performative, Reason, ReasonKind, Trusted};
use serde::de::DeserializeOwned;
use tokio::sync::Notify;

use super::in_flight::{Entry, Scope, Ticket};
use super::mail::{MailOutcome, answered};
use super::outbox::Outbox;
use super::{AgentError, SendError};

/// A verified message that this agent was handed.
///
/// It stays in flight until it is answered, or let go where no answer is due; an incarnation that falls before that
/// leaves it to the next.
pub struct Incoming {
    message: Arc<Trusted>,
    conversation: ConversationKey,
    ticket: Ticket,
    deliveries: u32,
    cancelled: Arc<Cancelled>,
    outbox: Arc<Outbox>,
}

/// Whether the sender took its message back.
#[derive(Debug, Default)]
pub(crate) struct Cancelled {
    set: AtomicBool,
    bell: Notify,
}

impl Cancelled {
    pub(crate) fn set(&self) {
        self.set.store(true, Ordering::Release);
        self.bell.notify_waiters();
    }

    pub(crate) fn is_set(&self) -> bool {
        self.set.load(Ordering::Acquire)
    }

    async fn wait(&self) {
        loop {
            let rung = self.bell.notified();
            tokio::pin!(rung);
            rung.as_mut().enable();
            if self.is_set() {
                return;
            }
            rung.await;
        }
    }
}

impl Incoming {
    pub(crate) fn new(entry: &Entry, ticket: Ticket, outbox: Arc<Outbox>) -> Self {
        Self {
            message: Arc::clone(&entry.message),
            conversation: entry.conversation.clone(),
            ticket,
            deliveries: entry.deliveries,
            cancelled: Arc::clone(&entry.cancelled),
            outbox,
        }
    }

    pub(crate) fn ticket(&self) -> Ticket {
        self.ticket
    }

    pub(crate) fn message(&self) -> &Arc<Trusted> {
        &self.message
    }

    /// How often this message was handed over, this time included; above 1 a predecessor may have begun with it.
    #[must_use]
    pub fn deliveries(&self) -> u32 {
        self.deliveries
    }

    /// Reads the content; the error tells the sender `not-understood`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, AgentError> {
        self.message.content.read_json().map_err(|error| {
            AgentError::NotUnderstood(Reason::new(
                ReasonKind::UnrecognisedValue,
                error.to_string(),
            ))
        })
    }

    /// Whether the sender has taken it back.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.is_set()
    }

    /// Waits until the sender takes it back. Work that is dropped then is answered as cancelled.
    pub async fn cancelled(&self) {
        self.cancelled.wait().await;
    }

    /// Promises to do it. Said again after a crash, it is not sent again.
    pub fn agree(&self) -> Result<(), SendError> {
        self.respond(Performative::Agree, Content::empty())
    }

    /// Tells the result, and whatever a protocol asks an inform for.
    pub fn inform(&self, content: impl Into<Content>) -> Result<(), SendError> {
        self.respond(Performative::Inform, content)
    }

    /// Offers to do it, under the conditions in `content`.
    pub fn propose(&self, content: impl Into<Content>) -> Result<(), SendError> {
        self.respond(Performative::Propose, content)
    }

    /// Will not do it.
    pub fn refuse(&self, kind: ReasonKind, detail: impl Into<String>) -> Result<(), SendError> {
        self.respond(Performative::Refuse, Reason::new(kind, detail))
    }

    /// Tried, and failed.
    pub fn failure(&self, detail: impl Into<String>) -> Result<(), SendError> {
        self.respond(
            Performative::Failure,
            Reason::new(ReasonKind::InternalError, detail),
        )
    }

    /// Does not understand it.
    pub fn not_understood(
        &self,
        kind: ReasonKind,
        detail: impl Into<String>,
    ) -> Result<(), SendError> {
        self.respond(Performative::NotUnderstood, Reason::new(kind, detail))
    }

    /// Answers by any act that the conversation allows.
    pub fn respond(&self, act: Performative, content: impl Into<Content>) -> Result<(), SendError> {
        let cell = &self.outbox.cell;
        let key = &self.conversation;
        if act == Performative::Agree
            && self.deliveries > 1
            && !cell.conversations.lock().expects(key, cell.party(), act)
        {
            return Ok(());
        }
        let owes = || cell.conversations.lock().owes(key, cell.party());
        let sent = self
            .outbox
            .answer_once(self.message.reply(act, content), |_| {
                if act != Performative::Agree && !owes() {
                    // Of a durable agent the outcome is on record before anybody hears of it.
                    let message = &self.message;
                    cell.settled(message.sealed(), Some(message), answered(act))?;
                    cell.in_flight.lock().settle(self.ticket);
                }
                Ok(())
            });
        if matches!(sent, Err(SendError::Over | SendError::NotKept { .. })) {
            return sent;
        }
        // Even an answer that was not allowed settles the matter: the conversation has moved on.
        if act != Performative::Agree && !owes() {
            let left = cell.in_flight.lock().settle(self.ticket);
            if let (Some(entry), Err(error)) = (left, &sent) {
                keep_outcome(&self.outbox, &entry, MailOutcome::Failed(error.to_string()));
            }
        }
        sent
    }
}

impl Deref for Incoming {
    type Target = Trusted;

    fn deref(&self) -> &Trusted {
        &self.message
    }
}

impl std::fmt::Debug for Incoming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Incoming")
            .field("performative", &self.message.performative)
            .field("sender", &self.message.sender)
            .field("conversation", &self.message.conversation_id)
            .field("deliveries", &self.deliveries)
            .finish_non_exhaustive()
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // After a crash the message is for the next incarnation, which may hold it already.
        if self.outbox.incarnation.is_over() {
            return;
        }
        let unanswered = {
            let mut in_flight = self.outbox.cell.in_flight.lock();
            let Some(entry) = in_flight.get_mut(self.ticket) else {
                return;
            };
            entry.dropped = true;
            // Within a turn or job its end decides.
            entry.scope == Scope::Kept
        };
        if unanswered {
            let_go(&self.outbox, self.ticket);
        }
    }
}

fn no_answer() -> AgentError {
    AgentError::failure("the agent let go of the message without an answer")
}

/// The turn or job that had a message is over.
pub(crate) fn end_of_scope(
    outbox: &Outbox,
    ticket: Ticket,
    scope: Scope,
    result: &Result<(), AgentError>,
) {
    if outbox.incarnation.is_over() {
        // It was late, and its successor has the message.
        return;
    }
    let failed = {
        let mut in_flight = outbox.cell.in_flight.lock();
        let Some(entry) = in_flight
            .get_mut(ticket)
            .filter(|entry| entry.scope == scope)
        else {
            return;
        };
        entry.scope = Scope::Kept;
        match result {
            Err(AgentError::Broken(_)) => return,
            Err(error) => Some(error.clone()),
            Ok(()) if entry.dropped => None,
            // The agent keeps it and will answer later.
            Ok(()) => return,
        }
    };
    match failed {
        Some(error) => settle(outbox, ticket, &error),
        None => let_go(outbox, ticket),
    }
}

/// The author let go of a message. That is all there is to it, unless its sender waits for an answer.
fn let_go(outbox: &Outbox, ticket: Ticket) {
    let waits = {
        let mut in_flight = outbox.cell.in_flight.lock();
        in_flight
            .get_mut(ticket)
            .is_some_and(|entry| entry.answer_due)
    };
    if waits {
        settle(outbox, ticket, &no_answer());
    } else if let Some(entry) = outbox.cell.in_flight.lock().settle(ticket) {
        keep_outcome(outbox, &entry, MailOutcome::Handled);
    }
}

/// What became of a message to a durable agent, on record when this returns.
pub(crate) fn keep_outcome(outbox: &Outbox, entry: &Entry, outcome: MailOutcome) {
    let message = &entry.message;
    let kept = outbox
        .cell
        .settled(message.sealed(), Some(message), outcome);
    if let Err(error) = kept {
        tracing::error!(%error, "what became of a message is not on record; it may be handed over again by the next process");
    }
}

/// Takes a message off the books; its sender hears `verdict` if it waits for something.
pub(crate) fn settle(outbox: &Outbox, ticket: Ticket, verdict: &AgentError) {
    let Some(entry) = outbox.cell.in_flight.lock().settle(ticket) else {
        return;
    };
    keep_outcome(outbox, &entry, MailOutcome::Failed(verdict.to_string()));
    if !entry.answer_due {
        return;
    }
    match entry.cancel {
        // The work was given up because the sender wanted it so.
        Some(cancel) => {
            let _ = outbox.answer(cancel.reply(Performative::Inform, "cancelled"));
        }
        None => outbox.conclude(&entry, verdict),
    }
}
