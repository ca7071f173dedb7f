//! A process that dies in the middle of its steps: the next one runs what was not committed, and nothing else.
#![cfg(feature = "sled")]

use std::process::Command;
use std::sync::Arc;

use aios_memory::{Begin, SledStore, StepLog};

const FOLDER: &str = "AIOS_TEST_STEP_FOLDER";
const CRASH_AT: &str = "AIOS_TEST_CRASH_AT";
const STEPS: usize = 6;

/// Runs all steps; each run leaves a mark in the folder before its commit, as a tool's effect would.
fn run_steps(folder: &std::path::Path, crash_at: Option<usize>) {
    let log = StepLog::new(Arc::new(
        SledStore::open(folder.join("store")).expect("the store opens"),
    ));
    for number in 0..STEPS {
        let operation = format!("goal/{number}");
        let step = match log.begin(&operation, 1).expect("begin works") {
            Begin::Committed(result) => {
                assert_eq!(
                    result,
                    operation.as_bytes(),
                    "the result is the one that was committed"
                );
                continue;
            }
            Begin::Fresh(step) | Begin::Pending { step, .. } => step,
        };
        let mark = folder.join(format!("ran-{number}"));
        let runs = std::fs::read(&mark).unwrap_or_default().len();
        std::fs::write(&mark, vec![b'x'; runs + 1]).expect("the effect is written");
        if crash_at == Some(number) {
            // Neither destructors nor buffers of this process get a chance, as with a kill.
            std::process::abort();
        }
        step.commit(operation.as_bytes()).expect("commit works");
    }
}

/// Not a test of its own: the process that is killed.
#[test]
fn victim() {
    let Ok(folder) = std::env::var(FOLDER) else {
        return;
    };
    let crash_at = std::env::var(CRASH_AT).ok().and_then(|at| at.parse().ok());
    run_steps(folder.as_ref(), crash_at);
}

#[test]
fn a_step_committed_before_a_crash_is_not_run_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let crashes = [Some(0), Some(2), Some(3), Some(5), None];
    for crash_at in crashes {
        let mut victim = Command::new(std::env::current_exe().expect("this test"));
        victim
            .args(["--exact", "victim", "--quiet"])
            .env(FOLDER, folder.path());
        victim.env(
            CRASH_AT,
            crash_at.map_or(String::new(), |at: usize| at.to_string()),
        );
        let ended = victim.output().expect("the victim runs");
        assert_eq!(
            ended.status.success(),
            crash_at.is_none(),
            "{}",
            String::from_utf8_lossy(&ended.stderr)
        );
    }
    for number in 0..STEPS {
        let runs = std::fs::read(folder.path().join(format!("ran-{number}")))
            .expect("it ran")
            .len();
        // Once, and once more for each crash between its effect and its commit.
        let expected = 1 + crashes
            .iter()
            .filter(|crash| **crash == Some(number))
            .count();
        assert_eq!(runs, expected, "step {number}");
    }
    let log = StepLog::new(Arc::new(
        SledStore::open(folder.path().join("store")).expect("the store opens"),
    ));
    assert!((0..STEPS).all(|number| {
        log.result(&format!("goal/{number}"))
            .expect("readable")
            .is_some()
    }));
}

#[test]
fn an_attempt_before_a_crash_is_known_after_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for before in 0..3 {
        let log = StepLog::new(Arc::new(
            SledStore::open(folder.path()).expect("the store opens"),
        ));
        match log.begin("a", 1).expect("begin works") {
            Begin::Fresh(_) => assert_eq!(before, 0),
            Begin::Pending { attempts, .. } => assert_eq!(attempts, before),
            Begin::Committed(_) => panic!("nobody committed it"),
        }
    }
}
