//! What a sentence works out of its own figures is so: "from 20 to 30, up 50 %", "13 of 16 (81 %)", "250 at 3.20 each come to 800".
//!
//! No source is needed for it: whoever writes both figures is held to them.

use aios_languages::{Sense, Tag};
use aios_work::{Category, Severity};

use super::{Finding, at};
use crate::explain::Form;
use crate::numeral::Number;
use crate::reading::Reading;
use crate::text::Text;

/// Bytes between the two figures of a change: "from 20 kg in January to 30".
const APART: usize = 30;
/// Words between an amount and the word that says it is for each.
const EACH: usize = 3;

pub(super) fn look(reading: &Reading<'_>, piece: usize, finding: &mut Finding) {
    let text = &reading.texts[piece];
    if text.numbers.len() < 2 {
        return;
    }
    // "It fell by 819 to 1,044": by so much, and not from so much.
    let by = |number: &Number| {
        let mut claims = reading.claims_at(piece).iter();
        let claim = claims.find(|claim| text.numbers[claim.number].start == number.start);
        claim.is_some_and(|claim| {
            let lies = |form: Form| matches!(form, Form::Difference | Form::Change);
            !claim.found.is_empty() && claim.found.iter().all(|found| lies(found.form))
        })
    };
    let wrong = direction(text, &by)
        .or_else(|| change(text))
        .or_else(|| share(text))
        .or_else(|| product(text));
    if let Some((what, evidence)) = wrong {
        let mut issue = at(
            reading,
            piece,
            Category::Accuracy,
            Severity::Critical,
            what,
            "Make the figures of the sentence agree with each other",
        );
        issue.evidence = Some(evidence);
        finding.issues.push(issue);
    }
}

/// The two figures of a change, the earlier first: "from A to B", "A -> B".
fn steps(text: &Text) -> Vec<(&Number, &Number)> {
    let two = text.numbers.windows(2);
    two.filter_map(|two| {
        let (one, other) = (&two[0], &two[1]);
        let gap = text.raw.get(one.end..other.start)?;
        let alike = match (&one.unit, &other.unit) {
            (Some(a), Some(b)) => a.kind == b.kind && !a.is_share(),
            (None, _) => other.unit.as_ref().is_none_or(|unit| !unit.is_share()),
            (Some(_), None) => false,
        };
        let plain = |number: &Number| number.bound.is_none() && !number.spelled && !number.signed;
        let next = |place: usize| text.words.partition_point(|word| word.start < place);
        let marked = |sense: Sense, word: usize| {
            text.tags
                .iter()
                .any(|tag| tag.tag == Tag::Sense(sense) && tag.to == word)
        };
        let arrow = matches!(gap.trim(), "->" | "→" | "=>" | ">");
        let to = marked(Sense::To, next(other.start));
        let told = arrow
            || (to
                && (gap.split_whitespace().count() == 1 || marked(Sense::From, next(one.start))));
        let near = gap.len() <= APART && !gap.contains([';', '.', '(', ')']);
        (alike && plain(one) && plain(other) && near && told).then_some((one, other))
    })
    .collect()
}

/// Which way the words of a sentence say that it goes; none where they say both, or neither.
fn way(text: &Text, near: usize) -> Option<bool> {
    let clause = text.clause(near);
    let all: Vec<(bool, usize)> = text
        .senses()
        .filter_map(|(sense, place)| match sense {
            Sense::Up => Some((true, place)),
            Sense::Down => Some((false, place)),
            _ => None,
        })
        .collect();
    let one = |ways: &[bool]| match ways {
        [first, rest @ ..] if rest.iter().all(|other| other == first) => Some(*first),
        _ => None,
    };
    let own: Vec<bool> = all
        .iter()
        .filter(|(_, place)| text.clause(*place) == clause)
        .map(|(up, _)| *up)
        .collect();
    // Of another clause only what stands before it.
    let any: Vec<bool> = all
        .iter()
        .filter(|(_, place)| *place < near)
        .map(|(up, _)| *up)
        .collect();
    match own.is_empty() {
        false => one(&own),
        true => one(&any),
    }
}

/// "It rose from 20 to 10".
fn direction(text: &Text, by: &dyn Fn(&Number) -> bool) -> Option<(&'static str, String)> {
    if text.has(Sense::Negation) {
        return None;
    }
    let steps = steps(text).into_iter().filter(|(one, _)| !by(one));
    steps.into_iter().find_map(|(one, other)| {
        let up = way(text, one.start)?;
        let (a, b) = (one.value(), in_unit(other, one));
        let against = if up { b < a } else { b > a };
        against.then(|| {
            (
                "its own figures go the other way",
                format!("from {} to {}", shown(text, one), shown(text, other)),
            )
        })
    })
}

/// "Up 30 % from 20 to 30": the part that is named is that of the first.
fn change(text: &Text) -> Option<(&'static str, String)> {
    let all = steps(text);
    let [(one, other)] = all.as_slice() else {
        // Of several each has its own clause.
        return all.iter().find_map(|pair| part_of(text, pair, true));
    };
    part_of(text, &(*one, *other), false)
}

fn part_of(
    text: &Text,
    (one, other): &(&Number, &Number),
    clause_only: bool,
) -> Option<(&'static str, String)> {
    let clause = text.clause(one.start);
    let shares: Vec<&Number> = text
        .numbers
        .iter()
        .filter(|number| {
            number
                .unit
                .as_ref()
                .is_some_and(crate::unit::Unit::is_share)
        })
        .filter(|number| !clause_only || text.clause(number.start) == clause)
        // Further away it is of something else.
        .filter(|number| {
            let apart = match number.start < one.start {
                true => one.start.saturating_sub(number.end),
                false => number.start.saturating_sub(other.end),
            };
            apart <= APART
        })
        .collect();
    let ([share], Some(_)) = (shares.as_slice(), way(text, one.start)) else {
        return None;
    };
    let (a, b) = (span(one, one), span(other, one));
    if a.0 <= 0.0 {
        return None;
    }
    let (least, most) = (100.0 * (b.0 - a.1) / a.1, 100.0 * (b.1 - a.0) / a.0);
    let (least, most) = if least < 0.0 && most < 0.0 {
        (-most, -least)
    } else {
        (least.max(0.0), most.abs().max(least.abs()))
    };
    // "To 150 % of it" is no change.
    let part = (100.0 * b.0 / a.1, 100.0 * b.1 / a.0);
    let fits = meets(share, least, most) || meets(share, part.0, part.1);
    (!fits).then(|| {
        let worked_out = 100.0 * (in_unit(other, one) - one.value()) / one.value();
        (
            "the percentage does not follow from the two figures beside it",
            format!(
                "from {} to {} is {worked_out:+.1} %",
                shown(text, one),
                shown(text, other)
            ),
        )
    })
}

/// "630 of 4,200 vehicles, which is 15 %": whether a share behind a comma is that of the figures before it, and of nothing that follows.
fn is_apposed(text: &Text, share: &Number, gap: &str) -> bool {
    let next = text.words.partition_point(|word| word.start < share.end);
    let of = text
        .tags
        .iter()
        .any(|tag| tag.tag == Tag::Sense(Sense::Of) && tag.from == next);
    let start = share.start - gap.len();
    let joins = text.senses().any(|(sense, place)| {
        let apart = matches!(sense, Sense::And | Sense::Rest | Sense::Per);
        apart && start <= place && place < share.start
    });
    let rest = text.raw.get(share.end..).unwrap_or("").trim();
    gap.contains([',', '=', ':']) && !of && !joins && rest.len() < 2
}

/// "13 of 16 (81 %)", "81 % (13 of 16)".
fn share(text: &Text) -> Option<(&'static str, String)> {
    let numbers = &text.numbers;
    numbers.windows(3).find_map(|three| {
        let is_share = |number: &Number| {
            number
                .unit
                .as_ref()
                .is_some_and(crate::unit::Unit::is_share)
        };
        let (share, part, whole, bracket) = match (is_share(&three[0]), is_share(&three[2])) {
            (true, false) => (
                &three[0],
                &three[1],
                &three[2],
                text.raw
                    .get(three[0].end..three[1].start)?
                    .trim_end()
                    .ends_with('('),
            ),
            (false, true) => {
                let gap = text.raw.get(three[1].end..three[2].start)?;
                // "71 of 682 loans (10.4 %)": nothing but what is counted stands between.
                (
                    &three[2],
                    &three[0],
                    &three[1],
                    (gap.trim_end().ends_with('(') || is_apposed(text, &three[2], gap))
                        && gap.len() < APART,
                )
            }
            _ => return None,
        };
        let gap = text.raw.get(part.end..whole.start)?;
        let of = text.tags.iter().any(|tag| {
            let (from, to) = (text.words[tag.from].start, text.words[tag.to - 1].end);
            tag.tag == Tag::Sense(Sense::Of) && part.end <= from && to <= whole.start
        }) || gap.trim() == "/";
        let plain = |number: &Number| {
            !is_share(number) && number.bound.is_none() && !number.signed && number.value() > 0.0
        };
        let alike = match (&part.unit, &whole.unit) {
            (Some(a), Some(b)) => a.kind == b.kind,
            (None, _) => true,
            (Some(_), None) => false,
        };
        if !(bracket
            && of
            && alike
            && gap.len() < APART
            && !gap.contains([';', ',', '.', ')'])
            && plain(part)
            && plain(whole))
        {
            return None;
        }
        let (a, b) = (span(part, part), span(whole, part));
        let fits = b.0 > 0.0 && meets(share, 100.0 * a.0 / b.1, 100.0 * a.1 / b.0);
        (!fits).then(|| {
            let worked_out = 100.0 * part.value() / in_unit(whole, part);
            (
                "the share does not follow from the two figures beside it",
                format!(
                    "{} of {} is {worked_out:.1} %",
                    shown(text, part),
                    shown(text, whole)
                ),
            )
        })
    })
}

/// "250 crates at 3.20 each come to 800".
fn product(text: &Text) -> Option<(&'static str, String)> {
    let stated: Vec<&Number> = text
        .numbers
        .iter()
        .filter(|number| !number.is_casual())
        .collect();
    let [many, each, all] = stated.as_slice() else {
        return None;
    };
    let next = text.words.partition_point(|word| word.start < each.end);
    let apiece = text.tags.iter().any(|tag| {
        matches!(tag.tag, Tag::Sense(Sense::Per | Sense::Ratio))
            && (next..next + EACH).contains(&tag.from)
            && text.words[tag.from].start < all.start
    });
    let money = |number: &Number| {
        number
            .unit
            .as_ref()
            .is_some_and(crate::unit::Unit::is_money)
    };
    let counted = many.unit.is_none()
        && many.value().fract() == 0.0
        && many.value() >= 2.0
        && many.bound.is_none();
    if !(apiece
        && counted
        && money(each)
        && money(all)
        && each.unit == all.unit
        && all.value() > each.value())
    {
        return None;
    }
    let (one, sum) = (span(each, each), span(all, each));
    let (least, most) = (many.value() * one.0, many.value() * one.1);
    let fits = sum.1 >= least * (1.0 - 1e-9) && sum.0 <= most * (1.0 + 1e-9);
    (!fits).then(|| {
        (
            "the product does not follow from its factors",
            format!(
                "{} times {} is {:.2}",
                shown(text, many),
                shown(text, each),
                many.value() * each.value()
            ),
        )
    })
}

fn shown<'t>(text: &'t Text, number: &Number) -> &'t str {
    text.raw.get(number.start..number.end).unwrap_or("")
}

/// The value of a number in the unit of another of its kind.
fn in_unit(number: &Number, other: &Number) -> f64 {
    match (&number.unit, &other.unit) {
        (Some(unit), Some(into)) => unit.convert(number.value(), into).unwrap_or(number.value()),
        _ => number.value(),
    }
}

/// What a number may have been before it was rounded, in the unit of another.
fn span(number: &Number, other: &Number) -> (f64, f64) {
    let half = number.readings.first().map_or(0.0, |reading| reading.half);
    let factor = match number.value() {
        0.0 => 1.0,
        value => in_unit(number, other) / value,
    };
    (
        (number.value() - half) * factor,
        (number.value() + half) * factor,
    )
}

/// Whether some reading of a share, rounded as it is written, lies between two values.
fn meets(share: &Number, least: f64, most: f64) -> bool {
    let dust = 1e-6;
    share.readings.iter().any(|reading| {
        let (low, high) = (
            reading.value.abs() - reading.half,
            reading.value.abs() + reading.half,
        );
        let bounded = share.bound.is_some() && (most - low).abs() <= reading.value.abs() * 0.3;
        bounded || (high + dust >= least && low - dust <= most)
    })
}
