//! Of several steps by a length of time or an amount the one counts that the goal's own figure lies in: of "more than 14 days: all; between 14
//! and 4 days: half; later: nothing" ten days are half.

use aios_languages::Sense;
use aios_work::{Category, Severity};

use super::{Finding, at};
use crate::clause::denies;
use crate::equal::same;
use crate::numeral::{Bound, Number};
use crate::paper::Sentence;
use crate::reading::Reading;
use crate::text::Text;

/// A step of a sentence: from where to where, and what it says.
struct Step<'t> {
    from: f64,
    to: f64,
    /// What it says in figures, but for its limits.
    says: Vec<&'t Number>,
    denies: bool,
}

pub(super) fn look(reading: &Reading<'_>, finding: &mut Finding) {
    let asked = &reading.ground.asked.text;
    let [given] = asked.numbers.as_slice() else {
        return;
    };
    let mut pieces = reading
        .said()
        .filter(|piece| !reading.texts[*piece].is_empty());
    let (Some(piece), None) = (pieces.next(), pieces.next()) else {
        return;
    };
    let text = &reading.texts[piece];
    for paper in reading.ground.papers.iter() {
        for block in paper
            .sentences
            .chunk_by(|one, other| one.block == other.block)
        {
            let about = asked.stems.iter().any(|(_, stem)| {
                let mut all = block.iter();
                all.any(|sentence| sentence.own.contains(stem))
            });
            if !about || !told_otherwise(text, given, &steps(block, given), given) {
                continue;
            }
            let mut issue = at(
                reading,
                piece,
                Category::Accuracy,
                Severity::Critical,
                "the source says this of another step than the one that is asked about",
                "Say what holds for the figure of the question",
            );
            let line = block.first().map_or(0, |sentence| sentence.line);
            issue.evidence = Some(format!("{}, line {line}", paper.name));
            finding.issues.push(issue);
            return;
        }
    }
}

/// Whether an answer says what another step says, and not what the one says that a figure lies in.
fn told_otherwise(text: &Text, own: &Number, steps: &[Step<'_>], given: &Number) -> bool {
    let value = given.value();
    let mut meant = steps
        .iter()
        .filter(|step| step.from <= value && value <= step.to);
    let (Some(meant), None) = (meant.next(), meant.next()) else {
        return false;
    };
    let said: Vec<&Number> = text
        .numbers
        .iter()
        .filter(|said| !same(said, own))
        .collect();
    let states = |step: &Step<'_>| {
        let mut says = step.says.iter();
        says.any(|says| said.iter().any(|said| same(said, says)))
    };
    let others = || steps.iter().filter(|step| !std::ptr::eq(*step, meant));
    let denied = denies(text, 0, text.raw.len() + 1);
    let another = others().any(&states);
    let nothing = said.is_empty() && denied && !meant.denies && others().any(|step| step.denies);
    steps.len() > 1 && !states(meant) && (another || nothing)
}

/// The steps of a paragraph in the unit of a figure: one for each sentence, or part of one between semicolons, that has limits.
fn steps<'t>(block: &'t [Sentence], given: &Number) -> Vec<Step<'t>> {
    let parts = block.iter().flat_map(|sentence| {
        let text = &sentence.text;
        let mut starts = vec![0];
        starts.extend(text.raw.match_indices(';').map(|(at, _)| at + 1));
        let ends = starts.iter().skip(1).copied().chain([text.raw.len() + 1]);
        let spans: Vec<(usize, usize)> = starts.iter().copied().zip(ends).collect();
        spans.into_iter().map(move |(from, to)| (text, from, to))
    });
    let mut out: Vec<Step<'_>> = Vec::new();
    for (text, from, to) in parts {
        let here = || {
            text.numbers
                .iter()
                .filter(move |own| (from..to).contains(&own.start))
        };
        let value = |own: &Number| match (&own.unit, &given.unit) {
            (Some(own_unit), Some(unit)) => own_unit.convert(own.value(), unit),
            (None, None) => Some(own.value()),
            _ => None,
        };
        let limits: Vec<(&Number, f64)> =
            here().filter_map(|own| Some((own, value(own)?))).collect();
        let ends = match limits.as_slice() {
            [(one, value)] => match one.bound {
                Some(Bound::Above) => Some((*value, f64::INFINITY)),
                Some(Bound::Below) => Some((f64::NEG_INFINITY, *value)),
                None => None,
            },
            [(_, one), (_, other)] if between(text, from, to) => {
                Some((one.min(*other), one.max(*other)))
            }
            // "Later, nothing is paid back": beyond all steps before.
            [] if !out.is_empty() && goes_on(text, from, to) => Some((f64::NAN, f64::NAN)),
            _ => None,
        };
        let Some((low, high)) = ends else { continue };
        out.push(Step {
            from: low,
            to: high,
            says: here()
                .filter(|own| !limits.iter().any(|(limit, _)| limit.start == own.start))
                .collect(),
            denies: denies(text, from, to),
        });
    }
    out
}

/// Whether a part speaks of what lies beyond the limits before it.
fn goes_on(text: &Text, from: usize, to: usize) -> bool {
    let mut senses = text.senses();
    senses.any(|(sense, at)| {
        let beyond = matches!(sense, Sense::Later | Sense::Earlier | Sense::Rest);
        beyond && (from..to).contains(&at)
    })
}

/// Whether a part names what lies between two limits.
fn between(text: &Text, from: usize, to: usize) -> bool {
    let mut senses = text.senses();
    senses.any(|(sense, at)| {
        let joins = matches!(sense, Sense::Between | Sense::From | Sense::To);
        joins && (from..to).contains(&at)
    })
}
