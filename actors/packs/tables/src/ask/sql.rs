//! The statements of a question. Every column stands quoted, every text as a literal of its own; no word of the goal enters a statement but
//! through a value of the data or a number.
//!
//! Each is written twice: the second computes over all rows with the conditions inside the figures instead of before them, so that a
//! condition that was forgotten or that meets missing cells otherwise shows.

use aios_work::Grain;

use super::question::{
    Column, Figure, Filter, Group, Make, Measure, Order, Question, Scale, Tables, Test, Wanted,
};
use crate::statement::{Pair, quote};

/// Groups that are told.
pub(crate) const GROUPS: u32 = 200;
/// Rows with the same value as the best that are looked for.
pub(crate) const TIES: u32 = 5;

/// Writes statements over the tables of one goal.
pub(crate) struct Sql<'a> {
    tables: &'a Tables,
}

impl<'a> Sql<'a> {
    pub(crate) fn new(tables: &'a Tables) -> Self {
        Self { tables }
    }

    /// The statement of a question, and the same asked another way.
    pub(crate) fn of(&self, question: &Question) -> Pair {
        match &question.wanted {
            Wanted::Figures(figures) if question.groups.is_empty() => {
                self.scalar(question, figures)
            }
            Wanted::Figures(figures) => self.grouped(question, figures),
            Wanted::Row { measure, by } => self.row(question, measure, by),
            Wanted::Values(column) => self.values(question, column),
            Wanted::Versus(figure, versus) => {
                self.versus(question, figure, &versus.from.1, &versus.to.1)
            }
        }
    }

    pub(super) fn from(&self) -> String {
        let [(_, first), others @ ..] = self.tables.all.as_slice() else {
            return "data".to_owned();
        };
        if others.is_empty() {
            return "data".to_owned();
        }
        if self.tables.stacked {
            let all: Vec<String> = self
                .tables
                .all
                .iter()
                .map(|(_, name)| format!("SELECT * FROM {}", quote(name)))
                .collect();
            return format!("({})", all.join(" UNION ALL "));
        }
        let mut out = quote(first);
        for ((_, name), (one, other)) in others.iter().zip(&self.tables.keys) {
            out.push_str(&format!(
                " LEFT JOIN {} ON CAST({} AS TEXT) = CAST({} AS TEXT)",
                quote(name),
                self.column(one),
                self.column(other)
            ));
        }
        out
    }

    /// How many rows of the first table have no match in another; none where there is one table.
    pub(crate) fn unmatched(&self) -> Option<String> {
        let (_, other) = self.tables.keys.first()?;
        let from = self.from();
        Some(format!(
            "(SELECT COUNT(*) FROM {from} WHERE {} IS NULL)",
            self.column(other)
        ))
    }

    pub(super) fn column(&self, column: &Column) -> String {
        if self.tables.all.len() > 1 && !self.tables.stacked {
            format!("{}.{}", quote(&column.table), quote(&column.name))
        } else {
            quote(&column.name)
        }
    }

    fn of_measure(&self, measure: &Measure) -> String {
        match measure {
            Measure::Rows => "1".to_owned(),
            Measure::Distinct(column) | Measure::Of(column) => self.column(column),
            Measure::Periods(column, grain) => self.label(&Group::Each(column.clone(), *grain)),
            Measure::Product(one, other) => {
                format!("({} * {})", self.column(one), self.column(other))
            }
            Measure::Rated(one, other, each) => {
                format!("({} * {} / {each}.0)", self.column(one), self.column(other))
            }
            Measure::Less(one, other) => format!("({} - {})", self.column(one), self.column(other)),
            Measure::Shift(one, other) => {
                let seconds = |column: &Column| {
                    format!(
                        "strftime('%s', '2000-01-01 ' || substr('00' || {}, -5))",
                        self.column(column)
                    )
                };
                format!(
                    "((({} - {}) / 60 + 1440) % 1440)",
                    seconds(other),
                    seconds(one)
                )
            }
            Measure::Plus(all) => {
                let cells: Vec<String> = all.iter().map(|column| self.column(column)).collect();
                let sum: Vec<String> = cells
                    .iter()
                    .map(|cell| format!("COALESCE({cell}, 0)"))
                    .collect();
                // A row without any of them has no sum.
                format!(
                    "(CASE WHEN COALESCE({}) IS NOT NULL THEN {} END)",
                    cells.join(", "),
                    sum.join(" + ")
                )
            }
            Measure::Lasted(one, other, seconds) => format!(
                "((strftime('%s', {}) - strftime('%s', {})) / {seconds}.0)",
                self.column(other),
                self.column(one)
            ),
            Measure::Elapsed(one, other) => format!(
                "(julianday({}) - julianday({}))",
                self.day(other),
                self.day(one)
            ),
        }
    }

    /// A measure summed, where a condition holds.
    fn sum(&self, measure: &Measure, held: Option<&str>) -> String {
        let value = self.of_measure(measure);
        match (measure, held) {
            (Measure::Rows, None) => "COUNT(*)".to_owned(),
            (Measure::Rows, Some(held)) => format!("COUNT(CASE WHEN {held} THEN 1 END)"),
            (Measure::Distinct(_) | Measure::Periods(..), None) => {
                format!("COUNT(DISTINCT {value})")
            }
            (Measure::Distinct(_) | Measure::Periods(..), Some(held)) => {
                format!("COUNT(DISTINCT CASE WHEN {held} THEN {value} END)")
            }
            (_, None) => format!("SUM({value})"),
            (_, Some(held)) => format!("SUM(CASE WHEN {held} THEN {value} END)"),
        }
    }

    /// A figure, where a condition holds.
    fn figure(&self, figure: &Figure, held: Option<&str>) -> String {
        let value = self.of_measure(&figure.of);
        let within = |value: &str| match held {
            None => value.to_owned(),
            Some(held) => format!("CASE WHEN {held} THEN {value} END"),
        };
        let made = within(&value);
        match &figure.make {
            Make::Total | Make::Share => self.sum(&figure.of, held),
            _ if matches!(
                figure.of,
                Measure::Rows | Measure::Distinct(_) | Measure::Periods(..)
            ) && !matches!(
                figure.make,
                Make::Over(..) | Make::Moved { .. } | Make::Step(..)
            ) =>
            {
                self.sum(&figure.of, held)
            }
            Make::Mean => format!("AVG({made})"),
            Make::Median => format!("median({made})"),
            Make::Greatest => format!("MAX({made})"),
            Make::Least => format!("MIN({made})"),
            Make::Range => format!("MAX({made}) - MIN({made})"),
            Make::Deviation => format!("stddev({made})"),
            Make::Variance => format!("stddev({made}) * stddev({made})"),
            Make::Percentile(percent) => format!("quantile({made}, {})", percent / 100.0),
            Make::Weighted(weight) => {
                let weight = self.column(weight);
                let both = within(&format!("{value} * {weight}"));
                let some = within(&format!("CASE WHEN {value} IS NOT NULL THEN {weight} END"));
                format!("1.0 * SUM({both}) / NULLIF(SUM({some}), 0)")
            }
            Make::Moved {
                make,
                from,
                to,
                percent,
            } => {
                let side = |filter: &Filter| {
                    let test = self.test(filter);
                    let both = match held {
                        Some(held) => format!("{test} AND {held}"),
                        None => test,
                    };
                    let plain = Figure {
                        make: make.as_ref().clone(),
                        ..figure.clone()
                    };
                    self.figure(&plain, Some(&both))
                };
                moved(&side(&from.1), &side(&to.1), *percent)
            }
            // A step needs the periods beside it, and is written where there are groups.
            Make::Step(make, _) => {
                let plain = Figure {
                    make: make.as_ref().clone(),
                    ..figure.clone()
                };
                self.figure(&plain, held)
            }
            Make::Over(over, scale) => {
                let times = match scale {
                    Scale::One => "1.0".to_owned(),
                    Scale::Percent => "100.0".to_owned(),
                    Scale::Each(many) => format!("{many}.0"),
                };
                format!(
                    "{times} * {} / NULLIF({}, 0)",
                    self.sum(&figure.of, held),
                    self.sum(over, held)
                )
            }
            Make::Correlation(other) => {
                let other = self.column(other);
                let pair = |value: &str| {
                    within(&format!(
                        "CASE WHEN {value} IS NOT NULL AND {other} IS NOT NULL THEN {value} END"
                    ))
                };
                let (x, n) = (
                    pair(&value),
                    within(&format!(
                        "CASE WHEN {value} IS NOT NULL AND {other} IS NOT NULL THEN 1 END"
                    )),
                );
                let y = within(&format!("CASE WHEN {value} IS NOT NULL THEN {other} END"));
                let xy = within(&format!("{value} * {other}"));
                format!(
                    "(COUNT({n}) * SUM({xy}) - SUM({x}) * SUM({y})) / NULLIF(COUNT({n}) * (COUNT({n}) - 1.0) * stddev({x}) * stddev({y}), 0)"
                )
            }
        }
    }

    /// What stands beside a figure: the two numbers of a rate.
    fn parts(&self, figure: &Figure, held: Option<&str>) -> Option<(String, String)> {
        match &figure.make {
            Make::Over(over, _) => Some((self.sum(&figure.of, held), self.sum(over, held))),
            _ => None,
        }
    }

    /// One row: `f1, f2, ..`, of rates `p1, w1, ..` beside them, `row_count`, and `missing` of the first measure.
    fn scalar(&self, question: &Question, figures: &[Figure]) -> Pair {
        let share = figures.iter().any(|figure| figure.make == Make::Share);
        let base = self.all(
            question
                .filters
                .iter()
                .filter(|filter| !share || !filter.part),
        );
        let part = share
            .then(|| self.all(question.filters.iter().filter(|filter| filter.part)))
            .flatten();
        let write = |inside: Option<&str>| {
            let mut out = Vec::new();
            for (at, figure) in figures.iter().enumerate() {
                let at = at + 1;
                if figure.make == Make::Share {
                    let both = match (&part, inside) {
                        (Some(part), Some(inside)) => Some(format!("{part} AND {inside}")),
                        (Some(part), None) => Some(part.clone()),
                        (None, inside) => inside.map(str::to_owned),
                    };
                    let (some, whole) = (
                        self.sum(&figure.of, both.as_deref()),
                        self.sum(&figure.of, inside),
                    );
                    // Of nothing that fits the sum is nothing, not unknown.
                    out.push(format!(
                        "100.0 * COALESCE({some}, 0) / NULLIF({whole}, 0) AS f{at}"
                    ));
                    out.push(format!("COALESCE({some}, 0) AS p{at}"));
                    out.push(format!("{whole} AS w{at}"));
                    continue;
                }
                out.push(format!("{} AS f{at}", self.figure(figure, inside)));
                if let Some((some, whole)) = self.parts(figure, inside) {
                    out.push(format!("{some} AS p{at}"));
                    out.push(format!("{whole} AS w{at}"));
                }
            }
            let rows = self.sum(&Measure::Rows, inside);
            out.push(format!("{rows} AS row_count"));
            if let Some(Figure {
                of: Measure::Of(column),
                ..
            }) = figures.first()
            {
                let column = self.column(column);
                let held = match inside {
                    None => format!("COUNT({column})"),
                    Some(inside) => format!("COUNT(CASE WHEN {inside} THEN {column} END)"),
                };
                out.push(format!("{rows} - {held} AS missing"));
            }
            if let Some(unmatched) = self.unmatched() {
                out.push(format!("{unmatched} AS unmatched"));
            }
            out.join(", ")
        };
        let from = self.from();
        Pair {
            query: format!(
                "SELECT {} FROM {from}{}",
                write(None),
                where_of(base.as_deref())
            ),
            again: format!(
                "SELECT {} FROM {from}",
                write(Some(base.as_deref().unwrap_or("1 = 1")))
            ),
        }
    }

    fn label(&self, group: &Group) -> String {
        match group {
            Group::By(column) => format!("CAST({} AS TEXT)", self.column(column)),
            Group::Weekday(column) => self.weekday(column),
            // What has no time of day is in no hour.
            Group::Hour(column) => format!(
                "substr({0}, 12, 2) || CASE WHEN length({0}) > 12 THEN ':00' END",
                self.column(column)
            ),
            Group::Each(column, grain) => {
                let day = self.day(column);
                match grain {
                    Grain::Day => day,
                    Grain::Week => format!("date({day}, 'weekday 0', '-6 days')"),
                    Grain::Month => format!("substr({day}, 1, 7)"),
                    Grain::Quarter => format!(
                        "substr({day}, 1, 4) || '-Q' || ((CAST(substr({day}, 6, 2) AS INTEGER) + 2) / 3)"
                    ),
                    Grain::Year => format!("substr({day}, 1, 4)"),
                }
            }
        }
    }

    /// What puts groups in the order of time: names of months go by their number.
    fn in_time(&self, group: &Group) -> String {
        let label = self.label(group);
        let Group::By(column) = group else {
            return label;
        };
        let name = format!("lower(rtrim({label}, '. '))");
        let months: String = (1..=12)
            .map(|month| {
                format!(
                    " WHEN {name} IN ({}) THEN {month}",
                    month_names(month).join(", ")
                )
            })
            .collect();
        format!("CASE{months} END, {}", self.column(column))
    }

    /// A row per group: `label` (and `label2`), `f1, ..`, `row_count`, in the order that was asked for.
    fn grouped(&self, question: &Question, figures: &[Figure]) -> Pair {
        let share = figures.iter().any(|figure| figure.make == Make::Share);
        let part = share
            .then(|| self.all(question.filters.iter().filter(|filter| filter.part)))
            .flatten();
        let base = self.all(
            question
                .filters
                .iter()
                .filter(|filter| !share || !filter.part),
        );
        let from = self.from();
        let labels: Vec<String> = question
            .groups
            .iter()
            .map(|group| self.label(group))
            .collect();
        let write = |inside: Option<&str>| {
            let mut out = Vec::new();
            for (at, label) in labels.iter().enumerate() {
                let name = if at == 0 { "label" } else { "label2" };
                out.push(format!("{label} AS {name}"));
            }
            for (at, figure) in figures.iter().enumerate() {
                let at = at + 1;
                if figure.make == Make::Share {
                    match &part {
                        // The part of each group.
                        Some(part) => {
                            let both = match inside {
                                Some(inside) => format!("{part} AND {inside}"),
                                None => part.clone(),
                            };
                            out.push(format!(
                                "100.0 * COALESCE({}, 0) / NULLIF({}, 0) AS f{at}",
                                self.sum(&figure.of, Some(&both)),
                                self.sum(&figure.of, inside)
                            ));
                        }
                        // Each group's part of all.
                        None => out.push(format!(
                            "100.0 * {} / NULLIF((SELECT {} FROM {from}{}), 0) AS f{at}",
                            self.sum(&figure.of, inside),
                            self.sum(&figure.of, None),
                            where_of(base.as_deref())
                        )),
                    }
                    out.push(format!("{} AS p{at}", self.sum(&figure.of, inside)));
                    continue;
                }
                let made = self.figure(figure, inside);
                if let Make::Step(_, percent) = &figure.make {
                    let order = question.groups.first().map(|group| self.in_time(group));
                    let before = format!(
                        "LAG({made}) OVER (ORDER BY {})",
                        order.unwrap_or_else(|| "1".to_owned())
                    );
                    out.push(format!("{} AS f{at}", moved(&before, &made, *percent)));
                    continue;
                }
                out.push(format!("{made} AS f{at}"));
                if let Some((some, whole)) = self.parts(figure, inside) {
                    out.push(format!("{some} AS p{at}"));
                    out.push(format!("{whole} AS w{at}"));
                }
            }
            out.push(format!("{} AS row_count", self.sum(&Measure::Rows, inside)));
            if let Some(unmatched) = self.unmatched() {
                out.push(format!("{unmatched} AS unmatched"));
            }
            out.join(", ")
        };
        let by: Vec<String> = (1..=labels.len()).map(|at| at.to_string()).collect();
        let by = by.join(", ");
        let having = question.having.as_ref().map(|test| match test {
            Test::Above(value, at) => {
                format!("f1 {} {}", if *at { ">=" } else { ">" }, literal(*value))
            }
            Test::Below(value, at) => {
                format!("f1 {} {}", if *at { "<=" } else { "<" }, literal(*value))
            }
            Test::Between(low, high) => {
                format!("f1 BETWEEN {} AND {}", literal(*low), literal(*high))
            }
            _ => "1 = 1".to_owned(),
        });
        let having = having
            .map(|test| format!(" WHERE {test}"))
            .unwrap_or_default();
        let labels = if question.groups.len() > 1 {
            "label, label2"
        } else {
            "label"
        };
        let order = match &question.order {
            Some(Order { largest, .. }) => {
                let way = if *largest { "DESC" } else { "ASC" };
                format!("f1 IS NULL, f1 {way}, {labels}")
            }
            None if question
                .groups
                .iter()
                .any(|group| !matches!(group, Group::By(_))) =>
            {
                labels.to_owned()
            }
            None => format!("f1 IS NULL, f1 DESC, {labels}"),
        };
        let limit = match &question.order {
            Some(Order {
                limit: Some(limit),
                skip,
                ..
            }) => (limit + skip + TIES).min(GROUPS),
            _ => GROUPS,
        };
        // Times without a date are in no period.
        let dated = question.groups.iter().find_map(|group| match group {
            Group::Each(column, _) | Group::Weekday(column) | Group::Hour(column) => {
                Some(format!("{} IS NOT NULL", self.column(column)))
            }
            Group::By(_) => None,
        });
        let all = if having.is_empty() {
            "*"
        } else {
            "*, COUNT(*) OVER () AS members"
        };
        let held: Vec<String> = base.clone().into_iter().chain(dated).collect();
        let held = (!held.is_empty()).then(|| held.join(" AND "));
        let inside = held.as_deref().unwrap_or("1 = 1");
        Pair {
            query: format!(
                "SELECT {all} FROM (SELECT {} FROM {from}{} GROUP BY {by}){having} ORDER BY {order} LIMIT {limit}",
                write(None),
                where_of(held.as_deref())
            ),
            again: format!(
                "SELECT {all} FROM (SELECT {} FROM {from} GROUP BY {by} HAVING {} > 0){having} ORDER BY {order} LIMIT {limit}",
                write(Some(inside)),
                self.sum(&Measure::Rows, Some(inside))
            ),
        }
    }

    /// Rows with the largest or smallest value: `line, value, c1, c2, ..`.
    fn row(&self, question: &Question, measure: &Column, by: &[Column]) -> Pair {
        let value = self.column(measure);
        let order = question.order.clone().unwrap_or(Order {
            largest: true,
            limit: Some(1),
            skip: 0,
        });
        let way = if order.largest { "DESC" } else { "ASC" };
        let line = match self.tables.all.as_slice() {
            [_, _, ..] if self.tables.stacked => "NULL".to_owned(),
            [(_, first), _, ..] => format!("{}.rowid", quote(first)),
            _ => "rowid".to_owned(),
        };
        let mut columns = vec![format!("{line} AS line"), format!("{value} AS value")];
        for (at, column) in by.iter().enumerate() {
            columns.push(format!(
                "CAST({} AS TEXT) AS c{}",
                self.column(column),
                at + 1
            ));
        }
        let tests: Vec<String> = self
            .all(question.filters.iter())
            .into_iter()
            .chain([format!("{value} IS NOT NULL")])
            .collect();
        let (from, tests) = (self.from(), tests.join(" AND "));
        let first = order.skip;
        let last = first + order.limit.unwrap_or(1).min(GROUPS) + TIES;
        let columns = columns.join(", ");
        Pair {
            query: format!(
                "SELECT {columns} FROM {from} WHERE {tests} ORDER BY {value} {way}, 1 LIMIT {} OFFSET {first}",
                last - first
            ),
            again: format!(
                "WITH o AS (SELECT {columns}, ROW_NUMBER() OVER (ORDER BY {value} {way}, {line}) AS place FROM {from} WHERE {tests}) \
                 SELECT line, value{} FROM o WHERE place > {first} AND place <= {last} ORDER BY place",
                (1..=by.len())
                    .map(|at| format!(", c{at}"))
                    .collect::<String>()
            ),
        }
    }

    /// The different values: `label, row_count`.
    fn values(&self, question: &Question, column: &Column) -> Pair {
        let label = format!("CAST({} AS TEXT)", self.column(column));
        let tests: Vec<String> = self
            .all(question.filters.iter())
            .into_iter()
            .chain([format!("{label} IS NOT NULL")])
            .collect();
        let (from, tests) = (self.from(), tests.join(" AND "));
        Pair {
            query: format!(
                "SELECT {label} AS label, COUNT(*) AS row_count, COUNT(*) OVER () AS members FROM {from} WHERE {tests} GROUP BY 1 ORDER BY 1 LIMIT {GROUPS}"
            ),
            again: format!(
                "WITH g AS (SELECT {label} AS label, COUNT(CASE WHEN {tests} THEN 1 END) AS row_count FROM {from} GROUP BY 1), k AS (SELECT * FROM g WHERE row_count > 0) \
                 SELECT label, row_count, (SELECT COUNT(*) FROM k) AS members FROM k ORDER BY 1 LIMIT {GROUPS}"
            ),
        }
    }

    /// A figure here and there: `a, b, change, growth`.
    fn versus(&self, question: &Question, figure: &Figure, from: &Filter, to: &Filter) -> Pair {
        let base = self.all(question.filters.iter());
        let (first, second) = (self.test(from), self.test(to));
        let table = self.from();
        let both = |test: &str| match &base {
            Some(base) => format!("{base} AND {test}"),
            None => test.to_owned(),
        };
        let tail = "SELECT a, b, b - a AS change, CASE WHEN a > 0 THEN 100.0 * (b - a) / a END AS growth, rows_a, rows_b FROM v";
        let (one, other) = (both(&first), both(&second));
        Pair {
            query: format!(
                "WITH v AS (SELECT {} AS a, {} AS b, {} AS rows_a, {} AS rows_b FROM {table}{}) {tail}",
                self.figure(figure, Some(&first)),
                self.figure(figure, Some(&second)),
                self.sum(&Measure::Rows, Some(&first)),
                self.sum(&Measure::Rows, Some(&second)),
                where_of(base.as_deref())
            ),
            again: format!(
                "WITH v AS (SELECT (SELECT {figure} FROM {table} WHERE {one}) AS a, (SELECT {figure} FROM {table} WHERE {other}) AS b, \
                 (SELECT COUNT(*) FROM {table} WHERE {one}) AS rows_a, (SELECT COUNT(*) FROM {table} WHERE {other}) AS rows_b) {tail}",
                figure = self.figure(figure, None)
            ),
        }
    }
}

/// What came of one figure on the way to another.
fn moved(from: &str, to: &str, percent: bool) -> String {
    if percent {
        format!("100.0 * ({to} - {from}) / NULLIF({from}, 0)")
    } else {
        format!("{to} - {from}")
    }
}

/// Conditions on the rows of a single table.
pub(crate) fn conditions(filters: &[Filter]) -> Vec<String> {
    let one = Tables {
        all: Vec::new(),
        keys: Vec::new(),
        stacked: false,
    };
    let sql = Sql::new(&one);
    filters.iter().map(|filter| sql.test(filter)).collect()
}

pub(super) fn where_of(tests: Option<&str>) -> String {
    tests
        .map(|tests| format!(" WHERE {tests}"))
        .unwrap_or_default()
}

/// A text as SQL wants it.
pub(super) fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// A number as SQL wants it; whole ones stay whole.
pub(super) fn literal(value: f64) -> String {
    if !value.is_finite() {
        return "NULL".to_owned();
    }
    format!("{value}")
}

/// How a month is written in a cell, in small letters, in the languages that goals come in.
pub(super) fn month_names(number: u8) -> Vec<String> {
    const NAMES: [&str; 12] = [
        "january jan januar jänner janvier janv enero ene",
        "february feb februar février févr fév febrero",
        "march mar märz mrz mär mars marzo",
        "april apr avril avr abril abr",
        "may mai mayo",
        "june jun juni juin junio",
        "july jul juli juillet juil julio",
        "august aug août agosto ago",
        "september sep sept septembre septiembre",
        "october oct oktober okt octobre octubre",
        "november nov novembre noviembre",
        "december dec dezember dez décembre déc diciembre dic",
    ];
    let names = usize::from(number)
        .checked_sub(1)
        .and_then(|at| NAMES.get(at))
        .copied()
        .unwrap_or_default();
    let numbers = [number.to_string(), format!("{number:02}")];
    let names = names.split(' ').map(str::to_owned).chain(numbers);
    names.map(|name| text(&name)).collect()
}
