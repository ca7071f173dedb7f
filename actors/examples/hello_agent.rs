//! An agent on one screen: `cargo run -p aios-actors --example hello_agent`.

use std::time::Duration;

use aios_actors::agent::{Agent, AgentError, AgentOptions, Context, Incoming};
use aios_actors::{AgentSystem, async_trait};
use aios_protocols::{AgentCard, PrincipalId, PrincipalKind};
use aios_supervisor::{Supervisor, SupervisorSpec};

struct Greeter;

#[async_trait]
impl Agent for Greeter {
    fn card(&self, card: &mut AgentCard) {
        // People may speak to it; an agent that does not say so is asked by agents only.
        card.open_to.add(PrincipalKind::User);
    }

    async fn handle(&mut self, incoming: Incoming, _: &Context) -> Result<(), AgentError> {
        let name = incoming.content.as_str().unwrap_or("stranger");
        incoming.inform(format!("hello, {name}"))?;
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let system = AgentSystem::builder().build();
    system
        .factories()
        .register("macro.greeter", |_| Ok(Greeter));

    let supervisor = Supervisor::start(SupervisorSpec::new("agents")).await?;
    system
        .spawn("macro.greeter", &supervisor, AgentOptions::default())
        .await?;

    let alice = system
        .client("user:alice@local".parse::<PrincipalId>()?)
        .await?;
    let answer = alice
        .ask("macro.greeter", "Alice", Duration::from_secs(1))
        .await?;

    use std::io::Write;
    writeln!(
        std::io::stdout(),
        "{}",
        answer.content.as_str().unwrap_or_default()
    )?;
    supervisor.stop().await;
    Ok(())
}
