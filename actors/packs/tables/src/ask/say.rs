//! Words of the answer: sentences with places to fill, by language, and numbers as that language writes them.

use std::collections::HashMap;
use std::sync::LazyLock;

use aios_languages::english::figures::dusted;
use aios_work::{Day, Grain, Span};

use super::question::{
    Bound, Column, Figure, Filter, Group, Make, Measure, Question, Scale, Test, Wanted,
};

type Phrases = HashMap<String, String>;

const FILES: [(&str, &str); 4] = [
    ("en", include_str!("../../words/english.toml")),
    ("de", include_str!("../../words/german.toml")),
    ("fr", include_str!("../../words/french.toml")),
    ("es", include_str!("../../words/spanish.toml")),
];

static PHRASES: LazyLock<HashMap<&'static str, Phrases>> = LazyLock::new(|| {
    FILES
        .into_iter()
        .filter_map(|(code, file)| Some((code, toml::from_str(file).ok()?)))
        .collect()
});

/// The words of one language.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Speech {
    code: &'static str,
}

impl Speech {
    /// Those of this language; English where there are none.
    pub(crate) fn of(code: &str) -> Self {
        let known = FILES.iter().find(|(known, _)| *known == code);
        Self {
            code: known.map_or("en", |(code, _)| code),
        }
    }

    /// A phrase with its places filled. One that is not there is its own name, and a test sees to it that all are.
    pub(crate) fn say(&self, key: &str, filled: &[(&str, &str)]) -> String {
        let known = |code: &str| PHRASES.get(code).and_then(|phrases| phrases.get(key));
        let phrase = known(self.code)
            .or_else(|| known("en"))
            .map_or(key, String::as_str);
        let mut out = String::with_capacity(phrase.len() + 32);
        let mut rest = phrase;
        // In one pass: what is filled in may hold braces of its own.
        while let Some((before, behind)) = rest.split_once('{') {
            out.push_str(before);
            let Some((name, after)) = behind.split_once('}') else {
                rest = behind;
                break;
            };
            if let Some((_, value)) = filled.iter().find(|(known, _)| *known == name) {
                out.push_str(value);
            }
            rest = after;
        }
        out.push_str(rest);
        out
    }

    /// Whether a text is a phrase with its places filled.
    pub(crate) fn is(&self, key: &str, text: &str) -> bool {
        let known = |code: &str| PHRASES.get(code).and_then(|phrases| phrases.get(key));
        let Some(phrase) = known(self.code).or_else(|| known("en")) else {
            return false;
        };
        // What stands between the places, in order.
        let mut rest = text;
        phrase
            .split('{')
            .enumerate()
            .map(|(at, part)| match at {
                0 => part,
                _ => part.split_once('}').map_or(part, |(_, behind)| behind),
            })
            .all(|fixed| {
                rest.find(fixed).is_some_and(|at| {
                    rest = rest.get(at + fixed.len()..).unwrap_or_default();
                    true
                })
            })
    }

    /// A number as the language writes it: exact where it has few decimals, else two of them or three digits.
    pub(crate) fn number(&self, value: f64, unit: Option<&str>) -> String {
        let value = dusted(value);
        if !value.is_finite() {
            return "-".to_owned();
        }
        let exact = format!("{}", value.abs());
        let natural = exact.split_once('.').map_or(0, |(_, part)| part.len());
        let decimals = if natural <= 2 {
            natural
        } else if value.abs() >= 1.0 {
            2
        } else {
            let first = -value.abs().log10().floor();
            usize::try_from(first as i64 + 2).unwrap_or(2).min(12)
        };
        let plain = format!("{:.decimals$}", value.abs());
        let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
        let (group, mark) = match self.code {
            "de" | "es" => (".", ","),
            "fr" => ("\u{202f}", ","),
            _ => (",", "."),
        };
        let mut out = String::new();
        if value < 0.0 && plain.bytes().any(|byte| matches!(byte, b'1'..=b'9')) {
            out.push('-');
        }
        for (at, digit) in whole.chars().enumerate() {
            if at > 0 && (whole.len() - at).is_multiple_of(3) {
                out.push_str(group);
            }
            out.push(digit);
        }
        if !fraction.is_empty() {
            out.push_str(mark);
            out.push_str(fraction);
        }
        match unit.map(str::trim).filter(|unit| !unit.is_empty()) {
            Some("%") if self.code == "en" => out.push('%'),
            Some("%") => out.push_str("\u{a0}%"),
            Some(unit) => {
                out.push(' ');
                out.push_str(unit);
            }
            None => {}
        }
        out
    }

    /// Days as a reader names them: a whole month, quarter or year by its key.
    pub(crate) fn span(&self, span: Span) -> String {
        for grain in [Grain::Day, Grain::Month, Grain::Quarter, Grain::Year] {
            if grain.span_of(span.from) == span {
                return grain.key(span.from);
            }
        }
        span.to_string()
    }

    /// What is measured.
    pub(crate) fn measure(&self, measure: &Measure, called: Option<&str>) -> String {
        if let Some(called) = called {
            return called.to_owned();
        }
        match measure {
            Measure::Rows => self.say("measure_rows", &[]),
            Measure::Distinct(column) | Measure::Of(column) => name(column),
            Measure::Periods(_, grain) => self.grain(*grain),
            Measure::Product(one, other) => format!("{} × {}", name(one), name(other)),
            Measure::Rated(one, other, each) => {
                format!("{} × {} / {each}", name(one), name(other))
            }
            Measure::Less(one, other) => format!("{} − {}", name(one), name(other)),
            Measure::Shift(one, other) => {
                self.say("shift", &[("from", &name(one)), ("to", &name(other))])
            }
            Measure::Plus(all) => all.iter().map(name).collect::<Vec<String>>().join(" + "),
            Measure::Lasted(one, other, seconds) => {
                let key = if *seconds == 60 { "shift" } else { "lasted" };
                self.say(key, &[("from", &name(one)), ("to", &name(other))])
            }
            Measure::Elapsed(one, other) => {
                self.say("elapsed", &[("from", &name(one)), ("to", &name(other))])
            }
        }
    }

    /// A figure by its name.
    pub(crate) fn figure(&self, figure: &Figure) -> String {
        let measure = self.measure(&figure.of, figure.called.as_deref());
        let with = |key: &str, other: &str, n: &str| {
            self.say(key, &[("measure", &measure), ("other", other), ("n", n)])
        };
        match (&figure.make, &figure.of) {
            (Make::Over(..), _)
                if figure.called.is_some()
                    && !matches!(figure.of, Measure::Product(..) | Measure::Less(..)) =>
            {
                measure.clone()
            }
            (Make::Over(over, Scale::One), _) => with("over", &self.measure(over, None), ""),
            (Make::Over(over, Scale::Percent), _) => {
                with("over_percent", &self.measure(over, None), "")
            }
            (Make::Over(over, Scale::Each(many)), _) => {
                let many = many.to_string();
                with("over_many", &self.measure(over, None), &many)
            }
            (
                Make::Moved {
                    from, to, percent, ..
                },
                _,
            ) => self.say(
                if *percent { "growth_of" } else { "change_of" },
                &[("measure", &measure), ("from", &from.0), ("to", &to.0)],
            ),
            (Make::Step(_, false), _) => with("step", "", ""),
            (Make::Step(_, true), _) => with("step_percent", "", ""),
            (Make::Share, _) => with("share", "", ""),
            (_, Measure::Rows) => self.say("rows", &[]),
            (_, Measure::Distinct(_) | Measure::Periods(..)) => with("distinct", "", ""),
            (Make::Total, _) => with("total", "", ""),
            (Make::Mean, _) => with("mean", "", ""),
            (Make::Median, _) => with("median", "", ""),
            (Make::Greatest, _) => with("greatest", "", ""),
            (Make::Least, _) => with("least", "", ""),
            (Make::Range, _) => with("range", "", ""),
            (Make::Deviation, _) => with("deviation", "", ""),
            (Make::Variance, _) => with("variance", "", ""),
            (Make::Percentile(percent), _) => with("percentile", "", &format!("{percent}")),
            (Make::Weighted(weight), _) => with("weighted", &name(weight), ""),
            (Make::Correlation(other), _) => with("correlation", &name(other), ""),
        }
    }

    /// A condition in words.
    pub(crate) fn test(&self, test: &Test) -> String {
        self.test_of(test, false)
    }

    /// The same; of a column of years its numbers are written without marks.
    pub(crate) fn test_of(&self, test: &Test, years: bool) -> String {
        let number = |value: f64| {
            if years {
                format!("{value}")
            } else {
                self.number(value, None)
            }
        };
        match test {
            Test::In(values) => self.list(values, "or"),
            Test::Number(value) => number(*value),
            Test::Above(value, false) => self.say("above", &[("n", &number(*value))]),
            Test::Above(value, true) => self.say("at_least", &[("n", &number(*value))]),
            Test::Below(value, false) => self.say("below", &[("n", &number(*value))]),
            Test::Below(value, true) => self.say("at_most", &[("n", &number(*value))]),
            Test::Between(low, high) => self.say(
                "between",
                &[("low", &number(*low)), ("high", &number(*high))],
            ),
            Test::Days(spans) => {
                let spans: Vec<String> = spans.iter().map(|span| self.span(*span)).collect();
                self.list(&spans, "and")
            }
            Test::Month(month) | Test::MonthName(month) => {
                self.say("month", &[("n", &month.to_string())])
            }
            Test::Weekdays(days) => {
                let names: Vec<String> = days.iter().map(|day| self.weekday(*day)).collect();
                self.list(&names, "and")
            }
            Test::Over(other, false) => self.say("above", &[("n", &name(other))]),
            Test::Over(other, true) => self.say("at_least", &[("n", &name(other))]),
            Test::Under(other, false) => self.say("below", &[("n", &name(other))]),
            Test::Under(other, true) => self.say("at_most", &[("n", &name(other))]),
            Test::Begins(letters) => self.say("begins", &[("n", letters)]),
            Test::Ends(letters) => self.say("ends", &[("n", letters)]),
            Test::Missing => self.say("missing", &[]),
            Test::Clock(lower, upper) => {
                let said = |bound: &Option<Bound>, keys: [&str; 2]| {
                    let key = |bound: &Bound| keys[usize::from(bound.included)];
                    bound.map(|bound| self.say(key(&bound), &[("n", &bound.shown())]))
                };
                let both: Vec<String> = said(lower, ["above", "at_least"])
                    .into_iter()
                    .chain(said(upper, ["below", "at_most"]))
                    .collect();
                self.list(&both, "and")
            }
            Test::Has(all) => {
                let all: Vec<String> = all.iter().map(|filter| self.condition(filter)).collect();
                self.say("has_row", &[("list", &self.list(&all, "and"))])
            }
            Test::Either(all) => {
                let all: Vec<String> = all.iter().map(|filter| self.condition(filter)).collect();
                self.list(&all, "or")
            }
        }
    }

    /// The name of a day of the week, 1 (Monday) to 7.
    pub(crate) fn weekday(&self, day: u8) -> String {
        let names = self.say("weekdays", &[]);
        let at = usize::from(day.saturating_sub(1));
        names.split(',').nth(at).unwrap_or_default().to_owned()
    }

    /// Names as a list: "A, B and C".
    pub(crate) fn list(&self, names: &[String], join: &str) -> String {
        match names {
            [] => String::new(),
            [only] => only.clone(),
            [head @ .., last] => format!("{} {} {last}", head.join(", "), self.say(join, &[])),
        }
    }

    /// A column with what must hold of it.
    fn condition(&self, filter: &Filter) -> String {
        let test = self.test_of(&filter.test, filter.column.year);
        let test = if filter.not {
            self.say("not", &[("what", &test)])
        } else {
            test
        };
        match &filter.test {
            Test::Either(_) => test,
            _ => format!("{} {test}", name(&filter.column)),
        }
    }

    /// Of which rows.
    pub(crate) fn scope(&self, filters: &[Filter]) -> String {
        let (mut which, mut when) = (Vec::new(), Vec::new());
        for filter in filters {
            if matches!(
                filter.test,
                Test::Days(_) | Test::Month(_) | Test::MonthName(_) | Test::Weekdays(_)
            ) {
                let test = self.test_of(&filter.test, filter.column.year);
                when.push(if filter.not {
                    self.say("not", &[("what", &test)])
                } else {
                    test
                });
            } else {
                which.push(self.condition(filter));
            }
        }
        let mut out = String::new();
        if !which.is_empty() {
            out.push_str(&self.say("for", &[("list", &self.list(&which, "and"))]));
        }
        if !when.is_empty() {
            out.push_str(&self.say("in", &[("list", &self.list(&when, "and"))]));
        }
        out
    }

    /// What rows are put together by.
    pub(crate) fn group(&self, group: &Group) -> String {
        match group {
            Group::By(column) => name(column),
            Group::Each(_, grain) => self.grain(*grain),
            Group::Weekday(_) => self.say("weekday", &[]),
            Group::Hour(_) => self.say("hour", &[]),
        }
    }

    /// What a question asks for, in a few words.
    pub(crate) fn question(&self, question: &Question) -> String {
        let what = match &question.wanted {
            Wanted::Figures(figures) => {
                let names: Vec<String> = figures.iter().map(|figure| self.figure(figure)).collect();
                names.join(", ")
            }
            Wanted::Row { measure, .. } | Wanted::Values(measure) => name(measure),
            Wanted::Versus(figure, _) => self.figure(figure),
        };
        format!("{what}{}", self.scope(&question.filters))
    }

    pub(crate) fn grain(&self, grain: Grain) -> String {
        let key = match grain {
            Grain::Day => "day",
            Grain::Week => "week",
            Grain::Month => "month_name",
            Grain::Quarter => "quarter",
            Grain::Year => "year",
        };
        self.say(key, &[])
    }
}

/// A week by its number, of the key of its Monday: `2025-W23`.
pub(crate) fn week(monday: &str) -> Option<String> {
    let thursday = Day::parse_prefix(monday)?.plus_days(3);
    let year = thursday.year();
    let number = (thursday.number() - Day::new(year, 1, 1)?.number()) / 7 + 1;
    Some(format!("{year}-W{number:02}"))
}

/// A column's name as a text says it: without its unit in brackets, and with spaces.
pub(crate) fn name(column: &Column) -> String {
    crate::plan::columns::label_as_written(&column.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_language_says_everything() {
        let keys = |code: &str| -> BTreeSet<&String> { PHRASES[code].keys().collect() };
        for (code, file) in FILES {
            assert!(toml::from_str::<Phrases>(file).is_ok(), "{code}");
            assert_eq!(keys(code), keys("en"), "{code}");
        }
        for (key, phrase) in &PHRASES["en"] {
            for (code, _) in FILES {
                let places = |phrase: &str| -> BTreeSet<String> {
                    phrase
                        .split('{')
                        .skip(1)
                        .filter_map(|part| Some(part.split_once('}')?.0.to_owned()))
                        .collect()
                };
                assert_eq!(places(&PHRASES[code][key]), places(phrase), "{code} {key}");
            }
        }
    }

    #[test]
    fn numbers_are_written_as_the_language_writes_them() {
        let rows = [
            ("en", 9589.35, None, "9,589.35"),
            ("de", 9589.35, Some("EUR"), "9.589,35 EUR"),
            ("fr", 1234567.5, None, "1\u{202f}234\u{202f}567,5"),
            ("es", 1234.0, None, "1.234"),
            ("en", 1.5317, Some("%"), "1.53%"),
            ("en", 0.360_96, None, "0.361"),
            ("en", 3.263_404, None, "3.26"),
            ("en", -0.5, None, "-0.5"),
            ("en", 0.1 + 0.2, None, "0.3"),
        ];
        for (code, value, unit, wanted) in rows {
            assert_eq!(Speech::of(code).number(value, unit), wanted);
        }
    }
}
