//! A node is killed with SIGKILL at the operations of its journal's disk: before one, behind it, and in the middle of what it appends. What
//! the process before left is always the next one's to recover, so it is killed while it recovers, too. No accepted goal is lost, no effect
//! is made twice, and what an agent said yes to is done, as a ledger outside counts them.
// The counts are what the test is for.
#![allow(clippy::print_stdout)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use aios_control::{Ask, Client, ClientError, ErrorKind, GoalPhase};
use aios_journal::{Disk, DiskError, DiskFile, Listed, RealDisk};
use aios_work::content::GoalStatus;

use crate::crash::{PATIENCE, Victim, keeper, one_outcome_each, order, reached};
use crate::house::Chance;
use crate::shop::{Ledger, decide, may_ask, tools_of};

const PLACE: &str = "AIOS_TEST_CRASH_PLACE";
/// In the folder of a process that ends nowhere: how many operations there were, and how many of them appended.
const COUNTED: &str = "operations";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Before,
    Behind,
    /// Half of what is appended is there; only what appends is counted.
    Within,
}

/// Where a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    when: When,
    /// Counted from one.
    number: u64,
}

impl Place {
    fn written(self) -> String {
        let when = match self.when {
            When::Before => "before",
            When::Behind => "behind",
            When::Within => "within",
        };
        format!("{when} {}", self.number)
    }

    fn read(text: &str) -> Option<Self> {
        let (when, number) = text.split_once(' ')?;
        let when = match when {
            "before" => When::Before,
            "behind" => When::Behind,
            "within" => When::Within,
            _ => return None,
        };
        let number = number.parse().ok()?;
        Some(Self { when, number })
    }
}

/// What is asked of a disk, counted, and where that ends.
#[derive(Debug)]
pub(crate) struct Fatal {
    place: Option<Place>,
    done: AtomicU64,
    appended: AtomicU64,
    counted: PathBuf,
}

impl Fatal {
    /// What the harness asked of this process, if it did.
    pub(crate) fn asked(folder: &Path) -> Option<Self> {
        let place = std::env::var(PLACE).ok()?;
        Some(Self {
            place: Place::read(&place),
            done: AtomicU64::new(0),
            appended: AtomicU64::new(0),
            counted: folder.join(COUNTED),
        })
    }

    pub(crate) fn over(self, disk: RealDisk) -> Arc<dyn Disk> {
        Arc::new(FatalDisk {
            disk,
            fatal: Arc::new(self),
        })
    }

    fn ends(&self, when: When, number: u64) {
        if self.place == Some(Place { when, number }) {
            let _ = rustix::process::kill_process(
                rustix::process::getpid(),
                rustix::process::Signal::KILL,
            );
            // Nothing more is asked of the disk, however soon the signal comes.
            loop {
                std::thread::park();
            }
        }
    }

    fn at<T>(&self, work: impl FnOnce() -> T) -> T {
        let number = self.done.fetch_add(1, SeqCst) + 1;
        self.ends(When::Before, number);
        let outcome = work();
        self.ends(When::Behind, number);
        if self.place.is_none() {
            let counts = format!("{number} {}", self.appended.load(SeqCst));
            // Whole whenever this process is killed.
            let draft = self.counted.with_extension(format!("{number}"));
            std::fs::write(&draft, counts).unwrap();
            std::fs::rename(draft, &self.counted).unwrap();
        }
        outcome
    }
}

/// A disk that ends its process at an operation.
#[derive(Debug)]
struct FatalDisk {
    disk: RealDisk,
    fatal: Arc<Fatal>,
}

impl FatalDisk {
    fn opened(
        &self,
        open: impl FnOnce() -> Result<Box<dyn DiskFile>, DiskError>,
    ) -> Result<Box<dyn DiskFile>, DiskError> {
        let file = self.fatal.at(open)?;
        let fatal = Arc::clone(&self.fatal);
        Ok(Box::new(FatalFile { file, fatal }))
    }
}

impl Disk for FatalDisk {
    fn create(&self, name: &str) -> Result<Box<dyn DiskFile>, DiskError> {
        self.opened(|| self.disk.create(name))
    }

    fn open(&self, name: &str) -> Result<Box<dyn DiskFile>, DiskError> {
        self.opened(|| self.disk.open(name))
    }

    fn read(&self, name: &str, offset: u64, length: usize) -> Result<Vec<u8>, DiskError> {
        self.fatal.at(|| self.disk.read(name, offset, length))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.fatal.at(|| self.disk.rename(from, to))
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        self.fatal.at(|| self.disk.remove(name))
    }

    fn list(&self, folder: &str) -> Result<Vec<Listed>, DiskError> {
        self.fatal.at(|| self.disk.list(folder))
    }

    fn make_folder(&self, folder: &str) -> Result<(), DiskError> {
        self.fatal.at(|| self.disk.make_folder(folder))
    }

    fn sync_folder(&self, folder: &str) -> Result<(), DiskError> {
        self.fatal.at(|| self.disk.sync_folder(folder))
    }

    fn space(&self) -> Result<u64, DiskError> {
        self.fatal.at(|| self.disk.space())
    }
}

#[derive(Debug)]
struct FatalFile {
    file: Box<dyn DiskFile>,
    fatal: Arc<Fatal>,
}

impl DiskFile for FatalFile {
    fn append(&mut self, bytes: &[u8]) -> Result<(), DiskError> {
        let number = self.fatal.appended.fetch_add(1, SeqCst) + 1;
        let within = Place {
            when: When::Within,
            number,
        };
        if self.fatal.place == Some(within) {
            self.file.append(&bytes[..bytes.len() / 2])?;
            self.fatal.ends(When::Within, number);
        }
        self.fatal.at(|| self.file.append(bytes))
    }

    fn sync_data(&mut self) -> Result<(), DiskError> {
        self.fatal.at(|| self.file.sync_data())
    }

    fn truncate(&mut self, length: u64) -> Result<(), DiskError> {
        self.fatal.at(|| self.file.truncate(length))
    }

    fn length(&self) -> Result<u64, DiskError> {
        self.fatal.at(|| self.file.length())
    }
}

/// One folder, and what was said of it to whoever asked its processes.
struct Told {
    place: tempfile::TempDir,
    ledger: Ledger,
    address: String,
    seed: u64,
    next: usize,
    /// Goals that were accepted, by the number of their order.
    accepted: BTreeMap<usize, String>,
    /// Those of them whose answer was heard.
    answered: BTreeSet<usize>,
    spawned: bool,
    asked: u64,
    /// What the agent said yes to.
    agreed: BTreeSet<u64>,
    /// Goals that were set aside, because their node ended three times meanwhile.
    parked: usize,
}

impl Told {
    fn new(seed: u64) -> Self {
        let (ledger, address) = Ledger::open();
        Self {
            place: tempfile::tempdir().unwrap(),
            ledger,
            address,
            seed,
            next: 0,
            accepted: BTreeMap::new(),
            answered: BTreeSet::new(),
            spawned: false,
            asked: 0,
            agreed: BTreeSet::new(),
            parked: 0,
        }
    }

    fn folder(&self) -> &Path {
        self.place.path()
    }

    /// A process that goes on with what the last one left, and with new work until it ends at this place. Says whether it came there, or lived
    /// until all was done.
    async fn life(&mut self, place: Option<Place>) -> bool {
        let folder = self.folder().to_owned();
        let asked = place.map_or_else(|| "nowhere".to_owned(), Place::written);
        let mut victim = Victim::started(&folder, &self.address, &[(PLACE, &asked)]);
        loop {
            let Some(mut node) = reached(&folder, &mut victim).await else {
                victim.fell();
                return true;
            };
            match self.script(&mut node).await {
                Ok(()) => {
                    victim.kill();
                    return false;
                }
                // It ended, or took us for gone.
                Err(ClientError::Gone { .. }) => {}
                Err(error) => panic!("seed {}: {place:?}: {error}", self.seed),
            }
        }
    }

    async fn script(&mut self, node: &mut Client) -> Result<(), ClientError> {
        self.owed(node).await?;
        if !self.spawned {
            match node.spawn(keeper()).await {
                Ok(_) => self.spawned = true,
                Err(gone @ ClientError::Gone { .. }) => return Err(gone),
                // It is there, and the word of it was cut short.
                Err(ClientError::Refused(_)) => self.spawned = true,
                Err(error) => return Err(error),
            }
        }
        self.next += 1;
        let (number, asked) = (
            self.next,
            order(self.next, tools_of(self.next), self.folder()),
        );
        let id = asked.goal_id.clone().unwrap();
        node.submit(asked).await?;
        self.accepted.insert(number, id);
        self.asked += 1;
        let question = Ask {
            agent: "macro.keeper".to_owned(),
            content: self.asked.to_string(),
            deadline_ms: 20_000,
        };
        node.ask_agent(question).await?;
        self.agreed.insert(self.asked);
        self.owed(node).await?;
        self.timers().await;
        Ok(())
    }

    /// Waits for the answers of all goals that were accepted.
    async fn owed(&mut self, node: &mut Client) -> Result<(), ClientError> {
        let owed: Vec<(usize, String)> = self
            .accepted
            .iter()
            .filter(|(number, _)| !self.answered.contains(*number))
            .map(|(number, id)| (*number, id.clone()))
            .collect();
        for (number, id) in owed {
            let begun = Instant::now();
            loop {
                // Whichever asks: one that goes on alone waits for those that wait for a person.
                decide(node, &self.address).await?;
                let state = node.goal(&id).await?;
                let seed = self.seed;
                match state.phase {
                    GoalPhase::Answered => {
                        let answer = state.answer.unwrap();
                        let status = answer.status;
                        let no = status == GoalStatus::Partial && may_ask(number);
                        let done = matches!(status, GoalStatus::Approved | GoalStatus::Unverified);
                        assert!(
                            done || no,
                            "seed {seed}: {id}: {status:?}: {:?}",
                            answer.gaps
                        );
                        self.answered.insert(number);
                        break;
                    }
                    GoalPhase::Parked => match node.resume(&id).await {
                        Ok(()) => self.parked += 1,
                        Err(ClientError::Refused(full)) if full.kind == ErrorKind::Busy => {}
                        Err(error) => return Err(error),
                    },
                    GoalPhase::Running => {}
                    other => panic!("seed {seed}: {id} is {other:?}: {:?}", state.error),
                }
                assert!(begun.elapsed() < PATIENCE, "seed {seed}: {id} does not end");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        Ok(())
    }

    /// Waits for the timers of all that the agent said yes to.
    async fn timers(&self) {
        let begun = Instant::now();
        loop {
            let missing = {
                let books = self.ledger.0.lock().unwrap();
                let mut of_timers = self.agreed.iter().map(|it| format!("agent-{it}/timer"));
                of_timers.find(|it| !books.contains_key(it))
            };
            let Some(missing) = missing else { return };
            let late = begun.elapsed() >= PATIENCE;
            assert!(!late, "seed {}: {missing} never came", self.seed);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// What is true of it in the end.
    fn holds(&self) {
        let seed = self.seed;
        assert_eq!(self.answered.len(), self.accepted.len(), "seed {seed}");
        let orders = self.accepted.iter();
        let orders = orders.map(|(number, id)| (*number, id.as_str()));
        self.ledger.has_each_once(orders, seed);
        let books = self.ledger.0.lock().unwrap();
        for asked in &self.agreed {
            let work = format!("agent-{asked}/work");
            assert!(books.contains_key(&work), "seed {seed}: {work} is lost");
        }
        drop(books);
        let settled = one_outcome_each(&self.folder().join("state"));
        assert!(settled >= self.agreed.len(), "seed {seed}: {settled}");
    }

    fn says(&self, kills: usize) {
        println!(
            "places {kills}, goals accepted {}, turns of an agent {}, lost 0, effects {}, doubled 0, parked and resumed {}",
            self.accepted.len(),
            self.agreed.len(),
            self.ledger.0.lock().unwrap().len(),
            self.parked
        );
    }
}

/// So many places, or each.
pub(crate) async fn places(some: Option<u64>) {
    let seed = crate::storm::seed();
    match some {
        Some(many) => some_places(seed, many).await,
        None => {
            for when in [When::Before, When::Behind, When::Within] {
                each_place(when, seed).await;
            }
        }
    }
}

/// Places all over what a process does, in an order of chance.
async fn some_places(seed: u64, many: u64) {
    let mut chance = Chance::new(seed);
    let mut told = Told::new(seed);
    assert!(!told.life(None).await, "it ended by itself");
    let counts = std::fs::read_to_string(told.folder().join(COUNTED)).unwrap();
    let (all, appends) = counts.split_once(' ').unwrap();
    let (all, appends): (u64, u64) = (all.parse().unwrap(), appends.parse().unwrap());
    assert!(appends > 10 && all > 2 * appends, "{counts}");
    let mut places: Vec<Place> = (0..many)
        .map(|place| {
            let when = [When::Before, When::Behind, When::Within][(place % 3) as usize];
            let of = if when == When::Within { appends } else { all };
            let number = (place * of + chance.below(of)) / many + 1;
            Place { when, number }
        })
        .collect();
    let (mut kills, mut begun) = (0, 0);
    while !places.is_empty() {
        let place = places.swap_remove(chance.below(places.len() as u64) as usize);
        kills += usize::from(told.life(Some(place)).await);
        begun += 1;
    }
    assert!(!told.life(None).await, "it ended by itself");
    told.holds();
    told.says(kills);
    // Not each process asks its disk for as much as the first.
    assert!(3 * kills >= 2 * begun, "seed {seed}: {kills} of {begun}");
}

/// Every place that there is, one after the other, until so many processes in a row, of which each has an order of another kind, do all there is
/// to do and come to none.
async fn each_place(when: When, seed: u64) {
    const WHOLE: usize = 3;
    let mut told = Told::new(seed);
    let (mut number, mut kills, mut whole) = (0, 0, 0);
    while whole < WHOLE {
        number += 1;
        let ended = told.life(Some(Place { when, number })).await;
        kills += usize::from(ended);
        whole = if ended { 0 } else { whole + 1 };
    }
    assert!(!told.life(None).await, "it ended by itself");
    told.holds();
    print!("{when:?}: ");
    told.says(kills);
}

impl Victim {
    /// It was killed, and did not end in another way.
    fn fell(self) {
        use std::os::unix::process::ExitStatusExt as _;
        let status: ExitStatus = self.ended();
        assert_eq!(status.signal(), Some(9), "{status}");
    }
}
