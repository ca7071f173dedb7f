//! What the model is asked about a goal, and how its answer is taken: only where the rules leave room.
//!
//! The schema's enums are the file's own column names, so a model under a grammar cannot name anything else; an answer made without a
//! grammar is checked all the same.

use crate::{ColumnKind, TableProfile};
use serde::Deserialize;
use serde_json::json;

use super::analysis::{Analysis, Choice, Picker, Role, settle};
use super::columns::{self, Wanted};
use super::intent::Intent;
use aios_work::{Goal, Question, quoted};

/// What stands for "no column".
const NONE: &str = "none";
/// Columns that are shown to the model: a small context is soon full.
const COLUMNS: usize = 24;

/// What the model is asked about a table; none if the rules leave nothing open.
#[must_use]
pub fn question(goal: &Goal, table: &TableProfile, analysis: &Analysis) -> Option<Question> {
    if analysis.intent != Intent::AnalyseTable || analysis.choices.iter().all(|choice| choice.clear)
    {
        return None;
    }
    let wanted = Wanted::new(goal.text());
    let names = |ranked: Vec<columns::Ranked>| -> Vec<String> {
        ranked
            .into_iter()
            .map(|column| column.name)
            .take(COLUMNS)
            .chain([NONE.to_owned()])
            .collect()
    };
    let dates = names(columns::dates(table, &wanted));
    let measures = names(columns::measures(table, &wanted));
    let categories = names(columns::categories(table, &wanted));
    let mut prompt = format!("Goal: \"{}\"\nTable columns:\n", quoted(goal.text(), 300));
    for column in table.columns.iter().take(COLUMNS) {
        let kind = match column.kind {
            ColumnKind::Date => "date",
            ColumnKind::Number => "number",
            ColumnKind::Category => "category",
            ColumnKind::Text => "text",
            ColumnKind::Id => "id",
            ColumnKind::Empty => "empty",
        };
        let examples: Vec<String> = column
            .examples
            .iter()
            .take(2)
            .map(|example| quoted(example, 24))
            .collect();
        prompt.push_str(&format!(
            "- {} ({kind}, e.g. {})\n",
            quoted(&column.name, 60),
            examples.join(", ")
        ));
    }
    prompt.push_str(
        "Which columns does the goal need? Answer as JSON with intent, date, measure, category.",
    );
    let intents: Vec<&str> = vec![
        Intent::AnalyseTable.as_str(),
        Intent::PlainQuestion.as_str(),
    ];
    let schema = json!({
        "type": "object",
        "properties": {
            "intent": {"type": "string", "enum": intents},
            "date": {"type": "string", "enum": dates},
            "measure": {"type": "string", "enum": measures},
            "category": {"type": "string", "enum": categories},
        },
        "required": ["intent", "date", "measure", "category"],
        "additionalProperties": false,
    });
    Some(Question {
        role: "You choose columns of a table.".to_owned(),
        prompt,
        schema,
        max_tokens: 96,
    })
}

#[derive(Deserialize)]
struct Pick {
    #[serde(default)]
    date: Option<String>,
    #[serde(default)]
    measure: Option<String>,
    #[serde(default)]
    category: Option<String>,
}

/// Takes the model's answer in. A pick counts only if its column is of the right kind, does not go against what the goal names, and the
/// rules have no clear winner. With an answer that cannot be read the rules stand alone.
#[must_use]
pub fn merge(goal: &Goal, table: &TableProfile, analysis: &Analysis, answer: &str) -> Analysis {
    let mut merged = analysis.clone();
    let Some(pick) = read(answer) else {
        for choice in merged.choices.iter_mut().filter(|choice| !choice.clear) {
            choice
                .why
                .push_str("; the model's answer could not be used");
        }
        return merged;
    };
    let wanted = Wanted::new(goal.text());
    let fitting = |ranked: Vec<columns::Ranked>| -> Vec<String> {
        ranked.into_iter().map(|column| column.name).collect()
    };
    let dates = fitting(columns::dates(table, &wanted));
    let measures = fitting(columns::measures(table, &wanted));
    let categories = fitting(columns::categories(table, &wanted));
    for choice in &mut merged.choices {
        match choice.role {
            Role::Intent => {}
            Role::Date => take(choice, pick.date.as_deref(), &dates),
            Role::Measure => take(choice, pick.measure.as_deref(), &measures),
            Role::Category => take(choice, pick.category.as_deref(), &categories),
        }
    }
    let pick = |role: Role| {
        merged
            .choices
            .iter()
            .find(|choice| choice.role == role)
            .and_then(|choice| choice.pick.clone())
    };
    let (date, measure, category) = (pick(Role::Date), pick(Role::Measure), pick(Role::Category));
    settle(goal.text(), table, &mut merged, date, measure, category);
    merged
}

fn take(choice: &mut Choice, pick: Option<&str>, fitting: &[String]) {
    let Some(pick) = pick else { return };
    let name = (pick != NONE).then(|| pick.to_owned());
    if choice.pick == name {
        choice.by = Picker::Both;
        return;
    }
    let why = match &name {
        _ if choice.clear => format!("; the model's pick {} is not followed", quoted(pick, 60)),
        Some(name) if fitting.contains(name) => {
            choice.why = format!(
                "the model picked {name}; by rules {} would do as well",
                choice.pick.as_deref().unwrap_or(NONE)
            );
            choice.pick = Some(name.clone());
            choice.by = Picker::Model;
            return;
        }
        _ => format!("; the model's pick {} does not fit", quoted(pick, 60)),
    };
    choice.why.push_str(&why);
}

/// The first JSON object in a text. A small model may put words around it.
fn read(answer: &str) -> Option<Pick> {
    let start = answer.find('{')?;
    let end = answer.rfind('}')?;
    serde_json::from_str(answer.get(start..=end)?).ok()
}
