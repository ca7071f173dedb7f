//! Results read into facts. Each task says how its result is read.

use std::collections::BTreeMap;

use aios_languages::english::figures::dusted;
use aios_work::{
    Fact, FactKind, Grain, Period, Plan, Source, Statistic, Subject, Task, Value as FactValue, When,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::analysis::Analysis;
use super::columns::{Aggregate, label};
use super::findings::{Findings, Line, NO_VALUE, Odd, REST, Step};
use crate::results::Rows;

/// How a task's result becomes facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reading {
    /// A table's profile.
    Profile,
    /// Values of a table that the goal names.
    Values,
    /// The answer to what is asked.
    Asked,
    /// Rows, missing cells, totals.
    Totals,
    /// Mean, median, smallest, largest.
    Spread,
    /// Totals per period.
    Periods,
    /// Steps from period to period.
    Growth,
    /// Totals per value of a column.
    Category {
        /// The column.
        column: String,
    },
    /// Values far from the others.
    Outliers,
    /// The value of an expression.
    Arithmetic,
    /// A drawing.
    Chart,
    /// The closing paragraph.
    Paragraph,
}

impl Reading {
    /// How a task of ours is read; none for a task that somebody else planned.
    #[must_use]
    pub fn of(task: &Task) -> Option<Self> {
        Self::deserialize(&task.meaning).ok()
    }

    /// What a task says so with.
    #[must_use]
    pub fn meaning(&self) -> Value {
        // A name and at most a column's name always have a JSON form.
        serde_json::to_value(self).unwrap_or_default()
    }
}

impl Findings {
    /// Reads the results of a plan: `outputs` holds each finished task's value by task id.
    #[must_use]
    pub fn read(plan: &Plan, analysis: &Analysis, outputs: &BTreeMap<String, Value>) -> Self {
        let mut findings = Self::default();
        for task in &plan.tasks {
            let Some(reading) = Reading::of(task) else {
                continue;
            };
            let Some(output) = outputs.get(&task.id) else {
                // A closing paragraph has its template, and a chart may have had nothing to draw: its point says so.
                if !matches!(
                    reading,
                    Reading::Paragraph | Reading::Profile | Reading::Values
                ) {
                    findings.gaps.push(Self::gap(plan, task));
                }
                continue;
            };
            findings.take(&reading, analysis, task, output);
        }
        findings.forget_repeats();
        findings.gaps.extend(analysis.gaps.iter().cloned());
        findings
    }

    /// A task that was answered by something simpler may say again what another has said.
    fn forget_repeats(&mut self) {
        let again: Vec<bool> = {
            let mut told = BTreeMap::new();
            let facts = self.facts.iter();
            facts
                .map(|fact| told.insert(fact.states(), &fact.value) == Some(&fact.value))
                .collect()
        };
        let mut again = again.into_iter();
        self.facts.retain(|_| !again.next().unwrap_or(false));
    }

    /// Takes in what a task gave.
    fn take(&mut self, reading: &Reading, analysis: &Analysis, task: &Task, output: &Value) {
        let Some(rows) = Rows::read(output) else {
            return;
        };
        let given = Given {
            rows: &rows,
            analysis,
            source: source(analysis, task),
        };
        match reading {
            Reading::Totals => self.take_totals(&given),
            Reading::Spread => self.take_spread(&given),
            Reading::Periods => self.take_periods(&given),
            Reading::Growth => self.take_growth(&given),
            Reading::Category { column } => self.take_category(&given, column),
            Reading::Outliers => self.take_outliers(&given),
            Reading::Arithmetic => self.take_arithmetic(&given),
            Reading::Profile
            | Reading::Values
            | Reading::Asked
            | Reading::Chart
            | Reading::Paragraph => {}
        }
    }

    fn take_totals(&mut self, given: &Given<'_>) {
        let Given { rows, analysis, .. } = given;
        let mut pen = given.pen(&mut self.facts);
        self.rows = whole(rows.cell(0, "row_count"));
        self.missing = whole(rows.cell(0, "missing")).filter(|_| analysis.measure.is_some());
        self.total = rows.number(0, "total").map(dusted);
        if analysis.measure.is_some() {
            pen.cell(What::figure(analysis), 0, "total");
        }
        pen.cell(What::of(Statistic::Rows, analysis), 0, "row_count");
        if let Some(missing) = self.missing {
            let what = What::of(Statistic::Missing, analysis);
            pen.put(what, count(missing), rows.pointer(0, "missing"));
        }
        for (at, (name, unit)) in analysis.more_measures.iter().enumerate() {
            let column = format!("more_{}", at + 1);
            let what = What {
                measure: Some(label(name)),
                unit: unit.clone(),
                ..What::of(Statistic::Total, analysis)
            };
            pen.cell(what, 0, &column);
            let value = rows.number(0, &column);
            self.more
                .extend(value.map(|value| (label(name), unit.clone(), dusted(value))));
        }
        if let Some(dateless) = whole(rows.cell(0, "undated_rows")).filter(|rows| *rows > 0) {
            let undated = |what: What| what.when(When::Undated);
            pen.cell(
                undated(What::of(Statistic::Rows, analysis)),
                0,
                "undated_rows",
            );
            pen.cell(undated(What::figure(analysis)), 0, "undated");
            self.undated = Some((dateless, rows.number(0, "undated").map(dusted)));
        }
    }

    fn take_spread(&mut self, given: &Given<'_>) {
        let Given { rows, analysis, .. } = given;
        let mut pen = given.pen(&mut self.facts);
        for (statistic, column) in [
            (Statistic::Mean, "mean"),
            (Statistic::Median, "median"),
            (Statistic::Least, "least"),
            (Statistic::Greatest, "greatest"),
        ] {
            // Where the figure itself is the mean, the totals have said it.
            if statistic != Statistic::Mean || analysis.aggregate != Aggregate::Mean {
                pen.cell(What::of(statistic, analysis), 0, column);
            }
        }
        let all = ["mean", "median", "least", "greatest"].map(|column| rows.number(0, column));
        if let [Some(mean), Some(median), Some(least), Some(greatest)] = all {
            self.spread = Some([dusted(mean), dusted(median), least, greatest]);
        }
    }

    fn take_periods(&mut self, given: &Given<'_>) {
        let Given { rows, analysis, .. } = given;
        let mut pen = given.pen(&mut self.facts);
        for at in 0..rows.rows.len() {
            let Some(key) = rows.cell(at, "period").as_str() else {
                continue;
            };
            pen.cell(
                What::figure(analysis).during(analysis.period_grain(), key),
                at,
                "total",
            );
            self.periods.push(line(rows, at, key.to_owned()));
        }
    }

    fn take_growth(&mut self, given: &Given<'_>) {
        let Given { rows, .. } = given;
        let mut pen = given.pen(&mut self.facts);
        for at in 0..rows.rows.len() {
            let Some(step) = step(rows, at) else {
                continue;
            };
            pen.step(&step, at);
            if rows.number(at, "overall") == Some(1.0) {
                self.overall = Some(step);
            } else {
                self.steps.push(step);
            }
        }
        if self.overall.is_none()
            && let [only] = self.steps.as_slice()
        {
            self.overall = Some(only.clone());
        }
    }

    fn take_category(&mut self, given: &Given<'_>, column: &str) {
        let Given { rows, analysis, .. } = given;
        let mut pen = given.pen(&mut self.facts);
        let kind = label(column);
        let mut lines = Vec::new();
        for at in 0..rows.rows.len() {
            let rest = rows.number(at, "other") == Some(1.0);
            let name = match rows.cell(at, "label") {
                Value::String(name) => name.clone(),
                _ if rest => REST.to_owned(),
                _ => NO_VALUE.to_owned(),
            };
            pen.cell(What::figure(analysis).about(&kind, &name), at, "total");
            if let Some(share) = rows.number(at, "share") {
                let what = What::of(Statistic::Share, analysis).about(&kind, &name);
                let value = FactValue::from(dusted(share));
                pen.put(what, value, rows.pointer(at, "share"));
            }
            if rest {
                let members = whole(rows.cell(at, "members")).unwrap_or(0);
                let what = What::of(Statistic::Members, analysis).about(&kind, REST);
                pen.put(what, count(members), rows.pointer(at, "members"));
            }
            lines.push(line(rows, at, name));
        }
        self.categories.push((column.to_owned(), lines));
    }

    fn take_outliers(&mut self, given: &Given<'_>) {
        let Given { rows, analysis, .. } = given;
        let mut pen = given.pen(&mut self.facts);
        let mut found = Vec::new();
        for at in 0..rows.rows.len() {
            let Some(value) = rows.number(at, "value") else {
                continue;
            };
            let text = |column: &str| rows.cell(at, column).as_str().map(str::to_owned);
            let odd = Odd {
                line: whole(rows.cell(at, "line")),
                day: text("day"),
                label: text("label"),
                value,
            };
            let mut what = What::of(Statistic::Outlier, analysis);
            what.row = odd.line;
            if let Some(day) = &odd.day {
                what = what.during(analysis.outlier_grain(), day);
            }
            pen.cell(what, at, "value");
            self.odd_count = whole(rows.cell(at, "found")).unwrap_or(0);
            found.push(odd);
        }
        let what = What::of(Statistic::Outliers, analysis);
        pen.put(what, count(self.odd_count), rows.pointer(0, "found"));
        self.odd = Some(found);
    }

    fn take_arithmetic(&mut self, given: &Given<'_>) {
        let Given { rows, analysis, .. } = given;
        let value = rows
            .number(0, "result")
            .filter(|value| value.is_finite())
            .map(dusted);
        let mut what = What::of(Statistic::Computed, analysis);
        if let Some(expression) = &analysis.expression {
            what = what.about(EXPRESSION, &expression.shown);
        }
        let said = value.map_or_else(|| FactValue::from("not defined"), number);
        given
            .pen(&mut self.facts)
            .put(what, said, rows.pointer(0, "result"));
        self.computed = Some(value);
    }
}

/// What a fact about a calculation is about.
const EXPRESSION: &str = "expression";

/// The value of what was to be calculated, as a kind of facts.
pub(super) fn computed() -> FactKind {
    FactKind::whole(Statistic::Computed, None).per(EXPRESSION)
}

/// A query's result, with all that its facts need.
struct Given<'a> {
    rows: &'a Rows,
    analysis: &'a Analysis,
    source: Source,
}

impl Given<'_> {
    fn pen<'p>(&'p self, facts: &'p mut Vec<Fact>) -> Pen<'p> {
        Pen {
            facts,
            rows: self.rows,
            analysis: self.analysis,
            source: &self.source,
        }
    }
}

/// Where a task's facts come from: the query, or the tool that was called.
fn source(analysis: &Analysis, task: &Task) -> Source {
    let query = task.args.get("query").and_then(Value::as_str);
    let query = query.unwrap_or(&task.tool);
    let text = match analysis.file.as_deref() {
        None | Some("") => query.to_owned(),
        Some(file) => format!("{file}: {query}"),
    };
    Source {
        task: Some(task.id.clone()),
        ..Source::from(text)
    }
}

/// A fact without its value.
struct What {
    subject: Vec<Subject>,
    measure: Option<String>,
    statistic: Statistic,
    period: Option<When>,
    unit: Option<String>,
    row: Option<u64>,
}

impl What {
    /// A statistic of the measure over everything.
    fn of(statistic: Statistic, analysis: &Analysis) -> Self {
        // Rows that are counted have no unit, and what is counted is no measure.
        let (measure, unit) = match statistic {
            Statistic::Rows | Statistic::Members | Statistic::Computed => (None, None),
            Statistic::Missing | Statistic::Outliers => (analysis.measure_name(), None),
            Statistic::Growth | Statistic::Share => (analysis.measure_name(), Some("%".to_owned())),
            _ => {
                let unit = analysis.unit.clone();
                let measured = analysis.measure.is_some();
                (analysis.measure_name(), unit.filter(|_| measured))
            }
        };
        Self {
            subject: Vec::new(),
            measure,
            statistic,
            period: None,
            unit,
            row: None,
        }
    }

    /// The figure that the goal asks for, over everything.
    fn figure(analysis: &Analysis) -> Self {
        Self::of(analysis.figure().statistic, analysis)
    }

    fn about(mut self, kind: &str, name: &str) -> Self {
        self.subject.push(Subject {
            name: name.to_owned(),
            kind: kind.to_owned(),
        });
        self
    }

    fn when(self, period: When) -> Self {
        Self {
            period: Some(period),
            ..self
        }
    }

    /// In one period. What is no key of the calendar is a name like any other.
    fn during(self, grain: Grain, key: &str) -> Self {
        match Period::read(grain, key) {
            Some(period) => self.when(When::During(period)),
            None => self.about(grain.as_str(), key),
        }
    }

    /// From one period to another.
    fn between(self, grain: Grain, from: &str, to: &str) -> Self {
        match (Period::read(grain, from), Period::read(grain, to)) {
            (Some(from), Some(to)) => self.when(When::Between { from, to }),
            _ => self.about(grain.as_str(), from).about(grain.as_str(), to),
        }
    }
}

/// Writes facts of one source.
struct Pen<'a> {
    facts: &'a mut Vec<Fact>,
    rows: &'a Rows,
    analysis: &'a Analysis,
    source: &'a Source,
}

impl Pen<'_> {
    fn put(&mut self, what: What, value: FactValue, at: Option<String>) {
        let What {
            subject,
            measure,
            statistic,
            period,
            unit,
            row,
        } = what;
        let source = Source {
            at,
            row,
            ..self.source.clone()
        };
        // What is not defined has no unit.
        let unit = unit.filter(|_| value.as_str().is_none());
        self.facts.push(Fact {
            subject,
            measure,
            statistic,
            period,
            value,
            unit,
            source,
        });
    }

    /// A number as the result has it: whole numbers stay whole. A cell without a value makes no fact.
    fn cell(&mut self, what: What, at: usize, column: &str) {
        let cell = self.rows.cell(at, column);
        let pointer = self.rows.pointer(at, column);
        if let Some(whole) = cell.as_i64() {
            self.put(what, FactValue::Integer(whole), pointer);
        } else if let Some(value) = cell.as_f64().filter(|value| value.is_finite()) {
            self.put(what, FactValue::from(dusted(value)), pointer);
        }
    }

    /// A change in the measure's unit and in percent, or why there is none in percent.
    fn step(&mut self, step: &Step, at: usize) {
        let Step { from, to, .. } = step;
        let what = |statistic: Statistic, pen: &Self| {
            What::of(statistic, pen.analysis).between(pen.analysis.period_grain(), from, to)
        };
        let (change, growth) = (what(Statistic::Change, self), what(Statistic::Growth, self));
        match (self.rows.cell(at, "change").as_i64(), step.change) {
            (None, Some(value)) => {
                let pointer = self.rows.pointer(at, "change");
                self.put(change, FactValue::from(value), pointer);
            }
            _ => self.cell(change, at, "change"),
        }
        let value = match (step.growth, self.rows.number(at, "before")) {
            (Some(growth), _) => FactValue::from(growth),
            (None, Some(0.0)) => FactValue::Text(format!("not defined: {from} is zero")),
            (None, Some(_)) => FactValue::Text(format!("not defined: {from} is negative")),
            (None, None) => FactValue::Text(format!("not defined: {from} has no value")),
        };
        let pointer = self.rows.pointer(at, "growth");
        self.put(growth, value, pointer);
    }
}

/// The step that a row of a result is.
fn step(rows: &Rows, at: usize) -> Option<Step> {
    let (from, to) = rows
        .cell(at, "start")
        .as_str()
        .zip(rows.cell(at, "finish").as_str())?;
    let ends = rows.number(at, "before").zip(rows.number(at, "after"));
    let change = ends.map(|(before, after)| difference(before, after));
    let growth = rows.number(at, "growth").map(|growth| {
        let whole = change.zip(ends.map(|(before, _)| dusted(before)));
        dusted(whole.map_or(growth, |(change, before)| 100.0 * change / before))
    });
    Some(Step {
        from: from.to_owned(),
        to: to.to_owned(),
        change,
        growth,
    })
}

fn count(number: u64) -> FactValue {
    FactValue::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

/// What a person gets who subtracts the two figures as they are written. Where large figures are close, the difference has fewer good
/// digits than they have: it ends where they end, and at their fourteenth digit at the latest.
fn difference(before: f64, after: f64) -> f64 {
    let (before, after) = (dusted(before), dusted(after));
    let decimals = |value: f64| {
        format!("{value}")
            .split_once('.')
            .map_or(0, |(_, part)| part.len())
    };
    let size = before
        .abs()
        .max(after.abs())
        .max(f64::MIN_POSITIVE)
        .log10()
        .floor() as i64;
    let good = usize::try_from(13 - size).unwrap_or(0);
    let most = decimals(before).max(decimals(after)).min(good);
    let change = after - before;
    dusted(format!("{change:.most$}").parse().unwrap_or(change))
}

fn number(value: f64) -> FactValue {
    // Whole numbers that a double holds exactly.
    if value.fract() == 0.0 && value.abs() < 9e15 {
        FactValue::Integer(value as i64)
    } else {
        FactValue::from(value)
    }
}

fn whole(cell: &Value) -> Option<u64> {
    cell.as_u64().or_else(|| {
        cell.as_f64()
            .filter(|value| *value >= 0.0 && value.fract() == 0.0 && *value < 9e15)
            .map(|value| value as u64)
    })
}

fn line(rows: &Rows, at: usize, name: String) -> Line {
    Line {
        name,
        value: rows.number(at, "total").map(dusted),
        rows: whole(rows.cell(at, "row_count")).unwrap_or(0),
        share: rows.number(at, "share").map(dusted),
    }
}
