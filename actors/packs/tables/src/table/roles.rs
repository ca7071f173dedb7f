//! What columns say of each other: one holds the currency or unit of another, one is the sum of others.

use super::CHECK_EVERY;
use super::cells::Characters;
use super::infer::Column;
use super::labels;
use super::names;
use super::typed::{Read, Typed};
use super::units;
use crate::Quotient;
use crate::note::{Note, NoteKind};
use crate::{ColumnKind, Error};
use aios_tools::Check;

/// Different units that one column may hold.
const UNITS: usize = 64;
/// Rows that are compared to know a column as a sum: a sum over all of these is no chance.
const COMPARED: usize = 50_000;
/// Columns that are tried as the parts of a sum.
const PARTS: usize = 64;
/// Columns that are tried as the sides of a quotient, in pairs.
const QUOTED: usize = 12;

/// Settles what columns say of each other.
pub(super) fn settle(
    columns: &mut [Column],
    rows: usize,
    source: Characters<'_>,
    notes: &mut Vec<Note>,
    check: Check<'_>,
) -> Result<(), Error> {
    for at in 0..columns.len() {
        if let Some(found) = columns.get(at).and_then(|column| stated(column, source)) {
            govern(columns, at, &found, notes);
        }
    }
    for at in 0..columns.len() {
        check()?;
        if let Some(parts) = parts(columns, at, rows, source, check)?
            && let Some(column) = columns.get_mut(at)
        {
            notes.push(
                Note::new(
                    NoteKind::SumOfOthers,
                    format!("each value is the sum of {}", shown(&parts)),
                )
                .about(&column.profile.name),
            );
            column.profile.sum_of = parts;
        }
        if let Some(quotient) = quotient(columns, at, rows, source, check)?
            && let Some(column) = columns.get_mut(at)
        {
            column.profile.quotient_of = Some(quotient);
        }
    }
    Ok(())
}

fn shown(names: &[String]) -> String {
    match names {
        [first, .., last] if names.len() > 4 => format!("{first:?} to {last:?}"),
        names => {
            let quoted: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
            quoted.join(", ")
        }
    }
}

/// The units that the cells of a column of nothing but units name.
fn stated(column: &Column, source: Characters<'_>) -> Option<Vec<&'static str>> {
    let profile = &column.profile;
    if column.typed != Typed::Text || profile.distinct == 0 || profile.distinct > UNITS as u64 {
        return None;
    }
    column.cells.coded()?;
    let named = names::names_a_unit(&profile.name);
    let mut found: Vec<&'static str> = Vec::new();
    for cell in column.cells.different(source) {
        let unit =
            units::currency(cell.text).or_else(|| units::measure(cell.text).filter(|_| named))?;
        // Without a name that says so only codes of three letters are beyond doubt.
        if !named && cell.text.len() != 3 {
            return None;
        }
        if !found.contains(&unit) {
            found.push(unit);
        }
    }
    (!found.is_empty()).then_some(found)
}

/// Says which columns are in the units that the column at `at` names.
fn govern(columns: &mut [Column], at: usize, units: &[&'static str], notes: &mut Vec<Note>) {
    let money = units.iter().all(|unit| units::is_currency(unit));
    let open = |column: &Column| {
        column.profile.kind == ColumnKind::Number
            && column.profile.unit.is_none()
            && column.profile.unit_column.is_none()
            && column.profile.truth.is_none()
    };
    let mut governed: Vec<usize> = Vec::new();
    if money {
        governed = columns
            .iter()
            .enumerate()
            .filter(|(_, column)| open(column) && names::names_money(&column.profile.name))
            .map(|(at, _)| at)
            .collect();
    }
    if governed.is_empty() {
        let before = (0..at).rev().find(|at| columns.get(*at).is_some_and(open));
        let behind = (at + 1..columns.len()).find(|at| columns.get(*at).is_some_and(open));
        // The nearest one; a unit mostly stands behind its number.
        let near = match (before, behind) {
            (Some(before), Some(behind)) if at - before > behind - at => Some(behind),
            (before, behind) => before.or(behind),
        };
        governed.extend(near);
    }
    let Some(name) = columns.get(at).map(|column| column.profile.name.clone()) else {
        return;
    };
    let mut told = Vec::new();
    for column in governed {
        let Some(column) = columns.get_mut(column) else {
            continue;
        };
        told.push(column.profile.name.clone());
        match units {
            [only] => column.profile.unit = Some((*only).to_owned()),
            _ => column.profile.unit_column = Some(name.clone()),
        }
        column.profile.adds_up &=
            super::numbers::adds_up(&column.profile.name, column.profile.unit.as_deref());
    }
    if told.is_empty() {
        return;
    }
    let text = match units {
        [only] => format!("says that {} is in {only}", shown(&told)),
        _ => format!(
            "says the {} of {}: {}; each is added up by itself",
            if money { "currency" } else { "unit" },
            shown(&told),
            units.join(", ")
        ),
    };
    notes.push(Note::new(NoteKind::Unit, text).about(&name));
}

/// The columns whose sum a column is, where it is called a sum.
fn parts(
    columns: &[Column],
    at: usize,
    rows: usize,
    source: Characters<'_>,
    check: Check<'_>,
) -> Result<Option<Vec<String>>, Error> {
    let is_number = |column: &Column| {
        column.profile.kind == ColumnKind::Number && column.profile.truth.is_none()
    };
    let Some(sum) = columns
        .get(at)
        .filter(|column| is_number(column) && labels::names_a_sum(&column.profile.name))
    else {
        return Ok(None);
    };
    // The run of numbers before it, and the one behind it.
    let before = columns.get(..at).unwrap_or_default();
    let before: Vec<&Column> = before
        .iter()
        .rev()
        .take_while(|column| is_number(column))
        .take(PARTS)
        .collect();
    let behind = columns.get(at + 1..).unwrap_or_default();
    let behind: Vec<&Column> = behind
        .iter()
        .take_while(|column| is_number(column))
        .take(PARTS)
        .collect();
    for run in [before, behind] {
        if run.len() < 2 {
            continue;
        }
        // Shorter runs, as long as they hold in all rows.
        let mut holds = vec![true; run.len() + 1];
        let mut seen = 0;
        for row in 0..rows.min(COMPARED) {
            if row % CHECK_EVERY == 0 {
                check()?;
            }
            let Some(whole) = value(sum, row, source) else {
                continue;
            };
            let mut part = 0.0;
            for (count, column) in run.iter().enumerate() {
                part += value(column, row, source).unwrap_or_default();
                if let Some(holds) = holds.get_mut(count + 1) {
                    let slack = (1e-9 * whole.abs()).max(0.006);
                    *holds &= (whole - part).abs() <= slack;
                }
            }
            seen += 1;
        }
        let longest = (2..=run.len())
            .rev()
            .find(|count| holds.get(*count) == Some(&true));
        if let Some(count) = longest.filter(|_| seen > 0) {
            let mut names: Vec<String> = run
                .iter()
                .take(count)
                .map(|column| column.profile.name.clone())
                .collect();
            if run
                .first()
                .zip(columns.get(at.wrapping_sub(1)))
                .is_some_and(|(first, last)| std::ptr::eq(*first, last))
            {
                names.reverse();
            }
            return Ok(Some(names));
        }
    }
    Ok(None)
}

/// Of which two columns a rate is the quotient, in all rows that have it.
fn quotient(
    columns: &[Column],
    at: usize,
    rows: usize,
    source: Characters<'_>,
    check: Check<'_>,
) -> Result<Option<Quotient>, Error> {
    let is_number = |column: &&Column| {
        column.profile.kind == ColumnKind::Number && column.profile.truth.is_none()
    };
    let is_rate =
        |column: &&Column| column.profile.unit.as_deref() == Some("%") || !column.profile.adds_up;
    let Some(rate) = columns.get(at).filter(is_number).filter(is_rate) else {
        return Ok(None);
    };
    let slack = 0.500_1 * 10f64.powi(-(rate.profile.decimals.unwrap_or(0).min(12) as i32));
    let others: Vec<&Column> = columns
        .iter()
        .filter(is_number)
        .filter(|column| column.profile.adds_up && !std::ptr::eq(*column, rate))
        .take(QUOTED)
        .collect();
    for part in &others {
        for whole in others.iter().filter(|whole| !std::ptr::eq(**whole, *part)) {
            check()?;
            let (mut seen, mut once, mut percent) = (0, true, true);
            for row in 0..rows.min(COMPARED) {
                let all = (
                    value(rate, row, source),
                    value(part, row, source),
                    value(whole, row, source),
                );
                let (Some(rate), Some(part), Some(whole)) = all else {
                    continue;
                };
                if whole == 0.0 {
                    continue;
                }
                once &= (rate - part / whole).abs() <= slack;
                percent &= (rate - 100.0 * part / whole).abs() <= slack;
                seen += 1;
                if !once && !percent {
                    break;
                }
            }
            if seen >= 3 && (once || percent) {
                return Ok(Some(Quotient {
                    part: part.profile.name.clone(),
                    whole: whole.profile.name.clone(),
                    percent,
                }));
            }
        }
    }
    Ok(None)
}

fn value(column: &Column, row: usize, source: Characters<'_>) -> Option<f64> {
    match column.read(row, source)? {
        Read::Integer(number) => Some(number as f64),
        Read::Real(number) => Some(number),
        Read::Text(_) => None,
    }
}
