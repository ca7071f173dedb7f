//! Every fuzz target for a minute (`AIOS_FUZZ_SECONDS` for another time), from the kept seeds on.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What is missing, and how it is got.
const NEEDED: &str = "fuzzing needs cargo-fuzz (`cargo install cargo-fuzz --locked`) and a C++ compiler (Debian: `apt-get install g++`)";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// `cargo fuzz` in its own folder, with the options that every call has.
fn cargo_fuzz(verb: &str) -> Command {
    let mut command = Command::new("cargo");
    command
        .current_dir(folder())
        // Set by the test runner for this workspace, not for that one.
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("RUSTFLAGS")
        .args(["fuzz", verb, "--fuzz-dir", ".", "--sanitizer", "none"]);
    command
}

fn done(mut command: Command, what: &str) {
    let status = command
        .status()
        .unwrap_or_else(|error| panic!("{what}: {error}; {NEEDED}"));
    assert!(status.success(), "{what}: {status}");
}

#[test]
fn every_fuzz_target_runs_for_a_minute_and_finds_nothing() {
    let seconds = std::env::var("AIOS_FUZZ_SECONDS").unwrap_or_else(|_| "60".to_owned());
    let version = Command::new("cargo").args(["fuzz", "--version"]).output();
    assert!(
        version.is_ok_and(|version| version.status.success()),
        "cargo fuzz is not installed; {NEEDED}"
    );
    done(
        cargo_fuzz("build"),
        &format!("the targets do not build; {NEEDED}"),
    );

    let mut targets: Vec<String> = std::fs::read_dir(folder().join("fuzz_targets"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter_map(|file| Some(file.file_stem()?.to_str()?.to_owned()))
        .collect();
    targets.sort();
    assert!(!targets.is_empty());
    for target in &targets {
        let (seeds, corpus) = (
            Path::new("seeds").join(target),
            Path::new("corpus").join(target),
        );
        assert!(
            folder().join(&seeds).is_dir(),
            "{target} has no seeds in tests/fuzz/seeds"
        );
        std::fs::create_dir_all(folder().join(&corpus)).unwrap();
        let mut run = cargo_fuzz("run");
        run.arg(target)
            // What is found goes into the first folder; the kept seeds stay as they are.
            .args([&corpus, &seeds])
            .arg("--")
            .arg(format!("-max_total_time={seconds}"))
            .args(["-max_len=65536", "-timeout=20", "-rss_limit_mb=1024"]);
        let kept = format!(
            "{target} breaks a rule; keep the input that is named above in tests/fuzz/seeds/{target}"
        );
        done(run, &kept);
    }
}
