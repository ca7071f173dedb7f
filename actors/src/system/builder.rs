//! What a world is made of.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aios_inference::EngineHandle;
use aios_memory::{InMemoryStore, Store};
use aios_protocols::ports::DataBus;
use aios_protocols::{AgentId, KeyDirectory, KeyRegistry, Party, SigningIdentity, TenantId};
use aios_supervisor::{DeadLetter, DeadLetters, Room};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};

use super::{AgentSystem, DurableKeys, Inner};
use crate::agent::{Audit, AuditSink, Clock, Steps, SystemClock, metric};
use crate::checkpoints::Checkpoints;
use crate::directory::Directory;
use crate::factory::Factories;
use crate::observer::Observer;
use crate::recovery::approvals::Owner;
use crate::recovery::{Approvals, Breakers, Waits};
use crate::remains::{Remains, Unheard};

/// Dead letters kept for a look; the counts remember the rest.
const DEAD_LETTERS: usize = 256;
/// Bytes of them together: a few of the largest, or all if they are of ordinary size.
const DEAD_LETTER_BYTES: usize = 8 << 20;

/// What a world is made of; everything has a default that needs nothing outside the process.
pub struct AgentSystemBuilder {
    clock: Arc<dyn Clock>,
    seed: Option<u64>,
    store: Arc<dyn Store>,
    engine: Option<EngineHandle>,
    bus: Option<Arc<dyn DataBus>>,
    audit_sink: Option<Arc<dyn AuditSink>>,
    observer: Option<Arc<dyn Observer>>,
    keys: Arc<KeyRegistry>,
    tenant: TenantId,
    zone: String,
    owner: Option<Owner>,
    platform: Vec<Party>,
    post_office: Option<AgentId>,
    durable_keys: Option<Arc<DurableKeys>>,
    signer: Option<Arc<SigningIdentity>>,
}

impl Default for AgentSystemBuilder {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            seed: None,
            store: Arc::new(InMemoryStore::default()),
            engine: None,
            bus: None,
            audit_sink: None,
            observer: None,
            keys: Arc::default(),
            tenant: TenantId::new("local").expect("`local` is a sound name of a tenant"),
            zone: "global".to_owned(),
            owner: None,
            platform: Vec::new(),
            post_office: None,
            durable_keys: None,
            signer: None,
        }
    }
}

impl AgentSystemBuilder {
    /// Where it takes the time from.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Makes all keys and names reproducible. For tests only: whoever knows the seed can sign.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Where snapshots and durable steps are kept.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = store;
        self
    }

    /// The model that agents think with.
    #[must_use]
    pub fn engine(mut self, engine: EngineHandle) -> Self {
        self.engine = Some(engine);
        self
    }

    /// Where events are published.
    #[must_use]
    pub fn bus(mut self, bus: Arc<dyn DataBus>) -> Self {
        self.bus = Some(bus);
        self
    }

    /// Who keeps the audit trail.
    #[must_use]
    pub fn audit_sink(mut self, sink: Arc<dyn AuditSink>) -> Self {
        self.audit_sink = Some(sink);
        self
    }

    /// Who looks at what agents say to each other.
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// A key registry that others share, such as the security agent.
    #[must_use]
    pub fn keys(mut self, keys: Arc<KeyRegistry>) -> Self {
        self.keys = keys;
        self
    }

    /// Whose agents these are when nothing else is said.
    #[must_use]
    pub fn tenant(mut self, tenant: TenantId) -> Self {
        self.tenant = tenant;
        self
    }

    /// The zone of agents that are spawned by role.
    #[must_use]
    pub fn zone(mut self, zone: impl Into<String>) -> Self {
        self.zone = zone.into();
        self
    }

    /// The human who decides what agents propose.
    #[must_use]
    pub fn owner(mut self, owner: Owner) -> Self {
        self.owner = Some(owner);
        self
    }

    /// Believes these parties, and nobody else, when they report by `failure` that a message did not arrive. A gateway of
    /// [`crate::outside`] needs none: it speaks for whoever was not reached.
    #[must_use]
    pub fn platform(mut self, parties: impl IntoIterator<Item = Party>) -> Self {
        self.platform = parties.into_iter().collect();
        self
    }

    /// In whose name it is said that a message did not reach an agent in another process. Everybody here believes it.
    #[must_use]
    pub fn post_office(mut self, id: AgentId) -> Self {
        self.post_office = Some(id);
        self
    }

    /// Where durable agents have their keys from: the same key for the same name in each process, known to nobody else.
    #[must_use]
    pub fn durable_keys(
        mut self,
        keys: impl Fn(&AgentId) -> SigningIdentity + Send + Sync + 'static,
    ) -> Self {
        self.durable_keys = Some(Arc::new(keys));
        self
    }

    /// Who stands for checkpoints with a key that outlasts the process. Without one they are not signed; with one, what it did not sign is
    /// not taken up.
    #[must_use]
    pub fn signer(mut self, signer: Arc<SigningIdentity>) -> Self {
        self.signer = Some(signer);
        self
    }

    /// The world.
    #[must_use]
    pub fn build(self) -> AgentSystem {
        let mut platform: BTreeSet<Party> = self.platform.into_iter().collect();
        platform.extend(self.post_office.as_ref().map(Party::from));
        let chance = self
            .seed
            .map_or_else(StdRng::from_os_rng, StdRng::seed_from_u64);
        let letters_clock = Arc::new(LettersClock(Arc::clone(&self.clock)));
        let audit = Arc::new(Audit::new(self.audit_sink, self.observer.clone()));
        let told = self.observer.clone();
        let told = move |letter: &DeadLetter<Remains>| {
            metrics::counter!(metric::DEAD_LETTERS_TOTAL, "reason" => letter.reason.label())
                .increment(1);
            if let Some(observer) = &told {
                observer.dead_letter(letter);
            }
        };
        let room = Room {
            letters: DEAD_LETTERS,
            bytes: DEAD_LETTER_BYTES,
            weigh: Remains::kept_bytes,
        };
        let approvals = Approvals::new(
            Arc::clone(&self.store),
            self.tenant.clone(),
            Arc::clone(&self.clock),
            self.owner,
            Arc::clone(&self.keys) as Arc<dyn KeyDirectory>,
            Arc::clone(&audit),
        );
        let steps = Steps::new(Arc::clone(&self.store), Arc::clone(&self.clock));
        let dead_letters = Unheard {
            letters: DeadLetters::telling(room, letters_clock, told),
            keys: Arc::clone(&self.keys),
            clock: Arc::clone(&self.clock),
        };
        AgentSystem(Arc::new(Inner {
            directory: Directory::default(),
            factories: Factories::default(),
            keys: self.keys,
            membership: Mutex::default(),
            departed: Mutex::default(),
            audit,
            observer: self.observer,
            breakers: Breakers::new(Arc::clone(&self.clock), self.bus.clone()),
            waits: Waits::default(),
            timers: Arc::default(),
            dormitory: OnceLock::new(),
            durable_keys: self.durable_keys,
            checkpoints: Checkpoints::new(Arc::clone(&self.store), self.signer),
            approvals,
            dead_letters,
            steps,
            store: self.store,
            engine: self.engine,
            bus: self.bus,
            clock: self.clock,
            // Not taken from it: what is drawn for messages is the same with a seed.
            spans: AtomicU64::new(chance.clone().next_u64()),
            chance: Mutex::new(chance),
            tenant: self.tenant,
            zone: self.zone,
            epoch: Mutex::default(),
            floors: Mutex::default(),
            platform: Arc::new(platform),
            meters: Mutex::default(),
            options: Mutex::default(),
            sayings: Mutex::default(),
            post_office: self.post_office.map(|id| (id, OnceLock::new())),
            instances: AtomicU64::new(0),
            past: Mutex::default(),
        }))
    }
}

/// Dead letters tell the time since the Unix epoch.
struct LettersClock(Arc<dyn Clock>);

impl aios_supervisor::Clock for LettersClock {
    fn now(&self) -> Duration {
        Duration::from_micros(self.0.now().as_micros())
    }
}
