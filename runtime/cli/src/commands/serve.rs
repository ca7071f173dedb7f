//! `aios serve`: a node that is asked by HTTP, by whoever on this machine has its token.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use aios_control::Control;
use aios_control::http::{HttpServer, HttpService, Running, Token};
use aios_control::socket::SocketFolder;
use aios_runtime::Node;
use serde_json::json;

use super::node::{Signals, keep};
use crate::arguments::Serve;
use crate::console;
use crate::failure::{Failure, Kind};

pub(crate) fn run(arguments: &Serve) -> Result<ExitCode, Failure> {
    // What is handed to a node from elsewhere is named from the root on.
    let out = std::path::absolute(&arguments.out)
        .map_err(|error| Failure::new(Kind::Usage, format!("--out: {error}")))?;
    // Before a model is loaded for nothing.
    if !arguments.http.ip().is_loopback() {
        let sentence = aios_control::http::BindError::BeyondLoopback(arguments.http).to_string();
        return Err(Failure::new(Kind::Usage, format!("--http: {sentence}")));
    }
    keep(&arguments.node, async |node| {
        let server = HttpServer::bind(arguments.http).await.map_err(failed)?;
        let shown = Shown::at(
            node,
            server.address().port(),
            arguments.token_file.as_deref(),
        )?;
        let mut running = serve(node, server, &shown.token, out)?;
        // Before it is said that it is ready: whoever starts it may stop it at once.
        let mut signals = Signals::listen()?;
        told(&running, &shown, arguments.json)?;
        let stayed = tokio::select! {
            () = signals.told() => Ok(()),
            error = running.failed() => Err(failed(error)),
        };
        console::note("those who are being answered have ten seconds");
        running.drain().await;
        stayed
    })
}

fn serve(node: &Node, server: HttpServer, token: &Token, out: PathBuf) -> Result<Running, Failure> {
    let served: Arc<dyn Control> = Arc::new(node.clone());
    let service = HttpService {
        node: Arc::new(move || Some(Arc::clone(&served))),
        tokens: vec![(token.clone(), node.owner_name().clone())],
        out,
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
    serve(node, server, &shown.token, out)
}

/// Says that it is ready, and how it is reached.
fn told(running: &Running, shown: &Shown, json: bool) -> Result<(), Failure> {
    let http = format!("http://{}", running.address());
    let link = format!("{http}/?token={}", shown.token.reveal());
    if json {
        let ready = json!({"http": http, "link": link, "token_file": shown.file});
        console::json_line(&ready)?;
        return Ok(());
    }
    console::result(&format!("{http}\n{link}"))?;
    console::note(&format!("its token lies in {}", shown.file.display()));
    console::note(&format!(
        "from here: aios --node {http} tree; Ctrl-C stops it"
    ));
    Ok(())
}

fn failed(error: impl ToString) -> Failure {
    Failure::plain(error.to_string())
}

/// The token that is shown to come in, and where it lies.
pub(super) struct Shown {
    token: Token,
    file: PathBuf,
    /// Whether it ends with the node.
    passing: bool,
}

impl Shown {
    /// That of the file that is named, or a fresh one where this user's other commands look for it.
    pub(super) fn at(node: &Node, port: u16, named: Option<&Path>) -> Result<Self, Failure> {
        let (file, passing) = match named {
            Some(file) => (file.to_owned(), false),
            None => {
                let folder = SocketFolder::of(&node.config().door.folder);
                (folder.token(port).map_err(failed)?, true)
            }
        };
        if !passing && file.exists() {
            let token = Token::read(&file).map_err(failed)?;
            return Ok(Self {
                token,
                file,
                passing,
            });
        }
        let token = Token::fresh().map_err(failed)?;
        token.write(&file).map_err(failed)?;
        Ok(Self {
            token,
            file,
            passing,
        })
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
        // Somebody else may listen there by now.
        if self.passing && Token::read(&self.file).is_ok_and(|token| token == self.token) {
            let _ = fs::remove_file(&self.file);
        }
    }
}
