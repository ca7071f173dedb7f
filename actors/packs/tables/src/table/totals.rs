//! Rows that add other rows up: they are called so, and their values prove it.
//!
//! Such a row would be counted twice. Its label alone proves nothing (a brand may be called Total), and its value alone neither (30 is the sum
//! of 10 and 20 by chance), so both are asked for. Rows that are called so are first set aside, so that they spoil no column; then each is
//! compared with the rows above it, below it, of its group, and with all; what is none after all comes back.

use std::collections::{BTreeSet, HashMap};

use super::cells::{Cells, Characters};
use super::column::Votes;
use super::grid::{Grid, LeftOut};
use super::infer::Column;
use super::labels::{Label, Says, label};
use super::missing::is_missing;
use super::number::{Mark, Number};
use super::together;
use super::typed::Read;
use crate::note::{Note, NoteKind, Place, lines};
use crate::{ColumnKind, Error};
use aios_tools::{Check, Reserved};

/// Rows that are looked at as totals; a file with more of them has another structure.
const MOST: usize = 20_000;
/// Numeric columns whose sums are compared, and boundaries of blocks that are tried on either side.
const COMPARED: usize = 8;
const BOUNDARIES: usize = 48;
/// Different sets of columns by which groups are told apart.
const GROUPINGS: usize = 8;
/// Rows of a table whose groups are added up: each group has a key that is held.
const GROUPED: usize = 200_000;

/// The lines of rows that are called totals, or whose only label is missing where all others have one.
pub(super) fn candidates(
    grid: &Grid,
    votes: &[Votes],
    source: Characters<'_>,
    check: Check<'_>,
) -> Result<BTreeSet<u64>, Error> {
    let rows = grid.lines.len();
    let mut found = BTreeSet::new();
    let texts: Vec<&Cells> = (grid.columns.iter().zip(votes))
        .filter(|(_, votes)| votes.has_texts())
        .map(|(column, _)| column)
        .collect();
    let threads = together::threads(texts.len() * rows);
    let labelled = together::each(texts.len(), threads, check, |at, check| {
        check()?;
        let called = |text: &str| label(text).is_some();
        let column = texts.get(at);
        Ok(column.map(|column| column.rows_where(source, MOST + 1, called)))
    })?;
    for labelled in labelled.into_iter().flatten() {
        if labelled.len() <= MOST {
            found.extend(labelled);
        }
    }
    // `,45` below labelled rows: what names them stands in the first column that is no measure.
    let labels = grid
        .columns
        .iter()
        .zip(votes)
        .find(|(_, votes)| votes.filled > 0 && (votes.has_texts() || votes.dates > 0));
    if let Some((labels, votes)) = labels
        && rows > 2
        && votes.filled + 1 + found.len() as u64 >= rows as u64
        && labels.text(rows - 1, source).is_none()
    {
        found.insert(rows - 1);
    }
    if found.len() >= rows {
        return Ok(BTreeSet::new());
    }
    Ok(found
        .into_iter()
        .filter_map(|row| grid.lines.get(row))
        .collect())
}

/// What became of the rows that were set aside.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// The lines of those that are rows like any other.
    pub(super) data: BTreeSet<u64>,
    pub(super) notes: Vec<Note>,
}

/// A column of numbers that totals are compared in.
struct Summed {
    at: usize,
    mark: Mark,
    adds_up: bool,
    /// Half a unit of its last decimal.
    slack: f64,
    /// Sums and counts of the rows before each.
    sums: Vec<f64>,
    counts: Vec<u32>,
    least: f64,
    greatest: f64,
}

/// Some rows of the table: of how many, and what each column adds up to.
struct Block<'s> {
    rows: usize,
    /// Sum and count of each compared column.
    sums: &'s [(f64, u32)],
}

/// How a row compares with what it claims to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Compared {
    equal: usize,
    of: usize,
}

/// Compares each row that was set aside with the others.
pub(super) fn verify(
    left_out: &[LeftOut],
    columns: &[Column],
    rows: usize,
    source: Characters<'_>,
    place: Place,
    held: &mut Reserved,
    check: Check<'_>,
) -> Result<Verdict, Error> {
    let summed = summed(columns, rows, source, held, check)?;
    let mut groups = Groups {
        columns,
        summed: &summed,
        source,
        rows,
        known: HashMap::new(),
    };
    let mut told: Vec<(Says, u64, String)> = Vec::new();
    let mut verdict = Verdict::default();
    let mut unproven: Vec<&LeftOut> = Vec::new();
    for (at, row) in left_out.iter().enumerate() {
        check()?;
        let (text, of) = row.label();
        let values = row.values(&summed);
        // Who is called Max and pays the highest fee has a club and a birthday; a row of maxima has nothing beside its numbers.
        let bare = of.says == Says::Sum
            || row.cells.iter().enumerate().all(|(at, cell)| {
                is_missing(cell)
                    || label(cell).is_some()
                    || summed.iter().any(|column| column.at == at)
            });
        let proven = of.says != Says::Other
            && bare
            && (blocks(left_out, at, rows).any(|(from, until)| {
                let sums: Vec<(f64, u32)> = summed
                    .iter()
                    .map(|column| column.between(from, until))
                    .collect();
                holds(
                    of,
                    &values,
                    &summed,
                    &Block {
                        rows: until - from,
                        sums: &sums,
                    },
                )
            }) || groups.holds(row, of, &values));
        if proven {
            told.push((of.says, row.line, text.to_owned()));
        } else {
            unproven.push(row);
        }
    }
    // Whoever is called Max in four rows is in the fifth one too, whatever it holds.
    let named: BTreeSet<String> = unproven
        .iter()
        .map(|row| row.label().0.to_owned())
        .collect();
    let is_a_name =
        |(says, _, text): &(Says, u64, String)| !matches!(says, Says::Sum) && named.contains(text);
    let names: Vec<u64> = told
        .iter()
        .filter(|told| is_a_name(told))
        .map(|(_, line, _)| *line)
        .collect();
    told.retain(|told| !is_a_name(told));
    unproven.extend(left_out.iter().filter(|row| names.contains(&row.line)));
    let mut no_totals: Vec<(u64, &str)> = Vec::new();
    for row in unproven {
        let (text, of) = row.label();
        let last = row.before == rows;
        let values = row.values(&summed);
        match of.says {
            // A statistic among others that are proven.
            Says::Other | Says::Mean | Says::Least | Says::Greatest | Says::Count
                if last && of.exact && !told.is_empty() =>
            {
                told.push((Says::Other, row.line, text.to_owned()));
            }
            Says::Sum if of.exact && last && near(&values, &summed, rows) => {
                verdict.notes.push(
                    Note::new(
                        NoteKind::Total,
                        format!(
                            "{} says {text:?} and is left out, but its values are not the sums of the rows; the sums of the rows are used",
                            lines(&[row.line], place)
                        ),
                    )
                    .at(&[row.line]),
                );
            }
            _ => {
                verdict.data.insert(row.line);
                if of.exact {
                    no_totals.push((row.line, text));
                }
            }
        }
    }
    if let Some((_, text)) = no_totals.first() {
        let at: Vec<u64> = no_totals.iter().map(|(line, _)| *line).collect();
        let (says, are) = if at.len() == 1 {
            ("says", "is not the sum of other rows, so it is counted")
        } else {
            ("say", "are not the sums of other rows, so they are counted")
        };
        let told = format!("{} {says} {text:?} but {are} as data", lines(&at, place));
        verdict
            .notes
            .push(Note::new(NoteKind::NoTotal, told).at(&at));
    }
    verdict.notes.extend(notes(told, place));
    Ok(verdict)
}

fn notes(mut told: Vec<(Says, u64, String)>, place: Place) -> Vec<Note> {
    told.sort_by_key(|(_, line, _)| *line);
    let mut out = Vec::new();
    for sums in [true, false] {
        let of = || {
            told.iter()
                .filter(|(says, ..)| (*says == Says::Sum) == sums)
        };
        let at: Vec<u64> = of().map(|(_, line, _)| *line).collect();
        if at.is_empty() {
            continue;
        }
        let mut names: Vec<String> = of()
            .filter(|(_, _, text)| !text.is_empty())
            .map(|(_, _, text)| format!("{text:?}"))
            .collect();
        names.dedup();
        names.truncate(5);
        let many = at.len() > 1;
        let told = match (sums, many) {
            (true, false) => "adds up other rows and is left out",
            (true, true) => "add up other rows and are left out",
            (false, false) => "holds a statistic of other rows and is left out",
            (false, true) => "hold statistics of other rows and are left out",
        };
        let kind = if sums {
            NoteKind::Total
        } else {
            NoteKind::Statistic
        };
        let called = match names.join(", ") {
            called if called.is_empty() => called,
            called => format!(" ({called})"),
        };
        let told = format!("{}{called} {told}", lines(&at, place));
        out.push(Note::new(kind, told).at(&at));
    }
    out
}

impl LeftOut {
    /// The cell that calls the row a total. One without any is a total whose label is missing.
    fn label(&self) -> (&str, Label) {
        let labelled = self
            .cells
            .iter()
            .find_map(|cell| Some((cell.as_str(), label(cell)?)));
        labelled.unwrap_or((
            "",
            Label {
                says: Says::Sum,
                exact: false,
            },
        ))
    }

    /// Its values in the compared columns, with half a unit of their last decimal.
    fn values(&self, summed: &[Summed]) -> Vec<Option<(f64, f64)>> {
        let value = |column: &Summed| {
            // A mean of whole numbers need not be whole.
            let number = Number::of(self.cells.get(column.at)?, column.mark)?;
            Some((number.real(), slack(number.decimals)))
        };
        summed.iter().map(value).collect()
    }
}

fn summed(
    columns: &[Column],
    rows: usize,
    source: Characters<'_>,
    held: &mut Reserved,
    check: Check<'_>,
) -> Result<Vec<Summed>, Error> {
    let mut numeric: Vec<usize> = (0..columns.len())
        .filter(|at| {
            columns.get(*at).is_some_and(|column| {
                column.typed.mark().is_some() && column.profile.kind == ColumnKind::Number
            })
        })
        .collect();
    numeric.sort_by_key(|at| {
        columns
            .get(*at)
            .is_none_or(|column| !column.profile.adds_up)
    });
    numeric.truncate(COMPARED);
    let mut out = Vec::with_capacity(numeric.len());
    for at in numeric {
        let Some((column, mark)) = columns
            .get(at)
            .and_then(|column| Some((column, column.typed.mark()?)))
        else {
            continue;
        };
        held.grow(((rows + 1) * (size_of::<f64>() + size_of::<u32>())) as u64)?;
        let (mut sums, mut counts) = (Vec::with_capacity(rows + 1), Vec::with_capacity(rows + 1));
        let (mut sum, mut count) = (0.0, 0_u32);
        let (mut least, mut greatest) = (f64::INFINITY, f64::NEG_INFINITY);
        sums.push(sum);
        counts.push(count);
        for row in 0..rows {
            if row % super::CHECK_EVERY == 0 {
                check()?;
            }
            if let Some(value) = number(column.read(row, source)) {
                sum += value;
                count += 1;
                least = least.min(value);
                greatest = greatest.max(value);
            }
            sums.push(sum);
            counts.push(count);
        }
        out.push(Summed {
            at,
            mark,
            adds_up: column.profile.adds_up,
            slack: slack(column.profile.decimals.unwrap_or(0)),
            sums,
            counts,
            least,
            greatest,
        });
    }
    Ok(out)
}

/// Half a unit of the last of so many decimals, and a little more for the double it is held in.
fn slack(decimals: u32) -> f64 {
    0.51 * 10_f64.powi(-i32::try_from(decimals.min(12)).unwrap_or(12))
}

fn number(read: Option<Read<'_>>) -> Option<f64> {
    match read? {
        Read::Integer(number) => Some(number as f64),
        Read::Real(number) => Some(number),
        Read::Text(_) => None,
    }
}

impl Summed {
    fn between(&self, from: usize, until: usize) -> (f64, u32) {
        let sum = |at: usize| self.sums.get(at).copied().unwrap_or_default();
        let count = |at: usize| self.counts.get(at).copied().unwrap_or_default();
        (
            sum(until) - sum(from),
            count(until).saturating_sub(count(from)),
        )
    }
}

/// The runs of rows that a total at this place may add up: back to a total before it or the beginning, on to one behind it or the end, all.
fn blocks(left_out: &[LeftOut], at: usize, rows: usize) -> impl Iterator<Item = (usize, usize)> {
    let here = left_out.get(at).map_or(0, |row| row.before);
    let before: BTreeSet<usize> = left_out
        .iter()
        .take(at)
        .rev()
        .take(BOUNDARIES)
        .map(|row| row.before)
        .chain([0])
        .collect();
    let behind: BTreeSet<usize> = left_out
        .iter()
        .skip(at + 1)
        .take(BOUNDARIES)
        .map(|row| row.before)
        .chain([rows])
        .collect();
    let above = before.into_iter().rev().map(move |from| (from, here));
    let below = behind.into_iter().map(move |until| (here, until));
    above
        .chain(below)
        .chain([(0, rows)])
        .filter(|(from, until)| from < until)
}

/// Whether the values are what the label says, of these rows.
fn holds(of: Label, values: &[Option<(f64, f64)>], summed: &[Summed], block: &Block<'_>) -> bool {
    if block.rows == 0 {
        return false;
    }
    let additive = summed
        .iter()
        .zip(values)
        .any(|(column, value)| column.adds_up && value.is_some());
    let mut compared = Compared::default();
    for ((column, value), (sum, count)) in summed.iter().zip(values).zip(block.sums) {
        let Some((value, rounded)) = value else {
            continue;
        };
        let expected = match of.says {
            // What does not add up may stand there as a mean; it says nothing.
            Says::Sum if additive && !column.adds_up => continue,
            Says::Sum => *sum,
            Says::Mean if *count > 0 => *sum / f64::from(*count),
            Says::Least => column.least,
            Says::Greatest => column.greatest,
            Says::Count => f64::from(*count),
            Says::Mean | Says::Other => continue,
        };
        let slack = column.slack.max(*rounded).max(1e-9 * expected.abs());
        compared.of += 1;
        compared.equal += usize::from((value - expected).abs() <= slack);
    }
    compared.equal > 0 && compared.equal * 2 >= compared.of
}

/// Whether a last row that says it is the total is at least about as large.
fn near(values: &[Option<(f64, f64)>], summed: &[Summed], rows: usize) -> bool {
    let mut additive = summed
        .iter()
        .zip(values)
        .filter(|(column, value)| column.adds_up && value.is_some())
        .peekable();
    if additive.peek().is_none() {
        return true;
    }
    additive.any(|(column, value)| {
        let (sum, _) = column.between(0, rows);
        value.is_some_and(|(value, _)| (0.5..=2.0).contains(&(value / sum)))
    })
}

/// Sums of groups: the rows that agree with a total in its other labels (`2024-01, Total, 30` is of January).
struct Groups<'a> {
    columns: &'a [Column],
    summed: &'a [Summed],
    source: Characters<'a>,
    rows: usize,
    known: HashMap<Vec<usize>, HashMap<String, Group>>,
}

/// How many rows a group has, and of each column the sum and the count of its values.
type Group = (usize, Vec<(f64, u32)>);

impl Groups<'_> {
    fn holds(&mut self, row: &LeftOut, of: Label, values: &[Option<(f64, f64)>]) -> bool {
        let by: Vec<usize> = (0..self.columns.len())
            .filter(|at| {
                let numeric = self.summed.iter().any(|column| column.at == *at);
                let cell = row.cells.get(*at).map_or("", String::as_str);
                !numeric && !is_missing(cell) && label(cell).is_none()
            })
            .collect();
        if by.is_empty()
            || self.rows > GROUPED
            || (self.known.len() >= GROUPINGS && !self.known.contains_key(&by))
        {
            return false;
        }
        if !self.known.contains_key(&by) {
            let groups = self.group(&by);
            self.known.insert(by.clone(), groups);
        }
        let key: Vec<&str> = by
            .iter()
            .map(|at| row.cells.get(*at).map_or("", String::as_str))
            .collect();
        let group = self
            .known
            .get(&by)
            .and_then(|groups| groups.get(&key.join("\u{1f}")));
        group.is_some_and(|(rows, sums)| {
            holds(of, values, self.summed, &Block { rows: *rows, sums })
        })
    }

    fn group(&self, by: &[usize]) -> HashMap<String, Group> {
        let mut groups: HashMap<String, Group> = HashMap::new();
        for row in 0..self.rows {
            let cell = |at: &usize| {
                let column = self.columns.get(*at)?;
                column.cells.text(row, self.source)
            };
            let key: Vec<&str> = by.iter().map(|at| cell(at).unwrap_or_default()).collect();
            let group = groups
                .entry(key.join("\u{1f}"))
                .or_insert_with(|| (0, vec![(0.0, 0); self.summed.len()]));
            group.0 += 1;
            for (sum, column) in group.1.iter_mut().zip(self.summed) {
                let (value, count) = column.between(row, row + 1);
                sum.0 += value;
                sum.1 += count;
            }
        }
        groups
    }
}
