//! From bytes to a [`Document`], format by format.
//!
//! Each reader is pure: bytes in, blocks out. It looks at the clock now and then, sets room aside before it takes it, and leaves out what no
//! reader of the page sees. What a file is, is told by how it begins; only where that says nothing, by its name.

mod archive;
mod csv;
mod html;
mod json;
mod markdown;
mod pdf;
mod sheet;
mod style;
#[cfg(test)]
mod tests;
mod text;

use aios_tools::{Check, Decoded, Reserved, Workspace, WorkspaceError, decode};
use aios_work::{InputFile, ToolCall, ToolError};

use crate::document::{Builder, Document, Format};

/// Lines, rows or events between two looks at the clock.
const CHECK_EVERY: usize = 4_096;

/// What a reader is handed.
pub(crate) struct Source<'s> {
    file: &'s str,
    check: Check<'s>,
}

impl Source<'_> {
    /// Asked for the `at`th of many small things: whether to go on.
    fn go_on(&self, at: usize) -> Result<(), WorkspaceError> {
        if at % CHECK_EVERY == CHECK_EVERY - 1 {
            (self.check)()?;
        }
        Ok(())
    }

    fn refuse(&self, problem: impl Into<String>) -> WorkspaceError {
        WorkspaceError::Unreadable {
            file: self.file.to_owned(),
            problem: problem.into(),
        }
    }
}

/// Reads an input file of a goal.
///
/// # Errors
/// When it is no document, is too large, changed, or there is no room for it.
pub(crate) fn read_input(
    input: &InputFile,
    workspace: &Workspace,
    call: &ToolCall,
) -> Result<Document, ToolError> {
    let check = || call.check();
    let most = workspace.limits().file_bytes;
    let (bytes, held) = workspace.read(input, most, workspace.memory(), &check)?;
    Ok(read(&input.name, bytes, held, &check)?)
}

/// Reads the bytes of a file. `held` is what was set aside for them.
///
/// # Errors
/// When they are no document, or there is no room for it.
pub fn read(
    file: &str,
    bytes: Vec<u8>,
    held: Reserved,
    check: Check<'_>,
) -> Result<Document, WorkspaceError> {
    let source = Source { file, check };
    let length = bytes.len();
    let builder = |format, held| Builder::new(file, format, length, held);
    if pdf::is_pdf(&bytes) {
        return pdf::read(&source, &bytes, builder(Format::Pdf, held));
    }
    if let Some(kind) = archive::workbook(&bytes) {
        return sheet::read(&source, bytes, kind, builder(Format::Sheet, held));
    }
    let (mut held, mut bytes) = (held, bytes);
    // A zero byte in a page of text is a slip that browsers pass over as well.
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    let Decoded { text, warnings, .. } = decode(file, bytes, &mut held)?;
    let format = format_of(file, &text);
    let mut builder = builder(format, held);
    builder.warn(warnings);
    match format {
        Format::Markdown => markdown::read(&source, &text, &mut builder)?,
        Format::Html => html::read(&source, &text, &mut builder)?,
        Format::Csv => csv::read(&source, &text, &mut builder)?,
        Format::Json => json::read(&source, &text, &mut builder)?,
        Format::Text | Format::Sheet | Format::Pdf => text::read(&source, &text, &mut builder)?,
    }
    let document = builder.finish()?;
    if document.blocks().is_empty() {
        let problem = match document.hidden.count {
            0 => "is empty",
            _ => "holds nothing that its reader sees",
        };
        return Err(source.refuse(problem));
    }
    Ok(document)
}

/// What the name says; what begins like a page or a value is one whatever it is called.
fn format_of(file: &str, text: &str) -> Format {
    let ending = file.rsplit('.').next().unwrap_or("").to_lowercase();
    let head: String = text.trim_start().chars().take(64).collect();
    let head = head.to_lowercase();
    match ending.as_str() {
        "md" | "markdown" | "mdown" | "mkd" => Format::Markdown,
        "html" | "htm" | "xhtml" => Format::Html,
        "csv" | "tsv" | "tab" | "psv" | "dat" => Format::Csv,
        "json" | "jsonl" | "ndjson" | "geojson" => Format::Json,
        _ if head.starts_with("<!doctype html") || head.starts_with("<html") => Format::Html,
        _ => Format::Text,
    }
}

/// Whether a file of this format can be a schema.
pub(crate) fn is_schema_file(format: Format) -> bool {
    format == Format::Json
}
