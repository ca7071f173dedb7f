//! How the places of one party's conversations are shared.
//!
//! Of `capacity` places a quarter is kept for the conversations that the party opens itself; the others may hold three.
//! One tenant's senders may hold two of them, so that one is left for other tenants; and one sender an eighth of all,
//! so that it takes four of a tenant to shut out the rest of that tenant. With an agent's 4,096 places: 1,024 are its
//! own, 2,048 the most for a tenant and 512 for a sender, which is twice what an agent may ask at once.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;

use crate::{Party, TenantId};

/// Of which share there is no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Share {
    /// All places.
    All,
    /// What others than the party itself may open.
    Others,
    /// What may be opened for one tenant.
    Tenant,
    /// What one sender may open.
    Sender,
}

impl Share {
    /// Places of this share, at least one.
    pub const fn of(self, capacity: usize) -> usize {
        let places = match self {
            Share::All => capacity,
            Share::Others => capacity - capacity / 4,
            Share::Tenant => capacity / 2,
            Share::Sender => capacity / 8,
        };
        if places == 0 { 1 } else { places }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Share::All => "in all",
            Share::Others => "opened by others",
            Share::Tenant => "of one tenant",
            Share::Sender => "of one sender",
        })
    }
}

/// A share has no place left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoPlace {
    pub(crate) share: Share,
    /// Conversations there would be.
    pub(crate) asked: usize,
    /// Conversations allowed.
    pub(crate) allowed: usize,
}

/// For whom a place is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) sender: Party,
    pub(super) tenant: Option<TenantId>,
}

/// Who holds how many places.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    held: usize,
    by_others: usize,
    by_tenant: HashMap<TenantId, usize>,
    by_sender: HashMap<Party, usize>,
}

impl Places {
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Whether one more may be held, by the party itself if `holder` is `None`.
    pub(super) fn check(&self, capacity: usize, holder: Option<&Holder>) -> Result<(), NoPlace> {
        let at_most = |share: Share, held: usize| {
            let allowed = share.of(capacity);
            if held < allowed {
                return Ok(());
            }
            Err(NoPlace {
                share,
                asked: held + 1,
                allowed,
            })
        };
        // The narrowest first: it says best what to end.
        if let Some(holder) = holder {
            let of_sender = self.by_sender.get(&holder.sender);
            at_most(Share::Sender, of_sender.copied().unwrap_or(0))?;
            let tenant = holder.tenant.as_ref();
            let of_tenant = tenant.and_then(|tenant| self.by_tenant.get(tenant));
            at_most(Share::Tenant, of_tenant.copied().unwrap_or(0))?;
            at_most(Share::Others, self.by_others)?;
        }
        at_most(Share::All, self.held)
    }

    pub(super) fn take(&mut self, holder: Option<&Holder>) {
        self.held += 1;
        let Some(holder) = holder else {
            return;
        };
        self.by_others += 1;
        *self.by_sender.entry(holder.sender.clone()).or_default() += 1;
        if let Some(tenant) = &holder.tenant {
            *self.by_tenant.entry(tenant.clone()).or_default() += 1;
        }
    }

    pub(super) fn give_back(&mut self, holder: Option<&Holder>) {
        self.held = self.held.saturating_sub(1);
        let Some(holder) = holder else {
            return;
        };
        self.by_others = self.by_others.saturating_sub(1);
        less(&mut self.by_sender, &holder.sender);
        if let Some(tenant) = &holder.tenant {
            less(&mut self.by_tenant, tenant);
        }
    }
}

/// One less; who holds none is not remembered.
fn less<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(key);
        }
    }
}
