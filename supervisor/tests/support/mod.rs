//! An actor that does what it is told, and a diary of what became of it.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use aios_supervisor::{
    ChildHandle, ChildSpec, EventKind, ExitReason, Options, SupervisionEvent, SupervisorRef,
};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::broadcast;

pub const LONG: Duration = Duration::from_secs(60);

/// What happened to the actors of one test, in order; and how many of each are alive.
#[derive(Clone, Default)]
pub struct Diary(Arc<Mutex<Pages>>);

#[derive(Default)]
struct Pages {
    lines: Vec<String>,
    alive: HashMap<String, usize>,
    most_alive: usize,
}

impl Diary {
    pub fn write(&self, line: impl Into<String>) {
        self.0.lock().unwrap().lines.push(line.into());
    }

    pub fn take(&self) -> String {
        std::mem::take(&mut self.0.lock().unwrap().lines).join(" ")
    }

    /// The most incarnations of one actor that were ever alive together.
    pub fn most_alive(&self) -> usize {
        self.0.lock().unwrap().most_alive
    }

    pub fn alive(&self) -> usize {
        self.0.lock().unwrap().alive.values().sum()
    }

    fn enter(&self, id: &str) {
        let mut pages = self.0.lock().unwrap();
        let count = pages.alive.entry(id.to_string()).or_default();
        *count += 1;
        let count = *count;
        pages.most_alive = pages.most_alive.max(count);
    }

    fn leave(&self, id: &str) {
        *self
            .0
            .lock()
            .unwrap()
            .alive
            .entry(id.to_string())
            .or_default() -= 1;
    }
}

/// How an actor is to behave.
#[derive(Clone, Copy, Default)]
pub struct Manner {
    /// Time its start takes.
    pub slow_start: Duration,
    /// Time its `post_stop` takes.
    pub slow_stop: Duration,
    /// Thread time its state's drop takes.
    pub slow_drop: Duration,
    /// Starts fail from this incarnation on (0: never).
    pub fails_from: u64,
}

pub struct Puppet;

pub struct Body {
    id: String,
    diary: Diary,
    manner: Manner,
}

impl Drop for Body {
    fn drop(&mut self) {
        if !self.manner.slow_drop.is_zero() {
            std::thread::sleep(self.manner.slow_drop);
        }
        self.diary.leave(&self.id);
    }
}

pub enum Do {
    Panic,
    Fail,
    Stop(Option<String>),
    Ping(tokio::sync::oneshot::Sender<u64>),
    Hang,
    /// Keeps its thread, which nothing can take from it.
    Block(Duration),
}

impl Actor for Puppet {
    type Msg = Do;
    type State = Body;
    type Arguments = (String, u64, Diary, Manner);

    async fn pre_start(
        &self,
        _: ActorRef<Do>,
        arguments: Self::Arguments,
    ) -> Result<Body, ActorProcessingErr> {
        let (id, incarnation, diary, manner) = arguments;
        if manner.fails_from > 0 && incarnation >= manner.fails_from {
            return Err("told to fail".into());
        }
        if !manner.slow_start.is_zero() {
            tokio::time::sleep(manner.slow_start).await;
        }
        diary.enter(&id);
        diary.write(format!("+{id}"));
        Ok(Body { id, diary, manner })
    }

    async fn handle(
        &self,
        me: ActorRef<Do>,
        message: Do,
        _: &mut Body,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Do::Panic => panic!("told to panic"),
            Do::Fail => return Err("told to err".into()),
            Do::Stop(reason) => me.stop(reason),
            Do::Ping(reply) => {
                let _ = reply.send(me.get_id().pid());
            }
            Do::Hang => std::future::pending().await,
            Do::Block(span) => std::thread::sleep(span),
        }
        Ok(())
    }

    async fn post_stop(&self, _: ActorRef<Do>, body: &mut Body) -> Result<(), ActorProcessingErr> {
        if !body.manner.slow_stop.is_zero() {
            tokio::time::sleep(body.manner.slow_stop).await;
        }
        body.diary.write(format!("-{}", body.id));
        Ok(())
    }
}

pub fn puppet(id: &str, diary: &Diary) -> ChildSpec {
    puppet_like(id, diary, Manner::default())
}

pub fn puppet_like(id: &str, diary: &Diary, manner: Manner) -> ChildSpec {
    let diary = diary.clone();
    ChildSpec::from_fn(id, move |context| {
        let arguments = (
            context.id.to_string(),
            context.incarnation,
            diary.clone(),
            manner,
        );
        async move { Ok(Actor::spawn_linked(None, Puppet, arguments, context.supervisor).await?) }
    })
}

pub fn options() -> Options {
    Options {
        seed: 7,
        ..Options::default()
    }
}

pub fn tell(handle: &ChildHandle, what: Do) {
    handle.actor::<Do>().unwrap().send_message(what).unwrap();
}

pub fn child(supervisor: &SupervisorRef, id: &str) -> ChildHandle {
    supervisor.child(id).unwrap()
}

/// Waits for the event that `wanted` accepts, and returns all on the way to it.
pub async fn until(
    events: &mut broadcast::Receiver<SupervisionEvent>,
    wanted: impl Fn(&SupervisionEvent) -> bool,
) -> Vec<SupervisionEvent> {
    let mut seen = Vec::new();
    let all = async {
        loop {
            let event = events.recv().await.unwrap();
            let last = wanted(&event);
            seen.push(event);
            if last {
                break;
            }
        }
    };
    tokio::time::timeout(LONG, all)
        .await
        .expect("the event comes within a minute");
    seen
}

pub async fn until_exit(
    events: &mut broadcast::Receiver<SupervisionEvent>,
    id: &str,
) -> ExitReason {
    let seen = until(events, |event| {
        event.child.as_deref() == Some(id) && matches!(event.kind, EventKind::Exited { .. })
    })
    .await;
    match seen.into_iter().next_back().map(|event| event.kind) {
        Some(EventKind::Exited { reason, .. }) => reason,
        other => panic!("not an exit: {other:?}"),
    }
}

pub async fn until_started(events: &mut broadcast::Receiver<SupervisionEvent>, id: &str) {
    until(events, |event| {
        event.child.as_deref() == Some(id) && matches!(event.kind, EventKind::Started { .. })
    })
    .await;
}
