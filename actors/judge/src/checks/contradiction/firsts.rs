//! What is called highest or lowest is so.

use std::collections::{BTreeMap, BTreeSet};

use aios_languages::Sense;
use aios_work::{Category, Severity};

use super::{Finding, at};
use crate::explain::{Form, Stat, same_column};
use crate::goal::mentioned;
use crate::grid::{Grid, Pred};
use crate::moment::Moment;
use crate::reading::Reading;
use crate::scope::entities;
use crate::text::Text;

/// A name that is called first or last of its kind.
#[derive(Clone, Copy)]
struct First {
    piece: usize,
    highest: bool,
    pred: Pred,
}

/// Whether what is called highest or lowest is so by some figure that the words allow.
pub(super) fn look(reading: &Reading<'_>, table: usize, grid: &Grid, finding: &mut Finding) {
    let mut called: BTreeMap<Pred, Vec<(bool, Vec<usize>)>> = BTreeMap::new();
    for first in superlatives(reading, table, grid) {
        let text = &reading.texts[first.piece];
        if listed(reading, &first, grid) {
            continue;
        }
        finding.claims += 1;
        let measures = measures(reading, first.piece, grid);
        let known = called.entry(first.pred).or_default();
        let both = known.iter().any(|(highest, by)| {
            *highest != first.highest && by.iter().any(|measure| measures.contains(measure))
        });
        known.push((first.highest, measures.clone()));
        let mut winners = winners(reading, first.piece, &first, &measures, grid);
        if text.has(Sense::Inverse)
            || reading
                .labels(first.piece)
                .iter()
                .take(2)
                .any(|label| label.has(Sense::Inverse))
        {
            let other = First {
                highest: !first.highest,
                ..first
            };
            // The most punctual has the least delay; the most reliable may have the most of something good.
            if measures.iter().any(|measure| unwelcome(grid, *measure)) {
                winners.clear();
            }
            winners.extend(self::winners(reading, first.piece, &other, &measures, grid));
        }
        if winners.contains(&first.pred) && !both {
            finding.supported += 1;
            continue;
        }
        let which = if first.highest { "highest" } else { "lowest" };
        let what = match both {
            true => format!(
                "{} is called both highest and lowest",
                grid.shown(&first.pred)
            ),
            false => format!("{} is not the {which}", grid.shown(&first.pred)),
        };
        let mut issue = at(
            reading,
            first.piece,
            Category::Accuracy,
            Severity::Critical,
            what,
            "Name the one that the data shows",
        );
        let shown: BTreeSet<String> = winners.iter().map(|pred| grid.shown(pred)).collect();
        issue.evidence = (!shown.is_empty()).then(|| {
            format!(
                "the {which} is {}",
                shown.into_iter().collect::<Vec<_>>().join(" or ")
            )
        });
        let _ = text;
        finding.issues.push(issue);
    }
}

fn superlatives(reading: &Reading<'_>, table: usize, grid: &Grid) -> Vec<First> {
    let mut out = Vec::new();
    for piece in reading.said() {
        let text = &reading.texts[piece];
        let mut over = vec![text];
        over.extend(reading.labels(piece).into_iter().take(2));
        let own: Vec<(bool, usize)> = ranks(text);
        let names: Vec<_> = entities(text, table, grid)
            .into_iter()
            .filter(|entity| groupable(grid, &entity.pred))
            .collect();
        let different: BTreeSet<Pred> = names.iter().map(|entity| entity.pred).collect();
        if !own.is_empty() {
            let highs: BTreeSet<bool> = own.iter().map(|(high, _)| *high).collect();
            if let (1, Some(highest)) = (highs.len(), highs.first()) {
                let near = match different.len() {
                    0 => None,
                    1 => names.first().map(|entity| entity.pred),
                    // Of several names the one that shares the word's clause is meant, if only one does.
                    _ => {
                        let clause = text.clause(own[0].1);
                        let here: BTreeSet<Pred> = names
                            .iter()
                            .filter(|entity| text.clause(entity.start) == clause)
                            .map(|entity| entity.pred)
                            .collect();
                        (here.len() == 1).then(|| here.into_iter().next()).flatten()
                    }
                };
                out.extend(near.map(|pred| First {
                    piece,
                    highest: *highest,
                    pred,
                }));
            } else {
                // "Jena was highest, Kassel lowest": each word with the nearest name of its clause.
                for (highest, place) in own {
                    let clause = text.clause(place);
                    let here = names
                        .iter()
                        .filter(|entity| text.clause(entity.start) == clause);
                    let nearest = here.min_by_key(|entity| entity.start.abs_diff(place));
                    out.extend(nearest.map(|entity| First {
                        piece,
                        highest,
                        pred: entity.pred,
                    }));
                }
            }
        } else if different.len() == 1 {
            // "Highest average humidity | CR-1 (72.3 %)".
            let label = over
                .iter()
                .skip(1)
                .find(|label| !ranks(label).is_empty() && entities(label, table, grid).is_empty());
            let highs: BTreeSet<bool> = label
                .iter()
                .flat_map(|label| ranks(label))
                .map(|(high, _)| high)
                .collect();
            if let (1, Some(highest)) = (highs.len(), highs.first()) {
                out.extend(names.first().map(|entity| First {
                    piece,
                    highest: *highest,
                    pred: entity.pred,
                }));
            }
        }
    }
    out
}

/// Whether less of a quantity is better.
fn unwelcome(grid: &Grid, measure: usize) -> bool {
    ["late", "error", "duration", "price", "energy"]
        .into_iter()
        .any(|concept| {
            let concept = aios_languages::concept_number(concept);
            grid.columns[measure].concepts.contains(&concept)
        })
}

/// The words of rank in a text: whether high, and where.
fn ranks(text: &Text) -> Vec<(bool, usize)> {
    text.senses()
        .filter_map(|(sense, place)| match sense {
            Sense::Highest => Some((true, place)),
            Sense::Lowest => Some((false, place)),
            _ => None,
        })
        .collect()
}

/// Whether rows can be grouped by what a condition is on.
fn groupable(grid: &Grid, pred: &Pred) -> bool {
    match pred {
        Pred::Is(column, _) => grid.names(*column).len() > 1,
        Pred::At(_, moment) => {
            moment.month.is_some()
                || moment.quarter.is_some()
                || moment.year.is_some()
                || moment.weekday.is_some()
        }
        _ => false,
    }
}

/// "The highest reading of each room": such a figure is given for several, so none of them is called first among all.
fn listed(reading: &Reading<'_>, first: &First, grid: &Grid) -> bool {
    let mut names: BTreeSet<Pred> = BTreeSet::new();
    let mut here = false;
    for claim in &reading.claims {
        // Of one row the greatest is its total too: that is no figure of an extreme.
        let plain = claim
            .found
            .iter()
            .any(|found| matches!(found.form, Form::Figure(Stat::Total | Stat::Mean)));
        let extreme = claim.found.iter().filter(|_| !plain).find(|found| {
            matches!(found.form, Form::Figure(Stat::Greatest | Stat::Least))
                && found
                    .preds
                    .iter()
                    .any(|pred| same_column(pred, &first.pred))
        });
        if let Some(found) = extreme {
            here |= claim.piece == first.piece;
            names.extend(
                found
                    .preds
                    .iter()
                    .filter(|pred| same_column(pred, &first.pred)),
            );
        }
    }
    let _ = grid;
    here && names.len() > 1
}

/// The columns that a piece may rank by.
pub(super) fn measures(reading: &Reading<'_>, piece: usize, grid: &Grid) -> Vec<usize> {
    let place = reading.place(piece);
    let quantities: Vec<usize> = grid.measures().chain(grid.flags()).collect();
    let by_unit: Vec<usize> = reading
        .claims_at(piece)
        .iter()
        .flat_map(|claim| claim.found.iter().filter_map(|found| found.measure))
        .filter(|measure| quantities.contains(measure))
        .collect();
    let sources = std::iter::once(place.text)
        .chain(place.labels)
        .chain(place.before);
    for text in sources {
        let named: Vec<usize> = mentioned(text, grid)
            .into_iter()
            .filter(|column| quantities.contains(column))
            .collect();
        if !named.is_empty() {
            return named;
        }
    }
    if !by_unit.is_empty() {
        return by_unit;
    }
    let named: Vec<usize> = mentioned(&reading.ground.asked.text, grid)
        .into_iter()
        .filter(|column| quantities.contains(column))
        .collect();
    if named.is_empty() { quantities } else { named }
}

/// Who is first by any figure that the words allow.
fn winners(
    reading: &Reading<'_>,
    piece: usize,
    first: &First,
    measures: &[usize],
    grid: &Grid,
) -> BTreeSet<Pred> {
    let text = &reading.texts[piece];
    let labels = reading.labels(piece);
    let has = |sense| text.has(sense) || labels.iter().take(1).any(|label| label.has(sense));
    let stats: Vec<Stat> = match (has(Sense::Total), has(Sense::Mean), has(Sense::Median)) {
        (true, false, _) => vec![Stat::Total],
        (_, true, _) => vec![Stat::Mean],
        (_, _, true) => vec![Stat::Median],
        _ => usual(reading, first, measures),
    };
    let quantities: Vec<usize> = grid.measures().collect();
    let named = mentioned(text, grid)
        .into_iter()
        .any(|column| quantities.contains(&column));
    let measures = if has(Sense::Count) && !named {
        &[]
    } else {
        measures
    };
    let others = alternatives(grid, &first.pred);
    let own = entities(text, 0, grid);
    let beside: Vec<Pred> = own
        .iter()
        .map(|entity| entity.pred)
        .filter(|pred| !same_column(pred, &first.pred))
        .collect();
    let goal = reading.ground.asked.conditions(0, grid);
    let mut out = BTreeSet::new();
    for conditions in [Vec::new(), beside, goal] {
        let with = |pred: Pred| {
            let mut all = conditions.clone();
            all.push(pred);
            all.sort_unstable();
            all
        };
        for &measure in measures {
            for &stat in &stats {
                let values = others
                    .iter()
                    .filter_map(|pred| Some((*pred, value(grid, &with(*pred), measure, stat)?)));
                out.extend(best(values, first.highest));
            }
        }
        let counts = others
            .iter()
            .map(|pred| (*pred, grid.rows_of(&with(*pred)).len() as f64));
        if measures.is_empty() || has(Sense::Count) || !conditions.is_empty() {
            out.extend(best(counts, first.highest));
        }
    }
    out
}

/// By which figures something is first where no word says it: by those that the answer gives of its like, else by those that the goal asks
/// for, else by any.
fn usual(reading: &Reading<'_>, first: &First, measures: &[usize]) -> Vec<Stat> {
    let mut given: Vec<BTreeSet<bool>> = Vec::new();
    for claim in &reading.claims {
        let of_like = claim.found.iter().filter(|found| {
            found
                .measure
                .is_some_and(|measure| measures.contains(&measure))
                && found
                    .preds
                    .iter()
                    .any(|pred| same_column(pred, &first.pred))
        });
        let sums: BTreeSet<bool> = of_like
            .filter_map(|found| match found.form {
                Form::Figure(Stat::Total) => Some(true),
                Form::Figure(Stat::Mean) => Some(false),
                _ => None,
            })
            .collect();
        if !sums.is_empty() {
            given.push(sums);
        }
    }
    let end = if first.highest {
        Stat::Greatest
    } else {
        Stat::Least
    };
    // "The highest reading was 11.7": its figure is that of one row.
    let single = reading.claims_at(first.piece).iter().any(|claim| {
        claim
            .found
            .iter()
            .any(|found| found.form == Form::Figure(end))
    });
    for (sum, stat) in [(true, Stat::Total), (false, Stat::Mean)] {
        if given.len() > 1 && given.iter().all(|sums| sums.contains(&sum)) {
            return if single { vec![stat, end] } else { vec![stat] };
        }
    }
    let asked = &reading.ground.asked.text;
    match (asked.has(Sense::Total), asked.has(Sense::Mean)) {
        (true, false) if !single => vec![Stat::Total],
        _ => vec![Stat::Total, Stat::Mean, end],
    }
}

pub(super) fn value(grid: &Grid, preds: &[Pred], measure: usize, stat: Stat) -> Option<f64> {
    let figures = grid.figures(preds, measure)?;
    Some(match stat {
        Stat::Total => figures.total,
        Stat::Mean => figures.mean,
        Stat::Median => figures.median,
        Stat::Least => figures.least,
        Stat::Greatest => figures.greatest,
    })
}

fn best(values: impl Iterator<Item = (Pred, f64)>, highest: bool) -> Vec<Pred> {
    let values: Vec<(Pred, f64)> = values.collect();
    let ends = values.iter().map(|(_, value)| *value);
    let Some(end) = (if highest {
        ends.max_by(f64::total_cmp)
    } else {
        ends.min_by(f64::total_cmp)
    }) else {
        return Vec::new();
    };
    values
        .into_iter()
        .filter(|(_, value)| (value - end).abs() <= end.abs() * 1e-9)
        .map(|(pred, _)| pred)
        .collect()
}

/// Everything that stands beside a name or time as its like.
fn alternatives(grid: &Grid, pred: &Pred) -> Vec<Pred> {
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
