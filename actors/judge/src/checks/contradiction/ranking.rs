//! Names that are put in an order stand in it: "rank the stations by rainfall", "the top three".

use std::collections::BTreeSet;

use aios_languages::Sense;
use aios_work::{Category, Severity};

use super::orders::{By, Order, groupable, orders};
use super::{Finding, at};
use crate::answer::Kind;
use crate::column::Data;
use crate::conditions::mentioned;
use crate::explain::{Stat, same_column};
use crate::grid::{Grid, Pred};
use crate::reading::Reading;
use crate::scope::entities;

/// Names of an order that are looked at.
const NAMES: usize = 60;

pub(super) fn look(reading: &Reading<'_>, table: usize, grid: &Grid, finding: &mut Finding) {
    let goal = &reading.ground.asked.text;
    let few = goal.numbers.iter().find(|number| {
        number.unit.is_none()
            && number.value().fract() == 0.0
            && (2.0..=20.0).contains(&number.value())
    });
    let (high, low) = (goal.has(Sense::Highest), goal.has(Sense::Lowest));
    let ranked = goal.has(Sense::Rank);
    if !ranked && (few.is_none() || high == low) {
        return;
    }
    let Some((piece, names)) = sequence(
        reading,
        table,
        grid,
        ranked,
        few.map(|few| few.value() as usize),
    ) else {
        return;
    };
    let ways = ways(reading, grid);
    if ways.is_empty() {
        return;
    }
    let turned = goal.has(Sense::Inverse);
    let sides: &[bool] = match (high, low) {
        _ if turned => &[true, false],
        (true, false) => &[true],
        (false, true) => &[false],
        _ => &[true, false],
    };
    let stands = |order: &Order| {
        sides.iter().any(|highest| {
            (1..)
                .zip(&names)
                .all(|(place, name)| order.holds(*name, *highest, place))
        })
    };
    let all: Vec<Order> = ways
        .into_iter()
        .flat_map(|by| orders(reading, piece, &names[0], by, grid))
        .filter(|order| names.iter().all(|name| order.of(*name).is_some()))
        .collect();
    if all.is_empty() {
        return;
    }
    finding.claims += 1;
    if all.iter().any(stands) {
        finding.supported += 1;
        return;
    }
    let mut issue = at(
        reading,
        piece,
        Category::Accuracy,
        Severity::Critical,
        "the names do not stand in the order that was asked for",
        "Put them in the order that the data shows",
    );
    let right: Vec<String> = (1..=names.len())
        .filter_map(|place| all[0].at(sides[0], place).next())
        .map(|pred| grid.shown(&pred))
        .collect();
    issue.evidence = (!right.is_empty()).then(|| right.join(", "));
    finding.issues.push(issue);
}

/// By what the goal puts names in order: by the quantities that it names, as it names them.
fn ways(reading: &Reading<'_>, grid: &Grid) -> Vec<By> {
    let goal = &reading.ground.asked.text;
    let measures: Vec<usize> = mentioned(goal, grid)
        .into_iter()
        .filter(|column| matches!(grid.columns[*column].data, Data::Numbers(_)))
        .collect();
    let stats: &[Stat] = match (
        goal.has(Sense::Total),
        goal.has(Sense::Mean),
        goal.has(Sense::Median),
    ) {
        (true, false, false) => &[Stat::Total],
        (false, true, false) => &[Stat::Mean],
        (false, false, true) => &[Stat::Median],
        _ => &[Stat::Total, Stat::Mean, Stat::Greatest, Stat::Least],
    };
    let plain = measures
        .iter()
        .flat_map(|measure| stats.iter().map(|stat| By::Figure(*measure, *stat)));
    let mut out: Vec<By> = plain.collect();
    out.extend(
        grid.derived_of(&measures)
            .map(|(column, _)| By::Figure(column, Stat::Total)),
    );
    if goal.has(Sense::Count) || goal.has(Sense::AskCount) {
        out.push(By::Count);
    }
    out
}

/// The names that the answer puts one behind the other: one in each item of a list or row of a table, or all of one sentence.
fn sequence(
    reading: &Reading<'_>,
    table: usize,
    grid: &Grid,
    ranked: bool,
    few: Option<usize>,
) -> Option<(usize, Vec<Pred>)> {
    let of = |piece: usize| -> Vec<Pred> {
        let mut out: Vec<Pred> = Vec::new();
        for entity in entities(&reading.texts[piece], table, grid) {
            let fits = matches!(entity.pred, Pred::Is(..)) && groupable(grid, &entity.pred);
            if fits && !out.contains(&entity.pred) {
                out.push(entity.pred);
            }
        }
        out
    };
    let mut rows: Vec<(usize, Pred)> = Vec::new();
    for piece in 0..reading.texts.len() {
        let kind = reading.answer.pieces[piece].kind;
        let fresh = matches!(kind, Kind::Item | Kind::Head);
        if let (true, [one]) = (fresh, of(piece).as_slice())
            && rows
                .iter()
                .all(|(_, other)| same_column(other, one) && other != one)
        {
            rows.push((piece, *one));
        }
    }
    let fits =
        |many: usize| many > 1 && many <= NAMES && (ranked || few.is_some_and(|few| few == many));
    if fits(rows.len()) {
        let names = rows.iter().map(|(_, name)| *name).collect();
        return Some((rows[0].0, names));
    }
    if !rows.is_empty() {
        return None;
    }
    let mut told = reading.said().filter_map(|piece| {
        let names = of(piece);
        let columns: BTreeSet<usize> = names
            .iter()
            .filter_map(|name| match name {
                Pred::Is(column, _) => Some(*column),
                _ => None,
            })
            .collect();
        (columns.len() == 1 && fits(names.len())).then_some((piece, names))
    });
    let (one, None) = (told.next()?, told.next()) else {
        return None;
    };
    // Words of rank in it say in which order its names stand.
    let text = &reading.texts[one.0];
    let other = text.has(Sense::Lowest) || text.has(Sense::Than) || text.has(Sense::Behind);
    (!other).then_some(one)
}
