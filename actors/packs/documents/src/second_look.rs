//! A document for whoever judges an answer about it: what its reader sees, block by block.

use aios_tools::Memory;
use aios_work::{Document as Text, Material, Reader};

use crate::document::Kind;
use crate::read;

/// How documents end that are more than their own text. Plain text and Markdown are read as they stand, tables by who knows tables.
const ENDINGS: [&str; 6] = [".pdf", ".html", ".htm", ".xhtml", ".json", ".xlsx"];
/// A document may hold so many times the bytes of its file, and so much beside.
const TIMES: u64 = 16;
const BESIDE: u64 = 32 << 20;

/// Reads documents for a second look.
#[derive(Debug, Clone, Copy, Default)]
pub struct DocumentReader;

impl Reader for DocumentReader {
    fn read(&self, name: &str, bytes: &[u8]) -> Option<Result<Material, String>> {
        let lower = name.to_lowercase();
        let known = ENDINGS.iter().any(|ending| lower.ends_with(ending));
        known.then(|| text(name, bytes))
    }
}

fn text(name: &str, bytes: &[u8]) -> Result<Material, String> {
    let length = bytes.len() as u64;
    let memory = Memory::of(length.saturating_mul(TIMES).saturating_add(BESIDE));
    let held = memory
        .reserve(name, length)
        .map_err(|error| error.to_string())?;
    let document =
        read(name, bytes.to_vec(), held, &|| Ok(())).map_err(|error| error.to_string())?;
    let mut text = String::with_capacity(bytes.len());
    for block in document.blocks() {
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        if block.kind == Kind::Heading {
            text.push_str("# ");
        }
        text.push_str(&document.shown(block));
    }
    Ok(Material::Document(Text {
        name: name.to_owned(),
        text,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_as_its_reader_sees_it_and_plain_text_is_left_as_it_stands() {
        let page = b"<html><body><h1>Terms</h1><p>It runs for 12 months.</p><script>x()</script></body></html>";
        let read = DocumentReader.read("terms.html", page).unwrap().unwrap();
        let Material::Document(found) = read else {
            panic!("a table")
        };
        assert!(
            found.text.contains("It runs for 12 months."),
            "{}",
            found.text
        );
        assert!(!found.text.contains("x()"), "{}", found.text);
        assert!(DocumentReader.read("notes.md", b"# A").is_none());
    }
}
