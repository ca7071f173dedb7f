//! What is done instead of a task that cannot be done: less, by rules, and said so.
//!
//! At the bottom stands what needs no service at all: a value the planner has already, the paragraph by template, an answer that names
//! what is missing.

use serde_json::{Value, json};

use super::analysis::Analysis;
use super::queries::Queries;
use super::reading::Reading;
use aios_work::{Simpler, Task, ToolOutput};

/// Points of a chart that is drawn simpler.
const POINTS: usize = 6;

/// What can be done instead of `task`, which was called with `args`; none where less would be nothing.
#[must_use]
pub fn simpler(task: &Task, args: &Value, analysis: &Analysis) -> Option<Simpler> {
    match Reading::of(task)? {
        Reading::Chart => chart(task, args),
        Reading::Arithmetic => {
            let value = analysis.expression.as_ref()?.value;
            Some(Simpler::Known {
                output: ToolOutput {
                    value: json!({ "columns": ["result"], "rows": [[value]] }),
                    log: "computed by the planner".to_owned(),
                    ..ToolOutput::default()
                },
                says: "computed by the planner alone".to_owned(),
            })
        }
        Reading::Totals
        | Reading::Spread
        | Reading::Periods
        | Reading::Growth
        | Reading::Category { .. }
        | Reading::Outliers => total_alone(task, args, analysis),
        Reading::Profile | Reading::Values | Reading::Asked | Reading::Paragraph => None,
    }
}

/// The same question without groups: one total.
fn total_alone(task: &Task, args: &Value, analysis: &Analysis) -> Option<Simpler> {
    let pair = Queries::new(analysis).total_alone();
    if args.get("query").and_then(Value::as_str) == Some(pair.query.as_str()) {
        return None;
    }
    let with = |query: String| {
        let mut args = args.clone();
        args["query"] = Value::String(query);
        args
    };
    let says = if Reading::of(task) == Some(Reading::Totals) {
        "answered by the total alone"
    } else {
        "answered without groups, by the total alone"
    };
    Some(Simpler::Task {
        task: Box::new(Task {
            args: with(pair.query),
            recheck: Some(with(pair.again)),
            meaning: Reading::Totals.meaning(),
            ..task.clone()
        }),
        says: says.to_owned(),
    })
}

/// Bars for the first few points.
fn chart(task: &Task, args: &Value) -> Option<Simpler> {
    let points = args.pointer("/series/0/points")?.as_array()?;
    let kind = args.get("kind").and_then(Value::as_str).unwrap_or("bar");
    if points.len() <= 1 && kind == "bar" {
        return None;
    }
    let fewer: Vec<Value> = points
        .iter()
        .take(POINTS.min(points.len() / 2).max(1))
        .cloned()
        .collect();
    let says = format!("drawn with {} of {} points", fewer.len(), points.len());
    let mut args = args.clone();
    args["kind"] = json!("bar");
    if let Some(series) = args.get_mut("series").and_then(Value::as_array_mut) {
        series.truncate(1);
    }
    *args.pointer_mut("/series/0/points")? = Value::Array(fewer);
    Some(Simpler::Task {
        task: Box::new(Task {
            args,
            ..task.clone()
        }),
        says,
    })
}
