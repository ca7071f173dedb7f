//! A goal over its tables, clause by clause, as questions; and what of it is not in the data or was not understood.

use aios_languages::{Ask, Hint, hints, language_of_goal};

use super::clause::clauses;
use super::marks::{Marks, What};
use super::question::{Figure, Filter, Make, Question, Tables, Understood, Wanted};
use super::resolve::{Asks, Reader};
use super::say::Speech;
use super::schema::{Role, Schema, Seen};
use super::words::Words;

/// How a goal was read.
#[derive(Debug)]
pub(crate) enum Reading {
    /// It asks for an overview; with conditions on rows, and what of it is not in the data.
    Overview {
        filters: Vec<Filter>,
        absent: Vec<String>,
        unused: Vec<String>,
    },
    /// It asks for something.
    Asked(Box<Understood>),
}

/// Reads a goal over tables.
pub(crate) fn understand(goal: &str, seen: &[Seen<'_>]) -> Reading {
    let language = language_of_goal(goal);
    let profile = super::stack::merged(seen);
    let merged = super::stack::stacked(seen, profile.as_ref());
    let schema = match &merged {
        Some(one) => Schema::of(std::slice::from_ref(one)),
        None => Schema::of(seen),
    };
    let words = Words::read(goal, language, &schema.words());
    let marks = Marks::read(&words, &schema);
    let mut reader = Reader {
        words: &words,
        schema: &schema,
        marks: &marks,
        speech: Speech::of(language),
        used: vec![false; marks.all.len()],
        assumed: Vec::new(),
        summed: Vec::new(),
        absent: Vec::new(),
        before: None,
        each: None,
        nones: Vec::new(),
        unheard: Vec::new(),
        unheard_ends: Vec::new(),
        literal: Vec::new(),
    };
    reader.told_beside();
    let mut questions = Vec::new();
    let overview = reader.is_overview();
    if overview {
        let (from, to) = (0, marks.all.len());
        let filters = reader.filters_of_overview(from, to);
        let unused = reader.unused(&[]);
        if unused.is_empty()
            && reader.absent.is_empty()
            && let Some(questions) = reader.apart(&filters)
        {
            let taken = reader.taken();
            let tables = super::join::tables(&schema, &questions, None);
            if let Ok(tables) = tables {
                return Reading::Asked(Box::new(Understood {
                    language: language.to_owned(),
                    questions,
                    tables,
                    assumed: reader.assumed,
                    unused,
                    absent: Vec::new(),
                    taken,
                }));
            }
        }
        return Reading::Overview {
            filters,
            unused,
            absent: reader.absent,
        };
    }
    let mut all = clauses(&words, &marks.all, &schema);
    // "Hi! could you tell me ...": who only greets asks nothing.
    if all.len() > 1 {
        all.retain(|(from, to)| !(*from..*to).all(|at| reader.is_ask(at, Ask::Filler)));
    }
    let mut spans: Vec<(usize, usize)> = Vec::new();
    for (from, to) in all {
        if !questions.is_empty() && (reader.is_empty(from, to) || reader.asks_where(from, to)) {
            (from..to).for_each(|at| reader.take(at));
            if let Some(all) = reader.of_all_groups(from, to, questions.last()) {
                questions.push(all);
                spans.push((from, to));
            } else if let (Some(last), Some(span)) = (questions.last_mut(), spans.last()) {
                reader.counts_what_was_named(*span, (from, to), last);
            }
            continue;
        }
        if !questions.is_empty() && reader.is_a_remark(from, to) {
            continue;
        }
        // What was paid each time in one question has a price in the next.
        reader.summed.clear();
        if let Some(question) = reader.question(from, to) {
            let other = reader.other_end(from, to, &question);
            reader.before = Some(question.clone());
            for question in std::iter::once(question).chain(other) {
                questions.push(question);
                spans.push((from, to));
            }
        }
    }
    reader.tell_both(&mut questions, &spans);
    let unused = reader.unused(&questions);
    // A word that nobody understood may choose rows: a figure of others would answer another question.
    if !unused.is_empty() {
        questions.clear();
    }
    let taken = reader.taken();
    let tables = match &merged {
        Some(_) => Ok(Tables {
            all: seen
                .iter()
                .map(|table| (table.file.clone(), table.name.clone()))
                .collect(),
            keys: Vec::new(),
            stacked: true,
        }),
        None => super::join::tables(&schema, &questions, reader.counted_file().as_deref()),
    };
    let (tables, absent) = match tables {
        Ok(tables) => (tables, reader.absent),
        Err(why) => {
            let mut absent = reader.absent;
            absent.push(reader.speech.say("unjoined", &[("what", &why)]));
            (
                Tables {
                    all: Vec::new(),
                    keys: Vec::new(),
                    stacked: false,
                },
                absent,
            )
        }
    };
    Reading::Asked(Box::new(Understood {
        language: language.to_owned(),
        questions,
        tables,
        assumed: reader.assumed,
        unused,
        absent,
        taken,
    }))
}

impl Reader<'_> {
    /// "Members who pay more than 35. How many are there?": where only rows were named before, they are counted.
    fn counts_what_was_named(
        &self,
        (first, last): (usize, usize),
        (from, to): (usize, usize),
        question: &mut Question,
    ) {
        let asked = self.asks(first, last);
        let names_rows = !question.filters.is_empty()
            && question.groups.is_empty()
            && question.order.is_none()
            && matches!(question.wanted, Wanted::Figures(_))
            && !asked.reckons()
            && !asked.any(&[
                Ask::Count,
                Ask::Share,
                Ask::Which,
                Ask::Who,
                Ask::When,
                Ask::Where,
                Ask::List,
                Ask::Growth,
                Ask::Change,
                Ask::Compare,
                Ask::Per,
                Ask::Rank,
            ]);
        if names_rows && self.asks(from, to).has(Ask::Count) {
            question.wanted = Wanted::Figures(vec![Figure {
                make: Make::Total,
                of: self.rows(),
                called: None,
            }]);
        }
    }

    /// "loans per month and the total": the figure that each group has, of all of them.
    fn of_all_groups(&self, from: usize, to: usize, last: Option<&Question>) -> Option<Question> {
        let last = last.filter(|last| last.has_groups() && last.having.is_none())?;
        let Wanted::Figures(figures) = &last.wanted else {
            return None;
        };
        let adds = figures.iter().all(|figure| figure.make == Make::Total);
        let asked = super::clause::is_a_total(self.marks.all.get(from..to).unwrap_or_default());
        (adds && asked).then(|| Question {
            groups: Vec::new(),
            order: None,
            ..last.clone()
        })
    }

    /// "grew fastest in percent": beside a change percent is how it is told, and no share of anything.
    pub(super) fn in_percent(&mut self, from: usize, to: usize, asks: &mut Asks) {
        if !asks.any(&[Ask::Growth, Ask::Change]) || !asks.has(Ask::Share) {
            return;
        }
        let shares: Vec<usize> = (from..to)
            .filter(|at| self.is_ask(*at, Ask::Share))
            .collect();
        let plain = shares.iter().all(|at| {
            let text = self.mark(*at).map(|mark| self.written(mark).to_lowercase());
            text.is_some_and(|text| hints(Hint::Percent, &text))
        });
        if plain {
            shares.into_iter().for_each(|at| self.take(at));
            asks.0.remove(&Ask::Share);
            asks.0.remove(&Ask::Change);
            asks.0.insert(Ask::Growth);
        }
    }

    /// A column without a value is named, and has none.
    pub(super) fn empty_columns(&mut self, from: usize, to: usize) {
        for at in from..to {
            // "total stock" of `3 boxes` and `12 pcs`, which is text: rows are no answer.
            let adds = self
                .asks(from, to)
                .any(&[Ask::Total, Ask::Mean, Ask::Median]);
            let written = |column: &super::schema::Column| {
                let begins = |cell: &String| cell.starts_with(|c: char| c.is_ascii_digit());
                adds && column.role != Role::Date
                    && !column.is_measure()
                    && !column.few.is_empty()
                    && column.few.iter().all(begins)
                    && [
                        "stock", "quantity", "amount", "weight", "price", "revenue", "cost",
                    ]
                    .iter()
                    .any(|name| column.concepts.contains(&Self::concept(name)))
            };
            let empty = match self.mark(at).map(|mark| &mark.what) {
                Some(What::Column(all, _)) => all.iter().all(|column| {
                    self.column(*column)
                        .is_some_and(|column| column.role == Role::Nothing || written(column))
                }),
                _ => false,
            };
            if empty && !self.is_used(at) {
                let name = self
                    .mark(at)
                    .map(|mark| self.written(mark))
                    .unwrap_or_default();
                self.take(at);
                self.say_absent(&name);
            }
        }
    }
}
