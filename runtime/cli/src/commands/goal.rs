//! `aios goal`: the goals on record, of a running node or of a storage folder.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aios_control::{
    Client, ClientError, Event, EventKind, Events, Explained, GivenFile, GoalLine, GoalPhase,
    GoalState, Request, Submit,
};
use aios_work::content::{AgentEvent, TaskEvent};
use aios_work::shown;
use serde_json::json;

use super::goal_again;
use super::run::{Leaving, report, watch};
use crate::arguments::{Format, Goal, GoalList, OneGoal, SubmitGoal, Which};
use crate::client;
use crate::console::{self, Screen};
use crate::failure::{Failure, Kind};
use crate::own_node::{engine_at_hand, plan_file, started, threads, wanted};
use crate::{picture, settings};

pub(crate) fn run(goal: &Goal) -> Result<ExitCode, Failure> {
    match goal {
        Goal::Submit(arguments) => submit(arguments),
        Goal::List(arguments) => list(arguments),
        Goal::Show(arguments) => show(arguments),
        Goal::Watch(arguments) => watched(arguments),
        Goal::Explain(arguments) => explain(arguments),
        Goal::Pause(arguments) => {
            let goal_id = arguments.goal_id.clone();
            order(arguments, &Request::Pause { goal_id }, "it rests")
        }
        Goal::Cancel(arguments) => {
            let goal_id = arguments.goal_id.clone();
            order(arguments, &Request::Cancel { goal_id }, "it is called off")
        }
        Goal::Resume(arguments) => {
            let goal_id = arguments.goal_id.clone();
            let order = Request::Resume {
                goal_id: goal_id.clone(),
            };
            goes_on(&arguments.which, arguments.json, &goal_id, order)
        }
        Goal::Retry(arguments) => {
            let goal_id = arguments.goal_id.clone();
            let order = Request::Retry {
                goal_id: goal_id.clone(),
                task: arguments.task.clone(),
            };
            goes_on(&arguments.which, arguments.json, &goal_id, order)
        }
        Goal::Fork(arguments) => goal_again::fork(arguments),
        Goal::Replay(arguments) => goal_again::replay(arguments),
        Goal::Diff(arguments) => goal_again::diff(arguments),
        Goal::Undo(arguments) => goal_again::undo(arguments),
        Goal::Export(arguments) => goal_again::export(arguments),
        Goal::Import(arguments) => goal_again::import(arguments),
    }
}

/// Where a goal's files are written unless somebody says so.
const OUT: &str = "aios-out";

/// Files that go to a node at an address, which may lie on another machine or be asked with a key that may not name them: by what is in them,
/// if that is not too much. None where they go by their paths.
fn sent(files: &[PathBuf], node: &str) -> Result<Option<Vec<GivenFile>>, Failure> {
    let unread = |file: &Path, error: io::Error| {
        let sentence = format!("{} cannot be read: {error}", file.display());
        Failure::new(Kind::Input, sentence)
    };
    let mut length = 0;
    for file in files {
        let found = fs::metadata(file).map_err(|error| unread(file, error))?;
        if !found.is_file() {
            let sentence = format!("{} is no file; name the files in it", file.display());
            return Err(Failure::new(Kind::Input, sentence));
        }
        length += found.len();
    }
    let most = Submit::FILES_BYTES_MAX as u64;
    if length > most && client::is_elsewhere(node) {
        let sentence = format!(
            "the files have {length} bytes, {most} go to a node on another machine; bring them there, and name them by path from a shell of that machine"
        );
        return Err(Failure::new(Kind::Input, sentence));
    }
    if length > most || files.len() > Submit::FILES_MAX {
        return Ok(None);
    }
    let mut given = Vec::with_capacity(files.len());
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let mut bytes = Vec::new();
        let read = fs::File::open(file).and_then(|opened| {
            // Of a file that grows meanwhile no more is taken than was looked at, and one byte that says so.
            opened.take(most + 1).read_to_end(&mut bytes)
        });
        read.map_err(|error| unread(file, error))?;
        // Two of one name, or one of a name that is not taken, go by their paths.
        let fits = !name.starts_with('.') && given.iter().all(|one: &GivenFile| one.name != name);
        if !fits {
            return Ok(None);
        }
        given.push(GivenFile::new(name, bytes));
    }
    Ok(Some(given))
}

/// Paths are made whole here: the node may stand in another folder.
fn submit(arguments: &SubmitGoal) -> Result<ExitCode, Failure> {
    let whole = |path: &Path| {
        std::path::absolute(path).map_err(|error| {
            Failure::plain(format!(
                "the path {} cannot be used: {error}",
                path.display()
            ))
        })
    };
    let plan = arguments.plan.as_deref().map(plan_file).transpose()?;
    let mut meant = arguments.wanted.clone();
    let node = arguments.which.node.as_deref();
    let address = node.filter(|node| node.contains("://"));
    let mut files = Vec::new();
    if let Some(address) = address
        && let Some(given) = sent(&meant.data, address)?
    {
        files = given;
        meant.data.clear();
    }
    for file in &mut meant.data {
        *file = whole(file)?;
    }
    let elsewhere = address.is_some_and(client::is_elsewhere);
    let out = match &arguments.out {
        // A path of another machine is written as it lies there.
        Some(out) if elsewhere => out.clone(),
        Some(out) => whole(out)?,
        // Whoever asks by an address may not be the node's own user: a folder here is nothing that its key may name.
        None if address.is_some() => PathBuf::new(),
        None => whole(Path::new(OUT))?,
    };
    let mut goal = wanted(&meant, plan, &out);
    if let Some(id) = &arguments.id {
        goal = goal.id(id);
    }
    let config = settings::load(&arguments.which.settings, &[])?;
    let mut goal: Submit = goal.into();
    goal.files = files;
    let title = goal.text.clone();
    let runtime = threads()?;
    let outcome = runtime.block_on(async {
        let mut node = client::to(&config, arguments.which.node.as_deref()).await?;
        let goal_id = node.submit(goal).await?.goal_id;
        if !arguments.wait {
            return Ok((goal_id, None));
        }
        let watched = watch(node, &goal_id, &title, Screen::detect(), Leaving::Stays).await?;
        Ok::<_, Failure>((goal_id, Some(watched)))
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    match outcome? {
        (_, Some(answer)) => report(&answer, Format::of(arguments.json)),
        (goal_id, None) if arguments.json => {
            console::json(&json!({ "goal_id": goal_id }))?;
            Ok(ExitCode::SUCCESS)
        }
        (goal_id, None) => {
            console::result(&goal_id)?;
            console::note(&format!(
                "accepted; aios goal explain {goal_id} says how it stands"
            ));
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Watches a goal of a running node to its answer, which is printed as that of a goal that was waited for.
fn watched(arguments: &OneGoal) -> Result<ExitCode, Failure> {
    let config = settings::load(&arguments.which.settings, &[])?;
    let goal_id = &arguments.goal_id;
    let runtime = threads()?;
    let answer = runtime.block_on(async {
        let node = client::to(&config, arguments.which.node.as_deref()).await?;
        watch(node, goal_id, goal_id, Screen::detect(), Leaving::Stays).await
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    report(&answer?, Format::of(arguments.json))
}

/// A phase as it is written everywhere.
fn phase(phase: GoalPhase) -> String {
    let written = serde_json::to_value(phase).ok();
    let word = written.as_ref().and_then(|word| word.as_str());
    word.unwrap_or_default().to_owned()
}

fn list(arguments: &GoalList) -> Result<ExitCode, Failure> {
    let goals: Vec<GoalLine> = client::once_or_stored(&arguments.which, &Request::Goals {})?;
    if arguments.json {
        console::json(&goals)?;
    } else if goals.is_empty() {
        console::note("no goal is on record");
    } else {
        let line = |goal: &GoalLine| {
            let (phase, words) = (phase(goal.phase), goal.words());
            let line = format!("{phase:<11}  {}  {words}", goal.goal_id);
            shown::terminal(&line)
        };
        let lines: Vec<String> = goals.iter().map(line).collect();
        console::result(&lines.join("\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn show(arguments: &OneGoal) -> Result<ExitCode, Failure> {
    let goal_id = arguments.goal_id.clone();
    let state: GoalState = client::once_or_stored(
        &arguments.which,
        &Request::Goal {
            goal_id: goal_id.clone(),
        },
    )?;
    let history: Vec<Event> = client::once_or_stored(
        &arguments.which,
        &Request::History(Events {
            goal_id,
            after_seq: 0,
        }),
    )?;
    if arguments.json {
        console::json(&json!({ "state": state, "history": history }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut lines = vec![format!("{}  {}", state.goal_id, phase(state.phase))];
    lines.extend(history.iter().filter_map(told));
    let answer = state.answer.as_deref();
    if let Some(answer) = answer {
        let reason = answer.reason.as_deref().map(|reason| format!(": {reason}"));
        let status = answer.status.as_str();
        lines.push(format!("answered, {status}{}", reason.unwrap_or_default()));
        lines.extend(answer.gaps.iter().map(|gap| format!("missing: {gap}")));
    }
    if let Some(error) = &state.error {
        lines.push(format!("{}; {}", error.message, error.what_to_do));
    }
    let lines: Vec<String> = lines.iter().map(|line| shown::terminal(line)).collect();
    console::result(&lines.join("\n"))?;
    if let Some(answer) = state.answer.as_ref().map(|answer| answer.answer.as_str())
        && !answer.is_empty()
    {
        console::text(&shown::read_markdown(answer))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What happened, in a line; nothing of what this version does not know.
fn told(event: &Event) -> Option<String> {
    let line = match event.kind {
        EventKind::Task => picture::plain(&event.read::<TaskEvent>().ok()?),
        EventKind::Agent => picture::plain_agent(&event.read::<AgentEvent>().ok()?),
        _ => return None,
    };
    Some(format!("{:>5}  {line}", event.seq))
}

fn explain(arguments: &OneGoal) -> Result<ExitCode, Failure> {
    let goal_id = arguments.goal_id.clone();
    let said: Explained = client::once_or_stored(&arguments.which, &Request::Explain { goal_id })?;
    if arguments.json {
        console::json(&said)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut lines = vec![format!(
        "{} ({}): {}",
        said.goal_id,
        phase(said.phase),
        said.why
    )];
    let mut part = |title: &str, sentences: &[String]| {
        if !sentences.is_empty() {
            lines.push(format!("{title}:"));
            lines.extend(sentences.iter().map(|sentence| format!("  {sentence}")));
        }
    };
    part("it waits for", &said.waits_for);
    part("it has", &said.has);
    part("what went wrong", &said.evidence);
    let ways: Vec<String> = said
        .can
        .iter()
        .map(|way| format!("{}: {}", way.does, way.command))
        .collect();
    part("what can be done now", &ways);
    let lines: Vec<String> = lines.iter().map(|line| shown::terminal(line)).collect();
    console::result(&lines.join("\n"))?;
    Ok(ExitCode::SUCCESS)
}

fn order(arguments: &OneGoal, request: &Request, done: &str) -> Result<ExitCode, Failure> {
    let () = client::once_or_stored(&arguments.which, request)?;
    if arguments.json {
        console::json(&json!({ "goal_id": arguments.goal_id, "done": done }))?;
    } else {
        console::note(&format!("goal {}: {done}", arguments.goal_id));
    }
    Ok(ExitCode::SUCCESS)
}

/// Gives an order after which a goal is under way, and watches it to its answer: at a running node if there is one, else here, over the
/// storage folder.
fn goes_on(which: &Which, json: bool, goal_id: &str, order: Request) -> Result<ExitCode, Failure> {
    let config = settings::load(&which.settings, &[])?;
    let runtime = threads()?;
    let answer = runtime.block_on(async {
        match client::to(&config, which.node.as_deref()).await {
            Ok(mut node) => {
                let () = node.ask(&order).await?;
                watch(node, goal_id, goal_id, Screen::detect(), Leaving::Stays).await
            }
            Err(ClientError::NoNode) if config.storage.path().is_some() => {
                let engine = engine_at_hand(&config)?;
                let node = started(config, engine).await?;
                let mut control = node.control();
                let outcome = match ordered(&mut control, &order).await {
                    Ok(()) => {
                        watch(
                            control,
                            goal_id,
                            goal_id,
                            Screen::detect(),
                            Leaving::CallsOff { kept: true },
                        )
                        .await
                    }
                    Err(failure) => Err(failure),
                };
                node.stop().await;
                outcome
            }
            Err(ClientError::NoNode) => Err(client::nowhere()),
            Err(error) => Err(error.into()),
        }
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    report(&answer?, Format::of(json))
}

async fn ordered(node: &mut Client, order: &Request) -> Result<(), Failure> {
    Ok(node.ask(order).await?)
}
