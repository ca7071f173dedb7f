//! What a source denies is not affirmed, and what it says one way is not said the other way.

use std::collections::BTreeSet;

use aios_languages::{Sense, Tag};
use aios_work::{Category, Issue, Severity};

use super::{Finding, at};
use crate::checks::decision::{asks_the_source, decision};
use crate::clause::{Part, clause_spans, denied_word, denies, lacked, parts, sides, stems_of};
use crate::goal::Need;
use crate::reading::Reading;
use crate::text::Text;

/// Whether a part of a sentence affirms what a short part of a source denies of the same: "caravans and motorcycles are admitted" where
/// "trailers and caravans are not".
pub(super) fn shared(reading: &Reading<'_>, piece: usize, finding: &mut Finding) {
    let text = &reading.texts[piece];
    // "Unless there is a warning" affirms no warning.
    let tied = |from: usize, to: usize| {
        let mut senses = text.senses();
        senses.any(|(sense, place)| sense == Sense::Only && (from..to).contains(&place))
    };
    let spans = parts(text).into_iter().zip(crate::clause::read(text));
    let own: Vec<Part> = spans
        .filter(|((from, to), part)| !tied(*from, *to) && !part.listed)
        .map(|(_, part)| part)
        .collect();
    let common = |own: &Part, part: &Part| own.stems.intersection(&part.stems).count();
    let papers = reading.ground.papers.iter();
    let sentences = || papers.clone().flat_map(|paper| &paper.sentences);
    // What another part of a source says of the same in the same way, in as many of the words, is not against it.
    let agrees = |own: &Part, word: &String, words: usize| {
        let mut all = sentences().flat_map(|sentence| &sentence.parts);
        all.any(|part| {
            let alike = part.denied == own.denied && part.stems.contains(word);
            alike && !part.listed && common(own, part) >= words
        })
    };
    // What a sentence with one of the same figures denies as well is not against it.
    let denied = own.iter().any(|part| part.denied.is_some());
    let told = |number: &crate::numeral::Number| {
        sentences().any(|sentence| {
            let denies = sentence.parts.iter().any(|part| part.denied.is_some());
            denies && sentence.says(number).is_some()
        })
    };
    if denied && text.numbers.iter().any(told) {
        return;
    }
    for paper in papers.clone() {
        for (place, sentence) in paper.sentences.iter().enumerate() {
            let short = |part: &&Part| part.stems.len() <= SHORT && !part.listed;
            for part in sentence.parts.iter().filter(short) {
                let against = own.iter().any(|own| {
                    // What the one denies is what the other affirms, and not something beside it.
                    let same = match (&own.denied, &part.denied) {
                        (None, Some(word)) => own.stems.contains(word).then_some(word),
                        (Some(word), None) => part.stems.contains(word).then_some(word),
                        _ => None,
                    };
                    let words = common(own, part);
                    let most = words > 1 && words * 3 >= part.stems.len() * 2;
                    // "Nothing is charged" of what is "free of charge" denies one of two sides, and stands on the other with the source.
                    let one_side = |word: &String| {
                        (is_a_side(text, word) || is_a_side(&sentence.text, word))
                            && !whole(text).is_disjoint(&whole(&sentence.text))
                    };
                    same.is_some_and(|word| most && !agrees(own, word, words) && !one_side(word))
                });
                if against {
                    finding
                        .issues
                        .push(opposite(reading, piece, Some(paper.quoted(place))));
                    return;
                }
            }
        }
    }
}

/// The sides of opposites that a whole text stands on.
fn whole(text: &Text) -> BTreeSet<(u8, bool)> {
    sides(text, 0, text.raw.len() + 1)
}

/// Whether a word of a text is one side of two.
fn is_a_side(text: &Text, stem: &String) -> bool {
    let word = text.stems.iter().find(|(_, own)| own == stem);
    word.is_some_and(|(word, _)| {
        let mut tags = text.tags.iter();
        tags.any(|tag| matches!(tag.tag, Tag::Opposite(..)) && tag.from <= *word && *word < tag.to)
    })
}

/// That a source says the opposite of a piece, and where.
fn opposite(reading: &Reading<'_>, piece: usize, place: Option<String>) -> Issue {
    let mut issue = at(
        reading,
        piece,
        Category::Accuracy,
        Severity::Critical,
        "the source says the opposite",
        "Say what the source says",
    );
    issue.evidence = place;
    issue
}

/// Words of a part of a source that is short.
const SHORT: usize = 5;

/// Whether something is said to hold always, or never, that a source ties to a condition.
pub(super) fn absolute(reading: &Reading<'_>, piece: usize, finding: &mut Finding) {
    let text = &reading.texts[piece];
    let Some((_, place)) = text.senses().find(|(sense, _)| *sense == Sense::Absolute) else {
        return;
    };
    let ties = |text: &Text| {
        [Sense::Only, Sense::AtMost, Sense::AtLeast]
            .iter()
            .any(|sense| text.has(*sense))
    };
    if ties(text) {
        return;
    }
    let spans = clause_spans(text);
    let Some((from, to)) = spans
        .into_iter()
        .find(|(from, to)| (*from..*to).contains(&place))
    else {
        return;
    };
    let goal = reading
        .ground
        .asked
        .text
        .stems
        .iter()
        .map(|(_, stem)| stem.clone());
    let mut stems: std::collections::HashSet<String> =
        stems_of(text, from, to).into_iter().cloned().collect();
    if stems.len() < 2 {
        stems.extend(goal);
    }
    for paper in reading.ground.papers.iter() {
        let near = paper.nearest(&stems);
        let best = near.first().map_or(0.0, |(_, overlap)| *overlap);
        let close = near
            .iter()
            .take(2)
            .filter(|(_, overlap)| *overlap >= best * 0.7);
        let own: Vec<usize> = close.map(|(at, _)| *at).collect();
        let said = own
            .iter()
            .any(|at| paper.sentences[*at].text.has(Sense::Absolute));
        let tied = own.iter().find(|at| ties(&paper.sentences[**at].text));
        if let (false, Some(tied)) = (said, tied) {
            let mut issue = at(
                reading,
                piece,
                Category::Accuracy,
                Severity::Critical,
                "the source ties this to a condition",
                "Say under which condition it holds",
            );
            issue.evidence = Some(paper.quoted(*tied));
            finding.issues.push(issue);
            return;
        }
    }
}

/// "From the first day" where the source says the third: the place of something in its order.
pub(super) fn placed(reading: &Reading<'_>, piece: usize, finding: &mut Finding) {
    fn places(text: &Text) -> Vec<(u8, &String)> {
        let tags = text.tags.iter();
        let found = tags.filter_map(|tag| match tag.tag {
            Tag::Ordinal(place) => {
                let (_, stem) = text.stems.iter().find(|(word, _)| *word == tag.to)?;
                Some((place, stem))
            }
            _ => None,
        });
        found.collect()
    }
    let own = places(&reading.texts[piece]);
    if own.is_empty() {
        return;
    }
    let sentences = reading
        .ground
        .papers
        .iter()
        .flat_map(|paper| &paper.sentences);
    let known: Vec<(u8, &String)> = sentences
        .flat_map(|sentence| places(&sentence.text))
        .collect();
    for (place, stem) in own {
        let mut alike = known.iter().filter(|(_, other)| *other == stem).peekable();
        if alike.peek().is_some() && alike.all(|(other, _)| *other != place) {
            finding.issues.push(at(
                reading,
                piece,
                Category::Accuracy,
                Severity::Critical,
                format!("the source names another place in this order ({stem})"),
                "Say what the source says",
            ));
            return;
        }
    }
}

/// Words of a point above which a clause that has them all is one by accident.
const WORDS: usize = 3;

/// Whether a sentence affirms what the nearest sentence of a document denies, or the reverse.
pub(super) fn denied(reading: &Reading<'_>, piece: usize, finding: &mut Finding) {
    let text = &reading.texts[piece];
    // "In the cabins yes, for seats no" denies what was asked, and no sentence that speaks of seats.
    if text.has(Sense::Yes) && text.has(Sense::No) {
        return;
    }
    for paper in reading.ground.papers.iter() {
        for (start, end) in clause_spans(text) {
            let mut senses = text.senses();
            if senses.any(|(sense, place)| sense == Sense::Only && (start..end).contains(&place)) {
                continue;
            }
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
            let near = paper.nearest(&stems);
            // A figure of the clause tells which sentence is meant.
            let numbers = text.numbers.iter();
            let numbers: Vec<_> = numbers
                .filter(|number| (start..end).contains(&number.start))
                .collect();
            let says = |at: usize| {
                let mut numbers = numbers.iter();
                numbers.any(|number| paper.sentences[at].says(number).is_some())
            };
            let said = near.iter().find(|(at, _)| says(*at));
            let Some((best, _)) = said.or(near.first()).copied() else {
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
            // "What is not covered?" "Damage by frost": the answer goes on with the question's own denial.
            let asked = &reading.ground.asked.text;
            if !own && denies(asked, 0, asked.raw.len() + 1) {
                continue;
            }
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
            // "Driving: not while you need crutches" denies as much as "do not drive while you need crutches".
            let (all, whole) = (text.raw.len() + 1, sentence.text.raw.len() + 1);
            let as_much = denies(text, 0, all) == denies(&sentence.text, 0, whole);
            let same_side = !sides(text, start, end).is_disjoint(&sides(&sentence.text, 0, whole));
            let limits = limited_alike(text, &sentence.text);
            let lacks = match other {
                true => lacked(&sentence.text, &stems),
                false => lacked(text, &sentence.own),
            };
            let against = own != other && !as_much && !same_side && !limits && !lacks;
            if here >= 2 && here * 10 >= shared * 7 && against {
                finding
                    .issues
                    .push(opposite(reading, piece, Some(paper.quoted(best))));
                return;
            }
        }
    }
}

/// "Never more than 30 seconds" and "never let it run for more than 30 seconds": the same limit, of which one is said by a denial.
fn limited_alike(text: &Text, source: &Text) -> bool {
    use crate::numeral::Bound;
    let bound = |text: &Text, number: &crate::numeral::Number| {
        let turned = text.has(Sense::Negation) && number.bound == Some(Bound::Above);
        turned || number.bound == Some(Bound::Below)
    };
    text.numbers.iter().any(|number| {
        let mut own = source.numbers.iter();
        own.any(|own| {
            crate::equal::same(number, own)
                && bound(text, number)
                && bound(source, own)
                && number.bound != own.bound
        })
    })
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
    let Some((piece, yes)) = decision(reading) else {
        return;
    };
    if asks_the_source(reading) {
        told_by_source(reading, piece, yes, finding);
        return;
    }
    let asks = |text: &Text| questions.iter().any(|sense| text.has(*sense));
    // "Does it renew itself, and when can I ask for a new one?": the first of what is asked is what a yes is said to.
    let asked = match reading.ground.asked.points.as_slice() {
        [first, _, ..] if asks(asked) => &first.text,
        _ => asked,
    };
    if asks(asked) {
        return;
    }
    let stems: std::collections::HashSet<String> =
        asked.stems.iter().map(|(_, stem)| stem.clone()).collect();
    let inner = denies(asked, 0, usize::MAX);
    for paper in reading.ground.papers.iter() {
        let Some((best, _)) = paper.nearest(&stems).first().copied() else {
            continue;
        };
        let sentence = &paper.sentences[best];
        let known = stems.iter().filter(|stem| paper.knows(stem)).count();
        // A word of the question that stands elsewhere only may decide it there: "do not put it in the dishwasher".
        let whole = stems
            .iter()
            .all(|stem| !paper.knows(stem) || sentence.stems.contains(stem));
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
        // "The permit holds for a year and is not renewed": a clause goes on with what the sentence began with.
        let before = stems_of(&sentence.text, 0, to);
        let rarest = stems
            .iter()
            .max_by(|one, other| paper.weight(one).total_cmp(&paper.weight(other)));
        let goes_on = here * 2 >= stems.len()
            && stems.iter().all(|stem| before.contains(stem))
            && rarest.is_some_and(|stem| stems_of(&sentence.text, from, to).contains(stem));
        // A clause that has less than most of the question's words bears nothing out.
        if affirms == yes && here * 2 > stems.len() {
            finding.claims += 1;
            finding.supported += 1;
        } else if affirms == yes {
            return;
        } else if !limited
            && (here * 3 >= stems.len() * 2 || goes_on)
            && whole
            // A figure of the question decides by its size.
            && asked.numbers.is_empty()
        {
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

/// Whether a table tells why something is so: none does, whatever the answer says.
fn told_by_source(reading: &Reading<'_>, piece: usize, yes: bool, finding: &mut Finding) {
    finding.claims += 1;
    if !yes {
        finding.supported += 1;
        return;
    }
    finding.issues.push(at(
        reading,
        piece,
        Category::Accuracy,
        Severity::Critical,
        "no table tells a reason",
        "Say that the data does not tell it",
    ));
}

/// Whether a point of the goal is affirmed where the source denies it, or the reverse: "it can be reserved" where it cannot.
pub(super) fn answered(reading: &Reading<'_>, finding: &mut Finding) {
    for point in &reading.ground.asked.points {
        let wanted: BTreeSet<&String> = point.text.stems.iter().map(|(_, stem)| stem).collect();
        if !matches!(point.need, Need::Topic | Need::Date)
            || wanted.is_empty()
            || wanted.len() > WORDS
        {
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
                .map(|(from, to)| {
                    // "Driving: not while you need crutches": what a colon follows goes on behind it.
                    let label = text
                        .raw
                        .get(to - 1..)
                        .is_some_and(|rest| rest.starts_with(':'))
                        || text.raw.get(to..).is_some_and(|rest| rest.starts_with(' '))
                            && text.raw.get(..to).is_some_and(|head| head.ends_with(':'));
                    let to = if label { text.raw.len() + 1 } else { to };
                    denies(text, from, to) != inner
                })
                .collect()
        };
        let mut told: BTreeSet<bool> = BTreeSet::new();
        let mut place = None;
        // "Nothing is charged" denies and says what "free of charge" says.
        let mut stands = BTreeSet::new();
        for paper in reading.ground.papers.iter() {
            for (at, sentence) in paper.sentences.iter().enumerate() {
                let own = sides(&sentence.text);
                if !own.is_empty() {
                    stands.extend(whole(&sentence.text));
                    place.get_or_insert_with(|| paper.quoted(at));
                    told.extend(own);
                }
            }
        }
        let [source] = told.iter().copied().collect::<Vec<bool>>()[..] else {
            continue;
        };
        for piece in reading.said() {
            let text = &reading.texts[piece];
            let own = sides(text);
            let sentences = reading
                .ground
                .papers
                .iter()
                .flat_map(|paper| &paper.sentences);
            let limits = || sentences.clone().any(|own| limited_alike(text, &own.text));
            let denied = || denied_word(text, 0, text.raw.len() + 1);
            let alike = || {
                denied().is_some_and(|word| is_a_side(text, word))
                    && !stands.is_disjoint(&whole(text))
            };
            if own.len() == 1 && own.contains(&!source) && !limits() && !alike() {
                finding.issues.push(opposite(reading, piece, place.clone()));
                break;
            }
        }
    }
}

/// Whether a clause says the opposite of what the nearest clause of a document says: open and closed.
pub(super) fn opposed(reading: &Reading<'_>, piece: usize, finding: &mut Finding) {
    let text = &reading.texts[piece];
    for (start, end) in clause_spans(text) {
        // What speaks of both sides, as of trips at home and abroad, is on neither.
        let whole = sides(text, 0, text.raw.len() + 1);
        let mut own = sides(text, start, end);
        own.retain(|(pair, side)| text.numbers.len() < 2 || !whole.contains(&(*pair, !side)));
        if own.is_empty() {
            continue;
        }
        let words = marks(text, start, end);
        // Of what it speaks more than any other sentence does.
        let most = reading
            .ground
            .papers
            .iter()
            .flat_map(|paper| &paper.sentences)
            .map(|sentence| {
                let whole = marks(&sentence.text, 0, sentence.text.raw.len() + 1);
                whole.intersection(&words).count()
            })
            .max()
            .unwrap_or(0);
        let sentences = reading
            .ground
            .papers
            .iter()
            .flat_map(|paper| (0..paper.sentences.len()).map(move |at| (paper, at)));
        for (paper, place) in sentences {
            let sentence = &paper.sentences[place];
            for (from, to) in clause_spans(&sentence.text) {
                // "No open fire" and "open fires are forbidden" both deny.
                if denies(text, start, end) && denies(&sentence.text, from, to) {
                    continue;
                }
                let theirs = sides(&sentence.text, from, to);
                let against = own.iter().any(|(pair, side)| {
                    let one = |sides: &BTreeSet<(u8, bool)>, side: bool| {
                        sides.contains(&(*pair, side)) && !sides.contains(&(*pair, !side))
                    };
                    one(&own, *side) && one(&theirs, !side)
                });
                let shared = marks(&sentence.text, from, to).intersection(&words).count();
                let whole = marks(&sentence.text, 0, sentence.text.raw.len() + 1);
                let best = whole.intersection(&words).count() == most;
                if against && best && shared > 0 && shared * 2 >= words.len().min(4) {
                    finding
                        .issues
                        .push(opposite(reading, piece, Some(paper.quoted(place))));
                    return;
                }
            }
        }
    }
}

/// Whether a sentence as a whole stands on one side of two and the sentence of a source that has most of its words on the other:
/// "unanimously approved" where some were against.
pub(super) fn opposed_as_a_whole(reading: &Reading<'_>, piece: usize, finding: &mut Finding) {
    let text = &reading.texts[piece];
    let all = |text: &Text| (0, text.raw.len() + 1);
    let (from, to) = all(text);
    let own = sides(text, from, to);
    let words = marks(text, from, to);
    // What is denied, or tied to a condition, stands on neither side for sure.
    let plain = |text: &Text| {
        let unsure = [Sense::Negation, Sense::Only, Sense::AtMost, Sense::AtLeast];
        !unsure.iter().any(|sense| text.has(*sense))
    };
    if own.is_empty() || words.len() < LEAST || !plain(text) {
        return;
    }
    let one = |sides: &BTreeSet<(u8, bool)>, pair: u8, side: bool| {
        sides.contains(&(pair, side)) && !sides.contains(&(pair, !side))
    };
    for paper in reading.ground.papers.iter() {
        for (place, sentence) in paper.sentences.iter().enumerate() {
            let (from, to) = all(&sentence.text);
            let shared = marks(&sentence.text, from, to).intersection(&words).count();
            if shared < LEAST || shared * 4 < words.len() * 3 || !plain(&sentence.text) {
                continue;
            }
            let theirs = sides(&sentence.text, from, to);
            let against = own
                .iter()
                .any(|(pair, side)| one(&own, *pair, *side) && one(&theirs, *pair, !side));
            if against {
                finding
                    .issues
                    .push(opposite(reading, piece, Some(paper.quoted(place))));
                return;
            }
        }
    }
}

/// Words that two sentences share at least to be about the same.
const LEAST: usize = 3;

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
