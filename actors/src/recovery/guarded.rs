//! Model calls as they are made here: let through by the service's breaker, paid from a purse, their outcome told to both.

use std::time::{Duration, Instant};

use aios_inference::{
    EmbedRequest, Embedding, EngineError, EngineHandle, InferRequest, Inference, Prompt,
};

use super::breakers::{Breakers, Pass, Resting, service};
use super::budget::{OverBudget, Purse};

/// Bytes of a prompt that are counted as one token before the model has counted them: few enough to err on the dear side.
const BYTES_PER_TOKEN: usize = 3;

/// How long a paid call without a deadline may take: as long as an engine allows by itself.
const UNSAID: Duration = Duration::from_secs(60);

/// Why a model did not answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum ModelError {
    /// The engine failed or refused.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Its breaker lets nothing through.
    #[error(transparent)]
    Resting(#[from] Resting),
    /// The goal cannot pay for it.
    #[error(transparent)]
    OverBudget(#[from] OverBudget),
}

/// What a call may take: the prompt, as far as its length tells, and all the new tokens it may make.
pub(crate) fn estimate(request: &InferRequest) -> u64 {
    let bytes = match &request.prompt {
        Prompt::Raw(text) => text.len(),
        Prompt::Chat(turns) => turns.iter().map(|turn| turn.content.len()).sum(),
    };
    let prompt = bytes.div_ceil(BYTES_PER_TOKEN);
    u64::try_from(prompt).unwrap_or(u64::MAX) + u64::from(request.max_tokens)
}

/// Lets the model write.
pub(crate) async fn infer(
    breakers: &Breakers,
    engine: &EngineHandle,
    purse: Option<&Purse>,
    mut request: InferRequest,
) -> Result<Inference, ModelError> {
    let hold = match purse {
        Some(purse) => Some(purse.reserve(estimate(&request), breakers.time())?),
        None => None,
    };
    let pass = match breakers.admit(service::GENERATE) {
        Ok(pass) => pass,
        Err(resting) => {
            if let Some(hold) = hold {
                hold.unused();
            }
            return Err(resting.into());
        }
    };
    if let Some(hold) = &hold {
        // No call outlives the goal that pays for it.
        let now = Instant::now();
        let asked = request.deadline.unwrap_or(now + UNSAID);
        let until = now.checked_add(hold.time).unwrap_or(asked);
        request.deadline = Some(asked.min(until));
    }
    let outcome = engine.infer(request).await;
    tell(pass, outcome.as_ref().err());
    match (hold, &outcome) {
        (Some(hold), Ok(inference)) => {
            hold.settle((inference.prompt_ids.len() + inference.ids.len()) as u64);
        }
        // What was done of a call that was cut off nobody knows, so all of it counts.
        (hold, Err(EngineError::Deadline { .. } | EngineError::Cancelled)) => drop(hold),
        (Some(hold), Err(_)) => hold.unused(),
        (None, _) => {}
    }
    Ok(outcome?)
}

/// Turns texts into vectors.
pub(crate) async fn embed(
    breakers: &Breakers,
    engine: &EngineHandle,
    request: EmbedRequest,
) -> Result<Vec<Embedding>, ModelError> {
    let pass = breakers.admit(service::EMBED)?;
    let outcome = engine.embed(request).await;
    tell(pass, outcome.as_ref().err());
    Ok(outcome?)
}

/// A refusal of what was asked is no failure of the engine, a full queue is one of nobody, and a call that was called off says nothing.
fn tell(pass: Pass, error: Option<&EngineError>) {
    match error {
        Some(
            EngineError::Device { .. }
            | EngineError::Deadline { .. }
            | EngineError::Lost { .. }
            | EngineError::Down { .. }
            | EngineError::ModelBroken { .. },
        ) => pass.failed(error.map(ToString::to_string).unwrap_or_default()),
        Some(EngineError::Cancelled | EngineError::QueueFull { .. }) => drop(pass),
        _ => pass.succeeded(),
    }
}
