//! Goes through a goal again from what is on record of it, on a node of its own that lives in memory for as long as that takes: its tools
//! and its model say that they were wanted, and do nothing.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aios_control::{ControlError, ErrorKind, Replayed, RunFile, RunStep};
use aios_inference::{
    BlockingEngine, Capabilities as EngineCapabilities, EmbedRequest, Embedding, EngineError,
    EngineFactory, Health, InferRequest, Inference, ModelInfo, ModelSource, ScriptedEngine,
    TokenSink,
};
use aios_orchestrator::roles::{EXECUTOR, PLANNER};
use aios_work::content::{Answer, CALL_MARK, KeptPlan};
use aios_work::{
    Capabilities, Capability, Effect, Thinks, Tool, ToolCall, ToolError, ToolErrorKind, ToolOutput,
    ToolSpec,
};
use async_trait::async_trait;
use parking_lot::Mutex;

use super::diff;
use super::record::{ALLOWED, Steps, plan_of};
use crate::config::{Config, ModelPlans};
use crate::gateway::Goal;
use crate::goals::{Goals, unwritten};
use crate::node::Node;
use crate::packs;

/// A tool that was there, and is only asked whether it was wanted.
struct Silent {
    spec: ToolSpec,
    wanted: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl Tool for Silent {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    async fn call(&self, call: ToolCall) -> Result<ToolOutput, ToolError> {
        let wanted = format!("{} for {}", self.spec.name, call.idempotency_key);
        self.wanted.lock().push(wanted);
        Err(ToolError::new(
            ToolErrorKind::Permission,
            "no result of this is on record, and nothing is called while a goal is gone through again",
        ))
    }
}

/// The same for a model. What texts mean is compared by rules, which is nobody's thought.
struct Mute {
    rules: ScriptedEngine,
    wanted: Arc<AtomicU64>,
}

impl BlockingEngine for Mute {
    fn load_model(&mut self, source: &ModelSource) -> Result<ModelInfo, EngineError> {
        self.rules.load_model(source)
    }

    fn stream(
        &mut self,
        _request: &InferRequest,
        _sink: &mut TokenSink<'_>,
    ) -> Result<Inference, EngineError> {
        self.wanted.fetch_add(1, Ordering::Relaxed);
        Err(EngineError::Unsupported {
            what: "thinking while a goal is gone through again".to_owned(),
        })
    }

    fn infer(&mut self, request: &InferRequest) -> Result<Inference, EngineError> {
        self.stream(request, &mut |_| ControlFlow::Continue(()))
    }

    fn embed(&mut self, request: &EmbedRequest) -> Result<Vec<Embedding>, EngineError> {
        self.rules.embed(request)
    }

    fn unload(&mut self, model: &str) -> Result<(), EngineError> {
        self.rules.unload(model)
    }

    fn capabilities(&self) -> EngineCapabilities {
        self.rules.capabilities()
    }

    fn health(&mut self) -> Health {
        self.rules.health()
    }
}

impl Goals {
    /// Goes through a goal again, and says whether it comes to the same answer.
    pub(crate) async fn replay(
        &self,
        node: &Node,
        tenant: &str,
        goal_id: &str,
    ) -> Result<Replayed, ControlError> {
        let run = {
            let _entered = self.entrance.lock().await;
            self.at_rest(tenant, goal_id)?;
            self.export(node, tenant, goal_id)?
        };
        let lacks = |what: &str| {
            ControlError::new(ErrorKind::Conflict, format!("{what} of goal {goal_id} is not on record"))
                .advise("a goal is kept with its steps from its first answer on; hand it in again, and replay that")
        };
        let answer = answer_of(&run).ok_or_else(|| lacks("an answer"))?;
        let kept = plan_of(&run).ok_or_else(|| lacks("the plan"))?;
        let place = Arc::clone(&self.replays).try_acquire_owned();
        let place = place.map_err(|_| {
            ControlError::new(
                ErrorKind::Busy,
                "another goal is gone through again, which takes a node of its own",
            )
            .advise("ask again when that is done")
        })?;
        let (node, tenant) = (node.clone(), tenant.to_owned());
        // It goes on when whoever asked has left, because the other node has to be stopped.
        let replay = tokio::spawn(async move {
            let replayed = replayed(&node, &tenant, &run, &kept, &answer).await;
            drop(place);
            replayed
        });
        replay.await.map_err(|error| {
            ControlError::failed(format!("the goal could not be gone through: {error}"))
        })?
    }
}

/// The answer as its planner gave it: the node adds what lies around it.
fn answer_of(run: &RunFile) -> Option<Answer> {
    let mut steps = run.steps.iter();
    let step = steps.find(|step| step.role == PLANNER && step.name == "answer");
    let of_planner = step.and_then(|step| serde_json::from_str(step.result.as_deref()?).ok());
    of_planner.or_else(|| run.answer.as_deref().cloned())
}

async fn replayed(
    node: &Node,
    tenant: &str,
    run: &RunFile,
    kept: &KeptPlan,
    answer: &Answer,
) -> Result<Replayed, ControlError> {
    let wanted = Arc::new(Mutex::new(Vec::new()));
    let thought = Arc::new(AtomicU64::new(0));
    let replica = replica(node, tenant, run, kept.thinks, &wanted, &thought).await?;
    let outcome = gone_through(&replica, run).await;
    replica.stop().await;
    let again = outcome.map_err(|error| unplayable(&run.goal_id, error))?;
    let mut differs = diff::of_answers(answer, &again);
    let would_call = std::mem::take(&mut *wanted.lock());
    let would_think = thought.load(Ordering::Relaxed);
    if let Some(first) = would_call.first().filter(|_| differs.is_empty()) {
        differs.push(format!(
            "a tool would be called, and its result is not on record: {first}"
        ));
    }
    let done = |role: &str, name: &str| role == EXECUTOR && !name.ends_with(CALL_MARK);
    let steps = run
        .steps
        .iter()
        .filter(|step| step.result.is_some() && done(&step.role, &step.name));
    Ok(Replayed {
        goal_id: run.goal_id.clone(),
        same: differs.is_empty(),
        differs,
        would_call,
        would_think,
        steps: steps.count() as u64,
    })
}

/// Why a goal cannot be gone through again. Whoever asks for it names a goal and nothing else, so what is not in order is what is on record,
/// such as steps of an earlier goal of the same name that had other words.
fn unplayable(goal_id: &str, error: ControlError) -> ControlError {
    if error.kind != ErrorKind::Invalid {
        return error;
    }
    let message = format!(
        "goal {goal_id} cannot be gone through again: {}",
        error.message
    );
    ControlError::new(ErrorKind::Conflict, message)
        .advise("hand it in again under a name of its own, and replay that")
}

/// The settings of a node that reaches nobody: what it tells, it would tell in the name of the one that it is made from.
fn apart(config: &Config, tenant: &str, thinks: Thinks) -> Config {
    let mut config = config.clone();
    config.node.tenant = tenant.to_owned();
    config.storage.folder = String::new();
    config.door.open = false;
    config.bus = Default::default();
    config.telemetry.otlp = String::new();
    config.swarm.pages = 0;
    config.tools.servers.clear();
    config.engines.clear();
    config.routes = Default::default();
    config.goal.plans = match thinks {
        Thinks::Nothing => ModelPlans::Nothing,
        Thinks::InSteps => ModelPlans::InSteps,
        Thinks::WholePlans => ModelPlans::WholePlans,
    };
    config
}

/// A node in memory with the same packs and rules, whose tools and model do nothing.
async fn replica(
    node: &Node,
    tenant: &str,
    run: &RunFile,
    thinks: Thinks,
    wanted: &Arc<Mutex<Vec<String>>>,
    thought: &Arc<AtomicU64>,
) -> Result<Node, ControlError> {
    let config = apart(node.config(), tenant, thinks);
    let thought = Arc::clone(thought);
    let engine: EngineFactory = Arc::new(move || {
        Ok(Box::new(Mute {
            rules: ScriptedEngine::new(),
            wanted: Arc::clone(&thought),
        }))
    });
    let mut builder = Node::builder()
        .config(config)
        .engine(engine)
        .packs(node.parts.packs.clone())
        .replaying()
        .leaving_goals();
    let here = node.services().tools().specs();
    // What is on record of a tool comes last, and so stands for what it is here.
    let here: Vec<ToolSpec> = here.map(|spec| spec.as_ref().clone()).collect();
    for spec in here.into_iter().chain(run.tools.clone()) {
        // What changes nothing and stays on this machine may be called: the Critic works figures out anew by such tools.
        if packs::is_standard(&spec.name) && changes_nothing(&spec) {
            continue;
        }
        builder = builder.tool(Silent {
            // It touches nothing, so it needs nothing that would have to be granted.
            spec: ToolSpec {
                needs: Capabilities::none(),
                ..spec
            },
            wanted: Arc::clone(wanted),
        });
    }
    builder.start().await.map_err(|error| {
        ControlError::failed(format!(
            "no node can be made to go through the goal again: {error}"
        ))
    })
}

fn changes_nothing(spec: &ToolSpec) -> bool {
    let elsewhere = [Capability::NET, Capability::MODEL_USE];
    let leaves = |need: &Capability| elsewhere.iter().any(|away| away.covers(need));
    spec.effect == Effect::Pure && !spec.needs.iter().any(leaves)
}

async fn gone_through(replica: &Node, run: &RunFile) -> Result<Answer, ControlError> {
    let steps = Steps::of(replica, &replica.config().node.tenant, &run.goal_id);
    // Nothing is done here, so nobody is asked whether it may be; of a goal from elsewhere it is not on record what a person said.
    for task in plan_of(run).into_iter().flat_map(|kept| kept.plan.tasks) {
        let allowed = RunStep {
            role: PLANNER.to_owned(),
            name: format!("{ALLOWED}{}", task.id),
            at_us: run.accepted_us,
            attempts: 0,
            result: Some("true".to_owned()),
        };
        steps.keep(&allowed).map_err(unwritten)?;
    }
    for step in &run.steps {
        if step.role == PLANNER && step.name == "answer" {
            continue;
        }
        steps.keep(step).map_err(unwritten)?;
    }
    let goal = Goal::from(run.asked.clone()).id(&run.goal_id);
    let request = goal.recorded(replica.config())?;
    Ok(replica.answered(&request, run.asked.private, None).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_in_order_on_record_is_no_fault_of_whoever_asks() {
        let refused = unplayable("g", ControlError::invalid("g names another goal already"));
        assert_eq!(refused.kind, ErrorKind::Conflict);
        assert!(
            refused.message.contains("g names another goal already"),
            "{refused}"
        );
        let busy = unplayable("g", ControlError::new(ErrorKind::Busy, "later"));
        assert_eq!(busy.kind, ErrorKind::Busy);
    }

    #[test]
    fn a_node_that_a_goal_is_gone_through_on_reaches_nobody() {
        let mut config = Config::default();
        config.storage.folder = "/state".to_owned();
        config.door.open = true;
        config.bus.data.nats = "nats://127.0.0.1:4222".to_owned();
        config.bus.data.credentials = "/node.creds".to_owned();
        config.telemetry.otlp = "http://127.0.0.1:4318".to_owned();
        let apart = apart(&config, "acme", Thinks::Nothing);
        assert_eq!(apart.node.tenant, "acme");
        assert_eq!(apart.bus.data.nats, "");
        assert_eq!(apart.bus.data.credentials, "");
        assert_eq!(apart.telemetry.otlp, "");
        assert_eq!(apart.storage.folder, "");
        assert!(!apart.door.open);
    }
}
