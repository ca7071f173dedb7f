//! The only door to the swarm for the other tiers: meso agents ask here, and macro agents ask them.
//!
//! Telling is a copy into the shards' ports and never waits. Asking queues an order and gives an answer that is awaited
//! with a deadline. Totals are read without asking anybody.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use aios_protocols::{AgentId, IdentityError, Tier};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};

use crate::event::{Act, Event};
use crate::handle::Handle;
use crate::port::{AgentView, ORDERS, Order, Port};
use crate::refusal::Refusal;
use crate::step::PanicNote;
use crate::survey::{Survey, SurveyRequest};
use crate::totals::{KindTotals, ZoneTotals};
use crate::view::{LastLook, NamedView, TopView, ZoneView};
use crate::worker::Clock;

/// Why the population did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DoorError {
    /// The shard refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Some shard had no room; what was not taken is still in the caller's list.
    #[error(
        "{asked} events asked for, {taken} taken; the rest is still yours, tell it again when the shards have caught up"
    )]
    Full {
        /// Events handed in.
        asked: usize,
        /// Events taken.
        taken: usize,
    },
    /// Events for shards this zone does not have; they are still in the caller's list.
    #[error(
        "{0} events name shards that zone `{1}` does not have; their handles are of another zone"
    )]
    ForeignHandles(usize, Arc<str>),
    /// The kind listens to nobody outside its own process.
    #[error(
        "kind `{kind}` of zone `{zone}` is closed to links; set `open_to_links` in its `KindConfig` if other zones may speak to it"
    )]
    Closed {
        /// The zone.
        zone: Arc<str>,
        /// The kind.
        kind: &'static str,
    },
    /// Too many orders wait at the shard.
    #[error("{asked} orders would wait at the shard, {allowed} allowed; ask again later")]
    Busy {
        /// Orders there would have been.
        asked: usize,
        /// Orders there may be.
        allowed: usize,
    },
    /// The zone has no such kind.
    #[error("zone `{zone}` has no kind `{kind}`; it has {known}")]
    NoSuchKind {
        /// The zone.
        zone: Arc<str>,
        /// What was asked for.
        kind: String,
        /// What there is.
        known: String,
    },
    /// The handle names an agent of another kind.
    #[error("asked for an agent of kind `{asked}`, the identity names one of kind `{found}`")]
    WrongKind {
        /// What was asked for.
        asked: String,
        /// What it is.
        found: &'static str,
    },
    /// The identity is of another zone or tier.
    #[error("`{id}` is not a micro agent of zone `{zone}`; ask the population of its own zone")]
    Elsewhere {
        /// The identity.
        id: String,
        /// This zone.
        zone: Arc<str>,
    },
    /// The identity's instance is no handle.
    #[error(
        "`{0}` does not name an agent: its instance must be a handle, as in `micro.page.0x0000000100000A2F@zone`; \
         `top` lists agents that live"
    )]
    NoHandle(String),
    /// The text is no identity.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The shard did not answer in time.
    #[error("no answer within {0:?}; the order may still be carried out")]
    Late(Duration),
    /// The shard fell with the order in its hands.
    #[error("the shard fell before it answered; its agents are being recreated, ask again")]
    Fell,
}

/// One kind of the zone.
#[derive(Debug, Clone)]
pub(crate) struct KindEntry {
    pub(crate) name: &'static str,
    pub(crate) bytes: usize,
    pub(crate) first: usize,
    pub(crate) shards: usize,
    pub(crate) expected: Option<u64>,
    pub(crate) open_to_links: bool,
}

struct Door {
    zone: Arc<str>,
    ports: Arc<[Arc<Port>]>,
    kinds: Vec<KindEntry>,
    clock: Clock,
    last_look: LastLook,
}

/// The agents of one zone, seen from outside. Cheap to clone; keeps working while shards fall and return.
#[derive(Clone)]
pub struct Population(Arc<Door>);

impl fmt::Debug for Population {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Population")
            .field("zone", &self.0.zone)
            .field("kinds", &self.0.kinds)
            .finish()
    }
}

/// What a shard has promised to say, on its way.
#[derive(Debug)]
#[must_use = "an answer nobody awaits is lost; the order is carried out all the same"]
pub struct Promise<T>(oneshot::Receiver<T>);

impl<T> Promise<T> {
    async fn get(self, deadline: Duration) -> Result<T, DoorError> {
        match timeout(deadline, self.0).await {
            Ok(answer) => answer.map_err(|_| DoorError::Fell),
            Err(_) => Err(DoorError::Late(deadline)),
        }
    }
}

impl<T> Promise<Result<T, Refusal>> {
    /// Waits for the answer, at most so long.
    ///
    /// # Errors
    /// The refusal, or that there was no answer.
    pub async fn within(self, deadline: Duration) -> Result<T, DoorError> {
        Ok(self.get(deadline).await??)
    }
}

impl Population {
    pub(crate) fn new(
        zone: Arc<str>,
        ports: Arc<[Arc<Port>]>,
        kinds: Vec<KindEntry>,
        clock: Clock,
    ) -> Self {
        Self(Arc::new(Door {
            zone,
            ports,
            kinds,
            clock,
            last_look: LastLook::default(),
        }))
    }

    /// The zone.
    pub fn zone(&self) -> &str {
        &self.0.zone
    }

    /// Hands events to the shards of their receivers, in order per shard, as events from outside the swarm. Those taken
    /// leave the list; what stays in it was not taken.
    ///
    /// # Errors
    /// [`DoorError::Full`] or [`DoorError::ForeignHandles`] if something stays.
    pub fn tell(&self, events: &mut Vec<Event>) -> Result<(), DoorError> {
        let asked = events.len();
        events.iter_mut().for_each(|event| event.from = None);
        let one = events.first().map(|event| event.to.shard());
        if let Some(port) = one
            .filter(|one| events.iter().all(|event| event.to.shard() == *one))
            .and_then(|one| self.port(one))
        {
            match port.push(events) {
                Ok(()) => events.clear(),
                Err(full) => drop(events.drain(..full.accepted)),
            }
        } else {
            self.0.ports.iter().for_each(|port| port.push_own(events));
        }
        if events.is_empty() {
            return Ok(());
        }
        let foreign = events
            .iter()
            .filter(|event| self.port(event.to.shard()).is_none())
            .count();
        if foreign > 0 {
            return Err(DoorError::ForeignHandles(foreign, Arc::clone(&self.0.zone)));
        }
        Err(DoorError::Full {
            asked,
            taken: asked - events.len(),
        })
    }

    /// Brings an agent to life in the emptiest shard of its kind.
    ///
    /// # Errors
    /// If there is no such kind or its shard is too busy.
    pub fn spawn(
        &self,
        kind: &str,
        resource: u64,
    ) -> Result<Promise<Result<Handle, Refusal>>, DoorError> {
        let ports = self.ports_of(kind)?;
        let emptiest = ports.iter().min_by_key(|port| port.gauges().live);
        let port = emptiest.ok_or_else(|| self.no_such_kind(kind))?;
        self.ask(port, |reply| Order::Spawn(resource, reply))
    }

    /// Brings an agent to life for each resource, in equal runs over the shards; how many were born.
    ///
    /// # Errors
    /// The first refusal; what was born before it lives.
    pub async fn spawn_range(
        &self,
        kind: &str,
        resources: Range<u64>,
        deadline: Duration,
    ) -> Result<u64, DoorError> {
        let ports = self.ports_of(kind)?;
        let size = resources
            .end
            .saturating_sub(resources.start)
            .div_ceil(ports.len() as u64);
        let mut answers = Vec::new();
        for (index, port) in (0..).zip(ports) {
            let edge = |at: u64| (resources.start + at * size).min(resources.end);
            let part = edge(index)..edge(index + 1);
            answers.push(self.ask(port, |reply| Order::SpawnRange(part, reply))?);
        }
        let mut born = 0;
        for answer in answers {
            born += answer.within(deadline).await?;
        }
        Ok(born)
    }

    /// Brings an agent to life for each resource, in equal runs over the shards and slice by slice between their batches; what
    /// became of each, in the order of the resources.
    ///
    /// # Errors
    /// If there is no such kind or a shard does not answer; other shards may have carried out their part.
    pub async fn spawn_many(
        &self,
        kind: &str,
        resources: &[u64],
        deadline: Duration,
    ) -> Result<Vec<Result<Handle, Refusal>>, DoorError> {
        let ports = self.ports_of(kind)?;
        let run = resources.len().div_ceil(ports.len()).max(1);
        let answers = ports
            .iter()
            .zip(resources.chunks(run))
            .map(|(port, part)| self.ask(port, |reply| Order::SpawnMany(part.to_vec(), reply)))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(gather(answers, deadline).await?.concat())
    }

    /// Ends many agents, slice by slice between the batches of their shards; the refusals of those that were not there. Several
    /// times cheaper an agent than [`Population::free`]: one order to a shard, which reads ahead.
    ///
    /// # Errors
    /// If a handle is not of this zone, and then none is ended. If a shard does not answer; others may have carried out their
    /// part.
    pub async fn free_many(
        &self,
        handles: &[Handle],
        deadline: Duration,
    ) -> Result<Vec<Refusal>, DoorError> {
        let foreign = handles
            .iter()
            .filter(|handle| self.port(handle.shard()).is_none())
            .count();
        if foreign > 0 {
            return Err(DoorError::ForeignHandles(foreign, Arc::clone(&self.0.zone)));
        }
        let part_of = |port: &Port| -> Vec<Handle> {
            let own = |handle: &&Handle| handle.shard() == port.number;
            handles.iter().filter(own).copied().collect()
        };
        let answers = self
            .0
            .ports
            .iter()
            .map(|port| (port, part_of(port)))
            .filter(|(_, part)| !part.is_empty())
            .map(|(port, part)| self.ask(port, |reply| Order::FreeMany(part, reply)))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(gather(answers, deadline).await?.concat())
    }

    /// Ends an agent.
    ///
    /// # Errors
    /// If the shard is not of this zone or is too busy.
    pub fn free(&self, handle: Handle) -> Result<Promise<Result<(), Refusal>>, DoorError> {
        self.ask(self.home(handle)?, |reply| Order::Free(handle, reply))
    }

    /// Puts an agent to sleep; it refuses events until it is resumed.
    ///
    /// # Errors
    /// If the shard is not of this zone or is too busy.
    pub fn suspend(&self, handle: Handle) -> Result<Promise<Result<(), Refusal>>, DoorError> {
        self.ask(self.home(handle)?, |reply| {
            Order::Suspend(handle, true, reply)
        })
    }

    /// Wakes an agent.
    ///
    /// # Errors
    /// If the shard is not of this zone or is too busy.
    pub fn resume(&self, handle: Handle) -> Result<Promise<Result<(), Refusal>>, DoorError> {
        self.ask(self.home(handle)?, |reply| {
            Order::Suspend(handle, false, reply)
        })
    }

    /// Looks closely at one agent.
    ///
    /// # Errors
    /// If the shard is not of this zone or is too busy.
    pub fn look(&self, handle: Handle) -> Result<Promise<Result<AgentView, Refusal>>, DoorError> {
        self.ask(self.home(handle)?, |reply| Order::Look(handle, reply))
    }

    /// The agent that stands for a resource, if there is one. Searches slot by slot between batches; keep the handle.
    ///
    /// # Errors
    /// If there is no such kind or a shard does not answer.
    pub async fn find(
        &self,
        kind: &str,
        resource: u64,
        deadline: Duration,
    ) -> Result<Option<Handle>, DoorError> {
        let found = self
            .ask_all(kind, deadline, |reply| Order::Find(resource, reply))
            .await?;
        Ok(found.into_iter().flatten().next())
    }

    /// Delivers an event to every awake agent of a kind, slice by slice between batches.
    ///
    /// # Errors
    /// If there is no such kind or a shard does not answer.
    pub async fn sweep(
        &self,
        kind: &str,
        act: Act,
        code: u8,
        value: u32,
        deadline: Duration,
    ) -> Result<(), DoorError> {
        let Some(nobody_yet) = Handle::new(0, 0, 1) else {
            return Ok(());
        };
        let event = Event::new(nobody_yet, act, code, 0, value);
        self.ask_all(kind, deadline, |reply| Order::Sweep(event, reply))
            .await
            .map(drop)
    }

    /// Looks at the agents of a kind, all or a sample, without stopping their shards.
    ///
    /// # Errors
    /// If there is no such kind or a shard does not answer.
    pub async fn survey(
        &self,
        kind: &str,
        request: SurveyRequest,
        deadline: Duration,
    ) -> Result<Survey, DoorError> {
        let parts = self
            .ask_all(kind, deadline, |reply| Order::Survey(request, reply))
            .await?;
        let mut whole = Survey::default();
        parts
            .into_iter()
            .for_each(|part| whole.add(part, request.top));
        Ok(whole)
    }

    /// The last panic of an agent of a kind, per shard that had one.
    ///
    /// # Errors
    /// If there is no such kind or a shard does not answer.
    pub async fn last_panics(
        &self,
        kind: &str,
        deadline: Duration,
    ) -> Result<Vec<PanicNote>, DoorError> {
        Ok(self
            .ask_all(kind, deadline, Order::LastPanic)
            .await?
            .into_iter()
            .flatten()
            .collect())
    }

    /// The zone in numbers, read from the shards' counters; nobody is asked and nobody waits.
    pub fn totals(&self) -> ZoneTotals {
        let kinds = self
            .0
            .kinds
            .iter()
            .map(|kind| self.totals_of(kind))
            .collect();
        ZoneTotals {
            zone: self.0.zone.to_string(),
            at_ms: (self.0.clock)().as_millis() as u64,
            kinds,
        }
    }

    /// The zone as people see it: the totals, how fast they changed since somebody last looked, and alerts.
    pub fn show(&self) -> ZoneView {
        self.0.last_look.view(self.totals())
    }

    /// The `most` agents of a kind with most pheromone, by name, and how all of the kind are spread. Goes over every agent,
    /// slice by slice between batches.
    ///
    /// # Errors
    /// If there is no such kind or a shard does not answer.
    pub async fn top(
        &self,
        kind: &str,
        most: usize,
        deadline: Duration,
    ) -> Result<TopView, DoorError> {
        let request = SurveyRequest {
            top: most,
            every: 1,
        };
        let found = self.survey(kind, request, deadline).await?;
        let name = |bits| identity_text(kind, bits, self.zone());
        Ok(TopView::new(self.zone(), kind, found, name))
    }

    /// One agent by its identity, as [`Population::top`] and [`Population::identity`] give it.
    ///
    /// # Errors
    /// If the text is no identity of an agent of this zone, or the agent has ended.
    pub async fn agent(&self, id: &str, deadline: Duration) -> Result<NamedView, DoorError> {
        let handle = self.resolve(&id.parse()?)?;
        let agent = self.look(handle)?.within(deadline).await?;
        Ok(NamedView {
            id: id.to_owned(),
            agent,
        })
    }

    /// The agent's identity, made from its handle; nothing is stored for it.
    ///
    /// # Errors
    /// If the handle is not of this zone.
    pub fn identity(&self, handle: Handle) -> Result<AgentId, DoorError> {
        let kind = self.home(handle)?.kind;
        Ok(identity_text(kind, handle.bits(), &self.0.zone).parse()?)
    }

    /// Whether a link from another zone may speak to this agent: its kind says so.
    ///
    /// # Errors
    /// [`DoorError::ForeignHandles`] if the agent is of another zone, [`DoorError::Closed`] if its kind is not open to links.
    pub fn open_to_links(&self, handle: Handle) -> Result<(), DoorError> {
        let kind = self.home(handle)?.kind;
        let open = |entry: &KindEntry| entry.name == kind && entry.open_to_links;
        if self.0.kinds.iter().any(open) {
            return Ok(());
        }
        Err(DoorError::Closed {
            zone: Arc::clone(&self.0.zone),
            kind,
        })
    }

    /// The handle an identity stands for. Whether the agent still lives is for its shard to say.
    ///
    /// # Errors
    /// If the identity is of another tier, zone or kind, or names no handle.
    pub fn resolve(&self, id: &AgentId) -> Result<Handle, DoorError> {
        let elsewhere = || DoorError::Elsewhere {
            id: id.to_string(),
            zone: Arc::clone(&self.0.zone),
        };
        if id.tier() != Tier::Micro || id.zone() != self.zone() {
            return Err(elsewhere());
        }
        let handle = id
            .instance()
            .strip_prefix("0x")
            .and_then(|digits| u64::from_str_radix(digits, 16).ok())
            .and_then(Handle::from_bits)
            .ok_or_else(|| DoorError::NoHandle(id.to_string()))?;
        let found = self.home(handle)?.kind;
        if found != id.kind() {
            return Err(DoorError::WrongKind {
                asked: id.kind().to_owned(),
                found,
            });
        }
        Ok(handle)
    }

    fn totals_of(&self, kind: &KindEntry) -> KindTotals {
        let ports = &self.0.ports[kind.first..kind.first + kind.shards];
        let mut totals = KindTotals {
            kind: kind.name,
            shards: kind.shards,
            active: 0,
            asleep: 0,
            expected: kind.expected,
            waiting: 0,
            arena_bytes: 0,
            fragmentation: 0.0,
            mean_pheromone: 0.0,
            counts: Default::default(),
        };
        let (mut sum, mut slots) = (0.0, 0);
        for port in ports {
            let gauges = port.gauges();
            totals.counts.add(&port.counts());
            totals.active += gauges.live;
            totals.asleep += gauges.asleep;
            totals.waiting += gauges.waiting;
            slots += gauges.slots;
            sum += gauges.pheromone_sum;
        }
        totals.arena_bytes = slots * kind.bytes as u64;
        totals.fragmentation = slots.saturating_sub(totals.active) as f64 / slots.max(1) as f64;
        totals.mean_pheromone = sum / totals.active.max(1) as f64;
        totals
    }

    async fn ask_all<T>(
        &self,
        kind: &str,
        deadline: Duration,
        order: impl Fn(oneshot::Sender<T>) -> Order,
    ) -> Result<Vec<T>, DoorError> {
        let answers = self
            .ports_of(kind)?
            .iter()
            .map(|port| self.ask(port, &order))
            .collect::<Result<Vec<_>, _>>()?;
        gather(answers, deadline).await
    }

    fn ask<T>(
        &self,
        port: &Port,
        order: impl FnOnce(oneshot::Sender<T>) -> Order,
    ) -> Result<Promise<T>, DoorError> {
        let (reply, answer) = oneshot::channel();
        match port.order(order(reply)) {
            Ok(()) => Ok(Promise(answer)),
            Err(_) => Err(DoorError::Busy {
                asked: ORDERS + 1,
                allowed: ORDERS,
            }),
        }
    }

    fn port(&self, number: u8) -> Option<&Arc<Port>> {
        let first = self.0.ports.first()?.number;
        self.0.ports.get(usize::from(number.checked_sub(first)?))
    }

    fn home(&self, handle: Handle) -> Result<&Arc<Port>, DoorError> {
        self.port(handle.shard())
            .ok_or_else(|| DoorError::ForeignHandles(1, Arc::clone(&self.0.zone)))
    }

    fn ports_of(&self, kind: &str) -> Result<&[Arc<Port>], DoorError> {
        let entry = self
            .0
            .kinds
            .iter()
            .find(|entry| entry.name == kind)
            .ok_or_else(|| self.no_such_kind(kind))?;
        Ok(&self.0.ports[entry.first..entry.first + entry.shards])
    }

    #[cfg(test)]
    pub(crate) fn make_fall(&self, shard: usize) {
        assert!(self.0.ports[shard].order(Order::Fall).is_ok());
    }

    fn no_such_kind(&self, kind: &str) -> DoorError {
        let known: Vec<&str> = self.0.kinds.iter().map(|entry| entry.name).collect();
        DoorError::NoSuchKind {
            zone: Arc::clone(&self.0.zone),
            kind: kind.to_owned(),
            known: known.join(", "),
        }
    }
}

/// All answers, in order, within one deadline.
async fn gather<T>(answers: Vec<Promise<T>>, deadline: Duration) -> Result<Vec<T>, DoorError> {
    let until = Instant::now() + deadline;
    let mut found = Vec::with_capacity(answers.len());
    for answer in answers {
        let answer = timeout_at(until, answer.0)
            .await
            .map_err(|_| DoorError::Late(deadline))?;
        found.push(answer.map_err(|_| DoorError::Fell)?);
    }
    Ok(found)
}

fn identity_text(kind: &str, bits: u64, zone: &str) -> String {
    format!("micro.{kind}.0x{bits:016X}@{zone}")
}

#[cfg(test)]
#[path = "population_tests.rs"]
mod tests;
