//! The manner is that of an answer: no advertising, no insult, no chatter, no shouting.

use std::collections::HashSet;

use aios_languages::Sense;
use aios_work::{Category, Issue, Severity};

use super::{Finding, Look, at};
use crate::criteria::Criteria;
use crate::reading::Reading;

pub(crate) struct Tone;

impl Look for Tone {
    fn name(&self) -> &'static str {
        "tone"
    }

    fn dimension(&self) -> Category {
        Category::Tone
    }

    fn look(&self, reading: &Reading<'_>, _: &Criteria) -> Finding {
        let own = &reading.ground.vocabulary.said;
        let (mut found, mut chatter): (Vec<Issue>, Vec<usize>) = (Vec::new(), Vec::new());
        for (piece, text) in reading.texts.iter().enumerate() {
            for tag in &text.tags {
                let aios_languages::Tag::Sense(sense) = tag.tag else {
                    continue;
                };
                let what = match sense {
                    Sense::Hype => "the text advertises",
                    Sense::Rude => "the text is rude",
                    Sense::Chatter => "the text chats",
                    _ => continue,
                };
                let words = text.words[tag.from..tag.to].iter();
                // What the sources say themselves is no manner of the writer.
                if words.clone().all(|word| own.contains(&word.text)) {
                    continue;
                }
                let named = text.names.iter().any(|name| {
                    name.start <= text.words[tag.from].start
                        && text.words[tag.from].start < name.end
                });
                if named {
                    continue;
                }
                if sense == Sense::Chatter {
                    chatter.push(piece);
                    continue;
                }
                let what = format!("{what}: {:?}", text.of(tag));
                found.push(at(
                    reading,
                    piece,
                    Category::Tone,
                    Severity::Error,
                    what,
                    "Use plain, neutral words",
                ));
            }
        }
        let loud = loud(reading, own);
        let marks = reading.raw.matches('!').count() - reading.raw.matches("![").count();
        let signs = reading.raw.chars().filter(|c| is_emoji(*c)).count();
        let signs =
            signs.saturating_sub(reading.ground.goal.chars().filter(|c| is_emoji(*c)).count());
        let mut say = |holds: bool, what: &str| {
            if holds {
                found.push(Issue::new(
                    Category::Tone,
                    Severity::Error,
                    what,
                    "Use plain, neutral words",
                ));
            }
        };
        say(marks > 1, "the text shouts: exclamation marks");
        say(loud.len() > 2, "the text shouts: capitals");
        say(signs > 1, "the text is decorated with pictures");
        let first = chatter.first().copied();
        let severe = chatter.len() > 1
            || (!chatter.is_empty() && (marks > 0 || signs > 0 || !loud.is_empty()));
        if let Some(piece) = first {
            let severity = if severe {
                Severity::Error
            } else {
                Severity::Warning
            };
            found.push(at(
                reading,
                piece,
                Category::Tone,
                severity,
                "the text chats",
                "State the answer and nothing about yourself",
            ));
        } else if marks == 1 || signs == 1 {
            found.push(Issue::new(
                Category::Tone,
                Severity::Warning,
                "the text is excited",
                "Use plain, neutral words",
            ));
        }
        Finding::of(found)
    }
}

/// Words in capitals that no source writes so.
fn loud(reading: &Reading<'_>, own: &HashSet<String>) -> Vec<String> {
    let mut out = Vec::new();
    for text in &reading.texts {
        for word in &text.words {
            let written = text.raw.get(word.start..word.end).unwrap_or("");
            let capitals = written.chars().count() >= 3 && written.chars().all(char::is_uppercase);
            let place = word.start;
            let named = text
                .names
                .iter()
                .any(|name| name.start <= place && place < name.end)
                || text
                    .numbers
                    .iter()
                    .any(|number| number.start <= place && place < number.end);
            if capitals
                && !named
                && !own.contains(&word.text)
                && crate::unit::Unit::symbol(written).is_none()
            {
                out.push(written.to_owned());
            }
        }
    }
    out
}

fn is_emoji(c: char) -> bool {
    matches!(u32::from(c), 0x1F300..=0x1FAFF | 0x2600..=0x26FF | 0x2705 | 0x2728 | 0x274C | 0x2764 | 0x2B50)
}
