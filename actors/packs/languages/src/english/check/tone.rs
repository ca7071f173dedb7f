//! Tone: whether a text speaks as a report does. No chatter, no apologies, no hype, no shouting.

use crate::english::prose::{find_phrase, words};
use aios_work::{Category, Issue, Severity};

/// What is unsuitable, what it costs, and what to do instead.
struct Manner {
    fault: &'static str,
    cost: f64,
    suggestion: &'static str,
    phrases: &'static [&'static str],
}

const MANNERS: [Manner; 4] = [
    Manner {
        fault: "the text talks about itself or its writer",
        cost: 0.55,
        suggestion: "State the findings without speaking of yourself",
        phrases: &[
            "as an ai",
            "language model",
            "i think",
            "i believe",
            "i am",
            "i'm",
            "i can",
            "i cannot",
            "i can't",
            "i would",
            "i have",
            "i will",
            "i've",
            "let me",
            "here is the",
            "here's the",
            "here is a",
            "here's a",
            "here are the",
            "sure,",
            "sure!",
            "certainly,",
            "certainly!",
            "of course!",
            "hope this helps",
            "feel free",
            "let me know",
            "happy to help",
            "great question",
            "in my opinion",
            "dear customer",
            "thank you for",
            "you asked",
            "the user",
            "my analysis",
        ],
    },
    Manner {
        fault: "the text apologises",
        cost: 0.55,
        suggestion: "State what is missing without apology",
        phrases: &[
            "sorry",
            "apologize",
            "apologise",
            "apologies",
            "my mistake",
            "regret to",
            "unfortunately",
        ],
    },
    Manner {
        fault: "the text uses hype",
        cost: 0.55,
        suggestion: "Use plain words",
        phrases: &[
            "amazing",
            "incredible",
            "incredibly",
            "unbelievable",
            "skyrocketed",
            "skyrocketing",
            "game-changing",
            "game changer",
            "mind-blowing",
            "revolutionary",
            "phenomenal",
            "spectacular",
            "spectacularly",
            "crushed it",
            "crushing it",
            "killing it",
            "insane",
            "jaw-dropping",
            "explosive",
            "blockbuster",
            "stellar",
            "world-class",
            "best-in-class",
            "unparalleled",
            "astonishing",
            "breathtaking",
            "to the moon",
            "guaranteed",
            "fantastic",
            "awesome",
            "epic",
            "wow",
        ],
    },
    Manner {
        fault: "the text is rude",
        cost: 0.6,
        suggestion: "Use neutral words",
        phrases: &[
            "stupid",
            "idiot",
            "idiotic",
            "dumb",
            "damn",
            "crap",
            "shit",
            "fuck",
            "fucking",
            "hell",
            "pathetic",
            "terrible job",
            "sucks",
            "garbage",
        ],
    },
];

/// Tone between 0 and 1.
#[must_use]
pub(super) fn check(text: &str) -> (f64, Vec<Issue>) {
    let lower = text.to_lowercase().replace('’', "'");
    let mut score = 1.0;
    let mut issues = Vec::new();
    for manner in &MANNERS {
        let found: Vec<&str> = manner
            .phrases
            .iter()
            .copied()
            .filter(|phrase| find_phrase(&lower, phrase, 0).is_some())
            .collect();
        if let Some(first) = found.first() {
            score -= manner.cost + 0.1 * (found.len() - 1) as f64;
            issues.push(
                Issue::new(
                    Category::Tone,
                    Severity::Error,
                    manner.fault,
                    manner.suggestion,
                )
                .at(first),
            );
        }
    }
    let exclamations = text.matches('!').count() - text.matches("![").count();
    if exclamations > 0 {
        score -= if exclamations > 1 { 0.55 } else { 0.2 };
        issues.push(Issue::new(
            Category::Tone,
            Severity::Warning,
            "the text exclaims",
            "End sentences with a full stop",
        ));
    }
    if text.chars().any(is_pictograph) {
        score -= 0.3;
        issues.push(Issue::new(
            Category::Tone,
            Severity::Warning,
            "the text uses pictographs",
            "Use words",
        ));
    }
    let shouted = words(text)
        .iter()
        .filter(|word| {
            word.text.chars().count() > 4 && word.text.chars().all(|c| c.is_ascii_uppercase())
        })
        .count();
    if shouted >= 3 {
        score -= 0.4;
        issues.push(Issue::new(
            Category::Tone,
            Severity::Warning,
            "the text shouts in capitals",
            "Use lower case",
        ));
    }
    (f64::max(score, 0.0), issues)
}

fn is_pictograph(c: char) -> bool {
    matches!(c, '\u{1F300}'..='\u{1FAFF}' | '\u{2600}'..='\u{27BF}')
}
