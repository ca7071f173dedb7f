//! Several measurements of one thing.

/// Values of one figure, gathered over all interleaved slices.
#[derive(Debug, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// No values yet.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Keeps one more value.
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// Keeps some more values.
    pub fn extend(&mut self, values: impl IntoIterator<Item = f64>) {
        self.0.extend(values);
    }

    /// The lowest value: what it takes when nothing else wants the machine; infinite if there is none.
    pub fn least(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// The value that half of the others exceed; not a number if there is none.
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        match sorted.as_slice() {
            [] => f64::NAN,
            odd if odd.len() % 2 == 1 => odd[middle],
            even => f64::midpoint(even[middle - 1], even[middle]),
        }
    }

    /// The value that so large a part of the others do not exceed, 0.99 for the 99th percentile; not a number if there is none.
    pub fn quantile(&self, part: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let at = (sorted.len() as f64 * part).ceil() as usize;
        let at = at.clamp(1, sorted.len().max(1)) - 1;
        sorted.get(at).copied().unwrap_or(f64::NAN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_does_not_depend_on_order_or_on_one_outlier() {
        let cases: [(&[f64], f64); 4] = [
            (&[3.0], 3.0),
            (&[4.0, 1.0], 2.5),
            (&[2.0, 900.0, 1.0], 2.0),
            (&[4.0, 1.0, 2.0, 3.0], 2.5),
        ];
        for (values, expected) in cases {
            assert_eq!(Samples(values.to_vec()).median(), expected, "{values:?}");
        }
        assert!(Samples::new().median().is_nan());
        let hundred = Samples((1..=100).map(f64::from).collect());
        assert_eq!(
            [0.0, 0.5, 0.99, 1.0].map(|part| hundred.quantile(part)),
            [1.0, 50.0, 99.0, 100.0]
        );
        assert!(Samples::new().quantile(0.99).is_nan());
    }
}
