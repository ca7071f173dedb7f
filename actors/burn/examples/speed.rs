//! Measures reading and writing speed: `cargo run --release -p aios-burn --example speed -- MODEL.gguf [THREADS] [PROMPT] [NEW] [ROUNDS] [exact]`
//!
//! Prints medians, by the clock and by the processor's time where the system tells it (Linux), and the most memory that was held.

use std::error::Error;
use std::io::Write;
use std::time::Instant;

use aios_burn::{BurnConfig, BurnEngine, DeviceChoice};
use aios_inference::{BlockingEngine, InferRequest, ModelRole, ModelSource};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments
        .next()
        .ok_or("usage: speed MODEL.gguf [THREADS] [PROMPT] [NEW] [ROUNDS]")?;
    let mut number = |or: usize| arguments.next().map_or(Ok(or), |n| n.parse());
    let (threads, prompt) = (number(1)?, number(512)?);
    let (new, rounds) = (number(64)?, number(3)?);
    let exact = arguments.next().is_some();
    let mut out = std::io::stdout().lock();

    let mut engine = BurnEngine::new(BurnConfig {
        device: DeviceChoice::Cpu,
        threads: Some(threads),
    })?;
    if exact {
        engine = engine.exact();
    }
    let started = Instant::now();
    engine.load_model(&ModelSource {
        name: "model".into(),
        role: ModelRole::Generate,
        path: path.into(),
    })?;
    writeln!(
        out,
        "{}: loaded in {:.2} s",
        engine.device(),
        started.elapsed().as_secs_f64()
    )?;

    let (mut read, mut written) = (Speeds::default(), Speeds::default());
    let mut tokens = 0;
    for round in 0..=rounds {
        // A word is a token or two; what is too much is cut off by asking for fewer words.
        let text = "sales grew and ".repeat(prompt / 3);
        let (begun, spent) = (Instant::now(), processor_seconds());
        let answer = engine.infer(&InferRequest::raw(&text).max_tokens(1))?;
        tokens = answer.prompt_ids.len();
        let first = round == 0;
        read.push(first, tokens, begun, spent);
        let begun_first = (Instant::now(), processor_seconds());
        engine.infer(&InferRequest::raw("a").max_tokens(1))?;
        let one = (
            begun_first.0.elapsed().as_secs_f64(),
            processor_seconds() - begun_first.1,
        );
        let (begun, spent) = (Instant::now(), processor_seconds());
        let answer = engine.infer(&InferRequest::raw("Once upon a time").max_tokens(new as u32))?;
        // What reading the prompt took is not writing.
        let passes = answer.ids.len().saturating_sub(1);
        let seconds = (
            begun.elapsed().as_secs_f64() - one.0,
            processor_seconds() - spent - one.1,
        );
        written.add(first, passes, seconds);
    }
    writeln!(
        out,
        "prompt {tokens}: {} read, {} written (tokens a second by the clock, and of the processor's time); {} at most",
        read.medians(),
        written.medians(),
        memory()
    )?;
    Ok(())
}

#[derive(Default)]
struct Speeds {
    clock: Vec<f64>,
    processor: Vec<f64>,
}

impl Speeds {
    fn push(&mut self, first: bool, tokens: usize, begun: Instant, spent: f64) {
        let seconds = (begun.elapsed().as_secs_f64(), processor_seconds() - spent);
        self.add(first, tokens, seconds);
    }

    /// The first round fills caches and pools and is not counted.
    fn add(&mut self, first: bool, tokens: usize, (clock, processor): (f64, f64)) {
        if !first {
            self.clock.push(tokens as f64 / clock);
            self.processor.push(tokens as f64 / processor);
        }
    }

    fn medians(&mut self) -> String {
        let median = |speeds: &mut Vec<f64>| {
            speeds.sort_by(f64::total_cmp);
            speeds.get(speeds.len() / 2).copied().unwrap_or(f64::NAN)
        };
        format!(
            "{:.1} / {:.1}",
            median(&mut self.clock),
            median(&mut self.processor)
        )
    }
}

/// Time that all threads of this process had on a processor.
fn processor_seconds() -> f64 {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else {
        return f64::NAN;
    };
    let spent = threads.filter_map(|thread| {
        let stat = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        stat.split(' ').next()?.parse::<u64>().ok()
    });
    spent.sum::<u64>() as f64 / 1e9
}

/// The most memory that was resident, as the system tells it.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or("unknown".to_owned(), |size| size.trim().to_owned())
}
