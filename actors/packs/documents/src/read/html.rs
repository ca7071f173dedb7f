//! Web pages, as their readers see them.
//!
//! The page is read as a stream of tags and text, without a tree: depth costs a few bytes a tag and no stack. Text inside something that is
//! not shown (a script, a comment, `hidden`, a style that hides, a colour like its ground) is no content; its place is kept.

use std::borrow::Cow;
use std::cell::RefCell;

use aios_tools::WorkspaceError;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::{RawKind, State};
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

use super::Source;
use super::csv::names;
use super::style::{self, Colour, Sheet};
use crate::document::{Builder, Kind};

/// Bytes that are handed to the tokenizer at once.
const CHUNK: usize = 1 << 16;
/// Open elements that an end tag looks through for its own: far above what pages nest.
const LOOKED_THROUGH: usize = 512;
/// Columns of a row that are kept.
const COLUMNS: usize = 4_096;

/// Elements without an end.
const VOID: [&str; 14] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
    "track", "wbr",
];
/// Elements whose text nobody sees.
const UNSEEN: [&str; 15] = [
    "script", "style", "template", "noscript", "iframe", "noframes", "noembed", "object", "audio",
    "video", "canvas", "datalist", "rp", "map", "textarea",
];
/// Elements that begin and end a paragraph.
const BLOCKS: [&str; 36] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "caption",
    "dd",
    "details",
    "dialog",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "header",
    "hr",
    "html",
    "legend",
    "li",
    "main",
    "nav",
    "ol",
    "option",
    "p",
    "pre",
    "section",
    "summary",
    "table",
    "tbody",
    "thead",
    "tfoot",
    "tr",
    "ul",
];

pub(super) fn read(
    source: &Source<'_>,
    text: &str,
    out: &mut Builder,
) -> Result<(), WorkspaceError> {
    let mut page = Page::default();
    page.feed(source, text, 1, out, Around::Page)?;
    page.finish(out)
}

/// Where a piece of HTML stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Around {
    /// It is a page, or a block of its own.
    Page,
    /// It is a tag within a line of text.
    Line,
}

/// What is open while a page is read.
#[derive(Debug, Default)]
pub(super) struct Page {
    stack: Vec<Element>,
    sheet: Sheet,
    css: String,
    heading: Option<(u8, String, u32)>,
    row: Option<Row>,
}

#[derive(Debug)]
struct Element {
    name: Box<str>,
    hidden: bool,
    /// Whether it is told already that its text has the colour of its ground.
    told: bool,
    text: Colour,
    ground: Colour,
}

impl Element {
    /// What lies within may have other colours, so this is no matter of what is around.
    fn is_blank(&self) -> bool {
        style::are_same(self.text, self.ground)
    }
}

#[derive(Debug)]
struct Row {
    line: u32,
    cells: Vec<String>,
    /// Whether all cells so far are headings.
    header: bool,
    in_cell: bool,
}

impl Page {
    /// Reads a piece that begins at a line.
    pub(super) fn feed(
        &mut self,
        source: &Source<'_>,
        text: &str,
        line: u32,
        out: &mut Builder,
        around: Around,
    ) -> Result<(), WorkspaceError> {
        let sink = Sink(RefCell::new(Reading {
            page: self,
            out,
            around,
            first: line,
            failed: None,
        }));
        let tokenizer = Tokenizer::new(
            sink,
            TokenizerOpts {
                initial_state: Some(State::Data),
                ..TokenizerOpts::default()
            },
        );
        let queue = BufferQueue::default();
        let mut rest = text;
        while !rest.is_empty() {
            (source.check)()?;
            let end = rest.floor_char_boundary(CHUNK).max(1);
            let (head, behind) = rest.split_at(end);
            rest = behind;
            queue.push_back(StrTendril::from_slice(head));
            // It pauses behind a script, for a browser to run it.
            while !matches!(tokenizer.feed(&queue), html5ever::TokenizerResult::Done) {}
            if let Some(failed) = tokenizer.sink.0.borrow_mut().failed.take() {
                return Err(failed);
            }
        }
        tokenizer.end();
        let failed = tokenizer.sink.0.borrow_mut().failed.take();
        failed.map_or(Ok(()), Err)
    }

    /// What is still open ends with the page.
    pub(super) fn finish(&mut self, out: &mut Builder) -> Result<(), WorkspaceError> {
        self.end_heading(out)?;
        self.end_row(out)?;
        out.end()
    }

    /// Whether text is not seen now.
    pub(super) fn is_hidden(&self) -> bool {
        self.stack
            .last()
            .is_some_and(|element| element.hidden || element.is_blank())
    }

    /// Tells once of an element whose text has the colour of its ground.
    pub(super) fn tell_blank(&mut self, line: u32, out: &mut Builder) {
        if let Some(element) = self.stack.last_mut().filter(|element| element.is_blank())
            && !element.hidden
            && !element.told
        {
            element.told = true;
            let place = out.here(line);
            out.hidden(place, "text in the colour of its ground");
        }
    }

    fn start(&mut self, tag: &Tag, line: u32, out: &mut Builder) -> Result<(), WorkspaceError> {
        let name: &str = &tag.name;
        self.close_implied(name);
        let (text, ground, hidden) = match self.stack.last() {
            Some(around) => (around.text, around.ground, around.hidden),
            None => (style::BLACK, style::WHITE, false),
        };
        let attribute = |wanted: &str| {
            let found = tag.attrs.iter().find(|one| &*one.name.local == wanted);
            found.map(|one| &*one.value)
        };
        let mut effect = self.sheet.of(
            name,
            attribute("id").unwrap_or_default(),
            attribute("class").unwrap_or_default(),
        );
        if let Some(declared) = attribute("style") {
            let own = style::effect(declared);
            effect.hides |= own.hides;
            effect.text = own.text.or(effect.text);
            effect.ground = own.ground.or(effect.ground);
        }
        let text = effect
            .text
            .or(attribute("color").and_then(style::colour))
            .unwrap_or(text);
        let ground = effect
            .ground
            .or(attribute("bgcolor").and_then(style::colour))
            .unwrap_or(ground);
        let closed = name == "dialog" && attribute("open").is_none();
        let unseen = UNSEEN.contains(&name) || closed;
        let kept = effect.hides
            || attribute("hidden").is_some()
            || attribute("aria-hidden").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        if kept && !hidden && !unseen && !VOID.contains(&name) {
            let place = out.here(line);
            out.hidden(place, "text that the page does not show");
        }
        if VOID.contains(&name) {
            return Ok(());
        }
        let element = Element {
            name: name.into(),
            hidden: hidden || unseen || kept,
            told: false,
            text,
            ground,
        };
        out.held().grow(name.len() as u64)?;
        out.held().push(&mut self.stack, element)
    }

    /// What ends where another element begins, though no tag says so.
    fn close_implied(&mut self, name: &str) {
        let (closes, within): (&[&str], &[&str]) = match name {
            "li" => (&["li"], &["ul", "ol"]),
            "dt" | "dd" => (&["dt", "dd"], &["dl"]),
            "tr" => (&["tr", "td", "th"], &["table"]),
            "td" | "th" => (&["td", "th"], &["tr", "table"]),
            "option" => (&["option"], &["select"]),
            "tbody" | "thead" | "tfoot" => {
                (&["tr", "td", "th", "tbody", "thead", "tfoot"], &["table"])
            }
            _ if BLOCKS.contains(&name) || level(name).is_some() => {
                (&["p"], &["td", "th", "li", "div", "table"])
            }
            _ => return,
        };
        let mut cut = None;
        for (at, element) in self.stack.iter().enumerate().rev().take(LOOKED_THROUGH) {
            if closes.contains(&&*element.name) {
                cut = Some(at);
                if name != "tr" && name != "tbody" {
                    break;
                }
            } else if within.contains(&&*element.name) {
                break;
            }
        }
        if let Some(cut) = cut {
            self.stack.truncate(cut);
        }
    }

    fn end(&mut self, name: &str) {
        let open = self.stack.iter().enumerate().rev().take(LOOKED_THROUGH);
        if let Some((at, _)) = open.into_iter().find(|(_, element)| &*element.name == name) {
            self.stack.truncate(at);
        }
    }

    fn end_heading(&mut self, out: &mut Builder) -> Result<(), WorkspaceError> {
        match self.heading.take() {
            Some((level, title, line)) => out.heading(level, &title, line),
            None => Ok(()),
        }
    }

    fn end_row(&mut self, out: &mut Builder) -> Result<(), WorkspaceError> {
        let Some(row) = self.row.take() else {
            return Ok(());
        };
        let cells = || row.cells.iter().map(String::as_str);
        out.row(row.line, (0..).zip(cells()))?;
        if row.header && names(cells()) {
            out.is_header();
        }
        Ok(())
    }

    /// Visible text.
    fn text(&mut self, text: &str, line: u32, out: &mut Builder) -> Result<(), WorkspaceError> {
        let room = text.len() as u64;
        if let Some((_, title, _)) = &mut self.heading {
            out.held().grow(room)?;
            title.push_str(text);
            return Ok(());
        }
        if let Some(row) = &mut self.row {
            if let Some(cell) = row.cells.last_mut().filter(|_| row.in_cell) {
                out.held().grow(room)?;
                cell.push_str(text);
            }
            return Ok(());
        }
        if !out.is_open() {
            if text.trim().is_empty() {
                return Ok(());
            }
            out.begin(self.kind(), line)?;
        }
        out.push(text)
    }

    fn kind(&self) -> Kind {
        let near = self.stack.iter().rev().take(8);
        for element in near {
            match &*element.name {
                "li" | "dt" | "dd" => return Kind::Item,
                "pre" => return Kind::Code,
                "p" | "div" | "body" => break,
                _ => {}
            }
        }
        Kind::Prose
    }
}

/// The level of a heading.
fn level(name: &str) -> Option<u8> {
    match name.as_bytes() {
        [b'h', digit @ b'1'..=b'6'] => Some(digit - b'0'),
        _ => None,
    }
}

struct Sink<'s>(RefCell<Reading<'s>>);

struct Reading<'s> {
    page: &'s mut Page,
    out: &'s mut Builder,
    around: Around,
    /// The line that the tokenizer calls the first.
    first: u32,
    failed: Option<WorkspaceError>,
}

impl TokenSink for Sink<'_> {
    type Handle = ();

    fn process_token(&self, token: Token, line: u64) -> TokenSinkResult<()> {
        let mut reading = self.0.borrow_mut();
        if reading.failed.is_some() {
            return TokenSinkResult::Continue;
        }
        let raw = match &token {
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => raw(&tag.name),
            _ => None,
        };
        let line = u32::try_from(line.saturating_sub(1)).unwrap_or(u32::MAX);
        let line = reading.first.saturating_add(line);
        if let Err(error) = reading.take(token, line) {
            reading.failed = Some(error);
        }
        match raw {
            Some(kind) => TokenSinkResult::RawData(kind),
            None => TokenSinkResult::Continue,
        }
    }
}

/// Elements whose content is no markup.
fn raw(name: &str) -> Option<RawKind> {
    match name {
        "title" | "textarea" => Some(RawKind::Rcdata),
        "style" | "iframe" | "noframes" | "noembed" | "xmp" | "noscript" => Some(RawKind::Rawtext),
        "script" => Some(RawKind::ScriptData),
        _ => None,
    }
}

impl Reading<'_> {
    fn take(&mut self, token: Token, line: u32) -> Result<(), WorkspaceError> {
        match token {
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => self.start(&tag, line),
            Token::TagToken(tag) => self.end(&tag.name, line),
            Token::CharacterTokens(text) => self.text(&text, line),
            Token::CommentToken(_) => {
                let place = self.out.here(line);
                self.out.hidden(place, "a comment");
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn start(&mut self, tag: &Tag, line: u32) -> Result<(), WorkspaceError> {
        let name: &str = &tag.name;
        self.page.start(tag, line, self.out)?;
        if self.around == Around::Line {
            return match name {
                "br" => self.out.push(" "),
                _ => Ok(()),
            };
        }
        if name == "br" {
            return match (&self.page.heading, &self.page.row) {
                (None, None) => self.out.end(),
                _ => self.page.text(" ", line, self.out),
            };
        }
        if self.page.stack.last().is_some_and(|element| element.hidden) {
            return Ok(());
        }
        if let Some(level) = level(name) {
            self.page.end_row(self.out)?;
            self.page.end_heading(self.out)?;
            self.out.end()?;
            self.page.heading = Some((level, String::new(), line));
        } else if name == "title" {
            self.page.heading = Some((1, String::new(), line));
        } else if name == "table" {
            self.page.end_row(self.out)?;
            self.out.end()?;
            self.out.no_header();
        } else if name == "tr" {
            self.page.end_row(self.out)?;
            self.out.end()?;
            self.page.row = Some(Row {
                line,
                cells: Vec::new(),
                header: true,
                in_cell: false,
            });
        } else if matches!(name, "td" | "th") {
            if let Some(row) = &mut self.page.row
                && row.cells.len() < COLUMNS
            {
                row.header &= name == "th";
                row.in_cell = true;
                self.out.held().push(&mut row.cells, String::new())?;
            }
        } else if BLOCKS.contains(&name) {
            match (&self.page.heading, &self.page.row) {
                (None, None) => self.out.end()?,
                _ => self.page.text(" ", line, self.out)?,
            }
        }
        Ok(())
    }

    fn end(&mut self, name: &str, _: u32) -> Result<(), WorkspaceError> {
        if name == "style" && !self.page.css.is_empty() {
            let css = std::mem::take(&mut self.page.css);
            self.page.sheet.add(&css);
            self.out.held().shrink(css.len() as u64);
        }
        self.page.end(name);
        if self.around == Around::Line {
            return Ok(());
        }
        if level(name).is_some() || name == "title" {
            self.page.end_heading(self.out)
        } else if matches!(name, "tr" | "table" | "thead" | "tbody") {
            self.page.end_row(self.out)?;
            self.out.end()
        } else if matches!(name, "td" | "th") {
            if let Some(row) = &mut self.page.row {
                row.in_cell = false;
            }
            Ok(())
        } else if BLOCKS.contains(&name) && self.page.row.is_none() && self.page.heading.is_none() {
            self.out.end()
        } else {
            Ok(())
        }
    }

    fn text(&mut self, text: &str, line: u32) -> Result<(), WorkspaceError> {
        if self
            .page
            .stack
            .last()
            .is_some_and(|element| &*element.name == "style")
        {
            self.out.held().grow(text.len() as u64)?;
            self.page.css.push_str(text);
            return Ok(());
        }
        if self.page.is_hidden() || self.around == Around::Line {
            if !text.trim().is_empty() {
                self.page.tell_blank(line, self.out);
            }
            return Ok(());
        }
        let breaks = u32::try_from(text.matches('\n').count()).unwrap_or(u32::MAX);
        let text: Cow<'_, str> = match text.contains('\t') {
            true => Cow::Owned(text.replace('\t', " ")),
            false => Cow::Borrowed(text),
        };
        self.page.text(&text, line.saturating_sub(breaks), self.out)
    }
}
