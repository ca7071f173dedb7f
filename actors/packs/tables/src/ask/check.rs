//! Judging an answer that was made of facts: every number in it is one of them or was given, and what was asked stands in its first
//! paragraph. Whether the facts are right is for whoever asks again and for the Critic's own reading of the file.

use std::collections::BTreeSet;

use aios_languages::{
    Ask, Asking, Folded, asks, concept_number, folded, language_of_goal, lexicon,
};
use aios_work::{Category, Evidence, Fact, Issue, Opinion, Severity, Statistic, When};

use super::figures::THINGS;
use super::heard::is_participle;
use super::kin::{compound, kin};
use super::say::Speech;
use super::words::{canon, spaced};

/// The runs of digits in a text with what groups and cuts them; a space ends one, as some languages group by it.
pub(super) fn numerals(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut open = String::new();
    for c in text.chars().chain([' ']) {
        let inside = c.is_ascii_digit() || (!open.is_empty() && matches!(c, '.' | ','));
        if inside {
            open.push(c);
        } else if !open.is_empty() {
            let run = open.trim_end_matches(['.', ',']).to_owned();
            open.clear();
            out.push(run);
        }
    }
    out
}

/// What a reader sees: without the title, which is the goal, without statements, and without drawings, which are judged by themselves.
pub(super) fn seen(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut fenced = false;
    for (at, line) in text.lines().enumerate() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if !fenced && at > 0 && !line.starts_with("![") {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

fn shown(fact: &Fact, speech: &Speech) -> Option<String> {
    Some(speech.number(fact.value.as_f64()?, None))
}

/// Which figure a goal asks for by its words, where no fact is one. This reads the goal by its words alone and knows nothing of how it was
/// understood, so that a mean that became a sum is seen here.
fn another_figure(goal: &str, facts: &[Fact]) -> Option<&'static str> {
    let words = folded(goal);
    let found = asks(language_of_goal(goal))?.find(&words);
    let named = |from: usize, to: usize| {
        // "mean_temp": a word of a column's name asks nothing.
        let said = words.get(from..to).unwrap_or_default();
        facts
            .iter()
            .filter_map(|fact| fact.measure.as_deref())
            .any(|measure| {
                let name = folded(measure);
                said.iter()
                    .all(|word| name.iter().any(|other| other.text == word.text))
            })
    };
    let says = |wanted: Ask| {
        found.iter().any(|asked| {
            asked.asking == Asking::Ask(wanted)
                && !named(asked.from, asked.to)
                && !found.iter().any(|other| {
                    other.from <= asked.from
                        && other.to >= asked.to
                        && other.to - other.from > asked.to - asked.from
                })
        })
    };
    let is = |wanted: &[Statistic]| facts.iter().any(|fact| wanted.contains(&fact.statistic));
    let other = |part: &str| {
        facts
            .iter()
            .any(|fact| matches!(&fact.statistic, Statistic::Other(name) if name.contains(part)))
    };
    let percent = facts.iter().any(|fact| fact.unit.as_deref() == Some("%"));
    if says(Ask::Median) && !is(&[Statistic::Median]) {
        return Some("median");
    }
    if says(Ask::Mean) && !is(&[Statistic::Mean, Statistic::Ratio]) && !other("mean") {
        return Some("mean");
    }
    if says(Ask::Share) && !is(&[Statistic::Share, Statistic::Ratio]) && !percent {
        return Some("share");
    }
    if says(Ask::Deviation) && !other("deviation") {
        return Some("standard deviation");
    }
    None
}

/// Words of a goal that neither ask nor stand in any figure, its rows or its statement: what they change, nobody can tell by a second
/// reading.
fn unheard(goal: &str, facts: &[Fact]) -> Vec<String> {
    let language = language_of_goal(goal);
    let words = folded(goal);
    let mut heard = vec![false; words.len()];
    let mut hear = |from: usize, to: usize| {
        heard
            .iter_mut()
            .take(to)
            .skip(from)
            .for_each(|heard| *heard = true);
    };
    // Things that rows may be of, such as books and flights, are heard where the data calls them so.
    let things: BTreeSet<u32> = THINGS.iter().map(|name| concept_number(name)).collect();
    for asked in asks(language)
        .map(|asks| asks.find(&words))
        .unwrap_or_default()
    {
        let thing = matches!(asked.asking, Asking::Concept(concept) if things.contains(&concept));
        if !thing {
            hear(asked.from, asked.to);
        }
    }
    for tag in lexicon(language)
        .map(|lexicon| lexicon.tags(&words))
        .unwrap_or_default()
    {
        hear(tag.from, tag.to);
    }
    let mut names: BTreeSet<String> = BTreeSet::new();
    let mut learn = |text: &str| {
        names.extend(spaced(text).iter().map(|word| canon(&word.text)));
    };
    for fact in facts {
        fact.subject.iter().for_each(|subject| {
            learn(&subject.kind);
            learn(&subject.name);
        });
        fact.measure.iter().for_each(|measure| learn(measure));
        fact.unit.iter().for_each(|unit| learn(unit));
        learn(&fact.source.text);
    }
    // "least climbed": what such a word ranks by is a guess.
    let ranked: BTreeSet<usize> = asks(language)
        .map(|asks| asks.find(&words))
        .unwrap_or_default()
        .into_iter()
        .filter(|asked| matches!(asked.asking, Asking::Ask(Ask::Highest | Ask::Lowest)))
        .filter_map(|asked| words.get(asked.to).map(|word| word.start))
        .collect();
    let known = |word: &Folded| {
        let stem = canon(&word.text);
        word.text.bytes().any(|byte| byte.is_ascii_digit())
            || names.contains(&stem)
            || names
                .iter()
                .any(|name| kin(&word.text, name) || compound(name, &stem))
            || is_participle(&word.text, language) && !ranked.contains(&word.start)
    };
    words
        .iter()
        .zip(heard)
        .filter(|(word, heard)| !heard && word.text.chars().count() > 1 && !known(word))
        .map(|(word, _)| {
            goal.get(word.start..word.end)
                .unwrap_or_default()
                .to_owned()
        })
        .collect()
}

/// Tells `learn` all that a fact says in words: its value if that is one, what it is about, its unit, source, period and line.
pub(super) fn words_of(fact: &Fact, learn: &mut impl FnMut(&str)) {
    fact.value.as_str().iter().for_each(|text| learn(text));
    fact.subject.iter().for_each(|subject| {
        learn(&subject.name);
        learn(&subject.kind);
    });
    fact.unit.iter().for_each(|unit| learn(unit));
    learn(&fact.source.text);
    match fact.period {
        Some(When::During(period)) => {
            learn(&period.key());
            super::say::week(&period.key())
                .iter()
                .for_each(|week| learn(week));
        }
        Some(When::Between { from, to }) => {
            learn(&from.key());
            learn(&to.key());
        }
        Some(When::Undated) | None => {}
    }
    if let Some(line) = fact.source.row {
        learn(&line.to_string());
    }
}

/// Whether an answer says its facts and nothing else.
pub(crate) fn check(text: &str, evidence: &Evidence) -> Opinion {
    let speech = Speech::of(language_of_goal(&evidence.goal));
    let text = seen(text);
    let mut known: BTreeSet<String> = BTreeSet::new();
    let mut learn = |text: &str| known.extend(numerals(text));
    learn(&evidence.goal);
    evidence.passages.iter().for_each(|passage| learn(passage));
    evidence.measures.iter().for_each(|measure| learn(measure));
    for fact in &evidence.facts {
        shown(fact, &speech).iter().for_each(|shown| learn(shown));
        // A year is shown without marks between its digits.
        fact.value
            .as_f64()
            .iter()
            .for_each(|value| learn(&value.to_string()));
        words_of(fact, &mut learn);
    }
    // How many more there are than are named.
    let counted = |run: &String| {
        run.parse::<usize>()
            .is_ok_and(|count| count <= evidence.facts.len())
    };
    let (mut right, mut all) = (0, 0);
    let mut issues = Vec::new();
    for run in numerals(&text) {
        all += 1;
        if known.contains(&run) || counted(&run) {
            right += 1;
        } else if issues.len() < 8 {
            issues.push(Issue::new(
                Category::Accuracy,
                Severity::Critical,
                format!("{run} is in the answer and in none of its facts"),
                "State facts alone",
            ));
        }
    }
    // The answer comes first.
    let first = text
        .split("\n\n")
        .find(|part| !part.trim().is_empty() && !part.trim_start().starts_with('#'))
        .unwrap_or_default();
    let said: BTreeSet<String> = numerals(first).into_iter().collect();
    let stated = evidence.facts.iter().any(|fact| {
        let shown = shown(fact, &speech);
        let plain = fact.value.as_str().map(str::to_owned);
        let written = fact.value.as_f64().map(|value| value.to_string());
        let mut all = shown.into_iter().chain(plain).chain(written);
        all.any(|shown| {
            let runs = numerals(&shown);
            // A name without a digit is stated by its letters.
            runs.iter().all(|run| said.contains(run))
                && (!runs.is_empty() || first.contains(&shown))
        })
    });
    let complete = evidence.facts.is_empty() || stated;
    if !complete {
        issues.push(Issue::new(
            Category::Completeness,
            Severity::Critical,
            "the first paragraph states none of the figures",
            "Begin with the figure that was asked for",
        ));
    }
    let accuracy = if all == 0 {
        1.0
    } else {
        f64::from(right) / f64::from(all)
    };
    if let Some(wanted) =
        another_figure(&evidence.goal, &evidence.facts).filter(|_| !evidence.facts.is_empty())
    {
        issues.push(Issue::new(
            Category::Accuracy,
            Severity::Critical,
            format!("the goal asks for a {wanted}, and none of the figures is one"),
            "Compute what is asked for",
        ));
    }
    let mut scores = vec![(Category::Completeness, if complete { 1.0 } else { 0.0 })];
    // What a word of the goal changes that nothing here can place, no check can tell: the answer is then not known to be right.
    if accuracy < 1.0 || unheard(&evidence.goal, &evidence.facts).is_empty() {
        scores.push((Category::Accuracy, accuracy));
    }
    Opinion {
        scores,
        issues,
        claims: all as usize,
        supported: right as usize,
    }
}
