//! `aios tool approve`: what a running node's server offers now and did not before, and a person's word about it.

use std::io::{self, BufRead, IsTerminal};
use std::process::ExitCode;

use aios_control::{Request, ToolServer};
use aios_work::shown;

use super::{refused, threads};
use crate::arguments::ToolApprove;
use crate::failure::Failure;
use crate::{client, console, settings};

pub(super) fn run(arguments: &ToolApprove) -> Result<ExitCode, Failure> {
    let config = settings::load(&arguments.of.settings, &[])?;
    threads()?.block_on(async {
        let mut client = client::to(&config, arguments.of.node.as_deref()).await?;
        let servers: Vec<ToolServer> = client
            .ask(&Request::ToolServers {})
            .await
            .map_err(refused)?;
        let server = found(servers, &arguments.server)?;
        let Some(awaiting) = &server.awaiting else {
            let (name, state) = (&server.name, server.state.label());
            let sentence = format!("nothing of server {name} waits for an approval; it is {state}");
            return Err(Failure::usage(sentence));
        };
        if !arguments.yes {
            console::note(&format!(
                "server {} offers other tools than were approved:",
                server.name
            ));
            for change in &awaiting.changes {
                console::note(&format!("  {}", shown::terminal(change)));
            }
            if !agreed()? {
                return Err(Failure::usage(
                    "nothing was approved; add --yes to approve what is listed above",
                ));
            }
        }
        // Exactly the list that was shown: if it is another by now, it is refused.
        let request = Request::ApproveTools {
            server: server.name.clone(),
            list: awaiting.hash.clone(),
        };
        let server: ToolServer = client.ask(&request).await.map_err(refused)?;
        if arguments.of.json {
            console::json(&server)?;
        } else {
            console::result(&format!(
                "{} is {}: {}",
                server.name,
                server.state.label(),
                server.tools.join(", ")
            ))?;
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn found(servers: Vec<ToolServer>, name: &str) -> Result<ToolServer, Failure> {
    let known: Vec<String> = servers.iter().map(|server| server.name.clone()).collect();
    servers
        .into_iter()
        .find(|server| server.name == name)
        .ok_or_else(|| match known.as_slice() {
            [] => Failure::usage(
                "the node has no servers; write them as [tools.NAME] in its configuration",
            ),
            known => Failure::usage(format!(
                "no server is called {name:?}; there are: {}",
                known.join(", ")
            )),
        })
}

/// Whether whoever sits there says yes. Where nobody does, nobody has.
fn agreed() -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Ok(false);
    }
    console::note("approve them? [y/N]");
    let mut said = String::new();
    let read = io::stdin().lock().read_line(&mut said);
    read.map_err(|error| Failure::plain(format!("your answer cannot be read: {error}")))?;
    Ok(matches!(said.trim(), "y" | "Y" | "yes"))
}
