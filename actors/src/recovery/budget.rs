//! What a goal may still spend on models: tokens, money and time, reserved before each call and settled after it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aios_memory::Store;
use aios_protocols::{TenantId, Timestamp};
use aios_work::{CALL_LEAST, OverBudget, Spent};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// Budgets of goals that nobody closed are dropped this long after their time is over.
const KEPT: Duration = Duration::from_secs(600);

/// What a goal may spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Model tokens, prompt included.
    pub tokens: u64,
    /// Millionths of the currency that the price is in.
    pub money_micros: u64,
    /// Wall time.
    pub time: Duration,
    /// Millionths for a thousand tokens.
    pub price_micros: u64,
}

/// A goal without a budget pays for nothing: it is over, or was never begun here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "goal {goal:?} has no budget under way: it is over or was never begun; ask for it again, by way of a planner"
)]
pub struct NoBudget {
    /// Which goal.
    pub goal: String,
}

/// What is left to one goal. Cheap to clone; clones are the same budget.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    allowance: Allowance,
    began: Timestamp,
    account: Mutex<Account>,
    /// What it pays for may not leave this machine.
    private: AtomicBool,
    /// The first call that was not made.
    refused: Mutex<Option<OverBudget>>,
    /// What this one is a part of, each once: nothing is spent here that is not there.
    above: Vec<Budget>,
    /// Where it is on record.
    record: Option<Record>,
}

/// Where the account of a goal is on record, so that a process that ends unasked takes nothing of it along.
struct Record {
    store: Arc<dyn Store>,
    key: Vec<u8>,
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Record")
    }
}

/// An account on record; what is set aside counts as spent, because after a crash nobody knows what the call took.
#[derive(Serialize, Deserialize)]
struct Recorded {
    calls: u64,
    tokens: u64,
    /// In thousandths of millionths; a number of this size is no JSON number everywhere.
    cost: String,
}

/// Where budgets lie in the store.
const PREFIX: &str = "budget/";

/// The key under which the account of a goal is on record while it is under way, for whoever forgets goals: `budget/{tenant}\0{goal}`.
#[must_use]
pub fn budget_record(tenant: &str, goal: &str) -> Vec<u8> {
    format!("{PREFIX}{tenant}\0{goal}").into_bytes()
}

impl Record {
    fn read(&self) -> Option<Account> {
        let stored = self.store.get(&self.key);
        let stored = stored.unwrap_or_else(|error| {
            tracing::error!(%error, "what a goal has spent cannot be read; it begins with a full budget");
            None
        })?;
        let Ok(Recorded {
            calls,
            tokens,
            cost,
        }) = serde_json::from_slice(&stored)
        else {
            tracing::error!("what a goal has spent is not readable; it begins with a full budget");
            return None;
        };
        let mut account = Account::default();
        account.spent.calls = calls;
        account.spent.tokens = tokens;
        account.set_cost(cost.parse().ok()?);
        Some(account)
    }

    /// It lasts with the next thing that must.
    fn write(&self, account: &Account) {
        let recorded = Recorded {
            calls: account.spent.calls,
            tokens: account.spent.tokens,
            cost: account.cost.to_string(),
        };
        // Numbers always have a JSON form.
        let bytes = serde_json::to_vec(&recorded).unwrap_or_default();
        if let Err(error) = self.store.put(&self.key, &bytes) {
            tracing::warn!(%error, "what a goal has spent could not be written down");
        }
    }

    fn remove(&self) {
        if let Err(error) = self.store.delete(&self.key) {
            tracing::warn!(%error, "what a goal had spent stays on record");
        }
    }
}

/// What was spent, and exactly what it cost: thousandths of millionths, because prices are for a thousand tokens.
#[derive(Debug, Clone, Copy, Default)]
struct Account {
    spent: Spent,
    cost: u128,
}

impl Account {
    fn take(&mut self, tokens: u64, cost: u128) {
        self.spent.tokens = self.spent.tokens.saturating_add(tokens);
        self.set_cost(self.cost.saturating_add(cost));
    }

    fn give_back(&mut self, tokens: u64, cost: u128) {
        self.spent.tokens = self.spent.tokens.saturating_sub(tokens);
        self.set_cost(self.cost.saturating_sub(cost));
    }

    fn set_cost(&mut self, cost: u128) {
        self.cost = cost;
        self.spent.money_micros = micros(cost);
    }
}

/// What tokens cost at a price for a thousand, in thousandths.
fn cost(tokens: u64, price_micros: u64) -> u128 {
    u128::from(tokens) * u128::from(price_micros)
}

fn micros(cost: u128) -> u64 {
    u64::try_from(cost.div_ceil(1_000)).unwrap_or(u64::MAX)
}

/// What a thousand tokens of a call may cost, in millionths: at least, and at most. Which engine answers is known afterwards.
pub type Prices = [u64; 2];

/// Tokens set aside for one call. Settled with what was used, the rest goes back; dropped, all of it counts as spent, because nobody
/// knows what the call took.
#[derive(Debug)]
#[must_use = "settle it with what the call took"]
pub struct Hold {
    budget: Budget,
    tokens: u64,
    cost: u128,
    /// How long the call may take at most.
    pub time: Duration,
    /// What the call may cost at most, in millionths.
    pub money_micros: u64,
    /// The same tokens, set aside in what the budget is a part of.
    above: Vec<Hold>,
}

impl Budget {
    /// A full budget.
    #[must_use]
    pub fn new(allowance: Allowance, began: Timestamp) -> Self {
        Self::below([], allowance, began)
    }

    /// A full budget that is a part of others: each call is paid from all of them, so that none is a way around another.
    #[must_use]
    pub fn below(
        above: impl IntoIterator<Item = Self>,
        allowance: Allowance,
        began: Timestamp,
    ) -> Self {
        let mut all: Vec<Self> = Vec::new();
        for budget in above {
            for one in std::iter::once(&budget).chain(&budget.0.above) {
                if !all.iter().any(|there| Arc::ptr_eq(&there.0, &one.0)) {
                    all.push(one.clone());
                }
            }
        }
        Self(Arc::new(Inner {
            allowance,
            began,
            account: Mutex::default(),
            private: AtomicBool::new(false),
            refused: Mutex::default(),
            above: all,
            record: None,
        }))
    }

    /// A full budget that is on record, or what a process that ended unasked has left of it.
    fn recorded(allowance: Allowance, began: Timestamp, record: Record, goes_on: bool) -> Self {
        let left = goes_on.then(|| record.read()).flatten();
        let account = left.unwrap_or_default();
        if !goes_on {
            record.remove();
        }
        Self(Arc::new(Inner {
            allowance,
            began,
            account: Mutex::new(account),
            private: AtomicBool::new(false),
            refused: Mutex::default(),
            above: Vec::new(),
            record: Some(record),
        }))
    }

    fn note(&self, account: &Account) {
        if let Some(record) = &self.0.record {
            record.write(account);
        }
    }

    /// Sets aside what a call may take, at the price of the budget itself.
    ///
    /// # Errors
    /// What there is not enough of; nothing is set aside then.
    pub fn reserve(&self, tokens: u64, now: Timestamp) -> Result<Hold, OverBudget> {
        self.reserve_at(tokens, None, now)
    }

    /// Sets aside what a call may take: money for the dearest engine that may answer, or what is left if that pays for the
    /// cheapest.
    ///
    /// # Errors
    /// What there is not enough of; nothing is set aside then.
    pub fn reserve_at(
        &self,
        tokens: u64,
        prices: Option<Prices>,
        now: Timestamp,
    ) -> Result<Hold, OverBudget> {
        let mut hold = self.reserve_here(tokens, prices, now)?;
        for budget in &self.0.above {
            match budget.reserve_here(tokens, prices, now) {
                Ok(above) => {
                    hold.time = hold.time.min(above.time);
                    hold.money_micros = hold.money_micros.min(above.money_micros);
                    hold.above.push(above);
                }
                Err(over) => {
                    hold.unused();
                    self.0.refused.lock().get_or_insert_with(|| over.clone());
                    return Err(over);
                }
            }
        }
        Ok(hold)
    }

    fn reserve_here(
        &self,
        tokens: u64,
        prices: Option<Prices>,
        now: Timestamp,
    ) -> Result<Hold, OverBudget> {
        let [least, most] = prices.unwrap_or([self.0.allowance.price_micros; 2]);
        let mut account = self.0.account.lock();
        let time = self.fits(&account, tokens, least, now)?;
        let allowed = u128::from(self.0.allowance.money_micros) * 1_000;
        let left = allowed.saturating_sub(account.cost);
        let held = cost(tokens, most).min(left.max(cost(tokens, least)));
        account.spent.calls += 1;
        account.take(tokens, held);
        self.note(&account);
        Ok(Hold {
            budget: self.clone(),
            tokens,
            cost: held,
            time,
            money_micros: u64::try_from(held / 1_000).unwrap_or(u64::MAX),
            above: Vec::new(),
        })
    }

    /// Counts what was spent before this budget was there, such as by a process that is gone.
    pub fn charge(&self, tokens: u64) {
        let mut account = self.0.account.lock();
        account.spent.calls += 1;
        account.take(tokens, cost(tokens, self.0.allowance.price_micros));
        self.note(&account);
    }

    /// What may be spent.
    #[must_use]
    pub fn allowance(&self) -> Allowance {
        self.0.allowance
    }

    /// Tokens that are left, in this and in everything it is a part of.
    #[must_use]
    pub fn tokens_left(&self) -> u64 {
        let here = |budget: &Self| {
            let allowed = budget.0.allowance.tokens;
            allowed.saturating_sub(budget.0.account.lock().spent.tokens)
        };
        self.0.above.iter().map(here).fold(here(self), u64::min)
    }

    /// Time that is left, in this and in everything it is a part of.
    #[must_use]
    pub fn time_left(&self, now: Timestamp) -> Duration {
        let here = |budget: &Self| {
            let Inner {
                allowance, began, ..
            } = budget.0.as_ref();
            allowance.time.saturating_sub(now.since(*began))
        };
        self.0
            .above
            .iter()
            .map(here)
            .fold(here(self), Duration::min)
    }

    /// Whether a call could be paid; nothing is set aside.
    ///
    /// # Errors
    /// What there is not enough of.
    pub fn affords(&self, tokens: u64, now: Timestamp) -> Result<(), OverBudget> {
        for budget in std::iter::once(self).chain(&self.0.above) {
            let account = *budget.0.account.lock();
            budget.fits(&account, tokens, budget.0.allowance.price_micros, now)?;
        }
        Ok(())
    }

    /// How long a call that can be paid may take.
    fn fits(
        &self,
        account: &Account,
        tokens: u64,
        price_micros: u64,
        now: Timestamp,
    ) -> Result<Duration, OverBudget> {
        let measured = self.measure(account, tokens, price_micros, now);
        measured.inspect_err(|over| {
            self.0.refused.lock().get_or_insert_with(|| over.clone());
        })
    }

    fn measure(
        &self,
        account: &Account,
        tokens: u64,
        price_micros: u64,
        now: Timestamp,
    ) -> Result<Duration, OverBudget> {
        let Allowance {
            tokens: allowed,
            money_micros,
            time,
            ..
        } = self.0.allowance;
        let left = time.saturating_sub(now.since(self.0.began));
        if left < CALL_LEAST {
            return Err(OverBudget::late(left, time));
        }
        let tokens_left = allowed.saturating_sub(account.spent.tokens);
        if tokens > tokens_left {
            return Err(OverBudget::Tokens {
                asked: tokens,
                left: tokens_left,
                allowed,
            });
        }
        let asked = cost(tokens, price_micros);
        if micros(account.cost.saturating_add(asked)) > money_micros {
            return Err(OverBudget::Money {
                asked: micros(asked),
                left: money_micros.saturating_sub(account.spent.money_micros),
                allowed: money_micros,
            });
        }
        Ok(left)
    }

    /// Nothing that it pays for may leave this machine, from now on.
    pub fn keep_private(&self) {
        self.0.private.store(true, Ordering::Release);
    }

    /// Whether nothing that it pays for may leave this machine: neither as it was told nor as anything was that it is a part of.
    #[must_use]
    pub fn is_private(&self) -> bool {
        let here = |budget: &Self| budget.0.private.load(Ordering::Acquire);
        here(self) || self.0.above.iter().any(here)
    }

    /// The first call that was not made because there was not enough.
    #[must_use]
    pub fn refused(&self) -> Option<OverBudget> {
        self.0.refused.lock().clone()
    }

    /// What was spent, what is set aside included.
    #[must_use]
    pub fn spent(&self) -> Spent {
        self.0.account.lock().spent
    }

    fn over(&self, now: Timestamp) -> bool {
        now.since(self.0.began) > self.0.allowance.time + KEPT
    }
}

impl Hold {
    /// The call took so many tokens. More than was set aside is counted too: the next call finds less.
    pub fn settle(self, used: u64) {
        self.settle_at(used, None);
    }

    /// The call took so many tokens of an engine with this price; without one the price is the budget's.
    pub fn settle_at(self, used: u64, price_micros: Option<u64>) {
        for above in self.above {
            above.settle_at(used, price_micros);
        }
        let price = price_micros.unwrap_or(self.budget.0.allowance.price_micros);
        let mut account = self.budget.0.account.lock();
        account.give_back(self.tokens, self.cost);
        account.take(used, cost(used, price));
        self.budget.note(&account);
    }

    /// The call was never made.
    pub fn unused(self) {
        for above in self.above {
            above.unused();
        }
        let mut account = self.budget.0.account.lock();
        account.give_back(self.tokens, self.cost);
        account.spent.calls -= 1;
        self.budget.note(&account);
    }
}

/// The idempotency key that a tool is handed for an operation of a goal: `goal/task`, and `goal@tenant/task` for a goal of another tenant
/// than the world's own. Two tenants may name their goals alike; what a tool does for one it has not done for the other.
#[must_use]
pub fn tool_key(operation: &str, tenant: &TenantId, own: &TenantId) -> String {
    match operation.split_once('/') {
        Some((goal, task)) if tenant != own => format!("{goal}@{tenant}/{task}"),
        _ => operation.to_owned(),
    }
}

/// The budgets of all goals under way in one world, each tenant's its own. They outlive a planner that falls, because its successor goes on, and end with their
/// goals. Over a store they outlive the process: a goal that was under way when it ended goes on with what is left. Cheap to clone; clones are
/// the same budgets.
#[derive(Clone, Default)]
pub struct Budgets(Arc<Kept>);

#[derive(Default)]
struct Kept {
    budgets: Mutex<HashMap<(TenantId, String), Budget>>,
    store: Option<Arc<dyn Store>>,
}

impl std::fmt::Debug for Budgets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Budgets").field(&self.len()).finish()
    }
}

impl Budgets {
    /// Budgets that are on record in a store.
    #[must_use]
    pub fn over(store: Arc<dyn Store>) -> Self {
        Self(Arc::new(Kept {
            budgets: Mutex::default(),
            store: Some(store),
        }))
    }

    /// A full budget for a goal that begins, whatever an earlier run of the same name in this process has left. One that was under way when
    /// another process ended begins with what that one left.
    pub fn begin(
        &self,
        tenant: &TenantId,
        goal: &str,
        allowance: Allowance,
        now: Timestamp,
    ) -> Budget {
        let key = (tenant.clone(), goal.to_owned());
        let mut budgets = self.0.budgets.lock();
        let budget = match &self.0.store {
            None => Budget::new(allowance, now),
            Some(store) => {
                let record = Record {
                    store: Arc::clone(store),
                    key: budget_record(tenant.as_str(), goal),
                };
                // Of one that is known here nothing is left by another process.
                Budget::recorded(allowance, now, record, !budgets.contains_key(&key))
            }
        };
        budgets.retain(|_, budget| !budget.over(now));
        budgets.insert(key, budget.clone());
        budget
    }

    /// The budget of a goal that goes on after a fall; a full one if nothing was begun.
    pub fn resume(
        &self,
        tenant: &TenantId,
        goal: &str,
        allowance: Allowance,
        now: Timestamp,
    ) -> Budget {
        match self.of(tenant, goal) {
            Ok(budget) => budget,
            Err(_) => self.begin(tenant, goal, allowance, now),
        }
    }

    /// The budget of a goal under way.
    ///
    /// # Errors
    /// When the goal is not under way; nothing is free of charge for that.
    pub fn of(&self, tenant: &TenantId, goal: &str) -> Result<Budget, NoBudget> {
        let budgets = self.0.budgets.lock();
        let budget = budgets.get(&(tenant.clone(), goal.to_owned()));
        budget.cloned().ok_or_else(|| NoBudget {
            goal: goal.to_owned(),
        })
    }

    /// The budget that a tool's idempotency key is paid from: that of its goal, or of the innermost part of the goal that has one of its
    /// own; see [`tool_key`].
    ///
    /// # Errors
    /// When the key names no goal under way.
    pub fn of_key(&self, key: &str, own: &TenantId) -> Result<Budget, NoBudget> {
        let name = key.split('/').next().unwrap_or_default();
        let none = || NoBudget {
            goal: name.to_owned(),
        };
        let (operation, tenant) = match name.split_once('@') {
            None => (key.to_owned(), own.clone()),
            Some((goal, tenant)) => (
                format!("{goal}{}", &key[name.len()..]),
                TenantId::new(tenant).map_err(|_| none())?,
            ),
        };
        self.of(&tenant, &operation)
            .ok()
            .or_else(|| self.around(&tenant, &operation))
            .ok_or_else(none)
    }

    /// The budget of the work that an operation is a part of: of the innermost that has one.
    #[must_use]
    pub fn around(&self, tenant: &TenantId, operation: &str) -> Option<Budget> {
        let parts = operation.rmatch_indices('/');
        let mut outer = parts.map(|(end, _)| &operation[..end]);
        outer.find_map(|name| self.of(tenant, name).ok())
    }

    /// Enters the budget of a piece of work under its operation's name, in the place of one that is there.
    pub fn enter(&self, tenant: &TenantId, operation: &str, budget: &Budget, now: Timestamp) {
        let mut budgets = self.0.budgets.lock();
        budgets.retain(|_, budget| !budget.over(now));
        budgets.insert((tenant.clone(), operation.to_owned()), budget.clone());
    }

    /// The goal is over. A budget that is there under its name by now is another run's and stays.
    pub fn close(&self, tenant: &TenantId, goal: &str, budget: &Budget) {
        let key = (tenant.clone(), goal.to_owned());
        let mut budgets = self.0.budgets.lock();
        if budgets
            .get(&key)
            .is_some_and(|there| Arc::ptr_eq(&there.0, &budget.0))
        {
            budgets.remove(&key);
            if let Some(record) = &budget.0.record {
                record.remove();
            }
        }
    }

    /// All of them, with whose they are: goals, and pieces of work that have one of their own (their names hold a slash).
    #[must_use]
    pub fn under_way(&self) -> Vec<(TenantId, String, Budget)> {
        let budgets = self.0.budgets.lock();
        let all = budgets.iter();
        let mut all: Vec<_> = all
            .map(|((tenant, name), budget)| (tenant.clone(), name.clone(), budget.clone()))
            .collect();
        all.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
        all
    }

    /// Goals that have one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.budgets.lock().len()
    }

    /// Whether no goal has one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::since_epoch(Duration::from_millis(1_000_000 + ms))
    }

    fn budget(tokens: u64, money_micros: u64, price_micros: u64) -> Budget {
        let allowance = Allowance {
            tokens,
            money_micros,
            time: Duration::from_secs(1),
            price_micros,
        };
        Budget::new(allowance, at(0))
    }

    #[test]
    fn a_goal_goes_on_with_what_a_process_that_ended_has_left_and_begins_full_otherwise() {
        use aios_memory::InMemoryStore;
        let store: Arc<dyn Store> = Arc::new(InMemoryStore::new());
        let tenant = TenantId::new("local").unwrap();
        let allowance = Allowance {
            tokens: 100,
            money_micros: 1_000,
            time: Duration::from_secs(1),
            price_micros: 500,
        };
        let begin = |budgets: &Budgets| budgets.begin(&tenant, "g", allowance, at(0));
        let first = Budgets::over(Arc::clone(&store));
        let budget = begin(&first);
        budget.reserve(40, at(0)).unwrap().settle(10);
        // Under way when the process ends: nobody knows what it took.
        let lost = budget.reserve(20, at(0)).unwrap();
        std::mem::forget(lost);
        let spent = budget.spent();
        assert_eq!((spent.calls, spent.tokens), (2, 30));

        let second = Budgets::over(Arc::clone(&store));
        let budget = begin(&second);
        assert_eq!(budget.spent(), spent);
        assert!(budget.reserve(71, at(0)).is_err());
        // Begun again in the same process it is another run.
        assert_eq!(begin(&second).spent(), Spent::default());
        let budget = begin(&second);
        budget.reserve(40, at(0)).unwrap().settle(40);
        second.close(&tenant, "g", &budget);
        assert!(store.scan_prefix(b"budget/", None, 9).unwrap().is_empty());
        assert_eq!(begin(&Budgets::over(store)).spent(), Spent::default());
    }

    #[test]
    fn what_is_not_used_goes_back_and_what_nobody_settles_is_spent() {
        let budget = budget(100, 0, 0);
        let hold = budget.reserve(80, at(0)).unwrap();
        assert_eq!(
            budget.reserve(30, at(0)).unwrap_err(),
            OverBudget::Tokens {
                asked: 30,
                left: 20,
                allowed: 100
            }
        );
        hold.settle(10);
        let lost = budget.reserve(60, at(0)).unwrap();
        drop(lost);
        budget.reserve(5, at(0)).unwrap().unused();
        assert_eq!(
            budget.spent(),
            Spent {
                calls: 2,
                tokens: 70,
                money_micros: 0
            }
        );
        let (before, first) = (budget.spent(), budget.refused());
        assert!(budget.affords(30, at(0)).is_ok());
        assert!(budget.affords(31, at(0)).is_err());
        assert_eq!(budget.spent(), before, "looking sets nothing aside");
        assert!(matches!(first, Some(OverBudget::Tokens { asked: 30, .. })));
        assert_eq!(budget.refused(), first, "the first refusal is the one kept");
    }

    #[test]
    fn a_call_is_held_at_the_dearest_price_and_paid_at_the_one_of_who_answered() {
        let budget = budget(1_000_000, 500, 0);
        let hold = budget.reserve_at(400, Some([0, 1_000]), at(0)).unwrap();
        assert_eq!((hold.money_micros, budget.spent().money_micros), (400, 400));
        // Enough for the cheapest, not for the dearest: what is left is all that it may cost.
        let second = budget.reserve_at(400, Some([0, 1_000]), at(0)).unwrap();
        assert_eq!(
            (second.money_micros, budget.spent().money_micros),
            (100, 500)
        );
        second.settle_at(400, Some(0));
        hold.settle_at(300, Some(1_000));
        assert_eq!(budget.spent().money_micros, 300);
        assert_eq!(
            budget
                .reserve_at(400, Some([700, 1_000]), at(0))
                .unwrap_err(),
            OverBudget::Money {
                asked: 280,
                left: 200,
                allowed: 500
            }
        );
        let part = Budget::below(
            [budget.clone()],
            Allowance {
                money_micros: u64::MAX,
                ..budget.0.allowance
            },
            at(0),
        );
        let hold = part.reserve_at(200, Some([0, 2_000]), at(0)).unwrap();
        assert_eq!(
            hold.money_micros, 200,
            "the part has no more than the whole has left"
        );
        hold.unused();
        assert_eq!(budget.spent().money_micros, 300);
    }

    #[test]
    fn money_and_time_end_it_with_what_was_asked_left_and_allowed() {
        let budget = budget(1_000_000, 500, 1_000);
        budget.reserve(400, at(0)).unwrap().settle(400);
        assert_eq!(
            budget.reserve(200, at(0)).unwrap_err(),
            OverBudget::Money {
                asked: 200,
                left: 100,
                allowed: 500
            }
        );
        assert_eq!(
            budget.reserve(1, at(995)).unwrap_err(),
            OverBudget::Time {
                asked: 10,
                left: 5,
                allowed: 1_000
            }
        );
        assert_eq!(budget.spent().money_micros, 400);
        assert_eq!(
            budget.reserve(100, at(400)).unwrap().time,
            Duration::from_millis(600)
        );
    }

    #[test]
    fn a_part_of_a_budget_spends_what_the_whole_has_and_never_more() {
        let allowance = |tokens| Allowance {
            tokens,
            ..budget(0, u64::MAX, 0).0.allowance
        };
        let team = Budget::new(allowance(100), at(0));
        let goal = Budget::below([team.clone()], allowance(80), at(0));
        // Named twice, the whole pays once.
        let run = Budget::below([goal.clone(), team.clone()], allowance(50), at(0));
        run.reserve(40, at(0)).unwrap().settle(30);
        let tokens = |one: &Budget| one.spent().tokens;
        assert_eq!([tokens(&run), tokens(&goal), tokens(&team)], [30, 30, 30]);
        assert_eq!(run.tokens_left(), 20);
        let over = run.reserve(21, at(0)).unwrap_err();
        assert!(
            matches!(over, OverBudget::Tokens { allowed: 50, .. }),
            "{over}"
        );
        // Another part of the whole has what this one left.
        let other = Budget::below([team.clone()], allowance(1_000), at(0));
        assert_eq!(other.tokens_left(), 70);
        other.reserve(70, at(0)).unwrap().settle(65);
        let before = [run.spent(), goal.spent(), team.spent()];
        let over = run.reserve(10, at(0)).unwrap_err();
        assert!(
            matches!(
                over,
                OverBudget::Tokens {
                    left: 5,
                    allowed: 100,
                    ..
                }
            ),
            "{over}"
        );
        assert_eq!(
            before,
            [run.spent(), goal.spent(), team.spent()],
            "nothing is set aside"
        );
        assert_eq!(
            run.refused().map(|first| first.to_string().contains("50")),
            Some(true)
        );
        assert!(run.affords(6, at(0)).is_err() && run.affords(5, at(0)).is_ok());
        run.reserve(5, at(0)).unwrap().unused();
        run.charge(3);
        assert_eq!((run.spent().tokens, team.spent().tokens), (33, 95));
    }

    fn tenant(name: &str) -> TenantId {
        TenantId::new(name).unwrap()
    }

    #[test]
    fn two_tenants_that_choose_the_same_name_pay_each_for_its_own() {
        let budgets = Budgets::default();
        let allowance = budget(10, 0, 0).0.allowance;
        let (us, them) = (tenant("acme"), tenant("rival"));
        let ours = budgets.begin(&us, "g", allowance, at(0));
        let theirs = budgets.begin(&them, "g", allowance, at(0));
        let key = |tenant| tool_key("g/t1/r2", tenant, &us);
        assert_eq!([key(&us), key(&them)], ["g/t1/r2", "g@rival/t1/r2"]);
        budgets
            .of_key(&key(&them), &us)
            .unwrap()
            .reserve(7, at(0))
            .unwrap()
            .settle(7);
        assert_eq!((ours.spent().tokens, theirs.spent().tokens), (0, 7));
        budgets.close(&us, "g", &ours);
        assert!(budgets.of_key("g@rival/t1", &us).is_ok());
        for nobody in [
            "",
            "g",
            "g/t1",
            "/g",
            "g@acme/t1",
            "g@No Name/t1",
            "g@/t1",
            "@rival/t1",
        ] {
            assert!(budgets.of_key(nobody, &us).is_err(), "{nobody:?}");
        }
        budgets.close(&them, "g", &theirs);
        assert!(budgets.is_empty());
    }

    #[test]
    fn a_part_of_a_goal_pays_from_its_own_budget_and_the_rest_from_the_goals() {
        let (budgets, us, them) = (Budgets::default(), tenant("acme"), tenant("rival"));
        let allowance = budget(10, 0, 0).0.allowance;
        let goal = budgets.begin(&us, "g", allowance, at(0));
        let part = Budget::below([goal], allowance, at(0));
        budgets.enter(&us, "g/t1", &part, at(0));
        budgets.enter(&them, "g/t1", &Budget::new(allowance, at(0)), at(0));
        part.charge(4);
        let spent = |key: &str| budgets.of_key(key, &us).map(|budget| budget.spent().tokens);
        let rows = [
            ("g/t1", 4),
            ("g/t1/3", 4),
            ("g/t1/3/2", 4),
            ("g/t2", 0),
            ("g", 0),
            ("g@rival/t1/1", 0),
        ];
        for (key, tokens) in rows {
            assert_eq!(spent(key), Ok(tokens), "{key}");
        }
        assert!(spent("g@rival/t2").is_err());
        let around = |operation| {
            budgets
                .around(&us, operation)
                .map(|budget| budget.spent().tokens)
        };
        assert_eq!(
            [around("g"), around("g/t1"), around("g/t1/2")],
            [None, Some(0), Some(4)]
        );
        budgets.close(&us, "g/t1", &part);
        assert_eq!(spent("g/t1/3"), Ok(0));
    }

    #[test]
    fn a_purse_outlives_its_planner_and_ends_with_its_goal() {
        let (budgets, us) = (Budgets::default(), tenant("acme"));
        let allowance = budget(10, 0, 0).0.allowance;
        let first = budgets.begin(&us, "g", allowance, at(0));
        first.reserve(4, at(0)).unwrap().settle(4);
        assert_eq!(budgets.resume(&us, "g", allowance, at(1)).spent().tokens, 4);
        // Asked for anew, nothing of what the run before it spent is missing, and that run closes its own budget alone.
        let second = budgets.begin(&us, "g", allowance, at(2));
        assert_eq!(second.spent(), Spent::default());
        budgets.close(&us, "g", &first);
        assert!(budgets.of(&us, "g").is_ok());
        budgets.close(&us, "g", &second);
        let none = budgets.of(&us, "g").unwrap_err();
        assert_eq!(none.goal, "g");
        assert!(none.to_string().contains("has no budget under way"));
        let forgotten = budgets.resume(&us, "f", allowance, at(3));
        budgets.begin(&us, "h", allowance, at(700_000));
        assert!(budgets.of(&us, "f").is_err());
        drop(forgotten);
    }
}
