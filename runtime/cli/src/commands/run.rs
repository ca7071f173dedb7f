//! `aios run`: a node in this process, one goal, its answer.

use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use aios_control::{Client, ClientError, ErrorKind, Event, EventKind, GoalPhase, Request, Submit};
use aios_languages::english::name;
use aios_runtime::{Answer, Config, NodeView};
use aios_work::content::{AgentEvent, GoalStatus, TaskEvent};
use aios_work::shown;
use serde_json::Value;

use crate::arguments::{Format, Run};
use crate::chart;
use crate::console::{self, Redraw, Screen};
use crate::failure::Failure;
use crate::own_node::{Engine, engine, plan_file, started, threads, wanted};
use crate::page;
use crate::picture::{self, Picture};
use crate::settings;

/// Lines that follow a report on the screen: its cost, its files, the shell's own.
const NOTES: usize = 8;
/// How often the picture is drawn anew; ten times a second looks alive and costs nothing.
const FRAME: Duration = Duration::from_millis(100);

pub(crate) fn run(arguments: &Run) -> Result<ExitCode, Failure> {
    let config = settings::of_a_node(&arguments.settings, &arguments.thinking)?;
    // Refuse what cannot work before anything is fetched or started.
    let goal = checked(arguments, &config)?;
    let engine = engine(&config)?;
    let runtime = threads()?;
    let answer = runtime.block_on(answer(config, goal, engine, Screen::detect()));
    // Also after a failure: dropped, the runtime would wait for a tool that does not listen.
    runtime.shutdown_timeout(Duration::from_secs(2));
    report(&answer?, arguments.format.or(Format::of(arguments.json)))
}

/// The goal as it is handed in, once it is known that it can be worked on.
fn checked(arguments: &Run, config: &Config) -> Result<Submit, Failure> {
    let plan = arguments.plan.as_deref().map(plan_file).transpose()?;
    let mut goal = wanted(&arguments.wanted, plan, &arguments.out);
    if let Some(id) = &arguments.id {
        goal = goal.id(id);
    }
    goal.check(config)?;
    Ok(goal.into())
}

async fn answer(
    config: Config,
    goal: Submit,
    engine: Engine,
    screen: Screen,
) -> Result<Answer, Failure> {
    let kept = config.storage.path().is_some();
    let node = started(config, engine).await?;
    let outcome = begun(node.control(), goal, screen, kept).await;
    node.stop().await;
    outcome
}

async fn begun(
    mut node: Client,
    goal: Submit,
    screen: Screen,
    kept: bool,
) -> Result<Answer, Failure> {
    let title = goal.text.clone();
    let goal_id = node.submit(goal).await?.goal_id;
    watch(node, &goal_id, &title, screen, Leaving::CallsOff { kept }).await
}

/// What becomes of a goal when its watcher leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaving {
    /// Its node leaves too.
    CallsOff {
        /// Whether what was done for it stays on record.
        kept: bool,
    },
    /// Its node goes on with it.
    Stays,
}

/// Watches a goal under way to its end.
pub(super) async fn watch(
    mut node: Client,
    goal_id: &str,
    title: &str,
    screen: Screen,
    leaving: Leaving,
) -> Result<Answer, Failure> {
    let picture = match node.ask::<NodeView>(&Request::View {}).await {
        Ok(view) => {
            let model = view.model;
            let mut picture = Picture::new(title, &format!("{} on {}", model.name, model.device));
            for agent in view.agents {
                picture.place(&agent.supervisor, &agent.id);
            }
            picture
        }
        // The node is another tenant's: whoever asks sees the goal alone.
        Err(ClientError::Refused(why)) if why.kind == ErrorKind::Forbidden => {
            Picture::new(title, "another tenant's node")
        }
        Err(error) => return Err(error.into()),
    };
    node.watch(goal_id, 0).await?;
    let mut drawing = Drawing::new(screen, picture);
    let mut frame = tokio::time::interval(FRAME);
    loop {
        tokio::select! {
            event = node.next_event() => match event? {
                Some(event) => drawing.event(&event),
                None => break,
            },
            _ = frame.tick() => drawing.draw(),
            _ = tokio::signal::ctrl_c() => {
                drawing.end();
                match leaving {
                    Leaving::CallsOff { kept } => {
                        // It may have ended in the same moment; either way nobody waits for it any more.
                        let _ = node.cancel(goal_id).await;
                        if kept {
                            console::note(&format!("goal {goal_id} was called off, and what was done for it is kept; with the same settings aios goal resume {goal_id} goes on with it"));
                        }
                    }
                    Leaving::Stays => console::note(&format!("goal {goal_id} goes on; aios goal explain {goal_id} says how it stands")),
                }
                return Err(Failure::interrupted());
            }
        }
    }
    drawing.end();
    let state = node.goal(goal_id).await?;
    match (state.phase, state.answer, state.error) {
        (GoalPhase::Answered, Some(answer), _) => Ok(Arc::unwrap_or_clone(answer)),
        (_, _, Some(error)) => Err(error.into()),
        _ => Err(Failure::plain("the goal was called off")),
    }
}

pub(super) fn report(answer: &Answer, format: Option<Format>) -> Result<ExitCode, Failure> {
    match format {
        Some(Format::Json) => console::json(&printed(answer))?,
        // A page and a text for another program: nothing but the report goes there, and what is to be known about it is beside it.
        Some(Format::Md) => console::text(&answer.answer)?,
        Some(Format::Html) => console::text(&page::html(&answer.answer))?,
        None => {}
    }
    if let Some(reason) = answer.reason.as_deref().filter(|_| format.is_some()) {
        console::note(&format!("aios: {reason}"));
    }
    if format.is_none() {
        let (report, cut) = match console::page() {
            Some(lines) => on_a_page(answer, lines),
            None => (answer.answer.clone(), false),
        };
        if !report.is_empty() {
            console::text(&report)?;
        }
        if cut {
            console::note("the tables and pictures are in the report below");
        }
        for gap in &answer.gaps {
            console::note(&format!("missing: {gap}"));
        }
        for id in &answer.waits_for {
            console::note(&format!(
                "to let it be tried once more: aios approvals accept {id}"
            ));
        }
        if !answer.waits_for.is_empty() {
            console::note(&format!(
                "then ask again with the same words, files and settings and --id {}",
                answer.goal_id
            ));
        }
        if let Some(reason) = &answer.reason {
            console::note(&format!("aios: {reason}"));
        }
        console::note(&cost(answer));
        // Last, so that nothing stands between the answer and what is to be known about it.
        for artifact in &answer.artifacts {
            console::note(&format!("wrote {}", artifact.path.display()));
        }
    }
    Ok(ExitCode::from(match answer.status {
        GoalStatus::Approved | GoalStatus::Unverified => 0,
        GoalStatus::Partial => 2,
        GoalStatus::Failed => 1,
    }))
}

/// The answer as a program reads it: beside the fields of each fact its name in words, which is made here and never read back.
fn printed(answer: &Answer) -> Value {
    // Texts, numbers and lists always have a JSON form.
    let mut printed = serde_json::to_value(answer).unwrap_or_default();
    let facts = printed.get_mut("facts").and_then(Value::as_array_mut);
    for (fields, fact) in facts.into_iter().flatten().zip(&answer.facts) {
        let mut named = serde_json::Map::new();
        named.insert("name".to_owned(), name(fact).into());
        if let Some(fields) = fields.as_object_mut() {
            named.append(fields);
        }
        *fields = Value::Object(named);
    }
    printed
}

/// The report as a terminal of so many lines shows it: as its reader sees it rather than as Markdown, with a drawing in the place of a link to
/// one, and if it is longer than the screen only what is read first, the answer, and what is missing; the rest would push the answer out of
/// sight. Says whether it was cut.
fn on_a_page(answer: &Answer, lines: usize) -> (String, bool) {
    let report = &answer.answer;
    let drawing = chart::lines(&answer.facts, console::paper().0.min(100));
    let drawn = drawing.as_ref().map_or(0, Vec::len);
    let long = report.lines().count() + drawn + NOTES > lines;
    let sections = report
        .lines()
        .filter(|line| line.starts_with("## "))
        .count();
    let mut out = String::new();
    let (mut kept, mut cut, mut section) = (true, false, 0);
    for line in report.lines() {
        if line.starts_with("## ") {
            section += 1;
            // The answer stands first in every language, and what is missing last.
            let missing = section == sections && !answer.gaps.is_empty();
            kept = !long || section == 1 || missing;
            cut |= !kept;
        }
        if let Some(drawing) = drawing.as_ref().filter(|_| line.starts_with("![")) {
            // Bars are short: they are shown where the table beside them is not.
            if kept || drawing.len() + 2 * NOTES < lines {
                out.push_str(&drawing.join("\n"));
                out.push('\n');
            }
            continue;
        }
        if kept {
            out.push_str(&shown::read_markdown(line));
            out.push('\n');
        }
    }
    (out, cut)
}

/// What the goal cost, in one line.
fn cost(answer: &Answer) -> String {
    let status = serde_json::to_value(answer.status).ok();
    let attempts: u32 = answer.tasks.iter().map(|task| task.attempts).sum();
    format!(
        "{} with critic {:.2} in {:.1} s: {} tasks, {attempts} attempts, {} messages signed, {} refused, {} restarts, {} on {}",
        status
            .as_ref()
            .and_then(|status| status.as_str())
            .unwrap_or_default(),
        answer.critic.score,
        answer.duration_ms / 1_000.0,
        answer.tasks.len(),
        answer.messages.sent,
        answer.messages.refused,
        answer.restarts,
        if answer.model.name.is_empty() {
            &answer.model.engine
        } else {
            &answer.model.name
        },
        answer.model.device,
    )
}

/// The picture on a terminal, or one line per change everywhere else.
struct Drawing {
    screen: Screen,
    picture: Picture,
    frame: usize,
    redraw: Redraw,
    /// Changes since the last frame, for a place that cannot be redrawn.
    said: VecDeque<String>,
}

impl Drawing {
    fn new(screen: Screen, picture: Picture) -> Self {
        Self {
            screen,
            picture,
            frame: 0,
            redraw: Redraw::default(),
            said: VecDeque::new(),
        }
    }

    /// What is of a kind that is not drawn, or in a form of another version, is passed over.
    fn event(&mut self, event: &Event) {
        match event.kind {
            EventKind::Task => {
                if let Ok(event) = event.read() {
                    self.task(event);
                }
            }
            EventKind::Agent => {
                if let Ok(event) = event.read() {
                    self.agent(&event);
                }
            }
            _ => {}
        }
    }

    fn task(&mut self, event: TaskEvent) {
        if !self.screen.live {
            self.said.push_back(picture::plain(&event));
        }
        self.picture.task(event);
    }

    fn agent(&mut self, event: &AgentEvent) {
        if !self.screen.live {
            self.said.push_back(picture::plain_agent(event));
        }
        self.picture.agent(event);
    }

    fn draw(&mut self) {
        while let Some(line) = self.said.pop_front() {
            console::note(&line);
        }
        if !self.screen.live {
            return;
        }
        let (_, columns) = Redraw::room();
        self.redraw
            .draw(self.picture.render(columns, self.frame, self.screen.colour));
        self.frame += 1;
    }

    fn end(&mut self) {
        self.draw();
    }
}
