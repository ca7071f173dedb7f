//! What in the documents could be the value of a field, and which of it is.
//!
//! A label with its value counts most: a line, a cell below a column's name, a member of an object, a row of two cells. A sentence that names
//! the field and holds one value of its type counts less. Two different values that are equally likely are no value: both places are named.

use std::ops::Range;

use aios_tools::{Check, Schema, WorkspaceError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::schema::Field;
use super::value::{Read, read_value, stands_out};
use crate::document::{Block, Document, Kind};
use crate::lexicon::{self, Lexicon};
use crate::place::Place;
use crate::ranking::each_passage;
use crate::tools::Quote;
use crate::words::{normal, term, terms, words};

/// A label is short.
const LABEL: usize = 80;
/// Bytes of a quotation.
const QUOTE: usize = 600;
/// What must speak for a value.
const LEAST: f64 = 0.6;
/// Two scores that differ by less are equal.
const CLOSE: f64 = 0.05;
/// Candidates that are kept of a field.
const KEPT: usize = 32;
/// Bytes by which the language is told.
const TASTE: usize = 20_000;
/// Places that are named of what is ambiguous, and passages that are nearest to what was not found.
const NAMED: usize = 3;

/// A field and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Extracted {
    /// Where it goes in the object.
    pub(crate) pointer: String,
    /// The value; null with a reason.
    pub(crate) value: Value,
    /// The words of the quotation that say the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) raw: Option<String>,
    /// The unit of a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unit: Option<String>,
    /// Where the value comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) quote: Option<Quote>,
    /// The language that the value was read in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) language: Option<String>,
    /// Why there is no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
    /// Passages that speak of it, where there is no value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) near: Vec<Quote>,
}

/// Something that could be a field's value.
#[derive(Debug, Clone)]
struct Candidate {
    read: Result<Read, String>,
    score: f64,
    quote: Quote,
    language: Option<&'static str>,
}

/// What is known of a field while documents are read.
struct Search<'f> {
    field: &'f Field,
    /// The terms of each name.
    names: Vec<Vec<String>>,
    /// What its values must be; none of a schema that cannot be used.
    schema: Option<Schema>,
    found: Vec<Candidate>,
    near: Vec<(usize, Quote)>,
    /// What was found and is not what the schema allows.
    refused: Option<String>,
}

/// Looks for the values of fields.
///
/// # Errors
/// When there is no room, or nobody waits any more.
pub(crate) fn extract(
    documents: &[Document],
    fields: &[Field],
    check: Check<'_>,
) -> Result<Vec<Extracted>, WorkspaceError> {
    let mut searches: Vec<Search<'_>> = fields.iter().map(Search::new).collect();
    for document in documents {
        let language = language(document);
        for (at, block) in document.blocks().iter().enumerate() {
            if at % 256 == 0 {
                check()?;
            }
            labelled(document, block, &mut |label, value, range| {
                for search in &mut searches {
                    search.label(document, block, label, value, range.clone(), language);
                }
            });
        }
        each_passage(document, check, &mut |_, block, text, range| {
            if !lexicon::gives_orders(text) {
                for search in &mut searches {
                    search.sentence(document, block, text, range.clone(), language);
                }
            }
            Ok(())
        })?;
    }
    Ok(searches.into_iter().map(Search::decide).collect())
}

/// The language of a document's beginning.
pub(crate) fn language(document: &Document) -> Option<&'static Lexicon> {
    let mut taste = String::new();
    for block in document.blocks() {
        let shown = document.shown(block);
        taste.push_str(
            shown
                .get(..shown.floor_char_boundary(TASTE))
                .unwrap_or_default(),
        );
        taste.push('\n');
        if taste.len() > TASTE {
            break;
        }
    }
    lexicon::of_text(&taste)
}

/// Shows each label of a block with its value and the place of both among its words.
fn labelled(document: &Document, block: &Block, take: &mut dyn FnMut(&str, &str, Range<usize>)) {
    let shown = document.shown(block);
    if block.kind == Kind::Row {
        let cells = document.named(block);
        // Where the cells stand in the row as it is quoted.
        let mut at = 0;
        let mut places = Vec::new();
        for (name, cell) in &cells {
            let named = name.filter(|name| !name.is_empty());
            let length = named.map_or(0, |name| {
                name.chars().take(80).map(char::len_utf8).sum::<usize>() + 2
            });
            places.push((at, at + length + cell.len()));
            if let Some(name) = named {
                take(name, cell, at..at + length + cell.len());
            }
            at += length + cell.len() + 3;
        }
        // A row that begins with a label: "Total | 118".
        if let ([(first, label), .., (_, value)], Some((from, _)), Some((_, to))) =
            (cells.as_slice(), places.first(), places.last())
            && (cells.len() == 2 || first.is_none())
            && !label.chars().any(|c| c.is_ascii_digit())
        {
            take(label, value, *from..*to);
        }
        return;
    }
    let mut from = 0;
    for line in shown.split('\n') {
        let end = from + line.len();
        // The label may stand behind other sentences: only what is short on both sides of the colon.
        if let Some((label, value)) = line.split_once([':', '\u{ff1a}'])
            && label.len() <= LABEL
            && !value.trim().is_empty()
        {
            let label = label.trim_start_matches(|c: char| !c.is_alphanumeric());
            take(label, value.trim(), from..end);
        }
        from = end + 1;
    }
}

impl<'f> Search<'f> {
    fn new(field: &'f Field) -> Self {
        Self {
            field,
            names: field
                .names
                .iter()
                .map(|name| {
                    let matter: Vec<String> = terms(name).collect();
                    if matter.is_empty() {
                        words(name).map(|(_, word)| term(word)).collect()
                    } else {
                        matter
                    }
                })
                .filter(|terms: &Vec<String>| !terms.is_empty())
                .collect(),
            schema: Schema::new(&field.schema).ok(),
            found: Vec::new(),
            near: Vec::new(),
            refused: None,
        }
    }

    /// How well a label is one of the field's names, from 0 to 1.
    fn fits(&self, label: &str) -> f64 {
        let label: Vec<String> = {
            let matter: Vec<String> = terms(label).collect();
            if matter.is_empty() {
                words(label).map(|(_, word)| term(word)).collect()
            } else {
                matter
            }
        };
        if label.is_empty() {
            return 0.0;
        }
        let joined = label.concat();
        let fit = |name: &Vec<String>| {
            if name.concat() == joined {
                return 1.0;
            }
            let hits = name.iter().filter(|term| label.contains(term)).count() as f64;
            let (of_name, of_label) = (hits / name.len() as f64, hits / label.len() as f64);
            if of_name >= 1.0 {
                0.65 + 0.3 * of_label
            } else {
                0.9 * (of_name * of_label).sqrt()
            }
        };
        self.names.iter().map(fit).fold(0.0, f64::max)
    }

    fn label(
        &mut self,
        document: &Document,
        block: &Block,
        label: &str,
        value: &str,
        range: Range<usize>,
        language: Option<&'static Lexicon>,
    ) {
        let score = self.fits(label);
        if score < LEAST || lexicon::gives_orders(value) {
            return;
        }
        let read = read_value(&self.field.schema, value, true, language);
        self.offer(document, block, read, score, range, language);
    }

    /// A sentence that names the field; the value nearest behind the name.
    fn sentence(
        &mut self,
        document: &Document,
        block: &Block,
        text: &str,
        range: Range<usize>,
        language: Option<&'static Lexicon>,
    ) {
        let spoken: Vec<(usize, String)> = words(text)
            .map(|(at, word)| (at + word.len(), term(word)))
            .collect();
        let above: Vec<String> = document
            .headings(block)
            .iter()
            .flat_map(|heading| terms(heading))
            .collect();
        let mut best: Option<(f64, usize)> = None;
        let mut hits = 0;
        for name in &self.names {
            let ends = name
                .iter()
                .filter_map(|term| spoken.iter().find(|(_, word)| word == term))
                .map(|(end, _)| *end);
            let ends: Vec<usize> = ends.collect();
            let missing = name.len() - ends.len();
            let helped = name.iter().filter(|term| above.contains(term)).count();
            hits = hits.max(ends.len());
            if ends.is_empty() || missing > helped {
                continue;
            }
            let score = 0.62 - 0.02 * missing as f64;
            let end = ends.into_iter().max().unwrap_or(0);
            if best.is_none_or(|(top, _)| score > top) {
                best = Some((score, end));
            }
        }
        if hits > 0 {
            self.nearer(hits, document, block, text, &range);
        }
        let Some((score, end)) = best.filter(|_| stands_out(&self.field.schema)) else {
            return;
        };
        let behind = text.get(end..).unwrap_or_default();
        let read = match read_value(&self.field.schema, behind, false, language) {
            Ok(None) => read_value(&self.field.schema, text, false, language),
            read => read,
        };
        self.offer(document, block, read, score, range, language);
    }

    fn nearer(
        &mut self,
        hits: usize,
        document: &Document,
        block: &Block,
        text: &str,
        range: &Range<usize>,
    ) {
        if self.near.len() >= NAMED && self.near.last().is_some_and(|(least, _)| *least >= hits) {
            return;
        }
        let quote = Quote {
            text: normal(text),
            place: document.place(block, range.start, range.end),
        };
        let at = self.near.partition_point(|(other, _)| *other >= hits);
        self.near.insert(at, (hits, quote));
        self.near.truncate(NAMED);
    }

    fn offer(
        &mut self,
        document: &Document,
        block: &Block,
        read: Result<Option<Read>, String>,
        score: f64,
        range: Range<usize>,
        language: Option<&'static Lexicon>,
    ) {
        let read = match read {
            Ok(Some(read)) => Ok(read),
            Ok(None) => return,
            Err(why) => Err(why),
        };
        let shown = document.shown(block);
        let place = document.place(block, range.start, range.end);
        let text = normal(shown.get(range).unwrap_or_default());
        if let (Ok(read), Some(schema)) = (&read, &self.schema)
            && !schema.is_valid(&read.value)
        {
            self.refused.get_or_insert_with(|| {
                format!(
                    "{} stands at {place}, which the schema does not allow",
                    read.raw
                )
            });
            return;
        }
        if text.len() > QUOTE && read.as_ref().is_ok_and(|read| read.raw.len() > QUOTE) {
            return;
        }
        let candidate = Candidate {
            read,
            score,
            quote: Quote { text, place },
            language: language.map(|language| language.code),
        };
        let at = self.found.partition_point(|other| other.score >= score);
        self.found.insert(at, candidate);
        self.found.truncate(KEPT);
    }

    fn decide(self) -> Extracted {
        let Self {
            field,
            found,
            near,
            refused,
            ..
        } = self;
        let mut extracted = Extracted {
            pointer: field.pointer.clone(),
            value: Value::Null,
            raw: None,
            unit: None,
            quote: None,
            language: None,
            why: None,
            near: Vec::new(),
        };
        let Some(best) = found.first() else {
            extracted.why = refused;
            extracted.near = near.into_iter().map(|(_, quote)| quote).collect();
            return extracted;
        };
        let rivals: Vec<&Candidate> = found
            .iter()
            .take_while(|other| other.score > best.score - CLOSE)
            .collect();
        let value = |one: &Candidate| one.read.as_ref().ok().map(|read| read.value.clone());
        if let Some(other) = rivals.iter().find(|other| value(other) != value(best)) {
            let places: Vec<&Place> = [best, *other]
                .into_iter()
                .map(|one| &one.quote.place)
                .collect();
            let raw = |one: &Candidate| {
                one.read
                    .as_ref()
                    .map_or_else(|why| why.clone(), |read| read.raw.clone())
            };
            extracted.why = Some(format!(
                "there are several: {} at {} and {} at {}",
                raw(best),
                places.first().map(ToString::to_string).unwrap_or_default(),
                raw(other),
                places.last().map(ToString::to_string).unwrap_or_default()
            ));
            extracted.near = rivals
                .iter()
                .take(NAMED)
                .map(|one| one.quote.clone())
                .collect();
            return extracted;
        }
        match &best.read {
            Ok(read) => {
                extracted.value = read.value.clone();
                extracted.raw = Some(normal(&read.raw));
                extracted.unit.clone_from(&read.unit);
                extracted.quote = Some(best.quote.clone());
                extracted.language = best.language.map(str::to_owned);
            }
            Err(why) => extracted.why = Some(format!("{why} at {}", best.quote.place)),
        }
        extracted
    }
}
