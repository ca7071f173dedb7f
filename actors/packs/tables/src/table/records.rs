//! Splits text into records and cells (RFC 4180, with the line ends of every system).
//!
//! Written here rather than taken from a library because a malformed file must be reported where a person looks for it: at the line their
//! editor shows and the column where a quote opens. A lenient reader swallows an unclosed quote silently.

use std::borrow::Cow;

/// How cells are set apart and wrapped. Both are ASCII, so bytes may be compared without decoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) separator: u8,
    pub(crate) quote: u8,
    /// A backslash within quotes makes the quote or the backslash behind it one of the cell's letters, as some databases write.
    pub(crate) escapes: bool,
}

/// Where one cell's content lies in the text, quotes excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    start: usize,
    end: usize,
    /// A quoted cell may hold its quote character doubled, or behind a backslash.
    doubled: bool,
}

impl Cell {
    /// Where the content without surrounding blanks starts and ends.
    pub(crate) fn place(&self, text: &str) -> (usize, usize) {
        let content = text.get(self.start..self.end).unwrap_or_default();
        // A letter, a figure or a sign at both ends: nothing to take off, as in most cells.
        let (first, last) = (content.as_bytes().first(), content.as_bytes().last());
        if first.is_some_and(u8::is_ascii_graphic) && last.is_some_and(u8::is_ascii_graphic) {
            return (self.start, self.end);
        }
        let start = self.end - content.trim_start().len();
        (start, start + content.trim().len())
    }

    /// Whether its content stands in the text as it is meant, no quote of it doubled.
    pub(crate) fn is_as_written(&self) -> bool {
        !self.doubled
    }

    /// Whether there is nothing between the blanks.
    pub(crate) fn is_blank(&self, text: &str) -> bool {
        let (start, end) = self.place(text);
        start == end
    }

    /// The content without surrounding blanks and with doubled quotes made single, and escaped ones bare.
    pub(crate) fn text<'t>(&self, text: &'t str, dialect: Dialect) -> Cow<'t, str> {
        let (start, end) = self.place(text);
        let content = text.get(start..end).unwrap_or_default();
        if self.doubled && dialect.escapes {
            Cow::Owned(unescaped(content, char::from(dialect.quote)))
        } else if self.doubled {
            let quote = char::from(dialect.quote).to_string();
            Cow::Owned(content.replace(&quote.repeat(2), &quote))
        } else {
            Cow::Borrowed(content)
        }
    }
}

/// A content with its quotes bare, whether they are doubled or stand behind a backslash.
fn unescaped(content: &str, quote: char) -> String {
    let mut out = String::with_capacity(content.len());
    let mut letters = content.chars().peekable();
    while let Some(letter) = letters.next() {
        let next = letters.peek().copied();
        let escaped = letter == '\\' && (next == Some(quote) || next == Some('\\'));
        let doubled = letter == quote && next == Some(quote);
        out.push(match next.filter(|_| escaped || doubled) {
            Some(bare) => {
                letters.next();
                bare
            }
            None => letter,
        });
    }
    out
}

/// A quote that does not close where it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct QuoteFault {
    /// The line the quote opens on.
    pub(crate) line: u64,
    /// The cell's position in its record, from 0.
    pub(crate) column: usize,
    pub(crate) problem: String,
}

/// Cells of a record that are kept; more are counted. A table has fewer columns, and a line of separators only would fill the memory.
const KEPT: usize = 4_096;

/// One record that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// The line it starts on.
    pub(crate) line: u64,
    /// Its cells, also those that were not kept.
    pub(crate) width: usize,
}

/// Reads records one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Records<'t> {
    text: &'t str,
    at: usize,
    line: u64,
    dialect: Dialect,
}

impl<'t> Records<'t> {
    pub(crate) fn new(text: &'t str, at: usize, line: u64, dialect: Dialect) -> Self {
        Self {
            text,
            at,
            line,
            dialect,
        }
    }

    /// Reads the next record that is not a blank line into `cells`.
    pub(crate) fn read(&mut self, cells: &mut Vec<Cell>) -> Result<Option<Record>, QuoteFault> {
        while self.at < self.text.len() {
            let line = self.line;
            cells.clear();
            let (mut blank, mut width) = (true, 0);
            loop {
                let (cell, quoted) = self.cell(width)?;
                blank &= !quoted && cell.is_blank(self.text);
                width += 1;
                if width <= KEPT {
                    cells.push(cell);
                }
                match self.byte() {
                    Some(byte) if byte == self.dialect.separator => self.at += 1,
                    _ => break,
                }
            }
            self.end_of_line();
            if !(blank && width == 1) {
                return Ok(Some(Record { line, width }));
            }
        }
        Ok(None)
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Reads one cell up to the separator or line end that follows it.
    fn cell(&mut self, column: usize) -> Result<(Cell, bool), QuoteFault> {
        let start = self.at;
        while self.byte() == Some(b' ') {
            self.at += 1;
        }
        if self.byte() == Some(self.dialect.quote) {
            return Ok((self.quoted(column)?, true));
        }
        self.at = self.find(self.at, |byte| {
            byte == self.dialect.separator || byte == b'\n' || byte == b'\r'
        });
        Ok((
            Cell {
                start,
                end: self.at,
                doubled: false,
            },
            false,
        ))
    }

    /// Reads a quoted cell; stands on its opening quote.
    fn quoted(&mut self, column: usize) -> Result<Cell, QuoteFault> {
        let Dialect {
            separator,
            quote,
            escapes,
        } = self.dialect;
        let opened = self.line;
        let fault = |problem| QuoteFault {
            line: opened,
            column,
            problem,
        };
        let start = self.at + 1;
        let (mut end, mut doubled) = (self.closing(start), false);
        while self.text.as_bytes().get(end + 1) == Some(&quote) {
            doubled = true;
            end = self.closing(end + 2);
        }
        doubled |= escapes && self.text.get(start..end).unwrap_or_default().contains('\\');
        if end >= self.text.len() {
            return Err(fault("is never closed".to_owned()));
        }
        self.line += line_ends(self.text.get(start..end).unwrap_or_default());
        self.at = end + 1;
        while self.byte() == Some(b' ') {
            self.at += 1;
        }
        match self.byte() {
            None | Some(b'\n' | b'\r') => {}
            Some(byte) if byte == separator => {}
            Some(_) => {
                let rest = self.text.get(self.at..).unwrap_or_default();
                let after: String = rest
                    .chars()
                    .take_while(|c| !c.is_control())
                    .take(12)
                    .collect();
                let closed = self.line;
                return Err(fault(format!(
                    "closes on line {closed} before {after:?}; close it before the next cell, or double the quotes inside a cell"
                )));
            }
        }
        Ok(Cell {
            start,
            end,
            doubled,
        })
    }

    /// The next quote from a place within quotes on that is not escaped.
    fn closing(&self, from: usize) -> usize {
        let Dialect { quote, escapes, .. } = self.dialect;
        if !escapes {
            return self.find(from, |byte| byte == quote);
        }
        let mut at = from;
        loop {
            at = self.find(at, |byte| byte == quote || byte == b'\\');
            if self.text.as_bytes().get(at) != Some(&b'\\') {
                return at;
            }
            at += 2;
        }
    }

    fn find(&self, from: usize, wanted: impl Fn(u8) -> bool) -> usize {
        let bytes = self.text.as_bytes().get(from..).unwrap_or_default();
        bytes
            .iter()
            .position(|&byte| wanted(byte))
            .map_or(self.text.len(), |offset| from + offset)
    }

    fn end_of_line(&mut self) {
        match self.byte() {
            Some(b'\r') => {
                self.at += if self.text.as_bytes().get(self.at + 1) == Some(&b'\n') {
                    2
                } else {
                    1
                };
                self.line += 1;
            }
            Some(_) => {
                self.at += 1;
                self.line += 1;
            }
            None => {}
        }
    }
}

/// Line ends in `text`: `\n`, `\r\n` and a lone `\r` count one each.
fn line_ends(text: &str) -> u64 {
    let bytes = text.as_bytes();
    let ends = bytes.iter().enumerate().filter(|&(at, &byte)| match byte {
        b'\n' => true,
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    });
    ends.count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const COMMA: Dialect = Dialect {
        separator: b',',
        quote: b'"',
        escapes: false,
    };

    fn split(text: &str, dialect: Dialect) -> Result<Vec<(u64, Vec<String>)>, QuoteFault> {
        let mut records = Records::new(text, 0, 1, dialect);
        let (mut cells, mut all) = (Vec::new(), Vec::new());
        while let Some(Record { line, .. }) = records.read(&mut cells)? {
            all.push((
                line,
                cells
                    .iter()
                    .map(|cell| cell.text(text, dialect).into_owned())
                    .collect(),
            ));
        }
        Ok(all)
    }

    #[test]
    fn cells_and_lines_are_split_as_an_editor_shows_them() {
        for (text, expected) in [
            ("", vec![]),
            ("\n\n", vec![]),
            ("a,b\n1,2\n", vec![(1, vec!["a", "b"]), (2, vec!["1", "2"])]),
            ("a,b\r\n1,2", vec![(1, vec!["a", "b"]), (2, vec!["1", "2"])]),
            ("a\rb\r", vec![(1, vec!["a"]), (2, vec!["b"])]),
            (
                "a,b\n\n  \n1,\n",
                vec![(1, vec!["a", "b"]), (4, vec!["1", ""])],
            ),
            (
                "\"x,\"\"y\"\"\nz\",1\nq,2",
                vec![(1, vec!["x,\"y\"\nz", "1"]), (3, vec!["q", "2"])],
            ),
            (" \"a\" , b ", vec![(1, vec!["a", "b"])]),
            ("5\" pipe,1", vec![(1, vec!["5\" pipe", "1"])]),
            ("\"\"\n,\n", vec![(1, vec![""]), (2, vec!["", ""])]),
            ("\"\"\"\"", vec![(1, vec!["\""])]),
        ] {
            let expected: Vec<(u64, Vec<String>)> = expected
                .into_iter()
                .map(|(line, cells)| (line, cells.into_iter().map(str::to_owned).collect()))
                .collect();
            assert_eq!(split(text, COMMA), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn a_backslash_before_a_quote_is_read_where_the_file_writes_so() {
        let escapes = Dialect {
            escapes: true,
            ..COMMA
        };
        for (text, expected) in [
            (r#""a \"b\" c",1"#, vec![r#"a "b" c"#, "1"]),
            (r#""a \", b",1"#, vec![r#"a ", b"#, "1"]),
            (r#""C:\\dir\\",1"#, vec![r"C:\dir\", "1"]),
            (r#""a ""b""",1"#, vec![r#"a "b""#, "1"]),
            (r"C:\dir\,1", vec![r"C:\dir\", "1"]),
        ] {
            let expected = expected.into_iter().map(str::to_owned).collect();
            assert_eq!(split(text, escapes), Ok(vec![(1, expected)]), "{text}");
        }
        let open = split(r#""a\""#, escapes).unwrap_err();
        assert_eq!((open.line, open.problem.as_str()), (1, "is never closed"));
    }

    #[test]
    fn a_quote_that_does_not_close_is_reported_where_it_opens() {
        for (text, line, column) in [
            ("a,b\n1,\"2\n3,4\n", 2, 1),
            ("a\n\"1\"x\n", 2, 0),
            ("a,b\n\"x\n\n\"y,1", 2, 0),
        ] {
            let fault = split(text, COMMA).unwrap_err();
            assert_eq!(
                (fault.line, fault.column),
                (line, column),
                "{text:?}: {}",
                fault.problem
            );
        }
    }

    proptest! {
        #[test]
        fn whatever_is_quoted_by_rule_reads_back(rows in prop::collection::vec(prop::collection::vec("[a-z\",;\n\r\u{e9} ]{0,6}", 2..5), 1..8)) {
            let mut writer = csv::WriterBuilder::new().flexible(true).quote_style(csv::QuoteStyle::Always).from_writer(Vec::new());
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
            let read: Vec<Vec<String>> = split(&text, COMMA).unwrap().into_iter().map(|(_, cells)| cells).collect();
            let expected: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| cell.trim().to_owned()).collect()).collect();
            prop_assert_eq!(read, expected);
        }

        #[test]
        fn no_text_makes_it_panic_or_loop(text in "\\PC{0,200}|[\",;\\\\\n\r a]{0,60}") {
            let _ = split(&text, COMMA);
            let _ = split(&text, Dialect { escapes: true, ..COMMA });
        }
    }
}
