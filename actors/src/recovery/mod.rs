//! What happens when a task, a service or a budget gives out.
//!
//! Pure: [`policy`] (what is declared per kind of task), [`decision`] (what follows a failure), [`guard`] (acts that lead nowhere),
//! [`budget`] (what a goal may still spend), [`ended`] (what cut a run short). Around them: [`breakers`] (one per service), [`waits`] (who waits for whom), [`approvals`]
//! (what humans are asked), `cached` (results that were accepted before), `ledger` (which goals have records, and when those end). All of it belongs to an agent system; none of it is global.

pub mod approvals;
pub mod breakers;
pub mod budget;
pub(crate) mod cached;
pub mod decision;
pub mod ended;
pub mod guard;
pub(crate) mod guarded;
pub(crate) mod ledger;
pub mod policy;
pub mod waits;

pub use approvals::{
    APPROVAL, Approval, ApprovalError, ApprovalStatus, Approvals, Decision, Question,
    decision_frame,
};
pub use breakers::{BreakerView, Breakers, Pass, Resting, service};
pub use budget::{Allowance, Budget, Budgets, Hold, NoBudget, OverBudget, Spent};
pub use decision::{FailureKind, Next, RetryState};
pub use ended::Ended;
pub use guard::{Looping, Trajectory};
pub(crate) use ledger::Ledger;
pub use policy::{BackoffKind, Policies, PolicyError, TaskPolicy};
pub use waits::{DeadlockView, Waiter, Waits};
