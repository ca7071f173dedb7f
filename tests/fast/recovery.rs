//! Whoever falls in the middle of a goal, the goal ends approved, the fall is counted and nothing is done twice.
//!
//! The tools of these nodes are the real ones behind a witness: it writes down what each operation did in full, and can fell whoever
//! carries it out at one chosen moment.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use aios_languages::english::name;
use aios_runtime::{Answer, Goal, GoalEvent, Node};
use aios_tools::{
    Blocking, BlockingTool, Toolbox, Workspace, Workspaces, WriteError, WriteRequest, Writer,
};
use aios_work::content::{GoalStatus, TaskEvent, TaskStatus};
use aios_work::{ToolCall, ToolError, ToolOutput, ToolSpec};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use crate::house::{example, soon, sturdy};

/// Wall time of an attempt; a tool that hangs is found out this much later.
const TASK_DEADLINE_MS: u64 = 1_000;
/// The Critic computes again without an operation of its own.
const RECHECK: &str = "";

/// How the one at work falls.
#[derive(Debug, Clone, Copy, PartialEq)]
enum How {
    /// The tool panics.
    Panics,
    /// Every time it is called, it panics.
    AlwaysPanics,
    /// The tool neither ends nor listens.
    Hangs,
    /// The test is told, and kills.
    IsKilled,
}

/// Where and how to fall.
#[derive(Debug, Clone, PartialEq)]
struct Trap {
    /// The operation's task, or [`RECHECK`].
    task: String,
    /// Calls of it that pass before.
    spared: usize,
    how: How,
}

/// What the tools did, and when they fall.
struct Scene {
    trap: Option<Trap>,
    seen: AtomicUsize,
    sprung: UnboundedSender<()>,
    over: AtomicBool,
    bell: (Mutex<()>, Condvar),
    effects: Mutex<BTreeMap<String, u32>>,
}

impl Scene {
    fn new(trap: Option<Trap>) -> (Arc<Self>, UnboundedReceiver<()>) {
        let (sprung, heard) = unbounded_channel();
        let scene = Self {
            trap,
            seen: AtomicUsize::new(0),
            sprung,
            over: AtomicBool::new(false),
            bell: (Mutex::new(()), Condvar::new()),
            effects: Mutex::default(),
        };
        (Arc::new(scene), heard)
    }

    fn enter(&self, call: &ToolCall) -> Result<(), ToolError> {
        let Some(trap) = &self.trap else {
            return Ok(());
        };
        let task = call
            .idempotency_key
            .split_once('/')
            .map_or(RECHECK, |(_, task)| task);
        // What always panics panics in its simpler form too.
        let simpler = trap.how == How::AlwaysPanics && task == format!("{}/simple", trap.task);
        if trap.task != task && !simpler {
            return Ok(());
        }
        let seen = self.seen.fetch_add(1, Ordering::SeqCst);
        if seen != trap.spared && trap.how != How::AlwaysPanics {
            return Ok(());
        }
        match trap.how {
            How::Panics | How::AlwaysPanics => panic!("the test fells {task:?}"),
            How::Hangs => self.wait(|| false),
            How::IsKilled => {
                let _ = self.sprung.send(());
                self.wait(|| call.cancel.is_cancelled());
            }
        }
        // Whoever comes back from the dead does nothing any more.
        Ok(call.check()?)
    }

    /// Until the test is over, or `enough`.
    fn wait(&self, enough: impl Fn() -> bool) {
        let mut guard = self.bell.0.lock().unwrap();
        while !self.over.load(Ordering::SeqCst) && !enough() {
            guard = self
                .bell
                .1
                .wait_timeout(guard, Duration::from_millis(1))
                .unwrap()
                .0;
        }
    }

    fn release(&self) {
        self.over.store(true, Ordering::SeqCst);
        self.bell.1.notify_all();
    }
}

/// A real tool, watched.
struct Witnessed {
    spec: ToolSpec,
    tools: Arc<Toolbox>,
    scene: Arc<Scene>,
}

impl BlockingTool for Witnessed {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    fn run(&self, call: &ToolCall, _: &Workspace) -> Result<ToolOutput, ToolError> {
        self.scene.enter(call)?;
        let output = Handle::current().block_on(self.tools.call(
            &self.spec.name,
            &self.spec.needs,
            call.clone(),
        ))?;
        if call.idempotency_key != RECHECK {
            *self
                .scene
                .effects
                .lock()
                .unwrap()
                .entry(call.idempotency_key.clone())
                .or_default() += 1;
        }
        Ok(output)
    }
}

/// Prose that needs no model.
struct Plain;

impl Writer for Plain {
    fn write(&self, _: &WriteRequest<'_>) -> Result<String, WriteError> {
        Ok("The tables above say where the revenue came from.".to_owned())
    }
}

async fn node(scene: &Arc<Scene>) -> Node {
    let mut config = sturdy();
    // One task at a time for each, so that a fall takes nothing with it but the task it is about.
    config.agents.executors = 12;
    // Only where it is to be missed: a busy machine must not add attempts of its own.
    if scene
        .trap
        .as_ref()
        .is_some_and(|trap| trap.how == How::Hangs)
    {
        config.goal.task_deadline_ms = TASK_DEADLINE_MS;
    }
    let workspaces = Workspaces::default();
    let tools = Arc::new(
        Toolbox::standard(&workspaces, Some(Arc::new(Plain))).with(aios_tables::tools(&workspaces)),
    );
    let builder = tools.specs().map(Arc::unwrap_or_clone).fold(
        Node::builder().config(config),
        |builder, spec| {
            let one = Witnessed {
                spec,
                tools: Arc::clone(&tools),
                scene: Arc::clone(scene),
            };
            builder.tool(Blocking::shared(one, &workspaces))
        },
    );
    builder.start().await.unwrap()
}

fn goal(out: &Path) -> Goal {
    Goal::new("Analyze Q3 sales")
        .data([example("q3_sales.csv")])
        .out(out)
}

/// Every task of an untroubled goal, and every moment of it.
async fn rehearsal() -> (BTreeSet<String>, Vec<TaskEvent>) {
    let folder = tempfile::tempdir().unwrap();
    let (scene, _) = Scene::new(None);
    let node = node(&scene).await;
    let mut run = node.run(goal(folder.path())).await.unwrap();
    let mut moments = Vec::new();
    while let Some(event) = soon("the rehearsal", run.next()).await {
        if let GoalEvent::Task(event) = event {
            moments.push(event);
        }
    }
    let answer = run.answer().await.unwrap();
    assert_eq!(
        (answer.status, answer.restarts),
        (GoalStatus::Approved, 0),
        "{answer:?}"
    );
    node.stop().await;
    (
        answer.tasks.into_iter().map(|task| task.id).collect(),
        moments,
    )
}

/// Approved, the fall counted, every task done, and each of them done once.
fn check(who: &str, answer: &Answer, scene: &Scene, tasks: &BTreeSet<String>) {
    assert_eq!(
        answer.status,
        GoalStatus::Approved,
        "{who}: {:?} {:?}",
        answer.gaps,
        answer.reason
    );
    assert_eq!(answer.restarts, 1, "{who}: one fall, one restart");
    let effects = scene.effects.lock().unwrap();
    let of = |task: &str| {
        effects
            .get(&format!("{}/{task}", answer.goal_id))
            .copied()
            .unwrap_or(0)
    };
    for task in tasks {
        assert_eq!(of(task), 1, "{who}: task {task} is done once: {effects:?}");
    }
    let done: BTreeSet<String> = answer.tasks.iter().map(|task| task.id.clone()).collect();
    assert_eq!(&done, tasks, "{who}: nothing is dropped");
}

/// A goal in which somebody falls when the trap springs.
async fn fall(trap: Trap, victim: Option<&'static str>, tasks: BTreeSet<String>) {
    let folder = tempfile::tempdir().unwrap();
    let name = format!(
        "{} at {:?}, {} calls spared, {:?}",
        victim.unwrap_or("the executor"),
        trap.task,
        trap.spared,
        trap.how
    );
    let (scene, mut sprung) = Scene::new(Some(trap.clone()));
    let node = node(&scene).await;
    let mut run = node.run(goal(folder.path())).await.unwrap();
    let mut holder = None;
    let watch = async {
        loop {
            tokio::select! {
                biased;
                event = run.next() => match event {
                    Some(GoalEvent::Task(event)) if event.task_id == trap.task && event.status == TaskStatus::Running => {
                        holder = event.agent;
                    }
                    Some(_) => {}
                    None => return,
                },
                Some(()) = sprung.recv() => {
                    let target = victim.map(str::to_owned).or(holder.clone()).unwrap();
                    node.kill(&target).await.unwrap();
                    // An executor's tool hears that nobody waits any more; the Critic's is let go.
                    if victim.is_some() {
                        scene.release();
                    }
                }
            }
        }
    };
    soon(&name, watch).await;
    let answer = soon(&name, run.answer()).await.unwrap();
    scene.release();
    check(&name, &answer, &scene, &tasks);
    node.stop().await;
}

/// All of them at once, each in a house of its own.
async fn all(falls: impl IntoIterator<Item = (Trap, Option<&'static str>)>) {
    let (tasks, _) = rehearsal().await;
    let mut running = JoinSet::new();
    for (trap, victim) in falls {
        running.spawn(fall(trap, victim, tasks.clone()));
    }
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
}

async fn executor_falls(how: How) {
    let (tasks, _) = rehearsal().await;
    assert!(tasks.len() >= 7, "{tasks:?}");
    all(tasks.into_iter().map(|task| {
        (
            Trap {
                task,
                spared: 0,
                how,
            },
            None,
        )
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_executor_that_panics_in_any_task_costs_one_restart() {
    executor_falls(How::Panics).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_executor_that_is_killed_in_any_task_costs_one_restart() {
    executor_falls(How::IsKilled).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_executor_that_hangs_in_any_task_costs_one_restart() {
    executor_falls(How::Hangs).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_critic_that_falls_while_it_judges_judges_again() {
    const CRITIC: &str = "macro.critic.001@local";
    let killed = (0..4).map(|spared| {
        (
            Trap {
                task: RECHECK.to_owned(),
                spared,
                how: How::IsKilled,
            },
            Some(CRITIC),
        )
    });
    let panics = (0..2).map(|spared| {
        (
            Trap {
                task: RECHECK.to_owned(),
                spared,
                how: How::Panics,
            },
            Some(CRITIC),
        )
    });
    all(killed.chain(panics)).await;
}

/// Kills somebody when the goal's events have come to the given place.
async fn killed_at(who: &str, place: usize, node: &Node, scene: &Scene, tasks: &BTreeSet<String>) {
    let folder = tempfile::tempdir().unwrap();
    let mut run = node.run(goal(folder.path())).await.unwrap();
    let mut at = 0;
    let mut moment = String::new();
    while let Some(event) = soon(who, run.next()).await {
        let GoalEvent::Task(event) = event else {
            continue;
        };
        if at == place {
            moment = format!("{who} killed when {} is {:?}", event.task_id, event.status);
            node.kill(who).await.unwrap();
        }
        at += 1;
    }
    let answer = soon(who, run.answer()).await.unwrap();
    assert!(
        at > place,
        "{who}: the goal had {at} events, and the fall was due at {place}"
    );
    check(&moment, &answer, scene, tasks);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planner_that_is_killed_at_any_moment_goes_on_where_it_was() {
    let (tasks, moments) = rehearsal().await;
    let mut running = JoinSet::new();
    // Every moment, dealt out to a few houses.
    for house in 0..4 {
        let (tasks, places) = (tasks.clone(), (house..moments.len()).step_by(4));
        running.spawn(async move {
            let (scene, _) = Scene::new(None);
            let node = node(&scene).await;
            for place in places {
                killed_at("macro.planner.001@local", place, &node, &scene, &tasks).await;
            }
            node.stop().await;
        });
    }
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_so_important_that_its_fall_stops_a_goal() {
    const EVERYBODY: [&str; 10] = [
        "macro.interface.001@local",
        "macro.memory.001@local",
        "macro.critic.001@local",
        "meso.registry.001@local",
        "meso.consensus.001@local",
        "meso.router.001@local",
        "meso.state.001@local",
        "meso.monitor.001@local",
        "meso.security.001@local",
        "engine.0",
    ];
    let (tasks, moments) = rehearsal().await;
    let (scene, _) = Scene::new(None);
    let node = node(&scene).await;
    for who in EVERYBODY {
        for place in [0, moments.len() / 2, moments.len() - 1] {
            killed_at(who, place, &node, &scene, &tasks).await;
        }
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_that_always_panics_costs_its_own_result_and_no_other() {
    for (task, status) in [
        ("chart", GoalStatus::Partial),
        ("by_period", GoalStatus::Partial),
        ("t0", GoalStatus::Failed),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (scene, _) = Scene::new(Some(Trap {
            task: task.to_owned(),
            spared: 0,
            how: How::AlwaysPanics,
        }));
        let node = node(&scene).await;
        let answer = soon(task, node.run(goal(folder.path())).await.unwrap().answer())
            .await
            .unwrap();
        assert_eq!(answer.status, status, "{task}: {answer:?}");
        let told = answer
            .gaps
            .iter()
            .chain(&answer.reason)
            .cloned()
            .collect::<Vec<_>>()
            .join("; ");
        assert!(!told.is_empty() && !told.contains('\n'), "{task}: {told}");
        assert!(
            answer
                .tasks
                .iter()
                .any(|report| report.id == task && report.status == TaskStatus::Failed),
            "{task}: {answer:?}"
        );
        let lost = status == GoalStatus::Failed;
        assert_eq!(
            answer
                .facts
                .iter()
                .any(|fact| name(fact) == "total revenue"),
            !lost,
            "{task}: {:?}",
            answer.facts
        );
        node.stop().await;
    }
}
