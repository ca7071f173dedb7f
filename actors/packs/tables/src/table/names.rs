//! What a column's name tells about it, where its cells alone leave a choice.

use super::units::{currency, measure};
use crate::note::{Note, NoteKind};
use aios_languages::{Hint, folded, hints};

/// The words of a name: `CustomerID`, `customer_id` and `Customer ID` are `customer`, `id`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut last_lower = false;
    for c in name.chars() {
        let boundary = !c.is_alphanumeric() && !matches!(c, '#' | '%' | '€' | '$' | '£');
        if boundary || (c.is_uppercase() && last_lower) {
            words.push(String::new());
        }
        if !boundary && let Some(word) = words.last_mut() {
            word.extend(c.to_lowercase());
        }
        last_lower = c.is_lowercase() || c.is_ascii_digit();
    }
    words.retain(|word| !word.is_empty());
    words
}

fn any_word(name: &str, wanted: &[&str]) -> bool {
    words(name)
        .iter()
        .any(|word| wanted.contains(&word.as_str()))
}

/// The name of something that is numbered rather than measured.
pub(crate) fn names_an_id(name: &str) -> bool {
    let words = words(name);
    let Some(last) = words.last() else {
        return name.is_empty();
    };
    let thing = |word: &str| THINGS.contains(&word) || word.is_empty();
    // `orderid`, `Kundennummer`, `ArtikelNr`: written as one word.
    let glued = ["id", "no", "number", "code"].iter().any(|end| {
        last.strip_suffix(end)
            .is_some_and(|head| THINGS.contains(&head))
    }) || ["nummer", "nr", "kennung", "schlüssel"]
        .iter()
        .any(|end| last.ends_with(end))
        || ["room", "zimmer"].iter().any(|end| last == end);
    let numbered = matches!(
        last.as_str(),
        "number" | "num" | "numéro" | "numero" | "número"
    ) && (words.len() == 1 || words.iter().any(|word| thing(word)));
    // `ID Kunde`, `N° client`, `No. de factura`.
    let first = words.len() > 1
        && words.first().is_some_and(|first| {
            matches!(
                first.as_str(),
                "id" | "no" | "nr" | "numéro" | "número" | "numero" | "código" | "codigo" | "code"
            )
        })
        && !any_word(name, &COUNTED)
        // `no_shows` numbers nothing: behind it stands a thing, or whose number it is.
        && (words.first().is_some_and(|first| first != "no")
            || words.iter().skip(1).any(|word| {
                thing(word) || matches!(word.as_str(), "de" | "du" | "des" | "del")
            }));
    ENDINGS.contains(&last.as_str())
        || glued
        || numbered
        || first
        || (words.len() == 1 && last == "index")
}

/// Things that have numbers.
const THINGS: [&str; 27] = [
    "customer",
    "order",
    "user",
    "product",
    "item",
    "transaction",
    "invoice",
    "employee",
    "store",
    "account",
    "phone",
    "serial",
    "ticket",
    "row",
    "record",
    "house",
    "client",
    "cliente",
    "factura",
    "facture",
    "commande",
    "pedido",
    "room",
    "flight",
    "patient",
    "case",
    "member",
];

/// Words after which a number is a quantity after all.
const COUNTED: [&str; 9] = [
    "of", "count", "total", "sum", "amount", "quantity", "revenue", "sales", "cost",
];

/// Last words of names of what is numbered.
#[rustfmt::skip]
const ENDINGS: [&str; 60] = [
    "id", "uuid", "guid", "key", "code", "codes", "no", "nr", "zip", "zipcode", "plz", "postcode", "postalcode", "postal", "postleitzahl",
    "phone", "telephone", "telefon", "tel", "téléphone", "teléfono", "telefono", "handy", "fax", "sku", "isbn", "ean", "upc", "gtin",
    "asin", "barcode", "ref", "reference", "referenz", "iban", "bic", "account", "konto", "ticket", "serial", "ssn", "siret", "vin", "#", "código",
    "codigo", "version", "release", "build", "matricule", "flight", "flug", "vuelo", "gate", "seat", "platz", "icd", "diagnosis",
    "part", "lot",
];

/// The name of something that whole numbers tell apart rather than measure: a month, a store, a class.
pub(crate) fn names_a_group(name: &str) -> bool {
    const GROUPS: [&str; 43] = [
        "monat",
        "mois",
        "mes",
        "quartal",
        "trimestre",
        "woche",
        "semaine",
        "semana",
        "stunde",
        "filiale",
        "abteilung",
        "klasse",
        "kategorie",
        "gruppe",
        "floor",
        "etage",
        "month",
        "quarter",
        "week",
        "weekday",
        "day",
        "hour",
        "store",
        "shop",
        "branch",
        "department",
        "dept",
        "region",
        "district",
        "zone",
        "class",
        "category",
        "group",
        "type",
        "cluster",
        "segment",
        "level",
        "shift",
        "team",
        "batch",
        "cohort",
        "pclass",
        "rank",
    ];
    const MEASURES: [&str; 16] = [
        "per", "count", "total", "sum", "avg", "mean", "rate", "reorder", "water", "noise",
        "stock", "sound", "min", "max", "target", "fill",
    ];
    let words = words(name);
    words.len() <= 2
        && words
            .last()
            .is_some_and(|last| GROUPS.contains(&last.as_str()))
        && !words.iter().any(|word| MEASURES.contains(&word.as_str()))
}

/// The name of a point in time.
pub(crate) fn names_a_date(name: &str) -> bool {
    any_word(
        name,
        &[
            "date",
            "datum",
            "fecha",
            "day",
            "tag",
            "timestamp",
            "dt",
            "period",
            "jour",
            "día",
            "dia",
            "data",
            "zeitraum",
            "datetime",
        ],
    )
}

/// The name of a year.
pub(crate) fn names_a_year(name: &str) -> bool {
    any_word(
        name,
        &[
            "year", "yr", "jahr", "année", "annee", "anno", "año", "fy", "vintage", "ano", "an",
        ],
    )
}

/// Words of names of what does not add up: the sum of prices, rates, ages or temperatures means nothing.
#[rustfmt::skip]
const INTENSIVE: [&str; 114] = [
    "price", "prices", "rate", "rates", "ratio", "percent", "percentage", "pct", "share", "average", "avg", "mean", "median", "temperature",
    "temp", "humidity", "pressure", "score", "scores", "rating", "ratings", "grade", "grades", "mark", "age", "ages", "speed", "velocity",
    "density", "index", "margin", "discount", "tax", "vat", "latency", "ph", "bmi", "height", "weight", "level", "open", "close", "high", "low",
    "stars", "gpa", "iq", "yield", "intensity", "frequency", "probability", "likelihood", "nps", "satisfaction", "utilization", "utilisation",
    "occupancy", "efficiency", "concentration", "elevation", "altitude", "latitude", "longitude", "lat", "lon", "lng", "year", "rank", "std",
    "stddev", "variance", "quantile", "percentile", "interest", "inflation", "unemployment", "wacc", "multiple", "exchange", "fx",
    "preis", "satz", "quote", "anteil", "temperatur", "alter", "bewertung", "note", "geschwindigkeit", "dichte", "rabatt", "zins", "zinssatz",
    "durchschnitt", "mittelwert", "marge", "größe", "gewicht",
    "precio", "edad", "tasa", "porcentaje", "temperatura", "promedio", "nota", "puntuación",
    "prix", "taux", "âge", "pourcentage", "température", "moyenne", "remise", "vitesse",
];

/// Words after which even such a name is an amount: `total price`, `discount amount`, `tax paid`.
#[rustfmt::skip]
const ADDITIVE: [&str; 28] = [
    "total", "totals", "sum", "amount", "amounts", "revenue", "sale", "sales", "net", "gross", "subtotal", "extended", "line", "paid", "value",
    "cost", "costs", "income", "collected", "summe", "gesamt", "betrag", "umsatz", "importe", "montant", "count", "volume", "profit",
];

/// Whether a name says that its values do not add up.
pub(crate) fn names_a_rate(name: &str) -> bool {
    let words = words(name);
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    // `cost per unit`, `Umsatz pro Kunde`, `km/h`, `Stückpreis`, `unit cost`.
    let per = words
        .iter()
        .skip(1)
        .any(|word| matches!(word.as_str(), "per" | "pro" | "par" | "por" | "je"))
        || name.contains("/h")
        || name.contains("/kg");
    let unit = words.first().is_some_and(|word| word == "unit") && has(&["price", "cost", "value"]);
    let glued = words.iter().any(|word| {
        [
            "preis",
            "satz",
            "quote",
            "anteil",
            "temperatur",
            "rate",
            "alter",
            "prozent",
        ]
        .iter()
        .any(|end| word.len() > end.len() + 2 && word.ends_with(end))
            && !matches!(
                word.as_str(),
                "umsatz" | "einsatz" | "ersatz" | "absatz" | "zusatz" | "corporate" | "climate"
            )
            && !word.ends_with("umsatz")
            && !word.ends_with("absatz")
    });
    let average = has(&[
        "average",
        "avg",
        "mean",
        "median",
        "durchschnitt",
        "promedio",
        "moyenne",
        "ratio",
        "rate",
        "percent",
        "pct",
    ]);
    per || unit || glued || average || (has(&INTENSIVE) && !has(&ADDITIVE))
}

/// The name of a column that says in which currency or unit a row is.
pub(crate) fn names_a_unit(name: &str) -> bool {
    any_word(
        name,
        &[
            "currency", "curr", "ccy", "cur", "währung", "waehrung", "devise", "moneda", "divisa",
            "unit", "units", "uom", "einheit", "unité", "unidad", "monnaie",
        ],
    )
}

/// The name of an amount of money.
pub(crate) fn names_money(name: &str) -> bool {
    any_word(
        name,
        &[
            "amount", "price", "cost", "costs", "revenue", "sales", "total", "value", "salary",
            "fee", "budget", "profit", "net", "gross", "balance", "payment", "paid", "income",
            "expense", "expenses", "spend", "turnover", "charge", "tax", "invoice", "betrag",
            "preis", "umsatz", "kosten", "gehalt", "summe", "erlös", "gebühr", "montant", "prix",
            "coût", "ventes", "importe", "precio", "coste", "venta", "ventas", "monto", "wert",
            "local",
        ],
    )
}

/// The name of a moment counted in seconds or days.
pub(crate) fn names_a_moment(name: &str) -> bool {
    names_a_date(name)
        || any_word(
            name,
            &[
                "time",
                "ts",
                "epoch",
                "unix",
                "created",
                "updated",
                "modified",
                "at",
                "zeitpunkt",
                "zeitstempel",
                "heure",
                "hora",
            ],
        )
}

/// Whether the last word of a name is what its numbers are told for: `Preis je kg`, `price per 100 g`, and not `price per night EUR`.
fn is_for_one(name: &str) -> bool {
    let words = folded(name);
    let [.., before, last] = words.as_slice() else {
        return false;
    };
    let counted = before.text.bytes().all(|byte| byte.is_ascii_digit());
    let Some(at) = words.len().checked_sub(if counted { 3 } else { 2 }) else {
        return false;
    };
    let bracketed = name.trim_end().ends_with([')', ']']);
    let is_money = currency(&last.text.to_uppercase()).is_some();
    at > 0 && !bracketed && !is_money && hints(Hint::ForOne, &words[at].text)
}

/// The unit a name states: `price (EUR)`, `weight [kg]`, `revenue_usd`, `share %`.
pub(crate) fn unit(name: &str) -> Option<String> {
    if is_for_one(name) {
        return None;
    }
    for (open, close) in [('(', ')'), ('[', ']')] {
        let inner = name
            .trim_end()
            .strip_suffix(close)
            .and_then(|head| head.rsplit_once(open))
            .map(|(_, inner)| inner.trim());
        if let Some(inner) = inner.filter(|inner| (1..=12).contains(&inner.chars().count())) {
            return Some(currency(inner).map_or_else(|| inner.to_owned(), str::to_owned));
        }
    }
    let words = words(name);
    let last = words.last().filter(|_| words.len() > 1)?;
    let code = currency(&last.to_uppercase()).filter(|code| code.len() == 3);
    let written = [
        "kg", "km", "cm", "mm", "lb", "lbs", "oz", "ms", "kwh", "mwh", "kw", "mb", "gb", "ha",
        "m2", "sqm", "hrs", "hours", "mins", "minutes", "secs", "seconds", "€", "$", "£",
    ]
    .contains(&last.as_str());
    match last.as_str() {
        "pct" | "percent" | "percentage" | "%" | "prozent" => Some("%".to_owned()),
        word if written => {
            let called = currency(word).or_else(|| measure(word)).unwrap_or(word);
            Some(called.to_owned())
        }
        _ => code.map(str::to_owned),
    }
}

/// Whether a heading is of places in an order: `Rank`, `Pos`.
pub(crate) fn names_a_place(name: &str) -> bool {
    matches!(folded(name).as_slice(), [only] if hints(Hint::Placing, &only.text))
}

/// Names fit for SQL: no blank, no twin (SQL does not tell `Date` from `date`). Gives a note for each change.
pub(crate) fn unique(header: Vec<String>, notes: &mut Vec<Note>) -> Vec<String> {
    let mut taken = std::collections::HashSet::new();
    let mut names = Vec::with_capacity(header.len());
    for (at, raw) in header.into_iter().enumerate() {
        let wanted: String = raw
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .chars()
            .take(120)
            .collect();
        let wanted = if wanted.is_empty() {
            format!("column_{}", at + 1)
        } else {
            wanted
        };
        let mut name = wanted.clone();
        let mut copy = 2;
        while !taken.insert(name.to_lowercase()) {
            name = format!("{wanted}_{copy}");
            copy += 1;
        }
        if name != wanted {
            notes.push(Note::new(
                NoteKind::Name,
                format!(
                    "column {} is called {wanted:?} like one before it; it is now called {name:?}",
                    at + 1
                ),
            ));
        }
        names.push(name);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_ids_groups_and_units() {
        assert_eq!(unit("2024 Q1"), None, "nothing stands before the number");
        for (name, id, group, stated) in [
            ("CustomerID", true, false, None),
            ("customer_id", true, false, None),
            ("orderid", true, false, None),
            ("InvoiceNo", true, false, None),
            ("Order Number", true, false, None),
            ("number_of_orders", false, false, None),
            ("paid", false, false, None),
            ("zip", true, false, None),
            ("month", false, true, None),
            ("sales_per_day", false, false, None),
            ("Price (EUR)", false, false, Some("EUR")),
            ("Price [€]", false, false, Some("EUR")),
            ("revenue_usd", false, false, Some("USD")),
            ("price_per_night_eur", false, false, Some("EUR")),
            ("Importe de la factura EUR", false, false, Some("EUR")),
            ("Preis je kg", false, false, None),
            ("price per 100 kg", false, false, None),
            ("weight_kg", false, false, Some("kg")),
            ("share_pct", false, false, Some("%")),
            ("revenue", false, false, None),
            ("Kundennummer", true, false, None),
            ("ArtikelNr", true, false, None),
            ("room", true, false, None),
            ("N° client", false, false, None),
            ("app_version", true, false, None),
            ("Umsatz €", false, false, Some("EUR")),
            ("Quartal", false, true, None),
        ] {
            assert_eq!(
                (
                    names_an_id(name),
                    names_a_group(name),
                    unit(name).as_deref()
                ),
                (id, group, stated),
                "{name}"
            );
        }
    }

    #[test]
    fn names_tell_what_does_not_add_up() {
        for (name, rate) in [
            ("price", true),
            ("unit_price", true),
            ("total price", false),
            ("conversion rate", true),
            ("Stückpreis", true),
            ("Umsatz", false),
            ("Jahresumsatz", false),
            ("Umsatz pro Kunde", true),
            ("temperature", true),
            ("age", true),
            ("revenue", false),
            ("sales", false),
            ("average revenue", true),
            ("discount amount", false),
            ("Mehrwertsteuersatz", true),
            ("visits", false),
            ("precio", true),
        ] {
            assert_eq!(names_a_rate(name), rate, "{name}");
        }
    }

    #[test]
    fn twins_and_blanks_get_names_of_their_own() {
        let mut notes = Vec::new();
        let header = ["a", "A", "", "a_2", " b  c "].map(str::to_owned).to_vec();
        assert_eq!(
            unique(header, &mut notes),
            ["a", "A_2", "column_3", "a_2_2", "b c"]
        );
        assert_eq!(notes.len(), 2);
    }
}
