//! Statements without a number that facts can contradict: "North led", "revenue fell in August".

use super::claims::Claim;
use super::known::{FoundPeriod, FoundSubject, Known, Library, Statistic};
use super::{Category, Issue, Severity};
use crate::macro_tier::figures::readable;
use crate::macro_tier::prose::{Stretch, Word, clauses, sentences, words};

/// Where something is said to move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// More.
    Up,
    /// Less.
    Down,
}

impl Direction {
    /// 1 or -1.
    #[must_use]
    pub fn sign(self) -> f64 {
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
const MOVED_UP: [&str; 12] = [
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
const MOVED_DOWN: [&str; 9] = [
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
const HIGH: [&str; 14] = [
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
const LOW: [&str; 8] = [
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
const NEGATING: [&str; 7] = ["not", "no", "never", "neither", "nor", "without", "except"];

/// The direction that a clause gives to a number in it: the nearest such word before it, else the next behind it.
#[must_use]
pub fn direction_at(text: &str, clause: Stretch, claim: &Claim) -> Option<Direction> {
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
pub fn statements(
    text: &str,
    library: &Library<'_>,
    subjects: &[FoundSubject],
    periods: &[FoundPeriod],
) -> Vec<Issue> {
    let mut out = Vec::new();
    for sentence in sentences(text) {
        for clause in clauses(text, sentence) {
            let here: Vec<FoundSubject> = subjects
                .iter()
                .copied()
                .filter(|found| clause.holds(found.place.start))
                .collect();
            let times: Vec<FoundPeriod> = periods
                .iter()
                .copied()
                .filter(|found| clause.holds(found.place.start))
                .collect();
            let said: Vec<String> = words(clause.of(text)).iter().map(Word::lower).collect();
            if said
                .iter()
                .any(|word| NEGATING.contains(&word.as_str()) || word.ends_with("n't"))
            {
                continue;
            }
            out.extend(
                rank(library, &said, &here, &times).map(|issue| issue.at(sentence.of(text).trim())),
            );
            out.extend(
                movement(text, library, sentence, &said, &here, periods, &times)
                    .map(|issue| issue.at(sentence.of(text).trim())),
            );
        }
    }
    out
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
fn rank(
    library: &Library<'_>,
    said: &[String],
    subjects: &[FoundSubject],
    periods: &[FoundPeriod],
) -> Option<Issue> {
    let high = superlative(said, &HIGH);
    let low = superlative(said, &LOW);
    // Of something else than totals (growth, single rows) nothing can be said here.
    let other = [
        "growth", "increase", "decline", "drop", "rise", "gain", "change", "single", "row",
        "outlier", "value", "average", "median", "second", "third", "one",
    ];
    if high == low || said.iter().any(|word| other.contains(&word.as_str())) {
        return None;
    }
    let narrow: Vec<&FoundPeriod> = periods.iter().filter(|found| !found.whole).collect();
    let (mine, all): (&Known<'_>, Vec<&Known<'_>>) = match (subjects, narrow.as_slice()) {
        ([one], []) => {
            let kind = &library.subjects.get(one.index)?.kind;
            let mine = first_level(library, said, |known| {
                known.subjects == [one.index] && known.periods.is_empty()
            })?;
            let peer = |known: &&Known<'_>| {
                known.periods.is_empty()
                    && known.subjects.len() == 1
                    && known.subjects.iter().all(|id| {
                        library.subjects.get(*id).is_some_and(|subject| {
                            subject.kind == *kind && !subject.name.starts_with('(')
                        })
                    })
            };
            (mine, peers(library, mine).filter(peer).collect())
        }
        ([], [one]) => {
            let mine = first_level(library, said, |known| {
                known.subjects.is_empty() && known.periods == [one.span]
            })?;
            (
                mine,
                peers(library, mine)
                    .filter(|known| known.subjects.is_empty() && known.periods.len() == 1)
                    .collect(),
            )
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
    let best = all.iter().filter(better).max_by(|a, b| {
        if high {
            a.value.total_cmp(&b.value)
        } else {
            b.value.total_cmp(&a.value)
        }
    })?;
    let (word, unit) = (
        if high { "highest" } else { "lowest" },
        best.fact.unit.as_deref(),
    );
    Some(wrong(
        format!("{} is not the {word}", mine.fact.name),
        format!(
            "The {word} is {} with {}",
            best.fact.name,
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
fn first_level<'l>(
    library: &'l Library<'_>,
    said: &[String],
    fits: impl Fn(&Known<'_>) -> bool,
) -> Option<&'l Known<'l>> {
    let named: Vec<usize> = library
        .measures
        .iter()
        .enumerate()
        .filter(|(_, measure)| said.iter().any(|word| word == *measure))
        .map(|(index, _)| index)
        .collect();
    let measure = |known: &&Known<'_>| {
        named.is_empty() || known.measure.is_some_and(|index| named.contains(&index))
    };
    [Statistic::Total, Statistic::Mean, Statistic::Rows]
        .iter()
        .find_map(|statistic| {
            library
                .known
                .iter()
                .filter(measure)
                .find(|known| known.statistic == *statistic && fits(known))
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
fn movement(
    text: &str,
    library: &Library<'_>,
    sentence: Stretch,
    said: &[String],
    subjects: &[FoundSubject],
    periods: &[FoundPeriod],
    here: &[FoundPeriod],
) -> Option<Issue> {
    let up = said.iter().any(|word| MOVED_UP.contains(&word.as_str()));
    let down = said.iter().any(|word| MOVED_DOWN.contains(&word.as_str()));
    if up == down || !subjects.is_empty() {
        return None;
    }
    let direction = if up { Direction::Up } else { Direction::Down };
    let changes = || {
        library.known.iter().filter(|known| {
            matches!(known.statistic, Statistic::Growth | Statistic::Change)
                && known.subjects.is_empty()
                && measure_said(library, said, known)
        })
    };
    let mut times: Vec<&FoundPeriod> = here.iter().filter(|found| !found.whole).collect();
    // "then fell in the third": a period is meant that is not named in full.
    if times.is_empty() && said.iter().any(|word| LATER.contains(&word.as_str())) {
        return None;
    }
    if times.is_empty() {
        times = periods
            .iter()
            .filter(|found| sentence.holds(found.place.start) && !found.whole)
            .collect();
    }
    let after = |found: &FoundPeriod| {
        let head = text
            .get(..found.place.start)
            .unwrap_or("")
            .trim_end()
            .to_lowercase();
        head.ends_with("after") || head.ends_with("since")
    };
    let meant: Option<&Known<'_>> = match times.as_slice() {
        [] => changes().find(|known| library.covers.is_some_and(|covers| matches!(known.periods.as_slice(), [from, to] if from.joined(to).covers(&covers)))),
        [one] => changes().find(|known| matches!(known.periods.as_slice(), [from, to] if if after(one) { from == &one.span } else { to == &one.span })),
        [one, other] => changes().find(|known| matches!(known.periods.as_slice(), [from, to] if from == &one.span && to == &other.span)),
        _ => None,
    };
    let known = meant?;
    if known.value == 0.0 || known.value.signum() != direction.sign() {
        let shown = readable(known.value, known.fact.unit.as_deref());
        return Some(wrong(
            format!(
                "the text says {} where the data does not",
                if up { "it rose" } else { "it fell" }
            ),
            format!("{} is {shown}", known.fact.name),
        ));
    }
    None
}

fn measure_said(library: &Library<'_>, said: &[String], known: &Known<'_>) -> bool {
    let named = |index: usize| {
        library
            .measures
            .get(index)
            .is_some_and(|measure| said.iter().any(|word| word == measure))
    };
    let any = (0..library.measures.len()).any(named);
    !any || known.measure.is_some_and(named)
}
