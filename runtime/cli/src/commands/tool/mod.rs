//! `aios tool`: the tools of a node, and one call of one by hand.
//!
//! Without `--node` a node is started in this process for the moment of the answer, with the settings that are given: what a tool does
//! and what is granted can be tried before any agent uses it.

mod approve;
mod call;
mod list;
mod show;

use std::process::ExitCode;
use std::time::Duration;

use aios_control::{ClientError, Request, ToolLine, ToolServer};
use aios_runtime::{Config, engines};
use aios_work::{Capabilities, Capability, Effect, ServerState};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::arguments::{Tool, ToolsOf};
use crate::failure::Failure;
use crate::own_node::{engine, started, threads};
use crate::{client, settings};

pub(crate) fn run(tool: &Tool) -> Result<ExitCode, Failure> {
    match tool {
        Tool::List(arguments) => list::run(arguments),
        Tool::Show(arguments) => show::run(arguments),
        Tool::Call(arguments) => call::run(arguments),
        Tool::Approve(arguments) => approve::run(arguments),
    }
}

/// A node that is asked about its tools: a running one, or one of this process.
struct Asked<'a> {
    of: &'a ToolsOf,
    config: Config,
}

impl<'a> Asked<'a> {
    fn new(of: &'a ToolsOf) -> Result<Self, Failure> {
        let mut config = settings::load(&of.settings, &[])?;
        if of.node.is_none() {
            // Nobody comes in, nothing is kept, and a folder that a running node holds is left to it.
            config.door.open = false;
            config.swarm.pages = 0;
            config.storage.folder.clear();
        }
        Ok(Self { of, config })
    }

    /// All tools, and the servers that some of them come from: none for whoever may not see those.
    fn known(&self) -> Result<Known, Failure> {
        let mut answers = self.ask_each(&[Request::Tools {}, Request::ToolServers {}], false)?;
        let servers = match answers.pop() {
            Some(Ok(servers)) => read(servers)?,
            Some(Err(ClientError::Refused(_))) | None => Vec::new(),
            Some(Err(error)) => return Err(error.into()),
        };
        let tools = read(answers.remove(0).map_err(refused)?)?;
        Ok(Known { tools, servers })
    }

    /// The tool of this name.
    fn tool(&self, name: &str) -> Result<ToolLine, Failure> {
        self.known()?.tool(name)
    }

    /// Asks once; `thinks` says whether a model may be needed for the answer.
    fn ask<T: DeserializeOwned>(&self, request: &Request, thinks: bool) -> Result<T, Failure> {
        let mut answers = self.ask_each(std::slice::from_ref(request), thinks)?;
        read(answers.remove(0).map_err(refused)?)
    }

    /// Asks one node everything, in this order.
    fn ask_each(
        &self,
        requests: &[Request],
        thinks: bool,
    ) -> Result<Vec<Result<Value, ClientError>>, Failure> {
        // Before the threads are there, because weights may have to be fetched.
        let engine = match (&self.of.node, thinks) {
            (None, true) => engine(&self.config)?,
            _ => engines::scripted().into(),
        };
        let runtime = threads()?;
        let outcome = runtime.block_on(async {
            let mut answers = Vec::new();
            if let Some(node) = &self.of.node {
                let mut client = client::to(&self.config, Some(node)).await?;
                for request in requests {
                    answers.push(client.ask(request).await);
                }
                return Ok(answers);
            }
            let node = started(self.config.clone(), engine).await?;
            for request in requests {
                answers.push(node.control().ask(request).await);
            }
            node.stop().await;
            Ok(answers)
        });
        runtime.shutdown_timeout(Duration::from_secs(2));
        outcome
    }
}

/// What a node has tools from.
struct Known {
    tools: Vec<ToolLine>,
    servers: Vec<ToolServer>,
}

impl Known {
    fn tool(mut self, name: &str) -> Result<ToolLine, Failure> {
        if let Some(at) = self.tools.iter().position(|tool| tool.spec.name == name) {
            return Ok(self.tools.swap_remove(at));
        }
        let of = |server: &&ToolServer| {
            name.strip_prefix(server.name.as_str())
                .is_some_and(|rest| rest.starts_with("__"))
        };
        let server = self.servers.iter().find(of);
        let server = server.and_then(absent).map(|why| format!(": {why}"));
        let known: Vec<&str> = self
            .tools
            .iter()
            .map(|tool| tool.spec.name.as_str())
            .collect();
        Err(Failure::usage(format!(
            "there is no tool called {name:?}{}; there are: {}",
            server.unwrap_or_default(),
            known.join(", ")
        )))
    }

    /// What is missing of the servers' tools, and why.
    fn gaps(&self) -> Vec<String> {
        let refused = self.servers.iter().flat_map(|server| {
            let refused = server.refused.iter();
            refused.map(|tool| {
                format!(
                    "server {}: its tool {} cannot be called: {}",
                    server.name, tool.name, tool.reason
                )
            })
        });
        let absent = self.servers.iter().filter_map(absent);
        absent.chain(refused).collect()
    }
}

/// Why a server's tools are not there, or cannot be called; none if they can.
fn absent(server: &ToolServer) -> Option<String> {
    let name = &server.name;
    let trouble = match server.trouble.as_str() {
        "" => String::new(),
        trouble => format!(": {trouble}"),
    };
    match server.state {
        ServerState::Ready => None,
        ServerState::Suspended => Some(format!(
            "server {name} offers other tools than were approved; read what changed and take it with aios tool approve {name}"
        )),
        ServerState::Starting => Some(format!(
            "server {name} has not said yet which tools it has{trouble}"
        )),
        ServerState::Down => Some(format!(
            "server {name} is down{trouble}; look at its command in the configuration, and run it by hand"
        )),
    }
}

fn read<T: DeserializeOwned>(answer: Value) -> Result<T, Failure> {
    serde_json::from_value(answer)
        .map_err(|error| Failure::plain(format!("the node's answer cannot be read: {error}")))
}

fn refused(error: ClientError) -> Failure {
    match error {
        ClientError::Refused(error) => Failure::refused(error),
        other => other.into(),
    }
}

fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Pure => "pure",
        Effect::Repeatable => "repeatable",
        Effect::Query => "query",
        Effect::Ask => "ask",
    }
}

fn named(capabilities: &Capabilities) -> String {
    let names: Vec<&str> = capabilities.iter().map(Capability::as_str).collect();
    names.join(", ")
}

/// What is in the way of calling it.
fn hindrance(tool: &ToolLine) -> Option<String> {
    if let Some(why) = &tool.unusable {
        return Some(format!("cannot be called: {why}"));
    }
    (!tool.missing.is_empty()).then(|| format!("not granted: {}", named(&tool.missing)))
}
