//! Takes each word of a goal for something. The longest reading wins, of two as long the more certain one; no word has two.

use std::collections::BTreeMap;

use aios_languages::{Ask, Asked, Asking, Hint, UnitName, asks, hints};

use super::kin::compound;
use super::marks::{Mark, Marks, What, names_a_thing};
use super::period::Said;
use super::periods::Periods;
use super::schema::{Found, Role, Schema};
use super::units::units;
use super::words::{Words, canon};

/// How sure a reading is, where two are as long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sure {
    Filler,
    Kin,
    Part,
    Concept,
    Word,
    Number,
    Period,
    Column,
    Value,
    Quoted,
}

impl Marks {
    pub(super) fn read(words: &Words, schema: &Schema) -> Self {
        let known = asks(&words.language);
        let mut asked = known.map(|asks| asks.find(&words.all)).unwrap_or_default();
        // People mix: "voyageurs by ligne". English words of asking are understood where the goal's language knows no such word.
        if words.language != "en" {
            let heard = |at: usize, asked: &[Asked]| {
                asked.iter().any(|known| known.from <= at && at < known.to)
            };
            let more: Vec<Asked> = asks("en")
                .map(|asks| asks.find(&words.all))
                .unwrap_or_default()
                .into_iter()
                .filter(|more| matches!(more.asking, Asking::Ask(ask) if ask != Ask::Filler))
                .filter(|more| (more.from..more.to).all(|at| !heard(at, &asked)))
                .collect();
            asked.extend(more);
        }
        let mut marks = Self {
            asked,
            all: Vec::new(),
            asides: Vec::new(),
            spelled: Vec::new(),
        };
        let values = values(words, schema);
        let all = Reader {
            words,
            schema,
            marks: &marks,
            periods: Periods::new(words, &marks),
            units: units(words),
            title: in_title_case(words, &values),
            values,
        }
        .chosen();
        marks.all = all;
        marks.plain_verbs(words);
        marks.pairs(words);
        marks.numbers_of(words);
        marks.units_behind(schema);
        marks.set_aside(words, schema);
        marks.spell(words, schema);
        marks
    }
}

type Named = BTreeMap<(usize, usize), Vec<(usize, Found)>>;

fn values(words: &Words, schema: &Schema) -> Named {
    let mut out = Named::new();
    for (column, found) in &schema.values {
        let from = words.all.iter().position(|word| word.start == found.start);
        let to = words.all.iter().position(|word| word.end == found.end);
        if let (Some(from), Some(to)) = (from, to) {
            out.entry((from, to + 1))
                .or_default()
                .push((*column, found.clone()));
        }
    }
    out
}

/// Whether Most Words Begin With A Capital, so that a capital says nothing.
fn in_title_case(words: &Words, values: &Named) -> bool {
    // Names of the data are written so anywhere.
    let named = |at: usize| {
        values.iter().any(|((from, to), found)| {
            (*from..*to).contains(&at) && found.iter().any(|(_, found)| found.whole)
        })
    };
    let plain = words.all.iter().enumerate();
    let plain: Vec<&str> = plain
        .filter(|(at, word)| word.end - word.start > 3 && !named(*at))
        .map(|(_, word)| words.raw.get(word.start..word.end).unwrap_or(""))
        .collect();
    let long = plain.len();
    let capital = plain
        .iter()
        .filter(|written| written.starts_with(char::is_uppercase))
        .count();
    long >= 3 && capital * 3 >= long * 2
}

struct Reader<'a> {
    words: &'a Words,
    schema: &'a Schema,
    marks: &'a Marks,
    periods: Periods<'a>,
    values: Named,
    units: BTreeMap<usize, (usize, UnitName)>,
    title: bool,
}

impl Reader<'_> {
    fn chosen(&self) -> Vec<Mark> {
        let mut out: Vec<Mark> = Vec::new();
        let mut at = 0;
        while at < self.words.all.len() {
            let mark = self.best(at, out.last());
            at = mark.to.max(at + 1);
            out.push(mark);
        }
        out
    }

    fn best(&self, at: usize, before: Option<&Mark>) -> Mark {
        let mut best: Option<(usize, Sure, Mark)> = None;
        let mut offer = |to: usize, sure: Sure, what: What| {
            let length = to - at;
            let better = best
                .as_ref()
                .is_none_or(|(known, of, _)| (length, sure) > (*known, *of));
            if better {
                best = Some((length, sure, Mark { from: at, to, what }));
            }
        };
        // A unit belongs to its number, whatever else it may mean.
        if let Some(Mark {
            what: What::Number(_),
            ..
        }) = before
            && let Some((to, unit)) = self.unit_at(at)
            && !self.is_told_apart_by(to, unit)
        {
            return Mark {
                from: at,
                to,
                what: What::Unit(unit),
            };
        }
        for ((from, to), found) in self.values.range((at, 0)..(at + 1, 0)) {
            let whole: Vec<(usize, String)> = found
                .iter()
                .filter(|(_, found)| found.whole)
                .filter(|(column, found)| self.is_value(*from, *to, *column, found, before))
                .map(|(column, found)| (*column, found.value.clone()))
                .collect();
            if !whole.is_empty() {
                let sure = if self.words.is_quoted(*from, *to) {
                    Sure::Quoted
                } else {
                    Sure::Value
                };
                offer(*to, sure, What::Value(whole, true));
            }
        }
        for (to, columns) in self.columns_at(at) {
            offer(to, Sure::Column, What::Column(columns, true));
        }
        // "week 3" of a column that is called so, where nothing says when.
        let dated = self
            .schema
            .columns
            .iter()
            .any(super::schema::Column::is_time);
        if let Some((to, said)) = self
            .periods
            .at(at)
            .filter(|(_, said)| dated || !matches!(said, Said::Part(aios_work::Grain::Week, _)))
        {
            offer(to, Sure::Period, What::Period(said));
        }
        let timed = self
            .schema
            .columns
            .iter()
            .any(|column| column.hours || column.clock);
        if timed && let Some((to, minute)) = super::clocks::clock_at(self.words, at) {
            offer(to, Sure::Period, What::Clock(minute));
        }
        if let Some(numeral) = self.words.numeral(at) {
            // "one", "a hundred": a word is a number only where a number can stand.
            let spelled = !numeral.digits
                && numeral.value.fract() == 0.0
                && !self.words.is_one_of_a_unit(at)
                && self.marks.can_be(at, at + 1, |_| true);
            if !spelled {
                offer(numeral.to, Sure::Number, What::Number(numeral));
            }
        }
        // Of two things that a word may stand for, the one that a column stands for.
        let mut asked: Vec<&Asked> = self
            .marks
            .asked
            .iter()
            .filter(|asked| asked.from == at)
            .collect();
        let event = aios_languages::concept_number("event");
        asked.sort_by_key(|asked| match asked.asking {
            Asking::Concept(concept) => (
                self.schema.standing_for(concept).is_empty(),
                concept != event,
            ),
            // "das jüngste Mitglied" is the youngest where somebody has an age.
            Asking::Superlative(_, concept) => {
                (self.schema.standing_for(concept).is_empty(), false)
            }
            // "tiefste" is the highest where somebody has a depth.
            Asking::Ask(Ask::Last | Ask::Lowest) => (false, true),
            _ => (false, false),
        });
        // "the most common reason for a visit": a column that is called so is no question for it.
        let named = !self.columns_at(at).is_empty();
        asked.retain(|asked| !named || asked.asking != Asking::Ask(Ask::Reason));
        // "Riverside" is a name, and no river.
        let name = self.words.language == "en"
            && at > 0
            && !self.title
            && self
                .words
                .written(at, at + 1)
                .starts_with(char::is_uppercase)
            && !before.is_some_and(|before| {
                matches!(before.what, What::Ask(Ask::Count | Ask::Which | Ask::Per))
            });
        asked.retain(|asked| !name || asked.asking != Asking::Concept(event));
        // "with NO as the country": a value in capitals within a phrase is no word of it.
        let shouted = |at: usize| {
            let written = self.words.written(at, at + 1);
            written.len() > 1
                && written.chars().all(char::is_uppercase)
                && self.values.get(&(at, at + 1)).is_some_and(|found| {
                    found
                        .iter()
                        .any(|(_, found)| found.whole && found.value.trim() == written)
                })
                && self.words.raw.chars().any(char::is_lowercase)
        };
        asked.retain(|asked| !(asked.from + 1..asked.to).any(shouted));
        // "im Lager" of a department that is called so
        let named = |at: usize| {
            self.values
                .get(&(at, at + 1))
                .is_some_and(|found| found.iter().any(|(_, found)| found.whole))
        };
        asked.retain(|asked| {
            let thing = matches!(asked.asking, Asking::Ask(Ask::Filler) | Asking::Concept(_));
            asked.to == asked.from + 1 || !thing || !(asked.from..asked.to).any(named)
        });
        self.marks
            .retain_phrases(self.words, self.schema, &mut asked);
        for asked in asked {
            let (sure, what) = match asked.asking {
                Asking::Ask(Ask::Filler) => (Sure::Filler, What::Ask(Ask::Filler)),
                Asking::Ask(ask) => (Sure::Word, What::Ask(ask)),
                Asking::Superlative(ask, concept) => (Sure::Word, What::Superlative(ask, concept)),
                Asking::Ordinal(number) => (Sure::Word, What::Ordinal(number)),
                Asking::Concept(concept) => (Sure::Concept, What::Concept(concept)),
            };
            offer(asked.to, sure, what);
        }
        if let Some((to, what)) =
            super::units::without_a_number(at, self.words, self.schema, &self.units)
        {
            offer(to, Sure::Word, what);
        }
        // "the average rate" of a column of rates; behind a thing the word makes a rate of it.
        let rate = self
            .marks
            .can_be(at, at + 1, |asking| asking == Asking::Ask(Ask::Ratio))
            && !before.is_some_and(|before| {
                matches!(
                    before.what,
                    What::Column(..) | What::Concept(_) | What::Kin(_) | What::Unknown | What::File
                )
            });
        let plain = !rate
            && self.marks.can_be(
                at,
                at + 1,
                |asking| matches!(asking, Asking::Ask(ask) if !names_a_thing(ask)),
            );
        if !plain {
            // "how many nights" asks for no price per night.
            let counted = before
                .is_some_and(|before| matches!(before.what, What::Ask(Ask::Count | Ask::Distinct)));
            if let Some((to, mut columns)) = self.part_of_columns(at) {
                let word = self.words.all.get(at).map(|word| canon(&word.text));
                columns.retain(|column| {
                    let column = self.schema.columns.get(*column);
                    let per = column.is_some_and(|column| {
                        column.words.windows(2).any(|two| {
                            hints(Hint::Dividing, &two[0]) && Some(&two[1]) == word.as_ref()
                        })
                    });
                    !(counted && per && to == at + 1)
                });
                if !columns.is_empty() {
                    offer(to, Sure::Column, What::Column(columns, false));
                }
            }
            let stem = self.words.all.get(at).map(|word| canon(&word.text));
            let file = stem.as_ref().is_some_and(|stem| {
                let mut about = self.schema.about.iter();
                about.any(|word| {
                    word == stem
                        || super::kin::same_verb(word, stem)
                        || super::kin::same_root(self.words.text(at), word)
                        || stem.chars().count() >= 6 && super::kin::kin(stem, word)
                        // "earthquake" of `quakes.csv`
                        || word.chars().count() >= 5 && stem.ends_with(word.as_str())
                })
            });
            if file {
                offer(at + 1, Sure::Part, What::File);
            }
            if let Some(columns) = self.kin_at(at) {
                // "what did I pay" of a column `paid`: a thing that no column stands for says less than a word of one family.
                let things = self
                    .marks
                    .asked
                    .iter()
                    .filter(|asked| asked.from == at && asked.to == at + 1);
                let bare = things.clone().count() > 0
                    && things.into_iter().all(|asked| {
                        matches!(asked.asking, Asking::Concept(concept) if self.schema.standing_for(concept).is_empty())
                    });
                let measure = columns.iter().any(|column| {
                    self.schema
                        .columns
                        .get(*column)
                        .is_some_and(super::schema::Column::is_measure)
                });
                let sure = if bare && measure {
                    Sure::Word
                } else {
                    Sure::Kin
                };
                offer(at + 1, sure, What::Kin(columns));
            }
            if let Some((to, columns)) = self.initials_at(at) {
                offer(to, Sure::Kin, What::Kin(columns));
            }
            let part = self.values.get(&(at, at + 1));
            let part: Vec<(usize, String)> = part
                .into_iter()
                .flatten()
                .filter(|(column, found)| {
                    !found.whole && !self.schema.is_of_remarks(*column, self.words)
                })
                .map(|(column, found)| (*column, found.value.clone()))
                .collect();
            // A thing that no column stands for says less than a value that it is a part of.
            let bare = self.marks.asked.iter().any(|asked| {
                asked.from == at
                    && asked.to == at + 1
                    && matches!(asked.asking, Asking::Concept(concept) if self.schema.standing_for(concept).is_empty())
            });
            if !part.is_empty() && self.words.text(at).chars().count() >= 3 {
                let sure = if bare { Sure::Word } else { Sure::Part };
                offer(at + 1, sure, What::Value(part, false));
            }
        }
        best.map_or(
            Mark {
                from: at,
                to: at + 1,
                what: What::Unknown,
            },
            |(_, _, mark)| mark,
        )
    }

    /// "the three years with the fewest parcels": so many periods are told, and nothing is counted in them.
    fn is_told_apart_by(&self, to: usize, unit: Option<UnitName>) -> bool {
        let period = matches!(
            unit,
            Some(UnitName::Day | UnitName::Week | UnitName::Month | UnitName::Year)
        );
        let ranked = self.marks.asked.iter().any(|asked| {
            (to + 1..to + 3).contains(&asked.from)
                && matches!(
                    asked.asking,
                    Asking::Ask(Ask::Highest | Ask::Lowest) | Asking::Superlative(..)
                )
        });
        period && ranked && hints(Hint::Along, self.words.text(to))
    }

    fn unit_at(&self, at: usize) -> Option<(usize, Option<UnitName>)> {
        if let Some((to, unit)) = self.units.get(&at) {
            return Some((*to, Some(*unit)));
        }
        let text = self.words.text(at);
        if text == "m" && self.words.metres {
            return Some((at + 1, Some(UnitName::Metre)));
        }
        let is_unit = |column: &super::schema::Column| {
            let unit = column.id.unit.as_deref();
            unit.is_some_and(|unit| aios_languages::fold(unit) == text)
        };
        let currency = ["eur", "usd", "gbp", "chf", "jpy"].contains(&text);
        (currency || self.schema.columns.iter().any(is_unit)).then_some((at + 1, None))
    }

    /// Whether a word that is a value of the data is meant as one: a short one, or one that is a word of asking too, must be written as in the
    /// file, with a capital that its place does not explain, or stand beside its column's name.
    fn is_value(
        &self,
        from: usize,
        to: usize,
        column: usize,
        found: &Found,
        before: Option<&Mark>,
    ) -> bool {
        if self.words.is_quoted(from, to) {
            return true;
        }
        // "under 50 minutes" of groups such as `50+`: behind a limit, or before a unit, stands a number.
        let limited = before.is_some_and(|before| {
            matches!(
                before.what,
                What::Ask(Ask::Above | Ask::Below | Ask::AtLeast | Ask::AtMost | Ask::Between)
            )
        });
        if self.words.numeral(from).is_some_and(|number| number.digits)
            && self.words.written(from, to) != found.value.trim()
            && (limited || self.units.contains_key(&to))
        {
            return false;
        }
        // "in dollars" of amounts in several currencies
        if self.schema.is_of_units(column) {
            return true;
        }
        let text = self.words.text(from);
        let event = aios_languages::concept_number("event");
        let asking = self.marks.can_be(from, to, |asking| match asking {
            // What only the value's own column stands for is no other thing.
            Asking::Concept(concept) => {
                concept != event
                    && self
                        .schema
                        .standing_for(concept)
                        .iter()
                        .any(|standing| *standing != column)
            }
            // "the rose": behind an article stands no verb.
            Asking::Ask(Ask::Growth) => !self.words.is_behind_an_article(from),
            // "negative tests" of results that are called so
            Asking::Ask(Ask::BelowZero | Ask::AboveZero) => false,
            _ => true,
        });
        // A column's own name is that, unless the column of the value is named beside it.
        let named = self.columns_at(from).iter().any(|(end, _)| *end == to);
        let short = to - from == 1 && text.chars().count() <= 2;
        let month = to - from == 1 && self.periods.at(from).is_some();
        if !asking && !short && !month && !named {
            return true;
        }
        // "answered yes": an answer of two, where it is no word of asking or ends the question.
        let answers = self.schema.columns.get(column).is_some_and(|column| {
            column.truth.is_some() || (column.role == Role::Groups && column.distinct <= 12)
        });
        let ends = to == self.words.all.len() || self.words.gap(to).contains(['?', ',', '.']);
        if answers && !named && text.chars().count() >= 2 && (!asking || ends) {
            return true;
        }
        let beside =
            |mark: &Mark| matches!(&mark.what, What::Column(all, _) if all.contains(&column));
        let behind = self
            .columns_at(to)
            .into_iter()
            .any(|(_, all)| all.contains(&column));
        if before.is_some_and(beside) || behind {
            return true;
        }
        if named {
            return false;
        }
        let written = self.words.written(from, to);
        // "F" for female is written large wherever it stands; "a" and "I" are words.
        let large =
            written.chars().any(char::is_uppercase) || written.chars().any(|c| c.is_ascii_digit());
        let all_large = written.len() > 1 && written.chars().all(|c| !c.is_lowercase());
        let noun = self.words.language == "de" && asking && !all_large;
        // "O-" with its sign.
        let signed = self
            .words
            .raw
            .get(self.words.all.get(from).map_or(0, |word| word.start)..)
            .is_some_and(|rest| rest.starts_with(found.value.trim()))
            && found.value.trim() != written;
        (written == found.value.trim() || signed)
            && large
            && (!month || self.is_calendar_word_a_value(column))
            && (all_large || signed || (from > 0 && !self.title && !noun))
    }

    /// A month's name is a value where its column holds no dates that the month could be of.
    fn is_calendar_word_a_value(&self, column: usize) -> bool {
        let dated = self
            .schema
            .of_role(|role| role == Role::Date)
            .next()
            .is_some();
        !dated
            || self
                .schema
                .columns
                .get(column)
                .is_some_and(|column| column.role == Role::Groups)
    }

    /// Columns whose whole name stands here, by where it ends.
    fn columns_at(&self, at: usize) -> Vec<(usize, Vec<usize>)> {
        let mut out: Vec<(usize, Vec<usize>)> = Vec::new();
        for (place, column) in self.schema.columns.iter().enumerate() {
            let to = at + column.words.len();
            let fits = !column.words.is_empty()
                && self.words.all.get(at..to).is_some_and(|said| {
                    said.iter().zip(&column.words).all(|(said, word)| {
                        // "check-ins" of `check_in`
                        canon(&said.text) == *word
                            || column.words.len() > 1 && said.text.strip_suffix('s') == Some(word)
                    })
                });
            if fits && self.is_name(at, to, column) {
                match out.iter_mut().find(|(known, _)| *known == to) {
                    Some((_, all)) => all.push(place),
                    None => out.push((to, vec![place])),
                }
            }
        }
        out
    }

    /// Whether a word is meant as a column's name: a single letter, or a word of asking, must be written as in the file.
    fn is_name(&self, from: usize, to: usize, column: &super::schema::Column) -> bool {
        if to - from > 1 || self.words.is_quoted(from, to) {
            return true;
        }
        let text = self.words.text(from);
        let written = self.words.written(from, to);
        let called = from > 0
            && ["column", "spalte", "colonne", "columna"].contains(&self.words.text(from - 1));
        let short = text.chars().count() <= 2;
        let filler = self
            .marks
            .can_be(from, to, |asking| asking == Asking::Ask(Ask::Filler));
        // "by ligne": behind such a word stands a column, whatever else it may mean.
        let before = from.checked_sub(1);
        let per = before.is_some_and(|before| {
            // "which line"
            self.marks.ends_at(from, Ask::Per) || hints(Hint::Choice, self.words.text(before))
        });
        // "below their minimum": what somebody has is a column, where one is called so.
        let owned = from > 0 && hints(Hint::Owning, self.words.text(from - 1));
        if called || (per || owned) && !short && !filler {
            return true;
        }
        if short {
            let upper = written.chars().any(char::is_uppercase);
            return written == column.id.name.trim() && (!filler || (upper && from > 0));
        }
        // "total", "count": what is done with a column before a column of that name. A bus line is no line of the file.
        !self.marks.can_be(
            from,
            to,
            |asking| matches!(asking, Asking::Ask(ask) if !(names_a_thing(ask) || ask == Ask::Rows && column.names_rows())),
        )
    }

    /// Columns that this word hints at: of one family with a word of theirs, or their unit.
    fn kin_at(&self, at: usize) -> Option<Vec<usize>> {
        let text = self.words.text(at);
        let led = at
            .checked_sub(1)
            .map_or("", |before| self.words.text(before));
        let in_it = ["in", "en"].contains(&led);
        let hints = |column: &super::schema::Column| {
            let unit = column.id.unit.as_deref().map(aios_languages::fold);
            let by_unit = !in_it && text.len() >= 2 && unit.is_some_and(|unit| unit == text);
            let long = text.chars().count() >= 3;
            let of =
                |word: &&str| super::kin::kin(text, word) || super::kin::abbreviates(word, text);
            by_unit || long && column.core().iter().any(of)
        };
        let columns = self.schema.columns.iter().enumerate();
        let all: Vec<usize> = columns
            .filter(|(_, column)| hints(column))
            .map(|(place, _)| place)
            .collect();
        (!all.is_empty()).then_some(all)
    }

    /// Columns that are called by the first letters of these words: `avg_los` for the length of stay.
    fn initials_at(&self, at: usize) -> Option<(usize, Vec<usize>)> {
        const LONGEST: usize = 5;
        let mut initials = String::new();
        for to in at + 1..=(at + LONGEST).min(self.words.all.len()) {
            initials.extend(self.words.text(to - 1).chars().next());
            let columns = self.schema.columns.iter().enumerate();
            let all: Vec<usize> = columns
                .filter(|(_, column)| {
                    // What is a word of its own stands for no others.
                    column.concepts.is_empty() && column.core().contains(&initials.as_str())
                })
                .map(|(place, _)| place)
                .collect();
            if to - at >= 3 && !all.is_empty() {
                return Some((to, all));
            }
        }
        None
    }

    /// Columns of which a part of the name stands here.
    fn part_of_columns(&self, at: usize) -> Option<(usize, Vec<usize>)> {
        let said = |at: usize| self.words.all.get(at).map(|word| canon(&word.text));
        let first = said(at)?;
        // "ok" of `sensor.ok`: a short word must be the end of a name, of what is so or not.
        let short = first.chars().count() < 3 && !first.bytes().any(|byte| byte.is_ascii_digit());
        let ends = |column: &super::schema::Column| {
            column.truth.is_some() && column.core().last() == Some(&first.as_str())
        };
        if short && !self.schema.columns.iter().any(ends) {
            return None;
        }
        let meets = |column: &super::schema::Column, said: &str| {
            column.core().iter().any(|word| {
                // "Monatsmiete" of `Miete pro Monat`, and no yearly one
                match super::kin::period_before(said, word).zip(super::per::divided_by(column)) {
                    Some((said, divided)) => said == divided,
                    None => *word == said || compound(word, said),
                }
            })
        };
        let columns = self.schema.columns.iter().enumerate();
        let mut all: Vec<usize> = columns
            .filter(|(_, column)| meets(column, &first))
            .map(|(place, _)| place)
            .collect();
        if all.is_empty() {
            return None;
        }
        let mut to = at + 1;
        // As long as further words are of the same name.
        while let Some(next) = said(to) {
            let still: Vec<usize> = all
                .iter()
                .copied()
                .filter(|place| {
                    let column = self.schema.columns.get(*place);
                    // "nights per booking" is no part of `price_per_night`: its words come in their order.
                    let place = |word: &str| {
                        column.and_then(|column| column.words.iter().position(|own| own == word))
                    };
                    let before = said(to - 1).and_then(|word| place(&word));
                    column.is_some_and(|column| column.words.contains(&next) && next != first)
                        && before.is_none_or(|before| place(&next) > Some(before))
                })
                .collect();
            if still.is_empty() {
                break;
            }
            all = still;
            to += 1;
        }
        // The more of its name is said, the better it fits.
        all.sort_by_key(|place| {
            self.schema
                .columns
                .get(*place)
                .map_or(0, |column| column.core().len())
        });
        Some((to, all))
    }
}
