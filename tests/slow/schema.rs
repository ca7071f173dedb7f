//! What the node says that it takes and gives, and what it does: a tester made for such documents asks each path by its schema, and against it.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::sync::Arc;

use aios_control::Control;
use aios_control::access::{KeyFile, NewKey, Principals, Scope, Token};
use aios_control::http::{HttpServer, HttpService};
use aios_protocols::Timestamp;
use aios_runtime::{Config, Node};
use serde_json::Value;

use crate::clients::python;

const TESTER: &str = "schemathesis==4.32.5";
/// Requests that are drawn of each path, beside those that go along the edges of its schema.
const EXAMPLES: &str = "10";
/// Seconds for an answer: longer than a judgement has that nobody gave a time.
const PATIENCE: &str = "90";
/// What a request may be answered that follows the schema.
const TAKEN: [&str; 8] = ["2xx", "3xx", "401", "403", "404", "409", "429", "5xx"];
/// What one is answered that does not.
const REFUSED: [&str; 13] = [
    "400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "428", "429", "5xx",
];
/// What is no fault of the node's: besides what is the asker's, that somebody is away (it kills and stops agents itself), or was not given
/// the time.
const SOUND: [&str; 5] = ["2xx", "3xx", "4xx", "503", "504"];

/// What whoever is an admin of the node alone may ask. The rest is not asked by one: an admin names any file of this machine, and what is drawn
/// of these names would be written to.
const ADMINISTERED: [&str; 10] = [
    "undo",
    "import",
    "grant_tool",
    "revoke_tool",
    "approve_tools",
    "load_model",
    "unload_model",
    "swap_model",
    "decide",
    "config",
];

/// Another seed each day, and `AIOS_SEED` repeats a run.
fn seed() -> u64 {
    let given = std::env::var("AIOS_SEED")
        .ok()
        .and_then(|it| it.parse().ok());
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    given.unwrap_or(since.unwrap().as_secs() / 86_400)
}

/// The tester's settings: of each path what the document itself says is refused though it follows the schema.
fn settings(document: &Value) -> String {
    let list = |words: &[&str]| format!("[\"{}\"]", words.join("\", \""));
    let mut paths: BTreeMap<Vec<&str>, Vec<&str>> = BTreeMap::new();
    let mut streaming = Vec::new();
    let operations = document["paths"].as_object().unwrap().values();
    for operation in operations.flat_map(|path| path.as_object().unwrap().values()) {
        let id = operation["operationId"].as_str().unwrap();
        let streams = &operation["responses"]["200"]["content"]["text/event-stream"];
        if streams.is_object() {
            streaming.push(id);
        }
        let responses = operation["responses"].as_object().unwrap().keys();
        let own: Vec<&str> = responses
            .map(String::as_str)
            .filter(|status| ["400", "413"].contains(status))
            .collect();
        if !own.is_empty() {
            paths.entry(own).or_default().push(id);
        }
    }
    let mut told = format!(
        "[checks]\nnot_a_server_error.expected-statuses = {}\nnegative_data_rejection.expected-statuses = {}\n",
        list(&SOUND),
        list(&REFUSED)
    );
    // A stream does not end by itself: a second of it is enough.
    told.push_str(&format!(
        "[[operations]]\ninclude-operation-id = {}\nrequest-timeout = 1.0\n",
        list(&streaming)
    ));
    for (own, ids) in paths {
        let taken = [&TAKEN[..], &own].concat();
        told.push_str(&format!(
            "[[operations]]\ninclude-operation-id = {}\nchecks.positive_data_acceptance.expected-statuses = {}\n",
            list(&ids),
            list(&taken)
        ));
    }
    told
}

/// Somebody who operates the node and may name the files of one folder asks, so that nothing is written elsewhere on this machine; an admin asks
/// for what admins alone may. No request of the contract ends the node, so nothing is left out for that. Behind what has come to be, the tester
/// goes on along the links of the document.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_node_takes_what_its_document_says_and_gives_what_it_says() {
    let place = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.door.open = false;
    let node = Node::builder().config(config).start().await.unwrap();
    let keys = KeyFile::at(place.path().join("keys.json"));
    let [operates, administers] = [Scope::Operate, Scope::Admin].map(|scope| {
        let wanted = NewKey {
            principal: format!("user:{scope}@local").parse().unwrap(),
            scope,
            folders: vec![place.path().join("data").display().to_string()],
            expires_at: None,
        };
        keys.issue(wanted, Timestamp::ZERO).unwrap().1
    });
    let served: Arc<dyn Control> = Arc::new(node.clone());
    let server = HttpServer::bind("127.0.0.1:0".parse().unwrap()).await;
    let running = server.unwrap().serve(HttpService {
        node: Arc::new(move || Some(Arc::clone(&served))),
        principals: Principals::new([], Some(keys)),
        out: place.path().join("out"),
        page: None,
    });
    let running = running.unwrap();
    let document = aios_control::http::openapi();
    let file = place.path().join("schemathesis.toml");
    fs::write(&file, settings(&document)).unwrap();
    let (url, seed, folder) = (running.url(), seed(), place.path().to_owned());
    let asks = move |token: &Token, which: &[&str]| {
        let mut command = Command::new(python("schemathesis", TESTER));
        command
            .args(["-m", "schemathesis.cli", "--config-file"])
            .arg(&file)
            .args(["run", &format!("{url}/v1/openapi.json")])
            .args([
                "--header",
                &format!("Authorization: Bearer {}", token.reveal()),
            ])
            .args(["--seed", &seed.to_string(), "--max-examples", EXAMPLES])
            .args(["--no-color", "--continue-on-failure"])
            .args([
                "--generation-database",
                "none",
                "--request-timeout",
                PATIENCE,
            ])
            .args(which)
            .current_dir(&folder);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        eprintln!("{said}");
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "with AIOS_SEED={seed}: {said}{err}"
        );
    };
    let asked = tokio::task::spawn_blocking(move || {
        // Whatever is asked of an agent that pauses waits, and all that follows would: that comes last.
        // No link leads from what only an admin may begin: a file of a run that is drawn is none.
        let linked = ["--phases", "examples,coverage,fuzzing,stateful"];
        let alone = ["--phases", "examples,coverage,fuzzing"];
        let [all_but, only] = ["--exclude-operation-id", "--include-operation-id"];
        asks(&operates, &[linked, [all_but, "suspend"]].concat());
        let administered = ADMINISTERED.map(|id| [only, id]).concat();
        asks(&administers, &[&alone[..], &administered].concat());
        asks(&operates, &[alone, [only, "suspend"]].concat());
    });
    asked.await.unwrap();
    running.drain().await;
    node.stop().await;
}
