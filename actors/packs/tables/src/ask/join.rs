//! Which tables a question needs, and the column by which their rows belong together.

use super::question::{Column as Id, Filter, Group, Make, Measure, Question, Tables, Test, Wanted};
use super::schema::{Column, Schema, file_words};

/// The tables that the questions need. Where it is more than one, the first is the one whose rows are counted and added.
///
/// # Errors
/// Why the tables cannot be asked together.
pub(super) fn tables(
    schema: &Schema,
    questions: &[Question],
    counted: Option<&str>,
) -> Result<Tables, String> {
    let named = |name: &str| {
        let known = schema.tables.iter().find(|(_, known, _)| known == name);
        known.map(|(file, name, _)| (file.clone(), name.clone()))
    };
    let mut needed: Vec<String> = Vec::new();
    for question in questions {
        // Measures come first, and so does their table.
        for column in columns(question) {
            if !needed.contains(&column.table) {
                needed.push(column.table.clone());
            }
        }
    }
    // Rows that are counted are those of the file that is named.
    let rows = |question: &Question| match &question.wanted {
        Wanted::Figures(figures) => figures.iter().any(|figure| figure.of == Measure::Rows),
        _ => false,
    };
    // "what do we earn from the enrolments if everybody pays the price": a price is paid for each row of the file that is named.
    let paid = |question: &Question| match &question.wanted {
        Wanted::Figures(figures) => figures.iter().all(|figure| {
            let price = |id: &Id| {
                schema.columns.iter().any(|column| {
                    column.id == *id
                        && column
                            .concepts
                            .contains(&aios_languages::concept_number("price"))
                        && counted.is_some_and(|counted| {
                            id.table != counted
                                && key_of(schema, counted, &id.table, true).is_some()
                        })
                })
            };
            figure.make == Make::Total && matches!(&figure.of, Measure::Of(id) if price(id))
        }),
        _ => false,
    };
    if let Some(counted) = counted
        && (questions.iter().any(rows) || !questions.is_empty() && questions.iter().all(paid))
        && !needed.iter().any(|known| known == counted)
    {
        needed.insert(0, counted.to_owned());
    }
    let Some(first) = needed
        .first()
        .cloned()
        .or_else(|| schema.tables.first().map(|(_, name, _)| name.clone()))
    else {
        return Ok(Tables {
            all: Vec::new(),
            keys: Vec::new(),
            stacked: false,
        });
    };
    if needed.len() < 2 {
        return Ok(Tables {
            all: named(&first).into_iter().collect(),
            keys: Vec::new(),
            stacked: false,
        });
    }
    // Where rows without a match are asked for, several of the other table's may have one.
    let lacks = |other: &str| {
        questions.len() == 1
            && questions
                .iter()
                .flat_map(|question| &question.filters)
                .any(|filter| filter.test == Test::Missing && filter.column.table == *other)
    };
    // The table of facts has several rows for each of the others': it stands first, whatever is measured.
    let keys_from = |first: &String| -> Option<Vec<(Id, Id)>> {
        let others = needed.iter().filter(|other| *other != first);
        others
            .map(|other| key_of(schema, first, other, !lacks(other)))
            .collect()
    };
    let (first, keys) = needed
        .iter()
        .find_map(|first| Some((first, keys_from(first)?)))
        .ok_or("no_key")?;
    let others = needed.iter().filter(|other| *other != first);
    let all: Vec<(String, String)> = std::iter::once(first)
        .chain(others)
        .filter_map(|name| named(name))
        .collect();
    Ok(Tables {
        all,
        keys,
        stacked: false,
    })
}

/// The columns of two tables that must be equal: of the same name, or one called after the other's file; `single` where each row may have
/// one match only.
pub(super) fn key_of(schema: &Schema, first: &str, other: &str, single: bool) -> Option<(Id, Id)> {
    let of = |table: &str| -> Vec<&Column> {
        schema
            .columns
            .iter()
            .filter(|column| column.id.table == table)
            .collect()
    };
    let file = schema
        .tables
        .iter()
        .find(|(_, name, _)| name == other)
        .map(|(file, ..)| file_words(file))
        .unwrap_or_default();
    let unique =
        |column: &Column| column.distinct + column.missing >= column.rows && column.distinct > 0;
    let mut best: Option<(u8, Id, Id)> = None;
    for one in of(first) {
        for two in of(other) {
            if single && !unique(two) || two.is_measure() && !one.is_measure() {
                continue;
            }
            let same = one.words == two.words;
            let id = |column: &Column| {
                column.words.iter().any(|word| {
                    ["id", "no", "nr", "key", "code", "number"].contains(&word.as_str())
                })
            };
            let called = one.words.iter().any(|word| file.contains(word))
                && (two.words.len() == 1 && id(two)
                    || two.words.iter().any(|word| file.contains(word)));
            let rank = match (same, id(one) || id(two), called) {
                (true, true, _) => 3,
                (true, false, _) => 2,
                (false, _, true) => 1,
                _ => continue,
            };
            if best.as_ref().is_none_or(|(known, ..)| rank > *known) {
                best = Some((rank, one.id.clone(), two.id.clone()));
            }
        }
    }
    best.map(|(_, one, two)| (one, two))
}

fn of_measure(measure: &Measure) -> Vec<&Id> {
    match measure {
        Measure::Rows => Vec::new(),
        Measure::Plus(all) => all.iter().collect(),
        Measure::Distinct(column) | Measure::Periods(column, _) | Measure::Of(column) => {
            vec![column]
        }
        Measure::Product(one, other)
        | Measure::Less(one, other)
        | Measure::Elapsed(one, other)
        | Measure::Lasted(one, other, _)
        | Measure::Shift(one, other)
        | Measure::Rated(one, other, _) => {
            vec![one, other]
        }
    }
}

/// Every column that a question needs, measures first.
pub(super) fn columns(question: &Question) -> Vec<&Id> {
    let mut out: Vec<&Id> = Vec::new();
    fn push_figure<'q>(figure: &'q super::question::Figure, out: &mut Vec<&'q Id>) {
        out.extend(of_measure(&figure.of));
        match &figure.make {
            Make::Over(over, _) => out.extend(of_measure(over)),
            Make::Weighted(column) | Make::Correlation(column) => out.push(column),
            Make::Moved { from, to, .. } => out.extend([&from.1.column, &to.1.column]),
            _ => {}
        }
    }
    fn push_filter<'q>(filter: &'q Filter, out: &mut Vec<&'q Id>) {
        out.push(&filter.column);
        match &filter.test {
            Test::Over(other, _) | Test::Under(other, _) => out.push(other),
            Test::Either(all) | Test::Has(all) => {
                all.iter().for_each(|filter| push_filter(filter, out))
            }
            _ => {}
        }
    }
    match &question.wanted {
        Wanted::Figures(figures) => figures
            .iter()
            .for_each(|figure| push_figure(figure, &mut out)),
        Wanted::Row { measure, .. } => out.push(measure),
        Wanted::Values(column) => out.push(column),
        Wanted::Versus(figure, versus) => {
            push_figure(figure, &mut out);
            push_filter(&versus.from.1, &mut out);
            push_filter(&versus.to.1, &mut out);
        }
    }
    question
        .filters
        .iter()
        .for_each(|filter| push_filter(filter, &mut out));
    for group in &question.groups {
        let (Group::By(column)
        | Group::Each(column, _)
        | Group::Weekday(column)
        | Group::Hour(column)) = group;
        out.push(column);
    }
    out
}
