//! `aios model pull`: the models into the cache.

use std::process::ExitCode;

use serde_json::json;

use crate::arguments::ModelPull;
use crate::failure::Failure;
use crate::{console, weights};

pub(crate) fn run(arguments: &ModelPull) -> Result<ExitCode, Failure> {
    let cache = weights::cache()?;
    let mut pulled = Vec::new();
    for model in weights::named(arguments.name.as_deref())? {
        let fetched = weights::fetch(model, &cache)?;
        let source = format!("{:?}", fetched.source).to_lowercase();
        if !arguments.json {
            console::note(&format!(
                "{} is at {} (from {source})",
                model.name,
                fetched.model.path.display()
            ));
        }
        pulled.push(json!({ "name": model.name, "path": fetched.model.path, "from": source }));
    }
    if arguments.json {
        console::json(&json!({ "models": pulled }))?;
    }
    Ok(ExitCode::SUCCESS)
}
