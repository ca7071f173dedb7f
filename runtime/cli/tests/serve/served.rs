//! A node that `aios serve` runs, and what is said to it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

pub(crate) fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs")
        .canonicalize()
        .unwrap()
}

pub(crate) fn aios(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aios"));
    command
        .current_dir(folder)
        .env_remove("AIOS_CONFIG")
        .env("AIOS_CACHE", folder.join("no-models"))
        .env("AIOS_DOOR_FOLDER", folder.join("doors"))
        .env("NO_COLOR", "1")
        .stdin(Stdio::null());
    command
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A node that serves; killed when it is dropped.
pub(crate) struct Served {
    pub(crate) child: Child,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) http: String,
    pub(crate) token_file: PathBuf,
    pub(crate) link: String,
    pub(crate) read_only_link: Value,
    pub(crate) grpc: Value,
}

impl Served {
    pub(crate) fn begin(more: &[&str]) -> Self {
        Self::beside(more, &[])
    }

    pub(crate) fn beside(more: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::at("127.0.0.1:0", more, environment)
    }

    pub(crate) fn at(http: &str, more: &[&str], environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = aios(folder.path())
            .args(["serve", "--http", http, "--json", "--engine", "scripted"])
            .args(more)
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(File::create(folder.path().join("notes")).unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let notes = fs::read_to_string(folder.path().join("notes")).unwrap();
        let ready: Value = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("{error}: {line:?}: {notes}"));
        let field = |name: &str| ready[name].as_str().unwrap().to_owned();
        Self {
            http: field("http"),
            token_file: field("token_file").into(),
            link: field("link"),
            read_only_link: ready["read_only_link"].clone(),
            grpc: ready["grpc"].clone(),
            child,
            folder,
        }
    }

    /// The command as another process of the same user.
    pub(crate) fn aios(&self, arguments: &[&str]) -> Output {
        aios(self.folder.path()).args(arguments).output().unwrap()
    }

    /// A program with what the examples are told by.
    pub(crate) fn example(&self, command: &mut Command) -> String {
        let output = command
            .env("AIOS_NODE", &self.http)
            .env("AIOS_TOKEN_FILE", &self.token_file)
            .env("DATA", docs().join("examples/q3_sales.csv"))
            .env("NOTES", docs().join("examples/notes.md"))
            .output()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{command:?}: {out}{err}");
        out
    }

    pub(crate) fn asked_to_stop(&mut self) -> Duration {
        let begun = Instant::now();
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").arg(pid).status().unwrap().success());
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        begun.elapsed()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What is said to somebody without a token.
pub(crate) fn visit(http: &str, line: &str, more: &str) -> String {
    let address = http.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "{line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{more}\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

pub(crate) fn get(http: &str, token: &str, path: &str) -> Value {
    let address = http.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1)
        .unwrap_or_else(|error| panic!("{error}: {answer}"))
}
