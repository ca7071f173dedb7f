//! What is looked at elsewhere: tool servers, engines behind servers, a NATS server, whoever takes OTLP. A program is looked for and not
//! started; an address is connected to, and nothing of anybody's is sent there.

use std::io::Read;
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aios_runtime::Config;
use serde_json::Value;

use super::Found;

/// How long somebody may take to let us in, and to say who it is.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) fn servers(config: &Config) -> Vec<Found> {
    let servers = config.tools.servers.iter();
    let of = servers.map(|(name, server)| {
        let check = format!("tools of {name}");
        let names = server
            .env
            .iter()
            .chain((!server.token.is_empty()).then_some(&server.token));
        let missing: Vec<&str> = names
            .filter(|name| std::env::var_os(name).is_none())
            .map(String::as_str)
            .collect();
        if !missing.is_empty() {
            return Found::fail(
                &check,
                format!("it is to be given {}, which is not set", missing.join(", ")),
                format!("export {}=...", missing[0]),
            );
        }
        match server.command.first() {
            Some(program) => match found(program) {
                Some(path) => Found::ok(&check, format!("its program is {}", path.display())),
                None => Found::fail(
                    &check,
                    format!("its program {program} is not here, or may not be run"),
                    "install it, or name it from the root on",
                ),
            },
            None => reached(&check, &server.url, "start it, or mend its url"),
        }
    });
    of.collect()
}

/// A program as the system would find it.
fn found(program: &str) -> Option<PathBuf> {
    let runs = |path: &Path| {
        let data = path.metadata().ok();
        data.is_some_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
    };
    if program.contains('/') {
        let path = PathBuf::from(program);
        return runs(&path).then_some(path);
    }
    let paths = std::env::var_os("PATH")?;
    let mut all = std::env::split_paths(&paths).map(|folder| folder.join(program));
    all.find(|path| runs(path))
}

pub(super) fn engines(config: &Config) -> Vec<Found> {
    let engines = config
        .engines
        .iter()
        .filter(|(_, engine)| !engine.address.is_empty());
    let of = engines.map(|(name, engine)| {
        reached(
            &format!("engine {name}"),
            &engine.address,
            "start it, or mend its address",
        )
    });
    of.collect()
}

pub(super) fn otlp(config: &Config) -> Found {
    match config.telemetry.otlp.as_str() {
        "" => Found::skip("otlp", "nothing is sent anywhere"),
        address => reached(
            "otlp",
            address,
            "start a collector there, or leave telemetry.otlp empty",
        ),
    }
}

/// Every NATS server that is named anywhere in the settings.
pub(super) fn nats(config: &Config) -> Vec<Found> {
    let mut addresses = Vec::new();
    walk(
        &serde_json::to_value(config).unwrap_or_default(),
        &mut addresses,
    );
    if addresses.is_empty() {
        return vec![Found::skip("nats", "the data bus stays in the process")];
    }
    let of = addresses.iter().map(|address| match connected(address) {
        Err(why) => Found::fail(
            "nats",
            format!("{address}: {why}"),
            "start it, or mend its address",
        ),
        Ok(mut stream) => {
            // A server says who it is before anybody asks.
            let mut said = [0; 5];
            let _ = stream.set_read_timeout(Some(PATIENCE));
            match stream.read_exact(&mut said) {
                Ok(()) if &said == b"INFO " => {
                    Found::ok("nats", format!("{address} is a NATS server"))
                }
                _ => Found::fail(
                    "nats",
                    format!("{address} is no NATS server"),
                    "mend its address",
                ),
            }
        }
    });
    of.collect()
}

fn walk(value: &Value, addresses: &mut Vec<String>) {
    match value {
        // Several servers of one cluster are named with commas between them.
        Value::String(text) => {
            let all = text.split(',').map(str::trim);
            let own = all.filter(|one| one.starts_with("nats://") || one.starts_with("tls://"));
            addresses.extend(own.map(str::to_owned));
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, addresses)),
        Value::Object(fields) => fields.values().for_each(|field| walk(field, addresses)),
        _ => {}
    }
}

fn reached(check: &str, address: &str, what_to_do: &str) -> Found {
    match connected(address) {
        Ok(_) => Found::ok(check, format!("{address} lets us in")),
        Err(why) => Found::fail(check, format!("{address}: {why}"), what_to_do),
    }
}

/// Host and port of an address.
fn host(address: &str) -> Option<(String, u16)> {
    let (scheme, rest) = address.split_once("://")?;
    let usual = match scheme {
        "http" => 80,
        "https" => 443,
        "nats" | "tls" => 4_222,
        _ => return None,
    };
    let authority = rest.split(['/', '?', '#']).next()?;
    let authority = authority.rsplit('@').next()?;
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => {
            Some((host.trim_matches(['[', ']']).to_owned(), port.parse().ok()?))
        }
        _ => Some((authority.trim_matches(['[', ']']).to_owned(), usual)),
    }
}

fn connected(address: &str) -> Result<TcpStream, String> {
    let (host, port) = host(address).ok_or("it is no address that is known here")?;
    let all = (host.as_str(), port)
        .to_socket_addrs()
        .map_err(|error| error.to_string())?;
    let mut last = "nobody has this name".to_owned();
    for one in all {
        match TcpStream::connect_timeout(&one, PATIENCE) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error.to_string(),
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_a_port() {
        for (address, is) in [
            ("http://127.0.0.1:4318", Some(("127.0.0.1", 4318))),
            (
                "https://api.example.org/v1?x=1",
                Some(("api.example.org", 443)),
            ),
            ("http://[::1]:80/v1", Some(("::1", 80))),
            ("http://[::1]", Some(("::1", 80))),
            ("nats://user:word@host", Some(("host", 4222))),
            ("tls://host:1", Some(("host", 1))),
            ("ftp://host", None),
            ("host:1", None),
            ("http://host:x", None),
        ] {
            let found = host(address);
            assert_eq!(
                found.as_ref().map(|(host, port)| (host.as_str(), *port)),
                is,
                "{address}"
            );
        }
    }

    #[test]
    fn nats_servers_are_found_wherever_they_are_named() {
        let mut addresses = Vec::new();
        let config = serde_json::json!({"bus": {"nats": "nats://a:1, nats://c", "names": ["x"], "other": {"url": "tls://b"}}});
        walk(&config, &mut addresses);
        assert_eq!(addresses, ["nats://a:1", "nats://c", "tls://b"]);
    }
}
