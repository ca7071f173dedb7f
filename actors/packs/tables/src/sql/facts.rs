//! Names the figures of a result, so that an answer can state them and a critic can find them.

use std::collections::HashMap;

use aios_work::{Fact, Source, Statistic, Subject, ToolError, Value};
use serde::Deserialize;

use super::NAME;
use super::database::QueryResult;

/// The most facts one query gives: more than an answer can state.
const FACTS: usize = 1_000;

/// Which figures are asked for: none, one template, or several.
#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
pub(crate) enum Asked {
    #[default]
    None,
    Name(String),
    One(Template),
    Many(Vec<Template>),
}

/// How one figure per row is named.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Template {
    /// `revenue in {region}`: a column in braces stands for the row's cell.
    name: String,
    /// The column of the figure; without it the last one that the name does not mention.
    value: Option<String>,
    /// The figure's unit; without it the one of the table's column of that name.
    unit: Option<String>,
}

impl Asked {
    /// The facts in `result`, row by row. A figure that is NULL is no fact.
    pub(crate) fn name(
        self,
        result: &QueryResult,
        units: &HashMap<String, String>,
        source: &str,
    ) -> Result<Vec<Fact>, ToolError> {
        let templates = match self {
            Self::None => return Ok(Vec::new()),
            Self::Name(name) => vec![Template {
                name,
                value: None,
                unit: None,
            }],
            Self::One(template) => vec![template],
            Self::Many(templates) => templates,
        };
        let asked = templates.len().saturating_mul(result.rows.len());
        if asked > FACTS {
            return Err(ToolError::invalid_arguments(
                NAME,
                format!(
                    "the query gives {asked} facts, at most {FACTS} are named; group or limit the rows"
                ),
            ));
        }
        let prepared = templates
            .iter()
            .map(|template| template.prepare(&result.columns))
            .collect::<Result<Vec<_>, ToolError>>()?;
        let mut facts = Vec::with_capacity(asked);
        let called = |at: usize| result.columns.get(at).map_or("", String::as_str);
        for (line, row) in result.rows.iter().enumerate() {
            for (template, (parts, at)) in templates.iter().zip(&prepared) {
                let Some(value) = row.get(*at).cloned().flatten() else {
                    continue;
                };
                let words = parts.iter().map(|part| part.text(row)).collect();
                let subject = parts.iter().filter_map(|part| match part {
                    Part::Words(_) => None,
                    Part::Column(of) => Some(Subject {
                        name: part.text(row),
                        kind: called(*of).to_owned(),
                    }),
                });
                let unit = template.unit.clone();
                facts.push(Fact {
                    subject: subject.collect(),
                    measure: Some(called(*at).to_owned()),
                    // Which statistic it is, only whoever wrote the query knows.
                    statistic: Statistic::Other(words),
                    period: None,
                    value,
                    unit: unit.or_else(|| units.get(called(*at)).cloned()),
                    source: Source {
                        at: Some(format!("/rows/{line}/{at}")),
                        ..Source::from(source.to_owned())
                    },
                });
            }
        }
        Ok(facts)
    }
}

enum Part<'t> {
    Words(&'t str),
    Column(usize),
}

impl Part<'_> {
    fn text(&self, row: &[Option<Value>]) -> String {
        match self {
            Self::Words(words) => (*words).to_owned(),
            Self::Column(at) => row
                .get(*at)
                .and_then(Option::as_ref)
                .map_or_else(|| "(none)".to_owned(), Value::to_string),
        }
    }
}

impl Template {
    /// Splits the name at its braces and finds the column of the figure.
    fn prepare(&self, columns: &[String]) -> Result<(Vec<Part<'_>>, usize), ToolError> {
        let place = |name: &str| {
            let at = columns
                .iter()
                .position(|column| column == name)
                .or_else(|| {
                    columns
                        .iter()
                        .position(|column| column.eq_ignore_ascii_case(name))
                });
            at.ok_or_else(|| {
                ToolError::invalid_arguments(
                    NAME,
                    format!(
                        "facts mention the column {name}, the result has {}",
                        columns.join(", ")
                    ),
                )
            })
        };
        let (mut parts, mut mentioned, mut rest) = (Vec::new(), Vec::new(), self.name.as_str());
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                return Err(ToolError::invalid_arguments(
                    NAME,
                    format!("a brace is not closed in the fact name {:?}", self.name),
                ));
            };
            let at = place(name.trim())?;
            mentioned.push(at);
            parts.extend([Part::Words(before), Part::Column(at)]);
            rest = after;
        }
        parts.push(Part::Words(rest));
        let at = match &self.value {
            Some(name) => place(name)?,
            None => (0..columns.len())
                .rev()
                .find(|at| !mentioned.contains(at))
                .ok_or_else(|| {
                    ToolError::invalid_arguments(
                        NAME,
                        "no column is left for the figure of the facts; name it in value",
                    )
                })?,
        };
        Ok((parts, at))
    }
}
