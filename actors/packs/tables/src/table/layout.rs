//! Where in a file the table is: lines of titles above it, a header of one or two rows, a row of units, and what stands below it.

use super::date;
use super::missing::is_missing;
use super::number;
use super::units;

/// A record of the beginning of a file.
#[derive(Clone, Debug)]
pub(super) struct Sampled {
    pub(super) line: u64,
    pub(super) cells: Vec<String>,
}

/// How the beginning of a file is to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    /// Records above the header that are no data, with their lines.
    pub(super) titles: Vec<(u64, String)>,
    /// Records above the header, blank ones among them.
    pub(super) skip: usize,
    /// Records that name the columns: none, one or two.
    pub(super) headers: usize,
    /// Whether a record of units follows.
    pub(super) units: Option<Vec<Option<&'static str>>>,
    /// The line of the units.
    pub(super) units_line: u64,
    /// What the columns are called, where two records name them.
    pub(super) names: Option<Vec<String>>,
}

/// Titles above a table are few.
const TITLES: usize = 40;

/// Finds the table in the beginning of a file.
pub(super) fn find(rows: &[Sampled]) -> Layout {
    let width = width(rows);
    let mut skip = 0;
    while skip < TITLES && skip + 1 < rows.len() && is_title(rows, skip, width) {
        skip += 1;
    }
    let Some((first, below)) = rows.get(skip..).and_then(<[Sampled]>::split_first) else {
        return Layout {
            headers: 1,
            ..Layout::default()
        };
    };
    let titles = rows
        .iter()
        .take(skip)
        .filter(|row| row.filled() > 0)
        .map(|row| (row.line, row.text()))
        .collect();
    let mut layout = Layout {
        titles,
        skip,
        ..Layout::default()
    };
    if let Some((second, body)) = below.split_first() {
        if let Some(names) = two_rows(first, second, body) {
            layout.headers = 2;
            layout.names = Some(names);
            layout.take_units(body, 0);
            return layout;
        }
        let explained = || {
            let stated = second.cells.iter().map(|cell| units::stated(cell));
            explains(second, body).then(|| stated.collect())
        };
        if let Some(units) = row_of_units(second, body).or_else(explained)
            && first.cells.iter().all(|cell| class(cell) == Class::Text)
        {
            layout.headers = 1;
            layout.units = Some(units);
            layout.units_line = second.line;
            return layout;
        }
    }
    // Where the header stands again between rows, they tell what it is.
    let rows: Vec<Sampled> = rows
        .iter()
        .skip(skip)
        .enumerate()
        .filter(|(at, row)| *at == 0 || row.cells != first.cells)
        .map(|(_, row)| row.clone())
        .collect();
    let again = rows.len() <= below.len() && stands_over_typed(&rows);
    // A title says that there is somebody who names things.
    layout.headers =
        usize::from(again || has_header(first, below) || (skip > 0 && names_all(first)));
    layout
}

impl Layout {
    fn take_units(&mut self, body: &[Sampled], at: usize) {
        if let Some((row, below)) = body.get(at..).and_then(<[Sampled]>::split_first)
            && let Some(units) = row_of_units(row, below)
        {
            self.units = Some(units);
            self.units_line = row.line;
        }
    }
}

impl Sampled {
    fn filled(&self) -> usize {
        self.cells.iter().filter(|cell| !cell.is_empty()).count()
    }

    fn last(&self) -> usize {
        let last = self.cells.iter().rposition(|cell| !cell.is_empty());
        last.map_or(0, |at| at + 1)
    }

    /// The record as a title.
    fn text(&self) -> String {
        let filled: Vec<&str> = self
            .cells
            .iter()
            .map(String::as_str)
            .filter(|cell| !cell.is_empty())
            .collect();
        filled.join(" ").chars().take(200).collect()
    }
}

/// How many cells most records have that have several.
fn width(rows: &[Sampled]) -> usize {
    let mut counts = std::collections::BTreeMap::new();
    for row in rows.iter().filter(|row| row.filled() > 1) {
        *counts.entry(row.last()).or_insert(0_usize) += 1;
    }
    counts
        .into_iter()
        .max_by_key(|(width, count)| (*count, *width))
        .map_or(1, |(width, _)| width)
}

/// Whether a record above the table is none of it: too few cells for a header, all of them at its beginning.
fn is_title(rows: &[Sampled], at: usize, width: usize) -> bool {
    let (Some(row), Some(rest)) = (rows.get(at), rows.get(at + 1..)) else {
        return false;
    };
    let filled = row.filled();
    if width < 2 {
        return false;
    }
    if filled == 0 {
        return true;
    }
    let first = row.cells.first().map_or("", String::as_str);
    if first.is_empty() || filled != row.last() {
        return false;
    }
    // A row of data whose end is missing may stand first only where nothing names the columns.
    let named = || {
        rest.iter().take(TITLES).any(|later| {
            later.last() * 4 >= width * 3 && later.filled() * 4 >= width * 3 && names_all(later)
        })
    };
    let comment = first.starts_with('#') || first.starts_with("//");
    match filled {
        1 if row.cells.len() == 1 => true,
        1 if width > 2 => true,
        1 => comment || stands_over_typed(rest),
        2 if width > 3 => first.ends_with(':') && named() || (filled * 2 <= width && named()),
        _ if comment => stands_over_typed(rest),
        _ => filled * 2 < width && named(),
    }
}

/// Whether all cells are words, as names are.
fn names_all(row: &Sampled) -> bool {
    row.cells
        .iter()
        .filter(|cell| !cell.is_empty())
        .all(|cell| class(cell) == Class::Text || year(cell).is_some())
}

/// Whether the first of these records names columns of figures below it.
fn stands_over_typed(rows: &[Sampled]) -> bool {
    let Some((first, below)) = rows.split_first() else {
        return false;
    };
    first.filled() > 1
        && names_all(first)
        && typed_columns(below, first.cells.len()).any(|typed| typed.is_some())
}

/// What the cells of each column mostly are, if they are figures.
fn typed_columns(below: &[Sampled], width: usize) -> impl Iterator<Item = Option<Class>> {
    (0..width).map(move |at| {
        let column = || {
            below
                .iter()
                .filter_map(move |row| row.cells.get(at))
                .filter(|cell| !is_missing(cell))
        };
        let total = column().count();
        [Class::Number, Class::Date].into_iter().find(|wanted| {
            total > 0 && column().filter(|cell| class(cell) == *wanted).count() * 10 >= total * 8
        })
    })
}

/// The names of two rows of headers: groups over single names. The first has blanks where a group goes on.
fn two_rows(top: &Sampled, second: &Sampled, body: &[Sampled]) -> Option<Vec<String>> {
    let width = top.cells.len().max(second.cells.len());
    let cell = |row: &Sampled, at: usize| row.cells.get(at).cloned().unwrap_or_default();
    let blanks = (0..width).any(|at| cell(top, at).is_empty() && !cell(second, at).is_empty());
    let words = |row: &Sampled| names_all(row) && row.filled() > 0;
    if !blanks
        || body.is_empty()
        || !words(top)
        || !words(second)
        || row_of_units(second, body).is_some()
    {
        return None;
    }
    // The names stand over figures; a row of words over rows of words is data.
    let over = typed_columns(body, width)
        .enumerate()
        .filter(|(_, typed)| typed.is_some())
        .filter(|(at, _)| {
            !cell(second, *at).is_empty() && class(&cell(second, *at)) == Class::Text
                || year(&cell(second, *at)).is_some()
        })
        .count();
    if over == 0 || second.filled() < 2 {
        return None;
    }
    let mut group = String::new();
    let names = (0..width).map(|at| {
        let (above, below) = (cell(top, at), cell(second, at));
        if !above.is_empty() {
            group.clone_from(&above);
        }
        match (above.is_empty(), below.is_empty()) {
            (_, true) => above,
            (true, false) if at == 0 || group.is_empty() => below,
            _ => format!("{group} {below}"),
        }
    });
    Some(names.collect())
}

/// The units that a row under the header states, if it is one.
fn row_of_units(row: &Sampled, body: &[Sampled]) -> Option<Vec<Option<&'static str>>> {
    let stated: Vec<Option<&'static str>> =
        row.cells.iter().map(|cell| units::stated(cell)).collect();
    let count = stated.iter().filter(|unit| unit.is_some()).count();
    let others = |cell: &String| {
        let lower = cell.to_lowercase();
        is_missing(cell)
            || (lower.starts_with(['(', '[']) && lower.ends_with([')', ']']))
            || matches!(
                lower.as_str(),
                "text" | "date" | "name" | "id" | "#" | "unit" | "units" | "einheit"
            )
    };
    let rest = row
        .cells
        .iter()
        .zip(&stated)
        .filter(|(_, unit)| unit.is_none())
        .all(|(cell, _)| others(cell));
    let over = typed_columns(body, row.cells.len())
        .zip(&stated)
        .any(|(typed, unit)| typed == Some(Class::Number) && unit.is_some());
    (count > 0 && rest && over).then_some(stated)
}

/// Whether a row under the header says of its columns how they are measured: nothing stands below the first name, where the rows have one,
/// and words stand over columns of figures, none of which holds another word.
fn explains(row: &Sampled, body: &[Sampled]) -> bool {
    let cell = |row: &Sampled, at: usize| row.cells.get(at).cloned().unwrap_or_default();
    let bare = is_missing(&cell(row, 0)) && body.iter().all(|row| !is_missing(&cell(row, 0)));
    let over: Vec<usize> = typed_columns(body, row.cells.len())
        .enumerate()
        .filter(|(at, typed)| *typed == Some(Class::Number) && !cell(row, *at).is_empty())
        .map(|(at, _)| at)
        .collect();
    let words = row
        .cells
        .iter()
        .all(|cell| is_missing(cell) || class(cell) == Class::Text);
    let figures = over.iter().all(|at| {
        body.iter()
            .map(|row| cell(row, *at))
            .all(|cell| is_missing(&cell) || class(&cell) == Class::Number)
    });
    body.len() > 1 && bare && words && figures && over.len() > 1
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Number,
    Date,
    Text,
}

fn class(cell: &str) -> Class {
    let number = number::NumberReading::of(cell).is_number();
    match date::DateReading::of(cell) {
        // Digits alone count as a number here: a header `2024` stands above numbers as often as a year does.
        Some(reading)
            if !(number
                && matches!(reading.layout, date::Layout::Year | date::Layout::Compact)) =>
        {
            Class::Date
        }
        _ if number => Class::Number,
        _ => Class::Text,
    }
}

/// Whether the first record names the columns: it does not look like the cells below it.
fn has_header(first: &Sampled, below: &[Sampled]) -> bool {
    let first = &first.cells;
    if below.is_empty() {
        return first.iter().all(|cell| class(cell) == Class::Text);
    }
    let (mut differ, mut alike, mut repeated, mut years, mut days) = (0, 0, 0, Vec::new(), 0);
    for (at, cell) in first.iter().enumerate() {
        let column = || {
            below
                .iter()
                .filter_map(|row| row.cells.get(at))
                .filter(|cell| !is_missing(cell))
        };
        let total = column().count();
        repeated += usize::from(!cell.is_empty() && column().any(|other| other == cell));
        let is_mostly = |wanted| {
            total > 0 && column().filter(|cell| class(cell) == wanted).count() * 10 >= total * 9
        };
        let Some(typed) = [Class::Number, Class::Date]
            .into_iter()
            .find(|wanted| is_mostly(*wanted))
        else {
            continue;
        };
        if is_missing(cell) {
            continue;
        }
        if class(cell) == typed {
            alike += 1;
            years.extend(year(cell).filter(|_| !column().all(|cell| year(cell).is_some())));
        } else {
            differ += 1;
            days += usize::from(class(cell) == Class::Date);
        }
    }
    match (differ, alike) {
        // Nothing but text: a header is not repeated as a value below itself.
        (0, 0) => repeated * 2 < first.len().max(1),
        // Years as column names over other figures: `country,2023,2024`.
        (_, alike) if alike == years.len() && in_steps(&years) => true,
        (differ, alike) => differ >= alike || days > 1,
    }
}

/// A year that stands as the name of a column: `country,2023,2024`.
fn year(cell: &str) -> Option<u32> {
    cell.parse()
        .ok()
        .filter(|year| cell.len() == 4 && (1900..=2100).contains(year))
}

/// Whether `years` go on in equal, small steps.
fn in_steps(years: &[u32]) -> bool {
    let step = years
        .first()
        .zip(years.get(1))
        .map_or(0, |(first, second)| second.abs_diff(*first));
    (1..=10).contains(&step)
        && years
            .windows(2)
            .all(|pair| matches!(pair, [one, other] if one.abs_diff(*other) == step))
}

/// Whether a line below the rows is a remark and no row.
pub(super) fn is_remark(first: &str) -> bool {
    #[rustfmt::skip]
    const BEGINS: [&str; 34] = [
        "note", "notes", "source", "sources", "quelle", "quellen", "stand", "hinweis", "anmerkung", "anm", "fuente", "nota", "notas", "remarque",
        "généré", "generated", "exported", "export", "report", "as of", "data as of", "copyright", "©", "end of", "printed", "erstellt",
        "created", "updated", "last updated", "disclaimer", "prepared", "legend", "all figures", "figures",
    ];
    let lower = first.to_lowercase();
    let words = lower.split_whitespace().count();
    let begins = BEGINS.iter().any(|begin| {
        lower
            .strip_prefix(begin)
            .is_some_and(|rest| rest.starts_with([':', ' ', '.', ',']) || rest.is_empty())
    });
    first.starts_with(['*', '†', '‡', '¹', '²', '#'])
        || (begins && (words > 1 || lower.ends_with(':')))
        || (words > 3 && lower.ends_with(['.', '!']))
        || words > 4
}

/// "Source: reception desk, 15.04.2025": a remark whose own commas make cells of it.
pub(super) fn is_labelled_remark(first: &str) -> bool {
    #[rustfmt::skip]
    const LABELS: [&str; 18] = [
        "note", "notes", "source", "sources", "quelle", "quellen", "stand", "hinweis", "anmerkung", "fuente", "nota", "notas", "remarque",
        "remarques", "generated", "exported", "printed", "legend",
    ];
    let lower = first.trim_start().to_lowercase();
    lower
        .split_once(':')
        .is_some_and(|(label, rest)| LABELS.contains(&label.trim_end()) && !rest.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Sampled> {
        let lines = text.lines().zip(1..);
        lines
            .filter(|(line, _)| !line.is_empty())
            .map(|(text, line)| Sampled {
                line,
                cells: text.split(',').map(str::to_owned).collect(),
            })
            .collect()
    }

    #[test]
    fn a_table_begins_below_its_titles() {
        // text, records above, rows of headers, whether units follow
        for (text, skip, headers, units) in [
            ("a,b\n1,2\n", 0, 1, false),
            ("Sales report\na,b,c\n1,2,3\n4,5,6\n", 1, 1, false),
            (
                "Sales report,,\nas of June,,\n,,\na,b,c\n1,2,3\n",
                3,
                1,
                false,
            ),
            ("Sales report,\nregion,revenue\nN,1\nS,2\n", 1, 1, false),
            (",amount\nx,1\ny,2\n", 0, 1, false),
            (
                "Region:,North,,\nDate:,today,,\na,b,c,d\n1,2,3,4\n",
                2,
                1,
                false,
            ),
            ("# made by hand\na,b\n1,2\n", 1, 1, false),
            ("weight,price\nkg,EUR\n1,2\n3,4\n", 0, 1, true),
            ("name,weight\n,(kg)\nx,2\ny,4\n", 0, 1, true),
            (
                "Region,2023,,2024,\n,Q1,Q2,Q1,Q2\nN,1,2,3,4\nS,1,2,3,4\n",
                0,
                2,
                false,
            ),
            ("name,note\nx,\ny,good\n", 0, 1, false),
            ("2025-07-01,5\n2025-07-02,6\n", 0, 0, false),
            ("x,1\ny,2\n", 0, 0, false),
            ("country,2024,2023\nFrance,1.5,2.5\n", 0, 1, false),
            ("a\n1\n2\n", 0, 1, false),
        ] {
            let layout = find(&rows(text));
            assert_eq!(
                (layout.skip, layout.headers, layout.units.is_some()),
                (skip, headers, units),
                "{text:?}"
            );
        }
    }

    #[test]
    fn names_of_two_rows_are_put_together() {
        let layout = find(&rows("Region,2023,,2024,\n,Q1,Q2,Q1,Q2\nN,1,2,3,4\n"));
        let names = layout.names.unwrap();
        assert_eq!(
            names,
            ["Region", "2023 Q1", "2023 Q2", "2024 Q1", "2024 Q2"]
        );
    }

    #[test]
    fn remarks_are_no_rows() {
        for (text, remark) in [
            ("* preliminary", true),
            ("Source: the office", true),
            ("Quelle: Amt", true),
            ("All figures are in thousands of euros", true),
            ("All weights after drying.", true),
            ("St. Paul Inc.", false),
            ("Miller Co.", false),
            ("North", false),
            ("Note", false),
            ("New South Wales", false),
        ] {
            assert_eq!(is_remark(text), remark, "{text}");
        }
    }
}
