//! The tables as a goal meets them: columns with their words, what they are good for, and the values that the goal names.

use std::collections::BTreeSet;

use aios_languages::{Hint, all_asks, hints};
use aios_work::{Day, Grain, Span, Value};
use serde::{Deserialize, Serialize};

use super::question;
use super::words::{Words, canon, name_words, spaced};
use crate::Quotient;
use crate::plan::columns::{is_intensive, is_year};
use crate::{ColumnKind, ColumnProfile, TableProfile, Truth};

/// What a column can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It is measured and adds up.
    Adds,
    /// It is measured and does not add up.
    Rates,
    /// It says when.
    Date,
    /// It holds years as numbers.
    Year,
    /// Its rows are grouped by it.
    Groups,
    /// It names rows.
    Names,
    /// It is empty.
    Nothing,
}

/// A column.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub id: question::Column,
    /// Its words as they are compared, without its unit.
    pub words: Vec<String>,
    /// Things that its heading stands for, in any language.
    pub concepts: BTreeSet<u32>,
    pub role: Role,
    pub rows: u64,
    pub distinct: u64,
    pub missing: u64,
    /// Its smallest and largest number.
    pub least: Option<f64>,
    pub most: Option<f64>,
    /// The days it covers, of a date or year.
    pub covers: Option<Span>,
    /// The finest period it tells apart.
    pub finest: Grain,
    /// Whether a date says the hour too.
    pub hours: bool,
    pub whole: bool,
    /// The cells that mean yes and no, of a column of two answers.
    pub truth: Option<Truth>,
    /// The column that says in which unit each row is, where rows differ.
    pub units: Option<String>,
    /// Whether its cells hold several names each.
    pub lists: bool,
    /// Whether it adds up others.
    pub sums: bool,
    /// Of which two columns it is the quotient.
    pub quotient: Option<Quotient>,
    /// Whether it holds times of day.
    pub clock: bool,
    /// Its values, of a column of a few.
    pub few: Vec<String>,
}

/// A value of the data that the goal names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Found {
    /// Its column.
    pub column: String,
    /// As the file writes it.
    pub value: String,
    /// Byte offsets in the goal.
    pub start: usize,
    /// Behind it.
    pub end: usize,
    /// Whether all of the value is named, not a part of it.
    pub whole: bool,
}

/// What a look for values gave.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Values {
    /// Each.
    pub values: Vec<Found>,
}

/// A table with what the goal names of it.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    /// As the goal names its file.
    pub file: String,
    /// Its name in SQL.
    pub name: String,
    pub profile: &'a TableProfile,
    pub values: Values,
}

/// All tables of a goal.
#[derive(Debug)]
pub(super) struct Schema {
    pub tables: Vec<(String, String, u64)>,
    pub columns: Vec<Column>,
    /// Values with the place of their column.
    pub values: Vec<(usize, Found)>,
    /// Words of the files' names and of the lines above their headers, as they are compared: what the rows are about.
    pub about: BTreeSet<String>,
    /// Things that these stand for.
    pub about_things: BTreeSet<u32>,
    /// Years that these name: "Sales by month 2024".
    pub about_years: BTreeSet<i32>,
    /// The column that holds the numbers of a table whose columns became rows: its rows are no things, and what is counted is in it.
    pub value: Option<question::Column>,
}

/// Numbered things that are still told apart by their numbers.
const KINDS: u64 = 40;

/// Words of a heading that say how and not what.
pub(super) const QUALIFIERS: [&str; 18] = [
    "id", "no", "nr", "number", "code", "name", "nam", "key", "of", "the", "de", "der", "des",
    "in", "per", "num", "date", "datum",
];

impl Schema {
    pub(super) fn of(seen: &[Seen<'_>]) -> Self {
        let mut schema = Self {
            tables: Vec::new(),
            columns: Vec::new(),
            values: Vec::new(),
            about: BTreeSet::new(),
            about_things: BTreeSet::new(),
            about_years: BTreeSet::new(),
            value: None,
        };
        for table in seen {
            let mut told: Vec<String> = table.profile.titles.clone();
            told.push(stem(&table.file).to_owned());
            for text in &told {
                let spoken = spaced(text);
                let words = spoken.iter().map(|word| super::words::canon(&word.text));
                schema.about.extend(words.filter(|word| {
                    word.chars().count() >= 3
                        && !QUALIFIERS.contains(&word.as_str())
                        && !word.bytes().all(|byte| byte.is_ascii_digit())
                }));
                let years = spoken.iter().filter(|word| word.text.len() == 4);
                let years = years.filter_map(|word| word.text.parse().ok());
                schema
                    .about_years
                    .extend(years.filter(|year| (1900..=2100).contains(year)));
                let things = all_asks().iter().flat_map(|asks| asks.concepts(&spoken));
                schema.about_things.extend(things);
            }
            let first = schema.columns.len();
            let columns = table.profile.columns.iter();
            schema
                .columns
                .extend(columns.map(|column| read(column, &table.name, table.profile.rows)));
            if let Some(counts) = counts_of_kinds(&schema.columns[first..]) {
                schema.columns[first + counts].role = Role::Adds;
            }
            if let [only] = table
                .profile
                .unpivoted
                .as_ref()
                .map_or(&[][..], |unpivoted| unpivoted.values.as_slice())
            {
                let mut columns = schema.columns.iter().skip(first);
                let value = columns.find(|column| column.id.name == *only);
                schema.value = value.map(|column| column.id.clone());
            }
            schema
                .tables
                .push((table.file.clone(), table.name.clone(), table.profile.rows));
            for found in &table.values.values {
                let mut named = schema.columns.iter().skip(first);
                let at = named.position(|column| column.id.name == found.column);
                schema
                    .values
                    .extend(at.map(|at| (first + at, found.clone())));
            }
        }
        schema
    }

    /// Every word of a column's name.
    pub(super) fn words(&self) -> Vec<String> {
        let columns = self.columns.iter();
        let metres = columns
            .clone()
            .any(|column| column.id.unit.as_deref() == Some("m"));
        let words = columns.flat_map(|column| column.words.clone());
        // Of a column in metres "1 m" is no million.
        words.chain(metres.then(|| "m".to_owned())).collect()
    }

    pub(super) fn measures(&self) -> impl Iterator<Item = usize> + '_ {
        self.of_role(|role| matches!(role, Role::Adds | Role::Rates))
    }

    pub(super) fn of_role(&self, is: fn(Role) -> bool) -> impl Iterator<Item = usize> + '_ {
        let columns = self.columns.iter().enumerate();
        columns
            .filter(move |(_, column)| is(column.role))
            .map(|(at, _)| at)
    }

    /// Whether a column holds what people wrote of its rows: a word of such a text chooses rows only where the column is named.
    pub(super) fn is_of_remarks(&self, column: usize, words: &Words) -> bool {
        self.columns.get(column).is_some_and(|column| {
            let named = |said: &aios_languages::Folded| column.words.contains(&canon(&said.text));
            column.words.iter().any(|word| hints(Hint::Remarking, word))
                && !words.all.iter().any(named)
        })
    }

    /// Whether a column says in which unit or currency each row is.
    pub(super) fn is_of_units(&self, column: usize) -> bool {
        let name = self.columns.get(column).map(|column| &column.id.name);
        name.is_some_and(|name| {
            let mut columns = self.columns.iter();
            columns.any(|column| column.units.as_ref() == Some(name))
        })
    }

    /// Columns whose heading stands for a thing.
    pub(super) fn standing_for(&self, concept: u32) -> Vec<usize> {
        let columns = self.columns.iter().enumerate();
        columns
            .filter(|(_, column)| column.concepts.contains(&concept))
            .map(|(at, _)| at)
            .collect()
    }
}

impl Column {
    pub(super) fn is_measure(&self) -> bool {
        matches!(self.role, Role::Adds | Role::Rates)
    }

    /// Whether it tells rows apart by a name: a word such as "line" is then the column's.
    pub(super) fn names_rows(&self) -> bool {
        matches!(self.role, Role::Groups | Role::Names)
    }

    pub(super) fn is_time(&self) -> bool {
        matches!(self.role, Role::Date | Role::Year)
    }

    /// Its words that say what it is about.
    pub(super) fn core(&self) -> Vec<&str> {
        let core: Vec<&str> = self
            .words
            .iter()
            .map(String::as_str)
            .filter(|word| !QUALIFIERS.contains(word))
            .collect();
        if core.is_empty() {
            self.words.iter().map(String::as_str).collect()
        } else {
            core
        }
    }
}

fn read(column: &ColumnProfile, table: &str, rows: u64) -> Column {
    let head = column.name.split(['(', '[']).next().unwrap_or_default();
    let head = if head.trim().is_empty() {
        column.name.as_str()
    } else {
        head
    };
    let mut words = name_words(head);
    // "cost_eur": the unit is no word of the name.
    if words.len() > 1
        && let (Some(unit), Some(last)) = (&column.unit, words.last())
        && unit.eq_ignore_ascii_case(last)
    {
        words.pop();
    }
    let spoken = spaced(&column.name);
    // What rows may be of is said by a heading's own word alone: a column of species holds no birds.
    let event = aios_languages::concept_number("event");
    let concepts = all_asks()
        .iter()
        .flat_map(|asks| asks.concepts(&spoken))
        .filter(|concept| *concept != event)
        .collect();
    let role = role(column, rows);
    let mut read = Column {
        id: question::Column {
            table: table.to_owned(),
            name: column.name.clone(),
            unit: column.unit.clone(),
            year: role == Role::Year || role == Role::Date && finest(column) == Grain::Year,
        },
        words,
        concepts,
        role,
        rows,
        distinct: column.distinct,
        missing: column.missing,
        least: column.min.as_ref().and_then(Value::as_f64),
        most: column.max.as_ref().and_then(Value::as_f64),
        covers: covers(column, role),
        finest: finest(column),
        hours: column
            .date_format
            .as_deref()
            .is_some_and(|format| format.to_lowercase().contains("hh")),
        whole: column.decimals.unwrap_or(0) == 0,
        truth: column.truth.clone(),
        units: column.unit_column.clone(),
        lists: column.lists.is_some(),
        sums: !column.sum_of.is_empty(),
        quotient: column.quotient_of.clone(),
        clock: matches!(
            column.kind,
            ColumnKind::Text | ColumnKind::Category | ColumnKind::Id
        ) && !column.examples.is_empty()
            && column.examples.iter().all(|cell| is_time_of_day(cell)),
        few: if column.kind == ColumnKind::Category
            && column.distinct == column.examples.len() as u64
        {
            column.examples.clone()
        } else {
            Vec::new()
        },
    };
    let numbers = column.kind == ColumnKind::Number || column.kind == ColumnKind::Id;
    let again = numbers && read.least.is_some() && read.distinct < read.rows;
    if (read.is_measure() || again) && is_of_places(&read) {
        // Who came second and third came fifth in nothing.
        read.role = Role::Rates;
    } else if read.role == Role::Adds && is_numbered(&read) {
        read.role = Role::Groups;
    }
    read
}

/// A column that is called a number and says how many there are of each of several kinds: `item, number` of cows, goats and hens. Beside
/// names of one each (`player, number`) it is a number that they have.
fn counts_of_kinds(columns: &[Column]) -> Option<usize> {
    let (kinds, number) = match columns {
        [kinds, number] => (kinds, number),
        _ => return None,
    };
    let called =
        matches!(spaced(&number.id.name).as_slice(), [word] if hints(Hint::Counting, &word.text));
    let several = kinds.few.len() > 1
        && kinds
            .few
            .iter()
            .all(|kind| kind.ends_with('s') && kind.starts_with(char::is_lowercase));
    let counts = number.whole && number.least.is_some_and(|least| least >= 0.0);
    (called && several && counts && number.role == Role::Names).then_some(1)
}

/// Whether a column numbers what rows are of, one after the other: each round of a quiz has several rows.
fn is_numbered(column: &Column) -> bool {
    let words = spaced(&column.id.name);
    let called = words
        .last()
        .is_some_and(|word| hints(Hint::Numbering, &word.text));
    let ends = column.least.zip(column.most);
    called
        && column.whole
        && column.distinct < column.rows
        && ends.is_some_and(|(least, most)| {
            let close = most - least < column.distinct as f64 * 2.0;
            (0.0..=1.0).contains(&least) && close
                // Rooms 101 to 104, each of which has several rows.
                || least > 1.0 && column.distinct * 3 <= column.rows && column.distinct <= KINDS
        })
}

/// `8:00`, `22:45`.
fn is_time_of_day(cell: &str) -> bool {
    let Some((hour, minute)) = cell.trim().split_once(':') else {
        return false;
    };
    let below = |text: &str, most: u8| {
        text.len() <= 2 && text.parse::<u8>().is_ok_and(|number| number < most)
    };
    below(hour, 24) && minute.len() == 2 && below(minute, 60)
}

/// A number that names its row: its heading says so, or it counts the rows one by one.
fn is_a_number_of_names(column: &ColumnProfile, rows: u64) -> bool {
    const NAMES: [&str; 14] = [
        "id", "no", "nr", "code", "key", "zip", "plz", "postcode", "phone", "sku", "isbn", "ean",
        "number", "num",
    ];
    let words = spaced(&column.name);
    let named = words
        .last()
        .is_some_and(|word| words.len() > 1 && NAMES.contains(&word.text.as_str()))
        || words.len() == 1
            && words.iter().any(|word| {
                // `fish, number`: what repeats says how many.
                let counts = word.text == "number" && column.distinct < rows;
                NAMES.contains(&word.text.as_str()) && !counts
            });
    let counts = match (&column.min, &column.max) {
        (Some(Value::Integer(min)), Some(Value::Integer(max))) => {
            // Its most frequent values, each there once, are told in the file's order.
            let told: Vec<i64> = column
                .examples
                .iter()
                .filter_map(|example| example.trim().parse().ok())
                .collect();
            let counted = told
                .windows(2)
                .all(|two| two[0].checked_add(1) == Some(two[1]));
            rows >= 5
                && counted
                && told.len() >= 5
                && column.distinct == rows
                && max
                    .checked_sub(*min)
                    .and_then(|all| u64::try_from(all).ok())
                    == Some(rows - 1)
        }
        _ => false,
    };
    named || counts
}

fn role(column: &ColumnProfile, rows: u64) -> Role {
    match column.kind {
        ColumnKind::Empty => Role::Nothing,
        ColumnKind::Date => Role::Date,
        _ if is_year(column) => Role::Year,
        ColumnKind::Number if is_a_number_of_names(column, rows) => Role::Names,
        ColumnKind::Number if !column.adds_up || is_intensive(column) => Role::Rates,
        ColumnKind::Number => Role::Adds,
        ColumnKind::Category => Role::Groups,
        ColumnKind::Text | ColumnKind::Id => Role::Names,
    }
}

fn finest(column: &ColumnProfile) -> Grain {
    match column.date_format.as_deref() {
        _ if column.kind != ColumnKind::Date => Grain::Year,
        Some(format) if format.contains('W') => Grain::Week,
        Some(format) if !format.contains('D') && format.contains('Q') => Grain::Quarter,
        Some(format) if !format.contains('D') && format.contains('M') => Grain::Month,
        Some("YYYY") => Grain::Year,
        _ => Grain::Day,
    }
}

fn covers(column: &ColumnProfile, role: Role) -> Option<Span> {
    let (min, max) = (column.min.as_ref()?, column.max.as_ref()?);
    match role {
        Role::Date => {
            let from = Day::parse_prefix(min.as_str()?)?;
            let until = Day::parse_prefix(max.as_str()?)?;
            Some(Span {
                from,
                until: finest(column).span_of(until).until,
            })
        }
        Role::Year => {
            let year = |value: &Value| match value {
                Value::Integer(year) => i32::try_from(*year).ok(),
                Value::Text(text) => text.parse().ok(),
                Value::Real(_) => None,
            };
            Some(Span {
                from: Day::new(year(min)?, 1, 1)?,
                until: Day::new(year(max)?, 12, 31)?,
            })
        }
        _ => None,
    }
}

/// Whether a file's name says that its rows are of a kind: `orders.csv` holds orders.
pub(super) fn file_words(file: &str) -> Vec<String> {
    name_words(stem(file))
}

/// A file's name without its folder and ending.
fn stem(file: &str) -> &str {
    let base = file.rsplit(['/', '\\']).next().unwrap_or(file);
    base.rsplit_once('.').map_or(base, |(stem, _)| stem)
}

/// Whether a column holds places in an order: its heading ends with such a word, and it counts from one and no further than there are rows. A
/// heading of seats, which French calls by the same word, stands over other numbers.
pub(super) fn is_of_places(column: &Column) -> bool {
    let words = spaced(&column.id.name);
    let called = words
        .last()
        .is_some_and(|word| hints(Hint::Placing, &word.text));
    let numbers = column.whole
        && column.least == Some(1.0)
        && column.most.is_some_and(|most| most <= column.rows as f64);
    called && numbers
}
