//! `aios config`: every setting with its value.

use std::process::ExitCode;

use crate::arguments::ConfigArguments;
use crate::failure::Failure;
use crate::{console, settings};

pub(crate) fn run(arguments: &ConfigArguments) -> Result<ExitCode, Failure> {
    let config = settings::load(&arguments.settings, &[])?;
    if arguments.json {
        console::json(&config)?;
        return Ok(ExitCode::SUCCESS);
    }
    console::text(&format!(
        "# Each name is also an environment variable (model.device is AIOS_MODEL_DEVICE) and a flag (--set model.device=cpu).\n\n{config}"
    ))?;
    Ok(ExitCode::SUCCESS)
}
