//! Numbers as people and programs write them: `1,234.56`, `1.234,56`, `1 234,56`, `€ 12`, `(3.50)`, `12 %`, `1e-3`.
//!
//! One cell alone may be ambiguous (`1,234` is a thousand or a little more than one), so a cell is read under both decimal marks and the
//! column decides.

use super::units;

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
    /// The first of several whole digits is 0: more likely a code (`00123`, `008.45`) than a quantity.
    pub(crate) zero_padded: bool,
    /// With an exponent and neither sign nor decimals: `1E3` is a part's number as well.
    pub(crate) bare_exponent: bool,
    /// With a plus sign before it and nothing but digits behind: perhaps a telephone.
    pub(crate) plus: bool,
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
        let digits = mantissa.bytes().filter(u8::is_ascii_digit);
        digits.skip_while(|digit| *digit == b'0').count()
    }
}

/// A number as programs write it: digits, a sign and a point at most. Most cells of most files are such, and reading them for what people put
/// around a number is what reading a large file takes longest for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plain {
    /// Digits before the point.
    pub(crate) whole: usize,
    /// Digits behind it; none without a point.
    pub(crate) decimals: usize,
}

impl Plain {
    /// Digits that every double and every whole number keeps.
    const DIGITS: usize = 15;

    pub(crate) fn of(cell: &str) -> Option<Self> {
        let digits = cell.strip_prefix('-').unwrap_or(cell).as_bytes();
        if digits.len() > Self::DIGITS + 1 {
            return None;
        }
        let count = |bytes: &[u8]| {
            bytes
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count()
        };
        let whole = count(digits);
        let decimals = match digits.get(whole) {
            None => 0,
            Some(b'.') => count(digits.get(whole + 1..)?),
            Some(_) => return None,
        };
        let point = usize::from(whole < digits.len());
        let fits = whole > 0 && whole + point + decimals == digits.len();
        (fits && (point == 0 || decimals > 0)).then_some(Self { whole, decimals })
    }

    /// Whether it is this number under a decimal mark: a point marks decimals of no other.
    pub(crate) fn reads_under(self, mark: Mark) -> bool {
        self.decimals == 0 || mark == Mark::Point
    }

    /// Digits that carry information, of the cell it was read from.
    pub(crate) fn significant_digits(cell: &str) -> usize {
        let zeros = cell
            .bytes()
            .take_while(|byte| !(b'1'..=b'9').contains(byte));
        let zeros = zeros.filter(u8::is_ascii_digit).count();
        cell.bytes().filter(u8::is_ascii_digit).count() - zeros
    }

    /// Whether the point could as well set thousands apart.
    pub(crate) fn may_group(self) -> bool {
        self.decimals == 3 && self.whole <= 3
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

/// A number without what stands around it.
struct Bare<'c> {
    core: &'c str,
    negative: bool,
    unit: Option<&'static str>,
    /// Zeros that a word behind it stands for.
    scale: u8,
    /// A plus sign stands before it.
    plus: bool,
}

/// Signs behind a number that point at a remark below the table.
const POINTERS: [char; 3] = ['*', '†', '‡'];
const RAISED: [char; 10] = ['¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹', '⁰'];

/// `2,108*`, `17¹`, `40 [a]`: a number without what points from it at a remark and says nothing of its size.
pub(super) fn without_pointer(cell: &str) -> &str {
    let ends_in_a_digit = |text: &str| text.ends_with(|c: char| c.is_ascii_digit());
    if ends_in_a_digit(cell) || !cell.starts_with(|c: char| !c.is_alphabetic()) {
        return cell;
    }
    let bare = cell.trim_end_matches(POINTERS);
    if bare.len() < cell.len() {
        return bare.trim_end();
    }
    // The raised figure of an area stands behind its unit.
    let bare = cell.trim_end_matches(RAISED);
    if bare.len() < cell.len() && ends_in_a_digit(bare) {
        return bare;
    }
    let bracketed = cell
        .strip_suffix(']')
        .and_then(|rest| rest.rsplit_once('['))
        .filter(|(_, mark)| {
            mark.len() == 1 && mark.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
    bracketed.map_or(cell, |(bare, _)| bare.trim_end())
}

/// Takes off what is around the digits: brackets, a sign, a currency, a unit. `None` if something stands twice or is none of these.
fn undress(cell: &str) -> Option<Bare<'_>> {
    let cell = cell.trim();
    // What begins with a letter is a number only behind a currency.
    let lettered = cell.as_bytes().first().is_some_and(u8::is_ascii_alphabetic);
    if lettered && units::leading(cell).is_none() {
        return None;
    }
    let cell = without_pointer(cell);
    if cell.len() > 64 {
        return None;
    }
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    if is_digit(cell.as_bytes().first()) && is_digit(cell.as_bytes().last()) {
        // `12 m2`: the digit belongs to the unit.
        let area = cell.ends_with("m2") || cell.ends_with("m3");
        if !area {
            return Some(bare(cell));
        }
    }
    let (inner, bracketed) = match cell
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'))
    {
        Some(inner) => (inner.trim(), true),
        None => (cell, false),
    };
    let first = inner.find(|c: char| c.is_ascii_digit())?;
    // `.5` begins with its mark.
    let start = match inner.get(..first)?.strip_suffix(['.', ',']) {
        Some(before) if !before.ends_with(char::is_alphanumeric) => before.len(),
        _ => first,
    };
    let (before, rest) = inner.split_at(start);
    let counted = match rest.strip_suffix("m2").or(rest.strip_suffix("m3")) {
        Some(counted) => counted.trim_end_matches(|c: char| c.is_alphabetic()),
        None => rest,
    };
    let last = counted.rfind(|c: char| c.is_ascii_digit())? + 1;
    let (core, after) = rest.split_at(last);
    let mut out = bare(core);
    let mut signs = usize::from(bracketed);
    out.negative = bracketed;
    let mut before = before.trim();
    let mut money = false;
    while !before.is_empty() {
        let sign = [
            ("-", true),
            ("\u{2212}", true),
            ("\u{2013}", true),
            ("+", false),
        ]
        .into_iter()
        .find_map(|(sign, minus)| Some((before.strip_prefix(sign)?, minus)));
        before = if let Some((rest, minus)) = sign {
            signs += 1;
            out.negative |= minus;
            out.plus |= !minus;
            rest
        } else {
            let (unit, rest) = units::leading(before).filter(|_| out.unit.is_none())?;
            out.unit = Some(unit);
            money = true;
            rest
        }
        .trim_start();
    }
    // A whole price: `12,-` and `12.–`.
    let whole = [",-", ".-", ",\u{2013}", ".\u{2013}", ",--"];
    let after = whole
        .iter()
        .find_map(|whole| after.strip_prefix(whole))
        .unwrap_or(after);
    let apart = after.starts_with(char::is_whitespace);
    let mut after = after.trim();
    if let Some(rest) = after.strip_suffix('-') {
        (after, signs, out.negative) = (rest.trim_end(), signs + 1, true);
    } else if let Some(rest) = after.strip_prefix('-').filter(|rest| !rest.is_empty()) {
        // `12- €`
        (after, signs, out.negative) = (rest.trim_start(), signs + 1, true);
    } else if let Some(rest) = after.strip_suffix('+').filter(|_| has_cents(core)) {
        // `71.82+` beside `154.61-`; `50+` and `1,000+` are no single numbers.
        (after, signs) = (rest.trim_end(), signs + 1);
    }
    // `5.` ends with its mark.
    if after == "." {
        out.core = rest.get(..=last)?;
        after = "";
    }
    let behind = units::behind(after, apart, money)?;
    if behind.unit.is_some() {
        out.unit = behind.unit;
    }
    out.scale = behind.scale;
    (signs <= 1).then_some(out)
}

/// Whether two digits stand behind a mark, as those of an amount do.
fn has_cents(core: &str) -> bool {
    matches!(core.as_bytes(), [.., b'.' | b',', tens, ones] if tens.is_ascii_digit() && ones.is_ascii_digit())
}

fn bare(core: &str) -> Bare<'_> {
    Bare {
        core,
        negative: false,
        unit: None,
        scale: 0,
        plus: false,
    }
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
    if bare.scale > 0 && exponent.is_some() {
        return None;
    }
    let zero_padded = exponent.is_none()
        && bare.unit.is_none()
        && group.is_none()
        && whole.len() > 1
        && whole.starts_with('0');
    let bare_exponent = fraction.is_none()
        && !bare.negative
        && bare.unit.is_none()
        && exponent.is_some_and(|exponent| exponent.starts_with(|c: char| c.is_ascii_digit()));
    let decimals = u32::try_from(decimals.len()).ok()?;
    let scale = u32::from(bare.scale);
    if scale > 0 {
        shift(&mut normal, scale);
    }
    Some(Number {
        normal,
        decimals: decimals.saturating_sub(scale),
        group,
        unit: bare.unit,
        scientific: exponent.is_some(),
        zero_padded,
        bare_exponent,
        plus: bare.plus,
    })
}

/// Moves the point to the right: `1.25` by three is `1250`, exactly.
fn shift(normal: &mut String, places: u32) {
    let (whole, fraction) = match normal.split_once('.') {
        Some((whole, fraction)) => (whole.to_owned(), fraction.to_owned()),
        None => (std::mem::take(normal), String::new()),
    };
    let places = places as usize;
    let padded = format!("{fraction:0<places$}");
    let (moved, rest) = padded.split_at(places);
    *normal = format!("{whole}{moved}");
    if !rest.is_empty() {
        normal.push('.');
        normal.push_str(rest);
    }
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
            ("€ 1.234,50", None, Some(1234.5)),
            ("12 kg", Some(12.0), Some(12.0)),
            ("12kg", Some(12.0), Some(12.0)),
            ("12 m2", Some(12.0), Some(12.0)),
            ("3,5 %", None, Some(3.5)),
            ("1\u{2009}234,5 km", None, Some(1234.5)),
            ("1,234.50-", Some(-1234.5), None),
            ("$1.2M", Some(1_200_000.0), None),
            ("350K", Some(350_000.0), Some(350_000.0)),
            ("1,25 Mio. €", None, Some(1_250_000.0)),
            ("$3bn", Some(3e9), Some(3e9)),
            ("12,-", Some(12.0), Some(12.0)),
            ("5 \u{20ac}/h", None, None),
            ("room 5", None, None),
            ("12b", None, None),
            ("A5", None, None),
            ("v1.2", None, None),
            ("\u{2013}5", Some(-5.0), Some(-5.0)),
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
            ("5 kg", Some("kg"), false),
            ("21 °C", Some("°C"), false),
            ("3 days", Some("d"), false),
            ("05", None, true),
            ("008.45", None, true),
            ("0.45", None, false),
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

    #[test]
    fn an_exponent_without_sign_or_point_may_be_a_code() {
        for (cell, code) in [
            ("1E3", true),
            ("7e0", true),
            ("1.5E3", false),
            ("1e-3", false),
            ("1E+3", false),
            ("1000", false),
        ] {
            let number = NumberReading::of(cell).point.unwrap();
            assert_eq!(number.bare_exponent, code, "{cell}");
        }
    }

    proptest! {
        #[test]
        fn a_plain_number_is_read_as_any_other(text in "-?[0-9]{1,9}(\\.[0-9]{1,7})?|-?[0-9]{0,3}\\.?[0-9]{0,4}-?") {
            let Some(plain) = Plain::of(&text) else { return Ok(()) };
            let NumberReading { point, comma } = NumberReading::of(&text);
            let point = point.unwrap();
            prop_assert_eq!(point.real(), text.parse::<f64>().unwrap() + 0.0);
            prop_assert_eq!(point.decimals as usize, plain.decimals);
            prop_assert!(point.unit.is_none() && point.group.is_none());
            if plain.decimals == 0 {
                prop_assert_eq!(point.integer(), text.parse().ok());
                prop_assert_eq!(comma.map(|comma| comma.real()), Some(point.real()));
            } else if !plain.may_group() {
                prop_assert_eq!(comma, None);
            }
        }

        #[test]
        fn no_cell_makes_it_panic(cell in "\\PC{0,40}|[-+0-9.,eE$%()kKMm€ ]{0,12}") {
            let _ = NumberReading::of(&cell);
        }

        #[test]
        fn whole_numbers_keep_every_digit(number in any::<i64>()) {
            prop_assert_eq!(NumberReading::of(&number.to_string()).point.unwrap().integer(), Some(number));
        }
    }
}
