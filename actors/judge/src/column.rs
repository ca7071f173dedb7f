//! A column that the judge asks: how it comes of one of a source, and what follows from two of them.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use aios_languages::{Folded, Tag, UnitName, fold, folded, lexicons};
use aios_work::{Cells, Column, Columns};

use crate::derived::{Derived, Op};
use crate::moment::Moment;
use crate::unit::{Kind, Unit};

/// Cells of a table above which its times are left side by side.
const LONG: usize = 1_000_000;

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
        /// Whether some rows have none.
        gaps: bool,
    },
    /// Times.
    Times(Vec<Option<Moment>>),
    /// Yes or no.
    Flags(Vec<Option<bool>>),
    /// Quantities that follow from two others.
    Derived(Derived),
}

impl GridColumn {
    pub(crate) fn new(column: &Column) -> Self {
        let spaced = spaced(&column.name);
        let words = folded(&spaced);
        let unit = Unit::of_column(&column.name, column.unit.as_deref())
            .or_else(|| called_by_unit(&words));
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
            Cells::Texts(cells) => flags(cells)
                .or_else(|| months(cells))
                .unwrap_or_else(|| coded(cells)),
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

/// The unit that is all of a column's name, in whatever language: "Kilos". Of lengths of time only those that nobody counts by their number:
/// a column "Day" or "Year" says which one it is.
fn called_by_unit(words: &[Folded]) -> Option<Unit> {
    let mut tags = lexicons().iter().flat_map(|lexicon| lexicon.tags(words));
    let unit = tags.find_map(|found| match found.tag {
        Tag::Unit(name) if found.from == 0 && found.to == words.len() => Some(Unit::named(name)),
        _ => None,
    })?;
    let hours = Unit::named(UnitName::Hour).factor;
    match unit.kind {
        Kind::Calendar | Kind::Points | Kind::Degree => None,
        Kind::Time if unit.factor > hours => None,
        _ => Some(unit),
    }
}

/// A column whose cells are months, each called by its name.
fn months(cells: &[Option<String>]) -> Option<Data> {
    let mut known: HashMap<&str, Moment> = HashMap::new();
    let mut out = Vec::with_capacity(cells.len());
    for cell in cells {
        let Some(cell) = cell.as_deref() else {
            out.push(None);
            continue;
        };
        let moment = match known.get(cell) {
            Some(moment) => *moment,
            None => {
                let found = Moment::iso(&Moment::of_name(cell)?)?;
                found.month?;
                // No table has so many months that each must be read.
                if known.len() > MONTHS {
                    return None;
                }
                known.insert(cell, found);
                found
            }
        };
        out.push(Some(moment));
    }
    (known.len() > 1).then_some(Data::Times(out))
}

/// Names of months that a column has at most, with their years.
const MONTHS: usize = 240;

/// Columns of quantities above which two of them are no longer put together: who writes of so many writes of them one by one.
const COLUMNS: usize = 8;

/// The quantities that follow from these columns.
pub(crate) fn derived(columns: &[GridColumn]) -> Vec<GridColumn> {
    let quantities: Vec<usize> = (0..columns.len())
        .filter(|column| matches!(columns[*column].data, Data::Numbers(_)))
        .collect();
    if quantities.len() > COLUMNS {
        return Vec::new();
    }
    let mut out = Vec::new();
    for &one in &quantities {
        for &other in quantities.iter().filter(|other| **other != one) {
            let (a, b) = (&columns[one].unit, &columns[other].unit);
            let alike = match (a, b) {
                (Some(a), Some(b)) => a.kind == b.kind,
                (None, None) => true,
                _ => false,
            };
            let within = never_more(&columns[one].data, &columns[other].data);
            let mut add = |op: Op, unit: Option<Unit>, sign: &str| {
                let (a, b) = (&columns[one], &columns[other]);
                out.push(GridColumn {
                    name: format!("{} {sign} {}", a.name, b.name),
                    stems: a.stems.union(&b.stems).cloned().collect(),
                    concepts: a.concepts.union(&b.concepts).copied().collect(),
                    unit,
                    data: Data::Derived(Derived {
                        op,
                        one,
                        other,
                        within,
                    }),
                    numbered: None,
                });
            };
            let ratio = Unit {
                kind: Kind::Share,
                factor: 100.0,
                shown: "of one".to_owned(),
            };
            if alike {
                add(Op::Less, a.clone(), "less");
                add(Op::Beyond, Some(ratio.clone()), "beyond");
                if one < other {
                    add(Op::And, a.clone(), "and");
                }
                // What is a part of the other makes no whole with it.
                if !within && !never_more(&columns[other].data, &columns[one].data) {
                    add(Op::Part, Some(ratio.clone()), "in the sum with");
                }
            }
            // Only an amount of money is paid for each of so many.
            let priced = b.as_ref().is_some_and(Unit::is_money);
            let by_measure = Unit::of_price(&columns[other].name)
                .is_some_and(|(_, measure)| a.as_ref() == Some(&measure));
            if priced && (a.is_none() || by_measure) {
                add(Op::Times, b.clone(), "times");
            }
            add(Op::Over, if alike { Some(ratio) } else { a.clone() }, "per");
        }
    }
    out
}

/// Whether one quantity is at most the other in every row that has both.
fn never_more(one: &Data, other: &Data) -> bool {
    let (Data::Numbers(one), Data::Numbers(other)) = (one, other) else {
        return false;
    };
    let mut both = one.iter().zip(other);
    both.all(|(one, other)| one.is_nan() || other.is_nan() || one <= other)
}

/// Adds, for each quantity that is the same in all rows of a name, the same once for each name: where the lists of a file were unfolded, what
/// stands beside them stands in several rows.
pub(crate) fn once(columns: &mut Vec<GridColumn>, rows: usize) {
    let mut found: Vec<GridColumn> = Vec::new();
    for names in columns.iter() {
        let Data::Names { values, codes, .. } = &names.data else {
            continue;
        };
        // Each name in several rows, and in as many as the others.
        if values.len() < 2 || rows < values.len() * 2 || !rows.is_multiple_of(values.len()) {
            continue;
        }
        for column in columns.iter() {
            let Data::Numbers(numbers) = &column.data else {
                continue;
            };
            let mut first: Vec<Option<f64>> = vec![None; values.len()];
            let mut out = vec![f64::NAN; rows];
            let same = numbers
                .iter()
                .zip(codes)
                .enumerate()
                .all(|(row, (value, code))| {
                    let Some(first) = first.get_mut(*code as usize) else {
                        return false;
                    };
                    match first {
                        None => {
                            *first = Some(*value);
                            out[row] = *value;
                            true
                        }
                        Some(first) => first == value,
                    }
                });
            let differ = first.iter().flatten().any(|value| Some(*value) != first[0]);
            let known = found.iter().any(|other| other.name == column.name);
            if same && differ && !known {
                found.push(GridColumn {
                    name: column.name.clone(),
                    stems: column.stems.clone(),
                    concepts: column.concepts.clone(),
                    unit: column.unit.clone(),
                    data: Data::Numbers(out),
                    numbered: None,
                });
            }
        }
    }
    columns.extend(found);
}

/// Values of a column of numbers above which they are no kinds.
const KINDS: usize = 30;

/// Brackets of a goal that are looked at, and words within one.
const BRACKETS: usize = 16;
const WITHIN: usize = 4;

/// A column that a goal calls by its name in brackets is called by the word before them, too: "the number of faults (Störungen)".
pub(crate) fn second_names(columns: &mut [GridColumn], goal: &str) {
    let words = folded(goal);
    let stems = |word: &aios_languages::Folded| -> Vec<String> {
        let all = lexicons().iter();
        all.map(|lexicon| lexicon.stem(&word.text)).collect()
    };
    for (open, _) in goal.match_indices('(').take(BRACKETS) {
        let Some(close) = goal[open..].find(')').map(|at| open + at) else {
            return;
        };
        let first = words.partition_point(|word| word.start < open);
        let inside = words[first..].iter();
        let inside: Vec<_> = inside
            .take_while(|word| word.start < close)
            .take(WITHIN + 1)
            .collect();
        let Some(before) = first.checked_sub(1).map(|at| &words[at]) else {
            continue;
        };
        let gap = goal.get(before.end..open);
        let next = gap.is_some_and(|gap| gap.trim().is_empty());
        if inside.is_empty() || inside.len() > WITHIN || !next {
            continue;
        }
        let called = stems(before);
        let taken = |column: &GridColumn| called.iter().any(|stem| column.stems.contains(stem));
        if columns.iter().any(taken) {
            continue;
        }
        let inside: Vec<Vec<String>> = inside.into_iter().map(stems).collect();
        let named = |column: &&mut GridColumn| {
            let mut words = inside.iter();
            words.all(|stems| stems.iter().any(|stem| column.stems.contains(stem)))
        };
        if let Some(column) = columns.iter_mut().find(named) {
            column.stems.extend(called);
        }
    }
}

/// Turns columns of numbers into columns of names where a goal names rows by them: "triage level 1". The words between the name of the column
/// and the number announce such a name from then on: "level 5".
pub(crate) fn number_kinds(columns: &mut [GridColumn], goal: &str) {
    let words = folded(goal);
    for column in columns {
        let Data::Numbers(values) = &column.data else {
            continue;
        };
        let mut kinds: Vec<u64> = Vec::new();
        for value in values.iter().filter(|value| !value.is_nan()) {
            if !kinds.contains(&value.to_bits()) {
                kinds.push(value.to_bits());
            }
            if kinds.len() > KINDS || value.fract() != 0.0 || *value < 0.0 {
                kinds.clear();
                break;
            }
        }
        if kinds.len() < 2 || kinds.len() * 2 > values.len() {
            continue;
        }
        let mut announced: HashSet<String> = HashSet::new();
        for (at, word) in words.iter().enumerate() {
            let number = word.text.parse::<u32>().ok().map(f64::from);
            if !number.is_some_and(|number| kinds.contains(&number.to_bits())) {
                continue;
            }
            let stems = |word: &aios_languages::Folded| {
                let all = lexicons().iter();
                all.map(|lexicon| lexicon.stem(&word.text))
                    .collect::<Vec<String>>()
            };
            let named = |at: usize| {
                stems(&words[at])
                    .iter()
                    .any(|stem| column.stems.contains(stem))
            };
            if (at > 0 && named(at - 1)) || (at > 1 && named(at - 2)) {
                announced.extend(stems(&words[at - 1]));
            }
        }
        if announced.is_empty() {
            continue;
        }
        let cells: Vec<Option<String>> = values
            .iter()
            .map(|value| (!value.is_nan()).then(|| format!("{value}")))
            .collect();
        column.stems.extend(announced);
        column.concepts.clear();
        column.unit = None;
        column.data = coded(&cells);
    }
}

/// Columns that are called by months or years above which they are one column of times and one of figures.
const SPREAD: usize = 3;

/// A table whose times stand side by side, as one in which they stand one below the other.
pub(crate) fn long(table: &Columns) -> Cow<'_, Columns> {
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
    // `energy_kwh_2024`: what stands in all of its cells has the unit that the file is called by.
    let parts = name.split(['_', '-', ' ']).filter(|part| part.len() > 2);
    let unit = parts.filter_map(Unit::of_word).find(Unit::is_of_a_measure);
    columns.push(Column {
        unit: unit.map(|unit| unit.shown),
        ..column(name, Cells::Numbers(figures.collect()))
    });
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
fn measured(kind: &Kind) -> Option<u32> {
    let word = match kind {
        Kind::Celsius | Kind::Fahrenheit => "temperature",
        Kind::Time => "duration",
        Kind::Mass => "weight",
        Kind::Length => "distance",
        Kind::Energy => "energy",
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
    let gaps = codes.contains(&u32::MAX);
    Data::Names {
        values,
        codes,
        gaps,
    }
}
