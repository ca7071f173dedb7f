//! The drawing of an answer in a terminal: bars for a few names, a line of blocks for many points in time. It is made of the answer's facts,
//! so what is drawn is what was proved.

use aios_work::{Fact, Statistic, When};

/// Bars that are drawn; more points become a line.
const BARS: usize = 24;
/// Columns of a bar at most, and of a name.
const BAR: usize = 40;
const NAME: usize = 24;
/// Eighths of a column, from none to a whole one.
const ACROSS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
/// Eighths of a line.
const UP: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A name and its value.
#[derive(Debug, Clone, PartialEq)]
struct Point {
    name: String,
    value: f64,
}

/// The drawing, as lines of at most so many columns; none where the facts are no series.
pub(crate) fn lines(facts: &[Fact], width: usize) -> Option<Vec<String>> {
    let points = series(facts)?;
    Some(if points.len() > BARS {
        vec![line(&points, width)]
    } else {
        bars(&points, width)
    })
}

/// The first figure that there are several of, each with a name of its own.
fn series(facts: &[Fact]) -> Option<Vec<Point>> {
    let key = |fact: &Fact| {
        (
            fact.measure.clone(),
            fact.statistic.clone(),
            fact.unit.clone(),
        )
    };
    let named = |fact: &Fact| {
        let name = match (&fact.period, fact.subject.last()) {
            (Some(When::During(period)), _) if fact.subject.is_empty() => period.key(),
            (_, Some(subject)) => subject.name.clone(),
            _ => return None,
        };
        Some(Point {
            name,
            value: fact.value.as_f64()?,
        })
    };
    let mut seen: Vec<(Option<String>, Statistic, Option<String>)> = Vec::new();
    for fact in facts {
        let kind = key(fact);
        if seen.contains(&kind) {
            continue;
        }
        let points: Vec<Point> = facts
            .iter()
            .filter(|other| key(other) == kind)
            .filter_map(named)
            .collect();
        let mut names: Vec<&str> = points.iter().map(|point| point.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        if points.len() > 1 && names.len() == points.len() {
            return Some(points);
        }
        seen.push(kind);
    }
    None
}

/// A number in few characters; the table beside the drawing has all of them.
fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    text.to_owned()
}

fn cut(name: &str, columns: usize) -> String {
    if name.chars().count() <= columns {
        return name.to_owned();
    }
    let head: String = name.chars().take(columns.saturating_sub(1)).collect();
    format!("{head}…")
}

fn bars(points: &[Point], width: usize) -> Vec<String> {
    let most = points
        .iter()
        .map(|point| point.value.abs())
        .fold(0.0, f64::max);
    let longest = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
    let name = longest(&mut points.iter().map(|point| point.name.chars().count())).min(NAME);
    let value = longest(&mut points.iter().map(|point| short(point.value).len()));
    let room = width.saturating_sub(name + value + 4).clamp(4, BAR);
    points
        .iter()
        .map(|point| {
            let eighths = if most > 0.0 {
                (point.value.abs() / most * (room * 8) as f64).round() as usize
            } else {
                0
            };
            // What is below nothing is drawn hollow.
            let full = if point.value < 0.0 { "░" } else { "█" };
            let rest = ACROSS.get(eighths % 8).filter(|_| point.value >= 0.0);
            format!(
                "{:name$}  {}{} {}",
                cut(&point.name, name),
                full.repeat(eighths / 8),
                rest.unwrap_or(&""),
                short(point.value)
            )
        })
        .collect()
}

fn line(points: &[Point], width: usize) -> String {
    let (least, most) = points
        .iter()
        .map(|point| point.value)
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), value| {
            (a.min(value), b.max(value))
        });
    let room = width.saturating_sub(30).clamp(10, 100);
    let step = points.len().div_ceil(room);
    let blocks: String = points
        .chunks(step)
        .map(|part| {
            let mean = part.iter().map(|point| point.value).sum::<f64>() / part.len() as f64;
            let height = if most > least {
                ((mean - least) / (most - least) * 7.0).round() as usize
            } else {
                0
            };
            UP.get(height).copied().unwrap_or('█')
        })
        .collect();
    let end = |point: Option<&Point>| point.map_or("", |point| point.name.as_str()).to_owned();
    format!(
        "{} {blocks} {}  ({} to {})",
        end(points.first()),
        end(points.last()),
        short(least),
        short(most)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use aios_work::{Source, Subject, Value};

    fn fact(name: &str, value: f64) -> Fact {
        Fact {
            subject: vec![Subject {
                kind: "region".to_owned(),
                name: name.to_owned(),
            }],
            measure: Some("revenue".to_owned()),
            statistic: Statistic::Total,
            period: None,
            value: Value::from(value),
            unit: None,
            source: Source::from("test".to_owned()),
        }
    }

    #[test]
    fn a_few_names_become_bars_and_many_points_a_line() {
        let drawn = lines(
            &[fact("North", 10.0), fact("South", 5.0), fact("West", -2.5)],
            60,
        );
        let drawn = drawn.unwrap();
        assert_eq!(drawn.len(), 3);
        assert!(
            drawn[0].starts_with("North") && drawn[0].ends_with(" 10"),
            "{drawn:?}"
        );
        let blocks = |line: &str| line.matches('█').count();
        assert_eq!(blocks(&drawn[0]), 2 * blocks(&drawn[1]));
        assert!(drawn[2].contains('░') && drawn[2].ends_with("-2.5"));
        let many: Vec<Fact> = (0..60)
            .map(|at| fact(&format!("d{at}"), f64::from(at)))
            .collect();
        let drawn = lines(&many, 80).unwrap();
        assert_eq!(drawn.len(), 1);
        assert!(
            drawn[0].contains('▁') && drawn[0].contains("0 to 59"),
            "{drawn:?}"
        );
        assert!(drawn[0].chars().count() <= 100);
        assert_eq!(lines(&[fact("North", 10.0)], 60), None);
    }
}
