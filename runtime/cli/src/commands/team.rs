//! `aios team show`: a team's file drawn as the tree it will be, with what is wrong with it.

use std::process::ExitCode;

use aios_runtime::standard_tools;
use aios_runtime::team::{Bounds, Child, Group, Seat, Team};
use aios_work::shown;
use serde_json::json;

use crate::arguments::TeamShow;
use crate::console;
use crate::failure::{Failure, Kind};

pub(crate) fn show(arguments: &TeamShow) -> Result<ExitCode, Failure> {
    let team = Team::load(&arguments.file)
        .map_err(|error| Failure::new(Kind::Input, error.to_string()))?;
    let mut problems: Vec<String> = team.problems().iter().map(ToString::to_string).collect();
    let tools = standard_tools();
    for (name, charter) in &team.charters {
        let strange = charter
            .tools
            .iter()
            .filter(|tool| !tools.contains(tool) && !tool.contains("__"));
        problems.extend(strange.map(|tool| format!("charter {name}: there is no tool {tool}")));
    }
    let notes = team.notes();
    if arguments.json {
        console::json(&json!({"team": team, "problems": problems, "notes": notes}))?;
    } else {
        let mut lines = Vec::new();
        lines.push(format!(
            "{}{}",
            group(&team.group),
            bounds(&team.group.bounds)
        ));
        below(&team, &team.group, "", &mut lines);
        lines.extend(notes.iter().map(|note| format!("note: {note}")));
        let lines: Vec<String> = lines.iter().map(|line| shown::terminal(line)).collect();
        console::result(&lines.join("\n"))?;
        for problem in &problems {
            console::note(&format!("wrong: {problem}"));
        }
    }
    Ok(ExitCode::from(u8::from(!problems.is_empty())))
}

fn group(group: &Group) -> String {
    // The words of the file.
    let strategy = serde_json::to_value(group.strategy).unwrap_or_default();
    format!(
        "{}  {}, {} restarts in {} ms",
        group.name,
        strategy.as_str().unwrap_or_default(),
        group.restarts,
        group.within_ms
    )
}

fn bounds(bounds: &Bounds) -> String {
    let mut parts = Vec::new();
    parts.extend(
        bounds
            .tokens
            .map(|tokens| format!("{tokens} tokens together")),
    );
    parts.extend(
        bounds
            .money_micros
            .map(|micros| format!("money {} together", micros as f64 / 1e6)),
    );
    parts.extend(
        bounds
            .tools
            .as_ref()
            .map(|tools| format!("tools {}", tools.join(", "))),
    );
    match parts.is_empty() {
        true => String::new(),
        false => format!("; at most {}", parts.join("; ")),
    }
}

fn below(team: &Team, group_above: &Group, margin: &str, lines: &mut Vec<String>) {
    let last = group_above.children.len().saturating_sub(1);
    for (at, child) in group_above.children.iter().enumerate() {
        let (branch, under) = if at == last {
            ("`- ", "   ")
        } else {
            ("|- ", "|  ")
        };
        match child {
            Child::Group(one) => {
                lines.push(format!(
                    "{margin}{branch}{}{}",
                    group(one),
                    bounds(&one.bounds)
                ));
                below(team, one, &format!("{margin}{under}"), lines);
            }
            Child::Seat(one) => {
                lines.push(format!("{margin}{branch}{}", seat(team, one)));
            }
        }
    }
}

fn seat(team: &Team, seat: &Seat) -> String {
    let times = match seat.instances {
        1 => String::new(),
        many => format!(" x {many}"),
    };
    let Some(charter) = team.charters.get(&seat.charter) else {
        return format!("{}{times}  (no charter)", seat.charter);
    };
    let listed = |what: &str, names: &[String]| match names {
        [] => String::new(),
        names => format!("; {what} {}", names.join(", ")),
    };
    let budget = &charter.budget;
    format!(
        "{}{times}  {}; {} tokens, {} turns, {} s a question{}{}{}",
        seat.charter,
        charter.role,
        budget.tokens,
        budget.turns,
        budget.time_ms as f64 / 1e3,
        listed("tools", &charter.tools),
        listed("hands work to", &charter.delegates),
        bounds(&seat.bounds)
    )
}
