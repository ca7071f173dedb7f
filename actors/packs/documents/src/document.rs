//! What a document says and where it says it.
//!
//! Whatever the format, a document is blocks of visible text in sections: a paragraph, an item, a row. Each block knows its place. All text
//! lies in one string and a block is a few numbers, so that memory follows the file's bytes whatever the file claims; room is set aside
//! before it is taken. What could not be read and what is there but is no content (comments, hidden text) is kept by place, never by
//! its words.

use std::borrow::Cow;

use aios_tools::{Reserved, WorkspaceError};
use serde::{Deserialize, Serialize};

use crate::place::{Mark, Place};

/// Places that are kept of what was not read, and of what is hidden; beyond them there is a count.
const LISTED: usize = 64;
/// Characters of a column's name.
const NAME_CHARACTERS: usize = 80;
/// Characters of a heading.
const HEADING_CHARACTERS: usize = 300;

/// What kind of file a document was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Text without marks.
    Text,
    /// Markdown.
    Markdown,
    /// A web page.
    Html,
    /// Rows of separated values.
    Csv,
    /// JSON, or a line of JSON each.
    Json,
    /// A workbook with sheets.
    Sheet,
    /// PDF.
    Pdf,
}

/// What a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Sentences.
    Prose,
    /// A heading; it names the section that follows.
    Heading,
    /// An item of a list.
    Item,
    /// A row of cells, parted by tabs.
    Row,
    /// Preformatted text.
    Code,
}

/// A piece of visible text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block {
    start: u32,
    end: u32,
    section: u32,
    pub(crate) kind: Kind,
    /// Line or row, counted from 1.
    first: u32,
    last: u32,
    /// Where the column numbers of a row begin.
    cells: u32,
    /// The block that names the columns of a row; none is [`NONE`].
    header: u32,
}

/// No block.
const NONE: u32 = u32::MAX;

/// What comes under one heading, on one page or on one sheet.
#[derive(Debug)]
struct Section {
    title: Box<str>,
    mark: Mark,
    level: u8,
    parent: Option<u32>,
}

/// Something that is there and was not taken as content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// Where.
    pub place: Place,
    /// Why.
    pub why: String,
}

/// Such places, and how many there are in all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leftovers {
    /// The first of them.
    pub places: Vec<Left>,
    /// How many there are.
    pub count: usize,
}

impl Leftovers {
    pub(crate) fn add(&mut self, place: Place, why: &str) {
        self.count += 1;
        if self.places.len() < LISTED {
            let why = why.to_owned();
            self.places.push(Left { place, why });
        }
    }
}

/// A document as its reader sees it.
#[derive(Debug)]
pub struct Document {
    file: String,
    format: Format,
    text: String,
    blocks: Vec<Block>,
    sections: Vec<Section>,
    columns: Vec<u32>,
    /// Parts that could not be read.
    pub(crate) unread: Leftovers,
    /// Parts that are there and that no reader sees.
    pub(crate) hidden: Leftovers,
    /// What was lost in reading that has no place, each in a sentence.
    pub(crate) warnings: Vec<String>,
    /// A schema, if the file is one.
    pub(crate) schema: Option<serde_json::Value>,
    held: Reserved,
}

impl Document {
    /// The file it was read from.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// What kind of file that is.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    pub(crate) fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// A block's text; the cells of a row are parted by tabs.
    pub(crate) fn text_of(&self, block: &Block) -> &str {
        let range = block.start as usize..block.end as usize;
        self.text.get(range).unwrap_or_default()
    }

    /// The cells of a row, each with its column, counted from 0.
    pub(crate) fn cells(&self, block: &Block) -> impl Iterator<Item = (u32, &str)> {
        let columns = self.columns.get(block.cells as usize..);
        let columns = columns.unwrap_or_default().iter().copied();
        let cells = self.text_of(block).split('\t');
        let is_row = block.kind == Kind::Row;
        columns.zip(cells).filter(move |_| is_row)
    }

    /// The row that names the columns of another.
    fn header(&self, block: &Block) -> Option<&Block> {
        self.blocks.get(block.header as usize)
    }

    /// The cells of a row, each with the name of its column if it has one.
    pub(crate) fn named(&self, block: &Block) -> Vec<(Option<&str>, &str)> {
        if self.format == Format::Json {
            // A member has its name with it.
            let member = |(_, cell)| match str::split_once(cell, ": ") {
                Some((name, value)) => (Some(name), value),
                None => (None, cell),
            };
            return self.cells(block).map(member).collect();
        }
        let header = self.header(block);
        let mut names = header.into_iter().flat_map(|header| self.cells(header));
        let mut ahead = names.next();
        let mut out = Vec::new();
        // Both are in the order of their columns.
        for (column, cell) in self.cells(block) {
            while ahead.is_some_and(|(at, _)| at < column) {
                ahead = names.next();
            }
            let name = ahead.filter(|(at, _)| *at == column).map(|(_, name)| name);
            out.push((name, cell));
        }
        out
    }

    /// A block as it is quoted: a row with the names of its columns, anything else as it stands.
    pub(crate) fn shown(&self, block: &Block) -> Cow<'_, str> {
        if block.kind != Kind::Row {
            return Cow::Borrowed(self.text_of(block));
        }
        let mut out = String::new();
        for (name, cell) in self.named(block) {
            if !out.is_empty() {
                out.push_str(" | ");
            }
            if let Some(name) = name.filter(|name| !name.is_empty()) {
                out.extend(name.chars().take(NAME_CHARACTERS));
                out.push_str(": ");
            }
            out.push_str(cell);
        }
        Cow::Owned(out)
    }

    /// All headings.
    pub(crate) fn titles(&self) -> impl Iterator<Item = &str> {
        let headings = self.sections.iter().filter(|it| it.mark == Mark::Heading);
        headings.map(|section| &*section.title)
    }

    /// The headings above a block, from the outside in.
    pub(crate) fn headings(&self, block: &Block) -> Vec<&str> {
        let mut path = Vec::new();
        let mut at = Some(block.section);
        while let Some(section) = at.and_then(|at| self.sections.get(at as usize)) {
            if section.mark == Mark::Heading && !section.title.is_empty() {
                path.push(&*section.title);
            }
            at = section.parent;
        }
        // A heading is not below itself.
        if block.kind == Kind::Heading && !path.is_empty() {
            path.remove(0);
        }
        path.reverse();
        path
    }

    /// Where a block is, or a part of it: `from` and `to` are bytes of its text.
    pub(crate) fn place(&self, block: &Block, from: usize, to: usize) -> Place {
        let text = self.text_of(block);
        let breaks = |end: usize| {
            let head = text.as_bytes().get(..end).unwrap_or_default();
            head.iter().filter(|byte| **byte == b'\n').count() as u32
        };
        self.place_between(block, breaks(from), breaks(to))
    }

    /// Where a part of a block is that begins and ends behind so many line breaks.
    pub(crate) fn place_between(&self, block: &Block, from: u32, to: u32) -> Place {
        let first = block.first.saturating_add(from).min(block.last);
        let last = block.first.saturating_add(to).min(block.last);
        let mut place = Place {
            file: self.file.clone(),
            heading: self
                .headings(block)
                .into_iter()
                .map(str::to_owned)
                .collect(),
            ..Place::default()
        };
        match self.sections.get(block.section as usize) {
            Some(Section {
                mark: Mark::Page(page),
                ..
            }) => place.page = Some(*page),
            Some(Section {
                mark: Mark::Sheet,
                title,
                ..
            }) => place.sheet = Some(title.to_string()),
            Some(Section {
                mark: Mark::Pointer,
                title,
                ..
            }) => place.pointer = Some(title.to_string()),
            _ => {}
        }
        match self.format {
            Format::Csv | Format::Sheet => place.row = Some(block.first),
            Format::Json => {}
            Format::Text | Format::Markdown | Format::Html | Format::Pdf => {
                place.lines = Some([first, last]);
            }
        }
        place
    }

    /// Where a whole block is.
    pub(crate) fn whole(&self, block: &Block) -> Place {
        self.place(block, 0, self.text_of(block).len())
    }

    /// Bytes that are set aside for it.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.held.bytes()
    }

    /// Room beside the document's own, from the same account.
    pub(crate) fn room(&self) -> Reserved {
        self.held.beside()
    }
}

/// Makes a document, block by block.
pub(crate) struct Builder {
    document: Document,
    /// The text so far may not become longer: a few times the file, whatever that claims.
    most: usize,
    open: Option<Block>,
    section: u32,
    header: u32,
}

/// More text than a file of this size can hold honestly.
const TIMES: usize = 64;

impl Builder {
    pub(crate) fn new(file: &str, format: Format, bytes: usize, held: Reserved) -> Self {
        let root = Section {
            title: "".into(),
            mark: Mark::Heading,
            level: 0,
            parent: None,
        };
        Self {
            document: Document {
                file: file.to_owned(),
                format,
                text: String::new(),
                blocks: Vec::new(),
                sections: vec![root],
                columns: Vec::new(),
                unread: Leftovers::default(),
                hidden: Leftovers::default(),
                warnings: Vec::new(),
                schema: None,
                held,
            },
            most: (bytes.saturating_mul(TIMES))
                .saturating_add(1 << 20)
                .min(u32::MAX as usize),
            open: None,
            section: 0,
            header: NONE,
        }
    }

    /// Begins a section of its own below the last one of a lower level.
    pub(crate) fn section(
        &mut self,
        level: u8,
        title: &str,
        mark: Mark,
    ) -> Result<(), WorkspaceError> {
        self.end()?;
        let mut parent = Some(self.section);
        while let Some(section) = parent.and_then(|at| self.document.sections.get(at as usize)) {
            if section.level < level {
                break;
            }
            parent = section.parent;
        }
        let title = one_line(title, HEADING_CHARACTERS).into_boxed_str();
        self.document.held.grow(title.len() as u64)?;
        let section = Section {
            title,
            mark,
            level,
            parent,
        };
        self.section = self.document.sections.len() as u32;
        self.document
            .held
            .push(&mut self.document.sections, section)
    }

    /// Begins a block at a line or row.
    pub(crate) fn begin(&mut self, kind: Kind, line: u32) -> Result<(), WorkspaceError> {
        self.end()?;
        let start = self.document.text.len() as u32;
        self.open = Some(Block {
            start,
            end: start,
            section: self.section,
            kind,
            first: line,
            last: line,
            cells: self.document.columns.len() as u32,
            header: NONE,
        });
        Ok(())
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Whether the open block has text so far.
    pub(crate) fn has_text(&self) -> bool {
        let start = self.open.map(|block| block.start as usize);
        start.is_some_and(|start| self.document.text.len() > start)
    }

    /// The text of the open block so far.
    pub(crate) fn open_text(&self) -> Option<&str> {
        let block = self.open?;
        self.document.text.get(block.start as usize..)
    }

    /// Text of the open block, as it is seen: what nobody sees is left out.
    pub(crate) fn push(&mut self, text: &str) -> Result<(), WorkspaceError> {
        let mut clean = text;
        while let Some(at) = clean.find(invisible) {
            let (head, rest) = clean.split_at(at);
            self.append(head)?;
            let mut rest = rest.chars();
            rest.next();
            clean = rest.as_str();
        }
        self.append(clean)
    }

    fn append(&mut self, text: &str) -> Result<(), WorkspaceError> {
        let Document {
            text: all,
            held,
            file,
            ..
        } = &mut self.document;
        if all.len() + text.len() > self.most {
            return Err(WorkspaceError::Unreadable {
                file: file.clone(),
                problem: "says much more than a file of its size can hold".to_owned(),
            });
        }
        held.push_str(all, text, self.most)
    }

    /// Ends the open block at a line; an empty one leaves nothing.
    pub(crate) fn end_at(&mut self, line: u32) -> Result<(), WorkspaceError> {
        let Some(mut block) = self.open.take() else {
            return Ok(());
        };
        let text = &mut self.document.text;
        let from = block.start as usize;
        let seen = text.get(from..).unwrap_or_default();
        // Where it begins with line breaks it begins later.
        let skip = seen.len() - seen.trim_start().len();
        let before = seen.get(..skip).unwrap_or_default();
        block.first += before.matches('\n').count() as u32;
        let kept = seen.trim_end().len().max(skip);
        text.truncate(from + kept);
        block.start += skip as u32;
        block.end = text.len() as u32;
        block.last = line.max(block.first);
        if block.start == block.end {
            return Ok(());
        }
        self.document.held.push(&mut self.document.blocks, block)
    }

    /// Ends the open block where its text ends.
    pub(crate) fn end(&mut self) -> Result<(), WorkspaceError> {
        let Some(block) = self.open else {
            return Ok(());
        };
        let seen = self
            .document
            .text
            .get(block.start as usize..)
            .unwrap_or_default();
        let breaks = seen.trim_end().matches('\n').count() as u32;
        self.end_at(block.first.saturating_add(breaks))
    }

    /// A whole row; cells without text leave nothing.
    pub(crate) fn row<'c>(
        &mut self,
        row: u32,
        cells: impl IntoIterator<Item = (u32, &'c str)>,
    ) -> Result<(), WorkspaceError> {
        self.begin(Kind::Row, row)?;
        let mut first = true;
        for (column, cell) in cells {
            if cell.trim().is_empty() {
                continue;
            }
            if !first {
                self.append("\t")?;
            }
            first = false;
            self.document
                .held
                .push(&mut self.document.columns, column)?;
            self.push_words(cell)?;
        }
        // A row keeps its cells as they are: no end is cut.
        let Some(mut block) = self.open.take().filter(|_| !first) else {
            return Ok(());
        };
        block.end = self.document.text.len() as u32;
        block.header = self.header;
        self.document.held.push(&mut self.document.blocks, block)
    }

    /// Text with one blank between two words.
    fn push_words(&mut self, text: &str) -> Result<(), WorkspaceError> {
        let mut blank = false;
        for word in text.split_whitespace() {
            if blank {
                self.append(" ")?;
            }
            self.push(word)?;
            blank = true;
        }
        Ok(())
    }

    /// The last row names the columns of those that follow.
    pub(crate) fn is_header(&mut self) {
        self.header = (self.document.blocks.len() as u32).wrapping_sub(1);
    }

    /// What follows has no names of columns.
    pub(crate) fn no_header(&mut self) {
        self.header = NONE;
    }

    /// A heading and the section that it begins.
    pub(crate) fn heading(
        &mut self,
        level: u8,
        title: &str,
        line: u32,
    ) -> Result<(), WorkspaceError> {
        if title.trim().is_empty() {
            return Ok(());
        }
        self.section(level, title, Mark::Heading)?;
        self.begin(Kind::Heading, line)?;
        self.push_words(title)?;
        self.end_at(line)
    }

    /// A place in the section that is open.
    pub(crate) fn here(&self, line: u32) -> Place {
        let at = Block {
            start: 0,
            end: 0,
            section: self.section,
            kind: Kind::Prose,
            first: line,
            last: line,
            cells: 0,
            header: NONE,
        };
        self.document.whole(&at)
    }

    /// Something that could not be read.
    pub(crate) fn unread(&mut self, place: Place, why: &str) {
        self.document.unread.add(place, why);
    }

    /// Something that no reader sees.
    pub(crate) fn hidden(&mut self, place: Place, why: &str) {
        self.document.hidden.add(place, why);
    }

    /// What was lost and has no place.
    pub(crate) fn warn(&mut self, warnings: Vec<String>) {
        self.document.warnings = warnings;
    }

    pub(crate) fn schema(&mut self, schema: serde_json::Value) {
        self.document.schema = Some(schema);
    }

    pub(crate) fn held(&mut self) -> &mut Reserved {
        &mut self.document.held
    }

    pub(crate) fn text_len(&self) -> usize {
        self.document.text.len()
    }

    pub(crate) fn finish(mut self) -> Result<Document, WorkspaceError> {
        self.end()?;
        Ok(self.document)
    }
}

/// Whether a character is never seen: formatting marks, tags, and control characters other than white space.
pub(crate) fn invisible(c: char) -> bool {
    aios_work::shown::is_hidden(c) || (c.is_control() && !c.is_whitespace())
}

/// White space collapsed, at most so many characters.
pub(crate) fn one_line(text: &str, most: usize) -> String {
    let mut out = String::new();
    let mut count = 0;
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        for c in word.chars().filter(|c| !invisible(*c)) {
            out.push(c);
            count += 1;
            if count >= most {
                out.push('\u{2026}');
                return out;
            }
        }
    }
    out
}
