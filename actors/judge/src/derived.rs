//! Quantities that a table does not hold and that follow from two of its columns: what is left, what comes together, one per the other.

use crate::grid::{Data, GridColumn};
use crate::unit::{Kind, Unit};

/// Columns of quantities above which two of them are no longer put together: who writes of so many writes of them one by one.
const COLUMNS: usize = 8;

/// What is made of two quantities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    /// The one less the other: beds that are free.
    Less,
    /// Both: adults and children.
    And,
    /// The one over the other: revenue per unit, the share of beds that is taken.
    Over,
    /// So many at so much each: units in stock and what one of them costs.
    Times,
    /// By how much the one goes beyond the other, as a part of the other: spent over planned.
    Beyond,
}

/// A quantity that follows from two others, row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Derived {
    pub op: Op,
    pub one: usize,
    pub other: usize,
}

impl Derived {
    /// Its value in a row; not a number where one of the two is missing.
    pub(crate) fn of(self, one: f64, other: f64) -> f64 {
        match self.op {
            Op::Less => one - other,
            Op::And => one + other,
            Op::Times => one * other,
            Op::Over | Op::Beyond if other == 0.0 => f64::NAN,
            Op::Over => one / other,
            Op::Beyond => (one - other) / other.abs(),
        }
    }

    /// What is made of all of the one and all of the other, where neither sum nor mean of the rows says anything.
    pub(crate) fn rate(self, one: f64, other: f64) -> Option<f64> {
        let rate = matches!(self.op, Op::Over | Op::Beyond).then(|| self.of(one, other))?;
        (!rate.is_nan()).then_some(rate)
    }

    /// Whether a column is one of the two.
    pub(crate) fn is_of(self, column: usize) -> bool {
        self.one == column || self.other == column
    }
}

/// The quantities that follow from these columns.
pub(crate) fn derived(columns: &[GridColumn]) -> Vec<GridColumn> {
    let quantities: Vec<usize> = (0..columns.len())
        .filter(|column| matches!(columns[*column].data, Data::Numbers(_)))
        .collect();
    if quantities.len() > COLUMNS {
        return Vec::new();
    }
    let mut out = Vec::new();
    for &one in &quantities {
        for &other in quantities.iter().filter(|other| **other != one) {
            let (a, b) = (&columns[one].unit, &columns[other].unit);
            let alike = match (a, b) {
                (Some(a), Some(b)) => a.kind == b.kind,
                (None, None) => true,
                _ => false,
            };
            let mut add = |op: Op, unit: Option<Unit>, sign: &str| {
                let (a, b) = (&columns[one], &columns[other]);
                out.push(GridColumn {
                    name: format!("{} {sign} {}", a.name, b.name),
                    stems: a.stems.union(&b.stems).cloned().collect(),
                    concepts: a.concepts.union(&b.concepts).copied().collect(),
                    unit,
                    data: Data::Derived(Derived { op, one, other }),
                    numbered: None,
                });
            };
            let ratio = Unit {
                kind: Kind::Share,
                factor: 100.0,
                shown: "of one".to_owned(),
            };
            if alike {
                add(Op::Less, a.clone(), "less");
                add(Op::Beyond, Some(ratio.clone()), "beyond");
                if one < other {
                    add(Op::And, a.clone(), "and");
                }
            }
            // Only an amount of money is paid for each of so many.
            let priced = b.as_ref().is_some_and(Unit::is_money);
            if priced && a.is_none() {
                add(Op::Times, b.clone(), "times");
            }
            add(Op::Over, if alike { Some(ratio) } else { a.clone() }, "per");
        }
    }
    out
}
