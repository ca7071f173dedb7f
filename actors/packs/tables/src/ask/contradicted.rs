//! What is asked for in money and is counted in something else: kilowatt hours are no costs, whatever words lie between them.

use aios_languages::{Ask, Asking, Folded, all_asks, concept_number, fold, measured_by};

use super::marks::{Mark, What};
use super::question::{Column as Id, Filter, Measure};
use super::resolve::Reader;
use super::units::is_physical;

/// Things that are amounts of money and nothing else, by the names of their concepts.
const MONEY: [&str; 6] = ["cost", "price", "revenue", "profit", "salary", "invoice"];

/// Units that the lexicon has no word for.
const SYMBOLS: [&str; 18] = [
    "kwh", "mwh", "gwh", "wh", "kw", "mw", "m3", "m³", "cbm", "ml", "cl", "hl", "kg", "mg", "km",
    "ha", "m2", "m²",
];

/// Words for what was sold, in pieces or in money.
const SOLD: [&str; 8] = [
    "sale", "sales", "vente", "ventes", "ventas", "verkaufe", "absatz", "ertrag",
];

/// Whether a unit, as a heading or a file's name writes it, is of something that is measured, and of no money and no time.
pub(super) fn is_of_a_measure(unit: &str) -> bool {
    let unit = fold(unit.trim());
    let time = ["h", "hour", "hours", "min", "minute", "minutes"];
    (SYMBOLS.contains(&unit.as_str()) || is_physical(&unit)) && !time.contains(&unit.as_str())
}

/// Whether one of these words is a unit of something that is measured, and no word of a language that is only written so: "l'eau", "ha costado".
pub(super) fn names_a_unit(said: &[Folded]) -> bool {
    said.iter()
        .any(|word| word.text.len() > 1 && word.text != "ha" && is_of_a_measure(&word.text))
}

/// Whether words ask for an amount of money.
pub(super) fn is_of_money(said: &[Folded]) -> bool {
    let money = |concept: u32| MONEY.iter().any(|name| concept_number(name) == concept);
    let sold = |word: &Folded| SOLD.contains(&word.text.as_str());
    let verb = said
        .iter()
        .any(|word| measured_by(&word.text).is_some_and(money));
    !said.iter().any(sold)
        && (verb
            || all_asks().iter().any(|asks| {
                asks.find(said).iter().any(|found| {
                    let whole = found.from == 0 && found.to == said.len();
                    match found.asking {
                        Asking::Concept(concept) | Asking::Superlative(_, concept) => {
                            whole && money(concept)
                        }
                        _ => false,
                    }
                })
            }))
}

impl Reader<'_> {
    /// "what did the electricity cost" of kilowatt hours: where all that is measured is counted in a unit of no money, an amount of money
    /// is not in the data.
    pub(super) fn of_another_unit(
        &mut self,
        (from, to): (usize, usize),
        measures: &[(Measure, Option<String>)],
        counted: Option<&Measure>,
        filters: &[Filter],
    ) {
        let mut measured = measures.iter().map(|(measure, _)| measure).chain(counted);
        let physical = |measure: &Measure| match measure {
            Measure::Of(id) | Measure::Less(id, _) => self.is_of_a_measure(id),
            Measure::Plus(all) => all.iter().all(|id| self.is_of_a_measure(id)),
            _ => false,
        };
        let any = measured.clone().next().is_some();
        if !any || !measured.all(physical) {
            return;
        }
        // A condition on an amount of money asks for none.
        let chosen = |filter: &Filter| {
            let mut columns = self.schema.columns.iter().enumerate();
            columns.any(|(at, column)| column.id == filter.column && self.is_money(at))
        };
        if filters.iter().any(chosen) {
            return;
        }
        // Who names the unit too asks for that: "to cut costs: which site used the most kWh".
        let said = self.words.all.get(from..to).unwrap_or_default();
        if names_a_unit(said) {
            return;
        }
        let counts = self.asks(from, to).has(Ask::Count);
        let asked = (from..to).find(|at| {
            self.mark(*at).is_some_and(|mark| {
                let said = self.words.all.get(mark.from..mark.to).unwrap_or_default();
                !counts && could_ask(mark) && is_of_money(said) && !self.is_there(mark)
            })
        });
        if let Some(mark) = asked.and_then(|at| self.mark(at)) {
            let name = self.written(mark);
            self.say_absent(&name);
        }
    }

    /// Whether a column stands for what a mark means.
    fn is_there(&self, mark: &Mark) -> bool {
        match mark.what {
            What::Concept(concept) | What::Superlative(_, concept) => {
                !self.schema.standing_for(concept).is_empty()
            }
            _ => false,
        }
    }

    /// Whether a column is counted in a unit of no money: by what stands beside its numbers, in its name, or, of cells that became rows, in
    /// the file's.
    pub(super) fn is_of_a_measure(&self, id: &Id) -> bool {
        let name = super::words::spaced(&id.name);
        let own = id.unit.as_deref().is_some_and(is_of_a_measure);
        let named = name.len() > 1 && name.last().is_some_and(|word| is_of_a_measure(&word.text));
        let other = id
            .unit
            .as_deref()
            .is_some_and(|unit| !is_of_a_measure(unit));
        let filed = id.unit.is_none()
            && self.schema.value.as_ref() == Some(id)
            && self.is_counted_otherwise();
        (own || named || filed) && !other
    }
}

/// Whether a mark may ask for an amount: a name asks nothing.
fn could_ask(mark: &Mark) -> bool {
    matches!(
        mark.what,
        What::Concept(_)
            | What::Superlative(..)
            | What::Unknown
            | What::Kin(_)
            | What::Ask(Ask::Filler)
    )
}
