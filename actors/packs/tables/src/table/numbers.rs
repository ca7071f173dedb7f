//! Columns of numbers: how they are written, what they are counted in, and which are codes after all.

use std::collections::BTreeMap;

use super::alike;
use super::asked::{Asked, Inferred};
use super::column::{Hints, Misfits, Votes, is_word, suffices};
use super::describe::profile;
use super::names;
use super::number::{Mark, Number, Plain, without_pointer};
use super::typed::{Read, SERIALS, Typed};
use super::units;
use crate::note::{Note, NoteKind};

use crate::{ColumnKind, ColumnProfile, Error, Truth};
use aios_tools::Reserved;
use aios_work::Value;

/// What the numbers of a column have in common.
struct Common {
    decimals: u32,
    /// What groups the thousands, as the first one that does.
    group: Option<char>,
    scientific: bool,
    /// All that have an exponent have neither sign nor point.
    bare_exponents: bool,
    zero_padded: bool,
    /// All have a plus sign.
    plus: bool,
    /// How many digits all have, if all have as many.
    length: Option<usize>,
    seen: bool,
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
            bare_exponents: true,
            zero_padded: false,
            plus: true,
            length: None,
            seen: false,
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
        self.bare_exponents &= !number.scientific || number.bare_exponent;
        self.zero_padded |= number.zero_padded;
        self.plus &= number.plus;
        self.see_figures(number.significant_digits(), number.integer());
    }

    /// The same of a number as programs write it, without taking it apart.
    fn see_plain(&mut self, cell: &str, plain: Plain) {
        self.decimals = self
            .decimals
            .max(u32::try_from(plain.decimals).unwrap_or(u32::MAX));
        let bare = cell.strip_prefix('-').unwrap_or(cell);
        self.zero_padded |= plain.whole > 1 && bare.starts_with('0');
        self.plus = false;
        let whole = (plain.decimals == 0).then(|| cell.parse().ok()).flatten();
        self.see_figures(Plain::significant_digits(cell), whole);
    }

    fn see_figures(&mut self, digits: usize, whole: Option<i64>) {
        self.digits = self.digits.max(digits);
        if !self.seen {
            self.length = Some(digits);
        }
        self.length = self.length.filter(|length| *length == digits);
        self.seen = true;
        self.integers &= whole.is_some();
        if let Some(last) = self.last {
            self.counts_up &= last.checked_add(1) == whole;
        }
        self.last = whole;
    }
}

/// So many rows that are numbered one by one are no chance.
const COUNTED: u64 = 5;
/// Of so many digits, and all of the same length, whole numbers are barcodes, telephones or accounts.
const LONG: usize = 11;

/// Reads a column of numbers; `None` if it holds codes, or too few numbers of one kind.
pub(super) fn numbers(
    asked: &Asked<'_>,
    held: &mut Reserved,
    notes: &mut Vec<Note>,
) -> Result<Option<Inferred>, Error> {
    let (name, votes) = (asked.name, asked.votes);
    let mark = decimal_mark(asked, notes);
    let mut units = Units::of(asked, mark)?;
    let told = units.told_in_one(asked, notes);
    let fits = |number: &Number| match (units.common, number.unit) {
        (Some("%"), own) => own == Some("%"),
        (_, Some("%")) => false,
        _ => true,
    };
    let (mut misfits, mut words) = (Misfits::default(), Misfits::default());
    let mut common = Common::default();
    let mut pointed = 0;
    let bare_fits = units.common != Some("%");
    asked.each(|cell| {
        if bare_fits
            && let Some(plain) = Plain::of(cell.text).filter(|plain| plain.reads_under(mark))
        {
            common.see_plain(cell.text, plain);
            return;
        }
        match Number::of(cell.text, mark).filter(|number| fits(number)) {
            Some(number) => {
                common.see(&number);
                let bare = without_pointer(cell.text.trim());
                pointed += if bare.len() < cell.text.trim().len() {
                    cell.count
                } else {
                    0
                };
            }
            None if is_word(cell.text) => words.add(cell),
            None => misfits.add(cell),
        }
    })?;
    if !suffices(votes.filled, misfits.count(), words.count()) {
        notes.push(asked.note(
            NoteKind::Unit,
            "amounts with and without a percent sign are mixed; read as text",
        ));
        return Ok(None);
    }
    let Common {
        mut decimals,
        scientific,
        ..
    } = common;
    let unitless = units.common.is_none() && units.several.is_empty();
    let bare = decimals == 0 && unitless && common.group.is_none() && !scientific;
    if let Some(why) = codes(asked, &common, unitless, bare, &misfits) {
        notes.push(asked.note(NoteKind::Codes, why));
        return Ok(None);
    }
    let format = number_format(&common, mark);
    let expected = match units.common {
        Some("%") => format!("a number with a percent sign (written {format} %) like the others"),
        Some(code) => format!("an amount in {code} (written {format}) like the others"),
        None => format!("a number (written {format}) like the others"),
    };
    if let Some(bad) = misfits.bad_cell(expected) {
        return Ok(Some(Inferred::Spoilt(bad)));
    }
    let whole = decimals == 0 && !scientific;
    if whole && !common.integers {
        notes.push(asked.note(
            NoteKind::Codes,
            "numbers have more than 18 digits, so they are taken for codes and read as text",
        ));
        return Ok(None);
    }
    if !whole && common.digits > 17 {
        notes.push(asked.note(
            NoteKind::NumberFormat,
            "numbers have more than 17 digits; the last ones are rounded",
        ));
    }
    notes.extend(asked.words(&words, "number"));
    if pointed > 0 {
        notes.push(asked.note(
            NoteKind::NumberFormat,
            format!("{pointed} cells carry a mark behind their number that points at a remark; it is left out"),
        ));
    }
    let typed = if let Some((unit, more)) = told {
        decimals += more;
        Typed::InUnit(mark, unit)
    } else if whole {
        Typed::Integer(mark)
    } else {
        Typed::Real(mark)
    };
    let mut profile = profile(asked, typed, ColumnKind::Number, held)?;
    if unitless
        && common.group.is_none()
        && !scientific
        && let Some(moments) = moments(asked, &profile, held, notes)?
    {
        return Ok(Some(moments));
    }
    profile.kind = number_kind(asked, bare, &profile, &common);
    profile.decimals = Some(decimals);
    profile.number_format = Some(format);
    profile.unit = match units.common {
        Some(unit) if units.several.is_empty() => Some(unit.to_owned()),
        _ if units.several.is_empty() => asked
            .stated
            .map(str::to_owned)
            .or_else(|| names::unit(name)),
        _ => None,
    };
    profile.adds_up = profile.kind == ColumnKind::Number && adds_up(name, profile.unit.as_deref());
    let (zero, one) = (Some(Value::Integer(0)), Some(Value::Integer(1)));
    if bare && profile.distinct == 2 && profile.min == zero && profile.max == one {
        profile.truth = Some(Truth {
            yes: vec!["1".to_owned()],
            no: vec!["0".to_owned()],
        });
    }
    let units = units.column(asked, &mut profile, notes);
    Ok(Some(Inferred::Fits {
        profile,
        typed,
        units,
    }))
}

/// Whether a sum of what is called so, in this unit, means something.
pub(super) fn adds_up(name: &str, unit: Option<&str>) -> bool {
    let rate = unit.is_some_and(|unit| {
        matches!(
            unit,
            "%" | "‰"
                | "°C"
                | "°F"
                | "°"
                | "km/h"
                | "mph"
                | "m/s"
                | "hPa"
                | "kPa"
                | "bar"
                | "V"
                | "A"
                | "Hz"
                | "kHz"
                | "MHz"
                | "GHz"
        ) || unit.contains('/')
    });
    !rate && !names::names_a_rate(name)
}

/// Why numbers are codes, if they are.
fn codes(
    asked: &Asked<'_>,
    common: &Common,
    unitless: bool,
    bare: bool,
    misfits: &Misfits<'_>,
) -> Option<String> {
    let named = names::names_an_id(asked.name);
    if bare
        && misfits.count() > 0
        && (named || (misfits.count() > 1 && misfits.all_mix_letters_and_digits()))
    {
        return Some(format!(
            "{} cells are codes rather than numbers, so all are read as text",
            misfits.count()
        ));
    }
    if !unitless || common.group.is_some() {
        return None;
    }
    let why = if common.zero_padded {
        "numbers begin with 0"
    } else if common.scientific && common.bare_exponents {
        "numbers are written like 1E3, as part numbers are"
    } else if common.plus
        && common.seen
        && common.decimals == 0
        && common.length.unwrap_or(common.digits) > 6
    {
        "numbers begin with a plus sign, as telephone numbers do"
    } else if named && (common.decimals > 0 || common.scientific) {
        "the column's name says that they are no quantities"
    } else {
        return None;
    };
    Some(format!(
        "{why}, so they are taken for codes and read as text"
    ))
}

/// The units that stand beside the numbers of a column.
struct Units {
    /// The one that most cells state.
    common: Option<&'static str>,
    /// All of them with how often they occur, most frequent first, where they differ.
    several: Vec<(&'static str, u64)>,
}

impl Units {
    fn of(asked: &Asked<'_>, mark: Mark) -> Result<Self, Error> {
        let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
        asked.each(|cell| {
            // A unit is written with something else than digits and their marks.
            let bare =
                |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b',' | b'-' | b' ');
            if !cell.text.bytes().all(bare)
                && let Some(unit) = Number::of(cell.text, mark).and_then(|number| number.unit)
            {
                *counts.entry(unit).or_default() += cell.count;
            }
        })?;
        let filled = asked.cells.filled();
        // A percent sign on a few cells only is a slip, not the column's unit.
        counts.retain(|unit, count| *unit != "%" || *count * 2 > filled);
        let mut several: Vec<(&'static str, u64)> = counts.into_iter().collect();
        several.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let common = several.first().map(|(unit, _)| *unit);
        if several.len() < 2 || common == Some("%") {
            several.clear();
        }
        Ok(Self { common, several })
    }

    /// The unit in which all are told, where all are of one kind and no cell is without, with the digits that this adds; said.
    fn told_in_one(
        &mut self,
        asked: &Asked<'_>,
        notes: &mut Vec<Note>,
    ) -> Option<(&'static str, u32)> {
        let stated: u64 = self.several.iter().map(|(_, count)| count).sum();
        if stated < asked.cells.filled() {
            return None;
        }
        let unit = alike::common(&self.several)?;
        let all: Vec<&str> = self.several.iter().map(|(unit, _)| *unit).collect();
        let more = all.iter().map(|one| alike::decimals(one, unit)).max();
        notes.push(asked.note(
            NoteKind::Unit,
            format!("cells are in {}; all are told in {unit}", all.join(", ")),
        ));
        *self = Self {
            common: Some(unit),
            several: Vec::new(),
        };
        Some((unit, more.unwrap_or(0)))
    }

    /// A column of the units, where they differ.
    fn column(
        &self,
        asked: &Asked<'_>,
        measured: &mut ColumnProfile,
        notes: &mut Vec<Note>,
    ) -> Option<ColumnProfile> {
        let ((first, _), (last, _)) = (self.several.first()?, self.several.last()?);
        let money = self
            .several
            .iter()
            .all(|(unit, _)| units::is_currency(unit));
        let name = format!("{} {}", asked.name, if money { "currency" } else { "unit" });
        let all: Vec<&str> = self.several.iter().map(|(unit, _)| *unit).collect();
        notes.push(asked.note(
            NoteKind::Unit,
            format!(
                "cells are in {}; each is added up by itself, and {name:?} says which",
                all.join(", ")
            ),
        ));
        measured.unit_column = Some(name.clone());
        let filled: u64 = self.several.iter().map(|(_, count)| count).sum();
        Some(ColumnProfile {
            name,
            kind: ColumnKind::Category,
            missing: asked.rows().saturating_sub(filled),
            distinct: self.several.len() as u64,
            min: Some(Value::Text((*first).min(*last).to_owned())),
            max: Some(Value::Text((*first).max(*last).to_owned())),
            examples: all.iter().take(5).map(|unit| (*unit).to_owned()).collect(),
            date_format: None,
            number_format: None,
            decimals: None,
            unit: None,
            unit_column: None,
            adds_up: false,
            truth: None,
            lists: None,
            sum_of: Vec::new(),
            quotient_of: None,
        })
    }
}

/// Moments that are counted instead of written: days as spreadsheets have them, or seconds since 1970, where the name says that it is one.
fn moments(
    asked: &Asked<'_>,
    profile_of_numbers: &ColumnProfile,
    held: &mut Reserved,
    notes: &mut Vec<Note>,
) -> Result<Option<Inferred>, Error> {
    let ends = profile_of_numbers
        .min
        .as_ref()
        .and_then(Value::as_f64)
        .zip(profile_of_numbers.max.as_ref().and_then(Value::as_f64));
    let Some((least, greatest)) = ends else {
        return Ok(None);
    };
    let within = |from: f64, until: f64| least >= from && greatest <= until;
    let (typed, format, told) =
        if names::names_a_date(asked.name) && within(*SERIALS.start(), *SERIALS.end()) {
            let mut with_time = false;
            asked.each(|cell| with_time |= cell.text.contains(['.', ',']))?;
            (
                Typed::Serial { with_time },
                "days since 1899",
                "numbers are read as dates, as spreadsheets count days (45292 is 2024-01-01)",
            )
        } else if names::names_a_moment(asked.name) && within(3e8, 4.2e9) {
            (
                Typed::Unix { millis: false },
                "Unix seconds",
                "numbers are read as seconds since 1970 (Unix time, UTC)",
            )
        } else if names::names_a_moment(asked.name) && within(3e11, 4.2e12) {
            (
                Typed::Unix { millis: true },
                "Unix milliseconds",
                "numbers are read as milliseconds since 1970 (Unix time, UTC)",
            )
        } else {
            return Ok(None);
        };
    let mut all = true;
    asked.each(|cell| {
        all &= !matches!(
            typed.read(cell.text),
            None | Some(Read::Integer(_) | Read::Real(_))
        )
    })?;
    if !all {
        return Ok(None);
    }
    notes.push(asked.note(NoteKind::DateFormat, told));
    let mut profile = profile(asked, typed, ColumnKind::Date, held)?;
    profile.date_format = Some(format.to_owned());
    Ok(Some(Inferred::Fits {
        profile,
        typed,
        units: None,
    }))
}

fn decimal_mark(asked: &Asked<'_>, notes: &mut Vec<Note>) -> Mark {
    let (votes, hints): (&Votes, &Hints) = (asked.votes, asked.hints);
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
    notes.push(asked.note(NoteKind::NumberFormat, format!(
        "no number tells whether a point or comma marks decimals; read with {decimal} for decimals and {thousands} for thousands, {why}"
    )));
    mark
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
    common: &Common,
) -> ColumnKind {
    let (name, filled) = (asked.name, asked.cells.filled());
    if !bare {
        return ColumnKind::Number;
    }
    // `tree, number`: what repeats under that name alone says how many.
    let says_how_many = name.eq_ignore_ascii_case("number") && profile.distinct < filled;
    if names::names_an_id(name) && !says_how_many {
        return if profile.distinct * 2 > filled {
            ColumnKind::Id
        } else {
            ColumnKind::Category
        };
    }
    // A nameless or first column that only counts the rows.
    let counts = common.counts_up && profile.distinct == filled && !names::names_a_group(name);
    if counts
        && ((name.starts_with("column_") && filled > 2) || (asked.leading && filled >= COUNTED))
    {
        return ColumnKind::Id;
    }
    if common.length.is_some_and(|length| length >= LONG)
        && profile.distinct * 2 > filled
        && filled > 1
    {
        return ColumnKind::Id;
    }
    // Weeks are called like kilowatts.
    let week = name.eq_ignore_ascii_case("kw")
        && matches!(
            (&profile.min, &profile.max),
            (Some(Value::Integer(1..)), Some(Value::Integer(..=53)))
        );
    if (week || names::names_a_group(name)) && profile.distinct <= 60 {
        ColumnKind::Category
    } else {
        ColumnKind::Number
    }
}
