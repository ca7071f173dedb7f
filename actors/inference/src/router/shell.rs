//! The engine that asks other engines: it carries out what [`route`] says, tells what it decided, and hears how it went.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aios_supervisor::{Breaker, BreakerSettings, Permit};
use async_trait::async_trait;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::policy::{Ask, Candidate, Health as Fitness, Policy, Power, Route, Size, route};
use super::splice::Splice;
use crate::{
    Capabilities, ChatRole, ChatTurn, Embed, EmbedRequest, Embedding, Engine, EngineError,
    EnginePhase, EngineStatus, Finish, Generate, Health, HealthState, InferRequest, Inference,
    ModelInfo, ModelSource, Prompt, Purpose, Routed, SessionId, Token, TokenSink, metric,
};

/// Bytes that are counted as one token before an engine has counted them.
const BYTES_PER_TOKEN: u64 = 3;
/// How much a new measurement counts beside those before it.
const NEWEST: f64 = 0.3;
/// How long an engine may take to say what it can do before it counts as down.
const SAY_WITHIN: Duration = Duration::from_secs(5);

/// One engine with what its owner says of it.
pub struct EngineSlot {
    /// Its name in chains.
    pub name: String,
    /// The engine.
    pub engine: Arc<dyn Engine>,
    /// It computes on this machine.
    pub local: bool,
    /// What it is given never leaves this machine.
    pub private: bool,
    /// How large its model is.
    pub size: Size,
    /// Millionths for a thousand tokens.
    pub price_micros: u64,
}

/// How a router chooses.
#[derive(Clone, Debug, Default)]
pub struct RouterConfig {
    /// The policy of each purpose; those that are not named go local-first.
    pub policies: BTreeMap<Purpose, Policy>,
    /// The engines of each purpose; those that are not named have all.
    pub chains: BTreeMap<Purpose, Vec<String>>,
}

/// What a router decided about one call, and how one engine took it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// What was asked for.
    pub purpose: Purpose,
    /// By which policy.
    pub policy: Policy,
    /// The choice.
    #[serde(flatten)]
    pub route: Route,
    /// The engine that was asked; none if there was none.
    pub engine: Option<String>,
    /// How many were asked before it.
    pub attempt: usize,
    /// `answered`, or a label of the error.
    pub outcome: String,
    /// The error in words.
    pub error: Option<String>,
}

/// Hears every decision.
pub type Observer = Arc<dyn Fn(&Decision) + Send + Sync>;
/// Says how much power there is.
pub type PowerGauge = Arc<dyn Fn() -> Option<Power> + Send + Sync>;

/// Several engines as one.
pub struct Router {
    slots: Vec<Slot>,
    config: RouterConfig,
    observer: Observer,
    power: PowerGauge,
    began: Instant,
}

struct Slot {
    is: EngineSlot,
    state: Mutex<SlotState>,
}

struct SlotState {
    breaker: Breaker,
    speed: Option<f64>,
    last_error: String,
}

impl Router {
    /// A router over engines; their order is that of a chain that nobody wrote down.
    pub fn new(
        engines: Vec<EngineSlot>,
        config: RouterConfig,
        power: PowerGauge,
        observer: Observer,
    ) -> Self {
        let slots = engines.into_iter().map(|is| Slot {
            is,
            state: Mutex::new(SlotState {
                breaker: Breaker::new(BreakerSettings::inference()),
                speed: None,
                last_error: String::new(),
            }),
        });
        Self {
            slots: slots.collect(),
            config,
            observer,
            power,
            began: Instant::now(),
        }
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// The policy of a purpose.
    pub fn policy(&self, purpose: Purpose) -> Policy {
        self.config
            .policies
            .get(&purpose)
            .copied()
            .unwrap_or_default()
    }

    /// The engines of a purpose as they are now. For a private call those elsewhere are not even asked how they are.
    async fn candidates(&self, ask: &Ask) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        for slot in self.chain(ask.purpose) {
            let may_ask = slot.is.private || !ask.private;
            candidates.push(self.candidate(slot, may_ask).await);
        }
        candidates
    }

    fn chain(&self, purpose: Purpose) -> Vec<&Slot> {
        match self.config.chains.get(&purpose) {
            None => self.slots.iter().collect(),
            Some(names) => names.iter().filter_map(|name| self.slot(name)).collect(),
        }
    }

    fn slot(&self, name: &str) -> Option<&Slot> {
        self.slots.iter().find(|slot| slot.is.name == name)
    }

    async fn candidate(&self, slot: &Slot, may_ask: bool) -> Candidate {
        let status = slot.is.engine.status();
        let can = match status.phase {
            EnginePhase::Stopped => Err("it was stopped".to_owned()),
            _ if !may_ask => Err("it is not asked".to_owned()),
            _ => match tokio::time::timeout(SAY_WITHIN, slot.is.engine.capabilities()).await {
                Ok(Ok(can)) => Ok(can),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err("it does not say what it can do".to_owned()),
            },
        };
        let state = slot.state.lock();
        let resting = state.breaker.rests_for(self.now());
        let health = match (&can, resting) {
            (_, Some(rest)) => {
                Fitness::Resting(u64::try_from(rest.as_millis()).unwrap_or(u64::MAX))
            }
            (Err(reason), None) => Fitness::Down(reason.clone()),
            (Ok(_), None) => Fitness::Ready,
        };
        let can = can.ok();
        let at_once = can.as_ref().map_or(1, |can| can.batch_size.max(1));
        let under_way = status.waiting + usize::from(status.running.is_some());
        Candidate {
            name: slot.is.name.clone(),
            local: slot.is.local,
            private: slot.is.private,
            size: slot.is.size,
            // One that does not say what it can do is down; were it read as "does not write", that would be told instead.
            context: can.as_ref().map_or(u32::MAX, |can| can.context_length),
            embedder: can.as_ref().and_then(|can| {
                let itself = can.embedding.map(|_| can.name.clone());
                can.embedder.clone().or(itself)
            }),
            schema: can.as_ref().is_none_or(|can| can.grammar),
            tools: can.as_ref().is_none_or(|can| can.tools),
            price_micros: slot.is.price_micros,
            speed: state
                .speed
                .or_else(|| can.as_ref().and_then(|can| can.tokens_per_second)),
            load: under_way as f64 / f64::from(at_once),
            health,
        }
    }

    /// The choice for a call as it would be made now; nothing is asked.
    pub async fn explain(&self, ask: &Ask) -> Route {
        let chain = self.candidates(ask).await;
        route(self.policy(ask.purpose), ask, &chain, (self.power)())
    }

    fn ask(request: &InferRequest) -> Ask {
        let tools = request.tools.iter();
        let tools_bytes: usize = tools
            .map(|tool| tool.description.len() + tool.input.to_string().len())
            .sum();
        Ask {
            purpose: request.purpose,
            prompt_tokens: ((request.prompt.bytes() + tools_bytes) as u64)
                .div_ceil(BYTES_PER_TOKEN),
            max_tokens: u64::from(request.max_tokens),
            private: request.private,
            schema: request.grammar.is_some(),
            tools: !request.tools.is_empty(),
            money_micros: request.money_micros,
        }
    }

    fn admit(&self, slot: &Slot) -> Result<Permit, EngineError> {
        let mut state = slot.state.lock();
        let now = self.now();
        state
            .breaker
            .admit(now)
            .map_err(|rejected| EngineError::Down {
                reason: format!(
                    "{} rests after repeated failures ({}), for {} ms",
                    slot.is.name,
                    state.last_error,
                    rejected.retry_after.as_millis()
                ),
            })
    }

    /// Tells the breaker how a call went; what was called off says nothing.
    fn heard(&self, slot: &Slot, permit: Permit, error: Option<&EngineError>) {
        let mut state = slot.state.lock();
        let failed = match error {
            None => false,
            Some(EngineError::Cancelled | EngineError::QueueFull { .. }) => return,
            Some(error) => error.is_engines_fault(),
        };
        if let Some(error) = error.filter(|_| failed) {
            state.last_error = error.to_string().chars().take(200).collect();
        }
        let now = self.now();
        if let Some(state) = state.breaker.record(permit, !failed, now) {
            tracing::warn!(engine = slot.is.name, ?state, "an engine's breaker changed");
            metrics::counter!(metric::ENGINE_BREAKER_CHANGES_TOTAL, "engine" => slot.is.name.clone())
                .increment(1);
        }
    }

    fn measured(slot: &Slot, answer: &Inference) {
        let speed = answer.timings.tokens_per_second;
        if speed > 0.0 {
            let mut state = slot.state.lock();
            state.speed = Some(match state.speed {
                Some(before) => before + NEWEST * (speed - before),
                None => speed,
            });
        }
    }

    fn tell(
        &self,
        chosen: &Chosen,
        engine: Option<&str>,
        attempt: usize,
        error: Option<&EngineError>,
    ) {
        let decision = Decision {
            purpose: chosen.purpose,
            policy: chosen.policy,
            route: chosen.route.clone(),
            engine: engine.map(str::to_owned),
            attempt,
            outcome: error.map_or("answered", EngineError::label).to_owned(),
            error: error.map(ToString::to_string),
        };
        tracing::info!(
            purpose = decision.purpose.as_str(),
            policy = decision.policy.as_str(),
            engine = decision.engine,
            attempt,
            outcome = decision.outcome,
            because = decision.route.because,
            "routed"
        );
        metrics::counter!(metric::ROUTES_TOTAL, "purpose" => decision.purpose.as_str(),
            "policy" => decision.policy.as_str(),
            "engine" => decision.engine.clone().unwrap_or_default(),
            "outcome" => decision.outcome.clone())
        .increment(1);
        (self.observer)(&decision);
    }

    async fn choose(&self, ask: &Ask) -> Chosen {
        Chosen {
            purpose: ask.purpose,
            policy: self.policy(ask.purpose),
            route: self.explain(ask).await,
        }
    }

    /// Nobody answered: what the only one said, or what each of them did.
    fn nobody(&self, chosen: &Chosen, mut failures: Vec<(String, EngineError)>) -> EngineError {
        if failures.len() == 1
            && chosen.route.passed_over.is_empty()
            && let Some((_, error)) = failures.pop()
        {
            return error;
        }
        let passed_over = chosen.route.passed_over.iter();
        let reasons = passed_over
            .map(|(name, reason)| format!("{name}: {reason}"))
            .chain(
                failures
                    .into_iter()
                    .map(|(name, error)| format!("{name}: {error}")),
            );
        let error = EngineError::NoEngine {
            purpose: chosen.purpose.as_str(),
            reasons: reasons.collect(),
        };
        if chosen.route.order.is_empty() {
            self.tell(chosen, None, 0, Some(&error));
        }
        error
    }

    async fn generate(
        &self,
        request: InferRequest,
        sink: Option<&mut TokenSink<'_>>,
    ) -> Result<Inference, EngineError> {
        let ask = Self::ask(&request);
        let chosen = self.choose(&ask).await;
        // Half a document is of no use to anybody, and calls come with the end alone: such answers are told once whole.
        let mut telling = Telling::new(sink, request.grammar.is_none() && request.tools.is_empty());
        let mut failures = Vec::new();
        for (attempt, name) in chosen.route.order.iter().enumerate() {
            let Some(slot) = self.slot(name) else {
                continue;
            };
            let permit = match self.admit(slot) {
                Ok(permit) => permit,
                Err(error) => {
                    failures.push((name.clone(), error));
                    continue;
                }
            };
            telling.begin();
            let asked = telling.continued(&request);
            let result = slot
                .is
                .engine
                .stream(asked, &mut |token| telling.take(token))
                .await;
            self.heard(slot, permit, result.as_ref().err());
            self.tell(&chosen, Some(name), attempt, result.as_ref().err());
            match result {
                Ok(mut answer) => {
                    Self::measured(slot, &answer);
                    answer.by.price_micros = Some(slot.is.price_micros);
                    answer.by.routed = Some(Routed {
                        policy: chosen.policy.as_str().to_owned(),
                        engine: name.clone(),
                        attempt,
                    });
                    return Ok(telling.end(answer));
                }
                Err(error) => {
                    telling.failed();
                    if !another_may_do_better(&error) || request.interrupted().is_some() {
                        return Err(error);
                    }
                    failures.push((name.clone(), error));
                }
            }
        }
        Err(self.nobody(&chosen, failures))
    }
}

struct Chosen {
    purpose: Purpose,
    policy: Policy,
    route: Route,
}

/// Whether an error is of this engine alone.
fn another_may_do_better(error: &EngineError) -> bool {
    error.is_engines_fault()
        || matches!(
            error,
            EngineError::NotLoaded { .. }
                | EngineError::ModelMissing { .. }
                | EngineError::Unsupported { .. }
                | EngineError::PromptTooLong { .. }
                | EngineError::QueueFull { .. }
                | EngineError::Refused { .. }
        )
}

/// What a reader was told by all engines together.
struct Telling<'a, 'b> {
    sink: Option<&'a mut TokenSink<'b>>,
    /// Tokens are told as they come.
    at_once: bool,
    told: String,
    /// Where the present engine's text begins.
    splice: Splice,
    index: u32,
    enough: bool,
}

impl<'a, 'b> Telling<'a, 'b> {
    fn new(sink: Option<&'a mut TokenSink<'b>>, at_once: bool) -> Self {
        Self {
            sink,
            at_once,
            told: String::new(),
            splice: Splice::default(),
            index: 0,
            enough: false,
        }
    }

    /// Another engine begins.
    fn begin(&mut self) {
        self.splice = Splice::after(&self.told);
    }

    /// The request as an engine is asked that goes on where another has fallen: what was told is the beginning of its answer.
    fn continued(&self, request: &InferRequest) -> InferRequest {
        let mut request = request.clone();
        if self.told.is_empty() {
            return request;
        }
        match &mut request.prompt {
            Prompt::Raw(text) => text.push_str(&self.told),
            Prompt::Chat(turns) => turns.push(ChatTurn::new(ChatRole::Assistant, &*self.told)),
        }
        request.max_tokens = request.max_tokens.saturating_sub(self.index).max(1);
        request
    }

    fn take(&mut self, token: &Token) -> ControlFlow<()> {
        if self.enough {
            return ControlFlow::Break(());
        }
        if !self.at_once || self.sink.is_none() {
            return ControlFlow::Continue(());
        }
        if self.told.is_empty() || self.splice.is_open() {
            return self.tell(token.id, token.text.clone());
        }
        let text = self.splice.take(&token.text);
        if text.is_empty() {
            return ControlFlow::Continue(());
        }
        self.tell(token.id, text)
    }

    fn tell(&mut self, id: u32, text: String) -> ControlFlow<()> {
        self.told.push_str(&text);
        let token = Token {
            index: self.index,
            id,
            text,
        };
        self.index += 1;
        let said = self.sink.as_mut().map(|sink| sink(&token));
        self.enough = said == Some(ControlFlow::Break(()));
        if self.enough {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn failed(&mut self) {
        // What came of it is told or gone; what was held back was never told.
        self.splice = Splice::default();
    }

    /// The answer as it was told.
    fn end(mut self, mut answer: Inference) -> Inference {
        if self.sink.is_none() {
            return answer;
        }
        if !self.at_once {
            let whole = answer.text.clone();
            if !whole.is_empty() {
                let _ = self.tell(0, whole);
            }
        } else if !self.enough {
            let rest = self.splice.end();
            if !rest.is_empty() {
                let _ = self.tell(0, rest);
            }
            answer.text = self.told;
        } else {
            answer.text = self.told;
        }
        if self.enough {
            answer.finish = Finish::Cancelled;
        }
        answer
    }
}

#[async_trait]
impl Generate for Router {
    /// Nobody reads along, so an engine that falls costs no more than its time: the next one begins anew.
    async fn infer(&self, request: InferRequest) -> Result<Inference, EngineError> {
        self.generate(request, None).await
    }

    async fn stream(
        &self,
        request: InferRequest,
        sink: &mut TokenSink<'_>,
    ) -> Result<Inference, EngineError> {
        self.generate(request, Some(sink)).await
    }
}

#[async_trait]
impl Embed for Router {
    async fn embed(&self, request: EmbedRequest) -> Result<Vec<Embedding>, EngineError> {
        let bytes: usize = request.texts.iter().map(String::len).sum();
        let ask = Ask {
            purpose: Purpose::Embed,
            prompt_tokens: (bytes as u64).div_ceil(BYTES_PER_TOKEN),
            max_tokens: 0,
            private: request.private,
            schema: false,
            tools: false,
            money_micros: None,
        };
        let chosen = self.choose(&ask).await;
        let mut failures = Vec::new();
        for (attempt, name) in chosen.route.order.iter().enumerate() {
            let Some(slot) = self.slot(name) else {
                continue;
            };
            let permit = match self.admit(slot) {
                Ok(permit) => permit,
                Err(error) => {
                    failures.push((name.clone(), error));
                    continue;
                }
            };
            let result = slot.is.engine.embed(request.clone()).await;
            self.heard(slot, permit, result.as_ref().err());
            self.tell(&chosen, Some(name), attempt, result.as_ref().err());
            match result {
                Ok(embeddings) => return Ok(embeddings),
                Err(error) if !another_may_do_better(&error) => return Err(error),
                Err(error) => failures.push((name.clone(), error)),
            }
        }
        Err(self.nobody(&chosen, failures))
    }
}

#[async_trait]
impl Engine for Router {
    /// The first engine that can.
    async fn load_model(&self, source: ModelSource) -> Result<ModelInfo, EngineError> {
        let mut last = EngineError::Unsupported {
            what: "loading models".to_owned(),
        };
        for slot in &self.slots {
            match slot.is.engine.load_model(source.clone()).await {
                Err(EngineError::Unsupported { what }) => last = EngineError::Unsupported { what },
                other => return other,
            }
        }
        Err(last)
    }

    async fn unload(&self, model: &str) -> Result<(), EngineError> {
        let mut loaded = Vec::new();
        for slot in &self.slots {
            match slot.is.engine.unload(model).await {
                Err(EngineError::NotLoaded { loaded: names, .. }) => loaded.extend(names),
                other => return other,
            }
        }
        Err(EngineError::NotLoaded {
            asked: model.to_owned(),
            loaded,
        })
    }

    /// What the engine that would write now can do, with the vectors of the one that would embed.
    async fn capabilities(&self) -> Result<Capabilities, EngineError> {
        let writer = self.first_of(Purpose::Write, false).await?;
        let mut can = writer.capabilities().await?;
        can.embedding = None;
        can.embedder = None;
        if let Ok(embedder) = self.first_of(Purpose::Embed, false).await {
            let embeds = embedder.capabilities().await?;
            can.embedding = embeds.embedding;
            can.embedder = embeds.embedder.or(Some(embeds.name));
        }
        Ok(can)
    }

    /// Well as long as one can write; degraded if another is not well.
    async fn health(&self) -> Result<Health, EngineError> {
        let mut models = Vec::new();
        let mut unwell = Vec::new();
        let order = self.first_order().await;
        let mut slots: Vec<&Slot> = self.slots.iter().collect();
        slots.sort_by_key(|slot| {
            order
                .iter()
                .position(|name| *name == slot.is.name)
                .unwrap_or(usize::MAX)
        });
        let mut well = false;
        for slot in slots {
            match slot.is.engine.health().await {
                Ok(health) => {
                    if health.state != HealthState::Ready {
                        let why = health.reason.unwrap_or_default();
                        unwell.push(format!("{}: {why}", slot.is.name));
                    }
                    well |= health.state != HealthState::Unhealthy;
                    models.extend(health.models);
                }
                Err(error) => unwell.push(format!("{}: {error}", slot.is.name)),
            }
        }
        Ok(Health {
            state: match (well, unwell.is_empty()) {
                (false, _) => HealthState::Unhealthy,
                (true, false) => HealthState::Degraded,
                (true, true) => HealthState::Ready,
            },
            reason: (!unwell.is_empty()).then(|| unwell.join("; ")),
            models,
        })
    }

    async fn planner(&self, private: bool) -> Result<(Capabilities, Health), EngineError> {
        let planner = self.first_of(Purpose::Plan, private).await?;
        Ok((planner.capabilities().await?, planner.health().await?))
    }

    /// Of every engine: which of them answered last does not matter.
    fn close_session(&self, session: &SessionId) {
        for slot in &self.slots {
            slot.is.engine.close_session(session);
        }
    }

    fn prices(&self) -> Option<[u64; 2]> {
        let all = || self.slots.iter().map(|slot| slot.is.price_micros);
        Some([all().min()?, all().max()?])
    }

    fn status(&self) -> EngineStatus {
        let all: Vec<EngineStatus> = self
            .slots
            .iter()
            .map(|slot| slot.is.engine.status())
            .collect();
        let running: Vec<String> = all
            .iter()
            .filter_map(|one| {
                one.running
                    .as_ref()
                    .map(|what| format!("{}: {what}", one.name))
            })
            .collect();
        let best = all
            .iter()
            .find(|one| one.phase == EnginePhase::Ready)
            .or(all.first());
        EngineStatus {
            name: "router".to_owned(),
            phase: best.map_or(EnginePhase::Stopped, |one| one.phase.clone()),
            incarnation: all.iter().map(|one| one.incarnation).max().unwrap_or(0),
            waiting: all.iter().map(|one| one.waiting).sum(),
            allowed: all.iter().map(|one| one.allowed).sum(),
            running: (!running.is_empty()).then(|| running.join(", ")),
            running_ms: all.iter().filter_map(|one| one.running_ms).max(),
        }
    }

    /// Ready as soon as one engine is.
    async fn ready(&self, within: Duration) -> Result<(), EngineError> {
        let mut first = None;
        for slot in &self.slots {
            match slot.is.engine.ready(within).await {
                Ok(()) => return Ok(()),
                Err(error) => first = first.or(Some(error)),
            }
        }
        Err(first.unwrap_or_else(EngineError::stopped))
    }
}

impl Router {
    async fn first_order(&self) -> Vec<String> {
        let ask = Ask {
            purpose: Purpose::Write,
            prompt_tokens: 0,
            max_tokens: 1,
            private: false,
            schema: false,
            tools: false,
            money_micros: None,
        };
        self.explain(&ask).await.order
    }

    async fn first_of(
        &self,
        purpose: Purpose,
        private: bool,
    ) -> Result<Arc<dyn Engine>, EngineError> {
        let ask = Ask {
            purpose,
            prompt_tokens: 0,
            max_tokens: 1,
            private,
            schema: false,
            tools: false,
            money_micros: None,
        };
        let chosen = self.choose(&ask).await;
        let first = chosen.route.order.first().and_then(|name| self.slot(name));
        match first {
            Some(slot) => Ok(Arc::clone(&slot.is.engine)),
            None => Err(self.nobody(&chosen, Vec::new())),
        }
    }
}
