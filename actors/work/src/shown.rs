//! Text from outside, made fit for the place it is shown in.
//!
//! A cell, a heading, a file's name, an error of the system may hold anything: markup, links, orders to a terminal, characters that cannot
//! be seen and change what is. Whoever shows such text passes it through the function of the place: [`markdown`] and [`markdown_line`] in a
//! report, [`markup`] in SVG and HTML, [`terminal`] and [`terminal_text`] on a screen, [`json`] in JSON and in log lines. What is shown
//! still reads as it was written; it only does nothing.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether `c` is not seen itself but changes how other text looks or is taken: marks of direction, joiners and blanks without width,
/// fillers, selectors, tags, separators of lines and paragraphs, and what is no character at all.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
        || u32::from(c) & 0xfffe == 0xfffe
}

/// Whether `c` does something where it is shown: a control character or a hidden one.
#[must_use]
pub fn is_harmful(c: char) -> bool {
    c.is_control() || is_hidden(c)
}

/// Text on one line of a terminal. Breaks and tabs become blanks; whatever else does something is named: `\u{1b}`.
#[must_use]
pub fn terminal(text: &str) -> String {
    named(text, |c| c.is_whitespace().then_some(' '))
}

/// Text on a terminal, with its own lines and tabs.
#[must_use]
pub fn terminal_text(text: &str) -> String {
    named(text, |c| matches!(c, '\n' | '\t').then_some(c))
}

fn named(text: &str, kept: impl Fn(char) -> Option<char>) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if !is_harmful(c) {
            out.push(c);
        } else if let Some(kept) = kept(c) {
            out.push(kept);
        } else if !matches!(
            c,
            '\u{ad}' | '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}'
        ) {
            // Joiners and selectors only shape the letters beside them, in Persian or in pictures, and are left out.
            out.extend(c.escape_unicode());
        }
    }
    out
}

/// Text inside a line of Markdown: no markup, no link, no picture, no cell of its own. Breaks become blanks, other characters that cannot
/// be seen are left out.
#[must_use]
pub fn markdown(text: &str) -> String {
    let text = seen(text);
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        let rest = text.get(at + c.len_utf8()..).unwrap_or_default();
        let next = rest.chars().next().unwrap_or(' ');
        let inside_word = before.is_alphanumeric() && next.is_alphanumeric();
        let escaped = match c {
            '\\' | '`' | '*' | '[' | ']' | '|' | '~' => true,
            // Inside a word it means nothing, and names of columns are full of it.
            '_' => !inside_word,
            '!' => next == '[',
            '&' => is_entity(rest),
            // What renderers make links of without being asked.
            ':' => rest.starts_with("//"),
            '@' => inside_word,
            // Behind a bracket it would be the target of a link.
            '(' => before == ']',
            '.' => ends_in_www(&out),
            _ => false,
        };
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' if escaped => out.push_str("&amp;"),
            _ => {
                if escaped {
                    out.push('\\');
                }
                out.push(c);
            }
        }
        before = c;
    }
    out
}

/// Text at the beginning of a line of Markdown: it opens no heading, list, quotation or rule either.
#[must_use]
pub fn markdown_line(text: &str) -> String {
    let text = markdown(text.trim_start());
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    let ends = |mark: &str| mark.is_empty() || mark.starts_with(' ');
    if digits > 0 && rest.strip_prefix(['.', ')']).is_some_and(ends) {
        return format!("{number}\\{rest}");
    }
    if text.starts_with(['#', '+', '-', '=']) {
        return format!("\\{text}");
    }
    text
}

/// Whether `rest`, behind an ampersand, makes it a character by name or number: `lt;`, `#60;`.
fn is_entity(rest: &str) -> bool {
    let name = rest.strip_prefix('#').unwrap_or(rest);
    let length = name.bytes().take_while(u8::is_ascii_alphanumeric).count();
    length > 0 && name.as_bytes().get(length) == Some(&b';')
}

fn ends_in_www(text: &str) -> bool {
    let start = text.len().checked_sub(3);
    start
        .and_then(|start| text.get(start..))
        .is_some_and(|end| end.eq_ignore_ascii_case("www"))
}

/// Markdown of [`markdown`] and [`markdown_line`] as the text it shows.
#[must_use]
pub fn read_markdown(markdown: &str) -> String {
    const NAMED: [(&str, char); 3] = [("&lt;", '<'), ("&gt;", '>'), ("&amp;", '&')];
    let mut out = String::with_capacity(markdown.len());
    let mut rest = markdown;
    while let Some(at) = rest.find(['\\', '&']) {
        let (before, marked) = rest.split_at(at);
        out.push_str(before);
        let named = NAMED
            .iter()
            .find_map(|(name, c)| Some((*c, marked.strip_prefix(name)?)));
        let slashed = || {
            let behind = marked.strip_prefix('\\')?;
            let c = behind.chars().next().filter(char::is_ascii_punctuation)?;
            Some((c, behind.get(c.len_utf8()..)?))
        };
        let (c, behind) = named.or_else(slashed).unwrap_or_else(|| {
            let mut chars = marked.chars();
            (chars.next().unwrap_or(' '), chars.as_str())
        });
        out.push(c);
        rest = behind;
    }
    out.push_str(rest);
    out
}

/// Text in an element or attribute of SVG or HTML. Breaks become blanks, characters that cannot be seen are left out.
#[must_use]
pub fn markup(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in seen(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Text without what cannot be seen; breaks and tabs become blanks.
fn seen(text: &str) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(
        text.chars()
            .filter_map(|c| match c {
                c if c.is_whitespace() => Some(' '),
                c if is_harmful(c) => None,
                c => Some(c),
            })
            .collect(),
    )
}

/// JSON that was written already, with every harmful character in its texts as an escape: the same values, and nothing that a terminal
/// obeys. Outside of texts JSON has none but line breaks, which stay.
#[must_use]
pub fn json(written: &str) -> Cow<'_, str> {
    let harms = |c: char| is_harmful(c) && !matches!(c, '\n' | '\r' | '\t');
    if !written.contains(harms) {
        return Cow::Borrowed(written);
    }
    let mut out = String::with_capacity(written.len() + 64);
    for c in written.chars() {
        if harms(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// One of each kind that is seen nowhere and does something somewhere.
    const HARMFUL: [char; 24] = [
        '\u{0}',
        '\u{7}',
        '\u{8}',
        '\u{1b}',
        '\u{7f}',
        '\u{85}',
        '\u{9b}',
        '\u{ad}',
        '\u{61c}',
        '\u{200b}',
        '\u{200d}',
        '\u{200e}',
        '\u{2028}',
        '\u{2029}',
        '\u{202a}',
        '\u{202e}',
        '\u{2060}',
        '\u{2066}',
        '\u{2069}',
        '\u{feff}',
        '\u{fffe}',
        '\u{1ffff}',
        '\u{e0001}',
        '\u{e0041}',
    ];

    #[test]
    fn nothing_that_does_something_reaches_any_place() {
        for c in HARMFUL {
            let text = format!("a{c}b");
            for shown in [
                terminal(&text),
                terminal_text(&text),
                markdown(&text),
                markdown_line(&text),
                markup(&text),
                json(&serde_json::to_string(&text).unwrap()).into_owned(),
            ] {
                assert!(!shown.contains(is_harmful), "{:?}: {shown:?}", c);
            }
        }
        assert_eq!(terminal("red\u{1b}[31m\nforged"), "red\\u{1b}[31m forged");
        assert_eq!(terminal_text("one\ntwo\u{202e}"), "one\ntwo\\u{202e}");
    }

    #[test]
    fn markdown_shows_what_was_written() {
        for (text, shown) in [
            ("North", "North"),
            ("unit_price", "unit_price"),
            ("_so_", "\\_so\\_"),
            ("R&D", "R&D"),
            ("&lt;", "&amp;lt;"),
            (
                "<script>alert(1)</script>",
                "&lt;script&gt;alert(1)&lt;/script&gt;",
            ),
            ("<img src=x onerror=y>", "&lt;img src=x onerror=y&gt;"),
            ("![](http://x.y)", "\\!\\[\\]\\(http\\://x.y)"),
            ("[a](b)", "\\[a\\]\\(b)"),
            ("www.evil.example", "www\\.evil.example"),
            ("me@evil.example", "me\\@evil.example"),
            ("a|b", "a\\|b"),
            (
                "**bold** ~~gone~~ `code`",
                "\\*\\*bold\\*\\* \\~\\~gone\\~\\~ \\`code\\`",
            ),
            ("two\nlines", "two lines"),
        ] {
            assert_eq!(markdown(text), shown);
        }
        for (text, shown) in [
            ("# title", "\\# title"),
            ("- item", "\\- item"),
            ("1. item", "1\\. item"),
            ("1.5 EUR", "1.5 EUR"),
            ("> quote", "&gt; quote"),
            ("    code", "code"),
            ("--- rule", "\\--- rule"),
        ] {
            assert_eq!(markdown_line(text), shown);
        }
    }

    #[test]
    fn markup_ends_no_attribute_and_no_element() {
        assert_eq!(markup("a<b>&\"'\u{1}\nc"), "a&lt;b&gt;&amp;&quot;&#39; c");
    }

    proptest! {
        #[test]
        fn what_markdown_shows_is_read_back(text in "[ -~\u{e9}]{0,40}") {
            prop_assert_eq!(read_markdown(&markdown(&text)), text.clone());
            prop_assert_eq!(read_markdown(&markdown_line(&text)), text.trim_start());
        }

        #[test]
        fn json_keeps_its_values(text in any::<String>()) {
            let written = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(serde_json::from_str::<String>(&json(&written)).unwrap(), text);
        }

        #[test]
        fn any_text_is_harmless_everywhere(text in any::<String>()) {
            for shown in [terminal(&text), markdown(&text), markdown_line(&text), markup(&text)] {
                prop_assert!(!shown.contains(is_harmful));
            }
        }
    }
}
