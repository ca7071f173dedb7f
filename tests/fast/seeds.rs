//! Every input that a fuzzer was given or found, and mutations of them, against the rules of its decoder. The fuzzers themselves run in the
//! slow suite; see `docs/guide/fuzzing.md`.

use std::collections::BTreeSet;
use std::path::Path;

use crate::fuzz::TARGETS;
use crate::replay::replay;

/// Mutations of the seeds of a target, as many as take about a second.
fn mutations(target: &str) -> usize {
    match target {
        // By way of files and a database.
        "table" | "query" => 300,
        "document" | "config" | "goal" => 1_000,
        _ => 4_000,
    }
}

#[test]
fn every_kept_seed_and_its_mutations_keep_the_rules_of_their_decoder() {
    std::thread::scope(|scope| {
        for (target, body) in TARGETS {
            scope.spawn(move || replay(target, *body, mutations(target)));
        }
    });
}

/// The names in a folder below `tests/fuzz`, without endings.
fn names(folder: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz")
        .join(folder);
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect()
}

#[test]
fn every_target_has_a_fuzzer_seeds_and_a_line_in_the_guide() {
    let fuzzers = names("fuzz_targets");
    assert_eq!(fuzzers, names("seeds"));
    for (target, _) in TARGETS {
        assert!(
            fuzzers.contains(*target),
            "{target} has no file in fuzz_targets"
        );
    }
    let manifest = include_str!("../fuzz/Cargo.toml");
    let guide = include_str!("../../docs/guide/fuzzing.md");
    for target in &fuzzers {
        let bin = format!("[[bin]]\nname = \"{target}\"\n");
        assert!(manifest.contains(&bin), "{target} has no [[bin]]");
        assert!(
            guide.contains(&format!("| `{target}` |")),
            "{target} is not in the guide"
        );
    }
}
