//! The answer: a Markdown report written from facts, and the structure it travels in.
//!
//! Every number shown is a fact's value as [`figures`](aios_languages::english::figures) writes it. The closing paragraph is the model's
//! if the critic let it pass, else the template's, and the report says which.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use aios_languages::english::figures::{exact, readable};
use aios_work::{Artifact, Fact, GAPS_HEADING, Goal, quoted};

use crate::page::{Page, begins, capital, cell, plain};
use crate::plan::analysis::{Analysis, Picker};
use crate::plan::columns::{Aggregate, label};
use crate::plan::dag::is_table;
use crate::plan::findings::{Findings, Line};
use crate::plan::intent::Intent;
use crate::plan::writing;

/// Lines of a table; the facts hold all.
const LINES: usize = 60;

/// Where the closing paragraph comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    /// The model, passed by the critic.
    Model,
    /// The facts, by template.
    Template,
}

/// The closing paragraph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paragraph {
    /// One paragraph of prose.
    pub text: String,
    /// Who wrote it.
    pub author: Author,
}

/// What a goal is answered with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Markdown.
    pub answer: String,
    /// Every figure it rests on.
    pub facts: Vec<Fact>,
    /// Files beside it.
    pub artifacts: Vec<Artifact>,
    /// What is missing; an answer with gaps is partial.
    pub gaps: Vec<String>,
}

/// The closing paragraph: the model's text if it passed, else the template's.
#[must_use]
pub fn closing(
    goal: &Goal,
    analysis: &Analysis,
    findings: &Findings,
    passed: Option<&str>,
) -> Paragraph {
    match passed.map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) => Paragraph {
            text: text.to_owned(),
            author: Author::Model,
        },
        None => Paragraph {
            text: writing::template(goal, analysis, findings),
            author: Author::Template,
        },
    }
}

/// Puts the answer together. Gaps are those of the findings and the ones given.
#[must_use]
pub fn answer(
    goal: &Goal,
    analysis: &Analysis,
    findings: &Findings,
    paragraph: &Paragraph,
    artifacts: &[Artifact],
    more_gaps: &[String],
) -> Report {
    let mut gaps = findings.gaps.clone();
    gaps.extend(more_gaps.iter().cloned());
    gaps.extend(unused(goal, analysis));
    if analysis.intent == Intent::PlainQuestion && paragraph.author == Author::Template {
        gaps.push("the question is not answered".to_owned());
    }
    Report {
        answer: render(goal, analysis, findings, paragraph, artifacts, &gaps),
        facts: findings.facts.clone(),
        artifacts: artifacts.to_vec(),
        gaps,
    }
}

/// Files beyond the one that is answered about.
fn unused(goal: &Goal, analysis: &Analysis) -> Vec<String> {
    if analysis.intent != Intent::AnalyseTable {
        return Vec::new();
    }
    let mut used = false;
    let mut out = Vec::new();
    for file in goal.data() {
        if !used && is_table(file) {
            used = true;
        } else {
            let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
            out.push(format!(
                "{} was not used: a goal is about one file",
                quoted(name, 80)
            ));
        }
    }
    out
}

fn render(
    goal: &Goal,
    analysis: &Analysis,
    findings: &Findings,
    paragraph: &Paragraph,
    artifacts: &[Artifact],
    gaps: &[String],
) -> String {
    let mut out = format!("# {}\n\n", plain(goal.text()));
    let mut page = Page { out: &mut out };
    // What was asked for stands first; what it rests on is below.
    page.closing(analysis, paragraph);
    match analysis.intent {
        Intent::AnalyseTable => {
            page.overview(analysis, findings);
            page.periods(analysis, findings);
            page.categories(analysis, findings);
            page.outliers(analysis, findings);
            page.pictures("Chart", artifacts);
        }
        Intent::Arithmetic => page.computed(analysis, findings),
        Intent::AskTable | Intent::PlainQuestion => {}
    }
    let ended = |item: &String| format!("{}.", capital(item.trim_end_matches('.')));
    page.list(
        "Assumptions and missing data",
        notes(analysis).iter().map(ended),
    );
    let heading = GAPS_HEADING.trim_start_matches('#').trim();
    page.list(heading, gaps.iter().map(ended));
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

fn notes(analysis: &Analysis) -> Vec<String> {
    let mut notes: Vec<String> = analysis.notes.clone();
    for choice in analysis
        .choices
        .iter()
        .filter(|choice| !choice.clear || choice.by == Picker::Model)
    {
        if choice.pick.is_some() {
            notes.push(choice.why.clone());
        }
    }
    notes
}

impl Page<'_> {
    fn overview(&mut self, analysis: &Analysis, findings: &Findings) {
        let unit = analysis.unit.as_deref();
        self.heading("Overview");
        self.line("| Figure | Value |\n|---|---:|");
        let mut row = |name: String, value: String| {
            let _ = writeln!(self.out, "| {} | {value} |", cell(&name));
        };
        if let (Some(total), true) = (findings.total, analysis.aggregate != Aggregate::Count) {
            row(capital(&analysis.figure_label()), shown(total, unit));
        }
        for (name, unit, total) in &findings.more {
            row(format!("Total {name}"), shown(*total, unit.as_deref()));
        }
        if let Some([mean, median, least, greatest]) = findings.spread {
            let measure = analysis.measure_label();
            if analysis.aggregate != Aggregate::Mean {
                row(format!("Average {measure} of a row"), shown(mean, unit));
            }
            row(format!("Median {measure} of a row"), shown(median, unit));
            row(format!("Lowest {measure} of a row"), shown(least, unit));
            row(format!("Highest {measure} of a row"), shown(greatest, unit));
        }
        if let Some(rows) = findings.rows {
            row("Rows".to_owned(), shown(rows as f64, None));
        }
        if let Some(missing) = findings.missing.filter(|missing| *missing > 0) {
            row(
                format!("Missing cells of {}", analysis.measure_label()),
                shown(missing as f64, None),
            );
        }
        if let Some((rows, total)) = findings.undated {
            row("Rows without date".to_owned(), shown(rows as f64, None));
            if let Some(total) = total {
                row(
                    format!("{} without date", capital(&analysis.figure_label())),
                    shown(total, unit),
                );
            }
        }
        self.line("");
    }

    fn periods(&mut self, analysis: &Analysis, findings: &Findings) {
        let (Some(grain), false) = (analysis.grain, findings.periods.is_empty()) else {
            return;
        };
        let unit = analysis.unit.as_deref();
        let figure = capital(&analysis.figure_label());
        self.heading(&format!("{figure} per {}", grain.as_str()));
        self.line(&format!(
            "| {} | {} | Change | Growth |\n|---|---:|---:|---:|",
            capital(grain.as_str()),
            cell(&figure)
        ));
        for line in findings.periods.iter().take(LINES) {
            let step = findings.steps.iter().find(|step| step.to == line.name);
            let change = step
                .and_then(|step| step.change)
                .map_or_else(|| "-".to_owned(), |change| signed(change, unit));
            let growth = match step {
                Some(step) => step.growth.map_or_else(
                    || "not defined".to_owned(),
                    |growth| signed(growth, Some("%")),
                ),
                None => "-".to_owned(),
            };
            self.line(&format!(
                "| {} | {} | {change} | {growth} |",
                cell(&line.name),
                value(line, unit)
            ));
        }
        self.rest(findings.periods.len());
        self.line("");
        if let Some(step) = findings
            .overall
            .as_ref()
            .filter(|_| findings.steps.len() > 1)
        {
            let growth = step.growth.map_or_else(
                || "not defined in percent".to_owned(),
                |growth| signed(growth, Some("%")),
            );
            let change = step
                .change
                .map_or_else(|| "not defined".to_owned(), |change| signed(change, unit));
            self.line(&format!(
                "Growth from {} to {}: {growth} (change {change}).\n",
                cell(&step.from),
                cell(&step.to)
            ));
        }
        if findings.steps.iter().any(|step| step.growth.is_none()) {
            self.line("Growth in percent is not defined where the period before has no value above zero.\n");
        }
    }

    fn rest(&mut self, all: usize) {
        if all > LINES {
            self.line("\nFurther lines are in the facts.");
        }
    }

    fn categories(&mut self, analysis: &Analysis, findings: &Findings) {
        let unit = analysis.unit.as_deref();
        let figure = capital(&analysis.figure_label());
        for (column, lines) in &findings.categories {
            let kind = label(column);
            self.heading(&format!("{figure} per {kind}"));
            let shares = lines.iter().any(|line| line.share.is_some());
            let (head, rule) = if shares {
                (" Share |", "---:|")
            } else {
                ("", "")
            };
            self.line(&format!(
                "| {} | {} |{head}\n|---|---:|{rule}",
                cell(&capital(&kind)),
                cell(&figure)
            ));
            for line in lines {
                let share = if shares {
                    format!(
                        " {} |",
                        line.share
                            .map_or_else(|| "-".to_owned(), |share| shown(share, Some("%")))
                    )
                } else {
                    String::new()
                };
                self.line(&format!(
                    "| {} | {} |{share}",
                    cell(&line.name),
                    value(line, unit)
                ));
            }
            self.line("");
        }
    }

    fn outliers(&mut self, analysis: &Analysis, findings: &Findings) {
        let Some(odd) = &findings.odd else { return };
        let measure = analysis.measure_label();
        self.heading("Outliers");
        if odd.is_empty() {
            self.line(&format!(
                "No value of {} is an outlier (modified z-score by median absolute deviation).\n",
                plain(&measure)
            ));
            return;
        }
        self.line(&format!("Values of {} far from the others (modified z-score by median absolute deviation), farthest first:\n", plain(&measure)));
        for one in odd {
            let mut place = Vec::new();
            place.extend(one.day.clone());
            if let (Some(name), Some(column)) = (&one.label, analysis.categories.first()) {
                place.push(writing::called(&label(column), name));
            }
            place.extend(one.line.map(|line| format!("line {line} of the file")));
            self.line(&format!(
                "- Outlier: {} ({})",
                shown(one.value, analysis.unit.as_deref()),
                plain(&place.join(", "))
            ));
        }
        if findings.odd_count > odd.len() as u64 {
            self.line(&format!(
                "\nIn all, the count of outliers is {}.",
                shown(findings.odd_count as f64, None)
            ));
        }
        self.line("");
    }

    fn computed(&mut self, analysis: &Analysis, findings: &Findings) {
        let (Some(expression), Some(value)) = (&analysis.expression, findings.computed) else {
            return;
        };
        let shown = value.map_or_else(|| "not defined".to_owned(), exact);
        self.line(&format!("`{} = {shown}`\n", expression.shown));
    }

    fn closing(&mut self, analysis: &Analysis, paragraph: &Paragraph) {
        self.heading(if analysis.intent == Intent::PlainQuestion {
            "Answer"
        } else {
            "Summary"
        });
        self.line(&format!("{}\n", begins(&paragraph.text)));
        if paragraph.author == Author::Template {
            self.line(
                "_This paragraph was written from the facts by template, not by the model._\n",
            );
        } else if analysis.intent == Intent::PlainQuestion {
            self.line(
                "_This answer is the model's own; no source was given to check it against._\n",
            );
        }
    }
}

/// A figure with its unit, which may be what a heading says in brackets.
fn shown(value: f64, unit: Option<&str>) -> String {
    plain(&readable(value, unit))
}

fn value(line: &Line, unit: Option<&str>) -> String {
    line.value
        .map_or_else(|| "no value".to_owned(), |value| shown(value, unit))
}

fn signed(value: f64, unit: Option<&str>) -> String {
    let shown = shown(value, unit);
    if value > 0.0 {
        format!("+{shown}")
    } else {
        shown
    }
}
