//! Somebody outside who looks at what agents say to each other. Nobody is asked and nothing is sent for it: an observer is handed what
//! passes by, and only as long as it says that it looks.
//!
//! It is called where things happen, so it must be quick, never block and never panic.

use std::fmt;

use aios_protocols::{
    ConversationId, Message, MessageId, Party, Performative, ProtocolName, Timestamp, TraceContext,
};
use aios_supervisor::DeadLetter;

use aios_work::Spent;

use crate::agent::AuditEntry;
use crate::recovery::Approval;
use crate::remains::Remains;

/// What is told of a world to whoever looks at it.
pub trait Observer: Send + Sync {
    /// Whether messages are looked at now. Asked for each message before anything of it is copied.
    fn looks(&self) -> bool;

    /// A message went out or was taken in. Told only while it looks.
    fn message(&self, seen: MessageSeen);

    /// A new incarnation has taken over what the last one had in its hands.
    fn inherited(&self, agent: &Party, inherited: Inherited);

    /// A message was not delivered.
    fn dead_letter(&self, letter: &DeadLetter<Remains>);

    /// Something was refused.
    fn audited(&self, entry: &AuditEntry);

    /// A person is asked, or has decided.
    fn approval(&self, approval: &Approval);

    /// Whether anybody traces what is done.
    fn traces(&self) -> bool {
        false
    }

    /// A part of a trace is over. Told only while somebody traces.
    fn span(&self, span: SpanSeen) {
        drop(span);
    }

    /// An agent's work took so much so far.
    fn spent(&self, spending: &Spending<'_>);
}

/// A part of a trace: what somebody did because of something, from when to when.
#[derive(Debug, Clone, PartialEq)]
pub struct SpanSeen {
    /// The trace, and its own name in it.
    pub at: TraceContext,
    /// What it is a part of; none for the whole.
    pub parent: Option<[u8; 8]>,
    /// What was done, by a name of OpenTelemetry's such as `execute_tool`.
    pub operation: &'static str,
    /// By or on what; empty where that needs no saying, or is the agent's role.
    pub what: String,
    /// The message that it was done because of, where it is all that was.
    pub cause: Option<Cause>,
    /// By which agent; none for what the node itself did.
    pub agent: Option<Party>,
    /// When it began.
    pub began: Timestamp,
    /// When it was over.
    pub ended: Timestamp,
    /// What else is said of it, by the names of OpenTelemetry.
    pub attributes: Vec<(&'static str, String)>,
    /// Why it came to nothing, if it did.
    pub error: Option<String>,
}

impl SpanSeen {
    /// What was done, and on what.
    #[must_use]
    pub fn name(&self) -> String {
        let role = || self.agent.as_ref().and_then(Party::agent);
        let what = match (&self.cause, role()) {
            (Some(_), Some(agent)) => agent.role(),
            _ => self.what.as_str(),
        };
        match what {
            "" => self.operation.to_owned(),
            what => format!("{} {what}", self.operation),
        }
    }
}

/// The message that something was done because of. It is put into words by whoever tells of it, not where it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The conversation.
    pub conversation: ConversationId,
    /// The act.
    pub act: Performative,
    /// What its content is about.
    pub ontology: Option<String>,
}

/// What a piece of work took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spending<'a> {
    /// The agent that does it.
    pub agent: &'a str,
    /// The work.
    pub operation: &'a str,
    /// How it stands, in a word of whoever tells.
    pub status: &'a str,
    /// What it took so far.
    pub spent: Spent,
}

/// Where a message is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Its sender signed it, and it lies with its receiver.
    Sent,
    /// Its receiver has verified it and takes it up.
    Verified,
}

/// A message on its way; never what it says.
#[derive(Debug, Clone, PartialEq)]
pub struct MessageSeen {
    /// When it was seen.
    pub at: Timestamp,
    /// Where it is.
    pub step: Step,
    /// Its name.
    pub id: MessageId,
    /// The act.
    pub act: Performative,
    /// Who says it.
    pub sender: Party,
    /// Whom it reached.
    pub receiver: Party,
    /// The conversation.
    pub conversation: ConversationId,
    /// The protocol it follows, if it names one.
    pub protocol: Option<ProtocolName>,
    /// When the next act is due.
    pub reply_by: Option<Timestamp>,
    /// How long what it says is.
    pub content_bytes: usize,
    /// The trace it belongs to.
    pub trace: Option<TraceContext>,
}

impl MessageSeen {
    pub(crate) fn of(message: &Message, receiver: &Party, step: Step, at: Timestamp) -> Self {
        Self {
            at,
            step,
            id: message.id(),
            act: message.performative,
            sender: message.sender.clone(),
            receiver: receiver.clone(),
            conversation: message.conversation_id,
            protocol: message.protocol,
            reply_by: message.reply_by,
            content_bytes: message.content.len(),
            trace: message.envelope.trace,
        }
    }
}

/// A message that an incarnation had in its hands when it fell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InHand {
    /// Its name.
    pub id: MessageId,
    /// The act.
    pub act: Performative,
    /// Who said it.
    pub sender: Party,
    /// The conversation.
    pub conversation: ConversationId,
    /// How many incarnations were handed it.
    pub deliveries: u32,
}

/// What becomes of the messages that an incarnation left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inherited {
    /// Handed to the new incarnation once more, at most [`Inherited::TOLD`] of them.
    pub again: Vec<InHand>,
    /// Handed over as often as allowed: dead letters now, and their senders were told so.
    pub given_up: Vec<InHand>,
    /// How many there are that are not listed.
    pub more: usize,
}

impl Inherited {
    /// How many are listed of each.
    pub const TOLD: usize = 16;
}

impl fmt::Debug for dyn Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}
