//! Every figure that a query gives equals one computed without SQLite, in every way a CSV writes numbers and dates.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aios_tables::{ColumnKind, TableProfile};
use aios_tools::{OnDisk, Toolbox, Workspaces};
use aios_work::{InputFile, ToolCall};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

const REGIONS: [&str; 4] = ["North", "South", "East", "West"];

/// One row as it is meant: day of the quarter, region, units, hundredths.
#[derive(Clone, Debug)]
struct Row {
    day: u32,
    region: usize,
    units: Option<i64>,
    cents: Option<i64>,
}

/// One way to write a table.
#[derive(Clone, Copy, Debug)]
struct Style {
    separator: char,
    decimal: char,
    group: &'static str,
    money: (&'static str, &'static str),
    brackets: bool,
    date: usize,
    missing: &'static str,
    line_end: &'static str,
    encoding: usize,
    quote_all: bool,
}

impl Style {
    fn number(&self, whole: i64, fraction: Option<i64>) -> String {
        let digits = whole.to_string();
        let mut text = String::new();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                text.push_str(self.group);
            }
            text.push(digit);
        }
        if let Some(fraction) = fraction {
            text.push(self.decimal);
            text.push_str(&format!("{fraction:02}"));
        }
        text
    }

    fn amount(&self, cents: i64) -> String {
        let number = self.number(cents.abs() / 100, Some(cents.abs() % 100));
        let dressed = format!("{}{number}{}", self.money.0, self.money.1);
        match (cents < 0, self.brackets) {
            (true, true) => format!("({dressed})"),
            (true, false) => format!("-{dressed}"),
            (false, _) => dressed,
        }
    }

    fn day(&self, day: u32) -> String {
        let (month, day) = month_day(day);
        let name = ["Jul", "Aug", "Sep"][month as usize - 7];
        match self.date {
            0 => format!("2025-{month:02}-{day:02}"),
            1 => format!("{day:02}.{month:02}.2025"),
            2 => format!("{day:02}/{month:02}/2025"),
            3 => format!("{month:02}/{day:02}/2025"),
            4 => format!("{day} {name} 2025"),
            5 => format!("{name} {day}, 2025"),
            6 => format!("2025{month:02}{day:02}"),
            _ => format!("2025-{month:02}-{day:02}T00:00:00Z"),
        }
    }

    fn cell(&self, text: &str) -> String {
        let needs = self.quote_all || text.contains([self.separator, '"', '\n']);
        if needs {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            text.to_owned()
        }
    }

    fn table(&self, rows: &[Row]) -> Vec<u8> {
        let mut text = String::new();
        let mut line = |cells: [String; 4]| {
            let cells: Vec<String> = cells.iter().map(|cell| self.cell(cell)).collect();
            text.push_str(&cells.join(&self.separator.to_string()));
            text.push_str(self.line_end);
        };
        line(["order date", "région", "units", "revenue"].map(str::to_owned));
        for row in rows {
            let missing = || self.missing.to_owned();
            let units = row.units.map_or_else(missing, |units| {
                let sign = if units < 0 { "-" } else { "" };
                format!("{sign}{}", self.number(units.abs(), None))
            });
            line([
                self.day(row.day),
                REGIONS[row.region].to_owned(),
                units,
                row.cents.map_or_else(missing, |cents| self.amount(cents)),
            ]);
        }
        match self.encoding {
            0 => text.into_bytes(),
            1 => format!("\u{feff}{text}").into_bytes(),
            2 => [0xff, 0xfe]
                .into_iter()
                .chain(text.encode_utf16().flat_map(u16::to_le_bytes))
                .collect(),
            // Windows-1252; the euro sign is not at its Unicode place.
            _ => text
                .chars()
                .map(|c| if c == '\u{20ac}' { 0x80 } else { c as u8 })
                .collect(),
        }
    }
}

fn month_day(day: u32) -> (u32, u32) {
    match day {
        0..31 => (7, day + 1),
        31..62 => (8, day - 30),
        _ => (9, day - 61),
    }
}

fn style() -> impl Strategy<Value = Style> {
    let numbers = prop_oneof![
        Just((',', '.', "")),
        Just((',', '.', ",")),
        Just((';', ',', ".")),
        Just((';', ',', "")),
        Just((';', ',', "\u{a0}")),
        Just(('\t', '.', "'")),
        Just(('|', ',', " ")),
    ];
    let money = prop_oneof![
        Just(("", "")),
        Just(("$", "")),
        Just(("€ ", "")),
        Just(("", " EUR"))
    ];
    let missing = prop_oneof![Just(""), Just("NA"), Just("-"), Just("null")];
    let line_end = prop_oneof![Just("\n"), Just("\r\n")];
    (
        numbers,
        money,
        any::<bool>(),
        0..8_usize,
        missing,
        line_end,
        0..4_usize,
        any::<bool>(),
    )
        .prop_map(
            |(
                (separator, decimal, group),
                money,
                brackets,
                date,
                missing,
                line_end,
                encoding,
                quote_all,
            )| Style {
                separator,
                decimal,
                group,
                money,
                brackets,
                date,
                missing,
                line_end,
                encoding,
                quote_all,
            },
        )
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (
        0..92_u32,
        0..4_usize,
        prop::option::weighted(0.95, -9_999..99_999_i64),
        prop::option::weighted(0.95, -99_999_999..999_999_999_i64),
    )
        .prop_map(|(day, region, units, cents)| Row {
            day,
            region,
            units,
            cents,
        });
    prop::collection::vec(row, 20..150).prop_map(|mut rows| {
        // The cells that settle what would be ambiguous: a day above 12, a number with decimals.
        rows.push(Row {
            day: 20,
            region: 0,
            units: Some(1),
            cents: Some(1_234_550),
        });
        rows.push(Row {
            day: 27,
            region: 1,
            units: Some(2),
            cents: Some(550),
        });
        rows
    })
}

struct Node {
    dir: tempfile::TempDir,
    toolbox: Toolbox,
    runtime: Runtime,
}

impl Node {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            toolbox: Toolbox::default().with(aios_tables::tools(&Workspaces::default())),
            runtime: Runtime::new().unwrap(),
        }
    }

    fn call(&self, bytes: Option<&[u8]>, tool: &str, args: &Value) -> Value {
        let path = self.dir.path().join("table.csv");
        if let Some(bytes) = bytes {
            std::fs::write(&path, bytes).unwrap();
        }
        let call = ToolCall {
            inputs: InputFile::all(&[&path]).unwrap(),
            ..ToolCall::new(args.clone(), Instant::now() + Duration::from_secs(60))
        };
        let granted = self.toolbox.needs();
        let called = self.toolbox.call(tool, &granted, call);
        self.runtime.block_on(called).unwrap().value
    }

    fn query(&self, query: &str) -> Vec<Vec<Value>> {
        serde_json::from_value(self.call(None, "sql", &json!({"query": query}))["rows"].clone())
            .unwrap()
    }
}

/// Hundredths as the nearest double, without a detour over other doubles.
fn money(cents: i128) -> f64 {
    let sign = if cents < 0 { "-" } else { "" };
    format!(
        "{sign}{}.{:02}",
        cents.unsigned_abs() / 100,
        cents.unsigned_abs() % 100
    )
    .parse()
    .unwrap()
}

/// Sums and counts of one group, in whole numbers.
#[derive(Default)]
struct Exact {
    rows: i64,
    units: i64,
    units_count: i64,
    cents: Vec<i128>,
}

impl Exact {
    fn of<'r>(rows: impl Iterator<Item = &'r Row>) -> Self {
        rows.fold(Self::default(), |mut exact, row| {
            exact.rows += 1;
            exact.units += row.units.unwrap_or(0);
            exact.units_count += i64::from(row.units.is_some());
            exact.cents.extend(row.cents.map(i128::from));
            exact
        })
    }

    fn check(&self, got: &[Value]) {
        let sum: i128 = self.cents.iter().sum();
        let count = self.cents.len() as i64;
        let whole = [self.rows, count, self.units_count];
        assert_eq!(
            got[..3]
                .iter()
                .map(|value| value.as_i64().unwrap())
                .collect::<Vec<_>>(),
            whole
        );
        assert_eq!(
            got[3],
            if self.units_count > 0 {
                json!(self.units)
            } else {
                Value::Null
            },
            "units stay whole numbers"
        );
        let real = |value: &Value| value.as_f64();
        assert_eq!(
            real(&got[4]),
            (count > 0).then(|| money(sum)),
            "sum of {:?}",
            self.cents
        );
        assert_eq!(
            real(&got[5]),
            self.cents.iter().min().map(|cents| money(*cents))
        );
        assert_eq!(
            real(&got[6]),
            self.cents.iter().max().map(|cents| money(*cents))
        );
        // The mean has endless digits: twenty of them say which double is nearest.
        let mean = (count > 0).then(|| {
            format!("{}e-20", sum * 10_i128.pow(18) / i128::from(count))
                .parse::<f64>()
                .unwrap()
        });
        assert_eq!(real(&got[7]), mean, "mean of {:?}", self.cents);
    }
}

const FIGURES: &str = "count(*), count(revenue), count(units), sum(units), sum(revenue), min(revenue), max(revenue), avg(revenue)";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_figure_equals_an_independent_computation(rows in rows(), style in style()) {
        let node = Node::new();
        let profile: TableProfile = serde_json::from_value(node.call(Some(&style.table(&rows)), "profile_table", &json!({}))).unwrap();
        let kinds: Vec<ColumnKind> = profile.columns.iter().map(|column| column.kind).collect();
        prop_assert_eq!(kinds, [ColumnKind::Date, ColumnKind::Category, ColumnKind::Number, ColumnKind::Number], "{:?} {:#?}", style, profile);
        prop_assert_eq!(profile.rows, rows.len() as u64);
        prop_assert_eq!(&profile.columns[1].name, "région");

        let all = Exact::of(rows.iter());
        all.check(&node.query(&format!("SELECT {FIGURES} FROM data"))[0]);
        let revenue = &profile.columns[3];
        prop_assert_eq!(revenue.missing, rows.iter().filter(|row| row.cents.is_none()).count() as u64);
        prop_assert_eq!(revenue.max.as_ref().and_then(aios_work::Value::as_f64), all.cents.iter().max().map(|cents| money(*cents)));

        let mut groups: BTreeMap<(u32, &str), Vec<&Row>> = BTreeMap::new();
        for row in &rows {
            groups.entry((month_day(row.day).0, REGIONS[row.region])).or_default().push(row);
        }
        let query = format!("SELECT {FIGURES}, strftime('%Y-%m', \"order date\"), \"région\" FROM data GROUP BY 9, 10 ORDER BY 9, 10");
        let got = node.query(&query);
        prop_assert_eq!(got.len(), groups.len());
        for (row, ((month, region), group)) in got.iter().zip(&groups) {
            prop_assert_eq!(&row[8..], &[json!(format!("2025-{month:02}")), json!(region)][..]);
            Exact::of(group.iter().copied()).check(row);
        }
        for row in node.query("SELECT rowid, date(\"order date\") FROM data") {
            let line = row[0].as_u64().unwrap() as usize;
            let (month, day) = month_day(rows[line - 2].day);
            prop_assert_eq!(&row[1], &json!(format!("2025-{month:02}-{day:02}")));
        }
    }
}

/// A seeded generator; the test needs many rows, not good randomness.
fn rows_of(count: u64) -> Vec<Row> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    (0..count)
        .map(|_| Row {
            day: next(92) as u32,
            region: next(4) as usize,
            units: (next(100) > 0).then(|| next(5_000) as i64),
            cents: (next(100) > 0).then(|| next(10_000_000) as i64 - 500_000),
        })
        .collect()
}

#[test]
fn a_hundred_thousand_rows_are_read_once_exactly_and_quickly() {
    let rows = rows_of(100_000);
    let mut text = String::from("id,date,region,units,revenue,cost,note,flag\n");
    for (at, row) in rows.iter().enumerate() {
        let (month, day) = month_day(row.day);
        let cents = row
            .cents
            .map_or(String::new(), |cents| money(i128::from(cents)).to_string());
        let units = row.units.map_or(String::new(), |units| units.to_string());
        let region = REGIONS[row.region];
        text.push_str(&format!(
            "{},2025-{month:02}-{day:02},{region},{units},{cents},{}.25,note {at},{}\n",
            at + 1,
            at % 977,
            at % 2
        ));
    }
    let node = Node::new();
    let started = Instant::now();
    let profile: TableProfile =
        serde_json::from_value(node.call(Some(text.as_bytes()), "profile_table", &json!({})))
            .unwrap();
    let profiled = started.elapsed();
    assert_eq!((profile.rows, profile.columns.len()), (100_000, 8));
    Exact::of(rows.iter()).check(&node.query(&format!("SELECT {FIGURES} FROM data"))[0]);
    let loaded = started.elapsed();
    let again = Instant::now();
    for region in REGIONS {
        let group = rows.iter().filter(|row| REGIONS[row.region] == region);
        Exact::of(group).check(
            &node.query(&format!(
                "SELECT {FIGURES} FROM data WHERE region = '{region}'"
            ))[0],
        );
    }
    let queried = again.elapsed() / 4;
    // Generous bars: other tests share the cores.
    assert!(
        loaded < Duration::from_secs(30),
        "profile {profiled:?}, with load {loaded:?}, each query {queried:?}"
    );
    assert!(
        queried < loaded,
        "loaded once: {queried:?} a query, {loaded:?} a load"
    );
}
