//! A table as the judge asks it: rows by name and time, figures over them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use aios_work::Columns;
use parking_lot::Mutex;

use crate::column::{Data, GridColumn, derived, long, once};
use crate::derived::Derived;
use crate::moment::Moment;

/// Values of a column above which it names single things and no groups.
const GROUPS: usize = 400;
/// Answers of the table that are kept for the next question.
const KEPT: usize = 4_096;
/// Rows that are kept with them, 4 bytes each: 64 MB.
const KEPT_ROWS: usize = 16_000_000;
/// Rows that are looked at for all questions to a table: some seconds of a processor. A table of 100,000 rows answers thousands of questions.
const VISITS: u64 = 1_000_000_000;

/// A table with what is needed to ask it.
pub(crate) struct Grid {
    pub name: String,
    pub rows: usize,
    pub columns: Vec<GridColumn>,
    asked: Mutex<Fitting>,
    figures: Mutex<Measured>,
    counted: Mutex<HashMap<Vec<Pred>, Arc<Counted>>>,
    /// Of two columns of names, whether each name of the first has one of the second alone, as far as it was asked.
    told: Mutex<HashMap<(usize, usize), bool>>,
    /// The different times of the first column of times, once they were asked for.
    days: OnceLock<Vec<Moment>>,
    /// Rows that were looked at for all questions so far.
    visited: AtomicU64,
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

/// The rows that fit, as far as it was asked.
#[derive(Default)]
struct Fitting {
    rows: HashMap<Vec<Pred>, Arc<Vec<u32>>>,
    /// How many rows are held in all.
    held: usize,
}

/// What columns hold in the rows that fit, as far as it was asked.
type Measured = HashMap<(Vec<Pred>, usize), Option<Figures>>;

/// What rows are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Pred {
    /// This name in this column.
    Is(usize, u32),
    /// At this time.
    At(usize, Moment),
    /// From this time to that one, both among them.
    Within(usize, Moment, Moment),
    /// Yes or no; of a column of names, whether the row has one.
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
        once(&mut columns, table.rows);
        Self {
            name: table.name.clone(),
            rows: table.rows,
            columns,
            asked: Mutex::default(),
            figures: Mutex::default(),
            counted: Mutex::default(),
            told: Mutex::default(),
            days: OnceLock::new(),
            visited: AtomicU64::new(0),
        }
    }

    fn visit(&self, rows: usize) {
        self.visited.fetch_add(rows as u64, Ordering::Relaxed);
    }

    /// Whether so many rows were looked at that no more questions are answered: what is not known yet stays unknown.
    pub(crate) fn is_spent(&self) -> bool {
        self.visited.load(Ordering::Relaxed) > VISITS
    }

    /// The rows that fit all of this.
    pub(crate) fn rows_of(&self, preds: &[Pred]) -> Arc<Vec<u32>> {
        if let Some(known) = self.asked.lock().rows.get(preds) {
            return Arc::clone(known);
        }
        let found: Vec<u32> = match preds.split_last() {
            None => (0..u32::try_from(self.rows).unwrap_or(u32::MAX)).collect(),
            // The rows that fit the others are known from another question, as a rule, and few.
            Some((last, others)) => {
                let before = self.rows_of(others);
                self.visit(before.len());
                let fits = |row: &u32| self.fits(*row as usize, last);
                before.iter().copied().filter(fits).collect()
            }
        };
        let found = Arc::new(found);
        let mut asked = self.asked.lock();
        if asked.rows.len() >= KEPT || asked.held > KEPT_ROWS {
            *asked = Fitting::default();
        }
        asked.held += found.len();
        asked.rows.insert(preds.to_vec(), Arc::clone(&found));
        found
    }

    /// Which name of a column a row has.
    pub(crate) fn code(&self, row: usize, column: usize) -> Option<u32> {
        match self.data(column) {
            Some(Data::Names { codes, .. }) => codes.get(row).copied(),
            _ => None,
        }
    }

    /// Whether each name of one column stands in its rows with one name of the other alone.
    pub(crate) fn tells(&self, own: usize, theirs: usize) -> bool {
        if let Some(known) = self.told.lock().get(&(own, theirs)) {
            return *known;
        }
        self.visit(self.rows);
        let mut first: Vec<Option<Option<u32>>> = vec![None; self.names(own).len()];
        let tells = (0..self.rows).all(|row| {
            let code = self
                .code(row, own)
                .and_then(|code| usize::try_from(code).ok());
            // A row without a name is none of a name's.
            let Some(known) = code.and_then(|code| first.get_mut(code)) else {
                return true;
            };
            let other = self.code(row, theirs);
            *known.get_or_insert(other) == other
        });
        self.told.lock().insert((own, theirs), tells);
        tells
    }

    fn fits(&self, row: usize, pred: &Pred) -> bool {
        match *pred {
            Pred::Is(column, code) => match self.data(column) {
                Some(Data::Names { codes, .. }) => codes[row] == code,
                _ => false,
            },
            Pred::At(column, moment) => match self.data(column) {
                Some(Data::Times(times)) => times[row].is_some_and(|time| moment.holds(&time)),
                _ => false,
            },
            Pred::Within(column, from, to) => match self.data(column) {
                Some(Data::Times(times)) => {
                    times[row].is_some_and(|time| time.lies_between(&from, &to))
                }
                _ => false,
            },
            Pred::Flag(column, wanted) => match self.data(column) {
                Some(Data::Flags(flags)) => flags[row] == Some(wanted),
                // Of what is no flag: whether there is a name.
                Some(Data::Names { codes, .. }) => (codes[row] != u32::MAX) == wanted,
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
        match self.data(column) {
            Some(Data::Numbers(numbers)) => numbers[row],
            Some(Data::Flags(flags)) => {
                flags[row].map_or(f64::NAN, |flag| f64::from(u8::from(flag)))
            }
            Some(Data::Derived(derived)) => {
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
        if self.is_spent() {
            return None;
        }
        let rows = self.rows_of(preds);
        self.visit(rows.len());
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
        let count = values.len();
        let total: f64 = values.iter().sum();
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (below, middle, _) = values.select_nth_unstable_by(count / 2, f64::total_cmp);
        let before = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let median = if count % 2 == 1 {
            *middle
        } else {
            (before + *middle) / 2.0
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
            least,
            greatest,
        })
    }

    /// What can be counted in the rows that fit.
    pub(crate) fn counted(&self, preds: &[Pred]) -> Arc<Counted> {
        if let Some(known) = self.counted.lock().get(preds) {
            return Arc::clone(known);
        }
        let rows = self.rows_of(preds);
        self.visit(rows.len());
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

    /// The first column of times, with the different times in it in their order.
    pub(crate) fn days(&self) -> Option<(usize, &[Moment])> {
        let column = self.times().next()?;
        let days = || self.periods(column, |moment| *moment);
        Some((column, self.days.get_or_init(days)))
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

    /// Whether a column is about something.
    pub(crate) fn is_about(&self, column: usize, concept: u32) -> bool {
        let own = self.columns.get(column);
        own.is_some_and(|own| own.concepts.contains(&concept))
    }

    fn title(&self, column: usize) -> &str {
        self.columns.get(column).map_or("", |own| own.name.as_str())
    }

    /// What stands in a column; none of one that another table has and this one has not.
    pub(crate) fn data(&self, column: usize) -> Option<&Data> {
        self.columns.get(column).map(|column| &column.data)
    }

    /// The names in a column.
    pub(crate) fn names(&self, column: usize) -> &[String] {
        match self.data(column) {
            Some(Data::Names { values, .. }) => values,
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
                self.title(column),
                if flag { "yes" } else { "no" }
            ),
            Pred::More(one, other) => {
                format!("{} > {}", self.title(one), self.title(other))
            }
            Pred::Side(column, side, limit) => {
                let sign = match side {
                    Side::Above => ">",
                    Side::AtLeast => ">=",
                    Side::Below => "<",
                    Side::AtMost => "<=",
                };
                format!("{} {sign} {}", self.title(column), limit.value())
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

#[cfg(test)]
mod tests {
    use super::*;
    use aios_work::{Cells, Column};

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
