//! The budgets of all goals under way.

use std::collections::HashMap;
use std::sync::Arc;

use aios_memory::Store;
use aios_protocols::{TenantId, Timestamp};
use parking_lot::Mutex;

use super::account::{Record, budget_record};
use super::{Allowance, Budget, NoBudget};

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
