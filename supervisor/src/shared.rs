//! What of a supervisor outlives its actor: the record that handles look things up in, incarnation after incarnation.
//!
//! The actor is the only writer while it runs. Readers (handles, views, counts) take the lock for a moment and never
//! have to ask the actor, so they are answered while it starts, stops, or is down.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasherDefault, Hasher},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use ractor::{ActorCell, ActorId, ActorStatus, concurrency::JoinHandle};
use tokio::sync::{Notify, broadcast, oneshot};

use crate::{
    child_spec::{ChildSpec, Extras, StartFn, Started},
    decision::{Child, Key, Mode, Settings, Tree},
    dynamic::AnyTemplate,
    ends::{Ended, Ends},
    events::SupervisionEvent,
    fault::StartError,
    links::Watcher,
    options::Options,
    snapshot::{ChildView, SupervisorState, TreeView},
    spec::SupervisorSpec,
    strategy::{AutoShutdown, Strategy},
};

/// A map from numbers this process has given out itself: nobody can choose them to collide.
pub(crate) type IdMap<K, V> = HashMap<K, V, BuildHasherDefault<IdHasher>>;

/// Of numbers that were given out one after another, 64 lie together in the table, so that those who came together are
/// found in the same lines of the cache; the groups of 64 are spread by multiplication (Fibonacci hashing). A table takes its
/// place from the low bits and its tag from the seven highest.
#[derive(Default)]
pub(crate) struct IdHasher(u64);

const TAG: u64 = 0x7f << 57;
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        let mixed = self.0.wrapping_mul(SPREAD);
        let line = (self.0 >> 6).wrapping_mul(SPREAD) >> 32;
        (mixed & TAG) | (line << 6) | (self.0 & 63)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = self.0.rotate_left(32) ^ word;
    }

    fn write_isize(&mut self, word: isize) {
        self.write_u64(word as u64);
    }
}

/// What all supervisors of one tree share.
pub(crate) struct Env {
    pub(crate) options: Options,
    pub(crate) events: broadcast::Sender<SupervisionEvent>,
}

impl Env {
    pub(crate) fn new(options: Options) -> Arc<Self> {
        let (events, _) = broadcast::channel(options.event_capacity.max(1));
        Arc::new(Self { options, events })
    }

    pub(crate) fn now(&self) -> Duration {
        self.options.clock.now()
    }
}

/// One supervisor's record.
pub(crate) struct Shared {
    pub(crate) path: Arc<str>,
    pub(crate) env: Arc<Env>,
    pub(crate) strategy: Strategy,
    pub(crate) auto_shutdown: AutoShutdown,
    pub(crate) template: Option<AnyTemplate>,
    /// Numbers the children a template names; goes on across restarts, so names are not used twice.
    pub(crate) next_number: AtomicU64,
    /// Generations that were used below by supervisors whose records are gone: one that is added under an old name goes
    /// on from there.
    spent_below: AtomicU64,
    /// Whoever holds one may take that of a supervisor below, never one above.
    pub(crate) book: Mutex<Book>,
    /// Who waits for the end of a child. Taken after the book, by whoever takes both.
    pub(crate) ends: Mutex<Ends<Watcher>>,
    /// Somebody started, ended, or changed state.
    pub(crate) changed: Notify,
    /// Nobody above could start it again.
    is_root: bool,
}

/// What the lock protects.
pub(crate) struct Book {
    pub(crate) tree: Tree<Live>,
    pub(crate) by_actor: IdMap<ActorId, Key>,
    pub(crate) cell: Option<ActorCell>,
    pub(crate) since: Duration,
    /// What the last incarnation left behind when it was killed; the next one starts when all of it is gone.
    pub(crate) orphans: Vec<Remains>,
    /// There will be no further incarnation.
    pub(crate) last_word: bool,
}

/// The side of a child that the deciding core does not know.
pub(crate) struct Live {
    pub(crate) start: StartFn,
    pub(crate) extras: Option<Arc<Extras>>,
    pub(crate) cell: Option<ActorCell>,
    pub(crate) join: Option<JoinHandle<()>>,
    /// The record of the supervisor it is, kept across its incarnations.
    pub(crate) subtree: Option<Arc<Shared>>,
    /// A start, or an exit, that is still under way in a task.
    pub(crate) pending: Option<Box<Pending>>,
}

impl Live {
    pub(crate) fn new(spec: ChildSpec) -> Self {
        Self {
            start: spec.start,
            extras: spec.extras,
            cell: None,
            join: None,
            subtree: None,
            pending: None,
        }
    }

    /// Takes what has to be waited for until this child is really gone.
    pub(crate) fn take_remains(&mut self) -> Remains {
        let pending = self.pending.take();
        Remains {
            cell: self.cell.take(),
            join: self.join.take(),
            subtree: self.subtree.clone(),
            pending,
        }
    }
}

/// Something under way in a task. Dropping `cancel` calls a start off.
pub(crate) struct Pending {
    pub(crate) task: JoinHandle<()>,
    pub(crate) cancel: Option<oneshot::Sender<()>>,
    pub(crate) slot: Option<Arc<StartSlot>>,
}

/// Where a start that runs in a task leaves what it came to, so that it is found even when nobody reads messages.
#[derive(Default)]
pub(crate) struct StartSlot {
    announced: Mutex<Option<ActorCell>>,
    outcome: Mutex<Option<Result<Started, StartError>>>,
}

impl StartSlot {
    pub(crate) fn announce(&self, cell: ActorCell) {
        *self.announced.lock() = Some(cell);
    }

    /// The actor the start will end in, if that is known already.
    pub(crate) fn announced(&self) -> Option<ActorCell> {
        self.announced.lock().clone()
    }

    pub(crate) fn put(&self, outcome: Result<Started, StartError>) {
        *self.outcome.lock() = Some(outcome);
    }

    pub(crate) fn take(&self) -> Option<Result<Started, StartError>> {
        self.outcome.lock().take()
    }
}

/// What a nested supervisor's start needs to know of its parent.
#[derive(Clone)]
pub(crate) struct Nest {
    pub(crate) parent: Arc<Shared>,
    pub(crate) previous: Option<Arc<Shared>>,
    pub(crate) slot: Option<Arc<StartSlot>>,
}

/// All that may still be alive of a child.
pub(crate) struct Remains {
    pub(crate) cell: Option<ActorCell>,
    pub(crate) join: Option<JoinHandle<()>>,
    pub(crate) subtree: Option<Arc<Shared>>,
    pub(crate) pending: Option<Box<Pending>>,
}

impl Remains {
    /// Whether nothing is alive any more, as far as can be told without waiting.
    pub(crate) fn are_gone(&self) -> bool {
        let actor_gone = match (&self.join, &self.cell) {
            (Some(join), _) => join.is_finished(),
            (None, Some(cell)) => cell.get_status() == ActorStatus::Stopped,
            (None, None) => true,
        };
        actor_gone
            && self.pending.is_none()
            && self
                .subtree
                .as_ref()
                .is_none_or(|subtree| subtree.orphans_are_gone())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.cell.is_none() && self.join.is_none() && self.pending.is_none()
    }

    /// Waits until the task has ended and its state is dropped, and the same for everything below it. A start that
    /// came off in the last moment is undone.
    pub(crate) async fn gone(self, above: &Shared) {
        if let Some(Ok(started)) = self.gone_keeping_start().await {
            started.cell.kill();
            let below = started.subtree.clone();
            let _ = Box::pin(started.remains().gone_keeping_start()).await;
            if let Some(below) = below {
                above.forget(&below);
            }
        }
    }

    /// The same, but what a start came to is handed over.
    pub(crate) async fn gone_keeping_start(mut self) -> Option<Result<Started, StartError>> {
        let mut late = None;
        if let Some(mut pending) = self.pending.take() {
            drop(pending.cancel.take());
            // An abort or panic of the task ends it too.
            let _ = (&mut pending.task).await;
            late = pending.slot.as_ref().and_then(|slot| slot.take());
        }
        match (self.join.take(), self.cell.take()) {
            (Some(join), _) => {
                let _ = join.await;
            }
            (None, Some(cell)) => {
                let _ = cell.wait(None).await;
            }
            (None, None) => {}
        }
        if let Some(subtree) = self.subtree.take() {
            subtree.orphans_gone().await;
        }
        late
    }
}

impl Started {
    pub(crate) fn remains(self) -> Remains {
        Remains {
            cell: Some(self.cell),
            join: self.join,
            subtree: self.subtree,
            pending: None,
        }
    }
}

impl Shared {
    pub(crate) fn root(spec: &SupervisorSpec, options: Options) -> Arc<Self> {
        Self::new(Arc::clone(&spec.name), spec, Env::new(options), 0, true)
    }

    /// The record of a supervisor that is added under this one.
    pub(crate) fn nested(&self, id: &str, spec: &SupervisorSpec) -> Arc<Self> {
        let path = format!("{}/{id}", self.path);
        let spent = self.spent_below.load(Ordering::Relaxed);
        Self::new(path.into(), spec, Arc::clone(&self.env), spent, false)
    }

    fn new(
        path: Arc<str>,
        spec: &SupervisorSpec,
        env: Arc<Env>,
        spent: u64,
        is_root: bool,
    ) -> Arc<Self> {
        let settings = settings(&path, spec, &env, spent);
        Arc::new(Self {
            path,
            env,
            strategy: spec.strategy,
            auto_shutdown: spec.auto_shutdown,
            template: spec.template.clone(),
            next_number: AtomicU64::new(1),
            spent_below: AtomicU64::new(spent),
            book: Mutex::new(Book {
                tree: closed(settings),
                by_actor: IdMap::default(),
                cell: None,
                since: Duration::ZERO,
                orphans: Vec::new(),
                last_word: false,
            }),
            ends: Mutex::new(Ends::default()),
            changed: Notify::new(),
            is_root,
        })
    }

    /// Opens the record for a new incarnation of the supervisor. Handles keep resolving: generations go on where the
    /// last incarnation stopped, and supervisors below keep their records.
    pub(crate) fn open(&self, spec: &SupervisorSpec, cell: ActorCell) {
        let mut book = self.book.lock();
        let floor = book.tree.ceiling();
        let old = std::mem::replace(
            &mut book.tree,
            Tree::new(settings(&self.path, spec, &self.env, floor)),
        );
        let mut subtrees: HashMap<Arc<str>, Arc<Shared>> = HashMap::new();
        for child in old.children.values() {
            if let Some(subtree) = &child.live.subtree {
                let earlier = subtrees.insert(Arc::clone(&child.id), Arc::clone(subtree));
                earlier.iter().for_each(|earlier| self.forget(earlier));
            }
        }
        book.by_actor.clear();
        for child in &spec.children {
            let mut live = Live::new(child.clone());
            live.subtree = subtrees.remove(&child.id);
            book.tree
                .add(Arc::clone(&child.id), Arc::clone(&child.policy), live);
        }
        book.cell = Some(cell);
        book.since = self.env.now();
        let in_vain = self
            .ends
            .lock()
            .reopen(floor, |id| book.tree.key_of(id).is_some());
        // Arguments of children belong to strangers: their drop may look at this book.
        drop(book);
        Watcher::all_hear(in_vain, &Ended::Unknown);
        drop_all(old.children);
        for forgotten in subtrees.into_values() {
            self.forget(&forgotten);
            forgotten.speak_last();
        }
    }

    /// Closes the record when the supervisor's actor is gone, however it went, and keeps what it left behind.
    pub(crate) fn shut(&self) {
        let mut book = self.book.lock();
        let told = self.fall(&book);
        book.cell = None;
        book.since = self.env.now();
        book.tree.mode = Mode::Closed;
        book.by_actor.clear();
        let left: Vec<Remains> = book
            .tree
            .children
            .values_mut()
            .map(|child| child.live.take_remains())
            .filter(|remains| !remains.is_empty())
            .collect();
        // ractor kills the linked children of an actor that was killed; one that cut its link would be waited for
        // without end.
        for cell in left.iter().filter_map(|remains| remains.cell.as_ref()) {
            cell.kill();
        }
        book.orphans.extend(left);
        let is_over = self.is_root || book.last_word;
        drop(book);
        for (watcher, ended) in told {
            watcher.hear(ended);
        }
        if is_over {
            self.speak_last();
        }
        self.changed.notify_waiters();
    }

    /// The record of a supervisor below goes.
    pub(crate) fn forget(&self, below: &Self) {
        self.spent_below.fetch_max(below.spent(), Ordering::Relaxed);
    }

    /// The highest generation used by any child, and below.
    fn spent(&self) -> u64 {
        let book = self.book.lock();
        let below = book.subtrees();
        let mine = book
            .tree
            .ceiling()
            .max(self.spent_below.load(Ordering::Relaxed));
        drop(book);
        below.iter().map(|below| below.spent()).fold(mine, u64::max)
    }

    /// Whether nothing is left of a supervisor that was killed, as far as can be told without waiting.
    fn orphans_are_gone(&self) -> bool {
        let orphans = &mut self.book.lock().orphans;
        orphans.retain(|remains| !remains.are_gone());
        orphans.is_empty()
    }

    /// Waits until nothing is left of a supervisor that was killed.
    pub(crate) async fn orphans_gone(&self) {
        loop {
            let Some(remains) = self.book.lock().orphans.pop() else {
                return;
            };
            Box::pin(remains.gone(self)).await;
        }
    }

    /// This supervisor and all below it, each with at most `limit` children.
    pub(crate) fn view(&self, limit: usize) -> TreeView {
        let now = self.env.now();
        let book = self.book.lock();
        let tree = &book.tree;
        let mut subtrees = Vec::new();
        let children: Vec<ChildView> = tree
            .listed()
            .take(limit)
            .enumerate()
            .map(|(index, (key, child))| {
                if let Some(subtree) = &child.live.subtree {
                    subtrees.push((index, Arc::clone(subtree)));
                }
                book.child_view(key, now)
            })
            .collect::<Option<_>>()
            .unwrap_or_default();
        let up = tree.state() != SupervisorState::Down;
        let mut view = TreeView {
            path: Arc::clone(&self.path),
            strategy: self.strategy,
            state: tree.state(),
            pid: book.cell.as_ref().map(|cell| cell.get_id().pid()),
            uptime: if up {
                now.saturating_sub(book.since)
            } else {
                Duration::ZERO
            },
            restarts: tree.window.used(now),
            intensity: tree.window.limit(),
            counts: tree.counts(),
            omitted: tree.len() - children.len(),
            children,
        };
        drop(book);
        for (index, subtree) in subtrees {
            view.children[index].supervisor = Some(subtree.view(limit));
        }
        view
    }
}

/// Drops what holds code and values of strangers: never under a book's lock, which their drop may want, and never so that
/// a panic of theirs ends the supervisor.
pub(crate) fn drop_foreign<T>(what: T) {
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(what)));
}

/// One by one: a second panic while a whole map is dropped would end the process.
fn drop_all(children: BTreeMap<Key, Box<Child<Live>>>) {
    children.into_values().for_each(drop_foreign);
}

impl Drop for Book {
    fn drop(&mut self) {
        drop_all(std::mem::take(&mut self.tree.children));
    }
}

impl Book {
    /// The shell's side of a child.
    pub(crate) fn live(&self, key: Key) -> Option<&Live> {
        Some(&self.tree.children.get(&key)?.live)
    }

    pub(crate) fn live_mut(&mut self, key: Key) -> Option<&mut Live> {
        Some(&mut self.tree.children.get_mut(&key)?.live)
    }

    /// The supervisors below.
    pub(crate) fn subtrees(&self) -> Vec<Arc<Shared>> {
        let children = self.tree.children.values();
        children
            .filter_map(|child| child.live.subtree.clone())
            .collect()
    }

    /// Makes room for that many more children at once.
    pub(crate) fn reserve(&mut self, more: usize) {
        self.by_actor.reserve(more);
        self.tree.reserve(more);
    }

    pub(crate) fn child_view(&self, key: Key, now: Duration) -> Option<ChildView> {
        let child = self.tree.children.get(&key)?;
        let live = &child.live;
        let extras = live.extras.as_ref();
        let state = child.phase.shown();
        Some(ChildView {
            id: Arc::clone(&child.id),
            kind: child.policy.kind,
            restart: child.policy.restart,
            state,
            incarnation: child.incarnation,
            pid: live.cell.as_ref().map(|cell| cell.get_id().pid()),
            since: now.saturating_sub(child.since),
            restarts: child.past().map_or(0, |past| past.restarts),
            backoff_left: (state == crate::ChildState::Backoff)
                .then(|| child.timer.map(|at| at.saturating_sub(now)))
                .flatten(),
            last_exit: child.past().and_then(|past| past.last_exit.clone()),
            mailbox: extras
                .and_then(|extras| extras.depth.as_ref())
                .map(|depth| depth()),
            note: extras
                .and_then(|extras| extras.note.as_ref())
                .map(|note| note()),
            supervisor: None,
        })
    }
}

fn settings(path: &str, spec: &SupervisorSpec, env: &Env, floor: u64) -> Settings {
    // FNV-1a: a supervisor's jitter depends on the tree's seed and its own path, not on who started first.
    let seed = path
        .bytes()
        .fold(env.options.seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    Settings {
        strategy: spec.strategy,
        intensity: spec.intensity,
        auto_shutdown: spec.auto_shutdown,
        kill_grace: env.options.kill_grace,
        seed,
        floor,
    }
}

fn closed(settings: Settings) -> Tree<Live> {
    let mut tree = Tree::new(settings);
    tree.mode = Mode::Closed;
    tree
}
