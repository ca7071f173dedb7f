//! `aios swarm show`: every kind in numbers.

use std::process::ExitCode;

use aios_control::{Request, SwarmQuestion};
use serde::Deserialize;
use serde_json::Value;

use super::grouped;
use crate::arguments::Show;
use crate::client;
use crate::console::{self, Style, paint};
use crate::failure::Failure;

/// What of the node's answer is shown.
#[derive(Debug, Deserialize)]
struct Zone {
    zone: String,
    kinds: Vec<Kind>,
    rates: Vec<Rates>,
    alerts: Vec<Alert>,
}

#[derive(Debug, Deserialize)]
struct Kind {
    kind: String,
    shards: usize,
    active: u64,
    asleep: u64,
    waiting: u64,
    arena_bytes: u64,
    fragmentation: f64,
    mean_pheromone: f64,
}

#[derive(Debug, Default, Deserialize)]
struct Rates {
    handled: f64,
    spawned: f64,
    ended: f64,
    panics: f64,
    refused: f64,
}

#[derive(Debug, Deserialize)]
struct Alert {
    kind: String,
    active: u64,
    expected: u64,
}

pub(crate) fn run(arguments: &Show) -> Result<ExitCode, Failure> {
    let request = Request::Swarm {
        about: SwarmQuestion::Show {},
    };
    client::show(
        arguments,
        &request,
        |answer: &Value, width, colour| match Zone::deserialize(&console::harmless(answer)) {
            Ok(zone) => lines(&zone, width, colour),
            Err(error) => vec![format!("the node's answer was not understood: {error}")],
        },
    )
}

fn lines(zone: &Zone, width: usize, colour: bool) -> Vec<String> {
    let row = |cells: [String; 12]| {
        let mut line = format!("{:<12}", cells[0]);
        for (cell, width) in cells[1..].iter().zip([7, 12, 9, 9, 11, 10, 10, 8, 9, 9, 6]) {
            line.push_str(&format!(" {cell:>width$}"));
        }
        line.chars().take(width).collect::<String>()
    };
    let headings = [
        "KIND",
        "SHARDS",
        "AGENTS",
        "ASLEEP",
        "WAITING",
        "EVENTS/s",
        "BORN/s",
        "ENDED/s",
        "PANICS/s",
        "REFUSED/s",
        "MEMORY",
        "PHER.",
    ];
    let mut lines = vec![
        paint(&format!("zone {}", zone.zone), Style::Bold, colour),
        paint(&row(headings.map(str::to_owned)), Style::Dim, colour),
    ];
    let none = Rates::default();
    for (at, kind) in zone.kinds.iter().enumerate() {
        let rates = zone.rates.get(at).unwrap_or(&none);
        let rate = |value: f64| grouped(value.round() as u64);
        let memory = match kind.fragmentation {
            free if free >= 0.005 && kind.arena_bytes > 0 => {
                format!("{} -{:.0}%", size(kind.arena_bytes), free * 100.0)
            }
            _ => size(kind.arena_bytes),
        };
        lines.push(row([
            kind.kind.clone(),
            kind.shards.to_string(),
            grouped(kind.active),
            grouped(kind.asleep),
            grouped(kind.waiting),
            rate(rates.handled),
            rate(rates.spawned),
            rate(rates.ended),
            rate(rates.panics),
            rate(rates.refused),
            memory,
            format!("{:.2}", kind.mean_pheromone),
        ]));
    }
    for alert in &zone.alerts {
        let sentence = format!(
            "alert: {} {} agents live, {} are expected",
            grouped(alert.active),
            alert.kind,
            grouped(alert.expected)
        );
        lines.push(paint(&sentence, Style::Bad, colour));
    }
    lines
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.0} kB", bytes as f64 / 1e3),
        _ => format!("{:.0} MB", bytes as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_kind_is_a_row_and_a_population_that_is_too_small_is_told() {
        let zone = json!({
            "zone": "local", "at_ms": 5, "over_ms": 5,
            "kinds": [{
                "kind": "page", "shards": 2, "active": 700, "asleep": 1, "expected": 1000, "waiting": 0,
                "arena_bytes": 64_000, "fragmentation": 0.3, "mean_pheromone": 0.25,
                "counts": { "handled": 9 },
            }],
            "rates": [{ "kind": "page", "handled": 12_345.4, "spawned": 0.0, "ended": 0.0, "panics": 0.0, "refused": 2.0 }],
            "alerts": [{ "kind": "page", "active": 700, "expected": 1000 }],
        });
        let lines = lines(
            &Zone::deserialize(&zone).expect("a zone"),
            usize::MAX,
            false,
        );
        let row: Vec<&str> = lines[2].split_whitespace().collect();
        assert_eq!(
            row,
            [
                "page", "2", "700", "1", "0", "12", "345", "0", "0", "0", "2", "64", "kB", "-30%",
                "0.25"
            ]
        );
        assert_eq!(lines[3], "alert: 700 page agents live, 1 000 are expected");
    }
}
