//! A mean of what is counted or added up for each of several: visits per week on average, orders per customer on average.

use aios_languages::{Ask, Hint, UnitName, hints};

use super::marks::What;
use super::question::{Column as Id, Group, Measure, Order, Test};
use super::resolve::{Asks, Reader};
use super::schema::Role;

impl Reader<'_> {
    /// What all is spread over: the periods that have rows, or the different values of a column. The groups are then none.
    pub(super) fn spread(
        &mut self,
        (from, to): (usize, usize),
        asks: &Asks,
        measures: &[(Measure, Option<String>)],
        counted: Option<&Measure>,
        order: Option<&Order>,
        groups: &mut Vec<Group>,
    ) -> Option<Measure> {
        // "fee per member": of what each row is one there is one figure of all rows.
        let unique = groups
            .as_slice()
            .first()
            .is_some_and(|group| self.is_unique(group));
        // What is one of each in its own file may have many rows in another.
        let beside = match (groups.as_slice(), measures) {
            ([Group::By(group)], [(Measure::Of(measured), _)]) => group.table != measured.table,
            _ => false,
        };
        let others = [
            Ask::Who,
            Ask::Share,
            Ask::Growth,
            Ask::Change,
            Ask::Median,
            Ask::Compare,
        ];
        let told_apart = asks.any(&others) || beside || self.asks_which_group(from, to);
        if !asks.has(Ask::Mean) || order.is_some() || told_apart {
            return None;
        }
        let [group] = groups.as_slice() else {
            return None;
        };
        let counts = measures.is_empty() && counted.is_some();
        let adds = |id: &Id| {
            let mut columns = self.schema.columns.iter();
            columns.any(|column| column.id == *id && column.role == Role::Adds)
        };
        let added = match measures {
            [(Measure::Of(id), _)] => adds(id),
            [(Measure::Rows | Measure::Product(..) | Measure::Less(..), _)] => true,
            _ => false,
        };
        let said = self.says_per(from, to) || self.says_periodic(from, to);
        let over = match group {
            Group::Each(date, grain) if said && (counts || added) => {
                let period = self.speech.grain(*grain);
                let told = self.speech.say("periods_with_rows", &[("period", &period)]);
                self.assume(told);
                Measure::Periods(date.clone(), *grain)
            }
            Group::By(_) if unique && said && !counts => {
                groups.clear();
                return None;
            }
            Group::By(column)
                if (counts
                    || added && said && (self.is_a_period(group) || self.is_a_day(column)))
                    && !unique =>
            {
                Measure::Distinct(column.clone())
            }
            _ => return None,
        };
        groups.clear();
        Some(over)
    }

    /// "which shops", and not "what was the average", "quelle est la moyenne".
    fn asks_which_group(&self, from: usize, to: usize) -> bool {
        (from..to).any(|at| {
            self.is_ask(at, Ask::Which)
                && self.mark(at).is_some_and(|mark| {
                    let what = ["what", "whats", "was", "que", "quoi"]
                        .contains(&self.words.text(mark.from));
                    !what && !hints(Hint::Being, self.words.text(mark.to))
                })
        })
    }

    /// "over the three months": behind an article so many periods are a stretch of time, and no limit.
    pub(super) fn spans_periods(&self, number: usize, to: usize) -> bool {
        let led = self
            .mark(number)
            .and_then(|mark| mark.from.checked_sub(1))
            .is_some_and(|before| hints(Hint::Article, self.words.text(before)));
        let period = number + 1 < to
            && (self.grain_at(number + 1).is_some()
                || matches!(
                    self.mark(number + 1).map(|mark| &mark.what),
                    Some(What::Unit(Some(
                        UnitName::Day | UnitName::Week | UnitName::Month | UnitName::Year
                    )))
                ));
        led && period
    }

    /// "over the three months" of a column that has as many: all of its rows are meant.
    pub(super) fn whole_stretch(&mut self, from: usize, to: usize) {
        for at in from..to {
            let next = (at + 1..to.min(at + 4))
                .find(|at| matches!(self.mark(*at).map(|mark| &mark.what), Some(What::Number(_))));
            let Some(number) =
                next.filter(|next| self.is_ask(at, Ask::Above) && self.spans_periods(*next, to))
            else {
                continue;
            };
            let Some(What::Number(many)) = self.mark(number).map(|mark| mark.what.clone()) else {
                continue;
            };
            let all = self.schema.columns.iter().any(|column| {
                !column.is_measure()
                    && self.is_a_period(&Group::By(column.id.clone()))
                    && column.distinct as f64 == many.value
            });
            if all {
                (at..=number + 1).for_each(|at| self.take(at));
            }
        }
    }

    /// Whether a column is called after the days that it holds.
    fn is_a_day(&self, id: &Id) -> bool {
        self.schema.columns.iter().any(|column| {
            column.id == *id
                && matches!(column.words.as_slice(), [only] if ["day", "tag", "jour", "dia", "date", "datum"].contains(&only.as_str()))
        })
    }

    /// "How many customers placed more than 2 orders": of what is counted by its name those are meant that have so many rows.
    pub(super) fn counted_with_rows(
        &mut self,
        from: usize,
        to: usize,
        asks: &Asks,
        counted: Option<&Measure>,
    ) -> Option<(Group, Test)> {
        let Some(Measure::Distinct(column)) = counted else {
            return None;
        };
        let group = Group::By(column.clone());
        if !asks.has(Ask::Count) || self.is_unique(&group) {
            return None;
        }
        let test = self.limit_of_rows(from, to)?;
        Some((group, test))
    }
}
