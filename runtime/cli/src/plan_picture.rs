//! A plan before anything runs, drawn as text and as a Mermaid flowchart. Pure.

use aios_work::{MadeBy, Plan, PlanFile, Task, shown};
use serde_json::Value;

/// Characters of a task's arguments that are shown.
const ARGS: usize = 100;

/// The plan as lines: who made it, its tasks wave by wave with what they wait for, and what the answer must say.
pub(crate) fn text(file: &PlanFile) -> Vec<String> {
    let plan = file.plan("plan");
    let mut lines = vec![shown::terminal(&file.goal), head(file, &plan)];
    let (ids, tools) = (
        width(&plan, |task| &task.id),
        width(&plan, |task| &task.tool),
    );
    for (wave, tasks) in plan.waves().into_iter().enumerate() {
        lines.push(String::new());
        lines.push(format!(
            "  {}. {}",
            wave + 1,
            if wave == 0 { "first" } else { "then" }
        ));
        for task in tasks {
            let id = shown::terminal(&task.id);
            let tool = shown::terminal(&task.tool);
            let mut line = format!(
                "     {id:<ids$}  {tool:<tools$}  {}",
                shown::terminal(&task.title(&plan.points))
            );
            let waits: Vec<String> = waits(task);
            if !waits.is_empty() {
                line.push_str(&format!("  <- {}", waits.join(", ")));
            }
            lines.push(line);
            let args = args(&task.args);
            if !args.is_empty() {
                lines.push(format!("     {:ids$}  {args}", ""));
            }
        }
    }
    if !plan.points.is_empty() {
        lines.push(String::new());
        lines.push("  the answer must say".to_owned());
        for point in &plan.points {
            let by = plan
                .tasks
                .iter()
                .filter(|task| task.point.as_ref() == Some(&point.id));
            let by: Vec<String> = by.map(|task| shown::terminal(&task.id)).collect();
            let by = if by.is_empty() {
                "nobody".to_owned()
            } else {
                by.join(", ")
            };
            lines.push(format!("     {}  ({by})", shown::terminal(&point.asks)));
        }
    }
    for gap in &plan.gaps {
        lines.push(format!("  missing: {}", shown::terminal(gap)));
    }
    lines
}

fn head(file: &PlanFile, plan: &Plan) -> String {
    let by = match (file.made_by, &file.domain) {
        (_, Some(pack)) => format!("by the rules of {}", shown::terminal(pack)),
        (MadeBy::Rules, None) => "by rules".to_owned(),
        (MadeBy::Model, None) => "by the model".to_owned(),
        (MadeBy::File, None) => "from a file".to_owned(),
    };
    let calls: usize = plan.tasks.iter().map(Task::calls).sum();
    let tokens: u64 = plan
        .tasks
        .iter()
        .map(|task| u64::from(task.tokens) * task.calls() as u64)
        .sum();
    let most = if calls > plan.tasks.len() {
        "at most "
    } else {
        ""
    };
    format!(
        "  {by}: {} tasks, {most}{calls} calls, {tokens} model tokens",
        plan.tasks.len()
    )
}

fn width(plan: &Plan, of: impl Fn(&Task) -> &String) -> usize {
    let widths = plan
        .tasks
        .iter()
        .map(|task| shown::terminal(of(task)).chars().count());
    widths.max().unwrap_or(0).min(40)
}

fn waits(task: &Task) -> Vec<String> {
    let needs = task.needs.iter().map(|need| match &task.each {
        Some(each) if each.from == *need => {
            format!(
                "each of {}{} (at most {})",
                shown::terminal(need),
                shown::terminal(&each.at),
                each.most
            )
        }
        _ => shown::terminal(need),
    });
    let after = task
        .after
        .iter()
        .map(|other| format!("{} if it can", shown::terminal(other)));
    needs.chain(after).collect()
}

/// The arguments on one line; nothing where there are none.
fn args(args: &Value) -> String {
    if args.as_object().is_none_or(serde_json::Map::is_empty) {
        return String::new();
    }
    let written = shown::terminal(&args.to_string());
    let short: String = written.chars().take(ARGS).collect();
    let cut = if short.len() < written.len() {
        "…"
    } else {
        ""
    };
    format!("{short}{cut}")
}

/// The plan as a Mermaid flowchart.
pub(crate) fn mermaid(file: &PlanFile) -> String {
    let plan = file.plan("plan");
    let mut lines = vec!["flowchart TD".to_owned()];
    let place = |id: &str| plan.tasks.iter().position(|task| task.id == id);
    for (at, task) in plan.tasks.iter().enumerate() {
        let each = task
            .each
            .as_ref()
            .map(|each| format!("<br/>for each, at most {}", each.most));
        let title = task.title(&plan.points);
        lines.push(format!(
            "  t{at}[\"{}<br/>{}{}\"]",
            label(&title),
            label(&task.tool),
            each.unwrap_or_default()
        ));
    }
    for (at, task) in plan.tasks.iter().enumerate() {
        let edge = |arrow: &str, from: &String| Some(format!("  t{} {arrow} t{at}", place(from)?));
        lines.extend(task.needs.iter().filter_map(|from| edge("-->", from)));
        lines.extend(task.after.iter().filter_map(|from| edge("-.->", from)));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// Text inside a label: whatever means something to Mermaid or HTML stands there as its number.
fn label(text: &str) -> String {
    let text: String = shown::terminal(text).chars().take(60).collect();
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_alphanumeric() || matches!(c, ' ' | '_' | '-' | '.' | ',') {
            out.push(c);
        } else {
            out.push_str(&format!("#{};", u32::from(c)));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn file() -> PlanFile {
        let file = json!({
            "goal": "Price the list",
            "points": [{"id": "p", "asks": "each price"}, {"id": "q", "asks": "nothing yet"}],
            "tasks": [
                {"id": "list", "tool": "shop__list", "args": {"folder": "a\u{1b}[2J"}},
                {"id": "price", "tool": "shop__price", "args": {"name": {"$each": "/name"}}, "point": "p",
                 "each": {"$from": "list", "at": "/items", "most": 5}, "tokens": 10},
                {"id": "say", "agent": "speaker", "args": {}, "title": "say \"it\" <b>", "after": ["price"]}
            ]
        });
        PlanFile::read(file.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_plan_is_drawn_wave_by_wave_with_what_each_task_waits_for() {
        let lines = text(&file());
        let expected = [
            "Price the list",
            "  from a file: 3 tasks, at most 7 calls, 50 model tokens",
            "",
            "  1. first",
            "     list   shop__list      list",
            "            {\"folder\":\"a\\u001b[2J\"}",
            "",
            "  2. then",
            "     price  shop__price     each price  <- each of list/items (at most 5)",
            "            {\"name\":{\"$each\":\"/name\"}}",
            "",
            "  3. then",
            "     say    agent__speaker  say \"it\" <b>  <- price if it can",
            "",
            "  the answer must say",
            "     each price  (price)",
            "     nothing yet  (nobody)",
        ];
        assert_eq!(lines, expected);
        assert!(lines.iter().all(|line| !line.chars().any(char::is_control)));
    }

    #[test]
    fn a_flowchart_holds_every_task_and_edge_and_no_markup_of_theirs() {
        let drawn = mermaid(&file());
        assert_eq!(
            drawn,
            "flowchart TD\n  t0[\"list<br/>shop__list\"]\n  t1[\"each price<br/>shop__price<br/>for each, at most 5\"]\n  t2[\"say #34;it#34; #60;b#62;<br/>agent__speaker\"]\n  t0 --> t1\n  t1 -.-> t2\n"
        );
    }
}
