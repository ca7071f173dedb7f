//! What agents work on, as data and traits: goals, tools, plans, facts, judgements, answers.
//!
//! Whoever writes a tool, a pack or a client needs this crate and no other. A [`Goal`] is what a person wants; a [`PlanSource`] makes a
//! [`Plan`] of it; each [`Task`] of the plan is a call of a tool; a [`Check`] says what is wrong with a result or a text; the [`Domain`]
//! writes the answer. [`content`] holds what the messages between agents carry; an [`Approval`] is what a human is asked; [`run`] is what
//! follows from a crash.
//!
//! Deliberately absent: files, sockets, clocks, stores, models, and the name of any tool or pack.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod approval;
mod capability;
pub mod charter;
mod check;
pub mod content;
mod domain;
mod ended;
mod evidence;
mod fact;
mod figures;
mod goal;
#[cfg(test)]
#[path = "../../../tests/golden.rs"]
mod golden;
mod hex;
mod input;
mod judgement;
mod judging;
mod material;
mod nearest;
mod period;
mod plan;
#[cfg(test)]
mod records;
mod reference;
mod report;
pub mod run;
pub mod schema;
pub mod shown;
mod slots;
mod tool;
mod tool_error;
mod tool_server;

pub use approval::{Approval, ApprovalStatus, Decision};
pub use capability::{Capabilities, Capability, CapabilityError};
pub use charter::{AGENT_TOOLS, Charter, CharterBudget, CharterError, Privacy, RestartRule};
pub use check::{Check, Judged, Opinion};
pub use domain::{
    Bench, Case, Claim, Domain, Missed, Pack, PlanSource, Question, Simpler, SoFar, Thinks, Written,
};
pub use ended::{CALL_LEAST, Ended, Looping, OverBudget, Spent};
pub use evidence::{Evidence, GAPS_HEADING, TextKind};
pub use fact::{Fact, FactKind, Source, Statistic, Subject, Value, When};
pub use figures::{FIGURES, figures};
pub use goal::{Goal, GoalError, GoalLimits, quoted};
pub use input::{ContentHash, FileState, InputFile};
pub use judgement::{
    Assessment, Category, Dimensions, FEEDBACK_MARK, FLOOR, Issue, PASS, REGENERATIONS, REJECT,
    Score, Severity, Verdict,
};
pub use judging::{HistoryRequest, JudgeRequest, JudgedWork, StreamReply, StreamRequest, WorkKind};
pub use material::{Cells, Column, Columns, Document, Material, Reader};
pub use nearest::{is_misspelt, nearest, nearest_few};
pub use period::{Day, Grain, Period, Span, parse_key};
pub use plan::{
    EACH_AT_ONCE, Each, EachError, MadeBy, Plan, PlanError, PlanFile, PlanFileError, PlanLimits,
    Point, Problem, Task, Validate, gathered,
};
pub use reference::{EACH, FILLED_BYTES, FROM, Hole, Reference, fill, holes, references};
pub use report::{Report, Status, Unable};
pub use slots::{SlotProblem, Slots, value as shown_value};
pub use tool::{Artifact, CancelFlag, Effect, Tool, ToolCall, ToolOutput, ToolSpec};
pub use tool_error::{Stopped, ToolError, ToolErrorKind};
pub use tool_server::{AwaitingList, RefusedTool, ServerState, ToolServer};
