//! Markdown, as it is rendered: comments, front matter and link definitions are no content, HTML within it is read as HTML.

use std::ops::Range;

use aios_tools::WorkspaceError;
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::Source;
use super::csv::names;
use super::html::{Around, Page};
use super::text::is_labelled;
use crate::document::{Builder, Kind};

pub(super) fn read(
    source: &Source<'_>,
    text: &str,
    out: &mut Builder,
) -> Result<(), WorkspaceError> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS
        | Options::ENABLE_PLUSES_DELIMITED_METADATA_BLOCKS;
    let mut reading = Reading {
        source,
        text,
        lines: Lines::new(text),
        page: Page::default(),
        html: None,
        heading: None,
        row: None,
        unseen: false,
        out,
    };
    for (at, (event, range)) in Parser::new_ext(text, options)
        .into_offset_iter()
        .enumerate()
    {
        source.go_on(at)?;
        reading.take(event, range)?;
    }
    reading.definitions();
    reading.page.finish(reading.out)
}

/// Counts lines up to an offset; offsets come nearly in order.
struct Lines<'t> {
    text: &'t str,
    at: usize,
    line: u32,
}

impl<'t> Lines<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            text,
            at: 0,
            line: 1,
        }
    }

    fn of(&mut self, offset: usize) -> u32 {
        let count = |range: Range<usize>| {
            let part = self.text.as_bytes().get(range).unwrap_or_default();
            part.iter().filter(|byte| **byte == b'\n').count() as u32
        };
        if offset >= self.at {
            self.line += count(self.at..offset);
        } else {
            self.line -= count(offset..self.at);
        }
        self.at = offset;
        self.line
    }
}

struct Reading<'r> {
    source: &'r Source<'r>,
    text: &'r str,
    lines: Lines<'r>,
    page: Page,
    /// A block of HTML, and the line where it begins.
    html: Option<(String, u32)>,
    heading: Option<(u8, String, u32)>,
    row: Option<(u32, Vec<String>)>,
    /// Within front matter.
    unseen: bool,
    out: &'r mut Builder,
}

impl Reading<'_> {
    fn take(&mut self, event: Event<'_>, range: Range<usize>) -> Result<(), WorkspaceError> {
        match event {
            Event::Start(tag) => self.start(&tag, range),
            Event::End(tag) => self.end(tag, range),
            Event::Text(text) => self.text(&text, range.start),
            Event::Code(text) | Event::InlineMath(text) | Event::DisplayMath(text) => {
                self.text(&text, range.start)
            }
            Event::Html(html) => {
                if let Some((all, _)) = &mut self.html {
                    self.out.held().grow(html.len() as u64)?;
                    all.push_str(&html);
                }
                Ok(())
            }
            Event::InlineHtml(html) => {
                let line = self.lines.of(range.start);
                self.page
                    .feed(self.source, &html, line, self.out, Around::Line)
            }
            Event::SoftBreak => self.text("\n", range.start),
            // A break within a paragraph parts its lines: addresses, lists of values.
            Event::HardBreak => match (&self.heading, &self.row) {
                (None, None) if self.out.has_text() => {
                    let line = self.lines.of(range.end);
                    self.out.end()?;
                    self.out.begin(Kind::Prose, line)
                }
                _ => self.text(" ", range.start),
            },
            Event::FootnoteReference(_) | Event::Rule | Event::TaskListMarker(_) => Ok(()),
        }
    }

    fn start(&mut self, tag: &Tag<'_>, range: Range<usize>) -> Result<(), WorkspaceError> {
        let line = self.lines.of(range.start);
        match tag {
            Tag::Heading { level, .. } => {
                self.out.end()?;
                self.heading = Some((depth(*level), String::new(), line));
            }
            Tag::Paragraph if !self.out.is_open() || self.out.has_text() => {
                self.out.begin(Kind::Prose, line)?;
            }
            Tag::Item => self.out.begin(Kind::Item, line)?,
            Tag::CodeBlock(_) => {
                // The text of a fenced block begins on the next line.
                let fenced = self.text.get(range).is_some_and(|code| {
                    let code = code.trim_start();
                    code.starts_with("```") || code.starts_with("~~~")
                });
                self.out.begin(Kind::Code, line + u32::from(fenced))?;
            }
            Tag::HtmlBlock => {
                self.out.end()?;
                self.html = Some((String::new(), line));
            }
            Tag::Table(_) => {
                self.out.end()?;
                self.out.no_header();
            }
            Tag::TableHead | Tag::TableRow => self.row = Some((line, Vec::new())),
            Tag::TableCell => {
                if let Some((_, cells)) = &mut self.row {
                    self.out.held().push(cells, String::new())?;
                }
            }
            Tag::MetadataBlock(_) => {
                self.unseen = true;
                let place = self.out.here(line);
                self.out.hidden(place, "front matter");
            }
            Tag::FootnoteDefinition(_) => self.out.end()?,
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, tag: TagEnd, range: Range<usize>) -> Result<(), WorkspaceError> {
        match tag {
            TagEnd::Heading(_) => match self.heading.take() {
                Some((level, title, line)) => self.out.heading(level, &title, line),
                None => Ok(()),
            },
            TagEnd::HtmlBlock => match self.html.take() {
                Some((html, line)) => {
                    self.page
                        .feed(self.source, &html, line, self.out, Around::Page)?;
                    self.out.held().shrink(html.len() as u64);
                    self.out.end()
                }
                None => Ok(()),
            },
            TagEnd::TableHead | TagEnd::TableRow => {
                let Some((line, cells)) = self.row.take() else {
                    return Ok(());
                };
                let cells = || cells.iter().map(String::as_str);
                self.out.row(line, (0..).zip(cells()))?;
                if tag == TagEnd::TableHead && names(cells()) {
                    self.out.is_header();
                }
                Ok(())
            }
            TagEnd::MetadataBlock(_) => {
                self.unseen = false;
                Ok(())
            }
            TagEnd::Paragraph | TagEnd::Item | TagEnd::CodeBlock => {
                let _ = self.lines.of(range.start);
                self.out.end()
            }
            _ => Ok(()),
        }
    }

    fn text(&mut self, text: &str, offset: usize) -> Result<(), WorkspaceError> {
        if self.unseen || self.html.is_some() {
            return Ok(());
        }
        if self.page.is_hidden() {
            let line = self.lines.of(offset);
            self.page.tell_blank(line, self.out);
            return Ok(());
        }
        let room = text.len() as u64;
        if let Some((_, title, _)) = &mut self.heading {
            self.out.held().grow(room)?;
            title.push_str(text);
            return Ok(());
        }
        if let Some((_, cells)) = &mut self.row {
            if let Some(cell) = cells.last_mut() {
                self.out.held().grow(room)?;
                cell.push_str(text);
            }
            return Ok(());
        }
        if !self.out.is_open() {
            if text.trim().is_empty() {
                return Ok(());
            }
            let line = self.lines.of(offset);
            self.out.begin(Kind::Prose, line)?;
        }
        // Lines of labelled values are one each, though Markdown makes a paragraph of them.
        if text == "\n" && self.out.open_text().is_some_and(is_labelled) {
            let line = self.lines.of(offset);
            self.out.end()?;
            return self.out.begin(Kind::Item, line + 1);
        }
        self.out.push(text)
    }

    /// Definitions of links with a title are where comments are put: `[//]: # (...)`. The parser gives none of them back; they are
    /// looked up to be counted.
    fn definitions(&mut self) {
        let parser = Parser::new(self.text);
        let mut places: Vec<usize> = parser
            .reference_definitions()
            .iter()
            .filter(|(name, _)| !name.chars().any(char::is_alphanumeric) || *name == "comment")
            .map(|(_, definition)| definition.span.start)
            .collect();
        places.sort_unstable();
        for offset in places {
            let line = self.lines.of(offset);
            let place = self.out.here(line);
            self.out.hidden(place, "a comment");
        }
    }
}

fn depth(level: HeadingLevel) -> u8 {
    level as u8
}
