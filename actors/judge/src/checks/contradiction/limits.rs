//! Of two limits the source says which one counts: "after 1,000 hours or 3 years, whichever comes first".

use aios_languages::Sense;
use aios_work::{Category, Severity};

use super::{Finding, at};
use crate::explain::Form;
use crate::reading::Reading;

/// Whether a piece says "last" where the sentence that its figures are of says "first", or the other way round.
pub(super) fn look(reading: &Reading<'_>, piece: usize, finding: &mut Finding) {
    let text = &reading.texts[piece];
    let other = match (text.has(Sense::SoonerOf), text.has(Sense::LaterOf)) {
        (true, false) => Sense::LaterOf,
        (false, true) => Sense::SoonerOf,
        _ => return,
    };
    let own = if other == Sense::LaterOf {
        Sense::SoonerOf
    } else {
        Sense::LaterOf
    };
    let claims = reading.claims_at(piece).iter();
    let places = claims
        .flat_map(|claim| &claim.found)
        .filter(|found| found.form == Form::Said)
        .filter_map(|found| found.measure);
    let places: Vec<usize> = places.collect();
    let paper = reading.ground.papers.first();
    let turned = paper.and_then(|paper| {
        let mut said = places
            .iter()
            .filter_map(|at| Some((*at, paper.sentences.get(*at)?)));
        let (at, _) =
            said.find(|(_, sentence)| sentence.text.has(other) && !sentence.text.has(own))?;
        Some(paper.quoted(at))
    });
    let Some(place) = turned else { return };
    let mut issue = at(
        reading,
        piece,
        Category::Accuracy,
        Severity::Critical,
        "the source says of the other limit that it counts",
        "Say which of the limits counts as the source does",
    );
    issue.evidence = Some(place);
    finding.issues.push(issue);
}
