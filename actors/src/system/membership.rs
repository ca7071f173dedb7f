//! Who comes into a world and leaves it: names, keys, cells.

use std::sync::Arc;
use std::time::Duration;

use aios_protocols::{
    AgentCard, AgentId, KeyDirectory, KeyProblem, Party, PublicKey, RegistryError, SigningIdentity,
    TenantId, Timestamp,
};
use rand::RngCore;

use super::{AgentSystem, AgentSystemError};
use crate::agent::{AgentOptions, AgentState, Cell, CellParts, Mail, Meters, Said};

/// How long messages under way stay valid when a party enrols again with a new key.
pub(crate) const KEY_GRACE: Duration = Duration::from_secs(60);

/// Whoever comes.
struct Newcomer {
    identity: Arc<SigningIdentity>,
    tenant: TenantId,
    options: AgentOptions,
    epoch: u64,
    /// Its key goes when it goes.
    keyed: bool,
    /// The key of one that signs elsewhere.
    foreign: Option<PublicKey>,
}

impl AgentSystem {
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
        let party = identity.party().clone();
        let before = self.before(&party)?;
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
        let newcomer = Newcomer {
            identity,
            tenant,
            options,
            epoch,
            keyed,
            foreign: None,
        };
        self.enter(newcomer, before, now)
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
        let party = Party::from(id);
        let before = self.before(&party)?;
        self.0.departed.lock().back(&party);
        let epoch = self.next_epoch(&party, now);
        let tenant = options.tenant.clone();
        let newcomer = Newcomer {
            identity: Arc::new(self.identity(party)),
            tenant: tenant.unwrap_or_else(|| self.0.tenant.clone()),
            options,
            epoch,
            keyed: true,
            foreign: Some(key),
        };
        self.enter(newcomer, before, now)
    }

    /// Makes the cell of whoever comes, in the place of the one before; whoever calls it holds `membership`.
    fn enter(
        &self,
        newcomer: Newcomer,
        before: Option<Arc<Cell>>,
        now: Timestamp,
    ) -> Result<Arc<Cell>, AgentSystemError> {
        let party = newcomer.identity.party().clone();
        if let Some(before) = &before {
            self.shut(before);
        }
        let floor = self.0.floors.lock().of(&party, now);
        let mail = match party.agent() {
            // What is said to one that signs elsewhere is kept where it is.
            Some(agent) if newcomer.options.durable && newcomer.foreign.is_none() => {
                Some(Mail::open(
                    Arc::clone(&self.0.store),
                    Arc::clone(&self.0.keys),
                    Arc::clone(&self.0.clock),
                    agent.clone(),
                    Arc::clone(&newcomer.identity),
                )?)
            }
            _ => None,
        };
        let cell = Cell::new(CellParts {
            identity: newcomer.identity,
            tenant: newcomer.tenant,
            options: self.shared(newcomer.options),
            epoch: newcomer.epoch,
            // What was signed in this very microsecond is not from before our time, unless a predecessor had it.
            begin: floor.max(now - Duration::from_micros(1)),
            platform: Arc::clone(&self.0.platform),
            chance: self.0.chance.lock().next_u64(),
            dead_letters: self.0.dead_letters.clone(),
            mail,
            keyed: newcomer.keyed,
            foreign: newcomer.foreign,
            meters: self.meters(&party),
        });
        if let Some(before) = before {
            *self.0.past.lock() += before.messages();
        }
        if !self.directory().enter(Arc::clone(&cell)) {
            return Err(AgentSystemError::NameTaken(party));
        }
        Ok(cell)
    }

    /// The same numbers in one place for all who have them.
    fn shared(&self, options: AgentOptions) -> Arc<AgentOptions> {
        let mut last = self.0.options.lock();
        if **last != options {
            *last = Arc::new(options);
        }
        Arc::clone(&last)
    }

    /// What an agent says about itself, in one place with those who say the same.
    pub(crate) fn said(&self, card: AgentCard) -> Said {
        self.0.sayings.lock().share(card)
    }

    /// What a party counts together with the others of its role.
    fn meters(&self, party: &Party) -> Arc<Meters> {
        let role = party.agent().map_or("principal", AgentId::role);
        let mut all = self.0.meters.lock();
        if let Some(meters) = all.get(role) {
            return Arc::clone(meters);
        }
        let meters = Arc::new(Meters::of(role));
        all.insert(role.to_owned(), Arc::clone(&meters));
        meters
    }

    /// Whoever had the name before, if nobody has it now; whoever calls it holds `membership`.
    fn before(&self, party: &Party) -> Result<Option<Arc<Cell>>, AgentSystemError> {
        self.forget_gone();
        let before = self.directory().get(party);
        let here = |cell: &Arc<Cell>| cell.state() != AgentState::Offline;
        if before.as_ref().is_some_and(here) {
            return Err(AgentSystemError::NameTaken(party.clone()));
        }
        Ok(before)
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

    pub(super) fn identity(&self, party: Party) -> SigningIdentity {
        let mut seed = [0; 32];
        self.0.chance.lock().fill_bytes(&mut seed);
        SigningIdentity::from_seed(party, seed)
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
}
