//! `aios bench`: what the system costs, measured beside what it is made of, in the same run.
//!
//! Absolute times say little on a shared machine, so every bar is a ratio against a peer in the same run, a count, or a time that
//! the peer leaves over. The benches that need the whole product are files here, those of single parts stand in `aios-bench`; each
//! ends in an [`aios_bench::Report`]. How each figure is measured
//! and how to reproduce it with public tools is told in `docs/benchmarks.md`.

mod buses;
mod control;
mod critic;
mod durability;
mod goal;
mod inference;
mod messages;
mod telemetry;
mod tensor;
mod tools;

use std::fmt::Display;
use std::process::ExitCode;

use aios_bench::{Bench, BenchError};

use crate::arguments::Bench as Arguments;
use crate::console;
use crate::failure::Failure;

/// The benches of the whole product.
const WHOLE: [Bench; 9] = [
    Bench {
        name: "control",
        what: "the ways into a node beside raw tonic and raw axum, agents and watchers through them, and its start",
        run: control::run,
    },
    Bench {
        name: "messages",
        what: "a signed ask between two agents beside its signatures and a bare ractor ask",
        run: messages::run,
    },
    Bench {
        name: "goal",
        what: "the runtime's own share of a goal: all but tools and model",
        run: goal::run,
    },
    Bench {
        name: "durability",
        what: "a durable step beside a raw append with fdatasync and rivals, agents that sleep, and nodes that are killed",
        run: durability::run,
    },
    Bench {
        name: "telemetry",
        what: "what figures, traces and watchers cost the messages of a node",
        run: telemetry::run,
    },
    Bench {
        name: "tools",
        what: "the runtime's own share of a tool call beside the bare call",
        run: tools::run,
    },
    Bench {
        name: "critic",
        what: "how well good answers are told from bad ones, and in which time",
        run: critic::run,
    },
    Bench {
        name: "buses",
        what: "a frame on the tensor bus beside a word that is spun on; a signed message and ask over a NATS server beside the bare client",
        run: buses::run,
    },
    Bench {
        name: "inference",
        what: "reading, writing and memory of a language model on the processor, beside llama.cpp",
        run: inference::run,
    },
];

/// Runs the bench that is named, or lists them all.
///
/// Exit code 0 says that it was measured; whether a bar holds is told in the result, because a noisy machine is no failure of the
/// command.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let Some(name) = &arguments.name else {
        list(arguments.json)?;
        return Ok(ExitCode::SUCCESS);
    };
    if name == tools::SERVER {
        // What the bench of tools starts beside itself.
        tools::serve().map_err(|error| Failure::plain(error.to_string()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let bench = benches()
        .find(|bench| bench.name == name)
        .ok_or_else(|| unknown(name))?;
    if arguments.rounds == 0 {
        return Err(Failure::usage("--rounds is 0, at least 1 is needed"));
    }
    if cfg!(debug_assertions) {
        console::note(
            "this is a debug build: the figures mean nothing; use `cargo run --release -- bench`",
        );
    }
    let report =
        (bench.run)(arguments.rounds).map_err(|error| Failure::plain(error.to_string()))?;
    if arguments.json {
        console::json(&report)?;
    } else {
        console::result(&report.to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn benches() -> impl Iterator<Item = &'static Bench> {
    let whole = |part: &&Bench| WHOLE.iter().any(|whole| whole.name == part.name);
    // Those that go on where one of the parts ends stand in its place.
    let parts = aios_bench::BENCHES.iter().filter(move |part| !whole(part));
    WHOLE.iter().chain(parts)
}

fn list(json: bool) -> Result<(), Failure> {
    if json {
        let known: Vec<_> = benches()
            .map(|bench| serde_json::json!({ "name": bench.name, "what": bench.what }))
            .collect();
        console::json(&known)?;
    } else {
        let lines: Vec<_> = benches()
            .map(|bench| format!("{:12}{}", bench.name, bench.what))
            .collect();
        console::result(&lines.join("\n"))?;
    }
    Ok(())
}

fn unknown(name: &str) -> Failure {
    let known: Vec<_> = benches().map(|bench| bench.name).collect();
    Failure::usage(format!(
        "no bench is called {name:?}; there are {}",
        known.join(", ")
    ))
}

/// What goes wrong while measuring ends the bench with the error's own sentence.
fn failed(error: impl Display) -> BenchError {
    BenchError(error.to_string())
}

/// The threads that a whole node runs on.
fn threads() -> Result<tokio::runtime::Runtime, BenchError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(failed)
}
