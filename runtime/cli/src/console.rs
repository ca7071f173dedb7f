//! The terminal: results go to standard output, everything else to standard error.
//!
//! A pipe gets plain lines, `NO_COLOR` is respected, and a reader that closes early (`aios ... | head`) ends the program quietly.

use std::io::{self, IsTerminal, Write};

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

/// Writes one JSON object to standard output.
///
/// # Errors
/// As [`result`].
pub(crate) fn json(value: &impl serde::Serialize) -> io::Result<()> {
    result(&serde_json::to_string_pretty(value)?)
}

/// Writes a line for the person watching to standard error; a lost line is not worth failing for.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
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
