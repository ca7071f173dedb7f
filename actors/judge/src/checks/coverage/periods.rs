//! Of several lengths of time that a document gives for one thing all are told, where the shorter or the longer ones are asked for: "what shorter
//! periods apply?"

use aios_languages::Sense;

use super::said_words;
use crate::equal::same;
use crate::goal::Point;
use crate::numeral::Number;
use crate::paper::{Paper, Sentence};
use crate::reading::Reading;
use crate::unit::Kind;

/// Whether the answer tells some of the periods that are asked for and leaves another one out.
pub(super) fn told_in_part(reading: &Reading<'_>, point: &Point, papers: &[Paper]) -> bool {
    let asks = |sense: Sense| point.text.has(sense);
    let (shorter, longer) = (asks(Sense::Fewer), asks(Sense::More));
    let which = asks(Sense::AskWhich) || asks(Sense::Lists);
    if !which || !asks(Sense::NounDuration) || shorter == longer {
        return false;
    }
    papers.iter().any(|paper| {
        let all: Vec<(&Sentence, &Number)> = { paper.sentences.iter() }
            .flat_map(|sentence| lengths(sentence).map(move |length| (sentence, length)))
            .collect();
        let size = |number: &Number| {
            if shorter {
                seconds(number)
            } else {
                -seconds(number)
            }
        };
        let first = all.iter().max_by(|a, b| size(a.1).total_cmp(&size(b.1)));
        let Some((whole, first)) = first else {
            return false;
        };
        // What the others say in the words of the first is said of the same: "is covered for".
        let others = all.iter().filter(|(sentence, length)| {
            // A claim answered "within 14 days" is no period of what is covered for months.
            let kind = |number: &Number| number.unit.as_ref().map(|unit| unit.kind.clone());
            let alike = !sentence.own.is_disjoint(&whole.own) && kind(length) == kind(first);
            alike && size(length) < size(first)
        });
        let told = |length: &Number| {
            let mut numbers = said_words(reading).flat_map(|text| &text.numbers);
            numbers.any(|number| same(number, length))
        };
        let (told, left): (Vec<&Number>, Vec<&Number>) = others
            .map(|(_, length)| *length)
            .partition(|length| told(length));
        !told.is_empty() && !left.is_empty()
    })
}

/// The lengths of time in a sentence, but for those by which something is counted from another time.
fn lengths(sentence: &Sentence) -> impl Iterator<Item = &Number> {
    let numbers = sentence.text.numbers.iter();
    numbers.filter(|number| {
        let kind = number.unit.as_ref().map(|unit| &unit.kind);
        matches!(kind, Some(Kind::Time | Kind::Calendar))
    })
}

/// About how long it is; a month has some thirty days.
fn seconds(number: &Number) -> f64 {
    let second = crate::unit::Unit::named(aios_languages::UnitName::Second);
    let unit = number.unit.as_ref();
    unit.and_then(|unit| unit.convert_roughly(number.value(), &second))
        .unwrap_or(0.0)
}
