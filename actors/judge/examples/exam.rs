//! Judges sets of labelled answers: `exam [--misses] CASES.jsonl...` prints totals, and with `--misses` what was told wrongly and why.
//!
//! Without `--misses` nothing of an answer is printed, so that a set that nobody looks at stays so.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use aios_judge::{Case, Criteria, Ground, Measured, Status, judge};
use aios_tables::TableReader;
use aios_work::{Document, Material, Reader};

fn material(base: &Path, name: &str) -> Material {
    let bytes = std::fs::read(base.join(name)).unwrap();
    match TableReader.read(name, &bytes) {
        Some(read) => read.unwrap(),
        None => Material::Document(Document {
            name: name.to_owned(),
            text: String::from_utf8(bytes).unwrap(),
        }),
    }
}

fn main() {
    let (flags, files): (Vec<String>, Vec<String>) = std::env::args()
        .skip(1)
        .partition(|word| word.starts_with("--"));
    let misses = flags.iter().any(|flag| flag == "--misses");
    for file in &files {
        exam(Path::new(file), misses);
    }
}

fn exam(file: &Path, misses: bool) {
    let base = file.parent().unwrap();
    let mut grounds: HashMap<(String, Option<String>), Arc<Ground>> = HashMap::new();
    let (mut measured, mut checks) = (Measured::default(), BTreeMap::<String, usize>::new());
    for line in std::fs::read_to_string(file).unwrap().lines() {
        let case: Case = serde_json::from_str(line).unwrap();
        let key = (case.goal.clone(), case.data_file.clone());
        let ground = Arc::clone(grounds.entry(key).or_insert_with(|| {
            let materials: Vec<Material> = case
                .data_file
                .iter()
                .map(|name| material(base, name))
                .collect();
            Arc::new(Ground::new(&case.goal, &materials, Vec::new()))
        }));
        let report = judge(&case.answer, &ground, &Criteria::default(), &[]);
        measured.add(&case, report.status);
        let good = case.label.as_deref() == Some("good");
        if good == (report.status == Status::Approved) {
            continue;
        }
        if good {
            let first = report.issues.iter().find_map(|issue| issue.check.clone());
            *checks
                .entry(first.unwrap_or_else(|| format!("{:?}", report.status)))
                .or_default() += 1;
        }
        if misses {
            println!(
                "## {} {} {} {} | {} | {}\nG: {}\nA: {}\n=> {:?} {:?}",
                case.id,
                case.label.as_deref().unwrap_or(""),
                case.defect.as_deref().unwrap_or(""),
                case.severity.as_deref().unwrap_or(""),
                case.note.as_deref().unwrap_or(""),
                case.data_file.as_deref().unwrap_or(""),
                case.goal,
                case.answer,
                report.status,
                report.unable,
            );
            for issue in &report.issues {
                println!(
                    "   - {:?} {:?}: {} @{:?} {:?}",
                    issue.severity, issue.check, issue.description, issue.location, issue.evidence
                );
            }
        }
    }
    println!(
        "{}: precision {:.3} recall {:.3}; good {}/{}, borderline {}/{}, bad refused {}/{}, critical approved {}; wrongly refused by {checks:?}",
        file.display(),
        measured.precision(),
        measured.recall(),
        measured.good_passed,
        measured.good,
        measured.borderline_passed,
        measured.borderline,
        measured.bad_refused,
        measured.bad,
        measured.critical_approved,
    );
}
