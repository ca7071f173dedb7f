//! Which passages of documents matter: those that carry most of what is said, and those that a question is about.
//!
//! Everything is read; a passage is a sentence, an item or a row with its place. No list of words of one language decides: what is rare in
//! the files weighs much, what is everywhere weighs nothing. A model's sense of meaning, where there is one, is added by whoever has it.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use aios_tools::{Check, Reserved, WorkspaceError};

use crate::document::{Block, Document, Kind, Leftovers};
use crate::lexicon;
use crate::words::{LONGEST, sentences, term, terms, words};

/// Passages between two looks at the clock.
const CHECK_EVERY: usize = 1_024;
/// Bytes that a term takes while it is counted.
const TERM: u64 = 96;
/// Words of a sentence that says something.
const SAYS: usize = 4;

/// A passage and what speaks for it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    /// Which document.
    pub(crate) document: usize,
    block: usize,
    range: Range<usize>,
    /// What speaks for it, above 0.
    pub(crate) score: f64,
    /// The part of the question's matter that it names, from 0 to 1.
    pub(crate) covers: f64,
}

impl Found {
    /// Its words as they stand.
    pub(crate) fn text(&self, documents: &[Document]) -> String {
        let Some((document, block)) = self.of(documents) else {
            return String::new();
        };
        let shown = document.shown(block);
        shown.get(self.range.clone()).unwrap_or_default().to_owned()
    }

    /// Where it stands.
    pub(crate) fn place(&self, documents: &[Document]) -> crate::place::Place {
        match self.of(documents) {
            Some((document, block)) => document.place(block, self.range.start, self.range.end),
            None => crate::place::Place::default(),
        }
    }

    fn of<'d>(&self, documents: &'d [Document]) -> Option<(&'d Document, &'d Block)> {
        let document = documents.get(self.document)?;
        Some((document, document.blocks().get(self.block)?))
    }
}

/// What was found in documents, best first or in their order, and what was met on the way.
#[derive(Debug, Default)]
pub(crate) struct Search {
    pub(crate) found: Vec<Found>,
    /// Sentences that give orders: they are named and not quoted.
    pub(crate) orders: Leftovers,
    pub(crate) sentences: usize,
}

/// Takes a passage: its block, by number and as it is, its words and their place among those of the block.
type Take<'t> = &'t mut dyn FnMut(usize, &Block, &str, Range<usize>) -> Result<(), WorkspaceError>;

/// Shows each passage of a document: its block, its words and their place among those of the block.
pub(crate) fn each_passage(
    document: &Document,
    check: Check<'_>,
    take: Take<'_>,
) -> Result<(), WorkspaceError> {
    let mut seen = 0_usize;
    for (at, block) in document.blocks().iter().enumerate() {
        if block.kind == Kind::Heading {
            continue;
        }
        let shown = document.shown(block);
        for range in sentences(&shown) {
            seen += 1;
            if seen.is_multiple_of(CHECK_EVERY) {
                check()?;
            }
            let text = shown.get(range.clone()).unwrap_or_default();
            take(at, block, text, range)?;
        }
    }
    Ok(())
}

/// Passages that a word of a heading stands for.
const TITLED: u32 = 3;

/// Terms by number, and the passages that hold them.
struct Index {
    numbers: HashMap<String, u32>,
    counts: Vec<u32>,
    /// The terms of all passages, one behind the other.
    terms: Vec<u32>,
    passages: Vec<Entry>,
    held: Reserved,
}

struct Entry {
    document: u32,
    block: u32,
    start: u32,
    end: u32,
    terms: u32,
    /// What a passage of its kind is worth.
    worth: f32,
}

/// The passages whose words are most frequent in the documents, each new one discounted for what is already said, in the files' order.
pub(crate) fn key(
    documents: &[Document],
    most: usize,
    held: Reserved,
    check: Check<'_>,
) -> Result<Search, WorkspaceError> {
    let mut search = Search::default();
    let mut index = Index {
        numbers: HashMap::new(),
        counts: Vec::new(),
        terms: Vec::new(),
        passages: Vec::new(),
        held,
    };
    for (number, document) in documents.iter().enumerate() {
        let mut first = true;
        each_passage(document, check, &mut |at, block, text, range| {
            search.sentences += 1;
            if lexicon::gives_orders(text) {
                let place = document.place(block, range.start, range.end);
                search.orders.add(place, "it gives orders");
                return Ok(());
            }
            let worth = worth(block.kind, text, first);
            if worth > 0.0 {
                first = false;
                index.add((number, at, range), text, worth)?;
            }
            Ok(())
        })?;
    }
    for document in documents {
        index.entitle(document.titles());
    }
    search.found = index.choose(most, check)?;
    Ok(search)
}

/// What a passage is worth by its form alone: prose more than rows, and the opening of a text mostly says what it is about.
fn worth(kind: Kind, text: &str, opening: bool) -> f32 {
    let count = words(text).count();
    if !(SAYS..=LONGEST + 1).contains(&count) {
        return 0.0;
    }
    let form = match kind {
        Kind::Prose => 1.0,
        Kind::Item => 0.9,
        Kind::Row => 0.35,
        Kind::Code | Kind::Heading => 0.1,
    };
    form * if opening { 1.3 } else { 1.0 }
}

impl Index {
    fn add(
        &mut self,
        (document, block, range): (usize, usize, Range<usize>),
        text: &str,
        worth: f32,
    ) -> Result<(), WorkspaceError> {
        let begin = self.terms.len();
        for term in terms(text) {
            let number = match self.numbers.get(&term) {
                Some(number) => *number,
                None => {
                    self.held.grow(TERM + term.len() as u64)?;
                    let number = self.counts.len() as u32;
                    self.numbers.insert(term, number);
                    self.counts.push(0);
                    number
                }
            };
            if self
                .terms
                .get(begin..)
                .is_some_and(|so_far| so_far.contains(&number))
            {
                continue;
            }
            if let Some(count) = self.counts.get_mut(number as usize) {
                *count += 1;
            }
            self.held.push(&mut self.terms, number)?;
        }
        let entry = Entry {
            document: document as u32,
            block: block as u32,
            start: range.start as u32,
            end: range.end as u32,
            terms: begin as u32,
            worth,
        };
        self.held.push(&mut self.passages, entry)
    }

    /// What stands in a heading is what a text is about: its words count as if some more passages had them, once each.
    fn entitle<'t>(&mut self, titles: impl Iterator<Item = &'t str>) {
        let named: HashSet<u32> = titles
            .flat_map(terms)
            .filter_map(|term| self.numbers.get(&term).copied())
            .collect();
        for number in named {
            if let Some(count) = self.counts.get_mut(number as usize) {
                *count += TITLED;
            }
        }
    }

    fn terms_of(&self, at: usize) -> &[u32] {
        let from = self
            .passages
            .get(at)
            .map_or(0, |entry| entry.terms as usize);
        let to = self
            .passages
            .get(at + 1)
            .map_or(self.terms.len(), |next| next.terms as usize);
        self.terms.get(from..to).unwrap_or_default()
    }

    fn choose(&self, most: usize, check: Check<'_>) -> Result<Vec<Found>, WorkspaceError> {
        let mut said = HashSet::new();
        let mut chosen: Vec<(usize, f64)> = Vec::new();
        while chosen.len() < most {
            let mut best: Option<(usize, f64)> = None;
            for (at, entry) in self.passages.iter().enumerate() {
                if at.is_multiple_of(CHECK_EVERY) {
                    check()?;
                }
                let terms = self.terms_of(at);
                let weight: f64 = terms
                    .iter()
                    .map(|term| {
                        let count = self.counts.get(*term as usize).copied().unwrap_or(0);
                        f64::from(count) * if said.contains(term) { 0.2 } else { 1.0 }
                    })
                    .sum();
                let score = f64::from(entry.worth) * weight / (terms.len() as f64).sqrt().max(1.0);
                // On equal scores the earlier passage stays.
                if score > 0.0
                    && best.is_none_or(|(_, top)| score > top)
                    && !chosen.iter().any(|(other, _)| *other == at)
                {
                    best = Some((at, score));
                }
            }
            let Some((at, score)) = best else { break };
            said.extend(self.terms_of(at).iter().copied());
            chosen.push((at, score));
        }
        chosen.sort_by_key(|(at, _)| *at);
        let found = chosen.into_iter().filter_map(|(at, score)| {
            let entry = self.passages.get(at)?;
            Some(Found {
                document: entry.document as usize,
                block: entry.block as usize,
                range: entry.start as usize..entry.end as usize,
                score,
                covers: 0.0,
            })
        });
        Ok(found.collect())
    }
}

/// What a question is about.
struct Question {
    terms: Vec<String>,
    /// How much each weighs: what is rare in the files weighs much.
    weights: Vec<f64>,
    /// Whether a number or a day answers it.
    wants_figure: bool,
    /// Which term each word is that was met: the same words come again and again.
    met: HashMap<String, Option<usize>>,
}

/// Words that are kept with the term they are.
const MET: usize = 50_000;

impl Question {
    fn read(text: &str) -> Self {
        let mut all: Vec<String> = Vec::new();
        // How a question asks is no matter of it.
        let matter = lexicon::without(text, |language| {
            [language.quoting, language.how_much].concat()
        });
        for term in terms(&matter) {
            if !all.contains(&term) {
                all.push(term);
            }
        }
        // A question of small words alone is about these.
        if all.is_empty() {
            all = words(text).map(|(_, word)| term(word)).collect();
            all.dedup();
        }
        Self {
            weights: vec![0.0; all.len()],
            terms: all,
            wants_figure: lexicon::has(text, |language| language.how_much),
            met: HashMap::new(),
        }
    }

    /// The term that a word is.
    fn term_of(&mut self, word: &str) -> Option<usize> {
        if let Some(known) = self.met.get(word) {
            return *known;
        }
        let compared = term(word);
        let found = self.terms.iter().position(|one| alike(one, &compared));
        if self.met.len() < MET {
            self.met.insert(word.to_owned(), found);
        }
        found
    }

    /// Marks the terms that a text names, and gives how many words it has.
    fn named(&mut self, text: &str, seen: &mut [bool]) -> usize {
        seen.fill(false);
        let mut length = 0;
        for (_, word) in words(text) {
            length += 1;
            if let Some(seen) = self.term_of(word).and_then(|at| seen.get_mut(at)) {
                *seen = true;
            }
        }
        length
    }
}

/// Whether two terms are one word: the same, or a long one that begins or ends as the other, as compounds do.
fn alike(asked: &str, word: &str) -> bool {
    asked == word
        || (asked.len() >= 6
            && word.len() > asked.len()
            && (word.starts_with(asked) || word.ends_with(asked)))
        || (word.len() >= 6 && asked.len() > word.len() && asked.starts_with(word))
}

/// The passages that a question is about, best first.
pub(crate) fn search(
    documents: &[Document],
    question: &str,
    most: usize,
    check: Check<'_>,
) -> Result<Search, WorkspaceError> {
    let mut asked = Question::read(question);
    let mut search = Search::default();
    // First how rare each term is, then what speaks of it.
    let mut counts = vec![0_usize; asked.terms.len()];
    let mut seen = vec![false; asked.terms.len()];
    let (mut passages, mut lengths) = (0_usize, 0_usize);
    for document in documents {
        each_passage(document, check, &mut |_, _, text, _| {
            passages += 1;
            lengths += asked.named(text, &mut seen);
            for (count, seen) in counts.iter_mut().zip(&seen) {
                *count += usize::from(*seen);
            }
            Ok(())
        })?;
    }
    let all = passages.max(1) as f64;
    asked.weights = counts
        .iter()
        .map(|count| (1.0 + (all - *count as f64 + 0.5) / (*count as f64 + 0.5)).ln())
        .collect();
    // What is nowhere weighs as much as the rarest that is somewhere, and not more because it is missing.
    let rarest = asked
        .weights
        .iter()
        .zip(&counts)
        .filter(|(_, count)| **count > 0)
        .map(|(weight, _)| *weight)
        .fold(0.0, f64::max);
    for (weight, count) in asked.weights.iter_mut().zip(&counts) {
        if *count == 0 && rarest > 0.0 {
            *weight = rarest;
        }
    }
    let usual = (lengths as f64 / all).max(1.0);
    let total: f64 = asked.weights.iter().sum();
    for (number, document) in documents.iter().enumerate() {
        let mut above: (usize, Vec<bool>) = (usize::MAX, vec![false; asked.terms.len()]);
        let mut before = vec![false; asked.terms.len()];
        each_passage(document, check, &mut |at, block, text, range| {
            search.sentences += 1;
            if lexicon::gives_orders(text) {
                let place = document.place(block, range.start, range.end);
                search.orders.add(place, "it gives orders");
                return Ok(());
            }
            let length = asked.named(text, &mut seen);
            // What stands in the headings above is said of it too, and what the sentence before has named it may call "it".
            if above.0 != at {
                asked.named(&document.headings(block).join(" "), &mut above.1);
                above.0 = at;
                before.fill(false);
            }
            let (mut score, mut covers, mut own) = (0.0, 0.0, false);
            for (term, weight) in asked.weights.iter().enumerate() {
                let here = seen.get(term).copied().unwrap_or(false);
                let share = if here {
                    1.0
                } else if above.1.get(term).copied().unwrap_or(false) {
                    0.6
                } else if before.get(term).copied().unwrap_or(false) {
                    0.4
                } else {
                    0.0
                };
                own |= here;
                score += weight * share;
                covers += weight * f64::from(u8::from(share > 0.0));
            }
            before.copy_from_slice(&seen);
            if !own || length == 0 {
                return Ok(());
            }
            score *= 2.2 / (1.0 + 1.2 * (0.4 + 0.6 * length as f64 / usual));
            if asked.wants_figure && text.contains(|c: char| c.is_ascii_digit()) {
                score *= 1.4;
            }
            if block.kind == Kind::Code {
                score *= 0.7;
            }
            keep(
                &mut search.found,
                Found {
                    document: number,
                    block: at,
                    range,
                    score,
                    covers: covers / total.max(f64::MIN_POSITIVE),
                },
                most,
            );
            Ok(())
        })?;
    }
    Ok(search)
}

/// Keeps the best, in their order.
fn keep(found: &mut Vec<Found>, one: Found, most: usize) {
    if found.len() >= most && found.last().is_some_and(|last| last.score >= one.score) {
        return;
    }
    let at = found.partition_point(|other| other.score >= one.score);
    found.insert(at, one);
    found.truncate(most);
}
