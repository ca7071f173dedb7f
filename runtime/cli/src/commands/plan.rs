//! `aios plan`: what would be done for a goal, before anything is.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use aios_runtime::Goal;
use aios_work::PlanFile;

use super::run::{engine, started, submit, threads};
use crate::arguments::Plan;
use crate::failure::{Failure, Kind};
use crate::{console, plan_picture, settings};

/// Bytes that are read of a plan file: more than one may have, so that a larger one is refused for its size.
const READ: u64 = 1 << 20;

pub(crate) fn run(arguments: &Plan) -> Result<ExitCode, Failure> {
    let config = settings::of_a_node(
        &arguments.settings,
        arguments.device.as_deref(),
        arguments.engine.as_deref(),
    )?;
    let plan = arguments.plan.as_deref().map(read).transpose()?;
    let out = tempfile::tempdir()
        .map_err(|error| Failure::plain(format!("cannot make a folder to plan in: {error}")))?;
    let mut asked = submit(
        arguments.goal.as_deref(),
        plan,
        &arguments.data,
        out.path(),
        None,
    );
    asked.private = arguments.private;
    // Refuse what cannot work before anything is fetched or started.
    let goal = Goal::new(&asked.text).data(&arguments.data);
    goal.out(out.path()).check(&config)?;
    let engine = engine(&config)?;
    let runtime = threads()?;
    let planned: Result<PlanFile, Failure> = runtime.block_on(async {
        let node = started(config, engine).await?;
        let planned = node.control().plan(asked).await;
        node.stop().await;
        Ok(planned?)
    });
    runtime.shutdown_timeout(Duration::from_secs(2));
    let planned = planned?;
    if arguments.json {
        console::json(&planned)?;
    } else if arguments.mermaid {
        console::text(&plan_picture::mermaid(&planned))?;
    } else {
        console::text(&plan_picture::text(&planned).join("\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A plan file; `-` is standard input.
pub(super) fn read(path: &Path) -> Result<PlanFile, Failure> {
    let unread = |error: io::Error| {
        let sentence = format!("cannot read the plan file {}: {error}", path.display());
        Failure::new(Kind::Input, sentence)
    };
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        io::stdin().lock().take(READ).read_to_end(&mut bytes)
    } else {
        let file = File::open(path).map_err(unread)?;
        file.take(READ).read_to_end(&mut bytes)
    }
    .map_err(unread)?;
    PlanFile::read(&bytes)
        .map_err(|error| Failure::new(Kind::Input, format!("{}: {error}", path.display())))
}
