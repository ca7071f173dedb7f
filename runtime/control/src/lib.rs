//! The contract at the mouth of a node: what it can be told and asked, in one set of types, and the ways there.
//!
//! A node implements [`Control`]; whoever wants something of it has a [`Client`]. Between them lies a transport: none at all in the same
//! process ([`Local`]), a socket of one user between processes (`socket`, a feature), HTTP (`http`, a feature) with MCP beside it (`mcp`). A transport translates and bounds what it carries;
//! it knows no request by name, so a new one is a variant of [`Request`] and an arm where the node answers. What the transports must have
//! in common is a suite that all pass (`conformance`, a feature).
//!
//! In every form: a duration is a number with its unit in the name, a time is RFC 3339 text, a name is text, an error is
//! [`ControlError`] (`kind`, `message`, `what_to_do`). A request that is refused has changed nothing.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod access;
#[cfg(any(feature = "http", feature = "grpc"))]
mod address;
mod agents;
mod client;
#[cfg(feature = "socket")]
mod connections;
mod control;
mod engines;
mod error;
#[cfg(any(feature = "http", feature = "grpc"))]
mod far;
mod form;
mod goals;
mod happened;
mod integer;
mod judgements;
mod ledger;
mod letters;
mod local;
mod models;
mod plan;
mod protocol;
mod runs;
mod shares;
#[cfg(any(feature = "http", feature = "grpc"))]
mod stream;
mod talks;
mod told;
mod tools;
mod tree;

pub mod remote;

#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "grpc")]
pub mod grpc;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "mcp")]
pub mod mcp;
#[cfg(feature = "socket")]
pub mod socket;
#[cfg(feature = "tls")]
pub mod tls;

/// What a human is asked. Times are RFC 3339.
pub type Approval = aios_work::Approval<String>;

#[cfg(any(feature = "http", feature = "grpc"))]
pub use address::AddressError;
pub use agents::{
    AgentLine, AgentShown, AgentTools, Ask, Asked, Question, Spawn, Spawned, SwarmQuestion,
};
pub use aios_work::{
    ApprovalStatus, Decision, Report, RestartRule, StreamReply, ToolServer, WorkKind,
};

pub use client::{Client, ClientError, Transport};
pub use control::{Caller, Control, EventStream, Place, Response, Written};
pub use engines::{EmbedTexts, Embedded, EngineLine, Generate, Generated, Speaker, Turn};
pub use error::{ControlError, ErrorKind};
pub use goals::{
    Encoding, Event, EventKind, Events, Explained, GivenFile, GoalLine, GoalPhase, GoalState,
    Submit, Submitted, Way,
};
pub use happened::{
    AgentHappened, ApprovalHappened, BreakerHappened, BudgetHappened, Gap, GoalHappened, Happened,
    Held, InHand, MessageHappened, Reset, TaskHappened, Watch,
};
pub use judgements::{Judge, JudgeMore};
pub use ledger::{
    AuditAsked, AuditLine, AuditTrail, BreakerLine, BudgetLine, Ceiling, Figure, FiguresAsked,
    Unusual,
};
pub use letters::{LetterLine, LetterShown, Letters, Resent};
pub use local::Local;
pub use models::{LoadModel, ModelFreed, ModelLine, ModelSwapped, SwapModel, UnloadModel};
pub use plan::{PlanAttempt, PlanPart, PlanShown, PlanTask, PlanWork};
pub use protocol::{HISTORY_MAX, LINE_MAX, Reply, Request, read};
pub use runs::{
    Compared, Fork, Forked, Replayed, RunFile, RunStep, UndoOutcome, Undone, UndoneEffect,
};
pub use shares::{Most, Share, Shares, Tied};
pub use talks::{ConversationLine, ConversationShown, ConversationsAsked, Owed, Participant};
pub use told::Told;
pub use tools::{CallTool, ToolCalled, ToolLine};
pub use tree::{
    AgentPart, EndedAgent, MailboxPart, Sleepers, SupervisorPart, TreeAsked, TreeLine, TreePage,
};
