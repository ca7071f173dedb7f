//! What answers a point of a goal about documents.

use std::collections::{BTreeSet, HashSet};

use aios_languages::{Sense, Tag};

use super::amounts::{amounts, is_mark};
use super::{explanations, said_words, short};
use crate::explain::Form;
use crate::goal::{Asked, Need, Point};
use crate::of_it::FREE;
use crate::paper::Paper;
use crate::reading::Reading;
use crate::unit::Kind as UnitKind;

pub(super) fn by_papers(
    reading: &Reading<'_>,
    point: &Point,
    papers: &[Paper],
    durations: usize,
) -> bool {
    if short::misses_the_step(reading, point, papers) {
        return false;
    }
    if short::answers(reading, point, papers) {
        return true;
    }
    let numbers = |fits: fn(&UnitKind) -> bool| {
        let found = reading
            .claims
            .iter()
            .filter(|claim| !claim.found.is_empty());
        let values: BTreeSet<String> = found
            .map(|claim| reading.number(claim))
            .filter(|number| number.unit.as_ref().is_some_and(|unit| fits(&unit.kind)))
            .map(|number| {
                format!(
                    "{:?}",
                    number
                        .readings
                        .first()
                        .map(|reading| reading.value.to_bits())
                )
            })
            .collect();
        values.len()
    };
    let near = || {
        points_where(reading, point, papers)
            || shares_a_part(reading, point, papers)
            || beside(reading, point, papers)
    };
    let rests = places(reading, papers);
    let asked = &reading.ground.asked;
    let targets = told_at(point, asked, papers);
    let mut told = false;
    if let Some(targets) = &targets {
        let others = reading.ground.asked.points.iter();
        let theirs: HashSet<usize> = others
            .filter(|other| !std::ptr::eq(*other, point))
            .filter_map(|other| told_at(other, asked, papers))
            .flatten()
            .collect();
        // What one sentence begins the next may end, where no other point is about that one.
        let goes_on = |at: &usize| {
            let before = at.checked_sub(1).filter(|before| targets.contains(before));
            let next = before.is_some_and(|before| same_block(papers, before, *at));
            // Nor does a paragraph need to say again what it is about: what was decided stands sentences behind the question.
            let further = || {
                let mut before = targets.iter().filter(|target| *target < at);
                let near = before.any(|target| same_block(papers, *target, *at));
                near && shares_a_word(point, papers, *at)
            };
            !theirs.contains(at) && (next || further())
        };
        // What was worked out rests on no sentence in particular.
        let anywhere = |at: &usize| *at == usize::MAX;
        let there = rests
            .iter()
            .any(|at| anywhere(at) || targets.contains(at) || goes_on(at));
        told = there;
        let answered = there || (rests.is_empty() && near());
        let half = |at: &usize| half_told(reading, point, papers, *at);
        if !answered || targets.iter().all(half) {
            return false;
        }
    }
    // "How much luggage may I bring?" asks for no money where the source tells of none.
    let priced = targets.is_none_or(|targets| {
        let sentences = papers.iter().take(1).flat_map(|paper| &paper.sentences);
        let mut own = sentences.enumerate().filter(|(at, _)| targets.contains(at));
        own.any(|(_, sentence)| {
            let mut numbers = sentence.text.numbers.iter();
            let free = sentence
                .text
                .tags
                .iter()
                .any(|tag| matches!(tag.tag, Tag::Opposite(..)));
            free || numbers.any(|number| {
                let unit = number.unit.as_ref();
                unit.is_some_and(|unit| unit.is_money() || unit.is_share())
            })
        })
    });
    match point.need {
        Need::Duration => {
            let said = numbers(|kind| matches!(kind, UnitKind::Time | UnitKind::Calendar));
            said >= durations
                || (said > 0 && near())
                || (dated(reading) && near())
                || (none_has(papers, |kind| {
                    matches!(kind, UnitKind::Time | UnitKind::Calendar)
                }) && near())
        }
        Need::Money if priced => {
            let money: fn(&UnitKind) -> bool =
                |kind| matches!(kind, UnitKind::Money(_) | UnitKind::Cents);
            let free = said_words(reading).any(|text| {
                text.tags
                    .iter()
                    .any(|tag| matches!(tag.tag, Tag::Opposite(INCLUDED | FREE, _)))
            });
            // "How much luggage may I bring?" is answered by another amount.
            let other = || reading.claims.iter().any(|claim| !claim.found.is_empty());
            // "For a member, and for a guest" asks for two amounts, unless one is said to hold for all.
            let level = [Sense::Whole, Sense::Per, Sense::Rest];
            let level = level
                .iter()
                .any(|sense| said_words(reading).any(|text| text.has(*sense)));
            if point.many > 1 && !level {
                return numbers(money) + usize::from(free) >= point.many;
            }
            numbers(money) > 0 || ((free || none_has(papers, money) || other()) && near())
        }
        Need::Date => dated(reading) || near(),
        Need::Count => reading.claims.iter().any(|claim| !claim.found.is_empty()) || near(),
        _ => told || near(),
    }
}

/// Whether a sentence of the first source has a word of a point that is not what all of it is about.
fn shares_a_word(point: &Point, papers: &[Paper], at: usize) -> bool {
    let Some(paper) = papers.first() else {
        return false;
    };
    let sentence = paper.sentences.get(at);
    let called = point.text.stems.iter().any(|(_, stem)| is_mark(stem));
    !called
        && sentence.is_some_and(|sentence| {
            let mut stems = point.text.stems.iter();
            stems.any(|(_, stem)| !paper.title.contains(stem) && sentence.own.contains(stem))
        })
}

fn same_block(papers: &[Paper], one: usize, other: usize) -> bool {
    let block = |at: usize| Some(papers.first()?.sentences.get(at)?.block);
    block(one) == block(other)
}

/// Whether a sentence of the source has a clause of its own for a point, beside one for another point, and the answer tells nothing of it:
/// "helmets are included" of "helmets are included; panniers are not".
fn half_told(reading: &Reading<'_>, point: &Point, papers: &[Paper], at: usize) -> bool {
    let Some(sentence) = papers.first().and_then(|paper| paper.sentences.get(at)) else {
        return false;
    };
    let text = &sentence.text;
    let stems = |point: &Point| -> HashSet<String> {
        let all = point.text.stems.iter().map(|(_, stem)| stem.clone());
        all.filter(|stem| sentence.own.contains(stem)).collect()
    };
    let mut own = stems(point);
    let mut theirs: HashSet<String> = HashSet::new();
    for other in &reading.ground.asked.points {
        if !std::ptr::eq(other, point) {
            theirs.extend(stems(other));
        }
    }
    own.retain(|stem| !theirs.contains(stem));
    let has = |(from, to): &(usize, usize), wanted: &HashSet<String>| {
        let mut here = crate::clause::stems_of(text, *from, *to).into_iter();
        here.any(|stem| wanted.contains(stem))
    };
    let spans = crate::clause::clause_spans(text);
    // A word that stands with the other's tells neither from the other.
    own.retain(|stem| {
        let one = HashSet::from([stem.clone()]);
        !spans
            .iter()
            .any(|span| has(span, &one) && has(span, &theirs))
    });
    if own.is_empty() || theirs.is_empty() {
        return false;
    }
    let mine: Vec<(usize, usize)> = spans
        .iter()
        .copied()
        .filter(|span| has(span, &own) && !has(span, &theirs))
        .collect();
    let apart = spans
        .iter()
        .any(|span| has(span, &theirs) && !has(span, &own));
    if mine.is_empty() || !apart {
        return false;
    }
    let within = |place: usize| mine.iter().any(|(from, to)| (*from..*to).contains(&place));
    let numbers: Vec<_> = text
        .numbers
        .iter()
        .filter(|number| within(number.start))
        .collect();
    let clocks: Vec<u16> = sentence
        .clocks
        .iter()
        .filter(|(place, _)| within(*place))
        .map(|(_, minute)| *minute)
        .collect();
    let told = |said: &crate::text::Text| {
        said.stems.iter().any(|(_, stem)| own.contains(stem))
            || said
                .numbers
                .iter()
                .any(|number| numbers.iter().any(|own| crate::equal::same(number, own)))
            || crate::paper::clocks(said)
                .iter()
                .any(|(_, minute)| clocks.contains(minute))
            || !said.moments.is_empty()
            || [Sense::Only, Sense::Whole, Sense::Per, Sense::Rest]
                .iter()
                .any(|sense| said.has(*sense))
    };
    !said_words(reading).any(told)
}

/// Words that ask, or say what is to be done with what is asked about.
const ASKS: [Sense; 9] = [
    Sense::Meta,
    Sense::Describe,
    Sense::AskCount,
    Sense::AskDate,
    Sense::AskDuration,
    Sense::AskMoney,
    Sense::AskPerson,
    Sense::AskPlace,
    Sense::AskWhich,
];

/// In how many sentences a word stands that tells one of them from the others.
const RARE: usize = 2;

/// The sentences of the first source that surely speak of a point: they have most of what the point says that the source knows, and more
/// than a word that stands everywhere. None where the point's words are not the source's.
fn told_at(point: &Point, asked: &Asked, papers: &[Paper]) -> Option<HashSet<usize>> {
    let paper = papers.first()?;
    let about = |word: usize| {
        let mut tags = point.text.tags.iter();
        !tags.any(|tag| {
            tag.from <= word
                && word < tag.to
                && matches!(tag.tag, Tag::Sense(sense) if ASKS.contains(&sense))
        })
    };
    let mut words: HashSet<&String> = point
        .text
        .stems
        .iter()
        .filter(|(word, _)| about(*word))
        .map(|(_, stem)| stem)
        .filter(|stem| !paper.title.contains(*stem))
        .collect();
    // "..., and what does it cost?" asks about what the other points name.
    let several = asked.points.len() > 1;
    let price = Tag::Concept(aios_languages::concept_number("price"));
    let priced = |word: usize| {
        let mut tags = point.text.tags.iter();
        tags.any(|tag| {
            let money = tag.tag == price || tag.tag == Tag::Sense(Sense::NounMoney);
            money && tag.from <= word && word < tag.to
        })
    };
    let bare = point
        .text
        .stems
        .iter()
        .all(|(word, _)| !about(*word) || priced(*word));
    if point.need == Need::Money && several && bare {
        words.extend(asked.text.stems.iter().map(|(_, stem)| stem));
        let found = amounts(paper, &words);
        return (!found.is_empty()).then_some(found);
    }
    let known: HashSet<&String> = words
        .iter()
        .copied()
        .filter(|stem| paper.knows(stem))
        .collect();
    let fitting = match point.need {
        Need::Money => {
            // The word that asks for the price is that of the sentence that gives it: "the fee is 48 EUR a year".
            let stems = point.text.stems.iter().map(|(_, stem)| stem);
            let own = stems.filter(|stem| !paper.title.contains(*stem));
            amounts(paper, &words.iter().copied().chain(own).collect())
        }
        _ => HashSet::new(),
    };
    let all: f64 = known.iter().map(|stem| paper.weight(stem)).sum();
    let shared = |at: usize| -> (f64, usize, bool) {
        let own = &paper.sentences[at].own;
        let here = known.iter().filter(|stem| own.contains(**stem));
        here.fold((0.0, 0, false), |(sum, many, rare), stem| {
            let tells = paper.count(stem) <= RARE;
            (sum + paper.weight(stem), many + 1, rare || tells)
        })
    };
    let places = 0..paper.sentences.len();
    let best = places
        .clone()
        .map(shared)
        .fold(0.0, |best: f64, (sum, ..)| best.max(sum));
    let telling = |at: &usize| {
        let (sum, many, rare) = shared(*at);
        sum >= best * 0.7 && (many > 1 || rare)
    };
    // More than half of what it says is in words of the source.
    let sure = best > 0.0 && best >= all * 0.5 && known.len() * 2 > words.len();
    let mut found: HashSet<usize> = places.filter(telling).collect();
    // Whose heading speaks of the point does so too: the cells of a row.
    let headed = (0..paper.sentences.len()).filter(|at| {
        let mut heads = paper.sentences[*at].heads.iter();
        heads.any(|head| found.contains(head))
    });
    let headed: Vec<usize> = headed.collect();
    found.extend(headed);
    found.extend(fitting);
    // "What does E2 mean?" is about what is called so, and about nothing that stands in the same list.
    let called = known
        .iter()
        .filter(|stem| is_mark(stem) && paper.count(stem) <= RARE);
    let called: Vec<&&String> = called.collect();
    if !called.is_empty() {
        found.retain(|at| {
            let own = &paper.sentences[*at].own;
            called.iter().any(|stem| own.contains(**stem))
        });
        found.extend((0..paper.sentences.len()).filter(|at| {
            let own = &paper.sentences[*at].own;
            called.iter().any(|stem| own.contains(**stem))
        }));
        return (!found.is_empty()).then_some(found);
    }
    (sure && !found.is_empty()).then_some(found)
}

/// The pair of opposites of what is included.
const INCLUDED: u8 = 2;

/// The sentences that say the same by a word that has an opposite, as a short answer does: "it is lost" of "it is kept by the club".
fn on_its_side<'r>(reading: &'r Reading<'_>, paper: &'r Paper) -> impl Iterator<Item = usize> + 'r {
    let own: BTreeSet<(u8, bool)> = said_words(reading)
        .filter(|text| text.stems.len() < SHORT)
        .flat_map(|text| crate::clause::sides(text, 0, text.raw.len() + 1))
        .collect();
    let whole = move |at: usize| {
        let text = &paper.sentences[at].text;
        crate::clause::sides(text, 0, text.raw.len() + 1)
    };
    (0..paper.sentences.len()).filter(move |at| !whole(*at).is_disjoint(&own))
}

/// Words of an answer that is short.
const SHORT: usize = 3;

/// The sentences of the first source that the answer rests on.
fn places(reading: &Reading<'_>, papers: &[Paper]) -> HashSet<usize> {
    let mut found: HashSet<usize> = explanations(reading)
        .filter(|(_, found)| found.form == Form::Said)
        .filter_map(|(_, found)| found.measure)
        .collect();
    let Some(paper) = papers.first() else {
        return found;
    };
    let spans = said_words(reading).flat_map(|text| {
        let whole = std::iter::once((0, text.raw.len() + 1));
        let clauses = crate::clause::clause_spans(text);
        let clauses = clauses.into_iter().filter(|(from, to)| {
            // A clause with a figure rests on the sentence that has it.
            let mut numbers = text.numbers.iter();
            !numbers.any(|number| (*from..*to).contains(&number.start))
        });
        let all: Vec<(usize, usize)> = whole.chain(clauses).collect();
        all.into_iter().map(move |(from, to)| (text, from, to))
    });
    for (text, from, to) in spans {
        let own: HashSet<String> = crate::clause::stems_of(text, from, to)
            .into_iter()
            .cloned()
            .collect();
        // One word tells a sentence only if it stands nowhere else.
        let telling = own.iter().any(|stem| paper.count(stem) == 1);
        if own.is_empty() || (own.len() < 2 && !telling) {
            continue;
        }
        let near = paper.nearest(&own);
        let top = near.first().map_or(0.0, |(_, overlap)| *overlap);
        // Of several that it may rest on each counts.
        let alike = near.iter().take_while(|(_, overlap)| *overlap >= top * 0.8);
        for (at, _) in alike.take(3) {
            let held = &paper.sentences[*at].own;
            let shared = own.iter().filter(|stem| held.contains(*stem)).count();
            if shared * 2 >= own.len() {
                found.insert(*at);
            }
        }
    }
    found.extend(on_its_side(reading, paper));
    // Times of day rest on the sentence that has them.
    let times: HashSet<u16> = said_words(reading)
        .flat_map(crate::paper::clocks)
        .map(|(_, minute)| minute)
        .collect();
    let days: Vec<_> = said_words(reading).flat_map(|text| &text.moments).collect();
    found.extend((0..paper.sentences.len()).filter(|at| {
        let mut told = paper.sentences[*at].text.moments.iter();
        told.any(|own| {
            own.moment.day.is_some() && days.iter().any(|day| day.moment.day == own.moment.day)
                || own.moment.minute.is_some()
                    && days
                        .iter()
                        .any(|day| day.moment.minute == own.moment.minute)
        })
    }));
    found.extend((0..paper.sentences.len()).filter(|at| {
        let own = &paper.sentences[*at].clocks;
        own.iter()
            .filter(|(_, minute)| times.contains(minute))
            .count()
            > 1
    }));
    found
}

/// Whether the answer rests on a sentence that stands right beside one about the point and that no other point is about: what happens after
/// wrong passwords is told where passwords are, in other words.
fn beside(reading: &Reading<'_>, point: &Point, papers: &[Paper]) -> bool {
    let Some(paper) = papers.first() else {
        return false;
    };
    let targets = |point: &Point| -> HashSet<usize> {
        let wanted: HashSet<String> = point
            .text
            .stems
            .iter()
            .map(|(_, stem)| stem.clone())
            .collect();
        let near = paper.nearest(&wanted);
        let best = near.first().map_or(0.0, |(_, overlap)| *overlap);
        let close = near
            .iter()
            .take(3)
            .filter(|(_, overlap)| *overlap >= best * 0.6);
        close.map(|(at, _)| *at).collect()
    };
    let own = targets(point);
    let points = &reading.ground.asked.points;
    let others: HashSet<usize> = points
        .iter()
        .filter(|other| !std::ptr::eq(*other, point))
        .flat_map(targets)
        .collect();
    if points.len() == 1 && places(reading, papers).iter().any(|at| own.contains(at)) {
        return true;
    }
    places(reading, papers)
        .into_iter()
        .filter(|at| !others.contains(at))
        .any(|at| {
            own.iter().any(|target| {
                at.abs_diff(*target) <= 1
                    && paper.sentences.get(at).map(|one| one.block)
                        == paper.sentences.get(*target).map(|one| one.block)
            })
        })
}

/// Whether a word of the point is a part of one of the answer, or has one for its part: "copies" and "photocopies".
fn shares_a_part(reading: &Reading<'_>, point: &Point, papers: &[Paper]) -> bool {
    let titles: HashSet<&String> = papers.iter().flat_map(|paper| &paper.title).collect();
    // "Summarise the minutes in three bullets": neither what is to be done with it nor its form is what it is about.
    let formal: HashSet<usize> = point
        .text
        .tags
        .iter()
        .filter(|tag| {
            matches!(
                tag.tag,
                Tag::Sense(
                    Sense::Describe
                        | Sense::FormBullet
                        | Sense::FormSentence
                        | Sense::FormLine
                        | Sense::FormWord
                        | Sense::FormParagraph
                        | Sense::FormTable
                        | Sense::FormLetter
                        | Sense::FormReview
                        | Sense::Meta
                ) | Tag::Number(_)
            )
        })
        .flat_map(|tag| tag.from..tag.to)
        .collect();
    let described = point.text.has(Sense::Describe) || point.text.has(Sense::FormReview);
    let stems: Vec<&String> = point
        .text
        .stems
        .iter()
        .filter(|(word, _)| !described || !formal.contains(word))
        .map(|(_, stem)| stem)
        .collect();
    // "Summarise the decisions of the committee": of what all is about, in words of the goal's own.
    let foreign = || {
        stems
            .iter()
            .all(|stem| titles.contains(*stem) || papers.iter().all(|paper| !paper.knows(stem)))
    };
    if described && foreign() {
        return verified_or_borne(reading);
    }
    if !stems.is_empty() && stems.iter().all(|stem| titles.contains(stem)) {
        // What is asked about is what all of it is about.
        return verified_or_borne(reading);
    }
    let mut wanted = stems.into_iter();
    wanted.any(|wanted| {
        wanted.chars().count() > 3
            && !titles.contains(wanted)
            && said_words(reading).any(|text| {
                let mut own = text.stems.iter();
                own.any(|(_, stem)| stem.contains(wanted.as_str()))
            })
    })
}

/// Whether anything in the answer is what a source says.
fn verified_or_borne(reading: &Reading<'_>) -> bool {
    let papers = &reading.ground.papers;
    explanations(reading).any(|(_, found)| found.form == Form::Said)
        || !places(reading, papers).is_empty()
}

/// How many clauses of the answer say something.
fn clauses_said(reading: &Reading<'_>) -> usize {
    let of = |text: &crate::text::Text| {
        let spans = crate::clause::clause_spans(text).into_iter();
        spans
            .filter(|(from, to)| {
                let within = |place: usize| (*from..*to).contains(&place);
                let mut stems = text.stems.iter();
                stems.any(|(word, _)| within(text.words[*word].start))
                    || text.numbers.iter().any(|number| within(number.start))
            })
            .count()
    };
    said_words(reading).map(of).sum()
}

fn none_has(papers: &[Paper], fits: fn(&UnitKind) -> bool) -> bool {
    let mut numbers = papers
        .iter()
        .flat_map(|paper| &paper.sentences)
        .flat_map(|sentence| &sentence.text.numbers);
    !numbers.any(|number| number.unit.as_ref().is_some_and(|unit| fits(&unit.kind)))
}

fn dated(reading: &Reading<'_>) -> bool {
    said_words(reading).any(|text| !text.moments.is_empty())
}

/// Whether the answer speaks of what the sources say to a point.
fn points_where(reading: &Reading<'_>, point: &Point, papers: &[Paper]) -> bool {
    let wanted: HashSet<String> = point
        .text
        .stems
        .iter()
        .map(|(_, stem)| stem.clone())
        .collect();
    let concepts: HashSet<u32> = point.text.concepts().collect();
    let mut told = false;
    for paper in papers {
        // Words of what all of it is about lead nowhere.
        let leads = wanted
            .iter()
            .any(|stem| paper.knows(stem) && !paper.title.contains(stem));
        let about = |sentence: &crate::paper::Sentence| {
            let mut known = concepts.iter();
            known.any(|concept| sentence.concepts.contains(concept))
        };
        if !leads && !paper.sentences.iter().any(about) {
            continue;
        }
        // Nor do they tell one of its sentences from another.
        let own: HashSet<String> = wanted
            .iter()
            .filter(|stem| !paper.title.contains(*stem))
            .cloned()
            .collect();
        let telling = if own.is_empty() { &wanted } else { &own };
        let mut near: Vec<(usize, f64)> = paper
            .sentences
            .iter()
            .enumerate()
            .map(|(at, sentence)| {
                let shared = concepts
                    .iter()
                    .filter(|concept| sentence.concepts.contains(concept))
                    .count();
                (at, paper.overlap(sentence, telling) + 0.7 * shared as f64)
            })
            .filter(|(_, overlap)| *overlap > 0.0)
            .collect();
        near.sort_by(|a, b| b.1.total_cmp(&a.1));
        let Some((_, best)) = near.first().copied() else {
            continue;
        };
        told = true;
        let targets: Vec<usize> = near
            .iter()
            .take(4)
            .filter(|(_, overlap)| *overlap >= best * 0.5)
            .map(|(at, _)| *at)
            .collect();
        let held = explanations(reading).any(|(_, found)| {
            found.form == Form::Said && found.measure.is_some_and(|at| targets.contains(&at))
        });
        if held {
            return true;
        }
        let clauses = said_words(reading).flat_map(|text| {
            let ends = text.clauses.iter().skip(1).copied().chain([usize::MAX]);
            text.clauses
                .iter()
                .copied()
                .zip(ends)
                .map(move |(start, end)| (text, start, end))
                .chain([(text, 0, usize::MAX)])
        });
        for (text, start, end) in clauses {
            let within = text
                .stems
                .iter()
                .filter(|(word, _)| (start..end).contains(&text.words[*word].start));
            let own: HashSet<String> = within.map(|(_, stem)| stem.clone()).collect();
            let nearest = paper.nearest(&own);
            let Some((_, top)) = nearest.first().copied() else {
                continue;
            };
            let touches = nearest.iter().take(3).any(|(at, overlap)| {
                let sentence = &paper.sentences[*at];
                let all: f64 = sentence.own.iter().map(|stem| paper.weight(stem)).sum();
                let asked = own
                    .iter()
                    .any(|stem| wanted.contains(stem) && sentence.own.contains(stem));
                *overlap >= top * 0.6 && targets.contains(at) && (asked || *overlap >= all * 0.45)
            });
            if touches {
                return true;
            }
        }
    }
    // Nothing in the sources speaks of it, as of "what happens then": whatever goes beyond the other points answers it.
    let others = reading.ground.asked.points.len() > 1;
    let figures = reading
        .claims
        .iter()
        .filter(|claim| !claim.found.is_empty());
    let said = clauses_said(reading).max(figures.count());
    (!told && (!others || said >= reading.ground.asked.points.len()))
        || (wanted.len() > 1 && {
            let said: HashSet<&str> = said_words(reading)
                .flat_map(|text| text.stems.iter().map(|(_, stem)| stem.as_str()))
                .collect();
            wanted.iter().all(|stem| said.contains(stem.as_str()))
        })
}
