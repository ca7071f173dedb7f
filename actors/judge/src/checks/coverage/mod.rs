//! Every point of the goal is answered.

mod amounts;
mod firsts;
mod lists;
mod papers;
mod periods;
mod short;

use std::collections::{BTreeSet, HashSet};

use aios_languages::{Sense, Tag};
use aios_work::{Category, Issue, Severity, quoted};

use super::contradiction::directions::held;
use super::decision::{asks_the_source, asks_whether, decision};
use super::form::asks_keys;
use super::{Finding, Look};
use crate::column::Data;
use crate::conditions::{conditions, mentioned, mentioned_within};
use crate::criteria::Criteria;
use crate::derived::Op;
use crate::explain::{Explanation, Form, Stat, same_column};
use crate::goal::{Need, Point};
use crate::grid::{Grid, Pred};
use crate::moment::Moment;
use crate::reading::Reading;
use crate::scope::entities;
use crate::text::Text;
use crate::unit::Unit;
use firsts::{extreme, lacks_single, listed, names_one, of_the_kind};
use papers::by_papers;

pub(crate) struct Coverage;

impl Look for Coverage {
    fn name(&self) -> &'static str {
        "coverage"
    }

    fn dimension(&self) -> Category {
        Category::Completeness
    }

    fn look(&self, reading: &Reading<'_>, _: &Criteria) -> Finding {
        let ground = reading.ground;
        if ground.grids.is_empty() && ground.papers.is_empty() {
            return Finding::default();
        }
        let mut finding = Finding::default();
        let asked = &ground.asked.text;
        // Of a pattern of keys each key is looked for where the form is.
        if asked.has(Sense::FormJson) && asks_keys(asked) {
            return finding;
        }
        // A poem is about something and answers nothing.
        if asked.has(Sense::FormHaiku) {
            return finding;
        }
        let decided = decision(reading).is_some();
        if decided && asks_the_source(reading) {
            return finding;
        }
        let decides = ground.asked.points.len() == 1 && asks_whether(asked) && decided;
        // "Were they open most of the time?" is answered by a no, with a figure that bears it out.
        let closed = decides && verified(reading);
        // "How long does it rise and rest in all" asks for one length.
        let summed = ground.asked.text.has(Sense::Total);
        let mut durations = 0;
        let mut before = None;
        for point in &ground.asked.points {
            durations += usize::from(point.need == Need::Duration);
            durations = if summed { durations.min(1) } else { durations };
            let answered = match (ground.grids.first(), ground.papers.as_slice()) {
                (Some(_), _) if closed => true,
                (Some(grid), _) if is_lacking(reading, point, grid) => {
                    // That it is not there is what the answer says, and it is so.
                    finding.claims += 1;
                    finding.supported += 1;
                    true
                }
                (Some(grid), _) => !elsewhen(reading) && by_table(reading, point, before, grid),
                (None, _) if decides && point.need == Need::Topic => true,
                (None, papers) => {
                    by_papers(reading, point, papers, durations)
                        && !lists::told_in_part(reading, point, papers)
                        && !periods::told_in_part(reading, point, papers)
                }
            };
            before = Some(point.need);
            if !answered {
                let what = format!(
                    "this point of the goal is not answered: {}",
                    quoted(&point.text.raw, 120)
                );
                finding.issues.push(Issue::new(
                    Category::Completeness,
                    Severity::Critical,
                    what,
                    "Answer every point that was asked",
                ));
            }
        }
        finding
    }
}

/// Letters of a word that may be the beginning of a longer one: "snow" of "snowfall".
const BEGINNING: usize = 4;

/// Whether the answer says that the table has nothing of what a point asks for, by its name, and none of its quantities is.
fn is_lacking(reading: &Reading<'_>, point: &Point, grid: &Grid) -> bool {
    let denied = || said_words(reading).filter(|text| text.has(Sense::Negation));
    let names = |text: &Text| {
        text.stems.iter().any(|(_, said)| {
            let mut asked = point.text.stems.iter();
            asked.any(|(_, stem)| {
                stem.chars().count() >= BEGINNING && said.starts_with(stem.as_str())
            })
        })
    };
    quantities(&reading.ground.asked.text, grid).is_empty()
        && denied().any(|text| text.has(Sense::Source))
        && denied().any(names)
}

/// Whether the goal asks about one year and the answer speaks of others only.
fn elsewhen(reading: &Reading<'_>) -> bool {
    let goal = &reading.ground.asked.text;
    let years = |text: &Text| -> BTreeSet<i32> {
        let found = text.moments.iter().map(|found| found.moment);
        found.filter_map(|moment| moment.year).collect()
    };
    let limits = [Sense::From, Sense::Above, Sense::Below, Sense::Within];
    let asked = years(goal);
    if asked.len() != 1 || limits.iter().any(|sense| goal.has(*sense)) {
        return false;
    }
    let said: BTreeSet<i32> = said_words(reading).flat_map(years).collect();
    !said.is_empty() && said.is_disjoint(&asked)
}

fn by_table(reading: &Reading<'_>, point: &Point, before: Option<Need>, grid: &Grid) -> bool {
    match point.need {
        // "Which was longest, and for how many minutes?" asks for the figure of the one that was named.
        Need::Figure => figure(reading, point, grid, before != Some(Need::Extreme)),
        // That they stand in the right order is looked at elsewhere.
        Need::Each if point.text.has(Sense::Rank) && listed(reading, grid) == usize::MAX => true,
        Need::Each => each(reading, point, grid),
        Need::Extreme => {
            of_the_kind(reading, point, grid)
                && extreme(reading, point, grid)
                && !lacks_single(reading, point, grid)
        }
        Need::Count => count(reading, point, grid),
        // "13 of 16 against 7 of 18".
        Need::Share if told_in_parts(reading) => true,
        // "Which machine has the smallest share of waste?" asks for its name.
        Need::Share if asks_for_one(&point.text) && names_first(reading, point, grid) => true,
        Need::Share => explanations(reading).any(|(claim, found)| {
            let share = reading
                .number(claim)
                .unit
                .as_ref()
                .is_some_and(Unit::is_share);
            share || matches!(found.form, Form::Share)
        }),
        Need::Change | Need::Direction if between_others(reading) => false,
        Need::Change if reading.ground.asked.pairs.len() > 1 => direction(reading),
        Need::Change => {
            let changes = explanations(reading).any(|(_, found)| {
                matches!(found.form, Form::Change | Form::Difference | Form::Ratio)
            });
            changes
                || said_words(reading).any(|text| {
                    text.has(Sense::Up) || text.has(Sense::Down) || text.has(Sense::Flat)
                })
        }
        Need::Direction => direction(reading),
        _ => {
            let who = [Sense::AskWhich, Sense::AskPerson];
            let named = who.iter().any(|sense| point.text.has(*sense));
            verified(reading)
                || overlaps(reading, &point.text)
                || (named && names_one(reading, point, grid))
        }
    }
}

/// Whether a text begins by asking for the one of a kind that is first or last.
fn asks_for_one(text: &Text) -> bool {
    let which = Tag::Sense(Sense::AskWhich);
    let begins = text
        .tags
        .iter()
        .any(|tag| tag.from == 0 && tag.tag == which);
    begins && (text.has(Sense::Highest) || text.has(Sense::Lowest))
}

/// Whether the one name of an answer is that of the first, or last, by the share that one quantity has in another.
fn names_first(reading: &Reading<'_>, point: &Point, grid: &Grid) -> bool {
    let named: BTreeSet<Pred> = said_words(reading)
        .flat_map(|text| entities(text, 0, grid))
        .map(|entity| entity.pred)
        .collect();
    let [Pred::Is(column, code)] = named.into_iter().collect::<Vec<Pred>>()[..] else {
        return false;
    };
    let highest = point.text.has(Sense::Highest);
    let parts = quantities(&point.text, grid);
    let codes = 0..u32::try_from(grid.names(column).len()).unwrap_or(0);
    let shares = grid.derived_of(&parts).filter(|(_, derived)| {
        derived.op == Op::Over && derived.within && parts.contains(&derived.one)
    });
    let share = |code: u32, derived: usize| {
        let figures = grid.figures(&[Pred::Is(column, code)], derived);
        figures.map(|figures| figures.total)
    };
    let mut shares = shares.map(|(derived, _)| derived);
    shares.any(|derived| {
        let own = share(code, derived);
        own.is_some_and(|own| {
            let mut all = codes.clone().filter_map(|code| share(code, derived));
            all.all(|other| if highest { own >= other } else { own <= other })
        })
    })
}

/// Whether a count and the count that it is a part of are told, and borne out.
fn told_in_parts(reading: &Reading<'_>) -> bool {
    let counted = |claim: &&crate::reading::Claim| {
        let mut found = claim.found.iter();
        found.any(|found| found.form == Form::Count)
    };
    let mut claims = reading.claims.iter().filter(counted);
    claims.any(|claim| {
        let place = reading.place(claim.piece);
        place.partition(reading.number(claim)).0
    })
}

/// Every way in which a number of the answer was explained.
fn explanations<'r>(
    reading: &'r Reading<'_>,
) -> impl Iterator<Item = (&'r crate::reading::Claim, &'r Explanation)> {
    reading
        .claims
        .iter()
        .flat_map(|claim| claim.found.iter().map(move |found| (claim, found)))
}

fn said_words<'r>(reading: &'r Reading<'_>) -> impl Iterator<Item = &'r Text> {
    reading.said().map(|piece| &reading.texts[piece])
}

fn verified(reading: &Reading<'_>) -> bool {
    explanations(reading).any(|(_, found)| found.form != Form::Given)
}

/// Whether a text of the answer, with what stands over it, shares words with a point.
fn overlaps(reading: &Reading<'_>, point: &Text) -> bool {
    let wanted: HashSet<&str> = point.stems.iter().map(|(_, stem)| stem.as_str()).collect();
    let concepts: HashSet<u32> = point.concepts().collect();
    reading.texts.iter().any(|text| {
        text.stems
            .iter()
            .any(|(_, stem)| wanted.contains(stem.as_str()))
            || text.concepts().any(|concept| concepts.contains(&concept))
    })
}

fn stats(text: &Text, grid: &Grid) -> Vec<Stat> {
    // "The peak" where a column is called so is no statistic of it.
    let called = |at: usize| {
        let mut stems = text.stems.iter();
        stems.any(|(word, stem)| {
            *word == at
                && grid
                    .measures()
                    .any(|column| grid.columns[column].stems.contains(stem))
        })
    };
    let told = |sense: Sense| {
        text.has_beside_times(sense)
            && text
                .tags
                .iter()
                .any(|tag| tag.tag == Tag::Sense(sense) && !(tag.from..tag.to).all(called))
    };
    let known = [
        (Sense::Total, Stat::Total),
        (Sense::Mean, Stat::Mean),
        (Sense::Median, Stat::Median),
        (Sense::Highest, Stat::Greatest),
        (Sense::Lowest, Stat::Least),
    ];
    known
        .into_iter()
        .filter(|(sense, _)| told(*sense))
        .map(|(_, stat)| stat)
        .collect()
}

fn figure(reading: &Reading<'_>, point: &Point, grid: &Grid, whole: bool) -> bool {
    let stats = stats(&point.text, grid);
    let measures: Vec<usize> = mentioned(&point.text, grid)
        .into_iter()
        .filter(|column| grid.measures().any(|own| own == *column))
        .collect();
    // Names that the point sets are no narrowing of what it asks for; that it is about branches is none of their names.
    let of: Vec<usize> = mentioned_within(&point.text, grid, point.from..usize::MAX)
        .into_iter()
        .filter(|column| grid.groups().any(|own| own == *column))
        .collect();
    let asked: HashSet<(usize, u32)> = point
        .text
        .names
        .iter()
        .map(|name| (name.column, name.code))
        .collect();
    let moves = [
        Sense::Growth,
        Sense::Up,
        Sense::Down,
        Sense::Difference,
        Sense::More,
        Sense::Fewer,
    ]
    .iter()
    .any(|sense| point.text.has(*sense));
    // "Which line was better on average?" is answered by its name.
    if !of.is_empty() && names_one(reading, point, grid) {
        return true;
    }
    explanations(reading).any(|(_, found)| {
        let stat = match found.form {
            Form::Figure(stat) => stats.is_empty() || stats.contains(&stat),
            Form::Count | Form::Distinct => stats.is_empty() || stats.contains(&Stat::Total),
            // Of a rate the whole is its total: "the overall occupancy".
            Form::Ratio => stats.is_empty() || !stats.contains(&Stat::Median),
            Form::Share => stats.is_empty() || stats.contains(&Stat::Total),
            Form::Signed | Form::Said => true,
            // What the sentence works out from figures that are borne out.
            Form::Difference if found.measure.is_none() && found.preds.is_empty() => true,
            // "By how many did it grow".
            Form::Difference | Form::Change => moves,
            _ => false,
        };
        let measure = measures.is_empty()
            || found
                .measure
                .is_none_or(|measure| is_of(grid, measure, &measures));
        // Nor are those of a kind that it speaks of, nor all of a kind together.
        let whole = !whole
            || found.preds.iter().all(|pred| match pred {
                Pred::Is(column, code) => {
                    let alike = found.preds.iter().filter(|own| same_column(own, pred));
                    of.contains(column)
                        || asked.contains(&(*column, *code))
                        || alike.count() == grid.names(*column).len()
                }
                _ => true,
            });
        stat && measure && whole
    })
}

/// Whether a column is one of these, or follows from one of them. What is known of another source is of no column here.
fn is_of(grid: &Grid, column: usize, measures: &[usize]) -> bool {
    measures.contains(&column)
        || match grid.data(column) {
            Some(Data::Derived(derived)) => measures.iter().any(|measure| derived.is_of(*measure)),
            _ => false,
        }
}

/// The quantities that a text names.
fn quantities(text: &Text, grid: &Grid) -> Vec<usize> {
    let own: Vec<usize> = grid.measures().collect();
    mentioned(text, grid)
        .into_iter()
        .filter(|column| own.contains(column))
        .collect()
}

fn each(reading: &Reading<'_>, point: &Point, grid: &Grid) -> bool {
    // "Twelve for each of them": one figure that holds for all.
    let same = said_words(reading)
        .any(|text| text.has(Sense::Per) && text.numbers.len() == 1 && text.names.is_empty());
    if same && reading.answer.pieces.len() < 3 {
        return true;
    }
    let groups: Vec<usize> = grid.groups().collect();
    let of = |text: &Text| {
        mentioned(text, grid)
            .into_iter()
            .filter(|column| groups.contains(column))
            .collect::<Vec<usize>>()
    };
    let mut columns = of(&point.text);
    if columns.is_empty() {
        columns = of(&reading.ground.asked.text);
    }
    let (stats, measures) = (stats(&point.text, grid), quantities(&point.text, grid));
    // "How long would every film take": of single things all together.
    let single = columns.is_empty()
        && (0..grid.columns.len()).any(|column| {
            let found = &grid.columns[column];
            matches!(&found.data, Data::Names { values, .. } if values.len() == grid.rows)
                && point
                    .text
                    .stems
                    .iter()
                    .any(|(_, stem)| found.stems.contains(stem))
        });
    if single && figure(reading, point, grid, true) {
        return true;
    }
    // What was asked of each: its mean is not answered by its count.
    let fits = |found: &Explanation| {
        let stat = match found.form {
            Form::Figure(stat) => stats.is_empty() || stats.contains(&stat),
            // "How many have 50 points or more, per class": the measure only sets a limit.
            Form::Count | Form::Distinct => {
                (measures.is_empty() || point.text.has(Sense::AskCount))
                    && !stats.contains(&Stat::Mean)
            }
            Form::Ratio => stats.is_empty() || stats.contains(&Stat::Mean),
            _ => true,
        };
        stat && (measures.is_empty()
            || found
                .measure
                .is_none_or(|measure| is_of(grid, measure, &measures)))
    };
    let preds = || {
        explanations(reading)
            .filter(|(_, found)| fits(found))
            .flat_map(|(_, found)| found.preds.iter().copied())
    };
    let named = |column: usize| -> HashSet<u32> {
        let codes = preds().filter_map(|pred| match pred {
            Pred::Is(own, code) if own == column => Some(code),
            _ => None,
        });
        codes.collect()
    };
    // "A up, B up, C down": the way that each went, where that is what was asked.
    let ways = reading.ground.asked.text.has(Sense::AskDirection);
    let went = |column: usize| -> usize {
        let moved = said_words(reading).filter(|text| text.has(Sense::Up) || text.has(Sense::Down));
        let codes: BTreeSet<u32> = moved
            .flat_map(|text| &text.names)
            .filter(|name| name.column == column)
            .map(|name| name.code)
            .collect();
        codes.len()
    };
    if ways
        && columns
            .iter()
            .any(|column| went(*column) == grid.names(*column).len())
    {
        return true;
    }
    if !columns.is_empty() {
        return columns.iter().any(|column| {
            // Who has no value has no figure, and who has none at the time or of the kind that is asked about neither.
            let spoken = entities(&point.text, 0, grid);
            let about: Vec<Pred> = spoken
                .iter()
                .map(|entity| entity.pred)
                .filter(|pred| {
                    let mut alike = spoken.iter().filter(|other| same_column(&other.pred, pred));
                    !same_column(pred, &Pred::Is(*column, 0))
                        && alike.all(|other| other.pred == *pred)
                })
                .chain(conditions(&point.text, 0, grid))
                .collect();
            let has = |code: u32| {
                let mut of = about.clone();
                of.push(Pred::Is(*column, code));
                of.sort_unstable();
                of.dedup();
                !grid.rows_of(&of).is_empty()
                    && (measures.is_empty()
                        || measures
                            .iter()
                            .any(|measure| grid.figures(&of, *measure).is_some()))
            };
            let many = u32::try_from(grid.names(*column).len()).unwrap_or(u32::MAX);
            let all = match many {
                0..=100 => (0..many).filter(|code| has(*code)).count(),
                many => many as usize,
            };
            let wanted = if all <= 12 { all } else { 3 };
            named(*column).len() >= wanted
        });
    }
    // "The average in each" of two quantities that the point names.
    if measures.len() > 1 {
        let told = |measure: &usize| {
            explanations(reading).any(|(_, found)| fits(found) && found.measure == Some(*measure))
        };
        if measures.iter().all(told) {
            return true;
        }
    }
    let moments: BTreeSet<Pred> = preds()
        .filter(|pred| matches!(pred, Pred::At(..)))
        .collect();
    moments.len() > 1
        || groups.iter().any(|column| named(*column).len() > 1)
        || (groups.is_empty() && verified(reading))
}
/// Whether a change is told from another time than the goal names, or to another: from July to August where it asks from June to August.
fn between_others(reading: &Reading<'_>) -> bool {
    let asked = &reading.ground.asked.pairs;
    let meets = |one: &Moment, other: &Moment| one.holds(other) || other.holds(one);
    let same = |one: &(Moment, Moment), other: &(Moment, Moment)| {
        meets(&one.0, &other.0) && meets(&one.1, &other.1)
    };
    let told: Vec<(Moment, Moment)> = said_words(reading)
        .filter(|text| text.moments.len() == 2)
        .flat_map(crate::goal::pairs)
        .collect();
    let said = |moment: &Moment| {
        let mut all = said_words(reading).flat_map(|text| &text.moments);
        all.any(|found| meets(&found.moment, moment))
    };
    asked.iter().any(|wanted| {
        let missing = !said(&wanted.0) || !said(&wanted.1);
        missing
            && told.iter().any(|pair| {
                let half = meets(&pair.0, &wanted.0) != meets(&pair.1, &wanted.1);
                half && !asked.iter().any(|other| same(other, pair))
            })
    })
}

fn count(reading: &Reading<'_>, point: &Point, grid: &Grid) -> bool {
    let wanted = conditions(&point.text, 0, grid);
    explanations(reading).any(|(claim, found)| {
        let counted = match found.form {
            Form::Count | Form::Distinct | Form::Difference | Form::Signed | Form::Said => true,
            Form::Figure(Stat::Total) => reading.number(claim).unit.is_none(),
            _ => false,
        };
        let fits = wanted.iter().all(|pred| {
            found.preds.contains(pred) || matches!((pred, found.measure), (Pred::Flag(column, true), Some(measure)) if measure == *column)
        });
        let whole = !point.text.has(Sense::Total)
            || found.preds.iter().all(|pred| !matches!(pred, Pred::Is(..)));
        counted && fits && whole
    })
}

/// Each change that was asked for has its word.
fn direction(reading: &Reading<'_>) -> bool {
    let wanted = reading.ground.asked.pairs.len().max(1);
    let mut said = 0;
    for piece in reading.said() {
        let text = &reading.texts[piece];
        let places: BTreeSet<usize> = text
            .tags
            .iter()
            .filter(|tag| {
                matches!(
                    tag.tag,
                    Tag::Sense(Sense::Up | Sense::Down | Sense::Flat | Sense::More | Sense::Fewer)
                )
            })
            // "Under 38 %" limits a figure and goes nowhere.
            .filter(|tag| !text.limits(tag))
            .map(|tag| tag.from)
            .collect();
        // "Down both times" says it of each step.
        let all = text.has(Sense::Steady) && !places.is_empty();
        // "It grew: by 4 into April and by 7 into May" says it of each step that has its figure.
        let steps = reading.claims_at(piece).iter().filter(|claim| {
            let mut found = claim.found.iter();
            let moved = found.any(|found| matches!(found.form, Form::Change | Form::Difference));
            moved && !places.is_empty()
        });
        said += places
            .len()
            .max(steps.count())
            .max(held(text).len())
            .max(wanted * usize::from(all));
        let signed = reading
            .claims_at(piece)
            .iter()
            .filter(|claim| reading.number(claim).signed && !claim.found.is_empty());
        said += if places.is_empty() { signed.count() } else { 0 };
    }
    said >= wanted
}
