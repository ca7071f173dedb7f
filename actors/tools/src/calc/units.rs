//! The units there are: what each measures and how much of it one is, exactly.

use std::collections::BTreeMap;

use super::number::{self, Number};

/// What is measured, as powers of the things that cannot be broken down further: a speed is `length` 1, `time` -1.
pub(super) type Dimension = BTreeMap<&'static str, i32>;

/// A unit as it is written and what it stands for.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    /// As results show it.
    pub(super) symbol: String,
    /// How many of the base units one is.
    pub(super) factor: Number,
    /// What it measures.
    pub(super) dimension: Dimension,
    /// Where its zero lies, in base units: only a temperature has one elsewhere.
    pub(super) zero: Option<Number>,
}

/// One line of the table: symbol, other names, factor, what it measures, whether it takes prefixes such as kilo.
struct Line(
    &'static str,
    &'static [&'static str],
    &'static str,
    &'static [(&'static str, i32)],
    Takes,
);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    /// All of them.
    Prefixes,
    /// Those above one, and those of computers: Ki, Mi.
    Multiples,
}

use Takes::{Multiples, Nothing, Prefixes};

const LENGTH: &[(&str, i32)] = &[("length", 1)];
const AREA: &[(&str, i32)] = &[("length", 2)];
const VOLUME: &[(&str, i32)] = &[("length", 3)];
const MASS: &[(&str, i32)] = &[("mass", 1)];
const TIME: &[(&str, i32)] = &[("time", 1)];
const SPEED: &[(&str, i32)] = &[("length", 1), ("time", -1)];
const TEMPERATURE: &[(&str, i32)] = &[("temperature", 1)];
const DATA: &[(&str, i32)] = &[("data", 1)];
const CURRENT: &[(&str, i32)] = &[("current", 1)];
const CHARGE: &[(&str, i32)] = &[("current", 1), ("time", 1)];
const VOLTAGE: &[(&str, i32)] = &[("mass", 1), ("length", 2), ("time", -3), ("current", -1)];
const RESISTANCE: &[(&str, i32)] = &[("mass", 1), ("length", 2), ("time", -3), ("current", -2)];
const FORCE: &[(&str, i32)] = &[("mass", 1), ("length", 1), ("time", -2)];
const PRESSURE: &[(&str, i32)] = &[("mass", 1), ("length", -1), ("time", -2)];
const ENERGY: &[(&str, i32)] = &[("mass", 1), ("length", 2), ("time", -2)];
const POWER: &[(&str, i32)] = &[("mass", 1), ("length", 2), ("time", -3)];
const FREQUENCY: &[(&str, i32)] = &[("time", -1)];
const ANGLE: &[(&str, i32)] = &[("angle", 1)];
const AMOUNT: &[(&str, i32)] = &[("amount", 1)];

/// What people call a dimension.
const NAMED: &[(&str, &[(&str, i32)])] = &[
    ("an area", AREA),
    ("a volume", VOLUME),
    ("a speed", SPEED),
    ("a charge", CHARGE),
    ("a voltage", VOLTAGE),
    ("a resistance", RESISTANCE),
    ("a force", FORCE),
    ("a pressure", PRESSURE),
    ("an energy", ENERGY),
    ("a power", POWER),
    ("a frequency", FREQUENCY),
    ("data", DATA),
    ("an angle", ANGLE),
    ("an amount", AMOUNT),
];

/// In metres, kilograms, seconds, kelvin, bits, amperes, degrees and moles.
#[rustfmt::skip]
const UNITS: &[Line] = &[
    Line("m", &["metre", "meter", "metres", "meters"], "1", LENGTH, Prefixes),
    Line("in", &["inch", "inches"], "0.0254", LENGTH, Nothing),
    Line("ft", &["foot", "feet"], "0.3048", LENGTH, Nothing),
    Line("yd", &["yard", "yards"], "0.9144", LENGTH, Nothing),
    Line("mi", &["mile", "miles"], "1609.344", LENGTH, Nothing),
    Line("nmi", &["nautical_mile", "nautical_miles"], "1852", LENGTH, Nothing),
    Line("au", &[], "149597870700", LENGTH, Nothing),
    Line("ly", &["lightyear", "lightyears"], "9460730472580800", LENGTH, Nothing),
    Line("ha", &["hectare", "hectares"], "10000", AREA, Nothing),
    Line("acre", &["acres"], "4046.8564224", AREA, Nothing),
    Line("L", &["l", "litre", "liter", "litres", "liters"], "0.001", VOLUME, Prefixes),
    Line("gal", &["gallon", "gallons"], "0.003785411784", VOLUME, Nothing),
    Line("gal_uk", &[], "0.00454609", VOLUME, Nothing),
    Line("qt", &["quart", "quarts"], "0.000946352946", VOLUME, Nothing),
    Line("pt", &["pint", "pints"], "0.000473176473", VOLUME, Nothing),
    Line("cup", &["cups"], "0.0002365882365", VOLUME, Nothing),
    Line("floz", &["fl_oz"], "0.0000295735295625", VOLUME, Nothing),
    Line("g", &["gram", "grams", "gramme", "grammes"], "0.001", MASS, Prefixes),
    Line("t", &["tonne", "tonnes"], "1000", MASS, Multiples),
    Line("lb", &["lbs", "pound", "pounds"], "0.45359237", MASS, Nothing),
    Line("oz", &["ounce", "ounces"], "0.028349523125", MASS, Nothing),
    Line("st", &["stone", "stones"], "6.35029318", MASS, Nothing),
    Line("ct", &["carat", "carats"], "0.0002", MASS, Nothing),
    Line("s", &["sec", "secs", "second", "seconds"], "1", TIME, Prefixes),
    Line("min", &["mins", "minute", "minutes"], "60", TIME, Nothing),
    Line("h", &["hr", "hrs", "hour", "hours"], "3600", TIME, Nothing),
    Line("d", &["day", "days"], "86400", TIME, Nothing),
    Line("wk", &["week", "weeks"], "604800", TIME, Nothing),
    Line("mph", &[], "0.44704", SPEED, Nothing),
    Line("kn", &["knot", "knots"], "1852/3600", SPEED, Nothing),
    Line("K", &["kelvin", "kelvins"], "1", TEMPERATURE, Prefixes),
    Line("bit", &["bits"], "1", DATA, Multiples),
    Line("B", &["byte", "bytes"], "8", DATA, Multiples),
    Line("A", &["amp", "amps", "ampere", "amperes"], "1", CURRENT, Prefixes),
    Line("C", &["coulomb", "coulombs"], "1", CHARGE, Prefixes),
    Line("Ah", &[], "3600", CHARGE, Prefixes),
    Line("V", &["volt", "volts"], "1", VOLTAGE, Prefixes),
    Line("ohm", &["ohms", "\u{3a9}", "\u{2126}"], "1", RESISTANCE, Prefixes),
    Line("N", &["newton", "newtons"], "1", FORCE, Prefixes),
    Line("lbf", &[], "4.4482216152605", FORCE, Nothing),
    Line("Pa", &["pascal", "pascals"], "1", PRESSURE, Prefixes),
    Line("bar", &["bars"], "100000", PRESSURE, Prefixes),
    Line("atm", &[], "101325", PRESSURE, Nothing),
    Line("psi", &[], "4.4482216152605/0.00064516", PRESSURE, Nothing),
    Line("J", &["joule", "joules"], "1", ENERGY, Prefixes),
    Line("Wh", &[], "3600", ENERGY, Prefixes),
    Line("cal", &["calorie", "calories"], "4.184", ENERGY, Prefixes),
    Line("W", &["watt", "watts"], "1", POWER, Prefixes),
    Line("Hz", &["hertz"], "1", FREQUENCY, Prefixes),
    Line("deg", &["degree", "degrees", "\u{b0}"], "1", ANGLE, Nothing),
    Line("turn", &["turns"], "360", ANGLE, Nothing),
    Line("mol", &["mole", "moles"], "1", AMOUNT, Prefixes),
    Line("%", &["percent"], "1/100", &[], Nothing),
];

/// Temperatures whose zero is elsewhere: symbol, other names, factor, the zero in kelvin.
const SCALES: &[(&str, &[&str], &str, &str)] = &[
    ("degC", &["\u{b0}C", "\u{2103}", "celsius"], "1", "273.15"),
    (
        "degF",
        &["\u{b0}F", "\u{2109}", "fahrenheit"],
        "5/9",
        "459.67*5/9",
    ),
];

/// Prefixes as they are written before a symbol and before a name, and the power of ten.
#[rustfmt::skip]
const PREFIXES: &[(&str, &str, i32)] = &[
    ("P", "peta", 15), ("T", "tera", 12), ("G", "giga", 9), ("M", "mega", 6), ("k", "kilo", 3), ("h", "hecto", 2),
    ("d", "deci", -1), ("c", "centi", -2), ("m", "milli", -3), ("\u{b5}", "micro", -6), ("\u{3bc}", "micro", -6),
    ("u", "micro", -6), ("n", "nano", -9), ("p", "pico", -12),
];
/// Prefixes of computers, and the power of 1,024.
const BINARY: &[(&str, &str, i32)] = &[
    ("Ki", "kibi", 1),
    ("Mi", "mebi", 2),
    ("Gi", "gibi", 3),
    ("Ti", "tebi", 4),
    ("Pi", "pebi", 5),
];

/// Currencies. Each measures something of its own: what one is in another is for nobody to know here.
#[rustfmt::skip]
const CURRENCIES: &[&str] = &[
    "AED", "ARS", "AUD", "BDT", "BGN", "BRL", "CAD", "CHF", "CLP", "CNY", "COP", "CZK", "DKK", "EGP", "EUR", "GBP", "HKD", "HUF",
    "IDR", "ILS", "INR", "ISK", "JPY", "KES", "KRW", "KWD", "MAD", "MXN", "MYR", "NGN", "NOK", "NZD", "PEN", "PHP", "PKR", "PLN",
    "QAR", "RON", "RSD", "RUB", "SAR", "SEK", "SGD", "THB", "TRY", "TWD", "UAH", "USD", "VND", "ZAR",
];

/// The unit of this name.
pub(super) fn find(name: &str) -> Option<Unit> {
    plain(name)
        .or_else(|| scale(name))
        .or_else(|| prefixed(name, PREFIXES, 10))
        .or_else(|| prefixed(name, BINARY, 1_024))
        .or_else(|| currency(name))
}

fn plain(name: &str) -> Option<Unit> {
    let line = UNITS
        .iter()
        .find(|line| line.0 == name || line.1.contains(&name))?;
    Some(Unit {
        symbol: line.0.to_owned(),
        factor: fraction(line.2)?,
        dimension: line.3.iter().copied().collect(),
        zero: None,
    })
}

fn scale(name: &str) -> Option<Unit> {
    let (symbol, _, factor, zero) = SCALES
        .iter()
        .find(|(symbol, also, ..)| *symbol == name || also.contains(&name))?;
    Some(Unit {
        symbol: (*symbol).to_owned(),
        factor: fraction(factor)?,
        dimension: TEMPERATURE.iter().copied().collect(),
        zero: fraction(zero),
    })
}

fn prefixed(name: &str, prefixes: &[(&str, &str, i32)], base: i64) -> Option<Unit> {
    let with = |prefix: &str, long: bool, power: i32, written: &str| {
        let rest = name.strip_prefix(prefix)?;
        let line = UNITS.iter().find(|line| match long {
            // A word has a word before it, a symbol a symbol.
            true => line.1.contains(&rest) && rest.len() > 2,
            false => line.0 == rest || (rest == "l" && line.0 == "L"),
        })?;
        let fits = match line.4 {
            Nothing => false,
            Prefixes => base == 10,
            Multiples => base != 10 && line.3 == DATA || base == 10 && power >= 3,
        };
        let one = plain(line.0)?;
        fits.then(|| Unit {
            symbol: format!("{written}{}", one.symbol),
            factor: one.factor * number::whole(base).pow(power),
            ..one
        })
    };
    prefixes.iter().find_map(|(short, long, power)| {
        with(short, false, *power, short).or_else(|| with(long, true, *power, short))
    })
}

fn currency(name: &str) -> Option<Unit> {
    let code = match name {
        "\u{20ac}" => "EUR",
        "\u{a3}" => "GBP",
        code => code,
    };
    let code = CURRENCIES.iter().find(|known| **known == code)?;
    Some(Unit {
        symbol: (*code).to_owned(),
        factor: number::whole(1),
        dimension: Dimension::from([(*code, 1)]),
        zero: None,
    })
}

/// A factor of the table: decimals with `*` and `/` between them, from the left.
fn fraction(text: &str) -> Option<Number> {
    let mut product = number::whole(1);
    for part in text.split_inclusive(['*', '/']).scan('*', |sign, part| {
        let now = *sign;
        *sign = part.chars().last().unwrap_or('*');
        Some((now, part.trim_end_matches(['*', '/'])))
    }) {
        let (sign, part) = part;
        let part = number::read(part).ok()?;
        product = if sign == '/' {
            product / part
        } else {
            product * part
        };
    }
    Some(product)
}

/// What people call it.
pub(super) fn called(dimension: &Dimension) -> String {
    if dimension.is_empty() {
        return "a bare number".to_owned();
    }
    let named = NAMED
        .iter()
        .find(|(_, powers)| powers.iter().copied().collect::<Dimension>() == *dimension);
    if let Some((name, _)) = named {
        return (*name).to_owned();
    }
    let parts: Vec<String> = dimension
        .iter()
        .map(|(name, power)| match power {
            1 => (*name).to_owned(),
            power => format!("{name}^{power}"),
        })
        .collect();
    match parts.as_slice() {
        [one] if dimension.values().all(|power| *power == 1) => match one.chars().next() {
            Some('A'..='Z') => format!("an amount of {one}"),
            _ => format!("a {one}"),
        },
        _ => parts.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_of_the_table_is_found_by_each_of_its_names_and_no_name_is_two() {
        let mut seen = std::collections::BTreeSet::new();
        let lines = UNITS.iter().map(|line| (line.0, line.1));
        let scales = SCALES.iter().map(|(symbol, also, ..)| (*symbol, *also));
        for (symbol, also) in lines.chain(scales) {
            for name in also.iter().chain([&symbol]) {
                assert!(seen.insert(*name), "{name} is two units");
                let unit = find(name).unwrap_or_else(|| panic!("{name}"));
                assert_eq!(unit.symbol, symbol, "{name}");
                assert!(unit.factor > number::whole(0), "{name}");
            }
        }
        for (name, symbol) in [
            ("km", "km"),
            ("kilometres", "km"),
            ("mg", "mg"),
            ("\u{3bc}s", "\u{3bc}s"),
            ("ml", "mL"),
            ("kWh", "kWh"),
            ("MiB", "MiB"),
            ("megabytes", "MB"),
            ("\u{20ac}", "EUR"),
            ("\u{b0}C", "degC"),
        ] {
            assert_eq!(
                find(name).map(|unit| unit.symbol).as_deref(),
                Some(symbol),
                "{name}"
            );
        }
        for none in [
            "", "k", "kin", "kmin", "Kim", "mB", "Kig", "EURO", "xyz", "kft",
        ] {
            assert!(find(none).is_none(), "{none}");
        }
    }
}
