//! A table as the judge asks it: rows by name and time, figures over them.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use aios_languages::{Tag, fold, folded, lexicons};
use aios_work::{Cells, Column, Columns};
use parking_lot::Mutex;

use crate::derived::{Derived, derived};
use crate::moment::Moment;
use crate::unit::{Kind as UnitKind, Unit};

/// Values of a column above which it names single things and no groups.
const GROUPS: usize = 400;
/// Cells of a table above which its times are left side by side.
const LONG: usize = 1_000_000;
/// Answers of the table that are kept for the next question.
const KEPT: usize = 4_096;

/// A table with what is needed to ask it.
pub(crate) struct Grid {
    pub name: String,
    pub rows: usize,
    pub columns: Vec<GridColumn>,
    asked: Mutex<HashMap<Vec<Pred>, Arc<Vec<u32>>>>,
    figures: Mutex<Measured>,
    counted: Mutex<HashMap<Vec<Pred>, Arc<Counted>>>,
}

/// What can be counted in some rows.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    /// The rows.
    pub rows: usize,
    /// The different names of each column of names, with the column.
    pub names: Vec<(usize, usize)>,
    /// The different days, months, quarters and years of each column of times.
    pub spans: Vec<usize>,
}

/// What columns hold in the rows that fit, as far as it was asked.
type Measured = HashMap<(Vec<Pred>, usize), Option<Figures>>;

/// A column.
pub(crate) struct GridColumn {
    pub name: String,
    /// The words of its name, by their stems in every language.
    pub stems: HashSet<String>,
    /// What its name is about.
    pub concepts: HashSet<u32>,
    pub unit: Option<Unit>,
    pub data: Data,
    /// Where all names are numbers behind one head, such as `T-4119`: the head, and the names.
    pub numbered: Option<(String, HashSet<String>)>,
}

/// What stands in a column.
pub(crate) enum Data {
    /// Quantities; not a number where a cell is empty.
    Numbers(Vec<f64>),
    /// Names, each row with the number of its own.
    Names {
        values: Vec<String>,
        codes: Vec<u32>,
    },
    /// Times.
    Times(Vec<Option<Moment>>),
    /// Yes or no.
    Flags(Vec<Option<bool>>),
    /// Quantities that follow from two others.
    Derived(Derived),
}

/// What rows are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Pred {
    /// This name in this column.
    Is(usize, u32),
    /// At this time.
    At(usize, Moment),
    /// From this time to that one, both among them.
    Within(usize, Moment, Moment),
    /// Yes or no.
    Flag(usize, bool),
    /// A number on one side of a limit.
    Side(usize, Side, Limit),
    /// More in one column than in the other.
    More(usize, usize),
}

/// A side of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Side {
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// A limit as bits, so that it can be a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Limit(u64);

impl Limit {
    pub(crate) fn of(value: f64) -> Self {
        Self(value.to_bits())
    }

    pub(crate) fn value(self) -> f64 {
        f64::from_bits(self.0)
    }
}

/// What can be said of the numbers of some rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Figures {
    pub count: usize,
    pub total: f64,
    pub mean: f64,
    pub median: f64,
    pub least: f64,
    pub greatest: f64,
}

impl Grid {
    pub(crate) fn new(table: &Columns) -> Self {
        let table = &long(table);
        let mut columns: Vec<GridColumn> = table.columns.iter().map(GridColumn::new).collect();
        columns.extend(derived(&columns));
        Self {
            name: table.name.clone(),
            rows: table.rows,
            columns,
            asked: Mutex::default(),
            figures: Mutex::default(),
            counted: Mutex::default(),
        }
    }

    /// The rows that fit all of this.
    pub(crate) fn rows_of(&self, preds: &[Pred]) -> Arc<Vec<u32>> {
        if let Some(known) = self.asked.lock().get(preds) {
            return Arc::clone(known);
        }
        let rows = u32::try_from(self.rows).unwrap_or(u32::MAX);
        let found: Vec<u32> = (0..rows)
            .filter(|row| preds.iter().all(|pred| self.fits(*row as usize, pred)))
            .collect();
        let found = Arc::new(found);
        let mut asked = self.asked.lock();
        if asked.len() >= KEPT {
            asked.clear();
        }
        asked.insert(preds.to_vec(), Arc::clone(&found));
        found
    }

    fn fits(&self, row: usize, pred: &Pred) -> bool {
        match *pred {
            Pred::Is(column, code) => match &self.columns[column].data {
                Data::Names { codes, .. } => codes[row] == code,
                _ => false,
            },
            Pred::At(column, moment) => match &self.columns[column].data {
                Data::Times(times) => times[row].is_some_and(|time| moment.holds(&time)),
                _ => false,
            },
            Pred::Within(column, from, to) => match &self.columns[column].data {
                Data::Times(times) => times[row].is_some_and(|time| time.lies_between(&from, &to)),
                _ => false,
            },
            Pred::Flag(column, wanted) => match &self.columns[column].data {
                Data::Flags(flags) => flags[row] == Some(wanted),
                _ => false,
            },
            Pred::Side(column, side, limit) => {
                let (value, limit) = (self.value(row, column), limit.value());
                match side {
                    Side::Above => value > limit,
                    Side::AtLeast => value >= limit,
                    Side::Below => value < limit,
                    Side::AtMost => value <= limit,
                }
            }
            Pred::More(one, other) => self.value(row, one) > self.value(row, other),
        }
    }

    /// The quantity of a column in a row; not a number where there is none.
    pub(crate) fn value(&self, row: usize, column: usize) -> f64 {
        match &self.columns[column].data {
            Data::Numbers(numbers) => numbers[row],
            Data::Flags(flags) => flags[row].map_or(f64::NAN, |flag| f64::from(u8::from(flag))),
            Data::Derived(derived) => {
                derived.of(self.value(row, derived.one), self.value(row, derived.other))
            }
            _ => f64::NAN,
        }
    }

    /// What a column holds in the rows that fit; none where no number does.
    pub(crate) fn figures(&self, preds: &[Pred], column: usize) -> Option<Figures> {
        let key = (preds.to_vec(), column);
        if let Some(known) = self.figures.lock().get(&key) {
            return *known;
        }
        let rows = self.rows_of(preds);
        let found = self.measured(&rows, column);
        let mut figures = self.figures.lock();
        if figures.len() >= KEPT {
            figures.clear();
        }
        figures.insert(key, found);
        found
    }

    fn measured(&self, rows: &[u32], column: usize) -> Option<Figures> {
        let mut values: Vec<f64> = rows
            .iter()
            .map(|row| self.value(*row as usize, column))
            .filter(|value| !value.is_nan())
            .collect();
        if values.is_empty() {
            return None;
        }
        values.sort_by(f64::total_cmp);
        let count = values.len();
        let total: f64 = values.iter().sum();
        let middle = count / 2;
        let median = if count % 2 == 1 {
            values[middle]
        } else {
            (values[middle - 1] + values[middle]) / 2.0
        };
        let rate = match &self.columns[column].data {
            Data::Derived(derived) => {
                let all = |column: usize| -> f64 {
                    rows.iter()
                        .map(|row| self.value(*row as usize, column))
                        .filter(|value| !value.is_nan())
                        .sum()
                };
                derived.rate(all(derived.one), all(derived.other))
            }
            _ => None,
        };
        Some(Figures {
            count,
            total: rate.unwrap_or(total),
            mean: rate.unwrap_or(total / count as f64),
            median,
            least: values[0],
            greatest: values[count - 1],
        })
    }

    /// What can be counted in the rows that fit.
    pub(crate) fn counted(&self, preds: &[Pred]) -> Arc<Counted> {
        if let Some(known) = self.counted.lock().get(preds) {
            return Arc::clone(known);
        }
        let rows = self.rows_of(preds);
        let found = Arc::new(Counted {
            rows: rows.len(),
            names: self
                .groups()
                .map(|column| (column, self.distinct(&rows, column)))
                .collect(),
            spans: self
                .times()
                .flat_map(|column| self.spans(&rows, column))
                .collect(),
        });
        let mut counted = self.counted.lock();
        if counted.len() >= KEPT {
            counted.clear();
        }
        counted.insert(preds.to_vec(), Arc::clone(&found));
        found
    }

    /// How many different values a column has in these rows.
    pub(crate) fn distinct(&self, rows: &[u32], column: usize) -> usize {
        let rows = rows.iter().map(|row| *row as usize);
        match &self.columns[column].data {
            Data::Names { codes, .. } => rows
                .map(|row| codes[row])
                .filter(|code| *code != u32::MAX)
                .collect::<HashSet<_>>()
                .len(),
            Data::Numbers(numbers) => rows
                .map(|row| numbers[row].to_bits())
                .collect::<HashSet<_>>()
                .len(),
            Data::Times(times) => rows
                .filter_map(|row| times[row])
                .collect::<HashSet<_>>()
                .len(),
            Data::Flags(_) => 2,
            Data::Derived(_) => 0,
        }
    }

    /// How many different days, weeks, months, years a column of times has in these rows, whichever a text may mean.
    pub(crate) fn spans(&self, rows: &[u32], column: usize) -> Vec<usize> {
        let Data::Times(times) = &self.columns[column].data else {
            return Vec::new();
        };
        let found: Vec<Moment> = rows.iter().filter_map(|row| times[*row as usize]).collect();
        type Part = (Option<i32>, Option<u8>, Option<u8>);
        let count = |of: fn(&Moment) -> Part| found.iter().map(of).collect::<HashSet<_>>().len();
        vec![
            count(|time| (time.year, time.month, time.day)),
            count(|time| (time.year, time.month, None)),
            count(|time| (time.year, time.quarter, None)),
            count(|time| (time.year, None, None)),
        ]
    }

    /// The months (or, of a table without days, whatever it has) of a column of times, in order.
    pub(crate) fn periods(&self, column: usize, of: fn(&Moment) -> Moment) -> Vec<Moment> {
        let Data::Times(times) = &self.columns[column].data else {
            return Vec::new();
        };
        let found: BTreeSet<Moment> = times.iter().flatten().map(of).collect();
        found.into_iter().collect()
    }

    /// Columns with quantities.
    pub(crate) fn measures(&self) -> impl Iterator<Item = usize> + '_ {
        self.of_kind(|data| matches!(data, Data::Numbers(_)))
    }

    /// Quantities that follow from two columns, of which one is among these.
    pub(crate) fn derived_of<'g>(
        &'g self,
        measures: &'g [usize],
    ) -> impl Iterator<Item = (usize, Derived)> + 'g {
        let all = self.columns.iter().enumerate();
        all.filter_map(|(column, found)| match found.data {
            Data::Derived(derived) => Some((column, derived)),
            _ => None,
        })
        .filter(|(_, derived)| measures.iter().any(|measure| derived.is_of(*measure)))
    }

    /// Columns with names that come again.
    pub(crate) fn groups(&self) -> impl Iterator<Item = usize> + '_ {
        let rows = self.rows;
        self.of_kind(move |data| matches!(data, Data::Names { values, .. } if values.len() < rows.max(2) && values.len() <= GROUPS))
    }

    /// Columns with times.
    pub(crate) fn times(&self) -> impl Iterator<Item = usize> + '_ {
        self.of_kind(|data| matches!(data, Data::Times(_)))
    }

    /// Columns of yes and no.
    pub(crate) fn flags(&self) -> impl Iterator<Item = usize> + '_ {
        self.of_kind(|data| matches!(data, Data::Flags(_)))
    }

    fn of_kind(&self, fits: impl Fn(&Data) -> bool) -> impl Iterator<Item = usize> {
        (0..self.columns.len()).filter(move |column| fits(&self.columns[*column].data))
    }

    /// The names in a column.
    pub(crate) fn names(&self, column: usize) -> &[String] {
        match &self.columns[column].data {
            Data::Names { values, .. } => values,
            _ => &[],
        }
    }

    /// What a condition is called.
    pub(crate) fn shown(&self, pred: &Pred) -> String {
        match *pred {
            Pred::Is(column, code) => self
                .names(column)
                .get(code as usize)
                .cloned()
                .unwrap_or_default(),
            Pred::At(_, moment) => shown_moment(&moment),
            Pred::Within(_, from, to) => {
                format!("{} to {}", shown_moment(&from), shown_moment(&to))
            }
            Pred::Flag(column, flag) => format!(
                "{} = {}",
                self.columns[column].name,
                if flag { "yes" } else { "no" }
            ),
            Pred::More(one, other) => {
                format!("{} > {}", self.columns[one].name, self.columns[other].name)
            }
            Pred::Side(column, side, limit) => {
                let sign = match side {
                    Side::Above => ">",
                    Side::AtLeast => ">=",
                    Side::Below => "<",
                    Side::AtMost => "<=",
                };
                format!("{} {sign} {}", self.columns[column].name, limit.value())
            }
        }
    }
}

fn shown_moment(moment: &Moment) -> String {
    let mut parts = Vec::new();
    if let Some(year) = moment.year {
        parts.push(year.to_string());
    }
    match (moment.month, moment.quarter) {
        (Some(month), _) => parts.push(format!("{month:02}")),
        (None, Some(quarter)) => parts.push(format!("Q{quarter}")),
        (None, None) => {}
    }
    if let Some(day) = moment.day {
        parts.push(format!("{day:02}"));
    }
    let mut shown = parts.join("-");
    if let Some(day) = moment.weekday.filter(|_| moment.day.is_none()) {
        shown.push_str(&format!("weekday {day}"));
    }
    if let Some(minute) = moment.minute {
        shown.push_str(&format!(" {:02}:{:02}", minute / 60, minute % 60));
    }
    shown
}

impl GridColumn {
    fn new(column: &Column) -> Self {
        let unit = Unit::of_column(&column.name, column.unit.as_deref());
        let spaced = spaced(&column.name);
        let words = folded(&spaced);
        let (mut stems, mut concepts) = (HashSet::new(), HashSet::new());
        for lexicon in lexicons() {
            for word in words
                .iter()
                .filter(|word| word.text.len() > 1 && !lexicon.is_stop(&word.text))
            {
                stems.insert(lexicon.stem(&word.text));
            }
            for found in lexicon.tags(&words) {
                if let Tag::Concept(concept) = found.tag {
                    concepts.insert(concept);
                }
            }
        }
        // The unit is no part of what is measured.
        for short in [
            "eur", "usd", "gbp", "chf", "pct", "percent", "kg", "km", "kwh", "min",
        ] {
            stems.remove(short);
        }
        for concept in unit.iter().filter_map(|unit| measured(&unit.kind)) {
            concepts.insert(concept);
        }
        let data = match &column.cells {
            Cells::Numbers(cells) => {
                let flags = cells
                    .iter()
                    .flatten()
                    .all(|value| *value == 0.0 || *value == 1.0)
                    && cells.iter().flatten().any(|value| *value == 0.0);
                if flags {
                    Data::Flags(
                        cells
                            .iter()
                            .map(|cell| cell.map(|value| value == 1.0))
                            .collect(),
                    )
                } else {
                    Data::Numbers(cells.iter().map(|cell| cell.unwrap_or(f64::NAN)).collect())
                }
            }
            Cells::Dates(cells) => Data::Times(
                cells
                    .iter()
                    .map(|cell| cell.as_deref().and_then(Moment::iso))
                    .collect(),
            ),
            Cells::Texts(cells) => flags(cells).unwrap_or_else(|| coded(cells)),
        };
        let numbered = match &data {
            Data::Names { values, .. } => numbered(values),
            _ => None,
        };
        Self {
            name: column.name.clone(),
            stems,
            concepts,
            unit,
            data,
            numbered,
        }
    }
}

/// Columns that are called by months or years above which they are one column of times and one of figures.
const SPREAD: usize = 3;

/// A table whose times stand side by side, as one in which they stand one below the other.
fn long(table: &Columns) -> Cow<'_, Columns> {
    fn time(column: &Column) -> Option<(String, &Vec<Option<f64>>)> {
        let Cells::Numbers(cells) = &column.cells else {
            return None;
        };
        Some((Moment::of_name(&column.name)?, cells))
    }
    let spread: Vec<(String, &Vec<Option<f64>>)> = table.columns.iter().filter_map(time).collect();
    if spread.len() <= SPREAD || table.rows.saturating_mul(spread.len()) > LONG {
        return Cow::Borrowed(table);
    }
    fn again<T: Clone>(cells: &[T], times: usize) -> Vec<T> {
        cells
            .iter()
            .flat_map(|cell| std::iter::repeat_n(cell.clone(), times))
            .collect()
    }
    let many = spread.len();
    let rows = 0..table.rows;
    let kept = table.columns.iter().filter(|column| time(column).is_none());
    let mut columns: Vec<Column> = kept
        .map(|column| Column {
            name: column.name.clone(),
            unit: column.unit.clone(),
            cells: match &column.cells {
                Cells::Numbers(cells) => Cells::Numbers(again(cells, many)),
                Cells::Texts(cells) => Cells::Texts(again(cells, many)),
                Cells::Dates(cells) => Cells::Dates(again(cells, many)),
            },
        })
        .collect();
    let name = table.name.rsplit(['/', '\\']).next().unwrap_or(&table.name);
    let name = name.split('.').next().unwrap_or(name);
    let column = |name: &str, cells: Cells| Column {
        name: name.to_owned(),
        unit: None,
        cells,
    };
    let times = rows
        .clone()
        .flat_map(|_| spread.iter().map(|(time, _)| Some(time.clone())));
    columns.push(column("month", Cells::Dates(times.collect())));
    let figures = rows.flat_map(|row| {
        spread
            .iter()
            .map(move |(_, cells)| cells.get(row).copied().flatten())
    });
    columns.push(column(name, Cells::Numbers(figures.collect())));
    Cow::Owned(Columns {
        name: table.name.clone(),
        rows: table.rows * many,
        columns,
    })
}

fn spaced(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 8);
    let mut lower = false;
    for c in name.chars() {
        if c.is_uppercase() && lower {
            out.push(' ');
        }
        lower = c.is_lowercase();
        out.push(if c == '_' { ' ' } else { c });
    }
    out
}

/// The head that all of these names have before a number, with the names.
fn numbered(values: &[String]) -> Option<(String, HashSet<String>)> {
    let head = |value: &str| value.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let first = values.first()?;
    let common = &first[..head(first)];
    let alike = values.iter().all(|value| {
        let own = head(value);
        own < value.len() && value[..own] == *common
    });
    let lettered = common.chars().any(char::is_alphabetic) && !common.contains(' ');
    (alike && lettered && values.len() > 2)
        .then(|| (common.to_owned(), values.iter().cloned().collect()))
}

/// The concept that a unit stands for, by the words that every language has for it.
fn measured(kind: &UnitKind) -> Option<u32> {
    let word = match kind {
        UnitKind::Celsius | UnitKind::Fahrenheit => "temperature",
        UnitKind::Time => "duration",
        UnitKind::Mass => "weight",
        UnitKind::Length => "distance",
        UnitKind::Energy => "energy",
        _ => return None,
    };
    let words = folded(word);
    lexicons()
        .first()?
        .tags(&words)
        .into_iter()
        .find_map(|found| match found.tag {
            Tag::Concept(concept) => Some(concept),
            _ => None,
        })
}

fn flags(cells: &[Option<String>]) -> Option<Data> {
    let read = |cell: &str| match fold(cell.trim()).as_str() {
        "yes" | "true" | "ja" | "oui" | "si" | "y" | "wahr" | "1" => Some(true),
        "no" | "false" | "nein" | "non" | "n" | "falsch" | "0" => Some(false),
        _ => None,
    };
    let mut seen = [false, false];
    let mut out = Vec::with_capacity(cells.len());
    for cell in cells {
        let flag = match cell {
            Some(cell) => Some(read(cell)?),
            None => None,
        };
        if let Some(flag) = flag {
            seen[usize::from(flag)] = true;
        }
        out.push(flag);
    }
    (seen == [true, true]).then_some(Data::Flags(out))
}

fn coded(cells: &[Option<String>]) -> Data {
    let mut values: Vec<String> = Vec::new();
    let mut known: HashMap<&str, u32> = HashMap::new();
    let mut codes = Vec::with_capacity(cells.len());
    for cell in cells {
        let Some(cell) = cell.as_deref().map(str::trim) else {
            codes.push(u32::MAX);
            continue;
        };
        let next = u32::try_from(values.len()).unwrap_or(u32::MAX);
        let code = *known.entry(cell).or_insert_with(|| {
            values.push(cell.to_owned());
            next
        });
        codes.push(code);
    }
    Data::Names { values, codes }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        let text = |cells: &[&str]| {
            Cells::Texts(cells.iter().map(|cell| Some((*cell).to_owned())).collect())
        };
        let column = |name: &str, cells: Cells| Column {
            name: name.to_owned(),
            unit: None,
            cells,
        };
        Grid::new(&Columns {
            name: "t.csv".to_owned(),
            rows: 4,
            columns: vec![
                column("sensor", text(&["a", "b", "a", "b"])),
                column(
                    "temp_c",
                    Cells::Numbers(vec![Some(1.0), Some(2.0), None, Some(6.0)]),
                ),
                column(
                    "day",
                    Cells::Dates(
                        ["2025-01-02", "2025-01-03", "2025-02-02", "2025-02-03"]
                            .map(|day| Some(day.to_owned()))
                            .to_vec(),
                    ),
                ),
                column("open", text(&["yes", "no", "no", "yes"])),
            ],
        })
    }

    #[test]
    fn a_table_answers_by_name_time_side_and_flag() {
        let grid = grid();
        let month = Moment {
            month: Some(2),
            ..Moment::default()
        };
        let rows: [(&[Pred], &[u32]); 6] = [
            (&[], &[0, 1, 2, 3]),
            (&[Pred::Is(0, 1)], &[1, 3]),
            (&[Pred::At(2, month)], &[2, 3]),
            (&[Pred::Flag(3, true)], &[0, 3]),
            (&[Pred::Side(1, Side::Above, Limit::of(1.5))], &[1, 3]),
            (&[Pred::Is(0, 0), Pred::Flag(3, false)], &[2]),
        ];
        for (preds, wanted) in rows {
            assert_eq!(grid.rows_of(preds).as_slice(), wanted);
        }
        let figures = grid.figures(&[], 1).unwrap();
        assert_eq!(
            (figures.count, figures.total, figures.mean, figures.median),
            (3, 9.0, 3.0, 2.0)
        );
        assert_eq!(
            grid.figures(&[Pred::Is(0, 0), Pred::Flag(3, false)], 1),
            None
        );
        assert_eq!(grid.groups().collect::<Vec<_>>(), [0]);
        assert_eq!(grid.flags().collect::<Vec<_>>(), [3]);
        assert_eq!(grid.spans(&[0, 1, 2, 3], 2), [4, 2, 1, 1]);
    }
}
