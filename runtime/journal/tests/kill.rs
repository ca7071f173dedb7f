//! A process that writes is killed at any instant; what it said that it had is there, once and in its order.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead as _, BufReader, Write as _};
use std::ops::RangeInclusive;
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
/// [`Bounds::segment`] and [`Bounds::length`], for the process that is killed.
const SEGMENT: &str = "AIOS_JOURNAL_SEGMENT";
const LENGTH: &str = "AIOS_JOURNAL_LENGTH";
const THREADS: usize = 4;
/// What a thread has handed over and not heard of: one sync serves all of them.
const IN_FLIGHT: usize = 256;

/// What the process that kills has set.
fn bound(name: &str) -> usize {
    std::env::var(name).unwrap().parse().unwrap()
}

fn open(folder: &Path, segment: usize) -> (Journal, Recovery) {
    let tenant = TenantId::new("local").unwrap();
    let party = PrincipalId::new(PrincipalKind::Service, "journal", &tenant).unwrap();
    let identity = Arc::new(SigningIdentity::from_seed(party, [7; 32]));
    let options = Options {
        segment_bytes: segment as u64,
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
    let (journal, recovery) = open(Path::new(&folder), bound(SEGMENT));
    let epoch = recovery.epoch;
    let length = bound(LENGTH);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let journal = &journal;
            scope.spawn(move || {
                let mut in_flight = VecDeque::new();
                for number in 0.. {
                    let key = format!("{epoch}/{thread}/{number}");
                    let content = vec![7; (number * 37) % length];
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

/// What is written, and how often whoever writes it is killed.
pub(crate) struct Bounds {
    /// Bytes of a segment.
    pub segment: usize,
    /// A write has fewer bytes than these, and one or another each number of them.
    pub length: usize,
    /// Kills at least, and at most.
    pub kills: RangeInclusive<u64>,
    /// More writes than these are acknowledged before it is over.
    pub acknowledged: u64,
}

/// The name of [`child`] in whichever program this file is a part of. Another name is no test's: the process would write nothing and end well.
fn child_name() -> String {
    let path = module_path!().split_once("::");
    path.map_or("child".to_owned(), |(_, module)| format!("{module}::child"))
}

/// Kills processes that write; each is left alone for as long as `life` says.
pub(crate) fn kills(bounds: &Bounds, life: impl Fn(u64) -> Duration) {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("journal");
    let mut said = Said::default();
    let (mut kill, mut held) = (0, 0);
    while kill < *bounds.kills.start()
        || (said.all() <= bounds.acknowledged && kill < *bounds.kills.end())
    {
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args([&child_name(), "--exact", "--nocapture"])
            .env(FOLDER, &folder)
            .env(SEGMENT, bounds.segment.to_string())
            .env(LENGTH, bounds.length.to_string())
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
    assert!(
        said.all() > bounds.acknowledged,
        "{} of more than {} were acknowledged before {kill} kills",
        said.all(),
        bounds.acknowledged
    );
    assert!(held > 0, "nobody was refused");
    let (journal, recovery) = open(&folder, bounds.segment);
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
    let bounds = Bounds {
        segment: 32 * 1024,
        length: 900,
        kills: 30..=300,
        acknowledged: 100,
    };
    kills(&bounds, |kill| {
        Duration::from_millis(20 + 13 * kill.min(30))
    });
}
