//! What stands in a cell when there is no value.

/// Whether `cell` (without surrounding blanks) means that nothing is known.
///
/// These are the markers that spreadsheets, databases and statistics packages write. `NA` may also be Namibia and `None` a level of a
/// scale, so a column that holds a marker says so in a warning.
pub(crate) fn is_missing(cell: &str) -> bool {
    const MARKERS: [&str; 20] = [
        "na", "n/a", "n.a.", "n/d", "nan", "null", "nil", "none", "#n/a", "#na", "<na>", "(null)",
        "\\n", "-", "--", "\u{2013}", "\u{2014}", "?", ".", "(blank)",
    ];
    cell.is_empty()
        || (cell.len() <= 8
            && MARKERS
                .iter()
                .any(|marker| marker.eq_ignore_ascii_case(cell)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_of_spreadsheets_and_databases_are_missing_values() {
        for (cell, missing) in [
            ("", true),
            ("NA", true),
            ("n/a", true),
            ("NULL", true),
            ("-", true),
            ("\\N", true),
            ("0", false),
            ("no", false),
            ("Nam", false),
        ] {
            assert_eq!(is_missing(cell), missing, "{cell:?}");
        }
    }
}
