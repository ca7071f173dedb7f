//! The lists in `tests/mutations` keep up with what they change; `examples/mutations.rs` runs them.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn every_mutation_of_every_list_still_has_its_place_and_its_name_once() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut names = BTreeSet::new();
    for list in fs::read_dir(root.join("tests/mutations")).unwrap() {
        let list: toml::Table =
            toml::from_str(&fs::read_to_string(list.unwrap().path()).unwrap()).unwrap();
        for mutation in list["mutation"].as_array().unwrap() {
            let [name, file, from, to, test] =
                ["name", "file", "from", "to", "test"].map(|key| mutation[key].as_str().unwrap());
            let text = fs::read_to_string(root.join(file)).unwrap();
            assert_eq!(text.matches(from).count(), 1, "{name}: {from:?} in {file}");
            assert_ne!(from, to, "{name}");
            assert!(test.starts_with("-p "), "{name}");
            assert!(names.insert(name.to_owned()), "{name} twice");
        }
    }
    assert!(names.len() >= 100, "{}", names.len());
}
