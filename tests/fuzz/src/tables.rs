//! What comes in as files and statements: tables, documents, SQL. By way of the toolbox, as an executor calls it.

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use aios_tables::{QueryLimits, TableProfile};
use aios_tools::{Memory, OnDisk, Toolbox, Workspaces};
use aios_work::{InputFile, ToolCall, ToolError, ToolErrorKind, ToolOutput};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// Longer than any input of a fuzzer should take.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long a query may run by its workspace's limits, in milliseconds.
const QUERY_MS: u64 = 100;
/// Rows that a query may give.
const ROWS: usize = 1_000;

/// A folder and a toolbox that a thread keeps for all its inputs.
struct Desk {
    folder: TempDir,
    tools: Toolbox,
    runtime: Runtime,
    files: u64,
}

thread_local! {
    static DESK: RefCell<Desk> = RefCell::new(Desk {
        folder: tempfile::tempdir().expect("a temporary folder"),
        tools: {
            let workspaces = Workspaces::default();
            let limits = QueryLimits {
                query_ms: QUERY_MS,
                rows: ROWS,
                ..QueryLimits::default()
            };
            Toolbox::standard(&workspaces, None).with(aios_tables::tools_within(&workspaces, limits))
        },
        runtime: Builder::new_current_thread().build().expect("a runtime"),
        files: 0,
    });
}

impl Desk {
    /// A file of its own for each input: tables are kept by name, length and time.
    fn put(&mut self, ending: &str, content: &[u8]) -> PathBuf {
        self.files += 1;
        let path = self.folder.path().join(format!("f{}.{ending}", self.files));
        std::fs::write(&path, content).expect("the temporary folder takes a file");
        path
    }

    /// A small table that stays.
    fn sales(&self) -> PathBuf {
        let path = self.folder.path().join("sales.csv");
        if !path.exists() {
            std::fs::write(&path, SALES).expect("the temporary folder takes a file");
        }
        path
    }

    fn call(&self, tool: &str, path: &PathBuf, args: &Value) -> Result<ToolOutput, ToolError> {
        let call = ToolCall {
            idempotency_key: "fuzz/t1".to_owned(),
            inputs: InputFile::all(&[path])?,
            out_dir: self.folder.path().join("out").display().to_string(),
            ..ToolCall::new(args.clone(), Instant::now() + PATIENCE)
        };
        let granted = self.tools.needs();
        let called = self.tools.call(tool, &granted, call);
        let output = self.runtime.block_on(called);
        match &output {
            Ok(output) => {
                let text = serde_json::to_vec(output).expect("an output is JSON");
                let again: ToolOutput = serde_json::from_slice(&text).expect("just written");
                assert_eq!(again, *output, "it is the same after a message");
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                assert!(
                    error.kind() != ToolErrorKind::Timeout,
                    "{tool} takes longer than {PATIENCE:?}"
                );
            }
        }
        output
    }
}

/// A table file: what is read has the rows and columns that its profile tells, in SQL too; what is not is refused in words.
pub fn table(data: &[u8]) {
    DESK.with_borrow_mut(|desk| {
        let path = desk.put("csv", data);
        let looked = desk.call("profile_table", &path, &json!({}));
        if let Ok(output) = looked {
            let profile: TableProfile =
                serde_json::from_value(output.value).expect("its own profile");
            assert!(profile.rows > 0 && !profile.columns.is_empty());
            // Every row ends in a line end and every cell in a separator, but the last.
            assert!(profile.rows <= data.len() as u64 + 1);
            assert!(profile.columns.len() <= data.len() + 1);
            for column in &profile.columns {
                assert!(column.missing <= profile.rows && column.distinct <= profile.rows);
                assert!(!column.name.is_empty());
            }
            let names: Vec<String> = profile.columns.iter().map(|one| one.quoted()).collect();
            let query = format!("SELECT COUNT(*), {} FROM data", names.join(", "));
            let counted = desk.call("sql", &path, &json!({ "query": query }));
            // A table with as many columns as SQLite's own limits allow may be too wide for one statement.
            if profile.columns.len() < 100 {
                let counted = counted.expect("its own columns can be asked for");
                assert_eq!(counted.value["rows"][0][0], json!(profile.rows));
            }
        }
        let _ = std::fs::remove_file(path);
    });
}

/// A document: what is read has the text that was in it, never more.
pub fn document(data: &[u8]) {
    DESK.with_borrow_mut(|desk| {
        let path = desk.put("md", data);
        if let Ok(output) = desk.call("read_file", &path, &json!({})) {
            let text = output.value["text"].as_str().expect("it has a text");
            // A byte of an older encoding takes at most three bytes in ours.
            assert!(text.len() <= 3 * data.len());
        }
        let _ = std::fs::remove_file(path);
    });
    // Whatever it is called, each reader gives blocks with places or a refusal in words, and holds what was set aside for it.
    for name in ["a.txt", "a.md", "a.html", "a.csv", "a.json"] {
        let memory = Memory::of(1 << 30);
        let held = memory.reserve(name, data.len() as u64);
        let held = held.expect("an input fits into what a goal may hold");
        match aios_documents::read(name, data.to_vec(), held, &|| Ok(())) {
            Ok(document) => {
                assert_eq!(document.file(), name);
                assert_eq!(document.bytes(), memory.held());
            }
            Err(error) => assert!(error.to_string().starts_with(name), "{error}"),
        }
        assert_eq!(memory.held(), 0);
    }
}

const SALES: &str =
    "day,region,units,price\n2025-01-01,North,1,2.5\n2025-01-02,South,2,3.5\n2025-01-03,North,3,\n";

/// How the small table looks to a planner.
pub(crate) fn profile() -> TableProfile {
    DESK.with_borrow_mut(|desk| {
        let path = desk.sales();
        let looked = desk.call("profile_table", &path, &json!({}));
        serde_json::from_value(looked.expect("it is a table").value).expect("its own profile")
    })
}

/// A statement: it is answered within its limits or refused in words, and the goal's file and folder are as they were.
pub fn query(data: &[u8]) {
    let Ok(query) = std::str::from_utf8(data) else {
        return;
    };
    DESK.with_borrow_mut(|desk| {
        let path = desk.sales();
        let names = |desk: &Desk| -> Vec<_> {
            let listed = std::fs::read_dir(desk.folder.path()).expect("the folder is there");
            let mut names: Vec<_> = listed.flatten().map(|entry| entry.file_name()).collect();
            names.sort();
            names
        };
        let before = names(desk);
        let args = json!({ "query": query, "facts": "x" });
        let answered = desk
            .call("sql", &path, &args)
            .or_else(|_| desk.call("sql", &path, &json!({ "query": query })));
        if let Ok(output) = answered {
            let rows = output.value["rows"].as_array().expect("it has rows");
            assert!(rows.len() <= ROWS);
        }
        assert_eq!(names(desk), before, "no statement makes or removes a file");
        let now = std::fs::read_to_string(&path).expect("the file is there");
        assert_eq!(now, SALES, "no statement changes a file");
        // Nor does it leave anything behind for the next: the table still has its three rows.
        let count = json!({ "query": "SELECT COUNT(*) FROM data" });
        let count = desk.call("sql", &path, &count).expect("it can be counted");
        assert_eq!(count.value["rows"][0][0], json!(3));
    });
}
