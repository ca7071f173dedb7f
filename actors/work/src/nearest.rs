//! Names that somebody wrote wrong: which of those that there are may have been meant.
//!
//! The same likeness everywhere, so that one slip is answered alike in a plan, a charter, a setting and a command.

use strsim::{damerau_levenshtein, normalized_damerau_levenshtein};

/// Characters of a written name that are looked at: no name of ours is longer, and comparing costs the product of both lengths.
const LOOKED_AT: usize = 80;
/// What each letter that both begin with adds: whoever writes a longer or shorter word for the same begins it alike.
const BEGINS_ALIKE: f64 = 0.1;
/// How alike two names are of which one is the other misspelt.
const MISSPELT: f64 = 0.8;

/// The known name most like what was written; none where none is known.
#[must_use]
pub fn nearest<'n>(written: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    nearest_few(written, known, 1).pop()
}

/// So many of the known names most like what was written, the likest first.
#[must_use]
pub fn nearest_few<'n>(
    written: &str,
    known: impl IntoIterator<Item = &'n str>,
    most: usize,
) -> Vec<&'n str> {
    let written = looked_at(written);
    let mut names: Vec<(f64, &str)> = known
        .into_iter()
        .map(|name| (likeness(&written, name), name))
        .collect();
    // Of two that are equally like, the one that is named first.
    names.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    names.truncate(most);
    names.into_iter().map(|(_, name)| name).collect()
}

/// Whether what was written is most likely this name misspelt, and not a name of something else.
#[must_use]
pub fn is_misspelt(written: &str, name: &str) -> bool {
    let written = looked_at(written);
    // Short names differ by a letter sooner.
    normalized_damerau_levenshtein(&written, name) >= MISSPELT
        || damerau_levenshtein(&written, name) == 1
}

fn looked_at(written: &str) -> String {
    written.chars().take(LOOKED_AT).collect()
}

fn likeness(written: &str, name: &str) -> f64 {
    let both = written.chars().zip(name.chars());
    let alike = both.take_while(|(one, other)| one == other).count();
    normalized_damerau_levenshtein(written, name) + BEGINS_ALIKE * alike as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_a_longer_word_and_a_shorter_word_find_what_was_meant() {
        let known = ["goal", "tasks", "points", "gaps", "deadline_ms", "needs"];
        let rows = [
            ("gaol", "goal"),
            ("task", "tasks"),
            ("point", "points"),
            ("deadline", "deadline_ms"),
            ("need", "needs"),
        ];
        for (written, meant) in rows {
            assert_eq!(nearest(written, known), Some(meant), "{written}");
        }
        assert_eq!(nearest("anything", []), None);
        assert_eq!(
            nearest_few("goals", known, 2),
            ["goal", "gaps"],
            "the likest first"
        );
    }

    #[test]
    fn a_name_of_something_else_is_not_misspelt() {
        for (written, name, is) in [
            ("sqll", "sql", true),
            ("profile_tabel", "profile_table", true),
            ("fetch", "sql", false),
            ("time__now", "calc", false),
            (&"x".repeat(1_000_000), "sql", false),
        ] {
            assert_eq!(is_misspelt(written, name), is, "{name}");
        }
    }
}
