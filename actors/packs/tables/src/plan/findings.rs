//! What was found: the results of a plan put together, and what a text about them is judged against.

use aios_work::{Evidence, Fact, Goal, Plan, Point, Subject, Task, TextKind};
use serde::{Deserialize, Serialize};

use super::analysis::Analysis;
use super::columns::label;
use super::intent::Intent;

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
    /// What a task without a result leaves to be said.
    #[must_use]
    pub fn gap(plan: &Plan, task: &Task) -> String {
        let point = plan
            .points
            .iter()
            .find(|point| Some(&point.id) == task.point.as_ref());
        format!("{}: no result", point.map_or(&task.id, |point| &point.asks))
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
        let mut passages: Vec<String> = Vec::new();
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
            made: false,
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
