//! Writes SVG elements: escaped, rounded, nothing else.

use std::fmt::Write as _;

use aios_work::shown::markup;

/// Ink on white. Text reaches a contrast of 7:1, marks 4.5:1; the test below proves it.
pub(crate) const PAPER: &str = "#ffffff";
pub(crate) const INK: &str = "#1f2937";
pub(crate) const SOFT_INK: &str = "#4b5563";
/// The grid only decorates: each value stands in words as well.
pub(crate) const GRID: &str = "#e5e7eb";
pub(crate) const MARKS: [&str; 8] = [
    "#1d4ed8", "#b45309", "#047857", "#7e22ce", "#be123c", "#0e7490", "#4d7c0f", "#475569",
];

/// Where text is held.
#[derive(Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// Elements in the order they are painted.
#[derive(Default)]
pub(crate) struct Canvas {
    body: String,
}

// Writing to a String cannot fail, so the results of `write!` are not looked at.
impl Canvas {
    pub(crate) fn text(
        &mut self,
        x: f64,
        y: f64,
        size: f64,
        anchor: Anchor,
        style: &str,
        text: &str,
    ) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let _ = writeln!(
            self.body,
            r#"  <text x="{}" y="{}" font-size="{size}" text-anchor="{anchor}" {style}>{}</text>"#,
            short(x),
            short(y),
            markup(text)
        );
    }

    pub(crate) fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: &str, width: f64) {
        let _ = writeln!(
            self.body,
            r#"  <line x1="{}" y1="{}" x2="{}" y2="{}" stroke="{colour}" stroke-width="{width}"/>"#,
            short(from.0),
            short(from.1),
            short(to.0),
            short(to.1)
        );
    }

    /// A bar with its exact value as a tooltip.
    pub(crate) fn bar(
        &mut self,
        (x, y): (f64, f64),
        (width, height): (f64, f64),
        colour: &str,
        tip: &str,
    ) {
        let _ = writeln!(
            self.body,
            r#"  <rect x="{}" y="{}" width="{}" height="{}" rx="2" fill="{colour}"><title>{}</title></rect>"#,
            short(x),
            short(y),
            short(width.max(1.0)),
            short(height.max(1.0)),
            markup(tip)
        );
    }

    pub(crate) fn path(&mut self, points: &[(f64, f64)], colour: &str, dash: &str) {
        let line: Vec<String> = points
            .iter()
            .map(|(x, y)| format!("{},{}", short(*x), short(*y)))
            .collect();
        let _ = writeln!(
            self.body,
            r#"  <polyline points="{}" fill="none" stroke="{colour}" stroke-width="2.5" stroke-linejoin="round" stroke-linecap="round"{dash}/>"#,
            line.join(" ")
        );
    }

    /// A point with its exact value as a tooltip; a small one has no rim, which would eat it up.
    pub(crate) fn dot(&mut self, (x, y): (f64, f64), radius: f64, colour: &str, tip: &str) {
        let rim = if radius > 3.0 { PAPER } else { "none" };
        let _ = writeln!(
            self.body,
            r#"  <circle cx="{}" cy="{}" r="{radius}" fill="{colour}" stroke="{rim}"><title>{}</title></circle>"#,
            short(x),
            short(y),
            markup(tip)
        );
    }

    pub(crate) fn swatch(&mut self, x: f64, y: f64, colour: &str) {
        let _ = writeln!(
            self.body,
            r#"  <rect x="{}" y="{}" width="12" height="12" rx="2" fill="{colour}"/>"#,
            short(x),
            short(y)
        );
    }

    /// The whole document. `title` and `description` are what a screen reader says.
    pub(crate) fn finish(self, width: f64, height: f64, title: &str, description: &str) -> String {
        let (title, description, body) = (markup(title), markup(description), self.body);
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-label="{title}. {description}" font-family="system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif">
  <title>{title}</title>
  <desc>{description}</desc>
  <rect width="{width}" height="{height}" fill="{PAPER}"/>
{body}</svg>
"#
        )
    }
}

/// A coordinate with at most one decimal.
fn short(number: f64) -> String {
    let rounded = (number * 10.0).round() / 10.0;
    (rounded + 0.0).to_string()
}

/// About how wide `text` is, in the units of its size. Fonts differ; this errs on the wide side.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    let ems: f64 = text
        .chars()
        .map(|c| match c {
            'i' | 'l' | 'j' | 't' | 'f' | 'I' | ' ' | '.' | ',' | ':' | ';' | '\'' | '|' => 0.34,
            'm' | 'w' | 'M' | 'W' | '%' | '@' => 0.92,
            c if c.is_uppercase() => 0.70,
            c if (c as u32) >= 0x2e80 => 1.0,
            _ => 0.60,
        })
        .sum();
    ems * size
}

/// `text` cut to `most` with an ellipsis.
pub(crate) fn fit(text: &str, size: f64, most: f64) -> String {
    if width(text, size) <= most {
        return text.to_owned();
    }
    let mut cut = String::new();
    for c in text.chars() {
        cut.push(c);
        if width(&cut, size) + size > most {
            cut.pop();
            break;
        }
    }
    format!("{}\u{2026}", cut.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WCAG 2.1, relative luminance and contrast ratio.
    fn contrast(a: &str, b: &str) -> f64 {
        let luminance = |colour: &str| {
            let part = |at: usize| {
                let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
                if value <= 0.04045 {
                    value / 12.92
                } else {
                    ((value + 0.055) / 1.055).powf(2.4)
                }
            };
            0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_and_marks_stand_out_from_the_paper() {
        for colour in [INK, SOFT_INK] {
            assert!(contrast(colour, PAPER) >= 7.0, "{colour}");
        }
        for colour in MARKS {
            assert!(
                contrast(colour, PAPER) >= 4.5,
                "{colour} {}",
                contrast(colour, PAPER)
            );
        }
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(fit("short", 12.0, 100.0), "short");
        assert!(fit(&"long ".repeat(30), 12.0, 100.0).ends_with('\u{2026}'));
        assert_eq!(fit("x", 12.0, 0.0), "\u{2026}");
    }
}
