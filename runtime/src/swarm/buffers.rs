//! The tensor bus's slots, managed by micro agents: one of kind `buffer` for each slot of a pool.
//!
//! The keeper is the pool's observer. Leases, releases, reclaims and misuse become events for the slot's agent, which knows
//! who has the slot and notices what should not be; a slot whose agent is asleep or gone is not given out. The bus knows
//! nothing of agents, and the agents nothing of memory.
//!
//! The zone's `buffer` kind takes its agents from the keeper's orders ([`aios_micro::Source::Orders`]). When they are gone
//! with their shard, the next [`BufferKeeper::tick`] brings new ones to life and tells them what their slots are doing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use aios_bus::tensor::{SlotObserver, TensorPool};
use aios_micro::kinds::{Buffer, buffer};
use aios_micro::{DoorError, Event, Handle, Kind as _, Life, Population};
use parking_lot::Mutex;
use serde::Serialize;

/// Events that may wait for a shard without room, for each slot.
const WAITING_PER_SLOT: usize = 16;
/// Looks under way at once; a shard lets 1,024 orders wait.
const LOOKS: usize = 256;

/// What happened to the slots, as this process saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct BufferTotals {
    /// Leases.
    pub leases: u64,
    /// Releases, and frames handed on.
    pub releases: u64,
    /// Slots taken back from the dead.
    pub reclaims: u64,
    /// Releases of what was not held.
    pub misuses: u64,
    /// Events the agents were not told because their shard had no room for too long.
    pub untold: u64,
}

#[derive(Default)]
struct Counters {
    leases: AtomicU64,
    releases: AtomicU64,
    reclaims: AtomicU64,
    misuses: AtomicU64,
    untold: AtomicU64,
}

/// Stands between one pool and its agents.
pub struct BufferKeeper {
    zone: Population,
    /// The agent of each slot that is awake, as a number; 0 for none.
    awake: Vec<AtomicU64>,
    /// The agent of each slot.
    agents: Mutex<Vec<Handle>>,
    /// Owners each slot's agent was ever told of, a bit each: what it may still believe when it wakes.
    owners: Vec<AtomicU64>,
    waiting: Mutex<Vec<Event>>,
    counters: Counters,
    /// How the agents were at the last look that went through; held while one is under way.
    looked: tokio::sync::Mutex<Option<Agents>>,
}

/// What of a kind's totals tells that agents fell asleep, woke or went since the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Agents {
    asleep: u64,
    ended: u64,
    falls: u64,
    /// Events refused: somebody slept, if only between two looks, or is gone.
    refused: u64,
}

impl Agents {
    fn of(zone: &Population) -> Option<Self> {
        let totals = zone.totals();
        let kind = totals.kind(Buffer::NAME)?;
        Some(Self {
            asleep: kind.asleep,
            ended: kind.counts.ended,
            falls: kind.counts.falls,
            refused: kind.counts.refused(),
        })
    }

    /// While some sleep, one may wake as another falls asleep, and the number stays.
    fn may_differ(self, before: Option<Self>) -> bool {
        self.asleep > 0 || before != Some(self)
    }
}

impl BufferKeeper {
    /// Brings one agent to life for each slot. Hand the keeper to [`TensorPool::observed_by`].
    ///
    /// # Errors
    /// If the zone has no kind `buffer`, or has no room for so many.
    pub async fn begin(
        zone: Population,
        slots: u32,
        deadline: Duration,
    ) -> Result<Arc<Self>, DoorError> {
        let mut agents = Vec::new();
        for slot in 0..slots {
            agents.push(spawn(&zone, slot, deadline).await?);
        }
        Ok(Arc::new(Self {
            zone,
            awake: agents.iter().map(|agent| agent.bits().into()).collect(),
            owners: agents.iter().map(|_| AtomicU64::new(0)).collect(),
            agents: Mutex::new(agents),
            waiting: Mutex::new(Vec::new()),
            counters: Counters::default(),
            looked: tokio::sync::Mutex::default(),
        }))
    }

    /// The agent of a slot.
    pub fn agent(&self, slot: u32) -> Option<Handle> {
        self.agents.lock().get(slot as usize).copied()
    }

    /// What happened so far.
    pub fn totals(&self) -> BufferTotals {
        BufferTotals {
            leases: self.counters.leases.load(Relaxed),
            releases: self.counters.releases.load(Relaxed),
            reclaims: self.counters.reclaims.load(Relaxed),
            misuses: self.counters.misuses.load(Relaxed),
            untold: self.counters.untold.load(Relaxed),
        }
    }

    /// Looks who is awake, replaces who is gone, and tells the agents what other processes did; how many agents were looked
    /// at. No shard is asked while the zone's totals say that all are as they were. Call it now and then; an
    /// agent that is put to sleep keeps its slot back from the next tick on. What happens to its slot meanwhile it is told
    /// when a tick finds it awake; between falling asleep and the tick after, its shard refuses and counts what it is told.
    ///
    /// # Errors
    /// If a shard does not answer; slots that were not looked at stay as they were, and the next tick looks again.
    pub async fn tick(&self, pool: &TensorPool, deadline: Duration) -> Result<usize, DoorError> {
        let mut looked = self.looked.lock().await;
        // Read before the looks: what changes during them is for the next tick.
        let now = Agents::of(&self.zone);
        let mut asked = 0;
        if now.is_none_or(|now| now.may_differ(*looked)) {
            *looked = None;
            asked = self.look_after(pool, deadline).await?;
            *looked = now;
        }
        pool.look_around();
        self.flush(&mut self.waiting.lock());
        Ok(asked)
    }

    async fn look_after(&self, pool: &TensorPool, deadline: Duration) -> Result<usize, DoorError> {
        let agents = self.agents.lock().clone();
        for (part, agents) in agents.chunks(LOOKS).enumerate() {
            let mut looks = Vec::with_capacity(agents.len());
            for agent in agents {
                looks.push(self.zone.look(*agent)?);
            }
            for ((slot, agent), look) in (part * LOOKS..).zip(agents).zip(looks) {
                let awake = match look.within(deadline).await {
                    Ok(view) if view.life == Life::Active => Some(*agent),
                    Ok(_) => None,
                    Err(DoorError::Refused(_)) => Some(self.replace(pool, slot, deadline).await?),
                    Err(error) => return Err(error),
                };
                let before = self.awake[slot].swap(awake.map_or(0, Handle::bits), Relaxed);
                if before == 0 && awake == Some(*agent) {
                    self.wake(pool, slot);
                }
            }
        }
        Ok(agents.len())
    }

    /// Takes from an agent whatever it still believes, so that the next look tells it how things are.
    fn wake(&self, pool: &TensorPool, slot: usize) {
        let owners = self.owners[slot].load(Relaxed);
        for owner in (1..=64).filter(|owner| owners >> (owner - 1) & 1 == 1) {
            self.tell(slot as u32, buffer::RECLAIM, owner);
        }
        pool.tell_anew(slot as u32);
    }

    async fn replace(
        &self,
        pool: &TensorPool,
        slot: usize,
        deadline: Duration,
    ) -> Result<Handle, DoorError> {
        let agent = spawn(&self.zone, slot as u32, deadline).await?;
        self.agents.lock()[slot] = agent;
        pool.tell_anew(slot as u32);
        Ok(agent)
    }

    fn tell(&self, slot: u32, code: u8, value: u32) {
        let Some(agent) = self.agent(slot).filter(|_| self.may_lease(slot)) else {
            return; // asleep: told when it wakes
        };
        let mut waiting = self.waiting.lock();
        if waiting.len() >= self.awake.len() * WAITING_PER_SLOT {
            self.counters.untold.fetch_add(1, Relaxed);
        } else {
            waiting.push(Event::inform(agent, code, value));
        }
        self.flush(&mut waiting);
    }

    /// What the shards have no room for stays and is told next time; what is for no shard of the zone never will be.
    fn flush(&self, waiting: &mut Vec<Event>) {
        if waiting.is_empty() {
            return;
        }
        if let Err(DoorError::ForeignHandles(count, _)) = self.zone.tell(waiting) {
            waiting.retain(|event| self.zone.identity(event.to).is_ok());
            self.counters.untold.fetch_add(count as u64, Relaxed);
        }
    }
}

async fn spawn(zone: &Population, slot: u32, deadline: Duration) -> Result<Handle, DoorError> {
    zone.spawn(Buffer::NAME, slot.into())?
        .within(deadline)
        .await
}

impl SlotObserver for BufferKeeper {
    fn may_lease(&self, slot: u32) -> bool {
        self.awake
            .get(slot as usize)
            .is_some_and(|agent| agent.load(Relaxed) != 0)
    }

    fn leased(&self, slot: u32, owner: u32) {
        self.counters.leases.fetch_add(1, Relaxed);
        if let Some(owners) = self.owners.get(slot as usize) {
            owners.fetch_or(1 << ((owner - 1) % 64), Relaxed);
        }
        self.tell(slot, buffer::LEASE, owner);
    }

    fn released(&self, slot: u32, owner: u32) {
        self.counters.releases.fetch_add(1, Relaxed);
        self.tell(slot, buffer::RELEASE, owner);
    }

    fn reclaimed(&self, slot: u32, owner: u32) {
        self.counters.reclaims.fetch_add(1, Relaxed);
        self.tell(slot, buffer::RECLAIM, owner);
    }

    fn misused(&self, slot: u32, _: u32) {
        self.counters.misuses.fetch_add(1, Relaxed);
        // A lease to nobody is what an agent counts as misuse and changes nothing by, whoever has the slot.
        self.tell(slot, buffer::LEASE, 0);
    }
}

#[cfg(test)]
mod tests {
    use aios_bus::tensor::{PoolShape, RANDOM_BYTES, in_process};
    use aios_micro::{KindConfig, Zone};
    use aios_protocols::ports::{FrameNote, TensorBus, TensorBusError};
    use aios_protocols::tensor::{ContentType, Flags, FrameKind, PartyHash, TensorGrant};
    use aios_supervisor::Supervisor;

    use super::*;

    const SOON: Duration = Duration::from_secs(20);
    const SLOTS: u32 = 4;

    fn publish(pool: &TensorPool) -> Result<TensorGrant, TensorBusError> {
        let anybody = PartyHash::of(&"meso.state.001@global".parse().unwrap());
        pool.allocate(0)?.publish(&FrameNote {
            kind: FrameKind::Tensor,
            content_type: ContentType::Raw,
            shape: vec![0],
            flags: Flags::NONE,
            conversation: [0; 16],
            sequence: 0,
            timestamp_ns: 0,
            sender: anybody,
            receiver: anybody,
        })
    }

    /// Slots of no content are two lines long and stand behind 65 lines of control words.
    fn slot_of(grant: &TensorGrant) -> u32 {
        ((grant.handle.offset - 64 * 65) / 128) as u32
    }

    /// A shard answers an order before its totals show it.
    async fn shown(zone: &Population, asleep: u64, active: u64) {
        let showing = async {
            loop {
                let totals = zone.totals();
                let kind = totals.kind("buffer").unwrap();
                if (kind.asleep, kind.active) == (asleep, active) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(SOON, showing).await.unwrap();
    }

    async fn state(zone: &Population, keeper: &BufferKeeper, slot: u32) -> String {
        let agent = keeper.agent(slot).unwrap();
        zone.look(agent).unwrap().within(SOON).await.unwrap().state
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn agents_know_who_has_their_slot_and_keep_it_back_while_they_sleep() {
        let buffers = KindConfig {
            expected: Some(SLOTS.into()),
            ..KindConfig::of::<Buffer>()
        };
        let zone = Zone::builder("bus")
            .kind::<Buffer>(buffers)
            .build()
            .unwrap();
        let tree = Supervisor::start(zone.spec).await.unwrap();
        let zone = zone.population;
        let keeper = BufferKeeper::begin(zone.clone(), SLOTS, SOON)
            .await
            .unwrap();
        let shape = PoolShape {
            slots: SLOTS,
            slot_bytes: 0,
        };
        let pool = in_process::pool(shape, &[1; RANDOM_BYTES])
            .unwrap()
            .observed_by(Arc::clone(&keeper) as Arc<dyn SlotObserver>);
        let other = pool.join([2; 32]).unwrap();
        // The shard tells its gauges after each batch, and answers within it.
        while zone.totals().active() < u64::from(SLOTS) {
            tokio::task::yield_now().await;
        }

        // A lease, a reader who takes over, and a release by somebody else.
        let grant = publish(&pool).unwrap();
        let slot = slot_of(&grant);
        assert_eq!(
            state(&zone, &keeper, slot).await,
            format!(
                "BufferState {{ owner: {}, leases: 1, misuses: 0 }}",
                pool.owner()
            )
        );
        other.read(&grant, &mut Vec::new()).unwrap();
        keeper.tick(&pool, SOON).await.unwrap();
        assert!(pool.release(&grant).is_err());
        assert_eq!(
            state(&zone, &keeper, slot).await,
            format!(
                "BufferState {{ owner: {}, leases: 2, misuses: 1 }}",
                other.owner()
            )
        );
        other.release(&grant).unwrap();
        keeper.tick(&pool, SOON).await.unwrap();
        assert_eq!(
            state(&zone, &keeper, slot).await,
            "BufferState { owner: 0, leases: 2, misuses: 1 }"
        );

        // Asleep: not given out. Awake again: given out again, and told what it slept through.
        let held = loop {
            let grant = publish(&pool).unwrap();
            if slot_of(&grant) == 2 {
                break grant;
            }
            pool.release(&grant).unwrap();
        };
        let asleep = keeper.agent(2).unwrap();
        zone.suspend(asleep).unwrap().within(SOON).await.unwrap();
        shown(&zone, 1, 4).await;
        keeper.tick(&pool, SOON).await.unwrap();
        assert_eq!(zone.totals().kind("buffer").unwrap().asleep, 1);
        pool.release(&held).unwrap();
        let grants: Vec<TensorGrant> = std::iter::from_fn(|| publish(&pool).ok()).collect();
        let mut given: Vec<u32> = grants.iter().map(slot_of).collect();
        given.sort_unstable();
        assert_eq!(given, [0, 1, 3]);
        zone.resume(asleep).unwrap().within(SOON).await.unwrap();
        keeper.tick(&pool, SOON).await.unwrap();
        let awake = state(&zone, &keeper, 2).await;
        assert!(
            awake.contains("owner: 0,") && awake.contains("misuses: 0"),
            "{awake}"
        );
        assert_eq!(slot_of(&publish(&pool).unwrap()), 2);

        // An agent that is gone is replaced, and its successor is told who has the slot.
        let gone = keeper.agent(1).unwrap();
        zone.free(gone).unwrap().within(SOON).await.unwrap();
        shown(&zone, 0, 3).await;
        keeper.tick(&pool, SOON).await.unwrap();
        shown(&zone, 0, 4).await;
        assert_ne!(keeper.agent(1), Some(gone));
        assert_eq!(
            state(&zone, &keeper, 1).await,
            format!(
                "BufferState {{ owner: {}, leases: 1, misuses: 0 }}",
                pool.owner()
            )
        );
        let totals = keeper.totals();
        assert_eq!((totals.misuses, totals.untold), (1, 0));
        assert_eq!(
            zone.totals().counts().misused,
            1,
            "the zone shows the misuse"
        );
        assert_eq!(
            zone.totals().counts().refused(),
            0,
            "no agent was told out of turn"
        );
        tree.stop().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_keeper_asks_no_shard_while_its_agents_are_as_they_were() {
        let zone = Zone::builder("idle")
            .kind::<Buffer>(KindConfig::of::<Buffer>())
            .build()
            .unwrap();
        let tree = Supervisor::start(zone.spec).await.unwrap();
        let zone = zone.population;
        let keeper = BufferKeeper::begin(zone.clone(), SLOTS, SOON)
            .await
            .unwrap();
        let shape = PoolShape {
            slots: SLOTS,
            slot_bytes: 0,
        };
        let pool = in_process::pool(shape, &[3; RANDOM_BYTES])
            .unwrap()
            .observed_by(Arc::clone(&keeper) as Arc<dyn SlotObserver>);
        shown(&zone, 0, 4).await;
        let tick = || async { keeper.tick(&pool, SOON).await.unwrap() };
        assert_eq!(tick().await, 4, "nobody was looked at before");
        for _ in 0..3 {
            assert_eq!(tick().await, 0, "nothing changed");
        }
        pool.release(&publish(&pool).unwrap()).unwrap();
        assert_eq!(tick().await, 0, "a lease changes nobody's life");

        let agent = keeper.agent(2).unwrap();
        zone.suspend(agent).unwrap().within(SOON).await.unwrap();
        shown(&zone, 1, 4).await;
        assert_eq!((tick().await, tick().await), (4, 4), "one may wake");
        zone.resume(agent).unwrap().within(SOON).await.unwrap();
        shown(&zone, 0, 4).await;
        assert_eq!((tick().await, tick().await), (4, 0));

        zone.free(agent).unwrap().within(SOON).await.unwrap();
        shown(&zone, 0, 3).await;
        assert_eq!((tick().await, tick().await), (4, 0), "replaced once");
        assert_ne!(keeper.agent(2), Some(agent));
        tree.stop().await;
    }
}
