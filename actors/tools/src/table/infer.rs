//! Decides what a column is and reads its cells for good.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::column::{BadCell, Cells, Different, Hints, Misfits, Shape, Votes, carries};
use super::date::{Layout, Order, Reading as DateReading};
use super::names;
use super::number::{Mark, Number, Reading as NumberReading};
use crate::{ColumnKind, ColumnProfile, Value};

/// A column as it goes into a database: a value per different cell, a code per row.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) profile: ColumnProfile,
    pub(crate) values: Vec<Value>,
    pub(crate) codes: Vec<u32>,
}

/// What became of a column: typed values, or the cell that spoils it.
pub(crate) enum Inferred {
    Fits {
        profile: ColumnProfile,
        values: Vec<Value>,
    },
    Spoilt(BadCell),
}

/// Reads the cells of the column called `name`. Each assumption becomes a warning.
pub(crate) fn infer(
    name: &str,
    cells: &Cells<'_>,
    votes: &Votes,
    hints: &Hints,
    warnings: &mut Vec<String>,
) -> Inferred {
    let mut say = |warning: String| warnings.push(format!("column {name:?}: {warning}"));
    let shape = votes.shape(name);
    let read = match shape {
        // Years and eight-digit dates are numbers too: where one of them is no date, the others need not be.
        Shape::Dates => match dates(name, cells, votes, hints, &mut say) {
            Some(Inferred::Spoilt(_)) if votes.all_numbers() => {
                numbers(name, cells, votes, hints, &mut say)
            }
            read => read,
        },
        Shape::Numbers => numbers(name, cells, votes, hints, &mut say),
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
        return read;
    }
    let texts: Vec<Value> = cells
        .different
        .iter()
        .map(|cell| Value::Text(cell.text.to_owned()))
        .collect();
    let kind = text_kind(name, cells, shape);
    Inferred::Fits {
        profile: profile(name, kind, cells, &texts),
        values: texts,
    }
}

/// What every kind of column has in common.
fn profile(name: &str, kind: ColumnKind, cells: &Cells<'_>, values: &[Value]) -> ColumnProfile {
    let mut by_count: Vec<&Different<'_>> = cells.different.iter().collect();
    by_count.sort_by_key(|cell| std::cmp::Reverse(cell.count));
    let shorten = |text: &str| {
        if text.chars().count() > 80 {
            text.chars().take(77).chain("...".chars()).collect()
        } else {
            text.to_owned()
        }
    };
    ColumnProfile {
        name: name.to_owned(),
        kind,
        missing: cells.codes.len() as u64 - cells.filled(),
        distinct: distinct(values),
        min: values.iter().min_by(|a, b| order(a, b)).cloned(),
        max: values.iter().max_by(|a, b| order(a, b)).cloned(),
        examples: by_count
            .iter()
            .take(5)
            .map(|cell| shorten(cell.text))
            .collect(),
        date_format: None,
        number_format: None,
        decimals: None,
        unit: None,
    }
}

/// Values of one column are all of one variant.
fn order(a: &Value, b: &Value) -> std::cmp::Ordering {
    match (a, b) {
        (Value::Integer(a), Value::Integer(b)) => a.cmp(b),
        (Value::Real(a), Value::Real(b)) => a.total_cmp(b),
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        _ => std::cmp::Ordering::Equal,
    }
}

/// Different cells may hold the same value: `1.0` and `1.00`.
fn distinct(values: &[Value]) -> u64 {
    let integers: HashSet<i64> = values
        .iter()
        .filter_map(|value| {
            if let Value::Integer(number) = value {
                Some(*number)
            } else {
                None
            }
        })
        .collect();
    let reals: HashSet<u64> = values
        .iter()
        .filter_map(|value| {
            if let Value::Real(number) = value {
                Some(number.to_bits())
            } else {
                None
            }
        })
        .collect();
    let texts: HashSet<&str> = values.iter().filter_map(Value::as_str).collect();
    (integers.len() + reals.len() + texts.len()) as u64
}

/// Reads a column of dates; `None` if too few cells are dates after all.
fn dates(
    name: &str,
    cells: &Cells<'_>,
    votes: &Votes,
    hints: &Hints,
    say: &mut dyn FnMut(String),
) -> Option<Inferred> {
    let year_named = names::names_a_year(name);
    let compact = votes.compact == votes.filled || names::names_a_date(name);
    let allowed = |layout| match layout {
        Layout::Year => year_named,
        Layout::Compact => compact,
        _ => true,
    };
    let readings: Vec<Option<DateReading>> = cells
        .different
        .iter()
        .map(|cell| DateReading::of(cell.text).filter(|reading| allowed(reading.layout)))
        .collect();
    let order = day_or_month_first(&readings, votes, hints, say);
    let with_time = readings.iter().flatten().any(|reading| {
        reading
            .time
            .as_ref()
            .is_some_and(|time| !time.is_midnight())
    });
    let mut misfits = Misfits::default();
    let mut layouts: BTreeMap<Layout, u64> = BTreeMap::new();
    let mut values = Vec::with_capacity(readings.len());
    for (cell, reading) in cells.different.iter().zip(&readings) {
        match reading
            .as_ref()
            .and_then(|reading| Some((reading.layout, reading.iso(order, with_time)?)))
        {
            Some((layout, iso)) => {
                *layouts.entry(layout).or_default() += cell.count;
                values.push(Value::Text(iso));
            }
            None => misfits.add(cell),
        }
    }
    if !carries(votes.filled - misfits.count(), votes.filled) {
        return None;
    }
    let (main, _) = layouts.iter().max_by_key(|(_, count)| **count)?;
    let format = main.describe(order) + if with_time { " HH:MM:SS" } else { "" };
    if let Some(bad) = misfits.bad_cell(format!("a date written {format} like the others")) {
        return Some(Inferred::Spoilt(bad));
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
    if readings.iter().flatten().any(|reading| reading.short_year) {
        say(
            "years have two digits; 00 to 68 are read as 2000 to 2068, 69 to 99 as 1969 to 1999"
                .to_owned(),
        );
    }
    let offsets: BTreeSet<&str> = readings
        .iter()
        .flatten()
        .filter_map(|reading| reading.time.as_ref()?.offset.as_deref())
        .collect();
    if with_time && offsets.iter().any(|offset| *offset != "Z") {
        let all: Vec<&str> = offsets.into_iter().collect();
        say(format!(
            "times carry the offset {} and are kept as written, not converted",
            all.join(", ")
        ));
    }
    let mut profile = profile(name, ColumnKind::Date, cells, &values);
    profile.date_format = Some(format);
    Some(Inferred::Fits { profile, values })
}

/// Whether `03/07` is in July or in March, decided over the whole column.
fn day_or_month_first(
    readings: &[Option<DateReading>],
    votes: &Votes,
    hints: &Hints,
    say: &mut dyn FnMut(String),
) -> Order {
    let numeric: Vec<&DateReading> = readings
        .iter()
        .flatten()
        .filter(|reading| matches!(reading.layout, Layout::Numeric(_)))
        .collect();
    if let Some(proven) = votes.order() {
        return proven;
    }
    let differ = numeric
        .iter()
        .any(|reading| reading.numbers().0 != reading.numbers().1);
    let Some(Layout::Numeric(mark)) = numeric.first().map(|reading| reading.layout) else {
        return Order::DayFirst;
    };
    if mark == '.' || !differ {
        return Order::DayFirst;
    }
    let always_one =
        |part: fn(&DateReading) -> i8| numeric.iter().all(|reading| part(reading) == 1);
    let rises = |order| {
        let days: Vec<_> = numeric
            .iter()
            .filter_map(|reading| reading.under(order))
            .collect();
        days.len() > 2 && days.windows(2).all(|pair| pair.first() <= pair.last())
    };
    let (order, why) = match (always_one(|r| r.numbers().0), always_one(|r| r.numbers().1)) {
        (true, false) => (Order::DayFirst, "so that each is the first of a month"),
        (false, true) => (Order::MonthFirst, "so that each is the first of a month"),
        _ => match (
            rises(Order::DayFirst),
            rises(Order::MonthFirst),
            hints.order,
        ) {
            (true, false, _) => (Order::DayFirst, "so that the rows are in order of time"),
            (false, true, _) => (Order::MonthFirst, "so that the rows are in order of time"),
            (_, _, Some(order)) => (order, "like the other dates of the file"),
            _ if hints.european => (
                Order::DayFirst,
                "as is usual where semicolons, decimal commas or euros are",
            ),
            _ if mark == '-' => (Order::DayFirst, "as is usual with hyphens"),
            _ => (
                Order::MonthFirst,
                "as is usual with slashes in the United States",
            ),
        },
    };
    say(format!(
        "no date tells whether day or month comes first; read as {}, {why}",
        Layout::Numeric(mark).describe(order)
    ));
    order
}

/// Reads a column of numbers; `None` if it holds codes, or too few numbers of one kind.
fn numbers(
    name: &str,
    cells: &Cells<'_>,
    votes: &Votes,
    hints: &Hints,
    say: &mut dyn FnMut(String),
) -> Option<Inferred> {
    let mark = decimal_mark(votes, hints, say);
    let read: Vec<Option<Number>> = cells
        .different
        .iter()
        .map(|cell| NumberReading::of(cell.text).under(mark))
        .collect();
    let unit = common_unit(cells, &read);
    let fits = |number: &Number| match (unit, number.unit) {
        (Some("%"), own) => own == Some("%"),
        (unit, own) => own.is_none() || own == unit,
    };
    let mut misfits = Misfits::default();
    let mut numbers: Vec<(&Number, u64)> = Vec::with_capacity(read.len());
    for (cell, number) in cells.different.iter().zip(&read) {
        match number.as_ref().filter(|number| fits(number)) {
            Some(number) => numbers.push((number, cell.count)),
            None => misfits.add(cell),
        }
    }
    if !carries(votes.filled - misfits.count(), votes.filled) {
        say(
            "currencies, or amounts with and without a percent sign, are mixed; read as text"
                .to_owned(),
        );
        return None;
    }
    let decimals = numbers
        .iter()
        .map(|(number, _)| number.decimals)
        .max()
        .unwrap_or(0);
    let bare = decimals == 0
        && unit.is_none()
        && numbers
            .iter()
            .all(|(number, _)| number.group.is_none() && !number.scientific);
    let codes = misfits.count() > 1 && misfits.all_mix_letters_and_digits();
    if bare && misfits.count() > 0 && (names::names_an_id(name) || codes) {
        say(format!(
            "{} cells are codes rather than numbers, so all are read as text",
            misfits.count()
        ));
        return None;
    }
    if bare && numbers.iter().any(|(number, _)| number.zero_padded) {
        say("numbers begin with 0, so they are taken for codes and read as text".to_owned());
        return None;
    }
    let format = number_format(&numbers, mark, decimals);
    let expected = match unit {
        Some("%") => format!("a number with a percent sign (written {format} %) like the others"),
        Some(code) => format!("an amount in {code} (written {format}) like the others"),
        None => format!("a number (written {format}) like the others"),
    };
    if let Some(bad) = misfits.bad_cell(expected) {
        return Some(Inferred::Spoilt(bad));
    }
    let whole = decimals == 0 && numbers.iter().all(|(number, _)| !number.scientific);
    let integers: Option<Vec<Value>> = if whole {
        numbers
            .iter()
            .map(|(number, _)| number.integer().map(Value::Integer))
            .collect()
    } else {
        None
    };
    if whole && integers.is_none() {
        say(
            "numbers have more than 18 digits, so they are taken for codes and read as text"
                .to_owned(),
        );
        return None;
    }
    if integers.is_none()
        && numbers
            .iter()
            .any(|(number, _)| number.significant_digits() > 17)
    {
        say("numbers have more than 17 digits; the last ones are rounded".to_owned());
    }
    let values = integers.unwrap_or_else(|| {
        numbers
            .iter()
            .map(|(number, _)| Value::Real(number.real()))
            .collect()
    });
    let mut profile = profile(name, ColumnKind::Number, cells, &values);
    profile.kind = number_kind(name, bare, &profile, cells, &values);
    profile.decimals = Some(decimals);
    profile.number_format = Some(format);
    profile.unit = unit.map(str::to_owned).or_else(|| names::unit(name));
    Some(Inferred::Fits { profile, values })
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
fn common_unit(cells: &Cells<'_>, read: &[Option<Number>]) -> Option<&'static str> {
    let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
    for (cell, number) in cells.different.iter().zip(read) {
        if let Some(unit) = number.as_ref().and_then(|number| number.unit) {
            *counts.entry(unit).or_default() += cell.count;
        }
    }
    let filled = cells.filled();
    // A percent sign on a few cells only is a slip, not the column's unit.
    counts
        .into_iter()
        .filter(|(unit, count)| *unit != "%" || count * 2 > filled)
        .max_by_key(|(_, count)| *count)
        .map(|(unit, _)| unit)
}

fn number_format(numbers: &[(&Number, u64)], mark: Mark, decimals: u32) -> String {
    let group: String = numbers
        .iter()
        .find_map(|(number, _)| number.group)
        .map(String::from)
        .unwrap_or_default();
    let fraction = match (mark, decimals) {
        (_, 0) => "",
        (Mark::Point, _) => ".56",
        (Mark::Comma, _) => ",56",
    };
    let exponent = if numbers.iter().any(|(number, _)| number.scientific) {
        "e0"
    } else {
        ""
    };
    format!("1{group}234{fraction}{exponent}")
}

fn number_kind(
    name: &str,
    bare: bool,
    profile: &ColumnProfile,
    cells: &Cells<'_>,
    values: &[Value],
) -> ColumnKind {
    let filled = cells.filled();
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
    let counts_up = || {
        values.windows(2).all(|pair| matches!(pair, [Value::Integer(a), Value::Integer(b)] if a.checked_add(1) == Some(*b)))
    };
    if name.starts_with("column_") && profile.distinct == filled && filled > 2 && counts_up() {
        return ColumnKind::Id;
    }
    if names::names_a_group(name) && profile.distinct <= 60 {
        ColumnKind::Category
    } else {
        ColumnKind::Number
    }
}

/// Text that is grouped by, names one row each, or is read.
fn text_kind(name: &str, cells: &Cells<'_>, shape: Shape) -> ColumnKind {
    let (distinct, filled) = (cells.different.len() as u64, cells.filled());
    if filled == 0 {
        return ColumnKind::Empty;
    }
    // Numbers with something else between them do not name rows.
    let mixed = matches!(shape, Shape::Texts { part } if part * 2 >= filled);
    let letters: u64 = cells
        .different
        .iter()
        .map(|cell| cell.text.chars().count() as u64)
        .sum();
    let is_code = |text: &str| {
        !text.contains(char::is_whitespace) && text.bytes().any(|byte| byte.is_ascii_digit())
    };
    let codes = cells
        .different
        .iter()
        .filter(|cell| is_code(cell.text))
        .count() as u64;
    let repeats = distinct * 2 <= filled;
    match letters / distinct {
        41.. if !(repeats && distinct <= 20) => ColumnKind::Text,
        _ if !repeats
            && (names::names_an_id(name)
                || (distinct == filled && codes == distinct && !mixed && distinct >= 10)) =>
        {
            ColumnKind::Id
        }
        _ if repeats || distinct <= 50 => ColumnKind::Category,
        _ => ColumnKind::Text,
    }
}
