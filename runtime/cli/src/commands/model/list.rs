//! `aios model list`: which models are known and where they are, here and behind servers; or which the engines of a running node have.

use std::fmt::Write;
use std::process::ExitCode;

use aios_control::{EngineLine, Request};
use aios_inference::models;
use aios_runtime::probes;
use aios_work::shown;
use serde_json::json;

use crate::arguments::{Asked, ModelList};
use crate::failure::Failure;
use crate::{client, console, settings, weights};

pub(crate) fn run(arguments: &ModelList) -> Result<ExitCode, Failure> {
    let asked = &arguments.asked;
    if asked.which.node.is_some() {
        return of_node(asked);
    }
    let cache = weights::cache()?;
    let config = settings::load(&asked.which.settings, &[])?;
    let probed = weights::probes()?;
    if asked.json {
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
        let engines: Vec<_> = config
            .engines
            .iter()
            .map(|(name, engine)| {
                json!({
                    "name": name,
                    "kind": engine.kind,
                    "address": engine.address,
                    "model": engine.model,
                    "embed_model": engine.embed_model,
                    "private": engine.is_private(),
                    "probe": probes::read(&probed, name),
                })
            })
            .collect();
        console::json(&json!({ "cache": cache.root(), "models": models, "engines": engines }))?;
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
    for (name, engine) in &config.engines {
        let model = [&engine.model, &engine.embed_model]
            .into_iter()
            .filter(|model| !model.is_empty())
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(" and ");
        let known = match probes::read(&probed, name) {
            Some(_) => "probed",
            None => "not probed: aios model probe",
        };
        let _ = writeln!(table, "{name:<28} {model} at {}  {known}", engine.address);
    }
    let _ = writeln!(table, "\ncache: {}", cache.root().display());
    console::text(&shown::terminal_text(&table))?;
    Ok(ExitCode::SUCCESS)
}

fn of_node(asked: &Asked) -> Result<ExitCode, Failure> {
    let engines: Vec<EngineLine> = client::once(&asked.which, &Request::Engines {})?;
    if asked.json {
        console::json(&engines)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = String::new();
    for engine in &engines {
        let models = match engine.models.as_slice() {
            [] => "no model".to_owned(),
            models => models.join(", "),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(table, "{:<12} {models} on {}", engine.name, engine.device);
    }
    console::text(&shown::terminal_text(&table))?;
    Ok(ExitCode::SUCCESS)
}
