//! Who keeps which of the promises that are meant by "supervision": twelve small cases as data, played by one program per runtime,
//! with OTP as the oracle.
//!
//! A program answers with what it saw, never with a verdict; the observation is then compared with the oracle's. What OTP has no
//! notion of is compared with the rule that is written in the case.

mod diary;
mod otp;
mod ours;
mod table;
mod waits;
mod worker;

#[cfg(feature = "peers")]
mod actix;
#[cfg(feature = "peers")]
mod kameo;
#[cfg(feature = "peers")]
mod ractor_supervisor;

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{Bar, BenchError, Report};

type Fault = Box<dyn std::error::Error + Send + Sync>;

/// What is played, and what is to be seen.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    id: String,
    /// The promise.
    what: String,
    /// What every program does.
    done: String,
    /// What the oracle answers.
    expect: String,
    oracle: Oracle,
    /// Why the oracle is not OTP.
    #[serde(default)]
    why: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Oracle {
    Otp,
    Rule,
}

fn cases() -> Result<Vec<Case>, Fault> {
    Ok(serde_json::from_str(include_str!("restarts/cases.json"))?)
}

/// What came of a case in one runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Observation {
    /// This was to be seen.
    Seen(String),
    /// The runtime has nothing that could be asked to do this.
    NotOffered(String),
    /// The program of the case broke off.
    Broke(String),
}

/// One runtime's answers, by case.
struct Runtime {
    name: &'static str,
    version: String,
    answers: BTreeMap<String, Observation>,
}

pub(crate) fn run(_rounds: u32) -> Result<Report, BenchError> {
    audit().map_err(|fault| BenchError(fault.to_string()))
}

fn audit() -> Result<Report, Fault> {
    let cases = cases()?;
    let mut report = Report::begin("restarts");
    let mut runtimes = vec![Runtime {
        name: "ours",
        version: env!("CARGO_PKG_VERSION").into(),
        answers: play(&cases, |case| {
            on_one_thread(ours::answer(&case.id, &case.expect))
        }),
    }];
    match otp::answers(&cases)? {
        Some(otp) => runtimes.push(otp),
        None => report.skip(otp::MISSING),
    }
    peers(&cases, &mut runtimes)?;
    if !cfg!(feature = "peers") {
        report.skip("ractor-supervisor, kameo, actix: build with `--features peers`");
    }
    note(&cases, &runtimes, &mut report);
    Ok(report)
}

fn on_one_thread(
    answer: impl Future<Output = Result<Observation, Fault>>,
) -> Result<Observation, Fault> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(answer)
}

/// One case after the other; a program that breaks off, panics included, spoils its own case only.
fn play(
    cases: &[Case],
    answer: impl Fn(&Case) -> Result<Observation, Fault>,
) -> BTreeMap<String, Observation> {
    let one = |case| {
        let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| answer(case)));
        match played {
            Ok(Ok(answer)) => answer,
            Ok(Err(fault)) => Observation::Broke(fault.to_string()),
            Err(_) => Observation::Broke("panicked".into()),
        }
    };
    cases
        .iter()
        .map(|case| (case.id.clone(), one(case)))
        .collect()
}

#[cfg(feature = "peers")]
fn peers(cases: &[Case], runtimes: &mut Vec<Runtime>) -> Result<(), Fault> {
    let locked = |name| {
        version_in_lock(name).ok_or_else(|| Fault::from(format!("{name} is not in Cargo.lock")))
    };
    runtimes.push(Runtime {
        name: "ractor-supervisor",
        version: locked("ractor-supervisor")?,
        answers: play(cases, |case| {
            on_one_thread(ractor_supervisor::answer(&case.id, &case.expect))
        }),
    });
    runtimes.push(Runtime {
        name: "kameo",
        version: locked("kameo")?,
        answers: play(cases, |case| {
            on_one_thread(kameo::answer(&case.id, &case.expect))
        }),
    });
    runtimes.push(Runtime {
        name: "actix",
        version: locked("actix")?,
        answers: play(cases, |case| actix::answer(&case.id, &case.expect)),
    });
    Ok(())
}

#[cfg(not(feature = "peers"))]
#[expect(clippy::unnecessary_wraps, reason = "with the feature it can fail")]
fn peers(_: &[Case], _: &mut Vec<Runtime>) -> Result<(), Fault> {
    Ok(())
}

/// The version that was built in.
#[cfg(feature = "peers")]
fn version_in_lock(name: &str) -> Option<String> {
    let lock = include_str!("../../../Cargo.lock");
    let (_, rest) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    Some(rest.split_once('"')?.0.to_owned())
}

impl Case {
    /// What is to be seen: what OTP showed in this run where it is the oracle and was asked, else what is written.
    fn right<'a>(&'a self, runtimes: &'a [Runtime]) -> &'a str {
        let otp = runtimes
            .iter()
            .find(|runtime| runtime.name == otp::NAME)
            .and_then(|otp| otp.answers.get(&self.id));
        match (self.oracle, otp) {
            (Oracle::Otp, Some(Observation::Seen(seen))) => seen,
            _ => &self.expect,
        }
    }
}

impl Runtime {
    /// Its name among the figures.
    fn key(&self) -> String {
        self.name.replace('-', "_")
    }

    fn verdict(&self, case: &Case, right: &str) -> &'static str {
        match self.answers.get(&case.id) {
            Some(Observation::Seen(seen)) if seen == right => "holds",
            Some(Observation::Seen(_)) => "differs",
            Some(Observation::Broke(_)) => "broke off",
            Some(Observation::NotOffered(_)) | None => "not offered",
        }
    }
}

fn note(cases: &[Case], runtimes: &[Runtime], report: &mut Report) {
    for case in cases {
        let right = case.right(runtimes);
        for runtime in runtimes {
            let observed = match runtime.answers.get(&case.id) {
                Some(
                    Observation::Seen(text)
                    | Observation::Broke(text)
                    | Observation::NotOffered(text),
                ) => text,
                None => "",
            };
            report.observe(
                format!("{}_{}", case.id, runtime.key()),
                serde_json::json!({ "answer": runtime.verdict(case, right), "observed": observed }),
            );
        }
    }
    let holding = |runtime: &Runtime| {
        let holds = |case: &&Case| runtime.verdict(case, case.right(runtimes)) == "holds";
        cases.iter().filter(holds).count() as f64
    };
    for runtime in runtimes {
        report.figure(format!("holds_{}_cases", runtime.key()), holding(runtime));
    }
    if let Some(ours) = runtimes.first() {
        report.bar(Bar::at_least(
            "ours",
            "cases in which our supervisor does what the oracle does",
            holding(ours),
            cases.len() as f64,
            "cases",
        ));
    }
    if let Some(otp) = runtimes.iter().find(|runtime| runtime.name == otp::NAME) {
        let of_otp: Vec<&Case> = cases
            .iter()
            .filter(|case| case.oracle == Oracle::Otp)
            .collect();
        let as_written = |case: &&&Case| {
            otp.answers.get(&case.id) == Some(&Observation::Seen(case.expect.clone()))
        };
        report.bar(Bar::at_least(
            "oracle",
            "cases in which OTP shows what is written for it",
            of_otp.iter().filter(as_written).count() as f64,
            of_otp.len() as f64,
            "cases",
        ));
    }
    report.table(table::draw(cases, runtimes));
}

/// How a stop that was waited for came out.
fn stopped(in_time: bool, alive: usize) -> String {
    let stopped = if in_time { "stopped" } else { "still stopping" };
    format!("{stopped}, {alive} alive")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cases_are_twelve_and_each_says_what_is_done_and_seen() {
        let cases = cases().unwrap();
        assert_eq!(cases.len(), 12);
        for case in &cases {
            assert!(!case.what.is_empty() && !case.done.is_empty(), "{case:?}");
            assert!(!case.expect.is_empty(), "{case:?}");
            assert_eq!(case.why.is_some(), case.oracle == Oracle::Rule, "{case:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn our_supervisor_keeps_all_twelve() {
        for case in cases().unwrap() {
            let answer = ours::answer(&case.id, &case.expect).await.unwrap();
            assert_eq!(answer, Observation::Seen(case.expect), "{}", case.id);
        }
    }

    #[test]
    fn what_was_seen_is_judged_by_otp_where_it_was_asked_and_by_the_rule_elsewhere() {
        let case = |id: &str, oracle| Case {
            id: id.into(),
            what: String::new(),
            done: String::new(),
            expect: "written".into(),
            oracle,
            why: None,
        };
        let cases = [case("one", Oracle::Otp), case("two", Oracle::Rule)];
        let runtime = |name, answers: [Observation; 2]| Runtime {
            name,
            version: String::new(),
            answers: ["one", "two"]
                .map(String::from)
                .into_iter()
                .zip(answers)
                .collect(),
        };
        let seen = |text: &str| Observation::Seen(text.into());
        let ours = runtime("ours", [seen("written"), seen("written")]);
        let verdicts = |runtimes: &[Runtime]| {
            cases
                .each_ref()
                .map(|case| runtimes[0].verdict(case, case.right(runtimes)))
        };
        assert_eq!(verdicts(&[ours]), ["holds", "holds"]);
        let ours = runtime("ours", [seen("written"), seen("written")]);
        let otp = runtime(otp::NAME, [seen("shown"), seen("shown")]);
        assert_eq!(verdicts(&[ours, otp]), ["differs", "holds"]);
        let rival = runtime(
            "rival",
            [
                Observation::NotOffered("no".into()),
                Observation::Broke("so".into()),
            ],
        );
        assert_eq!(verdicts(&[rival]), ["not offered", "broke off"]);
    }
}
