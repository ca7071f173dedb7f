//! `aios swarm top`: the strongest agents of a kind, and how all of them are spread.

use std::process::ExitCode;

use aios_control::{Request, SwarmQuestion};
use serde::Deserialize;
use serde_json::Value;

use super::grouped;
use crate::arguments::SwarmTop;
use crate::client;
use crate::console::{self, Style, paint};
use crate::failure::Failure;

/// The longest bar of a histogram, in characters.
const BAR: u64 = 40;

#[derive(Debug, Deserialize)]
struct Top {
    kind: String,
    seen: u64,
    asleep: u64,
    strongest: Vec<Strong>,
    pheromone: Vec<Class>,
    idle_ms: Vec<Class>,
}

#[derive(Debug, Deserialize)]
struct Strong {
    id: String,
    resource: u64,
    pheromone: f64,
    restarts: u64,
}

#[derive(Debug, Deserialize)]
struct Class {
    below: Option<u64>,
    agents: u64,
}

pub(crate) fn run(arguments: &SwarmTop) -> Result<ExitCode, Failure> {
    let request = Request::Swarm {
        about: SwarmQuestion::Top {
            kind: arguments.kind.clone(),
            most: arguments.most,
        },
    };
    client::show(
        &arguments.show,
        &request,
        |answer: &Value, width, colour| match Top::deserialize(&console::harmless(answer)) {
            Ok(top) => lines(&top, width, colour),
            Err(error) => vec![format!("the node's answer was not understood: {error}")],
        },
    )
}

fn lines(top: &Top, width: usize, colour: bool) -> Vec<String> {
    let fit = |line: String| line.chars().take(width).collect::<String>();
    let heading = format!(
        "{} agents of kind {}, {} asleep",
        grouped(top.seen),
        top.kind,
        grouped(top.asleep)
    );
    let mut lines = vec![paint(&fit(heading), Style::Bold, colour)];
    if !top.strongest.is_empty() {
        let columns = format!(
            "{:<48} {:>20} {:>10} {:>8}",
            "AGENT", "RESOURCE", "PHEROMONE", "RESTARTS"
        );
        lines.push(paint(&fit(columns), Style::Dim, colour));
    }
    for Strong {
        id,
        resource,
        pheromone,
        restarts,
    } in &top.strongest
    {
        lines.push(fit(format!(
            "{id:<48} {resource:>20} {pheromone:>10.2} {restarts:>8}"
        )));
    }
    for (title, classes) in [("pheromone", &top.pheromone), ("idle, ms", &top.idle_ms)] {
        lines.push(paint(title, Style::Dim, colour));
        let most = classes.iter().map(|class| class.agents).max().unwrap_or(0);
        for Class { below, agents } in classes {
            let edge = below.map_or_else(
                || "more".to_owned(),
                |below| format!("< {}", grouped(below)),
            );
            // Whoever is there is seen: one agent among millions still has a mark.
            let bar = (agents * BAR).div_ceil(most.max(1)) as usize;
            lines.push(fit(format!(
                "{edge:>12}  {:<width$}  {}",
                "█".repeat(bar),
                grouped(*agents),
                width = BAR as usize
            )));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_strongest_have_names_and_every_class_that_holds_anybody_has_a_bar() {
        let top = json!({
            "zone": "local", "kind": "page", "seen": 1_000_001, "asleep": 0,
            "strongest": [{ "id": "micro.page.0x1@local", "resource": 7, "pheromone": 3.5, "restarts": 0 }],
            "pheromone": [{ "below": 1, "agents": 1_000_000 }, { "below": null, "agents": 1 }],
            "idle_ms": [],
        });
        let lines = lines(&Top::deserialize(&top).expect("a view"), usize::MAX, false);
        assert!(lines[2].starts_with("micro.page.0x1@local"), "{}", lines[2]);
        let bars = |line: &str| line.matches('█').count();
        assert_eq!((bars(&lines[4]), bars(&lines[5])), (40, 1), "{lines:?}");
    }
}
