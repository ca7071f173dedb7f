//! `read_file`: a text or Markdown file, and how it is built.
//!
//! A text may be longer than what travels in one message. So each call gives a part of its sentences, says how many there are and from
//! which one on to ask for the next part.

use aios_work::{
    Capability, Effect, Fact, Source, Statistic, Subject, ToolCall, ToolError, ToolOutput,
    ToolSpec, Value,
};
use serde::Deserialize;
use serde_json::json;

use crate::encoding::{Decoded, decode};
use crate::outline::{Heading, Part, outline};
use crate::{BlockingTool, Workspace, WorkspaceError, args};

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

impl BlockingTool for ReadFile {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: NAME.to_owned(),
            description:
                "Reads a text or Markdown file: its text, headings, sentences and number of words."
                    .to_owned(),
            needs: [Capability::FILES_READ].into(),
            effect: Effect::Pure,
            output: json!({
                "type": "object",
                "properties": {
                    "file": {"type": "string"},
                    "encoding": {"type": "string"},
                    "warnings": {"type": "array", "items": {"type": "string"}},
                    "words": {"type": "integer"},
                    "headings": {"type": "array", "items": {"type": "object", "description": "level, text, line"}},
                    "sentences": {"type": "array", "items": {"type": "string"}},
                    "sentence_count": {"type": "integer"},
                    "heading_count": {"type": "integer"},
                    "next_from": {"type": ["integer", "null"], "description": "where the next part begins"},
                    "truncated": {"type": "boolean"},
                    "text": {"type": "string"}
                },
                "required": ["file", "encoding", "warnings", "words", "headings", "sentences", "sentence_count", "heading_count", "next_from", "truncated", "text"]
            }),
            input: json!({
                "type": "object",
                "properties": {
                    "file": {"type": "string", "description": "name of an input file, or of one that this goal has written; may be left out if there is only one input"},
                    "max_chars": {"type": "integer", "minimum": 1, "maximum": CHARACTERS, "description": "how much of the text is given back"},
                    "from": {"type": "integer", "minimum": 0, "description": "the first sentence that is listed; next_from of the part before"}
                },
                "additionalProperties": false
            }),
        }
    }

    fn run(&self, call: &ToolCall, workspace: &Workspace) -> Result<ToolOutput, ToolError> {
        let args: Args = args::parse(NAME, call)?;
        let input = &args::file(NAME, workspace, args.file.as_deref())?;
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
            return Err(WorkspaceError::Unreadable {
                file: file.clone(),
                problem: "is empty".to_owned(),
            }
            .into());
        }
        let room = workspace.limits().result_bytes;
        let mut listing = Listing::new(room, args.from);
        let words = outline(&text, &mut held, &|| call.check(), &mut |part| {
            listing.add(part);
        })?;
        if listing.sentences.is_empty() && args.from > 0 {
            return Err(ToolError::invalid_arguments(
                NAME,
                format!(
                    "from is {}, the text has {} parts",
                    args.from, listing.items
                ),
            ));
        }
        let most = args.max_chars.unwrap_or(CHARACTERS).min(CHARACTERS);
        let shown = beginning(&text, most, room / TEXT_SHARE);
        let facts = listing.facts(file, words);
        let log = listing.log(file, words, &warnings);
        let next = args.from + listing.sentences.len();
        let value = json!({
            "file": file,
            "encoding": encoding,
            "warnings": warnings,
            "words": words,
            "headings": listing.headings,
            "sentences": listing.sentences,
            "sentence_count": listing.sentence_count,
            "heading_count": listing.heading_count,
            "next_from": (next < listing.items).then_some(next),
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

/// The first characters of a text, as many as fit into so many bytes of a message.
fn beginning(text: &str, characters: usize, bytes: usize) -> String {
    let mut left = bytes;
    let fits = |c: &char| {
        left = left.saturating_sub(written(c.encode_utf8(&mut [0; 4])));
        left > 0
    };
    text.chars().take(characters).take_while(fits).collect()
}

/// What is listed of a text, as much as a message carries, and how much there is.
struct Listing {
    from: usize,
    headings: Vec<Heading<String>>,
    heading_count: usize,
    heading_room: usize,
    sentences: Vec<String>,
    sentence_count: usize,
    sentence_room: usize,
    /// Sentences and the pieces of long ones.
    items: usize,
}

impl Listing {
    fn new(room: usize, from: usize) -> Self {
        Self {
            from,
            headings: Vec::new(),
            heading_count: 0,
            heading_room: room / HEADINGS_SHARE,
            sentences: Vec::new(),
            sentence_count: 0,
            sentence_room: room / SENTENCES_SHARE,
            items: 0,
        }
    }

    /// How much there is of everything, as figures that an answer may state.
    fn facts(&self, file: &str, words: usize) -> Vec<Fact> {
        let counts = [
            ("words", words, "/words"),
            ("sentences", self.sentence_count, "/sentence_count"),
            ("headings", self.heading_count, "/heading_count"),
        ];
        let fact = |(counted, many, at): (&str, usize, &str)| Fact {
            subject: vec![Subject {
                name: file.to_owned(),
                kind: "file".to_owned(),
            }],
            measure: None,
            statistic: Statistic::Other(counted.to_owned()),
            period: None,
            value: Value::Integer(i64::try_from(many).unwrap_or(i64::MAX)),
            unit: None,
            source: Source {
                at: Some(at.to_owned()),
                ..Source::from(format!("{file}: {NAME}"))
            },
        };
        counts.map(fact).into()
    }

    fn log(&self, file: &str, words: usize, warnings: &[String]) -> String {
        let mut log = format!(
            "{file}: {words} words, {} sentences, {} headings",
            self.sentence_count, self.heading_count
        );
        for warning in warnings {
            log.push_str("\nwarning: ");
            log.push_str(warning);
        }
        log
    }

    fn add(&mut self, part: Part<'_>) {
        match part {
            Part::Heading(Heading { level, text, line }) => {
                self.heading_count += 1;
                if self.heading_room > 0 {
                    let text: String = text.chars().take(HEADING_CHARACTERS).collect();
                    let bytes = written(&text) + 40;
                    self.heading_room = self.heading_room.saturating_sub(bytes);
                    if self.heading_room > 0 {
                        self.headings.push(Heading { level, text, line });
                    }
                }
            }
            Part::Sentence(sentence) => {
                self.sentence_count += 1;
                for item in pieces(sentence) {
                    if self.items >= self.from && self.sentence_room > 0 {
                        let bytes = written(item) + 3;
                        self.sentence_room = self.sentence_room.saturating_sub(bytes);
                        if self.sentence_room > 0 {
                            self.sentences.push(item.to_owned());
                        }
                    }
                    self.items += 1;
                }
            }
        }
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
fn pieces(text: &str) -> impl Iterator<Item = &str> {
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
