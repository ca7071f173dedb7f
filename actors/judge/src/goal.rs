//! What a goal asks for, point by point, as the judge reads it: not as a planner does.

use aios_languages::{Lexicon, Sense};

use crate::conditions::{conditions, mentioned};
use crate::grid::{Grid, Pred};
use crate::moment::Moment;
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
    /// Where in its words it begins to ask: what stands before a colon, "the branches: total turnover", only says what it is about.
    pub from: usize,
    /// For how many it asks the same: "for a member, and for a guest" asks for two.
    pub many: usize,
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

impl Asked {
    /// Reads a goal.
    pub(crate) fn read(goal: &str, lexicon: &Lexicon, names: &Names, grids: &[Grid]) -> Self {
        let text = Text::read(goal, lexicon, names, grids);
        let mut points: Vec<Point> = Vec::new();
        let mut waiting = String::new();
        let mut from = 0;
        for (piece, colon) in pieces(&text, lexicon) {
            let said = format!("{waiting}{piece}");
            let read = Text::read(&said, lexicon, names, grids);
            // "In one line: ...".
            if grids.is_empty() && waiting.is_empty() && is_form(&read) {
                continue;
            }
            match need(&read, grids) {
                // "..., and for a guest?" asks the same of one more.
                Some(_) if grids.is_empty() && asks_for_another(&read, points.last()) => {
                    if let Some(last) = points.last_mut() {
                        last.many += usize::from(last.text.has(Sense::Toward));
                        let said = format!("{}, {piece}", last.text.raw);
                        last.text = Text::read(&said, lexicon, names, grids);
                    }
                }
                // "..., the first and the second time?" asks for the same of each.
                Some(Need::Topic) | None
                    if grids.is_empty() && asks_in_order(&read, points.last()) =>
                {
                    if let Some(last) = points.last_mut() {
                        let said = format!("{}, {piece}", last.text.raw);
                        last.text = Text::read(&said, lexicon, names, grids);
                        last.many = places(&last.text).max(1);
                    }
                }
                // "..., without a discount?" only narrows what was asked before it.
                Some(_)
                    if grids.is_empty() && begins(&read, Sense::Lacking) && !points.is_empty() =>
                {
                    if let Some(last) = points.last_mut() {
                        let said = format!("{}, {piece}", last.text.raw);
                        last.text = Text::read(&said, lexicon, names, grids);
                    }
                }
                // "Up or down? One word each for the cars in May and in June.": in which form, and of what.
                Some(_)
                    if asks_word_each(&read)
                        && points
                            .last()
                            .is_some_and(|last| last.need == Need::Direction) =>
                {
                    if let Some(last) = points.last_mut() {
                        let said = format!("{}, {piece}", last.text.raw);
                        last.text = Text::read(&said, lexicon, names, grids);
                    }
                }
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
                    points.push(Point {
                        text: read,
                        need,
                        from: std::mem::take(&mut from),
                        many: 1,
                    });
                }
                // "..., and which article is below its minimum?"
                None if !grids.is_empty() && !points.is_empty() && asks(&read) => {
                    points.push(Point {
                        text: read,
                        need: Need::Topic,
                        from: 0,
                        many: 1,
                    });
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
                    None => {
                        waiting = format!("{said} ");
                        from = if colon { waiting.len() } else { from };
                    }
                },
            }
        }
        if points.is_empty() {
            let text = Text::read(goal, lexicon, names, grids);
            points.push(Point {
                text,
                need: Need::Topic,
                from: 0,
                many: 1,
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

/// Words of a piece that asks for a form: "answer in exactly two sentences".
const FORMAL: usize = 8;

/// Whether a piece only says in which form the answer is to be.
fn is_form(read: &Text) -> bool {
    let forms = [
        Sense::FormWord,
        Sense::FormSentence,
        Sense::FormLine,
        Sense::FormBullet,
        Sense::FormParagraph,
    ];
    let asks = [
        Sense::AskWhich,
        Sense::AskCount,
        Sense::AskDate,
        Sense::AskMoney,
        Sense::AskDuration,
        Sense::AskPerson,
        Sense::AskWhy,
    ];
    let counted = read.tags.iter().any(|tag| {
        matches!(tag.tag, aios_languages::Tag::Sense(sense) if forms.contains(&sense))
            && (read.tags.iter().any(|other| {
                other.to == tag.from && matches!(other.tag, aios_languages::Tag::Number(_))
            }) || read.numbers.len() == 1)
    });
    counted
        && read.words.len() <= FORMAL
        && read.stems.len() <= FORMAL / 2
        && !asks.iter().any(|sense| read.has(*sense))
}

/// Whether a piece begins by asking for a word for each: "one word each", "je ein Wort".
fn asks_word_each(read: &Text) -> bool {
    let begins = |sense: Sense| {
        read.tags
            .iter()
            .any(|tag| tag.from < 3 && tag.tag == aios_languages::Tag::Sense(sense))
    };
    begins(Sense::FormWord) && begins(Sense::Per)
}

/// Whether a piece only names a place in an order, of what the point before it asks.
fn asks_in_order(read: &Text, last: Option<&Point>) -> bool {
    places(read) > 0 && read.stems.len() < 2 && last.is_some_and(|last| last.need != Need::Topic)
}

/// How many places in an order a text names.
fn places(text: &Text) -> usize {
    let mut found: Vec<u8> = text
        .tags
        .iter()
        .filter_map(|tag| match tag.tag {
            aios_languages::Tag::Ordinal(place) => Some(place),
            _ => None,
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found.len()
}

/// Whether a piece begins with a word of this sense.
fn begins(read: &Text, sense: Sense) -> bool {
    let mut tags = read.tags.iter();
    tags.any(|tag| tag.from == 0 && tag.tag == aios_languages::Tag::Sense(sense))
}

/// Whether a piece only names one more for whom an amount is asked.
fn asks_for_another(read: &Text, last: Option<&Point>) -> bool {
    let amount = |last: &Point| matches!(last.need, Need::Money | Need::Duration | Need::Count);
    begins(read, Sense::Toward) && read.words.len() <= FORMAL && last.is_some_and(amount)
}

/// Whether a piece begins with a word that asks for one of a kind, and says of what.
fn asks(read: &Text) -> bool {
    read.stems.len() > 1
        && read
            .tags
            .iter()
            .any(|tag| tag.from == 0 && tag.tag == aios_languages::Tag::Sense(Sense::AskWhich))
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

/// The pieces of a goal between commas, joining words and ends of sentences, and whether a colon is behind each.
fn pieces(text: &Text, lexicon: &Lexicon) -> Vec<(String, bool)> {
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
    // "Was kostet es, ein Buch zu spät zurückzugeben?" asks once.
    let ends: Vec<usize> = cuts.iter().skip(1).map(|(cut, _)| *cut).collect();
    let mut ends = ends.into_iter().chain([raw.len()]);
    cuts.retain(|(_, behind)| {
        let end = ends.next().unwrap_or(raw.len());
        let piece = raw.get(*behind..end).unwrap_or("");
        let words = aios_languages::folded(piece);
        // "What do I get back, if I cancel?" asks once.
        let only = aios_languages::Tag::Sense(Sense::Only);
        let mut tags = lexicon.tags(&words).into_iter();
        let tied = tags.any(|tag| tag.from == 0 && tag.tag == only);
        !tied && !lexicon.goes_on(&words)
    });
    let (mut out, mut start) = (Vec::new(), 0);
    for (cut, behind) in cuts {
        if cut > start {
            let colon = raw[cut..].starts_with(':');
            out.push((raw[start..cut].trim().to_owned(), colon));
        }
        start = start.max(behind);
    }
    out.push((raw.get(start..).unwrap_or("").trim().to_owned(), false));
    out.retain(|(piece, _)| piece.chars().any(char::is_alphanumeric));
    out
}

/// Words of a piece that says no more than the form of the answer.
const FORM: usize = 3;

/// What would answer a piece; none where it names nothing of its own.
fn need(text: &Text, grids: &[Grid]) -> Option<Need> {
    let has = |sense| text.has(sense);
    let tables = !grids.is_empty();
    // "Numbered list.", "as a table": a form and nothing that is asked.
    if tables
        && has(Sense::FormTable) | has(Sense::FormBullet) | has(Sense::FormList)
        && text.words.len() < 4
    {
        return None;
    }
    // "Reply with a number only."
    if has(Sense::FormNumber) && text.stems.len() <= FORM {
        return None;
    }
    // "Did delays get longer or shorter from May to June": which of the two ways.
    let either = tables && has(Sense::More) && has(Sense::Fewer) && text.moments.len() > 1;
    if has(Sense::AskDirection) || either || (tables && has(Sense::Up) && has(Sense::Down)) {
        return Some(Need::Direction);
    }
    if !tables {
        return if has(Sense::AskDuration) || (has(Sense::NounDuration) && text.stems.len() > 1) {
            Some(Need::Duration)
        } else if has(Sense::AskMoney) || (has(Sense::NounMoney) && asks_which(text)) {
            Some(Need::Money)
        } else if has(Sense::AskDate) {
            Some(Need::Date)
        } else if has(Sense::AskCount) {
            Some(Need::Count)
        } else if has(Sense::Total) && text.stems.len() < 3 {
            // "How long does it rise and rest in all" asks once.
            None
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
        // "Per entry" is of the rows, of which none is asked for by itself.
        let rows = aios_languages::concept_number("reading");
        let row = text
            .tags
            .iter()
            .any(|other| other.from == tag.to && other.tag == aios_languages::Tag::Concept(rows));
        let of_rows = row && has(Sense::Mean);
        let of_unit = symbol || text.tags.iter().any(unit);
        // "Paid by card" is of that one: each of them has another name.
        let named = text.words.get(tag.to).is_some_and(|next| {
            let mut names = text.names.iter();
            names.any(|name| name.start == next.start)
        });
        tag.tag == aios_languages::Tag::Sense(Sense::Per) && !of_unit && !of_rows && !named
    });
    // "..., and how many?" asks for the figure of what was named before it.
    let bare = has(Sense::AskCount) || has(Sense::AskMoney);
    let others = text.tags.iter().any(|tag| {
        !matches!(
            tag.tag,
            aios_languages::Tag::Sense(
                Sense::AskCount | Sense::AskMoney | Sense::And | Sense::Ratio
            )
        )
    });
    if bare && text.stems.is_empty() && !others {
        return Some(Need::Topic);
    }
    // "By how many percent" asks for a part, or for a change in parts.
    let percent = text.tags.iter().any(|tag| {
        tag.tag == aios_languages::Tag::Sense(Sense::AskCount)
            && text.tags.iter().any(|other| {
                let unit = aios_languages::Tag::Unit(aios_languages::UnitName::Percent);
                other.from == tag.to && other.tag == unit
            })
    });
    if percent {
        return Some(Need::Share);
    }
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
    // "Which yard gives the most per hive" asks for one.
    let one = asks_which(text) && (has(Sense::Highest) || has(Sense::Lowest)) && !has(Sense::Share);
    if one && per {
        return Some(Need::Extreme);
    }
    if has(Sense::Share) {
        Some(Need::Share)
    } else if has(Sense::Growth) && !has(Sense::AskCount) {
        // "How did the number of passengers change": it counts nothing anew.
        Some(Need::Change)
    } else if amount || (has(Sense::AskCount) && has(Sense::Mean) && !per) {
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
    } else if has(Sense::AskDuration) && ranks_by_name(text, grids) {
        // "In how many weeks was the peak above 28 °C" asks for nobody who is first.
        Some(Need::Count)
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

/// Whether every word of rank in a text is the name of a column.
fn ranks_by_name(text: &Text, grids: &[Grid]) -> bool {
    let ranks = text.tags.iter().filter(|tag| {
        let ranks = [Sense::Highest, Sense::Lowest].map(aios_languages::Tag::Sense);
        ranks.contains(&tag.tag)
    });
    let named = |at: usize| {
        let columns = || grids.iter().flat_map(|grid| &grid.columns);
        let mut stems = text.stems.iter().filter(|(word, _)| *word == at);
        stems.any(|(_, stem)| columns().any(|column| column.stems.contains(stem)))
    };
    let mut ranks = ranks.peekable();
    ranks.peek().is_some() && ranks.all(|tag| (tag.from..tag.to).all(named))
}

/// Whether a text begins with a word that asks for one of a kind.
fn asks_which(text: &Text) -> bool {
    let which = aios_languages::Tag::Sense(Sense::AskWhich);
    text.tags
        .iter()
        .any(|tag| tag.from == 0 && tag.tag == which)
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
                        .filter(|column| matches!(column.data, crate::column::Data::Names { .. }))
                        .any(|column| column.stems.contains(stem))
            })
    })
}

/// The units that stand in a goal without a number: "in mm", "how many minutes".
fn units(text: &Text) -> Vec<Unit> {
    // "The price per kilo" asks for no weight.
    let rated = |word: usize| {
        let mut tags = text.tags.iter();
        tags.any(|tag| tag.tag == aios_languages::Tag::Sense(Sense::Per) && tag.to == word)
    };
    let measured = |unit: &Unit| unit.is_of_a_measure();
    let named = text.tags.iter().filter_map(|tag| match tag.tag {
        aios_languages::Tag::Unit(name) if rated(tag.from) && measured(&Unit::named(name)) => None,
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

/// Whether the second of two times is what the first is held against: "less than in April", "1.8 % on April", "up from 4 in April".
fn from_the_other(text: &Text) -> bool {
    let [one, other] = text.moments.as_slice() else {
        return false;
    };
    let between = |sense: Sense| {
        text.senses()
            .any(|(found, place)| found == sense && one.end <= place && place < other.start)
    };
    let gap = text.raw.get(one.end..other.start).unwrap_or("");
    let on = gap.trim_end().ends_with("% on") || gap.trim_end().ends_with("percent on");
    on || (!between(Sense::And)
        && [Sense::Than, Sense::Against, Sense::From]
            .into_iter()
            .any(between))
}

/// From when to when: "from January to February and from February to March".
pub(crate) fn pairs(text: &Text) -> Vec<(Moment, Moment)> {
    let moments: Vec<Moment> = text.moments.iter().map(|found| found.moment).collect();
    match moments.as_slice() {
        [] | [_] => Vec::new(),
        [one, other] if from_the_other(text) => vec![(*other, *one)],
        [one, other] => vec![(*one, *other)],
        many if many.len() % 2 == 0 => many.chunks(2).map(|pair| (pair[0], pair[1])).collect(),
        many => many.windows(2).map(|pair| (pair[0], pair[1])).collect(),
    }
}
