//! A client that is too large to be installed for every change, before a node that serves: LiteLLM, exactly this one.

use std::fs::{self, File};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use aios_control::Control;
use aios_control::access::{Principals, Token};
use aios_control::http::{HttpServer, HttpService};
use aios_runtime::{Config, Node};

const CLIENT: &str = "litellm==1.110.2";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn litellm_speaks_with_goals_engines_and_errors_and_leaves() {
    let place = tempfile::tempdir().unwrap();
    let node = Node::builder()
        .config(Config::default())
        .start()
        .await
        .unwrap();
    let token = Token::fresh().unwrap();
    let file = place.path().join("token");
    token.write(&file).unwrap();
    let served: Arc<dyn Control> = Arc::new(node.clone());
    let server = HttpServer::bind("127.0.0.1:0".parse().unwrap()).await;
    let running = server.unwrap().serve(HttpService {
        node: Arc::new(move || Some(Arc::clone(&served))),
        principals: Principals::new([(token, node.owner_name().clone())], None),
        out: place.path().join("out"),
        page: None,
    });
    let running = running.unwrap();
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let docs = docs.canonicalize().unwrap();
    let address = running.url();
    let told = tokio::task::spawn_blocking(move || {
        let output = Command::new(python("litellm", CLIENT))
            .arg(docs.join("examples/serve/litellm_client.py"))
            .env("AIOS_NODE", address)
            .env("AIOS_TOKEN_FILE", file)
            .env("DATA", docs.join("examples/q3_sales.csv"))
            .env("NOTES", docs.join("examples/notes.md"))
            .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
            .output()
            .unwrap();
        let (out, err) = (output.stdout, String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{err}");
        String::from_utf8(out).unwrap()
    });
    let told = told.await.unwrap();
    let lines: Vec<&str> = told.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(
        lines,
        [
            "goal: True",
            "engine: True stop True",
            "stream: True stop",
            "vectors: [True, True]",
            "error: not found",
            "left",
        ]
    );
    running.drain().await;
    node.stop().await;
}

/// A Python whose environment has a package, by the name of its folder; installed once for a machine.
pub(crate) fn python(folder: &str, package: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    let (mark, python) = (root.join("installed"), root.join("venv/bin/python"));
    fs::create_dir_all(&root).unwrap();
    let lock = File::create(root.join("lock")).unwrap();
    lock.lock().unwrap();
    if fs::read_to_string(&mark).is_ok_and(|known| known == package) {
        return python;
    }
    let run = |command: &mut Command| {
        let output = command.output().unwrap_or_else(|error| {
            panic!("{command:?} cannot be started ({error}); this test needs Python 3 with venv and pip")
        });
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{command:?} failed; is the package registry reachable?\n{said}"
        );
    };
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(root.join("venv")));
    // What builds is built by as many compilers as there are cores; one of these would begin hundreds.
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", package])
        .env("LLAMA_CPP_BUILD_JOBS", cores.to_string()));
    fs::write(mark, package).unwrap();
    python
}
