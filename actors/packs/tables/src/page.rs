//! An answer as Markdown: what every report of this pack is put together from.
//!
//! Names and cells come from data, and whatever they hold is shown and does nothing.

use std::fmt::Write as _;

use aios_languages::english::shown_name;
use aios_work::shown::{markdown, markdown_line};
use aios_work::{Artifact, quoted};

/// Markdown that grows.
pub(crate) struct Page<'a> {
    pub(crate) out: &'a mut String,
}

impl Page<'_> {
    pub(crate) fn line(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }

    pub(crate) fn heading(&mut self, text: &str) {
        self.line(&format!("## {}\n", plain(text)));
    }

    /// A list under a heading; nothing at all where there is nothing to list.
    pub(crate) fn list(&mut self, heading: &str, items: impl IntoIterator<Item = String>) {
        let mut items = items.into_iter().peekable();
        if items.peek().is_none() {
            return;
        }
        self.heading(heading);
        for item in items {
            self.line(&format!("- {}", begins(&item)));
        }
        self.line("");
    }

    /// The pictures among these, under a heading.
    pub(crate) fn pictures(&mut self, heading: &str, artifacts: &[Artifact]) {
        let mut pictures = artifacts
            .iter()
            .filter(|artifact| artifact.media_type.starts_with("image/"))
            .peekable();
        if pictures.peek().is_some() {
            self.heading(heading);
        }
        for picture in pictures {
            // Beside the report: only the file's name, so that both can be moved together.
            let name = picture
                .path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default();
            self.line(&format!(
                "![{}]({})\n",
                plain(&picture.description),
                target(&name)
            ));
        }
    }
}

/// Text inside a line.
pub(crate) fn plain(text: &str) -> String {
    markdown(&quoted(text, 2_000).replace('|', "/"))
}

/// Text that begins a line.
pub(crate) fn begins(text: &str) -> String {
    markdown_line(&quoted(text, 8_000).replace('|', "/"))
}

/// A name in a table.
pub(crate) fn cell(text: &str) -> String {
    markdown(&shown_name(text))
}

/// A file's name as the target of a link.
fn target(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'-' | b'_' | b'.' => out.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            byte => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

/// The text with a capital letter in front.
pub(crate) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}
