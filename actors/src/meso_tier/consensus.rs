//! The consensus agent: at most one holder of a resource, and a number that proves who is the later one.
//!
//! On one node the store's compare-and-set decides. The token grows with every change of holder and survives restarts, so a holder that
//! was cut off and comes back can be told from its successor.

use std::time::Duration;

use aios_memory::{StoreError, Swap};
use aios_protocols::{AgentCard, Content, Performative, ReasonKind, Timestamp};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::agent::{Agent, AgentError, Context, Incoming};
use crate::content::{Lease, LeaseRequest, ontology};

/// Where leases lie in the store.
const LEASES: &str = "lease/";
/// The longest lease: a holder that lives longer renews.
const TTL_MAX: Duration = Duration::from_secs(24 * 3_600);
/// Tries at a compare-and-set before the asker is told to come back.
const TRIES: u32 = 16;

/// Gives out leases.
#[derive(Debug, Default)]
pub struct Consensus;

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
                let lease = acquire(&wanted.resource, &incoming.sender.to_string(), ttl, ctx)?;
                incoming.inform(Content::json(&lease)?)?;
                Ok(())
            }
            _ => Err(super::not_mine(&incoming, "request of aios.lease")),
        }
    }
}

fn acquire(resource: &str, who: &str, ttl: Duration, ctx: &Context) -> Result<Lease, AgentError> {
    let store = ctx.store();
    let key = format!("{LEASES}{}/{resource}", ctx.tenant()).into_bytes();
    for _ in 0..TRIES {
        let before = store.get(&key)?;
        let held: Option<Held> = before.as_deref().map(serde_json::from_slice).transpose()?;
        let granted = grant(held.as_ref(), who, ttl, ctx.now()).map_err(|holder| {
            AgentError::refuse(
                ReasonKind::Overloaded,
                format!("{resource} is held by {holder}"),
            )
        })?;
        let swapped: Result<Swap, StoreError> = store.compare_and_swap(
            &key,
            before.as_deref(),
            Some(&serde_json::to_vec(&granted)?),
        );
        if matches!(swapped?, Swap::Done) {
            return Ok(Lease {
                resource: resource.to_owned(),
                token: granted.token,
            });
        }
    }
    Err(AgentError::refuse(
        ReasonKind::Overloaded,
        format!("{resource} is being fought for; ask again"),
    ))
}

/// The lease after `who` asked for it, or who holds it instead.
fn grant(held: Option<&Held>, who: &str, ttl: Duration, now: Timestamp) -> Result<Held, String> {
    let now_us = now.as_micros();
    let until_us = now_us.saturating_add(u64::try_from(ttl.as_micros()).unwrap_or(u64::MAX));
    let token = match held {
        None => 1,
        Some(held) if held.holder == who => held.token,
        Some(held) if held.until_us <= now_us => held.token + 1,
        Some(held) => return Err(held.holder.clone()),
    };
    Ok(Held {
        holder: who.to_owned(),
        token,
        until_us,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::since_epoch(Duration::from_secs(seconds))
    }

    #[test]
    fn a_lease_has_one_holder_and_its_token_only_grows() {
        let ttl = Duration::from_secs(10);
        let first = grant(None, "a", ttl, at(100)).unwrap();
        assert_eq!((first.token, first.holder.as_str()), (1, "a"));
        assert_eq!(
            grant(Some(&first), "b", ttl, at(109)),
            Err("a".to_owned()),
            "held"
        );
        let renewed = grant(Some(&first), "a", ttl, at(109)).unwrap();
        assert_eq!(renewed.token, 1, "the same holder keeps its token");
        assert_eq!(
            grant(Some(&renewed), "b", ttl, at(118)),
            Err("a".to_owned()),
            "renewed"
        );
        let second = grant(Some(&renewed), "b", ttl, at(119)).unwrap();
        assert_eq!(second.token, 2, "a new holder outranks the old");
        let released = grant(Some(&second), "b", Duration::ZERO, at(120)).unwrap();
        assert_eq!(
            grant(Some(&released), "c", ttl, at(120)).unwrap().token,
            3,
            "a lease of no time is a release"
        );
    }
}
