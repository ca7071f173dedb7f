//! Puts the pinned models into the cache: `cargo run -p aios-inference --features fetch --example fetch_model`.
//!
//! Stop it half way and run it again: it goes on from there.

use std::io::Write;

use aios_inference::models::{Cache, FetchOptions, all, fetch};

fn main() -> Result<(), Box<dyn std::error::Error>> {
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
        });
        let fetched =
            fetched.inspect_err(|error| drop(writeln!(std::io::stderr(), "\n{error}")))?;
        writeln!(
            out,
            "\r{} is at {} (from {})",
            model.name,
            fetched.model.path.display(),
            fetched.source.as_str()
        )?;
    }
    Ok(())
}
