//! An answer that is one JSON value, read as a table is: each leaf stands below its keys, and below the name of its row.

use serde_json::Value;

use super::{Answer, Kind};
use crate::unit::Unit;

/// Keys within keys that are followed.
const DEEP: usize = 12;

/// The JSON value that a text is, with or without a fence around it.
pub(super) fn value(text: &str) -> Option<Value> {
    let bare = unfenced(text);
    bare.starts_with(['{', '['])
        .then(|| serde_json::from_str(bare).ok())?
}

/// A text without the one fence that stands around all of it.
pub(crate) fn unfenced(text: &str) -> &str {
    let bare = text.trim();
    let inner = bare
        .strip_prefix("```")
        .and_then(|rest| rest.strip_suffix("```"))
        .and_then(|rest| rest.split_once('\n'));
    match inner {
        Some((_, inner)) if !inner.contains("```") => inner.trim(),
        _ => bare,
    }
}

/// Reads a value into an answer.
pub(super) fn read(answer: &mut Answer, value: &Value) {
    answer.blocks += 1;
    below(answer, value, "", &[], DEEP);
}

fn below(answer: &mut Answer, value: &Value, key: &str, over: &[usize], deep: usize) {
    if deep == 0 {
        return;
    }
    match value {
        Value::Object(fields) => {
            let mut labels = over.to_vec();
            if !key.is_empty() {
                labels.push(answer.push(spaced(key), 0, Kind::Label, over.to_vec()));
            }
            for (key, value) in fields {
                below(answer, value, key, &labels, deep - 1);
            }
        }
        Value::Array(rows) => {
            let mut labels = over.to_vec();
            if !key.is_empty() {
                labels.push(answer.push(spaced(key), 0, Kind::Label, over.to_vec()));
            }
            for row in rows {
                match row.as_object() {
                    // What a row is of stands in its first text.
                    Some(fields) => {
                        let name = fields.iter().find(|(_, value)| value.is_string());
                        let mut own = labels.clone();
                        if let Some((_, Value::String(text))) = name {
                            own.push(answer.push(text.clone(), 0, Kind::Head, labels.clone()));
                        }
                        let called = name.map(|(key, _)| key);
                        let rest = fields.iter().filter(|(key, _)| Some(*key) != called);
                        for (key, value) in rest {
                            below(answer, value, key, &own, deep - 1);
                        }
                    }
                    None => below(answer, row, key, &labels, deep - 1),
                }
            }
        }
        leaf => {
            let said = match leaf {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            // "surface_m2": the unit of a figure stands in its key.
            let unit = Unit::of_column(key, None).filter(|_| leaf.is_number());
            let unit = unit
                .map(|unit| format!(" {}", unit.shown))
                .unwrap_or_default();
            let text = match key {
                "" => said,
                key => format!("{}: {said}{unit}", spaced(key)),
            };
            answer.push(text, 0, Kind::Cell, over.to_vec());
        }
    }
}

/// A key as words.
fn spaced(key: &str) -> String {
    let mut out = String::with_capacity(key.len() + 4);
    let mut lower = false;
    for c in key.chars() {
        if c.is_uppercase() && lower {
            out.push(' ');
        }
        lower = c.is_lowercase();
        out.push(if matches!(c, '_' | '-' | '.') { ' ' } else { c });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::{Answer, Kind};

    #[test]
    fn each_leaf_stands_below_its_keys_and_its_row() {
        let text = "```json\n{\"total_kg\": 9.5, \"beds\": [{\"bed\": \"South\", \"water_l\": 700}], \"ok\": true}\n```";
        let answer = Answer::read(text, None);
        assert!(answer.is_json);
        let shown: Vec<(Kind, &str, Vec<&str>)> = answer
            .pieces
            .iter()
            .map(|piece| {
                let labels = piece.labels.iter();
                let labels = labels.map(|label| answer.pieces[*label].text.as_str());
                (piece.kind, piece.text.as_str(), labels.collect())
            })
            .collect();
        let mut wanted = vec![
            (Kind::Cell, "total kg: 9.5 kg", vec![]),
            (Kind::Label, "beds", vec![]),
            (Kind::Head, "South", vec!["beds"]),
            (Kind::Cell, "water l: 700 l", vec!["beds", "South"]),
            (Kind::Cell, "ok: true", vec![]),
        ];
        // Whether keys keep their order is the build's.
        let mut shown = shown;
        shown.sort_by_key(|(_, text, _)| text.to_string());
        wanted.sort_by_key(|(_, text, _)| text.to_string());
        assert_eq!(shown, wanted);
        for text in ["{not json", "It is {a}.", "[1", ""] {
            assert!(!Answer::read(text, None).is_json, "{text}");
        }
    }
}
