//! Tables that nobody prepared, and what is true of them: computed from the rows as they were made up, in whole numbers, by nothing of
//! the product.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use aios_languages::english::name as called;
use aios_work::{Fact, Value};

use crate::house::Chance;

/// Groups that are named in an answer; the rest is put together.
const NAMED: usize = 12;

/// A day as year, month, day.
pub(crate) type Day = (i32, u32, u32);

/// What rows are put together by in time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Grain {
    Day,
    Month,
    Quarter,
    Year,
}

/// How the main measure is put together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Figure {
    Sum,
    Mean,
    Count,
}

/// How a table is written down.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialect {
    pub(crate) separator: char,
    pub(crate) newline: &'static str,
    pub(crate) mark: &'static str,
    pub(crate) decimal: char,
    pub(crate) group: Option<char>,
    pub(crate) before: &'static str,
    pub(crate) after: &'static str,
    /// Accountants write what is below zero in brackets.
    pub(crate) brackets: bool,
    pub(crate) missing: &'static str,
    pub(crate) day: fn(Day) -> String,
}

pub(crate) const PLAIN: Dialect = Dialect {
    separator: ',',
    newline: "\n",
    mark: "",
    decimal: '.',
    group: None,
    before: "",
    after: "",
    brackets: false,
    missing: "",
    day: |(year, month, day)| format!("{year:04}-{month:02}-{day:02}"),
};

/// A column of numbers, counted in units of its last decimal.
#[derive(Debug, Clone)]
pub(crate) struct Measure {
    pub(crate) header: &'static str,
    /// The header as facts say it.
    pub(crate) label: &'static str,
    pub(crate) decimals: u32,
    pub(crate) least: i64,
    pub(crate) most: i64,
}

/// A column of names.
#[derive(Debug, Clone)]
pub(crate) struct Category {
    pub(crate) header: &'static str,
    pub(crate) label: &'static str,
    pub(crate) names: Vec<String>,
}

/// A table to be made up.
#[derive(Debug, Clone)]
pub(crate) struct Recipe {
    pub(crate) name: &'static str,
    pub(crate) seed: u64,
    pub(crate) goal: &'static str,
    pub(crate) dialect: Dialect,
    pub(crate) rows: usize,
    /// Header, first day and how many days.
    pub(crate) date: Option<(&'static str, Day, u64)>,
    /// The main one first.
    pub(crate) measures: Vec<Measure>,
    pub(crate) categories: Vec<Category>,
    /// One cell in so many is missing; none for 0.
    pub(crate) gaps: u64,
    pub(crate) figure: Figure,
    pub(crate) grain: Option<Grain>,
    /// What the goal restricts the rows to.
    pub(crate) span: Option<(Day, Day)>,
}

#[derive(Debug, Clone)]
struct Row {
    line: u64,
    day: Option<Day>,
    values: Vec<Option<i128>>,
    names: Vec<Option<String>>,
}

/// The table as it is and as it is written.
pub(crate) struct Made {
    recipe: Recipe,
    rows: Vec<Row>,
    pub(crate) bytes: Vec<u8>,
}

/// A fraction.
#[derive(Debug, Clone, Copy)]
struct Ratio(i128, i128);

impl Ratio {
    fn minus(self, other: Self) -> Self {
        Self(self.0 * other.1 - other.0 * self.1, self.1 * other.1)
    }

    fn percent_of(self, whole: Self) -> Self {
        Self(100 * self.0 * whole.1, self.1 * whole.0)
    }

    fn order(self, other: Self) -> Ordering {
        (self.0 * other.1).cmp(&(other.0 * self.1))
    }

    /// Whether a figure is this number: to the last digit where it has an end and is made of such, else to twelve digits.
    fn is(self, figure: &Value, of_ends: bool) -> bool {
        match figure {
            Value::Integer(whole) => self.0 == i128::from(*whole) * self.1,
            Value::Real(real) => {
                let shown = format!("{real}");
                let (whole, part) = shown.split_once('.').unwrap_or((&shown, ""));
                let digits: Option<i128> = format!("{whole}{part}").parse().ok();
                let exact = digits.is_some_and(|digits| {
                    Some(digits * self.1)
                        == 10_i128
                            .checked_pow(part.len() as u32)
                            .map(|ten| ten * self.0)
                });
                let near = self.0 as f64 / self.1 as f64;
                let ends =
                    of_ends && (1..=6).any(|places| (self.0 * 10_i128.pow(places)) % self.1 == 0);
                exact || (!ends && (real - near).abs() <= 1e-12 * near.abs())
            }
            Value::Text(_) => false,
        }
    }
}

fn next_day((year, month, day): Day) -> Day {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let long = [
        31,
        if leap { 29 } else { 28 },
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ][month as usize - 1];
    match (month, day) {
        (12, 31) => (year + 1, 1, 1),
        _ if day == long => (year, month + 1, 1),
        _ => (year, month, day + 1),
    }
}

fn period((year, month, day): Day, grain: Grain) -> String {
    match grain {
        Grain::Day => format!("{year:04}-{month:02}-{day:02}"),
        Grain::Month => format!("{year:04}-{month:02}"),
        Grain::Quarter => format!("{year:04}-Q{}", month.div_ceil(3)),
        Grain::Year => format!("{year:04}"),
    }
}

fn written(value: i128, decimals: u32, dialect: &Dialect) -> String {
    let ten = 10_i128.pow(decimals);
    let (size, below) = (value.abs(), value < 0);
    let mut whole = (size / ten).to_string();
    // Money is grouped; a count of 1.234 pieces would be anybody's guess.
    if let (Some(group), true) = (dialect.group, decimals > 0) {
        let mut at = whole.len();
        while at > 3 {
            at -= 3;
            whole.insert(at, group);
        }
    }
    let part = if decimals == 0 {
        String::new()
    } else {
        format!(
            "{}{:0width$}",
            dialect.decimal,
            size % ten,
            width = decimals as usize
        )
    };
    let (before, after) = if decimals == 0 {
        ("", "")
    } else {
        (dialect.before, dialect.after)
    };
    match (below, dialect.brackets) {
        (true, true) => format!("({before}{whole}{part}{after})"),
        (true, false) => format!("-{before}{whole}{part}{after}"),
        (false, _) => format!("{before}{whole}{part}{after}"),
    }
}

fn cell(text: &str, separator: char) -> String {
    if text.contains(['"', '\n', '\r', separator]) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

impl Recipe {
    pub(crate) fn make(self) -> Made {
        let mut chance = Chance::new(self.seed);
        let days: Vec<Day> = self
            .date
            .map(|(_, first, count)| {
                std::iter::successors(Some(first), |day| Some(next_day(*day)))
                    .take(count as usize)
                    .collect()
            })
            .unwrap_or_default();
        let dialect = self.dialect;
        let separator = dialect.separator.to_string();
        let mut text = dialect.mark.to_owned();
        let headers = self.date.iter().map(|date| date.0);
        let headers = headers
            .chain(self.categories.iter().map(|one| one.header))
            .chain(self.measures.iter().map(|one| one.header));
        text += &headers
            .map(|header| cell(header, dialect.separator))
            .collect::<Vec<_>>()
            .join(&separator);
        text += dialect.newline;
        let header_lines = text.matches('\n').count() as u64;
        let mut rows = Vec::with_capacity(self.rows);
        for at in 0..self.rows {
            let lost = |chance: &mut Chance| self.gaps > 0 && chance.below(self.gaps) == 0;
            // In order of time with some disorder, the first and the last day included.
            let day = match days.len() {
                0 => None,
                count => Some(days[(at * (count - 1) / (self.rows - 1).max(1)).min(count - 1)]),
            };
            let day = day.filter(|_| !lost(&mut chance));
            let names: Vec<Option<String>> = self
                .categories
                .iter()
                .map(|one| (!lost(&mut chance)).then(|| chance.one_of(&one.names).clone()))
                .collect();
            let values: Vec<Option<i128>> = self
                .measures
                .iter()
                .map(|one| {
                    let value = one.least + chance.below((one.most - one.least) as u64) as i64;
                    // Now and then one that is far from the others.
                    let far = if chance.below(97) == 0 { 9 } else { 1 };
                    (!lost(&mut chance)).then_some(i128::from(value * far))
                })
                .collect();
            let mut cells: Vec<String> = Vec::new();
            if self.date.is_some() {
                cells.push(day.map_or(dialect.missing.to_owned(), dialect.day));
            }
            cells.extend(
                names
                    .iter()
                    .map(|name| name.clone().unwrap_or(dialect.missing.to_owned())),
            );
            for (value, measure) in values.iter().zip(&self.measures) {
                cells.push(value.map_or(dialect.missing.to_owned(), |value| {
                    written(value, measure.decimals, &dialect)
                }));
            }
            text += &cells
                .iter()
                .map(|text| cell(text, dialect.separator))
                .collect::<Vec<_>>()
                .join(&separator);
            text += dialect.newline;
            rows.push(Row {
                line: header_lines + at as u64 + 1,
                day,
                values,
                names,
            });
        }
        Made {
            recipe: self,
            rows,
            bytes: text.into_bytes(),
        }
    }
}

impl Made {
    fn used(&self) -> Vec<&Row> {
        let span = self.recipe.span;
        let within = |row: &&Row| {
            span.is_none_or(|(from, until)| {
                row.day.is_some_and(|day| (from..=until).contains(&day))
            })
        };
        self.rows.iter().filter(within).collect()
    }

    /// The main measure as facts say it.
    fn label(&self) -> &'static str {
        if self.recipe.figure == Figure::Count {
            "rows"
        } else {
            self.recipe.measures[0].label
        }
    }

    fn figure_name(&self) -> String {
        match self.recipe.figure {
            Figure::Sum => format!("total {}", self.label()),
            Figure::Mean => format!("average {}", self.label()),
            Figure::Count => "rows".to_owned(),
        }
    }

    fn sum(&self, measure: usize, rows: &[&Row]) -> Option<Ratio> {
        let values: Vec<i128> = rows.iter().filter_map(|row| row.values[measure]).collect();
        (!values.is_empty()).then(|| {
            Ratio(
                values.iter().sum(),
                10_i128.pow(self.recipe.measures[measure].decimals),
            )
        })
    }

    /// The main figure of some rows.
    fn figure(&self, rows: &[&Row]) -> Option<Ratio> {
        match self.recipe.figure {
            Figure::Count => Some(Ratio(rows.len() as i128, 1)),
            Figure::Sum => self.sum(0, rows),
            Figure::Mean => {
                let count = rows.iter().filter(|row| row.values[0].is_some()).count() as i128;
                self.sum(0, rows).map(|sum| Ratio(sum.0, sum.1 * count))
            }
        }
    }

    /// Rows per period, in order of time.
    fn periods(&self) -> BTreeMap<String, Vec<&Row>> {
        let mut periods: BTreeMap<String, Vec<&Row>> = BTreeMap::new();
        if let Some(grain) = self.recipe.grain {
            for row in self.used() {
                if let Some(day) = row.day {
                    periods.entry(period(day, grain)).or_default().push(row);
                }
            }
        }
        periods
    }

    /// Rows per name of a category.
    fn groups(&self, category: usize) -> BTreeMap<String, Vec<&Row>> {
        let mut groups: BTreeMap<String, Vec<&Row>> = BTreeMap::new();
        for row in self.used() {
            groups
                .entry(
                    row.names[category]
                        .clone()
                        .unwrap_or("(missing)".to_owned()),
                )
                .or_default()
                .push(row);
        }
        groups
    }

    /// Values that stand far from the others, with their lines; counts of periods where rows are counted.
    fn far(&self) -> BTreeSet<(u64, i128)> {
        let values: Vec<(u64, i128)> = match self.recipe.figure {
            Figure::Count => self
                .periods()
                .values()
                .map(|rows| (0, rows.len() as i128))
                .collect(),
            _ => self
                .used()
                .iter()
                .filter_map(|row| Some((row.line, row.values[0]?)))
                .collect(),
        };
        let middle = |sorted: &mut Vec<i128>| {
            sorted.sort_unstable();
            sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]
        };
        if values.len() < 8 {
            return BTreeSet::new();
        }
        let twice_median = middle(&mut values.iter().map(|(_, value)| *value).collect());
        let away = |value: i128| (2 * value - twice_median).abs();
        let mut distances: Vec<i128> = values.iter().map(|(_, value)| away(*value)).collect();
        let four_mad = middle(&mut distances);
        let all: i128 = distances.iter().sum();
        let is_far = |value: i128| match four_mad {
            0 => all > 0 && away(value) * distances.len() as i128 * 1_000_000 > 4_386_599 * all,
            _ => 20_000 * away(value) > 51_891 * four_mad,
        };
        values
            .into_iter()
            .filter(|(_, value)| is_far(*value))
            .collect()
    }

    /// Checks one fact; says what is wrong with it.
    fn check_fact(
        &self,
        fact: &Fact,
        named: &BTreeMap<usize, BTreeSet<String>>,
    ) -> Result<(), String> {
        let name = called(fact);
        let name = name.as_str();
        let used = self.used();
        let figure = self.figure_name();
        let label = self.label();
        let decimals = self
            .recipe
            .measures
            .first()
            .map_or(0, |measure| measure.decimals);
        let whole = |count: usize| Some(Some(Ratio(count as i128, 1)));
        let periods = self.periods();
        let expected: Option<Option<Ratio>> = if name == "rows" {
            whole(used.len())
        } else if name == figure {
            Some(self.figure(&used))
        } else if name == "rows without date" {
            whole(used.iter().filter(|row| row.day.is_none()).count())
        } else if name == format!("{figure} without date") {
            let undated: Vec<&Row> = used
                .iter()
                .copied()
                .filter(|row| row.day.is_none())
                .collect();
            Some(self.figure(&undated))
        } else if let Some(rows) = name
            .strip_prefix(&format!("{figure} "))
            .and_then(|rest| periods.get(rest))
        {
            Some(self.figure(rows))
        } else if name == format!("missing {label}") {
            whole(used.iter().filter(|row| row.values[0].is_none()).count())
        } else if name == format!("outliers {label}") {
            whole(self.far().len())
        } else {
            (1..self.recipe.measures.len())
                .find(|at| name == format!("total {}", self.recipe.measures[*at].label))
                .map(|at| self.sum(at, &used))
        };
        let expected = expected.or_else(|| {
            if self.recipe.figure == Figure::Count {
                return None;
            }
            let mut values: Vec<i128> = used.iter().filter_map(|row| row.values[0]).collect();
            values.sort_unstable();
            let ten = 10_i128.pow(decimals);
            Some(Some(match name.strip_suffix(&format!(" {label}"))? {
                "average" => Ratio(values.iter().sum(), ten * values.len() as i128),
                "median" => Ratio(
                    values[(values.len() - 1) / 2] + values[values.len() / 2],
                    2 * ten,
                ),
                "lowest" => Ratio(values[0], ten),
                "highest" => Ratio(values[values.len() - 1], ten),
                _ => return None,
            }))
        });
        let expected = expected.or_else(|| {
            let (what, rest) = ["change", "growth"]
                .iter()
                .find_map(|what| Some((*what, name.strip_prefix(&format!("{what} {label} "))?)))?;
            let (from, to) = rest.split_once(" to ")?;
            let (before, after) = (
                self.figure(periods.get(from)?)?,
                self.figure(periods.get(to)?)?,
            );
            let change = after.minus(before);
            Some(match what {
                "change" => Some(change),
                // Growth on nothing, or on a loss, is not a number.
                _ => (before.0 > 0).then(|| change.percent_of(before)),
            })
        });
        let expected = expected.or_else(|| {
            let line: u64 = name
                .strip_prefix(&format!("outlier {label}"))?
                .rsplit_once(" line ")?
                .1
                .parse()
                .ok()?;
            self.far()
                .into_iter()
                .find(|(at, _)| *at == line)
                .map(|(_, value)| Some(Ratio(value, 10_i128.pow(decimals))))
        });
        let expected = expected.or_else(|| {
            let rows = periods.get(name.strip_prefix(&format!("outlier {label} "))?)?;
            let count = rows.len() as i128;
            self.far()
                .contains(&(0, count))
                .then_some(Some(Ratio(count, 1)))
        });
        let expected = expected.or_else(|| {
            self.recipe
                .categories
                .iter()
                .enumerate()
                .find_map(|(at, category)| {
                    let groups = self.groups(at);
                    let rest: Vec<&Row> = groups
                        .iter()
                        .filter(|(name, _)| !named[&at].contains(*name))
                        .flat_map(|(_, rows)| rows.clone())
                        .collect();
                    let rows_of = |name: &str| {
                        if name == "(all others)" {
                            Some(&rest)
                        } else {
                            groups.get(name)
                        }
                    };
                    if name == format!("count of {} (all others)", category.label) {
                        return Some(Some(Ratio((groups.len() - named[&at].len()) as i128, 1)));
                    }
                    if let Some(rows) = name
                        .strip_prefix(&format!("{figure} {} ", category.label))
                        .and_then(rows_of)
                    {
                        return Some(self.figure(rows));
                    }
                    let rows = name
                        .strip_prefix(&format!("share {label} {} ", category.label))
                        .and_then(rows_of)?;
                    Some(
                        self.figure(rows)
                            .zip(self.figure(&used))
                            .map(|(part, all)| part.percent_of(all)),
                    )
                })
        });
        match expected {
            None => Err(format!("{name} is known to nobody")),
            Some(None)
                if fact
                    .value
                    .as_str()
                    .is_some_and(|text| text.starts_with("not defined")) =>
            {
                Ok(())
            }
            Some(Some(ratio)) if ratio.is(&fact.value, self.recipe.figure != Figure::Mean) => {
                Ok(())
            }
            Some(other) => Err(format!(
                "{name} is {:?} in the answer, {other:?} in truth",
                fact.value
            )),
        }
    }

    /// Checks that every figure of an answer is true, and that none that belongs into it is left out.
    pub(crate) fn check(&self, facts: &[Fact]) {
        let who = format!("{} (seed {})", self.recipe.name, self.recipe.seed);
        let stated: BTreeSet<String> = facts.iter().map(called).collect();
        let figure = self.figure_name();
        let mut due: Vec<String> = vec![figure.clone(), "rows".to_owned()];
        let periods = self.periods();
        due.extend(
            periods
                .iter()
                .filter(|(_, rows)| self.figure(rows).is_some())
                .map(|(period, _)| format!("{figure} {period}")),
        );
        let order: Vec<&String> = periods.keys().collect();
        due.extend(
            order
                .windows(2)
                .map(|two| format!("growth {} {} to {}", self.label(), two[0], two[1])),
        );
        due.extend(
            self.recipe
                .measures
                .iter()
                .skip(1)
                .take(3)
                .map(|measure| format!("total {}", measure.label)),
        );

        let mut named = BTreeMap::new();
        for (at, category) in self.recipe.categories.iter().enumerate() {
            let mut groups: Vec<(String, Option<Ratio>)> = self
                .groups(at)
                .into_iter()
                .map(|(name, rows)| (name, self.figure(&rows)))
                .collect();
            groups.sort_by(|(_, a), (_, b)| match (a, b) {
                (Some(a), Some(b)) => b.order(*a),
                (a, b) => b.is_some().cmp(&a.is_some()),
            });
            let first: BTreeSet<String> = groups
                .iter()
                .take(NAMED)
                .map(|(name, _)| name.clone())
                .collect();
            if groups.len() > NAMED {
                due.push(format!("{figure} {} (all others)", category.label));
            }
            due.extend(
                groups
                    .iter()
                    .take(NAMED)
                    .filter(|(_, value)| value.is_some())
                    .map(|(name, _)| format!("{figure} {} {name}", category.label)),
            );
            named.insert(at, first);
        }
        for name in &due {
            assert!(
                stated.contains(name.as_str()),
                "{who}: {name:?} is missing among {stated:#?}"
            );
        }
        let wrong: Vec<String> = facts
            .iter()
            .filter_map(|fact| self.check_fact(fact, &named).err())
            .collect();
        assert!(wrong.is_empty(), "{who}: {wrong:#?}");
    }
}
