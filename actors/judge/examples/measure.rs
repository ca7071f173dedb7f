//! Judges a file of labelled cases and says how well: `measure CASES.jsonl [--all]`.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::collections::HashMap;
use std::path::Path;
use std::time::Instant;

use aios_judge::{Case, Criteria, Ground, Measured, Status, judge};
use aios_tables::TableReader;
use aios_work::{Document, Material, Reader};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().expect("measure CASES.jsonl [--all]");
    let all = arguments.next().is_some();
    let folder = Path::new(&file).parent().unwrap().to_owned();
    let mut grounds: HashMap<(String, Option<String>), Ground> = HashMap::new();
    let mut measured = Measured::default();
    let (mut spent, mut count) = (0.0, 0);
    for line in std::fs::read_to_string(&file).unwrap().lines().filter(|line| !line.trim().is_empty()) {
        let case: Case = serde_json::from_str(line).unwrap();
        let ground = grounds.entry((case.goal.clone(), case.data_file.clone())).or_insert_with(|| {
            let materials: Vec<Material> = case.data_file.iter().map(|name| {
                let bytes = std::fs::read(folder.join(name)).unwrap();
                match TableReader.read(name, &bytes) {
                    Some(read) => read.unwrap(),
                    None => Material::Document(Document { name: name.clone(), text: String::from_utf8_lossy(&bytes).into_owned() }),
                }
            }).collect();
            Ground::new(&case.goal, &materials, Vec::new())
        });
        let started = Instant::now();
        let report = judge(&case.answer, ground, &Criteria::default(), &[]);
        spent += started.elapsed().as_secs_f64();
        count += 1;
        measured.add(&case, report.status);
        let right = (report.status == Status::Approved) == (case.label.as_deref() == Some("good"));
        if !right || all {
            println!("{} {} {:?} label={:?} defect={:?} note={:?}", if right { "ok   " } else { "WRONG" }, case.id, report.status, case.label, case.defect, case.note);
            if !right {
                println!("   goal: {}\n   answer: {}", case.goal, case.answer.replace('\n', "\n           "));
            }
            for issue in &report.issues {
                println!("      {:?} {:?}: {} @ {:?} [{}]", issue.severity, issue.check, issue.description, issue.location, issue.evidence.as_deref().unwrap_or(""));
            }
            for unable in &report.unable {
                println!("      unable {}: {}", unable.check, unable.why);
            }
        }
    }
    println!("precision {:.3} recall {:.3} good {:.3} borderline {:.3} critical approved {} ({measured:?}); {:.3} ms each", measured.precision(), measured.recall(), measured.good_share(), measured.borderline_share(), measured.critical_approved, spent * 1e3 / count as f64);
}
