//! Memory, each subject in a process of its own: what one subject frees, the next would find for nothing.

use std::{io::Write, process::Command};

use super::{
    CHILDREN, Fault,
    agent::{self, AGENTS},
    bare, on_one_thread, ours,
};
use crate::meter::{grown_since, resident};

/// Tells a fresh copy of this program to be one subject; says which.
const SUBJECT: &str = "AIOS_BENCH_SUPERVISION_SUBJECT";

/// Restarts after which the heap has to be what it was.
pub(super) const MANY_RESTARTS: usize = 1_000_000;

/// When this process is to be a subject: measures it, says the figure, and ends the process.
pub(super) fn be_the_subject_if_told() -> Result<(), Fault> {
    let Ok(subject) = std::env::var(SUBJECT) else {
        return Ok(());
    };
    let figure = match subject.as_str() {
        "ours" => per_child(CHILDREN, ours::populate(CHILDREN))?,
        "bare" => per_child(CHILDREN, bare::populate(CHILDREN))?,
        "agent" => per_child(AGENTS, agent::populate(AGENTS))?,
        "restarts" => on_one_thread(ours::growth(MANY_RESTARTS))?,
        #[cfg(feature = "peers")]
        "kameo" => per_child(CHILDREN, super::kameo::populate(CHILDREN))?,
        #[cfg(feature = "peers")]
        "actix" => super::actix::bytes_per_actor(CHILDREN)?,
        other => return Err(format!("no subject is called {other:?}").into()),
    };
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{figure}")?;
    out.flush()?;
    // The children still run and nobody waits for them.
    std::process::exit(0)
}

fn per_child(
    count: usize,
    populate: impl Future<Output = Result<(), Fault>>,
) -> Result<f64, Fault> {
    on_one_thread(async {
        let before = resident();
        populate.await?;
        // Everybody has started and waits.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        Ok(grown_since(before) / count as f64)
    })
}

/// The figure of one subject, measured in a fresh copy of this program; `None` where the kernel does not tell.
pub(super) fn of(subject: &str) -> Result<Option<f64>, Fault> {
    if resident() == 0 {
        return Ok(None);
    }
    let output = Command::new(std::env::current_exe()?)
        .args(std::env::args().skip(1))
        .env(SUBJECT, subject)
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let text = String::from_utf8(output.stdout)?;
    let last = text.lines().last().unwrap_or_default();
    Ok(Some(last.trim().parse()?))
}
