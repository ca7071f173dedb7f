//! Units: which quantities can be compared, and by what factor.

use aios_languages::UnitName;

/// A quantity's unit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Unit {
    /// What is measured; only units of one kind can be compared.
    pub kind: Kind,
    /// How much of the kind's base one of it is.
    pub factor: f64,
    /// Its name where people read it.
    pub shown: String,
}

/// What a unit measures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Share,
    Celsius,
    Fahrenheit,
    Degree,
    Kelvin,
    Time,
    Calendar,
    Mass,
    Length,
    Volume,
    Area,
    Power,
    Energy,
    Sound,
    Speed,
    Money(&'static str),
    Cents,
    Points,
    /// Of what is measured in nothing else that is known here: parts in a million, lux.
    Alone(&'static str),
}

/// Symbols as they stand right at a number, case and all.
const SYMBOLS: &[(&str, UnitName)] = &[
    ("%", UnitName::Percent),
    ("°C", UnitName::Celsius),
    ("° C", UnitName::Celsius),
    ("ºC", UnitName::Celsius),
    ("℃", UnitName::Celsius),
    ("°F", UnitName::Fahrenheit),
    ("°", UnitName::Degree),
    ("€", UnitName::Eur),
    ("$", UnitName::Usd),
    ("£", UnitName::Gbp),
    ("¥", UnitName::Jpy),
    ("₹", UnitName::Inr),
    ("m²", UnitName::SquareMetre),
    ("m³", UnitName::CubicMetre),
    ("EUR", UnitName::Eur),
    ("USD", UnitName::Usd),
    ("US$", UnitName::Usd),
    ("GBP", UnitName::Gbp),
    ("CHF", UnitName::Chf),
    ("JPY", UnitName::Jpy),
    ("INR", UnitName::Inr),
    ("Rs", UnitName::Inr),
    ("kWh", UnitName::KilowattHour),
    ("kW", UnitName::Kilowatt),
    ("kg", UnitName::Kilogram),
    ("km", UnitName::Kilometre),
    ("cm", UnitName::Centimetre),
    ("mm", UnitName::Millimetre),
    ("ml", UnitName::Millilitre),
    ("mL", UnitName::Millilitre),
    ("dB", UnitName::Decibel),
    ("min", UnitName::Minute),
    ("sec", UnitName::Second),
    ("lb", UnitName::PoundMass),
    ("lbs", UnitName::PoundMass),
    ("mi", UnitName::Mile),
    ("ft", UnitName::Foot),
    ("hrs", UnitName::Hour),
    ("h", UnitName::Hour),
    ("t", UnitName::Tonne),
    ("g", UnitName::Gram),
    ("m", UnitName::Metre),
    ("s", UnitName::Second),
    ("l", UnitName::Litre),
    ("L", UnitName::Litre),
    ("W", UnitName::Watt),
    ("K", UnitName::Kelvin),
];

/// Units with a factor that a symbol alone names.
const BESIDE: &[(&str, Kind, f64)] = &[
    ("mg", Kind::Mass, 1e-3),
    ("µg", Kind::Mass, 1e-6),
    ("MWh", Kind::Energy, 1e6),
    ("GWh", Kind::Energy, 1e9),
    ("Wh", Kind::Energy, 1.0),
    ("MW", Kind::Power, 1e6),
    ("ms", Kind::Time, 1e-3),
    ("dl", Kind::Volume, 0.1),
    ("cl", Kind::Volume, 0.01),
    ("hl", Kind::Volume, 100.0),
    ("km/h", Kind::Speed, 1.0),
    ("kmh", Kind::Speed, 1.0),
    ("mph", Kind::Speed, 1.609_344),
    ("m/s", Kind::Speed, 3.6),
    ("ha", Kind::Area, 1e4),
    ("qm", Kind::Area, 1.0),
    ("m2", Kind::Area, 1.0),
    ("km2", Kind::Area, 1e6),
    ("km²", Kind::Area, 1e6),
    ("m3", Kind::Volume, 1000.0),
    ("ct", Kind::Cents, 1.0),
    ("pct", Kind::Share, 1.0),
    ("kcal", Kind::Energy, 1.163),
    ("kJ", Kind::Energy, 1.0 / 3.6),
    ("ppm", Kind::Alone("ppm"), 1.0),
    ("ppb", Kind::Alone("ppm"), 1e-3),
    ("hPa", Kind::Alone("Pa"), 100.0),
    ("kPa", Kind::Alone("Pa"), 1e3),
    ("mbar", Kind::Alone("Pa"), 100.0),
    ("bar", Kind::Alone("Pa"), 1e5),
    ("volt", Kind::Alone("V"), 1.0),
    ("volts", Kind::Alone("V"), 1.0),
    ("mmHg", Kind::Alone("Pa"), 133.322),
    ("lux", Kind::Alone("lx"), 1.0),
    ("Hz", Kind::Alone("Hz"), 1.0),
    ("kHz", Kind::Alone("Hz"), 1e3),
    ("MHz", Kind::Alone("Hz"), 1e6),
    ("rpm", Kind::Alone("rpm"), 1.0),
];

/// Other currencies by their codes.
const CODES: &[&str] = &[
    "AUD", "BRL", "CAD", "CNY", "CZK", "DKK", "HUF", "MXN", "NOK", "NZD", "PLN", "RON", "RUB",
    "SEK", "SGD", "THB", "TRY", "UAH", "ZAR", "KRW", "ILS", "AED", "HKD",
];

impl Unit {
    /// The unit that a language names so.
    pub(crate) fn named(name: UnitName) -> Self {
        use UnitName as N;
        let (kind, factor, shown) = match name {
            N::Percent => (Kind::Share, 1.0, "%"),
            N::Celsius => (Kind::Celsius, 1.0, "°C"),
            N::Fahrenheit => (Kind::Fahrenheit, 1.0, "°F"),
            N::Degree => (Kind::Degree, 1.0, "°"),
            N::Kelvin => (Kind::Kelvin, 1.0, "K"),
            N::Second => (Kind::Time, 1.0, "s"),
            N::Minute => (Kind::Time, 60.0, "min"),
            N::Hour => (Kind::Time, 3600.0, "h"),
            N::Day => (Kind::Time, 86_400.0, "days"),
            N::Week => (Kind::Time, 604_800.0, "weeks"),
            N::Month => (Kind::Calendar, 1.0, "months"),
            N::Year => (Kind::Calendar, 12.0, "years"),
            N::Gram => (Kind::Mass, 1.0, "g"),
            N::Kilogram => (Kind::Mass, 1e3, "kg"),
            N::Tonne => (Kind::Mass, 1e6, "t"),
            N::PoundMass => (Kind::Mass, 453.592_37, "lb"),
            N::Metre => (Kind::Length, 1.0, "m"),
            N::Centimetre => (Kind::Length, 0.01, "cm"),
            N::Millimetre => (Kind::Length, 0.001, "mm"),
            N::Kilometre => (Kind::Length, 1000.0, "km"),
            N::Mile => (Kind::Length, 1_609.344, "mi"),
            N::Foot => (Kind::Length, 0.3048, "ft"),
            N::Inch => (Kind::Length, 0.0254, "in"),
            N::Litre => (Kind::Volume, 1.0, "l"),
            N::Millilitre => (Kind::Volume, 0.001, "ml"),
            N::Watt => (Kind::Power, 1.0, "W"),
            N::Kilowatt => (Kind::Power, 1e3, "kW"),
            N::KilowattHour => (Kind::Energy, 1e3, "kWh"),
            N::WattHour => (Kind::Energy, 1.0, "Wh"),
            N::MegawattHour => (Kind::Energy, 1e6, "MWh"),
            N::GigawattHour => (Kind::Energy, 1e9, "GWh"),
            N::Megawatt => (Kind::Power, 1e6, "MW"),
            N::Centilitre => (Kind::Volume, 0.01, "cl"),
            N::Decilitre => (Kind::Volume, 0.1, "dl"),
            N::Hectolitre => (Kind::Volume, 100.0, "hl"),
            N::Milligram => (Kind::Mass, 1e-3, "mg"),
            N::Hectare => (Kind::Area, 1e4, "ha"),
            N::Ounce => (Kind::Mass, 28.349_523, "oz"),
            N::Eur => (Kind::Money("EUR"), 1.0, "EUR"),
            N::Usd => (Kind::Money("USD"), 1.0, "USD"),
            N::Gbp => (Kind::Money("GBP"), 1.0, "GBP"),
            N::Chf => (Kind::Money("CHF"), 1.0, "CHF"),
            N::Jpy => (Kind::Money("JPY"), 1.0, "JPY"),
            N::Inr => (Kind::Money("INR"), 1.0, "INR"),
            N::Cent => (Kind::Cents, 1.0, "cents"),
            N::Decibel => (Kind::Sound, 1.0, "dB"),
            N::SquareMetre => (Kind::Area, 1.0, "m²"),
            N::CubicMetre => (Kind::Volume, 1000.0, "m³"),
            N::Point => (Kind::Points, 1.0, "points"),
        };
        Self {
            kind,
            factor,
            shown: shown.to_owned(),
        }
    }

    /// The unit whose symbol a text begins with, and the symbol's length. What goes on with a letter is another word.
    pub(crate) fn symbol(text: &str) -> Option<(Self, usize)> {
        let ends = |len: usize| {
            !text[len..].starts_with(|c: char| c.is_alphanumeric() || matches!(c, '²' | '³' | '/'))
        };
        let beside = BESIDE
            .iter()
            .filter(|(symbol, ..)| text.starts_with(symbol));
        let beside = beside
            .map(|(symbol, kind, factor)| (Self::of(kind.clone(), *factor, symbol), symbol.len()));
        let named = SYMBOLS
            .iter()
            .filter(|(symbol, _)| text.starts_with(symbol));
        let named = named.map(|(symbol, name)| (Self::named(*name), symbol.len()));
        let codes = CODES.iter().filter(|code| text.starts_with(**code));
        let codes = codes.map(|code| (Self::of(Kind::Money(code), 1.0, code), code.len()));
        beside
            .chain(named)
            .chain(codes)
            .filter(|(_, len)| ends(*len) || text[..*len].ends_with(|c: char| !c.is_alphanumeric()))
            .max_by_key(|(_, len)| *len)
    }

    /// Whether so much of it an hour is a rate that can be told for another length of time.
    pub(crate) fn flows(&self) -> bool {
        matches!(
            self.kind,
            Kind::Volume | Kind::Mass | Kind::Length | Kind::Energy | Kind::Area
        )
    }

    /// The same of a unit over a length of time, which its seconds tell: "m³/h", "l/min".
    pub(crate) fn rate(text: &str) -> Option<(Self, f64, usize)> {
        let (head, tail) = text.split_once('/')?;
        if head.is_empty() || head.len() > 4 {
            return None;
        }
        let (unit, len) = Self::symbol(head)?;
        let ends = |len: usize| !tail[len..].starts_with(char::is_alphanumeric);
        let seconds = [
            ("min", 60.0),
            ("h", 3600.0),
            ("Std", 3600.0),
            ("d", 86_400.0),
            ("s", 1.0),
        ];
        let (name, seconds) = seconds
            .into_iter()
            .find(|(name, _)| tail.starts_with(name) && ends(name.len()))?;
        let whole = len == head.len() && unit.flows();
        whole.then_some((unit, seconds, len + 1 + name.len()))
    }

    fn of(kind: Kind, factor: f64, shown: &str) -> Self {
        Self {
            kind,
            factor,
            shown: shown.to_owned(),
        }
    }

    /// A currency whose sign or code ends a text, and where that begins.
    pub(crate) fn before(text: &str) -> Option<(Self, usize)> {
        let bare = text.trim_end_matches([' ', '\u{a0}', '\u{202f}']);
        if text.len() - bare.len() > 3 {
            return None;
        }
        let start = bare.len().saturating_sub(4);
        (start..bare.len())
            .filter(|at| bare.is_char_boundary(*at))
            .filter(|at| !bare[..*at].ends_with(char::is_alphabetic))
            .find_map(|at| {
                let (unit, len) = Self::symbol(&bare[at..])?;
                (at + len == bare.len() && unit.is_money()).then_some((unit, at))
            })
    }

    /// The unit that a column gives, as its name or its cells write it: `EUR`, `temp_c`, `pct`.
    pub(crate) fn of_column(name: &str, given: Option<&str>) -> Option<Self> {
        let read = |text: &str| {
            let (unit, len) = Self::symbol(text)?;
            (len == text.len()).then_some(unit)
        };
        if let Some((amount, _)) = Self::of_price(name) {
            return Some(amount);
        }
        if let Some(unit) = given.and_then(|given| read(given.trim())) {
            return Some(unit);
        }
        if let Some(inner) = name.split(['(', '[']).nth(1) {
            let inner = inner.trim_end_matches([')', ']']).trim();
            if let Some(unit) = read(inner) {
                return Some(unit);
            }
        }
        if name.contains('%') {
            return Some(Self::named(UnitName::Percent));
        }
        let ends = |c: char| c == '_' || c.is_whitespace();
        let last = name.rsplit(ends).next()?;
        if last.len() == name.len() && name.len() < 3 {
            return None;
        }
        // "hours_to_close" counts hours too.
        let first = name.split(ends).next().filter(|first| first.len() > 3);
        Self::of_word(last).or_else(|| first.and_then(Self::of_word))
    }

    /// The currency and the measure of a column that gives what so much of something costs: "Price EUR/kg".
    pub(crate) fn of_price(name: &str) -> Option<(Self, Self)> {
        let words = name.split([' ', '_', '(', ')', '[', ']']);
        let mut rates = words.filter_map(|word| word.split_once('/'));
        rates.find_map(|(amount, measure)| {
            let whole = |text: &str| {
                let (unit, len) = Self::symbol(text)?;
                (len == text.len()).then_some(unit)
            };
            let amount = whole(amount).filter(Self::is_money)?;
            Some((amount, whole(measure).filter(Self::is_of_a_measure)?))
        })
    }

    /// The unit that a part of a column's name is.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        let lower = word.to_lowercase();
        let known = match lower.as_str() {
            "c" | "celsius" | "degc" => UnitName::Celsius,
            "f" | "fahrenheit" | "degf" => UnitName::Fahrenheit,
            "pct" | "percent" | "prozent" | "perc" | "proz" => UnitName::Percent,
            "eur" | "euro" | "euros" => UnitName::Eur,
            "usd" | "dollars" => UnitName::Usd,
            "gbp" => UnitName::Gbp,
            "chf" => UnitName::Chf,
            "inr" => UnitName::Inr,
            "jpy" => UnitName::Jpy,
            "kwh" => UnitName::KilowattHour,
            "kw" => UnitName::Kilowatt,
            "h" | "hours" | "hrs" | "stunden" | "std" | "heures" | "horas" => UnitName::Hour,
            "min" | "mins" | "minutes" | "minuten" | "minutos" => UnitName::Minute,
            "s" | "sec" | "secs" | "seconds" | "sek" | "sekunden" | "segundos" => UnitName::Second,
            "days" | "tage" | "jours" | "dias" => UnitName::Day,
            "kg" => UnitName::Kilogram,
            "g" => UnitName::Gram,
            "t" | "tonnes" | "tonnen" => UnitName::Tonne,
            "km" => UnitName::Kilometre,
            "m" => UnitName::Metre,
            "cm" => UnitName::Centimetre,
            "mm" => UnitName::Millimetre,
            "l" | "litres" | "liter" | "liters" | "litros" => UnitName::Litre,
            "ml" => UnitName::Millilitre,
            "db" => UnitName::Decibel,
            _ => {
                return BESIDE
                    .iter()
                    .find(|(symbol, ..)| symbol.to_lowercase() == lower)
                    .map(|(symbol, kind, factor)| Self::of(kind.clone(), *factor, symbol));
            }
        };
        Some(Self::named(known))
    }

    /// Whether it is a currency.
    pub(crate) fn is_money(&self) -> bool {
        matches!(self.kind, Kind::Money(_) | Kind::Cents)
    }

    /// Whether it is of something that is measured, and neither money nor time nor a part.
    pub(crate) fn is_of_a_measure(&self) -> bool {
        matches!(
            self.kind,
            Kind::Mass | Kind::Volume | Kind::Area | Kind::Power | Kind::Energy | Kind::Length
        )
    }

    /// Whether it is of a temperature.
    pub(crate) fn is_temperature(&self) -> bool {
        matches!(
            self.kind,
            Kind::Celsius | Kind::Fahrenheit | Kind::Degree | Kind::Kelvin
        )
    }

    /// Whether it is a part of a whole.
    pub(crate) fn is_share(&self) -> bool {
        self.kind == Kind::Share
    }

    /// The same where a month will do for some thirty days: "about two months" of 60 days.
    pub(crate) fn convert_roughly(&self, value: f64, into: &Self) -> Option<f64> {
        const MONTH: f64 = 30.44 * 86_400.0;
        match (&self.kind, &into.kind) {
            (Kind::Calendar, Kind::Time) => Some(value * self.factor * MONTH / into.factor),
            (Kind::Time, Kind::Calendar) => Some(value * self.factor / MONTH / into.factor),
            _ => self.convert(value, into),
        }
    }

    /// What a value of this unit is in another one, if both measure the same.
    pub(crate) fn convert(&self, value: f64, into: &Self) -> Option<f64> {
        use Kind::{Calendar, Celsius, Cents, Degree, Fahrenheit, Kelvin, Money, Time};
        Some(match (&self.kind, &into.kind) {
            (one, other) if one == other => value * self.factor / into.factor,
            (Celsius | Fahrenheit, Degree) | (Degree, Celsius | Fahrenheit) => value,
            (Celsius, Fahrenheit) => value * 1.8 + 32.0,
            (Fahrenheit, Celsius) => (value - 32.0) / 1.8,
            (Celsius, Kelvin) => value + 273.15,
            (Kelvin, Celsius) => value - 273.15,
            (Cents, Money(_)) => value / 100.0,
            (Money(_), Cents) => value * 100.0,
            // A year has 365 days; a month has none that can be told.
            (Calendar, Time) if self.factor >= 12.0 => value * 365.0 * 86_400.0 / into.factor,
            (Time, Calendar) if into.factor >= 12.0 => value * self.factor / (365.0 * 86_400.0),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_read_where_it_stands() {
        let rows = [
            ("% of all", Some("%")),
            ("°C at CR-2", Some("°C")),
            ("kWh", Some("kWh")),
            ("kg.", Some("kg")),
            ("km/h", Some("km/h")),
            ("€ umgesetzt", Some("EUR")),
            ("SEK", Some("SEK")),
            ("months", None),
            ("table", None),
            ("", None),
        ];
        for (text, shown) in rows {
            let found = Unit::symbol(text).map(|(unit, _)| unit.shown);
            assert_eq!(found.as_deref(), shown, "{text}");
        }
        let rows = [
            ("was EUR ", Some("EUR")),
            ("-$", Some("USD")),
            ("US$", Some("USD")),
            ("NEUR ", None),
            ("kg ", None),
        ];
        for (text, shown) in rows {
            let found = Unit::before(text).map(|(unit, _)| unit.shown);
            assert_eq!(found.as_deref(), shown, "{text}");
        }
        let rows = [
            ("Umsatz EUR", None, Some("EUR")),
            ("temp_c", None, Some("°C")),
            ("humidity_pct", None, Some("%")),
            ("Gewicht (kg)", None, Some("kg")),
            ("Preis", Some("CHF"), Some("CHF")),
            ("Menge", None, None),
            ("c", None, None),
        ];
        for (name, given, shown) in rows {
            let found = Unit::of_column(name, given).map(|unit| unit.shown);
            assert_eq!(found.as_deref(), shown, "{name}");
        }
    }

    #[test]
    fn only_what_measures_the_same_is_converted() {
        let unit = Unit::named;
        let rows = [
            (36.0, UnitName::Month, UnitName::Year, Some(3.0)),
            (1.5, UnitName::Hour, UnitName::Minute, Some(90.0)),
            (2.0, UnitName::Tonne, UnitName::Kilogram, Some(2000.0)),
            (100.0, UnitName::Celsius, UnitName::Fahrenheit, Some(212.0)),
            (990.0, UnitName::Cent, UnitName::Eur, Some(9.9)),
            (5.0, UnitName::Eur, UnitName::Usd, None),
            (5.0, UnitName::Day, UnitName::Month, None),
            (5.0, UnitName::Kilogram, UnitName::Metre, None),
        ];
        for (value, from, into, wanted) in rows {
            let found = unit(from).convert(value, &unit(into));
            match (found, wanted) {
                (Some(found), Some(wanted)) => assert!((found - wanted).abs() < 1e-9),
                (found, wanted) => assert_eq!(found, wanted),
            }
        }
    }
}
