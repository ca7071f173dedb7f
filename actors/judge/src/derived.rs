//! Quantities that a table does not hold and that follow from two of its columns: what is left, what comes together, one per the other.

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
    /// The one as a part of both: reduced tickets among all.
    Part,
    /// By how much the one goes beyond the other, as a part of the other: spent over planned.
    Beyond,
}

/// A quantity that follows from two others, row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Derived {
    pub op: Op,
    pub one: usize,
    pub other: usize,
    /// Whether the one is never more than the other, so that it may be a part of it.
    pub within: bool,
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
            Op::Part if one + other == 0.0 => f64::NAN,
            Op::Part => one / (one + other),
            Op::Beyond => (one - other) / other.abs(),
        }
    }

    /// What is made of all of the one and all of the other, where neither sum nor mean of the rows says anything.
    pub(crate) fn rate(self, one: f64, other: f64) -> Option<f64> {
        let rate =
            matches!(self.op, Op::Over | Op::Part | Op::Beyond).then(|| self.of(one, other))?;
        (!rate.is_nan()).then_some(rate)
    }

    /// Whether a column is one of the two.
    pub(crate) fn is_of(self, column: usize) -> bool {
        self.one == column || self.other == column
    }
}
