//! `aios model` and `aios route` as a script meets them: a file of one's own, a server, what is known of it, and what computes here.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

#[path = "../../../actors/inference/tests/remote/scripted.rs"]
mod scripted;
#[path = "../../../actors/burn/tests/tiny/mod.rs"]
mod tiny;

/// Where the command looks for its settings, its models and what it knows of servers.
fn aios(folder: &Path, arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_aios"))
        .args(arguments)
        .arg("--json")
        .current_dir(folder)
        .env_remove("AIOS_CONFIG")
        .env("AIOS_CACHE", folder.join("cache"))
        .env("AIOS_DOOR_FOLDER", folder.join("no-door"))
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {err}");
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {err}"))
}

/// Settings with one server in them, which answers as long as the runtime lives.
struct There {
    folder: tempfile::TempDir,
    settings: PathBuf,
    address: String,
    _served: tokio::runtime::Runtime,
}

impl There {
    fn serve(more: &str) -> Self {
        let served = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let address = served.block_on(scripted::serve());
        let folder = tempfile::tempdir().unwrap();
        let settings = folder.path().join("aios.toml");
        let text = format!(
            "[model]\nengine = \"scripted\"\n[engines.there]\nkind = \"openai\"\naddress = {address:?}\n\
             model = \"a-model\"\nembed_model = \"an-embedder\"\n{more}\n"
        );
        fs::write(&settings, text).unwrap();
        Self {
            folder,
            settings,
            address,
            _served: served,
        }
    }

    fn ask(&self, arguments: &[&str]) -> Value {
        let settings = ["--config", self.settings.to_str().unwrap()];
        aios(self.folder.path(), &[arguments, &settings].concat())
    }
}

#[test]
fn a_file_of_ones_own_runs_and_says_what_is_needed_to_run_it_so_again() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("own.gguf"), tiny::File::good().bytes()).unwrap();
    let run = |more: &[&str]| {
        let usual = [
            "model", "run", "--model", "own.gguf", "--device", "cpu", "--raw", "a",
        ];
        aios(folder.path(), &[&usual[..], more].concat())
    };
    let greedy = run(&["--greedy", "--max-tokens", "9"]);
    assert_eq!(greedy["text"], "\u{1f638}!", "{greedy}");
    let settings = json!({"max_tokens": 9, "sampling": "greedy"});
    assert_eq!(greedy["settings"], settings, "{greedy}");
    assert_eq!(greedy["seed"], Value::Null, "{greedy}");
    for (field, expected) in [("engine", "burn"), ("model", "own"), ("finish", "stop")] {
        assert_eq!(greedy[field], expected, "{greedy}");
    }
    assert!(
        greedy["version"].as_str().unwrap().contains("F32"),
        "{greedy}"
    );
    assert!(!greedy["device"].as_str().unwrap().is_empty(), "{greedy}");
    // A seed that the command drew is told, and gives the same again.
    let drawn = run(&["--temperature", "3", "--max-tokens", "9"]);
    assert_eq!(drawn["settings"]["sampling"]["temperature"], 3.0, "{drawn}");
    let seed = drawn["seed"].as_u64().unwrap().to_string();
    let again = run(&["--temperature", "3", "--max-tokens", "9", "--seed", &seed]);
    for field in ["text", "ids", "seed", "settings", "version", "device"] {
        assert_eq!(drawn[field], again[field], "{field}");
    }
}

#[test]
fn a_server_of_the_configuration_runs_and_says_which_model_and_version_answered() {
    let there = There::serve("");
    let told = there.ask(&[
        "model",
        "run",
        "--model",
        "there",
        "--seed",
        "7",
        "Say something",
    ]);
    assert!(!told["text"].as_str().unwrap().is_empty(), "{told}");
    for (field, expected) in [
        ("engine", json!("there")),
        ("model", json!("a-model")),
        // What it calls its fingerprint.
        ("version", json!("fp_1")),
        ("device", json!(there.address)),
        ("seed", json!(7)),
    ] {
        assert_eq!(told[field], expected, "{field}: {told}");
    }
    assert_eq!(told["settings"]["max_tokens"], 128, "{told}");
    assert!(told["usage"]["new_tokens"].as_u64().unwrap() > 0, "{told}");
}

#[test]
fn what_a_server_honours_is_found_out_kept_with_its_date_and_listed() {
    let there = There::serve("");
    let engine = |list: &Value| list["engines"][0].clone();
    let before = engine(&there.ask(&["model", "list"]));
    assert_eq!(before["name"], "there");
    assert_eq!(before["probe"], Value::Null, "{before}");
    let now = || {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs()
    };
    let begun = now();
    let probed = there.ask(&["model", "probe", "there"]);
    let file = Path::new(probed["file"].as_str().unwrap());
    assert!(file.starts_with(there.folder.path()), "{probed}");
    let kept: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    assert_eq!(kept, probed["probe"]);
    let date = kept["at_unix_s"].as_u64().unwrap();
    assert!((begun..=now()).contains(&date), "{kept}");
    for honoured in [
        "chat",
        "schema",
        "tools",
        "usage_in_stream",
        "base64_embeddings",
    ] {
        assert_eq!(kept[honoured], true, "{honoured}: {kept}");
    }
    assert_eq!(kept["context"], scripted::CONTEXT);
    assert!(kept["embedding"].as_u64().unwrap() > 0, "{kept}");
    assert_eq!(engine(&there.ask(&["model", "list"]))["probe"], kept);
}

#[test]
fn a_route_is_explained_for_each_purpose_with_those_that_are_passed_over() {
    for elsewhere in [false, true] {
        // A server on this machine is as good as the machine itself, unless it passes on what it is given.
        let there = There::serve(if elsewhere { "private = false" } else { "" });
        let mut asked = vec!["route", "explain", "Sum up the year"];
        if elsewhere {
            asked.push("--private");
        } else {
            asked.extend(["--set", "routes.policy=fallback-chain"]);
        }
        let told = there.ask(&asked);
        let routes = told["routes"].as_array().unwrap();
        let purposes: Vec<&str> = routes
            .iter()
            .map(|r| r["purpose"].as_str().unwrap())
            .collect();
        assert_eq!(purposes, ["plan", "write", "judge", "embed"]);
        for route in routes {
            assert_eq!(route["private"], elsewhere, "{route}");
            assert!(!route["because"].as_str().unwrap().is_empty(), "{route}");
            assert!(route["prompt_tokens"].as_u64().unwrap() > 0, "{route}");
            let order: Vec<&str> = (route["order"].as_array().unwrap().iter())
                .map(|engine| engine.as_str().unwrap())
                .collect();
            assert_eq!(
                order.contains(&"there"),
                !elsewhere && route["purpose"] != "embed",
                "{route}"
            );
            let passed_over = route["passed_over"].as_array().unwrap();
            assert_eq!(order.len() + passed_over.len(), 2, "{route}");
            for one in passed_over {
                assert!(!one["reason"].as_str().unwrap().is_empty(), "{route}");
            }
        }
        let policy = if elsewhere {
            "local-first"
        } else {
            "fallback-chain"
        };
        assert!(
            routes.iter().all(|route| route["policy"] == policy),
            "{told}"
        );
    }
}

#[test]
fn what_computes_here_is_named_tested_and_measured() {
    let folder = tempfile::tempdir().unwrap();
    let told = aios(folder.path(), &["model", "devices"]);
    let devices = told["devices"].as_array().unwrap();
    assert_eq!(devices[0]["kind"], "cpu");
    for device in devices {
        assert!(!device["name"].as_str().unwrap().is_empty(), "{device}");
        // One that computes wrongly is not measured; one that computes rightly is.
        let fault = device.get("fault").expect("what its self-test said");
        let speed = device["gigabytes_per_s"].as_f64();
        assert_eq!(
            fault.is_null(),
            speed.is_some_and(|speed| speed > 0.0),
            "{device}"
        );
    }
    // There is an adapter, or it is said why there is none.
    let adapters = devices
        .iter()
        .filter(|device| device["kind"] != "cpu")
        .count();
    assert_eq!(adapters == 0, told["no_adapter"].is_string(), "{told}");
}
