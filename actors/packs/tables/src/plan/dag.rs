//! The plan by rules. No model has a say in which tasks there are.
//!
//! A goal is planned in two steps: [`scout`] looks at its files; with what was seen, [`build`] makes the whole plan, which begins with the
//! same scouting tasks under the same ids, so they count as done. Arguments that hang on results are put in by [`fill`] when a task is due.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::analysis::Analysis;
use super::columns::{Aggregate, label};
use super::findings::{Findings, REST};
use super::intent::Intent;
use super::queries::{Pair, Queries};
use super::reading::{Reading, computed};
use super::writing;
use crate::ask::{self, Speech};
use crate::page::capital;
use aios_work::Goal;
use aios_work::{FactKind, Plan, Point, Statistic, Task};

/// The task that writes the closing paragraph.
pub(crate) const CLOSING: &str = "closing";
/// Every tool a plan of ours may name.
pub const TOOLS: [&str; 5] = ["profile_table", "find_values", "sql", "chart", "write_text"];

/// Files that are looked at.
const FILES: usize = 4;
/// Milliseconds one attempt of a tool may take, and of a model.
const TOOL_MS: u64 = 30_000;
const MODEL_MS: u64 = 60_000;
/// Tokens of a paragraph: a prompt of a dozen facts and three sentences.
const PARAGRAPH_TOKENS: u32 = 1_200;
/// Words of a paragraph.
const PARAGRAPH_WORDS: u32 = 90;
/// Bars of a chart; more points become a line.
const BARS: usize = 24;

/// Whether a file is read as a table.
#[must_use]
pub fn is_table(file: &str) -> bool {
    crate::accepts(file, &[]) || crate::form::is_delimited(file)
}

/// Tasks that look at a goal's tables, and for values that it names: `t0`, `v0`, `t1`, ... by their place among its files. Empty when it has none.
#[must_use]
pub fn scout(goal: &Goal) -> Vec<Task> {
    let look = |(at, file): (usize, &String)| {
        let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
        let profile = Task {
            title: Some(format!("look at {name}")),
            ..task(
                &format!("t{at}"),
                "profile_table",
                json!({ "file": file }),
                &Reading::Profile,
            )
        };
        let values = Task {
            title: Some(format!("find what the goal names in {name}")),
            ..task(
                &format!("v{at}"),
                "find_values",
                json!({ "file": file, "text": goal.text() }),
                &Reading::Values,
            )
        };
        [profile, values]
    };
    let files = goal.data().iter().enumerate();
    files
        .filter(|(_, file)| is_table(file))
        .take(FILES)
        .flat_map(look)
        .collect()
}

/// The plan. `analysis` was made from what the scouting tasks gave.
#[must_use]
pub fn build(goal: &Goal, analysis: &Analysis) -> Plan {
    let mut plan = Plan {
        goal: goal.id().to_owned(),
        source: super::NAME.to_owned(),
        tasks: scout(goal),
        points: Vec::new(),
        gaps: Vec::new(),
        // Texts, numbers and column names always have a JSON form.
        meaning: serde_json::to_value(analysis).unwrap_or_default(),
    };
    match analysis.intent {
        Intent::AnalyseTable => table(&mut plan, analysis),
        Intent::AskTable => {
            asked(&mut plan, analysis);
            return plan;
        }
        Intent::Arithmetic => arithmetic(&mut plan, analysis),
        Intent::PlainQuestion => {
            let words = aios_languages::english::prose::content_stems(goal.text());
            point(
                &mut plan,
                "answer",
                "an answer to the question",
                vec![],
                words,
            );
        }
    }
    paragraph(&mut plan);
    plan
}

/// One statement for each question, and a drawing of what has several figures. No model has a word in the answer.
fn asked(plan: &mut Plan, analysis: &Analysis) {
    let Some(understood) = &analysis.asked else {
        return;
    };
    let scouted: Vec<String> = plan
        .tasks
        .iter()
        .filter(|task| Reading::of(task) == Some(Reading::Profile))
        .map(|task| task.id.clone())
        .collect();
    let speech = Speech::of(&understood.language);
    let mut drawn = None;
    let questions = understood.questions.iter().zip(ask::tasks(understood));
    for (at, (question, (args, again))) in questions.enumerate() {
        let id = ask::id(at);
        point(plan, &id, speech.question(question), vec![], vec![]);
        if drawn.is_none() && question.has_groups() {
            drawn = Some(id.clone());
        }
        plan.tasks.push(Task {
            needs: scouted.clone(),
            point: Some(id.clone()),
            recheck: Some(again),
            ..task(&id, "sql", args, &Reading::Asked)
        });
    }
    if let Some(drawn) = drawn {
        plan.tasks.push(Task {
            needs: vec![drawn.clone()],
            title: Some("draw the chart".to_owned()),
            ..task("chart", "chart", json!({ "of": drawn }), &Reading::Chart)
        });
    }
}

fn task(id: &str, tool: &str, args: Value, reading: &Reading) -> Task {
    Task {
        deadline_ms: TOOL_MS,
        meaning: reading.meaning(),
        ..Task::new(id, tool, args)
    }
}

fn point(
    plan: &mut Plan,
    id: &str,
    asks: impl Into<String>,
    facts: Vec<FactKind>,
    words: Vec<String>,
) {
    plan.points.push(Point {
        id: id.to_owned(),
        asks: asks.into(),
        facts,
        words,
    });
}

fn table(plan: &mut Plan, analysis: &Analysis) {
    let file = analysis.file.clone().unwrap_or_default();
    let queries = Queries::new(analysis);
    let figure = analysis.figure_label();
    let measure = analysis.measure_label();
    let scouted: Vec<String> = plan
        .tasks
        .iter()
        .filter(|task| Reading::of(task) == Some(Reading::Profile))
        .map(|task| task.id.clone())
        .take(1)
        .collect();
    let query = |plan: &mut Plan, id: &str, point: &str, pair: Pair, reading: Reading| {
        let args = |query: String| json!({ "file": file, "query": query });
        plan.tasks.push(Task {
            needs: scouted.clone(),
            point: Some(point.to_owned()),
            recheck: Some(args(pair.again)),
            ..task(id, "sql", args(pair.query), &reading)
        });
    };

    point(
        plan,
        "total",
        if analysis.aggregate == Aggregate::Count {
            "the number of rows".to_owned()
        } else {
            figure.clone()
        },
        vec![analysis.figure()],
        vec![],
    );
    query(plan, "totals", "total", queries.totals(), Reading::Totals);
    if let Some(pair) = queries.spread() {
        let facts = [
            Statistic::Mean,
            Statistic::Median,
            Statistic::Least,
            Statistic::Greatest,
        ]
        .map(|statistic| analysis.figure_of(statistic))
        .to_vec();
        point(
            plan,
            "spread",
            format!("mean, median, lowest and highest {measure}"),
            facts,
            vec![],
        );
        query(plan, "spread", "spread", pair, Reading::Spread);
    }
    if let (Some(grain), Some(periods), Some(growth)) =
        (analysis.grain, queries.by_period(), queries.growth())
    {
        point(
            plan,
            "periods",
            format!("{figure} per {}", grain.as_str()),
            vec![analysis.figure().per_period()],
            vec![],
        );
        query(plan, "by_period", "periods", periods, Reading::Periods);
        let facts = [Statistic::Growth, Statistic::Change]
            .map(|statistic| analysis.figure_of(statistic).per_period())
            .to_vec();
        point(
            plan,
            "growth",
            format!(
                "growth of {measure} from {} to {}",
                grain.as_str(),
                grain.as_str()
            ),
            facts,
            vec!["growth".into(), "change".into()],
        );
        query(plan, "growth", "growth", growth, Reading::Growth);
    }
    for (at, column) in analysis.categories.iter().enumerate() {
        let kind = label(column);
        let id = format!("category_{}", at + 1);
        point(
            plan,
            &id,
            format!("{figure} per {kind}"),
            vec![analysis.figure().per(kind)],
            vec![],
        );
        query(
            plan,
            &id,
            &id,
            queries.by_category(column),
            Reading::Category {
                column: column.clone(),
            },
        );
    }
    if let Some(pair) = queries.outliers() {
        let outlier = analysis.figure_of(Statistic::Outlier);
        point(
            plan,
            "outlier",
            format!("outliers of {measure}"),
            vec![outlier.clone().per_period(), outlier],
            vec!["outlier".into()],
        );
        query(plan, "outliers", "outlier", pair, Reading::Outliers);
    }
    let drawn = plan
        .tasks
        .iter()
        .find(|task| matches!(Reading::of(task), Some(Reading::Periods)))
        .or_else(|| {
            plan.tasks
                .iter()
                .find(|task| matches!(Reading::of(task), Some(Reading::Category { .. })))
        });
    if let Some(drawn) = drawn {
        let needs = vec![drawn.id.clone()];
        let of = drawn.id.clone();
        point(plan, "chart", "a chart", vec![], vec!["chart".into()]);
        plan.tasks.push(Task {
            needs,
            point: Some("chart".into()),
            title: Some("draw the chart".to_owned()),
            ..task("chart", "chart", json!({ "of": of }), &Reading::Chart)
        });
    }
}

/// What the task that computes an expression is called with.
pub(crate) fn computing(sql: &str) -> Value {
    json!({ "query": format!("SELECT {sql} AS result") })
}

fn arithmetic(plan: &mut Plan, analysis: &Analysis) {
    let Some(expression) = &analysis.expression else {
        return;
    };
    point(
        plan,
        "result",
        format!("the value of {}", expression.shown),
        vec![computed()],
        vec!["defined".into()],
    );
    plan.tasks.push(Task {
        point: Some("result".into()),
        // The same expression in a scalar subquery; the planner's own value stands beside it in the analysis.
        recheck: Some(computing(&format!("(SELECT {} + 0.0)", expression.sql))),
        ..task(
            "compute",
            "sql",
            computing(&expression.sql),
            &Reading::Arithmetic,
        )
    });
}

/// The last task: words about everything that was found. It waits for all, but the failure of one is only a gap.
fn paragraph(plan: &mut Plan) {
    let after = plan.tasks.iter().map(|task| task.id.clone()).collect();
    plan.tasks.push(Task {
        after,
        deadline_ms: MODEL_MS,
        tokens: PARAGRAPH_TOKENS,
        title: Some("write the closing paragraph".to_owned()),
        prose: true,
        ..task(CLOSING, "write_text", json!({}), &Reading::Paragraph)
    });
}

/// What a task's open arguments are made of.
#[derive(Debug, Clone, Copy)]
pub struct Filling<'a> {
    /// The goal.
    pub goal: &'a Goal,
    /// What it means.
    pub analysis: &'a Analysis,
    /// What was found so far.
    pub findings: &'a Findings,
    /// The results as they came.
    pub results: &'a BTreeMap<String, Value>,
    /// Passages from memory, best first.
    pub recalled: &'a [String],
    /// The critic's feedback on the text before, if there was one.
    pub feedback: Option<&'a str>,
}

/// Whether a task's arguments hang on results.
pub(crate) fn is_open(task: &Task) -> bool {
    matches!(Reading::of(task), Some(Reading::Chart | Reading::Paragraph))
}

/// A task's arguments with results put in; none when there is nothing to draw or write about.
#[must_use]
pub fn fill(task: &Task, with: &Filling<'_>) -> Option<Value> {
    match Reading::of(task) {
        Some(Reading::Chart) => chart(task, with),
        Some(Reading::Paragraph) => Some(json!({
            "instruction": writing::instruction(with.goal, with.analysis, with.findings, with.recalled, with.feedback),
            "max_words": PARAGRAPH_WORDS,
        })),
        _ => Some(task.args.clone()),
    }
}

fn chart(task: &Task, with: &Filling<'_>) -> Option<Value> {
    if let Some(understood) = &with.analysis.asked {
        return ask::draw(understood, with.results);
    }
    let of = task
        .args
        .get("of")
        .and_then(Value::as_str)
        .unwrap_or("by_period");
    let figure = with.analysis.figure_label();
    let unit = with
        .analysis
        .unit
        .as_deref()
        .map(|unit| format!(" ({unit})"))
        .unwrap_or_default();
    let (what, lines) = if of == "by_period" {
        (
            with.analysis
                .grain
                .map_or("period", |grain| grain.as_str())
                .to_owned(),
            &with.findings.periods,
        )
    } else {
        let (column, lines) = with.findings.categories.first()?;
        (label(column), lines)
    };
    let points: Vec<Value> = lines
        .iter()
        .filter(|line| line.name != REST)
        .map(|line| json!([line.name, line.value]))
        .collect();
    if !lines.iter().any(|line| line.value.is_some()) {
        return None;
    }
    let kind = if points.len() > BARS { "line" } else { "bar" };
    Some(json!({
        "kind": kind,
        "title": format!("{} per {what}", capital(&figure)),
        "x_label": what,
        "y_label": format!("{figure}{unit}"),
        "series": [{ "name": figure, "points": points }],
    }))
}
