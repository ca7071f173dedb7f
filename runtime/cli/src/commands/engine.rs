//! `aios engine serve`: the device in a process of its own, started by a node and for it alone.

use std::process::ExitCode;

use aios_runtime::config::Device;
use aios_runtime::engine_process::{self, ServeError};
use aios_runtime::engines;

use crate::arguments::EngineServe;
use crate::failure::{Failure, Kind};
use crate::weights;

pub(crate) fn serve(arguments: &EngineServe) -> Result<ExitCode, Failure> {
    let failed = |error: ServeError| match error {
        ServeError::NoNode(_) => Failure::usage(error.to_string()),
        error => Failure::new(Kind::Model, error.to_string()),
    };
    // Before anything is loaded: whoever typed this by hand is told at once.
    let socket = engine_process::standard_input().map_err(failed)?;
    let factory = if arguments.engine == "scripted" {
        engines::scripted()
    } else {
        let device = match arguments.device.as_str() {
            "cpu" => Device::Cpu,
            "wgpu" => Device::Wgpu,
            _ => Device::Auto,
        };
        engines::burn(device, &weights::cache()?)
    };
    // There is nothing to put away: what the node has not heard, nobody will.
    engine_process::serve(socket, &factory, || std::process::exit(0)).map_err(failed)?;
    Ok(ExitCode::SUCCESS)
}
