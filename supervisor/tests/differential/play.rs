//! Plays a script on our supervisor with real actors.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

use aios_supervisor::{
    AutoShutdown, ChildSpec, ChildState, EventKind, ExitReason, Options, OrderError, Restart,
    Shutdown, StartError, Started, Strategy, SupervisionEvent, Supervisor, SupervisorRef,
    SupervisorSpec, SupervisorState, Template, TreeView,
};
use ractor::{ActorCell, ActorStatus};
use serde_json::{Value, json};
use tokio::sync::{broadcast, oneshot};

use crate::{
    script::{End, Event, Node, Played, Script, Step, Trace, is_below, join, parent},
    world::{World, manner_of},
};

/// What a dynamic child is made from.
enum Seed {
    Path(String),
    Gate(Arc<Gate>),
}

/// Holds a supervisor still: its "start" blocks until it is let go.
struct Gate(Mutex<Option<(oneshot::Sender<()>, mpsc::Receiver<()>)>>);

impl Gate {
    fn pass(&self) -> Result<Started, StartError> {
        if let Some((entered, go_on)) = self.0.lock().unwrap().take() {
            tokio::task::block_in_place(|| {
                let _ = entered.send(());
                let _ = go_on.recv();
            });
        }
        Err(StartError::Ignored)
    }
}

fn restart_of(node: &Node) -> Restart {
    match node.restart.as_deref() {
        Some("transient") => Restart::Transient,
        Some("temporary") => Restart::Temporary,
        _ => Restart::Permanent,
    }
}

fn shutdown_of(node: &Node) -> Option<Shutdown> {
    match node.shutdown.as_ref()? {
        Value::Number(ms) => Some(Shutdown::Timeout(Duration::from_millis(ms.as_u64()?))),
        Value::String(word) if word == "brutal_kill" => Some(Shutdown::BrutalKill),
        _ => Some(Shutdown::Infinity),
    }
}

/// The supervisor that a node describes, at that path.
fn supervisor_spec(node: &Node, path: &str, name: &str, world: &World) -> SupervisorSpec {
    let strategy = match node.strategy.as_deref() {
        Some("one_for_all") => Strategy::OneForAll,
        Some("rest_for_one") => Strategy::RestForOne,
        Some("simple_one_for_one") => Strategy::Dynamic,
        _ => Strategy::OneForOne,
    };
    let auto_shutdown = match node.auto_shutdown.as_deref() {
        Some("any_significant") => AutoShutdown::AnySignificant,
        Some("all_significant") => AutoShutdown::AllSignificant,
        _ => AutoShutdown::Never,
    };
    let spec = if strategy == Strategy::Dynamic {
        SupervisorSpec::dynamic(name, template(&node.children[0], world))
    } else {
        let children = node
            .children
            .iter()
            .map(|child| child_spec(child, path, world));
        SupervisorSpec::new(name)
            .strategy(strategy)
            .children(children)
    };
    let within = Duration::from_secs(node.period_s.unwrap_or(5));
    spec.intensity(node.intensity.unwrap_or(1), within)
        .auto_shutdown(auto_shutdown)
}

fn template(node: &Node, world: &World) -> Template<Seed> {
    assert!(
        node.strategy.is_none(),
        "dynamic supervisors of supervisors are not played"
    );
    let (world, manner) = (world.clone(), manner_of(node));
    let mut template = Template::from_fn(node.id.as_str(), move |seed: &Seed, context| {
        let gate = match seed {
            Seed::Gate(gate) => Some(gate.pass()),
            Seed::Path(_) => None,
        };
        let path = match seed {
            Seed::Path(path) => path.clone(),
            Seed::Gate(_) => String::new(),
        };
        let (world, manner) = (world.clone(), manner.clone());
        async move {
            match gate {
                Some(outcome) => outcome,
                None => world.start_worker(path, manner, context).await,
            }
        }
    })
    .restart(restart_of(node));
    if let Some(shutdown) = shutdown_of(node) {
        template = template.shutdown(shutdown);
    }
    if node.significant {
        template = template.significant();
    }
    template
}

fn child_spec(node: &Node, sup: &str, world: &World) -> ChildSpec {
    let path = join(sup, &node.id);
    let mut spec = if node.strategy.is_some() {
        ChildSpec::supervisor(supervisor_spec(node, &path, &node.id, world))
    } else {
        let (world, manner) = (world.clone(), manner_of(node));
        ChildSpec::from_fn(node.id.as_str(), move |context| {
            world
                .clone()
                .start_worker(path.clone(), manner.clone(), context)
        })
    };
    spec = spec.restart(restart_of(node));
    if let Some(shutdown) = shutdown_of(node) {
        spec = spec.shutdown(shutdown);
    }
    if node.significant {
        spec = spec.significant();
    }
    spec
}

struct Play<'a> {
    script: &'a Script,
    world: World,
    root: SupervisorRef,
    events: broadcast::Receiver<SupervisionEvent>,
    /// Supervisors that run, and which of them.
    sups: BTreeMap<String, u64>,
    /// Exits that have happened and may not have reached a supervisor yet.
    unheard: Vec<(String, ActorCell)>,
    /// Why the script ends a supervisor.
    ending: HashMap<String, String>,
}

/// Plays it; an error says what did not come to rest.
pub(crate) async fn play(script: &Script) -> Result<Trace, String> {
    let world = World::new(script.looping);
    let options = Options {
        clock: Arc::clone(&world.clock) as _,
        event_capacity: 1 << 16,
        ..Options::default()
    };
    let spec = supervisor_spec(&script.tree, "/", "root", &world);
    let (root, started) =
        Supervisor::prepare(spec, options).map_err(|error| format!("refused: {error}"))?;
    let events = root.events();
    let started = started.await;
    let mut play = Play {
        script,
        world,
        root: root.with_deadline(Duration::from_secs(5)),
        events,
        sups: BTreeMap::new(),
        unheard: Vec::new(),
        ending: HashMap::new(),
    };
    let r = if started.is_ok() { "ok" } else { "error" };
    play.settle(None).await?;
    let mut steps = vec![play.written(r.into())];
    for step in &script.steps {
        let r = play.act(step, false).await;
        let settle = step.settle.as_deref();
        play.settle(settle)
            .await
            .map_err(|error| format!("{error} after {step:?}"))?;
        steps.push(if settle.is_none() {
            play.written(r)
        } else {
            Played {
                r,
                ..Played::default()
            }
        });
    }
    let end = play.end();
    play.root.stop_within(Duration::from_secs(5)).await;
    Ok(Trace { steps, end })
}

impl Play<'_> {
    fn supervisor(&self, path: &str) -> Option<SupervisorRef> {
        let found = match path {
            "/" => Some(self.root.clone()),
            _ => self.root.supervisor(path),
        };
        let deadline = Duration::from_secs(5);
        found
            .filter(|sup| {
                sup.cell()
                    .is_some_and(|cell| cell.get_status() != ActorStatus::Stopped)
            })
            .map(|sup| sup.with_deadline(deadline))
    }

    fn cell(&self, path: &str) -> Option<ActorCell> {
        let cell = match path {
            "/" => self.root.cell(),
            _ => self
                .supervisor(parent(path))?
                .child(path.rsplit('/').next()?)?
                .cell(),
        };
        cell.filter(|cell| cell.get_status() != ActorStatus::Stopped)
    }

    async fn act(&mut self, step: &Step, held: bool) -> Value {
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        match step.op.as_str() {
            "set" => {
                let next = step.starts.clone().unwrap_or_default().into();
                let then = step.then.clone().unwrap_or_else(|| "ok".into());
                self.world
                    .pages()
                    .plans
                    .insert(text(&step.id), (next, then));
                "ok".into()
            }
            "exit" => self.exit(&text(&step.id), &text(&step.reason), held).await,
            "stop" => {
                let reason = step.reason.clone().unwrap_or_else(|| "shutdown".into());
                self.exit("/", &reason, held).await
            }
            "sleep" => {
                tokio::time::sleep(Duration::from_millis(step.ms.unwrap_or(0))).await;
                "ok".into()
            }
            "batch" => {
                self.batch(&text(&step.sup), step.exits.as_deref().unwrap_or(&[]))
                    .await
            }
            _ => match self.supervisor(&text(&step.sup)) {
                None => "noproc".into(),
                Some(sup) => self.ask(&sup, step).await,
            },
        }
    }

    /// The supervisor is held, these exits reach it in this order, then it goes on.
    async fn batch(&mut self, path: &str, exits: &[Step]) -> Value {
        let Some(sup) = self.supervisor(path) else {
            return "not_alive".into();
        };
        let (entered, is_held) = oneshot::channel();
        let (go_on, held) = mpsc::channel();
        let gate = Arc::new(Gate(Mutex::new(Some((entered, held)))));
        let order = match sup.dynamic::<Seed>() {
            Some(door) => tokio::spawn(async move {
                door.start_child_as("gate", Seed::Gate(gate))
                    .await
                    .map(drop)
            }),
            None => {
                let spec = ChildSpec::from_fn("gate", move |_| {
                    let outcome = gate.pass();
                    async move { outcome }
                });
                tokio::spawn(async move { sup.start_child(spec.temporary()).await.map(drop) })
            }
        };
        if is_held.await.is_err() {
            return "not_alive".into();
        }
        let mut results = Vec::new();
        for exit in exits {
            results.push(Box::pin(self.act(exit, true)).await);
        }
        let _ = go_on.send(());
        // It may have ended by what it heard, and the gate's order with it.
        let _ = order.await;
        self.all_are_heard().await;
        results.into()
    }

    async fn exit(&mut self, path: &str, reason: &str, held: bool) -> Value {
        self.hear_events();
        let Some(cell) = self.cell(path) else {
            return "not_alive".into();
        };
        let is_supervisor = self.sups.contains_key(path);
        if reason == "kill" {
            let n = self.world.pages().count.get(path).copied().unwrap_or(0);
            self.world
                .write(Event::stop(path, n, "killed", "script", false), false);
            if is_supervisor {
                *self
                    .world
                    .pages()
                    .kills
                    .entry(path.to_string())
                    .or_default() += 1;
                let below: Vec<(String, u64)> = self
                    .sups
                    .iter()
                    .filter(|(sup, _)| is_below(sup, path) || path == "/")
                    .map(|(sup, n)| (sup.clone(), *n))
                    .collect();
                for (sup, n) in below {
                    self.sups.remove(&sup);
                    if sup != path {
                        self.world
                            .write(Event::stop(&sup, n, "killed", "link", false), true);
                    }
                }
            } else {
                self.world.pages().written.insert((path.to_string(), n));
            }
            cell.kill();
        } else if is_supervisor {
            self.ending.insert(path.to_string(), reason.to_string());
            match reason {
                "normal" => cell.stop(None),
                "shutdown" => cell.stop(Some(reason.to_string())),
                other => match other.strip_prefix("shutdown:") {
                    Some(why) => cell.stop(Some(why.to_string())),
                    None => panic!("a supervisor of ours cannot be made to end by `{other}`"),
                },
            }
        } else if cell.get_status() >= ActorStatus::Draining
            || ractor::ActorRef::<String>::from(cell.clone())
                .send_message(reason.to_string())
                .is_err()
        {
            return "not_alive".into();
        }
        while cell.get_status() != ActorStatus::Stopped {
            tokio::task::yield_now().await;
        }
        self.unheard.push((path.to_string(), cell));
        if !held {
            self.all_are_heard().await;
        }
        "ok".into()
    }

    /// Waits until their supervisors have taken notice of all exits.
    async fn all_are_heard(&mut self) {
        for (path, cell) in std::mem::take(&mut self.unheard) {
            let on_record = || self.cell_on_record(&path).map(|cell| cell.get_id());
            while path != "/" && on_record() == Some(cell.get_id()) {
                tokio::task::yield_now().await;
            }
        }
    }

    fn cell_on_record(&self, path: &str) -> Option<ActorCell> {
        self.supervisor(parent(path))?
            .child(path.rsplit('/').next()?)?
            .cell()
    }

    async fn ask(&mut self, sup: &SupervisorRef, step: &Step) -> Value {
        let path = step.sup.clone().unwrap_or_default();
        let id = step
            .label
            .as_ref()
            .or(step.id.as_ref())
            .cloned()
            .unwrap_or_default();
        match step.op.as_str() {
            "which_children" => self.which_children(sup, &path),
            "count_children" => counts(sup),
            "terminate_child" => answer(sup.terminate_child(&id).await, |()| "ok".into()),
            "delete_child" => answer(sup.delete_child(&id).await, |()| "ok".into()),
            "restart_child" => {
                let restarted = sup.restart_child(&id).await;
                self.hear_events();
                answer(restarted, |child| {
                    json!(["ok", child.cell().and(self.n(&join(&path, &id)))])
                })
            }
            "start_child" => {
                let started = match &step.child {
                    Some(child) => {
                        let spec = child_spec(child, &path, &self.world);
                        sup.start_child(spec).await
                    }
                    None => {
                        let door = sup.dynamic::<Seed>().unwrap();
                        let seed = Seed::Path(join(&path, &id));
                        door.start_child_as(id.as_str(), seed).await
                    }
                };
                let id = step.child.as_ref().map_or(id, |child| child.id.clone());
                self.hear_events();
                answer(started, |child| {
                    json!(["ok", child.cell().and(self.n(&join(&path, &id)))])
                })
            }
            other => panic!("unknown op `{other}`"),
        }
    }

    fn n(&self, path: &str) -> Option<u64> {
        self.world.pages().count.get(path).copied()
    }

    fn which_children(&self, sup: &SupervisorRef, path: &str) -> Value {
        let dynamic = sup.dynamic::<Seed>().is_some();
        let mut listed: Vec<Value> = sup
            .which_children()
            .iter()
            .map(|child| {
                let here = join(path, &child.id);
                let state = match child.state {
                    ChildState::Running | ChildState::Stopping => json!(self.n(&here)),
                    ChildState::Backoff | ChildState::Starting => json!("restarting"),
                    ChildState::Waiting | ChildState::Stopped | ChildState::Finished => Value::Null,
                };
                let name = match dynamic {
                    // OTP knows these by their pids alone.
                    true if state == "restarting" => Value::Null,
                    true => here.into(),
                    false => json!(child.id),
                };
                json!([name, state, child.kind])
            })
            .collect();
        if !dynamic {
            // OTP lists the last first.
            listed.reverse();
        }
        listed.into()
    }

    /// Puts what the supervisors said among what the actors wrote.
    fn hear_events(&mut self) {
        loop {
            match self.events.try_recv() {
                Ok(event) => self.hear(&event),
                Err(broadcast::error::TryRecvError::Lagged(_)) => panic!("events were missed"),
                Err(_) => return,
            }
        }
    }

    fn hear(&mut self, event: &SupervisionEvent) {
        let sup = event.supervisor.strip_prefix("root").unwrap();
        let sup = sup.strip_prefix('/').unwrap_or("/").to_string();
        let write = |event_is: Event| {
            self.world.pages().log.push((event.at, event_is, false));
        };
        let Some(child) = &event.child else {
            match &event.kind {
                EventKind::Ready if sup == "/" => {
                    self.sups.insert(sup.clone(), 1);
                    self.world.pages().count.insert(sup.clone(), 1);
                    write(Event::start(&sup, 1));
                }
                EventKind::Stopped { failure } => {
                    if let Some(n) = self.sups.remove(&sup) {
                        let (reason, by) = match self.ending.remove(&sup) {
                            Some(reason) => (reason, "script"),
                            None if failure.is_some() => ("shutdown".into(), "intensity"),
                            None => ("shutdown".into(), "sup"),
                        };
                        write(Event::stop(&sup, n, &reason, by, false));
                    }
                }
                _ => {}
            }
            return;
        };
        let path = join(&sup, child);
        if self
            .script
            .node(&path)
            .is_none_or(|node| node.strategy.is_none())
        {
            // A worker that was killed by its supervisor cannot write that down itself.
            if let EventKind::Exited {
                incarnation,
                reason: ExitReason::Killed,
            } = event.kind
            {
                let mut pages = self.world.pages();
                if let Some((n, asked)) = pages.bodies.get(&(path.clone(), incarnation)).copied()
                    && pages.written.insert((path.clone(), n))
                {
                    let stop = Event::stop(&path, n, "killed", "sup", asked);
                    pages.log.push((event.at, stop, false));
                }
            }
            return;
        }
        match &event.kind {
            EventKind::Started { .. } => {
                let mut pages = self.world.pages();
                let n = pages.count.entry(path.clone()).or_default();
                *n += 1;
                let n = *n;
                drop(pages);
                self.sups.insert(path.clone(), n);
                write(Event::start(&path, n));
            }
            EventKind::StartFailed { .. } => {
                self.world.pages().fails += 1;
                if !self.script.looping {
                    write(Event::word("fail", &path));
                }
            }
            EventKind::Exited { reason, .. } => {
                if let Some(n) = self.sups.remove(&path)
                    && *reason == ExitReason::Killed
                {
                    write(Event::stop(&path, n, "killed", "sup", false));
                }
            }
            _ => {}
        }
    }

    fn written(&mut self, r: Value) -> Played {
        self.hear_events();
        let mut log = std::mem::take(&mut self.world.pages().log);
        log.sort_by_key(|(at, _, _)| *at);
        let (late, ev): (Vec<_>, Vec<_>) = log.into_iter().partition(|(_, _, late)| *late);
        let strip = |events: Vec<(Duration, Event, bool)>| {
            events.into_iter().map(|(_, event, _)| event).collect()
        };
        Played {
            r,
            ev: strip(ev),
            late: strip(late),
        }
    }

    async fn settle(&mut self, how: Option<&str>) -> Result<(), String> {
        let began = Instant::now();
        let fails = self.world.pages().fails;
        let mut calm_for = 0;
        loop {
            let done = match how {
                Some("none") => true,
                Some("loop") => {
                    self.hear_events();
                    self.world.pages().fails >= fails + 10
                }
                _ => {
                    calm_for = if self.is_calm() { calm_for + 1 } else { 0 };
                    calm_for > 1
                }
            };
            if done {
                return Ok(());
            }
            if began.elapsed() > Duration::from_secs(30) {
                return Err(format!("does not come to rest:\n{}", self.root.view()));
            }
            tokio::task::yield_now().await;
        }
    }

    fn is_calm(&self) -> bool {
        let view = self.root.view();
        let mut workers = BTreeMap::new();
        if !is_calm(&view, "/", &mut workers) {
            return false;
        }
        let pages = self.world.pages();
        let alive = pages.alive.iter().filter(|(_, count)| **count > 0);
        alive.eq(workers.iter())
    }

    fn end(&mut self) -> End {
        self.hear_events();
        let view = self.root.view();
        let mut alive = Vec::new();
        let mut counts = serde_json::Map::new();
        self.look(&view, "/", &mut alive, &mut counts);
        alive.sort();
        End { alive, counts }
    }

    fn look(
        &self,
        view: &TreeView,
        path: &str,
        alive: &mut Vec<(String, u64)>,
        counts: &mut serde_json::Map<String, Value>,
    ) {
        if view.state != SupervisorState::Running {
            return;
        }
        alive.push((path.to_string(), self.n(path).unwrap_or(0)));
        let count = view.counts;
        counts.insert(
            path.to_string(),
            json!([count.specs, count.active, count.supervisors, count.workers]),
        );
        for child in view
            .children
            .iter()
            .filter(|child| child.state == ChildState::Running)
        {
            let below = join(path, &child.id);
            match &child.supervisor {
                Some(sup) => self.look(sup, &below, alive, counts),
                None => alive.push((below.clone(), self.n(&below).unwrap_or(0))),
            }
        }
    }
}

fn is_calm(view: &TreeView, path: &str, workers: &mut BTreeMap<String, usize>) -> bool {
    match view.state {
        SupervisorState::Down => true,
        SupervisorState::Running => view.children.iter().all(|child| match child.state {
            ChildState::Running => {
                let below = join(path, &child.id);
                child.pid.is_some()
                    && match &child.supervisor {
                        Some(sup) => {
                            sup.state == SupervisorState::Running && is_calm(sup, &below, workers)
                        }
                        None => workers.insert(below, 1).is_none(),
                    }
            }
            ChildState::Stopped | ChildState::Finished => true,
            _ => false,
        }),
        _ => false,
    }
}

fn counts(sup: &SupervisorRef) -> Value {
    let counts = sup.count_children();
    json!([
        counts.specs,
        counts.active,
        counts.supervisors,
        counts.workers
    ])
}

fn answer<T>(outcome: Result<T, OrderError>, good: impl FnOnce(T) -> Value) -> Value {
    let word = match outcome {
        Ok(answer) => return good(answer),
        Err(OrderError::NotRunning { .. } | OrderError::Stopping) => return "noproc".into(),
        Err(OrderError::AlreadyStarted { .. }) => "already_started",
        Err(OrderError::AlreadyPresent { .. }) => "already_present",
        Err(OrderError::Running { .. }) => "running",
        Err(OrderError::Restarting { .. }) => "restarting",
        Err(OrderError::NotFound { .. }) => "not_found",
        Err(OrderError::WrongKind(_)) => "simple_one_for_one",
        Err(OrderError::Start(_)) => "failed",
        Err(OrderError::Deadline { .. }) => "deadline",
        Err(_) => "other",
    };
    json!(["error", word])
}
