//! The asker's side of gRPC.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use aios_wire::generated::control::v1 as wire;
use async_trait::async_trait;
use serde_json::Value;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request as Sent, Status, Streaming};
use wire::control_service_client::ControlServiceClient;

use super::address::GrpcAddressError;
use super::status::refusal;
use crate::access::Token;
use crate::client::{GRACE, in_time};
use crate::{Client, ClientError, Event, LINE_MAX, Request, Transport};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How often a node that is silent is asked whether it is there, and how long the answer may take: a watch may wait for long.
const PING: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(10));
/// What a message has around what it carries.
const AROUND: usize = 1_024;

/// A way to a node that serves gRPC on this machine.
pub struct GrpcClient {
    name: String,
    address: SocketAddr,
    shown: MetadataValue<Ascii>,
    service: Option<ControlServiceClient<Channel>>,
    watch: Option<Streaming<wire::Event>>,
}

impl std::fmt::Debug for GrpcClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GrpcClient")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Where an address leads to.
fn found(address: &str) -> Result<SocketAddr, GrpcAddressError> {
    let none = || GrpcAddressError::NoAddress(address.to_owned());
    let authority = address.strip_prefix("grpc://").ok_or_else(none)?;
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    let authority = authority.replace("localhost:", "127.0.0.1:");
    let found: SocketAddr = authority.parse().map_err(|_| none())?;
    if !found.ip().is_loopback() {
        return Err(GrpcAddressError::BeyondLoopback(address.to_owned()));
    }
    Ok(found)
}

impl GrpcClient {
    /// A node at an address such as `grpc://127.0.0.1:4271`, and the token that is shown to it. Nothing is sent yet.
    ///
    /// # Errors
    /// When it is no address, or not on this machine.
    pub fn new(address: &str, token: &Token) -> Result<Self, GrpcAddressError> {
        let found = found(address)?;
        let shown = MetadataValue::try_from(format!("Bearer {}", token.reveal()));
        let mut shown = shown.map_err(|_| GrpcAddressError::Token)?;
        shown.set_sensitive(true);
        Ok(Self {
            name: format!("grpc://{found}"),
            address: found,
            shown,
            service: None,
            watch: None,
        })
    }

    /// The port of a node's address.
    ///
    /// # Errors
    /// When it is no address, or not on this machine.
    pub fn port(address: &str) -> Result<u16, GrpcAddressError> {
        Ok(found(address)?.port())
    }

    /// A client over it.
    ///
    /// # Errors
    /// As [`GrpcClient::new`].
    pub fn client(address: &str, token: &Token) -> Result<Client, GrpcAddressError> {
        Ok(Client::over(Self::new(address, token)?))
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

    /// What a status means to whoever asked.
    fn failed(&mut self, status: &Status) -> ClientError {
        if let Some(error) = refusal(status) {
            return ClientError::Refused(error);
        }
        // Whatever there was of a connection, the next request begins with a new one.
        self.service = None;
        self.gone(status.message().to_owned())
    }

    async fn service(&mut self) -> Result<ControlServiceClient<Channel>, ClientError> {
        if let Some(service) = &self.service {
            return Ok(service.clone());
        }
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address))
            .map_err(|error| self.strange(error))?
            .connect_timeout(CONNECT)
            .http2_keep_alive_interval(PING.0)
            .keep_alive_timeout(PING.1)
            .tcp_nodelay(true);
        let channel = endpoint.connect().await.map_err(|error| {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            self.gone(source.unwrap_or_else(|| error.to_string()))
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
        &self.name
    }

    async fn ask(&mut self, request: &Request) -> Result<Value, ClientError> {
        self.watch = None;
        let patience = request.patience();
        let request = serde_json::to_vec(request).map_err(|error| self.strange(error))?;
        in_time(self, patience, async |client| {
            let mut service = client.service().await?;
            let sent = client.sent(wire::AskRequest { request }, Some(patience));
            match service.ask(sent).await {
                Ok(answered) => serde_json::from_slice(&answered.into_inner().answer)
                    .map_err(|error| client.strange(error)),
                Err(status) => Err(client.failed(&status)),
            }
        })
        .await
    }

    async fn watch(&mut self, request: &Request) -> Result<(), ClientError> {
        self.watch = None;
        let patience = request.patience();
        let request = serde_json::to_vec(request).map_err(|error| self.strange(error))?;
        in_time(self, patience, async |client| {
            let mut service = client.service().await?;
            // Without a time of its own: it lasts as long as the goal.
            let sent = client.sent(wire::WatchRequest { request }, None);
            match service.watch(sent).await {
                Ok(answered) => {
                    client.watch = Some(answered.into_inner());
                    Ok(())
                }
                Err(status) => Err(client.failed(&status)),
            }
        })
        .await
    }

    async fn next_event(&mut self) -> Result<Option<Event>, ClientError> {
        let Some(watch) = &mut self.watch else {
            return Ok(None);
        };
        match watch.message().await {
            Ok(Some(told)) => serde_json::from_slice(&told.event)
                .map(Some)
                .map_err(|error| {
                    self.watch = None;
                    self.strange(error)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_of_this_machine() {
        let token = Token::fresh().unwrap();
        let new = |address: &str| GrpcClient::new(address, &token);
        for (address, name) in [
            ("grpc://127.0.0.1:4271", "grpc://127.0.0.1:4271"),
            ("grpc://localhost:80/", "grpc://127.0.0.1:80"),
            ("grpc://[::1]:80", "grpc://[::1]:80"),
        ] {
            assert_eq!(new(address).unwrap().node(), name);
        }
        for address in [
            "",
            "127.0.0.1:1",
            "http://127.0.0.1:1",
            "grpc://127.0.0.1",
            "grpc://a:1",
        ] {
            let refused = new(address).unwrap_err();
            assert!(
                matches!(refused, GrpcAddressError::NoAddress(_)),
                "{address:?}: {refused}"
            );
        }
        let refused = new("grpc://192.0.2.1:4271").unwrap_err();
        assert!(
            matches!(refused, GrpcAddressError::BeyondLoopback(_)),
            "{refused}"
        );
    }
}
