//! The supervision tree as a person reads it: one line a child, what it does, how near its limits it is, how it last ended.

use std::time::Duration;

use aios_runtime::NodeView;
use aios_supervisor::{ChildState, ChildView, Strategy, SupervisorState, TreeView};
use aios_work::shown;

use crate::console::{Style, paint};

/// The columns after the name.
const HEADINGS: [&str; 6] = [
    "STATE",
    "RESTARTS",
    "BACK IN",
    "MAILBOX",
    "LAST EXIT",
    "NOTE",
];
/// Space between columns.
const GAP: usize = 2;

struct Row {
    margin: String,
    name: String,
    cells: [String; 6],
    style: Option<Style>,
}

/// The picture as lines no wider than `width`.
pub(crate) fn lines(view: &NodeView, width: usize, colour: bool) -> Vec<String> {
    let tree = &view.tree;
    let mut rows = vec![Row {
        margin: String::new(),
        name: tree.path.to_string(),
        cells: [
            supervisor_state(tree.state).to_owned(),
            limits(tree),
            String::new(),
            String::new(),
            String::new(),
            String::new(),
        ],
        style: Some(Style::Bold),
    }];
    below(tree, "", &mut rows);

    let name_width = rows
        .iter()
        .map(|row| row.margin.chars().count() + row.name.chars().count())
        .max()
        .unwrap_or(0);
    let widths: Vec<usize> = (0..HEADINGS.len())
        .map(|column| {
            let cells = rows.iter().map(|row| row.cells[column].chars().count());
            cells.max().unwrap_or(0).max(HEADINGS[column].len())
        })
        .collect();
    let mut heading = fitted("CHILD", name_width);
    for (column, title) in HEADINGS.iter().enumerate() {
        heading.push_str(&" ".repeat(GAP));
        heading.push_str(&fitted(title, widths[column]));
    }
    let mut lines = vec![
        cut(&summary(view), width),
        paint(&cut(heading.trim_end(), width), Style::Dim, colour),
    ];
    lines.extend(rows.iter().map(|row| {
        let used = row.margin.chars().count();
        let mut rest = fitted(&row.name, name_width.saturating_sub(used));
        for (cell, width) in row.cells.iter().zip(&widths) {
            rest.push_str(&" ".repeat(GAP));
            rest.push_str(&fitted(cell, *width));
        }
        let rest = cut(rest.trim_end(), width.saturating_sub(used));
        let margin = paint(&row.margin, Style::Dim, colour && used > 0);
        match row.style {
            Some(style) => format!("{margin}{}", paint(&rest, style, colour)),
            None => format!("{margin}{rest}"),
        }
    }));
    for breaker in view.breakers.iter().filter(|seen| seen.state != "closed") {
        let rest = Duration::from_millis(breaker.retry_after_ms);
        let sentence = format!(
            "breaker of {} is {}, lets {:.0} % through, next look in {}: {}",
            breaker.service,
            breaker.state,
            breaker.share * 100.0,
            brief(rest),
            breaker.last_error
        );
        lines.push(paint(&cut(&sentence, width), Style::Warn, colour));
    }
    for deadlock in &view.deadlocks {
        lines.push(paint(
            &cut(&deadlock.to_string(), width),
            Style::Bad,
            colour,
        ));
    }
    lines
}

fn summary(view: &NodeView) -> String {
    let NodeView {
        messages,
        restarts,
        dead_letters,
        model,
        ..
    } = view;
    let thinker = if model.name.is_empty() {
        &model.engine
    } else {
        &model.name
    };
    format!(
        "{thinker} on {}; {} messages signed, {} refused, {dead_letters} dead letters, {restarts} restarts",
        model.device, messages.sent, messages.refused
    )
}

fn below(tree: &TreeView, margin: &str, rows: &mut Vec<Row>) {
    let count = tree.children.len();
    for (at, child) in tree.children.iter().enumerate() {
        let last = at + 1 == count && tree.omitted == 0;
        let (branch, under) = if last {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        rows.push(row(child, format!("{margin}{branch}")));
        if let Some(subtree) = &child.supervisor {
            below(subtree, &format!("{margin}{under}"), rows);
        }
    }
    if tree.omitted > 0 {
        rows.push(Row {
            margin: format!("{margin}└─ "),
            name: format!("and {} more", tree.omitted),
            cells: Default::default(),
            style: Some(Style::Dim),
        });
    }
}

fn row(child: &ChildView, margin: String) -> Row {
    let restarts = match &child.supervisor {
        Some(tree) => limits(tree),
        None if child.restarts == 0 => String::new(),
        None => child.restarts.to_string(),
    };
    let style = match child.state {
        ChildState::Running | ChildState::Finished if child.restarts == 0 => None,
        ChildState::Running | ChildState::Finished => Some(Style::Warn),
        ChildState::Starting | ChildState::Stopping | ChildState::Waiting => Some(Style::Dim),
        ChildState::Backoff | ChildState::Stopped => Some(Style::Bad),
    };
    Row {
        margin,
        name: shown::terminal(child.id.as_ref()),
        cells: [
            child.state.label().to_owned(),
            restarts,
            child.backoff_left.map(brief).unwrap_or_default(),
            child
                .mailbox
                .map(|depth| format!("{}/{}", depth.queued, depth.capacity))
                .unwrap_or_default(),
            child
                .last_exit
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            child
                .note
                .as_deref()
                .map(shown::terminal)
                .unwrap_or_default(),
        ],
        style,
    }
}

/// Who is restarted with whom, and restarts that count now against those allowed.
fn limits(tree: &TreeView) -> String {
    let strategy = match tree.strategy {
        Strategy::OneForOne => "one_for_one",
        Strategy::OneForAll => "one_for_all",
        Strategy::RestForOne => "rest_for_one",
        Strategy::Dynamic => "dynamic",
    };
    let limit = tree.intensity;
    format!(
        "{}/{} in {} {strategy}",
        tree.restarts,
        limit.restarts,
        brief(limit.within)
    )
}

fn supervisor_state(state: SupervisorState) -> &'static str {
    match state {
        SupervisorState::Starting => "starting",
        SupervisorState::Running => "running",
        SupervisorState::Stopping => "stopping",
        SupervisorState::Down => "down",
    }
}

fn brief(time: Duration) -> String {
    match time.as_millis() {
        ms @ 0..1_000 => format!("{ms} ms"),
        ms @ 1_000..60_000 if ms % 1_000 != 0 => format!("{:.1} s", time.as_secs_f64()),
        ms if ms < 60_000 => format!("{} s", ms / 1_000),
        ms => format!("{} min", ms / 60_000),
    }
}

fn fitted(text: &str, width: usize) -> String {
    format!(
        "{text}{}",
        " ".repeat(width.saturating_sub(text.chars().count()))
    )
}

fn cut(text: &str, width: usize) -> String {
    let text = shown::terminal(text);
    if text.chars().count() <= width {
        return text;
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_value, json};

    fn view() -> NodeView {
        let child = |id: &str, state: &str| {
            json!({
                "id": id, "kind": "worker", "restart": "permanent", "state": state, "incarnation": 3, "pid": null,
                "since": { "secs": 4, "nanos": 0 }, "restarts": 2, "backoff_left": { "secs": 1, "nanos": 500_000_000 },
                "last_exit": null, "mailbox": { "queued": 3, "capacity": 256 }, "supervisor": null,
            })
        };
        let tree = json!({
            "path": "node", "strategy": "rest_for_one", "state": "running", "pid": 1,
            "uptime": { "secs": 9, "nanos": 0 }, "restarts": 1,
            "intensity": { "restarts": 10, "within": { "secs": 10, "nanos": 0 } },
            "counts": { "specs": 2, "active": 1, "supervisors": 0, "workers": 2 },
            "children": [child("macro.planner.001@local", "backoff"), child("door", "running")],
            "omitted": 4,
        });
        from_value(json!({
            "tree": tree, "agents": [], "messages": { "sent": 7, "verified": 7, "refused": 0 },
            "restarts": 2, "dead_letters": 0, "breakers": [], "deadlocks": [], "model": { "engine": "scripted", "device": "cpu", "name": "" },
        }))
        .expect("a view")
    }

    #[test]
    fn a_line_tells_state_restarts_against_the_limit_backoff_mailbox_and_what_is_left_out() {
        let lines = lines(&view(), usize::MAX, false);
        assert_eq!(
            lines[0],
            "scripted on cpu; 7 messages signed, 0 refused, 0 dead letters, 2 restarts"
        );
        assert!(lines[2].starts_with("node "), "{}", lines[2]);
        assert!(
            lines[2].contains("1/10 in 10 s rest_for_one"),
            "{}",
            lines[2]
        );
        let planner = lines[3].split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(planner, "├─ macro.planner.001@local backoff 2 1.5 s 3/256");
        assert_eq!(lines[5], "└─ and 4 more");
    }

    #[test]
    fn no_line_is_wider_than_there_is_room_and_columns_stand_under_their_headings() {
        for width in [20, 40, 80] {
            for line in lines(&view(), width, false) {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
        }
        let lines = lines(&view(), usize::MAX, false);
        let at = |line: &str, word: &str| line.find(word).map(|at| line[..at].chars().count());
        assert_eq!(at(&lines[1], "STATE"), at(&lines[3], "backoff"));
        assert_eq!(at(&lines[1], "MAILBOX"), at(&lines[3], "3/256"));
    }
}
