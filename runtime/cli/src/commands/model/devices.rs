//! `aios model devices`: what could compute here, whether it computes rightly, and how fast it reads.

use std::fmt::Write;
use std::process::ExitCode;

use aios_work::shown;
use serde_json::json;

use crate::arguments::ModelDevices;
use crate::failure::Failure;
use crate::{console, quiet};

pub(crate) fn run(arguments: &ModelDevices) -> Result<ExitCode, Failure> {
    let (devices, none) = quiet::quietly(aios_burn::devices);
    if arguments.json {
        console::json(&json!({ "devices": devices, "no_adapter": none }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = String::new();
    for device in &devices {
        let speed = device
            .gigabytes_per_s
            .map_or("not measured".to_owned(), |speed| {
                format!("{speed:.1} GB/s")
            });
        let test = device
            .fault
            .as_ref()
            .map_or("passed".to_owned(), |fault| format!("failed: {fault}"));
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "{:<17} {:<40} {speed:>13}  self-test {test}",
            device.kind, device.name
        );
    }
    console::text(&shown::terminal_text(&table))?;
    if let Some(reason) = none {
        console::note(&format!("no graphics adapter: {reason}"));
    }
    Ok(ExitCode::SUCCESS)
}
