//! A document as the judge reads it: sentences with their words, numbers and headings.

use std::collections::{HashMap, HashSet};

use aios_languages::{Lexicon, Tag};

use crate::answer::{Answer, Kind};
use crate::clause::{self, Part};
use crate::equal::{clock, same};
use crate::numeral::Number;
use crate::text::{Names, Text};
use crate::way;

/// The last line on which a title begins.
const TITLE: usize = 3;

/// Letters of a word that may be put together of others, and of each of these.
const LONG: usize = 8;
const PART: usize = 4;

/// A document.
pub(crate) struct Paper {
    pub name: String,
    pub sentences: Vec<Sentence>,
    /// The stems of its title: what all of it is about.
    pub title: HashSet<String>,
    /// In how many sentences a stem stands.
    counts: HashMap<String, usize>,
    /// Every run of digits in it: numbers of sections and lists too.
    marks: HashSet<String>,
}

/// A sentence of a document.
pub(crate) struct Sentence {
    pub text: Text,
    pub line: usize,
    /// Its stems and those of the headings over it.
    pub stems: HashSet<String>,
    /// Its own stems.
    pub own: HashSet<String>,
    /// Those of the sentence before it, in the same paragraph.
    pub before: HashSet<String>,
    /// Which paragraph it stands in.
    pub block: usize,
    /// The sentences that head it: the first cell of its row, a heading.
    pub heads: Vec<usize>,
    /// What its words are about.
    pub concepts: HashSet<u32>,
    /// Its parts between commas, with what each denies.
    pub parts: Vec<Part>,
    /// The times of day that it names, as minutes since midnight, with their places.
    pub clocks: Vec<(usize, u16)>,
    /// Before or after what it puts something, and which of its amounts go up or down.
    pub ways: Vec<way::Side>,
    pub trends: Vec<(usize, bool)>,
}

impl Paper {
    /// Reads Markdown or plain text.
    pub(crate) fn read(name: &str, text: &str, lexicon: &Lexicon) -> Self {
        let answer = Answer::read(text, Some(lexicon));
        let names = Names::default();
        let read: Vec<Text> = answer
            .pieces
            .iter()
            .map(|piece| Text::read(&piece.text, lexicon, &names, &[]))
            .collect();
        let stems = |text: &Text| {
            text.stems
                .iter()
                .map(|(_, stem)| stem.clone())
                .collect::<HashSet<String>>()
        };
        let (mut sentences, mut counts) = (Vec::new(), HashMap::new());
        let mut places: HashMap<usize, usize> = HashMap::new();
        let mut before: Option<(usize, HashSet<String>)> = None;
        for (index, (piece, text)) in answer.pieces.iter().zip(&read).enumerate() {
            if text.is_empty() {
                continue;
            }
            let own = stems(text);
            let mut all = own.clone();
            let over = piece.labels.iter().filter(|label| {
                answer.pieces[**label].kind != Kind::Heading || answer.pieces[**label].line > 1
            });
            for label in over {
                all.extend(stems(&read[*label]));
            }
            for stem in &own {
                *counts.entry(stem.clone()).or_insert(0) += 1;
            }
            let concepts = text.concepts().collect();
            let text = Text::read(&piece.text, lexicon, &names, &[]);
            // "Everybody else pays 15" goes on with what the sentence before speaks of.
            let mut previous = HashSet::new();
            if let Some((block, before)) = before.replace((piece.block, own.clone()))
                && block == piece.block
            {
                previous = before;
            }
            places.insert(index, sentences.len());
            let heads = piece.labels.iter().filter_map(|label| places.get(label));
            sentences.push(Sentence {
                heads: heads.copied().collect(),
                clocks: clocks(&text),
                parts: clause::read(&text),
                ways: way::ways(&text),
                trends: way::trends(&text),
                before: previous,
                block: piece.block,
                text,
                line: piece.line,
                stems: all,
                own,
                concepts,
            });
        }
        let marks = text
            .split(|c: char| !c.is_ascii_digit())
            .filter(|run| !run.is_empty())
            .map(str::to_owned);
        let title = answer
            .pieces
            .iter()
            .zip(&read)
            .find(|(piece, _)| piece.kind == Kind::Heading && piece.line <= TITLE);
        Self {
            name: name.to_owned(),
            title: title.map(|(_, text)| stems(text)).unwrap_or_default(),
            sentences,
            counts,
            marks: marks.collect(),
        }
    }

    /// Whether a stem stands anywhere in it.
    pub(crate) fn knows(&self, stem: &str) -> bool {
        self.counts.contains_key(stem)
    }

    /// In how many sentences a stem stands.
    pub(crate) fn count(&self, stem: &str) -> usize {
        self.counts.get(stem).copied().unwrap_or(0)
    }

    /// Whether digits stand anywhere in it, be it as the number of a section.
    pub(crate) fn has_mark(&self, digits: &str) -> bool {
        self.marks.contains(digits)
    }

    /// How much a stem tells one sentence from the others, above 0.
    pub(crate) fn weight(&self, stem: &str) -> f64 {
        let count = self.counts.get(stem).copied().unwrap_or(0) as f64;
        (1.0 + self.sentences.len() as f64 / (1.0 + count)).ln()
    }

    /// How well a sentence answers to some stems.
    pub(crate) fn overlap(&self, sentence: &Sentence, stems: &HashSet<String>) -> f64 {
        stems
            .iter()
            .map(|stem| {
                let weight = self.weight(stem);
                if sentence.own.contains(stem) {
                    weight
                } else if sentence.stems.contains(stem) {
                    weight * 0.5
                } else {
                    0.0
                }
            })
            .sum()
    }

    /// Some stems, and of those words of a goal that are put together the parts that the document knows: "Umbau" and "Kosten" of "Umbaukosten".
    pub(crate) fn with_parts(&self, stems: &HashSet<String>, asked: &Text) -> HashSet<String> {
        let mut out = stems.clone();
        let long = asked.stems.iter().map(|(_, stem)| stem);
        for stem in long.filter(|stem| stem.chars().count() >= LONG && !self.knows(stem)) {
            let part = |known: &&String| {
                known.chars().count() >= PART
                    && (stem.starts_with(known.as_str()) || stem.ends_with(known.as_str()))
            };
            out.extend(self.counts.keys().filter(part).cloned());
        }
        out
    }

    /// A sentence with its place, for people.
    pub(crate) fn quoted(&self, at: usize) -> String {
        self.sentences.get(at).map_or_else(String::new, |sentence| {
            let said = aios_work::quoted(&sentence.text.raw, 200);
            format!("{}, line {}: {said}", self.name, sentence.line)
        })
    }

    /// The sentences by how well they answer to some stems, the best first, with that figure; those with nothing in common are left out.
    pub(crate) fn nearest(&self, stems: &HashSet<String>) -> Vec<(usize, f64)> {
        let mut found: Vec<(usize, f64)> = self
            .sentences
            .iter()
            .enumerate()
            .map(|(at, sentence)| (at, self.overlap(sentence, stems)))
            .filter(|(_, overlap)| *overlap > 0.0)
            .collect();
        found.sort_by(|a, b| b.1.total_cmp(&a.1));
        found
    }
}

/// The times of day that a text names: `9:30`, "9.30", "9 am", "18 heures".
pub(crate) fn clocks(text: &Text) -> Vec<(usize, u16)> {
    let told = text
        .moments
        .iter()
        .filter_map(|found| Some((found.start, found.moment.minute?)));
    let written = text
        .numbers
        .iter()
        .filter_map(|number| Some((number.start, clock(text, number)?)));
    let mut out: Vec<(usize, u16)> = told.chain(written).collect();
    out.sort_unstable();
    out
}

/// The days of the week that a stretch of text is about; "from Monday to Friday" is all of them.
pub(crate) fn weekdays(text: &Text, within: impl Fn(usize) -> bool) -> HashSet<u8> {
    let named: Vec<(usize, u8)> = text
        .tags
        .iter()
        .filter(|tag| within(text.words[tag.from].start))
        .filter_map(|tag| match tag.tag {
            Tag::Weekday(day) => Some((tag.from, day)),
            _ => None,
        })
        .collect();
    let working = text.tags.iter().any(|tag| {
        tag.tag == Tag::Sense(aios_languages::Sense::Workdays) && within(text.words[tag.from].start)
    });
    if working {
        return (1..=5).chain(named.iter().map(|(_, day)| *day)).collect();
    }
    match named.as_slice() {
        [(at, from), (behind, to)] if behind - at == 2 && from < to => {
            let joins = text
                .tags
                .iter()
                .any(|tag| tag.from == at + 1 && tag.tag == Tag::Sense(aios_languages::Sense::And));
            if joins {
                [*from, *to].into()
            } else {
                (*from..=*to).collect()
            }
        }
        [(at, from), (behind, to)] if behind - at == 1 && from < to => (*from..=*to).collect(),
        all => all.iter().map(|(_, day)| *day).collect(),
    }
}

impl Sentence {
    /// The days of the week that the clause at a place is about.
    pub(crate) fn days_at(&self, place: usize) -> HashSet<u8> {
        let clause = self.text.clause(place);
        weekdays(&self.text, |other| self.text.clause(other) == clause)
    }

    /// The number of this sentence that another one states, if one does.
    pub(crate) fn says(&self, number: &Number) -> Option<&Number> {
        self.text.numbers.iter().find(|own| same(number, own))
    }

    /// A number of the same kind and another value.
    pub(crate) fn says_otherwise(&self, number: &Number) -> Option<&Number> {
        self.text
            .numbers
            .iter()
            .find(|own| !same(number, own) && comparable(number, own))
    }
}

fn comparable(stated: &Number, own: &Number) -> bool {
    match (&stated.unit, &own.unit) {
        (Some(unit), Some(source)) => {
            source.convert(1.0, unit).is_some() || (unit.is_money() && source.is_money())
        }
        (None, None) => !own.spelled && !stated.spelled,
        _ => false,
    }
}
