//! The restart audit (`aios bench restarts`) judges by what is written in its cases; here OTP itself is asked whether that is what it
//! does. It stands beside the differential run because both need Erlang.

#![cfg(feature = "heavy")]
#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, path::Path, process::Command};

#[test]
fn otp_shows_what_the_restart_audit_writes_of_it() {
    let audit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/bench/src/restarts");
    let run = Command::new("escript")
        .arg(audit.join("otp.escript"))
        .output()
        .expect("needs `escript` (Debian and Ubuntu: apt-get install erlang-base)");
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    let told = String::from_utf8(run.stdout).unwrap();
    let seen: BTreeMap<&str, &str> = told
        .lines()
        .filter_map(|line| line.split_once("\tseen\t"))
        .collect();
    let cases = std::fs::read_to_string(audit.join("cases.json")).unwrap();
    let cases: Vec<serde_json::Value> = serde_json::from_str(&cases).unwrap();
    let of_otp = cases.iter().filter(|case| case["oracle"] == "otp");
    let mut asked = 0;
    for case in of_otp {
        let id = case["id"].as_str().unwrap();
        assert_eq!(seen.get(id).copied(), case["expect"].as_str(), "{id}");
        asked += 1;
    }
    assert_eq!(asked, 10);
}
