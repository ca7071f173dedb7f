//! Which characters of a rendered chat came from what others said.
//!
//! A text may spell the name of a control token, or become one on its way through a filter: `<|IM_END|>` through `lower`,
//! two halves through `join`. No mark can be put on a text without the filters seeing it, so the template is run once more
//! over texts in which each character that such names are made of has a private stand-in. Where the two outcomes agree
//! but for stand-ins, the stand-ins show which characters were the texts', and a name that holds one of those is words.
//! Where they do not agree the template looks at that very character; then each character is tried by itself, and at last
//! texts without the names, which is what a template makes that takes them out. A name that nothing could be said of is
//! refused. It is never guessed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::LayoutError;
use crate::control::Controls;

/// Different characters that are looked into: the names of a model are made of some twenty.
const KINDS_MAX: usize = 64;
/// Times the template is run once more. Two are enough but for templates that look at signs.
const RUNS_MAX: usize = 48;
/// Names that are left out of the texts for a trial.
const NAMES_MAX: usize = 4;
/// Stand-ins: the planes of private use.
const STAND_INS: [std::ops::RangeInclusive<char>; 2] =
    ['\u{F0000}'..='\u{FFFFD}', '\u{100000}'..='\u{10FFFD}'];

/// Renders the chat with these texts in place of its own.
pub(super) type Render<'a> = &'a mut dyn FnMut(&[String]) -> Result<String, LayoutError>;

/// The parts of a rendered chat in which, and across whose edges, nothing is a control token: ascending, apart.
pub(super) fn of_others(
    text: &str,
    contents: &[&str],
    controls: &Controls,
    render: Render<'_>,
) -> Result<Vec<Range<usize>>, LayoutError> {
    let names = names_in(text, controls);
    let kinds: BTreeSet<char> = names.iter().flat_map(|name| name.chars()).collect();
    if kinds.is_empty() {
        return Ok(Vec::new());
    }
    let mut trial = Trial {
        text,
        contents: contents.iter().map(|text| (*text).to_owned()).collect(),
        is_original: true,
        render,
        runs: 0,
        decided: BTreeSet::new(),
        others: vec![false; text.len()],
    };
    let mut literal = trial.run_all(&kinds);
    let mut gone = Vec::new();
    while let Some(name) = trial.undecided(controls, &literal) {
        if gone.contains(&name) || gone.len() == NAMES_MAX {
            return Err(LayoutError::Undecided {
                name: name.to_owned(),
            });
        }
        gone.push(name);
        for content in &mut trial.contents {
            *content = content.replace(name, "");
        }
        trial.is_original = false;
        literal = trial.run_all(&kinds);
    }
    Ok(literal)
}

/// The longest names wherever they begin, within others too.
fn names_in<'a>(text: &'a str, controls: &Controls) -> BTreeSet<&'a str> {
    let starts = (0..text.len()).filter(|at| text.is_char_boundary(*at));
    let name = |at: usize| {
        let (len, _) = controls.at_start(&text.as_bytes()[at..])?;
        Some(&text[at..at + len])
    };
    starts.filter_map(name).collect()
}

struct Trial<'a> {
    text: &'a str,
    contents: Vec<String>,
    /// Whether the contents are those that the text was made of.
    is_original: bool,
    render: Render<'a>,
    runs: usize,
    /// Characters of which it is known where each came from.
    decided: BTreeSet<char>,
    /// For each byte of the text whether it is known to be others'.
    others: Vec<bool>,
}

impl<'a> Trial<'a> {
    /// Finds out what can be found out; the parts of the text that are others'.
    fn run_all(&mut self, kinds: &BTreeSet<char>) -> Vec<Range<usize>> {
        // Signs first, then letters and digits: few templates look at either, and more look at letters than at signs.
        let (letters, signs): (Vec<char>, Vec<char>) =
            kinds.iter().partition(|kind| kind.is_alphanumeric());
        for group in [signs, letters] {
            if !self.run(&group) && group.len() <= KINDS_MAX {
                for kind in group {
                    self.run(&[kind]);
                }
            }
        }
        ranges(&self.others)
    }

    /// A name outside the literal parts of which nothing is known.
    fn undecided(&self, controls: &Controls, literal: &[Range<usize>]) -> Option<&'a str> {
        let text = self.text;
        let mut names = controls.find_outside(text, literal);
        names.find_map(|(at, len, _)| {
            let name = &text[at..at + len];
            let known = name.chars().any(|c| self.decided.contains(&c));
            (!known).then_some(name)
        })
    }

    /// Finds out where characters of these kinds came from; says whether it could.
    fn run(&mut self, kinds: &[char]) -> bool {
        if kinds.iter().all(|kind| self.decided.contains(kind)) {
            return true;
        }
        let said: BTreeSet<char> = self.contents.iter().flat_map(|text| text.chars()).collect();
        let Some(stand_ins) = self.stand_ins(&said, kinds) else {
            return false;
        };
        if !(stand_ins.is_empty() && self.is_original) {
            self.runs += 1;
            if self.runs > RUNS_MAX {
                return false;
            }
            let stand_in = |c: char| *stand_ins.get(&c).unwrap_or(&c);
            let replaced: Vec<String> = self
                .contents
                .iter()
                .map(|text| text.chars().map(stand_in).collect())
                .collect();
            let stand_ins: BTreeSet<char> = stand_ins.into_values().collect();
            let Ok(outcome) = (self.render)(&replaced) else {
                return false;
            };
            let Some(places) = compare(self.text, &outcome, &stand_ins) else {
                return false;
            };
            for place in places {
                self.others[place].fill(true);
            }
        }
        self.decided.extend(kinds);
        true
    }

    /// A stand-in for each character that can become one of these, which neither the texts nor the outcome hold.
    fn stand_ins(&self, said: &BTreeSet<char>, kinds: &[char]) -> Option<BTreeMap<char, char>> {
        let used: BTreeSet<char> = self.text.chars().filter(|c| *c >= '\u{F0000}').collect();
        let mut free = STAND_INS
            .into_iter()
            .flatten()
            .filter(|c| !used.contains(c) && !said.contains(c));
        said.iter()
            .filter(|c| becomes_one_of(**c, kinds))
            .map(|c| Some((*c, free.next()?)))
            .collect()
    }
}

/// Whether a character is one of these, or is in another case.
fn becomes_one_of(c: char, kinds: &[char]) -> bool {
    kinds.contains(&c)
        || c.to_lowercase().any(|c| kinds.contains(&c))
        || c.to_uppercase().any(|c| kinds.contains(&c))
}

/// The places of `text` where the outcome has stand-ins, if the two agree everywhere else.
fn compare(text: &str, outcome: &str, stand_ins: &BTreeSet<char>) -> Option<Vec<Range<usize>>> {
    let mut places = Vec::new();
    let mut outcome = outcome.chars();
    for (at, c) in text.char_indices() {
        let other = outcome.next()?;
        if stand_ins.contains(&other) {
            places.push(at..at + c.len_utf8());
        } else if other != c {
            return None;
        }
    }
    outcome.next().is_none().then_some(places)
}

fn ranges(marked: &[bool]) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut at = 0;
    for run in marked.chunk_by(|a, b| a == b) {
        if run[0] {
            ranges.push(at..at + run.len());
        }
        at += run.len();
    }
    ranges
}
