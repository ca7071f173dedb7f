//! What our actors write down while a script is played, and how they behave.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use aios_supervisor::{Clock, StartContext, StartError, Started};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use serde_json::Value;

use crate::script::{Event, Node, parent};

/// A clock that never tells the same time twice, so that what actors and supervisors say can be put in order.
pub(crate) struct Ticker {
    start: Instant,
    last: AtomicU64,
}

impl Clock for Ticker {
    fn now(&self) -> Duration {
        let now = u64::try_from(self.start.elapsed().as_nanos()).unwrap();
        let last = self
            .last
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| {
                Some(now.max(last + 1))
            })
            .unwrap();
        Duration::from_nanos(now.max(last + 1))
    }
}

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) clock: Arc<Ticker>,
    pages: Arc<Mutex<Pages>>,
}

#[derive(Default)]
pub(crate) struct Pages {
    pub(crate) log: Vec<(Duration, Event, bool)>,
    /// What the next starts of a path come to, and all after those.
    pub(crate) plans: HashMap<String, (VecDeque<String>, String)>,
    /// Starts that came off, by path.
    pub(crate) count: HashMap<String, u64>,
    /// How many actors of a path have not gone yet.
    pub(crate) alive: BTreeMap<String, usize>,
    pub(crate) fails: u64,
    pub(crate) looping: bool,
    /// Workers whose end the script has written down already.
    pub(crate) written: HashSet<(String, u64)>,
    /// By path and our generation: which start of the script's that was, and whether it was asked to leave.
    pub(crate) bodies: HashMap<(String, u64), (u64, bool)>,
    /// How often the script has killed a supervisor.
    pub(crate) kills: HashMap<String, u64>,
}

impl World {
    pub(crate) fn new(looping: bool) -> Self {
        let (start, last) = (Instant::now(), AtomicU64::new(0));
        Self {
            clock: Arc::new(Ticker { start, last }),
            pages: Arc::new(Mutex::new(Pages {
                looping,
                ..Pages::default()
            })),
        }
    }

    pub(crate) fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap()
    }

    pub(crate) fn write(&self, event: Event, late: bool) {
        let mut pages = self.pages();
        let now = self.clock.now();
        pages.log.push((now, event, late));
    }

    pub(crate) fn write_fail(&self, path: &str) {
        self.pages().fails += 1;
        if !self.pages().looping {
            self.write(Event::word("fail", path), false);
        }
    }

    fn next_start(&self, path: &str) -> Result<(), StartError> {
        let how = match self.pages().plans.get_mut(path) {
            None => return Ok(()),
            Some((next, then)) => next.pop_front().unwrap_or_else(|| then.clone()),
        };
        match how.as_str() {
            "fail" => {
                self.write_fail(path);
                Err(StartError::Failed("refused".into()))
            }
            "ignore" => {
                self.write(Event::word("ignore", path), false);
                Err(StartError::Ignored)
            }
            _ => Ok(()),
        }
    }

    /// Starts the worker of that path as the script wants it.
    pub(crate) async fn start_worker(
        self,
        path: String,
        manner: Option<Value>,
        context: StartContext,
    ) -> Result<Started, StartError> {
        self.next_start(&path)?;
        let delay = manner
            .as_ref()
            .and_then(|manner| manner.get("delay_ms")?.as_u64());
        let arguments = (path.clone(), context.incarnation, manner, self.clone());
        let (actor, join) =
            Actor::spawn_linked(None, Puppet, arguments, context.supervisor).await?;
        let Some(delay) = delay else {
            return Ok((actor, join).into());
        };
        // One that takes its time to go takes it, too, when it falls with its supervisor: something of it stays.
        let kills = self.kills_above(&path);
        let stays = tokio::spawn(async move {
            let _ = join.await;
            if self.kills_above(&path) > kills {
                tokio::time::sleep(Duration::from_millis(delay)).await;
            }
        });
        Ok((actor, stays).into())
    }

    /// How often each supervisor above a path has been killed.
    fn kills_above(&self, path: &str) -> u64 {
        let pages = self.pages();
        let mut sup = parent(path);
        let mut kills = 0;
        loop {
            kills += pages.kills.get(sup).copied().unwrap_or(0);
            if sup == "/" {
                return kills;
            }
            sup = parent(sup);
        }
    }
}

pub(crate) struct Puppet;

pub(crate) struct Body {
    path: String,
    incarnation: u64,
    n: u64,
    manner: Option<Value>,
    world: World,
    /// Its end is on paper.
    written: bool,
    asked: bool,
    kills_above: u64,
}

impl Body {
    fn ends(&mut self, reason: &str, by: &str) {
        if !std::mem::replace(&mut self.written, true) {
            self.world
                .pages()
                .written
                .insert((self.path.clone(), self.n));
            let event = Event::stop(&self.path, self.n, reason, by, self.asked);
            self.world.write(event, false);
        }
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        // Nobody tells of a kill that came with that of its supervisor; of any other its supervisor does.
        if !self.written && self.world.kills_above(&self.path) > self.kills_above {
            self.world.write(
                Event::stop(&self.path, self.n, "killed", "link", false),
                true,
            );
        }
        *self.world.pages().alive.get_mut(&self.path).unwrap() -= 1;
    }
}

impl Actor for Puppet {
    type Msg = String;
    type State = Body;
    type Arguments = (String, u64, Option<Value>, World);

    async fn pre_start(
        &self,
        _: ActorRef<String>,
        (path, incarnation, manner, world): Self::Arguments,
    ) -> Result<Body, ActorProcessingErr> {
        let n = {
            let mut pages = world.pages();
            *pages.alive.entry(path.clone()).or_default() += 1;
            let n = pages.count.entry(path.clone()).or_default();
            *n += 1;
            let n = *n;
            pages.bodies.insert((path.clone(), incarnation), (n, false));
            n
        };
        world.write(Event::start(&path, n), false);
        Ok(Body {
            kills_above: world.kills_above(&path),
            path,
            incarnation,
            n,
            manner,
            world,
            written: false,
            asked: false,
        })
    }

    /// Ends for the reason it is told.
    async fn handle(
        &self,
        me: ActorRef<String>,
        reason: String,
        body: &mut Body,
    ) -> Result<(), ActorProcessingErr> {
        body.ends(&reason, "script");
        match reason.as_str() {
            "normal" => me.stop(None),
            "shutdown" => me.stop(Some(reason)),
            other => match other.strip_prefix("shutdown:") {
                Some(why) => me.stop(Some(why.to_string())),
                None => return Err(reason.into()),
            },
        }
        Ok(())
    }

    async fn post_stop(
        &self,
        _: ActorRef<String>,
        body: &mut Body,
    ) -> Result<(), ActorProcessingErr> {
        if body.written {
            return Ok(());
        }
        let manner = body.manner.clone();
        body.asked = manner.is_some();
        let key = (body.path.clone(), body.incarnation);
        body.world.pages().bodies.insert(key, (body.n, body.asked));
        let with = |key| manner.as_ref().and_then(|manner| manner.get(key));
        if let Some(ms) = with("delay_ms").and_then(Value::as_u64) {
            tokio::time::sleep(Duration::from_millis(ms)).await;
        } else if manner.as_ref().is_some_and(|manner| manner == "ignore") {
            std::future::pending::<()>().await;
        } else if let Some(reason) = with("exit").and_then(Value::as_str) {
            body.ends(reason, "sup");
            if !matches!(reason, "normal" | "shutdown") && !reason.starts_with("shutdown:") {
                return Err(reason.into());
            }
        }
        body.ends("shutdown", "sup");
        Ok(())
    }
}

/// What a worker's start needs from its node.
pub(crate) fn manner_of(node: &Node) -> Option<Value> {
    node.on_shutdown.clone()
}
