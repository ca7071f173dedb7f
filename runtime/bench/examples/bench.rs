//! Runs one bench of this crate without building the product: `cargo run --release -p aios-bench --example bench -- NAME [ROUNDS]`.

use std::io::Write;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let rounds = arguments
        .next()
        .map_or(Ok(5), |rounds| rounds.parse::<u32>())?;
    let known: Vec<&str> = aios_bench::BENCHES.iter().map(|bench| bench.name).collect();
    let bench = aios_bench::BENCHES
        .iter()
        .find(|bench| bench.name == name)
        .ok_or_else(|| {
            format!(
                "no bench is called {name:?}; there are {}",
                known.join(", ")
            )
        })?;
    let report = (bench.run)(rounds.max(1))?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{report}")?;
    Ok(serde_json::to_writer_pretty(out, &report)?)
}
