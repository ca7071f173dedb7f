//! What answers a question about documents in few words, or in the row of a table that is called by them.

use std::collections::HashSet;

use aios_languages::{Sense, Tag};

use super::said_words;
use crate::equal::same;
use crate::goal::{Need, Point};
use crate::numeral::Number;
use crate::paper::Paper;
use crate::reading::Reading;
use crate::text::Text;
use crate::unit::{Kind, Unit};

/// Words of its own that a short answer has at most.
const WORDS: usize = 4;
/// Of these, beside a figure.
const BESIDE: usize = 1;
/// Sentences of a source that a question may be about.
const NEAR: usize = 3;

/// Whether a few words answer the only question, or a row that is called as the point is.
pub(super) fn answers(reading: &Reading<'_>, point: &Point, papers: &[Paper]) -> bool {
    let alone = reading.ground.asked.points.len() == 1;
    let mut said = said_words(reading).filter(|text| !text.is_empty());
    if let (true, Some(text), None) = (alone, said.next(), said.next())
        && (figure(reading, point, text) || in_few_words(point, text, papers))
    {
        return true;
    }
    bare_figures(reading) || headed(reading, point, papers)
}

/// The words of a text outside of its figures and times.
fn own_words(text: &Text) -> HashSet<String> {
    let inside = |place: usize| {
        let mut numbers = text.numbers.iter();
        let mut moments = text.moments.iter();
        numbers.any(|number| number.start <= place && place < number.end)
            || moments.any(|moment| moment.start <= place && place < moment.end)
    };
    let words = text.stems.iter();
    words
        .filter(|(word, _)| !inside(text.words[*word].start))
        .map(|(_, stem)| stem.clone())
        .collect()
}

/// "12 times and 2 times a year": one figure for each point and hardly a word beside.
fn bare_figures(reading: &Reading<'_>) -> bool {
    let points = reading.ground.asked.points.len();
    let borne = |claim: &crate::reading::Claim| !claim.found.is_empty() && claim.against.is_none();
    let words: usize = said_words(reading).map(|text| own_words(text).len()).sum();
    points > 1
        && words <= BESIDE
        && reading.claims.len() >= points
        && reading.claims.iter().all(borne)
}

/// "Seven hundred euros.": nothing but a figure of the kind that is asked for, which a source bears out.
fn figure(reading: &Reading<'_>, point: &Point, text: &Text) -> bool {
    let fits = |number: &Number| {
        let kind = number.unit.as_ref().map(|unit| &unit.kind);
        match point.need {
            Need::Money => number.unit.as_ref().is_some_and(Unit::is_money),
            // "How long" also asks for a length.
            Need::Duration => matches!(kind, Some(Kind::Time | Kind::Calendar | Kind::Length)),
            Need::Count => true,
            _ => false,
        }
    };
    // A time that no source has is refused elsewhere.
    if point.need == Need::Date && !text.moments.is_empty() && own_words(text).len() <= BESIDE {
        return true;
    }
    let claims = &reading.claims;
    own_words(text).len() <= BESIDE
        && claims.len() >= point.many
        && claims
            .iter()
            .all(|claim| !claim.found.is_empty() && claim.against.is_none())
        && claims.iter().any(|claim| fits(reading.number(claim)))
}

/// "Gone at month's end.": a few words, of which the sentence that the question is about has some that the question has not.
fn in_few_words(point: &Point, text: &Text, papers: &[Paper]) -> bool {
    let Some(paper) = papers.first() else {
        return false;
    };
    let words = own_words(text);
    let few = (1..=WORDS).contains(&words.len()) && text.numbers.is_empty();
    if point.need != Need::Topic || !few {
        return false;
    }
    let asked: HashSet<String> = point
        .text
        .stems
        .iter()
        .map(|(_, stem)| stem.clone())
        .collect();
    let near = paper.nearest(&asked);
    let best = near.first().map_or(0.0, |(_, overlap)| *overlap);
    let mut meant = near
        .iter()
        .take(NEAR)
        .take_while(|(_, overlap)| *overlap >= best * 0.7)
        .map(|(at, _)| &paper.sentences[*at].own);
    meant.any(|own| {
        words
            .iter()
            .any(|word| own.contains(word) && !asked.contains(word))
    })
}

/// Words of a point that say what is to be done and nothing of what it is about.
fn asks(text: &Text, word: usize) -> bool {
    text.tags.iter().any(|tag| {
        let asks = matches!(
            tag.tag,
            Tag::Sense(Sense::Describe | Sense::Meta | Sense::AskWhich | Sense::FormTable)
        );
        asks && tag.from <= word && word < tag.to
    })
}

/// Whether a cell stands below headings that have all words of a point, in whatever order: "Price per month" for the monthly price.
fn headed(reading: &Reading<'_>, point: &Point, papers: &[Paper]) -> bool {
    let title = |stem: &String| papers.iter().any(|paper| paper.title.contains(stem));
    let stems = point.text.stems.iter();
    let wanted: HashSet<&String> = stems
        .filter(|(word, stem)| !asks(&point.text, *word) && !title(stem))
        .map(|(_, stem)| stem)
        .collect();
    if wanted.is_empty() {
        return false;
    }
    reading.said().any(|piece| {
        let labels = reading.labels(piece);
        let over: HashSet<&String> = labels
            .iter()
            .flat_map(|label| label.stems.iter().map(|(_, stem)| stem))
            .collect();
        let told = !reading.texts[piece].is_empty()
            && reading
                .claims_at(piece)
                .iter()
                .all(|claim| !claim.found.is_empty() && claim.against.is_none());
        told && wanted.iter().all(|stem| over.contains(*stem))
    })
}

/// "If I cancel 48 hours before": whether a source has an amount for what lies between two limits, the goal names a length of time that does,
/// and the answer has no amount that is borne out.
pub(super) fn misses_the_step(reading: &Reading<'_>, point: &Point, papers: &[Paper]) -> bool {
    let amount = |number: &Number| {
        let unit = number.unit.as_ref();
        unit.is_some_and(|unit| unit.is_money() || unit.is_share())
    };
    let timed = |number: &&Number| {
        let unit = number.unit.as_ref();
        unit.is_some_and(|unit| matches!(unit.kind, Kind::Time | Kind::Calendar))
    };
    let mut asked = point.text.numbers.iter().filter(timed);
    let (Some(asked), None) = (asked.next(), asked.next()) else {
        return false;
    };
    let inside = |text: &Text| {
        let value = |own: &Number| {
            let unit = own.unit.as_ref().zip(asked.unit.as_ref())?;
            unit.0.convert(own.value(), unit.1)
        };
        let limits: Vec<f64> = text.numbers.iter().filter_map(value).collect();
        let [one, other] = limits.as_slice() else {
            return false;
        };
        one.min(*other) < asked.value() && asked.value() < one.max(*other)
    };
    let mut sentences = papers.iter().flat_map(|paper| &paper.sentences);
    let step = sentences.find(|sentence| {
        let text = &sentence.text;
        text.has(Sense::Between) && text.numbers.iter().any(amount) && inside(text)
    });
    let Some(step) = step else { return false };
    let told = |claim: &crate::reading::Claim| {
        let number = reading.number(claim);
        let mut own = step.text.numbers.iter().filter(|own| amount(own));
        own.any(|own| same(number, own)) || (amount(number) && !claim.found.is_empty())
    };
    !reading.claims.iter().any(told)
}
