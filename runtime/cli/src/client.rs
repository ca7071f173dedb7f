//! Going to a running node with a question, once or again and again.

use std::process::ExitCode;
use std::time::Duration;

use aios_control::access::Token;
use aios_control::grpc::GrpcClient;
use aios_control::http::HttpClient;
use aios_control::socket::SocketFolder;
use aios_control::tls::{CLIENT, ClientTls};
use aios_control::{AddressError, Client, ClientError, Request};
use aios_runtime::{Config, Node, engines};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::arguments::{Show, Which};
use crate::console::{self, Redraw, Screen};
use crate::failure::{Failure, Kind};
use crate::own_node::say_found;
use crate::settings;

/// How often a watcher looks; twice a second is alive, and a look costs a node less than a millisecond.
const EVERY: Duration = Duration::from_millis(500);

/// What addresses of the control bus begin with, in the clear and with certificates.
const GRPC: [&str; 2] = ["grpc://", "grpcs://"];
/// A token by itself.
const TOKEN: &str = "AIOS_TOKEN";
/// A file with a token.
const TOKEN_FILE: &str = "AIOS_TOKEN_FILE";

/// Goes to a running node: by its address if it has one, otherwise through the folder of this user's sockets.
///
/// # Errors
/// Why it was not reached.
pub(crate) async fn to(config: &Config, node: Option<&str>) -> Result<Client, ClientError> {
    let folder = SocketFolder::of(&config.door.folder);
    match node {
        Some(address) if is_grpc(address) => {
            let token = token(&folder, address)?;
            Ok(Client::over(match certificates()? {
                Some(tls) => GrpcClient::certified(address, &token, &tls)?,
                None => GrpcClient::new(address, &token)?,
            }))
        }
        Some(address) if address.contains("://") => Ok(Client::over(http(&folder, address)?)),
        _ => Client::connect(&folder, node).await,
    }
}

fn is_grpc(address: &str) -> bool {
    GRPC.iter().any(|scheme| address.starts_with(scheme))
}

/// Whether an address is one that is spoken with by certificates: a node on another machine, most likely.
pub(crate) fn is_elsewhere(address: &str) -> bool {
    address.starts_with("https://") || address.starts_with("grpcs://")
}

fn http(folder: &SocketFolder, address: &str) -> Result<HttpClient, ClientError> {
    let token = token(folder, address)?;
    Ok(match certificates()? {
        Some(tls) => HttpClient::certified(address, token, &tls)?,
        None => HttpClient::new(address, token)?,
    })
}

/// What is shown beyond this machine, if anything is named for it.
fn certificates() -> Result<Option<ClientTls>, ClientError> {
    let named = CLIENT.map(|name| std::env::var(name).unwrap_or_default());
    if named.iter().all(String::is_empty) {
        return Ok(None);
    }
    let [cert, key, ca] = &named;
    Ok(Some(ClientTls::load(cert, key, ca)?))
}

/// A link to a running node's page, which is asked for by its address.
pub(crate) fn link(which: &Which, read_only: bool) -> Result<String, Failure> {
    let config = settings::load(&which.settings, &[])?;
    let folder = SocketFolder::of(&config.door.folder);
    let Some(address) = which.node.as_deref().filter(|node| node.contains("://")) else {
        return Err(Failure::usage(
            "say the node's address with --node, as `aios serve` printed it",
        ));
    };
    threads()?.block_on(async { Ok(http(&folder, address)?.link(read_only).await?) })
}

/// What is shown to a node at an address: what the environment says, or what a node of the same user has left beside its socket.
fn token(folder: &SocketFolder, address: &str) -> Result<Token, ClientError> {
    let port = match is_grpc(address) {
        true => GrpcClient::own_port(address)?,
        false => HttpClient::own_port(address)?,
    };
    if let Some(token) = std::env::var_os(TOKEN) {
        return Ok(Token::parse(&token.to_string_lossy())?);
    }
    let file = match (std::env::var_os(TOKEN_FILE), port) {
        (Some(file), _) => file.into(),
        (None, Some(port)) => folder.token(port)?,
        // What lies here for a port of this machine is shown to no other.
        (None, None) => return Err(AddressError::NoToken(address.to_owned()).into()),
    };
    Ok(Token::read(&file)?)
}

async fn connect(which: &Which) -> Result<Client, Failure> {
    let config = settings::load(&which.settings, &[])?;
    Ok(to(&config, which.node.as_deref()).await?)
}

fn threads() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::plain(format!("cannot start a thread to ask with: {error}")))
}

/// Asks once.
pub(crate) fn once<T: DeserializeOwned>(which: &Which, request: &Request) -> Result<T, Failure> {
    threads()?.block_on(async { Ok(connect(which).await?.ask(request).await?) })
}

/// Asks once or, when the person watches, until Ctrl-C, and shows each answer as `lines` (room in columns, colours allowed) or JSON.
pub(crate) fn show<T: DeserializeOwned + Serialize>(
    show: &Show,
    request: &Request,
    mut lines: impl FnMut(&T, usize, bool) -> Vec<String>,
) -> Result<ExitCode, Failure> {
    threads()?.block_on(async {
        let mut client = connect(&show.which).await?;
        if !show.watch {
            let answer: T = client.ask(request).await?;
            if show.json {
                console::json(&answer)?;
            } else {
                let (width, colour) = console::paper();
                console::result(&lines(&answer, width, colour).join("\n"))?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        let screen = Screen::detect();
        let mut redraw = Redraw::default();
        let mut last = Vec::new();
        let mut tick = tokio::time::interval(EVERY);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                _ = tokio::signal::ctrl_c() => return Ok(ExitCode::SUCCESS),
            }
            let answer: T = client.ask(request).await?;
            if show.json {
                if !console::json_line(&answer)? {
                    return Ok(ExitCode::SUCCESS);
                }
            } else if screen.live {
                redraw.draw(lines(&answer, Redraw::room().1, screen.colour));
            } else {
                // A pipe gets a picture only when something has changed.
                let picture = lines(&answer, usize::MAX, false);
                if picture != last {
                    if !console::picture(&picture)? {
                        return Ok(ExitCode::SUCCESS);
                    }
                    last = picture;
                }
            }
        }
    })
}

/// Asks a running node; where none runs, the answer lies in the storage folder: a node is started over it for the moment of the answer, without
/// a model, and takes up nothing.
pub(crate) fn once_or_stored<T: DeserializeOwned>(
    which: &Which,
    request: &Request,
) -> Result<T, Failure> {
    once_over(which, request, Servers::Away)
}

/// The same with the servers of tools that the configuration names, for an order that calls tools.
pub(crate) fn once_or_there<T: DeserializeOwned>(
    which: &Which,
    request: &Request,
) -> Result<T, Failure> {
    once_over(which, request, Servers::There)
}

/// Whether a node for the moment of an answer has the servers of tools that the configuration names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Servers {
    There,
    Away,
}

fn once_over<T: DeserializeOwned>(
    which: &Which,
    request: &Request,
    servers: Servers,
) -> Result<T, Failure> {
    let config = settings::load(&which.settings, &[])?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::plain(format!("cannot start a thread to ask with: {error}")))?;
    runtime.block_on(async {
        match to(&config, which.node.as_deref()).await {
            Ok(mut client) => Ok(client.ask(request).await?),
            Err(ClientError::NoNode) if config.storage.path().is_some() => {
                from_storage(config, request, servers).await
            }
            Err(ClientError::NoNode) => Err(Failure::new(
                Kind::NoNode,
                "no node of yours is running, and no storage.folder is set in which it could lie; \
                 name it with --set storage.folder=FOLDER",
            )),
            Err(error) => Err(error.into()),
        }
    })
}

/// There is neither a node nor a folder in which the goal could lie.
pub(crate) fn nowhere() -> Failure {
    Failure::plain(
        "no node of yours is running, and no storage.folder is set in which the goal could lie; \
         name it with --set storage.folder=FOLDER",
    )
}

async fn from_storage<T: DeserializeOwned>(
    mut config: Config,
    request: &Request,
    servers: Servers,
) -> Result<T, Failure> {
    // For a look at what is stored nobody needs to come in, and neither pages nor servers are needed.
    config.door.open = false;
    config.swarm.pages = 0;
    if servers == Servers::Away {
        config.tools.servers.clear();
    }
    let node = Node::builder()
        .config(config)
        .engine(engines::scripted())
        .leaving_goals()
        .start()
        .await?;
    say_found(&node);
    let outcome = node.control().ask(request).await;
    node.stop().await;
    Ok(outcome?)
}
