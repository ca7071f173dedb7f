//! The tasks of a goal that asks, and the page that answers it: the answer first, then its figures, a drawing, what was assumed and left
//! out, and the statement behind each figure.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use aios_work::{Artifact, Fact, Goal, Source};
use serde_json::{Value, json};

use super::answer::{Answered, Given, Shown, answer};
use super::question::{Question, Understood};
use super::say::Speech;
use super::sql::Sql;
use crate::page::{Page, begins, capital, cell, plain};
use crate::results::Rows;
use crate::statement::Pair;

/// Lines of a table; the facts hold all.
const LINES: usize = 60;
/// Bars of a drawing; more points become a line.
const BARS: usize = 24;
/// Points of a drawing.
const POINTS: usize = 200;

/// What the tool for statements is called with, and again.
pub(crate) fn tasks(understood: &Understood) -> Vec<(Value, Value)> {
    let sql = Sql::new(&understood.tables);
    let questions = understood.questions.iter();
    questions
        .map(|question| {
            let Pair { query, again } = sql.of(question);
            let args = |query: String| match understood.tables.all.as_slice() {
                [(file, _)] => json!({ "file": file, "query": query }),
                several => {
                    let files: Vec<&String> = several.iter().map(|(file, _)| file).collect();
                    json!({ "files": files, "query": query })
                }
            };
            (args(query), args(again))
        })
        .collect()
}

/// The id of a question's task.
pub(crate) fn id(at: usize) -> String {
    format!("ask_{}", at + 1)
}

/// What a page holds.
pub(crate) struct Written {
    pub answer: String,
    pub facts: Vec<Fact>,
    pub gaps: Vec<String>,
    /// What the text may repeat beside its facts.
    pub passages: Vec<String>,
    pub measures: Vec<String>,
}

fn answered(understood: &Understood, outputs: &BTreeMap<String, Value>) -> Vec<Option<Answered>> {
    let sql = Sql::new(&understood.tables);
    let files: Vec<&str> = understood
        .tables
        .all
        .iter()
        .map(|(file, _)| file.rsplit(['/', '\\']).next().unwrap_or(file))
        .collect();
    let one = |(at, question): (usize, &Question)| {
        let rows = Rows::read(outputs.get(&id(at))?)?;
        let source = Source {
            task: Some(id(at)),
            ..Source::from(format!("{}: {}", files.join(", "), sql.of(question).query))
        };
        Some(answer(
            understood,
            question,
            &Given {
                rows: &rows,
                source,
            },
        ))
    };
    understood.questions.iter().enumerate().map(one).collect()
}

/// What a drawing is called with: of the first question with several groups.
pub(crate) fn draw(understood: &Understood, outputs: &BTreeMap<String, Value>) -> Option<Value> {
    let all = answered(understood, outputs);
    let shown = all
        .into_iter()
        .flatten()
        .find_map(|answered| answered.shown.filter(|shown| shown.points.len() > 1))?;
    let Shown {
        points,
        in_time,
        axes,
        ..
    } = shown;
    if !points.iter().any(|(_, value)| value.is_some()) {
        return None;
    }
    let drawn: Vec<Value> = points
        .iter()
        .take(POINTS)
        .map(|(name, value)| json!([name, value]))
        .collect();
    let kind = if drawn.len() > BARS || (in_time && drawn.len() > 6) {
        "line"
    } else {
        "bar"
    };
    Some(json!({
        "kind": kind,
        "title": capital(&format!("{} · {}", axes.1, axes.0)),
        "x_label": axes.0,
        "y_label": axes.1,
        "series": [{ "name": axes.1, "points": drawn }],
    }))
}

/// The page.
pub(crate) fn read(
    goal: &Goal,
    understood: &Understood,
    notes: &[String],
    outputs: &BTreeMap<String, Value>,
    artifacts: &[Artifact],
    so_far: &[String],
) -> Written {
    let speech = Speech::of(&understood.language);
    let all = answered(understood, outputs);
    let mut gaps: Vec<String> = so_far.to_vec();
    gaps.extend(understood.absent.iter().cloned());
    if !understood.unused.is_empty() {
        let words: Vec<String> = understood
            .unused
            .iter()
            .map(|word| format!("“{word}”"))
            .collect();
        gaps.push(speech.say("unused", &[("words", &words.join(", "))]));
    }
    let mut sentences: Vec<String> = Vec::new();
    // What is not there is the answer, and comes before what is.
    sentences.extend(understood.absent.iter().map(|said| ended(said)));
    sentences.extend(
        all.iter()
            .flatten()
            .map(|answered| answered.sentence.clone()),
    );
    if sentences.is_empty() && understood.questions.is_empty() && understood.unused.is_empty() {
        sentences.push(speech.say("nothing", &[("columns", "")]));
    }
    if !understood.unused.is_empty() {
        sentences.extend(gaps.last().map(|said| ended(said)));
        if understood.questions.is_empty() {
            sentences.push(ended(&speech.say("withheld", &[])));
        }
    }
    let mut facts: Vec<Fact> = Vec::new();
    for fact in all.iter().flatten().flat_map(|answered| &answered.facts) {
        if !facts
            .iter()
            .any(|known| known.states() == fact.states() && known.value == fact.value)
        {
            facts.push(fact.clone());
        }
    }
    let mut told: Vec<String> = understood.assumed.clone();
    told.extend(
        all.iter()
            .flatten()
            .flat_map(|answered| answered.notes.iter().cloned()),
    );
    told.extend(notes.iter().cloned());
    let mut seen = Vec::new();
    told.retain(|note| {
        let new = !seen.contains(note);
        seen.push(note.clone());
        new
    });
    let mut out = format!("# {}\n\n", plain(goal.text()));
    let mut page = Page { out: &mut out };
    page.heading(&speech.say("answer", &[]));
    page.line(&format!("{}\n", begins(&sentences.join(" "))));
    for shown in all
        .iter()
        .flatten()
        .filter_map(|answered| answered.shown.as_ref())
    {
        page.table(shown);
    }
    page.pictures(&speech.say("chart", &[]), artifacts);
    let items =
        |all: &[String]| -> Vec<String> { all.iter().map(|item| ended(&capital(item))).collect() };
    page.list(&speech.say("notes", &[]), items(&told));
    page.statements(&speech.say("sources", &[]), understood);
    page.list(&speech.say("gaps", &[]), items(&gaps));
    out.truncate(out.trim_end().len());
    out.push('\n');
    let mut measures: Vec<String> = facts
        .iter()
        .filter_map(|fact| fact.measure.clone())
        .collect();
    measures.sort();
    measures.dedup();
    let passages = told.iter().chain(&gaps).cloned().collect();
    Written {
        answer: out,
        facts,
        gaps,
        passages,
        measures,
    }
}

fn ended(text: &str) -> String {
    if text.ends_with(['.', '!', '?']) {
        text.to_owned()
    } else {
        format!("{text}.")
    }
}

impl Page<'_> {
    fn table(&mut self, shown: &Shown) {
        self.heading(&shown.heading);
        let heads: Vec<String> = shown.columns.iter().map(|name| cell(name)).collect();
        let rule: Vec<&str> = (0..heads.len())
            .map(|at| if at < shown.names { "---" } else { "---:" })
            .collect();
        self.line(&format!("| {} |\n|{}|", heads.join(" | "), rule.join("|")));
        for row in shown.rows.iter().take(LINES) {
            let cells: Vec<String> = row
                .iter()
                .enumerate()
                .map(|(at, text)| {
                    if at < shown.names {
                        cell(text)
                    } else {
                        plain(text)
                    }
                })
                .collect();
            self.line(&format!("| {} |", cells.join(" | ")));
        }
        self.line("");
    }

    fn statements(&mut self, heading: &str, understood: &Understood) {
        let tasks = tasks(understood);
        if tasks.is_empty() {
            return;
        }
        self.heading(heading);
        for (args, _) in tasks {
            let query = args
                .get("query")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let one_line: Vec<&str> = query.split_whitespace().collect();
            // A fence longer than any in the statement, whatever names the file has.
            let ticks = one_line.join(" ").replace("```", "'''");
            let _ = writeln!(self.out, "```sql\n{ticks}\n```\n");
        }
    }
}
