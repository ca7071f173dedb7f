//! The visitor's side of a door.

use std::io;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::folder::{DoorFolder, PlaceError};
use super::protocol::{LINE_MAX, Reply, Request};

/// How long a node may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A conversation with a running node.
#[derive(Debug)]
pub struct Visit {
    name: String,
    stream: BufReader<UnixStream>,
}

/// Why a visit came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum VisitError {
    /// The folder of doors cannot be used.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// No node of this user runs.
    #[error(
        "no node of yours is running; start one with `aios node`, or give `aios run` a goal in another terminal"
    )]
    NoNode,
    /// Several run.
    #[error("{} nodes are running: {}; choose one with --node", .0.len(), .0.join(", "))]
    SeveralNodes(Vec<String>),
    /// The one asked for does not.
    #[error("no node {asked} is running; running are: {}", if known.is_empty() { "none".to_owned() } else { known.join(", ") })]
    UnknownNode {
        /// The one asked for.
        asked: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// The node went away.
    #[error("node {name} is gone: {source}")]
    Gone {
        /// The node.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// It does not answer.
    #[error("node {0} did not answer within {PATIENCE:?}; it may be overloaded or stopping")]
    Silent(String),
    /// It says no.
    #[error("{0}")]
    Refused(String),
    /// Its answer is not what this version expects.
    #[error(
        "node {name} answers in a way this version does not know: {error}; use the same version on both sides"
    )]
    Strange {
        /// The node.
        name: String,
        /// What was not understood.
        error: serde_json::Error,
    },
}

impl Visit {
    /// Goes to the only running node, or to the one that is named. Sockets that nodes left behind when they were killed are cleared away.
    ///
    /// # Errors
    /// When there is none, or more than one and none is named.
    pub async fn to(folder: &DoorFolder, asked: Option<&str>) -> Result<Self, VisitError> {
        let mut open = Vec::new();
        for (name, path) in folder.doors()? {
            match UnixStream::connect(&path).await {
                Ok(stream) => open.push(Self {
                    name,
                    stream: BufReader::new(stream),
                }),
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    // Nobody listens, and nobody can listen on an existing socket again: it is a remnant.
                    let _ = std::fs::remove_file(&path);
                }
                Err(error) => tracing::debug!(%error, name, "a door was passed by"),
            }
        }
        let names = |open: &[Self]| open.iter().map(|visit| visit.name.clone()).collect();
        if let Some(asked) = asked {
            let known = names(&open);
            return open
                .into_iter()
                .find(|visit| visit.name == asked)
                .ok_or_else(|| VisitError::UnknownNode {
                    asked: asked.to_owned(),
                    known,
                });
        }
        if open.len() > 1 {
            return Err(VisitError::SeveralNodes(names(&open)));
        }
        open.pop().ok_or(VisitError::NoNode)
    }

    /// The node's name: the number of its process.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Asks and waits for the answer, at most ten seconds.
    ///
    /// # Errors
    /// The node's own sentence, or that it is gone or silent.
    pub async fn ask<T: DeserializeOwned>(&mut self, request: &Request) -> Result<T, VisitError> {
        let strange = |error| VisitError::Strange {
            name: self.name.clone(),
            error,
        };
        let mut line = serde_json::to_vec(request).map_err(strange)?;
        line.push(b'\n');
        let mut answer = Vec::new();
        let exchange = async {
            self.stream.get_mut().write_all(&line).await?;
            let mut limited = (&mut self.stream).take(LINE_MAX as u64);
            limited.read_until(b'\n', &mut answer).await
        };
        match timeout(PATIENCE, exchange).await {
            Err(_) => return Err(VisitError::Silent(self.name.clone())),
            Ok(Ok(read)) if read > 0 => {}
            Ok(outcome) => {
                let source = outcome.err().unwrap_or(io::ErrorKind::UnexpectedEof.into());
                return Err(VisitError::Gone {
                    name: self.name.clone(),
                    source,
                });
            }
        }
        match serde_json::from_slice(&answer).map_err(strange)? {
            Reply::Answer(value) => serde_json::from_value(value).map_err(strange),
            Reply::Refused(sentence) => Err(VisitError::Refused(sentence)),
        }
    }
}
