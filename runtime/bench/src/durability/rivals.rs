//! LangGraph and DBOS over SQLite, where they are installed: the scripts beside this file, each in a folder of its own on the same disk.

use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use super::{Fault, RESULT};

/// Names the interpreter that has them; `python3` unless it is set.
const PYTHON: &str = "AIOS_BENCH_PYTHON";
/// Steps of a chain.
const STEPS: usize = 200;

/// What a rival's step takes and leaves.
#[derive(Debug, Deserialize)]
pub(super) struct Chain {
    pub(super) step_us: f64,
    pub(super) step_bytes: f64,
    pub(super) version: String,
}

/// A rival, and what to install to have it.
pub(super) struct Rival {
    pub(super) name: &'static str,
    script: &'static str,
    pub(super) missing: &'static str,
}

pub(super) const LANGGRAPH: Rival = Rival {
    name: "langgraph",
    script: include_str!("rival_langgraph.py"),
    missing: "LangGraph: needs `pip install langgraph langgraph-checkpoint-sqlite`; AIOS_BENCH_PYTHON names the interpreter that has it",
};

pub(super) const DBOS: Rival = Rival {
    name: "dbos",
    script: include_str!("rival_dbos.py"),
    missing: "DBOS: needs `pip install dbos`; AIOS_BENCH_PYTHON names the interpreter that has it",
};

pub(super) const RESTATE: &str = "Restate: is a server of its own with services beside it, and is not driven from here; its own benchmark is `npx @restatedev/restate-server` and the SDK's example";

impl Rival {
    /// A chain of it; none where it is not installed.
    pub(super) fn chain(&self, place: &Path) -> Result<Option<Chain>, Fault> {
        let folder = place.join(self.name);
        std::fs::create_dir(&folder)?;
        let python = std::env::var_os(PYTHON).unwrap_or_else(|| "python3".into());
        let run = Command::new(python)
            .args(["-c", self.script])
            .arg(&folder)
            .args([STEPS.to_string(), RESULT.to_string()])
            .output();
        let output = match run {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            run => run?,
        };
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            if said.contains("ModuleNotFoundError") {
                return Ok(None);
            }
            return Err(format!("{}: {said}", self.name).into());
        }
        // A library may have said something before.
        let said = String::from_utf8(output.stdout)?;
        let last = said.lines().last().unwrap_or_default();
        Ok(Some(serde_json::from_str(last)?))
    }
}
