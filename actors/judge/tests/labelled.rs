//! The labelled answers: each is judged as its label says, but for those named here, and never are fewer told rightly than before.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aios_judge::{Case, Criteria, Ground, Measured, judge};
use aios_tables::TableReader;
use aios_work::{Document, Material, Reader};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/critic")
}

fn material(base: &Path, name: &str) -> Material {
    let base = if name.starts_with("../") {
        folder()
    } else {
        base.to_owned()
    };
    let bytes = std::fs::read(base.join(name.trim_start_matches("../"))).unwrap();
    match TableReader.read(name, &bytes) {
        Some(read) => read.unwrap(),
        None => Material::Document(Document {
            name: name.to_owned(),
            text: String::from_utf8(bytes).unwrap(),
        }),
    }
}

fn measured(file: &Path) -> (Measured, Vec<String>) {
    let (measured, missed) = judged(file);
    let told = |(case, report): (Case, aios_judge::Report)| {
        format!("{} {:?} {:?}", case.id, case.defect, report.issues)
    };
    (measured, missed.into_iter().map(told).collect())
}

fn judged(file: &Path) -> (Measured, Vec<(Case, aios_judge::Report)>) {
    let base = file.parent().unwrap();
    let mut grounds: HashMap<(String, Option<String>), Arc<Ground>> = HashMap::new();
    let (mut measured, mut missed) = (Measured::default(), Vec::new());
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
        let approved = report.status == aios_judge::Status::Approved;
        if approved != (case.label.as_deref() == Some("good")) {
            missed.push((case.clone(), report.clone()));
        }
        measured.add(&case, report.status);
    }
    (measured, missed)
}

/// Answers that are still judged otherwise than they deserve: whoever mends one moves it to the others.
#[test]
fn what_is_known_to_be_missed_is_named() {
    let file = folder().join("open/cases.jsonl");
    let (measured, missed) = judged(&file);
    let all = measured.good + measured.borderline + measured.bad;
    let ids: Vec<&str> = missed.iter().map(|(case, _)| case.id.as_str()).collect();
    assert_eq!(
        ids.len(),
        all,
        "some are told rightly now; still missed are {ids:?}"
    );
}

#[test]
fn the_labelled_answers_are_told_apart() {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"))
        .collect();
    files.sort();
    assert!(files.len() > 2, "the sets are gone: {files:?}");
    for file in files {
        let (found, missed) = measured(&file);
        let shown = format!("{}: {found:?}\n{}", file.display(), missed.join("\n"));
        assert!(
            found.good + found.borderline > 10 && found.bad > 20,
            "{shown}"
        );
        assert_eq!(found.critical_approved, 0, "{shown}");
        assert!(found.precision() >= 0.95, "{shown}");
        assert!(found.recall() >= 0.95, "{shown}");
        assert!(found.good_share() >= 0.95, "{shown}");
        assert!(found.borderline_share() >= 0.85, "{shown}");
    }
}

/// The second to the fourth exam: by the misses of their halves, but for the last half of the third, the judge was mended; of that one only
/// totals were looked at. The halves of the fourth were told at first sight with a precision of 0.63 and 0.62 and a recall of 0.85 and 0.81.
/// The fifth was written before anything was mended by it. The sixth was written by somebody who had not seen the code; by the misses of one half the
/// judge was mended, and there are variations of its kinds; so it was with the seventh. The
/// eighth to the eleventh are of the make of the first cases, by four who had not seen the code. Never are fewer told rightly than before.
#[test]
fn the_exams_are_told_no_worse_than_before() {
    for (file, precision, recall, critical) in [
        ("second/dev", 0.94, 0.90, 4),
        ("second/final", 0.96, 0.90, 3),
        ("third/dev", 0.98, 0.95, 0),
        ("third/final", 0.90, 0.96, 0),
        ("fourth/dev", 0.98, 0.95, 0),
        ("fourth/final", 0.90, 0.92, 0),
        ("fifth/dev", 0.59, 0.65, 2),
        ("fifth/final", 0.86, 0.89, 0),
        ("sixth/cases", 1.0, 1.0, 0),
        ("sixth/final", 0.89, 0.97, 0),
        ("sixth/varied", 0.94, 0.91, 0),
        ("seventh/cases", 0.97, 0.93, 0),
        ("seventh/varied", 0.97, 0.97, 2),
        ("eighth/cases", 0.98, 0.98, 0),
        ("eighth/varied", 0.97, 0.98, 0),
        ("ninth/cases", 0.98, 0.98, 0),
        ("tenth/cases", 0.95, 0.98, 0),
        ("eleventh/cases", 0.95, 0.98, 0),
    ] {
        let (found, missed) = measured(&folder().join(format!("{file}.jsonl")));
        let unseen = matches!(file, "third/final" | "fifth/final");
        let missed = if unseen { Vec::new() } else { missed };
        let shown = format!("{file}: {found:?}\n{}", missed.join("\n"));
        assert!(found.precision() >= precision, "{shown}");
        assert!(found.recall() >= recall, "{shown}");
        assert!(found.critical_approved <= critical, "{shown}");
    }
}

/// No table tells why something is so, but what stands beside it may.
#[test]
fn a_reason_that_a_document_tells_beside_a_table_is_told() {
    let table = TableReader.read("orders.csv", b"Month,Orders\n2026-01,30\n2026-02,12\n");
    let table = table.unwrap().unwrap();
    let memo = Material::Document(Document {
        name: "memo.md".to_owned(),
        text: "Orders fell in February because the oven was broken.".to_owned(),
    });
    let unknowable = |materials: &[Material]| {
        let goal = "Does the file say why orders fell?";
        let ground = Ground::new(goal, materials, Vec::new());
        let answer = "Yes, the oven was broken in February.";
        let report = judge(answer, &ground, &Criteria::default(), &[]);
        let mut issues = report.issues.iter();
        issues.any(|issue| issue.description == "no table tells a reason")
    };
    assert!(unknowable(std::slice::from_ref(&table)));
    assert!(!unknowable(&[table, memo]));
}
