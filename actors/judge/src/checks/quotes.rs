//! What stands between quotation marks stands in a source.

use aios_languages::folded;
use aios_work::{Category, Severity, quoted};

use super::{Finding, Look, at};
use crate::criteria::Criteria;
use crate::reading::Reading;

pub(crate) struct Quotes;

/// Words of a quotation below which it may be a name or a word that is only mentioned.
const LEAST: usize = 4;
/// Marks that open and close.
const MARKS: [(char, &[char]); 5] = [
    ('"', &['"']),
    ('“', &['”', '“']),
    ('„', &['“', '”', '"']),
    ('«', &['»']),
    ('»', &['«']),
];

impl Look for Quotes {
    fn name(&self) -> &'static str {
        "quotes"
    }

    fn dimension(&self) -> Category {
        Category::Accuracy
    }

    fn look(&self, reading: &Reading<'_>, _: &Criteria) -> Finding {
        let ground = reading.ground;
        if ground.papers.is_empty() {
            return Finding::default();
        }
        let mut quoting = reading
            .said()
            .filter(|piece| !quotes(&reading.texts[*piece].raw).is_empty());
        if quoting.next().is_none() {
            return Finding::default();
        }
        let sources = ground.papers.iter().flat_map(|paper| &paper.sentences);
        let known: Vec<String> = std::iter::once(line(&ground.goal))
            .chain([sources
                .map(|sentence| line(&sentence.text.raw))
                .collect::<String>()])
            .collect();
        let mut finding = Finding::default();
        for piece in reading.said() {
            for quote in quotes(&reading.texts[piece].raw) {
                let parts = quote.split("...").flat_map(|part| part.split('…'));
                for part in parts.filter(|part| folded(part).len() >= LEAST) {
                    finding.claims += 1;
                    let words = line(part);
                    if known.iter().any(|known| known.contains(&words)) {
                        finding.supported += 1;
                        continue;
                    }
                    let what = format!("no source has these words: {}", quoted(part, 80));
                    finding.issues.push(at(
                        reading,
                        piece,
                        Category::Accuracy,
                        Severity::Critical,
                        what,
                        "Quote what the source says, or say it without quotation marks",
                    ));
                }
            }
        }
        finding
    }
}

/// The words of a text, folded, each with a space before and behind.
fn line(text: &str) -> String {
    folded(text)
        .iter()
        .map(|word| format!(" {} ", word.text))
        .collect()
}

/// What stands between quotation marks.
fn quotes(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((start, open)) = rest
        .char_indices()
        .find(|(_, c)| MARKS.iter().any(|(open, _)| open == c))
    {
        let inner = &rest[start + open.len_utf8()..];
        let closing = MARKS
            .iter()
            .find(|(mark, _)| *mark == open)
            .map_or(&[] as &[char], |(_, close)| close);
        let Some(end) = inner.find(closing) else {
            break;
        };
        out.push(&inner[..end]);
        let behind = inner[end..].chars().next().map_or(0, char::len_utf8);
        rest = &inner[end + behind..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotations_are_found_by_the_marks_of_their_language() {
        let rows = [
            (
                "It says \"at most five\" and \"no\".",
                vec!["at most five", "no"],
            ),
            ("Dort steht: „nur mit Beleg“.", vec!["nur mit Beleg"]),
            ("Il dit « sans frais ».", vec![" sans frais "]),
            ("a 5\" pipe", vec![]),
            ("none", vec![]),
        ];
        for (text, wanted) in rows {
            assert_eq!(quotes(text), wanted, "{text}");
        }
    }
}
