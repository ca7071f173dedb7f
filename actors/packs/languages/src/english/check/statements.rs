//! Statements without a number that facts can contradict: "North led", "revenue fell in August".

use super::claims::Claim;
use super::known::{FoundPeriod, FoundSubject, Known, Library};
use super::scope::MarkedText;
use crate::english::figures::readable;
use crate::english::naming::name;
use crate::english::prose::{Stretch, Word, clauses, has_phrase, words};
use aios_work::{Category, Issue, Severity, Span, Statistic};

/// Where something is said to move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// More.
    Up,
    /// Less.
    Down,
}

impl Direction {
    /// 1 or -1.
    #[must_use]
    pub(super) fn sign(self) -> f64 {
        match self {
            Self::Up => 1.0,
            Self::Down => -1.0,
        }
    }
}

const UP: &[&str] = &[
    "rose",
    "rise",
    "rises",
    "rising",
    "risen",
    "grew",
    "grow",
    "grows",
    "growing",
    "grown",
    "growth",
    "increase",
    "increased",
    "increases",
    "increasing",
    "gain",
    "gained",
    "climbed",
    "climb",
    "up",
    "higher",
    "jumped",
    "surged",
    "improved",
    "improvement",
    "expanded",
    "soared",
    "upward",
    "rebounded",
    "recovered",
    "above",
    "more",
    "ahead",
    "jump",
    "climbing",
    "upturn",
];
const DOWN: &[&str] = &[
    "fell",
    "fall",
    "falls",
    "falling",
    "fallen",
    "dropped",
    "drop",
    "drops",
    "decline",
    "declined",
    "declines",
    "declining",
    "decrease",
    "decreased",
    "decreases",
    "decreasing",
    "down",
    "lower",
    "shrank",
    "slipped",
    "slump",
    "slumped",
    "lost",
    "reduced",
    "downward",
    "dipped",
    "contracted",
    "below",
    "less",
    "fewer",
    "dip",
    "dips",
    "dropping",
    "reduction",
    "downturn",
    "loss",
];
/// Verbs that state a movement by themselves; nouns such as "growth" may be spoken of without stating one.
const MOVED_UP: &[&str] = &[
    "rose",
    "grew",
    "increased",
    "climbed",
    "jumped",
    "surged",
    "improved",
    "soared",
    "rebounded",
    "recovered",
    "expanded",
    "rising",
];
const MOVED_DOWN: &[&str] = &[
    "fell",
    "dropped",
    "declined",
    "decreased",
    "shrank",
    "slipped",
    "slumped",
    "dipped",
    "contracted",
];
const HIGH: &[&str] = &[
    "highest",
    "best",
    "top",
    "largest",
    "biggest",
    "strongest",
    "leading",
    "led",
    "leads",
    "leader",
    "peak",
    "peaked",
    "greatest",
    "most",
];
const LOW: &[&str] = &[
    "lowest", "worst", "weakest", "smallest", "trailed", "lagged", "bottom", "least",
];
const LATER: &[&str] = &[
    "first",
    "second",
    "third",
    "fourth",
    "last",
    "next",
    "then",
    "again",
    "later",
    "afterwards",
    "before",
];
const NEGATING: &[&str] = &["not", "no", "never", "neither", "nor", "without", "except"];

/// The direction that a clause gives to a number in it: the nearest such word before it, else the next behind it.
#[must_use]
pub(super) fn direction_at(text: &str, clause: Stretch, claim: &Claim) -> Option<Direction> {
    let read = |word: &Word<'_>| {
        let lower = word.lower();
        if UP.contains(&lower.as_str()) {
            Some(Direction::Up)
        } else if DOWN.contains(&lower.as_str()) {
            Some(Direction::Down)
        } else {
            None
        }
    };
    let before = text.get(clause.start..claim.place.start).unwrap_or("");
    let after = text.get(claim.place.end..clause.end).unwrap_or("");
    // "12 % growth" binds closer than an earlier verb.
    let next = words(after).first().and_then(read);
    next.or_else(|| words(before).iter().rev().find_map(read))
        .or_else(|| words(after).iter().find_map(read))
}

/// All such statements that the facts contradict.
#[must_use]
pub(super) fn statements(reading: &MarkedText<'_>) -> Vec<Issue> {
    let mut out = Vec::new();
    for sentence in reading.sentences.iter().copied() {
        let shown = sentence.of(reading.text).trim();
        for clause in clauses(&reading.bare, sentence) {
            let said = Said::new(reading, sentence, clause);
            if said.any(NEGATING) || said.words.iter().any(|word| word.ends_with("n't")) {
                continue;
            }
            out.extend(rank(&said).map(|issue| issue.at(shown)));
            out.extend(movement(&said).map(|issue| issue.at(shown)));
        }
    }
    out
}

/// A clause, with what it names.
struct Said<'a> {
    reading: &'a MarkedText<'a>,
    sentence: Stretch,
    /// Its own words in lower case, names crossed out.
    words: Vec<String>,
    subjects: Vec<FoundSubject>,
    /// Periods shorter than all the data.
    periods: Vec<FoundPeriod>,
    /// Indices of the measures named.
    measures: Vec<usize>,
}

impl<'a> Said<'a> {
    fn new(reading: &'a MarkedText<'a>, sentence: Stretch, clause: Stretch) -> Self {
        let lower = clause.of(&reading.lower);
        let measures = reading.library.measures.iter().enumerate();
        Self {
            reading,
            sentence,
            words: words(clause.of(&reading.bare))
                .iter()
                .map(Word::lower)
                .collect(),
            subjects: reading
                .subjects
                .iter()
                .copied()
                .filter(|found| clause.holds(found.place.start))
                .collect(),
            periods: reading.periods_within(clause),
            measures: measures
                .filter(|(_, measure)| has_phrase(lower, measure))
                .map(|(index, _)| index)
                .collect(),
        }
    }

    fn any(&self, list: &[&str]) -> bool {
        self.words.iter().any(|word| list.contains(&word.as_str()))
    }

    /// Whether a fact is of the measure named, or none was named.
    fn measures(&self, known: &Known<'_>) -> bool {
        self.measures.is_empty()
            || known
                .measure
                .is_some_and(|index| self.measures.contains(&index))
    }
}

impl MarkedText<'_> {
    fn periods_within(&self, stretch: Stretch) -> Vec<FoundPeriod> {
        self.periods
            .iter()
            .copied()
            .filter(|found| stretch.holds(found.place.start) && !found.whole)
            .collect()
    }
}

fn wrong(description: String, suggestion: String) -> Issue {
    Issue::new(
        Category::Accuracy,
        Severity::Critical,
        description,
        suggestion,
    )
}

/// "North led", "August was the weakest month". Names in brackets, such as "(all others)", are not ranked.
fn rank(said: &Said<'_>) -> Option<Issue> {
    // Of something else than totals (growth, single rows) nothing can be said here.
    const OTHER: &[&str] = &[
        "growth", "increase", "decline", "drop", "rise", "gain", "change", "single", "row",
        "outlier", "value", "average", "median", "second", "third", "one",
    ];
    let library = said.reading.library;
    let (high, low) = (
        superlative(&said.words, HIGH),
        superlative(&said.words, LOW),
    );
    if high == low || said.any(OTHER) {
        return None;
    }
    let (mine, all): (&Known<'_>, Vec<&Known<'_>>) =
        match (said.subjects.as_slice(), said.periods.as_slice()) {
            ([one], []) => {
                let kind = &library.subjects.get(one.index)?.kind;
                let mine = first_level(said, |known| {
                    known.subjects == [one.index] && known.periods.is_empty()
                })?;
                let ranked = |id: &usize| {
                    let subject = library.subjects.get(*id);
                    subject.is_some_and(|subject| {
                        subject.kind == *kind && !subject.name.starts_with('(')
                    })
                };
                let peer = |known: &&Known<'_>| {
                    known.periods.is_empty()
                        && known.subjects.len() == 1
                        && known.subjects.iter().all(ranked)
                };
                (mine, peers(library, mine).filter(peer).collect())
            }
            ([], [one]) => {
                let mine = first_level(said, |known| {
                    known.subjects.is_empty() && known.periods == [one.span]
                })?;
                let peer =
                    |known: &&Known<'_>| known.subjects.is_empty() && known.periods.len() == 1;
                (mine, peers(library, mine).filter(peer).collect())
            }
            _ => return None,
        };
    let better = |known: &&&Known<'_>| {
        if high {
            known.value > mine.value
        } else {
            known.value < mine.value
        }
    };
    let order = |a: &&&Known<'_>, b: &&&Known<'_>| {
        if high {
            a.value.total_cmp(&b.value)
        } else {
            b.value.total_cmp(&a.value)
        }
    };
    let best = all.iter().filter(better).max_by(order)?;
    let (word, unit) = (
        if high { "highest" } else { "lowest" },
        best.fact.unit.as_deref(),
    );
    Some(wrong(
        format!("{} is not the {word}", name(mine.fact)),
        format!(
            "The {word} is {} with {}",
            name(best.fact),
            readable(best.value, unit)
        ),
    ))
}

fn superlative(said: &[String], list: &[&str]) -> bool {
    const RANKED: [&str; 9] = [
        "region",
        "month",
        "",
        "product",
        "category",
        "seller",
        "performer",
        "spot",
        "country",
    ];
    said.iter().enumerate().any(|(at, word)| {
        let next = said.get(at + 1).map_or("", String::as_str);
        let before = at
            .checked_sub(1)
            .and_then(|at| said.get(at))
            .map_or("", String::as_str);
        // "led to", "at least", "at most", "most of the", "the two best", "top three" rank nothing.
        let idiom = match word.as_str() {
            "led" | "leading" | "leads" => next == "to",
            "most" if next == "of" => true,
            "top" => !RANKED.contains(&next),
            _ => false,
        };
        list.contains(&word.as_str()) && !idiom && !matches!(before, "at" | "two" | "three")
    })
}

/// The fact a ranking would be about: a total before a mean before a count, of the measure named.
fn first_level<'l>(said: &Said<'l>, fits: impl Fn(&Known<'_>) -> bool) -> Option<&'l Known<'l>> {
    [Statistic::Total, Statistic::Mean, Statistic::Rows]
        .iter()
        .find_map(|statistic| {
            let level = said.reading.library.known.iter();
            level
                .filter(|known| known.statistic == statistic && said.measures(known))
                .find(|known| fits(known))
        })
}

fn peers<'l>(library: &'l Library<'_>, mine: &Known<'_>) -> impl Iterator<Item = &'l Known<'l>> {
    let (statistic, measure) = (mine.statistic, mine.measure);
    library
        .known
        .iter()
        .filter(move |known| known.statistic == statistic && known.measure == measure)
}

/// "Revenue fell in August": the change into the period named must have that sign; without a period, the change over all.
fn movement(said: &Said<'_>) -> Option<Issue> {
    let library = said.reading.library;
    let (up, down) = (said.any(MOVED_UP), said.any(MOVED_DOWN));
    if up == down || !said.subjects.is_empty() {
        return None;
    }
    let direction = if up { Direction::Up } else { Direction::Down };
    // "then fell in the third": a period is meant that is not named in full.
    if said.periods.is_empty() && said.any(LATER) {
        return None;
    }
    let times = match said.periods.as_slice() {
        [] => said.reading.periods_within(said.sentence),
        here => here.to_vec(),
    };
    let after = |found: &FoundPeriod| {
        let head = said
            .reading
            .bare
            .get(..found.place.start)
            .unwrap_or("")
            .trim_end();
        head.ends_with("after") || head.ends_with("since")
    };
    let meant = |from: &Span, to: &Span| match times.as_slice() {
        [] => library
            .covers
            .is_some_and(|covers| from.joined(to).covers(&covers)),
        [one] if after(one) => *from == one.span,
        [one] => *to == one.span,
        [one, other] => *from == one.span && *to == other.span,
        _ => false,
    };
    let known = library
        .known
        .iter()
        .filter(|known| matches!(known.statistic, Statistic::Growth | Statistic::Change))
        .filter(|known| known.subjects.is_empty() && said.measures(known))
        .find(|known| matches!(known.periods.as_slice(), [from, to] if meant(from, to)))?;
    if known.value != 0.0 && known.value.signum() == direction.sign() {
        return None;
    }
    let moved = if up { "it rose" } else { "it fell" };
    Some(wrong(
        format!("the text says {moved} where the data does not"),
        format!(
            "{} is {}",
            name(known.fact),
            readable(known.value, known.fact.unit.as_deref())
        ),
    ))
}
