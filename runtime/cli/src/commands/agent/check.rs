//! `aios agent check`: whether charters can be followed, file by file, without a node.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aios_judge::Criteria;
use aios_runtime::config::AgentsConfig;
use aios_runtime::standard_tools;
use aios_work::{Charter, shown};
use serde_json::json;

use super::{files, read};
use crate::arguments::AgentCheck;
use crate::console;
use crate::failure::{Failure, Kind};

pub(crate) fn run(arguments: &AgentCheck) -> Result<ExitCode, Failure> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for path in &arguments.paths {
        match path.is_dir() {
            true => paths.extend(files(path)?),
            false => paths.push(path.clone()),
        }
    }
    if paths.is_empty() {
        return Err(Failure::new(
            Kind::Input,
            "there is no charter to check; name a file or a folder with NAME.md in it",
        ));
    }
    let tools = standard_tools();
    let mut checked = Vec::new();
    for path in &paths {
        let (problems, notes) = match read(path) {
            Ok(written) => looked_at(&written.charter, &tools, path),
            Err(failure) => (vec![failure.sentence().to_owned()], Vec::new()),
        };
        checked.push((path, problems, notes));
    }
    let sound = checked.iter().all(|(_, problems, _)| problems.is_empty());
    if arguments.json {
        let files: Vec<_> = checked
            .iter()
            .map(|(path, problems, notes)| json!({"file": path, "problems": problems, "notes": notes}))
            .collect();
        console::json(&json!({"sound": sound, "charters": files}))?;
    } else {
        let mut lines = Vec::new();
        for (path, problems, notes) in &checked {
            if problems.is_empty() {
                lines.push(format!("{}: sound", path.display()));
            }
            lines.extend(problems.iter().cloned());
            lines.extend(
                notes
                    .iter()
                    .map(|note| format!("{}: note: {note}", path.display())),
            );
        }
        let lines: Vec<String> = lines.iter().map(|line| shown::terminal(line)).collect();
        console::result(&lines.join("\n"))?;
    }
    Ok(ExitCode::from(u8::from(!sound)))
}

/// What is wrong with a charter beside its form, and what cannot be known without a node.
fn looked_at(charter: &Charter, tools: &[String], path: &Path) -> (Vec<String>, Vec<String>) {
    let (mut problems, mut notes) = (Vec::new(), Vec::new());
    let file = path.display();
    for tool in &charter.tools {
        if tools.contains(tool) {
            continue;
        }
        match tool.split_once("__") {
            Some((server, _)) => notes.push(format!("{tool} is there if [tools.{server}] is configured")),
            None => problems.push(format!(
                "{file}: there is no tool {tool:?}; there are {}, and those of servers as SERVER__TOOL",
                tools.join(", ")
            )),
        }
    }
    for (key, schema) in [("input", &charter.input), ("output", &charter.output)] {
        if let Some(Err(error)) = schema.as_ref().map(aios_tools::Schema::new) {
            problems.push(format!("{file}: `{key}` cannot be used: {error}"));
        }
    }
    if let Some(name) = &charter.criteria {
        // Where a node looks that was told nothing else.
        let criteria = Path::new(&AgentsConfig::default().criteria).join(format!("{name}.toml"));
        match fs::read_to_string(&criteria).map(|text| Criteria::read(&text)) {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => problems.push(format!("{}: {error}", criteria.display())),
            Err(_) => notes.push(format!(
                "its answers are judged by {}, which is not here; a node looks for it in its agents.criteria",
                criteria.display()
            )),
        }
    }
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    if stem != Some(charter.name.as_str()) {
        notes.push(format!(
            "it is found by its name as {}.md only",
            charter.name
        ));
    }
    if charter.tools.is_empty() && charter.delegates.is_empty() {
        notes.push("it is granted no tool and no delegate: it can only answer".to_owned());
    }
    (problems, notes)
}
