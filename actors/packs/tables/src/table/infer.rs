//! Decides what a column is and how its cells are read for good.
//!
//! A column may have as many different cells as rows, so nothing is kept per cell: each question walks over the cells again.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};

use super::CHECK_EVERY;
use super::cells::{Cells, Characters, Different};
use super::column::{BadCell, Hints, Misfits, Shape, Votes, carries};
use super::date::{DateReading, Layout};
use super::day_order::Numeric;
use super::names;
use super::number::{Mark, Number};
use super::typed::{Read, Typed};
use aios_work::Value;

use crate::{ColumnKind, ColumnProfile, Error};
use aios_tools::{Check, Reserved};

/// A column as it goes into a database: its cells, and what they are.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) profile: ColumnProfile,
    pub(crate) typed: Typed,
    pub(crate) cells: Cells,
}

/// What became of a column: typed values, or the cell that spoils it.
pub(crate) enum Inferred {
    Fits {
        profile: ColumnProfile,
        typed: Typed,
    },
    Spoilt(BadCell),
}

/// A column that is asked about.
pub(crate) struct Asked<'a> {
    pub(crate) name: &'a str,
    pub(crate) cells: &'a Cells,
    pub(crate) rows: u64,
    pub(crate) source: Characters<'a>,
    pub(crate) votes: &'a Votes,
    pub(crate) hints: &'a Hints,
    pub(crate) check: Check<'a>,
}

impl<'a> Asked<'a> {
    /// Shows `see` each different cell, or each cell where they mostly differ.
    fn each(&self, mut see: impl FnMut(&Different<'a>)) -> Result<(), Error> {
        for (at, cell) in self.cells.different(self.source).enumerate() {
            if at % CHECK_EVERY == 0 {
                (self.check)()?;
            }
            see(&cell);
        }
        Ok(())
    }
}

/// Reads a column. Each assumption becomes a warning.
pub(crate) fn infer(
    asked: &Asked<'_>,
    held: &mut Reserved,
    warnings: &mut Vec<String>,
) -> Result<Inferred, Error> {
    let (name, votes) = (asked.name, asked.votes);
    let mut say = |warning: String| warnings.push(format!("column {name:?}: {warning}"));
    let shape = votes.shape(name);
    let read = match shape {
        // Years and eight-digit dates are numbers too: where one of them is no date, the others need not be.
        Shape::Dates => match dates(asked, held, &mut say)? {
            Some(Inferred::Spoilt(_)) if votes.all_numbers() => numbers(asked, held, &mut say)?,
            read => read,
        },
        Shape::Numbers => numbers(asked, held, &mut say)?,
        Shape::Texts { part } if part * 2 >= votes.filled && part > 1 => {
            say(format!(
                "{part} of {} cells are numbers or dates, the others are not; read as text",
                votes.filled
            ));
            None
        }
        Shape::Texts { .. } | Shape::Empty => None,
    };
    if let Some(read) = read {
        return Ok(read);
    }
    let mut profile = profile(asked, Typed::Text, ColumnKind::Text, held)?;
    profile.kind = text_kind(asked, shape, profile.distinct)?;
    Ok(Inferred::Fits {
        profile,
        typed: Typed::Text,
    })
}

/// What every kind of column has in common.
fn profile(
    asked: &Asked<'_>,
    typed: Typed,
    kind: ColumnKind,
    held: &mut Reserved,
) -> Result<ColumnProfile, Error> {
    // Different cells may hold the same value (`1.0` and `1.00`), so values are told apart by a number of their own: themselves, or the
    // hash of a text.
    let hasher = RandomState::new();
    let mark = |read: &Read<'_>| match read {
        Read::Integer(number) => *number as u64,
        Read::Real(number) => number.to_bits(),
        Read::Text(text) => hasher.hash_one(text.as_ref()),
    };
    let (mut least, mut greatest): (Option<Read<'_>>, Option<Read<'_>>) = (None, None);
    let mut marks: Vec<u64> = Vec::new();
    let mut room = Ok(());
    asked.each(|cell| {
        let Some(read) = typed.read(cell.text) else {
            return;
        };
        if room.is_ok() {
            room = held.push(&mut marks, mark(&read));
        }
        if least.as_ref().is_none_or(|least| read.order(least).is_lt()) {
            least = Some(read.clone());
        }
        if greatest
            .as_ref()
            .is_none_or(|greatest| read.order(greatest).is_ge())
        {
            greatest = Some(read);
        }
    })?;
    room?;
    marks.sort_unstable();
    marks.dedup();
    let distinct = marks.len() as u64;
    held.release(marks);
    Ok(ColumnProfile {
        name: asked.name.to_owned(),
        kind,
        missing: asked.rows - asked.cells.filled(),
        distinct,
        min: least.map(|read| bounded(read.into_value())),
        max: greatest.map(|read| bounded(read.into_value())),
        examples: examples(asked, held)?,
        date_format: None,
        number_format: None,
        decimals: None,
        unit: None,
    })
}

/// A profile travels; a cell may be a whole document.
fn bounded(value: Value) -> Value {
    match value {
        Value::Text(text) => Value::Text(shorten(&text, 200)),
        number => number,
    }
}

fn shorten(text: &str, most: usize) -> String {
    if text.chars().nth(most).is_some() {
        text.chars().take(most - 3).chain("...".chars()).collect()
    } else {
        text.to_owned()
    }
}

/// Examples in a profile.
const EXAMPLES: usize = 5;

/// The most frequent cells as they are written, equal counts in the file's order.
fn examples(asked: &Asked<'_>, held: &mut Reserved) -> Result<Vec<String>, Error> {
    let shown = |text: &str| shorten(text, 80);
    if asked.cells.coded().is_some() {
        let mut most: Vec<(u64, &str)> = Vec::with_capacity(EXAMPLES + 1);
        asked.each(|cell| {
            let place = most.partition_point(|(count, _)| *count >= cell.count);
            if place < EXAMPLES {
                most.insert(place, (cell.count, cell.text));
                most.truncate(EXAMPLES);
            }
        })?;
        return Ok(most.into_iter().map(|(_, text)| shown(text)).collect());
    }
    let hasher = RandomState::new();
    let mut marks: Vec<u64> = Vec::new();
    let mut room = Ok(());
    asked.each(|cell| {
        if room.is_ok() {
            room = held.push(&mut marks, hasher.hash_one(cell.text));
        }
    })?;
    room?;
    marks.sort_unstable();
    // The five greatest counts say which cells are examples.
    let mut greatest: Vec<u64> = Vec::new();
    for run in marks.chunk_by(|a, b| a == b) {
        let count = run.len() as u64;
        let place = greatest.partition_point(|known| *known >= count);
        if place < EXAMPLES {
            greatest.insert(place, count);
            greatest.truncate(EXAMPLES);
        }
    }
    let least = greatest.last().copied().unwrap_or(0);
    let mut equal = greatest.iter().filter(|count| **count == least).count();
    let mut most: Vec<(u64, u64, &str)> = Vec::with_capacity(EXAMPLES);
    asked.each(|cell| {
        if most.len() == greatest.len() {
            return;
        }
        let mark = hasher.hash_one(cell.text);
        let start = marks.partition_point(|other| *other < mark);
        let count = marks
            .iter()
            .skip(start)
            .take_while(|other| **other == mark)
            .count() as u64;
        let known = most.iter().any(|(_, other, _)| *other == mark);
        if known || count < least || (count == least && equal == 0) {
            return;
        }
        equal -= usize::from(count == least);
        most.push((count, mark, cell.text));
    })?;
    held.release(marks);
    most.sort_by_key(|(count, ..)| std::cmp::Reverse(*count));
    Ok(most.into_iter().map(|(_, _, text)| shown(text)).collect())
}

/// Reads a column of dates; `None` if too few cells are dates after all.
fn dates(
    asked: &Asked<'_>,
    held: &mut Reserved,
    say: &mut dyn FnMut(String),
) -> Result<Option<Inferred>, Error> {
    let (name, votes) = (asked.name, asked.votes);
    let year_named = names::names_a_year(name);
    let compact = votes.compact == votes.filled || names::names_a_date(name);
    let reading = |text: &str| {
        DateReading::of(text).filter(|reading| match reading.layout {
            Layout::Year => year_named,
            Layout::Compact => compact,
            _ => true,
        })
    };
    let mut numeric = Numeric::default();
    let (mut with_time, mut short_year) = (false, false);
    let mut offsets: BTreeSet<String> = BTreeSet::new();
    asked.each(|cell| {
        let Some(reading) = reading(cell.text) else {
            return;
        };
        numeric.see(&reading);
        short_year |= reading.short_year;
        if let Some(time) = &reading.time {
            with_time |= !time.is_midnight();
            if let Some(offset) = &time.offset
                && !offsets.contains(offset.as_str())
            {
                offsets.insert(offset.clone());
            }
        }
    })?;
    let order = numeric.order(votes, asked.hints, say);
    let mut misfits = Misfits::default();
    let mut layouts: BTreeMap<Layout, u64> = BTreeMap::new();
    asked.each(|cell| {
        let read = reading(cell.text);
        match read.filter(|reading| reading.iso(order, with_time).is_some()) {
            Some(reading) => *layouts.entry(reading.layout).or_default() += cell.count,
            None => misfits.add(cell),
        }
    })?;
    if !carries(votes.filled - misfits.count(), votes.filled) {
        return Ok(None);
    }
    let Some((main, _)) = layouts.iter().max_by_key(|(_, count)| **count) else {
        return Ok(None);
    };
    let format = main.describe(order) + if with_time { " HH:MM:SS" } else { "" };
    if let Some(bad) = misfits.bad_cell(format!("a date written {format} like the others")) {
        return Ok(Some(Inferred::Spoilt(bad)));
    }
    if layouts.len() > 1 {
        let all: Vec<String> = layouts
            .keys()
            .map(|layout| layout.describe(order))
            .collect();
        say(format!(
            "dates are written in {} ways ({})",
            all.len(),
            all.join(", ")
        ));
    }
    if short_year {
        say(
            "years have two digits; 00 to 68 are read as 2000 to 2068, 69 to 99 as 1969 to 1999"
                .to_owned(),
        );
    }
    if with_time && offsets.iter().any(|offset| offset != "Z") {
        let all: Vec<&str> = offsets.iter().map(String::as_str).collect();
        say(format!(
            "times carry the offset {} and are kept as written, not converted",
            all.join(", ")
        ));
    }
    let typed = Typed::Date { order, with_time };
    let mut profile = profile(asked, typed, ColumnKind::Date, held)?;
    profile.date_format = Some(format);
    Ok(Some(Inferred::Fits { profile, typed }))
}

/// What the numbers of a column have in common.
struct Common {
    decimals: u32,
    /// What groups the thousands, as the first one that does.
    group: Option<char>,
    scientific: bool,
    zero_padded: bool,
    /// All are whole and fit.
    integers: bool,
    digits: usize,
    /// Each is one more than the one before.
    counts_up: bool,
    last: Option<i64>,
}

impl Default for Common {
    fn default() -> Self {
        Self {
            decimals: 0,
            group: None,
            scientific: false,
            zero_padded: false,
            integers: true,
            digits: 0,
            counts_up: true,
            last: None,
        }
    }
}

impl Common {
    fn see(&mut self, number: &Number) {
        self.decimals = self.decimals.max(number.decimals);
        self.group = self.group.or(number.group);
        self.scientific |= number.scientific;
        self.zero_padded |= number.zero_padded;
        self.digits = self.digits.max(number.significant_digits());
        let whole = number.integer();
        self.integers &= whole.is_some();
        if let Some(last) = self.last {
            self.counts_up &= last.checked_add(1) == whole;
        }
        self.last = whole;
    }
}

/// Reads a column of numbers; `None` if it holds codes, or too few numbers of one kind.
fn numbers(
    asked: &Asked<'_>,
    held: &mut Reserved,
    say: &mut dyn FnMut(String),
) -> Result<Option<Inferred>, Error> {
    let (name, votes) = (asked.name, asked.votes);
    let mark = decimal_mark(votes, asked.hints, say);
    let reading = |text: &str| Number::of(text, mark);
    let unit = common_unit(asked, mark)?;
    let fits = |number: &Number| match (unit, number.unit) {
        (Some("%"), own) => own == Some("%"),
        (unit, own) => own.is_none() || own == unit,
    };
    let mut misfits = Misfits::default();
    let mut common = Common::default();
    asked.each(
        |cell| match reading(cell.text).filter(|number| fits(number)) {
            Some(number) => common.see(&number),
            None => misfits.add(cell),
        },
    )?;
    if !carries(votes.filled - misfits.count(), votes.filled) {
        say(
            "currencies, or amounts with and without a percent sign, are mixed; read as text"
                .to_owned(),
        );
        return Ok(None);
    }
    let Common {
        decimals,
        scientific,
        ..
    } = common;
    let bare = decimals == 0 && unit.is_none() && common.group.is_none() && !scientific;
    let codes = misfits.count() > 1 && misfits.all_mix_letters_and_digits();
    if bare && misfits.count() > 0 && (names::names_an_id(name) || codes) {
        say(format!(
            "{} cells are codes rather than numbers, so all are read as text",
            misfits.count()
        ));
        return Ok(None);
    }
    if bare && common.zero_padded {
        say("numbers begin with 0, so they are taken for codes and read as text".to_owned());
        return Ok(None);
    }
    let format = number_format(&common, mark);
    let expected = match unit {
        Some("%") => format!("a number with a percent sign (written {format} %) like the others"),
        Some(code) => format!("an amount in {code} (written {format}) like the others"),
        None => format!("a number (written {format}) like the others"),
    };
    if let Some(bad) = misfits.bad_cell(expected) {
        return Ok(Some(Inferred::Spoilt(bad)));
    }
    let whole = decimals == 0 && !scientific;
    if whole && !common.integers {
        say(
            "numbers have more than 18 digits, so they are taken for codes and read as text"
                .to_owned(),
        );
        return Ok(None);
    }
    if !whole && common.digits > 17 {
        say("numbers have more than 17 digits; the last ones are rounded".to_owned());
    }
    let typed = if whole {
        Typed::Integer(mark)
    } else {
        Typed::Real(mark)
    };
    let mut profile = profile(asked, typed, ColumnKind::Number, held)?;
    profile.kind = number_kind(asked, bare, &profile, common.counts_up);
    profile.decimals = Some(decimals);
    profile.number_format = Some(format);
    profile.unit = unit.map(str::to_owned).or_else(|| names::unit(name));
    Ok(Some(Inferred::Fits { profile, typed }))
}

fn decimal_mark(votes: &Votes, hints: &Hints, say: &mut dyn FnMut(String)) -> Mark {
    if let Some(proven) = votes.mark() {
        return proven;
    }
    if votes.either == 0 {
        return Mark::Point;
    }
    let mark = hints.mark.unwrap_or(if hints.european {
        Mark::Comma
    } else {
        Mark::Point
    });
    let (decimal, thousands) = match mark {
        Mark::Point => ("a point", "a comma"),
        Mark::Comma => ("a comma", "a point"),
    };
    let why = if hints.mark.is_some() {
        "like the other columns"
    } else {
        "as is usual with this separator"
    };
    say(format!(
        "no number tells whether a point or comma marks decimals; read with {decimal} for decimals and {thousands} for thousands, {why}"
    ));
    mark
}

/// The unit most cells state.
fn common_unit(asked: &Asked<'_>, mark: Mark) -> Result<Option<&'static str>, Error> {
    let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
    asked.each(|cell| {
        // A unit is written with something else than digits and their marks.
        let bare = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b',' | b'-' | b' ');
        if !cell.text.bytes().all(bare)
            && let Some(unit) = Number::of(cell.text, mark).and_then(|number| number.unit)
        {
            *counts.entry(unit).or_default() += cell.count;
        }
    })?;
    let filled = asked.cells.filled();
    // A percent sign on a few cells only is a slip, not the column's unit.
    Ok(counts
        .into_iter()
        .filter(|(unit, count)| *unit != "%" || count * 2 > filled)
        .max_by_key(|(_, count)| *count)
        .map(|(unit, _)| unit))
}

fn number_format(common: &Common, mark: Mark) -> String {
    let group: String = common.group.map(String::from).unwrap_or_default();
    let fraction = match (mark, common.decimals) {
        (_, 0) => "",
        (Mark::Point, _) => ".56",
        (Mark::Comma, _) => ",56",
    };
    let exponent = if common.scientific { "e0" } else { "" };
    format!("1{group}234{fraction}{exponent}")
}

fn number_kind(
    asked: &Asked<'_>,
    bare: bool,
    profile: &ColumnProfile,
    counts_up: bool,
) -> ColumnKind {
    let (name, filled) = (asked.name, asked.cells.filled());
    if !bare {
        return ColumnKind::Number;
    }
    if names::names_an_id(name) {
        return if profile.distinct * 2 > filled {
            ColumnKind::Id
        } else {
            ColumnKind::Category
        };
    }
    // A nameless column that only counts the rows.
    if name.starts_with("column_") && profile.distinct == filled && filled > 2 && counts_up {
        return ColumnKind::Id;
    }
    if names::names_a_group(name) && profile.distinct <= 60 {
        ColumnKind::Category
    } else {
        ColumnKind::Number
    }
}

/// Text that is grouped by, names one row each, or is read.
fn text_kind(asked: &Asked<'_>, shape: Shape, distinct: u64) -> Result<ColumnKind, Error> {
    let (name, filled) = (asked.name, asked.cells.filled());
    if filled == 0 {
        return Ok(ColumnKind::Empty);
    }
    // Numbers with something else between them do not name rows.
    let mixed = matches!(shape, Shape::Texts { part } if part * 2 >= filled);
    let is_code = |text: &str| {
        !text.contains(char::is_whitespace) && text.bytes().any(|byte| byte.is_ascii_digit())
    };
    let (mut letters, mut codes, mut looked) = (0_u64, 0_u64, 0_u64);
    asked.each(|cell| {
        letters += cell.text.chars().count() as u64;
        codes += u64::from(is_code(cell.text));
        looked += 1;
    })?;
    let repeats = distinct * 2 <= filled;
    Ok(match letters / looked.max(1) {
        41.. if !(repeats && distinct <= 20) => ColumnKind::Text,
        _ if !repeats
            && (names::names_an_id(name)
                || (distinct == filled && codes == looked && !mixed && distinct >= 10)) =>
        {
            ColumnKind::Id
        }
        _ if repeats || distinct <= 50 => ColumnKind::Category,
        _ => ColumnKind::Text,
    })
}
