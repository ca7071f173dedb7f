//! One goal in a hundred ends its node whenever it comes to a certain step. It is set aside after three recoveries; what do the others feel?
//!
//! A hundred goals of many short steps are handed in as room comes, as many as are under way at once on a busy node. The same ninety-nine are
//! measured with the one among them and without it, in turns: from when a goal was accepted to its answer, the recoveries of its node included.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use aios_bench::{Bar, BenchError, Report, Samples};
use aios_control::socket::SocketFolder;
use aios_control::{Client, ClientError, GoalPhase, Submit};
use aios_runtime::{Config, Node};
use aios_work::{Capabilities, Effect, PlanFile, Tool, ToolCall, ToolError, ToolOutput, ToolSpec};
use async_trait::async_trait;
use serde_json::json;

use super::super::{failed, threads};
use super::{Subject, place, say};

pub(super) const WORKS: &str = "works";

/// Goals, and which of them ends its node.
const GOALS: usize = 100;
const FATAL: usize = 7;
/// Steps of a goal, how long each takes, and at which of them the fatal goal ends its node.
const STEPS: usize = 60;
const STEP: Duration = Duration::from_millis(50);
const FATAL_STEP: usize = 20;
/// What a step may take: sixty one after another are less than a plan may take.
const DEADLINE_MS: u64 = 4_000;
/// Goals under way at once: three waves.
const UNDER_WAY: usize = 33;
/// How often the fatal goal may end its node before it is set aside.
const RECOVERIES: u32 = 3;
/// The most that the others may take, as a multiple of what they take among themselves.
const LIMIT: f64 = 1.1;
/// How often is looked.
const LOOK: Duration = Duration::from_millis(10);
/// Nothing here takes longer unless it hangs.
const DEADLINE: Duration = Duration::from_secs(300);

/// Takes its time, or ends the process.
struct Step;

#[async_trait]
impl Tool for Step {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "bench__step".to_owned(),
            description: "Takes its time.".to_owned(),
            input: json!({"type": "object", "properties": {"fatal": {"type": "boolean"}}, "required": ["fatal"], "additionalProperties": false}),
            output: json!({"type": "object", "properties": {"done": {"type": "boolean"}}, "required": ["done"]}),
            needs: Capabilities::none(),
            effect: Effect::Repeatable,
        }
    }

    async fn call(&self, call: ToolCall) -> Result<ToolOutput, ToolError> {
        if call.args["fatal"] == true {
            std::process::abort();
        }
        tokio::time::sleep(STEP).await;
        Ok(ToolOutput {
            value: json!({ "done": true }),
            ..ToolOutput::default()
        })
    }
}

fn door(folder: &Path) -> PathBuf {
    folder.join("door")
}

/// A node that works for goals until it is killed, or ends by one of them.
pub(super) fn works(folder: &Path) -> Result<(), BenchError> {
    threads()?.block_on(async {
        let mut config = Config::default();
        config.storage.folder = folder.join("state").display().to_string();
        config.door.folder = door(folder).display().to_string();
        config.door.open = true;
        let node = Node::builder().config(config).tool(Step);
        let _node = node.start().await.map_err(failed)?;
        say("works")?;
        std::future::pending().await
    })
}

fn goal(at: usize, fatal: bool, out: &Path) -> Result<Submit, BenchError> {
    let tasks: Vec<_> = (0..STEPS)
        .map(|step| {
            let after: Vec<String> = step.checked_sub(1).map(|last| format!("step-{last}")).into_iter().collect();
            let fatal = fatal && step == FATAL_STEP;
            json!({"id": format!("step-{step}"), "tool": "bench__step", "args": {"fatal": fatal}, "after": after, "deadline_ms": DEADLINE_MS})
        })
        .collect();
    let plan = json!({"goal": format!("Work {at}"), "tasks": tasks});
    let plan = PlanFile::read(plan.to_string().as_bytes()).map_err(failed)?;
    Ok(Submit {
        goal_id: Some(format!("work-{at}")),
        text: format!("Work {at}"),
        data: Vec::new(),
        files: Vec::new(),
        out: out.display().to_string(),
        private: false,
        plan: Some(Box::new(plan)),
    })
}

/// The node of a run, started again whenever it has ended.
struct Watched<'a> {
    folder: &'a Path,
    subject: Subject,
    client: Client,
    ended: u32,
}

impl<'a> Watched<'a> {
    async fn start(folder: &'a Path) -> Result<Self, BenchError> {
        let raised = Self::raise(folder).await?;
        let (subject, client) =
            raised.ok_or_else(|| BenchError("the node ended before any goal".to_owned()))?;
        Ok(Self {
            folder,
            subject,
            client,
            ended: 0,
        })
    }

    /// None if it ended while it rose: the fatal goal goes on where it was, and is at its fatal step at once.
    async fn raise(folder: &Path) -> Result<Option<(Subject, Client)>, BenchError> {
        let mut subject = Subject::start(WORKS, folder)?;
        let door = SocketFolder::of(&door(folder).display().to_string());
        let client = match subject.says() {
            Ok(_) => Client::connect(&door, None).await,
            Err(_) => return Ok(None),
        };
        match client {
            Ok(client) => Ok(Some((subject, client))),
            Err(_) if subject.ended() => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Whatever was asked came to nothing because the node has ended: another takes its place.
    async fn again(&mut self) -> Result<(), BenchError> {
        loop {
            self.ended += 1;
            if self.ended > RECOVERIES {
                return Err(BenchError("one goal goes on ending its node".to_owned()));
            }
            if let Some(raised) = Self::raise(self.folder).await? {
                (self.subject, self.client) = raised;
                return Ok(());
            }
        }
    }
}

/// Seconds that each of the others took, and how often the node ended.
async fn run(folder: &Path, fatal: bool) -> Result<(Samples, u32), BenchError> {
    let mut node = Watched::start(folder).await?;
    let mut waiting: Vec<usize> = (0..GOALS)
        .filter(|at| fatal || *at != FATAL)
        .rev()
        .collect();
    let mut accepted: BTreeMap<String, Instant> = BTreeMap::new();
    let (mut took, mut parked) = (Samples::new(), false);
    let begun = Instant::now();
    while !waiting.is_empty() || !accepted.is_empty() {
        if begun.elapsed() > DEADLINE {
            return Err(BenchError(format!("{} goals do not end", accepted.len())));
        }
        while accepted.len() < UNDER_WAY
            && let Some(at) = waiting.last().copied()
        {
            let goal = goal(at, fatal && at == FATAL, folder)?;
            match node.client.submit(goal).await {
                Ok(_) => {
                    waiting.pop();
                    accepted.insert(format!("work-{at}"), Instant::now());
                }
                Err(ClientError::Gone { .. }) => node.again().await?,
                Err(error) => return Err(failed(error)),
            }
        }
        let goals = match node.client.goals().await {
            Ok(goals) => goals,
            Err(ClientError::Gone { .. }) => {
                node.again().await?;
                continue;
            }
            Err(error) => return Err(failed(error)),
        };
        for goal in goals {
            let Some(since) = accepted.get(&goal.goal_id) else {
                continue;
            };
            match goal.phase {
                GoalPhase::Running => continue,
                GoalPhase::Parked if fatal && goal.goal_id == format!("work-{FATAL}") => {
                    parked = true;
                }
                GoalPhase::Answered if !(fatal && goal.goal_id == format!("work-{FATAL}")) => {
                    took.push(since.elapsed().as_secs_f64());
                }
                _ => return Err(BenchError(format!("this should not be: {goal:?}"))),
            }
            accepted.remove(&goal.goal_id);
        }
        tokio::time::sleep(LOOK).await;
    }
    if fatal && (!parked || node.ended != RECOVERIES) {
        return Err(BenchError(format!(
            "the node ended {} times, and the goal was set aside: {parked}",
            node.ended
        )));
    }
    Ok((took, node.ended))
}

pub(super) fn measure(report: &mut Report, rounds: u32) -> Result<(), BenchError> {
    let place = place()?;
    let (mut with, mut without) = (Samples::new(), Samples::new());
    let mut ended = 0;
    for round in 0..rounds {
        for fatal in [false, true] {
            let folder = place.path().join(format!("{round}-{fatal}"));
            std::fs::create_dir(&folder).map_err(failed)?;
            let (took, falls) = threads()?.block_on(run(&folder, fatal))?;
            let p99 = took.quantile(0.99);
            match fatal {
                true => with.push(p99),
                false => without.push(p99),
            }
            ended = falls;
        }
    }
    report.figure("goal_p99_s_alone", without.median());
    report.figure("goal_p99_s_beside_fatal", with.median());
    report.figure("recoveries_before_parked", f64::from(ended));
    report.bar(Bar::at_most(
        "neighbours",
        "99 goals beside one that ends its node three times and is parked, 99th percentile, against the same without it",
        with.median() / without.median(),
        LIMIT,
        "times",
    ));
    Ok(())
}
