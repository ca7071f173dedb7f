//! `aios nats`: a NATS server on this machine, for whoever has none.

use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use aios_bus::data::nats::server::{Access, NatsServer, ServerError, ServerOptions, Sync};
use aios_inference::models::{NATS_SERVER, program};
use serde_json::json;

use super::node::Signals;
use crate::arguments::NatsServer as Arguments;
use crate::console;
use crate::failure::{Failure, Kind};
use crate::own_node::threads;
use crate::weights;

/// How often is looked whether it still runs.
const LOOK: Duration = Duration::from_millis(500);

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let access = access(arguments)?;
    let cache = weights::cache()?;
    let [file] = NATS_SERVER.file;
    let program = weights::fetching(NATS_SERVER.name, file.bytes, |progress| {
        program(
            &NATS_SERVER,
            &|name| std::env::var_os(name),
            &cache,
            progress,
        )
    })?;
    if arguments.fetch {
        if arguments.json {
            console::json(&json!({ "program": program }))?;
        } else {
            console::result(&program.display().to_string())?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let folder = match &arguments.folder {
        Some(folder) => folder.clone(),
        None => cache.root().join("nats"),
    };
    let options = ServerOptions {
        program: program.clone(),
        folder: folder.clone(),
        address: Some(arguments.listen).filter(|address| address.port() != 0),
        access,
        tls: None,
        sync: if arguments.sync {
            Sync::Always
        } else {
            Sync::Soon
        },
    };
    let mut server = NatsServer::start(options).map_err(failed)?;
    let url = server.url();
    threads()?.block_on(async {
        let mut signals = Signals::listen()?;
        if arguments.json {
            console::json_line(&json!({"nats": url, "program": program, "folder": folder}))?;
        } else {
            console::result(&url)?;
            console::note(&format!("what lasts lies in {}", folder.display()));
            console::note(&format!(
                "from here: aios serve --nats {url}; Ctrl-C stops it"
            ));
        }
        loop {
            tokio::select! {
                () = signals.told() => return Ok::<(), Failure>(()),
                () = tokio::time::sleep(LOOK) => {}
            }
            if !server.is_running() {
                let log = folder.join("nats.log");
                return Err(Failure::plain(format!(
                    "the NATS server has ended by itself; its last words are in {}",
                    log.display()
                )));
            }
        }
    })?;
    server.stop();
    Ok(ExitCode::SUCCESS)
}

fn access(arguments: &Arguments) -> Result<Access, Failure> {
    match &arguments.token_file {
        Some(file) => {
            let token = fs::read_to_string(file).map_err(|error| {
                let sentence = format!("the token file {}: {error}", file.display());
                Failure::new(Kind::Input, sentence)
            })?;
            let token = token.trim();
            if token.is_empty() {
                let sentence = format!("the token file {} is empty", file.display());
                return Err(Failure::new(Kind::Input, sentence));
            }
            Ok(Access::Token(token.to_owned()))
        }
        None if arguments.listen.ip().is_loopback() => Ok(Access::Anybody),
        None => {
            let sentence = format!(
                "--listen: {} can be reached from other machines, and anybody could come in; name a token with --token-file, or listen on 127.0.0.1",
                arguments.listen
            );
            Err(Failure::new(Kind::Usage, sentence))
        }
    }
}

fn failed(error: ServerError) -> Failure {
    Failure::plain(error.to_string())
}
