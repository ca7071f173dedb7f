//! `aios model load`, `unload` and `swap`: the models of a running node's own engine.

use std::path::Path;
use std::process::ExitCode;

use aios_control::{
    LoadModel, ModelFreed, ModelLine, ModelSwapped, Request, SwapModel, UnloadModel,
};
use aios_inference::models;

use crate::arguments::{ModelLoad, ModelSwap, ModelUnload};
use crate::client;
use crate::console;
use crate::failure::{Failure, Kind};

pub(crate) fn load(arguments: &ModelLoad) -> Result<ExitCode, Failure> {
    let asked = LoadModel {
        model: meant(&arguments.model)?,
        name: arguments.name.clone(),
        engine: arguments.engine.clone(),
    };
    let loaded: ModelLine = client::once(&arguments.asked.which, &Request::LoadModel(asked))?;
    if arguments.asked.json {
        console::json(&loaded)?;
    } else {
        console::result(&told(&loaded))?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn unload(arguments: &ModelUnload) -> Result<ExitCode, Failure> {
    let asked = UnloadModel {
        model: arguments.model.clone(),
        engine: arguments.engine.clone(),
    };
    let freed: ModelFreed = client::once(&arguments.asked.which, &Request::UnloadModel(asked))?;
    if arguments.asked.json {
        console::json(&freed)?;
    } else {
        let (name, engine, mb) = (&freed.name, &freed.engine, megabytes(freed.freed_bytes));
        console::result(&format!("{name} is no longer in {engine}: {mb} MB freed"))?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn swap(arguments: &ModelSwap) -> Result<ExitCode, Failure> {
    let asked = SwapModel {
        current: arguments.current.clone(),
        model: meant(&arguments.to.model)?,
        name: arguments.to.name.clone(),
        engine: arguments.to.engine.clone(),
    };
    let swapped: ModelSwapped =
        client::once(&arguments.to.asked.which, &Request::SwapModel(asked))?;
    if arguments.to.asked.json {
        console::json(&swapped)?;
    } else {
        let (before, ms) = (&swapped.before, swapped.took_ms);
        let now = told(&swapped.now);
        console::result(&format!("{now}, in the place of {before}, within {ms} ms"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn told(model: &ModelLine) -> String {
    format!(
        "{} is in {}: {} weights as {}, {} tokens, {} MB",
        model.name,
        model.engine,
        model.parameters,
        model.quantisation,
        model.context_length,
        megabytes(model.memory_bytes)
    )
}

fn megabytes(bytes: u64) -> u64 {
    bytes.div_ceil(1_000_000)
}

/// A name of the catalogue as it is, and a file by the path that it has for a node, which stands elsewhere than whoever types this.
fn meant(model: &str) -> Result<String, Failure> {
    if models::all().iter().any(|known| known.name == model) {
        return Ok(model.to_owned());
    }
    let path = std::path::absolute(Path::new(model))
        .map_err(|error| Failure::new(Kind::Input, format!("{model}: {error}")))?;
    path.to_str()
        .map(str::to_owned)
        .ok_or_else(|| Failure::new(Kind::Input, format!("the path {model} is not Unicode")))
}
