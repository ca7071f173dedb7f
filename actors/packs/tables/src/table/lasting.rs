//! Columns of times that something took: `1:45` for an hour and three quarters.
//!
//! A time of day is written alike and is no amount, so the column's name must say that something lasted.

use super::asked::{Asked, Inferred};
use super::clocks::{clock, seconds};
use super::describe::profile;
use super::typed::Typed;
use crate::note::NoteKind;
use crate::{ColumnKind, Error};
use aios_languages::folded;
use aios_tools::Reserved;

/// Beginnings of words for what lasts.
const LASTS: [&str; 15] = [
    "time", "duration", "length", "elapsed", "hours", "practice", "worked", "runtime", "overtime",
    "dauer", "zeit", "duree", "temps", "duracion", "tiempo",
];
/// Beginnings of words for a time of day.
const OF_DAY: [&str; 14] = [
    "start", "end", "begin", "from", "until", "open", "clos", "arriv", "depart", "uhrzeit", "of",
    "at", "log", "created",
];

/// Headings that say either, where nothing stands beside them.
const TIME: [&str; 5] = ["time", "zeit", "temps", "tiempo", "heure"];

/// How the note begins that says a column is read so where `3:20` may be minutes and seconds as well.
pub(crate) const HOURS: &str = "times are read as hours and minutes";

/// Reads a column of such times, all with the same parts; `None` for any other.
pub(super) fn lasting(
    asked: &Asked<'_>,
    held: &mut Reserved,
    notes: &mut Vec<crate::note::Note>,
) -> Result<Option<Inferred>, Error> {
    let words = folded(asked.name);
    let has = |all: &[&str]| {
        words
            .iter()
            .any(|word| all.iter().any(|begin| word.text.starts_with(begin)))
    };
    if !has(&LASTS) || has(&OF_DAY) {
        return Ok(None);
    }
    if let Some(timed) = timed(asked, held, notes)? {
        return Ok(Some(timed));
    }
    let (mut parts, mut fits, mut hours) = (None, true, true);
    asked.each(|cell| match clock(cell.text) {
        Some((count, sum)) => {
            fits &= parts.is_none_or(|known| known == count);
            // What has more hours than a day may be minutes and seconds as well.
            hours &= count == 3 || sum < 24 * 60;
            parts = Some(count);
        }
        None => fits = false,
    })?;
    // Beside places in an order a time is of a race, in minutes and seconds, where nobody takes ten hours.
    let mut least = i64::MAX;
    asked.each(|cell| least = clock(cell.text).map_or(least, |(_, sum)| least.min(sum)))?;
    let raced = asked.hints.placed && parts == Some(2) && least >= 10 * 60;
    let Some(parts) = parts.filter(|_| fits && (hours || raced)) else {
        return Ok(None);
    };
    // `Time` alone over `08:15`, `13:30`: hours of a day, all of them while people are up, and some past ten.
    let bare = matches!(words.as_slice(), [only] if TIME.contains(&only.text.as_str()));
    let (mut late, mut up) = (false, true);
    asked.each(|cell| {
        if let Some((_, sum)) = clock(cell.text) {
            late |= sum >= 10 * 60;
            up &= sum >= 5 * 60;
        }
    })?;
    if parts == 2 && bare && late && up && !raced {
        return Ok(None);
    }
    let mut profile = profile(asked, Typed::Clock, ColumnKind::Number, held)?;
    let (unit, told) = match parts {
        2 if raced => (
            "s",
            "times beside places are read as minutes and seconds, and told in seconds".to_owned(),
        ),
        2 => ("min", format!("{HOURS}, and told in minutes")),
        _ => (
            "s",
            "times are read as hours, minutes and seconds, and told in seconds".to_owned(),
        ),
    };
    notes.push(asked.note(NoteKind::NumberFormat, told));
    profile.decimals = Some(0);
    profile.unit = Some(unit.to_owned());
    profile.adds_up = !raced;
    Ok(Some(Inferred::Fits {
        profile,
        typed: Typed::Clock,
        units: None,
    }))
}

/// Reads a column of times of which some have parts of a second: `1:01.4` beside `58.7`.
fn timed(
    asked: &Asked<'_>,
    held: &mut Reserved,
    notes: &mut Vec<crate::note::Note>,
) -> Result<Option<Inferred>, Error> {
    let (mut fits, mut parts, mut decimals) = (true, false, 0);
    asked.each(|cell| match seconds(cell.text) {
        Some((_, digits)) => {
            parts |= digits > 0 && cell.text.contains(':');
            decimals = decimals.max(digits);
        }
        None => fits = false,
    })?;
    if !fits || !parts {
        return Ok(None);
    }
    let mut profile = profile(asked, Typed::Seconds, ColumnKind::Number, held)?;
    notes.push(asked.note(
        NoteKind::NumberFormat,
        "times are read as minutes, seconds and parts of a second, and told in seconds",
    ));
    profile.decimals = Some(decimals);
    profile.unit = Some("s".to_owned());
    // Beside places in an order each is of another who ran.
    profile.adds_up = !asked.hints.placed;
    Ok(Some(Inferred::Fits {
        profile,
        typed: Typed::Seconds,
        units: None,
    }))
}
