//! What happened by the actors' own accounts, and what was heard of it.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use aios_supervisor::{
    ChildHandle, Ended, EventKind, ExitReason, Link, LinkEnd, SupervisionEvent, SupervisorRef,
    TreeView,
};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use tokio::{sync::broadcast, task::JoinHandle};

use crate::subject::NO_START;

/// One run of one child.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Generation {
    /// Ids from below the root down, joined by `/`.
    pub(crate) child: Arc<str>,
    pub(crate) incarnation: u64,
}

pub(crate) struct Ledger {
    root: OnceLock<SupervisorRef>,
    pages: Mutex<Pages>,
}

struct Pages {
    rng: SmallRng,
    /// How each that ran ended, by its own account.
    accounts: HashMap<Generation, ExitReason>,
    /// Whose start failed.
    never_ran: HashSet<Generation>,
    /// Whose supervisor was killed by hand at a time when it may not yet have heard of the end.
    in_the_dark: HashSet<Arc<str>>,
    armed: HashMap<Generation, usize>,
    heard: HashMap<Generation, Vec<Ended>>,
    /// What was said to those who asked after the end was known to them.
    late: HashMap<Generation, Vec<Ended>>,
    links: Vec<(Generation, Generation, LinkEnd)>,
    cut: Vec<(Generation, Generation)>,
    /// Links that were let go of without knowing which of the two it was.
    loose: usize,
    /// Who was killed by a link, and with whom it fell.
    fell: Vec<(Generation, Arc<str>)>,
    tasks: Vec<JoinHandle<()>>,
    events: Option<broadcast::Receiver<SupervisionEvent>>,
}

impl Ledger {
    pub(crate) fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            root: OnceLock::new(),
            pages: Mutex::new(Pages {
                rng: SmallRng::seed_from_u64(seed ^ 0xe4d5),
                accounts: HashMap::new(),
                never_ran: HashSet::new(),
                in_the_dark: HashSet::new(),
                armed: HashMap::new(),
                heard: HashMap::new(),
                late: HashMap::new(),
                links: Vec::new(),
                cut: Vec::new(),
                loose: 0,
                fell: Vec::new(),
                tasks: Vec::new(),
                events: None,
            }),
        })
    }

    /// The tree runs: whoever started before its supervisor could be asked is waited for from here on.
    pub(crate) fn open(self: &Arc<Self>, root: &SupervisorRef) {
        self.pages.lock().unwrap().events = Some(root.events());
        assert!(self.root.set(root.clone()).is_ok());
        for (generation, _) in running(root) {
            self.arm(&generation);
        }
    }

    fn handle(&self, child: &str) -> Option<ChildHandle> {
        let (supervisor, id) = child.rsplit_once('/')?;
        self.root.get()?.supervisor(supervisor)?.child(id)
    }

    /// Two wait for this generation; one of them asks once more as soon as it knows.
    pub(crate) fn arm(self: &Arc<Self>, generation: &Generation) {
        let Some(handle) = self.handle(&generation.child) else {
            assert!(self.root.get().is_none(), "{generation:?} has no handle");
            return;
        };
        let monitors = [
            handle.ended(generation.incarnation),
            handle.ended(generation.incarnation),
        ];
        // One that is not interested any more takes nothing from the others.
        drop(handle.ended(generation.incarnation));
        let mut pages = self.pages.lock().unwrap();
        *pages.armed.entry(generation.clone()).or_default() += monitors.len();
        for monitor in monitors {
            let (ledger, handle, generation) =
                (Arc::clone(self), handle.clone(), generation.clone());
            pages.tasks.push(tokio::spawn(async move {
                let ended = monitor.await;
                let late = handle.ended(generation.incarnation).await;
                let mut pages = ledger.pages.lock().unwrap();
                pages
                    .heard
                    .entry(generation.clone())
                    .or_default()
                    .push(ended);
                pages.late.entry(generation).or_default().push(late);
            }));
        }
    }

    /// Every twentieth start fails, once the tree has come up.
    pub(crate) fn start_fails(&self, generation: &Generation) -> bool {
        let mut pages = self.pages.lock().unwrap();
        let fails = self.root.get().is_some() && pages.rng.random_bool(0.05);
        if fails {
            pages.never_ran.insert(generation.clone());
        }
        fails
    }

    pub(crate) fn ended_by_own_account(&self, generation: &Generation, how: ExitReason) {
        let before = self
            .pages
            .lock()
            .unwrap()
            .accounts
            .insert(generation.clone(), how);
        assert_eq!(before, None, "{generation:?} ran twice");
    }

    pub(crate) fn supervisor_killed(&self, supervisor: &str) {
        let mut pages = self.pages.lock().unwrap();
        pages.in_the_dark.insert(supervisor.into());
    }

    pub(crate) fn ended(&self) -> usize {
        self.pages.lock().unwrap().accounts.len()
    }

    pub(crate) fn keep(self: &Arc<Self>, link: Link, one: Generation, two: Generation) {
        let ledger = Arc::clone(self);
        let mut pages = self.pages.lock().unwrap();
        pages.tasks.push(tokio::spawn(async move {
            let end = link.ended().await;
            assert_eq!(link.ended().await, end, "it stays the same");
            ledger.pages.lock().unwrap().links.push((one, two, end));
        }));
    }

    pub(crate) fn cut(&self, one: Generation, two: Generation) {
        self.pages.lock().unwrap().cut.push((one, two));
    }

    pub(crate) fn let_go(&self) {
        self.pages.lock().unwrap().loose += 1;
    }

    pub(crate) fn fell_together(&self, one: &Generation, two: &Generation) -> bool {
        let pages = self.pages.lock().unwrap();
        pages.kills(one, two) + pages.kills(two, one) > 0
    }

    /// Reads what the tree has told, before the channel is full.
    pub(crate) fn read_events(&self) {
        let mut pages = self.pages.lock().unwrap();
        let Some(mut events) = pages.events.take() else {
            return;
        };
        loop {
            match events.try_recv() {
                Ok(event) => {
                    if let EventKind::KilledByLink {
                        incarnation, with, ..
                    } = event.kind
                    {
                        let supervisor = event.supervisor.strip_prefix("root/").unwrap();
                        let child = format!("{supervisor}/{}", event.child.unwrap()).into();
                        let with = with.strip_prefix("root/").unwrap().into();
                        pages.fell.push((Generation { child, incarnation }, with));
                    }
                }
                Err(broadcast::error::TryRecvError::Empty) => break,
                Err(error) => panic!("{error}"),
            }
        }
        pages.events = Some(events);
    }

    /// Everybody who waits is answered, soon after the tree is gone.
    pub(crate) async fn close(&self, settle: Duration) {
        tokio::time::sleep(settle).await;
        self.read_events();
        let tasks = std::mem::take(&mut self.pages.lock().unwrap().tasks);
        for task in tasks {
            tokio::time::timeout(Duration::from_secs(60), task)
                .await
                .expect("everybody is told")
                .unwrap();
        }
    }

    pub(crate) fn assert_sound(&self, place: &str) -> String {
        let pages = self.pages.lock().unwrap();
        let mut kinds: HashMap<&'static str, usize> = HashMap::new();
        let mut known_late = 0;
        for (generation, armed) in &pages.armed {
            let heard = &pages.heard[generation];
            assert_eq!(heard.len(), *armed, "{place}: {generation:?} {heard:?}");
            let first = &heard[0];
            assert!(
                heard.iter().all(|ended| ended == first),
                "{place}: {generation:?} {heard:?}"
            );
            let Ended::With(told) = first else {
                panic!("{place}: {generation:?} was waited for and is not known");
            };
            let right = pages.is_right(generation, told);
            let account = pages.accounts.get(generation);
            assert!(
                right,
                "{place}: {generation:?} {told:?}, it says {account:?}"
            );
            *kinds.entry(told.label()).or_default() += 1;
            for late in &pages.late[generation] {
                assert!(
                    [first, &Ended::Unknown].contains(&late),
                    "{place}: {generation:?} {first:?}, later {late:?}"
                );
                known_late += usize::from(late == first);
            }
        }
        for generation in pages.accounts.keys() {
            assert!(
                pages.armed.contains_key(generation),
                "{place}: {generation:?}"
            );
        }
        let carried = pages.assert_links(place);
        format!(
            "{} ends, {kinds:?}; {known_late} still known later; {} links ended, {carried} killed the other side, {} were cut",
            pages.accounts.len(),
            pages.links.len(),
            pages.cut.len(),
        )
    }
}

impl Pages {
    fn is_right(&self, generation: &Generation, told: &ExitReason) -> bool {
        let Some(account) = self.accounts.get(generation) else {
            return self.never_ran.contains(generation)
                && *told == ExitReason::Failed(format!("start failed: {NO_START}"));
        };
        let asked = ExitReason::Shutdown("shutdown".into());
        let own_stop = matches!(account, ExitReason::Normal | ExitReason::Shutdown(_));
        told == account
            // Asked to leave while it was leaving.
            || own_stop && *told == asked
            // What a killed supervisor had not heard of by then is told as killed.
            || *told == ExitReason::Killed && self.was_in_the_dark(generation)
    }

    fn was_in_the_dark(&self, generation: &Generation) -> bool {
        self.in_the_dark
            .iter()
            .any(|supervisor| generation.child.starts_with(&**supervisor))
    }

    fn assert_links(&self, place: &str) -> usize {
        let mut carried = 0;
        for (one, two, end) in &self.links {
            let (fallen, survivor) = if end.child.strip_prefix("root/") == Some(&one.child) {
                (one, two)
            } else {
                (two, one)
            };
            assert_eq!(end.incarnation, fallen.incarnation, "{place}: {end:?}");
            assert_eq!(end.how, self.heard[fallen][0], "{place}: {end:?}");
            let kills = self.kills(survivor, fallen);
            let abnormal = matches!(&end.how, Ended::With(how) if how.is_abnormal());
            assert!(
                kills <= usize::from(abnormal),
                "{place}: {kills} kills by {end:?}"
            );
            assert_eq!(
                self.kills(fallen, survivor),
                0,
                "{place}: it went first, {end:?}"
            );
            if abnormal {
                assert!(
                    self.accounts.contains_key(survivor),
                    "{place}: {survivor:?} lives on after {end:?}"
                );
            }
            carried += kills;
        }
        for (one, two) in &self.cut {
            assert_eq!(
                self.kills(one, two) + self.kills(two, one),
                0,
                "{place}: the link of {one:?} and {two:?} had been cut"
            );
        }
        let stray = self.fell.len() - carried;
        assert!(stray <= self.loose, "{place}: {stray} kills without a link");
        carried
    }

    fn kills(&self, whom: &Generation, with: &Generation) -> usize {
        self.fell
            .iter()
            .filter(|(fallen, of)| fallen == whom && *of == with.child)
            .count()
    }
}

/// Every worker that runs, with its handle.
pub(crate) fn running(root: &SupervisorRef) -> Vec<(Generation, ChildHandle)> {
    fn collect(
        supervisor: &SupervisorRef,
        path: &str,
        view: &TreeView,
        into: &mut Vec<(Generation, ChildHandle)>,
    ) {
        for child in &view.children {
            let path = if path.is_empty() {
                child.id.to_string()
            } else {
                format!("{path}/{}", child.id)
            };
            let Some(handle) = supervisor.child(&child.id) else {
                continue;
            };
            match (&child.supervisor, handle.supervisor()) {
                (Some(view), Some(below)) => collect(&below, &path, view, into),
                _ if child.pid.is_some() => into.push((
                    Generation {
                        child: path.into(),
                        incarnation: child.incarnation,
                    },
                    handle,
                )),
                _ => {}
            }
        }
    }
    let mut all = Vec::new();
    collect(root, "", &root.view(), &mut all);
    all
}
