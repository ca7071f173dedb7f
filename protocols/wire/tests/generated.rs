//! The code under `src/generated` is what the `.proto` files give, byte for byte. No `protoc` is needed: protox reads them.
//!
//! After a change of a `.proto` file: `AIOS_WIRE_WRITE=1 cargo test -p aios-wire --test generated`, and commit what it writes.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const FILES: [&str; 7] = [
    "aios/common.proto",
    "aios/control/v1/control.proto",
    "aios/critic.proto",
    "aios/inference.proto",
    "aios/orchestration.proto",
    "aios/registry.proto",
    "aios/supervision/v1/supervision.proto",
];

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// Every file of a folder.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect()
}

#[test]
fn the_code_is_what_the_proto_files_give() {
    let proto = here().join("proto");
    let fresh = tempfile::tempdir().unwrap();
    let set = protox::compile(FILES, [&proto]).unwrap();
    let descriptors = fresh.path().join("aios.descriptors");
    fs::write(&descriptors, prost::Message::encode_to_vec(&set)).unwrap();
    tonic_prost_build::configure()
        .build_transport(false)
        .emit_package(true)
        .out_dir(fresh.path())
        .compile_fds(set)
        .unwrap();
    let (fresh, there) = (files(fresh.path()), here().join("src/generated"));
    if std::env::var_os("AIOS_WIRE_WRITE").is_some() {
        let _ = fs::remove_dir_all(&there);
        fs::create_dir_all(&there).unwrap();
        for (name, bytes) in &fresh {
            fs::write(there.join(name), bytes).unwrap();
        }
    }
    let kept = files(&there);
    let names: Vec<&String> = fresh.keys().collect();
    assert_eq!(kept.keys().collect::<Vec<_>>(), names);
    for (name, bytes) in &fresh {
        assert!(
            kept[name] == *bytes,
            "{name} is not what the .proto files give; see the head of this test"
        );
    }
}
