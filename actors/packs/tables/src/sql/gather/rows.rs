//! What is gathered of a table's rows: groups, and in each how many and how much.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};

use aios_work::Value;

use super::conditions::{Asks, Test, made, test, unfit};
use super::select::{Compared, Figure, Fold, Formula, Selection, Taken};
use crate::Error;
use crate::sql::database::sql_type;
use crate::sql::exact::Sum;
use crate::table::together::{each, threads};
use crate::table::{Column, Keyed, Read, Table};
use aios_tools::Reserved;

/// Groups that are told apart.
const GROUPS: usize = 1 << 16;
/// Marks of values that groups have, of all groups together.
const MARKS: usize = 1 << 26;
/// What a date that is the least or the greatest takes beside its place.
const END: usize = 32;
/// Rows that are looked at in one go.
const ROWS: usize = 8_192;

/// Groups with their labels and figures, in the order of their labels.
pub(super) struct Groups {
    pub(super) rows: Vec<Group>,
    /// The type of each label, as SQLite compares it.
    pub(super) types: Vec<&'static str>,
    /// Figures of each.
    pub(super) figures: usize,
    /// What they take, set aside as long as they are held.
    _held: Option<Reserved>,
}

/// The labels of a group, and its figures.
type Group = (Vec<Option<Value>>, Vec<Option<Value>>);

/// Gathers what is selected. None where it would have to be told apart by what is different in most rows.
pub(super) fn gather(
    table: &Table,
    selection: &Selection,
    asks: &Asks<'_>,
) -> Result<Option<Groups>, Error> {
    let all = |held: &[Formula]| -> Result<Option<Vec<Test<'_>>>, Error> {
        held.iter()
            .map(|one| test(table, one, asks))
            .collect::<Result<Option<Vec<_>>, _>>()
    };
    let Some(held) = all(&selection.held)? else {
        return Ok(None);
    };
    let (mut labels, mut types) = (Vec::new(), Vec::new());
    for label in &selection.labels {
        let Some(column) = label.column.and_then(|at| table.columns.get(at)) else {
            return Ok(None);
        };
        if column.cells.coded().is_none() {
            return Ok(None);
        }
        types.push(match label.compared {
            Compared::Bare => "",
            Compared::Column => sql_type(column),
            Compared::Cast(kind) => kind,
        });
        let made = made(table, label, true, asks)?;
        let Some(label) = made.and_then(|made| Labels::of(column, made)) else {
            return Ok(None);
        };
        labels.push(label);
    }
    let count = labels.iter().try_fold(1_usize, |all, label| {
        all.checked_mul(label.values.len())
            .filter(|all| *all <= GROUPS)
    });
    let Some(count) = count else {
        return Ok(None);
    };
    let mut figures = Vec::new();
    for figure in &selection.figures {
        let Some(held) = all(&figure.held)? else {
            return Ok(None);
        };
        let Some(source) = Source::of(table, figure, count) else {
            return Ok(None);
        };
        figures.push((figure.fold, source, held));
    }
    let rows = table.lines.len();
    let key = Keyed::new();
    let most = threads(rows * (1 + labels.len() + figures.len()));
    // What the threads gather, and what comes of it at the end.
    let told = count * (labels.len() + 2 * figures.len()) * size_of::<Option<Value>>()
        + count * size_of::<Group>();
    let part = Part::bytes(count, &figures);
    let mut room = table.room();
    let mut fits = |threads: usize| {
        let bytes = (part * threads + told) as u64;
        room.as_mut().is_none_or(|room| room.grow(bytes).is_ok())
    };
    let Some(threads) = [most, 1].into_iter().find(|threads| fits(*threads)) else {
        return Ok(None);
    };
    let share = rows.div_ceil(threads).next_multiple_of(ROWS);
    let parts = each(
        rows.div_ceil(share),
        threads,
        &|| asks.call.check(),
        |at, check| {
            let until = ((at + 1) * share).min(rows);
            let mut part = Part::new(count, &figures, key, table);
            let mut from = at * share;
            while from < until {
                check()?;
                let to = (from + ROWS).min(until);
                part.see(from..to, &held, &labels, &figures, table)?;
                from = to;
            }
            Ok(part)
        },
    )?;
    let mut parts = parts.into_iter();
    let Some(mut whole) = parts.next() else {
        return Ok(None);
    };
    for part in parts {
        whole.join(part)?;
    }
    let rows = whole.told(selection, &labels, &figures, table)?;
    if let Some(room) = &mut room {
        room.shrink((part * threads) as u64);
    }
    Ok(Some(Groups {
        rows,
        types,
        figures: figures.len(),
        _held: room,
    }))
}

/// The different labels of a column, and which of them each code has.
struct Labels<'t> {
    column: &'t Column,
    values: Vec<Option<Value>>,
    /// By code; the last one is of a missing cell.
    of: Vec<usize>,
}

impl<'t> Labels<'t> {
    /// None where a label is no text and no whole number: what is equal to what is SQLite's to say.
    fn of(column: &'t Column, made: Vec<Option<Value>>) -> Option<Self> {
        let mut values: Vec<Option<Value>> = Vec::new();
        let mut known: HashMap<Option<Label>, usize> = HashMap::new();
        let mut of = Vec::with_capacity(made.len());
        for value in made {
            let label = match &value {
                None => None,
                Some(Value::Text(text)) => Some(Label::Text(text.clone())),
                Some(Value::Integer(number)) => Some(Label::Integer(*number)),
                Some(_) => return None,
            };
            let at = *known.entry(label).or_insert(values.len());
            if at == values.len() {
                values.push(value);
            }
            of.push(at);
        }
        Some(Self { column, values, of })
    }
}

#[derive(PartialEq, Eq, Hash)]
enum Label {
    Integer(i64),
    Text(String),
}

/// Where a figure's values come from.
enum Source<'t> {
    One,
    /// Each different value once, and which one each code has; the last one of a missing cell.
    Coded(&'t Column, Vec<Option<Read<'t>>>, Vec<usize>),
    Cells(&'t Column),
}

impl<'t> Source<'t> {
    fn of(table: &'t Table, figure: &Figure, groups: usize) -> Option<Self> {
        let Taken::Column(at) = figure.of else {
            return (figure.fold != Fold::Distinct).then_some(Self::One);
        };
        let column = table.columns.get(at)?;
        let adds = matches!(figure.fold, Fold::Sum | Fold::Mean);
        if adds && !column.typed.is_number() {
            return None;
        }
        if column.cells.coded().is_none() {
            return Some(Self::Cells(column));
        }
        let source = table.source.characters();
        let (mut values, mut of) = (Vec::new(), Vec::new());
        let mut known: HashMap<Option<(bool, String)>, usize> = HashMap::new();
        let cells = column.cells.different(source);
        for value in cells.map(|cell| column.typed.read(cell.text)).chain([None]) {
            let key = value.as_ref().map(|value| match value {
                Read::Text(text) => (true, text.to_string()),
                Read::Integer(number) => (false, number.to_string()),
                Read::Real(number) => (false, number.to_bits().to_string()),
            });
            let at = *known.entry(key).or_insert(values.len());
            if at == values.len() {
                values.push(value);
            }
            of.push(at);
        }
        let marks = values.len().checked_mul(groups)?;
        (figure.fold != Fold::Distinct || marks <= MARKS).then_some(Self::Coded(column, values, of))
    }
}

/// What is made of which values, of which of the rows that are meant.
type Asked<'t> = (Fold, Source<'t>, Vec<Test<'t>>);

/// Takes a value where it is further towards the end that is asked for.
fn further<'t>(end: &mut Option<Read<'t>>, value: &Read<'t>, fold: Fold) {
    let wanted = match fold {
        Fold::Least => Ordering::Less,
        _ => Ordering::Greater,
    };
    if end.as_ref().is_none_or(|end| value.order(end) == wanted) {
        *end = Some(value.clone());
    }
}

/// What was gathered of some rows: by group, figure by figure.
struct Part<'t> {
    /// How many rows each group has.
    rows: Vec<u64>,
    figures: Vec<Gathered<'t>>,
    key: Keyed,
    held: Vec<Reserved>,
}

enum Gathered<'t> {
    Count(Vec<u64>),
    Sum(Vec<Sum>),
    /// The least or greatest value.
    End(Fold, Vec<Option<Read<'t>>>),
    /// Which values each group has.
    Marks(Vec<bool>),
    /// Group, hash and row of each cell with a value.
    Cells(Vec<(u32, u64, u32)>),
}

impl<'t> Part<'t> {
    /// Bytes that a new one takes.
    fn bytes(groups: usize, figures: &[Asked<'t>]) -> usize {
        let of = |(fold, source, _): &Asked<'t>| match (fold, source) {
            (Fold::Count, _) => size_of::<u64>(),
            (Fold::Sum | Fold::Mean, _) => size_of::<Sum>(),
            (Fold::Least | Fold::Greatest, _) => size_of::<Option<Read<'t>>>() + END,
            (Fold::Distinct, Source::Coded(_, values, _)) => values.len(),
            (Fold::Distinct, Source::Cells(_) | Source::One) => 0,
        };
        groups * (size_of::<u64>() + figures.iter().map(of).sum::<usize>())
    }

    fn new(groups: usize, figures: &[Asked<'t>], key: Keyed, table: &Table) -> Self {
        let of = |(fold, source, _): &Asked<'t>| match (fold, source) {
            (Fold::Count, _) => Gathered::Count(vec![0; groups]),
            (Fold::Sum | Fold::Mean, _) => Gathered::Sum(vec![Sum::default(); groups]),
            (Fold::Least | Fold::Greatest, _) => Gathered::End(*fold, vec![None; groups]),
            (Fold::Distinct, Source::Coded(_, values, _)) => {
                Gathered::Marks(vec![false; groups * values.len()])
            }
            (Fold::Distinct, Source::Cells(_) | Source::One) => Gathered::Cells(Vec::new()),
        };
        Self {
            rows: vec![0; groups],
            figures: figures.iter().map(of).collect(),
            key,
            held: table.room().into_iter().collect(),
        }
    }

    fn see(
        &mut self,
        rows: std::ops::Range<usize>,
        held: &[Test<'t>],
        labels: &[Labels<'t>],
        figures: &[Asked<'t>],
        table: &'t Table,
    ) -> Result<(), Error> {
        let source = table.source.characters();
        // The group of each row that is meant.
        let mut meant: Vec<(usize, usize)> = Vec::with_capacity(rows.len());
        'rows: for row in rows {
            for test in held {
                if !test.holds(row, table)? {
                    continue 'rows;
                }
            }
            let group = labels.iter().fold(0, |all, label| {
                let code = label.column.cells.code(row).unwrap_or(label.of.len() - 1);
                all * label.values.len() + label.of.get(code).copied().unwrap_or(0)
            });
            meant.push((row, group));
        }
        for (_, group) in &meant {
            if let Some(rows) = self.rows.get_mut(*group) {
                *rows += 1;
            }
        }
        let one = Read::Integer(1);
        for ((_, from, held), gathered) in figures.iter().zip(&mut self.figures) {
            'meant: for (row, group) in &meant {
                for test in held {
                    if !test.holds(*row, table)? {
                        continue 'meant;
                    }
                }
                let own;
                let mut place = 0;
                let value: Option<&Read<'t>> = match from {
                    Source::One => Some(&one),
                    Source::Coded(column, values, of) => {
                        let code = column.cells.code(*row).unwrap_or(of.len() - 1);
                        place = of.get(code).copied().unwrap_or(0);
                        values.get(place).and_then(Option::as_ref)
                    }
                    Source::Cells(column) => {
                        own = column.read(*row, source);
                        own.as_ref()
                    }
                };
                let Some(value) = value else {
                    continue;
                };
                match gathered {
                    Gathered::Count(all) => {
                        if let Some(count) = all.get_mut(*group) {
                            *count += 1;
                        }
                    }
                    Gathered::Sum(all) => {
                        if let Some(sum) = all.get_mut(*group) {
                            let before = sum.room();
                            sum.add(value);
                            let more = sum.room() - before;
                            if let (1.., Some(held)) = (more, self.held.first_mut()) {
                                held.grow(more)?;
                            }
                        }
                    }
                    Gathered::End(fold, all) => {
                        if let Some(end) = all.get_mut(*group) {
                            further(end, value, *fold);
                        }
                    }
                    Gathered::Marks(all) => {
                        let Source::Coded(_, values, _) = from else {
                            continue;
                        };
                        if let Some(mark) = all.get_mut(group * values.len() + place) {
                            *mark = true;
                        }
                    }
                    Gathered::Cells(all) => {
                        let hash = match value {
                            Read::Integer(number) => *number as u64,
                            Read::Real(number) => number.to_bits(),
                            Read::Text(text) => self.key.of(text),
                        };
                        let cell = (*group as u32, hash, *row as u32);
                        match self.held.first_mut() {
                            Some(held) => held.push(all, cell)?,
                            None => all.push(cell),
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes another part in, of later rows.
    fn join(&mut self, other: Self) -> Result<(), Error> {
        for (own, count) in self.rows.iter_mut().zip(other.rows) {
            *own += count;
        }
        for (own, other) in self.figures.iter_mut().zip(other.figures) {
            match (own, other) {
                (Gathered::Count(own), Gathered::Count(other)) => {
                    own.iter_mut()
                        .zip(other)
                        .for_each(|(own, other)| *own += other);
                }
                (Gathered::Sum(own), Gathered::Sum(other)) => {
                    own.iter_mut()
                        .zip(&other)
                        .for_each(|(own, other)| own.join(other));
                }
                (Gathered::End(fold, own), Gathered::End(_, other)) => {
                    for (own, other) in own.iter_mut().zip(&other) {
                        if let Some(other) = other {
                            further(own, other, *fold);
                        }
                    }
                }
                (Gathered::Marks(own), Gathered::Marks(other)) => {
                    own.iter_mut()
                        .zip(other)
                        .for_each(|(own, other)| *own |= other);
                }
                (Gathered::Cells(own), Gathered::Cells(other)) => own.extend(other),
                _ => {}
            }
        }
        self.held.extend(other.held);
        Ok(())
    }

    /// The groups that have rows, or the only one there is; in the order of their labels, as SQLite has them.
    fn told(
        self,
        selection: &Selection,
        labels: &[Labels<'_>],
        figures: &[Asked<'t>],
        table: &Table,
    ) -> Result<Vec<Group>, Error> {
        let groups = self.rows.len();
        let mut columns: Vec<Vec<Option<Value>>> = Vec::with_capacity(figures.len());
        for ((fold, source, _), gathered) in figures.iter().zip(self.figures) {
            let whole = |count: usize| Some(Value::Integer(count as i64));
            columns.push(match gathered {
                Gathered::Count(all) => all.into_iter().map(|all| whole(all as usize)).collect(),
                Gathered::Sum(all) => all
                    .iter()
                    .map(|sum| sum.value(*fold == Fold::Mean).ok_or_else(unfit))
                    .collect::<Result<_, _>>()?,
                Gathered::End(_, all) => all
                    .into_iter()
                    .map(|end| end.map(Read::into_value))
                    .collect(),
                Gathered::Marks(all) => all
                    .chunks(all.len() / groups.max(1))
                    .map(|marks| whole(marks.iter().filter(|mark| **mark).count()))
                    .collect(),
                Gathered::Cells(cells) => {
                    let Source::Cells(column) = source else {
                        return Err(unfit());
                    };
                    let mut counts = vec![0; groups];
                    for (group, count) in different(cells, column, table) {
                        if let Some(all) = counts.get_mut(group) {
                            *all = count;
                        }
                    }
                    counts.into_iter().map(whole).collect()
                }
            });
        }
        let mut rows: Vec<Group> = Vec::new();
        for (group, count) in self.rows.iter().enumerate() {
            if selection.grouped && *count == 0 {
                continue;
            }
            let mut left = group;
            let mut named: Vec<Option<Value>> = labels
                .iter()
                .rev()
                .map(|label| {
                    let at = left % label.values.len();
                    left /= label.values.len();
                    label.values.get(at).cloned().flatten()
                })
                .collect();
            named.reverse();
            let figures = columns.iter().map(|all| all.get(group).cloned().flatten());
            rows.push((named, figures.collect()));
        }
        rows.sort_by(|(one, _), (other, _)| {
            let all = one
                .iter()
                .zip(other)
                .map(|(one, other)| by_label(one, other));
            all.fold(Ordering::Equal, Ordering::then)
        });
        Ok(rows)
    }
}

/// How many different values each group has.
fn different(
    mut cells: Vec<(u32, u64, u32)>,
    column: &Column,
    table: &Table,
) -> Vec<(usize, usize)> {
    cells.sort_unstable();
    let source = table.source.characters();
    let mut out: Vec<(usize, usize)> = Vec::new();
    for alike in cells.chunk_by(|one, other| (one.0, one.1) == (other.0, other.1)) {
        let Some((group, _, first)) = alike.first() else {
            continue;
        };
        let value = column.read(*first as usize, source);
        // Two texts may have one hash.
        let same = alike
            .iter()
            .all(|(_, _, row)| column.read(*row as usize, source) == value);
        let count = if same {
            1
        } else {
            let texts = alike
                .iter()
                .map(|(_, _, row)| column.read(*row as usize, source));
            let texts: BTreeSet<String> = texts.map(|text| format!("{text:?}")).collect();
            texts.len()
        };
        match out.last_mut() {
            Some((last, all)) if *last == *group as usize => *all += count,
            _ => out.push((*group as usize, count)),
        }
    }
    out
}

/// What is missing comes first, then numbers, then texts.
fn by_label(one: &Option<Value>, other: &Option<Value>) -> Ordering {
    let rank = |value: &Option<Value>| match value {
        None => 0,
        Some(Value::Text(_)) => 2,
        Some(_) => 1,
    };
    match (one, other) {
        (Some(Value::Integer(one)), Some(Value::Integer(other))) => one.cmp(other),
        (Some(Value::Text(one)), Some(Value::Text(other))) => one.cmp(other),
        _ => rank(one).cmp(&rank(other)),
    }
}
