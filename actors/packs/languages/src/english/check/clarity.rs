//! Clarity: whether a text reads well. Sentence length, syllables, repetition, unfinished ends, language, left-over markers.

use std::collections::BTreeMap;

use crate::english::prose::{Word, is_stop_word, sentences, words};
use aios_work::{Category, Evidence, Issue, Severity, TextKind};

use crate::language_of;

/// Clarity between 0 and 1. Each fault takes its share away.
#[must_use]
pub(super) fn check(text: &str, evidence: &Evidence) -> (f64, Vec<Issue>) {
    let kind = evidence.kind;
    let prose = prose_of(text);
    let mut judged = Judged {
        score: 1.0,
        issues: Vec::new(),
    };
    let sentences: Vec<&str> = sentences(&prose)
        .iter()
        .map(|sentence| sentence.of(&prose).trim())
        .filter(|s| s.chars().any(char::is_alphanumeric))
        .collect();
    let all: Vec<String> = words(&prose).iter().map(Word::lower).collect();
    judged.length(&sentences);
    // How English reads and is spelt is no matter of prose in the language that was asked or quoted.
    let english = !is_elsewhere(&prose, evidence);
    if english {
        judged.ease(&all, sentences.len());
    }
    judged.repetition(&sentences, &all);
    judged.ending(&prose, kind);
    if english {
        judged.language(&prose, &all);
    }
    judged.leftovers(text);
    (judged.score.clamp(0.0, 1.0), judged.issues)
}

/// Whether prose is in another language that is known here, and rightly so: the goal is, or what may be quoted is.
fn is_elsewhere(prose: &str, evidence: &Evidence) -> bool {
    let Some(spoken) = language_of(prose).filter(|code| *code != "en") else {
        return false;
    };
    let is = |text: &str| language_of(text) == Some(spoken);
    is(&evidence.goal) || is(&evidence.passages.join(" "))
}

/// Markdown without what is not its own prose: tables, headings, quotations, code, images, list marks and emphasis.
fn prose_of(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut fenced = false;
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced
            || line.starts_with(['|', '#', '>'])
            || line.starts_with("![")
            || line
                .chars()
                .all(|c| matches!(c, '-' | '=' | '*' | '_' | ' '))
        {
            continue;
        }
        let line = line.trim_start_matches(['-', '*', ' ']);
        out.extend(line.chars().filter(|c| !matches!(c, '*' | '`')));
        out.push('\n');
    }
    out
}

struct Judged {
    score: f64,
    issues: Vec<Issue>,
}

impl Judged {
    fn fault(
        &mut self,
        cost: f64,
        severity: Severity,
        description: impl Into<String>,
        suggestion: &str,
    ) {
        self.score -= cost;
        self.issues.push(Issue::new(
            Category::Clarity,
            severity,
            description,
            suggestion,
        ));
    }

    fn length(&mut self, sentences: &[&str]) {
        let longest = sentences
            .iter()
            .map(|sentence| words(sentence).len())
            .max()
            .unwrap_or(0);
        if longest > 60 {
            self.fault(
                0.3,
                Severity::Error,
                format!("a sentence has {longest} words"),
                "Keep sentences below 30 words",
            );
        } else if longest > 40 {
            self.fault(
                0.1,
                Severity::Warning,
                format!("a sentence has {longest} words"),
                "Keep sentences below 30 words",
            );
        }
    }

    /// Flesch reading ease, with syllables guessed from vowel groups. Texts full of names and figures read at 20 and more.
    fn ease(&mut self, all: &[String], sentences: usize) {
        let spoken: Vec<&String> = all
            .iter()
            .filter(|word| word.chars().any(char::is_alphabetic))
            .collect();
        if spoken.len() < 20 || sentences == 0 {
            return;
        }
        let syllables: usize = spoken.iter().map(|word| syllables(word)).sum();
        let count = spoken.len() as f64;
        let ease = 206.835
            - 1.015 * (all.len() as f64 / sentences as f64)
            - 84.6 * (syllables as f64 / count);
        if ease < 0.0 {
            let cost = (-ease / 100.0).clamp(0.05, 0.3);
            self.fault(
                cost,
                Severity::Warning,
                "the text is hard to read",
                "Use shorter words and sentences",
            );
        }
    }

    fn repetition(&mut self, sentences: &[&str], all: &[String]) {
        let mut seen = BTreeMap::<Vec<String>, usize>::new();
        for sentence in sentences {
            let key: Vec<String> = words(sentence).iter().map(Word::lower).collect();
            if key.len() >= 3 {
                *seen.entry(key).or_default() += 1;
            }
        }
        let repeated: usize = seen.values().map(|count| count - 1).sum();
        // Running text of this size repeats few groups of four words; a loop repeats nearly all.
        let fours: Vec<&[String]> = all.windows(4).collect();
        let distinct: std::collections::BTreeSet<_> = fours.iter().collect();
        let looping = if fours.len() < 12 {
            0.0
        } else {
            1.0 - distinct.len() as f64 / fours.len() as f64
        };
        if repeated > 0 || looping > 0.4 {
            let cost = (0.55 + 0.1 * repeated as f64).min(0.9);
            self.fault(
                cost,
                Severity::Error,
                "the text repeats itself",
                "Say each thing once",
            );
        }
        let stuck = all.windows(3).any(|three| matches!(three, [a, b, c] if a == b && b == c && a.chars().any(char::is_alphabetic)));
        if stuck {
            self.fault(
                0.55,
                Severity::Error,
                "a word is repeated over and over",
                "Say each thing once",
            );
        }
    }

    fn ending(&mut self, prose: &str, kind: TextKind) {
        const DANGLING: [&str; 20] = [
            "and", "or", "but", "the", "a", "an", "of", "in", "to", "with", "for", "by", "from",
            "at", "than", "that", "which", "was", "is", "as",
        ];
        let end = prose.trim_end();
        let closed = end.trim_end_matches(['"', '\'', ')', '”', '’', '*', '_']);
        let last = words(end).last().map(Word::lower).unwrap_or_default();
        let open = !closed.ends_with(['.', '!', '?', '…', ':'])
            || closed.ends_with(':')
            || closed.ends_with("...")
            || closed.ends_with('…');
        let dangling = DANGLING.contains(&last.as_str());
        let brackets = end.matches('(').count() > end.matches(')').count();
        if !end.is_empty() && (dangling || brackets || (open && kind == TextKind::Paragraph)) {
            self.fault(
                0.55,
                Severity::Error,
                "the text breaks off",
                "Finish the last sentence with a full stop",
            );
        }
    }

    fn language(&mut self, prose: &str, all: &[String]) {
        let letters = prose.chars().filter(|c| c.is_alphabetic()).count();
        let signs = prose.chars().filter(|c| !c.is_whitespace()).count();
        let spoken = all
            .iter()
            .filter(|word| word.chars().any(char::is_alphabetic))
            .count();
        if signs >= 20 && letters * 100 < signs * 35 {
            self.fault(
                0.55,
                Severity::Error,
                "the text is hardly words",
                "Write sentences",
            );
            return;
        }
        let stop = all.iter().filter(|word| is_stop_word(word)).count();
        let latin = prose.chars().filter(|c| c.is_ascii_alphabetic()).count();
        if spoken >= 8 && (stop * 100 < spoken * 12 || latin * 100 < letters * 70) {
            self.fault(
                0.55,
                Severity::Error,
                "the text is not plain English prose",
                "Write full English sentences",
            );
        }
    }

    fn leftovers(&mut self, text: &str) {
        const MARKERS: [&str; 16] = [
            "<|",
            "|>",
            "[insert",
            "[your",
            "{{",
            "}}",
            "lorem ipsum",
            "todo:",
            "xxx",
            "[inst]",
            "</s>",
            "placeholder",
            "#ref!",
            "nan%",
            "undefined",
            "\u{fffd}",
        ];
        let lower = text.to_lowercase();
        if let Some(marker) = MARKERS.iter().find(|marker| lower.contains(**marker)) {
            self.fault(
                0.6,
                Severity::Error,
                format!("the text holds the marker {marker:?}"),
                "Write the text itself, without placeholders",
            );
        }
    }
}

fn syllables(word: &str) -> usize {
    let mut count = 0;
    let mut vowel = false;
    for c in word.chars() {
        let now = matches!(c, 'a' | 'e' | 'i' | 'o' | 'u' | 'y');
        count += usize::from(now && !vowel);
        vowel = now;
    }
    if count > 1 && word.ends_with('e') && !word.ends_with("le") {
        count -= 1;
    }
    count.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_in_the_language_that_was_asked_or_quoted_is_not_blamed_for_not_being_english() {
        let german = "Der Vertrag endet am letzten Tag des Jahres, und die Miete bleibt bis dahin so, wie sie ist.";
        let rows = [
            ("Fasse den Vertrag und die Miete zusammen", "", false),
            ("Summarise the contract and what is in it", german, false),
            (
                "Summarise the contract and what is in it",
                "the rent is paid",
                true,
            ),
        ];
        for (goal, passage, blamed) in rows {
            let evidence = Evidence {
                goal: goal.to_owned(),
                passages: vec![passage.to_owned()],
                ..Evidence::default()
            };
            let (score, issues) = check(german, &evidence);
            assert_eq!(score < 0.6, blamed, "{goal}: {issues:?}");
        }
    }
}
