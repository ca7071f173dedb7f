//! `aios agent import`: agent files of other systems become charters; what could not be honoured is said, field by field.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aios_runtime::standard_tools;
use aios_work::charter::import::{Imported, KnownTools, Note, import};
use aios_work::shown;
use serde::Serialize;

use super::text;
use crate::arguments::AgentImport;
use crate::console;
use crate::failure::{Failure, Kind};

/// Files that are looked at, and folders within folders.
const FILES: usize = 10_000;
const DEPTH: usize = 8;

/// What became of one file.
#[derive(Serialize)]
struct Brought {
    from: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    notes: Vec<Note>,
}

pub(crate) fn run(arguments: &AgentImport) -> Result<ExitCode, Failure> {
    let mut files = Vec::new();
    match arguments.from.is_dir() {
        true => below(&arguments.from, 0, &mut files)?,
        false => files.push(arguments.from.clone()),
    }
    fs::create_dir_all(&arguments.out).map_err(|error| {
        Failure::plain(format!(
            "cannot make the folder {}: {error}",
            arguments.out.display()
        ))
    })?;
    let names = standard_tools();
    let tools = KnownTools {
        names: &names,
        elsewhere: aios_tools::ELSEWHERE,
    };
    let mut brought: Vec<Brought> = Vec::new();
    for from in files {
        let stem = from
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default()
            .to_owned();
        // `name.agent.md` is the agent called name.
        let stem = stem.strip_suffix(".agent").unwrap_or(&stem);
        let read = text(&from).map_err(|error| error.to_string());
        let imported =
            read.and_then(|text| import(stem, &text, tools).map_err(|error| error.to_string()));
        let one = match imported {
            Ok(imported) => written(&from, &imported, &arguments.out, arguments.force),
            Err(error) => Brought {
                from,
                to: None,
                error: Some(error),
                notes: Vec::new(),
            },
        };
        brought.push(one);
    }
    let came = brought.iter().filter(|one| one.to.is_some()).count();
    if brought.is_empty() {
        let from = arguments.from.display();
        return Err(Failure::new(
            Kind::Input,
            format!("there is no file of Markdown in {from}"),
        ));
    }
    if arguments.json {
        console::json(&brought)?;
    } else {
        console::result(&lines(&brought).join("\n"))?;
        console::note(&format!(
            "{came} of {} files are charters in {} now",
            brought.len(),
            arguments.out.display()
        ));
    }
    Ok(ExitCode::from(u8::from(came == 0)))
}

fn lines(brought: &[Brought]) -> Vec<String> {
    let mut lines = Vec::new();
    for one in brought {
        match (&one.to, &one.error) {
            (Some(to), _) => lines.push(format!("{} -> {}", one.from.display(), to.display())),
            (None, Some(error)) => {
                lines.push(format!("{}: not brought over: {error}", one.from.display()))
            }
            (None, None) => {}
        }
        lines.extend(one.notes.iter().map(|note| {
            let how = if note.kept { "in part" } else { "not honoured" };
            format!("  {}: {how}: {}", note.field, note.why)
        }));
    }
    lines
        .iter()
        .map(|line| shown::terminal_text(line))
        .collect()
}

fn written(from: &Path, imported: &Imported, out: &Path, force: bool) -> Brought {
    let to = out.join(format!("{}.md", imported.charter.name));
    // A charter that is there may be the work of a person.
    let opened = match force {
        true => fs::File::create(&to),
        false => fs::File::create_new(&to),
    };
    let done = opened.and_then(|mut file| file.write_all(imported.charter.write().as_bytes()));
    let (to, error) = match done {
        Ok(()) => (Some(to), None),
        Err(error) => (
            None,
            Some(format!("{}: {error}; --force writes over it", to.display())),
        ),
    };
    Brought {
        from: from.to_owned(),
        to,
        error,
        notes: imported.notes.clone(),
    }
}

/// Files of Markdown below a folder, without what belongs to version control and without links.
fn below(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::new(
            Kind::Input,
            format!("cannot read the folder {}: {error}", folder.display()),
        )
    };
    let mut entries: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        entries.push(entry.map_err(unreadable)?.path());
    }
    entries.sort();
    for path in entries {
        if files.len() >= FILES {
            return Err(Failure::new(
                Kind::Input,
                format!(
                    "there are more than {FILES} files below {}; name a folder with fewer",
                    folder.display()
                ),
            ));
        }
        let Ok(kind) = fs::symlink_metadata(&path) else {
            continue;
        };
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if kind.is_dir() && depth < DEPTH && name != ".git" && name != "node_modules" {
            below(&path, depth + 1, files)?;
        } else if kind.is_file() && name.ends_with(".md") && !is_about(name) {
            files.push(path);
        }
    }
    Ok(())
}

/// Whether a file is about the folder it lies in, and no agent.
fn is_about(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [
        "readme.md",
        "license.md",
        "contributing.md",
        "changelog.md",
        "skill.md",
        "code_of_conduct.md",
        "security.md",
    ]
    .contains(&name.as_str())
}
