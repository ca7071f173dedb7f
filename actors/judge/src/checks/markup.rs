//! It is a text: not empty, no template, no broken table, no letters that were lost on the way.

use aios_languages::Sense;
use aios_work::{Category, FEEDBACK_MARK, Issue, Severity};

use super::{Finding, Look, at};
use crate::answer::Kind;
use crate::criteria::Criteria;
use crate::reading::Reading;

pub(crate) struct Markup;

/// What a program prints when a value is missing; as a word of its own.
const HOLES: [&str; 8] = [
    "undefined",
    "NaN",
    "null",
    "None",
    "[object Object]",
    "#REF!",
    "#N/A",
    "#VALUE!",
];
/// Letters read in the wrong encoding.
const GARBLED: [&str; 12] = [
    "Ã¤", "Ã¶", "Ã¼", "ÃŸ", "Ã©", "Ã¨", "Ã±", "Ã³", "â€", "Â°", "â‚¬", "\u{fffd}",
];

impl Look for Markup {
    fn name(&self) -> &'static str {
        "markup"
    }

    fn dimension(&self) -> Category {
        Category::Clarity
    }

    fn look(&self, reading: &Reading<'_>, criteria: &Criteria) -> Finding {
        let said = |piece: &usize| {
            reading.answer.pieces[*piece]
                .text
                .chars()
                .any(char::is_alphanumeric)
        };
        let code =
            reading.answer.pieces.iter().any(|piece| {
                piece.kind == Kind::Code && piece.text.chars().any(char::is_alphanumeric)
            });
        if !reading.said().any(|piece| said(&piece)) && !code {
            return Finding::of([Issue::new(
                Category::Completeness,
                Severity::Critical,
                "the answer is empty",
                "Answer the goal",
            )]);
        }
        let mut issues = Vec::new();
        let mut say = |line: Option<usize>, what: String, advice: &str| {
            let mut issue = Issue::new(Category::Clarity, Severity::Critical, what, advice);
            issue.line = line.and_then(|line| u32::try_from(line).ok());
            issues.push(issue);
        };
        for (line, what) in &reading.answer.broken {
            say(
                Some(*line),
                (*what).to_owned(),
                "Write one row a line, with a line of dashes below the heading",
            );
        }
        // A word that a source has itself is no hole.
        let told = |found: &&str| {
            let mut sentences = reading
                .ground
                .papers
                .iter()
                .flat_map(|paper| &paper.sentences);
            HOLES.contains(found) && sentences.any(|sentence| sentence.text.raw.contains(*found))
        };
        if let Some(found) = hole(reading.raw).filter(|found| !told(found)) {
            say(
                None,
                format!("a place was left unfilled: {found}"),
                "Fill in the value",
            );
        }
        let given = |text: &str| {
            reading.ground.papers.iter().any(|paper| {
                paper
                    .sentences
                    .iter()
                    .any(|sentence| sentence.text.raw.contains(text))
            })
        };
        if let Some(found) = GARBLED
            .iter()
            .find(|found| reading.raw.contains(**found) && !given(found))
        {
            say(
                None,
                format!("letters were lost: {found}"),
                "Write in UTF-8",
            );
        }
        let asked = reading.ground.asked.text.has(Sense::FormJson) || criteria.json;
        let bare = reading.raw.trim();
        let object = (bare.starts_with('{') && bare.ends_with('}'))
            || (bare.starts_with('[') && bare.ends_with(']'));
        if !asked && object && serde_json::from_str::<serde_json::Value>(bare).is_ok() {
            say(
                None,
                "it is JSON and nobody asked for that".to_owned(),
                "Write sentences",
            );
        }
        if tags(reading.raw) > 2 {
            say(
                None,
                "it is full of tags".to_owned(),
                "Write text or Markdown",
            );
        }
        for piece in reading.said() {
            let text = &reading.texts[piece];
            if text.has(Sense::Refusal)
                && text.words.len() < 30
                && reading.claims.iter().all(|claim| claim.found.is_empty())
            {
                issues.push(at(
                    reading,
                    piece,
                    Category::Completeness,
                    Severity::Critical,
                    "it answers nothing",
                    "Answer the goal, or say what is missing",
                ));
                break;
            }
        }
        Finding::of(issues)
    }
}

/// A place that a template left open.
fn hole(raw: &str) -> Option<&str> {
    for (open, close) in [
        ("{{", "}}"),
        ("${", "}"),
        ("<%", "%>"),
        ("{%", "%}"),
        ("[[", "]]"),
        ("___", "___"),
    ] {
        if let Some(at) = raw.find(open) {
            let rest = &raw[at + open.len()..];
            if let Some(end) = rest.find(close).filter(|end| *end < 60) {
                let place = raw.get(at..at + open.len() + end + close.len());
                // The Critic's own mark is no place to be filled; the check of what was put in names it.
                if place != Some(FEEDBACK_MARK) {
                    return place;
                }
            }
        }
    }
    let in_brackets = raw.match_indices('[').find_map(|(at, _)| {
        let inner = &raw[at + 1..];
        let end = inner.find(']')?;
        let word = &inner[..end];
        let upper = word.len() > 1
            && word
                .chars()
                .all(|c| c.is_ascii_uppercase() || matches!(c, '_' | ' ' | '-'))
            && word.chars().any(char::is_alphabetic);
        (upper && !inner[end + 1..].starts_with('(')).then(|| &raw[at..at + end + 2])
    });
    if in_brackets.is_some() {
        return in_brackets;
    }
    let word = |found: &&str| {
        raw.match_indices(*found).any(|(at, _)| {
            let before = raw[..at].chars().next_back();
            let behind = raw[at + found.len()..].chars().next();
            let edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '_');
            // "None of them" is a sentence; a bare "None" in a cell is a hole.
            let sentence = *found == "None" && raw[at + found.len()..].starts_with(" of");
            let wordy = matches!(*found, "null" | "None")
                && behind.is_some_and(char::is_whitespace)
                && raw[at + found.len()..]
                    .trim_start()
                    .starts_with(char::is_alphabetic);
            // Between code marks it is a word of a program.
            let code = before == Some('`') && behind == Some('`');
            edge(before) && edge(behind) && !sentence && !wordy && !code
        })
    };
    HOLES.iter().find(|found| word(found)).copied().or_else(|| {
        [
            "%s",
            "%d",
            "%.2f",
            "TODO",
            "FIXME",
            "XXX",
            "Lorem ipsum",
            "lorem ipsum",
        ]
        .into_iter()
        .find(|found| raw.contains(found))
    })
}

fn tags(raw: &str) -> usize {
    raw.match_indices('<')
        .filter(|(at, _)| {
            raw[at + 1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
                && raw[at + 1..].find('>').is_some_and(|end| end < 80)
        })
        .count()
}
