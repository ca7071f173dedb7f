//! What a number in an answer is said to be of: its names, times, figure and measure, from its sentence and from what stands over it.

mod bound;
mod measures;
mod rows;
mod words;

use std::collections::BTreeSet;

use aios_languages::{Sense, Tag, Tagged};

use crate::conditions::flags_at;
use crate::explain::{Scope, Stat, same_column};
use crate::goal::Asked;
use crate::grid::{Grid, Pred};
use crate::numeral::Number;
use crate::text::Text;
use bound::Bound;

/// Names of a sentence of which any two may be compared.
const FEW: usize = 5;

/// Where a number stands.
pub(crate) struct Place<'a> {
    /// Its sentence, item or cell.
    pub text: &'a Text,
    /// What stands over it, the innermost first.
    pub labels: Vec<&'a Text>,
    /// The sentence before it in the same paragraph.
    pub before: Option<&'a Text>,
    /// The goal.
    pub asked: &'a Asked,
}

/// A name or time in a text that can set a condition, with its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entity {
    pub pred: Pred,
    pub start: usize,
    pub end: usize,
}

/// Bytes between the first and the last day of a stretch: " to ", " bis zum ".
const STRETCH: usize = 12;

/// "More in the second week (8 to 14 August) than in the first?": the stretch of days that a text names and compares, behind the stretch of as
/// many days before it.
pub(crate) fn stretches(text: &Text, grid: &Grid) -> Option<(Pred, Pred)> {
    let [first, last] = text.moments.as_slice() else {
        return None;
    };
    let gap = text.raw.get(first.end..last.start)?;
    let days = first.moment.day.is_some() && last.moment.day.is_some();
    let compares = [
        Sense::Than,
        Sense::AskDirection,
        Sense::More,
        Sense::Fewer,
        Sense::Up,
        Sense::Down,
    ];
    let told = compares.iter().any(|sense| text.has(*sense));
    // "From 3 May to 8 May" compares two days, where no stretch before it is named.
    let earlier = text.has(Sense::Than) || text.has(Sense::Earlier);
    let close = gap.len() <= STRETCH && !gap.contains([',', ';', ':']);
    if !days || !told || !earlier || !close {
        return None;
    }
    let (column, all) = grid.days()?;
    let from = all.iter().position(|day| first.moment.holds(day))?;
    let to = all.iter().rposition(|day| last.moment.holds(day))?;
    let many = to.checked_sub(from)? + 1;
    if many < 2 {
        return None;
    }
    let before = from.checked_sub(many)?;
    let end = from.checked_sub(1)?;
    let stretch =
        |from: usize, to: usize| Some(Pred::Within(column, *all.get(from)?, *all.get(to)?));
    stretch(before, end).zip(stretch(from, to))
}

/// The names and times of a text, as conditions on a table.
pub(crate) fn entities(text: &Text, table: usize, grid: &Grid) -> Vec<Entity> {
    let names = text
        .names
        .iter()
        .filter(|name| name.table == table)
        .map(|name| Entity {
            pred: Pred::Is(name.column, name.code),
            start: name.start,
            end: name.end,
        });
    let mut out: Vec<Entity> = names.collect();
    if let Some(column) = grid.times().next() {
        out.extend(
            text.moments
                .iter()
                .filter(|found| !found.moment.is_empty())
                .map(|found| Entity {
                    pred: Pred::At(column, found.moment),
                    start: found.start,
                    end: found.end,
                }),
        );
    }
    // "Members 571 km, non-members 460 km": both sides of a flag in one text are names of its rows.
    let flags: Vec<Entity> = flags_at(text, grid)
        .into_iter()
        .map(|(pred, start, end)| Entity { pred, start, end })
        .collect();
    let both = |entity: &&Entity| {
        let mut others = flags.iter();
        others.any(|other| same_column(&other.pred, &entity.pred) && other.pred != entity.pred)
    };
    out.extend(flags.iter().filter(both).copied());
    out.sort_by_key(|entity| entity.start);
    out
}

impl Place<'_> {
    /// What a number of this place is said to be of, in one table.
    pub(crate) fn scope(&self, number: &Number, table: usize, grid: &Grid) -> Scope {
        let own = entities(self.text, table, grid);
        let mut scope = Scope::default();
        let mut base: Vec<Pred> = Vec::new();
        let mut optional: Vec<Pred> = Vec::new();
        let mut columns: Vec<Pred> = Vec::new();
        for entity in &own {
            if !columns.iter().any(|other| same_column(other, &entity.pred)) {
                columns.push(entity.pred);
            }
        }
        for column in &columns {
            let of: Vec<Entity> = own
                .iter()
                .copied()
                .filter(|entity| same_column(&entity.pred, column))
                .collect();
            match self.bound(number, &of) {
                Bound::To(pred) | Bound::Perhaps(pred) if self.is_held_against(number) => {
                    base.push(self.other_of_two(pred, table, grid).unwrap_or(pred));
                }
                Bound::To(pred) => base.push(pred),
                Bound::Perhaps(pred) => optional.push(pred),
                Bound::Pair(from, to) if self.is_turned(&from, &to, &of) => {
                    scope.pairs.push((to, from));
                }
                Bound::Pair(from, to) => scope.pairs.push((from, to)),
                Bound::Nothing => {}
            }
            let different: BTreeSet<Pred> = of.iter().map(|entity| entity.pred).collect();
            // "A and B are level with 21 each; C has 12": those of its own part.
            let part = |place: usize| {
                let head = self.text.raw.get(..place).unwrap_or("");
                head.matches(';').count()
            };
            let here: BTreeSet<Pred> = of
                .iter()
                .filter(|entity| part(entity.start) == part(number.start))
                .map(|entity| entity.pred)
                .collect();
            let named = if here.len() > 1 { &here } else { &different };
            scope.named.extend(named.iter().copied());
            if different.len() == 2 {
                let mut both = different.iter().copied();
                scope.pairs.extend(both.next().zip(both.next()));
            }
            // "Jena leads, 28 ahead of Fulda and 51 ahead of Kassel": any two of a few.
            if (2..=FEW).contains(&different.len())
                && (different.len() > 2 || matches!(column, Pred::Is(..)))
                && self.compares()
            {
                for one in &different {
                    // Of times the later one is held against the earlier.
                    let timed = matches!(one, Pred::At(..));
                    let others = different
                        .iter()
                        .filter(|other| *other != one && (!timed || one < *other));
                    scope.pairs.extend(others.map(|other| (*one, *other)));
                }
            }
            if different.len() > 1 && self.text.has(Sense::Total) {
                scope.together.extend(different);
            }
        }
        if scope.together.is_empty() && self.text.has(Sense::Total) {
            scope.together_of = self.asked_names(table, grid);
        }
        if own.is_empty() {
            base.extend(self.of_the_two(number, table, grid));
            let two = self.two_compared(table, grid);
            scope.difference |= two.is_some();
            scope.pairs.extend(
                two.into_iter()
                    .flat_map(|(one, other)| [(one, other), (other, one)]),
            );
        }
        for label in &self.labels {
            let over = entities(label, table, grid);
            let mut seen: Vec<Pred> = Vec::new();
            for entity in &over {
                if columns.iter().any(|other| same_column(other, &entity.pred))
                    || seen.iter().any(|other| same_column(other, &entity.pred))
                {
                    continue;
                }
                seen.push(entity.pred);
                let different: Vec<Pred> = over
                    .iter()
                    .map(|other| other.pred)
                    .filter(|other| same_column(other, &entity.pred))
                    .collect();
                match different.as_slice() {
                    [one] => base.push(*one),
                    [one, other] if one != other => scope.pairs.push((*one, *other)),
                    [one, rest @ ..] if rest.iter().all(|other| other == one) => base.push(*one),
                    _ => {}
                }
            }
            columns.extend(seen);
        }
        // "A rose from 3 to 5 and B from 4 to 6": the names are compared with themselves, at the times of the goal.
        let of_names = scope
            .pairs
            .iter()
            .all(|(from, _)| matches!(from, Pred::Is(..)));
        if scope.pairs.is_empty() || (of_names && !self.asked.pairs.is_empty()) {
            let of_goal = self.goal_pairs(&base, table, grid);
            scope.pairs.extend(of_goal);
        } else if let Some(pair) = stretches(&self.asked.text, grid).filter(|_| {
            scope
                .pairs
                .iter()
                .all(|(one, _)| matches!(one, Pred::At(..)))
        }) {
            scope.pairs = vec![pair];
        } else if let Some(pairs) = self.steps_of_goal(&base, grid) {
            scope.pairs = pairs;
        }
        // "Old Town leads by 91": ahead of any one of a few others.
        let asked = &self.asked.text;
        let held = asked.has(Sense::Than) && (asked.has(Sense::More) || asked.has(Sense::Fewer));
        let apart = asked.has(Sense::Difference) || held;
        let alone = scope.pairs.is_empty() && (self.compares() || apart);
        if let (true, Some(Pred::Is(column, code))) = (
            alone,
            base.iter()
                .copied()
                .find(|pred| matches!(pred, Pred::Is(..))),
        ) {
            let all = u32::try_from(grid.names(column).len()).unwrap_or(0);
            let few = (2..=6).contains(&all);
            let others = (0..all).filter(|other| few && *other != code);
            scope
                .pairs
                .extend(others.map(|other| (Pred::Is(column, other), Pred::Is(column, code))));
        }
        self.words(number, grid, &mut scope);
        scope.measures = self.measures(number, grid);
        scope.columns = self.columns(grid);
        scope.units = self.asked.units.clone();
        scope.whole = self.whole(number, table, grid);
        scope.parted = self.parted(number, grid);
        // The lowest of several has its own total and mean: "Kassel has the lowest turnover, 19,700".
        let ranked = scope
            .stats
            .iter()
            .all(|stat| matches!(stat, Stat::Greatest | Stat::Least));
        if scope.extreme && ranked && !base.is_empty() {
            scope.stats.extend([Stat::Total, Stat::Mean]);
        }
        scope.preds = self.rows(number, &base, &optional, &columns, table, grid);
        let (part, whole) = self.partition(number);
        scope.count |= part || whole;
        scope.each = self.text.has(Sense::Per);
        let next = self
            .text
            .words
            .partition_point(|word| word.start < number.start);
        let marked = |sense: Sense| {
            let mut tags = self.text.tags.iter();
            tags.any(|tag| tag.tag == Tag::Sense(sense) && tag.to == next)
        };
        // "3,548 -> 3,643".
        let arrow = |text: &str| ["->", "→", "=>"].iter().any(|sign| text.ends_with(sign));
        let before = self.text.raw.get(..number.start).unwrap_or("").trim_end();
        let behind = self.text.raw.get(number.end..).unwrap_or("").trim_start();
        let begins = ["->", "→", "=>"]
            .iter()
            .any(|sign| behind.starts_with(sign));
        scope.from = marked(Sense::From) || begins;
        scope.to = marked(Sense::To) || arrow(before);
        // "(21.9 kg to 33.0 kg)".
        let behind = self
            .text
            .words
            .partition_point(|word| word.start < number.end);
        let goes_on = self.text.tags.iter().any(|tag| {
            tag.tag == Tag::Sense(Sense::To)
                && tag.from == behind
                && self.text.numbers.iter().any(|other| {
                    self.text.words.get(tag.to).is_some_and(|word| {
                        word.start == other.start || other.start + 1 == word.start
                    })
                })
        });
        scope.from |= goes_on;
        scope
    }

    /// "September fell short of August": whether of two times the first is held against the second.
    fn is_turned(&self, from: &Pred, to: &Pred, of: &[Entity]) -> bool {
        let held = [Sense::Ahead, Sense::Behind, Sense::Than, Sense::Against];
        let between = |two: &[Entity]| {
            two[0].pred == *from
                && two[1].pred == *to
                && self.text.senses().any(|(sense, at)| {
                    held.contains(&sense) && two[0].end <= at && at < two[1].start
                })
        };
        matches!(from, Pred::At(..)) && of.windows(2).any(between)
    }

    /// "How much more did A take than B?": the two names of the goal, where it asks how far they are apart.
    fn two_compared(&self, table: usize, grid: &Grid) -> Option<(Pred, Pred)> {
        let asked = &self.asked.text;
        let held = [Sense::Difference, Sense::More, Sense::Fewer, Sense::Than];
        let apart = asked.has(Sense::Difference)
            || (asked.has(Sense::Than) && held.iter().any(|sense| asked.has(*sense)));
        let names: BTreeSet<Pred> = entities(asked, table, grid)
            .into_iter()
            .map(|entity| entity.pred)
            .filter(|pred| matches!(pred, Pred::Is(..)))
            .collect();
        match names.into_iter().collect::<Vec<Pred>>().as_slice() {
            [one, other] if apart && same_column(one, other) => Some((*one, *other)),
            _ => None,
        }
    }

    /// "13 of 16 against 7 of 18": where the goal names two of a kind and the text none, the first figures are of the first of them.
    fn of_the_two(&self, number: &Number, table: usize, grid: &Grid) -> Option<Pred> {
        let text = self.text;
        let (_, against) = text
            .senses()
            .find(|(sense, _)| matches!(sense, Sense::Against | Sense::Than))?;
        let asked = entities(&self.asked.text, table, grid);
        let first = asked.first()?.pred;
        if !matches!(first, Pred::Is(..)) {
            return None;
        }
        let two: BTreeSet<Pred> = asked
            .iter()
            .map(|entity| entity.pred)
            .filter(|pred| same_column(pred, &first))
            .collect();
        let other = two.iter().copied().find(|pred| *pred != first)?;
        (two.len() == 2).then_some(if number.start < against { first } else { other })
    }

    /// What a part is a part of, as its sentence says it, what stands over it, or the point of the goal that asks for a part.
    fn whole(&self, number: &Number, table: usize, grid: &Grid) -> Vec<Pred> {
        let clause = self.text.clause(number.start);
        let own = wholes(self.text, table, grid, Some(clause));
        // "Of all entries" is of everybody's.
        let all = self.text.senses().any(|(sense, place)| {
            matches!(sense, Sense::Total | Sense::Whole) && self.text.clause(place) == clause
        });
        if !own.is_empty() || all {
            return own;
        }
        let over = self.labels.iter().find_map(|label| {
            let found = wholes(label, table, grid, None);
            (!found.is_empty()).then_some(found)
        });
        if let Some(over) = over {
            return over;
        }
        let points = self.asked.points.iter();
        let mut shares = points.filter(|point| point.need == crate::goal::Need::Share);
        match (shares.next(), shares.next()) {
            (Some(point), None) => wholes(&point.text, table, grid, None),
            _ => Vec::new(),
        }
    }

    /// "24 against 12", "ahead 83 to 65": whether a number is the second of two that are held against each other.
    fn is_held_against(&self, number: &Number) -> bool {
        let text = self.text;
        let at = text
            .numbers
            .iter()
            .position(|own| own.start == number.start);
        let before = at
            .and_then(|at| at.checked_sub(1))
            .and_then(|at| text.numbers.get(at));
        before.is_some_and(|before| {
            text.senses().any(|(sense, place)| {
                let held = sense == Sense::Against || (sense == Sense::To && self.compares());
                held && before.end <= place && place < number.start
            })
        })
    }

    /// Of two that the goal names the other one.
    fn other_of_two(&self, pred: Pred, table: usize, grid: &Grid) -> Option<Pred> {
        let asked: BTreeSet<Pred> = entities(&self.asked.text, table, grid)
            .into_iter()
            .map(|entity| entity.pred)
            .filter(|own| same_column(own, &pred))
            .collect();
        let said: BTreeSet<Pred> = entities(self.text, table, grid)
            .into_iter()
            .map(|entity| entity.pred)
            .filter(|own| same_column(own, &pred))
            .collect();
        let two = asked.len() == 2 && said.len() == 1 && asked.contains(&pred);
        asked.into_iter().find(|own| two && *own != pred)
    }

    /// Whether the sentence compares one thing with another.
    fn compares(&self) -> bool {
        const COMPARES: [Sense; 10] = [
            Sense::Difference,
            Sense::Ratio,
            Sense::Up,
            Sense::Down,
            Sense::Growth,
            Sense::Above,
            Sense::Below,
            Sense::Than,
            Sense::Ahead,
            Sense::Behind,
        ];
        // "Entries above 13 m" are held against a limit and not against each other.
        self.text.tags.iter().any(|tag| {
            matches!(tag.tag, Tag::Sense(sense) if COMPARES.contains(&sense))
                && !self.sets_limit(self.text, tag)
        })
    }

    /// "Up 16 % in August, then down 45 % in September", where the goal asks for the steps to these months: the one that ends with the time of
    /// the number.
    fn steps_of_goal(&self, base: &[Pred], grid: &Grid) -> Option<Vec<(Pred, Pred)>> {
        let held = [Sense::Than, Sense::Against, Sense::Ahead, Sense::Behind];
        // "From August to September it fell by 19.7 %" names its own step.
        let own = self.text.moments.windows(2).any(|two| {
            let mut numbers = self.text.numbers.iter();
            !numbers.any(|number| two[0].end <= number.start && number.end <= two[1].start)
        });
        if own || held.iter().any(|sense| self.text.has(*sense)) {
            return None;
        }
        let column = grid.times().next()?;
        let here = base.iter().find_map(|pred| match pred {
            Pred::At(own, moment) if *own == column => Some(*moment),
            _ => None,
        })?;
        let steps: Vec<(Pred, Pred)> = self
            .asked
            .pairs
            .iter()
            .filter(|(_, to)| here.holds(to) || to.holds(&here))
            .map(|(from, to)| (Pred::At(column, *from), Pred::At(column, *to)))
            .collect();
        (!steps.is_empty()).then_some(steps)
    }

    /// Whether a word sets the limit that the goal names: "entries above 13 m".
    pub(super) fn sets_limit(&self, text: &Text, tag: &Tagged) -> bool {
        let asked = &self.asked.text.numbers;
        let given = |number: &&Number| asked.iter().any(|own| crate::equal::same(number, own));
        text.limited(tag).as_ref().is_some_and(given)
    }

    /// The few names of one kind that the goal speaks of: some of them may be taken together.
    fn asked_names(&self, table: usize, grid: &Grid) -> Vec<Pred> {
        let names: BTreeSet<Pred> = entities(&self.asked.text, table, grid)
            .into_iter()
            .map(|entity| entity.pred)
            .filter(|pred| matches!(pred, Pred::Is(..)))
            .collect();
        let first = names.first().copied();
        let mut out: Vec<Pred> = names.into_iter().collect();
        out.retain(|pred| first.is_some_and(|first| same_column(&first, pred)));
        out.truncate(FEW);
        out
    }

    /// What the goal compares, or one time with the one before it.
    fn goal_pairs(&self, base: &[Pred], table: usize, grid: &Grid) -> Vec<(Pred, Pred)> {
        let Some(column) = grid.times().next() else {
            return Vec::new();
        };
        if let Some(pair) = stretches(&self.asked.text, grid) {
            return vec![pair];
        }
        let mut out: Vec<(Pred, Pred)> = self
            .asked
            .pairs
            .iter()
            .map(|(from, to)| (Pred::At(column, *from), Pred::At(column, *to)))
            .collect();
        let here = base.iter().find_map(|pred| match pred {
            Pred::At(own, moment) if *own == column => Some(*moment),
            _ => None,
        });
        if let Some(here) = here {
            let months = grid.periods(column, |moment| crate::moment::Moment {
                day: None,
                weekday: None,
                minute: None,
                quarter: None,
                ..*moment
            });
            let at = months.iter().position(|month| {
                here.holds(&crate::moment::Moment {
                    quarter: month.month.map(|month| (month - 1) / 3 + 1),
                    ..*month
                })
            });
            if let Some(before) = at
                .and_then(|at| at.checked_sub(1))
                .and_then(|at| months.get(at))
            {
                out.push((Pred::At(column, *before), Pred::At(column, here)));
            }
        }
        // "Which grew fastest" of a table of two times compares these.
        if out.is_empty() && (self.compares() || self.asked.text.has(Sense::Growth)) {
            let all = grid.periods(column, |moment| *moment);
            if let [first, last] = all.as_slice() {
                out.push((Pred::At(column, *first), Pred::At(column, *last)));
            }
        }
        let _ = table;
        out
    }
}

/// Words between "of" and the name of a whole: "of all the".
const ALL: usize = 2;

/// Of whose things a text says that something is a part: "of all Leith parcels". "The share of double rooms in total revenue" is that of the
/// part.
fn wholes(text: &Text, table: usize, grid: &Grid, clause: Option<usize>) -> Vec<Pred> {
    if text.has(Sense::Total) {
        return Vec::new();
    }
    let named = entities(text, table, grid).into_iter();
    let mut out: Vec<Pred> = named
        .filter(|entity| matches!(entity.pred, Pred::Is(..)))
        .filter(|entity| clause.is_none_or(|clause| text.clause(entity.start) == clause))
        .filter(|entity| {
            let first = text.words.partition_point(|word| word.start < entity.start);
            let next = text.words.partition_point(|word| word.start < entity.end);
            // Behind a preposition the article is none of a whole: "auf der Komet".
            let placed = |tag: &Tagged| {
                let before = tag.from.checked_sub(1);
                tag.to - tag.from == 1
                    && tag.to == first
                    && before.is_some_and(|before| {
                        let bare = text.stems.iter().all(|(word, _)| *word != before);
                        let meant = text.tags.iter().any(|own| {
                            let parts = matches!(
                                own.tag,
                                Tag::Sense(
                                    Sense::Whole | Sense::Total | Sense::Share | Sense::Rest
                                )
                            );
                            parts && own.from <= before && before < own.to
                        });
                        bare && !meant && text.words[before].end + 1 == text.words[tag.from].start
                    })
            };
            let of = text.tags.iter().any(|tag| {
                tag.tag == Tag::Sense(Sense::Of)
                    && tag.to <= first
                    && first - tag.to <= ALL
                    && !placed(tag)
            });
            // Of its things: "Leith parcels", and nothing that these are in.
            let things = text.stems.iter().any(|(word, _)| *word == next);
            let within = text.words.get(next + 1).is_some_and(|word| {
                matches!(
                    word.text.as_str(),
                    "in" | "im" | "am" | "en" | "dans" | "of"
                )
            });
            of && things && !within
        })
        .map(|entity| entity.pred)
        .collect();
    out.sort_unstable();
    out.dedup();
    out
}
