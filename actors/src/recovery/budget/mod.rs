//! What a goal may still spend on models: tokens, money and time, reserved before each call and settled after it.

mod account;
mod budgets;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aios_protocols::Timestamp;
use aios_work::content::ThoughtReport;
use aios_work::{CALL_LEAST, OverBudget, Spent};
use parking_lot::Mutex;

pub use account::budget_record;
pub use budgets::{Budgets, tool_key};

use account::{Account, Record, cost, micros};

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
    /// What was thought of it. Never locked before the account.
    thoughts: Mutex<Vec<ThoughtReport>>,
    /// What it pays for may not leave this machine.
    private: AtomicBool,
    /// The first call that was not made.
    refused: Mutex<Option<OverBudget>>,
    /// What this one is a part of, each once: nothing is spent here that is not there.
    above: Vec<Budget>,
    /// Where it is on record.
    record: Option<Record>,
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
            thoughts: Mutex::default(),
            private: AtomicBool::new(false),
            refused: Mutex::default(),
            above: all,
            record: None,
        }))
    }

    /// A full budget that is on record, or what a process that ended unasked has left of it.
    fn recorded(allowance: Allowance, began: Timestamp, record: Record, goes_on: bool) -> Self {
        let left = goes_on.then(|| record.read()).flatten();
        let (account, thoughts) = left.unwrap_or_default();
        if !goes_on {
            record.remove();
        }
        Self(Arc::new(Inner {
            allowance,
            began,
            account: Mutex::new(account),
            thoughts: Mutex::new(thoughts),
            private: AtomicBool::new(false),
            refused: Mutex::default(),
            above: Vec::new(),
            record: Some(record),
        }))
    }

    fn note(&self, account: &Account) {
        if let Some(record) = &self.0.record {
            record.write(account, &self.0.thoughts.lock());
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

    /// What was thought of it, see [`ModelReport::thoughts`](aios_work::content::ModelReport::thoughts).
    #[must_use]
    pub fn thoughts(&self) -> Vec<ThoughtReport> {
        self.0.thoughts.lock().clone()
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

    /// The call was answered with this thought; the price is that of [`settle_at`](Self::settle_at).
    pub fn thought(self, thought: ThoughtReport, price_micros: Option<u64>) {
        let all = std::iter::once(&self).chain(&self.above);
        for budget in all.map(|hold| &hold.budget) {
            thought.clone().note(&mut budget.0.thoughts.lock());
        }
        self.settle_at(thought.tokens, price_micros);
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
