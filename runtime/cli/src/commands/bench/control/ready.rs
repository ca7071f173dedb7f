//! How soon `aios serve` says that it is ready, without a model, and how much memory it holds then.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use aios_bench::{Bar, BenchError, Report, Samples};

use super::super::failed;

/// The most it may take, and hold.
const READY_MOST_MS: f64 = 150.0;
const RESIDENT_MOST_MB: f64 = 60.0;

/// A process that is ended when it is dropped.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Milliseconds until it was ready, and megabytes that it holds then.
fn served() -> Result<(f64, f64), BenchError> {
    let folder = tempfile::tempdir().map_err(failed)?;
    let begun = Instant::now();
    let child = Command::new(std::env::current_exe().map_err(failed)?)
        .args([
            "serve",
            "--http",
            "127.0.0.1:0",
            "--json",
            "--engine",
            "scripted",
        ])
        .current_dir(folder.path())
        .env("AIOS_DOOR_FOLDER", folder.path().join("doors"))
        .env_remove("AIOS_CONFIG")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    let mut served = Served(child);
    let mut line = String::new();
    if let Some(out) = served.0.stdout.take() {
        BufReader::new(out).read_line(&mut line).map_err(failed)?;
    }
    let took = begun.elapsed().as_secs_f64() * 1e3;
    if !line.contains("\"http\"") {
        return Err(BenchError(format!("it did not become ready: {line}")));
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", served.0.id()));
    let resident = status.unwrap_or_default();
    let resident = resident
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    // Where the system does not tell it is nothing that a bar could hold.
    Ok((took, resident.map_or(f64::NAN, |kib| kib / 1024.0)))
}

pub(super) fn measure(report: &mut Report, rounds: u32) -> Result<(), BenchError> {
    let [mut took, mut holds] = [const { Samples::new() }; 2];
    for _ in 0..rounds {
        let (ms, mb) = served()?;
        took.push(ms);
        holds.push(mb);
    }
    report.figure("serve_ready_ms", took.median());
    report.figure("serve_resident_mb", holds.median());
    report.bar(Bar::at_most(
        "serve_ready",
        "`aios serve` is ready without a model within this",
        took.median(),
        READY_MOST_MS,
        "ms",
    ));
    report.bar(Bar::at_most(
        "serve_resident",
        "and holds no more memory than this",
        holds.median(),
        RESIDENT_MOST_MB,
        "MB",
    ));
    Ok(())
}
