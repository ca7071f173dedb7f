//! Every option does something. For each key that `aios config` shows there is another value, which it takes and prints, and a witness
//! that a node started with that changes; and values that it refuses in a sentence with the key, the value and what would be right.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

#[path = "options/witness.rs"]
mod witness;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use aios_actors::recovery::{BackoffKind, Ended, OverBudget};
use aios_burn::{BurnConfig, BurnEngine, DeviceChoice};
use aios_control::{CallTool, Caller, Control, ErrorKind, LoadModel, Place, Request};
use aios_inference::router::Policy;
use aios_inference::{BlockingEngine, EngineFactory, Purpose};
use aios_protocols::ports::TensorBus;
use aios_runtime::config::{Config, EngineChoice, Sources};
use aios_runtime::{Node, engines};
use aios_supervisor::Recourse;
use aios_work::content::GoalStatus;
use aios_work::{Charter, Thinks};

use witness::*;

type BoxFuture = Pin<Box<dyn Future<Output = ()>>>;

/// Goes on when the value has done what it is for.
type Witness = fn(Config) -> BoxFuture;

/// A key, another value than the usual one, what shows it, and values that are refused.
struct Row {
    key: String,
    value: String,
    witness: Witness,
    refused: Vec<&'static str>,
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/examples")
        .join(name)
}

fn aios(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_aios"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("AIOS_CONFIG")
        // No folder can be there, so nothing is fetched.
        .env("AIOS_CACHE", "/dev/null/none")
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What `aios config` prints with this setting, or its sentence.
fn printed(folder: &Path, setting: Option<(&str, &str)>) -> Result<String, String> {
    let mut arguments = vec!["config".to_owned()];
    arguments.extend(setting.map(|(key, value)| format!("--set={key}={value}")));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = aios(folder, &arguments);
    match output.status.code() {
        Some(0) => Ok(text(&output.stdout)),
        _ => Err(text(&output.stderr)),
    }
}

/// The configuration that was printed, as a file would bring it.
fn read(folder: &Path, printed: &str) -> Config {
    let file = folder.join("aios.toml");
    fs::write(&file, printed).unwrap();
    let sources = Sources {
        file: Some(file),
        ..Sources::default()
    };
    Config::load(&sources).unwrap()
}

fn rows() -> Vec<Row> {
    let row = |key: &str, value: &str, refused: &[&'static str], witness: Witness| Row {
        key: key.to_owned(),
        value: value.to_owned(),
        witness,
        refused: refused.to_vec(),
    };
    let mut rows = vec![
        row("node.zone", "here", &["", "Two Words", "a/b"], |config| {
            shows(config, |node| {
                let views = node.system().directory().view();
                let mut agents = views.iter().filter(|view| view.id.agent().is_some());
                agents.all(|view| view.id.to_string().ends_with("@here"))
            })
        }),
        row("node.tenant", "acme", &["", "ACME", "a@b"], |config| {
            shows(config, |node| {
                node.system().tenant().as_str() == "acme"
                    && node.owner().party().to_string() == "user:owner@acme"
            })
        }),
        row(
            "storage.folder",
            "state",
            &["a\tb", "a\nb"],
            |mut config| {
                Box::pin(async move {
                    let folder = tempfile::tempdir().unwrap();
                    let state = folder.path().join(&config.storage.folder);
                    config.storage.folder = state.to_str().unwrap().to_owned();
                    built(config).await.stop().await;
                    assert!(state.join("journal").is_dir() && state.join("view/db").is_file());
                    assert!(state.join("owner.key").is_file());
                })
            },
        ),
        row(
            "agents.criteria",
            "rules",
            &["a\tb", "a\nb"],
            |mut config| {
                Box::pin(async move {
                    let folder = tempfile::tempdir().unwrap();
                    let rules = folder.path().join(&config.agents.criteria);
                    fs::create_dir(&rules).unwrap();
                    fs::write(rules.join("plain.toml"), "name = \"plain\"\n").unwrap();
                    config.agents.criteria = rules.to_str().unwrap().to_owned();
                    let charter =
                        "---\nname: clerk\ndescription: d\ncriteria: plain\n---\nAdd up.\n";
                    let node = built(config).await;
                    let charter = Charter::parse(charter).unwrap();
                    node.spawn_charter(charter, None).await.unwrap();
                    node.stop().await;
                })
            },
        ),
        row("storage.results", "7", &["0", "10001", "some"], |config| {
            shows(config, |node| node.services().settings().results == 7)
        }),
        row("storage.days", "7", &["0", "36501", "week"], |config| {
            kept(config, |it| it.retention().journal.days == Some(7))
        }),
        row("storage.mb", "64", &["63", "1048577", "1G"], |config| {
            kept(config, |it| it.retention().journal.bytes == Some(64 << 20))
        }),
        row("storage.archive_days", "8", &["0", "36501"], |config| {
            kept(config, |it| it.retention().archive.days == Some(8))
        }),
        row("storage.archive_mb", "65", &["63", "16777217"], |config| {
            kept(config, |it| it.retention().archive.bytes == Some(65 << 20))
        }),
        row("model.engine", "burn", &["", "Burn", "gpt"], |config| {
            Box::pin(async move {
                assert_eq!(config.model.engine, EngineChoice::Burn);
                // The command reads it: without weights one choice is an error, one says what it does instead, one needs none.
                let folder = tempfile::tempdir().unwrap();
                for (engine, code, noted) in [
                    ("burn", 1, false),
                    ("auto", 0, true),
                    ("scripted", 0, false),
                ] {
                    let setting = format!("--set=model.engine={engine}");
                    let output = aios(folder.path(), &["run", "What is 6 * 7?", &setting]);
                    let said = text(&output.stderr);
                    assert_eq!(output.status.code(), Some(code), "{engine}: {said}");
                    assert_eq!(
                        said.contains("the scripted engine thinks"),
                        noted,
                        "{engine}: {said}"
                    );
                }
            })
        }),
        row("model.device", "cpu", &["", "tpu", "CPU"], |config| {
            Box::pin(async move {
                // What every engine is made with that the command makes.
                let device = engines::device(config.model.device);
                assert!(matches!(device, DeviceChoice::Cpu));
                let config = BurnConfig {
                    device,
                    ..BurnConfig::default()
                };
                let used = BurnEngine::new(config).unwrap().capabilities().device;
                assert!(used.starts_with("cpu"), "{used}");
            })
        }),
        row("model.process", "true", &["", "yes", "1"], |config| {
            Box::pin(async move {
                assert!(config.model.process);
                // The command reads it.
                let folder = tempfile::tempdir().unwrap();
                let apart = |process: &str| {
                    let output = Command::new(env!("CARGO_BIN_EXE_aios"))
                        .args(["run", "What is 6 * 7?", "--set=model.engine=scripted"])
                        .arg(format!("--set=model.process={process}"))
                        .current_dir(folder.path())
                        .env("AIOS_LOG", "aios_runtime=info")
                        .output()
                        .unwrap();
                    assert!(output.status.success(), "{}", text(&output.stderr));
                    text(&output.stderr).contains("the engine's process is there")
                };
                assert_eq!((apart("true"), apart("false")), (true, false));
            })
        }),
        row("model.queue", "3", &["0", "4097", "-1"], |config| {
            shows(config, |node| {
                node.system().engine().unwrap().status().allowed == 3
            })
        }),
        row("model.folder", "models", &["a\tb", "a\nb"], |mut config| {
            Box::pin(async move {
                let folder = tempfile::tempdir().unwrap();
                let models = folder.path().join(&config.model.folder);
                fs::create_dir(&models).unwrap();
                let junk = models.join("junk.gguf");
                fs::write(&junk, "no model").unwrap();
                config.model.folder = models.to_str().unwrap().to_owned();
                let factory: EngineFactory = Arc::new(|| {
                    let config = BurnConfig {
                        device: DeviceChoice::Cpu,
                        ..BurnConfig::default()
                    };
                    Ok(Box::new(BurnEngine::new(config)?))
                });
                let builder = Node::builder().config(config).engine(factory);
                let node = builder.start().await.unwrap();
                let asked = Request::LoadModel(LoadModel {
                    model: junk.to_str().unwrap().to_owned(),
                    name: None,
                    engine: None,
                });
                let outcome = node.control().ask::<serde_json::Value>(&asked).await;
                let refused = outcome.unwrap_err().refusal().cloned().unwrap();
                // It may be loaded, and is no model.
                assert_eq!(refused.kind, ErrorKind::Failed, "{refused:?}");
                node.stop().await;
            })
        }),
        row(
            "model.price_micros",
            "9",
            &["-1", "free", "1000000000001"],
            |config| shows(config, |node| node.services().settings().price_micros == 9),
        ),
        row("agents.executors", "5", &["0", "65", "2.5"], |config| {
            shows(config, |node| {
                let agents = node.view().agents;
                agents
                    .iter()
                    .filter(|agent| agent.id.starts_with("macro.executor."))
                    .count()
                    == 5
            })
        }),
        row("agents.mailbox", "9", &["7", "65537", "x"], |config| {
            shows(config, |node| {
                let views = node.system().directory().view();
                let agents = views.iter().filter(|view| view.id.agent().is_some());
                agents.clone().count() > 5 && agents.clone().all(|view| view.mailbox.capacity == 9)
            })
        }),
        row("agents.restarts", "4", &["0", "10001", "x"], |config| {
            shows(config, |node| {
                let tree = node.view().tree;
                supervisors(&tree)
                    .iter()
                    .all(|one| one.intensity.restarts == 4)
            })
        }),
        row(
            "agents.restart_window_ms",
            "4321",
            &["99", "3600001", "5s"],
            |config| {
                shows(config, |node| {
                    let window = Duration::from_millis(4_321);
                    let tree = node.view().tree;
                    supervisors(&tree)
                        .iter()
                        .all(|one| one.intensity.within == window)
                })
            },
        ),
        row("agents.deliveries", "2", &["0", "1000001", "x"], |config| {
            Box::pin(async move {
                let calls = probed(config, true).await;
                assert_eq!(calls.len(), 2, "one order, handed over twice");
            })
        }),
        row(
            "goal.deadline_ms",
            "3000",
            &["999", "86400001", "3s"],
            |config| {
                Box::pin(async move {
                    let calls = probed(config, false).await;
                    assert!(calls[0] <= Duration::from_secs(3), "{calls:?}");
                })
            },
        ),
        row(
            "goal.task_deadline_ms",
            "700",
            &["99", "3600001", "1s"],
            |config| {
                Box::pin(async move {
                    let calls = probed(config, false).await;
                    assert!(calls[0] <= Duration::from_millis(700), "{calls:?}");
                })
            },
        ),
        row("goal.tokens", "100", &["99", "1000001", "x"], |config| {
            Box::pin(async move {
                let ended = answer(config, sales()).await.ended_by;
                let tokens = matches!(
                    ended,
                    Some(Ended::OverBudget(OverBudget::Tokens { allowed: 100, .. }))
                );
                assert!(tokens, "{ended:?}");
            })
        }),
        row("tools.memory_mb", "64", &["63", "1048577", "x"], |config| {
            Box::pin(out_of_memory(config, "tools.memory_mb"))
        }),
        row(
            "tools.node_memory_mb",
            "64",
            &["63", "1048577", "x"],
            |config| Box::pin(out_of_memory(config, "tools.node_memory_mb")),
        ),
        row(
            "tools.grants",
            "files.read",
            &["rm -rf", "Files", "net.http/{host}"],
            |config| {
                Box::pin(async move {
                    let node = built(config).await;
                    let args = serde_json::json!({"name": "a.txt", "content": "x"});
                    let call = CallTool::new("write_file", args);
                    let refused = node
                        .control()
                        .call_tool(call)
                        .await
                        .unwrap_err()
                        .to_string();
                    assert!(refused.contains("add it to tools.grants"), "{refused}");
                    node.stop().await;
                })
            },
        ),
        row(
            "routes.policy",
            "load-balanced",
            &["", "sometimes"],
            |config| {
                Box::pin(async move {
                    let router = router(&config).await;
                    assert_eq!(router.policy(Purpose::Write), Policy::LoadBalanced);
                })
            },
        ),
        row("routes.plan", "local", &["house"], |config| {
            asked_alone(config, Purpose::Plan)
        }),
        row("routes.write", "local", &["house"], |config| {
            asked_alone(config, Purpose::Write)
        }),
        row("routes.judge", "local", &["house"], |config| {
            asked_alone(config, Purpose::Judge)
        }),
        row("routes.embed", "local", &["house"], |config| {
            asked_alone(config, Purpose::Embed)
        }),
        row("goal.plans", "in_steps", &["", "sometimes"], |config| {
            shows(config, |node| {
                node.services().settings().thinks == Some(Thinks::InSteps)
            })
        }),
        row("goal.tasks", "4", &["3", "1001", "x"], |config| {
            Box::pin(async move {
                let answer = answer(config, sales()).await;
                let reason = answer.reason.unwrap_or_default();
                assert_eq!(answer.status, GoalStatus::Failed);
                assert!(reason.contains("tasks") && reason.contains('4'), "{reason}");
            })
        }),
        row(
            "goal.money_micros",
            "5",
            &["-1", "x", "1000000000001"],
            |mut config| {
                Box::pin(async move {
                    config.model.price_micros = 1_000;
                    let ended = answer(config, sales()).await.ended_by;
                    let money = matches!(
                        ended,
                        Some(Ended::OverBudget(OverBudget::Money { allowed: 5, .. }))
                    );
                    assert!(money, "{ended:?}");
                })
            },
        ),
        row("telemetry.metrics", "false", &["", "yes"], |config| {
            shows(config, |node| {
                let caller = Caller::named(node.owner_name().clone(), Place::Here);
                node.metrics(&caller).unwrap().is_none()
            })
        }),
        row(
            "telemetry.otlp",
            "http://127.0.0.1:9",
            &["127.0.0.1:9", "ftp://127.0.0.1"],
            |config| sent(config, "POST /v1/traces"),
        ),
        row(
            "telemetry.otlp_interval_ms",
            "250",
            &["99", "3600001", "x"],
            |config| sent(config, "POST /v1/metrics"),
        ),
        row("door.open", "true", &["", "yes", "1"], |mut config| {
            Box::pin(async move {
                let folder = tempfile::tempdir().unwrap();
                let doors = folder.path().join("doors");
                config.door.folder = doors.to_str().unwrap().to_owned();
                let node = built(config).await;
                let socket = node.control_socket().await.unwrap().unwrap();
                assert!(socket.starts_with(&doors), "{}", socket.display());
                node.stop().await;
            })
        }),
        row("door.folder", "doors", &["a\nb", DEEP], |mut config| {
            Box::pin(async move {
                let folder = tempfile::tempdir().unwrap();
                let doors = folder.path().join(&config.door.folder);
                config.door.folder = doors.to_str().unwrap().to_owned();
                config.door.open = true;
                let node = built(config).await;
                node.control_socket().await.unwrap().unwrap();
                assert_eq!(std::fs::read_dir(&doors).unwrap().count(), 1);
                node.stop().await;
            })
        }),
        row("swarm.pages", "50", &["-1", "64000001", "x"], |config| {
            shows(config, |node| {
                let totals = node.population().totals();
                totals.kind("page").is_some_and(|kind| kind.active == 50)
            })
        }),
        row("tensor.slots", "7", &["0", "2049", "x"], |config| {
            shows(config, |node| node.tensors().view().slots == 7)
        }),
        row(
            "tensor.slot_bytes",
            "128",
            &["63", "16777217", "1k"],
            |config| shows(config, |node| node.tensors().address().slot_bytes == 128),
        ),
        row("bus.data.nats", "nats://127.0.0.1:9", &[], |mut config| {
            Box::pin(async move {
                assert_eq!(config.bus.data.nats, "nats://127.0.0.1:9");
                let name =
                    |line: &str| line.starts_with("CONNECT ") && line.contains("aios node local");
                says_to_a_server(config.clone(), name).await;
                config.bus.data.nats = "http://x".to_owned();
                let error = not_built(config).await;
                assert!(error.contains("\"http://x\" is no NATS address"), "{error}");
            })
        }),
        row("bus.data.credentials", NOWHERE, &[], |config| {
            misses(config, "the credentials file")
        }),
        row("bus.data.nkey", NOWHERE, &[], |config| {
            misses(config, "the nkey file")
        }),
        row("bus.data.token", NOWHERE, &[], |config| {
            misses(config, "the token file")
        }),
        row("bus.data.authorities", NOWHERE, &[], |config| {
            misses(config, "the authorities file")
        }),
        row("bus.data.certificate", NOWHERE, &[], |mut config| {
            config.bus.data.certificate_key = "its key".to_owned();
            misses(config, "the certificate file")
        }),
        row("bus.data.certificate_key", NOWHERE, &[], |mut config| {
            // A file that is there; what it holds is looked at later.
            config.bus.data.certificate = example("notes.md").to_str().unwrap().to_owned();
            misses(config, "the certificate's key file")
        }),
        row(
            "bus.data.tenant_prefix",
            "true",
            &["", "yes", "1"],
            |config| {
                Box::pin(says_to_a_server(config, |line| {
                    assert!(!line.starts_with("SUB aios."), "{line}");
                    line.starts_with("SUB tenant.local.aios.")
                }))
            },
        ),
        row(
            "bus.data.outbox_messages",
            "16",
            &["15", "10000001", "x"],
            |config| {
                Box::pin(async move {
                    let counts = filled(config, 10).await;
                    assert_eq!(counts.waiting, 16, "{counts:?}");
                })
            },
        ),
        row("bus.data.outbox_mb", "1", &["0", "65537", "x"], |config| {
            Box::pin(async move {
                // Of so many messages as may wait there are a few.
                let counts = filled(config, 400_000).await;
                assert!((2..1_000).contains(&counts.waiting), "{counts:?}");
            })
        }),
        row("serve.keys", "team.json", &["a\tb", "a\nb"], |config| {
            Box::pin(async move {
                let folder = tempfile::tempdir().unwrap();
                let keys = folder.path().join(&config.serve.keys);
                let setting = format!("--set=serve.keys={}", keys.display());
                let output = aios(folder.path(), &["key", "issue", "ann", &setting]);
                let said = text(&output.stderr);
                assert!(output.status.success() && keys.is_file(), "{said}");
            })
        }),
        row(
            "serve.hourly_tokens",
            "1000",
            &["999", "1000000000001", "x"],
            |config| {
                Box::pin(async move {
                    let error = not_written(config, 2_000).await;
                    assert!(error.contains("1000 are allowed in an hour"), "{error}");
                })
            },
        ),
        row(
            "serve.hourly_money_micros",
            "5",
            &["-1", "x", "1000000000001"],
            |mut config| {
                Box::pin(async move {
                    config.model.price_micros = 1_000;
                    let error = not_written(config, 100).await;
                    assert!(
                        error.contains("money") && error.contains("of 5 left"),
                        "{error}"
                    );
                })
            },
        ),
        row("serve.tls.cert", NOWHERE, &["a\tb", "a\nb"], |config| {
            Box::pin(async move {
                let tls = config.serve.tls;
                not_served("cert", &tls.cert, "key.pem", "ca.pem");
            })
        }),
        row("serve.tls.key", NOWHERE, &["a\tb", "a\nb"], |config| {
            Box::pin(async move {
                let tls = config.serve.tls;
                not_served("key", "cert.pem", &tls.key, "ca.pem");
            })
        }),
        row(
            "serve.tls.client_ca",
            NOWHERE,
            &["a\tb", "a\nb"],
            |config| {
                Box::pin(async move {
                    let tls = config.serve.tls;
                    not_served("client_ca", "cert.pem", "key.pem", &tls.client_ca);
                })
            },
        ),
    ];
    for kind in [
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
        "default",
    ] {
        let settings: [(&str, &str, &[&'static str], Witness); 6] = [
            ("retries", "7", &["21", "-1", "x"], |config| {
                policy(config, |it| it.retries == 7)
            }),
            ("backoff", "linear", &["", "slow"], |config| {
                policy(config, |it| it.backoff == BackoffKind::Linear)
            }),
            ("first_ms", "77", &["600001", "1s"], |config| {
                policy(config, |it| it.first_ms == 77)
            }),
            ("max_ms", "40000", &["999", "600001", "x"], |config| {
                policy(config, |it| it.max_ms == 40_000)
            }),
            (
                "attempt_timeout_ms",
                "123",
                &["9", "3600001", "x"],
                |config| policy(config, |it| it.attempt_timeout_ms == 123),
            ),
            ("then", "human", &["", "pray"], |config| {
                policy(config, |it| it.then == Recourse::Human)
            }),
        ];
        rows.extend(
            settings
                .into_iter()
                .map(|(setting, value, refused, witness)| {
                    row(
                        &format!("recovery.{kind}.{setting}"),
                        value,
                        refused,
                        witness,
                    )
                }),
        );
    }
    rows
}

fn keys(table: &toml::Table, above: &str) -> BTreeSet<String> {
    table
        .iter()
        .flat_map(|(name, value)| match value {
            toml::Value::Table(inner) => keys(inner, &format!("{above}{name}.")),
            _ => BTreeSet::from([format!("{above}{name}")]),
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_key_changes_something_and_refuses_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let rows = rows();
    let known = keys(&printed(folder, None).unwrap().parse().unwrap(), "");
    let named: BTreeSet<String> = rows.iter().map(|row| row.key.clone()).collect();
    assert_eq!(named, known, "each key has a row here");
    assert_eq!(named.len(), rows.len(), "and one only");
    for row in rows {
        let (key, value) = (row.key.as_str(), row.value.as_str());
        let shown = printed(folder, Some((key, value)));
        let shown = shown.unwrap_or_else(|error| panic!("{key}: {error}"));
        let config = read(folder, &shown);
        assert_ne!(config, Config::default(), "{key}: {value} is another value");
        // A witness that fails does not say whose it is.
        eprintln!("{key} = {value}");
        soon(key, (row.witness)(config)).await;
        for wrong in row.refused {
            let Err(error) = printed(folder, Some((key, wrong))) else {
                panic!("{key} = {wrong:?} is taken");
            };
            let sentence = |part: &str| assert!(error.contains(part), "{key} = {wrong:?}: {error}");
            sentence(key);
            // As it was written, or with what cannot be shown written out.
            let quoted = format!("{wrong:?}");
            sentence(quoted.trim_matches('"'));
            let right = ["allowed is ", ": it is ", "expected "];
            assert!(
                right.iter().any(|word| error.contains(word)),
                "{key} = {wrong:?}: {error}"
            );
        }
    }
}
