//! What is shown: a line of figures, the tree, the goals, and the keys. The same as text for whoever has no terminal.

use aios_control::{GoalLine, GoalPhase};
use aios_work::shown;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, Paragraph, Sparkline};

use super::Look;
use super::pulse::Pulse;
use crate::tree_picture;

/// Lines of goals that are always there, their frame included.
const GOALS_ROWS: u16 = 9;
/// Below this the goals get no place of their own: the tree says more.
const SMALL: u16 = 16;

/// What is known of a node.
pub(super) struct Shown {
    tree: Vec<String>,
    look: Look,
    pulse: Pulse,
    /// Why what is shown is how it was.
    pub(super) trouble: Option<String>,
}

impl Shown {
    pub(super) fn new(look: Look, pulse: Pulse, trouble: Option<String>) -> Self {
        // The first line of the picture is the summary, which stands in the head here.
        let tree = tree_picture::lines(&look.view, usize::MAX, false);
        let tree = tree.into_iter().skip(1);
        Self {
            tree: tree.map(|line| shown::terminal(&line)).collect(),
            look,
            pulse,
            trouble,
        }
    }

    /// The node in figures.
    fn figures(&self) -> String {
        let view = &self.look.view;
        let running = view.agents.iter().filter(|agent| agent.state == "running");
        let under_way = self
            .look
            .goals
            .iter()
            .filter(|goal| goal.phase == GoalPhase::Running);
        let resting = view.breakers.iter().filter(|seen| seen.state != "closed");
        let rate = match self.pulse.now() {
            Some(rate) => format!("{rate:.1}/s"),
            None => "-/s".to_owned(),
        };
        format!(
            "agents {}/{}  goals {} of {}  messages {} ({rate})  refused {}  restarts {} ({:.1}/s)  dead letters {}  breakers open {}",
            running.count(),
            view.agents.len(),
            under_way.count(),
            self.look.goals.len(),
            view.messages.sent,
            view.messages.refused,
            view.restarts,
            self.pulse.restarts,
            view.dead_letters,
            resting.count(),
        )
    }

    fn thinker(&self) -> String {
        let model = &self.look.view.model;
        let name = if model.name.is_empty() {
            &model.engine
        } else {
            &model.name
        };
        shown::terminal(&format!("{name} on {}", model.device))
    }
}

fn sign(phase: GoalPhase) -> (&'static str, &'static str, Color) {
    match phase {
        GoalPhase::Running => (">", "running", Color::Cyan),
        GoalPhase::Answered => ("+", "answered", Color::Green),
        GoalPhase::Failed => ("x", "failed", Color::Red),
        GoalPhase::Cancelled => ("-", "cancelled", Color::DarkGray),
        GoalPhase::Interrupted => ("!", "interrupted", Color::Yellow),
        GoalPhase::Paused => ("=", "paused", Color::Yellow),
        GoalPhase::Parked => ("x", "parked", Color::Red),
    }
}

fn goal(goal: &GoalLine) -> String {
    let (sign, word, _) = sign(goal.phase);
    shown::terminal(&format!(
        "{sign} {word:<11} {:<18} {}",
        goal.goal_id,
        goal.words()
    ))
}

/// The whole as text.
pub(super) fn text(shown: &Shown, width: usize) -> String {
    let mut lines = vec![
        format!("aios top  {}", shown.thinker()),
        shown.figures(),
        String::new(),
    ];
    lines.extend(shown.tree.iter().cloned());
    lines.push(String::new());
    match shown.look.goals.is_empty() {
        true => lines.push("no goal is on record".to_owned()),
        false => lines.extend(shown.look.goals.iter().map(goal)),
    }
    let cut = |line: String| line.chars().take(width).collect::<String>();
    lines.into_iter().map(cut).collect::<Vec<_>>().join("\n")
}

/// Which part has the keys, and how far each is moved.
#[derive(Debug, Default)]
pub(super) struct Place {
    in_goals: bool,
    moved: [usize; 2],
    /// Lines there are, and lines in sight, of either part as it was drawn last.
    lines: [usize; 2],
    rows: [usize; 2],
}

impl Place {
    fn part(&self) -> usize {
        usize::from(self.in_goals)
    }

    pub(super) fn other(&mut self) {
        self.in_goals = !self.in_goals;
    }

    /// As many lines as are in sight, less one.
    pub(super) fn page(&self) -> isize {
        isize::try_from(self.rows[self.part()].max(2) - 1).unwrap_or(1)
    }

    pub(super) fn by(&mut self, lines: isize) {
        let part = self.part();
        self.moved[part] = self.moved[part].saturating_add_signed(lines);
        self.settle(part);
    }

    fn settle(&mut self, part: usize) {
        let most = self.lines[part].saturating_sub(self.rows[part]);
        self.moved[part] = self.moved[part].min(most);
    }

    /// The lines of a part that are in sight.
    fn seen<'a, T>(&mut self, part: usize, all: &'a [T], rows: u16) -> &'a [T] {
        self.lines[part] = all.len();
        self.rows[part] = usize::from(rows);
        self.settle(part);
        let from = self.moved[part];
        &all[from..(from + self.rows[part]).min(all.len())]
    }
}

/// Draws it. Without colours what matters is bold, and every state is a word.
pub(super) fn draw(frame: &mut Frame<'_>, shown: &Shown, place: &mut Place, colour: bool) {
    let paint = |colours: Color| match colour {
        true => Style::new().fg(colours),
        false => Style::new(),
    };
    let area = frame.area();
    let small = area.height < SMALL;
    if small {
        place.in_goals = false;
    }
    let goals_rows = if small { 0 } else { GOALS_ROWS };
    let [head, tree, goals, foot] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Min(3),
        Constraint::Length(goals_rows),
        Constraint::Length(1),
    ])
    .areas(area);

    let title = Line::from(vec![
        Span::styled("aios top  ", Style::new().add_modifier(Modifier::BOLD)),
        Span::raw(shown.thinker()),
    ]);
    let figures = Line::from(shown.figures());
    frame.render_widget(Paragraph::new(Text::from(vec![title, figures])), head);
    let [_, beat] = Layout::horizontal([Constraint::Min(0), Constraint::Length(30)])
        .areas(Rect { height: 1, ..head });
    let bars: Vec<u64> = shown
        .pulse
        .messages
        .iter()
        .map(|rate| rate.ceil() as u64)
        .collect();
    let bars = &bars[bars.len().saturating_sub(usize::from(beat.width))..];
    frame.render_widget(
        Sparkline::default().data(bars).style(paint(Color::Cyan)),
        beat,
    );

    let framed = |title: String, has_keys: bool| {
        let style = match has_keys {
            true => paint(Color::Cyan).add_modifier(Modifier::BOLD),
            false => Style::new(),
        };
        Block::bordered().title(title).border_style(style)
    };
    let block = framed(" tree ".to_owned(), !place.in_goals);
    let inner = block.inner(tree);
    let lines = place.seen(0, &shown.tree, inner.height);
    let lines: Vec<Line<'_>> = lines
        .iter()
        .map(|line| {
            let style = match line {
                line if line.contains("backoff") || line.contains("suspended") => {
                    paint(Color::Yellow)
                }
                line if line.contains("breaker of") || line.contains("deadlock") => {
                    paint(Color::Red)
                }
                line if line.contains("stopped") => paint(Color::DarkGray),
                _ => Style::new(),
            };
            Line::styled(line.as_str(), style)
        })
        .collect();
    frame.render_widget(Paragraph::new(lines).block(block), tree);

    if !small {
        let block = framed(
            format!(" goals {} ", shown.look.goals.len()),
            place.in_goals,
        );
        let inner = block.inner(goals);
        let lines = place.seen(1, &shown.look.goals, inner.height);
        let lines: Vec<Line<'_>> = lines
            .iter()
            .map(|line| Line::styled(goal(line), paint(sign(line.phase).2)))
            .collect();
        frame.render_widget(Paragraph::new(lines).block(block), goals);
    }
    let foot_line = match &shown.trouble {
        Some(trouble) => Line::styled(
            shown::terminal(&format!("as it was: {trouble}; it is tried again")),
            paint(Color::Red).add_modifier(Modifier::BOLD),
        ),
        None => Line::from("arrows move, Tab changes sides, q leaves"),
    };
    frame.render_widget(Paragraph::new(foot_line), foot);
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use serde_json::json;

    use super::*;

    fn look(sent: u64, at: Instant) -> Look {
        let child = |id: &str, state: &str, exit: serde_json::Value| {
            json!({"id": id, "kind": "worker", "restart": "permanent", "state": state, "incarnation": 1, "pid": 1,
                "since": {"secs": 5, "nanos": 0}, "restarts": 1, "backoff_left": null, "last_exit": exit,
                "mailbox": {"queued": 3, "capacity": 64}, "note": null, "supervisor": null})
        };
        let children: Vec<_> = (0..40)
            .map(|n| {
                child(
                    &format!("macro.clerk.{n:03}@local"),
                    if n == 1 { "backoff" } else { "running" },
                    json!("killed"),
                )
            })
            .collect();
        let view = json!({
            "tree": {"path": "node", "strategy": "one_for_one", "state": "running", "pid": 1, "uptime": {"secs": 9, "nanos": 0},
                "restarts": 1, "intensity": {"restarts": 5, "within": {"secs": 60, "nanos": 0}},
                "counts": {"specs": 40, "active": 39, "supervisors": 0, "workers": 40}, "children": children, "omitted": 0},
            "agents": [{"id": "a", "supervisor": "node", "state": "running", "restarts": 0}, {"id": "b", "supervisor": "node", "state": "backoff", "restarts": 1}],
            "messages": {"sent": sent, "verified": sent, "refused": 2}, "restarts": 1, "dead_letters": 4,
            "model": {"engine": "scripted", "device": "cpu", "name": ""}, "breakers": [], "deadlocks": [],
        });
        let goals = json!([
            {"goal_id": "q3", "text": "Analyze Q3 sales", "phase": "running"},
            {"goal_id": "bad", "text": "a \u{1b}[2J picture", "phase": "failed"},
            {"goal_id": "torn", "text": "", "phase": "interrupted", "unreadable": "form 2"},
        ]);
        Look {
            view: serde_json::from_value(view).unwrap(),
            goals: serde_json::from_value(goals).unwrap(),
            at,
        }
    }

    fn shown() -> Shown {
        let now = Instant::now();
        let mut pulse = Pulse::default();
        pulse.see(&look(100, now));
        let later = look(150, now + Duration::from_secs(2));
        pulse.see(&later);
        Shown::new(later, pulse, None)
    }

    fn screen(shown: &Shown, place: &mut Place, colour: bool, size: (u16, u16)) -> (String, bool) {
        let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
        terminal
            .draw(|frame| draw(frame, shown, place, colour))
            .unwrap();
        let buffer = terminal.backend().buffer();
        let colours = buffer.content().iter().any(|cell| cell.fg != Color::Reset);
        let rows = buffer.content().chunks(usize::from(size.0));
        let rows = rows.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>());
        (rows.collect::<Vec<_>>().join("\n"), colours)
    }

    #[test]
    fn the_tree_the_goals_and_the_rates_are_seen_and_what_they_say_moves_no_cursor() {
        let (seen, colours) = screen(&shown(), &mut Place::default(), true, (120, 40));
        for part in [
            "scripted on cpu",
            "agents 1/2",
            "messages 150 (25.0/s)",
            "dead letters 4",
            "macro.clerk.000@local",
            "backoff",
            "> running     q3",
            "Analyze Q3 sales",
            "x failed      bad",
            "(its record cannot be read: form 2)",
        ] {
            assert!(seen.contains(part), "{part} is missing:\n{seen}");
        }
        assert!(!seen.contains('\u{1b}'));
        assert!(colours);
        let (plain, colours) = screen(&shown(), &mut Place::default(), false, (120, 40));
        assert_eq!(plain, seen);
        assert!(!colours);
    }

    #[test]
    fn the_keys_move_the_side_that_has_them_and_never_past_its_end() {
        let shown = shown();
        let mut place = Place::default();
        screen(&shown, &mut place, false, (120, 30));
        place.by(3);
        let (seen, _) = screen(&shown, &mut place, false, (120, 30));
        assert!(!seen.contains("clerk.000"), "{seen}");
        place.by(isize::MAX);
        let (seen, _) = screen(&shown, &mut place, false, (120, 30));
        assert!(seen.contains("clerk.039"), "{seen}");
        place.other();
        place.by(isize::MAX);
        place.by(isize::MIN);
        let (seen, _) = screen(&shown, &mut place, false, (120, 30));
        assert!(
            seen.contains("Analyze Q3 sales") && seen.contains("clerk.039"),
            "{seen}"
        );
    }

    #[test]
    fn a_small_screen_shows_the_tree_and_an_error_says_that_it_is_tried_again() {
        let mut shown = shown();
        shown.trouble = Some("no node runs".to_owned());
        for size in [(40, 8), (20, 5), (1, 1), (200, 60)] {
            let (seen, _) = screen(&shown, &mut Place::default(), true, size);
            if size.0 >= 40 {
                assert!(seen.contains("as it was: no node runs"), "{seen}");
            }
        }
    }

    #[test]
    fn without_a_terminal_it_is_text() {
        let text = text(&shown(), 100);
        assert!(
            text.starts_with("aios top  scripted on cpu\nagents 1/2"),
            "{text}"
        );
        assert!(text.contains("macro.clerk.039@local") && text.contains("x failed      bad"));
        assert!(!text.contains('\u{1b}') && text.lines().all(|line| line.chars().count() <= 100));
    }
}
