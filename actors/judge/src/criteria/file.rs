//! Criteria as a file says them, compared with the checks that there are.

use std::sync::Arc;

use aios_schema::Schema;
use aios_work::{Category, Dimensions, PASS};
use serde::Deserialize;

use super::{Criteria, CriteriaError, Kept, Outside, Rubric, Shape};
use crate::checks::LOOKS;

/// Judgements of a model that are asked for at most.
const MODELS: u32 = 9;
/// Texts that may be forbidden: each is looked for in every line.
const FORBIDDEN: usize = 256;
/// How long a command may run if the file does not say, and at most, in milliseconds.
const COMMAND_MS: u64 = 60_000;
const COMMAND_MS_MOST: u64 = 600_000;

/// Kinds that are no checks of their own.
const KINDS: [&str; 5] = ["covers", "schema", "command", "tool", "model"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    name: String,
    #[serde(default)]
    #[allow(dead_code)] // For people.
    description: String,
    pass: Option<f64>,
    weights: Option<Weights>,
    #[serde(default)]
    forbidden: Vec<String>,
    #[serde(default)]
    checks: Vec<Entry>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Weights {
    relevance: f64,
    clarity: f64,
    accuracy: f64,
    completeness: f64,
    tone: f64,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Entry {
    kind: String,
    sentences: Option<Range>,
    words: Option<Range>,
    lines: Option<Range>,
    items: Option<Range>,
    paragraphs: Option<Range>,
    language: Option<String>,
    json: bool,
    columns: Vec<String>,
    points: Vec<String>,
    schema: Option<String>,
    run: Vec<String>,
    timeout_ms: Option<u64>,
    tool: Option<String>,
    args: Option<toml::Value>,
    rubric: Option<String>,
    version: Option<String>,
    dimension: Option<Category>,
    n: Option<u32>,
}

#[derive(Deserialize, Clone, Copy, Default)]
#[serde(deny_unknown_fields, default)]
struct Range {
    min: Option<usize>,
    max: Option<usize>,
}

impl Criteria {
    /// Reads a file of criteria.
    ///
    /// # Errors
    /// When it cannot be read, lowers what must not be lowered, or names what there is not.
    pub fn read(toml: &str) -> Result<Self, CriteriaError> {
        let file: File =
            toml::from_str(toml).map_err(|error| CriteriaError::Unreadable(error.to_string()))?;
        let mut criteria = Self {
            name: file.name,
            ..Self::default()
        };
        if let Some(pass) = file.pass {
            if !(PASS..=1.0).contains(&pass) {
                return Err(CriteriaError::Lowered(pass.to_string()));
            }
            criteria.pass = pass;
        }
        if let Some(weights) = file.weights {
            criteria.weights = weighed(&weights)?;
        }
        let is_no_line = |text: &&String| text.trim().is_empty() || text.contains(['\n', '\r']);
        if let Some(text) = file.forbidden.iter().find(is_no_line) {
            return Err(CriteriaError::Forbidden(text.clone()));
        }
        if file.forbidden.len() > FORBIDDEN {
            let texts = file.forbidden.len();
            let why = format!("`forbidden` holds {texts} texts, {FORBIDDEN} are taken");
            return Err(CriteriaError::Unreadable(why));
        }
        criteria.forbidden = file.forbidden;
        if !file.checks.is_empty() {
            criteria.wanted = Some(Vec::new());
        }
        for entry in file.checks {
            criteria.add(entry)?;
        }
        Ok(criteria)
    }

    fn add(&mut self, entry: Entry) -> Result<(), CriteriaError> {
        let kind = entry.kind.clone();
        let lacks = |field| CriteriaError::Lacks {
            kind: kind.clone(),
            field,
        };
        let known = LOOKS.iter().map(|look| look.name());
        if known.clone().any(|name| name == entry.kind) {
            self.wanted.get_or_insert_default().push(entry.kind.clone());
        } else if !KINDS.contains(&entry.kind.as_str()) {
            let nearest = aios_work::nearest(&entry.kind, known.chain(KINDS));
            return Err(CriteriaError::Unknown {
                nearest: nearest.unwrap_or_default().to_owned(),
                kind: entry.kind,
            });
        }
        match entry.kind.as_str() {
            "form" | "language" => {
                for (what, range) in [
                    ("sentences", entry.sentences),
                    ("words", entry.words),
                    ("lines", entry.lines),
                    ("items", entry.items),
                    ("paragraphs", entry.paragraphs),
                ] {
                    self.form
                        .extend(range.map(|range| Shape::of(what, range.min, range.max)));
                }
                self.language = entry.language.or_else(|| self.language.take());
                self.json |= entry.json;
                self.columns.extend(entry.columns);
            }
            "covers" if entry.points.is_empty() => return Err(lacks("points")),
            "covers" => self.covers.extend(entry.points),
            "schema" => {
                let text = entry.schema.ok_or_else(|| lacks("schema"))?;
                let schema = Schema::read(&text)
                    .and_then(Schema::that_ends)
                    .map_err(|error| CriteriaError::Unreadable(error.to_string()))?;
                self.schema = Some(Kept(Arc::new(schema)));
                self.json = true;
            }
            "command" if entry.run.is_empty() => return Err(lacks("run")),
            "command" => self.outside.push(Outside::Command {
                run: entry.run,
                timeout_ms: entry.timeout_ms.unwrap_or(COMMAND_MS).min(COMMAND_MS_MOST),
            }),
            "tool" => self.outside.push(Outside::Tool {
                tool: entry.tool.ok_or_else(|| lacks("tool"))?,
                args: entry
                    .args
                    .and_then(|args| serde_json::to_value(args).ok())
                    .unwrap_or_default(),
            }),
            "model" => self.outside.push(Outside::Model(Rubric {
                text: entry.rubric.ok_or_else(|| lacks("rubric"))?,
                version: entry.version.ok_or_else(|| lacks("version"))?,
                dimension: entry.dimension.unwrap_or(Category::Relevance),
                n: entry.n.unwrap_or(3).clamp(1, MODELS),
            })),
            _ => {}
        }
        Ok(())
    }
}

fn weighed(weights: &Weights) -> Result<Dimensions, CriteriaError> {
    let all = [
        weights.relevance,
        weights.clarity,
        weights.accuracy,
        weights.completeness,
        weights.tone,
    ];
    let sum: f64 = all.iter().sum();
    if all
        .iter()
        .any(|weight| !weight.is_finite() || *weight < 0.0)
        || sum <= 0.0
        || !sum.is_finite()
    {
        return Err(CriteriaError::Weights);
    }
    Ok(Dimensions {
        relevance: weights.relevance / sum,
        clarity: weights.clarity / sum,
        accuracy: weights.accuracy / sum,
        completeness: weights.completeness / sum,
        tone: weights.tone / sum,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn criteria_may_be_stricter_than_the_contract_and_never_laxer() {
        let rows = [
            ("pass = 0.9", None),
            (
                "pass = 0.8",
                Some("`pass` is 0.8; it may be raised above 0.85 and never lowered"),
            ),
            (
                "pass = nan",
                Some("`pass` is NaN; it may be raised above 0.85 and never lowered"),
            ),
            ("[weights]\ntone = 1", None),
            (
                "[weights]\ntone = -1",
                Some("`weights` must be 0 or more each and not all 0"),
            ),
            (
                "[[checks]]\nkind = \"numbrs\"",
                Some("there is no check of kind \"numbrs\"; did you mean \"numbers\"?"),
            ),
            (
                "[[checks]]\nkind = \"command\"",
                Some("a check of kind \"command\" needs `run`"),
            ),
            (
                "[[checks]]\nkind = \"model\"\nrubric = \"x\"",
                Some("a check of kind \"model\" needs `version`"),
            ),
            ("[[checks]]\nkind = \"covers\"\npoints = [\"price\"]", None),
            ("forbidden = [\"top secret\"]", None),
            (
                "forbidden = [\" \"]",
                Some("`forbidden` holds \" \"; each is a text of one line that is not empty"),
            ),
        ];
        for (text, refused) in rows {
            let error = Criteria::read(text).err().map(|error| error.to_string());
            assert_eq!(error.as_deref(), refused, "{text}");
        }
        assert!(Criteria::read("pas = 1").is_err());
        assert!(Criteria::read("[[checks]]\nkind = \"schema\"\nschema = '{\"type\": 5}'").is_err());
    }
}
