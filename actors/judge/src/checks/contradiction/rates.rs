//! What a source gives for an hour is not said of a minute.

use aios_languages::Tag;
use aios_work::{Category, Severity};

use super::{Finding, at};
use crate::equal::same;
use crate::numeral::Number;
use crate::reading::Reading;
use crate::text::Text;
use crate::unit::{Kind, Unit};

/// Words between a number and the time that it is for: "3,800 litres an hour".
const BETWEEN: usize = 1;

/// Whether an amount is told for another time than every sentence of the sources that has it.
pub(super) fn look(reading: &Reading<'_>, piece: usize, finding: &mut Finding) {
    let text = &reading.texts[piece];
    for number in &text.numbers {
        let Some(own) = time_of(text, number) else {
            continue;
        };
        let papers = reading.ground.papers.iter();
        let places = papers.flat_map(|paper| (0..paper.sentences.len()).map(move |at| (paper, at)));
        let known: Vec<_> = places
            .flat_map(|(paper, at)| {
                let source = &paper.sentences[at].text;
                let alike = source.numbers.iter().filter(|other| same(number, other));
                alike.map(move |other| (paper, at, time_of(source, other)))
            })
            .collect();
        let Some((paper, place, _)) = known.first() else {
            continue;
        };
        if known
            .iter()
            .all(|(.., time)| time.as_ref().is_some_and(|time| *time != own))
        {
            let mut issue = at(
                reading,
                piece,
                Category::Accuracy,
                Severity::Critical,
                format!(
                    "the source gives {} for another time",
                    &text.raw[number.start..number.end]
                ),
                "Say for which time the source gives it",
            );
            issue.evidence = Some(paper.quoted(*place));
            finding.issues.push(issue);
            return;
        }
    }
}

/// The time that an amount with a unit is for.
fn time_of(text: &Text, number: &Number) -> Option<Unit> {
    let own = number.unit.as_ref()?;
    if matches!(own.kind, Kind::Time | Kind::Calendar) {
        return None;
    }
    let first = text
        .words
        .iter()
        .position(|word| word.start >= number.end)?;
    let tag = text.tags.iter().find(|tag| {
        matches!(tag.tag, Tag::Unit(_)) && (first + 1..=first + BETWEEN).contains(&tag.from)
    })?;
    let Tag::Unit(name) = tag.tag else {
        return None;
    };
    let unit = Unit::named(name);
    matches!(unit.kind, Kind::Time | Kind::Calendar).then_some(unit)
}
