//! `docs/supervision-rules.md` names tests of this crate; each of them exists, and each row has a test or a reason.

#![allow(clippy::unwrap_used)]

use std::{collections::HashSet, fs, path::Path};

const TABLE: &str = include_str!("../../docs/supervision-rules.md");

/// Names of all functions that are marked as tests below a folder.
fn tests_below(folder: &Path, names: &mut HashSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests_below(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let mut marked = false;
            for line in fs::read_to_string(&path).unwrap().lines() {
                let line = line.trim();
                let name = line
                    .trim_start_matches("async ")
                    .strip_prefix("fn ")
                    .and_then(|rest| rest.split('(').next());
                match name {
                    Some(name) if marked => {
                        names.insert(name.to_string());
                        marked = false;
                    }
                    Some(_) => marked = false,
                    None => {
                        marked |= line.starts_with("#[test]") || line.starts_with("#[tokio::test")
                    }
                }
            }
        }
    }
}

#[test]
fn every_rule_has_a_test_that_exists_or_a_reason() {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut names = HashSet::new();
    tests_below(&crate_folder.join("src"), &mut names);
    tests_below(&crate_folder.join("tests"), &mut names);
    assert!(names.len() > 100, "{} tests found", names.len());
    let mut rows = 0;
    // The differences on purpose have a table of their own, which `differential` holds against the traces.
    let (_, table) = TABLE.split_once("\n## OTP\n").unwrap();
    for line in table.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [case, here] = cells.as_slice() else {
            panic!("not two columns: {line}");
        };
        if *here == "here" {
            continue;
        }
        rows += 1;
        if let Some(reason) = here.strip_prefix("differs: ") {
            assert!(reason.len() > 20, "{case}: say why");
        } else {
            let named: Vec<&str> = here.split('`').skip(1).step_by(2).collect();
            assert!(!named.is_empty(), "{case}: no test and no reason");
            for name in named {
                assert!(names.contains(name), "{case}: there is no test `{name}`");
            }
        }
    }
    assert!(rows > 60, "{rows} rows");
}
