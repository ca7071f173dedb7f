//! Bars, alone or in groups: upright where labels fit below them, lying where they do not.

use super::Figure;
use super::frame::{Plot, SIDE, SMALL, TEXT, WIDTH, axis_width, colour, foot, head, ink, rows};
use super::scale::{Scale, exact, short};
use super::svg::{Anchor, Canvas, GRID, SOFT_INK, fit, width};

const UPRIGHT_HEIGHT: f64 = 300.0;

pub(crate) fn draw(figure: &Figure, description: &str) -> String {
    let scale = Scale::new(figure.values(), true);
    if fits_upright(figure, &scale) {
        upright(figure, &scale, description)
    } else {
        lying(figure, &scale, description)
    }
}

/// What a pointer shows over a bar.
fn tip(figure: &Figure, series: usize, label: &str, value: f64) -> String {
    match figure.series.get(series).map(|series| series.name.as_str()) {
        Some(name) if !name.is_empty() && figure.series.len() > 1 => {
            format!("{name}, {label}: {}", exact(value))
        }
        _ => format!("{label}: {}", exact(value)),
    }
}

/// Width of one group of bars, and of one bar in it.
fn upright_widths(figure: &Figure, scale: &Scale) -> (f64, f64) {
    let band = (WIDTH - 2.0 * SIDE - axis_width(scale)) / figure.labels.len().max(1) as f64;
    let bar = (band * 0.76 / figure.series.len().max(1) as f64).min(72.0);
    (band, bar)
}

/// Whether every label and every value has room.
fn fits_upright(figure: &Figure, scale: &Scale) -> bool {
    let (band, bar) = upright_widths(figure, scale);
    let room = if figure.series.len() > 1 { bar } else { band };
    figure
        .labels
        .iter()
        .all(|label| width(label, SMALL) < band - 6.0)
        && figure
            .values()
            .all(|value| width(&short(value), SMALL) < room + 2.0)
}

fn upright(figure: &Figure, scale: &Scale, description: &str) -> String {
    let mut canvas = Canvas::default();
    let top = head(&mut canvas, figure, &figure.y_label) + 8.0;
    let plot = Plot {
        left: SIDE + axis_width(scale),
        top,
        right: WIDTH - SIDE,
        bottom: top + UPRIGHT_HEIGHT,
    };
    rows(&mut canvas, plot, scale);
    let (band, bar) = upright_widths(figure, scale);
    let zero = plot.y(scale.place(0.0));
    let count = figure.series.len() as f64;
    // The value of a bar that hangs down stands where labels would be.
    let below = if figure.values().any(|value| value < 0.0) {
        36.0
    } else {
        20.0
    };
    for (at, label) in figure.labels.iter().enumerate() {
        let middle = plot.left + band * (at as f64 + 0.5);
        for (nth, series) in figure.series.iter().enumerate() {
            let Some(value) = series.values.get(at).copied().flatten() else {
                continue;
            };
            let x = middle + (nth as f64 - count / 2.0) * bar;
            let gap = if count > 1.0 { 2.0 } else { 0.0 };
            let y = plot.y(scale.place(value));
            canvas.bar(
                (x + gap / 2.0, y.min(zero)),
                (bar - gap, (y - zero).abs()),
                colour(nth),
                &tip(figure, nth, label, value),
            );
            let above = if value < 0.0 { y + 14.0 } else { y - 5.0 };
            canvas.text(
                x + bar / 2.0,
                above,
                SMALL,
                Anchor::Middle,
                &ink(500),
                &short(value),
            );
        }
        canvas.text(
            middle,
            plot.bottom + below,
            SMALL,
            Anchor::Middle,
            &ink(400),
            label,
        );
    }
    foot(
        &mut canvas,
        plot,
        plot.bottom + below + 24.0,
        &figure.x_label,
    );
    let height = plot.bottom
        + below
        + if figure.x_label.is_empty() {
            14.0
        } else {
            38.0
        };
    canvas.finish(WIDTH, height, &figure.title, description)
}

fn lying(figure: &Figure, scale: &Scale, description: &str) -> String {
    let mut canvas = Canvas::default();
    let above = match (figure.y_label.as_str(), figure.x_label.as_str()) {
        ("", label) | (label, "") => label.to_owned(),
        (measure, label) => format!("{measure} by {label}"),
    };
    let top = head(&mut canvas, figure, &above) + 4.0;
    let (bar, gap) = if figure.series.len() > 1 {
        (17.0, 10.0)
    } else {
        (20.0, 8.0)
    };
    let group = bar * figure.series.len() as f64 + gap;
    let labels = figure
        .labels
        .iter()
        .map(|label| width(label, TEXT))
        .fold(0.0, f64::max)
        .min(280.0);
    let values = figure
        .values()
        .map(|value| width(&short(value), SMALL))
        .fold(0.0, f64::max)
        + 8.0;
    // A value stands at the outer end of its bar, so bars to the left need its room there too.
    let left_values = if figure.values().any(|value| value < 0.0) {
        values
    } else {
        0.0
    };
    let plot = Plot {
        left: SIDE + labels + 12.0 + left_values,
        top,
        right: WIDTH - SIDE - values,
        bottom: top + group * figure.labels.len() as f64,
    };
    for tick in scale.ticks() {
        let x = plot.x(scale.place(tick));
        canvas.line(
            (x, plot.top),
            (x, plot.bottom),
            if tick == 0.0 { SOFT_INK } else { GRID },
            1.0,
        );
        canvas.text(
            x,
            plot.bottom + 18.0,
            SMALL,
            Anchor::Middle,
            &super::frame::soft(),
            &scale.tick(tick),
        );
    }
    let zero = plot.x(scale.place(0.0));
    for (at, label) in figure.labels.iter().enumerate() {
        let start = plot.top + group * at as f64 + gap / 2.0;
        let middle = start + (group - gap) / 2.0;
        canvas.text(
            SIDE + labels,
            middle + 4.5,
            TEXT,
            Anchor::End,
            &ink(400),
            &fit(label, TEXT, labels + 1.0),
        );
        for (nth, series) in figure.series.iter().enumerate() {
            let Some(value) = series.values.get(at).copied().flatten() else {
                continue;
            };
            let y = start + bar * nth as f64;
            let x = plot.x(scale.place(value));
            canvas.bar(
                (x.min(zero), y + 1.0),
                ((x - zero).abs(), bar - 2.0),
                colour(nth),
                &tip(figure, nth, label, value),
            );
            let (at, anchor) = if value < 0.0 {
                (x - 5.0, Anchor::End)
            } else {
                (x + 5.0, Anchor::Start)
            };
            canvas.text(
                at,
                y + bar / 2.0 + 4.0,
                SMALL,
                anchor,
                &ink(500),
                &short(value),
            );
        }
    }
    canvas.finish(WIDTH, plot.bottom + 34.0, &figure.title, description)
}
