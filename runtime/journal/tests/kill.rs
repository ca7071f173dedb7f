//! A process that writes is killed at any instant; what it said that it had is there, once and in its order.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use aios_journal::{
    AppendError, Disk, Draft, Journal, LockError, Options, Payload, RealDisk, Recovery,
    system_clock, verify,
};
use aios_protocols::{PrincipalId, PrincipalKind, SigningIdentity, TenantId};

const FOLDER: &str = "AIOS_JOURNAL_CHILD";
/// Bytes of a segment, if not as many as usual.
const SEGMENT: &str = "AIOS_JOURNAL_SEGMENT";
const THREADS: usize = 4;
/// What a thread has handed over and not heard of: one sync serves all of them.
const IN_FLIGHT: usize = 256;

fn open(folder: &Path) -> (Journal, Recovery) {
    let tenant = TenantId::new("local").unwrap();
    let party = PrincipalId::new(PrincipalKind::Service, "journal", &tenant).unwrap();
    let identity = Arc::new(SigningIdentity::from_seed(party, [7; 32]));
    let segment = std::env::var(SEGMENT).map_or(32 * 1024, |bytes| bytes.parse().unwrap());
    let options = Options {
        segment_bytes: segment,
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
        for thread in 0..THREADS {
            let journal = &journal;
            scope.spawn(move || {
                let mut in_flight = VecDeque::new();
                for number in 0.. {
                    let key = format!("{epoch}/{thread}/{number}");
                    let content = vec![7; (number * 37) % 300];
                    let draft = Draft::set("", "child", &key, Payload::new("bytes", 1, content));
                    let mut drafts = vec![draft];
                    loop {
                        match journal.append(drafts) {
                            Ok(ticket) => in_flight.push_back((key, ticket)),
                            Err(AppendError::Full {
                                drafts: returned, ..
                            }) => {
                                drafts = returned;
                                std::thread::yield_now();
                                continue;
                            }
                            Err(error) => panic!("{error}"),
                        }
                        break;
                    }
                    // The first ones one by one, so that a process that is killed early has said something.
                    while in_flight.len() > number.min(IN_FLIGHT) {
                        let (key, ticket) = in_flight.pop_front().unwrap();
                        ticket.wait().unwrap();
                        // One line is one write, so a line that was begun is whole or is not counted.
                        let mut out = std::io::stdout().lock();
                        writeln!(out, "lasting {key}").unwrap();
                    }
                }
            });
        }
    });
}

/// Whose writes they are: of which process, and of which of its threads.
type Writer = (u64, usize);

/// The writer and the number of a key.
fn parts(key: &str) -> Option<(Writer, u64)> {
    let mut parts = key.split('/');
    let writer = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some((writer, parts.next()?.parse().ok()?))
}

/// What was said to be lasting: of each writer so many, from its first on.
#[derive(Default)]
struct Said(BTreeMap<Writer, u64>);

impl Said {
    fn all(&self) -> u64 {
        self.0.values().sum()
    }

    /// Hears a process until it ends.
    fn heard(child: &mut Child) -> std::thread::JoinHandle<Self> {
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        std::thread::spawn(move || {
            let mut said = Self::default();
            for line in lines.map_while(Result::ok) {
                let Some((writer, number)) =
                    line.split_once("lasting ").and_then(|(_, key)| parts(key))
                else {
                    continue;
                };
                let many = said.0.entry(writer).or_default();
                // The last line may be cut short by the kill, and a number with it.
                assert!(number <= *many, "{number} was told before {many}");
                if number == *many {
                    *many += 1;
                }
            }
            said
        })
    }
}

/// Kills processes that write until `enough` says so of how many there were and how much they have acknowledged; each is left alone for as long
/// as `life` says. `child` is the name of [`child`] in this program.
pub(crate) fn kills(
    child: &str,
    segment: u64,
    enough: impl Fn(u64, u64) -> bool,
    life: impl Fn(u64) -> Duration,
) {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("journal");
    let mut said = Said::default();
    let (mut kill, mut held) = (0, 0);
    while !enough(kill, said.all()) {
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args([child, "--exact", "--nocapture"])
            .env(FOLDER, &folder)
            .env(SEGMENT, segment.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let heard = Said::heard(&mut victim);
        // From before it has opened the journal to in the middle of many segments.
        std::thread::sleep(life(kill));
        // While it lives, it alone has the folder, and whoever else comes is told who that is.
        if let Err(LockError::Held { holder, .. }) = RealDisk::open(&folder) {
            assert!(
                holder == "?" || holder == victim.id().to_string(),
                "{holder}"
            );
            held += 1;
        }
        victim.kill().unwrap();
        victim.wait().unwrap();
        said.0.extend(heard.join().unwrap().0);
        kill += 1;
    }
    assert!(held > 0, "nobody was refused");
    let (journal, recovery) = open(&folder);
    assert!(recovery.damage.is_empty(), "{recovery}");
    let mut found = Said::default();
    for entry in journal.read(0) {
        let key = entry.unwrap().draft.key;
        let (writer, number) = parts(&key).unwrap();
        let many = found.0.entry(writer).or_default();
        assert_eq!(
            number, *many,
            "{key} is there twice, or one before it is lost"
        );
        *many += 1;
    }
    for (writer, many) in &said.0 {
        let there = found.0.get(writer).copied().unwrap_or_default();
        assert!(there >= *many, "{there} of {many} of {writer:?}");
    }
    drop(journal);
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::read_only(&folder));
    let seen = verify(&disk, &|_| true).unwrap();
    assert!(seen.damage.is_empty(), "{seen}");
    println!(
        "kills {kill}, acknowledged {}, lost 0, doubled 0, there {}",
        said.all(),
        found.all()
    );
}

#[test]
fn what_a_killed_process_said_was_lasting_is_there_once() {
    let least = 100;
    kills(
        "child",
        32 * 1024,
        |kills, acknowledged| kills >= 30 && acknowledged > least,
        |kill| Duration::from_millis(20 + 13 * kill.min(30)),
    );
}
