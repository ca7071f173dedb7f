//! What became of each word: used, without meaning, not in the data, or not understood.

use aios_languages::{Ask, Hint, UnitName, hints};
use aios_work::Grain;

use super::clause::is_filler;
use super::marks::What;
use super::question::{Column as Id, Filter, Measure, Question, Test};
use super::resolve::{Asks, Reader};
use super::schema::{Column, Role};
use super::units::has_unit;

/// Whether a word has the form of what was done.
pub(super) fn is_participle(text: &str, language: &str) -> bool {
    let ends = |all: &[&str]| all.iter().any(|end| text.ends_with(end));
    match language {
        "de" => {
            let begins = [
                "ge", "ver", "be", "er", "ent", "zer", "uber", "ein", "aus", "ab", "an", "auf",
                "um",
            ];
            (begins.iter().any(|begin| text.starts_with(begin)) && ends(&["t", "en"]))
                || ends(&["iert"])
        }
        "fr" => ends(&[
            "e", "es", "ee", "ees", "u", "us", "ue", "ues", "i", "is", "ie", "ies",
        ]),
        "es" => ends(&[
            "ado", "ados", "ada", "adas", "ido", "idos", "ida", "idas", "io", "eron", "aron", "o",
        ]),
        _ => {
            ends(&["ed", "ing", "wn", "ught"])
                || [
                    "won", "cut", "put", "done", "laid", "led", "met", "fed", "shot", "dug",
                    "drew", "wore", "rode", "swam", "swum", "ridden", "taken", "given", "eaten",
                    "cost",
                ]
                .contains(&text)
        }
    }
}

impl Reader<'_> {
    /// Words that say how what is asked about came about, and choose no rows: "we baked", "hours worked", "wurden geerntet". A name, and
    /// a word that could choose, stays what it is.
    pub(super) fn light_words(
        &mut self,
        from: usize,
        to: usize,
        asks: &Asks,
        measures: &[(Measure, Option<String>)],
        counted: Option<&Measure>,
    ) {
        self.ranked_thing(from, to);
        let rows = |measure: &Measure| matches!(measure, Measure::Rows | Measure::Distinct(_));
        // Of rows that are counted each such word may be a condition.
        let counts = match measures {
            [] => counted.is_none_or(rows) && asks.any(&[Ask::Count, Ask::Share]),
            all => all.iter().all(|(measure, _)| rows(measure)),
        };
        let kinds = self
            .schema
            .columns
            .iter()
            .any(|column| matches!(column.role, Role::Groups | Role::Names));
        for at in from..to {
            let Some(mark) = self.mark(at).cloned() else {
                continue;
            };
            if mark.what != What::Unknown || self.is_used(at) {
                continue;
            }
            let text = self.words.text(mark.from).to_owned();
            let written = self.written(&mark);
            let name = mark.from > 0 && written.starts_with(char::is_uppercase);
            // "the patients of the whole hospital": all that the table has.
            let all = mark
                .from
                .checked_sub(1)
                .is_some_and(|before| hints(Hint::Whole, self.words.text(before)));
            if all && !name {
                self.take(at);
                let said = self.speech.say("one_kind", &[("said", &written)]);
                self.assume(said);
                continue;
            }
            let bare = text.strip_prefix("un").unwrap_or(&text);
            let chooses = (hints(Hint::Choosing, &text) || hints(Hint::Choosing, bare))
                && text != "paid"
                || hints(Hint::Unpaid, &text);
            if name {
                continue;
            }
            let before = mark
                .from
                .checked_sub(1)
                .map_or("", |at| self.words.text(at));
            // "on" is a pronoun in French alone: "spend on holidays" says what for.
            let pronoun =
                hints(Hint::Pronoun, before) && (self.words.language == "fr" || before != "on");
            let done = pronoun && !is_number(&text);
            let helped = (mark.from.saturating_sub(4)..mark.from)
                .any(|at| hints(Hint::Helping, self.words.text(at)));
            let known = |at: Option<usize>| {
                at.and_then(|at| self.mark(at).map(|mark| (at, mark)))
                    .is_some_and(|(at, mark)| {
                        self.is_used(at)
                            && matches!(
                                mark.what,
                                What::Column(..)
                                    | What::Concept(_)
                                    | What::Kin(_)
                                    | What::Value(..)
                            )
                    })
            };
            let behind = known(self.previous(from, at));
            let participle = is_participle(&text, &self.words.language) || text == "paid";
            // "least climbed route": of the only thing that is counted.
            let ranked = at.checked_sub(1).is_some_and(|before| {
                [Ask::Highest, Ask::Lowest]
                    .into_iter()
                    .any(|ask| self.is_ask(before, ask))
            }) && measures.is_empty()
                && self.schema.of_role(|role| role == Role::Adds).count() == 1;
            // "paid in cash", "made by hand": what stands behind is a value, and chosen by.
            let behind_by = self.next(at + 1, to).and_then(|next| {
                if self.is_ask(next, Ask::Per) {
                    self.next(next + 1, to)
                } else {
                    Some(next)
                }
            });
            let leads = behind_by.is_some_and(|next| {
                self.is_used(next)
                    && matches!(
                        self.mark(next).map(|mark| &mark.what),
                        Some(What::Value(..))
                    )
            });
            // "the single busiest week"
            if text == "single" && self.words.language == "en" {
                self.take(at);
                continue;
            }
            // "the section Fußball": what kind of thing is named right behind.
            let kind = self.mark(at + 1).is_some_and(|next| {
                matches!(next.what, What::Value(_, true)) && self.is_used(at + 1)
            }) && self
                .words
                .written(mark.to, mark.to + 1)
                .starts_with(char::is_uppercase);
            if kind
                && [
                    "the", "in", "of", "for", "der", "die", "das", "la", "le", "el",
                ]
                .contains(&before)
            {
                self.take(at);
                let said = self.speech.say("one_kind", &[("said", &written)]);
                self.assume(said);
                continue;
            }
            // "trips that covered less than 1 km": the limit behind it says which.
            let limits = self.next(at + 1, to).is_some_and(|next| {
                self.is_used(next)
                    && [
                        Ask::Above,
                        Ask::Below,
                        Ask::AtLeast,
                        Ask::AtMost,
                        Ask::Between,
                    ]
                    .into_iter()
                    .any(|ask| self.is_ask(next, ask))
            });
            if participle && (leads || limits) && !chooses {
                self.take(at);
                continue;
            }
            // "that accept pets" of a column of yes and no: what is chosen is said by its name.
            let flag = (at + 1..to)
                .find(|at| {
                    !self.mark(*at).is_some_and(is_filler) && !self.is_ask(*at, Ask::Without)
                })
                .unwrap_or(to);
            let flagged = flag < to && self.is_used(flag) && self.tells_yes_or_no(flag);
            if flagged && hints(Hint::Granting, &text) {
                self.take(at);
                continue;
            }
            // "released between 2015 and 2019", "did each team play?": what the rows are of, or which, nobody can tell; it is said.
            let in_time = participle
                && behind_by.is_some_and(|next| {
                    let next = if self.is_ask(next, Ask::Between) {
                        next + 1
                    } else {
                        next
                    };
                    matches!(
                        self.mark(next).map(|mark| &mark.what),
                        Some(What::Period(_))
                    )
                })
                && self
                    .schema
                    .columns
                    .iter()
                    .filter(|column| column.is_time())
                    .count()
                    == 1;
            let behind_a_word =
                hints(Hint::Leading, before) || ["the", "a", "an", "some", "any"].contains(&before);
            let helped_by_do = self.words.language == "en"
                && !behind_a_word
                && (mark.from.saturating_sub(6)..mark.from)
                    .any(|at| ["did", "do", "does"].contains(&self.words.text(at)))
                && (self.next(at + 1, to).is_none_or(|next| {
                    !matches!(
                        self.mark(next).map(|mark| &mark.what),
                        Some(What::Unknown | What::Column(..) | What::Concept(_))
                    )
                }));
            if !chooses && (counts && in_time || helped_by_do) {
                self.take(at);
                let said = self.speech.say("one_kind", &[("said", &written)]);
                self.assume(said);
                continue;
            }
            // "finishing time": of the only column of its kind.
            let only = self.measured(at + 1).len() == 1 && self.is_used(at + 1) && at + 1 < to;
            if text.ends_with("ing") && self.words.language == "en" && only {
                self.take(at);
                let name = self
                    .mark(at + 1)
                    .map(|next| self.words.written(mark.from, next.to).to_owned())
                    .unwrap_or_default();
                let said = self.speech.say("one_kind", &[("said", &name)]);
                self.assume(said);
                continue;
            }
            if chooses || text == "paid" {
                continue;
            }
            // "the marketing department": which of the groups is meant, and none of that name is there.
            let one_group = |at: usize| {
                let all = match self.mark(at).map(|mark| &mark.what) {
                    Some(What::Column(all, _) | What::Kin(all)) => all.clone(),
                    Some(What::Concept(concept)) => self.schema.standing_for(*concept),
                    _ => Vec::new(),
                };
                all.iter().any(|column| {
                    self.column(*column)
                        .is_some_and(|column| column.role == Role::Groups)
                })
            };
            // Several of them are no name: "the washing machines".
            let of_a_group = at + 1 < to
                && one_group(at + 1)
                && !self
                    .mark(at + 1)
                    .is_some_and(|mark| self.words.text(mark.to - 1).ends_with('s'));
            // "what share of those who turned up": of a share such a word makes the part or the whole.
            let of_share = asks.has(Ask::Share)
                && mark.from.checked_sub(1).is_some_and(|before| {
                    ["who", "that", "which", "die", "qui", "que"].contains(&self.words.text(before))
                });
            if of_share {
                continue;
            }
            if done || !counts && participle && (ranked || !of_a_group && (helped || behind)) {
                self.take(at);
                continue;
            }
            // A table that tells no kinds apart holds one thing, and a word before its measure says which.
            let mut next = at + 1;
            while matches!(self.mark(next).map(|mark| &mark.what), Some(What::Unknown)) {
                next += 1;
            }
            let measured = next < to && !self.measured(next).is_empty() && self.is_used(next);
            if !kinds && measured && !counts {
                let last = self.mark(next - 1).map_or(mark.to, |mark| mark.to);
                let name = self.words.written(mark.from, last).to_owned();
                (at..next).for_each(|at| self.take(at));
                let said = self.speech.say("one_kind", &[("said", &name)]);
                self.assume(said);
            }
        }
    }

    /// Whether a mark names a column of yes and no, or one of its values.
    fn tells_yes_or_no(&self, at: usize) -> bool {
        let columns: Vec<usize> = match self.mark(at).map(|mark| &mark.what) {
            Some(What::Column(all, _)) => all.clone(),
            Some(What::Value(all, true)) => all.iter().map(|(column, _)| *column).collect(),
            _ => Vec::new(),
        };
        columns.into_iter().any(|column| {
            self.column(column)
                .is_some_and(|column| column.truth.is_some())
        })
    }

    /// "the revenue in Narnia", "cups of green tea": behind such a word stands which rows are meant. Where the data has none of that name, a
    /// figure for others would answer another question.
    pub(super) fn unknown_places(&mut self, from: usize, to: usize) {
        let article = |word: &str| hints(Hint::Article, word) || hints(Hint::Determining, word);
        let unknown = |reader: &Self, at: usize| {
            matches!(reader.mark(at).map(|mark| &mark.what), Some(What::Unknown))
                && !reader.is_used(at)
        };
        let mut at = from;
        while at < to {
            let Some(first) = self.mark(at).map(|mark| mark.from) else {
                return;
            };
            let word = |back: usize| first.checked_sub(back).map_or("", |at| self.words.text(at));
            // "in the North and the West"
            let another = (from..at)
                .rev()
                .find(|at| !self.mark(*at).is_some_and(is_filler) && !self.is_ask(*at, Ask::Or))
                .is_some_and(|before| {
                    matches!(
                        self.mark(before).map(|mark| &mark.what),
                        Some(What::Value(..))
                    )
                })
                && (from..at)
                    .rev()
                    .take(2)
                    .any(|at| self.is_ask(at, Ask::And) || self.is_ask(at, Ask::Or));
            let led = hints(Hint::Leading, word(1))
                || (article(word(1)) && hints(Hint::Leading, word(2)))
                || another;
            let mut end = at;
            while end < to && unknown(self, end) {
                end += 1;
            }
            if led && end > at {
                let last = self.mark(end - 1).map_or(first, |mark| mark.to);
                let name = self.words.written(first, last).to_owned();
                (at..end).for_each(|at| self.take(at));
                self.say_absent(&name);
            }
            at = end.max(at + 1);
        }
    }

    /// "How many trains were late": who asks how many is never told a sum of something else, whose words stay unused.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn only_counted(
        &mut self,
        from: usize,
        to: usize,
        asks: &Asks,
        counted: Option<&Measure>,
        over: Option<&Measure>,
        filters: &[Filter],
        measures: &mut Vec<(Measure, Option<String>)>,
    ) {
        let others = asks.any(&[
            Ask::Total,
            Ask::Mean,
            Ask::Median,
            Ask::Highest,
            Ask::Lowest,
            Ask::Top,
            Ask::Bottom,
            Ask::Per,
            Ask::Share,
            Ask::Ratio,
            Ask::Deviation,
            Ask::Variance,
            Ask::Range,
            Ask::Percentile,
            Ask::Weighted,
            Ask::Correlation,
            Ask::Growth,
            Ask::Change,
            Ask::Compare,
            Ask::Which,
            Ask::Who,
            Ask::And,
        ]);
        let counts = matches!(counted, Some(Measure::Rows | Measure::Distinct(_)));
        let exceeds = matches!(measures.first(), Some((Measure::Less(..), _)));
        if !asks.has(Ask::Count) || !counts || others || over.is_some() || exceeds {
            return;
        }
        for at in from..to {
            let measured = match self.mark(at).map(|mark| &mark.what) {
                Some(What::Column(all, _)) => all
                    .iter()
                    .any(|at| self.column(*at).is_some_and(Column::is_measure)),
                Some(What::Concept(concept)) => {
                    !self.is_weak(*concept)
                        && self
                            .schema
                            .standing_for(*concept)
                            .iter()
                            .any(|at| self.column(*at).is_some_and(Column::is_measure))
                }
                _ => false,
            };
            let limited = self.measured(at).iter().any(|column| {
                self.column(*column).is_some_and(|column| {
                    filters.iter().any(|filter| {
                        filter.column == column.id
                            || matches!(&filter.test, Test::Over(other, _) | Test::Under(other, _) if *other == column.id)
                    })
                })
            });
            // "How many fines" of a column `fine_eur`: it is they that are counted.
            let counted_here = self
                .previous(from, at)
                .is_some_and(|before| self.is_ask(before, Ask::Count) && self.is_used(at));
            if measured
                && !limited
                && !counted_here
                && let Some(used) = self.used.get_mut(at)
            {
                *used = false;
            }
        }
        measures.clear();
    }

    /// Says that the goal is no question that this table answers, with its columns.
    pub(super) fn say_not_understood(&mut self) {
        let columns = self.schema.columns.iter().take(20);
        let columns: Vec<&str> = columns.map(|column| column.id.name.trim()).collect();
        let said = self
            .speech
            .say("nothing", &[("columns", &columns.join(", "))]);
        self.absent.push(said);
    }

    pub(super) fn say_absent(&mut self, what: &str) {
        let columns: Vec<String> = self
            .schema
            .columns
            .iter()
            .map(|column| column.id.name.trim().to_owned())
            .take(20)
            .collect();
        let said = self.speech.say(
            "absent",
            &[("what", what), ("columns", &columns.join(", "))],
        );
        if !self.absent.contains(&said) {
            self.absent.push(said);
        }
    }

    /// "zip code" where the column is called `zip`: a word that only says that something is a name or a number.
    pub(super) fn is_of_a_name(&self, at: usize) -> bool {
        let named = |at: Option<usize>| {
            at.and_then(|at| self.mark(at))
                .is_some_and(|mark| matches!(mark.what, What::Column(..) | What::Concept(_)))
        };
        // "no reading" takes away, "invoice no" numbers.
        let word = self
            .mark(at)
            .filter(|mark| mark.what != What::Ask(Ask::Without))
            .map(|mark| self.words.text(mark.from));
        word.is_some_and(|word| super::schema::QUALIFIERS.contains(&word))
            && (named(at.checked_sub(1)) || named(Some(at + 1)))
    }

    /// Words that nothing used.
    pub(super) fn unused(&self, questions: &[Question]) -> Vec<String> {
        let mut out: Vec<String> = Vec::new();
        let touched: Vec<&Id> = questions.iter().flat_map(super::join::columns).collect();
        for (at, mark) in self.marks.all.iter().enumerate() {
            if self.unheard_ends.contains(&at) {
                out.push(self.written(mark));
                continue;
            }
            if self.is_used(at) || self.is_of_a_name(at) {
                continue;
            }
            let matters = match &mark.what {
                // "books lent by the branch" of a column `lent`: each row has its day, and the verb says nothing of it.
                What::Column(all, _)
                    if self.marks.is_filler(mark.from)
                        && all.iter().all(|at| {
                            self.column(*at)
                                .is_some_and(|column| column.is_time() && column.missing == 0)
                        }) =>
                {
                    false
                }
                What::Unknown
                | What::Value(..)
                | What::Column(..)
                | What::Period(_)
                | What::Clock(_)
                | What::Ordinal(_) => true,
                What::Number(_) => true,
                // A hint at a column that has its part in the answer, or a verb of it.
                What::Kin(all) => {
                    let part = all.iter().filter_map(|at| self.column(*at));
                    let part = part
                        .map(|column| &column.id)
                        .any(|id| touched.contains(&id));
                    let choosing = hints(Hint::Choosing, self.words.text(mark.from));
                    // "trips started at the Museum": every row has its time.
                    let every = all.iter().all(|at| {
                        self.column(*at)
                            .is_some_and(|column| column.is_time() && column.missing == 0)
                    });
                    if every && !choosing {
                        continue;
                    }
                    !part && (choosing || !self.marks.is_filler(mark.from))
                }
                // "through the app": such a word leads a value as well.
                What::Ask(
                    Ask::Until | Ask::Since | Ask::Before | Ask::After | Ask::Between | Ask::Above,
                ) if self.leads_to_what_is_used(at) => false,
                What::Ask(Ask::First | Ask::Rank) => true,
                // "how many years has she been here": a time that nothing measures.
                What::Ask(Ask::Day | Ask::Week | Ask::Month | Ask::Quarter | Ask::Year)
                    if at
                        .checked_sub(1)
                        .is_some_and(|before| self.is_ask(before, Ask::Count))
                        && !questions.iter().any(|question| !question.groups.is_empty())
                        && !self.is_counted_in(at, &touched) =>
                {
                    true
                }
                What::Ask(Ask::Last) => {
                    let text = self.words.text(mark.from);
                    !hints(Hint::Present, text)
                }
                // "who earns more than 6,000 gross": what is earned is the column that is named.
                What::Concept(concept)
                    if ["salary", "revenue", "cost", "spent"]
                        .iter()
                        .any(|name| Self::concept(name) == *concept)
                        && self.schema.standing_for(*concept).is_empty()
                        && self.is_told_by_its_only_money(&touched) =>
                {
                    false
                }
                What::Concept(concept) => {
                    !self.is_weak(*concept)
                        || self.asks(0, self.marks.all.len()).has(Ask::Share)
                            && hints(Hint::Buying, self.words.text(mark.from))
                }
                What::Superlative(..) | What::Unit(_) | What::File => false,
                What::Ask(ask) => matches!(
                    ask,
                    Ask::Without
                        | Ask::Missing
                        | Ask::Above
                        | Ask::Below
                        | Ask::AtLeast
                        | Ask::AtMost
                        | Ask::Between
                        | Ask::BelowZero
                        | Ask::AboveZero
                        | Ask::Running
                        | Ask::Correlation
                        | Ask::Percentile
                        | Ask::Weighted
                        | Ask::Previous
                        | Ask::Since
                        | Ask::Until
                        | Ask::Before
                        | Ask::Hour
                ),
            };
            let name = self.written(mark);
            if matters && !out.contains(&name) {
                out.push(name);
            }
        }
        out
    }

    /// Whether what is asked for is of one column of money.
    fn is_told_by_its_only_money(&self, touched: &[&Id]) -> bool {
        let mut money = self
            .schema
            .columns
            .iter()
            .enumerate()
            .filter(|(at, column)| touched.contains(&&column.id) && self.is_money(*at));
        money.next().is_some() && money.next().is_none()
    }

    /// "how many days were the ladders out": whether what is asked for holds what such a word counts.
    fn is_counted_in(&self, at: usize, touched: &[&Id]) -> bool {
        let unit = match self.mark(at).map(|mark| &mark.what) {
            Some(What::Ask(Ask::Day)) => UnitName::Day,
            Some(What::Ask(Ask::Week)) => UnitName::Week,
            Some(What::Ask(Ask::Month)) => UnitName::Month,
            Some(What::Ask(Ask::Year)) => UnitName::Year,
            _ => return false,
        };
        let text = self.mark(at).map_or("", |mark| self.words.text(mark.from));
        let stem = super::words::canon(text);
        // "days of absence" are what the column of absences counts.
        let of = self.mark(at).is_some_and(|mark| {
            ["of", "an", "de", "d"].contains(&self.words.text(mark.to))
                && self
                    .next(at + 1, self.marks.all.len())
                    .is_some_and(|next| self.is_used(next) && !self.measured(next).is_empty())
        });
        let timed = |column: &Column| {
            column.role == Role::Date && column.finest == Grain::Day
                || column.is_time() && unit != UnitName::Day
        };
        of || self.schema.columns.iter().any(|column| {
            touched.contains(&&column.id)
                && (has_unit(column, unit) || timed(column) || column.words.contains(&stem))
        })
    }

    fn leads_to_what_is_used(&self, at: usize) -> bool {
        self.next(at + 1, self.marks.all.len()).is_some_and(|next| {
            self.is_used(next)
                && matches!(
                    self.mark(next).map(|mark| &mark.what),
                    Some(What::Value(..) | What::Column(..))
                )
        })
    }

    pub(super) fn taken(&self) -> Vec<(String, String)> {
        let mut out = Vec::new();
        for mark in &self.marks.all {
            let what = match &mark.what {
                What::Column(all, _) => match all.first().and_then(|at| self.column(*at)) {
                    Some(column) => self
                        .speech
                        .say("taken_column", &[("name", column.id.name.trim())]),
                    None => continue,
                },
                What::Value(all, whole) if !*whole => {
                    let names: Vec<&str> = all
                        .iter()
                        .map(|(_, value)| value.as_str())
                        .take(5)
                        .collect();
                    self.speech
                        .say("taken_values", &[("names", &names.join(", "))])
                }
                _ => continue,
            };
            let said = self.written(mark);
            out.push((said, what));
        }
        out
    }
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}
