//! `aios goal fork|replay|diff|undo|export|import`: what can be done with a goal that was carried out.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use aios_control::{
    Client, ClientError, Compared, Fork, Forked, Replayed, Request, RunFile, Submitted,
    UndoOutcome, Undone,
};
use aios_runtime::Answer;
use aios_work::shown;
use serde_json::Value;
use tempfile::NamedTempFile;

use super::run::{Leaving, report, watch};
use crate::arguments::{DiffGoals, ExportGoal, ForkGoal, Format, ImportGoal, OneGoal};
use crate::client;
use crate::console::{self, Screen};
use crate::failure::{Failure, Kind};
use crate::own_node::{engine_at_hand, plan_file, started, threads};
use crate::settings;

/// The largest file that is read: that of a goal of a thousand tasks is a few megabytes.
const FILE_MAX: u64 = 256 << 20;

pub(crate) fn fork(arguments: &ForkGoal) -> Result<ExitCode, Failure> {
    let plan = arguments.plan.as_deref().map(plan_file).transpose()?;
    let order = Request::Fork(Fork {
        goal_id: arguments.goal_id.clone(),
        at: arguments.at.clone(),
        plan: plan.map(Box::new),
        new_id: arguments.id.clone(),
    });
    let config = settings::load(&arguments.which.settings, &[])?;
    let runtime = threads()?;
    let outcome = runtime.block_on(async {
        match client::to(&config, arguments.which.node.as_deref()).await {
            Ok(mut node) => Ok((node.ask::<Forked>(&order).await?, None)),
            // A fork is worked on where it is made: one that nobody would work on any more is none.
            Err(ClientError::NoNode) if config.storage.path().is_some() => {
                let engine = engine_at_hand(&config)?;
                let node = started(config, engine).await?;
                let worked = worked_on(node.control(), &order).await;
                node.stop().await;
                worked
            }
            Err(ClientError::NoNode) => Err(client::nowhere()),
            Err(error) => Err(error.into()),
        }
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    let (forked, answer) = outcome?;
    if let Some(answer) = answer {
        return report(&answer, Format::of(arguments.json));
    }
    if arguments.json {
        console::json(&forked)?;
        return Ok(ExitCode::SUCCESS);
    }
    console::result(&forked.goal_id)?;
    console::note(&inherited(&forked));
    console::note(&format!(
        "aios goal explain {} says how it stands",
        forked.goal_id
    ));
    Ok(ExitCode::SUCCESS)
}

/// Forks at a node of this process, and watches the fork to its answer.
async fn worked_on(mut node: Client, order: &Request) -> Result<(Forked, Option<Answer>), Failure> {
    let forked: Forked = node.ask(order).await?;
    let goal_id = &forked.goal_id;
    console::note(&format!("{goal_id}: {}", inherited(&forked)));
    let answer = watch(
        node,
        goal_id,
        goal_id,
        Screen::detect(),
        Leaving::CallsOff { kept: true },
    )
    .await?;
    Ok((forked, Some(answer)))
}

fn inherited(forked: &Forked) -> String {
    match forked.inherited.as_slice() {
        [] => "nothing was taken over: everything is done anew".to_owned(),
        tasks => format!("taken over, and not done again: {}", tasks.join(", ")),
    }
}

pub(crate) fn replay(arguments: &OneGoal) -> Result<ExitCode, Failure> {
    let goal_id = arguments.goal_id.clone();
    let replayed: Replayed =
        client::once_or_stored(&arguments.which, &Request::Replay { goal_id })?;
    if arguments.json {
        console::json(&replayed)?;
    } else {
        let steps = replayed.steps;
        let mut lines = vec![if replayed.same {
            format!(
                "the same answer, byte for byte, from {steps} steps on record; nothing was called"
            )
        } else {
            format!("another answer, from {steps} steps on record; nothing was called")
        }];
        lines.extend(replayed.differs.iter().map(|line| format!("  {line}")));
        let calls = replayed.would_call.iter();
        lines.extend(calls.map(|call| format!("  would have been called: {call}")));
        if replayed.would_think > 0 {
            let times = replayed.would_think;
            lines.push(format!("  a model would have been asked {times} times"));
        }
        say(&lines)?;
    }
    Ok(if replayed.same {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

pub(crate) fn diff(arguments: &DiffGoals) -> Result<ExitCode, Failure> {
    let compared: Compared = client::once_or_stored(
        &arguments.which,
        &Request::Diff {
            goal_id: arguments.one.clone(),
            with: arguments.other.clone(),
        },
    )?;
    if arguments.json {
        console::json(&compared)?;
    } else {
        let mut lines = Vec::new();
        for (part, differences) in [
            ("asked", &compared.asked),
            ("plan", &compared.plan),
            ("results", &compared.results),
            ("answer", &compared.answer),
        ] {
            if differences.is_empty() {
                continue;
            }
            lines.push(format!("{part}:"));
            lines.extend(differences.iter().map(|line| format!("  {line}")));
        }
        if lines.is_empty() {
            console::note("nothing is different");
        } else {
            say(&lines)?;
        }
    }
    Ok(if compared.is_same() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

pub(crate) fn undo(arguments: &OneGoal) -> Result<ExitCode, Failure> {
    let goal_id = arguments.goal_id.clone();
    // The tools that take back must be there, those of servers too.
    let undone: Undone = client::once_or_there(&arguments.which, &Request::Undo { goal_id })?;
    let all = undone
        .effects
        .iter()
        .all(|effect| effect.outcome == UndoOutcome::Undone);
    if arguments.json {
        console::json(&undone)?;
    } else if undone.effects.is_empty() {
        console::note("it did nothing that could be taken back");
    } else {
        let lines: Vec<String> = undone
            .effects
            .iter()
            .map(|effect| {
                let outcome = match effect.outcome {
                    UndoOutcome::Undone => "taken back",
                    UndoOutcome::NoUndo => "stands",
                    UndoOutcome::Failed => "failed",
                    UndoOutcome::NotTried => "not tried",
                };
                let why = match effect.why.as_str() {
                    "" => String::new(),
                    why => format!(": {why}"),
                };
                format!("{outcome:<10}  {} ({}){why}", effect.task, effect.tool)
            })
            .collect();
        say(&lines)?;
    }
    Ok(if all {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(2)
    })
}

pub(crate) fn export(arguments: &ExportGoal) -> Result<ExitCode, Failure> {
    let goal_id = arguments.goal_id.clone();
    let run: RunFile = client::once_or_stored(&arguments.which, &Request::Export { goal_id })?;
    let Some(out) = &arguments.out else {
        console::json(&run)?;
        return Ok(ExitCode::SUCCESS);
    };
    let bytes = serde_json::to_vec_pretty(&run)
        .map_err(|error| Failure::plain(format!("the run cannot be written: {error}")))?;
    let unwritten = |error: io::Error| {
        Failure::plain(match error.kind() {
            io::ErrorKind::AlreadyExists => {
                format!("{} is there already; choose another name", out.display())
            }
            _ => format!("cannot write {}: {error}", out.display()),
        })
    };
    // Whole under its name or not there at all, for this user alone, and in nobody's place.
    let folder = match out.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut draft = NamedTempFile::new_in(folder).map_err(unwritten)?;
    draft
        .write_all(&bytes)
        .and_then(|()| draft.as_file().sync_all())
        .map_err(unwritten)?;
    draft
        .persist_noclobber(out)
        .map_err(|refused| unwritten(refused.error))?;
    let (steps, file) = (run.steps.len(), out.display());
    console::note(&format!(
        "{file} holds the goal with {steps} steps; `aios goal import` takes it in, and it holds all that the goal was told and found: see who gets it"
    ));
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn import(arguments: &ImportGoal) -> Result<ExitCode, Failure> {
    let file = &arguments.file;
    let unread = |why: String| {
        Failure::new(
            Kind::Input,
            format!("cannot read {}: {why}", file.display()),
        )
    };
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|opened| opened.take(FILE_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| unread(error.to_string()))?;
    if bytes.len() as u64 > FILE_MAX {
        return Err(unread(format!("it has more than {FILE_MAX} bytes")));
    }
    let run: Value = serde_json::from_slice(&bytes)
        .map_err(|error| unread(format!("it is no JSON: {error}")))?;
    let new_id = arguments.id.clone();
    let taken: Submitted =
        client::once_or_stored(&arguments.which, &Request::Import { run, new_id })?;
    if arguments.json {
        console::json(&taken)?;
    } else {
        console::result(&taken.goal_id)?;
        console::note("it rests here; `aios goal show`, `replay`, `diff` and `fork` take its name");
    }
    Ok(ExitCode::SUCCESS)
}

fn say(lines: &[String]) -> Result<(), Failure> {
    let lines: Vec<String> = lines.iter().map(|line| shown::terminal(line)).collect();
    Ok(console::result(&lines.join("\n"))?)
}
