//! Whether a document states a number where the answer's words point, or gives what it follows from.

use std::collections::HashSet;

use crate::equal::{clock, same};
use crate::explain::Explanation;
use crate::numeral::Number;
use crate::of_it::{
    FREE, happens_otherwise, in_another_place, is_as_often, is_free_here, near_to, timed,
};
use crate::others::{
    counts_another, counts_otherwise, crossed, in_a_pair, labelled_otherwise, of_something_else,
    on_days, paid_otherwise, part_start, sides_at,
};
use crate::paper::{Paper, Sentence, weekdays};
use crate::reading::{Claim, Reading};
use crate::text::Text;
use crate::unit::Kind;

/// Sentences of a document, and numbers of these, of which others may follow.
const NEAR: usize = 3;
const OPERANDS: usize = 12;
/// How many times an amount is taken at most: nights, months, people.
const MANY: f64 = 60.0;
/// The same where answer or goal say how many: crates, pages.
const TOLD: f64 = 1e6;

impl Reading<'_> {
    /// Whether a document states the number where the answer's words point.
    pub(crate) fn said_by(&self, paper: &Paper, piece: usize, number: &Number, claim: &mut Claim) {
        let text = &self.texts[piece];
        let clause = text.clause(number.start);
        // The words of numbers tell nothing of what they are of.
        let free = |place: usize| {
            let mut numbers = text.numbers.iter();
            !numbers.any(|other| other.start <= place && place < other.end)
        };
        // Nor do those that say how it is worked out: "3 EUR together".
        let worked = |word: usize| {
            text.tags.iter().any(|tag| {
                tag.from <= word
                    && word < tag.to
                    && matches!(
                        tag.tag,
                        aios_languages::Tag::Sense(
                            aios_languages::Sense::Total | aios_languages::Sense::Remains
                        )
                    )
            })
        };
        let stems = |within: &dyn Fn(usize) -> bool| -> HashSet<String> {
            let found = text.stems.iter().filter(|(word, _)| {
                let place = text.words[*word].start;
                free(place) && within(place) && !worked(*word)
            });
            found.map(|(_, stem)| stem.clone()).collect()
        };
        // What lies behind the next number is that one's: "7.5 hours less 30 minutes of break".
        let stated = || text.numbers.iter().filter(|other| !other.is_casual());
        let taken =
            |place: usize| stated().any(|other| other.start > number.end && other.end <= place);
        let mut near = stems(&|place| text.clause(place) == clause && !taken(place));
        if near.is_empty() {
            // "The frame, 5 years; other parts, 2 years": what stands before the first number of a part.
            let from = part_start(text, number.start);
            let first = !stated().any(|other| from <= other.start && other.end <= number.start);
            near = stems(&|place| first && from <= place && place < number.start);
        }
        // What follows a semicolon speaks of something else; what stands before it may lead on.
        let part = |place: usize| text.raw.get(..place).unwrap_or("").matches(';').count();
        // "Three years, but only one year for the filter": what speaks of nothing itself speaks of what was asked.
        let bare = near.is_empty();
        let later = |place: usize| text.clause(place) > clause;
        let mut all = stems(&|place| part(place) <= part(number.start) && !(bare && later(place)));
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
        let often = |at: &usize| is_as_often(&paper.sentences[*at], text, number);
        if let Some(at) = (0..paper.sentences.len()).find(often) {
            claim.found.push(Explanation::said(at));
            return;
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
            // "The other 150 follow": the sentence beside counts the same without their name.
            let beside = |at: usize| {
                at.abs_diff(other) == 1 && paper.sentences[at].block == paper.sentences[other].block
            };
            let elsewhere = (0..paper.sentences.len()).any(|at| {
                paper.sentences[at].says(number).is_some() && (fits(at) >= counted || beside(at))
            });
            if !elsewhere {
                claim.casual = false;
                claim.against = Some(paper.quoted(other));
                return;
            }
        }
        if let Some(other) = labelled_otherwise(paper, text, number) {
            claim.against = Some(paper.quoted(other));
            return;
        }
        if self.is_mark(paper, text, number) {
            claim.found.push(Explanation::said(usize::MAX));
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
            // "Electricity is another 4 EUR" works out nothing of what the source speaks of.
            let about = near.is_empty() || near.iter().any(|stem| paper.knows(stem));
            let found = self
                .worked_out(paper, text, number, &all)
                .or_else(|| self.multiplied(paper, text, number, &all))
                .or_else(|| self.reduced(paper, text, number))
                .or_else(|| self.complement(paper, text, number, &all))
                .or_else(|| crate::hours::lasts(paper, &self.ground.asked.text, number))
                .filter(|_| about);
            if let Some(at) = found {
                claim.found.push(Explanation::said(at));
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
        // That a price is asked for says nothing of what it is the price of.
        let priced = |word: usize| {
            let mut tags = self.ground.asked.text.tags.iter();
            let amount = number
                .unit
                .as_ref()
                .is_some_and(crate::unit::Unit::is_money);
            amount
                && tags.any(|tag| {
                    use aios_languages::{Sense, Tag};
                    let price = aios_languages::concept_number("price");
                    let money = match tag.tag {
                        Tag::Sense(Sense::AskMoney | Sense::NounMoney) => true,
                        Tag::Concept(concept) => concept == price,
                        _ => false,
                    };
                    money && tag.from <= word && word < tag.to
                })
        };
        let asked = &self.ground.asked.text.stems;
        let bare = asked.iter().all(|(word, _)| priced(*word));
        let goal: HashSet<String> = asked
            .iter()
            .filter(|_| !bare)
            .map(|(_, stem)| stem.clone())
            .collect();
        let goal = paper.with_parts(&goal, &self.ground.asked.text);
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
        // What the goal asks about is in the sentence that is meant: "students pay 29" of what a student pays.
        let asked = |at: usize| {
            let before = &paper.sentences[at].before;
            let told = goal.iter().filter(|stem| before.contains(*stem));
            let told: f64 = told.map(|stem| paper.weight(stem)).sum();
            paper.overlap(&paper.sentences[at], &goal) + told * 0.5
        };
        // "The other 150 follow" goes on with the sentence before, in fewer words.
        let follows = |at: usize| {
            holder == at + 1
                && paper.sentences[holder].block == paper.sentences[at].block
                && paper.sentences[holder]
                    .text
                    .has(aios_languages::Sense::Rest)
        };
        // Few words of its own tell little of which sentence is meant.
        let much = if short { 2.2 } else { 1.6 };
        // More words of its clause are those of the other sentence.
        let elsewhere = |at: usize| {
            let has = |at: usize, stem: &&String| paper.sentences[at].own.contains(*stem);
            let theirs = near
                .iter()
                .filter(|stem| has(at, stem) && !has(holder, stem));
            let own = near
                .iter()
                .filter(|stem| has(holder, stem) && !has(at, stem));
            theirs.clone().count() > 1 && theirs.count() > own.count()
        };
        if let Some((at, fits)) = rival
            && !follows(at)
            && fits > held * much + 1.0
            && (asked(at) >= asked(holder) || elsewhere(at))
            && !self.headed_by(paper, piece, holder, at)
        {
            claim.against = Some(paper.quoted(at));
            return;
        }
        // "Rewriting it costs 15 EUR" where that is free of charge and something else costs so much.
        let free = || {
            let tag = |tag: &aios_languages::Tagged| {
                tag.tag == aios_languages::Tag::Opposite(FREE, false)
            };
            let free = |at: &usize| {
                let sentence = &paper.sentences[*at].text;
                sentence.tags.iter().any(tag) && sentence.numbers.is_empty()
            };
            let all = (0..paper.sentences.len()).filter(free);
            all.map(|at| (at, weight(at)))
                .max_by(|a, b| a.1.total_cmp(&b.1))
        };
        if number
            .unit
            .as_ref()
            .is_some_and(crate::unit::Unit::is_money)
            && let Some((at, fits)) = free()
            && fits > held * much + 1.0
            && paper.overlap(&paper.sentences[holder], &near) == 0.0
        {
            claim.against = Some(paper.quoted(at));
            return;
        }
        if number
            .unit
            .as_ref()
            .is_some_and(crate::unit::Unit::is_money)
            && is_free_here(&paper.sentences[holder], number, &near)
        {
            claim.against = Some(paper.quoted(holder));
            return;
        }
        if in_another_place(paper, holder, text, number) {
            claim.against = Some(paper.quoted(holder));
            return;
        }
        if let Some(at) = happens_otherwise(paper, holder, number, &near) {
            claim.against = Some(paper.quoted(at));
            return;
        }
        if let Some(at) = self.unreduced(paper, holder, text, number, &near) {
            claim.against = Some(paper.quoted(at));
            return;
        }
        if held == 0.0 && !short && number.unit.is_none() {
            claim.against = Some(paper.quoted(holder));
            return;
        }
        if let Some(own) = paper.sentences[holder].says(number)
            && paid_otherwise(&paper.sentences[holder].text, own, text, number)
        {
            claim.against = Some(paper.quoted(holder));
            return;
        }
        if of_something_else(paper, &paper.sentences[holder], text, number) {
            claim.against = Some(paper.quoted(holder));
            return;
        }
        if self.on_the_other_side(paper, holder, number, &all) {
            claim.against = Some(paper.quoted(holder));
            return;
        }
        let mut context = goal;
        if let Some(before) = self.place(piece).before {
            context.extend(before.stems.iter().map(|(_, stem)| stem.clone()));
        }
        let sides = sides_at(text, number.start);
        // What comes before another number of the kind is that one's: "a ban of 12 months within two years".
        let before = text.numbers.iter().rev().find(|own| {
            let units = own.unit.as_ref().zip(number.unit.as_ref());
            own.end <= number.start
                && text.clause(own.start) == clause
                && units.is_some_and(|(a, b)| {
                    a.convert(1.0, b).is_some() || a.kind == b.kind || timed(a) && timed(b)
                })
        });
        let close = match before {
            Some(before) => {
                stems(&|place| text.clause(place) == clause && place >= before.end && !taken(place))
            }
            None => near_to(&paper.sentences[holder], text, number, &near, &all),
        };
        let paired = in_a_pair(&paper.sentences[holder], text, number);
        if !paired
            && crossed(
                &paper.sentences[holder],
                number,
                &close,
                &all,
                &context,
                &sides,
            )
        {
            claim.against = Some(paper.quoted(holder));
            return;
        }
        claim.found.push(Explanation::said(holder));
    }

    /// Whether a cell stands below a heading that has a word of one sentence and none of another: the fee for a dog is that of the sentence with
    /// the dog, whatever else stands over it.
    fn headed_by(&self, paper: &Paper, piece: usize, holder: usize, other: usize) -> bool {
        let sentences = (paper.sentences.get(holder), paper.sentences.get(other));
        let (Some(own), Some(other)) = sentences else {
            return false;
        };
        let cell = self.answer.pieces[piece].kind == crate::answer::Kind::Cell;
        cell && self.labels(piece).iter().any(|label| {
            let mut stems = label.stems.iter().map(|(_, stem)| stem);
            let mut again = label.stems.iter().map(|(_, stem)| stem);
            let only = |stem: &String| own.own.contains(stem) && !other.own.contains(stem);
            stems.any(only) && again.all(|stem| !other.own.contains(stem) || own.own.contains(stem))
        })
    }

    /// "If it is more than 100 ml, use the kit" where that is said of less: a limit with the words of its sentence and the other side. What
    /// the sentences beside it say of the rest is theirs.
    fn on_the_other_side(
        &self,
        paper: &Paper,
        holder: usize,
        number: &Number,
        all: &HashSet<String>,
    ) -> bool {
        let sides = paper.sentences[holder]
            .says(number)
            .and_then(|own| own.bound)
            .zip(number.bound);
        let own = paper.overlap(&paper.sentences[holder], all);
        let beside = [holder.checked_sub(1), Some(holder + 1)];
        let others = beside
            .into_iter()
            .flatten()
            .filter_map(|at| paper.sentences.get(at))
            .map(|sentence| paper.overlap(sentence, all));
        // "Less than 4 hours by train, flights only above that": both sides stand there.
        use aios_languages::Sense;
        let source = &paper.sentences[holder].text;
        let has = |senses: [Sense; 2]| senses.iter().any(|sense| source.has(*sense));
        if has([Sense::Above, Sense::AtLeast]) && has([Sense::Below, Sense::AtMost]) {
            return false;
        }
        let inner = self
            .texts
            .iter()
            .any(|text| text.has(aios_languages::Sense::Negation));
        sides.is_some_and(|(theirs, ours)| theirs != ours)
            && !inner
            && !paper.sentences[holder]
                .text
                .has(aios_languages::Sense::Negation)
            && others.fold(0.0, f64::max) * 1.2 < own
    }

    /// The same of a number in a sentence that names a sum or a difference.
    pub(crate) fn follows(&self, paper: &Paper, piece: usize, number: &Number) -> Option<usize> {
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
        let asked = &self.ground.asked.text;
        let alone = text.numbers.len() == 1 && number.unit.is_some();
        // "How much more did it take in than it spent?"
        let compared =
            asked.has(Sense::Than) && (asked.has(Sense::More) || asked.has(Sense::Fewer));
        let told = [Sense::Difference, Sense::Total, Sense::Growth]
            .iter()
            .any(|sense| text.has(*sense) || (number.is_precise() && asked.has(*sense)))
            || (alone && (asked.has(Sense::Total) || asked.has(Sense::Rest) || compared));
        let whole = alone && asked.has(Sense::Total);
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
            // What a thing costs for each month and how many they are may stand sentences apart.
            .flat_map(|(at, _)| {
                let further = Some(at + 2).filter(|_| whole);
                [Some(*at), at.checked_sub(1), Some(at + 1), further]
            })
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
                // "600 crates, 75 of them a trip": so many times the one of what the other counts.
                let quotient = |whole: &Number, each: &Number| {
                    (shown(whole) || shown(each))
                        && number.unit.is_none()
                        && whole.unit.is_none()
                        && each.unit.is_none()
                        && each.value() > 1.0
                        && whole.value() > each.value()
                        && number.equals(whole.value() / each.value())
                };
                sums || quotient(one, other)
                    || quotient(other, one)
                    || times(one, other)
                    || times(other, one)
                    || apiece(one, other)
                    || apiece(other, one)
            });
            follows.then_some(*at)
        })
    }

    /// The sentence that gives an amount for each of something, of which the answer or the goal says how many: "16 EUR for the two adults"
    /// where each pays 8 EUR.
    fn multiplied(
        &self,
        paper: &Paper,
        text: &Text,
        number: &Number,
        all: &HashSet<String>,
    ) -> Option<usize> {
        // Of lengths of time many are so many times another one.
        let adds = |unit: &&crate::unit::Unit| {
            !unit.is_share() && !matches!(unit.kind, Kind::Time | Kind::Calendar)
        };
        let unit = number.unit.as_ref().filter(adds)?;
        let asked = &self.ground.asked.text;
        let mut wanted = all.clone();
        wanted.extend(asked.stems.iter().map(|(_, stem)| stem.clone()));
        let counts = text.numbers.iter().chain(&asked.numbers);
        let many: Vec<f64> = counts
            .filter(|own| own.start != number.start || !same(number, own))
            .filter(|own| {
                let plain = own.unit.as_ref().map(|unit| &unit.kind);
                matches!(plain, None | Some(Kind::Time | Kind::Calendar))
            })
            .map(Number::value)
            .filter(|value| value.fract() == 0.0 && (2.0..=TOLD).contains(value))
            .collect();
        let nouns: Vec<&String> = [text, asked]
            .into_iter()
            .flat_map(|text| {
                text.numbers.iter().filter_map(|own| {
                    let next = text.words.partition_point(|word| word.start < own.end);
                    let found = text.stems.iter().find(|(word, _)| *word == next);
                    found.map(|(_, stem)| stem)
                })
            })
            .collect();
        let a_year = calendar_months(text).or_else(|| calendar_months(asked));
        let many: Vec<f64> = many.into_iter().chain(a_year).collect();
        let near = paper.nearest(&wanted);
        // A figure of many digits is no product by accident, whatever words are used.
        let any = if number.is_precise() {
            paper.sentences.len()
        } else {
            0
        };
        let mut places = near.iter().map(|(at, _)| *at).chain(0..any);
        places.find(|at| {
            let sentence = &paper.sentences[*at].text;
            // "85 EUR for adults" of "two adults".
            let counted = nouns
                .iter()
                .any(|noun| paper.sentences[*at].own.contains(*noun));
            (is_rate(sentence) || counted)
                && sentence.numbers.iter().any(|own| {
                    let each = own.unit.as_ref().filter(|own| own.kind == unit.kind);
                    let each = each.and_then(|each| each.convert(own.value(), unit));
                    each.is_some_and(|each| many.iter().any(|many| number.is(each * many)))
                })
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
}

/// Whether a sentence states a number, be it as a time of day or as what lies between two of them.
fn holds(sentence: &Sentence, text: &Text, number: &Number) -> bool {
    if sentence
        .says(number)
        .is_some_and(|own| !counts_another(&sentence.text, own, text, number))
    {
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

/// Whether a sentence gives an amount for each of something, or for a length of time.
fn is_rate(text: &Text) -> bool {
    use aios_languages::{Sense, Tag, UnitName};
    text.tags.iter().any(|tag| {
        matches!(
            tag.tag,
            Tag::Sense(Sense::Per | Sense::Ratio)
                | Tag::Unit(UnitName::Day | UnitName::Week | UnitName::Month | UnitName::Year)
        )
    })
}

/// The months of a year, where a text speaks of one.
fn calendar_months(text: &Text) -> Option<f64> {
    use aios_languages::{Tag, UnitName};
    let year = |tag: &aios_languages::Tagged| tag.tag == Tag::Unit(UnitName::Year);
    text.tags.iter().any(year).then_some(12.0)
}
