//! What is looked at on this machine: keys, disk, clock, memory, port, models, devices.

use std::fs::{self, File};
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use aios_control::tls::Tls;
use aios_inference::models;
use aios_runtime::Config;
use aios_runtime::config::{Device, EngineChoice};

use super::Found;
use crate::{quiet, weights};

/// Free space below which a node is likely to stop before long.
const FREE_LEAST: u64 = 1 << 30;
/// How long a sync may take before it is slow for a journal.
const SYNC_MOST: Duration = Duration::from_millis(50);
/// How far the clock of the disk and of the system may lie apart.
const SKEW_MOST: Duration = Duration::from_secs(5);
/// A moment that has passed: a clock before it was never set. 2025-01-01.
const PASSED: Duration = Duration::from_secs(1_735_689_600);

/// The storage folder, as far as there is one.
fn folder(config: &Config) -> Option<&Path> {
    let folder = &config.storage.folder;
    (!folder.is_empty()).then(|| Path::new(folder))
}

pub(super) fn keys(config: &Config) -> Found {
    let Some(folder) = folder(config) else {
        return Found::skip(
            "keys",
            "state is kept in memory, and the owner's key with it; set storage.folder to keep both",
        );
    };
    let key = folder.join("owner.key");
    match fs::symlink_metadata(&key) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Found::ok(
            "keys",
            format!("{} is made when a node starts first", key.display()),
        ),
        Err(error) => Found::fail(
            "keys",
            format!("{}: {error}", key.display()),
            "let its user read it",
        ),
        Ok(data) if !data.is_file() => Found::fail(
            "keys",
            format!("{} is no file", key.display()),
            "take it away, or name another storage.folder",
        ),
        Ok(data) if data.permissions().mode() & 0o077 != 0 => Found::fail(
            "keys",
            format!(
                "{} can be read by others: mode {:o}",
                key.display(),
                data.permissions().mode() & 0o777
            ),
            format!("chmod 600 {}", key.display()),
        ),
        Ok(_) => Found::ok("keys", format!("{} is its user's alone", key.display())),
    }
}

/// A folder that is there: the one that is asked for, or where it would be made.
fn existing(path: &Path) -> PathBuf {
    let mut at = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    while !at.is_dir() {
        match at.parent() {
            Some(parent) => at = parent.to_owned(),
            None => break,
        }
    }
    at
}

pub(super) fn disk(config: &Config) -> Found {
    let folder = folder(config).map_or_else(std::env::temp_dir, existing);
    let shown = folder.display();
    let began = Instant::now();
    let synced = synced(&folder);
    let took = began.elapsed();
    if let Err(error) = synced {
        return Found::fail(
            "disk",
            format!("a file in {shown} cannot be written and synced: {error}"),
            "let this user write there, free some space, or name another storage.folder",
        );
    }
    let free = rustix::fs::statvfs(&folder).map(|stat| stat.f_bavail.saturating_mul(stat.f_frsize));
    let free = free.unwrap_or(u64::MAX);
    let says = format!(
        "{shown}: a sync took {:.1} ms, {:.1} GB are free",
        took.as_secs_f64() * 1_000.0,
        free as f64 / 1e9
    );
    if free < FREE_LEAST {
        return Found::warn(
            "disk",
            says,
            "free some space: a node that cannot write stops rather than lose what it was told",
        );
    }
    if took > SYNC_MOST {
        return Found::warn(
            "disk",
            says,
            "each durable step waits for a sync; put storage.folder on a faster disk",
        );
    }
    Found::ok("disk", says)
}

/// Writes a file and its folder through to the disk, and takes it away again.
fn synced(folder: &Path) -> std::io::Result<()> {
    let mut file = tempfile::Builder::new()
        .prefix(".aios-doctor-")
        .tempfile_in(folder)?;
    file.write_all(&[0x5a; 4_096])?;
    file.as_file().sync_all()?;
    File::open(folder)?.sync_all()
}

pub(super) fn clock() -> Found {
    let now = SystemTime::now();
    if now < SystemTime::UNIX_EPOCH + PASSED {
        return Found::fail(
            "clock",
            "the clock was never set",
            "set it: messages and certificates are refused by their time",
        );
    }
    let written = tempfile::tempfile().and_then(|file| file.metadata()?.modified());
    let Ok(written) = written else {
        return Found::ok("clock", "it is set");
    };
    let apart = written
        .duration_since(now)
        .unwrap_or_else(|error| error.duration());
    if apart > SKEW_MOST {
        return Found::warn(
            "clock",
            format!(
                "the disk's clock and the system's lie {:.0} s apart",
                apart.as_secs_f64()
            ),
            "have both set by the same source of time",
        );
    }
    if Path::new("/run/systemd/timesync/synchronized").exists() {
        return Found::ok("clock", "it is set by a time server");
    }
    Found::ok(
        "clock",
        "it is set; whether a time server keeps it is not known",
    )
}

pub(super) fn memory(config: &Config) -> Found {
    let Ok(text) = fs::read_to_string("/proc/meminfo") else {
        return Found::skip("memory", "this system does not say how much there is");
    };
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|line| {
        line.trim()
            .trim_end_matches("kB")
            .trim()
            .parse::<u64>()
            .ok()
    });
    let Some(kib) = kib else {
        return Found::skip("memory", "this system does not say how much there is");
    };
    let (there, wanted) = (kib / 1_024, config.tools.node_memory_mb);
    let says = format!("{there} MB are free, goals may hold {wanted} MB together");
    match there < wanted {
        true => Found::warn(
            "memory",
            says,
            "lower tools.node_memory_mb, or run less beside it",
        ),
        false => Found::ok("memory", says),
    }
}

pub(super) fn port(check: &str, flag: &str, address: SocketAddr) -> Found {
    match TcpListener::bind(address) {
        Ok(_) => Found::ok(check, format!("{address} is free for `aios serve {flag}`")),
        Err(error) => Found::warn(
            check,
            format!("{address}: {error}"),
            format!(
                "somebody listens there, perhaps a node of yours; name another with `aios serve {flag}`"
            ),
        ),
    }
}

/// What is shown beyond this machine.
pub(super) fn certificates(config: &Config) -> Found {
    let named = &config.serve.tls;
    let all = [&named.cert, &named.key, &named.client_ca];
    if all.iter().all(|name| name.is_empty()) {
        return Found::skip(
            "certificates",
            "none are named, so nobody comes in from other machines",
        );
    }
    match Tls::load(&named.cert, &named.key, &named.client_ca) {
        Ok(_) => Found::ok(
            "certificates",
            "they go together, and clients show one of their authority",
        ),
        Err(error) => Found::fail(
            "certificates",
            error.to_string(),
            "mend [serve.tls], or leave all three empty",
        ),
    }
}

/// What engines behind servers are shown.
pub(super) fn engine_keys(config: &Config) -> Vec<Found> {
    let engines = config.engines.iter();
    let of = engines.filter_map(|(name, engine)| {
        let check = format!("key of {name}");
        if !engine.key_env.is_empty() {
            let set = std::env::var_os(&engine.key_env).is_some_and(|key| !key.is_empty());
            return Some(match set {
                true => Found::ok(&check, format!("{} is set", engine.key_env)),
                false => Found::fail(
                    &check,
                    format!("{} is not set", engine.key_env),
                    format!("export {}=...", engine.key_env),
                ),
            });
        }
        if engine.key_file.is_empty() {
            return None;
        }
        Some(match fs::metadata(&engine.key_file) {
            Ok(data) if data.permissions().mode() & 0o077 != 0 => Found::warn(
                &check,
                format!("{} can be read by others", engine.key_file),
                format!("chmod 600 {}", engine.key_file),
            ),
            Ok(_) => Found::ok(&check, format!("{} is there", engine.key_file)),
            Err(error) => Found::fail(
                &check,
                format!("{}: {error}", engine.key_file),
                "write the key there",
            ),
        })
    });
    of.collect()
}

pub(super) fn models(config: &Config) -> Vec<Found> {
    if config.model.engine == EngineChoice::Scripted {
        return vec![Found::skip("models", "the scripted engine needs none")];
    }
    let cache = match weights::cache() {
        Ok(cache) => cache,
        Err(failure) => {
            return vec![Found::fail(
                "models",
                failure.sentence(),
                "set AIOS_CACHE to a folder",
            )];
        }
    };
    let of = models::all().into_iter().map(|model| {
        let check = format!("model {}", model.name);
        let path = cache.source(model).path;
        if cache.holds(model) {
            return Found::ok(&check, format!("{} is there", path.display()));
        }
        let (says, what_to_do) = (
            format!(
                "{} is not there, or is not what its hash says",
                path.display()
            ),
            format!("aios model pull {}", model.name),
        );
        match config.model.engine {
            EngineChoice::Burn => Found::fail(&check, says, what_to_do),
            _ => Found::warn(
                &check,
                format!("{says}; without it the scripted engine thinks"),
                what_to_do,
            ),
        }
    });
    of.collect()
}

pub(super) fn devices(config: &Config) -> Found {
    if config.model.engine == EngineChoice::Scripted {
        return Found::skip("devices", "the scripted engine needs none");
    }
    let (devices, none) = quiet::quietly(aios_burn::devices);
    let names = devices.iter().map(|device| match &device.fault {
        None => format!("{} ({})", device.kind, device.name),
        Some(fault) => format!(
            "{} ({}): self-test failed: {fault}",
            device.kind, device.name
        ),
    });
    let mut says: Vec<String> = names.collect();
    let adapter = devices
        .iter()
        .any(|device| device.kind != "cpu" && device.fault.is_none());
    says.extend(none.map(|reason| format!("no graphics adapter: {reason}")));
    let says = says.join("; ");
    match config.model.device {
        Device::Wgpu if !adapter => Found::fail(
            "devices",
            says,
            "set model.device to auto or cpu, or install a driver for the adapter",
        ),
        _ => Found::ok("devices", says),
    }
}
