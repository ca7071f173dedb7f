//! Tables whose columns are periods: `region, Jan, Feb, Mar`. Read as they stand, nobody can ask for March or for the best month, and a sum needs
//! a column each. So the names of such columns become the values of one column, and each row becomes several.

use std::collections::BTreeSet;

use super::cells::{Cells, Source};
use super::date::{DateReading, Layout, month};
use super::grid::{Grid, keep};
use super::infer::Column;
use super::{Lines, names};
use crate::note::{Note, NoteKind};
use crate::{ColumnKind, Error, Unpivoted};
use aios_tools::{Check, Reserved};

/// Rows that a table may have afterwards.
const ROWS: usize = 3_000_000;
/// Columns that may become rows.
const KEYS: usize = 400;

/// What the names of columns are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Year,
    /// A month without a year.
    Month,
    MonthOfYear,
    Quarter,
    QuarterOfYear,
    Week,
    Weekday,
    Day,
}

impl Kind {
    /// Whether two columns are enough to be sure.
    fn is_dated(self) -> bool {
        matches!(self, Self::Year | Self::MonthOfYear | Self::QuarterOfYear)
    }

    fn column(self, german: bool) -> &'static str {
        match (self, german) {
            (Self::Year, true) => "Jahr",
            (Self::Month | Self::MonthOfYear, true) => "Monat",
            (Self::Quarter | Self::QuarterOfYear, true) => "Quartal",
            (Self::Week, true) => "Woche",
            (Self::Year, _) => "year",
            (Self::Month | Self::MonthOfYear, _) => "month",
            (Self::Quarter | Self::QuarterOfYear, _) => "quarter",
            (Self::Week, _) => "week",
            (Self::Weekday, _) => "weekday",
            (Self::Day, _) => "date",
        }
    }
}

/// How a wide table becomes a long one.
#[derive(Debug)]
pub(super) struct Plan {
    /// What each row is of, as the names have it.
    keys: Vec<String>,
    /// For each measure the columns of its keys, in their order.
    measures: Vec<(String, Vec<String>)>,
    pub(super) told: Unpivoted,
    /// Columns that are repeated in each row made from one.
    pub(super) repeated: Vec<String>,
}

/// Plans it, if the names of several columns of numbers are periods. `titles` and the file's name may say what the numbers are.
pub(super) fn plan(columns: &[Column], rows: usize, titles: &[&str]) -> Option<Plan> {
    let is_number =
        |column: &&Column| matches!(column.profile.kind, ColumnKind::Number | ColumnKind::Empty);
    let read: Vec<(&Column, String, Kind, String)> = columns
        .iter()
        .filter(is_number)
        .filter(|column| column.profile.sum_of.is_empty())
        .filter_map(|column| {
            let (measure, kind, key) = apart(&column.profile.name)?;
            Some((column, measure, kind, key))
        })
        .collect();
    let kinds: BTreeSet<Kind> = read.iter().map(|(_, _, kind, _)| *kind).collect();
    let kind = kinds
        .into_iter()
        .max_by_key(|kind| read.iter().filter(|(_, _, other, _)| other == kind).count())?;
    let of_kind: Vec<_> = read
        .into_iter()
        .filter(|(_, _, other, _)| *other == kind)
        .collect();
    // Questions of a survey are numbered beyond four.
    let survey = |column: &Column| {
        let name = column.profile.name.to_lowercase();
        name.strip_prefix('q').is_some_and(|rest| {
            rest.parse::<u32>()
                .is_ok_and(|number| number > 4 || number == 0)
        })
    };
    if kind == Kind::Quarter && columns.iter().any(survey) {
        return None;
    }
    let mut measures: Vec<(String, Vec<(String, String)>)> = Vec::new();
    for (column, measure, _, key) in &of_kind {
        let pair = (key.clone(), column.profile.name.clone());
        match measures.iter_mut().find(|(known, _)| known == measure) {
            Some((_, pairs)) => pairs.push(pair),
            None => measures.push((measure.clone(), vec![pair])),
        }
    }
    // Names that are nothing but periods are of one measure, whatever stands beside them.
    if measures.iter().any(|(name, _)| name.is_empty()) {
        measures.retain(|(name, _)| name.is_empty());
    }
    let keys: Vec<String> = measures
        .first()?
        .1
        .iter()
        .map(|(key, _)| key.clone())
        .collect();
    let different: BTreeSet<&String> = keys.iter().collect();
    let same = measures.iter().all(|(_, pairs)| {
        pairs.len() == keys.len() && pairs.iter().all(|(key, _)| different.contains(key))
    });
    let least = if kind.is_dated() { 2 } else { 3 };
    if !same
        || different.len() != keys.len()
        || !(least..=KEYS).contains(&keys.len())
        || rows.saturating_mul(keys.len()) > ROWS
    {
        return None;
    }
    let used: BTreeSet<&str> = measures
        .iter()
        .flat_map(|(_, pairs)| pairs.iter().map(|(_, name)| name.as_str()))
        .collect();
    let is_sum = |column: &&Column| {
        let parts = &column.profile.sum_of;
        !parts.is_empty() && parts.iter().all(|part| used.contains(part.as_str()))
    };
    let sums: Vec<String> = columns
        .iter()
        .filter(is_sum)
        .map(|column| column.profile.name.clone())
        .collect();
    let repeated: Vec<String> = columns
        .iter()
        .filter(|column| column.profile.kind == ColumnKind::Number && column.profile.adds_up)
        .map(|column| column.profile.name.clone())
        .filter(|name| !used.contains(name.as_str()) && !sums.contains(name))
        .collect();
    let german = columns.iter().any(|column| is_german(&column.profile.name));
    let values: Vec<String> = measures
        .iter()
        .map(|(name, _)| {
            if name.is_empty() {
                said(titles, german)
            } else {
                name.clone()
            }
        })
        .collect();
    let taken = |name: &str| {
        columns.iter().any(|column| {
            !used.contains(column.profile.name.as_str())
                && column.profile.name.eq_ignore_ascii_case(name)
        })
    };
    let called = kind.column(german);
    let told = Unpivoted {
        name: if taken(called) {
            format!("{called} of the column")
        } else {
            called.to_owned()
        },
        values,
        columns: of_kind
            .iter()
            .map(|(column, ..)| column.profile.name.clone())
            .filter(|name| used.contains(name.as_str()))
            .collect(),
        sums,
    };
    let measures = measures.into_iter().map(|(name, pairs)| {
        let column = |key: &String| {
            pairs
                .iter()
                .find(|(other, _)| other == key)
                .map(|(_, name)| name.clone())
        };
        let columns = keys.iter().filter_map(column).collect();
        (name, columns)
    });
    let measures = measures.collect();
    Some(Plan {
        keys,
        measures,
        told,
        repeated,
    })
}

/// A name as a measure and a period: `Revenue 2023`, `2023`, `Q1_sales`, `Umsatz (Jan)`.
fn apart(name: &str) -> Option<(String, Kind, String)> {
    let name = name.trim();
    if let Some(kind) = kind(name) {
        return Some((String::new(), kind, name.to_owned()));
    }
    let words: Vec<&str> = name
        .split(|c: char| c.is_whitespace() || matches!(c, '_' | '(' | ')' | '[' | ']' | ':' | ','))
        .filter(|word| !word.is_empty() && *word != "-")
        .collect();
    for count in (1..=2).rev() {
        let Some(rest) = words.len().checked_sub(count).filter(|rest| *rest > 0) else {
            continue;
        };
        let (head, tail) = words.split_at(rest);
        let (first, last) = words.split_at(count);
        for (period, measure) in [(tail, head), (first, last)] {
            let period = period.join(" ");
            let measure = measure.join(" ");
            if let Some(kind) = kind(&period)
                && measure.chars().any(char::is_alphabetic)
                && self::kind(&measure).is_none()
            {
                return Some((measure, kind, period));
            }
        }
    }
    None
}

fn kind(name: &str) -> Option<Kind> {
    let plain = name.trim().trim_end_matches('.');
    let lower = plain.to_lowercase();
    if plain.len() == 4
        && plain
            .parse()
            .is_ok_and(|year: u32| (1900..=2100).contains(&year))
    {
        return Some(Kind::Year);
    }
    if month(plain).is_some() {
        return Some(Kind::Month);
    }
    #[rustfmt::skip]
    const WEEKDAYS: [&str; 35] = [
        "mon", "monday", "tue", "tuesday", "wed", "wednesday", "thu", "thursday", "fri", "friday", "sat", "saturday", "sun", "sunday",
        "montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag", "sonntag",
        "lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche",
        "lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo",
    ];
    if WEEKDAYS.contains(&lower.as_str()) {
        return Some(Kind::Weekday);
    }
    let numbered = |signs: &[&str], most: u32| {
        signs.iter().any(|sign| {
            lower.strip_prefix(sign).is_some_and(|rest| {
                rest.trim()
                    .parse()
                    .is_ok_and(|number: u32| (1..=most).contains(&number))
            })
        })
    };
    if numbered(&["q", "quarter", "quartal"], 4)
        || matches!(
            lower.as_str(),
            "1. quartal" | "2. quartal" | "3. quartal" | "4. quartal"
        )
    {
        return Some(Kind::Quarter);
    }
    if numbered(&["kw", "week", "woche", "wk"], 53) {
        return Some(Kind::Week);
    }
    let reading = DateReading::of(plain)?;
    if reading.time.is_some() {
        return None;
    }
    Some(match reading.layout {
        Layout::MonthNameYear | Layout::YearMonth | Layout::MonthYear => Kind::MonthOfYear,
        Layout::Quarter => Kind::QuarterOfYear,
        Layout::Week => Kind::Week,
        Layout::FiscalYear => Kind::Year,
        Layout::Year => return None,
        Layout::Compact
        | Layout::YearMonthDay(_)
        | Layout::Numeric(_)
        | Layout::DayMonthName
        | Layout::MonthNameDay => Kind::Day,
    })
}

fn is_german(name: &str) -> bool {
    #[rustfmt::skip]
    const WORDS: [&str; 22] = [
        "januar", "februar", "märz", "mrz", "mai", "juni", "juli", "oktober", "okt", "dezember", "dez", "quartal", "filiale", "umsatz", "kosten",
        "produkt", "abteilung", "kunde", "standort", "jahr", "monat", "bereich",
    ];
    let lower = name.to_lowercase();
    lower
        .split(|c: char| !c.is_alphabetic())
        .any(|word| WORDS.contains(&word))
}

/// What the numbers are, if a title or the file's name says it.
fn said(titles: &[&str], german: bool) -> String {
    #[rustfmt::skip]
    const MEASURES: [&str; 44] = [
        "revenue", "sales", "turnover", "costs", "cost", "expenses", "spending", "profit", "income", "units", "orders", "visits", "visitors",
        "users", "customers", "budget", "headcount", "production", "consumption", "usage", "rainfall", "temperature", "population", "cases",
        "deaths", "passengers", "exports", "imports", "emissions", "hours", "downloads", "views", "signups", "umsatz", "umsätze", "kosten",
        "ausgaben", "einnahmen", "menge", "besucher", "ventes", "ventas", "gastos", "stock",
    ];
    let words = titles
        .iter()
        .flat_map(|title| title.split(|c: char| !c.is_alphabetic()));
    let found = words
        .map(str::to_lowercase)
        .find(|word| MEASURES.contains(&word.as_str()));
    found.unwrap_or_else(|| if german { "Wert" } else { "value" }.to_owned())
}

impl Plan {
    /// Turns the columns into rows.
    pub(super) fn apply(
        &self,
        grid: Grid,
        source: &mut Source,
        held: &mut Reserved,
        check: Check<'_>,
    ) -> Result<Grid, Error> {
        let called = names::unique(grid.names.clone(), &mut Vec::new());
        let at = |name: &String| called.iter().position(|other| other == name);
        let values: Vec<Vec<usize>> = self
            .measures
            .iter()
            .map(|(_, columns)| columns.iter().filter_map(at).collect())
            .collect();
        let gone: BTreeSet<usize> = values
            .iter()
            .flatten()
            .copied()
            .chain(self.told.sums.iter().filter_map(at))
            .collect();
        let kept: Vec<usize> = (0..called.len()).filter(|at| !gone.contains(at)).collect();
        // The names stand behind the text, like every cell that is not in it as it is.
        let mut labels = Vec::with_capacity(self.keys.len());
        for key in &self.keys {
            let start = source.text.len() + source.unquoted.len();
            keep(key, &mut source.unquoted, held)?;
            labels.push((start, start + key.len()));
        }
        let width = kept.len() + 1 + values.len();
        let mut columns: Vec<Cells> = Vec::new();
        columns.resize_with(width, || Cells::of_columns(width));
        let hasher = std::collections::hash_map::RandomState::new();
        let mut lines = Lines::default();
        for row in 0..grid.lines.len() {
            if row % 1_024 == 0 {
                check()?;
            }
            let line = grid.lines.get(row).unwrap_or_default();
            let place = |at: usize| grid.columns.get(at).and_then(|column| column.place(row));
            for (key, (start, end)) in labels.iter().enumerate() {
                let measured: Vec<_> = values
                    .iter()
                    .map(|columns| columns.get(key).and_then(|at| place(*at)))
                    .collect();
                // What was never filled in is no row.
                if measured.iter().all(Option::is_none) {
                    continue;
                }
                let long = lines.len();
                let label = super::cells::Place::new(*start, *end);
                let places = kept
                    .iter()
                    .map(|at| place(*at))
                    .chain([label])
                    .chain(measured);
                for (column, place) in columns.iter_mut().zip(places) {
                    if let Some(place) = place {
                        column.push(long, place, source.characters(), &hasher, held)?;
                    }
                }
                lines.push(line, held)?;
            }
        }
        for column in &mut columns {
            column.finish(held);
        }
        let name = |at: &usize| called.get(*at).cloned().unwrap_or_default();
        let names = kept
            .iter()
            .map(name)
            .chain([self.told.name.clone()])
            .chain(self.told.values.iter().cloned())
            .collect();
        let stated = |at: usize| grid.units.get(at).copied().flatten();
        let units = kept
            .iter()
            .map(|at| stated(*at))
            .chain([None])
            .chain(
                values
                    .iter()
                    .map(|columns| columns.first().and_then(|at| stated(*at))),
            )
            .collect();
        Ok(Grid {
            names,
            units,
            lines,
            columns,
            ..grid
        })
    }

    /// What was done, said.
    pub(super) fn notes(&self) -> Vec<Note> {
        let Unpivoted {
            name,
            values,
            columns,
            sums,
        } = &self.told;
        let quoted = |names: &[String]| {
            names
                .iter()
                .map(|name| format!("{name:?}"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let from = match columns.as_slice() {
            [first, .., last] => format!("{first:?} to {last:?}"),
            columns => quoted(columns),
        };
        let mut text = format!(
            "the {} columns {from} are read as rows: {name:?} says which column, {} holds the values",
            columns.len(),
            quoted(values)
        );
        if !sums.is_empty() {
            text.push_str(&format!("; {} adds them up and is left out", quoted(sums)));
        }
        let mut notes = vec![Note::new(NoteKind::Unpivoted, text)];
        if !self.repeated.is_empty() {
            notes.push(Note::new(
                NoteKind::Unpivoted,
                format!(
                    "{} stands beside each of these rows and is not added up",
                    quoted(&self.repeated)
                ),
            ));
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_measure_and_a_period() {
        for (name, expected) in [
            ("2023", Some(("", Kind::Year, "2023"))),
            ("Jan", Some(("", Kind::Month, "Jan"))),
            ("März", Some(("", Kind::Month, "März"))),
            ("Jan 2024", Some(("", Kind::MonthOfYear, "Jan 2024"))),
            ("2024-01", Some(("", Kind::MonthOfYear, "2024-01"))),
            ("Q1", Some(("", Kind::Quarter, "Q1"))),
            ("Q1 2024", Some(("", Kind::QuarterOfYear, "Q1 2024"))),
            ("KW 5", Some(("", Kind::Week, "KW 5"))),
            ("1/22/20", Some(("", Kind::Day, "1/22/20"))),
            ("Monday", Some(("", Kind::Weekday, "Monday"))),
            ("Revenue 2023", Some(("Revenue", Kind::Year, "2023"))),
            ("2023 Revenue", Some(("Revenue", Kind::Year, "2023"))),
            ("Q1_sales", Some(("sales", Kind::Quarter, "Q1"))),
            ("Umsatz (Jan)", Some(("Umsatz", Kind::Month, "Jan"))),
            (
                "sales Jan 2024",
                Some(("sales", Kind::MonthOfYear, "Jan 2024")),
            ),
            ("revenue", None),
            ("region", None),
            ("Q5", None),
            ("1850", None),
        ] {
            let found = apart(name);
            let found = found
                .as_ref()
                .map(|(measure, kind, key)| (measure.as_str(), *kind, key.as_str()));
            assert_eq!(found, expected, "{name}");
        }
    }
}
