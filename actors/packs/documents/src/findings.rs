//! What a goal's results say, read once for the prose, the answer and the check.

use aios_work::{Fact, Plan, SoFar, Source, Statistic, Subject, Value as FactValue};
use serde::Deserialize;
use serde_json::Value;

use crate::document::{Left, Leftovers};
use crate::fields::{self, Extracted};
use crate::lexicon::{self, Lexicon};
use crate::plan::{FOUND, LOOKED_UP, Meaning, Wants, answers};
use crate::support::mark;
use crate::tools::{Checked, Extraction, Outline, Passages, Quote, READ};

/// Places of one kind that an answer names.
const NAMED: usize = 5;

/// What quoted facts are about: the passage, by the mark that it has in the answer.
pub(crate) const PASSAGE: &str = "passage";

/// What was found.
pub(crate) struct Findings {
    pub(crate) meaning: Meaning,
    pub(crate) language: &'static Lexicon,
    pub(crate) outlines: Vec<Outline>,
    /// Quotations that stand where they are said to, in the order of the answer, each with where its proof is.
    pub(crate) quotes: Vec<(Quote, Source)>,
    /// Whether the passages answer the question, or are the nearest.
    pub(crate) answered: bool,
    /// The fields, each with the number of its quotation if it has a value.
    pub(crate) fields: Vec<(Extracted, Option<usize>)>,
    orders: Leftovers,
}

impl Findings {
    /// Reads the results so far.
    pub(crate) fn read(meaning: &Meaning, so_far: &SoFar<'_>) -> Self {
        let language = lexicon::of_code(&meaning.language);
        let mut findings = Self {
            meaning: meaning.clone(),
            language,
            outlines: Vec::new(),
            quotes: Vec::new(),
            answered: true,
            fields: Vec::new(),
            orders: Leftovers::default(),
        };
        let mut proven: Vec<(Quote, Source)> = Vec::new();
        for task in &so_far.plan.tasks {
            let Some(result) = so_far.results.get(&task.id) else {
                continue;
            };
            if task.tool == READ {
                findings.outlines.extend(Outline::deserialize(result));
            } else if task.id.starts_with(LOOKED_UP)
                && let Ok(checked) = Checked::deserialize(result)
            {
                for (at, stands) in checked.quotes.iter().enumerate() {
                    let Some(place) = stands.places.first() else {
                        continue;
                    };
                    let source = Source {
                        task: Some(task.id.clone()),
                        at: Some(format!("/quotes/{at}/text")),
                        row: None,
                        ..Source::from(place.to_string())
                    };
                    let quote = Quote {
                        text: stands.text.clone(),
                        place: place.clone(),
                    };
                    proven.push((quote, source));
                }
            }
        }
        let found = so_far
            .plan
            .tasks
            .iter()
            .rfind(|task| task.id.starts_with(FOUND));
        let result = found.and_then(|task| so_far.results.get(&task.id));
        match findings.meaning.wants {
            Wants::Fields => findings.take_fields(result, proven),
            Wants::Summary | Wants::Answer => findings.take_passages(result, proven),
        }
        findings
    }

    fn take_passages(&mut self, result: Option<&Value>, proven: Vec<(Quote, Source)>) {
        let Some(found) = result.and_then(|result| Passages::deserialize(result).ok()) else {
            return;
        };
        self.orders = found.orders;
        self.answered =
            self.meaning.wants == Wants::Summary || found.passages.first().is_some_and(answers);
        for passage in found.passages {
            // The nearest to what is not answered are few.
            if !self.answered && self.quotes.len() >= 3 {
                break;
            }
            // Beside the best one only what is nearly as good says more.
            if self.meaning.wants == Wants::Answer
                && self.answered
                && !self.quotes.is_empty()
                && !answers(&passage)
            {
                continue;
            }
            let proof = proven.iter().find(|(quote, _)| *quote == passage.quote);
            self.quotes.extend(proof.cloned());
        }
    }

    fn take_fields(&mut self, result: Option<&Value>, proven: Vec<(Quote, Source)>) {
        let Some(found) = result.and_then(|result| Extraction::deserialize(result).ok()) else {
            return;
        };
        self.orders = found.orders;
        for field in found.fields {
            let pick = self
                .meaning
                .picks
                .iter()
                .find(|pick| pick.pointer == field.pointer);
            let mut field = match pick {
                Some(pick) if field.value.is_null() => pick.clone(),
                _ => field,
            };
            let proof = field
                .quote
                .as_ref()
                .and_then(|wanted| proven.iter().find(|(quote, _)| quote == wanted));
            let number = match proof {
                Some(proof) if self.traced(&field) => {
                    let known = self.quotes.iter().position(|(quote, _)| *quote == proof.0);
                    Some(known.unwrap_or_else(|| {
                        self.quotes.push(proof.clone());
                        self.quotes.len() - 1
                    }))
                }
                _ => None,
            };
            if number.is_none() && !field.value.is_null() {
                field.value = Value::Null;
                field.why = Some("the words that say it were not found again".to_owned());
            }
            self.fields.push((field, number));
        }
    }

    /// Whether a value follows from the words that are quoted for it, and is what the schema allows.
    fn traced(&self, field: &Extracted) -> bool {
        let (Some(quote), Some(raw), Some(schema)) =
            (&field.quote, &field.raw, &self.meaning.schema)
        else {
            return false;
        };
        let Ok(wanted) = fields::fields(schema) else {
            return false;
        };
        let Some(wanted) = wanted.iter().find(|wanted| wanted.pointer == field.pointer) else {
            return false;
        };
        let language = field.language.as_deref().map(lexicon::of_code);
        // Alone, or as a part of the sentence that it stands in.
        let says = |whole: bool| {
            let read = fields::read_value(&wanted.schema, raw, whole, language);
            matches!(read, Ok(Some(read)) if read.value == field.value)
        };
        quote.text.contains(raw.as_str())
            && (says(true) || says(false))
            && fields::allows(&wanted.schema, &field.value)
    }

    /// The object that the fields make.
    pub(crate) fn object(&self) -> Value {
        fields::whole(
            self.fields
                .iter()
                .map(|(field, _)| (field.pointer.as_str(), field.value.clone())),
        )
    }

    /// Fields that must be there and are not.
    pub(crate) fn missing(&self) -> impl Iterator<Item = &Extracted> {
        let required = |pointer: &str| -> bool {
            let (inside, key) = pointer.rsplit_once('/').unwrap_or(("", pointer));
            let place: String = inside
                .split('/')
                .skip(1)
                .map(|part| format!("/properties/{part}"))
                .collect();
            let schema = self
                .meaning
                .schema
                .as_ref()
                .and_then(|schema| schema.pointer(&place));
            let required = schema
                .and_then(|schema| schema.get("required"))
                .and_then(Value::as_array);
            let key = key.replace("~1", "/").replace("~0", "~");
            // Where nothing is said, all that was asked for was meant.
            required.is_none_or(|names| names.iter().any(|name| name.as_str() == Some(&key)))
        };
        self.fields
            .iter()
            .map(|(field, _)| field)
            .filter(move |field| field.value.is_null() && required(&field.pointer))
    }

    /// Every figure and quotation.
    pub(crate) fn facts(&self, plan: &Plan) -> Vec<Fact> {
        let mut facts = Vec::new();
        for outline in &self.outlines {
            let task = plan.tasks.iter().find(|task| {
                let file = task.args["file"].as_str().unwrap_or_default();
                task.tool == READ
                    && (file == outline.file || file.ends_with(&format!("/{}", outline.file)))
            });
            let counts = [
                ("words", outline.words, "/words"),
                ("sentences", outline.sentences, "/sentences"),
                ("sections", outline.heading_count, "/heading_count"),
            ];
            facts.extend(counts.map(|(what, count, at)| Fact {
                subject: vec![Subject {
                    name: outline.file.clone(),
                    kind: "file".to_owned(),
                }],
                measure: None,
                statistic: Statistic::Other(what.to_owned()),
                period: None,
                value: FactValue::Integer(i64::try_from(count).unwrap_or(i64::MAX)),
                unit: None,
                source: Source {
                    task: task.map(|task| task.id.clone()),
                    at: Some(at.to_owned()),
                    ..Source::from(format!("{}: {READ}", outline.file))
                },
            }));
        }
        facts.extend(
            self.quotes
                .iter()
                .enumerate()
                .map(|(at, (quote, source))| Fact {
                    subject: vec![Subject {
                        name: mark(at),
                        kind: PASSAGE.to_owned(),
                    }],
                    measure: None,
                    statistic: Statistic::Quoted,
                    period: None,
                    value: FactValue::Text(quote.text.clone()),
                    unit: None,
                    source: source.clone(),
                }),
        );
        for (field, number) in &self.fields {
            let value = match &field.value {
                Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                    (Some(whole), _) => FactValue::Integer(whole),
                    (None, Some(real)) => FactValue::from(real),
                    _ => continue,
                },
                Value::String(text) => FactValue::Text(text.clone()),
                Value::Bool(truth) => FactValue::Text(truth.to_string()),
                _ => continue,
            };
            let Some((quote, source)) = number.and_then(|number| self.quotes.get(number)) else {
                continue;
            };
            facts.push(Fact {
                subject: vec![Subject {
                    name: quote.place.file.clone(),
                    kind: "file".to_owned(),
                }],
                measure: Some(field.pointer.trim_start_matches('/').to_owned()),
                statistic: Statistic::Other(
                    field.pointer.trim_start_matches('/').replace('/', " "),
                ),
                period: None,
                value,
                unit: field.unit.clone(),
                source: Source {
                    row: quote.place.row.map(u64::from),
                    ..source.clone()
                },
            });
        }
        facts
    }

    /// What could not be read, each with its place.
    pub(crate) fn unread(&self) -> Vec<String> {
        let mut out = Vec::new();
        for outline in &self.outlines {
            let Leftovers { places, count } = &outline.unread;
            out.extend(places.iter().take(NAMED).map(|Left { place, why }| {
                format!("{}: {place}: {why}", self.language.says.not_read)
            }));
            if *count > NAMED {
                out.push(format!(
                    "{}: {}: +{}",
                    self.language.says.not_read,
                    outline.file,
                    count - NAMED
                ));
            }
        }
        out
    }

    /// What is told besides: what was left out on purpose, and what was lost in reading.
    pub(crate) fn notes(&self) -> Vec<String> {
        let says = &self.language.says;
        let mut out: Vec<String> = Vec::new();
        let told = |words: &str, left: &Leftovers| {
            let first = left.places.first()?;
            Some(words.replacen("{}", &left.count.to_string(), 1).replacen(
                "{}",
                &first.place.to_string(),
                1,
            ))
        };
        for outline in &self.outlines {
            out.extend(
                outline
                    .warnings
                    .iter()
                    .map(|warning| format!("{}: {warning}", outline.file)),
            );
            out.extend(told(says.hidden, &outline.hidden));
        }
        out.extend(told(says.ordering, &self.orders));
        out
    }
}
