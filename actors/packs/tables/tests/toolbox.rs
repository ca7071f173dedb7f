//! The toolbox as an executor meets it: capabilities, walls, repeats, sentences.
#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use aios_languages::english::name;
use aios_tools::{OnDisk, Toolbox, Workspaces, WriteError, WriteRequest, Writer};
use aios_work::{
    CancelFlag, Capabilities, Capability, Fact, InputFile, Source, Statistic, Subject, ToolCall,
    ToolError, ToolErrorKind, ToolOutput, Value,
};
use serde_json::{Value as Json, json};

/// Writes the facts one after the other, or fails as told.
struct Scribe;

impl Writer for Scribe {
    fn write(&self, request: &WriteRequest<'_>) -> Result<String, WriteError> {
        match request.instruction {
            "fail" => Err(WriteError::Unavailable("the engine restarts".to_owned())),
            "nothing" => Ok("  ".to_owned()),
            "cancelled" => Err(WriteError::Cancelled),
            _ => Ok(request
                .facts
                .iter()
                .map(|fact| format!("{} is {}.", name(fact), fact.value))
                .collect::<Vec<_>>()
                .join(" ")),
        }
    }
}

struct Goal {
    dir: tempfile::TempDir,
    inputs: Vec<InputFile>,
    toolbox: Toolbox,
    cancel: CancelFlag,
}

/// The general tools and those of the pack, as a node has them.
fn toolbox(writer: Option<Arc<dyn Writer>>) -> Toolbox {
    let workspaces = Workspaces::default();
    Toolbox::standard(&workspaces, writer).with(aios_tables::tools(&workspaces))
}

fn goal(files: &[(&str, &[u8])]) -> Goal {
    let dir = tempfile::tempdir().unwrap();
    let paths: Vec<_> = files
        .iter()
        .map(|(name, _)| dir.path().join(name))
        .collect();
    for ((_, content), path) in files.iter().zip(&paths) {
        std::fs::write(path, content).unwrap();
    }
    Goal {
        dir,
        inputs: InputFile::all(&paths).unwrap(),
        toolbox: toolbox(Some(Arc::new(Scribe))),
        cancel: CancelFlag::new(),
    }
}

impl Goal {
    async fn call(
        &self,
        tool: &str,
        granted: &Capabilities,
        key: &str,
        args: &Json,
    ) -> Result<ToolOutput, ToolError> {
        let deadline = Instant::now() + Duration::from_secs(60);
        let call = ToolCall {
            idempotency_key: key.to_owned(),
            inputs: self.inputs.clone(),
            out_dir: self.dir.path().join("out").display().to_string(),
            cancel: self.cancel.clone(),
            ..ToolCall::new(args.clone(), deadline)
        };
        self.toolbox.call(tool, granted, call).await
    }

    async fn ask(&self, tool: &str, args: Json) -> Result<ToolOutput, ToolError> {
        self.call(tool, &self.toolbox.needs(), "k", &args).await
    }

    async fn says(&self, tool: &str, args: Json) -> String {
        self.ask(tool, args).await.unwrap_err().to_string()
    }
}

const TABLE: &[u8] = b"region,units\nNorth,3\nSouth,4\n";

#[tokio::test]
async fn each_tool_needs_exactly_its_capability() {
    let goal = goal(&[("t.csv", TABLE)]);
    let chart = json!({"kind": "bar", "title": "t", "series": [{"points": [["a", 1]]}]});
    let every = [
        Capability::FILES_READ,
        Capability::FILES_WRITE,
        Capability::DATA_QUERY,
        Capability::MODEL_USE,
    ];
    for (tool, needs, args) in [
        ("read_file", vec![Capability::FILES_READ], json!({})),
        ("profile_table", vec![Capability::FILES_READ], json!({})),
        (
            "find_values",
            vec![Capability::FILES_READ],
            json!({"text": "North"}),
        ),
        (
            "sql",
            vec![Capability::DATA_QUERY, Capability::FILES_READ],
            json!({"query": "SELECT 1"}),
        ),
        ("chart", vec![Capability::FILES_WRITE], chart),
        (
            "write_text",
            vec![Capability::MODEL_USE],
            json!({"instruction": "say", "facts": [{"statistic": {"other": "n"}, "value": 1, "source": {"text": "s"}}]}),
        ),
    ] {
        let only: Capabilities = needs.iter().cloned().collect();
        assert!(goal.call(tool, &only, "k", &args).await.is_ok(), "{tool}");
        for need in &needs {
            let others: Capabilities = every
                .iter()
                .filter(|capability| *capability != need)
                .cloned()
                .collect();
            let refused = goal.call(tool, &others, "k", &args).await.unwrap_err();
            assert_eq!(
                (refused.kind(), refused.to_string()),
                (
                    ToolErrorKind::Permission,
                    format!(
                        "tool {tool} needs the capability {need}, which was not granted; whoever gave the order can grant it"
                    )
                )
            );
        }
        let spec = goal.toolbox.spec(tool).unwrap();
        assert_eq!(spec.needs, only);
        for schema in [&spec.input, &spec.output] {
            assert_eq!(schema["type"], "object", "{tool}");
        }
    }
    assert_eq!(
        goal.says("rm", json!({})).await,
        "there is no tool called \"rm\"; there are: calc, chart, find_values, http_get, list_files, profile_table, read_file, sql, write_file, write_text"
    );
}

#[tokio::test]
async fn the_same_step_writes_the_same_file_again() {
    let goal = goal(&[("t.csv", TABLE)]);
    let args = json!({"kind": "bar", "title": "Units", "series": [{"points": [["North", 3], ["South", 4]]}]});
    let draw = async |key: &str| {
        let drawn = goal.call("chart", &goal.toolbox.needs(), key, &args).await;
        drawn.unwrap().artifacts.remove(0)
    };
    let (first, second) = (draw("goal-1/step-2").await, draw("goal-1/step-2").await);
    assert_eq!(first, second);
    let other = draw("goal-1/step-3").await;
    assert_ne!(first.path, other.path);
    assert_eq!(
        std::fs::read_dir(goal.dir.path().join("out"))
            .unwrap()
            .count(),
        2
    );
    assert_eq!(
        (first.media_type.as_str(), first.description.as_str()),
        ("image/svg+xml", "Units. Bar chart. North 3, South 4.")
    );
}

#[tokio::test]
async fn a_document_is_outlined() {
    let goal = goal(&[(
        "n.md",
        b"# Plan\n\nWe go. They stay?\n\n## More\n- one thing\n",
    )]);
    let output = goal.ask("read_file", json!({})).await.unwrap();
    assert_eq!(
        output.value["headings"],
        json!([{"level": 1, "text": "Plan", "line": 1}, {"level": 2, "text": "More", "line": 5}])
    );
    assert_eq!(
        output.value["sentences"],
        json!(["We go.", "They stay?", "one thing"])
    );
    assert_eq!(
        (
            output.value["words"].as_u64(),
            output.value["truncated"].as_bool()
        ),
        (Some(8), Some(false))
    );
    assert_eq!(
        output.facts[0],
        Fact {
            subject: vec![Subject {
                name: "n.md".into(),
                kind: "file".into()
            }],
            measure: None,
            statistic: Statistic::Other("words".into()),
            period: None,
            value: Value::Integer(8),
            unit: None,
            source: Source {
                at: Some("/words".into()),
                ..Source::from("n.md: read_file".to_owned())
            }
        }
    );
    let short = goal
        .ask("read_file", json!({"max_chars": 6}))
        .await
        .unwrap();
    assert_eq!(
        (
            short.value["text"].as_str(),
            short.value["truncated"].as_bool()
        ),
        (Some("# Plan"), Some(true))
    );
}

#[tokio::test]
async fn bad_input_gets_one_clear_sentence() {
    let goal = goal(&[
        ("t.csv", TABLE),
        ("b.bin", b"\x00\x01\x02"),
        ("e.txt", b" \n"),
        ("x.xlsx", b"PK\x03\x04.."),
        ("bad.csv", b"a,b\n1,2\n3,4,5\n"),
    ]);
    for (tool, args, says) in [
        (
            "read_file",
            json!({"file": "b.bin"}),
            "b.bin is a binary file, not text",
        ),
        ("read_file", json!({"file": "e.txt"}), "e.txt is empty"),
        (
            "read_file",
            json!({"file": "/etc/passwd"}),
            "/etc/passwd is not one of the goal's input files (t.csv, b.bin, e.txt, x.xlsx, bad.csv)",
        ),
        (
            "read_file",
            json!({"path": "t.csv"}),
            "tool read_file cannot use its arguments: unknown field `path`, expected one of `file`, `max_chars`, `from`",
        ),
        (
            "read_file",
            json!({}),
            "tool read_file cannot use its arguments: file is missing, and the goal has 5 input files to choose from",
        ),
        (
            "profile_table",
            json!({"file": "x.xlsx"}),
            "x.xlsx is a damaged workbook: invalid Zip archive: Could not find EOCD",
        ),
        (
            "profile_table",
            json!({"file": "bad.csv"}),
            "bad.csv line 3 has 3 cells, the header has 2; quote a cell that contains the separator, or remove what is too much",
        ),
        (
            "sql",
            json!({"file": "bad.csv", "query": "SELECT 1"}),
            "bad.csv line 3 has 3 cells, the header has 2; quote a cell that contains the separator, or remove what is too much",
        ),
        (
            "write_text",
            json!({"instruction": " "}),
            "tool write_text cannot use its arguments: the instruction is empty",
        ),
        (
            "write_text",
            json!({"instruction": "x", "max_words": 0}),
            "tool write_text cannot use its arguments: `/max_words` must be at least 1",
        ),
        (
            "write_text",
            json!({"instruction": "fail"}),
            "the text was not written: no model answers: the engine restarts",
        ),
        (
            "write_text",
            json!({"instruction": "nothing"}),
            "the text was not written: the model's text is unusable: it is empty",
        ),
        (
            "write_text",
            json!({"instruction": "cancelled"}),
            "cancelled",
        ),
    ] {
        assert_eq!(goal.says(tool, args).await, says);
    }
}

#[tokio::test]
async fn a_cancelled_call_does_nothing() {
    let goal = goal(&[("t.csv", TABLE)]);
    goal.cancel.cancel();
    for (tool, args) in [
        ("read_file", json!({})),
        ("sql", json!({"query": "SELECT 1"})),
        ("profile_table", json!({})),
    ] {
        let cancelled = goal.ask(tool, args).await.unwrap_err();
        assert_eq!(cancelled.kind(), ToolErrorKind::Cancelled, "{tool}");
    }
}

#[tokio::test]
async fn the_examples_of_the_documentation_are_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/examples");
    let inputs = InputFile::all(&[
        format!("{folder}/q3_sales.csv"),
        format!("{folder}/notes.md"),
    ])
    .unwrap();
    let toolbox = toolbox(None);
    let ask = async |tool: &str, args: Json| {
        let deadline = Instant::now() + Duration::from_secs(60);
        let call = ToolCall {
            inputs: inputs.clone(),
            out_dir: "unused".to_owned(),
            ..ToolCall::new(args, deadline)
        };
        toolbox.call(tool, &toolbox.needs(), call).await.unwrap()
    };
    let profile = ask("profile_table", json!({"file": "q3_sales.csv"}))
        .await
        .value;
    let kinds: Vec<&str> = profile["columns"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|column| column["kind"].as_str())
        .collect();
    assert_eq!(
        (profile["rows"].as_u64(), kinds.join(" ").as_str()),
        (Some(250), "date category category number number")
    );
    assert_eq!(profile["warnings"], json!([]));
    let total = ask(
        "sql",
        json!({"file": "q3_sales.csv", "query": "SELECT sum(revenue), max(revenue), median(revenue) FROM data"}),
    )
    .await;
    assert_eq!(
        total.value["rows"][0][1],
        json!(19512.0),
        "the one bulk order"
    );
    assert!(
        ask("read_file", json!({"file": "notes.md"})).await.value["headings"]
            .as_array()
            .unwrap()
            .len()
            == 5
    );
}
