//! What is gathered is what the database of the whole table gives, to the last digit.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::json;

use super::super::database::Database;
use super::*;
use crate::form;
use crate::table;
use aios_tools::Memory;

/// Statements as questions make them, and others; and whether they are gathered.
const STATEMENTS: [(&str, bool); 42] = [
    (
        "SELECT SUM(\"amount\") AS f1, COUNT(*) AS row_count, COUNT(*) - COUNT(\"amount\") AS missing FROM data",
        true,
    ),
    (
        "SELECT SUM(CASE WHEN 1 = 1 THEN \"amount\" END) AS f1, COUNT(CASE WHEN 1 = 1 THEN 1 END) AS row_count FROM data",
        true,
    ),
    (
        "SELECT AVG(\"amount\") AS f1, MIN(\"amount\") AS f2, MAX(\"amount\") AS f3, MIN(\"day\") AS f4, MAX(\"town\") AS f5 FROM data WHERE \"count\" > 3",
        true,
    ),
    (
        "SELECT * FROM (SELECT CAST(\"town\" AS TEXT) AS label, SUM(\"amount\") AS f1, COUNT(*) AS row_count FROM data GROUP BY 1) ORDER BY f1 IS NULL, f1 DESC, label LIMIT 200",
        true,
    ),
    (
        "SELECT * FROM (SELECT CAST(\"town\" AS TEXT) AS label, SUM(CASE WHEN 1 = 1 THEN \"amount\" END) AS f1, COUNT(CASE WHEN 1 = 1 THEN 1 END) AS row_count FROM data GROUP BY 1 HAVING COUNT(CASE WHEN 1 = 1 THEN 1 END) > 0) ORDER BY f1 IS NULL, f1 DESC, label LIMIT 200",
        true,
    ),
    (
        "SELECT *, COUNT(*) OVER () AS members FROM (SELECT CAST(\"town\" AS TEXT) AS label, AVG(\"count\") AS f1, COUNT(*) AS row_count FROM data GROUP BY 1) WHERE f1 >= 2.5 ORDER BY f1 IS NULL, f1 ASC, label LIMIT 3",
        true,
    ),
    (
        "SELECT SUM(\"count\") AS f1, COUNT(*) AS row_count FROM data WHERE CAST(\"town\" AS TEXT) IN ('Jena', 'it''s')",
        true,
    ),
    (
        "SELECT COUNT(*) AS f1 FROM data WHERE (\"town\" IS NULL OR NOT (CAST(\"town\" AS TEXT) IN ('Jena')))",
        true,
    ),
    (
        "SELECT COUNT(DISTINCT \"id\") AS f1, COUNT(*) AS row_count FROM data WHERE substr(\"day\", 1, 10) BETWEEN '2024-01-03' AND '2024-01-09'",
        true,
    ),
    (
        "SELECT COUNT(DISTINCT CASE WHEN \"count\" > 2 AND \"amount\" > 1.5 THEN \"id\" END) AS f1, COUNT(DISTINCT \"town\") AS f2, COUNT(DISTINCT \"amount\") AS f3 FROM data",
        true,
    ),
    (
        "SELECT * FROM (SELECT substr(substr(\"day\", 1, 10), 1, 7) AS label, SUM(\"amount\") AS f1, COUNT(*) AS row_count FROM data WHERE \"day\" IS NOT NULL GROUP BY 1) ORDER BY label LIMIT 200",
        true,
    ),
    (
        "SELECT * FROM (SELECT ((CAST(strftime('%w', substr(\"day\", 1, 10)) AS INTEGER) + 6) % 7 + 1) AS label, COUNT(*) AS f1, COUNT(*) AS row_count FROM data WHERE \"day\" IS NOT NULL GROUP BY 1) ORDER BY label LIMIT 200",
        true,
    ),
    (
        "SELECT * FROM (SELECT CAST(\"town\" AS TEXT) AS label, CAST(\"flag\" AS TEXT) AS label2, SUM(\"amount\") AS f1, COUNT(*) AS row_count FROM data GROUP BY 1, 2) ORDER BY f1 IS NULL, f1 DESC, label, label2 LIMIT 200",
        true,
    ),
    (
        "SELECT 100.0 * COALESCE(SUM(CASE WHEN CAST(\"town\" AS TEXT) IN ('Jena') THEN \"amount\" END), 0) / NULLIF(SUM(\"amount\"), 0) AS f1, COUNT(*) AS row_count FROM data",
        true,
    ),
    (
        "SELECT * FROM (SELECT CAST(\"town\" AS TEXT) AS label, 100.0 * SUM(\"amount\") / NULLIF((SELECT SUM(\"amount\") FROM data), 0) AS f1, SUM(\"amount\") AS p1, COUNT(*) AS row_count FROM data GROUP BY 1) ORDER BY f1 IS NULL, f1 DESC, label LIMIT 200",
        true,
    ),
    (
        "WITH v AS (SELECT SUM(CASE WHEN \"count\" = 1 THEN \"amount\" END) AS a, SUM(CASE WHEN \"count\" = 2 THEN \"amount\" END) AS b FROM data) SELECT a, b, b - a AS change FROM v",
        true,
    ),
    (
        "SELECT * FROM (SELECT CAST(\"town\" AS TEXT) AS label, LAG(SUM(\"amount\")) OVER (ORDER BY CAST(\"town\" AS TEXT)) AS f1, COUNT(*) AS row_count FROM data GROUP BY 1) ORDER BY label LIMIT 200",
        true,
    ),
    (
        "SELECT CAST(\"town\" AS TEXT) AS label, COUNT(*) AS row_count, COUNT(*) OVER () AS members FROM data WHERE CAST(\"town\" AS TEXT) IS NOT NULL GROUP BY 1 ORDER BY 1 LIMIT 200",
        true,
    ),
    (
        "SELECT COUNT(*) AS f1 FROM data WHERE \"amount\" BETWEEN -2 AND 7.5 AND \"town\" IS NOT NULL",
        true,
    ),
    (
        "SELECT CAST(\"town\" AS TEXT) AS label, COUNT(*) AS n FROM data GROUP BY 1",
        true,
    ),
    (
        "SELECT * FROM (SELECT \"count\" AS c, COUNT(*) AS n FROM data GROUP BY 1) WHERE c = '5'",
        true,
    ),
    (
        "SELECT \"count\" + 1 AS l, COUNT(*) AS n, COALESCE(\"count\" + 1, 0) AS m FROM data GROUP BY 1 ORDER BY l DESC LIMIT 4",
        true,
    ),
    (
        "WITH v AS (SELECT (SELECT SUM(\"amount\") FROM data WHERE \"count\" = 1) AS a, (SELECT SUM(\"amount\") FROM data WHERE \"count\" = 2) AS b) SELECT a, b, b - a AS change FROM v",
        true,
    ),
    // The rest is a database's: what is left names a column, or has no name of its own.
    (
        "SELECT \"town\" AS t, COUNT(*) AS n FROM data GROUP BY 1 ORDER BY \"town\" DESC LIMIT 3",
        false,
    ),
    (
        "SELECT * FROM (SELECT \"town\", SUM(\"amount\") AS s FROM data GROUP BY 1) WHERE \"town\" = 'Jena'",
        false,
    ),
    (
        "SELECT \"town\", SUM(\"amount\") FROM data GROUP BY 1",
        false,
    ),
    (
        "SELECT \"town\" AS t, COUNT(*) AS count FROM data GROUP BY 1 ORDER BY \"count\" + 0, t",
        false,
    ),
    (
        "SELECT MAX(s) FROM (SELECT SUM(\"amount\") AS s FROM data)",
        false,
    ),
    ("SELECT * FROM (SELECT SUM(\"amount\") FROM data)", false),
    (
        "WITH \"data\" AS (SELECT 1 AS \"amount\") SELECT SUM(\"amount\") AS s FROM data",
        false,
    ),
    (
        "SELECT \"town\" AS t, COUNT(*) AS n FROM data GROUP BY 1 ORDER BY rowid DESC",
        false,
    ),
    (
        "SELECT \"count\" + 1 AS l, \"count\" + 1 * 2 AS m, COUNT(*) AS n FROM data GROUP BY 1",
        false,
    ),
    ("SELECT median(\"amount\") AS f1 FROM data", false),
    ("SELECT SUM(\"amount\" * \"count\") AS f1 FROM data", false),
    (
        "SELECT rowid AS line, \"amount\" AS value FROM data WHERE \"amount\" IS NOT NULL ORDER BY \"amount\" DESC, 1 LIMIT 5",
        false,
    ),
    ("SELECT DISTINCT \"town\" FROM data", false),
    ("SELECT \"town\", SUM(\"amount\") FROM data", false),
    (
        "SELECT COUNT(*) FROM data AS other WHERE other.\"count\" = 1",
        false,
    ),
    (
        "SELECT COUNT(*) FROM data WHERE \"amount\" > \"count\"",
        false,
    ),
    ("SELECT SUM(\"town\") FROM data", false),
    ("SELECT COUNT(*) FROM data WHERE \"nothing\" = 1", false),
    ("SELECT COUNT(*) FROM data GROUP BY \"id\"", false),
];

struct Bench {
    table: Table,
    workspace: Workspace,
    limits: QueryLimits,
}

impl Bench {
    fn of(text: &str) -> Self {
        let mut held = Memory::of(u64::MAX).reserve("t.csv", 0).unwrap();
        let read = form::read("t.csv", text.as_bytes().to_vec(), &mut held, &|| Ok(())).unwrap();
        Self {
            table: table::read("t.csv", read, held, &|| Ok(())).unwrap(),
            workspace: Workspace::new(&Vec::<String>::new(), std::env::temp_dir()).unwrap(),
            limits: QueryLimits::default(),
        }
    }

    fn call() -> ToolCall {
        ToolCall::new(json!({}), Instant::now() + Duration::from_secs(60))
    }

    fn gathered(&self, statement: &str) -> Option<String> {
        let call = Self::call();
        let Self {
            table,
            workspace,
            limits,
        } = self;
        let given = answer(table, "data", statement, limits, workspace, &call).unwrap();
        given.map(|given| format!("{given:?}"))
    }

    fn loaded(&self, statement: &str) -> Result<String, Error> {
        let Self {
            table,
            workspace,
            limits,
        } = self;
        let all = [("data", table)];
        let mut database = Database::load(&all, statement, &Vec::new(), limits, &|| Ok(()))?;
        let given = database.query(statement, limits, workspace, &Self::call())?;
        Ok(format!("{given:?}"))
    }
}

/// A table whose towns, days and flags repeat and whose ids do not; of 17,000 rows and more ids are kept as places.
fn table_of(rows: &[(u8, u8, Option<i32>, u8)], times: usize) -> String {
    let towns = ["Jena", "Bremen", "", "it's", "Ulm", "jena"];
    let mut out = "id,town,day,count,amount,flag\n".to_owned();
    let all = std::iter::repeat_n(rows, times).flatten();
    for (at, (town, day, cents, count)) in all.enumerate() {
        let town = towns[usize::from(*town) % towns.len()];
        let day = match day % 40 {
            0 => String::new(),
            day => format!("2024-{:02}-{:02}", 1 + day / 20, 1 + day % 20),
        };
        let amount = cents.map_or(String::new(), |cents| {
            format!(
                "{}{}.{:02}",
                if cents < 0 { "-" } else { "" },
                cents.abs() / 100,
                cents.abs() % 100
            )
        });
        let flag = if count % 2 == 0 { "yes" } else { "no" };
        out.push_str(&format!("X{at:06},{town},{day},{count},{amount},{flag}\n"));
    }
    out
}

fn agree(bench: &Bench) -> Result<(), TestCaseError> {
    for (statement, is_gathered) in STATEMENTS {
        let gathered = bench.gathered(statement);
        prop_assert!(is_gathered || gathered.is_none(), "{}", statement);
        if let Some(gathered) = gathered {
            let loaded = bench.loaded(statement).unwrap();
            prop_assert_eq!(gathered, loaded, "{}", statement);
        }
    }
    Ok(())
}

#[test]
fn what_questions_ask_of_a_large_table_is_gathered_as_a_database_has_it() {
    let mut rows: Vec<(u8, u8, Option<i32>, u8)> = Vec::new();
    let mut drawn = 7_u64;
    for at in 0..20_000 {
        drawn = drawn
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let [a, b, c, d, e, ..] = (drawn >> 20).to_le_bytes();
        let cents = i32::from(u16::from_le_bytes([a, b])) * 13 - 90_000;
        // Whether cells repeat is asked at a row that has one.
        let there = e % 9 > 0 || at == 16_383;
        rows.push((c, d, there.then_some(cents), e % 11));
    }
    let bench = Bench::of(&table_of(&rows, 1));
    let coded = |name: &str| {
        let column = bench
            .table
            .columns
            .iter()
            .find(|column| column.profile.name == name);
        column.unwrap().cells.coded().is_some()
    };
    assert!(coded("town") && !coded("id") && !coded("amount"));
    for (statement, is_gathered) in STATEMENTS {
        assert_eq!(
            bench.gathered(statement).is_some(),
            is_gathered,
            "{statement}"
        );
    }
    agree(&bench).unwrap();
}

#[test]
fn a_quoted_name_that_means_nothing_is_a_mistake_and_no_text() {
    let bench = Bench::of("town,amount\nJena,1\nUlm,2\n");
    let refused = bench.loaded("SELECT COUNT(*) AS n FROM data WHERE \"town\" = \"Jena\"");
    let says = refused.unwrap_err().to_string();
    assert!(says.contains("no such column"), "{says}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_stands_in_a_table_both_ways_give_the_same(
        rows in prop::collection::vec((any::<u8>(), any::<u8>(), prop::option::weighted(0.8, -50_000..50_000_i32), 0..9_u8), 4..60),
    ) {
        let mut held = Memory::of(u64::MAX).reserve("t.csv", 0).unwrap();
        let text = table_of(&rows, 1);
        let read = form::read("t.csv", text.as_bytes().to_vec(), &mut held, &|| Ok(())).unwrap();
        // A column of nothing but blanks, or of words, has no figures.
        if table::read("t.csv", read, held, &|| Ok(())).is_ok() {
            agree(&Bench::of(&text))?;
        }
    }
}
