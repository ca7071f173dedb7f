//! A process that writes is killed at any instant; what it said that it had is there.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use aios_journal::{
    Disk, Draft, Journal, LockError, Options, Payload, RealDisk, Recovery, system_clock, verify,
};
use aios_protocols::{PrincipalId, PrincipalKind, SigningIdentity, TenantId};

const FOLDER: &str = "AIOS_JOURNAL_CHILD";
const KILLS: u64 = 30;

fn open(folder: &Path) -> (Journal, Recovery) {
    let tenant = TenantId::new("local").unwrap();
    let party = PrincipalId::new(PrincipalKind::Service, "journal", &tenant).unwrap();
    let identity = Arc::new(SigningIdentity::from_seed(party, [7; 32]));
    let options = Options {
        segment_bytes: 32 * 1024,
        sign_every: 64,
        ..Options::default()
    };
    let disk = Arc::new(RealDisk::open(folder).unwrap());
    Journal::open(disk, options, identity, system_clock()).unwrap()
}

/// The process that is killed: four threads write, and say each key when it is lasting.
#[test]
fn child() {
    let Ok(folder) = std::env::var(FOLDER) else {
        return;
    };
    let (journal, recovery) = open(Path::new(&folder));
    let epoch = recovery.epoch;
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let journal = &journal;
            scope.spawn(move || {
                for number in 0.. {
                    let key = format!("{epoch}/{thread}/{number}");
                    let content = vec![7; (number * 37) % 900];
                    let draft = Draft::set("", "child", &key, Payload::new("bytes", 1, content));
                    journal.commit(vec![draft]).unwrap();
                    // One line is one write, so a line that was begun is whole or is not counted.
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "lasting {key}").unwrap();
                    out.flush().unwrap();
                }
            });
        }
    });
}

#[test]
fn what_a_killed_process_said_was_lasting_is_there_once() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("journal");
    let mut said = BTreeSet::new();
    let mut held = 0;
    for kill in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child", "--exact", "--nocapture"])
            .env(FOLDER, &folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let reader = std::thread::spawn(move || {
            let lines = lines.map_while(Result::ok);
            let keys = lines.filter_map(|line| Some(line.split_once("lasting ")?.1.to_owned()));
            keys.collect::<Vec<_>>()
        });
        // From before it has opened the journal to in the middle of many segments.
        std::thread::sleep(Duration::from_millis(20 + 13 * kill));
        // While it lives, it alone has the folder, and whoever else comes is told who that is.
        if let Err(LockError::Held { holder, .. }) = RealDisk::open(&folder) {
            assert!(
                holder == "?" || holder == child.id().to_string(),
                "{holder}"
            );
            held += 1;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        said.extend(reader.join().unwrap());
    }
    assert!(held > 0, "nobody was refused");
    let (journal, recovery) = open(&folder);
    assert!(recovery.damage.is_empty(), "{recovery}");
    let mut found = BTreeSet::new();
    for entry in journal.read(0) {
        let key = entry.unwrap().draft.key;
        assert!(found.insert(key.clone()), "{key} is there twice");
    }
    let lost: Vec<_> = said.difference(&found).collect();
    assert!(
        lost.is_empty(),
        "{} of {} are lost: {lost:?}",
        lost.len(),
        said.len()
    );
    assert!(said.len() > 100, "{}", said.len());
    drop(journal);
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::read_only(&folder));
    let seen = verify(&disk, &|_| true).unwrap();
    assert!(seen.damage.is_empty(), "{seen}");
}
