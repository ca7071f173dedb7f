//! What shows that an option does what it is for: nodes that are started with it and looked at.

use std::collections::BTreeSet;
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aios_actors::recovery::TaskPolicy;
use aios_bus::data::nats::OutboxCounts;
use aios_control::{Generate, Request, Speaker, Turn};
use aios_inference::router::Ask;
use aios_inference::{BlockingEngine, EngineActor, EngineConfig, Purpose, ScriptedEngine};
use aios_protocols::Subject;
use aios_protocols::subject::EventTopic;
use aios_runtime::config::{Config, StorageConfig};
use aios_runtime::{Answer, Goal, Node, thinking};
use aios_supervisor::{Recourse, TreeView};
use aios_tools::{Toolbox, Workspaces};
use aios_work::{Stopped, Tool, ToolCall, ToolError, ToolOutput, ToolSpec};
use async_trait::async_trait;
use bytes::Bytes;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedSender;

use super::{BoxFuture, aios, example, read, text};

pub(crate) async fn built(config: Config) -> Node {
    Node::builder().config(config).start().await.unwrap()
}

/// What a node shows that was started with the setting.
pub(crate) fn shows(config: Config, what: fn(&Node) -> bool) -> BoxFuture {
    Box::pin(async move {
        let node = built(config).await;
        assert!(what(&node), "the node does not show it");
        node.stop().await;
    })
}

/// What is kept, which takes days to be seen in a node.
pub(crate) fn kept(config: Config, what: fn(&StorageConfig) -> bool) -> BoxFuture {
    Box::pin(async move { assert!(what(&config.storage), "{:?}", config.storage) })
}

/// Every supervisor of the node's own.
pub(crate) fn supervisors(tree: &TreeView) -> Vec<&TreeView> {
    let below = tree
        .children
        .iter()
        .filter_map(|child| child.supervisor.as_ref());
    std::iter::once(tree)
        .chain(below.flat_map(supervisors))
        .collect()
}

/// A tool that looks at what it is given, and then falls if it is to.
pub(crate) struct Probe {
    calls: Arc<Mutex<Vec<Duration>>>,
    falls: bool,
}

#[async_trait]
impl Tool for Probe {
    fn spec(&self) -> ToolSpec {
        let standard = Toolbox::standard(&Workspaces::default(), None);
        ToolSpec {
            name: "read_document".to_owned(),
            input: serde_json::json!({}),
            ..std::sync::Arc::unwrap_or_clone(standard.spec("read_file").unwrap())
        }
    }

    async fn call(&self, call: ToolCall) -> Result<ToolOutput, ToolError> {
        let left = call.deadline.saturating_duration_since(Instant::now());
        self.calls.lock().unwrap().push(left);
        assert!(!self.falls, "the test fells its executor");
        Err(Stopped::DeadlinePassed.into())
    }
}

/// The times that tools were given in a goal about a document.
pub(crate) async fn probed(config: Config, falls: bool) -> Vec<Duration> {
    let folder = tempfile::tempdir().unwrap();
    let calls = Arc::new(Mutex::new(Vec::new()));
    let probe = Probe {
        calls: Arc::clone(&calls),
        falls,
    };
    let mut config = config;
    config.recovery.of_mut("read_document").retries = 0;
    config.recovery.of_mut("read_document").then = Recourse::Partial;
    let builder = Node::builder().config(config).tool(Arc::new(probe));
    let node = builder.start().await.unwrap();
    let goal = Goal::new("Summarise the notes")
        .data([example("notes.md")])
        .out(folder.path());
    pursue(&node, goal).await;
    node.stop().await;
    let calls = calls.lock().unwrap();
    calls.clone()
}

pub(crate) async fn answer(config: Config, goal: Goal) -> Answer {
    let folder = tempfile::tempdir().unwrap();
    let node = built(config).await;
    let answer = pursue(&node, goal.out(folder.path())).await;
    node.stop().await;
    answer
}

pub(crate) fn sales() -> Goal {
    Goal::new("Analyze Q3 sales").data([example("q3_sales.csv")])
}

/// A table with a cell of 70 MB, which is given more than 64 MB to be read in, is refused for want of memory in the name of that setting.
pub(crate) async fn out_of_memory(config: Config, option: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large.csv");
    let cell = "n".repeat(70_000_000);
    fs::write(&file, format!("name,amount\n{cell},1\nb,2\n")).unwrap();
    let answer = answer(config, Goal::new("Analyze the amounts").data([file])).await;
    let said = format!("{:?} {:?}", answer.reason, answer.gaps);
    assert!(said.contains(&format!("raise {option}")), "{said}");
}

/// Longer than a socket's name can be.
pub(crate) const DEEP: &str =
    "/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789";

/// A file that is not there.
pub(crate) const NOWHERE: &str = "/nowhere/at/all";

/// A server of NATS where nobody is.
pub(crate) const NOBODY: &str = "nats://127.0.0.1:1";

/// Why no node starts.
pub(crate) async fn not_built(config: Config) -> String {
    let Err(error) = Node::builder().config(config).start().await else {
        panic!("a node starts");
    };
    error.to_string()
}

/// A node that is to be on a server does not start without this file, whose name is the value.
pub(crate) fn misses(mut config: Config, file: &'static str) -> BoxFuture {
    Box::pin(async move {
        config.bus.data.nats = NOBODY.to_owned();
        let error = not_built(config).await;
        let sentence = format!("{file} {NOWHERE} cannot be used");
        assert!(error.contains(&sentence), "{error}");
    })
}

/// A node says a line to its server of NATS that is wanted.
pub(crate) async fn says_to_a_server(mut config: Config, wanted: fn(&str) -> bool) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    config.bus.data.nats = format!("nats://{}", listener.local_addr().unwrap());
    let (said, mut lines) = tokio::sync::mpsc::unbounded_channel::<String>();
    let server = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A connection that is lost is made again.
            let _ = hear(stream, &said).await;
        }
    });
    let node = built(config).await;
    soon("the line", async {
        while !wanted(&lines.recv().await.unwrap()) {}
    })
    .await;
    soon("the stop", node.stop()).await;
    server.abort();
}

/// As much of a server of NATS as a client needs to go on speaking.
pub(crate) async fn hear(stream: TcpStream, said: &UnboundedSender<String>) -> std::io::Result<()> {
    let info = "INFO {\"server_id\":\"S\",\"server_name\":\"s\",\"version\":\"2.12.0\",\"proto\":1,\"headers\":true,\"max_payload\":1048576}\r\n";
    let (from, mut to) = stream.into_split();
    to.write_all(info.as_bytes()).await?;
    let mut lines = BufReader::new(from).split(b'\n');
    while let Some(line) = lines.next_segment().await? {
        if line.starts_with(b"PING") {
            to.write_all(b"PONG\r\n").await?;
        }
        let _ = said.send(String::from_utf8_lossy(&line).into_owned());
    }
    Ok(())
}

/// The outbox of a node whose server is away, when it has refused one of twenty events of so many bytes.
pub(crate) async fn filled(mut config: Config, bytes: usize) -> OutboxCounts {
    config.bus.data.nats = NOBODY.to_owned();
    let node = built(config).await;
    let bus = node.system().bus().unwrap();
    for _ in 0..20 {
        let subject = Subject::event(EventTopic::Model, "filling");
        let event = Bytes::from(vec![b'x'; bytes]);
        bus.publish(subject, event).await.unwrap();
    }
    let counts = soon("the outbox", async {
        loop {
            let counts = node.nats().unwrap().outbox;
            if counts.refused > 0 {
                break counts;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    soon("the stop", node.stop()).await;
    counts
}

/// Why the engine of a node writes nothing for its owner that may be so many tokens.
pub(crate) async fn not_written(config: Config, max_tokens: u32) -> String {
    let node = built(config).await;
    let asked = Request::Generate(Generate {
        engine: "local".to_owned(),
        turns: vec![Turn {
            who: Speaker::User,
            text: "Say hello.".to_owned(),
        }],
        max_tokens,
        temperature: None,
        top_p: None,
        seed: None,
        stop: Vec::new(),
        schema: None,
        deadline_ms: 30_000,
        watch: false,
    });
    let answer = node.control().ask::<serde_json::Value>(&asked).await;
    node.stop().await;
    answer.unwrap_err().to_string()
}

/// `aios serve` with these files for TLS, of which the one that is asked about is nowhere, says so.
pub(crate) fn not_served(asked: &str, cert: &str, key: &str, client_ca: &str) {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (name, what) in [
        ("cert.pem", "CERTIFICATE"),
        ("key.pem", "PRIVATE KEY"),
        ("ca.pem", "CERTIFICATE"),
    ] {
        let file = folder.join(name);
        // What they hold is looked at when all three are there.
        let pem = format!("-----BEGIN {what}-----\nAAAA\n-----END {what}-----\n");
        fs::write(&file, pem).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let cert = format!("--set=serve.tls.cert={cert}");
    let key = format!("--set=serve.tls.key={key}");
    let client_ca = format!("--set=serve.tls.client_ca={client_ca}");
    let output = aios(
        folder,
        &["serve", "--http", "127.0.0.1:0", &cert, &key, &client_ca],
    );
    let said = text(&output.stderr);
    let sentence = format!("serve.tls.{asked}, {NOWHERE}: ");
    assert!(
        !output.status.success() && said.contains(&sentence),
        "{said}"
    );
}

/// A node that is told where to send what it does sends this there, long before it would by itself.
pub(crate) fn sent(mut config: Config, what: &'static str) -> BoxFuture {
    Box::pin(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(config.telemetry.otlp.is_empty() || config.telemetry.otlp.ends_with(":9"));
        config.telemetry.otlp = format!("http://127.0.0.1:{port}");
        let node = built(config).await;
        let folder = tempfile::tempdir().unwrap();
        let run = node.run(sales().out(folder.path())).await.unwrap();
        soon("the goal", run.answer()).await.unwrap();
        loop {
            let (mut stream, _) = soon(what, listener.accept()).await.unwrap();
            let mut head = [0; 64];
            let read = soon(what, stream.read(&mut head)).await.unwrap();
            if String::from_utf8_lossy(&head[..read]).starts_with(what) {
                break;
            }
        }
        // Whoever took it is gone, and the node stops all the same.
        drop(listener);
        soon("the stop", node.stop()).await;
    })
}

/// The routes of a node that thinks with its own engine and could think with a server.
pub(crate) async fn router(config: &Config) -> aios_inference::router::Router {
    let folder = tempfile::tempdir().unwrap();
    let house = "[engines.house]\nkind = \"openai\"\naddress = \"http://127.0.0.1:9/v1\"\nmodel = \"m\"\nembed_model = \"e\"\n";
    let printed = toml::to_string(config).unwrap();
    let config = read(folder.path(), &format!("{printed}\n{house}"));
    let engine = || Ok(Box::new(ScriptedEngine::default()) as Box<dyn BlockingEngine>);
    let (local, _) = EngineActor::spawn(EngineConfig::default(), Arc::new(engine))
        .await
        .unwrap();
    soon("the engine", local.ready(Duration::from_secs(30)))
        .await
        .unwrap();
    thinking::router(&config, Arc::clone(local.engine()), None, |_| {}).unwrap()
}

/// The node's own engine is the only one that is thought of for a purpose, and both are for every other.
pub(crate) fn asked_alone(config: Config, purpose: Purpose) -> BoxFuture {
    Box::pin(async move {
        let router = router(&config).await;
        for other in Purpose::ALL {
            let ask = Ask {
                purpose: other,
                prompt_tokens: 10,
                max_tokens: 10,
                private: false,
                schema: false,
                tools: false,
                money_micros: None,
            };
            let route = router.explain(&ask).await;
            let passed = route.passed_over.iter().map(|(name, _)| name);
            let thought_of: BTreeSet<&str> = route
                .order
                .iter()
                .chain(passed)
                .map(String::as_str)
                .collect();
            let expected = match other == purpose {
                true => BTreeSet::from(["local"]),
                false => BTreeSet::from(["house", "local"]),
            };
            assert_eq!(thought_of, expected, "{other:?}");
        }
    })
}

/// Exactly one policy of the node's world is changed, and so.
pub(crate) fn policy(config: Config, changed: fn(&TaskPolicy) -> bool) -> BoxFuture {
    Box::pin(async move {
        let node = built(config).await;
        let policies = &node.services().settings().policies;
        let tools = [
            "calc",
            "http_get",
            "list_files",
            "read_file",
            "read_document",
            "find_passages",
            "extract_fields",
            "check_quotes",
            "write_file",
            "profile_table",
            "find_values",
            "sql",
            "chart",
            "write_text",
            "other",
        ];
        let so = tools.into_iter().filter(|tool| changed(policies.of(tool)));
        assert_eq!(so.count(), 1);
        node.stop().await;
    })
}

pub(crate) async fn pursue(node: &Node, goal: Goal) -> Answer {
    let run = node.run(goal).await.unwrap();
    soon("the goal", run.answer()).await.unwrap()
}

/// Fails instead of hanging.
pub(crate) async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    let patience = Duration::from_secs(60);
    tokio::time::timeout(patience, work)
        .await
        .unwrap_or_else(|_| panic!("{what}: nothing within {patience:?}"))
}
