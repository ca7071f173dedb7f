//! What an operator reads: figures, and a goal's trace at whoever takes OTLP.
#![allow(clippy::unwrap_used)]

#[cfg(feature = "shared-memory")]
#[path = "telemetry/one_trace.rs"]
mod one_trace;
#[cfg(all(feature = "nats", feature = "grpc", feature = "shared-memory"))]
#[path = "../bus/tests/nats/rig.rs"]
#[allow(dead_code)]
mod rig;
#[cfg(feature = "remote")]
#[path = "telemetry/routed.rs"]
mod routed;
#[cfg(all(feature = "nats", feature = "grpc", feature = "shared-memory"))]
#[path = "telemetry/three_buses.rs"]
mod three_buses;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aios_control::{Caller, Control, Figure, FiguresAsked, Place, Request};
use aios_runtime::{Config, Goal, Node};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::Uri;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use parking_lot::Mutex;
use prost::Message;

/// How long anything may take that is waited for.
const SOON: Duration = Duration::from_secs(60);

/// Takes what is sent by OTLP.
#[derive(Default)]
struct Sink {
    spans: Mutex<Vec<Span>>,
    figures: Mutex<BTreeSet<String>>,
    strange: Mutex<Vec<String>>,
}

async fn take(State(sink): State<Arc<Sink>>, uri: Uri, body: Bytes) {
    match uri.path() {
        "/v1/traces" => {
            let sent = ExportTraceServiceRequest::decode(body).unwrap();
            let scopes = sent
                .resource_spans
                .into_iter()
                .flat_map(|spans| spans.scope_spans);
            sink.spans
                .lock()
                .extend(scopes.flat_map(|scope| scope.spans));
        }
        "/v1/metrics" => {
            let sent = ExportMetricsServiceRequest::decode(body).unwrap();
            let scopes = sent
                .resource_metrics
                .into_iter()
                .flat_map(|it| it.scope_metrics);
            let names = scopes
                .flat_map(|scope| scope.metrics)
                .map(|metric| metric.name);
            sink.figures.lock().extend(names);
        }
        other => sink.strange.lock().push(other.to_owned()),
    }
}

async fn sink() -> (Arc<Sink>, String) {
    let sink = Arc::new(Sink::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(take).with_state(Arc::clone(&sink));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (sink, address)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap()
}

async fn works(node: &Node, out: &Path) {
    let goal = Goal::new("Analyze Q3 sales")
        .data([root().join("docs/examples/q3_sales.csv")])
        .out(out);
    let answer = node.run(goal).await.unwrap().answer();
    tokio::time::timeout(SOON, answer).await.unwrap().unwrap();
}

fn said(span: &Span, name: &str) -> Option<String> {
    let pair = span.attributes.iter().find(|pair| pair.key == name)?;
    match pair.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        other => Some(format!("{other:?}")),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_goal_is_one_tree_of_spans_across_agents_and_tools() {
    let (sink, address) = sink().await;
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.telemetry.otlp = address;
    config.telemetry.otlp_interval_ms = 200;
    let node = Node::builder().config(config).start().await.unwrap();
    works(&node, folder.path()).await;
    tokio::time::timeout(SOON, node.stop()).await.unwrap();
    let spans = sink.spans.lock();
    let root: Vec<&Span> = spans
        .iter()
        .filter(|span| span.name == "user_request")
        .collect();
    assert_eq!(root.len(), 1, "one goal is one request");
    let own: Vec<&Span> = { spans.iter() }
        .filter(|span| span.trace_id == root[0].trace_id)
        .collect();
    let ids: BTreeSet<&Vec<u8>> = own.iter().map(|span| &span.span_id).collect();
    assert_eq!(ids.len(), own.len(), "each span has a name of its own");
    for span in &own {
        let whole = span.parent_span_id.is_empty();
        assert!(
            whole || ids.contains(&span.parent_span_id),
            "{} hangs nowhere",
            span.name
        );
        assert_eq!(whole, span.name == "user_request", "{}", span.name);
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano);
    }
    let named = |prefix: &str| {
        own.iter()
            .filter(|span| span.name.starts_with(prefix))
            .count()
    };
    for prefix in [
        "invoke_agent macro.interface",
        "invoke_agent macro.planner",
        "invoke_agent macro.executor",
        "invoke_agent macro.critic",
        "plan",
        "execute_tool ",
        "evaluate",
    ] {
        assert!(named(prefix) > 0, "{prefix} among {:?}", names(&own));
    }
    // A tool is below its executor, which is below the planner, which is below the interface.
    let by_id: BTreeMap<&Vec<u8>, &&Span> = own.iter().map(|span| (&span.span_id, span)).collect();
    let tool = own
        .iter()
        .find(|span| span.name.starts_with("execute_tool "))
        .unwrap();
    let mut above = Vec::new();
    let mut at = tool.parent_span_id.clone();
    while let Some(span) = by_id.get(&at) {
        above.push(span.name.clone());
        at.clone_from(&span.parent_span_id);
    }
    assert_eq!(
        above.first().map(String::as_str),
        Some("invoke_agent macro.executor"),
        "{above:?}"
    );
    assert!(
        above.contains(&"invoke_agent macro.planner".to_owned()),
        "{above:?}"
    );
    assert_eq!(above.last().map(String::as_str), Some("user_request"));
    // What a tool has a model write is a part of the tool's call, and says who wrote it and what it took.
    let chats: Vec<_> = { own.iter() }
        .filter(|span| span.name == "chat")
        .filter(|span| by_id[&span.parent_span_id].name == "execute_tool write_text")
        .collect();
    assert!(!chats.is_empty(), "{:?}", names(&own));
    for told in ["gen_ai.response.model", "gen_ai.usage.output_tokens"] {
        let says = |span: &&&&Span| span.attributes.iter().any(|one| one.key == told);
        assert!(chats.iter().all(|span| says(&span)), "{told}");
    }
    assert_eq!(
        said(tool, "gen_ai.operation.name").as_deref(),
        Some("execute_tool")
    );
    assert!(said(tool, "gen_ai.tool.name").is_some_and(|name| tool.name.ends_with(&name)));
    let figures = sink.figures.lock();
    for name in [
        "aios_orchestrator_tasks_total",
        "aios_agent_messages_sent_total",
        "aios_registry_agents",
    ] {
        assert!(figures.contains(name), "{name} among {figures:?}");
    }
    assert!(sink.strange.lock().is_empty());
}

fn names(spans: &[&Span]) -> BTreeSet<String> {
    spans.iter().map(|span| span.name.clone()).collect()
}

/// Counted only when they happen, with labels that nobody knows before: they are described, and a panel of them is empty until then.
const WHEN_IT_HAPPENS: [&str; 27] = [
    "aios_agent_dead_letters_total",
    "aios_agent_messages_redelivered_total",
    "aios_agent_messages_refused_total",
    "aios_agent_steps_replayed_total",
    "aios_breaker_rejected_total",
    "aios_breaker_state",
    "aios_breaker_trips_total",
    // Of a node on a NATS server.
    "aios_bus_connected",
    "aios_bus_disconnects_total",
    "aios_bus_lag",
    "aios_bus_outbox_accepted_total",
    "aios_bus_outbox_delivered_total",
    "aios_bus_outbox_full_total",
    "aios_bus_outbox_waiting",
    "aios_bus_slow_consumers_total",
    "aios_bus_missed_total",
    "aios_bus_tensor_refused_total",
    "aios_http_refused_total",
    "aios_inference_engine_breaker_changes_total",
    "aios_inference_queue_wait_seconds",
    "aios_inference_restarts_total",
    "aios_inference_routes_total",
    "aios_inference_time_to_first_token_seconds",
    "aios_inference_tokens_per_second",
    "aios_inference_tokens_total",
    "aios_inference_queue_waiting",
    "aios_orchestrator_recourses_total",
];

/// Names of figures in a text, without what a distribution's parts have behind them.
fn figures(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    for (at, _) in text.match_indices("aios_") {
        if text[..at].chars().next_back().is_some_and(is_name) {
            continue;
        }
        let name: String = text[at..]
            .chars()
            .take_while(|letter| is_name(*letter))
            .collect();
        let part = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|part| name.strip_suffix(part));
        names.insert(part.unwrap_or(&name).to_owned());
    }
    names
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let files = entries.map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|it| it == ending))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_figure_of_a_panel_or_a_rule_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::builder().start().await.unwrap();
    works(&node, folder.path()).await;
    let caller = Caller::named(node.owner_name().clone(), Place::Here);
    // What is told on the bus is counted a moment later.
    let there = async {
        loop {
            let text = node.metrics(&caller).unwrap().unwrap();
            if text.contains("aios_orchestrator_tasks_total{status=\"completed\"}")
                && !text.contains("status=\"completed\"} 0\n")
            {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let text = tokio::time::timeout(SOON, there).await.unwrap();
    let exported: BTreeSet<String> = { text.lines() }
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .filter_map(|line| line.split(' ').next().map(str::to_owned))
        .collect();
    let operating = root().join("docs/operating");
    let mut read = files(&operating.join("grafana"), "json");
    assert_eq!(read.len(), 4, "four dashboards");
    read.push(operating.join("prometheus/rules.yml"));
    for file in read {
        for name in figures(&std::fs::read_to_string(&file).unwrap()) {
            let known = exported.contains(&name) || WHEN_IT_HAPPENS.contains(&name.as_str());
            assert!(
                known,
                "{name} of {} is exported by nobody; there are {exported:?}",
                file.display()
            );
        }
    }
    for name in &exported {
        let help = format!("# HELP {name} ");
        assert!(
            !name.starts_with("aios_") || text.contains(&help),
            "{name} is not described"
        );
    }
    let series = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.contains("_bucket"))
        .count();
    assert!(series < 1_500, "{series} series: a label is not bounded");
    let asked = Request::Figures(FiguresAsked {
        prefix: "aios_inference".to_owned(),
    });
    let own: Vec<Figure> = node.control().ask(&asked).await.unwrap();
    assert!(
        own.iter()
            .all(|figure| figure.name.starts_with("aios_inference_"))
    );
    let requests = own
        .iter()
        .find(|figure| figure.name == "aios_inference_requests_total");
    assert!(
        requests.is_some_and(|figure| figure.grows && figure.value > 0.0),
        "{own:?}"
    );
    node.stop().await;
}
