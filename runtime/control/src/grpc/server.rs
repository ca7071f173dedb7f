//! The listener: who is let in, how much at once, and how the server goes.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aios_wire::generated::control::v1::control_service_server::ControlServiceServer;
use aios_wire::generated::critic::critic_service_server::CriticServiceServer;
use aios_wire::generated::inference::inference_service_server::InferenceServiceServer;
use aios_wire::generated::orchestration::orchestrator_service_server::OrchestratorServiceServer;
use aios_wire::generated::registry::registry_service_server::RegistryServiceServer;
use aios_wire::generated::supervision::v1::supervision_service_server::SupervisionServiceServer;
use futures::Stream;
use futures::stream::unfold;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tonic::transport::Server;

use super::door::{Counts, Door};
use super::guest::{FIRST, Guest};
use crate::access::Principals;
use crate::connections::{Connections, Leave, Place, Places};
use crate::remote::AgentDoor;
use crate::stream::Guise;
use crate::{Control, LINE_MAX};

/// Who may be connected. Over loopback nobody can be told from another, so all share all places.
const PLACES: Places = Places {
    all: 256,
    share: 256,
};
/// Calls at once over one connection; more wait.
const STREAMS: u32 = 64;
/// Calls that a client may take back before they are begun; one that takes back more only wants to keep the server busy, and is let go.
const TAKEN_BACK: usize = 20;
/// The same for calls that the server had to take back, because of what came in them.
const BROKEN: usize = 64;
/// The most bytes of a call's head.
const HEAD_MAX: u32 = 16 * 1024;
/// How much of a call and of a connection may be under way unread: what comes is taken up at once, so little is enough.
const WINDOWS: (u32, u32) = (256 * 1024, 1024 * 1024);
/// How often somebody who is silent is asked whether it is there, and how long the answer may take.
const PING: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(10));
/// What a message has around what it carries.
const AROUND: usize = 1_024;
/// Wait after a client could not be let in, so that a process without free descriptors does not spin.
const BREATH: Duration = Duration::from_millis(50);
/// How long those who are being answered have when the server goes.
const GRACE: Duration = Duration::from_secs(10);

macro_rules! bounded {
    ($service:ident, $door:expr) => {
        $service::new($door.clone())
            .max_decoding_message_size(LINE_MAX + AROUND)
            .max_encoding_message_size(LINE_MAX + AROUND)
    };
}

/// What a server serves, and to whom.
pub struct GrpcService {
    /// The node; none while it starts and stops.
    pub node: Arc<dyn Fn() -> Option<Arc<dyn Control>> + Send + Sync>,
    /// Who may come in, by the token that is shown.
    pub principals: Principals,
    /// Where agents in other processes come in; none for a node that takes none.
    pub agents: Option<Arc<dyn AgentDoor>>,
    /// Where what is made is put, when whoever asks does not say; absolute.
    pub out: PathBuf,
}

/// Why no server listens.
#[derive(Debug, thiserror::Error)]
pub enum GrpcBindError {
    /// It would be reached from elsewhere.
    #[error(
        "{0} can be reached from other machines, and what travels by plain gRPC is read by whoever stands between; \
         listen on a loopback address such as 127.0.0.1:0, or set serve.tls.cert, serve.tls.key and serve.tls.client_ca"
    )]
    BeyondLoopback(SocketAddr),
    /// The system gives no socket there.
    #[error("cannot listen on {address}: {source}")]
    Socket {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The types that it serves cannot be described.
    #[error("the services cannot be described to clients: {0}")]
    Reflection(String),
}

/// Somebody who listens at an address.
#[derive(Debug)]
pub struct GrpcServer {
    listener: TcpListener,
    address: SocketAddr,
    guise: Guise,
}

/// A server that serves. Dropped, it lets everybody go.
pub struct GrpcRunning {
    address: SocketAddr,
    scheme: &'static str,
    door: Door,
    stop: Option<oneshot::Sender<()>>,
    work: JoinHandle<Option<io::Error>>,
}

impl std::fmt::Debug for GrpcRunning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GrpcRunning")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl GrpcServer {
    /// Listens at a loopback address; port 0 for one that is free.
    ///
    /// # Errors
    /// When the address is none of this machine's alone, or is taken.
    pub async fn bind(address: SocketAddr) -> Result<Self, GrpcBindError> {
        if !address.ip().is_loopback() {
            return Err(GrpcBindError::BeyondLoopback(address));
        }
        Self::listen(address, Guise::Plain).await
    }

    /// Listens at any address, to whoever shows a certificate.
    ///
    /// # Errors
    /// When the address is taken.
    #[cfg(feature = "tls")]
    pub async fn bind_tls(
        address: SocketAddr,
        tls: crate::tls::Tls,
    ) -> Result<Self, GrpcBindError> {
        Self::listen(address, Guise::Tls(tls.speaking(b"h2"))).await
    }

    async fn listen(address: SocketAddr, guise: Guise) -> Result<Self, GrpcBindError> {
        let failed = |source| GrpcBindError::Socket { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self {
            listener,
            address,
            guise,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves clients from now on.
    ///
    /// # Errors
    /// When what is served cannot be described.
    pub fn serve(self, service: GrpcService) -> Result<GrpcRunning, GrpcBindError> {
        let reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(aios_wire::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .build_v1()
            .map_err(|error| GrpcBindError::Reflection(error.to_string()))?;
        let door = Door::new(service, Counts::default());
        let (stop, stopped) = oneshot::channel();
        let address = self.address;
        let scheme = match self.guise.is_plain() {
            true => "grpc",
            false => "grpcs",
        };
        let guests = guests(self.listener, self.guise, door.counts().clone());
        let (health, healthy) = tonic_health::server::health_reporter();
        let served = Server::builder()
            .max_concurrent_streams(STREAMS)
            .http2_max_pending_accept_reset_streams(Some(TAKEN_BACK))
            .http2_max_local_error_reset_streams(Some(BROKEN))
            .http2_max_header_list_size(HEAD_MAX)
            .initial_stream_window_size(WINDOWS.0)
            .initial_connection_window_size(WINDOWS.1)
            .http2_keepalive_interval(Some(PING.0))
            .http2_keepalive_timeout(Some(PING.1))
            .add_service(healthy)
            .add_service(reflection)
            .add_service(bounded!(ControlServiceServer, door))
            .add_service(bounded!(OrchestratorServiceServer, door))
            .add_service(bounded!(InferenceServiceServer, door))
            .add_service(bounded!(RegistryServiceServer, door))
            .add_service(bounded!(CriticServiceServer, door))
            .add_service(bounded!(SupervisionServiceServer, door))
            .serve_with_incoming_shutdown(guests, async move {
                let _ = stopped.await;
            });
        let work = tokio::spawn(async move {
            health.set_serving::<ControlServiceServer<Door>>().await;
            served.await.err().map(io::Error::other)
        });
        Ok(GrpcRunning {
            address,
            scheme,
            door,
            stop: Some(stop),
            work,
        })
    }
}

impl GrpcRunning {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it is asked, as `aios --node` takes it.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// How many were sent away, by reason.
    pub fn refused(&self) -> BTreeMap<&'static str, u64> {
        self.door.counts().all()
    }

    /// Returns when the listener has failed for good, with why.
    pub async fn failed(&mut self) -> io::Error {
        match (&mut self.work).await {
            Ok(Some(error)) => error,
            Ok(None) => io::Error::other("it was stopped"),
            Err(error) => io::Error::other(error),
        }
    }

    /// Lets nobody else in and takes no more commands, ends what is watched, and returns when everybody who was being answered is, or
    /// after ten seconds.
    pub async fn drain(mut self) {
        self.door.goes();
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if timeout(GRACE, &mut self.work).await.is_err() {
            tracing::warn!("clients were let go in the middle of their answers");
        }
    }
}

impl Drop for GrpcRunning {
    fn drop(&mut self) {
        self.work.abort();
    }
}

/// Clients as they come, each with a place; when there is none and nobody makes any, it is turned away.
fn guests(
    listener: TcpListener,
    guise: Guise,
    counts: Counts,
) -> impl Stream<Item = io::Result<Guest>> {
    let hall = Hall {
        listener,
        guise,
        connections: Connections::new(PLACES),
        counts,
        greeted: JoinSet::new(),
    };
    unfold(hall, |mut hall| async move {
        let guest = hall.next().await;
        Some((Ok(guest), hall))
    })
}

/// Where clients come in.
struct Hall {
    listener: TcpListener,
    guise: Guise,
    connections: Connections,
    counts: Counts,
    /// Those who have a place and have yet to show who they are: nobody waits for them.
    greeted: JoinSet<Option<Guest>>,
}

impl Hall {
    async fn next(&mut self) -> Guest {
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                Some(greeted) = self.greeted.join_next() => match greeted {
                    Ok(Some(guest)) => return guest,
                    _ => continue,
                },
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a client could not be let in");
                    tokio::time::sleep(BREATH).await;
                    continue;
                }
            };
            let Some((place, leave)) = self.connections.enter(0) else {
                self.counts.add("full");
                continue;
            };
            let _ = stream.set_nodelay(true);
            let counts = self.counts.clone();
            if self.guise.is_plain() {
                return Guest::new(Box::new(stream), place, leave, counts);
            }
            let guise = self.guise.clone();
            self.greeted
                .spawn(greeted(guise, stream, place, leave, counts));
        }
    }
}

/// Somebody who has yet to show who it is; none if it does not, or not in time.
async fn greeted(
    guise: Guise,
    stream: TcpStream,
    place: Place,
    mut leave: Leave,
    counts: Counts,
) -> Option<Guest> {
    let shown = tokio::select! {
        shown = timeout(FIRST, guise.greet(stream)) => shown,
        _ = &mut leave => {
            counts.add("displaced");
            return None;
        }
    };
    match shown {
        Ok(Ok(stream)) => Some(Guest::new(stream, place, leave, counts)),
        Ok(Err(error)) => {
            counts.add("certificate");
            tracing::debug!(%error, "a client showed no certificate that holds");
            None
        }
        Err(_) => {
            counts.add("silent");
            None
        }
    }
}
