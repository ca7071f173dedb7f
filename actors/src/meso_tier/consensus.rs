//! The consensus agent: at most one holder of a resource, and a number that proves who is the later one.
//!
//! On one node the store's compare-and-set decides. The token grows with every change of holder and survives restarts, so a holder that
//! was cut off and comes back can be told from its successor. All leases of a tenant take their tokens from one counter: so a lease that
//! was given back, or ran out, leaves no record, and whoever holds the resource next outranks everybody before it all the same.

use std::sync::Arc;
use std::time::Duration;

use aios_memory::{Store, Swap};
use aios_protocols::{AgentCard, Content, Performative, ReasonKind, Timestamp};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::agent::{Agent, AgentError, Context, Incoming};
use aios_work::content::{Lease, LeaseRequest, ontology};

/// Where leases lie in the store.
const LEASES: &str = "lease/";
/// Leases that were taken over: somebody else had them and had not given them back. Where the lease is leadership that is an election.
pub const TAKEOVERS_TOTAL: &str = "aios_consensus_takeovers_total";
/// The longest lease: a holder that lives longer renews.
const TTL_MAX: Duration = Duration::from_secs(24 * 3_600);
/// Where each tenant's last token lies.
const TOKENS: &str = "lease-token/";
/// Tries at a compare-and-set before the asker is told to come back.
const TRIES: u32 = 16;
/// Leases that are looked at for their end when one more is given out: more than come, so that each has its turn.
const LOOK: usize = 4;

/// Gives out leases.
#[derive(Debug, Default)]
pub struct Consensus {
    /// The last lease that was looked at for its end; none at the start of a round.
    looked: Option<Vec<u8>>,
}

/// A lease as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Held {
    holder: String,
    token: u64,
    until_us: u64,
}

#[async_trait]
impl Agent for Consensus {
    fn card(&self, card: &mut AgentCard) {
        card.skills = ["lease".to_owned()].into();
    }

    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError> {
        match (incoming.performative, incoming.ontology.as_deref()) {
            (Performative::Request, Some(ontology::LEASE)) => {
                let wanted: LeaseRequest = incoming.json()?;
                let ttl = Duration::from_millis(wanted.ttl_ms);
                if wanted.resource.is_empty() || ttl > TTL_MAX {
                    let most = TTL_MAX.as_millis();
                    let detail = format!(
                        "a lease needs a resource and at most {most} ms, asked for {} ms",
                        wanted.ttl_ms
                    );
                    return Err(AgentError::refuse(ReasonKind::UnsupportedValue, detail));
                }
                let (who, tenant) = (incoming.sender.to_string(), ctx.tenant().as_str());
                let token = if wanted.ttl_ms == 0 {
                    release(ctx.store(), tenant, &wanted.resource, &who)?
                } else {
                    let now = ctx.now();
                    self.sweep(ctx.store(), now)?;
                    acquire(ctx.store(), tenant, &wanted.resource, &who, ttl, now)?
                };
                let lease = Lease {
                    resource: wanted.resource,
                    token,
                };
                incoming.inform(Content::json(&lease)?)?;
                Ok(())
            }
            _ => Err(super::not_mine(&incoming, "request of aios.lease")),
        }
    }
}

impl Consensus {
    /// Takes away leases that ran out and that nobody gave back.
    fn sweep(&mut self, store: &Arc<dyn Store>, now: Timestamp) -> Result<(), AgentError> {
        let page = store.scan_prefix(LEASES.as_bytes(), self.looked.as_deref(), LOOK)?;
        // A page that is not full ends the round: were the next one sought behind it, keys that come in order would keep it there for ever.
        let full = page.len() == LOOK;
        self.looked = page.last().filter(|_| full).map(|(key, _)| key.clone());
        for (key, bytes) in page {
            // One that cannot be read is told to whoever asks for it.
            let held: Option<Held> = serde_json::from_slice(&bytes).ok();
            if held.is_some_and(|held| held.until_us <= now.as_micros()) {
                store.compare_and_swap(&key, Some(&bytes), None)?;
            }
        }
        Ok(())
    }
}

fn place(tenant: &str, resource: &str) -> Vec<u8> {
    format!("{LEASES}{tenant}/{resource}").into_bytes()
}

fn fought_for(resource: &str) -> AgentError {
    AgentError::refuse(
        ReasonKind::Overloaded,
        format!("{resource} is being fought for; ask again"),
    )
}

fn acquire(
    store: &Arc<dyn Store>,
    tenant: &str,
    resource: &str,
    who: &str,
    ttl: Duration,
    now: Timestamp,
) -> Result<u64, AgentError> {
    let key = place(tenant, resource);
    for _ in 0..TRIES {
        let before = store.get(&key)?;
        let held: Option<Held> = before.as_deref().map(serde_json::from_slice).transpose()?;
        let granted = grant(held.as_ref(), who, ttl, now).map_err(|holder| {
            AgentError::refuse(
                ReasonKind::Overloaded,
                format!("{resource} is held by {holder}"),
            )
        })?;
        let taken_over = held.as_ref().is_some_and(|held| held.holder != who);
        let token = match granted.token {
            Some(token) => token,
            // Also above what an earlier version gave out, which counted for each resource by itself.
            None => next_token(store, tenant, held.map_or(0, |held| held.token))?,
        };
        let next = Held {
            holder: who.to_owned(),
            token,
            until_us: granted.until_us,
        };
        let bytes = serde_json::to_vec(&next)?;
        if store.compare_and_swap(&key, before.as_deref(), Some(&bytes))? == Swap::Done {
            if taken_over {
                metrics::counter!(TAKEOVERS_TOTAL).increment(1);
            }
            return Ok(token);
        }
    }
    Err(fought_for(resource))
}

/// Gives a lease back; the token it had. What is not held by `who` was given back already, or ran out: 0.
fn release(
    store: &Arc<dyn Store>,
    tenant: &str,
    resource: &str,
    who: &str,
) -> Result<u64, AgentError> {
    let key = place(tenant, resource);
    for _ in 0..TRIES {
        let Some(before) = store.get(&key)? else {
            return Ok(0);
        };
        let held: Held = serde_json::from_slice(&before)?;
        if held.holder != who {
            return Ok(0);
        }
        if store.compare_and_swap(&key, Some(&before), None)? == Swap::Done {
            return Ok(held.token);
        }
    }
    Err(fought_for(resource))
}

/// A number that no lease of this tenant has had, and above `least`.
fn next_token(store: &Arc<dyn Store>, tenant: &str, least: u64) -> Result<u64, AgentError> {
    let key = format!("{TOKENS}{tenant}").into_bytes();
    for _ in 0..TRIES {
        let before = store.get(&key)?;
        let last = match before.as_deref() {
            Some(bytes) => u64::from_be_bytes(bytes.try_into().map_err(|_| {
                AgentError::failure(format!(
                    "the last token of leases of {tenant} cannot be read; restore the store"
                ))
            })?),
            None => 0,
        };
        let next = last.max(least) + 1;
        let bytes = next.to_be_bytes();
        if store.compare_and_swap(&key, before.as_deref(), Some(&bytes))? == Swap::Done {
            return Ok(next);
        }
    }
    Err(fought_for("a token"))
}

/// What is granted to who asked, without a token if it needs a new one.
#[derive(Debug, PartialEq, Eq)]
struct Granted {
    token: Option<u64>,
    until_us: u64,
}

/// The lease after `who` asked for it, or who holds it instead.
fn grant(held: Option<&Held>, who: &str, ttl: Duration, now: Timestamp) -> Result<Granted, String> {
    let now_us = now.as_micros();
    let until_us = now_us.saturating_add(u64::try_from(ttl.as_micros()).unwrap_or(u64::MAX));
    let token = match held {
        Some(held) if held.holder == who => Some(held.token),
        Some(held) if held.until_us > now_us => return Err(held.holder.clone()),
        _ => None,
    };
    Ok(Granted { token, until_us })
}

#[cfg(test)]
mod tests {
    use aios_memory::InMemoryStore;

    use super::*;

    const TTL: Duration = Duration::from_secs(10);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::since_epoch(Duration::from_secs(seconds))
    }

    fn store() -> Arc<dyn Store> {
        Arc::new(InMemoryStore::default())
    }

    fn leases(store: &Arc<dyn Store>) -> usize {
        store
            .scan_prefix(LEASES.as_bytes(), None, 1_000)
            .unwrap()
            .len()
    }

    #[test]
    fn a_lease_has_one_holder_and_its_token_only_grows() {
        let store = store();
        let ask = |who: &str, now| acquire(&store, "acme", "goal/1", who, TTL, at(now));
        let first = ask("a", 100).unwrap();
        let refused = ask("b", 109).unwrap_err().to_string();
        assert!(refused.contains("goal/1 is held by a"), "{refused}");
        assert_eq!(
            ask("a", 109).unwrap(),
            first,
            "the same holder keeps its token"
        );
        assert!(ask("b", 118).is_err(), "it was renewed");
        let second = ask("b", 119).unwrap();
        assert!(second > first, "a new holder outranks the old");
        assert_eq!(
            release(&store, "acme", "goal/1", "a").unwrap(),
            0,
            "not its own"
        );
        assert!(ask("c", 120).is_err());
        assert_eq!(release(&store, "acme", "goal/1", "b").unwrap(), second);
        assert_eq!(leases(&store), 0, "given back, it leaves no record");
        assert_eq!(release(&store, "acme", "goal/1", "b").unwrap(), 0);
        let third = ask("c", 120).unwrap();
        assert!(third > second, "and still the next one outranks all before");
        assert_eq!(
            acquire(&store, "rival", "goal/1", "d", TTL, at(120)).unwrap(),
            1
        );
    }

    #[test]
    fn a_lease_of_an_earlier_version_is_outranked_too() {
        let store = store();
        let before = r#"{"holder":"a","token":7,"until_us":5}"#;
        store.put(&place("acme", "x"), before.as_bytes()).unwrap();
        assert_eq!(acquire(&store, "acme", "x", "b", TTL, at(100)).unwrap(), 8);
        assert_eq!(acquire(&store, "acme", "y", "b", TTL, at(100)).unwrap(), 9);
    }

    #[test]
    fn what_ran_out_and_nobody_gave_back_is_cleared_away_as_others_come() {
        let (store, mut consensus) = (store(), Consensus::default());
        let mut most = 0;
        for number in 0..500 {
            consensus.sweep(&store, at(number)).unwrap();
            let resource = format!("goal/{number}");
            acquire(&store, "acme", &resource, "a", TTL, at(number)).unwrap();
            most = most.max(leases(&store));
        }
        // One a second for ten seconds, and those that wait for their turn.
        assert!(most < 30, "{most}");
        let last = acquire(&store, "acme", "goal/499", "a", TTL, at(500)).unwrap();
        assert_eq!(last, 500, "what is held is held");
    }

    #[test]
    fn a_lease_on_record_is_read_and_written_the_same() {
        let read = |bytes: &[u8]| serde_json::from_slice::<Held>(bytes).ok();
        crate::golden::holds("lease", 1, read, |held| serde_json::to_vec(held).unwrap());
    }
}
