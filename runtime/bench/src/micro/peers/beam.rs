//! BEAM: a bare Erlang process with a receive loop, cheaper than any gen_server, if `escript` is installed.

use std::process::Command;

use super::super::part::{Found, Outcome};

const SCRIPT: &str = include_str!("beam.escript");

/// Nothing is found where there is no `escript`.
pub(crate) fn measure(scale: u64) -> Outcome {
    let (agents, messages) = (200_000 / scale, 2_000_000 / scale);
    let path = std::env::temp_dir().join(format!("aios-bench-{}.escript", std::process::id()));
    std::fs::write(&path, SCRIPT)?;
    let ran = Command::new("escript")
        .arg(&path)
        .args([agents.to_string(), messages.to_string()])
        .output();
    std::fs::remove_file(&path)?;
    let Ok(output) = ran else {
        return Ok(Found::new());
    };
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let pair = |line: &str| {
        let (name, value) = line.split_once(' ')?;
        Some((format!("beam_{name}"), value.parse().ok()?))
    };
    Ok(text.lines().filter_map(pair).collect())
}
