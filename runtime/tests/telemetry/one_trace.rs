//! One trace of a goal: in the node, in the process of its engine, and in its tools.

use std::io::Write as _;

use aios_inference::{
    BlockingEngine, Capabilities as EngineCapabilities, EmbedRequest, Embedding, EngineError,
    EngineFactory, Health, InferRequest, Inference, ModelInfo, ModelSource, Prompt, ScriptedEngine,
    TokenSink,
};
use aios_runtime::engine_process::{EngineProcess, HostCommand, serve, standard_input};
use aios_work::{Capabilities, Effect, PlanFile, Tool, ToolCall, ToolError, ToolOutput, ToolSpec};
use async_trait::async_trait;
use serde_json::json;

use super::*;

/// Where the process writes what it was asked in.
const NOTES: &str = "AIOS_TEST_TRACES";
const ASKED: &str = "Say in one sentence that all is well.";

/// The scripted engine, and a line for each call: what it was, in which trace, and how the prompt ends.
struct Noting {
    engine: ScriptedEngine,
    into: PathBuf,
}

impl Noting {
    fn note(&self, what: &str, traceparent: Option<&str>, asked: &str) {
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.into);
        let traceparent = traceparent.unwrap_or("none");
        let asked = asked.replace('\n', " ");
        writeln!(file.unwrap(), "{what} {traceparent} {asked}").unwrap();
    }
}

impl BlockingEngine for Noting {
    fn load_model(&mut self, source: &ModelSource) -> Result<ModelInfo, EngineError> {
        self.engine.load_model(source)
    }

    fn stream(
        &mut self,
        request: &InferRequest,
        sink: &mut TokenSink<'_>,
    ) -> Result<Inference, EngineError> {
        let asked = match &request.prompt {
            Prompt::Raw(text) => text.as_str(),
            Prompt::Chat(turns) => turns.last().map_or("", |turn| turn.content.as_str()),
        };
        self.note("infer", request.traceparent.as_deref(), asked);
        self.engine.stream(request, sink)
    }

    fn embed(&mut self, request: &EmbedRequest) -> Result<Vec<Embedding>, EngineError> {
        self.note("embed", request.traceparent.as_deref(), "");
        self.engine.embed(request)
    }

    fn unload(&mut self, model: &str) -> Result<(), EngineError> {
        self.engine.unload(model)
    }

    fn capabilities(&self) -> EngineCapabilities {
        self.engine.capabilities()
    }

    fn health(&mut self) -> Health {
        self.engine.health()
    }
}

/// What the process does; nothing when the tests are run as usual.
#[test]
fn the_engine_process() {
    let Some(notes) = std::env::var_os(NOTES) else {
        return;
    };
    let into = PathBuf::from(notes);
    let factory: EngineFactory = Arc::new(move || {
        Ok(Box::new(Noting {
            engine: ScriptedEngine::new(),
            into: into.clone(),
        }))
    });
    serve(standard_input().unwrap(), &factory, || {
        std::process::exit(0)
    })
    .unwrap();
}

/// A tool that remembers which traces it was called in.
#[derive(Clone, Default)]
pub(crate) struct Look(pub(crate) Arc<Mutex<Vec<Option<String>>>>);

#[async_trait]
impl Tool for Look {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "look".to_owned(),
            description: "Counts what is there.".to_owned(),
            input: json!({"type": "object"}),
            output: json!({"type": "object", "properties": {"seen": {"type": "integer"}}, "required": ["seen"]}),
            needs: Capabilities::none(),
            effect: Effect::Pure,
        }
    }

    async fn call(&self, call: ToolCall) -> Result<ToolOutput, ToolError> {
        self.0.lock().push(call.traceparent);
        Ok(ToolOutput {
            value: json!({"seen": 3}),
            ..ToolOutput::default()
        })
    }
}

/// An engine that notes there what it is asked in.
pub(crate) fn command(notes: &Path) -> HostCommand {
    let this = std::env::current_exe().unwrap();
    let test = "one_trace::the_engine_process";
    let mut command = HostCommand::new(this, ["--exact", test, "--nocapture"]);
    command.variables = vec![(NOTES.into(), notes.into())];
    command
}

pub(crate) fn plan() -> PlanFile {
    let plan = json!({
        "goal": "Look, and say how it is.",
        "points": [
            {"id": "seen", "asks": "how many are there"},
            {"id": "said", "asks": "how it is"}
        ],
        "tasks": [
            {"id": "seen", "tool": "look", "args": {}, "point": "seen"},
            {"id": "said", "tool": "write_text", "args": {"instruction": ASKED}, "point": "said"}
        ]
    });
    PlanFile::read(plan.to_string().as_bytes()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_trace_is_seen_in_the_node_its_engines_process_and_its_tools() {
    let (sink, address) = sink().await;
    let folder = tempfile::tempdir().unwrap();
    let notes = folder.path().join("notes");
    let look = Look::default();
    let mut config = Config::default();
    config.telemetry.otlp = address;
    config.telemetry.otlp_interval_ms = 200;
    let node = Node::builder()
        .config(config)
        .engine_process(&EngineProcess::new(command(&notes)))
        .tool(look.clone())
        .start()
        .await
        .unwrap();
    let plan = plan();
    let goal = Goal::new(plan.goal.clone()).plan(plan).out(folder.path());
    let answer = node.run(goal).await.unwrap().answer();
    tokio::time::timeout(SOON, answer).await.unwrap().unwrap();
    tokio::time::timeout(SOON, node.stop()).await.unwrap();

    let spans = sink.spans.lock();
    let root = spans
        .iter()
        .find(|span| span.name == "user_request")
        .unwrap();
    let trace: String = root
        .trace_id
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let within = |traceparent: &str| traceparent.starts_with(&format!("00-{trace}-"));
    let notes = std::fs::read_to_string(&notes).unwrap();
    let calls: Vec<Vec<&str>> = { notes.lines() }
        .map(|line| line.splitn(3, ' ').collect())
        .collect();
    let written = calls
        .iter()
        .any(|call| call[0] == "infer" && call[2].contains(ASKED));
    assert!(written, "the writer asked the model: {notes}");
    for call in &calls {
        assert!(within(call[1]), "{call:?} is not in {trace}");
    }
    let looked = look.0.lock();
    assert!(!looked.is_empty());
    for traceparent in looked.iter() {
        assert!(within(traceparent.as_deref().unwrap()), "{looked:?}");
    }
    // Each hangs below a span that the node told of.
    let spans: BTreeSet<String> = { spans.iter() }
        .map(|span| {
            span.span_id
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect()
        })
        .collect();
    let asked_in = calls
        .iter()
        .map(|call| call[1])
        .chain(looked.iter().flatten().map(String::as_str));
    for traceparent in asked_in {
        let span = traceparent.split('-').nth(2).unwrap();
        assert!(spans.contains(span), "{traceparent} hangs nowhere");
    }
}
