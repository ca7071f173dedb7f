//! Who is alive, kept by the actors themselves, and the actor that keeps it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use aios_supervisor::{ChildSpec, StartContext, StartError, Started};
use ractor::{Actor, ActorProcessingErr, ActorRef};

/// What actors panic with when they are told to.
pub(crate) const EXPECTED_PANICS: [&str; 2] = ["told to panic", "has a very bad day"];

/// Kept by all actors of one soak.
#[derive(Clone)]
pub(crate) struct Diary {
    seed: u64,
    pages: Arc<Mutex<Pages>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Entry {
    Arrival,
    Goodbye,
}

#[derive(Default)]
struct Pages {
    alive: HashMap<Arc<str>, Vec<u64>>,
    latest: HashMap<Arc<str>, u64>,
    /// Arrivals and goodbyes, in order.
    journal: Vec<(Entry, Arc<str>)>,
    /// Those in their `post_stop`; their supervisor has yet to hear of it.
    leaving: usize,
    faults: Vec<String>,
}

impl Diary {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            pages: Arc::default(),
        }
    }

    fn enter(&self, path: &Arc<str>, incarnation: u64) {
        let mut pages = self.pages.lock().unwrap();
        let latest = pages.latest.insert(Arc::clone(path), incarnation);
        if latest.is_some_and(|latest| latest >= incarnation) {
            let fault = format!("{path}: generation {incarnation} after {latest:?}");
            pages.faults.push(fault);
        }
        pages.journal.push((Entry::Arrival, Arc::clone(path)));
        let alive = pages.alive.entry(Arc::clone(path)).or_default();
        alive.push(incarnation);
        if alive.len() > 1 {
            let fault = format!("{path}: generations {alive:?} at once");
            pages.faults.push(fault);
        }
    }

    fn leave(&self, path: &Arc<str>, incarnation: u64) {
        let mut pages = self.pages.lock().unwrap();
        if let Some(alive) = pages.alive.get_mut(path) {
            alive.retain(|one| *one != incarnation);
        }
    }

    /// Generations of one child that are alive.
    pub(crate) fn alive_at(&self, path: &str) -> Vec<u64> {
        let pages = self.pages.lock().unwrap();
        pages.alive.get(path).cloned().unwrap_or_default()
    }

    pub(crate) fn somebody_leaves(&self) -> bool {
        self.pages.lock().unwrap().leaving > 0
    }

    pub(crate) fn alive(&self) -> usize {
        let pages = self.pages.lock().unwrap();
        pages.alive.values().map(Vec::len).sum()
    }

    /// Who has left in order, with its `post_stop`, since the last call.
    pub(crate) fn take_goodbyes(&self) -> Vec<Arc<str>> {
        let journal = std::mem::take(&mut self.pages.lock().unwrap().journal);
        let goodbyes = journal
            .into_iter()
            .filter(|(entry, _)| *entry == Entry::Goodbye);
        goodbyes.map(|(_, who)| who).collect()
    }

    /// The same up to the first arrival of somebody below `path`.
    pub(crate) fn take_goodbyes_before_arrivals(&self, path: &str) -> Vec<Arc<str>> {
        let path = format!("{path}/");
        let mut pages = self.pages.lock().unwrap();
        let arrival = pages
            .journal
            .iter()
            .position(|(entry, who)| *entry == Entry::Arrival && who.starts_with(&path));
        pages.journal.truncate(arrival.unwrap_or(usize::MAX));
        drop(pages);
        self.take_goodbyes()
    }

    pub(crate) fn assert_sound(&self, place: &str) {
        let pages = self.pages.lock().unwrap();
        assert!(pages.faults.is_empty(), "{place}: {:#?}", pages.faults);
    }

    /// Some take a while to stop; the slowest longer than they are given.
    pub(crate) fn stop_takes(&self, path: &str, incarnation: u64) -> Duration {
        match self.chance(path, incarnation) % 20 {
            0 => Duration::from_millis(2),
            1 => Duration::from_millis(200),
            _ => Duration::ZERO,
        }
    }

    /// Chance that depends on nothing but the seed, the child and its generation, so that a run can be played again.
    fn chance(&self, path: &str, incarnation: u64) -> u64 {
        let start = self.seed ^ incarnation.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        path.bytes().fold(start, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        }) >> 16
    }
}

/// What a worker can be told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Do {
    Panic,
    Fail,
    Stop,
    StopWith(&'static str),
    Hang,
}

pub(crate) struct Worker;

pub(crate) struct Body {
    leaving: bool,
    path: Arc<str>,
    incarnation: u64,
    diary: Diary,
}

impl Drop for Body {
    fn drop(&mut self) {
        self.diary.leave(&self.path, self.incarnation);
        self.diary.pages.lock().unwrap().leaving -= usize::from(self.leaving);
    }
}

impl Actor for Worker {
    type Msg = Do;
    type State = Body;
    type Arguments = (Arc<str>, u64, Diary);

    async fn pre_start(
        &self,
        _: ActorRef<Do>,
        (path, incarnation, diary): Self::Arguments,
    ) -> Result<Body, ActorProcessingErr> {
        match diary.chance(&path, incarnation) % 400 {
            // The first start of a declared child comes off, so that the tree stands at first.
            0 if incarnation > 1 => return Err("has a bad day".into()),
            1 if incarnation > 1 => panic!("has a very bad day"),
            2..30 => tokio::time::sleep(Duration::from_millis(3)).await,
            _ => {}
        }
        diary.enter(&path, incarnation);
        Ok(Body {
            leaving: false,
            path,
            incarnation,
            diary,
        })
    }

    async fn handle(
        &self,
        me: ActorRef<Do>,
        what: Do,
        _: &mut Body,
    ) -> Result<(), ActorProcessingErr> {
        match what {
            Do::Panic => panic!("told to panic"),
            Do::Fail => return Err("told to err".into()),
            Do::Stop => me.stop(None),
            Do::StopWith(reason) => me.stop(Some(reason.into())),
            Do::Hang => std::future::pending().await,
        }
        Ok(())
    }

    async fn post_stop(&self, _: ActorRef<Do>, body: &mut Body) -> Result<(), ActorProcessingErr> {
        body.leaving = true;
        body.diary.pages.lock().unwrap().leaving += 1;
        let takes = body.diary.stop_takes(&body.path, body.incarnation);
        if !takes.is_zero() {
            tokio::time::sleep(takes).await;
        }
        let mut pages = body.diary.pages.lock().unwrap();
        pages.journal.push((Entry::Goodbye, Arc::clone(&body.path)));
        Ok(())
    }
}

/// A worker that keeps the diary under its whole path.
pub(crate) fn worker(above: &str, id: &str, diary: &Diary) -> ChildSpec {
    let (path, diary) = (Arc::<str>::from(format!("{above}/{id}")), diary.clone());
    ChildSpec::from_fn(id, move |context| {
        start(Arc::clone(&path), context, diary.clone())
    })
}

pub(crate) async fn start(
    path: Arc<str>,
    context: StartContext,
    diary: Diary,
) -> Result<Started, StartError> {
    let arguments = (path, context.incarnation, diary);
    let started = Actor::spawn_linked(None, Worker, arguments, context.supervisor).await?;
    Ok(started.into())
}
