//! `/v1/chat/completions`: the answer at once, or piece by piece.

use std::convert::Infallible;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aios_work::content::{Answer, GoalStatus};
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::sse::{Event as Line, KeepAlive, Sse};
use axum::response::{IntoResponse, Json, Response};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::said::{self, Chat};
use super::{Model, Refused, ask};
use crate::http::service::Door;
use crate::http::told::GoesOn;
use crate::{
    Ask, Asked, Caller, ControlError, ErrorKind, Event, EventKind, Events, Generate, Generated,
    GoalPhase, GoalState, Request, Submit, Submitted, Told,
};

/// Lines that wait for a slow reader before whoever writes waits too.
const LINES: usize = 16;
/// What is said into the silence.
const ALIVE: Duration = Duration::from_secs(15);
/// How often it is looked whether the key is still good while nothing happens.
const LOOK: Duration = Duration::from_secs(2);
/// What an agent is given unless somebody says otherwise, in milliseconds.
const DEADLINE_MS: u64 = 120_000;

/// An answer, whoever gave it.
struct Answered {
    content: String,
    finish: &'static str,
    prompt_tokens: u64,
    new_tokens: u64,
    /// What this form has no words for.
    more: Value,
}

/// What becomes of a conversation: where it goes, in whose name, and how its answer is told.
struct Talk {
    door: Door,
    caller: Caller,
    chat: Chat,
    id: String,
    created: u64,
}

pub(super) async fn completions(
    State(door): State<Door>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<Response, Refused> {
    let chat = Chat::read(&door.body(body).await?)?;
    chat.check()?;
    let model = Model::of(&door, &caller, &chat.model).await?;
    let streams = chat.stream == Some(true);
    let talk = Talk {
        door,
        caller,
        id: format!("chatcmpl-{}", chance()?),
        created: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs()),
        chat,
    };
    // What cannot be meant is refused before anything is begun, and with a status of its own.
    let begun = talk.begin(model).await?;
    if !streams {
        let answered = talk.finish(begun, &Teller(None)).await?;
        return Ok(Json(talk.whole(&answered)).into_response());
    }
    let (tell, told) = mpsc::channel(LINES);
    tokio::spawn(async move {
        let teller = Teller(Some(tell.clone()));
        tokio::select! {
            () = talk.tell(begun, &teller) => {}
            // Nobody listens any more: what was begun is called off.
            () = tell.closed() => {}
        }
    });
    let lines = futures::stream::unfold(told, |mut told| async move {
        let line = told.recv().await?;
        Some((Ok::<Line, Infallible>(line), told))
    });
    let alive = KeepAlive::new().interval(ALIVE).text("alive");
    let mut response = Sse::new(lines).keep_alive(alive).into_response();
    response.extensions_mut().insert(GoesOn::Answer);
    Ok(response)
}

fn chance() -> Result<String, Refused> {
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes)
        .map_err(|_| ControlError::failed("the system gives no random numbers"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Whoever hears the answer as it comes; nobody where it is given at once.
struct Teller(Option<mpsc::Sender<Line>>);

impl Teller {
    async fn say(&self, line: Line) {
        if let Some(tell) = &self.0 {
            // Nobody listens any more; the whole talk is dropped then.
            let _ = tell.send(line).await;
        }
    }

    async fn data(&self, value: &Value) {
        self.say(Line::default().data(value.to_string())).await;
    }

    async fn comment(&self, text: &str) {
        if self.0.is_some() {
            let plain: String = text
                .chars()
                .map(|c| if c.is_control() { ' ' } else { c })
                .collect();
            self.say(Line::default().comment(plain)).await;
        }
    }
}

/// What was begun.
enum Begun {
    Goal(UnderWay),
    Engine(Box<dyn crate::EventStream>),
    Agent(Ask),
}

/// A goal that is called off when whoever asked for it has left.
struct UnderWay {
    door: Door,
    caller: Caller,
    goal_id: String,
    over: bool,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let (door, caller, goal_id) =
            (self.door.clone(), self.caller.clone(), self.goal_id.clone());
        tokio::spawn(async move {
            let cancel = Request::Cancel { goal_id };
            if let Err(error) = door.carry_anyway(&caller, cancel).await {
                tracing::debug!(%error, "a goal whose asker has left was not called off");
            }
        });
    }
}

impl Talk {
    async fn begin(&self, model: Model) -> Result<Begun, Refused> {
        let turns = self.chat.turns()?;
        let more = self.chat.aios.as_ref();
        match model {
            Model::Goal => {
                self.words_alone()?;
                let submit = Submit {
                    goal_id: more.and_then(|more| more.goal_id.clone()),
                    text: said::as_text(&turns)?,
                    data: more.map(|more| more.data.clone()).unwrap_or_default(),
                    files: Vec::new(),
                    out: more
                        .and_then(|more| more.out.clone())
                        .unwrap_or_else(|| self.door.out(&self.caller)),
                    private: more.is_some_and(|more| more.private),
                    plan: None,
                };
                let submitted: Submitted =
                    ask(&self.door, &self.caller, Request::Submit(submit)).await?;
                Ok(Begun::Goal(UnderWay {
                    door: self.door.clone(),
                    caller: self.caller.clone(),
                    goal_id: submitted.goal_id,
                    over: false,
                }))
            }
            Model::Agent(agent) => {
                self.words_alone()?;
                Ok(Begun::Agent(Ask {
                    agent,
                    content: said::as_text(&turns)?,
                    deadline_ms: more
                        .and_then(|more| more.deadline_ms)
                        .unwrap_or(DEADLINE_MS),
                }))
            }
            Model::Engine(engine) => {
                let chat = &self.chat;
                let request = Request::Generate(Generate {
                    engine,
                    turns,
                    max_tokens: chat
                        .max_completion_tokens
                        .or(chat.max_tokens)
                        .unwrap_or(Generate::MAX_TOKENS),
                    temperature: chat.temperature.clone(),
                    top_p: chat.top_p.clone(),
                    seed: chat.seed,
                    stop: chat.stop(),
                    schema: chat.schema()?,
                    deadline_ms: more
                        .and_then(|more| more.deadline_ms)
                        .unwrap_or(Generate::DEADLINE_MS),
                    watch: true,
                });
                match self.door.carry(&self.caller, request).await? {
                    crate::Response::Watch(events) => Ok(Begun::Engine(events)),
                    crate::Response::Value(_) => Err(ControlError::failed(
                        "the node answers at once where it was to be watched",
                    )
                    .into()),
                }
            }
        }
    }

    /// A goal and an agent answer in words; their form is their own.
    fn words_alone(&self) -> Result<(), Refused> {
        match self.chat.schema()? {
            None => Ok(()),
            Some(_) => Err(Refused::invalid(
                "a goal and an agent answer in words; ask an engine for JSON",
                "response_format",
            )),
        }
    }

    /// The answer to what was begun. From here on something may have been done, so nobody is told to try again.
    async fn finish(&self, begun: Begun, teller: &Teller) -> Result<Answered, Refused> {
        let answered = match begun {
            Begun::Goal(goal) => self.goal(goal, teller).await,
            Begun::Engine(events) => self.written(events, teller).await,
            Begun::Agent(ask) => self.agent(ask).await,
        };
        answered.map_err(|error| Refused::of_model(error, &self.chat.model).after_all())
    }

    /// What happens next, as long as the key is good that it was asked with.
    async fn next(
        &self,
        events: &mut Box<dyn crate::EventStream>,
    ) -> Result<Option<Told>, ControlError> {
        loop {
            self.door.still(&self.caller)?;
            // An event that was not there yet when it is given up is there the next time.
            if let Ok(event) = timeout(LOOK, events.next()).await {
                self.door.still(&self.caller)?;
                return Ok(event);
            }
        }
    }

    async fn goal(&self, mut goal: UnderWay, teller: &Teller) -> Result<Answered, ControlError> {
        let goal_id = goal.goal_id.clone();
        let events = Events {
            goal_id: goal_id.clone(),
            after_seq: 0,
        };
        let watch = self
            .door
            .carry(&self.caller, Request::Events(events))
            .await?;
        if let crate::Response::Watch(mut events) = watch {
            while let Some(event) = self.next(&mut events).await? {
                teller.comment(&progress(&event)).await;
            }
        }
        goal.over = true;
        let state = self
            .door
            .value(
                &self.caller,
                Request::Goal {
                    goal_id: goal_id.clone(),
                },
            )
            .await?;
        let state: GoalState = serde_json::from_value(state).map_err(|error| {
            ControlError::failed(format!(
                "the goal's state is not what it is known to be: {error}"
            ))
        })?;
        match (state.phase, state.answer, state.error) {
            (_, Some(answer), _) => of_goal(&answer),
            (_, None, Some(error)) => Err(error),
            (GoalPhase::Cancelled, None, None) => {
                let message = format!("goal {goal_id} was called off");
                Err(ControlError::new(ErrorKind::Conflict, message))
            }
            (phase, None, None) => Err(ControlError::failed(format!(
                "goal {goal_id} stands at {phase:?} and has no answer"
            ))
            .advise("look at it with GET /v1/goals/{goal_id}")),
        }
    }

    async fn agent(&self, ask: Ask) -> Result<Answered, ControlError> {
        let asked = self.door.value(&self.caller, Request::Ask(ask)).await?;
        let asked: Asked = serde_json::from_value(asked).map_err(|error| {
            ControlError::failed(format!(
                "the agent's answer is not what it is known to be: {error}"
            ))
        })?;
        Ok(Answered {
            content: asked.content,
            finish: "stop",
            prompt_tokens: 0,
            new_tokens: 0,
            more: json!({"agent": asked.agent, "act": asked.act}),
        })
    }

    async fn written(
        &self,
        mut events: Box<dyn crate::EventStream>,
        teller: &Teller,
    ) -> Result<Answered, ControlError> {
        while let Some(event) = self.next(&mut events).await? {
            match event.kind {
                EventKind::Text => {
                    let text = event.body["text"].as_str().unwrap_or_default();
                    teller
                        .data(&self.chunk(json!({"content": text}), None))
                        .await;
                }
                EventKind::Answer => {
                    let generated: Generated = event.read().map_err(|error| {
                        ControlError::failed(format!(
                            "what was written is not what it is known to be: {error}"
                        ))
                    })?;
                    return of_engine(generated);
                }
                EventKind::Refused => {
                    let read = event.read::<ControlError>();
                    return Err(
                        read.unwrap_or_else(|error| ControlError::failed(error.to_string()))
                    );
                }
                _ => {}
            }
        }
        Err(ControlError::failed("the engine broke off"))
    }

    /// The answer at once.
    fn whole(&self, answered: &Answered) -> Value {
        json!({
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": self.chat.model,
            "choices": [{
                "index": 0,
                "message": {"role": "assistant", "content": answered.content, "refusal": null},
                "logprobs": null,
                "finish_reason": answered.finish,
            }],
            "usage": answered.usage(),
            "aios": answered.more,
        })
    }

    fn chunk(&self, delta: Value, finish: Option<&str>) -> Value {
        let mut chunk = json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.chat.model,
            "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}],
        });
        if self.counts() {
            chunk["usage"] = Value::Null;
        }
        chunk
    }

    /// Whether it was asked what the answer cost.
    fn counts(&self) -> bool {
        let options = self.chat.stream_options.as_ref();
        options.and_then(|options| options.include_usage) == Some(true)
    }

    /// The answer piece by piece.
    async fn tell(&self, begun: Begun, teller: &Teller) {
        let whole = !matches!(begun, Begun::Engine(_));
        teller
            .data(&self.chunk(json!({"role": "assistant", "content": ""}), None))
            .await;
        let answered = match self.finish(begun, teller).await {
            Ok(answered) => answered,
            Err(refused) => return teller.data(&refused.object()).await,
        };
        if whole && !answered.content.is_empty() {
            teller
                .data(&self.chunk(json!({"content": answered.content}), None))
                .await;
        }
        let mut last = self.chunk(json!({}), Some(answered.finish));
        last["aios"] = answered.more.clone();
        teller.data(&last).await;
        if self.counts() {
            let mut usage = self.chunk(json!({}), None);
            usage["choices"] = json!([]);
            usage["usage"] = answered.usage();
            teller.data(&usage).await;
        }
        teller.say(Line::default().data("[DONE]")).await;
    }
}

impl Answered {
    fn usage(&self) -> Value {
        json!({
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.new_tokens,
            "total_tokens": self.prompt_tokens.saturating_add(self.new_tokens),
        })
    }
}

/// What happened, for whoever watches the stream itself; clients pass comments by.
fn progress(event: &Event) -> String {
    serde_json::to_string(event).unwrap_or_default()
}

/// What a goal ended with. One that failed has no answer to give.
fn of_goal(answer: &Answer) -> Result<Answered, ControlError> {
    if answer.status == GoalStatus::Failed {
        let reason = answer.reason.as_deref().unwrap_or("the goal failed");
        return Err(ControlError::failed(reason));
    }
    let mut more = serde_json::to_value(answer).unwrap_or_default();
    if let Some(fields) = more.as_object_mut() {
        fields.remove("answer");
    }
    Ok(Answered {
        content: answer.answer.clone(),
        finish: "stop",
        prompt_tokens: 0,
        // A goal says what it spent as one number.
        new_tokens: answer.spent.tokens,
        more,
    })
}

fn of_engine(generated: Generated) -> Result<Answered, ControlError> {
    let finish = match generated.finish.as_str() {
        "length" => "length",
        "deadline" | "cancelled" => {
            let message = format!(
                "the engine did not come to an end in time; it had written {:?}",
                generated.text
            );
            return Err(ControlError::new(ErrorKind::Late, message)
                .advise("ask for less, or give it more time"));
        }
        _ => "stop",
    };
    Ok(Answered {
        content: generated.text,
        finish,
        prompt_tokens: generated.prompt_tokens,
        new_tokens: generated.new_tokens,
        more: json!({"engine": generated.engine, "model": generated.model}),
    })
}
