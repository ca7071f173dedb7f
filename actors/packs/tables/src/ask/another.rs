//! What a column's own name says of its time, and a goal that asks for another one.

use aios_languages::Folded;
use aios_work::Grain;

use super::marks::What;
use super::period::Said;
use super::question::Measure;
use super::resolve::Reader;
use crate::table::month;

/// Letters of a month's name in a column's: "out" and "set" are short for months somewhere, and words of columns.
const LONG: usize = 4;
/// A month whose whole name is as short.
const MAY: [&str; 2] = ["may", "mai"];

impl Reader<'_> {
    /// "visits in April" of a column that is called `Visits in March`: what it holds is of its own month, and of no other one.
    pub(super) fn of_another_month(
        &mut self,
        from: usize,
        to: usize,
        measures: &[(Measure, Option<String>)],
        counted: Option<&Measure>,
    ) {
        let measured = measures.iter().map(|(measure, _)| measure).chain(counted);
        for measure in measured {
            let Measure::Of(id) = measure else { continue };
            let name = aios_languages::folded(&id.name);
            let months: Vec<i8> = name
                .iter()
                .filter(|word| word.text.len() >= LONG || MAY.contains(&word.text.as_str()))
                .filter_map(|word| month(&word.text))
                .collect();
            let [own] = months.as_slice() else { continue };
            let named = |word: &Folded| month(&word.text) == Some(*own);
            if self.words.all.iter().any(named) {
                continue;
            }
            let other = (from..to).find(|at| {
                matches!(self.mark(*at).map(|mark| &mark.what), Some(What::Period(Said::Part(Grain::Month, number))) if i8::try_from(*number).is_ok_and(|number| number != *own))
            });
            if let Some(mark) = other.and_then(|at| self.mark(at)) {
                let said = format!("{} ({})", id.name.trim(), self.written(mark));
                self.say_absent(&said);
                return;
            }
        }
    }
}
