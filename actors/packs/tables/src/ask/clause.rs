//! Where one question of a goal ends and the next begins.

use aios_languages::{Ask, Hint, concept_number, hints};

use super::chosen::is_chosen_by_an_end;
use super::marks::{Mark, What};
pub(super) use super::marks::{is_an_end, is_filler};
use super::schema::Schema;
use super::words::Words;

/// The marks of each question, as ranges.
pub(super) fn clauses(words: &Words, marks: &[Mark], schema: &Schema) -> Vec<(usize, usize)> {
    let mut out = Vec::new();
    let mut from = 0;
    for at in 1..marks.len() {
        if from < at && splits(words, marks, schema, from, at) {
            out.push((from, at));
            from = at;
        }
    }
    out.push((from, marks.len()));
    out.retain(|(from, to)| from < to);
    // "best branch and total sales": by what it is the best is said behind it.
    for at in 1..out.len() {
        let part = |at: usize| {
            let (from, to) = out.get(at).copied().unwrap_or_default();
            marks.get(from..to).unwrap_or_default()
        };
        let first = part(at - 1);
        if (chooses(first, schema) || is_chosen_by_an_end(words, first, schema))
            && is_of_all(part(at), schema)
        {
            out.swap(at - 1, at);
        }
    }
    out
}

fn splits(words: &Words, marks: &[Mark], schema: &Schema, from: usize, at: usize) -> bool {
    let Some(mark) = marks.get(at) else {
        return false;
    };
    let gap = words.gap(mark.from);
    if gap.contains(['?', ';', '!', '\n']) || gap.contains(". ") {
        return true;
    }
    // "and which", ", how many": behind a word that joins, or a comma.
    let joins = |mark: &Mark| mark.what == What::Ask(Ask::And);
    let before = at.checked_sub(1).and_then(|before| marks.get(before));
    if !before.is_some_and(joins) && !gap.contains(',') {
        return false;
    }
    // "on average, how many days": what only says how is no question.
    let asks_nothing = marks.get(from..at).is_some_and(|left| {
        left.iter().all(|mark| {
            matches!(
                mark.what,
                What::Ask(
                    Ask::Filler
                        | Ask::Mean
                        | Ask::Median
                        | Ask::Total
                        | Ask::And
                        | Ask::From
                        | Ask::To
                )
            )
        })
    });
    if asks_nothing || leads(words, marks.get(from..at).unwrap_or_default(), schema) {
        return false;
    }
    let mut rest = marks.get(at..).unwrap_or_default().iter();
    let head = rest.find(|mark| !is_filler(mark));
    let asks =
        |ask: Ask| matches!(&head, Some(Mark { what: What::Ask(other), .. }) if *other == ask);
    if [Ask::Which, Ask::Who, Ask::When, Ask::Where, Ask::Count]
        .into_iter()
        .any(asks)
        || head.is_some_and(|head| {
            head.to - head.from > 1 && matches!(head.what, What::Ask(Ask::Total))
        })
    {
        return true;
    }
    // "which overran its plan the most, and by how much": the figure is told beside the name.
    let by_how_much = asks(Ask::Change)
        && head.is_some_and(|head| head.to - head.from > 1)
        && rest.clone().all(is_filler)
        && !marks.get(from..at).unwrap_or_default().iter().any(|mark| {
            matches!(
                mark.what,
                What::Ask(Ask::Growth | Ask::Change | Ask::Compare)
            )
        });
    if by_how_much {
        return true;
    }
    // "total revenue and average price": each side has a figure of its own.
    let figure = matches!(
        head.map(|head| &head.what),
        Some(What::Ask(
            Ask::Total
                | Ask::Mean
                | Ask::Median
                | Ask::Highest
                | Ask::Lowest
                | Ask::Distinct
                | Ask::Deviation
        ))
    );
    let left = marks.get(from..at).unwrap_or_default();
    let right = marks.get(at..).unwrap_or_default();
    // "total sales, best branch and worst branch": one part of what follows.
    let next = (1..right.len()).find(|behind| {
        right.get(*behind).is_some_and(|mark| {
            mark.what == What::Ask(Ask::And) || words.gap(mark.from).contains(',')
        })
    });
    let one = right.get(..next.unwrap_or(right.len())).unwrap_or_default();
    figure && has_measure(left, schema) && has_measure(right, schema)
        || is_of_all(left, schema) && chooses(one, schema)
        || chooses(left, schema) && is_of_all(right, schema)
        || is_chosen_by_an_end(words, one, schema)
            && (is_of_all(left, schema) || is_chosen_by_an_end(words, left, schema))
        // "loans per month and the total"
        || left.iter().any(|mark| mark.what == What::Ask(Ask::Per)) && is_a_total(right)
}

/// "the total": of what was asked for each of something.
pub(super) fn is_a_total(marks: &[Mark]) -> bool {
    marks.iter().any(|mark| mark.what == What::Ask(Ask::Total))
        && marks
            .iter()
            .all(|mark| is_filler(mark) || mark.what == What::Ask(Ask::Total))
}

/// "total sales", "average price": a figure of all rows, or of each group.
fn is_of_all(marks: &[Mark], schema: &Schema) -> bool {
    let said = |ask: Ask| marks.iter().any(|mark| mark.what == What::Ask(ask));
    let figure = said(Ask::Total) || said(Ask::Mean) || said(Ask::Median) || said(Ask::Per);
    let ranked = marks.iter().any(is_an_end);
    // "Gesamtumsatz": the word for all stands in the thing's own.
    let alone = marks.iter().filter(|mark| !is_filler(mark)).count() == 1;
    (figure || alone) && !ranked && has_measure(marks, schema)
}

/// What is told apart and never measured.
const THINGS: [&str; 10] = [
    "employee", "customer", "student", "patient", "product", "city", "store", "region", "country",
    "event",
];

/// "best branch", "the most expensive project", "le chantier le plus cher": one thing of several, by no measure that is named.
fn chooses(marks: &[Mark], schema: &Schema) -> bool {
    let said: Vec<&Mark> = marks.iter().filter(|mark| !is_filler(mark)).collect();
    let [one, other] = said.as_slice() else {
        return false;
    };
    let thing = |mark: &Mark| match &mark.what {
        What::Column(all, _) => all
            .first()
            .and_then(|place| schema.columns.get(*place))
            .is_some_and(|column| !column.is_measure()),
        What::Ask(Ask::Day | Ask::Week | Ask::Month | Ask::Quarter | Ask::Year | Ask::Weekday)
        | What::File => true,
        What::Concept(concept) => THINGS.iter().any(|name| concept_number(name) == *concept),
        _ => false,
    };
    is_an_end(one) && thing(other) || thing(one) && is_an_end(other)
}

/// "In May, how many ...", "Besides rent, what ...": which rows are meant, said ahead of what is asked of them.
fn leads(words: &Words, left: &[Mark], schema: &Schema) -> bool {
    let led = left
        .first()
        .map(|mark| words.text(mark.from))
        .is_some_and(|word| hints(Hint::Leading, word) || hints(Hint::Apart, word));
    led && !has_measure(left, schema)
        && left.iter().all(|mark| match &mark.what {
            What::Ask(ask) => matches!(
                ask,
                Ask::Filler
                    | Ask::And
                    | Ask::Or
                    | Ask::From
                    | Ask::To
                    | Ask::Without
                    | Ask::Only
                    | Ask::Since
                    | Ask::Until
                    | Ask::Before
                    | Ask::After
                    | Ask::Between
                    | Ask::Per
                    | Ask::Rows
            ),
            What::Superlative(..) | What::Ordinal(_) => false,
            _ => true,
        })
}

fn has_measure(marks: &[Mark], schema: &Schema) -> bool {
    marks.iter().any(|mark| match &mark.what {
        What::Column(all, _) => all
            .first()
            .and_then(|place| schema.columns.get(*place))
            .is_some_and(super::schema::Column::is_measure),
        What::Concept(_) => true,
        _ => false,
    })
}
