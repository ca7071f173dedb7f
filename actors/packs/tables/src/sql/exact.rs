//! `sum`, `avg` and `total` of decimals, exact to the last digit.
//!
//! A cell `0.1` becomes the double nearest to it, and the sum of many such doubles, however carefully added, is not the double nearest to
//! the sum of the decimals: amounts that cancel out leave 0.0000000000000013. So each double is taken back to the shortest decimal that
//! means it, which is what the file said (up to 15 digits), decimals are added as whole numbers, and only the result is rounded.

use std::collections::BTreeMap;

use rusqlite::functions::{Aggregate, Context, FunctionFlags, WindowAggregate};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Error, Result};

use super::gathered::Gathered;
use crate::table::Read;
use aios_tools::Reserved;

/// What a whole number per power of ten takes in a tree whose nodes may be half empty.
const PART: u64 = 64;

/// Why a sum of whole numbers is refused.
const OVERFLOW: &str = "integer overflow: the sum is larger than a whole number can be (9223372036854775807); ask for fewer rows";

/// Replaces SQLite's own functions of these names.
pub(crate) fn register(connection: &Connection, gathered: &Gathered) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    for (name, gives) in [
        ("sum", Gives::Sum),
        ("total", Gives::Total),
        ("avg", Gives::Mean),
    ] {
        let gathered = gathered.clone();
        connection.create_window_function(name, 1, flags, Exact { gives, gathered })?;
    }
    Ok(())
}

struct Exact {
    gives: Gives,
    gathered: Gathered,
}

enum Gives {
    Sum,
    Total,
    Mean,
}

impl Gives {
    /// What a sum of so many numbers gives; none where it is whole and too large.
    fn of(&self, sum: &Decimal, count: u64, reals: u64) -> Option<Value> {
        Some(match self {
            Self::Sum if reals == 0 => {
                Value::Integer(sum.whole().and_then(|sum| i64::try_from(sum).ok())?)
            }
            Self::Sum | Self::Total => Value::Real(sum.divided_by(1)),
            Self::Mean => Value::Real(sum.divided_by(count)),
        })
    }
}

/// What has been added up.
struct Added {
    sum: Decimal,
    count: u64,
    reals: u64,
    /// Infinite or undefined numbers; with one of them nothing is exact.
    infinite: u64,
    held: Reserved,
}

impl Added {
    fn new(held: Reserved) -> Self {
        Self {
            sum: Decimal::default(),
            count: 0,
            reals: 0,
            infinite: 0,
            held,
        }
    }

    /// Adds or, when a window moves on, takes away the argument.
    fn change(&mut self, context: &Context<'_>, add: bool) -> Result<()> {
        let step = |count: &mut u64| {
            *count = if add {
                count.saturating_add(1)
            } else {
                count.saturating_sub(1)
            }
        };
        let real = |text: &[u8]| {
            std::str::from_utf8(text)
                .ok()
                .and_then(|text| text.trim().parse::<f64>().ok())
        };
        let number = match context.get_raw(0) {
            ValueRef::Null => return Ok(()),
            ValueRef::Integer(number) => {
                self.sum.change(i128::from(number), 0, add);
                step(&mut self.count);
                return Ok(());
            }
            ValueRef::Real(number) => number,
            ValueRef::Text(text) | ValueRef::Blob(text) => real(text).ok_or_else(|| {
                Error::UserFunctionError("sum and avg take numbers, not text".into())
            })?,
        };
        step(&mut self.count);
        step(&mut self.reals);
        if number.is_finite() {
            let (mantissa, exponent) = shortest(number);
            self.sum.change(i128::from(mantissa), exponent, add);
        } else {
            step(&mut self.infinite);
        }
        Ok(())
    }
}

impl Exact {
    fn change(&self, context: &Context<'_>, added: &mut Added, add: bool) -> Result<()> {
        added.change(context, add)?;
        // At most one part comes with a number, so it is there before its room is, and no more.
        let room = added.sum.parts.len() as u64 * PART;
        let more = room.saturating_sub(added.held.bytes());
        if more > 0 {
            let grown = added.held.grow(more);
            grown.map_err(|refused| self.gathered.refuse(refused))?;
        }
        Ok(())
    }

    fn result(&self, added: Option<&Added>) -> Result<Value> {
        let Some(added) = added.filter(|added| added.count > 0) else {
            return Ok(if matches!(self.gives, Gives::Total) {
                Value::Real(0.0)
            } else {
                Value::Null
            });
        };
        if added.infinite > 0 {
            return Ok(Value::Real(f64::INFINITY));
        }
        let given = self.gives.of(&added.sum, added.count, added.reals);
        given.ok_or_else(|| Error::UserFunctionError(OVERFLOW.into()))
    }
}

impl Aggregate<Added, Value> for Exact {
    fn init(&self, _: &mut Context<'_>) -> Result<Added> {
        Ok(Added::new(self.gathered.room()?))
    }

    fn step(&self, context: &mut Context<'_>, added: &mut Added) -> Result<()> {
        self.change(context, added, true)
    }

    fn finalize(&self, _: &mut Context<'_>, added: Option<Added>) -> Result<Value> {
        self.result(added.as_ref())
    }
}

impl WindowAggregate<Added, Value> for Exact {
    fn value(&self, added: Option<&mut Added>) -> Result<Value> {
        self.result(added.as_deref())
    }

    fn inverse(&self, context: &mut Context<'_>, added: &mut Added) -> Result<()> {
        self.change(context, added, false)
    }
}

/// What the first node of a tree of such parts takes.
const NODE: u64 = 256;

/// Decimals that amounts mostly have at most.
const FEW: usize = 7;

/// A sum of values of a column, as exact as the others: most of them have few decimals, and their sums are kept side by side.
#[derive(Clone, Default)]
pub(super) struct Sum {
    /// By the number of decimals; none where there was no such number.
    few: [Option<i128>; FEW],
    rest: Decimal,
    count: u64,
    reals: u64,
}

impl Sum {
    /// Adds a number; a text is none.
    pub(super) fn add(&mut self, value: &Read<'_>) {
        let (mantissa, exponent) = match value {
            Read::Integer(number) => (*number, 0),
            Read::Real(number) => {
                self.reals += 1;
                shortest(*number)
            }
            Read::Text(_) => return,
        };
        self.count += 1;
        let few = usize::try_from(-exponent)
            .ok()
            .and_then(|at| self.few.get_mut(at));
        match few {
            Some(sum) => *sum = Some(sum.unwrap_or(0).saturating_add(mantissa.into())),
            None => self.rest.change(mantissa.into(), exponent, true),
        }
    }

    /// Bytes that it takes beside itself.
    pub(super) fn room(&self) -> u64 {
        match self.rest.parts.len() as u64 {
            0 => 0,
            parts => NODE + parts * PART,
        }
    }

    /// Takes in what was added elsewhere.
    pub(super) fn join(&mut self, other: &Self) {
        for (own, other) in self.few.iter_mut().zip(other.few) {
            *own = match (*own, other) {
                (Some(own), Some(other)) => Some(own.saturating_add(other)),
                (own, other) => own.or(other),
            };
        }
        for (exponent, part) in &other.rest.parts {
            self.rest.change(*part, *exponent, true);
        }
        self.count += other.count;
        self.reals += other.reals;
    }

    /// The sum, or the mean, of all; none of nothing. No answer where it is whole and too large.
    pub(super) fn value(&self, mean: bool) -> Option<Option<aios_work::Value>> {
        if self.count == 0 {
            return Some(None);
        }
        let mut sum = self.rest.clone();
        for (decimals, part) in (0_i32..).zip(self.few) {
            if let Some(part) = part {
                sum.change(part, -decimals, true);
            }
        }
        let gives = if mean { Gives::Mean } else { Gives::Sum };
        match gives.of(&sum, self.count, self.reals)? {
            Value::Integer(number) => Some(Some(aios_work::Value::Integer(number))),
            Value::Real(number) if number.is_finite() => {
                Some(Some(aios_work::Value::Real(number + 0.0)))
            }
            _ => None,
        }
    }
}

/// The shortest decimal that means `number`: mantissa and power of ten. At most 17 digits.
fn shortest(number: f64) -> (i64, i32) {
    // Amounts with few decimals, by far the most. If a whole number of at most 15 digits over a power of ten gives the double back, it
    // is the decimal that was meant: no other of 15 digits does.
    let mut power = 1.0;
    for decimals in 0..=6 {
        let scaled = number * power;
        if scaled.fract() == 0.0 && scaled.abs() < 1e15 && scaled / power == number {
            return (scaled as i64, -decimals);
        }
        power *= 10.0;
    }
    let text = format!("{number:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let decimals = mantissa
        .split_once('.')
        .map_or(0, |(_, decimals)| decimals.len());
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    let exponent: i32 = exponent.parse().unwrap_or_default();
    (
        digits.parse().unwrap_or_default(),
        exponent - i32::try_from(decimals).unwrap_or_default(),
    )
}

/// A sum of decimals: a whole number per power of ten. A mantissa has 17 digits and an `i128` room for 38, so 10^21 terms fit.
#[derive(Clone, Default)]
struct Decimal {
    parts: BTreeMap<i32, i128>,
}

impl Decimal {
    fn change(&mut self, mantissa: i128, exponent: i32, add: bool) {
        let part = self.parts.entry(exponent).or_default();
        *part = if add {
            part.saturating_add(mantissa)
        } else {
            part.saturating_sub(mantissa)
        };
    }

    /// The value, if no part has decimals.
    fn whole(&self) -> Option<i128> {
        match self.parts.iter().next() {
            None => Some(0),
            Some((0, part)) if self.parts.len() == 1 => Some(*part),
            Some(_) => None,
        }
    }

    /// The double nearest to the exact value divided by `count`.
    fn divided_by(&self, count: u64) -> f64 {
        let Some(least) = self.parts.keys().next().copied() else {
            return 0.0;
        };
        let (negative, digits) = self.digits(least);
        // School division, digit by digit; 40 more digits than the number has are far more than a double keeps, and a remainder behind
        // them only has to be known to be there.
        let (count, mut rest) = (u128::from(count.max(1)), 0_u128);
        let mut quotient = String::with_capacity(digits.len() + 48);
        quotient.push_str(if negative { "-0" } else { "0" });
        for digit in digits
            .iter()
            .rev()
            .copied()
            .chain(std::iter::repeat_n(0, 40))
        {
            rest = rest * 10 + u128::from(digit);
            quotient.push(char::from(
                b'0' + u8::try_from(rest / count).unwrap_or_default(),
            ));
            rest %= count;
        }
        quotient.push(if rest > 0 { '1' } else { '0' });
        quotient.push_str(&format!("e{}", least - 41));
        quotient.parse::<f64>().unwrap_or_default() + 0.0
    }

    /// The digits of the absolute value in units of 10^`least`, the lowest first, and whether the value is negative.
    fn digits(&self, least: i32) -> (bool, Vec<u8>) {
        for sign in [1, -1] {
            let (mut digits, mut carry, mut parts) =
                (Vec::new(), 0_i128, self.parts.iter().peekable());
            let mut exponent = least;
            while parts.peek().is_some() || !matches!(carry, 0 | -1) {
                if let Some((_, part)) = parts.next_if(|(at, _)| **at == exponent) {
                    carry = carry.saturating_add(part.saturating_mul(sign));
                }
                digits.push(u8::try_from(carry.rem_euclid(10)).unwrap_or_default());
                carry = carry.div_euclid(10);
                exponent += 1;
            }
            // A carry of -1 that goes on for ever is the sign of a negative number in tens complement.
            if carry == 0 {
                return (sign < 0, digits);
            }
        }
        (false, Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sum(numbers: &[f64]) -> Decimal {
        let mut sum = Decimal::default();
        for number in numbers {
            let (mantissa, exponent) = shortest(*number);
            sum.change(i128::from(mantissa), exponent, true);
        }
        sum
    }

    #[test]
    fn decimals_add_up_as_on_paper() {
        for (numbers, total, mean) in [
            (vec![0.1, 0.2], 0.3, 0.15),
            (vec![0.1; 10], 1.0, 0.1),
            (vec![1e16, 1.0, -1e16], 1.0, 1.0 / 3.0),
            (vec![1e300, 1e-300, -1e300], 1e-300, 1e-300 / 3.0),
            (vec![-0.683, 1e-3, -1e-3], -0.683, -0.227_666_666_666_666_66),
            (vec![5e-324, 5e-324], 1e-323, 5e-324),
            (vec![f64::MAX, f64::MAX], f64::INFINITY, f64::MAX),
            (vec![1.0, -1.0], 0.0, 0.0),
            (
                vec![8.187000000000001],
                8.187000000000001,
                8.187000000000001,
            ),
            (vec![], 0.0, 0.0),
        ] {
            let decimal = sum(&numbers);
            assert_eq!(
                (
                    decimal.divided_by(1),
                    decimal.divided_by(numbers.len() as u64)
                ),
                (total, mean),
                "{numbers:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn one_number_is_its_own_sum_and_mean(number in any::<f64>().prop_filter("finite", |n| n.is_finite()), count in 1..50_usize) {
            let decimal = sum(&vec![number; count]);
            prop_assert_eq!(sum(&[number]).divided_by(1), number);
            prop_assert_eq!(decimal.divided_by(count as u64), number);
        }

        #[test]
        fn hundredths_add_up_like_whole_numbers(cents in prop::collection::vec(-10_i64.pow(14)..10_i64.pow(14), 0..60)) {
            let text = |cents: i128| format!("{cents}e-2").parse::<f64>().unwrap();
            let numbers: Vec<f64> = cents.iter().map(|cents| text(i128::from(*cents))).collect();
            let total: i128 = cents.iter().map(|cents| i128::from(*cents)).sum();
            prop_assert_eq!(sum(&numbers).divided_by(1), text(total) + 0.0);
        }

        #[test]
        fn what_is_taken_away_leaves_nothing_behind(kept in prop::collection::vec(-1e9..1e9_f64, 0..20), gone in prop::collection::vec(any::<f64>().prop_filter("finite", |n| n.is_finite()), 0..20)) {
            let mut moving = sum(&kept);
            for add in [true, false] {
                for number in &gone {
                    let (mantissa, exponent) = shortest(*number);
                    moving.change(i128::from(mantissa), exponent, add);
                }
            }
            prop_assert_eq!(moving.divided_by(1), sum(&kept).divided_by(1));
        }
    }
}
