//! What is said to be more or less than another of its kind is so.

use std::collections::BTreeSet;

use aios_languages::{Sense, Tag};
use aios_work::{Category, Severity};

use super::meant::Meant;
use super::orders::{By, Given, groupable, orders, ways};
use super::rank::counts_rows;
use super::{Finding, at};
use crate::grid::{Grid, Pred};
use crate::reading::Reading;
use crate::scope::{Entity, entities};

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
        for Compared {
            one,
            other,
            more,
            rows,
        } in said.into_iter().chain(asked.flatten())
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
