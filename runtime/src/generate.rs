//! A word with an engine of the node, without any agent: what it writes, and the vectors it makes.

use std::time::Duration;

use aios_actors::recovery::guarded::{self, ModelError, Writing};
use aios_actors::recovery::{Budget, OverBudget, service};
use aios_control::{
    Caller, ControlError, EmbedTexts, Embedded, EngineLine, ErrorKind, Event, EventKind,
    EventStream, Generate, Generated, Response, Speaker, Told,
};
use aios_inference::{
    ChatRole, ChatTurn, EmbedRequest, EngineError, EngineHandle, Finish, InferRequest, Inference,
    Prompt, Sampling,
};
use async_trait::async_trait;
use serde::Serialize;
use serde_json::{Number, Value, json};

use crate::config::engines::LOCAL;
use crate::models::writer;
use crate::node::Node;

/// An engine by the name it has in the configuration.
pub(crate) type Named = (String, EngineHandle);

impl Node {
    /// The engines there are.
    pub(crate) async fn engine_lines(&self) -> Vec<EngineLine> {
        let mut lines = Vec::new();
        for (name, engine) in &self.parts.engines {
            let mut line = line(name, engine).await;
            line.loads &= !self.config().engines.contains_key(name);
            lines.push(line);
        }
        lines
    }

    /// The engine that is meant: by its own name, or by that of a model it has loaded.
    async fn engine_named(&self, asked: &str) -> Result<&Named, ControlError> {
        let engines = &self.parts.engines;
        if let Some(named) = engines.iter().find(|(name, _)| name == asked) {
            return Ok(named);
        }
        for named in engines {
            if line(&named.0, &named.1)
                .await
                .models
                .iter()
                .any(|model| model == asked)
            {
                return Ok(named);
            }
        }
        let known: Vec<&str> = engines.iter().map(|(name, _)| name.as_str()).collect();
        let message = format!(
            "no engine is called {asked:?}; there are {}",
            known.join(", ")
        );
        Err(ControlError::unknown(message))
    }

    /// What is set aside for a principal, and the breaker of an engine's work. Where there is one engine, it is the one that everybody asks.
    fn guards(&self, caller: &Caller, name: &str, usual: &str) -> (Budget, String) {
        let (principal, now) = (&caller.principal, self.parts.system.now());
        let budget = self.parts.allowances.of(principal, self.config(), now);
        let work = usual.rsplit('.').next().unwrap_or(usual);
        let service = match self.parts.engines.len() {
            1 => usual.to_owned(),
            _ => format!("engine.{name}.{work}"),
        };
        (budget, service)
    }

    pub(crate) async fn generate(
        &self,
        caller: &Caller,
        asked: Generate,
    ) -> Result<Response, ControlError> {
        let (name, engine) = self.engine_named(&asked.engine).await?;
        let watch = asked.watch;
        let request = request(asked)?;
        let (budget, service) = self.guards(caller, name, service::GENERATE);
        let breakers = self.parts.system.breakers();
        if watch {
            let writing = guarded::stream(breakers, &service, engine, Some(&budget), request);
            return Ok(Response::Watch(Box::new(Written {
                engine: name.clone(),
                tokens: Some(writing.map_err(held)?),
                seq: 0,
            })));
        }
        let inference = guarded::infer_by(breakers, &service, engine, Some(&budget), request);
        Ok(Response::Value(written(
            name,
            inference.await.map_err(held)?,
        )?))
    }

    pub(crate) async fn embed(
        &self,
        caller: &Caller,
        asked: EmbedTexts,
    ) -> Result<Embedded, ControlError> {
        let (name, engine) = self.engine_named(&asked.engine).await?;
        let (texts, most) = (asked.texts.len(), EmbedTexts::TEXTS_MAX);
        if !(1..=most).contains(&texts) {
            let message = format!("{texts} texts were given, 1 to {most} are taken at a time");
            return Err(ControlError::invalid(message));
        }
        let request = EmbedRequest::new(asked.texts).within(within(asked.deadline_ms)?);
        let (budget, service) = self.guards(caller, name, service::EMBED);
        let breakers = self.parts.system.breakers();
        let embedded = guarded::embed_by(breakers, &service, engine, Some(&budget), request);
        let embedded = embedded.await.map_err(held)?;
        let cut = embedded
            .iter()
            .enumerate()
            .filter(|(_, text)| text.is_cut());
        Ok(Embedded {
            engine: name.clone(),
            cut: cut.map(|(at, _)| at).collect(),
            vectors: embedded.into_iter().map(|text| text.vector).collect(),
        })
    }
}

async fn line(name: &str, engine: &EngineHandle) -> EngineLine {
    let health = engine.health().await.ok();
    let can = engine.capabilities().await.ok();
    let models = health.map(|health| health.models).unwrap_or_default();
    EngineLine {
        name: name.to_owned(),
        writes: writer(&models).map(|model| model.name.clone()),
        loads: name == LOCAL
            && can
                .as_ref()
                .is_some_and(|can| !can.quantisations.is_empty()),
        models: models.into_iter().map(|model| model.name).collect(),
        dimensions: can.as_ref().and_then(|can| can.embedding),
        device: can.map(|can| can.device).unwrap_or_default(),
    }
}

fn within(deadline_ms: u64) -> Result<Duration, ControlError> {
    let allowed = Generate::DEADLINE_MS_MAX;
    if !(1..=allowed).contains(&deadline_ms) {
        let message = format!("deadline_ms is {deadline_ms}, allowed is 1 to {allowed}");
        return Err(ControlError::invalid(message));
    }
    Ok(Duration::from_millis(deadline_ms))
}

fn request(asked: Generate) -> Result<InferRequest, ControlError> {
    let (turns, most) = (asked.turns.len(), Generate::TURNS_MAX);
    if !(1..=most).contains(&turns) {
        let message = format!("{turns} turns were given, 1 to {most} are taken");
        return Err(ControlError::invalid(message));
    }
    let turns = asked.turns.into_iter().map(|turn| {
        let role = match turn.who {
            Speaker::System => ChatRole::System,
            Speaker::User => ChatRole::User,
            Speaker::Assistant => ChatRole::Assistant,
            Speaker::Tool => ChatRole::Tool,
        };
        ChatTurn::new(role, turn.text)
    });
    let number = |name: &str, given: &Option<Number>, most: f64, usual: f64| match given {
        None => Ok(usual),
        Some(number) => number
            .as_f64()
            .filter(|number| (0.0..=most).contains(number))
            .ok_or_else(|| {
                ControlError::invalid(format!("{name} is {number}, allowed is 0 to {most}"))
            }),
    };
    let temperature = number("temperature", &asked.temperature, 2.0, 0.0)?;
    let top_p = number("top_p", &asked.top_p, 1.0, 1.0)?;
    let mut request = InferRequest::new(Prompt::Chat(turns.collect()))
        .max_tokens(asked.max_tokens)
        .within(within(asked.deadline_ms)?);
    // Drawing at no temperature is taking the likeliest.
    if temperature > 0.0 {
        request = request.sampling(Sampling::Seeded {
            seed: asked.seed.map_or_else(chance, Ok)?,
            temperature: temperature as f32,
            top_p: top_p as f32,
            top_k: 0,
        });
    }
    if let Some(schema) = asked.schema {
        request = request.json_schema(schema.to_string());
    }
    request.stop = asked.stop;
    Ok(request)
}

/// A seed nobody chose.
fn chance() -> Result<u64, ControlError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)
        .map_err(|_| ControlError::failed("the system gives no random numbers; name a seed"))?;
    Ok(u64::from_le_bytes(bytes))
}

fn written(engine: &str, inference: Inference) -> Result<Value, ControlError> {
    let finish = match inference.finish {
        Finish::Stop => "stop",
        Finish::Length => "length",
        Finish::Tools => "tools",
        Finish::Cancelled => "cancelled",
        Finish::Deadline => "deadline",
    };
    as_json(&Generated {
        engine: engine.to_owned(),
        model: inference.by.model,
        text: inference.text,
        finish: finish.to_owned(),
        prompt_tokens: inference.usage.prompt_tokens,
        new_tokens: inference.usage.new_tokens,
    })
}

fn as_json(value: &impl Serialize) -> Result<Value, ControlError> {
    serde_json::to_value(value)
        .map_err(|error| ControlError::failed(format!("the answer cannot be written: {error}")))
}

/// What an engine is writing; dropped, it is called off.
struct Written {
    engine: String,
    /// None once it has ended.
    tokens: Option<Writing>,
    seq: u64,
}

#[async_trait]
impl EventStream for Written {
    async fn next(&mut self) -> Option<Told> {
        // A token without text is a character that is not whole yet.
        let text = loop {
            match self.tokens.as_mut()?.next().await {
                Some(token) if token.text.is_empty() => {}
                Some(token) => break Some(token.text),
                None => break None,
            }
        };
        let (kind, body) = match text {
            Some(text) => (EventKind::Text, json!({ "text": text })),
            None => {
                let inference = self.tokens.take()?.finish().await.map_err(refused);
                match inference.and_then(|inference| written(&self.engine, inference)) {
                    Ok(body) => (EventKind::Answer, body),
                    Err(error) => (EventKind::Refused, as_json(&error).unwrap_or_default()),
                }
            }
        };
        self.seq += 1;
        let seq = self.seq;
        Some(Event { seq, kind, body }.into())
    }
}

/// A call that was not let through, or what the engine said.
fn held(error: ModelError) -> ControlError {
    match error {
        ModelError::Engine(error) => refused(error),
        ModelError::Resting(resting) => {
            let ms = resting.retry_after.as_millis();
            ControlError::new(ErrorKind::Busy, resting.to_string())
                .advise(format!("ask again in {ms} ms, or ask another engine"))
        }
        ModelError::OverBudget(OverBudget::Tokens { asked, allowed, .. }) if asked > allowed => {
            let message =
                format!("the call may take {asked} tokens, {allowed} are allowed in an hour");
            ControlError::new(ErrorKind::TooLarge, message)
        }
        ModelError::OverBudget(over) => {
            let (message, setting) = spent(&over);
            ControlError::new(ErrorKind::Busy, message)
                .advise(format!("ask again within the hour, or raise {setting}"))
        }
    }
}

/// What is used up, and what raises it. The error speaks of a goal's limits, and nobody has given one.
fn spent(over: &OverBudget) -> (String, &'static str) {
    match over {
        OverBudget::Tokens {
            asked,
            left,
            allowed,
        } => (
            format!("this hour's tokens are used up: {asked} needed, {left} of {allowed} left"),
            "serve.hourly_tokens",
        ),
        OverBudget::Money {
            asked,
            left,
            allowed,
        } => (
            format!(
                "this hour's money is used up: {asked} millionths needed, {left} of {allowed} left"
            ),
            "serve.hourly_money_micros",
        ),
        // It lasts for longer than any call that is paid from it.
        OverBudget::Time { .. } => ("this hour is over".to_owned(), "nothing"),
    }
}

pub(crate) fn refused(error: EngineError) -> ControlError {
    use EngineError::{
        BadGrammar, BadRequest, Cancelled, Deadline, Device, Down, Lost, ModelMissing, NoEngine,
        NotLoaded, PromptTooLong, QueueFull, RateLimited, Server, TooManyTokens, Unsupported,
    };
    let kind = match &error {
        NotLoaded { .. } | ModelMissing { .. } => ErrorKind::Unknown,
        Unsupported { .. } | BadGrammar { .. } | BadRequest { .. } => ErrorKind::Invalid,
        PromptTooLong { .. } | TooManyTokens { .. } => ErrorKind::TooLarge,
        QueueFull { .. } | RateLimited { .. } => ErrorKind::Busy,
        Down { .. } | Lost { .. } | Device { .. } | Server { .. } | NoEngine { .. } => {
            ErrorKind::Unavailable
        }
        Deadline { .. } => ErrorKind::Late,
        Cancelled => ErrorKind::Conflict,
        _ => ErrorKind::Failed,
    };
    let advice = match kind {
        ErrorKind::Unavailable => {
            "ask again in a moment, or ask another engine; GET /v1/engines names those there are"
        }
        kind => kind.advice(),
    };
    ControlError::new(kind, error.to_string()).advise(advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_is_away_is_asked_again_and_is_no_fault_of_the_node() {
        let reason = || "it was stopped".to_owned();
        for error in [
            EngineError::Down { reason: reason() },
            EngineError::Lost { reason: reason() },
            EngineError::Device { reason: reason() },
        ] {
            let refused = refused(error);
            assert_eq!(refused.kind, ErrorKind::Unavailable, "{refused}");
            assert!(refused.what_to_do.starts_with("ask again"), "{refused:?}");
        }
    }

    #[test]
    fn what_is_used_up_is_named_by_the_setting_that_raises_it() {
        let (asked, left, allowed) = (9, 1, 5);
        for (over, setting) in [
            (
                OverBudget::Tokens {
                    asked: 4,
                    left,
                    allowed,
                },
                "serve.hourly_tokens",
            ),
            (
                OverBudget::Money {
                    asked,
                    left,
                    allowed,
                },
                "serve.hourly_money_micros",
            ),
        ] {
            let refused = held(ModelError::OverBudget(over));
            assert_eq!(refused.kind, ErrorKind::Busy);
            assert!(refused.what_to_do.ends_with(setting), "{refused:?}");
            assert!(!refused.message.contains("goal"), "{refused:?}");
        }
    }
}
