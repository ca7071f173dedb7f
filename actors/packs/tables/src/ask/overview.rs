//! Whether a goal asks anything, or wants to know what there is.

use aios_languages::{Ask, Hint, hints};

use super::clause::is_filler;
use super::marks::What;
use super::period::grain_of;
use super::question::{Figure, Filter, Group, Make, Measure, Question, Wanted};
use super::resolve::{Asks, Reader};

impl Reader<'_> {
    /// A goal that wants to know what there is, and asks nothing.
    pub(super) fn is_overview(&self) -> bool {
        let asks = self.asks(0, self.marks.all.len());
        let asking = [
            Ask::Total,
            Ask::Mean,
            Ask::Median,
            Ask::Count,
            Ask::Distinct,
            Ask::Highest,
            Ask::Lowest,
            Ask::Top,
            Ask::Bottom,
            Ask::Share,
            Ask::Growth,
            Ask::Change,
            Ask::Compare,
            Ask::Ratio,
            Ask::Range,
            Ask::Deviation,
            Ask::Variance,
            Ask::Percentile,
            Ask::Weighted,
            Ask::Correlation,
            Ask::List,
            Ask::Which,
            Ask::Who,
            Ask::When,
            Ask::Where,
            Ask::Rank,
            Ask::Per,
            Ask::Daily,
            Ask::Weekly,
            Ask::Monthly,
            Ask::Quarterly,
            Ask::Yearly,
        ];
        let whole = asks.any(&[Ask::Overview, Ask::Trend, Ask::Outlier]);
        let asked: Vec<Ask> = asking.into_iter().filter(|ask| asks.has(*ask)).collect();
        let superlative = self
            .marks
            .all
            .iter()
            .any(|mark| matches!(mark.what, What::Superlative(..)));
        // "How did sales develop", "What is the trend": what and how only open the sentence.
        let opens = |asks: &[Ask]| asks.iter().all(|ask| *ask == Ask::Which);
        if whole {
            return !superlative && opens(&asked)
                || asks.has(Ask::Overview) && self.leads_with_overview() && !self.asks_more();
        }
        let named = self.marks.all.iter().any(|mark| {
            matches!(
                mark.what,
                What::Column(..)
                    | What::Value(..)
                    | What::Concept(_)
                    | What::Period(_)
                    | What::Clock(_)
                    | What::Unknown
            )
        });
        asked.is_empty() && !superlative && !named
    }

    /// "Are there any suites in Linz?", "# of cancelled": how many there are.
    pub(super) fn asks_whether(&self, from: usize, to: usize, asks: &mut Asks) {
        let first = self
            .mark(from)
            .map_or("", |mark| self.words.text(mark.from));
        let there = asks.has(Ask::There) && ["is", "are", "was", "were"].contains(&first);
        let sign = from == 0 && self.words.raw.trim_start().starts_with("# of");
        let reckons = asks.reckons()
            || asks.any(&[
                Ask::Share,
                Ask::Per,
                Ask::Which,
                Ask::Who,
                Ask::Change,
                Ask::Compare,
            ]);
        if (there || sign) && !reckons && !self.asks_where(from, to) {
            asks.add(Ask::Count);
        }
    }

    pub(super) fn leads_with_overview(&self) -> bool {
        self.next(0, self.marks.all.len())
            .is_some_and(|at| self.is_ask(at, Ask::Overview))
    }

    /// "Analyze the sales by region" is an overview, "Analyze which region sells most" asks.
    pub(super) fn asks_more(&self) -> bool {
        self.asks(0, self.marks.all.len()).any(&[
            Ask::Which,
            Ask::Who,
            Ask::When,
            Ask::Count,
            Ask::Share,
            Ask::Growth,
            Ask::Change,
            Ask::Ratio,
            Ask::Median,
            Ask::Percentile,
            Ask::Top,
            Ask::Bottom,
            Ask::Correlation,
            Ask::Compare,
        ])
    }

    /// A clause that only asks again: "and by how much", "y cuántos fueron".
    pub(super) fn is_empty(&self, from: usize, to: usize) -> bool {
        (from..to).all(|at| {
            self.mark(at).is_some_and(|mark| {
                matches!(
                    mark.what,
                    What::Ask(
                        Ask::Filler
                            | Ask::And
                            | Ask::Total
                            | Ask::Count
                            | Ask::Per
                            | Ask::From
                            | Ask::To
                            | Ask::There
                            | Ask::Which
                            | Ask::Exactly
                            | Ask::Change
                    )
                )
            })
        })
    }

    /// "..., and how many kilos was that?": the figure that is told with the name already.
    fn asks_for_the_figure(&self, from: usize, to: usize, figures: &[Figure]) -> bool {
        let [
            Figure {
                of: Measure::Of(measured),
                ..
            },
        ] = figures
        else {
            return false;
        };
        let of_it = |at: usize| {
            self.measured(at)
                .iter()
                .filter_map(|column| self.column(*column))
                .any(|column| column.id == *measured)
        };
        let points_back = (from..to).any(|at| {
            self.mark(at)
                .is_some_and(|mark| hints(Hint::Back, self.words.text(mark.from)))
        });
        points_back
            && (from..to).any(of_it)
            && (from..to).all(|at| {
                of_it(at)
                    || self.is_ask(at, Ask::Count)
                    || self.is_ask(at, Ask::Total)
                    || self.mark(at).is_some_and(is_filler)
            })
    }

    /// "... and on which day?" behind a question for a row, which tells its day.
    pub(super) fn asks_where(&self, from: usize, to: usize) -> bool {
        if self.asks_how(from, to) {
            return true;
        }
        let row = match self.before.as_ref() {
            Some(Question {
                wanted: Wanted::Row { .. },
                ..
            }) => true,
            // "... and how long was it": the best of what is reckoned is told with its figure.
            Some(Question {
                wanted: Wanted::Figures(figures),
                order: Some(_),
                ..
            }) => {
                if self.asks_for_the_figure(from, to, figures) {
                    return true;
                }
                let lasts = [Self::concept("duration"), Self::concept("delay")];
                let asks_duration = (from..to).any(|at| matches!(self.mark(at).map(|mark| &mark.what), Some(What::Concept(concept)) if lasts.contains(concept)));
                return asks_duration
                    && figures.iter().all(|figure| {
                        matches!(
                            figure.of,
                            Measure::Shift(..) | Measure::Elapsed(..) | Measure::Lasted(..)
                        )
                    })
                    && (from..to).all(|at| {
                        self.mark(at).is_some_and(|mark| {
                            is_filler(mark)
                                || matches!(
                                    mark.what,
                                    What::Concept(_) | What::Ask(Ask::Count | Ask::Total)
                                )
                        })
                    });
            }
            _ => false,
        };
        // "... and the sum of the readings": of all of them, and no more of the row.
        let sums = (from..to).any(|at| {
            self.is_ask(at, Ask::Total)
                && self.mark(at).is_some_and(|mark| {
                    !["how", "wie", "combien", "cuanto", "cuanta"]
                        .contains(&self.words.text(mark.from))
                })
        });
        let measured = (from..to).any(|at| !self.measured(at).is_empty());
        if sums && measured && !self.asks(from, to).has(Ask::Count) {
            return false;
        }
        let plain = |at: usize| {
            self.mark(at).is_some_and(|mark| match &mark.what {
                What::Ask(ask) => {
                    grain_of(*ask).is_some()
                        || is_filler(mark)
                        || matches!(
                            ask,
                            Ask::Which
                                | Ask::When
                                | Ask::Where
                                | Ask::Who
                                | Ask::Count
                                | Ask::Total
                        )
                }
                // "... and how many seconds": the figure that the row has been found by.
                What::Column(all, _) | What::Kin(all) => all.iter().all(|at| {
                    self.column(*at).is_some_and(|column| {
                        !column.is_measure()
                            || self.inherited()
                                == Some(super::question::Measure::Of(column.id.clone()))
                    })
                }),
                _ => false,
            })
        };
        row && (from..to).all(plain)
    }

    /// An overview of amounts in several currencies is what they come to in each: no figure of them all means anything.
    pub(super) fn apart(&mut self, filters: &[Filter]) -> Option<Vec<Question>> {
        if self.schema.tables.len() > 1 {
            return None;
        }
        let named: Vec<usize> = (0..self.marks.all.len())
            .flat_map(|at| self.measured(at))
            .collect();
        let measures = self.schema.measures();
        let measure = match named.first() {
            Some(at) => self.column(*at)?,
            None => measures
                .filter_map(|at| self.column(at))
                .find(|column| column.units.is_some())?,
        };
        let units = measure.units.clone()?;
        let unit = self
            .schema
            .columns
            .iter()
            .find(|column| column.id.table == measure.id.table && column.id.name == units)?;
        let (of, unit) = (Measure::Of(measure.id.clone()), unit.id.clone());
        let makes = if measure.role == super::schema::Role::Adds {
            [Make::Total, Make::Mean]
        } else {
            [Make::Mean, Make::Greatest]
        };
        let said = self
            .speech
            .say("currencies", &[("column", unit.name.trim())]);
        self.assume(said);
        let question = |make: Make| Question {
            wanted: Wanted::Figures(vec![Figure {
                make,
                of: of.clone(),
                called: None,
            }]),
            filters: filters.to_vec(),
            groups: vec![Group::By(unit.clone())],
            order: None,
            having: None,
        };
        Some(makes.map(question).to_vec())
    }

    pub(super) fn filters_of_overview(&mut self, from: usize, to: usize) -> Vec<Filter> {
        let mut filters = self.values(from, to);
        self.numbers(from, to, None, &mut filters);
        for at in from..to {
            match self.mark(at).map(|mark| mark.what.clone()) {
                // "Analyze the revenue" of a column `rev`: a hint at a column is heard as well.
                Some(
                    What::Column(..) | What::Kin(_) | What::Period(_) | What::File | What::Unit(_),
                ) => self.take(at),
                Some(What::Concept(concept)) => {
                    if !self.stands_for_nothing(concept) {
                        self.take(at);
                    } else if !self.is_weak(concept) {
                        let name = self
                            .mark(at)
                            .map(|mark| self.written(mark))
                            .unwrap_or_default();
                        self.say_absent(&name);
                        self.take(at);
                    }
                }
                // "overview of the hours" of a column `hrs`
                Some(What::Ask(Ask::Hour)) if self.is_short_for(at) => self.take(at),
                _ => {}
            }
        }
        filters
    }

    /// Whether a heading is a short form of a mark's word.
    fn is_short_for(&self, at: usize) -> bool {
        let text = self.mark(at).map_or("", |mark| self.words.text(mark.from));
        self.schema.columns.iter().any(|column| {
            let words = column.core();
            words.iter().any(|word| super::kin::abbreviates(word, text))
        })
    }

    pub(super) fn stands_for_nothing(&self, concept: u32) -> bool {
        self.schema.standing_for(concept).is_empty() && self.generic(concept).is_none()
    }
}
