//! The one row that an answer names where a record is asked for: "the heaviest shipment", "the longest wait".

use std::collections::{BTreeMap, BTreeSet};

use aios_languages::Sense;
use aios_work::{Category, Severity};

use super::rank::ranks;
use super::{Finding, at};
use crate::column::Data;
use crate::explain::same_column;
use crate::grid::{Grid, Pred};
use crate::reading::Reading;
use crate::scope::entities;

/// Whether the one row that an answer names is first or last by some quantity, where the goal asks for a record: "the heaviest shipment".
pub(super) fn look(reading: &Reading<'_>, table: usize, grid: &Grid, finding: &mut Finding) {
    let goal = &reading.ground.asked.text;
    let kinds: BTreeSet<(bool, usize)> = ranks(goal)
        .iter()
        .map(|rank| (rank.highest, rank.place))
        .collect();
    let sums = [
        Sense::Total,
        Sense::Mean,
        Sense::Median,
        Sense::Count,
        Sense::AskCount,
        Sense::Inverse,
        Sense::Valued,
        Sense::Growth,
        Sense::Difference,
    ];
    let (Some((highest, 1)), 1) = (kinds.first().copied(), kinds.len()) else {
        return;
    };
    if sums.iter().any(|sense| goal.has(*sense)) {
        return;
    }
    // The names and times of each sentence; those that single out one row by its day or by a name that no other row has.
    let keyed = |pred: &Pred| match pred {
        Pred::At(_, moment) => moment.day.is_some(),
        Pred::Is(column, _) => grid.names(*column).len() == grid.rows,
        _ => false,
    };
    let mut rows: BTreeMap<u32, usize> = BTreeMap::new();
    for piece in reading.said() {
        let mut preds: Vec<Pred> = Vec::new();
        for entity in entities(&reading.texts[piece], table, grid) {
            match preds.iter().find(|pred| same_column(pred, &entity.pred)) {
                Some(known) if *known != entity.pred => return,
                Some(_) => {}
                None => preds.push(entity.pred),
            }
        }
        preds.sort_unstable();
        if preds.iter().any(keyed)
            && let [row] = grid.rows_of(&preds).as_slice()
        {
            rows.insert(*row, piece);
        }
    }
    let (Some((row, piece)), 1) = (rows.first_key_value(), rows.len()) else {
        return;
    };
    let given = entities(goal, table, grid);
    let mut about: Vec<Pred> = reading.ground.asked.conditions(table, grid);
    // "..., and was it delivered?" asks and limits nothing.
    if goal.has(Sense::And) {
        about.retain(|pred| !matches!(pred, Pred::Flag(..)));
    }
    about.extend(given.iter().map(|entity| entity.pred).filter(|pred| {
        let mut alike = given.iter().filter(|other| same_column(&other.pred, pred));
        alike.all(|other| other.pred == *pred)
    }));
    about.sort_unstable();
    about.dedup();
    let among = grid.rows_of(&about);
    // By the quantity whose figure stands with it, or that the goal names; else by any.
    let told: Vec<usize> = reading
        .claims_at(*piece)
        .iter()
        .flat_map(|claim| claim.found.iter().filter_map(|found| found.measure))
        .filter(|column| grid.measures().any(|own| own == *column))
        .collect();
    let columns = match told.is_empty() {
        true => (0..grid.columns.len()).collect(),
        false => told,
    };
    let first = columns.into_iter().any(|column| {
        let own = grid.value(*row as usize, column);
        let ahead = |other: f64| if highest { other > own } else { other < own };
        !own.is_nan()
            && !among
                .iter()
                .any(|other| ahead(grid.value(*other as usize, column)))
    });
    // "The latest order" is so by its time.
    let timed = grid.times().any(|column| {
        let Data::Times(times) = &grid.columns[column].data else {
            return false;
        };
        let own = times[*row as usize];
        let ahead = |other: &u32| {
            let other = times[*other as usize];
            if highest { other > own } else { other < own }
        };
        own.is_some() && !among.iter().any(ahead)
    });
    let first = first || timed;
    finding.claims += 1;
    if first || !among.contains(row) {
        finding.supported += 1;
        return;
    }
    finding.issues.push(at(
        reading,
        *piece,
        Category::Accuracy,
        Severity::Critical,
        if highest {
            "another row has more"
        } else {
            "another row has less"
        },
        "Name the one that the data shows",
    ));
}
