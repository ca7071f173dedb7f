//! What can be called by name.

use std::cmp::Ordering;

use bigdecimal::RoundingMode;
use bigdecimal::num_traits::ToPrimitive;

use super::number::{self, Number};
use super::quantity::{Quantity, fewer};

/// The names there are, as an error lists them.
pub(super) const NAMES: [&str; 16] = [
    "abs",
    "ceil",
    "floor",
    "max",
    "mean",
    "median",
    "min",
    "mod",
    "percent",
    "percent_change",
    "pow",
    "product",
    "round",
    "sqrt",
    "sum",
    "trunc",
];
/// Decimals to which something can be rounded.
const DECIMALS: i64 = 1_000;

/// The same function by other names people know it by.
pub(super) fn canonical(name: &str) -> Option<&'static str> {
    let name = match name {
        "avg" | "average" => "mean",
        "ceiling" => "ceil",
        "power" => "pow",
        other => other,
    };
    NAMES.iter().find(|known| **known == name).copied()
}

/// The function's value for these arguments; `digits` is how exact a root is.
pub(super) fn call(name: &str, mut args: Vec<Quantity>, digits: u64) -> Result<Quantity, String> {
    let (least, most) = match name {
        "min" | "max" | "sum" | "mean" | "median" | "product" => (1, usize::MAX),
        "round" | "sqrt" => (1, 2),
        "mod" | "pow" | "percent" | "percent_change" => (2, 2),
        _ => (1, 1),
    };
    if !(least..=most).contains(&args.len()) {
        let wanted = match (least, most) {
            (least, usize::MAX) => format!("at least {least}"),
            (least, most) if least == most => least.to_string(),
            (least, most) => format!("{least} or {most}"),
        };
        return Err(format!(
            "{name} takes {wanted} arguments, there are {}",
            args.len()
        ));
    }
    let second = (args.len() == 2).then(|| args.pop()).flatten();
    match (name, second) {
        ("min" | "max" | "sum" | "mean" | "median" | "product", second) => {
            args.extend(second);
            many(name, args)
        }
        (_, second) => {
            let Some(first) = args.pop() else {
                return Err(format!("{name} has no argument"));
            };
            few(name, first, second, digits)
        }
    }
}

fn few(
    name: &str,
    first: Quantity,
    second: Option<Quantity>,
    digits: u64,
) -> Result<Quantity, String> {
    let whole = |mode| first.with_shown(number::rounded(&first.shown(), 0, mode));
    match (name, second) {
        ("abs", _) => first.magnitude(),
        ("floor", _) => whole(RoundingMode::Floor),
        ("ceil", _) => whole(RoundingMode::Ceiling),
        ("trunc", _) => whole(RoundingMode::Down),
        ("round", decimals) => {
            let decimals = count(decimals.as_ref(), 0, -DECIMALS, DECIMALS)?;
            // As people round: a half goes away from zero.
            first.with_shown(away(&first.shown(), decimals))
        }
        ("sqrt", given) => {
            let usual = i64::try_from(digits).unwrap_or(DECIMALS);
            let digits = count(given.as_ref(), usual, 1, super::DIGITS_MOST)?;
            first.square_root(digits.unsigned_abs())
        }
        ("pow", Some(exponent)) => first.power(&exponent),
        ("mod", Some(divisor)) => {
            let times = first.clone().divide(divisor.clone())?;
            let times = Quantity::bare(times.number("the quotient")?.floor());
            first.subtract(divisor.multiply(times)?)
        }
        ("percent", Some(all)) => in_percent(first.divide(all)?),
        ("percent_change", Some(after)) => {
            let change = after.subtract(first.clone())?;
            in_percent(change.divide(first)?)
        }
        _ => Err(format!("there is no function {name}")),
    }
}

fn away(number: &Number, decimals: i64) -> Number {
    use bigdecimal::num_traits::Signed;
    let size = number::rounded(&number.abs(), decimals, RoundingMode::HalfUp);
    if number.is_negative() { -size } else { size }
}

fn in_percent(ratio: Quantity) -> Result<Quantity, String> {
    let percent = super::units::find("%").ok_or("there is no percent")?;
    ratio.convert(vec![(percent, 1)])
}

fn many(name: &str, mut args: Vec<Quantity>) -> Result<Quantity, String> {
    let joined = |join: fn(Quantity, Quantity) -> Result<Quantity, String>| {
        let mut args = args.clone().into_iter();
        let first = args
            .next()
            .ok_or_else(|| format!("{name} has no argument"))?;
        args.try_fold(first, join)
    };
    match name {
        "sum" => joined(Quantity::add),
        "product" => joined(Quantity::multiply),
        "min" => joined(|one, other| pick(one, other, Ordering::Greater)),
        "max" => joined(|one, other| pick(one, other, Ordering::Less)),
        "mean" => Quantity::mean(args),
        _ => {
            for pair in args.windows(2) {
                if let [one, other] = pair {
                    one.compare(other)?;
                }
            }
            args.sort_by(|one, other| one.compare(other).unwrap_or(Ordering::Equal));
            let middle = args.len() / 2;
            let half = if args.len() % 2 == 1 {
                args.drain(middle..=middle)
            } else {
                args.drain(middle - 1..=middle)
            };
            Quantity::mean(half.collect())
        }
    }
}

/// The first of two, unless they compare so.
fn pick(one: Quantity, other: Quantity, unless: Ordering) -> Result<Quantity, String> {
    let rounded = fewer(one.rounded, other.rounded);
    let mut picked = if one.compare(&other)? == unless {
        other
    } else {
        one
    };
    picked.rounded = rounded;
    Ok(picked)
}

/// A whole number of decimals or digits.
fn count(given: Option<&Quantity>, usual: i64, least: i64, most: i64) -> Result<i64, String> {
    let Some(given) = given else {
        return Ok(usual);
    };
    let number = given.number("how exact it is")?;
    number
        .is_integer()
        .then(|| number.to_integer().to_i64())
        .flatten()
        .filter(|count| (least..=most).contains(count))
        .ok_or_else(|| format!("how exact it is must be a whole number from {least} to {most}"))
}
