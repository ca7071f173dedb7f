//! What the answer says goes up went up, what it calls the highest is the highest, and what a source denies it does not affirm.

use std::collections::{BTreeMap, BTreeSet};

use aios_languages::{Sense, Tag};
use aios_work::{Category, Issue, Severity};

use super::{Finding, Look, at};
use crate::criteria::Criteria;
use crate::explain::{Form, Stat, same_column};
use crate::goal::{mentioned, pairs};
use crate::grid::{Data, Grid, Pred};
use crate::moment::Moment;
use crate::reading::Reading;
use crate::scope::entities;
use crate::text::Text;

pub(crate) struct Contradiction;

impl Look for Contradiction {
    fn name(&self) -> &'static str {
        "contradiction"
    }

    fn dimension(&self) -> Category {
        Category::Accuracy
    }

    fn look(&self, reading: &Reading<'_>, _: &Criteria) -> Finding {
        let mut finding = Finding::default();
        for (table, grid) in reading.ground.grids.iter().enumerate() {
            firsts(reading, table, grid, &mut finding);
            directions(reading, grid, &mut finding);
        }
        for piece in reading.said() {
            denied(reading, piece, &mut finding);
            opposed(reading, piece, &mut finding);
        }
        finding
    }
}

/// A name that is called first or last of its kind.
#[derive(Clone, Copy)]
struct First {
    piece: usize,
    highest: bool,
    pred: Pred,
}

/// Whether what is called highest or lowest is so by some figure that the words allow.
fn firsts(reading: &Reading<'_>, table: usize, grid: &Grid, finding: &mut Finding) {
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
fn measures(reading: &Reading<'_>, piece: usize, grid: &Grid) -> Vec<usize> {
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

fn value(grid: &Grid, preds: &[Pred], measure: usize, stat: Stat) -> Option<f64> {
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

/// Whether what is said to go up or down went so, by some figure that the words allow.
fn directions(reading: &Reading<'_>, grid: &Grid, finding: &mut Finding) {
    let Some(column) = grid.times().next() else {
        return;
    };
    let asked = &reading.ground.asked;
    let goal: Vec<(Moment, Moment)> = if asked
        .points
        .iter()
        .any(|point| point.need == crate::goal::Need::Direction)
    {
        asked.pairs.clone()
    } else {
        Vec::new()
    };
    let mut turn = 0;
    for piece in reading.said() {
        let text = &reading.texts[piece];
        let words: Vec<(bool, usize)> = text
            .senses()
            .filter_map(|(sense, place)| match sense {
                Sense::Up => Some((true, place)),
                Sense::Down => Some((false, place)),
                _ => None,
            })
            .collect();
        let mut last = None;
        for (up, place) in words {
            let clause = text.clause(place);
            if last == Some((clause, up)) {
                continue;
            }
            last = Some((clause, up));
            let pair = pair_of(reading, piece, place).or_else(|| {
                let pair = goal.get(turn).copied();
                turn += 1;
                pair
            });
            let Some((from, to)) = pair else { continue };
            let signs = signs(reading, piece, grid, column, (from, to));
            if signs.is_empty() {
                continue;
            }
            finding.claims += 1;
            if signs.contains(&up) {
                finding.supported += 1;
                continue;
            }
            let what = if up {
                "it is said to go up and went down"
            } else {
                "it is said to go down and went up"
            };
            let mut issue: Issue = at(
                reading,
                piece,
                Category::Accuracy,
                Severity::Critical,
                what,
                "Say which way the figures went",
            );
            issue.evidence = Some(format!(
                "from {} to {}",
                grid.shown(&Pred::At(column, from)),
                grid.shown(&Pred::At(column, to))
            ));
            finding.issues.push(issue);
        }
    }
}

/// From when to when a word of direction speaks: by its clause, its sentence, what stands over it.
fn pair_of(reading: &Reading<'_>, piece: usize, place: usize) -> Option<(Moment, Moment)> {
    let text = &reading.texts[piece];
    let all = pairs(text);
    if all.len() == 1 {
        return all.first().copied();
    }
    // The two of the word's own clause.
    let clause = text.clause(place);
    let own: Vec<Moment> = text
        .moments
        .iter()
        .filter(|found| text.clause(found.start) == clause)
        .map(|found| found.moment)
        .collect();
    if let [from, to] = own.as_slice() {
        return Some((*from, *to));
    }
    if all.len() > 1 {
        // The pair that lies nearest to the word.
        let step = if text.moments.len().is_multiple_of(2) {
            2
        } else {
            1
        };
        let starts = text.moments.iter().step_by(step).map(|moment| moment.start);
        let nearest = starts
            .enumerate()
            .min_by_key(|(_, start)| start.abs_diff(place))
            .map(|(at, _)| at)?;
        return all.get(nearest.min(all.len() - 1)).copied();
    }
    reading.labels(piece).into_iter().find_map(|label| {
        pairs(label)
            .first()
            .copied()
            .filter(|_| label.moments.len() == 2)
    })
}

fn signs(
    reading: &Reading<'_>,
    piece: usize,
    grid: &Grid,
    column: usize,
    (from, to): (Moment, Moment),
) -> BTreeSet<bool> {
    let text = &reading.texts[piece];
    let beside: Vec<Pred> = entities(text, 0, grid)
        .into_iter()
        .map(|entity| entity.pred)
        .filter(|pred| matches!(pred, Pred::Is(..)))
        .collect();
    let columns: BTreeSet<usize> = beside
        .iter()
        .filter_map(|pred| match pred {
            Pred::Is(column, _) => Some(*column),
            _ => None,
        })
        .collect();
    let beside = if columns.len() == beside.len() {
        beside
    } else {
        Vec::new()
    };
    let with = |moment: Moment| {
        let mut all = beside.clone();
        all.push(Pred::At(column, moment));
        all.sort_unstable();
        all
    };
    let (before, after) = (with(from), with(to));
    let mean = text.has(Sense::Mean) || reading.ground.asked.text.has(Sense::Mean);
    let mut out = BTreeSet::new();
    for measure in measures(reading, piece, grid) {
        if !matches!(
            grid.columns[measure].data,
            Data::Numbers(_) | Data::Flags(_)
        ) {
            continue;
        }
        let stats: &[Stat] = if mean { &[Stat::Mean] } else { &[Stat::Total] };
        for &stat in stats {
            if let (Some(a), Some(b)) = (
                value(grid, &before, measure, stat),
                value(grid, &after, measure, stat),
            ) && a != b
            {
                out.insert(b > a);
            }
        }
    }
    if text.has(Sense::Count) || reading.ground.asked.text.has(Sense::Count) {
        let (a, b) = (grid.rows_of(&before).len(), grid.rows_of(&after).len());
        out.extend((a != b).then_some(b > a));
    }
    out
}

/// Whether a sentence affirms what the nearest sentence of a document denies, or the reverse.
fn denied(reading: &Reading<'_>, piece: usize, finding: &mut Finding) {
    let text = &reading.texts[piece];
    for paper in &reading.ground.papers {
        for (start, end) in clause_spans(text) {
            let words: Vec<(usize, &String)> = text
                .stems
                .iter()
                .filter(|(word, _)| (start..end).contains(&text.words[*word].start))
                .map(|(word, stem)| (*word, stem))
                .collect();
            let stems: std::collections::HashSet<String> =
                words.iter().map(|(_, stem)| (*stem).clone()).collect();
            let known = stems.iter().filter(|stem| paper.knows(stem)).count();
            if known < 2 || known * 10 < stems.len() * 7 {
                continue;
            }
            let Some((best, _)) = paper.nearest(&stems).first().copied() else {
                continue;
            };
            let sentence = &paper.sentences[best];
            let shared = stems
                .iter()
                .filter(|stem| sentence.own.contains(*stem))
                .count();
            if shared < 2 || shared * 10 < stems.len() * 7 {
                continue;
            }
            let own = denies(text, start, end);
            // The clause of the source that shares the words.
            let theirs = clause_spans(&sentence.text).into_iter().map(|(from, to)| {
                let here = sentence
                    .text
                    .stems
                    .iter()
                    .filter(|(word, stem)| {
                        (from..to).contains(&sentence.text.words[*word].start)
                            && stems.contains(stem)
                    })
                    .count();
                (here, denies(&sentence.text, from, to))
            });
            let Some((here, other)) = theirs.max_by_key(|(here, _)| *here) else {
                continue;
            };
            if here >= 2 && here * 10 >= shared * 7 && own != other {
                let mut issue = at(
                    reading,
                    piece,
                    Category::Accuracy,
                    Severity::Critical,
                    "the source says the opposite",
                    "Say what the source says",
                );
                issue.evidence = Some(paper.quoted(best));
                finding.issues.push(issue);
                return;
            }
        }
    }
}

/// Whether a clause says the opposite of what the nearest clause of a document says: open and closed.
fn opposed(reading: &Reading<'_>, piece: usize, finding: &mut Finding) {
    let text = &reading.texts[piece];
    let sides = |text: &Text, start: usize, end: usize| -> BTreeSet<(u8, bool)> {
        let here = text
            .tags
            .iter()
            .filter(|tag| (start..end).contains(&text.words[tag.from].start));
        here.filter_map(|tag| match tag.tag {
            Tag::Opposite(pair, side) => Some((pair, side)),
            _ => None,
        })
        .collect()
    };
    for (start, end) in clause_spans(text) {
        let own = sides(text, start, end);
        if own.is_empty() {
            continue;
        }
        let words = marks(text, start, end);
        let sentences = reading
            .ground
            .papers
            .iter()
            .flat_map(|paper| (0..paper.sentences.len()).map(move |at| (paper, at)));
        for (paper, place) in sentences {
            let sentence = &paper.sentences[place];
            for (from, to) in clause_spans(&sentence.text) {
                let theirs = sides(&sentence.text, from, to);
                let against = own.iter().any(|(pair, side)| {
                    theirs.contains(&(*pair, !side))
                        && !own.contains(&(*pair, !side))
                        && !theirs.contains(&(*pair, *side))
                });
                let shared = marks(&sentence.text, from, to).intersection(&words).count();
                let alike = denies(text, start, end) == denies(&sentence.text, from, to);
                if against && alike && shared > 0 && shared * 2 >= words.len().min(4) {
                    let mut issue = at(
                        reading,
                        piece,
                        Category::Accuracy,
                        Severity::Critical,
                        "the source says the opposite",
                        "Say what the source says",
                    );
                    issue.evidence = Some(paper.quoted(place));
                    finding.issues.push(issue);
                    return;
                }
            }
        }
    }
}

/// What a clause is about, but for the words of opposites: its stems and days.
fn marks(text: &Text, start: usize, end: usize) -> BTreeSet<String> {
    let opposite: BTreeSet<usize> = text
        .tags
        .iter()
        .filter(|tag| matches!(tag.tag, Tag::Opposite(..)))
        .flat_map(|tag| tag.from..tag.to)
        .collect();
    let stems = text.stems.iter().filter(|(word, _)| {
        (start..end).contains(&text.words[*word].start) && !opposite.contains(word)
    });
    let days = text
        .tags
        .iter()
        .filter(|tag| (start..end).contains(&text.words[tag.from].start));
    let days = days.filter_map(|tag| match tag.tag {
        Tag::Weekday(day) => Some(format!("weekday {day}")),
        _ => None,
    });
    stems.map(|(_, stem)| stem.clone()).chain(days).collect()
}

fn denies(text: &Text, start: usize, end: usize) -> bool {
    let count = text
        .senses()
        .filter(|(sense, place)| *sense == Sense::Negation && (start..end).contains(place))
        .count();
    // "No, it is not": the answer's own "no" denies nothing in the clause.
    count > 0
}

fn clause_spans(text: &Text) -> Vec<(usize, usize)> {
    let mut starts = text.clauses.clone();
    starts.extend(text.raw.match_indices(": ").map(|(at, _)| at + 1));
    starts.sort_unstable();
    let ends = starts.iter().skip(1).copied().chain([text.raw.len() + 1]);
    starts
        .iter()
        .copied()
        .zip(ends)
        .filter(|(start, end)| start < end)
        .collect()
}
