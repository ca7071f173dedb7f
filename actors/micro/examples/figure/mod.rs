//! Line charts as SVG: plain text that is the same byte for byte whenever the numbers are. Lines differ in dash as well as in
//! colour, and the colours keep a contrast of at least 3 on the light and the dark background.

use std::fmt::Write;

/// A figure of one wide panel or two side by side.
pub(crate) struct Figure {
    pub title: &'static str,
    /// What is to be seen, for those who do not see it.
    pub description: &'static str,
    /// Where the numbers come from: seeds and command.
    pub source: &'static str,
    pub panels: Vec<Panel>,
}

pub(crate) struct Panel {
    pub title: String,
    pub x: &'static str,
    pub y: &'static str,
    /// Whether y is drawn by its logarithm.
    pub log: bool,
    pub lines: Vec<Line>,
}

pub(crate) struct Line {
    pub name: &'static str,
    pub points: Vec<(f64, f64)>,
}

const STYLES: [(&str, &str); 4] = [
    ("#0072b2", ""),
    ("#c4560a", "7 3"),
    ("#008060", "2 3"),
    ("#a8568a", "9 3 2 3"),
];
const WIDTH: f64 = 440.0;
const HEIGHT: f64 = 340.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 18.0;
const TOP: f64 = 96.0;
const BOTTOM: f64 = 72.0;

const STYLE: &str = "text{font:12px sans-serif;fill:#1f2328}.t{font-size:15px;font-weight:bold}.s{font-size:11px}\
.p{fill:#fff}.g{stroke:#d0d7de}.l{fill:none;stroke-width:2.2}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.p{fill:#0d1117}.g{stroke:#3d444d}}";

impl Figure {
    /// The figure as an SVG document.
    pub(crate) fn svg(&self) -> String {
        let width = 2.0 * WIDTH;
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {HEIGHT}\" width=\"{width}\" role=\"img\" \
             aria-labelledby=\"title desc\">\n<title id=\"title\">{}</title>\n<desc id=\"desc\">{} {}</desc>\n\
             <style>{STYLE}</style>\n<rect class=\"p\" width=\"{width}\" height=\"{HEIGHT}\"/>\n",
            self.title, self.description, self.source
        );
        text(&mut out, (14.0, 22.0), "t", "start", self.title);
        text(&mut out, (14.0, HEIGHT - 10.0), "s", "start", self.source);
        if let Some(panel) = self.panels.first() {
            legend(&mut out, &panel.lines);
        }
        for (at, panel) in self.panels.iter().enumerate() {
            let each = width / self.panels.len() as f64;
            panel.draw(&mut out, each * at as f64, each);
        }
        out.push_str("</svg>\n");
        out
    }
}

fn legend(out: &mut String, lines: &[Line]) {
    let mut x = 14.0;
    for (line, (colour, dash)) in lines.iter().zip(STYLES) {
        stroke(out, "l", colour, dash, &format!("M{x} 44h30"));
        text(out, (x + 36.0, 48.0), "", "start", line.name);
        x += 58.0 + 6.6 * line.name.len() as f64;
    }
}

impl Panel {
    fn draw(&self, out: &mut String, left: f64, wide: f64) {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let (x_low, (_, x_high)) = (0.0, ends(points().map(|point| point.0)));
        let (y_low, y_high) = ends(points().map(|point| self.scaled(point.1)));
        let (y_low, y_high) = if self.log {
            (y_low.floor(), y_high.ceil())
        } else {
            ((y_low * 10.0).floor() / 10.0, (y_high * 10.0).ceil() / 10.0)
        };
        let x_at = |x: f64| left + LEFT + (x - x_low) / (x_high - x_low) * (wide - LEFT - RIGHT);
        let y_at =
            |y: f64| HEIGHT - BOTTOM - (y - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM);
        text(out, (left + LEFT, TOP - 24.0), "", "start", &self.title);
        text(out, (left + LEFT, TOP - 9.0), "s", "start", self.y);
        let middle = left + LEFT + (wide - LEFT - RIGHT) / 2.0;
        text(out, (middle, HEIGHT - BOTTOM + 36.0), "s", "middle", self.x);
        for at in 0..=4 {
            let x = x_low + (x_high - x_low) * f64::from(at) / 4.0;
            let place = (x_at(x), HEIGHT - BOTTOM + 18.0);
            text(out, place, "s", "middle", &short(x));
        }
        let steps = if self.log { (y_high - y_low) as u32 } else { 5 };
        for at in 0..=steps {
            let y = y_low + (y_high - y_low) * f64::from(at) / f64::from(steps.max(1));
            let (from, width, place) = (left + LEFT, wide - LEFT - RIGHT, y_at(y));
            stroke(out, "g", "", "", &format!("M{from} {place:.1}h{width}"));
            let shown = if self.log { 10_f64.powi(y as i32) } else { y };
            text(out, (from - 6.0, place + 4.0), "s", "end", &short(shown));
        }
        for (line, (colour, dash)) in self.lines.iter().zip(STYLES) {
            let mut path = String::new();
            for (at, (x, y)) in line.points.iter().enumerate() {
                let letter = if at == 0 { 'M' } else { 'L' };
                let _ = write!(path, "{letter}{:.1} {:.1}", x_at(*x), y_at(self.scaled(*y)));
            }
            stroke(out, "l", colour, dash, &path);
        }
    }

    fn scaled(&self, y: f64) -> f64 {
        if self.log { y.max(1e-3).log10() } else { y }
    }
}

fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::MAX, f64::MIN), |(low, high), value| {
        (low.min(value), high.max(value))
    })
}

/// As few digits as tell the ticks apart.
fn short(value: f64) -> String {
    if value >= 100.0 || value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}").trim_end_matches('0').to_owned()
    }
}

fn text(out: &mut String, (x, y): (f64, f64), class: &str, anchor: &str, what: &str) {
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\" text-anchor=\"{anchor}\">{what}</text>"
    );
}

fn stroke(out: &mut String, class: &str, colour: &str, dash: &str, path: &str) {
    let _ = writeln!(
        out,
        "<path class=\"{class}\" stroke=\"{colour}\" stroke-dasharray=\"{dash}\" d=\"{path}\"/>"
    );
}

/// Writes the figure where `--figure PATH` says, if it says so.
pub(crate) fn write_if_asked(figure: &Figure) -> std::io::Result<()> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--figure");
    match arguments.nth(1) {
        Some(path) => std::fs::write(path, figure.svg()),
        None => Ok(()),
    }
}

/// The committed figure is the one these numbers make. On other systems the last bit of a logarithm may differ, and with it a
/// simulation's course.
#[cfg(test)]
pub(crate) fn assert_committed(figure: &Figure, committed: &str) {
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        assert!(
            figure.svg() == committed,
            "the figure is not the committed one: make it again, {}",
            figure.source
        );
    }
}
