//! What nobody publishes and whoever watches a node wants to know: its figures, and what was not delivered.

use std::sync::{Arc, Weak};
use std::time::Duration;

use aios_protocols::Subject;
use aios_protocols::subject::DataKind;
use serde_json::json;

use crate::node::{Node, Parts};

/// How often is looked for dead letters.
const LOOK: Duration = Duration::from_millis(500);
/// In how many looks the figures are told once.
const FIGURES: u32 = 20;

/// Tells until the node is gone.
pub(super) async fn tell(node: Weak<Parts>) {
    let mut looks = 0_u32;
    let mut told = node
        .upgrade()
        .map_or(0, |parts| parts.system.dead_letters().counts().total);
    loop {
        {
            let Some(parts) = node.upgrade() else { return };
            told = dead_letters(&parts, told).await;
            if looks.is_multiple_of(FIGURES) {
                figures(&parts).await;
            }
        }
        looks = looks.wrapping_add(1);
        tokio::time::sleep(LOOK).await;
    }
}

/// Tells the dead letters that came since; those that the node has forgotten by now are told as a number.
async fn dead_letters(parts: &Arc<Parts>, told: u64) -> u64 {
    let letters = parts.system.dead_letters();
    let total = letters.counts().total;
    let Some(nats) = parts.nats.as_ref().filter(|_| total > told) else {
        return total;
    };
    let new = usize::try_from(total - told).unwrap_or(usize::MAX);
    let kept = letters.list();
    let shown = new.min(kept.len());
    let subject = Subject::dead_letters(&parts.config.node.zone);
    if new > shown {
        let content = json!({"reason": "forgotten", "letters": new - shown});
        nats.tell(&subject, content.to_string().as_bytes()).await;
    }
    for letter in &kept[kept.len() - shown..] {
        // What it says stays here: it was meant for one receiver, and may be private.
        let content = json!({
            "reason": letter.reason.label(),
            "sender": letter.sender,
            "bytes": letter.item.frame_bytes(),
        });
        nats.tell(&subject, content.to_string().as_bytes()).await;
    }
    total
}

async fn figures(parts: &Arc<Parts>) {
    let Some(nats) = parts.nats.as_ref() else {
        return;
    };
    let subject = Subject::data(DataKind::Metrics, &parts.config.node.zone);
    nats.tell(&subject, status(parts).to_string().as_bytes())
        .await;
}

/// The node in figures.
pub(super) fn status(parts: &Arc<Parts>) -> serde_json::Value {
    let view = Node::from_parts(Arc::clone(parts)).view();
    let bus = parts.nats.as_ref().map(super::OnNats::view);
    json!({
        "zone": parts.config.node.zone,
        "tenant": parts.config.node.tenant,
        "agents": view.agents.len(),
        "restarts": view.restarts,
        "dead_letters": view.dead_letters,
        "messages": view.messages,
        "model": view.model,
        "bus": bus.map(|bus| json!({
            "up": bus.up,
            "connects": bus.link.connects,
            "disconnects": bus.link.disconnects,
            "slow_consumers": bus.link.slow,
            "missed": bus.missed,
            "accepted": bus.outbox.accepted,
            "delivered": bus.outbox.delivered,
            "waiting": bus.outbox.waiting,
            "given_up": bus.outbox.given_up,
            "refused": bus.outbox.refused,
        })),
    })
}
