//! Figures that an answer works out from others of the same sentence, each of which a source bears out: "two loaves take 700 g, so one takes
//! 350 g", "59 cups: 40 of tea and 19 of cocoa", "from 02:14 until 03:27, i.e. 73 minutes".

use std::collections::{BTreeMap, BTreeSet, HashSet};

use aios_languages::{Sense, Tag, UnitName};

use crate::explain::{Explanation, Form, Stat};
use crate::grid::Pred;
use crate::numeral::Number;
use crate::paper::clocks;
use crate::reading::{Claim, Reading};
use crate::text::Text;
use crate::unit::{Kind, Unit};

/// Figures of a sentence above which some two of them give another one by accident.
const FEW: usize = 4;
/// How many times an amount is taken or shared at most.
const MANY: f64 = 60.0;

impl Reading<'_> {
    /// How a figure follows from the others of its sentence.
    pub(crate) fn worked_out_here(&self, claims: &[Claim], claim: &Claim) -> Option<Explanation> {
        let number = self.number(claim);
        // Claims stand in the order of their pieces.
        let from = claims.partition_point(|other| other.piece < claim.piece);
        let of_piece = claims[from..]
            .iter()
            .take_while(|other| other.piece == claim.piece);
        let others: Vec<&Number> = of_piece
            .filter(|other| other.number != claim.number)
            .filter(|other| self.holds_up(other))
            .map(|other| self.number(other))
            .collect();
        let written = self.ground.grids.is_empty();
        // A count of names alone says nothing of what is said of them.
        let follows = (!others.is_empty() && self.counts_its_names(claim))
            || self.between_clocks(claim)
            || self.is_its_share(claim, &claims[from..])
            || adds_up(number, &others)
            || (self.holds_against(claim) && is_change(number, &others))
            || self.is_one_in(claim, &others)
            || self.is_factor(claim, &others)
            || self.lies_between(claim, &others)
            || (written && self.is_left(claim, &others))
            || (written && (of_so_many(number, &others) || self.of_a_month(claim, &others)));
        follows.then(|| match written {
            true => Explanation::said(usize::MAX),
            false => Explanation {
                table: 0,
                form: Form::Difference,
                measure: None,
                preds: Vec::new(),
            },
        })
    }

    /// "81.5 kg (32.7 %)": a share in brackets is that of the total before it in all of its quantity, or of rows in all rows.
    fn is_its_share(&self, claim: &Claim, of_piece: &[Claim]) -> bool {
        let (number, text) = (self.number(claim), &self.texts[claim.piece]);
        let mut before = of_piece.iter().filter(|other| {
            other.piece == claim.piece && other.number + 1 == claim.number && self.holds_up(other)
        });
        let Some(before) = before.next() else {
            return false;
        };
        let end = self.number(before).end;
        let bracketed = text
            .raw
            .get(end..number.start)
            .is_some_and(|gap| gap.trim() == "(");
        let share = number.unit.as_ref().is_some_and(Unit::is_share);
        bracketed
            && share
            && before.found.iter().any(|found| {
                let Some(grid) = self.ground.grids.get(found.table) else {
                    return false;
                };
                let total = |preds: &[Pred]| match (found.form, found.measure) {
                    (Form::Figure(Stat::Total), Some(measure)) => {
                        grid.figures(preds, measure).map(|figures| figures.total)
                    }
                    (Form::Count, None) => Some(grid.rows_of(preds).len() as f64),
                    _ => None,
                };
                let parts = total(&found.preds).zip(total(&[]));
                parts.is_some_and(|(part, all)| all != 0.0 && number.is(100.0 * part / all))
            })
    }

    /// Whether the sentence of a figure holds one thing against another.
    fn holds_against(&self, claim: &Claim) -> bool {
        let text = &self.texts[claim.piece];
        let held = [Sense::Against, Sense::Than, Sense::From];
        held.iter().any(|sense| text.has(*sense))
    }

    /// "19 of 126, so roughly one in 7".
    fn is_one_in(&self, claim: &Claim, others: &[&Number]) -> bool {
        let (number, text) = (self.number(claim), &self.texts[claim.piece]);
        let next = text.words.partition_point(|word| word.start < number.start);
        let one = text
            .tags
            .iter()
            .any(|tag| tag.tag == Tag::Number(1.0) && tag.to < next && next - tag.to <= 2);
        let [part, whole] = others else {
            return false;
        };
        one && part.value() > 0.0 && number.is(whole.value() / part.value())
    }

    /// "75 % up front, 25 % afterwards": what a part leaves of the whole, if the part stands with the words that the source has for it.
    fn is_left(&self, claim: &Claim, others: &[&Number]) -> bool {
        let (number, text) = (self.number(claim), &self.texts[claim.piece]);
        let share = |own: &Number| own.unit.as_ref().is_some_and(Unit::is_share);
        let words = |text: &Text, place: usize, same: bool| -> HashSet<String> {
            let clause = text.clause(place);
            let here = text.stems.iter().filter(|(word, _)| {
                let there = text.clause(text.words[*word].start);
                (there == clause) == same
            });
            here.map(|(_, stem)| stem.clone()).collect()
        };
        let crossed = |part: &Number| {
            let said = words(text, part.start, true);
            let mut sentences = self.ground.papers.iter().flat_map(|paper| &paper.sentences);
            sentences.any(|sentence| {
                let Some(own) = sentence.says(part) else {
                    return false;
                };
                let fits = |same: bool| {
                    let words = words(&sentence.text, own.start, same);
                    said.iter().filter(|stem| words.contains(*stem)).count()
                };
                fits(false) > fits(true)
            })
        };
        // "45 to 70 %" is no rest of 55 %.
        let next = text.numbers.iter().find(|own| own.start >= number.end);
        let ranged = next.is_some_and(|next| {
            let gap = text.raw.get(number.end..next.start).unwrap_or("");
            crate::numeral::ranges(gap)
        });
        share(number)
            && !ranged
            && others.iter().any(|part| {
                let left = 100.0 - part.value();
                share(part) && left > 0.0 && number.is(left) && !crossed(part)
            })
    }

    /// Whether a figure may be reckoned with: a source bears it out, or has a small number in words that counts something.
    fn holds_up(&self, claim: &Claim) -> bool {
        let number = self.number(claim);
        let told = || {
            let mut sentences = self.ground.papers.iter().flat_map(|paper| &paper.sentences);
            sentences.any(|sentence| sentence.says(number).is_some())
        };
        claim.against.is_none() && (!claim.found.is_empty() || (claim.casual && told()))
    }

    /// "Two towns shrank: Birchwood and Eskdale".
    fn counts_its_names(&self, claim: &Claim) -> bool {
        let number = self.number(claim);
        let mut names: BTreeMap<(usize, usize), BTreeSet<u32>> = BTreeMap::new();
        for name in &self.texts[claim.piece].names {
            let column = names.entry((name.table, name.column)).or_default();
            column.insert(name.code);
        }
        number.is_casual()
            && names
                .values()
                .any(|names| names.len() > 1 && number.is(names.len() as f64))
    }

    /// "12 × 85 EUR": the count before an amount, if another figure of the sentence is so many of it.
    fn is_factor(&self, claim: &Claim, others: &[&Number]) -> bool {
        const SIGNS: [&str; 9] = ["×", "x", "*", "·", "times", "mal", "fois", "por", "veces"];
        let (number, text) = (self.number(claim), &self.texts[claim.piece]);
        let next = text.numbers.iter().find(|own| own.start >= number.end);
        let Some(next) = next.filter(|_| number.unit.is_none()) else {
            return false;
        };
        let end = number.end.min(next.start);
        let gap = text.raw.get(end..next.start).unwrap_or("").trim();
        let written = text.raw.get(number.start..number.end).unwrap_or("");
        let signed = SIGNS.contains(&gap) || SIGNS.iter().any(|sign| written.ends_with(sign));
        let product = number.value() * next.value();
        signed
            && others
                .iter()
                .any(|own| own.start != next.start && own.unit == next.unit && own.is(product))
    }

    /// From one time of day to another, both of which a document names.
    fn between_clocks(&self, claim: &Claim) -> bool {
        let number = self.number(claim);
        let Some(unit) = number.unit.as_ref().filter(|unit| unit.kind == Kind::Time) else {
            return false;
        };
        let known = |minute: u16| {
            let mut sentences = self.ground.papers.iter().flat_map(|paper| &paper.sentences);
            sentences.any(|sentence| sentence.clocks.iter().any(|(_, own)| *own == minute))
        };
        let minutes: Vec<u16> = clocks(&self.texts[claim.piece])
            .into_iter()
            .map(|(_, minute)| minute)
            .filter(|minute| known(*minute))
            .collect();
        minutes.iter().any(|from| {
            minutes.iter().any(|to| {
                let between = f64::from(to.saturating_sub(*from));
                let length = Unit::named(UnitName::Minute).convert(between, unit);
                between > 0.0 && length.is_some_and(|length| number.is(length))
            })
        })
    }

    /// The difference of the only two others, or of two of a few where the sentence compares.
    fn lies_between(&self, claim: &Claim, others: &[&Number]) -> bool {
        let number = self.number(claim);
        let text = &self.texts[claim.piece];
        let compares = [
            Sense::Difference,
            Sense::More,
            Sense::Fewer,
            Sense::Than,
            Sense::Up,
            Sense::Down,
        ];
        let told = compares.iter().any(|sense| text.has(*sense));
        if !(others.len() == 2 || (told && others.len() <= FEW)) {
            return false;
        }
        let values: Vec<f64> = others
            .iter()
            .filter_map(|own| in_unit(own, number))
            .collect();
        values.iter().enumerate().any(|(at, one)| {
            let mut rest = values.iter().skip(at + 1);
            rest.any(|other| one != other && number.is((one - other).abs()))
        })
    }

    /// "96 EUR, 8 EUR a month": the twelfth of what a year costs.
    fn of_a_month(&self, claim: &Claim, others: &[&Number]) -> bool {
        let number = self.number(claim);
        let text = &self.texts[claim.piece];
        let next = text.words.partition_point(|word| word.start < number.end);
        let monthly = text.tags.iter().any(|tag| {
            tag.tag == Tag::Unit(UnitName::Month) && (next..next + 3).contains(&tag.from)
        });
        let mut amounts = others
            .iter()
            .filter(|own| own.unit.as_ref().is_some_and(Unit::is_money));
        monthly
            && amounts.any(|own| in_unit(own, number).is_some_and(|year| number.is(year / 12.0)))
    }
}

/// A number in the unit of another.
fn in_unit(own: &Number, number: &Number) -> Option<f64> {
    match (&own.unit, &number.unit) {
        (Some(own_unit), Some(unit)) => own_unit.convert(own.value(), unit),
        (None, None) => Some(own.value()),
        _ => None,
    }
}

/// "Rough ones were 15 % emptier: 252 against 297": what one of two figures has more, or less, than the other.
fn is_change(number: &Number, others: &[&Number]) -> bool {
    let share = |own: &Number| own.unit.as_ref().is_some_and(Unit::is_share);
    let plain: Vec<&Number> = others.iter().copied().filter(|own| !share(own)).collect();
    let [one, other] = plain.as_slice() else {
        return false;
    };
    if !share(number) || number.spelled {
        return false;
    }
    let Some(one) = in_unit(one, other) else {
        return false;
    };
    let (a, b) = (one, other.value());
    a != 0.0
        && b != 0.0
        && [(a, b), (b, a)]
            .into_iter()
            .any(|(part, whole)| number.is_size(100.0 * (part - whole) / whole))
}

/// Whether all others of its kind make the number. Of "three weeks and two more" the second is one of weeks.
fn adds_up(number: &Number, others: &[&Number]) -> bool {
    let parts: Vec<f64> = others
        .iter()
        .filter_map(|own| in_unit(own, number))
        .collect();
    let timed = number
        .unit
        .as_ref()
        .is_some_and(|unit| matches!(unit.kind, Kind::Time | Kind::Calendar));
    let bare: Vec<f64> = others
        .iter()
        .filter(|own| timed && own.unit.is_none())
        .map(|own| own.value())
        .collect();
    // "Each of the two pays 8": an amount that is to be taken so many times.
    let counts = others
        .iter()
        .filter(|own| own.unit.is_none() && own.value().fract() == 0.0)
        .map(|own| own.value())
        .filter(|count| (2.0..=MANY).contains(count));
    let sum: f64 = parts.iter().sum();
    let priced = number.unit.as_ref().is_some_and(Unit::is_money);
    let mut again = counts.flat_map(|count| parts.iter().map(move |part| (count - 1.0) * part));
    (parts.len() > 1 && number.is(sum))
        || (priced && parts.len() > 1 && again.any(|more| number.is(sum + more)))
        || (!parts.is_empty() && bare.len() == 1 && number.is(parts.iter().chain(&bare).sum()))
}

/// So many of an amount, an amount shared among so many, or a part of it.
fn of_so_many(number: &Number, others: &[&Number]) -> bool {
    // Of lengths of time many are so many times another one.
    let timed = number
        .unit
        .as_ref()
        .is_none_or(|unit| matches!(unit.kind, Kind::Time | Kind::Calendar));
    if timed || others.len() > FEW {
        return false;
    }
    let amounts = || others.iter().filter_map(|own| in_unit(own, number));
    others.iter().any(|other| {
        let value = other.value();
        match &other.unit {
            None => {
                let many = value.fract() == 0.0 && (2.0..=MANY).contains(&value);
                many && amounts().any(|whole| number.is(whole / value) || number.is(whole * value))
            }
            Some(unit) if unit.is_share() => amounts().any(|whole| {
                number.is(whole * value / 100.0) || number.is(whole * (100.0 - value) / 100.0)
            }),
            Some(_) => false,
        }
    })
}
