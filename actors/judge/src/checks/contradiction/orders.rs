//! In which orders the names and times of a table stand: by each figure that words allow.

use std::collections::{BTreeMap, BTreeSet};

use aios_languages::{Sense, Tag, Tagged};

use crate::column::Data;
use crate::conditions::mentioned;
use crate::derived::Op;
use crate::explain::{Explanation, Form, Stat, same_column};
use crate::grid::{Figures, Grid, Pred};
use crate::moment::Moment;
use crate::reading::Reading;
use crate::scope::entities;
use crate::text::Text;
use crate::unit::Unit;

use super::meant::Meant;

/// By what something is first, more or less than another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum By {
    /// A figure of a column.
    Figure(usize, Stat),
    /// How many rows there are.
    Count,
    /// How a figure of a column changed from the time before; of nothing but times.
    Change(usize),
    /// The same in percent.
    Growth(usize),
}

/// An order: each of a kind with its figure.
pub(super) struct Order(Vec<(Pred, f64)>);

impl Order {
    /// Whether one stands at this place from the top or from the bottom; who is level with it shares the place.
    pub(super) fn holds(&self, pred: Pred, highest: bool, place: usize) -> bool {
        let Some(own) = self.of(pred) else {
            return false;
        };
        let dust = own.abs() * 1e-9;
        let before = |value: f64| match highest {
            true => value > own + dust,
            false => value < own - dust,
        };
        let level = |value: f64| (value - own).abs() <= dust;
        // Where all are level nobody is first.
        if self.0.len() > 1 && self.0.iter().all(|(_, value)| level(*value)) {
            return false;
        }
        let ahead = self.0.iter().filter(|(_, value)| before(*value)).count();
        let shared = self.0.iter().filter(|(_, value)| level(*value)).count();
        (ahead + 1..=ahead + shared).contains(&place)
    }

    /// Who stands at a place.
    pub(super) fn at(&self, highest: bool, place: usize) -> impl Iterator<Item = Pred> + '_ {
        let all = self.0.iter().map(|(pred, _)| *pred);
        all.filter(move |pred| self.holds(*pred, highest, place))
    }

    /// The same by how far each fell.
    pub(super) fn turned(self) -> Self {
        Self(
            self.0
                .into_iter()
                .map(|(pred, value)| (pred, -value))
                .collect(),
        )
    }

    /// Each with the figure that is given.
    pub(super) fn by(values: Vec<(Pred, f64)>) -> Self {
        Self(values)
    }

    /// Leaves only some of them.
    pub(super) fn keep(&mut self, some: &[Pred]) {
        self.0.retain(|(pred, _)| some.contains(pred));
    }

    /// The figure of one of them, be it that a text names less of its time than the order does.
    pub(super) fn near(&self, pred: Pred) -> Option<f64> {
        let meets = |other: &Pred| match (&pred, other) {
            (Pred::At(one, own), Pred::At(column, moment)) => {
                one == column && (own.holds(moment) || moment.holds(own))
            }
            _ => *other == pred,
        };
        let found = self.0.iter().find(|(other, _)| meets(other));
        found.map(|(_, value)| *value)
    }

    /// The figure of one of them.
    pub(super) fn of(&self, pred: Pred) -> Option<f64> {
        let found = self.0.iter().find(|(other, _)| *other == pred);
        found.map(|(_, value)| *value)
    }
}

/// Of which column a figure is, and whether it may be a total, a mean or both.
type Sums = (Option<usize>, BTreeSet<bool>);

/// What the answer's own figures say of the names and times of each column, gathered once.
#[derive(Default)]
pub(super) struct Given {
    /// For each column: whether its figures are totals, means or both, claim by claim.
    sums: BTreeMap<usize, Vec<Sums>>,
    /// For each column, quantity, and whether it is a total: the names of which it is given.
    names: BTreeMap<(usize, usize, bool), BTreeSet<Pred>>,
    /// For each column: of which names the least or greatest is given, and in which pieces.
    extremes: BTreeMap<usize, (BTreeSet<Pred>, BTreeSet<usize>)>,
}

impl Given {
    pub(super) fn of(reading: &Reading<'_>) -> Self {
        let mut given = Self::default();
        for claim in &reading.claims {
            let mut sums: BTreeMap<(usize, Option<usize>), BTreeSet<bool>> = BTreeMap::new();
            let plain =
                |found: &&Explanation| matches!(found.form, Form::Figure(Stat::Total | Stat::Mean));
            // Of one row the greatest is its total too: that is no figure of an extreme.
            let several = claim.found.iter().any(|found| plain(&found));
            for found in &claim.found {
                let sum = match found.form {
                    Form::Figure(Stat::Total) => Some(true),
                    Form::Figure(Stat::Mean) => Some(false),
                    // One quantity over another has neither, and is ranked as its total is.
                    Form::Ratio if is_derived(reading, found) => Some(true),
                    _ => None,
                };
                let extreme = matches!(found.form, Form::Figure(Stat::Greatest | Stat::Least));
                for pred in &found.preds {
                    let Some(column) = column_of(pred) else {
                        continue;
                    };
                    if let Some(sum) = sum {
                        sums.entry((column, found.measure)).or_default().insert(sum);
                        if let (Some(measure), 1) = (found.measure, found.preds.len()) {
                            let names = given.names.entry((column, measure, sum)).or_default();
                            names.insert(*pred);
                        }
                    }
                    if extreme && !several {
                        let (names, pieces) = given.extremes.entry(column).or_default();
                        names.insert(*pred);
                        pieces.insert(claim.piece);
                    }
                }
            }
            for ((column, measure), kinds) in sums {
                given.sums.entry(column).or_default().push((measure, kinds));
            }
        }
        given
    }

    /// "The highest reading of each room": such a figure is given for several, so none of them is called first among all.
    pub(super) fn lists(&self, piece: usize, pred: &Pred) -> bool {
        let found = column_of(pred).and_then(|column| self.extremes.get(&column));
        found.is_some_and(|(names, pieces)| names.len() > 1 && pieces.contains(&piece))
    }

    /// By what the answer itself lists all names of a column, where it is one quantity.
    pub(super) fn listed(&self, pred: &Pred, grid: &Grid) -> Vec<By> {
        let Pred::Is(column, _) = pred else {
            return Vec::new();
        };
        let all = grid.names(*column).len();
        let mut full = self
            .names
            .iter()
            .filter(|((own, ..), names)| own == column && all > 1 && names.len() == all)
            .map(|((_, measure, sum), _)| (*measure, *sum));
        let found: Vec<(usize, bool)> = full.by_ref().collect();
        let measures: BTreeSet<usize> = found.iter().map(|(measure, _)| *measure).collect();
        if measures.len() != 1 {
            return Vec::new();
        }
        let stat = |sum: bool| if sum { Stat::Total } else { Stat::Mean };
        let ways = found.into_iter();
        ways.map(|(measure, sum)| By::Figure(measure, stat(sum)))
            .collect()
    }

    /// Whether all figures of a column's like are totals, or all are means.
    fn kind(&self, pred: &Pred, measures: &[usize]) -> Option<Stat> {
        let all = self.sums.get(&column_of(pred)?)?;
        let of_these: Vec<&BTreeSet<bool>> = all
            .iter()
            .filter(|(measure, _)| measure.is_some_and(|measure| measures.contains(&measure)))
            .map(|(_, kinds)| kinds)
            .collect();
        [(true, Stat::Total), (false, Stat::Mean)]
            .into_iter()
            .find(|(sum, _)| of_these.len() > 1 && of_these.iter().all(|kinds| kinds.contains(sum)))
            .map(|(_, stat)| stat)
    }
}

/// Whether a figure is of a quantity that follows from two others.
fn is_derived(reading: &Reading<'_>, found: &Explanation) -> bool {
    let grid = reading.ground.grids.get(found.table);
    let data = grid.zip(found.measure);
    data.is_some_and(|(grid, measure)| matches!(grid.data(measure), Some(Data::Derived(_))))
}

/// The column that a condition is on, where its like can be put in order.
fn column_of(pred: &Pred) -> Option<usize> {
    match pred {
        Pred::Is(column, _) | Pred::At(column, _) => Some(*column),
        _ => None,
    }
}

/// The columns that a piece may rank by, and whether the piece itself or what stands over it names them.
pub(super) fn measures(reading: &Reading<'_>, piece: usize, grid: &Grid) -> (Vec<usize>, bool) {
    let place = reading.place(piece);
    let quantities: Vec<usize> = grid.measures().chain(grid.flags()).collect();
    let sources = std::iter::once(place.text)
        .chain(place.labels)
        .chain(place.before);
    for text in sources {
        let named: Vec<usize> = mentioned(text, grid)
            .into_iter()
            .filter(|column| quantities.contains(column))
            .collect();
        if !named.is_empty() {
            return (named, true);
        }
    }
    let by_figure: Vec<usize> = reading
        .claims_at(piece)
        .iter()
        .flat_map(|claim| claim.found.iter().filter_map(|found| found.measure))
        .filter(|measure| quantities.contains(measure))
        .collect();
    if !by_figure.is_empty() {
        return (by_figure, true);
    }
    let named: Vec<usize> = mentioned(&reading.ground.asked.text, grid)
        .into_iter()
        .filter(|column| quantities.contains(column))
        .collect();
    match named.is_empty() {
        true => (quantities, false),
        false => (named, true),
    }
}

/// By what a name can be put in order with its like, as a piece says it.
///
///
/// `extreme` is the side that is claimed, if a rank is, and `meant` how surely the words mean the figure that stands beside them.
pub(super) fn ways(
    reading: &Reading<'_>,
    piece: usize,
    pred: &Pred,
    grid: &Grid,
    given: &Given,
    meant: Meant,
    extreme: Option<bool>,
) -> Vec<By> {
    // The figure that stands with the name says by what.
    let own: Vec<By> = reading
        .claims_at(piece)
        .iter()
        .flat_map(|claim| &claim.found)
        .filter(|found| found.preds.contains(pred))
        .filter_map(|found| match (found.form, found.measure) {
            (Form::Figure(stat), Some(measure)) => Some(By::Figure(measure, stat)),
            (Form::Share, Some(measure)) => Some(By::Figure(measure, Stat::Total)),
            (Form::Ratio, Some(measure))
                if matches!(grid.data(measure), Some(Data::Derived(_))) =>
            {
                Some(By::Figure(measure, Stat::Total))
            }
            (Form::Count, _) | (Form::Share, None) => Some(By::Count),
            _ => None,
        })
        .collect();
    let given_by: BTreeSet<usize> = own
        .iter()
        .filter_map(|by| match by {
            By::Figure(measure, _) => Some(*measure),
            _ => None,
        })
        .collect();
    if meant == Meant::Figure && !own.is_empty() {
        return own;
    }
    let text = &reading.texts[piece];
    let quantities: Vec<usize> = grid.measures().collect();
    let in_text = mentioned(text, grid)
        .into_iter()
        .any(|column| quantities.contains(&column));
    // Who is in front is so by the figures that the answer gives of all.
    let listed = given.listed(pred, grid);
    let own_list = own.is_empty() || own.iter().any(|by| listed.contains(by));
    // So is who is called the lowest of figures that no word names.
    let valued = text.has(Sense::Valued) || meant == Meant::Figure;
    let bare = valued && own.is_empty();
    if (meant == Meant::Lead || bare) && !in_text && own_list && !listed.is_empty() {
        return listed;
    }
    let meant = match meant {
        Meant::Lead => Meant::Quality,
        meant => meant,
    };
    let labels = reading.labels(piece);
    let has = |sense| text.has(sense) || labels.iter().take(1).any(|label| label.has(sense));
    let (measures, named) = match &meant {
        Meant::Named(columns) => (columns.clone(), true),
        _ => measures(reading, piece, grid),
    };
    // "The Depot, with 27 sessions": where no word names a quantity, the count that stands with a name says by what.
    if !named && !own.is_empty() && own.iter().all(|by| *by == By::Count) {
        return own;
    }
    let stats: Vec<Stat> = match (has(Sense::Total), has(Sense::Mean), has(Sense::Median)) {
        (true, false, _) => vec![Stat::Total],
        (_, true, _) => vec![Stat::Mean],
        (_, _, true) => vec![Stat::Median],
        _ => usual(reading, piece, pred, grid, &measures, given, extreme),
    };
    let counted = has(Sense::Count) && !in_text;
    let mut out = match &meant {
        Meant::Named(columns) => own
            .into_iter()
            .filter(|by| matches!(by, By::Figure(measure, _) if columns.contains(measure)))
            .collect(),
        _ => own,
    };
    if !counted {
        for &measure in &measures {
            out.extend(stats.iter().map(|stat| By::Figure(measure, *stat)));
        }
        if meant == Meant::Quality {
            let rated = !given_by.is_empty() && is_rated(text);
            let several = given_by.len() > 1;
            let bare = given_by.is_empty() && !in_text;
            for (column, derived) in grid.derived_of(&measures) {
                let of = |column: &usize| derived.is_of(*column);
                let fits = match (several, rated, bare) {
                    (true, ..) => {
                        given_by.contains(&derived.one) && given_by.contains(&derived.other)
                    }
                    (_, true, _) => given_by.iter().any(of),
                    (_, _, bare) => bare && (derived.op == Op::And || named),
                };
                out.extend(fits.then_some(By::Figure(column, Stat::Total)));
            }
        }
    }
    if counted || !named || measures.is_empty() {
        out.push(By::Count);
    }
    out.sort_unstable();
    out.dedup();
    out
}

/// Whether a text speaks of one figure over another: a share, so much per unit, "out of 32".
fn is_rated(text: &Text) -> bool {
    [Sense::Ratio, Sense::Per]
        .into_iter()
        .any(|sense| text.has(sense))
        || text.numbers.iter().any(|number| {
            let next = text.words.partition_point(|word| word.start < number.start);
            let of = |tag: &Tagged| tag.tag == Tag::Sense(Sense::Of) && tag.to == next;
            number.unit.as_ref().is_some_and(Unit::is_share) || text.tags.iter().any(of)
        })
}

/// By which figures something is first where no word says it: by those that the answer gives of its like, else by those that the goal asks
/// for, else by any.
fn usual(
    reading: &Reading<'_>,
    piece: usize,
    pred: &Pred,
    grid: &Grid,
    measures: &[usize],
    given: &Given,
    extreme: Option<bool>,
) -> Vec<Stat> {
    // A name alone is first of its like by what all of its rows say together.
    let alone = reading.claims.is_empty() && super::rank::ranks(&reading.texts[piece]).is_empty();
    let end = extreme.filter(|_| !alone).map(|highest| match highest {
        true => Stat::Greatest,
        false => Stat::Least,
    });
    if alone && measures.iter().all(|measure| is_level(grid, *measure)) {
        return vec![Stat::Mean];
    }
    // "The highest reading was 11.7": its figure is that of one row.
    let single = end.filter(|end| {
        let mut found = reading
            .claims_at(piece)
            .iter()
            .flat_map(|claim| &claim.found);
        found.any(|found| found.form == Form::Figure(*end))
    });
    if let Some(stat) = given.kind(pred, measures) {
        return std::iter::once(stat).chain(single).collect();
    }
    let asked = &reading.ground.asked.text;
    // Who is worst, or who has less than nobody, is so by all of its rows.
    let text = &reading.texts[piece];
    let whole = text.has(Sense::Valued) || text.has(Sense::Than);
    match (asked.has(Sense::Total), asked.has(Sense::Mean)) {
        (true, false) if single.is_none() => vec![Stat::Total],
        // Who sold the most sold it in all, and not in one go.
        _ if single.is_none() && measures.iter().all(|measure| adds_up(grid, *measure)) => {
            vec![Stat::Total, Stat::Mean]
        }
        _ => [Stat::Total, Stat::Mean]
            .into_iter()
            .chain(end.filter(|_| !whole || single.is_some()))
            .collect(),
    }
}

/// The orders of a name's like by one figure: among all, among the rows that the piece speaks of, among those that the goal asks about.
pub(super) fn orders(
    reading: &Reading<'_>,
    piece: usize,
    pred: &Pred,
    by: By,
    grid: &Grid,
) -> Vec<Order> {
    let others = alternatives(grid, pred);
    let beside: Vec<Pred> = entities(&reading.texts[piece], 0, grid)
        .iter()
        .map(|entity| entity.pred)
        .filter(|other| !same_column(other, pred))
        .collect();
    let goal: Vec<Pred> = reading.ground.asked.conditions(0, grid);
    let asked = entities(&reading.ground.asked.text, 0, grid);
    let alone = asked.iter().map(|entity| entity.pred).filter(|own| {
        let mut alike = asked.iter().filter(|other| same_column(&other.pred, own));
        !same_column(own, pred) && alike.all(|other| other.pred == *own)
    });
    let about: Vec<Pred> = goal.iter().copied().chain(alone).collect();
    let mut sets = vec![Vec::new()];
    for set in [beside, goal, about] {
        if !set.is_empty() && !sets.contains(&set) {
            sets.push(set);
        }
    }
    let order = |conditions: &Vec<Pred>| {
        let with = |pred: Pred| {
            let mut all = conditions.clone();
            all.push(pred);
            all.sort_unstable();
            all.dedup();
            all
        };
        let value = |pred: Pred| match by {
            By::Figure(measure, stat) => figure(grid, &with(pred), measure, stat),
            By::Change(measure) | By::Growth(measure) => {
                figure(grid, &with(pred), measure, Stat::Total)
            }
            By::Count => Some(grid.rows_of(&with(pred)).len() as f64),
        };
        let values: Vec<(Pred, f64)> = others
            .iter()
            .filter_map(|pred| Some((*pred, value(*pred)?)))
            .collect();
        Order(match by {
            By::Change(_) => values
                .windows(2)
                .map(|two| (two[1].0, two[1].1 - two[0].1))
                .collect(),
            By::Growth(_) => values
                .windows(2)
                .filter(|two| two[0].1 != 0.0)
                .map(|two| (two[1].0, (two[1].1 - two[0].1) / two[0].1.abs()))
                .collect(),
            _ => values,
        })
    };
    sets.iter().map(order).collect()
}

/// A figure of a column in the rows that fit.
pub(super) fn figure(grid: &Grid, preds: &[Pred], measure: usize, stat: Stat) -> Option<f64> {
    grid.figures(preds, measure)
        .map(|figures| of(&figures, stat))
}

fn of(figures: &Figures, stat: Stat) -> f64 {
    match stat {
        Stat::Total => figures.total,
        Stat::Mean => figures.mean,
        Stat::Median => figures.median,
        Stat::Least => figures.least,
        Stat::Greatest => figures.greatest,
    }
}

/// Whether a quantity is one of which there is more in all the more rows there are: pieces, takings, and no temperature.
fn adds_up(grid: &Grid, measure: usize) -> bool {
    let has = |concept: &&str| {
        let concept = aios_languages::concept_number(concept);
        grid.is_about(measure, concept)
    };
    let whole = [
        "revenue", "quantity", "profit", "person", "order", "energy", "water", "return",
    ];
    let single = [
        "price",
        "rating",
        "age",
        "temperature",
        "humidity",
        "speed",
        "duration",
        "distance",
    ];
    whole.iter().any(has) && !single.iter().any(has)
}

/// Whether a quantity is one that is read and not summed.
pub(super) fn is_level(grid: &Grid, measure: usize) -> bool {
    ["temperature", "humidity", "speed", "rating", "age"]
        .into_iter()
        .map(aios_languages::concept_number)
        .any(|concept| grid.is_about(measure, concept))
}

/// Whether less of a quantity is better.
pub(super) fn unwelcome(grid: &Grid, measure: usize) -> bool {
    ["late", "error", "duration", "price", "energy"]
        .into_iter()
        .any(|concept| {
            let concept = aios_languages::concept_number(concept);
            grid.is_about(measure, concept)
        })
}

/// Whether more of a quantity is surely better: what is earned, or how well something was rated.
pub(super) fn is_welcome(grid: &Grid, measure: usize) -> bool {
    ["revenue", "profit", "rating"].into_iter().any(|concept| {
        let concept = aios_languages::concept_number(concept);
        grid.is_about(measure, concept)
    })
}

/// Whether a quantity is one of faults: what nobody wants more of.
pub(super) fn is_a_fault(grid: &Grid, measure: usize) -> bool {
    ["late", "error"].into_iter().any(|concept| {
        let concept = aios_languages::concept_number(concept);
        grid.is_about(measure, concept)
    })
}

/// Whether rows can be grouped by what a condition is on.
pub(super) fn groupable(grid: &Grid, pred: &Pred) -> bool {
    match pred {
        Pred::Is(column, _) => grid.names(*column).len() > 1,
        Pred::At(column, moment) => {
            matches!(grid.columns[*column].data, Data::Times(_))
                && (moment.month.is_some()
                    || moment.quarter.is_some()
                    || moment.year.is_some()
                    || moment.weekday.is_some())
        }
        _ => false,
    }
}

/// Everything that stands beside a name or time as its like.
pub(super) fn alternatives(grid: &Grid, pred: &Pred) -> Vec<Pred> {
    match *pred {
        Pred::Is(column, _) => {
            let names = u32::try_from(grid.names(column).len().min(2_000)).unwrap_or(0);
            (0..names).map(|code| Pred::Is(column, code)).collect()
        }
        Pred::At(column, moment) => {
            let of: fn(&Moment) -> Moment = match moment {
                Moment {
                    day: Some(_),
                    year: None,
                    ..
                } => |time| Moment {
                    month: time.month,
                    day: time.day,
                    ..Moment::default()
                },
                Moment { day: Some(_), .. } => |time| Moment {
                    year: time.year,
                    month: time.month,
                    day: time.day,
                    ..Moment::default()
                },
                Moment {
                    month: Some(_),
                    year: None,
                    ..
                } => |time| Moment {
                    month: time.month,
                    ..Moment::default()
                },
                Moment { month: Some(_), .. } => |time| Moment {
                    year: time.year,
                    month: time.month,
                    ..Moment::default()
                },
                Moment {
                    quarter: Some(_),
                    year: None,
                    ..
                } => |time| Moment {
                    quarter: time.quarter,
                    ..Moment::default()
                },
                Moment {
                    quarter: Some(_), ..
                } => |time| Moment {
                    year: time.year,
                    quarter: time.quarter,
                    ..Moment::default()
                },
                Moment {
                    weekday: Some(_), ..
                } => |time| Moment {
                    weekday: time.weekday,
                    ..Moment::default()
                },
                _ => |time| Moment {
                    year: time.year,
                    ..Moment::default()
                },
            };
            grid.periods(column, of)
                .into_iter()
                .map(|time| Pred::At(column, time))
                .collect()
        }
        _ => Vec::new(),
    }
}
