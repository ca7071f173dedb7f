//! An amount of money is not told in kilowatt hours: what a goal asks for is not what a column measures in another unit.

use std::collections::HashSet;

use aios_languages::{Tag, concept_number};
use aios_work::{Category, Severity, quoted};

use super::{Finding, at};
use crate::column::Data;
use crate::grid::Grid;
use crate::reading::Reading;
use crate::unit::Unit;

/// Things that are amounts of money, as the words of each language are of them.
const MONEY: [&str; 3] = ["price", "revenue", "profit"];
/// Beginnings of words of these that are said of pieces, hours, water and power as well: "agua que se gastó", kilowatt hours that were charged.
const LOOSE: [&str; 18] = [
    "sale", "spen", "amount", "paid", "income", "charg", "gain", "gast", "depens", "ausgeb",
    "ausgab", "ausgegeb", "recarg", "ertrag", "absatz", "vente", "venta", "marg",
];

/// Words of a language that are written as a unit is: "in", "cuánto ha costado".
const WORDS: [&str; 2] = ["in", "ha"];

/// Whether every figure that the answer takes from a table is of a unit of no money, where money is asked for and no column is of any.
pub(super) fn look(reading: &Reading<'_>, finding: &mut Finding) {
    let asked = &reading.ground.asked.text;
    let things: HashSet<u32> = MONEY.iter().map(|name| concept_number(name)).collect();
    let word = asked.tags.iter().find_map(|tag| match tag.tag {
        Tag::Concept(concept) if things.contains(&concept) => asked
            .words
            .get(tag.from)
            .filter(|word| !LOOSE.iter().any(|begin| word.text.starts_with(begin))),
        _ => None,
    });
    // Who names the unit too asks for that, whatever it is asked for: "to cut costs: which site used the most kWh".
    let units = asked.words.iter();
    let units = units.filter(|word| word.text.len() > 1 && !WORDS.contains(&word.text.as_str()));
    let mut units = units.filter_map(|word| Unit::of_word(&word.text));
    if units.any(|unit| unit.is_of_a_measure()) {
        return;
    }
    let grids = &reading.ground.grids;
    let Some(word) = word.filter(|_| reading.ground.papers.is_empty()) else {
        return;
    };
    // Whatever could be meant by it: an amount in a currency, or a column that is called so.
    let could = |grid: &Grid| {
        grid.columns.iter().any(|column| {
            let money = column.unit.as_ref().is_some_and(Unit::is_money);
            let called = !matches!(column.data, Data::Derived(_))
                && things.iter().any(|thing| column.concepts.contains(thing));
            money || called
        })
    };
    if grids.iter().any(could) {
        return;
    }
    let unit = |table: usize, measure: usize| grids.get(table)?.columns.get(measure)?.unit.as_ref();
    let mut told = None;
    for claim in &reading.claims {
        for found in &claim.found {
            let Some(measure) = found.measure.filter(|_| found.table < grids.len()) else {
                continue;
            };
            match unit(found.table, measure).filter(|unit| unit.is_of_a_measure()) {
                Some(unit) => told = told.or(Some((claim.piece, unit.shown.clone()))),
                None => return,
            }
        }
    }
    if let Some((piece, shown)) = told {
        let said = asked.raw.get(word.start..word.end).unwrap_or_default();
        finding.issues.push(at(
            reading,
            piece,
            Category::Accuracy,
            Severity::Critical,
            format!(
                "the goal asks for {}, and {shown} are none",
                quoted(said, 40)
            ),
            "Say that the data does not hold it",
        ));
    }
}
