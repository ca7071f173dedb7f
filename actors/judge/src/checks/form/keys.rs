//! The keys of a JSON object that a goal asks for: as a pattern, `{"price_eur": number}`, or in words, `the keys "Maths" and "Art"`.

use aios_languages::{Sense, Tag};
use serde_json::Value;

use crate::text::Text;

/// A key that is asked for, with what stands there.
#[derive(Debug, PartialEq)]
struct Key {
    name: String,
    kind: Option<Kind>,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Text,
    List,
    Truth,
}

/// What is wrong with the keys of a value, by what a goal says of them; none where it says nothing.
pub(super) fn wrong(goal: &Text, value: &Value) -> Option<String> {
    let asked = pattern(goal).or_else(|| in_words(goal))?;
    let objects = objects(value);
    if objects.is_empty() {
        return Some("an object with keys was asked for".to_owned());
    }
    // All of them in one object; where none has all, the one that has most tells what is missing.
    let lacks = |object: &serde_json::Map<String, Value>| -> Vec<String> {
        let mut out = Vec::new();
        for key in &asked {
            match (object.get(&key.name), key.kind) {
                (None, _) => out.push(format!("the key {:?} is missing", key.name)),
                (Some(value), Some(kind)) if !kind.is(value) => {
                    out.push(format!("the value of {:?} is of another kind", key.name));
                }
                _ => {}
            }
        }
        out
    };
    let best = objects
        .iter()
        .map(|object| lacks(object))
        .min_by_key(Vec::len)?;
    best.into_iter().next()
}

/// Whether a goal says which keys it wants.
pub(in crate::checks) fn asks_keys(goal: &Text) -> bool {
    pattern(goal).or_else(|| in_words(goal)).is_some()
}

/// An object, or those of a list, and those that lie one level below.
fn objects(value: &Value) -> Vec<&serde_json::Map<String, Value>> {
    let mut out: Vec<&serde_json::Map<String, Value>> = Vec::new();
    match value {
        Value::Object(object) => {
            out.push(object);
            out.extend(object.values().filter_map(Value::as_object));
            let lists = object.values().filter_map(Value::as_array).flatten();
            out.extend(lists.filter_map(Value::as_object));
        }
        Value::Array(rows) => out.extend(rows.iter().filter_map(Value::as_object)),
        _ => {}
    }
    out
}

impl Kind {
    fn is(self, value: &Value) -> bool {
        match self {
            Self::Number => value.is_number(),
            Self::Text => value.is_string(),
            Self::List => value.is_array(),
            Self::Truth => value.is_boolean(),
        }
    }
}

/// The keys of a pattern in braces, the outermost ones.
fn pattern(goal: &Text) -> Option<Vec<Key>> {
    let raw = goal.raw.as_str();
    let start = raw.find('{')?;
    let (mut depth, mut out, mut at) = (0usize, Vec::new(), start);
    while let Some(c) = raw.get(at..).and_then(|rest| rest.chars().next()) {
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    break;
                }
            }
            '"' => {
                let inner = raw.get(at + 1..)?;
                let end = inner.find('"')?;
                let behind = inner.get(end + 1..)?;
                if let (1, Some(value)) = (depth, behind.trim_start().strip_prefix(':')) {
                    let from = raw.len() - value.len();
                    out.push(Key {
                        name: inner[..end].to_owned(),
                        kind: kind(goal, from),
                    });
                }
                at += end + 1;
            }
            _ => {}
        }
        at += raw.get(at..)?.chars().next().map_or(1, char::len_utf8);
    }
    (!out.is_empty()).then_some(out)
}

/// What the word at a place, or the bracket, says that stands there.
fn kind(goal: &Text, from: usize) -> Option<Kind> {
    if goal.raw.get(from..)?.trim_start().starts_with('[') {
        return Some(Kind::List);
    }
    let word = goal.words.partition_point(|word| word.start < from);
    goal.tags.iter().find_map(|tag| match tag.tag {
        _ if tag.from != word => None,
        Tag::Sense(Sense::KindNumber) => Some(Kind::Number),
        Tag::Sense(Sense::KindText) => Some(Kind::Text),
        Tag::Sense(Sense::KindList) => Some(Kind::List),
        Tag::Sense(Sense::KindTruth) => Some(Kind::Truth),
        _ => None,
    })
}

/// The keys that follow the word for keys: between quotation marks, else single words in a row, up to the end of the sentence.
fn in_words(goal: &Text) -> Option<Vec<Key>> {
    let word = goal
        .tags
        .iter()
        .find(|tag| tag.tag == Tag::Sense(Sense::FormKeys))?;
    let from = goal.words.get(word.to - 1)?.end;
    let rest = goal.raw.get(from..)?;
    let end = rest.find(['.', ';', '?', '!', '\n']).unwrap_or(rest.len());
    let rest = &rest[..end];
    let named = |name: &str| Key {
        name: name.to_owned(),
        kind: None,
    };
    let quoted: Vec<Key> = rest
        .split(['"', '“', '”', '„', '«', '»', '`'])
        .skip(1)
        .step_by(2)
        .map(str::trim)
        .filter(|name| !name.is_empty() && name.len() < 60)
        .map(named)
        .collect();
    if !quoted.is_empty() {
        return Some(quoted);
    }
    // "With the keys name, total_kg and mean": what is a word of its own between commas and joining words.
    let base = from;
    let joins: Vec<(usize, usize)> = goal
        .tags
        .iter()
        .filter(|tag| tag.tag == Tag::Sense(Sense::And) && tag.to > word.to)
        .map(|tag| (goal.words[tag.from].start, goal.words[tag.to - 1].end))
        .collect();
    let mut out = Vec::new();
    let mut start = base;
    let stop = base + rest.len();
    let cuts = rest
        .match_indices(',')
        .map(|(at, _)| (base + at, base + at + 1));
    let mut cuts: Vec<(usize, usize)> = cuts.chain(joins).filter(|(at, _)| *at < stop).collect();
    cuts.sort_unstable();
    cuts.push((stop, stop));
    for (at, behind) in cuts {
        let item = goal
            .raw
            .get(start..at)
            .unwrap_or("")
            .trim_matches([' ', ':']);
        start = start.max(behind);
        if item.is_empty() {
            continue;
        }
        let one = item.chars().all(|c| c.is_alphanumeric() || c == '_');
        if !one {
            break;
        }
        out.push(named(item));
    }
    // A single one is more likely a word of the sentence.
    (out.len() > 1).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Names;

    #[test]
    fn keys_are_read_from_a_pattern_and_from_words() {
        let english = aios_languages::lexicon("en").unwrap();
        let french = aios_languages::lexicon("fr").unwrap();
        let rows = [
            (
                "en",
                "JSON with the keys \"Maths\" and \"Art\", nothing else.",
                r#"{"Maths": 1, "Art": 2}"#,
                None,
            ),
            (
                "en",
                "JSON with the keys \"Maths\" and \"Art\", nothing else.",
                r#"{"maths": 1, "Art": 2}"#,
                Some("\"Maths\""),
            ),
            (
                "en",
                "JSON with the keys name, total_kg and mean for each bed.",
                r#"[{"name": "a", "total_kg": 1}]"#,
                None,
            ),
            (
                "en",
                "JSON with the keys name and total_kg.",
                r#"[{"name": "a"}]"#,
                Some("total_kg"),
            ),
            (
                "en",
                "As JSON: {\"next\": string, \"sum\": number}",
                r#"{"next": "x", "sum": "2"}"#,
                Some("another kind"),
            ),
            (
                "en",
                "As JSON: {\"next\": string, \"sum\": number}",
                r#"{"next": "x", "sum": 2}"#,
                None,
            ),
            (
                "en",
                "As JSON: {\"rows\": [{\"a\": number}]}",
                r#"{"rows": [{"a": 1}]}"#,
                None,
            ),
            (
                "fr",
                "En JSON : {\"heures\": nombre}",
                r#"{"heures": "six"}"#,
                Some("another kind"),
            ),
            ("en", "The mean of each subject as JSON.", "[1]", None),
        ];
        for (code, goal, answer, wanted) in rows {
            let lexicon = if code == "en" { &english } else { &french };
            let text = Text::read(goal, lexicon, &Names::default(), &[]);
            let value: Value = serde_json::from_str(answer).unwrap();
            let found = wrong(&text, &value);
            match wanted {
                None => assert_eq!(found, None, "{goal} {answer}"),
                Some(part) => assert!(
                    found.as_deref().is_some_and(|found| found.contains(part)),
                    "{goal} {answer}: {found:?}"
                ),
            }
        }
    }
}
