//! `aios doctor`: what it finds, what it says to do, and its exit code.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn doctor(folder: &Path, config: &str) -> Output {
    fs::write(folder.join("aios.toml"), config).unwrap();
    Command::new(env!("CARGO_BIN_EXE_aios"))
        .args(["doctor", "--json", "--config", "aios.toml"])
        .args(["--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0"])
        .current_dir(folder)
        .env("AIOS_CACHE", folder.join("no-models"))
        .env_remove("AIOS_DOCTOR_TEST_KEY")
        .output()
        .unwrap()
}

fn found(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn check<'v>(found: &'v Value, name: &str) -> &'v Value {
    let checks = found["checks"].as_array().unwrap();
    let one = checks.iter().find(|check| check["check"] == name);
    one.unwrap_or_else(|| panic!("{name} among {found}"))
}

#[test]
fn a_machine_that_has_what_is_configured_is_well() {
    let folder = tempfile::tempdir().unwrap();
    let config = "[model]\nengine = \"scripted\"\n[storage]\nfolder = \"state\"\n";
    let output = doctor(folder.path(), config);
    assert!(output.status.success(), "{output:?}");
    let found = found(&output);
    assert_eq!(found["ok"], true);
    for name in [
        "configuration",
        "keys",
        "disk",
        "clock",
        "port",
        "gRPC port",
    ] {
        let state = check(&found, name)["state"].as_str().unwrap();
        assert!(matches!(state, "ok" | "warn"), "{name}: {found}");
    }
    let disk = check(&found, "disk")["says"].as_str().unwrap();
    assert!(disk.contains("sync took"), "{disk}");
    assert!(!folder.path().join("state").exists(), "nothing is made");
}

#[test]
fn what_is_missing_is_named_with_what_to_do_and_the_exit_code_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    fs::create_dir(&state).unwrap();
    fs::write(state.join("owner.key"), "00").unwrap();
    let open = fs::Permissions::from_mode(0o644);
    fs::set_permissions(state.join("owner.key"), open).unwrap();
    let config = r#"
        [model]
        engine = "scripted"
        [storage]
        folder = "state"
        [telemetry]
        otlp = "http://127.0.0.1:1"
        [tools.gone]
        command = ["no-such-program-anywhere"]
        [tools.unset]
        command = ["true"]
        env = ["AIOS_DOCTOR_TEST_KEY"]
        [tools.there]
        command = ["true"]
    "#;
    let output = doctor(folder.path(), config);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let found = found(&output);
    assert_eq!(found["ok"], false);
    for (name, word) in [
        ("keys", "chmod 600"),
        ("tools of gone", "install it"),
        ("tools of unset", "export AIOS_DOCTOR_TEST_KEY"),
        ("otlp", "start a collector"),
    ] {
        let one = check(&found, name);
        assert_eq!(one["state"], "fail", "{one}");
        assert!(one["what_to_do"].as_str().unwrap().contains(word), "{one}");
    }
    assert_eq!(check(&found, "tools of there")["state"], "ok");
}

#[test]
fn a_setting_that_is_wrong_is_found_and_the_machine_is_looked_at_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let output = doctor(folder.path(), "[model]\nengin = \"scripted\"\n");
    assert_eq!(output.status.code(), Some(1));
    let found = found(&output);
    let configuration = check(&found, "configuration");
    assert_eq!(configuration["state"], "fail");
    let says = configuration["says"].as_str().unwrap();
    assert!(says.contains("engin"), "{says}");
    assert_eq!(check(&found, "port")["state"], "ok");
}
