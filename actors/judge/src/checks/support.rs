//! Nothing is claimed that no source touches: no cause, no judgement, no sentence about something else.

use std::collections::{BTreeMap, HashSet};

use aios_languages::{Sense, Tag};
use aios_work::{Category, Severity};

use super::{Finding, Look, at};
use crate::answer::Kind;
use crate::criteria::Criteria;
use crate::reading::Reading;
use crate::text::Text;
use crate::vocabulary::Vocabulary;

pub(crate) struct Support;

impl Look for Support {
    fn name(&self) -> &'static str {
        "support"
    }

    fn dimension(&self) -> Category {
        Category::Accuracy
    }

    fn look(&self, reading: &Reading<'_>, _: &Criteria) -> Finding {
        let ground = reading.ground;
        if ground.grids.is_empty() && ground.papers.is_empty() {
            return Finding::default();
        }
        let known = &ground.vocabulary;
        let asked = &ground.asked.text;
        // A letter greets, a poem paints, and whoever is asked for an opinion has words of their own.
        let free = [Sense::FormLetter, Sense::FormHaiku, Sense::FormReview]
            .iter()
            .any(|sense| asked.has(*sense));
        let opinion = asked.has(Sense::FormReview);
        let mut finding = Finding::default();
        for piece in reading.said() {
            if reading.answer.is_json {
                leaf(reading, piece, &mut finding);
            }
            if !matches!(
                reading.answer.pieces[piece].kind,
                Kind::Sentence | Kind::Item
            ) {
                continue;
            }
            let text = &reading.texts[piece];
            let strange = strange(known, text);
            let all = text.stems.len();
            let borne_out = reading
                .claims_at(piece)
                .iter()
                .any(|claim| !claim.found.is_empty() && !claim.casual);
            let cue = text
                .senses()
                .find(|(sense, _)| matches!(sense, Sense::Cause | Sense::Judgement));
            let cue_known = cue.is_some_and(|(sense, _)| known.senses.contains(&sense));
            let claimed = !opinion
                && cue.is_some()
                && !strange.is_empty()
                && (!cue_known || strange.len() * 3 > all);
            // Other words than the source's are no fault where a figure of the sentence is borne out.
            // What is said of the source itself takes more: "these figures come from the one file given".
            let most = if text.has(Sense::Source) { 7 } else { 6 };
            let elsewhere =
                !free && strange.len() >= 3 && strange.len() * 10 >= all * most && !borne_out;
            if claimed || elsewhere || (!opinion && clause_of_its_own(text, &strange)) {
                let words: Vec<&str> = strange
                    .iter()
                    .take(4)
                    .map(|word| text.words[*word].text.as_str())
                    .collect();
                let what = match claimed {
                    true => format!(
                        "nothing that is known bears this out ({})",
                        words.join(", ")
                    ),
                    false => format!("no source speaks of this ({})", words.join(", ")),
                };
                finding.issues.push(at(
                    reading,
                    piece,
                    Category::Accuracy,
                    Severity::Critical,
                    what,
                    "Leave it out, or say only what the sources say",
                ));
            } else if !ground.papers.is_empty() && all > 0 && strange.len() * 2 <= all {
                finding.claims += 1;
                finding.supported += 1;
            }
        }
        finding
    }
}

/// Whether the words of a leaf stand in a document, in the sentence that its key leads to.
fn leaf(reading: &Reading<'_>, piece: usize, finding: &mut Finding) {
    let text = &reading.texts[piece];
    if text.stems.is_empty() || !text.numbers.is_empty() {
        return;
    }
    let words: Vec<&str> = text.words.iter().map(|word| word.text.as_str()).collect();
    let says = |source: &Text| {
        let own: Vec<&str> = source.words.iter().map(|word| word.text.as_str()).collect();
        own.windows(words.len()).any(|part| part == words)
    };
    let keys: HashSet<&String> = reading
        .labels(piece)
        .into_iter()
        .flat_map(|label| label.stems.iter().map(|(_, stem)| stem))
        .collect();
    let stems: HashSet<String> = text.stems.iter().map(|(_, stem)| stem.clone()).collect();
    for paper in reading.ground.papers.iter() {
        let keyed = |at: &usize| {
            let own = &paper.sentences[*at].stems;
            keys.iter().any(|key| own.contains(*key))
        };
        // Only what shares a word with it can have all of them.
        let near = paper.nearest(&stems);
        let said: Vec<usize> = near
            .iter()
            .map(|(at, _)| *at)
            .filter(|at| says(&paper.sentences[*at].text))
            .collect();
        if said.is_empty() {
            continue;
        }
        // Whether there is one or there are more.
        let led = (0..paper.sentences.len()).filter(keyed);
        let led: Vec<usize> = led.take(2).collect();
        finding.claims += 1;
        // One sentence has the key, and another one the words.
        let ([led], false) = (led.as_slice(), said.iter().any(keyed)) else {
            finding.supported += 1;
            return;
        };
        let mut issue = at(
            reading,
            piece,
            Category::Accuracy,
            Severity::Critical,
            "the source says this of something else",
            "State what the source says of this key",
        );
        issue.evidence = Some(paper.quoted(*led));
        finding.issues.push(issue);
        return;
    }
}

/// Whether a clause gives a reason or a judgement in words of its own: "..., since its workers are tired".
fn clause_of_its_own(text: &Text, strange: &[usize]) -> bool {
    let cued: HashSet<usize> = text
        .senses()
        .filter(|(sense, _)| matches!(sense, Sense::Cause | Sense::Judgement))
        .map(|(_, place)| text.clause(place))
        .collect();
    let mut counts: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    for (word, _) in &text.stems {
        let (all, odd) = counts
            .entry(text.clause(text.words[*word].start))
            .or_default();
        *all += 1;
        *odd += usize::from(strange.contains(word));
    }
    counts.len() > 1
        && counts
            .iter()
            .any(|(clause, (all, odd))| cued.contains(clause) && *odd > 0 && odd * 10 >= all * 5)
}

/// The words of a text that speak of something else than goal and sources.
fn strange(known: &Vocabulary, text: &Text) -> Vec<usize> {
    let meant: HashSet<usize> = text
        .tags
        .iter()
        .filter(|tag| match tag.tag {
            Tag::Concept(concept) => known.concepts.contains(&concept),
            Tag::Sense(sense) => !matches!(
                sense,
                Sense::Hype
                    | Sense::Rude
                    | Sense::Chatter
                    | Sense::Order
                    | Sense::Describe
                    | Sense::Judgement
                    | Sense::Tells
                    | Sense::Source
                    | Sense::Reduces
                    | Sense::Rises
                    | Sense::Falls
                    | Sense::Until
                    | Sense::Since
                    | Sense::Like
                    | Sense::Note
                    | Sense::Wants
                    | Sense::Myself
                    | Sense::Guards
                    | Sense::Disarms
                    | Sense::Costs
                    | Sense::Nothing
            ),
            _ => true,
        })
        .flat_map(|tag| tag.from..tag.to)
        .collect();
    let inside = |word: usize| {
        let place = text.words[word].start;
        let within = |start: usize, end: usize| start <= place && place < end;
        text.numbers
            .iter()
            .any(|number| within(number.start, number.end))
            || text
                .moments
                .iter()
                .any(|moment| within(moment.start, moment.end))
            || text.names.iter().any(|name| within(name.start, name.end))
    };
    text.stems
        .iter()
        .filter(|(word, stem)| {
            !text.words[*word]
                .text
                .starts_with(|c: char| c.is_ascii_digit())
                && !known.stems.contains(stem)
                && !meant.contains(word)
                && !inside(*word)
                && !known.is_alike(stem)
        })
        .map(|(word, _)| *word)
        .collect()
}
