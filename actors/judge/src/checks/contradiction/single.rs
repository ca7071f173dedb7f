//! Of all rows the one that is asked for: "which reading was highest, when and where?" is answered by the figure of the first row.

use aios_languages::Sense;
use aios_work::{Category, Severity};

use super::{Finding, at};
use crate::conditions::mentioned;
use crate::explain::Form;
use crate::grid::{Grid, Pred};
use crate::reading::Reading;

/// Whether the one figure that is given of a day and a name is that of no first, where the first of all is asked for.
pub(super) fn look(reading: &Reading<'_>, grid: &Grid, finding: &mut Finding) {
    let asked = &reading.ground.asked;
    let goal = &asked.text;
    let (high, low) = (goal.has(Sense::Highest), goal.has(Sense::Lowest));
    let summed = [
        Sense::Total,
        Sense::Mean,
        Sense::Median,
        Sense::Count,
        Sense::Per,
        Sense::Rank,
        Sense::Growth,
        Sense::Up,
        Sense::Down,
    ];
    let several = asked
        .points
        .iter()
        .filter(|point| point.text.has(Sense::Highest) || point.text.has(Sense::Lowest))
        .count();
    if high == low || several != 1 || summed.iter().any(|sense| goal.has(*sense)) {
        return;
    }
    let measures: Vec<usize> = mentioned(goal, grid)
        .into_iter()
        .filter(|column| grid.measures().any(|own| own == *column))
        .collect();
    let mut of_rows = reading.claims.iter().filter(|claim| {
        claim.found.iter().any(|found| {
            let figure = matches!(found.form, Form::Figure(_));
            let measured = found
                .measure
                .is_some_and(|measure| measures.is_empty() || measures.contains(&measure));
            let dated = found
                .preds
                .iter()
                .any(|pred| matches!(pred, Pred::At(_, moment) if moment.day.is_some()));
            figure && measured && dated && grid.rows_of(&found.preds).len() == 1
        })
    });
    let (Some(claim), None) = (of_rows.next(), of_rows.next()) else {
        return;
    };
    let number = reading.number(claim);
    let conditions = asked.conditions(0, grid);
    let first = claim.found.iter().any(|found| {
        let Some(measure) = found.measure else {
            return true;
        };
        // Of all rows, of all days, of all names.
        let single = [&conditions[..], &[]].into_iter().any(|rows| {
            let figures = grid.figures(rows, measure);
            figures.is_some_and(|figures| {
                let end = if high {
                    figures.greatest
                } else {
                    figures.least
                };
                in_its_unit(number, grid, measure, end)
            })
        });
        single
            || found.preds.iter().any(|pred| {
                let ends = |value: f64| {
                    if high { value } else { -value }
                };
                let total =
                    |pred: Pred| grid.figures(&[pred], measure).map(|figures| figures.total);
                let best = super::orders::alternatives(grid, pred)
                    .into_iter()
                    .filter_map(total)
                    .max_by(|a, b| ends(*a).total_cmp(&ends(*b)));
                best.is_some_and(|best| in_its_unit(number, grid, measure, best))
            })
    });
    finding.claims += 1;
    if first {
        finding.supported += 1;
        return;
    }
    finding.issues.push(at(
        reading,
        claim.piece,
        Category::Accuracy,
        Severity::Critical,
        format!("{} is not the first of all", reading.shown(claim)),
        "Name the one that the data shows",
    ));
}

/// Whether a value of a column is a number, in the number's unit.
fn in_its_unit(number: &crate::numeral::Number, grid: &Grid, measure: usize, value: f64) -> bool {
    let own = grid.columns[measure].unit.as_ref();
    let value = match (own, number.unit.as_ref()) {
        (Some(own), Some(unit)) => own.convert(value, unit),
        _ => Some(value),
    };
    value.is_some_and(|value| number.is(value))
}
