//! A long text in pieces that an embedder reads whole.

/// Cuts a text into pieces of at most `most` bytes, none of them blank: at the end of a paragraph where the second half of
/// a piece has one, else of a sentence, else of a word, else between two characters.
///
/// The pieces are in order and hold everything but the spaces between them.
pub fn parts(text: &str, most: usize) -> Vec<&str> {
    // No character is longer than four bytes, so a piece is never empty.
    let most = most.max(4);
    let mut parts = Vec::new();
    let mut rest = text.trim();
    while rest.len() > most {
        let (part, later) = rest.split_at(cut(rest, most));
        parts.push(part.trim_end());
        rest = later.trim_start();
    }
    if !rest.is_empty() {
        parts.push(rest);
    }
    parts
}

/// Where to end the first piece of a text that is longer than `most` and begins with no space.
fn cut(text: &str, most: usize) -> usize {
    let mut end = most;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let window = &text[..end];
    let late =
        |place: Option<usize>, len: usize| place.map(|at| at + len).filter(|at| *at > most / 2);
    let sentence = ['.', '!', '?', '。', '！', '？']
        .into_iter()
        .filter_map(|stop| {
            let at = window.rfind(stop)? + stop.len_utf8();
            // Western sentences end before a space, which tells them from numbers and names.
            let ends = !stop.is_ascii() || text[at..].starts_with(char::is_whitespace);
            ends.then_some(at)
        })
        .max();
    late(window.rfind("\n\n"), 2)
        .or(late(sentence, 0))
        .or_else(|| window.rfind(char::is_whitespace).filter(|at| *at > 0))
        .unwrap_or(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_is_cut_where_a_reader_would_pause() {
        for (text, most, expected) in [
            ("", 8, &[][..]),
            ("  \n ", 8, &[]),
            ("short", 8, &["short"]),
            ("one two three", 9, &["one two", "three"]),
            ("One. Two three. Four", 16, &["One. Two three.", "Four"]),
            (
                "One and two\n\nthree. four",
                16,
                &["One and two", "three. four"],
            ),
            ("3.1415926535", 6, &["3.1415", "926535"]),
            ("aaaaaaaaaa", 4, &["aaaa", "aaaa", "aa"]),
            ("日本語。日本語", 13, &["日本語。", "日本語"]),
            ("ééé", 0, &["éé", "é"]),
        ] {
            assert_eq!(parts(text, most), expected, "{text:?}, {most}");
        }
    }

    proptest! {
        #[test]
        fn nothing_but_spaces_is_lost(text in "[a-c .é\n]{0,60}", most in 1usize..20) {
            let parts = parts(&text, most);
            prop_assert!(parts.iter().all(|part| !part.trim().is_empty() && part.len() <= most.max(4)));
            let dense = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(dense(&parts.concat()), dense(&text));
        }
    }
}
