//! `calc`: what an expression comes to, exactly.
//!
//! Numbers are fractions of whole numbers: nothing is rounded on the way, and a third times three is one. What is rounded in the end,
//! because it does not end or is a root, says so. Units are carried along, and what does not fit together is refused. However an
//! expression is written, its numbers, its depth and its powers are bounded, so it takes some milliseconds at most.

mod function;
mod number;
mod parser;
mod quantity;
mod token;
mod units;

use std::collections::BTreeMap;

use aios_work::{
    Effect, Fact, Source, Statistic, Subject, Tool, ToolCall, ToolError, ToolOutput, ToolSpec,
    Value as Figure,
};
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Number as JsonNumber, Value, json};

use self::quantity::Quantity;
use crate::args;

const NAME: &str = "calc";
/// Significant digits of what does not end, unless more are asked for, and the most there are.
const DIGITS: u64 = 20;
const DIGITS_MOST: i64 = 100;
/// Values an expression may name.
const VALUES: usize = 100;
/// Characters of an expression that a fact repeats.
const SUBJECT: usize = 200;

/// Works an expression out.
pub(crate) struct Calc;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    expression: String,
    #[serde(default)]
    values: BTreeMap<String, Given>,
    digits: Option<u64>,
}

/// A number, or a text such as `5 km`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Given {
    Number(JsonNumber),
    Text(String),
}

#[async_trait]
impl Tool for Calc {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: NAME.to_owned(),
            description: format!(
                "Works out an arithmetic expression exactly, with units and their conversion: `15% of 80 EUR`, `(2 km + 300 m) / 5 min in km/h`, \
                 `round(a / b, 2)`. Functions: {}.",
                function::NAMES.join(", ")
            ),
            needs: [].into(),
            effect: Effect::Pure,
            input: json!({
                "type": "object",
                "properties": {
                    "expression": {"type": "string", "minLength": 1, "description": "what to work out; + - * / ^ %, brackets, units, `in UNIT` at the end converts"},
                    "values": {
                        "type": "object",
                        "maxProperties": VALUES,
                        "additionalProperties": {"type": ["number", "string"]},
                        "description": "what names in the expression stand for: a number, or a text such as `5 km`"
                    },
                    "digits": {"type": "integer", "minimum": 1, "maximum": DIGITS_MOST, "description": "significant digits of a result that does not end; 20 if left out"}
                },
                "required": ["expression"],
                "additionalProperties": false
            }),
            output: json!({
                "type": "object",
                "properties": {
                    "value": {"type": "string", "description": "the number as decimal text"},
                    "number": {"type": ["number", "null"], "description": "the same as a JSON number; null where that would lose digits"},
                    "unit": {"type": ["string", "null"]},
                    "exact": {"type": "boolean", "description": "whether nothing was rounded"},
                    "text": {"type": "string", "description": "value and unit"}
                },
                "required": ["value", "number", "unit", "exact", "text"]
            }),
        }
    }

    async fn call(&self, call: ToolCall) -> Result<ToolOutput, ToolError> {
        let args: Args = args::parse(NAME, &call)?;
        let worked =
            worked_out(&args).map_err(|wrong| ToolError::invalid_arguments(NAME, wrong))?;
        Ok(output(&args.expression, &worked))
    }
}

/// A result as it is told.
#[derive(Debug, PartialEq)]
struct Worked {
    value: String,
    unit: Option<String>,
    exact: bool,
}

fn worked_out(args: &Args) -> Result<Worked, String> {
    let digits = args.digits.unwrap_or(DIGITS);
    if args.values.len() > VALUES {
        return Err(format!(
            "there are {} values, at most {VALUES} are read",
            args.values.len()
        ));
    }
    let nothing = BTreeMap::new();
    let mut names = BTreeMap::new();
    for (name, given) in &args.values {
        let is_name = name.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_alphanumeric() || c == '_');
        if !is_name || function::canonical(name).is_some() || name == "of" {
            return Err(format!(
                "{name:?} cannot name a value; use letters, digits and _"
            ));
        }
        let value = match given {
            Given::Number(number) => number::read(&number.to_string()).map(Quantity::bare),
            Given::Text(text) => parser::evaluate(text, &nothing, digits),
        };
        let value = value.map_err(|wrong| format!("the value {name}: {wrong}"))?;
        names.insert(name.clone(), value);
    }
    let result = parser::evaluate(&args.expression, &names, digits)
        .map_err(|wrong| format!("the expression: {wrong}"))?;
    let shown = result.shown();
    let (value, exact) = match result.rounded {
        Some(right) => (number::write_rounded(&shown, right), false),
        None => number::write(&shown, digits),
    };
    Ok(Worked {
        value,
        unit: result.unit(),
        exact,
    })
}

fn output(expression: &str, worked: &Worked) -> ToolOutput {
    let Worked { value, unit, exact } = worked;
    let text = match unit.as_deref() {
        None => value.clone(),
        Some("%") => format!("{value}%"),
        Some(unit) => format!("{value} {unit}"),
    };
    let number = as_json(value);
    let figure = match &number {
        Some(number) => match number.as_i64() {
            Some(whole) => Figure::Integer(whole),
            None => number
                .as_f64()
                .map_or_else(|| Figure::from(value.as_str()), Figure::from),
        },
        None => Figure::from(value.as_str()),
    };
    let shown: String = expression.chars().take(SUBJECT).collect();
    let fact = Fact {
        subject: vec![Subject {
            name: shown.clone(),
            kind: "expression".to_owned(),
        }],
        measure: None,
        statistic: Statistic::Computed,
        period: None,
        value: figure,
        unit: unit.clone(),
        source: Source {
            at: Some("/value".to_owned()),
            ..Source::from(format!("{NAME}: {shown}"))
        },
    };
    let about = if *exact { "=" } else { "is about" };
    ToolOutput {
        value: json!({"value": value, "number": number, "unit": unit, "exact": exact, "text": text}),
        facts: vec![fact],
        artifacts: Vec::new(),
        log: format!("{NAME}: {shown} {about} {text}"),
    }
}

/// The decimal as a JSON number, if that is the same number.
fn as_json(decimal: &str) -> Option<JsonNumber> {
    if let Ok(whole) = decimal.parse::<i64>() {
        return Some(whole.into());
    }
    let double: f64 = decimal.parse().ok()?;
    // What is written of a double is the shortest decimal that reads back as it.
    let written = Value::from(double).to_string();
    let same = number::read(&written).ok()? == number::read(decimal).ok()?;
    same.then(|| JsonNumber::from_f64(double)).flatten()
}

#[cfg(test)]
mod tests;
