//! What is on record of a goal, as one value: its steps, its plan, and the file that they travel in.

use std::collections::BTreeSet;
use std::path::Component;

use aios_control::{ControlError, GoalPhase, RunFile, RunStep, Submit, Submitted};
use aios_memory::{KeptStep, StepError, StoreError};
use aios_orchestrator::roles::{EXECUTOR, PLANNER};
use aios_work::content::{Answer, CALL_MARK, KeptPlan, TaskEvent, TaskResult};
use aios_work::{ContentHash, Goal, GoalLimits, Plan, Task};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::goals::register::State;
use crate::goals::{EXPLAINED_MAX, Goals, now_us, unwritten};
use crate::names;
use crate::node::Node;

/// Steps of one goal that a file may hold: those of a goal of a thousand tasks, each tried a few times.
const STEPS_MAX: usize = 16_384;
/// The longest name of a step within its goal.
const NAME_MAX: usize = 300;
/// The highest number of an event that is read: no goal has so many, and there is room for what comes after it.
const SEQ_MAX: u64 = 1 << 40;
/// What the name of a step begins with by which a person has said yes.
pub(super) const ALLOWED: &str = "pick/allowed/";

/// How a goal came to be here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Origin {
    /// Somebody handed it in.
    #[default]
    Asked,
    /// It goes on from where another one was.
    Forked,
    /// It was carried out elsewhere.
    Imported,
}

/// The steps of one goal, by the role of whoever did them and their name within the goal.
pub(super) struct Steps {
    node: Node,
    tenant: String,
    goal_id: String,
}

impl Steps {
    pub(super) fn of(node: &Node, tenant: &str, goal_id: &str) -> Self {
        Self {
            node: node.clone(),
            tenant: tenant.to_owned(),
            goal_id: goal_id.to_owned(),
        }
    }

    /// Those of another goal of the same tenant.
    pub(super) fn of_goal(&self, goal_id: &str) -> Self {
        Self::of(&self.node, &self.tenant, goal_id)
    }

    fn prefix(&self, role: &str) -> String {
        format!("{}/{role}/{}/", self.tenant, self.goal_id)
    }

    /// Those of a role.
    pub(super) fn of_role(&self, role: &str) -> Result<Vec<RunStep>, ControlError> {
        let prefix = self.prefix(role);
        let log = self.node.system().step_log();
        let kept = log.kept(&prefix).map_err(unwritten_step)?;
        let step = |step: KeptStep| {
            let KeptStep {
                operation, result, ..
            } = step;
            let Ok(result) = result.map(String::from_utf8).transpose() else {
                return Err(unwritten_step(StepError::Record { operation }));
            };
            Ok(RunStep {
                role: role.to_owned(),
                name: operation
                    .strip_prefix(&prefix)
                    .unwrap_or_default()
                    .to_owned(),
                at_us: step.at_us,
                attempts: step.attempts,
                result,
            })
        };
        kept.into_iter().map(step).collect()
    }

    /// The roles of everybody who works for goals.
    fn roles(&self) -> BTreeSet<String> {
        let members = self.node.services().crew().members();
        members
            .iter()
            .map(|member| member.charter().role.as_str())
            .chain([PLANNER, EXECUTOR])
            .map(str::to_owned)
            .collect()
    }

    /// Those of everybody who works for goals.
    fn all(&self) -> Result<Vec<RunStep>, ControlError> {
        let mut all = Vec::new();
        for role in self.roles() {
            all.extend(self.of_role(&role)?);
        }
        Ok(all)
    }

    /// The plan that was kept, if one was.
    pub(super) fn plan(&self) -> Result<Option<KeptPlan>, ControlError> {
        let log = self.node.system().step_log();
        let operation = format!("{}plan", self.prefix(PLANNER));
        let kept = log.result(&operation).map_err(unwritten_step)?;
        let read = kept.map(|bytes| serde_json::from_slice(&bytes)).transpose();
        // One of another form is not as good as none: what was done for it would be taken for what was never begun.
        read.map_err(|_| unwritten_step(StepError::Record { operation }))
    }

    /// The tasks it had, as far as they are known.
    pub(super) fn tasks(&self, asked: &Submit) -> Result<Vec<Task>, ControlError> {
        match (self.plan(), &asked.plan) {
            (Ok(Some(kept)), _) => Ok(kept.plan.tasks),
            (Ok(None) | Err(_), Some(file)) => Ok(file.tasks.clone()),
            (Ok(None), None) => Ok(Vec::new()),
            (Err(unread), None) => Err(unread),
        }
    }

    /// The tool of a task, if its plan is known.
    pub(super) fn tool_of(&self, task: &str) -> Option<String> {
        let plan = self.plan().ok().flatten()?.plan;
        let planned = plan.tasks.into_iter().find(|planned| planned.id == task);
        planned.map(|task| task.tool)
    }

    pub(super) fn keep(&self, step: &RunStep) -> Result<(), StoreError> {
        let kept = KeptStep {
            operation: format!("{}{}", self.prefix(&step.role), step.name),
            at_us: step.at_us,
            attempts: step.attempts,
            result: step.result.clone().map(String::into_bytes),
        };
        let log = self.node.system().step_log();
        log.keep(&kept).map_err(of_store)
    }

    pub(super) fn forget(&self, role: &str, name: &str) -> Result<(), StoreError> {
        let log = self.node.system().step_log();
        log.forget_one(&format!("{}{name}", self.prefix(role)))
            .map_err(of_store)
    }
}

/// What was begun for a goal and of whose end nobody heard, as sentences: on record before each was begun.
pub(in crate::goals) fn left_open(
    node: &Node,
    tenant: &str,
    goal_id: &str,
) -> Result<Vec<String>, ControlError> {
    let steps = Steps::of(node, tenant, goal_id).of_role(EXECUTOR)?;
    let open = steps.into_iter().filter(|step| step.result.is_none());
    let said = |step: RunStep| match step.attempts {
        0 | 1 => format!("{} was begun, and nobody heard of its end", step.name),
        times => format!(
            "{} was begun {times} times, and nobody heard of its end",
            step.name
        ),
    };
    Ok(open.map(said).collect())
}

fn of_store(error: StepError) -> StoreError {
    match error {
        StepError::Store(error) => error,
        other => StoreError::Io {
            reason: other.to_string(),
        },
    }
}

pub(super) fn unwritten_step(error: StepError) -> ControlError {
    if let StepError::Record { operation } = &error {
        let what = format!(
            "what is on record as {operation:?} cannot be read, so nobody can say whether it was done"
        );
        return ControlError::failed(what)
            .advise("look at it with `aios audit show`, and use the version that wrote it");
    }
    unwritten(of_store(error))
}

/// The task that a step of an executor is of: a name goes on with the place of an element in its list, or with the way that was gone.
pub(super) fn task_of(name: &str) -> &str {
    name.split(['/', '[']).next().unwrap_or(name)
}

/// The plan that a goal is carried out by, as far as it was kept.
pub(in crate::goals) fn kept_plan(
    node: &Node,
    tenant: &str,
    goal_id: &str,
) -> Result<Option<Plan>, ControlError> {
    let kept = Steps::of(node, tenant, goal_id).plan()?;
    Ok(kept.map(|kept| kept.plan))
}

/// The plan that a file holds.
pub(super) fn plan_of(run: &RunFile) -> Option<KeptPlan> {
    let mut steps = run.steps.iter();
    let step = steps.find(|step| step.role == PLANNER && step.name == "plan")?;
    serde_json::from_str(step.result.as_deref()?).ok()
}

/// The sum of all of a file but the sum.
fn sum_of(run: &RunFile) -> Result<String, ControlError> {
    let mut bare = run.clone();
    bare.sum = String::new();
    let bytes = serde_json::to_vec(&bare)
        .map_err(|error| ControlError::failed(format!("the run cannot be written: {error}")))?;
    Ok(ContentHash::of(&bytes).into())
}

/// A file as it was read, if it is whole and can be taken in.
fn read(run: Value) -> Result<RunFile, ControlError> {
    let strange = |why: String| {
        ControlError::invalid(format!("this is no file of a run: {why}"))
            .advise("hand in what `aios goal export` wrote, unchanged")
    };
    let form = run.get("form").and_then(Value::as_u64);
    if let Some(form) = form.filter(|form| *form > u64::from(RunFile::FORM)) {
        return Err(ControlError::invalid(format!(
            "this run was written in form {form} and this version reads up to {}",
            RunFile::FORM
        ))
        .advise("use the version that wrote it, or a newer one"));
    }
    let run: RunFile = serde_json::from_value(run).map_err(|error| strange(error.to_string()))?;
    if sum_of(&run)? != run.sum {
        return Err(strange(
            "its sum is not that of what it holds, so it was cut or changed".to_owned(),
        ));
    }
    if run.steps.len() > STEPS_MAX {
        let steps = run.steps.len();
        return Err(strange(format!(
            "it has {steps} steps, {STEPS_MAX} are allowed"
        )));
    }
    if run.events.len() > EXPLAINED_MAX {
        let events = run.events.len();
        return Err(strange(format!(
            "it has {events} events, {EXPLAINED_MAX} are allowed"
        )));
    }
    let mut last = 0;
    for event in &run.events {
        if event.seq <= last || event.seq > SEQ_MAX {
            let seq = event.seq;
            return Err(strange(format!("its event {seq} comes after event {last}")));
        }
        last = event.seq;
    }
    let part = |text: &str| !text.is_empty() && text.chars().all(|c| !c.is_control());
    let fits = |step: &&RunStep| {
        part(&step.role)
            && !step.role.contains('/')
            && part(&step.name)
            && step.name.len() <= NAME_MAX
    };
    if let Some(step) = run.steps.iter().find(|step| !fits(step)) {
        return Err(strange(format!("it has a step called {:?}", step.name)));
    }
    Ok(run)
}

/// A step of a file as one of the goal that it becomes here. What was called is not this node's to take back, and what a person said yes to
/// elsewhere nobody has said yes to here.
fn taken_in(step: &RunStep, goal_id: &str) -> Option<RunStep> {
    if step.name.ends_with(CALL_MARK) || step.name.starts_with(ALLOWED) {
        return None;
    }
    let mut step = step.clone();
    if step.role == EXECUTOR {
        let operation = format!("{goal_id}/{}", step.name);
        let result = step.result.as_deref();
        let result = result.and_then(|result| as_of(result.as_bytes(), &operation));
        step.result = result.and_then(|result| String::from_utf8(result).ok());
    }
    Some(step)
}

/// What a file says was answered. Of the files that it names, the names alone are taken over: they lie where it was written, and a path from
/// the root on, or one that leads upwards, would be another file here.
fn answered(run: &RunFile) -> Option<Answer> {
    let mut answer = run.answer.as_deref().cloned()?;
    answer.artifacts.retain(|made| {
        let mut parts = made.path.components();
        parts.all(|part| matches!(part, Component::Normal(_)))
    });
    Some(answer)
}

impl Goals {
    /// A goal with all that is on record of it.
    pub(crate) fn export(
        &self,
        node: &Node,
        tenant: &str,
        goal_id: &str,
    ) -> Result<RunFile, ControlError> {
        let goal = self.find(tenant, goal_id)?;
        let state = goal.state();
        let asked = self.register.asked(goal_id).map_err(unwritten)?;
        let events = self
            .register
            .events(goal_id, 0, EXPLAINED_MAX)
            .map_err(unwritten)?;
        let steps = Steps::of(node, tenant, goal_id).all()?;
        let mut run = RunFile {
            form: RunFile::FORM,
            made_by: env!("CARGO_PKG_VERSION").to_owned(),
            goal_id: goal_id.to_owned(),
            asked: goal.asked.clone(),
            accepted_us: asked.map_or(0, |asked| asked.at_us),
            phase: state.phase,
            answer: state.answer,
            error: state.error,
            events,
            steps,
            tools: Vec::new(),
            sum: String::new(),
        };
        let told = run.events.iter().filter_map(|event| event.read().ok());
        let mut tools: BTreeSet<String> = told.map(|event: TaskEvent| event.tool).collect();
        if let Some(kept) = plan_of(&run) {
            tools.extend(kept.plan.tasks.into_iter().map(|task| task.tool));
        }
        let known = node.services().tools();
        let specs = tools.iter().filter_map(|tool| known.spec(tool));
        run.tools = specs.map(|spec| spec.as_ref().clone()).collect();
        run.sum = sum_of(&run)?;
        Ok(run)
    }

    /// Takes a goal in that was carried out elsewhere. It rests: nothing of it is done until somebody says so.
    pub(crate) async fn import(
        &self,
        node: &Node,
        tenant: &str,
        run: Value,
        new_id: Option<String>,
    ) -> Result<Submitted, ControlError> {
        let run = read(run)?;
        let goal_id = new_id.unwrap_or_else(|| run.goal_id.clone());
        if names::guest(&goal_id).is_some_and(|whose| whose != names::of(tenant)) {
            let message = format!("a goal called {goal_id:?} would be another tenant's");
            return Err(ControlError::invalid(message).advise("give it another name"));
        }
        let mut asked = run.asked.clone();
        asked.goal_id = Some(goal_id.clone());
        // Its name and its words are as those of any goal.
        Goal::new(
            &goal_id,
            tenant,
            &asked.text,
            asked.data.clone(),
            &GoalLimits::default(),
        )
        .map_err(|error| ControlError::invalid(error.to_string()))?;
        let _entered = self.entrance.lock().await;
        self.is_free(&goal_id, tenant)?;
        let steps = Steps::of(node, tenant, &goal_id);
        let roles = steps.roles();
        if let Some(step) = run.steps.iter().find(|step| !roles.contains(&step.role)) {
            return Err(ControlError::invalid(format!(
                "the run has a step of {:?}, and nobody here has that role",
                step.role
            ))
            .advise("take it in on a node with the same agents"));
        }
        for step in &run.steps {
            if let Some(step) = taken_in(step, &goal_id) {
                steps.keep(&step).map_err(unwritten)?;
            }
        }
        for event in &run.events {
            self.register.tell(&goal_id, event).map_err(unwritten)?;
        }
        let phase = match run.phase {
            GoalPhase::Running | GoalPhase::Interrupted => GoalPhase::Paused,
            other => other,
        };
        let state = State::ended(phase, run.error.clone());
        let answer = answered(&run);
        self.make_room(tenant, &goal_id)?;
        let origin = Origin::Imported;
        self.register
            .take_in(
                &goal_id,
                &asked,
                tenant,
                now_us(node),
                origin,
                &state,
                answer.as_ref(),
            )
            .map_err(unwritten)?;
        self.enter_record(tenant, &goal_id);
        Ok(Submitted { goal_id })
    }
}

/// A result as that of an operation of another goal. What it is and what was asked stays as it was.
pub(super) fn as_of(result: &[u8], operation: &str) -> Option<Vec<u8>> {
    let result: TaskResult = serde_json::from_slice(result).ok()?;
    let result = TaskResult {
        operation: operation.to_owned(),
        ..result
    };
    serde_json::to_vec(&result).ok()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use aios_control::ErrorKind;
    use serde_json::json;

    use super::*;

    fn run() -> RunFile {
        let asked = json!({"goal_id": "g", "text": "x", "out": "/out"});
        let mut run = RunFile {
            form: RunFile::FORM,
            made_by: "0".to_owned(),
            goal_id: "g".to_owned(),
            asked: serde_json::from_value(asked).unwrap(),
            accepted_us: 1,
            phase: GoalPhase::Answered,
            answer: None,
            error: None,
            events: Vec::new(),
            steps: vec![RunStep {
                role: EXECUTOR.to_owned(),
                name: "a".to_owned(),
                at_us: 1,
                attempts: 0,
                result: Some("{}".to_owned()),
            }],
            tools: Vec::new(),
            sum: String::new(),
        };
        run.sum = sum_of(&run).unwrap();
        run
    }

    #[test]
    fn a_file_that_was_changed_anywhere_is_refused_in_a_sentence() {
        let whole = serde_json::to_value(run()).unwrap();
        assert_eq!(read(whole.clone()), Ok(run()));
        type Change = fn(&mut Value);
        let changes: [(Change, &str); 6] = [
            (|run| run["asked"]["text"] = "y".into(), "its sum"),
            (|run| run["steps"][0]["result"] = "[]".into(), "its sum"),
            (|run| run["steps"] = json!([]), "its sum"),
            (|run| run["form"] = 9.into(), "form 9"),
            (|run| run["more"] = 1.into(), "unknown field"),
            (|run| *run = json!([]), "no file of a run"),
        ];
        for (change, says) in changes {
            let mut changed = whole.clone();
            change(&mut changed);
            let refused = read(changed).unwrap_err();
            assert_eq!(refused.kind, ErrorKind::Invalid);
            assert!(
                refused.message.contains(says),
                "{says}: {}",
                refused.message
            );
        }
    }

    #[test]
    fn a_step_cannot_be_named_out_of_its_goal() {
        for (role, name) in [
            ("a/b", "x"),
            ("", "x"),
            ("a", ""),
            ("a", "x\0y"),
            ("a", &"x".repeat(301)),
        ] {
            let mut strange = run();
            strange.steps[0].role = role.to_owned();
            strange.steps[0].name = name.to_owned();
            strange.sum = sum_of(&strange).unwrap();
            let refused = read(serde_json::to_value(strange).unwrap()).unwrap_err();
            assert!(
                refused.message.contains("a step called"),
                "{}",
                refused.message
            );
        }
    }

    #[test]
    fn the_numbers_of_events_ascend_and_leave_room_for_more() {
        let event = |seq: &u64| aios_control::Event {
            seq: *seq,
            kind: aios_control::EventKind::Task,
            body: Value::Null,
        };
        for (seqs, whole) in [
            (vec![], true),
            (vec![1, 2, 7, SEQ_MAX], true),
            (vec![0], false),
            (vec![1, 1], false),
            (vec![2, 1], false),
            (vec![SEQ_MAX + 1], false),
            (vec![u64::MAX], false),
            ((1..=16_384).collect(), true),
            ((1..=16_385).collect(), false),
        ] {
            let mut told = run();
            told.events = seqs.iter().map(event).collect();
            told.sum = sum_of(&told).unwrap();
            let read = read(serde_json::to_value(told).unwrap());
            assert_eq!(read.is_ok(), whole, "{:?}", seqs.last());
        }
    }

    #[test]
    fn nothing_is_taken_in_that_somebody_here_would_have_had_to_do_or_say() {
        for (role, name, taken) in [
            (PLANNER, "plan", true),
            (PLANNER, "pick/1", true),
            (PLANNER, "pick/allowed/send", false),
            (EXECUTOR, "a", true),
            (EXECUTOR, "a/~call", false),
            (PLANNER, "a/~call", false),
        ] {
            let mut step = run().steps.remove(0);
            step.role = role.to_owned();
            step.name = name.to_owned();
            assert_eq!(taken_in(&step, "g").is_some(), taken, "{role} {name}");
        }
    }

    #[test]
    fn the_files_that_an_answer_from_elsewhere_names_are_not_this_nodes() {
        let mut answer = Answer::none("g");
        for path in [
            "/etc/passwd",
            "../owner.key",
            "a/../../owner.key",
            "report.md",
        ] {
            let file = json!({"path": path, "media_type": "text/plain", "description": ""});
            answer.artifacts.push(serde_json::from_value(file).unwrap());
        }
        let mut told = run();
        assert!(answered(&told).is_none());
        told.answer = Some(answer.into());
        let names = answered(&told).unwrap().artifacts;
        let names: Vec<_> = names.iter().map(|made| made.path.as_path()).collect();
        assert_eq!(names, [Path::new("report.md")]);
    }

    #[test]
    fn a_step_is_its_tasks_whatever_way_was_gone() {
        for (name, task) in [
            ("a", "a"),
            ("a/r1", "a"),
            ("a[3]/r2", "a"),
            ("a/~call", "a"),
        ] {
            assert_eq!(task_of(name), task);
        }
    }
}
