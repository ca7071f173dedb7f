//! A seller here and a buyer on a JADE platform: `cargo run -p aios-actors --example jade_gateway`.
//!
//! The strings stand where a transport would be: what a buyer of JADE writes goes in, what it would be sent comes out.

use std::error::Error;
use std::io::Write;

use aios_actors::agent::{Agent, AgentError, AgentOptions, Context, Incoming};
use aios_actors::outside::{Gateway, GatewayOptions};
use aios_actors::{AgentSystem, async_trait};
use aios_protocols::Performative;
use aios_supervisor::{Supervisor, SupervisorSpec};

struct Seller;

#[async_trait]
impl Agent for Seller {
    async fn handle(&mut self, incoming: Incoming, _: &Context) -> Result<(), AgentError> {
        match incoming.performative {
            Performative::Cfp => incoming.propose("20")?,
            Performative::AcceptProposal => incoming.inform("it is yours")?,
            _ => {}
        }
        Ok(())
    }
}

fn buyer(act: &str, slots: &str) -> String {
    format!(
        "({act}\n :sender  ( agent-identifier :name Nina@pc5:1099/JADE  :addresses (sequence http://pc5:7778/acc ))\n :receiver  (set ( agent-identifier :name seller@aios ) )\n {slots} :conversation-id  book-trade )"
    )
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout();
    let system = AgentSystem::builder().build();
    system.factories().register("macro.seller", |_| Ok(Seller));
    let supervisor = Supervisor::start(SupervisorSpec::new("agents")).await?;
    let (seller, _) = system
        .spawn("macro.seller", &supervisor, AgentOptions::default())
        .await?;

    let mut options = GatewayOptions::new("pc5:1099/JADE");
    options.addresses = vec!["http://here:7778/acc".to_owned()];
    let (gateway, mut carried) = Gateway::open(&system, options);
    // Nobody else can be spoken to from outside.
    gateway.export_as(&seller, "seller@aios");

    for (act, slots) in [
        ("CFP", ":content  \"Faust\" \n :reply-with  cfp1"),
        (
            "ACCEPT-PROPOSAL",
            ":content  \"Faust\" \n :reply-with  order1",
        ),
    ] {
        let said = buyer(act, slots);
        writeln!(out, "{said}\n")?;
        gateway.receive(said.as_bytes()).await?;
        if let Some(answer) = carried.recv().await {
            let to = answer.to.addresses.join(" ");
            writeln!(out, "to {to}:\n{}\n", String::from_utf8_lossy(&answer.text))?;
        }
    }
    supervisor.stop().await;
    Ok(())
}
