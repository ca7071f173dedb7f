//! What a figure is a fact of: its measure and statistic, its unit, and of which rows and when.

use aios_work::{Grain, Period, Statistic, Subject, When};

use super::question::{Column, Figure, Filter, Make, Measure, Scale, Test};
use super::say::Speech;
use crate::plan::columns::label;

/// A fact without its rows and value.
#[derive(Debug, Clone)]
pub(super) struct What {
    pub subject: Vec<Subject>,
    pub measure: Option<String>,
    pub statistic: Statistic,
    pub period: Option<When>,
    pub unit: Option<String>,
    pub line: Option<u64>,
    /// Whether it is of the whole that a share is of.
    pub share: bool,
}

impl What {
    pub(super) fn of(figure: &Figure) -> Self {
        let measure = match (&figure.called, &figure.of) {
            (Some(called), _) => Some(called.clone()),
            (None, Measure::Rows) => None,
            (None, Measure::Of(column) | Measure::Distinct(column)) => Some(label_of(column)),
            (None, Measure::Periods(_, grain)) => Some(grain.as_str().to_owned()),
            (None, Measure::Product(one, other)) => {
                Some(format!("{} × {}", label_of(one), label_of(other)))
            }
            (None, Measure::Rated(one, other, _)) => {
                Some(format!("{} × {}", label_of(one), label_of(other)))
            }
            (None, Measure::Less(one, other)) => {
                Some(format!("{} − {}", label_of(one), label_of(other)))
            }
            (None, Measure::Shift(one, other)) => {
                Some(format!("minutes {} – {}", label_of(one), label_of(other)))
            }
            (None, Measure::Plus(all)) => {
                let names: Vec<String> = all.iter().map(label_of).collect();
                Some(names.join(" + "))
            }
            (None, Measure::Lasted(one, other, seconds)) => Some(format!(
                "{} {} – {}",
                if *seconds == 60 { "minutes" } else { "hours" },
                label_of(one),
                label_of(other)
            )),
            (None, Measure::Elapsed(one, other)) => {
                Some(format!("days {} – {}", label_of(one), label_of(other)))
            }
        };
        let other = |words: &str| Statistic::Other(words.to_owned());
        let statistic = match (&figure.make, &figure.of) {
            (Make::Share, _) => Statistic::Share,
            (Make::Over(..), _) => Statistic::Ratio,
            (Make::Moved { percent, .. } | Make::Step(_, percent), _) => {
                if *percent {
                    Statistic::Growth
                } else {
                    Statistic::Change
                }
            }
            (_, Measure::Rows) => Statistic::Rows,
            (_, Measure::Distinct(_) | Measure::Periods(..)) => other("different values"),
            (Make::Total, _) => Statistic::Total,
            (Make::Mean, _) => Statistic::Mean,
            (Make::Median, _) => Statistic::Median,
            (Make::Greatest, _) => Statistic::Greatest,
            (Make::Least, _) => Statistic::Least,
            (Make::Range, _) => other("range"),
            (Make::Deviation, _) => other("standard deviation"),
            (Make::Variance, _) => other("variance"),
            (Make::Percentile(percent), _) => other(&format!("{percent}th percentile")),
            (Make::Weighted(weight), _) => other(&format!("mean weighted by {}", label_of(weight))),
            (Make::Correlation(column), _) => {
                other(&format!("correlation with {}", label_of(column)))
            }
        };
        Self {
            subject: Vec::new(),
            measure,
            statistic,
            period: None,
            unit: unit(figure),
            line: None,
            share: false,
        }
    }
}

pub(super) fn label_of(column: &Column) -> String {
    label(&column.name)
}

pub(super) fn subject(kind: &str, name: &str) -> Subject {
    Subject {
        kind: kind.to_owned(),
        name: name.to_owned(),
    }
}

/// The unit of a figure.
pub(super) fn unit(figure: &Figure) -> Option<String> {
    match (&figure.make, &figure.of) {
        (
            Make::Share
            | Make::Over(_, Scale::Percent)
            | Make::Moved { percent: true, .. }
            | Make::Step(_, true),
            _,
        ) => Some("%".to_owned()),
        // Euros per word are euros; kilometres per kilometre are nothing.
        (Make::Over(over, Scale::One), Measure::Of(part)) => match over.as_ref() {
            Measure::Of(whole) if whole.unit == part.unit => None,
            _ => part.unit.clone().filter(|unit| unit != "%"),
        },
        (Make::Over(..) | Make::Variance | Make::Correlation(_), _) => None,
        (_, Measure::Shift(..) | Measure::Lasted(_, _, 60)) => Some("min".to_owned()),
        (_, Measure::Lasted(..)) => Some("h".to_owned()),
        (_, Measure::Plus(all)) => all.first().and_then(|column| column.unit.clone()),
        (
            _,
            Measure::Rows
            | Measure::Distinct(_)
            | Measure::Periods(..)
            | Measure::Product(..)
            | Measure::Rated(..)
            | Measure::Elapsed(..),
        ) => None,
        (_, Measure::Of(column) | Measure::Less(column, _)) => column.unit.clone(),
    }
}

/// What the rows are of which a figure is: names, and when.
pub(super) fn rows_of(
    filters: &[Filter],
    speech: &Speech,
    whole: bool,
) -> (Vec<Subject>, Option<When>) {
    let mut subjects = Vec::new();
    let mut period = None;
    for filter in filters.iter().filter(|filter| !(whole && filter.part)) {
        if let (Test::Days(spans), false) = (&filter.test, filter.not)
            && let [span] = spans.as_slice()
            && let Some(grain) = [
                Grain::Day,
                Grain::Week,
                Grain::Month,
                Grain::Quarter,
                Grain::Year,
            ]
            .into_iter()
            .find(|grain| grain.span_of(span.from) == *span)
            && period.is_none()
        {
            period = Some(When::During(Period::of(grain, span.from)));
            continue;
        }
        let test = speech.test_of(&filter.test, filter.column.year);
        let test = if filter.not {
            speech.say("not", &[("what", &test)])
        } else if let Test::In(values) = &filter.test
            && let [only] = values.as_slice()
        {
            only.clone()
        } else {
            test
        };
        subjects.push(subject(&label_of(&filter.column), &test));
    }
    (subjects, period)
}
