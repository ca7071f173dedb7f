//! `read_document`: what is in a document, page by page of a message's size.

use aios_tools::{BlockingTool, Workspace, args};
use aios_work::{
    Capability, Effect, Fact, Source, Statistic, Subject, ToolCall, ToolError, ToolOutput,
    ToolSpec, Value,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Quote, READ};
use crate::document::{Format, Kind, Leftovers};
use crate::lexicon;
use crate::read::{is_schema_file, read_input};
use crate::words::{count_sentences, normal, words};

/// Headings that are listed.
const HEADINGS: usize = 100;
/// The share of what a message carries that the text may take.
const SHARE: usize = 2;
/// Bytes that a piece takes beside its words.
const BESIDE: usize = 160;
/// Bytes of a piece of text; a longer block goes on in the next.
const PIECE: usize = 4_000;
/// Blocks between two looks at the clock.
const CHECK_EVERY: usize = 1_024;
/// Bytes by which the language is told.
const TASTE: usize = 20_000;

/// Reads a document.
pub(super) struct ReadDocument;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    file: Option<String>,
    #[serde(default)]
    from: usize,
    #[serde(default)]
    outline: bool,
}

/// What `read_document` gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outline {
    /// The file.
    pub(crate) file: String,
    /// What it was read as.
    pub(crate) format: Format,
    /// The language of its text, if it is one that is known here.
    pub(crate) language: Option<String>,
    /// Words of all visible text.
    pub(crate) words: usize,
    /// Sentences, items and rows.
    pub(crate) sentences: usize,
    /// Headings in all.
    pub(crate) heading_count: usize,
    /// The first of them.
    pub(crate) headings: Vec<Quote>,
    /// What could not be read.
    pub(crate) unread: Leftovers,
    /// What no reader sees.
    pub(crate) hidden: Leftovers,
    /// What was lost in reading, each in a sentence.
    #[serde(default)]
    pub(crate) warnings: Vec<String>,
    /// The schema that the file is, if it is one.
    pub(crate) schema: Option<serde_json::Value>,
    /// The text, block by block, from the block that was asked for.
    pub(crate) parts: Vec<Quote>,
    /// Where the next call goes on; none at the end.
    pub(crate) next_from: Option<usize>,
}

impl BlockingTool for ReadDocument {
    fn spec(&self) -> ToolSpec {
        let place = json!({"type": "object", "description": "file, heading, page, sheet, row, pointer, lines"});
        let quotes = json!({"type": "array", "items": {"type": "object", "properties": {"text": {"type": "string"}, "place": place}}});
        ToolSpec {
            name: READ.to_owned(),
            description: "Reads a document (text, Markdown, HTML, CSV, JSON, XLSX, ODS, PDF): its visible text with places, headings, what was not read.".to_owned(),
            needs: [Capability::FILES_READ].into(),
            effect: Effect::Pure,
            input: json!({
                "type": "object",
                "properties": {
                    "file": {"type": "string", "description": "name of an input file; may be left out if there is only one"},
                    "from": {"type": "integer", "minimum": 0, "description": "the first part that is given; next_from of the page before"},
                    "outline": {"type": "boolean", "description": "whether the text itself is left out"}
                },
                "additionalProperties": false
            }),
            output: json!({
                "type": "object",
                "properties": {
                    "file": {"type": "string"},
                    "format": {"type": "string"},
                    "language": {"type": ["string", "null"]},
                    "words": {"type": "integer"},
                    "sentences": {"type": "integer"},
                    "heading_count": {"type": "integer"},
                    "headings": quotes,
                    "unread": {"type": "object", "description": "count, and places with reasons"},
                    "hidden": {"type": "object", "description": "count, and places with reasons"},
                    "schema": {"description": "the schema that the file is, or null"},
                    "parts": quotes,
                    "next_from": {"type": ["integer", "null"], "description": "where the next page begins"}
                },
                "required": ["file", "format", "words", "sentences", "heading_count", "headings", "unread", "hidden", "parts", "next_from"]
            }),
        }
    }

    fn run(&self, call: &ToolCall, workspace: &Workspace) -> Result<ToolOutput, ToolError> {
        let args: Args = args::parse(READ, call)?;
        let input = args::input(READ, workspace, args.file.as_deref())?;
        let document = read_input(input, workspace, call)?;
        let mut outline = Outline {
            file: document.file().to_owned(),
            format: document.format(),
            language: None,
            words: 0,
            sentences: 0,
            heading_count: 0,
            headings: Vec::new(),
            unread: document.unread.clone(),
            hidden: document.hidden.clone(),
            warnings: document.warnings.clone(),
            schema: document
                .schema
                .clone()
                .filter(|_| is_schema_file(document.format())),
            parts: Vec::new(),
            next_from: None,
        };
        let mut taste = String::new();
        let mut room = workspace.limits().result_bytes / SHARE;
        let mut pieces = 0;
        for (at, block) in document.blocks().iter().enumerate() {
            if at % CHECK_EVERY == 0 {
                call.check()?;
            }
            let shown = document.shown(block);
            outline.sentences += match block.kind {
                Kind::Heading | Kind::Code => 0,
                Kind::Row => 1,
                Kind::Prose | Kind::Item => count_sentences(&shown),
            };
            outline.words += words(&shown).count();
            if taste.len() < TASTE {
                taste.push_str(
                    shown
                        .get(..shown.floor_char_boundary(TASTE))
                        .unwrap_or_default(),
                );
                taste.push('\n');
            }
            if block.kind == Kind::Heading {
                outline.heading_count += 1;
                if outline.headings.len() < HEADINGS {
                    outline.headings.push(Quote {
                        text: normal(&shown),
                        place: document.whole(block),
                    });
                }
            }
            if args.outline {
                continue;
            }
            for range in cut(&shown) {
                let number = pieces;
                pieces += 1;
                if number < args.from || outline.next_from.is_some() {
                    continue;
                }
                let text = normal(shown.get(range.clone()).unwrap_or_default());
                let takes =
                    serde_json::to_string(&text).map_or(usize::MAX, |json| json.len() + BESIDE);
                if takes > room {
                    outline.next_from = Some(number);
                    continue;
                }
                room -= takes;
                let place = document.place(block, range.start, range.end);
                outline.parts.push(Quote { text, place });
            }
        }
        if outline.parts.is_empty() && args.from > 0 {
            return Err(ToolError::invalid_arguments(
                READ,
                format!("from is {}, the document has {pieces} parts", args.from),
            ));
        }
        outline.language = lexicon::of_text(&taste).map(|language| language.code.to_owned());
        output(&outline)
    }
}

/// A block in pieces, cut between words where it has any.
fn cut(text: &str) -> Vec<std::ops::Range<usize>> {
    let (mut out, mut from) = (Vec::new(), 0);
    while text.len() - from > PIECE {
        let full = text.floor_char_boundary(from + PIECE);
        let head = text.get(from..full).unwrap_or_default();
        let end = head
            .rfind(char::is_whitespace)
            .filter(|at| *at > 0)
            .map_or(full, |at| from + at);
        out.push(from..end);
        from = end;
    }
    out.push(from..text.len());
    out
}

fn output(outline: &Outline) -> Result<ToolOutput, ToolError> {
    let fact = |name: &str, count: usize, at: &str| Fact {
        subject: vec![Subject {
            name: outline.file.clone(),
            kind: "file".to_owned(),
        }],
        measure: None,
        statistic: Statistic::Other(name.to_owned()),
        period: None,
        value: Value::Integer(i64::try_from(count).unwrap_or(i64::MAX)),
        unit: None,
        source: Source {
            at: Some(at.to_owned()),
            ..Source::from(format!("{}: {READ}", outline.file))
        },
    };
    let mut log = format!(
        "{}: {} words, {} sentences, {} headings",
        outline.file, outline.words, outline.sentences, outline.heading_count
    );
    for left in &outline.unread.places {
        log.push_str(&format!("\nnot read: {}: {}", left.place, left.why));
    }
    Ok(ToolOutput {
        value: serde_json::to_value(outline)
            .map_err(|error| ToolError::invalid_arguments(READ, error))?,
        facts: vec![
            fact("words", outline.words, "/words"),
            fact("sentences", outline.sentences, "/sentences"),
            fact("headings", outline.heading_count, "/heading_count"),
        ],
        artifacts: Vec::new(),
        log,
    })
}
