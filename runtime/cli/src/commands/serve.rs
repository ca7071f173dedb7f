//! `aios serve`: a node that is asked by HTTP, by whoever on this machine has its token.

use std::fs;
use std::future::pending;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use aios_control::Control;
use aios_control::access::{KeyFile, Known, Principals, Token};
use aios_control::grpc::{GrpcBindError, GrpcRunning, GrpcServer, GrpcService};
use aios_control::http::{BindError, HttpServer, HttpService, Page, PageFile, Running};
use aios_control::socket::SocketFolder;
use aios_control::tls::{CLIENT, Tls};
use aios_runtime::Node;
use aios_runtime::config::TlsConfig;
use serde_json::json;

use super::key;
use super::node::{Signals, keep};
use crate::arguments::Serve;
use crate::failure::{Failure, Kind};
use crate::notify::Manager;
use crate::{console, settings};

pub(crate) fn run(arguments: &Serve) -> Result<ExitCode, Failure> {
    // What is handed to a node from elsewhere is named from the root on.
    let out = std::path::absolute(&arguments.out)
        .map_err(|error| Failure::new(Kind::Usage, format!("--out: {error}")))?;
    // Before a model is loaded for nothing.
    let config = settings::of_a_node(&arguments.node.settings, &arguments.node.thinking)?;
    let tls = tls(&config.serve.tls)?;
    if tls.is_none() && !arguments.http.ip().is_loopback() {
        let sentence = BindError::BeyondLoopback(arguments.http).to_string();
        return Err(Failure::new(Kind::Usage, format!("--http: {sentence}")));
    }
    let open = arguments.grpc.filter(|grpc| !grpc.ip().is_loopback());
    if let Some(grpc) = open.filter(|_| tls.is_none()) {
        let sentence = GrpcBindError::BeyondLoopback(grpc).to_string();
        return Err(Failure::new(Kind::Usage, format!("--grpc: {sentence}")));
    }
    keep(&arguments.node, async |node| {
        let server = match tls.clone() {
            Some(tls) => HttpServer::bind_tls(arguments.http, tls).await,
            None => HttpServer::bind(arguments.http).await,
        };
        let server = server.map_err(failed)?;
        let grpc = match (arguments.grpc, tls) {
            (None, _) => None,
            (Some(address), None) => Some(GrpcServer::bind(address).await),
            (Some(address), Some(tls)) => Some(GrpcServer::bind_tls(address, tls).await),
        };
        let grpc = grpc.transpose().map_err(failed)?;
        let ports = [
            Some(server.address().port()),
            grpc.as_ref().map(|grpc| grpc.address().port()),
        ];
        let ports: Vec<u16> = ports.into_iter().flatten().collect();
        let shown = Shown::at(node, &ports, arguments.token_file.as_deref())?;
        let keys = key::keys(node.config())?;
        let principals = Principals::new(
            [(shown.token.clone(), node.owner_name().clone())],
            Some(keys.clone()),
        );
        let mut grpc = match grpc {
            Some(grpc) => Some(bus(node, grpc, principals.clone(), out.clone())?),
            None => None,
        };
        let mut running = serve(node, server, principals, out)?;
        // Before it is said that it is ready: whoever starts it may stop it at once.
        let mut signals = Signals::listen()?;
        let owner = Known {
            principal: node.owner_name().clone(),
            rights: None,
        };
        let looks = arguments.read_only_link.then(|| owner.clone());
        let links = Links {
            link: running.link(owner).map_err(failed)?,
            read_only: looks
                .map(|known| running.read_only_link(known))
                .transpose()
                .map_err(failed)?,
        };
        told(
            node,
            &running,
            grpc.as_ref(),
            &links,
            &shown,
            &keys,
            arguments.json,
        )?;
        let manager = Manager::of_environment();
        let tell = |state: &str| {
            if let Some(manager) = &manager {
                manager.tell(state);
            }
        };
        tell("READY=1");
        let stayed = tokio::select! {
            () = signals.told() => Ok(()),
            error = running.failed() => Err(failed(error)),
            error = bus_failed(&mut grpc) => Err(failed(error)),
            () = alive(node, manager.as_ref()) => Ok(()),
        };
        tell("STOPPING=1");
        console::note("those who are being answered have ten seconds");
        let bus = async {
            if let Some(grpc) = grpc {
                grpc.drain().await;
            }
        };
        tokio::join!(running.drain(), bus);
        stayed
    })
}

/// Tells a service manager that asks for it that the node is alive, for as long as it answers; without one it never ends.
async fn alive(node: &Node, manager: Option<&Manager>) {
    let Some((manager, every)) = manager.and_then(|manager| Some((manager, manager.every?))) else {
        return pending().await;
    };
    let mut tick = tokio::time::interval(every);
    loop {
        tick.tick().await;
        let mut control = node.control();
        match tokio::time::timeout(every, control.agents()).await {
            Ok(Ok(_)) => manager.tell("WATCHDOG=1"),
            Ok(Err(error)) => tracing::warn!(%error, "the node does not answer itself"),
            Err(_) => tracing::warn!("the node does not answer itself in time"),
        }
    }
}

/// What is shown beyond this machine, if anything is named for it.
fn tls(named: &TlsConfig) -> Result<Option<Tls>, Failure> {
    let TlsConfig {
        cert,
        key,
        client_ca,
    } = named;
    if [cert, key, client_ca].iter().all(|named| named.is_empty()) {
        return Ok(None);
    }
    let tls = Tls::load(cert, key, client_ca);
    tls.map(Some)
        .map_err(|error| Failure::new(Kind::Settings, error.to_string()))
}

fn serve(
    node: &Node,
    server: HttpServer,
    principals: Principals,
    out: PathBuf,
) -> Result<Running, Failure> {
    let served: Arc<dyn Control> = Arc::new(node.clone());
    let service = HttpService {
        node: Arc::new(move || Some(Arc::clone(&served))),
        principals,
        out,
        page: Some(page()),
    };
    server.serve(service).map_err(failed)
}

/// Serves a node of the command's own at an address, to whoever shows the token.
pub(super) async fn opened(
    node: &Node,
    address: SocketAddr,
    shown: &Shown,
    out: PathBuf,
) -> Result<Running, Failure> {
    let server = HttpServer::bind(address).await.map_err(failed)?;
    let owner = (shown.token.clone(), node.owner_name().clone());
    serve(node, server, Principals::new([owner], None), out)
}

/// The page, as files of the server.
fn page() -> Page {
    let headers = || {
        let headers = aios_dashboard::HEADERS.iter();
        headers
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect()
    };
    Arc::new(move |path| {
        let file = aios_dashboard::file(path)?;
        Some(PageFile {
            content_type: file.content_type,
            bytes: file.bytes,
            headers: headers(),
        })
    })
}

/// The control bus beside HTTP, with the same keys.
fn bus(
    node: &Node,
    server: GrpcServer,
    principals: Principals,
    out: PathBuf,
) -> Result<GrpcRunning, Failure> {
    let served: Arc<dyn Control> = Arc::new(node.clone());
    let service = GrpcService {
        node: Arc::new(move || Some(Arc::clone(&served))),
        principals,
        agents: Some(node.agent_door()),
        out,
    };
    server.serve(service).map_err(failed)
}

/// Returns when the control bus has failed for good; never without one.
async fn bus_failed(grpc: &mut Option<GrpcRunning>) -> std::io::Error {
    match grpc {
        Some(grpc) => grpc.failed().await,
        None => pending().await,
    }
}

/// Links for a browser; each opens once.
struct Links {
    link: String,
    read_only: Option<String>,
}

/// Says that it is ready, and how it is reached.
fn told(
    node: &Node,
    running: &Running,
    grpc: Option<&GrpcRunning>,
    links: &Links,
    shown: &Shown,
    keys: &KeyFile,
    json: bool,
) -> Result<(), Failure> {
    let http = running.url();
    let grpc = grpc.map(GrpcRunning::url);
    let Links { link, read_only } = links;
    if json {
        let mut ready =
            json!({"http": http, "link": link, "token_file": shown.file, "keys": keys.path()});
        if let Some(grpc) = grpc {
            ready["grpc"] = grpc.into();
        }
        if let Some(read_only) = read_only {
            ready["read_only_link"] = read_only.as_str().into();
        }
        if let Some((party, key)) = node.nats_signer() {
            let address = &node.config().bus.data.nats;
            ready["nats"] = json!({"address": address, "party": party, "key": key});
        }
        console::json_line(&ready)?;
        return Ok(());
    }
    console::result(&format!("{http}\n{link}"))?;
    if let Some(grpc) = grpc {
        console::result(&grpc)?;
    }
    if let Some(read_only) = read_only {
        console::result(read_only)?;
        console::note("the second link is for whoever is to look and do nothing");
    }
    console::note("a link opens once, within a day; `aios key link` gives another");
    console::note(&format!("its token lies in {}", shown.file.display()));
    console::note(&match http.starts_with("https://") {
        false => format!("from here: aios --node {http} tree; Ctrl-C stops it"),
        true => format!(
            "with a certificate: aios --node {http} tree, where {} and AIOS_TOKEN_FILE are set; Ctrl-C stops it",
            CLIENT.join(", ")
        ),
    });
    Ok(())
}

fn failed(error: impl ToString) -> Failure {
    Failure::plain(error.to_string())
}

/// The token's file in the storage folder.
const TOKEN: &str = "serve.token";

/// The token that is shown to come in, and where it lies.
pub(super) struct Shown {
    token: Token,
    file: PathBuf,
    /// Files that end with the node: one for each port, where this user's other commands look.
    passing: Vec<PathBuf>,
}

impl Shown {
    /// That of the file that is named, or of the node's storage folder, or a fresh one. Of a node that is named nowhere it lies where this
    /// user's other commands look for it.
    pub(super) fn at(node: &Node, ports: &[u16], named: Option<&Path>) -> Result<Self, Failure> {
        // What outlasts the node is asked by the same token when it is started again, whichever port it has then.
        let lasting = node.config().storage.path();
        let lasting = lasting.map(|folder| std::path::absolute(folder.join(TOKEN)));
        let lasting = lasting.transpose().map_err(failed)?;
        let file = named.map(Path::to_owned).or(lasting);
        let known = file.as_deref().filter(|file| file.exists());
        let token = match known {
            Some(file) => Token::read(file),
            None => Token::fresh(),
        };
        let mut shown = Self {
            token: token.map_err(failed)?,
            file: file.clone().unwrap_or_default(),
            passing: Vec::new(),
        };
        if file.is_some() && known.is_none() {
            shown.token.write(&shown.file).map_err(failed)?;
        }
        if named.is_some() {
            return Ok(shown);
        }
        let folder = SocketFolder::of(&node.config().door.folder);
        for port in ports {
            let file = folder.token(*port).map_err(failed)?;
            shown.token.write(&file).map_err(failed)?;
            shown.passing.push(file);
        }
        if file.is_none() {
            shown.file = shown.passing.first().cloned().unwrap_or_default();
        }
        Ok(shown)
    }
}

impl Shown {
    /// The token, for a link.
    pub(super) fn reveal(&self) -> &str {
        self.token.reveal()
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        for file in &self.passing {
            // Somebody else may listen there by now.
            if Token::read(file).is_ok_and(|token| token == self.token) {
                let _ = fs::remove_file(file);
            }
        }
    }
}
