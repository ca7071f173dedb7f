//! An answer read against its ground: every number with where it could come from.

use std::sync::Arc;

use aios_languages::{Lexicon, Tag, UnitName, lexicon};

use crate::answer::{Answer, Kind as Piece};
use crate::equal::same;
use crate::explain::{Explainer, Explanation, Form};
use crate::ground::{Ground, digit_runs, reading};
use crate::numeral::Number;
use crate::scope::Place;
use crate::signed::{Signed, Stands};
use crate::text::Text;

/// From which size a bare number meets no figure of another quantity by accident.
const TELLING: f64 = 10.0;

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
    /// The signed figures that it may be, by their places.
    pub signed: Vec<usize>,
}

impl<'a> Reading<'a> {
    /// Reads an answer.
    pub(crate) fn new(raw: &'a str, ground: &'a Ground) -> Self {
        let language = ground
            .language_of(raw)
            .and_then(lexicon)
            .or_else(|| ground.language.clone());
        let lexicon = reading(language.as_ref());
        let answer = Answer::read(raw, Some(&lexicon));
        let lasting = lasts(ground);
        let percent = Tag::Unit(UnitName::Percent);
        let percent = ground.asked.text.tags.iter().any(|tag| tag.tag == percent);
        let texts = answer
            .pieces
            .iter()
            .map(|piece| {
                let mut text = ground.read(&piece.text, &lexicon);
                if lasting {
                    text.clocks_last();
                }
                if let [unit] = ground.asked.units.as_slice() {
                    text.bare_number_in(unit);
                }
                if percent {
                    points_are_percent(&mut text);
                }
                text
            })
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
            before: before
                .or_else(|| self.named_beside(piece))
                .map(|before| &self.texts[before]),
            asked: &self.ground.asked,
        }
    }

    /// The leaf of the same JSON object that names something and has no figure: `"venue": "Town Hall"` beside `"litres": 306`.
    fn named_beside(&self, piece: usize) -> Option<usize> {
        if !self.answer.is_json {
            return None;
        }
        let own = &self.answer.pieces[piece];
        let mut all = (0..self.texts.len()).filter(|other| *other != piece);
        all.find(|other| {
            let leaf = &self.answer.pieces[*other];
            let text = &self.texts[*other];
            leaf.kind == Piece::Cell
                && leaf.labels == own.labels
                && !text.names.is_empty()
                && text.numbers.is_empty()
        })
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
                // No check looks at what is read no further.
                if self.ground.called_off.is_cancelled() {
                    return out;
                }
                out.push(self.claim(piece, index, number));
            }
        }
        for at in 0..out.len() {
            if self.ground.called_off.is_cancelled() {
                return out;
            }
            let open = out[at].found.is_empty() && out[at].against.is_none();
            if open && let Some(found) = self.worked_out_here(&out, &out[at]) {
                out[at].found.push(found);
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
            signed: Vec::new(),
        };
        claim.casual &= !self.counts_names(piece, number)
            && !self.counts_of_names(piece, number)
            && !self.is_all(piece, number);
        // "One kilowatt hour cost 21 cents" counts nothing of a table.
        let article = number.spelled && number.unit.is_some() && number.equals(1.0);
        claim.casual |= article && self.ground.papers.is_empty();
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
            let held = self.is_held_against_next(piece, number);
            // Where only the goal speaks of a quantity, a figure may be of another one.
            let goal_only = || {
                let named = scope.preds.first().is_some_and(|preds| !preds.is_empty());
                named && number.unit.is_none() && digits(number) >= 3 && !place.names_any(grid)
            };
            if looked.found.is_empty()
                && (held
                    || (digits(number) >= 4 && !place.names_one(number, &scope, grid))
                    || goal_only())
            {
                scope.measures = grid.measures().collect();
                scope
                    .columns
                    .retain(|column| !scope.measures.contains(column));
                let wider = Explainer::new(grid, table, number, &scope).run();
                looked.found = wider.found;
            }
            // "Harbour wasted most, 317 loaves": what is counted stands behind the figure, and what it is a figure of before it.
            if looked.found.is_empty() && number.unit.is_none() && number.value().abs() >= TELLING {
                let beside = place.measures_beside(number, grid);
                if !beside.is_empty() {
                    scope.measures = beside;
                    looked.found = Explainer::new(grid, table, number, &scope).run().found;
                }
            }
            claim.found.extend(looked.found);
            claim.instead.extend(looked.instead);
        }
        // "18.4 thousand: B 14.8, A 2.7": in the thousands of the one before.
        for scaled in self.scaled_as_before(piece, number) {
            if !claim.found.is_empty() {
                break;
            }
            for (table, grid) in self.ground.grids.iter().enumerate() {
                let scope = place.scope(&scaled, table, grid);
                let looked = Explainer::new(grid, table, &scaled, &scope).run();
                claim.found.extend(looked.found);
            }
        }
        if claim.found.is_empty() && self.is_the_whole(piece, number) {
            claim.found.push(Explanation::bare(Form::Share));
        }
        for paper in self.ground.papers.iter() {
            self.said_by(paper, piece, number, &mut claim);
            // "30 in total": what follows from what is said is not said of something else.
            if claim.against.is_some()
                && let Some(at) = self.follows(paper, piece, number)
            {
                claim.against = None;
                claim.found.push(Explanation::said(at));
            }
        }
        self.signed(number, &mut claim);
        self.told(number, &mut claim);
        claim
    }

    /// A bare number as one of the thousands, and in the unit, of a number before it that names them: "18.4 thousand: B 14.8",
    /// "8.6 MWh (dairy 5.1, barn 3.5)". The nearest first.
    fn scaled_as_before(&self, piece: usize, number: &Number) -> Vec<Number> {
        if number.unit.is_some() || number.scale > 1.0 || number.is_casual() {
            return Vec::new();
        }
        let numbers = &self.texts[piece].numbers;
        let before = numbers.iter().rev().filter(|other| {
            let measured = other.unit.as_ref().is_some_and(|unit| !unit.is_share());
            other.end <= number.start && (other.scale > 1.0 || measured)
        });
        before
            .map(|before| {
                let mut scaled = number.clone();
                for reading in &mut scaled.readings {
                    reading.value *= before.scale;
                    reading.half *= before.scale;
                }
                scaled.scale = before.scale;
                scaled.unit.clone_from(&before.unit);
                scaled
            })
            .collect()
    }

    /// "152 instead of 250": the first of two that are held against each other, of which only the second may have its name there.
    fn is_held_against_next(&self, piece: usize, number: &Number) -> bool {
        let text = &self.texts[piece];
        let next = text.numbers.iter().find(|other| other.start >= number.end);
        let against = |next: &Number| {
            text.senses().any(|(sense, place)| {
                sense == aios_languages::Sense::Against && number.end <= place && place < next.start
            })
        };
        next.is_some_and(|next| next.start - number.end < 24 && against(next))
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

    /// "Two in Vega, one in Sur": whether a small number in words stands before a name, where the goal asks how many.
    fn counts_of_names(&self, piece: usize, number: &Number) -> bool {
        let text = &self.texts[piece];
        let next = text.words.partition_point(|word| word.start < number.end);
        let counted = self.ground.asked.text.has(aios_languages::Sense::AskCount);
        // "The other two names" counts names.
        let plain =
            |from: usize, to: usize| !text.stems.iter().any(|(word, _)| (from..to).contains(word));
        counted
            && text.names.iter().any(|name| {
                let first = text.words.partition_point(|word| word.start < name.start);
                (next + 1..=next + 2).contains(&first) && plain(next, first)
            })
    }

    /// "All | 3,934 | 100 %": whether a share is that of the whole, in a row or column that is called so.
    fn is_the_whole(&self, piece: usize, number: &Number) -> bool {
        let share = number
            .unit
            .as_ref()
            .is_some_and(crate::unit::Unit::is_share);
        let whole = [aios_languages::Sense::Total, aios_languages::Sense::Whole];
        let cell = self.answer.pieces[piece].kind == Piece::Cell;
        let labels = self.labels(piece);
        let mut over = labels
            .iter()
            .flat_map(|label| whole.map(|sense| label.has(sense)));
        cell && share && number.equals(100.0) && over.any(|has| has)
    }

    /// "Six.": whether an answer is nothing but this number.
    fn is_all(&self, piece: usize, number: &Number) -> bool {
        let text = &self.texts[piece];
        let mut words = text.words.iter();
        self.texts.iter().filter(|text| !text.is_empty()).count() == 1
            && words.all(|word| number.start <= word.start && word.end <= number.end)
    }

    /// Whether a number is a part of what a column is called: "mites per 100 bees" of a column "mites_per_100".
    fn is_of_a_name(&self, piece: usize, number: &Number) -> bool {
        let text = &self.texts[piece];
        let first = text.words.partition_point(|word| word.start < number.start);
        let per = aios_languages::Tag::Sense(aios_languages::Sense::Per);
        let rated = text
            .tags
            .iter()
            .any(|tag| tag.tag == per && tag.to == first);
        let shown = text.raw.get(number.start..number.end).unwrap_or("");
        let named = |column: &crate::column::GridColumn| {
            let mut parts = column.name.split(|c: char| !c.is_alphanumeric());
            parts.any(|part| part == shown)
        };
        let mut columns = self.ground.grids.iter().flat_map(|grid| &grid.columns);
        rated && shown.bytes().all(|byte| byte.is_ascii_digit()) && columns.any(named)
    }

    /// Whether the goal itself gives the number.
    fn given(&self, piece: usize, number: &Number) -> bool {
        if self.is_of_a_name(piece, number) {
            return true;
        }
        let asked = &self.ground.asked.text;
        let there = asked.numbers.iter().any(|own| {
            // "Two hours or longer" is repeated as "at least 120 minutes".
            let limit = number.bound.is_some() && number.bound == own.bound;
            same(number, own) && (own.unit == number.unit || (limit && own.unit.is_some()))
        });
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

    /// Whether a signed figure is the number. What a source bears out itself needs nobody's signature.
    fn signed(&self, number: &Number, claim: &mut Claim) {
        let ground = self.ground;
        if ground.facts.is_empty() {
            return;
        }
        let stands = Stands {
            text: &self.texts[claim.piece],
            over: self.labels(claim.piece),
        };
        let is = |signed: &Signed| {
            ground.spelled && signed.has_value(number) || signed.is(number, &stands)
        };
        let all = ground.facts.iter().enumerate();
        claim.signed = all
            .filter(|(_, signed)| is(signed))
            .map(|(at, _)| at)
            .collect();
        if claim.signed.is_empty() {
            return;
        }
        if claim.found.is_empty() {
            claim.found.push(Explanation::bare(Form::Signed));
        }
        if ground.spelled {
            claim.against = None;
        }
    }

    /// Whether the writer was told the number, in whatever words.
    fn told(&self, number: &Number, claim: &mut Claim) {
        if !claim.found.is_empty() && claim.against.is_none() {
            return;
        }
        let ground = self.ground;
        let told = ground.given.iter().any(|own| same(number, own));
        // "Line 47 of the file" is where a figure stands.
        let mut facts = ground.facts.iter();
        let raw = &self.texts[claim.piece].raw;
        let shown = raw.get(number.start..number.end).unwrap_or("");
        let called = ground.spelled
            && digit_runs(shown).next().is_some()
            && digit_runs(shown).all(|run| ground.marks.contains(run));
        if told || called || facts.any(|signed| signed.stands_at(number)) {
            claim.found.push(Explanation::bare(Form::Given));
            claim.against = None;
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

/// Whether a goal asks a table without times of day for a length of time: then "22:45" is one.
fn lasts(ground: &Ground) -> bool {
    let asked = &ground.asked;
    let timed = asked
        .units
        .iter()
        .any(|unit| unit.kind == crate::unit::Kind::Time);
    let clocked = ground.grids.iter().any(|grid| {
        let mut columns = grid.columns.iter();
        columns.any(|column| match &column.data {
            crate::column::Data::Times(times) => {
                times.iter().flatten().any(|time| time.minute.is_some())
            }
            _ => false,
        })
    });
    let long = asked.text.has(aios_languages::Sense::AskDuration);
    !ground.grids.is_empty() && !clocked && (timed || long)
}

/// "Nine points" where percentage points are asked for.
fn points_are_percent(text: &mut Text) {
    for unit in text.numbers.iter_mut().filter_map(|own| own.unit.as_mut()) {
        if unit.kind == crate::unit::Kind::Points {
            *unit = crate::unit::Unit::named(UnitName::Percent);
        }
    }
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
