//! What a statement may do, and what it gives.

use std::time::{Duration, Instant};

use aios_languages::english::name;
use aios_work::{CancelFlag, ToolErrorKind};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use aios_tools::Limits;

const SALES: &str = "date,region,units,revenue\n03/07/2025,North,3,10.10\n13/07/2025,South,,20.20\n14/08/2025,North,4,\n15/08/2025,South,5,0.30\n";

/// The limits of a call's walls, and of its statement.
struct Bounds(Limits, QueryLimits);

impl From<Limits> for Bounds {
    fn from(limits: Limits) -> Self {
        Self(limits, QueryLimits::default())
    }
}

impl From<QueryLimits> for Bounds {
    fn from(limits: QueryLimits) -> Self {
        Self(Limits::default(), limits)
    }
}

struct Bench {
    _dir: tempfile::TempDir,
    workspace: Workspace,
    sql: Sql,
    cancel: CancelFlag,
}

fn bench(files: &[(&str, &str)], limits: impl Into<Bounds>) -> Bench {
    let Bounds(limits, of_queries) = limits.into();
    let dir = tempfile::tempdir().unwrap();
    let paths: Vec<_> = files
        .iter()
        .map(|(name, content)| {
            std::fs::write(dir.path().join(name), content).unwrap();
            dir.path().join(name)
        })
        .collect();
    let workspace = Workspace::new(&paths, dir.path().join("out"))
        .unwrap()
        .with_limits(limits);
    Bench {
        _dir: dir,
        workspace,
        sql: Sql::new(Arc::default(), &Workspaces::default(), of_queries),
        cancel: CancelFlag::new(),
    }
}

impl Bench {
    fn run_until(&self, args: Json, deadline: Instant) -> Result<ToolOutput, ToolError> {
        let call = ToolCall {
            cancel: self.cancel.clone(),
            ..ToolCall::new(args, deadline)
        };
        self.sql.run(&call, &self.workspace)
    }

    fn run(&self, args: Json) -> Result<ToolOutput, ToolError> {
        self.run_until(args, Instant::now() + Duration::from_secs(60))
    }

    fn rows(&self, query: &str) -> Json {
        self.run(json!({"query": query})).unwrap().value["rows"].clone()
    }

    fn refused(&self, query: &str) -> String {
        self.run(json!({"query": query})).unwrap_err().to_string()
    }
}

fn sales() -> Bench {
    bench(&[("sales.csv", SALES)], Limits::default())
}

#[test]
fn figures_dates_and_gaps_come_back_as_they_are() {
    let bench = sales();
    for (query, rows) in [
        (
            "SELECT count(*), count(units), sum(units), sum(revenue) FROM data",
            json!([[4, 3, 12, 30.6]]),
        ),
        (
            "SELECT strftime('%Y-%m', date) AS month, sum(revenue) FROM data GROUP BY 1",
            json!([["2025-07", 30.3], ["2025-08", 0.3]]),
        ),
        (
            "SELECT rowid, units FROM data WHERE revenue IS NULL",
            json!([[4, 4]]),
        ),
        (
            "SELECT min(date), max(date) FROM data",
            json!([["2025-07-03", "2025-08-15"]]),
        ),
        (
            "SELECT units / 2, revenue / 2 FROM data LIMIT 1",
            json!([[1, 5.05]]),
        ),
        (
            "SELECT median(units), quantile(units, 0.25), stddev(units), sqrt(16) FROM data",
            json!([[4, 3.5, 1, 4]]),
        ),
        (
            "SELECT median(units), sqrt(-1), stddev(1) FROM data WHERE 0",
            json!([[null, null, null]]),
        ),
        (
            "SELECT 0.25 + 0.5, 1e3, 9007199254740993",
            json!([[0.75, 1000.0, 9007199254740993_i64]]),
        ),
        (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT i FROM n;",
            json!([[1], [2], [3]]),
        ),
        (
            "SELECT region, rank() OVER (ORDER BY revenue DESC) FROM data LIMIT 1 -- comment",
            json!([["South", 1]]),
        ),
    ] {
        let got = bench.rows(query);
        let same = got == rows
            || (got.to_string().replace(".0", "") == rows.to_string().replace(".0", ""));
        assert!(same, "{query}: {got}");
    }
}

#[test]
fn all_aggregates_of_a_statement_share_the_memory_of_the_goal() {
    let limits = Limits {
        memory_bytes: 8 << 20,
        ..Limits::default()
    };
    let bench = bench(
        &[("n.csv", &("n\n".to_owned() + &"7\n".repeat(200)))],
        limits,
    );
    let from = "FROM data x, data y";
    let one = format!("SELECT median(x.n + y.n) {from}");
    assert_eq!(bench.rows(&one), json!([[14.0]]));
    let held = bench.workspace.memory().held();
    // Each of them gathers 320 kB.
    let many: Vec<String> = (0..100)
        .map(|at| format!("quantile(x.n + {at}, 0.5)"))
        .collect();
    let error = bench
        .run(json!({"query": format!("SELECT {} {from}", many.join(", "))}))
        .unwrap_err();
    let says = error.to_string();
    assert!(says.starts_with("the query needs 8."), "{says}");
    assert!(says.contains(" at most 8 MiB are allowed;"), "{says}");
    // A sum holds a number for each power of ten.
    let sums: Vec<String> = (0..500)
        .map(|at| format!("sum(p * {}.5)", at + 1))
        .collect();
    let query = format!(
        "WITH RECURSIVE e(i) AS (SELECT -300 UNION ALL SELECT i + 1 FROM e WHERE i < 300), \
         d(p) AS (SELECT CAST('1e' || i AS REAL) FROM e) SELECT {} FROM d",
        sums.join(", ")
    );
    let error = bench.run(json!({"query": query})).unwrap_err();
    let says = error.to_string();
    assert!(says.starts_with("the query needs 8."), "{says}");
    // What was set aside is back, and the next statement runs.
    assert_eq!(bench.workspace.memory().held(), held);
    assert_eq!(bench.rows(&one), json!([[14.0]]));
}

#[test]
fn a_statement_can_only_read() {
    let bench = sales();
    for query in [
        "INSERT INTO data VALUES (1, 2, 3, 4)",
        "UPDATE data SET units = 0",
        "DELETE FROM data",
        "DROP TABLE data",
        "CREATE TABLE x (y)",
        "CREATE TEMP TABLE x AS SELECT 1",
        "CREATE VIRTUAL TABLE x USING fts5(y)",
        "ATTACH '/tmp/other.db' AS other",
        "ATTACH ':memory:' AS other",
        "DETACH main",
        "PRAGMA query_only = 0",
        "PRAGMA writable_schema = 1",
        "PRAGMA hard_heap_limit = 0",
        "SELECT * FROM pragma_table_info('data')",
        "VACUUM",
        "VACUUM INTO '/tmp/stolen.db'",
        "BEGIN",
        "COMMIT",
        "SAVEPOINT s",
        "REINDEX",
        "ANALYZE",
        "ALTER TABLE data RENAME TO d",
        "SELECT load_extension('/tmp/x.so')",
        "SELECT fts3_tokenizer('simple')",
        "SELECT readfile('/etc/passwd')",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE data",
        "SELECT ?",
        "SELECT :name",
        "",
        "  -- nothing",
        ";",
        "SELEC 1",
        "SELECT \0 1",
        "SELECT zeroblob(10)",
        "SELECT 1e999",
        "SELECT median('x') FROM data",
        "SELECT quantile(units, 2) FROM data",
    ] {
        let says = bench.refused(query);
        assert!(
            says.starts_with("sql: ") && says.lines().count() == 1,
            "{query}: {says}"
        );
    }
    assert_eq!(
        bench.rows("SELECT count(*) FROM data"),
        json!([[4]]),
        "nothing has changed"
    );
}

#[test]
fn a_refusal_says_what_there_is() {
    let bench = sales();
    for (query, says) in [
        (
            "SELECT revnue FROM data",
            "sql: no such column: revnue; there is data(\"date\", \"region\", \"units\", \"revenue\")",
        ),
        (
            "SELECT 1 FROM sales",
            "sql: no such table: sales; there is data(\"date\", \"region\", \"units\", \"revenue\")",
        ),
        (
            "SELECT 1; SELECT 2",
            "sql: there is more than one statement; send one SELECT at a time",
        ),
        (
            "DELETE FROM data",
            "sql: only reading is allowed; send one SELECT",
        ),
        (
            "SELECT sum(9223372036854775807) FROM data",
            "sql: integer overflow: the sum is larger than a whole number can be (9223372036854775807); ask for fewer rows",
        ),
    ] {
        assert_eq!(bench.refused(query), says);
    }
}

#[test]
fn every_limit_ends_a_statement_with_its_number() {
    let limits = Bounds(
        Limits {
            result_bytes: 5_000,
            ..Limits::default()
        },
        QueryLimits {
            rows: 3,
            statement_bytes: 2_000,
            query_ms: 100,
            ..QueryLimits::default()
        },
    );
    let bench = bench(&[("sales.csv", SALES)], limits);
    let endless =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    for (query, says) in [
        (
            "SELECT * FROM data",
            "sql: the query returns more than 3 rows; add GROUP BY or LIMIT",
        ),
        (
            "SELECT hex(zeroblob(4000))",
            "sql: the query returns more than 5000 bytes; select fewer rows or columns",
        ),
        (
            "SELECT length(hex(zeroblob(100000000)))",
            "sql: the query makes a text that is too long; select less of it",
        ),
        (
            endless,
            "sql: the query ran longer than 100 ms; read fewer rows or join less",
        ),
    ] {
        assert_eq!(bench.refused(query), says);
    }
    let long = format!("SELECT 1 {}", " ".repeat(2_000));
    assert_eq!(
        bench.refused(&long),
        "sql: the statement has 2009 bytes, at most 2000 are read"
    );
    let deep = format!("SELECT {}1{}", "abs(".repeat(200), ")".repeat(200));
    assert_eq!(
        bench.refused(&deep),
        "sql: Expression tree is too large (maximum depth 100)"
    );
}

#[test]
fn cancelling_and_deadlines_end_a_running_statement() {
    let endless = json!({"query": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"});
    let bench = sales();
    let _ = bench.rows("SELECT 1");
    let late = bench.run_until(endless.clone(), Instant::now() + Duration::from_millis(50));
    let late = late.unwrap_err();
    assert_eq!(late.kind(), ToolErrorKind::Timeout, "{late}");
    let cancel = bench.cancel.clone();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| bench.run(endless));
        cancel.cancel();
        let cancelled = running.join().unwrap().unwrap_err();
        assert_eq!(cancelled.kind(), ToolErrorKind::Cancelled, "{cancelled}");
    });
}

#[test]
fn facts_are_named_row_by_row() {
    let bench = sales();
    let query = "SELECT region, sum(units) AS n, sum(revenue) AS revenue FROM data GROUP BY region ORDER BY region";
    let facts = |asked: Json| {
        let output = bench
            .run(json!({"query": query, "facts": asked}))
            .map_err(|error| error.to_string())?;
        Ok::<_, String>(
            output
                .facts
                .iter()
                .map(|fact| format!("{} = {}", name(fact), fact.value))
                .collect::<Vec<_>>()
                .join("; "),
        )
    };
    for (asked, named) in [
        (
            json!("revenue in {region}"),
            "revenue in North = 10.1; revenue in South = 20.5",
        ),
        (
            json!({"name": "units in {region}", "value": "n"}),
            "units in North = 7; units in South = 5",
        ),
        (
            json!([{"name": "a {region}", "value": "n"}, {"name": "b"}]),
            "a North = 7; b = 10.1; a South = 5; b = 20.5",
        ),
        (json!(null), ""),
    ] {
        assert_eq!(facts(asked), Ok(named.to_owned()));
    }
    for (asked, says) in [
        (
            json!("{nothing}"),
            "tool sql cannot use its arguments: facts mention the column nothing, the result has region, n, revenue",
        ),
        (
            json!("{region"),
            "tool sql cannot use its arguments: a brace is not closed in the fact name \"{region\"",
        ),
        (
            json!("{region}{n}{revenue}"),
            "tool sql cannot use its arguments: no column is left for the figure of the facts; name it in value",
        ),
    ] {
        assert_eq!(facts(asked), Err(says.to_owned()));
    }
    let fact = bench
        .run(json!({"query": query, "name": "revenue in {region}"}))
        .unwrap()
        .facts
        .remove(0);
    assert_eq!(fact.source.text, format!("sales.csv: {query}"));
}

#[test]
fn units_follow_a_column_into_its_facts() {
    let bench = bench(
        &[("p.csv", "item,price\na,$5.00\nb,$6.50\n")],
        Limits::default(),
    );
    let output = bench
        .run(json!({"query": "SELECT max(price) AS price FROM data", "facts": "highest price"}))
        .unwrap();
    assert_eq!(output.facts[0].unit.as_deref(), Some("USD"));
}

#[test]
fn several_files_are_joined_by_their_names() {
    let bench = bench(
        &[
            ("Q3 sales.csv", SALES),
            ("2025.csv", "region,head\nNorth,Ana\nSouth,Tom\n"),
        ],
        Limits::default(),
    );
    let query =
        "SELECT head, count(*) FROM q3_sales JOIN t_2025 USING (region) GROUP BY 1 ORDER BY 1";
    let output = bench
        .run(json!({"files": ["Q3 sales.csv", "2025.csv"], "query": query}))
        .unwrap();
    assert_eq!(output.value["rows"], json!([["Ana", 2], ["Tom", 2]]));
    let says = bench
        .run(json!({"query": "SELECT 1"}))
        .unwrap_err()
        .to_string();
    assert_eq!(
        says,
        "tool sql cannot use its arguments: file is missing, and the goal has 2 input files to choose from"
    );
}

#[test]
fn arithmetic_needs_no_table() {
    let bench = bench(&[], Limits::default());
    assert_eq!(bench.rows("SELECT 17 * 23 AS result"), json!([[391]]));
    assert!(bench.refused("SELECT * FROM data").contains("data"));
}

#[test]
fn a_file_that_changes_is_read_as_it_was_when_the_goal_began_or_not_at_all() {
    let mut bench = sales();
    let path = bench.workspace.inputs()[0].path.clone();
    let count = "SELECT count(*) FROM data";
    assert_eq!(bench.rows(count), json!([[4]]));
    std::fs::write(&path, "a,b\nx,1\n").unwrap();
    assert_eq!(bench.rows(count), json!([[4]]), "what was read is kept");
    bench.sql = Sql::new(
        Arc::default(),
        &Workspaces::default(),
        QueryLimits::default(),
    );
    let says = bench.refused(count);
    assert!(says.contains("is not the file that it was"), "{says}");
    bench.workspace = Workspace::new(&[&path], bench.workspace.out_dir()).unwrap();
    assert_eq!(
        bench.rows(count),
        json!([[1]]),
        "the next goal reads it anew"
    );
}

#[test]
fn columns_keep_any_name() {
    let bench = bench(
        &[(
            "t.csv",
            "rowid,\"a \"\"b\"\"\",select,rowid,_rowid_,oid\n7,1,2,3,4,x\n8,1,2,3,4,y\n",
        )],
        Limits::default(),
    );
    assert_eq!(
        bench.rows("SELECT rowid, \"a \"\"b\"\"\", \"select\", rowid_2, oid FROM data LIMIT 1"),
        json!([[7, 1, 2, 3, "x"]])
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn no_statement_makes_it_panic(
        text in prop_oneof![
            "\\PC{0,80}",
            prop::collection::vec(prop::sample::select(vec![
                "SELECT", "*", "FROM", "data", "WHERE", "GROUP", "BY", "ORDER", "units", "revenue", "sum(", "median(", ")", ",", "(", "1", "'x'",
                "UNION", "ALL", "WITH", "AS", "x", "JOIN", "ON", "=", "LIMIT", "-1", "NULL", "OVER", "DISTINCT", ";", "--", "/*", "\"", "EXPLAIN",
                "VALUES", "json_each(", "printf('%.*c',", "1e9", "LIKE", "CASE", "WHEN", "THEN", "END", "PRAGMA", "ATTACH", "\u{0}",
            ]), 0..20).prop_map(|words| words.join(" ")),
        ],
        name in "\\PC{0,20}",
    ) {
        thread_local! {
            static BENCH: Bench = bench(&[("sales.csv", SALES)], QueryLimits { query_ms: 50, ..QueryLimits::default() });
        }
        BENCH.with(|bench| {
            let _ = bench.run(json!({"query": text, "facts": name}));
            assert_eq!(bench.rows("SELECT count(*) FROM data"), json!([[4]]));
        });
    }
}
