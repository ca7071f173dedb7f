//! The asker's side of gRPC.

use std::time::Duration;

use aios_protocols::TraceContext;
use aios_wire::generated::control::v1 as wire;
use async_trait::async_trait;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Request as Sent, Status, Streaming};
use tower::service_fn;
use wire::control_service_client::ControlServiceClient;

use super::status::refusal;
use crate::access::Token;
use crate::address::{AddressError, Scheme, own_port};
use crate::far::{CONNECT, Far, GRACE};
use crate::{Client, ClientError, LINE_MAX, Request, Told, Transport};

/// How often a node that is silent is asked whether it is there, and how long the answer may take: a watch may wait for long.
const PING: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(10));
/// What a message has around what it carries.
const AROUND: usize = 1_024;

/// How addresses begin.
const SCHEME: Scheme = Scheme {
    plain: "grpc://",
    secure: "grpcs://",
    example: "grpc://127.0.0.1:4271, as `aios serve --grpc` prints it",
    protocol: b"h2",
};

/// A way to a node that serves gRPC.
pub struct GrpcClient {
    far: Far,
    shown: MetadataValue<Ascii>,
    /// The `traceparent` that is sent along.
    trace: Option<MetadataValue<Ascii>>,
    service: Option<ControlServiceClient<Channel>>,
    watch: Option<Streaming<wire::Event>>,
}

impl std::fmt::Debug for GrpcClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GrpcClient")
            .field("name", &self.far.name())
            .finish_non_exhaustive()
    }
}

impl GrpcClient {
    /// A node of this machine at an address such as `grpc://127.0.0.1:4271`, and the token that is shown to it. Nothing is sent yet.
    ///
    /// # Errors
    /// When it is no address, or not on this machine.
    pub fn new(address: &str, token: &Token) -> Result<Self, AddressError> {
        Self::over(Far::here(address, &SCHEME)?, token)
    }

    /// A node of any machine at an address such as `grpcs://node.example:8444`, with what is shown to it; or one of this machine as
    /// [`GrpcClient::new`] takes it.
    ///
    /// # Errors
    /// When it is no address, or is spoken with in the clear and not on this machine.
    #[cfg(feature = "tls")]
    pub fn certified(
        address: &str,
        token: &Token,
        tls: &crate::tls::ClientTls,
    ) -> Result<Self, AddressError> {
        Self::over(Far::anywhere(address, &SCHEME, tls)?, token)
    }

    fn over(far: Far, token: &Token) -> Result<Self, AddressError> {
        let shown = MetadataValue::try_from(format!("Bearer {}", token.reveal()));
        let mut shown = shown.map_err(|_| AddressError::Token)?;
        shown.set_sensitive(true);
        Ok(Self {
            far,
            shown,
            trace: None,
            service: None,
            watch: None,
        })
    }

    /// The same; what is asked belongs to this trace.
    #[must_use]
    pub fn within(mut self, trace: TraceContext) -> Self {
        self.trace = MetadataValue::try_from(trace.to_string()).ok();
        self
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
    /// As [`GrpcClient::new`].
    pub fn client(address: &str, token: &Token) -> Result<Client, AddressError> {
        Ok(Client::over(Self::new(address, token)?))
    }

    /// What a status means to whoever asked.
    fn failed(&mut self, status: &Status) -> ClientError {
        if let Some(error) = refusal(status) {
            return ClientError::Refused(error);
        }
        // Whatever there was of a connection, the next request begins with a new one.
        self.service = None;
        self.far.gone(status.message().to_owned())
    }

    async fn service(&mut self) -> Result<ControlServiceClient<Channel>, ClientError> {
        if let Some(service) = &self.service {
            return Ok(service.clone());
        }
        // How it is spoken, in the clear or not, is settled by whoever opens the connection.
        let endpoint = Endpoint::from_shared(format!("http://{}", self.far.authority()))
            .map_err(|error| self.far.strange(error))?
            .connect_timeout(CONNECT)
            .http2_keep_alive_interval(PING.0)
            .keep_alive_timeout(PING.1);
        let far = self.far.clone();
        let opens = service_fn(move |_: Uri| {
            let far = far.clone();
            async move { far.open().await.map(TokioIo::new) }
        });
        let channel = endpoint.connect_with_connector(opens).await;
        let channel = channel.map_err(|error| {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            self.far.gone(source.unwrap_or_else(|| error.to_string()))
        })?;
        let service = ControlServiceClient::new(channel)
            .max_decoding_message_size(LINE_MAX + AROUND)
            .max_encoding_message_size(LINE_MAX + AROUND);
        self.service = Some(service.clone());
        Ok(service)
    }

    fn sent<T>(&self, message: T, patience: Option<Duration>) -> Sent<T> {
        let mut sent = Sent::new(message);
        sent.metadata_mut()
            .insert("authorization", self.shown.clone());
        if let Some(trace) = &self.trace {
            sent.metadata_mut().insert("traceparent", trace.clone());
        }
        if let Some(patience) = patience {
            sent.set_timeout(patience + GRACE);
        }
        sent
    }
}

#[async_trait]
impl Transport for GrpcClient {
    /// Its address.
    fn node(&self) -> &str {
        self.far.name()
    }

    async fn ask(&mut self, request: &Request) -> Result<Value, ClientError> {
        self.watch = None;
        let patience = request.patience();
        let request = serde_json::to_vec(request).map_err(|error| self.far.strange(error))?;
        let far = self.far.clone();
        far.in_time(patience, async {
            let mut service = self.service().await?;
            let sent = self.sent(wire::AskRequest { request }, Some(patience));
            match service.ask(sent).await {
                Ok(answered) => serde_json::from_slice(&answered.into_inner().answer)
                    .map_err(|error| self.far.strange(error)),
                Err(status) => Err(self.failed(&status)),
            }
        })
        .await
    }

    async fn watch(&mut self, request: &Request) -> Result<(), ClientError> {
        self.watch = None;
        let patience = request.patience();
        let request = serde_json::to_vec(request).map_err(|error| self.far.strange(error))?;
        let far = self.far.clone();
        far.in_time(patience, async {
            let mut service = self.service().await?;
            // Without a time of its own: it lasts as long as the goal.
            let sent = self.sent(wire::WatchRequest { request }, None);
            match service.watch(sent).await {
                Ok(answered) => {
                    self.watch = Some(answered.into_inner());
                    Ok(())
                }
                Err(status) => Err(self.failed(&status)),
            }
        })
        .await
    }

    async fn next_event(&mut self) -> Result<Option<Told>, ClientError> {
        let Some(watch) = &mut self.watch else {
            return Ok(None);
        };
        match watch.message().await {
            Ok(Some(told)) => serde_json::from_slice(&told.event)
                .map(Some)
                .map_err(|error| {
                    self.watch = None;
                    self.far.strange(error)
                }),
            Ok(None) => {
                self.watch = None;
                Ok(None)
            }
            Err(status) => {
                self.watch = None;
                Err(self.failed(&status))
            }
        }
    }
}
