//! The beginning of a text that may be of any length.

/// At most so many bytes of a text, cut between characters.
pub(crate) fn start(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        for (text, most, begins) in [
            ("", 3, ""),
            ("abc", 9, "abc"),
            ("abc", 2, "ab"),
            ("aé", 2, "a"),
        ] {
            assert_eq!(start(text, most), begins);
        }
    }
}
