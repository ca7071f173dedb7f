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

use aios_control::{ClientError, Request, ToolLine};
use aios_runtime::{Config, engines};
use aios_work::{Capabilities, Capability, Effect};
use serde::de::DeserializeOwned;

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

    fn tools(&self) -> Result<Vec<ToolLine>, Failure> {
        self.ask(&Request::Tools {}, false)
    }

    /// The tool of this name.
    fn tool(&self, name: &str) -> Result<ToolLine, Failure> {
        let mut tools = self.tools()?;
        match tools.iter().position(|tool| tool.spec.name == name) {
            Some(at) => Ok(tools.swap_remove(at)),
            None => {
                let known: Vec<&str> = tools.iter().map(|tool| tool.spec.name.as_str()).collect();
                Err(Failure::usage(format!(
                    "there is no tool called {name:?}; there are: {}",
                    known.join(", ")
                )))
            }
        }
    }

    /// Asks once; `thinks` says whether a model may be needed for the answer.
    fn ask<T: DeserializeOwned>(&self, request: &Request, thinks: bool) -> Result<T, Failure> {
        // Before the threads are there, because weights may have to be fetched.
        let engine = match (&self.of.node, thinks) {
            (None, true) => engine(&self.config)?,
            _ => engines::scripted(),
        };
        let runtime = threads()?;
        let outcome = runtime.block_on(async {
            if let Some(node) = &self.of.node {
                let mut client = client::to(&self.config, Some(node)).await?;
                return client.ask(request).await.map_err(refused);
            }
            let node = started(self.config.clone(), engine).await?;
            let answer = node.control().ask(request).await;
            node.stop().await;
            answer.map_err(refused)
        });
        runtime.shutdown_timeout(Duration::from_secs(2));
        outcome
    }
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
