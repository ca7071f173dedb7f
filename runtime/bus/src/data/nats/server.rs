//! A NATS server as a child of this process: for whoever has none, and for tests. Its program is brought by the caller.
//!
//! It stands on one port and in one folder, so that it can be killed and started again and is the same server.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::data::PAYLOAD_BYTES_MAX;

/// How long it may take to stand.
const READY: Duration = Duration::from_secs(15);
/// How long it may take to end when it is asked to.
const END: Duration = Duration::from_secs(10);
/// How often is looked.
const LOOK: Duration = Duration::from_millis(10);
/// Room for headers beside the largest payload.
const HEADER_ROOM: usize = 1 << 20;
/// What it writes when it stands.
const STANDS: &str = "Server is ready";
/// Last words of a server that does not stand.
const LAST_WORDS: usize = 600;
/// What the shell does that watches over a server: nothing comes on its input, so reading ends when this process does, whatever ends it. By then
/// the server's number may be another's, who was not started with its settings.
const WATCH: &str = "read -r _; grep -qsF -- \"$2\" \"/proc/$1/cmdline\" && kill -9 \"$1\"";

/// Who may come in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Access {
    /// Whoever reaches the port.
    #[default]
    Anybody,
    /// Who holds the seed of one of these public nkeys.
    Nkeys(Vec<String>),
    /// Who knows this token.
    Token(String),
    /// Who holds credentials of an account in this file: an operator and its accounts, as the server's own configuration has them.
    Accounts(PathBuf),
}

/// The certificate that it shows, both in PEM form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Authorities whose clients alone may come in; none asks for no certificate.
    pub clients: Option<PathBuf>,
}

/// How a server stands.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// The program.
    pub program: PathBuf,
    /// Its own folder; made if it is not there.
    pub folder: PathBuf,
    /// Where it listens; a free port of this machine if none is named.
    pub address: Option<SocketAddr>,
    /// Who may come in.
    pub access: Access,
    /// Over TLS.
    pub tls: Option<Tls>,
    /// How soon what was acknowledged is on the disk for good.
    pub sync: Sync,
}

/// How soon what was acknowledged outlives a loss of power. What was acknowledged outlives the process in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sync {
    /// Before it is acknowledged: a tenth of the speed.
    Always,
    /// Within a tenth of a second.
    #[default]
    Soon,
}

/// Why no server stands.
#[derive(Debug, Error)]
pub enum ServerError {
    /// Its folder cannot be used.
    #[error("the folder {path} of the NATS server cannot be used: {source}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Its program cannot be run.
    #[error(
        "the NATS server {program} cannot be started: {source}; let NATS_SERVER_BIN name one that can, or `aios nats` fetch one"
    )]
    Program {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no free port.
    #[error("no port is free for the NATS server: {0}")]
    Port(io::Error),
    /// It ended at once, or does not answer.
    #[error("the NATS server does not stand on {address}: {said}")]
    NotReady {
        /// Where it should.
        address: SocketAddr,
        /// Its last words.
        said: String,
    },
}

/// A running server; it ends with this value.
#[derive(Debug)]
pub struct NatsServer {
    options: ServerOptions,
    address: SocketAddr,
    child: Option<Child>,
    /// Kills it when this process ends and could not.
    watch: Option<Child>,
}

impl NatsServer {
    /// Starts a server and waits until it stands. Blocking.
    ///
    /// # Errors
    /// Why it does not stand.
    pub fn start(options: ServerOptions) -> Result<Self, ServerError> {
        let address = match options.address {
            Some(address) => address,
            None => free().map_err(ServerError::Port)?,
        };
        let mut server = Self {
            options,
            address,
            child: None,
            watch: None,
        };
        server.raise()?;
        Ok(server)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How a client is told where it is.
    pub fn url(&self) -> String {
        let scheme = if self.options.tls.is_some() {
            "tls"
        } else {
            "nats"
        };
        format!("{scheme}://{}", self.address)
    }

    /// Its process, while it runs.
    pub fn process(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Kills it as a fault would: it has no time to write anything. Blocking.
    pub fn kill(&mut self) {
        for mut child in self.child.take().into_iter().chain(self.watch.take()) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it again where it was. Blocking.
    ///
    /// # Errors
    /// Why it does not stand.
    pub fn start_again(&mut self) -> Result<(), ServerError> {
        self.kill();
        self.raise()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        match &mut self.child {
            Some(child) => matches!(child.try_wait(), Ok(None)),
            None => false,
        }
    }

    /// Tells it to end, and waits until it has; after ten seconds it is killed. Blocking.
    pub fn stop(&mut self) {
        // The system's own program says it: a signal is not sent by the standard library.
        if let Some(process) = self.process() {
            let _ = Command::new("kill")
                .args(["-TERM", &process.to_string()])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
        }
        let begun = Instant::now();
        while self.is_running() && begun.elapsed() < END {
            std::thread::sleep(LOOK);
        }
        self.kill();
    }

    fn raise(&mut self) -> Result<(), ServerError> {
        let folder = self.options.folder.clone();
        let unusable = |source| ServerError::Folder {
            path: folder.clone(),
            source,
        };
        fs::create_dir_all(&folder).map_err(unusable)?;
        let file = folder.join("nats.conf");
        fs::write(&file, configuration(&self.options, self.address)).map_err(unusable)?;
        let log = folder.join("nats.log");
        let said = fs::File::create(&log).map_err(unusable)?;
        let child = Command::new(&self.options.program)
            .arg("--config")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said)
            .spawn()
            .map_err(|source| ServerError::Program {
                program: self.options.program.clone(),
                source,
            })?;
        // Without a shell it is only left behind by a process that is killed.
        self.watch = watch(child.id(), &file).ok();
        self.child = Some(child);
        let begun = Instant::now();
        while begun.elapsed() < READY {
            if !self.is_running() {
                break;
            }
            // Its own word first: whoever greets there may be another server.
            if fs::read_to_string(&log).is_ok_and(|said| said.contains(STANDS))
                && answers(self.address)
            {
                return Ok(());
            }
            std::thread::sleep(LOOK);
        }
        self.kill();
        Err(ServerError::NotReady {
            address: self.address,
            said: last_words(&log),
        })
    }
}

fn watch(server: u32, settings: &Path) -> io::Result<Child> {
    Command::new("/bin/sh")
        .args(["-c", WATCH, "aios-watch", &server.to_string()])
        .arg(settings)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What the server is told. Its own words are in its documentation; the numbers are ours.
fn configuration(options: &ServerOptions, address: SocketAddr) -> String {
    let sync = match options.sync {
        Sync::Always => "always",
        Sync::Soon => "100ms",
    };
    let mut text = format!(
        "listen: \"{address}\"\nserver_name: \"aios\"\nmax_payload: {}\nmax_pending: {}\njetstream {{\n  store_dir: {}\n  sync_interval: {sync}\n}}\n",
        PAYLOAD_BYTES_MAX + HEADER_ROOM,
        8 * (PAYLOAD_BYTES_MAX + HEADER_ROOM),
        quoted(&options.folder.join("store")),
    );
    match &options.access {
        Access::Anybody => {}
        Access::Token(token) => {
            let token = serde_json::Value::from(token.as_str());
            let _ = writeln!(text, "authorization {{ token: {token} }}");
        }
        Access::Accounts(file) => {
            let _ = writeln!(text, "include {}", quoted(file));
        }
        Access::Nkeys(keys) => {
            let users: Vec<String> = keys
                .iter()
                .map(|key| format!("{{ nkey: {key} }}"))
                .collect();
            let _ = writeln!(text, "authorization {{ users: [ {} ] }}", users.join(", "));
        }
    }
    if let Some(tls) = &options.tls {
        let _ = writeln!(
            text,
            "tls {{\n  cert_file: {}\n  key_file: {}",
            quoted(&tls.certificate),
            quoted(&tls.key)
        );
        if let Some(clients) = &tls.clients {
            let _ = writeln!(text, "  ca_file: {}\n  verify: true", quoted(clients));
        }
        text.push_str("}\n");
    }
    text
}

fn quoted(path: &Path) -> serde_json::Value {
    serde_json::Value::from(path.to_string_lossy().into_owned())
}

/// A port that was free a moment ago.
fn free() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// Whether a NATS server greets there.
fn answers(address: SocketAddr) -> bool {
    let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) else {
        return false;
    };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
    let mut line = String::new();
    let read = BufReader::new(stream).read_line(&mut line);
    read.is_ok() && line.starts_with("INFO ")
}

fn last_words(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let from = text.len().saturating_sub(LAST_WORDS);
    let from = (from..text.len()).find(|at| text.is_char_boundary(*at));
    let words = text.get(from.unwrap_or(text.len())..).unwrap_or_default();
    if words.trim().is_empty() {
        "it said nothing".to_owned()
    } else {
        words.trim().replace('\n', "; ")
    }
}
