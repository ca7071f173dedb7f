//! `aios tool call`: one call by hand.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aios_control::{CallTool, Request, ToolCalled};
use aios_work::Capability;
use serde_json::Value;

use super::{Asked, effect, hindrance, named};
use crate::arguments::ToolCall;
use crate::console;
use crate::failure::{Failure, Kind};

/// Bytes of arguments that are read: what a toolbox takes.
const ARGS: u64 = 1 << 20;

pub(super) fn run(arguments: &ToolCall) -> Result<ExitCode, Failure> {
    let args = args(&arguments.args)?;
    let asked = Asked::new(&arguments.of)?;
    let tool = asked.tool(&arguments.name)?;
    let needs = &tool.spec.needs;
    console::note(&format!(
        "{}: {}, needs {}",
        tool.spec.name,
        effect(tool.spec.effect),
        if needs.is_empty() {
            "nothing".to_owned()
        } else {
            named(needs)
        }
    ));
    if let Some(why) = hindrance(&tool) {
        console::note(&why);
    }
    // The node refuses what is not granted; it is asked all the same, so that there is one sentence for it everywhere.
    let call = CallTool {
        data: arguments
            .data
            .iter()
            .map(|path| absolute(path))
            .collect::<Result<_, _>>()?,
        out: arguments.out.as_deref().map(absolute).transpose()?,
        deadline_ms: arguments.deadline_ms,
        ..CallTool::new(&arguments.name, args)
    };
    let thinks = tool.missing.is_empty() && needs.covers(&Capability::MODEL_USE);
    let called: ToolCalled = asked.ask(&Request::CallTool(call), thinks)?;
    if arguments.of.json {
        console::json(&called)?;
        return Ok(ExitCode::SUCCESS);
    }
    match &called.value {
        Value::String(text) => console::text(text)?,
        value => console::json(value)?,
    }
    for line in called.log.lines() {
        console::note(line);
    }
    for artifact in &called.artifacts {
        console::note(&format!("wrote {}", artifact.path.display()));
    }
    Ok(ExitCode::SUCCESS)
}

fn args(given: &str) -> Result<Value, Failure> {
    let mut text = given.to_owned();
    if given == "-" {
        text.clear();
        std::io::stdin()
            .take(ARGS + 1)
            .read_to_string(&mut text)
            .map_err(|error| {
                Failure::new(
                    Kind::Input,
                    format!("the arguments cannot be read: {error}"),
                )
            })?;
    }
    if text.len() as u64 > ARGS {
        return Err(Failure::new(
            Kind::Input,
            format!("--args has more than {ARGS} bytes; name a file with --data instead"),
        ));
    }
    serde_json::from_str(&text).map_err(|error| {
        Failure::usage(format!(
            "--args is no JSON ({error}); write an object such as '{{\"expression\": \"1 + 1\"}}'"
        ))
    })
}

/// The node may stand in another folder.
fn absolute(path: &Path) -> Result<String, Failure> {
    let full: PathBuf = std::path::absolute(path)
        .map_err(|error| Failure::new(Kind::Input, format!("{}: {error}", path.display())))?;
    full.to_str().map(str::to_owned).ok_or_else(|| {
        Failure::new(
            Kind::Input,
            format!("{} has a name that is no text", full.display()),
        )
    })
}
