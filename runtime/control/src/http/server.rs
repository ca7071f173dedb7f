//! The listener: who is let in, how long each may take over what, and how the server goes.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use super::access::{Access, Names};
use super::counts::{Counts, Refusal};
use super::entrance::Entrance;
use super::page::Page;
use super::problem::{PROBLEM, Problem};
use super::service::{Door, read_only};
use super::told::GoesOn;
use crate::access::{Known, Principals, TokenError};
use crate::connections::{Connections, Doing, Leave, Place as Seat, Places};
use crate::stream::{Guise, Impatient, Io};
use crate::{Control, ControlError, ErrorKind};

/// Who may be connected. Over loopback nobody can be told from another, so all share all places.
const PLACES: Places = Places {
    all: 256,
    share: 256,
};
/// How long the headers of a request may take, and how long a client may stay without asking anything more.
const HEAD: Duration = Duration::from_secs(10);
/// The most bytes of a request's head.
const HEAD_MAX: usize = 32 * 1024;
/// The most headers.
const HEADERS: usize = 64;
/// How long a client may take nothing of its answer.
const READING: Duration = Duration::from_secs(10);
/// Wait after a client could not be let in, so that a process without free descriptors does not spin.
const BREATH: Duration = Duration::from_millis(50);
/// How many are told at a time that the server goes.
const TURNED_AWAY: usize = 64;
/// How long those who are being answered have when the server goes.
const GRACE: Duration = Duration::from_secs(10);

/// What a server serves, and to whom.
pub struct HttpService {
    /// The node; none while it starts and stops.
    pub node: Arc<dyn Fn() -> Option<Arc<dyn Control>> + Send + Sync>,
    /// Who may come in, by what they show.
    pub principals: Principals,
    /// Where what is made is put, when whoever asks does not say; absolute.
    pub out: PathBuf,
    /// What people see outside `/v1`; without it a list of the paths.
    pub page: Option<Page>,
}

/// Why no server listens.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// It would be reached from elsewhere.
    #[error(
        "{0} can be reached from other machines, and what travels by plain HTTP is read by whoever stands between; \
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
    /// There are no sessions without chance.
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// Somebody who listens at an address.
#[derive(Debug)]
pub struct HttpServer {
    listener: TcpListener,
    address: SocketAddr,
    guise: Guise,
}

fn scheme(guise: &Guise) -> &'static str {
    match guise.is_plain() {
        true => "http",
        false => "https",
    }
}

fn names(guise: &Guise) -> Names {
    match guise.is_plain() {
        true => Names::Loopback,
        false => Names::Certified,
    }
}

/// A server that serves. Dropped, it lets everybody go.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    scheme: &'static str,
    door: Door,
    counts: Arc<Counts>,
    stop: Option<oneshot::Sender<()>>,
    work: JoinHandle<Option<io::Error>>,
}

impl HttpServer {
    /// Listens at a loopback address; port 0 for one that is free.
    ///
    /// # Errors
    /// When the address is none of this machine's alone, or is taken.
    pub async fn bind(address: SocketAddr) -> Result<Self, BindError> {
        if !address.ip().is_loopback() {
            return Err(BindError::BeyondLoopback(address));
        }
        Self::listen(address, Guise::Plain).await
    }

    /// Listens at any address, to whoever shows a certificate.
    ///
    /// # Errors
    /// When the address is taken.
    #[cfg(feature = "tls")]
    pub async fn bind_tls(address: SocketAddr, tls: crate::tls::Tls) -> Result<Self, BindError> {
        Self::listen(address, Guise::Tls(tls.speaking(b"http/1.1"))).await
    }

    async fn listen(address: SocketAddr, guise: Guise) -> Result<Self, BindError> {
        let failed = |source| BindError::Socket { address, source };
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
    /// When the system gives no random numbers.
    pub fn serve(self, service: HttpService) -> Result<Running, BindError> {
        let access = Access::new(self.address, names(&self.guise), service.principals);
        let counts = Arc::new(Counts::default());
        let out = service.out.to_string_lossy().into_owned();
        let page = service.page;
        let door = Door::new(service.node, access, out, page, Arc::clone(&counts));
        let (stop, stopped) = oneshot::channel();
        let address = self.address;
        let scheme = scheme(&self.guise);
        let work = tokio::spawn(receive(self.listener, self.guise, door.clone(), stopped));
        Ok(Running {
            address,
            scheme,
            door,
            counts,
            stop: Some(stop),
            work,
        })
    }
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it is asked, as an address for a browser.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// An address that opens once, within a day, in the browser that it is opened in first; that browser asks in somebody's name from then on.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn link(&self, known: Known) -> Result<String, TokenError> {
        let token = self.door.link(known)?;
        Ok(format!("{}/?token={token}", self.url()))
    }

    /// The same for whoever is to look and do nothing.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn read_only_link(&self, known: Known) -> Result<String, TokenError> {
        self.link(read_only(known))
    }

    /// How many were sent away for this reason.
    pub fn refused(&self, why: Refusal) -> u64 {
        self.counts.of(why)
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
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        let _ = (&mut self.work).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.work.abort();
    }
}

async fn receive(
    listener: TcpListener,
    guise: Guise,
    door: Door,
    mut stopped: oneshot::Receiver<()>,
) -> Option<io::Error> {
    let connections = Connections::new(PLACES);
    let entrance = Entrance::new(door.clone());
    let mut clients = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut stopped => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) if is_passing(&error) => {
                tracing::warn!(%error, "a client could not be let in");
                tokio::time::sleep(BREATH).await;
                continue;
            }
            Err(error) => return Some(error),
        };
        while clients.try_join_next().is_some() {}
        let Some((seat, leave)) = connections.enter(0) else {
            door.count(Refusal::Full);
            if guise.is_plain() {
                full(
                    &stream,
                    "all places at the node's door are taken; ask again",
                );
            }
            continue;
        };
        let _ = stream.set_nodelay(true);
        let entrance = entrance.clone();
        clients.spawn(greeted(guise.clone(), stream, seat, leave, entrance));
    }
    door.goes();
    let left = async {
        // Whoever comes now is told when to come again, for as long as anybody is being answered.
        tokio::select! {
            () = async { while clients.join_next().await.is_some() {} } => {}
            () = turned_away(&listener, &guise) => {}
        }
    };
    if timeout(GRACE, left).await.is_err() {
        tracing::warn!(
            clients = clients.len(),
            "clients were let go in the middle of their answers"
        );
    }
    None
}

/// Tells each who comes that the server goes, and when to come again.
async fn turned_away(listener: &TcpListener, guise: &Guise) {
    let talks = Arc::new(Semaphore::new(TURNED_AWAY));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(_) => {
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        if guise.is_plain()
            && let Ok(talk) = Arc::clone(&talks).try_acquire_owned()
        {
            tokio::spawn(async move {
                // What was sent is read before it is answered: a connection that is closed over unread bytes takes its answer with it.
                let mut asked = [0; 1_024];
                let mut stream = stream;
                let _ = timeout(BREATH, stream.read(&mut asked)).await;
                full(&stream, "the node is stopping; ask again when it runs");
                let _ = stream.shutdown().await;
                let _ = timeout(BREATH, stream.read(&mut asked)).await;
                drop(talk);
            });
        }
    }
}

/// The client's fault or a shortage, not the listener's end.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, OutOfMemory};
    /// Too many open files, in this process and in the system.
    const SHORT: [i32; 2] = [24, 23];
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted | OutOfMemory
    ) || error
        .raw_os_error()
        .is_some_and(|code| SHORT.contains(&code))
}

/// A refusal for somebody who is shown out, if it can be said without waiting.
fn full(stream: &TcpStream, why: &str) {
    let error = ControlError::new(ErrorKind::Unavailable, why);
    let body = Problem::from(error).object().to_string();
    let length = body.len();
    let said = format!(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: {PROBLEM}\r\nContent-Length: {length}\r\n\
         Retry-After: 1\r\nConnection: close\r\n\r\n{body}"
    );
    let _ = stream.try_write(said.as_bytes());
}

/// A client that may have yet to show who it is.
async fn greeted(
    guise: Guise,
    stream: TcpStream,
    seat: Seat,
    mut leave: Leave,
    entrance: Entrance,
) {
    let door = entrance.door().clone();
    let shown = tokio::select! {
        shown = timeout(HEAD, guise.greet(stream)) => shown,
        _ = &mut leave => return door.count(Refusal::Displaced),
    };
    match shown {
        Ok(Ok(stream)) => accompany(stream, seat, leave, entrance).await,
        Ok(Err(error)) => {
            door.count(Refusal::Certificate);
            tracing::debug!(%error, "a client showed no certificate that holds");
        }
        Err(_) => door.count(Refusal::Slow),
    }
}

/// A client stays until it leaves, its time is over, its place is another's, or the server goes.
async fn accompany(stream: Box<dyn Io>, seat: Seat, leave: Leave, entrance: Entrance) {
    let (seat, entrance) = (&seat, &entrance);
    let door = entrance.door();
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        async move {
            seat.turns_to(Doing::Answered);
            let response = entrance.answer(request.map(Body::new)).await;
            // Whoever only watches makes place for others, and goes on after its last event when it comes again.
            let goes_on = response.extensions().get::<GoesOn>().copied();
            seat.turns_to(match goes_on {
                Some(GoesOn::Watch) => Doing::Idle,
                Some(GoesOn::Answer) => Doing::Answered,
                None => Doing::Reading,
            });
            Ok::<_, Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_MAX)
        .max_headers(HEADERS)
        .serve_connection(TokioIo::new(Impatient::new(stream, READING)), service);
    let mut connection = pin!(connection);
    let mut leave = pin!(leave);
    let mut going = door.going();
    let mut goes = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    blame(door, &error);
                }
                return;
            }
            _ = &mut leave => return door.count(Refusal::Displaced),
            _ = going.wait_for(|going| *going), if !goes => {
                goes = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// What ended a connection early, if it was its client's doing.
fn blame(door: &Door, error: &hyper::Error) {
    use std::error::Error;

    let late = |source: &(dyn Error + 'static)| {
        let io = source.downcast_ref::<io::Error>();
        io.is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
    };
    if error.is_timeout() || error.source().is_some_and(late) {
        door.count(Refusal::Slow);
    } else if error.is_parse() || error.is_parse_too_large() {
        door.count(Refusal::Head);
    }
    tracing::debug!(%error, "a client's connection ended early");
}
