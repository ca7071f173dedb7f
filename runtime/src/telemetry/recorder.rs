//! The figures of this process. There is one recorder for all nodes of a process, because the `metrics` crate has one; whoever embeds a
//! node and has set another keeps it, and then the node has no figures of its own to show.

use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// How often what was recorded is put together. Histograms would hold every value until somebody reads them otherwise.
const UPKEEP: Duration = Duration::from_secs(5);

/// Bounds of durations, in seconds: from a message on its way to a goal that takes minutes.
const SECONDS: [f64; 18] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0,
    5.0, 15.0, 60.0, 300.0,
];
/// Bounds of scores; the Critic's own lie at 0.60 and 0.85.
const SCORES: [f64; 8] = [0.2, 0.4, 0.6, 0.7, 0.8, 0.85, 0.95, 1.0];

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

fn install() -> Option<PrometheusHandle> {
    let build = || -> Result<_, BuildError> {
        Ok(PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
            .set_buckets_for_metric(Matcher::Suffix("_score".to_owned()), &SCORES)?
            .build_recorder())
    };
    let recorder = build()
        .inspect_err(|error| tracing::error!(%error, "figures cannot be kept"))
        .ok()?;
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_err() {
        tracing::warn!("this process keeps its figures elsewhere already; the node shows none");
        return None;
    }
    let kept = handle.clone();
    let upkeep = thread::Builder::new()
        .name("figures".to_owned())
        .spawn(move || {
            loop {
                thread::sleep(UPKEEP);
                kept.run_upkeep();
            }
        });
    if let Err(error) = upkeep {
        tracing::error!(%error, "figures are put together only when they are read");
    }
    Some(handle)
}

/// The recorder of this process; the first who asks sets it.
pub(crate) fn recorder() -> Option<&'static PrometheusHandle> {
    RECORDER.get_or_init(install).as_ref()
}
