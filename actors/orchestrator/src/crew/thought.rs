//! What an agent's model is asked, once for each turn: a thought is a durable step, paid from the question's budget.

use aios_actors::agent::{AgentError, Context};
use aios_actors::recovery::guarded::ModelError;
use aios_actors::recovery::{FailureKind, Next as Retry, RetryState};
use aios_inference::{EngineError, Finish, InferRequest, Prompt, SessionId};
use aios_work::content::AgentOrder;
use serde::{Deserialize, Serialize};

use super::Member;
use super::ended::{Ended, failed, stopped};
use super::errand::Errand;

/// Tokens of one thought at most: a call or an answer of some hundred words.
const THOUGHT_TOKENS: u64 = 1_024;
/// Tokens with which an answer can be begun at all.
const THOUGHT_LEAST: u64 = 32;
/// Bytes that are counted as a token before the model has counted them; as the reservation does.
const BYTES_PER_TOKEN: u64 = 3;
/// The name of the policy by which a thought is tried again.
const THINK: &str = "think";

/// What the model remembers of a question from one turn to the next: each turn's chat begins with the one before.
pub(super) fn session(member: &Member, order: &AgentOrder, ctx: &Context) -> SessionId {
    let role = &member.charter().role;
    SessionId(format!("{}/{role}/{}", ctx.tenant(), order.operation))
}

/// A thought, as it is committed.
#[derive(Serialize, Deserialize)]
pub(super) struct Thought {
    pub(super) said: String,
    tokens: u64,
    pub(super) cut_off: bool,
}

impl Errand<'_> {
    /// Lets the model think, once for each turn.
    pub(super) async fn think(
        &self,
        turn: u32,
        chat: Prompt,
        grammar: &str,
    ) -> Result<Thought, Ended> {
        let step = self.step("think", turn);
        if let Some(thought) = self.ctx.done::<Thought>(&step)? {
            if self.fresh {
                // A process that is gone has paid for it.
                self.budget.charge(thought.tokens);
            }
            return Ok(thought);
        }
        let mut over = None;
        let thought = self.ctx.once(&step, async || {
            self.thought(&chat, grammar)
                .await
                .map_err(|error| match error {
                    ModelError::OverBudget(spent) => {
                        let error = AgentError::failure(spent.to_string());
                        over = Some(spent);
                        error
                    }
                    error => AgentError::failure(format!("the model did not answer: {error}")),
                })
        });
        let thought = thought.await;
        match over {
            Some(over) => Err(stopped(aios_work::Ended::OverBudget(over))),
            None => match thought {
                Err(AgentError::Failed(reason)) => Err(failed(reason.detail)),
                other => Ok(other?),
            },
        }
    }

    async fn thought(&self, chat: &Prompt, grammar: &str) -> Result<Thought, ModelError> {
        let policy = self.services.settings().policies.of(THINK).retry();
        let mut retry = RetryState::new(policy);
        loop {
            let error = match self.infer(chat, grammar).await {
                Ok(thought) => return Ok(thought),
                Err(error) => error,
            };
            self.ctx.unless_over().await;
            let kind = match &error {
                ModelError::OverBudget(_) => FailureKind::Spent,
                ModelError::Resting(_) => FailureKind::Resting,
                ModelError::Engine(error) if error.is_retryable() => FailureKind::Passing,
                ModelError::Engine(_) => FailureKind::Broken,
            };
            match retry.failed(kind, Some(self.left())) {
                Retry::Again { after } => tokio::time::sleep(after).await,
                Retry::Take(_) => return Err(error),
            }
        }
    }

    async fn infer(&self, chat: &Prompt, grammar: &str) -> Result<Thought, ModelError> {
        let gone = || ModelError::Engine(EngineError::Cancelled);
        let Ok(engine) = self.ctx.engine() else {
            return Err(gone());
        };
        let thoughts = &self.services.crew().0.thoughts;
        let _turn = thoughts.acquire().await.map_err(|_| gone())?;
        let bytes = match chat {
            Prompt::Raw(text) => text.len(),
            Prompt::Chat(turns) => turns.iter().map(|turn| turn.content.len()).sum(),
        };
        let prompt = (bytes as u64).div_ceil(BYTES_PER_TOKEN);
        let left = self.budget.tokens_left().saturating_sub(prompt);
        let most = left.clamp(THOUGHT_LEAST, THOUGHT_TOKENS);
        let request = InferRequest::new(chat.clone())
            .max_tokens(most as u32)
            .json_schema(grammar)
            // What the model said is read by `act`, and what is wrong with it is told to it.
            .own_check()
            .session(session(self.member, self.order, &self.ctx))
            .deadline(self.due);
        let breakers = self.services.breakers();
        let thought = self
            .ctx
            .thought(engine, breakers, Some(&self.budget), request);
        let inference = thought.await?;
        Ok(Thought {
            tokens: inference.usage.total(),
            cut_off: matches!(inference.finish, Finish::Length | Finish::Deadline),
            said: inference.text,
        })
    }
}
