//! One measure over another: rates, shares of two columns, weighted means, percentiles.

use aios_languages::{Ask, Hint, hints};
use aios_work::Grain;

use super::marks::What;
use super::question::{Column as Id, Figure, Make, Measure, Scale};
use super::resolve::Reader;
use super::schema::{Column, Role};

impl Reader<'_> {
    /// "most litres overall" of `l_per_100km` and `km`: what a rate is of is the rate times what it is over.
    pub(super) fn rated(
        &mut self,
        from: usize,
        to: usize,
        asks: &super::resolve::Asks,
    ) -> Option<(Measure, Option<String>)> {
        let sums = asks.any(&[Ask::Total, Ask::Count, Ask::Highest, Ask::Lowest, Ask::Top]);
        if !sums || asks.any(&[Ask::Mean, Ask::Median, Ask::Per, Ask::Ratio]) {
            return None;
        }
        let schema = self.schema;
        for column in &schema.columns {
            let Some((part, over, each)) = per_of(&column.id.name) else {
                continue;
            };
            let said = (from..to).find(|at| {
                // "the highest price per night" names the rate itself.
                let named = matches!(self.mark(*at).map(|mark| &mark.what), Some(What::Column(all, true)) if all
                    .iter()
                    .any(|at| self.column(*at).is_some_and(|known| known.id == column.id)));
                !named
                    && !self.is_used(*at)
                    && self
                        .mark(*at)
                        .is_some_and(|mark| is_called(self.words.text(mark.from), &part))
            });
            // "the highest price" of `price_per_night` is one.
            let price = column.concepts.contains(&Self::concept("price"));
            let Some(said) = said.filter(|_| column.role == Role::Rates && !price) else {
                continue;
            };
            let base = schema.columns.iter().find(|base| {
                let words = super::words::spaced(&base.id.name);
                base.id.table == column.id.table
                    && base.role == Role::Adds
                    && (words.iter().any(|word| is_called(&word.text, &over))
                        || base
                            .id
                            .unit
                            .as_deref()
                            .is_some_and(|unit| is_called(unit, &over)))
            });
            let Some(base) = base.map(|base| base.id.clone()) else {
                continue;
            };
            let rate = column.id.clone();
            self.take(said);
            let told = self.speech.say(
                "rated",
                &[
                    ("one", rate.name.trim()),
                    ("other", base.name.trim()),
                    ("n", &each.to_string()),
                ],
            );
            self.assume(told);
            return Some((Measure::Rated(rate, base, each), None));
        }
        None
    }

    pub(super) fn each_of(&mut self, each: Option<(usize, u32)>) {
        if let Some((at, many)) = each {
            self.take(at);
            self.each = Some(many);
        }
    }

    /// Whether a period is the finest that a column tells apart.
    pub(super) fn is_the_finest(&self, date: &Id, grain: Grain) -> bool {
        let mut columns = self.schema.columns.iter();
        columns.any(|column| column.id == *date && column.finest == grain)
    }

    /// Whether a column numbers what has several rows: rounds, laps.
    pub(super) fn is_numbered(&self, id: &Id) -> bool {
        let mut columns = self.schema.columns.iter();
        columns
            .any(|column| column.id == *id && column.role == Role::Groups && column.least.is_some())
    }

    /// "per day" is of all days, "for each day" and "by day" of every one.
    pub(super) fn says_per(&self, from: usize, to: usize) -> bool {
        (from..to).any(|at| {
            self.is_ask(at, Ask::Per)
                && self
                    .mark(at)
                    .is_some_and(|mark| hints(Hint::Dividing, self.words.text(mark.from)))
        })
    }

    /// "mean yearly visitors", "average monthly rain": a mean of the periods.
    pub(super) fn says_periodic(&self, from: usize, to: usize) -> bool {
        let periodic = [
            Ask::Daily,
            Ask::Weekly,
            Ask::Monthly,
            Ask::Quarterly,
            Ask::Yearly,
        ];
        (from..to).any(|at| {
            self.is_ask(at, Ask::Mean)
                && self
                    .next(at + 1, to)
                    .is_some_and(|next| periodic.into_iter().any(|ask| self.is_ask(next, ask)))
        })
    }

    /// Whether the clause measures something beside what stands at a place.
    pub(super) fn names_another_measure(&self, at: usize, from: usize, to: usize) -> bool {
        (from..to).filter(|other| *other != at).any(|other| {
            match self.mark(other).map(|mark| &mark.what) {
                Some(What::Column(all, _)) => all
                    .iter()
                    .any(|column| self.column(*column).is_some_and(Column::is_measure)),
                Some(What::Concept(_) | What::Superlative(..) | What::Ask(Ask::Count)) => true,
                Some(What::Kin(_)) => !self.measured(other).is_empty(),
                _ => false,
            }
        })
    }

    /// A rate: one measure over another.
    pub(super) fn rate(
        &mut self,
        from: usize,
        to: usize,
        asks: &super::resolve::Asks,
        measures: &[(Measure, Option<String>)],
        over: Option<&Measure>,
    ) -> Option<Figure> {
        // What is told for one of something is no sum that could be told for one of something else.
        let divided = |measure: &Measure| match measure {
            Measure::Of(id) => {
                let words = super::words::spaced(&id.name);
                let divided = words.iter().skip(1).position(|word| {
                    hints(Hint::Dividing, &word.text) || hints(Hint::ForOne, &word.text)
                });
                divided.is_some_and(|at| at + 2 < words.len())
            }
            _ => false,
        };
        if let (Some(over), [(of, called)]) = (over, measures)
            && of != over
            && divided(of)
            && over != &Measure::Rows
        {
            let said = self.speech.measure(of, called.as_deref());
            let by = self.speech.measure(over, None);
            self.say_absent(&format!("{said} / {by}"));
            return None;
        }
        if let (Some(over), [(of, called)]) = (over, measures)
            && of != over
        {
            return Some(Figure {
                make: Make::Over(
                    Box::new(over.clone()),
                    self.each.map_or(Scale::One, Scale::Each),
                ),
                of: of.clone(),
                called: called.clone(),
            });
        }
        if asks.has(Ask::Correlation)
            && let [(of, _), (Measure::Of(other), _)] = measures
        {
            self.take_all(from, to, Ask::Correlation);
            return Some(Figure {
                make: Make::Correlation(other.clone()),
                of: of.clone(),
                called: None,
            });
        }
        if asks.has(Ask::Ratio)
            && self.says_rate(from, to)
            && !self.leads_to(from, to)
            && let Some(figure) = self.part_and_whole(from, to, true, measures)
        {
            return Some(figure);
        }
        if asks.has(Ask::Ratio)
            && let [(first, _), (second, _)] = measures
        {
            let (of, over) = if self.leads_to(from, to) {
                (second, first)
            } else {
                (first, second)
            };
            return Some(Figure {
                make: Make::Over(
                    Box::new(over.clone()),
                    if self.says_rate(from, to) {
                        Scale::Percent
                    } else {
                        Scale::One
                    },
                ),
                of: of.clone(),
                called: None,
            });
        }
        let rate = asks.has(Ask::Ratio) && self.says_rate(from, to);
        let share = asks.has(Ask::Share);
        if (rate || share)
            && let Some(figure) = self.part_and_whole(from, to, rate, measures)
        {
            return Some(figure);
        }
        if !rate && !share {
            return None;
        }
        // The part: what stands before "rate", or what is asked the share of.
        let part = match measures {
            [(Measure::Of(id), _)] => self
                .schema
                .columns
                .iter()
                .find(|column| column.id == *id)?
                .clone(),
            [] => self.part_of_rate(from, to)?,
            _ => return None,
        };
        if part.role != Role::Adds || (share && !part.whole) {
            return None;
        }
        let whole = self.whole_of(&part, share)?;
        // A part is no larger than its whole.
        let fits =
            self.schema.columns.iter().any(|column| {
                column.id == whole && (column.most >= part.most || rate && !part.whole)
            });
        if !fits {
            return None;
        }
        let called = rate.then(|| self.name_of_rate(from, to)).flatten();
        let said = self.speech.say(
            "rate",
            &[("part", part.id.name.trim()), ("whole", whole.name.trim())],
        );
        self.assumed.push(said);
        Some(Figure {
            make: Make::Over(Box::new(Measure::Of(whole)), Scale::Percent),
            of: Measure::Of(part.id),
            called,
        })
    }

    /// "what share of the calls was answered", "germination rate": a count that lies within another one is a part of it.
    fn part_and_whole(
        &mut self,
        from: usize,
        to: usize,
        rate: bool,
        measures: &[(Measure, Option<String>)],
    ) -> Option<Figure> {
        let adds = |reader: &Self, id: &Id| {
            let mut columns = reader.schema.columns.iter();
            columns
                .find(|column| column.id == *id && column.role == Role::Adds)
                .cloned()
        };
        let mut named: Vec<Column> = Vec::new();
        for (measure, _) in measures {
            let Measure::Of(id) = measure else {
                return None;
            };
            named.push(adds(self, id)?);
        }
        let mut hints = Vec::new();
        for at in from..to {
            let hint = matches!(
                self.mark(at).map(|mark| &mark.what),
                Some(What::Kin(_) | What::Concept(_))
            );
            let mut known = self.measured(at);
            // "bought" of a column of buyers
            if hint && known.is_empty() && !self.is_used(at) {
                let text = self.mark(at).map_or("", |mark| self.words.text(mark.from));
                known = self
                    .schema
                    .measures()
                    .filter(|column| {
                        self.column(*column).is_some_and(|column| {
                            column.core().iter().any(|word| super::kin::kin(text, word))
                        })
                    })
                    .collect();
            }
            if let Some(column) = known
                .first()
                .and_then(|at| self.column(*at))
                .filter(|_| hint)
                && column.role == Role::Adds
                && !named.iter().any(|other| other.id == column.id)
            {
                named.push(column.clone());
                hints.push(at);
            }
        }
        // "germination rate": what it is of is the only other count.
        if rate && named.len() == 1 {
            let first = named.first()?.clone();
            let mut others = self.schema.columns.iter().filter(|column| {
                column.role == Role::Adds
                    && column.id.table == first.id.table
                    && column.id != first.id
                    && column.most >= first.most
                    && column.whole == first.whole
                    && !column.sums
            });
            let (only, more) = (others.next()?.clone(), others.next().is_some());
            if more {
                return None;
            }
            named.push(only);
        }
        // "what proportion of the mails was opened": of what such a part is taken stands in another count.
        if !rate
            && let [part] = named.as_slice()
            && self.is_said_to_have_been(from, to, &part.id)
            && let Some(whole) = self.surrounds(part)
        {
            named.push(whole);
            self.whose_part(from, to);
        }
        let [one, other] = named.as_slice() else {
            return None;
        };
        let within = |part: &Column, whole: &Column| {
            part.most <= whole.most && part.least <= whole.least && part.id.unit == whole.id.unit
        };
        let (part, whole) = match (within(one, other), within(other, one)) {
            (true, false) => (one, other),
            (false, true) => (other, one),
            _ => return None,
        };
        hints.into_iter().for_each(|at| self.take(at));
        let called = rate.then(|| self.name_of_rate(from, to)).flatten();
        let said = self.speech.say(
            "rate",
            &[
                ("part", part.id.name.trim()),
                ("whole", whole.id.name.trim()),
            ],
        );
        self.assume(said);
        Some(Figure {
            make: Make::Over(Box::new(Measure::Of(whole.id.clone())), Scale::Percent),
            of: Measure::Of(part.id.clone()),
            called,
        })
    }

    /// "was opened", "were passed": whether a column is named as what became of its whole.
    fn is_said_to_have_been(&self, from: usize, to: usize, id: &Id) -> bool {
        (from..to).any(|at| {
            let names = matches!(self.mark(at).map(|mark| &mark.what), Some(What::Column(all, _) | What::Kin(all)) if all
                .iter()
                .any(|column| self.column(*column).is_some_and(|column| column.id == *id)));
            // "of the seeds germinated"
            let last = (at + 1..to).all(|at| self.mark(at).is_some_and(super::clause::is_filler));
            let did = last
                && self.mark(at).is_some_and(|mark| {
                    super::heard::is_participle(self.words.text(mark.from), &self.words.language)
                });
            let helped = self.mark(at).is_some_and(|mark| {
                mark.from
                    .checked_sub(1)
                    .is_some_and(|before| hints(Hint::Helping, self.words.text(before)))
            });
            names && (helped || did)
        })
    }

    /// The count within which another one lies, row by row as far as their ends tell; of several the one that the others lie within.
    pub(super) fn surrounds(&self, part: &Column) -> Option<Column> {
        let within = |one: &Column, other: &Column| {
            one.most <= other.most && one.least <= other.least && one.id.unit == other.id.unit
        };
        let all: Vec<&Column> = self.around(part).collect();
        let whole = all
            .iter()
            .find(|whole| all.iter().all(|other| within(other, whole)))?;
        Some((*whole).clone())
    }

    /// The counts within which another one lies.
    pub(super) fn around<'s>(&'s self, part: &'s Column) -> impl Iterator<Item = &'s Column> {
        self.schema.columns.iter().filter(|column| {
            column.role == Role::Adds
                && column.id.table == part.id.table
                && column.id != part.id
                && column.whole == part.whole
                && column.id.unit == part.id.unit
                && !column.sums
                && part.most <= column.most
                && part.least <= column.least
        })
    }

    /// "the rate from visits to orders": what it leads to is the part, what it comes from the whole.
    pub(super) fn leads_to(&self, from: usize, to: usize) -> bool {
        let rate = (from..to).find(|at| self.is_ask(*at, Ask::Ratio));
        let source = rate.and_then(|rate| (rate..to).find(|at| self.is_ask(*at, Ask::From)));
        source.is_some_and(|source| (source..to).any(|at| self.is_ask(at, Ask::To)))
    }

    pub(super) fn take_all(&mut self, from: usize, to: usize, ask: Ask) {
        for at in from..to {
            if self.is_ask(at, ask) {
                self.take(at);
            }
        }
    }

    pub(super) fn says_rate(&self, from: usize, to: usize) -> bool {
        (from..to).any(|at| {
            self.is_ask(at, Ask::Ratio)
                && self.mark(at).is_some_and(|mark| {
                    ["rate", "quote", "taux", "tasa"].contains(&self.words.text(mark.from))
                })
        }) || self.says_filled(from, to).is_some()
            || self.says_part(from, to).is_some()
    }

    pub(super) fn name_of_rate(&self, from: usize, to: usize) -> Option<String> {
        let said = self.says_filled(from, to);
        if let Some(said) = said.or_else(|| self.says_part(from, to)) {
            let (first, last) = (self.mark(said.start)?, self.mark(said.end - 1)?);
            return Some(self.words.written(first.from, last.to).to_owned());
        }
        let at = (from..to).find(|at| self.is_ask(*at, Ask::Ratio))?;
        let (first, last) = (self.previous(from, at)?, at);
        let (first, last) = (self.mark(first)?, self.mark(last)?);
        Some(self.words.written(first.from, last.to).to_owned())
    }

    /// "conversion rate": orders are what visits are converted to.
    pub(super) fn part_of_rate(&self, from: usize, to: usize) -> Option<Column> {
        let concept = (from..to).find_map(|at| match self.mark(at)?.what {
            What::Concept(concept) => Some(concept),
            _ => None,
        })?;
        let names: &[&str] = if concept == Self::concept("conversion") {
            &["order", "conversion"]
        } else {
            return None;
        };
        names
            .iter()
            .flat_map(|name| self.schema.standing_for(Self::concept(name)))
            .filter_map(|column| self.column(column))
            .find(|column| column.role == Role::Adds)
            .cloned()
    }

    /// What a part is a part of: the only other count, or the one whose name says all.
    pub(super) fn whole_of(&self, part: &Column, share: bool) -> Option<Id> {
        let others: Vec<&Column> = self
            .schema
            .columns
            .iter()
            .filter(|column| column.role == Role::Adds && column.whole && column.id != part.id)
            .collect();
        let totals: Vec<&&Column> = others
            .iter()
            .filter(|column| {
                column
                    .words
                    .iter()
                    .any(|word| ["total", "all", "gesamt", "overall"].contains(&word.as_str()))
                    && column.words.iter().any(|word| part.words.contains(word))
            })
            .collect();
        if let [only] = totals.as_slice() {
            return Some(only.id.clone());
        }
        if share {
            return None;
        }
        match others.as_slice() {
            [only] => Some(only.id.clone()),
            several => {
                let visits = Self::concept("visits");
                let sold = [
                    visits,
                    Self::concept("sold"),
                    Self::concept("order"),
                    Self::concept("customer"),
                    Self::concept("quantity"),
                ];
                sold.iter().find_map(|concept| {
                    several
                        .iter()
                        .find(|column| column.concepts.contains(concept))
                        .map(|column| column.id.clone())
                })
            }
        }
    }

    /// The column by which a mean is weighted.
    pub(super) fn weight(
        &mut self,
        from: usize,
        to: usize,
        measures: &[(Measure, Option<String>)],
    ) -> Option<Id> {
        // "taking the class sizes into account": what stands between says by what.
        let account = (from..to).find(|at| {
            self.is_ask(*at, Ask::Weighted)
                && self.mark(*at).is_some_and(|mark| mark.to - mark.from > 1)
        });
        let taking = account.and_then(|end| {
            (from..end).rev().find(|at| {
                let text = self.mark(*at).map_or("", |mark| self.words.text(mark.from));
                text.starts_with("tak")
            })
        });
        if let (Some(end), Some(begin)) = (account, taking) {
            (begin..=end).for_each(|at| self.take(at));
        }
        self.take_all(from, to, Ask::Weighted);
        match measures {
            [_, (Measure::Of(weight), _)] => Some(weight.clone()),
            [(Measure::Of(of), _)] => {
                let quantity = Self::concept("quantity");
                let columns = self.schema.columns.iter();
                let mut adds =
                    columns.filter(|column| column.role == Role::Adds && column.id != *of);
                let all: Vec<&Column> = adds.by_ref().collect();
                let by_name = all
                    .iter()
                    .find(|column| column.concepts.contains(&quantity));
                match (by_name, all.as_slice()) {
                    (Some(column), _) | (None, [column]) => Some(column.id.clone()),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// "the 90th percentile"
    pub(super) fn percent(&mut self, from: usize, to: usize) -> Option<f64> {
        let at = (from..to).find(|at| self.is_ask(*at, Ask::Percentile))?;
        for beside in (from..to).filter(|place| place.abs_diff(at) <= 2) {
            let Some(mark) = self.mark(beside).cloned() else {
                continue;
            };
            let digits: String = self
                .words
                .text(mark.from)
                .chars()
                .take_while(char::is_ascii_digit)
                .collect();
            if let Ok(percent) = digits.parse::<f64>()
                && (0.0..=100.0).contains(&percent)
            {
                self.take(beside);
                self.take(at);
                return Some(percent);
            }
        }
        None
    }

    /// "conversion rate": what comes before "rate" is looked for by whoever reads rates.
    pub(super) fn is_a_rate_of(&self, at: usize, from: usize, to: usize) -> bool {
        let _ = from;
        self.next(at + 1, to)
            .is_some_and(|next| self.is_ask(next, Ask::Ratio))
    }
}

/// Of a name such as `l_per_100km` what it is of, what it is over, and how many of these.
pub(super) fn per_of(name: &str) -> Option<(String, String, u32)> {
    let words: Vec<String> = super::words::spaced(name)
        .into_iter()
        .map(|word| word.text)
        .collect();
    let at = words.iter().position(|word| super::units::divides(word))?;
    let part = at.checked_sub(1).and_then(|at| words.get(at))?.clone();
    let over = words.get(at + 1)?;
    let digits: String = over.chars().take_while(char::is_ascii_digit).collect();
    let rest = over.get(digits.len()..)?;
    let over = if rest.is_empty() {
        words.get(at + 2)?.clone()
    } else {
        rest.to_owned()
    };
    let each = if digits.is_empty() {
        1
    } else {
        digits.parse().ok()?
    };
    (each > 0).then_some((part, over, each))
}

/// Whether a word is another one or the unit that it stands for.
pub(super) fn is_called(word: &str, other: &str) -> bool {
    const UNITS: [(&str, &[&str]); 9] = [
        ("l", &["litre", "litres", "liter", "liters"]),
        ("t", &["tonne", "tonnes", "ton", "tons"]),
        ("kg", &["kilo", "kilos", "kilogram", "kilograms"]),
        ("g", &["gram", "grams", "gramm"]),
        (
            "km",
            &["kilometre", "kilometres", "kilometer", "kilometers"],
        ),
        ("m", &["metre", "metres", "meter", "meters"]),
        (
            "h",
            &["hour", "hours", "hr", "hrs", "stunden", "heures", "horas"],
        ),
        ("kwh", &["kilowatt"]),
        ("ha", &["hectare", "hectares", "hektar"]),
    ];
    let same = |one: &str, two: &str| super::words::canon(one) == super::words::canon(two);
    let stands = |unit: &str, word: &str| {
        UNITS
            .iter()
            .any(|(known, words)| *known == unit && words.contains(&word))
    };
    same(word, other) || stands(other, word) || stands(word, other)
}
