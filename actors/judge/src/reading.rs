//! An answer read against its ground: every number with where it could come from.

use std::collections::HashSet;
use std::sync::Arc;

use aios_languages::{Lexicon, language_of, lexicon};

use crate::answer::{Answer, Kind as Piece};
use crate::explain::{Explainer, Explanation, Form};
use crate::ground::{Ground, reading};
use crate::numeral::Number;
use crate::paper::{Paper, Sentence, clock, same, weekdays};
use crate::scope::Place;
use crate::text::Text;
use crate::unit::Kind;

/// Sentences of a document, and numbers of these, of which others may follow.
const NEAR: usize = 3;
const OPERANDS: usize = 12;
/// How many times an amount is taken at most: nights, months, people.
const MANY: f64 = 60.0;

/// An answer and what was found of it.
pub(crate) struct Reading<'a> {
    pub ground: &'a Ground,
    pub raw: &'a str,
    pub answer: Answer,
    pub texts: Vec<Text>,
    /// The language it is written in, if one of those known.
    pub language: Option<Arc<Lexicon>>,
    /// The words it is read by.
    pub lexicon: Arc<Lexicon>,
    pub claims: Vec<Claim>,
}

/// A number that the answer states.
#[derive(Debug)]
pub(crate) struct Claim {
    pub piece: usize,
    pub number: usize,
    pub found: Vec<Explanation>,
    /// What would have been right, for people.
    pub instead: Vec<(String, f64)>,
    /// Whether nobody would take it for a figure.
    pub casual: bool,
    /// What it contradicts.
    pub against: Option<String>,
}

impl<'a> Reading<'a> {
    /// Reads an answer.
    pub(crate) fn new(raw: &'a str, ground: &'a Ground) -> Self {
        let language = language_of(raw)
            .and_then(lexicon)
            .or_else(|| ground.language.clone());
        let lexicon = reading(language.as_ref());
        let answer = Answer::read(raw, Some(&lexicon));
        let texts = answer
            .pieces
            .iter()
            .map(|piece| ground.read(&piece.text, &lexicon))
            .collect();
        let mut read = Self {
            ground,
            raw,
            answer,
            texts,
            language,
            lexicon,
            claims: Vec::new(),
        };
        read.claims = read.claims_of();
        read
    }

    /// What stands over a piece, the innermost first.
    pub(crate) fn labels(&self, piece: usize) -> Vec<&Text> {
        self.answer.pieces[piece]
            .labels
            .iter()
            .rev()
            .map(|label| &self.texts[*label])
            .collect()
    }

    /// The place of a piece.
    pub(crate) fn place(&self, piece: usize) -> Place<'_> {
        let own = &self.answer.pieces[piece];
        let before = piece.checked_sub(1).filter(|before| {
            self.answer.pieces[*before].block == own.block
                && matches!(own.kind, Piece::Sentence | Piece::Item)
        });
        Place {
            text: &self.texts[piece],
            labels: self.labels(piece),
            before: before.map(|before| &self.texts[before]),
            asked: &self.ground.asked,
        }
    }

    /// Pieces that are said and not only shown or headed.
    pub(crate) fn said(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.texts.len()).filter(|piece| {
            !matches!(
                self.answer.pieces[*piece].kind,
                Piece::Head | Piece::Heading | Piece::Code
            )
        })
    }

    /// The claims of one piece.
    pub(crate) fn claims_at(&self, piece: usize) -> &[Claim] {
        let start = self.claims.partition_point(|claim| claim.piece < piece);
        let end = self.claims.partition_point(|claim| claim.piece <= piece);
        self.claims.get(start..end).unwrap_or_default()
    }

    fn claims_of(&self) -> Vec<Claim> {
        let mut out = Vec::new();
        for piece in self.said() {
            for (index, number) in self.texts[piece].numbers.iter().enumerate() {
                out.push(self.claim(piece, index, number));
            }
        }
        out
    }

    fn claim(&self, piece: usize, index: usize, number: &Number) -> Claim {
        let mut claim = Claim {
            piece,
            number: index,
            found: Vec::new(),
            instead: Vec::new(),
            casual: number.is_casual(),
            against: None,
        };
        claim.casual &= !self.counts_names(piece, number);
        if self.given(piece, number) {
            claim.found.push(Explanation {
                table: 0,
                form: Form::Given,
                measure: None,
                preds: Vec::new(),
            });
            return claim;
        }
        let place = self.place(piece);
        for (table, grid) in self.ground.grids.iter().enumerate() {
            let mut scope = place.scope(number, table, grid);
            let mut looked = Explainer::new(grid, table, number, &scope).run();
            // A word can name another column than the one that is meant; a number with so many digits meets its own by no accident.
            if looked.found.is_empty()
                && digits(number) >= 4
                && !place.names_one(number, &scope, grid)
            {
                scope.measures = grid.measures().collect();
                let wider = Explainer::new(grid, table, number, &scope).run();
                looked.found = wider.found;
            }
            claim.found.extend(looked.found);
            claim.instead.extend(looked.instead);
        }
        for paper in &self.ground.papers {
            self.said_by(paper, piece, number, &mut claim);
            // "30 in total": what follows from what is said is not said of something else.
            if claim.against.is_some()
                && let Some(at) = self.follows(paper, piece, number)
            {
                claim.against = None;
                claim.found.push(said(at));
            }
        }
        self.signed(number, &mut claim);
        claim
    }

    /// "Three sensors": a small number in words that counts what a column names.
    fn counts_names(&self, piece: usize, number: &Number) -> bool {
        let text = &self.texts[piece];
        let next = text.words.partition_point(|word| word.start < number.end);
        let Some((_, stem)) = text.stems.iter().find(|(word, _)| *word == next) else {
            return false;
        };
        // What the goal asks to be counted: "how many trains".
        let asked = &self.ground.asked.text;
        let counted = asked.tags.iter().any(|tag| {
            tag.tag == aios_languages::Tag::Sense(aios_languages::Sense::AskCount)
                && asked
                    .stems
                    .iter()
                    .any(|(word, own)| *word == tag.to && own == stem)
        });
        if counted {
            return true;
        }
        let mut groups = self
            .ground
            .grids
            .iter()
            .flat_map(|grid| grid.groups().map(move |column| &grid.columns[column]));
        groups.any(|column| column.stems.contains(stem))
    }

    /// Whether the goal itself gives the number.
    fn given(&self, piece: usize, number: &Number) -> bool {
        let asked = &self.ground.asked.text;
        let there = asked
            .numbers
            .iter()
            .any(|own| same(number, own) && own.unit == number.unit);
        if !there {
            // "More than a day" is one of it, in whatever unit it is repeated.
            return number.unit.as_ref().is_some_and(|stated| {
                let singles = asked.tags.iter().filter_map(|tag| match tag.tag {
                    aios_languages::Tag::Unit(name) => Some(crate::unit::Unit::named(name)),
                    _ => None,
                });
                let limit = [aios_languages::Sense::Above, aios_languages::Sense::Below];
                limit.iter().any(|sense| asked.has(*sense))
                    && number.bound.is_some()
                    && singles
                        .filter_map(|unit| unit.convert(1.0, stated))
                        .any(|value| number.equals(value))
            });
        }
        // A limit is repeated with its unit or side; a bare number may be a figure that only looks alike.
        let text = &self.texts[piece];
        number.unit.is_some() || number.bound.is_some() || text.numbers.len() > 1
    }

    /// Whether a document states the number where the answer's words point.
    fn said_by(&self, paper: &Paper, piece: usize, number: &Number, claim: &mut Claim) {
        let text = &self.texts[piece];
        let clause = text.clause(number.start);
        let near: HashSet<String> = text
            .stems
            .iter()
            .filter(|(word, _)| text.clause(text.words[*word].start) == clause)
            // What lies behind the next number is that one's: "7.5 hours less 30 minutes of break".
            .filter(|(word, _)| {
                let place = text.words[*word].start;
                let within = |other: &Number| {
                    other.start > number.end && !other.is_casual() && other.end <= place
                };
                !text.numbers.iter().any(within)
            })
            .map(|(_, stem)| stem.clone())
            .collect();
        let mut all: HashSet<String> = text.stems.iter().map(|(_, stem)| stem.clone()).collect();
        for label in self.labels(piece) {
            all.extend(label.stems.iter().map(|(_, stem)| stem.clone()));
        }
        let short = all.len() < 2;
        if short {
            all.extend(
                self.ground
                    .asked
                    .text
                    .stems
                    .iter()
                    .map(|(_, stem)| stem.clone()),
            );
        }
        if let Some(other) = counts_otherwise(paper, text, number) {
            let mut wanted = all.clone();
            wanted.extend(
                self.ground
                    .asked
                    .text
                    .stems
                    .iter()
                    .map(|(_, stem)| stem.clone()),
            );
            let fits = |at: usize| paper.overlap(&paper.sentences[at], &wanted);
            let counted = fits(other);
            // Of other things the same number may be told: "fifteen members were in favour" of 15 votes.
            let elsewhere = (0..paper.sentences.len())
                .any(|at| paper.sentences[at].says(number).is_some() && fits(at) >= counted);
            if !elsewhere {
                claim.casual = false;
                claim.against = Some(paper.quoted(other));
                return;
            }
        }
        if self.is_mark(paper, text, number) {
            claim.found.push(said(usize::MAX));
            return;
        }
        let days = weekdays(text, |place| text.clause(place) == clause);
        let fits = |at: &usize| on_days(&paper.sentences[*at], number, &days);
        let (holders, others): (Vec<usize>, Vec<usize>) = (0..paper.sentences.len())
            .filter(|at| holds(&paper.sentences[*at], text, number))
            .partition(fits);
        if let (true, Some(other)) = (holders.is_empty(), others.first()) {
            claim.against = Some(paper.quoted(*other));
            return;
        }
        if holders.is_empty() {
            if let Some(at) = self.worked_out(paper, text, number, &all) {
                claim.found.push(said(at));
                return;
            }
            let nearest = paper.nearest(&all);
            if let Some(other) = nearest
                .iter()
                .take(2)
                .find_map(|(at, _)| Some((*at, paper.sentences[*at].says_otherwise(number)?)))
            {
                claim.instead.push((paper.quoted(other.0), other.1.value()));
            }
            return;
        }
        let goal: HashSet<String> = self
            .ground
            .asked
            .text
            .stems
            .iter()
            .map(|(_, stem)| stem.clone())
            .collect();
        let weight = |at: usize| {
            let sentence = &paper.sentences[at];
            paper.overlap(sentence, &near) * 2.0
                + paper.overlap(sentence, &all)
                + paper.overlap(sentence, &goal) * 0.7
        };
        // "Everybody else pays 15" goes on with what the sentence before speaks of.
        let goes_on = |at: usize| {
            let before = &paper.sentences[at].before;
            let known = all.union(&goal).filter(|stem| before.contains(*stem));
            known.map(|stem| paper.weight(stem)).sum::<f64>() * 0.5
        };
        let best = holders
            .iter()
            .copied()
            .map(|at| (at, weight(at) + goes_on(at)))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        let Some((holder, held)) = best else { return };
        // Another sentence that the words fit much better says another number of the kind.
        let rival = (0..paper.sentences.len())
            .filter(|at| {
                !holders.contains(at) && paper.sentences[*at].says_otherwise(number).is_some()
            })
            .map(|at| (at, weight(at) + goes_on(at)))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((at, fits)) = rival
            && fits > held * 1.6 + 1.0
        {
            claim.against = Some(paper.quoted(at));
            return;
        }
        if held == 0.0 && !short && number.unit.is_none() {
            claim.against = Some(paper.quoted(holder));
            return;
        }
        let mut context = goal;
        if let Some(before) = self.place(piece).before {
            context.extend(before.stems.iter().map(|(_, stem)| stem.clone()));
        }
        if crossed(&paper.sentences[holder], number, &near, &context) {
            claim.against = Some(paper.quoted(holder));
            return;
        }
        claim.found.push(said(holder));
    }

    /// The same of a number in a sentence that names a sum or a difference.
    fn follows(&self, paper: &Paper, piece: usize, number: &Number) -> Option<usize> {
        let text = &self.texts[piece];
        let all = text.stems.iter().map(|(_, stem)| stem.clone()).collect();
        let several = text.numbers.len() > 2;
        several.then(|| self.worked_out(paper, text, number, &all))?
    }

    /// The sentence of whose numbers one follows: their difference, sum, product or ratio, of numbers that the words point to.
    fn worked_out(
        &self,
        paper: &Paper,
        text: &Text,
        number: &Number,
        all: &HashSet<String>,
    ) -> Option<usize> {
        use aios_languages::Sense;
        // Of a small number something follows by accident: only what its own sentence says is done counts.
        let told = [Sense::Difference, Sense::Total, Sense::Growth]
            .iter()
            .any(|sense| {
                text.has(*sense) || (number.is_precise() && self.ground.asked.text.has(*sense))
            });
        let shown = |one: &Number| {
            text.numbers
                .iter()
                .any(|own| own.start != number.start && same(own, one))
        };
        let mut wanted = all.clone();
        wanted.extend(
            self.ground
                .asked
                .text
                .stems
                .iter()
                .map(|(_, stem)| stem.clone()),
        );
        let mut near: Vec<usize> = paper
            .nearest(&wanted)
            .iter()
            .take(NEAR)
            .flat_map(|(at, _)| [Some(*at), at.checked_sub(1), Some(at + 1)])
            .flatten()
            .filter(|at| *at < paper.sentences.len())
            .collect();
        let mut seen = HashSet::new();
        near.retain(|at| seen.insert(*at));
        let given: Vec<(usize, &Number)> = near
            .iter()
            .flat_map(|at| {
                paper.sentences[*at]
                    .text
                    .numbers
                    .iter()
                    .map(move |own| (*at, own))
            })
            .take(OPERANDS)
            .collect();
        let convertible = |own: &Number| match (&number.unit, &own.unit) {
            (Some(unit), Some(source)) => source.convert(own.value(), unit),
            (None, _) => Some(own.value()),
            (Some(_), None) => None,
        };
        let share = number
            .unit
            .as_ref()
            .is_some_and(crate::unit::Unit::is_share);
        given.iter().enumerate().find_map(|(index, (at, one))| {
            let follows = given.iter().skip(index + 1).any(|(_, other)| {
                let alike = match (&one.unit, &other.unit) {
                    (Some(a), Some(b)) => a.kind == b.kind,
                    (None, None) => true,
                    _ => false,
                };
                let (a, b) = (one.value(), other.value());
                if share {
                    return alike
                        && (told || shown(one) || shown(other))
                        && a != 0.0
                        && b != 0.0
                        && { number.is(100.0 * a / b) || number.is(100.0 * b / a) };
                }
                // What is put together or taken away is said to be, or both of it stand beside.
                let sums = alike
                    && (told || (shown(one) && shown(other)))
                    && match (convertible(one), convertible(other)) {
                        (Some(a), Some(b)) => number.is_size(a - b) || number.is(a + b),
                        _ => false,
                    };
                let times = |many: &Number, each: &Number| {
                    // "Two monthly rents": where the count stands no amount does.
                    let bare = given.iter().all(|(place, own)| {
                        let same = std::ptr::eq(*own, many) || own.unit.is_none();
                        let beside = given
                            .iter()
                            .any(|(at, own)| std::ptr::eq(*own, many) && at == place);
                        !beside
                            || same
                            || own.unit.as_ref().map(|unit| &unit.kind)
                                != number.unit.as_ref().map(|unit| &unit.kind)
                    });
                    (told || (shown(many) && (shown(each) || bare)))
                        && many
                            .unit
                            .as_ref()
                            .is_none_or(|unit| matches!(unit.kind, Kind::Time | Kind::Calendar))
                        && many.value().fract() == 0.0
                        && (2.0..=MANY).contains(&many.value())
                        && convertible(each).is_some_and(|each| number.is(many.value() * each))
                };
                // "4 EUR each": an amount over its count.
                let together = given
                    .iter()
                    .any(|(place, own)| std::ptr::eq(*own, *other) && place == at);
                let apiece = |whole: &Number, many: &Number| {
                    together
                        && many.unit.is_none()
                        && many.value().fract() == 0.0
                        && (2.0..=MANY).contains(&many.value())
                        && shown(whole)
                        && convertible(whole).is_some_and(|whole| number.is(whole / many.value()))
                };
                sums || times(one, other)
                    || times(other, one)
                    || apiece(one, other)
                    || apiece(other, one)
            });
            follows.then_some(*at)
        })
    }

    /// "Section 4": a number that names a place of the document, which has it.
    fn is_mark(&self, paper: &Paper, text: &Text, number: &Number) -> bool {
        let next = text.words.partition_point(|word| word.start < number.start);
        let announced = text.tags.iter().any(|tag| {
            tag.to == next && tag.tag == aios_languages::Tag::Sense(aios_languages::Sense::Section)
        }) || text.raw[..number.start].trim_end().ends_with('§');
        announced
            && text
                .raw
                .get(number.start..number.end)
                .is_some_and(|digits| paper.has_mark(digits))
    }

    /// Whether a signed fact has the number.
    fn signed(&self, number: &Number, claim: &mut Claim) {
        let text = &self.texts[claim.piece];
        let over = self.labels(claim.piece);
        for fact in &self.ground.facts {
            let Some(value) = fact.value.as_f64() else {
                continue;
            };
            let unit = fact
                .unit
                .as_deref()
                .and_then(|unit| crate::unit::Unit::of_column("", Some(unit)));
            let value = match (&number.unit, &unit) {
                (Some(stated), Some(own)) => own.convert(value, stated),
                (Some(stated), None) => (!stated.is_share() && !stated.is_money()).then_some(value),
                (None, _) => Some(value),
            };
            let named = fact.subject.iter().all(|subject| {
                let name = aios_languages::fold(&subject.name);
                let has = |text: &Text| aios_languages::fold(&text.raw).contains(&name);
                has(text) || over.iter().any(|label| has(label))
            });
            if named && value.is_some_and(|value| number.is_size(value)) {
                claim.found.push(Explanation {
                    table: usize::MAX,
                    form: Form::Signed,
                    measure: None,
                    preds: Vec::new(),
                });
                return;
            }
        }
    }

    /// The number of a claim.
    pub(crate) fn number(&self, claim: &Claim) -> &Number {
        &self.texts[claim.piece].numbers[claim.number]
    }

    /// The words of a claim.
    pub(crate) fn shown(&self, claim: &Claim) -> &str {
        let number = self.number(claim);
        self.texts[claim.piece]
            .raw
            .get(number.start..number.end)
            .unwrap_or("")
    }
}

/// The sentence that counts the same things otherwise, if none counts them so: "twelve evenings" where there are ten.
fn counts_otherwise(paper: &Paper, text: &Text, number: &Number) -> Option<usize> {
    if number.unit.is_some() {
        return None;
    }
    let counted = |text: &Text, number: &Number| {
        let next = text.words.partition_point(|word| word.start < number.end);
        let (word, stem) = text.stems.iter().find(|(word, _)| *word >= next)?;
        (*word == next).then(|| stem.clone())
    };
    let noun = counted(text, number)?;
    let mut other = None;
    for (at, sentence) in paper.sentences.iter().enumerate() {
        for own in &sentence.text.numbers {
            if counted(&sentence.text, own).as_ref() == Some(&noun) {
                if same(number, own) || number.equals(own.value()) {
                    return None;
                }
                other = Some(at);
            }
        }
    }
    other
}

/// A document says it, in this sentence.
fn said(sentence: usize) -> Explanation {
    Explanation {
        table: usize::MAX,
        form: Form::Said,
        measure: Some(sentence),
        preds: Vec::new(),
    }
}

/// Whether a sentence states a number, be it as a time of day or as what lies between two of them.
fn holds(sentence: &Sentence, text: &Text, number: &Number) -> bool {
    if sentence.says(number).is_some() {
        return true;
    }
    let clock = clock(text, number);
    if clock.is_some_and(|clock| sentence.clocks.iter().any(|(_, own)| *own == clock)) {
        return true;
    }
    let Some(unit) = number.unit.as_ref().filter(|unit| unit.kind == Kind::Time) else {
        return false;
    };
    let mut spans = sentence.clocks.windows(2).filter(|two| two[0].1 < two[1].1);
    spans.any(|two| {
        let seconds = f64::from(two[1].1 - two[0].1) * 60.0;
        number.is(seconds / unit.factor)
    })
}

/// Whether a sentence states a number of these days of the week; of none where it names others there.
fn on_days(sentence: &Sentence, number: &Number, days: &HashSet<u8>) -> bool {
    let text = &sentence.text;
    let Some(own) = sentence.says(number).filter(|_| !days.is_empty()) else {
        return true;
    };
    let clause = text.clause(own.start);
    let theirs = weekdays(text, |place| text.clause(place) == clause);
    theirs.is_empty() || !theirs.is_disjoint(days)
}

/// Whether the words around a number belong to another number of the same sentence: "books 7 days" where books have 28 and films 7.
///
/// Where a number's own clause does not tell, goal and the sentence before do: "the deposit is 150" of what was asked about the other.
fn crossed(
    sentence: &Sentence,
    number: &Number,
    near: &HashSet<String>,
    context: &HashSet<String>,
) -> bool {
    let text = &sentence.text;
    let Some(own) = text.numbers.iter().find(|own| same(number, own)) else {
        return false;
    };
    let inside = |place: usize| {
        text.numbers
            .iter()
            .any(|number| number.start <= place && place < number.end)
    };
    let around = |place: usize| -> HashSet<&String> {
        let clause = text.clause(place);
        let within = text.stems.iter().filter(|(word, _)| {
            let start = text.words[*word].start;
            text.clause(start) == clause && !inside(start)
        });
        within.map(|(_, stem)| stem).collect()
    };
    // "A deposit of 150 for the one and of 400 for the other": what comes before the first is said of both.
    let leads = |place: usize| -> HashSet<&String> {
        let clause = text.clause(place);
        let within = text.stems.iter().filter(|(word, _)| {
            let start = text.words[*word].start;
            start < place && text.clause(start) == clause && !inside(start)
        });
        within.map(|(_, stem)| stem).collect()
    };
    let here = around(own.start);
    text.numbers
        .iter()
        .filter(|other| !same(number, other) && other.unit.is_some() == own.unit.is_some())
        .filter(|other| text.clause(other.start) != text.clause(own.start))
        .any(|other| {
            let there = around(other.start);
            let (first, second) = if own.start < other.start {
                (own, other)
            } else {
                (other, own)
            };
            let elliptic = leads(second.start).is_empty()
                && leads(first.start).iter().any(|stem| near.contains(*stem));
            let shared = match elliptic {
                true => leads(first.start),
                false => HashSet::new(),
            };
            let only =
                |these: &HashSet<&String>, those: &HashSet<&String>, words: &HashSet<String>| {
                    words.iter().any(|stem| {
                        these.contains(stem) && !those.contains(stem) && !shared.contains(stem)
                    })
                };
            let alone = |stem: &&&String, these: &HashSet<&String>, those: &HashSet<&String>| {
                these.contains(**stem) && !those.contains(**stem)
            };
            let near: Vec<&String> = near.iter().collect();
            let fits = near.iter().any(|stem| alone(&stem, &here, &there));
            let fits_other = near
                .iter()
                .any(|stem| alone(&stem, &there, &here) && !shared.contains(*stem));
            if fits_other || shared.is_empty() {
                return fits_other && !fits;
            }
            let own = here
                .iter()
                .filter(|stem| !there.contains(**stem) && !shared.contains(**stem));
            let fits = near
                .iter()
                .any(|stem| alone(&stem, &here, &there) && !shared.contains(*stem));
            !fits
                && own.count() > 0
                && only(&there, &here, context)
                && !only(&here, &there, context)
        })
}

/// Digits of a number that say something.
fn digits(number: &Number) -> usize {
    let shown = format!("{}", number.value().abs());
    shown
        .trim_end_matches('0')
        .chars()
        .filter(char::is_ascii_digit)
        .count()
}
