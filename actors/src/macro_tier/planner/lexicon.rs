//! Words by which columns are recognised, as stems. Mostly English; the most common German, French and Spanish headings too.

/// Families of measures: who asks for one word of a family means a column named with another. The first word names the family.
pub(super) const FAMILIES: [&[&str]; 7] = [
    &[
        "revenue", "sale", "turnover", "amount", "total", "income", "gross", "net", "receipt", "takings", "proceeds", "earning", "umsatz", "betrag", "erlös",
        "summe", "venta", "ingreso", "importe", "monto", "chiffre", "montant", "ventes", "value", "subtotal", "billing",
    ],
    &["cost", "expense", "spend", "spending", "expenditure", "outlay", "kosten", "ausgabe", "gasto", "coste", "coût", "dépense", "fee", "charge"],
    &["profit", "margin", "gain", "gewinn", "beneficio", "bénéfice"],
    &["quantity", "qty", "unit", "volume", "sold", "piece", "item", "menge", "anzahl", "stück", "cantidad", "quantité", "count", "order"],
    &["budget", "plan", "target", "forecast", "salary", "wage", "pay", "balance", "debt", "price", "cost"],
    &["visit", "view", "click", "session", "user", "visitor", "impression", "download", "signup", "conversion"],
    &["consumption", "usage", "energy", "power", "kwh", "mwh", "production", "output", "rainfall", "precipitation", "distance", "duration", "hour", "minute"],
];

/// Values that do not add up: they are averaged.
pub(super) const INTENSIVE: [&str; 44] = [
    "price", "rate", "ratio", "percent", "percentage", "pct", "share", "average", "avg", "mean", "median", "temperature", "temp", "humidity", "pressure",
    "score", "rating", "grade", "age", "speed", "velocity", "density", "index", "margin", "discount", "tax", "vat", "preis", "satz", "quote", "temperatur",
    "alter", "precio", "prix", "tasa", "taux", "latency", "ph", "bmi", "height", "weight", "level", "open", "close",
];

/// Names of what is no measure at all.
pub(super) const NOT_A_MEASURE: [&str; 34] = [
    "id", "code", "zip", "zipcode", "postcode", "postal", "plz", "phone", "fax", "nr", "no", "number", "num", "key", "ref", "reference", "sku", "isbn", "ean",
    "year", "month", "day", "week", "quarter", "hour", "latitude", "longitude", "lat", "lon", "lng", "row", "line", "rank", "version",
];

/// Measures that a table is usually about.
pub(super) const MAIN: [&str; 30] = [
    "revenue", "sale", "amount", "total", "turnover", "value", "net", "gross", "umsatz", "betrag", "venta", "importe", "montant", "chiffre", "cost", "profit",
    "quantity", "qty", "unit", "volume", "income", "expense", "kosten", "menge", "consumption", "usage", "production", "visit", "salary", "balance",
];

/// Columns that say when.
pub(super) const DATES: [&str; 16] = [
    "date", "day", "time", "timestamp", "datetime", "month", "period", "datum", "tag", "monat", "fecha", "mes", "jour", "mois", "year", "quarter",
];

/// Dates at which the thing itself happened, before dates of what came after.
pub(super) const HAPPENED: [&str; 14] =
    ["order", "sale", "sold", "invoice", "transaction", "purchase", "booking", "event", "measured", "reading", "payment", "visit", "start", "posting"];

/// Dates that say something else.
pub(super) const BYGONE: [&str; 16] = [
    "birth", "birthday", "dob", "due", "updated", "modified", "created", "ship", "shipped", "shipping", "delivery", "delivered", "end", "expiry", "valid", "return",
];

/// Columns that people group by.
pub(super) const GROUPS: [&str; 40] = [
    "region", "product", "category", "segment", "country", "department", "channel", "type", "store", "city", "state", "branch", "team", "group", "brand",
    "status", "customer", "market", "area", "zone", "class", "sector", "industry", "division", "station", "site", "location", "supplier", "vendor", "gender",
    "produkt", "land", "filiale", "kunde", "abteilung", "kategorie", "producto", "produit", "pays", "país",
];

/// Whether a word of the name is in a list.
pub(super) fn any(parts: &[String], list: &[&str]) -> bool {
    parts.iter().any(|part| list.contains(&part.as_str()))
}
