//! The node's side of a socket: it lets clients in, carries their requests to the node and the answers back.
//!
//! Each client is served by a task of its own, so that none waits for another; all of them end with the server. Who may stay is decided
//! in [`connections`](crate::connections); besides, everything that is waited for has its time: a first request, the rest of one that was
//! begun, the node's answer, its taking up.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use aios_protocols::PrincipalId;
use async_trait::async_trait;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Interest};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::folder::{FolderError, SocketFolder, own_user};
use super::{REQUEST_MAX, too_large};
use crate::connections::{Connections, Doing, Leave, Place as Seat, Places};
use crate::{
    Caller, Control, ControlError, ErrorKind, EventStream, LINE_MAX, Place, Reply, Response, read,
};

/// Who may be connected. A process has a quarter at most, so that none can keep the others out.
const PLACES: Places = Places { all: 16, share: 4 };
/// How long a client may stay without asking anything more.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the first request may take, and any other from its first byte to its last.
const REQUEST: Duration = Duration::from_secs(5);
/// How long a client may take to read its answer.
const READING: Duration = Duration::from_secs(5);
/// How often a client that says nothing more is looked at while it waits: it may still read, or have left.
const LOOK: Duration = Duration::from_millis(100);
/// Wait after a client could not be let in, so that a process without free descriptors does not spin.
const BREATH: Duration = Duration::from_millis(50);

/// What a server serves, and to whom.
#[derive(Clone)]
pub struct Service {
    /// The node; none while it starts and stops.
    pub node: Arc<dyn Fn() -> Option<Arc<dyn Control>> + Send + Sync>,
    /// In whose name a client asks that the operating system has shown to be this user.
    pub principal: PrincipalId,
    /// Hears of every connection.
    pub observer: Arc<dyn Observer>,
}

/// Hears of the connections of a server.
#[async_trait]
pub trait Observer: Send + Sync {
    /// One was made. What is returned is dropped when it is closed, in whatever way.
    async fn opened(&self) -> Box<dyn Observed>;
}

/// A connection somebody hears of.
#[async_trait]
pub trait Observed: Send {
    /// Bytes came in and went out.
    async fn traffic(&mut self, received: usize, sent: usize);
}

/// Nobody hears of them.
#[async_trait]
impl Observer for () {
    async fn opened(&self) -> Box<dyn Observed> {
        Box::new(())
    }
}

#[async_trait]
impl Observed for () {
    async fn traffic(&mut self, _received: usize, _sent: usize) {}
}

/// A socket that clients can find; dropped, they find it no more.
#[derive(Debug)]
pub struct OpenSocket {
    path: PathBuf,
    /// Device and file number: a file of this name that is not this one is somebody else's socket.
    file: (u64, u64),
}

impl OpenSocket {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for OpenSocket {
    fn drop(&mut self) {
        if number(&self.path).is_ok_and(|file| file == self.file) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Somebody who listens at a socket.
#[derive(Debug)]
pub struct Server(UnixListener);

impl Server {
    /// Listens in a folder, under a name that nobody else answers by. It listens before it has that name, so a socket that can be seen and
    /// refuses is a remnant and may be cleared away.
    ///
    /// # Errors
    /// When the folder cannot be trusted or the system gives no socket.
    pub fn open(folder: &SocketFolder) -> Result<(Self, OpenSocket), OpenError> {
        let (listener, path) = bind(folder)?;
        match number(&path) {
            Ok(file) => Ok((Self(listener), OpenSocket { path, file })),
            Err(source) => Err(OpenError::Socket {
                socket: path,
                source,
            }),
        }
    }

    /// Serves clients until the listener itself fails. Dropped, it lets all of them go.
    pub async fn serve(self, service: Service) -> io::Error {
        receive(self.0, service).await
    }
}

/// Why no socket was opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The system gives no socket there.
    #[error("{socket}: {source}")]
    Socket {
        /// Where it was to be.
        socket: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn bind(folder: &SocketFolder) -> Result<(UnixListener, PathBuf), OpenError> {
    folder.prepare()?;
    let hidden = folder.hidden();
    let failed = |socket: &Path| {
        let socket = socket.to_owned();
        move |source| OpenError::Socket { socket, source }
    };
    // Of this process, and of one that was not finished.
    let _ = fs::remove_file(&hidden);
    let listener = UnixListener::bind(&hidden).map_err(failed(&hidden))?;
    let named = fs::set_permissions(&hidden, fs::Permissions::from_mode(0o600))
        .map_err(failed(&hidden))
        .and_then(|()| name(folder, &hidden));
    let _ = fs::remove_file(&hidden);
    Ok((listener, named?))
}

fn name(folder: &SocketFolder, hidden: &Path) -> Result<PathBuf, OpenError> {
    let mut number = 0;
    loop {
        let socket = folder.socket(number);
        match fs::hard_link(hidden, &socket) {
            Ok(()) => return Ok(socket),
            Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
                return Err(OpenError::Socket { socket, source });
            }
            Err(_) => match std::os::unix::net::UnixStream::connect(&socket) {
                Ok(_) => number += 1,
                Err(refused) if refused.kind() == io::ErrorKind::ConnectionRefused => {
                    fs::remove_file(&socket)
                        .map_err(|source| OpenError::Socket { socket, source })?;
                }
                Err(source) => return Err(OpenError::Socket { socket, source }),
            },
        }
    }
}

fn number(file: &Path) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(file)?;
    Ok((found.dev(), found.ino()))
}

async fn receive(listener: UnixListener, service: Service) -> io::Error {
    let connections = Connections::new(PLACES);
    let mut clients = JoinSet::new();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) if is_passing(&error) => {
                tracing::warn!(%error, "a client could not be let in");
                tokio::time::sleep(BREATH).await;
                continue;
            }
            Err(error) => return error,
        };
        while clients.try_join_next().is_some() {}
        let Some(process) = of_own_user(&stream) else {
            continue;
        };
        let Some((seat, leave)) = connections.enter(process) else {
            tracing::warn!(process, "a client found no place");
            say(
                &stream,
                "all places at the node's door are taken; ask again",
            );
            continue;
        };
        let service = service.clone();
        clients.spawn(accompany(stream, seat, leave, service));
    }
}

/// The process at the other end, if it is the same user's.
fn of_own_user(stream: &UnixStream) -> Option<i32> {
    match stream.peer_cred() {
        Ok(peer) if peer.uid() == own_user() => Some(peer.pid().unwrap_or(0)),
        Ok(peer) => {
            tracing::warn!(
                user = peer.uid(),
                "a client of another user was turned away"
            );
            None
        }
        Err(error) => {
            tracing::warn!(%error, "a client whose user is unknown was turned away");
            None
        }
    }
}

/// One sentence for somebody who is shown out, if it can be said without waiting.
fn say(stream: &UnixStream, sentence: &str) {
    let refused = Reply::Refused(ControlError::new(ErrorKind::Busy, sentence));
    let _ = stream.try_write(&refused.line().0);
}

/// A client stays until it leaves, its time is over or its place is another's.
async fn accompany(mut stream: UnixStream, seat: Seat, leave: Leave, service: Service) {
    let doing = tokio::select! {
        () = serve(&mut stream, &seat, &service) => return,
        doing = leave => doing,
    };
    // In the middle of an answer a sentence would be read as part of it.
    if matches!(doing, Ok(Doing::Silent | Doing::Idle)) {
        say(&stream, "others wait at the node's door; ask again");
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

async fn serve(stream: &mut UnixStream, seat: &Seat, service: &Service) {
    let mut observed = service.observer.opened().await;
    let mut wire = Wire {
        stream: BufReader::new(stream),
        seat,
        sent: 0,
    };
    let mut patience = REQUEST;
    loop {
        let Some(line) = wire.request(patience).await else {
            break;
        };
        seat.turns_to(Doing::Answered);
        patience = PATIENCE;
        let whole = line.ends_with(b"\n");
        let answer = if whole {
            answer(&line, service, &mut wire).await
        } else {
            Some(Err(too_large()))
        };
        let read = line.len();
        let stays = match answer {
            Some(Ok(Response::Value(value))) => wire.say(Reply::Answer(value)).await.is_some(),
            Some(Ok(Response::Watch(events))) => wire.relay(events).await.is_some(),
            Some(Err(error)) => wire.say(Reply::Refused(error)).await.is_some(),
            None => false,
        };
        seat.turns_to(Doing::Idle);
        // The client has its answer by then: it does not wait for whoever counts it.
        let sent = std::mem::take(&mut wire.sent);
        observed.traffic(read, sent).await;
        if !whole || !stays {
            break;
        }
    }
}

/// What the node says; none if the client has left before and nobody is to be told.
async fn answer(
    line: &[u8],
    service: &Service,
    wire: &mut Wire<'_>,
) -> Option<Result<Response, ControlError>> {
    let request = match read(line) {
        Ok(request) => request,
        Err(error) => return Some(Err(error)),
    };
    let Some(node) = (service.node)() else {
        return Some(Err(ControlError::new(
            ErrorKind::Unavailable,
            "the node is starting or stopping; ask again",
        )));
    };
    let caller = Caller::named(service.principal.clone(), Place::Elsewhere);
    // As long as a client waits for it.
    let (patience, ends) = (request.patience(), request.ends_with_its_asker());
    let answered = timeout(patience, node.answer(&caller, request));
    let answer = tokio::select! {
        biased;
        answer = answered => answer,
        // Its place is free for others at once, and not when an agent has come to an end.
        () = wire.left(), if ends => return None,
    };
    Some(answer.unwrap_or_else(|_| {
        let sentence = format!(
            "the node did not come to it within {} s, and may do it yet; look and ask again",
            patience.as_secs()
        );
        Err(ControlError::new(ErrorKind::Late, sentence))
    }))
}

/// A client's connection.
struct Wire<'a> {
    stream: BufReader<&'a mut UnixStream>,
    seat: &'a Seat,
    /// Bytes that went out since the last request.
    sent: usize,
}

impl Wire<'_> {
    /// The next request, with the end of its line if it has one; none if the client has left or its time is over. It may think for a
    /// while, and must go on once it has begun.
    async fn request(&mut self, patience: Duration) -> Option<Vec<u8>> {
        let begun = timeout(patience, self.stream.fill_buf()).await;
        if begun.ok()?.ok()?.is_empty() {
            return None;
        }
        let mut line = Vec::new();
        let mut limited = (&mut self.stream).take(REQUEST_MAX as u64);
        let read = timeout(REQUEST, limited.read_until(b'\n', &mut line)).await;
        read.ok()?.ok()?;
        Some(line)
    }

    /// Waits until the client has left for good. One that only says nothing more, having closed its half, still reads; and one that has
    /// asked something else already is answered in its turn.
    async fn left(&mut self) {
        let mut more = true;
        loop {
            if more && self.stream.buffer().is_empty() {
                more = self
                    .stream
                    .fill_buf()
                    .await
                    .is_ok_and(|asked| !asked.is_empty());
            }
            let ready = self.stream.get_ref().ready(Interest::WRITABLE).await;
            if ready.map_or(true, |ready| ready.is_write_closed()) {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Sends a reply; none if the client did not take it, and otherwise whether more may follow.
    async fn say(&mut self, reply: Reply) -> Option<bool> {
        let (line, more) = reply.line();
        debug_assert!(line.len() <= LINE_MAX);
        self.seat.turns_to(Doing::Reading);
        let written = timeout(READING, self.stream.get_mut().write_all(&line)).await;
        written.ok()?.ok()?;
        self.sent += line.len();
        Some(more)
    }

    /// Sends events until there are no more or the client asks something else; none if the client has left.
    async fn relay(&mut self, mut events: Box<dyn EventStream>) -> Option<()> {
        let mut more = self.say(Reply::Answer(serde_json::Value::Null)).await?;
        while more {
            // Whoever only waits makes place for others, and goes on after its last event when it comes again.
            self.seat.turns_to(Doing::Idle);
            let event = tokio::select! {
                biased;
                asked = self.stream.fill_buf() => match asked {
                    Ok(asked) if !asked.is_empty() => None,
                    _ => return None,
                },
                event = events.next() => event,
            };
            more = match event {
                Some(event) => self.say(Reply::Event(event)).await?,
                None => self.say(Reply::End {}).await?,
            };
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::{Notify, mpsc};

    use super::*;
    use crate::{Ask, Request};

    /// A node that answers when it is told to, and says when a request begins and when it is over.
    struct Slow {
        says: mpsc::UnboundedSender<&'static str>,
        go_on: Notify,
    }

    /// Dropped, it says that its request is over.
    struct Over(mpsc::UnboundedSender<&'static str>);

    impl Drop for Over {
        fn drop(&mut self) {
            let _ = self.0.send("over");
        }
    }

    #[async_trait]
    impl Control for Slow {
        async fn answer(&self, _: &Caller, _: Request) -> Result<Response, ControlError> {
            let _ = self.says.send("begun");
            let _over = Over(self.says.clone());
            self.go_on.notified().await;
            Ok(Response::Value("done".into()))
        }
    }

    /// A client whose request has begun, what is heard of the request, and the server's end of it.
    struct Waiting {
        client: UnixStream,
        said: mpsc::UnboundedReceiver<&'static str>,
        node: Arc<Slow>,
        connections: Connections,
        serving: tokio::task::JoinHandle<()>,
    }

    impl Waiting {
        async fn with(request: &Request) -> Self {
            let (says, said) = mpsc::unbounded_channel();
            let node = Arc::new(Slow {
                says,
                go_on: Notify::new(),
            });
            let shared = Arc::clone(&node);
            let service = Service {
                node: Arc::new(move || Some(Arc::clone(&shared) as Arc<dyn Control>)),
                principal: "user:owner@local".parse().unwrap(),
                observer: Arc::new(()),
            };
            let (mut client, server) = UnixStream::pair().unwrap();
            let connections = Connections::new(PLACES);
            let (seat, leave) = connections.enter(1).unwrap();
            let serving = tokio::spawn(accompany(server, seat, leave, service));
            let mut line = serde_json::to_vec(request).unwrap();
            line.push(b'\n');
            client.write_all(&line).await.unwrap();
            let mut waiting = Self {
                client,
                said,
                node,
                connections,
                serving,
            };
            assert_eq!(waiting.hears().await, Some("begun"));
            waiting
        }

        async fn hears(&mut self) -> Option<&'static str> {
            let soon = Duration::from_secs(10);
            timeout(soon, self.said.recv()).await.unwrap()
        }
    }

    fn ask() -> Request {
        Request::Ask(Ask {
            agent: "macro.clerk".to_owned(),
            content: "hello".to_owned(),
            deadline_ms: Ask::DEADLINE_MS_MAX,
        })
    }

    #[tokio::test]
    async fn a_question_is_over_and_its_place_free_when_its_asker_has_left() {
        for pipelined in [&b""[..], b"{"] {
            let mut waiting = Waiting::with(&ask()).await;
            waiting.client.write_all(pipelined).await.unwrap();
            drop(waiting.client);
            let soon = Duration::from_secs(10);
            let over = timeout(soon, waiting.said.recv()).await.unwrap();
            assert_eq!(over, Some("over"), "{pipelined:?}");
            timeout(soon, waiting.serving).await.unwrap().unwrap();
            // All places of a process are free: these do not make place for one another.
            let again: Vec<_> = (0..4)
                .map(|_| {
                    let (seat, leave) = waiting.connections.enter(1)?;
                    seat.turns_to(Doing::Answered);
                    Some((seat, leave))
                })
                .collect();
            assert!(again.iter().all(Option::is_some), "{pipelined:?}");
        }
    }

    #[tokio::test]
    async fn one_that_only_says_nothing_more_is_answered() {
        let mut waiting = Waiting::with(&ask()).await;
        waiting.client.shutdown().await.unwrap();
        tokio::time::sleep(3 * LOOK).await;
        assert!(waiting.said.try_recv().is_err(), "it still waits");
        waiting.node.go_on.notify_one();
        let mut answer = String::new();
        waiting.client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "{\"answer\":\"done\"}\n");
    }

    #[tokio::test]
    async fn a_command_is_carried_out_though_its_asker_has_left() {
        let kill = Request::Kill {
            agent: "macro.clerk".to_owned(),
        };
        let mut waiting = Waiting::with(&kill).await;
        let (client, _) = UnixStream::pair().unwrap();
        drop(std::mem::replace(&mut waiting.client, client));
        tokio::time::sleep(3 * LOOK).await;
        assert!(waiting.said.try_recv().is_err(), "it goes on");
        waiting.node.go_on.notify_one();
        assert_eq!(waiting.hears().await, Some("over"));
    }
}
