//! `aios tool show`: what a tool takes and gives, and what it means to call it.

use std::process::ExitCode;

use aios_control::ToolLine;
use aios_work::{Effect, shown};
use serde_json::Value;

use super::{Asked, effect, hindrance, named};
use crate::arguments::ToolShow;
use crate::console::{self, Style, paint};
use crate::failure::Failure;

pub(super) fn run(arguments: &ToolShow) -> Result<ExitCode, Failure> {
    let tool = Asked::new(&arguments.of)?.tool(&arguments.name)?;
    if arguments.of.json {
        console::json(&tool)?;
    } else {
        let (_, colour) = console::paper();
        console::result(&lines(&tool, colour).join("\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn lines(tool: &ToolLine, colour: bool) -> Vec<String> {
    let spec = &tool.spec;
    let mut lines = vec![
        paint(&shown::terminal(&spec.name), Style::Bold, colour),
        format!("  {}", shown::terminal(&spec.description)),
        String::new(),
        format!("effect  {}: {}", effect(spec.effect), meaning(spec.effect)),
        format!(
            "needs   {}",
            if spec.needs.is_empty() {
                "nothing".to_owned()
            } else {
                named(&spec.needs)
            }
        ),
    ];
    if let Some(why) = hindrance(tool) {
        lines.push(format!(
            "        {}",
            paint(&shown::terminal(&why), Style::Warn, colour)
        ));
    }
    for (title, schema) in [("takes", &spec.input), ("gives", &spec.output)] {
        lines.push(String::new());
        lines.push(title.to_owned());
        lines.extend(fields(schema));
    }
    lines
}

fn meaning(effect: Effect) -> &'static str {
    match effect {
        Effect::Pure => "it changes nothing and may be called as often as one likes",
        Effect::Repeatable => "called again for the same step it does the same again, not twice",
        Effect::Query => "after a crash it can be asked whether it was done",
        Effect::Ask => "after a crash a person is asked whether it was done",
    }
}

/// The fields of an object's schema, one a line; anything else as it is written.
fn fields(schema: &Value) -> Vec<String> {
    let Some(fields) = schema.get("properties").and_then(Value::as_object) else {
        return match schema {
            Value::Object(empty) if empty.is_empty() => vec!["  anything".to_owned()],
            Value::Bool(true) => vec!["  anything".to_owned()],
            other => vec![format!("  {}", shown::terminal(&other.to_string()))],
        };
    };
    if fields.is_empty() {
        return vec!["  nothing".to_owned()];
    }
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let name = |name: &str| shown::terminal(name);
    let widest = fields
        .keys()
        .map(|field| name(field).chars().count())
        .max()
        .unwrap_or(0);
    let mut lines = Vec::new();
    for (field, schema) in fields {
        let must = if required.contains(&field.as_str()) {
            ""
        } else {
            ", optional"
        };
        let about = schema
            .get("description")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let dash = if about.is_empty() { "" } else { ": " };
        lines.push(format!(
            "  {:widest$}  {}{must}{dash}{}",
            name(field),
            shown::terminal(&kind(schema)),
            shown::terminal(about)
        ));
    }
    lines
}

/// What a value is, in a word or two.
fn kind(schema: &Value) -> String {
    if let Some(options) = schema.get("enum").and_then(Value::as_array) {
        let options: Vec<String> = options.iter().take(10).map(Value::to_string).collect();
        return options.join(" | ");
    }
    match schema.get("type") {
        Some(Value::String(kind)) => kind.clone(),
        Some(Value::Array(kinds)) => {
            let kinds: Vec<&str> = kinds.iter().filter_map(Value::as_str).collect();
            kinds.join(" | ")
        }
        _ => "any".to_owned(),
    }
}
