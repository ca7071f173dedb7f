//! Where a number could come from: every way in which a table gives figures, asked for the value that a text states.

mod several;

use crate::grid::{Grid, Pred};
use crate::numeral::Number;
use crate::unit::{Kind, Unit};

/// A figure over the values of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stat {
    Total,
    Mean,
    Median,
    Least,
    Greatest,
}

/// How a figure was come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Figure(Stat),
    Count,
    Distinct,
    Share,
    Change,
    Difference,
    Ratio,
    /// The goal gave it.
    Given,
    /// A document says it.
    Said,
    /// An executor signed it.
    Signed,
}

/// A way in which a number follows from what is known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Explanation {
    pub table: usize,
    pub form: Form,
    pub measure: Option<usize>,
    pub preds: Vec<Pred>,
}

impl Explanation {
    /// A way that no table knows of.
    pub(crate) fn bare(form: Form) -> Self {
        Self {
            table: usize::MAX,
            form,
            measure: None,
            preds: Vec::new(),
        }
    }

    /// A document says it, in this sentence.
    pub(crate) fn said(sentence: usize) -> Self {
        Self {
            measure: Some(sentence),
            ..Self::bare(Form::Said)
        }
    }
}

/// What a number is said to be of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    /// The rows it may be about, the likeliest first.
    pub preds: Vec<Vec<Pred>>,
    /// The figures it may be; empty when nothing says which.
    pub stats: Vec<Stat>,
    /// The columns it may be of.
    pub measures: Vec<usize>,
    /// Whether it may be a count of rows.
    pub count: bool,
    /// Whether rows are said to be counted.
    pub counted: bool,
    /// Whether it may be a part of a whole.
    pub share: bool,
    /// What the whole is of that it is a part of, where words say it: "of all Leith parcels".
    pub whole: Vec<Pred>,
    /// The quantities that it is said to be a part of, where it is one of quantities and not of rows: "66 % of the weight".
    pub parted: Vec<usize>,
    /// Whether it may be one figure over another.
    pub ratio: bool,
    /// Whether a part or a rate is named.
    pub rate: bool,
    /// Whether the clause speaks of all: "of all entries".
    pub all: bool,
    /// Whether the goal asks for a part of a whole.
    pub asked_share: bool,
    /// Whether it may be a difference.
    pub difference: bool,
    /// Whether it may be the least or the greatest of several.
    pub ends: bool,
    /// The columns that words speak of.
    pub columns: Vec<usize>,
    /// Whether lengths of time are counted: days, months.
    pub times: bool,
    /// The units that the goal names.
    pub units: Vec<Unit>,
    /// Whether something is first or last among others.
    pub extreme: bool,
    /// What is compared with what, the earlier first.
    pub pairs: Vec<(Pred, Pred)>,
    /// Names that are taken together.
    pub together: Vec<Pred>,
    /// Names that the goal speaks of, of which some may be taken together.
    pub together_of: Vec<Pred>,
    /// The names and times of its sentence.
    pub named: Vec<Pred>,
    /// Whether it may be said of each of several names.
    pub each: bool,
    /// Whether it is what something came from.
    pub from: bool,
    /// Whether it is what something came to.
    pub to: bool,
    /// Whether it may be what others leave.
    pub rest: bool,
    /// Whether it goes up (1) or down (-1).
    pub sign: Option<f64>,
}

/// Ways to explain one number that are looked for at most.
const ENOUGH: usize = 12;
/// Sets of rows for which what follows from two columns is looked for.
const ROWS: usize = 4;

pub(crate) struct Explainer<'a> {
    pub grid: &'a Grid,
    pub table: usize,
    pub number: &'a Number,
    pub scope: &'a Scope,
    found: Vec<Explanation>,
    instead: Vec<(String, f64)>,
}

/// What came of looking.
pub(crate) struct Explained {
    pub found: Vec<Explanation>,
    /// What figures of the same description are, for people.
    pub instead: Vec<(String, f64)>,
}

impl<'a> Explainer<'a> {
    pub(crate) fn new(grid: &'a Grid, table: usize, number: &'a Number, scope: &'a Scope) -> Self {
        Self {
            grid,
            table,
            number,
            scope,
            found: Vec::new(),
            instead: Vec::new(),
        }
    }

    /// Looks in every way.
    pub(crate) fn run(mut self) -> Explained {
        for preds in &self.scope.preds {
            if self.grid.rows_of(preds).is_empty() {
                continue;
            }
            self.figures(preds);
            self.counts(preds);
            self.shares(preds);
            self.changes(preds);
            self.ratios(preds);
            self.extremes(preds);
            if self.found.len() >= ENOUGH {
                break;
            }
        }
        self.together();
        self.rest();
        if self.scope.each {
            self.each();
        }
        if self.found.is_empty() {
            self.derived();
        }
        if self.found.is_empty() {
            self.worth();
        }
        if self.found.is_empty() {
            self.rates_apart();
        }
        Explained {
            found: self.found,
            instead: self.instead,
        }
    }

    fn push(&mut self, form: Form, measure: Option<usize>, preds: &[Pred]) {
        if self.found.len() < ENOUGH {
            self.found.push(Explanation {
                table: self.table,
                form,
                measure,
                preds: preds.to_vec(),
            });
        }
    }

    /// The figures that a number may be: those that words name; else a total, and what a number of its form is not by accident.
    fn stats(&self) -> &[Stat] {
        const USUAL: [Stat; 4] = [Stat::Total, Stat::Mean, Stat::Greatest, Stat::Least];
        if !self.scope.stats.is_empty() {
            return &self.scope.stats;
        }
        let telling = self.number.unit.is_some() || self.number.is_precise();
        match (self.scope.ends, telling) {
            (true, _) => &USUAL,
            (false, true) => &USUAL[..2],
            (false, false) => &USUAL[..1],
        }
    }

    /// Whether a value of a column is the number, in the number's unit.
    fn fits(&self, value: f64, measure: usize) -> bool {
        let own = self.grid.columns[measure].unit.as_ref();
        match (&self.number.unit, own) {
            (None, _) => self.number.is(value),
            (Some(unit), Some(own)) => own
                .convert(value, unit)
                .is_some_and(|value| self.number.is(value)),
            // A column that gives no unit is of the one that the goal names, else of any that is not a part of a whole.
            (Some(unit), None) => match self.asked(unit) {
                Some(asked) => asked
                    .convert(value, unit)
                    .is_some_and(|value| self.number.is(value)),
                None => self.plain(unit) && self.number.is(value),
            },
        }
    }

    /// The unit that the goal names of the kind of this one.
    fn asked(&self, unit: &Unit) -> Option<&Unit> {
        let mut units = self.scope.units.iter();
        units.find(|asked| asked.kind == unit.kind && !asked.is_share())
    }

    /// Whether the number's unit can be that of a column without one.
    fn plain(&self, unit: &Unit) -> bool {
        match &unit.kind {
            Kind::Share => false,
            // Where the table names a currency somewhere, another column's amounts are not of a foreign one.
            Kind::Money(code) => self.grid.columns.iter().all(|column| {
                match column.unit.as_ref().map(|unit| &unit.kind) {
                    Some(Kind::Money(own)) => own == code,
                    _ => true,
                }
            }),
            _ => true,
        }
    }

    fn of(figures: &crate::grid::Figures, stat: Stat) -> f64 {
        match stat {
            Stat::Total => figures.total,
            Stat::Mean => figures.mean,
            Stat::Median => figures.median,
            Stat::Least => figures.least,
            Stat::Greatest => figures.greatest,
        }
    }

    fn figures(&mut self, preds: &[Pred]) {
        for &measure in &self.scope.measures {
            let Some(figures) = self.grid.figures(preds, measure) else {
                continue;
            };
            for stat in self.stats().to_vec() {
                let value = Self::of(&figures, stat);
                if self.fits(value, measure) {
                    self.push(Form::Figure(stat), Some(measure), preds);
                } else if self.instead.len() < 3 {
                    self.instead
                        .push((self.called(stat, measure, preds), value));
                }
            }
        }
    }

    fn called(&self, stat: Stat, measure: usize, preds: &[Pred]) -> String {
        let stat = match stat {
            Stat::Total => "total",
            Stat::Mean => "mean",
            Stat::Median => "median",
            Stat::Least => "least",
            Stat::Greatest => "greatest",
        };
        let mut said = format!(
            "{}: {stat} of {}",
            self.grid.name, self.grid.columns[measure].name
        );
        for pred in preds {
            said.push_str(", ");
            said.push_str(&self.grid.shown(pred));
        }
        said
    }

    fn counts(&mut self, preds: &[Pred]) {
        let unit = self.number.unit.as_ref().map(|unit| &unit.kind);
        let counted = self.grid.counted(preds);
        if let Some(Kind::Time | Kind::Calendar) | None = unit {
            let mut spans = counted.spans.iter().filter(|count| **count > 1);
            let timed = unit.is_some() || self.scope.times;
            // Where each row is of a day or a week, so many rows are so many of them, be it that some day has two.
            let rows = unit.is_some() && counted.rows > 1 && self.number.is(counted.rows as f64);
            if timed && (rows || spans.any(|count| self.number.is(*count as f64))) {
                self.push(Form::Distinct, None, preds);
            }
        }
        if unit.is_some() || !self.scope.count {
            return;
        }
        if self.number.is(counted.rows as f64) {
            self.push(Form::Count, None, preds);
        } else if self.scope.counted && self.instead.len() < 3 {
            let shown: Vec<String> = preds.iter().map(|pred| self.grid.shown(pred)).collect();
            self.instead.push((
                format!("number of rows, {}", shown.join(", ")),
                counted.rows as f64,
            ));
        }
        if counted.names.iter().any(|(column, count)| {
            self.scope.columns.contains(column) && self.number.is(*count as f64)
        }) {
            self.push(Form::Distinct, None, preds);
        }
    }

    fn shares(&mut self, preds: &[Pred]) {
        let share = self.number.unit.as_ref().is_some_and(Unit::is_share);
        if !share || !self.scope.share || preds.is_empty() {
            return;
        }
        // A part of everything, and of what is left when one condition falls.
        let mut wholes: Vec<Vec<Pred>> = vec![Vec::new()];
        if preds.len() > 1 {
            for skipped in 0..preds.len() {
                let rest = preds.iter().enumerate().filter(|(at, _)| *at != skipped);
                wholes.push(rest.map(|(_, pred)| *pred).collect());
            }
        }
        if self.scope.whole.iter().all(|pred| preds.contains(pred)) {
            let told = |whole: &Vec<Pred>| self.scope.whole.iter().all(|own| whole.contains(own));
            wholes.retain(told);
        }
        let part = self.grid.rows_of(preds).len() as f64;
        for whole in &wholes {
            let all = self.grid.rows_of(whole).len() as f64;
            let of_rows = self.scope.parted.is_empty();
            if of_rows && all > 0.0 && self.number.is(100.0 * part / all) {
                self.push(Form::Share, None, preds);
            }
            let measures = match of_rows {
                true => &self.scope.measures,
                false => &self.scope.parted,
            };
            for &measure in measures {
                let (Some(part), Some(all)) = (
                    self.grid.figures(preds, measure),
                    self.grid.figures(whole, measure),
                ) else {
                    continue;
                };
                if all.total != 0.0 && self.number.is(100.0 * part.total / all.total) {
                    self.push(Form::Share, Some(measure), preds);
                } else if self.instead.len() < 3 && all.total != 0.0 {
                    let said = format!("share in the {}", self.called(Stat::Total, measure, preds));
                    self.instead.push((said, 100.0 * part.total / all.total));
                }
            }
        }
    }

    /// Whether a change is the number with the direction that is said.
    fn goes(&self, change: f64) -> bool {
        match (self.number.signed, self.scope.sign) {
            (true, _) => self.number.is(change),
            (false, Some(sign)) => change * sign >= 0.0 && self.number.is_size(change.abs()),
            (false, None) => self.number.is_size(change),
        }
    }

    fn changes(&mut self, preds: &[Pred]) {
        let share = self.number.unit.as_ref().is_some_and(Unit::is_share);
        for (from, to) in self.scope.pairs.clone() {
            let with = |pred: Pred| {
                let mut all: Vec<Pred> = preds
                    .iter()
                    .copied()
                    .filter(|other| !same_column(other, &pred))
                    .collect();
                all.push(pred);
                all.sort_unstable();
                all
            };
            let (before, after) = (with(from), with(to));
            let mut figures: Vec<(Option<usize>, Stat, f64, f64)> = Vec::new();
            for &measure in &self.scope.measures {
                if let (Some(a), Some(b)) = (
                    self.grid.figures(&before, measure),
                    self.grid.figures(&after, measure),
                ) {
                    for stat in [Stat::Total, Stat::Mean, Stat::Greatest, Stat::Least] {
                        if self.scope.stats.is_empty() && matches!(stat, Stat::Total | Stat::Mean)
                            || self.scope.stats.contains(&stat)
                        {
                            figures.push((
                                Some(measure),
                                stat,
                                Self::of(&a, stat),
                                Self::of(&b, stat),
                            ));
                        }
                    }
                }
            }
            let rows = |preds: &[Pred]| self.grid.rows_of(preds).len() as f64;
            figures.push((None, Stat::Total, rows(&before), rows(&after)));
            for (measure, stat, a, b) in figures {
                if share && a != 0.0 && self.goes(100.0 * (b - a) / a.abs()) {
                    self.push(Form::Change, measure, &after);
                }
                if !share
                    || measure.is_some_and(|measure| {
                        self.grid.columns[measure]
                            .unit
                            .as_ref()
                            .is_some_and(Unit::is_share)
                    })
                {
                    // "It fell from 16 to 14": the first is that of the time before.
                    let stretch = matches!(from, Pred::Within(..));
                    if (self.scope.from || stretch)
                        && let Some(measure) = measure
                        && self.fits(a, measure)
                    {
                        self.push(Form::Figure(stat), Some(measure), &before);
                    }
                    if (self.scope.to || stretch)
                        && let Some(measure) = measure
                        && self.fits(b, measure)
                    {
                        self.push(Form::Figure(stat), Some(measure), &after);
                    }
                    let fits = match measure {
                        Some(measure) => self
                            .in_unit(b - a, measure)
                            .is_some_and(|change| self.goes(change)),
                        None => self.number.unit.is_none() && self.goes(b - a),
                    };
                    if fits {
                        self.push(Form::Difference, measure, &after);
                    }
                }
                // "Barely a third of July's": a part of the other one, and no change.
                let part = share && self.scope.sign.is_none() && a != 0.0 && b != 0.0;
                if part && (self.number.is(100.0 * b / a) || self.number.is(100.0 * a / b)) {
                    self.push(Form::Ratio, measure, &after);
                }
                if self.number.unit.is_none()
                    && (self.number.times || self.scope.ratio)
                    && a != 0.0
                    && b != 0.0
                    && (self.number.is(b / a) || self.number.is(a / b))
                {
                    self.push(Form::Ratio, measure, &after);
                }
                if share && self.instead.len() < 3 && a != 0.0 && measure.is_some() {
                    self.instead
                        .push(("change in percent".to_owned(), 100.0 * (b - a) / a.abs()));
                }
            }
        }
    }

    fn in_unit(&self, value: f64, measure: usize) -> Option<f64> {
        match (&self.number.unit, &self.grid.columns[measure].unit) {
            (Some(unit), Some(own)) if unit.kind == own.kind => own.convert(value, unit),
            // "Two degrees more": a difference has no zero to start from.
            (Some(unit), Some(own))
                if unit.kind == Kind::Degree
                    && matches!(own.kind, Kind::Celsius | Kind::Fahrenheit) =>
            {
                Some(value)
            }
            (Some(unit), None) => match self.asked(unit) {
                Some(asked) => asked.convert(value, unit),
                None => self.plain(unit).then_some(value),
            },
            (None, _) => Some(value),
            _ => None,
        }
    }

    fn ratios(&mut self, preds: &[Pred]) {
        let share = self.number.unit.as_ref().is_some_and(Unit::is_share);
        if share || !self.scope.ratio {
            return;
        }
        let counted = self.grid.counted(preds);
        for &one in &self.scope.measures {
            let Some(over) = self.grid.figures(preds, one).map(|figures| figures.total) else {
                continue;
            };
            let under: Vec<f64> = std::iter::once(counted.rows)
                .chain(counted.names.iter().map(|(_, count)| *count))
                .chain(counted.spans.iter().copied())
                .map(|count| count as f64)
                .collect();
            let fits = under.iter().any(|under| {
                // Over one it is no mean but the total itself.
                *under > 1.0
                    && self
                        .in_unit(over / under, one)
                        .is_some_and(|value| self.number.is(value))
            });
            if fits {
                self.push(Form::Ratio, Some(one), preds);
            }
        }
    }
}

/// Whether two conditions are on the same column.
pub(crate) fn same_column(one: &Pred, other: &Pred) -> bool {
    match (one, other) {
        (Pred::At(a, _) | Pred::Within(a, ..), Pred::At(b, _) | Pred::Within(b, ..))
        | (Pred::Is(a, _), Pred::Is(b, _))
        | (Pred::Flag(a, _), Pred::Flag(b, _)) => a == b,
        _ => false,
    }
}
