//! Decides what a column is and how its cells are read for good.
//!
//! A column may have as many different cells as rows, so nothing is kept per cell: each question walks over the cells again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::asked::{Asked, Inferred};
use super::cells::{Cells, Characters};
use super::column::{Misfits, Shape, is_word, suffices};
use super::date::{DateReading, Layout};
use super::day_order::Numeric;
use super::describe::profile;
use super::names;
use super::numbers::numbers;
use super::typed::{Read, Typed};
use crate::note::{Note, NoteKind};
use crate::{ColumnKind, ColumnProfile, Error, Truth};
use aios_tools::Reserved;

/// A column as it goes into a database: its cells, and what they are.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) profile: ColumnProfile,
    pub(crate) typed: Typed,
    /// Shared with the column of the units that stand in the same cells.
    pub(crate) cells: Arc<Cells>,
}

impl Column {
    /// The value of a row.
    pub(crate) fn read<'t>(&'t self, row: usize, source: Characters<'t>) -> Option<Read<'t>> {
        let text = self.cells.text(row, source)?;
        self.typed.read(text)
    }
}

/// Reads a column. Each assumption becomes a note.
pub(crate) fn infer(
    asked: &Asked<'_>,
    held: &mut Reserved,
    notes: &mut Vec<Note>,
) -> Result<Inferred, Error> {
    let (name, votes) = (asked.name, asked.votes);
    let shape = votes.shape(name);
    let read = match shape {
        // Years and eight-digit dates are numbers too: where one of them is no date, the others need not be.
        Shape::Dates => match dates(asked, held, notes)? {
            Some(Inferred::Spoilt(_)) if votes.all_numbers() => numbers(asked, held, notes)?,
            read => read,
        },
        Shape::Numbers => numbers(asked, held, notes)?,
        Shape::Texts { part } if part * 2 >= votes.filled && part > 1 => {
            notes.push(asked.note(
                NoteKind::Mixed,
                format!(
                    "{part} of {} cells are numbers or dates, the others are not; read as text",
                    votes.filled
                ),
            ));
            None
        }
        Shape::Texts { .. } | Shape::Empty => None,
    };
    if let Some(read) = read {
        return Ok(read);
    }
    if let Some(lasting) = super::lasting::lasting(asked, held, notes)? {
        return Ok(lasting);
    }
    let mut profile = profile(asked, Typed::Text, ColumnKind::Text, held)?;
    profile.kind = text_kind(asked, shape, profile.distinct)?;
    profile.truth = truth(asked, profile.distinct)?;
    let texts = matches!(
        profile.kind,
        ColumnKind::Category | ColumnKind::Text | ColumnKind::Id
    );
    if texts {
        let cells = asked.cells.different(asked.source).map(|cell| cell.text);
        profile.lists = super::lists::between(cells);
    }
    Ok(Inferred::Fits {
        profile,
        typed: Typed::Text,
        units: None,
    })
}

/// Reads a column of dates; `None` if too few cells are dates after all.
fn dates(
    asked: &Asked<'_>,
    held: &mut Reserved,
    notes: &mut Vec<Note>,
) -> Result<Option<Inferred>, Error> {
    let mut say = |text: String| notes.push(asked.note(NoteKind::DateFormat, text));
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
    let order = numeric.order(votes, asked.hints, &mut say);
    let (mut misfits, mut words) = (Misfits::default(), Misfits::default());
    let mut layouts: BTreeMap<Layout, u64> = BTreeMap::new();
    asked.each(|cell| {
        let read = reading(cell.text);
        match read.filter(|reading| reading.iso(order, with_time).is_some()) {
            Some(reading) => *layouts.entry(reading.layout).or_default() += cell.count,
            None if is_word(cell.text) => words.add(cell),
            None => misfits.add(cell),
        }
    })?;
    if !suffices(votes.filled, misfits.count(), words.count()) {
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
    let all: Vec<&str> = offsets.iter().map(String::as_str).collect();
    let utc = with_time && all.len() > 1;
    if utc {
        say(format!(
            "times carry several offsets ({}) and are all told in UTC",
            all.join(", ")
        ));
    } else if with_time && offsets.iter().any(|offset| offset != "Z") {
        say(format!(
            "times carry the offset {} and are kept as written, not converted",
            all.join(", ")
        ));
    }
    notes.extend(asked.words(&words, "date"));
    let typed = Typed::Date {
        order,
        with_time,
        utc,
    };
    let mut profile = profile(asked, typed, ColumnKind::Date, held)?;
    profile.date_format = Some(format);
    Ok(Some(Inferred::Fits {
        profile,
        typed,
        units: None,
    }))
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

/// Words for yes, and the word for no that goes with each.
#[rustfmt::skip]
const ANSWERS: [(&str, &str); 20] = [
    ("yes", "no"), ("y", "n"), ("true", "false"), ("t", "f"), ("ja", "nein"), ("j", "n"), ("wahr", "falsch"), ("oui", "non"), ("o", "n"),
    ("vrai", "faux"), ("sí", "no"), ("si", "no"), ("verdadero", "falso"), ("vero", "falso"), ("sim", "não"), ("да", "нет"), ("是", "否"),
    ("on", "off"), ("✓", "✗"), ("ja", "nej"),
];

/// What the cells of a column of two answers mean.
fn truth(asked: &Asked<'_>, distinct: u64) -> Result<Option<Truth>, Error> {
    // `Yes` and `yes` are two different cells of one answer.
    if !(1..=6).contains(&distinct) || asked.cells.coded().is_none() {
        return Ok(None);
    }
    let mut cells: Vec<String> = Vec::new();
    asked.each(|cell| cells.push(cell.text.to_owned()))?;
    let of = |word: &str| -> Vec<String> {
        let same = cells.iter().filter(|cell| cell.to_lowercase() == word);
        same.cloned().collect()
    };
    let answers = ANSWERS.iter().map(|(yes, no)| Truth {
        yes: of(yes),
        no: of(no),
    });
    let found = answers
        .filter(|truth| truth.yes.len() + truth.no.len() == cells.len())
        .find(|truth| {
            let both = !truth.yes.is_empty() && !truth.no.is_empty();
            // A letter alone may be anything.
            both || cells.iter().all(|cell| cell.chars().count() > 2)
        });
    Ok(found.or_else(|| denied(&cells)))
}

/// `allowed` and `not allowed`: two answers of which one denies the other.
fn denied(cells: &[String]) -> Option<Truth> {
    #[rustfmt::skip]
    const DENIALS: [&str; 12] = [
        "not ", "no ", "non ", "non-", "un", "nicht ", "kein ", "keine ", "pas ", "pas de ", "sin ", "not-",
    ];
    let plain = |cell: &str| cell.trim().to_lowercase();
    let denies = |one: &str, other: &str| {
        DENIALS
            .iter()
            .any(|denial| one.strip_prefix(denial) == Some(other))
    };
    let first = cells
        .iter()
        .map(|cell| plain(cell))
        .find(|cell| cells.iter().any(|other| denies(&plain(other), cell)))
        .filter(|cell| cell.chars().count() >= 3)?;
    let (yes, no): (Vec<String>, Vec<String>) =
        cells.iter().cloned().partition(|cell| plain(cell) == first);
    no.iter()
        .all(|cell| denies(&plain(cell), &first))
        .then_some(Truth { yes, no })
}
