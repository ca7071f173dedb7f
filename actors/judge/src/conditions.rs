//! What a text says of rows and columns: limits, flags, one column against another, the columns that it speaks of.

use aios_languages::Sense;

use crate::grid::{Grid, Limit, Pred, Side};
use crate::numeral::Bound;
use crate::text::Text;

/// Words before and behind a comparison in which the two columns are looked for.
const NEAR: usize = 4;

/// Conditions that a text sets on the rows of a table.
pub(crate) fn conditions(text: &Text, table: usize, grid: &Grid) -> Vec<Pred> {
    let mut out = Vec::new();
    // "Almost 45,000" is about a figure and sets no condition.
    let limits = text.numbers.iter().filter(|number| !number.rough);
    for number in limits.filter(|number| number.bound.is_some()) {
        let Some(bound) = number.bound else { continue };
        let before = &text.raw[..number.start];
        let inclusive = text.tags.iter().any(|tag| {
            matches!(
                tag.tag,
                aios_languages::Tag::Sense(Sense::AtLeast | Sense::AtMost)
            ) && text.words[tag.from].start.abs_diff(number.start) < 24
        }) || before.trim_end().ends_with(['≥', '≤']);
        let side = match (bound, inclusive) {
            (Bound::Above, false) => Side::Above,
            (Bound::Above, true) => Side::AtLeast,
            (Bound::Below, false) => Side::Below,
            (Bound::Below, true) => Side::AtMost,
        };
        let fits = |column: &usize| match (&number.unit, &grid.columns[*column].unit) {
            (Some(unit), Some(own)) => unit.convert(1.0, own).is_some(),
            (Some(unit), None) => !unit.is_share() && !unit.is_money(),
            (None, _) => true,
        };
        let mentioned = mentioned(text, grid);
        // Where a column has the unit of the limit, it is meant and none without a unit.
        let measured = |column: &usize| {
            let own = grid.columns[*column].unit.as_ref();
            let unit = number.unit.as_ref().zip(own);
            unit.is_some_and(|(unit, own)| unit.convert(1.0, own).is_some())
        };
        let any = grid.measures().any(|column| measured(&column));
        let columns: Vec<usize> = grid
            .measures()
            .filter(fits)
            .filter(|column| !any || measured(column))
            .collect();
        let named: Vec<usize> = columns
            .iter()
            .copied()
            .filter(|column| mentioned.contains(column))
            .collect();
        let by_unit = number.unit.is_some() && columns.len() == 1;
        let column = if by_unit {
            columns.first()
        } else {
            named
                .first()
                .or(columns.first().filter(|_| columns.len() == 1))
        };
        if let Some(&column) = column {
            let own = grid.columns[column].unit.as_ref();
            let value = match (&number.unit, own) {
                (Some(unit), Some(own)) => {
                    unit.convert(number.value(), own).unwrap_or(number.value())
                }
                _ => number.value(),
            };
            out.push(Pred::Side(column, side, Limit::of(value)));
        }
    }
    out.extend(flags(text, grid));
    out.extend(nameless(text, grid));
    out.extend(more_than(text, grid));
    let _ = table;
    out.sort_unstable();
    out.dedup();
    out
}

/// "Used more than it produced": one column is said to have more, or less, than another.
fn more_than(text: &Text, grid: &Grid) -> Option<Pred> {
    let named = |words: std::ops::Range<usize>| {
        let columns = grid.measures().filter(|column| {
            let stems = &grid.columns[*column].stems;
            text.stems
                .iter()
                .any(|(word, stem)| words.contains(word) && stems.contains(stem))
        });
        let columns: Vec<usize> = columns.collect();
        match columns.as_slice() {
            [one] => Some(*one),
            _ => None,
        }
    };
    text.tags.iter().find_map(|tag| {
        let more = match tag.tag {
            aios_languages::Tag::Sense(Sense::Ahead) => true,
            aios_languages::Tag::Sense(Sense::Behind) => false,
            _ => return None,
        };
        let one = named(tag.from.saturating_sub(NEAR)..tag.from)?;
        let other = named(tag.to..tag.to + NEAR)?;
        let (more, less) = if more { (one, other) } else { (other, one) };
        (one != other).then_some(Pred::More(more, less))
    })
}

/// Words between a denial and what is missing: "without any sponsor".
const ANY: usize = 1;

/// "Episodes without a sponsor": rows that have no name in a column, of which some have one.
fn nameless(text: &Text, grid: &Grid) -> Vec<Pred> {
    let denied = |word: usize| {
        text.tags.iter().any(|tag| {
            let between = word.checked_sub(tag.to);
            let denial = matches!(
                tag.tag,
                aios_languages::Tag::Sense(Sense::Negation | Sense::Lacking)
            );
            denial && between.is_some_and(|between| between <= ANY)
        })
    };
    let gaps = grid.groups().filter(|column| {
        let data = grid.data(*column);
        matches!(data, Some(crate::column::Data::Names { gaps: true, .. }))
    });
    let lacked = gaps.filter(|column| {
        let own = &grid.columns[*column].stems;
        let mut stems = text.stems.iter();
        stems.any(|(word, stem)| own.contains(stem) && denied(*word))
    });
    lacked.map(|column| Pred::Flag(column, false)).collect()
}

/// Where a text names a flag of one word, with the side that it is on: "members", "non-members".
pub(crate) fn flags_at(text: &Text, grid: &Grid) -> Vec<(Pred, usize, usize)> {
    let mut out = Vec::new();
    for column in grid.flags() {
        let own = &grid.columns[column];
        if own.name.split(|c: char| !c.is_alphanumeric()).count() > 1 {
            continue;
        }
        for (at, stem) in &text.stems {
            if !own.stems.contains(stem) {
                continue;
            }
            let word = &text.words[*at];
            let before = at
                .checked_sub(1)
                .map(|before| text.words[before].text.as_str());
            let head = before.filter(|before| matches!(*before, "non" | "nicht"));
            let denied = head.is_some()
                || text.tags.iter().any(|tag| {
                    tag.tag == aios_languages::Tag::Sense(Sense::Negation)
                        && tag.to <= *at
                        && at - tag.to <= 1
                });
            out.push((Pred::Flag(column, !denied), word.start, word.end));
        }
    }
    // "364 with breakfast, 253 without": a bare denial in another clause is the other side of the one flag that is named.
    let columns: std::collections::BTreeSet<Pred> = out.iter().map(|(pred, ..)| *pred).collect();
    if let ([Pred::Flag(column, true)], Some((_, start, _))) = (
        columns.into_iter().collect::<Vec<Pred>>().as_slice(),
        out.first().copied(),
    ) {
        let clause = text.clause(start);
        let bare = text.tags.iter().filter(|tag| {
            let place = text.words[tag.from].start;
            tag.tag == aios_languages::Tag::Sense(Sense::Negation) && text.clause(place) != clause
        });
        let others: Vec<(Pred, usize, usize)> = bare
            .map(|tag| {
                let (from, to) = (text.words[tag.from].start, text.words[tag.to - 1].end);
                (Pred::Flag(*column, false), from, to)
            })
            .collect();
        out.extend(others);
    }
    out
}

/// "No delay", "on time": rows in which there is nothing of a quantity.
pub(crate) fn none_of(text: &Text, grid: &Grid) -> Vec<Pred> {
    let nothing = |column: usize| Pred::Side(column, Side::AtMost, Limit::of(0.0));
    let speaks = |column: usize, word: usize| {
        let own = &grid.columns[column];
        text.stems.iter().any(|(at, stem)| *at == word && own.stems.contains(stem))
            || text.tags.iter().any(|tag| {
                tag.from == word
                    && matches!(tag.tag, aios_languages::Tag::Concept(concept) if own.concepts.contains(&concept))
            })
    };
    let late = ["late", "error"].map(aios_languages::concept_number);
    let ranked = text.has(Sense::Highest) || text.has(Sense::Lowest);
    let mut out = Vec::new();
    for tag in &text.tags {
        match tag.tag {
            aios_languages::Tag::Sense(Sense::Negation) => {
                let said = |column: &usize| speaks(*column, tag.to) || speaks(*column, tag.to + 1);
                out.extend(grid.measures().filter(said).map(nothing));
            }
            aios_languages::Tag::Sense(Sense::Inverse) if !ranked => {
                let bad = |column: &usize| {
                    let own = &grid.columns[*column].concepts;
                    late.iter().any(|concept| own.contains(concept))
                };
                out.extend(grid.measures().filter(bad).map(nothing));
            }
            _ => {}
        }
    }
    out.sort_unstable();
    out.dedup();
    out
}

/// Flags that a text speaks of: all words of the column's name stand in it.
fn flags(text: &Text, grid: &Grid) -> Vec<Pred> {
    let mut out = Vec::new();
    let sides = flags_at(text, grid);
    for column in grid.flags() {
        // Of both sides neither is a condition on all that is said.
        let has = |side: bool| {
            sides
                .iter()
                .any(|(pred, ..)| *pred == Pred::Flag(column, side))
        };
        if has(true) && has(false) {
            continue;
        }
        let own = &grid.columns[column];
        let said: std::collections::HashSet<&str> = text
            .stems
            .iter()
            .map(|(_, stem)| stem.as_str())
            .filter(|stem| {
                own.stems.contains(*stem) || own.stems.iter().any(|name| begins(stem, name))
            })
            .collect();
        // "People" are no guests: what many things are about tells no flag.
        let wide = ["person", "date", "duration", "quantity"].map(aios_languages::concept_number);
        let concepts: std::collections::HashSet<u32> = text
            .concepts()
            .filter(|concept| own.concepts.contains(concept) && !wide.contains(concept))
            .collect();
        let words = own
            .name
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| {
                let lower = word.to_lowercase();
                let plain = aios_languages::lexicons()
                    .first()
                    .is_some_and(|english| english.is_stop(&lower));
                word.len() > 1 && !plain
            })
            .count()
            .max(1);
        if said.len().max(concepts.len()) * 2 > words.min(3)
            || said.len() + concepts.len() >= words.max(2)
        {
            // "No-show" is a name that denies: who "did not show up" is one, and who showed up is none.
            let negative = aios_languages::lexicons().iter().any(|lexicon| {
                let spaced = own.name.replace('_', " ");
                let tags = lexicon.tags(&aios_languages::folded(&spaced));
                tags.iter()
                    .any(|tag| tag.tag == aios_languages::Tag::Sense(Sense::Negation))
            });
            out.push(Pred::Flag(column, text.has(Sense::Negation) == negative));
        }
    }
    out
}

/// Letters of a name that a compound begins or ends with.
const PART: usize = 5;

/// Letters of a name that a word may go on from, and of what it goes on with.
const HEAD: usize = 6;
const TAIL: usize = 3;

/// "Garantiefall" of a flag "Garantie".
fn begins(word: &str, name: &str) -> bool {
    name.len() >= HEAD && word.len() >= name.len() + TAIL && word.starts_with(name)
}

/// Whether a word is put together of a name and something else.
fn is_compound(word: &str, name: &str) -> bool {
    name.len() >= PART
        && word.len() >= name.len() + PART
        && (word.starts_with(name) || word.ends_with(name))
}

/// The columns that a text speaks of: by the words of their names or what these are about. Of the quantities those count that fit best,
/// and those that are named by a word that no better one has.
pub(crate) fn mentioned(text: &Text, grid: &Grid) -> Vec<usize> {
    mentioned_within(text, grid, 0..usize::MAX)
}

/// The same within a stretch of the text.
pub(crate) fn mentioned_within(
    text: &Text,
    grid: &Grid,
    within: std::ops::Range<usize>,
) -> Vec<usize> {
    let inside = |word: usize| {
        text.words
            .get(word)
            .is_some_and(|word| within.contains(&word.start))
    };
    // "The price per kilo" is no weight.
    let rated = |word: usize| {
        let per = text
            .tags
            .iter()
            .any(|tag| tag.tag == aios_languages::Tag::Sense(Sense::Per) && tag.to == word);
        let unit = |tag: &aios_languages::Tagged| {
            matches!(tag.tag, aios_languages::Tag::Unit(_)) && tag.from == word
        };
        per && text.tags.iter().any(unit)
    };
    let inside = |word: usize| inside(word) && !rated(word);
    let mut out = Vec::new();
    let mut quantities: Vec<(usize, usize, Vec<&String>)> = Vec::new();
    for (index, column) in grid.columns.iter().enumerate() {
        if matches!(column.data, crate::column::Data::Derived(_)) {
            continue;
        }
        let stems: Vec<&String> = text
            .stems
            .iter()
            .filter(|(word, stem)| inside(*word) && column.stems.contains(stem))
            .map(|(_, stem)| stem)
            .collect();
        let concepts = text
            .tags
            .iter()
            .filter(|tag| inside(tag.from))
            .filter(|tag| {
                matches!(tag.tag, aios_languages::Tag::Concept(concept) if column.concepts.contains(&concept))
            })
            .count();
        // "Wassertemperatur" speaks of a column "Wasser".
        let quantity = matches!(column.data, crate::column::Data::Numbers(_));
        let mut stems = stems;
        // A word of its own that is put together of the name tells more than what the name is about.
        let mut score = stems.len().min(3) * 2 + concepts.min(2);
        if stems.is_empty() && quantity {
            let own = text.stems.iter().filter(|(word, _)| inside(*word));
            let parts = own.map(|(_, stem)| stem);
            stems = parts
                .filter(|stem| column.stems.iter().any(|name| is_compound(stem, name)))
                .collect();
            score = score.max(usize::from(!stems.is_empty()));
        }
        if score == 0 {
            continue;
        }
        match column.data {
            crate::column::Data::Numbers(_) => quantities.push((index, score, stems)),
            _ => out.push(index),
        }
    }
    let best = quantities
        .iter()
        .map(|(_, score, _)| *score)
        .max()
        .unwrap_or(0);
    let known: Vec<&String> = quantities
        .iter()
        .filter(|(_, score, _)| *score == best)
        .flat_map(|(_, _, stems)| stems.iter().copied())
        .collect();
    out.extend(
        quantities
            .iter()
            .filter(|(_, score, stems)| {
                *score == best || stems.iter().any(|stem| !known.contains(stem))
            })
            .map(|(index, ..)| *index),
    );
    out.sort_unstable();
    out
}
