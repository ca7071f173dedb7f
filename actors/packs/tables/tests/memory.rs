//! The memory limit, alone in its process: SQLite counts per process, so a low limit would reach the tests beside it.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::{Duration, Instant};

use aios_tables::QueryLimits;
use aios_tools::{OnDisk, Toolbox, Workspaces};
use aios_work::{InputFile, ToolCall};
use serde_json::json;

#[tokio::test]
async fn a_statement_that_hoards_is_ended_and_the_next_one_runs() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("t.csv");
    std::fs::write(&file, "a,b\n".to_owned() + &"some text,1\n".repeat(2_000)).unwrap();
    let limits = QueryLimits {
        sqlite_bytes: 8 << 20,
        ..QueryLimits::default()
    };
    let workspaces = Workspaces::default();
    let toolbox = Toolbox::new(&workspaces).with(aios_tables::tools_within(&workspaces, limits));
    let ask = async |query: &str| {
        let args = json!({"query": query});
        let deadline = Instant::now() + Duration::from_secs(60);
        let call = ToolCall {
            inputs: InputFile::all(&[&file]).unwrap(),
            ..ToolCall::new(args, deadline)
        };
        toolbox.call("sql", &toolbox.needs(), call).await
    };
    let hoards = ask(
        "SELECT x.a || y.a || x.rowid AS t FROM data x, data y ORDER BY t DESC LIMIT 1 OFFSET 3900000",
    )
    .await;
    let says = hoards.unwrap_err().to_string();
    assert_eq!(
        says,
        "sql: not enough memory within the limit; load a smaller file or group earlier"
    );
    assert_eq!(
        ask("SELECT sum(b) FROM data").await.unwrap().value["rows"],
        json!([[2000]])
    );

    std::fs::write(
        &file,
        "a,b\n".to_owned()
            + &"some text that is rather long for a cell in a table,1\n".repeat(150_000),
    )
    .unwrap();
    let says = ask("SELECT 1").await.unwrap_err().to_string();
    assert!(says.starts_with("sql: not enough memory"), "{says}");
}
