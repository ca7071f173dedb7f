//! What an author of an agent writes, and what carries it.
//!
//! An author implements [`Agent`] and speaks through [`Context`] and [`Incoming`]; that is all there is to learn. Below
//! that: the [`Cell`] is the part of an agent that survives it (keys, mailbox, conversations, unanswered messages); the
//! host is the one ractor actor that carries any agent and never runs the author's code itself; inbox and outbox are
//! the two doors, and every message goes through both, signed.
//!
//! Read on in this order: `turn`, `host`, `inbox`, `outbox`, `cell`, `in_flight`, `mail`.

pub mod metric;

mod address;
mod audit;
mod backlog;
mod cell;
mod client;
mod clock;
mod context;
mod conversations;
mod dialogue;
mod error;
mod host;
mod in_flight;
mod inbox;
mod incarnation;
mod incoming;
mod mail;
mod notifier;
mod options;
mod outbox;
mod refused;
mod said;
mod snapshot;
mod span;
mod state;
mod step;
mod tally;
mod turn;
mod unsaved;

use aios_protocols::AgentCard;
use async_trait::async_trait;

pub use address::{Address, IntoDraft};
pub use audit::{Audit, AuditSink};
pub use cell::Cell;
pub use client::{Client, Principal};
pub use clock::{Clock, ManualClock, SystemClock, TimerClock};
pub use context::{Context, is_private, keep_private};
pub use dialogue::Dialogue;
pub use error::{AgentError, AskError, SendError};
pub use incoming::Incoming;
pub use mail::{MailOutcome, MailView, Mailed};
pub use options::AgentOptions;
pub use refused::{AuditEntry, Refused};
pub use snapshot::{Snapshot, SnapshotError};
pub use span::Span;
pub use state::{AgentState, AgentView, MessageCounts};
pub use turn::Maker;

pub(crate) use backlog::settle_all;
pub(crate) use cell::{CellParts, Lane, Standing};
pub(crate) use host::{Host, HostArguments};
pub(crate) use incarnation::Incarnation;
pub(crate) use mail::{
    AdoptedMail, Mail, adopt as adopt_mail, agents_with_mail, view as mail_view,
};
pub(crate) use outbox::Outbox;
pub(crate) use said::{Said, Sayings};
pub(crate) use step::Steps;
pub use step::Undone;
pub(crate) use tally::Meters;

/// An agent.
///
/// One message is handled at a time; what takes long goes into a job ([`Context::spawn`]). A panic, a handler past its
/// deadline, or [`AgentError::Broken`] costs the incarnation: the supervisor makes a new agent, which gets
/// [`restore`](Agent::restore), [`start`](Agent::start), and then the unanswered messages again.
#[async_trait]
pub trait Agent: Send + 'static {
    /// Says what it can do, so that others find it. The card comes filled with the agent's name.
    fn card(&self, card: &mut AgentCard) {
        let _ = card;
    }

    /// Called once per incarnation, before the first message. An error counts as a failed start.
    async fn start(&mut self, ctx: &Context) -> Result<(), AgentError> {
        let _ = ctx;
        Ok(())
    }

    /// Handles one message: answers it, keeps it to answer later, or gives it to a job.
    ///
    /// A message that is dropped unanswered where an answer is due is answered `failure`; an error is answered in its
    /// own words.
    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError>;

    /// A timer of its own is due ([`Context::wake_at`]). It is given at least once: after a fall over it, or a crash right behind it, once
    /// more.
    async fn timer(&mut self, name: &str, ctx: &Context) -> Result<(), AgentError> {
        let _ = (name, ctx);
        Ok(())
    }

    /// What the next incarnation should find; saved by [`Context::checkpoint`] and at a stop.
    fn snapshot(&self) -> Option<Snapshot> {
        None
    }

    /// Takes up the last snapshot, instead of what it was made with. After an error the agent is parked: whoever asks it hears why, nothing is
    /// done and the snapshot stays.
    fn restore(&mut self, snapshot: Snapshot) -> Result<(), SnapshotError> {
        let _ = snapshot;
        Ok(())
    }

    /// Called at an orderly stop, after the last message.
    async fn stop(&mut self, ctx: &Context) {
        let _ = ctx;
    }
}
