//! `aios model list`: which models are known and where they are.

use std::fmt::Write;
use std::process::ExitCode;

use aios_inference::models;
use serde_json::json;

use crate::arguments::ModelList;
use crate::failure::Failure;
use crate::{console, weights};

pub(crate) fn run(arguments: &ModelList) -> Result<ExitCode, Failure> {
    let cache = weights::cache()?;
    if arguments.json {
        let models: Vec<_> = models::all()
            .into_iter()
            .map(|model| {
                json!({
                    "name": model.name,
                    "role": model.role,
                    "licence": model.licence,
                    "bytes": model.bytes(),
                    "path": cache.source(model).path,
                    "present": cache.holds(model),
                })
            })
            .collect();
        console::json(&json!({ "cache": cache.root(), "models": models }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = String::new();
    for model in models::all() {
        let present = if cache.holds(model) {
            "in the cache"
        } else {
            "not fetched: aios model pull"
        };
        let megabytes = model.bytes() / 1_000_000;
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "{:<28} {:>4} MB  {:<12} {present}",
            model.name, megabytes, model.licence
        );
    }
    let _ = writeln!(table, "\ncache: {}", cache.root().display());
    console::text(&table)?;
    Ok(ExitCode::SUCCESS)
}
