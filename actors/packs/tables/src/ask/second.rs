//! The second reading of a goal: by its words alone, beside the statements that were run for it.
//!
//! It knows nothing of how the goal was understood. Each word that asks for something leaves a trace in a statement: a median, an order, a
//! condition, a number, a period. Each word that names something stands in a column, a value, the file's name or a figure. What leaves no
//! trace may have changed what was asked, and an answer beside which such a word stands is not known to be right.

use std::collections::BTreeSet;

use aios_languages::{
    Ask, Asked, Asking, Folded, Hint, Tag, all_asks, asks, concept_number, folded, hints,
    language_of_goal, lexicon,
};
use aios_work::{Fact, Statistic};

use super::contradicted::{is_of_a_measure, is_of_money, names_a_unit};
use super::heard::is_participle;
use super::kin::{abbreviates, compound, kin};
use super::words::{Words, canon, spaced};

/// Rows that a statement of groups gives where no number of them was asked for.
const ALL: f64 = super::sql::GROUPS as f64;

/// Which figure a goal asks for by its words, where no fact is one: a mean that became a sum is seen here.
pub(super) fn another_figure(goal: &str, facts: &[Fact]) -> Option<&'static str> {
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
                && !is_unit(&words, *asked)
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
    is_of_another_unit(&words, facts).then_some("sum of money")
}

/// Whether a word asks for an amount of money, no statement names a column of one, and every figure with a unit is of something else: by its
/// own unit, or by the file's name where the figure has none.
fn is_of_another_unit(words: &[Folded], facts: &[Fact]) -> bool {
    let traces = Traces::of(facts);
    let asks = (0..words.len()).any(|at| {
        let said = words.get(at..=at).unwrap_or_default();
        let named = said
            .iter()
            .any(|word| traces.names.contains(&canon(&word.text)));
        let there = all_asks().iter().any(|asks| {
            let mut things = asks.concepts(said).into_iter();
            things.any(|concept| traces.concepts.contains(&concept))
        });
        is_of_money(said) && !named && !there
    });
    // Who names the unit too asks for that: "to cut costs: which site used the most kWh".
    let asks = asks && !names_a_unit(words);
    let of_a_measure = |fact: &Fact| match &fact.unit {
        Some(unit) => is_of_a_measure(unit),
        None => {
            let files = fact.source.text.split_once(": ").unwrap_or_default().0;
            spaced(files).iter().any(|word| is_of_a_measure(&word.text))
        }
    };
    let mut figures = facts
        .iter()
        .filter(|fact| fact.statistic != Statistic::Rows && fact.value.as_f64().is_some())
        .peekable();
    asks && figures.peek().is_some() && figures.all(of_a_measure)
}

/// "a margin below 20 percent": behind a number a word of shares is a unit.
fn is_unit(words: &[Folded], asked: Asked) -> bool {
    let before = asked.from.checked_sub(1).and_then(|at| words.get(at));
    asked.to == asked.from + 1
        && before.is_some_and(|word| word.text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The words of a goal that left no trace, as they stand in it.
pub(super) fn untraced(goal: &str, facts: &[Fact]) -> Vec<String> {
    let language = language_of_goal(goal);
    let words = Words::read(goal, language, &[]);
    let traces = Traces::of(facts);
    let mut heard = vec![false; words.all.len()];
    let mut out: Vec<String> = Vec::new();
    let mut hear = |from: usize, to: usize| {
        let all = heard.iter_mut().take(to).skip(from);
        all.for_each(|heard| *heard = true);
    };
    let doubt = |from: usize, to: usize, out: &mut Vec<String>| {
        let said = words.written(from, to).to_owned();
        if !out.contains(&said) {
            out.push(said);
        }
    };
    for asked in stretches(language, &words.all, &traces) {
        let traced = match asked.asking {
            Asking::Ask(Ask::Share) if is_unit(&words.all, asked) => true,
            Asking::Ask(ask) => traces.has(ask, &words, asked),
            Asking::Ordinal(number) => traces.counts(f64::from(number)) || traces.of_time(),
            Asking::Superlative(_, concept) => traces.is_ranked() && traces.is_about(concept),
            Asking::Concept(concept) => {
                // Things that rows may be of are heard where the data calls them so.
                if !traces.is_about(concept) {
                    continue;
                }
                true
            }
        };
        // What is no word of asking here may still be one of the data.
        let filler = asked.asking == Asking::Ask(Ask::Filler);
        if filler && traces.only_counts() && happened(&words, asked, language) {
            continue;
        }
        // "is A higher than B": what is compared is no figure of both together.
        let than = (asked.to..asked.to + 6).any(|at| ["than", "als"].contains(&words.text(at)));
        if filler && than && compares(words.text(asked.from)) && !traces.compares() {
            doubt(asked.from, asked.to, &mut out);
        }
        hear(asked.from, asked.to);
        if !traced {
            doubt(asked.from, asked.to, &mut out);
        }
    }
    for tag in lexicon(language)
        .map(|lexicon| lexicon.tags(&words.all))
        .unwrap_or_default()
    {
        match tag.tag {
            Tag::Concept(_) | Tag::Sense(_) => {}
            Tag::Month(month) => {
                let name = words.text(tag.from);
                hear(tag.from, tag.to);
                if !traces.has_month(month, name) && !traces.names.contains(&canon(name)) {
                    doubt(tag.from, tag.to, &mut out);
                }
            }
            _ => hear(tag.from, tag.to),
        }
    }
    for number in &words.numerals {
        let written = words.text(number.from);
        if (number.digits || number.value > 2.0)
            && !traces.holds(number.value)
            && !traces.text.contains(written)
        {
            doubt(number.from, number.to, &mut out);
        }
        hear(number.from, number.to);
    }
    // "least climbed": what such a word ranks by is a guess.
    let ranked: BTreeSet<usize> = asks(language)
        .map(|asks| asks.find(&words.all))
        .unwrap_or_default()
        .into_iter()
        .filter(|asked| matches!(asked.asking, Asking::Ask(Ask::Highest | Ask::Lowest)))
        .map(|asked| asked.to)
        .collect();
    for (at, word) in words.all.iter().enumerate() {
        let chooses = hints(Hint::Choosing, &word.text);
        let light = is_participle(&word.text, language)
            && !chooses
            && !ranked.contains(&at)
            && !traces.only_counts();
        let long = word.text.chars().count() > 1;
        let known = heard.get(at).copied().unwrap_or(true);
        if long && !known && !light && !traces.names_word(word) {
            doubt(at, at + 1, &mut out);
        }
    }
    out
}

/// Whether a word sets one thing against another.
fn compares(text: &str) -> bool {
    super::order::chooses_between(text) || super::order::comparative(text).is_some()
}

/// A word without meaning that is one of what was done: of rows that are counted it may say which.
fn happened(words: &Words, asked: Asked, language: &str) -> bool {
    const PLAIN: [&str; 24] = [
        "given",
        "listed",
        "recorded",
        "registered",
        "included",
        "contained",
        "based",
        "using",
        "including",
        "named",
        "called",
        "used",
        "there",
        "existing",
        "counted",
        "measured",
        "being",
        "aufgefuhrt",
        "verzeichnet",
        "enthalten",
        "erfasst",
        "gibt",
        "stehen",
        "reported",
    ];
    let text = words.text(asked.from);
    let english = language == "en" && (text.ends_with("ed") || text.ends_with("wn"));
    asked.to == asked.from + 1 && english && !PLAIN.contains(&text)
}

/// The longest reading of each stretch, of two as long the one that the data bears out; stretches that are names of the data are left out.
fn stretches(language: &str, words: &[Folded], traces: &Traces) -> Vec<Asked> {
    let found = asks(language)
        .map(|asks| asks.find(words))
        .unwrap_or_default();
    let mut out: Vec<Asked> = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let here = found.iter().filter(|asked| asked.from == at);
        let best = here.max_by_key(|asked| {
            let about = match asked.asking {
                Asking::Concept(concept) => traces.is_about(concept),
                Asking::Ask(Ask::Filler) => false,
                _ => true,
            };
            (asked.to, about)
        });
        let Some(best) = best else {
            at += 1;
            continue;
        };
        let said = words.get(best.from..best.to).unwrap_or_default();
        let named = said
            .iter()
            .all(|word| traces.names.contains(&canon(&word.text)));
        if !named {
            out.push(*best);
        }
        at = best.to.max(at + 1);
    }
    out
}

/// What the statements of an answer, its figures and their rows hold.
struct Traces {
    /// The statements, with the files they ask, in small letters.
    text: String,
    /// The words of columns, values, files and units, as they are compared.
    names: BTreeSet<String>,
    /// Things that these stand for.
    concepts: BTreeSet<u32>,
    /// Every number of the statements.
    numbers: Vec<f64>,
    /// Whether all figures count rows.
    counted: bool,
}

impl Traces {
    fn of(facts: &[Fact]) -> Self {
        let (mut names, mut concepts) = (BTreeSet::new(), BTreeSet::new());
        let mut learn = |text: &str| {
            let spoken = spaced(text);
            names.extend(spoken.iter().map(|word| canon(&word.text)));
            concepts.extend(all_asks().iter().flat_map(|asks| asks.concepts(&spoken)));
        };
        let mut sources: BTreeSet<&str> = BTreeSet::new();
        for fact in facts {
            for subject in &fact.subject {
                learn(&subject.kind);
                learn(&subject.name);
            }
            fact.measure.iter().for_each(|measure| learn(measure));
            fact.unit.iter().for_each(|unit| learn(unit));
            if sources.insert(&fact.source.text) {
                let (files, statement) = fact.source.text.split_once(": ").unwrap_or_default();
                learn(files);
                // Names and values stand in quotes; what stands outside is SQL.
                statement
                    .split(['"', '\''])
                    .skip(1)
                    .step_by(2)
                    .for_each(&mut learn);
            }
        }
        let text = sources
            .into_iter()
            .collect::<Vec<_>>()
            .join("\n")
            .to_lowercase()
            // How many cells have no value is told beside every figure, and takes nothing away.
            .replace("count(*) - count(", "count(");
        let numbers = text
            .split(|c: char| !c.is_ascii_digit() && c != '.')
            .filter_map(|run| run.trim_matches('.').parse().ok())
            .collect();
        let counts = |fact: &Fact| {
            fact.statistic == Statistic::Rows
                || matches!(&fact.statistic, Statistic::Other(name) if name == "different values")
        };
        Self {
            text,
            names,
            concepts,
            numbers,
            counted: !facts.is_empty() && facts.iter().all(counts),
        }
    }

    fn any(&self, parts: &[&str]) -> bool {
        parts.iter().any(|part| self.text.contains(part))
    }

    /// Whether counts of each are told, none of them first, to a goal without a word for counting.
    fn lists_counts(&self, words: &Words) -> bool {
        let counting = asks(&words.language).is_some_and(|asks| {
            asks.find(&words.all).iter().any(|asked| {
                matches!(
                    asked.asking,
                    Asking::Ask(
                        Ask::Count
                            | Ask::Rows
                            | Ask::Distinct
                            | Ask::Per
                            | Ask::Share
                            | Ask::Above
                            | Ask::AtLeast
                            | Ask::Below
                            | Ask::AtMost
                            | Ask::Rank
                    ) | Asking::Superlative(..)
                )
            })
        });
        !counting && !self.is_ranked() && self.any(&["group by"])
    }

    fn compares(&self) -> bool {
        self.is_ranked() || self.any(&["as change", " - ", "> ", "< ", ">= ", "<= "])
    }

    fn only_counts(&self) -> bool {
        self.counted
    }

    fn of_time(&self) -> bool {
        self.any(&["between '", "strftime", "substr("])
    }

    /// Whether rows or groups are put in an order and only some of them are meant.
    fn is_ranked(&self) -> bool {
        let limited = self
            .text
            .match_indices("limit ")
            .filter_map(|(at, part)| {
                let rest = self.text.get(at + part.len()..)?;
                let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                digits.parse::<f64>().ok()
            })
            .any(|limit| limit < ALL);
        limited || self.any(&["max(", "min(", "lag("])
    }

    /// Whether so many groups or rows were asked for: a few more are looked at.
    fn counts(&self, number: f64) -> bool {
        let more = f64::from(super::sql::TIES);
        self.numbers
            .iter()
            .any(|known| *known == number + more || *known == number || *known == number - 1.0)
    }

    fn holds(&self, number: f64) -> bool {
        self.counts(number) || self.numbers.iter().any(|known| *known == number / 100.0)
    }

    fn has_month(&self, month: u8, name: &str) -> bool {
        let begins: String = name.chars().take(3).collect();
        self.text.contains(&format!("-{month:02}-"))
            || self.text.contains(&format!("= {month}"))
            || self.text.contains(&begins)
    }

    /// Whether a thing is what a column, a value or the file is called, or what stands for it.
    fn is_about(&self, concept: u32) -> bool {
        // Of what is said in general words, amounts and counts, all tables tell.
        const GENERAL: [(&str, &[&str]); 9] = [
            ("revenue", &["amount", "price", "sold"]),
            ("sold", &["revenue", "amount", "quantity", "order"]),
            ("spent", &["cost", "amount", "price", "revenue"]),
            ("cost", &["amount", "price", "spent"]),
            ("order", &["amount", "revenue"]),
            ("invoice", &["amount", "cost"]),
            ("salary", &["amount", "price", "revenue"]),
            ("profit", &["revenue"]),
            ("worth", &["price"]),
        ];
        let is = |name: &str| concept_number(name) == concept;
        let knows = |name: &str| self.concepts.contains(&concept_number(name));
        self.concepts.contains(&concept)
            || is("occurrence")
            || is("duration") && self.text.contains("julianday")
            || GENERAL
                .iter()
                .any(|(name, others)| is(name) && others.iter().any(|other| knows(other)))
    }

    /// Whether a word is one of a column, a value, the file, or of their family.
    fn names_word(&self, word: &Folded) -> bool {
        let stem = canon(&word.text);
        let digits = word.text.bytes().any(|byte| byte.is_ascii_digit());
        self.names.contains(&stem)
            || digits && self.text.contains(&word.text)
            || self.names.iter().any(|name| {
                kin(&word.text, name)
                    || compound(name, &stem)
                    || abbreviates(name, &word.text)
                    || self.has_both(&word.text, name)
            })
    }

    /// Whether a word is a name of the data with a thing behind it that they are about: "Reisekosten".
    fn has_both(&self, word: &str, name: &str) -> bool {
        let rest = word.strip_prefix(name).unwrap_or_default();
        let rest = rest.trim_start_matches('s');
        name.chars().count() >= 4
            && rest.chars().count() >= 4
            && all_asks().iter().any(|asks| {
                let mut things = asks.concepts(&folded(rest)).into_iter();
                things.any(|concept| self.is_about(concept))
            })
    }

    /// Whether what a word asks for shows in a statement.
    fn has(&self, ask: Ask, words: &Words, asked: Asked) -> bool {
        let number = || {
            words
                .numerals
                .iter()
                .any(|number| (asked.to..asked.to + 3).contains(&number.from))
        };
        match ask {
            Ask::Median => self.any(&["median("]),
            Ask::Mean => self.any(&["avg(", "nullif("]),
            Ask::Deviation | Ask::Variance | Ask::Correlation => self.any(&["stddev("]),
            Ask::Percentile => self.any(&["quantile("]),
            Ask::Weighted | Ask::Ratio => self.any(&["nullif("]),
            Ask::Distinct => self.any(&["distinct", "group by"]),
            Ask::Highest | Ask::Lowest | Ask::Top | Ask::Bottom => self.is_ranked(),
            Ask::Rank => self.any(&["order by"]),
            Ask::Share => self.any(&["100.0 *"]),
            Ask::Growth => self.any(&["as growth", "lag(", "group by"]),
            Ask::Change => self.any(&["as change", " - ", "lag(", "julianday"]),
            Ask::Range => self.any(&["max(", " - ", "julianday"]),
            Ask::Per | Ask::Daily | Ask::Weekly | Ask::Monthly | Ask::Quarterly | Ask::Yearly => {
                self.any(&["group by", "nullif(", "order by"])
            }
            Ask::Weekday | Ask::Weekend | Ask::Workday => self.any(&["strftime"]),
            Ask::Hour => self.any(&["substr("]) || !self.counted,
            Ask::Without => self.any(&["not ", "is null", " - ", "= 0"]),
            Ask::Missing => self.any(&["is null", "is not null", "= 0"]),
            // "higher than the other": without a number it sets one thing against another.
            Ask::Above | Ask::Below
                if asked.to > asked.from + 1 && words.text(asked.to - 1) == "than" && !number() =>
            {
                self.compares()
            }
            Ask::Above | Ask::AtLeast => !number() || self.any(&["> ", ">= ", "between"]),
            Ask::Below | Ask::AtMost => !number() || self.any(&["< ", "<= ", "between"]),
            Ask::Or => self.any(&[" or ", " in (", "between", ">= ", "<= "]),
            Ask::Between => self.any(&["between", " - ", "stddev("]),
            Ask::Exactly => !number() || self.any(&["= ", " in ("]),
            Ask::BelowZero => self.any(&["< 0"]),
            Ask::AboveZero => self.any(&["> 0"]),
            Ask::Running => self.any(&["over (order"]),
            Ask::Outlier | Ask::Reason => false,
            Ask::Since
            | Ask::Before
            | Ask::After
            | Ask::Previous
            | Ask::YearToDate
            | Ask::FirstHalf
            | Ask::SecondHalf => {
                self.of_time() || self.any(&["between", "lag(", " in (", "substr(lower("])
            }
            Ask::First | Ask::Last => {
                self.of_time() || self.is_ranked() || self.any(&["between", " in ("])
            }
            Ask::When | Ask::Where | Ask::List => self.any(&["as label", "as c1", "as value"]),
            // How many rows there are of each is told to nobody who asks which.
            Ask::Which | Ask::Who => {
                !(self.counted && self.lists_counts(words))
                    && (ask == Ask::Which || self.any(&["as label", "as c1", "as value"]))
            }
            // Heads may be rows or what a column counts.
            Ask::Count => !words.text(asked.from).starts_with("head"),
            _ => true,
        }
    }
}
