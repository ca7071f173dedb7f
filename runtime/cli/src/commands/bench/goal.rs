//! The runtime's own share of a goal: the time in which neither a tool nor the model was at work.
//!
//! The example goal runs on a whole node with the scripted engine. Every call of a tool (by an executor or by the Critic, who recomputes)
//! and of the engine is noted with its begin and end; what is left of the goal's wall time once the union of those intervals is taken
//! out is the runtime's: messages, signatures, planning, judging, supervision, the step log, threads handing over to each other.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aios_bench::{Bar, BenchError, Report, Samples, process_cpu};
use aios_inference::{
    BlockingEngine, Capabilities, EmbedRequest, Embedding, EngineError, EngineFactory, Health,
    InferRequest, Inference, ModelInfo, ModelSource, TokenSink,
};
use aios_runtime::{Config, Goal, Node, engines};
use aios_tools::{Toolbox, Workspaces};
use aios_work::content::GoalStatus;
use aios_work::{Tool, ToolCall, ToolError, ToolOutput, ToolSpec};
use async_trait::async_trait;

use super::{failed, threads};

/// The example everybody runs first.
const TEXT: &str = "Analyze Q3 sales";
const TABLE: &str = include_str!("../../../../../docs/examples/q3_sales.csv");
/// Goals on one node after its first; a principal may ask for 100 a minute.
const GOALS: u32 = 10;
/// The most the runtime may take of a goal, in milliseconds.
const LIMIT_MS: f64 = 5.0;

pub(super) fn run(rounds: u32) -> Result<Report, BenchError> {
    let runtime = threads()?;
    let folder = Folder::new()?;
    let report = runtime.block_on(measure(rounds, &folder.0));
    runtime.shutdown_timeout(Duration::from_secs(2));
    report
}

async fn measure(rounds: u32, folder: &Path) -> Result<Report, BenchError> {
    let mut report = Report::begin("goal");
    let table = folder.join("q3_sales.csv");
    std::fs::write(&table, TABLE).map_err(failed)?;

    let [
        mut first,
        mut share,
        mut whole,
        mut tools,
        mut model,
        mut cpu,
        mut messages,
        mut before,
        mut after,
        mut kept,
        mut kept_share,
    ] = [const { Samples::new() }; 11];
    for round in 0..rounds {
        // A node of its own for each round: nothing is remembered, no table is loaded.
        let stage = Stage::start(None).await?;
        first.push(stage.goal(&table, folder).await?.share());
        for _ in 0..GOALS {
            let spent = stage.goal(&table, folder).await?;
            share.push(spent.share());
            whole.push(spent.whole);
            tools.push(spent.tools);
            model.push(spent.model);
            cpu.push(spent.cpu);
            messages.push(spent.messages);
            before.push(spent.before);
            after.push(spent.after);
        }
        stage.node.stop().await;
        // The same with its state on the disk: what is promised is waited for until it lasts.
        let state = folder.join(format!("state-{round}"));
        let stage = Stage::start(Some(&state)).await?;
        stage.goal(&table, folder).await?;
        for _ in 0..GOALS {
            let spent = stage.goal(&table, folder).await?;
            kept.push(spent.whole);
            kept_share.push(spent.share());
        }
        stage.node.stop().await;
    }

    report.figure("share_ms", share.median());
    report.figure("least_share_ms", share.least());
    report.figure("first_share_ms", first.median());
    report.figure("goal_ms", whole.median());
    report.figure("tools_ms", tools.median());
    report.figure("model_ms", model.median());
    report.figure("cpu_ms", cpu.median());
    report.figure("messages", messages.median());
    report.figure("before_first_ms", before.median());
    report.figure("after_last_ms", after.median());
    report.figure("kept_goal_ms", kept.median());
    report.figure("kept_share_ms", kept_share.median());
    report.figure("rounds", f64::from(rounds));
    report.figure("goals", f64::from(rounds * (GOALS + 1)));
    report.bar(Bar::at_most(
        "share",
        "goal time in which neither a tool nor the model was at work",
        share.median(),
        LIMIT_MS,
        "ms",
    ));
    Ok(report)
}

/// A node whose tools and engine are watched.
struct Stage {
    node: Node,
    tools: Arc<Spans>,
    model: Arc<Spans>,
}

impl Stage {
    /// A node with its state in a folder, or in memory.
    async fn start(state: Option<&Path>) -> Result<Self, BenchError> {
        let (tools, model) = (Arc::new(Spans::default()), Arc::new(Spans::default()));
        let watched = Arc::clone(&model);
        let make = engines::scripted();
        let engine: EngineFactory = Arc::new(move || {
            Ok(Box::new(WatchedEngine {
                engine: make()?,
                busy: Arc::clone(&watched),
            }))
        });
        // Whoever writes text asks the engine, which is watched itself, so the node's own `write_text` stays.
        let workspaces = Workspaces::default();
        let toolbox =
            Arc::new(Toolbox::standard(&workspaces, None).with(aios_tables::tools(&workspaces)));
        let mut config = Config::default();
        if let Some(state) = state {
            config.storage.folder = state.to_string_lossy().into_owned();
        }
        let mut builder = Node::builder().config(config).engine(engine);
        for spec in toolbox.specs().map(Arc::unwrap_or_clone) {
            let (tools, busy) = (Arc::clone(&toolbox), Arc::clone(&tools));
            builder = builder.tool(Arc::new(WatchedTool { spec, tools, busy }));
        }
        Ok(Self {
            node: builder.start().await.map_err(failed)?,
            tools,
            model,
        })
    }

    async fn goal(&self, table: &Path, out: &Path) -> Result<Spent, BenchError> {
        self.tools.take();
        self.model.take();
        let cpu = process_cpu();
        let begun = Instant::now();
        let run = self
            .node
            .run(Goal::new(TEXT).data([table]).out(out))
            .await
            .map_err(failed)?;
        let answer = run.answer().await.map_err(failed)?;
        let whole = (begun, Instant::now());
        let cpu = process_cpu() - cpu;
        if answer.status != GoalStatus::Approved {
            let reason = answer
                .reason
                .or(answer.gaps.into_iter().next())
                .unwrap_or_default();
            return Err(failed(format!(
                "the example goal was not approved: {reason}"
            )));
        }
        let (tools, model) = (self.tools.take(), self.model.take());
        let both: Vec<Span> = tools.iter().chain(&model).copied().collect();
        let begins = both.iter().map(|span| span.0).min();
        let ends = both.iter().map(|span| span.1).max();
        let [before, after] = [
            begins.map(|begin| begin.saturating_duration_since(whole.0)),
            ends.map(|end| whole.1.saturating_duration_since(end)),
        ]
        .map(|time| milliseconds(time.unwrap_or_default()));
        Ok(Spent {
            whole: milliseconds(whole.1 - whole.0),
            tools: milliseconds(union(tools, whole)),
            model: milliseconds(union(model, whole)),
            outside: milliseconds(union(both, whole)),
            cpu: milliseconds(cpu),
            messages: answer.messages.sent as f64,
            before,
            after,
        })
    }
}

/// What one goal took, in milliseconds.
struct Spent {
    whole: f64,
    tools: f64,
    model: f64,
    /// A tool or the model or both.
    outside: f64,
    /// Of the processor, by all threads, tools and model included.
    cpu: f64,
    messages: f64,
    /// Before anything was at work outside the runtime, and after all of it was.
    before: f64,
    after: f64,
}

impl Spent {
    fn share(&self) -> f64 {
        self.whole - self.outside
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

type Span = (Instant, Instant);

/// How much of `whole` is covered by the spans; what is covered twice counts once.
fn union(mut spans: Vec<Span>, whole: Span) -> Duration {
    spans.sort_unstable();
    let mut covered = Duration::ZERO;
    let mut upto = whole.0;
    for (begin, end) in spans {
        let end = end.min(whole.1);
        covered += end.saturating_duration_since(begin.max(upto));
        upto = upto.max(end);
    }
    covered
}

/// When something was at work.
#[derive(Default)]
struct Spans(Mutex<Vec<Span>>);

impl Spans {
    fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        let begin = Instant::now();
        let result = work();
        self.add(begin);
        result
    }

    fn add(&self, begin: Instant) {
        let mut spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        spans.push((begin, Instant::now()));
    }

    fn take(&self) -> Vec<Span> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One of the standard tools, called through a box that shares what they share.
struct WatchedTool {
    spec: ToolSpec,
    tools: Arc<Toolbox>,
    busy: Arc<Spans>,
}

#[async_trait]
impl Tool for WatchedTool {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    async fn call(&self, call: ToolCall) -> Result<ToolOutput, ToolError> {
        let begin = Instant::now();
        // What was granted was asked where the call came from.
        let (name, granted) = (&self.spec.name, &self.spec.needs);
        let outcome = self.tools.call(name, granted, call).await;
        self.busy.add(begin);
        outcome
    }
}

struct WatchedEngine {
    engine: Box<dyn BlockingEngine>,
    busy: Arc<Spans>,
}

impl BlockingEngine for WatchedEngine {
    fn load_model(&mut self, source: &ModelSource) -> Result<ModelInfo, EngineError> {
        self.engine.load_model(source)
    }

    fn infer(&mut self, request: &InferRequest) -> Result<Inference, EngineError> {
        self.busy.during(|| self.engine.infer(request))
    }

    fn stream(
        &mut self,
        request: &InferRequest,
        sink: &mut TokenSink<'_>,
    ) -> Result<Inference, EngineError> {
        self.busy.during(|| self.engine.stream(request, sink))
    }

    fn embed(&mut self, request: &EmbedRequest) -> Result<Vec<Embedding>, EngineError> {
        self.busy.during(|| self.engine.embed(request))
    }

    fn unload(&mut self, model: &str) -> Result<(), EngineError> {
        self.engine.unload(model)
    }

    fn capabilities(&self) -> Capabilities {
        self.engine.capabilities()
    }

    fn health(&mut self) -> Health {
        self.engine.health()
    }
}

/// A folder for the table, the charts and the reports; gone when the bench ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, BenchError> {
        let path = std::env::temp_dir().join(format!("aios-bench-{}", std::process::id()));
        std::fs::create_dir(&path)
            .map_err(|error| failed(format!("cannot create {}: {error}", path.display())))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_is_covered_twice_or_lies_outside_counts_as_it_should() {
        let zero = Instant::now();
        let at = |ms: u64| zero + Duration::from_millis(ms);
        let whole = (at(100), at(200));
        let cases: [(&[(u64, u64)], u64); 6] = [
            (&[], 0),
            (&[(110, 120), (130, 150)], 30),
            (&[(110, 150), (120, 130)], 40),
            (&[(130, 160), (110, 140)], 50),
            (&[(0, 50), (90, 110), (190, 300), (250, 300)], 20),
            (&[(0, 300)], 100),
        ];
        for (spans, covered) in cases {
            let spans = spans
                .iter()
                .map(|&(begin, end)| (at(begin), at(end)))
                .collect();
            assert_eq!(union(spans, whole), Duration::from_millis(covered));
        }
    }
}
