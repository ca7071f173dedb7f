//! Which goals a world holds steps of, and when those end.
//!
//! A goal's steps outlive its answer, so that asking again gives the same answer, and outlive its planner, so that what was called off
//! or waits for a human goes on where it was. Neither is for ever: of each tenant the goals that were asked for last are kept, so many as
//! results are, and one that came to no answer for a week. The rest leave with all their steps; asked for again, they are worked on anew.
//! A goal that somebody means to go on with never leaves, nor does one under way, and it is under way as long as a planner or a tool is at work on it: a tool may go on for a while after
//! its goal was called off. An order that is carried out even later, for a goal that has left, puts the goal on record once more, so that
//! no step is without an end.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use aios_memory::{StepError, StepLog, Store, StoreError};
use aios_protocols::{TenantId, Timestamp};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use aios_actors::recovery::approvals::OPEN_FOR;
use aios_actors::recovery::budget_record;

use crate::crew::Crew;
use crate::roles::{EXECUTOR, PLANNER};

/// Where the goals lie in the store: `goal/{tenant}\0{goal}`.
const PREFIX: &str = "goal/";
/// Where the steps lie, by tenant, role and operation.
const STEPS: &str = "step/";
/// The roles whose operations begin with the goal they are for.
const ROLES: [&str; 2] = [PLANNER, EXECUTOR];
/// How often goals are looked at for their age.
const LOOK: Duration = Duration::from_secs(3_600);
/// Records read at once.
const PAGE: usize = 256;

/// The goals of one world. Cheap to clone; clones are the same ledger.
#[derive(Clone)]
pub(crate) struct Ledger(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    steps: StepLog,
    /// Goals kept of each tenant.
    most: usize,
    /// Read from the store when the first goal begins.
    books: Mutex<Option<Books>>,
    /// Whose steps for a goal end with it.
    crew: Crew,
    /// Goals that somebody means to go on with, by tenant and name: they stay, however old.
    held: Mutex<HashSet<(String, String)>>,
}

#[derive(Default)]
struct Books {
    tenants: HashMap<String, Goals>,
    looked: Timestamp,
}

/// One tenant's goals.
#[derive(Default)]
struct Goals {
    by_id: HashMap<String, Entry>,
    /// Those asked for longest ago first.
    order: BTreeSet<(Timestamp, String)>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    record: Record,
    /// Planners and tools that work on it now.
    running: u32,
    /// Whether it had left before, and is here only for tools that are late.
    late: bool,
}

/// As it lies in the store.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Record {
    /// When it was asked for last.
    asked: Timestamp,
    /// Whether it has an answer.
    over: bool,
}

/// A goal under way; dropped, it is left as far as it has come.
pub(crate) struct UnderWay {
    ledger: Ledger,
    tenant: String,
    goal: String,
    /// Whether it had an answer when it was asked for.
    pub(crate) was_over: bool,
}

impl Goals {
    fn enter(&mut self, goal: &str, record: Record) -> &mut Entry {
        if let Some(before) = self.by_id.get(goal) {
            self.order.remove(&(before.record.asked, goal.to_owned()));
        }
        self.order.insert((record.asked, goal.to_owned()));
        let entry = self.by_id.entry(goal.to_owned()).or_insert(Entry {
            record,
            running: 0,
            late: false,
        });
        entry.record = record;
        entry.late = false;
        entry
    }

    fn remove(&mut self, goal: &str) {
        if let Some(entry) = self.by_id.remove(goal) {
            self.order.remove(&(entry.record.asked, goal.to_owned()));
        }
    }

    /// The goals that leave, by the rules of this module. One that is older than those that are kept and still under way takes no place
    /// from them.
    fn leaving(&self, most: usize, open_since: Timestamp) -> Vec<String> {
        let surplus = self.by_id.len().saturating_sub(most);
        let mut leaving = Vec::new();
        for (place, (asked, goal)) in self.order.iter().enumerate() {
            if place >= surplus && *asked >= open_since {
                break;
            }
            let Some(entry) = self.by_id.get(goal) else {
                continue;
            };
            let stale = !entry.record.over && *asked < open_since;
            if entry.running == 0 && (place < surplus || stale) {
                leaving.push(goal.clone());
            }
        }
        leaving
    }
}

impl Ledger {
    #[cfg(test)]
    pub(crate) fn new(store: Arc<dyn Store>, steps: StepLog, most: usize) -> Self {
        Self::with(store, steps, most, Crew::default())
    }

    /// The same, where agents of these charters work for goals too.
    pub(crate) fn with(store: Arc<dyn Store>, steps: StepLog, most: usize, crew: Crew) -> Self {
        Self(Arc::new(Inner {
            store,
            steps,
            most: most.max(1),
            books: Mutex::default(),
            crew,
            held: Mutex::default(),
        }))
    }

    /// Somebody means to go on with a goal, or does not any more. One that is held stays, with what was done for it: gone on with, it does
    /// nothing twice.
    pub(crate) fn hold(&self, tenant: &str, goal: &str, held: bool) {
        let name = (tenant.to_owned(), goal.to_owned());
        let mut all = self.0.held.lock();
        if held {
            all.insert(name);
        } else {
            all.remove(&name);
        }
    }

    /// A goal is worked on from now on. It is on record before this returns, so that no step of it is without an end.
    pub(crate) fn begin(
        &self,
        tenant: &TenantId,
        goal: &str,
        now: Timestamp,
    ) -> Result<UnderWay, StepError> {
        let mut books = self.0.books.lock();
        let books = self.0.open(&mut books, now)?;
        let record = Record {
            asked: now,
            over: false,
        };
        self.0.write(tenant.as_str(), goal, record)?;
        let goals = books.tenants.entry(tenant.to_string()).or_default();
        let before = goals.by_id.get(goal);
        let was_over = before.is_some_and(|entry| entry.record.over);
        goals.enter(goal, record).running += 1;
        // From here on the mark is its own, whose drop takes it away.
        let under_way = UnderWay {
            ledger: self.clone(),
            tenant: tenant.to_string(),
            goal: goal.to_owned(),
            was_over,
        };
        let look = now.since(books.looked) >= LOOK;
        if look {
            books.looked = now;
        }
        let open_since = if look {
            now - OPEN_FOR
        } else {
            Timestamp::ZERO
        };
        for (tenant, goals) in &mut books.tenants {
            for goal in goals.leaving(self.0.most, open_since) {
                self.0.dismiss(tenant, goals, &goal);
            }
        }
        books.tenants.retain(|_, goals| !goals.by_id.is_empty());
        Ok(under_way)
    }

    /// A tool begins with an order that was given at that time, and its goal is under way until this is dropped. None if the operation
    /// is not of a goal, by its name or by the role that carries it out: such steps end by their age.
    pub(crate) fn attend(
        &self,
        tenant: &TenantId,
        role: &str,
        operation: &str,
        ordered: Timestamp,
    ) -> Result<Option<UnderWay>, StepError> {
        let goal = operation.split_once('/').map(|(goal, _)| goal);
        let Some(goal) = goal.filter(|_| ROLES.contains(&role)) else {
            return Ok(None);
        };
        let mut books = self.0.books.lock();
        let books = self.0.open(&mut books, ordered)?;
        let goals = books.tenants.entry(tenant.to_string()).or_default();
        if !goals.by_id.contains_key(goal) {
            // As old as the order: it takes no place from goals that were asked for since.
            let record = Record {
                asked: ordered,
                over: false,
            };
            self.0.write(tenant.as_str(), goal, record)?;
            goals.enter(goal, record).late = true;
        }
        let mut was_over = false;
        if let Some(entry) = goals.by_id.get_mut(goal) {
            entry.running += 1;
            was_over = entry.record.over;
        }
        Ok(Some(UnderWay {
            ledger: self.clone(),
            tenant: tenant.to_string(),
            goal: goal.to_owned(),
            was_over,
        }))
    }
}

impl UnderWay {
    /// What was looked at for it is not asked for again.
    pub(crate) fn settle(&self) -> Result<(), StepError> {
        let steps = format!("{}/{EXECUTOR}/{}/", self.tenant, self.goal);
        self.ledger.0.steps.forget(&steps)?;
        Ok(())
    }

    /// It has its answer, which is kept as long as its turn lasts.
    pub(crate) fn over(&self) -> Result<(), StoreError> {
        let mut books = self.ledger.0.books.lock();
        let Some(entry) = books
            .as_mut()
            .and_then(|books| books.tenants.get_mut(&self.tenant))
            .and_then(|goals| goals.by_id.get_mut(&self.goal))
        else {
            return Ok(());
        };
        entry.record.over = true;
        let record = entry.record;
        self.ledger.0.write(&self.tenant, &self.goal, record)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut books = self.ledger.0.books.lock();
        let Some(goals) = books
            .as_mut()
            .and_then(|books| books.tenants.get_mut(&self.tenant))
        else {
            return;
        };
        let Some(entry) = goals.by_id.get_mut(&self.goal) else {
            return;
        };
        entry.running = entry.running.saturating_sub(1);
        // Any other leaves when the next goal begins, not here: a planner that fell is about to take its goal up again.
        if entry.late && entry.running == 0 {
            let ledger = &self.ledger.0;
            if goals
                .leaving(ledger.most, Timestamp::ZERO)
                .contains(&self.goal)
            {
                ledger.dismiss(&self.tenant, goals, &self.goal);
            }
        }
    }
}

impl Inner {
    /// The books, read from the store the first time.
    fn open<'a>(
        &self,
        books: &'a mut Option<Books>,
        now: Timestamp,
    ) -> Result<&'a mut Books, StoreError> {
        Ok(match books {
            Some(books) => books,
            none => none.insert(self.read(now)?),
        })
    }

    fn dismiss(&self, tenant: &str, goals: &mut Goals, goal: &str) {
        let name = (tenant.to_owned(), goal.to_owned());
        if self.held.lock().contains(&name) {
            return;
        }
        match self.forget(tenant, goal) {
            Ok(()) => goals.remove(goal),
            // It is still on record and leaves the next time.
            Err(error) => {
                tracing::warn!(%error, goal, "a goal's steps could not be forgotten");
            }
        }
    }

    fn write(&self, tenant: &str, goal: &str, record: Record) -> Result<(), StoreError> {
        // A struct of two plain values always has a JSON form.
        let bytes = serde_json::to_vec(&record).unwrap_or_default();
        self.store.put(&key(tenant, goal), &bytes)
    }

    /// Forgets a goal's steps and then the goal: one that is cut short here is forgotten the next time.
    fn forget(&self, tenant: &str, goal: &str) -> Result<(), StepError> {
        let members = self.crew.members();
        let roles = members.iter().map(|member| member.charter().role.as_str());
        for role in roles.chain(ROLES) {
            self.steps.forget(&format!("{tenant}/{role}/{goal}/"))?;
        }
        self.store.delete(&budget_record(tenant, goal))?;
        self.store.delete(&key(tenant, goal))?;
        Ok(())
    }

    /// What the store holds: the goals on record, and those that have steps and are not.
    fn read(&self, now: Timestamp) -> Result<Books, StoreError> {
        let mut books = Books::default();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self
                .store
                .scan_prefix(PREFIX.as_bytes(), after.as_deref(), PAGE)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for (key, bytes) in &page {
                let name = std::str::from_utf8(&key[PREFIX.len()..]).ok();
                let Some((tenant, goal)) = name.and_then(|name| name.split_once('\0')) else {
                    continue;
                };
                // One that cannot be read is as old as can be, and leaves first.
                let record = serde_json::from_slice(bytes).unwrap_or(Record {
                    asked: Timestamp::ZERO,
                    over: false,
                });
                let goals = books.tenants.entry(tenant.to_owned()).or_default();
                goals.enter(goal, record);
            }
        }
        self.adopt(&mut books, now)?;
        Ok(books)
    }

    /// Enters the goals that have steps and no record: a folder from before there was a ledger. One step of each is read.
    fn adopt(&self, books: &mut Books, now: Timestamp) -> Result<(), StoreError> {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self
                .store
                .scan_prefix(STEPS.as_bytes(), after.as_deref(), 1)?;
            let Some((key, _)) = page.into_iter().next() else {
                return Ok(());
            };
            let step = String::from_utf8_lossy(&key).into_owned();
            let mut parts = step[STEPS.len()..].splitn(4, '/');
            let (tenant, role, goal, rest) =
                (parts.next(), parts.next(), parts.next(), parts.next());
            after = Some(match (tenant, role, goal, rest) {
                (Some(tenant), Some(role), Some(goal), Some(_)) if ROLES.contains(&role) => {
                    let goals = books.tenants.entry(tenant.to_owned()).or_default();
                    if !goals.by_id.contains_key(goal) {
                        let record = Record {
                            asked: now,
                            over: false,
                        };
                        self.write(tenant, goal, record)?;
                        goals.enter(goal, record);
                    }
                    behind(&[STEPS, tenant, "/", role, "/", goal, "/"])
                }
                // The steps of other agents are theirs to forget, and end by their age.
                (Some(tenant), Some(role), Some(_), _) if !ROLES.contains(&role) => {
                    behind(&[STEPS, tenant, "/", role, "/"])
                }
                _ => key,
            });
        }
    }
}

fn key(tenant: &str, goal: &str) -> Vec<u8> {
    [PREFIX, tenant, "\0", goal].concat().into_bytes()
}

/// Behind every key that begins so: no text holds this byte.
fn behind(parts: &[&str]) -> Vec<u8> {
    let mut key = parts.concat().into_bytes();
    key.push(0xff);
    key
}

#[cfg(test)]
mod tests {
    use aios_memory::{Begin, InMemoryStore};

    use super::*;

    const MOST: usize = 5;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::since_epoch(Duration::from_secs(1_700_000_000 + seconds))
    }

    struct Rig {
        store: Arc<dyn Store>,
        log: StepLog,
        ledger: Ledger,
    }

    impl Rig {
        fn new() -> Self {
            Self::over(Arc::new(InMemoryStore::new()))
        }

        fn over(store: Arc<dyn Store>) -> Self {
            let log = StepLog::new(Arc::clone(&store));
            let ledger = Ledger::new(Arc::clone(&store), log.clone(), MOST);
            Self { store, log, ledger }
        }

        fn begin(&self, tenant: &str, goal: &str, now: Timestamp) -> UnderWay {
            let tenant = TenantId::new(tenant).unwrap();
            let under_way = self.ledger.begin(&tenant, goal, now).unwrap();
            for role in ROLES {
                self.step(&format!("{tenant}/{role}/{goal}/t"));
            }
            under_way
        }

        fn step(&self, operation: &str) {
            match self.log.begin(operation, at(0).as_micros()).unwrap() {
                Begin::Fresh(step) | Begin::Pending { step, .. } => step.commit(b"x").unwrap(),
                Begin::Committed(_) => {}
            }
        }

        /// A tool begins with an order.
        fn attend(&self, step: &str, ordered: Timestamp) -> UnderWay {
            let mut parts = step.splitn(3, '/');
            let mut part = || parts.next().unwrap();
            let tenant = TenantId::new(part()).unwrap();
            let attended = self.ledger.attend(&tenant, part(), part(), ordered);
            attended.unwrap().unwrap()
        }

        fn keys(&self, prefix: &str) -> usize {
            let found = self.store.scan_prefix(prefix.as_bytes(), None, 10_000);
            found.unwrap().len()
        }

        fn knows(&self, tenant: &str, goal: &str) -> bool {
            let step = format!("{tenant}/macro.executor/{goal}/t");
            let has_steps = self.log.result(&step).unwrap().is_some();
            let on_record = self.store.get(&key(tenant, goal)).unwrap().is_some();
            assert_eq!(has_steps, on_record, "{tenant} {goal}");
            on_record
        }
    }

    #[test]
    fn the_goals_asked_for_last_stay_and_each_tenant_has_its_own_places() {
        let rig = Rig::new();
        rig.begin("other", "g0", at(0)).over().unwrap();
        for number in 0..50_u64 {
            rig.begin("acme", &format!("g{number}"), at(number))
                .over()
                .unwrap();
            assert!(rig.keys("goal/acme") <= MOST);
            // Asked for again and again, it stays.
            if number >= 2 {
                rig.begin("acme", "g2", at(number)).over().unwrap();
            }
        }
        assert_eq!(
            (rig.keys("goal/"), rig.keys("step/")),
            (MOST + 1, 2 * (MOST + 1))
        );
        for (goal, there) in [("g2", true), ("g49", true), ("g46", true), ("g45", false)] {
            assert_eq!(rig.knows("acme", goal), there, "{goal}");
        }
        assert!(rig.knows("other", "g0"));
    }

    #[test]
    fn a_goal_under_way_stays_and_one_that_was_left_has_a_week() {
        let rig = Rig::new();
        let long = rig.begin("acme", "long", at(0));
        drop(rig.begin("acme", "left", at(1)));
        rig.begin("acme", "answered", at(2)).over().unwrap();
        let week = OPEN_FOR.as_secs();
        rig.begin("acme", "next", at(week)).over().unwrap();
        assert!(rig.knows("acme", "left"), "its week is not over");
        rig.begin("acme", "after", at(week + LOOK.as_secs()))
            .over()
            .unwrap();
        assert!(!rig.knows("acme", "left"), "it was called off a week ago");
        assert!(rig.knows("acme", "answered"), "an answer has no age");
        for number in 0..50 {
            let goal = format!("g{number}");
            rig.begin("acme", &goal, at(2 * week)).over().unwrap();
        }
        assert!(rig.knows("acme", "long"), "it is under way");
        drop(long);
        rig.begin("acme", "last", at(2 * week)).over().unwrap();
        assert!(!rig.knows("acme", "long"));
    }

    #[test]
    fn a_goal_that_somebody_means_to_go_on_with_stays_with_what_was_done_for_it() {
        let rig = Rig::new();
        drop(rig.begin("acme", "rests", at(0)));
        drop(rig.begin("acme", "off", at(0)));
        rig.ledger.hold("acme", "rests", true);
        let week = OPEN_FOR.as_secs();
        for number in 0..50 {
            let goal = format!("g{number}");
            rig.begin("acme", &goal, at(2 * week + number))
                .over()
                .unwrap();
        }
        assert!(rig.knows("acme", "rests") && !rig.knows("acme", "off"));
        rig.ledger.hold("acme", "rests", false);
        rig.begin("acme", "last", at(3 * week)).over().unwrap();
        assert!(!rig.knows("acme", "rests"));
    }

    #[test]
    fn a_goal_stays_as_long_as_a_tool_is_at_work_on_it_and_takes_no_place_from_others() {
        let rig = Rig::new();
        let tenant = TenantId::new("acme").unwrap();
        drop(rig.begin("acme", "off", at(0)));
        let tool = rig.attend("acme/macro.executor/off/late", at(0));
        for number in 1..=50 {
            let goal = format!("g{number}");
            rig.begin("acme", &goal, at(number)).over().unwrap();
        }
        assert!(rig.knows("acme", "off"));
        rig.step("acme/macro.executor/off/late");
        drop(tool);
        assert!(rig.knows("acme", "g46"), "its place is its own");
        rig.begin("acme", "last", at(51)).over().unwrap();
        assert!(!rig.knows("acme", "off"));
        assert_eq!((rig.keys("goal/"), rig.keys("step/")), (MOST, 2 * MOST));

        // What is no goal's is nobody's to keep.
        for (role, operation) in [("macro.executor", "alone"), ("macro.greeter", "off/late")] {
            let tool = rig.ledger.attend(&tenant, role, operation, at(0)).unwrap();
            assert!(tool.is_none(), "{operation}");
        }
    }

    #[test]
    fn an_order_that_comes_after_its_goal_has_left_leaves_nothing_behind() {
        let rig = Rig::new();
        drop(rig.begin("acme", "off", at(0)));
        for number in 1..=5 {
            let goal = format!("g{number}");
            rig.begin("acme", &goal, at(number)).over().unwrap();
        }
        assert!(!rig.knows("acme", "off"));
        let first = rig.attend("acme/macro.executor/off/t", at(0));
        rig.step("acme/macro.executor/off/t");
        let second = rig.attend("acme/macro.executor/off/u", at(0));
        rig.step("acme/macro.executor/off/u");
        drop(first);
        assert!(rig.knows("acme", "off"), "the second is still at work");
        drop(second);
        assert!(!rig.knows("acme", "off"));
        assert!(rig.knows("acme", "g1"), "its place is its own");
        assert_eq!((rig.keys("goal/"), rig.keys("step/")), (MOST, 2 * MOST));

        // A planner that takes it up again makes it a goal like any other.
        let late = rig.attend("acme/macro.executor/off/t", at(0));
        let again = rig.begin("acme", "off", at(9));
        drop(late);
        again.over().unwrap();
        drop(again);
        assert!(rig.knows("acme", "off"));

        // Of somebody who keeps no ledger: the newest goal, which stays.
        drop(rig.attend("acme/macro.executor/foreign/t", at(10)));
        rig.step("acme/macro.executor/foreign/t");
        assert!(rig.knows("acme", "foreign"));
    }

    #[test]
    fn a_folder_is_read_as_it_was_left_and_steps_without_a_goal_get_one() {
        let rig = Rig::new();
        for number in 0..3 {
            let goal = format!("g{number}");
            rig.begin("acme", &goal, at(number)).over().unwrap();
        }
        // From before there was a ledger; and of agents that name their steps as they like.
        rig.step("acme/macro.executor/old/t1");
        rig.step("acme/macro.executor/old/t2");
        rig.step("acme/macro.planner/old/answer");
        rig.step("acme/macro.greeter/a");
        rig.step("acme/macro.greeter/b/c/d");
        rig.step("x");
        let rig = Rig::over(rig.store);
        drop(rig.begin("acme", "new", at(9)));
        assert_eq!(rig.keys("goal/"), 5);
        for number in 10..20 {
            let goal = format!("g{number}");
            rig.begin("acme", &goal, at(number)).over().unwrap();
        }
        assert_eq!((rig.keys("goal/"), rig.keys("step/")), (MOST, 2 * MOST + 3));
        assert!(
            rig.log
                .result("acme/macro.greeter/b/c/d")
                .unwrap()
                .is_some()
        );
    }

    #[test]
    fn a_goal_on_record_is_read_and_written_the_same() {
        let read = |bytes: &[u8]| serde_json::from_slice::<Record>(bytes).ok();
        crate::golden::holds("goal", 1, read, |record| {
            serde_json::to_vec(record).unwrap()
        });
    }
}
