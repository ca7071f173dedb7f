//! Prose by the node's model, for the `write_text` tool.

use std::time::Duration;

use aios_inference::{
    ChatRole, ChatTurn, EngineError, EngineHandle, Finish, InferRequest, Prompt, Sampling,
};
use aios_tools::{WriteError, WriteRequest, Writer};
use tokio::runtime::Handle;

use crate::Society;
use crate::recovery::guarded::{self, ModelError};
use crate::recovery::{Breakers, Purses};

/// How often a waiting writer looks whether anybody still wants the text.
const LOOK: Duration = Duration::from_millis(20);
/// Tokens a word takes, with room for punctuation; more would let a small model ramble.
const TOKENS_PER_WORD: u32 = 2;

/// Lets the model write, greedily, so that the same facts give the same text.
pub struct ModelWriter {
    engine: EngineHandle,
    breakers: Breakers,
    purses: Purses,
    runtime: Handle,
}

impl ModelWriter {
    /// A writer on this engine, let through by a world's breakers and paid from its purses. Must be made inside the runtime whose blocking
    /// threads will call it.
    pub fn new(engine: EngineHandle, world: &Society) -> Self {
        // Not the world itself: it owns the tools, and they own the writer.
        Self {
            engine,
            breakers: world.breakers().clone(),
            purses: world.purses().clone(),
            runtime: Handle::current(),
        }
    }
}

impl Writer for ModelWriter {
    fn write(&self, request: &WriteRequest<'_>) -> Result<String, WriteError> {
        // No system turn of ours: the model's own template has the one it was trained with, and with it a small model keeps to the text.
        let asked = ChatTurn {
            role: ChatRole::User,
            content: request.instruction.to_owned(),
        };
        let infer = InferRequest::new(Prompt::Chat(vec![asked]))
            .max_tokens(
                request
                    .max_words
                    .saturating_mul(TOKENS_PER_WORD)
                    .clamp(16, 1_024),
            )
            .sampling(Sampling::Greedy)
            .deadline(request.deadline);
        let cancel = infer.cancel.clone();
        // An operation is named after its goal: `goal/task`.
        let goal = request.idempotency_key.split('/').next().unwrap_or("");
        let purse = self.purses.of(goal);
        let inference = self.runtime.block_on(async {
            let thought = guarded::infer(&self.breakers, &self.engine, purse.as_ref(), infer);
            tokio::pin!(thought);
            loop {
                tokio::select! {
                    outcome = &mut thought => return outcome,
                    () = tokio::time::sleep(LOOK) => if request.cancel.is_cancelled() {
                        cancel.cancel();
                        return Err(EngineError::Cancelled.into());
                    },
                }
            }
        });
        match inference {
            Ok(inference) if inference.finish == Finish::Deadline => {
                Err(WriteError::DeadlinePassed)
            }
            Ok(inference) if inference.text.trim().is_empty() => {
                Err(WriteError::Unusable("it wrote nothing".to_owned()))
            }
            Ok(inference) => Ok(inference.text.trim().to_owned()),
            Err(error) => Err(unwritten(error)),
        }
    }
}

fn unwritten(error: ModelError) -> WriteError {
    match error {
        ModelError::Engine(EngineError::Cancelled) => WriteError::Cancelled,
        ModelError::Engine(EngineError::Deadline { .. }) => WriteError::DeadlinePassed,
        ModelError::Engine(error) if !error.is_retryable() => {
            WriteError::Unusable(error.to_string())
        }
        ModelError::Engine(_) | ModelError::Resting(_) => {
            WriteError::Unavailable(error.to_string())
        }
        ModelError::OverBudget(over) => WriteError::OverBudget(over.to_string()),
    }
}
