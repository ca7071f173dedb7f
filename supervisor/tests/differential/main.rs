//! Scripts played on OTP's own supervisor and on ours with real actors; the traces are compared event by event, and every
//! deviation must be one of the differences that `docs/supervision-rules.md` declares.
//!
//! `traces.jsonl` holds scripts with the trace that OTP left, so they need no Erlang. With the feature `heavy` random
//! scripts are played on both (`escript`; Debian's package `erlang-base`): `AIOS_SEEDS` says how many, `AIOS_SEED` the first.

#![allow(clippy::unwrap_used)]

mod compare;
mod play;
mod script;
mod world;

#[cfg(feature = "heavy")]
mod generate;
#[cfg(feature = "heavy")]
mod otp;

use std::{collections::BTreeSet, time::Duration};

use compare::{Comparison, DIFFERENCES, compare};
use script::{Script, Trace};

const TRACES: &str = include_str!("traces.jsonl");
const RULES: &str = include_str!("../../../docs/supervision-rules.md");

fn traces() -> Vec<Script> {
    TRACES
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Plays and compares; the names of the differences that explain what deviates.
async fn judge(script: &Script, theirs: &Trace) -> Result<BTreeSet<&'static str>, String> {
    let played = tokio::time::timeout(Duration::from_secs(60), play::play(script)).await;
    let told = || serde_json::to_string(script).unwrap();
    let ours = match played {
        Ok(Ok(trace)) => trace,
        Ok(Err(error)) => return Err(format!("{}: {error}\n{}", script.id, told())),
        Err(_) => {
            return Err(format!(
                "{}: takes more than a minute\n{}",
                script.id,
                told()
            ));
        }
    };
    match compare(script, &ours, theirs) {
        Comparison::Equal(explained) => Ok(explained),
        Comparison::Undeclared(what) => Err(format!("{}: {what}\n{}", script.id, told())),
    }
}

/// Plays several at a time. A child that has 20 ms to leave hears of it or is killed before, as the machine is free or
/// not; so a deviation with such a child counts if it is there again when nothing else is played.
async fn judge_all(scripts: Vec<(Script, Trace)>) -> (BTreeSet<&'static str>, Vec<String>) {
    use futures::StreamExt;
    let mut judged = futures::stream::iter(scripts)
        .map(|(script, theirs)| {
            tokio::spawn(async move { (judge(&script, &theirs).await, script, theirs) })
        })
        .buffer_unordered(8);
    let (mut explained, mut wrong, mut again) = (BTreeSet::new(), Vec::new(), Vec::new());
    while let Some(judged) = judged.next().await {
        match judged.unwrap() {
            (Ok(names), ..) => explained.extend(names),
            (Err(_), script, theirs) if has_deadline(&script) => again.push((script, theirs)),
            (Err(what), ..) => wrong.push(what),
        }
    }
    for (script, theirs) in again {
        let mut verdict = judge(&script, &theirs).await;
        for _ in 0..2 {
            if verdict.is_err() {
                verdict = judge(&script, &theirs).await;
            }
        }
        match verdict {
            Ok(names) => explained.extend(names),
            Err(what) => wrong.push(what),
        }
    }
    (explained, wrong)
}

/// Whether a child of the script has milliseconds to leave.
fn has_deadline(script: &Script) -> bool {
    fn within(value: &serde_json::Value) -> bool {
        match value {
            serde_json::Value::Object(fields) => fields
                .iter()
                .any(|(key, value)| key == "shutdown" && value.is_number() || within(value)),
            serde_json::Value::Array(items) => items.iter().any(within),
            _ => false,
        }
    }
    within(&serde_json::to_value(script).unwrap())
}

fn declared() -> BTreeSet<&'static str> {
    let (_, table) = RULES.split_once("## Differences on purpose").unwrap();
    let table = table.split("\n## ").next().unwrap();
    table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect()
}

/// The page, the comparer and the traces name the same differences: none is declared that no trace shows, and none is
/// explained that is not declared.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_trace_of_otp_is_ours_but_for_the_differences_declared() {
    let scripts = traces().into_iter().map(|script| {
        let theirs = script.trace.clone().unwrap();
        (script, theirs)
    });
    let (explained, wrong) = judge_all(scripts.collect()).await;
    assert!(
        wrong.is_empty(),
        "{} undeclared:\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
    let known: BTreeSet<&str> = DIFFERENCES.iter().copied().collect();
    assert_eq!(
        known,
        declared(),
        "the comparer's differences and the page's"
    );
    assert_eq!(explained, known, "the differences that the traces show");
}

/// The comparer sees what is not so: a start too few, one too many, another order, another answer, another end.
#[test]
fn a_deviation_that_nothing_explains_is_undeclared() {
    let undeclared = |script: &Script, change: &dyn Fn(&mut Trace)| {
        let theirs = script.trace.clone().unwrap();
        let mut ours = theirs.clone();
        change(&mut ours);
        let verdict = compare(script, &ours, &theirs);
        assert!(
            matches!(verdict, Comparison::Undeclared(_)),
            "{}",
            script.id
        );
    };
    let scripts = traces();
    // OTP's own count that drifts is none of ours.
    let sound = |script: &&Script| {
        let theirs = script.trace.as_ref().unwrap();
        matches!(compare(script, theirs, theirs), Comparison::Equal(_))
    };
    let sound: Vec<&Script> = scripts.iter().filter(sound).collect();
    assert!(sound.len() + 2 > scripts.len(), "{} traces", sound.len());
    for script in sound {
        let last = script.trace.as_ref().unwrap().steps[0].ev.len() - 1;
        undeclared(script, &|ours| drop(ours.steps[0].ev.remove(last)));
        undeclared(script, &|ours| {
            let again = ours.steps[0].ev[last].clone();
            ours.steps[0].ev.push(again);
        });
        if last > 3 {
            undeclared(script, &|ours| ours.steps[0].ev.swap(last, last - 2));
        }
        undeclared(script, &|ours| ours.steps[0].r = "error".into());
        undeclared(script, &|ours| ours.end.alive.push(("nobody".into(), 1)));
        undeclared(script, &|ours| drop(ours.steps.pop()));
    }
}

#[cfg(feature = "heavy")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stderr, reason = "says which differences showed")]
async fn random_scripts_go_as_they_go_in_otp() {
    let number = |name: &str, usual: u64| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(usual)
    };
    let first = number("AIOS_SEED", 1);
    let scripts: Vec<Script> = (first..first + number("AIOS_SEEDS", 3_000))
        .map(generate::script)
        .collect();
    let traces = otp::play(&scripts);
    let (explained, wrong) = judge_all(scripts.into_iter().zip(traces).collect()).await;
    eprintln!("explained by: {explained:?}");
    let first = wrong
        .iter()
        .take(10)
        .cloned()
        .collect::<Vec<_>>()
        .join("\n\n");
    assert!(wrong.is_empty(), "{} undeclared:\n{first}", wrong.len());
}

/// The traces that are kept are what OTP does.
#[cfg(feature = "heavy")]
#[test]
fn the_kept_traces_are_otps() {
    let scripts = traces();
    for (script, theirs) in scripts.iter().zip(otp::play(&scripts)) {
        assert_eq!(script.trace.as_ref().unwrap(), &theirs, "{}", script.id);
    }
}
