//! The queries of an analysis. Every column stands quoted; no word of the goal ever enters a statement.
//!
//! Each question is written twice: the second query reaches the same rows another way (windows or partitions instead of groups,
//! positions instead of `median`), so that the critic compares two computations and not one with itself. Both return the same columns
//! in the same order.

use super::analysis::Analysis;
use super::columns::Aggregate;
pub use crate::statement::{Pair, quote};
use aios_work::Grain;

/// Categories that are named; the rest is put together as "other".
pub const TOP: usize = 12;
/// Modified z-score above which a value is an outlier (Iglewicz and Hoaglin).
pub const FAR: f64 = 3.5;
/// Fewest values among which one can be called an outlier.
pub const FEWEST: usize = 8;

/// Queries for one analysis.
pub struct Queries<'a> {
    analysis: &'a Analysis,
}

impl<'a> Queries<'a> {
    /// Queries for this analysis.
    #[must_use]
    pub fn new(analysis: &'a Analysis) -> Self {
        Self { analysis }
    }

    fn measure(&self) -> String {
        self.analysis
            .measure
            .as_deref()
            .map_or_else(|| "1".to_owned(), quote)
    }

    /// The figure of a group.
    fn figure(&self, over: &str) -> String {
        let measure = self.measure();
        match self.analysis.aggregate {
            Aggregate::Sum => format!("SUM({measure}){over}"),
            Aggregate::Mean => format!("AVG({measure}){over}"),
            Aggregate::Count => format!("COUNT(*){over}"),
        }
    }

    /// The same figure from a group's sum `s`, count of values `n` and count of rows `rows`.
    fn figure_of_parts(&self, s: &str, n: &str, rows: &str) -> String {
        match self.analysis.aggregate {
            Aggregate::Sum => s.to_owned(),
            Aggregate::Mean => format!("1.0 * {s} / {n}"),
            Aggregate::Count => rows.to_owned(),
        }
    }

    fn day(&self) -> Option<String> {
        let column = quote(self.analysis.date.as_deref()?);
        Some(if self.analysis.date_is_year {
            format!("CAST(CAST({column} AS INTEGER) AS TEXT)")
        } else {
            format!("substr({column}, 1, 10)")
        })
    }

    fn period(&self) -> Option<String> {
        let day = self.day()?;
        Some(match self.analysis.grain? {
            _ if self.analysis.date_is_year => day,
            Grain::Day => day,
            Grain::Week => format!("date({day}, 'weekday 0', '-6 days')"),
            Grain::Month => format!("substr({day}, 1, 7)"),
            Grain::Quarter => format!(
                "substr({day}, 1, 4) || '-Q' || ((CAST(substr({day}, 6, 2) AS INTEGER) + 2) / 3)"
            ),
            Grain::Year => format!("substr({day}, 1, 4)"),
        })
    }

    /// ` WHERE ...`, or nothing.
    fn filter(&self, more: &[String]) -> String {
        let mut all = more.to_vec();
        if let (Some(span), Some(day)) = (self.analysis.filter, self.day()) {
            all.push(if self.analysis.date_is_year {
                format!(
                    "{day} BETWEEN '{}' AND '{}'",
                    span.from.year(),
                    span.until.year()
                )
            } else {
                format!("{day} BETWEEN '{}' AND '{}'", span.from, span.until)
            });
        }
        all.extend(crate::ask::conditions(&self.analysis.conditions));
        if all.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", all.join(" AND "))
        }
    }

    fn dated(&self) -> String {
        let some = self
            .analysis
            .date
            .as_deref()
            .map(|date| format!("{} IS NOT NULL", quote(date)));
        self.filter(&some.into_iter().collect::<Vec<_>>())
    }

    /// One row: `row_count, present, missing, total`, then `more_1, more_2, ..` for the further measures, then, with a date and no filter,
    /// `undated_rows, undated`.
    #[must_use]
    pub fn totals(&self) -> Pair {
        let measure = self.measure();
        let figure = self.figure("");
        let mut parts = vec![
            "COUNT(*) AS row_count".to_owned(),
            format!("COUNT({measure}) AS present"),
            format!("COUNT(*) - COUNT({measure}) AS missing"),
            format!("{figure} AS total"),
        ];
        // Sums of parts of the rows, put together again; a mean cannot be put together from means.
        let mut split = vec![
            "COUNT(*) AS r".to_owned(),
            format!("COUNT({measure}) AS n"),
            format!("SUM({measure}) AS s"),
        ];
        let mut joined = vec![
            "SUM(r) AS row_count".to_owned(),
            "SUM(n) AS present".to_owned(),
            "SUM(r - n) AS missing".to_owned(),
            format!(
                "{} AS total",
                self.figure_of_parts("SUM(s)", "SUM(n)", "SUM(r)")
            ),
        ];
        for (at, (name, _)) in self.analysis.more_measures.iter().enumerate() {
            let at = at + 1;
            let name = quote(name);
            parts.push(format!("SUM({name}) AS more_{at}"));
            split.push(format!("SUM({name}) AS m{at}"));
            joined.push(format!("SUM(m{at}) AS more_{at}"));
        }
        if let (Some(date), None) = (self.analysis.date.as_deref(), self.analysis.filter) {
            let date = quote(date);
            let undated = match self.analysis.aggregate {
                Aggregate::Sum => format!("SUM(CASE WHEN {date} IS NULL THEN {measure} END)"),
                _ => "NULL".to_owned(),
            };
            parts.push(format!("COUNT(*) - COUNT({date}) AS undated_rows"));
            parts.push(format!("{undated} AS undated"));
            split.push(format!("SUM({date} IS NULL) AS u"));
            split.push(format!("{undated} AS us"));
            joined.push("SUM(u) AS undated_rows".to_owned());
            joined.push("SUM(us) AS undated".to_owned());
        }
        let filter = self.filter(&[]);
        Pair {
            query: format!("SELECT {} FROM data{filter}", parts.join(", ")),
            again: format!(
                "SELECT {} FROM (SELECT {} FROM data{filter} GROUP BY rowid % 7)",
                joined.join(", "),
                split.join(", ")
            ),
        }
    }

    /// The same without anything beside the total: `row_count, present, missing, total`.
    #[must_use]
    pub fn total_alone(&self) -> Pair {
        let alone = Analysis {
            more_measures: Vec::new(),
            date: self
                .analysis
                .date
                .clone()
                .filter(|_| self.analysis.filter.is_some()),
            ..self.analysis.clone()
        };
        Queries::new(&alone).totals()
    }

    /// One row: `mean, median, least, greatest`. None when rows are counted.
    #[must_use]
    pub fn spread(&self) -> Option<Pair> {
        let measure = quote(self.analysis.measure.as_deref()?);
        let filter = self.filter(&[]);
        let some = self.filter(&[format!("{measure} IS NOT NULL")]);
        Some(Pair {
            query: format!(
                "SELECT AVG({measure}) AS mean, median({measure}) AS median, MIN({measure}) AS least, MAX({measure}) AS greatest FROM data{filter}"
            ),
            again: format!(
                "WITH x AS (SELECT {measure} AS v FROM data{some}), o AS (SELECT v, ROW_NUMBER() OVER (ORDER BY v) AS k, COUNT(*) OVER () AS n FROM x) \
                 SELECT 1.0 * SUM(v) / COUNT(*) AS mean, AVG(CASE WHEN k IN ((n + 1) / 2, (n + 2) / 2) THEN v END) AS median, \
                 MAX(CASE WHEN k = 1 THEN v END) AS least, MAX(CASE WHEN k = n THEN v END) AS greatest FROM o"
            ),
        })
    }

    fn periods(&self) -> Option<(String, String)> {
        let period = self.period()?;
        let measure = self.measure();
        let filter = self.dated();
        Some((
            format!(
                "SELECT {period} AS period, {} AS total, COUNT(*) AS row_count, COUNT({measure}) AS present FROM data{filter} GROUP BY 1",
                self.figure("")
            ),
            format!(
                "SELECT DISTINCT {period} AS period, {} AS total, COUNT(*) OVER w AS row_count, COUNT({measure}) OVER w AS present FROM data{filter} WINDOW w AS (PARTITION BY {period})",
                self.figure(" OVER w")
            ),
        ))
    }

    /// A row per period: `period, total, row_count, present`, in order of time.
    #[must_use]
    pub fn by_period(&self) -> Option<Pair> {
        let (groups, windows) = self.periods()?;
        Some(Pair {
            query: format!("{groups} ORDER BY 1"),
            again: format!("{windows} ORDER BY 1"),
        })
    }

    /// A row per step from a period to the next one there is, then, with more than two periods, one from the first to the last:
    /// `start, finish, before, after, change, growth, overall`. Growth is in percent of what was before and NULL unless that is above zero.
    #[must_use]
    pub fn growth(&self) -> Option<Pair> {
        let (groups, windows) = self.periods()?;
        Some(Pair {
            query: format!(
                "WITH p AS ({groups}), q AS (SELECT LAG(period) OVER o AS a, LAG(total) OVER o AS x, period AS b, total AS y FROM p WINDOW o AS (ORDER BY period)), \
                 r AS (SELECT a, b, x, y, 0 AS overall FROM q WHERE a IS NOT NULL UNION ALL SELECT f.period, l.period, f.total, l.total, 1 FROM \
                 (SELECT * FROM p ORDER BY period LIMIT 1) f, (SELECT * FROM p ORDER BY period DESC LIMIT 1) l WHERE (SELECT COUNT(*) FROM p) > 2) \
                 SELECT a AS start, b AS finish, x AS \"before\", y AS \"after\", y - x AS change, CASE WHEN x > 0 THEN 100.0 * (y - x) / x END AS growth, overall \
                 FROM r ORDER BY overall, finish"
            ),
            again: format!(
                "WITH p AS ({windows}), o AS (SELECT p.*, ROW_NUMBER() OVER (ORDER BY period) AS k FROM p), n AS (SELECT MAX(k) AS n FROM o), \
                 r AS (SELECT f.period AS a, l.period AS b, f.total AS x, l.total AS y, 0 AS overall FROM o f JOIN o l ON l.k = f.k + 1 \
                 UNION ALL SELECT f.period, l.period, f.total, l.total, 1 FROM n JOIN o f ON f.k = 1 JOIN o l ON l.k = n.n WHERE n.n > 2) \
                 SELECT a AS start, b AS finish, x AS \"before\", y AS \"after\", y - x AS change, CASE WHEN x > 0 THEN (1.0 * y / x - 1.0) * 100.0 END AS growth, overall \
                 FROM r ORDER BY overall, finish"
            ),
        })
    }

    /// A row per category, largest first, at most [`TOP`] of them, then one for the rest: `label, other, total, row_count, members, share`.
    /// The label is NULL where the cell is missing and for the rest; share is in percent, only of sums of which none is negative.
    #[must_use]
    pub fn by_category(&self, column: &str) -> Pair {
        let label = format!("CAST({} AS TEXT)", quote(column));
        let measure = self.measure();
        let filter = self.filter(&[]);
        let figure = self.figure_of_parts("s", "n", "r");
        let rest = self.figure_of_parts("SUM(s)", "SUM(n)", "SUM(r)");
        let share = match self.analysis.aggregate {
            Aggregate::Sum => {
                "CASE WHEN (SELECT MIN(total) FROM v) >= 0 AND (SELECT SUM(s) FROM v) > 0 THEN 100.0 * SUM(s) / (SELECT SUM(s) FROM v) END"
            }
            Aggregate::Count => "100.0 * SUM(r) / (SELECT SUM(r) FROM v)",
            Aggregate::Mean => "NULL",
        };
        let order = "total IS NULL, total DESC, label IS NULL, label";
        let groups = format!(
            "SELECT {label} AS label, SUM({measure}) AS s, COUNT({measure}) AS n, COUNT(*) AS r FROM data{filter} GROUP BY 1"
        );
        let windows = format!(
            "SELECT DISTINCT {label} AS label, SUM({measure}) OVER w AS s, COUNT({measure}) OVER w AS n, COUNT(*) OVER w AS r FROM data{filter} WINDOW w AS (PARTITION BY {label})"
        );
        let other = TOP + 1;
        Pair {
            query: format!(
                "WITH g AS ({groups}), v AS (SELECT g.*, {figure} AS total FROM g), o AS (SELECT v.*, ROW_NUMBER() OVER (ORDER BY {order}) AS place FROM v) \
                 SELECT MAX(CASE WHEN place <= {TOP} THEN label END) AS label, MAX(place > {TOP}) AS other, {rest} AS total, SUM(r) AS row_count, COUNT(*) AS members, {share} AS share \
                 FROM o GROUP BY MIN(place, {other}) ORDER BY MIN(place, {other})"
            ),
            again: format!(
                "WITH g AS ({windows}), v AS (SELECT g.*, {figure} AS total FROM g), \
                 t AS (SELECT * FROM v ORDER BY {order} LIMIT {TOP}), o AS (SELECT * FROM v ORDER BY {order} LIMIT -1 OFFSET {TOP}), \
                 u AS (SELECT label, 0 AS other, {rest} AS total, SUM(r) AS row_count, 1 AS members, {share} AS share FROM t GROUP BY label \
                 UNION ALL SELECT NULL, 1, {rest}, SUM(r), COUNT(*), {share} FROM o HAVING COUNT(*) > 0) SELECT * FROM u ORDER BY other, {order}"
            ),
        }
    }

    /// Values far from the others, at most three, farthest first: `line, day, label, value, score, found, mid`. The score is the
    /// modified z-score: distance from the median in units of 1.4826 median absolute deviations (of 1.2533 mean ones when more than half
    /// of the values are equal). Rows are judged where there is a measure, else the counts of periods; `line` is the row's line in the file.
    #[must_use]
    pub fn outliers(&self) -> Option<Pair> {
        let day = self.day();
        let label = self.analysis.categories.first().map_or_else(
            || "NULL".to_owned(),
            |column| format!("CAST({} AS TEXT)", quote(column)),
        );
        let source = match (&self.analysis.measure, self.period()) {
            (Some(measure), _) => {
                let measure = quote(measure);
                let filter = self.filter(&[format!("{measure} IS NOT NULL")]);
                format!(
                    "SELECT rowid AS line, {} AS day, {label} AS label, {measure} AS v FROM data{filter}",
                    day.unwrap_or_else(|| "NULL".to_owned())
                )
            }
            (None, Some(period)) => format!(
                "SELECT NULL AS line, {period} AS day, NULL AS label, COUNT(*) AS v FROM data{} GROUP BY 2",
                self.dated()
            ),
            (None, None) => return None,
        };
        let tail = format!(
            "s AS (SELECT x.*, ABS(v - mid) / CASE WHEN mad > 0 THEN 1.4826 * mad WHEN mean_ad > 0 THEN 1.253314 * mean_ad END AS score FROM x, c, d), \
             f AS (SELECT COUNT(*) AS found FROM s WHERE score > {FAR}) \
             SELECT line, day, label, v AS value, score, found, mid FROM s, c, f WHERE score > {FAR} AND n >= {FEWEST} ORDER BY score DESC, line, day LIMIT 3"
        );
        Some(Pair {
            query: format!(
                "WITH x AS ({source}), c AS (SELECT median(v) AS mid, COUNT(*) AS n FROM x), d AS (SELECT median(ABS(v - mid)) AS mad, AVG(ABS(v - mid)) AS mean_ad FROM x, c), {tail}"
            ),
            again: format!(
                "WITH x AS ({source}), a AS (SELECT v, ROW_NUMBER() OVER (ORDER BY v) AS k, COUNT(*) OVER () AS n FROM x), \
                 c AS (SELECT AVG(v) AS mid, MAX(n) AS n FROM a WHERE k IN ((n + 1) / 2, (n + 2) / 2)), \
                 e AS (SELECT ABS(v - mid) AS w, ROW_NUMBER() OVER (ORDER BY ABS(v - mid)) AS k FROM x, c), \
                 d AS (SELECT (SELECT AVG(w) FROM e, c WHERE k IN ((n + 1) / 2, (n + 2) / 2)) AS mad, (SELECT 1.0 * SUM(w) / COUNT(*) FROM e) AS mean_ad), {tail}"
            ),
        })
    }
}
