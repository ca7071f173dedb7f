//! Model calls as they are made here: let through by the service's breaker, paid from a budget, their outcome told to both.

use std::pin::Pin;
use std::time::{Duration, Instant};

use aios_inference::{
    CancelFlag, EmbedRequest, Embedding, EngineError, EngineHandle, InferRequest, Inference,
    Purpose, Sampling, Token, TokenStream,
};
use aios_work::content::{SamplingReport, ThoughtReport, ThoughtSettings};

use super::breakers::{Breakers, Pass, Resting, service};
use aios_work::OverBudget;

use super::budget::{Budget, Hold};

/// Bytes of a prompt that are counted as one token before the model has counted them: few enough to err on the dear side.
const BYTES_PER_TOKEN: usize = 3;

/// How long a paid call without a deadline may take: as long as an engine allows by itself.
const UNSAID: Duration = Duration::from_secs(60);

/// Why a model did not answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ModelError {
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
    let prompt = request.prompt.bytes().div_ceil(BYTES_PER_TOKEN);
    u64::try_from(prompt).unwrap_or(u64::MAX) + u64::from(request.max_tokens)
}

/// Lets the model write.
pub async fn infer(
    breakers: &Breakers,
    engine: &EngineHandle,
    budget: Option<&Budget>,
    request: InferRequest,
) -> Result<Inference, ModelError> {
    infer_by(breakers, service::GENERATE, engine, budget, request).await
}

/// Sets aside what a call may take, and has its service's breaker let it through.
fn begun(
    breakers: &Breakers,
    service: &str,
    engine: &EngineHandle,
    budget: Option<&Budget>,
    request: &mut InferRequest,
) -> Result<(Pass, Option<Hold>), ModelError> {
    let hold = match budget {
        Some(budget) => {
            let prices = engine.prices();
            let hold = budget.reserve_at(estimate(request), prices, breakers.time())?;
            if prices.is_some() {
                let most = request.money_micros.unwrap_or(u64::MAX);
                request.money_micros = Some(most.min(hold.money_micros));
            }
            Some(hold)
        }
        None => None,
    };
    request.private |= budget.is_some_and(Budget::is_private);
    let pass = match breakers.admit(service) {
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
    Ok((pass, hold))
}

/// Lets one engine of several write, whose breaker is its own.
pub async fn infer_by(
    breakers: &Breakers,
    service: &str,
    engine: &EngineHandle,
    budget: Option<&Budget>,
    mut request: InferRequest,
) -> Result<Inference, ModelError> {
    let (pass, hold) = begun(breakers, service, engine, budget, &mut request)?;
    let (cancel, engine) = (request.cancel.clone(), engine.clone());
    let asked = Asked::of(&request);
    let mut call = Heard {
        cancel,
        call: Some(Box::pin(async move {
            let outcome = engine.infer(request).await;
            tell(pass, outcome.as_ref().err());
            if let Some(hold) = hold {
                pay(hold, asked, &outcome);
            }
            outcome
        })),
    };
    Ok(call.outcome().await?)
}

type Calling = Pin<Box<dyn Future<Output = Result<Inference, EngineError>> + Send>>;

/// A call of which somebody hears how it ended, whoever made it: an agent that falls calls off what it asked for, and only what the model
/// did of it until then is paid. Were all of it that was set aside, a few falls would use up the goal's budget for nothing.
struct Heard {
    cancel: CancelFlag,
    call: Option<Calling>,
}

impl Heard {
    async fn outcome(&mut self) -> Result<Inference, EngineError> {
        let Some(call) = &mut self.call else {
            return Err(EngineError::Cancelled);
        };
        let outcome = call.await;
        self.call = None;
        outcome
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        let Some(call) = self.call.take() else {
            return;
        };
        self.cancel.cancel();
        // It ends soon, and at its own deadline at the latest. Without a runtime the engine has gone too.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(call);
        }
    }
}

/// How a call was asked, for its record.
#[derive(Clone, Copy)]
struct Asked {
    purpose: Purpose,
    max_tokens: u32,
    sampling: Sampling,
    schema: bool,
}

impl Asked {
    fn of(request: &InferRequest) -> Self {
        Self {
            purpose: request.purpose,
            max_tokens: request.max_tokens,
            sampling: request.sampling,
            schema: request.grammar.is_some(),
        }
    }

    fn answered(self, inference: &Inference) -> ThoughtReport {
        ThoughtReport {
            purpose: self.purpose.as_str().to_owned(),
            engine: inference.by.engine.clone(),
            model: inference.by.model.clone(),
            version: inference.by.version.clone(),
            settings: ThoughtSettings {
                max_tokens: self.max_tokens,
                sampling: match self.sampling {
                    Sampling::Greedy => SamplingReport::Greedy,
                    Sampling::Seeded {
                        seed,
                        temperature,
                        top_p,
                        top_k,
                    } => SamplingReport::Seeded {
                        seed,
                        temperature,
                        top_p,
                        top_k,
                    },
                },
                schema: self.schema,
            },
            calls: 1,
            tokens: inference.usage.total(),
        }
    }
}

/// Pays for a call from what was set aside for it.
fn pay(hold: Hold, asked: Asked, outcome: &Result<Inference, EngineError>) {
    match outcome {
        // Also of a call that was cut off: the engine says how far it came.
        Ok(inference) => hold.thought(asked.answered(inference), inference.by.price_micros),
        // Nobody heard what was done of it, so all of it counts.
        Err(EngineError::Deadline { .. }) => drop(hold),
        // It was called off before it began, or nothing came of it.
        Err(_) => hold.unused(),
    }
}

/// A text as it is written, let through and paid for as a whole one is.
pub struct Writing {
    /// None once it has ended.
    tokens: Option<TokenStream>,
    pass: Option<Pass>,
    hold: Option<Hold>,
    asked: Asked,
    /// What the prompt takes, as far as its length tells.
    prompt: u64,
    made: u64,
}

/// Has one engine of several write, to be heard as it does. Dropped, it is called off, and what was heard of it is paid.
pub fn stream(
    breakers: &Breakers,
    service: &str,
    engine: &EngineHandle,
    budget: Option<&Budget>,
    mut request: InferRequest,
) -> Result<Writing, ModelError> {
    let prompt = estimate(&request).saturating_sub(u64::from(request.max_tokens));
    let (pass, hold) = begun(breakers, service, engine, budget, &mut request)?;
    let asked = Asked::of(&request);
    match engine.stream(request) {
        Ok(tokens) => Ok(Writing {
            tokens: Some(tokens),
            pass: Some(pass),
            hold,
            asked,
            prompt,
            made: 0,
        }),
        Err(error) => {
            tell(pass, Some(&error));
            if let Some(hold) = hold {
                hold.unused();
            }
            Err(error.into())
        }
    }
}

impl Writing {
    /// The next token; none when there are no more.
    pub async fn next(&mut self) -> Option<Token> {
        let token = self.tokens.as_mut()?.next().await?;
        self.made += 1;
        Some(token)
    }

    /// The whole of it.
    pub async fn finish(mut self) -> Result<Inference, EngineError> {
        let tokens = self.tokens.take().ok_or(EngineError::Cancelled)?;
        let outcome = tokens.finish().await;
        if let Some(pass) = self.pass.take() {
            tell(pass, outcome.as_ref().err());
        }
        if let Some(hold) = self.hold.take() {
            pay(hold, self.asked, &outcome);
        }
        outcome
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if let Some(hold) = self.hold.take() {
            hold.settle(self.prompt.saturating_add(self.made));
        }
    }
}

/// Turns texts into vectors.
pub(crate) async fn embed(
    breakers: &Breakers,
    engine: &EngineHandle,
    request: EmbedRequest,
) -> Result<Vec<Embedding>, ModelError> {
    embed_by(breakers, service::EMBED, engine, None, request).await
}

/// Has one engine of several turn texts into vectors. No engine says what that takes, so it is what the length tells.
pub async fn embed_by(
    breakers: &Breakers,
    service: &str,
    engine: &EngineHandle,
    budget: Option<&Budget>,
    request: EmbedRequest,
) -> Result<Vec<Embedding>, ModelError> {
    let bytes: usize = request.texts.iter().map(String::len).sum();
    let tokens = u64::try_from(bytes.div_ceil(BYTES_PER_TOKEN)).unwrap_or(u64::MAX);
    let hold = match budget {
        Some(budget) => Some(budget.reserve_at(tokens, engine.prices(), breakers.time())?),
        None => None,
    };
    let pass = match breakers.admit(service) {
        Ok(pass) => pass,
        Err(resting) => {
            if let Some(hold) = hold {
                hold.unused();
            }
            return Err(resting.into());
        }
    };
    let outcome = engine.embed(request).await;
    tell(pass, outcome.as_ref().err());
    if let Some(hold) = hold {
        match &outcome {
            Ok(_) => hold.settle(tokens),
            Err(_) => hold.unused(),
        }
    }
    Ok(outcome?)
}

/// A refusal of what was asked is no failure of the engine, a full queue is one of nobody, and a call that was called off says nothing.
fn tell(pass: Pass, error: Option<&EngineError>) {
    match error {
        Some(error) if error.is_engines_fault() => pass.failed(error.to_string()),
        Some(EngineError::Cancelled | EngineError::QueueFull { .. }) => drop(pass),
        _ => pass.succeeded(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use aios_inference::{EngineActor, EngineConfig, Script, ScriptedEngine, Scripts};

    use super::*;
    use crate::AgentSystem;
    use crate::recovery::Budgets;
    use crate::recovery::{Allowance, Spent};

    const PROMPT: &str = "Say in a few words what came of it.";

    struct Bench {
        world: AgentSystem,
        engine: EngineHandle,
        budget: Budget,
    }

    impl Bench {
        async fn new(steps: impl IntoIterator<Item = Script>, queue: usize) -> Self {
            let scripts = Scripts::new(steps);
            let config = EngineConfig {
                queue,
                ..EngineConfig::default()
            };
            let factory = Arc::new(move || {
                let engine = ScriptedEngine::scripted_by(scripts.clone());
                Ok(Box::new(engine) as Box<dyn aios_inference::BlockingEngine>)
            });
            let (engine, _) = EngineActor::spawn(config, factory).await.unwrap();
            let world = AgentSystem::builder().build();
            let allowance = Allowance {
                tokens: 10_000,
                money_micros: 0,
                time: Duration::from_secs(60),
                price_micros: 0,
            };
            let now = world.now();
            let budget = Budgets::default().begin(world.tenant(), "goal", allowance, now);
            Self {
                world,
                engine,
                budget,
            }
        }

        async fn infer(&self) -> Result<Inference, ModelError> {
            let request = InferRequest::chat("Be brief.", PROMPT).max_tokens(1_000);
            let breakers = self.world.breakers();
            infer(breakers, &self.engine, Some(&self.budget), request).await
        }

        /// What was spent, once it is no longer what was set aside.
        async fn settled(&self) -> Spent {
            let held = self.budget.spent().tokens;
            for _ in 0..5_000 {
                if self.budget.spent().tokens != held {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            self.budget.spent()
        }
    }

    #[tokio::test]
    async fn a_caller_that_falls_pays_for_what_the_model_did_and_not_for_what_was_set_aside() {
        let long = Script::Delay(Duration::from_secs(30));
        let bench = Bench::new([Script::Reply("Little.".into()), long], 4).await;
        let whole = bench.infer().await.unwrap();
        let prompt = whole.prompt_ids.len() as u64;
        let paid = bench.budget.spent();
        assert_eq!(
            (paid.calls, paid.tokens),
            (1, prompt + whole.ids.len() as u64)
        );
        // It falls while the model is at it.
        tokio::time::timeout(Duration::from_millis(50), bench.infer())
            .await
            .unwrap_err();
        assert!(
            bench.budget.spent().tokens > paid.tokens + 1_000,
            "set aside"
        );
        let spent = bench.settled().await;
        assert_eq!(
            (spent.calls, spent.tokens),
            (2, paid.tokens + prompt),
            "the prompt was read, and no token made"
        );
    }

    #[tokio::test]
    async fn who_thought_and_how_it_was_asked_is_on_record_with_what_it_took() {
        let bench = Bench::new([], 4).await;
        let drawn = Sampling::Seeded {
            seed: 7,
            temperature: 0.5,
            top_p: 0.9,
            top_k: 40,
        };
        let ask = |request: InferRequest| {
            let breakers = bench.world.breakers();
            infer(breakers, &bench.engine, Some(&bench.budget), request)
        };
        let plain = || InferRequest::chat("Be brief.", PROMPT).max_tokens(20);
        for request in [
            plain(),
            plain().purpose(Purpose::Judge).sampling(drawn),
            plain(),
        ] {
            ask(request).await.unwrap();
        }
        let thoughts = bench.budget.thoughts();
        let told: Vec<_> = { thoughts.iter() }
            .map(|one| (one.purpose.as_str(), one.engine.as_str(), one.calls))
            .collect();
        assert_eq!(told, [("write", "scripted", 2), ("judge", "scripted", 1)]);
        assert_eq!(thoughts[0].settings.sampling, SamplingReport::Greedy);
        assert_eq!(thoughts[0].settings.max_tokens, 20);
        let sampling = SamplingReport::Seeded {
            seed: 7,
            temperature: 0.5,
            top_p: 0.9,
            top_k: 40,
        };
        assert_eq!(thoughts[1].settings.sampling, sampling);
        let tokens: u64 = thoughts.iter().map(|one| one.tokens).sum();
        assert_eq!(tokens, bench.budget.spent().tokens);
    }

    #[tokio::test]
    async fn a_text_that_is_heard_as_it_is_written_is_paid_and_guarded_like_a_whole_one() {
        // An engine that fails and lives: nobody here would start another.
        let fails = || {
            Script::Fail(aios_inference::EngineError::Server {
                engine: "e".into(),
                status: 503,
                said: "gone".into(),
            })
        };
        let bench = Bench::new([Script::Reply("Little by little.".into())], 4).await;
        let begin = |bench: &Bench| {
            let request = InferRequest::chat("Be brief.", PROMPT).max_tokens(1_000);
            let (breakers, budget) = (bench.world.breakers(), Some(&bench.budget));
            stream(
                breakers,
                "engine.e.generate",
                &bench.engine,
                budget,
                request,
            )
        };
        let mut writing = begin(&bench).unwrap();
        assert!(bench.budget.spent().tokens > 1_000, "set aside");
        let mut heard = 0;
        while writing.next().await.is_some() {
            heard += 1;
        }
        let whole = writing.finish().await.unwrap();
        assert!(heard > 0);
        let used = whole.usage.total();
        assert_eq!(bench.budget.spent().tokens, used);
        drop(begin(&bench).unwrap());
        let spent = bench.budget.spent();
        assert!(
            spent.tokens < used + 1_000,
            "what was not heard is not paid: {spent:?}"
        );

        let bench = Bench::new(std::iter::repeat_with(fails).take(64), 4).await;
        let mut rests = false;
        for _ in 0..64 {
            match begin(&bench) {
                Ok(writing) => drop(writing.finish().await),
                Err(ModelError::Resting(resting)) => {
                    assert_eq!(resting.service, "engine.e.generate");
                    rests = true;
                }
                Err(_) => {}
            }
        }
        assert!(rests, "it is left alone after failures");
        let other = bench.world.breakers().resting(service::GENERATE);
        assert!(other.is_none(), "and no other");
    }

    #[tokio::test]
    async fn a_call_that_never_began_costs_nothing_and_gives_its_place_up() {
        let bench = Bench::new([Script::Delay(Duration::from_secs(30))], 1).await;
        let soon = Duration::from_millis(50);
        let running = bench.infer();
        tokio::pin!(running);
        tokio::time::timeout(soon, &mut running).await.unwrap_err();
        let before = bench.budget.spent();
        // The one place is taken, and whoever took it falls.
        tokio::time::timeout(soon, bench.infer()).await.unwrap_err();
        let waiting = bench.infer();
        tokio::pin!(waiting);
        assert!(
            tokio::time::timeout(soon, &mut waiting).await.is_err(),
            "it has the place now, and waits"
        );
        let spent = bench.budget.spent();
        assert_eq!(
            spent.calls,
            before.calls + 1,
            "the fallen one is off the books"
        );
    }
}
