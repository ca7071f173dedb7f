//! Measures reading and writing speed: `cargo run --release -p aios-burn --example speed -- MODEL.gguf [THREADS] [REQUESTS]`
//!
//! Prints medians, and the process's memory before and after many requests where the system tells.

use std::error::Error;
use std::io::Write;
use std::time::Instant;

use aios_burn::{BurnConfig, BurnEngine, DeviceChoice};
use aios_inference::{BlockingEngine, InferRequest, ModelRole, ModelSource};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments
        .next()
        .ok_or("usage: speed MODEL.gguf [THREADS] [REQUESTS]")?;
    let threads = arguments.next().map(|n| n.parse()).transpose()?;
    let requests: u32 = arguments.next().map_or(Ok(0), |n| n.parse())?;
    let mut out = std::io::stdout().lock();

    let mut engine = BurnEngine::new(BurnConfig {
        device: DeviceChoice::Cpu,
        threads,
    })?;
    let started = Instant::now();
    engine.load_model(&ModelSource {
        name: "model".into(),
        role: ModelRole::Generate,
        path: path.into(),
    })?;
    writeln!(
        out,
        "{}: loaded in {:.2} s, {} of memory",
        engine.device(),
        started.elapsed().as_secs_f64(),
        memory()
    )?;

    for words in [20, 100, 400] {
        let (mut read, mut written) = (Vec::new(), Vec::new());
        let mut tokens = 0;
        for _ in 0..5 {
            let answer = engine
                .infer(&InferRequest::raw("sales grew and ".repeat(words / 3)).max_tokens(64))?;
            tokens = answer.prompt_ids.len();
            read.push(tokens as f64 / answer.timings.prefill_ms * 1e3);
            written.push(answer.timings.tokens_per_second);
        }
        writeln!(
            out,
            "prompt {tokens}: {:.0} tokens/s read, {:.1} tokens/s written",
            median(read),
            median(written)
        )?;
    }
    for round in 0..requests {
        engine.infer(&InferRequest::raw(format!("Request {round} says")).max_tokens(8))?;
        if round == 0 || (round + 1) % 250 == 0 {
            writeln!(out, "after {} requests: {}", round + 1, memory())?;
        }
    }
    Ok(())
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Resident memory as the system tells it.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.map_or("unknown".to_owned(), |size| size.trim().to_owned())
}
