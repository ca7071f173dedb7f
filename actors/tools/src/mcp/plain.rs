//! What a stranger wrote, as it may be shown.

use aios_work::shown;

/// Text on one line, without anything that does something where it is shown, and not longer than `most` characters.
pub(crate) fn plain(text: &str, most: usize) -> String {
    // So much is looked at: what does nothing may stand between the words.
    let words = text.chars().take(most.saturating_mul(4));
    let words: String = words
        .map(|c| if shown::is_harmful(c) { ' ' } else { c })
        .collect();
    let mut out = String::new();
    for word in words.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    if out.chars().count() <= most && text.chars().nth(most.saturating_mul(4)).is_none() {
        return out;
    }
    let mut short: String = out.chars().take(most.saturating_sub(1)).collect();
    short.push('\u{2026}');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_one_bounded_line_that_does_nothing() {
        for (said, kept) in [
            ("Reads\n\n  a \u{1b}[31mfile\u{202e}.", "Reads a [31mfile ."),
            ("\u{200b}\u{200b}", ""),
        ] {
            assert_eq!(plain(said, 100), kept);
        }
        let long = plain(&"word ".repeat(10_000), 50);
        assert_eq!(long.chars().count(), 50);
        assert!(long.ends_with('\u{2026}'));
        let hidden = plain(&"\u{200b}".repeat(1_000_000), 50);
        assert!(hidden.chars().count() <= 50);
    }
}
