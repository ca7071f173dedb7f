//! Agents are killed at random while goals run: no accepted goal is lost, and no task's effect happens twice.
//!
//! The tools keep the promise that the runtime asks of them: an effect is made once for one idempotency key. So what is counted is what
//! the runtime could get wrong: a task done under two keys, a task not done, a goal not answered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aios_runtime::{Goal, Node};
use aios_tools::{
    Blocking, BlockingTool, Toolbox, Workspace, Workspaces, WriteError, WriteRequest, Writer,
};
use aios_work::content::GoalStatus;
use aios_work::{ToolCall, ToolError, ToolOutput, ToolSpec};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::house::{Chance, example, sturdy};

/// Goals under way at any time.
const RUNNERS: usize = 2;
/// Longest pause between two kills, in milliseconds: about ten kills fall into one goal.
const PAUSE_MS: u64 = 40;

#[derive(Default)]
struct Ledger {
    /// What each operation gave, by idempotency key.
    done: Mutex<BTreeMap<String, ToolOutput>>,
    /// Effects by goal and task, whatever the key.
    effects: Mutex<BTreeMap<(String, String), u32>>,
    /// Calls that found their effect made: a kill fell between effect and commit, and the key did its work.
    repeated: AtomicUsize,
}

struct Booked {
    spec: ToolSpec,
    tools: Arc<Toolbox>,
    ledger: Arc<Ledger>,
}

impl BlockingTool for Booked {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    fn run(&self, call: &ToolCall, _: &Workspace) -> Result<ToolOutput, ToolError> {
        let key = call.idempotency_key.as_str();
        let Some((goal, task)) = key.split_once('/') else {
            return Handle::current().block_on(self.tools.call(
                &self.spec.name,
                &self.spec.needs,
                call.clone(),
            ));
        };
        if let Some(output) = self.ledger.done.lock().unwrap().get(key) {
            self.ledger.repeated.fetch_add(1, Ordering::SeqCst);
            return Ok(output.clone());
        }
        let output = Handle::current().block_on(self.tools.call(
            &self.spec.name,
            &self.spec.needs,
            call.clone(),
        ))?;
        // Effect and note in one moment, as a tool with a transaction would have it.
        let mut done = self.ledger.done.lock().unwrap();
        if let Some(first) = done.get(key) {
            return Ok(first.clone());
        }
        done.insert(key.to_owned(), output.clone());
        // Prose that the critic does not pass is written again under a key of its own; nothing else is.
        let task = match task.split_once('/') {
            Some((task, _)) if self.spec.name == "write_text" => format!("{task}, again"),
            Some((task, _)) => task.to_owned(),
            None => task.to_owned(),
        };
        let mut effects = self.ledger.effects.lock().unwrap();
        *effects.entry((goal.to_owned(), task)).or_default() += 1;
        Ok(output)
    }
}

struct Plain;

impl Writer for Plain {
    fn write(&self, _: &WriteRequest<'_>) -> Result<String, WriteError> {
        Ok("The tables above say where the revenue came from.".to_owned())
    }
}

/// As many kills as asked for, at moments that the seed chooses.
#[allow(clippy::print_stdout)]
pub(crate) async fn storm(kills: usize, seed: u64, watchdog: Duration) {
    let mut config = sturdy();
    config.agents.executors = 4;
    // A kill has nobody to blame, so a message that was in many hands is no poison here.
    config.agents.deliveries = 1_000_000;
    // Nor has it anybody who should pay: each fall of a planner can cost the model reading a prompt once more.
    config.goal.tokens = 1_000_000;
    let ledger = Arc::new(Ledger::default());
    let workspaces = Workspaces::default();
    let tools = Arc::new(
        Toolbox::standard(&workspaces, Some(Arc::new(Plain))).with(aios_tables::tools(&workspaces)),
    );
    let builder = tools.specs().map(Arc::unwrap_or_clone).fold(
        Node::builder().config(config),
        |builder, spec| {
            let one = Booked {
                spec,
                tools: Arc::clone(&tools),
                ledger: Arc::clone(&ledger),
            };
            builder.tool(Blocking::shared(one, &workspaces))
        },
    );
    let node = builder.start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let (accepted, answered) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut running = JoinSet::new();
    for runner in 0..RUNNERS {
        let (node, over, out) = (node.clone(), Arc::clone(&over), folder.path().to_owned());
        let (accepted, answered) = (Arc::clone(&accepted), Arc::clone(&answered));
        running.spawn(async move {
            let mut tasks = Vec::new();
            let mut at = 0;
            while !over.load(Ordering::SeqCst) {
                let id = format!("storm-{runner}-{at}");
                at += 1;
                let goal = Goal::new("Analyze Q3 sales")
                    .id(&id)
                    .data([example("q3_sales.csv")])
                    .out(&out);
                let run = node.run(goal).await.unwrap();
                accepted.fetch_add(1, Ordering::SeqCst);
                let answer = run.answer().await;
                let answer =
                    answer.unwrap_or_else(|error| panic!("seed {seed}: {id} is lost: {error}"));
                assert_eq!(
                    answer.status,
                    GoalStatus::Approved,
                    "seed {seed}: {id}: {:?} {:?} {:?}",
                    answer.gaps,
                    answer.reason,
                    answer.tasks
                );
                answered.fetch_add(1, Ordering::SeqCst);
                for task in answer.tasks {
                    // An agent that falls is no failure of what it was at: nothing is made up for that never failed.
                    assert_eq!(task.recovered, None, "seed {seed}: {id}: {}", task.id);
                    tasks.push((id.clone(), task.id));
                }
            }
            tasks
        });
    }

    let mut chance = Chance::new(seed);
    let began = Instant::now();
    let mut killed = 0;
    while killed < kills {
        assert!(
            began.elapsed() < watchdog,
            "seed {seed}: {killed} of {kills} kills, {} of {} goals answered in {watchdog:?}",
            answered.load(Ordering::SeqCst),
            accepted.load(Ordering::SeqCst)
        );
        if let Some(ended) = running.try_join_next() {
            ended.unwrap();
            panic!("seed {seed}: a runner has stopped");
        }
        let agents = node.view().agents;
        let victim = chance.one_of(&agents);
        // One that is just coming back cannot be killed; the next is chosen.
        if node.kill(&victim.id).await.is_ok() {
            killed += 1;
        }
        tokio::time::sleep(Duration::from_millis(chance.below(PAUSE_MS))).await;
    }
    over.store(true, Ordering::SeqCst);
    let mut tasks = Vec::new();
    let ends = tokio::time::timeout(watchdog, async {
        while let Some(ended) = running.join_next().await {
            tasks.extend(ended.unwrap());
        }
    });
    ends.await
        .unwrap_or_else(|_| panic!("seed {seed}: goals are not answered after the storm"));
    let (accepted, answered) = (
        accepted.load(Ordering::SeqCst),
        answered.load(Ordering::SeqCst),
    );
    assert_eq!(accepted, answered, "seed {seed}");
    assert!(answered >= RUNNERS, "seed {seed}: {answered} goals");
    let effects = ledger.effects.lock().unwrap().clone();
    for task in &tasks {
        assert_eq!(
            effects.get(task),
            Some(&1),
            "seed {seed}: {task:?} is done once; of its goal: {:?}",
            effects
                .iter()
                .filter(|((goal, _), _)| *goal == task.0)
                .collect::<Vec<_>>()
        );
    }
    let places: BTreeSet<_> = tasks.iter().collect();
    let unreported: Vec<_> = effects
        .keys()
        .filter(|task| !task.1.ends_with(", again") && !places.contains(task))
        .collect();
    assert!(
        unreported.is_empty(),
        "seed {seed}: nothing is done that no answer reports: {unreported:?}"
    );
    let view = node.view();
    assert!(
        view.restarts as usize >= killed / 2,
        "seed {seed}: {} restarts of {killed} kills",
        view.restarts
    );
    let took = began.elapsed();
    drop(effects);
    node.stop().await;
    let repeated = ledger.repeated.load(Ordering::SeqCst);
    // Kept by the test runner, shown on failure or on demand.
    println!(
        "seed {seed}: {killed} kills, {answered} goals, {} tasks, {repeated} calls repeated in {took:?}",
        tasks.len()
    );
}

/// The seed: chosen by whoever repeats a run, else by the clock.
pub(crate) fn seed() -> u64 {
    std::env::var("AIOS_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            now.map_or(1, |now| now.as_nanos() as u64)
        })
}
