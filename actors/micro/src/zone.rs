//! A zone: some kinds of agents, each spread over shards, as one subtree of the supervision tree.
//!
//! The zone is described as data and checked before anything runs; what comes out is a supervisor's spec for the tree and
//! the population, the door for everybody else.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aios_protocols::AgentId;
use aios_protocols::Tier;
use aios_supervisor::{ChildSpec, Strategy, SupervisorSpec};
use parking_lot::Mutex;

use crate::arena::ArenaConfig;
use crate::handle::SLOTS_PER_SHARD;
use crate::kind::Kind;
use crate::population::{KindEntry, Population};
use crate::port::Port;
use crate::shard::{Births, Shard, ShardArguments};
use crate::step::StepConfig;
use crate::window::Window;
use crate::worker::Clock;
use crate::{Intensity, Restart};

/// Falls of shards a zone answers by itself before it gives up and its own supervisor decides.
const SHARD_INTENSITY: (u32, Duration) = (10, Duration::from_secs(10));

/// The resources agents stand for: where a shard's agents come from when it starts, and again when it has fallen.
#[derive(Clone, Default)]
pub enum Source {
    /// None are known beforehand; agents come by the population's orders and are gone when their shard falls.
    #[default]
    Orders,
    /// One agent for each number.
    Range(Range<u64>),
    /// One agent for each resource that exists at that moment, as whoever manages them tells.
    Listed(Arc<dyn Fn() -> Vec<u64> + Send + Sync>),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Orders => f.write_str("Orders"),
            Self::Range(range) => write!(f, "Range({range:?})"),
            Self::Listed(_) => f.write_str("Listed(..)"),
        }
    }
}

/// How one kind lives in a zone.
#[derive(Debug, Clone)]
pub struct KindConfig {
    /// Shards it is spread over, each with a thread of its own; as many as cores that should work for it.
    pub shards: u8,
    /// Most agents in the zone, divided among the shards.
    pub capacity: u32,
    /// Where its agents come from.
    pub source: Source,
    /// When an agent that ended comes back.
    pub restart: Restart,
    /// How many may come back within a window, in the whole zone.
    pub intensity: Intensity,
    /// Events that may wait at one shard, those its agents sent each other, and those on the way to other shards. Each
    /// takes 24 bytes; the first two are held twice.
    pub inbox: usize,
    /// See `inbox`.
    pub near: usize,
    /// See `inbox`.
    pub far: usize,
    /// Freed slots that wait before one is taken again, per shard.
    pub quarantine: u32,
    /// Agents there should be; fewer than four fifths raise an alert. Known by itself for [`Source::Range`].
    pub expected: Option<u64>,
    /// Whether zones of other processes may speak to its agents over a link. A kind that takes orders from what it stands for, as a
    /// connection does from its socket, is closed to them.
    pub open_to_links: bool,
}

impl KindConfig {
    /// What the kind itself says, on one shard.
    pub fn of<K: Kind>() -> Self {
        Self {
            shards: 1,
            capacity: SLOTS_PER_SHARD,
            source: Source::Orders,
            restart: K::RESTART,
            intensity: K::INTENSITY,
            inbox: 65_536,
            near: 65_536,
            far: 16_384,
            quarantine: ArenaConfig::default().quarantine,
            expected: None,
            open_to_links: false,
        }
    }
}

/// What is wrong with a zone as described.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ZoneError {
    /// The zone's or a kind's name cannot stand in an identity.
    #[error(transparent)]
    Name(#[from] aios_protocols::IdentityError),
    /// A kind is there twice.
    #[error("kind `{0}` is added twice; give it one configuration")]
    Twice(&'static str),
    /// A kind without shards, or with queues of no size.
    #[error(
        "kind `{0}` has no shard or a queue of size 0; every shard count and queue size must be at least 1"
    )]
    Nothing(&'static str),
    /// More shards than a handle can number.
    #[error("{asked} shards asked for, {allowed} allowed from number {first} on; use fewer")]
    Shards {
        /// Shards described.
        asked: usize,
        /// Shards possible.
        allowed: usize,
        /// Number of the first.
        first: u8,
    },
    /// The range of resources is larger than the capacity.
    #[error(
        "kind `{kind}` has {asked} resources, {allowed} agents are allowed; raise its capacity or its shards"
    )]
    Crowded {
        /// The kind.
        kind: &'static str,
        /// Resources.
        asked: u64,
        /// Capacity.
        allowed: u64,
    },
}

/// A zone ready to run.
#[derive(Debug)]
pub struct Zone {
    /// Its subtree, to start by itself; [`Zone::into_child`] hangs it into a tree.
    pub spec: SupervisorSpec,
    /// The door to its agents; clone it freely.
    pub population: Population,
}

type MakeShards = Box<dyn FnOnce(&Arc<[Arc<Port>]>, &Clock) -> Vec<ChildSpec>>;

/// Describes a zone.
pub struct ZoneBuilder {
    name: String,
    clock: Clock,
    first_shard: u8,
    kinds: Vec<(KindEntry, KindConfig, MakeShards)>,
    ports: Vec<Arc<Port>>,
}

impl Zone {
    /// A zone without kinds. Its clock is the machine's; numbering of shards starts at 0.
    pub fn builder(name: impl Into<String>) -> ZoneBuilder {
        let started = Instant::now();
        ZoneBuilder {
            name: name.into(),
            clock: Arc::new(move || started.elapsed()),
            first_shard: 0,
            kinds: Vec::new(),
            ports: Vec::new(),
        }
    }

    /// The zone as a child of a supervisor, one node that shows the zone's totals, and the door to its agents.
    pub fn into_child(self) -> (ChildSpec, Population) {
        let shown = self.population.clone();
        let child = ChildSpec::supervisor(self.spec).shows_note(move || shown.totals().to_string());
        (child, self.population)
    }
}

impl ZoneBuilder {
    /// Takes the time from elsewhere: milliseconds since an epoch of the embedder's choice.
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Numbers shards from here on. Zones of one node take different numbers, so that a handle of one zone is refused
    /// by another.
    #[must_use]
    pub fn first_shard(mut self, number: u8) -> Self {
        self.first_shard = number;
        self
    }

    /// Adds a kind.
    #[must_use]
    pub fn kind<K: Kind>(mut self, config: KindConfig) -> Self {
        let window = Arc::new(Mutex::new(Window::new(config.intensity)));
        let first = self.ports.len();
        for offset in 0..usize::from(config.shards) {
            let number = (usize::from(self.first_shard) + first + offset) as u8; // checked by `build` before it is used
            self.ports
                .push(Arc::new(Port::new(K::NAME, number, config.inbox)));
        }
        let expected = match &config.source {
            Source::Range(range) => config
                .expected
                .or(Some(range.end.saturating_sub(range.start))),
            _ => config.expected,
        };
        let entry = KindEntry {
            name: K::NAME,
            bytes: K::BYTES,
            first,
            shards: config.shards.into(),
            expected,
            open_to_links: config.open_to_links,
        };
        let own = config.clone();
        let make: MakeShards = Box::new(move |peers, clock| {
            let shards = u32::from(own.shards);
            let shard = |index: u32| {
                let arena = ArenaConfig {
                    capacity: own.capacity.div_ceil(shards),
                    quarantine: own.quarantine,
                    first_generation: 1,
                };
                let arguments = ShardArguments {
                    port: Arc::clone(&peers[first + index as usize]),
                    peers: Arc::clone(peers),
                    clock: Arc::clone(clock),
                    config: StepConfig {
                        arena,
                        near: own.near,
                        far: own.far,
                        restart: own.restart,
                        intensity: own.intensity,
                    },
                    window: Arc::clone(&window),
                    births: births(own.source.clone(), u64::from(index), u64::from(shards)),
                };
                let shown = Arc::clone(&arguments.port);
                ChildSpec::worker(format!("{}-{index}", K::NAME), move || {
                    (Shard::<K>::new(), arguments.clone())
                })
                .shows_note(move || shown.note())
            };
            (0..shards).map(shard).collect()
        });
        self.kinds.push((entry, config, make));
        self
    }

    /// Checks the description.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn build(self) -> Result<Zone, ZoneError> {
        let allowed = 256 - usize::from(self.first_shard);
        if self.ports.len() > allowed {
            return Err(ZoneError::Shards {
                asked: self.ports.len(),
                allowed,
                first: self.first_shard,
            });
        }
        for (at, (entry, config, _)) in self.kinds.iter().enumerate() {
            AgentId::new(Tier::Micro, entry.name, "0x0", &self.name)?;
            if self.kinds[..at]
                .iter()
                .any(|(other, ..)| other.name == entry.name)
            {
                return Err(ZoneError::Twice(entry.name));
            }
            if config.shards == 0 || config.inbox == 0 || config.near == 0 || config.far == 0 {
                return Err(ZoneError::Nothing(entry.name));
            }
            let most = u64::from(config.capacity)
                .min(u64::from(SLOTS_PER_SHARD) * u64::from(config.shards));
            if let Source::Range(range) = &config.source
                && range.end.saturating_sub(range.start) > most
            {
                let asked = range.end - range.start;
                return Err(ZoneError::Crowded {
                    kind: entry.name,
                    asked,
                    allowed: most,
                });
            }
        }
        let ports: Arc<[Arc<Port>]> = self.ports.into();
        let mut spec = SupervisorSpec::new(format!("zone-{}", self.name))
            .strategy(Strategy::OneForOne)
            .intensity(SHARD_INTENSITY.0, SHARD_INTENSITY.1);
        let mut entries = Vec::new();
        for (entry, _, make) in self.kinds {
            spec = spec.children(make(&ports, &self.clock));
            entries.push(entry);
        }
        let population = Population::new(self.name.into(), ports, entries, self.clock);
        Ok(Zone { spec, population })
    }
}

/// The part of a kind's resources that one of its shards brings to life: equal runs, so that neighbours stay neighbours.
fn births(source: Source, index: u64, shards: u64) -> Births {
    Arc::new(move || match &source {
        Source::Orders => Box::new(std::iter::empty()),
        Source::Range(range) => Box::new(part(range.clone(), index, shards)),
        Source::Listed(list) => {
            let all = list();
            let part = part(0..all.len() as u64, index, shards);
            Box::new(
                part.filter_map(move |at| all.get(at as usize).copied())
                    .collect::<Vec<_>>()
                    .into_iter(),
            )
        }
    })
}

fn part(whole: Range<u64>, index: u64, parts: u64) -> Range<u64> {
    let size = (whole.end.saturating_sub(whole.start)).div_ceil(parts);
    let edge = |at: u64| (whole.start + at * size).min(whole.end);
    edge(index)..edge(index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Counter;

    #[test]
    fn parts_cover_the_whole_once() {
        for (whole, parts) in [(0..10, 3), (5..5, 2), (7..8, 4), (0..4_000_000, 2)] {
            let joined: Vec<u64> = (0..parts)
                .flat_map(|index| part(whole.clone(), index, parts))
                .collect();
            assert!(
                joined.iter().copied().eq(whole.clone()),
                "{whole:?} in {parts}"
            );
        }
    }

    #[test]
    fn zones_that_cannot_work_are_refused_before_anything_runs() {
        let good = KindConfig {
            inbox: 8,
            near: 8,
            far: 8,
            ..KindConfig::of::<Counter>()
        };
        let zone = |config: KindConfig| {
            Zone::builder("numa-0")
                .kind::<Counter>(config)
                .build()
                .err()
        };
        assert_eq!(zone(good.clone()), None);
        assert_eq!(
            zone(KindConfig {
                shards: 0,
                ..good.clone()
            }),
            Some(ZoneError::Nothing("counter"))
        );
        assert_eq!(
            zone(KindConfig {
                far: 0,
                ..good.clone()
            }),
            Some(ZoneError::Nothing("counter"))
        );
        let crowded = KindConfig {
            capacity: 9,
            source: Source::Range(0..10),
            ..good.clone()
        };
        assert_eq!(
            zone(crowded),
            Some(ZoneError::Crowded {
                kind: "counter",
                asked: 10,
                allowed: 9
            })
        );
        let twice = Zone::builder("z")
            .kind::<Counter>(good.clone())
            .kind::<Counter>(good.clone())
            .build();
        assert_eq!(twice.err(), Some(ZoneError::Twice("counter")));
        assert!(matches!(
            Zone::builder("no zone")
                .kind::<Counter>(good.clone())
                .build(),
            Err(ZoneError::Name(_))
        ));
        let many = Zone::builder("z")
            .first_shard(200)
            .kind::<Counter>(KindConfig { shards: 60, ..good })
            .build();
        assert_eq!(
            many.err(),
            Some(ZoneError::Shards {
                asked: 60,
                allowed: 56,
                first: 200
            })
        );
    }
}
