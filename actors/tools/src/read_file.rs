//! `read_file`: a text or Markdown file, and how it is built.

use serde::Deserialize;
use serde_json::json;

use crate::encoding::{Decoded, decode};
use crate::outline::{Heading, Outline};
use crate::{Capability, Fact, Tool, ToolCall, ToolError, ToolOutput, ToolSpec, Value, args};

const NAME: &str = "read_file";

/// Characters of text that are given back, unless fewer are asked for: what travels in one message with room for the rest.
const CHARACTERS: usize = 100_000;

/// Sentences and headings that are listed one by one, and characters of each; all are counted.
const LISTED: usize = 1_000;
const LISTED_CHARACTERS: usize = 1_000;

/// Reads a text file.
pub(crate) struct ReadFile;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    file: Option<String>,
    max_chars: Option<usize>,
}

impl Tool for ReadFile {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: NAME,
            description: "Reads a text or Markdown file: its text, headings, sentences and number of words.",
            capability: Capability::ReadFiles,
            args_schema: json!({
                "type": "object",
                "properties": {
                    "file": {"type": "string", "description": "name of an input file; may be left out if there is only one"},
                    "max_chars": {"type": "integer", "minimum": 1, "maximum": CHARACTERS, "description": "how much of the text is given back"}
                },
                "additionalProperties": false
            }),
        }
    }

    fn run(&self, call: &ToolCall<'_>) -> Result<ToolOutput, ToolError> {
        let args: Args = args::parse(NAME, call)?;
        let input = args::input(NAME, call, args.file.as_deref())?;
        let bytes = call
            .workspace
            .read(input, call.workspace.limits().text_bytes, &|| call.check())?;
        let file = &input.name;
        let Decoded {
            text,
            encoding,
            warnings,
        } = decode(file, bytes)?;
        if text.trim().is_empty() {
            return Err(ToolError::Unreadable {
                file: file.clone(),
                problem: "is empty".to_owned(),
            });
        }
        let outline = Outline::of(&text);
        call.check()?;
        let most = args.max_chars.unwrap_or(CHARACTERS).min(CHARACTERS);
        let shown: String = text.chars().take(most).collect();
        let fact = |name: &str, value: usize| Fact {
            name: format!("{name} in {file}"),
            value: Value::Integer(i64::try_from(value).unwrap_or(i64::MAX)),
            unit: None,
            source: format!("{file}: {NAME}"),
        };
        let facts = vec![
            fact("words", outline.words),
            fact("sentences", outline.sentences.len()),
            fact("headings", outline.headings.len()),
        ];
        let mut log = format!(
            "{file}: {} words, {} sentences, {} headings",
            outline.words,
            outline.sentences.len(),
            outline.headings.len()
        );
        for warning in &warnings {
            log.push_str("\nwarning: ");
            log.push_str(warning);
        }
        let sentence_count = outline.sentences.len();
        let sentences: Vec<String> = outline
            .sentences
            .iter()
            .take(LISTED)
            .map(|text| cut(text))
            .collect();
        let headings: Vec<Heading> = outline
            .headings
            .iter()
            .take(LISTED)
            .map(|heading| Heading {
                text: cut(&heading.text),
                ..*heading
            })
            .collect();
        let value = json!({
            "file": file,
            "encoding": encoding,
            "warnings": warnings,
            "words": outline.words,
            "headings": headings,
            "sentences": sentences,
            "sentence_count": sentence_count,
            "truncated": shown.len() < text.len(),
            "text": shown,
        });
        Ok(ToolOutput {
            value,
            facts,
            artifacts: Vec::new(),
            log,
        })
    }
}

fn cut(text: &str) -> String {
    text.chars().take(LISTED_CHARACTERS).collect()
}
