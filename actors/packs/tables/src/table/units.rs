//! What people write beside a number: currencies, units of measure, and words for thousands and millions.

use std::sync::LazyLock;

/// Currency signs and codes, longer ones first where one begins with another.
#[rustfmt::skip]
const CURRENCIES: [(&str, &str); 76] = [
    ("US$", "USD"), ("A$", "AUD"), ("AU$", "AUD"), ("C$", "CAD"), ("CA$", "CAD"), ("R$", "BRL"), ("HK$", "HKD"), ("S$", "SGD"),
    ("NZ$", "NZD"), ("MX$", "MXN"), ("$", "USD"),
    ("€", "EUR"), ("£", "GBP"), ("¥", "JPY"), ("₹", "INR"), ("₽", "RUB"), ("₩", "KRW"), ("₺", "TRY"), ("₪", "ILS"), ("฿", "THB"),
    ("₫", "VND"), ("₴", "UAH"), ("₦", "NGN"), ("zł", "PLN"), ("Kč", "CZK"), ("Ft", "HUF"), ("kr.", "kr"), ("kr", "kr"), ("USD", "USD"),
    ("EUR", "EUR"), ("GBP", "GBP"), ("JPY", "JPY"), ("CHF", "CHF"), ("CAD", "CAD"), ("AUD", "AUD"), ("NZD", "NZD"), ("CNY", "CNY"),
    ("RMB", "CNY"), ("INR", "INR"), ("BRL", "BRL"), ("MXN", "MXN"), ("SEK", "SEK"), ("NOK", "NOK"), ("DKK", "DKK"), ("PLN", "PLN"),
    ("CZK", "CZK"), ("HUF", "HUF"), ("RON", "RON"), ("BGN", "BGN"), ("TRY", "TRY"), ("RUB", "RUB"), ("UAH", "UAH"), ("ZAR", "ZAR"),
    ("KRW", "KRW"), ("SGD", "SGD"), ("HKD", "HKD"), ("TWD", "TWD"), ("THB", "THB"), ("IDR", "IDR"), ("MYR", "MYR"), ("PHP", "PHP"),
    ("VND", "VND"), ("ILS", "ILS"), ("AED", "AED"), ("SAR", "SAR"), ("EGP", "EGP"), ("NGN", "NGN"), ("KES", "KES"), ("ARS", "ARS"),
    ("CLP", "CLP"), ("COP", "COP"), ("PEN", "PEN"), ("Rs.", "INR"), ("Rs", "INR"), ("руб.", "RUB"), ("руб", "RUB"),
];

/// Words for a currency, as a name or a heading has them.
const CURRENCY_WORDS: [(&str, &str); 10] = [
    ("euro", "EUR"),
    ("euros", "EUR"),
    ("dollar", "USD"),
    ("dollars", "USD"),
    ("us dollars", "USD"),
    ("pounds", "GBP"),
    ("pound sterling", "GBP"),
    ("yen", "JPY"),
    ("swiss francs", "CHF"),
    ("franken", "CHF"),
];

/// Units of measure as they are written, and what they are called here.
#[rustfmt::skip]
const UNITS: [(&str, &str); 125] = [
    ("degC", "°C"), ("deg C", "°C"), ("degF", "°F"), ("Celsius", "°C"), ("celsius", "°C"), ("Fahrenheit", "°F"), ("litres", "l"), ("Liter", "l"),
    ("kg", "kg"), ("kgs", "kg"), ("g", "g"), ("mg", "mg"), ("µg", "µg"), ("t", "t"), ("lb", "lb"), ("lbs", "lb"), ("oz", "oz"),
    ("km", "km"), ("m", "m"), ("cm", "cm"), ("mm", "mm"), ("mi", "mi"), ("miles", "mi"), ("ft", "ft"), ("in", "in"), ("yd", "yd"),
    ("ha", "ha"), ("m²", "m²"), ("m2", "m²"), ("qm", "m²"), ("sqm", "m²"), ("sqft", "sqft"), ("sq ft", "sqft"), ("km²", "km²"),
    ("km2", "km²"), ("m³", "m³"), ("m3", "m³"), ("l", "l"), ("L", "l"), ("ml", "ml"), ("mL", "ml"), ("cl", "cl"), ("hl", "hl"), ("gal", "gal"),
    ("°C", "°C"), ("° C", "°C"), ("ºC", "°C"), ("°F", "°F"), ("° F", "°F"), ("°", "°"),
    ("km/h", "km/h"), ("kmh", "km/h"), ("mph", "mph"), ("m/s", "m/s"), ("l/100km", "l/100km"),
    ("W", "W"), ("kW", "kW"), ("MW", "MW"), ("GW", "GW"), ("Wh", "Wh"), ("kWh", "kWh"), ("kwh", "kWh"), ("MWh", "MWh"), ("GWh", "GWh"),
    ("V", "V"), ("A", "A"), ("Hz", "Hz"), ("kHz", "kHz"), ("MHz", "MHz"), ("GHz", "GHz"), ("hPa", "hPa"), ("kPa", "kPa"), ("bar", "bar"),
    ("h", "h"), ("hr", "h"), ("hrs", "h"), ("hour", "h"), ("hours", "h"), ("Std", "h"), ("Std.", "h"), ("Stunden", "h"), ("Stunde", "h"),
    ("min", "min"), ("mins", "min"), ("minute", "min"), ("minutes", "min"), ("Min.", "min"), ("Minuten", "min"),
    ("s", "s"), ("sec", "s"), ("secs", "s"), ("seconds", "s"), ("Sek.", "s"), ("ms", "ms"),
    ("d", "d"), ("day", "d"), ("days", "d"), ("Tag", "d"), ("Tage", "d"), ("jours", "d"), ("días", "d"), ("weeks", "weeks"),
    ("months", "months"), ("year", "years"), ("years", "years"), ("yrs", "years"), ("Jahre", "years"),
    ("pcs", "pcs"), ("pcs.", "pcs"), ("pc", "pcs"), ("pieces", "pcs"), ("units", "pcs"), ("Stk", "pcs"), ("Stk.", "pcs"), ("Stück", "pcs"), ("St.", "pcs"),
    ("kB", "kB"), ("KB", "kB"), ("MB", "MB"), ("GB", "GB"), ("TB", "TB"), ("GiB", "GiB"), ("MiB", "MiB"), ("kcal", "kcal"), ("kJ", "kJ"),
];

/// Words by which a number is multiplied: how many zeros they stand for.
#[rustfmt::skip]
const SCALES: [(&str, u8); 24] = [
    ("k", 3), ("K", 3), ("tsd.", 3), ("tsd", 3), ("thousand", 3), ("M", 6), ("mio.", 6), ("mio", 6), ("mn", 6), ("mln", 6), ("mill.", 6),
    ("million", 6), ("millions", 6), ("millionen", 6), ("B", 9), ("bn", 9), ("mrd.", 9), ("mrd", 9), ("milliarden", 9), ("billion", 9),
    ("lakh", 5), ("lakhs", 5), ("crore", 7), ("crores", 7),
];

/// The currency code that `name` stands for.
pub(crate) fn currency(name: &str) -> Option<&'static str> {
    let sign = CURRENCIES.iter().find(|(sign, _)| *sign == name);
    sign.map(|(_, code)| *code).or_else(|| {
        let lower = name.to_lowercase();
        let word = CURRENCY_WORDS.iter().find(|(word, _)| *word == lower);
        word.map(|(_, code)| *code)
    })
}

/// What a unit that is not a currency is called.
pub(crate) fn measure(written: &str) -> Option<&'static str> {
    match written {
        "%" | "pct" | "percent" | "Prozent" | "per cent" => Some("%"),
        "‰" => Some("‰"),
        _ => UNITS
            .iter()
            .find(|(unit, _)| *unit == written)
            .map(|(_, called)| *called),
    }
}

/// Whether a unit is a currency.
pub(crate) fn is_currency(unit: &str) -> bool {
    CURRENCIES.iter().any(|(_, code)| *code == unit)
}

/// What stands before a number: a currency, and how much of the text it takes.
pub(super) fn leading(text: &str) -> Option<(&'static str, &str)> {
    let first = usize::from(*text.as_bytes().first()?);
    let signs = LEADING.get(first)?;
    signs
        .iter()
        .find_map(|(sign, code)| Some((*code, text.strip_prefix(sign)?)))
}

/// Currencies by the byte that their sign begins with: it is asked of every text that holds a figure.
static LEADING: LazyLock<Vec<Vec<(&str, &str)>>> = LazyLock::new(|| {
    let of = |first: usize| {
        let signs = CURRENCIES.iter();
        let signs = signs
            .filter(|(sign, _)| sign.as_bytes().first().copied().map(usize::from) == Some(first));
        signs.copied().collect()
    };
    (0..256).map(of).collect()
});

/// What stands behind a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Behind {
    pub(super) unit: Option<&'static str>,
    /// Zeros to add.
    pub(super) scale: u8,
}

/// Reads what stands behind a number; `apart` says that a blank is between, `money` that a currency stood before it. None where it is
/// neither unit nor scale.
pub(super) fn behind(text: &str, apart: bool, money: bool) -> Option<Behind> {
    if text.is_empty() {
        return Some(Behind::default());
    }
    // Of one word with the number only signs and what cannot be a code: `12a` is a room.
    let single = text.chars().count() == 1 && text.is_ascii() && text != "%";
    let known = currency(text)
        .or_else(|| measure(text))
        .filter(|_| apart || !single || matches!(text, "$" | "g" | "m" | "l" | "h" | "t" | "W"));
    if !money && let Some(unit) = known {
        return Some(Behind {
            unit: Some(unit),
            scale: 0,
        });
    }
    // `5M`, `$5m`, `5 Mio. €`, `5k EUR`.
    let (word, rest) = match text.find(|c: char| c == ' ' || "€$£¥".contains(c)) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let rest = rest.trim_start();
    let unit = match rest {
        "" => None,
        _ if money => return None,
        rest => Some(currency(rest)?),
    };
    let short = word.chars().count() == 1;
    let scale = SCALES.iter().find(|(written, _)| match short {
        // A metre is no million, except of money; and a letter apart is a code or a unit.
        true if money || unit.is_some() => written.eq_ignore_ascii_case(word),
        true => *written == word && !apart,
        false => *written == word.to_lowercase(),
    });
    let (_, scale) = scale?;
    Some(Behind {
        unit,
        scale: *scale,
    })
}

/// The unit a cell or heading states by itself: `(kg)`, `[EUR]`, `in €`, `%`.
pub(crate) fn stated(text: &str) -> Option<&'static str> {
    let text = text.trim();
    let text = text
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'))
        .or_else(|| {
            text.strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'))
        })
        .unwrap_or(text)
        .trim();
    let text = text.strip_prefix("in ").unwrap_or(text).trim();
    currency(text).or_else(|| measure(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_behind_a_number_is_a_unit_a_scale_or_nothing_known() {
        for (text, apart, money, expected) in [
            ("", false, false, Some((None, 0))),
            ("kg", false, false, Some((Some("kg"), 0))),
            ("kg", true, false, Some((Some("kg"), 0))),
            ("€", false, false, Some((Some("EUR"), 0))),
            ("a", false, false, None),
            ("A", false, false, None),
            ("A", true, false, Some((Some("A"), 0))),
            ("K", false, false, Some((None, 3))),
            ("M", false, false, Some((None, 6))),
            ("M", true, false, None),
            ("m", false, true, Some((None, 6))),
            ("Mio. €", true, false, Some((Some("EUR"), 6))),
            ("k€", false, false, Some((Some("EUR"), 3))),
            ("bn USD", true, false, Some((Some("USD"), 9))),
            ("boxes", true, false, None),
        ] {
            let found = behind(text, apart, money).map(|found| (found.unit, found.scale));
            assert_eq!(found, expected, "{text:?} {apart} {money}");
        }
    }

    #[test]
    fn a_unit_is_stated_in_brackets_or_alone() {
        for (text, unit) in [
            ("(kg)", Some("kg")),
            ("[EUR]", Some("EUR")),
            ("in €", Some("EUR")),
            ("%", Some("%")),
            ("name", None),
            ("", None),
        ] {
            assert_eq!(stated(text), unit, "{text}");
        }
    }
}
