//! The journal on a real disk, as a process uses it.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aios_journal::view::{FileView, Fold, Rebuilt, catch_up};
use aios_journal::{
    AppendError, ArchiveError, Crash, Disk, DiskError, DiskFile, Draft, Entry, Fate, Journal,
    Limit, Listed, LockError, Options, Payload, RealDisk, Recovery, Retention, SimulatedDisk,
    WriteError, system_clock, verify,
};
use aios_protocols::{PrincipalId, PrincipalKind, SigningIdentity, TenantId};

fn identity() -> Arc<SigningIdentity> {
    let tenant = TenantId::new("local").unwrap();
    let party = PrincipalId::new(PrincipalKind::Service, "journal", &tenant).unwrap();
    Arc::new(SigningIdentity::from_seed(party, [7; 32]))
}

fn open_on(disk: Arc<dyn Disk>, options: Options) -> (Journal, Recovery) {
    Journal::open(disk, options, identity(), system_clock()).unwrap()
}

fn open(folder: &Path) -> (Journal, Recovery) {
    open_on(
        Arc::new(RealDisk::open(folder).unwrap()),
        Options::default(),
    )
}

fn draft(key: &str) -> Draft {
    Draft::set(
        format!("op/{key}"),
        "somebody",
        key,
        Payload::new("text", 1, key.as_bytes()),
    )
}

fn keys(journal: &Journal) -> Vec<String> {
    journal
        .read(0)
        .map(|entry| entry.unwrap().draft.key)
        .collect()
}

#[test]
fn what_was_committed_is_there_again_and_the_folder_is_its_users_alone() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("state/journal");
    let (journal, recovery) = open(&folder);
    assert!(recovery.new);
    assert_eq!(journal.commit(vec![draft("a"), draft("b")]).unwrap(), 3);
    let ticket = journal.append(vec![draft("c")]).unwrap();
    assert_eq!(ticket.wait().unwrap(), 4);
    drop(journal);
    let (journal, recovery) = open(&folder);
    assert!(!recovery.new && recovery.closed, "{recovery}");
    assert_eq!(
        (recovery.epoch, recovery.torn, recovery.damage),
        (2, None, vec![])
    );
    assert_eq!(keys(&journal), ["a", "b", "c"]);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let mut files = 0;
    for file in fs::read_dir(&folder).unwrap() {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
        files += 1;
    }
    assert_eq!(files, 2, "the segment and the lock");
}

#[test]
fn two_on_one_folder_are_refused_and_the_holder_is_named() {
    let place = tempfile::tempdir().unwrap();
    let (journal, _) = open(place.path());
    let error = RealDisk::open(place.path()).unwrap_err();
    let LockError::Held { holder, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(*holder, std::process::id().to_string());
    assert!(error.to_string().contains("stop that process"), "{error}");
    // Who only reads may, and cannot write.
    journal.commit(vec![draft("a")]).unwrap();
    let reader: Arc<dyn Disk> = Arc::new(RealDisk::read_only(place.path()));
    let seen = verify(&reader, &|key| *key == identity().public_key()).unwrap();
    assert_eq!((seen.damage.len(), seen.entries), (0, 1), "{seen}");
    assert!(reader.remove("lock").is_err());
    drop(journal);
    RealDisk::open(place.path()).unwrap();
}

#[test]
fn a_folder_that_somebody_else_decides_about_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let (link, file) = (place.path().join("link"), place.path().join("file"));
    std::os::unix::fs::symlink(place.path(), &link).unwrap();
    fs::write(&file, "").unwrap();
    for (path, why) in [
        (link, "it is a link"),
        (file.clone(), "it is no folder"),
        (file.join("x"), "cannot be used"),
    ] {
        let error = RealDisk::open(&path).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    let open_to_all = place.path().join("open");
    fs::create_dir(&open_to_all).unwrap();
    fs::set_permissions(&open_to_all, fs::Permissions::from_mode(0o777)).unwrap();
    let _disk = RealDisk::open(&open_to_all).unwrap();
    assert_eq!(
        fs::metadata(&open_to_all).unwrap().permissions().mode() & 0o777,
        0o700
    );
}

#[test]
fn many_appenders_share_syncs_and_each_has_its_own_number() {
    let place = tempfile::tempdir().unwrap();
    let (journal, _) = open(place.path());
    let numbers = parking_lot::Mutex::new(BTreeSet::new());
    let (threads, each) = (16, 40);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (journal, numbers) = (&journal, &numbers);
            scope.spawn(move || {
                for at in 0..each {
                    let number = journal
                        .commit(vec![draft(&format!("{thread}/{at}"))])
                        .unwrap();
                    assert!(numbers.lock().insert(number), "{number} twice");
                }
            });
        }
    });
    let state = journal.state();
    assert_eq!(state.entries, threads * each);
    assert!(
        state.syncs < state.entries / 2,
        "{} syncs for {} entries",
        state.syncs,
        state.entries
    );
    // Each thread's own entries are in its order.
    let keys = keys(&journal);
    assert_eq!(keys.len() as u64, threads * each);
    for thread in 0..threads {
        let prefix = format!("{thread}/");
        let own = keys
            .iter()
            .filter_map(|key| key.strip_prefix(&prefix)?.parse::<u64>().ok());
        assert!(own.is_sorted(), "{thread}");
    }
}

#[test]
fn a_task_awaits_its_ticket() {
    let place = tempfile::tempdir().unwrap();
    let (journal, _) = open(place.path());
    let ticket = journal.append(vec![draft("a")]).unwrap();
    assert_eq!(block_on(ticket), Ok(2));
}

/// The smallest of all runtimes: parks the thread until it is woken.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut context = std::task::Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(output) => return output,
            std::task::Poll::Pending => std::thread::park(),
        }
    }
}

/// A disk whose syncs wait for a gate.
#[derive(Debug)]
struct Gated {
    inner: SimulatedDisk,
    gate: Arc<parking_lot::Mutex<()>>,
    syncs: Arc<AtomicU64>,
}

#[derive(Debug)]
struct GatedFile(
    Box<dyn DiskFile>,
    Arc<parking_lot::Mutex<()>>,
    Arc<AtomicU64>,
);

impl DiskFile for GatedFile {
    fn append(&mut self, bytes: &[u8]) -> Result<(), DiskError> {
        self.0.append(bytes)
    }
    fn sync_data(&mut self) -> Result<(), DiskError> {
        self.2.fetch_add(1, Ordering::SeqCst);
        drop(self.1.lock());
        self.0.sync_data()
    }
    fn truncate(&mut self, length: u64) -> Result<(), DiskError> {
        self.0.truncate(length)
    }
    fn length(&self) -> Result<u64, DiskError> {
        self.0.length()
    }
}

impl Disk for Gated {
    fn create(&self, name: &str) -> Result<Box<dyn DiskFile>, DiskError> {
        self.inner.create(name)
    }
    fn open(&self, name: &str) -> Result<Box<dyn DiskFile>, DiskError> {
        let file = self.inner.open(name)?;
        Ok(Box::new(GatedFile(
            file,
            Arc::clone(&self.gate),
            Arc::clone(&self.syncs),
        )))
    }
    fn read(&self, name: &str, offset: u64, length: usize) -> Result<Vec<u8>, DiskError> {
        self.inner.read(name, offset, length)
    }
    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.inner.rename(from, to)
    }
    fn remove(&self, name: &str) -> Result<(), DiskError> {
        self.inner.remove(name)
    }
    fn list(&self, folder: &str) -> Result<Vec<Listed>, DiskError> {
        self.inner.list(folder)
    }
    fn make_folder(&self, folder: &str) -> Result<(), DiskError> {
        self.inner.make_folder(folder)
    }
    fn sync_folder(&self, folder: &str) -> Result<(), DiskError> {
        self.inner.sync_folder(folder)
    }
    fn space(&self) -> Result<u64, DiskError> {
        self.inner.space()
    }
}

#[test]
fn a_full_queue_gives_the_entries_back_and_one_sync_serves_all_that_waited() {
    let inner = SimulatedDisk::new(1);
    let (gate, syncs) = (
        Arc::new(parking_lot::Mutex::new(())),
        Arc::new(AtomicU64::new(0)),
    );
    let disk = Gated {
        inner,
        gate: Arc::clone(&gate),
        syncs: Arc::clone(&syncs),
    };
    let options = Options {
        queue_entries: 4,
        ..Options::default()
    };
    let (journal, _) = open_on(Arc::new(disk), options);
    let before = syncs.load(Ordering::SeqCst);
    let closed = gate.lock();
    let first = journal.append(vec![draft("first")]).unwrap();
    // It is on its way to the disk when its sync has begun.
    while syncs.load(Ordering::SeqCst) == before {
        std::thread::yield_now();
    }
    let waiting: Vec<_> = (0..4)
        .map(|at| journal.append(vec![draft(&at.to_string())]).unwrap())
        .collect();
    let error = journal.append(vec![draft("too many")]).unwrap_err();
    let AppendError::Full {
        waiting: 4,
        allowed: 4,
        drafts,
    } = error
    else {
        panic!("{error}");
    };
    assert_eq!(drafts, [draft("too many")]);
    // A task waits for room, and goes on when there is some.
    let woken = std::thread::scope(|scope| {
        let later = scope.spawn(|| block_on(journal.record(vec![draft("a task")])));
        drop(closed);
        later.join().unwrap()
    });
    assert!(woken.unwrap() > 6);
    first.wait().unwrap();
    let numbers: Vec<u64> = waiting
        .into_iter()
        .map(|ticket| ticket.wait().unwrap())
        .collect();
    assert!(numbers.is_sorted());
    let synced = syncs.load(Ordering::SeqCst) - before;
    assert_eq!(
        synced, 3,
        "one for the first, one for all that waited, one for the task"
    );
    journal.commit(drafts).unwrap();
}

#[test]
fn a_failed_sync_is_told_to_every_waiter_and_to_whoever_comes_later() {
    let disk = SimulatedDisk::new(1);
    let (journal, _) = open_on(Arc::new(disk.clone()), Options::default());
    journal.commit(vec![draft("a")]).unwrap();
    disk.fail_sync_from(disk.operations());
    let tickets: Vec<_> = (0..8)
        .map(|at| journal.append(vec![draft(&at.to_string())]))
        .collect();
    for ticket in tickets {
        let error = match ticket {
            Ok(ticket) => ticket.wait().unwrap_err(),
            Err(AppendError::Stopped(error)) => error,
            Err(error) => panic!("{error}"),
        };
        let WriteError::Stopped(_) = &error else {
            panic!("{error}");
        };
        assert!(
            error
                .to_string()
                .contains("see to the disk and start again"),
            "{error}"
        );
    }
    assert!(matches!(
        journal.commit(vec![draft("later")]),
        Err(AppendError::Stopped(_))
    ));
    assert!(
        journal
            .state()
            .stopped
            .unwrap()
            .contains("input/output error")
    );
    assert_eq!(
        keys(&journal),
        ["a"],
        "what was not acknowledged is not read"
    );
}

#[test]
fn what_cannot_be_written_is_refused_before_it_waits() {
    let (journal, _) = open_on(Arc::new(SimulatedDisk::new(1)), Options::default());
    assert!(matches!(
        journal.append(vec![]),
        Err(AppendError::Count { asked: 0, .. })
    ));
    let mut large = draft("large");
    large.after = Some(Payload::new("bytes", 1, vec![0; aios_journal::BODY_MAX]));
    let error = journal.append(vec![large]).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("put its content aside as a blob"),
        "{error}"
    );
    journal.close();
    assert!(matches!(
        journal.append(vec![draft("a")]),
        Err(AppendError::Stopped(_))
    ));
}

/// The value of each key, and how often one was set.
#[derive(Debug, Default, PartialEq)]
struct Keys(Vec<String>);

impl Fold for Keys {
    const NAME: &'static str = "keys";
    const VERSION: u16 = 1;

    fn apply(&mut self, entry: &Entry) -> Result<(), String> {
        self.0.push(entry.draft.key.clone());
        Ok(())
    }

    fn to_bytes(&self) -> Result<Vec<u8>, String> {
        Ok(self.0.join(" ").into_bytes())
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
        Ok(Self(text.split_whitespace().map(str::to_owned).collect()))
    }
}

#[test]
fn a_view_goes_on_from_its_mark_or_is_made_anew_and_says_why() {
    let disk = SimulatedDisk::new(1);
    let (journal, _) = open_on(Arc::new(disk.clone()), Options::default());
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let catch = |journal: &Journal| {
        let mut view = FileView::<Keys>::load(Arc::clone(&shared));
        let done = catch_up(&mut view, journal, &mut |_| {}).unwrap();
        (view.value.0.join(""), done.applied, done.rebuilt)
    };
    for key in ["a", "b"] {
        journal.commit(vec![draft(key)]).unwrap();
    }
    assert_eq!(
        catch(&journal),
        ("ab".to_owned(), 2, Some(Rebuilt::Missing))
    );
    journal.commit(vec![draft("c")]).unwrap();
    assert_eq!(catch(&journal), ("abc".to_owned(), 1, None));
    assert_eq!(catch(&journal), ("abc".to_owned(), 0, None));
    // Any byte of its file damaged: it is made anew, and nothing is believed.
    let whole = disk.contents("views/keys.view").unwrap();
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 4;
        disk.put("views/keys.view", &flipped);
        let (value, applied, rebuilt) = catch(&journal);
        assert_eq!((value.as_str(), applied), ("abc", 3), "byte {at}");
        assert!(matches!(rebuilt, Some(Rebuilt::Damaged(_))), "byte {at}");
    }
    for cut in 0..whole.len() {
        disk.put("views/keys.view", &whole[..cut]);
        assert_eq!(catch(&journal).0, "abc", "cut at {cut}");
    }
    // The journal of another folder, or an older copy of this one.
    let other = SimulatedDisk::new(2);
    other.put("views/keys.view", &whole);
    let (journal, _) = open_on(Arc::new(other.clone()), Options::default());
    let mut view = FileView::<Keys>::load(Arc::new(other));
    let done = catch_up(&mut view, &journal, &mut |_| {}).unwrap();
    assert_eq!(
        (done.rebuilt, view.value),
        (Some(Rebuilt::Foreign), Keys::default())
    );
}

#[test]
fn a_view_that_knows_more_than_the_journal_says_what_is_lost() {
    let disk = SimulatedDisk::new(1);
    let (journal, _) = open_on(Arc::new(disk.clone()), Options::default());
    journal.commit(vec![draft("a")]).unwrap();
    let copy = disk.fork(2);
    journal
        .commit(vec![draft("b"), draft("c"), draft("d")])
        .unwrap();
    let mut view = FileView::<Keys>::load(Arc::new(disk.clone()));
    catch_up(&mut view, &journal, &mut |_| {}).unwrap();
    copy.put(
        "views/keys.view",
        &disk.contents("views/keys.view").unwrap(),
    );
    copy.restart(aios_journal::Crash::Kill);
    let (journal, _) = open_on(Arc::new(copy.clone()), Options::default());
    let mut view = FileView::<Keys>::load(Arc::new(copy));
    let done = catch_up(&mut view, &journal, &mut |_| {}).unwrap();
    assert_eq!(
        done.rebuilt,
        Some(Rebuilt::Ahead {
            view: 5,
            journal: 3
        })
    );
    assert!(
        done.to_string().contains("entries 4 to 5 are lost"),
        "{done}"
    );
    assert_eq!(view.value, Keys(vec!["a".to_owned()]));
}

#[test]
fn a_view_of_another_past_of_the_same_journal_is_made_anew() {
    let disk = SimulatedDisk::new(1);
    let (journal, _) = open_on(Arc::new(disk.clone()), Options::default());
    journal.commit(vec![draft("a")]).unwrap();
    let copy = disk.fork(2);
    copy.restart(aios_journal::Crash::Kill);
    journal.commit(vec![draft("b"), draft("b")]).unwrap();
    let mut view = FileView::<Keys>::load(Arc::new(disk.clone()));
    catch_up(&mut view, &journal, &mut |_| {}).unwrap();
    // The older copy went on by itself, beyond what the view has seen.
    let (journal, _) = open_on(Arc::new(copy.clone()), Options::default());
    journal
        .commit(vec![draft("c"), draft("c"), draft("c")])
        .unwrap();
    copy.put(
        "views/keys.view",
        &disk.contents("views/keys.view").unwrap(),
    );
    let mut view = FileView::<Keys>::load(Arc::new(copy));
    let done = catch_up(&mut view, &journal, &mut |_| {}).unwrap();
    assert_eq!(done.rebuilt, Some(Rebuilt::Foreign));
    assert_eq!(view.value.0.concat(), "accc");
}

#[test]
fn nothing_is_moved_under_a_reader() {
    let (journal, _) = open_on(Arc::new(SimulatedDisk::new(1)), Options::default());
    journal.commit(vec![draft("a")]).unwrap();
    journal.rotate().unwrap();
    let retention = Retention {
        journal: Limit {
            bytes: Some(0),
            ..Limit::default()
        },
        archive: Limit::default(),
    };
    let mut reader = journal.read(0);
    let error = journal.retire(&retention, |_| false).unwrap_err();
    assert_eq!(error, ArchiveError::Reading { reading: 1 });
    assert_eq!(reader.next().unwrap().unwrap().draft.key, "a");
    drop(reader);
    let moved = journal.retire(&retention, |_| false).unwrap();
    assert_eq!((moved.archived, moved.left), (1, 1), "{moved:?}");
    assert_eq!(keys(&journal), [""; 0]);
    journal.commit(vec![draft("b")]).unwrap();
    assert_eq!(keys(&journal), ["b"]);
}

#[test]
fn a_view_whose_saving_ends_at_any_operation_is_right_the_next_time() {
    let mut ends = 0;
    for operation in 0..40 {
        for fate in [Fate::Before, Fate::After] {
            for crash in [Crash::Kill, Crash::PowerLoss] {
                let disk = SimulatedDisk::new(operation);
                let shared: Arc<dyn Disk> = Arc::new(disk.clone());
                let (journal, _) = open_on(Arc::clone(&shared), Options::default());
                journal.commit(vec![draft("a")]).unwrap();
                let mut view = FileView::<Keys>::load(Arc::clone(&shared));
                catch_up(&mut view, &journal, &mut |_| {}).unwrap();
                journal.commit(vec![draft("b")]).unwrap();
                disk.crash_at(disk.operations() + operation, fate);
                if catch_up(&mut view, &journal, &mut |_| {}).is_ok() {
                    continue;
                }
                drop(journal);
                disk.restart(crash);
                let (journal, recovery) = open_on(Arc::clone(&shared), Options::default());
                assert_eq!(recovery.damage, []);
                let mut view = FileView::<Keys>::load(Arc::clone(&shared));
                let done = catch_up(&mut view, &journal, &mut |_| {}).unwrap();
                assert_eq!(done.rebuilt, None, "operation {operation}, {fate:?}");
                assert_eq!(
                    view.value.0.concat(),
                    "ab",
                    "operation {operation}, {fate:?}"
                );
                ends += 1;
            }
        }
    }
    assert!(ends > 20, "{ends}");
}
