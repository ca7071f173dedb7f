//! What stands in a cell when there is no value.

/// Whether `cell` (without surrounding blanks) means that nothing is known.
///
/// These are the markers that spreadsheets, databases and statistics packages write, and people in some languages. `NA` may also be Namibia
/// and `None` a level of a scale, so a column that holds a marker says so in a note.
pub(crate) fn is_missing(cell: &str) -> bool {
    #[rustfmt::skip]
    const MARKERS: [&str; 41] = [
        "na", "n/a", "n.a.", "n.a", "n/d", "nan", "null", "nil", "none", "#n/a", "#na", "<na>", "(null)", "\\n", "-", "?", "??", ".", "..",
        "...", "\u{2026}", "(blank)", "(leer)", "k. a.", "k.a.", "k. a", "k.a", "keine angabe", "n. v.", "n.v.", "s/d", "s.d.", "n.d.",
        "n. c.", "n.c.", "#div/0!", "#ref!", "#value!", "#name?", "#num!", "#null!",
    ];
    // Most cells begin with a figure or a letter that no marker begins with.
    const BEGIN: &[u8] = b"nNkKsS#<(\\-?.=_";
    if let Some(first) = cell.as_bytes().first()
        && first.is_ascii()
        && !BEGIN.contains(first)
    {
        return false;
    }
    is_drawn(cell)
        || (cell.len() <= 14
            && MARKERS
                .iter()
                .any(|marker| marker.eq_ignore_ascii_case(cell)))
}

/// Whether nothing but a line is drawn in a cell, or nothing at all.
pub(crate) fn is_drawn(cell: &str) -> bool {
    cell.chars()
        .all(|c| matches!(c, '-' | '\u{2013}' | '\u{2014}' | '=' | '_' | '\u{2212}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_of_spreadsheets_databases_and_people_are_missing_values() {
        for (cell, missing) in [
            ("", true),
            ("NA", true),
            ("n/a", true),
            ("NULL", true),
            ("-", true),
            ("\u{2013}", true),
            ("-----", true),
            ("=====", true),
            ("k. A.", true),
            ("keine Angabe", true),
            ("#DIV/0!", true),
            ("\\N", true),
            ("0", false),
            ("no", false),
            ("Nam", false),
            ("-5", false),
            ("South", false),
            ("K. a.", true),
            ("S.D.", true),
            ("<NA>", true),
            ("(leer)", true),
            ("\u{2026}", true),
        ] {
            assert_eq!(is_missing(cell), missing, "{cell:?}");
        }
    }
}
