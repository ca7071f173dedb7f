//! What is said to be more or less than another of its kind is so.

use std::collections::BTreeSet;

use aios_languages::{Sense, Tag};
use aios_work::{Category, Severity};

use super::meant::Meant;
use super::orders::{By, Given, groupable, orders, ways};
use super::rank::counts_rows;
use super::{Finding, at};
use crate::conditions::mentioned;
use crate::explain::{Form, Stat};
use crate::grid::{Grid, Pred};
use crate::reading::Reading;
use crate::scope::{Entity, entities};
use crate::text::Text;

/// Words between a comparative and its "than".
const APART: usize = 4;

/// Two of a kind, the first of which is said to have more, or less.
struct Compared {
    one: Pred,
    other: Pred,
    more: bool,
    /// Whether rows are counted.
    rows: bool,
}

/// Whether what is compared stands so by some figure that the words allow.
pub(super) fn look(
    reading: &Reading<'_>,
    table: usize,
    grid: &Grid,
    given: &Given,
    finding: &mut Finding,
) {
    for piece in reading.said() {
        let said = all(reading, piece, table, grid);
        let asked = said.is_empty().then(|| of_two(reading, piece, table, grid));
        let asked = asked.flatten();
        if said.is_empty()
            && asked.is_none()
            && let Some(so) = told_of_two(reading, piece, table, grid, given)
        {
            finding.claims += 1;
            if so {
                finding.supported += 1;
            } else {
                finding.issues.push(at(
                    reading,
                    piece,
                    Category::Accuracy,
                    Severity::Critical,
                    "of the two that were asked about it is the other one",
                    "Say which of the two has more",
                ));
            }
            continue;
        }
        for Compared {
            one,
            other,
            more,
            rows,
        } in said.into_iter().chain(asked)
        {
            let ways = match rows {
                true => vec![By::Count],
                false => ways(reading, piece, &one, grid, given, Meant::Quality, None),
            };
            let orders = ways
                .into_iter()
                .filter(|by| !matches!(by, By::Change(_) | By::Growth(_)))
                .flat_map(|by| orders(reading, piece, &one, by, grid));
            let sides: BTreeSet<bool> = orders
                .filter_map(|order| Some((order.of(one)?, order.of(other)?)))
                .filter(|(one, other)| one != other)
                .map(|(one, other)| one > other)
                .collect();
            if sides.is_empty() {
                continue;
            }
            finding.claims += 1;
            // "More punctual" has less of what is unwelcome.
            let text = &reading.texts[piece];
            let unwelcome = super::orders::measures(reading, piece, grid)
                .0
                .iter()
                .any(|measure| super::orders::unwelcome(grid, *measure));
            let turned = unwelcome && (text.has(Sense::Inverse) || text.has(Sense::Valued));
            if sides.contains(&(more != turned)) {
                finding.supported += 1;
                continue;
            }
            let (one, other) = (grid.shown(&one), grid.shown(&other));
            let mut issue = at(
                reading,
                piece,
                Category::Accuracy,
                Severity::Critical,
                format!(
                    "{one} is not {} than {other}",
                    if more { "more" } else { "less" }
                ),
                "Say which of the two has more",
            );
            issue.evidence = Some(format!(
                "{one} has {} than {other}",
                if more { "less" } else { "more" }
            ));
            finding.issues.push(issue);
        }
    }
}

/// "82 was spent against a plan of 81, which is 1 under": of two figures that are held against each other the first is the one that is
/// said to be more, or less.
pub(super) fn held_against(reading: &Reading<'_>, finding: &mut Finding) {
    for piece in reading.said() {
        let text = &reading.texts[piece];
        let senses: BTreeSet<Sense> = text.senses().map(|(sense, _)| sense).collect();
        let more = senses.contains(&Sense::More) || senses.contains(&Sense::Up);
        let fewer = senses.contains(&Sense::Fewer) || senses.contains(&Sense::Down);
        if more == fewer || senses.contains(&Sense::Negation) {
            continue;
        }
        let Some((_, place)) = text.senses().find(|(sense, _)| *sense == Sense::Against) else {
            continue;
        };
        let plain = |number: &&crate::numeral::Number| number.bound.is_none() && !number.spelled;
        let before: Vec<_> = text
            .numbers
            .iter()
            .filter(plain)
            .filter(|number| number.end <= place)
            .collect();
        let behind = text
            .numbers
            .iter()
            .filter(plain)
            .find(|number| number.start >= place);
        let ([one], Some(other)) = (before.as_slice(), behind) else {
            continue;
        };
        // Changes are of different times, and what stands in another clause is held against something else.
        let share = one.unit.as_ref().is_some_and(crate::unit::Unit::is_share);
        if share && text.clause(place) != text.clause(other.start) {
            continue;
        }
        let alike = one.unit == other.unit && one.value() != other.value();
        if !alike || (one.value() > other.value()) == more {
            continue;
        }
        finding.issues.push(at(
            reading,
            piece,
            Category::Accuracy,
            Severity::Critical,
            "its own figures say the opposite",
            "Say which of the two is more",
        ));
    }
}

/// "A did more orders" where the goal asks who of two did.
fn of_two(reading: &Reading<'_>, piece: usize, table: usize, grid: &Grid) -> Option<Compared> {
    let text = &reading.texts[piece];
    let names = |text: &crate::text::Text| -> BTreeSet<Pred> {
        let found = entities(text, table, grid).into_iter();
        found
            .map(|entity| entity.pred)
            .filter(|pred| matches!(pred, Pred::Is(..)) && groupable(grid, pred))
            .collect()
    };
    let (asked, said) = (names(&reading.ground.asked.text), names(text));
    let one = said.first().copied().filter(|_| said.len() == 1)?;
    let other = asked
        .iter()
        .copied()
        .find(|other| asked.len() == 2 && asked.contains(&one) && *other != one)?;
    let word = text.tags.iter().find(|tag| {
        matches!(tag.tag, Tag::Sense(Sense::More | Sense::Fewer)) && counts_rows(text, tag.to, grid)
    })?;
    let clear = !text.has(Sense::Negation) && !text.has(Sense::Than);
    clear.then_some(Compared {
        one,
        other,
        more: word.tag == Tag::Sense(Sense::More),
        rows: true,
    })
}

/// "More was taken in August", "August, by 21.7 kg" where the goal asks of which of two there was more, or less: the one that is named, and
/// which way the sentence, else the goal, says that it differs from the other one.
fn of_two_asked(
    reading: &Reading<'_>,
    piece: usize,
    table: usize,
    grid: &Grid,
) -> Option<(Pred, Pred, bool)> {
    let text = &reading.texts[piece];
    let asked = &reading.ground.asked.text;
    // Who is first of all is looked at elsewhere.
    let held = [
        Sense::Negation,
        Sense::Than,
        Sense::Against,
        Sense::Ahead,
        Sense::Behind,
        Sense::Rest,
        Sense::Highest,
        Sense::Lowest,
    ];
    let rows = |text: &Text| {
        let mut tags = text.tags.iter();
        tags.any(|tag| {
            matches!(tag.tag, Tag::Sense(Sense::More | Sense::Fewer))
                && counts_rows(text, tag.to, grid)
        })
    };
    if rows(text) || rows(asked) {
        return None;
    }
    if held.iter().any(|sense| text.has(*sense)) || asked.has(Sense::Negation) {
        return None;
    }
    let found = |text: &Text| -> BTreeSet<Pred> {
        let all = entities(text, table, grid).into_iter();
        all.map(|entity| entity.pred)
            .filter(|pred| groupable(grid, pred))
            .collect()
    };
    let wanted: Vec<Pred> = found(asked).into_iter().collect();
    let [one, other] = wanted.as_slice() else {
        return None;
    };
    let said = found(text);
    let (named, rival) = match (said.contains(one), said.contains(other)) {
        (true, false) => (*one, *other),
        (false, true) => (*other, *one),
        _ => return None,
    };
    if !crate::explain::same_column(one, other) || said.len() != 1 {
        return None;
    }
    let more = match (way(text), way(asked)) {
        (Way::Both, _) => return None,
        (Way::One(more), _) => more,
        // A bare name, or one with what lies between the two, answers in the goal's own words.
        (Way::None, Way::One(more)) => {
            let between = reading.claims_at(piece).iter().any(|claim| {
                let mut found = claim.found.iter();
                found.any(|found| matches!(found.form, Form::Difference | Form::Change))
            });
            let bare = text.stems.is_empty() && text.numbers.is_empty();
            (between || bare).then_some(more)?
        }
        _ => return None,
    };
    Some((named, rival, more))
}

/// Which way words of comparison say that something differs.
enum Way {
    None,
    Both,
    One(bool),
}

fn way(text: &Text) -> Way {
    let side = |tag: &aios_languages::Tagged| match tag.tag {
        Tag::Sense(Sense::More) => Some(true),
        Tag::Sense(Sense::Fewer) => Some(false),
        _ => None,
    };
    let plain = text.tags.iter().filter(|tag| !text.limits(tag));
    let sides: BTreeSet<bool> = plain.filter_map(side).collect();
    match sides.into_iter().collect::<Vec<bool>>().as_slice() {
        [] => Way::None,
        [one] => Way::One(*one),
        _ => Way::Both,
    }
}

/// On which side of the other one a name stands by the figures whose difference the piece tells.
fn own_sides(
    reading: &Reading<'_>,
    piece: usize,
    grid: &Grid,
    (named, rival): (Pred, Pred),
    columns: &[usize],
) -> BTreeSet<bool> {
    let mut out = BTreeSet::new();
    for claim in reading.claims_at(piece) {
        let lies = |found: &&crate::explain::Explanation| found.form == Form::Difference;
        let number = reading.number(claim);
        for measure in claim
            .found
            .iter()
            .filter(lies)
            .filter_map(|found| found.measure)
        {
            for stat in [Stat::Total, Stat::Mean] {
                let of = |pred: Pred| super::orders::figure(grid, &[pred], measure, stat);
                let Some((one, other)) = of(named).zip(of(rival)) else {
                    continue;
                };
                let unit = number
                    .unit
                    .as_ref()
                    .zip(grid.columns[measure].unit.as_ref());
                let apart = unit.map_or(Some(one - other), |(unit, own)| {
                    own.convert(one - other, unit)
                });
                let meant = columns.is_empty() || columns.contains(&measure);
                if meant && one != other && apart.is_some_and(|apart| number.is_size(apart)) {
                    out.insert(one > other);
                }
            }
        }
    }
    out
}

/// Looks at what is said of one of the two that the goal asks about.
fn told_of_two(
    reading: &Reading<'_>,
    piece: usize,
    table: usize,
    grid: &Grid,
    given: &Given,
) -> Option<bool> {
    let (named, rival, more) = of_two_asked(reading, piece, table, grid)?;
    // What the goal asks about is meant, else what the sentence names, else what lies between the two.
    let quantities = |text: &Text| -> Vec<usize> {
        let named = mentioned(text, grid).into_iter();
        named
            .filter(|column| grid.measures().any(|own| own == *column))
            .collect()
    };
    let between = || -> Vec<usize> {
        let claims = reading.claims_at(piece).iter();
        let found = claims.flat_map(|claim| &claim.found);
        let lies = found.filter(|found| matches!(found.form, Form::Difference | Form::Change));
        lies.filter_map(|found| found.measure).collect()
    };
    let mut columns = quantities(&reading.ground.asked.text);
    if columns.is_empty() {
        columns = quantities(&reading.texts[piece]);
    }
    if columns.is_empty() {
        columns = between();
    }
    // What lies between the two tells by which figure they are compared.
    let by_difference = own_sides(reading, piece, grid, (named, rival), &columns);
    if !by_difference.is_empty() {
        return Some(by_difference.contains(&more));
    }
    let meant = match columns.is_empty() {
        true => Meant::Quality,
        false => Meant::Named(columns),
    };
    let ways = ways(reading, piece, &named, grid, given, meant, None);
    let orders = ways
        .into_iter()
        .filter(|by| !matches!(by, By::Change(_) | By::Growth(_)))
        .flat_map(|by| orders(reading, piece, &named, by, grid));
    let sides: BTreeSet<bool> = orders
        .filter_map(|order| Some((order.near(named)?, order.near(rival)?)))
        .filter(|(one, other)| one != other)
        .map(|(one, other)| one > other)
        .collect();
    (!sides.is_empty()).then(|| sides.contains(&more))
}

/// "A sold more than B": a name before and one behind a word that compares, in one clause, with no number between.
fn all(reading: &Reading<'_>, piece: usize, table: usize, grid: &Grid) -> Vec<Compared> {
    let text = &reading.texts[piece];
    let names: Vec<Entity> = entities(text, table, grid)
        .into_iter()
        .filter(|entity| matches!(entity.pred, Pred::Is(..)) && groupable(grid, &entity.pred))
        .collect();
    if names.len() < 2 || text.has(Sense::Negation) {
        return Vec::new();
    }
    let mut out = Vec::new();
    for tag in &text.tags {
        // "A has a higher delay than B": the other one stands behind "than".
        let than = || {
            text.tags
                .iter()
                .filter(|other| other.tag == Tag::Sense(Sense::Than))
                .map(|other| other.to)
                .find(|to| *to > tag.to && *to <= tag.to + APART)
        };
        let (more, last) = match tag.tag {
            Tag::Sense(Sense::Ahead) => (true, tag.to),
            Tag::Sense(Sense::Behind) => (false, tag.to),
            Tag::Sense(side @ (Sense::More | Sense::Fewer)) => match than() {
                Some(last) => (side == Sense::More, last),
                None => continue,
            },
            _ => continue,
        };
        let (from, to) = (text.words[tag.from].start, text.words[last - 1].end);
        let clause = text.clause(from);
        let within = |entity: &&Entity| text.clause(entity.start) == clause;
        let before: Vec<&Entity> = names
            .iter()
            .filter(|name| name.end <= from)
            .filter(within)
            .collect();
        // "That was A, just behind B".
        let before = match before.is_empty() {
            true => names.iter().filter(|name| name.end <= from).collect(),
            false => before,
        };
        let behind = names.iter().filter(within).find(|name| name.start >= to);
        let (Some(one), Some(other)) = (before.last(), behind) else {
            continue;
        };
        let apart = text
            .numbers
            .iter()
            .any(|number| to <= number.start && number.end <= other.start);
        let alone = before.iter().all(|name| name.pred == one.pred);
        let alike = crate::explain::same_column(&one.pred, &other.pred) && one.pred != other.pred;
        if alone && alike && !apart {
            out.push(Compared {
                one: one.pred,
                other: other.pred,
                more,
                rows: counts_rows(text, tag.to, grid),
            });
        }
    }
    out
}
