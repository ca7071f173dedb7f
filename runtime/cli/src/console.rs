//! The terminal: results go to standard output, everything else to standard error.
//!
//! A pipe gets plain lines, `NO_COLOR` is respected, and a reader that closes early (`aios ... | head`) ends the program quietly.

use std::io::{self, IsTerminal, Write};

use aios_work::shown;
use serde_json::Value;

/// What standard error can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Screen {
    /// Lines may be redrawn in place.
    pub(crate) live: bool,
    /// Colours may be used.
    pub(crate) colour: bool,
}

impl Screen {
    /// What the terminal behind standard error allows.
    pub(crate) fn detect() -> Self {
        let terminal =
            io::stderr().is_terminal() && std::env::var("TERM").is_ok_and(|term| term != "dumb");
        let quiet = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            live: terminal,
            colour: terminal && !quiet,
        }
    }
}

/// Writes a result to standard output.
///
/// # Errors
/// Whatever the stream says; a closed pipe is not an error but the reader's wish to stop.
pub(crate) fn result(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| {
        if text.ends_with('\n') {
            out.flush()
        } else {
            out.write_all(b"\n").and_then(|()| out.flush())
        }
    });
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Writes a text that came from elsewhere to standard output, with its own lines: what agents, tools and files say may hold anything, and
/// must not move the cursor of whoever reads it, least of all where something is decided.
///
/// # Errors
/// As [`result`].
pub(crate) fn text(text: &str) -> io::Result<()> {
    result(&shown::terminal_text(text))
}

/// Writes one JSON object to standard output.
///
/// # Errors
/// As [`result`].
pub(crate) fn json(value: &impl serde::Serialize) -> io::Result<()> {
    result(&shown::json(&serde_json::to_string_pretty(value)?))
}

/// Writes one JSON object as one line to standard output; false if nobody reads any more.
///
/// # Errors
/// Whatever the stream says, but not that the reader has gone.
pub(crate) fn json_line(value: &impl serde::Serialize) -> io::Result<bool> {
    let mut out = io::stdout().lock();
    let line = serde_json::to_string(value)?;
    match writeln!(out, "{}", shown::json(&line)).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        other => other.map(|()| true),
    }
}

/// Writes a picture to standard output; false if nobody reads any more.
///
/// # Errors
/// Whatever the stream says, but not that the reader has gone.
pub(crate) fn picture(lines: &[String]) -> io::Result<bool> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{}", lines.join("\n")).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        other => other.map(|()| true),
    }
}

/// The lines that standard output shows at once; none if it is no terminal.
pub(crate) fn page() -> Option<usize> {
    let terminal = io::stdout().is_terminal();
    terminal.then(|| usize::from(::console::Term::stdout().size().0).max(2))
}

/// What standard output can show: columns, and whether colours may be used. A pipe has no width and no colours.
pub(crate) fn paper() -> (usize, bool) {
    let terminal = io::stdout().is_terminal();
    let quiet = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let width = match terminal {
        true => usize::from(::console::Term::stdout().size().1).max(20),
        false => usize::MAX,
    };
    let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
    (width, terminal && !quiet && !dumb)
}

/// Lines on standard error that are redrawn in place.
#[derive(Debug, Default)]
pub(crate) struct Redraw {
    lines: usize,
}

impl Redraw {
    /// Size of the terminal, as lines and columns that can be filled without scrolling or wrapping.
    pub(crate) fn room() -> (usize, usize) {
        let (rows, columns) = ::console::Term::stderr().size();
        (
            usize::from(rows).max(2) - 1,
            usize::from(columns).max(20) - 1,
        )
    }

    /// Replaces what was drawn last. More lines than the terminal has would scroll, and then nothing could be redrawn in place.
    pub(crate) fn draw(&mut self, mut lines: Vec<String>) {
        lines.truncate(Self::room().0);
        let mut out = String::new();
        if self.lines > 0 {
            out.push_str(&format!("\u{1b}[{}A", self.lines));
        }
        for line in &lines {
            out.push_str("\r\u{1b}[2K");
            out.push_str(line);
            out.push('\n');
        }
        // What was longer before is wiped.
        for _ in lines.len()..self.lines {
            out.push_str("\r\u{1b}[2K\n");
        }
        self.lines = self.lines.max(lines.len());
        let mut stderr = io::stderr().lock();
        let _ = stderr
            .write_all(out.as_bytes())
            .and_then(|()| stderr.flush());
    }
}

/// Writes a line for the person watching to standard error; a lost line is not worth failing for. Whatever the text holds, it is one line
/// and moves nobody's cursor.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", shown::terminal(text));
}

/// An answer of a node with its texts harmless: names and reasons come from whoever runs there.
pub(crate) fn harmless(answer: &Value) -> Value {
    match answer {
        Value::String(text) => Value::String(shown::terminal(text)),
        Value::Array(items) => items.iter().map(harmless).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (shown::terminal(name), harmless(value)))
            .collect(),
        other => other.clone(),
    }
}

/// The styles a line may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Done and well.
    Good,
    /// Worth a look.
    Warn,
    /// Failed.
    Bad,
    /// In the background.
    Dim,
    /// A heading.
    Bold,
}

/// The text with its style where colours are allowed, otherwise as it is.
pub(crate) fn paint(text: &str, style: Style, colour: bool) -> String {
    if !colour {
        return text.to_owned();
    }
    let code = match style {
        Style::Good => "32",
        Style::Warn => "33",
        Style::Bad => "31",
        Style::Dim => "2",
        Style::Bold => "1",
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}
