//! What a goal means for the data at hand, decided by rules. Every choice says why it was made and whether it is beyond doubt.

use crate::{ColumnKind, ColumnProfile, Note, NoteKind, TableProfile};
use aios_work::{FactKind, Statistic, Value};
use serde::{Deserialize, Serialize};

use super::columns::{self, Aggregate, CLEAR, Ranked, Wanted, label};
use super::intent::Intent;
use super::{arithmetic, timeframe};
use crate::ask::{Filter, Reading, Seen, Speech, Understood, understand};
use aios_languages::english::injections;
use aios_work::Goal;
use aios_work::{Day, Grain, Span};

/// Most categories that are totalled.
const CATEGORIES: usize = 3;
/// Most measures beside the main one that are totalled.
const MORE_MEASURES: usize = 3;
/// Most periods of a table; a finer grain is made coarser.
const PERIODS: i64 = 130;

/// What a column is picked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// What is to be done.
    Intent,
    /// The column that says when.
    Date,
    /// The column that is measured.
    Measure,
    /// The first column that is grouped by.
    Category,
}

/// Who picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Picker {
    /// The rules alone.
    Rules,
    /// The model, among what the rules left open.
    Model,
    /// Both, alike.
    Both,
}

/// One choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What for.
    pub role: Role,
    /// What was picked; none if nothing fits.
    pub pick: Option<String>,
    /// Who picked.
    pub by: Picker,
    /// Why.
    pub why: String,
    /// Whether the rules are beyond doubt: the goal names it, or it leads clearly, or there is no other.
    pub clear: bool,
}

/// The goal, understood.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    /// What is to be done.
    pub intent: Intent,
    /// The file it is about.
    pub file: Option<String>,
    /// The column that says when.
    pub date: Option<String>,
    /// Whether that column holds year numbers instead of dates.
    pub date_is_year: bool,
    /// The column that is measured.
    pub measure: Option<String>,
    /// Its unit.
    pub unit: Option<String>,
    /// How it is put together.
    pub aggregate: Aggregate,
    /// Further measures that are totalled, with their units.
    pub more_measures: Vec<(String, Option<String>)>,
    /// Columns that are grouped by.
    pub categories: Vec<String>,
    /// What rows are grouped by in time.
    pub grain: Option<Grain>,
    /// The days rows are restricted to; none when all are used.
    pub filter: Option<Span>,
    /// The days the rows used cover.
    pub covers: Option<Span>,
    /// Each choice with its reason.
    pub choices: Vec<Choice>,
    /// What was assumed; the report says it.
    pub notes: Vec<String>,
    /// What was asked for and cannot be had; the answer names it.
    pub gaps: Vec<String>,
    /// The arithmetic asked for, as a checked expression.
    pub expression: Option<arithmetic::Expression>,
    /// Conditions on rows that the goal sets beside a period.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) conditions: Vec<Filter>,
    /// What is asked, where the goal asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) asked: Option<Box<Understood>>,
}

impl Analysis {
    /// The measure as facts have it; none when rows are counted.
    #[must_use]
    pub fn measure_name(&self) -> Option<String> {
        self.measure.as_deref().map(label)
    }

    /// The figure that the goal asks for, over everything.
    #[must_use]
    pub fn figure(&self) -> FactKind {
        let (statistic, measure) = match self.aggregate {
            Aggregate::Sum => (Statistic::Total, self.measure_name()),
            Aggregate::Mean => (Statistic::Mean, self.measure_name()),
            Aggregate::Count => (Statistic::Rows, None),
        };
        FactKind::whole(statistic, measure)
    }

    /// A figure of the measure, over everything.
    #[must_use]
    pub fn figure_of(&self, statistic: Statistic) -> FactKind {
        FactKind::whole(statistic, self.measure_name())
    }

    /// What periods are keyed by.
    pub(super) fn period_grain(&self) -> Grain {
        match self.grain {
            _ if self.date_is_year => Grain::Year,
            Some(grain) => grain,
            None => Grain::Day,
        }
    }

    /// What outliers are dated by: rows by their day, counts of rows by their period.
    pub(super) fn outlier_grain(&self) -> Grain {
        if self.measure.is_none() || self.date_is_year {
            self.period_grain()
        } else {
            Grain::Day
        }
    }

    /// The measure in a text: "revenue"; "rows" when rows are counted.
    #[must_use]
    pub fn measure_label(&self) -> String {
        self.measure_name().unwrap_or_else(|| "rows".to_owned())
    }

    /// The figure in a text: "total revenue", "average price", "rows".
    #[must_use]
    pub fn figure_label(&self) -> String {
        match self.aggregate {
            Aggregate::Sum => format!("total {}", self.measure_label()),
            Aggregate::Mean => format!("average {}", self.measure_label()),
            Aggregate::Count => "rows".to_owned(),
        }
    }

    fn bare(intent: Intent, why: &str, clear: bool) -> Self {
        Self {
            intent,
            file: None,
            date: None,
            date_is_year: false,
            measure: None,
            unit: None,
            aggregate: Aggregate::Count,
            more_measures: Vec::new(),
            categories: Vec::new(),
            grain: None,
            filter: None,
            covers: None,
            choices: vec![Choice {
                role: Role::Intent,
                pick: Some(intent.as_str().to_owned()),
                by: Picker::Rules,
                why: why.to_owned(),
                clear,
            }],
            notes: Vec::new(),
            gaps: Vec::new(),
            expression: None,
            conditions: Vec::new(),
            asked: None,
        }
    }
}

/// Reads a goal. `table` is the profile of its table, if it has one.
#[must_use]
pub fn analyse(goal: &Goal, table: Option<&TableProfile>) -> Analysis {
    let (intent, why, clear) = intent(goal.text(), table.is_some());
    let mut analysis = Analysis::bare(intent, why, clear);
    match (intent, table) {
        (Intent::AnalyseTable, Some(table)) => read_table(goal.text(), table, &mut analysis),
        (Intent::Arithmetic, _) => analysis.expression = arithmetic::find(goal.text()),
        _ => {}
    }
    analysis
}

/// Reads a goal over all its tables, with the values that it names.
#[must_use]
pub(crate) fn analyse_tables(goal: &Goal, seen: &[Seen<'_>]) -> Analysis {
    let Some(first) = seen.first() else {
        return analyse(goal, None);
    };
    match understand(goal.text(), seen) {
        Reading::Overview {
            filters,
            absent,
            unused,
        } => {
            let mut analysis = analyse(goal, Some(first.profile));
            analysis.conditions = filters;
            analysis.gaps.extend(absent);
            if !unused.is_empty() {
                analysis.gaps.push(format!(
                    "not understood and not used: {}",
                    unused.join(", ")
                ));
            }
            analysis
        }
        Reading::Asked(understood) => {
            let why = "the goal asks something of a table";
            let mut analysis = Analysis::bare(Intent::AskTable, why, true);
            analysis.file = Some(first.profile.file.clone());
            for table in seen {
                let notes = table.profile.notes.iter();
                analysis
                    .notes
                    .extend(notes.map(|note| said(note, &understood.language)));
                analysis.notes.extend(orders(table.profile));
            }
            analysis.asked = Some(understood);
            analysis
        }
    }
}

/// A note in the goal's language, where its words are known in it.
fn said(note: &Note, language: &str) -> String {
    let speech = Speech::of(language);
    let column = note.column.as_deref().unwrap_or_default();
    let text = note.text.as_str();
    if language == "en" {
        return note.sentence();
    }
    match note.kind {
        NoteKind::Footnote => text
            .split_once(": ")
            .map(|(_, texts)| speech.say("footnotes", &[("texts", texts)])),
        NoteKind::Unit => text
            .strip_prefix("cells are in ")
            .and_then(|text| text.split_once("; all are told in "))
            .map(|(units, unit)| {
                let told = [("column", column), ("units", units), ("unit", unit)];
                speech.say("told_in_one", &told)
            }),
        _ => None,
    }
    .unwrap_or_else(|| note.sentence())
}

/// What is said where the data holds words like an order.
fn orders(table: &TableProfile) -> Option<String> {
    let cells = table
        .columns
        .iter()
        .flat_map(|column| column.examples.iter().chain([&column.name]));
    let phrase = cells.flat_map(|cell| injections(cell)).next()?;
    Some(format!(
        "the data holds words like an order ({phrase:?}); they are taken as data"
    ))
}

fn intent(text: &str, table: bool) -> (Intent, &'static str, bool) {
    if table {
        (Intent::AnalyseTable, "the goal comes with a table", true)
    } else if arithmetic::find(text).is_some() {
        (Intent::Arithmetic, "the goal is arithmetic", true)
    } else {
        (Intent::PlainQuestion, "the goal comes without data", true)
    }
}

fn read_table(text: &str, table: &TableProfile, analysis: &mut Analysis) {
    let wanted = Wanted::new(text);
    analysis.file = Some(table.file.clone());
    let dates = columns::dates(table, &wanted);
    let measures = columns::measures(table, &wanted);
    let categories = columns::categories(table, &wanted);
    analysis.choices.push(choice(Role::Date, &dates));
    analysis.choices.push(choice(Role::Measure, &measures));
    analysis.choices.push(choice(Role::Category, &categories));
    let name = |ranked: &[Ranked]| ranked.first().map(|first| first.name.clone());
    let date = name(&dates);
    settle(
        text,
        table,
        analysis,
        date,
        name(&measures),
        name(&categories),
    );
}

/// Fills in everything that follows from the picks. Called again when the model's pick replaces one of them.
pub(super) fn settle(
    text: &str,
    table: &TableProfile,
    analysis: &mut Analysis,
    date: Option<String>,
    measure: Option<String>,
    category: Option<String>,
) {
    let wanted = Wanted::new(text);
    analysis.notes.clear();
    analysis.gaps.clear();
    analysis.notes.extend(table.warnings.iter().cloned());
    analysis.notes.extend(orders(table));
    settle_measure(&wanted, table, analysis, measure);
    settle_categories(&wanted, table, analysis, category);
    settle_time(text, table, analysis, date);
}

fn settle_measure(
    wanted: &Wanted,
    table: &TableProfile,
    analysis: &mut Analysis,
    measure: Option<String>,
) {
    let column = measure
        .as_deref()
        .and_then(|name| table.columns.iter().find(|column| column.name == name));
    analysis.more_measures.clear();
    let Some(column) = column.filter(|_| !counts_rows(wanted, measure.as_deref())) else {
        analysis.measure = None;
        analysis.unit = None;
        analysis.aggregate = Aggregate::Count;
        let why = if measure.is_some() {
            "the goal asks how many, so rows are counted"
        } else {
            "no column holds a quantity, so rows are counted"
        };
        analysis.notes.push(why.to_owned());
        return;
    };
    analysis.measure = Some(column.name.clone());
    analysis.unit.clone_from(&column.unit);
    let averaged = wanted.has(&["average", "mean", "avg"]);
    analysis.aggregate = if averaged || columns::is_intensive(column) {
        Aggregate::Mean
    } else {
        Aggregate::Sum
    };
    let shown = label(&column.name);
    if analysis.aggregate == Aggregate::Mean {
        analysis.notes.push(if averaged {
            format!("{shown} is averaged, as asked")
        } else {
            format!("{shown} is averaged, because its values do not add up")
        });
    }
    if column.missing > 0 {
        analysis.notes.push(format!(
            "cells without {shown} are left out, not taken as zero"
        ));
    }
    let others = columns::measures(table, wanted);
    for other in others.iter().filter(|other| other.name != column.name) {
        let Some(column) = table
            .columns
            .iter()
            .find(|column| column.name == other.name)
        else {
            continue;
        };
        if analysis.more_measures.len() < MORE_MEASURES
            && !columns::is_intensive(column)
            && column.unit_column.is_none()
        {
            analysis
                .more_measures
                .push((column.name.clone(), column.unit.clone()));
        }
    }
}

/// "How many orders": rows, unless the measure itself is what is counted ("how many units").
fn counts_rows(wanted: &Wanted, measure: Option<&str>) -> bool {
    wanted.counts() && !measure.is_some_and(|measure| wanted.names(measure))
}

fn settle_categories(
    wanted: &Wanted,
    table: &TableProfile,
    analysis: &mut Analysis,
    category: Option<String>,
) {
    let ranked = columns::categories(table, wanted);
    // Counting rows of things that have one row each says nothing.
    let single = |name: &String| {
        let column = table.columns.iter().find(|column| column.name == *name);
        let alone = column.is_some_and(|column| column.distinct + column.missing >= table.rows);
        analysis.aggregate == Aggregate::Count && alone && !wanted.names(name)
    };
    let measured = |name: &String| {
        analysis.measure.as_ref() == Some(name)
            || analysis
                .more_measures
                .iter()
                .any(|(other, _)| other == name)
    };
    let mut picks: Vec<String> = Vec::new();
    let named: Vec<String> = ranked
        .iter()
        .filter(|column| column.named)
        .map(|column| column.name.clone())
        .collect();
    picks.extend(named.iter().cloned());
    picks.extend(category);
    if named.is_empty() {
        picks.extend(ranked.iter().map(|column| column.name.clone()));
    }
    let mut chosen: Vec<String> = Vec::new();
    for pick in picks {
        if chosen.len() < CATEGORIES
            && !chosen.contains(&pick)
            && !measured(&pick)
            && !single(&pick)
        {
            chosen.push(pick);
        }
    }
    analysis.categories = chosen;
}

fn settle_time(text: &str, table: &TableProfile, analysis: &mut Analysis, date: Option<String>) {
    analysis.date = None;
    analysis.date_is_year = false;
    analysis.grain = None;
    analysis.filter = None;
    analysis.covers = None;
    let column = date
        .as_deref()
        .and_then(|name| table.columns.iter().find(|column| column.name == name));
    let data = column.and_then(|column| {
        Some((
            column,
            span_of(column.min.as_ref()?, column.max.as_ref()?, column.kind)?,
        ))
    });
    let Some((column, data)) = data else {
        if let Some(asked) = everything().and_then(|all| timeframe::asked(text, &all)) {
            analysis.gaps.push(format!(
                "{} was asked for, but no column holds dates: all rows are used",
                asked.words
            ));
        }
        return;
    };
    analysis.date = Some(column.name.clone());
    analysis.date_is_year = column.kind != ColumnKind::Date;
    let finest = finest(column);
    // A date that names only a month, quarter or year stands for all its days.
    let data = Span {
        until: finest.span_of(data.until).until,
        ..data
    };
    let mut covers = data;
    if let Some(asked) = timeframe::asked(text, &data) {
        let assumed = if asked.assumed {
            format!("{:?} is taken as {}", asked.words, asked.span)
        } else {
            format!("the goal asks for {}", asked.words)
        };
        let aligned = finest.span_of(asked.span.from).from == asked.span.from
            && finest.span_of(asked.span.until).until == asked.span.until;
        if asked.span.covers(&data) {
            analysis
                .notes
                .push(format!("{assumed}; all rows lie in it ({data})"));
        } else if !aligned && asked.span.overlaps(&data) {
            analysis.gaps.push(format!(
                "{} was asked for, but the data is given per {}: all rows are used",
                asked.words,
                finest.as_str()
            ));
        } else if asked.span.overlaps(&data) {
            covers = Span {
                from: asked.span.from.max(data.from),
                until: asked.span.until.min(data.until),
            };
            analysis.filter = Some(asked.span);
            analysis.notes.push(format!(
                "{assumed}; the data covers {data}, only rows of that period are used"
            ));
        } else {
            analysis.gaps.push(format!(
                "the data has nothing for {} ({}); it covers {data}, and all of it is used",
                asked.words, asked.span
            ));
        }
    }
    if column.missing > 0 {
        let what = if analysis.filter.is_some() {
            "are left out"
        } else {
            "count in the totals but in no period"
        };
        let (rows, have) = if column.missing == 1 {
            ("row", "has")
        } else {
            ("rows", "have")
        };
        analysis.notes.push(format!(
            "{} {rows} of the file {have} no {}; they {what}",
            column.missing,
            label(&column.name)
        ));
    }
    analysis.covers = Some(covers);
    analysis.grain = Some(grain(text, analysis, &covers).max(finest));
    partial_ends(analysis, &covers);
}

/// The finest periods a column tells apart, by how its dates are written.
fn finest(column: &ColumnProfile) -> Grain {
    match column.date_format.as_deref() {
        _ if column.kind != ColumnKind::Date => Grain::Year,
        Some(format) if !format.contains('D') && format.contains('Q') => Grain::Quarter,
        Some(format) if !format.contains('D') && format.contains('M') => Grain::Month,
        Some("YYYY") => Grain::Year,
        _ => Grain::Day,
    }
}

/// The grain asked for; else days within a month, months up to two years, quarters up to eight, then years.
fn grain(text: &str, analysis: &mut Analysis, covers: &Span) -> Grain {
    let count = |grain: Grain| grain.count(covers.from, covers.until);
    if analysis.date_is_year {
        return Grain::Year;
    }
    if let Some(asked) = timeframe::asked_grain(text) {
        let mut grain = asked;
        while count(grain) > PERIODS {
            let Some(coarser) = grain.coarser() else {
                break;
            };
            grain = coarser;
        }
        if grain != asked {
            analysis.notes.push(format!(
                "there are more than {PERIODS} {}s, so periods are {}s",
                asked.as_str(),
                grain.as_str()
            ));
        }
        return grain;
    }
    match (count(Grain::Month), count(Grain::Quarter)) {
        (1, _) => Grain::Day,
        (2..=24, _) => Grain::Month,
        (_, 1..=32) => Grain::Quarter,
        _ => Grain::Year,
    }
}

/// A first or last period of which more than a quarter is missing makes growth look wrong; the report says so.
fn partial_ends(analysis: &mut Analysis, covers: &Span) {
    let Some(grain) = analysis
        .grain
        .filter(|grain| *grain != Grain::Day && !analysis.date_is_year)
    else {
        return;
    };
    let first = grain.span_of(covers.from);
    let last = grain.span_of(covers.until);
    if (covers.from.number() - first.from.number()) * 4 > first.days() {
        analysis.notes.push(format!(
            "{} begins in the data on {} only",
            grain.key(first.from),
            covers.from
        ));
    }
    if (last.until.number() - covers.until.number()) * 4 > last.days() {
        analysis.notes.push(format!(
            "{} ends in the data on {} already",
            grain.key(last.from),
            covers.until
        ));
    }
}

fn span_of(min: &Value, max: &Value, kind: ColumnKind) -> Option<Span> {
    let (from, until) = if kind == ColumnKind::Date {
        (
            Day::parse_prefix(min.as_str()?)?,
            Day::parse_prefix(max.as_str()?)?,
        )
    } else {
        let year = |value: &Value| match value {
            Value::Integer(year) => i32::try_from(*year).ok(),
            _ => None,
        };
        (Day::new(year(min)?, 1, 1)?, Day::new(year(max)?, 12, 31)?)
    };
    (from <= until).then_some(Span { from, until })
}

/// All years a goal may name.
fn everything() -> Option<Span> {
    let year = |year| Day::new(year, 1, 1).map(|day| Grain::Year.span_of(day));
    Some(year(1900)?.joined(&year(2100)?))
}

fn choice(role: Role, ranked: &[Ranked]) -> Choice {
    let noun = match role {
        Role::Intent => "intent",
        Role::Date => "date",
        Role::Measure => "quantity",
        Role::Category => "grouping",
    };
    let (why, clear) = match ranked {
        [] => (format!("no column fits as {noun}"), true),
        [first, ..] if first.named => (format!("the goal names {}", first.name), true),
        [only] => (format!("{} is the only {noun}", only.name), true),
        [first, second, ..] if first.score >= second.score + CLEAR => {
            (format!("{} fits the goal's words best", first.name), true)
        }
        [first, second, ..] => (
            format!("{} fits a little better than {}", first.name, second.name),
            false,
        ),
    };
    Choice {
        role,
        pick: ranked.first().map(|first| first.name.clone()),
        by: Picker::Rules,
        why,
        clear,
    }
}
