//! What a number in a text is about: the names and periods its clause, its sentence or the sentence before gives it.

use super::claims::{Claim, Shape, claims};
use super::known::{FoundPeriod, FoundSubject, Library, place_of};
use crate::english::mention::Mention;
use crate::english::prose::{Stretch, Word, clauses, find_phrase, last_word, sentences, words};
use aios_work::{Evidence, Statistic};

pub(super) const TOTAL: [&str; 9] = [
    "total",
    "totalled",
    "totaled",
    "totals",
    "overall",
    "sum",
    "altogether",
    "combined",
    "all",
];

/// A text with everything in it that matters for numbers.
pub(super) struct MarkedText<'a> {
    pub(super) text: &'a str,
    /// In lower case, with the subjects' names crossed out.
    pub(super) lower: String,
    /// The same with the names of measures and kinds crossed out too: only its own words are left.
    pub(super) bare: String,
    pub(super) library: &'a Library<'a>,
    pub(super) passages: &'a [String],
    pub(super) claims: Vec<Claim>,
    pub(super) subjects: Vec<FoundSubject>,
    pub(super) periods: Vec<FoundPeriod>,
    /// Periods that the data does not have.
    pub(super) elsewhere: Vec<Mention>,
    pub(super) sentences: Vec<Stretch>,
    /// Pairs (claim, subject) of sentences that list names first and numbers after.
    pub(super) paired: Vec<(usize, Stretch)>,
}

/// What a clause says a number is about; `None` when it says nothing of the sort.
pub(super) struct About {
    pub(super) subjects: Named,
    pub(super) periods: Named,
}

/// Whether something was named, and how firmly it belongs to the number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    /// In the same clause: indices of subjects or of periods found.
    Firm(Vec<usize>),
    /// Earlier in the sentence or in the one before: it may be meant.
    Loose(Vec<usize>),
    /// Nowhere near.
    Nothing,
}

impl<'a> MarkedText<'a> {
    pub(super) fn new(text: &'a str, library: &'a Library<'a>, evidence: &'a Evidence) -> Self {
        let subjects = library.subjects_in(text);
        let (mut periods, mut astray) = library.periods_in(text);
        let names: Vec<Stretch> = subjects.iter().map(|found| found.place).collect();
        let lower = crossed_out(&text.to_ascii_lowercase(), &names);
        let terms = library.terms_in(&lower);
        let bare = crossed_out(&lower, &terms);
        // What stands in a name ends no sentence and no clause.
        let sentences = sentences(&bare);
        // A period inside a name ("Plan 2025", "sales 2024") belongs to the name.
        let in_name = |at: usize| names.iter().chain(&terms).any(|name| name.holds(at));
        periods.retain(|period| !in_name(period.place.start));
        astray.retain(|mention| !in_name(mention.start));
        let mut masked: Vec<Stretch> = subjects.iter().map(|found| found.place).collect();
        masked.extend(periods.iter().map(|found| found.place));
        masked.extend(astray.iter().map(place_of));
        masked.extend(code(text));
        masked.extend(terms.iter().copied());
        masked.extend(calculations(&lower, library));
        let asked: Vec<f64> = claims(&evidence.goal, &[])
            .iter()
            .filter(|claim| claim.shape == Shape::Plain)
            .map(|claim| claim.value)
            .collect();
        let mut claims = claims(text, &masked);
        // "the top 5 products" repeats the question, it states nothing.
        claims.retain(|claim| {
            !(claim.shape == Shape::Plain
                && claim.value.fract() == 0.0
                && claim.value.abs() <= 100.0
                && asked.contains(&claim.value))
        });
        let mut reading = Self {
            text,
            lower,
            bare,
            library,
            passages: &evidence.passages,
            claims,
            subjects,
            periods,
            elsewhere: astray,
            sentences,
            paired: Vec::new(),
        };
        reading.paired = reading.pair_lists();
        reading
    }

    /// "North, South and East earned 5, 3 and 2": as many names as numbers, all names first.
    fn pair_lists(&self) -> Vec<(usize, Stretch)> {
        let mut out = Vec::new();
        for sentence in &self.sentences {
            let numbers: Vec<usize> = (0..self.claims.len())
                .filter(|index| {
                    self.claims
                        .get(*index)
                        .is_some_and(|claim| sentence.holds(claim.place.start))
                })
                .collect();
            let first = numbers
                .first()
                .and_then(|index| self.claims.get(*index))
                .map_or(0, |claim| claim.place.start);
            let names: Vec<Stretch> = self
                .subjects
                .iter()
                .map(|found| found.place)
                .filter(|place| sentence.holds(place.start))
                .collect();
            let times: Vec<Stretch> = self
                .periods
                .iter()
                .filter(|found| !found.whole)
                .map(|found| found.place)
                .filter(|place| sentence.holds(place.start))
                .collect();
            for places in [names, times] {
                if numbers.len() >= 2
                    && places.len() == numbers.len()
                    && places.iter().all(|place| place.end <= first)
                {
                    out.extend(numbers.iter().copied().zip(places));
                }
            }
        }
        out
    }

    pub(super) fn sentence_of(&self, at: usize) -> (usize, Stretch) {
        let whole = Stretch {
            start: 0,
            end: self.text.len(),
        };
        self.sentences
            .iter()
            .copied()
            .enumerate()
            .find(|(_, sentence)| sentence.holds(at))
            .unwrap_or((0, whole))
    }

    /// The clause of a claim. Stretches without a number of their own join the next one ("In August, North earned 5"), and
    /// stretches that only continue ("with 5", "earning 5") join the one before.
    pub(super) fn clause_of(&self, claim: &Claim) -> Stretch {
        let (_, sentence) = self.sentence_of(claim.place.start);
        let mut joined: Vec<Stretch> = Vec::new();
        let mut open: Option<Stretch> = None;
        let counts = |stretch: Stretch| {
            self.claims
                .iter()
                .any(|claim| stretch.holds(claim.place.start))
        };
        for part in clauses(&self.bare, sentence) {
            let start = open.map_or(part.start, |before| before.start);
            let stretch = Stretch {
                start,
                end: part.end,
            };
            if !counts(part) {
                open = Some(stretch);
                continue;
            }
            open = None;
            let continues = start == part.start && self.continues(part);
            match joined.last_mut() {
                Some(last) if continues => last.end = stretch.end,
                _ => joined.push(stretch),
            }
        }
        joined
            .into_iter()
            .find(|stretch| stretch.holds(claim.place.start))
            .unwrap_or(sentence)
    }

    fn continues(&self, part: Stretch) -> bool {
        let names = self
            .subjects
            .iter()
            .any(|found| part.holds(found.place.start))
            || self
                .periods
                .iter()
                .any(|found| part.holds(found.place.start));
        let whole = words(part.of(&self.bare))
            .iter()
            .any(|word| TOTAL.contains(&word.lower().as_str()));
        let first = words(part.of(&self.bare))
            .first()
            .map(Word::lower)
            .unwrap_or_default();
        let opens = matches!(
            first.as_str(),
            "with" | "which" | "at" | "by" | "that" | "who" | "its" | "or"
        ) || (first.len() > 4 && first.ends_with("ing"));
        !names && !whole && opens
    }

    pub(super) fn about(&self, index: usize, claim: &Claim) -> About {
        let clause = self.clause_of(claim);
        let subjects: Vec<(usize, Stretch)> = self
            .subjects
            .iter()
            .map(|found| (found.index, found.place))
            .collect();
        let mut periods: Vec<(usize, Stretch)> = self
            .periods
            .iter()
            .enumerate()
            .map(|(at, found)| (at, found.place))
            .collect();
        let narrow = self
            .periods
            .iter()
            .any(|found| clause.holds(found.place.start) && !found.whole);
        periods
            .retain(|(at, _)| !narrow || self.periods.get(*at).is_some_and(|found| !found.whole));
        About {
            subjects: self.nearest(index, claim, clause, &subjects),
            periods: self.nearest(index, claim, clause, &periods),
        }
    }

    fn nearest(
        &self,
        index: usize,
        claim: &Claim,
        clause: Stretch,
        items: &[(usize, Stretch)],
    ) -> Named {
        if let Some((id, _)) = items.iter().find(|(_, place)| {
            self.paired
                .iter()
                .any(|(at, with)| *at == index && with == place)
        }) {
            return Named::Firm(vec![*id]);
        }
        let inside: Vec<&(usize, Stretch)> = items
            .iter()
            .filter(|(_, place)| clause.holds(place.start))
            .collect();
        if let Some(bound) = self.bound_behind(claim, &inside) {
            return Named::Firm(vec![bound]);
        }
        let mut before: Vec<&&(usize, Stretch)> = inside
            .iter()
            .filter(|(_, place)| place.end <= claim.place.start)
            .collect();
        // "Q2 was above Q1 with 5": what is compared with is not what the number is about, if another name stands before it.
        if before.len() > 1
            && before
                .last()
                .is_some_and(|(_, place)| self.is_compared_with(*place))
        {
            before.pop();
        }
        let before = before.last().copied();
        let after = inside
            .iter()
            .find(|(_, place)| place.start >= claim.place.end);
        if let Some((id, place)) = before.or(after) {
            // "from July to August", "between July and August": both belong to the number.
            let pair = inside
                .iter()
                .find(|(other, mate)| other != id && self.spans_both(*mate, *place));
            return Named::Firm(pair.map_or(vec![*id], |(other, _)| vec![*other, *id]));
        }
        let (at, sentence) = self.sentence_of(claim.place.start);
        let earlier = |within: Stretch| {
            items
                .iter()
                .rev()
                .find(|(_, place)| within.holds(place.start) && place.end <= claim.place.start)
                .map(|(id, _)| *id)
        };
        let previous = at
            .checked_sub(1)
            .and_then(|at| self.sentences.get(at))
            .copied();
        match earlier(sentence).or_else(|| previous.and_then(earlier)) {
            Some(id) => Named::Loose(vec![id]),
            None => Named::Nothing,
        }
    }

    /// "5 in North", "5 from the North region": only small words between number and name.
    fn bound_behind(&self, claim: &Claim, items: &[&(usize, Stretch)]) -> Option<usize> {
        const BINDING: [&str; 14] = [
            "in", "for", "from", "at", "by", "of", "the", "during", "on", "was", "came", "is",
            "region", "revenue",
        ];
        items
            .iter()
            .find(|(_, place)| {
                let between = self
                    .lower
                    .get(claim.place.end..place.start)
                    .filter(|_| claim.place.end <= place.start);
                between.is_some_and(|between| {
                    let joined: Vec<_> = words(between).iter().map(Word::lower).collect();
                    let small = |word: &String| {
                        BINDING.contains(&word.as_str()) || self.library.measures.contains(word)
                    };
                    !between.contains([',', ';', '(', ')', '|'])
                        && !joined.is_empty()
                        && joined.len() <= 4
                        && joined.iter().all(small)
                })
            })
            .map(|(id, _)| *id)
    }

    fn is_compared_with(&self, place: Stretch) -> bool {
        const COMPARING: [&str; 8] = [
            "than", "above", "below", "over", "against", "versus", "vs", "with",
        ];
        let head = self.lower.get(..place.start).unwrap_or("");
        last_word(head)
            .is_some_and(|word| COMPARING.contains(&word.text) && head.get(word.end..) == Some(" "))
    }

    /// Whether two names are the ends of one range.
    fn spans_both(&self, one: Stretch, other: Stretch) -> bool {
        let (first, second) = if one.start < other.start {
            (one, other)
        } else {
            (other, one)
        };
        let between = self
            .lower
            .get(first.end..second.start)
            .unwrap_or("")
            .trim()
            .to_owned();
        let before = self.lower.get(..first.start).unwrap_or("").trim_end();
        matches!(
            between.as_str(),
            "to" | "until" | "till" | "through" | "-" | "–" | "→"
        ) || (between == "and" && before.ends_with("between"))
    }
}

/// A text with stretches of it crossed out by letters, so that offsets stay and a product called "Total and more" neither names a
/// statistic nor ends a clause.
fn crossed_out(text: &str, places: &[Stretch]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for place in places {
        if let Some(name) = bytes.get_mut(place.start..place.end) {
            name.fill(b'x');
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// Code spans, link targets and image sources hold no claims.
fn code(text: &str) -> Vec<Stretch> {
    let mut out = Vec::new();
    let mut open = None;
    let last_fence = text.rfind("```");
    for (at, c) in text.char_indices() {
        match (c, open) {
            ('`', None) => open = Some(at),
            ('`', Some(start)) => {
                out.push(Stretch { start, end: at + 1 });
                open = None;
            }
            ('\n', Some(_)) if last_fence.is_none_or(|fence| fence < at) => open = None,
            _ => {}
        }
    }
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find("](")) {
        let start = at + found + 1;
        let end = text
            .get(start..)
            .and_then(|rest| rest.find([')', '\n']))
            .map_or(text.len(), |len| start + len);
        out.push(Stretch { start, end });
        at = start + 1;
    }
    out
}

/// Where a calculation stands whose value is a fact: its numbers were given, its value alone is stated.
fn calculations(text: &str, library: &Library<'_>) -> Vec<Stretch> {
    let computed = library
        .known
        .iter()
        .filter(|known| *known.statistic == Statistic::Computed);
    let expressions = computed.flat_map(|known| &known.fact.subject);
    expressions
        .flat_map(|expression| {
            let name = expression.name.to_ascii_lowercase();
            let next = |at: usize| find_phrase(text, &name, at);
            std::iter::successors(next(0), |found| next(found.end)).collect::<Vec<_>>()
        })
        .collect()
}
