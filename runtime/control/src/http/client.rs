//! The asker's side of HTTP.

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

use crate::access::Token;
use crate::address::{AddressError, Scheme, own_port};
use crate::far::Far;
use crate::{Client, ClientError, ControlError, LINE_MAX, Request, Told, Transport};

/// How long a link may take.
const LINK: Duration = Duration::from_secs(5);
/// How addresses begin.
const SCHEME: Scheme = Scheme {
    plain: "http://",
    secure: "https://",
    example: "http://127.0.0.1:4270, as `aios serve` prints it",
    protocol: b"http/1.1",
};

/// A way to a node that serves HTTP.
pub struct HttpClient {
    far: Far,
    token: Token,
    connection: Option<SendRequest<Full<Bytes>>>,
    watch: Option<SseStream<Incoming>>,
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpClient")
            .field("name", &self.far.name())
            .finish_non_exhaustive()
    }
}

impl HttpClient {
    /// A node of this machine at an address such as `http://127.0.0.1:4270`. Nothing is sent yet.
    ///
    /// # Errors
    /// When it is no address, or not on this machine.
    pub fn new(address: &str, token: Token) -> Result<Self, AddressError> {
        Ok(Self::over(Far::here(address, &SCHEME)?, token))
    }

    /// A node of any machine at an address such as `https://node.example:8443`, with what is shown to it; or one of this machine as
    /// [`HttpClient::new`] takes it.
    ///
    /// # Errors
    /// When it is no address, or is spoken with in the clear and not on this machine.
    #[cfg(feature = "tls")]
    pub fn certified(
        address: &str,
        token: Token,
        tls: &crate::tls::ClientTls,
    ) -> Result<Self, AddressError> {
        Ok(Self::over(Far::anywhere(address, &SCHEME, tls)?, token))
    }

    fn over(far: Far, token: Token) -> Self {
        Self {
            far,
            token,
            connection: None,
            watch: None,
        }
    }

    /// The port of an address on this machine, where this user's token for it may lie; none for one that leads elsewhere.
    ///
    /// # Errors
    /// When it is no address, or is spoken with in the clear and not on this machine.
    pub fn own_port(address: &str) -> Result<Option<u16>, AddressError> {
        own_port(address, &SCHEME)
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
        let far = self.far.clone();
        let body = far
            .in_time(LINK, async {
                let received = self.send(sent).await?;
                self.read(received).await
            })
            .await?;
        let told: Value = serde_json::from_slice(&body).map_err(|error| far.strange(error))?;
        let path = told["path"].as_str().unwrap_or_default();
        Ok(format!("{}{path}", far.name()))
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
            .header(HOST, self.far.authority())
            .header(AUTHORIZATION, format!("Bearer {}", self.token.reveal()))
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json, text/event-stream")
            .body(Full::new(body.into()))
            .map_err(|error| self.far.strange(error))
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, ClientError> {
        let stream = self.far.open().await;
        let stream = stream.map_err(|error| self.far.gone(error))?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.far.gone(error))?;
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
                    None => return Err(self.far.gone(error.into_error())),
                },
            }
        }
        let mut fresh = self.connect().await?;
        let received = fresh
            .send_request(request)
            .await
            .map_err(|error| self.far.gone(error))?;
        self.connection = Some(fresh);
        Ok(received)
    }

    /// The whole of an answer; a refusal is an error.
    async fn read(&self, received: Received<Incoming>) -> Result<Bytes, ClientError> {
        let status = received.status();
        let body = Limited::new(received.into_body(), LINE_MAX + 1)
            .collect()
            .await;
        let body = body.map_err(|error| self.far.gone(error))?.to_bytes();
        if status.is_success() {
            return Ok(body);
        }
        match serde_json::from_slice::<ControlError>(&body) {
            Ok(error) => Err(ClientError::Refused(error)),
            Err(_) => Err(self.far.strange(format!("status {status}"))),
        }
    }

    async fn exchange(&mut self, request: &Request) -> Result<Value, ClientError> {
        let body = serde_json::to_vec(request).map_err(|error| self.far.strange(error))?;
        let sent = self.sent(Method::POST, "/v1/ask", body)?;
        let received = self.send(sent).await?;
        let body = self.read(received).await?;
        serde_json::from_slice(&body).map_err(|error| self.far.strange(error))
    }
}

#[async_trait]
impl Transport for HttpClient {
    /// Its address.
    fn node(&self) -> &str {
        self.far.name()
    }

    async fn ask(&mut self, request: &Request) -> Result<Value, ClientError> {
        self.watch = None;
        // A request that is given up in the middle leaves no connection on which its answer would be taken for another's.
        let far = self.far.clone();
        far.in_time(request.patience(), self.exchange(request))
            .await
    }

    async fn watch(&mut self, request: &Request) -> Result<(), ClientError> {
        self.watch = None;
        let body = serde_json::to_vec(request).map_err(|error| self.far.strange(error))?;
        let sent = self.sent(Method::POST, "/v1/ask", body)?;
        let far = self.far.clone();
        far.in_time(request.patience(), async {
            let received = self.send(sent).await?;
            if !received.status().is_success() {
                self.read(received).await?;
                return Err(self.far.strange("neither a watch nor a refusal"));
            }
            // The connection is the watch's until it ends, and ends with it.
            self.connection = None;
            self.watch = Some(SseStream::new(received.into_body()));
            Ok(())
        })
        .await
    }

    async fn next_event(&mut self) -> Result<Option<Told>, ClientError> {
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
                    let error =
                        serde_json::from_str(data).map_err(|error| self.far.strange(error))?;
                    return Err(ClientError::Refused(error));
                }
                Some((Some(_), data)) => {
                    return serde_json::from_str(data).map(Some).map_err(|error| {
                        self.watch = None;
                        self.far.strange(error)
                    });
                }
                None => {
                    self.watch = None;
                    let why = match told {
                        Some(Err(error)) => format!("{error}"),
                        _ => "the watch broke off".to_owned(),
                    };
                    return Err(self.far.gone(why));
                }
            }
        }
    }
}
