//! Puts the pinned models into the cache: `cargo run -p aios-inference --features fetch --example fetch_model`.
//!
//! Stop it half way and run it again: it goes on from there.

use std::io::Write;
use std::process::ExitCode;

use aios_inference::models::{Cache, FetchOptions, all, fetch};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "\n{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let cache = Cache::of_user()?;
    let options = FetchOptions::from_env(&|name| std::env::var_os(name));
    let mut out = std::io::stdout();
    for model in all() {
        let fetched = fetch(model, &cache, &options, &mut |progress| {
            let (done, total) = (progress.bytes >> 20, progress.total >> 20);
            let source = progress.source.as_str();
            // A progress bar that cannot be drawn is no reason to stop.
            let _ = write!(out, "\r{} {source} {done} of {total} MiB ", progress.model)
                .and_then(|()| out.flush());
        })?;
        let (path, source) = (fetched.model.path.display(), fetched.source.as_str());
        writeln!(out, "\r{} is at {path} (from {source})", model.name)?;
    }
    Ok(())
}
