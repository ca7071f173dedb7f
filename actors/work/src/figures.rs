//! The figures of a structured result: every number in it, with where it stands.
//!
//! A tool that knows more of its figures says so itself, as facts of its own. This is for all others: the names in the result are the
//! names of the figures, and nothing is taken for anything that it does not call itself.

use serde_json::{Map, Value};

use crate::schema::step;
use crate::{Fact, Source, Statistic, Subject, fact};

/// Most figures of one result. An answer is one message of 1 MB, and a figure is a few hundred bytes.
pub const FIGURES: usize = 200;
/// Longest text that counts as a figure, in characters: a date, a version, an amount with its unit.
const TEXT: usize = 64;
/// Longest name of a step, in characters.
const NAME: usize = 64;
/// The field that names the unit of the number beside it, as a fact itself has it.
const UNIT: &str = "unit";

/// Every figure of what a task gave, in the order of the result: numbers, and short texts with digits in them. At most [`FIGURES`], and
/// whether there are more.
#[must_use]
pub fn figures(task: &str, tool: &str, result: &Value) -> (Vec<Fact>, bool) {
    let mut found = Found {
        task,
        tool,
        facts: Vec::new(),
        more: false,
    };
    let subject = Subject {
        name: task.to_owned(),
        kind: "task".to_owned(),
    };
    found.look(result, String::new(), &mut vec![subject], None);
    (found.facts, found.more)
}

struct Found<'a> {
    task: &'a str,
    tool: &'a str,
    facts: Vec<Fact>,
    more: bool,
}

impl Found<'_> {
    fn look(&mut self, value: &Value, at: String, path: &mut Vec<Subject>, unit: Option<&str>) {
        if self.facts.len() >= FIGURES {
            self.more |= is_figure(value) || value.is_array() || value.is_object();
            return;
        }
        match value {
            Value::Object(fields) => {
                let unit = unit_of(fields);
                for (name, value) in fields {
                    path.push(named(name, "field"));
                    self.look(value, format!("{at}/{}", step(name)), path, unit);
                    path.pop();
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    path.push(element(item, index));
                    self.look(item, format!("{at}/{index}"), path, None);
                    path.pop();
                }
            }
            value => {
                if let Some(value) = figure(value) {
                    self.facts.push(self.fact(value, at, path, unit));
                }
            }
        }
    }

    fn fact(&self, value: fact::Value, at: String, path: &[Subject], unit: Option<&str>) -> Fact {
        let names: Vec<&str> = path.iter().map(|subject| subject.name.as_str()).collect();
        Fact {
            subject: path.to_vec(),
            measure: None,
            statistic: Statistic::Other(names.join(" ")),
            period: None,
            value,
            unit: unit.map(str::to_owned),
            source: Source {
                task: Some(self.task.to_owned()),
                text: format!("{}: {}{at}", self.tool, self.task),
                at: Some(at),
                row: None,
            },
        }
    }
}

fn is_figure(value: &Value) -> bool {
    figure(value).is_some()
}

/// A number, or a short text with a digit in it.
fn figure(value: &Value) -> Option<fact::Value> {
    match value {
        Value::Number(number) => Some(match number.as_i64() {
            Some(whole) => fact::Value::Integer(whole),
            // What is larger than any whole number of ours is kept as it is written.
            None if number.is_u64() => fact::Value::Text(number.to_string()),
            None => number
                .as_f64()
                .map_or_else(|| fact::Value::Text(number.to_string()), fact::Value::from),
        }),
        Value::String(text)
            if text.chars().take(TEXT + 1).count() <= TEXT
                && text.chars().any(char::is_numeric)
                && !text.contains(char::is_control) =>
        {
            Some(fact::Value::Text(text.clone()))
        }
        _ => None,
    }
}

/// The unit that an object names, if it is clear of what: there is one number beside it.
fn unit_of(fields: &Map<String, Value>) -> Option<&str> {
    let unit = fields.get(UNIT)?.as_str()?;
    let numbers = fields.values().filter(|value| value.is_number()).count();
    (numbers == 1 && !unit.is_empty() && unit.chars().count() <= 16).then_some(unit)
}

fn named(name: &str, kind: &str) -> Subject {
    Subject {
        name: name.chars().take(NAME).collect(),
        kind: kind.to_owned(),
    }
}

/// An element is called by the first text in it, and by its place if it has none.
fn element(item: &Value, index: usize) -> Subject {
    let own = item.as_object().into_iter().flatten();
    let mut texts = own.filter_map(|(name, value)| Some((name, value.as_str()?)));
    match texts.find(|(_, text)| !text.is_empty() && text.chars().count() <= NAME) {
        Some((kind, text)) => named(text, kind),
        None => named(&(index + 1).to_string(), "element"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_number_of_a_result_is_a_fact_with_its_place() {
        let result = json!({
            "total": {"price": 12.5, "unit": "EUR"},
            "rows": [{"city": "Rome", "people": 2_800_000, "warm": true}, [7]],
            "at": "2026-11-29T13:00",
            "a/b": 18_446_744_073_709_551_615_u64,
            "two": {"x": 1, "y": 2, "unit": "kg"},
            "note": "no digit", "none": null
        });
        let (facts, more) = figures("order", "shop", &result);
        assert!(!more);
        let shown: Vec<_> = facts
            .iter()
            .map(|fact| {
                let Statistic::Other(words) = &fact.statistic else {
                    panic!("{fact:?}");
                };
                (
                    words.as_str(),
                    fact.value.to_string(),
                    fact.unit.as_deref(),
                    fact.source.at.as_deref().unwrap(),
                )
            })
            .collect();
        let expected = [
            ("order total price", "12.5", Some("EUR"), "/total/price"),
            ("order rows Rome people", "2800000", None, "/rows/0/people"),
            ("order rows 2 1", "7", None, "/rows/1/0"),
            ("order at", "2026-11-29T13:00", None, "/at"),
            ("order a/b", "18446744073709551615", None, "/a~1b"),
            ("order two x", "1", None, "/two/x"),
            ("order two y", "2", None, "/two/y"),
        ];
        assert_eq!(shown.len(), expected.len(), "{shown:?}");
        for (shown, expected) in shown.iter().zip(expected) {
            assert_eq!((shown.0, shown.1.as_str(), shown.2, shown.3), expected);
        }
        for fact in &facts {
            assert_eq!(fact.source.task.as_deref(), Some("order"));
            let place = result.pointer(fact.source.at.as_deref().unwrap());
            assert!(place.is_some(), "{fact:?}");
        }
        assert_eq!(
            facts[1].subject[2],
            Subject {
                name: "Rome".into(),
                kind: "city".into()
            }
        );
    }

    #[test]
    fn figures_are_bounded_and_what_is_left_is_told() {
        let (facts, more) = figures("t", "x", &json!(vec![1; FIGURES]));
        assert_eq!((facts.len(), more), (FIGURES, false));
        let (facts, more) = figures("t", "x", &json!(vec![1; FIGURES + 1]));
        assert_eq!((facts.len(), more), (FIGURES, true));
        let long = format!("1{}", "x".repeat(TEXT));
        assert_eq!(figures("t", "x", &json!([long, "a\n1", ""])).0, []);
        assert_eq!(figures("t", "x", &json!(5)).0.len(), 1, "a bare number too");
    }
}
