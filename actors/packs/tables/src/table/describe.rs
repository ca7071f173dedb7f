//! What is told of every column: how many cells are missing or different, the extremes, the most frequent cells.

use super::asked::Asked;
use super::keyed::Keyed;
use super::typed::{Read, Typed};
use aios_work::Value;

use crate::{ColumnKind, ColumnProfile, Error};
use aios_tools::Reserved;

/// What every kind of column has in common.
pub(super) fn profile(
    asked: &Asked<'_>,
    typed: Typed,
    kind: ColumnKind,
    held: &mut Reserved,
) -> Result<ColumnProfile, Error> {
    // Different cells may hold the same value (`1.0` and `1.00`), so values are told apart by a number of their own: themselves, or the
    // hash of a text.
    let keyed = Keyed::new();
    let mark = |read: &Read<'_>| match read {
        Read::Integer(number) => *number as u64,
        Read::Real(number) => number.to_bits(),
        Read::Text(text) => keyed.of(text),
    };
    let (mut least, mut greatest): (Option<Read<'_>>, Option<Read<'_>>) = (None, None);
    let mut marks: Vec<u64> = Vec::new();
    let (mut room, mut valued) = (Ok(()), 0);
    asked.each(|cell| {
        let Some(read) = typed.read(cell.text) else {
            return;
        };
        valued += cell.count;
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
    let distinct = marks.chunk_by(|a, b| a == b).count() as u64;
    let examples = match typed {
        // Texts are their own values, so their hashes are there.
        Typed::Text => examples(asked, &keyed, Some(&marks), held)?,
        _ => examples(asked, &keyed, None, held)?,
    };
    held.release(marks);
    Ok(ColumnProfile {
        name: asked.name.to_owned(),
        kind,
        missing: asked.rows() - valued,
        distinct,
        min: least.map(|read| bounded(read.into_value())),
        max: greatest.map(|read| bounded(read.into_value())),
        examples,
        date_format: None,
        number_format: None,
        decimals: None,
        unit: None,
        unit_column: None,
        adds_up: true,
        truth: None,
        lists: None,
        sum_of: Vec::new(),
        quotient_of: None,
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
/// Texts that are looked for one by one among all cells; of more of them the first are soon met.
const WANTED: usize = 1_024;

/// The most frequent cells as they are written, equal counts in the file's order. `known` are the sorted hashes of all cells, where they are
/// there already.
fn examples(
    asked: &Asked<'_>,
    keyed: &Keyed,
    known: Option<&[u64]>,
    held: &mut Reserved,
) -> Result<Vec<String>, Error> {
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
    let mut own: Vec<u64> = Vec::new();
    let marks = match known {
        Some(known) => known,
        None => {
            let mut room = Ok(());
            asked.each(|cell| {
                if room.is_ok() {
                    room = held.push(&mut own, keyed.of(cell.text));
                }
            })?;
            room?;
            own.sort_unstable();
            &own
        }
    };
    // The five greatest counts say which cells are examples.
    let runs = || marks.chunk_by(|a, b| a == b);
    let mut greatest: Vec<u64> = Vec::new();
    for run in runs() {
        let count = run.len() as u64;
        let place = greatest.partition_point(|known| *known >= count);
        if place < EXAMPLES {
            greatest.insert(place, count);
            greatest.truncate(EXAMPLES);
        }
    }
    let least = greatest.last().copied().unwrap_or(0);
    let mut equal = greatest.iter().filter(|count| **count == least).count();
    let wanted: Vec<(u64, u64)> = runs()
        .filter(|run| run.len() as u64 >= least)
        .filter_map(|run| Some((*run.first()?, run.len() as u64)))
        .take(WANTED + 1)
        .collect();
    let count_of = |mark: u64| {
        if wanted.len() <= WANTED {
            let at = wanted.binary_search_by_key(&mark, |(mark, _)| *mark).ok()?;
            return wanted.get(at).map(|(_, count)| *count);
        }
        let start = marks.partition_point(|other| *other < mark);
        let end = marks.partition_point(|other| *other <= mark);
        Some((end - start) as u64)
    };
    let mut most: Vec<(u64, u64, &str)> = Vec::with_capacity(EXAMPLES);
    asked.each(|cell| {
        if most.len() == greatest.len() {
            return;
        }
        let mark = keyed.of(cell.text);
        // What is frequent comes often, and is counted once.
        if most.iter().any(|(_, other, _)| *other == mark) {
            return;
        }
        let Some(count) = count_of(mark) else {
            return;
        };
        if count < least || (count == least && equal == 0) {
            return;
        }
        equal -= usize::from(count == least);
        most.push((count, mark, cell.text));
    })?;
    held.release(own);
    most.sort_by_key(|(count, ..)| std::cmp::Reverse(*count));
    Ok(most.into_iter().map(|(_, _, text)| shown(text)).collect())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use crate::{form, table};
    use aios_tools::Memory;

    /// One cell 300,000 times among 70,000 others that differ: if each of its rows cost as much as it has rows, this would take hours.
    #[test]
    fn a_cell_that_is_most_of_a_long_column_is_counted_once() {
        let mut text = "name,other\n".to_owned();
        for row in 0..370_000 {
            match row {
                // Those that differ are too many for codes, and none comes before.
                300_000.. => text.push_str(&format!("n{row} x,1\n")),
                _ => text.push_str("the same one,1\n"),
            }
        }
        let begun = Instant::now();
        let mut held = Memory::of(u64::MAX).reserve("t.csv", 0).unwrap();
        let read = form::read("t.csv", text.into_bytes(), &mut held, &|| Ok(())).unwrap();
        let table = table::read("t.csv", read, held, &|| Ok(())).unwrap();
        let name = &table.columns[0];
        assert!(name.cells.coded().is_none());
        let told = [
            "the same one",
            "n300000 x",
            "n300001 x",
            "n300002 x",
            "n300003 x",
        ];
        assert_eq!(name.profile.examples, told);
        assert_eq!(name.profile.distinct, 70_001);
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{:?}",
            begun.elapsed()
        );
    }
}
