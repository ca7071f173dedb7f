//! `check_quotes`: whether words stand in a file as they are quoted, and where.
//!
//! Asked with a place it says whether they stand there; asked without one it says wherever they do. The two are asked by different parties,
//! and must agree.

use std::collections::BTreeMap;

use aios_tools::{BlockingTool, Workspace, args};
use aios_work::{Capability, Effect, ToolCall, ToolError, ToolOutput, ToolSpec};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{CHECK, FILES};
use crate::document::{Document, Kind};
use crate::place::Place;
use crate::read::read_input;
use crate::words::normal;

/// Quotations of one call.
pub(crate) const QUOTES: usize = 64;
/// Bytes of one quotation.
pub(crate) const QUOTE: usize = 4_000;
/// Places that are given of words that stand in many.
pub(crate) const PLACES: usize = 256;
/// Blocks between two looks at the clock.
const CHECK_EVERY: usize = 1_024;

/// Looks quotations up.
pub(super) struct CheckQuotes;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    quotes: Vec<Asked>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    text: String,
    file: Option<String>,
    place: Option<Place>,
}

/// A quotation and where its words were found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stands {
    /// The words.
    pub(crate) text: String,
    /// The places where they stand: the one that was asked for, or all.
    pub(crate) places: Vec<Place>,
}

/// What `check_quotes` gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Checked {
    /// As they were asked for.
    pub(crate) quotes: Vec<Stands>,
}

impl BlockingTool for CheckQuotes {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: CHECK.to_owned(),
            description: "Looks quotations up: whether the words stand in the file at the place that is given, or without a place wherever they do.".to_owned(),
            needs: [Capability::FILES_READ].into(),
            effect: Effect::Pure,
            input: json!({
                "type": "object",
                "properties": {
                    "quotes": {
                        "type": "array",
                        "maxItems": QUOTES,
                        "items": {
                            "type": "object",
                            "properties": {
                                "text": {"type": "string"},
                                "file": {"type": "string", "description": "where there is no place"},
                                "place": {"type": "object", "description": "as other tools give it"}
                            },
                            "required": ["text"]
                        }
                    }
                },
                "required": ["quotes"],
                "additionalProperties": false
            }),
            output: json!({
                "type": "object",
                "properties": {"quotes": {"type": "array", "items": {"type": "object", "description": "text, places"}}},
                "required": ["quotes"]
            }),
        }
    }

    fn run(&self, call: &ToolCall, workspace: &Workspace) -> Result<ToolOutput, ToolError> {
        let args: Args = args::parse(CHECK, call)?;
        if args.quotes.len() > QUOTES || args.quotes.iter().any(|asked| asked.text.len() > QUOTE) {
            let most =
                format!("at most {QUOTES} quotations of {QUOTE} bytes are looked up at once");
            return Err(ToolError::invalid_arguments(CHECK, most));
        }
        let mut files: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, asked) in args.quotes.iter().enumerate() {
            let named = asked
                .place
                .as_ref()
                .map(|place| place.file.as_str())
                .or(asked.file.as_deref());
            match (named, workspace.inputs()) {
                (Some(file), _) => files.entry(file).or_default().push(at),
                (None, inputs) => {
                    for input in inputs {
                        files.entry(&input.name).or_default().push(at);
                    }
                }
            }
        }
        if files.len() > FILES {
            let most = format!("quotations of at most {FILES} files are looked up at once");
            return Err(ToolError::invalid_arguments(CHECK, most));
        }
        let mut stands: Vec<Stands> = args
            .quotes
            .iter()
            .map(|asked| Stands {
                text: normal(&asked.text),
                places: Vec::new(),
            })
            .collect();
        for (file, quotes) in files {
            let document = read_input(workspace.input(file)?, workspace, call)?;
            look_up(&document, &quotes, &args.quotes, &mut stands, call)?;
        }
        let found = stands.iter().filter(|one| !one.places.is_empty()).count();
        let log = format!(
            "{found} of {} quotations stand where they should",
            stands.len()
        );
        let checked = Checked { quotes: stands };
        Ok(ToolOutput {
            value: serde_json::to_value(checked)
                .map_err(|error| ToolError::invalid_arguments(CHECK, error))?,
            log,
            ..ToolOutput::default()
        })
    }
}

fn look_up(
    document: &Document,
    quotes: &[usize],
    asked: &[Asked],
    stands: &mut [Stands],
    call: &ToolCall,
) -> Result<(), ToolError> {
    for (at, block) in document.blocks().iter().enumerate() {
        if at % CHECK_EVERY == 0 {
            call.check()?;
        }
        if block.kind == Kind::Heading {
            continue;
        }
        let shown = document.shown(block);
        let flat = normal(&shown);
        let breaks = breaks(&shown);
        for quote in quotes {
            let (Some(asked), Some(stands)) = (asked.get(*quote), stands.get_mut(*quote)) else {
                continue;
            };
            if stands.text.is_empty() {
                continue;
            }
            let mut before = None;
            for (number, (begins, _)) in flat.match_indices(stands.text.as_str()).enumerate() {
                if number % CHECK_EVERY == CHECK_EVERY - 1 {
                    call.check()?;
                }
                // Words that stand in one line again and again have one place.
                let ends = begins + stands.text.len();
                let lines = (behind(&breaks, begins + 1), behind(&breaks, ends));
                if before.replace(lines) == Some(lines) || stands.places.len() >= PLACES {
                    continue;
                }
                let place = document.place_between(block, lines.0, lines.1);
                let wanted = asked.place.as_ref().is_none_or(|wanted| *wanted == place);
                if wanted && !stands.places.contains(&place) {
                    stands.places.push(place);
                }
            }
        }
    }
    Ok(())
}

/// Where the lines of a text begin once its white space is collapsed: a place for each line break.
fn breaks(text: &str) -> Vec<usize> {
    let (mut out, mut flat, mut pending) = (Vec::new(), 0, 0);
    for (at, word) in text.split_whitespace().enumerate() {
        let start = word.as_ptr() as usize - text.as_ptr() as usize;
        let gap = text.get(pending..start).unwrap_or_default();
        flat += usize::from(at > 0);
        out.extend(gap.matches('\n').map(|_| flat));
        flat += word.len();
        pending = start + word.len();
    }
    out
}

/// How many line breaks stand before an end.
fn behind(breaks: &[usize], end: usize) -> u32 {
    u32::try_from(breaks.partition_point(|at| *at < end)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_in_the_text_as_it_is() {
        for (text, quote, lines) in [
            ("a b", "b", (0, 0)),
            ("  a \n b  c", "b c", (1, 1)),
            ("\u{e4}\n\u{e4}x", "\u{e4} \u{e4}x", (0, 1)),
            ("one\n\ntwo\nthree", "two three", (2, 3)),
        ] {
            let flat = normal(text);
            let at = flat.find(quote).unwrap();
            let breaks = breaks(text);
            let found = (behind(&breaks, at + 1), behind(&breaks, at + quote.len()));
            assert_eq!(found, lines, "{text:?}");
        }
    }
}
