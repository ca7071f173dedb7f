//! One world of agents: their directory, keys, records, memory and clock. Two worlds fit in one process and know
//! nothing of each other.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aios_inference::EngineHandle;
use aios_memory::{InMemoryStore, StepLog, Store, StoreError};
use aios_protocols::ports::DataBus;
use aios_protocols::{
    AgentId, Content, IdentityError, KeyDirectory, KeyProblem, KeyRegistry, Message, Party,
    Performative, Printable, PublicKey, Reason as ProtocolReason, RegistryError, Sealed,
    SigningIdentity, TenantId, Tier, Timestamp,
};
use aios_supervisor::{
    ChildHandle, ChildSpec, DeadLetter, DeadLetters, OrderError, Reason, SupervisorRef,
};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};

use crate::agent::{
    AgentError, AgentOptions, AgentState, Audit, AuditSink, Cell, CellParts, Client, Clock, Host,
    HostArguments, Mail, MailView, Maker, MessageCounts, Principal, Snapshot, Steps, SystemClock,
    mail_view, metric,
};
use crate::checkpoints::{Checkpoints, Found};
use crate::departed::{Departed, Floors};
use crate::directory::Directory;
use crate::dormitory::Dormitory;
use crate::factory::{Blueprint, Factories};
use crate::observer::{Observer, Spending};
use crate::recovery::approvals::Owner;
use crate::recovery::{Approvals, Breakers, Waits};
use crate::timers::Timers;

/// Dead letters kept for a look, each a frame of up to a megabyte; the counts remember the rest.
const DEAD_LETTERS: usize = 256;
/// How long messages under way stay valid when a party enrols again with a new key.
pub(crate) const KEY_GRACE: Duration = Duration::from_secs(60);

/// A world. Cheap to clone; clones are the same world.
#[derive(Clone)]
pub struct AgentSystem(Arc<Inner>);

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
    dead_letters: DeadLetters<Sealed>,
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
    platform: Vec<Party>,
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
        let mut platform = self.platform;
        platform.extend(self.post_office.as_ref().map(Party::from));
        let chance = self
            .seed
            .map_or_else(StdRng::from_os_rng, StdRng::seed_from_u64);
        let letters_clock = Arc::new(LettersClock(Arc::clone(&self.clock)));
        let audit = Arc::new(Audit::new(self.audit_sink, self.observer.clone()));
        let told = self.observer.clone();
        let told = move |letter: &DeadLetter<Sealed>| {
            metrics::counter!(metric::DEAD_LETTERS_TOTAL, "reason" => letter.reason.label())
                .increment(1);
            if let Some(observer) = &told {
                observer.dead_letter(letter);
            }
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
            dead_letters: DeadLetters::telling(DEAD_LETTERS, letters_clock, told),
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
            platform,
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

impl AgentSystem {
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
    pub fn dead_letters(&self) -> &DeadLetters<Sealed> {
        &self.0.dead_letters
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
    pub(crate) fn weak(&self) -> impl Fn() -> Option<Self> + Send + 'static {
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

    /// The cell of a new agent: a name, a key, a mailbox, an entry in the directory. It takes messages at once; they
    /// wait until the agent is started.
    pub fn enrol(
        &self,
        id: &AgentId,
        options: AgentOptions,
    ) -> Result<Arc<Cell>, AgentSystemError> {
        let identity = match (options.durable, &self.0.durable_keys) {
            (false, _) => self.identity(id.into()),
            (true, Some(keys)) => keys(id),
            (true, None) => return Err(AgentSystemError::NoDurableKeys(id.clone())),
        };
        self.enrol_with(Arc::new(identity), options)
    }

    /// The same with a key of one's own.
    pub fn enrol_with(
        &self,
        identity: Arc<SigningIdentity>,
        options: AgentOptions,
    ) -> Result<Arc<Cell>, AgentSystemError> {
        let _membership = self.0.membership.lock();
        let now = self.now();
        self.forget_gone();
        let party = identity.party().clone();
        let before = self.directory().get(&party);
        if before
            .as_ref()
            .is_some_and(|cell| cell.state() != AgentState::Offline)
        {
            return Err(AgentSystemError::NameTaken(party));
        }
        // A key of ours ends with its party; one that somebody else entered is theirs to take out.
        let was_ours =
            self.0.departed.lock().back(&party) || before.as_ref().is_some_and(|cell| cell.keyed);
        let found = self.0.keys.key(&party, identity.key_id(), now);
        let keyed = was_ours || found == Err(KeyProblem::UnknownParty);
        let known = found.is_ok();
        let epoch = self.next_epoch(&party, now);
        if !known {
            match self.0.keys.register(&identity.claim(epoch), now) {
                Err(RegistryError::AlreadyRegistered(_)) => {
                    self.succeed(&identity, before.as_deref(), epoch, now)?;
                }
                other => other?,
            }
        }
        let tenant = match party.principal() {
            Some(principal) => TenantId::new(principal.tenant())?,
            None => options
                .tenant
                .clone()
                .unwrap_or_else(|| self.0.tenant.clone()),
        };
        if let Some(before) = &before {
            self.shut(before);
        }
        let floor = self.0.floors.lock().of(&party, now);
        let mail = match party.agent() {
            Some(agent) if options.durable => Some(Mail::open(
                Arc::clone(&self.0.store),
                Arc::clone(&self.0.keys),
                Arc::clone(&self.0.clock),
                agent.clone(),
            )?),
            _ => None,
        };
        let cell = Cell::new(CellParts {
            identity,
            tenant,
            options,
            epoch,
            // What was signed in this very microsecond is not from before our time, unless a predecessor had it.
            begin: floor.max(now - Duration::from_micros(1)),
            platform: self.0.platform.clone(),
            chance: self.0.chance.lock().next_u64(),
            dead_letters: self.0.dead_letters.clone(),
            mail,
            keyed,
            foreign: None,
        });
        if let Some(before) = before {
            *self.0.past.lock() += before.messages();
        }
        if !self.directory().enter(Arc::clone(&cell)) {
            return Err(AgentSystemError::NameTaken(party));
        }
        Ok(cell)
    }

    /// The cell of an agent that signs elsewhere, with a key that is entered when it proves to hold it. What is in the cell's own hands to
    /// sign with is known to nobody, so whatever it should sign all the same is refused by everybody.
    pub(crate) fn enrol_foreign(
        &self,
        id: &AgentId,
        key: PublicKey,
        options: AgentOptions,
    ) -> Result<Arc<Cell>, AgentSystemError> {
        let _membership = self.0.membership.lock();
        let now = self.now();
        self.forget_gone();
        let party = Party::from(id);
        let before = self.directory().get(&party);
        if before
            .as_ref()
            .is_some_and(|cell| cell.state() != AgentState::Offline)
        {
            return Err(AgentSystemError::NameTaken(party));
        }
        self.0.departed.lock().back(&party);
        let epoch = self.next_epoch(&party, now);
        if let Some(before) = &before {
            self.shut(before);
            *self.0.past.lock() += before.messages();
        }
        let floor = self.0.floors.lock().of(&party, now);
        let tenant = options
            .tenant
            .clone()
            .unwrap_or_else(|| self.0.tenant.clone());
        let cell = Cell::new(CellParts {
            identity: Arc::new(self.identity(party.clone())),
            tenant,
            options,
            epoch,
            begin: floor.max(now - Duration::from_micros(1)),
            platform: self.0.platform.clone(),
            chance: self.0.chance.lock().next_u64(),
            dead_letters: self.0.dead_letters.clone(),
            // What is said to it is kept where it is.
            mail: None,
            keyed: true,
            foreign: Some(key),
        });
        if !self.directory().enter(Arc::clone(&cell)) {
            return Err(AgentSystemError::NameTaken(party));
        }
        Ok(cell)
    }

    /// A message did not reach an agent in another process: it is kept as a dead letter, and its sender hears so if it waits for an answer.
    pub(crate) fn not_delivered(
        &self,
        frame: &Sealed,
        message: &Message,
        unreached: &Party,
        why: ProtocolReason,
    ) {
        self.dead_letter(
            frame.clone(),
            Reason::Closed,
            Some(message.sender.as_str().into()),
        );
        let waits = message.performative.expects_reply()
            || message.performative == Performative::AcceptProposal;
        let Some(office) = waits.then(|| self.office()).flatten() else {
            return;
        };
        // Where it went to several, the content names who was not reached, as other platforms write it.
        let content = match message.receivers.len() {
            1 => Content::from(why),
            _ => Content::text(format!(
                "( (action (agent-identifier :name {unreached}) (ACLMessage) ) (MTS-error (agent-identifier :name {unreached}) {why}) )"
            )),
        };
        let draft = message.reply(Performative::Failure, content);
        let sealed = office
            .stamp(draft, self.now())
            .map_err(|error| error.to_string())
            .and_then(|(said, identity)| {
                identity
                    .seal(&said, &office.limits)
                    .map_err(|error| error.to_string())
            });
        let told = sealed.and_then(|frame| {
            let sender = self.directory().get(&message.sender);
            let sender = sender.ok_or_else(|| "its sender is gone".to_owned())?;
            sender
                .offer_reply(frame, Some(office.label()))
                .map_err(|error| error.to_string())
        });
        if let Err(error) = told {
            tracing::debug!(%unreached, %error, "nobody hears that a message did not arrive");
        }
    }

    /// Who says that something did not arrive.
    fn office(&self) -> Option<Arc<Cell>> {
        let (id, cell) = self.0.post_office.as_ref()?;
        if let Some(cell) = cell.get() {
            return Some(Arc::clone(cell));
        }
        match self.enrol(id, AgentOptions::default()) {
            Ok(fresh) => {
                fresh.open_to_nobody();
                Some(Arc::clone(cell.get_or_init(|| fresh)))
            }
            // Somebody else was a moment faster.
            Err(_) => cell.get().cloned(),
        }
    }

    /// Higher than any epoch that the party had here or that its key was entered with.
    fn next_epoch(&self, party: &Party, now: Timestamp) -> u64 {
        self.0.keys.advance(now);
        let removed = self.0.keys.removed_epoch();
        let claimed = self.0.keys.epoch(party).max(removed).unwrap_or(0);
        let mut epoch = self.0.epoch.lock();
        *epoch = (*epoch).max(claimed).saturating_add(1).max(now.as_micros());
        *epoch
    }

    /// The cell admits nothing any more; what a successor must not admit again is remembered.
    fn shut(&self, cell: &Cell) {
        let begin = cell.shut();
        self.0.floors.lock().keep(cell.party(), begin, self.now());
    }

    /// A known party's new key: signed for by its last one where a cell still has that, and replaced on this world's word
    /// where the secret is gone with the cell.
    fn succeed(
        &self,
        identity: &SigningIdentity,
        before: Option<&Cell>,
        epoch: u64,
        now: Timestamp,
    ) -> Result<(), RegistryError> {
        // One that signs elsewhere signs for no successor here.
        if let Some(before) = before.filter(|before| !before.is_foreign()) {
            let claim = identity.claim_after(&before.identity(), epoch);
            match self.0.keys.rotate(&claim, now, KEY_GRACE) {
                Err(RegistryError::NotEndorsed(_)) => {}
                done => return done,
            }
        }
        self.0.keys.replace(&identity.claim(epoch), now, KEY_GRACE)
    }

    fn identity(&self, party: Party) -> SigningIdentity {
        let mut seed = [0; 32];
        self.0.chance.lock().fill_bytes(&mut seed);
        SigningIdentity::from_seed(party, seed)
    }

    /// An agent as a child of any supervisor, made by the constructor of its role. The id of the child is its name.
    ///
    /// The spec is permanent and stops within 5 s unless said otherwise on it.
    pub fn child_spec(
        &self,
        id: &AgentId,
        options: AgentOptions,
    ) -> Result<ChildSpec, AgentSystemError> {
        self.child(id, options).map(|(_, spec)| spec)
    }

    fn child(
        &self,
        id: &AgentId,
        options: AgentOptions,
    ) -> Result<(Arc<Cell>, ChildSpec), AgentSystemError> {
        let make =
            self.0
                .factories
                .get(id.role())
                .ok_or_else(|| AgentSystemError::UnknownRole {
                    role: id.role().to_owned(),
                    known: self.0.factories.roles(),
                })?;
        let blueprint = Blueprint {
            id: id.clone(),
            config: options.config.clone(),
        };
        let cell = self.enrol(id, options)?;
        let spec = self.agent_child_spec(&cell, Arc::new(move || make(&blueprint)));
        Ok((cell, spec))
    }

    /// An agent as a child of any supervisor, made by `make`.
    pub fn agent_child_spec(&self, cell: &Arc<Cell>, make: Maker) -> ChildSpec {
        let system = self.clone();
        let carried = Arc::clone(cell);
        let spec = ChildSpec::from_fn(cell.label(), move |start| {
            let arguments = HostArguments {
                system: system.clone(),
                cell: Arc::clone(&carried),
                maker: Some(Arc::clone(&make)),
            };
            async move {
                Ok(ractor::Actor::spawn_linked(None, Host, arguments, start.supervisor).await?)
            }
        });
        let (system, id) = (self.clone(), cell.party().agent().cloned());
        spec.shows_mailbox(&cell.requests).warm_when(move || {
            id.as_ref()
                .is_some_and(|id| matches!(system.load_snapshot(id), Ok(Some(_))))
        })
    }

    /// Starts an agent of a role under a supervisor, as the next free instance in this world's zone.
    pub async fn spawn(
        &self,
        role: &str,
        supervisor: &SupervisorRef,
        options: AgentOptions,
    ) -> Result<(AgentId, ChildHandle), AgentSystemError> {
        let id = self.next_instance(role)?;
        let handle = self.spawn_as(&id, supervisor, options).await?;
        Ok((id, handle))
    }

    /// Starts an agent of a chosen name under a supervisor.
    pub async fn spawn_as(
        &self,
        id: &AgentId,
        supervisor: &SupervisorRef,
        options: AgentOptions,
    ) -> Result<ChildHandle, AgentSystemError> {
        let (cell, spec) = self.child(id, options)?;
        match supervisor.start_child(spec).await {
            Ok(handle) => Ok(handle),
            Err(error) => {
                self.take_leave_of(&cell);
                Err(error.into())
            }
        }
    }

    /// The next free name of a role in this world's zone.
    pub fn next_instance(&self, role: &str) -> Result<AgentId, AgentSystemError> {
        let (tier, kind) = role
            .split_once('.')
            .ok_or_else(|| IdentityError::Shape(role.to_owned()))?;
        let tier: Tier = tier.parse()?;
        loop {
            let number = self.0.instances.fetch_add(1, Ordering::Relaxed) + 1;
            let id = AgentId::new(tier, kind, &format!("{number:03}"), &self.0.zone)?;
            if self.directory().get(&(&id).into()).is_none() {
                return Ok(id);
            }
        }
    }

    /// Opens a client for somebody outside: a person or program that signs with a key of its own.
    pub async fn client(
        &self,
        principal: impl Into<Principal>,
    ) -> Result<Client, AgentSystemError> {
        let identity = match principal.into() {
            Principal::Named(id) => Arc::new(self.identity(id.into())),
            Principal::WithKey(identity) => identity,
        };
        let cell = self.enrol_with(identity, AgentOptions::default())?;
        Client::open(self, cell).await
    }

    /// Takes a party off the directory. Its key is known for ten minutes more, for what it sent and nobody has taken up yet; a party that
    /// was cut off stays so.
    pub fn leave(&self, party: &Party) {
        let _membership = self.0.membership.lock();
        self.take_out(party);
    }

    /// The same, unless somebody else came under its name since.
    pub(crate) fn take_leave_of(&self, cell: &Arc<Cell>) {
        let _membership = self.0.membership.lock();
        if self.has(cell) {
            self.take_out(cell.party());
        }
    }

    /// Whether the cell is its party's present one.
    fn has(&self, cell: &Arc<Cell>) -> bool {
        let there = self.directory().get(cell.party());
        there.is_some_and(|there| Arc::ptr_eq(&there, cell))
    }

    /// What leaving is; whoever calls it holds `membership`.
    fn take_out(&self, party: &Party) {
        let now = self.now();
        let mut departed = self.0.departed.lock();
        let Some(cell) = self.directory().remove(party) else {
            return;
        };
        *self.0.past.lock() += cell.messages();
        self.shut(&cell);
        if !cell.keyed {
            return;
        }
        for (party, key) in departed.leave(party.clone(), cell.public_key().id(), now) {
            if self.0.keys.key(&party, key, now) != Err(KeyProblem::RevokedParty) {
                self.0.keys.remove(&party);
            }
        }
    }

    /// Takes leave of agents that will not come back, once there are many: their cells, their keys, their snapshots.
    /// Whoever calls it holds `membership`.
    fn forget_gone(&self) {
        for cell in self.directory().gone() {
            if !self.has(&cell) {
                continue;
            }
            self.take_out(cell.party());
            if let Some(id) = cell.party().agent()
                && let Err(error) = self.discard_checkpoints(id)
            {
                tracing::warn!(agent = %id, %error, "the snapshot of an agent that is gone stays");
            }
        }
    }

    /// The last checkpoint of an agent; where it cannot be used, the one before it.
    ///
    /// # Errors
    /// There are some and none can be used, which is not the same as none.
    pub(crate) fn load_snapshot(&self, id: &AgentId) -> Result<Option<Snapshot>, AgentError> {
        match self.0.checkpoints.load(id)? {
            Found::None => Ok(None),
            Found::Usable(snapshot, unusable) => {
                for error in unusable {
                    tracing::error!(agent = %id, %error, "a later checkpoint cannot be used; it goes on from an earlier one, and the later one is set aside with the next");
                }
                Ok(Some(snapshot))
            }
            Found::Unusable(error) => Err(error.into()),
        }
    }

    /// Keeps a checkpoint, and the two before it.
    pub(crate) fn save_snapshot(
        &self,
        id: &AgentId,
        snapshot: &Snapshot,
    ) -> Result<(), StoreError> {
        self.0.checkpoints.save(id, snapshot, self.now())
    }

    /// What is on record of the messages to a durable agent, whether or not it is here: those without an outcome, and the last outcomes.
    ///
    /// # Errors
    /// The store fails.
    pub fn mail(&self, id: &AgentId) -> Result<MailView, StoreError> {
        mail_view(&self.0.store, id)
    }

    /// Throws an agent's checkpoints away: its next incarnation begins as if there had never been one. For one that is parked because they
    /// cannot be read, when nobody has a copy of them.
    ///
    /// # Errors
    /// The store fails.
    pub fn discard_checkpoints(&self, id: &AgentId) -> Result<(), StoreError> {
        self.0.checkpoints.discard(id)
    }
}
