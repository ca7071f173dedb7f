//! `chart`: figures as an accessible SVG: bars, grouped bars or lines.
//!
//! The picture is written by hand rather than by a plotting library: it needs a title and a description that a screen reader speaks,
//! contrasts that are proved, a value at every mark, and no script; all of that is a few hundred lines.

mod bars;
mod frame;
mod line;
mod scale;
mod svg;

use aios_work::{Artifact, Capability, Effect, ToolCall, ToolError, ToolOutput, ToolSpec};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use aios_tools::{BlockingTool, Workspace, args};

const NAME: &str = "chart";

/// What one picture can show so that it can still be read.
const SERIES: usize = 8;
const BARS: usize = 80;
const POINTS: usize = 2_000;
const LABEL_CHARS: usize = 200;

/// Draws a chart into the output folder.
pub(crate) struct Chart;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    #[serde(alias = "bars")]
    Bar,
    Line,
    #[serde(alias = "grouped_bars", alias = "grouped")]
    GroupedBar,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    kind: Kind,
    title: String,
    #[serde(default)]
    x_label: String,
    #[serde(default)]
    y_label: String,
    series: Vec<SeriesArgs>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeriesArgs {
    #[serde(default)]
    name: String,
    points: Vec<(Json, Option<f64>)>,
}

/// What is drawn: a value, or none, for every label and series.
#[derive(Debug)]
pub(crate) struct Figure {
    title: String,
    x_label: String,
    y_label: String,
    labels: Vec<String>,
    series: Vec<Series>,
}

/// Values of one name, in the order of the labels.
#[derive(Debug)]
pub(crate) struct Series {
    name: String,
    values: Vec<Option<f64>>,
}

impl Figure {
    fn of(args: Args) -> Result<Self, ToolError> {
        let bad = |reason: String| Err(ToolError::invalid_arguments(NAME, reason));
        if args.title.trim().is_empty() {
            return bad("the title is empty; say what the chart shows".to_owned());
        }
        if args.series.is_empty() || args.series.len() > SERIES {
            return bad(format!(
                "there are {} series, a chart shows 1 to {SERIES}",
                args.series.len()
            ));
        }
        let mut labels: Vec<String> = Vec::new();
        let mut place = std::collections::HashMap::new();
        let mut series = Vec::with_capacity(args.series.len());
        for given in args.series {
            let mut values: Vec<Option<f64>> = vec![None; labels.len()];
            for (label, value) in given.points {
                let label: String = match label {
                    Json::String(text) => text.chars().take(LABEL_CHARS).collect(),
                    Json::Null => "(none)".to_owned(),
                    other => other.to_string(),
                };
                let at = *place.entry(label.clone()).or_insert_with(|| {
                    labels.push(label);
                    labels.len() - 1
                });
                values.resize(labels.len(), None);
                if let Some(slot) = values.get_mut(at) {
                    *slot = value.filter(|value| value.is_finite());
                }
            }
            series.push(Series {
                name: given.name.chars().take(LABEL_CHARS).collect(),
                values,
            });
        }
        for one in &mut series {
            one.values.resize(labels.len(), None);
        }
        let marks = labels.len() * series.len();
        let most = if args.kind == Kind::Line {
            POINTS
        } else {
            BARS
        };
        if marks > most {
            return bad(format!(
                "there are {marks} values, this chart shows at most {most}; keep the largest or group them"
            ));
        }
        if series
            .iter()
            .all(|one| one.values.iter().all(Option::is_none))
        {
            return bad("there is no value to show".to_owned());
        }
        let short = |text: String| {
            text.split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
                .chars()
                .take(LABEL_CHARS)
                .collect()
        };
        Ok(Self {
            title: short(args.title),
            x_label: short(args.x_label),
            y_label: short(args.y_label),
            labels,
            series,
        })
    }

    fn values(&self) -> impl Iterator<Item = f64> {
        self.series
            .iter()
            .flat_map(|series| series.values.iter().flatten().copied())
    }

    /// The picture in words: every value if they are few, otherwise the extremes and ends of each series.
    fn describe(&self, kind: Kind) -> String {
        let what = match kind {
            Kind::Bar | Kind::GroupedBar => "Bar chart",
            Kind::Line => "Line chart",
        };
        let axes = match (self.y_label.as_str(), self.x_label.as_str()) {
            ("", "") => String::new(),
            (y, "") => format!(" of {y}"),
            ("", x) => format!(" by {x}"),
            (y, x) => format!(" of {y} by {x}"),
        };
        let mut text = format!("{what}{axes}.");
        for series in &self.series {
            let shown: Vec<(&String, f64)> = self
                .labels
                .iter()
                .zip(&series.values)
                .filter_map(|(l, v)| Some((l, (*v)?)))
                .collect();
            let said: Vec<String> = if self.labels.len() * self.series.len() <= 24 {
                shown
                    .iter()
                    .map(|(label, value)| format!("{label} {}", scale::exact(*value)))
                    .collect()
            } else {
                let least = shown
                    .iter()
                    .min_by(|a, b| a.1.total_cmp(&b.1))
                    .map(|point| ("lowest", point));
                let most = shown
                    .iter()
                    .max_by(|a, b| a.1.total_cmp(&b.1))
                    .map(|point| ("highest", point));
                let ends = [
                    shown.first().map(|point| ("first", point)),
                    shown.last().map(|point| ("last", point)),
                    least,
                    most,
                ];
                ends.into_iter()
                    .flatten()
                    .map(|(which, (label, value))| {
                        format!("{which} {label} {}", scale::exact(*value))
                    })
                    .collect()
            };
            let name = if series.name.is_empty() {
                String::new()
            } else {
                format!("{}: ", series.name)
            };
            text.push_str(&format!(
                " {name}{}.",
                if said.is_empty() {
                    "no values".to_owned()
                } else {
                    said.join(", ")
                }
            ));
        }
        text
    }
}

impl BlockingTool for Chart {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: NAME.to_owned(),
            description: "Draws bars, grouped bars or lines as an accessible SVG file.".to_owned(),
            needs: [Capability::FILES_WRITE].into(),
            effect: Effect::Repeatable,
            output: json!({
                "type": "object",
                "properties": {
                    "file": {"type": "string", "description": "name of the file in the output folder"},
                    "description": {"type": "string", "description": "the picture in words"}
                },
                "required": ["file", "description"]
            }),
            input: json!({
                "type": "object",
                "properties": {
                    "kind": {"enum": ["bar", "grouped_bar", "line"]},
                    "title": {"type": "string", "description": "what the chart shows"},
                    "x_label": {"type": "string"},
                    "y_label": {"type": "string", "description": "what is measured, with its unit"},
                    "series": {"type": "array", "maxItems": SERIES, "items": {
                        "type": "object",
                        "properties": {
                            "name": {"type": "string"},
                            "points": {"type": "array", "items": {"type": "array", "description": "[label, value]; null is a gap"}}
                        },
                        "required": ["points"]
                    }}
                },
                "required": ["kind", "title", "series"],
                "additionalProperties": false
            }),
        }
    }

    fn run(&self, call: &ToolCall, workspace: &Workspace) -> Result<ToolOutput, ToolError> {
        let args: Args = args::parse(NAME, call)?;
        let kind = args.kind;
        let figure = Figure::of(args)?;
        let description = figure.describe(kind);
        let file = file_name(&figure.title, &call.idempotency_key);
        let picture = match kind {
            Kind::Line => line::draw(&figure, &description),
            Kind::Bar | Kind::GroupedBar => bars::draw(&figure, &description),
        };
        call.check()?;
        let path = workspace.write(&file, picture.as_bytes())?;
        let alt = format!("{}. {description}", figure.title.trim_end_matches('.'));
        let log = format!("{NAME}: {} values drawn as {file}", figure.values().count());
        let value = json!({"file": file, "description": alt});
        let artifact = Artifact {
            path,
            media_type: "image/svg+xml".to_owned(),
            description: alt,
        };
        Ok(ToolOutput {
            value,
            facts: Vec::new(),
            artifacts: vec![artifact],
            log,
        })
    }
}

/// A name that people can read and that the same step gives again: `revenue-by-month-1f2e3d4c5b6a.svg`.
fn file_name(title: &str, key: &str) -> String {
    let words = title
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { ' ' })
        .collect::<String>();
    let mut slug = String::new();
    for word in words.split_whitespace() {
        if slug.len() + word.len() > 48 {
            break;
        }
        slug.push_str(word);
        slug.push('-');
    }
    format!("{slug}{:012x}.svg", fingerprint(key))
}

/// FNV-1a with a last mixing step: the same on every machine and in every version, which the standard hasher does not promise.
fn fingerprint(key: &str) -> u64 {
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)) >> 16
}

#[cfg(test)]
mod tests;
