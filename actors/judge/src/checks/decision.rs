//! The "yes" or "no" that an answer gives to a question, in whatever words.

use aios_languages::{Sense, Tag};

use crate::reading::Reading;
use crate::text::Text;

/// Words of an answer that only says so, or not: "it does not".
const BARE: usize = 6;

/// The piece that says yes or no to the question, and which of them: "No, ...", "It does not.".
pub(super) fn decision(reading: &Reading<'_>) -> Option<(usize, bool)> {
    let piece = reading
        .said()
        .find(|piece| !reading.texts[*piece].is_empty())?;
    let text = &reading.texts[piece];
    let first = |sense: Sense| {
        let mut tags = text.tags.iter();
        tags.any(|tag| tag.from == 0 && tag.tag == Tag::Sense(sense))
    };
    if first(Sense::Yes) || first(Sense::No) {
        return Some((piece, first(Sense::Yes)));
    }
    let whole = reading.texts.iter().filter(|text| !text.is_empty()).count() == 1;
    let bare = text.stems.is_empty() && text.numbers.is_empty() && text.moments.is_empty();
    let named = !text.names.is_empty();
    let asks = asks_whether(&reading.ground.asked.text) || asks_the_source(reading);
    let says = whole && bare && !named && asks && (2..=BARE).contains(&text.words.len());
    says.then(|| (piece, !text.has(Sense::Negation)))
}

/// Whether a goal asks whether something is so, and for nothing else.
pub(super) fn asks_whether(asked: &Text) -> bool {
    let others = [
        Sense::AskCount,
        Sense::AskDate,
        Sense::AskDuration,
        Sense::AskMoney,
        Sense::AskPerson,
        Sense::AskPlace,
        Sense::AskWhich,
        Sense::AskWhy,
        Sense::Per,
    ];
    // "Does it explain itself?" asks for no explanation.
    let orders = asked
        .tags
        .iter()
        .any(|tag| tag.from == 0 && tag.tag == Tag::Sense(Sense::Describe));
    let asks = others.iter().any(|sense| asked.has(*sense));
    asked.raw.trim_end().ends_with('?') && !orders && !asks
}

/// Words of a question before which it says what is asked: "does the file tell us why ...".
const OPENS: usize = 5;

/// Whether a goal asks whether a table tells why something is so.
pub(super) fn asks_the_source(reading: &Reading<'_>) -> bool {
    let asked = &reading.ground.asked.text;
    let place = |sense: Sense| {
        let mut tags = asked.tags.iter();
        tags.find(|tag| tag.tag == Tag::Sense(sense))
            .map(|tag| tag.from)
    };
    let (source, tells, why) = (
        place(Sense::Source),
        place(Sense::Tells),
        place(Sense::AskWhy),
    );
    let opens = source.zip(tells).zip(why);
    opens.is_some_and(|((source, tells), why)| {
        source < OPENS && tells < OPENS && source.max(tells) < why
    }) && !reading.ground.grids.is_empty()
        // A document may tell it.
        && reading.ground.papers.is_empty()
        && asked.raw.trim_end().ends_with('?')
}
