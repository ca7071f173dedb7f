//! The tokens of FIPA00070: words, numbers, dates, strings, parentheses; and where a text stops being made of them.

use thiserror::Error;

use super::{MAX_ENTRIES, MAX_TEXT};
use crate::printable::Printable;

/// Where a string stops being a message, and why.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("at byte {at}: {problem}")]
pub struct ReadError {
    /// Offset in bytes.
    pub at: usize,
    /// What is wrong there.
    pub problem: ReadProblem,
}

/// What is wrong with a string.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReadProblem {
    /// Longer than is read.
    #[error("the text has {asked} bytes, {allowed} are read")]
    TooLong {
        /// Bytes found.
        asked: usize,
        /// Bytes read.
        allowed: usize,
    },
    /// Nested deeper than is read.
    #[error("the nesting is deeper than {allowed}")]
    TooDeep {
        /// Levels read.
        allowed: usize,
    },
    /// More entries than are read.
    #[error("there are more than {allowed} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are read.
        allowed: usize,
    },
    /// Something else should stand here.
    #[error("expected {0}")]
    Expected(&'static str),
    /// Neither a word nor a number nor a date.
    #[error("`{}` is neither a word nor a number nor a date; put it in quotation marks", Printable(.0))]
    Malformed(String),
    /// Bytes that are no text where a text must stand.
    #[error("the bytes are not UTF-8; write the message in UTF-8")]
    NotUtf8,
    /// The first word is no act.
    #[error("`{}` is not one of FIPA's 22 communicative acts", Printable(.0))]
    UnknownAct(String),
    /// A parameter that neither FIPA nor the sender (by `X-`) defines.
    #[error("`{}` is not a parameter; names of your own begin with X-", Printable(.0))]
    UnknownParameter(String),
    /// A parameter stands twice.
    #[error("the parameter {} stands twice", Printable(.0))]
    Repeated(String),
    /// A date that is none.
    #[error("`{}` is not a date such as 20261123T080000000Z or +00000000T000010000", Printable(.0))]
    Date(String),
}

pub(super) type Read<T> = Result<T, ReadError>;

/// What a token without quotation marks is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bare {
    Word,
    Number,
    Date,
}

/// A value that is one token.
pub(super) enum Token<'a> {
    Bare(Bare, &'a str),
    Quoted(Vec<u8>),
}

pub(super) struct Reader<'a> {
    pub(super) text: &'a [u8],
    pub(super) at: usize,
    /// Strings are written with our escapes.
    pub(super) escapes: bool,
    entries: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a [u8]) -> Read<Self> {
        if text.len() > MAX_TEXT {
            return Err(ReadError {
                at: 0,
                problem: ReadProblem::TooLong {
                    asked: text.len(),
                    allowed: MAX_TEXT,
                },
            });
        }
        Ok(Self {
            text,
            at: 0,
            escapes: false,
            entries: 0,
        })
    }

    /// A word, number, date or string. A parameter's name is none: its own value is missing then.
    pub(super) fn token(&mut self, what: &'static str) -> Read<Token<'a>> {
        self.blank();
        let at = self.at;
        match self.peek() {
            Some(b'"') => self.literal().map(Token::Quoted),
            Some(b'#') => self.counted().map(Token::Quoted),
            _ => {
                let word = self.run();
                if word.is_empty() {
                    return self.expected(what);
                }
                match bare(word) {
                    Some(kind) => Ok(Token::Bare(kind, self.utf8(at, word)?)),
                    None => self.error(at, ReadProblem::Malformed(shown(word))),
                }
            }
        }
    }

    /// All up to the next blank, control or parenthesis.
    pub(super) fn run(&mut self) -> &'a [u8] {
        let rest = &self.text[self.at..];
        let length = rest.iter().position(|byte| !is_word_byte(*byte));
        let length = length.unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    /// A quoted string.
    fn literal(&mut self) -> Read<Vec<u8>> {
        let begin = self.at;
        self.at += 1;
        let mut value = Vec::new();
        loop {
            let rest = &self.text[self.at..];
            let Some(stop) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) else {
                return self.error(begin, ReadProblem::Expected("\" to end a string"));
            };
            value.extend_from_slice(&rest[..stop]);
            self.at += stop;
            if rest[stop] == b'"' {
                self.at += 1;
                return Ok(value);
            }
            if self.escapes {
                self.escape(&mut value)?;
            } else if rest.get(stop + 1) == Some(&b'"') {
                value.push(b'"');
                self.at += 2;
            } else {
                // A backslash means something before a quotation mark only.
                value.push(b'\\');
                self.at += 1;
            }
        }
    }

    /// One of ours: `\\`, `\"`, `\u{a}`, `\xff`.
    fn escape(&mut self, value: &mut Vec<u8>) -> Read<()> {
        let rest = &self.text[self.at..];
        let (length, found) = unescape(rest);
        if length == 0 {
            return self.expected("\\\\, \\\", \\u{..} or \\x..");
        }
        value.extend_from_slice(found.as_slice());
        self.at += length;
        Ok(())
    }

    /// A string with its length in bytes in front.
    fn counted(&mut self) -> Read<Vec<u8>> {
        let rest = &self.text[self.at + 1..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let length = std::str::from_utf8(&rest[..digits]).ok();
        let Some(length) = length.and_then(|digits| digits.parse::<usize>().ok()) else {
            return self.expected("the length of a string after #");
        };
        let Some(begin) = rest[digits..].strip_prefix(b"\"") else {
            return self.expected("\" after the length of a string");
        };
        let Some(value) = begin.get(..length) else {
            return self.expected("a string of the length written in front of it");
        };
        self.at += 1 + digits + 1 + length;
        Ok(value.to_vec())
    }

    pub(super) fn keyword(&mut self, keyword: &'static str) -> Read<()> {
        self.blank();
        let begin = self.at;
        if self.run().eq_ignore_ascii_case(keyword.as_bytes()) {
            return Ok(());
        }
        self.error(begin, ReadProblem::Expected(keyword))
    }

    pub(super) fn open(&mut self, what: &'static str) -> Read<()> {
        self.blank();
        if self.peek() != Some(b'(') {
            return self.expected(what);
        }
        self.at += 1;
        Ok(())
    }

    pub(super) fn close(&mut self) -> Read<bool> {
        self.blank();
        match self.peek() {
            Some(b')') => {
                self.at += 1;
                Ok(true)
            }
            Some(_) => Ok(false),
            None => self.expected(")"),
        }
    }

    /// Room for one more of `count` entries, of which `allowed` may stand here.
    pub(super) fn room(&mut self, count: usize, allowed: usize, what: &'static str) -> Read<()> {
        if count >= allowed {
            return self.error(self.at, ReadProblem::TooMany { what, allowed });
        }
        self.entries += 1;
        if self.entries > MAX_ENTRIES {
            let what = "parameters, agents, addresses and entries in all";
            let allowed = MAX_ENTRIES;
            return self.error(self.at, ReadProblem::TooMany { what, allowed });
        }
        Ok(())
    }

    /// What separates tokens. Other control characters stand nowhere but in strings.
    pub(super) fn blank(&mut self) {
        let rest = &self.text[self.at..];
        let blank = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        self.at += rest.iter().take_while(blank).count();
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    pub(super) fn utf8(&self, at: usize, bytes: &'a [u8]) -> Read<&'a str> {
        std::str::from_utf8(bytes).or_else(|_| self.error(at, ReadProblem::NotUtf8))
    }

    pub(super) fn expected<T>(&self, what: &'static str) -> Read<T> {
        self.error(self.at, ReadProblem::Expected(what))
    }

    pub(super) fn error<T>(&self, at: usize, problem: ReadProblem) -> Read<T> {
        Err(ReadError { at, problem })
    }
}

/// What an escape stands for.
pub(super) struct Found([u8; 4], usize);

impl Found {
    fn byte(byte: u8) -> Self {
        Self([byte, 0, 0, 0], 1)
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.0[..self.1]
    }
}

/// The escape at the beginning of a text, which begins with a backslash: its length, 0 if it is none of ours.
pub(super) fn unescape(text: &[u8]) -> (usize, Found) {
    let none = (0, Found::byte(0));
    match text.get(1) {
        Some(same @ (b'\\' | b'"')) => (2, Found::byte(*same)),
        Some(b'x') => match text.get(2..4).and_then(hex) {
            Some(value) => (4, Found::byte(value as u8)),
            None => none,
        },
        Some(b'u') => {
            let digits = text.get(3..).unwrap_or_default();
            // No character has more than six.
            let length = digits.iter().take(7).position(|byte| *byte == b'}');
            let character = length
                .filter(|_| text.get(2) == Some(&b'{'))
                .and_then(|length| Some((length, char::from_u32(hex(&digits[..length])?)?)));
            match character {
                Some((length, character)) => {
                    let mut bytes = [0; 4];
                    let written = character.encode_utf8(&mut bytes).len();
                    (3 + length + 1, Found(bytes, written))
                }
                None => none,
            }
        }
        _ => none,
    }
}

fn hex(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0, |sum, digit| {
        Some(sum << 4 | char::from(*digit).to_digit(16)?)
    })
}

/// What this token is; `None` for one that the grammar does not have.
pub(super) fn bare(token: &[u8]) -> Option<Bare> {
    if is_date(token) {
        return Some(Bare::Date);
    }
    if is_number(token) {
        return Some(Bare::Number);
    }
    let first = token.first()?;
    let begins = !matches!(first, b'#' | b'0'..=b'9' | b'-' | b'@' | b'"');
    (begins && token.iter().all(|byte| is_word_byte(*byte))).then_some(Bare::Word)
}

pub(super) const fn is_word_byte(byte: u8) -> bool {
    byte > b' ' && !matches!(byte, b'(' | b')')
}

/// The form alone; whether there is such a day the calendar says.
fn is_date(token: &[u8]) -> bool {
    let body = token.strip_prefix(b"+").or(token.strip_prefix(b"-"));
    let body = body.unwrap_or(token);
    let digits = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_digit);
    match body {
        [day @ .., b'T' | b't', _, _, _, _, _, _, _, _, _, zone]
            if day.len() == 8 && zone.is_ascii_alphabetic() =>
        {
            digits(day) && digits(&body[9..18])
        }
        _ => {
            body.len() == 18
                && matches!(body[8], b'T' | b't')
                && digits(&body[..8])
                && digits(&body[9..])
        }
    }
}

/// Integer or Float.
fn is_number(token: &[u8]) -> bool {
    let unsigned =
        |text: &'_ [u8]| text.len() - usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let body = &token[token.len() - unsigned(token)..];
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(body);
    let mut rest = &body[whole..];
    let mut fraction = 0;
    if let Some(after) = rest.strip_prefix(b".") {
        fraction = digits(after);
        rest = &after[fraction..];
    }
    if whole + fraction == 0 {
        return false;
    }
    match rest {
        [] => true,
        [b'e' | b'E', exponent @ ..] => {
            let power = &exponent[exponent.len() - unsigned(exponent)..];
            !power.is_empty() && digits(power) == power.len()
        }
        _ => false,
    }
}

/// The beginning, for an error.
pub(super) fn shown(text: &[u8]) -> String {
    String::from_utf8_lossy(&text[..text.len().min(160)])
        .chars()
        .take(40)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_what_the_grammar_says() {
        let kinds: &[(Option<Bare>, &[&str])] = &[
            (
                Some(Bare::Number),
                &[
                    "0", "42", "+42", "-42", "1.", ".5", "1.5", "-.5", "1e5", "1E+5", "1.5e-5",
                    ".5e1",
                ],
            ),
            (
                Some(Bare::Date),
                &[
                    "20261123T080000000Z",
                    "20261123t080000000z",
                    "20261123T080000000",
                    "+00000000T000010000",
                    "-00000000T000010000Z",
                ],
            ),
            (
                Some(Bare::Word),
                &[
                    "a",
                    "fipa-request",
                    "+",
                    "+a",
                    ".",
                    ".a",
                    "a\"b\"",
                    "*",
                    "ö",
                    ":a",
                    "a1",
                    "a#@",
                    "/",
                ],
            ),
            (
                None,
                &[
                    "",
                    "1.2.3",
                    "12abc",
                    "1e",
                    "1e+",
                    "-",
                    "-foo",
                    "--1",
                    "-1e",
                    "#",
                    "#a",
                    "@a",
                    "\"a",
                    "1,5",
                    "0x1f",
                    "20261123T08000000Z",
                ],
            ),
        ];
        for (kind, tokens) in kinds {
            for token in *tokens {
                assert_eq!(bare(token.as_bytes()), *kind, "{token}");
            }
        }
    }

    #[test]
    fn escapes_end_where_they_end() {
        for (text, length, found) in [
            ("\\\\x", 2, "\\"),
            ("\\\"", 2, "\""),
            ("\\u{a}b", 5, "\n"),
            ("\\u{10ffff}", 10, "\u{10ffff}"),
            ("\\x41", 4, "A"),
        ] {
            let (found_length, value) = unescape(text.as_bytes());
            assert_eq!(
                (found_length, value.as_slice()),
                (length, found.as_bytes()),
                "{text}"
            );
        }
        for none in [
            "\\",
            "\\n",
            "\\u",
            "\\u{",
            "\\u{}",
            "\\u{g}",
            "\\u{110000}",
            "\\u{d800}",
            "\\x4",
            "\\u{0000041}",
            "\\ua}",
        ] {
            assert_eq!(unescape(none.as_bytes()).0, 0, "{none}");
        }
    }
}
