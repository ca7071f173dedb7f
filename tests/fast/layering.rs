//! The manifests against the drawing: which crate may depend on which, and what heavy parts each may pull in.
//!
//! `docs/architecture.md` holds the table that people read; this test reads the same table, so the two cannot part.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_path_buf()
}

/// One row of the table in `docs/architecture.md`: a crate and what it may depend on of ours.
fn drawing() -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let section = text
        .split("<!-- layering -->")
        .nth(1)
        .expect("docs/architecture.md marks its table with <!-- layering -->");
    section
        .lines()
        .filter(|line| line.starts_with("| `aios"))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let name = cells[1].split('`').nth(1).unwrap().to_owned();
            let allowed = cells[2]
                .split('`')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect();
            (name, allowed)
        })
        .collect()
}

struct Manifest {
    name: String,
    ours: BTreeSet<String>,
    others: BTreeSet<String>,
}

/// The folders of the workspace's crates.
pub(crate) fn members() -> Vec<String> {
    let workspace: toml::Table =
        toml::from_str(&fs::read_to_string(root().join("Cargo.toml")).unwrap()).unwrap();
    let members = workspace["workspace"]["members"].as_array().unwrap();
    let folders = members.iter().map(|member| member.as_str().unwrap());
    folders.map(str::to_owned).collect()
}

fn manifests() -> Vec<Manifest> {
    members()
        .into_iter()
        .map(|member| {
            let path = root().join(member).join("Cargo.toml");
            let manifest: toml::Table =
                toml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            let (ours, others) = manifest
                .get("dependencies")
                .and_then(toml::Value::as_table)
                .into_iter()
                .flat_map(|table| table.keys().cloned())
                .partition(|name| name.starts_with("aios"));
            Manifest {
                name: manifest["package"]["name"].as_str().unwrap().to_owned(),
                ours,
                others,
            }
        })
        .collect()
}

#[test]
fn every_crate_depends_only_on_what_the_drawing_allows() {
    let drawing = drawing();
    for manifest in manifests() {
        let Some(allowed) = drawing.get(&manifest.name) else {
            panic!(
                "{} is missing from the table in docs/architecture.md",
                manifest.name
            );
        };
        let extra: Vec<_> = manifest.ours.difference(allowed).collect();
        assert!(
            extra.is_empty(),
            "{} depends on {extra:?}, which docs/architecture.md does not allow",
            manifest.name
        );
    }
}

#[test]
fn every_row_of_the_drawing_is_a_crate() {
    let names: BTreeSet<String> = manifests()
        .into_iter()
        .map(|manifest| manifest.name)
        .collect();
    for row in drawing().keys() {
        assert!(
            names.contains(row),
            "{row} is drawn but is not a member of the workspace"
        );
    }
}

#[test]
fn arrows_never_form_a_circle() {
    let drawing = drawing();
    let mut settled: BTreeSet<&str> = BTreeSet::new();
    while settled.len() < drawing.len() {
        let next: Vec<&str> = drawing
            .iter()
            .filter(|(name, allowed)| {
                !settled.contains(name.as_str())
                    && allowed.iter().all(|below| settled.contains(below.as_str()))
            })
            .map(|(name, _)| name.as_str())
            .collect();
        assert!(
            !next.is_empty(),
            "the drawing has a circle among the crates not in {settled:?}"
        );
        settled.extend(next);
    }
}

/// A second provider comes with a feature of some dependency's dependency, and then which of them a connection uses is decided at run time,
/// by whoever asks first or by a panic.
#[test]
fn ring_is_the_only_crypto_provider() {
    const PROVIDERS: [&str; 14] = [
        "aws-lc-rs",
        "aws-lc-sys",
        "aws-lc-fips-sys",
        "boring",
        "boring-sys",
        "graviola",
        "mbedtls",
        "native-tls",
        "openssl",
        "openssl-sys",
        "ring",
        "rustls-rustcrypto",
        "s2n-tls",
        "wolfssl",
    ];
    for lock in ["Cargo.lock", "tests/fuzz/Cargo.lock"] {
        let locked: toml::Table =
            toml::from_str(&fs::read_to_string(root().join(lock)).unwrap()).unwrap();
        let packages = locked["package"].as_array().unwrap().iter();
        let names = packages.map(|package| package["name"].as_str().unwrap());
        let found: Vec<&str> = names.filter(|name| PROVIDERS.contains(name)).collect();
        assert_eq!(
            found,
            ["ring"],
            "{lock}: `cargo tree -i NAME` shows who brings the other"
        );
    }
}

#[test]
fn heavy_parts_stay_in_their_rooms() {
    let rooms: &[(&str, &[&str])] = &[
        ("burn", &["aios-burn"]),
        ("burn-wgpu", &["aios-burn"]),
        ("sled", &["aios-memory"]),
        ("rusqlite", &["aios-tables"]),
        ("ureq", &["aios-inference"]),
        // The command measures a bare one beside ours.
        ("axum", &["aios-control", "aios"]),
        ("hyper", &["aios-control"]),
        ("async-nats", &["aios-bus", "aios-runtime"]),
        ("clap", &["aios"]),
        ("shared_memory", &["aios-bus"]),
    ];
    for manifest in manifests() {
        for (part, allowed) in rooms {
            assert!(
                !manifest.others.contains(*part) || allowed.contains(&manifest.name.as_str()),
                "{} pulls in {part}, which belongs to {allowed:?}",
                manifest.name
            );
        }
    }
}

#[test]
fn protocols_know_no_runtime_no_transport_and_no_files() {
    let protocols = manifests()
        .into_iter()
        .find(|manifest| manifest.name == "aios-protocols")
        .unwrap();
    for part in [
        "tokio",
        "ractor",
        "tonic",
        "async-nats",
        "sled",
        "burn",
        "shared_memory",
        "ureq",
    ] {
        assert!(
            !protocols.others.contains(part),
            "protocols must not depend on {part}"
        );
    }
}

/// Who may speak to whom is for tiers and cards to say: a role is whatever somebody registers.
#[test]
fn protocols_name_no_role() {
    let folder = root().join("protocols/src");
    let literals = ["macro", "meso", "micro"].map(|tier| format!("\"{tier}."));
    let files = sources(&folder);
    assert!(files.len() > 30, "{files:?}");
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let own = text.lines().map(str::trim_start);
        for line in own.take_while(|line| *line != "#[cfg(test)]") {
            let named = literals.iter().any(|literal| line.contains(literal));
            assert!(
                !named || line.starts_with("//"),
                "{} names a role: {line}",
                path.display()
            );
        }
    }
}

/// Rooms that carry whatever a stranger brings: nothing in them may hang on what it is about.
const GENERAL: [&str; 13] = [
    "protocols/src",
    "supervisor/src",
    "actors/src",
    "actors/work/src",
    "actors/orchestrator/src",
    "actors/inference/src",
    "actors/memory/src",
    "actors/micro/src",
    "actors/burn/src",
    "runtime/bus/src",
    "runtime/control/src",
    "runtime/journal/src",
    "runtime/src",
];

/// What of a file is not its tests and not its comments, with the number of each line.
pub(crate) fn code(path: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(path).unwrap();
    let mut own = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let trimmed = line.trim_start();
        if trimmed.starts_with("#[cfg(test)]") || trimmed.starts_with("#[cfg(all(test") {
            // The item below it, to its end: what is one line ends there, what has a body where a brace closes at the same depth.
            let depth = line.len() - trimmed.len();
            for (_, item) in lines.by_ref() {
                let starts = item.len() - item.trim_start().len();
                if item.trim_start().starts_with("#[") {
                    continue;
                }
                let one_line = item.trim_end().ends_with(';') && starts == depth;
                if one_line || (item.trim_start().starts_with('}') && starts == depth) {
                    break;
                }
            }
        } else if !trimmed.starts_with("//") {
            own.push((at + 1, line.to_owned()));
        }
    }
    own
}

/// A test file belongs to the tests of its module.
pub(crate) fn is_test(path: &Path) -> bool {
    path.components().any(|part| {
        let name = part.as_os_str().to_string_lossy();
        name == "tests" || name == "tests.rs" || name.ends_with("_tests.rs")
    })
}

#[test]
fn nobody_but_tools_and_packs_names_a_tool_a_table_or_a_word_of_a_language() {
    let mut names: Vec<&str> = [
        aios_tools::TOOLS.as_slice(),
        &aios_tables::TOOLS,
        &aios_documents::TOOLS,
    ]
    .concat();
    // The kinds of things packs are about, and words by which English says what a figure is.
    names.extend([
        "csv",
        "tsv",
        "spreadsheet",
        "column",
        "english",
        "median",
        "average",
        "total",
    ]);
    let mut looked = 0;
    for room in GENERAL {
        for path in sources(&root().join(room)) {
            // The one place where packs and tools are put together.
            if is_test(&path) || path.ends_with("runtime/src/packs.rs") {
                continue;
            }
            looked += 1;
            for (at, line) in code(&path) {
                for name in &names {
                    let literal = format!("\"{name}\"");
                    assert!(
                        !line.contains(&literal),
                        "{}:{at} names {literal}, which is a pack's or a tool's business: {line}",
                        path.display()
                    );
                }
                for pack in ["aios_tables", "aios_languages", "aios_documents"] {
                    assert!(
                        !line.contains(pack),
                        "{}:{at} names the pack {pack}: {line}",
                        path.display()
                    );
                }
            }
        }
    }
    assert!(looked > 250, "{looked} files were looked at");
}

#[test]
fn only_one_file_allows_unsafe() {
    let inline = ["allow(", "unsafe_code"].concat(); // in two pieces, or this line would be found
    let allowing: Vec<PathBuf> = sources(&root())
        .into_iter()
        .filter(|path| {
            let text = fs::read_to_string(path).unwrap();
            let mut lines = text.lines().map(str::trim_start);
            lines.any(|line| line.starts_with("unsafe_code") || line.contains(&inline))
        })
        .map(|path| path.strip_prefix(root()).unwrap().to_path_buf())
        .collect();
    assert_eq!(
        allowing,
        [PathBuf::from("runtime/bus/src/tensor/system.rs")]
    );
}

/// The Rust files of the workspace, sorted.
pub(crate) fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with('.') || path.join("CACHEDIR.TAG").exists() {
            continue;
        }
        if path.is_dir() {
            found.extend(sources(&path));
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}
