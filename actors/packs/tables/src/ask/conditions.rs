//! Conditions on rows, as SQL has them.

use super::question::{Bound, Column, Filter, Test};
use super::sql::{Sql, literal, month_names, text, where_of};

impl Sql<'_> {
    pub(super) fn test(&self, filter: &Filter) -> String {
        let column = self.column(&filter.column);
        let number = |value: f64| literal(value);
        let held = match &filter.test {
            Test::In(values) => {
                let values: Vec<String> = values.iter().map(|value| text(value)).collect();
                format!("CAST({column} AS TEXT) IN ({})", values.join(", "))
            }
            Test::Number(value) => format!("{column} = {}", number(*value)),
            Test::Above(value, at) => format!(
                "{column} {} {}",
                if *at { ">=" } else { ">" },
                number(*value)
            ),
            Test::Below(value, at) => format!(
                "{column} {} {}",
                if *at { "<=" } else { "<" },
                number(*value)
            ),
            Test::Between(low, high) => {
                format!("{column} BETWEEN {} AND {}", number(*low), number(*high))
            }
            Test::Days(spans) => {
                let day = self.day(&filter.column);
                let spans: Vec<String> = spans
                    .iter()
                    .map(|span| format!("{day} BETWEEN '{}' AND '{}'", span.from, span.until))
                    .collect();
                if let [only] = spans.as_slice() {
                    only.clone()
                } else {
                    format!("({})", spans.join(" OR "))
                }
            }
            Test::Month(month) => format!("CAST(substr({column}, 6, 2) AS INTEGER) = {month}"),
            Test::MonthName(month) => format!(
                "lower(rtrim(CAST({column} AS TEXT), '. ')) IN ({})",
                month_names(*month).join(", ")
            ),
            Test::Weekdays(days) => {
                let days: Vec<String> = days.iter().map(u8::to_string).collect();
                format!("{} IN ({})", self.weekday(&filter.column), days.join(", "))
            }
            Test::Over(other, at) => format!(
                "{column} {} {}",
                if *at { ">=" } else { ">" },
                self.column(other)
            ),
            Test::Under(other, at) => format!(
                "{column} {} {}",
                if *at { "<=" } else { "<" },
                self.column(other)
            ),
            Test::Begins(letters) => format!(
                "substr(lower(CAST({column} AS TEXT)), 1, {}) IN ({})",
                letters.chars().count(),
                in_any_case(letters)
            ),
            Test::Ends(letters) => format!(
                "substr(lower(CAST({column} AS TEXT)), -{}) IN ({})",
                letters.chars().count(),
                in_any_case(letters)
            ),
            Test::Missing => format!("{column} IS NULL"),
            Test::Clock(lower, upper) => {
                // With seconds, where a cell has none.
                let time = format!(
                    "CASE WHEN length({column}) > 8 THEN substr({column} || ':00', 12, 8) ELSE substr('0' || {column}, -5) || ':00' END"
                );
                let bound = |bound: &Option<Bound>, sign: &str| {
                    bound.map(|bound| {
                        let same = if bound.included { "=" } else { "" };
                        format!("{time} {sign}{same} '{}:00'", bound.shown())
                    })
                };
                let both: Vec<String> = bound(lower, ">")
                    .into_iter()
                    .chain(bound(upper, "<"))
                    .collect();
                both.join(" AND ")
            }
            Test::Has(all) => format!(
                "{column} IN (SELECT {column} FROM {}{})",
                self.from(),
                where_of(self.all(all.iter()).as_deref())
            ),
            Test::Either(all) => {
                let all: Vec<String> = all.iter().map(|filter| self.test(filter)).collect();
                format!("({})", all.join(" OR "))
            }
        };
        if filter.not && filter.test == Test::Missing {
            format!("{column} IS NOT NULL")
        } else if filter.not {
            // What has no value is not the one that was excluded.
            format!("({column} IS NULL OR NOT ({held}))")
        } else {
            held
        }
    }

    pub(super) fn weekday(&self, column: &Column) -> String {
        format!(
            "((CAST(strftime('%w', {}) AS INTEGER) + 6) % 7 + 1)",
            self.day(column)
        )
    }

    pub(super) fn day(&self, column: &Column) -> String {
        format!("substr({}, 1, 10)", self.column(column))
    }

    pub(super) fn all<'f>(&self, filters: impl Iterator<Item = &'f Filter>) -> Option<String> {
        let tests: Vec<String> = filters.map(|filter| self.test(filter)).collect();
        (!tests.is_empty()).then(|| tests.join(" AND "))
    }
}

/// Letters as a cell may have them once `lower` made the plain ones small; of others, such as an é, it knows no small and large.
fn in_any_case(letters: &str) -> String {
    let plain = |c: char| c.is_ascii();
    let made = |large: &dyn Fn(usize) -> bool| -> String {
        let all = letters.chars().enumerate();
        all.flat_map(|(at, c)| -> Vec<char> {
            match (plain(c), large(at)) {
                (true, _) => vec![c.to_ascii_lowercase()],
                // What becomes several letters is left as it is: the length would not fit.
                (false, true) if c.to_uppercase().count() == 1 => c.to_uppercase().collect(),
                (false, false) if c.to_lowercase().count() == 1 => c.to_lowercase().collect(),
                (false, _) => vec![c],
            }
        })
        .collect()
    };
    let mut all: Vec<String> = vec![made(&|_| false), made(&|at| at == 0), made(&|_| true)];
    all.dedup();
    let all: Vec<String> = all.iter().map(|letters| text(letters)).collect();
    all.join(", ")
}
