//! One world of agents: their directory, keys, records, memory and clock. Two worlds fit in one process and know
//! nothing of each other.

mod builder;
mod checkpoints;
mod children;
mod membership;
mod post;

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use aios_inference::EngineHandle;
use aios_memory::{StepLog, Store, StoreError};
use aios_protocols::ports::DataBus;
use aios_protocols::{
    AgentId, IdentityError, KeyDirectory, KeyRegistry, Party, Printable, RegistryError, Sealed,
    SigningIdentity, TenantId, Timestamp,
};
use aios_supervisor::{DeadLetters, OrderError, Reason};
use parking_lot::Mutex;
use rand::rngs::StdRng;

pub use builder::AgentSystemBuilder;
pub use checkpoints::{Adopted, NotAdopted};
pub(crate) use membership::KEY_GRACE;

use crate::agent::{
    AgentOptions, Audit, AuditEntry, Cell, Clock, MessageCounts, Meters, Sayings, Steps,
};
use crate::checkpoints::Checkpoints;
use crate::departed::{Departed, Floors};
use crate::directory::Directory;
use crate::dormitory::Dormitory;
use crate::factory::Factories;
use crate::observer::{Observer, Spending};
use crate::recovery::{Approvals, Breakers, Waits};
use crate::remains::{Remains, Unheard};
use crate::timers::Timers;

/// A world. Cheap to clone; clones are the same world.
#[derive(Clone)]
pub struct AgentSystem(Arc<Inner>);

/// A world, for who lives in it and does not keep it: its tools, which would hold each other and the storage folder for ever.
#[derive(Clone)]
pub struct WeakAgentSystem(Weak<Inner>);

impl WeakAgentSystem {
    /// The world, while it is there.
    #[must_use]
    pub fn upgrade(&self) -> Option<AgentSystem> {
        self.0.upgrade().map(AgentSystem)
    }
}

struct Inner {
    directory: Directory,
    factories: Factories,
    keys: Arc<KeyRegistry>,
    /// Held by whoever comes or goes, so that of two who come under one name the second changes nothing. Taken before
    /// every other lock here.
    membership: Mutex<()>,
    departed: Mutex<Departed>,
    audit: Arc<Audit>,
    observer: Option<Arc<dyn Observer>>,
    dead_letters: Unheard,
    steps: Steps,
    store: Arc<dyn Store>,
    engine: Option<EngineHandle>,
    bus: Option<Arc<dyn DataBus>>,
    clock: Arc<dyn Clock>,
    chance: Mutex<StdRng>,
    /// Where the walk through the names of spans is.
    spans: AtomicU64,
    tenant: TenantId,
    zone: String,
    /// The highest epoch that anybody had here: one for all, so that nobody who comes again has one that is not his newest.
    epoch: Mutex<u64>,
    floors: Mutex<Floors>,
    /// Who may report that a message did not arrive.
    platform: Arc<BTreeSet<Party>>,
    /// What the agents of each role count together.
    meters: Mutex<HashMap<String, Arc<Meters>>>,
    /// The numbers that the last who came was given: nearly all have the same, and share them.
    options: Mutex<Arc<AgentOptions>>,
    /// What the agents of each role say about themselves.
    sayings: Mutex<Sayings>,
    /// Says that a message did not arrive; it comes when it has something to say.
    post_office: Option<(AgentId, OnceLock<Arc<Cell>>)>,
    instances: AtomicU64,
    /// What agents that are gone had sent, verified and refused.
    past: Mutex<MessageCounts>,
    breakers: Breakers,
    waits: Waits,
    approvals: Approvals,
    timers: Arc<Timers>,
    dormitory: OnceLock<Arc<Dormitory>>,
    /// How the keys of durable agents are found.
    durable_keys: Option<Arc<DurableKeys>>,
    checkpoints: Checkpoints,
}

/// The identity of a durable agent, the same in each process.
type DurableKeys = dyn Fn(&AgentId) -> SigningIdentity + Send + Sync;

/// Why somebody did not become part of the world.
#[derive(Debug, thiserror::Error)]
pub enum AgentSystemError {
    /// No constructor for the role.
    #[error("`{}` cannot be spawned; known are: {}", Printable(.role), known.join(", "))]
    UnknownRole {
        /// The role asked for.
        role: String,
        /// The roles there are.
        known: Vec<String>,
    },
    /// The name is no name.
    #[error(transparent)]
    Name(#[from] IdentityError),
    /// Somebody of this name is here.
    #[error("{0} is already here; choose another instance or stop it first")]
    NameTaken(Party),
    /// The key registry refuses.
    #[error(transparent)]
    Key(#[from] RegistryError),
    /// The supervisor did not start it.
    #[error(transparent)]
    NotStarted(#[from] OrderError),
    /// A client did not open.
    #[error("the client did not open: {0}")]
    Client(String),
    /// A durable agent would have another key in each process.
    #[error(
        "{0} is durable and needs a key that outlasts the process; say where this world has such keys from"
    )]
    NoDurableKeys(AgentId),
    /// Nobody sleeps here.
    #[error("agents do not sleep in this world; let them first")]
    Awake,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AgentSystem {
    /// The same world, not kept by whoever holds this.
    #[must_use]
    pub fn downgrade(&self) -> WeakAgentSystem {
        WeakAgentSystem(Arc::downgrade(&self.0))
    }

    /// Begins to describe a world.
    #[must_use]
    pub fn builder() -> AgentSystemBuilder {
        AgentSystemBuilder::default()
    }

    /// Who is here.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.0.directory
    }

    /// How agents are made.
    #[must_use]
    pub fn factories(&self) -> &Factories {
        &self.0.factories
    }

    /// Whose keys are valid.
    #[must_use]
    pub fn key_registry(&self) -> &Arc<KeyRegistry> {
        &self.0.keys
    }

    pub(crate) fn keys(&self) -> &dyn KeyDirectory {
        self.0.keys.as_ref()
    }

    /// Every refusal.
    #[must_use]
    pub fn audit(&self) -> &Audit {
        &self.0.audit
    }

    /// Who looks at the messages now, if somebody does.
    pub(crate) fn looking(&self) -> Option<&dyn Observer> {
        let observer = self.0.observer.as_deref()?;
        observer.looks().then_some(observer)
    }

    /// Whether anybody traces what is done.
    pub(crate) fn tracing(&self) -> bool {
        self.observer().is_some_and(Observer::traces)
    }

    /// A name for a span.
    pub(crate) fn fresh_span(&self) -> [u8; 8] {
        // Every span has one, so nobody waits for another: a walk through all numbers from one that chance chose, mixed as SplitMix64 does.
        let mut name = self
            .0
            .spans
            .fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        name = (name ^ (name >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        name = (name ^ (name >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let mut name = (name ^ (name >> 31)).to_be_bytes();
        // Zeros alone are no name.
        name[0] |= 1;
        name
    }

    /// Tells whoever looks what a piece of work took so far.
    pub fn tell_spent(&self, spending: &Spending<'_>) {
        if let Some(observer) = self.observer() {
            observer.spent(spending);
        }
    }

    pub(crate) fn observer(&self) -> Option<&dyn Observer> {
        self.0.observer.as_deref()
    }

    /// What was not delivered.
    #[must_use]
    pub fn dead_letters(&self) -> &DeadLetters<Remains> {
        &self.0.dead_letters.letters
    }

    /// Where snapshots and steps are kept.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.0.store
    }

    /// The model, if there is one.
    #[must_use]
    pub fn engine(&self) -> Option<&EngineHandle> {
        self.0.engine.as_ref()
    }

    /// Puts something that is no message and was refused in this world's name on record: a frame of a bus, say.
    pub fn refused(&self, by: Party, from: Option<Party>, label: &'static str, reason: String) {
        self.audit().record(AuditEntry {
            at: self.now(),
            by,
            from,
            label,
            reason,
            message: None,
        });
    }

    /// The data bus, if there is one.
    #[must_use]
    pub fn bus(&self) -> Option<&Arc<dyn DataBus>> {
        self.0.bus.as_ref()
    }

    /// The circuit breakers of this world's services.
    #[must_use]
    pub fn breakers(&self) -> &Breakers {
        &self.0.breakers
    }

    /// Who waits for whom.
    #[must_use]
    pub fn waits(&self) -> &Waits {
        &self.0.waits
    }

    pub(crate) fn timers(&self) -> &Timers {
        &self.0.timers
    }

    pub(crate) fn dormitory(&self) -> Option<&Arc<Dormitory>> {
        self.0.dormitory.get()
    }

    pub(crate) fn set_dormitory(&self, dormitory: Arc<Dormitory>) -> Result<(), Arc<Dormitory>> {
        self.0.dormitory.set(dormitory)
    }

    /// This world as long as somebody else holds it.
    pub fn weak(&self) -> impl Fn() -> Option<Self> + Send + Sync + 'static {
        let world = Arc::downgrade(&self.0);
        move || world.upgrade().map(Self)
    }

    /// From now on agents are woken by timers that were set before this process began, if there are any.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn keep_timers(&self) -> Result<(), StoreError> {
        if self.0.timers.read(self.0.store.as_ref())? {
            self.start_timers();
        }
        Ok(())
    }

    /// Timers wake nobody any more; they stay on record.
    pub fn stop_timers(&self) {
        self.0.timers.stop();
    }

    /// Waits for timers, for as long as this world is there.
    pub(crate) fn start_timers(&self) {
        if self.0.timers.kept.swap(true, Ordering::AcqRel) {
            return;
        }
        let (world, timers) = (self.weak(), Arc::clone(&self.0.timers));
        tokio::spawn(async move {
            while !timers.is_stopped() {
                // The world is not held while nothing is due: whoever lets go of it is not kept waiting.
                let now = {
                    let Some(system) = world() else { return };
                    for name in timers.fall_due(system.now()) {
                        system.ring(&name);
                    }
                    system.now()
                };
                timers.pass(now).await;
            }
        });
    }

    /// Tells an agent that there is something to do, and wakes one that sleeps. One that is not here finds it when it comes.
    fn ring(&self, name: &str) {
        let Ok(id) = name.parse::<AgentId>() else {
            return;
        };
        match self.directory().get(&Party::from(&id)) {
            Some(cell) => cell.notifier.wake(),
            None => drop(self.wake(&id)),
        }
    }

    /// Wakes an agent that sleeps.
    pub(crate) fn wake(&self, id: &AgentId) -> Option<Arc<Cell>> {
        let woken = self.dormitory()?.wake(self, id);
        match woken {
            // Somebody else was quicker.
            Ok(None) => self.directory().get(&Party::from(id)),
            Ok(woken) => woken,
            Err(error) => {
                tracing::error!(agent = %id, %error, "an agent could not be woken");
                None
            }
        }
    }

    /// What humans are asked.
    #[must_use]
    pub fn approvals(&self) -> &Approvals {
        &self.0.approvals
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Whose agents these are when nothing else is said.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.0.tenant
    }

    /// The log of durable steps, for whoever decides when they end.
    #[must_use]
    pub fn step_log(&self) -> &StepLog {
        self.0.steps.log()
    }

    pub(crate) fn steps(&self) -> &Steps {
        &self.0.steps
    }

    /// What everybody here ever sent, verified and refused.
    #[must_use]
    pub fn messages(&self) -> MessageCounts {
        let mut sum = *self.0.past.lock();
        for cell in self.0.directory.cells() {
            sum += cell.messages();
        }
        sum
    }

    /// Keeps what could not be delivered.
    pub(crate) fn dead_letter(&self, frame: Sealed, reason: Reason, sender: Option<Arc<str>>) {
        self.0.dead_letters.push(frame, reason, sender);
    }
}
