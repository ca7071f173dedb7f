//! What a column's name tells about it, where its cells alone leave a choice.

use super::number::currency;

/// The words of a name: `CustomerID`, `customer_id` and `Customer ID` are `customer`, `id`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut last_lower = false;
    for c in name.chars() {
        let boundary = !c.is_alphanumeric() && !matches!(c, '#' | '%');
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
    const THINGS: [&str; 16] = [
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
    ];
    const ENDINGS: [&str; 30] = [
        "id",
        "uuid",
        "guid",
        "key",
        "code",
        "no",
        "nr",
        "zip",
        "zipcode",
        "plz",
        "postcode",
        "postalcode",
        "postal",
        "phone",
        "telephone",
        "mobile",
        "fax",
        "sku",
        "isbn",
        "ean",
        "upc",
        "gtin",
        "ref",
        "reference",
        "iban",
        "account",
        "ticket",
        "serial",
        "ssn",
        "#",
    ];
    let words = words(name);
    let Some(last) = words.last() else {
        return name.is_empty();
    };
    let glued = ["id", "no", "number", "code"].iter().any(|end| {
        last.strip_suffix(end)
            .is_some_and(|thing| THINGS.contains(&thing))
    });
    let numbered = matches!(last.as_str(), "number" | "num")
        && words.iter().any(|word| THINGS.contains(&word.as_str()));
    ENDINGS.contains(&last.as_str()) || glued || numbered || (words.len() == 1 && last == "index")
}

/// The name of something that whole numbers tell apart rather than measure: a month, a store, a class.
pub(crate) fn names_a_group(name: &str) -> bool {
    const GROUPS: [&str; 26] = [
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
    ];
    const MEASURES: [&str; 7] = ["per", "count", "total", "sum", "avg", "mean", "rate"];
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
        ],
    )
}

/// The name of a year.
pub(crate) fn names_a_year(name: &str) -> bool {
    any_word(
        name,
        &[
            "year", "yr", "jahr", "année", "annee", "anno", "año", "fy", "vintage",
        ],
    )
}

/// The unit a name states: `price (EUR)`, `weight [kg]`, `revenue_usd`, `share %`.
pub(crate) fn unit(name: &str) -> Option<String> {
    for (open, close) in [('(', ')'), ('[', ']')] {
        let inner = name
            .trim_end()
            .strip_suffix(close)
            .and_then(|head| head.rsplit_once(open))
            .map(|(_, inner)| inner.trim());
        if let Some(inner) = inner.filter(|inner| (1..=8).contains(&inner.chars().count())) {
            return Some(currency(inner).map_or_else(|| inner.to_owned(), str::to_owned));
        }
    }
    let words = words(name);
    let last = words.last().filter(|_| words.len() > 1)?;
    let code = currency(&last.to_uppercase()).filter(|code| code.len() == 3);
    let measure = [
        "kg", "km", "cm", "mm", "lb", "lbs", "oz", "ms", "kwh", "mwh", "kw", "mb", "gb",
    ]
    .contains(&last.as_str());
    match last.as_str() {
        "pct" | "percent" | "percentage" | "%" => Some("%".to_owned()),
        word if measure => Some(word.to_owned()),
        _ => code.map(str::to_owned),
    }
}

/// Names fit for SQL: no blank, no twin (SQL does not tell `Date` from `date`). Gives a warning for each change.
pub(crate) fn unique(header: Vec<String>, warnings: &mut Vec<String>) -> Vec<String> {
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
            warnings.push(format!(
                "column {} is called {wanted:?} like one before it; it is now called {name:?}",
                at + 1
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
            ("weight_kg", false, false, Some("kg")),
            ("share_pct", false, false, Some("%")),
            ("revenue", false, false, None),
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
    fn twins_and_blanks_get_names_of_their_own() {
        let mut warnings = Vec::new();
        let header = ["a", "A", "", "a_2", " b  c "].map(str::to_owned).to_vec();
        assert_eq!(
            unique(header, &mut warnings),
            ["a", "A_2", "column_3", "a_2_2", "b c"]
        );
        assert_eq!(warnings.len(), 2);
    }
}
