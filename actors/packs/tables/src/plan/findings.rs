//! Results read into facts. Each task says how its result is read; a fact's name follows the grammar that the critic knows.

use std::borrow::Cow;
use std::collections::BTreeMap;

use aios_work::{Fact, Value as FactValue};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::analysis::Analysis;
use super::columns::label;
use super::document::{self, Digest};
use super::intent::Intent;
use crate::results::Rows;
use aios_languages::english::figures::dusted;
use aios_work::Goal;
use aios_work::{Evidence, Subject, TextKind};
use aios_work::{Plan, Point, Task};

/// How a task's result becomes facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reading {
    /// A table's profile.
    Profile,
    /// A document's text.
    Document,
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

/// A figure of a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The group's name.
    pub name: String,
    /// Its figure; none where no row has a value.
    pub value: Option<f64>,
    /// Its rows.
    pub rows: u64,
    /// Its part of the whole in percent, where that means something.
    pub share: Option<f64>,
}

/// A step from one period to another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The period before.
    pub from: String,
    /// The period after.
    pub to: String,
    /// The difference.
    pub change: Option<f64>,
    /// The difference in percent of what was before; none unless that is above zero.
    pub growth: Option<f64>,
}

/// A value far from the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Odd {
    /// Its line in the file; none for a period.
    pub line: Option<u64>,
    /// When.
    pub day: Option<String>,
    /// Of which category.
    pub label: Option<String>,
    /// The value.
    pub value: f64,
}

/// Everything that was found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// All facts, in the order of the report.
    pub facts: Vec<Fact>,
    /// Rows used.
    pub rows: Option<u64>,
    /// Cells without a value.
    pub missing: Option<u64>,
    /// The figure over all rows.
    pub total: Option<f64>,
    /// Rows without a date, and what they sum to.
    pub undated: Option<(u64, Option<f64>)>,
    /// Further measures and their totals.
    pub more: Vec<(String, Option<String>, f64)>,
    /// Mean, median, smallest, largest.
    pub spread: Option<[f64; 4]>,
    /// Figures per period.
    pub periods: Vec<Line>,
    /// Steps from period to period.
    pub steps: Vec<Step>,
    /// From the first period to the last.
    pub overall: Option<Step>,
    /// Figures per category: column and lines.
    pub categories: Vec<(String, Vec<Line>)>,
    /// Values far from the others; none if that was not computed.
    pub odd: Option<Vec<Odd>>,
    /// How many such values there are.
    pub odd_count: u64,
    /// What was read of a document.
    pub document: Option<Digest>,
    /// The value of an expression; none where it is not defined.
    pub computed: Option<Option<f64>>,
    /// Points for which there is no result.
    pub gaps: Vec<String>,
}

/// What a missing cell of a category is called.
pub const NO_VALUE: &str = "(missing)";
/// What the categories beyond the largest are called.
pub const REST: &str = "(all others)";

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
                if !matches!(reading, Reading::Paragraph | Reading::Profile) {
                    findings.gaps.push(Self::gap(plan, task));
                }
                continue;
            };
            let query = task
                .args
                .get("query")
                .and_then(Value::as_str)
                .unwrap_or(&task.tool);
            let file = analysis.file.as_deref().unwrap_or("");
            let source = if file.is_empty() {
                query.to_owned()
            } else {
                format!("{file}: {query}")
            };
            let whole = match reading {
                Reading::Document => document::whole(&task.id, output, outputs),
                _ => Cow::Borrowed(output),
            };
            findings.take(&reading, analysis, &whole, &source);
        }
        // A task that was answered by something simpler may say again what another has said.
        let mut told: BTreeMap<String, FactValue> = BTreeMap::new();
        findings.facts.retain(|fact| {
            let again = told.get(&fact.name) == Some(&fact.value);
            told.insert(fact.name.clone(), fact.value.clone());
            !again
        });
        findings.gaps.extend(analysis.gaps.iter().cloned());
        findings
    }

    /// What a task without a result leaves to be said.
    #[must_use]
    pub fn gap(plan: &Plan, task: &Task) -> String {
        let point = plan
            .points
            .iter()
            .find(|point| Some(&point.id) == task.point.as_ref());
        format!("{}: no result", point.map_or(&task.id, |point| &point.asks))
    }

    fn take(&mut self, reading: &Reading, analysis: &Analysis, output: &Value, source: &str) {
        if *reading == Reading::Document {
            let wanted = analysis.intent == Intent::SummariseDocument && self.document.is_none();
            if let Some(digest) = Digest::read(output).filter(|_| wanted) {
                self.facts.extend(digest.facts());
                self.document = Some(digest);
            }
            return;
        }
        let Some(rows) = Rows::read(output) else {
            return;
        };
        let mut pen = Pen {
            facts: &mut self.facts,
            analysis,
            source,
        };
        match reading {
            Reading::Totals => {
                self.rows = whole(rows.cell(0, "row_count"));
                self.missing =
                    whole(rows.cell(0, "missing")).filter(|_| analysis.measure.is_some());
                self.total = rows.number(0, "total").map(dusted);
                let measure = analysis.measure_label();
                if analysis.measure.is_some() {
                    pen.cell(
                        analysis.figure_label(),
                        rows.cell(0, "total"),
                        analysis.unit.clone(),
                    );
                }
                pen.cell("rows".into(), rows.cell(0, "row_count"), None);
                if let Some(missing) = self.missing {
                    pen.number(
                        format!("missing {measure}"),
                        FactValue::Integer(i64::try_from(missing).unwrap_or(i64::MAX)),
                        None,
                    );
                }
                for (at, (name, unit)) in analysis.more_measures.iter().enumerate() {
                    let cell = rows.cell(0, &format!("more_{}", at + 1));
                    pen.cell(format!("total {}", label(name)), cell, unit.clone());
                    self.more.extend(
                        cell.as_f64()
                            .map(|value| (label(name), unit.clone(), dusted(value))),
                    );
                }
                if let Some(count) = whole(rows.cell(0, "undated_rows")).filter(|count| *count > 0)
                {
                    pen.cell(
                        "rows without date".into(),
                        rows.cell(0, "undated_rows"),
                        None,
                    );
                    pen.cell(
                        format!("{} without date", analysis.figure_label()),
                        rows.cell(0, "undated"),
                        analysis.unit.clone(),
                    );
                    self.undated = Some((count, rows.number(0, "undated").map(dusted)));
                }
            }
            Reading::Spread => {
                let measure = analysis.measure_label();
                for (name, column) in [
                    ("average", "mean"),
                    ("median", "median"),
                    ("lowest", "least"),
                    ("highest", "greatest"),
                ] {
                    let name = format!("{name} {measure}");
                    // Where the figure itself is the mean, the totals have said it.
                    if name != analysis.figure_label() {
                        pen.cell(name, rows.cell(0, column), analysis.unit.clone());
                    }
                }
                let all =
                    ["mean", "median", "least", "greatest"].map(|column| rows.number(0, column));
                if let [Some(mean), Some(median), Some(least), Some(greatest)] = all {
                    self.spread = Some([dusted(mean), dusted(median), least, greatest]);
                }
            }
            Reading::Periods => {
                for at in 0..rows.rows.len() {
                    let Some(name) = rows.cell(at, "period").as_str() else {
                        continue;
                    };
                    pen.cell(
                        format!("{} {name}", analysis.figure_label()),
                        rows.cell(at, "total"),
                        analysis.unit.clone(),
                    );
                    self.periods.push(line(&rows, at, name.to_owned()));
                }
            }
            Reading::Growth => {
                for at in 0..rows.rows.len() {
                    let (Some(from), Some(to)) = (
                        rows.cell(at, "start").as_str(),
                        rows.cell(at, "finish").as_str(),
                    ) else {
                        continue;
                    };
                    let ends = rows.number(at, "before").zip(rows.number(at, "after"));
                    let change = ends.map(|(before, after)| difference(before, after));
                    let step = Step {
                        from: from.to_owned(),
                        to: to.to_owned(),
                        change,
                        growth: rows.number(at, "growth").map(|growth| {
                            let whole = change.zip(ends.map(|(before, _)| dusted(before)));
                            dusted(whole.map_or(growth, |(change, before)| 100.0 * change / before))
                        }),
                    };
                    let measure = analysis.measure_label();
                    let told = format!("change {measure} {from} to {to}");
                    match (rows.cell(at, "change").as_i64(), step.change) {
                        (None, Some(change)) => {
                            pen.number(told, FactValue::from(change), analysis.unit.clone())
                        }
                        _ => pen.cell(told, rows.cell(at, "change"), analysis.unit.clone()),
                    }
                    let name = format!("growth {measure} {from} to {to}");
                    match (step.growth, rows.number(at, "before")) {
                        (Some(growth), _) => {
                            pen.number(name, FactValue::from(growth), Some("%".into()))
                        }
                        (None, Some(0.0)) => {
                            pen.text(name, &format!("not defined: {from} is zero"))
                        }
                        (None, Some(_)) => {
                            pen.text(name, &format!("not defined: {from} is negative"))
                        }
                        (None, None) => {
                            pen.text(name, &format!("not defined: {from} has no value"))
                        }
                    }
                    if rows.number(at, "overall") == Some(1.0) {
                        self.overall = Some(step)
                    } else {
                        self.steps.push(step)
                    }
                }
                if self.overall.is_none()
                    && let [only] = self.steps.as_slice()
                {
                    self.overall = Some(only.clone());
                }
            }
            Reading::Category { column } => {
                let kind = label(column);
                let mut lines = Vec::new();
                for at in 0..rows.rows.len() {
                    let rest = rows.number(at, "other") == Some(1.0);
                    let members = whole(rows.cell(at, "members")).unwrap_or(0);
                    let name = match rows.cell(at, "label") {
                        Value::String(name) => name.clone(),
                        _ if rest => REST.to_owned(),
                        _ => NO_VALUE.to_owned(),
                    };
                    pen.cell(
                        format!("{} {kind} {name}", analysis.figure_label()),
                        rows.cell(at, "total"),
                        analysis.unit.clone(),
                    );
                    if let Some(share) = rows.number(at, "share") {
                        pen.number(
                            format!("share {} {kind} {name}", analysis.measure_label()),
                            FactValue::from(dusted(share)),
                            Some("%".into()),
                        );
                    }
                    if rest {
                        pen.number(
                            format!("count of {kind} {REST}"),
                            FactValue::Integer(i64::try_from(members).unwrap_or(i64::MAX)),
                            None,
                        );
                    }
                    lines.push(line(&rows, at, name));
                }
                self.categories.push((column.clone(), lines));
            }
            Reading::Outliers => {
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
                    pen.cell(
                        odd.fact_name(&analysis.measure_label()),
                        rows.cell(at, "value"),
                        analysis.unit.clone(),
                    );
                    self.odd_count = whole(rows.cell(at, "found")).unwrap_or(0);
                    found.push(odd);
                }
                let count = i64::try_from(self.odd_count).unwrap_or(i64::MAX);
                pen.number(
                    format!("outliers {}", analysis.measure_label()),
                    FactValue::Integer(count),
                    None,
                );
                self.odd = Some(found);
            }
            Reading::Arithmetic => {
                let value = rows
                    .number(0, "result")
                    .filter(|value| value.is_finite())
                    .map(dusted);
                let shown = analysis
                    .expression
                    .as_ref()
                    .map_or("result", |expression| expression.shown.as_str());
                match value {
                    Some(value) => pen.number(shown.to_owned(), number(value), None),
                    None => pen.text(shown.to_owned(), "not defined"),
                }
                self.computed = Some(value);
            }
            Reading::Profile | Reading::Document | Reading::Chart | Reading::Paragraph => {}
        }
    }

    /// What a text about these findings is judged against.
    #[must_use]
    pub fn evidence(
        &self,
        goal: &Goal,
        analysis: &Analysis,
        kind: TextKind,
        points: Vec<Point>,
    ) -> Evidence {
        let mut subjects: Vec<Subject> = Vec::new();
        for (column, lines) in &self.categories {
            let kind = label(column);
            subjects.extend(lines.iter().map(|line| Subject {
                name: line.name.clone(),
                kind: kind.clone(),
            }));
        }
        // An outlier may be of a category that is not among the largest.
        if let Some(kind) = analysis.categories.first().map(|column| label(column)) {
            for name in self
                .odd
                .iter()
                .flatten()
                .filter_map(|odd| odd.label.clone())
            {
                if !subjects
                    .iter()
                    .any(|known| known.name == name && known.kind == kind)
                {
                    subjects.push(Subject {
                        name,
                        kind: kind.clone(),
                    });
                }
            }
        }
        let mut measures: Vec<String> = analysis
            .measure
            .iter()
            .map(|measure| label(measure))
            .collect();
        measures.extend(analysis.more_measures.iter().map(|(name, _)| label(name)));
        let mut passages: Vec<String> = self
            .document
            .iter()
            .flat_map(|digest| digest.key.iter().chain(&digest.sections).cloned())
            .collect();
        // A report repeats what was assumed and what is missing, with the figures of the table's profile in it.
        if kind == TextKind::Report {
            passages.extend(analysis.notes.iter().chain(&self.gaps).cloned());
        }
        Evidence {
            kind,
            domain: super::NAME.to_owned(),
            goal: goal.text().to_owned(),
            facts: self.facts.clone(),
            subjects: if analysis.intent == Intent::AnalyseTable {
                subjects
            } else {
                Vec::new()
            },
            measures,
            points,
            passages,
            covers: analysis.covers,
        }
    }

    /// The line with the largest or smallest figure.
    #[must_use]
    pub fn extreme(lines: &[Line], high: bool) -> Option<&Line> {
        let named = lines
            .iter()
            .filter(|line| line.value.is_some() && line.name != REST);
        // On equal figures the first line is meant.
        named.reduce(|best, line| {
            let (a, b) = (best.value.unwrap_or(0.0), line.value.unwrap_or(0.0));
            if (high && b > a) || (!high && b < a) {
                line
            } else {
                best
            }
        })
    }
}

impl Odd {
    fn fact_name(&self, measure: &str) -> String {
        match (self.line, &self.day) {
            (Some(line), Some(day)) => format!("outlier {measure} {day} line {line}"),
            (Some(line), None) => format!("outlier {measure} line {line}"),
            (None, Some(day)) => format!("outlier {measure} {day}"),
            (None, None) => format!("outlier {measure}"),
        }
    }
}

/// Writes facts of one source.
struct Pen<'a> {
    facts: &'a mut Vec<Fact>,
    analysis: &'a Analysis,
    source: &'a str,
}

impl Pen<'_> {
    fn number(&mut self, name: String, value: FactValue, unit: Option<String>) {
        // Rows that are counted have no unit.
        let unit = unit.filter(|unit| self.analysis.measure.is_some() || unit == "%");
        self.facts.push(Fact {
            name,
            value,
            unit,
            source: self.source.to_owned(),
        });
    }

    fn text(&mut self, name: String, text: &str) {
        self.number(name, FactValue::from(text), None);
    }

    /// A number as the result has it: whole numbers stay whole. A cell without a value makes no fact.
    fn cell(&mut self, name: String, cell: &Value, unit: Option<String>) {
        if let Some(whole) = cell.as_i64() {
            self.number(name, FactValue::Integer(whole), unit);
        } else if let Some(value) = cell.as_f64().filter(|value| value.is_finite()) {
            self.number(name, FactValue::from(dusted(value)), unit);
        }
    }
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
