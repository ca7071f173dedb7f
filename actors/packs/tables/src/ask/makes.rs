//! Which figure is made of what is measured: totals, means, rates of all rows, shares, growth.

use aios_languages::{Ask, Asking, Hint, hints};
use aios_work::{Grain, Span};

use super::marks::{Mark, What};
use super::question::{Figure, Filter, Group, Make, Measure, Order, Scale, Test, Versus, Wanted};
use super::resolve::{Asks, Reader};
use super::schema::Role;

impl Reader<'_> {
    /// A rate of all rows together: the sums of what it is made of, one over the other.
    pub(super) fn overall(&mut self, measure: &Measure) -> Option<Figure> {
        let Measure::Of(id) = measure else {
            return None;
        };
        let column = self.schema.columns.iter().find(|column| column.id == *id)?;
        let quotient = column.quotient.clone()?;
        let side = |name: &str| {
            let mut all = self.schema.columns.iter().map(|column| &column.id);
            all.find(|other| other.table == id.table && other.name == name)
                .cloned()
        };
        let (part, whole) = (side(&quotient.part)?, side(&quotient.whole)?);
        let said = self.speech.say(
            "rate",
            &[("part", part.name.trim()), ("whole", whole.name.trim())],
        );
        if !self.assumed.contains(&said) {
            self.assumed.push(said);
        }
        Some(Figure {
            make: Make::Over(
                Box::new(Measure::Of(whole)),
                if quotient.percent {
                    Scale::Percent
                } else {
                    Scale::One
                },
            ),
            of: Measure::Of(part),
            called: Some(id.name.trim().to_owned()),
        })
    }

    /// Which figures the words ask for.
    pub(super) fn makes(
        &mut self,
        from: usize,
        to: usize,
        asks: &Asks,
        measures: &[(Measure, Option<String>)],
        groups: &[Group],
        order: Option<&Order>,
    ) -> Vec<Make> {
        let mut out = Vec::new();
        // "The occupancy in percent": of what does not add up there is no share, and percent is its unit.
        let rates = !measures.is_empty()
            && measures.iter().all(|(measure, _)| match measure {
                Measure::Of(id) => {
                    !self.summed.contains(id)
                        && self
                            .schema
                            .columns
                            .iter()
                            .any(|column| column.id == *id && column.role == Role::Rates)
                }
                _ => false,
            });
        if asks.has(Ask::Share) && !rates {
            out.push(Make::Share);
            return out;
        }
        let between = matches!(
            measures,
            [(
                Measure::Less(..) | Measure::Elapsed(..) | Measure::Lasted(..),
                _
            )]
        );
        if asks.has(Ask::Range) && !between {
            out.push(Make::Range);
            return out;
        }
        if asks.has(Ask::Weighted)
            && let Some(weight) = self.weight(from, to, measures)
        {
            out.push(Make::Weighted(weight));
            return out;
        }
        if asks.has(Ask::Percentile)
            && let Some(percent) = self.percent(from, to)
        {
            out.push(Make::Percentile(percent));
        }
        if asks.has(Ask::Deviation) {
            out.push(Make::Deviation);
        }
        if asks.has(Ask::Variance) {
            out.push(Make::Variance);
        }
        if asks.has(Ask::Mean) && !asks.has(Ask::Weighted) {
            out.push(Make::Mean);
        }
        if asks.has(Ask::Median) {
            out.push(Make::Median);
        }
        let of_column = measures
            .iter()
            .all(|(measure, _)| matches!(measure, Measure::Of(_)));
        let says_total = self.says_total(from, to, &out);
        if says_total || (asks.has(Ask::Total) && out.is_empty() && order.is_none()) {
            out.insert(0, Make::Total);
        }
        if groups.is_empty() && of_column {
            let both = asks.has(Ask::Highest) && asks.has(Ask::Lowest);
            if asks.has(Ask::Highest)
                && (both || !out.is_empty())
                && out.iter().all(|make| *make != Make::Total || both)
            {
                out.push(Make::Greatest);
            }
            if asks.has(Ask::Lowest) && (both || !out.is_empty()) {
                out.push(Make::Least);
            }
        }
        out
    }

    /// "Total" said of its own, and not as "how much", which asks for any figure.
    pub(super) fn says_total(&self, from: usize, to: usize, others: &[Make]) -> bool {
        // "the least weight in total": beside an end, which says no figure by itself, such words say that all of a group is meant.
        let said_so = |mark: &Mark| {
            (mark.from..mark.to).any(|word| {
                self.marks
                    .can_be(word, word + 1, |asking| asking == Asking::Ask(Ask::Total))
            })
        };
        (from..to).any(|at| {
            self.mark(at).is_some_and(|mark| {
                let much = mark.to - mark.from > 1 && (!others.is_empty() || !said_so(mark))
                    || ["combien", "cuanto", "cuanta", "wieviel"]
                        .contains(&self.words.text(mark.from));
                mark.what == What::Ask(Ask::Total) && !much
            })
        }) && (others.is_empty()
            || others
                .iter()
                .all(|make| matches!(make, Make::Mean | Make::Median)))
    }

    /// "the total price": prices are for one each, and their sum is of what there is of each.
    pub(super) fn price_of_all(
        &mut self,
        measure: &mut Measure,
        called: &mut Option<String>,
    ) -> Option<()> {
        let Measure::Of(id) = measure else {
            return Some(());
        };
        let column = self.schema.columns.iter().find(|column| column.id == *id);
        let price = Self::concept("price");
        let Some(column) = column.filter(|column| {
            column.role == Role::Rates
                && column.concepts.contains(&price)
                && column.quotient.is_none()
                && !self.summed.contains(&column.id)
        }) else {
            return Some(());
        };
        let price = column.id.clone();
        let Some(quantity) = self.quantity_beside(&price) else {
            return Some(());
        };
        if self.adds_up_as_named(&price, &quantity) {
            return Some(());
        }
        let (one, other) = (price.name.trim(), quantity.name.trim());
        let said = self
            .speech
            .say("product", &[("one", one), ("other", other)]);
        self.assume(said);
        *called = Some(format!("{one} × {other}"));
        *measure = Measure::Product(price, quantity);
        Some(())
    }

    /// From the first period of the data to the last.
    pub(super) fn growth(
        &mut self,
        figure: Figure,
        groups: &[Group],
        percent: bool,
    ) -> Option<Wanted> {
        let date = match groups {
            // Period by period.
            [group] if self.is_a_period(group) => {
                let make = Make::Step(Box::new(figure.make.clone()), percent);
                return Some(Wanted::Figures(vec![Figure { make, ..figure }]));
            }
            [] | [Group::By(_)] => self.date(0, 0),
            _ => None,
        };
        let Some(column) = date.and_then(|at| self.column(at)).cloned() else {
            let said = self.speech.say("no_dates", &[]);
            self.absent.push(said);
            return None;
        };
        let covers = column.covers?;
        let count = |grain: Grain| grain.count(covers.from, covers.until);
        let grain = [
            Grain::Year,
            Grain::Quarter,
            Grain::Month,
            Grain::Week,
            Grain::Day,
        ]
        .into_iter()
        .find(|grain| {
            *grain >= column.finest
                && count(*grain) >= 2
                && (*grain != Grain::Quarter || count(*grain) > 8)
        })?;
        let side = |span: Span| {
            let test = super::times::days(&column, &[span]);
            let filter = Filter {
                column: column.id.clone(),
                test,
                not: false,
                part: false,
            };
            (grain.key(span.from), filter)
        };
        let (first, last) = (grain.span_of(covers.from), grain.span_of(covers.until));
        let said = self.speech.say(
            "growth_ends",
            &[
                ("from", &grain.key(first.from)),
                ("to", &grain.key(last.from)),
            ],
        );
        self.assumed.push(said);
        let versus = Versus {
            from: side(first),
            to: side(last),
            percent,
        };
        Some(Self::against(figure, versus, groups))
    }

    /// One figure against another; for each group how much it changed.
    pub(super) fn against(figure: Figure, versus: Versus, groups: &[Group]) -> Wanted {
        if groups.is_empty() {
            return Wanted::Versus(figure, Box::new(versus));
        }
        let moved = |percent: bool| Figure {
            make: Make::Moved {
                make: Box::new(figure.make.clone()),
                from: Box::new(versus.from.clone()),
                to: Box::new(versus.to.clone()),
                percent,
            },
            ..figure.clone()
        };
        Wanted::Figures(vec![moved(versus.percent), moved(!versus.percent)])
    }

    /// Whether groups follow each other in time.
    pub(super) fn is_a_period(&self, group: &Group) -> bool {
        match group {
            Group::Each(..) => true,
            Group::Weekday(_) | Group::Hour(_) => false,
            Group::By(id) => self.schema.columns.iter().any(|column| {
                column.id == *id
                    && (column.role == Role::Year
                        || column.words.iter().any(|word| {
                            ["month", "monat", "moi", "mois", "mes"].contains(&word.as_str())
                        }))
            }),
        }
    }

    /// The filters that make the part of a share.
    pub(super) fn share_parts(
        &mut self,
        (from, to): (usize, usize),
        grouped: bool,
        wanted: &Wanted,
        filters: &mut [Filter],
    ) {
        let Wanted::Figures(figures) = wanted else {
            return;
        };
        if !figures.iter().any(|figure| figure.make == Make::Share) {
            return;
        }
        let is_time = |filter: &Filter| {
            matches!(
                filter.test,
                Test::Days(_) | Test::Month(_) | Test::MonthName(_)
            )
        };
        let mut last = None;
        for (at, filter) in filters.iter().enumerate() {
            if !is_time(filter) {
                last = Some(at);
            }
        }
        // "percentage of clubs not subsidised in Lyon": without a verb between them the place is no part of what is so or not.
        let is_so = |filter: &Filter| {
            self.schema
                .columns
                .iter()
                .any(|column| column.id == filter.column && column.truth.is_some())
        };
        let flags: Vec<usize> = (0..filters.len())
            .filter(|at| is_so(&filters[*at]))
            .collect();
        let behind = (from..to)
            .find(|at| self.is_ask(*at, Ask::Share))
            .unwrap_or(from);
        let verb = (behind..to).any(|at| {
            self.mark(at).is_some_and(|mark| {
                let text = self.words.text(mark.from);
                hints(Hint::Being, text) || hints(Hint::Helping, text) && text != "a"
            })
        });
        if let ([flag], false) = (flags.as_slice(), verb)
            && last.is_some_and(|last| last != *flag)
        {
            last = Some(*flag);
        }
        // "What share of the laptops was sold in March": without another part, the time is it.
        if last.is_none() {
            last = filters.len().checked_sub(1);
        }
        match last.and_then(|at| filters.get_mut(at)) {
            Some(filter) => filter.part = true,
            // Of which part the share is asked was not understood: all of all is no answer.
            None if !grouped => {
                let said = self.speech.say("no_part", &[]);
                self.absent.push(said);
            }
            None => {}
        }
    }
}
