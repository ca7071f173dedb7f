//! `aios run`: a node in this process, one goal, its answer.

use std::collections::VecDeque;
use std::process::ExitCode;
use std::time::Duration;

use aios_actors::content::{AgentEvent, GoalStatus, TaskEvent};
use aios_inference::EngineFactory;
use aios_inference::models::{ALL_MINILM_L6_V2, SMOLLM2_135M_INSTRUCT};
use aios_runtime::config::{Config, EngineChoice};
use aios_runtime::{Answer, Goal, GoalEvent, Node, engines};
use aios_tools::shown;

use crate::arguments::Run;
use crate::console::{self, Redraw, Screen};
use crate::failure::Failure;
use crate::picture::{self, Picture};
use crate::{quiet, settings, weights};

/// Lines that follow a report on the screen: its cost, its files, the shell's own.
const NOTES: usize = 8;
/// How often the picture is drawn anew; ten times a second looks alive and costs nothing.
const FRAME: Duration = Duration::from_millis(100);

pub(crate) fn run(arguments: &Run) -> Result<ExitCode, Failure> {
    let config = settings::load(
        &arguments.settings,
        &[
            ("model.device", arguments.device.as_deref()),
            ("model.engine", arguments.engine.as_deref()),
            ("door.open", Some("true")),
        ],
    )?;
    // Refuse what cannot work before anything is fetched or started.
    let mut goal = Goal::new(&arguments.goal)
        .data(&arguments.data)
        .out(&arguments.out);
    if let Some(id) = &arguments.id {
        goal = goal.id(id);
    }
    goal.check(&config).map_err(Failure::from)?;
    let engine = engine(&config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(aios_runtime::tool_threads())
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::plain(format!("cannot start the threads of the node: {error}"))
        })?;
    let answer = runtime.block_on(answer(config, goal, engine, Screen::detect()));
    // Also after a failure: dropped, the runtime would wait for a tool that does not listen.
    runtime.shutdown_timeout(Duration::from_secs(2));
    report(&answer?, arguments.json)
}

async fn answer(
    config: Config,
    goal: Goal,
    engine: EngineFactory,
    screen: Screen,
) -> Result<Answer, Failure> {
    let node = Node::builder()
        .config(config)
        .engine(engine)
        .start()
        .await
        .map_err(Failure::from)?;
    let outcome = watch(&node, goal, screen).await;
    node.stop().await;
    outcome
}

async fn watch(node: &Node, goal: Goal, screen: Screen) -> Result<Answer, Failure> {
    let model = node.model();
    let title = goal.text().to_owned();
    let mut run = node.run(goal).await.map_err(Failure::from)?;
    let mut picture = Picture::new(&title, &format!("{} on {}", model.name, model.device));
    for agent in node.view().agents {
        picture.place(&agent.supervisor, &agent.id);
    }
    let mut drawing = Drawing::new(screen, picture);
    let mut frame = tokio::time::interval(FRAME);
    loop {
        tokio::select! {
            event = run.next() => match event {
                Some(GoalEvent::Task(event)) => drawing.task(event),
                Some(GoalEvent::Agent(event)) => drawing.agent(&event),
                None => break,
            },
            _ = frame.tick() => drawing.draw(),
            _ = tokio::signal::ctrl_c() => {
                drawing.end();
                run.cancel().await;
                return Err(Failure::interrupted());
            }
        }
    }
    drawing.end();
    run.answer().await.map_err(Failure::from)
}

/// The engine the configuration asks for; weights are fetched first if they are wanted and not there.
pub(super) fn engine(config: &Config) -> Result<EngineFactory, Failure> {
    if config.model.engine == EngineChoice::Scripted {
        return Ok(engines::scripted());
    }
    let cache = weights::cache()?;
    for model in [&SMOLLM2_135M_INSTRUCT, &ALL_MINILM_L6_V2] {
        if let Err(failure) = weights::fetch(model, &cache) {
            if config.model.engine == EngineChoice::Burn {
                return Err(failure);
            }
            console::note(failure.sentence());
            console::note(
                "no weights, so the scripted engine thinks: the figures are the same, the prose is plainer",
            );
            return Ok(engines::scripted());
        }
    }
    // Before there is a picture, so that no driver writes into it.
    quiet::quietly(|| engines::open_device(config.model.device));
    Ok(engines::burn(config.model.device, &cache))
}

fn report(answer: &Answer, json: bool) -> Result<ExitCode, Failure> {
    if json {
        console::json(answer)?;
    } else {
        let (report, cut) = match console::page() {
            Some(lines) => on_a_page(&answer.answer, lines),
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
        GoalStatus::Approved => 0,
        GoalStatus::Partial => 2,
        GoalStatus::Failed => 1,
    }))
}

/// The report as a terminal of so many lines shows it: as its reader sees it rather than as Markdown, and if it is longer than the screen
/// only what is read first, the answer, and what is missing; the rest would push the answer out of sight. Says whether it was cut.
fn on_a_page(report: &str, lines: usize) -> (String, bool) {
    let long = report.lines().count() + NOTES > lines;
    let mut out = String::new();
    let (mut kept, mut cut) = (true, false);
    for line in report.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            kept = !long || ["Summary", "Answer", "Gaps"].contains(&heading);
            cut |= !kept;
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
