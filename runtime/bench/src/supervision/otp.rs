//! OTP's own supervisor, when Erlang is there: the script beside this file, run once a round.

use std::{collections::HashMap, process::Command};

use super::{CHILDREN, Fault, GROUP, RESTARTS};

const SCRIPT: &str = include_str!("otp.escript");

/// What to install to have this peer.
pub(super) const MISSING: &str =
    "OTP: needs `escript` on the path (Debian and Ubuntu: apt-get install erlang-base)";

/// Figures by name, each with all its values; `None` without Erlang.
pub(super) fn measure() -> Result<Option<HashMap<String, Vec<f64>>>, Fault> {
    let file = std::env::temp_dir().join(format!("aios-bench-{}.escript", std::process::id()));
    std::fs::write(&file, SCRIPT)?;
    let counts = [CHILDREN, GROUP, RESTARTS].map(|count| count.to_string());
    let run = Command::new("escript").arg(&file).args(counts).output();
    std::fs::remove_file(&file)?;
    let output = match run {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        run => run?,
    };
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let mut figures = HashMap::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        let mut words = line.split_whitespace();
        if let Some(name) = words.next() {
            let values = words.map(str::parse).collect::<Result<_, _>>()?;
            figures.insert(name.to_string(), values);
        }
    }
    Ok(Some(figures))
}
