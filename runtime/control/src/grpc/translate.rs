//! The typed services as parts of the contract: what each message asks, and what an answer is as a message. Pure, and the one place where
//! requests are known by name here.

use std::time::Duration;

use aios_protocols::{AgentId, Timestamp};
use aios_wire::generated::{
    common, inference, orchestration, registry, supervision::v1 as supervision,
};
use aios_wire::{Any, seconds, text_any};
use aios_work::PlanFile;
use serde_json::{Map, Value, json};

use crate::{
    AgentLine, ControlError, EmbedTexts, EngineLine, Event, Generate, Generated, GoalPhase,
    GoalState, LoadModel, ModelLine, Request, Spawn, Speaker, Submit, SwapModel, Turn, UnloadModel,
};

/// A goal with its tasks, as a plan file has them.
pub(super) fn submit(
    dag: orchestration::TaskDag,
    out: String,
    now: Timestamp,
) -> Result<Submit, ControlError> {
    let tasks: Vec<Value> = dag.tasks.iter().map(|task| planned(task, now)).collect();
    let plan = match tasks.is_empty() {
        true => None,
        false => {
            let plan = json!({"goal": dag.goal_description, "tasks": tasks}).to_string();
            let plan = PlanFile::read(plan.as_bytes())
                .map_err(|error| ControlError::invalid(error.to_string()))?;
            Some(Box::new(plan))
        }
    };
    Ok(Submit {
        goal_id: (!dag.dag_id.is_empty()).then_some(dag.dag_id),
        text: dag.goal_description,
        data: Vec::new(),
        files: Vec::new(),
        out,
        private: false,
        plan,
    })
}

fn planned(task: &orchestration::TaskSpec, now: Timestamp) -> Value {
    let args: Map<String, Value> = task
        .parameters
        .iter()
        .map(|(name, text)| {
            let read = serde_json::from_str(text);
            (name.clone(), read.unwrap_or_else(|_| text.as_str().into()))
        })
        .collect();
    let mut planned = json!({
        "id": task.task_id,
        "args": args,
        "needs": task.dependencies,
    });
    match task.action.strip_prefix("agent:") {
        Some(agent) => planned["agent"] = agent.into(),
        None => planned["tool"] = task.action.as_str().into(),
    }
    if let Some(deadline) = &task.deadline {
        let left = seconds(deadline).saturating_sub(Duration::from_micros(now.as_micros()));
        planned["deadline_ms"] = u64::try_from(left.as_millis())
            .unwrap_or(u64::MAX)
            .max(1)
            .into();
    }
    if let Some(tokens) = task.resources.as_ref().map(|needs| needs.estimated_tokens)
        && tokens > 0
    {
        planned["tokens"] = tokens.into();
    }
    planned
}

/// How a goal stands, as the result of a task.
pub(super) fn task_result(goal: &GoalState) -> orchestration::TaskResult {
    use orchestration::TaskStatus::{Cancelled, Completed, Failed, Pending, Running};
    let status = match goal.phase {
        GoalPhase::Running => Running,
        GoalPhase::Answered => Completed,
        GoalPhase::Failed => Failed,
        GoalPhase::Cancelled => Cancelled,
        GoalPhase::Interrupted | GoalPhase::Paused | GoalPhase::Parked => Pending,
    };
    let answer = goal.answer.as_deref();
    let micros = answer.map_or(0.0, |answer| answer.duration_ms * 1_000.0);
    orchestration::TaskResult {
        task_id: goal.goal_id.clone(),
        status: status.into(),
        output: answer.and_then(|answer| Some(as_text(&serde_json::to_value(answer).ok()?))),
        quality_score: answer.map_or(0.0, |answer| answer.critic.score as f32),
        error_message: match (
            &goal.error,
            answer.and_then(|answer| answer.reason.as_ref()),
        ) {
            (Some(error), _) => error.message.clone(),
            (None, Some(reason)) => reason.clone(),
            (None, None) => String::new(),
        },
        execution_time: answer.and_then(|_| Duration::from_micros(micros as u64).try_into().ok()),
        artifacts: answer
            .map(|answer| {
                answer
                    .artifacts
                    .iter()
                    .map(|made| made.path.display().to_string())
                    .collect()
            })
            .unwrap_or_default(),
    }
}

/// An event, if it is of a kind that is wanted.
pub(super) fn orchestrator_event(
    event: &Event,
    wanted: &[String],
) -> Option<orchestration::OrchestratorEvent> {
    let kind = event.kind.as_str();
    // "task.completed" is wanted by "task" and by itself.
    let status = event.body["status"].as_str();
    let name = match status {
        Some(status) => format!("{kind}.{status}"),
        None => kind.to_owned(),
    };
    let is_wanted = wanted.is_empty() || wanted.iter().any(|want| *want == name || want == kind);
    is_wanted.then(|| orchestration::OrchestratorEvent {
        event_type: name,
        timestamp: None,
        payload: Some(as_text(&event.body)),
        sequence: event.seq,
    })
}

/// What an engine is to write.
pub(super) fn generate(
    asked: &inference::InferenceRequest,
    watch: bool,
) -> Result<Generate, ControlError> {
    let Some(inference::inference_request::Input::Text(text)) = &asked.input else {
        return Err(ControlError::invalid("there is no text to go on from").advise("set `text`"));
    };
    let mut turns = Vec::new();
    for said in &text.conversation_history {
        let who = match said.role.as_str() {
            "system" => Speaker::System,
            "user" => Speaker::User,
            "assistant" => Speaker::Assistant,
            "tool" => Speaker::Tool,
            other => {
                let known = "there are system, user, assistant and tool";
                let shown: String = other.chars().take(50).collect();
                return Err(ControlError::invalid(format!(
                    "nobody is called {shown:?}; {known}"
                )));
            }
        };
        turns.push(Turn {
            who,
            text: said.content.clone(),
        });
    }
    if !text.prompt.is_empty() {
        turns.push(Turn {
            who: Speaker::User,
            text: text.prompt.clone(),
        });
    }
    let number = |value: f32| {
        (value != 0.0)
            .then(|| serde_json::Number::from_f64(value.into()))
            .flatten()
    };
    let or = |given: u32, usual: u32| if given == 0 { usual } else { given };
    Ok(Generate {
        engine: asked.model_id.clone(),
        turns,
        max_tokens: or(text.max_tokens, Generate::MAX_TOKENS),
        temperature: number(text.temperature),
        top_p: number(text.top_p),
        seed: None,
        stop: text.stop_sequences.clone(),
        schema: None,
        deadline_ms: deadline_ms(asked),
        watch,
    })
}

/// What is to become a vector.
pub(super) fn embed(asked: &inference::InferenceRequest) -> Result<EmbedTexts, ControlError> {
    let Some(inference::inference_request::Input::Embedding(input)) = &asked.input else {
        return Err(ControlError::invalid("there is no text to embed").advise("set `embedding`"));
    };
    Ok(EmbedTexts {
        engine: asked.model_id.clone(),
        texts: vec![input.text.clone()],
        deadline_ms: deadline_ms(asked),
    })
}

fn deadline_ms(asked: &inference::InferenceRequest) -> u64 {
    let given = asked
        .options
        .as_ref()
        .map_or(0, |options| options.timeout_ms);
    match given {
        0 => Generate::DEADLINE_MS,
        given => given.into(),
    }
}

/// What an engine wrote.
pub(super) fn written(
    request_id: &str,
    wrote: &Generated,
    took: Duration,
) -> inference::InferenceResponse {
    inference::InferenceResponse {
        request_id: request_id.to_owned(),
        metrics: Some(metrics(wrote, took)),
        result: Some(inference::inference_response::Result::Text(
            inference::TextOutput {
                content: wrote.text.clone(),
                tokens_generated: small(wrote.new_tokens),
                finish_reason: wrote.finish.clone(),
                model_used: wrote.model.clone(),
            },
        )),
    }
}

pub(super) fn metrics(wrote: &Generated, took: Duration) -> inference::InferenceMetrics {
    inference::InferenceMetrics {
        tokens_per_second: (wrote.new_tokens as f64 / took.as_secs_f64().max(1e-6)) as u32,
        total_latency_ms: u32::try_from(took.as_millis()).unwrap_or(u32::MAX),
        backend_used: wrote.engine.clone(),
        ..Default::default()
    }
}

fn small(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The models of an engine; it is loaded, or it would not be there.
pub(super) fn models(engine: &EngineLine) -> Vec<inference::ModelInfo> {
    let named: Vec<&str> = match engine.models.is_empty() {
        true => vec![engine.name.as_str()],
        false => engine.models.iter().map(String::as_str).collect(),
    };
    let of = |model: &str| inference::ModelInfo {
        model_id: model.to_owned(),
        backend: engine.name.clone(),
        supports_streaming: true,
        supports_embedding: engine.dimensions.is_some(),
        health: Some(inference::ModelHealth {
            is_loaded: true,
            ..Default::default()
        }),
        ..Default::default()
    };
    named.into_iter().map(of).collect()
}

/// A model to be loaded.
pub(super) fn load(asked: inference::LoadModelRequest) -> Result<LoadModel, ControlError> {
    let mut config = asked.config;
    let (name, engine) = (config.remove("name"), config.remove("engine"));
    if let Some(unknown) = config.keys().next() {
        let shown: String = unknown.chars().take(50).collect();
        let message = format!("config has {shown:?}; there are engine and name");
        return Err(ControlError::invalid(message));
    }
    Ok(LoadModel {
        model: asked.model_id,
        name,
        engine,
    })
}

/// A model to be freed.
pub(super) fn unload(asked: inference::UnloadModelRequest) -> UnloadModel {
    UnloadModel {
        model: asked.model_id,
        engine: some(asked.engine),
    }
}

/// A model to be loaded in the place of another.
pub(super) fn swap(asked: inference::HotSwapRequest) -> Result<SwapModel, ControlError> {
    if asked.preserve_state {
        let message = "what was read for one model is nothing to another";
        return Err(ControlError::invalid(message).advise("leave preserve_state out"));
    }
    Ok(SwapModel {
        current: asked.current_model,
        model: asked.new_adapter,
        name: some(asked.name),
        engine: some(asked.engine),
    })
}

/// A model that an engine holds.
pub(super) fn model(line: &ModelLine) -> inference::ModelInfo {
    inference::ModelInfo {
        model_id: line.name.clone(),
        backend: line.engine.clone(),
        parameter_count: line.parameters,
        max_context_length: line.context_length,
        quantization: vec![line.quantisation.clone()],
        supports_streaming: true,
        health: Some(inference::ModelHealth {
            is_loaded: true,
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// An agent in another process that is to have a place: a charter and a key, which the message has no fields for.
pub(super) fn register(mut asked: registry::AgentCapability) -> Result<Spawn, ControlError> {
    let mut taken = |name: &str| {
        let found = asked.metadata.remove(name).filter(|text| !text.is_empty());
        found.ok_or_else(|| {
            ControlError::invalid(format!("metadata has no {name:?}")).advise(
                "set `charter` to the text of agents/NAME.md and `key` to 64 hexadecimal digits",
            )
        })
    };
    let (charter, key) = (taken("charter")?, taken("key")?);
    Ok(Spawn {
        charter: Some(charter),
        key: Some(key),
        away_ms: (asked.ttl_seconds > 0).then_some(u64::from(asked.ttl_seconds) * 1_000),
        ..Spawn::default()
    })
}

/// Whether an agent is one that takes what is asked of it.
pub(super) fn is_alive(line: &AgentLine) -> bool {
    use registry::AgentStatus::{Active, Busy};
    // One that has never come is expected, and not there.
    line.state != "initiated" && matches!(status(line), Active | Busy)
}

fn status(line: &AgentLine) -> registry::AgentStatus {
    use registry::AgentStatus::{Active, Busy, Draining, Failed, Offline};
    match line.state.as_str() {
        "draining" => Draining,
        "offline" => Offline,
        "failed" => Failed,
        _ if line.at_work > 0 => Busy,
        _ => Active,
    }
}

/// An agent of the list; none for a name that has not four parts.
pub(super) fn capability(line: &AgentLine) -> Option<registry::AgentCapability> {
    let id: AgentId = line.agent.parse().ok()?;
    Some(registry::AgentCapability {
        agent_id: Some((&id).into()),
        skills: line.skills.clone(),
        status: status(line).into(),
        description: line.description.clone(),
        metadata: [
            ("state".to_owned(), line.state.clone()),
            ("waiting".to_owned(), line.waiting.to_string()),
            ("at_work".to_owned(), line.at_work.to_string()),
        ]
        .into(),
        ..Default::default()
    })
}

/// Whether an agent is one that is looked for.
pub(super) fn is_looked_for(agent: &AgentLine, query: &registry::CapabilityQuery) -> bool {
    let has = |skill: &String| agent.skills.contains(skill);
    query.required_skills.iter().all(has)
}

/// A name of four parts as one.
pub(super) fn name(id: Option<&common::AgentId>) -> Result<String, ControlError> {
    let id = id.ok_or_else(|| ControlError::invalid("agent_id is missing"))?;
    let id = AgentId::try_from(id).map_err(|error| ControlError::invalid(error.to_string()))?;
    Ok(id.to_string())
}

/// An agent to be spawned.
pub(super) fn spawn(asked: supervision::SpawnAgentRequest) -> Result<Spawn, ControlError> {
    let restart = some(asked.restart).map(|word| {
        serde_json::from_value(json!(word)).map_err(|_| {
            ControlError::invalid(format!(
                "restart is {:?}; there are permanent, transient and temporary",
                word.chars().take(50).collect::<String>()
            ))
        })
    });
    Ok(Spawn {
        role: asked.role,
        charter: some(asked.charter),
        under: some(asked.under),
        restart: restart.transpose()?,
        durable: asked.durable,
        key: some(asked.key),
        away_ms: (asked.away_ms > 0).then_some(asked.away_ms),
    })
}

/// The tree of a view.
pub(super) fn tree(view: &Value) -> supervision::TreeSnapshot {
    supervision::TreeSnapshot {
        root: Some(supervisor(&view["tree"])),
    }
}

fn as_text(value: &Value) -> Any {
    text_any(&value.to_string())
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn supervisor(tree: &Value) -> supervision::Supervisor {
    let children = tree["children"].as_array();
    supervision::Supervisor {
        path: text(&tree["path"]),
        strategy: text(&tree["strategy"]),
        state: text(&tree["state"]),
        restarts: tree["restarts"].as_u64().unwrap_or_default(),
        omitted: tree["omitted"].as_u64().unwrap_or_default(),
        children: children
            .into_iter()
            .flatten()
            .map(|child| supervision::Child {
                id: text(&child["id"]),
                state: text(&child["state"]),
                restart: text(&child["restart"]),
                restarts: child["restarts"].as_u64().unwrap_or_default(),
                incarnation: child["incarnation"].as_u64().unwrap_or_default(),
                last_exit: text(&child["last_exit"]),
                note: text(&child["note"]),
                supervisor: child["supervisor"]
                    .is_object()
                    .then(|| supervisor(&child["supervisor"])),
            })
            .collect(),
    }
}

/// The breakers of a view.
pub(super) fn breakers(view: &Value) -> supervision::BreakersResponse {
    let breakers = view["breakers"].as_array();
    supervision::BreakersResponse {
        breakers: breakers
            .into_iter()
            .flatten()
            .map(|breaker| supervision::Breaker {
                name: text(&breaker["service"]),
                state: text(&breaker["state"]),
            })
            .collect(),
    }
}

/// A goal, by its name.
pub(super) fn goal(goal_id: String) -> Request {
    Request::Goal { goal_id }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EventKind;

    fn now() -> Timestamp {
        Timestamp::since_epoch(Duration::from_secs(1_000))
    }

    #[test]
    fn a_dag_is_the_plan_that_its_tasks_are() {
        let task = |id: &str, action: &str, needs: &[&str]| orchestration::TaskSpec {
            task_id: id.to_owned(),
            action: action.to_owned(),
            dependencies: needs.iter().map(|need| (*need).to_owned()).collect(),
            ..Default::default()
        };
        let mut sum = task("sum", "calc", &[]);
        sum.parameters = [("expression".to_owned(), "1 + 1".to_owned())].into();
        sum.deadline = Some(aios_wire::Timestamp {
            seconds: 1_003,
            nanos: 0,
        });
        let mut say = task("say", "agent:speaker", &["sum"]);
        say.parameters = [(
            "input".to_owned(),
            "{\"$from\": \"sum\", \"at\": \"/text\"}".to_owned(),
        )]
        .into();
        let dag = orchestration::TaskDag {
            dag_id: "g".to_owned(),
            goal_description: "Say it".to_owned(),
            tasks: vec![sum, say],
            ..Default::default()
        };
        let submit = submit(dag, "/out".to_owned(), now()).unwrap();
        assert_eq!(submit.goal_id.as_deref(), Some("g"));
        let plan = submit.plan.unwrap();
        assert_eq!(plan.tasks[0].tool, "calc");
        assert_eq!(plan.tasks[0].args, json!({"expression": "1 + 1"}));
        assert_eq!(plan.tasks[0].deadline_ms, 3_000);
        assert_eq!(plan.tasks[1].tool, "agent__speaker");
        let wrong = orchestration::TaskDag {
            tasks: vec![task("a", "agent:no name", &[])],
            ..Default::default()
        };
        assert!(super::submit(wrong, String::new(), now()).is_err());
        let plain = orchestration::TaskDag {
            goal_description: "x".to_owned(),
            ..Default::default()
        };
        let plain = super::submit(plain, String::new(), now()).unwrap();
        assert!(plain.plan.is_none() && plain.goal_id.is_none());
    }

    #[test]
    fn an_event_has_the_name_of_its_kind_and_status_and_is_wanted_by_either() {
        let event = Event {
            seq: 3,
            kind: EventKind::Task,
            body: json!({"status": "completed"}),
        };
        for (wanted, is_wanted) in [
            (&[][..], true),
            (&["task"], true),
            (&["task.completed"], true),
            (&["task.failed", "agent"], false),
        ] {
            let wanted: Vec<String> = wanted.iter().map(|want| (*want).to_owned()).collect();
            let told = orchestrator_event(&event, &wanted);
            assert_eq!(told.is_some(), is_wanted, "{wanted:?}");
        }
        let told = orchestrator_event(&event, &[]).unwrap();
        assert_eq!(
            (told.event_type.as_str(), told.sequence),
            ("task.completed", 3)
        );
    }

    #[test]
    fn an_engine_is_asked_with_what_was_said_and_with_no_more() {
        let text = inference::TextInput {
            prompt: "go on".to_owned(),
            conversation_history: vec![inference::Message {
                role: "system".to_owned(),
                content: "be brief".to_owned(),
            }],
            ..Default::default()
        };
        let asked = inference::InferenceRequest {
            model_id: "local".to_owned(),
            input: Some(inference::inference_request::Input::Text(text.clone())),
            ..Default::default()
        };
        let generate = generate(&asked, true).unwrap();
        assert_eq!((generate.turns.len(), generate.watch), (2, true));
        assert_eq!(generate.temperature, None);
        assert_eq!(generate.max_tokens, Generate::MAX_TOKENS);
        let mut wrong = text;
        wrong.conversation_history[0].role = "boss".to_owned();
        let asked = inference::InferenceRequest {
            input: Some(inference::inference_request::Input::Text(wrong)),
            ..Default::default()
        };
        assert!(super::generate(&asked, false).is_err());
        assert!(embed(&asked).is_err());
    }

    #[test]
    fn a_tree_is_drawn_from_what_the_view_has_and_from_nothing() {
        let view = json!({"tree": {"path": "node", "strategy": "one_for_one", "state": "running", "restarts": 1,
            "children": [{"id": "a", "state": "running", "restarts": 2, "note": null}], "omitted": 0}});
        let root = tree(&view).root.unwrap();
        assert_eq!((root.path.as_str(), root.children[0].restarts), ("node", 2));
        assert_eq!(tree(&Value::Null).root.unwrap().children.len(), 0);
    }
}
