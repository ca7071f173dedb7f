//! `aios key`: who may ask a node over HTTP, gRPC and MCP, and how much.
//!
//! Keys lie in a file of this user's, so they are made and taken away whether or not a node runs; one that runs looks there whenever somebody
//! comes in. A token is printed once and kept nowhere.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aios_control::access::{KeyError, KeyFile, KeyLine, NewKey, Scope, Token};
use aios_control::socket::SocketFolder;
use aios_protocols::{PrincipalId, Timestamp};
use aios_runtime::Config;
use serde_json::json;

use crate::arguments::{KeyCommand, KeyIssue, KeyOne};
use crate::failure::{Failure, Kind};
use crate::{client, console, settings};

/// The file's name in the storage folder.
const FILE: &str = "keys.json";
/// In whose name the owner's own key speaks.
const OWNER: &str = "owner";

pub(crate) fn run(command: &KeyCommand) -> Result<ExitCode, Failure> {
    match command {
        KeyCommand::Init(of) => {
            let (config, file) = found(of.settings())?;
            let wanted = NewKey {
                principal: principal(OWNER, &config.node.tenant)?,
                scope: Scope::Admin,
                folders: Vec::new(),
                expires_at: None,
            };
            told(&file, file.init(wanted, now()), of.json)
        }
        KeyCommand::Issue(issue) => issued(issue),
        KeyCommand::List(of) => {
            let (_, file) = found(of.settings())?;
            let lines = file.list(now()).map_err(failed)?;
            if of.json {
                console::json(&lines)?;
            } else if lines.is_empty() {
                console::note(&format!("no keys in {}", file.path().display()));
            } else {
                let lines: Vec<String> = lines.iter().map(line).collect();
                console::result(&lines.join("\n"))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        KeyCommand::Rotate(KeyOne { key, of }) => {
            let (_, file) = found(of.settings())?;
            told(&file, file.rotate(key, now()), of.json)
        }
        KeyCommand::Revoke(KeyOne { key, of }) => {
            let (_, file) = found(of.settings())?;
            let line = file.revoke(key, now()).map_err(failed)?;
            if of.json {
                console::json(&line)?;
            } else {
                console::result(&line.id)?;
                console::note(&format!("nobody comes in by {} any more", line.id));
            }
            Ok(ExitCode::SUCCESS)
        }
        KeyCommand::Link(link) => {
            let address = client::link(&link.which, link.read_only)?;
            if link.json {
                console::json(&json!({ "link": address }))?;
            } else {
                console::result(&address)?;
                console::note("it opens once, within a day");
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn issued(issue: &KeyIssue) -> Result<ExitCode, Failure> {
    let (config, file) = found(issue.of.settings())?;
    let tenant = issue.tenant.as_deref().unwrap_or(&config.node.tenant);
    let folders = issue.folders.iter().map(|folder| {
        let whole = std::path::absolute(folder)
            .map_err(|error| Failure::usage(format!("--folder: {error}")))?;
        let text = whole.to_str().map(str::to_owned);
        text.ok_or_else(|| Failure::usage(format!("--folder: {} is not Unicode", whole.display())))
    });
    let wanted = NewKey {
        principal: principal(&issue.name, tenant)?,
        scope: issue.scope,
        folders: folders.collect::<Result<_, _>>()?,
        expires_at: issue.expires_in.map(|after| now() + after),
    };
    told(&file, file.issue(wanted, now()), issue.of.json)
}

/// Prints a token, this once.
fn told(
    file: &KeyFile,
    made: Result<(KeyLine, Token), KeyError>,
    json: bool,
) -> Result<ExitCode, Failure> {
    let (key, token) = made.map_err(failed)?;
    if json {
        let mut told = serde_json::to_value(&key).unwrap_or_default();
        told["token"] = token.reveal().into();
        told["file"] = file.path().display().to_string().into();
        console::json(&told)?;
        return Ok(ExitCode::SUCCESS);
    }
    console::result(token.reveal())?;
    console::note(&format!(
        "{}; this is its token, which is shown this once",
        line(&key)
    ));
    console::note(&format!("its hash lies in {}", file.path().display()));
    Ok(ExitCode::SUCCESS)
}

fn line(key: &KeyLine) -> String {
    let end = match (&key.expires_at, key.expired) {
        (None, _) => String::new(),
        (Some(end), false) => format!(", until {end}"),
        (Some(end), true) => format!(", ended {end}"),
    };
    let folders = match key.folders.is_empty() {
        true => String::new(),
        false => format!(", files in {}", key.folders.join(" and ")),
    };
    format!(
        "{}  {} may {}{folders}{end}",
        key.id, key.principal, key.scope
    )
}

fn failed(error: KeyError) -> Failure {
    let kind = match &error {
        KeyError::Wanted(_) | KeyError::Unknown { .. } | KeyError::Several { .. } => Kind::Input,
        _ => Kind::Failed,
    };
    Failure::new(kind, error.to_string())
}

/// A name as a principal: a person's unless it says otherwise.
fn principal(name: &str, tenant: &str) -> Result<PrincipalId, Failure> {
    let whole = match name.contains(':') {
        true => name.to_owned(),
        false => format!("user:{name}@{tenant}"),
    };
    whole
        .parse()
        .map_err(|error| Failure::new(Kind::Input, format!("{name:?} is no name: {error}")))
}

fn found(from: &crate::arguments::Settings) -> Result<(Config, KeyFile), Failure> {
    let config = settings::load(from, &[])?;
    let file = keys(&config)?;
    Ok((config, file))
}

/// Where the keys of a node lie; the folder is made if it is missing.
pub(super) fn keys(config: &Config) -> Result<KeyFile, Failure> {
    let unusable = |error: String| Failure::plain(error);
    let path: PathBuf = match (config.serve.keys.as_str(), config.storage.path()) {
        ("", Some(storage)) => storage.join(FILE),
        ("", None) => {
            let folder = SocketFolder::of(&config.door.folder);
            folder.keys().map_err(|error| unusable(error.to_string()))?
        }
        (named, _) => named.into(),
    };
    if let Some(folder) = path.parent().filter(|folder| *folder != Path::new("")) {
        let made = fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder);
        made.map_err(|error| unusable(format!("cannot make {}: {error}", folder.display())))?;
    }
    Ok(KeyFile::at(path))
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp::since_epoch(since.unwrap_or(Duration::ZERO))
}
