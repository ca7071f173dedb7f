//! What a person sees of a goal while it moves: a pure picture that events change and that renders to lines.

use std::collections::BTreeMap;

use aios_work::content::{AgentEvent, TaskEvent, TaskStatus};
use aios_work::shown;

use crate::console::{Style, paint};

const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// A goal, its tasks and the agents that work on it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Picture {
    goal: String,
    model: String,
    tasks: Vec<TaskEvent>,
    /// Supervisor, then agent, then how often it came back and whether it is up.
    tree: BTreeMap<String, BTreeMap<String, Seen>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Seen {
    restarts: u32,
    up: bool,
    /// The tasks it holds now.
    holds: Vec<String>,
}

impl Picture {
    /// An empty picture of a goal.
    pub(crate) fn new(goal: &str, model: &str) -> Self {
        Self {
            goal: goal.to_owned(),
            model: model.to_owned(),
            ..Self::default()
        }
    }

    /// Places an agent under its supervisor, as it stands before the goal begins.
    pub(crate) fn place(&mut self, supervisor: &str, agent: &str) {
        self.tree.entry(supervisor.to_owned()).or_default().insert(
            agent.to_owned(),
            Seen {
                up: true,
                ..Seen::default()
            },
        );
    }

    /// A task moved.
    pub(crate) fn task(&mut self, event: TaskEvent) {
        for seen in self.tree.values_mut().flat_map(BTreeMap::values_mut) {
            seen.holds.retain(|task| *task != event.task_id);
        }
        if event.status == TaskStatus::Running
            && let Some(agent) = &event.agent
            && let Some(seen) = self
                .tree
                .values_mut()
                .find_map(|agents| agents.get_mut(agent))
        {
            seen.holds.push(event.task_id.clone());
        }
        match self
            .tasks
            .iter_mut()
            .find(|task| task.task_id == event.task_id)
        {
            Some(task) => {
                let agent = event.agent.clone().or(task.agent.take());
                let score = event.score.or(task.score);
                *task = TaskEvent {
                    agent,
                    score,
                    ..event
                };
            }
            None => self.tasks.push(event),
        }
    }

    /// An agent fell or came back.
    pub(crate) fn agent(&mut self, event: &AgentEvent) {
        let seen = self
            .tree
            .entry(event.supervisor.clone())
            .or_default()
            .entry(event.agent.clone())
            .or_default();
        match event.kind.as_str() {
            "restarting" => seen.restarts += 1,
            "started" => seen.up = true,
            _ => {
                seen.up = false;
                seen.holds.clear();
            }
        }
    }

    /// How far the goal has come: results accepted, of the tasks that are known of. Nobody is asked for it.
    fn progress(&self) -> String {
        let accepted = |task: &&TaskEvent| task.status == TaskStatus::Completed;
        match self.tasks.len() {
            0 => String::new(),
            tasks => format!(
                "   {} of {tasks} results",
                self.tasks.iter().filter(accepted).count()
            ),
        }
    }

    /// The picture as lines no wider than `width`; `frame` turns the spinners.
    pub(crate) fn render(&self, width: usize, frame: usize, colour: bool) -> Vec<String> {
        let mut lines = vec![
            Line::new()
                .add(&self.goal, Some(Style::Bold))
                .add("   ", None)
                .add(&self.model, Some(Style::Dim))
                .add(&self.progress(), Some(Style::Dim)),
        ];
        let supervisors = self.tree.len();
        for (at, (supervisor, agents)) in self.tree.iter().enumerate() {
            let branch = if at + 1 == supervisors {
                "└─ "
            } else {
                "├─ "
            };
            let mut line = Line::new()
                .add(branch, Some(Style::Dim))
                .add(&format!("{supervisor:<9}"), None);
            for (agent, seen) in agents {
                // An agent's tier is its supervisor's name already; what is no agent keeps its own.
                let short = agent.split_once('@').map_or(agent.as_str(), |(name, _)| {
                    name.split_once('.').map_or(name, |(_, rest)| rest)
                });
                let short = short.strip_suffix(".001").unwrap_or(short);
                let style = if !seen.up {
                    Some(Style::Bad)
                } else if seen.holds.is_empty() {
                    Some(Style::Dim)
                } else {
                    Some(Style::Good)
                };
                line = line.add(" ", None).add(short, style);
                if !seen.holds.is_empty() {
                    line = line.add(&format!("[{}]", seen.holds.join(",")), Some(Style::Good));
                }
                if seen.restarts > 0 {
                    line = line.add(&format!(" restarted {}x", seen.restarts), Some(Style::Warn));
                }
            }
            lines.push(line);
        }
        for task in &self.tasks {
            lines.push(task_line(task, SPINNER[frame % SPINNER.len()]));
        }
        lines
            .into_iter()
            .map(|line| line.fit(width, colour))
            .collect()
    }
}

/// One line per change, for a pipe or a log.
pub(crate) fn plain(event: &TaskEvent) -> String {
    task_line(event, "▸")
        .fit(usize::MAX, false)
        .trim_end()
        .to_owned()
}

/// One line about an agent, for a pipe or a log.
pub(crate) fn plain_agent(event: &AgentEvent) -> String {
    let reason = event
        .reason
        .as_deref()
        .map(|reason| format!(": {reason}"))
        .unwrap_or_default();
    format!("  {} {}{reason}", event.agent, event.kind)
}

fn task_line(task: &TaskEvent, spinner: &str) -> Line {
    let (mark, style) = match task.status {
        TaskStatus::Pending => ("·", Style::Dim),
        TaskStatus::Running => (spinner, Style::Bold),
        TaskStatus::Completed => ("✔", Style::Good),
        TaskStatus::Failed => ("✘", Style::Bad),
        TaskStatus::Cancelled => ("–", Style::Dim),
        TaskStatus::Retrying => ("↻", Style::Warn),
    };
    let mut line = Line::new().add(" ", None).add(mark, Some(style)).add(
        &format!(" {:<12} {:<14} {:<40}", task.task_id, task.tool, task.title),
        None,
    );
    if task.attempt > 1 {
        line = line.add(&format!(" attempt {}", task.attempt), Some(Style::Warn));
    }
    if let Some(score) = task.score {
        line = line.add(
            &format!(" critic {score:.2}"),
            Some(if score >= 0.85 {
                Style::Good
            } else {
                Style::Warn
            }),
        );
    }
    if let Some(reason) = &task.reason {
        // The whole of it is in the log; a line shows its beginning.
        let short: String = reason.chars().take(100).collect();
        let cut = if short.len() < reason.len() {
            "…"
        } else {
            ""
        };
        line = line.add(&format!(" {short}{cut}"), Some(Style::Warn));
    }
    line
}

/// Text in pieces, each with its style, so that a line can be cut without cutting a colour in half.
#[derive(Debug, Default)]
struct Line(Vec<(String, Option<Style>)>);

impl Line {
    fn new() -> Self {
        Self::default()
    }

    fn add(mut self, text: &str, style: Option<Style>) -> Self {
        self.0.push((shown::terminal(text), style));
        self
    }

    fn fit(self, width: usize, colour: bool) -> String {
        let mut left = width;
        let mut out = String::new();
        for (text, style) in self.0 {
            if left == 0 {
                break;
            }
            let length = text.chars().count();
            let cut: String = if length > left {
                text.chars()
                    .take(left.saturating_sub(1))
                    .chain(['…'])
                    .collect()
            } else {
                text
            };
            left -= cut.chars().count().min(left);
            match style {
                Some(style) => out.push_str(&paint(&cut, style, colour)),
                None => out.push_str(&cut),
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, status: TaskStatus, agent: Option<&str>, attempt: u32) -> TaskEvent {
        TaskEvent {
            goal_id: "g".into(),
            task_id: id.into(),
            tool: "sql".into(),
            title: "totals per month".into(),
            status,
            attempt,
            agent: agent.map(str::to_owned),
            score: None,
            duration_ms: None,
            reason: None,
            at: None,
            judged: None,
            tokens: None,
        }
    }

    fn picture() -> Picture {
        let mut picture = Picture::new("Analyze Q3 sales", "smollm2 on cpu");
        picture.place("macro", "macro.executor.001@local");
        picture.place("macro", "macro.executor.002@local");
        picture
    }

    #[test]
    fn an_agent_shows_the_tasks_it_holds_and_lets_go_of_them() {
        let mut picture = picture();
        picture.task(event(
            "t1",
            TaskStatus::Running,
            Some("macro.executor.002@local"),
            1,
        ));
        assert!(picture.render(200, 0, false)[1].contains("executor.002[t1]"));
        picture.task(event("t2", TaskStatus::Pending, None, 0));
        assert!(picture.render(200, 0, false)[0].ends_with("   0 of 2 results"));
        picture.task(event("t1", TaskStatus::Completed, None, 1));
        assert!(!picture.render(200, 0, false)[1].contains("[t1]"));
        assert!(picture.render(200, 0, false)[0].ends_with("   1 of 2 results"));
    }

    #[test]
    fn a_restart_is_counted_and_seen() {
        let mut picture = picture();
        for kind in ["exited", "restarting", "started"] {
            picture.agent(&AgentEvent {
                agent: "macro.executor.001@local".into(),
                kind: kind.into(),
                reason: Some("killed".into()),
                supervisor: "macro".into(),
            });
        }
        assert!(picture.render(200, 0, false)[1].contains("executor restarted 1x"));
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_and_none_moves_its_cursor() {
        let mut picture = Picture::new("a goal\u{1b}[2J that is\nvery long indeed", "m");
        picture.task(event("t1", TaskStatus::Retrying, None, 2));
        for line in picture.render(20, 3, false) {
            assert!(line.chars().count() <= 20, "{line:?}");
            assert!(!line.chars().any(char::is_control), "{line:?}");
        }
    }

    #[test]
    fn without_colour_there_is_no_escape() {
        let mut picture = picture();
        picture.task(event("t1", TaskStatus::Failed, None, 3));
        assert!(
            picture
                .render(80, 0, false)
                .iter()
                .all(|line| !line.contains('\u{1b}'))
        );
        assert!(
            picture
                .render(80, 0, true)
                .iter()
                .any(|line| line.contains('\u{1b}'))
        );
    }
}
