//! The rows that a number may be about.

use std::collections::BTreeSet;

use aios_languages::{Sense, Tag};

use super::{Place, entities};
use crate::conditions::{conditions, none_of};
use crate::explain::same_column;
use crate::grid::{Grid, Pred};
use crate::moment::Moment;
use crate::numeral::Number;
use crate::text::Text;

impl Place<'_> {
    /// Whether the clause of a number speaks of all of a kind: "overall", "all branches".
    fn speaks_of_all(&self, number: &Number, grid: &Grid) -> bool {
        let clause = self.text.clause(number.start);
        let here = |place: usize| self.text.clause(place) == clause;
        let whole = |tag: &aios_languages::Tagged| {
            let named = || {
                self.text.stems.iter().any(|(word, stem)| {
                    (tag.to..tag.to + 2).contains(word)
                        && grid
                            .groups()
                            .any(|column| grid.columns[column].stems.contains(stem))
                })
            };
            match tag.tag {
                Tag::Sense(Sense::Total) => true,
                Tag::Sense(Sense::Whole) => named(),
                _ => false,
            }
        };
        self.text
            .tags
            .iter()
            .any(|tag| here(self.text.words[tag.from].start) && whole(tag))
    }

    /// The rows a number may be about.
    pub(super) fn rows(
        &self,
        number: &Number,
        base: &[Pred],
        optional: &[Pred],
        columns: &[Pred],
        table: usize,
        grid: &Grid,
    ) -> Vec<Vec<Pred>> {
        let mut own: Vec<Pred> = conditions(self.text, table, grid);
        // A limit that bounds this number is no condition on it.
        own.retain(|pred| match pred {
            Pred::Side(column, _, limit) if number.bound.is_some() => {
                let unit = number
                    .unit
                    .as_ref()
                    .zip(grid.columns[*column].unit.as_ref());
                let value = unit.and_then(|(unit, own)| unit.convert(number.value(), own));
                let own = value.unwrap_or(number.value());
                (limit.value() - own).abs() >= 1e-9
            }
            _ => true,
        });
        // "Waiting times and no-shows:" names what follows; which of it a line below is about the line says.
        let mut headed: Vec<Pred> = Vec::new();
        for label in &self.labels {
            for pred in conditions(label, table, grid) {
                match pred {
                    Pred::Flag(..) if label.has(Sense::And) && !own.contains(&pred) => {
                        headed.push(pred);
                    }
                    _ => own.push(pred),
                }
            }
        }
        let goals = self.asked.conditions(table, grid);
        let spoken = std::iter::once(self.text).chain(self.labels.iter().copied());
        let limited = spoken.into_iter().any(|text| {
            [Sense::Limit, Sense::Above, Sense::Below]
                .into_iter()
                .any(|sense| text.has(sense))
        });
        let sides: Vec<Pred> = goals
            .iter()
            .copied()
            .filter(|pred| matches!(pred, Pred::Side(..)))
            .collect();
        let mut required = base.to_vec();
        required.extend(own.iter().copied());
        let restated = own.iter().any(|pred| matches!(pred, Pred::Side(..)));
        let mut out: Vec<Vec<Pred>> = Vec::new();
        if limited && !restated && number.bound.is_none() && !sides.is_empty() {
            let mut all = required.clone();
            all.extend(sides.iter().copied());
            out.push(all);
            // "22 of the 90 lie below it".
            if self.text.numbers.len() > 1 {
                out.push(required.clone());
            }
        } else {
            out.push(required.clone());
            // Of several numbers a condition may belong to another one.
            if !own.is_empty() && self.text.numbers.len() > 1 {
                out.push(base.to_vec());
            }
            if !goals.is_empty() && own.is_empty() {
                let mut all = required.clone();
                all.extend(goals.iter().copied());
                out.push(all);
                for goal in &goals {
                    let mut all = required.clone();
                    all.push(*goal);
                    out.push(all);
                }
            }
        }
        if !headed.is_empty() {
            out.push(required.iter().chain(&headed).copied().collect());
        }
        let (part, whole) = self.partition(number);
        if whole {
            // "31 of 32 beds": what a part is of has fewer conditions than the part.
            for skipped in 0..required.len() {
                let rest = required.iter().enumerate().filter(|(at, _)| *at != skipped);
                out.push(rest.map(|(_, pred)| *pred).collect());
            }
            out.push(Vec::new());
        }
        if part && !goals.is_empty() {
            out.push(required.iter().chain(&goals).copied().collect());
        }
        // "April to June": all of the time between.
        for (from, to) in ranges(self.text)
            .into_iter()
            .chain(self.labels.iter().flat_map(|label| ranges(label)))
        {
            if let Some(column) = grid.times().next() {
                let others = required
                    .iter()
                    .copied()
                    .filter(|pred| !matches!(pred, Pred::At(..)));
                out.push(others.chain([Pred::Within(column, from, to)]).collect());
                let others = required
                    .iter()
                    .copied()
                    .filter(|pred| !matches!(pred, Pred::At(..)));
                if grid.rows_of(&[Pred::Within(column, from, to)]).len() == grid.rows {
                    out.push(others.collect());
                }
            }
        }
        // "Records of the three halls A, B and C": who names all of a kind sets no condition by it.
        let listed = |pred: &Pred| match pred {
            Pred::Is(column, _) => {
                let names = self.text.names.iter();
                let own: BTreeSet<u32> = names
                    .filter(|name| name.table == table && name.column == *column)
                    .map(|name| name.code)
                    .collect();
                own.len() > 1 && own.len() == grid.names(*column).len()
            }
            _ => false,
        };
        if columns.iter().any(listed) {
            for found in out.clone() {
                out.push(found.into_iter().filter(|pred| !listed(pred)).collect());
            }
        }
        // "Against 7.7 % for all branches": nobody in particular.
        if self.speaks_of_all(number, grid) {
            let timed = required.iter().copied();
            out.push(timed.filter(|pred| !matches!(pred, Pred::Is(..))).collect());
            let times = entities(self.text, table, grid)
                .into_iter()
                .map(|entity| entity.pred);
            let times: BTreeSet<Pred> = times.filter(|pred| matches!(pred, Pred::At(..))).collect();
            if times.len() == 1 {
                out.push(times.into_iter().collect());
            }
        }
        // "18, so every third": of whom one point of the goal speaks.
        if columns.is_empty() && self.asked.points.len() > 1 {
            for point in &self.asked.points {
                let names: BTreeSet<Pred> = entities(&point.text, table, grid)
                    .into_iter()
                    .map(|entity| entity.pred)
                    .filter(|pred| matches!(pred, Pred::Is(..)))
                    .collect();
                if let (1, Some(one)) = (names.len(), names.first()) {
                    out.push(required.iter().copied().chain([*one]).collect());
                }
            }
        }
        // "No delay at all", "on time": rows in which there is nothing of a quantity.
        let none = none_of(self.text, grid)
            .into_iter()
            .chain(none_of(&self.asked.text, grid));
        for pred in none {
            out.push(required.iter().copied().chain([pred]).collect());
        }
        // What the goal is about need not be said again.
        let asked: Vec<Pred> = entities(&self.asked.text, table, grid)
            .into_iter()
            .map(|entity| entity.pred)
            .collect();
        let silent: Vec<Pred> = asked
            .iter()
            .copied()
            .filter(|pred| !columns.iter().any(|other| same_column(other, pred)))
            .filter(|pred| {
                asked
                    .iter()
                    .filter(|other| same_column(other, pred))
                    .all(|other| other == pred)
            })
            .collect();
        let before: Vec<Pred> = match self.before {
            // "Over the three months it took 4, some 2 ahead of B": of whom the sentence before spoke.
            Some(before) if columns.is_empty() || (base.is_empty() && !optional.is_empty()) => {
                entities(before, table, grid)
                    .into_iter()
                    .map(|entity| entity.pred)
                    .collect()
            }
            _ => Vec::new(),
        };
        for found in out.clone() {
            for more in [&silent, &before, &optional.to_vec()] {
                if !more.is_empty() && (more.len() == 1 || !std::ptr::eq(more, &before)) {
                    let mut all = found.clone();
                    all.extend(more.iter().copied());
                    out.push(all);
                }
            }
        }
        for preds in &mut out {
            preds.sort_unstable();
            preds.dedup();
        }
        let mut seen = BTreeSet::new();
        out.retain(|preds| seen.insert(preds.clone()));
        out.truncate(16);
        out
    }
}

/// The stretches of time that a text names by their ends: "April to June", "from 2020 until 2024".
fn ranges(text: &Text) -> Vec<(Moment, Moment)> {
    let joined = |two: &[crate::moment::MomentAt]| {
        let gap = text.raw.get(two[0].end..two[1].start).unwrap_or(";");
        gap.len() < 12 && !gap.contains([',', ';', '.', '|', ':'])
    };
    let found = text.moments.windows(2).filter(|two| joined(two));
    let kind = |moment: &Moment| {
        (
            moment.day.is_some(),
            moment.month.is_some(),
            moment.minute.is_some(),
        )
    };
    found
        .map(|two| (two[0].moment, two[1].moment))
        .filter(|(from, to)| kind(from) == kind(to) && from != to)
        .collect()
}
