//! From marks to a typed question: what is measured, of which rows, for what.
//!
//! Every mark is either used by something or stays unused and is named. A word that no column, value or figure answers to is never replaced
//! by another one: what is asked is then not in the data, and that is what the answer says.

use std::collections::BTreeSet;

use aios_languages::{Ask, concept_number, fold, language_of_goal};
use aios_work::{Grain, Span};

use super::clause::{clauses, is_filler};
use super::marks::{Mark, Marks, What};
use super::period::{Resolved, grain_of};
use super::question::{
    Column as Id, Figure, Filter, Group, Make, Measure, Order, Question, Tables, Test, Understood,
    Versus, Wanted,
};
use super::say::Speech;
use super::schema::{Column, Role, Schema, Seen};
use super::words::Words;

/// Totals that are given where none is named.
const TOTALS: usize = 4;

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
    let schema = Schema::of(seen);
    let words = Words::read(goal, language, &schema.words());
    let marks = Marks::read(&words, &schema);
    let mut reader = Reader {
        words: &words,
        schema: &schema,
        marks: &marks,
        speech: Speech::of(language),
        used: vec![false; marks.all.len()],
        assumed: Vec::new(),
        absent: Vec::new(),
        before: None,
    };
    let mut questions = Vec::new();
    let overview = reader.is_overview();
    if overview {
        let (from, to) = (0, marks.all.len());
        let filters = reader.filters_of_overview(from, to);
        return Reading::Overview {
            filters,
            unused: reader.unused(),
            absent: reader.absent,
        };
    }
    for (from, to) in clauses(&words, &marks.all, &schema) {
        if !questions.is_empty() && (reader.is_empty(from, to) || reader.asks_where(from, to)) {
            (from..to).for_each(|at| reader.take(at));
            continue;
        }
        if let Some(question) = reader.question(from, to) {
            reader.before = Some(question.clone());
            questions.push(question);
        }
    }
    let unused = reader.unused();
    let taken = reader.taken();
    let tables = super::join::tables(&schema, &questions);
    let (tables, absent) = match tables {
        Ok(tables) => (tables, reader.absent),
        Err(why) => {
            let mut absent = reader.absent;
            absent.push(reader.speech.say("unjoined", &[("what", &why)]));
            (
                Tables {
                    all: Vec::new(),
                    keys: Vec::new(),
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

pub(super) struct Reader<'a> {
    pub words: &'a Words,
    pub schema: &'a Schema,
    pub marks: &'a Marks,
    pub speech: Speech,
    pub used: Vec<bool>,
    pub assumed: Vec<String>,
    pub absent: Vec<String>,
    /// The question before, whose measure and rows may be meant again.
    pub before: Option<Question>,
}

/// What a clause asks for, by its words.
#[derive(Debug, Default)]
pub(super) struct Asks(BTreeSet<Ask>);

impl Asks {
    pub(super) fn has(&self, ask: Ask) -> bool {
        self.0.contains(&ask)
    }

    fn any(&self, asks: &[Ask]) -> bool {
        asks.iter().any(|ask| self.has(*ask))
    }
}

impl Reader<'_> {
    pub(super) fn mark(&self, at: usize) -> Option<&Mark> {
        self.marks.all.get(at)
    }

    pub(super) fn take(&mut self, at: usize) {
        if let Some(used) = self.used.get_mut(at) {
            *used = true;
        }
    }

    pub(super) fn is_used(&self, at: usize) -> bool {
        self.used.get(at).copied().unwrap_or(true)
    }

    pub(super) fn column(&self, at: usize) -> Option<&Column> {
        self.schema.columns.get(at)
    }

    pub(super) fn is_ask(&self, at: usize, ask: Ask) -> bool {
        self.mark(at)
            .is_some_and(|mark| mark.what == What::Ask(ask))
    }

    pub(super) fn written(&self, mark: &Mark) -> String {
        self.words.written(mark.from, mark.to).to_owned()
    }

    /// The next mark that carries a meaning.
    pub(super) fn next(&self, mut at: usize, to: usize) -> Option<usize> {
        while at < to {
            if !self.mark(at).is_some_and(is_filler) {
                return Some(at);
            }
            at += 1;
        }
        None
    }

    /// The mark before that carries a meaning.
    pub(super) fn previous(&self, from: usize, at: usize) -> Option<usize> {
        (from..at)
            .rev()
            .find(|at| !self.mark(*at).is_some_and(is_filler))
    }

    /// "the members who are not ...": behind a thing such a word joins a condition to it and asks nothing.
    pub(super) fn is_relative(&self, from: usize, at: usize) -> bool {
        let joins = [Ask::Who, Ask::Where, Ask::When]
            .into_iter()
            .any(|ask| self.is_ask(at, ask));
        let ranked = (at..self.marks.all.len()).any(|at| {
            self.mark(at).is_some_and(|mark| {
                matches!(
                    mark.what,
                    What::Superlative(..)
                        | What::Ask(Ask::Highest | Ask::Lowest | Ask::Top | Ask::Bottom)
                )
            })
        });
        let thing = at
            .checked_sub(1)
            .filter(|before| *before >= from)
            .and_then(|before| self.mark(before))
            .is_some_and(|mark| {
                matches!(
                    mark.what,
                    What::Column(..)
                        | What::Concept(_)
                        | What::Value(..)
                        | What::File
                        | What::Unknown
                        | What::Ask(Ask::Rows)
                )
            });
        joins && thing && !ranked
    }

    fn asks(&self, from: usize, to: usize) -> Asks {
        let marks = self.marks.all.get(from..to).unwrap_or_default();
        Asks(
            marks
                .iter()
                .zip(from..)
                .filter(|(_, at)| !self.is_relative(from, *at))
                .filter_map(|(mark, _)| match mark.what {
                    What::Ask(ask) => Some(ask),
                    _ => None,
                })
                .collect(),
        )
    }

    /// A goal that wants to know what there is, and asks nothing.
    fn is_overview(&self) -> bool {
        let asks = self.asks(0, self.marks.all.len());
        let asking = [
            Ask::Total,
            Ask::Mean,
            Ask::Median,
            Ask::Count,
            Ask::Distinct,
            Ask::Highest,
            Ask::Lowest,
            Ask::Top,
            Ask::Bottom,
            Ask::Share,
            Ask::Growth,
            Ask::Change,
            Ask::Compare,
            Ask::Ratio,
            Ask::Range,
            Ask::Deviation,
            Ask::Variance,
            Ask::Percentile,
            Ask::Weighted,
            Ask::Correlation,
            Ask::List,
            Ask::Which,
            Ask::Who,
            Ask::When,
            Ask::Where,
            Ask::Rank,
            Ask::Per,
            Ask::Daily,
            Ask::Weekly,
            Ask::Monthly,
            Ask::Quarterly,
            Ask::Yearly,
        ];
        let whole = asks.any(&[Ask::Overview, Ask::Trend, Ask::Outlier]);
        let asked: Vec<Ask> = asking.into_iter().filter(|ask| asks.has(*ask)).collect();
        let superlative = self
            .marks
            .all
            .iter()
            .any(|mark| matches!(mark.what, What::Superlative(..)));
        // "How did sales develop", "What is the trend": what and how only open the sentence.
        let opens = |asks: &[Ask]| asks.iter().all(|ask| *ask == Ask::Which);
        if whole {
            return !superlative && opens(&asked)
                || asks.has(Ask::Overview) && self.leads_with_overview() && !self.asks_more();
        }
        let named = self.marks.all.iter().any(|mark| {
            matches!(
                mark.what,
                What::Column(..)
                    | What::Value(..)
                    | What::Concept(_)
                    | What::Period(_)
                    | What::Unknown
            )
        });
        asked.is_empty() && !superlative && !named
    }

    fn leads_with_overview(&self) -> bool {
        self.next(0, self.marks.all.len())
            .is_some_and(|at| self.is_ask(at, Ask::Overview))
    }

    /// "Analyze the sales by region" is an overview, "Analyze which region sells most" asks.
    fn asks_more(&self) -> bool {
        self.asks(0, self.marks.all.len()).any(&[
            Ask::Which,
            Ask::Who,
            Ask::When,
            Ask::Count,
            Ask::Share,
            Ask::Growth,
            Ask::Change,
            Ask::Ratio,
            Ask::Median,
            Ask::Percentile,
            Ask::Top,
            Ask::Bottom,
            Ask::Correlation,
            Ask::Compare,
        ])
    }

    /// A clause that only asks again: "and by how much", "y cuántos fueron".
    fn is_empty(&self, from: usize, to: usize) -> bool {
        (from..to).all(|at| {
            self.mark(at).is_some_and(|mark| {
                matches!(
                    mark.what,
                    What::Ask(
                        Ask::Filler
                            | Ask::And
                            | Ask::Total
                            | Ask::Count
                            | Ask::Per
                            | Ask::From
                            | Ask::To
                            | Ask::There
                            | Ask::Which
                            | Ask::Exactly
                            | Ask::Change
                    )
                )
            })
        })
    }

    /// "... and on which day?" behind a question for a row, which tells its day.
    fn asks_where(&self, from: usize, to: usize) -> bool {
        let row = matches!(
            self.before.as_ref().map(|before| &before.wanted),
            Some(Wanted::Row { .. })
        );
        let plain = |at: usize| {
            self.mark(at).is_some_and(|mark| match &mark.what {
                What::Ask(ask) => {
                    grain_of(*ask).is_some()
                        || is_filler(mark)
                        || matches!(ask, Ask::Which | Ask::When | Ask::Where | Ask::Who)
                }
                What::Column(all, _) => all
                    .iter()
                    .all(|at| self.column(*at).is_some_and(|column| !column.is_measure())),
                _ => false,
            })
        };
        row && (from..to).all(plain)
    }

    fn filters_of_overview(&mut self, from: usize, to: usize) -> Vec<Filter> {
        let mut filters = self.values(from, to);
        self.numbers(from, to, None, &mut filters);
        for at in from..to {
            match self.mark(at).map(|mark| mark.what.clone()) {
                Some(What::Column(..) | What::Period(_) | What::File | What::Unit(_)) => {
                    self.take(at)
                }
                Some(What::Concept(concept)) => {
                    if !self.stands_for_nothing(concept) {
                        self.take(at);
                    } else if !self.is_weak(concept) {
                        let name = self
                            .mark(at)
                            .map(|mark| self.written(mark))
                            .unwrap_or_default();
                        self.say_absent(&name);
                        self.take(at);
                    }
                }
                _ => {}
            }
        }
        filters
    }

    fn stands_for_nothing(&self, concept: u32) -> bool {
        self.schema.standing_for(concept).is_empty() && self.generic(concept).is_none()
    }

    /// One question; none where what it asks for is not in the data.
    fn question(&mut self, from: usize, to: usize) -> Option<Question> {
        let asks = self.asks(from, to);
        let missing = self.absent.len();
        let mut filters = self.values(from, to);
        let flags = asks.any(&[Ask::Count, Ask::Share, Ask::Rows]);
        self.flags(from, to, flags, &mut filters);
        let versus = self.periods(from, to, &asks.0, &mut filters);
        let mut order = self.order(from, to);
        let mut groups = self.groups(from, to);
        let over = self.over(from, to);
        let counted = self.counted(from, to);
        let mut measures: Vec<(Measure, Option<String>)> =
            self.exceeded(from, to).into_iter().collect();
        if measures.is_empty() {
            measures = self.measures(from, to, &asks.0, counted.is_some());
        }
        self.only_counted(
            from,
            to,
            &asks,
            counted.as_ref(),
            over.as_ref(),
            &mut measures,
        );
        if let Some((largest, concept)) = self.superlative(from, to) {
            order = order.or(Some(Order {
                largest,
                limit: Some(1),
                skip: 0,
            }));
            if groups.is_empty() && concept == Self::concept("occurrence") {
                // How often what comes about is not known: it has no name in the data.
                let said = self.said_superlative(from, to);
                self.say_absent(&said);
            } else if measures.is_empty()
                && let Some(found) = self.concept_measure(concept, true)
            {
                measures.push(found);
            } else if measures.is_empty() && self.inherited().is_none() {
                let said = self.said_superlative(from, to);
                self.say_absent(&said);
            }
        }
        let mut having = None;
        let subject = measures.first().cloned();
        let per_group = !groups.is_empty()
            && asks.any(&[Ask::Which, Ask::Who, Ask::List])
            && !asks.has(Ask::Count);
        let limits = self.limits(from, to, subject.as_ref().map(|found| &found.0));
        for (column, test) in limits {
            let adds = self
                .schema
                .columns
                .iter()
                .any(|known| known.id == column && known.role == Role::Adds);
            let unique = groups.iter().any(|group| self.is_unique(group));
            if per_group && adds && !unique && having.is_none() {
                measures = vec![(Measure::Of(column), None)];
                having = Some(test);
            } else {
                filters.push(Filter {
                    column,
                    test,
                    not: false,
                    part: false,
                });
            }
        }
        self.equal_numbers(from, to, &mut filters);
        self.leftovers(from, to, &mut groups, &asks.0);
        self.verbs_of_ranks(from, to, &asks, &groups);
        self.ends_of_files(from, to);
        self.unknown_places(from, to);
        if self.absent.len() > missing {
            return None;
        }
        let wanted = self.wanted(
            from,
            to,
            &asks,
            &groups,
            &mut order,
            measures,
            counted,
            over,
            &mut filters,
            versus,
        )?;
        if self.absent.len() > missing {
            return None;
        }
        self.share_parts(from, to, &wanted, &mut filters);
        self.inherit(&asks, &mut filters);
        self.apart_by_unit(&wanted, &filters, &mut groups, &mut order)?;
        Some(Question {
            wanted,
            filters,
            groups,
            order,
            having,
        })
    }

    /// A rate of all rows together: the sums of what it is made of, one over the other.
    fn overall(&mut self, measure: &Measure) -> Option<Figure> {
        let Measure::Of(id) = measure else {
            return None;
        };
        let column = self.schema.columns.iter().find(|column| column.id == *id)?;
        let quotient = column.quotient.clone()?;
        let side = |name: &str| {
            let mut all = self.schema.columns.iter().map(|column| &column.id);
            all.find(|other| other.table == id.table && other.name == name)
                .cloned()
        };
        let (part, whole) = (side(&quotient.part)?, side(&quotient.whole)?);
        let said = self.speech.say(
            "rate",
            &[("part", part.name.trim()), ("whole", whole.name.trim())],
        );
        if !self.assumed.contains(&said) {
            self.assumed.push(said);
        }
        Some(Figure {
            make: Make::Over(Box::new(Measure::Of(whole)), quotient.percent),
            of: Measure::Of(part),
            called: Some(id.name.trim().to_owned()),
        })
    }

    /// "Which employee worked the most hours": where both the group and the measure are named, the verb between them adds nothing.
    fn verbs_of_ranks(&mut self, from: usize, to: usize, asks: &Asks, groups: &[Group]) {
        if groups.is_empty() || !asks.any(&[Ask::Which, Ask::Who]) {
            return;
        }
        for at in from..to {
            let unknown = matches!(self.mark(at).map(|mark| &mark.what), Some(What::Unknown));
            let Some(rank) = self.next(at + 1, to).filter(|_| unknown) else {
                continue;
            };
            // "... do most people pass the door": said of the table itself.
            let file = matches!(self.mark(rank).map(|mark| &mark.what), Some(What::File));
            let behind = self.previous(from, at).is_some_and(|before| {
                self.is_used(before)
                    && matches!(&self.mark(before).map(|mark| mark.what.clone()), Some(What::Column(all, _)) if all.iter().any(|at| self.column(*at).is_some_and(Column::is_measure)))
            });
            if file && behind {
                self.take(at);
                continue;
            }
            let ranked = [Ask::Highest, Ask::Lowest, Ask::Top]
                .into_iter()
                .any(|ask| self.is_ask(rank, ask));
            let measured = self.next(rank + 1, to).is_some_and(|next| {
                self.is_used(next)
                    && matches!(&self.mark(next).map(|mark| mark.what.clone()), Some(What::Column(all, _)) if all.iter().any(|at| self.column(*at).is_some_and(Column::is_measure)))
            });
            let group = self
                .previous(from, at)
                .is_some_and(|before| self.is_used(before));
            if ranked && measured && group {
                self.take(at);
            }
        }
    }

    /// "the driving test" of `driving.csv`: the last word of what the table is about.
    fn ends_of_files(&mut self, from: usize, to: usize) {
        let at = to.saturating_sub(1);
        let is = |at: Option<usize>, what: &What| {
            at.filter(|at| *at >= from)
                .and_then(|at| self.mark(at))
                .is_some_and(|mark| mark.what == *what)
        };
        let ends = self.words.language == "en"
            && is(Some(at), &What::Unknown)
            && is(at.checked_sub(1), &What::File);
        if ends {
            self.take(at);
        }
    }

    /// "the revenue in Narnia", "cups of green tea": behind such a word stands which rows are meant. Where the data has none of that name, a
    /// figure for others would answer another question.
    fn unknown_places(&mut self, from: usize, to: usize) {
        const LEADS: [&str; 33] = [
            "in", "for", "of", "from", "at", "on", "with", "within", "im", "fur", "von", "vom",
            "bei", "beim", "aus", "mit", "a", "au", "aux", "en", "de", "du", "des", "d", "pour",
            "dans", "chez", "del", "para", "con", "zum", "zur", "avec",
        ];
        const ARTICLES: [&str; 15] = [
            "the", "an", "all", "our", "der", "die", "das", "den", "dem", "le", "la", "les", "l",
            "el", "los",
        ];
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
            let led = LEADS.contains(&word(1))
                || (ARTICLES.contains(&word(1)) && LEADS.contains(&word(2)))
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
    fn only_counted(
        &mut self,
        from: usize,
        to: usize,
        asks: &Asks,
        counted: Option<&Measure>,
        over: Option<&Measure>,
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
            if measured && let Some(used) = self.used.get_mut(at) {
                *used = false;
            }
        }
        measures.clear();
    }

    /// Values of different currencies or units are never put together: there is a figure for each.
    fn apart_by_unit(
        &mut self,
        wanted: &Wanted,
        filters: &[Filter],
        groups: &mut Vec<Group>,
        order: &mut Option<Order>,
    ) -> Option<()> {
        let measured = match wanted {
            Wanted::Figures(figures) => figures.iter().map(|figure| figure.of.clone()).collect(),
            Wanted::Row { measure, .. } => vec![Measure::Of(measure.clone())],
            Wanted::Versus(figure, _) => vec![figure.of.clone()],
            Wanted::Values(_) => Vec::new(),
        };
        for measure in measured {
            let ids = match measure {
                Measure::Rows | Measure::Distinct(_) => continue,
                Measure::Of(id) => vec![id],
                Measure::Product(one, other) | Measure::Less(one, other) => vec![one, other],
            };
            for id in ids {
                let column = self.schema.columns.iter().find(|column| column.id == id);
                let Some(name) = column.and_then(|column| column.units.clone()) else {
                    continue;
                };
                let unit = self
                    .schema
                    .columns
                    .iter()
                    .find(|column| column.id.table == id.table && column.id.name == name);
                let Some(unit) = unit.map(|column| column.id.clone()) else {
                    continue;
                };
                let one = filters.iter().any(|filter| {
                    filter.column == unit
                        && !filter.not
                        && matches!(&filter.test, Test::In(values) if differ(values) == 1)
                });
                if one || groups.contains(&Group::By(unit.clone())) {
                    continue;
                }
                let said = self
                    .speech
                    .say("currencies", &[("column", unit.name.trim())]);
                if groups.len() >= 2 || !matches!(wanted, Wanted::Figures(_)) {
                    self.absent.push(said);
                    return None;
                }
                groups.push(Group::By(unit));
                // What is largest in one unit is not compared with another.
                *order = None;
                if !self.assumed.contains(&said) {
                    self.assumed.push(said);
                }
            }
        }
        Some(())
    }

    fn is_unique(&self, group: &Group) -> bool {
        let Group::By(id) = group else { return false };
        let column = self.schema.columns.iter().find(|column| column.id == *id);
        column.is_some_and(|column| column.distinct + column.missing >= column.rows)
    }

    fn inherited(&self) -> Option<Measure> {
        match &self.before.as_ref()?.wanted {
            Wanted::Figures(figures) => figures.first().map(|figure| figure.of.clone()),
            Wanted::Row { measure, .. } => Some(Measure::Of(measure.clone())),
            Wanted::Versus(figure, _) => Some(figure.of.clone()),
            Wanted::Values(_) => None,
        }
    }

    fn inherited_make(&self) -> Option<Figure> {
        match &self.before.as_ref()?.wanted {
            Wanted::Figures(figures) => figures.first().cloned(),
            _ => None,
        }
    }

    /// A question that names no rows of its own asks of those of the one before.
    fn inherit(&mut self, asks: &Asks, filters: &mut Vec<Filter>) {
        let Some(before) = &self.before else { return };
        if !filters.is_empty() || asks.has(Ask::Share) || before.filters.is_empty() {
            return;
        }
        filters.extend(before.filters.iter().cloned());
    }

    #[allow(clippy::too_many_arguments)]
    fn wanted(
        &mut self,
        from: usize,
        to: usize,
        asks: &Asks,
        groups: &[Group],
        order: &mut Option<Order>,
        mut measures: Vec<(Measure, Option<String>)>,
        counted: Option<Measure>,
        over: Option<Measure>,
        filters: &mut Vec<Filter>,
        versus: Option<Versus>,
    ) -> Option<Wanted> {
        let adds = |measure: &Measure, schema: &Schema| match measure {
            Measure::Of(id) => schema
                .columns
                .iter()
                .any(|column| column.id == *id && column.role == Role::Adds),
            _ => true,
        };
        if asks.has(Ask::List)
            && measures.is_empty()
            && counted.is_none()
            && let [Group::By(column)] = groups
            && order.is_none()
        {
            return Some(Wanted::Values(column.clone()));
        }
        // "Which customers are from Berlin?"
        if asks.any(&[Ask::Which, Ask::Who])
            && measures.is_empty()
            && counted.is_none()
            && order.is_none()
            && !filters.is_empty()
            && versus.is_none()
            && let [Group::By(column)] = groups
            && !asks.any(&[Ask::Share, Ask::Growth, Ask::Change, Ask::Mean, Ask::Total])
        {
            return Some(Wanted::Values(column.clone()));
        }
        // "How many visits per order?"
        if over.is_some()
            && measures.is_empty()
            && let Some(counted @ Measure::Of(_)) = &counted
        {
            measures.push((counted.clone(), None));
        }
        if let Some(rate) = self.rate(from, to, asks, &measures, over.as_ref()) {
            if !groups.is_empty() && order.is_none() && asks.has(Ask::Highest) {
                *order = Some(Order {
                    largest: true,
                    limit: Some(1),
                    skip: 0,
                });
            }
            return Some(match versus {
                Some(versus) => Wanted::Versus(rate, Box::new(versus)),
                None => Wanted::Figures(vec![rate]),
            });
        }
        if measures.is_empty()
            && let Some(counted) = counted
        {
            measures.push((counted, None));
        }
        if measures.is_empty() {
            measures = self.unnamed(from, to, asks, groups, filters, order.is_some())?;
        }
        let makes = self.makes(from, to, asks, &measures, groups, order.as_ref());
        let called = measures.first().and_then(|(_, called)| called.clone());
        let mut figures = Vec::new();
        for (measure, called) in &measures {
            for make in &makes {
                figures.push(Figure {
                    make: make.clone(),
                    of: measure.clone(),
                    called: called.clone(),
                });
            }
        }
        // "Overall", said of a rate, is its whole.
        let overall = makes == [Make::Total];
        for figure in figures.iter_mut().filter(|_| overall) {
            if let Some(whole) = self.overall(&figure.of) {
                *figure = whole;
            }
        }
        // A make that was not said follows from what is measured.
        if makes.is_empty() {
            let again = self
                .inherited_make()
                .filter(|_| self.measure_is_inherited(&measures));
            for (measure, called) in &measures {
                let plain = order.is_none() || !groups.is_empty();
                if plain
                    && again.is_none()
                    && let Some(whole) = self.overall(measure)
                {
                    figures.push(whole);
                    continue;
                }
                let make = if let Some(again) = &again {
                    again.make.clone()
                } else if adds(measure, self.schema) {
                    Make::Total
                } else if order.is_some() && !groups.is_empty() {
                    if order.as_ref().is_some_and(|order| order.largest) {
                        Make::Greatest
                    } else {
                        Make::Least
                    }
                } else {
                    Make::Mean
                };
                if make == Make::Mean && !adds(measure, self.schema) {
                    let name = self.speech.measure(measure, called.as_deref());
                    let said = self.speech.say("averaged", &[("measure", &name)]);
                    if !self.assumed.contains(&said) {
                        self.assumed.push(said);
                    }
                }
                figures.push(Figure {
                    make,
                    of: measure.clone(),
                    called: called.clone(),
                });
            }
        }
        if let Some(versus) = versus {
            return Some(Wanted::Versus(
                figures.into_iter().next()?,
                Box::new(versus),
            ));
        }
        // Two values of a column, and how they differ.
        if asks.any(&[Ask::Change, Ask::Compare, Ask::Growth])
            && groups.is_empty()
            && let Some(at) = filters.iter().position(|filter| {
                matches!(&filter.test, Test::In(values) if differ(values) == 2) && !filter.not
            })
        {
            let filter = filters.remove(at);
            if let Test::In(values) = &filter.test {
                let mut names: Vec<String> = Vec::new();
                for value in values {
                    if !names.iter().any(|name| fold(name) == fold(value)) {
                        names.push(value.clone());
                    }
                }
                let side = |name: &String| {
                    let same = values.iter().filter(|value| fold(value) == fold(name));
                    let test = Test::In(same.cloned().collect());
                    (
                        name.clone(),
                        Filter {
                            test,
                            ..filter.clone()
                        },
                    )
                };
                if let [first, second] = names.as_slice() {
                    return Some(Wanted::Versus(
                        figures.into_iter().next()?,
                        Box::new(Versus {
                            from: side(second),
                            to: side(first),
                            percent: asks.has(Ask::Growth),
                        }),
                    ));
                }
            }
        }
        if asks.any(&[Ask::Growth, Ask::Change]) && !asks.has(Ask::Range) {
            return self.growth(figures.into_iter().next()?, groups, asks.has(Ask::Growth));
        }
        // The row itself: "the largest order", "the highest temperature and when".
        if groups.is_empty()
            && let Some(order) = order.as_ref()
            && let [(Measure::Of(column), None)] = measures.as_slice()
            && (makes.is_empty()
                || makes
                    .iter()
                    .all(|make| matches!(make, Make::Greatest | Make::Least)))
            && makes.len() <= 1
        {
            let _ = order;
            return Some(Wanted::Row {
                measure: column.clone(),
                by: self.telling(&column.table),
            });
        }
        let _ = called;
        if groups.is_empty() {
            *order = None;
        }
        Some(Wanted::Figures(figures))
    }

    fn measure_is_inherited(&self, measures: &[(Measure, Option<String>)]) -> bool {
        self.inherited()
            .is_some_and(|before| measures.iter().all(|(measure, _)| *measure == before))
            && self.before.is_some()
    }

    /// Columns that tell which row one is.
    fn telling(&self, table: &str) -> Vec<Id> {
        let columns = self
            .schema
            .columns
            .iter()
            .filter(|column| column.id.table == table);
        columns
            .filter(|column| {
                matches!(
                    column.role,
                    Role::Date | Role::Year | Role::Groups | Role::Names
                )
            })
            .map(|column| column.id.clone())
            .take(6)
            .collect()
    }

    /// From the first period of the data to the last.
    fn growth(&mut self, figure: Figure, groups: &[Group], percent: bool) -> Option<Wanted> {
        let date = match groups {
            [] => self.date(0, 0),
            [Group::Each(..)] => {
                // Period by period: the figures, and their steps are shown beside them.
                return Some(Wanted::Figures(vec![figure]));
            }
            _ => None,
        };
        let Some(column) = date.and_then(|at| self.column(at)).cloned() else {
            let said = self.speech.say("no_dates", &[]);
            self.absent.push(said);
            return None;
        };
        let covers = column.covers?;
        let count = |grain: Grain| grain.count(covers.from, covers.until);
        let grain = [
            Grain::Year,
            Grain::Quarter,
            Grain::Month,
            Grain::Week,
            Grain::Day,
        ]
        .into_iter()
        .find(|grain| {
            *grain >= column.finest
                && count(*grain) >= 2
                && (*grain != Grain::Quarter || count(*grain) > 8)
        })?;
        let side = |span: Span| {
            let test = super::rows::days(&column, &[span]);
            let filter = Filter {
                column: column.id.clone(),
                test,
                not: false,
                part: false,
            };
            (grain.key(span.from), filter)
        };
        let (first, last) = (grain.span_of(covers.from), grain.span_of(covers.until));
        let said = self.speech.say(
            "growth_ends",
            &[
                ("from", &grain.key(first.from)),
                ("to", &grain.key(last.from)),
            ],
        );
        self.assumed.push(said);
        Some(Wanted::Versus(
            figure,
            Box::new(Versus {
                from: side(first),
                to: side(last),
                percent,
            }),
        ))
    }

    /// What is measured where nothing is named.
    fn unnamed(
        &mut self,
        from: usize,
        to: usize,
        asks: &Asks,
        groups: &[Group],
        filters: &[Filter],
        ranked: bool,
    ) -> Option<Vec<(Measure, Option<String>)>> {
        let unknown = (from..to).any(|at| {
            matches!(self.mark(at).map(|mark| &mark.what), Some(What::Unknown)) && !self.is_used(at)
        });
        if let Some(before) = self.inherited() {
            let called = self.inherited_make().and_then(|figure| figure.called);
            return Some(vec![(before, called)]);
        }
        if unknown {
            return None;
        }
        let counts = asks.any(&[Ask::Count, Ask::Rows, Ask::Distinct]);
        let shares = asks.has(Ask::Share) && !filters.is_empty();
        if counts && let Some(measure) = self.counted_by_number(filters) {
            return Some(vec![(measure, None)]);
        }
        if counts || shares {
            return Some(vec![(Measure::Rows, None)]);
        }
        let adds: Vec<Id> = self
            .schema
            .of_role(|role| role == Role::Adds)
            .filter_map(|at| self.column(at))
            .filter(|column| !column.sums)
            .map(|column| column.id.clone())
            .collect();
        let rates: Vec<Id> = self
            .schema
            .of_role(|role| role == Role::Rates)
            .filter_map(|at| self.column(at))
            .map(|column| column.id.clone())
            .collect();
        let all = if adds.is_empty() { rates } else { adds };
        let grouped = !groups.is_empty();
        match all.as_slice() {
            [] if grouped || !filters.is_empty() => Some(vec![(Measure::Rows, None)]),
            [] => Some(vec![(Measure::Rows, None)]),
            [only] => Some(vec![(Measure::Of(only.clone()), None)]),
            several if ranked => {
                // The largest is the largest of one thing: of what the table is about.
                let main = ["revenue", "amount", "sold", "quantity", "cost", "visits"]
                    .iter()
                    .find_map(|name| {
                        let concept = Self::concept(name);
                        let columns = self.schema.columns.iter();
                        columns
                            .filter(|column| column.concepts.contains(&concept))
                            .map(|column| &column.id)
                            .find(|id| several.contains(id))
                    })
                    .or(several.first())?
                    .clone();
                let said = self
                    .speech
                    .say("taken_for", &[("column", main.name.trim())]);
                self.assumed.push(said);
                Some(vec![(Measure::Of(main), None)])
            }
            several => {
                let names: Vec<String> = several
                    .iter()
                    .take(TOTALS)
                    .map(|id| id.name.clone())
                    .collect();
                let said = self
                    .speech
                    .say("no_measure", &[("columns", &names.join(", "))]);
                self.assumed.push(said);
                Some(
                    several
                        .iter()
                        .take(TOTALS)
                        .map(|id| (Measure::Of(id.clone()), None))
                        .collect(),
                )
            }
        }
    }

    /// "How many robins": where each kind has one row with a number, it is the number that is asked for, and never that one row.
    fn counted_by_number(&mut self, filters: &[Filter]) -> Option<Measure> {
        let kind = filters.iter().any(|filter| {
            let column = self
                .schema
                .columns
                .iter()
                .find(|column| column.id == filter.column);
            !filter.not
                && matches!(filter.test, Test::In(_))
                && column.is_some_and(|column| {
                    column.rows > 1 && column.distinct + column.missing >= column.rows
                })
        });
        if !kind {
            return self.counts_column();
        }
        let mut adds = self
            .schema
            .of_role(|role| role == Role::Adds)
            .filter_map(|at| self.column(at));
        let (only, more) = (adds.next()?.id.clone(), adds.next().is_some());
        if more {
            return None;
        }
        let said = self
            .speech
            .say("taken_for", &[("column", only.name.trim())]);
        self.assumed.push(said);
        Some(Measure::Of(only))
    }

    /// Which figures the words ask for.
    fn makes(
        &mut self,
        from: usize,
        to: usize,
        asks: &Asks,
        measures: &[(Measure, Option<String>)],
        groups: &[Group],
        order: Option<&Order>,
    ) -> Vec<Make> {
        let mut out = Vec::new();
        // "The occupancy in percent": of what does not add up there is no share, and percent is its unit.
        let rates = !measures.is_empty()
            && measures.iter().all(|(measure, _)| match measure {
                Measure::Of(id) => self
                    .schema
                    .columns
                    .iter()
                    .any(|column| column.id == *id && column.role == Role::Rates),
                _ => false,
            });
        if asks.has(Ask::Share) && !rates {
            out.push(Make::Share);
            return out;
        }
        if asks.has(Ask::Range) {
            out.push(Make::Range);
            return out;
        }
        if asks.has(Ask::Weighted)
            && let Some(weight) = self.weight(from, to, measures)
        {
            out.push(Make::Weighted(weight));
            return out;
        }
        if asks.has(Ask::Percentile)
            && let Some(percent) = self.percent(from, to)
        {
            out.push(Make::Percentile(percent));
        }
        if asks.has(Ask::Deviation) {
            out.push(Make::Deviation);
        }
        if asks.has(Ask::Variance) {
            out.push(Make::Variance);
        }
        if asks.has(Ask::Mean) && !asks.has(Ask::Weighted) {
            out.push(Make::Mean);
        }
        if asks.has(Ask::Median) {
            out.push(Make::Median);
        }
        let of_column = measures
            .iter()
            .all(|(measure, _)| matches!(measure, Measure::Of(_)));
        let says_total = self.says_total(from, to, &out);
        if says_total || (asks.has(Ask::Total) && out.is_empty() && order.is_none()) {
            out.insert(0, Make::Total);
        }
        if groups.is_empty() && of_column {
            let both = asks.has(Ask::Highest) && asks.has(Ask::Lowest);
            if asks.has(Ask::Highest)
                && (both || !out.is_empty())
                && out.iter().all(|make| *make != Make::Total || both)
            {
                out.push(Make::Greatest);
            }
            if asks.has(Ask::Lowest) && (both || !out.is_empty()) {
                out.push(Make::Least);
            }
        }
        out
    }

    /// "Total" said of its own, and not as "how much", which asks for any figure.
    fn says_total(&self, from: usize, to: usize, others: &[Make]) -> bool {
        (from..to).any(|at| {
            self.mark(at).is_some_and(|mark| {
                let much = mark.to - mark.from > 1
                    || ["combien", "cuanto", "cuanta", "wieviel"]
                        .contains(&self.words.text(mark.from));
                mark.what == What::Ask(Ask::Total) && !much
            })
        }) && (others.is_empty()
            || others
                .iter()
                .all(|make| matches!(make, Make::Mean | Make::Median)))
    }

    /// The filters that make the part of a share.
    fn share_parts(&mut self, from: usize, to: usize, wanted: &Wanted, filters: &mut [Filter]) {
        let Wanted::Figures(figures) = wanted else {
            return;
        };
        if !figures.iter().any(|figure| figure.make == Make::Share) {
            return;
        }
        let _ = (from, to);
        let is_time = |filter: &Filter| matches!(filter.test, Test::Days(_) | Test::Month(_));
        let mut last = None;
        for (at, filter) in filters.iter().enumerate() {
            if !is_time(filter) {
                last = Some(at);
            }
        }
        // "What share of the laptops was sold in March": without another part, the time is it.
        if last.is_none() {
            last = filters.len().checked_sub(1);
        }
        if let Some(filter) = last.and_then(|at| filters.get_mut(at)) {
            filter.part = true;
        }
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

    /// The column that says when: one that is named, or the best by its name.
    pub(super) fn date(&self, from: usize, to: usize) -> Option<usize> {
        let named = (from..to).find_map(|at| match &self.mark(at)?.what {
            What::Column(all, _) => all
                .iter()
                .copied()
                .find(|at| self.column(*at).is_some_and(Column::is_time)),
            _ => None,
        });
        named.or_else(|| {
            let times: Vec<usize> = self
                .schema
                .of_role(|role| matches!(role, Role::Date | Role::Year))
                .collect();
            let rank = |at: &usize| {
                let column = self.column(*at);
                let name = column
                    .map(|column| fold(&column.id.name))
                    .unwrap_or_default();
                let later = [
                    "due", "birth", "ship", "deliver", "updat", "modif", "creat", "end", "expir",
                    "liefer", "geburt", "fallig",
                ]
                .iter()
                .any(|word| name.contains(word));
                let year = column.is_some_and(|column| column.role == Role::Year);
                (later, year)
            };
            times.into_iter().min_by_key(rank)
        })
    }

    /// "zip code" where the column is called `zip`: a word that only says that something is a name or a number.
    fn is_of_a_name(&self, at: usize) -> bool {
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
    fn unused(&self) -> Vec<String> {
        let mut out: Vec<String> = Vec::new();
        for (at, mark) in self.marks.all.iter().enumerate() {
            if self.is_used(at) || self.is_of_a_name(at) {
                continue;
            }
            let matters = match &mark.what {
                What::Unknown
                | What::Value(..)
                | What::Column(..)
                | What::Period(_)
                | What::Ordinal(_) => true,
                What::Number(_) => true,
                What::Concept(concept) => !self.is_weak(*concept),
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

    fn taken(&self) -> Vec<(String, String)> {
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

    pub(super) fn group_of(&self, at: usize) -> Option<Group> {
        let column = self.column(at)?;
        Some(match column.role {
            Role::Date => Group::Each(column.id.clone(), column.finest),
            _ => Group::By(column.id.clone()),
        })
    }

    pub(super) fn resolved(&self, said: super::period::Said, column: &Column) -> Option<Resolved> {
        said.within(column.covers?)
    }

    pub(super) fn grain_at(&self, at: usize) -> Option<Grain> {
        match self.mark(at)?.what {
            What::Ask(ask) => grain_of(ask),
            _ => None,
        }
    }

    pub(super) fn concept(name: &str) -> u32 {
        concept_number(name)
    }
}

/// How many different names there are, whatever their case.
fn differ(values: &[String]) -> usize {
    values
        .iter()
        .map(|value| fold(value))
        .collect::<BTreeSet<_>>()
        .len()
}
