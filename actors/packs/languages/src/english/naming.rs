//! What a fact is called. The words are made here and nowhere read back.

use aios_work::{Fact, Statistic, When, quoted};

/// A fact's name: `total revenue region North`, `growth revenue 2025-07 to 2025-08`, `outlier revenue 2025-08-14 line 47`.
#[must_use]
pub fn name(fact: &Fact) -> String {
    let last = || fact.subject.last().map(|subject| subject.name.as_str());
    match &fact.statistic {
        Statistic::Other(words) => return words.clone(),
        Statistic::Computed => return last().unwrap_or("result").to_owned(),
        Statistic::Quoted => return format!("key sentence {}", last().unwrap_or_default()),
        _ => {}
    }
    let mut parts = vec![figure(fact)];
    for subject in &fact.subject {
        parts.push(format!("{} {}", subject.kind, subject.name));
    }
    match fact.period {
        None => {}
        Some(When::During(period)) => parts.push(period.key()),
        Some(When::Between { from, to }) => parts.push(format!("{} to {}", from.key(), to.key())),
        Some(When::Undated) => parts.push("without date".to_owned()),
    }
    parts.extend(fact.source.row.map(|row| format!("line {row}")));
    parts.join(" ")
}

/// Which figure of what a fact states, without the subject and the time: `total revenue`, `rows`.
#[must_use]
pub fn figure(fact: &Fact) -> String {
    let word = match &fact.statistic {
        Statistic::Total => "total",
        Statistic::Mean => "average",
        Statistic::Median => "median",
        Statistic::Least => "lowest",
        Statistic::Greatest => "highest",
        Statistic::Growth => "growth",
        Statistic::Change => "change",
        Statistic::Share => "share",
        Statistic::Ratio => "ratio",
        Statistic::Missing => "missing",
        Statistic::Outlier => "outlier",
        Statistic::Outliers => "outliers",
        Statistic::Rows => return "rows".to_owned(),
        Statistic::Members => return "count of".to_owned(),
        Statistic::Computed => return "result".to_owned(),
        Statistic::Quoted => return "key sentence".to_owned(),
        Statistic::Other(words) => return words.clone(),
    };
    // Where nothing was measured, rows were counted.
    format!("{word} {}", fact.measure.as_deref().unwrap_or("rows"))
}

/// A name as texts show it: on one line, bounded, without the marks of a prompt or a table.
#[must_use]
pub fn shown_name(name: &str) -> String {
    quoted(name, 80).replace('|', "/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use aios_work::{Grain, Period, Source, Subject, Value};

    #[test]
    fn every_figure_has_its_name() {
        let month = |key: &str| Period::read(Grain::Month, key).unwrap();
        let during = Some(When::During(month("2025-07")));
        let between = Some(When::Between {
            from: month("2025-07"),
            to: month("2025-08"),
        });
        let undated = Some(When::Undated);
        let (region, others) = (("region", "North"), ("product", "(all others)"));
        let revenue = Some("revenue");
        let other = |words: &str| Statistic::Other(words.into());
        let cases = [
            (Statistic::Total, revenue, None, None, "total revenue"),
            (Statistic::Mean, revenue, None, None, "average revenue"),
            (Statistic::Median, revenue, None, None, "median revenue"),
            (Statistic::Least, revenue, None, None, "lowest revenue"),
            (Statistic::Greatest, revenue, None, None, "highest revenue"),
            (Statistic::Missing, revenue, None, None, "missing revenue"),
            (Statistic::Ratio, revenue, None, None, "ratio revenue"),
            (Statistic::Outliers, revenue, None, None, "outliers revenue"),
            (Statistic::Rows, None, None, None, "rows"),
            (
                Statistic::Rows,
                None,
                Some(region),
                None,
                "rows region North",
            ),
            (Statistic::Rows, None, None, undated, "rows without date"),
            (
                Statistic::Total,
                revenue,
                None,
                undated,
                "total revenue without date",
            ),
            (
                Statistic::Total,
                revenue,
                Some(region),
                None,
                "total revenue region North",
            ),
            (
                Statistic::Share,
                revenue,
                Some(region),
                None,
                "share revenue region North",
            ),
            (
                Statistic::Total,
                revenue,
                None,
                during,
                "total revenue 2025-07",
            ),
            (
                Statistic::Growth,
                revenue,
                None,
                between,
                "growth revenue 2025-07 to 2025-08",
            ),
            (
                Statistic::Change,
                None,
                None,
                between,
                "change rows 2025-07 to 2025-08",
            ),
            (
                Statistic::Outlier,
                None,
                None,
                during,
                "outlier rows 2025-07",
            ),
            (
                Statistic::Members,
                None,
                Some(others),
                None,
                "count of product (all others)",
            ),
            (
                Statistic::Computed,
                None,
                Some(("expression", "17 * 23")),
                None,
                "17 * 23",
            ),
            (Statistic::Computed, None, None, None, "result"),
            (
                Statistic::Quoted,
                None,
                Some(("sentence", "1")),
                None,
                "key sentence 1",
            ),
            (
                other("revenue in North"),
                revenue,
                Some(region),
                during,
                "revenue in North",
            ),
        ];
        for (statistic, measure, subject, period, called) in cases {
            let fact = Fact {
                subject: subject
                    .map(|(kind, name)| Subject {
                        kind: kind.into(),
                        name: name.into(),
                    })
                    .into_iter()
                    .collect(),
                measure: measure.map(str::to_owned),
                statistic,
                period,
                value: Value::Integer(1),
                unit: None,
                source: Source::default(),
            };
            assert_eq!(name(&fact), called);
        }
    }

    #[test]
    fn an_outlier_is_called_by_its_line() {
        let day = Period::read(Grain::Day, "2025-08-14").unwrap();
        let mut fact = Fact {
            subject: vec![],
            measure: Some("revenue".into()),
            statistic: Statistic::Outlier,
            period: Some(When::During(day)),
            value: Value::Integer(9800),
            unit: None,
            source: Source {
                row: Some(47),
                ..Source::default()
            },
        };
        assert_eq!(name(&fact), "outlier revenue 2025-08-14 line 47");
        fact.period = None;
        assert_eq!(name(&fact), "outlier revenue line 47");
    }
}
