//! What every chart has around its marks: title, legend, axes.

use super::Figure;
use super::scale::Scale;
use super::svg::{Anchor, Canvas, GRID, INK, MARKS, PAPER, SOFT_INK, fit, width};

/// Widths and sizes of a chart, in pixels at natural size.
pub(crate) const WIDTH: f64 = 840.0;
pub(crate) const SIDE: f64 = 24.0;
pub(crate) const TEXT: f64 = 13.0;
pub(crate) const SMALL: f64 = 12.0;

/// How much wider bold letters are.
const BOLD: f64 = 1.12;

pub(crate) fn ink(weight: u32) -> String {
    format!(r#"fill="{INK}" font-weight="{weight}""#)
}

/// Ink that keeps a rim of paper, so that a line behind a figure does not cross it out.
pub(crate) fn rimmed() -> String {
    format!(
        r#"fill="{INK}" font-weight="500" stroke="{PAPER}" stroke-width="4" stroke-linejoin="round" paint-order="stroke""#
    )
}

pub(crate) fn soft() -> String {
    format!(r#"fill="{SOFT_INK}""#)
}

/// Where marks go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plot {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) right: f64,
    pub(crate) bottom: f64,
}

impl Plot {
    pub(crate) fn x(&self, share: f64) -> f64 {
        self.left + share * (self.right - self.left)
    }

    pub(crate) fn y(&self, share: f64) -> f64 {
        self.bottom - share * (self.bottom - self.top)
    }
}

/// The mark colour of a series.
pub(crate) fn colour(at: usize) -> &'static str {
    MARKS.get(at % MARKS.len()).copied().unwrap_or(INK)
}

/// Writes title, y label and legend; gives the height they take.
pub(crate) fn head(canvas: &mut Canvas, figure: &Figure, above: &str) -> f64 {
    let mut y = 34.0;
    for line in wrap(&figure.title, 19.0, (WIDTH - 2.0 * SIDE) / BOLD) {
        canvas.text(SIDE, y, 19.0, Anchor::Start, &ink(600), &line);
        y += 24.0;
    }
    if !above.is_empty() {
        canvas.text(
            SIDE,
            y,
            TEXT,
            Anchor::Start,
            &soft(),
            &fit(above, TEXT, WIDTH - 2.0 * SIDE),
        );
        y += 20.0;
    }
    if figure.series.len() > 1 {
        y += 4.0;
        let mut x = SIDE;
        for (at, series) in figure.series.iter().enumerate() {
            let name = fit(&series.name, TEXT, 240.0);
            let room = 18.0 + width(&name, TEXT) + 18.0;
            if x > SIDE && x + room > WIDTH - SIDE {
                (x, y) = (SIDE, y + 20.0);
            }
            canvas.swatch(x, y - 11.0, colour(at));
            canvas.text(x + 18.0, y, TEXT, Anchor::Start, &ink(400), &name);
            x += room;
        }
        y += 20.0;
    }
    y
}

/// Breaks a title into at most two lines.
fn wrap(text: &str, size: f64, most: f64) -> Vec<String> {
    let mut first = String::new();
    let mut rest = text.split(' ');
    for word in rest.by_ref() {
        let longer = if first.is_empty() {
            word.to_owned()
        } else {
            format!("{first} {word}")
        };
        if width(&longer, size) > most && !first.is_empty() {
            let second = std::iter::once(word)
                .chain(rest)
                .collect::<Vec<_>>()
                .join(" ");
            return vec![first, fit(&second, size, most)];
        }
        first = longer;
    }
    vec![fit(&first, size, most)]
}

/// Room for the words of a vertical axis.
pub(crate) fn axis_width(scale: &Scale) -> f64 {
    scale
        .ticks()
        .into_iter()
        .map(|tick| width(&scale.tick(tick), SMALL))
        .fold(0.0, f64::max)
        + 10.0
}

/// Horizontal grid lines with their values on the left.
pub(crate) fn rows(canvas: &mut Canvas, plot: Plot, scale: &Scale) {
    for tick in scale.ticks() {
        let y = plot.y(scale.place(tick));
        let (line, thick) = if tick == 0.0 {
            (SOFT_INK, 1.0)
        } else {
            (GRID, 1.0)
        };
        canvas.line((plot.left, y), (plot.right, y), line, thick);
        canvas.text(
            plot.left - 8.0,
            y + 4.0,
            SMALL,
            Anchor::End,
            &soft(),
            &scale.tick(tick),
        );
    }
}

/// The x label below the plot.
pub(crate) fn foot(canvas: &mut Canvas, plot: Plot, y: f64, label: &str) {
    if !label.is_empty() {
        canvas.text(
            (plot.left + plot.right) / 2.0,
            y,
            TEXT,
            Anchor::Middle,
            &soft(),
            &fit(label, TEXT, plot.right - plot.left),
        );
    }
}
