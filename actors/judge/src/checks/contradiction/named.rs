//! What a source says of one by name is not said of another: "Mr Das voted against it" where Ms Hale did.

use std::collections::{BTreeSet, HashSet};

use aios_languages::Tag;
use aios_work::{Category, Severity};

use super::{Finding, at};
use crate::clause::{clause_spans, stems_of};
use crate::paper::Paper;
use crate::reading::Reading;
use crate::text::Text;

/// In how many sentences a word stands that tells alone what is said.
const RARE: usize = 2;
/// Of so many words within sentences one is a name at most.
const NOUNS: usize = 3;
/// How much better another name fits.
const BETTER: f64 = 1.5;

pub(super) fn look(reading: &Reading<'_>, piece: usize, finding: &mut Finding) {
    let text = &reading.texts[piece];
    let asked: HashSet<&String> = reading
        .ground
        .asked
        .text
        .stems
        .iter()
        .map(|(_, stem)| stem)
        .collect();
    for paper in reading.ground.papers.iter() {
        let known = names(paper, reading);
        if known.is_empty() {
            continue;
        }
        for (from, to) in clause_spans(text) {
            let here = stems_of(text, from, to);
            let mut own = here
                .iter()
                .filter(|stem| known.contains(**stem) && !asked.contains(**stem));
            let (Some(name), None) = (own.next(), own.next()) else {
                continue;
            };
            // "Mr" and "Ms" say nothing of what was done.
            let titles: HashSet<&String> = text
                .stems
                .iter()
                .filter(|(word, _)| reading.lexicon.is_abbreviation(&text.words[*word].text))
                .map(|(_, stem)| stem)
                .collect();
            let said: BTreeSet<&String> = here
                .iter()
                .copied()
                .filter(|stem| *stem != *name && !titles.contains(*stem))
                .filter(|stem| paper.knows(stem) && !known.contains(*stem))
                .collect();
            let Some(other) = said_of_another(paper, name, &said, (text, &known)) else {
                continue;
            };
            let mut issue = at(
                reading,
                piece,
                Category::Accuracy,
                Severity::Critical,
                "the source says this of somebody else",
                "Name whom the source names",
            );
            issue.evidence = Some(paper.quoted(other));
            finding.issues.push(issue);
            return;
        }
    }
}

/// The sentence with a clause that has most of these words and another name, if those with this name have far fewer of them.
fn said_of_another(
    paper: &Paper,
    name: &String,
    said: &BTreeSet<&String>,
    (text, known): (&Text, &HashSet<String>),
) -> Option<usize> {
    let (mut ours, mut theirs): (f64, Option<(usize, f64, bool)>) = (0.0, None);
    for (place, sentence) in paper.sentences.iter().enumerate() {
        let whole = sentence.own.contains(name);
        for (from, to) in clause_spans(&sentence.text) {
            let here = stems_of(&sentence.text, from, to);
            let shared: Vec<&&String> = here.iter().filter(|stem| said.contains(**stem)).collect();
            let fits: f64 = shared.iter().map(|stem| paper.weight(stem)).sum();
            if here.contains(name) {
                ours = ours.max(fits);
                continue;
            }
            let rare = shared.iter().any(|stem| paper.count(stem) <= RARE);
            let told = shared.len() > 1 || (rare && said.len() == 1);
            let another = here.iter().any(|stem| {
                known.contains(*stem) && !text.stems.iter().any(|(_, own)| own == *stem)
            });
            // What goes on from a clause with the name is said of it as well.
            let goes_on = whole && !another;
            if goes_on {
                ours = ours.max(fits);
            }
            if theirs.is_none_or(|(_, best, _)| fits > best) {
                theirs = Some((place, fits, told && another));
            }
        }
    }
    let (place, fits, told) = theirs?;
    (told && fits > ours * BETTER).then_some(place)
}

/// The words that a document writes as names wherever they stand, and once within a sentence.
fn names(paper: &Paper, reading: &Reading<'_>) -> HashSet<String> {
    let (mut found, mut plain) = (HashSet::new(), HashSet::new());
    let (mut large, mut all) = (0, 0);
    for sentence in &paper.sentences {
        let text = &sentence.text;
        for (word, stem) in &text.stems {
            let own = &text.words[*word];
            let tagged = text.tags.iter().any(|tag| {
                let dated = matches!(tag.tag, Tag::Month(_) | Tag::Weekday(_) | Tag::Unit(_));
                dated && tag.from <= *word && *word < tag.to
            });
            let upper = text
                .raw
                .get(own.start..)
                .is_some_and(|rest| rest.starts_with(char::is_uppercase));
            let begins = text.raw.get(..own.start).is_none_or(|head| {
                let head = head.trim_end();
                head.is_empty() || head.ends_with(['.', ':', '!', '?', '(', '|', '*', '-'])
            });
            let short = reading.lexicon.is_abbreviation(&own.text);
            let measured = text
                .numbers
                .iter()
                .any(|number| number.start <= own.start && own.start < number.end);
            if short || measured {
                continue;
            }
            all += usize::from(!begins);
            large += usize::from(!begins && upper);
            if !upper {
                plain.insert(stem.clone());
            } else if !begins && !tagged {
                found.insert(stem.clone());
            }
        }
    }
    // Where every noun is written as a name is, none can be told.
    if large * NOUNS > all {
        return HashSet::new();
    }
    found.retain(|stem| !plain.contains(stem) && !paper.title.contains(stem));
    found
}
