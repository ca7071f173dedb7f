//! What is called highest, lowest, second or last is so.

use std::collections::{BTreeMap, BTreeSet};

use aios_languages::{Sense, Tag};
use aios_work::{Category, Severity};

use super::meant::Meant;
use super::orders::{
    By, Given, Order, alternatives, figure, groupable, is_a_fault, is_welcome, measures, orders,
    unwelcome, ways,
};
use super::rank::{
    Rank, beaten_by_none, changes, comes_first, counts_rows, meant, place, ranks, settled, sided,
};
use super::{Finding, at};
use crate::column::Data;
use crate::explain::{Form, Stat};
use crate::grid::{Grid, Pred};
use crate::moment::Moment;
use crate::reading::Reading;
use crate::scope::{Entity, entities};
use crate::signed::is_first;

/// A name that is given a rank.
#[derive(Clone, Copy)]
struct Ranked {
    piece: usize,
    /// The text that has the word, which may stand over the piece.
    word: Option<Rank>,
    highest: bool,
    place: usize,
    pred: Pred,
    /// Whether only the goal speaks of a rank: "Cádiz, with 7.9 %" where the highest was asked for.
    implied: bool,
}

/// Whether what is called highest or lowest is so by some figure that the words allow.
pub(super) fn look(
    reading: &Reading<'_>,
    table: usize,
    grid: &Grid,
    given: &Given,
    finding: &mut Finding,
) {
    let mut called: BTreeMap<Pred, Vec<(bool, Key)>> = BTreeMap::new();
    let mut ranked = all(reading, table, grid);
    if ranked.is_empty() {
        ranked.extend(implied(reading, table, grid));
    }
    for ranked in ranked {
        if given.lists(ranked.piece, &ranked.pred) {
            continue;
        }
        let key = key(reading, &ranked, grid);
        let known = called.entry(ranked.pred).or_default();
        let both = ranked.place == 1
            && known
                .iter()
                .any(|(highest, other)| *highest != ranked.highest && key.may_be(other));
        if ranked.place == 1 {
            known.push((ranked.highest, key));
        }
        // "The fastest growth" was asked for: who has it may have little.
        let goal = &reading.ground.asked.text;
        if ranked.implied
            && let [word] = ranks(goal).as_slice()
            && changes(goal, word) == Some(true)
        {
            finding.claims += 1;
            match grew(reading, &ranked, grid) {
                Some(false) => finding.issues.push(at(
                    reading,
                    ranked.piece,
                    Category::Accuracy,
                    Severity::Critical,
                    format!("{} has not changed most", grid.shown(&ranked.pred)),
                    "Name the one that the data shows",
                )),
                _ => finding.supported += 1,
            }
            continue;
        }
        let Some(mut orders) = orders_of(reading, &ranked, grid, given) else {
            continue;
        };
        if let Some(two) = of_two(reading, &ranked, grid) {
            orders.iter_mut().for_each(|order| order.keep(&two));
        }
        // Where no order has it nothing can be said.
        if orders.iter().all(|order| order.of(ranked.pred).is_none()) {
            continue;
        }
        finding.claims += 1;
        let asked = &reading.ground.asked.text;
        let inverse = match ranked.implied {
            true => asked.has(Sense::Inverse),
            false => is_inverse(reading, &ranked),
        };
        let listed: Vec<usize> = given
            .listed(&ranked.pred, grid)
            .into_iter()
            .filter_map(|by| match by {
                By::Figure(measure, _) => Some(measure),
                _ => None,
            })
            .collect();
        let measures = match listed.is_empty() {
            true => measures(reading, ranked.piece, grid).0,
            false => listed,
        };
        let valued = match ranked.implied {
            true => asked.has(Sense::Valued) || ranks(asked).is_empty(),
            false => reading.texts[ranked.piece].has(Sense::Valued),
        };
        let comes_first = ranked.implied && ranks(asked).is_empty();
        let good = |highest: bool| {
            let welcome = measures.iter().all(|measure| is_welcome(grid, *measure));
            welcome || (highest && !comes_first)
        };
        // The most punctual has the least delay; the most reliable may have the most of something good.
        let sides: &[bool] = match inverse {
            // The best may have the least of what is unwelcome.
            // What is best or worst has a side where the goal says which figures it wants.
            false if valued && sided(asked) == Some(true) => &[true],
            false if valued && sided(asked) == Some(false) => &[false],
            // The best may have the least of what is unwelcome, and the worst the most of what is not surely good.
            false if valued && measures.iter().any(|measure| is_a_fault(grid, *measure)) => {
                &[true, false]
            }
            false if valued && !good(ranked.highest) => &[true, false],
            false => &[ranked.highest],
            true if measures.iter().any(|measure| unwelcome(grid, *measure)) => &[!ranked.highest],
            true => &[true, false],
        };
        let holds = |order: &Order| {
            sides
                .iter()
                .any(|highest| order.holds(ranked.pred, *highest, ranked.place))
        };
        let placed =
            orders.iter().any(holds) && by_its_figure(reading, &ranked, grid) != Some(false);
        // Of its own periods a domain says which is first by the figures that it has of them.
        let of_domain = reading.ground.spelled
            && matches!(ranked.pred, Pred::At(..))
            && reading
                .claims_at(ranked.piece)
                .iter()
                .any(|claim| !claim.signed.is_empty());
        if of_domain || (!both && (placed || by_signed(reading, &ranked))) {
            finding.supported += 1;
            continue;
        }
        let which = match (ranked.highest, ranked.place) {
            (true, 1) => "the highest".to_owned(),
            (false, 1) => "the lowest".to_owned(),
            (true, place) => format!("number {place} from the top"),
            (false, place) => format!("number {place} from the bottom"),
        };
        let name = grid.shown(&ranked.pred);
        let what = match both {
            true => format!("{name} is called both highest and lowest"),
            false => format!("{name} is not {which}"),
        };
        let mut issue = at(
            reading,
            ranked.piece,
            Category::Accuracy,
            Severity::Critical,
            what,
            "Name the one that the data shows",
        );
        let shown: BTreeSet<String> = orders
            .iter()
            .take(4)
            .flat_map(|order| order.at(sides[0], ranked.place).take(4))
            .map(|pred| grid.shown(&pred))
            .collect();
        issue.evidence = (!shown.is_empty()).then(|| {
            format!(
                "{which} is {}",
                shown.into_iter().collect::<Vec<_>>().join(" or ")
            )
        });
        finding.issues.push(issue);
    }
}

/// Whether the figure that stands with the word is a signed one, and the first of its like.
fn by_signed(reading: &Reading<'_>, ranked: &Ranked) -> bool {
    let facts = &reading.ground.facts;
    let mut claims = reading.claims_at(ranked.piece).iter();
    ranked.place == 1
        && claims.any(|claim| {
            let mut signed = claim.signed.iter();
            signed.any(|at| is_first(facts, *at, ranked.highest))
        })
}

/// Whether a name stands at its place by its change between the two times of the table; none where there are more, or one.
fn grew(reading: &Reading<'_>, ranked: &Ranked, grid: &Grid) -> Option<bool> {
    let Pred::Is(column, _) = ranked.pred else {
        return None;
    };
    let time = grid.times().next()?;
    let periods = grid.periods(time, |moment| *moment);
    let [first, last] = periods.as_slice() else {
        return None;
    };
    let shares = reading.claims_at(ranked.piece).iter().any(|claim| {
        let unit = reading.number(claim).unit.as_ref();
        unit.is_some_and(crate::unit::Unit::is_share)
    });
    let change = |pred: Pred, measure: usize, share: bool| {
        let of = |moment: &Moment| {
            let mut preds = vec![pred, Pred::At(time, *moment)];
            preds.sort_unstable();
            grid.figures(&preds, measure).map(|figures| figures.total)
        };
        let (before, after) = (of(first)?, of(last)?);
        match share {
            true => (before != 0.0).then(|| (after - before) / before.abs()),
            false => Some(after - before),
        }
    };
    let many = u32::try_from(grid.names(column).len()).ok()?;
    let plain = grid
        .measures()
        .filter(|measure| !matches!(grid.columns[*measure].data, Data::Derived(_)));
    let ways = plain.flat_map(|measure| [(measure, true), (measure, false)]);
    let places = ways
        .filter(|(_, share)| *share || !shares)
        .filter_map(|(measure, share)| {
            let own = change(ranked.pred, measure, share)?;
            let before = (0..many)
                .filter_map(|code| change(Pred::Is(column, code), measure, share))
                .filter(|other| match ranked.highest {
                    true => *other > own,
                    false => *other < own,
                });
            Some(before.count() < ranked.place)
        });
    places.reduce(|one, other| one || other)
}

/// "The plane, with 7,603 in total" where the dearest was asked for: whether the name stands at its place by the figure that is told of it;
/// none where none is, or where the goal asks for another one.
fn by_its_figure(reading: &Reading<'_>, ranked: &Ranked, grid: &Grid) -> Option<bool> {
    let asked = &reading.ground.asked.text;
    let other = [Sense::Inverse, Sense::Valued, Sense::Per];
    if !ranked.implied || other.iter().any(|sense| asked.has(*sense)) {
        return None;
    }
    let fits = |stat: Stat| match stat {
        Stat::Total => {
            asked.has(Sense::Total) || !(asked.has(Sense::Mean) || asked.has(Sense::Median))
        }
        Stat::Mean => asked.has(Sense::Mean),
        _ => false,
    };
    let claims = reading.claims_at(ranked.piece).iter();
    let told: BTreeSet<(Stat, usize)> = claims
        .flat_map(|claim| &claim.found)
        .filter(|found| found.preds == [ranked.pred])
        .filter_map(|found| match (found.form, found.measure) {
            (Form::Figure(stat), Some(measure)) if fits(stat) => Some((stat, measure)),
            _ => None,
        })
        .collect();
    let all: Vec<Pred> = match ranked.pred {
        Pred::Is(column, _) => {
            let many = u32::try_from(grid.names(column).len()).ok()?;
            (0..many).map(|code| Pred::Is(column, code)).collect()
        }
        Pred::At(column, moment) if moment.day.is_some() => {
            let days = grid.periods(column, |moment| Moment {
                weekday: None,
                minute: None,
                quarter: None,
                ..*moment
            });
            days.into_iter().map(|day| Pred::At(column, day)).collect()
        }
        _ => return None,
    };
    let value = |pred: Pred, stat: Stat, measure: usize| {
        let figures = grid.figures(&[pred], measure)?;
        Some(if stat == Stat::Total {
            figures.total
        } else {
            figures.mean
        })
    };
    let places = told.into_iter().filter_map(|(stat, measure)| {
        let own = value(ranked.pred, stat, measure)?;
        let before = all
            .iter()
            .filter_map(|pred| value(*pred, stat, measure))
            .filter(|other| {
                let dust = own.abs().max(1.0) * 1e-9;
                if ranked.highest {
                    *other > own + dust
                } else {
                    *other < own - dust
                }
            });
        Some(before.count() < ranked.place)
    });
    places.reduce(|one, other| one || other)
}

/// Whether a word of rank is of a quantity that the first has least of, as "the most punctual" is.
fn is_inverse(reading: &Reading<'_>, ranked: &Ranked) -> bool {
    let text = &reading.texts[ranked.piece];
    // "With the least delay, it is the most punctual": of two words of rank each has its own clause.
    if let Some(word) = ranked.word.filter(|_| ranks(text).len() > 1)
        && text.has(Sense::Inverse)
    {
        let mut senses = text.senses();
        return senses
            .any(|(sense, at)| sense == Sense::Inverse && text.clause(at) == text.clause(word.at));
    }
    std::iter::once(text)
        .chain(reading.labels(ranked.piece).into_iter().take(2))
        .any(|text| text.has(Sense::Inverse))
}

/// What a text says of the figure that it ranks by; two that may be the same cannot both be highest and lowest.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    measures: BTreeSet<usize>,
    concepts: BTreeSet<u32>,
    senses: BTreeSet<Sense>,
}

impl Key {
    fn may_be(&self, other: &Self) -> bool {
        let silent = |key: &Self| key.concepts.is_empty() && key.senses.is_empty();
        self == other
            || (silent(self) && silent(other) && {
                self.measures.is_empty()
                    || other.measures.is_empty()
                    || self.measures.intersection(&other.measures).next().is_some()
            })
    }
}

fn key(reading: &Reading<'_>, ranked: &Ranked, grid: &Grid) -> Key {
    let text = &reading.texts[ranked.piece];
    let quantities: Vec<usize> = grid.measures().collect();
    let clause = ranked.word.map(|word| text.clause(word.at));
    let within = |place: usize| clause.is_none_or(|clause| text.clause(place) == clause);
    let concepts = text
        .tags
        .iter()
        .filter_map(|tag| match (tag.tag, ranked.word) {
            (Tag::Concept(concept), Some(word)) if tag.from < word.to && word.from < tag.to => {
                Some(concept)
            }
            _ => None,
        });
    let senses = text.senses().filter(|(sense, place)| {
        matches!(
            sense,
            Sense::Count | Sense::Mean | Sense::Total | Sense::Median
        ) && within(*place)
    });
    let named = crate::conditions::mentioned(text, grid);
    Key {
        measures: named
            .into_iter()
            .filter(|column| quantities.contains(column))
            .collect(),
        concepts: concepts.collect(),
        senses: senses.map(|(sense, _)| sense).collect(),
    }
}

/// Whether a goal asks who has the most or the least of something in all: "who sold most", "the most bottles", and not "the most humid".
fn asks_amounts(goal: &crate::text::Text, grid: &Grid) -> bool {
    let single = [
        Sense::Mean,
        Sense::Median,
        Sense::Per,
        Sense::Inverse,
        Sense::Valued,
    ];
    if single.iter().any(|sense| goal.has(*sense)) {
        return false;
    }
    goal.tags.iter().any(|tag| {
        let next = goal.stems.iter().find(|(word, _)| *word == tag.to);
        let quantity = next.is_none_or(|(_, stem)| {
            grid.measures()
                .any(|column| grid.columns[column].stems.contains(stem))
        });
        tag.tag == Tag::Sense(Sense::Amounts) && quantity
    })
}

/// The orders by the totals of the quantities that the goal names; of all that can be summed where it names none.
fn totals(reading: &Reading<'_>, ranked: &Ranked, grid: &Grid) -> Vec<Order> {
    let named: Vec<usize> = crate::conditions::mentioned(&reading.ground.asked.text, grid)
        .into_iter()
        .filter(|column| grid.measures().any(|own| own == *column))
        .collect();
    let all = match named.is_empty() {
        true => grid.measures().collect(),
        false => named,
    };
    all.into_iter()
        .map(|measure| By::Figure(measure, Stat::Total))
        .flat_map(|by| orders(reading, ranked.piece, &ranked.pred, by, grid))
        .collect()
}

/// Whether what stands over a piece speaks of no quantity: "Highest", "Leader".
fn names_none(reading: &Reading<'_>, piece: usize, grid: &Grid) -> bool {
    let mut over = reading.labels(piece).into_iter().take(2);
    over.all(|label| {
        let named = crate::conditions::mentioned(label, grid);
        !grid.measures().any(|measure| named.contains(&measure))
    })
}

/// The orders in which a name may stand at its place; none where the text ranks by what cannot be put in order here.
fn orders_of(
    reading: &Reading<'_>,
    ranked: &Ranked,
    grid: &Grid,
    given: &Given,
) -> Option<Vec<Order>> {
    let text = &reading.texts[ranked.piece];
    let change = ranked.word.and_then(|word| changes(text, &word));
    let ways = match change {
        Some(_) => {
            if !matches!(ranked.pred, Pred::At(..)) {
                return gaps(reading, ranked, grid);
            }
            let (measures, _) = measures(reading, ranked.piece, grid);
            let each = measures.into_iter();
            each.flat_map(|measure| [By::Change(measure), By::Growth(measure)])
                .collect()
        }
        None => {
            let meant = match ranked.word {
                Some(word) if word.compares => Meant::Figure,
                Some(word) => meant(text, &word, grid),
                None if ranked.implied => Meant::Figure,
                None if names_none(reading, ranked.piece, grid) => Meant::Lead,
                None => Meant::Quality,
            };
            let highest = Some(ranked.highest);
            let counted = ranked
                .word
                .is_some_and(|word| counts_rows(text, word.to, grid));
            if counted {
                return Some(orders(reading, ranked.piece, &ranked.pred, By::Count, grid));
            }
            let amounts = ranked.implied && asks_amounts(&reading.ground.asked.text, grid);
            let named = reading
                .claims_at(ranked.piece)
                .iter()
                .all(|claim| claim.found.is_empty());
            if amounts && named {
                return Some(totals(reading, ranked, grid));
            }
            ways(
                reading,
                ranked.piece,
                &ranked.pred,
                grid,
                given,
                meant,
                highest,
            )
        }
    };
    let falls = change == Some(false);
    let mut out = Vec::new();
    for by in ways {
        for order in orders(reading, ranked.piece, &ranked.pred, by, grid) {
            out.push(if falls { order.turned() } else { order });
        }
    }
    Some(out)
}

/// "The gap is biggest in Art": the orders by how far the two that the goal names lie apart.
fn gaps(reading: &Reading<'_>, ranked: &Ranked, grid: &Grid) -> Option<Vec<Order>> {
    let two: BTreeSet<Pred> = entities(&reading.ground.asked.text, 0, grid)
        .into_iter()
        .map(|entity| entity.pred)
        .filter(|pred| matches!(pred, Pred::Is(..)))
        .filter(|pred| !crate::explain::same_column(pred, &ranked.pred))
        .collect();
    let [one, other] = two.into_iter().collect::<Vec<Pred>>()[..] else {
        return None;
    };
    if !crate::explain::same_column(&one, &other) {
        return None;
    }
    let others = alternatives(grid, &ranked.pred);
    let (measures, _) = measures(reading, ranked.piece, grid);
    let ways = measures
        .into_iter()
        .flat_map(|measure| [(measure, Stat::Mean), (measure, Stat::Total)]);
    let orders = ways.map(|(measure, stat)| {
        let of = |name: Pred, side: Pred| {
            let mut preds = vec![name, side];
            preds.sort_unstable();
            figure(grid, &preds, measure, stat)
        };
        let values = others
            .iter()
            .filter_map(|name| Some((*name, (of(*name, one)? - of(*name, other)?).abs())));
        Order::by(values.collect())
    });
    Some(orders.collect())
}

/// Every name that is given a rank.
fn all(reading: &Reading<'_>, table: usize, grid: &Grid) -> Vec<Ranked> {
    let mut out = Vec::new();
    for piece in reading.said() {
        let text = &reading.texts[piece];
        let mut own = settled(text, &reading.ground.asked.text);
        if own.is_empty() {
            own.extend(place(reading, text));
        }
        let mut names: Vec<Entity> = entities(text, table, grid)
            .into_iter()
            .filter(|entity| groupable(grid, &entity.pred))
            .collect();
        if names.is_empty() && !own.is_empty() {
            names.extend(pointed_at(reading, piece, table, grid));
        }
        let different: BTreeSet<Pred> = names.iter().map(|entity| entity.pred).collect();
        let kinds: BTreeSet<(bool, usize)> =
            own.iter().map(|rank| (rank.highest, rank.place)).collect();
        for rank in &own {
            let clause = text.clause(rank.at);
            let here: Vec<&Entity> = names
                .iter()
                .filter(|entity| text.clause(entity.start) == clause)
                .collect();
            let among: BTreeSet<Pred> = here.iter().map(|entity| entity.pred).collect();
            let pred = match (among.len(), different.len()) {
                (1, _) => here.first().map(|entity| entity.pred),
                (0, 1) => different.first().copied(),
                // "Jena was highest, Kassel lowest": each word with the nearest name of its clause.
                (2.., _) if kinds.len() > 1 => here
                    .iter()
                    .min_by_key(|entity| entity.start.abs_diff(rank.at))
                    .map(|entity| entity.pred),
                _ => None,
            };
            out.extend(pred.map(|pred| Ranked {
                piece,
                word: Some(*rank),
                highest: rank.highest,
                place: rank.place,
                pred,
                implied: false,
            }));
        }
        if let (Some(rank), true) = (beaten_by_none(text), own.is_empty()) {
            let behind: BTreeSet<Pred> = names
                .iter()
                .filter(|entity| entity.start > rank.at)
                .map(|entity| entity.pred)
                .collect();
            if let (1, Some(pred)) = (behind.len(), behind.first()) {
                out.push(Ranked {
                    piece,
                    word: Some(rank),
                    highest: rank.highest,
                    place: 1,
                    pred: *pred,
                    implied: false,
                });
                continue;
            }
        }
        if own.is_empty() && different.len() == 1 {
            // "Highest average humidity | CR-1 (72.3 %)".
            let labels = reading.labels(piece);
            let label = labels
                .into_iter()
                .take(2)
                .find(|label| !ranks(label).is_empty() && entities(label, table, grid).is_empty());
            let over: BTreeSet<(bool, usize)> = label
                .iter()
                .flat_map(|label| ranks(label))
                .map(|rank| (rank.highest, rank.place))
                .collect();
            if let (1, Some((highest, place))) = (over.len(), over.first().copied()) {
                out.extend(names.first().map(|entity| Ranked {
                    piece,
                    word: None,
                    highest,
                    place,
                    pred: entity.pred,
                    implied: false,
                }));
            }
        }
    }
    out
}

/// "There it rained least": the one name of the sentence before, where this one begins with a word that points back.
fn pointed_at(reading: &Reading<'_>, piece: usize, table: usize, grid: &Grid) -> Option<Entity> {
    let text = &reading.texts[piece];
    let back = text
        .tags
        .iter()
        .any(|tag| tag.from < 2 && tag.tag == Tag::Sense(Sense::Back));
    let before = reading.place(piece).before.filter(|_| back)?;
    let names: Vec<Entity> = entities(before, table, grid)
        .into_iter()
        .filter(|entity| matches!(entity.pred, Pred::Is(..)) && groupable(grid, &entity.pred))
        .collect();
    let one = names.first()?;
    let alone = names.iter().all(|entity| entity.pred == one.pred);
    alone.then_some(Entity {
        start: 0,
        end: 0,
        ..*one
    })
}

/// The two of a kind that goal and piece speak of, where the piece says that one of two is meant: "the larger of the two".
fn of_two(reading: &Reading<'_>, ranked: &Ranked, grid: &Grid) -> Option<Vec<Pred>> {
    let text = &reading.texts[ranked.piece];
    if !text.has(Sense::OfTwo) || ranked.word.is_none() {
        return None;
    }
    let asked = entities(&reading.ground.asked.text, 0, grid);
    let two: BTreeSet<Pred> = asked
        .iter()
        .chain(&entities(text, 0, grid))
        .map(|entity| entity.pred)
        .filter(|pred| crate::explain::same_column(pred, &ranked.pred))
        .collect();
    (two.len() == 2 && two.contains(&ranked.pred)).then(|| two.into_iter().collect())
}

/// The one name that an answer gives to a goal that asks who is first.
fn implied(reading: &Reading<'_>, table: usize, grid: &Grid) -> Option<Ranked> {
    let goal = &reading.ground.asked.text;
    let mut asked = ranks(goal);
    // Of "le plus cher" two words of rank share one.
    asked.dedup_by(|later, rank| {
        later.from < rank.to && (later.highest, later.place) == (rank.highest, rank.place)
    });
    let rank = match asked.as_slice() {
        [rank] => *rank,
        // "Which one should be looked at first, because of its mites?"
        [] if comes_first(goal, grid) => Rank {
            highest: true,
            place: 1,
            at: 0,
            from: 0,
            to: 0,
            compares: false,
        },
        _ => return None,
    };
    if reading.texts.iter().any(|text| !ranks(text).is_empty()) {
        return None;
    }
    let piece = reading
        .said()
        .find(|piece| !reading.texts[*piece].is_empty())?;
    let given = entities(goal, table, grid);
    let names: BTreeSet<Pred> = entities(&reading.texts[piece], table, grid)
        .into_iter()
        .map(|entity| entity.pred)
        .filter(|pred| {
            groupable(grid, pred)
                && !given
                    .iter()
                    .any(|other| crate::explain::same_column(&other.pred, pred))
        })
        .collect();
    let mut names = names.into_iter();
    let (pred, None) = (names.next()?, names.next()) else {
        return None;
    };
    Some(Ranked {
        piece,
        word: None,
        highest: rank.highest,
        place: rank.place,
        pred,
        implied: true,
    })
}
