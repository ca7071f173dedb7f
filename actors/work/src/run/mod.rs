//! What happens to a goal, as records that outlive every process, and what follows from them.
//!
//! A [`Record`] is one thing that happened; folding records into a [`State`] gives where everything stands, and the same records always
//! give the same state. After a crash [`after_crash`] says of each operation that was begun and not finished what may be done, from
//! nothing but the state, and [`Falls`] says how a run goes on that fell with its node. Nothing here reads a clock, writes a file or
//! calls a tool: whoever keeps the journal hands records in and carries out what is said.

mod after_crash;
mod blob;
mod record;
mod state;

pub use after_crash::{
    AfterFalls, FALLS_MAX, Falls, Next, Resumption, Unheard, after_crash, resumption, unheard,
};
pub use blob::{Blob, Held};
pub use record::{Cost, Inquiry, Outcome, Record, RecordError, Restart, RunId, Told};
pub use state::{
    AgentState, ApprovalState, Attempt, Fall, Oddity, OperationState, Plan, Run, RunStatus, State,
    Timer,
};
