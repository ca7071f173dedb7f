//! "or": conditions on different columns of which one is enough, and two that are set against each other.

use aios_languages::{Ask, Hint, hints};

use super::figures::COUNTED;
use super::marks::What;
use super::order::{chooses_between, comparative};
use super::question::{Column as Id, Filter, Group, Make, Measure, Test, Wanted};
use super::resolve::Reader;

impl Reader<'_> {
    /// "in Graz or by Tom Hale", "under 20 or over 60": the conditions beside such a word are one, of which a row has to meet a part.
    pub(super) fn alternatives(&self, from: usize, to: usize, filters: &mut Vec<Filter>) {
        for at in from..to {
            if !self.is_ask(at, Ask::Or) {
                continue;
            }
            let left = (from..at)
                .rev()
                .find_map(|at| self.condition_at(at, filters));
            let right = (at + 1..to).find_map(|at| self.condition_at(at, filters));
            let (Some(left), Some(right)) = (left, right) else {
                continue;
            };
            if left == right {
                continue;
            }
            let (first, second) = (left.min(right), left.max(right));
            let second = filters.remove(second);
            let Some(first) = filters.get_mut(first) else {
                continue;
            };
            let mut all = Vec::new();
            for filter in [first.clone(), second] {
                match filter.test {
                    Test::Either(more) if !filter.not => all.extend(more),
                    _ => all.push(filter),
                }
            }
            *first = Filter {
                column: first.column.clone(),
                test: Test::Either(all),
                not: false,
                part: false,
            };
        }
    }

    /// Which of the conditions a mark stands for.
    fn condition_at(&self, at: usize, filters: &[Filter]) -> Option<usize> {
        if !self.is_used(at) {
            return None;
        }
        let is = |id: &Id, columns: Vec<usize>| {
            columns
                .into_iter()
                .any(|column| self.column(column).is_some_and(|known| known.id == *id))
        };
        let meant = |filter: &Filter| match (&self.mark(at)?.what, &filter.test) {
            (What::Value(all, _), Test::In(values)) => {
                let columns = all
                    .iter()
                    .filter(|(_, value)| values.contains(value))
                    .map(|(column, _)| *column);
                is(&filter.column, columns.collect()).then_some(())
            }
            (What::Number(number), Test::Above(value, _) | Test::Below(value, _)) => {
                (*value == number.value).then_some(())
            }
            (What::Number(number), Test::Number(value)) => (*value == number.value).then_some(()),
            (What::Number(number), Test::Between(low, high)) => {
                (*low == number.value || *high == number.value).then_some(())
            }
            (What::Column(all, _) | What::Kin(all), _) => {
                is(&filter.column, all.clone()).then_some(())
            }
            (
                What::Period(_),
                Test::Days(_) | Test::Month(_) | Test::MonthName(_) | Test::Weekdays(_),
            ) => Some(()),
            _ => None,
        };
        filters
            .iter()
            .position(|filter| within(filter, &|filter| meant(filter).is_some()))
    }

    /// "Which is bigger, River or Park Lane": what is ranked are the values that are named.
    pub(super) fn named_rivals(&self, filters: &[Filter]) -> Option<Group> {
        let mut rivals = filters.iter().filter(|filter| {
            !filter.not
                && matches!(&filter.test, Test::In(values) if super::wanted::differ(values) > 1)
        });
        let only = rivals.next().filter(|_| rivals.next().is_none())?;
        Some(Group::By(only.column.clone()))
    }

    /// "Did Vienna or Graz have more?": where no name is asked for, two that are named are set against each other.
    pub(super) fn sets_rivals(&mut self, from: usize, to: usize) -> bool {
        let named = (from..to).any(|at| self.is_ask(at, Ask::Which) || self.is_ask(at, Ask::Who));
        if named || !self.are_rivals(from, to) {
            return false;
        }
        let more = (from..to).find(|at| {
            self.mark(*at).is_some_and(|mark| {
                let text = self.words.text(mark.from);
                matches!(mark.what, What::Unknown | What::Ask(Ask::Filler))
                    && (chooses_between(text) || comparative(text).is_some())
            })
        });
        more.into_iter().for_each(|at| self.take(at));
        more.is_some()
    }

    /// "more bookings", "fewer members": what stands behind such a word is counted.
    pub(super) fn more_of(&mut self, from: usize, to: usize) -> Option<Measure> {
        for at in from..to {
            let said = self.mark(at).is_some_and(|mark| {
                let text = self.words.text(mark.from);
                matches!(mark.what, What::Unknown | What::Ask(Ask::Filler))
                    && [
                        "more", "fewer", "less", "mehr", "weniger", "plus", "mas", "menos",
                    ]
                    .contains(&text)
            });
            // "more cancelled bookings"
            let next = (at + 1..to)
                .find(|at| !matches!(self.mark(*at).map(|mark| &mark.what), Some(What::Value(..))));
            let Some(next) = next.filter(|_| said) else {
                continue;
            };
            let found = match self.mark(next).map(|mark| mark.what.clone()) {
                Some(What::File) => self.rows(),
                Some(What::Concept(concept))
                    if self.is_a_thing(concept)
                        && self.measured(next).is_empty()
                        && !self.schema.standing_for(concept).is_empty() =>
                {
                    let standing = self.schema.standing_for(concept);
                    let column = standing.first().and_then(|column| self.column(*column))?;
                    if column.distinct >= column.rows {
                        self.rows()
                    } else {
                        Measure::Distinct(column.id.clone())
                    }
                }
                Some(What::Concept(concept))
                    if self.schema.standing_for(concept).is_empty()
                        && (self.is_a_thing(concept)
                            || concept == Self::concept("population")
                            || COUNTED.iter().any(|name| Self::concept(name) == concept)) =>
                {
                    self.rows()
                }
                Some(What::Column(all, _)) if self.measured(next).is_empty() => {
                    let column = all.first().and_then(|column| self.column(*column))?;
                    if column.is_time() || column.distinct >= column.rows {
                        self.rows()
                    } else {
                        Measure::Distinct(column.id.clone())
                    }
                }
                _ => continue,
            };
            self.take(next);
            return Some(found);
        }
        None
    }

    /// "average stars for Alpha and Beta": what does not add up is told of each of those that are named.
    pub(super) fn one_for_each(
        &self,
        from: usize,
        to: usize,
        wanted: &Wanted,
        filters: &[Filter],
    ) -> Option<Group> {
        let Wanted::Figures(figures) = wanted else {
            return None;
        };
        let apart = figures.iter().all(|figure| {
            matches!(
                figure.make,
                Make::Mean | Make::Median | Make::Deviation | Make::Over(..)
            )
        });
        let together = (from..to).any(|at| self.is_ask(at, Ask::Total));
        let joined = (from..to).any(|at| {
            let faced = self
                .mark(at)
                .is_some_and(|mark| hints(Hint::Facing, self.words.text(mark.from)));
            (faced || self.is_ask(at, Ask::And)) && self.joins_values(from, at, to)
        });
        let each = self.words.all.iter().any(|word| {
            [
                "each",
                "respectively",
                "jeweils",
                "chacun",
                "chacune",
                "cada",
            ]
            .contains(&word.text.as_str())
        });
        if !(apart || each) || together || !joined {
            return None;
        }
        self.named_rivals(filters)
    }

    /// Whether two values of one column stand on both sides of a word.
    pub(super) fn joins_values(&self, from: usize, at: usize, to: usize) -> bool {
        let value = |at: Option<usize>| match at.and_then(|at| self.mark(at)).map(|mark| &mark.what)
        {
            Some(What::Value(all, _)) => all.iter().map(|(column, _)| *column).collect(),
            _ => Vec::new(),
        };
        let says = |at: &usize| {
            !self.mark(*at).is_some_and(super::clause::is_filler) && !self.is_group_name(*at)
        };
        let left: Vec<usize> = value((from..at).rev().find(says));
        let right = value((at + 1..to).find(says));
        left.iter().any(|column| right.contains(column))
    }

    /// "variant A and variant B": the column's name between its values.
    pub(super) fn is_group_name(&self, at: usize) -> bool {
        matches!(self.mark(at).map(|mark| &mark.what), Some(What::Column(all, _)) if all
            .iter()
            .any(|column| self.column(*column).is_some_and(|column| !column.is_measure())))
    }

    /// "Did Vienna or Graz have more": two values of one column with such a word between them.
    pub(super) fn are_rivals(&self, from: usize, to: usize) -> bool {
        (from..to).any(|at| self.is_ask(at, Ask::Or) && self.joins_values(from, at, to))
    }
}

/// Whether a condition, or one of those of which it is made, is meant.
fn within(filter: &Filter, meant: &dyn Fn(&Filter) -> bool) -> bool {
    match &filter.test {
        Test::Either(all) => all.iter().any(|filter| within(filter, meant)),
        _ => meant(filter),
    }
}
