//! What is said to go up or down went so.

use std::collections::BTreeSet;

use aios_languages::{Sense, Tag};
use aios_work::{Category, Issue, Severity};

use super::orders::{figure, is_level, measures};
use super::{Finding, at};
use crate::column::Data;
use crate::explain::Stat;
use crate::goal::pairs;
use crate::grid::{Grid, Pred};
use crate::moment::Moment;
use crate::reading::Reading;
use crate::scope::{entities, stretches};
use crate::text::Text;

/// Whether what is said to go up or down went so, by some figure that the words allow.
pub(super) fn look(reading: &Reading<'_>, grid: &Grid, finding: &mut Finding) {
    let Some(column) = grid.times().next() else {
        return;
    };
    let asked = &reading.ground.asked;
    let goal: Vec<(Moment, Moment)> = if asked
        .points
        .iter()
        .any(|point| point.need == crate::goal::Need::Direction)
    {
        asked.pairs.clone()
    } else {
        Vec::new()
    };
    let mut turn = 0;
    for piece in reading.said() {
        let text = &reading.texts[piece];
        let held = held(text);
        // "It fell short of August": a word within such a comparison says nothing else.
        let inside = |place: usize| {
            held.iter()
                .any(|step| (step.start..step.end).contains(&place))
        };
        let words: Vec<(bool, usize)> = ways(text, !asked.pairs.is_empty())
            .into_iter()
            .filter(|(_, place)| !inside(*place))
            .chain(held.iter().map(|step| (step.up, step.start)))
            .collect();
        let mut last = None;
        let several = words.len() > 1;
        let bare = several && words.len() == text.words.len();
        // "24 in April, 28 in May, 18 in June: a rise and then a fall": as many words as steps, one for each.
        let moments: Vec<Moment> = text.moments.iter().map(|found| found.moment).collect();
        let apart = words
            .iter()
            .all(|(_, place)| text.moments.last().is_some_and(|last| last.end <= *place));
        let in_turn = (several && apart && moments.len() == words.len() + 1).then(|| pairs(text));
        for (index, (up, place)) in words.into_iter().enumerate() {
            let clause = text.clause(place);
            // "Down / down": a word for each step, where the answer has nothing else.
            let each = goal.len() > 1 && text.moments.is_empty() && bare;
            if last == Some((clause, up)) && !each {
                continue;
            }
            last = Some((clause, up));
            let compared = held.iter().find(|step| step.start == place);
            let steps = match &in_turn {
                _ if compared.is_some() => compared.map(|step| step.pair).into_iter().collect(),
                Some(all) => all.get(index).copied().into_iter().collect(),
                // "Down both times".
                None if text.has(Sense::Steady) && unplaced(text, clause) && goal.len() > 1 => {
                    goal.clone()
                }
                None => course(text, place, several),
            };
            let pair = match steps.as_slice() {
                [] => step_of(text, clause, &goal)
                    .or_else(|| pair_of(reading, piece, place, (grid, column)))
                    .or_else(|| ends_with(text, &goal))
                    .or_else(|| {
                        let pair = goal.get(turn).copied();
                        turn += 1;
                        pair
                    }),
                [first, ..] => Some(*first),
            };
            let Some((from, to)) = pair else { continue };
            let steps = if steps.is_empty() {
                vec![(from, to)]
            } else {
                steps
            };
            let signs: Vec<BTreeSet<bool>> = steps
                .into_iter()
                .map(|step| signs(reading, piece, grid, column, step))
                .filter(|signs| !signs.is_empty())
                .collect();
            if signs.is_empty() {
                continue;
            }
            finding.claims += 1;
            let facts = &reading.ground.facts;
            let signed = reading.claims_at(piece).iter().any(|claim| {
                let mut own = claim.signed.iter().filter_map(|at| facts.get(*at));
                own.any(|signed| signed.rises() == Some(up))
            });
            if signed || signs.iter().all(|signs| signs.contains(&up)) {
                finding.supported += 1;
                continue;
            }
            let what = if up {
                "it is said to go up and went down"
            } else {
                "it is said to go down and went up"
            };
            let mut issue: Issue = at(
                reading,
                piece,
                Category::Accuracy,
                Severity::Critical,
                what,
                "Say which way the figures went",
            );
            issue.evidence = Some(format!(
                "from {} to {}",
                grid.shown(&Pred::At(column, from)),
                grid.shown(&Pred::At(column, to))
            ));
            finding.issues.push(issue);
        }
    }
}

/// The words of direction in a text, with their places. Where the goal asks for a direction, "longer" and "less" are such words too.
fn ways(text: &Text, asked: bool) -> Vec<(bool, usize)> {
    let mut out: Vec<(bool, usize)> = Vec::new();
    for tag in &text.tags {
        let up = match tag.tag {
            Tag::Sense(Sense::Up) => true,
            Tag::Sense(Sense::Down) => false,
            Tag::Sense(Sense::More) if asked && !text.limits(tag) => true,
            Tag::Sense(Sense::Fewer) if asked && !text.limits(tag) => false,
            _ => continue,
        };
        let place = text.words[tag.from].start;
        if !out.contains(&(up, place)) {
            out.push((up, place));
        }
    }
    out
}

/// A time that is held against another one, with the word that does it.
pub(in crate::checks) struct Held {
    pair: (Moment, Moment),
    up: bool,
    /// Where the first time ends, and where the other begins.
    start: usize,
    end: usize,
}

/// "July beat June", "February ended below January": of two times the first is said to have more, or less, than the other.
pub(in crate::checks) fn held(text: &Text) -> Vec<Held> {
    let two = text.moments.windows(2);
    two.filter_map(|two| {
        let (one, other) = (&two[0], &two[1]);
        let clause = text.clause(one.start);
        let up = text.senses().find_map(|(sense, place)| {
            let between = one.end <= place && place < other.start && text.clause(place) == clause;
            match sense {
                Sense::Ahead if between => Some(true),
                Sense::Behind if between => Some(false),
                _ => None,
            }
        })?;
        let plain = !text.senses().any(|(sense, place)| {
            sense == Sense::Negation && text.clause(place) == clause && place < other.start
        });
        (plain && text.clause(other.start) == clause).then_some(Held {
            pair: (other.moment, one.moment),
            up,
            start: one.end,
            end: other.start,
        })
    })
    .collect()
}

/// The steps that a sentence of three or more times takes in one direction: each of them where it says so, else from the first to the last.
fn course(text: &crate::text::Text, place: usize, several: bool) -> Vec<(Moment, Moment)> {
    let moments: Vec<Moment> = text.moments.iter().map(|found| found.moment).collect();
    let (Some(first), Some(last)) = (moments.first(), moments.last()) else {
        return Vec::new();
    };
    let clause = text.clause(place);
    let own = text
        .moments
        .iter()
        .any(|found| text.clause(found.start) == clause);
    let steady = text.has(Sense::Steady);
    if several || moments.len() < 3 || (own && !steady) {
        return Vec::new();
    }
    match steady {
        true => moments.windows(2).map(|two| (two[0], two[1])).collect(),
        false => vec![(*first, *last)],
    }
}

/// "June then saw a decline": the step of the goal that ends with the one time of a sentence.
fn ends_with(text: &Text, goal: &[(Moment, Moment)]) -> Option<(Moment, Moment)> {
    let [one] = text.moments.as_slice() else {
        return None;
    };
    let mut ends = goal.iter().filter(|(_, to)| one.moment.holds(to));
    match (ends.next(), ends.next()) {
        (Some(pair), None) => Some(*pair),
        _ => None,
    }
}

/// Whether a clause names no time.
fn unplaced(text: &Text, clause: usize) -> bool {
    let mut moments = text.moments.iter();
    !moments.any(|found| text.clause(found.start) == clause)
}

/// "Up in August, then down in September": the step of the goal that ends with the one time of a clause, where others name others.
fn step_of(text: &Text, clause: usize, goal: &[(Moment, Moment)]) -> Option<(Moment, Moment)> {
    let held = [Sense::Than, Sense::Against];
    if text.moments.len() < 2 || held.iter().any(|sense| text.has(*sense)) {
        return None;
    }
    let mut own = text
        .moments
        .iter()
        .filter(|found| text.clause(found.start) == clause);
    let (one, None) = (own.next()?, own.next()) else {
        return None;
    };
    let mut ends = goal.iter().filter(|(_, to)| one.moment.holds(to));
    match (ends.next(), ends.next()) {
        (Some(pair), None) => Some(*pair),
        _ => None,
    }
}

/// The month before one, as far as the table has months.
fn before(grid: &Grid, column: usize, moment: Moment) -> Option<Moment> {
    let months = grid.periods(column, |time| Moment {
        year: time.year,
        month: time.month,
        ..Moment::default()
    });
    let at = months.iter().position(|month| {
        let quarter = month.month.map(|month| (month - 1) / 3 + 1);
        moment.holds(&Moment { quarter, ..*month })
    })?;
    months.get(at.checked_sub(1)?).copied()
}

/// From when to when a word of direction speaks: by its clause, its sentence, what stands over it.
fn pair_of(
    reading: &Reading<'_>,
    piece: usize,
    place: usize,
    (grid, column): (&Grid, usize),
) -> Option<(Moment, Moment)> {
    let text = &reading.texts[piece];
    let all = pairs(text);
    if let Some(part) = rise_and_fall(reading, text, place) {
        return Some(part);
    }
    if all.len() == 1 {
        return all.first().copied();
    }
    // The two of the word's own clause.
    let clause = text.clause(place);
    let own: Vec<Moment> = text
        .moments
        .iter()
        .filter(|found| text.clause(found.start) == clause)
        .map(|found| found.moment)
        .collect();
    if let [from, to] = own.as_slice() {
        // "May lost 1.8 % on April": each clause says it in its own way.
        let starts = &text.clauses;
        let start = starts.get(clause).copied().unwrap_or(0);
        let end = starts.get(clause + 1).copied().unwrap_or(text.raw.len());
        let said = text.raw.get(start..end).unwrap_or("");
        let on = ["% on ", "percent on ", "per cent on "];
        let than = || {
            let mut between = text.moments.windows(2).filter(|two| {
                text.clause(two[0].start) == clause && text.clause(two[1].start) == clause
            });
            between.any(|two| {
                let gap = text.raw.get(two[0].end..two[1].start).unwrap_or("");
                gap.contains(" than ")
                    || text.senses().any(|(sense, at)| {
                        matches!(sense, Sense::Than | Sense::Against)
                            && two[0].end <= at
                            && at < two[1].start
                    })
            })
        };
        let turned = on.into_iter().any(|sign| said.contains(sign)) || than();
        return Some(if turned { (*to, *from) } else { (*from, *to) });
    }
    // "May jumped, June came down again": from the time before.
    if let ([one], true) = (own.as_slice(), text.moments.len() > 2) {
        return before(grid, column, *one).map(|before| (before, *one));
    }
    if all.len() > 1 {
        // The pair that lies nearest to the word.
        let step = if text.moments.len().is_multiple_of(2) {
            2
        } else {
            1
        };
        let starts = text.moments.iter().step_by(step).map(|moment| moment.start);
        let nearest = starts
            .enumerate()
            .min_by_key(|(_, start)| start.abs_diff(place))
            .map(|(at, _)| at)?;
        return all.get(nearest.min(all.len() - 1)).copied();
    }
    reading.labels(piece).into_iter().find_map(|label| {
        pairs(label)
            .first()
            .copied()
            .filter(|_| label.moments.len() == 2)
    })
}

/// "Up until July, then down to 14 in September" of what went on from May: of two words for two ways the first speaks of the time from the
/// beginning that the goal names to the first of two times, the second of that between them.
fn rise_and_fall(reading: &Reading<'_>, text: &Text, place: usize) -> Option<(Moment, Moment)> {
    let [(start, _)] = reading.ground.asked.pairs.as_slice() else {
        return None;
    };
    let [one, other] = text.moments.as_slice() else {
        return None;
    };
    let ways = ways(text, true);
    let [(first, at), (second, behind)] = ways.as_slice() else {
        return None;
    };
    let told = first != second && *at < one.start && one.end <= *behind && *behind < other.start;
    let apart = !start.holds(&one.moment) && !one.moment.holds(start);
    let own = match place == *at {
        true => (*start, one.moment),
        false => (one.moment, other.moment),
    };
    (told && apart).then_some(own)
}

fn signs(
    reading: &Reading<'_>,
    piece: usize,
    grid: &Grid,
    column: usize,
    (from, to): (Moment, Moment),
) -> BTreeSet<bool> {
    let text = &reading.texts[piece];
    let beside: Vec<Pred> = entities(text, 0, grid)
        .into_iter()
        .map(|entity| entity.pred)
        .filter(|pred| matches!(pred, Pred::Is(..)))
        .collect();
    let columns: BTreeSet<usize> = beside
        .iter()
        .filter_map(|pred| match pred {
            Pred::Is(column, _) => Some(*column),
            _ => None,
        })
        .collect();
    let beside = if columns.len() == beside.len() {
        beside
    } else {
        Vec::new()
    };
    let with = |moment: Moment| {
        let mut all = beside.clone();
        all.push(Pred::At(column, moment));
        all.sort_unstable();
        all
    };
    // The days of a stretch are its ends, and the stretch before it is what it is held against.
    let asked = &reading.ground.asked;
    let whole = stretches(&asked.text, grid).filter(|_| asked.pairs.contains(&(from, to)));
    let beside_it = |pred: Pred| {
        let mut all = beside.clone();
        all.push(pred);
        all.sort_unstable();
        all
    };
    let (before, after) = match whole {
        Some((one, other)) => (beside_it(one), beside_it(other)),
        None => (with(from), with(to)),
    };
    let mean = text.has(Sense::Mean) || reading.ground.asked.text.has(Sense::Mean);
    let mut out = BTreeSet::new();
    for measure in measures(reading, piece, grid).0 {
        if !matches!(
            grid.columns[measure].data,
            Data::Numbers(_) | Data::Flags(_)
        ) {
            continue;
        }
        // A temperature goes up by its mean, whatever its sum.
        let stats: &[Stat] = match (mean, is_level(grid, measure)) {
            (true, _) => &[Stat::Mean],
            (false, true) => &[Stat::Total, Stat::Mean],
            (false, false) => &[Stat::Total],
        };
        for &stat in stats {
            if let (Some(a), Some(b)) = (
                figure(grid, &before, measure, stat),
                figure(grid, &after, measure, stat),
            ) && a != b
            {
                out.insert(b > a);
            }
        }
    }
    if text.has(Sense::Count) || reading.ground.asked.text.has(Sense::Count) {
        let (a, b) = (grid.rows_of(&before).len(), grid.rows_of(&after).len());
        out.extend((a != b).then_some(b > a));
    }
    out
}
