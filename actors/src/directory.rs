//! The post office: who is here, and who is meant by a role.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aios_protocols::{AgentCard, AgentId, Party};
use parking_lot::RwLock;

use crate::agent::{Address, AgentState, AgentView, Cell};

/// Chooses one of several agents of a role. The router agent brings its own.
pub trait Chooser: Send + Sync {
    /// One of `candidates`, which are never empty, all of `role` and all taking messages; in the order of their names.
    fn choose(&self, role: &str, candidates: &[Arc<Cell>]) -> usize;
}

/// Takes the agent with the fewest waiting requests, in turns where several have as few.
#[derive(Debug, Default)]
pub struct LeastWaiting {
    turn: AtomicUsize,
}

impl Chooser for LeastWaiting {
    fn choose(&self, _: &str, candidates: &[Arc<Cell>]) -> usize {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let len = candidates.len();
        (0..len)
            .map(|step| (turn + step) % len)
            .min_by_key(|at| candidates[*at].load())
            .unwrap_or(0)
    }
}

/// Cells that are kept for a look though nobody will come back to them, beside as many again as there are others.
const GONE: usize = 256;

/// All cells of one world, by name and by role.
pub struct Directory {
    places: RwLock<Places>,
    chooser: RwLock<Arc<dyn Chooser>>,
}

#[derive(Default)]
struct Places {
    cells: HashMap<Party, Arc<Cell>>,
    /// In the order of their names.
    roles: HashMap<String, Vec<Arc<Cell>>>,
    /// Cells there may be before those are looked for that are gone.
    look_at: usize,
}

impl Default for Directory {
    fn default() -> Self {
        Self {
            places: RwLock::default(),
            chooser: RwLock::new(Arc::new(LeastWaiting::default())),
        }
    }
}

impl Directory {
    /// Lets somebody else choose among the agents of a role from now on.
    pub fn choose_by(&self, chooser: Arc<dyn Chooser>) {
        *self.chooser.write() = chooser;
    }

    /// The cell of a party, if it is here.
    #[must_use]
    pub fn get(&self, party: &Party) -> Option<Arc<Cell>> {
        self.places.read().cells.get(party).cloned()
    }

    /// Whom `asker` means by an address. An agent does not mean itself.
    #[must_use]
    pub fn find(&self, address: &Address, asker: &Party) -> Option<Arc<Cell>> {
        let role = match address {
            Address::Party(party) => return self.get(party),
            Address::Role(role) => role,
        };
        let (taking, others): (Vec<_>, Vec<_>) = {
            let places = self.places.read();
            let all = places.roles.get(role)?;
            all.iter()
                .filter(|cell| cell.party() != asker)
                .cloned()
                .partition(|cell| cell.is_taking())
        };
        // Better an agent that says that it takes nothing than nobody.
        let mut candidates = if taking.is_empty() { others } else { taking };
        match candidates.len() {
            0 | 1 => candidates.pop(),
            len => {
                let chooser = Arc::clone(&self.chooser.read());
                let at = chooser.choose(role, &candidates).min(len - 1);
                Some(candidates.swap_remove(at))
            }
        }
    }

    /// The agents of a role, in the order of their names.
    #[must_use]
    pub fn of_role(&self, role: &str) -> Vec<Arc<Cell>> {
        self.places
            .read()
            .roles
            .get(role)
            .cloned()
            .unwrap_or_default()
    }

    /// What the agents say about themselves.
    #[must_use]
    pub fn cards(&self) -> Vec<AgentCard> {
        let mut cards: Vec<AgentCard> = self
            .places
            .read()
            .cells
            .values()
            .filter_map(|cell| cell.card().map(Arc::unwrap_or_clone))
            .collect();
        cards.sort_by(|a, b| a.id.cmp(&b.id));
        cards
    }

    /// A picture of everybody, in the order of their names.
    #[must_use]
    pub fn view(&self) -> Vec<AgentView> {
        let mut views: Vec<AgentView> = self.cells().iter().map(|cell| cell.view()).collect();
        views.sort_by(|a, b| a.id.cmp(&b.id));
        views
    }

    /// All cells, in no order.
    #[must_use]
    pub fn cells(&self) -> Vec<Arc<Cell>> {
        self.places.read().cells.values().cloned().collect()
    }

    /// Those of whom something is true, in no order.
    pub(crate) fn cells_that(&self, is_so: impl Fn(&Cell) -> bool) -> Vec<Arc<Cell>> {
        let places = self.places.read();
        let cells = places.cells.values().filter(|cell| is_so(cell));
        cells.cloned().collect()
    }

    /// Enters a cell; false if the name is taken by one that is not offline.
    pub(crate) fn enter(&self, cell: Arc<Cell>) -> bool {
        let mut places = self.places.write();
        let party = cell.party().clone();
        if places
            .cells
            .get(&party)
            .is_some_and(|there| there.state() != AgentState::Offline)
        {
            return false;
        }
        if let Some(role) = party.agent().map(AgentId::role) {
            let of_role = places.roles.entry(role.to_owned()).or_default();
            match of_role.binary_search_by(|there| there.party().cmp(&party)) {
                Ok(at) => of_role[at] = Arc::clone(&cell),
                Err(at) => of_role.insert(at, Arc::clone(&cell)),
            }
        }
        places.cells.insert(party, cell);
        true
    }

    /// Who is gone for good, once there are so many that it is worth a look: an agent that was stopped, and that no supervisor can start
    /// again, because nobody but this directory holds its cell.
    pub(crate) fn gone(&self) -> Vec<Arc<Cell>> {
        let mut places = self.places.write();
        if places.cells.len() <= places.look_at.max(GONE) {
            return Vec::new();
        }
        let gone: Vec<Arc<Cell>> = places
            .cells
            .values()
            // Agents lie in two maps here.
            .filter(|cell| Arc::strong_count(cell) <= 2 && cell.state() == AgentState::Offline)
            .cloned()
            .collect();
        places.look_at = 2 * (places.cells.len() - gone.len()) + GONE;
        gone
    }

    /// Forgets a party. What is sent to it from now on finds nobody.
    pub fn remove(&self, party: &Party) -> Option<Arc<Cell>> {
        let mut places = self.places.write();
        let cell = places.cells.remove(party)?;
        if let Some(role) = party.agent().map(AgentId::role)
            && let Some(of_role) = places.roles.get_mut(role)
        {
            if let Ok(at) = of_role.binary_search_by(|there| there.party().cmp(party)) {
                of_role.remove(at);
            }
            if of_role.is_empty() {
                places.roles.remove(role);
            }
        }
        Some(cell)
    }
}
