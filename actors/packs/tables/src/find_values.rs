//! `find_values`: which cells of a table a text names.
//!
//! A goal says "North" and not `region = 'North'`. This tells which columns hold such a value, as the file writes it, so that whoever
//! plans need not guess and never carries a word of the goal into a statement.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use aios_languages::{Asking, Folded, all_asks, codes, concept_number, fold, folded};
use aios_tools::{BlockingTool, Check, Workspace, args};
use aios_work::{Capability, Effect, ToolCall, ToolError, ToolOutput, ToolSpec};
use serde::Deserialize;
use serde_json::json;

use crate::ask::{Found, Values, canon, did};
use crate::table::together::{each, threads};
use crate::table::{Column, Read, Table, lists};
use crate::tables::Tables;
use crate::{ColumnKind, Error};

pub(crate) const NAME: &str = "find_values";

/// Characters of a text that are read.
const TEXT: usize = 4_000;
/// Words of a value that can be named.
const WORDS: usize = 8;
/// Bytes of a value that can be named.
const BYTES: usize = 120;
/// Values that are told; whoever names more asks for something else.
const MOST: usize = 200;
/// Letters of a word that stands for a longer value.
const PART: usize = 4;
/// Values of one column that one word may stand for.
const PARTS: usize = 20;
/// Different values of a column of letters, small ones and large ones.
const LETTERS: usize = 8;
/// Cells between two looks at the clock.
const CHECK_EVERY: usize = 4_096;

/// Looks for values.
pub(crate) struct FindValues {
    pub(crate) tables: Arc<Tables>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    file: Option<String>,
    text: String,
}

impl BlockingTool for FindValues {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: NAME.to_owned(),
            description: "Tells which values of a table's columns a text names, whatever their case, accents and plural, with their places in the text.".to_owned(),
            needs: [Capability::FILES_READ].into(),
            effect: Effect::Pure,
            output: json!({
                "type": "object",
                "properties": {
                    "values": {"type": "array", "items": {
                        "type": "object",
                        "properties": {
                            "column": {"type": "string"},
                            "value": {"type": "string", "description": "as the file writes it"},
                            "start": {"type": "integer", "description": "byte offset in the text"},
                            "end": {"type": "integer"},
                            "whole": {"type": "boolean", "description": "false where the text names a part of the value"}
                        },
                        "required": ["column", "value", "start", "end", "whole"]
                    }}
                },
                "required": ["values"]
            }),
            input: json!({
                "type": "object",
                "properties": {
                    "file": {"type": "string", "description": "name of an input file; may be left out if there is only one"},
                    "text": {"type": "string", "description": "what may name values"}
                },
                "required": ["text"],
                "additionalProperties": false
            }),
        }
    }

    fn run(&self, call: &ToolCall, workspace: &Workspace) -> Result<ToolOutput, ToolError> {
        let Args { file, text } = args::parse(NAME, call)?;
        let input = args::input(NAME, workspace, file.as_deref())?;
        let table = self.tables.load(input, call, workspace)?;
        let text: String = text.chars().take(TEXT).collect();
        let values = find(&table, &text, &|| call.check())?;
        let log = format!("{NAME}: {} values", values.values.len());
        Ok(ToolOutput {
            value: serde_json::to_value(values).unwrap_or_default(),
            log,
            ..ToolOutput::default()
        })
    }
}

/// Signs that tell values apart: blood groups, languages, grades.
const SIGNS: [char; 5] = ['+', '-', '−', '#', '*'];

/// Whether a word says that something is of a place: "European", "schwedisch".
fn is_of(word: &str, place: &str) -> bool {
    const ENDINGS: [&str; 16] = [
        "an", "n", "ian", "ean", "ish", "ese", "isch", "ische", "ischen", "ischer", "isches",
        "aise", "ais", "ien", "ano", "ana",
    ];
    let stem = place.trim_end_matches(['a', 'e', 'i', 'o', 'y']);
    let behind = |stem: &str| {
        word.strip_prefix(stem)
            .is_some_and(|rest| ENDINGS.contains(&rest))
    };
    stem.chars().count() >= 4 && (behind(place) || behind(stem))
        || place.chars().count() >= 4 && behind(place)
}

/// Whether a word is a value with a word of asking for an amount behind it, as German writes: "Reisekosten", "Kaffeeumsatz".
fn leads_a_compound(value: &str, word: &str) -> bool {
    let Some(rest) = word.strip_prefix(value) else {
        return false;
    };
    let rest = rest
        .strip_prefix('s')
        .filter(|bare| bare.len() >= PART)
        .unwrap_or(rest);
    let amount = |rest: &str| {
        all_asks().iter().any(|asks| {
            asks.find(&folded(rest)).iter().any(|found| {
                matches!(found.asking, Asking::Concept(concept) if AMOUNTS.iter().any(|name| concept_number(name) == concept))
            })
        })
    };
    value.chars().count() >= PART && rest.chars().count() >= PART && amount(rest)
}

/// What is asked of a value in one word with it, by the names of their concepts.
const AMOUNTS: [&str; 7] = [
    "cost", "revenue", "sold", "quantity", "amount", "price", "profit",
];

/// The sign that a value ends with.
fn sign_behind(value: &str) -> Option<char> {
    value
        .trim_end()
        .chars()
        .last()
        .filter(|c| SIGNS.contains(c))
}

/// Plain letters, small ones for both, and figures.
struct Letters([bool; 128]);

impl Letters {
    /// The first ones of these words.
    fn of<'w>(words: impl Iterator<Item = &'w str>) -> Self {
        let mut letters = [false; 128];
        for word in words {
            let first = word.bytes().next().map(usize::from);
            if let Some(letter) = first.and_then(|first| letters.get_mut(first)) {
                *letter = true;
            }
        }
        Self(letters)
    }

    /// Whether a word begins with one of them.
    fn has(&self, word: &str) -> bool {
        let first = word.bytes().next().unwrap_or_default().to_ascii_lowercase();
        self.0.get(usize::from(first)).copied().unwrap_or(false)
    }
}

/// The text, prepared for being compared with many cells.
struct Text {
    raw: String,
    words: Vec<(Folded, String)>,
    /// Where a word stands, by how it is compared.
    places: HashMap<String, Vec<usize>>,
    /// The first letters of its words, and of those that hold a figure: most words of cells begin with another one.
    first: Letters,
    first_of_figures: Letters,
}

impl Text {
    fn of(text: &str) -> Self {
        let words: Vec<(Folded, String)> = folded(text)
            .into_iter()
            .map(|word| {
                let canon = canon(&word.text);
                (word, canon)
            })
            .collect();
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, (_, canon)) in words.iter().enumerate() {
            places.entry(canon.clone()).or_default().push(at);
        }
        let has_figure = |word: &str| word.bytes().any(|byte| byte.is_ascii_digit());
        let all = || words.iter().map(|(word, _)| word.text.as_str());
        let first = Letters::of(all());
        let first_of_figures = Letters::of(all().filter(|word| has_figure(word)));
        Self {
            raw: text.to_owned(),
            words,
            places,
            first,
            first_of_figures,
        }
    }

    /// Whether a cell could be named: one of its words begins as one of the text's does, and holds a figure where that one does. Never wrong
    /// about plain letters.
    fn may_name(&self, cell: &str) -> bool {
        let named = |word: &str| {
            if !word.is_ascii() {
                // Of other letters several may be one.
                let plain = word.bytes().next().is_some_and(|byte| byte.is_ascii());
                return !plain || self.first.has(word);
            }
            // What holds a figure is compared as it is written.
            match word.bytes().any(|byte| byte.is_ascii_digit()) {
                true => self.first_of_figures.has(word),
                false => self.first.has(word),
            }
        };
        let mut words = cell.split(|c: char| !c.is_alphanumeric());
        words.any(|word| !word.is_empty() && named(word))
    }

    /// The sign that is written right behind a word, where it is no dash between words.
    fn sign_at(&self, end: usize) -> Option<char> {
        let mut rest = self.raw.get(end..)?.chars();
        let sign = rest.next().filter(|c| SIGNS.contains(c))?;
        let ends = rest.next().is_none_or(|c| !c.is_alphanumeric());
        (ends || sign != '-').then_some(sign)
    }

    /// Whether a word begins with a capital.
    fn is_capital(&self, at: usize) -> bool {
        let start = self.words.get(at).map(|(word, _)| word.start);
        start
            .and_then(|start| self.raw.get(start..)?.chars().next())
            .is_some_and(char::is_uppercase)
    }

    fn place(&self, from: usize, to: usize) -> Option<(usize, usize)> {
        let last = to.checked_sub(1)?;
        Some((self.words.get(from)?.0.start, self.words.get(last)?.0.end))
    }
}

/// "women" of a column that holds nothing but `F` and `M`.
fn spelled_out(column: &str, values: &[String], text: &Text) -> Vec<Found> {
    let mut out = Vec::new();
    let mut known: HashSet<&str> = HashSet::new();
    for codes in codes() {
        let all = values
            .iter()
            .all(|value| codes.contains_key(&fold(value.trim())));
        if values.len() < 2 || values.len() > LETTERS || !all {
            continue;
        }
        for value in values {
            let said = codes.get(&fold(value.trim()));
            for (at, (word, _)) in text.words.iter().enumerate() {
                let named = said.is_some_and(|said| said.contains(&word.text));
                if let Some((start, end)) = text.place(at, at + 1).filter(|_| named)
                    && known.insert(value)
                {
                    out.push(Found {
                        column: column.to_owned(),
                        value: value.clone(),
                        start,
                        end,
                        whole: true,
                    });
                }
            }
        }
    }
    out
}

/// Values that are read otherwise than they are written: letters for words, what was done by its verb, a currency by its name, a name among
/// others of one cell.
fn read_otherwise(column: &Column, cells: &[String], text: &Text) -> Vec<Found> {
    let name = &column.profile.name;
    let mut out = Vec::new();
    let mut offer = |value: &str, from: usize, to: usize| {
        let place = text.place(from, to);
        out.extend(place.map(|(start, end)| Found {
            column: name.clone(),
            value: value.to_owned(),
            start,
            end,
            whole: true,
        }));
    };
    for value in cells {
        let said = folded(value.trim());
        let Some((last, ahead)) = said.split_last() else {
            continue;
        };
        // "did not finish", "that allow pets" of `Finished`, `not allowed`
        for (at, (word, _)) in text.words.iter().enumerate() {
            let from = at.checked_sub(ahead.len()).filter(|_| said.len() <= 2);
            let led = from.is_some_and(|from| {
                ahead
                    .iter()
                    .zip(text.words.iter().skip(from))
                    .all(|(one, (other, _))| one.text == other.text)
            });
            let before = from
                .and_then(|from| from.checked_sub(1))
                .and_then(|at| text.words.get(at))
                .map_or("", |(word, _)| word.text.as_str());
            let verb = VERBS_BEHIND.contains(&before)
                || before.len() > 3 && before.ends_with('s') && before != "does";
            if let Some(from) = from.filter(|_| led && verb && did(&word.text, &last.text)) {
                offer(value, from, at + 1);
            }
        }
    }
    // "sunny" of `sun`, "cloudy" of `cloud`
    for value in cells {
        let bare = fold(value.trim());
        for (at, (word, _)) in text.words.iter().enumerate() {
            let stem = word.text.strip_suffix('y').unwrap_or_default();
            let doubled = bare
                .chars()
                .last()
                .is_some_and(|last| stem.strip_suffix(last) == Some(bare.as_str()));
            if bare.chars().count() >= 3 && bare.is_ascii() && (stem == bare || doubled) {
                offer(value, at, at + 1);
            }
        }
    }
    let currencies: Vec<Option<&[&str]>> = cells.iter().map(|cell| currency(cell)).collect();
    if cells.len() > 1 && currencies.iter().all(Option::is_some) {
        for (value, names) in cells.iter().zip(currencies) {
            for (at, (word, _)) in text.words.iter().enumerate() {
                if names.is_some_and(|names| names.contains(&word.text.as_str())) {
                    offer(value, at, at + 1);
                }
            }
        }
    }
    out
}

/// Words behind which a verb stands in its plain form.
const VERBS_BEHIND: [&str; 12] = [
    "did", "do", "does", "not", "t", "never", "who", "that", "which", "can", "to", "didn",
];

/// What people call the currency of a cell.
fn currency(cell: &str) -> Option<&'static [&'static str]> {
    const NAMES: [(&[&str], &[&str]); 8] = [
        (
            &["usd", "$", "us$"],
            &["dollar", "dollars", "usd", "dolares"],
        ),
        (&["eur", "€"], &["euro", "euros", "eur"]),
        (
            &["gbp", "£"],
            &[
                "pound", "pounds", "sterling", "gbp", "pfund", "livres", "libras",
            ],
        ),
        (
            &["chf", "sfr"],
            &["franc", "francs", "franken", "chf", "francos"],
        ),
        (&["jpy", "¥"], &["yen", "jpy"]),
        (&["inr", "₹"], &["rupee", "rupees", "inr"]),
        (
            &["sek", "nok", "dkk", "kr"],
            &["krona", "kronor", "kroner", "krone"],
        ),
        (&["pln", "zł"], &["zloty", "zlotys", "pln"]),
    ];
    let cell = cell.trim().to_lowercase();
    let known = NAMES
        .iter()
        .find(|(written, _)| written.contains(&cell.as_str()));
    known.map(|(_, names)| *names)
}

/// Cells that hold a name among others, for each name that a text has.
fn named_in_lists(
    column: &Column,
    sign: char,
    cells: &mut dyn Iterator<Item = String>,
    text: &Text,
) -> Vec<Found> {
    let mut out = Vec::new();
    for cell in cells {
        if !text.may_name(&cell) {
            continue;
        }
        for name in lists::of(&cell, sign) {
            let said: Vec<String> = folded(name).iter().map(|word| canon(&word.text)).collect();
            let Some(first) = said.first().filter(|_| said.len() <= WORDS) else {
                continue;
            };
            for from in text.places.get(first).into_iter().flatten() {
                let to = from + said.len();
                let fits = text
                    .words
                    .get(*from..to)
                    .is_some_and(|words| words.iter().zip(&said).all(|((_, a), b)| a == b));
                let place = text.place(*from, to).filter(|_| fits);
                out.extend(place.map(|(start, end)| Found {
                    column: column.profile.name.clone(),
                    value: cell.clone(),
                    start,
                    end,
                    whole: true,
                }));
            }
        }
    }
    out
}

fn find(table: &Table, text: &str, check: Check<'_>) -> Result<Values, Error> {
    let text = Text::of(text);
    let source = table.source.characters();
    let (mut whole, mut parts) = (Vec::new(), Vec::new());
    let is_text = |column: &Column| {
        !matches!(
            column.profile.kind,
            ColumnKind::Number | ColumnKind::Date | ColumnKind::Empty
        )
    };
    // The cells of each column that could be named.
    let threads = threads(table.columns.len() * table.lines.len());
    let named = each(table.columns.len(), threads, check, |at, check| {
        let column = table.columns.get(at).filter(|column| is_text(column));
        let mut named: Vec<&str> = Vec::new();
        let mut room = table.room();
        for (at, cell) in column
            .iter()
            .flat_map(|column| column.cells.different(source))
            .enumerate()
        {
            if at % CHECK_EVERY == 0 {
                check()?;
            }
            let read = column.and_then(|column| column.typed.read(cell.text));
            if let Some(Read::Text(value)) = read
                && value.trim().len() <= BYTES
                && text.may_name(&value)
            {
                match &mut room {
                    Some(room) => room.push(&mut named, cell.text)?,
                    None => named.push(cell.text),
                }
            }
        }
        Ok((named, room))
    })?;
    for (column, (named, _room)) in table.columns.iter().zip(named) {
        if !is_text(column) {
            continue;
        }
        if column.profile.kind == ColumnKind::Category {
            let mut values: Vec<String> = Vec::new();
            // Amounts differ where their currencies do not.
            for (at, cell) in column.cells.different(source).enumerate() {
                if at % CHECK_EVERY == 0 {
                    check()?;
                }
                if let Some(Read::Text(value)) = column.typed.read(cell.text)
                    && !values.iter().any(|known| *known == *value)
                {
                    values.push(value.into_owned());
                }
                if values.len() > LETTERS {
                    break;
                }
            }
            whole.extend(spelled_out(&column.profile.name, &values, &text));
            if values.len() <= LETTERS {
                whole.extend(read_otherwise(column, &values, &text));
            }
        }
        if let Some(sign) = column.profile.lists {
            let mut cells = column.cells.different(source).filter_map(|cell| {
                match column.typed.read(cell.text) {
                    Some(Read::Text(value)) => Some(value.into_owned()),
                    _ => None,
                }
            });
            whole.extend(named_in_lists(column, sign, &mut cells, &text));
            continue;
        }
        let mut partly: HashMap<usize, Vec<Found>> = HashMap::new();
        let mut known: HashSet<String> = HashSet::new();
        for (at, cell) in named.into_iter().enumerate() {
            if at % CHECK_EVERY == 0 {
                check()?;
            }
            let Some(Read::Text(value)) = column.typed.read(cell) else {
                continue;
            };
            let written = value.into_owned();
            let value = written.trim();
            if !known.insert(value.to_owned()) {
                continue;
            }
            let said: Vec<String> = folded(value)
                .iter()
                .map(|word| canon(&word.text))
                .take(WORDS + 1)
                .collect();
            let Some(first) = said.first().filter(|_| said.len() <= WORDS) else {
                continue;
            };
            let found = |from: usize, to: usize, whole: bool| {
                let (start, end) = text.place(from, to)?;
                Some(Found {
                    column: column.profile.name.clone(),
                    value: written.clone(),
                    start,
                    end,
                    whole,
                })
            };
            // "European" for "Europe": only of a few names, and written as one.
            if let ([_], true) = (said.as_slice(), column.profile.kind == ColumnKind::Category) {
                for (at, (word, _)) in text.words.iter().enumerate() {
                    if is_of(&word.text, first) && text.is_capital(at) {
                        partly
                            .entry(at)
                            .or_default()
                            .extend(found(at, at + 1, false));
                    }
                }
            }
            // "Reisekosten" of an area `Reise`: a value, and behind it what is asked of it.
            if let ([_], true) = (said.as_slice(), column.profile.kind == ColumnKind::Category) {
                for (at, (word, _)) in text.words.iter().enumerate() {
                    if text.is_capital(at) && leads_a_compound(&fold(value), &word.text) {
                        partly
                            .entry(at)
                            .or_default()
                            .extend(found(at, at + 1, false));
                    }
                }
            }
            let sign = sign_behind(value);
            let mut named = false;
            for from in text.places.get(first).into_iter().flatten() {
                let to = from + said.len();
                let fits = text
                    .words
                    .get(*from..to)
                    .is_some_and(|words| words.iter().zip(&said).all(|((_, a), b)| a == b));
                // "O-" is not "O+"; "O" alone may be either.
                let behind = text.place(*from, to).and_then(|(_, end)| text.sign_at(end));
                let other = behind.is_some_and(|behind| Some(behind) != sign);
                if fits && !other {
                    named = true;
                    whole.extend(found(*from, to, true));
                }
            }
            if named || said.len() < 2 {
                continue;
            }
            // A part of a longer value: "Acme" for "Acme Corp".
            for word in said.iter().filter(|word| word.chars().count() >= PART) {
                for from in text.places.get(word).into_iter().flatten() {
                    partly
                        .entry(*from)
                        .or_default()
                        .extend(found(*from, from + 1, false));
                }
            }
        }
        let few = partly.into_iter().filter(|(_, found)| found.len() <= PARTS);
        let mut few: Vec<(usize, Vec<Found>)> = few.collect();
        few.sort_by_key(|(at, _)| *at);
        parts.extend(few.into_iter().flat_map(|(_, found)| found));
    }
    whole.truncate(MOST);
    parts.truncate(MOST.saturating_sub(whole.len()));
    whole.extend(parts);
    Ok(Values { values: whole })
}
