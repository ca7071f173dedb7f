//! `aios plan`: what would be done for a goal, before anything is.

use std::process::ExitCode;
use std::time::Duration;

use aios_work::PlanFile;

use crate::arguments::Plan;
use crate::failure::Failure;
use crate::own_node::{engine, plan_file, started, threads, wanted};
use crate::{console, plan_picture, settings};

pub(crate) fn run(arguments: &Plan) -> Result<ExitCode, Failure> {
    let config = settings::of_a_node(&arguments.settings, &arguments.thinking)?;
    let plan = arguments.plan.as_deref().map(plan_file).transpose()?;
    let out = tempfile::tempdir()
        .map_err(|error| Failure::plain(format!("cannot make a folder to plan in: {error}")))?;
    let goal = wanted(&arguments.wanted, plan, out.path());
    // Refuse what cannot work before anything is fetched or started.
    goal.check(&config)?;
    let engine = engine(&config)?;
    let runtime = threads()?;
    let planned: Result<PlanFile, Failure> = runtime.block_on(async {
        let node = started(config, engine).await?;
        let planned = node.control().plan(goal.into()).await;
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
