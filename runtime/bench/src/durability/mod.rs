//! What lasting costs: the journal beside a raw append with `fdatasync`, in the same folder, in turns; beside LangGraph, DBOS and Restate where
//! they are installed; and what rests: agents that sleep, runs that go on.
//!
//! A step is one unit of two entries, its effect's result and a checkpoint's delta; the raw append writes as many bytes as those lie on
//! disk with. The folder is made where the command is run: a memory file system would make both free.

mod rivals;
mod sleep;

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use aios_journal::{Draft, Journal, Options, Payload, RealDisk, Ticket, system_clock};
use aios_protocols::{PrincipalId, PrincipalKind, SigningIdentity, TenantId};

use crate::{Bar, BenchError, Report, Samples};

type Fault = Box<dyn std::error::Error + Send + Sync>;

/// Steps of a turn, one after the other.
const STEPS: usize = 100;
/// Turns of a round, ours and raw one after the other: what else the disk does meets both alike.
const TURNS: usize = 5;
/// Steps that are under way at once.
const IN_FLIGHT: usize = 64;
/// Steps of a turn with many under way.
const MANY: usize = 4_000;
/// Entries of the journal that is opened again, and of each unit that fills it.
const ENTRIES: usize = 1_000_000;
const FILL: usize = 2_000;
/// Bytes of a step's result and of a checkpoint's delta.
const RESULT: usize = 160;
const DELTA: usize = 96;

/// What lasting costs, as far as the parts go: the command's bench of this name adds what needs a whole node.
pub fn run(rounds: u32) -> Result<Report, BenchError> {
    measure(rounds).map_err(|fault| BenchError(fault.to_string()))
}

fn measure(rounds: u32) -> Result<Report, Fault> {
    let mut report = Report::begin("durability");
    let place = tempfile::Builder::new()
        .prefix(".aios-bench-")
        .tempdir_in(".")?;
    let journal = open(&place.path().join("journal"))?;
    let bytes = bytes_of_a_step(&journal)?;
    let mut raw = OpenOptions::new()
        .append(true)
        .create_new(true)
        .open(place.path().join("raw"))?;
    let (mut raw_us, mut ours_us) = (Samples::new(), Samples::new());
    let (mut raw_rate, mut many_rate) = (Samples::new(), Samples::new());
    let (mut syncs, mut steps) = (0, 0);
    let (mut many_syncs, mut many_steps) = (0, 0);
    for _ in 0..rounds {
        for _ in 0..TURNS {
            let begun = Instant::now();
            raw_us.extend(raw_steps(&mut raw, bytes)?);
            raw_rate.push(STEPS as f64 / begun.elapsed().as_secs_f64());
            let before = journal.state().syncs;
            ours_us.extend(steps_one_by_one(&journal)?);
            syncs += journal.state().syncs - before;
            steps += STEPS as u64;
        }
        let before = journal.state().syncs;
        let begun = Instant::now();
        many_under_way(&journal)?;
        many_rate.push(MANY as f64 / begun.elapsed().as_secs_f64());
        many_syncs += journal.state().syncs - before;
        many_steps += MANY as u64;
    }
    drop(journal);
    let reopen_s = reopen(&place.path().join("large"))?;
    let (resume_ms, resume_ratio) = sleep::resumed(place.path())?;
    let slept = sleep::slept()?;
    let start_ratio = crate::supervision::start_ratio(rounds)?;
    let step = ours_us.median() / raw_us.median();
    let rate = many_rate.median() / raw_rate.median();
    report.figure("raw_append_fdatasync_p50_us", raw_us.median());
    report.figure("step_p50_us", ours_us.median());
    report.figure("step_bytes", bytes as f64);
    report.figure("raw_steps_per_s", raw_rate.median());
    report.figure("steps_per_s_64_in_flight", many_rate.median());
    report.figure(
        "steps_per_sync_64_in_flight",
        many_steps as f64 / many_syncs as f64,
    );
    report.figure("reopen_1m_entries_ms", reopen_s * 1e3);
    report.bar(Bar::at_most(
        "step",
        "a durable step beside a raw append with fdatasync of as many bytes, p50",
        step,
        1.5,
        "times",
    ));
    report.bar(Bar::at_most(
        "syncs",
        "syncs a step, one under way",
        syncs as f64 / steps as f64,
        1.0,
        "syncs",
    ));
    report.bar(Bar::at_least(
        "in flight",
        "steps a second with 64 under way beside raw appends",
        rate,
        20.0,
        "times",
    ));
    report.bar(Bar::at_most(
        "reopen",
        "opening a journal of a million entries",
        reopen_s,
        2.0,
        "s",
    ));
    report.figure("resume_10k_steps_ms", resume_ms);
    report.bar(Bar::at_most(
        "resume",
        "a run of 10,000 finished steps is where it was",
        resume_ms,
        50.0,
        "ms",
    ));
    report.bar(Bar::at_most(
        "resume a step",
        "a step of that beside one of a run of 100",
        resume_ratio,
        1.5,
        "times",
    ));
    beside_rivals(&mut report, place.path(), ours_us.median(), bytes as f64)?;
    asleep(&mut report, &slept, start_ratio);
    Ok(report)
}

/// A step of ours, one under way, beside one of those that are installed.
fn beside_rivals(report: &mut Report, place: &Path, us: f64, bytes: f64) -> Result<(), Fault> {
    for rival in [rivals::LANGGRAPH, rivals::DBOS, rivals::RESTATE] {
        let Some(chain) = rival.chain(place)? else {
            report.skip(rival.missing);
            continue;
        };
        let name = rival.name;
        report.figure(format!("step_us_{name}"), chain.step_us);
        report.figure(format!("step_bytes_{name}"), chain.step_bytes);
        report.observe(format!("version_{name}"), chain.version.into());
        if name == rivals::LANGGRAPH.name {
            report.bar(Bar::at_least(
                "langgraph",
                "steps a second beside LangGraph's, each lasting before the next",
                chain.step_us / us,
                5.0,
                "times",
            ));
            report.bar(Bar::at_most(
                "disk",
                "a step on disk beside LangGraph's",
                bytes / chain.step_bytes,
                0.25,
                "times",
            ));
        }
        if name == rivals::RESTATE.name {
            report.bar(Bar::at_least(
                "restate",
                "steps a second beside Restate's, each lasting before the next",
                chain.step_us / us,
                1.0,
                "times",
            ));
        }
    }
    Ok(())
}

fn asleep(report: &mut Report, slept: &sleep::Slept, start_ratio: f64) {
    match slept.bytes {
        Some(bytes) => {
            report.figure("asleep_bytes", bytes);
            report.bar(Bar::at_most(
                "asleep",
                "resident memory of an agent that sleeps",
                bytes,
                300.0,
                "bytes",
            ));
        }
        None => report.skip("memory: needs a kernel that tells resident memory in /proc"),
    }
    report.figure("wake_p50_ms", slept.wake_ms.median());
    report.bar(Bar::at_most(
        "wake",
        "from a question to a sleeping agent to its answer, 99th percentile",
        slept.wake_ms.quantile(0.99),
        1.0,
        "ms",
    ));
    report.bar(Bar::at_least(
        "start",
        "start of 100,000 dynamic children against bare spawn_linked",
        start_ratio,
        0.8,
        "times",
    ));
}

/// Fills a journal and says in how many seconds it is opened again, everything in the system's memory.
fn reopen(folder: &Path) -> Result<f64, Fault> {
    let draft = unit().swap_remove(0);
    let journal = open(folder)?;
    for _ in 0..ENTRIES / FILL {
        journal.commit(vec![draft.clone(); FILL])?;
    }
    drop(journal);
    let begun = Instant::now();
    let journal = open(folder)?;
    let took = begun.elapsed().as_secs_f64();
    let last = journal.state().last;
    if last < ENTRIES as u64 {
        return Err(format!("the journal ends at {last}").into());
    }
    Ok(took)
}

fn open(folder: &Path) -> Result<Journal, Fault> {
    let tenant = TenantId::new("bench")?;
    let party = PrincipalId::new(PrincipalKind::Service, "journal", &tenant)?;
    let identity = Arc::new(SigningIdentity::from_seed(party, [7; 32]));
    let disk = Arc::new(RealDisk::open(folder)?);
    let (journal, _) = Journal::open(disk, Options::default(), identity, system_clock())?;
    Ok(journal)
}

/// What a step's unit is.
fn unit() -> Vec<Draft> {
    let draft = |key: &str, bytes: usize| {
        Draft::set(
            "goal-1/task-1",
            "macro.executor",
            key,
            Payload::new("run", 1, vec![7; bytes]),
        )
    };
    vec![
        draft("run/local/goal-1", RESULT),
        draft("checkpoint/macro.executor", DELTA),
    ]
}

/// How many bytes a step is on disk.
fn bytes_of_a_step(journal: &Journal) -> Result<usize, Fault> {
    let before = journal.state().bytes;
    journal.commit(unit())?;
    Ok(usize::try_from(journal.state().bytes - before)?)
}

fn raw_steps(file: &mut File, bytes: usize) -> Result<Vec<f64>, Fault> {
    let step = vec![7; bytes];
    timed(|| {
        file.write_all(&step)?;
        Ok(file.sync_data()?)
    })
}

fn steps_one_by_one(journal: &Journal) -> Result<Vec<f64>, Fault> {
    timed(|| Ok(journal.commit(unit()).map(drop)?))
}

/// Microseconds of each step.
fn timed(mut step: impl FnMut() -> Result<(), Fault>) -> Result<Vec<f64>, Fault> {
    (0..STEPS)
        .map(|_| {
            let begun = Instant::now();
            step()?;
            Ok(begun.elapsed().as_secs_f64() * 1e6)
        })
        .collect()
}

/// Many steps, each handed over when an earlier one is lasting, so that 64 are under way all the time.
fn many_under_way(journal: &Journal) -> Result<(), Fault> {
    let mut waiting: std::collections::VecDeque<Ticket> = std::collections::VecDeque::new();
    for _ in 0..MANY {
        if waiting.len() == IN_FLIGHT
            && let Some(oldest) = waiting.pop_front()
        {
            oldest.wait()?;
        }
        waiting.push_back(journal.append(unit())?);
    }
    for ticket in waiting {
        ticket.wait()?;
    }
    Ok(())
}
