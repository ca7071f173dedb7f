//! From values to places, and to the words beside them.

use aios_languages::english::figures::grouped;

/// A linear axis with round steps.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scale {
    low: f64,
    high: f64,
    step: f64,
}

impl Scale {
    /// An axis that holds every value in about five steps; with `zero` it also holds zero, as the length of a bar demands.
    pub(crate) fn new(values: impl Iterator<Item = f64>, zero: bool) -> Self {
        // Far beyond what is drawn, and still safe to subtract and divide.
        let bound = |value: f64| value.clamp(-1e300, 1e300);
        let (mut low, mut high) = values
            .map(bound)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
                (low.min(v), high.max(v))
            });
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        // A line that starts far from zero would show nothing of its changes; one that is near shows its size too.
        if zero || (low > 0.0 && low < high * 0.6) {
            low = low.min(0.0);
        }
        if zero || (high < 0.0 && high > low * 0.6) {
            high = high.max(0.0);
        }
        if low == high {
            (low, high) = (
                low - low.abs().max(1.0) * 0.5,
                high + high.abs().max(1.0) * 0.5,
            );
        }
        let step = round_step((high - low) / 5.0);
        Self {
            low: (low / step).floor() * step,
            high: (high / step).ceil() * step,
            step,
        }
    }

    /// Where `value` lies, from 0 at the low end to 1 at the high end.
    pub(crate) fn place(&self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// The round values that are written on the axis.
    pub(crate) fn ticks(&self) -> Vec<f64> {
        let count = ((self.high - self.low) / self.step).round() as usize;
        (0..=count.min(20))
            .map(|at| self.low + at as f64 * self.step)
            .map(|tick| {
                if tick.abs() < self.step * 1e-9 {
                    0.0
                } else {
                    tick
                }
            })
            .collect()
    }

    /// A tick in words, as short as the step allows.
    pub(crate) fn tick(&self, value: f64) -> String {
        let largest = self.low.abs().max(self.high.abs());
        if value == 0.0 {
            return "0".to_owned();
        }
        if largest >= 1e15 || self.step < 1e-6 {
            return format!("{value:.1e}");
        }
        let (unit, sign) = magnitude(largest);
        let decimals = (0..=9)
            .find(|decimals| is_whole(self.step / unit * 10_f64.powi(*decimals)))
            .unwrap_or(9);
        format!(
            "{}{sign}",
            signed(value / unit, decimals.unsigned_abs() as usize)
        )
    }
}

fn is_whole(number: f64) -> bool {
    (number - number.round()).abs() < 1e-6 * number.abs().max(1.0)
}

/// 1, 2, 2.5 or 5 times a power of ten, not below `rough`.
fn round_step(rough: f64) -> f64 {
    let power = 10_f64.powf(rough.log10().floor());
    [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= rough * 0.999_999)
        .unwrap_or(power * 10.0)
}

/// The unit in which values up to `largest` are written.
fn magnitude(largest: f64) -> (f64, &'static str) {
    match largest {
        largest if largest >= 1e12 => (1e12, "T"),
        largest if largest >= 1e9 => (1e9, "B"),
        largest if largest >= 1e6 => (1e6, "M"),
        largest if largest >= 1e5 => (1e3, "k"),
        _ => (1.0, ""),
    }
}

/// A value as it stands beside its mark: four digits at least, no more than needed.
pub(crate) fn short(value: f64) -> String {
    let (unit, sign) = match value.abs() {
        size if size >= 1e6 => magnitude(size),
        _ => (1.0, ""),
    };
    let scaled = value / unit;
    let decimals = match scaled.abs() {
        size if size >= 1e15 => return format!("{value:.2e}"),
        size if size >= 1000.0 => 0,
        size if size >= 100.0 => 1,
        size if size >= 0.1 || size == 0.0 => 2,
        size if size >= 1e-4 => 4,
        _ => return format!("{value:.2e}"),
    };
    format!("{}{sign}", trimmed(&signed(scaled, decimals)))
}

/// A value with all its digits: `1,234.5`.
pub(crate) fn exact(value: f64) -> String {
    if value.abs() >= 1e15 || (value != 0.0 && value.abs() < 1e-4) {
        return value.to_string();
    }
    let decimals = value
        .to_string()
        .split_once('.')
        .map_or(0, |(_, decimals)| decimals.len());
    signed(value, decimals)
}

fn trimmed(text: &str) -> &str {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    }
}

/// Digits in groups of three, with a true minus sign.
fn signed(value: f64, decimals: usize) -> String {
    let size = grouped(value.abs(), decimals);
    if value < 0.0 && size.contains(|c: char| ('1'..='9').contains(&c)) {
        format!("\u{2212}{size}")
    } else {
        size
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn axes_have_round_ticks() {
        for (values, zero, ticks) in [
            (vec![3.0, 47.0], true, "0 10 20 30 40 50"),
            (vec![-5.0, 12.0], true, "\u{2212}5 0 5 10 15"),
            (vec![98.0, 100.0], false, "98.0 98.5 99.0 99.5 100.0"),
            (
                vec![120_000.0, 410_000.0],
                true,
                "0 100k 200k 300k 400k 500k",
            ),
            (vec![0.02, 0.11], true, "0 0.025 0.050 0.075 0.100 0.125"),
            (vec![], true, "0 0.2 0.4 0.6 0.8 1.0"),
            (vec![7.0], false, "2 4 6 8 10 12"),
        ] {
            let scale = Scale::new(values.iter().copied(), zero);
            let shown: Vec<String> = scale
                .ticks()
                .into_iter()
                .map(|tick| scale.tick(tick))
                .collect();
            assert_eq!(shown.join(" "), ticks, "{values:?}");
        }
    }

    #[test]
    fn labels_are_short_and_descriptions_exact() {
        for (value, short_label, exact_label) in [
            (0.0, "0", "0"),
            (12.5, "12.5", "12.5"),
            (1234.56, "1,235", "1,234.56"),
            (-1234.5, "\u{2212}1,234", "\u{2212}1,234.5"),
            (1_234_567.0, "1.23M", "1,234,567"),
            (0.1 + 0.2, "0.3", "0.30000000000000004"),
            (0.0123, "0.0123", "0.0123"),
            (1e18, "1,000,000T", "1000000000000000000"),
        ] {
            assert_eq!(
                (short(value).as_str(), exact(value).as_str()),
                (short_label, exact_label)
            );
        }
    }

    proptest! {
        #[test]
        fn every_value_finds_a_place(values in prop::collection::vec(any::<f64>().prop_filter("finite", |v| v.is_finite()), 1..20), zero in any::<bool>()) {
            let scale = Scale::new(values.iter().copied(), zero);
            for value in &values {
                prop_assert!((0.0..=1.0).contains(&scale.place(*value)), "{scale:?} {value}");
                let _ = (short(*value), exact(*value));
            }
            prop_assert!(scale.ticks().len() >= 2 && scale.ticks().len() <= 21);
        }
    }
}
