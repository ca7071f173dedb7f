//! `aios mcp`: the node as an MCP server on standard input and output, for a client that starts it, such as a coding agent.
//!
//! It asks a node that runs; where none does, one is started in this process, for as long as the client stays.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use aios_control::mcp::{Asker, serve_stdio};
use aios_control::{ClientError, ControlError, ErrorKind, Request};
use aios_runtime::{Config, Node};
use async_trait::async_trait;
use rmcp::model::Extensions;
use serde_json::Value;

use crate::arguments::Mcp;
use crate::failure::{Failure, Kind};
use crate::own_node::{engine, started, threads};
use crate::{client, console, settings};

pub(crate) fn run(arguments: &Mcp) -> Result<ExitCode, Failure> {
    let out = std::path::absolute(&arguments.out)
        .map_err(|error| Failure::new(Kind::Usage, format!("--out: {error}")))?;
    let config = settings::of_a_node(&arguments.settings, &arguments.thinking)?;
    let runtime = threads()?;
    let outcome = runtime.block_on(async {
        let there = client::to(&config, arguments.node.as_deref()).await;
        let (place, own) = match there {
            Ok(client) => {
                console::note(&format!("asks node {}", client.node()));
                let named = arguments.node.clone();
                (Where::Elsewhere(Box::new(config), named), None)
            }
            Err(ClientError::NoNode) if arguments.node.is_none() => {
                let engine = engine(&config)?;
                let node = started(config, engine).await?;
                console::note("no node runs, so one was started; it ends with this program");
                (Where::Here(node.clone()), Some(node))
            }
            Err(error) => return Err(error.into()),
        };
        let served = serve_stdio(Arc::new(Asks { place, out })).await;
        if let Some(node) = own {
            node.stop().await;
        }
        served.map_err(|error| Failure::plain(format!("the client cannot be heard: {error}")))
    });
    runtime.shutdown_timeout(Duration::from_secs(2));
    outcome.map(|()| ExitCode::SUCCESS)
}

/// Where the node is.
enum Where {
    Here(Node),
    Elsewhere(Box<Config>, Option<String>),
}

struct Asks {
    place: Where,
    out: PathBuf,
}

#[async_trait]
impl Asker for Asks {
    /// Each question goes its own way: a client of the protocol may ask several at once.
    async fn ask(&self, _: &Extensions, mut request: Request) -> Result<Value, ControlError> {
        absolute(&mut request)?;
        let asked = match &self.place {
            Where::Here(node) => node.control().ask(&request).await,
            Where::Elsewhere(config, named) => match client::to(config, named.as_deref()).await {
                Ok(mut client) => client.ask(&request).await,
                Err(error) => Err(error),
            },
        };
        asked.map_err(|error| match error {
            ClientError::Refused(error) => error,
            other => ControlError::new(ErrorKind::Unavailable, other.to_string()),
        })
    }

    fn out(&self, _: &Extensions) -> String {
        self.out.to_string_lossy().into_owned()
    }
}

/// Paths are meant from where this program was started; the node may stand elsewhere.
fn absolute(request: &mut Request) -> Result<(), ControlError> {
    let Request::Submit(goal) = request else {
        return Ok(());
    };
    for path in goal.data.iter_mut().chain([&mut goal.out]) {
        let whole = std::path::absolute(&*path)
            .map_err(|error| ControlError::invalid(format!("{path:?}: {error}")))?;
        *path = whole.to_string_lossy().into_owned();
    }
    Ok(())
}
