//! The asker's side of HTTP.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request as Sent, Response as Received};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use sse_stream::SseStream;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::address::AddressError;
use crate::access::Token;
use crate::client::in_time;
use crate::{Client, ClientError, ControlError, Event, LINE_MAX, Request, Transport};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// A way to a node that serves HTTP on this machine.
pub struct HttpClient {
    name: String,
    address: SocketAddr,
    token: Token,
    connection: Option<SendRequest<Full<Bytes>>>,
    watch: Option<SseStream<Incoming>>,
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpClient")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Where an address leads to.
fn found(address: &str) -> Result<SocketAddr, AddressError> {
    let none = || AddressError::NoAddress(address.to_owned());
    let authority = address.strip_prefix("http://").ok_or_else(none)?;
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    let authority = authority.replace("localhost:", "127.0.0.1:");
    let found: SocketAddr = authority.parse().map_err(|_| none())?;
    if !found.ip().is_loopback() {
        return Err(AddressError::BeyondLoopback(address.to_owned()));
    }
    Ok(found)
}

impl HttpClient {
    /// A node at an address such as `http://127.0.0.1:4270`. Nothing is sent yet.
    ///
    /// # Errors
    /// When it is no address, or not on this machine.
    pub fn new(address: &str, token: Token) -> Result<Self, AddressError> {
        let found = found(address)?;
        Ok(Self {
            name: format!("http://{found}"),
            address: found,
            token,
            connection: None,
            watch: None,
        })
    }

    /// The port of a node's address.
    ///
    /// # Errors
    /// When it is no address, or not on this machine.
    pub fn port(address: &str) -> Result<u16, AddressError> {
        Ok(found(address)?.port())
    }

    /// A client over it.
    ///
    /// # Errors
    /// As [`HttpClient::new`].
    pub fn client(address: &str, token: Token) -> Result<Client, AddressError> {
        Ok(Client::over(Self::new(address, token)?))
    }

    /// An address that opens once, in the browser that it is opened in first, which then asks in the name of whoever has the token.
    ///
    /// # Errors
    /// As for [`Transport::ask`].
    pub async fn link(&mut self, read_only: bool) -> Result<String, ClientError> {
        let body = serde_json::json!({ "read_only": read_only }).to_string();
        let sent = self.sent(Method::POST, "/v1/links", body.into_bytes())?;
        let body = in_time(self, CONNECT, async |client| {
            let received = client.send(sent).await?;
            client.read(received).await
        })
        .await?;
        let told: Value = serde_json::from_slice(&body).map_err(|error| self.strange(error))?;
        let path = told["path"].as_str().unwrap_or_default();
        Ok(format!("{}{path}", self.name))
    }

    fn gone(&self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ClientError {
        ClientError::Gone {
            name: self.name.clone(),
            source: io::Error::other(error),
        }
    }

    fn strange(&self, error: impl ToString) -> ClientError {
        ClientError::Strange {
            name: self.name.clone(),
            error: error.to_string(),
        }
    }

    fn sent(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Sent<Full<Bytes>>, ClientError> {
        Sent::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.address.to_string())
            .header(AUTHORIZATION, format!("Bearer {}", self.token.reveal()))
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json, text/event-stream")
            .body(Full::new(body.into()))
            .map_err(|error| self.strange(error))
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, ClientError> {
        let late = |_| self.gone(format!("no connection within {} s", CONNECT.as_secs()));
        let stream = timeout(CONNECT, TcpStream::connect(self.address))
            .await
            .map_err(late)?;
        let stream = stream.map_err(|error| self.gone(error))?;
        let _ = stream.set_nodelay(true);
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.gone(error))?;
        // Ends when the sender and what it was answered with are dropped.
        tokio::spawn(connection);
        Ok(sender)
    }

    /// Sends a request over the connection that is there, or a new one. It is sent a second time only if it is known not to have left.
    async fn send(
        &mut self,
        mut request: Sent<Full<Bytes>>,
    ) -> Result<Received<Incoming>, ClientError> {
        if let Some(mut kept) = self.connection.take()
            && kept.ready().await.is_ok()
        {
            match kept.try_send_request(request).await {
                Ok(received) => {
                    self.connection = Some(kept);
                    return Ok(received);
                }
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(self.gone(error.into_error())),
                },
            }
        }
        let mut fresh = self.connect().await?;
        let received = fresh
            .send_request(request)
            .await
            .map_err(|error| self.gone(error))?;
        self.connection = Some(fresh);
        Ok(received)
    }

    /// The whole of an answer; a refusal is an error.
    async fn read(&self, received: Received<Incoming>) -> Result<Bytes, ClientError> {
        let status = received.status();
        let body = Limited::new(received.into_body(), LINE_MAX + 1)
            .collect()
            .await;
        let body = body.map_err(|error| self.gone(error))?.to_bytes();
        if status.is_success() {
            return Ok(body);
        }
        match serde_json::from_slice::<ControlError>(&body) {
            Ok(error) => Err(ClientError::Refused(error)),
            Err(_) => Err(self.strange(format!("status {status}"))),
        }
    }

    async fn exchange(&mut self, request: &Request) -> Result<Value, ClientError> {
        let body = serde_json::to_vec(request).map_err(|error| self.strange(error))?;
        let sent = self.sent(Method::POST, "/v1/ask", body)?;
        let received = self.send(sent).await?;
        let body = self.read(received).await?;
        serde_json::from_slice(&body).map_err(|error| self.strange(error))
    }
}

#[async_trait]
impl Transport for HttpClient {
    /// Its address.
    fn node(&self) -> &str {
        &self.name
    }

    async fn ask(&mut self, request: &Request) -> Result<Value, ClientError> {
        self.watch = None;
        // A request that is given up in the middle leaves no connection on which its answer would be taken for another's.
        let patience = request.patience();
        in_time(self, patience, async |client| {
            client.exchange(request).await
        })
        .await
    }

    async fn watch(&mut self, request: &Request) -> Result<(), ClientError> {
        self.watch = None;
        let body = serde_json::to_vec(request).map_err(|error| self.strange(error))?;
        let sent = self.sent(Method::POST, "/v1/ask", body)?;
        let patience = request.patience();
        in_time(self, patience, async |client| {
            let received = client.send(sent).await?;
            if !received.status().is_success() {
                client.read(received).await?;
                return Err(client.strange("neither a watch nor a refusal"));
            }
            // The connection is the watch's until it ends, and ends with it.
            client.connection = None;
            client.watch = Some(SseStream::new(received.into_body()));
            Ok(())
        })
        .await
    }

    async fn next_event(&mut self) -> Result<Option<Event>, ClientError> {
        loop {
            let Some(watch) = &mut self.watch else {
                return Ok(None);
            };
            let told = watch.next().await;
            let read = match &told {
                Some(Ok(told)) => Some((
                    told.event.as_deref(),
                    told.data.as_deref().unwrap_or_default(),
                )),
                _ => None,
            };
            match read {
                // What came in between is not kept any more; the events that are go on. Of a node's watch it is an event.
                Some((Some("reset"), data)) => {
                    if let Ok(event) = serde_json::from_str(data) {
                        return Ok(Some(event));
                    }
                }
                Some((None, _)) => {}
                Some((Some("end"), _)) => {
                    self.watch = None;
                    return Ok(None);
                }
                Some((Some("refused"), data)) => {
                    self.watch = None;
                    let error = serde_json::from_str(data).map_err(|error| self.strange(error))?;
                    return Err(ClientError::Refused(error));
                }
                Some((Some(_), data)) => {
                    return serde_json::from_str(data).map(Some).map_err(|error| {
                        self.watch = None;
                        self.strange(error)
                    });
                }
                None => {
                    self.watch = None;
                    let why = match told {
                        Some(Err(error)) => format!("{error}"),
                        _ => "the watch broke off".to_owned(),
                    };
                    return Err(self.gone(why));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_of_this_machine() {
        let new = |address: &str| HttpClient::new(address, Token::fresh().unwrap());
        for (address, name) in [
            ("http://127.0.0.1:4270", "http://127.0.0.1:4270"),
            ("http://127.0.0.1:4270/", "http://127.0.0.1:4270"),
            ("http://localhost:80", "http://127.0.0.1:80"),
            ("http://[::1]:80", "http://[::1]:80"),
        ] {
            assert_eq!(new(address).unwrap().node(), name);
        }
        for address in [
            "",
            "4270",
            "127.0.0.1:4270",
            "https://127.0.0.1:1",
            "http://127.0.0.1",
            "http://a:1",
        ] {
            let refused = new(address).unwrap_err();
            assert!(
                matches!(refused, AddressError::NoAddress(_)),
                "{address:?}: {refused}"
            );
        }
        let refused = new("http://192.0.2.1:4270").unwrap_err();
        assert!(
            matches!(refused, AddressError::BeyondLoopback(_)),
            "{refused}"
        );
    }
}
