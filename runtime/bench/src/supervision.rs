//! Supervision beside bare ractor, OTP and the rivals: restarts, groups, many children, memory, messages.

mod actors;
mod agent;
mod bare;
mod memory;
mod otp;
mod ours;
mod stopwatch;

#[cfg(feature = "peers")]
mod actix;
#[cfg(feature = "peers")]
mod kameo;
#[cfg(feature = "peers")]
mod ractor_supervisor;

use std::collections::BTreeMap;

use crate::{Bar, BenchError, Report, Samples};

type Fault = Box<dyn std::error::Error + Send + Sync>;

/// Children of a dynamic supervisor.
const CHILDREN: usize = 100_000;
/// Children of a group that restarts together.
const GROUP: usize = 1_000;
/// Restarts of one child in a round.
const RESTARTS: usize = 2_000;
/// Turns in which a round's restarts are made, ours and bare one after the other: what else the machine does, or a core
/// that shares its parts with another, meets both alike.
const TURNS: usize = 10;
/// Times a round starts the many children, for the same reason.
const STARTS: usize = 3;
/// Messages in a round.
const MESSAGES: u64 = 500_000;
/// Places of the bounded mailbox.
const PLACES: usize = 1_024;

/// Figures by name, over all rounds.
#[derive(Default)]
struct Figures(BTreeMap<String, Samples>);

impl Figures {
    fn add(&mut self, name: impl Into<String>, value: f64) {
        self.0.entry(name.into()).or_default().push(value);
    }

    /// Both percentiles of one round of restarts; what is reported is the median over the rounds.
    fn add_restarts(&mut self, who: &str, mut times: Vec<f64>) {
        times.sort_by(f64::total_cmp);
        for (name, at) in [("p50", 0.5), ("p99", 0.99)] {
            let index = (times.len() as f64 * at) as usize;
            if let Some(time) = times.get(index.min(times.len().saturating_sub(1))) {
                self.add(format!("restart_{name}_us_{who}"), *time);
            }
        }
    }

    fn median(&self, name: &str) -> f64 {
        self.0.get(name).map_or(f64::NAN, Samples::median)
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

fn on_one_thread<T>(work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

pub(crate) fn run(rounds: u32) -> Result<Report, BenchError> {
    measure(rounds).map_err(|fault| BenchError(fault.to_string()))
}

/// The rate at which many dynamic children start, beside bare `spawn_linked`: the median of so many rounds.
pub(crate) fn start_ratio(rounds: u32) -> Result<f64, Fault> {
    let (mut ours, mut bare) = (Samples::new(), Samples::new());
    for _ in 0..rounds as usize * STARTS {
        ours.push(on_one_thread(ours::start_and_stop(CHILDREN))?.0);
        bare.push(on_one_thread(bare::start(CHILDREN))?);
    }
    Ok(bare.median() / ours.median())
}

fn measure(rounds: u32) -> Result<Report, Fault> {
    memory::be_the_subject_if_told()?;
    let mut report = Report::begin("supervision");
    let mut figures = Figures::default();
    let mut has_otp = true;
    for _ in 0..rounds {
        round(&mut figures)?;
        peers(&mut figures)?;
        has_otp = has_otp && add_otp(&mut figures)?;
    }
    if !has_otp {
        report.skip(otp::MISSING);
    }
    if !cfg!(feature = "peers") {
        report.skip("kameo, actix, ractor-supervisor: build with `--features peers`");
    }
    memory_figures(&mut figures, rounds.min(3), &mut report)?;
    for (name, samples) in &figures.0 {
        report.figure(name.as_str(), samples.median());
    }
    bars(&figures, &mut report);
    Ok(report)
}

/// Ours and bare ractor, in turns.
fn round(figures: &mut Figures) -> Result<(), Fault> {
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        ours.extend(on_one_thread(ours::restart(RESTARTS / TURNS))?);
        bare.extend(on_one_thread(bare::restart(RESTARTS / TURNS))?);
    }
    figures.add_restarts("ours", ours);
    figures.add_restarts("bare", bare);
    let (mut ours, mut bare) = (Samples::new(), Samples::new());
    for _ in 0..STARTS {
        let (start, stop) = on_one_thread(ours::start_and_stop(CHILDREN))?;
        ours.push(start);
        bare.push(on_one_thread(bare::start(CHILDREN))?);
        figures.add("stop_us_per_child_ours", stop);
    }
    figures.add("start_us_per_child_ours", ours.median());
    figures.add("start_us_per_child_bare", bare.median());
    figures.add("start_rate_ratio", bare.median() / ours.median());
    figures.add(
        "one_for_all_ms_ours",
        on_one_thread(ours::one_for_all(GROUP))? / 1e3,
    );
    let ours = on_one_thread(ours::throughput(MESSAGES, PLACES))?;
    let bare = on_one_thread(bare::throughput(MESSAGES, PLACES as u64))?;
    figures.add("messages_per_second_ours", ours);
    figures.add("messages_per_second_bare", bare);
    figures.add("message_rate_ratio", ours / bare);
    Ok(())
}

#[cfg(feature = "peers")]
fn peers(figures: &mut Figures) -> Result<(), Fault> {
    let (mut kameo, mut actix, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TURNS {
        kameo.extend(on_one_thread(kameo::restart(RESTARTS / TURNS))?);
        actix.extend(actix::restart(RESTARTS / TURNS)?);
        // It sleeps in its handler, so it gets fewer.
        let fewer = RESTARTS / TURNS / 20;
        others.extend(on_one_thread(ractor_supervisor::restart(fewer))?);
    }
    figures.add_restarts("kameo", kameo);
    figures.add_restarts("actix", actix);
    figures.add_restarts("ractor_supervisor", others);
    figures.add(
        "start_us_per_child_kameo",
        on_one_thread(kameo::start(CHILDREN))?,
    );
    Ok(())
}

#[cfg(not(feature = "peers"))]
#[expect(clippy::unnecessary_wraps, reason = "with the feature it can fail")]
fn peers(_: &mut Figures) -> Result<(), Fault> {
    Ok(())
}

fn add_otp(figures: &mut Figures) -> Result<bool, Fault> {
    let Some(mut otp) = otp::measure()? else {
        return Ok(false);
    };
    let mut one = |name: &str| -> Result<f64, Fault> {
        let values = otp.remove(name).unwrap_or_default();
        let value = values.first().copied();
        value.ok_or_else(|| format!("OTP's script did not say {name}").into())
    };
    figures.add("one_for_all_ms_otp", one("one_for_all_us")? / 1e3);
    figures.add("start_us_per_child_otp", one("start_us_per_child")?);
    figures.add("stop_us_per_child_otp", one("stop_us_per_child")?);
    figures.add_restarts("otp", otp.remove("restart_us").unwrap_or_default());
    Ok(true)
}

fn memory_figures(figures: &mut Figures, rounds: u32, report: &mut Report) -> Result<(), Fault> {
    let mut subjects = vec!["bare", "ours", "agent"];
    if cfg!(feature = "peers") {
        subjects.extend(["kameo", "actix"]);
    }
    for _ in 0..rounds {
        for subject in &subjects {
            match memory::of(subject)? {
                Some(bytes) => figures.add(format!("bytes_per_actor_{subject}"), bytes),
                None => {
                    report.skip("memory: needs a kernel that tells resident memory in /proc");
                    return Ok(());
                }
            }
        }
    }
    if let Some(bytes) = memory::of("restarts")? {
        figures.add("growth_kib_per_million_restarts", bytes / 1024.0);
    }
    Ok(())
}

fn bars(figures: &Figures, report: &mut Report) {
    let of = |name| figures.median(name);
    report.bar(Bar::at_most(
        "restart",
        "one_for_one restart, median, against a restart written by hand on ractor",
        of("restart_p50_us_ours") / of("restart_p50_us_bare"),
        1.3,
        "times",
    ));
    if figures.has("restart_p99_us_otp") {
        report.bar(Bar::at_most(
            "restart_tail",
            "one_for_one restart, 99th percentile, against OTP",
            of("restart_p99_us_ours") / of("restart_p99_us_otp"),
            1.0,
            "times",
        ));
        report.bar(Bar::at_most(
            "one_for_all",
            "a group of 1,000 stops in reverse and starts again, against OTP",
            of("one_for_all_ms_ours") / of("one_for_all_ms_otp"),
            1.0,
            "times",
        ));
        report.bar(Bar::at_most(
            "shutdown",
            "stop of 100,000 dynamic children, each, against OTP",
            of("stop_us_per_child_ours") / of("stop_us_per_child_otp"),
            1.0,
            "times",
        ));
    }
    if figures.has("bytes_per_actor_bare") {
        report.bar(Bar::at_most(
            "memory_child",
            "resident bytes of a supervised child against the bare ractor actor",
            of("bytes_per_actor_ours") / of("bytes_per_actor_bare"),
            1.1,
            "times",
        ));
        report.bar(Bar::at_most(
            "memory_agent",
            "resident bytes of a whole agent against the bare ractor actor",
            of("bytes_per_actor_agent") / of("bytes_per_actor_bare"),
            1.25,
            "times",
        ));
        report.bar(Bar::at_most(
            "flat",
            "resident memory gained by a million restarts",
            of("growth_kib_per_million_restarts"),
            1_024.0,
            "KiB",
        ));
    }
    report.bar(Bar::at_least(
        "messages",
        "one-way messages through a bounded mailbox against ractor's unbounded port",
        of("message_rate_ratio"),
        0.8,
        "times",
    ));
    report.bar(Bar::at_least(
        "start",
        "start of 100,000 dynamic children against bare spawn_linked",
        of("start_rate_ratio"),
        0.8,
        "times",
    ));
}
