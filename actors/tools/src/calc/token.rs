//! An expression in its smallest parts.

use super::number::{self, Number};

/// Bytes and parts of an expression.
const BYTES: usize = 4_000;
const TOKENS: usize = 1_000;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Number(Number),
    /// A unit, a function, a name of the caller's, or a word such as `in`.
    Word(String),
    Plus,
    Minus,
    Times,
    Over,
    Power,
    Percent,
    Open,
    Close,
    Comma,
}

/// The parts of an expression.
///
/// # Errors
/// What cannot be read.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    if text.len() > BYTES {
        return Err(format!(
            "it has {} bytes, at most {BYTES} are read",
            text.len()
        ));
    }
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if tokens.len() == TOKENS {
            return Err(format!("it has more than {TOKENS} parts"));
        }
        let (token, length) = if first.is_ascii_digit() || first == '.' {
            let length = numeral(rest);
            let digits = rest.get(..length).unwrap_or_default().replace('_', "");
            (Token::Number(number::read(&digits)?), length)
        } else if is_word(first) {
            let length = rest
                .find(|c: char| !is_word(c) && !c.is_ascii_digit())
                .unwrap_or(rest.len());
            (
                Token::Word(rest.get(..length).unwrap_or_default().to_owned()),
                length,
            )
        } else {
            symbol(rest).ok_or_else(|| format!("{first:?} means nothing here"))?
        };
        tokens.push(token);
        rest = rest.get(length..).unwrap_or_default().trim_start();
    }
    Ok(tokens)
}

/// A letter, or a sign that stands for a unit.
fn is_word(c: char) -> bool {
    c.is_alphabetic()
        || matches!(
            c,
            '_' | '\u{b0}' | '\u{b5}' | '\u{20ac}' | '\u{a3}' | '\u{2103}' | '\u{2109}'
        )
}

/// Bytes of the number at the beginning: digits, underscores between them, a point, an exponent.
fn numeral(text: &str) -> usize {
    let bytes = text.as_bytes();
    let at = |place: usize| bytes.get(place).copied().unwrap_or(b' ');
    let digits = |from: usize| {
        let mut place = from;
        while at(place).is_ascii_digit() || (at(place) == b'_' && at(place + 1).is_ascii_digit()) {
            place += 1;
        }
        place
    };
    let mut end = digits(0);
    if at(end) == b'.' {
        end = digits(end + 1);
    }
    if matches!(at(end), b'e' | b'E') {
        let signed = end + 1 + usize::from(matches!(at(end + 1), b'+' | b'-'));
        // Without digits behind it the letter is a word of its own.
        if at(signed).is_ascii_digit() {
            end = digits(signed);
        }
    }
    end
}

fn symbol(text: &str) -> Option<(Token, usize)> {
    if text.starts_with("**") {
        return Some((Token::Power, 2));
    }
    if text.starts_with("->") {
        return Some((Token::Word("in".to_owned()), 2));
    }
    let first = text.chars().next()?;
    let token = match first {
        '+' => Token::Plus,
        '-' | '\u{2212}' => Token::Minus,
        '*' | '\u{d7}' | '\u{b7}' => Token::Times,
        '/' | '\u{f7}' => Token::Over,
        '^' => Token::Power,
        '%' => Token::Percent,
        '(' => Token::Open,
        ')' => Token::Close,
        ',' | ';' => Token::Comma,
        _ => return None,
    };
    Some((token, first.len_utf8()))
}
