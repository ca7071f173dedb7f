//! One file over HTTP, in as many pieces as the network makes of it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, http::Response};

use super::content::sha256;
use super::error::{FetchError, SourceError, Stop, folder_error};
use super::{FetchJob, FetchOptions};

/// Between two reports of progress.
const REPORT_BYTES: u64 = 1 << 18;

/// A file to download.
pub(super) struct Wanted<'a> {
    pub(super) url: &'a str,
    pub(super) name: &'a str,
    pub(super) bytes: u64,
    pub(super) sha256: &'static str,
    /// Bytes of other files that count before it in the progress.
    pub(super) before: u64,
    /// Bytes of all files.
    pub(super) total: u64,
}

/// A client for one source.
pub(super) fn agent(options: &FetchOptions) -> Result<Agent, SourceError> {
    let roots = match &options.authorities {
        None => RootCerts::PlatformVerifier,
        Some(path) => {
            let unusable = |reason: String| SourceError::Setting {
                reason: format!("certificates in {}: {reason}", path.display()),
            };
            let pem = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
            let found = parse_pem(&pem).filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            });
            let found: Vec<_> = found.collect();
            if found.is_empty() {
                return Err(unusable("there are none".into()));
            }
            RootCerts::from(found)
        }
    };
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .timeout_resolve(Some(options.connect_timeout))
        .timeout_connect(Some(options.connect_timeout))
        .timeout_recv_response(Some(options.stall_timeout))
        .timeout_per_read(Some(options.stall_timeout));
    Ok(config.build().new_agent())
}

/// Downloads into `part`, goes on from what is there, and leaves the pinned content there or an error.
pub(super) fn download(
    work: &mut FetchJob<'_>,
    agent: &Agent,
    wanted: &Wanted<'_>,
    part: &Path,
) -> Result<(), Stop> {
    let local = |error: std::io::Error| Stop::Fetch(folder_error(part, &error, wanted.bytes));
    let mut file = File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(part)
        .map_err(local)?;
    let mut held = file.metadata().map_err(local)?.len();
    if held > wanted.bytes {
        file.set_len(0).map_err(local)?;
        held = 0;
    }
    let resumed = held > 0;
    let (mut failures, mut most) = (0, held);
    let mut answered = false;
    while held < wanted.bytes {
        work.report(wanted.before + held, wanted.total);
        let result = piece(
            work,
            agent,
            wanted,
            &mut file,
            part,
            &mut held,
            &mut answered,
        );
        let Err(trouble) = result else { continue };
        let reason = match trouble {
            Trouble::Network(reason) => reason,
            Trouble::Stop(stop) => {
                drop_empty(part, held);
                return Err(stop);
            }
        };
        // Only bytes never held before are won: a server that begins anew each time must not keep us for ever.
        failures = if held > most { 1 } else { failures + 1 };
        most = most.max(held);
        // A server that never answered is not asked twice: whoever is offline wants to know at once.
        if answered && failures < work.options.attempts.max(1) {
            continue;
        }
        if held == 0 {
            drop_empty(part, held);
            return Err(SourceError::Unreachable { reason }.into());
        }
        let bytes = held;
        return Err(SourceError::Interrupted {
            bytes,
            total: wanted.bytes,
            reason,
        }
        .into());
    }
    work.report(wanted.before + held, wanted.total);
    drop(file);
    let found = sha256(part).map_err(local)?;
    if found == wanted.sha256 {
        return Ok(());
    }
    // What came cannot be told apart from what was there before, so all of it goes.
    std::fs::remove_file(part).map_err(local)?;
    if resumed {
        // The first half may have been another file's: once more from the beginning.
        return download(work, agent, wanted, part);
    }
    Err(SourceError::WrongContent {
        name: wanted.name.to_owned(),
        found,
        pinned: wanted.sha256,
    }
    .into())
}

/// An empty part has nothing to go on from.
fn drop_empty(part: &Path, held: u64) {
    if held == 0 {
        let _ = std::fs::remove_file(part);
    }
}

enum Trouble {
    Stop(Stop),
    /// Trying again may help.
    Network(String),
}

/// One connection's worth.
fn piece(
    work: &mut FetchJob<'_>,
    agent: &Agent,
    wanted: &Wanted<'_>,
    file: &mut File,
    part: &Path,
    held: &mut u64,
    answered: &mut bool,
) -> Result<(), Trouble> {
    let local =
        |error: std::io::Error| Trouble::Stop(folder_error(part, &error, wanted.bytes).into());
    cancelled(work)?;
    let mut request = agent.get(wanted.url).header("accept-encoding", "identity");
    if *held > 0 {
        request = request.header("range", format!("bytes={held}-"));
    }
    let mut response = request
        .call()
        .map_err(|error| Trouble::Network(error.to_string()))?;
    *answered = true;
    match response.status().as_u16() {
        206 if range_start(&response) == Some(*held) => {}
        // It does not know ranges, or knows another file: from the beginning.
        200 => *held = 0,
        206 | 416 if *held > 0 => {
            *held = 0;
            file.set_len(0).map_err(local)?;
            return Err(Trouble::Network("the file cannot be continued".into()));
        }
        status @ (429 | 500..) => return Err(Trouble::Network(format!("status {status}"))),
        status => return Err(Trouble::Stop(SourceError::Status { status }.into())),
    }
    file.set_len(*held).map_err(local)?;
    file.seek(SeekFrom::Start(*held)).map_err(local)?;
    let mut body = response.body_mut().as_reader();
    let mut buffer = vec![0; 1 << 16];
    let mut reported = *held;
    loop {
        cancelled(work)?;
        let read = body
            .read(&mut buffer)
            .map_err(|error| Trouble::Network(error.to_string()))?;
        if read == 0 {
            let short = *held < wanted.bytes;
            return if short {
                Err(Trouble::Network("the connection was closed".into()))
            } else {
                Ok(())
            };
        }
        if *held + read as u64 > wanted.bytes {
            std::fs::remove_file(part).map_err(local)?;
            let found = format!("none, longer than {} bytes", wanted.bytes);
            let wrong = SourceError::WrongContent {
                name: wanted.name.to_owned(),
                found,
                pinned: wanted.sha256,
            };
            return Err(Trouble::Stop(wrong.into()));
        }
        file.write_all(&buffer[..read]).map_err(local)?;
        *held += read as u64;
        if *held - reported >= REPORT_BYTES {
            reported = *held;
            work.report(wanted.before + *held, wanted.total);
        }
    }
}

fn cancelled(work: &FetchJob<'_>) -> Result<(), Trouble> {
    if work.options.cancel.is_cancelled() {
        Err(Trouble::Stop(FetchError::Cancelled.into()))
    } else {
        Ok(())
    }
}

/// Where the sent range begins: `bytes 5-9/10` begins at 5.
fn range_start(response: &Response<Body>) -> Option<u64> {
    let range = response.headers().get("content-range")?.to_str().ok()?;
    range
        .strip_prefix("bytes ")?
        .split_once('-')?
        .0
        .trim()
        .parse()
        .ok()
}
