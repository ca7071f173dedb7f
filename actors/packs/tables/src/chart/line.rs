//! Lines over time or another order.

use jiff::civil::Date;

use super::Figure;
use super::frame::{Plot, SIDE, SMALL, WIDTH, axis_width, colour, foot, head, ink, rimmed, rows};
use super::scale::{Scale, exact, short};
use super::svg::{Anchor, Canvas, fit, width};

const HEIGHT: f64 = 300.0;

/// Up to so many points each has its value beside it.
const SHORT_LINE: usize = 14;

/// Series differ by dash as well as by colour.
const DASHES: [&str; 4] = [
    "",
    r#" stroke-dasharray="8 5""#,
    r#" stroke-dasharray="2 5""#,
    r#" stroke-dasharray="10 4 2 4""#,
];

pub(crate) fn draw(figure: &Figure, description: &str) -> String {
    let scale = Scale::new(figure.values(), false);
    let mut canvas = Canvas::default();
    let top = head(&mut canvas, figure, &figure.y_label) + 14.0;
    let ends_named = figure.series.len() > 1 || figure.labels.len() > SHORT_LINE;
    let ends = if ends_named {
        figure
            .values()
            .map(|value| width(&short(value), SMALL))
            .fold(0.0, f64::max)
    } else {
        12.0
    };
    let plot = Plot {
        left: SIDE + axis_width(&scale),
        top,
        right: WIDTH - SIDE - ends - 8.0,
        bottom: top + HEIGHT,
    };
    rows(&mut canvas, plot, &scale);
    let (order, shares) = places(&figure.labels);
    labels(&mut canvas, plot, figure, &order, &shares);
    let mut last_points = Vec::new();
    for (nth, series) in figure.series.iter().enumerate() {
        let points: Vec<Option<Point<'_>>> = order
            .iter()
            .zip(&shares)
            .map(|(at, share)| {
                let value = series.values.get(*at).copied().flatten()?;
                let label = figure.labels.get(*at).map_or("", String::as_str);
                Some(Point {
                    at: (plot.x(*share), plot.y(scale.place(value))),
                    value,
                    label,
                })
            })
            .collect();
        let dash = DASHES.get(nth % DASHES.len()).copied().unwrap_or_default();
        // A missing value is a gap in the line, never a guess.
        for part in points.split(Option::is_none) {
            let line: Vec<(f64, f64)> = part.iter().flatten().map(|point| point.at).collect();
            canvas.path(&line, colour(nth), dash);
        }
        let shown: Vec<&Point<'_>> = points.iter().flatten().collect();
        let radius = if shown.len() > 60 { 2.0 } else { 4.0 };
        for point in &shown {
            canvas.dot(
                point.at,
                radius,
                colour(nth),
                &format!("{}: {}", point.label, exact(point.value)),
            );
        }
        if ends_named {
            last_points.extend(shown.last().map(|point| (point.at, point.value)));
        }
        if figure.series.len() == 1 {
            values(&mut canvas, plot, &shown);
        }
    }
    line_ends(&mut canvas, last_points);
    foot(&mut canvas, plot, plot.bottom + 44.0, &figure.x_label);
    let height = plot.bottom
        + if figure.x_label.is_empty() {
            34.0
        } else {
            58.0
        };
    canvas.finish(WIDTH, height, &figure.title, description)
}

struct Point<'f> {
    at: (f64, f64),
    value: f64,
    label: &'f str,
}

/// In which order labels are drawn and where, from 0 to 1. ISO dates keep their distance in days; everything else is spaced evenly.
fn places(labels: &[String]) -> (Vec<usize>, Vec<f64>) {
    let mut order: Vec<usize> = (0..labels.len()).collect();
    let day = |label: &String| -> Option<i64> {
        let date: Date = label
            .get(..10)
            .filter(|_| label.len() == 10)?
            .parse()
            .ok()?;
        Some(i64::from(
            date.since(Date::constant(1970, 1, 1)).ok()?.get_days(),
        ))
    };
    match labels.iter().map(day).collect::<Option<Vec<i64>>>() {
        Some(days) if days.len() > 1 => {
            order.sort_by_key(|at| days.get(*at).copied().unwrap_or_default());
            let sorted: Vec<i64> = order
                .iter()
                .filter_map(|at| days.get(*at).copied())
                .collect();
            let (first, last) = (
                sorted.first().copied().unwrap_or_default(),
                sorted.last().copied().unwrap_or_default(),
            );
            let span = (last - first).max(1) as f64;
            (
                order,
                sorted
                    .iter()
                    .map(|day| (day - first) as f64 / span)
                    .collect(),
            )
        }
        _ => {
            let last = labels.len().saturating_sub(1) as f64;
            let share = |at: usize| if last > 0.0 { at as f64 / last } else { 0.5 };
            let shares = (0..labels.len()).map(share).collect();
            (order, shares)
        }
    }
}

/// Labels below the axis, from the left, as many as have room.
fn labels(canvas: &mut Canvas, plot: Plot, figure: &Figure, order: &[usize], shares: &[f64]) {
    let mut free = f64::NEG_INFINITY;
    for (at, share) in order.iter().zip(shares) {
        let Some(label) = figure.labels.get(*at) else {
            continue;
        };
        let label = fit(label, SMALL, 160.0);
        let half = width(&label, SMALL) / 2.0;
        let x = between(plot.x(*share), SIDE + half, WIDTH - SIDE - half);
        if x - half >= free {
            free = x + half + 14.0;
            canvas.text(
                x,
                plot.bottom + 20.0,
                SMALL,
                Anchor::Middle,
                &ink(400),
                &label,
            );
        }
    }
}

/// Values beside the points of a short line. Those of a long one would cover it: only its peak is named, and its end beside it.
fn values(canvas: &mut Canvas, plot: Plot, shown: &[&Point<'_>]) {
    let long = shown.len() > SHORT_LINE;
    for point in shown {
        let extreme = |beyond: fn(f64, f64) -> bool| {
            shown.iter().all(|other| !beyond(other.value, point.value))
        };
        if long && !extreme(|other, this| other > this) {
            continue;
        }
        let text = short(point.value);
        let half = width(&text, SMALL) / 2.0;
        let x = between(point.at.0, plot.left + half, WIDTH - SIDE - half);
        let below = point.at.1 + 18.0;
        let hangs = !long && extreme(|other, this| other < this) && below < plot.bottom - 2.0;
        canvas.text(
            x,
            if hangs { below } else { point.at.1 - 10.0 },
            SMALL,
            Anchor::Middle,
            &rimmed(),
            &text,
        );
        if long {
            break;
        }
    }
}

/// The last value of each line, at its end; values that would touch move apart downwards.
fn line_ends(canvas: &mut Canvas, mut ends: Vec<((f64, f64), f64)>) {
    ends.sort_by(|a, b| a.0.1.total_cmp(&b.0.1));
    let mut free = f64::NEG_INFINITY;
    for ((x, y), value) in ends {
        let y = (y + 4.0).max(free);
        free = y + 14.0;
        canvas.text(x + 9.0, y, SMALL, Anchor::Start, &rimmed(), &short(value));
    }
}

/// `x` kept inside; the left side wins when there is no room at all.
fn between(x: f64, low: f64, high: f64) -> f64 {
    x.min(high).max(low)
}
