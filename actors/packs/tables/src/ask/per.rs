//! What a measure is divided by: "per unit", "per head", "per 1000 residents", over the area.

use aios_languages::{Ask, Asking, UnitName, all_asks};
use aios_work::Grain;

use super::marks::What;
use super::question::{Group, Measure};
use super::resolve::Reader;
use super::schema::Role;
use super::units::{divides, names_of};

/// The period for one of which a column is told: `Miete pro Monat`.
pub(super) fn divided_by(column: &super::schema::Column) -> Option<Grain> {
    let words = super::words::spaced(&column.id.name);
    words
        .windows(2)
        .filter(|two| divides(&two[0].text))
        .find_map(|two| {
            let found = all_asks()
                .iter()
                .flat_map(|asks| asks.find(std::slice::from_ref(&two[1])));
            found
                .filter_map(|asked| match asked.asking {
                    Asking::Ask(ask) => super::period::grain_of(ask),
                    _ => None,
                })
                .next()
        })
}

/// The unit that a word is, in any language.
fn unit_of(word: &str) -> Option<UnitName> {
    super::units::units_of(word).into_iter().next()
}

/// Whoever is counted, whatever they are called.
const HEADS: [&str; 5] = ["head", "capita", "kopf", "tete", "cabeza"];

impl Reader<'_> {
    /// What is divided by, and what is then measured where nothing is named. "On average per day" is of all days together, where each row is of
    /// one; `mean` says that a mean and no order is asked for.
    pub(super) fn over_all(
        &mut self,
        from: usize,
        to: usize,
        mean: bool,
        groups: &mut Vec<Group>,
    ) -> (Option<Measure>, Option<Measure>) {
        let mut over = self.over(from, to);
        let mut period_value = None;
        // "on average per day": of all days together, where each row is of one.
        if mean
            && let [Group::Each(date, grain)] = groups.as_slice()
            && self.is_the_finest(date, *grain)
            && (self.says_per(from, to) || self.says_periodic(from, to))
        {
            let hours = self
                .schema
                .columns
                .iter()
                .any(|column| column.id == *date && column.hours);
            over = Some(if hours {
                Measure::Periods(date.clone(), *grain)
            } else {
                Measure::Distinct(date.clone())
            });
            groups.clear();
        }
        // "on average per round": of all rounds together.
        if mean
            && let [Group::By(round)] = groups.as_slice()
            && self.is_numbered(round)
            && self.says_per(from, to)
        {
            over = Some(Measure::Distinct(round.clone()));
            groups.clear();
        }
        // The same of a table whose columns are periods.
        if mean
            && let [Group::By(period)] = groups.as_slice()
            && self.schema.value.is_some()
            && ["month", "year", "quarter", "week", "day", "weekday"]
                .contains(&period.name.as_str())
            && (self.says_per(from, to) || self.says_periodic(from, to))
        {
            over = Some(Measure::Distinct(period.clone()));
            groups.clear();
            if let rows @ Measure::Of(_) = self.rows() {
                period_value = Some(rows);
            }
        }
        (over, period_value)
    }

    /// "revenue per unit": a measure behind "per" is what is divided by.
    pub(super) fn over(&mut self, from: usize, to: usize) -> Option<Measure> {
        if let Some(area) = self.density(from, to) {
            return Some(area);
        }
        for at in from..to {
            // "top 3 by revenue" ranks by it.
            let by = self.mark(at).is_some_and(|mark| {
                ["by", "nach", "according", "segun", "selon"].contains(&self.words.text(mark.from))
            });
            if !self.is_ask(at, Ask::Per) || by {
                continue;
            }
            let Some(mut next) = self.next(at + 1, to) else {
                continue;
            };
            // "the dearest per kilo" of `Price per kg`: what is ranked or named is told for that already.
            if let Some(behind) = self.divided_already(next, from, to) {
                (at..=behind).for_each(|at| self.take(at));
                continue;
            }
            // "earn more per hour" of a column `hourly`: what it holds is that already.
            if self.is_per_already(next, from, to) {
                self.take(at);
                self.take(next);
                continue;
            }
            // "loans per 1000 residents"
            let mut each = None;
            if let Some(What::Number(number)) = self.mark(next).map(|mark| mark.what.clone())
                && number.value.fract() == 0.0
                && (2.0..=1e9).contains(&number.value)
                && let Some(behind) = self.next(next + 1, to)
            {
                each = Some((next, number.value as u32));
                next = behind;
            }
            if self.is_used(next) || !self.names_another_measure(next, from, to) {
                continue;
            }
            let column = match self.mark(next).map(|mark| mark.what.clone()) {
                Some(What::Column(all, _) | What::Kin(all)) => all.into_iter().find(|column| {
                    self.column(*column)
                        .is_some_and(|column| column.role == Role::Adds)
                }),
                Some(What::Concept(concept)) => {
                    let standing = self.schema.standing_for(concept);
                    // "units per sale": each row is one.
                    let rows = ["order", "event"]
                        .into_iter()
                        .any(|name| Self::concept(name) == concept);
                    if standing.is_empty() && rows {
                        self.take(next);
                        self.each_of(each);
                        let name = self
                            .mark(next)
                            .map(|mark| self.written(mark))
                            .unwrap_or_default();
                        let said = self.speech.say("rows_are", &[("what", &name)]);
                        self.assume(said);
                        // Other things that come about may have several rows, or several in one.
                        if concept == Self::concept("event") {
                            let said = self.speech.say("one_kind", &[("said", &name)]);
                            self.assume(said);
                        }
                        return Some(Measure::Rows);
                    }
                    let heads = concept == Self::concept("population");
                    standing
                        .into_iter()
                        .find(|column| {
                            self.column(*column)
                                .is_some_and(|column| column.role == Role::Adds)
                        })
                        .or_else(|| heads.then(|| self.heads()).flatten())
                }
                // "per head": of whoever is counted.
                Some(What::Unknown | What::Ask(Ask::Filler))
                    if HEADS.contains(
                        &self.words.text(self.mark(next).map_or(0, |mark| mark.from)),
                    ) =>
                {
                    self.heads()
                }
                Some(What::Ask(Ask::Rows) | What::File) => {
                    self.take(next);
                    self.each_of(each);
                    return Some(Measure::Rows);
                }
                _ => None,
            };
            if let Some(column) = column.and_then(|column| self.column(column)) {
                let id = column.id.clone();
                self.take(next);
                self.each_of(each);
                return Some(Measure::Of(id));
            }
        }
        None
    }

    /// Where a unit behind "per" ends, if a measure of the clause is called after it: `Price per kg`, `Preis je 100 g`.
    fn divided_already(&self, at: usize, from: usize, to: usize) -> Option<usize> {
        let number = |at: usize| match self.mark(at).map(|mark| &mark.what) {
            Some(What::Number(number)) => Some(number.value),
            _ => None,
        };
        let each = number(at);
        let place = if each.is_some() { at + 1 } else { at };
        let mark = self.mark(place).filter(|_| place < to)?;
        let text = self.words.text(mark.from);
        let unit = unit_of(text);
        let fits = |column: &super::schema::Column| {
            let words = super::words::spaced(&column.id.name);
            let divided = words.iter().position(|word| divides(&word.text));
            let behind = divided
                .and_then(|at| words.get(at + 1..))
                .unwrap_or_default();
            let said = behind.iter().any(|word| {
                super::words::canon(&word.text) == super::words::canon(text)
                    || unit.is_some_and(|unit| names_of(unit).contains(&word.text.as_str()))
            });
            let many = behind.iter().find_map(|word| word.text.parse::<f64>().ok());
            column.is_measure() && said && many.unwrap_or(1.0) == each.unwrap_or(1.0)
        };
        let known = |column: usize| self.column(column).is_some_and(fits);
        let meant = (from..to).filter(|other| *other != place).any(|other| {
            let ranked = match self.mark(other).map(|mark| &mark.what) {
                Some(What::Superlative(_, concept)) => self.schema.standing_for(*concept),
                _ => Vec::new(),
            };
            ranked.into_iter().chain(self.measured(other)).any(known)
        });
        meant.then_some(place)
    }

    /// Whether a measure of the clause is called after such a period: "the monthly rent" of `Rent per month`.
    pub(super) fn is_periodic_already(&self, grain: Grain, from: usize, to: usize) -> bool {
        let known = |column: usize| {
            self.column(column)
                .is_some_and(|column| column.is_measure() && divided_by(column) == Some(grain))
        };
        (from..to).any(|at| self.measured(at).into_iter().any(known))
    }

    /// Whether a measure of the clause is called after the time that it is per.
    pub(super) fn is_per_already(&self, at: usize, from: usize, to: usize) -> bool {
        // "90 per night" of `price_per_night`
        let word = self
            .mark(at)
            .map(|mark| super::words::canon(self.words.text(mark.from)));
        let limited = at.checked_sub(2).is_some_and(|before| {
            matches!(
                self.mark(before).map(|mark| &mark.what),
                Some(What::Number(_) | What::Unit(_))
            )
        });
        let per_it = self.schema.columns.iter().any(|column| {
            column.is_measure()
                && column
                    .words
                    .windows(2)
                    .any(|two| divides(&two[0]) && Some(&two[1]) == word.as_ref())
        });
        if limited && per_it {
            return true;
        }
        let called: &[&str] = match self.mark(at).map(|mark| &mark.what) {
            Some(What::Ask(Ask::Hour)) => &["hourly", "hour", "stundenlohn"],
            Some(What::Ask(Ask::Day)) => &["daily"],
            Some(What::Ask(Ask::Week)) => &["weekly"],
            Some(What::Ask(Ask::Month)) => &["monthly"],
            Some(What::Ask(Ask::Year)) => &["yearly", "annual"],
            _ => return false,
        };
        let named = |column: usize| {
            self.column(column).is_some_and(|column| {
                // "pay per month" of `Fee per month`
                let per = column
                    .words
                    .windows(2)
                    .any(|two| divides(&two[0]) && Some(&two[1]) == word.as_ref());
                column.is_measure()
                    && (per
                        || super::words::spaced(&column.id.name)
                            .iter()
                            .any(|word| called.contains(&word.text.as_str())))
            })
        };
        let of_clause = (from..to).any(|at| self.measured(at).into_iter().any(named));
        let only: Vec<usize> = self.schema.measures().collect();
        // "what do all pay per month" of the only column that is called monthly.
        let mut monthly = only.iter().filter(|column| named(**column));
        let single = monthly.next().is_some() && monthly.next().is_none();
        let others = (from..to).any(|at| {
            matches!(self.mark(at).map(|mark| &mark.what), Some(What::Column(..)))
                && !self.measured(at).is_empty()
        });
        of_clause || single && (only.len() == 1 || !others)
    }

    /// The column of whoever is counted: inhabitants, guests, staff.
    pub(super) fn heads(&self) -> Option<usize> {
        [
            "population",
            "employee",
            "guests",
            "customer",
            "visits",
            "student",
            "patient",
        ]
        .into_iter()
        .find_map(|name| {
            self.schema
                .standing_for(Self::concept(name))
                .into_iter()
                .find(|column| {
                    self.column(*column)
                        .is_some_and(|column| column.role == Role::Adds)
                })
        })
    }

    /// "the population density": inhabitants over the area that a column holds, where none holds the density itself.
    pub(super) fn density(&mut self, from: usize, to: usize) -> Option<Measure> {
        const AREA: [&str; 8] = [
            "area",
            "km2",
            "sqkm",
            "surface",
            "flach",
            "superficie",
            "hectar",
            "mi2",
        ];
        let density = Self::concept("density");
        let at = (from..to).find(|at| {
            matches!(self.mark(*at).map(|mark| &mark.what), Some(What::Concept(concept)) if *concept == density)
        })?;
        if !self.schema.standing_for(density).is_empty() {
            return None;
        }
        // "densely populated (people per km2)": what it is per is said.
        if (from..to).any(|at| self.is_ask(at, Ask::Per)) {
            self.take(at);
            return None;
        }
        let area = self.schema.columns.iter().find(|column| {
            column.role == Role::Adds
                && column
                    .words
                    .iter()
                    .any(|word| AREA.iter().any(|area| word.starts_with(area)))
        });
        let area = area.map(|column| column.id.clone())?;
        self.take(at);
        Some(Measure::Of(area))
    }
}
