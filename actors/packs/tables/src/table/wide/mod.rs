//! Tables whose columns are periods: `region, Jan, Feb, Mar`. Read as they stand, nobody can ask for March or for the best month, and a sum needs
//! a column each. So the names of such columns become the values of one column, and each row becomes several.

use std::collections::BTreeSet;

mod periods;

use super::cells::{Cells, Characters, Source, keep};
use super::grid::Grid;
use super::infer::Column;
use super::keyed::Keyed;
use super::{Lines, names};
use crate::note::{Note, NoteKind};
use crate::{ColumnKind, Error, Unpivoted};
use aios_tools::{Check, Reserved};
use periods::{Kind, apart, is_german};

/// Rows that a table may have afterwards.
const ROWS: usize = 3_000_000;
/// Columns that may become rows.
const KEYS: usize = 400;

/// How a wide table becomes a long one.
#[derive(Debug)]
pub(super) struct Plan {
    /// What each row is of, as the names have it.
    keys: Vec<String>,
    /// For each measure the columns of its keys, in their order.
    measures: Vec<(String, Vec<String>)>,
    pub(super) told: Unpivoted,
    /// Columns that are repeated in each row made from one.
    pub(super) repeated: Vec<String>,
    /// Where each row is a measure of its own, the column that names them: they become columns.
    turned: Option<String>,
}

/// Plans it, if the names of several columns of numbers are periods. `titles` and the file's name may say what the numbers are.
pub(super) fn plan(
    columns: &[Column],
    rows: usize,
    source: Characters<'_>,
    titles: &[&str],
) -> Option<Plan> {
    let is_number =
        |column: &&Column| matches!(column.profile.kind, ColumnKind::Number | ColumnKind::Empty);
    let read: Vec<(&Column, String, Kind, String)> = columns
        .iter()
        .filter(is_number)
        .filter(|column| column.profile.sum_of.is_empty())
        .filter_map(|column| {
            let (measure, kind, key) = apart(&column.profile.name)?;
            Some((column, measure, kind, key))
        })
        .collect();
    let kinds: BTreeSet<Kind> = read.iter().map(|(_, _, kind, _)| *kind).collect();
    let kind = kinds
        .into_iter()
        .max_by_key(|kind| read.iter().filter(|(_, _, other, _)| other == kind).count())?;
    let of_kind: Vec<_> = read
        .into_iter()
        .filter(|(_, _, other, _)| *other == kind)
        .collect();
    // Questions of a survey are numbered beyond four.
    let survey = |column: &Column| {
        let name = column.profile.name.to_lowercase();
        name.strip_prefix('q').is_some_and(|rest| {
            rest.parse::<u32>()
                .is_ok_and(|number| number > 4 || number == 0)
        })
    };
    if kind == Kind::Quarter && columns.iter().any(survey) {
        return None;
    }
    let mut measures: Vec<(String, Vec<(String, String)>)> = Vec::new();
    for (column, measure, _, key) in &of_kind {
        let pair = (key.clone(), column.profile.name.clone());
        match measures.iter_mut().find(|(known, _)| known == measure) {
            Some((_, pairs)) => pairs.push(pair),
            None => measures.push((measure.clone(), vec![pair])),
        }
    }
    // Names that are nothing but periods are of one measure, whatever stands beside them.
    if measures.iter().any(|(name, _)| name.is_empty()) {
        measures.retain(|(name, _)| name.is_empty());
    }
    let keys: Vec<String> = measures
        .first()?
        .1
        .iter()
        .map(|(key, _)| key.clone())
        .collect();
    let different: BTreeSet<&String> = keys.iter().collect();
    let same = measures.iter().all(|(_, pairs)| {
        pairs.len() == keys.len() && pairs.iter().all(|(key, _)| different.contains(key))
    });
    let least = if kind.is_dated() { 2 } else { 3 };
    if !same
        || different.len() != keys.len()
        || !(least..=KEYS).contains(&keys.len())
        || rows.saturating_mul(keys.len()) > ROWS
    {
        return None;
    }
    let used: BTreeSet<&str> = measures
        .iter()
        .flat_map(|(_, pairs)| pairs.iter().map(|(_, name)| name.as_str()))
        .collect();
    let is_sum = |column: &&Column| {
        let parts = &column.profile.sum_of;
        !parts.is_empty() && parts.iter().all(|part| used.contains(part.as_str()))
    };
    let sums: Vec<String> = columns
        .iter()
        .filter(is_sum)
        .map(|column| column.profile.name.clone())
        .collect();
    let repeated: Vec<String> = columns
        .iter()
        .filter(|column| column.profile.kind == ColumnKind::Number && column.profile.adds_up)
        .map(|column| column.profile.name.clone())
        .filter(|name| !used.contains(name.as_str()) && !sums.contains(name))
        .collect();
    let german = columns.iter().any(|column| is_german(&column.profile.name));
    let beside = columns.iter().filter(|column| {
        !used.contains(column.profile.name.as_str()) && !sums.contains(&column.profile.name)
    });
    let turned = match (measures.as_slice(), beside.collect::<Vec<_>>().as_slice()) {
        ([_], [only]) => {
            names_measures(only, rows, source).map(|measures| (only.profile.name.clone(), measures))
        }
        _ => None,
    };
    let values: Vec<String> = measures
        .iter()
        .filter(|_| turned.is_none())
        .map(|(name, _)| {
            if name.is_empty() {
                said(titles, german)
            } else {
                name.clone()
            }
        })
        .collect();
    let taken = |name: &str| {
        columns.iter().any(|column| {
            !used.contains(column.profile.name.as_str())
                && column.profile.name.eq_ignore_ascii_case(name)
        })
    };
    let called = kind.column(german);
    let told = Unpivoted {
        name: if taken(called) {
            format!("{called} of the column")
        } else {
            called.to_owned()
        },
        values,
        columns: of_kind
            .iter()
            .map(|(column, ..)| column.profile.name.clone())
            .filter(|name| used.contains(name.as_str()))
            .collect(),
        sums,
    };
    let (turned, told) = match turned {
        Some((column, values)) => (Some(column), Unpivoted { values, ..told }),
        None => (None, told),
    };
    let measures = measures.into_iter().map(|(name, pairs)| {
        let column = |key: &String| {
            pairs
                .iter()
                .find(|(other, _)| other == key)
                .map(|(_, name)| name.clone())
        };
        let columns = keys.iter().filter_map(column).collect();
        (name, columns)
    });
    let measures = measures.collect();
    Some(Plan {
        keys,
        measures,
        told,
        repeated,
        turned,
    })
}

/// Plans to turn a table of which each row is a feature of things that have a column each: `Feature, Alba, Brio`.
pub(super) fn transposed(grid: &Grid, source: Characters<'_>) -> Option<Plan> {
    #[rustfmt::skip]
    const FEATURES: [&str; 36] = [
        "feature", "features", "property", "properties", "attribute", "attributes", "characteristic", "specification", "spec", "specs",
        "criterion", "criteria", "measure", "measurement", "metric", "parameter", "indicator", "merkmal", "eigenschaft", "kriterium",
        "kennzahl", "kennwert", "eigenschaften", "merkmale", "caractéristique", "critère", "propriété", "attribut", "indicateur",
        "característica", "propiedad", "atributo", "criterio", "indicador", "parámetro", "detail",
    ];
    let (first, others) = grid.columns.split_first()?;
    let (heading, things) = grid.names.split_first()?;
    let rows = grid.lines.len();
    let called = FEATURES.contains(&heading.trim().to_lowercase().as_str());
    if !called || others.len() < 2 || others.len() > KEYS || !(2..=MEASURED).contains(&rows) {
        return None;
    }
    let features: Vec<String> = (0..rows)
        .map(|row| first.text(row, source).map(|text| text.trim().to_owned()))
        .collect::<Option<_>>()?;
    let different: BTreeSet<&String> = features.iter().collect();
    let words = features
        .iter()
        .all(|feature| feature.chars().any(char::is_alphabetic));
    let periods = things.iter().any(|name| apart(name).is_some());
    let named = things
        .iter()
        .all(|name| name.chars().any(char::is_alphanumeric));
    if different.len() != rows || !words || periods || !named {
        return None;
    }
    let columns = names::unique(grid.names.clone(), &mut Vec::new());
    let (column, keys) = columns.split_first()?;
    Some(Plan {
        keys: keys.to_vec(),
        measures: vec![(String::new(), keys.to_vec())],
        told: Unpivoted {
            name: "name".to_owned(),
            values: names::unique(features, &mut Vec::new()),
            columns: keys.to_vec(),
            sums: Vec::new(),
        },
        repeated: Vec::new(),
        turned: Some(column.clone()),
    })
}

/// Rows that are turned into columns at most.
const MEASURED: usize = 60;

/// The names of the rows, if each is a measure of its own: `Revenue`, `Cost`, `Profit`. Their sum would mean nothing.
fn names_measures(column: &Column, rows: usize, source: Characters<'_>) -> Option<Vec<String>> {
    #[rustfmt::skip]
    const CALLED: [&str; 14] = [
        "metric", "metrics", "measure", "kpi", "indicator", "kennzahl", "kenngröße", "position", "line item", "indicateur", "indicador",
        "figure", "variable", "statement",
    ];
    if !(2..=MEASURED).contains(&rows) || column.profile.distinct != rows as u64 {
        return None;
    }
    let all: Option<Vec<String>> = (0..rows)
        .map(|row| column.cells.text(row, source).map(str::to_owned))
        .collect();
    let all = all?;
    let called = CALLED.contains(&column.profile.name.to_lowercase().as_str());
    let measures = all
        .iter()
        .filter(|name| MEASURES.contains(&name.to_lowercase().as_str()) || names::names_money(name))
        .count();
    (called || (measures > 1 && measures * 2 > rows)).then(|| names::unique(all, &mut Vec::new()))
}

/// What numbers are of, as titles and rows call it.
#[rustfmt::skip]
const MEASURES: [&str; 44] = [
    "revenue", "sales", "turnover", "costs", "cost", "expenses", "spending", "profit", "income", "units", "orders", "visits", "visitors",
    "users", "customers", "budget", "headcount", "production", "consumption", "usage", "rainfall", "temperature", "population", "cases",
    "deaths", "passengers", "exports", "imports", "emissions", "hours", "downloads", "views", "signups", "umsatz", "umsätze", "kosten",
    "ausgaben", "einnahmen", "menge", "besucher", "ventes", "ventas", "gastos", "stock",
];

/// What the numbers are, if a title or the file's name says it.
fn said(titles: &[&str], german: bool) -> String {
    let words = titles
        .iter()
        .flat_map(|title| title.split(|c: char| !c.is_alphabetic()));
    let found = words
        .map(str::to_lowercase)
        .find(|word| MEASURES.contains(&word.as_str()));
    found.unwrap_or_else(|| if german { "Wert" } else { "value" }.to_owned())
}

impl Plan {
    /// Turns the columns into rows.
    pub(super) fn apply(
        &self,
        grid: Grid,
        source: &mut Source,
        held: &mut Reserved,
        check: Check<'_>,
    ) -> Result<Grid, Error> {
        let called = names::unique(grid.names.clone(), &mut Vec::new());
        let at = |name: &String| called.iter().position(|other| other == name);
        let values: Vec<Vec<usize>> = self
            .measures
            .iter()
            .map(|(_, columns)| columns.iter().filter_map(at).collect())
            .collect();
        let gone: BTreeSet<usize> = values
            .iter()
            .flatten()
            .copied()
            .chain(self.told.sums.iter().filter_map(at))
            .collect();
        let kept: Vec<usize> = (0..called.len()).filter(|at| !gone.contains(at)).collect();
        // The names stand behind the text, like every cell that is not in it as it is.
        let mut labels = Vec::with_capacity(self.keys.len());
        for key in &self.keys {
            let start = source.text.len() + source.unquoted.len();
            keep(key, &mut source.unquoted, held)?;
            labels.push((start, start + key.len()));
        }
        if let Some(column) = &self.turned {
            return self.turn(grid, at(column), &values, &labels, source, held);
        }
        let width = kept.len() + 1 + values.len();
        let mut columns: Vec<Cells> = Vec::new();
        columns.resize_with(width, || Cells::of_columns(width));
        let keyed = Keyed::new();
        let mut lines = Lines::default();
        for row in 0..grid.lines.len() {
            if row % 1_024 == 0 {
                check()?;
            }
            let line = grid.lines.get(row).unwrap_or_default();
            let place = |at: usize| grid.columns.get(at).and_then(|column| column.place(row));
            for (key, (start, end)) in labels.iter().enumerate() {
                let measured: Vec<_> = values
                    .iter()
                    .map(|columns| columns.get(key).and_then(|at| place(*at)))
                    .collect();
                // What was never filled in is no row.
                if measured.iter().all(Option::is_none) {
                    continue;
                }
                let long = lines.len();
                let label = super::cells::Place::new(*start, *end);
                let places = kept
                    .iter()
                    .map(|at| place(*at))
                    .chain([label])
                    .chain(measured);
                for (column, place) in columns.iter_mut().zip(places) {
                    if let Some(place) = place {
                        column.push(long, place, source.characters(), &keyed, held)?;
                    }
                }
                lines.push(line, held)?;
            }
        }
        for column in &mut columns {
            column.finish(held);
        }
        let name = |at: &usize| called.get(*at).cloned().unwrap_or_default();
        let names = kept
            .iter()
            .map(name)
            .chain([self.told.name.clone()])
            .chain(self.told.values.iter().cloned())
            .collect();
        let stated = |at: usize| grid.units.get(at).copied().flatten();
        let units = kept
            .iter()
            .map(|at| stated(*at))
            .chain([None])
            .chain(
                values
                    .iter()
                    .map(|columns| columns.first().and_then(|at| stated(*at))),
            )
            .collect();
        Ok(Grid {
            names,
            units,
            lines,
            columns,
            ..grid
        })
    }

    /// Makes a column of each row, and a row of each column.
    fn turn(
        &self,
        grid: Grid,
        naming: Option<usize>,
        values: &[Vec<usize>],
        labels: &[(usize, usize)],
        source: &Source,
        held: &mut Reserved,
    ) -> Result<Grid, Error> {
        let rows = grid.lines.len();
        let mut columns: Vec<Cells> = Vec::new();
        columns.resize_with(rows + 1, || Cells::of_columns(rows + 1));
        let keyed = Keyed::new();
        let mut lines = Lines::default();
        // What was a column has no line of its own but that of the names.
        let line = grid.lines.get(0).unwrap_or(1).saturating_sub(1);
        let from = values.first().map_or(&[] as &[usize], Vec::as_slice);
        for (row, ((start, end), at)) in labels.iter().zip(from).enumerate() {
            let place = |of: usize| grid.columns.get(*at).and_then(|column| column.place(of));
            let label = super::cells::Place::new(*start, *end);
            let places = [label].into_iter().chain((0..rows).map(place));
            for (column, place) in columns.iter_mut().zip(places) {
                if let Some(place) = place {
                    column.push(row, place, source.characters(), &keyed, held)?;
                }
            }
            lines.push(line, held)?;
        }
        for column in &mut columns {
            column.finish(held);
        }
        let called = naming.and_then(|at| grid.names.get(at));
        let known = called.map(String::as_str).unwrap_or_default();
        let name = if known.eq_ignore_ascii_case(&self.told.name) {
            "period"
        } else {
            &self.told.name
        };
        let names: Vec<String> = [name.to_owned()]
            .into_iter()
            .chain(self.told.values.iter().cloned())
            .collect();
        Ok(Grid {
            units: vec![None; names.len()],
            names,
            lines,
            columns,
            ..grid
        })
    }

    /// What was done, said.
    pub(super) fn notes(&self) -> Vec<Note> {
        let Unpivoted {
            name,
            values,
            columns,
            sums,
        } = &self.told;
        let quoted = |names: &[String]| {
            names
                .iter()
                .map(|name| format!("{name:?}"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let from = match columns.as_slice() {
            [first, .., last] => format!("{first:?} to {last:?}"),
            columns => quoted(columns),
        };
        let mut text = format!(
            "the {} columns {from} are read as rows: {name:?} says which column, {} the values",
            columns.len(),
            match values.as_slice() {
                [one] => format!("{one:?} holds"),
                several => format!("{} hold", quoted(several)),
            }
        );
        if !sums.is_empty() {
            text.push_str(&format!("; {} adds them up and is left out", quoted(sums)));
        }
        if let Some(turned) = &self.turned {
            text.push_str(&format!(", one for each row of {turned:?}"));
        }
        let mut notes = vec![Note::new(NoteKind::Unpivoted, text)];
        if !self.repeated.is_empty() {
            notes.push(Note::new(
                NoteKind::Unpivoted,
                format!(
                    "{} stands beside each of these rows and is not added up",
                    quoted(&self.repeated)
                ),
            ));
        }
        notes
    }
}
