//! What SQLite holds is bounded by the memory settings of the node, alone in its process: SQLite counts per process.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::{Duration, Instant};

use aios_tools::{Limits, OnDisk, Toolbox, Workspaces};
use aios_work::{InputFile, ToolCall};
use serde_json::json;

/// The most memory the process has held, in megabytes, as the system counts it.
#[cfg(target_os = "linux")]
fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() >> 10
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_query_holds_no_more_than_the_settings_of_the_node_allow() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("t.csv");
    std::fs::write(&file, "n\n".to_owned() + &"1\n".repeat(2_000)).unwrap();
    let limits = Limits {
        memory_bytes: 64 << 20,
        ..Limits::default()
    };
    // A quarter of 128 MiB is less than the goal's 64 MiB.
    let workspaces = Workspaces::new(limits, 128 << 20);
    let toolbox = Toolbox::new(&workspaces).with(aios_tables::tools(&workspaces));
    let inputs = InputFile::all(&[&file]).unwrap();
    let ask = async |query: &str| {
        let args = json!({"query": query});
        let call = ToolCall {
            tenant: "tenant".to_owned(),
            goal: "goal".to_owned(),
            inputs: inputs.clone(),
            ..ToolCall::new(args, Instant::now() + Duration::from_secs(60))
        };
        toolbox.call("sql", &toolbox.needs(), call).await
    };
    let before = peak_mb();
    let hoards = ask(
        "SELECT count(*) FROM (SELECT DISTINCT printf('%200d', x.rowid * 2000 + y.rowid) FROM data x, data y)",
    )
    .await;
    let says = hoards.unwrap_err().to_string();
    assert!(says.starts_with("sql: not enough memory"), "{says}");
    let held = peak_mb() - before;
    assert!((16..48).contains(&held), "{held} MB");
    // SQLite's quarter is set aside: two other goals have no more than what is left of the node's, whatever SQLite does.
    let goal = |name: &str| workspaces.of("tenant", name, Vec::new(), dir.path());
    let (one, two) = (goal("one"), goal("two"));
    let _held = one.memory().reserve("one", 60 << 20).unwrap();
    let says = two.memory().reserve("two", 40 << 20).unwrap_err();
    assert!(
        says.to_string().ends_with(
            "at most 128 MiB are allowed; give a smaller file or raise tools.node_memory_mb"
        ),
        "{says}"
    );
    two.memory().reserve("two", 30 << 20).unwrap();
    assert_eq!(
        ask("SELECT sum(n) FROM data").await.unwrap().value["rows"],
        json!([[2000]])
    );
}
