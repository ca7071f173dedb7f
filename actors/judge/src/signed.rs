//! Figures that executors signed: what a number of a text may be one of.

use aios_languages::{Sense, fold};
use aios_work::{Fact, Grain, Period, Statistic, When};

use crate::moment::Moment;
use crate::numeral::Number;
use crate::text::Text;
use crate::unit::Unit;

/// A signed figure, made ready to be looked for.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    /// The figure as it was signed.
    pub fact: Fact,
    value: f64,
    unit: Option<Unit>,
    /// What it is about, as a text would be folded.
    names: Vec<String>,
    /// The time it is about, where it is one.
    during: Option<Moment>,
}

/// Whether a signed figure is the first of those like it, the highest or the lowest: the figures of the same kind of other subjects or times.
pub(crate) fn is_first(facts: &[Signed], at: usize, highest: bool) -> bool {
    let Some(own) = facts.get(at) else {
        return false;
    };
    let shape = |signed: &Signed| {
        let fact = &signed.fact;
        let kinds: Vec<String> = fact.subject.iter().map(|one| one.kind.clone()).collect();
        let time = match fact.period {
            Some(When::During(period)) => Some(period.grain()),
            _ => None,
        };
        (
            fact.statistic.clone(),
            fact.measure.clone(),
            kinds,
            time,
            fact.unit.clone(),
        )
    };
    let wanted = shape(own);
    let mut others = facts
        .iter()
        .filter(|other| shape(other) == wanted)
        .peekable();
    let several = facts.iter().filter(|other| shape(other) == wanted).count() > 1;
    others.peek().is_some()
        && several
        && others.all(|other| match highest {
            true => other.value <= own.value,
            false => other.value >= own.value,
        })
}

/// Where a number of a text stands: its text, and what stands over it.
pub(crate) struct Stands<'t> {
    pub text: &'t Text,
    pub over: Vec<&'t Text>,
}

impl Signed {
    /// Those of these facts that are numbers, each with its place among all.
    pub(crate) fn all(facts: impl IntoIterator<Item = Fact>) -> Vec<Self> {
        facts.into_iter().filter_map(Self::of).collect()
    }

    fn of(fact: Fact) -> Option<Self> {
        let value = fact.value.as_f64()?;
        let unit = fact.unit.as_deref();
        let during = match fact.period {
            Some(When::During(period)) => moment(period),
            _ => None,
        };
        Some(Self {
            value,
            unit: unit.and_then(|unit| Unit::of_column("", Some(unit))),
            names: fact
                .subject
                .iter()
                .map(|subject| fold(&subject.name))
                .collect(),
            during,
            fact,
        })
    }

    /// Whether a number has this value, whatever stands around it.
    pub(crate) fn has_value(&self, number: &Number) -> bool {
        number.is_size(self.value)
    }

    /// Whether it is a rise (true) or a fall, if it is a change.
    pub(crate) fn rises(&self) -> Option<bool> {
        let change = matches!(self.fact.statistic, Statistic::Growth | Statistic::Change);
        (change && self.value != 0.0).then_some(self.value > 0.0)
    }

    /// Whether a number is the line of the file that it stands in.
    pub(crate) fn stands_at(&self, number: &Number) -> bool {
        let row = self.fact.source.row;
        number.unit.is_none() && row.is_some_and(|row| number.equals(row as f64))
    }

    /// Whether a number is this figure: its value in its unit, of what it is about, and nothing around it says that it is another one.
    pub(crate) fn is(&self, number: &Number, stands: &Stands<'_>) -> bool {
        let value = match (&number.unit, &self.unit) {
            (Some(stated), Some(own)) => own.convert(self.value, stated),
            (Some(stated), None) => {
                (!stated.is_share() && !stated.is_money()).then_some(self.value)
            }
            (None, _) => Some(self.value),
        };
        value.is_some_and(|value| number.is_size(value))
            && self.is_named(stands)
            && !self.is_of_another_time(number, stands.text)
            && !self.is_another_statistic(number, stands.text)
            && !self.goes_the_other_way(number, stands.text)
    }

    /// An expression may be spelled in many ways, and its value is of nothing else.
    fn is_named(&self, stands: &Stands<'_>) -> bool {
        self.fact.statistic == Statistic::Computed
            || self.names.iter().all(|name| {
                std::iter::once(&stands.text)
                    .chain(&stands.over)
                    .any(|text| fold(&text.raw).contains(name.as_str()))
            })
    }

    /// "12 in March" is no figure of April.
    fn is_of_another_time(&self, number: &Number, text: &Text) -> bool {
        let Some(own) = &self.during else {
            return false;
        };
        let clause = text.clause(number.start);
        let mut named = text
            .moments
            .iter()
            .filter(|found| text.clause(found.start) == clause)
            .peekable();
        named.peek().is_some()
            && !named.any(|found| found.moment.holds(own) || own.holds(&found.moment))
    }

    /// "The median is 12" is no mean.
    fn is_another_statistic(&self, number: &Number, text: &Text) -> bool {
        let clause = text.clause(number.start);
        let says = |sense: Sense| {
            text.senses()
                .any(|(found, place)| found == sense && text.clause(place) == clause)
        };
        let own = match self.fact.statistic {
            Statistic::Total => Sense::Total,
            Statistic::Mean => Sense::Mean,
            Statistic::Median => Sense::Median,
            Statistic::Least => Sense::Lowest,
            Statistic::Greatest => Sense::Highest,
            _ => return false,
        };
        !says(own)
            && [Sense::Total, Sense::Mean, Sense::Median]
                .into_iter()
                .any(says)
    }

    /// "It rose by 12" is no fall.
    fn goes_the_other_way(&self, number: &Number, text: &Text) -> bool {
        if number.signed || !matches!(self.fact.statistic, Statistic::Growth | Statistic::Change) {
            return false;
        }
        let clause = text.clause(number.start);
        let says = |sense: Sense| {
            text.senses()
                .any(|(found, place)| found == sense && text.clause(place) == clause)
        };
        let (up, down) = (says(Sense::Up), says(Sense::Down));
        up != down && (self.value > 0.0) != up && self.value != 0.0
    }
}

/// A period as texts name times; none for one that they call by a day of it.
fn moment(period: Period) -> Option<Moment> {
    let from = period.from();
    let (month, quarter) = (Some(from.month()), Some(from.quarter()));
    let year = Moment {
        year: Some(from.year()),
        ..Moment::default()
    };
    Some(match period.grain() {
        Grain::Week => return None,
        Grain::Year => year,
        Grain::Quarter => Moment { quarter, ..year },
        Grain::Month => Moment {
            quarter,
            month,
            ..year
        },
        Grain::Day => Moment::iso(&from.to_string())?,
    })
}
