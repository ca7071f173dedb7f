//! What the runtime adds to a tool call: looking the tool up, comparing what was granted, the arguments and the result with what was said,
//! counting their bytes, and a task of its own for the call.
//!
//! Each is timed beside the bare call in thin slices that follow each other, and the medians are compared.

mod function;
mod server;

use aios_bench::{BenchError, Report};

use super::{failed, threads};

pub(super) use server::{SERVER, serve};

pub(super) fn run(rounds: u32) -> Result<Report, BenchError> {
    threads()?.block_on(async {
        let mut report = Report::begin("tools");
        function::measure(rounds, &mut report).await?;
        server::measure(rounds, &mut report).await?;
        Ok(report)
    })
}
