//! `aios nats` and `aios serve --nats` as programs in other processes meet them: a real server, stock Python clients. All with the scripted
//! engine.
#![allow(clippy::unwrap_used)]

mod python;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use aios_bus::data::nats::server::{Access, NatsServer, ServerOptions, Sync, Tls};
use aios_bus::data::nats::{NatsLink, NatsSettings};
use aios_inference::models::{Cache, NATS_SERVER, program};
use aios_protocols::{PrincipalId, SigningIdentity};
use futures::StreamExt;
use serde_json::{Value, json};

/// How long anything may take that is waited for.
const SOON: Duration = Duration::from_secs(60);
/// What the Python examples stand on, exactly these.
const CLIENT: [&str; 2] = ["nats-py==2.16.0", "pynacl==1.6.2"];

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .canonicalize()
        .unwrap()
}

fn aios(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aios"));
    command
        .current_dir(folder)
        .env_remove("AIOS_CONFIG")
        .env("AIOS_CACHE", folder.join("no-models"))
        .env("AIOS_DOOR_FOLDER", folder.join("doors"))
        .env("NO_COLOR", "1")
        .stdin(Stdio::null());
    command
}

/// A child that says one JSON object a line; killed when it is dropped.
struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    notes: PathBuf,
}

impl Running {
    fn begin(command: &mut Command, folder: &Path, name: &str) -> Self {
        let notes = folder.join(format!("{name}.notes"));
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(File::create(&notes).unwrap())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self {
            child,
            lines,
            notes,
        }
    }

    /// What it says next.
    fn next(&mut self) -> Value {
        let line = self.lines.next().unwrap_or_else(|| {
            let notes = fs::read_to_string(&self.notes).unwrap();
            panic!("it ended: {notes}")
        });
        let line = line.unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    fn asked_to_stop(&mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").arg(pid).status().unwrap().success());
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server, as the command starts it.
fn server(folder: &Path) -> (Running, String) {
    let mut command = aios(folder);
    command
        // The program is fetched once for this user.
        .env_remove("AIOS_CACHE")
        .args(["nats", "--listen", "127.0.0.1:0", "--json", "--folder"])
        .arg(folder.join("nats"));
    if let Some(cache) = std::env::var_os("AIOS_CACHE") {
        command.env("AIOS_CACHE", cache);
    }
    let mut server = Running::begin(&mut command, folder, "server");
    let address = server.next()["nats"].as_str().unwrap().to_owned();
    (server, address)
}

/// A node on it, and what it says when it is ready.
fn node(folder: &Path, address: &str) -> (Running, Value) {
    node_with(folder, address, &[])
}

fn node_with(folder: &Path, address: &str, settings: &[String]) -> (Running, Value) {
    let storage = format!("storage.folder={}", folder.join("state").display());
    let mut command = aios(folder);
    command
        .args(["serve", "--http", "127.0.0.1:0", "--json"])
        .args(["--engine", "scripted", "--set", &storage, "--nats", address])
        // What is told of what goes on in it is looked at too.
        .env("AIOS_LOG", "info,aios_runtime=debug,aios_actors=debug")
        .args(settings.iter().map(|setting| format!("--set={setting}")));
    let mut node = Running::begin(&mut command, folder, "node");
    let ready = node.next();
    (node, ready)
}

fn object(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn what_happens_on_a_node_is_told_signed_and_private_goals_are_not() {
    let python = python::with("nats-client", &CLIENT);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (mut server, address) = server(folder);
    let (mut node, ready) = node(folder, &address);
    let http = ready["http"].as_str().unwrap();
    let (party, key) = (&ready["nats"]["party"], &ready["nats"]["key"]);
    let known = format!("{}={}", party.as_str().unwrap(), key.as_str().unwrap());
    let mut watch = Running::begin(
        Command::new(&python)
            .arg(docs().join("examples/nats/watch.py"))
            .args([&address, &known]),
        folder,
        "watch",
    );
    assert_eq!(watch.next(), json!({"listening": address}));
    let data = docs().join("examples/q3_sales.csv");
    let submit = |id: &str, more: &[&str]| {
        let mut command = aios(folder);
        command
            .args(["goal", "submit", "--node", http, "--wait", "--json"])
            .args(["--id", id, "Analyze Q3 sales", "--data"])
            .arg(&data)
            .args(more);
        let output = command.output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    submit("secret", &["--private"]);
    submit("open", &[]);
    let mut subjects = Vec::new();
    let (mut result, mut feedback) = (None, None);
    while result.is_none() || feedback.is_none() {
        let told = watch.next();
        assert_eq!(told["signer"], *party, "{told}");
        let subject = told["subject"].as_str().unwrap().to_owned();
        match subject.as_str() {
            "aios.data.results.open" => result = Some(told["content"].clone()),
            "aios.data.feedback.open" => feedback = Some(told["content"].clone()),
            _ => {}
        }
        assert!(!told.to_string().contains("secret"), "{told}");
        subjects.push(subject);
    }
    assert!(
        subjects.contains(&"aios.events.task.open".to_owned()),
        "{subjects:?}"
    );
    assert_eq!(result.unwrap()["goal_id"], "open");
    assert!(feedback.unwrap()["score"].is_number());

    // The node is a service of the server: what `nats micro info` and `stats` ask.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let settings = NatsSettings {
            address: address.clone(),
            ..NatsSettings::default()
        };
        let link = NatsLink::open(&settings).await.unwrap();
        assert!(link.up_within(Duration::from_secs(10)).await);
        let ask = async |subject: &str| -> Value {
            let answer = link.client().request(subject.to_owned(), "".into()).await;
            serde_json::from_slice(&answer.unwrap().payload).unwrap()
        };
        assert_eq!(ask("$SRV.PING.aios-node").await["name"], "aios-node");
        let info = ask("$SRV.INFO.aios-node").await;
        assert_eq!(info["metadata"]["key"], *key);
        assert_eq!(info["endpoints"].as_array().unwrap().len(), 2);
        let status = ask("aios.node.local.status").await;
        assert_eq!(status["bus"]["up"], true, "{status}");
        let agents = ask("aios.node.local.agents").await;
        assert!(agents.to_string().contains("macro.planner.001@local"));
        let stats = ask("$SRV.STATS.aios-node").await;
        let asked: u64 = stats["endpoints"]
            .as_array()
            .unwrap()
            .iter()
            .map(|endpoint| endpoint["num_requests"].as_u64().unwrap())
            .sum();
        assert_eq!(asked, 2);
        // It lies in the streams, for who comes later, all of it in the goal's own trace.
        let mut traces = Vec::new();
        for (stream, subject) in [
            ("AIOS_EVENTS", "aios.events.task.open"),
            ("AIOS_RESULTS", "aios.data.results.open"),
        ] {
            let stream = link.context().get_stream(stream).await.unwrap();
            let last = stream.get_last_raw_message_by_subject(subject).await;
            let last = last.unwrap_or_else(|error| panic!("{subject}: {error}"));
            traces.push(last.headers.get("traceparent").map(ToString::to_string));
            let private = subject.replace("open", "secret");
            assert!(
                stream
                    .get_last_raw_message_by_subject(&private)
                    .await
                    .is_err()
            );
        }
        assert!(
            traces[0].is_some() && traces[0] == traces[1],
            "one trace for all that is told of a goal: {traces:?}"
        );
    });
    node.asked_to_stop();
    server.asked_to_stop();
}

#[test]
fn a_python_process_with_a_key_takes_part_and_another_key_does_not() {
    let python = python::with("nats-client", &CLIENT);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_server, address) = server(folder);
    let (_node, ready) = node(folder, &address);
    let http = ready["http"].as_str().unwrap();
    let examples = docs().join("examples/nats");
    let script = examples.join("agent.py");
    let key = |name: &str| -> String {
        let mut command = Command::new(&python);
        command.arg(&script).arg("key").arg(folder.join(name));
        String::from_utf8(command.output().unwrap().stdout)
            .unwrap()
            .trim()
            .to_owned()
    };
    let (mine, _) = (key("mine.key"), key("other.key"));
    let command = |arguments: &[&str]| aios(folder).args(arguments).output().unwrap();
    let charter = examples.join("counter.md");
    let charter = charter.to_str().unwrap();
    let spawned = object(&command(&[
        "agent", "spawn", charter, "--key", &mine, "--node", http, "--json",
    ]));
    let agent = spawned["agent"].as_str().unwrap();
    let begin = |key: &str| {
        let mut run = Command::new(&python);
        run.arg(&script)
            .arg("run")
            .arg(folder.join(key))
            .args([agent, &address]);
        Running::begin(&mut run, folder, key)
    };
    let ask = |text: &str| -> Value {
        let output = command(&[
            "agent",
            "ask",
            agent,
            text,
            "--deadline-ms",
            "20000",
            "--node",
            http,
            "--json",
        ]);
        object(&output)
    };
    // Whoever has another key learns nothing, and is not let in.
    let mut other = begin("other.key");
    assert!(other.lines.next().is_none(), "a stranger was let in");
    let said = fs::read_to_string(&other.notes).unwrap();
    assert!(said.contains("no agent of this name and key"), "{said}");

    let mut first = begin("mine.key");
    assert_eq!(first.next(), json!({"in": agent}));
    assert_eq!(ask("one two three")["content"], "3 words");
    // Its process is killed: its actor falls, and what is asked meanwhile waits for it to come back.
    first.child.kill().unwrap();
    first.child.wait().unwrap();
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| ask("four words of text"));
        let mut second = begin("mine.key");
        assert_eq!(second.next(), json!({"in": agent}));
        assert_eq!(asked.join().unwrap()["content"], "4 words");
    });
}

#[test]
fn a_server_is_for_this_machine_unless_it_asks_for_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let output = aios(folder.path())
        .args(["nats", "--listen", "0.0.0.0:0", "--json"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = object(&output).to_string();
    assert!(said.contains("--token-file"), "{said}");
}

#[test]
fn settings_that_lead_nowhere_end_the_start_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    for (setting, part) in [
        ("bus.data.nats=http://x", "no NATS address"),
        ("bus.data.nkey=/nowhere/seed", "the nkey file /nowhere/seed"),
        (
            "bus.data.outbox_mb=0",
            "bus.data.outbox_mb is 0, allowed is 1 to",
        ),
    ] {
        let mut command = aios(folder.path());
        command.args(["serve", "--http", "127.0.0.1:0", "--engine", "scripted"]);
        if !setting.contains("nats=") {
            command.args(["--nats", "nats://127.0.0.1:1"]);
        }
        let output = command.args(["--set", setting]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(part), "{said}");
    }
}

/// Every message of some subjects from now on.
async fn heard(
    link: &NatsLink,
    subjects: &[&'static str],
) -> futures::stream::SelectAll<impl futures::Stream<Item = (String, Value)> + use<>> {
    let mut all = Vec::new();
    for subject in subjects {
        let subscriber = link.client().subscribe(*subject).await.unwrap();
        all.push(subscriber.map(|message| {
            let content = serde_json::from_slice(&message.payload).unwrap();
            (message.subject.to_string(), content)
        }));
    }
    link.client().flush().await.unwrap();
    futures::stream::select_all(all)
}

async fn linked(settings: &NatsSettings) -> NatsLink {
    let link = NatsLink::open(settings).await.unwrap();
    assert!(link.up_within(SOON).await, "no connection");
    link
}

fn at(address: &str) -> NatsSettings {
    NatsSettings {
        address: address.to_owned(),
        ..NatsSettings::default()
    }
}

/// Asks the node what it is, over the server.
async fn status(link: &NatsLink) -> Value {
    let begun = Instant::now();
    loop {
        let asked = link.client().request("aios.node.local.status", "".into());
        if let Ok(answer) = asked.await {
            return serde_json::from_slice(&answer.payload).unwrap();
        }
        assert!(begun.elapsed() < SOON, "it is no service");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn submit(folder: &Path, http: &str, id: &str, more: &[&str]) -> Output {
    let mut command = aios(folder);
    command
        .args(["goal", "submit", "--node", http, "--json", "--id", id])
        .args(["Analyze Q3 sales", "--data"])
        .arg(docs().join("examples/q3_sales.csv"))
        .args(more);
    command.output().unwrap()
}

/// Figures, the log and dead letters; a private goal is named nowhere, by the node that goes on with it after a kill either.
#[test]
fn figures_log_and_dead_letters_are_told_and_no_line_names_a_private_goal() {
    const SECRET: &str = "hush-hush-1";
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (_server, address) = server(folder);
    let (mut node, ready) = node(folder, &address);
    let http = ready["http"].as_str().unwrap().to_owned();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let link = linked(&at(&address)).await;
        let what = ["aios.data.metrics.>", "aios.data.logs.>", "dlq.>"];
        let mut told = heard(&link, &what).await;
        let accepted = submit(folder, &http, SECRET, &["--private"]);
        assert!(accepted.status.success(), "{accepted:?}");
        // In the middle of it, or a moment after.
        node.child.kill().unwrap();
        node.child.wait().unwrap();
        let (mut node, ready) = self::node(folder, &address);
        let http = ready["http"].as_str().unwrap().to_owned();
        let open = submit(folder, &http, "open-1", &["--wait"]);
        assert!(open.status.success(), "{open:?}");
        // What is said to an agent that does not come and is stopped lies among the dead letters.
        let nobody: PrincipalId = "service:nobody@local".parse().unwrap();
        let key = SigningIdentity::from_seed(nobody, [7; 32]).public_key();
        let charter = docs().join("examples/nats/counter.md");
        let spawn = aios(folder)
            .args(["agent", "spawn", charter.to_str().unwrap(), "--node", &http])
            .args(["--key", &key.to_string(), "--json"])
            .output();
        let agent = object(&spawn.unwrap());
        let agent = agent["agent"].as_str().unwrap();
        let ask = aios(folder)
            .args(["agent", "ask", agent, "are you there?", "--node", &http])
            .args(["--deadline-ms", "2000"])
            .output();
        assert!(!ask.unwrap().status.success(), "nobody is there");
        let stop = aios(folder).args(["stop", agent, "--node", &http]).output();
        assert!(stop.unwrap().status.success());
        let mut lines = Vec::new();
        let (mut figures, mut letters) = (None, 0);
        let all = async {
            while figures.is_none()
                || letters == 0
                || !lines.iter().any(|it: &String| it.contains("open-1"))
            {
                let (subject, content): (String, Value) = told.next().await.unwrap();
                assert!(
                    !content.to_string().contains(SECRET),
                    "{subject}: {content}"
                );
                match subject.as_str() {
                    "aios.data.metrics.local" => figures = Some(content),
                    "aios.data.logs.local" => lines.push(content.to_string()),
                    "dlq.local" => letters += 1,
                    other => panic!("{other}"),
                }
            }
        };
        let done = tokio::time::timeout(SOON, all).await;
        assert!(done.is_ok(), "{figures:?} {letters} {lines:?}");
        node.asked_to_stop();
        let noted = fs::read_to_string(&node.notes).unwrap();
        assert!(
            noted.contains(SECRET),
            "of which there was something to tell"
        );
        // What is still on its way is private too.
        while let Ok(Some((subject, content))) =
            tokio::time::timeout(Duration::from_millis(300), told.next()).await
        {
            assert!(
                !content.to_string().contains(SECRET),
                "{subject}: {content}"
            );
        }
    });
}

/// A pair that anybody may know.
const SEED: &str = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
const PUBLIC: &str = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";

/// A server with conditions.
fn strict(folder: &Path, access: Access, tls: Option<Tls>) -> NatsServer {
    let env = |name: &str| std::env::var_os(name);
    let program = program(&NATS_SERVER, &env, &Cache::of_user().unwrap(), &mut |_| {})
        .unwrap_or_else(|error| panic!("this test needs a NATS server: {error}"));
    let options = ServerOptions {
        program,
        folder: folder.to_owned(),
        address: None,
        access,
        tls,
        sync: Sync::Soon,
    };
    NatsServer::start(options).unwrap_or_else(|error| panic!("{error}"))
}

/// A certificate for this machine and its key, as files.
fn certified(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let at = |ending: &str| folder.join(format!("{name}.{ending}"));
    fs::write(at("pem"), made.cert.pem()).unwrap();
    fs::write(at("key"), made.signing_key.serialize_pem()).unwrap();
    (at("pem"), at("key"))
}

/// Runs a node with these settings of `bus.data`; the node must be there for whoever has the same.
fn comes_in(folder: &Path, given: &NatsSettings) {
    let path = |name: &str, file: &Option<PathBuf>| {
        let file = file.as_ref()?;
        Some(format!("bus.data.{name}={}", file.display()))
    };
    let settings: Vec<String> = [
        path("nkey", &given.nkey),
        path("credentials", &given.credentials),
        path("authorities", &given.authorities),
        path("certificate", &given.certificate),
        path("certificate_key", &given.certificate_key),
    ]
    .into_iter()
    .flatten()
    .collect();
    let (mut node, _) = node_with(folder, &given.address, &settings);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let status = status(&linked(given).await).await;
        assert_eq!(status["bus"]["up"], true, "{settings:?}: {status}");
    });
    node.asked_to_stop();
}

/// Nobody comes in with these.
fn stays_outside(given: &NatsSettings) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let link = NatsLink::open(given).await.unwrap();
        assert!(
            !link.up_within(Duration::from_millis(500)).await,
            "{given:?}"
        );
    });
}

#[test]
fn a_node_comes_in_with_the_nkey_or_the_credentials_that_the_server_asks_for() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let seed = folder.join("user.nk");
    fs::write(&seed, format!("{SEED}\n")).unwrap();
    let access = Access::Nkeys(vec![PUBLIC.to_owned()]);
    let server = strict(&folder.join("nkeys"), access, None);
    stays_outside(&at(&server.url()));
    comes_in(
        folder,
        &NatsSettings {
            nkey: Some(seed),
            ..at(&server.url())
        },
    );
    drop(server);
    let accounts = docs().join("../runtime/bus/tests/nats/accounts");
    let home = folder.join("accounts");
    fs::create_dir_all(&home).unwrap();
    fs::copy(accounts.join("accounts.conf"), home.join("accounts.conf")).unwrap();
    let access = Access::Accounts("accounts.conf".into());
    let server = strict(&home, access, None);
    stays_outside(&at(&server.url()));
    comes_in(
        folder,
        &NatsSettings {
            credentials: Some(accounts.join("node.creds")),
            ..at(&server.url())
        },
    );
}

#[test]
fn a_node_shows_its_certificate_to_a_server_that_asks_for_one() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (certificate, key) = certified(folder, "server");
    let (own, own_key) = certified(folder, "node");
    let (other, other_key) = certified(folder, "other");
    let tls = Tls {
        certificate: certificate.clone(),
        key,
        clients: Some(own.clone()),
    };
    let server = strict(&folder.join("nats"), Access::Anybody, Some(tls));
    let shows = |shown: Option<(PathBuf, PathBuf)>| {
        let (certificate, certificate_key) = shown.unzip();
        NatsSettings {
            authorities: Some(folder.join("server.pem")),
            certificate,
            certificate_key,
            ..at(&server.url())
        }
    };
    stays_outside(&shows(None));
    stays_outside(&shows(Some((other, other_key))));
    comes_in(folder, &shows(Some((own, own_key))));
}
