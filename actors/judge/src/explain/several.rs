//! Figures of more than one name: the first of all, what others leave, names taken together; and those of two columns.

use super::{Explainer, Form, ROWS, Stat, same_column};
use crate::derived::{Derived, Op};
use crate::grid::Pred;
use crate::unit::Unit;

impl Explainer<'_> {
    /// The highest of the means, the difference between the highest and the lowest.
    pub(super) fn extremes(&mut self, preds: &[Pred]) {
        if !self.scope.extreme && !self.scope.difference {
            return;
        }
        for &measure in &self.scope.measures {
            if self.scope.difference
                && let Some(figures) = self.grid.figures(preds, measure)
                && self
                    .in_unit(figures.greatest - figures.least, measure)
                    .is_some_and(|value| self.number.is(value))
            {
                self.push(Form::Difference, Some(measure), preds);
            }
            for column in self.grid.groups().collect::<Vec<_>>() {
                if preds
                    .iter()
                    .any(|pred| same_column(pred, &Pred::Is(column, 0)))
                {
                    continue;
                }
                for stat in [Stat::Total, Stat::Mean] {
                    if !self.scope.stats.is_empty()
                        && !self.scope.stats.contains(&stat)
                        && !self
                            .scope
                            .stats
                            .iter()
                            .any(|stat| matches!(stat, Stat::Greatest | Stat::Least))
                    {
                        continue;
                    }
                    let of_each = self.of_each(preds, column, measure, stat);
                    let (Some(least), Some(greatest)) = (of_each.first(), of_each.last()) else {
                        continue;
                    };
                    if self.scope.extreme
                        && (self.fits(*least, measure) || self.fits(*greatest, measure))
                    {
                        self.push(Form::Figure(stat), Some(measure), preds);
                    }
                    if self.scope.difference
                        && self
                            .in_unit(greatest - least, measure)
                            .is_some_and(|value| self.number.is(value))
                    {
                        self.push(Form::Difference, Some(measure), preds);
                    }
                }
            }
        }
    }

    /// "Paediatrics and Orthopaedics, 7 each": the same of every name.
    pub(super) fn each(&mut self) {
        let names = self.scope.named.clone();
        let Some(first) = names.first() else { return };
        if names.len() < 2 || !names.iter().all(|name| same_column(name, first)) {
            return;
        }
        let named: Vec<usize> = self
            .grid
            .measures()
            .filter(|column| self.scope.columns.contains(column))
            .collect();
        let from = if named.is_empty() {
            self.scope.measures.clone()
        } else {
            named
        };
        let derived: Vec<usize> = self
            .grid
            .derived_of(&from)
            .map(|(column, _)| column)
            .collect();
        let columns = self
            .scope
            .measures
            .iter()
            .copied()
            .chain(derived)
            .collect::<Vec<usize>>();
        for column in columns {
            for stat in self.stats().to_vec() {
                let all = names.iter().all(|name| {
                    let figures = self.grid.figures(&[*name], column);
                    figures.is_some_and(|figures| self.fits(Self::of(&figures, stat), column))
                });
                if all {
                    return self.push(Form::Figure(stat), Some(column), &names);
                }
            }
        }
        let rows = names
            .iter()
            .all(|name| self.number.is(self.grid.rows_of(&[*name]).len() as f64));
        if rows && self.number.unit.is_none() {
            self.push(Form::Count, None, &names);
        }
    }

    /// What is left of a whole without the names of the sentence: "the other branches sold 62".
    pub(super) fn rest(&mut self) {
        if !self.scope.rest {
            return;
        }
        let share = self.number.unit.as_ref().is_some_and(Unit::is_share);
        let mut parts: Vec<Vec<Pred>> = self.scope.named.iter().map(|pred| vec![*pred]).collect();
        parts.push(self.scope.named.clone());
        let rows = |preds: &[Pred]| self.grid.rows_of(preds).len() as f64;
        let mut found = Vec::new();
        for part in parts.iter().filter(|part| !part.is_empty()) {
            let left = |of: &dyn Fn(&[Pred]) -> f64| {
                let (whole, taken) = (of(&[]), part.iter().map(|pred| of(&[*pred])).sum::<f64>());
                (whole, whole - taken)
            };
            for &measure in &self.scope.measures {
                let total = |preds: &[Pred]| {
                    self.grid
                        .figures(preds, measure)
                        .map_or(0.0, |figures| figures.total)
                };
                let (whole, left) = left(&total);
                let fits = match share {
                    true => whole != 0.0 && self.number.is(100.0 * left / whole),
                    false => self.fits(left, measure),
                };
                if fits {
                    found.push((Form::Difference, Some(measure), part.clone()));
                }
            }
            let (whole, left) = left(&rows);
            let fits = match share {
                true => whole != 0.0 && self.number.is(100.0 * left / whole),
                false => self.number.unit.is_none() && self.number.is(left),
            };
            if fits {
                found.push((Form::Count, None, part.clone()));
            }
        }
        // "Against 7.2 km for the others": the other side of a flag.
        let flags: Vec<Pred> = self
            .scope
            .preds
            .iter()
            .flatten()
            .filter_map(|pred| match pred {
                Pred::Flag(column, side) => Some(Pred::Flag(*column, !side)),
                _ => None,
            })
            .collect();
        for flag in flags {
            for &measure in &self.scope.measures {
                let Some(figures) = self.grid.figures(&[flag], measure) else {
                    continue;
                };
                for stat in [Stat::Total, Stat::Mean] {
                    if self.fits(Self::of(&figures, stat), measure) {
                        found.push((Form::Figure(stat), Some(measure), vec![flag]));
                    }
                }
            }
        }
        for (form, measure, preds) in found {
            self.push(form, measure, &preds);
        }
        // "Station was the strongest of the three shops": of one of a kind, how many there are.
        let of_all = self.scope.columns.iter().any(|column| {
            let one = Pred::Is(*column, 0);
            let mut named = self.scope.named.iter();
            named.any(|pred| same_column(pred, &one))
                && self.number.is(self.grid.names(*column).len() as f64)
        });
        // "The other two lines".
        let names = self.scope.named.iter().filter_map(|pred| match pred {
            Pred::Is(column, _) => Some(*column),
            _ => None,
        });
        let columns: Vec<usize> = names.chain(self.scope.columns.iter().copied()).collect();
        let others = columns.iter().any(|column| {
            let all = self.grid.names(*column).len();
            let taken = self
                .scope
                .named
                .iter()
                .filter(|pred| same_column(pred, &Pred::Is(*column, 0)));
            let left = all.saturating_sub(taken.count());
            left > 0 && self.number.is(left as f64)
        });
        if (others || of_all) && self.number.unit.is_none() {
            self.push(Form::Distinct, None, &[]);
        }
    }

    /// What follows from two columns, of which the words name one: beds that are free, revenue per unit, the share of beds that is taken.
    pub(super) fn derived(&mut self) {
        let named: Vec<usize> = self
            .grid
            .measures()
            .filter(|column| self.scope.columns.contains(column))
            .collect();
        let from = if named.is_empty() {
            &self.scope.measures
        } else {
            &named
        };
        // Where words name both, nothing else is meant.
        let both =
            |derived: &Derived| named.contains(&derived.one) && named.contains(&derived.other);
        let columns: Vec<(usize, Op)> = self
            .grid
            .derived_of(from)
            .filter(|(_, derived)| named.len() < 2 || both(derived))
            .map(|(column, derived)| (column, derived.op))
            .collect();
        let share = self.number.unit.as_ref().is_some_and(Unit::is_share);
        let columns: Vec<(usize, Op)> = columns
            .into_iter()
            .filter(|(column, op)| !share || self.may_be_whole(*column, *op, &named))
            .collect();
        for preds in self.scope.preds.iter().take(ROWS) {
            for &(column, op) in &columns {
                // One quantity over another meets a bare number by accident, where nothing speaks of a rate.
                let bare = self.number.unit.is_none() && !self.number.is_precise();
                if op == Op::Over && bare && !self.scope.ratio {
                    continue;
                }
                // Nor are two of them put together where one alone is named and nothing speaks of both: goals at home and away are both goals.
                if op == Op::And
                    && bare
                    && named.len() == 1
                    && !self.scope.all
                    && !self.is_kin(column)
                {
                    continue;
                }
                if share != matches!(op, Op::Over | Op::Part | Op::Beyond)
                    && self.number.unit.is_some()
                {
                    let rate = op == Op::Over && !share;
                    if !rate {
                        continue;
                    }
                }
                let Some(figures) = self.grid.figures(preds, column) else {
                    continue;
                };
                let mut stats = self.stats().to_vec();
                if self.scope.ratio && op != Op::Beyond && !stats.contains(&Stat::Mean) {
                    stats.push(Stat::Mean);
                }
                for stat in stats {
                    if self.fits(Self::of(&figures, stat), column) {
                        let form = match op {
                            Op::Over => Form::Ratio,
                            Op::Part => Form::Share,
                            _ => Form::Figure(stat),
                        };
                        self.push(form, Some(column), preds);
                        break;
                    }
                }
            }
        }
    }

    /// "Coir, by 8.7 percentage points": how far two names of a column lie apart in the rate that the goal asks for.
    pub(super) fn rates_apart(&mut self) {
        let share = self.number.unit.as_ref().is_some_and(Unit::is_share);
        if !share || !self.scope.asked_share {
            return;
        }
        let rates: Vec<usize> = self
            .grid
            .derived_of(&self.scope.measures)
            .filter(|(_, derived)| derived.op == Op::Over && derived.within)
            .map(|(column, _)| column)
            .collect();
        let pairs = self
            .grid
            .groups()
            .filter(|column| self.grid.names(*column).len() == 2)
            .map(|column| [Pred::Is(column, 0), Pred::Is(column, 1)]);
        for [one, other] in pairs.collect::<Vec<_>>() {
            for &column in &rates {
                let rate = |pred: Pred| {
                    let figures = self.grid.figures(&[pred], column)?;
                    Some(Self::of(&figures, Stat::Mean))
                };
                let apart = rate(one).zip(rate(other)).map(|(one, other)| one - other);
                let apart = apart.and_then(|apart| self.in_unit(apart, column));
                if apart.is_some_and(|apart| self.number.is_size(apart)) {
                    return self.push(Form::Difference, Some(column), &[]);
                }
            }
        }
    }

    /// Whether the two quantities that one follows from share a word of their names.
    fn is_kin(&self, column: usize) -> bool {
        let Some(crate::column::Data::Derived(derived)) = self.grid.data(column) else {
            return true;
        };
        let stems = |column: usize| &self.grid.columns[column].stems;
        !stems(derived.one).is_disjoint(stems(derived.other))
    }

    /// Whether a share can be that of a quantity that follows from two. What is said to be a part of all is no part of something beside it: of
    /// 40 reduced and 60 full tickets the reduced are 40 % of all and not 67 %.
    fn may_be_whole(&self, column: usize, op: Op, named: &[usize]) -> bool {
        let Some(crate::column::Data::Derived(derived)) = self.grid.data(column) else {
            return true;
        };
        match op {
            Op::Part => self.scope.rate || self.scope.all,
            Op::Over if !derived.within => {
                !self.scope.all && (named.len() > 1 || !self.scope.asked_share)
            }
            _ => true,
        }
    }

    /// "The stock is worth 18,400": so many at so much each, where no word names the two.
    pub(super) fn worth(&mut self) {
        if !self.number.unit.as_ref().is_some_and(Unit::is_money) {
            return;
        }
        let measures: Vec<usize> = self.grid.measures().collect();
        let columns: Vec<usize> = self
            .grid
            .derived_of(&measures)
            .filter(|(_, derived)| derived.op == Op::Times)
            .map(|(column, _)| column)
            .collect();
        for preds in self.scope.preds.iter().take(ROWS) {
            for &column in &columns {
                let figures = self.grid.figures(preds, column);
                if figures.is_some_and(|figures| self.fits(figures.total, column)) {
                    return self.push(Form::Figure(Stat::Total), Some(column), preds);
                }
            }
        }
    }

    fn of_each(&self, preds: &[Pred], column: usize, measure: usize, stat: Stat) -> Vec<f64> {
        let codes = 0..u32::try_from(self.grid.names(column).len()).unwrap_or(0);
        let mut values: Vec<f64> = codes
            .take(60)
            .filter_map(|code| {
                let mut all = preds.to_vec();
                all.push(Pred::Is(column, code));
                all.sort_unstable();
                self.grid.figures(&all, measure)
            })
            .map(|figures| Self::of(&figures, stat))
            .collect();
        values.sort_by(f64::total_cmp);
        values
    }

    /// "Fulda and Kassel together".
    pub(super) fn together(&mut self) {
        self.all_of(self.scope.together.clone());
        let names = self.scope.together_of.clone();
        for set in 1u32..1 << names.len() {
            if set.count_ones() > 1 {
                let some = (0..names.len()).filter(|at| set >> at & 1 == 1);
                self.all_of(some.map(|at| names[at]).collect());
            }
        }
    }

    fn all_of(&mut self, together: Vec<Pred>) {
        if together.len() < 2 {
            return;
        }
        for &measure in &self.scope.measures {
            let totals: Vec<f64> = together
                .iter()
                .filter_map(|pred| self.grid.figures(&[*pred], measure))
                .map(|figures| figures.total)
                .collect();
            let sum: f64 = totals.iter().sum();
            let whole = self
                .grid
                .figures(&[], measure)
                .map_or(0.0, |figures| figures.total);
            let share = self.number.unit.as_ref().is_some_and(Unit::is_share);
            if self.fits(sum, measure)
                || (share && whole != 0.0 && self.number.is(100.0 * sum / whole))
            {
                self.push(Form::Figure(Stat::Total), Some(measure), &together);
            }
        }
        let rows: usize = together
            .iter()
            .map(|pred| self.grid.rows_of(&[*pred]).len())
            .sum();
        if self.number.unit.is_none() && self.scope.count && self.number.is(rows as f64) {
            self.push(Form::Count, None, &together);
        }
    }
}
