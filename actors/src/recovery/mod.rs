//! What happens when a task, a service or a budget gives out.
//!
//! Pure: [`policy`] (what is declared per kind of task), [`decision`] (what follows a failure), [`guard`] (acts that lead nowhere),
//! [`budget`] (what a goal may still spend), [`lineage`] (orders that breed orders). Around them: [`breakers`] (one per service), [`waits`] (who waits for whom), [`approvals`]
//! (what humans are asked).
//! All of it belongs to an agent system; none of it is global.

pub mod approvals;
pub mod breakers;
pub mod budget;
pub mod decision;
pub mod guard;
pub mod guarded;
pub mod lineage;
pub mod policy;
pub mod waits;

pub use aios_work::{Ended, Looping, OverBudget, Spent};
pub use approvals::{
    APPROVAL, Approval, ApprovalError, ApprovalStatus, Approvals, AsksPeople, Decision, Question,
    decision_frame,
};
pub use breakers::{BreakerView, Breakers, Pass, Resting, service};
pub use budget::{Allowance, Budget, Budgets, Hold, NoBudget, budget_record, tool_key};
pub use decision::{FailureKind, Next, RetryState};
pub use guard::Trajectory;
pub use lineage::{Descent, Lineages, Reach};
pub use policy::{BackoffKind, Policies, PolicyError, TaskPolicy};
pub use waits::{DeadlockView, Waiter, Waits};
