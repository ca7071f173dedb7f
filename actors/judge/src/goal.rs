//! What a goal asks for, point by point, as the judge reads it: not as a planner does.

use aios_languages::{Lexicon, Sense};

use crate::grid::{Grid, Limit, Pred, Side};
use crate::moment::Moment;
use crate::numeral::Bound;
use crate::text::{Names, Text};
use crate::unit::Unit;

/// A goal as it was read.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// All of it.
    pub text: Text,
    /// Its points.
    pub points: Vec<Point>,
    /// From when to when something is compared.
    pub pairs: Vec<(Moment, Moment)>,
    /// The units that it asks for.
    pub units: Vec<Unit>,
}

/// One point of a goal.
#[derive(Debug)]
pub(crate) struct Point {
    /// Its words.
    pub text: Text,
    /// What answers it.
    pub need: Need,
}

/// What answers a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// A figure.
    Figure,
    /// A figure for each of a kind.
    Each,
    /// Who or what is first or last.
    Extreme,
    /// A count.
    Count,
    /// A part of a whole.
    Share,
    /// A difference or a change.
    Change,
    /// Up or down.
    Direction,
    /// A length of time.
    Duration,
    /// An amount of money.
    Money,
    /// A date or time.
    Date,
    /// Anything said about it.
    Topic,
}

/// Words before and behind a comparison in which the two columns are looked for.
const NEAR: usize = 4;

impl Asked {
    /// Reads a goal.
    pub(crate) fn read(goal: &str, lexicon: &Lexicon, names: &Names, grids: &[Grid]) -> Self {
        let text = Text::read(goal, lexicon, names, grids);
        let mut points: Vec<Point> = Vec::new();
        let mut waiting = String::new();
        for piece in pieces(&text) {
            let said = format!("{waiting}{piece}");
            let read = Text::read(&said, lexicon, names, grids);
            match need(&read, grids) {
                // "..., per kind of room?" goes on with what was asked before it.
                Some(Need::Each) if goes_on(&read, points.last()) => {
                    if let Some(last) = points.last_mut() {
                        let said = format!("{}, {piece}", last.text.raw);
                        last.text = Text::read(&said, lexicon, names, grids);
                        last.need = Need::Each;
                    }
                }
                Some(need) => {
                    waiting.clear();
                    points.push(Point { text: read, need });
                }
                None => match points.last_mut() {
                    // What names nothing goes on with the point before it.
                    Some(last) => {
                        last.text = Text::read(
                            &format!("{}, {piece}", last.text.raw),
                            lexicon,
                            names,
                            grids,
                        )
                    }
                    None => waiting = format!("{said} "),
                },
            }
        }
        if points.is_empty() {
            let text = Text::read(goal, lexicon, names, grids);
            points.push(Point {
                text,
                need: Need::Topic,
            });
        }
        let pairs = pairs(&text);
        Self {
            units: units(&text),
            text,
            points,
            pairs,
        }
    }

    /// Conditions that the goal sets on rows: "above 5 °C", "with the door open".
    pub(crate) fn conditions(&self, table: usize, grid: &Grid) -> Vec<Pred> {
        conditions(&self.text, table, grid)
    }
}

/// Whether a piece only says of what each the point before it is asked.
fn goes_on(read: &Text, last: Option<&Point>) -> bool {
    let bare = read.stems.len() < 3
        && ![
            Sense::Total,
            Sense::Mean,
            Sense::Median,
            Sense::Count,
            Sense::AskCount,
        ]
        .iter()
        .any(|sense| read.has(*sense));
    let first = read.tags.first().is_some_and(|tag| {
        tag.from == 0
            && read
                .tags
                .iter()
                .any(|tag| tag.from == 0 && tag.tag == aios_languages::Tag::Sense(Sense::Per))
    });
    // "In total and for each of them" asks for both.
    let partial = |last: &Point| {
        matches!(last.need, Need::Figure | Need::Count) && !last.text.has(Sense::Total)
    };
    bare && first && last.is_some_and(partial)
}

/// The pieces of a goal between commas, joining words and ends of sentences.
fn pieces(text: &Text) -> Vec<String> {
    let raw = &text.raw;
    let mut cuts: Vec<(usize, usize)> = Vec::new();
    for (at, c) in raw.char_indices() {
        let behind = at + c.len_utf8();
        let space = raw[behind..].chars().next().is_none_or(char::is_whitespace);
        if matches!(c, ';' | '?' | '!' | '\n') || (matches!(c, ',' | ':' | '.') && space) {
            cuts.push((at, behind));
        }
    }
    let mut between = false;
    for tag in &text.tags {
        between |= tag.tag == aios_languages::Tag::Sense(Sense::Between);
        if tag.tag == aios_languages::Tag::Sense(Sense::And) {
            // "Between the best and the worst" is one thought.
            if std::mem::take(&mut between) {
                continue;
            }
            let (start, end) = (text.words[tag.from].start, text.words[tag.to - 1].end);
            cuts.push((start, end));
        }
    }
    cuts.sort_unstable();
    let (mut out, mut start) = (Vec::new(), 0);
    for (cut, behind) in cuts {
        if cut > start {
            out.push(raw[start..cut].trim().to_owned());
        }
        start = start.max(behind);
    }
    out.push(raw.get(start..).unwrap_or("").trim().to_owned());
    out.retain(|piece| piece.chars().any(char::is_alphanumeric));
    out
}

/// What would answer a piece; none where it names nothing of its own.
fn need(text: &Text, grids: &[Grid]) -> Option<Need> {
    let has = |sense| text.has(sense);
    let tables = !grids.is_empty();
    if has(Sense::AskDirection) || (tables && has(Sense::Up) && has(Sense::Down)) {
        return Some(Need::Direction);
    }
    if !tables {
        return if has(Sense::AskDuration) || (has(Sense::NounDuration) && text.stems.len() > 1) {
            Some(Need::Duration)
        } else if has(Sense::AskMoney) {
            Some(Need::Money)
        } else if has(Sense::AskDate) {
            Some(Need::Date)
        } else if has(Sense::AskCount) {
            Some(Need::Count)
        } else {
            (text.stems.len() > usize::from(has(Sense::Describe))).then_some(Need::Topic)
        };
    }
    // "People per km²" is a unit and asks for nothing of each.
    let per = text.tags.iter().any(|tag| {
        let unit = |other: &aios_languages::Tagged| {
            other.from == tag.to && matches!(other.tag, aios_languages::Tag::Unit(_))
        };
        let behind = text.words[tag.to - 1].end;
        let symbol = crate::unit::Unit::symbol(text.raw[behind..].trim_start()).is_some();
        tag.tag == aios_languages::Tag::Sense(Sense::Per) && !symbol && !text.tags.iter().any(unit)
    });
    // "How many minutes" asks for an amount.
    let amount = text.tags.iter().any(|tag| {
        tag.tag == aios_languages::Tag::Sense(Sense::AskCount)
            && (text.tags.iter().any(|other| {
                other.from == tag.to && matches!(other.tag, aios_languages::Tag::Unit(_))
            }) || text.words.get(tag.to).is_some_and(|next| {
                let symbol = Unit::symbol(&text.raw[next.start..]);
                symbol.is_some_and(|(_, len)| len > 1 && len == next.end - next.start)
            }))
    });
    // "One word each" asks for a form and for nothing else; "each line" is a line of the table.
    let forms = [
        Sense::FormWord,
        Sense::FormSentence,
        Sense::FormLine,
        Sense::FormBullet,
        Sense::FormParagraph,
    ];
    let formal = text.tags.iter().any(|tag| {
        let number = |other: &aios_languages::Tagged| {
            other.to == tag.from && matches!(other.tag, aios_languages::Tag::Number(_))
        };
        let digits = || {
            let before = tag.from.checked_sub(1).and_then(|at| text.words.get(at));
            before.is_some_and(|word| word.text.bytes().all(|byte| byte.is_ascii_digit()))
        };
        matches!(tag.tag, aios_languages::Tag::Sense(sense) if forms.contains(&sense))
            && (digits() || text.tags.iter().any(number))
    });
    if has(Sense::Share) {
        Some(Need::Share)
    } else if amount {
        Some(Need::Figure)
    } else if has(Sense::AskCount) || (has(Sense::Count) && !has(Sense::Mean)) {
        // "Taken by members" counts what it names; "by station" counts for each of them.
        let named = grids.iter().any(|grid| {
            let groups: Vec<usize> = grid.groups().collect();
            mentioned(text, grid)
                .into_iter()
                .any(|column| groups.contains(&column))
        });
        Some(if per && named {
            Need::Each
        } else {
            Need::Count
        })
    } else if has(Sense::Difference) || has(Sense::Growth) {
        Some(Need::Change)
    } else if per
        && match has(Sense::Highest) || has(Sense::Lowest) {
            // "The highest amount per unit" is of one and not of each.
            true => of_each(text, grids),
            false => !formal || of_each(text, grids),
        }
        && !placed(text)
    {
        Some(Need::Each)
    } else if placed(text) || has(Sense::Highest) || has(Sense::Lowest) {
        Some(Need::Extreme)
    } else if has(Sense::Total)
        || has(Sense::Mean)
        || has(Sense::Median)
        || has(Sense::AskMoney)
        || has(Sense::AskDuration)
    {
        Some(Need::Figure)
    } else {
        None
    }
}

/// Whether a text asks who stands at a place: "which station is second".
fn placed(text: &Text) -> bool {
    text.tags.iter().any(|tag| {
        let time = text.tags.iter().any(|other| {
            other.from <= tag.from
                && tag.to < other.to
                && matches!(other.tag, aios_languages::Tag::Quarter(_))
        });
        matches!(tag.tag, aios_languages::Tag::Ordinal(2..)) && !time
    })
}

/// Whether the word behind "per" is what a column names: "one line per station".
fn of_each(text: &Text, grids: &[Grid]) -> bool {
    text.tags.iter().any(|tag| {
        tag.tag == aios_languages::Tag::Sense(Sense::Per)
            && text.stems.iter().any(|(word, stem)| {
                (tag.to..tag.to + 2).contains(word)
                    && grids
                        .iter()
                        .flat_map(|grid| &grid.columns)
                        .filter(|column| matches!(column.data, crate::grid::Data::Names { .. }))
                        .any(|column| column.stems.contains(stem))
            })
    })
}

/// The units that stand in a goal without a number: "in mm", "how many minutes".
fn units(text: &Text) -> Vec<Unit> {
    let named = text.tags.iter().filter_map(|tag| match tag.tag {
        aios_languages::Tag::Unit(name) => Some((text.words[tag.from].start, Unit::named(name))),
        _ => None,
    });
    let written = text.words.iter().filter_map(|word| {
        let (unit, len) = Unit::symbol(text.raw.get(word.start..)?)?;
        (len == word.end - word.start && len > 1).then_some((word.start, unit))
    });
    let taken = |place: usize| {
        let mut numbers = text.numbers.iter();
        numbers.any(|number| number.start <= place && place < number.end)
    };
    named
        .chain(written)
        .filter(|(place, _)| !taken(*place))
        .map(|(_, unit)| unit)
        .collect()
}

/// From when to when: "from January to February and from February to March".
pub(crate) fn pairs(text: &Text) -> Vec<(Moment, Moment)> {
    let moments: Vec<Moment> = text.moments.iter().map(|found| found.moment).collect();
    match moments.as_slice() {
        [] | [_] => Vec::new(),
        [one, other] => vec![(*one, *other)],
        many if many.len() % 2 == 0 => many.chunks(2).map(|pair| (pair[0], pair[1])).collect(),
        many => many.windows(2).map(|pair| (pair[0], pair[1])).collect(),
    }
}

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
        let columns: Vec<usize> = grid.measures().filter(fits).collect();
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
            .filter(|stem| own.stems.contains(*stem))
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
            // "No-show" denies nothing: the word is the column's.
            let denied = text.tags.iter().any(|tag| {
                tag.tag == aios_languages::Tag::Sense(Sense::Negation)
                    && !own
                        .name
                        .to_lowercase()
                        .split(|c: char| !c.is_alphanumeric())
                        .any(|word| word == text.words[tag.from].text)
            });
            out.push(Pred::Flag(column, !denied));
        }
    }
    out
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
    let mut out = Vec::new();
    let mut quantities: Vec<(usize, usize, Vec<&String>)> = Vec::new();
    for (index, column) in grid.columns.iter().enumerate() {
        if matches!(column.data, crate::grid::Data::Derived(_)) {
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
        let score = stems.len().min(3) * 2 + concepts.min(2);
        if score == 0 {
            continue;
        }
        match column.data {
            crate::grid::Data::Numbers(_) => quantities.push((index, score, stems)),
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
