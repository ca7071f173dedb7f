//! Traces and figures, sent by OTLP over HTTP where the configuration says. Without `telemetry.otlp` nothing of this is begun, and nothing
//! leaves the process.
//!
//! Spans wait in a bounded queue. When whoever takes them is slower, or away, the newest are dropped and counted: a node does not wait for
//! its observers.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use aios_actors::SpanSeen;
use aios_protocols::{Party, Tier, Timestamp};
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{MetricExporter, Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider, Temporality};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, oneshot};

use super::samples::{Sample, Sort};
use crate::metric;

/// Spans that wait to be sent: those of a few hundred goals.
const QUEUE: usize = 8_192;
/// Spans sent at once.
const BATCH: usize = 512;
/// How long spans wait for others to be sent with.
const WAIT: Duration = Duration::from_secs(1);
/// How long a batch may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where spans are handed in. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Spans(Arc<Waiting>);

/// Spans that wait to be sent. Whoever hands one in wakes nobody, unless it is the first or makes a batch full.
#[derive(Default)]
struct Waiting {
    spans: Mutex<Vec<SpanSeen>>,
    news: Notify,
}

impl Spans {
    /// Hands a span in, if it is one of those that are kept.
    pub(crate) fn hand_in(&self, span: SpanSeen) {
        if !is_sampled(&span) {
            return;
        }
        let waiting = {
            let mut spans = self.0.spans.lock();
            if spans.len() >= QUEUE {
                drop(spans);
                metrics::counter!(metric::SPANS_DROPPED_TOTAL).increment(1);
                return;
            }
            spans.push(span);
            spans.len()
        };
        if waiting == 1 || waiting == BATCH {
            self.0.news.notify_one();
        }
    }

    /// Returns when there is a batch, or something that has waited for one.
    async fn come(&self) {
        self.0.news.notified().await;
        let full = async {
            while self.0.spans.lock().len() < BATCH {
                self.0.news.notified().await;
            }
        };
        let _ = tokio::time::timeout(WAIT, full).await;
    }

    /// All that wait.
    fn take(&self) -> Vec<SpanSeen> {
        let room = Vec::with_capacity(BATCH);
        std::mem::replace(&mut self.0.spans.lock(), room)
    }
}

/// All of what macro agents and the node do, a tenth of what meso agents do, a thousandth of what micro agents do; and whatever came to
/// nothing. Of one trace it is all or nothing, so that what is kept hangs together.
fn is_sampled(span: &SpanSeen) -> bool {
    let of = match span
        .agent
        .as_ref()
        .and_then(|party| party.agent())
        .map(|id| id.tier())
    {
        None | Some(Tier::Macro) => 1,
        Some(Tier::Meso) => 10,
        Some(Tier::Micro) => 1_000,
    };
    let id = span.at.trace_id();
    let chance = u64::from_be_bytes([id[8], id[9], id[10], id[11], id[12], id[13], id[14], id[15]]);
    span.error.is_some() || chance.is_multiple_of(of)
}

/// What sends. Dropped, it sends no more.
pub(crate) struct Otlp {
    pub(crate) spans: Spans,
    /// Asks that all be sent that wait, and to be told then.
    flush: mpsc::Sender<oneshot::Sender<()>>,
    sending: tokio::task::JoinHandle<()>,
    figures: SdkMeterProvider,
}

impl std::fmt::Debug for Otlp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Otlp")
    }
}

/// Why nothing is sent.
#[derive(Debug, thiserror::Error)]
#[error("telemetry.otlp is {endpoint:?}, and nothing can be sent there: {why}")]
pub(crate) struct OtlpError {
    endpoint: String,
    why: String,
}

impl Otlp {
    /// Sends to an address such as `http://127.0.0.1:4318`. `figures` are taken every `every`.
    pub(crate) fn begin(
        endpoint: &str,
        node: &str,
        every: Duration,
        figures: impl Fn() -> Vec<Sample> + Send + Sync + 'static,
    ) -> Result<Self, OtlpError> {
        // Whoever set one first is as good: there is one for everything in this process that speaks TLS.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let base = endpoint.trim_end_matches('/');
        let failed = |why: &dyn std::fmt::Display| OtlpError {
            endpoint: endpoint.to_owned(),
            why: why.to_string(),
        };
        let resource = Resource::builder_empty()
            .with_service_name("aios")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_attribute(KeyValue::new("service.instance.id", node.to_owned()))
            .build();
        let mut spans = SpanExporter::builder()
            .with_http()
            .with_endpoint(format!("{base}/v1/traces"))
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(PATIENCE)
            .build()
            .map_err(|error| failed(&error))?;
        spans.set_resource(&resource);
        let sent = MetricExporter::builder()
            .with_http()
            .with_endpoint(format!("{base}/v1/metrics"))
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(PATIENCE)
            .build()
            .map_err(|error| failed(&error))?;
        let reader = PeriodicReader::builder(OnRuntime {
            runtime: Handle::current(),
            sent,
        });
        let provider = SdkMeterProvider::builder()
            .with_resource(resource)
            .with_reader(reader.with_interval(every).build())
            .build();
        instruments(&provider, figures);
        let waiting = Spans::default();
        let (flush, asked) = mpsc::channel(1);
        Ok(Self {
            sending: tokio::spawn(send(waiting.clone(), asked, spans)),
            spans: waiting,
            flush,
            figures: provider,
        })
    }

    /// Sends what there is, and ends.
    pub(crate) async fn end(&self) {
        let figures = self.figures.clone();
        // Flushing waits for a thread of its own.
        let flushed = tokio::task::spawn_blocking(move || figures.shutdown());
        let (sender, sent) = oneshot::channel();
        let all_sent = async {
            if self.flush.send(sender).await.is_ok() {
                let _ = sent.await;
            }
        };
        if tokio::time::timeout(PATIENCE, all_sent).await.is_err() {
            tracing::warn!("the last spans were not sent in time");
        }
        if !matches!(flushed.await, Ok(Ok(()))) {
            tracing::debug!("the last figures were not sent");
        }
        self.sending.abort();
    }
}

impl Drop for Otlp {
    fn drop(&mut self) {
        self.sending.abort();
    }
}

/// Sends spans as they come, a batch at a time.
async fn send(
    spans: Spans,
    mut asked: mpsc::Receiver<oneshot::Sender<()>>,
    exporter: SpanExporter,
) {
    let scope = InstrumentationScope::builder("aios")
        .with_version(env!("CARGO_PKG_VERSION"))
        .build();
    let mut silent = false;
    loop {
        let waits = tokio::select! {
            () = spans.come() => None,
            asked = asked.recv() => match asked {
                Some(waits) => Some(waits),
                None => return,
            },
        };
        let mut left = spans.take().into_iter();
        loop {
            let batch: Vec<SpanData> = { left.by_ref().take(BATCH) }
                .map(|span| written(span, &scope))
                .collect();
            let count = batch.len() as u64;
            if count == 0 {
                break;
            }
            match exporter.export(batch).await {
                Ok(()) => silent = false,
                Err(error) => {
                    metrics::counter!(metric::SPANS_DROPPED_TOTAL).increment(count);
                    // Said once, until it works again.
                    if !silent {
                        tracing::warn!(%error, "spans could not be sent");
                    }
                    silent = true;
                }
            }
        }
        if let Some(waits) = waits {
            let _ = waits.send(());
        }
    }
}

fn written(span: SpanSeen, scope: &InstrumentationScope) -> SpanData {
    let name = span.name();
    let SpanSeen {
        at,
        parent,
        operation,
        what: _,
        cause,
        agent,
        began,
        ended,
        attributes: said,
        error,
    } = span;
    let mut attributes = Vec::with_capacity(said.len() + 6);
    if let Some(cause) = cause {
        if let Some(agent) = agent.as_ref().and_then(Party::agent) {
            attributes.push(KeyValue::new("gen_ai.agent.name", agent.role().to_owned()));
            attributes.push(KeyValue::new("gen_ai.agent.id", agent.to_string()));
        }
        let conversation = cause.conversation.to_string();
        attributes.push(KeyValue::new("gen_ai.conversation.id", conversation));
        attributes.push(KeyValue::new("aios.message.act", cause.act.as_str()));
        let ontology = cause.ontology.into_iter();
        attributes.extend(ontology.map(|it| KeyValue::new("aios.message.ontology", it)));
    }
    if agent.is_some() {
        attributes.push(KeyValue::new("gen_ai.operation.name", operation));
    }
    let said = said.into_iter();
    attributes.extend(said.map(|(name, value)| attribute(name, value)));
    SpanData {
        span_context: SpanContext::new(
            TraceId::from_bytes(*at.trace_id()),
            SpanId::from_bytes(*at.span_id()),
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        ),
        parent_span_id: parent.map_or(SpanId::INVALID, SpanId::from_bytes),
        parent_span_is_remote: false,
        span_kind: match agent {
            Some(_) => SpanKind::Internal,
            None => SpanKind::Server,
        },
        name: name.into(),
        start_time: time(began),
        end_time: time(ended),
        attributes,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: error.map_or(Status::Unset, Status::error),
        instrumentation_scope: scope.clone(),
    }
}

/// Numbers where OpenTelemetry wants numbers.
fn attribute(name: &'static str, value: String) -> KeyValue {
    let whole = name.starts_with("gen_ai.usage.") || name == "aios.plan.tasks";
    if whole && let Ok(number) = value.parse::<i64>() {
        return KeyValue::new(name, number);
    }
    if name == "gen_ai.evaluation.score.value"
        && let Ok(number) = value.parse::<f64>()
    {
        return KeyValue::new(name, number);
    }
    KeyValue::new(name, value)
}

fn time(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(at.as_micros())
}

/// An instrument for each figure there is. All are begun when the node starts, so none comes later.
fn instruments(
    provider: &SdkMeterProvider,
    figures: impl Fn() -> Vec<Sample> + Send + Sync + 'static,
) {
    let meter = provider.meter("aios");
    let known: BTreeMap<String, Sort> = figures()
        .into_iter()
        .map(|sample| (sample.name, sample.sort))
        .collect();
    let taken: Arc<Taken> = Arc::new(Taken {
        figures: Box::new(figures),
        last: Mutex::default(),
    });
    for (name, sort) in known {
        let (taken, own) = (Arc::clone(&taken), name.clone());
        let observe = move |observer: &dyn opentelemetry::metrics::AsyncInstrument<f64>| {
            for (value, labels) in taken.of(&own) {
                observer.observe(value, &labels);
            }
        };
        match sort {
            Sort::Gauge => {
                meter
                    .f64_observable_gauge(name)
                    .with_callback(observe)
                    .build();
            }
            Sort::Counter | Sort::Histogram => {
                meter
                    .f64_observable_counter(name)
                    .with_callback(observe)
                    .build();
            }
        }
    }
}

/// Figures of one moment, shared by all instruments.
struct Taken {
    figures: Box<dyn Fn() -> Vec<Sample> + Send + Sync>,
    last: Mutex<Moment>,
}

#[derive(Default)]
struct Moment {
    samples: Vec<Sample>,
    /// The instruments that have had theirs.
    had: BTreeSet<String>,
}

impl Taken {
    /// Those of one name. Whoever asks a second time begins a new moment.
    fn of(&self, name: &str) -> Vec<(f64, Vec<KeyValue>)> {
        let mut last = self.last.lock();
        if last.had.contains(name) || last.samples.is_empty() {
            last.samples = (self.figures)();
            last.had.clear();
        }
        last.had.insert(name.to_owned());
        let own = last.samples.iter().filter(|sample| sample.name == name);
        own.map(|sample| {
            let labels = sample.labels.iter();
            let labels = labels.map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
            (sample.value, labels.collect())
        })
        .collect()
    }
}

/// Sends figures on the node's runtime: they are asked for by a thread that has none.
#[derive(Debug)]
struct OnRuntime {
    runtime: Handle,
    sent: MetricExporter,
}

impl PushMetricExporter for OnRuntime {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        Entered {
            runtime: &self.runtime,
            work: Box::pin(self.sent.export(metrics)),
        }
        .await
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.sent.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.sent.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.sent.temporality()
    }
}

/// Work that is driven elsewhere and belongs to a runtime all the same.
struct Entered<'a, F> {
    runtime: &'a Handle,
    work: Pin<Box<F>>,
}

impl<F: Future> Future for Entered<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let _entered = self.runtime.enter();
        self.work.as_mut().poll(context)
    }
}

#[cfg(test)]
mod tests {
    use aios_protocols::TraceContext;

    use super::*;

    #[test]
    fn of_a_trace_it_is_all_or_nothing_and_what_failed_is_always_kept() {
        let span = |agent: Option<&str>, last: u8, error: Option<&str>| SpanSeen {
            at: TraceContext::new(
                [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last],
                [1; 8],
                1,
            )
            .unwrap(),
            parent: None,
            operation: "x",
            what: String::new(),
            cause: None,
            agent: agent.map(|agent| agent.parse().unwrap()),
            began: Timestamp::since_epoch(Duration::ZERO),
            ended: Timestamp::since_epoch(Duration::ZERO),
            attributes: Vec::new(),
            error: error.map(str::to_owned),
        };
        for (agent, last, error, kept) in [
            (None, 7, None, true),
            (Some("macro.planner.001@l"), 7, None, true),
            (Some("meso.state.001@l"), 20, None, true),
            (Some("meso.state.001@l"), 7, None, false),
            (Some("meso.state.001@l"), 7, Some("it broke"), true),
            (Some("micro.page.001@l"), 20, None, false),
        ] {
            assert_eq!(
                is_sampled(&span(agent, last, error)),
                kept,
                "{agent:?} {last}"
            );
        }
    }
}
