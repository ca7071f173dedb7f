//! Spawns an agent on a running node, asks it, kills it and watches it come back.
//!
//! `aios serve` prints the address and where the token lies (with `--engine scripted` no model is needed); then
//! `AIOS_NODE=http://127.0.0.1:PORT AIOS_TOKEN_FILE=FILE cargo run -p aios-control --features http --example comes_back`

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::time::Duration;

use aios_control::access::Token;
use aios_control::http::HttpClient;
use aios_control::{AgentHappened, Ask, Client, EventKind, Spawn, Told, Watch};

const CHARTER: &str = "---
name: greeter
description: Greets whoever asks.
---
Say hello in one sentence.
";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let node =
        std::env::var("AIOS_NODE").map_err(|_| "set AIOS_NODE to what `aios serve` printed")?;
    let file = std::env::var("AIOS_TOKEN_FILE")
        .map_err(|_| "set AIOS_TOKEN_FILE to the file that `aios serve` named")?;
    for line in tour(&node, &Token::read(file.as_ref())?).await? {
        println!("{line}");
    }
    Ok(())
}

/// What was seen, a line each.
pub(crate) async fn tour(node: &str, token: &Token) -> Result<Vec<String>, Box<dyn Error>> {
    let mut seen = Vec::new();
    let mut client = HttpClient::client(node, token.clone())?;
    let spawned = client
        .spawn(Spawn {
            charter: Some(CHARTER.into()),
            ..Spawn::default()
        })
        .await?;
    let agent = spawned.agent;
    // A client carries one request at a time, so who watches has one of its own.
    let mut watcher = HttpClient::client(node, token.clone())?;
    let watch = Watch {
        fresh: true,
        agent: Some(agent.clone()),
        kinds: vec![EventKind::Agent],
        ..Watch::default()
    };
    watcher.watch_node(watch).await?;

    seen.push(format!(
        "said something: {}",
        !ask(&mut client, &agent, "Hello, who are you?")
            .await?
            .is_empty()
    ));
    client.kill(&agent).await?;
    seen.extend(
        tokio::time::timeout(Duration::from_secs(30), until_it_is_back(&mut watcher)).await??,
    );
    seen.push(format!(
        "said something again: {}",
        !ask(&mut client, &agent, "And now?").await?.is_empty()
    ));

    client.stop(&agent).await?;
    let refused = ask(&mut client, &agent, "Are you there?").await;
    seen.push(format!(
        "asked when it is stopped: {}",
        if refused.is_err() {
            "refused"
        } else {
            "answered"
        }
    ));
    Ok(seen)
}

async fn ask(client: &mut Client, agent: &str, content: &str) -> Result<String, Box<dyn Error>> {
    let question = Ask {
        agent: agent.into(),
        content: content.into(),
        deadline_ms: 60_000,
    };
    Ok(client.ask_agent(question).await?.content)
}

async fn until_it_is_back(watcher: &mut Client) -> Result<Vec<String>, Box<dyn Error>> {
    let mut seen = Vec::new();
    while let Some(told) = watcher.next_event().await? {
        let happened = happened(&told)?;
        let came_back = happened.kind == "started";
        seen.push(happened.kind);
        if came_back {
            return Ok(seen);
        }
    }
    Err("the node ended the watch before the agent came back".into())
}

fn happened(told: &Told) -> Result<AgentHappened, Box<dyn Error>> {
    Ok(serde_json::from_value(told.body.clone())?)
}
