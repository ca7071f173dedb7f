//! LangGraph and DBOS over SQLite, and Restate over its server, where they are installed: the scripts beside this file, each in a folder of its
//! own on the same disk.

use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use super::{Fault, RESULT};

/// Names the interpreter that has them; `python3` unless it is set.
const PYTHON: &str = "AIOS_BENCH_PYTHON";
/// Names the folder `node_modules` that Restate lies in.
const MODULES: &str = "AIOS_BENCH_NODE_MODULES";
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
    language: Language,
    script: &'static str,
    pub(super) missing: &'static str,
}

/// What a script is written in.
enum Language {
    Python,
    JavaScript,
}

pub(super) const LANGGRAPH: Rival = Rival {
    name: "langgraph",
    language: Language::Python,
    script: include_str!("rival_langgraph.py"),
    missing: "LangGraph: needs `pip install langgraph langgraph-checkpoint-sqlite`; AIOS_BENCH_PYTHON names the interpreter that has it",
};

pub(super) const DBOS: Rival = Rival {
    name: "dbos",
    language: Language::Python,
    script: include_str!("rival_dbos.py"),
    missing: "DBOS: needs `pip install dbos`; AIOS_BENCH_PYTHON names the interpreter that has it",
};

pub(super) const RESTATE: Rival = Rival {
    name: "restate",
    language: Language::JavaScript,
    script: include_str!("rival_restate.mjs"),
    missing: "Restate: needs node and `npm install @restatedev/restate-server @restatedev/restate-sdk`; AIOS_BENCH_NODE_MODULES names the folder node_modules that has them",
};

impl Rival {
    /// A chain of it; none where it is not installed.
    pub(super) fn chain(&self, place: &Path) -> Result<Option<Chain>, Fault> {
        let folder = place.join(self.name);
        std::fs::create_dir(&folder)?;
        let mut command = match self.language {
            Language::Python => {
                let python = std::env::var_os(PYTHON).unwrap_or_else(|| "python3".into());
                let mut command = Command::new(python);
                command.args(["-c", self.script]);
                command
            }
            Language::JavaScript => {
                let Some(modules) = std::env::var_os(MODULES) else {
                    return Ok(None);
                };
                let mut command = Command::new("node");
                command.args(["--input-type=module", "-e", self.script]);
                command.arg(std::path::absolute(modules)?);
                command
            }
        };
        let run = command
            .arg(std::path::absolute(&folder)?)
            .args([STEPS.to_string(), RESULT.to_string()])
            .output();
        let output = match run {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            run => run?,
        };
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            if said.contains("ModuleNotFoundError") || said.contains("ERR_MODULE_NOT_FOUND") {
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
