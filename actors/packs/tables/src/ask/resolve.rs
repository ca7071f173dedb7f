//! From marks to a typed question: what is measured, of which rows, for what.
//!
//! Every mark is either used by something or stays unused and is named. A word that no column, value or figure answers to is never replaced
//! by another one: what is asked is then not in the data, and that is what the answer says.

use aios_languages::{Ask, Hint, concept_number, hints};

pub(super) use super::asks::Asks;
use super::clause::is_filler;
use super::marks::{Mark, Marks, What};
use super::question::{Filter, Group, Measure, Order, Question, Test, Wanted};
use super::say::Speech;
use super::schema::{Column, Role, Schema};
use super::words::Words;

pub(super) struct Reader<'a> {
    pub words: &'a Words,
    pub schema: &'a Schema,
    pub marks: &'a Marks,
    pub speech: Speech,
    pub used: Vec<bool>,
    pub assumed: Vec<String>,
    /// Prices of which each was paid, and which add up therefore.
    pub summed: Vec<super::question::Column>,
    pub absent: Vec<String>,
    /// The question before, whose measure and rows may be meant again.
    pub before: Option<Question>,
    /// Of how many a rate is asked for: per 1000 residents.
    pub each: Option<u32>,
    /// What those who are asked for have no row of, with where it stands.
    pub nones: Vec<(usize, Filter)>,
    /// Marks that have no part in the answer, whatever they name.
    pub unheard: Vec<usize>,
    /// Words for an end that has no part in the order: "the best product of the worst month".
    pub unheard_ends: Vec<usize>,
    /// Marks that are letters of a value and name nothing by themselves.
    pub literal: Vec<usize>,
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
        // "of those who have not paid"
        let those = self.mark(at).is_some_and(|mark| {
            mark.from
                .checked_sub(1)
                .is_some_and(|before| hints(Hint::Those, self.words.text(before)))
        });
        joins && (thing || those) && !ranked
    }

    pub(super) fn asks(&self, from: usize, to: usize) -> Asks {
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

    /// One question; none where what it asks for is not in the data.
    pub(super) fn question(&mut self, from: usize, to: usize) -> Option<Question> {
        let mut asks = self.asks(from, to);
        let missing = self.absent.len();
        if asks.has(Ask::Reason) {
            let said = self.speech.say("no_reasons", &[]);
            self.absent.push(said);
            return None;
        }
        self.in_percent(from, to, &mut asks);
        let filled = self.filled(from, to, &mut asks);
        self.raises(from, to, &mut asks);
        self.plain_words(from, to, &mut asks);
        self.asks_whether(from, to, &mut asks);
        let extremes = self.extremes(from, to, &mut asks);
        if self.compares(from, to) {
            asks.0.insert(Ask::Compare);
        }
        if let Some(question) = self.unmatched(from, to, &asks) {
            return Some(question);
        }
        let mut filters = Vec::new();
        self.letters(from, to, &mut filters);
        self.place_of(from, to, &asks, &mut filters);
        filters.extend(self.values(from, to));
        self.outcomes(from, to, &mut asks, &mut filters);
        let reckons = asks.reckons() || asks.has(Ask::Per);
        let flags = asks.any(&[Ask::Count, Ask::Share, Ask::Rows]) || !reckons;
        self.nothing_of(from, to, &asks, &mut filters);
        self.flags(from, to, flags, &mut filters);
        self.empty_columns(from, to);
        self.times_of_day(from, to, &mut filters);
        let versus = self.periods(from, to, &asks.0, &mut filters);
        let mut order = self.order(from, to).filter(|_| extremes.is_none());
        if let Some(order) = order.as_mut().filter(|order| order.largest)
            && self.goes_down(from, to)
        {
            order.largest = false;
        }
        self.exact_numbers(from, to, &asks, &mut filters);
        self.whole_stretch(from, to);
        self.equal_numbers(from, to, true, &mut filters);
        self.signs(from, to, &mut filters);
        let finished = self.finished(from, to, &asks);
        let by_rows = self.ranked_by_rows(from, to);
        let mut most = by_rows.or_else(|| self.most_of(from, to));
        if most.is_none() && (asks.has(Ask::Compare) || order.is_some()) {
            most = self.more_of(from, to);
        }
        most = self.lost(from, to, order.as_mut()).or(most);
        if let Some((time, by)) = finished {
            (most, order) = (Some(time), Some(by));
        }
        let mut groups = self.groups(from, to);
        self.asked_noun_is_absent(from, to);
        if extremes.is_some() {
            groups.retain(|group| !self.is_unique(group));
        }
        // "..., and where was it largest?", "which had the most": of the groups that were asked for before.
        if groups.is_empty()
            && order.is_some()
            && asks.any(&[Ask::Which, Ask::Who, Ask::Where, Ask::When])
            && let Some(before) = self
                .before
                .as_ref()
                .filter(|before| !before.groups.is_empty())
        {
            groups.clone_from(&before.groups);
        }
        // "Which is bigger, River or Park Lane": one of those that are named.
        if groups.is_empty() && order.is_some() && asks.any(&[Ask::Which, Ask::Who]) {
            groups.extend(self.named_rivals(&filters));
        }
        let plain = asks.has(Ask::Mean) && order.is_none();
        let (mut over, period_value) = self.over_all(from, to, plain, &mut groups);
        self.compared_columns(from, to, &asks, &mut filters);
        self.late(from, to, &asks, &mut filters);
        let mut measures: Vec<(Measure, Option<String>)> =
            self.derived(from, to, &asks).into_iter().collect();
        measures.extend(filled);
        let counted = match self.counted_days(from, to, &mut filters) {
            Some(days) if measures.is_empty() => Some(days),
            _ => self.counted(from, to),
        };
        self.of_none(&groups, counted.as_ref(), &mut filters);
        if asks.any(&[Ask::Which, Ask::Who, Ask::List, Ask::Count]) && order.is_none() {
            self.of_both(from, to, &groups, counted.as_ref(), &mut filters);
        }
        if let Some(most) = most
            && measures.is_empty()
        {
            measures.push((most, None));
        }
        let counted = counted.map(|counted| self.one_by_one(counted));
        let test = self.limit_of_groups(from, to, &asks, &groups);
        let mut having = None;
        let mut counted = counted;
        if groups.is_empty()
            && let Some((group, test)) = self.counted_with_rows(from, to, &asks, counted.as_ref())
        {
            groups.push(group);
            measures = vec![(Measure::Rows, None)];
            having = Some(test);
            counted = None;
        }
        if let Some(test) = test {
            measures = vec![(Measure::Rows, None)];
            having = Some(test);
        }
        if measures.is_empty() {
            measures = self.measures(from, to, &asks.0, counted.is_some());
        }
        if measures.is_empty()
            && over.is_some()
            && (from..to).any(|at| matches!(self.mark(at).map(|mark| &mark.what), Some(What::Concept(concept)) if *concept == Self::concept("density")))
        {
            measures.extend(self.concept_measure(Self::concept("population"), true));
        }
        if measures.is_empty()
            && let Some(value) = period_value
        {
            measures.push((value, None));
        }
        self.only_counted(
            from,
            to,
            &asks,
            counted.as_ref(),
            over.as_ref(),
            &filters,
            &mut measures,
        );
        self.in_stock(from, to, counted.as_ref(), &mut filters);
        self.dealt(from, to, &asks, counted.as_ref(), &measures, &filters);
        if let Some(Some(concept)) = extremes
            && measures.is_empty()
        {
            measures.extend(self.superlative_of(true, concept).map(|(found, _)| found));
        }
        if let Some((largest, concept)) = self.superlative(from, to) {
            // "fastest lap": what is fast is not the number of the lap.
            let known = self.assumed.len();
            if !self.ranks_what_is_counted(from, to)
                && let [(Measure::Of(named), _)] = measures.as_slice()
                && !self.stands_for(named, concept)
                && self.is_behind_a_superlative(named, from, to)
                && let Some((found, _)) = self.superlative_of(largest, concept)
                && found.0 != measures[0].0
            {
                measures.clear();
                self.assumed.truncate(known);
            }
            order = order.or(Some(Order {
                largest,
                limit: Some(1),
                skip: 0,
            }));
            // "fastest time": who is fastest takes the least of it.
            if concept == Self::concept("speed")
                && let [(Measure::Of(named), _)] = measures.as_slice()
                && self.lasts(named)
                && let Some(order) = order.as_mut()
            {
                order.largest = !largest;
            }
            if groups.is_empty() && concept == Self::concept("occurrence") {
                // How often what comes about is not known: it has no name in the data.
                let said = self.said_superlative(from, to);
                self.say_absent(&said);
            } else if measures.is_empty()
                && let Some((found, largest)) = self.superlative_of(largest, concept)
            {
                if let Some(order) = &mut order {
                    order.largest = largest;
                }
                measures.push(found);
            } else if measures.is_empty() && self.inherited().is_none() {
                let said = self.said_superlative(from, to);
                self.say_absent(&said);
            }
        }
        // "who had the longest shift": what is reckoned of a row is told with whose it is.
        let reckoned = matches!(
            measures.as_slice(),
            [(
                Measure::Less(..)
                    | Measure::Elapsed(..)
                    | Measure::Plus(..)
                    | Measure::Lasted(..)
                    | Measure::Shift(..)
                    | Measure::Product(..)
                    | Measure::Rated(..),
                _
            )]
        );
        if reckoned
            && groups.is_empty()
            && order.is_some()
            && asks.any(&[Ask::Which, Ask::Who])
            && let Some(id) = self.naming()
        {
            groups.push(Group::By(id));
        }
        if self.is_listed(&groups, counted.as_ref()) {
            return None;
        }
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
            // "how many guests booked more than 10 nights in total"
            let of_each = match &counted {
                Some(Measure::Distinct(who))
                    if groups.is_empty()
                        && asks.has(Ask::Count)
                        && asks.has(Ask::Total)
                        && !self.is_unique(&Group::By(who.clone())) =>
                {
                    Some(Group::By(who.clone()))
                }
                _ => None,
            };
            if let Some(group) = of_each.filter(|_| adds && having.is_none()) {
                groups.push(group);
                counted = None;
                measures = vec![(Measure::Of(column), None)];
                having = Some(test);
            } else if per_group && adds && !unique && having.is_none() {
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
        // "how many earn less than 50k": what is limited is not what is counted.
        if let Some(Measure::Of(column)) = &counted
            && measures.is_empty()
            && asks.has(Ask::Count)
            && !asks.has(Ask::Total)
            && filters
                .iter()
                .any(|filter| filter.column == *column && !filter.part)
        {
            counted = Some(Measure::Rows);
        }
        // "how many loans" of a column of amounts: whether they are counted or added up is a choice.
        if let Some(Measure::Of(column)) = counted.clone()
            && asks.has(Ask::Count)
            && let Some(at) = self
                .schema
                .columns
                .iter()
                .position(|known| known.id == column)
            && let Some(known) = self.column(at)
            && known.concepts.is_empty()
            && known.id.unit.is_none()
            && known.least.is_some_and(|least| least >= 100.0)
            && filters.iter().any(|filter| filter.column != column)
        {
            self.say_ambiguous(from, &[at], at);
        }
        self.equal_numbers(from, to, false, &mut filters);
        self.alternatives(from, to, &mut filters);
        if measures.is_empty()
            && asks.has(Ask::Mean)
            && let Some(Measure::Of(column)) = &counted
        {
            measures.push((Measure::Of(column.clone()), None));
            counted = None;
        }
        if over.is_none() && having.is_none() && versus.is_none() {
            over = self.spread(
                (from, to),
                &asks,
                &measures,
                counted.as_ref(),
                order.as_ref(),
                &mut groups,
            );
        }
        let mut named = self.leftovers(from, to, &mut groups, &asks.0, &mut filters);
        self.units_of_measures(from, to, &measures);
        self.verbs_of_ranks(from, to, &asks, &groups);
        self.ends_of_verbs(from, to);
        self.verbs_of_values(from, to);
        self.ends_of_files(from, to);
        self.light_words(from, to, &asks, &measures, counted.as_ref());
        self.unknown_places(from, to);
        self.of_another_month(from, to, &measures, counted.as_ref());
        self.of_another_unit((from, to), &measures, counted.as_ref(), &filters);
        if self.absent.len() > missing {
            return None;
        }
        if order.is_none()
            && having.is_none()
            && let Some((wanted, order)) = self.by_time(from, to, &asks, &measures)
        {
            return Some(Question {
                wanted,
                filters,
                groups: Vec::new(),
                order: Some(order),
                having: None,
            });
        }
        // "Who owns Kiwi?": what is named is not who is asked for.
        if asks.has(Ask::Who)
            && order.is_none()
            && let [Group::By(group)] = groups.as_slice()
            && !filters.is_empty()
            && filters
                .iter()
                .all(|filter| filter.column == *group && !filter.not)
        {
            groups.clear();
        }
        if named.is_none()
            && asks.any(&[Ask::Who, Ask::Which])
            && !asks.has(Ask::Count)
            && measures.is_empty()
            && order.is_none()
            && filters
                .iter()
                .any(|filter| matches!(filter.test, Test::In(_)) && !filter.not)
        {
            named = self.hinted_name(from, to);
        }
        if !reckons
            && measures.is_empty()
            && let found @ Some(_) = self.called_so(from, to, &asks, &filters)
        {
            return found;
        }
        // "Who is the manager of Sales?": whoever a column that is named tells.
        if asks.has(Ask::Who)
            && let ([Group::By(group)], Some(column)) = (groups.as_slice(), &named)
            && self.is_called_by_who(from, to, column)
            && group != column
            && measures.is_empty()
            && order.is_none()
        {
            groups.clear();
        }
        let told = self.is_one_row()
            || filters
                .iter()
                .any(|filter| matches!(filter.test, Test::In(_)) && !filter.not);
        // "phone number of Marta Lind": a cell of the row that is named.
        let looked_up = !reckons
            && !asks.any(&[
                Ask::Count,
                Ask::Distinct,
                Ask::Share,
                Ask::Growth,
                Ask::Change,
                Ask::Compare,
                Ask::Rows,
                Ask::Ratio,
                Ask::Between,
            ])
            && told;
        // "What did the guest in room 15 write?": what somebody wrote stands in a column of its own.
        let wrote = self.wrote(from, to, &asks);
        if let Some(column) = wrote
            && (told || !filters.is_empty())
            && measures.is_empty()
            && counted.is_none()
            && order.is_none()
        {
            return Some(Question {
                wanted: Wanted::Values(column),
                filters,
                groups: Vec::new(),
                order,
                having,
            });
        }
        if looked_up
            && measures.is_empty()
            && counted.is_none()
            && order.is_none()
            && groups.is_empty()
            && versus.is_none()
            && let Some(column) = named.clone()
            && filters.iter().all(|filter| filter.column != column)
        {
            return Some(Question {
                wanted: Wanted::Values(column),
                filters,
                groups,
                order,
                having,
            });
        }
        if counted.is_none()
            && order.is_none()
            && let Some(question) = self.cell_of_one_row(&asks, &groups, &measures, &filters)
        {
            return Some(question);
        }
        // "When was Nightfall released?": a day of the rows that are named.
        if asks.has(Ask::When)
            && !reckons
            && measures.is_empty()
            && counted.is_none()
            && order.is_none()
            && versus.is_none()
            && told
            && let [Group::Each(date, _) | Group::By(date)] = groups.as_slice()
        {
            return Some(Question {
                wanted: Wanted::Values(date.clone()),
                filters,
                groups: Vec::new(),
                order,
                having,
            });
        }
        // "Where does shipment 9 go?": a place of the row that is named.
        if asks.has(Ask::Where)
            && !reckons
            && !asks.any(&[Ask::Count, Ask::Share, Ask::Per])
            && measures.is_empty()
            && counted.is_none()
            && order.is_none()
            && versus.is_none()
            && let [Group::By(place)] = groups.as_slice()
            && told
            && filters.iter().all(|filter| filter.column != *place)
        {
            return Some(Question {
                wanted: Wanted::Values(place.clone()),
                filters,
                groups: Vec::new(),
                order,
                having,
            });
        }
        // "who is in place 3": whoever has that place, and not how many have it.
        let placed = asks.has(Ask::Who)
            && filters
                .iter()
                .any(|filter| !filter.not && self.is_a_place(&filter.column));
        // "list movies longer than 2 hours": the table's own names.
        if named.is_none()
            && asks.plain_names()
            && (self.asks_for_names(from, to) && !asks.has(Ask::Who) || placed)
            && measures.is_empty()
            && counted.is_none()
            && groups.is_empty()
            && !filters.is_empty()
        {
            let naming = self.naming();
            named = naming.filter(|naming| filters.iter().any(|filter| filter.column != *naming));
        }
        // "tools with no pieces left": of rows that are told by a condition alone, their names.
        let plain =
            measures.is_empty() && counted.is_none() && order.is_none() && groups.is_empty();
        if plain
            && !filters.is_empty()
            && versus.is_none()
            && asks.any(&[Ask::Which, Ask::Who, Ask::List, Ask::Without, Ask::Missing])
            && !reckons
            && !asks.any(&[Ask::Count, Ask::Share, Ask::Growth, Ask::Change])
            && let Some(column) = named
        {
            return Some(Question {
                wanted: Wanted::Values(column),
                filters,
                groups,
                order,
                having,
            });
        }
        // A name is no answer to who it is.
        if asks.plain_names()
            && groups.is_empty()
            && !filters.is_empty()
            && let Some(naming) = self.naming()
            && measures.is_empty()
            && counted.is_none()
            && order.is_none()
            && filters
                .iter()
                .all(|filter| filter.column == naming && !filter.not)
        {
            self.say_not_understood();
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
        self.one_row_each((from, to), &groups, &wanted, &filters);
        if self.absent.len() > missing {
            return None;
        }
        // "Who adopted Biscuit?": what is named is no answer.
        if let Wanted::Values(column) = &wanted
            && filters.iter().any(|filter| {
                filter.column == *column && !filter.not && matches!(filter.test, Test::In(_))
            })
            && asks.has(Ask::Who)
        {
            self.say_not_understood();
            return None;
        }
        self.of_files(&wanted, &mut groups);
        self.with_its_title(&mut groups);
        if groups.is_empty() && order.is_none() {
            groups.extend(self.one_for_each(from, to, &wanted, &filters));
        }
        self.share_parts((from, to), !groups.is_empty(), &wanted, &mut filters);
        if self.absent.len() > missing {
            return None;
        }
        self.inherit(&asks, &mut filters);
        if let Some((side, name)) = self.one_side(from, to, &filters) {
            let said = self
                .speech
                .say("taken_part", &[("said", &name), ("names", &side.values())]);
            self.assume(said);
            filters.push(side);
        }
        self.apart_by_unit(&wanted, &filters, &mut groups, &mut order)?;
        let mut question = Question {
            wanted,
            filters,
            groups,
            order,
            having,
        };
        self.judge_ends(from, to, &mut question);
        Some(question)
    }

    pub(super) fn concept(name: &str) -> u32 {
        concept_number(name)
    }
}
