//! `aios model probe`: what a server of `[engines]` honours, kept for whoever chooses between engines.

use std::process::ExitCode;

use aios_inference::remote;
use aios_runtime::probes;
use serde_json::json;

use crate::arguments::ModelProbe;
use crate::commands::model;
use crate::failure::{Failure, Kind};
use crate::{console, own_node, settings, weights};

pub(crate) fn run(arguments: &ModelProbe) -> Result<ExitCode, Failure> {
    let config = settings::load(&arguments.settings, &[])?;
    let engine = model::configured(&config, &arguments.name)?;
    console::note(&format!(
        "asking {}, which may take a minute",
        arguments.name
    ));
    let probe = own_node::threads()?
        .block_on(remote::probe(&engine))
        .map_err(|error| Failure::new(Kind::Model, error.to_string()))?;
    let folder = weights::probes()?;
    let path = probes::keep(&folder, &arguments.name, &probe)?;
    if arguments.json {
        console::json(&json!({ "engine": arguments.name, "file": path, "probe": probe }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let yes = |honoured: bool| if honoured { "yes" } else { "no" };
    let number = |number: Option<u32>| number.map_or("unknown".to_owned(), |n| n.to_string());
    for (what, found) in [
        ("chat", yes(probe.chat).to_owned()),
        ("keeps to a schema", yes(probe.schema).to_owned()),
        ("asks for tools", yes(probe.tools).to_owned()),
        ("counts in a stream", yes(probe.usage_in_stream).to_owned()),
        ("vectors of", number(probe.embedding)),
        ("vectors as base64", yes(probe.base64_embeddings).to_owned()),
        ("context", number(probe.context)),
    ] {
        console::result(&format!("{what:<20} {found}\n"))?;
    }
    for refusal in &probe.refusals {
        console::note(&format!("it refused: {refusal}"));
    }
    if let Some(context) = probe.context.filter(|context| *context < engine.context) {
        console::note(&format!(
            "engines.{}.context is {}, but the server says {context}; set it to that",
            arguments.name, engine.context
        ));
    }
    console::note(&format!("kept at {}", path.display()));
    Ok(ExitCode::SUCCESS)
}
