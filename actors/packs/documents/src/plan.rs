//! The plan of a goal about documents: look at each file, find what matters, look every quotation up again, write.

use std::collections::BTreeSet;

use aios_work::{Bench, Goal, Missed, Plan, Question, Task, quoted};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::fields::{self, Extracted};
use crate::intent::Intent;
use crate::lexicon;
use crate::tools::{
    CHECK, EXTRACT, Extraction, FILES, FIND, Outline, Passages, QUOTES, Quote, READ,
};
use crate::words::{normal, words};

/// The name of this domain.
pub const NAME: &str = "documents";
/// The task that finds passages or fields.
pub(crate) const FOUND: &str = "found";
/// How the tasks begin that look quotations up.
pub(crate) const LOOKED_UP: &str = "quotes";
/// The task that writes the paragraph.
pub(crate) const CLOSING: &str = "closing";

/// The general tool for prose.
const WRITE: &str = "write_text";

/// Milliseconds of a tool, and of a model.
const TOOL_MS: u64 = 60_000;
const MODEL_MS: u64 = 60_000;
/// Tokens of a paragraph with what it is written from.
const TOKENS: u32 = 1_600;
const PARAGRAPH_WORDS: u32 = 90;
/// Passages of a summary, and of an answer.
const KEY: usize = 5;
const KEY_OF_LONG: usize = 8;
const LONG: usize = 200;
const ANSWERS: usize = 5;
/// Bytes of the quotations that one task looks up; it has them twice.
const QUOTED: usize = 24 << 10;
/// Fields that the model is asked about, and characters of a passage that it is shown.
const ASKED: usize = 8;
const SHOWN: usize = 300;
const ASKED_TOKENS: u32 = 60;
/// Words of a value that is a whole passage.
const VALUE_WORDS: usize = 8;

/// What a plan of ours means.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Meaning {
    /// What is wanted.
    pub(crate) wants: Wants,
    /// The language of the answer.
    pub(crate) language: String,
    /// The schema whose fields are wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) schema: Option<Value>,
    /// Values that the model found, each with the passage that says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) picks: Vec<Extracted>,
}

/// What is wanted, as a plan says it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wants {
    /// What the files say, in short.
    #[default]
    Summary,
    /// An answer to a question.
    Answer,
    /// Values by a schema.
    Fields,
}

/// The name of the task that looks at a file.
pub(crate) fn look_id(at: usize) -> String {
    format!("t{at}")
}

fn task(id: &str, tool: &str, args: Value, title: String) -> Task {
    Task {
        deadline_ms: TOOL_MS,
        title: Some(title),
        ..Task::new(id, tool, args)
    }
}

/// Tasks that look at the goal's files, in its order.
pub(crate) fn looks(goal: &Goal) -> Vec<Task> {
    let look = |(at, file): (usize, &String)| {
        let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
        let args = json!({ "file": file, "outline": true });
        task(&look_id(at), READ, args, format!("look at {name}"))
    };
    goal.data()
        .iter()
        .take(FILES)
        .enumerate()
        .map(look)
        .collect()
}

/// Makes the plan.
pub(crate) async fn plan(goal: &Goal, bench: &dyn Bench) -> Result<Plan, String> {
    let looks = looks(goal);
    let looked = futures_all(&looks, bench).await;
    let (mut outlines, mut gaps, mut files) = (Vec::new(), Vec::new(), Vec::new());
    for ((task, looked), file) in looks.iter().zip(looked).zip(goal.data()) {
        match looked.map(Outline::deserialize) {
            Ok(Ok(outline)) => {
                files.push((file.clone(), outline.schema.clone()));
                outlines.push(outline);
            }
            Ok(Err(error)) => {
                return Err(format!("{READ} gave something else than it says: {error}"));
            }
            Err(Missed {
                reason,
                tolerable: false,
            }) => return Err(reason),
            Err(Missed { reason, .. }) => gaps.push(format!("{}: {reason}", task.title(&[]))),
        }
    }
    let mut plan = Plan {
        goal: goal.id().to_owned(),
        source: NAME.to_owned(),
        tasks: looks,
        points: Vec::new(),
        gaps,
        meaning: Value::Null,
    };
    let mut meaning = Meaning {
        language: language(goal, &outlines),
        ..Meaning::default()
    };
    if outlines.is_empty() {
        // The plan that needs nothing: say what was asked and what is missing.
        plan.meaning = serde_json::to_value(&meaning).unwrap_or_default();
        return Ok(plan);
    }
    let intent = Intent::of(goal.text());
    if let Intent::Fields(in_goal) = intent {
        let in_file = files.iter().find_map(|(_, schema)| schema.clone());
        let Some(schema) = in_goal.or(in_file) else {
            return Err("the goal names no fields: list them, or give a JSON schema in the goal or as a file".to_owned());
        };
        // A schema is no document to look into, where there is another.
        let documents: Vec<&String> = files
            .iter()
            .filter(|(_, schema)| schema.is_none())
            .map(|(file, _)| file)
            .collect();
        let documents = if documents.is_empty() {
            files.iter().map(|(file, _)| file).collect()
        } else {
            documents
        };
        meaning.wants = Wants::Fields;
        meaning.schema = Some(schema.clone());
        fields::fields(&schema)?;
        let find = task(
            FOUND,
            EXTRACT,
            json!({ "files": documents, "schema": schema }),
            "find the fields".to_owned(),
        );
        let found = bench.look(&find).await.map_err(|missed| missed.reason)?;
        let found = Extraction::deserialize(&found).map_err(|error| error.to_string())?;
        meaning.picks = ask_about(goal, &schema, &found.fields, bench).await;
        plan.tasks.push(find);
        let quotes = found
            .fields
            .iter()
            .chain(&meaning.picks)
            .filter_map(|field| field.quote.clone());
        look_up(&mut plan, quotes.collect());
        plan.meaning = serde_json::to_value(&meaning).unwrap_or_default();
        return Ok(plan);
    }
    let files: Vec<&String> = files.iter().map(|(file, _)| file).collect();
    let sentences: usize = outlines.iter().map(|outline| outline.sentences).sum();
    let key = if sentences > LONG { KEY_OF_LONG } else { KEY };
    let summary = |files: &[&String]| {
        task(
            FOUND,
            FIND,
            json!({ "files": files, "most": key }),
            "find what matters".to_owned(),
        )
    };
    let mut find = match intent {
        Intent::Question { .. } => task(
            FOUND,
            FIND,
            json!({ "files": files, "question": goal.text(), "most": ANSWERS }),
            "find what answers".to_owned(),
        ),
        _ => summary(&files),
    };
    meaning.wants = match intent {
        Intent::Question { .. } => Wants::Answer,
        _ => Wants::Summary,
    };
    let mut found = passages(&find, bench).await?;
    // What no passage speaks of may have been an order to sum up, in words that are not known here.
    if intent == (Intent::Question { certain: false })
        && !found.passages.first().is_some_and(answers)
    {
        find = Task {
            id: format!("{FOUND}_2"),
            ..summary(&files)
        };
        meaning.wants = Wants::Summary;
        found = passages(&find, bench).await?;
    }
    plan.tasks.push(find);
    look_up(
        &mut plan,
        found
            .passages
            .into_iter()
            .map(|passage| passage.quote)
            .collect(),
    );
    // Without a writer the files' own sentences stand alone; who offers what may not be known.
    let offered = bench.tools();
    if offered.is_empty() || offered.iter().any(|tool| tool == WRITE) {
        let after = plan.tasks.iter().map(|task| task.id.clone()).collect();
        plan.tasks.push(closing(after));
    }
    plan.meaning = serde_json::to_value(&meaning).unwrap_or_default();
    Ok(plan)
}

/// The task that writes the paragraph.
fn closing(after: Vec<String>) -> Task {
    Task {
        after,
        deadline_ms: MODEL_MS,
        tokens: TOKENS,
        prose: true,
        title: Some("write the paragraph".to_owned()),
        ..Task::new(CLOSING, WRITE, json!({ "max_words": PARAGRAPH_WORDS }))
    }
}

async fn passages(task: &Task, bench: &dyn Bench) -> Result<Passages, String> {
    let found = bench.look(task).await.map_err(|missed| missed.reason)?;
    Passages::deserialize(&found)
        .map_err(|error| format!("{FIND} gave something else than it says: {error}"))
}

/// All looks at once.
async fn futures_all(tasks: &[Task], bench: &dyn Bench) -> Vec<Result<Value, Missed>> {
    futures::future::join_all(tasks.iter().map(|task| bench.look(task))).await
}

/// Whether a passage speaks of what was asked, and not of a word of it alone.
pub(crate) fn answers(passage: &crate::tools::Passage) -> bool {
    let near = passage.near.unwrap_or(0.0);
    passage.covers >= 0.5 || (passage.covers >= 0.3 && near >= 0.6)
}

/// The language of the answer: the goal's, else the documents', else English.
fn language(goal: &Goal, outlines: &[Outline]) -> String {
    let of_goal = lexicon::of_text(goal.text()).map(|language| language.code);
    let of_files = || {
        outlines
            .iter()
            .find_map(|outline| outline.language.as_deref())
    };
    of_goal.or_else(of_files).unwrap_or("en").to_owned()
}

/// Plans that every quotation is looked up again where it is said to stand; and, for who checks that, wherever it stands.
fn look_up(plan: &mut Plan, quotes: Vec<Quote>) {
    let mut seen = BTreeSet::new();
    let mut groups: Vec<(usize, Vec<Quote>)> = Vec::new();
    for quote in quotes {
        if !seen.insert((quote.text.clone(), quote.place.clone())) {
            continue;
        }
        let bytes = quote.text.len() + quote.place.to_string().len() + 160;
        match groups.last_mut() {
            Some((sum, group)) if *sum + bytes <= QUOTED && group.len() < QUOTES => {
                *sum += bytes;
                group.push(quote);
            }
            _ => groups.push((bytes, vec![quote])),
        }
    }
    for (at, (_, group)) in groups.into_iter().enumerate() {
        let placed: Vec<Value> = group
            .iter()
            .map(|quote| json!({ "text": quote.text, "place": quote.place }))
            .collect();
        let anywhere: Vec<Value> = group
            .iter()
            .map(|quote| json!({ "text": quote.text, "file": quote.place.file }))
            .collect();
        let mut check = task(
            &format!("{LOOKED_UP}_{at}"),
            CHECK,
            json!({ "quotes": placed }),
            "look the quotations up".to_owned(),
        );
        check.recheck = Some(json!({ "quotes": anywhere }));
        plan.tasks.push(check);
    }
}

/// Asks the model for the fields that the rules did not find, in the passages that are nearest. Its word counts for nothing by itself: the
/// words that it quotes must stand in a passage that it was shown, and the value is read from them.
async fn ask_about(
    goal: &Goal,
    schema: &Value,
    found: &[Extracted],
    bench: &dyn Bench,
) -> Vec<Extracted> {
    let Ok(wanted) = fields::fields(schema) else {
        return Vec::new();
    };
    let mut picks = Vec::new();
    let open = found
        .iter()
        .filter(|field| field.value.is_null() && !field.near.is_empty());
    for field in open.take(ASKED) {
        let Some(asked) = wanted.iter().find(|wanted| wanted.pointer == field.pointer) else {
            continue;
        };
        let passages: Vec<String> = field
            .near
            .iter()
            .map(|quote| format!("- {}", quoted(&quote.text, SHOWN)))
            .collect();
        let question = Question {
            role: "You find values in texts.".to_owned(),
            prompt: format!(
                "Task: {}\nText:\n{}\nWhich words of the text are the {}? Copy them, or leave them empty.",
                quoted(goal.text(), 200),
                passages.join("\n"),
                quoted(&asked.names.join(", "), 120)
            ),
            schema: json!({
                "type": "object",
                "properties": { "words": { "type": "string", "maxLength": 200 } },
                "required": ["words"],
                "additionalProperties": false
            }),
            max_tokens: ASKED_TOKENS,
        };
        let Some(answer) = bench.think(&question).await else {
            break;
        };
        picks.extend(picked(&answer, asked, field));
    }
    picks
}

/// What a model's answer gives, if the words stand where they should and say a value that the schema allows.
fn picked(answer: &str, asked: &fields::Field, field: &Extracted) -> Option<Extracted> {
    let (start, end) = (answer.find('{')?, answer.rfind('}')?);
    let answer: Value = serde_json::from_str(answer.get(start..=end)?).ok()?;
    let said = normal(answer.get("words")?.as_str()?);
    if said.is_empty() {
        return None;
    }
    let quote = field
        .near
        .iter()
        .find(|quote| quote.text.contains(&said))?
        .clone();
    // A whole sentence says what a value is and is none.
    if said.len() == quote.text.len() && words(&said).count() > VALUE_WORDS {
        return None;
    }
    let language = lexicon::of_text(&quote.text);
    let read = fields::read_value(&asked.schema, &said, true, language).ok()??;
    if !fields::allows(&asked.schema, &read.value) {
        return None;
    }
    Some(Extracted {
        value: read.value,
        raw: Some(read.raw),
        unit: read.unit,
        quote: Some(quote),
        language: language.map(|language| language.code.to_owned()),
        why: None,
        near: Vec::new(),
        pointer: field.pointer.clone(),
    })
}
