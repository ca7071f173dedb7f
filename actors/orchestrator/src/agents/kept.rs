//! The results of earlier goals, and which of them stay: when there are too many, the one that was used longest ago leaves.
//!
//! A result that is recalled is touched, so what serves again and again stays and what nobody asks for leaves. What left is forgotten
//! in full, the record and the document it is found by; a goal that would have used it works it out again. Uses are not stored: after
//! a restart all begin as if used once, in the order they ended.

use std::collections::HashMap;
use std::sync::Arc;

use aios_memory::{Document, GoalResult, GoalResults, MemoryError, Store, VectorMemory};
use aios_protocols::TenantId;
use lru::LruCache;
use parking_lot::Mutex;

/// Results of earlier goals that left because there were more than `storage.results`.
pub const RESULTS_EVICTED_TOTAL: &str = "aios_results_evicted_total";
/// How the memory names what came of a goal.
const SOURCE: &str = "goal/";
/// Tenants whose shelves are held in memory at once.
const TENANTS: usize = 64;

/// Names in a fixed number of places; for one too many the one that was used longest ago leaves.
#[derive(Debug)]
struct Shelf {
    places: usize,
    /// Without a bound of its own: one with a bound takes the memory for all its places at once.
    names: LruCache<String, ()>,
}

impl Shelf {
    fn new(places: u32) -> Self {
        Self {
            places: places.max(1) as usize,
            names: LruCache::unbounded(),
        }
    }

    fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Something was used, if it is here.
    fn touch(&mut self, name: &str) {
        self.names.promote(name);
    }

    /// Something came, or came again; the name of what left for it.
    fn admit(&mut self, name: &str) -> Option<String> {
        self.names.put(name.to_owned(), ());
        if self.names.len() <= self.places {
            return None;
        }
        self.names.pop_lru().map(|(leaving, ())| leaving)
    }
}

/// What one tenant's goals came to, with the documents they are found by.
pub(crate) struct TenantResults {
    tenant: String,
    results: GoalResults,
    memory: Arc<VectorMemory>,
    shelf: Mutex<Shelf>,
}

impl TenantResults {
    /// What a store holds for a tenant, at most so many; what is too many leaves at once.
    pub(crate) fn open(
        store: Arc<dyn Store>,
        memory: Arc<VectorMemory>,
        tenant: &str,
        places: u32,
    ) -> Result<Self, MemoryError> {
        let results = GoalResults::new(store);
        let ids = results.ids(tenant)?;
        let kept = Self {
            tenant: tenant.to_owned(),
            results,
            memory,
            shelf: Mutex::new(Shelf::new(places)),
        };
        for id in ids {
            kept.admit(&mut kept.shelf.lock(), &id);
        }
        Ok(kept)
    }

    /// Keeps a result; another may leave for it.
    pub(crate) fn put(&self, result: &GoalResult) -> Result<(), MemoryError> {
        let mut shelf = self.shelf.lock(); // held, so that it cannot leave between the two
        self.results.put(result)?;
        self.admit(&mut shelf, &result.id);
        Ok(())
    }

    /// Keeps a document to be found by, unless the result it is of has left meanwhile.
    pub(crate) fn add(&self, namespace: &str, document: Document) -> Result<(), MemoryError> {
        let shelf = self.shelf.lock(); // held, so that its result cannot leave between the question and the deed
        let id = document.provenance.source.strip_prefix(SOURCE);
        if id.is_some_and(|id| !shelf.has(id)) {
            return Ok(());
        }
        self.memory.add(namespace, document)
    }

    /// Something recalled was of use.
    pub(crate) fn served(&self, source: &str) {
        if let Some(id) = source.strip_prefix(SOURCE) {
            self.shelf.lock().touch(id);
        }
    }

    fn admit(&self, shelf: &mut Shelf, id: &str) {
        let Some(leaving) = shelf.admit(id) else {
            return;
        };
        metrics::counter!(RESULTS_EVICTED_TOTAL).increment(1);
        let below = format!("{}/", self.tenant);
        let forgotten = self
            .memory
            .remove_below(&below, &format!("{SOURCE}{leaving}"))
            .and_then(|_| self.results.forget(&self.tenant, &leaving));
        if let Err(error) = forgotten {
            // The new result is kept all the same; the old one is met again, and leaves, at the next start.
            tracing::warn!(%error, goal = leaving, "an earlier result could not be forgotten");
        }
    }
}

/// What each tenant's goals came to, so many of each.
pub(crate) struct Shelves {
    store: Arc<dyn Store>,
    memory: Arc<VectorMemory>,
    places: u32,
    open: Mutex<HashMap<TenantId, Arc<TenantResults>>>,
}

impl Shelves {
    pub(crate) fn new(store: Arc<dyn Store>, memory: Arc<VectorMemory>, places: u32) -> Self {
        Self {
            store,
            memory,
            places,
            open: Mutex::default(),
        }
    }

    /// Those of a tenant, read from the store when they are wanted for the first time.
    pub(crate) fn of(&self, tenant: &TenantId) -> Result<Arc<TenantResults>, MemoryError> {
        let mut open = self.open.lock();
        if let Some(kept) = open.get(tenant) {
            return Ok(Arc::clone(kept));
        }
        if open.len() >= TENANTS {
            // What is lost is when each result last served; whoever is wanted again is read again.
            open.clear();
        }
        let (store, memory) = (Arc::clone(&self.store), Arc::clone(&self.memory));
        let kept = Arc::new(TenantResults::open(
            store,
            memory,
            tenant.as_str(),
            self.places,
        )?);
        open.insert(tenant.clone(), Arc::clone(&kept));
        Ok(kept)
    }
}

#[cfg(test)]
mod tests {
    use aios_memory::{InMemoryStore, Provenance, Query, VectorLimits};

    use super::*;

    const PLACES: u32 = 40;

    fn open(store: &Arc<dyn Store>, places: u32) -> TenantResults {
        let limits = VectorLimits {
            dimensions: 2,
            ..VectorLimits::default()
        };
        let memory = VectorMemory::open(Arc::clone(store), limits).unwrap();
        TenantResults::open(Arc::clone(store), Arc::new(memory), "acme", places).unwrap()
    }

    /// A goal ends: its result and its document are kept.
    fn end(kept: &TenantResults, number: u64) {
        let id = format!("g{number}");
        kept.put(&GoalResult {
            id: id.clone(),
            tenant: "acme".into(),
            principal: "user:alice@acme".into(),
            goal: "analyze".into(),
            outcome: "delivered".into(),
            answer: format!("answer {number}"),
            score: None,
            started_us: number,
            finished_us: number,
        })
        .unwrap();
        document(kept, &id);
    }

    fn document(kept: &TenantResults, id: &str) {
        let source = format!("goal/{id}");
        let document = Document {
            id: source.clone(),
            text: format!("what came of {id}"),
            embeddings: vec![vec![1.0, 0.0]],
            provenance: Provenance {
                source,
                author: "macro.planner".into(),
                confidence: 0.8,
                recorded_us: 0,
            },
        };
        kept.add("acme/embedder", document).unwrap();
    }

    fn holds(kept: &TenantResults, number: u64) -> bool {
        let id = format!("g{number}");
        let found = kept.results.get("acme", &id).unwrap().is_some();
        let query = Query {
            text: id.clone(),
            embeddings: Vec::new(),
            k: 1_000,
        };
        let hits = kept.memory.recall("acme/embedder", &query).unwrap();
        let recalled = hits.iter().any(|hit| hit.id == format!("goal/{id}"));
        assert_eq!(found, recalled, "record and document go together: {id}");
        found
    }

    fn held(kept: &TenantResults) -> usize {
        let ids = kept.results.ids("acme").unwrap().len();
        assert_eq!(ids, kept.memory.len("acme/embedder"));
        ids
    }

    #[test]
    fn what_serves_stays_what_nobody_asks_for_leaves_and_the_bound_holds() {
        let store: Arc<dyn Store> = Arc::new(InMemoryStore::new());
        let kept = open(&store, PLACES);
        let often = 0..5;
        for number in 0..400 {
            end(&kept, number);
            assert!(holds(&kept, number), "what has just come stays");
            assert_eq!(held(&kept) as u64, (number + 1).min(PLACES.into()));
            for number in often.clone() {
                kept.served(&format!("goal/g{number}"));
            }
        }
        assert!(often.clone().all(|number| holds(&kept, number)));
        let cold = (5..300).filter(|number| holds(&kept, *number)).count();
        assert!(
            cold < 20,
            "{cold} cold ones of the first 300 are still here"
        );
        kept.served("goal/g-never");
        kept.served("elsewhere");
    }

    #[test]
    fn a_result_that_left_is_kept_again_when_it_is_worked_out_again() {
        let store: Arc<dyn Store> = Arc::new(InMemoryStore::new());
        let kept = open(&store, 1);
        end(&kept, 1);
        end(&kept, 2);
        assert_eq!((holds(&kept, 1), holds(&kept, 2)), (false, true));
        document(&kept, "g1"); // its embedding came late
        assert!(
            !holds(&kept, 1),
            "a document without its result is not kept"
        );
        end(&kept, 1);
        assert_eq!((holds(&kept, 1), holds(&kept, 2)), (true, false));
        end(&kept, 1);
        assert_eq!(held(&kept), 1, "the same goal again takes no second place");
    }

    #[test]
    fn the_bound_holds_over_a_restart_and_a_smaller_one_is_met_at_once() {
        let store: Arc<dyn Store> = Arc::new(InMemoryStore::new());
        let kept = open(&store, PLACES);
        (0..100).for_each(|number| end(&kept, number));
        let before = kept.results.ids("acme").unwrap();
        drop(kept);
        let kept = open(&store, PLACES);
        assert_eq!(kept.results.ids("acme").unwrap(), before);
        end(&kept, 100);
        assert_eq!(held(&kept), 40);
        drop(kept);
        assert_eq!(held(&open(&store, 10)), 10);
        assert_eq!(held(&open(&store, PLACES)), 10, "and what left stays gone");
    }

    #[test]
    fn each_tenant_has_its_own_places_and_none_takes_anothers() {
        let store: Arc<dyn Store> = Arc::new(InMemoryStore::new());
        let limits = VectorLimits {
            dimensions: 2,
            ..VectorLimits::default()
        };
        let memory = Arc::new(VectorMemory::open(Arc::clone(&store), limits).unwrap());
        let shelves = Shelves::new(Arc::clone(&store), memory, 3);
        let results = GoalResults::new(store);
        let tenant = |number: usize| TenantId::new(&format!("t{number}")).unwrap();
        let put = |number: usize, goal: u64| {
            let kept = shelves.of(&tenant(number)).unwrap();
            kept.put(&GoalResult {
                id: format!("g{goal}"),
                tenant: tenant(number).to_string(),
                principal: "user:alice@acme".into(),
                goal: "analyze".into(),
                outcome: "delivered".into(),
                answer: "x".into(),
                score: None,
                started_us: goal,
                finished_us: goal,
            })
            .unwrap();
        };
        for number in 0..TENANTS + 5 {
            (0..9).for_each(|goal| put(number, goal));
        }
        // Read again after its shelf was put away.
        put(0, 99);
        assert!(shelves.open.lock().len() <= TENANTS);
        for number in 0..TENANTS + 5 {
            let ids = results.ids(tenant(number).as_str()).unwrap();
            assert_eq!(ids.len(), 3, "{number}: {ids:?}");
        }
    }
}
