//! Words by which people call a row that adds others up, in the languages that tables come in. A word alone proves nothing: `totals` asks the
//! values.

use std::collections::HashSet;
use std::sync::LazyLock;

/// What a row says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// The sum of others.
    Sum,
    /// Their mean.
    Mean,
    /// The least or greatest of them.
    Least,
    Greatest,
    /// How many there are.
    Count,
    /// Another statistic of them.
    Other,
}

/// A cell that calls its row so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Label {
    pub(super) says: Says,
    /// It says nothing else: `Total`, not `Total North` or `All`.
    pub(super) exact: bool,
}

/// Bytes of a cell that may be such a label.
const LONGEST: usize = 80;

/// Words that begin or end such a label, and say it alone.
#[rustfmt::skip]
const SUMS: [&str; 40] = [
    "total", "totals", "subtotal", "subtotals", "sub-total", "sum", "summe", "gesamt", "gesamtsumme", "gesamtergebnis", "zwischensumme",
    "teilsumme", "insgesamt", "endsumme", "somme", "sous-total", "suma", "totale", "totaal", "totalt", "yhteensä", "razem", "ogółem", "celkem",
    "итого", "всего", "итог", "合计", "总计", "小计", "合計", "小計", "総計", "总额", "합계", "σ", "∑", "totais", "subtotaal", "toplam",
];
/// Two words that say it alone.
#[rustfmt::skip]
const PHRASES: [&str; 14] = [
    "grand total", "sub total", "overall total", "total général", "total general", "sous total", "suma total", "total sum", "total overall",
    "total amount", "gran total", "net total", "column total", "report total",
];
/// Words that say it only where the values do too.
#[rustfmt::skip]
const PERHAPS: [&str; 18] = [
    "all", "overall", "combined", "world", "everything", "alle", "alles", "ensemble", "tous", "toutes", "todos", "todas", "tutti", "company",
    "global", "all regions", "all products", "global total",
];
/// Words that begin such a label where it names what is added.
const WHOLE: [&str; 7] = ["all", "alle", "aller", "tous", "toutes", "todos", "todas"];
#[rustfmt::skip]
const MEANS: [&str; 12] = [
    "average", "avg", "avg.", "mean", "durchschnitt", "mittelwert", "mittel", "ø", "moyenne", "promedio", "media", "gemiddelde",
];
const LEAST: [&str; 4] = ["min", "minimum", "lowest", "min."];
const COUNTS: [&str; 3] = ["count", "anzahl", "nombre"];
const GREATEST: [&str; 4] = ["max", "maximum", "highest", "max."];
#[rustfmt::skip]
const OTHERS: [&str; 10] = [
    "median", "std", "stdev", "std dev", "std. dev.", "standard deviation", "variance", "standardabweichung", "médiane",
    "mediana",
];

/// What a cell says of its row.
pub(super) fn label(cell: &str) -> Option<Label> {
    if cell.len() > LONGEST {
        return None;
    }
    let plain = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bare = match (cell.as_bytes().first(), cell.as_bytes().last()) {
        // Nothing to take off, as in most cells.
        (first, last) if plain(first) && plain(last) => cell,
        _ => cell.trim_matches(|c: char| c.is_whitespace() || ":*.=-–—#()[]".contains(c)),
    };
    if bare.is_empty() || bare.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if !may_be(bare) {
        return None;
    }
    let lower = bare.to_lowercase();
    let exact = |says| Some(Label { says, exact: true });
    let one = lower.as_str();
    if SUMS.contains(&one) || PHRASES.contains(&one) {
        return exact(Says::Sum);
    }
    if MEANS.contains(&one) {
        return exact(Says::Mean);
    }
    if LEAST.contains(&one) {
        return exact(Says::Least);
    }
    if GREATEST.contains(&one) {
        return exact(Says::Greatest);
    }
    if COUNTS.contains(&one) {
        return exact(Says::Count);
    }
    if OTHERS.contains(&one) {
        return exact(Says::Other);
    }
    let words = || lower.split(|c: char| c.is_whitespace() || ":,-–()/".contains(c));
    let ends = |list: &[&str]| {
        let mut filled = words().filter(|word| !word.is_empty());
        let first = filled.next();
        let last = filled.next_back();
        [first, last]
            .into_iter()
            .flatten()
            .any(|word| list.contains(&word))
    };
    // "All items", "Alle Orte": what all of it comes to.
    let whole = words().next().is_some_and(|first| WHOLE.contains(&first)) && words().count() <= 3;
    let says = if PERHAPS.contains(&one) || ends(&SUMS) || whole {
        Says::Sum
    } else if ends(&MEANS) {
        Says::Mean
    } else {
        return None;
    };
    Some(Label { says, exact: false })
}

/// Whether the first or last word of a cell is one of those that labels begin or end with. Asked of every cell of a text, so nothing is
/// allocated.
fn may_be(cell: &str) -> bool {
    if cell.is_ascii() {
        let mark = |byte: &u8| {
            matches!(
                byte,
                b'\t'..=b'\r' | b' ' | b':' | b',' | b'-' | b'(' | b')' | b'/'
            )
        };
        let mut ends = [
            cell.as_bytes().split(mark).next(),
            cell.as_bytes().rsplit(mark).next(),
        ]
        .into_iter()
        .flatten();
        return ends.any(|word| ENDS.holds_any_case(word));
    }
    let mark = |c: char| c.is_whitespace() || ":,-–()/".contains(c);
    let mut ends = [cell.split(mark).next(), cell.rsplit(mark).next()]
        .into_iter()
        .flatten();
    ends.any(|word| {
        !word.is_ascii() && word.len() <= LONGEST_WORD || ENDS.holds_any_case(word.as_bytes())
    })
}

/// Bytes of the longest word that a label begins or ends with.
const LONGEST_WORD: usize = 32;

/// The first and last words of all labels, and of each letter that one begins with how long these are: most words of most texts are none by
/// that alone.
struct Ends {
    words: HashSet<&'static [u8]>,
    lengths: [u32; 128],
}

impl Ends {
    /// Whether a word is one of them, in small letters or large ones.
    fn holds_any_case(&self, word: &[u8]) -> bool {
        let mut lower = [0_u8; LONGEST_WORD];
        lower.get_mut(..word.len()).is_some_and(|lower| {
            lower.copy_from_slice(word);
            lower.make_ascii_lowercase();
            self.holds(lower)
        })
    }

    /// Whether a word in small letters, shorter than [`LONGEST_WORD`] bytes, is one of them.
    fn holds(&self, word: &[u8]) -> bool {
        let first = word.first().copied().unwrap_or_default();
        let lengths = self.lengths.get(usize::from(first)).copied();
        lengths.is_some_and(|lengths| lengths & (1 << word.len().min(31)) != 0)
            && self.words.contains(word)
    }
}

static ENDS: LazyLock<Ends> = LazyLock::new(|| {
    let labels: [&[&'static str]; 9] = [
        &WHOLE, &SUMS, &PHRASES, &PERHAPS, &MEANS, &LEAST, &GREATEST, &COUNTS, &OTHERS,
    ];
    let marks = |c: char| c == ' ' || c == '-' || c == '.';
    let words: HashSet<&'static [u8]> = labels
        .into_iter()
        .flatten()
        .flat_map(|label| [*label, label.split(marks).next().unwrap_or_default()])
        .map(str::as_bytes)
        .collect();
    let mut lengths = [0; 128];
    for word in &words {
        let first = word.first().copied().unwrap_or_default();
        if let Some(lengths) = lengths.get_mut(usize::from(first)) {
            *lengths |= 1 << word.len().min(31);
        }
    }
    Ends { words, lengths }
});

/// Whether the name of a column says that it adds others up.
pub(super) fn names_a_sum(name: &str) -> bool {
    let year_to_date = [
        "ytd",
        "full year",
        "fy",
        "year",
        "jahr",
        "année",
        "año",
        "annual",
        "all year",
    ];
    matches!(
        label(name),
        Some(Label {
            says: Says::Sum,
            ..
        })
    ) || year_to_date.contains(&name.trim().to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_it_adds_up() {
        use Says::{Mean, Other, Sum};
        for (cell, says) in [
            ("Total", Some((Sum, true))),
            ("TOTAL:", Some((Sum, true))),
            ("Grand Total", Some((Sum, true))),
            ("Summe", Some((Sum, true))),
            ("Zwischensumme", Some((Sum, true))),
            ("合计", Some((Sum, true))),
            ("North Total", Some((Sum, false))),
            ("Total for Q1", Some((Sum, false))),
            ("Subtotal - North", Some((Sum, false))),
            ("All", Some((Sum, false))),
            ("Average", Some((Mean, true))),
            ("Ø", Some((Mean, true))),
            ("Median", Some((Other, true))),
            ("Totally Wicked", None),
            ("Other", None),
            ("Summer", None),
            ("12", None),
            ("", None),
        ] {
            let found = label(cell).map(|label| (label.says, label.exact));
            assert_eq!(found, says, "{cell:?}");
        }
    }
}
