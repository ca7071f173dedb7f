//! Foreign text in a line that people read: a log, an error, a terminal.
//!
//! Whoever chooses a text must not choose what the line around it says. A newline would forge a second line, an escape
//! sequence would repaint the terminal, a bidi override would show the characters in another order than they have. So
//! each such character is written as `\u{…}` at the place where the text is printed; the text itself stays as it is.

use std::fmt::{self, Write};

/// A text for a line: everything that is not seen, or that moves what is seen, is written as `\u{…}`.
///
/// Meant for reading, not for reading back: a text that holds `\u{a}` in letters prints as one that holds a newline.
#[derive(Debug, Clone, Copy)]
pub struct Printable<'a>(pub &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            if is_printable(character) {
                f.write_char(character)?;
            } else {
                write!(f, "\\u{{{:x}}}", u32::from(character))?;
            }
        }
        Ok(())
    }
}

/// False of control characters and of those that are not seen themselves but change how other text looks or is taken:
/// marks of direction, joiners and blanks without width, fillers, selectors, tags, separators of lines and paragraphs, and
/// what is no character at all.
pub const fn is_printable(character: char) -> bool {
    !matches!(character,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'
        | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
        && character as u32 & 0xfffe != 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_or_hides_is_written_out() {
        for (text, printed) in [
            ("plain, grün, 図", "plain, grün, 図"),
            ("two\nlines\r", "two\\u{a}lines\\u{d}"),
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("\u{9b}2J\u{7f}\0", "\\u{9b}2J\\u{7f}\\u{0}"),
            (
                "a\u{202e}b\u{2066}\u{200f}",
                "a\\u{202e}b\\u{2066}\\u{200f}",
            ),
            ("a\u{2028}\u{2029}\u{feff}", "a\\u{2028}\\u{2029}\\u{feff}"),
            ("\u{e0041}\u{ad}", "\\u{e0041}\\u{ad}"),
        ] {
            assert_eq!(Printable(text).to_string(), printed);
        }
    }
}
