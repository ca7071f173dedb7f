//! What a source denies is not affirmed, and what it says one way is not said the other way.

use std::collections::BTreeSet;

use aios_languages::{Sense, Tag};
use aios_work::{Category, Severity};

use super::{Finding, at};
use crate::goal::Need;
use crate::reading::Reading;
use crate::text::Text;

/// Whether a part of a sentence affirms what a short part of a source denies of the same: "caravans and motorcycles are admitted" where
/// "trailers and caravans are not".
pub(super) fn shared(reading: &Reading<'_>, piece: usize, finding: &mut Finding) {
    let text = &reading.texts[piece];
    let own: Vec<(BTreeSet<&String>, Option<&String>)> = parts(text)
        .into_iter()
        .map(|(from, to)| (stems_of(text, from, to), denied_word(text, from, to)))
        .collect();
    for paper in &reading.ground.papers {
        for (place, sentence) in paper.sentences.iter().enumerate() {
            for (from, to) in parts(&sentence.text) {
                let theirs = stems_of(&sentence.text, from, to);
                let denied = denied_word(&sentence.text, from, to);
                let against = own.iter().any(|(stems, own)| {
                    let shared = theirs.intersection(stems).count();
                    // What the one denies is what the other affirms, and not something beside it.
                    let same = match (own, denied) {
                        (None, Some(word)) => stems.contains(word),
                        (Some(word), None) => theirs.contains(*word),
                        _ => false,
                    };
                    same && shared > 1 && shared * 3 >= theirs.len() * 2
                });
                if against && theirs.len() <= SHORT {
                    let mut issue = at(
                        reading,
                        piece,
                        Category::Accuracy,
                        Severity::Critical,
                        "the source says the opposite",
                        "Say what the source says",
                    );
                    issue.evidence = Some(paper.quoted(place));
                    finding.issues.push(issue);
                    return;
                }
            }
        }
    }
}

/// The word that a part of a sentence denies: the next one behind the negation, or the last one before it.
fn denied_word(text: &Text, from: usize, to: usize) -> Option<&String> {
    if !denies(text, from, to) {
        return None;
    }
    let negation = text.tags.iter().find(|tag| {
        tag.tag == Tag::Sense(Sense::Negation) && (from..to).contains(&text.words[tag.from].start)
    })?;
    let here = || {
        text.stems
            .iter()
            .filter(|(word, _)| (from..to).contains(&text.words[*word].start))
    };
    let behind = here().find(|(word, _)| *word >= negation.to);
    let found = behind.or_else(|| here().filter(|(word, _)| *word < negation.from).last());
    found.map(|(_, stem)| stem)
}

/// Words of a part of a source that is short.
const SHORT: usize = 5;

fn stems_of(text: &Text, from: usize, to: usize) -> BTreeSet<&String> {
    let within = text
        .stems
        .iter()
        .filter(|(word, _)| (from..to).contains(&text.words[*word].start));
    within.map(|(_, stem)| stem).collect()
}

/// The parts of a sentence between commas, colons and semicolons.
fn parts(text: &Text) -> Vec<(usize, usize)> {
    let mut starts = vec![0];
    starts.extend(
        text.raw
            .match_indices([',', ';', ':', '—', '–'])
            .map(|(at, sign)| at + sign.len()),
    );
    let ends = starts.iter().skip(1).copied().chain([text.raw.len() + 1]);
    starts.iter().copied().zip(ends).collect()
}

/// Words of a point above which a clause that has them all is one by accident.
const WORDS: usize = 3;

/// Whether a sentence affirms what the nearest sentence of a document denies, or the reverse.
pub(super) fn denied(reading: &Reading<'_>, piece: usize, finding: &mut Finding) {
    let text = &reading.texts[piece];
    for paper in &reading.ground.papers {
        for (start, end) in clause_spans(text) {
            let words: Vec<(usize, &String)> = text
                .stems
                .iter()
                .filter(|(word, _)| (start..end).contains(&text.words[*word].start))
                .map(|(word, stem)| (*word, stem))
                .collect();
            let stems: std::collections::HashSet<String> =
                words.iter().map(|(_, stem)| (*stem).clone()).collect();
            let known = stems.iter().filter(|stem| paper.knows(stem)).count();
            if known < 2 || known * 10 < stems.len() * 7 {
                continue;
            }
            let Some((best, _)) = paper.nearest(&stems).first().copied() else {
                continue;
            };
            let sentence = &paper.sentences[best];
            let shared = stems
                .iter()
                .filter(|stem| sentence.own.contains(*stem))
                .count();
            if shared < 2 || shared * 10 < stems.len() * 7 {
                continue;
            }
            let own = denies(text, start, end);
            // The clause of the source that shares the words.
            let theirs = clause_spans(&sentence.text).into_iter().map(|(from, to)| {
                let here = sentence
                    .text
                    .stems
                    .iter()
                    .filter(|(word, stem)| {
                        (from..to).contains(&sentence.text.words[*word].start)
                            && stems.contains(stem)
                    })
                    .count();
                (here, denies(&sentence.text, from, to))
            });
            let Some((here, other)) = theirs.max_by_key(|(here, _)| *here) else {
                continue;
            };
            if here >= 2 && here * 10 >= shared * 7 && own != other {
                let mut issue = at(
                    reading,
                    piece,
                    Category::Accuracy,
                    Severity::Critical,
                    "the source says the opposite",
                    "Say what the source says",
                );
                issue.evidence = Some(paper.quoted(best));
                finding.issues.push(issue);
                return;
            }
        }
    }
}

/// Whether the "yes" or "no" that an answer begins with is what the source says to the question.
pub(super) fn decided(reading: &Reading<'_>, finding: &mut Finding) {
    let asked = &reading.ground.asked.text;
    let questions = [
        Sense::AskDuration,
        Sense::AskMoney,
        Sense::AskCount,
        Sense::AskDate,
        Sense::AskPerson,
        Sense::AskPlace,
        Sense::AskWhy,
    ];
    let Some(piece) = reading
        .said()
        .find(|piece| !reading.texts[*piece].is_empty())
    else {
        return;
    };
    let text = &reading.texts[piece];
    let yes = match text
        .tags
        .iter()
        .find(|tag| tag.from == 0)
        .map(|tag| tag.tag)
    {
        _ if questions.iter().any(|sense| asked.has(*sense)) => return,
        _ if text
            .tags
            .iter()
            .any(|tag| tag.from == 0 && tag.tag == Tag::Sense(Sense::Yes)) =>
        {
            true
        }
        _ if text
            .tags
            .iter()
            .any(|tag| tag.from == 0 && tag.tag == Tag::Sense(Sense::No)) =>
        {
            false
        }
        _ => return,
    };
    let stems: std::collections::HashSet<String> =
        asked.stems.iter().map(|(_, stem)| stem.clone()).collect();
    let inner = denies(asked, 0, usize::MAX);
    for paper in &reading.ground.papers {
        let Some((best, _)) = paper.nearest(&stems).first().copied() else {
            continue;
        };
        let sentence = &paper.sentences[best];
        let known = stems.iter().filter(|stem| paper.knows(stem)).count();
        let spans = clause_spans(&sentence.text).into_iter().map(|(from, to)| {
            let here = sentence.text.stems.iter().filter(|(word, stem)| {
                (from..to).contains(&sentence.text.words[*word].start) && stems.contains(stem)
            });
            (here.count(), from, to)
        });
        let Some((here, from, to)) = spans.max_by_key(|(here, ..)| *here) else {
            continue;
        };
        // Only a clause that has most of the question's words answers it with its own yes or no.
        if here == 0 || here * 2 < known.max(1) {
            continue;
        }
        let limited = sentence.text.senses().any(|(sense, place)| {
            (from..to).contains(&place) && matches!(sense, Sense::Only | Sense::AtMost)
        });
        let affirms = denies(&sentence.text, from, to) == inner;
        if affirms == yes {
            finding.claims += 1;
            finding.supported += 1;
        } else if !limited && here * 3 >= stems.len() * 2 {
            finding.claims += 1;
            let mut issue = at(
                reading,
                piece,
                Category::Accuracy,
                Severity::Critical,
                "the source answers the question otherwise",
                "Say what the source says",
            );
            issue.evidence = Some(paper.quoted(best));
            finding.issues.push(issue);
        }
        return;
    }
}

/// Whether a point of the goal is affirmed where the source denies it, or the reverse: "it can be reserved" where it cannot.
pub(super) fn answered(reading: &Reading<'_>, finding: &mut Finding) {
    for point in &reading.ground.asked.points {
        let wanted: BTreeSet<&String> = point.text.stems.iter().map(|(_, stem)| stem).collect();
        if point.need != Need::Topic || wanted.is_empty() || wanted.len() > WORDS {
            continue;
        }
        let inner = denies(&point.text, 0, usize::MAX);
        let has = |text: &Text, from: usize, to: usize| {
            let here: BTreeSet<&String> = text
                .stems
                .iter()
                .filter(|(word, _)| (from..to).contains(&text.words[*word].start))
                .map(|(_, stem)| stem)
                .collect();
            wanted.iter().all(|stem| here.contains(*stem))
        };
        let sides = |text: &Text| -> BTreeSet<bool> {
            let spans = clause_spans(text).into_iter();
            spans
                .filter(|(from, to)| has(text, *from, *to))
                .map(|(from, to)| denies(text, from, to) != inner)
                .collect()
        };
        let mut told: BTreeSet<bool> = BTreeSet::new();
        let mut place = None;
        for paper in &reading.ground.papers {
            for (at, sentence) in paper.sentences.iter().enumerate() {
                let own = sides(&sentence.text);
                if !own.is_empty() {
                    place.get_or_insert_with(|| paper.quoted(at));
                    told.extend(own);
                }
            }
        }
        let [source] = told.iter().copied().collect::<Vec<bool>>()[..] else {
            continue;
        };
        for piece in reading.said() {
            let own = sides(&reading.texts[piece]);
            if own.len() == 1 && own.contains(&!source) {
                let mut issue = at(
                    reading,
                    piece,
                    Category::Accuracy,
                    Severity::Critical,
                    "the source says the opposite",
                    "Say what the source says",
                );
                issue.evidence = place.clone();
                finding.issues.push(issue);
                break;
            }
        }
    }
}

/// Whether a clause says the opposite of what the nearest clause of a document says: open and closed.
pub(super) fn opposed(reading: &Reading<'_>, piece: usize, finding: &mut Finding) {
    let text = &reading.texts[piece];
    let sides = |text: &Text, start: usize, end: usize| -> BTreeSet<(u8, bool)> {
        let here = text
            .tags
            .iter()
            .filter(|tag| (start..end).contains(&text.words[tag.from].start));
        here.filter_map(|tag| match tag.tag {
            Tag::Opposite(pair, side) => Some((pair, side)),
            _ => None,
        })
        .collect()
    };
    for (start, end) in clause_spans(text) {
        let own = sides(text, start, end);
        if own.is_empty() {
            continue;
        }
        let words = marks(text, start, end);
        let sentences = reading
            .ground
            .papers
            .iter()
            .flat_map(|paper| (0..paper.sentences.len()).map(move |at| (paper, at)));
        for (paper, place) in sentences {
            let sentence = &paper.sentences[place];
            for (from, to) in clause_spans(&sentence.text) {
                let theirs = sides(&sentence.text, from, to);
                let against = own.iter().any(|(pair, side)| {
                    theirs.contains(&(*pair, !side))
                        && !own.contains(&(*pair, !side))
                        && !theirs.contains(&(*pair, *side))
                });
                let shared = marks(&sentence.text, from, to).intersection(&words).count();
                let alike = denies(text, start, end) == denies(&sentence.text, from, to);
                if against && alike && shared > 0 && shared * 2 >= words.len().min(4) {
                    let mut issue = at(
                        reading,
                        piece,
                        Category::Accuracy,
                        Severity::Critical,
                        "the source says the opposite",
                        "Say what the source says",
                    );
                    issue.evidence = Some(paper.quoted(place));
                    finding.issues.push(issue);
                    return;
                }
            }
        }
    }
}

/// What a clause is about, but for the words of opposites: its stems and days.
fn marks(text: &Text, start: usize, end: usize) -> BTreeSet<String> {
    let opposite: BTreeSet<usize> = text
        .tags
        .iter()
        .filter(|tag| matches!(tag.tag, Tag::Opposite(..)))
        .flat_map(|tag| tag.from..tag.to)
        .collect();
    let stems = text.stems.iter().filter(|(word, _)| {
        (start..end).contains(&text.words[*word].start) && !opposite.contains(word)
    });
    let days = text
        .tags
        .iter()
        .filter(|tag| (start..end).contains(&text.words[tag.from].start));
    let days = days.filter_map(|tag| match tag.tag {
        Tag::Weekday(day) => Some(format!("weekday {day}")),
        _ => None,
    });
    stems.map(|(_, stem)| stem.clone()).chain(days).collect()
}

/// Whether a clause denies. "Without charge" denies nothing: it says that something is free.
fn denies(text: &Text, start: usize, end: usize) -> bool {
    text.tags.iter().any(|tag| {
        tag.tag == Tag::Sense(Sense::Negation)
            && (start..end).contains(&text.words[tag.from].start)
            && !text.tags.iter().any(|other| {
                matches!(other.tag, Tag::Opposite(..))
                    && other.from <= tag.from
                    && tag.to <= other.to
                    && other.to - other.from > 1
            })
    })
}

fn clause_spans(text: &Text) -> Vec<(usize, usize)> {
    let mut starts = text.clauses.clone();
    starts.extend(text.raw.match_indices(": ").map(|(at, _)| at + 1));
    starts.sort_unstable();
    let ends = starts.iter().skip(1).copied().chain([text.raw.len() + 1]);
    starts
        .iter()
        .copied()
        .zip(ends)
        .filter(|(start, end)| start < end)
        .collect()
}
