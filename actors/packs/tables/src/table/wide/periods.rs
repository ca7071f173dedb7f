//! Periods as columns are called: `Jan`, `2023`, `Q1 2024`, alone or beside a measure.

use super::super::date::{DateReading, Layout, month};

/// What the names of columns are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Year,
    /// A month without a year.
    Month,
    MonthOfYear,
    Quarter,
    QuarterOfYear,
    Week,
    Weekday,
    Day,
}

impl Kind {
    /// Whether two columns are enough to be sure.
    pub(super) fn is_dated(self) -> bool {
        matches!(self, Self::Year | Self::MonthOfYear | Self::QuarterOfYear)
    }

    pub(super) fn column(self, german: bool) -> &'static str {
        match (self, german) {
            (Self::Year, true) => "Jahr",
            (Self::Month | Self::MonthOfYear, true) => "Monat",
            (Self::Quarter | Self::QuarterOfYear, true) => "Quartal",
            (Self::Week, true) => "Woche",
            (Self::Year, _) => "year",
            (Self::Month | Self::MonthOfYear, _) => "month",
            (Self::Quarter | Self::QuarterOfYear, _) => "quarter",
            (Self::Week, _) => "week",
            (Self::Weekday, _) => "weekday",
            (Self::Day, _) => "date",
        }
    }
}

/// A name as a measure and a period: `Revenue 2023`, `2023`, `Q1_sales`, `Umsatz (Jan)`.
pub(super) fn apart(name: &str) -> Option<(String, Kind, String)> {
    let name = name.trim();
    if let Some(kind) = kind(name) {
        return Some((String::new(), kind, name.to_owned()));
    }
    let words: Vec<&str> = name
        .split(|c: char| c.is_whitespace() || matches!(c, '_' | '(' | ')' | '[' | ']' | ':' | ','))
        .filter(|word| !word.is_empty() && *word != "-")
        .collect();
    for count in (1..=2).rev() {
        let Some(rest) = words.len().checked_sub(count).filter(|rest| *rest > 0) else {
            continue;
        };
        let (head, tail) = words.split_at(rest);
        let (first, last) = words.split_at(count);
        for (period, measure) in [(tail, head), (first, last)] {
            let period = period.join(" ");
            let measure = measure.join(" ");
            if let Some(kind) = kind(&period)
                && measure.chars().any(char::is_alphabetic)
                && self::kind(&measure).is_none()
            {
                return Some((measure, kind, period));
            }
        }
    }
    None
}

fn kind(name: &str) -> Option<Kind> {
    let plain = name.trim().trim_end_matches('.');
    let lower = plain.to_lowercase();
    if plain.len() == 4
        && plain
            .parse()
            .is_ok_and(|year: u32| (1900..=2100).contains(&year))
    {
        return Some(Kind::Year);
    }
    if month(plain).is_some() {
        return Some(Kind::Month);
    }
    #[rustfmt::skip]
    const WEEKDAYS: [&str; 35] = [
        "mon", "monday", "tue", "tuesday", "wed", "wednesday", "thu", "thursday", "fri", "friday", "sat", "saturday", "sun", "sunday",
        "montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag", "sonntag",
        "lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche",
        "lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo",
    ];
    if WEEKDAYS.contains(&lower.as_str()) {
        return Some(Kind::Weekday);
    }
    let numbered = |signs: &[&str], most: u32| {
        signs.iter().any(|sign| {
            lower.strip_prefix(sign).is_some_and(|rest| {
                rest.trim()
                    .parse()
                    .is_ok_and(|number: u32| (1..=most).contains(&number))
            })
        })
    };
    if numbered(&["q", "quarter", "quartal"], 4)
        || matches!(
            lower.as_str(),
            "1. quartal" | "2. quartal" | "3. quartal" | "4. quartal"
        )
    {
        return Some(Kind::Quarter);
    }
    if numbered(&["kw", "week", "woche", "wk"], 53) {
        return Some(Kind::Week);
    }
    let reading = DateReading::of(plain)?;
    if reading.time.is_some() {
        return None;
    }
    Some(match reading.layout {
        Layout::MonthNameYear | Layout::YearMonth | Layout::MonthYear => Kind::MonthOfYear,
        Layout::Quarter => Kind::QuarterOfYear,
        Layout::Week => Kind::Week,
        Layout::FiscalYear => Kind::Year,
        Layout::Year => return None,
        Layout::Compact
        | Layout::YearMonthDay(_)
        | Layout::Numeric(_)
        | Layout::DayMonthName
        | Layout::MonthNameDay => Kind::Day,
    })
}

pub(super) fn is_german(name: &str) -> bool {
    #[rustfmt::skip]
    const WORDS: [&str; 22] = [
        "januar", "februar", "märz", "mrz", "mai", "juni", "juli", "oktober", "okt", "dezember", "dez", "quartal", "filiale", "umsatz", "kosten",
        "produkt", "abteilung", "kunde", "standort", "jahr", "monat", "bereich",
    ];
    let lower = name.to_lowercase();
    lower
        .split(|c: char| !c.is_alphabetic())
        .any(|word| WORDS.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_measure_and_a_period() {
        for (name, expected) in [
            ("2023", Some(("", Kind::Year, "2023"))),
            ("Jan", Some(("", Kind::Month, "Jan"))),
            ("März", Some(("", Kind::Month, "März"))),
            ("Jan 2024", Some(("", Kind::MonthOfYear, "Jan 2024"))),
            ("2024-01", Some(("", Kind::MonthOfYear, "2024-01"))),
            ("Q1", Some(("", Kind::Quarter, "Q1"))),
            ("Q1 2024", Some(("", Kind::QuarterOfYear, "Q1 2024"))),
            ("KW 5", Some(("", Kind::Week, "KW 5"))),
            ("1/22/20", Some(("", Kind::Day, "1/22/20"))),
            ("Monday", Some(("", Kind::Weekday, "Monday"))),
            ("Revenue 2023", Some(("Revenue", Kind::Year, "2023"))),
            ("2023 Revenue", Some(("Revenue", Kind::Year, "2023"))),
            ("Q1_sales", Some(("sales", Kind::Quarter, "Q1"))),
            ("Umsatz (Jan)", Some(("Umsatz", Kind::Month, "Jan"))),
            (
                "sales Jan 2024",
                Some(("sales", Kind::MonthOfYear, "Jan 2024")),
            ),
            ("revenue", None),
            ("region", None),
            ("Q5", None),
            ("1850", None),
        ] {
            let found = apart(name);
            let found = found
                .as_ref()
                .map(|(measure, kind, key)| (measure.as_str(), *kind, key.as_str()));
            assert_eq!(found, expected, "{name}");
        }
    }
}
