//! A conversation that this agent opened and listens to: contract nets, subscriptions, anything longer than an ask.

use std::sync::Arc;
use std::time::Duration;

use aios_protocols::{
    Content, ConversationId, ConversationKey, Message, Party, Performative, Trusted,
};
use tokio::sync::mpsc;

use super::cell::Cell;
use super::context::{is_private, keep_private};
use super::error::outcome;
use super::outbox::Outbox;
use super::{AskError, SendError};

/// An open line. Dropping it hangs up: what still comes is late, and a dead letter.
pub(crate) struct Line {
    cell: Arc<Cell>,
    key: ConversationKey,
    open: bool,
}

impl Line {
    pub(crate) fn new(cell: Arc<Cell>, key: ConversationKey) -> Self {
        Self {
            cell,
            key,
            open: true,
        }
    }

    /// What opened it did not arrive at these.
    pub(crate) fn unsay(&self, unreached: &[Party]) {
        self.cell.conversations.lock().unsay(&self.key, unreached);
    }

    /// Nobody listens any more, but the conversation goes on.
    pub(crate) fn let_go(mut self) {
        self.open = false;
        self.cell.conversations.lock().stop_listening(&self.key);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.open {
            self.cell.conversations.lock().hang_up(&self.key);
        }
    }
}

/// A conversation in which this agent has the first word, with one party or several.
pub struct Dialogue {
    outbox: Arc<Outbox>,
    line: Line,
    heard: mpsc::Receiver<Trusted>,
    opening: Message,
    unreached: Vec<(Party, SendError)>,
}

impl Dialogue {
    pub(crate) fn new(
        outbox: Arc<Outbox>,
        line: Line,
        heard: mpsc::Receiver<Trusted>,
        opening: Message,
        unreached: Vec<(Party, SendError)>,
    ) -> Self {
        Self {
            outbox,
            line,
            heard,
            opening,
            unreached,
        }
    }

    /// The conversation's name.
    #[must_use]
    pub fn id(&self) -> ConversationId {
        self.line.key.id
    }

    /// Those who did not get the opening, and why.
    #[must_use]
    pub fn unreached(&self) -> &[(Party, SendError)] {
        &self.unreached
    }

    /// The next act, whatever it says; `None` once the conversation is over.
    pub async fn hear(&mut self) -> Option<Trusted> {
        self.heard.recv().await
    }

    /// Stops listening without ending the conversation; more can be said in it by answering what was heard.
    pub fn let_go(self) {
        self.line.let_go();
    }

    /// The next act other than `agree`, within `deadline`; bad news is an error.
    pub async fn next(&mut self, deadline: Duration) -> Result<Trusted, AskError> {
        let to = self
            .opening
            .receivers
            .iter()
            .next()
            .unwrap_or(&self.opening.sender)
            .clone();
        let heard = tokio::time::timeout(deadline, async {
            loop {
                match self.heard.recv().await {
                    Some(said) if said.performative == Performative::Agree => {}
                    other => return other,
                }
            }
        })
        .await;
        match heard {
            Ok(Some(said)) => outcome(said),
            Ok(None) => Err(AskError::AskerStopped { to }),
            Err(_) => Err(AskError::Deadline {
                to,
                after: deadline,
            }),
        }
    }

    /// Answers one of the acts heard, such as a proposal by `accept-proposal`. What was opened as private goes on so.
    pub fn answer(
        &self,
        said: &Trusted,
        act: Performative,
        content: impl Into<Content>,
    ) -> Result<(), SendError> {
        let draft = said.reply(act, content);
        self.outbox.answer(if is_private(&self.opening) {
            keep_private(draft)
        } else {
            draft
        })
    }

    /// Takes the opening back: the others are told to stop.
    pub fn cancel(&self) -> Result<(), SendError> {
        self.outbox.answer(self.opening.cancel())
    }
}
