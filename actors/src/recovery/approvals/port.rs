//! What an agent needs of the place where people are asked.

use std::time::Duration;

use async_trait::async_trait;

use super::{Approval, ApprovalError, Approvals, Decision, Question};
use crate::agent::Context;

/// Asks people in an agent's name. A node hands its agents its own queue; where the queue is another node's, they are handed a way there.
/// Who asks is proven by what the agent signs, so nothing hangs on where it stands.
#[async_trait]
pub trait AsksPeople: Send + Sync {
    /// As [`Approvals::propose`].
    async fn propose(&self, question: Question, ctx: &Context) -> Result<Approval, ApprovalError>;

    /// As [`Approvals::get`].
    async fn get(&self, id: &str) -> Result<Approval, ApprovalError>;

    /// As [`Approvals::wait`].
    async fn wait(
        &self,
        id: &str,
        within: Duration,
    ) -> Result<Option<(Decision, String)>, ApprovalError>;

    /// As [`Approvals::spend`].
    async fn spend(&self, id: &str, goal: &str, ctx: &Context) -> Result<(), ApprovalError>;

    /// As [`Approvals::over`].
    async fn over(&self, goal: &str, ctx: &Context) -> Result<(), ApprovalError>;
}

#[async_trait]
impl AsksPeople for Approvals {
    async fn propose(&self, question: Question, ctx: &Context) -> Result<Approval, ApprovalError> {
        Self::propose(self, question, ctx)
    }

    async fn get(&self, id: &str) -> Result<Approval, ApprovalError> {
        Self::get(self, id)
    }

    async fn wait(
        &self,
        id: &str,
        within: Duration,
    ) -> Result<Option<(Decision, String)>, ApprovalError> {
        Self::wait(self, id, within).await
    }

    async fn spend(&self, id: &str, goal: &str, ctx: &Context) -> Result<(), ApprovalError> {
        Self::spend(self, id, goal, ctx)
    }

    async fn over(&self, goal: &str, ctx: &Context) -> Result<(), ApprovalError> {
        Self::over(self, goal, ctx)
    }
}
