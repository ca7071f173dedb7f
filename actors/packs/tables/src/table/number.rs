//! Numbers as people and programs write them: `1,234.56`, `1.234,56`, `1 234,56`, `€ 12`, `(3.50)`, `12 %`, `1e-3`.
//!
//! One cell alone may be ambiguous (`1,234` is a thousand or a little more than one), so a cell is read under both decimal marks and the
//! column decides.

/// Bytes of a cell that may be a number: the longest double written out, its thousands apart, its currency beside it.
const LONGEST: usize = 500;

/// What separates the whole part from the decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Point,
    Comma,
}

impl Mark {
    fn as_char(self) -> char {
        match self {
            Self::Point => '.',
            Self::Comma => ',',
        }
    }
}

/// One number, exactly as written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Number {
    /// Sign, digits, point, exponent: what Rust's parser reads.
    normal: String,
    /// Digits after the decimal mark.
    pub(crate) decimals: u32,
    /// What groups the thousands.
    pub(crate) group: Option<char>,
    /// Currency code or `%`.
    pub(crate) unit: Option<&'static str>,
    /// Written with an exponent.
    pub(crate) scientific: bool,
    /// Digits only, the first of several being 0: more likely a code (`00123`) than a quantity.
    pub(crate) zero_padded: bool,
}

impl Number {
    /// Reads a cell under one decimal mark.
    pub(crate) fn of(cell: &str, mark: Mark) -> Option<Self> {
        if cell.len() > LONGEST {
            return None;
        }
        read(&undress(cell)?, mark)
    }

    /// The value, if it is whole and fits.
    pub(crate) fn integer(&self) -> Option<i64> {
        if self.decimals == 0 && !self.scientific {
            self.normal.parse().ok()
        } else {
            None
        }
    }

    /// The nearest double. Never infinite (such a number is not read) and never minus zero.
    pub(crate) fn real(&self) -> f64 {
        self.normal.parse::<f64>().unwrap_or_default() + 0.0
    }

    /// Digits that carry information: a double keeps 15 of them.
    pub(crate) fn significant_digits(&self) -> usize {
        let mantissa = self.normal.split('e').next().unwrap_or_default();
        let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
        digits.trim_start_matches('0').len()
    }
}

/// How a cell reads under each decimal mark.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct NumberReading {
    pub(crate) point: Option<Number>,
    pub(crate) comma: Option<Number>,
}

impl NumberReading {
    pub(crate) fn of(cell: &str) -> Self {
        if cell.len() > LONGEST {
            return Self::default();
        }
        let Some(bare) = undress(cell) else {
            return Self::default();
        };
        let point = read(&bare, Mark::Point);
        // Digits alone are the same number under both marks.
        let same = bare.core.bytes().all(|byte| byte.is_ascii_digit());
        let comma = if same {
            point.clone()
        } else {
            read(&bare, Mark::Comma)
        };
        Self { point, comma }
    }

    pub(crate) fn is_number(&self) -> bool {
        self.point.is_some() || self.comma.is_some()
    }
}

/// A number without currency, percent sign, brackets and sign.
struct Bare<'c> {
    core: &'c str,
    negative: bool,
    unit: Option<&'static str>,
}

/// Currency signs and codes, longer ones first where one begins with another.
#[rustfmt::skip]
const CURRENCIES: [(&str, &str); 56] = [
    ("US$", "USD"), ("A$", "AUD"), ("C$", "CAD"), ("R$", "BRL"), ("HK$", "HKD"), ("S$", "SGD"), ("NZ$", "NZD"), ("$", "USD"),
    ("€", "EUR"), ("£", "GBP"), ("¥", "JPY"), ("₹", "INR"), ("₽", "RUB"), ("₩", "KRW"), ("₺", "TRY"), ("₪", "ILS"), ("฿", "THB"),
    ("₫", "VND"), ("₴", "UAH"), ("₦", "NGN"), ("zł", "PLN"), ("Kč", "CZK"), ("Ft", "HUF"), ("kr", "kr"), ("USD", "USD"),
    ("EUR", "EUR"), ("GBP", "GBP"), ("JPY", "JPY"), ("CHF", "CHF"), ("CAD", "CAD"), ("AUD", "AUD"), ("NZD", "NZD"), ("CNY", "CNY"),
    ("INR", "INR"), ("BRL", "BRL"), ("MXN", "MXN"), ("SEK", "SEK"), ("NOK", "NOK"), ("DKK", "DKK"), ("PLN", "PLN"), ("CZK", "CZK"),
    ("HUF", "HUF"), ("RON", "RON"), ("TRY", "TRY"), ("RUB", "RUB"), ("ZAR", "ZAR"), ("KRW", "KRW"), ("SGD", "SGD"), ("HKD", "HKD"),
    ("THB", "THB"), ("IDR", "IDR"), ("ILS", "ILS"), ("AED", "AED"), ("SAR", "SAR"), ("Rs.", "INR"), ("Rs", "INR"),
];

/// The currency code that `name` stands for.
pub(crate) fn currency(name: &str) -> Option<&'static str> {
    CURRENCIES
        .iter()
        .find(|(sign, _)| *sign == name)
        .map(|(_, code)| *code)
}

/// Takes off what is around the digits; `None` if something stands twice or no digit can follow.
fn undress(cell: &str) -> Option<Bare<'_>> {
    let mut core = cell.trim();
    if core.len() > 64 || !core.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (mut signs, mut negative, mut unit) = (0, false, None);
    if let Some(inner) = core
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'))
    {
        (core, signs, negative) = (inner.trim(), 1, true);
    }
    loop {
        let before = core;
        for (sign, minus) in [("-", true), ("\u{2212}", true), ("+", false)] {
            if let Some(rest) = core.strip_prefix(sign) {
                (core, signs, negative) = (rest.trim_start(), signs + 1, negative || minus);
            }
        }
        if let Some(rest) = core.strip_suffix('-') {
            (core, signs, negative) = (rest.trim_end(), signs + 1, true);
        }
        if unit.is_none() {
            if let Some(rest) = core.strip_suffix('%') {
                (core, unit) = (rest.trim_end(), Some("%"));
            } else if !core.starts_with(|c: char| c.is_ascii_digit())
                || !core.ends_with(|c: char| c.is_ascii_digit())
            {
                for (sign, code) in CURRENCIES {
                    if let Some(rest) = core.strip_prefix(sign) {
                        (core, unit) = (rest.trim_start(), Some(code));
                        break;
                    }
                    if let Some(rest) = core.strip_suffix(sign) {
                        (core, unit) = (rest.trim_end(), Some(code));
                        break;
                    }
                }
            }
        }
        if core == before {
            break;
        }
    }
    (signs <= 1).then_some(Bare {
        core,
        negative,
        unit,
    })
}

/// Reads the bare digits under one decimal mark.
fn read(bare: &Bare<'_>, mark: Mark) -> Option<Number> {
    let (mantissa, exponent) = match bare.core.find(['e', 'E']) {
        Some(at) => (bare.core.get(..at)?, Some(bare.core.get(at + 1..)?)),
        None => (bare.core, None),
    };
    let (whole, fraction) = match mantissa.split_once(mark.as_char()) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let decimals = fraction.unwrap_or_default();
    if !is_digits(decimals) || (whole.is_empty() && decimals.is_empty()) {
        return None;
    }
    let group = if is_digits(whole) {
        None
    } else {
        Some(grouping(whole, mark)?)
    };
    let mut normal = String::with_capacity(bare.core.len() + 2);
    if bare.negative {
        normal.push('-');
    }
    normal.extend(whole.chars().filter(char::is_ascii_digit));
    if whole.is_empty() {
        normal.push('0');
    }
    if !decimals.is_empty() {
        normal.push('.');
        normal.push_str(decimals);
    }
    if let Some(exponent) = exponent {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if group.is_some() || digits.is_empty() || digits.len() > 3 || !is_digits(digits) {
            return None;
        }
        normal.push('e');
        normal.push_str(exponent);
    }
    if !normal.parse::<f64>().is_ok_and(f64::is_finite) {
        return None;
    }
    let zero_padded = fraction.is_none()
        && exponent.is_none()
        && bare.unit.is_none()
        && group.is_none()
        && whole.len() > 1
        && whole.starts_with('0');
    let decimals = u32::try_from(decimals.len()).ok()?;
    Some(Number {
        normal,
        decimals,
        group,
        unit: bare.unit,
        scientific: exponent.is_some(),
        zero_padded,
    })
}

/// The character that groups `whole` by thousands (or by lakhs, `12,34,567`), if it is grouped properly throughout.
fn grouping(whole: &str, mark: Mark) -> Option<char> {
    let group = whole.chars().find(|c| !c.is_ascii_digit())?;
    let other = match mark {
        Mark::Point => ',',
        Mark::Comma => '.',
    };
    if ![
        other, ' ', '\u{a0}', '\u{202f}', '\u{2009}', '\'', '\u{2019}',
    ]
    .contains(&group)
    {
        return None;
    }
    let mut parts = whole.split(group);
    let first = parts.next()?;
    let rest: Vec<&str> = parts.collect();
    let last = rest.last()?;
    let all_digits = std::iter::once(&first)
        .chain(&rest)
        .all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    let thousands = (1..=3).contains(&first.len()) && rest.iter().all(|part| part.len() == 3);
    let lakhs = group == ','
        && (1..=2).contains(&first.len())
        && last.len() == 3
        && rest.iter().rev().skip(1).all(|part| part.len() == 2);
    (all_digits && !first.starts_with('0') && (thousands || lakhs)).then_some(group)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_cell_reads_as_people_write_numbers() {
        // cell, value under a decimal point, value under a decimal comma
        for (cell, point, comma) in [
            ("12", Some(12.0), Some(12.0)),
            ("1234.56", Some(1234.56), None),
            ("1234,56", None, Some(1234.56)),
            ("1,234.56", Some(1234.56), None),
            ("1.234,56", None, Some(1234.56)),
            ("1 234,56", None, Some(1234.56)),
            ("1\u{a0}234,56", None, Some(1234.56)),
            ("1\u{202f}234.5", Some(1234.5), None),
            ("1'234.50", Some(1234.5), None),
            ("1,234", Some(1234.0), Some(1.234)),
            ("1.234", Some(1.234), Some(1234.0)),
            ("0.123", Some(0.123), None),
            ("1,234,567", Some(1_234_567.0), None),
            ("12,34,567", Some(1_234_567.0), None),
            ("1,23,4567", None, None),
            ("1,2345", None, Some(1.2345)),
            ("$1,234.50", Some(1234.5), None),
            ("-$5", Some(-5.0), Some(-5.0)),
            ("$-5", Some(-5.0), Some(-5.0)),
            ("($5.25)", Some(-5.25), None),
            ("$(5.25)", None, None),
            ("12 EUR", Some(12.0), Some(12.0)),
            ("€ 1.234,00", None, Some(1234.0)),
            ("12.5%", Some(12.5), None),
            ("12,5 %", None, Some(12.5)),
            ("(123)", Some(-123.0), Some(-123.0)),
            ("123-", Some(-123.0), Some(-123.0)),
            ("\u{2212}7", Some(-7.0), Some(-7.0)),
            ("+7", Some(7.0), Some(7.0)),
            ("--7", None, None),
            ("1e3", Some(1000.0), Some(1000.0)),
            ("1.5E-2", Some(0.015), None),
            ("1e999", None, None),
            (".5", Some(0.5), None),
            ("5.", Some(5.0), None),
            ("-0", Some(0.0), Some(0.0)),
            ("", None, None),
            ("-", None, None),
            ("abc", None, None),
            ("12a", None, None),
            ("1O0", None, None),
            ("1.2.3", None, None),
            ("2025-07-03", None, None),
            ("03.07.2025", None, None),
            ("12:30", None, None),
        ] {
            let reading = NumberReading::of(cell);
            assert_eq!(
                reading.point.map(|n| n.real()),
                point,
                "{cell:?} with a point"
            );
            assert_eq!(
                reading.comma.map(|n| n.real()),
                comma,
                "{cell:?} with a comma"
            );
        }
    }

    #[test]
    fn units_and_codes_are_recognised() {
        for (cell, unit, zero_padded) in [
            ("$5", Some("USD"), false),
            ("5 CHF", Some("CHF"), false),
            ("5%", Some("%"), false),
            ("05", None, true),
            ("0", None, false),
        ] {
            let number = NumberReading::of(cell).point.unwrap();
            assert_eq!(
                (number.unit, number.zero_padded),
                (unit, zero_padded),
                "{cell:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_cell_makes_it_panic(cell in "\\PC{0,40}|[-+0-9.,eE$%() ]{0,12}") {
            let _ = NumberReading::of(&cell);
        }

        #[test]
        fn whole_numbers_keep_every_digit(number in any::<i64>()) {
            prop_assert_eq!(NumberReading::of(&number.to_string()).point.unwrap().integer(), Some(number));
        }
    }
}
