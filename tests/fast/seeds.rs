//! Every input that a fuzzer was given or found, and mutations of them, against the rules of its decoder. The fuzzers themselves run in the
//! slow suite; see `docs/guide/fuzzing.md`.

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
