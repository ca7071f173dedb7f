//! How well the judge tells good answers from bad ones, on the labelled set that grows with each miss.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aios_bench::{Bar, BenchError, Report};
use aios_judge::{Criteria, Measured};

use super::failed;
use crate::commands::judge::{Bench, cases};

/// The labelled set, and where it may be named.
const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/critic");
const NAMED: &str = "AIOS_BENCH_CRITIC";

pub(super) fn run(rounds: u32) -> Result<Report, BenchError> {
    let mut report = Report::begin("critic");
    let folder = std::env::var_os(NAMED).map_or_else(|| PathBuf::from(CASES), PathBuf::from);
    let files: Vec<PathBuf> = files(&folder)?;
    let mut measured = Measured::default();
    let mut sets: Vec<(String, Measured)> = Vec::new();
    let (mut spent, mut count, mut bytes) = (0.0, 0_u32, 0_usize);
    // Each judgement by itself, and what each part of it takes in all.
    let mut times: Vec<f64> = Vec::new();
    let mut parts: BTreeMap<&'static str, f64> = BTreeMap::new();
    for round in 0..rounds {
        for file in &files {
            let mut bench = Bench::new(file);
            let mut set = Measured::default();
            for case in cases(file).map_err(|failure| failed(failure.sentence()))? {
                let case = case.map_err(|failure| failed(failure.sentence()))?;
                let before = bench.spent;
                let judged = bench
                    .judge(&case, &Criteria::default())
                    .map_err(|failure| failed(failure.sentence()))?;
                times.push((bench.spent - before).as_secs_f64() * 1e3);
                if round == 0 {
                    let timed = bench
                        .profile(&case, &Criteria::default())
                        .map_err(|failure| failed(failure.sentence()))?;
                    for (part, time) in timed {
                        *parts.entry(part).or_default() += time.as_secs_f64() * 1e3;
                    }
                    measured.add(&case, judged.status);
                    set.add(&case, judged.status);
                }
                count += 1;
                bytes += case.answer.len();
            }
            if round == 0 {
                sets.push((name(&folder, file), set));
            }
            spent += bench.spent.as_secs_f64() * 1e3;
        }
    }
    if count == 0 {
        return Err(failed(format!(
            "{} holds no cases; name a folder with {NAMED}",
            folder.display()
        )));
    }
    let each = spent / f64::from(count);
    report.figure("answers_count", f64::from(count / rounds));
    report.figure("good_count", measured.good as f64);
    report.figure("borderline_count", measured.borderline as f64);
    report.figure("bad_count", measured.bad as f64);
    report.figure("answer_bytes_mean", bytes as f64 / f64::from(count));
    report.figure("judgement_ms_mean", each);
    times.sort_by(f64::total_cmp);
    let at = |share: usize| times.get((times.len() * share / 100).min(times.len() - 1));
    for (name, share) in [("judgement_ms_p50", 50), ("judgement_ms_p99", 99)] {
        report.figure(name, at(share).copied().unwrap_or(f64::NAN));
    }
    for (part, time) in &parts {
        report.figure(
            format!("part_ms_{part}"),
            time * f64::from(rounds) / f64::from(count),
        );
    }
    for (name, set) in &sets {
        report.figure(format!("{name}_precision"), set.precision());
        report.figure(format!("{name}_recall"), set.recall());
        report.figure(format!("{name}_good"), set.good_share());
        report.figure(format!("{name}_borderline"), set.borderline_share());
    }
    report.bar(Bar::at_least(
        "precision",
        "refused answers that are bad",
        measured.precision(),
        0.90,
        "of refused",
    ));
    report.bar(Bar::at_least(
        "recall",
        "bad answers that are refused",
        measured.recall(),
        0.90,
        "of bad",
    ));
    report.bar(Bar::at_least(
        "good",
        "good answers that pass",
        measured.good_share(),
        0.90,
        "of good",
    ));
    report.bar(Bar::at_least(
        "borderline",
        "good answers that are hard to tell and pass",
        measured.borderline_share(),
        0.85,
        "of borderline",
    ));
    report.bar(Bar::at_most(
        "critical",
        "answers with a critical defect that pass",
        measured.critical_approved as f64,
        0.0,
        "answers",
    ));
    report.bar(Bar::at_most(
        "time",
        "a judgement without a model",
        each,
        1.0,
        "ms",
    ));
    Ok(report)
}

/// What a set is called: its file, or its folder where all are called the same.
fn name(folder: &Path, file: &Path) -> String {
    let inner = file.strip_prefix(folder).unwrap_or(file);
    let of = inner.with_extension("");
    let parts = of
        .components()
        .map(|part| part.as_os_str().to_string_lossy());
    let parts: Vec<_> = parts.filter(|part| part != "cases").collect();
    parts.join("_")
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, BenchError> {
    let found = std::fs::read_dir(folder).map_err(|error| {
        failed(format!(
            "{} cannot be read: {error}; name a folder with {NAMED}",
            folder.display()
        ))
    })?;
    let mut files: Vec<PathBuf> = found
        .filter_map(|entry| Some(entry.ok()?.path()))
        // A set that is known to be missed says nothing of how good the judge is; one that nobody has tuned on says most.
        .flat_map(
            |path| match path.file_name().and_then(std::ffi::OsStr::to_str) {
                Some("unseen") => vec![path.join("cases.jsonl")],
                Some("second" | "third") => vec![path.join("dev.jsonl"), path.join("final.jsonl")],
                _ => vec![path],
            },
        )
        .filter(|path| path.extension().is_some_and(|ending| ending == "jsonl") && path.is_file())
        .filter(|path| !path.ends_with("facts.jsonl"))
        .collect();
    files.sort();
    Ok(files)
}
