use std::time::Duration;

use aios_actors::agent::{Agent, AgentError, Context, Incoming};
use aios_actors::async_trait;
use aios_protocols::{AgentCard, PrincipalKind};
use aios_runtime::{Node, SpawnOptions};

struct Greeter;

#[async_trait]
impl Agent for Greeter {
    fn card(&self, card: &mut AgentCard) {
        card.open_to.add(PrincipalKind::Service);
    }

    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError> {
        Ok(incoming.inform(format!("hello from {}", ctx.me()))?)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let node = Node::builder().factory("macro.greeter", |_| Ok(Greeter)).start().await?;
    let id = node.spawn("macro.greeter", SpawnOptions::default()).await?;
    let said = node.ask("macro.greeter", "Ada", Duration::from_secs(5)).await?;
    assert_eq!(said.content.as_str(), Some(format!("hello from {id}").as_str()));
    node.stop().await;
    Ok(())
}
