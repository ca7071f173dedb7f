//! What can happen to the tree, one thing a step, and what is known of the orders given.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use aios_supervisor::{
    ChildHandle, ChildState, Kind, OrderError, Restart, Strategy, SupervisorRef, SupervisorState,
};
use rand::{Rng, rngs::SmallRng};
use tokio::task::JoinSet;

use crate::{
    diary::{Diary, Do, worker},
    invariants,
    plan::{POOL, Plan, dress},
};

/// How long a group may take to come back, in simulated milliseconds: longer than any backoff and any shutdown here.
const GROUP_PATIENCE_MS: u32 = 60_000;

/// Generations of all supervisors above a child, and of its own: an order holds until one of them is followed.
type Above = Vec<u64>;

/// What orders have been answered with success and still hold.
#[derive(Clone)]
pub(crate) struct Orders {
    root: SupervisorRef,
    held_down: Arc<Mutex<HashMap<String, Above>>>,
    /// Told to run again, which failed: down, but free to come back with its group.
    loose: Arc<Mutex<HashMap<String, Above>>>,
    removed: Arc<Mutex<HashMap<String, Above>>>,
    /// Declared, deleted, and added again: at the end, and of another restart type perhaps.
    added: Arc<Mutex<HashMap<String, Above>>>,
}

impl Orders {
    fn above(&self, path: &str) -> Option<Above> {
        let mut at = self.root.clone();
        let mut above = Vec::new();
        for id in path.split('/').skip(1) {
            above.push(at.child(id)?.incarnation()?);
            at = at.supervisor(id)?;
        }
        Some(above)
    }

    fn holds(&self, notes: &Mutex<HashMap<String, Above>>, path: &str, id: &str) -> bool {
        let notes = notes.lock().unwrap();
        let noted = notes.get(&format!("{path}/{id}"));
        noted.is_some() && noted == self.above(path).as_ref()
    }

    /// Whether it was told to stay down, and nothing has overruled that.
    pub(crate) fn held_down(&self, path: &str, id: &str) -> bool {
        self.holds(&self.held_down, path, id)
    }

    pub(crate) fn loose(&self, path: &str, id: &str) -> bool {
        self.holds(&self.loose, path, id)
    }

    pub(crate) fn removed(&self, path: &str, id: &str) -> bool {
        self.holds(&self.removed, path, id)
    }

    pub(crate) fn added(&self, path: &str, id: &str) -> bool {
        self.holds(&self.added, path, id)
    }

    fn state(&self, path: &str, id: &str) -> Option<ChildState> {
        Some(sub(&self.root, path)?.child(id)?.view()?.state)
    }

    /// It is down, and by order; unless its supervisor has been followed by another while the answer was on its way.
    fn now_down(&self, path: &str, id: &str) {
        if let (Some(ChildState::Stopped), Some(above)) = (self.state(path, id), self.above(path)) {
            let mut notes = self.held_down.lock().unwrap();
            notes.insert(format!("{path}/{id}"), above);
        }
    }

    fn now_loose(&self, path: &str, id: &str) {
        let place = format!("{path}/{id}");
        self.held_down.lock().unwrap().remove(&place);
        if let (Some(ChildState::Stopped), Some(above)) = (self.state(path, id), self.above(path)) {
            self.loose.lock().unwrap().insert(place, above);
        }
    }

    fn now_removed(&self, path: &str, id: &str) {
        if let (None, Some(above)) = (self.state(path, id), self.above(path)) {
            let mut notes = self.removed.lock().unwrap();
            notes.insert(format!("{path}/{id}"), above);
        }
    }

    fn now_added(&self, path: &str, id: &str) {
        if let Some(above) = self.above(path) {
            let mut notes = self.added.lock().unwrap();
            notes.insert(format!("{path}/{id}"), above);
        }
    }

    fn now_up(&self, path: &str, id: &str) {
        let place = format!("{path}/{id}");
        self.held_down.lock().unwrap().remove(&place);
        self.removed.lock().unwrap().remove(&place);
    }
}

fn sub(root: &SupervisorRef, path: &str) -> Option<SupervisorRef> {
    match path.split_once('/') {
        None => Some(root.clone()),
        Some((_, below)) => root.supervisor(below),
    }
}

#[derive(Clone, Copy)]
enum Order {
    Terminate,
    Restart,
    Delete,
    Kill,
    Start,
}

/// Who does the steps.
pub(crate) struct Hands {
    root: SupervisorRef,
    plan: Plan,
    diary: Diary,
    rng: SmallRng,
    orders: Orders,
    asked: JoinSet<()>,
    paths: Vec<String>,
    done: HashMap<&'static str, u64>,
    steps: u64,
}

impl Hands {
    pub(crate) fn new(root: SupervisorRef, plan: Plan, diary: Diary, rng: SmallRng) -> Self {
        let orders = Orders {
            root: root.clone(),
            held_down: Arc::default(),
            loose: Arc::default(),
            removed: Arc::default(),
            added: Arc::default(),
        };
        Self {
            paths: plan.supervisors.keys().cloned().collect(),
            root,
            plan,
            diary,
            rng,
            orders,
            asked: JoinSet::new(),
            done: HashMap::new(),
            steps: 0,
        }
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(crate) fn orders(&self) -> &Orders {
        &self.orders
    }

    /// Whether most steps met somebody.
    pub(crate) fn lively(&self) -> bool {
        let idle = self.done.get("time passes").copied().unwrap_or_default();
        3 * idle < self.steps
    }

    /// How often each thing was done to somebody.
    pub(crate) fn summary(&self) -> impl fmt::Debug + use<> {
        let mut done: Vec<_> = self.done.clone().into_iter().collect();
        done.sort_unstable();
        done
    }

    fn note(&mut self, what: &'static str) {
        self.steps += 1;
        *self.done.entry(what).or_default() += 1;
    }

    fn target(&mut self) -> (String, Arc<str>) {
        let path = self.paths[self.rng.random_range(0..self.paths.len())].clone();
        let declared = &self.plan.supervisors[&path];
        let id = match declared.children.as_slice() {
            [] => format!("p-{}", self.rng.random_range(1..60)).into(),
            // Now and then one of those that were added by order.
            _ if self.rng.random_range(0..10) == 0 => extra(&mut self.rng),
            children => Arc::clone(&children[self.rng.random_range(0..children.len())].0),
        };
        (path, id)
    }

    fn handle(&self, path: &str, id: &str) -> Option<ChildHandle> {
        sub(&self.root, path)?.child(id)
    }

    fn running(&self, path: &str) -> Option<SupervisorRef> {
        let supervisor = sub(&self.root, path)?;
        (supervisor.state() == SupervisorState::Running).then_some(supervisor)
    }

    /// One thing that does happen: picks again when there was nobody to do it to.
    pub(crate) async fn step(&mut self) {
        let before = self.steps;
        while self.steps == before {
            self.attempt().await;
        }
        if self.rng.random() {
            tokio::task::yield_now().await;
        }
    }

    async fn attempt(&mut self) {
        let (path, id) = self.target();
        match self.rng.random_range(0..100) {
            0..20 => self.tell("panic", &path, &id, Do::Panic),
            20..32 => self.tell("error", &path, &id, Do::Fail),
            32..44 => self.tell("stop", &path, &id, Do::Stop),
            44..48 => self.tell("stop with a reason", &path, &id, Do::StopWith("done")),
            48..68 => self.kill(&path, &id),
            68..70 => {
                self.tell("kill in a handler", &path, &id, Do::Hang);
                tokio::task::yield_now().await;
                self.kill(&path, &id);
            }
            // What a supervisor holds is out of reach while it is down, so that is rarer.
            70..75 if self.is_worker(&path, &id) || self.rng.random_range(0..20) == 0 => {
                self.order("terminate", &path, id, Order::Terminate);
            }
            75..83 => self.order("restart by order", &path, id, Order::Restart),
            83..84 => self.order("delete", &path, id, Order::Delete),
            84..87 => self.order("kill by order", &path, id, Order::Kill),
            87..90 => {
                let id = extra(&mut self.rng);
                self.order("start", &path, id, Order::Start);
            }
            90..93 => self.fill(&path),
            93 if self.rng.random_range(0..5) == 0 => self.stop_a_subtree(&path).await,
            94 if self.rng.random_range(0..3) == 0 => self.restart_a_group(&path).await,
            _ => {
                self.note("time passes");
                let time = self.rng.random_range(1..12);
                tokio::time::sleep(Duration::from_millis(time)).await;
            }
        }
    }

    fn tell(&mut self, name: &'static str, path: &str, id: &str, what: Do) {
        let handle = self.handle(path, id);
        // A supervisor takes other messages.
        let worker =
            handle.filter(|handle| handle.view().is_some_and(|view| view.kind == Kind::Worker));
        let told = worker
            .and_then(|handle| handle.actor::<Do>())
            .is_some_and(|actor| actor.send_message(what).is_ok());
        if told {
            self.note(name);
        }
    }

    fn is_worker(&self, path: &str, id: &str) -> bool {
        let view = self.handle(path, id).and_then(|handle| handle.view());
        view.is_some_and(|view| view.kind == Kind::Worker)
    }

    fn kill(&mut self, path: &str, id: &str) {
        if let Some(cell) = self.handle(path, id).and_then(|handle| handle.cell()) {
            cell.kill();
            self.note("kill");
        }
    }

    /// Orders are given without waiting for the last one's answer; every one has to be answered in time.
    fn order(&mut self, name: &'static str, path: &str, id: Arc<str>, order: Order) {
        let Some(above) = self.running(path) else {
            return;
        };
        if self.plan.supervisors[path].strategy == Strategy::Dynamic
            && matches!(order, Order::Restart | Order::Delete | Order::Start)
        {
            return;
        }
        self.note(name);
        let new = match self.plan.specs.get(&format!("{path}/{id}")) {
            Some(supervisor) => supervisor.clone(),
            None => dress(&mut self.rng, worker(path, &id, &self.diary)),
        };
        let (orders, path) = (self.orders.clone(), path.to_string());
        self.asked.spawn(async move {
            let answer = match order {
                Order::Terminate => above.terminate_child(&id).await,
                Order::Restart => above.restart_child(&id).await.map(drop),
                Order::Delete => above.delete_child(&id).await,
                Order::Kill => above.kill_child(&id).await,
                Order::Start => above.start_child(new).await.map(drop),
            };
            match (order, answer) {
                (_, Err(error @ (OrderError::Deadline { .. } | OrderError::Stuck { .. }))) => {
                    panic!("{path}/{id}: {error}")
                }
                (Order::Terminate, Ok(())) => {
                    orders.now_down(&path, &id);
                    orders.now_removed(&path, &id);
                }
                (Order::Restart, Err(OrderError::Start(_))) => orders.now_loose(&path, &id),
                (Order::Restart, Ok(())) => orders.now_up(&path, &id),
                (Order::Start, Ok(())) => {
                    orders.now_up(&path, &id);
                    orders.now_added(&path, &id);
                }
                (Order::Delete, Ok(())) => {
                    orders.now_up(&path, &id);
                    orders.now_removed(&path, &id);
                }
                _ => {}
            }
        });
    }

    /// Starts what a pool has too little of.
    fn fill(&mut self, path: &str) {
        let pool = sub(&self.root, path).and_then(|supervisor| supervisor.dynamic::<()>());
        let Some(pool) = pool else {
            return;
        };
        self.note("fill a pool");
        self.asked.spawn(async move {
            let missing = POOL.saturating_sub(pool.supervisor().count_children().workers);
            for answer in pool.start_many((0..missing).map(|_| ())).await {
                if let Err(error @ OrderError::Deadline { .. }) = answer {
                    panic!("{error}");
                }
            }
        });
    }

    /// Stops all below a supervisor, from rest, and starts it again.
    async fn stop_a_subtree(&mut self, path: &str) {
        let Some((above, id)) = path.rsplit_once('/') else {
            return;
        };
        self.rest(path).await;
        let Some(supervisor) = self.running(above) else {
            return;
        };
        if self.orders.state(above, id) != Some(ChildState::Running) {
            return;
        }
        let nested = supervisor.supervisor(id).unwrap();
        let expected = invariants::in_order(&nested, &nested.view(), &self.diary);
        self.diary.take_goodbyes();
        supervisor.terminate_child(id).await.unwrap();
        invariants::left_in_reverse(&expected, &self.diary.take_goodbyes(), path);
        for gone in expected.keys() {
            assert!(
                self.diary.alive_at(gone).is_empty(),
                "{gone} outlived its supervisor"
            );
        }
        self.orders.now_down(above, id);
        match supervisor.restart_child(id).await {
            Ok(_) => self.orders.now_up(above, id),
            Err(_) => self.orders.now_loose(above, id),
        }
        self.note("stop a subtree");
    }

    /// One of a group ends, from rest: exactly those that the strategy names go, in reverse order, before anybody
    /// starts.
    async fn restart_a_group(&mut self, path: &str) {
        self.rest(path).await;
        let Some(supervisor) = self.running(path) else {
            return;
        };
        let tree = supervisor.view();
        let victim = tree.children.iter().position(|child| {
            child.state == ChildState::Running
                && child.kind == Kind::Worker
                && child.restart == Restart::Permanent
        });
        let (Some(victim), Strategy::OneForAll | Strategy::RestForOne) = (victim, tree.strategy)
        else {
            return;
        };
        let from = if tree.strategy == Strategy::OneForAll {
            0
        } else {
            victim
        };
        let mut expected = invariants::in_order(&supervisor, &tree, &self.diary);
        let spared = |place: &str| {
            tree.children.iter().enumerate().any(|(at, child)| {
                let own = format!("{path}/{}", child.id);
                (at < from || at == victim)
                    && (place == own || place.starts_with(&format!("{own}/")))
            })
        };
        expected.retain(|place, _| !spared(place));
        self.diary.take_goodbyes();
        supervisor
            .kill_child(&tree.children[victim].id)
            .await
            .unwrap();
        let first = tree.children[from].id.clone();
        let was = tree.children[from].incarnation;
        // The first to start again comes only when the last has gone; it may fail to, and then that goes on.
        let is_back = || {
            let child = supervisor.child(&first);
            child.is_none_or(|child| child.incarnation() != Some(was))
        };
        for _ in 0..GROUP_PATIENCE_MS {
            if is_back() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        if !is_back() {
            // One fall too many: the supervisor gave up and stays down, or its first child had ended for good before.
            self.diary.take_goodbyes();
            return self.rest(path).await;
        }
        let goodbyes = self.diary.take_goodbyes_before_arrivals(path);
        invariants::left_in_reverse(&expected, &goodbyes, path);
        self.note("restart a group");
        self.rest(path).await;
    }

    /// Starts most of what is down, so that the next steps find somebody.
    pub(crate) async fn heal(&mut self) {
        // Whole subtrees may have a bad day when they start.
        for _ in 0..3 {
            self.heal_once().await;
        }
    }

    async fn heal_once(&mut self) {
        // From the top down, as the paths are sorted.
        for path in self.paths.clone() {
            let Some(supervisor) = self.running(&path) else {
                continue;
            };
            for child in supervisor.which_children() {
                let down = matches!(child.state, ChildState::Stopped | ChildState::Finished);
                if down && self.rng.random_range(0..10) > 0 {
                    self.order("restart by order", &path, child.id, Order::Restart);
                }
            }
            for (id, _, _) in self.plan.supervisors[&path].children.clone() {
                if supervisor.child(&id).is_none() && self.rng.random_range(0..10) > 0 {
                    self.order("start", &path, id, Order::Start);
                }
            }
            self.fill(&path);
            self.rest(&path).await;
        }
    }

    /// Waits until everything has come to rest and every order has been answered.
    pub(crate) async fn rest(&mut self, place: &str) {
        while let Some(answered) = self.asked.join_next().await {
            answered.unwrap_or_else(|error| panic!("{place}: {error}"));
        }
        // An hour of paused time is a moment, and more than anything here takes.
        for _ in 0..360_000 {
            // First, so that whoever has been told something has heard it.
            tokio::time::sleep(Duration::from_millis(10)).await;
            if !self.diary.somebody_leaves() && invariants::at_rest(&self.root.view()) {
                return;
            }
        }
        panic!("{place}: does not come to rest:\n{}", self.root.view());
    }
}

fn extra(rng: &mut SmallRng) -> Arc<str> {
    format!("x{}", rng.random_range(0..2)).into()
}
