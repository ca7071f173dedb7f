//! Exact numbers: fractions of whole numbers of any size up to a bound, read from and written as decimals.

use bigdecimal::num_bigint::{BigInt, Sign};
use bigdecimal::num_traits::{One, Signed, Zero};
use bigdecimal::{BigDecimal, RoundingMode};
use num_rational::BigRational;

/// A number without any rounding.
pub(super) type Number = BigRational;

/// Bits above and below a fraction's line: some 2,400 decimal digits. A multiplication of two takes microseconds.
const BITS: u64 = 8_192;
/// Characters of a number as it is written, and the largest power of ten.
const WRITTEN: usize = 1_000;
const EXPONENT: i64 = 1_000;
/// Digits beyond those that are asked of a root.
const GUARD: u64 = 12;
/// Decimal digits up to which an exact result is written in full.
const FULL: u64 = 1_000;

/// The number that a decimal text such as `-12.5` or `6.02e23` stands for.
pub(super) fn read(text: &str) -> Result<Number, String> {
    if text.len() > WRITTEN {
        return Err(format!(
            "a number has {} characters, at most {WRITTEN} are read",
            text.len()
        ));
    }
    let wrong = || format!("{text:?} is no number");
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().map_err(|_| wrong())?),
        None => (text, 0),
    };
    if !(-EXPONENT..=EXPONENT).contains(&exponent) {
        return Err(format!(
            "the exponent of {text} is outside -{EXPONENT} to {EXPONENT}"
        ));
    }
    let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let (sign, whole) = match whole.strip_prefix('-') {
        Some(whole) => (Sign::Minus, whole),
        None => (Sign::Plus, whole),
    };
    let digits = format!("{whole}{decimals}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let digits = BigInt::parse_bytes(digits.as_bytes(), 10).ok_or_else(wrong)?;
    let digits = if sign == Sign::Minus { -digits } else { digits };
    let places = exponent - i64::try_from(decimals.len()).map_err(|_| wrong())?;
    let power = ten(places.unsigned_abs());
    bounded(if places < 0 {
        Number::new(digits, power)
    } else {
        Number::from(digits * power)
    })
}

pub(super) fn whole(number: i64) -> Number {
    Number::from(BigInt::from(number))
}

fn ten(power: u64) -> BigInt {
    // Every caller's power is some thousands at most.
    BigInt::from(10).pow(u32::try_from(power).unwrap_or(u32::MAX))
}

/// The number, if it is not larger than what is worked with.
pub(super) fn bounded(number: Number) -> Result<Number, String> {
    if number.numer().bits().max(number.denom().bits()) > BITS {
        return Err("a number on the way has more than 2,400 digits".to_owned());
    }
    Ok(number)
}

/// A whole power; one that would be too large is refused before it is computed.
pub(super) fn power(base: &Number, exponent: &Number) -> Result<Number, String> {
    if !exponent.is_integer() {
        return Err("a power must be a whole number; sqrt(x) is the square root".to_owned());
    }
    let small = i32::try_from(exponent.to_integer());
    if base.is_zero() {
        return match exponent.numer().sign() {
            Sign::Minus => Err("it divides by zero".to_owned()),
            Sign::NoSign => Ok(Number::one()),
            Sign::Plus => Ok(Number::zero()),
        };
    }
    if base.is_integer() && base.numer().magnitude().is_one() {
        let odd = exponent.numer().bit(0);
        return Ok(if odd { base.clone() } else { Number::one() });
    }
    let bits = base.numer().bits().max(base.denom().bits());
    match small {
        // The exact number of bits is at least this less one for each factor.
        Ok(small)
            if u64::from(small.unsigned_abs()).saturating_mul(bits.saturating_sub(1)) <= BITS =>
        {
            bounded(base.pow(small))
        }
        _ => Err("the power has more than 2,400 digits".to_owned()),
    }
}

/// The square root to so many digits, and whether it is exact.
pub(super) fn square_root(number: &Number, digits: u64) -> Result<(Number, bool), String> {
    if number.is_negative() {
        return Err("there is no square root of a negative number".to_owned());
    }
    let (above, below) = (number.numer().sqrt(), number.denom().sqrt());
    let exact = Number::new(above, below);
    if &exact * &exact == *number {
        return Ok((exact, true));
    }
    // Enough places for the digits and for what is made of them, whatever stands before them.
    let size = number.denom().bits().saturating_sub(number.numer().bits()) / 3;
    let places = digits + GUARD + size;
    let scaled = number.numer() * ten(2 * places) / number.denom();
    let root = Number::new(scaled.sqrt(), ten(places));
    Ok((root, false))
}

/// The nearest number with so many decimals; a half goes to the even neighbour.
pub(super) fn rounded(number: &Number, decimals: i64, mode: RoundingMode) -> Number {
    let power = Number::from(ten(decimals.unsigned_abs()));
    let scaled = if decimals < 0 {
        number / &power
    } else {
        number * &power
    };
    let whole = Number::from(to_whole(&scaled, mode));
    if decimals < 0 {
        whole * power
    } else {
        whole / power
    }
}

fn to_whole(number: &Number, mode: RoundingMode) -> BigInt {
    let floor = number.floor().to_integer();
    let rest = number - Number::from(floor.clone());
    if rest.is_zero() {
        return floor;
    }
    let half = Number::new(BigInt::one(), BigInt::from(2));
    let up = match mode {
        RoundingMode::Floor => false,
        RoundingMode::Ceiling => true,
        RoundingMode::Down => number.is_negative(),
        RoundingMode::HalfUp if rest == half => !number.is_negative(),
        _ if rest == half => floor.bit(0),
        _ => rest > half,
    };
    if up { floor + 1 } else { floor }
}

/// The number rounded to so many significant digits.
fn to_digits(number: &Number, digits: u64) -> Number {
    let before = leading(number);
    let places = i64::try_from(digits)
        .unwrap_or(i64::MAX)
        .saturating_sub(before);
    rounded(number, places, RoundingMode::HalfEven)
}

/// Digits before the point, or less than one for the zeros behind it.
fn leading(number: &Number) -> i64 {
    if number.is_zero() {
        return 1;
    }
    let magnitude = number.abs();
    let length = |whole: &BigInt| whole.magnitude().to_string().len() as i64;
    // The quotient of an a-digit and a b-digit number has a - b or a - b + 1 digits before its point.
    let estimate = length(magnitude.numer()) - length(magnitude.denom());
    let power = Number::from(ten(estimate.unsigned_abs()));
    let reaches = if estimate < 0 {
        magnitude * power >= Number::one()
    } else {
        magnitude >= power
    };
    estimate + i64::from(reaches)
}

/// A number as decimal text of so many significant digits.
pub(super) fn write_rounded(number: &Number, digits: u64) -> String {
    match decimal(&to_digits(number, digits)) {
        Some(rounded) => plain(&rounded),
        // Rounded to decimals it is a decimal.
        None => number.to_string(),
    }
}

/// A number as decimal text: in full if it ends, otherwise to `digits` significant digits; and whether that is all of it.
pub(super) fn write(number: &Number, digits: u64) -> (String, bool) {
    if let Some(decimal) = decimal(number)
        && decimal.digits() <= FULL
    {
        return (plain(&decimal), true);
    }
    (write_rounded(number, digits), false)
}

fn plain(decimal: &BigDecimal) -> String {
    decimal.normalized().to_plain_string()
}

/// The number as a decimal, if its decimals end.
fn decimal(number: &Number) -> Option<BigDecimal> {
    let mut rest = number.denom().clone();
    let twos = rest.trailing_zeros().unwrap_or(0);
    rest >>= twos;
    let (five, mut fives) = (BigInt::from(5), 0_u64);
    while !rest.is_one() {
        if !(&rest % &five).is_zero() {
            return None;
        }
        rest /= &five;
        fives += 1;
    }
    let places = twos.max(fives);
    let digits = number.numer() * ten(places) / number.denom();
    Some(BigDecimal::new(digits, i64::try_from(places).ok()?))
}
