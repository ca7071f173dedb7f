//! Prose by the node's model, for the `write_text` tool.

use std::time::Duration;

use aios_inference::{ChatTurn, EngineError, EngineHandle, Finish, InferRequest, Prompt, Sampling};
use aios_protocols::TenantId;
use aios_tools::{WriteError, WriteRequest, Writer};
use tokio::runtime::Handle;

use aios_actors::agent::Span;
use aios_actors::recovery::guarded::{self, ModelError};
use aios_actors::recovery::{Breakers, Budgets};
use aios_actors::{AgentSystem, WeakAgentSystem};

use crate::Ports;

/// How often a waiting writer looks whether anybody still wants the text.
const LOOK: Duration = Duration::from_millis(20);
/// Tokens a word takes, with room for punctuation; more would let a small model ramble.
const TOKENS_PER_WORD: u32 = 2;

/// Lets the model write, greedily, so that the same facts give the same text.
pub struct ModelWriter {
    engine: EngineHandle,
    system: WeakAgentSystem,
    tenant: TenantId,
    breakers: Breakers,
    budgets: Budgets,
    runtime: Handle,
}

impl ModelWriter {
    /// A writer on this engine, let through by the breakers and paid from the budgets of goals. Must be made inside the runtime whose blocking
    /// threads will call it.
    pub fn new(engine: EngineHandle, system: &AgentSystem, ports: &Ports) -> Self {
        Self {
            engine,
            system: system.downgrade(),
            tenant: system.tenant().clone(),
            breakers: ports.breakers.clone(),
            budgets: ports.budgets.clone(),
            runtime: Handle::current(),
        }
    }
}

impl Writer for ModelWriter {
    fn write(&self, request: &WriteRequest<'_>) -> Result<String, WriteError> {
        // No system turn of ours: the model's own template has the one it was trained with, and with it a small model keeps to the text.
        let asked = ChatTurn::user(request.instruction);
        let mut infer = InferRequest::new(Prompt::Chat(vec![asked]))
            .max_tokens(
                request
                    .max_words
                    .saturating_mul(TOKENS_PER_WORD)
                    .clamp(16, 1_024),
            )
            .sampling(Sampling::Greedy)
            .deadline(request.deadline);
        let world = self.system.upgrade();
        let span = world.and_then(|world| Span::of_thought(&world, request.traceparent));
        infer.traceparent = match &span {
            Some(span) => Some(span.traceparent()),
            None => request.traceparent.map(str::to_owned),
        };
        let cancel = infer.cancel.clone();
        let budget = self
            .budgets
            .of_key(request.idempotency_key, &self.tenant)
            .map_err(|none| WriteError::NoBudget(none.to_string()))?;
        let inference = self.runtime.block_on(async {
            let thought = guarded::infer(&self.breakers, &self.engine, Some(&budget), infer);
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
        if let Some(span) = span {
            span.end_of_thought(inference.as_ref());
        }
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

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use aios_inference::{EngineConfig, LocalEngine};
    use aios_work::CancelFlag;

    use super::*;
    use aios_actors::recovery::Allowance;

    #[tokio::test]
    async fn a_writer_does_not_keep_the_world_whose_tool_it_is() {
        let world = AgentSystem::builder().build();
        let left = world.downgrade();
        let engine = LocalEngine::new(EngineConfig::default()).handle();
        let writer = ModelWriter::new(engine, &world, &Ports::of(&world));
        drop(world);
        assert!(left.upgrade().is_none());
        drop(writer);
    }

    #[tokio::test]
    async fn nothing_is_written_for_a_goal_that_cannot_pay_or_is_not_under_way() {
        let world = AgentSystem::builder().build();
        let allowance = Allowance {
            tokens: 1_000,
            money_micros: 0,
            time: Duration::from_secs(60),
            price_micros: 0,
        };
        let (ports, now) = (Ports::of(&world), world.now());
        let budgets = &ports.budgets;
        let us = world.tenant().clone();
        let open = budgets.begin(&us, "open", allowance, now);
        let poor = Allowance {
            tokens: 1,
            ..allowance
        };
        budgets.begin(&us, "poor", poor, now);
        let over = budgets.begin(&us, "over", allowance, now);
        budgets.close(&us, "over", &over);
        // No engine comes up behind it: what gets that far waits for one until its time is over.
        let writer = ModelWriter::new(
            LocalEngine::new(EngineConfig::default()).handle(),
            &world,
            &ports,
        );
        let write = move |goal: &str| {
            writer.write(&WriteRequest {
                instruction: "Say it.",
                facts: &[],
                max_words: 20,
                idempotency_key: &format!("{goal}/answer"),
                traceparent: None,
                cancel: &CancelFlag::new(),
                deadline: Instant::now() + Duration::from_millis(50),
            })
        };
        let wrote = tokio::task::spawn_blocking(move || {
            ["open", "poor", "over", "never", ""].map(|goal| write(goal).unwrap_err())
        });
        let [reached, poor, over, never, unnamed] = wrote.await.unwrap();
        assert_eq!(reached, WriteError::DeadlinePassed);
        assert!(matches!(poor, WriteError::OverBudget(_)), "{poor:?}");
        for refused in [over, never, unnamed] {
            let said = refused.to_string();
            assert!(matches!(refused, WriteError::NoBudget(_)), "{refused:?}");
            assert!(said.contains("no budget under way"), "{said}");
        }
        assert!(open.spent().tokens > 0, "it was on the goal's account");
    }
}
