//! The node as a service of the server: `nats micro ls`, `info` and `stats` show it, and its endpoints answer with JSON.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_nats::service::{Service, ServiceExt};
use bytes::Bytes;
use futures::StreamExt;
use serde_json::{Value, json};

use crate::node::{Node, Parts};

/// What the service is called.
const NAME: &str = "aios-node";
/// Between two attempts to be one.
const AGAIN: Duration = Duration::from_millis(500);

/// Answers until the node is gone.
pub(super) async fn serve(node: Weak<Parts>) {
    loop {
        let link = match node
            .upgrade()
            .as_ref()
            .and_then(|parts| parts.nats.as_ref())
        {
            Some(nats) => nats.bus.link().clone(),
            None => return,
        };
        if !link.up().await {
            return;
        }
        if let Err(error) = answer(&node, link.client()).await {
            tracing::debug!(%error, "the node is no service of its NATS server yet");
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn answer(node: &Weak<Parts>, client: &async_nats::Client) -> Result<(), async_nats::Error> {
    let Some((group, metadata)) = node.upgrade().and_then(|parts| about(&parts)) else {
        return Ok(());
    };
    let service: Service = client
        .service_builder()
        .description("a node of AI OS")
        .metadata(metadata)
        .start(NAME, env!("CARGO_PKG_VERSION"))
        .await?;
    let group = service.group(group);
    let mut status = group.endpoint("status").await?;
    let mut agents = group.endpoint("agents").await?;
    loop {
        let (request, what): (_, fn(&Arc<Parts>) -> Value) = tokio::select! {
            request = status.next() => (request, super::pulse::status),
            request = agents.next() => (request, list),
        };
        let (Some(request), Some(parts)) = (request, node.upgrade()) else {
            return Ok(());
        };
        let answer = what(&parts).to_string();
        request.respond(Ok(Bytes::from(answer))).await?;
    }
}

/// What its subjects begin with, and what the server says of it.
fn about(parts: &Parts) -> Option<(String, HashMap<String, String>)> {
    let nats = parts.nats.as_ref()?;
    let node = &parts.config.node;
    let metadata = [
        ("zone", node.zone.clone()),
        ("tenant", node.tenant.clone()),
        ("key", nats.signer().1),
    ];
    let metadata = metadata.map(|(name, value)| (name.to_owned(), value));
    let group = nats.subject(&format!("aios.node.{}", node.zone));
    Some((group, metadata.into()))
}

fn list(parts: &Arc<Parts>) -> Value {
    let agents = Node::from_parts(Arc::clone(parts)).view().agents;
    json!({ "agents": agents })
}
