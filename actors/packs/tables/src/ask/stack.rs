//! Several files of one form, such as one a year: they are read as one table, one below the other.

use aios_work::Value;

use super::schema::{Seen, Values};
use crate::{ColumnProfile, TableProfile};

/// What is known of all of them together; none where they are not of one form.
pub(super) fn merged(seen: &[Seen<'_>]) -> Option<TableProfile> {
    let (first, others) = seen.split_first()?;
    if others.is_empty() || first.profile.columns.len() < 2 {
        return None;
    }
    let mut all = first.profile.clone();
    for other in others {
        if other.profile.columns.len() != all.columns.len() {
            return None;
        }
        all.rows += other.profile.rows;
        for (column, more) in all.columns.iter_mut().zip(&other.profile.columns) {
            join(column, more)?;
        }
    }
    Some(all)
}

/// The tables as one; where their rows come from is in the list of tables.
pub(super) fn stacked<'a>(
    seen: &[Seen<'_>],
    profile: Option<&'a TableProfile>,
) -> Option<Seen<'a>> {
    let first = seen.first()?;
    let mut values = Values::default();
    for found in seen.iter().flat_map(|table| &table.values.values) {
        if !values.values.contains(found) {
            values.values.push(found.clone());
        }
    }
    Some(Seen {
        file: first.file.clone(),
        name: first.name.clone(),
        profile: profile?,
        values,
    })
}

fn join(one: &mut ColumnProfile, other: &ColumnProfile) -> Option<()> {
    // Of one name, kind and unit, or their values cannot stand below each other.
    if one.name != other.name || one.kind != other.kind || one.unit != other.unit {
        return None;
    }
    if one.unit_column != other.unit_column || one.date_format != other.date_format {
        return None;
    }
    one.missing += other.missing;
    one.distinct = one.distinct.saturating_add(other.distinct);
    one.adds_up &= other.adds_up;
    one.decimals = one.decimals.max(other.decimals);
    let least = less(&other.min, &one.min);
    let most = less(&one.max, &other.max);
    if least {
        one.min.clone_from(&other.min);
    }
    if most {
        one.max.clone_from(&other.max);
    }
    if one.truth != other.truth {
        one.truth = None;
    }
    if one.quotient_of != other.quotient_of {
        one.quotient_of = None;
    }
    Some(())
}

fn less(one: &Option<Value>, other: &Option<Value>) -> bool {
    let (Some(one), Some(other)) = (one, other) else {
        return one.is_some();
    };
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one < other,
        _ => one.as_str() < other.as_str(),
    }
}
