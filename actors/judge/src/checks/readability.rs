//! It can be read: words of a language, sentences of a length that a reader keeps in mind.

use aios_work::{Category, Severity};

use super::{Finding, Look, at};
use crate::answer::Kind;
use crate::criteria::Criteria;
use crate::reading::Reading;

pub(crate) struct Readability;

/// Words of a sentence above which a reader loses the thread, and above which nobody follows.
const LONG: usize = 45;
const TOO_LONG: usize = 90;

impl Look for Readability {
    fn name(&self) -> &'static str {
        "readability"
    }

    fn dimension(&self) -> Category {
        Category::Clarity
    }

    fn look(&self, reading: &Reading<'_>, _: &Criteria) -> Finding {
        if reading.language.is_none()
            && let Some(name) = aios_languages::foreign(reading.raw)
        {
            return Finding::unable(format!("there is no pack for {name}"));
        }
        let mut issues = Vec::new();
        let mut say = |piece: usize, severity: Severity, what: &str| {
            issues.push(at(
                reading,
                piece,
                Category::Clarity,
                severity,
                what,
                "Write plain sentences",
            ));
        };
        let (mut words, mut plain, mut odd, mut shuffled) = (0, 0, 0, 0);
        let mut prose = None;
        for piece in reading.said() {
            let own = &reading.answer.pieces[piece];
            let text = &reading.texts[piece];
            if !matches!(own.kind, Kind::Sentence | Kind::Item) {
                continue;
            }
            prose.get_or_insert(piece);
            let count = text.words.len();
            if count > TOO_LONG {
                say(piece, Severity::Error, "a sentence is too long to follow");
            } else if count > LONG {
                say(piece, Severity::Warning, "a sentence is long");
            }
            for word in &text.words {
                let written = text.raw.get(word.start..word.end).unwrap_or("");
                if written.bytes().any(|byte| byte.is_ascii_digit()) {
                    continue;
                }
                words += 1;
                plain += usize::from(reading.lexicon.is_stop(&word.text));
                shuffled += usize::from(mixed(written));
                odd += usize::from(strange(&word.text));
                if word.text.chars().count() > 45 {
                    say(piece, Severity::Error, "words run together");
                }
            }
        }
        if let Some(piece) = prose {
            if words >= 6 && odd * 4 > words {
                say(piece, Severity::Error, "most of it are no words");
            } else if words >= 4 && shuffled * 3 > words {
                say(piece, Severity::Error, "capitals stand within words");
            } else if words >= 25 && plain * 12 < words {
                say(piece, Severity::Error, "the words make no sentences");
            }
        }
        Finding::of(issues)
    }
}

/// A word that no language has: no vowel, or one sign again and again.
fn strange(word: &str) -> bool {
    let chars: Vec<char> = word.chars().collect();
    let latin = chars.iter().all(char::is_ascii_alphabetic);
    let vowel = chars
        .iter()
        .any(|c| matches!(c, 'a' | 'e' | 'i' | 'o' | 'u' | 'y'));
    let run = chars
        .windows(4)
        .any(|four| four.iter().all(|c| *c == four[0]));
    let consonants = chars
        .split(|c| matches!(c, 'a' | 'e' | 'i' | 'o' | 'u' | 'y'))
        .map(<[char]>::len)
        .max()
        .unwrap_or(0);
    latin && ((chars.len() > 3 && !vowel) || run || consonants > 6)
}

/// "tHiS": capitals behind small letters.
fn mixed(written: &str) -> bool {
    let mut small = false;
    let mut turns = 0;
    for c in written.chars() {
        turns += usize::from(small && c.is_uppercase());
        small = c.is_lowercase();
    }
    turns > 1
        || (turns == 1
            && written.chars().next().is_some_and(char::is_lowercase)
            && written.chars().count() > 3)
}
