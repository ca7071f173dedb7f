//! Which way a text says that something lies or goes: before or after a time, above or below an amount, up or down by one.

use aios_languages::{Sense, Tag, Tagged, lexicons};

use crate::equal::{clock, same};
use crate::moment::Moment;
use crate::text::Text;

/// What a word such as "before" or "at least" stands with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Anchor {
    Time(Moment),
    /// The number at this place in the list of those of the text.
    Amount(usize),
    /// The stem of a word: "before meals".
    Word(String),
}

/// That a text puts something on one side of an anchor.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Side {
    /// Where the word stands that says so.
    pub place: usize,
    pub anchor: Anchor,
    /// Whether it lies after a time or above an amount, and not before or below.
    pub beyond: bool,
    /// Whether the anchor itself lies on it: "at most nine" and not "fewer than nine".
    pub with: bool,
}

/// Words between "before" and the time or amount that it stands with, and the word.
const ARTICLES: usize = 2;
const WORDS: usize = 3;
/// Words between an amount and "more" or "less" behind it: "4 EUR a month less".
const BEHIND: usize = 2;

/// What a text puts on a side of a time or an amount.
pub(crate) fn ways(text: &Text) -> Vec<Side> {
    let own: Vec<(&Tagged, Sense, bool)> = text
        .tags
        .iter()
        .filter_map(|tag| match tag.tag {
            Tag::Sense(sense) => Some((tag, sense, beyond(sense)?)),
            _ => None,
        })
        .collect();
    let mut out: Vec<Side> = Vec::new();
    for (tag, sense, beyond) in &own {
        // "Not above" is a limit of its own.
        let within = own.iter().any(|(other, ..)| {
            other.from <= tag.from
                && tag.to <= other.to
                && other.to - other.from > tag.to - tag.from
        });
        // "Look after up to three": the word that stands nearest says the side.
        let nearer = own
            .iter()
            .any(|(other, ..)| (tag.to..tag.to + ARTICLES).contains(&other.from));
        let Some(anchor) = anchor(text, tag, *sense).filter(|_| !within && !nearer) else {
            continue;
        };
        // "Not before 9". "It costs nothing until 9" denies a price.
        let turned = text.tags.iter().any(|other| {
            let plain = || {
                let word = text.words.get(other.from);
                let mut all = lexicons().iter();
                word.is_some_and(|word| all.any(|lexicon| lexicon.is_denying(&word.text)))
            };
            other.tag == Tag::Sense(Sense::Negation) && other.to == tag.from && plain()
        });
        let Some(word) = text.words.get(tag.from) else {
            continue;
        };
        out.push(Side {
            place: word.start,
            anchor,
            beyond: *beyond != turned,
            with: matches!(sense, Sense::AtLeast | Sense::AtMost) != turned,
        });
    }
    out
}

/// Whether a word puts something behind what it stands with, or before it.
fn beyond(sense: Sense) -> Option<bool> {
    match sense {
        Sense::Later | Sense::Since | Sense::AtLeast | Sense::Above => Some(true),
        Sense::Earlier | Sense::Until | Sense::AtMost | Sense::Below => Some(false),
        _ => None,
    }
}

fn anchor(text: &Text, tag: &Tagged, sense: Sense) -> Option<Anchor> {
    let end = text.words.get(tag.to.checked_sub(1)?)?.end;
    // What stands this many words behind, with nothing of weight between.
    let near = |start: usize, most: usize| {
        let word = text.words.partition_point(|word| word.start < start);
        let gap = text.raw.get(end..start)?;
        let plain = !gap.contains([',', ';', ':', '(', ')']);
        let empty = !text.stems.iter().any(|(at, _)| (tag.to..word).contains(at));
        (plain && empty && word >= tag.to && word - tag.to <= most).then_some(start)
    };
    let time = text.moments.iter().find(|found| found.start >= end);
    let amount = text.numbers.iter().position(|own| own.start >= end);
    let amount = amount.and_then(|at| Some((at, text.numbers.get(at)?)));
    if let Some(found) = time.filter(|found| near(found.start, ARTICLES).is_some()) {
        return Some(Anchor::Time(found.moment));
    }
    if let Some((at, number)) = amount.filter(|(_, own)| near(own.start, ARTICLES).is_some()) {
        return (!number.rough).then_some(Anchor::Amount(at));
    }
    if matches!(sense, Sense::AtLeast | Sense::AtMost) {
        let first = text.words.get(tag.from)?.start;
        let at = text.numbers.iter().rposition(|own| own.end <= first)?;
        let number = text.numbers.get(at)?;
        let gap = text.raw.get(number.end..first)?;
        let close = gap.split_whitespace().count() <= BEHIND && !gap.contains([';', ':', '.']);
        return close.then_some(Anchor::Amount(at));
    }
    if !matches!(sense, Sense::Earlier | Sense::Later) {
        return None;
    }
    let (word, stem) = text.stems.iter().find(|(word, _)| *word >= tag.to)?;
    let start = text.words.get(*word)?.start;
    let gap = text.raw.get(end..start)?;
    let plain = !gap.contains([',', ';', ':', '(', ')']) && word - tag.to <= WORDS;
    plain.then(|| Anchor::Word(stem.clone()))
}

/// Whether two texts put something on a side of the same.
pub(crate) fn is_same(text: &Text, one: &Anchor, other_text: &Text, other: &Anchor) -> bool {
    let at = |text: &Text, moment: &Moment, place: usize| {
        let number = text.numbers.get(place);
        moment.minute.is_some() && number.and_then(|own| clock(text, own)) == moment.minute
    };
    match (one, other) {
        (Anchor::Word(one), Anchor::Word(other)) => one == other,
        (Anchor::Time(one), Anchor::Time(other)) => {
            one.minute == other.minute
                && one.day == other.day
                && (one.holds(other) || other.holds(one))
        }
        (Anchor::Amount(one), Anchor::Amount(other)) => {
            let pair = text.numbers.get(*one).zip(other_text.numbers.get(*other));
            pair.is_some_and(|(one, other)| same(one, other))
        }
        (Anchor::Time(one), Anchor::Amount(other)) => at(other_text, one, *other),
        (Anchor::Amount(one), Anchor::Time(other)) => at(text, other, *one),
        _ => false,
    }
}

/// By which of its amounts a text says that something goes up (`true`) or down: places in the list of its numbers.
pub(crate) fn trends(text: &Text) -> Vec<(usize, bool)> {
    let mut out: Vec<(usize, bool)> = Vec::new();
    for (tag, up) in directions(text) {
        let (Some(first), Some(last)) = (text.words.get(tag.from), text.words.get(tag.to - 1))
        else {
            continue;
        };
        let joins = |from: usize, to: usize| {
            text.senses()
                .any(|(sense, place)| sense == Sense::And && (from..to).contains(&place))
        };
        let clause = text.clause(first.start);
        // "4 EUR a month less" is said of what stands before it, "falls by 4 EUR" of what follows.
        let before = text.numbers.iter().rposition(|own| own.end <= first.start);
        let before = before.filter(|at| {
            text.numbers.get(*at).is_some_and(|own| {
                let gap = text.raw.get(own.end..first.start).unwrap_or("");
                gap.split_whitespace().count() <= BEHIND
                    && !gap.contains([',', ';', ':', '.', '('])
                    && !joins(own.end, first.start)
            })
        });
        let behind = || {
            let at = text.numbers.iter().position(|own| own.start >= last.end)?;
            let own = text.numbers.get(at)?;
            (text.clause(own.start) == clause).then_some(at)
        };
        if let Some(at) = before.or_else(behind) {
            out.push((at, up));
        }
    }
    let two: Vec<usize> = out
        .iter()
        .filter(|(at, up)| out.contains(&(*at, !up)))
        .map(|(at, _)| *at)
        .collect();
    out.retain(|(at, _)| !two.contains(at));
    out
}

/// The words of a text that say which way an amount goes.
fn directions(text: &Text) -> impl Iterator<Item = (&Tagged, bool)> {
    text.tags.iter().filter_map(|tag| {
        let up = match tag.tag {
            Tag::Sense(Sense::Rises) => true,
            Tag::Sense(Sense::Falls) => false,
            _ => return None,
        };
        // "More than 5", "up to 12 hours" are limits, and "more expensive" is one word with "more".
        let within = text.tags.iter().any(|other| {
            let limit = matches!(
                other.tag,
                Tag::Sense(Sense::Above | Sense::Below | Sense::AtLeast | Sense::AtMost)
                    | Tag::Sense(Sense::Rises | Sense::Falls)
            );
            limit
                && other.from <= tag.from
                && tag.to <= other.to
                && other.to - other.from > tag.to - tag.from
        });
        (!within && !text.limits(tag)).then_some((tag, up))
    })
}
