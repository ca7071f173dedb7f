//! The bytes of every version of every record stay readable for ever.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use aios_work::run::{Record, RecordError};

use crate::every;

fn folder(version: u16) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/run/{version}"))
}

/// The golden bytes of each record are what is written today, and what they say is as the JSON beside them has it. A new record's files
/// are written with `AIOS_GOLDEN=write`; a file that is there is never changed.
#[test]
fn every_record_has_golden_bytes_and_they_are_written_the_same_today() {
    let write = std::env::var("AIOS_GOLDEN").is_ok_and(|word| word == "write");
    let folder = folder(Record::VERSION);
    for (name, record) in every() {
        let bytes = record.to_bytes().unwrap();
        let json = serde_json::to_string_pretty(&record).unwrap() + "\n";
        let (binary, text) = (
            folder.join(format!("{name}.bin")),
            folder.join(format!("{name}.json")),
        );
        if write && !binary.exists() {
            fs::write(&binary, &bytes).unwrap();
            fs::write(&text, &json).unwrap();
        }
        let golden = fs::read(&binary).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(
            golden, bytes,
            "{name}: what is written has changed; make a new version"
        );
        assert_eq!(fs::read_to_string(&text).unwrap(), json, "{name}");
    }
}

#[test]
fn golden_files_of_every_version_are_read_and_none_is_left_over() {
    let names: BTreeSet<String> = every()
        .into_iter()
        .map(|(name, _)| name.to_owned())
        .collect();
    for version in 1..=Record::VERSION {
        for file in fs::read_dir(folder(version)).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            assert!(names.contains(&name), "{}", path.display());
            if path.extension().is_some_and(|end| end == "bin") {
                let record = Record::from_bytes(version, &fs::read(&path).unwrap()).unwrap();
                let json = fs::read_to_string(path.with_extension("json")).unwrap();
                let said: Record = serde_json::from_str(&json).unwrap();
                assert_eq!(record, said, "{name}");
            }
        }
    }
}

#[test]
fn a_newer_version_is_refused_by_name_and_bytes_that_are_no_record_with_why() {
    let bytes = every()[0].1.to_bytes().unwrap();
    let error = Record::from_bytes(Record::VERSION + 1, &bytes).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a record of a run of version 2, this program reads 1 to 1: go on with the program that wrote it, or a newer one"
    );
    assert!(matches!(
        Record::from_bytes(0, &bytes),
        Err(RecordError::Version { .. })
    ));
    for (name, record) in every() {
        let bytes = record.to_bytes().unwrap();
        for cut in 0..bytes.len() {
            assert!(
                Record::from_bytes(1, &bytes[..cut]).is_err(),
                "{name} cut at {cut}"
            );
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert!(
            Record::from_bytes(1, &longer).is_err(),
            "{name} with a byte more"
        );
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                // Whatever it reads as, it does not panic and it is not what was written.
                if let Ok(read) = Record::from_bytes(1, &flipped) {
                    assert_ne!(read, record, "{name}, byte {at}, bit {bit}");
                }
            }
        }
    }
}
