//! What an operator reads of a node: figures in Prometheus' form, what of them is unusual, traces and figures by OTLP.
//!
//! All of it is taken from what is counted anyway. `recorder` keeps the figures of this process (feature `telemetry`), `samples` reads them,
//! `unusual` finds what does not fit the last five minutes, `otlp` sends them where the configuration says (and nowhere else).

#[cfg(feature = "telemetry")]
pub(crate) mod otlp;
#[cfg(feature = "telemetry")]
pub(crate) mod recorder;
pub(crate) mod samples;
pub(crate) mod unusual;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::node::Node;
use samples::Sample;
use unusual::History;

/// How often figures are taken for what is unusual: thirty in five minutes.
const BEAT: Duration = Duration::from_secs(10);

/// What a node has seen of its own figures.
#[derive(Default)]
pub(crate) struct Telemetry {
    history: Mutex<History>,
    #[cfg(feature = "telemetry")]
    otlp: std::sync::OnceLock<otlp::Otlp>,
}

impl Telemetry {
    fn take(&self, samples: &[Sample]) {
        self.history.lock().take(samples);
    }

    /// Sends what there is to send, and no more.
    pub(crate) async fn end(&self) {
        #[cfg(feature = "telemetry")]
        if let Some(otlp) = self.otlp.get() {
            otlp.end().await;
        }
    }

    /// What does not fit the last five minutes.
    pub(crate) fn unusual(&self) -> Vec<aios_control::Unusual> {
        self.history.lock().unusual()
    }
}

impl Node {
    /// The figures of this process in Prometheus' text form; none if none are kept.
    pub(crate) fn figures(&self) -> Option<String> {
        #[cfg(feature = "telemetry")]
        if self.config().telemetry.metrics {
            let recorder = recorder::recorder()?;
            crate::measure::look(self);
            return Some(recorder.render());
        }
        None
    }
}

impl Node {
    /// The figures whose name begins so, for the contract.
    pub(crate) fn figures_of(&self, prefix: &str) -> Vec<aios_control::Figure> {
        let samples = self.figures().map(|text| samples::read(&text));
        let samples = samples.unwrap_or_default().into_iter();
        let chosen = samples.filter(|sample| sample.name.starts_with(prefix));
        chosen
            .map(|sample| aios_control::Figure {
                name: sample.name,
                labels: sample.labels.into_iter().collect(),
                value: sample.value,
                grows: sample.sort != samples::Sort::Gauge,
            })
            .collect()
    }
}

/// Begins what the configuration asks for, of a node that stands.
///
/// # Errors
/// What cannot be begun.
#[cfg(feature = "telemetry")]
pub(crate) fn begin(parts: &Arc<crate::node::Parts>) -> Result<(), otlp::OtlpError> {
    let asked = &parts.config.telemetry;
    if asked.metrics {
        let stopping = parts.stopping.subscribe();
        tokio::spawn(follow(Arc::downgrade(parts), stopping));
    }
    if !asked.otlp.is_empty() {
        let node = Arc::downgrade(parts);
        let figures = move || {
            let node = node.upgrade().map(Node::from_parts);
            let text = node.and_then(|node| node.figures());
            text.map(|text| samples::read(&text)).unwrap_or_default()
        };
        let every = Duration::from_millis(asked.otlp_interval_ms);
        let name = &parts.config.node.zone;
        let otlp = otlp::Otlp::begin(&asked.otlp, name, every, figures)?;
        parts.lookout.trace_to(otlp.spans.clone());
        let _ = parts.telemetry.otlp.set(otlp);
    }
    Ok(())
}

/// Looks at the node's figures again and again, as long as it runs. It holds nothing of the node while it waits.
pub(crate) async fn follow(
    node: std::sync::Weak<crate::node::Parts>,
    mut stopping: tokio::sync::watch::Receiver<bool>,
) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(BEAT) => {}
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
        let Some(node) = node.upgrade().map(Node::from_parts) else {
            return;
        };
        // Written out and read again off the threads that agents run on.
        let looked = tokio::task::spawn_blocking(move || {
            if let Some(text) = node.figures() {
                node.parts.telemetry.take(&samples::read(&text));
            }
        });
        if looked.await.is_err() {
            tracing::warn!("the node's figures could not be taken");
        }
    }
}
