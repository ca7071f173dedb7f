//! `aios tool list`: every tool in a line.

use std::process::ExitCode;

use aios_control::ToolLine;
use aios_work::shown;

use super::{Asked, effect, hindrance, named};
use crate::arguments::ToolList;
use crate::console::{self, Style, paint};
use crate::failure::Failure;

/// The widest a column gets before its text is cut.
const NAME: usize = 32;
const NEEDS: usize = 28;

pub(super) fn run(arguments: &ToolList) -> Result<ExitCode, Failure> {
    let known = Asked::new(&arguments.of)?.known()?;
    for gap in known.gaps() {
        console::note(&gap);
    }
    let tools = known.tools;
    if arguments.of.json {
        console::json(&tools)?;
        return Ok(ExitCode::SUCCESS);
    }
    let (width, colour) = console::paper();
    console::result(&lines(&tools, width, colour).join("\n"))?;
    let refused = tools.iter().filter(|tool| !tool.missing.is_empty()).count();
    if refused > 0 {
        console::note(
            "what is not granted can be: tools.grants in the configuration, or --set tools.grants=A,B",
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn lines(tools: &[ToolLine], width: usize, colour: bool) -> Vec<String> {
    let widest = |most: usize, of: &dyn Fn(&ToolLine) -> String| {
        let longest = tools.iter().map(|tool| of(tool).chars().count()).max();
        longest.unwrap_or(0).min(most)
    };
    let name = |tool: &ToolLine| shown::terminal(&tool.spec.name);
    let needs = |tool: &ToolLine| match tool.spec.needs.is_empty() {
        true => "-".to_owned(),
        false => named(&tool.spec.needs),
    };
    let (names, need) = (widest(NAME, &name), widest(NEEDS, &needs));
    tools
        .iter()
        .map(|tool| {
            let head = format!(
                "{:names$}  {:10}  {:need$}  ",
                cut(&name(tool), NAME),
                effect(tool.spec.effect),
                cut(&needs(tool), NEEDS)
            );
            let (tail, style) = match hindrance(tool) {
                Some(why) => (why, Style::Warn),
                None => (tool.spec.description.clone(), Style::Dim),
            };
            let room = width.saturating_sub(head.chars().count()).max(20);
            let tail = cut(&shown::terminal(&tail), room);
            format!("{head}{}", paint(&tail, style, colour))
        })
        .collect()
}

/// The beginning of a text, with dots where it was cut.
fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let kept: String = text.chars().take(room.saturating_sub(3)).collect();
    format!("{}...", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use aios_work::{Capability, Effect, ToolSpec};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tool_is_a_line_that_fits_and_what_is_in_its_way_is_said() {
        let tool = |name: &str, description: &str, missing: bool| ToolLine {
            spec: ToolSpec {
                name: name.to_owned(),
                description: description.to_owned(),
                input: json!({}),
                output: json!({}),
                needs: [Capability::PROCESS_RUN].into(),
                effect: Effect::Ask,
            },
            missing: missing
                .then_some(Capability::PROCESS_RUN)
                .into_iter()
                .collect(),
            unusable: None,
        };
        let tools = [
            tool("short", &"words and ".repeat(20), false),
            tool("evil\u{1b}[2J", "x", true),
        ];
        let seen = lines(&tools, 72, false);
        assert!(
            seen.iter().all(|line| line.chars().count() <= 72),
            "{seen:?}"
        );
        assert!(
            seen[0].starts_with("short") && seen[0].ends_with("..."),
            "{seen:?}"
        );
        assert!(seen[0].contains("ask         process.run"), "{seen:?}");
        assert!(
            seen[1].contains("not granted: process") && !seen[1].contains('\u{1b}'),
            "{seen:?}"
        );
    }
}
