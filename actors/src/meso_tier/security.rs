//! The security agent: who may speak, and who was refused.
//!
//! It never cuts anybody off on the strength of a bad signature: whoever forges a message in another's name would silence the victim.
//! Cutting off is an order, and only a meso agent may give it.

use std::collections::BTreeMap;

use aios_protocols::{AgentCard, Content, Party, Performative, ReasonKind, Tier};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::agent::{Agent, AgentError, Context, Incoming};

/// Orders that a party be cut off at once: a [`Revoke`].
pub const REVOKE: &str = "aios.revoke";
/// Asks for the refusals by reason: an [`AuditReport`].
pub const AUDIT: &str = "aios.audit";

/// Who is to be cut off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoke {
    /// Whose keys are worth nothing from now on.
    pub party: Party,
}

/// What was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditReport {
    /// How often, by reason, since the start.
    pub refused: BTreeMap<String, u64>,
    /// The latest refusals in words, oldest first.
    pub latest: Vec<String>,
}

/// Guards the key registry.
#[derive(Debug, Default)]
pub struct Security;

#[async_trait]
impl Agent for Security {
    fn card(&self, card: &mut AgentCard) {
        card.skills = ["audit".to_owned(), "revoke".to_owned()].into();
    }

    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError> {
        match (incoming.performative, incoming.ontology.as_deref()) {
            (Performative::Request, Some(REVOKE)) => {
                let may = matches!(&incoming.sender, Party::Agent(id) if id.tier() == Tier::Meso);
                if !may {
                    let detail = format!(
                        "{} may not cut anybody off; a meso agent may",
                        incoming.sender
                    );
                    return Err(AgentError::refuse(ReasonKind::Unauthorised, detail));
                }
                let order: Revoke = incoming.json()?;
                let known = ctx.system().key_registry().revoke_party(&order.party);
                tracing::warn!(party = %order.party, by = %incoming.sender, known, "keys revoked");
                incoming.inform(Content::json(&serde_json::json!({ "revoked": known }))?)?;
                Ok(())
            }
            (Performative::QueryRef, Some(AUDIT)) => {
                incoming.inform(Content::json(&report(ctx))?)?;
                Ok(())
            }
            _ => Err(super::not_mine(
                &incoming,
                "request of aios.revoke and query-ref of aios.audit",
            )),
        }
    }
}

fn report(ctx: &Context) -> AuditReport {
    /// Enough to see a pattern, few enough for one message.
    const LATEST: usize = 50;
    let audit = ctx.system().audit();
    let entries = audit.entries();
    let latest = entries
        .iter()
        .skip(entries.len().saturating_sub(LATEST))
        .map(|entry| format!("{} refused by {}: {}", entry.label, entry.by, entry.reason))
        .collect();
    let refused = audit
        .counts()
        .into_iter()
        .map(|(label, count)| (label.to_owned(), count))
        .collect();
    AuditReport { refused, latest }
}
