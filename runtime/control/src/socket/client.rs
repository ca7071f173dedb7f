//! The asker's side of a socket.

use std::io;
use std::path::PathBuf;

use async_trait::async_trait;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::folder::SocketFolder;
use super::{REQUEST_MAX, too_large};
use crate::{Client, ClientError, LINE_MAX, Reply, Request, Told, Transport};

/// A connection to a running node. Whoever was silent for so long that the node hung up comes in again with the next thing it asks.
#[derive(Debug)]
pub struct SocketClient {
    name: String,
    path: PathBuf,
    stream: BufReader<UnixStream>,
    /// What has come of a line so far: whoever waits for an event may stop waiting in the middle of it.
    line: Vec<u8>,
    /// A watch was begun and its end has not been read.
    watching: bool,
    /// A request was written and its answer has not been read; the next line would be taken for another's answer.
    unanswered: bool,
}

impl SocketClient {
    /// Goes to the only running node, or to the one that is named. Sockets that nodes left behind when they were killed are cleared away.
    ///
    /// # Errors
    /// When there is none, or more than one and none is named.
    pub async fn to(folder: &SocketFolder, asked: Option<&str>) -> Result<Self, ClientError> {
        let mut open = Vec::new();
        for (name, path) in folder.sockets()? {
            match UnixStream::connect(&path).await {
                Ok(stream) => open.push(Self::at(name, path, stream)),
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    // Nobody listens, and nobody can listen on an existing socket again: it is a remnant.
                    let _ = std::fs::remove_file(&path);
                }
                Err(error) => tracing::debug!(%error, name, "a socket was passed by"),
            }
        }
        let names = |open: &[Self]| open.iter().map(|client| client.name.clone()).collect();
        if let Some(asked) = asked {
            let known = names(&open);
            return open
                .into_iter()
                .find(|client| client.name == asked)
                .ok_or_else(|| ClientError::UnknownNode {
                    asked: asked.to_owned(),
                    known,
                });
        }
        if open.len() > 1 {
            return Err(ClientError::SeveralNodes(names(&open)));
        }
        open.pop().ok_or(ClientError::NoNode)
    }

    fn at(name: String, path: PathBuf, stream: UnixStream) -> Self {
        Self {
            name,
            path,
            stream: BufReader::new(stream),
            line: Vec::new(),
            watching: false,
            unanswered: false,
        }
    }

    fn gone(&self, source: io::Error) -> ClientError {
        ClientError::Gone {
            name: self.name.clone(),
            source,
        }
    }

    fn strange(&self, error: impl ToString) -> ClientError {
        ClientError::Strange {
            name: self.name.clone(),
            error: error.to_string(),
        }
    }

    async fn write(&mut self, request: &Request) -> Result<(), ClientError> {
        let mut line = serde_json::to_vec(request).map_err(|error| self.strange(error))?;
        line.push(b'\n');
        if line.len() > REQUEST_MAX {
            // The node would say so too, and hang up.
            return Err(ClientError::Refused(too_large()));
        }
        match self.stream.get_mut().write_all(&line).await {
            // The node hung up before it had all of the line, and does nothing for a part of one.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                let stream = UnixStream::connect(&self.path).await;
                let stream = stream.map_err(|source| self.gone(source))?;
                *self = Self {
                    unanswered: self.unanswered,
                    ..Self::at(self.name.clone(), self.path.clone(), stream)
                };
                let written = self.stream.get_mut().write_all(&line).await;
                written.map_err(|source| self.gone(source))
            }
            written => written.map_err(|source| self.gone(source)),
        }
    }

    /// The next line. Dropped while it waits, it goes on where it stopped.
    async fn read(&mut self) -> Result<Reply, ClientError> {
        let room = (LINE_MAX + 1).saturating_sub(self.line.len()) as u64;
        let mut limited = (&mut self.stream).take(room);
        let read = limited.read_until(b'\n', &mut self.line).await;
        let line = std::mem::take(&mut self.line);
        match read {
            Ok(_) if line.is_empty() => Err(self.gone(io::ErrorKind::UnexpectedEof.into())),
            Ok(_) => serde_json::from_slice(&line).map_err(|error| self.strange(error)),
            Err(source) => Err(self.gone(source)),
        }
    }

    /// The answer to a request that was written, past what an earlier watch still had to say.
    async fn answer(&mut self) -> Result<Value, ClientError> {
        loop {
            match self.read().await? {
                Reply::Event(_) | Reply::Answer(_) if self.watching => {}
                Reply::End {} | Reply::Refused(_) if self.watching => self.watching = false,
                Reply::Answer(value) => return Ok(value),
                Reply::Refused(error) => return Err(ClientError::Refused(error)),
                other @ (Reply::Event(_) | Reply::End {}) => {
                    return Err(self.strange(format!("{other:?} instead of an answer")));
                }
            }
        }
    }

    async fn exchange(&mut self, request: &Request) -> Result<Value, ClientError> {
        if self.unanswered {
            let source = io::Error::other("an earlier request was left unanswered; connect again");
            return Err(self.gone(source));
        }
        self.unanswered = true;
        let exchange = async {
            self.write(request).await?;
            self.answer().await
        };
        let patience = request.patience();
        match timeout(patience, exchange).await {
            Ok(outcome) => {
                self.unanswered = false;
                outcome
            }
            Err(_) => Err(ClientError::Silent {
                name: self.name.clone(),
                waited_s: patience.as_secs(),
            }),
        }
    }
}

impl Client {
    /// Goes to the only running node of this user, or to the one that is named.
    ///
    /// # Errors
    /// When there is none, or more than one and none is named.
    pub async fn connect(folder: &SocketFolder, node: Option<&str>) -> Result<Self, ClientError> {
        Ok(Self::over(SocketClient::to(folder, node).await?))
    }
}

#[async_trait]
impl Transport for SocketClient {
    /// The number of its process.
    fn node(&self) -> &str {
        &self.name
    }

    async fn ask(&mut self, request: &Request) -> Result<Value, ClientError> {
        self.exchange(request).await
    }

    async fn watch(&mut self, request: &Request) -> Result<(), ClientError> {
        self.exchange(request).await?;
        self.watching = true;
        Ok(())
    }

    async fn next_event(&mut self) -> Result<Option<Told>, ClientError> {
        if !self.watching {
            return Ok(None);
        }
        let reply = self.read().await;
        if !matches!(reply, Ok(Reply::Event(_))) {
            self.watching = false;
        }
        match reply? {
            Reply::Event(event) => Ok(Some(event)),
            Reply::End {} => Ok(None),
            Reply::Refused(error) => Err(ClientError::Refused(error)),
            Reply::Answer(_) => Err(self.strange("an answer instead of an event")),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixListener;

    use super::*;

    /// A client that the node has let in, and where the node listens.
    async fn entered(folder: &tempfile::TempDir) -> (SocketClient, UnixListener, UnixStream) {
        let path = folder.path().join("7.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let stream = UnixStream::connect(&path).await.unwrap();
        let client = SocketClient::at("7".to_owned(), path, stream);
        let (there, _) = listener.accept().await.unwrap();
        (client, listener, there)
    }

    async fn heard(stream: &mut UnixStream) -> String {
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).await.unwrap();
        line
    }

    #[tokio::test]
    async fn whoever_was_shown_out_while_it_was_silent_is_answered_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let (mut client, listener, mut there) = entered(&folder).await;
        let busy = Reply::Refused(crate::ControlError::new(
            crate::ErrorKind::Busy,
            "others wait",
        ));
        there.write_all(&busy.line().0).await.unwrap();
        drop(there);
        let node = tokio::spawn(async move {
            let (mut there, _) = listener.accept().await.unwrap();
            let line = heard(&mut there).await;
            there.write_all(b"{\"answer\":\"here\"}\n").await.unwrap();
            line
        });
        let said = client.ask(&Request::View {}).await.unwrap();
        assert_eq!(said, "here");
        assert_eq!(node.await.unwrap(), "{\"ask\":\"view\"}\n");
        // The node is gone now, and so it is said.
        let gone = client.ask(&Request::View {}).await;
        assert!(matches!(gone, Err(ClientError::Gone { .. })), "{gone:?}");
    }

    /// It may have been done: nobody but the asker knows whether it may be done twice.
    #[tokio::test]
    async fn what_the_node_has_heard_is_not_asked_again() {
        let folder = tempfile::tempdir().unwrap();
        let (mut client, listener, mut there) = entered(&folder).await;
        let node = tokio::spawn(async move {
            heard(&mut there).await;
            drop(there);
            timeout(std::time::Duration::from_millis(300), listener.accept()).await
        });
        let kill = Request::Kill {
            agent: "a".to_owned(),
        };
        let gone = client.ask(&kill).await;
        assert!(matches!(gone, Err(ClientError::Gone { .. })), "{gone:?}");
        assert!(node.await.unwrap().is_err(), "nobody came again");
    }
}
