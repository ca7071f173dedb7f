//! Numbers as a person reads them: one way of writing, used by every text and understood by the critic.
//!
//! Facts keep the exact value. Text shows it with grouped thousands and as many decimals as say something.

/// Symbols that stand before a number.
pub const CURRENCY_SYMBOLS: [&str; 5] = ["$", "€", "£", "¥", "₹"];

/// A value to be read: `1,234.5 kg` is written `1,234.50 kg`, a percentage `12.3%`, a currency symbol goes in front.
#[must_use]
pub fn readable(value: f64, unit: Option<&str>) -> String {
    if !value.is_finite() {
        return "not defined".to_owned();
    }
    let unit = unit.map(str::trim).filter(|unit| !unit.is_empty());
    let decimals = if unit == Some("%") {
        percent_decimals(value)
    } else {
        decimals(value)
    };
    let digits = grouped(value.abs(), decimals);
    // A value that rounds to nothing has no sign.
    let sign = if value < 0.0 && digits.bytes().any(|b| matches!(b, b'1'..=b'9')) {
        "-"
    } else {
        ""
    };
    match unit {
        Some("%") => format!("{sign}{digits}%"),
        Some(symbol) if CURRENCY_SYMBOLS.contains(&symbol) => format!("{sign}{symbol}{digits}"),
        Some(other) => format!("{sign}{digits} {other}"),
        None => format!("{sign}{digits}"),
    }
}

/// The shortest text that reads back as the same value.
#[must_use]
pub fn exact(value: f64) -> String {
    if value == 0.0 {
        "0".to_owned()
    } else {
        format!("{value}")
    }
}

/// Sums of decimal fractions carry binary dust (0.1 + 0.2); it is taken off at the fifteenth digit so that a total equals
/// the total a person computes.
#[must_use]
pub fn dusted(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    format!("{value:.14e}").parse().unwrap_or(value)
}

fn decimals(value: f64) -> usize {
    let size = value.abs();
    if size.fract() == 0.0 {
        0
    } else if size >= 1.0 {
        2
    } else {
        significant(size, 3)
    }
}

fn percent_decimals(value: f64) -> usize {
    let size = value.abs();
    if size == 0.0 || size >= 0.1 {
        1
    } else {
        significant(size, 2)
    }
}

/// Decimals that show `digits` significant digits of a value below one.
fn significant(size: f64, digits: i32) -> usize {
    let first = -size.log10().floor();
    if first > 12.0 {
        15
    } else {
        usize::try_from(first as i32 + digits - 1).unwrap_or(2)
    }
}

/// Digits in groups of three, of a size without a sign.
#[must_use]
pub fn grouped(size: f64, decimals: usize) -> String {
    let plain = format!("{size:.decimals$}");
    let (whole, fraction) = plain
        .split_once('.')
        .map_or((plain.as_str(), None), |(whole, fraction)| {
            (whole, Some(fraction))
        });
    let mut out = String::with_capacity(plain.len() + whole.len() / 3);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_one_way() {
        let cases = [
            (0.0, None, "0"),
            (1234.5, None, "1,234.50"),
            (1_000_000.0, Some("EUR"), "1,000,000 EUR"),
            (-1234.567, Some("$"), "-$1,234.57"),
            (12.34, Some("%"), "12.3%"),
            (-0.04, Some("%"), "-0.040%"),
            (0.012_345, None, "0.0123"),
            (999.999, None, "1,000.00"),
            (-1e-300, None, "0.000000000000000"),
            (f64::NAN, None, "not defined"),
            (5.0, Some("kg"), "5 kg"),
        ];
        for (value, unit, expected) in cases {
            assert_eq!(readable(value, unit), expected, "{value}");
        }
    }

    #[test]
    fn dust_of_binary_fractions_is_taken_off() {
        assert_eq!(dusted(0.1 + 0.2), 0.3);
        assert_eq!(dusted(1234.56), 1234.56);
        assert_eq!(exact(dusted(4.35 * 100.0)), "435");
    }
}
