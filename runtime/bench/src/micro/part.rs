//! Parts of the measurement in processes of their own: this program starts itself again with the same arguments and the part's
//! name in its environment, and reads the figures from the last line of what it prints.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::Command;

use tokio::runtime::{Builder, Runtime};

use crate::{BenchError, Samples};

/// Names the part that this process is to measure.
const ASKED: &str = "AIOS_BENCH_MICRO_PART";

/// What one part found.
pub(crate) type Found = BTreeMap<String, f64>;
pub(crate) type Outcome = Result<Found, Box<dyn std::error::Error + Send + Sync>>;
/// Its name, and how it is measured at one `scale`-th of its size.
pub(crate) type Part = (&'static str, fn(u64) -> Outcome);

/// The values of every figure, one a round.
#[derive(Debug, Default)]
pub(crate) struct Figures(BTreeMap<String, (Samples, f64)>);

impl Figures {
    pub(crate) fn add(&mut self, found: Found) {
        for (name, value) in found {
            let (samples, worst) = self.0.entry(name).or_insert((Samples::new(), f64::MIN));
            samples.push(value);
            *worst = worst.max(value);
        }
    }

    /// The median; not a number if nobody measured it.
    pub(crate) fn get(&self, name: &str) -> f64 {
        self.0
            .get(name)
            .map_or(f64::NAN, |(samples, _)| samples.median())
    }

    /// The largest; not a number if nobody measured it.
    pub(crate) fn worst(&self, name: &str) -> f64 {
        self.0.get(name).map_or(f64::NAN, |(_, worst)| *worst)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Samples)> {
        self.0.iter().map(|(name, (samples, _))| (name, samples))
    }
}

/// What a part runs on.
pub(crate) fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
}

pub(crate) fn asked_for() -> Option<String> {
    std::env::var(ASKED).ok()
}

/// Measures one part, prints its figures and ends the process.
pub(crate) fn answer_and_leave(parts: &[Part], name: &str) -> ! {
    // Otherwise each of the panics that are measured would be printed.
    aios_micro::quiet_agent_panics();
    let scale = if cfg!(debug_assertions) { 20 } else { 1 };
    let found = match parts.iter().find(|(part, _)| *part == name) {
        Some((_, measure)) => measure(scale),
        None => Err(format!("there is no part {name:?}").into()),
    };
    let printed = found.and_then(|found| {
        let line = serde_json::to_string(&found)?;
        Ok(writeln!(std::io::stdout(), "\n{line}")?)
    });
    if let Err(error) = &printed {
        let _ = writeln!(std::io::stderr(), "part {name}: {error}");
    }
    std::process::exit(i32::from(printed.is_err()))
}

pub(crate) fn in_a_process(name: &str) -> Result<Found, BenchError> {
    let broke = |why: String| BenchError(format!("part {name}: {why}"));
    let output = std::env::current_exe()
        .and_then(|program| {
            Command::new(program)
                .args(std::env::args_os().skip(1))
                .env(ASKED, name)
                .output()
        })
        .map_err(|error| broke(error.to_string()))?;
    if !output.status.success() {
        return Err(broke(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().rev().find(|line| !line.is_empty());
    serde_json::from_str(last.unwrap_or_default()).map_err(|error| broke(error.to_string()))
}
