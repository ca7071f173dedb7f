//! A mean of what is counted or added up for each of several: visits per week on average, orders per customer on average.

use aios_languages::Ask;

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
        let others = [
            Ask::Which,
            Ask::Who,
            Ask::Share,
            Ask::Growth,
            Ask::Change,
            Ask::Median,
            Ask::Compare,
        ];
        if !asks.has(Ask::Mean) || order.is_some() || asks.any(&others) {
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
