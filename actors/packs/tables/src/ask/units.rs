//! Units: which columns are counted in one, by their name or what stands beside their numbers, and units that a goal names without a number.

use std::collections::BTreeMap;

use aios_languages::{Hint, Tag, UnitName, fold, folded, hints, lexicon};

use super::marks::What;
use super::schema::{Column, Schema};
use super::words::Words;

/// Units that a goal names, by the word with which they begin, with the place behind them.
pub(super) fn units(words: &Words) -> BTreeMap<usize, (usize, UnitName)> {
    let tags = lexicon(&words.language).map(|lexicon| lexicon.tags(&words.all));
    let mut out: BTreeMap<usize, (usize, UnitName)> = BTreeMap::new();
    for tag in tags.into_iter().flatten() {
        if let Tag::Unit(unit) = tag.tag {
            // "kilowatt hours" are no kilowatts.
            let known = out.entry(tag.from).or_insert((tag.to, unit));
            if known.0 < tag.to {
                *known = (tag.to, unit);
            }
        }
    }
    out
}

/// What units a word may be, in any language.
pub(super) fn units_of(word: &str) -> Vec<UnitName> {
    let words = folded(word);
    let tags = ["en", "de", "fr", "es"]
        .into_iter()
        .filter_map(lexicon)
        .flat_map(|lexicon| lexicon.tags(&words));
    tags.filter_map(|tag| match tag.tag {
        Tag::Unit(unit) => Some(unit),
        _ => None,
    })
    .collect()
}

/// Whether a word is a unit of what is measured and not paid.
pub(super) fn is_physical(word: &str) -> bool {
    let tags = lexicon("en").map(|lexicon| lexicon.tags(&folded(word)));
    tags.into_iter().flatten().any(|tag| match tag.tag {
        Tag::Unit(unit) => matches!(
            unit,
            UnitName::KilowattHour
                | UnitName::Kilogram
                | UnitName::Gram
                | UnitName::Tonne
                | UnitName::Litre
                | UnitName::Kilometre
                | UnitName::Hour
                | UnitName::Minute
        ),
        _ => false,
    })
}

/// "how many kilos", "in rupees": a unit that stands without a number hints at the columns that are counted in it; behind "in" it says no
/// more than their unit does.
pub(super) fn without_a_number(
    at: usize,
    words: &Words,
    schema: &Schema,
    units: &BTreeMap<usize, (usize, UnitName)>,
) -> Option<(usize, What)> {
    let led = at
        .checked_sub(1)
        .is_some_and(|before| hints(Hint::Inside, words.text(before)));
    let text = words.text(at);
    let written = |column: &Column| {
        let unit = column.id.unit.as_deref();
        unit.is_some_and(|unit| fold(unit) == text)
            || column.is_measure()
                && folded(&column.id.name)
                    .iter()
                    .skip(1)
                    .any(|word| word.text == text)
    };
    // "in mm" of `rainfall_mm.csv`
    let filed = |file: &String| {
        let words = super::schema::file_words(file);
        words.len() > 1 && words.last().is_some_and(|last| last == text)
    };
    if led
        && (schema.columns.iter().any(written)
            || schema.tables.iter().any(|(file, ..)| filed(file)))
    {
        return Some((at + 1, What::Unit(None)));
    }
    let (to, unit) = *units.get(&at)?;
    let time = matches!(
        unit,
        UnitName::Second
            | UnitName::Minute
            | UnitName::Hour
            | UnitName::Day
            | UnitName::Week
            | UnitName::Month
            | UnitName::Year
            | UnitName::Percent
            | UnitName::Point
    );
    let columns = schema.columns.iter().enumerate();
    let all: Vec<usize> = columns
        .filter(|(_, column)| column.is_measure() && has_unit(column, unit))
        .map(|(place, _)| place)
        .collect();
    match (all.is_empty(), led) {
        _ if time => None,
        (true, _) => None,
        (false, true) => Some((to, What::Unit(Some(unit)))),
        (false, false) => Some((to, What::Kin(all))),
    }
}

/// Whether a unit is a currency.
pub(super) fn is_money(unit: UnitName) -> bool {
    matches!(
        unit,
        UnitName::Eur
            | UnitName::Usd
            | UnitName::Gbp
            | UnitName::Chf
            | UnitName::Jpy
            | UnitName::Inr
    )
}

/// Whether a word of a heading makes one thing told for another of what stands before it and behind: `Price per kg`, `Preis je kg`.
pub(super) fn divides(word: &str) -> bool {
    hints(Hint::Dividing, word) || hints(Hint::ForOne, word)
}

/// Whether a column counts in that unit, by its name or unit.
pub(super) fn has_unit(column: &Column, unit: UnitName) -> bool {
    let names = names_of(unit);
    // "Produced kWh" is two words, though a name may be written `likeThis`.
    let spoken = [
        super::words::spaced(&column.id.name),
        folded(&column.id.name),
    ];
    // A price per night counts no nights.
    let by_name = spoken.iter().any(|spoken| {
        spoken
            .iter()
            .take_while(|word| !divides(&word.text))
            .any(|word| names.contains(&word.text.as_str()))
    });
    // Nor does `Prix au kg` count any kilograms, though it ends with them.
    let divided = spoken[0].last().is_some_and(|last| {
        names.contains(&last.text.as_str()) && spoken[0].iter().any(|word| divides(&word.text))
    });
    let by_unit = column
        .id
        .unit
        .as_deref()
        .is_some_and(|unit| names.contains(&unit.to_lowercase().as_str()));
    by_name || by_unit && !divided
}

/// How headings write a unit, and what is always counted in it.
pub(super) fn names_of(unit: UnitName) -> &'static [&'static str] {
    match unit {
        UnitName::Day => &[
            "day", "days", "tag", "tage", "jour", "jours", "dia", "dias", "d", "nights", "night",
            "nachte", "nuits", "noches",
        ],
        UnitName::Hour => &[
            "hour", "hours", "h", "hr", "hrs", "std", "stunden", "heures", "horas",
        ],
        UnitName::Minute => &["minute", "minutes", "min", "minuten", "minutos", "mins"],
        UnitName::Second => &["second", "seconds", "s", "sec", "sekunden"],
        UnitName::Year => &["year", "years", "age", "alter", "jahre", "ans", "edad"],
        UnitName::Week => &["week", "weeks", "wochen"],
        UnitName::Month => &["month", "months", "monate"],
        UnitName::Kilogram => &["kg", "weight", "gewicht", "poids", "peso"],
        UnitName::Gram => &["g", "gram", "grams"],
        UnitName::Kilometre => &["km", "distance", "kilometers", "kilometres", "strecke"],
        UnitName::Metre => &["m", "height", "metre", "metres"],
        UnitName::Percent => &["%", "percent", "pct"],
        UnitName::Celsius | UnitName::Degree => &["c", "°c", "temp", "temperature", "temperatur"],
        UnitName::Eur => &["eur", "€"],
        UnitName::Usd => &["usd", "$"],
        UnitName::Gbp => &["gbp", "£"],
        UnitName::Chf => &["chf"],
        UnitName::Inr => &["inr", "₹"],
        UnitName::Jpy => &["jpy", "¥"],
        UnitName::Tonne => &["t", "tonnes", "tonne", "tons", "tonnen", "toneladas"],
        UnitName::Litre => &["l", "litres", "liters", "liter", "litros"],
        UnitName::Millilitre => &["ml"],
        UnitName::Millimetre => &["mm"],
        UnitName::Centimetre => &["cm"],
        UnitName::Hectare => &["ha", "hectares", "hektar", "hectareas"],
        UnitName::KilowattHour => &["kwh"],
        UnitName::MegawattHour => &["mwh"],
        UnitName::Mile => &["mi", "miles"],
        _ => &[],
    }
}
