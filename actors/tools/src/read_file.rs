//! `read_file`: a text or Markdown file, and how it is built.
//!
//! A text may be longer than what travels in one message. So each call gives a part of its sentences, says how many there are and from
//! which one on to ask for the next part.

use serde::Deserialize;
use serde_json::json;

use crate::encoding::{Decoded, decode};
use crate::outline::{Heading, Outline};
use crate::{Capability, Fact, Tool, ToolCall, ToolError, ToolOutput, ToolSpec, Value, args};

const NAME: &str = "read_file";

/// Characters of text that are given back, unless fewer are asked for.
const CHARACTERS: usize = 100_000;

/// Shares of what a message carries: for the text as it stands, for headings, for sentences. The rest is for all else.
const TEXT_SHARE: usize = 4;
const HEADINGS_SHARE: usize = 8;
const SENTENCES_SHARE: usize = 2;

/// Characters of a heading.
const HEADING_CHARACTERS: usize = 1_000;
/// Bytes of a sentence as it is listed; a longer one, such as a text without full stops, goes on in the next item.
const SENTENCE_BYTES: usize = 4_000;

/// Reads a text file.
pub(crate) struct ReadFile;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    file: Option<String>,
    max_chars: Option<usize>,
    #[serde(default)]
    from: usize,
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
                    "max_chars": {"type": "integer", "minimum": 1, "maximum": CHARACTERS, "description": "how much of the text is given back"},
                    "from": {"type": "integer", "minimum": 0, "description": "the first sentence that is listed; next_from of the part before"}
                },
                "additionalProperties": false
            }),
        }
    }

    fn run(&self, call: &ToolCall<'_>) -> Result<ToolOutput, ToolError> {
        let args: Args = args::parse(NAME, call)?;
        let input = args::input(NAME, call, args.file.as_deref())?;
        let workspace = call.workspace;
        let most = workspace.limits().text_bytes;
        let (bytes, mut held) =
            workspace.read(input, most, workspace.memory(), &|| call.check())?;
        let file = &input.name;
        let Decoded {
            text,
            encoding,
            warnings,
        } = decode(file, bytes, &mut held)?;
        if text.trim().is_empty() {
            return Err(ToolError::Unreadable {
                file: file.clone(),
                problem: "is empty".to_owned(),
            });
        }
        // Sentences are taken out of the text, so it is held twice for a while.
        held.grow(text.len() as u64)?;
        let outline = Outline::of(&text);
        call.check()?;
        let room = workspace.limits().result_bytes;
        let most = args.max_chars.unwrap_or(CHARACTERS).min(CHARACTERS);
        let mut left = room / TEXT_SHARE;
        let shown: String = text
            .chars()
            .take(most)
            .take_while(|c| {
                left = left.saturating_sub(written(c.encode_utf8(&mut [0; 4])));
                left > 0
            })
            .collect();
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
        let mut left = room / HEADINGS_SHARE;
        let headings: Vec<Heading> = outline
            .headings
            .iter()
            .map(|heading| Heading {
                text: heading.text.chars().take(HEADING_CHARACTERS).collect(),
                ..*heading
            })
            .take_while(|heading| {
                left = left.saturating_sub(written(&heading.text) + 40);
                left > 0
            })
            .collect();
        let items = outline.sentences.iter().flat_map(|text| pieces(text));
        let item_count = items.clone().count();
        let mut left = room / SENTENCES_SHARE;
        let sentences: Vec<&str> = items
            .skip(args.from)
            .take_while(|item| {
                left = left.saturating_sub(written(item) + 3);
                left > 0
            })
            .collect();
        if sentences.is_empty() && args.from > 0 {
            return Err(args::bad(
                NAME,
                format!("from is {}, the text has {item_count} parts", args.from),
            ));
        }
        let next = args.from + sentences.len();
        let value = json!({
            "file": file,
            "encoding": encoding,
            "warnings": warnings,
            "words": outline.words,
            "headings": headings,
            "sentences": sentences,
            "sentence_count": sentence_count,
            "heading_count": outline.headings.len(),
            "next_from": (next < item_count).then_some(next),
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

/// Bytes that a text takes in JSON, without its quotes.
fn written(text: &str) -> usize {
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
        0..0x20 => 6,
        _ => 1,
    };
    text.bytes().map(escaped).sum()
}

/// A sentence in pieces that can be listed, cut between words where it has any.
fn pieces(text: &str) -> impl Iterator<Item = &str> + Clone {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let most = rest.floor_char_boundary(SENTENCE_BYTES);
        let head = rest.get(..most).unwrap_or_default();
        let end = if most == rest.len() {
            most
        } else {
            head.rfind(char::is_whitespace)
                .filter(|at| *at > 0)
                .unwrap_or(most)
        };
        let (piece, behind) = rest.split_at(end);
        rest = behind.trim_start();
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_sentence_is_cut_between_words_and_nothing_is_lost() {
        let words = "word ".repeat(3_000);
        let solid = "\u{e9}".repeat(5_000);
        for text in [words.trim(), &solid, "short", ""] {
            let cut: Vec<&str> = pieces(text).collect();
            assert!(cut.iter().all(|piece| piece.len() <= SENTENCE_BYTES));
            let joined = cut.join(if text.contains(' ') { " " } else { "" });
            assert_eq!(joined, text);
        }
    }

    #[test]
    fn what_a_text_takes_in_json_is_known_before_it_is_written() {
        for text in ["plain", "\"quoted\" \\", "a\nb\tc\u{1}", "\u{e9}\u{2028}"] {
            assert_eq!(
                written(text) + 2,
                serde_json::to_string(text).unwrap().len()
            );
        }
    }
}
